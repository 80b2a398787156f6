/**
 * The journal: what was said, turn by turn, until it is filed.
 *
 * Appending is one insert of one row for nearly every turn, whatever it held: this
 * is what the chat waits for. Everything that makes messages readable and searchable
 * comes later, in `filing.ts`.
 * Must not know: the tables that messages are filed in, timers.
 *
 * @module
 */

import type { StoredMessage } from "../chat/store.ts";
import { type Database, numberIn } from "./database.ts";
import { type PackedMessages, packMessages, unpackMessages } from "./packing.ts";

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
   * Appends a turn's messages, all or none of them.
   *
   * @throws {RangeError} If their ids do not grow, from those appended before on.
   */
  append(messages: readonly StoredMessage[]): void {
    const rows = packMessages(messages);
    const [head] = rows;
    const last = messages.at(-1);
    if (head === undefined || last === undefined) return;
    if (head.first <= this.#lastId) throw new RangeError(`Message ${head.first} is out of order`);
    // One statement is all or nothing by itself, and costs less without a transaction.
    if (rows.length === 1) this.#insert(head);
    else this.#db.transaction(() => rows.forEach((row) => this.#insert(row)));
    this.#lastId = last.id;
    this.#unfiled += messages.length;
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

  /** Unfiled messages after an id, oldest first. */
  *after(id: number): Generator<StoredMessage, void> {
    const afterId = Math.max(id, this.#filedId);
    // From the row that the id is in, or else the one before it: no others are looked at.
    const rows = this.#db.rows(
      `SELECT * FROM journal
       WHERE first >= coalesce((SELECT max(first) FROM journal WHERE first <= ?), 0)
       ORDER BY first`,
      afterId,
    );
    for (const row of rows) {
      for (const message of unpackMessages(row)) if (message.id > afterId) yield message;
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
    for (const { roomId } of this.after(this.#filedId)) {
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

  #insert({ first, count, at, lines }: PackedMessages): void {
    this.#db.run("INSERT INTO journal VALUES (?, ?, ?, ?)", first, count, at, lines);
  }

  #unfiledOf(messages: readonly StoredMessage[]): StoredMessage[] {
    return messages.filter(({ id }) => id > this.#filedId);
  }
}
