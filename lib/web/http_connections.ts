/**
 * The HTTP connections that are open, and which of them has to go when there
 * are too many: the oldest of whoever has the most.
 *
 * So one who opens thousands, and never asks for anything, pays for it alone.
 * Must not know: HTTP, TLS.
 *
 * @module
 */

import type { Socket } from "node:net";
import { customerNetwork } from "../addresses.ts";

/** One that is counted. */
interface Entry {
  readonly socket: Socket;
  readonly network: string;
  /** Requests that are being answered. */
  requests: number;
  /** Whether there was one. */
  isUsed: boolean;
}

/**
 * Counts connections from their first moment on. Over TLS, the connection below
 * and the one above it have the same address and port, and are the same here.
 */
export class HttpConnections {
  readonly #max: number;
  /** By the peer's address and port. */
  readonly #entries = new Map<string, Entry>();
  /** Keys by network, in the order of their last request. */
  readonly #byNetwork = new Map<string, Set<string>>();

  /** Resolved when none is left; null while new ones are waited for. */
  #drained: PromiseWithResolvers<void> | null = null;

  /**
   * Begins with none.
   *
   * @param max How many there may be.
   */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many are counted. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts a new one, until it is closed or released; another one may have to go for it. */
  add(socket: Socket): void {
    const key = keyOf(socket);
    const network = customerNetwork(socket.remoteAddress ?? "");
    const entry: Entry = { socket, network, requests: 0, isUsed: false };
    this.#remove(key);
    this.#entries.set(key, entry);
    this.#keysOf(network).add(key);
    socket.on("close", () => {
      if (this.#entries.get(key) === entry) this.#remove(key);
    });
    if (this.#entries.size > this.#max) this.#cutOne();
  }

  /**
   * Notes that a request is being answered on a connection: it is its owner's youngest now.
   *
   * @returns How many are, with this one.
   */
  begin(socket: Socket): number {
    const key = keyOf(socket);
    const entry = this.#entries.get(key);
    if (entry === undefined) return 1;
    entry.isUsed = true;
    const keys = this.#keysOf(entry.network);
    keys.delete(key);
    keys.add(key);
    return ++entry.requests;
  }

  /** Notes that a request was answered. */
  end(socket: Socket): void {
    const entry = this.#entries.get(keyOf(socket));
    if (entry === undefined) return;
    entry.requests--;
    if (this.#drained !== null) this.#cutIdle(entry);
  }

  /** Whether a request was begun on a connection; true for one that is not counted. */
  isUsed(socket: Socket): boolean {
    return this.#entries.get(keyOf(socket))?.isUsed ?? true;
  }

  /** Counts a connection no more: somebody else cares for it. */
  release(socket: Socket): void {
    this.#remove(keyOf(socket));
  }

  /**
   * Cuts those on which nothing is being answered, and each of the others once nothing is.
   * Resolves when none is left.
   */
  drain(): Promise<void> {
    this.#drained = Promise.withResolvers();
    for (const entry of [...this.#entries.values()]) this.#cutIdle(entry);
    if (this.#entries.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  /** Cuts all. */
  cutAll(): void {
    for (const { socket } of [...this.#entries.values()]) socket.destroy();
  }

  #cutIdle({ socket, requests }: Entry): void {
    if (requests === 0) socket.destroy();
  }

  #cutOne(): void {
    let most: Set<string> | null = null;
    for (const keys of this.#byNetwork.values()) {
      if (most === null || keys.size > most.size) most = keys;
    }
    const [key] = most ?? [];
    if (key === undefined) return;
    const entry = this.#entries.get(key);
    this.#remove(key);
    entry?.socket.destroy();
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const keys = this.#keysOf(entry.network);
    keys.delete(key);
    if (keys.size === 0) this.#byNetwork.delete(entry.network);
    if (this.#entries.size === 0) this.#drained?.resolve();
  }

  #keysOf(network: string): Set<string> {
    let keys = this.#byNetwork.get(network);
    if (keys === undefined) this.#byNetwork.set(network, keys = new Set());
    return keys;
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
