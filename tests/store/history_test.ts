// What was said: appended, filed, read, found by its time, removed; and what comes after a
// message, however much of it is filed, against a plain list.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { DatabaseSync } from "node:sqlite";
import type { StoredMessage } from "../../lib/chat/store.ts";
import { StoreError } from "../../lib/errors.ts";
import { EXPIRING_MS, FILING_MESSAGES, FILING_QUIET_MS, SAVE_RETRY_MS } from "../../lib/limits.ts";
import { Database } from "../../lib/store/database.ts";
import { Filing } from "../../lib/store/filing.ts";
import { History } from "../../lib/store/history.ts";
import { Journal } from "../../lib/store/journal.ts";
import { migrate } from "../../lib/store/schema.ts";
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

Deno.test("append() takes ids that grow, with gaps or without, and no others", async () => {
  using trial = openTrial();
  const { store } = trial;
  store.append(messages(3, 4));
  store.append([message(10), message(12), message(13), message(20, { from: "bob" })]);
  assertEquals(store.lastMessageId, 20);
  assertThrows(() => store.append(messages(20, 21)), RangeError);
  assertThrows(() => store.append([message(21), message(21)]), RangeError);
  assertThrows(() => store.append([message(23), message(22)]), RangeError);
  assertThrows(() => store.append([message(21), message(23), message(22)]), RangeError);
  assertEquals(store.lastMessageId, 20);
  const all = [...messages(3, 4), message(10), ...messages(12, 13), message(20, { from: "bob" })];
  assertEquals(store.recent(LOBBY, 9), all);
  assertEquals(store.rooms()[0]?.messages, 6);
  assertEquals(store.countFrom({ roomId: LOBBY, sinceId: 11, limit: 9 }), 3);
  await store.catchUp(NEVER);
  assertEquals(store.recent(LOBBY, 9), all);
  assertEquals(store.rooms()[0]?.messages, 6);
  assertEquals([11, 14, 20, 21].map((id) => store.idAt(1_000 * id)), [12, 20, 20, 21]);
});

Deno.test("append() that fails midway has appended nothing, and works when it is tried again", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    const said = [...messages(2, 3), message(5), ...messages(7, 8)];
    {
      using trial = openTrial(path);
      const { store } = trial;
      store.append(messages(1, 1));
      using other = new Database(path);
      other.script(
        `CREATE TRIGGER broken BEFORE INSERT ON journal WHEN NEW.first = 7
         BEGIN SELECT RAISE(ABORT, 'broken'); END`,
      );
      assertThrows(() => store.append(said), StoreError);
      assertEquals(store.lastMessageId, 1);
      assertEquals(store.recent(LOBBY, 9), messages(1, 1));
      // One that goes on after it keeps what is appended behind it, under the same ids.
      store.transaction(() => {
        assertThrows(() => store.append(said), StoreError);
        store.append(messages(2, 2));
        assertEquals(store.lastMessageId, 2);
      });
      other.script("DROP TRIGGER broken");
      store.append(said.slice(1));
      assertEquals(store.recent(LOBBY, 9), [message(1), ...said]);
      assertEquals(store.rooms()[0]?.messages, 6);
      await store.catchUp(NEVER);
      assertEquals(store.recent(LOBBY, 9), [message(1), ...said]);
      assertEquals(store.rooms()[0]?.messages, 6);
    }
    using trial = openTrial(path);
    assertEquals(trial.store.lastMessageId, 8);
    assertEquals(trial.store.recent(LOBBY, 9), [message(1), ...said]);
  });
});

Deno.test("texts of any lines come back as they were, alone and beside others", async () => {
  const text = fc.array(fc.constantFrom("", "a", "tea pot", "\u{65e5}\u{672c}"), { maxLength: 4 })
    .map((lines) => lines.join("\n"));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      async (turns) => {
        using trial = openTrial();
        const { store } = trial;
        const all: StoredMessage[] = [];
        for (const texts of turns) {
          const first = store.lastMessageId + 1;
          const atMs = 1_000 * first;
          const said = texts.map((text, index) => message(first + index, { text, atMs }));
          store.append(said);
          all.push(...said);
        }
        assertEquals(store.recent(LOBBY, 99), all);
        await store.catchUp(NEVER);
        assertEquals(store.recent(LOBBY, 99), all);
      },
    ),
    { numRuns: 50 },
  );
});

/** A turn of messages in two rooms, with gaps between some; a slice of filing; a removal. */
type Step =
  | { readonly type: "append"; readonly said: readonly { gap: number; roomId: number }[] }
  | { readonly type: "file" }
  | { readonly type: "remove"; readonly nth: number };

const STEPS: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { withCrossShrink: true },
    fc.record({ type: fc.constant("file" as const) }),
    fc.record({
      type: fc.constant("append" as const),
      said: fc.array(
        fc.record({ gap: fc.constantFrom(0, 0, 0, 1, 5), roomId: fc.constantFrom(1, 2) }),
        { minLength: 1, maxLength: 2 * FILING_MESSAGES },
      ),
    }),
    fc.record({ type: fc.constant("remove" as const), nth: fc.nat(200) }),
  ),
  { maxLength: 10 },
);

Deno.test("after() gives what a plain list would, however much is filed", () => {
  const query = fc.record({ roomId: fc.integer({ min: 1, max: 3 }), afterId: fc.nat(400) });
  const queries = fc.array(query, { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(STEPS, queries, fc.integer({ min: -1, max: 80 }), (steps, asked, limit) => {
      using db = new Database(":memory:");
      migrate(db);
      db.run(
        "INSERT INTO room SELECT 2, '#two', 'two', 'two', access, password, topic, is_locked, keep, open_from, messages, made FROM room",
      );
      const journal = new Journal(db);
      const history = new History(db, journal);
      const filing = new Filing({ db, journal, onQuiet: () => {}, onFault: () => {} });
      let list: StoredMessage[] = [];
      for (const step of steps) {
        if (step.type === "append") {
          let id = journal.lastId;
          const said = step.said.map(({ gap, roomId }) => message(id += 1 + gap, { roomId }));
          journal.append(said);
          list.push(...said);
        } else if (step.type === "file") {
          filing.fileSlice();
        } else {
          const filed = list.filter(({ id }) => id <= journal.filedId);
          const removed = filed.at(step.nth % (filed.length || 1));
          if (removed !== undefined) history.forget(removed.id);
          list = list.filter((one) => one !== removed);
        }
        for (const { roomId, afterId } of asked) {
          const expected = list.filter((one) => one.roomId === roomId && one.id > afterId);
          assertEquals(
            history.after({ roomId, afterId, limit }),
            expected.slice(0, Math.max(0, limit)),
          );
        }
        assertEquals(journal.unfiled, list.filter(({ id }) => id > journal.filedId).length);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("after() looks at the end of the journal alone where only that is asked for", () => {
  using db = new Database(":memory:");
  migrate(db);
  const journal = new Journal(db);
  const history = new History(db, journal);
  for (const first of [1, 10, 20]) journal.append(messages(first, first + 4));
  // Whoever looks at one of the first two fails.
  db.run("UPDATE journal SET lines = 'no message' WHERE first < 20");
  const ids = (afterId: number): number[] =>
    history.after({ roomId: LOBBY, afterId, limit: 9 }).map(({ id }) => id);
  assertEquals(ids(20), [21, 22, 23, 24]);
  assertEquals(ids(22), [23, 24]);
  assertEquals(ids(24), []);
  assertEquals(ids(99), []);
  assertThrows(() => ids(14), StoreError);
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
