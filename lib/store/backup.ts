/**
 * Copies of a database that is in use.
 *
 * Must not know: tables, who asked.
 *
 * @module
 */

import { backup } from "node:sqlite";
import type { BackupResult } from "../chat/store.ts";
import { StoreError } from "../errors.ts";
import { BACKUP_CHUNK_BYTES } from "../limits.ts";
import { Database } from "./database.ts";
import { checkHeader, HEADER_BYTES, isThere, openFile, openToRead } from "./database_file.ts";
import { toStoreError } from "./faults.ts";

/** Where the header says how the file is written; 1 is without a log beside it, 2 is with one. */
const WRITE_VERSION_AT = 18;
const READ_VERSION_AT = 19;

/** More pages than a database can have: all of them are copied in one step. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a database file that nobody writes to meanwhile, piece by piece, and lets
 * everybody else have a turn after each. The header comes last: a copy that was not
 * finished is no database.
 *
 * @returns How many bytes it has.
 * @throws The signal's reason, or whatever went wrong with the files.
 */
export async function copyDatabase(
  source: Deno.FsFile,
  target: Deno.FsFile,
  signal: AbortSignal,
): Promise<number> {
  // Asking for its state would need a permission that a running server has not.
  const size = source.seekSync(0, Deno.SeekMode.End);
  const header = new Uint8Array(HEADER_BYTES);
  const chunk = new Uint8Array(Math.min(size, BACKUP_CHUNK_BYTES));
  target.truncateSync(0);
  target.seekSync(0, Deno.SeekMode.Start);
  source.seekSync(0, Deno.SeekMode.Start);
  for (let offset = 0; offset < size;) {
    // Not `read`, which uses a copy of the handle and closes it: that would take away
    // SQLite's locks, by which other programs tell that the log is in use.
    const length = source.readSync(chunk.subarray(0, Math.min(chunk.length, size - offset)));
    if (length === null) throw new Error("The database file became shorter");
    const piece = chunk.subarray(0, length);
    if (offset === 0) {
      if (length < HEADER_BYTES) throw new Error("The database file has no header");
      header.set(piece.subarray(0, HEADER_BYTES));
      piece.fill(0, 0, HEADER_BYTES);
    }
    writeAll(target, piece);
    offset += length;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal.throwIfAborted();
  }
  await target.syncData();
  signal.throwIfAborted();
  // The copy is complete without a log.
  header.fill(1, WRITE_VERSION_AT, READ_VERSION_AT + 1);
  target.seekSync(0, Deno.SeekMode.Start);
  writeAll(target, header);
  await target.syncData();
  return size;
}

/**
 * Copies a database into a new file. A server that uses it goes on; it must be another
 * process, as closing the file here would take a store's locks away.
 *
 * @throws {StoreError} If there is no database, the new file exists, or it fails.
 */
export async function backupFile(path: string, to: string): Promise<BackupResult> {
  if (!isThere(path)) throw new StoreError("failed", "There is no database to back up.");
  checkFile(path);
  if (isThere(to)) throw new StoreError("failed", "The file to copy to exists already.");
  const partPath = `${to}.part`;
  try {
    openFile(partPath, { write: true, create: true, truncate: true, mode: 0o600 }).close();
    await copyWithSqlite(path, partPath);
    Deno.renameSync(partPath, to);
    return { path: to, bytes: Deno.statSync(to).size };
  } catch (error) {
    removeQuietly(partPath);
    throw toStoreError(error);
  }
}

async function copyWithSqlite(path: string, to: string): Promise<void> {
  using source = openToRead(path);
  // In one step, as SQLite begins anew whenever somebody writes between two.
  await backup(source.connection, to, { rate: ALL_PAGES });
  using copy = new Database(to);
  // A file that needs no other beside it.
  copy.get("PRAGMA journal_mode = DELETE");
  copy.close();
  using file = openFile(to, { write: true });
  file.syncSync();
}

function checkFile(path: string): void {
  using file = openFile(path, { read: true });
  if (checkHeader(file) === "empty") {
    throw new StoreError("failed", "There is nothing in the database to back up.");
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) offset += file.writeSync(bytes.subarray(offset));
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never made, or is in the way of nothing but the next attempt.
  }
}
