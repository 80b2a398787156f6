/**
 * How many connections there may be, in all and from one address.
 *
 * Must not know: sockets, what a connection is for.
 *
 * @module
 */

/** What admission allows. */
export interface AdmissionLimits {
  /** Connections in all. */
  readonly connectionsMax: number;
  /** Connections from one address; loopback is not counted. */
  readonly perAddressMax: number;
}

/** Why a connection is refused. */
export type Refusal = "server-full" | "address-full";

/** Counts the connections that are open. */
export class Admission {
  /** What holds for those who come from now on. */
  limits: AdmissionLimits;
  readonly #perAddress = new Map<string, number>();
  #connections = 0;

  /** Begins with none open. */
  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  /** How many are open. */
  get connections(): number {
    return this.#connections;
  }

  /**
   * Counts one more from `address`, and says whether it is one too many. Each is
   * to be given back with {@linkcode Admission.release}, those that are refused
   * as well: they are open until they have been told.
   *
   * @returns Null where it may stay.
   */
  admit(address: string): Refusal | null {
    this.#connections++;
    const network = countedNetwork(address);
    const open = network === null ? 0 : (this.#perAddress.get(network) ?? 0) + 1;
    if (network !== null) this.#perAddress.set(network, open);
    if (this.#connections > this.limits.connectionsMax) return "server-full";
    return open > this.limits.perAddressMax ? "address-full" : null;
  }

  /** Takes back one from `address`. */
  release(address: string): void {
    this.#connections--;
    const network = countedNetwork(address);
    if (network === null) return;
    const open = this.#perAddress.get(network) ?? 0;
    if (open > 1) this.#perAddress.set(network, open - 1);
    else this.#perAddress.delete(network);
  }
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The network that an address counts as: an IPv4 address itself, the first 64
 * bits of an IPv6 address (one customer has them all, RFC 6177), and null for
 * loopback.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { countedNetwork } from "./admission.ts";
 *
 * assertEquals(countedNetwork("::ffff:192.0.2.7"), "192.0.2.7");
 * assertEquals(countedNetwork("2001:db8::1"), countedNetwork("2001:db8:0:0:ffff::2"));
 * assertEquals(countedNetwork("127.0.0.1"), null);
 * ```
 */
export function countedNetwork(address: string): string | null {
  const v4 = MAPPED_IPV4.exec(address)?.[1] ?? address;
  if (!v4.includes(":")) return v4.startsWith("127.") ? null : v4;
  if (address === "::1") return null;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const groups = head === "" ? [] : head.split(":");
  const tailGroups = tail === undefined || tail === "" ? [] : tail.split(":");
  if (tail !== undefined) {
    while (groups.length + tailGroups.length < 8) groups.push("0");
    groups.push(...tailGroups);
  }
  return groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":");
}
