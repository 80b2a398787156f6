/**
 * What is in a database, without changing it.
 *
 * Must not know: who asks.
 *
 * @module
 */

import { checkHeader, isThere, openFile, openToRead } from "./database_file.ts";

/** What {@linkcode inspectStore} found. */
export type StoreInspection =
  | { readonly exists: false }
  | {
    readonly exists: true;
    /** Of the tables; 0 where there are none yet. */
    readonly version: number;
    readonly messages: number;
    readonly accounts: number;
    readonly rooms: number;
    readonly bytes: number;
  };

/**
 * Says what is in a database. A server may be using it, though not one in this process:
 * closing the file here would take its locks away.
 *
 * @throws {StoreError} If it is no database of ours, or cannot be read.
 */
export function inspectStore(path: string): StoreInspection {
  if (!isThere(path)) return { exists: false };
  using file = openFile(path, { read: true });
  const bytes = file.statSync().size;
  if (checkHeader(file) === "empty") {
    return { exists: true, version: 0, messages: 0, accounts: 0, rooms: 0, bytes };
  }
  using db = openToRead(path);
  const count = (sql: string): number => db.number(sql) ?? 0;
  return {
    exists: true,
    version: count("PRAGMA user_version"),
    messages: count("SELECT count(*) FROM message") + count(
      `SELECT coalesce(sum(first + count - max(first, value + 1)), 0)
       FROM journal, counter WHERE name = 'filed'`,
    ),
    accounts: count("SELECT count(*) FROM account"),
    rooms: count("SELECT count(*) FROM room"),
    bytes,
  };
}
