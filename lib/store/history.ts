/**
 * The history of rooms: read, searched, removed.
 *
 * Must not know: how messages get here, how long they stay.
 *
 * @module
 */

import type { HistoryQuery, SearchQuery, StoredMessage } from "../chat/store.ts";
import { INDEX_PAGES_CLEANED } from "../limits.ts";
import { type Database, numberIn, numberOrNullIn, type Row, textIn } from "./database.ts";
import type { Journal } from "./journal.ts";
import { typeOf } from "./packing.ts";
import { matchExpression } from "./words.ts";

/** Beyond every id. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** What was filed and, for those methods that say so in `store.ts`, what was not yet. */
export class History {
  readonly #db: Database;
  readonly #journal: Journal;

  /** Reads from a database and its journal. */
  constructor(db: Database, journal: Journal) {
    this.#db = db;
    this.#journal = journal;
  }

  /** The last messages of a room, oldest first. */
  recent(roomId: number, limit: number): StoredMessage[] {
    const newest: StoredMessage[] = [];
    if (limit <= 0) return newest;
    if (this.#journal.unfiled > 0) {
      for (const message of this.#journal.newestFirst()) {
        if (message.roomId === roomId && newest.push(message) === limit) break;
      }
    }
    const query = { roomId, beforeId: NEVER, sinceId: 0, limit: limit - newest.length };
    return [...this.read(query), ...newest.reverse()];
  }

  /** The first messages of a room after an id, oldest first. */
  after(query: { roomId: number; afterId: number; limit: number }): StoredMessage[] {
    const { roomId, afterId, limit } = query;
    if (limit <= 0) return [];
    const found = this.#db.all(
      "SELECT * FROM message WHERE room = ? AND id > ? ORDER BY id LIMIT ?",
      roomId,
      afterId,
      limit,
    ).map(messageOf);
    // What is not filed yet is younger than all that is.
    if (found.length === limit || this.#journal.unfiled === 0) return found;
    for (const message of this.#journal.after(afterId)) {
      if (message.roomId === roomId && found.push(message) === limit) break;
    }
    return found;
  }

  /** How many messages of a room there are from an id on, `limit` at most. */
  countFrom(query: { roomId: number; sinceId: number; limit: number }): number {
    const { roomId, sinceId, limit } = query;
    let count = 0;
    if (this.#journal.unfiled > 0) {
      for (const message of this.#journal.newestFirst()) {
        if (message.id < sinceId || count === limit) break;
        if (message.roomId === roomId) count++;
      }
    }
    const filed = this.#db.number(
      `SELECT count(*) FROM
         (SELECT 1 FROM message WHERE room = ? AND id >= ? LIMIT CAST(? AS INTEGER))`,
      roomId,
      sinceId,
      limit - count,
    );
    return count + (filed ?? 0);
  }

  /** Filed messages of a room, oldest first. */
  read({ roomId, beforeId, sinceId, limit }: HistoryQuery): StoredMessage[] {
    if (limit <= 0) return [];
    return this.#db.all(
      `SELECT * FROM message WHERE room = ? AND id < ? AND id >= ? ORDER BY id DESC LIMIT ?`,
      roomId,
      beforeId,
      sinceId,
      limit,
    ).map(messageOf).reverse();
  }

  /** Filed messages with these words, newest first. */
  search(query: SearchQuery): StoredMessage[] {
    const fromId = query.afterMs === null ? 0 : this.idAt(query.afterMs);
    const endId = query.beforeMs === null ? NEVER : this.idAt(query.beforeMs);
    let hits: StoredMessage[] = [];
    // Rooms that are searched from the same message on are one search. Those that go back
    // least far come first: what they find says how far back it is of use to look.
    for (const [sinceId, roomIds] of groupRooms(query)) {
      const leastId = hits.length < query.limit ? 0 : hits.at(-1)?.id ?? 0;
      const found = this.#db.all(
        // The casts, because numbers arrive as REAL, for which the index seeks no row.
        // The cross join has SQLite begin with the index, which gives the newest first.
        `SELECT message.* FROM word CROSS JOIN message ON message.id = word.rowid
         WHERE word MATCH ? AND word.rowid >= CAST(? AS INTEGER) AND word.rowid < CAST(? AS INTEGER)
         ORDER BY word.rowid DESC LIMIT ?`,
        matchExpression(query, roomIds),
        Math.max(sinceId, fromId, leastId),
        endId,
        query.limit,
      ).map(messageOf);
      hits = [...hits, ...found].sort((one, other) => other.id - one.id).slice(0, query.limit);
    }
    return hits;
  }

  /** The id of the first filed message from this time on; one more than the last without one. */
  idAt(atMs: number): number {
    let [least, end] = [1, this.#journal.lastId + 1];
    // Times never decrease, and of many ids there may be no message any more.
    while (least < end) {
      const middle = Math.floor((least + end) / 2);
      const row = this.#db.get(
        "SELECT id, at FROM message WHERE id >= ? ORDER BY id LIMIT 1",
        middle,
      );
      if (row === null || numberIn(row, "at") >= atMs) end = middle;
      else least = numberIn(row, "id") + 1;
    }
    const found = this.#db.number(
      "SELECT id FROM message WHERE id >= ? ORDER BY id LIMIT 1",
      least,
    );
    return found ?? this.#journal.lastId + 1;
  }

  /** One filed message. */
  message(id: number): StoredMessage | null {
    const row = this.#db.get("SELECT * FROM message WHERE id = ?", id);
    return row === null ? null : messageOf(row);
  }

  /**
   * Removes a message for good. It is not found any more, but the index only notes that;
   * its words leave with {@linkcode History.clean}.
   */
  forget(id: number): void {
    this.#db.transaction(() => {
      this.remove([id]);
      this.#db.run("UPDATE counter SET value = 1 WHERE name = 'unclean'");
    });
  }

  /** Whether words of a message that somebody removed may be in the index. */
  get isUnclean(): boolean {
    return this.#db.number("SELECT value FROM counter WHERE name = 'unclean'") === 1;
  }

  /** Writes a piece of the index anew, and says whether that was the last. */
  clean(isFirst: boolean): boolean {
    return this.#db.transaction(() => {
      const before = this.#db.number("SELECT total_changes()") ?? 0;
      // A negative number of pages has SQLite begin to merge all there is.
      const pages = isFirst ? -INDEX_PAGES_CLEANED : INDEX_PAGES_CLEANED;
      this.#db.run("INSERT INTO word (word, rank) VALUES ('merge', ?)", pages);
      // The statement itself counts as one change, and nothing left to merge as no more.
      const changes = (this.#db.number("SELECT total_changes()") ?? 0) - before;
      if (changes > 1) return false;
      this.#db.run("UPDATE counter SET value = 0 WHERE name = 'unclean'");
      return true;
    });
  }

  /** Removes filed messages, from what is searched as well, in one transaction. */
  remove(ids: readonly number[]): void {
    this.#db.transaction(() => {
      for (const id of ids) {
        this.#db.run("DELETE FROM word WHERE rowid = ?", id);
        this.#db.run("DELETE FROM message WHERE id = ?", id);
      }
    });
  }
}

/** Rooms by the message that they are searched from, the latest first. */
function groupRooms({ rooms }: SearchQuery): [number, number[]][] {
  const groups = new Map<number, number[]>();
  for (const { roomId, sinceId } of rooms) {
    const group = groups.get(sinceId);
    if (group === undefined) groups.set(sinceId, [roomId]);
    else group.push(roomId);
  }
  return [...groups].sort(([one], [other]) => other - one);
}

function messageOf(row: Row): StoredMessage {
  return {
    id: numberIn(row, "id"),
    atMs: numberIn(row, "at"),
    roomId: numberIn(row, "room"),
    type: typeOf(numberIn(row, "type")),
    accountId: numberOrNullIn(row, "account"),
    from: textIn(row, "name"),
    text: textIn(row, "text"),
  };
}
