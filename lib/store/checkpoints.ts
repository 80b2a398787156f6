/**
 * When what was written moves from SQLite's log (`-wal`) into the database file.
 *
 * Writing is fast because SQLite only adds to its log. Moving waits for the disk,
 * so that it is done when nobody talks.
 * Must not know: what is written.
 *
 * @module
 */

import { LOG_PAGES_MAX, LOG_PAGES_QUIET } from "../limits.ts";
import { type Database, numberIn } from "./database.ts";
import { storeError } from "./faults.ts";

/** Decides when, and holds it back while the file is copied. */
export class Checkpoints {
  readonly #db: Database;
  #isHeld = false;
  #isToClear = false;

  /** Takes over from SQLite's own rule. */
  constructor(db: Database) {
    this.#db = db;
    this.#setAutomatic(LOG_PAGES_MAX);
  }

  /** To be called when nobody talks. */
  whenQuiet(): void {
    if (this.#isHeld) return;
    const pages = this.#checkpoint("NOOP");
    if (pages === 0 || (pages < LOG_PAGES_QUIET && !this.#isToClear)) return;
    // Clearing cuts the log off, so that what was deleted is not left in it.
    const left = this.#checkpoint(this.#isToClear ? "TRUNCATE" : "PASSIVE");
    if (left === 0) this.#isToClear = false;
  }

  /** Has the log cleared the next time that nobody talks: something was deleted. */
  clearSoon(): void {
    this.#isToClear = true;
  }

  /**
   * Moves everything, and nothing more until {@linkcode Checkpoints.release}.
   *
   * @throws {StoreError} If another program reads the database just now.
   */
  hold(): void {
    this.#setAutomatic(0);
    try {
      if (this.#checkpoint("TRUNCATE") > 0) throw storeError("locked");
      this.#isHeld = true;
    } finally {
      if (!this.#isHeld) this.#setAutomatic(LOG_PAGES_MAX);
    }
  }

  /** Undoes {@linkcode Checkpoints.hold}. */
  release(): void {
    this.#isHeld = false;
    this.#setAutomatic(LOG_PAGES_MAX);
  }

  #setAutomatic(pages: number): void {
    this.#db.get(`PRAGMA wal_autocheckpoint = ${pages}`);
  }

  /** Pages that are left in the log then. */
  #checkpoint(mode: "NOOP" | "PASSIVE" | "TRUNCATE"): number {
    const row = this.#db.get(`PRAGMA wal_checkpoint(${mode})`);
    if (row === null) return 0;
    const left = Math.max(0, numberIn(row, "log") - numberIn(row, "checkpointed"));
    return numberIn(row, "busy") === 1 ? Math.max(1, left) : left;
  }
}
