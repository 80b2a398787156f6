/**
 * What a program asked for, by the numbers that it gave: so that what it sends
 * once more, because it does not know whether it arrived, is done once.
 *
 * Must not know: what requests are, connections.
 *
 * @module
 */

import type { CommandError } from "../errors.ts";
import { REFUSALS_MAX } from "../limits.ts";
import type { Ref } from "../messages.ts";

/** The requests of one program. */
export class Requests {
  #lastRef: number;
  /** Why the last few that were refused were. */
  readonly #refusals = new Map<number, CommandError>();

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

  /** Why it was refused; undefined where it was done, or that is too long ago. */
  refusalOf(ref: number): CommandError | undefined {
    return this.#refusals.get(ref);
  }

  /** A request was dealt with. */
  note(ref: Ref | undefined, refusal: CommandError | null): void {
    if (typeof ref !== "number" || ref <= this.#lastRef) return;
    this.#lastRef = ref;
    if (refusal === null) return;
    this.#refusals.set(ref, refusal);
    if (this.#refusals.size <= REFUSALS_MAX) return;
    for (const oldest of this.#refusals.keys()) {
      this.#refusals.delete(oldest);
      break;
    }
  }
}
