// What has had its time goes, by a clock that the test moves.

import { assertEquals } from "@std/assert";
import { mock } from "node:test";
import { AUDIT_KEEP_MS, EXPIRING_MESSAGES, EXPIRING_MS } from "../../lib/limits.ts";
import { Database } from "../../lib/store/database.ts";
import { addRoom, find, inFolder, LOBBY, message, openTrial, type Trial } from "./store_trial.ts";

const START_MS = Date.UTC(2026, 0);
const HOUR_MS = 3_600_000;

/** A store of which the test moves the clock. */
async function onFakeTime(
  keepMs: number | null,
  test: (trial: Trial, path: string) => void | Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: START_MS });
    try {
      const path = `${folder}/chat.db`;
      using trial = openTrial(path, keepMs);
      await test(trial, path);
    } finally {
      mock.timers.reset();
    }
  });
}

/** Time passes, in steps that let one slice follow another. */
function pass(ms: number): void {
  for (let passedMs = 0; passedMs < ms; passedMs += EXPIRING_MS / 2) {
    mock.timers.tick(EXPIRING_MS / 2);
  }
}

Deno.test("messages last as long as the server keeps them, or their room, if that is shorter", async () => {
  await onFakeTime(10 * HOUR_MS, ({ store }) => {
    const short = addRoom(store, "short", { keepMs: HOUR_MS });
    const count = 3 * EXPIRING_MESSAGES;
    for (let id = 1; id <= count; id++) {
      store.append([
        message(id, { atMs: START_MS, roomId: id % 2 === 0 ? LOBBY : short.id, text: "old" }),
      ]);
    }
    pass(HOUR_MS / 2);
    store.append([message(count + 1, { atMs: Date.now(), roomId: short.id, text: "new" })]);
    store.append([message(count + 2, { atMs: Date.now(), text: "new" })]);
    pass(HOUR_MS / 2);
    assertEquals(store.recent(short.id, count).length, count / 2 + 1);
    pass(EXPIRING_MS);
    assertEquals(store.recent(short.id, count).map(({ id }) => id), [count + 1]);
    assertEquals(store.recent(LOBBY, count).length, count / 2 + 1);
    assertEquals(find(store, "old", { limit: count }).length, count / 2);
    pass(9 * HOUR_MS);
    assertEquals(store.recent(LOBBY, count).map(({ id }) => id), [count + 2]);
    assertEquals(find(store, "old"), []);
    assertEquals(find(store, "new"), [count + 2]);
    assertEquals(store.rooms().map(({ messages }) => messages), [count / 2 + 1, count / 2 + 1]);
    assertEquals(store.lastMessageId, count + 2);
    assertEquals(store.idAt(0), count + 2);
  });
});

Deno.test("messages that are kept for ever stay", async () => {
  await onFakeTime(null, ({ store }) => {
    store.append([message(1, { atMs: START_MS })]);
    pass(24 * HOUR_MS);
    assertEquals(store.recent(LOBBY, 9).length, 1);
  });
});

Deno.test("the messages of a removed room go, and nothing else", async () => {
  await onFakeTime(null, (trial, path) => {
    const { store } = trial;
    const side = addRoom(store, "side");
    store.append([message(1), message(2, { roomId: side.id, text: "gone" })]);
    pass(EXPIRING_MS);
    store.append([message(3, { roomId: side.id, text: "gone" })]);
    store.removeRoom(side.id);
    pass(2 * EXPIRING_MS);
    assertEquals(store.recent(LOBBY, 9).map(({ id }) => id), [1]);
    store.close();
    using db = new Database(path);
    assertEquals(db.number("SELECT count(*) FROM message"), 1);
    assertEquals(db.number("SELECT count(*) FROM removed_room"), 0);
    assertEquals(db.all("SELECT rowid FROM word WHERE word MATCH 'gone'"), []);
  });
});

Deno.test("ended sanctions go, and old entries of the record", async () => {
  await onFakeTime(null, ({ store }, path) => {
    const entry = { roomId: null, room: "", by: "", act: "", whom: "", address: "", reason: "" };
    store.addAudit({ ...entry, atMs: START_MS - AUDIT_KEEP_MS, untilMs: null });
    store.addAudit({ ...entry, atMs: START_MS - AUDIT_KEEP_MS + HOUR_MS, untilMs: null });
    const sanction = { kind: "ban", roomId: null, shown: "", by: "", atMs: 0, reason: "" } as const;
    const target = { type: "name", value: "bob" } as const;
    store.addSanction({ ...sanction, target, untilMs: START_MS + 1 });
    store.addSanction({ ...sanction, target, untilMs: START_MS + 2 * EXPIRING_MS });
    pass(EXPIRING_MS);
    assertEquals(store.sanctions().map(({ id }) => id), [2]);
    pass(2 * EXPIRING_MS);
    assertEquals(store.audit({ roomId: null, limit: 9 }).map(({ id }) => id), [2]);
    assertEquals(store.sanctions(), []);
    store.close();
    using db = new Database(path);
    assertEquals(db.number("SELECT count(*) FROM sanction"), 0);
  });
});
