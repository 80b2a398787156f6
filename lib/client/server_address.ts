/**
 * Where a server is, as people write it: `HOST`, `HOST:PORT`, `[IPV6]:PORT`; over TLS
 * `tls://HOST` and so on.
 *
 * Pure. Promises that whatever it accepts is worth a try, and that what it
 * writes it also reads back.
 * Must not know: name lookup, sockets, the rest of the command line.
 *
 * @module
 */

import { UsageError } from "../errors.ts";
import { PORT_DEFAULT, TLS_PORT_DEFAULT } from "../limits.ts";

/** A host and a port to connect to, and how. */
export interface ServerAddress {
  /** A host name, or an IP address without brackets. */
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** Whether TLS is spoken there, rather than plain text. */
  readonly isTls: boolean;
}

const PORT_MAX = 65_535;
const TLS_SCHEME = "tls://";

/** `[...]`, with or without a port. */
const BRACKETED = /^\[([^\[\]]+)\](?::(.*))?$/u;
/** What no host name contains: it would be a URL, a login or a slip. */
const HOSTNAME = /^[^\s/@:\[\]?#\\]+$/u;

/**
 * Reads `[tls://]HOST[:PORT]`; an IPv6 address with a port needs brackets.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseServerAddress } from "./server_address.ts";
 *
 * assertEquals(parseServerAddress("chat.example"), {
 *   hostname: "chat.example",
 *   port: 2022,
 *   isTls: false,
 * });
 * assertEquals(parseServerAddress("tls://[::1]:99"), { hostname: "::1", port: 99, isTls: true });
 * ```
 *
 * @param options `isTls`: whether TLS is spoken without `tls://`, too.
 * @throws {UsageError} If the text is no such address.
 */
export function parseServerAddress(
  text: string,
  options: { readonly isTls?: boolean } = {},
): ServerAddress {
  const hasScheme = text.startsWith(TLS_SCHEME);
  const isTls = hasScheme || options.isTls === true;
  const { hostname, port } = split(hasScheme ? text.slice(TLS_SCHEME.length) : text, text);
  return { hostname, port: port ?? (isTls ? TLS_PORT_DEFAULT : PORT_DEFAULT), isTls };
}

/**
 * Writes an address so that {@linkcode parseServerAddress} reads it back.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatServerAddress } from "./server_address.ts";
 *
 * const address = { hostname: "::1", port: 2022, isTls: false };
 * assertEquals(formatServerAddress(address), "[::1]:2022");
 * assertEquals(formatServerAddress({ ...address, isTls: true }), "tls://[::1]:2022");
 * ```
 */
export function formatServerAddress(address: ServerAddress): string {
  const { hostname, port, isTls } = address;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${isTls ? TLS_SCHEME : ""}${host}:${port}`;
}

/** A port that is not there is null. `text` is all of it, for the error. */
function split(place: string, text: string): { hostname: string; port: number | null } {
  const bracketed = BRACKETED.exec(place);
  if (bracketed !== null) {
    const hostname = bracketed[1] ?? "";
    if (!isIpv6(hostname)) throw notAnAddress(text);
    return { hostname, port: parsePort(bracketed[2], text) };
  }
  if (isIpv6(place)) return { hostname: place, port: null };
  const colon = place.indexOf(":");
  // However it is written, it is the same server: what is remembered of it goes by the address.
  const hostname = (colon < 0 ? place : place.slice(0, colon)).toLowerCase();
  if (!HOSTNAME.test(hostname)) throw notAnAddress(text);
  return { hostname, port: parsePort(colon < 0 ? undefined : place.slice(colon + 1), text) };
}

/** Whether a text is an IPv6 address, maybe with the zone that link-local ones need. */
function isIpv6(text: string): boolean {
  const address = text.replace(/%[\w.-]+$/u, "");
  return /^[0-9a-f:.]+$/iu.test(address) && URL.canParse(`http://[${address}]`);
}

function parsePort(digits: string | undefined, text: string): number | null {
  if (digits === undefined) return null;
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
