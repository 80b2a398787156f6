/**
 * How fast one peer may send: a token bucket that says how long to wait.
 *
 * Must not know: timers (it is told the time), what is counted.
 *
 * @module
 */

import type { Rate } from "../limits.ts";

/**
 * A token bucket, kept as one number: the time at which it would be full again
 * (the "generic cell rate algorithm", ITU-T I.371).
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
  readonly #gapMs: number;
  readonly #burstMs: number;
  #fullAtMs = 0;

  /** Begins with the whole burst free. */
  constructor(rate: Rate) {
    this.#gapMs = 1000 / rate.perSecond;
    this.#burstMs = this.#gapMs * rate.burst;
  }

  /** Whether the whole burst is free again. */
  isFull(nowMs: number): boolean {
    return this.#fullAtMs <= nowMs;
  }

  /**
   * Takes one token, on credit where none is left.
   *
   * @param nowMs The time, in milliseconds; never less than at the last call.
   * @returns Milliseconds to wait before going on; 0 inside the burst.
   */
  take(nowMs: number): number {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#gapMs;
    return Math.max(0, this.#fullAtMs - this.#burstMs - nowMs);
  }
}
