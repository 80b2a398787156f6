/**
 * How fast one peer may send: a token bucket that says how long to wait.
 *
 * Must not know: timers (it is told the time), what is counted.
 *
 * @module
 */

import type { Rate } from "../limits.ts";

/**
 * A token bucket. It counts what was taken and has not come back: whole numbers
 * within a burst, so that no rounding ever makes a burst one line shorter.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { RateLimiter } from "./rate_limiter.ts";
 *
 * const limiter = new RateLimiter({ burst: 2, perSecond: 4 });
 * assertEquals([limiter.take(0), limiter.take(0), limiter.take(0)], [0, 0, 250]);
 * ```
 */
export class RateLimiter {
  readonly #rate: Rate;
  /** Tokens that were missing at `#takenAtMs`; more than a burst where some were on credit. */
  #taken = 0;
  #takenAtMs = 0;

  /** Begins with the whole burst free. */
  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Whether the whole burst is free again. */
  isFull(nowMs: number): boolean {
    return this.#missing(nowMs) === 0;
  }

  /**
   * Takes tokens, on credit where too few are left.
   *
   * @param nowMs The time, in milliseconds.
   * @param tokens How many.
   * @returns Milliseconds to wait before going on; 0 inside the burst.
   */
  take(nowMs: number, tokens = 1): number {
    const { burst, perSecond } = this.#rate;
    this.#taken = this.#missing(nowMs) + tokens;
    this.#takenAtMs = nowMs;
    return Math.max(0, (this.#taken - burst) * 1000 / perSecond);
  }

  /** Tokens that have not come back yet. While a clock is set back, none does. */
  #missing(nowMs: number): number {
    const passedMs = Math.max(0, nowMs - this.#takenAtMs);
    return Math.max(0, this.#taken - passedMs * this.#rate.perSecond / 1000);
  }
}
