/**
 * What was said, on its way to the store: kept before anybody is sent it.
 *
 * The messages of a turn are appended together, in one transaction. Where the
 * store cannot take them, talking goes on and everybody is told; what could not
 * be kept waits, up to `UNSAVED_LENGTH_MAX` characters, and is tried again.
 * Must not know: users, timers (it is given one), files.
 *
 * @module
 */

import type { RoomMessage } from "../events.ts";
import { SAVE_RETRY_MS, UNSAVED_LENGTH_EACH, UNSAVED_LENGTH_MAX } from "../limits.ts";
import type { Timer } from "./presence.ts";
import type { HistoryStore } from "./store.ts";

/** Who hears of trouble. */
export interface RecorderOwner {
  /** The store has stopped taking messages. */
  onTrouble(error: unknown): void;
  /** It takes them again; so many were given up meanwhile. */
  onRecovery(lost: number): void;
}

/** Appends messages to the store, a turn at a time. */
export class Recorder {
  readonly #store: Pick<HistoryStore, "append" | "lastMessageId">;
  readonly #owner: RecorderOwner;
  readonly #timer: Timer;
  #lastId: number;
  #lastAtMs = 0;
  /** Whether that is the time of this turn. */
  #hasTime = false;
  #unsaved: RoomMessage[] = [];
  #unsavedLength = 0;
  #isInTrouble = false;
  #lost = 0;

  /** Begins with nothing to append. */
  constructor(
    store: Pick<HistoryStore, "append" | "lastMessageId">,
    options: { readonly owner: RecorderOwner; readonly timer: Timer },
  ) {
    this.#store = store;
    this.#owner = options.owner;
    this.#timer = options.timer;
    this.#lastId = store.lastMessageId;
  }

  /** The id of the last message that was added. */
  get lastId(): number {
    return this.#lastId;
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
    if (this.#unsaved.length === 0) return;
    // While it fails, only the timer tries: each try may take a while.
    if (this.#isInTrouble) this.#giveUpOldest();
    else this.#append();
  }

  /** Stops trying; what waits still is tried once more. Says how many messages are lost. */
  close(): number {
    this.#timer.stop();
    if (this.#unsaved.length > 0) this.#append();
    this.#timer.stop();
    return this.#unsaved.length + this.#lost;
  }

  #append(): void {
    try {
      this.#store.append(this.#unsaved);
    } catch (error) {
      // Whatever it is, talking goes on: history is not worth the chat.
      this.#timer.start(() => this.#append(), SAVE_RETRY_MS);
      if (this.#isInTrouble) return;
      this.#isInTrouble = true;
      this.#owner.onTrouble(error);
      return;
    }
    this.#unsaved = [];
    this.#unsavedLength = 0;
    if (!this.#isInTrouble) return;
    this.#isInTrouble = false;
    this.#timer.stop();
    const lost = this.#lost;
    this.#lost = 0;
    this.#owner.onRecovery(lost);
  }

  #giveUpOldest(): void {
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
