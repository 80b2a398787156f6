/**
 * Network addresses as text: which are this machine's own, and which lie in a network.
 *
 * The runtime's own URL parser knows every way to write an IPv6 address, and the
 * one right way (RFC 5952); a library would cost a start a sixth of its time.
 * Must not know: connections, who is banned.
 *
 * @module
 */

/** Four or sixteen bytes. */
type Address = readonly number[];

const IPV4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const IPV6 = /^[0-9a-f:.]{2,45}$/i;

/**
 * An address, or null where the text is none. An IPv4 address in IPv6 form
 * (`::ffff:192.0.2.1`) counts as IPv4; the zone of a link-local one does not count.
 */
function parse(text: string): Address | null {
  const bare = text.split("%")[0] ?? "";
  if (!bare.includes(":")) return parseIpv4(bare);
  const bytes = parseIpv6(bare);
  if (bytes === null) return null;
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff &&
    bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

function parseIpv4(text: string): Address | null {
  const bytes = IPV4.exec(text)?.slice(1).map(Number) ?? null;
  return bytes === null || bytes.some((byte) => byte > 255) ? null : bytes;
}

function parseIpv6(text: string): Address | null {
  const url = IPV6.test(text) ? URL.parse(`http://[${text}]/`) : null;
  if (url === null) return null;
  // Groups of hexadecimal digits, of which "::" leaves some out.
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const groupsOf = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")];
  const left = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...left, ...after].flatMap((group) => [group >> 8, group & 0xff]);
}

/** An address in its one right form. */
function format(bytes: Address): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < bytes.length; at += 2) {
    groups.push((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  }
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** The bytes with all but the first `bits` bits cleared. */
function mask(bytes: Address, bits: number): Address {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * index));
    return byte & (0xff << (8 - kept));
  });
}

/** As the system writes them: asked for every connection. */
const LOOPBACK = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$|^::1$/i;

/** Whether an address is this machine's own: nobody on a network can read what goes there. */
export function isLoopback(address: string): boolean {
  if (LOOPBACK.test(address)) return true;
  const bytes = address.includes(":") ? parse(address) : null;
  if (bytes === null) return false;
  return bytes.length === 4 ? bytes[0] === 127 : format(bytes) === "::1";
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
  const bytes = parse(host);
  if (bytes === null || more.length > 0 || host.includes("%")) return null;
  const bitsMax = 8 * bytes.length;
  // Of an IPv4 address in IPv6 form the first 96 bits are gone.
  const gone = bytes.length === 4 && host.includes(":") ? 96 : 0;
  const bits = bitsText === undefined
    ? bitsMax
    : /^\d{1,3}$/.test(bitsText)
    ? Number(bitsText) - gone
    : -1;
  return bits < 0 || bits > bitsMax ? null : `${format(mask(bytes, bits))}/${bits}`;
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
  const bytes = parse(address);
  if (bytes === null) return address;
  return bytes.length === 4 ? `${format(bytes)}/32` : `${format(mask(bytes, 64))}/64`;
}

/**
 * Whether an address lies in a network.
 *
 * @param network As {@linkcode parseNetwork} gives it.
 */
export function isInNetwork(address: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  const [one, other] = [parse(address), parse(base)];
  if (one === null || other === null || one.length !== other.length) return false;
  const masked = mask(one, Number(bits));
  return other.every((byte, index) => byte === masked[index]);
}
