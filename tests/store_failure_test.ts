// What becomes of a server whose database cannot be used, from its start or while people
// talk: one clear line for whoever runs it, one for everybody who is there, and talking goes
// on. Nothing that was stored is lost, and a file that is not the server's stays as it is.

import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import {
  Folder,
  type ProcessOptions,
  runProcess,
  type ServerProcess,
  startProcess,
} from "./fixtures/server_process.ts";
import { Guest } from "./harness.ts";

const PAGE_BYTES = 4096;
const PASSWORD = "correct-horse";
const KEPT_AGAIN = "-- History is kept again, and nothing is missing.";

/** Long enough for the server to have tried again to store something, and failed again. */
const TRIES_MS = 2_500;

/** Lines that are said meanwhile. */
const TALK_LINES = 20;

const IS_CI = Deno.env.get("CI") === "true";

/** For root nothing is read-only, unless it gives that right up: see `capabilities(7)`. */
const AS_ANYBODY: readonly string[] = Deno.build.os !== "windows" && Deno.uid() === 0
  ? ["setpriv", "--bounding-set=-all"]
  : [];

const WHY_NOT_READ_ONLY: string | null = (() => {
  if (Deno.build.os === "windows") return "Windows has no modes of files";
  const [program, ...args] = AS_ANYBODY;
  return program === undefined ? null : whyNot(program, [...args, "true"]);
})();

/** A small disk is mounted by root; CI may ask for its rights. */
const AS_ROOT: readonly string[] = Deno.build.os === "linux" && Deno.uid() !== 0 && IS_CI
  ? ["sudo", "-n"]
  : [];

const WHY_NO_SMALL_DISK: string | null = (() => {
  if (Deno.build.os !== "linux") return "only Linux has tmpfs";
  if (Deno.uid() !== 0 && !IS_CI) return "only root mounts a small disk";
  const folder = Deno.makeTempDirSync({ prefix: "parley-disk-" });
  try {
    const why = whyNot(...commandOfRoot("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder));
    if (why === null) new Deno.Command(...optionsOfRoot("umount", folder)).outputSync();
    return why;
  } finally {
    Deno.removeSync(folder);
  }
})();

/** Why a program does not do what it should; null where it does. In CI that is for the test to say. */
function whyNot(program: string, args: readonly string[]): string | null {
  try {
    const { success, stderr } = new Deno.Command(program, { args: [...args] }).outputSync();
    return success || IS_CI ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return IS_CI ? null : `${program} is not installed`;
  }
}

function commandOfRoot(...words: string[]): [program: string, args: string[]] {
  const [program = "", ...args] = [...AS_ROOT, ...words];
  return [program, args];
}

function optionsOfRoot(...words: string[]): [program: string, options: Deno.CommandOptions] {
  const [program, args] = commandOfRoot(...words);
  return [program, { args }];
}

/** A test that some systems cannot run, with the reason on the screen. */
function testUnless(whyNot: string | null, name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: whyNot === null ? name : `${name} (${whyNot})`,
    ignore: whyNot !== null,
    fn,
  });
}

/** A disk of two megabytes that is a folder's. */
class SmallDisk extends Folder {
  constructor() {
    super();
    const options = `size=2m,uid=${Deno.uid()},mode=0700`;
    this.#asRoot("mount", "-t", "tmpfs", "-o", options, "tmpfs", this.path);
  }

  /** Leaves no room for a single block. */
  fill(): void {
    using file = Deno.openSync(this.file("filler"), { write: true, create: true, append: true });
    const block = new Uint8Array(PAGE_BYTES);
    try {
      for (;;) file.writeSync(block);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }

  /** Makes the room again that {@linkcode SmallDisk.fill} took. */
  free(): void {
    Deno.removeSync(this.file("filler"));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#asRoot("umount", this.path);
    await super[Symbol.asyncDispose]();
  }

  #asRoot(...words: string[]): void {
    const { success, stderr } = new Deno.Command(...optionsOfRoot(...words)).outputSync();
    assert(success, `${words.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}

function start(path: string, options: ProcessOptions = {}): Promise<ServerProcess> {
  return startProcess({ ...options, args: ["--db", path, "--rate", "off", "--operator", "ann"] });
}

/** Somebody under a name. */
async function join(server: ServerProcess, name: string): Promise<Guest> {
  const guest = await Guest.connect(server.port);
  guest.say(`/nick ${name}`);
  await guest.until(`-- You are now ${name}.`);
  return guest;
}

/** Ends a server as its operator does. */
async function stop(server: ServerProcess): Promise<string> {
  server.kill("SIGTERM");
  const { code, stderr } = await server.result();
  assertEquals(code, 0, stderr);
  return stderr;
}

/** A line that somebody said, long enough that a few of them fill a page. */
function line(number: number): string {
  return `line ${number}. ${"So it goes. ".repeat(10)}End of ${number}.`;
}

/** Makes a database in which ann has said so many lines, and that nobody has open. */
async function makeDatabase(path: string, lines = 5): Promise<void> {
  await using server = await start(path);
  await using ann = await join(server, "ann");
  for (let number = 1; number <= lines; number++) ann.say(line(number));
  ann.say("/history 1");
  await ann.until(/^\[/);
  await ann.close();
  assertEquals(await stop(server), "");
}

/** What was said, oldest first, as somebody sees it who asks for 500 lines. */
async function history(guest: Guest): Promise<string[]> {
  await guest.roundtrip();
  guest.say("/history 500");
  const lines = await guest.roundtrip();
  return lines.map((shown) => shown.replace(/^\[\d\d:\d\d \d+\] /, ""));
}

/** Holds that the server refuses to start, in one line, and changes nothing. */
async function assertRefused(
  folder: Folder,
  path: string,
  why: string,
  options: ProcessOptions = {},
): Promise<void> {
  const before = folder.contents();
  const ended = await runProcess({ ...options, args: ["--port", "0", "--db", path] });
  assertEquals(ended, { code: 1, stdout: "", stderr: `parley: Cannot use ${path}: ${why}\n` });
  assertEquals(Object.keys(folder.contents()), Object.keys(before), "files");
  assert(JSON.stringify(folder.contents()) === JSON.stringify(before), "a file was changed");
}

/**
 * Holds that the log says that history is not kept, and why, and has a line for each thing
 * that failed: once, however often it was tried again.
 */
function assertLogged(stderr: string, why: string): void {
  const records = stderr.split("\n");
  assertEquals(records.pop(), "");
  const failed = records.map((record) => {
    const [, what, error] = /^\d{4}-\S+Z \[error\] parley: (.+?) failed: (.+)$/.exec(record) ?? [];
    assert(what !== undefined, `a record has one line, but there is ${record}`);
    assert(error?.includes(why), `${what} failed for another reason: ${error}`);
    return what;
  });
  assert(failed.includes("Keeping history"), `${failed}`);
  assertEquals(failed, [...new Set(failed)]);
}

/** Has somebody say some lines while the server tries more than once to store them. */
async function talkOn(guest: Guest, said: string[]): Promise<void> {
  const startMs = performance.now();
  for (let line = 1; line <= TALK_LINES; line++) {
    const text = `talking on ${line}`;
    guest.say(text);
    said.push(text);
    do await guest.roundtrip(); while (performance.now() - startMs < line * TRIES_MS / TALK_LINES);
  }
}

const READ_ONLY = "The database cannot be written to.";
const LOCKED = "Another program is using the database.";
const FULL = "The disk is full.";
const DAMAGED = "The file is damaged, or is not a database.";

testUnless(
  WHY_NOT_READ_ONLY,
  "a database that is read-only is refused at the start, and stays as it is",
  async () => {
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await makeDatabase(path);
    Deno.chmodSync(path, 0o400);
    await assertRefused(folder, path, READ_ONLY, { through: AS_ANYBODY });
  },
);

testUnless(
  WHY_NOT_READ_ONLY,
  "a database in a folder that is read-only is refused at the start, and stays as it is",
  async () => {
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await makeDatabase(path);
    Deno.chmodSync(folder.path, 0o500);
    try {
      await assertRefused(folder, path, READ_ONLY, { through: AS_ANYBODY });
      await assertRefused(folder, folder.file("new.db"), READ_ONLY, { through: AS_ANYBODY });
    } finally {
      Deno.chmodSync(folder.path, 0o700);
    }
  },
);

testUnless(
  WHY_NOT_READ_ONLY,
  "a database that may not be read is refused at the start",
  async () => {
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await makeDatabase(path);
    Deno.chmodSync(path, 0o000);
    const { code, stdout, stderr } = await runProcess({
      args: ["--port", "0", "--db", path],
      through: AS_ANYBODY,
    });
    Deno.chmodSync(path, 0o600);
    assertEquals([code, stdout], [1, ""]);
    assertEquals(stderr, `parley: Cannot use ${path}: ${READ_ONLY}\n`);
  },
);

for (const mode of ["WAL", "DELETE"]) {
  Deno.test(`a database that another program holds locked is refused at the start (${mode})`, async () => {
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await makeDatabase(path);
    const other = new DatabaseSync(path);
    try {
      other.exec(`PRAGMA journal_mode = ${mode}; BEGIN EXCLUSIVE`);
      const { code, stdout, stderr } = await runProcess({ args: ["--port", "0", "--db", path] });
      assertEquals([code, stdout], [1, ""]);
      assertEquals(stderr, `parley: Cannot use ${path}: ${LOCKED}\n`);
      other.exec("ROLLBACK");
    } finally {
      other.close();
    }
    await using server = await start(path);
    await using ann = await join(server, "ann");
    assertEquals((await history(ann)).length, 5);
    await ann.close();
    assertEquals(await stop(server), "");
  });
}

Deno.test("a database that another program locks while people talk: they are told, talk on, and nothing is missing", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using server = await start(path);
  await using ann = await join(server, "ann");
  await using bob = await join(server, "bob");
  const said = ["before"];
  ann.say("before");
  await ann.roundtrip();
  await bob.until("ann: before");
  const other = new DatabaseSync(path);
  const trouble = `-- What is said now is not kept for history: ${LOCKED} Talking goes on.`;
  try {
    other.exec("BEGIN IMMEDIATE");
    await talkOn(ann, said);
    const heard = await bob.roundtrip();
    // Once, however often it was tried again, and nobody missed a word.
    assertEquals(heard.filter((each) => each.startsWith("--")), [trouble]);
    assertEquals(
      heard.filter((each) => !each.startsWith("--")),
      said.slice(1).map((text) => `ann: ${text}`),
    );
    bob.say(`/register ${PASSWORD}`);
    assertEquals(await bob.roundtrip(), [
      `-- That could not be done, and nothing was changed: ${LOCKED}`,
    ]);
    other.exec("ROLLBACK");
  } finally {
    other.close();
  }
  await bob.until(KEPT_AGAIN);
  ann.say("after");
  said.push("after");
  assertEquals(await history(ann), said.map((text) => `ann: ${text}`));
  assertEquals(await bob.roundtrip(), ["ann: after"]);
  bob.say(`/register ${PASSWORD}`);
  await bob.expect("-- bob is yours now. From elsewhere: /login bob PASSWORD");
  await ann.close();
  await bob.close();
  assertLogged(await stop(server), LOCKED);
});

Deno.test("what is refused because the store fails has changed nothing", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using server = await start(path);
  await using ann = await join(server, "ann");
  ann.say(`/register ${PASSWORD}`);
  await ann.until(/^-- ann is yours now/);
  await using bob = await join(server, "bob");
  await bob.roundtrip();
  const other = new DatabaseSync(path);
  try {
    other.exec("BEGIN IMMEDIATE");
    for (const request of ["/topic hello", "/lock", "/ban server eve", "/room keep 7d"]) {
      await ann.roundtrip();
      ann.say(request);
      assertEquals(await ann.roundtrip(), [
        `-- That could not be done, and nothing was changed: ${LOCKED}`,
      ], request);
    }
    bob.say(`/login ann ${PASSWORD}`);
    const answers = await bob.roundtrip();
    bob.say("/account");
    const isAnn = (await bob.roundtrip())[0]?.startsWith("-- You are ann,") ?? false;
    const isRefused = answers.some((answer) => answer.includes("nothing was changed"));
    assert(isAnn !== isRefused, `logged in or refused, but not both: ${answers.join(" ")}`);
    other.exec("ROLLBACK");
  } finally {
    other.close();
  }
  ann.say("/topic");
  await ann.until("-- #lobby has no topic.");
});

testUnless(
  WHY_NO_SMALL_DISK,
  "a disk that is full while people talk: they are told, talk on, and nothing is lost",
  async () => {
    await using disk = new SmallDisk();
    const path = disk.file("chat.db");
    const trouble = `-- What is said now is not kept for history: ${FULL} Talking goes on.`;
    const said = ["before"];
    let stderr: string;
    {
      await using server = await start(path);
      await using ann = await join(server, "ann");
      await using bob = await join(server, "bob");
      ann.say("before");
      await ann.roundtrip();
      await bob.until("ann: before");
      disk.fill();
      // Some fits yet into the room that SQLite has taken already.
      let isTold = false;
      for (let count = 0; !isTold && count < 100; count++) {
        const text = `full ${count} ${"x".repeat(3_000)}`;
        ann.say(text);
        said.push(text);
        isTold = (await ann.roundtrip()).includes(trouble);
      }
      assert(isTold, "ann was not told that the disk is full");
      await talkOn(ann, said);
      const heard = await bob.roundtrip();
      assertEquals(heard.filter((each) => each.startsWith("--")), [trouble]);
      assertEquals(
        heard.filter((each) => !each.startsWith("--")),
        said.slice(1).map((text) => `ann: ${text}`),
      );
      bob.say(`/register ${PASSWORD}`);
      assertEquals(await bob.roundtrip(), [
        `-- That could not be done, and nothing was changed: ${FULL}`,
      ]);
      disk.free();
      await bob.until(KEPT_AGAIN);
      await ann.until(KEPT_AGAIN);
      ann.say("after");
      said.push("after");
      await ann.roundtrip();
      await bob.expect("ann: after");
      bob.say(`/register ${PASSWORD}`);
      await bob.expect("-- bob is yours now. From elsewhere: /login bob PASSWORD");
      assertEquals(await history(bob), said.map((text) => `ann: ${text}`));
      await ann.close();
      await bob.close();
      stderr = await stop(server);
    }
    await using server = await start(path);
    await using eve = await join(server, "eve");
    assertEquals(await history(eve), said.map((text) => `ann: ${text}`));
    assertLogged(stderr, FULL);
  },
);

testUnless(
  WHY_NO_SMALL_DISK,
  "a server that is killed on a full disk loses nothing that was stored before",
  async () => {
    await using disk = new SmallDisk();
    const path = disk.file("chat.db");
    {
      await using server = await start(path);
      await using ann = await join(server, "ann");
      for (let number = 1; number <= 5; number++) ann.say(line(number));
      await ann.roundtrip();
      disk.fill();
      for (let number = 0; number < 5; number++) ann.say("x".repeat(8_000));
      await ann.until(/^-- What is said now is not kept/);
      await server.crash();
    }
    disk.free();
    await using server = await start(path);
    await using bob = await join(server, "bob");
    const lines = await history(bob);
    assertEquals(
      lines.slice(0, 5),
      [1, 2, 3, 4, 5].map((number) => `ann: ${line(number)}`),
    );
  },
);

testUnless(WHY_NO_SMALL_DISK, "a start on a full disk is refused in one line", async () => {
  await using disk = new SmallDisk();
  disk.fill();
  await assertRefused(disk, disk.file("chat.db"), FULL);
});

testUnless(WHY_NO_SMALL_DISK, "a server starts where there is room again", async () => {
  await using disk = new SmallDisk();
  disk.fill();
  const { code } = await runProcess({ args: ["--port", "0", "--db", disk.file("chat.db")] });
  assertEquals(code, 1);
  disk.free();
  await using server = await start(disk.file("chat.db"));
  await using ann = await join(server, "ann");
  ann.say("here I am");
  assertEquals(await history(ann), ["ann: here I am"]);
});

testUnless(
  WHY_NO_SMALL_DISK,
  "a copy that does not fit is refused, and leaves nothing",
  async () => {
    await using disk = new SmallDisk();
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await makeDatabase(path);
    disk.fill();
    const to = disk.file("copy.db");
    assertEquals(await runProcess({ args: ["--db", path, "--backup", to] }), {
      code: 1,
      stdout: "",
      stderr: `parley: Cannot copy ${path} to ${to}: ${FULL}\n`,
    });
    assertEquals([...Deno.readDirSync(disk.path)].map(({ name }) => name), ["filler"]);
  },
);

Deno.test("a file that is no database, or is damaged, is refused at the start, and stays as it is", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await makeDatabase(path, 100);
  const whole = Deno.readFileSync(path);
  const damaged: Record<string, Uint8Array> = {
    "text": new TextEncoder().encode("Dear diary, ".repeat(1_000)),
    "garbage": Uint8Array.from({ length: 50_000 }, (_, index) => (index * index * 31) >> 3),
    "half of it": whole.slice(0, whole.length >> 1),
    "its first page": whole.slice(0, PAGE_BYTES),
    "its header": whole.slice(0, 100),
    "garbage behind the header": whole.slice().fill(0xa5, 100),
    "garbage in the tables of rooms and accounts": whole.slice().fill(
      0xa5,
      PAGE_BYTES,
      20 * PAGE_BYTES,
    ),
  };
  for (const [what, bytes] of Object.entries(damaged)) {
    Deno.writeFileSync(path, bytes);
    const before = folder.contents();
    const ended = await runProcess({ args: ["--port", "0", "--db", path] });
    assertEquals(
      ended,
      { code: 1, stdout: "", stderr: `parley: Cannot use ${path}: ${DAMAGED}\n` },
      what,
    );
    assertEquals(Object.keys(folder.contents()), Object.keys(before), what);
    assert(JSON.stringify(folder.contents()) === JSON.stringify(before), `${what} was changed`);
  }
});

Deno.test("a page that is damaged costs what is on it: talking goes on, and the rest stays whole", async () => {
  const LINES = 400;
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await makeDatabase(path, LINES);
  const whole = Deno.readFileSync(path);
  // What people said stands in the table alone, so its page is found by a line in its middle.
  const at = new TextDecoder("latin1").decode(whole).indexOf("End of 200.");
  const pageAt = at - at % PAGE_BYTES;
  assert(at > 0, "the line is found in the file");
  const damaged = whole.slice().fill(0xa5, pageAt, pageAt + PAGE_BYTES);
  Deno.writeFileSync(path, damaged);
  {
    await using server = await start(path);
    await using ann = await join(server, "ann");
    await using bob = await join(server, "bob");
    await ann.roundtrip();
    for (const request of ["/history 5 before 203", "/history 500", "/search End 200"]) {
      ann.say(request);
      assertEquals(await ann.roundtrip(), [
        `-- That could not be done, and nothing was changed: ${DAMAGED}`,
      ], request);
    }
    await bob.roundtrip();
    ann.say("still here");
    await ann.roundtrip();
    await bob.expect("ann: still here");
    bob.say("/history 2");
    const shown = await bob.roundtrip();
    assertEquals(shown.map((each) => each.replace(/^\[\d\d:\d\d /, "[")), [
      `[${LINES}] ann: ${line(LINES)}`,
      `[${LINES + 1}] ann: still here`,
    ]);
    await ann.close();
    await bob.close();
    assertEquals(await stop(server), "");
  }
  // With the page as it was, nothing is missing.
  const left = Deno.readFileSync(path);
  assert(left.subarray(pageAt, pageAt + PAGE_BYTES).every((byte) => byte === 0xa5), "rewritten");
  left.set(whole.subarray(pageAt, pageAt + PAGE_BYTES), pageAt);
  Deno.writeFileSync(path, left);
  const db = new DatabaseSync(path);
  try {
    assertEquals({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    const texts = db.prepare("SELECT text FROM message ORDER BY id").all().map(({ text }) => text);
    const expected = Array.from({ length: LINES }, (_, index) => line(index + 1));
    assertEquals(texts, [...expected, "still here"]);
  } finally {
    db.close();
  }
});

Deno.test("a database of a newer version is refused at the start, and not changed by a byte", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await makeDatabase(path);
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 1000");
  db.close();
  await assertRefused(folder, path, "The database was made by a newer version of Parley.");
});

Deno.test("another program's database is refused at the start, and not changed by a byte", async () => {
  await using folder = new Folder();
  const path = folder.file("bookmarks.db");
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES ('mine')");
  db.close();
  await assertRefused(folder, path, "The file is another program's database.");
});

Deno.test("a second server on a database is refused, and the first goes on", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using server = await start(path);
  await using ann = await join(server, "ann");
  ann.say("before");
  await ann.roundtrip();
  for (let time = 0; time < 2; time++) {
    assertEquals(await runProcess({ args: ["--port", "0", "--db", path] }), {
      code: 1,
      stdout: "",
      stderr: `parley: Cannot use ${path}: Another Parley server is using the database.\n`,
    });
  }
  ann.say("after");
  assertEquals(await history(ann), ["ann: before", "ann: after"]);
  await ann.close();
  assertEquals(await stop(server), "");
});

Deno.test({
  name: "a second server is refused where it knows the database under another name",
  // Windows lets only administrators make links.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await using server = await start(path);
    Deno.symlinkSync(path, folder.file("link.db"));
    const { code, stderr } = await runProcess({
      args: ["--port", "0", "--db", folder.file("link.db")],
    });
    assertEquals([code, stderr], [
      1,
      `parley: Cannot use ${
        folder.file("link.db")
      }: Another Parley server is using the database.\n`,
    ]);
    assertEquals(await stop(server), "");
  },
});

Deno.test({
  name: "a database that is deleted while people talk: they talk on",
  // Windows does not delete a file that is in use.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using folder = new Folder();
    const path = folder.file("chat.db");
    await using server = await start(path);
    await using ann = await join(server, "ann");
    await using bob = await join(server, "bob");
    ann.say("before");
    await ann.roundtrip();
    await bob.until("ann: before");
    for (const { name } of [...Deno.readDirSync(folder.path)]) Deno.removeSync(folder.file(name));
    const said = ["before"];
    for (let count = 0; count < 300; count++) {
      const text = `after ${count} ${"x".repeat(1_000)}`;
      ann.say(text);
      said.push(text);
    }
    await ann.roundtrip();
    assertEquals(await bob.roundtrip(), said.slice(1).map((text) => `ann: ${text}`));
    bob.say("/history 3");
    assertEquals(
      (await bob.roundtrip()).map((each) => each.replace(/^\[.*?\] /, "")),
      said.slice(-3).map((text) => `ann: ${text}`),
    );
    await ann.close();
    await bob.close();
    assertEquals(await stop(server), "");
  },
});

Deno.test("a database in a folder that does not exist, or that is a folder, is refused in one line", async () => {
  await using folder = new Folder();
  const missing = `${folder.path}/no/chat.db`;
  await assertRefused(folder, missing, "The folder for the database does not exist.");
  const { code, stdout, stderr } = await runProcess({
    args: ["--port", "0", "--db", folder.path],
  });
  assertEquals([code, stdout], [1, ""]);
  assert(
    /^parley: Cannot use .*\n$/.test(stderr) &&
      stderr.startsWith(`parley: Cannot use ${folder.path}: `),
  );
});
