/**
 * What the tests of the store stand on: a folder that goes with the test, messages
 * made in a line, and a store that must have found nothing wrong in the background.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import type { Account, RoomRecord, SearchQuery, StoredMessage } from "../../lib/chat/store.ts";
import { openStore, type SqliteStore } from "../../lib/store/sqlite_store.ts";

/** The room that every store begins with. */
export const LOBBY = 1;

/** A signal that nobody aborts. */
export const NEVER = new AbortController().signal;

/** Runs a test in a folder of its own. */
export async function inFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "parley-store-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A store, and what went wrong in its background. */
export interface Trial extends Disposable {
  readonly store: SqliteStore;
  readonly faults: string[];
}

/** Opens a store that must not report any fault. */
export function openTrial(path = ":memory:", keepMs: number | null = null): Trial {
  const faults: string[] = [];
  const store = openStore({
    path,
    keepMs,
    onFault: (what, error) => faults.push(`${what}: ${error}`),
  });
  return {
    store,
    faults,
    [Symbol.dispose]: (): void => {
      store.close();
      assertEquals(faults, []);
    },
  };
}

/** A message in the lobby, unless it says otherwise. */
export function message(id: number, rest: Partial<StoredMessage> = {}): StoredMessage {
  return {
    id,
    atMs: 1_000 * id,
    roomId: LOBBY,
    type: "message",
    accountId: null,
    from: "ann",
    text: `text ${id}`,
    ...rest,
  };
}

/** Messages with these ids. */
export function messages(from: number, to: number): StoredMessage[] {
  return Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
}

/** Says texts in the lobby, one message each, and has them filed. */
export async function say(store: SqliteStore, ...texts: string[]): Promise<void> {
  const first = store.lastMessageId + 1;
  store.append(texts.map((text, index) => message(first + index, { text })));
  await store.catchUp(NEVER);
}

/** Ids of the messages of the lobby that have these words, newest first. */
export function find(
  store: SqliteStore,
  words: string | readonly string[],
  rest: Partial<SearchQuery> = {},
): number[] {
  return store.search({
    words: typeof words === "string" ? [words] : words,
    rooms: [{ roomId: LOBBY, sinceId: 0 }],
    fromKey: null,
    exceptKeys: [],
    afterMs: null,
    beforeMs: null,
    limit: 100,
    ...rest,
  }).map(({ id }) => id);
}

/** Makes a room of this name. */
export function addRoom(
  store: SqliteStore,
  name: string,
  rest: Partial<RoomRecord> = {},
): RoomRecord {
  return store.addRoom({
    name: `#${name}`,
    key: nameKey(name),
    skeleton: nameSkeleton(name),
    access: "open",
    password: null,
    topic: "",
    isLocked: false,
    keepMs: null,
    openFromId: 0,
    madeAtMs: 5,
    ...rest,
  });
}

/** Registers a name. */
export function addAccount(store: SqliteStore, name: string): Account {
  return store.addAccount({
    name,
    key: nameKey(name),
    skeleton: nameSkeleton(name),
    isOperator: false,
    madeAtMs: 1,
    seenAtMs: 2,
    password: `hash of ${name}`,
  });
}

/** Copies a database as it is at this moment: what a process that is killed would leave. */
export function copyFiles(path: string, to: string): void {
  for (const end of ["", "-wal"]) Deno.copyFileSync(`${path}${end}`, `${to}${end}`);
}
