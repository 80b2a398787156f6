/**
 * What a program asked for, by the numbers that it gave: so that what it sends
 * once more, because it does not know whether it arrived, is done once.
 *
 * Must not know: what requests are, connections.
 *
 * @module
 */

import type { CommandError } from "../errors.ts";
import { OUTCOMES_MAX } from "../limits.ts";
import type { Ref } from "../messages.ts";

/** What became of a request: why it was refused, what it said, or null for anything else. */
export type Outcome = CommandError | { readonly id: number; readonly atMs: number } | null;

/** The requests of one program. */
export class Requests {
  #lastRef: number;
  /** Of the last few that were refused, or said something. */
  readonly #outcomes = new Map<number, Exclude<Outcome, null>>();

  /** Begins behind `lastRef`; 0 for nothing yet. */
  constructor(lastRef = 0) {
    this.#lastRef = lastRef;
  }

  /** The highest integer among the numbers of those that were acted on, or refused. */
  get lastRef(): number {
    return this.#lastRef;
  }

  /** Whether a request with this number was dealt with already. */
  isKnown(ref: Ref | undefined): ref is number {
    return typeof ref === "number" && ref <= this.#lastRef;
  }

  /** What became of it; null also where that is too long ago. */
  outcomeOf(ref: number): Outcome {
    return this.#outcomes.get(ref) ?? null;
  }

  /** A request was dealt with. */
  note(ref: Ref | undefined, outcome: Outcome): void {
    if (typeof ref !== "number" || ref <= this.#lastRef) return;
    this.#lastRef = ref;
    if (outcome === null) return;
    this.#outcomes.set(ref, outcome);
    if (this.#outcomes.size <= OUTCOMES_MAX) return;
    for (const oldest of this.#outcomes.keys()) {
      this.#outcomes.delete(oldest);
      break;
    }
  }
}
