/**
 * A network that does what networks do, between a test's guest and its server:
 * on loopback, it passes bytes on, in pieces, up to a point, or not at all.
 *
 * @module
 */

import { createConnection, createServer, type Server, type Socket } from "node:net";
import { within } from "./harness.ts";

/** What becomes of the bytes of one direction. */
export interface Flow {
  /** The connection breaks, on both sides, when so many have been passed on. */
  readonly cutAfter?: number;
  /** No more than so many are passed on; the connection stays open, and nobody is told. */
  readonly stallAfter?: number;
  /** They are passed on in pieces of so many. */
  readonly pieces?: number;
}

/** What becomes of a connection. */
export interface Weather {
  /** From the guest to the server. */
  readonly up?: Flow;
  /** From the server to the guest. */
  readonly down?: Flow;
  /** How it breaks: at once (the default), or as if both sides had said all that they had to. */
  readonly cut?: "reset" | "end";
}

const FAIR: Weather = {};

/** Stands between guests and a server. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #port = 0;
  /** Where the server is, for connections to come. */
  target: number;
  /** What becomes of connections to come, one after the other; fair when there are no more. */
  readonly weather: Weather[] = [];
  #onLimit: () => void = () => {};

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer((guest) => this.#connect(guest));
  }

  /** Begins to listen, on a port of its own. */
  static async to(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    await proxy.on();
    return proxy;
  }

  /** Where guests connect to. */
  get port(): number {
    return this.#port;
  }

  /** Bytes that the newest connection has passed on. */
  get passed(): { readonly up: number; readonly down: number } {
    const link = [...this.#links].at(-1);
    return { up: link?.up ?? 0, down: link?.down ?? 0 };
  }

  /** Takes connections, on the port that it had before. */
  async on(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(this.#port, "127.0.0.1", resolve);
    await within(promise, () => "Awaited that the proxy listens");
    this.#server.off("error", reject);
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** Takes none, and breaks those that there are. */
  async off(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#server.listening) this.#server.close(() => resolve());
    else resolve();
    await this.cut();
    await within(promise, () => "Awaited that the proxy listens no more");
  }

  /** Breaks all connections. */
  async cut(how: Weather["cut"] = "reset"): Promise<void> {
    const links = [...this.#links];
    for (const link of links) link.cut(how);
    for (const link of links) await link.closed;
  }

  /** Takes the guests' connections away; the server is not told, and holds its own for open. */
  async forsake(): Promise<void> {
    const links = [...this.#links];
    for (const link of links) await link.forsake();
  }

  /** Waits until the newest connection has come to the limit of its weather, or has ended. */
  async limitReached(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLimit = resolve;
    await promise;
  }

  /** Passes nothing on over the connections that there are, until {@linkcode Proxy.flow}. */
  stall(): void {
    for (const link of this.#links) link.stall();
  }

  /** Passes on again, with what has come meanwhile. */
  flow(): void {
    for (const link of this.#links) link.flow();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.off();
  }

  #connect(guest: Socket): void {
    const server = createConnection({ host: "127.0.0.1", port: this.target });
    const link = new Link(guest, server, this.weather.shift() ?? FAIR, () => this.#onLimit());
    this.#links.add(link);
    link.closed.then(() => this.#links.delete(link), () => {});
  }
}

/** One connection through a {@linkcode Proxy}: two sockets. */
class Link {
  readonly #guest: Socket;
  readonly #server: Socket;
  readonly #weather: Weather;
  readonly #onLimit: () => void;
  #isForsaken = false;
  #isStalled = false;
  #isCut = false;
  /** Bytes passed on to the server. */
  up = 0;
  /** Bytes passed on to the guest. */
  down = 0;
  /** When both sockets are. */
  readonly closed: Promise<void>;

  constructor(guest: Socket, server: Socket, weather: Weather, onLimit: () => void) {
    this.#onLimit = onLimit;
    this.#guest = guest;
    this.#server = server;
    this.#weather = weather;
    this.closed = Promise.all([closing(guest), closing(server)]).then(() => {});
    for (const socket of [guest, server]) {
      socket.setNoDelay();
      // What becomes of one side becomes of the other.
      socket.on("error", () => this.#onEnd(socket, "reset"));
      socket.on("close", () => this.#onEnd(socket, "end"));
    }
    const { up = {}, down = {} } = weather;
    this.#pass(guest, server, { flow: up, count: (bytes) => this.up += bytes });
    this.#pass(server, guest, { flow: down, count: (bytes) => this.down += bytes });
  }

  /** Ends both sides. */
  cut(how: Weather["cut"] = "reset"): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const socket of [this.#guest, this.#server]) {
      socket.resume();
      // Half a connection is none: nobody waits for the other side to end as well.
      if (how === "end") socket.end(() => socket.destroy());
      else socket.resetAndDestroy();
    }
  }

  async forsake(): Promise<void> {
    this.#isForsaken = true;
    this.#server.pause();
    this.#guest.destroy();
    await closing(this.#guest);
  }

  stall(): void {
    this.#isStalled = true;
    this.#guest.pause();
    this.#server.pause();
  }

  flow(): void {
    this.#isStalled = false;
    this.#guest.resume();
    this.#server.resume();
  }

  #onEnd(socket: Socket, how: Weather["cut"]): void {
    if (!this.#isForsaken || socket !== this.#guest) this.cut(how);
  }

  #pass(
    from: Socket,
    to: Socket,
    { flow, count }: { readonly flow: Flow; readonly count: (bytes: number) => number },
  ): void {
    const { cutAfter = Infinity, stallAfter = Infinity, pieces = Infinity } = flow;
    const limit = Math.min(cutAfter, stallAfter);
    if (limit === 0) queueMicrotask(() => this.#atLimit(from, flow));
    from.on("data", (data: Uint8Array) => {
      if (this.#isCut) return;
      const room = limit - count(0);
      const bytes = data.subarray(0, room);
      for (let at = 0; at < bytes.length; at += pieces) {
        const piece = bytes.subarray(at, at + pieces);
        count(piece.length);
        if (!to.write(piece)) from.pause();
      }
      if (data.length > 0 && data.length >= room) this.#atLimit(from, flow);
    });
    to.on("drain", () => {
      if (!this.#isStalled && count(0) < limit) from.resume();
    });
    from.on("end", () => {
      if (!this.#isStalled && !this.#isCut && !this.#isForsaken) to.end();
    });
  }

  #atLimit(from: Socket, { cutAfter = Infinity, stallAfter = Infinity }: Flow): void {
    if (cutAfter <= stallAfter) this.cut(this.#weather.cut);
    else from.pause();
    this.#onLimit();
  }
}

async function closing(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (socket.closed) return;
  socket.once("close", () => resolve());
  await promise;
}
