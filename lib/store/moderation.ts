/**
 * What operators decided: bans and mutes, the record of what they did, settings.
 *
 * Must not know: who may decide what, how it is enforced.
 *
 * @module
 */

import type { AuditEntry, Sanction, SanctionTarget } from "../chat/store.ts";
import { type Database, numberIn, numberOrNullIn, type Row, textIn } from "./database.ts";
import { storeError } from "./faults.ts";

const TARGET_TYPES: readonly SanctionTarget["type"][] = ["account", "name", "network"];
const SANCTION_KINDS: readonly Sanction["kind"][] = ["ban", "mute"];

/** The tables of sanctions, of the record, and of settings. */
export class Moderation {
  readonly #db: Database;

  /** Keeps them in a database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /** All that have not ended, oldest first. */
  sanctions(): Sanction[] {
    return this.#db.all(
      "SELECT * FROM sanction WHERE until IS NULL OR until > ? ORDER BY id",
      Date.now(),
    ).map(sanctionOf);
  }

  /** Adds one. */
  addSanction(sanction: Omit<Sanction, "id">): Sanction {
    const id = this.#db.insert(
      `INSERT INTO sanction (kind, room, target_type, target, shown, by, at, until, reason)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      sanction.kind,
      sanction.roomId,
      sanction.target.type,
      sanction.target.value,
      sanction.shown,
      sanction.by,
      sanction.atMs,
      sanction.untilMs,
      sanction.reason,
    );
    return { ...sanction, id };
  }

  /** Removes one. */
  removeSanction(sanctionId: number): void {
    this.#db.run("DELETE FROM sanction WHERE id = ?", sanctionId);
  }

  /** Adds to the record. */
  addAudit(entry: Omit<AuditEntry, "id">): void {
    this.#db.run(
      `INSERT INTO audit (at, room, room_name, by, act, whom, address, until, reason)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      entry.atMs,
      entry.roomId,
      entry.room,
      entry.by,
      entry.act,
      entry.whom,
      entry.address,
      entry.untilMs,
      entry.reason,
    );
  }

  /** The end of the record, oldest first. */
  audit({ roomId, limit }: { roomId: number | null; limit: number }): AuditEntry[] {
    const rows = roomId === null
      ? this.#db.all("SELECT * FROM audit ORDER BY id DESC LIMIT ?", limit)
      : this.#db.all("SELECT * FROM audit WHERE room = ? ORDER BY id DESC LIMIT ?", roomId, limit);
    return rows.map(auditOf).reverse();
  }

  /** A setting of the server. */
  setting(name: string): string | null {
    const row = this.#db.get("SELECT value FROM setting WHERE name = ?", name);
    return row === null ? null : textIn(row, "value");
  }

  /** Sets one. */
  setSetting(name: string, value: string): void {
    this.#db.run(
      "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
      name,
      value,
    );
  }
}

function sanctionOf(row: Row): Sanction {
  return {
    id: numberIn(row, "id"),
    kind: oneOf(SANCTION_KINDS, textIn(row, "kind")),
    roomId: numberOrNullIn(row, "room"),
    target: {
      type: oneOf(TARGET_TYPES, textIn(row, "target_type")),
      value: textIn(row, "target"),
    },
    shown: textIn(row, "shown"),
    by: textIn(row, "by"),
    atMs: numberIn(row, "at"),
    untilMs: numberOrNullIn(row, "until"),
    reason: textIn(row, "reason"),
  };
}

function auditOf(row: Row): AuditEntry {
  return {
    id: numberIn(row, "id"),
    atMs: numberIn(row, "at"),
    roomId: numberOrNullIn(row, "room"),
    room: textIn(row, "room_name"),
    by: textIn(row, "by"),
    act: textIn(row, "act"),
    whom: textIn(row, "whom"),
    address: textIn(row, "address"),
    untilMs: numberOrNullIn(row, "until"),
    reason: textIn(row, "reason"),
  };
}

function oneOf<Word extends string>(words: readonly Word[], text: string): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw storeError("corrupt");
  return found;
}
