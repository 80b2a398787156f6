/**
 * A connection that a proxy made for somebody else: who that is, read off its front.
 *
 * The header is read to its last byte and no further, so the socket itself goes
 * on with whatever the client said first.
 * Must not know: which proxies are believed, what the connection is for.
 *
 * @module
 */

import { PROXY_HEADER_MS } from "../limits.ts";
import type { Socket } from "../socket.ts";
import { type ProxyHeader, readProxyHeader } from "./proxy_header.ts";

/** A proxy did not say for whom it connected; `message` is for the log. */
export class ProxyHeaderError extends Error {
  /** With what happened instead. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProxyHeaderError";
  }
}

/** Whom a proxy connected for. */
export interface ProxiedPeer {
  /** Their address; the proxy's own where it spoke for itself (to look whether we live, say). */
  readonly address: string;
  /** Whether the proxy says that they speak TLS with it. */
  readonly isPrivate: boolean;
}

/** How a header is waited for. */
export interface ReadProxiedPeerOptions {
  /** The proxy's own address. */
  readonly address: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Reads the header that a proxy sends in front of everything else, and nothing
 * behind it. Waits for at most `PROXY_HEADER_MS`.
 *
 * @param socket One from which nothing was read. Where this rejects, it is disposed of: whom the
 *   rest of it is from, nobody knows.
 * @throws {ProxyHeaderError} If there is no header, none in time, or the signal is aborted.
 */
export async function readProxiedPeer(
  socket: Socket,
  { address, signal }: ReadProxiedPeerOptions,
): Promise<ProxiedPeer> {
  const { promise: gaveUp, reject: giveUp } = Promise.withResolvers<never>();
  const onAbort = (): void =>
    giveUp(new ProxyHeaderError("Stopped waiting for a header", { cause: signal?.reason }));
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  const timer = setTimeout(
    () => giveUp(new ProxyHeaderError(`Proxy sent no header in ${PROXY_HEADER_MS} ms`)),
    PROXY_HEADER_MS,
  );
  try {
    const header = await Promise.race([gaveUp, readHeader(socket)]);
    return { address: header.address ?? address, isPrivate: header.isOverTls };
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

async function readHeader(socket: Socket): Promise<ProxyHeader> {
  let bytes = new Uint8Array(0);
  while (true) {
    const reading = readProxyHeader(bytes);
    if (reading.type === "header") return reading.header;
    if (reading.type === "invalid") {
      throw new ProxyHeaderError(`Proxy sent no header: ${reading.why}`);
    }
    const more = new Uint8Array(bytes.length + reading.missing);
    more.set(bytes);
    const count = await readSome(socket, more.subarray(bytes.length));
    bytes = more.subarray(0, bytes.length + count);
  }
}

async function readSome(socket: Socket, buffer: Uint8Array): Promise<number> {
  let count: number | null;
  try {
    count = await socket.read(buffer);
  } catch (error) {
    throw new ProxyHeaderError("Proxy was gone before its header", { cause: error });
  }
  if (count === null) throw new ProxyHeaderError("Proxy was gone before its header");
  return count;
}
