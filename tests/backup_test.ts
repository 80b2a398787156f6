// Copies of a database that is in use: by an operator in the chat, by a second process, and
// what `--check` says of it. A copy is whole, a server starts on it, and making one costs
// those who talk nothing.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { Folder, runProcess, type ServerProcess, startProcess } from "./fixtures/server_process.ts";
import { Guest } from "./harness.ts";

const PASSWORD = "correct-horse";

/** A server with an operator who is logged in, and with a guest. */
class Talk implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly ann: Guest;
  readonly bob: Guest;
  /** What bob has said so far, oldest first. */
  readonly said: string[] = [];

  private constructor(server: ServerProcess, guests: { readonly ann: Guest; readonly bob: Guest }) {
    this.server = server;
    this.ann = guests.ann;
    this.bob = guests.bob;
  }

  static async start(path: string): Promise<Talk> {
    const server = await startProcess({
      args: ["--db", path, "--rate", "off", "--operator", "ann"],
    });
    const ann = await Guest.connect(server.port);
    ann.say(`/nick ann\n/register ${PASSWORD}`);
    await ann.until(/^-- ann is yours now/);
    const bob = await Guest.connect(server.port);
    bob.say("/nick bob");
    await bob.until("-- You are now bob.");
    await ann.roundtrip();
    return new Talk(server, { ann, bob });
  }

  /** Has bob say some lines, and waits until the server has them. */
  async talk(lines: number, words = "so it goes"): Promise<void> {
    for (let count = 0; count < lines; count++) {
      const text = `line ${this.said.length} ${words}`;
      this.said.push(text);
      this.bob.say(text);
      // No more at once than ann, who reads in this process too, can take.
      if (count % 8 === 7) await this.bob.roundtrip();
    }
    await this.bob.roundtrip();
  }

  /** Has bob talk until something is done. */
  async talkUntil<Result>(done: Promise<Result>): Promise<Result> {
    let isDone = false;
    const settled = done.finally(() => isDone = true);
    do await this.talk(20); while (!isDone);
    return await settled;
  }

  /** Ends the server as its operator does: it must have found nothing wrong. */
  async stop(): Promise<void> {
    await this.ann.close();
    await this.bob.close();
    this.server.kill("SIGTERM");
    assertEquals(await this.server.result(), { code: 0, stderr: "" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.ann.close();
    await this.bob.close();
  }
}

/** Holds that a file is a whole database by itself. */
function assertWhole(path: string): void {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    assertEquals({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    // A copy that needs a log beside it would not be one.
    assertEquals({ ...db.prepare("PRAGMA journal_mode").get() }, { journal_mode: "delete" });
    const violations = db.prepare("PRAGMA foreign_key_check").all();
    assertEquals(violations, []);
  } finally {
    db.close();
  }
}

/** All that is in the history of a copy, as people see it at a server on it, oldest first. */
async function readCopy(path: string): Promise<string[]> {
  const lines: string[] = [];
  await using server = await startProcess({ args: ["--db", path, "--rate", "off"] });
  await using guest = await Guest.connect(server.port);
  await guest.roundtrip();
  for (let before = "";;) {
    guest.say(`/history 500${before}`);
    const shown = await guest.roundtrip();
    if (shown[0] === "-- There is nothing to show.") break;
    const [, id = ""] = /^\[\S+ (\d+)\]/.exec(shown[0] ?? "") ?? [];
    before = ` before ${id}`;
    lines.unshift(...shown.map((line) => line.replace(/^\[\S+ \d+\] bob: /, "")));
  }
  guest.say(`/login ann ${PASSWORD}`);
  await guest.until("-- You are logged in as ann.");
  await guest.close();
  server.kill("SIGTERM");
  assertEquals(await server.result(), { code: 0, stderr: "" });
  return lines;
}

/** Holds that a copy has a beginning of what was said, and all of it up to some line. */
function assertBeginning(copied: readonly string[], said: readonly string[], least: number): void {
  assert(copied.length >= least, `${copied.length} lines in the copy, of ${least} at least`);
  const at = copied.findIndex((line, index) => line !== said[index]);
  assertEquals(at, -1, `line ${at} is ${copied[at]}, not ${said[at]}`);
}

Deno.test("/backup copies all that was said before it, while people talk", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using talk = await Talk.start(path);
  const { ann, said } = talk;
  await talk.talk(200);
  const least = said.length;
  await ann.roundtrip();
  ann.say("/backup");
  const heard = await talk.talkUntil(ann.until(/^-- Everything /));
  const answer = heard.pop() ?? "";
  // Nobody who talked noticed.
  heard.push(...await ann.roundtrip());
  assertEquals(heard, said.slice(least).map((text) => `bob: ${text}`));
  const [, copy = "", size] = /^-- Everything is copied to (.+) \((\d+) KiB\)\.$/.exec(answer) ??
    [];
  assertEquals(copy, `${path}-backup`);
  assertEquals(Number(size), Math.ceil(Deno.statSync(copy).size / 1024));
  // Copied on while the server is still there: it is complete.
  Deno.copyFileSync(copy, folder.file("first.db"));
  assertWhole(folder.file("first.db"));
  assertBeginning(await readCopy(folder.file("first.db")), said, least);

  // Again, over the one before, which has become larger meanwhile.
  await talk.talk(300);
  ann.say("/backup");
  await ann.until(/^-- Everything is copied to /);
  Deno.copyFileSync(copy, folder.file("second.db"));
  ann.say("/audit server");
  const audit = await ann.roundtrip();
  assertEquals(audit.map((line) => line.replace(/^-- \d\d:\d\d /, "")), [
    "ann backup",
    "ann backup",
  ]);
  await talk.stop();
  assertWhole(folder.file("second.db"));
  assertEquals(await readCopy(folder.file("second.db")), said);
});

Deno.test("/backup is for operators of the server, and has nothing to copy out of memory", async () => {
  await using folder = new Folder();
  await using talk = await Talk.start(folder.file("chat.db"));
  talk.bob.say("/backup");
  await talk.bob.until("-- Only an operator of the server may do that.");
  assertEquals(Deno.statSync(folder.file("chat.db-backup")).size, 0);
  await talk.stop();

  await using server = await startProcess({ args: ["--operator", "ann"] });
  await using ann = await Guest.connect(server.port);
  ann.say(`/nick ann\n/register ${PASSWORD}\n/backup`);
  await ann.until(
    "-- That could not be done, and nothing was changed: " +
      "Nothing is kept in a file, so there is nothing to back up.",
  );
});

Deno.test("/backup that is asked for twice at once is made once, and the other is refused", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using talk = await Talk.start(path);
  await talk.talk(3_000);
  await using again = await Guest.connect(talk.server.port);
  again.say(`/login ann ${PASSWORD}`);
  await again.until("-- You are logged in as ann.");
  await talk.ann.roundtrip();
  talk.ann.say("/backup");
  again.say("/backup");
  const answers = await Promise.all(
    [talk.ann, again].map(async (guest) =>
      (await guest.until(/^-- (Everything|That could not)/)).at(-1) ?? ""
    ),
  );
  const refused = answers.filter((answer) => !answer.startsWith("-- Everything is copied to "));
  for (const answer of refused) {
    assertEquals(
      answer,
      "-- That could not be done, and nothing was changed: A backup is being made already.",
    );
  }
  assert(refused.length < 2, "neither was made");
  Deno.copyFileSync(`${path}-backup`, folder.file("copy.db"));
  assertWhole(folder.file("copy.db"));
  await again.close();
  await talk.stop();
});

Deno.test("a kill amid /backup leaves the database whole, and no half of a copy that looks like one", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using talk = await Talk.start(path);
  // Several times what is copied in one piece.
  await talk.talk(1_500, "and so on ".repeat(400));
  await talk.ann.roundtrip();
  talk.ann.say("/backup");
  while (Deno.statSync(`${path}-backup`).size === 0) await talk.talk(1);
  await talk.server.crash();
  const copy = folder.file("copy.db");
  Deno.copyFileSync(`${path}-backup`, copy);
  const ended = await runProcess({ args: ["--check", "--db", copy] });
  // Where the kill came late, it is complete.
  if (ended.code === 0) assertWhole(copy);
  else {
    assertEquals(
      ended.stderr,
      `parley: Cannot use ${copy}: The file is damaged, or is not a database.\n`,
    );
  }
  const kept = await readCopy(path);
  assertBeginning(kept, talk.said, talk.said.length - 1);
});

Deno.test("--backup copies the database of a running server, while people talk", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  const to = folder.file("copy.db");
  await using talk = await Talk.start(path);
  const { said } = talk;
  await talk.talk(500);
  const least = said.length;
  const { code, stdout, stderr } = await talk.talkUntil(
    runProcess({ args: ["--db", path, "--backup", to] }),
  );
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout, `Copied ${path} to ${to} (${Deno.statSync(to).size} bytes).\n`);
  if (Deno.build.os !== "windows") {
    assertEquals((Deno.statSync(to).mode ?? 0) & 0o777, 0o600, "for its owner alone");
  }
  assertWhole(to);
  // The server goes on, and still has its locks: nobody else may start on its database.
  await talk.talk(100);
  assertEquals((await runProcess({ args: ["--port", "0", "--db", path] })).code, 1);
  await talk.stop();
  assertBeginning(await readCopy(to), said, least);
  assertEquals(await readCopy(path), said);
});

Deno.test("--backup copies the database of a server that was killed, log and all", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  const to = folder.file("copy.db");
  await using talk = await Talk.start(path);
  await talk.talk(500);
  await talk.server.crash();
  const { code, stderr } = await runProcess({ args: ["--db", path, "--backup", to] });
  assertEquals([code, stderr], [0, ""]);
  assertWhole(to);
  assertEquals(await readCopy(to), talk.said);
});

Deno.test("--backup refuses in one line, with exit code 1, and touches nothing", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  await using talk = await Talk.start(path);
  await talk.talk(5);
  await talk.stop();
  const there = folder.file("there.db");
  const note = folder.file("note.txt");
  const empty = folder.file("empty.db");
  Deno.writeTextFileSync(there, "precious");
  Deno.writeTextFileSync(note, "no database");
  Deno.writeTextFileSync(empty, "");
  const missing = folder.file("missing.db");
  const before = folder.contents();
  const refusals: readonly [from: string, to: string, why: string][] = [
    [path, there, "The file to copy to exists already."],
    [path, folder.path, "The file to copy to exists already."],
    [missing, folder.file("new.db"), "There is no database to back up."],
    [note, folder.file("new.db"), "The file is damaged, or is not a database."],
    [empty, folder.file("new.db"), "There is nothing in the database to back up."],
  ];
  for (const [from, to, why] of refusals) {
    assertEquals(await runProcess({ args: ["--db", from, "--backup", to] }), {
      code: 1,
      stdout: "",
      stderr: `parley: Cannot copy ${from} to ${to}: ${why}\n`,
    });
  }
  const nowhere = `${folder.path}/no/new.db`;
  const { code, stdout, stderr } = await runProcess({ args: ["--db", path, "--backup", nowhere] });
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^parley: Cannot copy .* to .*: .*folder.* does not exist\.\n$/);
  assert(JSON.stringify(folder.contents()) === JSON.stringify(before), "a file was changed");
});

Deno.test("--backup that makes no sense is a mistake, with exit code 2", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  const mistakes: readonly [args: string[], complaint: string][] = [
    [["--db", path, "--backup", path], `--backup takes another file than the database, ${path}`],
    [
      ["--db", ":memory:", "--backup", path],
      "--backup has nothing to copy: the database is :memory:",
    ],
    [["--db", path, "--backup"], "--backup needs a value; --help shows which"],
    [
      ["--db", path, "--backup", `${path}2`, "--check"],
      "--backup and --check are two things to do; give one of them",
    ],
  ];
  for (const [args, complaint] of mistakes) {
    assertEquals(await runProcess({ args }), {
      code: 2,
      stdout: "",
      stderr: `parley: ${complaint}\n`,
    });
  }
  assertEquals(folder.contents(), {});
});

/** What `--check` says of the database. */
async function check(path: string): Promise<string> {
  const { code, stdout, stderr } = await runProcess({ args: ["--check", "--db", path] });
  assertEquals([code, stderr], [0, ""]);
  const [, said] = /^ +keeps history for 365 days in (.*,\n .*)$/m.exec(stdout) ?? [];
  assert(said !== undefined, stdout);
  return said.replace(/\(\d+(\.\d)? [KM]iB, /, "(SIZE, ");
}

Deno.test("--check says what is in the database, and changes nothing", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  assertEquals(await check(path), `${path},\n  makes that file, which is not there yet,`);
  assertEquals(folder.contents(), {});
  {
    await using talk = await Talk.start(path);
    await talk.talk(7);
    talk.ann.say("/join #dev");
    await talk.ann.roundtrip();
    // While a server runs on it, with what is not filed yet.
    assertEquals(
      await check(path),
      `${path},\n  finds 7 messages, 1 registered name and 2 rooms there (SIZE, format 3),`,
    );
    await talk.talk(3);
    await talk.stop();
  }
  const before = folder.contents();
  assertEquals(
    await check(path),
    `${path},\n  finds 10 messages, 1 registered name and 2 rooms there (SIZE, format 3),`,
  );
  assert(JSON.stringify(folder.contents()) === JSON.stringify(before), "a file was changed");
});

Deno.test("--check says what is in the database of a server that was killed", async () => {
  await using folder = new Folder();
  const path = folder.file("chat.db");
  {
    await using talk = await Talk.start(path);
    await talk.talk(7);
    await talk.server.crash();
  }
  const database = Deno.readFileSync(path);
  const log = Deno.readFileSync(`${path}-wal`);
  assertEquals(
    await check(path),
    `${path},\n  finds 7 messages, 1 registered name and 1 room there (SIZE, format 3),`,
  );
  assertEquals(Deno.readFileSync(path), database);
  assertEquals(Deno.readFileSync(`${path}-wal`), log);
});

Deno.test("--check refuses what the server would refuse, in one line, with exit code 1", async () => {
  await using folder = new Folder();
  const note = folder.file("note.txt");
  Deno.writeTextFileSync(note, "no database");
  const newer = folder.file("newer.db");
  {
    await using talk = await Talk.start(newer);
    await talk.stop();
  }
  const db = new DatabaseSync(newer);
  db.exec("PRAGMA user_version = 1000");
  db.close();
  const before = folder.contents();
  const refusals: readonly [path: string, why: string][] = [
    [note, "The file is damaged, or is not a database."],
    [newer, "The database was made by a newer version of Parley."],
  ];
  for (const [path, why] of refusals) {
    assertEquals(await runProcess({ args: ["--check", "--db", path] }), {
      code: 1,
      stdout: "",
      stderr: `parley: Cannot use ${path}: ${why}\n`,
    });
  }
  assert(JSON.stringify(folder.contents()) === JSON.stringify(before), "a file was changed");
});
