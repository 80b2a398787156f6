/**
 * Timers that connections share.
 *
 * A timer of the runtime's own costs some three kilobytes, a third of what a
 * quiet connection may cost in all. Whatever falls due within the same step
 * shares one here, and costs an entry in a set.
 * Must not know: what falls due.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { DUE_PER_TURN } from "../limits.ts";

/** What a timer is for. */
export interface Due {
  /** Called once, at its time or up to a step later. Must not throw. */
  onDue(): void;
}

/** What falls due in one step, and the timer for it. */
interface Slot {
  readonly members: Set<Due>;
  timer: ReturnType<typeof setTimeout>;
}

/** The longest wait that a timer can take; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Timers whose times are rounded up to a step.
 *
 * Reads the clock through `Date.now` and waits with `setTimeout`, so that tests
 * move both.
 */
export class SharedTimers {
  readonly #stepMs: number;
  readonly #slots = new Map<number, Slot>();

  /**
   * Begins with nothing to call.
   *
   * @param stepMs What times are rounded up to, in milliseconds.
   */
  constructor(stepMs: number) {
    this.#stepMs = stepMs;
  }

  /**
   * Has `due.onDue` called after `delayMs` milliseconds or up to a step more.
   *
   * @returns What {@linkcode SharedTimers.remove} takes.
   */
  add(due: Due, delayMs: number): number {
    // Never this very step: it may be running.
    const at = Math.ceil((Date.now() + Math.max(1, delayMs)) / this.#stepMs);
    const slot = this.#slots.get(at);
    if (slot === undefined) this.#slots.set(at, { members: new Set([due]), timer: this.#arm(at) });
    else slot.members.add(due);
    return at;
  }

  /** Forgets what `add` promised. Does nothing once that has been kept. */
  remove(due: Due, at: number): void {
    const slot = this.#slots.get(at);
    if (slot === undefined || !slot.members.delete(due) || slot.members.size > 0) return;
    clearTimeout(slot.timer);
    this.#slots.delete(at);
  }

  #arm(at: number): ReturnType<typeof setTimeout> {
    const waitMs = at * this.#stepMs - Date.now();
    return setTimeout(() => this.#fire(at), Math.min(waitMs, TIMER_MS_MAX));
  }

  #fire(at: number): void {
    const slot = this.#slots.get(at);
    if (slot === undefined) return;
    // A timer may be early, by a rounding or because the wait was too long for one.
    if (Date.now() < at * this.#stepMs) {
      slot.timer = this.#arm(at);
      return;
    }
    this.#run(at, slot);
  }

  /** Calls those who are due, a few in each turn: what else happens need not wait for thousands. */
  #run(at: number, slot: Slot): void {
    let called = 0;
    for (const due of slot.members) {
      if (called++ === DUE_PER_TURN) {
        setImmediate(() => this.#run(at, slot));
        return;
      }
      slot.members.delete(due);
      due.onDue();
    }
    this.#slots.delete(at);
  }
}
