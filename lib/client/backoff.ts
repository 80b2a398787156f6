/**
 * How long to wait before the next attempt.
 *
 * `retry` of `@std/async` doubles its pauses in the same way, but keeps them to
 * itself: it cannot say when the next attempt comes, which a status line shows,
 * nor be told to make it now. So the pauses are made here, of its `delay`.
 * Must not know: what is attempted.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { CLIENT_RETRY_MS_MAX, CLIENT_RETRY_MS_MIN } from "../limits.ts";

/** Pauses that grow from one failed attempt to the next. */
export class Backoff {
  #attempts = 0;
  #pause: AbortController | null = null;

  /** Attempts since the last {@linkcode reset}. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next pause is the shortest again. */
  reset(): void {
    this.#attempts = 0;
  }

  /**
   * Draws the next pause, in milliseconds: twice the one before, up to
   * `CLIENT_RETRY_MS_MAX`, less up to a half by chance.
   */
  nextMs(): number {
    // Beyond 2^20 the power would only lose its meaning.
    const ms = CLIENT_RETRY_MS_MIN * 2 ** Math.min(this.#attempts++, 20);
    return Math.round(Math.min(ms, CLIENT_RETRY_MS_MAX) * (1 + Math.random()) / 2);
  }

  /** Waits for `ms` milliseconds, or until {@linkcode skip}, or the signal is aborted. Never throws. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#pause = new AbortController();
    try {
      await delay(ms, { signal: AbortSignal.any([signal, this.#pause.signal]) });
    } catch {
      // Cut short, which is all there is to know.
    } finally {
      this.#pause = null;
    }
  }

  /** Ends the wait there is, if there is one, and begins with the shortest again. */
  skip(): void {
    if (this.#pause === null) return;
    this.reset();
    this.#pause.abort();
  }
}
