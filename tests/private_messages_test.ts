// What one person says to another alone, over real sockets: to whom it goes and
// to nobody else, what a reply answers, and what waits for a registered name
// that is away: in order, with its time, over a restart, exactly once after it
// was read, and again where nobody can tell whether it was.

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import { LOGIN_GRACE_MS, WAITING_MESSAGES_MAX } from "../lib/limits.ts";
import { type Guest, RudeGuest, startTestServer, type TestServer } from "./harness.ts";
import { Folder, NOON, passwordOf } from "./visits.ts";

const MINUTE_MS = 60_000;

/** In the zone of the machine, as times are shown. */

const WAITS = "-- ann is away; your message waits for them.";
const WRITER_LEFT = "-- Whoever last wrote to you in private has left.";
const NOBODY_WROTE = "-- Nobody has sent you a private message yet.";

/** Runs a test of which the clock stands still unless it is moved. */
async function onFakeTime(test: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOON });
  try {
    await test();
  } finally {
    mock.timers.reset();
  }
}

/** Sends a line, and returns all that comes until it has been dealt with. */
async function ask(guest: Guest, line: string): Promise<string[]> {
  guest.say(line);
  return await guest.roundtrip();
}

/** A guest who has logged in to a name, and what they were told behind that. */
async function joinAs(
  server: TestServer,
  name: string,
): Promise<{ guest: Guest; told: string[] }> {
  const guest = await server.connect();
  guest.say(`/login ${name} ${passwordOf(name)}`);
  await guest.until(`-- You are logged in as ${name}.`);
  return { guest, told: await guest.roundtrip() };
}

/** Has a guest leave. */
async function leave(guest: Guest): Promise<void> {
  guest.say("/quit");
  assertEquals((await guest.untilClosed()).at(-1), "-- Goodbye.");
  await guest.close();
}

/** What a message that waited looks like, of which the hour does not matter. */
function waited(text: string): RegExp {
  return new RegExp(`^\\[private \\d\\d:\\d\\d\\] ${text}$`);
}

Deno.test("/msg and /reply go to one person, whatever they are called by now", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bob = await server.join("bob");
  await using eve = await server.join("eve");
  await ann.roundtrip();
  await bob.roundtrip();
  assertEquals(await ask(bob, "/reply hello?"), [NOBODY_WROTE]);
  assertEquals(await ask(ann, "/msg BOB   psst /me too  "), []);
  assertEquals(await bob.roundtrip(), ["[private] ann: psst /me too"]);
  assertEquals(await ask(eve, "/msg bob and me"), []);
  assertEquals(await bob.roundtrip(), ["[private] eve: and me"]);
  assertEquals(await ask(bob, "/reply who else"), []);
  assertEquals(await eve.roundtrip(), ["[private] bob: who else"]);
  assertEquals(await ask(ann, "/msg bob again"), []);
  assertEquals((await ask(ann, "/nick anna")).at(-1), "-- You are now anna.");
  assertEquals(await ask(bob, "/reply it is you"), ["[private] ann: again", "-- ann is now anna."]);
  assertEquals(await ann.roundtrip(), ["[private] bob: it is you"]);
  assertEquals(await eve.roundtrip(), ["-- ann is now anna."], "nobody else heard a word");
  await leave(ann);
  assertEquals(await ask(bob, "/reply bye"), ["-- anna left.", WRITER_LEFT]);
});

Deno.test("what is private is in nobody's history", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bob = await server.join("bob");
  await ask(ann, "in public");
  await ask(ann, "/msg bob in private");
  await bob.until("[private] ann: in private");
  assertEquals((await ask(bob, "/search private")).length, 1);
  assertEquals(await ask(ann, "/search private"), ["-- Nothing was found."]);
  await using eve = await server.join("eve");
  assertEquals((await ask(eve, "/history")).length, 1);
});

Deno.test("/reply answers a registered name wherever it is by now", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  const { guest: one } = await joinAs(server, "ann");
  await using _one = one;
  await ask(one, "/msg bob hi");
  const { guest: two } = await joinAs(server, "ann");
  await leave(one);
  await bob.roundtrip();
  assertEquals(await ask(bob, "/reply to your other connection"), []);
  assertEquals(await two.roundtrip(), ["[private] bob: to your other connection"]);
  assertEquals((await ask(two, "/nick carl")).length, 2);
  assertEquals(await ask(bob, "/reply to ann alone"), ["-- ann is now carl.", WAITS]);
  assertEquals(await two.roundtrip(), []);
  await leave(two);
});

Deno.test("messages wait for a registered name, in order and with their times", async () => {
  await using folder = await Folder.with("ann", "bob");
  await onFakeTime(async () => {
    {
      await using server = await startTestServer({ db: folder.db });
      const { guest: bob } = await joinAs(server, "bob");
      await using _bob = bob;
      await using eve = await server.join("eve");
      await bob.roundtrip();
      assertEquals(await ask(bob, "/msg ann  first  of all "), [WAITS]);
      mock.timers.tick(61 * MINUTE_MS);
      assertEquals(await ask(eve, "/msg ANN second"), [WAITS]);
      assertEquals(await ask(bob, "/msg zoe nobody"), [
        "-- Nobody here is called zoe. /who shows who is.",
      ]);
      mock.timers.tick(2 * 24 * 60 * MINUTE_MS);
      assertEquals(await ask(bob, "/msg ann third"), [WAITS]);
    }
    // They wait in the database.
    mock.timers.tick(9 * MINUTE_MS);
    await using server = await startTestServer({ db: folder.db });
    await using kim = await server.join("kim");
    await using ann = await server.connect();
    ann.say("/nick visitor");
    await ann.until("-- You are now visitor.");
    await kim.roundtrip();
    assertEquals(await ask(ann, `/login ann ${passwordOf("ann")}`), [
      "-- You are now ann.",
      "-- You are logged in as ann.",
      "[private 2026-01-02 12:00] bob: first  of all",
      "[private 2026-01-02 13:01] eve: second",
      "[private 13:01] bob: third",
    ]);
    assertEquals(await kim.roundtrip(), ["-- visitor is now ann."]);
    await leave(ann);
    const { guest, told } = await joinAs(server, "ann");
    assertEquals(told, [], "each was shown once");
    await leave(guest);
  });
});

Deno.test("who is registered and here is told at once, and nothing waits", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  const { guest: ann } = await joinAs(server, "ann");
  await bob.roundtrip();
  assertEquals(await ask(bob, "/msg ann now"), []);
  assertEquals(await ann.roundtrip(), ["[private] bob: now"]);
  await leave(ann);
  const { guest: again, told } = await joinAs(server, "ann");
  assertEquals(told, []);
  await leave(again);
});

Deno.test("what is for a name's owner waits while somebody else has the name", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using bob = await server.join("bob");
    await using eve = await server.join("eve");
    await ask(eve, "/nick ann");
    await bob.roundtrip();
    assertEquals(await ask(bob, "/msg ann secret"), [WAITS]);
    assertEquals(await eve.roundtrip(), []);
    mock.timers.tick(LOGIN_GRACE_MS);
    assertEquals(await eve.roundtrip(), [
      "-- ann is registered, and you did not log in.",
      "-- You are now guest1.",
    ]);
    await ask(eve, "/nick ann");
    assertEquals(await ask(eve, `/login ${passwordOf("ann")}`), [
      "-- You are logged in as ann.",
      "[private 12:00] bob: secret",
    ]);
  });
});

Deno.test("what was shown is shown again, unless its reader was heard of since", async (t) => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  assertEquals(await ask(bob, "/msg ann are you there"), [WAITS]);

  await t.step("the connection is lost before anything came from it", async () => {
    const lost = await RudeGuest.connect(server.port);
    lost.say(`/login ann ${passwordOf("ann")}`);
    await bob.until("-- guest1 is now ann.");
    await lost.reset();
    await bob.expect("-- ann left (connection lost).");
  });
  await t.step("both of two connections are shown it", async () => {
    const lost = await RudeGuest.connect(server.port);
    lost.say(`/login ann ${passwordOf("ann")}`);
    await bob.until("-- guest1 is now ann.");
    await using ann = await server.connect();
    ann.say(`/login ann ${passwordOf("ann")}`);
    await ann.until("-- You are logged in as ann.");
    await ann.expect(waited("bob: are you there"));
    await lost.reset();
    // Without a word from either: what is here now has its reader, by the end of its stream.
    await ann.endWriting();
    assertEquals(await ann.untilClosed(), []);
    await bob.until(/^-- ann left/);
  });
  await t.step("never again after it was read", async () => {
    const { guest, told } = await joinAs(server, "ann");
    assertEquals(told, []);
    await leave(guest);
  });
});

Deno.test("any line of its reader says that it was read, a blank one too", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  assertEquals(await ask(bob, "/msg ann hello"), [WAITS]);
  const reader = await RudeGuest.connect(server.port);
  reader.say(`/login ann ${passwordOf("ann")}`);
  await bob.until("-- guest1 is now ann.");
  // What is said behind the blank line shows that it was taken.
  reader.say("\nmark");
  await bob.until("ann: mark");
  await reader.reset();
  await bob.until("-- ann left (connection lost).");
  const { guest, told } = await joinAs(server, "ann");
  assertEquals(told, []);
  await leave(guest);
});

Deno.test("who goes quiet without a word is shown it again", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db, idleMs: 10 * MINUTE_MS });
    await using bob = await server.join("bob");
    assertEquals(await ask(bob, "/msg ann hello"), [WAITS]);
    await using ann = await server.connect();
    ann.say(`/login ann ${passwordOf("ann")}`);
    await ann.until("[private 12:00] bob: hello");
    for (let minute = 0; minute < 11; minute++) {
      mock.timers.tick(MINUTE_MS);
      await bob.roundtrip();
    }
    assertEquals((await ann.untilClosed()).at(-1), "-- Goodbye: you were quiet for too long.");
    const { guest, told } = await joinAs(server, "ann");
    assertEquals(told, ["[private 12:00] bob: hello"]);
    await leave(guest);
  });
});

Deno.test("so many messages wait for one name, and no more", async () => {
  await using folder = await Folder.with("ann", "carl");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  for (let number = 1; number <= WAITING_MESSAGES_MAX; number++) bob.say(`/msg ann no. ${number}`);
  assertEquals(await bob.roundtrip(), Array.from({ length: WAITING_MESSAGES_MAX }, () => WAITS));
  assertEquals(await ask(bob, "/msg ann one more"), ["-- Too much waits for ann already."]);
  assertEquals(await ask(bob, "/msg carl one"), ["-- carl is away; your message waits for them."]);
  const { guest: ann, told } = await joinAs(server, "ann");
  assertEquals(
    told.map((line) => line.replace(/^\[private \d\d:\d\d\] /, "")),
    Array.from({ length: WAITING_MESSAGES_MAX }, (_, index) => `bob: no. ${index + 1}`),
  );
  await leave(ann);
  await bob.roundtrip();
  assertEquals(await ask(bob, "/msg ann one more"), [WAITS], "there is space again");
});

Deno.test("however long they are, what waits keeps nobody from logging in", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  const long = "x".repeat(8_000);
  let waiting = 0;
  for (let number = 0; number < WAITING_MESSAGES_MAX; number++) {
    const [answer] = await ask(bob, `/msg ann ${long}`);
    if (answer !== WAITS) break;
    waiting++;
  }
  assert(waiting >= 1, "some fit");
  await using ann = await server.connect();
  ann.say(`/login ann ${passwordOf("ann")}`);
  await ann.until("-- You are logged in as ann.");
  const shown = (await ann.roundtrip()).filter((line) => line.endsWith(long));
  assertEquals(shown.length, waiting);
});

Deno.test("a reply to what waited goes to its writer, or to nobody", async (t) => {
  await using folder = await Folder.with("ann", "bob", "carl");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    const { guest: bob } = await joinAs(server, "bob");
    await using _bob = bob;
    await ask(bob, "/msg ann from bob");
    await t.step("to a registered name that is here", async () => {
      const { guest: ann, told } = await joinAs(server, "ann");
      assertEquals(told, ["[private 12:00] bob: from bob"]);
      await bob.roundtrip();
      assertEquals(await ask(ann, "/reply thanks"), []);
      assertEquals(await bob.roundtrip(), ["[private] ann: thanks"]);
      await leave(ann);
    });
    await t.step("to a registered name that is away", async () => {
      const { guest: carl } = await joinAs(server, "carl");
      await ask(carl, "/msg ann from carl");
      await leave(carl);
      const { guest: ann, told } = await joinAs(server, "ann");
      assertEquals(told, ["[private 12:00] carl: from carl"]);
      assertEquals(await ask(ann, "/reply thanks"), [
        "-- carl is away; your message waits for them.",
      ]);
      await leave(ann);
    });
    await t.step("to nobody where a guest wrote, and not to who wrote before", async () => {
      await using zoe = await server.join("zoe");
      await ask(zoe, "/msg ann from zoe");
      await using ann = await server.join("visitor");
      await bob.roundtrip();
      assertEquals(await ask(bob, "/msg visitor hi"), []);
      assertEquals((await ask(ann, `/login ann ${passwordOf("ann")}`)).slice(1), [
        "-- You are now ann.",
        "-- You are logged in as ann.",
        "[private 12:00] zoe: from zoe",
      ]);
      assertEquals(await ask(ann, "/reply for zoe"), [WRITER_LEFT]);
      assertEquals(await bob.roundtrip(), ["-- visitor is now ann."]);
      await leave(ann);
    });
    await t.step("to nobody where the guest's name was registered since", async () => {
      await using zoe = await server.join("zoe");
      await ask(zoe, "/msg ann from the first zoe");
      await leave(zoe);
      mock.timers.tick(MINUTE_MS);
      await using other = await server.join("zoe");
      assertEquals((await ask(other, "/register new-password")).length, 1);
      const { guest: ann, told } = await joinAs(server, "ann");
      assertEquals(told, ["[private 12:00] zoe: from the first zoe"]);
      assertEquals(await ask(ann, "/reply for the first zoe"), [WRITER_LEFT]);
      assertEquals((await other.roundtrip()).filter((line) => line.startsWith("[private")), []);
      await leave(ann);
    });
  });
});

Deno.test("who is ignored is not told so, and not heard, here or away", async () => {
  await using folder = await Folder.with("ann", "bob");
  await using server = await startTestServer({ db: folder.db });
  const { guest: bob } = await joinAs(server, "bob");
  await using _bob = bob;
  await using eve = await server.join("eve");
  {
    const { guest: ann } = await joinAs(server, "ann");
    await bob.roundtrip();
    await eve.roundtrip();
    assertEquals(await ask(ann, "/ignore bob"), [
      "-- You do not hear bob any more. /unignore bob changes that.",
    ]);
    assertEquals(await ask(bob, "/msg ann do you hear me"), []);
    assertEquals(await ask(eve, "/msg ann me you do"), []);
    assertEquals(await ann.roundtrip(), ["[private] eve: me you do"]);
    assertEquals(await ask(bob, "/msg ann last words"), []);
    assertEquals(await ask(ann, "/reply I hear eve"), []);
    assertEquals(await eve.roundtrip(), ["[private] ann: I hear eve"]);
    await leave(ann);
    await bob.roundtrip();
    await eve.roundtrip();
  }
  assertEquals(await ask(bob, "/msg ann and now"), [WAITS]);
  assertEquals(await ask(eve, "/msg ann hello again"), [WAITS]);
  const { guest: ann, told } = await joinAs(server, "ann");
  assertEquals(told.length, 1);
  assert(waited("eve: hello again").test(told[0] ?? ""), told[0]);
  assertEquals(await ask(ann, "/unignore bob"), ["-- You hear bob again."]);
  await leave(ann);
  await bob.roundtrip();
  assertEquals(await ask(bob, "/msg ann third time lucky"), [WAITS]);
  const { guest: again, told: toldAgain } = await joinAs(server, "ann");
  assertEquals(toldAgain.length, 1, "what was said meanwhile is not kept for later");
  assert(waited("bob: third time lucky").test(toldAgain[0] ?? ""), toldAgain[0]);
  await leave(again);
});
