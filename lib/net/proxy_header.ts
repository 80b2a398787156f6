/**
 * The PROXY protocol: whom a proxy speaks for, in the first bytes of a connection.
 *
 * HAProxy's `proxy-protocol.txt`, both versions: the binary one of section 2.2,
 * and the line of section 2.1, since nginx has no other for streams. What is not
 * exactly as written there is refused: nobody guesses whom a proxy may have meant.
 * Must not know: sockets, timers, which proxies are believed.
 *
 * @module
 */

import { parseNetwork } from "../addresses.ts";
import { PROXY_HEADER_BYTES_MAX } from "../limits.ts";

/** What a proxy says of its client. */
export interface ProxyHeader {
  /** The client's address; null where the proxy speaks for itself (to look whether we live, say). */
  readonly address: string | null;
  /** Whether the client speaks TLS with the proxy. Always false in version 1, which cannot tell. */
  readonly isOverTls: boolean;
}

/**
 * What the first bytes of a connection are:
 * - `header`: a whole header, and nothing else.
 * - `partial`: the beginning of one, of which at least `missing` bytes are still
 *   to come. Who reads no more than that reads nothing of what follows it.
 * - `invalid`: no header; `why` is for the log.
 */
export type ProxyReading =
  | { readonly type: "header"; readonly header: ProxyHeader }
  | { readonly type: "partial"; readonly missing: number }
  | { readonly type: "invalid"; readonly why: string };

/** What begins version 2: in no text, and in no other protocol. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Bytes before the address: the signature, version and command, family, length. */
const FIXED_BYTES = 16;

/** What begins version 1. */
const LINE_START = [..."PROXY "].map((char) => char.charCodeAt(0));
/** Bytes of the shortest line there is and of the longest, ends included. */
const LINE_BYTES = { min: 15, max: 107 } as const;
const LINE = /^PROXY (?:UNKNOWN(?: [ -~]*)?|(TCP[46]) (\S+) (\S+) (\S+) (\S+))\r\n$/;
const PORT = /^(?:0|[1-9]\d{0,4})$/;
const CR = 0x0d;
const LF = 0x0a;

/** Version and command, in one byte. */
const LOCAL = 0x20;
const PROXY = 0x21;

/** Family and transport, in one byte, and how many bytes of addresses and ports follow. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0], // Unspecified.
  [0x11, 12], // TCP over IPv4.
  [0x21, 36], // TCP over IPv6.
  [0x31, 216], // A UNIX socket's paths.
]);
const TCP4 = 0x11;
const TCP6 = 0x21;

/** PP2_TYPE_SSL: a byte of flags, four that tell of the client's certificate, and more fields. */
const TLS_FIELD = 0x20;
/** PP2_CLIENT_SSL, in those flags: the client spoke TLS. */
const CLIENT_TLS = 0x01;

const NOBODY: ProxyHeader = { address: null, isOverTls: false };

/**
 * Tells what the first bytes of a connection are.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readProxyHeader } from "./proxy_header.ts";
 *
 * const line = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 2023\r\n";
 * assertEquals(readProxyHeader(new TextEncoder().encode(line)), {
 *   type: "header",
 *   header: { address: "192.0.2.7", isOverTls: false },
 * });
 * ```
 *
 * @param bytes All that have come so far, and nothing of what follows the header.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyReading {
  if (startsWith(bytes, LINE_START)) return readLine(bytes);
  if (startsWith(bytes, SIGNATURE)) return readBinary(bytes);
  return invalid("it begins with something else");
}

/** Whether bytes begin as `start` does, as far as there are any. */
function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, index) => index >= bytes.length || bytes[index] === byte);
}

function invalid(why: string): ProxyReading {
  return { type: "invalid", why };
}

function readLine(bytes: Uint8Array): ProxyReading {
  const last = bytes[bytes.length - 1];
  if (last !== LF) {
    const missing = Math.max(LINE_BYTES.min - bytes.length, last === CR ? 1 : 2);
    if (bytes.length + missing > LINE_BYTES.max) return invalid("its line is too long");
    return { type: "partial", missing };
  }
  const match = LINE.exec(String.fromCharCode(...bytes));
  if (match === null) return invalid("its line is malformed");
  const [, family, source = "", target = "", ...ports] = match;
  if (family === undefined) return found(NOBODY);
  const address = canonical(source);
  // Both are of the family that is named.
  const areOfFamily = [source, target].every((each) => each.includes(":") === (family === "TCP6"));
  if (address === null || canonical(target) === null || !areOfFamily) {
    return invalid("its line has no addresses");
  }
  if (!ports.every((port) => PORT.test(port) && Number(port) <= 65_535)) {
    return invalid("its line has no ports");
  }
  return found({ address, isOverTls: false });
}

function readBinary(bytes: Uint8Array): ProxyReading {
  if (bytes.length < FIXED_BYTES) {
    return { type: "partial", missing: FIXED_BYTES - bytes.length };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const command = view.getUint8(12);
  if (command !== LOCAL && command !== PROXY) return invalid("its version or command is unknown");
  const family = view.getUint8(13);
  const length = FIXED_BYTES + view.getUint16(14);
  if (length > PROXY_HEADER_BYTES_MAX) return invalid("it is too long");
  if (bytes.length < length) return { type: "partial", missing: length - bytes.length };
  // What a proxy says of itself does not matter.
  if (command === LOCAL) return found(NOBODY);
  const addressBytes = ADDRESS_BYTES.get(family);
  if (addressBytes === undefined) return invalid("its address family is unknown");
  const fieldsAt = FIXED_BYTES + addressBytes;
  if (fieldsAt > length) return invalid("its address is cut off");
  const isOverTls = readFields(view, fieldsAt);
  if (isOverTls === null) return invalid("its fields are malformed");
  return found({ address: readAddress(view, family), isOverTls });
}

function found(header: ProxyHeader): ProxyReading {
  return { type: "header", header };
}

/** The client's address; null where it has none that others could know it by. */
function readAddress(view: DataView, family: number): string | null {
  const at = FIXED_BYTES;
  if (family === TCP4) {
    return [0, 1, 2, 3].map((index) => view.getUint8(at + index)).join(".");
  }
  if (family !== TCP6) return null;
  const groups = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => view.getUint16(at + 2 * index));
  return canonical(groups.map((group) => group.toString(16)).join(":"));
}

/** Whether the fields behind the address say that the client spoke TLS; null where they are cut. */
function readFields(view: DataView, start: number): boolean | null {
  let isOverTls = false;
  for (let at = start; at < view.byteLength;) {
    if (at + 3 > view.byteLength) return null;
    const length = view.getUint16(at + 1);
    const end = at + 3 + length;
    if (end > view.byteLength) return null;
    if (view.getUint8(at) === TLS_FIELD) {
      if (length < 5) return null;
      isOverTls = (view.getUint8(at + 3) & CLIENT_TLS) !== 0;
    }
    at = end;
  }
  return isOverTls;
}

/** An address in its one right form (an IPv4 one in IPv6 form as IPv4); null where it is none. */
function canonical(address: string): string | null {
  return address.includes("/") ? null : parseNetwork(address)?.split("/")[0] ?? null;
}
