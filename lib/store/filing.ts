/**
 * Filing: messages move from the journal to where they are read and searched.
 *
 * Must not know: how messages are appended, what is asked of the history.
 *
 * @module
 */

import type { StoredMessage } from "../chat/store.ts";
import {
  FILING_DEBT_MESSAGES,
  FILING_MESSAGES,
  FILING_PAUSE_FACTOR,
  FILING_QUIET_MS,
  FILING_SLICES_AT_ONCE,
} from "../limits.ts";
import type { Database } from "./database.ts";
import type { Journal } from "./journal.ts";
import { typeNumber } from "./packing.ts";
import { Slices } from "./slices.ts";
import { authorToken, indexedWords, roomToken } from "./words.ts";

/** What filing works on, and whom it tells. */
export interface FilingOptions {
  /** Where messages are filed. */
  readonly db: Database;
  /** What is to be filed. */
  readonly journal: Journal;
  /** Called when all is filed and nobody has talked for a while. */
  readonly onQuiet: () => void;
  /** Called once when filing does not work, until it works again. */
  readonly onFault: (error: unknown) => void;
}

/** Files in the background, and at once for who needs it. */
export class Filing {
  readonly #db: Database;
  readonly #journal: Journal;
  readonly #onQuiet: () => void;
  readonly #slices: Slices;
  #appendedMs = -Infinity;

  /** Begins with what an earlier process left, once it is started. */
  constructor({ db, journal, onQuiet, onFault }: FilingOptions) {
    this.#db = db;
    this.#journal = journal;
    this.#onQuiet = onQuiet;
    this.#slices = new Slices({
      slice: () => this.#slice(),
      pauseFactor: () => this.pauseFactor(),
      onFault,
    });
  }

  /** Begins in the background. */
  start(): void {
    this.#slices.start(0);
  }

  /** Ends in the background. */
  stop(): void {
    this.#slices.stop();
  }

  /** Whether people are talking. */
  isBusy(): boolean {
    return Math.abs(Date.now() - this.#appendedMs) < FILING_QUIET_MS;
  }

  /** How long work in the background is to pause, in times of what it takes. */
  pauseFactor(): number {
    if (!this.isBusy()) return 0;
    const { unfiled } = this.#journal;
    if (unfiled < FILING_DEBT_MESSAGES) return FILING_PAUSE_FACTOR;
    return FILING_PAUSE_FACTOR / (unfiled < 4 * FILING_DEBT_MESSAGES ? 5 : 25);
  }

  /** To be called when something was appended. */
  noteAppended(): void {
    this.#appendedMs = Date.now();
    this.#slices.start(FILING_QUIET_MS);
  }

  /** Files for about so long, if there is so much. */
  fileFor(ms: number): void {
    const endMs = performance.now() + ms;
    while (this.#journal.unfiled > 0 && performance.now() < endMs) this.fileSlice();
  }

  /** Files all that was appended before the call. */
  async catchUp(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const untilId = this.#journal.lastId;
    if (this.#journal.unfiled > FILING_SLICES_AT_ONCE * FILING_MESSAGES) {
      const untilAlmost = untilId - FILING_SLICES_AT_ONCE * FILING_MESSAGES;
      while (this.#journal.filedId < untilAlmost) {
        this.fileSlice();
        await nextTurn();
        signal.throwIfAborted();
      }
    }
    while (this.#journal.filedId < untilId) this.fileSlice();
  }

  /** Files some messages, in one transaction. */
  fileSlice(): void {
    const batch = this.#journal.next(FILING_MESSAGES);
    this.#db.transaction(() => {
      this.#file(batch.messages);
      this.#journal.remove(batch);
    });
    this.#journal.removed(batch);
  }

  #slice(): number | null {
    if (this.#journal.unfiled > 0) {
      this.fileSlice();
      if (this.#journal.unfiled > 0) return 0;
    }
    if (this.isBusy()) return FILING_QUIET_MS;
    this.#onQuiet();
    return null;
  }

  #file(messages: readonly StoredMessage[]): void {
    const counts = new Map<number, number | null>();
    const read = new Map<string, readonly [number, number, number]>();
    for (const message of messages) {
      const { roomId, accountId } = message;
      let count = counts.get(roomId);
      if (count === undefined) {
        count = this.#db.number("SELECT messages FROM room WHERE id = ?", roomId);
      }
      counts.set(roomId, count === null ? null : count + 1);
      // The room was removed meanwhile.
      if (count === null) continue;
      this.#fileOne(message);
      if (accountId !== null) read.set(`${roomId} ${accountId}`, [message.id, roomId, accountId]);
    }
    for (const [roomId, count] of counts) {
      if (count !== null) this.#db.run("UPDATE room SET messages = ? WHERE id = ?", count, roomId);
    }
    // Who speaks has read what came before.
    for (const values of read.values()) {
      this.#db.run(
        `UPDATE member SET read_id = max(read_id, ?)
         WHERE room = ? AND account = ?`,
        ...values,
      );
    }
  }

  #fileOne({ id, roomId, atMs, type, accountId, from, text }: StoredMessage): void {
    this.#db.run(
      "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
      id,
      roomId,
      atMs,
      typeNumber(type),
      accountId,
      from,
      text,
    );
    this.#db.run(
      "INSERT INTO word (rowid, room, author, words) VALUES (?, ?, ?, ?)",
      id,
      roomToken(roomId),
      authorToken(from),
      indexedWords(text),
    );
  }
}

/** Lets everybody else have a turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
