/**
 * What was said, on its way to the store: kept before anybody is sent it.
 *
 * It numbers messages, and whatever else is told to programs, in one sequence.
 * The messages of a turn are appended together, in one transaction. Where the
 * store cannot take them, talking goes on and everybody is told; what could not
 * be kept waits, up to `UNSAVED_LENGTH_MAX` characters, and is tried again.
 * Must not know: users, timers (it is given one), files.
 *
 * @module
 */

import type { Counters } from "../counters.ts";
import type { RoomMessage } from "../events.ts";
import {
  EVENT_IDS_RESERVED,
  SAVE_RETRY_MS,
  UNSAVED_LENGTH_EACH,
  UNSAVED_LENGTH_MAX,
} from "../limits.ts";
import type { Timer } from "./presence.ts";
import type { HistoryStore, SeatDirect, SeatStore } from "./store.ts";

/** What the recorder needs of a store. */
export type RecorderStore =
  & Pick<HistoryStore, "append" | "lastMessageId">
  & Pick<SeatStore, "reservedId" | "reserveIds">;

/** Who hears of trouble. */
export interface RecorderOwner {
  /** The store has stopped taking messages. */
  onTrouble(error: unknown): void;
  /** It takes them again; so many were given up meanwhile. */
  onRecovery(lost: number): void;
}

/** Appends messages to the store, a turn at a time. */
export class Recorder {
  readonly #store: RecorderStore;
  readonly #owner: RecorderOwner;
  readonly #timer: Timer;
  readonly #counters: Counters;
  #lastId: number;
  /** Events may be given ids up to this one: an earlier run cannot have used them. */
  #reservedId: number;
  /** When they could not be set aside; -Infinity for never. */
  #unreservedAtMs = -Infinity;
  #lastAtMs = 0;
  /** Whether that is the time of this turn. */
  #hasTime = false;
  #unsaved: RoomMessage[] = [];
  #unsavedLength = 0;
  /** What belongs to seats, and is stored along with the messages. */
  #refs = new Map<number, number>();
  #directs: { readonly seatId: number; readonly direct: SeatDirect }[] = [];
  #isInTrouble = false;
  #lost = 0;

  /** Begins with nothing to append. */
  constructor(
    store: RecorderStore,
    options: { readonly owner: RecorderOwner; readonly timer: Timer; readonly counters: Counters },
  ) {
    this.#store = store;
    this.#counters = options.counters;
    this.#owner = options.owner;
    this.#timer = options.timer;
    this.#reservedId = store.reservedId;
    this.#lastId = Math.max(store.lastMessageId, this.#reservedId);
  }

  /** The id of the last message that was added, or of the last other event. */
  get lastId(): number {
    return this.#lastId;
  }

  /**
   * An id for an event that is not stored. Ids of such events are set aside in the
   * store, many at once, so that the server never gives one out again later.
   */
  nextId(): number {
    const id = ++this.#lastId;
    if (id > this.#reservedId && !this.#isInTrouble) this.#reserve(id + EVENT_IDS_RESERVED);
    return id;
  }

  #reserve(upToId: number): void {
    // A store that waits for another program would have everybody wait at each event.
    if (Math.abs(Date.now() - this.#unreservedAtMs) < SAVE_RETRY_MS) return;
    try {
      this.#store.reserveIds(upToId);
      this.#reservedId = upToId;
    } catch {
      // Whoever speaks finds out what is wrong with it. Only after a restart in the middle
      // of that could an id come back.
      this.#unreservedAtMs = Date.now();
    }
  }

  /** Whether the store did not take what it was given last. */
  get isInTrouble(): boolean {
    return this.#isInTrouble;
  }

  /** Messages that were added and are not stored, oldest first. */
  get unsaved(): readonly RoomMessage[] {
    return this.#unsaved;
  }

  /** What a seat's user asked for by this number was done: to be stored by the next `save`. */
  addRef(seatId: number, ref: number): void {
    this.#refs.set(seatId, ref);
  }

  /** A private message for a seat's user: to be stored by the next `save`. */
  addDirect(seatId: number, direct: SeatDirect): void {
    this.#directs.push({ seatId, direct });
    this.#unsavedLength += direct.text.length + UNSAVED_LENGTH_EACH;
  }

  /**
   * Makes a message of what was said, and takes it in: it is stored by the next `save`.
   * One object is what is stored and what is told, since many are made.
   */
  add(said: Omit<RoomMessage, "id" | "atMs">): RoomMessage {
    // One time for all of a turn. A clock that is set back does not put the new before the old.
    if (!this.#hasTime) this.#lastAtMs = Math.max(this.#lastAtMs, Date.now());
    this.#hasTime = true;
    const message: RoomMessage = {
      type: said.type,
      id: ++this.#lastId,
      atMs: this.#lastAtMs,
      room: said.room,
      roomId: said.roomId,
      accountId: said.accountId,
      from: said.from,
      text: said.text,
    };
    this.#unsaved.push(message);
    this.#unsavedLength += lengthOf(message);
    return message;
  }

  /** Stores what was added. Never throws. */
  save(): void {
    // What waits while the store fails has been said at one time or another.
    this.#hasTime = false;
    if (!this.#hasUnsaved) return;
    // While it fails, only the timer tries: each try may take a while.
    if (this.#isInTrouble) this.#giveUpOldest();
    else this.#append();
  }

  /** Stops trying; what waits still is tried once more. Says how many messages are lost. */
  close(): number {
    this.#timer.stop();
    if (this.#hasUnsaved) this.#append();
    this.#timer.stop();
    return this.#unsaved.length + this.#lost;
  }

  get #hasUnsaved(): boolean {
    return this.#unsaved.length > 0 || this.#refs.size > 0 || this.#directs.length > 0;
  }

  #append(): void {
    const startedAtMs = performance.now();
    try {
      if (this.#refs.size === 0 && this.#directs.length === 0) this.#store.append(this.#unsaved);
      else this.#store.append(this.#unsaved, { refs: this.#refs, directs: this.#directs });
    } catch (error) {
      this.#counters.appendFailures++;
      // Whatever it is, talking goes on: history is not worth the chat.
      this.#timer.start(() => this.#append(), SAVE_RETRY_MS);
      if (this.#isInTrouble) return;
      this.#isInTrouble = true;
      this.#owner.onTrouble(error);
      return;
    }
    this.#counters.appends.observe((performance.now() - startedAtMs) / 1_000);
    this.#unsaved = [];
    if (this.#refs.size > 0) this.#refs = new Map();
    if (this.#directs.length > 0) this.#directs = [];
    this.#unsavedLength = 0;
    if (!this.#isInTrouble) return;
    this.#isInTrouble = false;
    this.#timer.stop();
    const lost = this.#lost;
    this.#lost = 0;
    this.#owner.onRecovery(lost);
  }

  #giveUpOldest(): void {
    while (this.#unsavedLength > UNSAVED_LENGTH_MAX && this.#directs.length > 0) {
      const length = this.#directs.shift()?.direct.text.length ?? 0;
      this.#unsavedLength -= length + UNSAVED_LENGTH_EACH;
    }
    let count = 0;
    while (this.#unsavedLength > UNSAVED_LENGTH_MAX && count < this.#unsaved.length) {
      const oldest = this.#unsaved[count++];
      if (oldest !== undefined) this.#unsavedLength -= lengthOf(oldest);
    }
    if (count === 0) return;
    this.#unsaved.splice(0, count);
    this.#lost += count;
  }
}

/** Characters that a message takes while it waits, roughly. */
function lengthOf(message: RoomMessage): number {
  return message.text.length + UNSAVED_LENGTH_EACH;
}
