/**
 * Registered names, and what belongs to them.
 *
 * Must not know: how passwords are hashed, who is here.
 *
 * @module
 */

import type { Account, WaitingMessage } from "../chat/store.ts";
import { StoreError } from "../errors.ts";
import { LINE_FRAME_LENGTH } from "../limits.ts";
import { type Database, numberIn, type Row, textIn } from "./database.ts";

/** The tables of accounts, of whom they ignore, and of what waits for them. */
export class Accounts {
  readonly #db: Database;

  /** Keeps them in a database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /** How many there are. */
  count(): number {
    return this.#db.number("SELECT count(*) FROM account") ?? 0;
  }

  /** The one with this key. */
  byKey(key: string): Account | null {
    return accountOf(this.#db.get("SELECT * FROM account WHERE key = ?", key));
  }

  /** The oldest with this skeleton. */
  byLook(skeleton: string): Account | null {
    return accountOf(
      this.#db.get("SELECT * FROM account WHERE skeleton = ? ORDER BY id LIMIT 1", skeleton),
    );
  }

  /** The hash of its password. */
  passwordOf(accountId: number): string {
    const row = this.#db.get("SELECT password FROM account WHERE id = ?", accountId);
    if (row === null) throw new StoreError("failed", "There is no such account.");
    return textIn(row, "password");
  }

  /** Registers a name. */
  add({ password, ...account }: Omit<Account, "id"> & { readonly password: string }): Account {
    const id = this.#db.insert(
      `INSERT INTO account (name, key, skeleton, password, is_operator, made, seen)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      account.name,
      account.key,
      account.skeleton,
      password,
      Number(account.isOperator),
      account.madeAtMs,
      account.seenAtMs,
    );
    return { ...account, id };
  }

  /** Sets the hash of its password. */
  setPassword(accountId: number, password: string): void {
    this.#db.run("UPDATE account SET password = ? WHERE id = ?", password, accountId);
  }

  /** Sets whether it is an operator of the server. */
  setServerOperator(accountId: number, isOperator: boolean): void {
    this.#db.run("UPDATE account SET is_operator = ? WHERE id = ?", Number(isOperator), accountId);
  }

  /** Sets when it was last seen. */
  setSeen(accountId: number, atMs: number): void {
    this.#db.run("UPDATE account SET seen = ? WHERE id = ?", atMs, accountId);
  }

  /**
   * Removes it, and with it what refers to it. Its messages go on naming its id, which
   * no account has then: changing them all would take long, and nobody could tell.
   */
  remove(accountId: number): void {
    this.#db.run("DELETE FROM account WHERE id = ?", accountId);
  }

  /** Names that it ignores, by their keys. */
  ignoredBy(accountId: number): Map<string, string> {
    const rows = this.#db.all("SELECT key, name FROM ignored WHERE account = ?", accountId);
    return new Map(rows.map((row) => [textIn(row, "key"), textIn(row, "name")]));
  }

  /** Has it ignore a name. */
  addIgnored(accountId: number, { key, name }: { key: string; name: string }): void {
    this.#db.run(
      "INSERT INTO ignored VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name",
      accountId,
      key,
      name,
    );
  }

  /** Has it ignore a name no longer. */
  removeIgnored(accountId: number, key: string): void {
    this.#db.run("DELETE FROM ignored WHERE account = ? AND key = ?", accountId, key);
  }

  /** Leaves a message for it. */
  addWaiting(accountId: number, { atMs, from, text }: Omit<WaitingMessage, "id">): void {
    this.#db.run(
      "INSERT INTO waiting (account, at, name, text) VALUES (?, ?, ?, ?)",
      accountId,
      atMs,
      from,
      text,
    );
  }

  /** How many messages wait for it. */
  countWaiting(accountId: number): { count: number; length: number } {
    const row = this.#db.get(
      // As `framedLength` counts: each line once, with its frame.
      `SELECT count(*) AS count, coalesce(sum(
         length(text) + ? * (1 + length(text) - length(replace(text, char(10), '')))
       ), 0) AS length FROM waiting WHERE account = ?`,
      LINE_FRAME_LENGTH,
      accountId,
    );
    return row === null
      ? { count: 0, length: 0 }
      : { count: numberIn(row, "count"), length: numberIn(row, "length") };
  }

  /** What waits for it, oldest first. */
  waiting(accountId: number): WaitingMessage[] {
    return this.#db.all("SELECT * FROM waiting WHERE account = ? ORDER BY id", accountId)
      .map((row) => ({
        id: numberIn(row, "id"),
        atMs: numberIn(row, "at"),
        from: textIn(row, "name"),
        text: textIn(row, "text"),
      }));
  }

  /** Forgets what waited for it, up to this id. */
  removeWaiting(accountId: number, upToId: number): void {
    this.#db.run("DELETE FROM waiting WHERE account = ? AND id <= ?", accountId, upToId);
  }
}

function accountOf(row: Row | null): Account | null {
  return row === null ? null : {
    id: numberIn(row, "id"),
    name: textIn(row, "name"),
    key: textIn(row, "key"),
    skeleton: textIn(row, "skeleton"),
    isOperator: numberIn(row, "is_operator") === 1,
    madeAtMs: numberIn(row, "made"),
    seenAtMs: numberIn(row, "seen"),
  };
}
