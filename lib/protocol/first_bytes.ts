/**
 * Who is there? What a peer's first bytes tell about the program that sent them.
 *
 * Must not know: sockets, timers, the chat; what the answer leads to.
 *
 * @module
 */

import { FIRST_BYTES_MAX } from "../limits.ts";

/**
 * Who may be there: a peer that speaks the plain protocol (or has said nothing
 * yet), one that may open the JSON protocol, which its whole first line tells,
 * or one that is at the wrong door.
 */
export type Guest = "plain" | "json" | "http" | "tls" | "ssh" | "proxy" | "binary";

/** RFC 9112, section 3: `GET / HTTP/1.1`. */
const HTTP_REQUEST = /^[A-Z]{3,16} \S{1,8192} HTTP\/\d(?:\.\d)?\r?$/;

/** The PROXY protocol's headers (haproxy's proxy-protocol.txt, section 2). */
const PROXY_HEADER = /^(?:PROXY (?:TCP[46]|UNKNOWN)\b|\r\n\r\n\0\r\nQUIT\n)/;

/** An object of JSON, behind spaces and the mark that some systems put in front of UTF-8. */
const JSON_OBJECT = /^(?:\xef\xbb\xbf)?[ \t\r]*\{/;

/** Telnet commands (RFC 854), the last of which may be cut: they carry any byte. */
const TELNET_COMMAND = /\xff(?:[\xfb-\xfe][\s\S]?|\xfa[\s\S]*?(?:\xff\xf0|$)|[\s\S]?)/g;

/**
 * Bytes that are in no line that a person typed or a program printed for
 * people: the controls that neither move nor ring nor begin an escape sequence,
 * and NUL but for telnet's `\r\0`.
 */
// deno-lint-ignore no-control-regex -- control bytes are what it looks for
const BINARY_BYTE = /(?<!\r)\x00|[\x01-\x06\x0e-\x1a\x1c-\x1f]/;

/**
 * Tells who is there.
 *
 * - `tls`: a TLS record that holds a handshake (RFC 8446, section 5.1: type 22, version 3.x).
 * - `proxy`: a header of the PROXY protocol, version 1 or 2, of a proxy that the server was not
 *   told of. It holds somebody's address.
 * - `binary`: control bytes that no keyboard and no telnet sends in a first line.
 * - `http`: a request line.
 * - `json`: an opening brace, which a person can type as well.
 * - `ssh`: a version exchange (RFC 4253, section 4.2).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { identify } from "./first_bytes.ts";
 *
 * const bytes = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: chat\r\n\r\n");
 * assertEquals(identify(bytes), "http");
 * ```
 *
 * @param bytes The first bytes so far; none is `plain`.
 */
export function identify(bytes: Uint8Array): Guest {
  if (bytes[0] === 0x16 && (bytes.length === 1 || bytes[1] === 0x03)) return "tls";
  const text = String.fromCharCode(...bytes.subarray(0, FIRST_BYTES_MAX));
  if (PROXY_HEADER.test(text)) return "proxy";
  const [first = "", rest] = text.replace(TELNET_COMMAND, "").split("\n", 2);
  if (BINARY_BYTE.test(first)) return "binary";
  if (JSON_OBJECT.test(first)) return "json";
  if (/^SSH-\d\.\d+-/.test(first)) return "ssh";
  // Half a request line is no request line yet.
  return rest !== undefined && isHttpRequest(first) ? "http" : "plain";
}

/** Whether a line is an HTTP request line. */
export function isHttpRequest(line: string): boolean {
  return HTTP_REQUEST.test(line);
}
