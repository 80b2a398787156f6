/**
 * Who makes a request, and by which name they call this server: as the
 * connection tells, or a proxy that is believed.
 *
 * Must not know: routes, answers.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { isLoopback, parseNetwork } from "../addresses.ts";

/** Who makes a request. */
export interface Requester {
  /** The address, without its port; the browser's own where a trusted proxy tells it. */
  readonly address: string;
  /** Whether nobody on the way can read what is sent. */
  readonly isPrivate: boolean;
  /** Whether it comes from this machine itself, and not through a proxy on it. */
  readonly isLocal: boolean;
  /** Whether a proxy on this machine passed it on that is not trusted. */
  readonly isUnknownProxy: boolean;
  /** Whether a trusted proxy passed it on. */
  readonly isForwarded: boolean;
  /** The server's own origin, as the browser sees it: `https://chat.example`; null for none. */
  readonly ownOrigin: string | null;
}

/** Headers by which proxies tell of whom they speak. */
const FORWARDING = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "via",
];

/**
 * Finds out who makes a request.
 *
 * @param options.isEncrypted Whether the connection itself is.
 * @param options.isForwarder Which addresses are proxies that are believed.
 */
export function identifyRequester(
  { headers, socket }: Pick<IncomingMessage, "headers" | "socket">,
  { isEncrypted, isForwarder }: {
    readonly isEncrypted: boolean;
    readonly isForwarder: (address: string) => boolean;
  },
): Requester {
  const peer = withoutMapping(socket.remoteAddress ?? "");
  const isProxied = FORWARDING.some((name) => headers[name] !== undefined);
  const isLocal = isLoopback(peer) && !isProxied;
  if (!isProxied || !isForwarder(peer)) {
    return {
      address: peer,
      isPrivate: isEncrypted || isLocal,
      isLocal,
      isUnknownProxy: isProxied && isLoopback(peer),
      isForwarded: false,
      ownOrigin: originOf(isEncrypted ? "https" : "http", headers.host),
    };
  }
  // The last value is that of the nearest proxy: what stands before it, anybody can have sent.
  const scheme = lastOf(headers["x-forwarded-proto"])?.toLowerCase() === "https" ? "https" : "http";
  return {
    address: forwardedAddress(headers["x-forwarded-for"], peer, isForwarder),
    isPrivate: scheme === "https",
    isLocal: false,
    isUnknownProxy: false,
    isForwarded: true,
    ownOrigin: originOf(scheme, lastOf(headers["x-forwarded-host"]) ?? headers.host),
  };
}

/** The origin of a host in its one right form; null where there can be none. */
export function originOf(scheme: "http" | "https", host: string | undefined): string | null {
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host)) return null;
  return URL.parse(`${scheme}://${host}/`)?.origin ?? null;
}

/**
 * Whether an origin is one that only this machine and its network can be meant
 * by: no name that somebody on the internet can point here.
 */
export function isLiteralOrigin(origin: string): boolean {
  const hostname = URL.parse(origin)?.hostname ?? "";
  // The URL parser has made one form of every way to write an address.
  return hostname === "localhost" || hostname.startsWith("[") || parseNetwork(hostname) !== null;
}

/** The nearest address that is no trusted proxy; the farthest that is where all are. */
function forwardedAddress(
  header: string | string[] | undefined,
  peer: string,
  isForwarder: (address: string) => boolean,
): string {
  let address = peer;
  for (const entry of listOf(header).reverse()) {
    const next = addressOf(entry);
    // Whoever wrote that is the last one who is known.
    if (next === null) return address;
    address = next;
    if (!isForwarder(address)) return address;
  }
  return address;
}

/** An address as proxies write it, some of them with a port; null for anything else. */
function addressOf(entry: string): string | null {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
  return parseNetwork(bare) === null || bare.includes("/") ? null : withoutMapping(bare);
}

/** An IPv4 address that came over an IPv6 socket, as itself. */
function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function lastOf(header: string | string[] | undefined): string | undefined {
  return listOf(header).at(-1);
}

function listOf(header: string | string[] | undefined): string[] {
  return `${header ?? ""}`.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
}
