/**
 * The doors: every place where the server listens, and what it takes to get
 * from there to a socket and to who is on its other side.
 *
 * A door that is not open costs nothing: what it is made of is not even loaded.
 * Must not know: sessions, the chat, who may stay.
 *
 * @module
 */

import { isInNetwork, isLoopback } from "./addresses.ts";
import type { Certificate } from "./certificate.ts";
import type { Config, ListenAddress } from "./config.ts";
import { DoorError } from "./errors.ts";
import { LISTEN_BACKLOG } from "./limits.ts";
import { accept } from "./net/accept.ts";
import type { Peer } from "./net/connection.ts";
import { type ProxiedPeer, ProxyHeaderError, readProxiedPeer } from "./net/proxied_socket.ts";
import type { TlsDoor } from "./net/tls_door.ts";
import type { Socket } from "./socket.ts";
import type { Tasks } from "./tasks.ts";
import type { BotsHandler } from "./web/bots_handler.ts";
import type { WebDoor } from "./web/web_door.ts";

/** The part of the configuration that is about doors. */
export type DoorsConfig = Pick<
  Config,
  | "name"
  | "host"
  | "port"
  | "tls"
  | "web"
  | "webOrigins"
  | "metrics"
  | "proxyProtocolFrom"
  | "forwardedFrom"
  | "idleMs"
>;

/** Who comes through a door. */
export interface Arrival {
  /** The transport; whoever is told of it closes it. */
  readonly socket: Socket;
  /** Who is on its other side. */
  readonly peer: Peer;
  /** The system's own connection below it, where it is one; else null. */
  readonly conn: Deno.TcpConn | null;
}

/** What doors need of the server. */
export interface DoorsOptions {
  /** Where to listen, and whom to believe. */
  readonly config: DoorsConfig;
  /** Aborted when nobody is taken in any more. */
  readonly signal: AbortSignal;
  /** Owns what runs in the background. */
  readonly tasks: Tasks;
  /** Called with everybody who comes. Must not throw. */
  readonly onArrival: (arrival: Arrival) => void;
  /** Told of who was not let through: no handshake, a wrong origin. */
  readonly onRejected: (peer: Pick<Peer, "address" | "via">, why: string) => void;
  /** Told, once, of a proxy on this machine that passes browsers on and is not believed. */
  readonly onUnknownProxy: (address: string) => void;
  /** Told that accepting failed, and goes on in so many milliseconds. */
  readonly onAcceptError: (error: unknown, pauseMs: number) => void;
  /** Told what is wrong with a door: it goes on. */
  readonly onFault: (door: string, error: unknown) => void;
  /** Deals with what bots ask for over HTTP; null where nobody does. */
  readonly bots: BotsHandler | null;
  /** Whether the server does what it is there for. */
  readonly isReady: () => boolean;
  /** Everything that is counted, as Prometheus reads it; null where nothing is. */
  readonly metrics: (() => string) | null;
}

/** Where each door is; null for one that is not open. */
export interface DoorAddresses {
  /** Plain text. */
  readonly plain: ListenAddress;
  /** The same over TLS. */
  readonly tls: ListenAddress | null;
  /** For browsers. */
  readonly web: ListenAddress | null;
  /** For whoever watches the server. */
  readonly metrics: ListenAddress | null;
}

/** The doors of a running server. */
export class Doors {
  readonly #options: DoorsOptions;
  #config: DoorsConfig;
  #listener: Deno.TcpListener | null = null;
  #tls: TlsDoor | null = null;
  #web: WebDoor | null = null;
  #metrics: WebDoor | null = null;

  private constructor(options: DoorsOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /**
   * Opens all doors of a configuration, or none.
   *
   * @throws {DoorError} If one cannot be opened.
   */
  static async open(options: DoorsOptions): Promise<Doors> {
    const { config, tasks } = options;
    const doors = new Doors(options);
    try {
      const { tls, web, metrics } = config;
      const listener = doors.#listener = await open("port", config, () => listen(config));
      if (tls !== null) doors.#tls = await open("tls-port", tls, () => doors.#openTls());
      if (web !== null) doors.#web = await open("web", web, () => doors.#openWeb());
      if (metrics !== null) {
        doors.#metrics = await open("metrics", metrics, () => doors.#openMetrics());
      }
      tasks.own("Accepting connections", doors.#acceptAll(listener));
    } catch (error) {
      await doors.close();
      throw error;
    }
    return doors;
  }

  /** Where they are. */
  get addresses(): DoorAddresses {
    const { hostname: host = "", port = 0 } = this.#listener?.addr ?? {};
    return {
      plain: { host, port },
      tls: addressOf(this.#tls),
      web: addressOf(this.#web),
      metrics: addressOf(this.#metrics),
    };
  }

  /** When the certificate ends, in epoch milliseconds; null without TLS. */
  get certificateEndsAtMs(): number | null {
    return this.#tls?.certificateEndsAtMs ?? null;
  }

  /** Whom to believe, and what to call the server, from now on; where to listen stays. */
  set config(config: DoorsConfig) {
    this.#config = config;
  }

  /**
   * Proves the server's name with another certificate from now on. Who is connected stays.
   *
   * @throws If it cannot be used; then the one before stays.
   */
  replaceCertificate(certificate: Certificate): void {
    this.#tls?.replaceCertificate(certificate);
    if (this.#config.web?.isTls) this.#web?.replaceCertificate(certificate);
  }

  /** Closes them. Who came through one stays; the options' signal is aborted before. */
  async close(): Promise<void> {
    // An accept loop ends with its listener.
    this.#listener?.close();
    await Promise.all([this.#tls?.close(), this.#web?.close(), this.#metrics?.close()]);
  }

  async #acceptAll(listener: Deno.TcpListener): Promise<void> {
    const { signal, tasks, onAcceptError } = this.#options;
    for await (const conn of accept(listener, { signal, onError: onAcceptError })) {
      const { hostname: address } = conn.remoteAddr;
      if (this.#speaksForOthers(address)) {
        tasks.own("Reading a PROXY header", this.#arriveByProxy(conn));
      } else {
        const peer: Peer = { address, via: "tcp", isPrivate: isLoopback(address) };
        this.#options.onArrival({ socket: conn, peer, conn });
      }
    }
  }

  /** Whether connections from an address begin with a header that says whose they are. */
  #speaksForOthers(address: string): boolean {
    return this.#config.proxyProtocolFrom.some((network) => isInNetwork(address, network));
  }

  async #arriveByProxy(conn: Deno.TcpConn): Promise<void> {
    const { signal, onArrival, onRejected } = this.#options;
    const { hostname } = conn.remoteAddr;
    let proxied: ProxiedPeer;
    try {
      proxied = await readProxiedPeer(conn, { address: hostname, signal });
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error;
      onRejected({ address: hostname, via: "tcp" }, error.message);
      return;
    }
    // What the proxy says counts: where it stands says nothing of whom it speaks for.
    onArrival({ socket: conn, peer: { ...proxied, via: "tcp" }, conn });
  }

  async #openTls(): Promise<TlsDoor> {
    const { config: { tls }, onArrival, onRejected, onFault } = this.#options;
    if (tls === null) throw new Error("There is no certificate");
    const { openTlsDoor } = await import("./net/tls_door.ts");
    return await openTlsDoor({
      hostname: tls.host,
      port: tls.port,
      certificate: tls.certificate,
      keepsAlive: this.#config.idleMs === null,
      readsProxyHeader: (address) => this.#speaksForOthers(address),
      onConnection: (socket, { address }) =>
        onArrival({ socket, peer: { address, via: "tls", isPrivate: true }, conn: null }),
      onRejected: (address, why) => onRejected({ address, via: "tls" }, why),
      onError: (error) => onFault("The door for TLS", error),
    });
  }

  async #openWeb(): Promise<WebDoor> {
    const { config: { web, tls } } = this.#options;
    if (web === null) throw new Error("There is no place for browsers");
    return await this.#openHttp(web, {
      certificate: web.isTls && tls !== null ? tls.certificate : null,
      servesPage: true,
    });
  }

  async #openMetrics(): Promise<WebDoor> {
    const { config: { metrics } } = this.#options;
    if (metrics === null) throw new Error("There is no place for metrics");
    return await this.#openHttp(metrics, { certificate: null, servesPage: false });
  }

  async #openHttp(
    { host, port }: ListenAddress,
    how: { readonly certificate: Certificate | null; readonly servesPage: boolean },
  ): Promise<WebDoor> {
    const { onArrival, onRejected, onUnknownProxy, onFault } = this.#options;
    const { bots, isReady, metrics } = this.#options;
    const { openWebDoor } = await import("./web/web_door.ts");
    return await openWebDoor({
      hostname: host,
      port,
      ...how,
      origins: () => this.#config.webOrigins,
      isForwarder: (address) =>
        this.#config.forwardedFrom.some((network) => isInNetwork(address, network)),
      name: () => this.#config.name,
      onVisitor: (socket, from) => onArrival({ socket, peer: { ...from, via: "web" }, conn: null }),
      onRejected: (address, why) => onRejected({ address, via: "web" }, why),
      onUnknownProxy,
      onError: (error) => onFault("The door for browsers", error),
      bots: how.servesPage ? bots : null,
      health: { isReady },
      metrics,
    });
  }
}

function listen({ host, port }: ListenAddress): Deno.TcpListener {
  return Deno.listen({ hostname: host, port, tcpBacklog: LISTEN_BACKLOG });
}

/** Opens what is to be where an option says. */
async function open<Door>(
  option: string,
  at: ListenAddress,
  listen: () => Door | Promise<Door>,
): Promise<Door> {
  try {
    return await listen();
  } catch (error) {
    throw new DoorError(at, { option, cause: error });
  }
}

function addressOf(
  door: { readonly address: { readonly hostname: string; readonly port: number } } | null,
): ListenAddress | null {
  return door === null ? null : { host: door.address.hostname, port: door.address.port };
}
