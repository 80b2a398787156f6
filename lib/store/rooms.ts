/**
 * Rooms, and what accounts are in them.
 *
 * Must not know: what is said in them.
 *
 * @module
 */

import type { MemberRecord, RoomAccess, RoomRecord } from "../chat/store.ts";
import {
  type Database,
  numberIn,
  numberOrNullIn,
  type Row,
  textIn,
  textOrNullIn,
} from "./database.ts";
import { storeError } from "./faults.ts";

const ACCESSES: readonly RoomAccess[] = ["open", "private", "password", "invite-only"];

/** The tables of rooms and members. */
export class Rooms {
  readonly #db: Database;

  /** Keeps them in a database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /** Every room, oldest first. `messages` counts the filed ones. */
  all(): RoomRecord[] {
    return this.#db.all("SELECT * FROM room ORDER BY id").map(roomOf);
  }

  /** Makes a room. */
  add(room: Omit<RoomRecord, "id" | "messages">): RoomRecord {
    const id = this.#db.insert(
      `INSERT INTO room
         (name, key, skeleton, access, password, topic, is_locked, keep, open_from, made)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...valuesOf(room),
    );
    return { ...room, id, messages: 0 };
  }

  /** Changes all of it but its messages. */
  update(room: RoomRecord): void {
    this.#db.run(
      `UPDATE room SET name = ?, key = ?, skeleton = ?, access = ?, password = ?, topic = ?,
         is_locked = ?, keep = ?, open_from = ?, made = ?
       WHERE id = ?`,
      ...valuesOf(room),
      room.id,
    );
  }

  /** Removes a room, its members and sanctions, and marks its messages for removal. */
  remove(roomId: number): void {
    this.#db.transaction(() => {
      if (this.#db.run("DELETE FROM room WHERE id = ?", roomId) === 0) return;
      this.#db.run("INSERT INTO removed_room VALUES (?)", roomId);
    });
  }

  /** What an account is in a room. */
  member(roomId: number, accountId: number): MemberRecord | null {
    const row = this.#db.get(
      "SELECT * FROM member WHERE room = ? AND account = ?",
      roomId,
      accountId,
    );
    return row === null ? null : memberOf(row);
  }

  /** What each account is in a room. */
  members(roomId: number): Map<number, MemberRecord> {
    const rows = this.#db.all("SELECT * FROM member WHERE room = ?", roomId);
    return new Map(rows.map((row) => [numberIn(row, "account"), memberOf(row)]));
  }

  /** Sets what an account is in a room. */
  setMember(roomId: number, accountId: number, member: MemberRecord): void {
    this.#db.run(
      `INSERT INTO member VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET
         is_operator = excluded.is_operator,
         is_invited = excluded.is_invited,
         since = excluded.since,
         read_id = max(read_id, excluded.read_id)`,
      roomId,
      accountId,
      Number(member.isOperator),
      Number(member.isInvited),
      member.sinceId,
      member.readId,
    );
  }

  /** The names of a room's operators, by age of their accounts. */
  operatorsOf(roomId: number): string[] {
    return this.#db.all(
      `SELECT name FROM member JOIN account ON account.id = member.account
       WHERE member.room = ? AND member.is_operator = 1 ORDER BY account.id`,
      roomId,
    ).map((row) => textIn(row, "name"));
  }

  /** Rooms that no account is an operator of. */
  countUnoperated(): number {
    return this.#db.number(
      `SELECT count(*) FROM room WHERE NOT EXISTS
         (SELECT 1 FROM member WHERE member.room = room.id AND member.is_operator = 1)`,
    ) ?? 0;
  }

  /** Rooms that an account is an operator of. */
  countOperated(accountId: number): number {
    return this.#db.number(
      "SELECT count(*) FROM member WHERE account = ? AND is_operator = 1",
      accountId,
    ) ?? 0;
  }
}

function memberOf(row: Row): MemberRecord {
  return {
    isOperator: numberIn(row, "is_operator") === 1,
    isInvited: numberIn(row, "is_invited") === 1,
    sinceId: numberIn(row, "since"),
    readId: numberIn(row, "read_id"),
  };
}

function valuesOf(room: Omit<RoomRecord, "id" | "messages">): (string | number | null)[] {
  return [
    room.name,
    room.key,
    room.skeleton,
    room.access,
    room.password,
    room.topic,
    Number(room.isLocked),
    room.keepMs,
    room.openFromId,
    room.madeAtMs,
  ];
}

function roomOf(row: Row): RoomRecord {
  return {
    id: numberIn(row, "id"),
    name: textIn(row, "name"),
    key: textIn(row, "key"),
    skeleton: textIn(row, "skeleton"),
    access: accessOf(textIn(row, "access")),
    password: textOrNullIn(row, "password"),
    topic: textIn(row, "topic"),
    isLocked: numberIn(row, "is_locked") === 1,
    keepMs: numberOrNullIn(row, "keep"),
    openFromId: numberIn(row, "open_from"),
    messages: numberIn(row, "messages"),
    madeAtMs: numberIn(row, "made"),
  };
}

function accessOf(text: string): RoomAccess {
  const access = ACCESSES.find((known) => known === text);
  if (access === undefined) throw storeError("corrupt");
  return access;
}
