/**
 * One connection to SQLite: statements that are prepared once, transactions
 * that can be nested, rows with types, and errors of one kind.
 *
 * Must not know: tables, files, what a message is.
 *
 * @module
 */

import {
  DatabaseSync,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementSync,
} from "node:sqlite";
import { storeError, toStoreError } from "./faults.ts";

/** A row, by the names of its columns. */
export type Row = Record<string, SQLOutputValue>;

/** SQLite, as the store uses it. Every method throws a `StoreError`, and nothing else of its own. */
export class Database implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /**
   * Opens a database.
   *
   * @param path A path, a `file:` URI, or `:memory:`.
   * @throws {StoreError} If it cannot be opened. SQLite reads a file only later, so that what is
   *   wrong with it may show at the first statement.
   */
  constructor(
    path: string,
    options: { readonly readOnly?: boolean; readonly timeout?: number } = {},
  ) {
    try {
      this.#db = new DatabaseSync(path, options);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** `node:sqlite`'s own connection, for its functions that want one. */
  get connection(): DatabaseSync {
    return this.#db;
  }

  /** Runs one statement, and says how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    try {
      return Number(this.#statement(sql).run(...values).changes);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Runs an insert, and says which row it made. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    try {
      return Number(this.#statement(sql).run(...values).lastInsertRowid);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** The first row, or null. */
  get(sql: string, ...values: SQLInputValue[]): Row | null {
    try {
      return this.#statement(sql).get(...values) ?? null;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** The one number that a statement asks for; null where there is no row, or nothing in it. */
  number(sql: string, ...values: SQLInputValue[]): number | null {
    const row = this.get(sql, ...values);
    const value = row === null ? null : Object.values(row)[0] ?? null;
    return value === null ? null : Number(value);
  }

  /** Every row. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    try {
      return this.#statement(sql).all(...values);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Row after row, for who stops early. Nothing may be changed meanwhile. */
  *rows(sql: string, ...values: SQLInputValue[]): Generator<Row, void> {
    try {
      yield* this.#statement(sql).iterate(...values);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Runs statements that are needed once: they are not kept. */
  script(sql: string): void {
    try {
      this.#db.exec(sql);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /**
   * Does several things as one. An inner one is undone alone where it throws, and
   * lasts only with the outer one.
   */
  transaction<Result>(act: () => Result): Result {
    const isInner = this.#depth > 0;
    // IMMEDIATE, so that it fails at its beginning where another program writes.
    this.run(isInner ? "SAVEPOINT inside" : "BEGIN IMMEDIATE");
    this.#depth++;
    try {
      const result = act();
      this.run(isInner ? "RELEASE inside" : "COMMIT");
      return result;
    } catch (error) {
      this.#undo(isInner);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** Closes it; every method throws from then on. Twice is once. */
  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** See {@linkcode Database.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** A full disk makes SQLite undo everything by itself; then nothing is left to do here. */
  #undo(isInner: boolean): void {
    if (!this.#db.isOpen || !this.#db.isTransaction) return;
    try {
      if (isInner) this.run("ROLLBACK TO inside");
      this.run(isInner ? "RELEASE inside" : "ROLLBACK");
    } catch {
      // What made it necessary is thrown by the caller, and says more.
    }
  }
}

/** A column that holds a number. */
export function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw storeError("corrupt");
  return value;
}

/** A column that holds a number or nothing. */
export function numberOrNullIn(row: Row, column: string): number | null {
  return row[column] === null ? null : numberIn(row, column);
}

/** A column that holds text. */
export function textIn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw storeError("corrupt");
  return value;
}

/** A column that holds text or nothing. */
export function textOrNullIn(row: Row, column: string): string | null {
  return row[column] === null ? null : textIn(row, column);
}
