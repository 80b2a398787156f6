/**
 * Where a server is, as people write it: `HOST`, `HOST:PORT`, `[IPV6]:PORT`.
 *
 * Pure. Promises that whatever it accepts is worth a try, and that what it
 * writes it also reads back.
 * Must not know: name lookup, sockets, the rest of the command line.
 *
 * @module
 */

import { UsageError } from "../errors.ts";
import { PORT_DEFAULT } from "../limits.ts";

/** A host and a port to connect to. */
export interface ServerAddress {
  /** A host name, or an IP address without brackets. */
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
}

const PORT_MAX = 65_535;

/** `[...]`, with or without a port. */
const BRACKETED = /^\[([^\[\]]+)\](?::(.*))?$/u;
/** What no host name contains: it would be a URL, a login or a slip. */
const HOSTNAME = /^[^\s/@:\[\]?#\\]+$/u;

/**
 * Reads `HOST[:PORT]`; an IPv6 address with a port needs brackets.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseServerAddress } from "./server_address.ts";
 *
 * assertEquals(parseServerAddress("chat.example"), { hostname: "chat.example", port: 2022 });
 * assertEquals(parseServerAddress("[::1]:99"), { hostname: "::1", port: 99 });
 * ```
 *
 * @throws {UsageError} If the text is no such address.
 */
export function parseServerAddress(text: string): ServerAddress {
  const bracketed = BRACKETED.exec(text);
  if (bracketed !== null) {
    const hostname = bracketed[1] ?? "";
    if (!isIpv6(hostname)) throw notAnAddress(text);
    return { hostname, port: parsePort(bracketed[2], text) };
  }
  if (isIpv6(text)) return { hostname: text, port: PORT_DEFAULT };
  const colon = text.indexOf(":");
  const hostname = colon < 0 ? text : text.slice(0, colon);
  if (!HOSTNAME.test(hostname)) throw notAnAddress(text);
  return { hostname, port: parsePort(colon < 0 ? undefined : text.slice(colon + 1), text) };
}

/**
 * Writes an address so that {@linkcode parseServerAddress} reads it back.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatServerAddress } from "./server_address.ts";
 *
 * assertEquals(formatServerAddress({ hostname: "::1", port: 2022 }), "[::1]:2022");
 * ```
 */
export function formatServerAddress(address: ServerAddress): string {
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Whether a text is an IPv6 address, maybe with the zone that link-local ones need. */
function isIpv6(text: string): boolean {
  const address = text.replace(/%[\w.-]+$/u, "");
  return /^[0-9a-f:.]+$/iu.test(address) && URL.canParse(`http://[${address}]`);
}

function parsePort(digits: string | undefined, text: string): number {
  if (digits === undefined) return PORT_DEFAULT;
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > PORT_MAX) {
    throw new UsageError(`No port in ${JSON.stringify(text)}: wanted HOST:PORT, 1 to ${PORT_MAX}`);
  }
  return port;
}

function notAnAddress(text: string): UsageError {
  return new UsageError(
    `Not a server address: ${JSON.stringify(text)}; wanted HOST, HOST:PORT or [IPV6]:PORT`,
  );
}
