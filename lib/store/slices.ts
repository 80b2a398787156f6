/**
 * Work in slices, each a turn of the event loop, that gets out of people's way.
 *
 * Must not know: what the work is.
 *
 * @module
 */

import { SAVE_RETRY_MS } from "../limits.ts";

/** What is to be done, and how to tell whether somebody is in a hurry. */
export interface Work {
  /** Does one slice; the wait in milliseconds for the next, `busy` for as polite, or null for no more. */
  readonly slice: () => number | null;
  /** How many times as long as a slice the pause behind it is: 0 where nobody is in the way. */
  readonly pauseFactor: () => number;
  /** Told once of why slices fail, until one works again. */
  readonly onFault: (error: unknown) => void;
}

/** A worker that starts itself again until there is nothing to do. */
export class Slices {
  readonly #work: Work;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isFaulty = false;

  /** Begins with nothing to do. */
  constructor(work: Work) {
    this.#work = work;
  }

  /** Has a slice done after this wait, unless one is to be done already. */
  start(waitMs: number): void {
    this.#timer ??= setTimeout(this.#run, waitMs);
  }

  /** Does nothing more, until it is started again. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  readonly #run = (): void => {
    this.#timer = null;
    const began = performance.now();
    let waitMs: number | null;
    try {
      waitMs = this.#work.slice();
      this.#isFaulty = false;
    } catch (error) {
      if (!this.#isFaulty) this.#work.onFault(error);
      this.#isFaulty = true;
      waitMs = SAVE_RETRY_MS;
    }
    if (waitMs === null) return;
    const pauseMs = this.#work.pauseFactor() * (performance.now() - began);
    this.start(Math.max(waitMs, pauseMs));
  };
}
