/**
 * Listening with a server of Node's (`node:net`, `node:http`), and not going deaf.
 *
 * In Deno 2.9.6 such a server accepts nothing more once accepting has failed, and
 * says nothing of it: a moment without a free file descriptor is enough. Telling
 * the system once more that we listen makes it look again.
 * Must not know: what connections are for.
 *
 * @module
 */

import type { AddressInfo, Server } from "node:net";
import { ACCEPT_RETRY_MS_MAX } from "../limits.ts";
import { toDenoError } from "../node_socket.ts";

/** Where to listen. */
export interface NodeListenOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** The port to listen on; 0 for any that is free. */
  readonly port: number;
  /** Connections that the kernel may queue before they are accepted. */
  readonly backlog: number;
}

/** A server that listens. */
export interface NodeListener {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Stops listening, at once; connections go on. May be called again. */
  close(): void;
}

/**
 * Has a server listen, and accept until it is closed, whatever happens; it listens
 * when this resolves. Everything else of the server stays the caller's.
 *
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 * @throws {Deno.errors.PermissionDenied} If the system does not allow the port.
 */
export async function listenNode(
  server: Server,
  options: NodeListenOptions,
): Promise<NodeListener> {
  const { hostname: host, port, backlog } = options;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error): void => reject(toDenoError(error));
  server.once("error", onError);
  server.listen({ host, port, backlog }, resolve);
  await promise;
  server.off("error", onError);
  const timer = setInterval(() => handleOf(server)?.listen(backlog), ACCEPT_RETRY_MS_MAX);
  const address = server.address() as AddressInfo;
  return {
    address: { hostname: address.address, port: address.port },
    close: (): void => {
      clearInterval(timer);
      server.close();
    },
  };
}

/** The system's listener; null once the server is closed. */
function handleOf(server: Server): { listen(backlog: number): number } | null {
  return (server as Server & { readonly _handle: ReturnType<typeof handleOf> })._handle;
}
