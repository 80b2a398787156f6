/**
 * Who may come back, and what is kept for them until then.
 *
 * Must not know: tokens, what a state says, how ids are given out.
 *
 * @module
 */

import type { SeatChanges, SeatDirect, SeatRecord } from "../chat/store.ts";
import { type Database, numberIn, textIn, textOrNullIn } from "./database.ts";

/** The tables of seats and of their private messages, and the counter of ids. */
export class Seats {
  readonly #db: Database;

  /** Keeps them in a database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /** Every one, oldest first. */
  all(): SeatRecord[] {
    return this.#db.all("SELECT * FROM seat ORDER BY id").map((row) => ({
      id: numberIn(row, "id"),
      tokenHash: textIn(row, "token_hash"),
      previousHash: textOrNullIn(row, "previous_hash"),
      lastRef: numberIn(row, "last_ref"),
      state: textIn(row, "state"),
    }));
  }

  /** Adds one, whose token no other has. */
  add(seat: Omit<SeatRecord, "id">): SeatRecord {
    const id = this.#db.insert(
      "INSERT INTO seat (token_hash, previous_hash, last_ref, state) VALUES (?, ?, ?, ?)",
      seat.tokenHash,
      seat.previousHash,
      seat.lastRef,
      seat.state,
    );
    return { ...seat, id };
  }

  /** Changes all of one but its `lastRef`. */
  update({ id, tokenHash, previousHash, state }: SeatRecord): void {
    this.#db.run(
      "UPDATE seat SET token_hash = ?, previous_hash = ?, state = ? WHERE id = ?",
      tokenHash,
      previousHash,
      state,
      id,
    );
  }

  /** Removes one, and with it the messages that refer to it. */
  remove(seatId: number): void {
    this.#db.run("DELETE FROM seat WHERE id = ?", seatId);
  }

  /**
   * Writes down what a turn brought; a part of the transaction that appends its messages.
   * What is for a seat that was removed within the turn is passed over.
   */
  change({ refs, directs }: SeatChanges): void {
    for (const [seatId, ref] of refs) {
      this.#db.run("UPDATE seat SET last_ref = max(last_ref, ?) WHERE id = ?", ref, seatId);
    }
    for (const { seatId, direct } of directs) {
      this.#db.run(
        "INSERT INTO seat_direct SELECT id, ?, ?, ?, ? FROM seat WHERE id = ?",
        direct.id,
        direct.atMs,
        direct.from,
        direct.text,
        seatId,
      );
    }
  }

  /** Private messages for one that were not confirmed, oldest first. */
  directs(seatId: number): SeatDirect[] {
    return this.#db.all("SELECT * FROM seat_direct WHERE seat = ? ORDER BY id", seatId)
      .map((row) => ({
        id: numberIn(row, "id"),
        atMs: numberIn(row, "at"),
        from: textIn(row, "name"),
        text: textIn(row, "text"),
      }));
  }

  /** Forgets those up to this id. */
  removeDirects(seatId: number, upToId: number): void {
    this.#db.run("DELETE FROM seat_direct WHERE seat = ? AND id <= ?", seatId, upToId);
  }

  /** Up to which id events may have been told. */
  get reservedId(): number {
    return this.#db.number("SELECT value FROM counter WHERE name = 'reserved'") ?? 0;
  }

  /** Sets that. */
  reserveIds(upToId: number): void {
    this.#db.run("UPDATE counter SET value = ? WHERE name = 'reserved'", upToId);
  }
}
