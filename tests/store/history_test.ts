// What was said: appended, filed, read, found by its time, removed.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mock } from "node:test";
import { DatabaseSync } from "node:sqlite";
import type { StoredMessage } from "../../lib/chat/store.ts";
import { EXPIRING_MS, FILING_MESSAGES, FILING_QUIET_MS, SAVE_RETRY_MS } from "../../lib/limits.ts";
import {
  addAccount,
  addRoom,
  find,
  inFolder,
  LOBBY,
  message,
  messages,
  NEVER,
  openTrial,
  say,
} from "./store_trial.ts";

Deno.test("append() keeps every field, at once and filed", async () => {
  using trial = openTrial();
  const { store } = trial;
  const side = addRoom(store, "side");
  const said: StoredMessage[] = [
    message(1, { text: "plain" }),
    message(2, { type: "action", accountId: 7, from: "Zo\u{eb}", text: "waves | \\n \"'" }),
    message(3, { roomId: side.id, text: "elsewhere" }),
    message(4, { type: "topic", text: "" }),
    message(5, { atMs: 2 ** 41, text: "\u{1f468}\u{200d}\u{1f469} \u{65e5}\u{672c}" }),
  ];
  const lobby = said.filter(({ roomId }) => roomId === LOBBY);
  store.append(said);
  assertEquals(store.lastMessageId, 5);
  assertEquals(store.recent(LOBBY, 10), lobby);
  await store.catchUp(NEVER);
  assertEquals(store.recent(LOBBY, 10), lobby);
  assertEquals(store.recent(side.id, 10), said.slice(2, 3));
  assertEquals(said.map(({ id }) => store.message(id)), said);
  assertEquals(store.message(6), null);
  store.append([]);
  assertEquals(store.lastMessageId, 5);
});

Deno.test("append() takes a gap between two calls, and no other", () => {
  using trial = openTrial();
  const { store } = trial;
  store.append(messages(3, 4));
  store.append(messages(10, 11));
  assertEquals(store.lastMessageId, 11);
  assertThrows(() => store.append(messages(11, 12)), RangeError);
  assertThrows(() => store.append([message(12), message(14)]), RangeError);
  assertThrows(() => store.append([message(13), message(12)]), RangeError);
  assertEquals(store.lastMessageId, 11);
  assertEquals(store.recent(LOBBY, 9).map(({ id }) => id), [3, 4, 10, 11]);
});

Deno.test("recent() is right however much of the journal is filed", async () => {
  using trial = openTrial();
  const { store } = trial;
  const side = addRoom(store, "side");
  store.append(messages(1, 5));
  await store.catchUp(NEVER);
  store.append([message(6, { roomId: side.id }), message(7)]);
  store.append([message(8)]);
  const ids = (limit: number, roomId = LOBBY): number[] =>
    store.recent(roomId, limit).map(({ id }) => id);
  assertEquals(ids(0), []);
  assertEquals(ids(1), [8]);
  assertEquals(ids(2), [7, 8]);
  assertEquals(ids(4), [4, 5, 7, 8]);
  assertEquals(ids(99), [1, 2, 3, 4, 5, 7, 8]);
  assertEquals(ids(99, side.id), [6]);
  assertEquals(ids(99, 12345), []);
});

Deno.test("read() gives the newest of a range, oldest first", async () => {
  using trial = openTrial();
  const { store } = trial;
  store.append(messages(1, 10));
  await store.catchUp(NEVER);
  const ids = (sinceId: number, beforeId: number, limit: number): number[] =>
    store.read({ roomId: LOBBY, sinceId, beforeId, limit }).map(({ id }) => id);
  assertEquals(ids(0, 100, 3), [8, 9, 10]);
  assertEquals(ids(0, 8, 3), [5, 6, 7]);
  assertEquals(ids(6, 8, 3), [6, 7]);
  assertEquals(ids(8, 8, 3), []);
  assertEquals(ids(0, 100, 0), []);
});

Deno.test("idAt() finds the first from a time on, among gaps too", async () => {
  using trial = openTrial();
  const { store } = trial;
  assertEquals(store.idAt(0), 1);
  store.append([message(1, { atMs: 10 }), message(2, { atMs: 10 }), message(3, { atMs: 20 })]);
  store.append([message(9, { atMs: 30 })]);
  await store.catchUp(NEVER);
  assertEquals([0, 10, 11, 20, 21, 30, 31].map((at) => store.idAt(at)), [1, 1, 3, 3, 9, 9, 10]);
  store.removeMessage(3);
  assertEquals([11, 20, 21].map((at) => store.idAt(at)), [9, 9, 9]);
});

Deno.test("catchUp() files in slices, lets others have a turn, and can be given up", async () => {
  using trial = openTrial();
  const { store } = trial;
  const count = 20 * FILING_MESSAGES;
  store.append(messages(1, count));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const aborting = new AbortController();
  const given = assertRejects(() => store.catchUp(aborting.signal), DOMException);
  aborting.abort();
  await given;
  await store.catchUp(NEVER);
  clearInterval(timer);
  assert(turns > 1);
  assertEquals(find(store, "text", { limit: 2_000 }).length, count);
  await assertRejects(() => store.catchUp(AbortSignal.abort()), DOMException);
});

Deno.test("what is said is filed in the background, politely while people talk", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) });
  try {
    using trial = openTrial();
    const { store } = trial;
    mock.timers.tick(FILING_QUIET_MS);
    store.append(messages(1, 3 * FILING_MESSAGES));
    assertEquals(store.message(1), null);
    mock.timers.tick(FILING_QUIET_MS - 1);
    store.append(messages(3 * FILING_MESSAGES + 1, 3 * FILING_MESSAGES + 1));
    assertEquals(store.message(1), null);
    mock.timers.tick(1);
    assertEquals(store.message(FILING_MESSAGES)?.id, FILING_MESSAGES);
    assertEquals(store.message(FILING_MESSAGES + 1), null);
    mock.timers.tick(60_000);
    assertEquals(store.message(store.lastMessageId)?.id, store.lastMessageId);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("filing that fails is told of once, tried again, and loses nothing", async () => {
  await inFolder((folder) => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) });
    try {
      const path = `${folder}/chat.db`;
      using trial = openTrial(path);
      const { store } = trial;
      mock.timers.tick(2 * FILING_QUIET_MS);
      store.append(messages(1, 2));
      const other = new DatabaseSync(path);
      other.exec("BEGIN IMMEDIATE");
      mock.timers.tick(FILING_QUIET_MS);
      mock.timers.tick(SAVE_RETRY_MS);
      mock.timers.tick(SAVE_RETRY_MS);
      assertEquals(trial.faults.splice(0), [
        "Filing: StoreError: Another program is using the database.",
      ]);
      assertEquals(store.recent(LOBBY, 9), messages(1, 2));
      other.exec("ROLLBACK");
      other.close();
      mock.timers.tick(SAVE_RETRY_MS);
      assertEquals(store.message(2), message(2));
    } finally {
      mock.timers.reset();
    }
  });
});

Deno.test("filing counts a room's messages, and who speaks has read", async () => {
  using trial = openTrial();
  const { store } = trial;
  const [ann, bob] = [addAccount(store, "ann"), addAccount(store, "bob")];
  const member = { isOperator: false, isInvited: false, sinceId: 0, readId: 0 };
  store.setMember(LOBBY, ann.id, member);
  store.append([message(1), message(2, { accountId: ann.id }), message(3)]);
  store.append([message(4, { accountId: bob.id })]);
  assertEquals(store.rooms()[0]?.messages, 4);
  await store.catchUp(NEVER);
  assertEquals(store.rooms()[0]?.messages, 4);
  assertEquals(store.member(LOBBY, ann.id)?.readId, 2);
  assertEquals(store.member(LOBBY, bob.id), null);
  store.setMember(LOBBY, ann.id, { ...member, readId: 4 });
  store.setMember(LOBBY, ann.id, { ...member, readId: 1 });
  assertEquals(store.member(LOBBY, ann.id)?.readId, 4);
});

Deno.test("messages of a room that is gone are dropped, and their ids are used up", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    {
      using trial = openTrial(path);
      const side = addRoom(trial.store, "side");
      trial.store.append([message(1), message(2, { roomId: side.id })]);
      trial.store.removeRoom(side.id);
      await trial.store.catchUp(NEVER);
      assertEquals(trial.store.message(2), null);
      assertEquals(addRoom(trial.store, "side").id, side.id + 1);
    }
    using trial = openTrial(path);
    assertEquals(trial.store.lastMessageId, 2);
  });
});

Deno.test("transaction() is all or nothing, appended messages included", async () => {
  using trial = openTrial();
  const { store } = trial;
  assertEquals(
    store.transaction(() => {
      store.append(messages(1, 1));
      return store.transaction(() => {
        store.setSetting("a", "1");
        return 5;
      });
    }),
    5,
  );
  assertThrows(
    () =>
      store.transaction(() => {
        store.append(messages(2, 3));
        store.setSetting("a", "2");
        throw new Error("no");
      }),
    Error,
    "no",
  );
  assertEquals(store.lastMessageId, 1);
  assertEquals(store.setting("a"), "1");
  store.transaction(() => {
    store.setSetting("b", "1");
    assertThrows(() =>
      store.transaction(() => {
        store.setSetting("b", "2");
        throw new Error("inner");
      })
    );
  });
  assertEquals(store.setting("b"), "1");
  store.append(messages(2, 2));
  await store.catchUp(NEVER);
  assertEquals(store.recent(LOBBY, 9), messages(1, 2));
});

Deno.test("removeMessage() leaves nothing of it, in no file", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    const secret = "xylophonequartz";
    const isLeft = (): boolean =>
      [...Deno.readDirSync(folder)].some(({ name }) =>
        // The index shares the first letters with the word before.
        new TextDecoder("latin1").decode(Deno.readFileSync(`${folder}/${name}`))
          .includes(secret.slice(3))
      );
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) });
    try {
      using trial = openTrial(path);
      const { store } = trial;
      await say(store, "something", `my secret is ${secret}`, "else");
      assert(isLeft());
      assertEquals(find(store, secret), [2]);
      store.removeMessage(2);
      store.removeMessage(2);
      assertEquals(find(store, secret), []);
      assertEquals(store.message(2), null);
      assertEquals(store.recent(LOBBY, 9).map(({ id }) => id), [1, 3]);
      mock.timers.tick(EXPIRING_MS);
      mock.timers.tick(EXPIRING_MS);
      assert(!isLeft());
      assertEquals(find(store, "else"), [3]);
      assertEquals(store.rooms()[0]?.messages, 3);
    } finally {
      mock.timers.reset();
    }
  });
});
