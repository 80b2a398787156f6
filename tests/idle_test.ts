// The idle watchdog over real sockets and a fake clock: a warning, a goodbye,
// the end; and everything that counts as a sign of life. The clock moves only
// when a test moves it, after all that was sent has been answered.

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import { IDLE_STEP_MS_MAX } from "../lib/limits.ts";
import { type Guest, startTestServer, type TestServer } from "./harness.ts";

const MINUTE_MS = 60_000;
const WARNING =
  /^-- You have been quiet for a while\. Send anything \(\/ping will do\) within (1 minute|[56]\d seconds) to stay\.$/;
const GOODBYE = "-- Goodbye: you were quiet for too long.";

/** A server of which the test moves the clock. */
async function onFakeTime(
  overrides: Parameters<typeof startTestServer>[0],
  test: (server: TestServer) => Promise<void>,
): Promise<void> {
  // Just behind the beginning of a step, so that nothing depends on when the test runs.
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) + 1 });
  try {
    await using server = await startTestServer(overrides);
    await test(server);
  } finally {
    mock.timers.reset();
  }
}

/** Time passes, and what falls due is done, a step of the watchdog at a time. */
async function pass(ms: number, witness: Guest): Promise<string[]> {
  const lines: string[] = [];
  for (let passedMs = 0; passedMs < ms; passedMs += 10 * IDLE_STEP_MS_MAX) {
    mock.timers.tick(10 * IDLE_STEP_MS_MAX);
    lines.push(...await witness.roundtrip());
  }
  return lines;
}

Deno.test("who is quiet is warned, told goodbye and taken out", async () => {
  await onFakeTime({ idleMs: 5 * MINUTE_MS }, async (server) => {
    await using ann = await server.join("ann");
    await using bob = await server.join("bob");
    await ann.roundtrip();
    assertEquals(await pass(4 * MINUTE_MS - 10_000, ann), []);
    assertEquals(bob.pending, []);
    await pass(20_000, ann);
    await bob.expect(WARNING);
    assertEquals(await pass(MINUTE_MS, ann), ["-- bob left (idle)."]);
    assertEquals(await bob.untilClosed(), [GOODBYE]);
    assert(!bob.isReset, "the goodbye is followed by a clean end");
    assertEquals(server.connections, 2);
  });
});

Deno.test("any byte is a sign of life, half a line and a telnet option too", async () => {
  await onFakeTime({ idleMs: 5 * MINUTE_MS }, async (server) => {
    await using ann = await server.join("ann");
    await using bob = await server.join("bob");
    await ann.roundtrip();
    const signs = ["h", "\n", Uint8Array.of(0xff, 0xf1), "i", "\x00", "\x1b"];
    for (const sign of signs) {
      await pass(4 * MINUTE_MS + 30_000, ann);
      await bob.expect(WARNING);
      bob.send(sign);
      await bob.sent();
      // What says nothing cannot be waited for; what is sent behind it comes behind it.
      await ann.roundtrip();
      await ann.roundtrip();
    }
    assertEquals(await pass(4 * MINUTE_MS, ann), []);
    bob.say("");
    assertEquals(bob.pending, []);
    await bob.roundtrip();
  });
});

Deno.test("to be talked to is no sign of life", async () => {
  await onFakeTime({ idleMs: MINUTE_MS }, async (server) => {
    await using ann = await server.join("ann");
    await using bob = await server.join("bob");
    await ann.roundtrip();
    ann.say("bob?");
    assertEquals(await pass(MINUTE_MS / 2 - 10_000, ann), []);
    ann.say("/msg bob are you there?");
    assertEquals(await pass(MINUTE_MS, ann), ["-- bob left (idle)."]);
    assertEquals(await bob.untilClosed(), [
      "ann: bob?",
      "[private] ann: are you there?",
      "-- You have been quiet for a while. Send anything (/ping will do) within 29 seconds to stay.",
      GOODBYE,
    ]);
  });
});

Deno.test("without an idle time-out a guest is quiet for as long as they like", async () => {
  await onFakeTime({ idleMs: null }, async (server) => {
    await using ann = await server.join("ann");
    await using bob = await server.join("bob");
    await ann.roundtrip();
    for (let day = 0; day < 3; day++) {
      mock.timers.tick(24 * 60 * MINUTE_MS);
      assertEquals(await ann.roundtrip(), []);
    }
    assertEquals(await bob.roundtrip(), []);
  });
});

Deno.test("who is slowed down is not idle", async () => {
  const rate = { burst: 1, perSecond: 0.1 };
  await onFakeTime({ idleMs: MINUTE_MS, rate }, async (server) => {
    await using bob = await server.connect();
    // A line every ten seconds, for longer than the time-out.
    bob.send("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n/quit\n");
    await bob.until(/nothing is lost/);
    await using ann = await server.connect();
    ann.send("/nick ann\n");
    await ann.expect(/^-- Welcome/);
    await ann.expect(/^-- Just type/);
    // What was said before ann came.
    await ann.expect(/^\[\d\d:\d\d\] guest1: 1$/);
    await ann.expect("-- You are now ann.");
    for (let line = 2; line <= 10; line++) {
      mock.timers.tick(10_000);
      ann.say("");
      await ann.until(`guest1: ${line}`);
    }
    mock.timers.tick(10_000);
    assertEquals((await bob.untilClosed()).filter((line) => !line.startsWith("-- guest")), [
      "-- Goodbye.",
    ]);
  });
});

Deno.test("an idle guest who does not read is taken out all the same", async () => {
  await onFakeTime({ idleMs: MINUTE_MS }, async (server) => {
    await using ann = await server.join("ann");
    await using silent = await server.connect();
    mock.timers.tick(100);
    await silent.until(/Just type/);
    await ann.expect("-- guest1 joined.");
    assertEquals(await pass(MINUTE_MS + 10_000, ann), ["-- guest1 left (idle)."]);
    assertEquals((await silent.untilClosed()).at(-1), GOODBYE);
  });
});
