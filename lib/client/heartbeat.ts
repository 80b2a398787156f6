/**
 * Whether the server is still there, how far away it is, and telling it that we are.
 *
 * Pings at once and then on a timer, measures how long the answer takes, and
 * gives the server up when nothing at all comes back.
 * Promises that its one timer is gone once it is disposed.
 * Must not know: the connection, how a ping is written.
 *
 * @module
 */

import { CLIENT_PING_MS, CLIENT_PONG_MS } from "../limits.ts";

/** What a heartbeat needs from its owner. */
export interface HeartbeatOptions {
  /** Sends a ping with this text. Called from the constructor, and from a timer. */
  readonly ping: (text: string) => void;
  /** A ping has been answered after so many milliseconds. */
  readonly onLatency: (ms: number) => void;
  /** The server has been silent for too long. Called once. */
  readonly onLost: () => void;
}

/** Pings and watches from its construction until it is disposed. */
export class Heartbeat implements Disposable {
  readonly #options: HeartbeatOptions;
  /** When each ping was sent that has not been answered. */
  readonly #sentAtMs = new Map<string, number>();
  #count = 0;
  #heardAtMs = Date.now();
  #nextPingAtMs = this.#heardAtMs;
  #dueAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Sends the first ping and starts the timer. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#ping(this.#heardAtMs);
    this.#arm();
  }

  /** Something came from the server. */
  heard(): void {
    this.#heardAtMs = Date.now();
  }

  /** Whether a pong with this text answers one of our pings, which the user need not see. */
  takePong(text: string): boolean {
    const sentAtMs = this.#sentAtMs.get(text);
    if (sentAtMs === undefined) return false;
    this.#sentAtMs.delete(text);
    this.#options.onLatency(Math.max(0, Date.now() - sentAtMs));
    return true;
  }

  /** Stops. May be called twice. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  get #lostAtMs(): number {
    return this.#heardAtMs + CLIENT_PING_MS + CLIENT_PONG_MS;
  }

  #arm(): void {
    this.#dueAtMs = Math.min(this.#nextPingAtMs, this.#lostAtMs);
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, this.#dueAtMs - Date.now()));
  }

  #tick(): void {
    const nowMs = Date.now();
    if (nowMs - this.#dueAtMs > CLIENT_PONG_MS) {
      // We slept (Ctrl-Z, a closed lid), not the server: ask before judging, but not for long.
      this.#heardAtMs = nowMs - CLIENT_PING_MS;
      this.#nextPingAtMs = nowMs;
    }
    if (nowMs >= this.#lostAtMs) {
      this.#options.onLost();
      return;
    }
    if (nowMs >= this.#nextPingAtMs) this.#ping(nowMs);
    this.#arm();
  }

  #ping(nowMs: number): void {
    this.#nextPingAtMs = nowMs + CLIENT_PING_MS;
    const text = `client-${++this.#count}`;
    this.#sentAtMs.set(text, nowMs);
    this.#options.ping(text);
  }
}
