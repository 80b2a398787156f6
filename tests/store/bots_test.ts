// Bots and the hashes of their tokens: that they are found by name, by look and by
// token, that they go with their makers, and that an older file gets their table.

import { assertEquals, assertThrows } from "@std/assert";
import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import type { Account, BotRecord } from "../../lib/chat/store.ts";
import { StoreError } from "../../lib/errors.ts";
import { Database } from "../../lib/store/database.ts";
import { migrate, MIGRATIONS } from "../../lib/store/schema.ts";
import type { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { addAccount, inFolder, openTrial } from "./store_trial.ts";

function addBot(store: SqliteStore, maker: Account, name: string): BotRecord {
  return store.addBot({
    name,
    key: nameKey(name),
    skeleton: nameSkeleton(name),
    madeAtMs: 7,
    maker,
    tokenHash: `hash of ${name}`,
  });
}

Deno.test("bots are found by key, by look and by token, each with its maker", () => {
  using trial = openTrial();
  const { store } = trial;
  const [ann, bob] = [addAccount(store, "Ann"), addAccount(store, "bob")];
  const ci = addBot(store, ann, "Ci");
  const build = addBot(store, ann, "build");
  const relay = addBot(store, bob, "relay");
  assertEquals(ci, {
    id: 1,
    name: "Ci",
    key: "ci",
    skeleton: "ci",
    madeAtMs: 7,
    maker: ann,
  });
  assertEquals(store.botByKey("ci"), ci);
  assertEquals(store.botByLook(nameSkeleton("C1")), ci);
  assertEquals(store.botByToken("hash of relay"), relay);
  assertEquals(store.botsOf(ann.id), [ci, build]);
  assertEquals(store.botsOf(99), []);
  for (const none of [store.botByKey("Ci"), store.botByLook("x"), store.botByToken("")]) {
    assertEquals(none, null);
  }
  // What the maker is may change.
  store.setServerOperator(ann.id, Boolean(1));
  assertEquals(store.botByKey("ci")?.maker.isOperator, Boolean(1));
});

Deno.test("a bot's name and token are nobody else's, and what is refused changes nothing", () => {
  using trial = openTrial();
  const { store } = trial;
  const [ann, bob] = [addAccount(store, "ann"), addAccount(store, "bob")];
  const ci = addBot(store, ann, "ci");
  assertThrows(() => addBot(store, bob, "CI"), StoreError);
  assertThrows(() => store.addBot({ ...ci, key: "other", tokenHash: "hash of ci" }), StoreError);
  assertThrows(() => addBot(store, { ...ann, id: 99 }, "stray"), StoreError);
  assertEquals([store.botsOf(ann.id), store.botsOf(bob.id)], [[ci], []]);
});

Deno.test("bots are removed, one by one or with their maker, and their ids never come back", () => {
  using trial = openTrial();
  const { store } = trial;
  const [ann, bob] = [addAccount(store, "ann"), addAccount(store, "bob")];
  const ci = addBot(store, ann, "ci");
  addBot(store, ann, "build");
  const relay = addBot(store, bob, "relay");
  store.removeBot(ci.id);
  store.removeBot(ci.id);
  assertEquals(store.botByToken("hash of ci"), null);
  assertEquals(store.botsOf(ann.id).map(({ name }) => name), ["build"]);
  store.removeAccount(ann.id);
  assertEquals([store.botByKey("build"), store.botByToken("hash of build")], [null, null]);
  assertEquals(store.botByKey("relay"), relay);
  assertEquals(addBot(store, bob, "ci").id, 4);
});

Deno.test("bots outlast the server", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    let ci: BotRecord;
    {
      using trial = openTrial(path);
      ci = addBot(trial.store, addAccount(trial.store, "ann"), "ci");
    }
    using trial = openTrial(path);
    assertEquals(trial.store.botByToken("hash of ci"), ci);
  });
});

Deno.test("openStore() brings a file of version 2 along, with the seats and accounts in it", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    {
      using db = new Database(path);
      migrate(db, MIGRATIONS.slice(0, 2));
      db.script(
        `INSERT INTO account VALUES (1, 'Ann', 'ann', 'ann', 'hash', 0, 5, 6);
         INSERT INTO seat VALUES (3, 'token', NULL, 4, '{}')`,
      );
    }
    using trial = openTrial(path);
    const { store } = trial;
    const ann = store.accountByKey("ann");
    assertEquals(ann?.name, "Ann");
    assertEquals(store.seats().map(({ id, lastRef }) => [id, lastRef]), [[3, 4]]);
    assertEquals(store.botsOf(1), []);
    if (ann !== null) assertEquals(addBot(store, ann, "ci").maker, ann);
  });
});
