// A server that asks everybody for its password, over real sockets: what a
// visitor is asked, which answers are right, and that until then nothing of the
// chat reaches them and nothing of theirs the chat. How guessing ends, and how
// waiting does; and that the password is neither in the log nor taken from a
// network that others could read.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { mock } from "node:test";
import { ENTRY_MS } from "../lib/limits.ts";
import { configureLog } from "../lib/log.ts";
import { Guest, startTestServer, type TestServer } from "./harness.ts";
import { LAN, overLan } from "./visits.ts";

/** With spaces in it, as a sentence that is easily passed on. */
const PASSWORD = "open sesame 7";

const PROMPT = "-- This server asks for its password. Type it, and then Enter:";
const WRONG = "-- That is not the password.";
const GOODBYE = "-- Goodbye: this server asks for its password.";
const HINT = "-- Just type to talk. /nick NAME picks a name, /help shows the rest.";
const NOT_PRIVATE =
  "-- No password is taken here, since anybody on the network could read it: come in over TLS, or " +
  "through SSH (ssh -L 2022:localhost:2022 SERVER), or ask for --allow-plaintext-passwords.";

/** A visitor from the address that is not loopback, who has been asked for the password. */
async function visitFromLan(server: TestServer): Promise<Guest> {
  assert(LAN !== undefined, "this machine has an address that is not loopback");
  const conn = await Deno.connect({ hostname: LAN, port: server.port });
  conn.setNoDelay();
  return await greeted(new Guest(conn));
}

/** A visitor who has been asked for the password. */
async function visit(server: TestServer): Promise<Guest> {
  return await greeted(await server.connect());
}

async function greeted(visitor: Guest): Promise<Guest> {
  // A blank line is no answer, and saves the wait for somebody who says nothing.
  visitor.say("");
  await visitor.expect(PROMPT);
  return visitor;
}

/** A guest who has come in under a name. */
async function comeIn(server: TestServer, name: string): Promise<Guest> {
  const guest = await visit(server);
  guest.say(`/nick ${name}`);
  guest.say(PASSWORD);
  await guest.until(`-- You are now ${name}.`);
  return guest;
}

/** Sends a line, and returns all that comes until it has been dealt with. */
async function ask(guest: Guest, line: string): Promise<string[]> {
  guest.say(line);
  return await guest.roundtrip();
}

/** Runs a test of which the clock stands still unless it is moved. */
async function onFakeTime(test: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) + 1 });
  try {
    await test();
  } finally {
    mock.timers.reset();
  }
}

Deno.test("a visitor is asked, and comes in with the password", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using guest = await server.connect();
  // Who says nothing is asked as well.
  await guest.expect(PROMPT);
  assertEquals(await ask(guest, PASSWORD), [
    "-- Welcome to Parley. You are guest1 in #lobby, alone so far.",
    HINT,
  ]);
});

Deno.test("a server without a password asks for none", async () => {
  await using server = await startTestServer();
  await using guest = await server.connect();
  await guest.expect(/^-- Welcome to Parley\./);
  await guest.expect(HINT);
  assertMatch((await ask(guest, "/pass whatever")).join("\n"), /^-- There is no \/pass\..*$/);
});

Deno.test("the password is a line, or what follows /pass", async (t) => {
  await using server = await startTestServer({ password: PASSWORD });
  const ways = [`/pass ${PASSWORD}`, `/PASS   ${PASSWORD}  `, `${PASSWORD}\r`];
  for (const way of ways) {
    await t.step(JSON.stringify(way), async () => {
      await using guest = await visit(server);
      assertEquals(await ask(guest, way), [
        "-- Welcome to Parley. You are guest1 in #lobby, alone so far.",
        HINT,
      ]);
    });
  }
});

Deno.test("a password that begins with a slash is given behind /pass, or with two", async (t) => {
  await using server = await startTestServer({ password: "/open up" });
  for (const way of ["/pass /open up", "//open up"]) {
    await t.step(way, async () => {
      await using guest = await visit(server);
      assertEquals(await ask(guest, "/open up"), [PROMPT], "that is some command");
      assertMatch((await ask(guest, way))[0] ?? "", /^-- Welcome to Parley\./);
    });
  }
});

Deno.test("before the password there are only /ping, /nick, /pass and /quit", async (t) => {
  await using server = await startTestServer({ password: PASSWORD });
  await using ann = await comeIn(server, "ann");
  await using visitor = await visit(server);
  const answers: readonly (readonly [typed: string, answer: readonly string[]])[] = [
    ["", []],
    ["   ", []],
    ["\u{200b}", []],
    ["/ping", ["-- pong"]],
    ["/ping some words", ["-- pong some words"]],
    ["/nick visitor", []],
    ["/help", [PROMPT]],
    ["/who", [PROMPT]],
    ["/rooms", [PROMPT]],
    ["/join #lobby", [PROMPT]],
    ["/msg ann hello", [PROMPT]],
    ["/register new-password", [PROMPT]],
    ["/login ann new-password", [PROMPT]],
    ["/history", [PROMPT]],
    ["/xyzzy", [PROMPT]],
    [`${"x".repeat(9_000)}`, ["-- A line has at most 8192 bytes; that one was passed over."]],
  ];
  for (const [typed, answer] of answers) {
    await t.step(JSON.stringify(typed.slice(0, 30)), async () => {
      assertEquals(await ask(visitor, typed), [...answer]);
    });
  }
  visitor.say("/quit");
  assertEquals(await visitor.untilClosed(), ["-- Goodbye."]);
  assert(!visitor.isReset, "the goodbye is followed by a clean end");
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("the third wrong password ends the visit, and nobody hears of it", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using ann = await comeIn(server, "ann");
  await using visitor = await visit(server);
  assertEquals(await ask(visitor, PASSWORD.toUpperCase()), [WRONG]);
  assertEquals(await ask(visitor, "/pass"), [WRONG]);
  visitor.send(`open sesame\n${PASSWORD}\nhello\n`);
  assertEquals(await visitor.untilClosed(), [WRONG, GOODBYE]);
  assert(!visitor.isReset, "the goodbye is followed by a clean end");
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("after two wrong passwords the right one is as good as at first", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using visitor = await visit(server);
  assertEquals(await ask(visitor, "open"), [WRONG]);
  assertEquals(await ask(visitor, "sesame"), [WRONG]);
  assertEquals(await ask(visitor, PASSWORD), [
    "-- Welcome to Parley. You are guest1 in #lobby, alone so far.",
    HINT,
  ]);
  assertEquals(await ask(visitor, "open"), [], "now that is something to say");
});

Deno.test("a name asked for before is taken after, and refused after as well", async (t) => {
  await using server = await startTestServer({ password: PASSWORD });
  await using ann = await comeIn(server, "ann");
  const cases: readonly (readonly [typed: string, answer: string, ...heard: string[]])[] = [
    ["/nick zoe", "-- You are now zoe.", "-- guest1 is now zoe."],
    ["/nick first\n/nick zoe", "-- You are now zoe.", "-- guest1 is now zoe."],
    ["/nick ANN", "-- ANN is taken."],
    ["/nick not a name", "-- A name is made of letters, digits, -, _ and . only."],
    ["/nick", "-- Type it as /nick NAME."],
  ];
  for (const [typed, answer, ...heard] of cases) {
    await t.step(JSON.stringify(typed), async () => {
      await using visitor = await visit(server);
      assertEquals(await ask(visitor, typed), []);
      assertEquals(await ask(visitor, PASSWORD), [
        "-- Welcome to Parley. You are guest1 in #lobby, with ann.",
        HINT,
        answer,
      ]);
      assertEquals(await ann.roundtrip(), ["-- guest1 joined.", ...heard]);
      visitor.say("/quit");
      await visitor.untilClosed();
      await ann.expect(/^-- (guest1|zoe) left\.$/);
    });
  }
});

Deno.test("nothing of the chat reaches a visitor, and nothing of theirs the chat", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using ann = await comeIn(server, "ann");
  await using visitor = await visit(server);
  await using other = await visit(server);
  assertEquals(await ann.roundtrip(), []);
  assertMatch((await ask(ann, "/who")).join(), /^-- 1 in #lobby: ann \([^)]+\)\.$/);
  assertEquals(await ask(ann, "/rooms"), ["-- #lobby  1 person, you are in"]);
  assertEquals(await ask(ann, "/msg guest1 hello"), [
    "-- Nobody here has that name. /who shows who is.",
  ]);
  assertEquals(await ask(ann, "among us"), []);
  await using bob = await comeIn(server, "bob");
  assertEquals(await ask(bob, "/me waves"), []);
  assertEquals(await ask(bob, "/nick carl"), ["-- You are now carl."]);
  assertEquals(await visitor.roundtrip(), []);
  assertEquals(await ask(visitor, "hello, is anybody there?"), [WRONG]);
  await other.close();
  assertEquals(await ann.roundtrip(), [
    "-- guest1 joined.",
    "-- guest1 is now bob.",
    "* bob waves",
    "-- bob is now carl.",
  ]);
  assertEquals(server.connections, 3);

  // Once in, a visitor is shown what everybody is who comes in.
  assertMatch(
    (await ask(visitor, PASSWORD)).join("\n"),
    /^-- Welcome to Parley\. You are guest1 in #lobby, with ann and carl\.\n.*\n\[\d\d:\d\d\] ann: among us\n\[\d\d:\d\d\] \* bob waves$/,
  );
  assertEquals(await ann.roundtrip(), ["-- guest1 joined."]);
});

Deno.test("what is piped in behind the password is said after it", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using ann = await comeIn(server, "ann");
  await using script = await server.connect();
  script.send(`/nick ci\n${PASSWORD}\ndeployed\nlast words`);
  await script.endWriting();
  assertEquals(await script.untilClosed(), [
    PROMPT,
    "-- Welcome to Parley. You are guest1 in #lobby, with ann.",
    HINT,
    "-- You are now ci.",
  ]);
  await ann.expect("-- guest1 joined.");
  await ann.expect("-- guest1 is now ci.");
  await ann.expect("ci: deployed");
  await ann.expect("ci: last words");
  await ann.expect("-- ci left.");
});

Deno.test("a visitor has a minute, whatever they do in it", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer({ password: PASSWORD });
    await using ann = await comeIn(server, "ann");
    await using visitor = await visit(server);
    mock.timers.tick(ENTRY_MS / 2);
    assertEquals(await ask(visitor, "/nick zoe"), []);
    mock.timers.tick(ENTRY_MS / 2 - 1);
    assertEquals(await ask(visitor, "/help"), [PROMPT]);
    mock.timers.tick(1);
    assertEquals(await visitor.untilClosed(), [GOODBYE]);
    assert(!visitor.isReset, "the goodbye is followed by a clean end");
    mock.timers.tick(10 * ENTRY_MS);
    assertEquals(await ask(ann, "still here"), []);
  });
});

Deno.test("the minute is over while the password is looked at, too", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer({ password: PASSWORD });
    await using visitor = await visit(server);
    visitor.send(`/ping\n${PASSWORD}\nhello\n`);
    await visitor.expect("-- pong");
    mock.timers.tick(ENTRY_MS);
    assertEquals(await visitor.untilClosed(), [GOODBYE]);
    await using ann = await comeIn(server, "ann");
    assertMatch((await ask(ann, "/who")).join(), /^-- 1 in #lobby: ann \([^)]+\)\.$/);
  });
});

Deno.test("a visitor is told that the server stops", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using visitor = await visit(server);
  await server.shutdown();
  assertEquals(await visitor.untilClosed(), ["-- Goodbye: the server is shutting down."]);
});

Deno.test(overLan("guessing takes longer and longer, whoever connects anew"), async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer({
      host: "0.0.0.0",
      password: PASSWORD,
      allowPlaintextPasswords: true,
    });
    const guess = async (wanted: string): Promise<void> => {
      await using eve = await visitFromLan(server);
      assertEquals(await ask(eve, "open says me"), [wanted]);
    };
    for (let attempt = 0; attempt < 4; attempt++) await guess(WRONG);
    const tooMany = "-- Too many wrong passwords. Wait 1 second.";
    await guess(tooMany);
    await using eve = await visitFromLan(server);
    assertEquals(await ask(eve, PASSWORD), [tooMany], "the right one too");
    await using ann = await comeIn(server, "ann");
    assertEquals(await ask(ann, "/ping of another address"), ["-- pong of another address"]);

    mock.timers.tick(1_000);
    await guess(WRONG);
    assertEquals(await ask(eve, PASSWORD), ["-- Too many wrong passwords. Wait 2 seconds."]);
    mock.timers.tick(2_000);
    assertMatch((await ask(eve, PASSWORD))[0] ?? "", /^-- Welcome to Parley\./);
  });
});

Deno.test(overLan("the password is refused where others could read it, and why"), async () => {
  await using server = await startTestServer({ host: "0.0.0.0", password: PASSWORD });
  await using visitor = await visitFromLan(server);
  assertEquals(await ask(visitor, PASSWORD), [NOT_PRIVATE]);
  assertEquals(await ask(visitor, `/pass ${PASSWORD}`), [NOT_PRIVATE]);
  visitor.say("a guess");
  assertEquals(await visitor.untilClosed(), [NOT_PRIVATE, GOODBYE]);
  await using ann = await comeIn(server, "ann");
  assertEquals(await ann.roundtrip(), []);
});

Deno.test(overLan("it is taken there where the server was told to"), async () => {
  await using server = await startTestServer({
    host: "0.0.0.0",
    password: PASSWORD,
    allowPlaintextPasswords: true,
  });
  await using visitor = await visitFromLan(server);
  assertMatch((await ask(visitor, PASSWORD))[0] ?? "", /^-- Welcome to Parley\./);
});

Deno.test("neither the password nor a guess is in the log, whatever is logged", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  const log: string[] = [];
  configureLog((line) => log.push(line), { format: "text", level: "debug" });
  {
    await using visitor = await visit(server);
    for (const guess of ["guess-one", "/pass guess-two", PASSWORD]) {
      assert((await ask(visitor, guess)).length > 0, guess);
    }
    await using other = await visit(server);
    other.send("guess-three\nguess-four\nguess-five\n");
    await other.untilClosed();
  }
  await server.shutdown();
  assert(log.some((line) => line.includes("127.0.0.1")), "connections are logged");
  assertEquals(log.filter((line) => /guess-|sesame/.test(line)), []);
});
