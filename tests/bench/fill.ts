/**
 * Makes the database that the scenario `store` measures: run by the benchmark as
 * a process of its own, with a {@linkcode FillRequest} as the argument.
 *
 * Messages go the way that all go, through the store's own append and filing.
 * Prints one line of JSON: a {@linkcode FillResult}.
 *
 * @module
 */

import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import type { StoredMessage } from "../../lib/chat/store.ts";
import { FILING_MESSAGES } from "../../lib/limits.ts";
import { ScryptPasswords } from "../../lib/store/scrypt_passwords.ts";
import { openStore, type SqliteStore } from "../../lib/store/sqlite_store.ts";
import {
  Corpus,
  OPENED_ROOM,
  READER,
  READER_PASSWORD,
  REGISTERED_WRITERS,
  ROBOT,
  ROOMS,
  WRITERS,
} from "./corpus.ts";

/** What to make. */
export interface FillRequest {
  /** Where; there is no file yet. */
  readonly path: string;
  /** How many messages. */
  readonly messages: number;
  /** When the last one was said. */
  readonly endMs: number;
}

/** What that took. */
export interface FillResult {
  readonly tookMs: number;
}

if (import.meta.main) {
  const request = JSON.parse(Deno.args[0] ?? "{}") as FillRequest;
  const startMs = performance.now();
  await fill(request);
  const result: FillResult = { tookMs: performance.now() - startMs };
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result) + "\n"));
}

async function fill({ path, messages, endMs }: FillRequest): Promise<void> {
  const onFault = (what: string, error: unknown): never => {
    throw new Error(`${what} failed`, { cause: error });
  };
  using store = openStore({ path, keepMs: null, onFault });
  const roomIds = makeRooms(store, messages);
  const accountIds = WRITERS.slice(0, REGISTERED_WRITERS).map((name) => register(store, name, "-"));
  await makeReader(store, roomIds);
  const corpus = new Corpus(messages, endMs);
  const never = new AbortController().signal;
  for (let id = 1; id <= messages;) {
    const said: StoredMessage[] = [];
    for (; said.length < FILING_MESSAGES && id <= messages; id++) {
      const { atMs, room, isAction, writer, text } = corpus.next();
      said.push({
        id,
        atMs,
        roomId: roomIds[room] ?? 0,
        type: isAction ? "action" : "message",
        accountId: writer === null ? null : accountIds[writer] ?? null,
        from: writer === null ? ROBOT : WRITERS[writer] ?? "",
        text,
      });
    }
    store.append(said);
    // More of them would be filed over several turns, with a wait in each.
    await store.catchUp(never);
  }
}

/** The rooms' ids, in their order. */
function makeRooms(store: SqliteStore, messages: number): number[] {
  const [lobby] = store.rooms();
  if (lobby === undefined) throw new Error("Store has no first room");
  return ROOMS.map(({ name }, at) =>
    at === 0 ? lobby.id : store.addRoom({
      name: `#${name}`,
      key: nameKey(name),
      skeleton: nameSkeleton(name),
      access: "open",
      password: null,
      topic: `All about ${name}`,
      isLocked: false,
      keepMs: null,
      openFromId: at === OPENED_ROOM ? Math.floor(messages / 2) : 0,
      madeAtMs: 0,
    }).id
  );
}

function register(store: SqliteStore, name: string, password: string): number {
  const [key, skeleton] = [nameKey(name), nameSkeleton(name)];
  const account = { name, key, skeleton, isOperator: false, madeAtMs: 0, seenAtMs: 0, password };
  return store.addAccount(account).id;
}

async function makeReader(store: SqliteStore, roomIds: readonly number[]): Promise<void> {
  const id = register(store, READER, await new ScryptPasswords().hash(READER_PASSWORD));
  const member = { isOperator: false, isInvited: false, sinceId: 0, readId: 0 };
  for (const roomId of roomIds) store.setMember(roomId, id, member);
}
