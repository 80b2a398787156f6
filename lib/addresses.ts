/**
 * Network addresses as text: which are this machine's own, and which lie in a network.
 *
 * Must not know: connections, who is banned.
 *
 * @module
 */

import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * An address, or null where the text is none. An IPv4 address in IPv6 form
 * (`::ffff:192.0.2.1`) counts as IPv4; the zone of a link-local one does not count.
 */
function parse(text: string): Address | null {
  const bare = text.split("%")[0] ?? "";
  // The library also takes old ways of writing IPv4, in which "1.2.3" is an address.
  const isWritten = bare.includes(":")
    ? ipaddr.IPv6.isValid(bare)
    : ipaddr.IPv4.isValidFourPartDecimal(bare);
  return isWritten ? ipaddr.process(bare) : null;
}

/** As the system writes them: asked for every connection, so not left to the library alone. */
const LOOPBACK = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$|^::1$/i;

/** Whether an address is this machine's own: nobody on a network can read what goes there. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.test(address) ||
    (address.includes(":") && parse(address)?.range() === "loopback");
}

/**
 * A network in its one right form: `192.0.2.7` becomes `192.0.2.7/32`, and
 * `2001:DB8::1/32` becomes `2001:db8::/32`. Null where the text is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseNetwork } from "./addresses.ts";
 *
 * assertEquals(parseNetwork("192.0.2.7"), "192.0.2.7/32");
 * assertEquals(parseNetwork("192.0.2.7/24"), "192.0.2.0/24");
 * assertEquals(parseNetwork("192.0.2"), null);
 * ```
 */
export function parseNetwork(text: string): string | null {
  const [host = "", bitsText, ...more] = text.split("/");
  const address = parse(host);
  if (address === null || more.length > 0 || host.includes("%")) return null;
  const bitsMax = address.kind() === "ipv4" ? 32 : 128;
  // Of an IPv4 address in IPv6 form the first 96 bits are gone.
  const isMapped = address.kind() === "ipv4" && host.includes(":");
  const bits = bitsText === undefined
    ? bitsMax
    : /^\d{1,3}$/.test(bitsText)
    ? Number(bitsText) - (isMapped ? 96 : 0)
    : -1;
  if (bits < 0 || bits > bitsMax) return null;
  const bytes = address.toByteArray();
  for (const [index, byte] of bytes.entries()) {
    const kept = Math.min(8, Math.max(0, bits - 8 * index));
    bytes[index] = byte & (0xff << (8 - kept));
  }
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits}`;
}

/**
 * What an address counts as where one customer should count once: an IPv4
 * address itself, and the first 64 bits of an IPv6 address, which one customer
 * has all of (RFC 6177). The text itself where it is no address.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { customerNetwork } from "./addresses.ts";
 *
 * assertEquals(customerNetwork("::ffff:192.0.2.7"), "192.0.2.7/32");
 * assertEquals(customerNetwork("2001:db8::1"), "2001:db8::/64");
 * ```
 */
export function customerNetwork(address: string): string {
  const network = parseNetwork(address.split("%")[0] ?? "");
  if (network === null) return address;
  return network.endsWith("/128")
    ? parseNetwork(network.replace("/128", "/64")) ?? network
    : network;
}

/**
 * Whether an address lies in a network.
 *
 * @param network As {@linkcode parseNetwork} gives it.
 */
export function isInNetwork(address: string, network: string): boolean {
  const parsed = parse(address);
  const [base, bits] = ipaddr.parseCIDR(network);
  return parsed !== null && parsed.kind() === base.kind() && parsed.match(base, bits);
}
