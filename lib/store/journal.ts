/**
 * The journal: what was said, turn by turn, until it is filed.
 *
 * Appending is one insert of one row, whatever the turn held: this is what the
 * chat waits for. Everything that makes messages readable and searchable comes
 * later, in `filing.ts`.
 * Must not know: the tables that messages are filed in, timers.
 *
 * @module
 */

import type { StoredMessage } from "../chat/store.ts";
import { type Database, numberIn } from "./database.ts";
import { packMessages, unpackMessages } from "./packing.ts";

/** Messages that are to be filed next, and what then is done with the journal. */
export interface Batch {
  /** Oldest first. */
  readonly messages: readonly StoredMessage[];
  /** Rows of the journal up to this one are filed completely then; 0 for none. */
  readonly lastRow: number;
}

/** What was appended, and how far it is filed. */
export class Journal {
  readonly #db: Database;
  #lastId: number;
  #filedId: number;
  #unfiled: number;
  /** A row that is filed in parts, unpacked once. */
  #parted: { readonly first: number; readonly messages: readonly StoredMessage[] } | null = null;

  /** Finds out what an earlier process left. */
  constructor(db: Database) {
    this.#db = db;
    this.#filedId = db.number("SELECT value FROM counter WHERE name = 'filed'") ?? 0;
    this.#lastId = Math.max(
      this.#filedId,
      db.number("SELECT first + count - 1 FROM journal ORDER BY first DESC LIMIT 1") ?? 0,
    );
    this.#unfiled = db.number(
      "SELECT coalesce(sum(first + count - max(first, ? + 1)), 0) FROM journal",
      this.#filedId,
    ) ?? 0;
  }

  /** The id of the last message ever appended. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The id of the last message that was filed, or dropped. */
  get filedId(): number {
    return this.#filedId;
  }

  /** Messages that wait to be filed. */
  get unfiled(): number {
    return this.#unfiled;
  }

  /**
   * Appends a turn's messages.
   *
   * @throws {RangeError} If their ids are not in sequence, or not after those appended before.
   */
  append(messages: readonly StoredMessage[]): void {
    if (messages.length === 0) return;
    const { first, count, at, lines } = packMessages(messages);
    if (first <= this.#lastId) throw new RangeError(`Message ${first} was appended before`);
    this.#db.run("INSERT INTO journal VALUES (?, ?, ?, ?)", first, count, at, lines);
    this.#lastId = first + count - 1;
    this.#unfiled += count;
  }

  /** What {@linkcode Journal.restore} needs. */
  save(): { readonly lastId: number; readonly unfiled: number } {
    return { lastId: this.#lastId, unfiled: this.#unfiled };
  }

  /** Forgets what was appended since: a transaction around it was undone. */
  restore(saved: { readonly lastId: number; readonly unfiled: number }): void {
    this.#lastId = saved.lastId;
    this.#unfiled = saved.unfiled;
  }

  /** Unfiled messages, oldest first. */
  *#oldestFirst(): Generator<StoredMessage, void> {
    for (const row of this.#db.rows("SELECT * FROM journal ORDER BY first")) {
      yield* this.#unfiledOf(unpackMessages(row));
    }
  }

  /** Unfiled messages, newest first. */
  *newestFirst(): Generator<StoredMessage, void> {
    for (const row of this.#db.rows("SELECT * FROM journal ORDER BY first DESC")) {
      yield* this.#unfiledOf(unpackMessages(row)).reverse();
    }
  }

  /** How many messages of each room are unfiled. */
  countByRoom(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { roomId } of this.#oldestFirst()) {
      counts.set(roomId, (counts.get(roomId) ?? 0) + 1);
    }
    return counts;
  }

  /** The next messages to be filed, `limit` at most. */
  next(limit: number): Batch {
    const messages: StoredMessage[] = [];
    let lastRow = 0;
    for (const row of this.#db.rows("SELECT * FROM journal ORDER BY first")) {
      const first = numberIn(row, "first");
      const all = this.#parted?.first === first ? this.#parted.messages : unpackMessages(row);
      const rest = this.#unfiledOf(all);
      const part = rest.slice(0, limit - messages.length);
      messages.push(...part);
      if (part.length < rest.length) {
        this.#parted = { first, messages: all };
        break;
      }
      lastRow = first;
      if (messages.length === limit) break;
    }
    return { messages, lastRow };
  }

  /** Writes down that a batch was filed; a part of the transaction that files it. */
  remove({ messages, lastRow }: Batch): void {
    this.#db.run(
      "UPDATE counter SET value = ? WHERE name = 'filed'",
      messages.at(-1)?.id ?? this.#filedId,
    );
    if (lastRow > 0) this.#db.run("DELETE FROM journal WHERE first <= ?", lastRow);
  }

  /** Remembers the same, once that transaction has succeeded. */
  removed({ messages, lastRow }: Batch): void {
    this.#filedId = messages.at(-1)?.id ?? this.#filedId;
    this.#unfiled -= messages.length;
    if (this.#parted !== null && this.#parted.first <= lastRow) this.#parted = null;
  }

  #unfiledOf(messages: readonly StoredMessage[]): StoredMessage[] {
    return messages.filter(({ id }) => id > this.#filedId);
  }
}
