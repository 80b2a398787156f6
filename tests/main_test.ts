// The server's entry, as a process of its own: exit codes, and that what it
// prints is meant for people: one line for each mistake, nothing but the answer
// for what was asked.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, runProcess, runServer, startProcess } from "./fixtures/server_process.ts";
import { Guest } from "./harness.ts";

Deno.test("server --help, --version and --check answer and do no more", async () => {
  const help = await runServer("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(help.stdout, /--max-per-address COUNT/);
  const version = await runServer("--version");
  assertEquals([version.code, version.stderr], [0, ""]);
  assertMatch(version.stdout, /^parley \d+\.\d+\.\d+ \(deno \d+\.\d+\.\d+\)\n$/);
  const check = await runServer("--check", "--port", "7", "--idle", "30s", "--rate", "off");
  assertEquals([check.code, check.stderr], [0, ""]);
  assertMatch(check.stdout, /^The configuration is right\. [^]* 127\.0\.0\.1:7,[^]* 30 seconds,/);
});

Deno.test("server refuses a mistake in one line with exit code 2", async () => {
  const { code, stdout, stderr } = await runServer("--bogus");
  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr, "parley: Unknown flag --bogus; --help lists the flags\n");
});

Deno.test("server says in one line that it cannot start, with exit code 1", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const inUse = await runServer("--port", `${port}`);
  taken.close();
  assertEquals([inUse.code, inUse.stdout], [1, ""]);
  assertEquals(
    inUse.stderr,
    `parley: Cannot listen on 127.0.0.1:${port}: the port is in use. Choose another with --port.\n`,
  );
  // 192.0.2.0/24 is for documentation: no machine has it.
  const elsewhere = await runServer("--host", "192.0.2.1", "--port", "0");
  assertEquals([elsewhere.code, elsewhere.stdout], [1, ""]);
  assertEquals(
    elsewhere.stderr,
    "parley: Cannot listen on 192.0.2.1:0: this machine does not have that address.\n",
  );
});

Deno.test("server tells where it listens, and how to join it, and lets people talk", async () => {
  await using server = await startProcess();
  assertMatch(server.startText, /^Parley \d+\.\d+\.\d+ listens on 127\.0\.0\.1:\d+\.\n/);
  assert(server.startText.includes(`nc 127.0.0.1 ${server.port}`));
  await using guest = await Guest.connect(server.port);
  guest.say("/quit");
  await guest.untilClosed();
  server.kill("SIGTERM");
  assertEquals(await server.result(), { code: 0, stderr: "" });
});

Deno.test("server keeps everything in parley.db, in the folder that it is started in", async () => {
  await using folder = new Folder();
  const options = { cwd: folder.path, args: ["--rate", "off"] };
  assertEquals(await checkDatabase(folder), "makes that file, which is not there yet");
  for (const [time, word] of ["first", "second"].entries()) {
    await using server = await startProcess(options);
    assertMatch(
      server.startText,
      /\n {2}Keeps: +history for 365 days in parley\.db {3}\(copy it with --backup FILE\)\n/,
    );
    await using guest = await Guest.connect(server.port);
    guest.say("/nick ann");
    await guest.until("-- You are now ann.");
    guest.say(word);
    guest.say("/history");
    const lines = await guest.roundtrip();
    assertEquals(
      lines.map((line) => line.replace(/^\[\d\d:\d\d \d+\] /, "")),
      ["ann: first", "ann: second"].slice(0, time + 1),
    );
    await guest.close();
    server.kill("SIGTERM");
    assertEquals(await server.result(), { code: 0, stderr: "" });
    assertEquals(Object.keys(folder.contents()), ["parley.db", "parley.db-backup"]);
  }
  const found = await checkDatabase(folder);
  assertMatch(found, /^finds 2 messages, 0 registered names and 1 room there \(.*, format 3\)$/);
});

Deno.test("server with --db :memory: says that it keeps nothing, and leaves nothing", async () => {
  await using folder = new Folder();
  await using server = await startProcess({ cwd: folder.path, args: ["--db", ":memory:"] });
  assertMatch(
    server.startText,
    /\n {2}Keeps: +nothing on disk {3}\(all is gone when this stops\)\n/,
  );
  await using guest = await Guest.connect(server.port);
  guest.say("hello");
  guest.say("/history");
  assertMatch((await guest.roundtrip()).at(-1) ?? "", /^\[\d\d:\d\d 1\] guest1: hello$/);
  await guest.close();
  server.kill("SIGTERM");
  assertEquals(await server.result(), { code: 0, stderr: "" });
  assertEquals(folder.contents(), {});
});

/** What `--check` says of the database in the folder that it is started in. */
async function checkDatabase(folder: Folder): Promise<string> {
  const { code, stdout, stderr } = await runProcess({ cwd: folder.path, args: ["--check"] });
  assertEquals([code, stderr], [0, ""]);
  return /keeps history for 365 days in parley\.db,\n {2}(.*),\n/.exec(stdout)?.[1] ?? stdout;
}
