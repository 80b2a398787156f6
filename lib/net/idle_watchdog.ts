/**
 * The idle watchdog: ends the session of a peer that has gone quiet.
 *
 * One `AbortController` and one timer a connection. A sign of life only stamps
 * the time; when the timer fires, the watchdog works out whether the peer is
 * really idle, and else sleeps on for just as long as is left.
 * Must not know: sockets, protocols; what an aborted session does.
 *
 * @module
 */

import { IdleTimeoutError } from "../errors.ts";
import { IDLE_STEP_MS_MAX, IDLE_STEPS, IDLE_WARNING_MS } from "../limits.ts";
import { type Due, SharedTimers } from "./shared_timers.ts";

/** Whose silence is watched. */
export interface Watched {
  /** Aborted with an {@linkcode IdleTimeoutError} once the peer is idle. */
  readonly controller: AbortController;
  /** When the peer last sent something, in epoch milliseconds. */
  readonly lastReadAtMs: number;
}

/** Hears of a silence that is about to be too long. */
export interface IdleOwner {
  /** Called once in each silence. */
  onIdleWarning(remainingMs: number): void;
}

/** How long silence may last, for all connections of a server. */
export class IdleLimit {
  /** Quiet for this long, in milliseconds, ends a session. */
  readonly timeoutMs: number;
  /** The warning comes so long before the end. */
  readonly warningMs: number;
  /** The timers of all watchdogs with this limit. */
  readonly timers: SharedTimers;

  /**
   * The limit for a server.
   *
   * @param timeoutMs How long silence may last, in milliseconds.
   */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    // Half of a short time-out, so that a warning never comes to a peer who was just heard.
    this.warningMs = Math.min(IDLE_WARNING_MS, timeoutMs / 2);
    this.timers = new SharedTimers(Math.min(IDLE_STEP_MS_MAX, Math.ceil(timeoutMs / IDLE_STEPS)));
  }
}

/** Watches one connection from its making until it is disposed. */
export class IdleWatchdog implements Due, Disposable {
  readonly #watched: Watched;
  readonly #limit: IdleLimit;
  readonly #owner: IdleOwner;
  #startedAtMs = Date.now();
  #timer = 0;

  /** Watches from now on. */
  constructor(watched: Watched, limit: IdleLimit, owner: IdleOwner) {
    this.#watched = watched;
    this.#limit = limit;
    this.#owner = owner;
    this.#timer = limit.timers.add(this, limit.timeoutMs - limit.warningMs);
  }

  /** Stops watching until {@linkcode IdleWatchdog.resume}: the peer is kept from sending. */
  pause(): void {
    this.#limit.timers.remove(this, this.#timer);
  }

  /** Watches again; what was before counts as life. */
  resume(): void {
    this.pause();
    this.#startedAtMs = Date.now();
    this.#timer = this.#limit.timers.add(this, this.#limit.timeoutMs - this.#limit.warningMs);
  }

  /** Stops watching for good. Calling it again changes nothing. */
  [Symbol.dispose](): void {
    this.pause();
  }

  /** See {@linkcode Due}. */
  onDue(): void {
    const { timeoutMs, timers, warningMs } = this.#limit;
    const quietSinceMs = Math.max(this.#startedAtMs, this.#watched.lastReadAtMs);
    const remainingMs = quietSinceMs + timeoutMs - Date.now();
    if (remainingMs <= 0) {
      this.#watched.controller.abort(new IdleTimeoutError(timeoutMs));
    } else if (remainingMs > warningMs) {
      this.#timer = timers.add(this, remainingMs - warningMs);
    } else {
      this.#owner.onIdleWarning(remainingMs);
      this.#timer = timers.add(this, remainingMs);
    }
  }
}
