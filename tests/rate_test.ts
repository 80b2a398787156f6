// The limit on how fast one guest may send, over real sockets and a fake clock:
// a paste is slowed down and never cut, its sender hears so once, and nobody
// else waits for it.

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import { type Guest, startTestServer, type TestServer } from "./harness.ts";

const RATE = { burst: 10, perSecond: 4 };
const SLOWED =
  "-- That is more than 4 lines a second: the rest follows at that pace, nothing is lost.";
const PASTE = Array.from({ length: 200 }, (_, index) => `line ${index + 1}`);

/** A server of which the test moves the clock. */
async function onFakeTime(test: (server: TestServer) => Promise<void>): Promise<void> {
  // Just behind the beginning of a step, so that nothing depends on when the test runs.
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) + 1 });
  try {
    await using server = await startTestServer({ rate: RATE, idleMs: 5 * 60_000 });
    await test(server);
  } finally {
    mock.timers.reset();
  }
}

/** Two who are in, and whose bursts are free again. */
async function joinBoth(server: TestServer): Promise<[ann: Guest, bob: Guest]> {
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await ann.until(/ is now bob\.$/);
  mock.timers.tick(10_000);
  return [ann, bob];
}

/** Hears the rest of a paste, a quarter of a second after the other. */
async function hearAtPace(bob: Guest, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    mock.timers.tick(249);
    assertEquals(bob.pending, [], "not before its time");
    mock.timers.tick(1);
    await bob.expect(`ann: ${line}`);
  }
}

Deno.test("a paste of 200 lines arrives whole and in order, a burst and then at the pace", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    ann.send(PASTE.map((line) => `${line}\n`).join(""));
    for (const line of PASTE.slice(0, RATE.burst)) await bob.expect(`ann: ${line}`);
    await ann.expect(SLOWED);
    await hearAtPace(bob, PASTE.slice(RATE.burst));
    mock.timers.tick(10_000);
    // Once, and not again; and a new burst is free.
    assertEquals(await ann.roundtrip(), []);
  });
});

Deno.test("nobody else is slowed down", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    ann.send(PASTE.map((line) => `${line}\n`).join(""));
    await ann.expect(SLOWED);
    for (let count = 0; count < RATE.burst; count++) {
      bob.say(`still ${count}`);
      await ann.expect(`bob: still ${count}`);
    }
  });
});

Deno.test("who is slowed down again later is told again", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    for (let round = 0; round < 2; round++) {
      ann.send("x\n".repeat(RATE.burst + 1));
      await ann.expect(SLOWED);
      mock.timers.tick(10_000);
      for (let count = 0; count <= RATE.burst; count++) await bob.expect("ann: x");
      mock.timers.tick(10_000);
    }
  });
});

Deno.test("a paste whose sender ends the stream behind it arrives whole all the same", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    const lines = PASTE.slice(0, 50);
    ann.send(lines.map((line) => `${line}\n`).join("") + "last words");
    await ann.endWriting();
    for (const line of lines.slice(0, RATE.burst)) await bob.expect(`ann: ${line}`);
    await ann.expect(SLOWED);
    await hearAtPace(bob, [...lines.slice(RATE.burst), "last words"]);
    await bob.expect("-- ann left.");
    assertEquals(await ann.untilClosed(), []);
  });
});

Deno.test("long lines count as several", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    const long = "x".repeat(4_000);
    ann.send(`${long}\n${long}\n${long}\n`);
    await bob.expect(`ann: ${long}`);
    await bob.expect(`ann: ${long}`);
    await ann.expect(SLOWED);
    assertEquals(bob.pending, []);
    mock.timers.tick(5 * 250);
    await bob.expect(`ann: ${long}`);
  });
});

Deno.test("an endless line is slowed down too, and what is held of it is bounded", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    // More than the systems between them take: that it does not leave is the proof.
    let hasLeft = false;
    ann.send(new Uint8Array(32 * 1024 * 1024).fill(0x78));
    const left = ann.sent().then(() => {
      hasLeft = true;
    });
    await ann.expect(/^-- A line has at most 8192 bytes/);
    await ann.expect(SLOWED);
    bob.say("anybody?");
    await ann.expect("bob: anybody?");
    assertEquals(await bob.roundtrip(), []);
    assert(!hasLeft, "the server takes no more than its pace");
    await ann.close();
    await left;
  });
});

Deno.test("a shutdown ends who is slowed down at once", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    ann.send(PASTE.map((line) => `${line}\n`).join(""));
    await ann.expect(SLOWED);
    const shutdown = server.shutdown();
    assertEquals(await ann.untilClosed(), ["-- Goodbye: the server is shutting down."]);
    assertEquals((await bob.untilClosed()).length, RATE.burst + 1);
    await ann.close();
    await bob.close();
    await shutdown;
  });
});

Deno.test("who is slowed down and leaves by a reset is gone with the next word to them", async () => {
  await onFakeTime(async (server) => {
    const [ann, bob] = await joinBoth(server);
    await using _ann = ann;
    await using _bob = bob;
    ann.send(PASTE.map((line) => `${line}\n`).join(""));
    await ann.expect(SLOWED);
    await ann.close();
    for (let line = 0; line < RATE.burst; line++) await bob.line();
    // The first word makes the peer's system answer that nobody is there, the next one hears of it.
    let isGone = false;
    for (let word = 0; word < 9 && !isGone; word++) {
      bob.say(`word ${word}`);
      isGone = (await bob.roundtrip()).some((line) => line === "-- ann left (connection lost).");
      mock.timers.tick(500);
    }
    assert(isGone, "what nobody waits for any more is not said");
  });
});
