// How the server ends: by the signals that people and supervisors send, to a
// process of its own and in the middle of a burst, and in this process down to
// the last socket. Everybody is told; nobody, read or not, can hold it up.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { SHUTDOWN_GRACE_MS } from "../lib/limits.ts";
import { Folder, type ServerProcess, startProcess } from "./fixtures/server_process.ts";
import { Guest, startTestServer } from "./harness.ts";

const GOODBYE = "-- Goodbye: the server is shutting down.";

/** A signal stops a server in the middle of a burst: how long that takes, and the last that was heard. */
async function stopInBurst(
  server: ServerProcess,
  signal: Deno.Signal,
): Promise<{ tookMs: number; lastHeard: number }> {
  await using ann = await Guest.connect(server.port);
  await using bob = await Guest.connect(server.port);
  ann.say("/nick ann");
  bob.say("/nick bob");
  await ann.roundtrip();
  await bob.roundtrip();
  for (let count = 0; count < 5_000; count++) ann.say(`burst ${count}`);
  await bob.until(/^ann: burst 1000$/);
  const startMs = performance.now();
  server.kill(signal);
  assertEquals((await ann.untilClosed()).at(-1), GOODBYE);
  const heard = await bob.untilClosed();
  assertEquals(heard.pop(), GOODBYE);
  // What was said before the end arrives, in order and without a gap.
  assertEquals(heard, heard.map((_line, index) => `ann: burst ${1_001 + index}`));
  await ann.close();
  await bob.close();
  assertEquals(await server.result(), { code: 0, stderr: "" });
  return { tookMs: performance.now() - startMs, lastHeard: 1_000 + heard.length };
}

Deno.test("SIGINT in a burst: everybody gets the goodbye, and the status is 0", async () => {
  await using server = await startProcess({ args: ["--rate", "off"] });
  const { tookMs } = await stopInBurst(server, "SIGINT");
  assert(tookMs < SHUTDOWN_GRACE_MS / 2, "those who read take no time");
});

Deno.test("SIGTERM in a burst: what was heard is kept, once, in a file that needs no other", async () => {
  await using folder = new Folder();
  const args = ["--rate", "off", "--db", folder.file("chat.db")];
  await using before = await startProcess({ args });
  const { lastHeard } = await stopInBurst(before, "SIGTERM");
  assertEquals(Object.keys(folder.contents()), ["chat.db", "chat.db-backup"]);
  await using server = await startProcess({ args });
  await using guest = await Guest.connect(server.port);
  await guest.roundtrip();
  guest.say("/history 1");
  const line = await guest.line();
  const [, id, burst] = /^\[\d\d:\d\d (\d+)\] ann: burst (\d+)$/.exec(line) ?? [];
  // Numbers of messages begin with 1, those of lines with 0.
  assertEquals(Number(id), Number(burst) + 1, line);
  assert(
    Number(burst) >= lastHeard,
    `${lastHeard} was heard, and the last that is kept is ${line}`,
  );
});

Deno.test("SIGTERM ends the server within its grace, whoever does not read", async () => {
  await using server = await startProcess({ args: ["--rate", "off"] });
  await using watcher = await Guest.connect(server.port);
  await watcher.roundtrip();
  await using deaf = await Guest.connectDeaf(server.port);
  // It is owed more than its system takes for it, and so there is something left to write.
  for (let count = 0; count < 1_000; count++) deaf.say(`/ping ${"x".repeat(8_000)}`);
  await watcher.until(/^-- guest\d+ left \(read too slowly\)\.$/);
  await watcher.close();
  const { tookMs } = await stopInBurst(server, "SIGTERM");
  assert(tookMs < SHUTDOWN_GRACE_MS + 2_000, "the grace was too long");
});

Deno.test("a second signal ends the server at once", async () => {
  await using server = await startProcess({ args: ["--rate", "off"] });
  await using ann = await Guest.connect(server.port);
  await ann.roundtrip();
  await using deaf = await Guest.connectDeaf(server.port);
  deaf.say("/nick deaf");
  await ann.until(/ is now deaf\.$/);
  // So much that there is something left to write when the signal comes.
  const isDropped = (lines: string[]): boolean => lines.some((line) => line.includes("deaf left"));
  let isOwed = false;
  for (let count = 0; !isOwed && count < 100; count++) {
    for (let line = 0; line < 25; line++) ann.say("x".repeat(8_000));
    isOwed = isDropped(await ann.roundtrip());
  }
  assert(isOwed, "the deaf one is being told to go");
  server.kill("SIGTERM");
  assertEquals((await ann.untilClosed()).at(-1), GOODBYE);
  server.kill("SIGTERM");
  assertEquals((await server.result()).code, 130);
});

Deno.test("Server.shutdown() leaves nothing open, and is the same end however often it is called", async () => {
  await using server = await startTestServer({
    idleMs: 60_000,
    rate: { burst: 1, perSecond: 0.001 },
  });
  await using silent = await server.connect();
  await silent.until(/Just type/);
  await using ann = await server.join("ann");
  await using half = await server.connect();
  half.send("half a li");
  await half.until(/Just type/);
  await using ended = await server.connect();
  await ended.endWriting();
  await using slowed = await server.connect();
  slowed.send("one\ntwo\nthree\n");
  await slowed.until(/nothing is lost/);
  const { port } = server;
  const startMs = performance.now();
  const shutdown = server.shutdown();
  assertEquals(server.shutdown(), shutdown);
  // Whoever reads the goodbye and closes holds nothing up.
  for (const guest of [silent, ann, half, slowed]) {
    assertEquals((await guest.untilClosed()).at(-1), GOODBYE);
    await guest.close();
  }
  await ended.close();
  await shutdown;
  assert(performance.now() - startMs < 2_000, "a shutdown with readers takes no time");
  assertEquals(server.connections, 0);
  await assertRejects(() => Guest.connect(port), Deno.errors.ConnectionRefused);
});

Deno.test("Server.shutdown() amid arrivals tells those who were let in, and keeps none", async () => {
  for (let round = 0; round < 20; round++) {
    await using server = await startTestServer();
    await using stack = new AsyncDisposableStack();
    const arrivals = Array.from({ length: 20 + round }, () => server.connect());
    for (const guest of (await Promise.all(arrivals)).slice(round)) stack.use(guest).say("hi");
    const startMs = performance.now();
    const shutdown = server.shutdown();
    await Promise.allSettled(arrivals).then((settled) =>
      Promise.all(settled.map((each) => each.status === "fulfilled" ? each.value.close() : null))
    );
    await shutdown;
    assert(performance.now() - startMs < SHUTDOWN_GRACE_MS - 1_000, "somebody was not told to go");
  }
});
