/**
 * Whether the server is still there, and telling it that we are.
 *
 * Pings on a timer, which keeps a quiet user from being taken for a dead
 * connection, and gives the server up when nothing at all comes back.
 * Promises that its one timer is gone once it is disposed.
 * Must not know: the connection, the terminal, how a ping is written.
 *
 * @module
 */

import { CLIENT_LINE_MS, CLIENT_PING_MS, CLIENT_PONG_MS } from "../limits.ts";

const PING_TEXT = /^client-\d+$/u;

/** What a heartbeat needs from its owner; both are called from a timer. */
export interface HeartbeatOptions {
  /** Sends a ping with this text. */
  readonly ping: (text: string) => void;
  /** The server has been silent for too long. Called once. */
  readonly lost: () => void;
}

/** Pings and watches from its construction until it is disposed. */
export class Heartbeat implements Disposable {
  readonly #options: HeartbeatOptions;
  readonly #unanswered = new Set<string>();
  #count = 0;
  #linesAhead = 0;
  #heardAtMs = Date.now();
  #nextPingAtMs = this.#heardAtMs + CLIENT_PING_MS;
  #dueAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts the timer. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Something came from the server. */
  heard(): void {
    this.#heardAtMs = Date.now();
  }

  /** A line of the user's went to the server. */
  sent(): void {
    this.#linesAhead += 1;
  }

  /** Whether a pong with this text answers one of our pings, which the user need not see. */
  takePong(text: string): boolean {
    if (!PING_TEXT.test(text) || !this.#unanswered.delete(text)) return false;
    this.#linesAhead = 0;
    return true;
  }

  /** Stops. May be called twice. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  get #lostAtMs(): number {
    return this.#heardAtMs + CLIENT_PING_MS + CLIENT_PONG_MS + this.#linesAhead * CLIENT_LINE_MS;
  }

  #arm(): void {
    this.#dueAtMs = Math.min(this.#nextPingAtMs, this.#lostAtMs);
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, this.#dueAtMs - Date.now()));
  }

  #tick(): void {
    const nowMs = Date.now();
    if (nowMs - this.#dueAtMs > CLIENT_PONG_MS) {
      // We slept (Ctrl-Z, a closed lid), not the server: ask before judging.
      this.#heardAtMs = nowMs;
      this.#nextPingAtMs = nowMs;
    }
    if (nowMs >= this.#lostAtMs) {
      this.#options.lost();
      return;
    }
    if (nowMs >= this.#nextPingAtMs) {
      this.#nextPingAtMs = nowMs + CLIENT_PING_MS;
      const text = `client-${++this.#count}`;
      this.#unanswered.add(text);
      this.#options.ping(text);
    }
    this.#arm();
  }
}
