// Names that belong to people, over real sockets: registering and logging in,
// with every refusal as its user reads it; guessing, which becomes slow and
// which company does not make faster; what can be done under a name before its
// password was given, and for how long; several connections under one name;
// what lasts over a restart, and that no password is in a file, in the log or
// taken from a network that others could read.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { mock } from "node:test";
import {
  HASHES_AT_ONCE,
  HASHES_WAITING_MAX,
  LOGIN_GRACE_MS,
  PASSWORD_LENGTH_MAX,
  REGISTRATIONS_PER_HOUR,
} from "../lib/limits.ts";
import { configureLog } from "../lib/log.ts";
import { Guest, RudeGuest, startTestServer, type TestServer } from "./harness.ts";
import { Folder, LAN, NOON, overLan, passwordOf } from "./visits.ts";

/** In the zone of the machine, as times are shown. */

const WRONG = "-- That is not the password.";
const NOT_REGISTERED =
  "-- Nobody has registered that name. /nick NAME, then /register PASSWORD makes it yours.";
const NOT_LOGGED_IN =
  "-- ann is registered: /login PASSWORD first, or take another name with /nick.";
const NO_MEMBER = "-- That takes a registered name: /register PASSWORD, or /login NAME PASSWORD.";
const NO_OPERATOR = "-- Only an operator of the server may do that.";
const NOTHING_DONE = "-- Nothing was done on the server so far.";
const GRACE =
  "-- ann is registered. /login PASSWORD within 60 seconds, or you will be a guest again.";
const NOT_PRIVATE =
  "-- No password is taken here, since anybody on the network could read it: come in over TLS, or " +
  "through SSH (ssh -L 2022:localhost:2022 SERVER), or ask for --allow-plaintext-passwords.";

/** A guest who comes from the address that is not loopback, under a name. */
async function joinFromLan(server: TestServer, name: string): Promise<Guest> {
  assert(LAN !== undefined, "this machine has an address that is not loopback");
  const conn = await Deno.connect({ hostname: LAN, port: server.port });
  conn.setNoDelay();
  const guest = new Guest(conn);
  guest.say(`/nick ${name}`);
  await guest.until(`-- You are now ${name}.`);
  return guest;
}

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

/** Has a guest log in to a name that is not theirs so far. */
async function logIn(guest: Guest, name: string): Promise<void> {
  assertEquals(await ask(guest, `/login ${name} ${passwordOf(name)}`), [
    `-- You are now ${name}.`,
    `-- You are logged in as ${name}.`,
  ]);
}

/** A guest who has logged in to a name. */
async function joinAs(server: TestServer, name: string): Promise<Guest> {
  const guest = await server.connect();
  guest.say(`/login ${name} ${passwordOf(name)}`);
  await guest.until(`-- You are logged in as ${name}.`);
  return guest;
}

/** Has a guest leave, and waits until everybody knows. */
async function leave(guest: Guest): Promise<void> {
  guest.say("/quit");
  assertEquals((await guest.untilClosed()).at(-1), "-- Goodbye.");
}

/** Each is told what is said to them, since they were last asked. */
async function hear(...guests: Guest[]): Promise<string[][]> {
  const heard: string[][] = [];
  for (const guest of guests) heard.push(await guest.roundtrip());
  return heard;
}

Deno.test("/register takes a name of one's own and a password of 8 characters", async (t) => {
  await using server = await startTestServer();
  await using nobody = await server.connect();
  await using ann = await server.join("annabella");
  await using bob = await server.join("bob");
  await hear(nobody, ann, bob);
  const refusals: readonly (readonly [guest: Guest, typed: string, answer: string])[] = [
    [nobody, "/register long-enough", "Pick a name first: /nick NAME"],
    [ann, "/register", "Type it as /register PASSWORD."],
    [ann, "/register 7-chars", "A password has 8 to 200 characters."],
    // Seven for a reader, however many code units that are.
    [ann, `/register ${"\u{1f600}".repeat(7)}`, "A password has 8 to 200 characters."],
    [
      ann,
      `/register ${"x".repeat(PASSWORD_LENGTH_MAX + 1)}`,
      "A password has 8 to 200 characters.",
    ],
    [ann, "/register several words of it", "A password has no spaces."],
    [ann, "/register annabella", "A password is not the name."],
    [ann, "/register AnnaBELLA", "A password is not the name."],
  ];
  for (const [guest, typed, answer] of refusals) {
    await t.step(typed.slice(0, 25), async () => {
      assertEquals(await ask(guest, typed), [`-- ${answer}`]);
    });
  }
  assertEquals(await ask(ann, "/register 8-chars!"), [
    "-- annabella is yours now. From elsewhere: /login annabella PASSWORD",
  ]);
  assertEquals(await ask(ann, "/register another-one"), ["-- annabella is yours already."]);
  assertEquals(await hear(bob, nobody), [[], []], "nobody else hears of any of it");

  await leave(ann);
  await bob.expect("-- annabella left.");
  assertEquals(await ask(bob, "/nick ANNABELLA"), [
    "-- You are now annabella.",
    "-- annabella is registered. /login PASSWORD within 60 seconds, or you will be a guest again.",
  ]);
  assertEquals(await ask(bob, "/register 8-chars!"), [
    "-- annabella is registered. If it is yours: /login PASSWORD",
  ]);
});

Deno.test("/login takes the present name or another, and says what is wrong", async (t) => {
  await using folder = await Folder.with("ann", "bob");
  await using server = await startTestServer({ db: folder.db });
  await using guest = await server.connect();
  await guest.until(/Just type/);
  const secret = passwordOf("ann");
  const refusals: readonly (readonly [typed: string, answer: string])[] = [
    ["/login", "-- Type it as /login [NAME] PASSWORD."],
    [`/login ann ${secret} more`, "-- Type it as /login NAME PASSWORD."],
    [`/login ${secret}`, NOT_REGISTERED],
    [`/login zoe ${secret}`, NOT_REGISTERED],
    [`/login ${"x".repeat(5_000)} ${secret}`, NOT_REGISTERED],
    ["/login ann wrong-password", WRONG],
    [`/login ann ${secret.toUpperCase()}`, WRONG],
    [`/login bob ${secret}`, WRONG],
  ];
  for (const [typed, answer] of refusals) {
    await t.step(typed.slice(0, 30), async () => assertEquals(await ask(guest, typed), [answer]));
  }
  await t.step("by name, in whatever case", async () => {
    assertEquals(await ask(guest, `/login ANN ${secret}`), [
      "-- You are now ann.",
      "-- You are logged in as ann.",
    ]);
    for (const typed of [`/login ${secret}`, `/login ann ${secret}`, "/login ann wrong-password"]) {
      assertEquals(await ask(guest, typed), ["-- You are logged in as ann already."]);
    }
  });
  await t.step("as somebody else, from one name to the next", () => logIn(guest, "bob"));
  await t.step("under the present name", async () => {
    assertEquals(await ask(guest, "/nick ann"), [
      "-- You are now ann.",
      "-- You are not logged in as bob any more.",
      GRACE,
    ]);
    assertEquals(await ask(guest, `/login ${secret}`), ["-- You are logged in as ann."]);
  });
});

Deno.test("a password is the same in whatever form its characters are encoded", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  assertEquals((await ask(ann, "/register caf\u{e9}-au-lait")).length, 1);
  await using again = await server.connect();
  await again.until(/Just type/);
  assertEquals(await ask(again, "/login ann cafe\u{301}-au-lait"), [
    "-- You are now ann.",
    "-- You are logged in as ann.",
  ]);
});

Deno.test("names that nobody registered cost no attempts", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using guest = await server.connect();
  await guest.until(/Just type/);
  for (let attempt = 0; attempt < 8; attempt++) {
    assertEquals(await ask(guest, "/login zoe some-password"), [NOT_REGISTERED]);
  }
  await logIn(guest, "ann");
});

Deno.test("after three wrong passwords for a name each doubles the wait for the next", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using eve = await server.join("eve");
    const guess = "/login ann wrong-password";
    for (let attempt = 0; attempt < 3; attempt++) assertEquals(await ask(eve, guess), [WRONG]);
    for (const seconds of [1, 2, 4, 8, 16, 32]) {
      assertEquals(await ask(eve, guess), [WRONG]);
      const wait = `-- Too many wrong passwords. Wait ${seconds} second${seconds > 1 ? "s" : ""}.`;
      assertEquals(await ask(eve, guess), [wait]);
      assertEquals(await ask(eve, `/login ann ${passwordOf("ann")}`), [wait], "the right one too");
      mock.timers.tick(seconds * 1_000 - 1);
      const last = "-- Too many wrong passwords. Wait 1 second.";
      assertEquals(await ask(eve, guess), [last], "what was refused did not make it longer");
      mock.timers.tick(1);
    }
    await logIn(eve, "ann");
  });
});

Deno.test("several wrong passwords at once gain nothing over one after another", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer();
    await using ann = await server.join("ann");
    assertEquals((await ask(ann, `/register ${passwordOf("ann")}`)).length, 1);
    await using stack = new AsyncDisposableStack();
    const guests: Guest[] = [];
    for (const name of ["abe", "bea", "cid", "dov", "eve", "fay", "gus", "hev"]) {
      guests.push(stack.use(await server.join(name)));
    }
    await hear(...guests);
    const answers = await Promise.all(guests.map((guest) => ask(guest, "/login ann guess-work")));
    const refusal = "-- Too many wrong passwords. Wait 1 second.";
    assertEquals(answers.flat().sort(), [
      ...Array.from({ length: 4 }, () => WRONG),
      ...Array.from({ length: 4 }, () => refusal),
    ]);
  });
});

Deno.test(overLan("the right password clears its name of the wrong ones before it"), async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({
      host: "0.0.0.0",
      db: folder.db,
      allowPlaintextPasswords: true,
    });
    await using eve = await joinFromLan(server, "eve");
    await using ann = await server.join("kim");
    await eve.roundtrip();
    const guess = "/login ann wrong-password";
    for (let attempt = 0; attempt < 3; attempt++) assertEquals(await ask(eve, guess), [WRONG]);
    await logIn(ann, "ann");
    assertEquals((await ask(ann, "/nick kim")).at(0), "-- You are now kim.");
    for (let attempt = 0; attempt < 4; attempt++) assertEquals(await ask(ann, guess), [WRONG]);
    assertEquals(await ask(ann, guess), ["-- Too many wrong passwords. Wait 1 second."]);
  });
});

Deno.test("wrong passwords are forgotten long after the wait for the next", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using eve = await server.join("eve");
    for (let day = 0; day < 2; day++) {
      for (let attempt = 0; attempt < 4; attempt++) {
        assertEquals(await ask(eve, "/login ann wrong-password"), [WRONG]);
      }
      assertEquals(await ask(eve, "/login ann wrong-password"), [
        "-- Too many wrong passwords. Wait 1 second.",
      ]);
      mock.timers.tick(86_400_000);
    }
  });
});

Deno.test(
  overLan("wrong passwords cost an address its time, and others none of theirs"),
  async () => {
    await using folder = await Folder.with("ann", "bob", "carl", "eve");
    await onFakeTime(async () => {
      await using server = await startTestServer({
        host: "0.0.0.0",
        db: folder.db,
        allowPlaintextPasswords: true,
      });
      await using eve = await joinFromLan(server, "stranger");
      await using here = await server.connect();
      here.say("/nick someone-here");
      await here.until("-- You are now someone-here.");
      await hear(eve);
      for (let attempt = 0; attempt < 4; attempt++) {
        assertEquals(await ask(eve, "/login ann wrong-password"), [WRONG]);
      }
      const tooMany = "-- Too many wrong passwords. Wait 1 second.";
      assertEquals(await ask(eve, "/login bob wrong-password"), [tooMany], "for any name");
      assertEquals(await ask(here, "/login ann wrong-password"), [tooMany], "from anywhere");
      await logIn(here, "carl");

      mock.timers.tick(1_000);
      assertEquals(
        (await ask(eve, `/login eve ${passwordOf("eve")}`)).at(-1),
        "-- You are logged in as eve.",
      );
      // One's own password is no way to go on guessing those of others.
      assertEquals(await ask(eve, "/login bob wrong-password"), [WRONG]);
      assertEquals(await ask(eve, "/login carl wrong-password"), [
        "-- Too many wrong passwords. Wait 2 seconds.",
      ]);
    });
  },
);

Deno.test(overLan("the longest wait is a minute for a name, and 15 for an address"), async () => {
  await using folder = await Folder.with("ann", "bob");
  await onFakeTime(async () => {
    await using server = await startTestServer({
      host: "0.0.0.0",
      db: folder.db,
      allowPlaintextPasswords: true,
    });
    await using here = await server.join("kim");
    await using away = await joinFromLan(server, "eve");
    await hear(here);
    const waits = [0, 0, 0, 1, 2, 4, 8, 16, 32];
    for (const [index, seconds] of waits.entries()) {
      // In turns, so that neither address has many to its own account.
      assertEquals(await ask(index % 2 === 0 ? here : away, "/login ann wrong-password"), [WRONG]);
      mock.timers.tick(seconds * 1_000);
    }
    assertEquals(await ask(away, "/login ann wrong-password"), [WRONG]);
    const aMinute = ["-- Too many wrong passwords. Wait 1 minute."];
    assertEquals(await ask(away, "/login ann wrong-password"), aMinute);
    assertEquals(await ask(here, "/login ann wrong-password"), aMinute);

    mock.timers.tick(60_000);
    for (const seconds of [4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
      assertEquals(await ask(away, "/login bob wrong-password"), [WRONG]);
      mock.timers.tick(seconds * 1_000 - 1);
      assertEquals(await ask(away, "/login bob wrong-password"), [
        "-- Too many wrong passwords. Wait 1 second.",
      ]);
      mock.timers.tick(1);
    }
    assertEquals(await ask(away, "/login bob wrong-password"), [WRONG]);
    assertEquals(await ask(away, "/login bob wrong-password"), [
      "-- Too many wrong passwords. Wait 15 minutes.",
    ]);
    await logIn(here, "bob");
  });
});

// Who comes through SSH, as the server itself asks people to, comes from this machine's address.
Deno.test("guesses from this machine keep nobody else on it from logging in", async () => {
  await using folder = await Folder.with("ann", "bob");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using eve = await server.join("eve");
    await using guest = await server.join("someone-else");
    await hear(eve);
    for (let attempt = 0; attempt < 4; attempt++) {
      assertEquals(await ask(eve, "/login ann wrong-password"), [WRONG]);
    }
    await hear(guest);
    await logIn(guest, "bob");
  });
});

Deno.test("who takes a registered name has a minute, in which they may not talk", async (t) => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using bob = await server.join("bob");
    await using eve = await server.join("eve");
    await bob.until("-- guest1 is now eve.");
    assertEquals(await ask(bob, "/msg eve hi eve"), []);
    assertEquals(await ask(eve, "/nick Ann"), [
      "[private] bob: hi eve",
      "-- You are now ann.",
      GRACE,
    ]);
    await bob.expect("-- eve is now ann.");
    const refusals: readonly (readonly [typed: string, answer: string])[] = [
      ["hello", NOT_LOGGED_IN],
      ["//hello", NOT_LOGGED_IN],
      ["/me waves", NOT_LOGGED_IN],
      ["/msg bob psst", NOT_LOGGED_IN],
      ["/msg #lobby hello", NOT_LOGGED_IN],
      ["/reply psst", NOT_LOGGED_IN],
      ["/report bob is a bore", NOT_LOGGED_IN],
      ["/join #ann-has-this", NOT_LOGGED_IN],
      ["/topic whatever", "-- Only an operator of #lobby may do that."],
      ["/register a-new-secret", "-- ann is registered. If it is yours: /login PASSWORD"],
      ["/account", NO_MEMBER],
      ["/ghost", NO_MEMBER],
      ["/login wrong-password", WRONG],
    ];
    for (const [typed, answer] of refusals) {
      await t.step(typed, async () => assertEquals(await ask(eve, typed), [answer]));
    }
    assertEquals(await ask(bob, "/msg ann for the real one"), [
      "-- ann is away; your message waits for them.",
    ]);
    assertEquals(await hear(eve), [[]]);

    mock.timers.tick(LOGIN_GRACE_MS - 1);
    assertEquals(await hear(eve, bob), [[], []]);
    mock.timers.tick(1);
    assertEquals(await hear(eve, bob), [
      ["-- ann is registered, and you did not log in.", "-- You are now guest1."],
      ["-- ann is now guest1."],
    ]);
    assertEquals(await ask(eve, "free again"), []);
    await bob.expect("guest1: free again");
    mock.timers.tick(LOGIN_GRACE_MS);
    assertEquals(await hear(eve, bob), [[], []], "that was all");
  });
});

Deno.test("who took a registered name acts for its owner in no room of theirs either", async (t) => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  await using eve = await server.join("eve");
  await ask(eve, "/join #den");
  await ask(bob, "/join #den");
  await ask(eve, "/nick ann");
  await bob.until("-- eve is now ann.");
  const refused = "-- Only an operator of #den may do that.";
  for (
    const typed of [
      "/topic from ann",
      "/room private",
      "/invite bob",
      "/kick bob from ann",
      "/ban bob from ann",
      "/mute bob from ann",
      "/lock",
    ]
  ) {
    await t.step(typed, async () => {
      assertEquals(await ask(eve, typed), [refused]);
      assertEquals(await hear(bob), [[]]);
    });
  }
});

Deno.test("the owner who logs in elsewhere meanwhile has the name at once", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using bob = await server.join("bob");
    await using eve = await server.join("eve");
    await ask(eve, "/nick ann");
    await using ann = await server.connect();
    mock.timers.tick(100);
    await ann.until(/Just type/);
    await hear(bob, eve);
    assertEquals(await ask(ann, `/login ann ${passwordOf("ann")}`), [
      "-- ann is now guest2.",
      "-- You are now ann.",
      "-- You are logged in as ann.",
    ]);
    assertEquals(await hear(bob, eve), [
      ["-- ann is now guest2.", "-- guest1 is now ann."],
      ["-- ann is back.", "-- You are now guest2.", "-- guest1 is now ann."],
    ]);
    assertEquals(await ask(eve, "/nick Ann"), [
      "-- Ann is taken. If it is yours: /login ann PASSWORD",
    ]);
    mock.timers.tick(LOGIN_GRACE_MS);
    assertEquals(await hear(bob, eve, ann), [[], [], []], "nobody's time runs any more");
  });
});

Deno.test("who logs in to the name they took, or takes another, has no time left to keep", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db });
    await using bob = await server.join("bob");
    await using eve = await server.join("eve");
    await hear(bob);
    assertEquals(await ask(eve, "/nick ann"), ["-- You are now ann.", GRACE]);
    assertEquals(await ask(eve, "/nick eve"), ["-- You are now eve."]);
    assertEquals(await ask(eve, "/nick ann"), ["-- You are now ann.", GRACE]);
    mock.timers.tick(LOGIN_GRACE_MS - 1);
    assertEquals(await ask(eve, `/login ${passwordOf("ann")}`), ["-- You are logged in as ann."]);
    mock.timers.tick(LOGIN_GRACE_MS);
    assertEquals(await ask(eve, "here I am"), []);
    assertEquals(await hear(bob), [[
      "-- eve is now ann.",
      "-- ann is now eve.",
      "-- eve is now ann.",
      "ann: here I am",
    ]]);
  });
});

Deno.test("a name is taken while its owner is here, and names like it are never free", async () => {
  await using folder = await Folder.with("ann", "bob");
  await using server = await startTestServer({ db: folder.db });
  await using ann = await joinAs(server, "ann");
  await using eve = await server.join("eve");
  assertEquals(await ask(eve, "/nick ANN"), [
    "-- ANN is taken. If it is yours: /login ann PASSWORD",
  ]);
  assertEquals(await ask(eve, "/nick b0b"), [
    "-- b0b looks too much like bob, which is registered.",
  ]);
  await hear(ann);
  assertEquals(await ask(ann, "/nick ANN"), ["-- You are ann already."]);
  await leave(ann);
  await eve.until("-- ann left.");
  await using bob = await joinAs(server, "bob");
  await hear(eve);
  assertEquals(await ask(eve, "/nick BOB"), [
    "-- BOB is taken. If it is yours: /login bob PASSWORD",
  ]);
  assertEquals(await ask(eve, "/nick b0b"), ["-- b0b looks too much like bob, who is here."]);
  assertEquals(await hear(bob), [[]]);
});

Deno.test("several connections under one name are one person to everybody", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  await using one = await joinAs(server, "ann");
  assertEquals(await hear(bob), [["-- guest1 joined.", "-- guest1 is now ann."]]);
  await using two = await joinAs(server, "ann");
  assertEquals(await hear(bob, one), [
    ["-- guest1 joined.", "-- guest1 left."],
    ["-- guest1 joined.", "-- guest1 left."],
  ]);
  assertMatch((await ask(bob, "/who")).join(), /^-- 2 in #lobby: bob \([^)]+\), ann \([^)]+\)\.$/);

  assertEquals(await ask(bob, "hi ann"), []);
  assertEquals(await ask(one, "from the one"), ["bob: hi ann"]);
  assertEquals(await ask(bob, "/msg ann psst"), ["ann: from the one"]);
  assertEquals(await hear(one, two), [
    ["[private] bob: psst"],
    ["bob: hi ann", "ann: from the one", "[private] bob: psst"],
  ]);
  assertEquals(await ask(two, "/reply yes?"), []);
  assertEquals(await hear(bob), [["[private] ann: yes?"]]);
  assertEquals(await ask(two, "/msg ann note"), ["-- That would be a word with yourself."]);
});

Deno.test("each connection of a name is in rooms of its own", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using one = await joinAs(server, "ann");
  await using two = await joinAs(server, "ann");
  await using bob = await server.join("bob");
  await hear(one, two);
  assertEquals((await ask(one, "/join #den")).length, 2);
  assertEquals(await ask(two, "/msg #den hello"), [
    "-- You are in no such room. /join brings you into one.",
  ]);
  assertEquals(await ask(bob, "/join #den"), ["-- You are now in #den, with ann."]);
  await one.expect("-- bob joined.");
  await ask(bob, "only one hears this");
  assertEquals(await hear(one, two), [["bob: only one hears this"], []]);

  assertEquals((await ask(two, "/join #den")).slice(0, 1), ["-- You are now in #den, with bob."]);
  assertEquals(await hear(bob), [[]], "ann was there before");
  await leave(one);
  assertEquals(await hear(bob), [[]], "and is there still");
  await ask(two, "/leave");
  assertEquals(await hear(bob), [["-- ann left."]]);
  await leave(two);
  assertEquals(await hear(bob), [["-- [#lobby] ann left."]]);
});

Deno.test("one of several connections takes another name, and the others keep theirs", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  await using one = await joinAs(server, "ann");
  await using two = await joinAs(server, "ann");
  await hear(bob, one, two);
  assertEquals(await ask(two, "/nick carl"), [
    "-- You are now carl.",
    "-- You are not logged in as ann any more.",
  ]);
  assertEquals(await hear(bob, one), [["-- carl joined."], ["-- carl joined."]]);
  await ask(one, "still ann");
  assertEquals(await hear(bob, two), [["ann: still ann"], ["ann: still ann"]]);
  assertEquals(await ask(one, "/nick dave"), [
    "-- You are now dave.",
    "-- You are not logged in as ann any more.",
  ]);
  assertEquals(await hear(bob, two), [["-- ann is now dave."], ["-- ann is now dave."]]);
});

Deno.test("/ghost ends the other connections of one's name, and nobody else's", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using bob = await server.join("bob");
  await using one = await joinAs(server, "ann");
  await using two = await joinAs(server, "ann");
  await using three = await joinAs(server, "ann");
  assertEquals(await ask(bob, "/ghost").then((lines) => lines.at(-1)), NO_MEMBER);
  await hear(one, two, three);
  const goodbye = ["-- Goodbye. ann ended this connection from another one."];
  assertEquals(await ask(three, "/ghost"), ["-- Ended 2 connections."]);
  assertEquals(await one.untilClosed(), goodbye);
  assertEquals(await two.untilClosed(), goodbye);
  assertEquals(await hear(bob), [[]], "ann is here still");
  assertEquals(await ask(three, "/ghost"), ["-- This is the only connection of ann."]);
  await using four = await joinAs(server, "ann");
  await hear(three);
  assertEquals(await ask(four, "/ghost"), ["-- Ended one connection."]);
  assertEquals(await three.untilClosed(), goodbye);
});

Deno.test("/account shows the name, its connections and their rooms", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db, operators: ["ann"] });
    await using one = await joinAs(server, "ann");
    await ask(one, "/join #den");
    mock.timers.tick(90_000);
    await using two = await joinAs(server, "ann");
    mock.timers.tick(30_000);
    const hints =
      "-- /account password OLD NEW changes the password, /account delete PASSWORD deletes the name.";
    assertEquals(await ask(two, "/account"), [
      "-- You are ann, an operator of the server, registered on 2026-01-02.",
      "-- Connection 1: for 2 minutes, in #lobby, #den.",
      "-- Connection 2 (this one): for 30 seconds, in #lobby.",
      hints,
    ]);
    await ask(two, "/leave");
    assertEquals(await ask(two, "/account sessions"), [
      "-- You are ann, an operator of the server, registered on 2026-01-02.",
      "-- Connection 1: for 2 minutes, in #lobby, #den.",
      "-- Connection 2 (this one): for 30 seconds, in no room.",
      hints,
    ]);
  });
});

Deno.test("/account password takes the old one and a good new one", async (t) => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using guest = await server.join("kim");
  await using ann = await joinAs(server, "ann");
  await using other = await joinAs(server, "ann");
  await hear(ann, guest);
  const old = passwordOf("ann");
  const refusals: readonly (readonly [guest: Guest, typed: string, answer: string])[] = [
    [guest, `/account password ${old} new-password`, NO_MEMBER],
    [
      ann,
      "/account nonsense",
      "-- Type it as /account, /account password OLD NEW, or " +
      "/account delete PASSWORD.",
    ],
    [ann, "/account password", "-- Type it as /account password OLD NEW."],
    [ann, `/account password ${old}`, "-- Type it as /account password OLD NEW."],
    [ann, `/account password ${old} two words`, "-- Type it as /account password OLD NEW."],
    [ann, "/account password wrong-password new-password", WRONG],
    [ann, `/account password ${old} short`, "-- A password has 8 to 200 characters."],
  ];
  for (const [who, typed, answer] of refusals) {
    await t.step(typed, async () => assertEquals(await ask(who, typed), [answer]));
  }
  assertEquals(await ask(ann, `/account password ${old} ${"n".repeat(PASSWORD_LENGTH_MAX)}`), [
    "-- Your password is another one now.",
  ]);
  assertEquals(await ask(other, "still here"), [], "whoever is logged in stays so");
  await using late = await server.connect();
  await late.until(/Just type/);
  await hear(late);
  assertEquals(await ask(late, `/login ann ${old}`), [WRONG]);
  assertEquals(await ask(late, `/login ann ${"n".repeat(PASSWORD_LENGTH_MAX)}`), [
    "-- You are now ann.",
    "-- You are logged in as ann.",
  ]);
});

Deno.test("/account delete makes the name free, and its user a guest", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db, operators: ["ann"] });
  await using bob = await server.join("bob");
  await using ann = await joinAs(server, "ann");
  await using other = await joinAs(server, "ann");
  await hear(bob, ann);
  assertEquals(await ask(ann, "/account delete"), ["-- Type it as /account delete PASSWORD."]);
  assertEquals(await ask(ann, "/account delete a b"), ["-- Type it as /account delete PASSWORD."]);
  assertEquals(await ask(ann, "/account delete wrong-password"), [WRONG]);
  assertEquals(await ask(ann, "/audit server"), [NOTHING_DONE]);
  assertEquals(await ask(ann, `/account delete ${passwordOf("ann")}`), [
    "-- ann is not registered any more. What was said under it stays; " +
    "/forget ID deletes single messages before.",
  ]);
  assertEquals(
    (await other.untilClosed()).at(-1),
    "-- Goodbye. ann ended this connection from another one.",
  );
  assertEquals(await ask(ann, "/audit server"), [NO_OPERATOR]);
  assertEquals(await ask(ann, "/account"), [NO_MEMBER]);
  assertEquals(await ask(ann, "a guest again"), []);
  assertEquals(await hear(bob), [["ann: a guest again"]]);
  await leave(ann);
  await bob.expect("-- ann left.");
  assertEquals(await ask(bob, `/login ann ${passwordOf("ann")}`), [NOT_REGISTERED]);
  assertEquals(await ask(bob, "/nick ann"), ["-- You are now ann."]);
});

Deno.test("names last over a restart, and no password is in a file", async () => {
  await using folder = await Folder.with();
  const [first, second] = ["first-Pa55word", "second-Pa55word"];
  {
    await using server = await startTestServer({ db: folder.db });
    await using ann = await server.join("Ann");
    assertEquals((await ask(ann, `/register ${first}`)).length, 1);
    await ask(ann, "/join #den");
    await using bob = await server.join("bob");
    assertEquals((await ask(bob, `/register ${first}`)).length, 1);
    assertEquals(await ask(bob, `/account password ${first} ${second}`), [
      "-- Your password is another one now.",
    ]);
    // While the server runs as well: what is in its log will be in the database.
    assert(!(await folder.bytes()).includes("Pa55word"), "no password is there in plain");
  }
  const stored = await folder.bytes();
  assert(!stored.includes("Pa55word"), "no password is there in plain");
  const hashes = stored.match(/scrypt\$32768\$8\$1\$[\w-]{22}\$[\w-]{43}/g) ?? [];
  assert(new Set(hashes).size >= 2, "each hash is there with what it takes to make it again");

  await using server = await startTestServer({ db: folder.db });
  await using guest = await server.join("kim");
  assertEquals(await ask(guest, `/login bob ${first}`), [WRONG]);
  assertEquals(await ask(guest, `/login bob ${second}`), [
    "-- You are now bob.",
    "-- You are logged in as bob.",
  ]);
  assertEquals(await ask(guest, `/login ann ${first}`), [
    "-- You are now Ann.",
    "-- You are logged in as Ann.",
  ]);
  assertEquals(await ask(guest, "/join #den"), ["-- You are now in #den, alone so far."]);
  assertEquals((await ask(guest, "/room")).at(-1), "-- You are there as a room operator.");
});

Deno.test("no password is in the log, whatever is logged", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  const log: string[] = [];
  configureLog((line) => log.push(line), { format: "json", level: "debug" });
  {
    await using bob = await server.join("bob");
    for (
      const line of [
        "/register pass-word-1",
        "/register pass-word-2 and more",
        "/login ann pass-word-3",
        "/login pass-word-4",
        "/login nobody-here pass-word-5",
        "/account password pass-word-1 pass-word-6",
        "/account delete pass-word-7",
        "/join #den pass-word-8",
        "/lgoin ann pass-word-9",
      ]
    ) assert((await ask(bob, line)).length > 0, line);
    await leave(bob);
  }
  const rude = await RudeGuest.connect(server.port);
  rude.say("/login ann pass-word-10");
  await rude.reset();
  await server.shutdown();
  assert(log.some((line) => line.includes("127.0.0.1")), "connections are logged");
  assertEquals(log.filter((line) => line.includes("pass-word")), []);
});

Deno.test(overLan("a password that others could read is refused, and why"), async (t) => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db, host: "0.0.0.0" });
  await using guest = await joinFromLan(server, "eve");
  await hear(guest);
  for (
    const typed of [
      "/register new-password",
      `/login ann ${passwordOf("ann")}`,
      `/login ${passwordOf("ann")}`,
      "/login ann wrong-password",
      "/join #den new-password",
    ]
  ) {
    await t.step(typed, async () => assertEquals(await ask(guest, typed), [NOT_PRIVATE]));
  }
  await t.step("and taken from this machine's own address", async () => {
    await using ann = await joinAs(server, "ann");
    assertEquals(await ask(ann, "/ghost"), ["-- This is the only connection of ann."]);
  });
});

Deno.test(overLan("such a password is taken where the server was told to"), async () => {
  await using server = await startTestServer({
    host: "0.0.0.0",
    allowPlaintextPasswords: true,
    operators: ["Ann"],
  });
  await using eve = await joinFromLan(server, "eve");
  assertEquals(await ask(eve, "/register new-password"), [
    "-- eve is yours now. From elsewhere: /login eve PASSWORD",
  ]);
  await using other = await joinFromLan(server, "other");
  assertEquals(await ask(other, "/login eve new-password"), [
    "-- You are now eve.",
    "-- You are logged in as eve.",
  ]);
});

Deno.test(
  overLan("an address registers so many names in an hour, and no more"),
  async () => {
    await onFakeTime(async () => {
      await using server = await startTestServer({
        host: "0.0.0.0",
        allowPlaintextPasswords: true,
      });
      await using eve = await joinFromLan(server, "eve");
      const names = Array.from(
        { length: REGISTRATIONS_PER_HOUR },
        (_, at) => `eve-${"abcdefghjk"[Math.floor(at / 10)]}${"abcdefghjk"[at % 10]}`,
      );
      for (const name of names) {
        await ask(eve, `/nick ${name}`);
        assertEquals(await ask(eve, "/register new-password"), [
          `-- ${name} is yours now. From elsewhere: /login ${name} PASSWORD`,
        ]);
      }
      await ask(eve, "/nick one-too-many");
      assertEquals(await ask(eve, "/register new-password"), [
        "-- Too many names were registered from your address. Try again in an hour.",
      ]);
      mock.timers.tick(3_600_000);
      assertEquals(await ask(eve, "/register new-password"), [
        "-- one-too-many is yours now. From elsewhere: /login one-too-many PASSWORD",
      ]);
    });
  },
);

Deno.test("everybody talks while passwords are hashed, and too many are refused", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const guests: Guest[] = [];
  const letters = [..."abcdefghjk"];
  for (let index = 0; index < HASHES_AT_ONCE + HASHES_WAITING_MAX + 4; index++) {
    const name = `u-${letters[Math.floor(index / 10)]}${letters[index % 10]}`;
    guests.push(stack.use(await server.join(name)));
  }
  await using bob = await server.join("bob");
  await using carl = await server.join("carl");
  await hear(bob, carl, ...guests);
  // All in one turn, or nearly; and words of two others on both sides of them.
  for (const guest of guests) guest.say("/register new-password");
  for (let word = 1; word <= 5; word++) {
    bob.say(`word ${word}`);
    await carl.until(`bob: word ${word}`);
    carl.say(`answer ${word}`);
    await bob.until(`carl: answer ${word}`);
  }
  const refusal = "-- Too many passwords are being checked; try again in a moment.";
  const registered = /^-- u-\w\w is yours now\. From elsewhere: \/login u-\w\w PASSWORD$/;
  let refused = 0;
  let talkedOver = 0;
  for (const guest of guests) {
    const lines = await guest.roundtrip();
    const own = lines.filter((line) => line.startsWith("-- "));
    assertEquals(own.length, 1, own.join());
    if (own[0] === refusal) refused++;
    else {
      assertMatch(own[0] ?? "", registered);
      if (lines.indexOf("carl: answer 5") < lines.indexOf(own[0] ?? "")) talkedOver++;
    }
  }
  assert(refused >= 1, "so many at once are too many");
  assert(talkedOver >= 1, "a long talk was heard before the last was done");
  const [again] = guests;
  assert(again !== undefined);
  assertEquals(await ask(again, "/login bob new-password"), [NOT_REGISTERED]);
});

Deno.test("the lines behind a /login or /register are taken after it", async () => {
  await using server = await startTestServer();
  await using bob = await server.join("bob");
  await using ann = await server.connect();
  const secret = passwordOf("ann");
  ann.send(
    `/nick ann\n/register ${secret}\nregistered\n/nick guest-of-bob\n/login ann ${secret}\n`,
  );
  ann.send("logged in\n/nick eve\n/login ann wrong-password\nnot logged in\n");
  await ann.until(WRONG);
  await ann.roundtrip();
  assertEquals(await hear(bob), [[
    "-- guest1 joined.",
    "-- guest1 is now ann.",
    "ann: registered",
    "-- ann is now guest-of-bob.",
    "-- guest-of-bob is now ann.",
    "ann: logged in",
    "-- ann is now eve.",
    "eve: not logged in",
  ]]);
});

Deno.test("a script may end its stream behind a password", async () => {
  await using server = await startTestServer();
  await using bob = await server.join("bob");
  await using script = await server.connect();
  script.send(`/nick ann\n/register ${passwordOf("ann")}\nbye`);
  await script.endWriting();
  assertEquals((await script.untilClosed()).slice(2), [
    "-- You are now ann.",
    "-- ann is yours now. From elsewhere: /login ann PASSWORD",
  ]);
  await bob.until("ann: bye");
  await bob.expect("-- ann left.");
  assertEquals(await ask(bob, "/nick ann"), ["-- You are now ann.", GRACE]);
});

Deno.test("a connection that is lost while its password is hashed leaves nobody behind", async () => {
  await using server = await startTestServer();
  await using bob = await server.join("bob");
  await using ann = await server.join("ann");
  assertEquals((await ask(ann, `/register ${passwordOf("ann")}`)).length, 1);
  await leave(ann);
  await bob.until("-- ann left.");
  const rude = await RudeGuest.connect(server.port);
  rude.say(`mark\n/login ann ${passwordOf("ann")}`);
  await bob.until("guest1: mark");
  await rude.reset();
  await bob.until(/^-- (guest1|ann) left \(connection lost\)\.$/);
  assertMatch((await ask(bob, "/who")).join(), /^-- 1 in #lobby: bob \([^)]+\)\.$/);
  await using again = await server.connect();
  await hear(again);
  await logIn(again, "ann");
  assertEquals(await ask(again, "/ghost"), ["-- This is the only connection of ann."]);
});

Deno.test("who is removed while their password is hashed registers nothing", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db, operators: ["ann"] });
  await using ann = await joinAs(server, "ann");
  await using stack = new AsyncDisposableStack();
  const others: Guest[] = [];
  for (const name of ["abe", "bea", "cid", "dov", "eve", "fay", "gus", "hev"]) {
    others.push(stack.use(await server.join(name)));
  }
  await using zoe = await server.join("zoe");
  await hear(zoe, ann);
  // So that there is something to wait for before it is zoe's turn.
  for (const other of others) other.say("/register new-password");
  await hear(ann);
  zoe.send("mark\n/register new-password\n");
  await ann.until("zoe: mark");
  assertEquals(await ask(ann, "/kick server zoe"), []);
  assertEquals((await zoe.untilClosed()).at(-1), "-- Goodbye. You were removed by ann.");
  await ann.until("-- zoe left (removed).");
  const [abe] = others;
  assert(abe !== undefined);
  await hear(abe);
  assertEquals(await ask(abe, "/nick zoe"), [
    "-- You are now zoe.",
    "-- You are not logged in as abe any more.",
  ]);
});

Deno.test("an operator's rights come with the login and go with the name", async () => {
  await using folder = await Folder.with("ann", "bob");
  await using server = await startTestServer({ db: folder.db, operators: ["Ann"] });
  await using ann = await server.connect();
  await ann.until(/Just type/);
  assertEquals(await ask(ann, "/nick ann"), ["-- You are now ann.", GRACE]);
  assertEquals(await ask(ann, "/audit server"), [NO_OPERATOR]);
  assertEquals(await ask(ann, `/login ${passwordOf("ann")}`), ["-- You are logged in as ann."]);
  assertEquals(await ask(ann, "/audit server"), [NOTHING_DONE]);
  assertEquals((await ask(ann, "/nick eve")).length, 2);
  assertEquals(await ask(ann, "/audit server"), [NO_OPERATOR]);
  await logIn(ann, "ann");
  assertEquals(await ask(ann, "/audit server"), [NOTHING_DONE]);
  await logIn(ann, "bob");
  assertEquals(await ask(ann, "/audit server"), [NO_OPERATOR]);
});

Deno.test(
  overLan("an operator's name is registered on the server's own machine only"),
  async () => {
    await using server = await startTestServer({
      host: "0.0.0.0",
      allowPlaintextPasswords: true,
      operators: ["Ann"],
    });
    await using eve = await joinFromLan(server, "aNN");
    assertEquals(await ask(eve, "/register new-password"), [
      "-- An operator's name can be registered from the server's own machine only.",
    ]);
    await leave(eve);
    await using ann = await server.join("ann");
    assertEquals(await ask(ann, "/audit server"), [NO_OPERATOR], "a name alone is nothing");
    assertEquals(await ask(ann, "/register new-password"), [
      "-- ann is yours now. From elsewhere: /login ann PASSWORD",
    ]);
    assertEquals(await ask(ann, "/audit server"), [NOTHING_DONE]);
    await using away = await joinFromLan(server, "elsewhere");
    assertEquals(
      (await ask(away, "/login ann new-password")).at(-1),
      "-- You are logged in as ann.",
    );
    assertEquals(await ask(away, "/audit server"), [NOTHING_DONE]);
  },
);

Deno.test("/op server makes an operator for good, whatever the configuration says", async () => {
  await using folder = await Folder.with("ann", "bob");
  {
    await using server = await startTestServer({ db: folder.db, operators: ["ann"] });
    await using ann = await joinAs(server, "ann");
    await using bob = await joinAs(server, "bob");
    await using eve = await server.join("eve");
    await hear(ann, bob);
    assertEquals(await ask(bob, "/op server ann"), [NO_OPERATOR]);
    assertEquals(await ask(ann, "/op server eve"), [
      "-- Only a registered name can be an operator; /register makes one.",
    ]);
    assertEquals(await ask(ann, "/op server Bob"), ["-- bob is an operator of the server now."]);
    assertEquals(await ask(ann, "/op server bob"), [
      "-- bob is an operator of the server already.",
    ]);
    assertEquals(await hear(bob, eve), [["-- ann made bob an operator of the server."], []]);
    assertEquals((await ask(bob, "/audit server")).length, 1);
    assertEquals(await ask(bob, "/deop server ann"), [
      "-- ann is an operator by the server's configuration (--operator).",
    ]);
  }
  await using server = await startTestServer({ db: folder.db });
  await using ann = await joinAs(server, "ann");
  await using bob = await joinAs(server, "bob");
  await hear(ann, bob);
  assertEquals(await ask(ann, "/audit server"), [NO_OPERATOR]);
  assertMatch((await ask(bob, "/audit server")).join("\n"), /^-- \S+ ann op bob$/);
});

Deno.test("nobody registers a name while only registered names may talk", async () => {
  await using folder = await Folder.with("ann", "eve");
  await using server = await startTestServer({ db: folder.db, operators: ["ann"] });
  await using bob = await server.join("bob");
  await using ann = await joinAs(server, "ann");
  await hear(bob);
  assertEquals(await ask(ann, "/lock server"), [
    "-- ann locked the server: only registered names may come in and talk.",
  ]);
  await hear(bob);
  const locked = "-- This server is locked: only registered names may talk. /login NAME PASSWORD";
  assertEquals(await ask(bob, "/register new-password"), [locked]);
  assertEquals(await ask(bob, "/login bob new-password"), [NOT_REGISTERED]);
  await using eve = await server.connect();
  await eve.expect("-- Welcome to Parley. You are guest1 in no room.");
  await eve.expect("-- Just type to talk. /nick NAME picks a name, /help shows the rest.");
  await eve.expect(locked);
  assertEquals(await ask(eve, `/login eve ${passwordOf("eve")}`), [
    "-- You are now eve.",
    "-- You are logged in as eve.",
    "-- You are now in #lobby, with bob and ann.",
  ]);
});
