/**
 * The worker that may read a few files and do nothing else, for
 * `watched_files.ts`, which starts it with just that permission.
 *
 * It reads what it was started for, whatever it is told later. What is wrong
 * with a file is its outcome, and nothing else is expected to throw: if it does,
 * the worker dies of it, which the program is told.
 * Must not know: what the files are for.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { FileChanges } from "./file_changes.ts";
import { WATCHED_FILE_BYTES_MAX } from "./limits.ts";
import type { FileOutcome, FromWorker, ToWorker } from "./watched_files.ts";

/** As `Deno.readTextFile` does it: a byte order mark is left to whoever knows what the text is. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
let files: readonly string[] = [];

self.onmessage = ({ data }: MessageEvent<ToWorker>): void => {
  if (data.type === "start") start(data);
  else void answer(data.id);
};
tell({ type: "loaded" });

function start({ paths, watched, pollMs }: Extract<ToWorker, { readonly type: "start" }>): void {
  files = paths;
  if (watched.length > 0) void poll(watched, { pollMs, changes: new FileChanges() });
}

async function answer(id: number): Promise<void> {
  const outcomes: [path: string, outcome: FileOutcome][] = [];
  for (const path of files) outcomes.push([path, await read(path)]);
  tell({ type: "contents", id, outcomes });
}

async function poll(
  paths: readonly string[],
  how: { readonly pollMs: number; readonly changes: FileChanges },
): Promise<void> {
  const looks = await Promise.all(paths.map(lookAt));
  if (how.changes.observe(looks.join("\n"))) tell({ type: "changed" });
  setTimeout(() => void poll(paths, how), how.pollMs);
}

/** What tells one state of a file from another; links are followed. */
async function lookAt(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtime, ctime } = await Deno.stat(path);
    return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join();
  } catch (error) {
    return messageOf(error);
  }
}

async function read(path: string): Promise<FileOutcome> {
  try {
    // Opening a named pipe would wait until somebody writes to it.
    const { isFile } = await Deno.stat(path);
    if (!isFile) return { error: "it is no regular file" };
    using file = await Deno.open(path);
    const bytes = new Uint8Array(WATCHED_FILE_BYTES_MAX + 1);
    let length = 0;
    while (length < bytes.length) {
      const count = await file.read(bytes.subarray(length));
      if (count === null) return { text: decoder.decode(bytes.subarray(0, length)) };
      length += count;
    }
    return { error: `it has more than ${WATCHED_FILE_BYTES_MAX} bytes` };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function tell(message: FromWorker): void {
  self.postMessage(message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
