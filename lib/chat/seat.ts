/**
 * A seat: what is kept for one user so that they can come back when their
 * connection, or the server, breaks.
 *
 * Must not know: tokens (it has their hashes), stores, timers (it is given one).
 *
 * @module
 */

import { PAST_STAYS_MAX } from "../limits.ts";
import { KeptEvents } from "./kept_events.ts";
import type { Timer } from "./presence.ts";
import type { SeatRecord } from "./store.ts";

/** A stay in a room that is over, of which messages may have been missed. */
export interface PastStay {
  /** What the store calls the room. */
  readonly roomId: number;
  /** Those after this event. */
  readonly fromId: number;
  /** Up to this one. */
  readonly untilId: number;
  /** What the room kept then: it forgets that once nobody there has a seat. */
  readonly kept: KeptEvents | null;
}

/** One user's seat. */
export class Seat {
  /** As the store has it, or is to have it. */
  record: SeatRecord;
  /** Hashes of tokens between its two, of which nobody knows whether they have arrived. */
  unproven: readonly string[] = [];
  /** Whether the store has it. */
  isStored = true;
  /** What was told to the user alone and is not stored. */
  readonly kept: KeptEvents = new KeptEvents();
  /** Rooms that they left, or were sent out of, since what they last confirmed. */
  pastStays: PastStay[] = [];
  /** Runs while they have no connection. */
  readonly timer: Timer;
  /** Whether they have none. */
  isParked = false;
  /** Whether anything came over a connection of theirs: the first welcome has arrived then. */
  hasArrived = false;
  /** Whether the server was started anew since they last had one. */
  isRestored = false;
  /** Private messages up to this id are stored for them; 0 for none. */
  storedDirectId = 0;
  /** How many were, since the oldest were last given up. */
  storedDirects = 0;

  /** For what the store has. */
  constructor(record: SeatRecord, timer: Timer) {
    this.record = record;
    this.timer = timer;
  }

  /** A stay is over. */
  addPastStay(stay: PastStay): void {
    this.pastStays.push(stay);
    if (this.pastStays.length > PAST_STAYS_MAX) this.pastStays.shift();
  }

  /** All events up to an id have arrived. */
  confirm(upToId: number): void {
    this.kept.forget(upToId);
    this.pastStays = this.pastStays.filter(({ untilId }) => untilId > upToId);
  }
}
