// Copies: of a store that goes on, given up in the middle, and from another program.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../lib/errors.ts";
import { BACKUP_CHUNK_BYTES } from "../../lib/limits.ts";
import { backupFile } from "../../lib/store/backup.ts";
import { Database } from "../../lib/store/database.ts";
import { openStore, type SqliteStore } from "../../lib/store/sqlite_store.ts";
import { DatabaseSync } from "node:sqlite";
import { inFolder, LOBBY, message, messages, NEVER, openTrial } from "./store_trial.ts";

/** Says so much that a copy takes several steps. */
async function fill(store: SqliteStore): Promise<void> {
  const text = "tea and biscuits ".repeat(500);
  const first = store.lastMessageId + 1;
  store.append(Array.from({ length: 500 }, (_, index) => message(first + index, { text })));
  await store.catchUp(NEVER);
}

/** Whether there is a database that can be opened. */
function isDatabase(path: string): boolean {
  try {
    using db = new Database(path);
    return db.number("SELECT count(*) FROM room") !== null;
  } catch {
    return false;
  }
}

Deno.test("backup() copies what there was, while people talk", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    using trial = openTrial(path);
    const { store } = trial;
    await fill(store);
    const count = store.lastMessageId;
    store.append([message(count + 1, { text: "unfiled" })]);
    let isDone = false;
    const copying = store.backup(NEVER).then((result) => {
      isDone = true;
      return result;
    });
    await assertRejects(() => store.backup(NEVER), StoreError, "A backup is being made already.");
    let turns = 0;
    while (!isDone) {
      store.append([message(store.lastMessageId + 1, { text: "too late" })]);
      if (++turns % 3 === 0) await store.catchUp(NEVER);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert(turns > 2);
    const { path: to, bytes } = await copying;
    assertEquals(to, `${path}-backup`);
    assertEquals(Deno.statSync(to).size, bytes);
    assert(bytes > 2 * BACKUP_CHUNK_BYTES);

    Deno.copyFileSync(to, `${folder}/restored.db`);
    {
      using db = new Database(`${folder}/restored.db`, { readOnly: true });
      assertEquals(db.all("PRAGMA integrity_check").map((row) => Object.values(row)), [["ok"]]);
      assertEquals(db.number("SELECT count(*) FROM message"), count);
    }
    using restored = openTrial(`${folder}/restored.db`);
    assertEquals(restored.store.lastMessageId, count + 1);
    assertEquals(restored.store.recent(LOBBY, 1).map(({ text }) => text), ["unfiled"]);

    // Again, over a copy that was longer.
    const again = await store.backup(NEVER);
    assertEquals(Deno.statSync(to).size, again.bytes);
    assert(isDatabase(to));
  });
});

Deno.test("backup() that is given up leaves nothing that could be taken for one", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    using trial = openTrial(path);
    await fill(trial.store);
    await trial.store.backup(NEVER);
    const aborting = new AbortController();
    const copying = trial.store.backup(aborting.signal).catch((error) => error);
    aborting.abort("enough");
    assertEquals(await copying, "enough");
    assert(!isDatabase(`${path}-backup`));
    await trial.store.backup(NEVER);
    assert(isDatabase(`${path}-backup`));
    const refused = trial.store.backup(AbortSignal.abort("before")).catch((error) => error);
    assertEquals(await refused, "before");
    assert(isDatabase(`${path}-backup`));
  });
});

Deno.test("closing the store gives a backup up", async () => {
  await inFolder(async (folder) => {
    using trial = openTrial(`${folder}/chat.db`);
    await fill(trial.store);
    const copying = assertRejects(() => trial.store.backup(NEVER), StoreError, "stopping");
    trial.store.close();
    await copying;
    await assertRejects(() => trial.store.backup(NEVER), StoreError, "stopping");
    assert(!isDatabase(`${folder}/chat.db-backup`));
  });
});

Deno.test("backup() says so where another program reads, and where there is no file", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    using trial = openTrial(path);
    trial.store.append(messages(1, 5));
    const other = new DatabaseSync(path);
    other.exec("BEGIN; SELECT * FROM room");
    trial.store.append(messages(6, 7));
    const error = await assertRejects(() => trial.store.backup(NEVER), StoreError);
    assertEquals(error.fault, "locked");
    other.close();
    await trial.store.backup(NEVER);
    using memory = openTrial();
    await assertRejects(() => memory.store.backup(NEVER), StoreError, "Nothing is kept in a file");
  });
});

Deno.test("backupFile() copies a store that is closed, into a new file", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chat.db`;
    const to = `${folder}/copy.db`;
    await assertRejects(() => backupFile(path, to), StoreError, "There is no database");
    {
      using store = openStore({ path, keepMs: null });
      store.append(messages(1, 3));
    }
    assertEquals(await backupFile(path, to), { path: to, bytes: Deno.statSync(to).size });
    await assertRejects(() => backupFile(path, to), StoreError, "exists already");
    const missing = `${folder}/no/copy.db`;
    await assertRejects(() => backupFile(path, missing), StoreError, "does not exist");
    Deno.writeTextFileSync(`${folder}/text`, "text");
    const text = `${folder}/text`;
    await assertRejects(() => backupFile(text, `${folder}/other`), StoreError, "not a database");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "chat.db",
      "chat.db-backup",
      "copy.db",
      "text",
    ]);
    using copy = openTrial(to);
    assertEquals(copy.store.recent(LOBBY, 9), messages(1, 3));
  });
});

Deno.test({
  name: "another process copies and reads a store that goes on after a backup (needs --allow-run)",
  ignore: Deno.permissions.querySync({ name: "run" }).state !== "granted",
  fn: async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/chat.db`;
      const to = `${folder}/copy.db`;
      const module = new URL("../../lib/store/", import.meta.url);
      const program = `${folder}/program.ts`;
      Deno.writeTextFileSync(
        program,
        `import { backupFile } from ${JSON.stringify(new URL("backup.ts", module).href)};
         import { DatabaseSync } from "node:sqlite";
         await backupFile(${JSON.stringify(path)}, ${JSON.stringify(to)});
         const db = new DatabaseSync(${JSON.stringify(path)});
         console.log(db.prepare("SELECT count(*) AS n FROM journal").get().n);
         db.close();`,
      );
      using trial = openTrial(path);
      trial.store.append(messages(1, 2));
      // A backup reads the file itself, which must not cost the store its locks: the other
      // process would take the log for nobody's, and delete it.
      await trial.store.backup(NEVER);
      trial.store.append(messages(3, 4));
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "-A", "--config", config, program],
        stdin: "null",
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      assert(Deno.statSync(`${path}-wal`).size > 0, "the log is still there");
      trial.store.append(messages(5, 6));
      assertEquals(trial.store.recent(LOBBY, 9), messages(1, 6));
      trial.store.close();
      using again = openTrial(path);
      assertEquals(again.store.recent(LOBBY, 9), messages(1, 6));
      using copy = openTrial(to);
      assertEquals(copy.store.recent(LOBBY, 9), messages(1, 4));
    });
  },
});
