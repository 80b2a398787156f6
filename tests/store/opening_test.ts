// Opening: new files, old ones, and those that must stay as they are.

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { nameSkeleton } from "../../lib/chat/names.ts";
import { StoreError, type StoreFault } from "../../lib/errors.ts";
import { backupFile } from "../../lib/store/backup.ts";
import { Database } from "../../lib/store/database.ts";
import { inspectStore } from "../../lib/store/inspect.ts";
import { APPLICATION_ID, migrate, MIGRATIONS, SCHEMA_VERSION } from "../../lib/store/schema.ts";
import { openStore } from "../../lib/store/sqlite_store.ts";
import {
  copyFiles,
  find,
  inFolder,
  LOBBY,
  message,
  messages,
  NEVER,
  openTrial,
} from "./store_trial.ts";

/** An error, as far as it is told. */
interface Refusal {
  readonly fault: StoreFault;
  readonly message: string;
}

/** What opening is refused with. */
function refusal(path: string): Refusal {
  const error = assertThrows(() => openStore({ path, keepMs: null }), StoreError);
  assert(!error.message.includes(path), "the sentence is without the path");
  return { fault: error.fault, message: error.message };
}

/** Every file of a folder, and what is in it. */
function contents(folder: string): Record<string, string> {
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return Object.fromEntries(
    files.map((name) => [name, Deno.readFileSync(`${folder}/${name}`).join()]),
  );
}

/** Makes a database that is not Parley's. */
function makeForeign(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

/** Whether a file that is read-only for its user is so for who runs the test. */
function isBoundByModes(): boolean {
  if (Deno.build.os === "windows") return false;
  const path = Deno.makeTempFileSync({ prefix: "parley-store-" });
  try {
    Deno.chmodSync(path, 0o400);
    Deno.openSync(path, { write: true }).close();
    return false;
  } catch {
    return true;
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("openStore() makes a store with a lobby, in files for its user alone", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    const before = Date.now();
    using trial = openTrial(path);
    const [lobby, ...others] = trial.store.rooms();
    assertEquals(others, []);
    assertEquals({ ...lobby, madeAtMs: 0 }, {
      id: LOBBY,
      name: "#lobby",
      key: "lobby",
      skeleton: nameSkeleton("lobby"),
      access: "open",
      password: null,
      topic: "",
      isLocked: false,
      keepMs: null,
      openFromId: 0,
      messages: 0,
      madeAtMs: 0,
    });
    assert(lobby !== undefined && lobby.madeAtMs >= before);
    assertEquals(trial.store.lastMessageId, 0);
    assertEquals(trial.store.recent(LOBBY, 10), []);
    if (Deno.build.os === "windows") return;
    for (const { name } of Deno.readDirSync(folder)) {
      assertEquals((Deno.statSync(`${folder}/${name}`).mode ?? 0) & 0o077, 0, name);
    }
  });
});

Deno.test("a store that was closed is all there when it is opened again", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    const said = messages(1, 3);
    {
      using trial = openTrial(path);
      trial.store.append(said);
      trial.store.close();
      trial.store.close();
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
        "chat.db",
        "chat.db-backup",
      ]);
    }
    using trial = openTrial(path);
    assertEquals(trial.store.lastMessageId, 3);
    assertEquals(trial.store.recent(LOBBY, 10), said);
    assertEquals(trial.store.rooms()[0]?.messages, 3);
    assertEquals(trial.store.rooms().length, 1);
  });
});

Deno.test("a closed store says so, whatever is asked of it", () => {
  const { store } = openTrial();
  store.close();
  assertThrows(() => store.append(messages(1, 1)), StoreError);
  assertThrows(() => store.append([], { refs: new Map([[1, 1]]), directs: [] }), StoreError);
  assertThrows(() => store.seats(), StoreError);
  assertThrows(() => store.rooms(), StoreError);
  assertThrows(() => store.transaction(() => 1), StoreError);
});

Deno.test("nothing is lost where a process is killed, filed or not", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    const left = `${folder}/left.db`;
    using trial = openTrial(path);
    trial.store.append(messages(1, 30));
    await trial.store.catchUp(NEVER);
    trial.store.append(messages(31, 32));
    trial.store.append([message(40, { text: "after a gap" })]);
    copyFiles(path, left);
    using other = openTrial(left);
    const expected = [...messages(1, 32), message(40, { text: "after a gap" })];
    assertEquals(other.store.lastMessageId, 40);
    assertEquals(other.store.rooms()[0]?.messages, 33);
    assertEquals(other.store.recent(LOBBY, 100), expected);
    await other.store.catchUp(NEVER);
    assertEquals(other.store.recent(LOBBY, 100), expected);
    assertEquals(other.store.rooms()[0]?.messages, 33);
  });
});

Deno.test("a journal that was half filed is filed on, once", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    const left = `${folder}/left.db`;
    const said = messages(1, 5_000);
    {
      using trial = openTrial(path);
      trial.store.append(said);
      // Some slices are done before the first wait.
      const catching = trial.store.catchUp(AbortSignal.abort()).catch(() => {});
      await catching;
      const aborting = new AbortController();
      const caught = trial.store.catchUp(aborting.signal).catch((error) => error);
      aborting.abort("enough");
      assertEquals(await caught, "enough");
      copyFiles(path, left);
    }
    using trial = openTrial(left);
    assertEquals(trial.store.lastMessageId, 5_000);
    assertEquals(trial.store.rooms()[0]?.messages, 5_000);
    await trial.store.catchUp(NEVER);
    assertEquals(trial.store.rooms()[0]?.messages, 5_000);
    const query = { roomId: LOBBY, beforeId: 6_000, sinceId: 0, limit: 6_000 };
    assertEquals(trial.store.read(query), said);
  });
});

Deno.test("openStore() refuses a newer file, and does not touch it", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    openStore({ path, keepMs: null }).close();
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    Deno.removeSync(`${path}-backup`);
    const before = contents(folder);
    assertEquals(refusal(path), {
      fault: "newer",
      message: "The database was made by a newer version of Parley.",
    });
    assertThrows(() => inspectStore(path), StoreError, "newer");
    assertEquals(contents(folder), before);
  });
});

Deno.test("openStore() refuses what is no database of ours, and does not touch it", async () => {
  await inFolder((folder) => {
    makeForeign(`${folder}/foreign.db`, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    const tables = Array.from(
      { length: 300 },
      (_, index) => `CREATE TABLE a_table_with_a_long_name_${index} (a_column_with_a_long_name);`,
    );
    makeForeign(`${folder}/many.db`, `BEGIN; ${tables.join("")} COMMIT`);
    makeForeign(`${folder}/wal.db`, "PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
    Deno.writeTextFileSync(`${folder}/text.db`, "Dear diary, ".repeat(1_000));
    Deno.writeTextFileSync(`${folder}/short.db`, "SQLite format 3\0");
    const before = contents(folder);
    const foreign: Refusal = {
      fault: "failed",
      message: "The file is another program's database.",
    };
    const corrupt: Refusal = {
      fault: "corrupt",
      message: "The file is damaged, or is not a database.",
    };
    assertEquals(refusal(`${folder}/foreign.db`), foreign);
    assertEquals(refusal(`${folder}/many.db`), foreign);
    assertEquals(refusal(`${folder}/wal.db`), foreign);
    assertEquals(refusal(`${folder}/text.db`), corrupt);
    assertEquals(refusal(`${folder}/short.db`), corrupt);
    assertEquals(contents(folder), before);
  });
});

Deno.test("openStore() takes an empty file, and a database without tables", async () => {
  await inFolder((folder) => {
    Deno.createSync(`${folder}/empty.db`).close();
    makeForeign(`${folder}/bare.db`, "PRAGMA user_version = 0; CREATE TABLE t (a); DROP TABLE t");
    for (const name of ["empty", "bare"]) {
      const inspection = inspectStore(`${folder}/${name}.db`);
      assertEquals(inspection.exists && inspection.version, 0);
      using trial = openTrial(`${folder}/${name}.db`);
      assertEquals(trial.store.rooms().length, 1);
    }
  });
});

Deno.test("openStore() refuses a damaged database", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    openStore({ path, keepMs: null }).close();
    const bytes = Deno.readFileSync(path);
    bytes.fill(0xff, 100, 4096);
    Deno.writeFileSync(path, bytes);
    assertEquals(refusal(path).fault, "corrupt");
  });
});

Deno.test("openStore() says that the folder is missing, or that it is none", async () => {
  await inFolder((folder) => {
    assertEquals(refusal(`${folder}/no/chat.db`), {
      fault: "failed",
      message: "The folder for the database does not exist.",
    });
    Deno.mkdirSync(`${folder}/folder`);
    assertEquals(refusal(`${folder}/folder`).fault, "failed");
  });
});

Deno.test({
  name: "openStore() refuses a file or folder that is read-only (ignored for root, who may write)",
  ignore: !isBoundByModes(),
  fn: async () => {
    await inFolder((folder) => {
      const path = `${folder}/chat.db`;
      openStore({ path, keepMs: null }).close();
      Deno.chmodSync(path, 0o400);
      assertEquals(refusal(path).fault, "read-only");
      Deno.chmodSync(path, 0o600);
      Deno.chmodSync(folder, 0o500);
      assertEquals(refusal(`${folder}/other.db`).fault, "read-only");
      Deno.chmodSync(folder, 0o700);
    });
  },
});

Deno.test("Database tells a read-only database by its fault", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    openStore({ path, keepMs: null }).close();
    using db = new Database(path, { readOnly: true });
    const error = assertThrows(() => db.run("DELETE FROM room"), StoreError);
    assertEquals(error.fault, "read-only");
    assertInstanceOf(error.cause, Error);
  });
});

Deno.test("Database tells a full disk by its fault, and has changed nothing", async () => {
  await inFolder((folder) => {
    using db = new Database(`${folder}/chat.db`);
    migrate(db);
    const pages = db.number("PRAGMA page_count") ?? 0;
    db.get(`PRAGMA max_page_count = ${pages}`);
    const error = assertThrows(() =>
      db.transaction(() => {
        db.run("INSERT INTO setting VALUES ('small', '1')");
        db.run("INSERT INTO setting VALUES ('large', ?)", "x".repeat(100_000));
      }), StoreError);
    assertEquals([error.fault, error.message], ["full", "The disk is full."]);
    assertEquals(db.all("SELECT * FROM setting"), []);
    db.run("INSERT INTO setting VALUES ('small', '1')");
    assertEquals(db.number("SELECT count(*) FROM setting"), 1);
  });
});

Deno.test("two servers on one file: the second is refused, and the first goes on", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    {
      using trial = openTrial(path);
      for (let attempt = 0; attempt < 2; attempt++) {
        assertEquals(refusal(path), {
          fault: "locked",
          message: "Another Parley server is using the database.",
        });
      }
      trial.store.append(messages(1, 1));
    }
    using trial = openTrial(path);
    assertEquals(trial.store.lastMessageId, 1);
  });
});

Deno.test("another program that writes makes the store say so, and then it works again", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    using trial = openTrial(path);
    trial.store.append(messages(1, 1));
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const error = assertThrows(() => trial.store.append(messages(2, 2)), StoreError);
    assertEquals(error.fault, "locked");
    assertEquals(trial.store.lastMessageId, 1);
    assertEquals(trial.store.recent(LOBBY, 5), messages(1, 1));
    other.exec("ROLLBACK");
    other.close();
    trial.store.append(messages(2, 3));
    assertEquals(trial.store.recent(LOBBY, 5), messages(1, 3));
  });
});

Deno.test("migrate() goes through the steps that are missing, each as one", () => {
  using db = new Database(":memory:");
  const steps = [
    (db: Database): void => db.script("CREATE TABLE one (a)"),
    (db: Database): void => db.script("CREATE TABLE two (a)"),
  ];
  migrate(db, steps.slice(0, 1));
  assertEquals(db.number("PRAGMA user_version"), 1);
  assertEquals(db.number("PRAGMA application_id"), APPLICATION_ID);
  const broken = (db: Database): void => {
    db.script("CREATE TABLE three (a)");
    db.script("CREATE TABLE three (a)");
  };
  assertThrows(() => migrate(db, [...steps, broken]), StoreError);
  assertEquals(db.number("PRAGMA user_version"), 2);
  assertEquals(db.number("SELECT count(*) FROM sqlite_schema"), 2);
  migrate(db, steps);
  assertEquals(db.number("PRAGMA user_version"), 2);
  const error = assertThrows(() => migrate(db, steps.slice(0, 1)), StoreError);
  assertEquals(error.fault, "newer");
});

/** What a file of version 1 has in it: two messages that are filed, and four that are not. */
const SAID_IN_VERSION_1 = [
  message(1, { text: "first" }),
  message(2, { text: "second" }),
  message(3, { accountId: 1, type: "action", from: "Zo\u{eb}", text: "waves \u{2615}" }),
  message(4, { atMs: 4_000, text: "x" }),
  message(5, { atMs: 4_000, text: "" }),
  message(9, { text: "after a gap" }),
];

/** Leaves a file of version 1, its log included, as a process that was killed would. */
function leaveVersion1(folder: string): string {
  using db = new Database(`${folder}/made.db`);
  migrate(db, MIGRATIONS.slice(0, 1));
  db.get("PRAGMA journal_mode = WAL");
  for (const { id, text } of SAID_IN_VERSION_1.slice(0, 2)) {
    db.run("INSERT INTO message VALUES (?, 1, ?, 0, NULL, 'ann', ?)", id, 1_000 * id, text);
    db.run(
      "INSERT INTO word (rowid, room, author, words) VALUES (?, '\u{e000}1', '\u{e001}616e6e', ?)",
      id,
      text,
    );
  }
  db.script("UPDATE room SET messages = 2");
  // Version 1 divided messages by line ends. The first row was filed in part.
  db.script("UPDATE counter SET value = 2 WHERE name = 'filed'");
  const packed = (
    roomId: number,
    type: number,
    account: string,
    ...rest: readonly (string | number)[]
  ): string => [roomId, type, account, ...rest].join("\x1f");
  db.run(
    "INSERT INTO journal VALUES (2, 4, 2000, ?)",
    [
      packed(1, 0, "", 0, "ann", "second"),
      packed(1, 1, "1", 1_000, "Zo\u{eb}", "waves \u{2615}"),
      packed(1, 0, "", 2_000, "ann", "x"),
      "",
    ].join("\n"),
  );
  db.run("INSERT INTO journal VALUES (9, 1, 9000, ?)", packed(1, 0, "", 0, "ann", "after a gap"));
  db.script(
    `INSERT INTO account VALUES (1, 'Zo\u{eb}', 'zoe', 'zoe', 'hash', 1, 5, 6);
     INSERT INTO waiting VALUES (3, 1, 7, 'bob', 'psst');
     INSERT INTO setting VALUES ('locked', 'yes')`,
  );
  copyFiles(`${folder}/made.db`, `${folder}/chat.db`);
  return `${folder}/chat.db`;
}

Deno.test("openStore() brings a file of version 1 along, with all that is in it", async () => {
  await inFolder(async (folder) => {
    const path = leaveVersion1(folder);
    const inspection = inspectStore(path);
    assertEquals(inspection.exists && [inspection.version, inspection.messages], [1, 6]);
    const copy = `${folder}/copy.db`;
    await backupFile(path, copy);
    for (const each of [path, copy]) {
      for (let opening = 0; opening < 2; opening++) {
        using trial = openTrial(each);
        const { store } = trial;
        assertEquals(store.lastMessageId, 9);
        assertEquals(store.recent(LOBBY, 9), SAID_IN_VERSION_1);
        assertEquals(store.rooms().map(({ name, messages }) => [name, messages]), [["#lobby", 6]]);
        await store.catchUp(NEVER);
        assertEquals(store.recent(LOBBY, 9), SAID_IN_VERSION_1);
        assertEquals([find(store, "second"), find(store, "gap")], [[2], [9]]);
        assertEquals(store.accountByKey("zoe")?.isOperator, Boolean(1));
        assertEquals(store.waiting(1), [{ id: 3, atMs: 7, from: "bob", text: "psst" }]);
        assertEquals(store.setting("locked"), "yes");
        assertEquals([store.seats(), store.reservedId], [[], 0]);
      }
      const { exists, ...now } = { version: 0, messages: 0, ...inspectStore(each) };
      assertEquals([exists, now.version, now.messages], [Boolean(1), SCHEMA_VERSION, 6]);
    }
  });
});

Deno.test("a file of version 1 stays one where it cannot be brought along", async () => {
  await inFolder((folder) => {
    const path = leaveVersion1(folder);
    {
      using db = new Database(path);
      db.script(
        `CREATE TRIGGER broken BEFORE UPDATE ON journal
         BEGIN SELECT RAISE(ABORT, 'broken'); END`,
      );
    }
    assertEquals(refusal(path).fault, "failed");
    const inspection = inspectStore(path);
    assertEquals(inspection.exists && [inspection.version, inspection.messages], [1, 6]);
    {
      using db = new Database(path);
      assertEquals(db.number("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'seat%'"), 0);
      db.script("DROP TRIGGER broken");
    }
    using trial = openTrial(path);
    assertEquals(trial.store.recent(LOBBY, 9), SAID_IN_VERSION_1);
  });
});

Deno.test("inspectStore() says what is there, and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    assertEquals(inspectStore(path), { exists: false });
    const left = `${folder}/left.db`;
    {
      using trial = openTrial(path);
      trial.store.append(messages(1, 5));
      await trial.store.catchUp(NEVER);
      trial.store.append(messages(6, 7));
      copyFiles(path, left);
    }
    const before = contents(folder);
    assertEquals(inspectStore(path), {
      exists: true,
      version: SCHEMA_VERSION,
      messages: 7,
      accounts: 0,
      rooms: 1,
      bytes: Deno.statSync(path).size,
    });
    assertEquals(contents(folder), before);
    const inspection = inspectStore(left);
    assertEquals(inspection.exists && inspection.messages, 7);
    assertEquals(Deno.readFileSync(left).join(), before["left.db"]);
  });
});
