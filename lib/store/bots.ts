/**
 * Bots, and the hashes of their tokens.
 *
 * Must not know: tokens, what a bot may do.
 *
 * @module
 */

import type { BotRecord } from "../chat/store.ts";
import type { Accounts } from "./accounts.ts";
import { type Database, numberIn, type Row, textIn } from "./database.ts";
import { storeError } from "./faults.ts";

const BOTS = `SELECT bot.*, account.key AS maker
  FROM bot JOIN account ON account.id = bot.account`;

/** The table of bots. */
export class Bots {
  readonly #db: Database;
  readonly #accounts: Accounts;

  /** Keeps them in a database, beside the accounts that they belong to. */
  constructor(db: Database, accounts: Accounts) {
    this.#db = db;
    this.#accounts = accounts;
  }

  /** The one with this key. */
  byKey(key: string): BotRecord | null {
    return this.#one(this.#db.get(`${BOTS} WHERE bot.key = ?`, key));
  }

  /** The oldest with this skeleton. */
  byLook(skeleton: string): BotRecord | null {
    return this.#one(
      this.#db.get(`${BOTS} WHERE bot.skeleton = ? ORDER BY bot.id LIMIT 1`, skeleton),
    );
  }

  /** The one whose token has this hash. */
  byToken(tokenHash: string): BotRecord | null {
    return this.#one(this.#db.get(`${BOTS} WHERE bot.token_hash = ?`, tokenHash));
  }

  /** Those of an account, oldest first. */
  of(accountId: number): BotRecord[] {
    return this.#db.all(`${BOTS} WHERE bot.account = ? ORDER BY bot.id`, accountId)
      .map((row) => this.#botOf(row));
  }

  /** Adds one. */
  add({ tokenHash, ...bot }: Omit<BotRecord, "id"> & { readonly tokenHash: string }): BotRecord {
    const id = this.#db.insert(
      "INSERT INTO bot (account, name, key, skeleton, token_hash, made) VALUES (?, ?, ?, ?, ?, ?)",
      bot.maker.id,
      bot.name,
      bot.key,
      bot.skeleton,
      tokenHash,
      bot.madeAtMs,
    );
    return { ...bot, id };
  }

  /** Removes one. */
  remove(botId: number): void {
    this.#db.run("DELETE FROM bot WHERE id = ?", botId);
  }

  #one(row: Row | null): BotRecord | null {
    return row === null ? null : this.#botOf(row);
  }

  #botOf(row: Row): BotRecord {
    const maker = this.#accounts.byKey(textIn(row, "maker"));
    if (maker === null) throw storeError("corrupt");
    return {
      id: numberIn(row, "id"),
      name: textIn(row, "name"),
      key: textIn(row, "key"),
      skeleton: textIn(row, "skeleton"),
      madeAtMs: numberIn(row, "made"),
      maker,
    };
  }
}
