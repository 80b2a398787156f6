// The server's entry, as a process of its own: exit codes, and that what it
// prints is meant for people: one line for each mistake, nothing but the answer
// for what was asked.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runServer, startProcess } from "./fixtures/server_process.ts";
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
