/**
 * Events that were told and are not stored, for those who may have missed them.
 *
 * Promises a bound: the oldest are given up, and it is known that they were.
 * Must not know: who is told them.
 *
 * @module
 */

import type { ChatEvent } from "../events.ts";
import { KEPT_EVENTS_MAX } from "../limits.ts";

/** One event, and who was not told. */
interface Kept {
  readonly id: number;
  readonly event: ChatEvent;
  readonly except: number | null;
}

/** The last events of a room, or of a user. */
export class KeptEvents {
  /** Ascending by their ids. */
  #events: Kept[] = [];
  #lostId = 0;

  /** The id of the newest event that was given up; 0 for none. */
  get lostId(): number {
    return this.#lostId;
  }

  /** Adds an event with an id above that of all others. One without an id is passed over. */
  add(event: ChatEvent, except: number | null): void {
    if (!("id" in event) || event.id === undefined) return;
    this.#events.push({ id: event.id, event, except });
    if (this.#events.length < 2 * KEPT_EVENTS_MAX) return;
    // Half at once: to take them out one by one would move all others each time.
    const given = this.#events.splice(0, KEPT_EVENTS_MAX);
    this.#lostId = given.at(-1)?.id ?? this.#lostId;
  }

  /** Those after an id, oldest first, but for those that this user was not to be told. */
  after(id: number, userId: number): ChatEvent[] {
    const events: ChatEvent[] = [];
    for (let at = this.#events.length - 1; at >= 0; at--) {
      const kept = this.#events[at];
      if (kept === undefined || kept.id <= id) break;
      if (kept.except !== userId) events.push(kept.event);
    }
    return events.reverse();
  }

  /** Forgets those up to an id: they have arrived. */
  forget(upToId: number): void {
    const first = this.#events.findIndex(({ id }) => id > upToId);
    this.#events = first < 0 ? [] : this.#events.slice(first);
  }
}
