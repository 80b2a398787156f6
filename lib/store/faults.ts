/**
 * What goes wrong with SQLite and files, told in the store's own errors.
 *
 * Must not know: tables, what was asked for.
 *
 * @module
 */

import { StoreError, type StoreFault } from "../errors.ts";

/** One sentence for each fault. Paths and details are for the caller and the cause. */
const SENTENCES: Readonly<Record<StoreFault, string>> = {
  "full": "The disk is full.",
  "read-only": "The database cannot be written to.",
  "locked": "Another program is using the database.",
  "corrupt": "The file is damaged, or is not a database.",
  "newer": "The database was made by a newer version of Parley.",
  "failed": "The database does not work.",
};

/** SQLite's primary result codes. */
const FAULTS: ReadonlyMap<number, StoreFault> = new Map([
  [5, "locked"],
  [6, "locked"],
  [8, "read-only"],
  [11, "corrupt"],
  [13, "full"],
  [26, "corrupt"],
]);

/** What SQLite says where `node:sqlite` passes no code on (opening, `exec`). */
const FAULTS_SAID: readonly (readonly [RegExp, StoreFault])[] = [
  [/is locked/, "locked"],
  [/readonly/, "read-only"],
  [/malformed|not a database/, "corrupt"],
  [/is full/, "full"],
];

/** What the system calls it where a file could not be used. */
const FAULTS_OF_FILES: ReadonlyMap<string, StoreFault> = new Map([
  ["EACCES", "read-only"],
  ["EPERM", "read-only"],
  ["EROFS", "read-only"],
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
]);

/** An error with its sentence; what caused it goes along for the log. */
export function storeError(fault: StoreFault, cause?: unknown): StoreError {
  return new StoreError(fault, SENTENCES[fault], cause === undefined ? {} : { cause });
}

/** Whatever was thrown, as a {@linkcode StoreError}. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return storeError(faultOf(error), error);
}

function faultOf(error: unknown): StoreFault {
  if (!(error instanceof Error)) return "failed";
  if (error instanceof Deno.errors.PermissionDenied) return "read-only";
  if ("errcode" in error && typeof error.errcode === "number") {
    // The low byte is the primary code; the rest says which kind of it.
    return FAULTS.get(error.errcode & 0xff) ?? "failed";
  }
  if ("code" in error && typeof error.code === "string") {
    const fault = FAULTS_OF_FILES.get(error.code);
    if (fault !== undefined) return fault;
  }
  return FAULTS_SAID.find(([text]) => text.test(error.message))?.[1] ?? "failed";
}
