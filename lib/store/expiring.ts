/**
 * What has had its time is removed: old messages, those of rooms that are gone,
 * sanctions that have ended, old entries of the record.
 *
 * Must not know: what is asked of the history.
 *
 * @module
 */

import { AUDIT_KEEP_MS, EXPIRING_MESSAGES, EXPIRING_MS, FILING_QUIET_MS } from "../limits.ts";
import { type Database, numberIn } from "./database.ts";
import type { History } from "./history.ts";
import { Slices } from "./slices.ts";

/** What expiring works on, and whom it tells. */
export interface ExpiringOptions {
  /** Where it is removed from. */
  readonly db: Database;
  /** Removes messages. */
  readonly history: History;
  /** How long messages last; null for ever. */
  readonly keepMs: number | null;
  /** How long to pause behind a slice, in times of what it takes. */
  readonly pauseFactor: () => number;
  /** Called when a round is over, with whether it removed anything. */
  readonly onDone: (hasRemoved: boolean) => void;
  /** Called once when it does not work, until it works again. */
  readonly onFault: (error: unknown) => void;
}

/** Removes in the background. */
export class Expiring {
  readonly #options: ExpiringOptions;
  readonly #slices: Slices;
  /** What this round has still to do. Each removes some, and says whether that was all. */
  #tasks: (() => boolean)[] = [];
  #hasRemoved = false;

  /** Begins once it is started. */
  constructor(options: ExpiringOptions) {
    this.#options = options;
    const { pauseFactor, onFault } = options;
    this.#slices = new Slices({ slice: () => this.#slice(), pauseFactor, onFault });
  }

  /** Begins a round before long; others follow by themselves. */
  startSoon(): void {
    this.#slices.stop();
    this.#slices.start(FILING_QUIET_MS);
  }

  /** Ends in the background. */
  stop(): void {
    this.#slices.stop();
  }

  #slice(): number {
    const { db } = this.#options;
    if (this.#tasks.length === 0) {
      this.#hasRemoved = false;
      this.#tasks = this.#plan();
    }
    const before = db.number("SELECT total_changes()");
    const isDone = this.#tasks[0]?.() ?? true;
    this.#hasRemoved ||= before !== db.number("SELECT total_changes()");
    if (isDone) this.#tasks.shift();
    if (this.#tasks.length > 0) return 0;
    this.#options.onDone(this.#hasRemoved);
    return EXPIRING_MS;
  }

  #plan(): (() => boolean)[] {
    const { db, history, keepMs } = this.#options;
    const removed = db.all("SELECT id FROM removed_room").map((row) => numberIn(row, "id"));
    const short = db.all("SELECT id, keep FROM room WHERE keep IS NOT NULL");
    let isFirst = true;
    const clean = (): boolean => {
      const isDone = history.clean(isFirst);
      isFirst = false;
      return isDone;
    };
    return [
      () => this.#expireModeration(),
      ...removed.map((roomId) => () => this.#expireRemovedRoom(roomId)),
      ...(keepMs === null ? [] : [() => this.#expireMessages(keepMs)]),
      ...short.map((row) => () => this.#expireRoom(numberIn(row, "id"), numberIn(row, "keep"))),
      ...(history.isUnclean ? [clean] : []),
    ];
  }

  #expireModeration(): boolean {
    const { db } = this.#options;
    const now = Date.now();
    db.run("DELETE FROM sanction WHERE until <= ?", now);
    db.run("DELETE FROM audit WHERE at < ?", now - AUDIT_KEEP_MS);
    return true;
  }

  #expireRemovedRoom(roomId: number): boolean {
    const { db } = this.#options;
    const isDone = this.#remove(
      "SELECT id FROM message WHERE room = ? ORDER BY id LIMIT ?",
      roomId,
    );
    if (isDone) db.run("DELETE FROM removed_room WHERE id = ?", roomId);
    return isDone;
  }

  #expireMessages(keepMs: number): boolean {
    const endId = this.#options.history.idAt(Date.now() - keepMs);
    return this.#remove("SELECT id FROM message WHERE id < ? ORDER BY id LIMIT ?", endId);
  }

  #expireRoom(roomId: number, keepMs: number): boolean {
    const endId = this.#options.history.idAt(Date.now() - keepMs);
    return this.#remove(
      "SELECT id FROM message WHERE room = ? AND id < ? ORDER BY id LIMIT ?",
      roomId,
      endId,
    );
  }

  /** Removes the first messages of a selection, and says whether those were all. */
  #remove(sql: string, ...values: number[]): boolean {
    const ids = this.#options.db.all(sql, ...values, EXPIRING_MESSAGES)
      .map((row) => numberIn(row, "id"));
    if (ids.length > 0) this.#options.history.remove(ids);
    return ids.length < EXPIRING_MESSAGES;
  }
}
