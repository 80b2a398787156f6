/**
 * The database's file: whose it is, and that nobody else's server uses it.
 *
 * Looking happens before SQLite comes in, and changes nothing.
 * Must not know: tables, what is kept in them.
 *
 * @module
 */

import { StoreError } from "../errors.ts";
import { LOCK_STEP_MS, LOCK_WAIT_MS, STORE_BUSY_START_MS } from "../limits.ts";
import { Database } from "./database.ts";
import { storeError, toStoreError } from "./faults.ts";
import { APPLICATION_ID, foreignError, SCHEMA_VERSION } from "./schema.ts";

/** Bytes of SQLite's header, at the beginning of every database. */
export const HEADER_BYTES = 100;

/** What every database begins with. */
const MAGIC = "SQLite format 3\0";
/** Where the header holds `user_version` and `application_id`, big-endian. */
const VERSION_AT = 60;
const APPLICATION_ID_AT = 68;
/** Right behind the header: how many tables and indexes there are, if they fit on one page. */
const PAGE_TYPE_AT = HEADER_BYTES;
const CELLS_AT = HEADER_BYTES + 3;
const LEAF_PAGE = 13;

/** Only the server's own user may read what people said, and their passwords' hashes. */
const MODE = 0o600;

/** The open files of a store. SQLite opens the database for itself. */
export interface DatabaseFile extends Disposable {
  /** The database, for reading. */
  readonly source: Deno.FsFile;
  /** Where a backup goes; locked as long as the store is open. */
  readonly backup: Deno.FsFile;
  /** The path of that. */
  readonly backupPath: string;
}

/**
 * Opens a database's file, or makes an empty one, and locks it against other servers.
 *
 * Both files stay open: once the server has given its permissions back it could open
 * none. They must be closed after SQLite has closed the database: closing any handle
 * of a file takes all of a process's locks on it away, SQLite's included.
 *
 * @throws {StoreError} If it is no file of ours, or somebody else's at the moment.
 */
export function openDatabaseFile(named: string): DatabaseFile {
  // Under its own name, so that a server is noticed that knows it under another one.
  const path = isThere(named) ? realPath(named) : named;
  const backupPath = `${path}-backup`;
  using files = new DisposableStack();
  const open = (path: string, options: Deno.OpenOptions): Deno.FsFile =>
    files.adopt(openFile(path, options), (file) => file.close());
  // A running server is noticed before anything is touched.
  let backup = isThere(backupPath) ? open(backupPath, { read: true, write: true }) : null;
  if (backup !== null) lock(backup);
  let source: Deno.FsFile;
  if (isThere(path)) {
    // For writing as well, which tells whether that is possible before SQLite tries.
    source = open(path, { read: true, write: true });
    checkHeader(source);
  } else {
    source = open(path, { read: true, write: true, create: true, mode: MODE });
  }
  if (backup === null) {
    backup = open(backupPath, { read: true, write: true, create: true, mode: MODE });
    lock(backup);
  }
  const opened = files.move();
  return { source, backup, backupPath, [Symbol.dispose]: () => opened.dispose() };
}

/**
 * Looks whose file this is: `empty` if nobody's yet, `ours`, or an error.
 *
 * @throws {StoreError} If it is damaged, a newer version's or another program's.
 */
export function checkHeader(file: Deno.FsFile): "empty" | "ours" {
  const bytes = new Uint8Array(HEADER_BYTES + 8);
  let length: number;
  try {
    file.seekSync(0, Deno.SeekMode.Start);
    length = file.readSync(bytes) ?? 0;
  } catch (error) {
    throw toStoreError(error);
  }
  if (length === 0) return "empty";
  if (length < bytes.length || !new TextDecoder().decode(bytes).startsWith(MAGIC)) {
    throw storeError("corrupt");
  }
  const view = new DataView(bytes.buffer);
  if (view.getUint32(APPLICATION_ID_AT) === APPLICATION_ID) {
    if (view.getUint32(VERSION_AT) > SCHEMA_VERSION) throw storeError("newer");
    return "ours";
  }
  if (view.getUint8(PAGE_TYPE_AT) === LEAF_PAGE && view.getUint16(CELLS_AT) === 0) return "empty";
  throw foreignError();
}

/**
 * Opens a file.
 *
 * @throws {StoreError} If that cannot be done.
 */
export function openFile(path: string, options: Deno.OpenOptions): Deno.FsFile {
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      const message = options.create === true
        ? "The folder for the database does not exist."
        : "There is no such file.";
      throw new StoreError("failed", message, { cause: error });
    }
    throw toStoreError(error);
  }
}

/**
 * Opens a database that is only to be read, perhaps while a server uses it, and leaves
 * the files beside it as they are.
 *
 * SQLite clears away behind who could have written, and behind nobody else. So where
 * there is a log (a server is running, or was killed) it may only read, and where there
 * is none it may not know.
 */
export function openToRead(path: string): Database {
  const log = `${path}-wal`;
  const hasLog = isThere(log) && sizeOf(log) > 0;
  const db = new Database(path, { readOnly: hasLog, timeout: STORE_BUSY_START_MS });
  if (!hasLog) db.get("PRAGMA query_only = ON");
  return db;
}

/** Whether there is something at this path. */
export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw toStoreError(error);
  }
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    throw toStoreError(error);
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    throw toStoreError(error);
  }
}

/**
 * Takes the lock, which ends with the process, however that ends. One that is just
 * ending, or a program that it has just started, may hold it for a moment longer.
 */
function lock(file: Deno.FsFile): void {
  const isExclusive = true;
  const endMs = performance.now() + LOCK_WAIT_MS;
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (!file.tryLockSync(isExclusive)) {
    if (performance.now() > endMs) {
      throw new StoreError("locked", "Another Parley server is using the database.");
    }
    Atomics.wait(never, 0, 0, LOCK_STEP_MS);
  }
}
