// Whole sessions, as people live them: a real server, real sockets, and every
// byte that comes back. What each command answers, what each refusal says, who
// hears what and in which order, and how everybody hears of everybody's end.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LINE_BYTES_MAX, NAMES_LISTED_MAX, PRESENCE_AT_ONCE_USERS_MAX } from "../lib/limits.ts";
import { type Guest, RudeGuest, startTestServer, type TestServer } from "./harness.ts";

const HINT = "-- Just type to talk. /nick NAME picks a name, /help shows the rest.";

/** Two who are in, and have heard of one another. */
async function joinBoth(server: TestServer): Promise<[ann: Guest, bob: Guest]> {
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await ann.until(/ is now bob\.$/);
  return [ann, bob];
}

Deno.test("server greets a guest who waits to be greeted, as nc does", async () => {
  await using server = await startTestServer();
  await using guest = await server.connect();
  await guest.expect("-- Welcome to Parley. You are guest1 in #lobby, alone so far.");
  await guest.expect(HINT);
  assertEquals(await guest.roundtrip(), []);
});

Deno.test("two people talk, and nobody hears themselves", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bob = await server.connect();
  // The number of a guest who took a name is free again.
  await bob.expect("-- Welcome to Parley. You are guest1 in #lobby, with ann.");
  await bob.expect(HINT);
  await ann.expect("-- guest1 joined.");
  bob.say("/nick bob");
  await bob.expect("-- You are now bob.");
  await ann.expect("-- guest1 is now bob.");
  ann.say("hi bob");
  await bob.expect("ann: hi bob");
  bob.say("hello ann");
  await ann.expect("bob: hello ann");
  assertEquals(await ann.roundtrip(), []);
  assertEquals(await bob.roundtrip(), []);
});

Deno.test("server welcomes with who is here, ten by name and the rest as a number", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const names = Array.from(
    { length: NAMES_LISTED_MAX + 2 },
    (_, index) => `user-${"abcdefghjkxz"[index]}`,
  );
  for (const name of names) stack.use(await server.join(name));
  await using late = await server.connect();
  const listed = names.slice(0, NAMES_LISTED_MAX).join(", ");
  await late.expect(
    `-- Welcome to Parley. You are guest1 in #lobby, with ${listed} and 2 others.`,
  );
});

Deno.test("server shows its name and its message of the day", async () => {
  await using server = await startTestServer({
    name: "The Lab",
    motd: ["Be kind.", "", "Tea at four."],
  });
  await using guest = await server.connect();
  guest.say("/quit");
  assertEquals(await guest.untilClosed(), [
    "-- Welcome to The Lab. You are guest1 in #lobby, alone so far.",
    "-- Be kind.",
    "-- ",
    "-- Tea at four.",
    HINT,
    "-- Goodbye.",
  ]);
});

Deno.test("/help lists every command, in groups", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  ann.say("/help");
  const help = await ann.roundtrip();
  const groups: string[][] = [];
  for (const line of help) {
    const command = /^-- {3}(\/+[a-zA-Z]+)( [^a-z]\S*| [a-z]+\b)* {2,}\S/.exec(line)?.[1];
    if (command !== undefined) groups.at(-1)?.push(command);
    else groups.push([/^-- ([A-Z][^/]*):$/.exec(line)?.[1] ?? `no heading: ${line}`]);
  }
  const talking = "/who /me /msg /reply /ignore /unignore /report //TEXT /ping /quit";
  const operating = "/kick /ban /unban /bans /mute /unmute /lock /unlock /op /deop /audit /backup";
  assertEquals(groups, [
    ["Talking", "/help", ...talking.split(" ")],
    ["Rooms", "/join", "/leave", "/rooms", "/topic", "/room", "/invite"],
    ["Names", "/nick", "/register", "/login", "/ghost", "/account"],
    ["Bots", "/token"],
    ["History", "/history", "/search", "/forget"],
    [
      "For operators (of a room; with the word server first, of the server)",
      ...operating.split(" "),
    ],
  ]);
});

Deno.test("/help COMMAND shows how one command is typed", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  for (const typed of ["/help nick", "/help /NICK"]) {
    ann.say(typed);
    assertEquals(await ann.roundtrip(), ["-- /nick NAME  change your name"]);
  }
  ann.say("/help nik");
  assertEquals(await ann.roundtrip(), [
    "-- There is no /nik. Did you mean /nick? (// begins a message with a slash.)",
  ]);
});

Deno.test("/who lists those who are here and for how long", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  bob.say("/who");
  await bob.expect(/^-- 2 in #lobby: ann \(\d+ seconds?\), bob \(\d+ seconds?\)\.$/);
});

Deno.test("/me tells the others what somebody does", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  ann.say("/me waves  twice");
  await bob.expect("* ann waves  twice");
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("/msg and /reply are between two, whatever the names become", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  await using eve = await server.join("eve");
  await ann.until(/eve/);
  await bob.until(/eve/);
  ann.say("/reply hello?");
  await ann.expect("-- Nobody has sent you a private message yet.");
  ann.say("/msg BOB   psst //not a command");
  await bob.expect("[private] ann: psst //not a command");
  ann.say("/nick anna");
  await bob.expect("-- ann is now anna.");
  bob.say("/reply /yes");
  await ann.until("[private] bob: /yes");
  await eve.expect("-- ann is now anna.");
  assertEquals(await eve.roundtrip(), []);
  await ann.close();
  await bob.expect("-- anna left.");
  bob.say("/reply still there?");
  await bob.expect("-- Whoever last wrote to you in private has left.");
});

Deno.test("// says a line that begins with a slash", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  for (const [typed, said] of [["//shrug", "/shrug"], ["///", "//"], ["//", "/"], [" /x", " /x"]]) {
    ann.say(typed ?? "");
    await bob.expect(`ann: ${said}`);
  }
});

Deno.test("blank lines say nothing", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  ann.send("\n\r\n   \n\t\n\u{200b}\u{202e}\n\x1b[2J\n");
  assertEquals(await ann.roundtrip(), []);
  assertEquals(await bob.roundtrip(), []);
});

Deno.test("commands are the same in capitals", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  ann.say("/PING Hello");
  await ann.expect("-- pong Hello");
  ann.say("/ping");
  await ann.expect("-- pong");
});

Deno.test("each refusal is one clear line, and nobody else hears of it", async (t) => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  const cases: readonly (readonly [typed: string, answer: string])[] = [
    ["/hlep", "There is no /hlep. Did you mean /help? (// begins a message with a slash.)"],
    ["/w", "There is no /w. Did you mean /who? (// begins a message with a slash.)"],
    [
      "/xyzzy",
      "There is no /xyzzy. /help shows those that exist; // begins a message with a slash.",
    ],
    ["/", "There is no /. /help shows those that exist; // begins a message with a slash."],
    ["/ nick x", "There is no /. /help shows those that exist; // begins a message with a slash."],
    [
      `/${"\u{1f600}".repeat(2_000)}`,
      "There is no such command. /help shows those that exist; // begins a message with a slash.",
    ],
    ["/nick", "Type it as /nick NAME."],
    ["/me", "Type it as /me TEXT."],
    ["/me \u{200b}", "Type it as /me TEXT."],
    ["/msg", "Type it as /msg NAME TEXT."],
    ["/msg bob", "Type it as /msg NAME TEXT."],
    ["/msg bob \u{202e}", "Type it as /msg NAME TEXT."],
    ["/reply", "Type it as /reply TEXT."],
    ["/msg ann hi", "That would be a word with yourself."],
    ["/msg bpb hi", "Nobody here is called bpb. Did you mean bob?"],
    ["/msg zoe hi", "Nobody here is called zoe. /who shows who is."],
    ["/nick ann", "You are ann already."],
    ["/nick bob", "bob is taken."],
    ["/nick BoB", "BoB is taken."],
    ["/nick b0b", "b0b looks too much like bob, who is here."],
    ["/nick a b", "A name is made of letters, digits, -, _ and . only."],
    ["/nick -x", "A name begins with a letter or a digit."],
    [`/nick ${"x".repeat(25)}`, "A name has 1 to 24 characters."],
    [`/nick ${"x".repeat(5_000)}`, "A name has 1 to 24 characters."],
    ["/nick server", "That name is reserved."],
    ["/nick guest7", "That name is reserved."],
    ["/nick \u{430}nn", "The letters of a name are of one script, not of several mixed."],
  ];
  for (const [typed, answer] of cases) {
    await t.step(typed.slice(0, 20), async () => {
      ann.say(typed);
      assertEquals(await ann.roundtrip(), [`-- ${answer}`]);
    });
  }
  assertEquals(await bob.roundtrip(), []);
});

Deno.test("of two who take a name in two forms at once, one has it", async () => {
  await using server = await startTestServer();
  await using first = await server.connect();
  await using second = await server.connect();
  first.say("/nick Zo\u{eb}");
  second.say("/nick ZOE\u{308}");
  const lines = [...await first.roundtrip(), ...await second.roundtrip()];
  assertEquals(lines.filter((line) => /^-- You are now /.test(line)).length, 1);
  assertEquals(lines.filter((line) => / is taken\.$/.test(line)).length, 1);
});

Deno.test("a name is free again as soon as its owner has gone or changed it", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  ann.say("/nick anna");
  await bob.expect("-- ann is now anna.");
  bob.say("/nick ann");
  await bob.expect("-- You are now ann.");
  await ann.until("-- bob is now ann.");
  await bob.close();
  await ann.expect("-- ann left.");
  ann.say("/nick ANN");
  await ann.expect("-- You are now ANN.");
  ann.say("/nick Ann");
  await ann.expect("-- You are now Ann.");
});

Deno.test("guests' names are given out again", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  for (let visit = 0; visit < 3; visit++) {
    await using guest = await server.connect();
    // The first guest's number is free since ann has a name of her own.
    await guest.expect(/You are guest1 in/);
    await ann.expect("-- guest1 joined.");
    await guest.close();
    await ann.expect("-- guest1 left.");
  }
});

Deno.test("leaving is exactly one notice to everybody else, and says why", async (t) => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  const ways: readonly (readonly [way: string, go: (bob: Guest) => Promise<void>, word: string])[] =
    [
      ["by /quit", async (bob) => {
        bob.say("/quit");
        assertEquals(await bob.untilClosed(), ["-- Goodbye."]);
        assert(!bob.isReset, "the goodbye is followed by a clean end");
      }, "left."],
      ["by closing", (bob) => bob.close(), "left."],
      ["by ending the stream", async (bob) => {
        await bob.endWriting();
        assertEquals(await bob.untilClosed(), []);
      }, "left."],
      ["by /quit with more behind it", async (bob) => {
        bob.send("/quit\nnot said\nnot said either\n");
        assertEquals(await bob.untilClosed(), ["-- Goodbye."]);
      }, "left."],
    ];
  for (const [way, go, word] of ways) {
    await t.step(way, async () => {
      await using bob = await server.join("bob");
      await ann.until(/ is now bob\.$/);
      await go(bob);
      await ann.expect(`-- bob ${word}`);
      assertEquals(await ann.roundtrip(), []);
    });
  }
});

Deno.test("a lost connection is told as one", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  const bob = await RudeGuest.connect(server.port);
  bob.say("/nick bob");
  await ann.until(/ is now bob\.$/);
  await bob.reset();
  await ann.expect("-- bob left (connection lost).");
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("what is piped in is said and answered, down to a last line without its end", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using script = await server.connect();
  script.send("/nick ci\ndeployed\n/ping done\nlast words");
  await script.endWriting();
  const answers = await script.untilClosed();
  assertEquals(answers.slice(2), ["-- You are now ci.", "-- pong done"]);
  await ann.expect("-- guest1 joined.");
  await ann.expect("-- guest1 is now ci.");
  await ann.expect("ci: deployed");
  await ann.expect("ci: last words");
  await ann.expect("-- ci left.");
});

Deno.test("a line that is too long is refused once, and the next one works", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  const refusal = `-- A line has at most ${LINE_BYTES_MAX} bytes; that one was passed over.`;
  for (const length of [LINE_BYTES_MAX + 1, 10 * LINE_BYTES_MAX, 1024 * 1024]) {
    ann.say("x".repeat(length));
    ann.say(`after ${length}`);
    assertEquals(await ann.roundtrip(), [refusal]);
    await bob.expect(`ann: after ${length}`);
  }
  ann.say("y".repeat(LINE_BYTES_MAX));
  await bob.expect(`ann: ${"y".repeat(LINE_BYTES_MAX)}`);
  ann.send(`${"z".repeat(LINE_BYTES_MAX)}\r\n`);
  await bob.expect(`ann: ${"z".repeat(LINE_BYTES_MAX)}`);
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("8 KiB of characters of many bytes arrive whole, however they are cut", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  const text = "\u{1f680}\u{4e2d}\u{e9}a".repeat(LINE_BYTES_MAX / 10).slice(0, -2);
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (const step of [1, 7, 1021, bytes.length]) {
    for (let at = 0; at < bytes.length; at += step) {
      ann.send(bytes.subarray(at, at + step));
      if (step < 10 && at > 50 * step) {
        ann.send(bytes.subarray(at + step));
        break;
      }
    }
    assertEquals(await bob.line(), `ann: ${text}`);
  }
});

Deno.test("everybody hears everything in one order", async () => {
  // Four who talk over one another, and two who only listen.
  const write = fc.record({
    by: fc.integer({ min: 0, max: 3 }),
    lines: fc.integer({ min: 1, max: 60 }),
    length: fc.constantFrom(1, 10, 900),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 12 }), async (writes) => {
      await using server = await startTestServer();
      await using stack = new AsyncDisposableStack();
      const guests: Guest[] = [];
      for (const name of ["ada", "bea", "cal", "dov", "eli", "fay"]) {
        guests.push(stack.use(await server.join(name)));
      }
      for (const guest of guests) await guest.roundtrip();
      let count = 0;
      for (const { by, lines, length } of writes) {
        let text = "";
        for (let line = 0; line < lines; line++) text += `${++count} ${"x".repeat(length)}\n`;
        guests[by]?.send(text);
      }
      // First everybody's own barrier, so that all is said; then everybody's again, to have heard it.
      const heard = await Promise.all(guests.map((guest) => guest.roundtrip()));
      for (const [index, guest] of guests.entries()) heard[index]?.push(...await guest.roundtrip());
      const reference = heard.at(-1) ?? [];
      assertEquals(reference.length, count, "nothing is lost and nothing is said twice");
      for (const [index, lines] of heard.entries()) {
        const own = `${["ada", "bea", "cal", "dov", "eli", "fay"][index]}: `;
        assertEquals(lines, reference.filter((line) => !line.startsWith(own)));
      }
    }),
    { numRuns: 15 },
  );
});

Deno.test("a flood of tiny lines costs no reader its place, whatever the rate", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  // With the name, each line is forty times as long for those who hear it.
  ann.say(`/nick ${"\u{1f40}".repeat(24)}`);
  await bob.expect(/ is now /);
  ann.send("a\n".repeat(30_000));
  ann.say("/me stops");
  const lines = await bob.until(/^\* .* stops$|Goodbye/);
  assertEquals(lines.length, 30_001);
});

Deno.test("a flood of commands with long answers costs nobody their place, whatever the rate", async () => {
  await using server = await startTestServer();
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  ann.send("/help\n".repeat(300));
  const help = await ann.roundtrip();
  assertEquals(help.filter((line) => line === "-- Talking:").length, 300);
  // As long as answers of /history get: a hundred long lines of three bytes a character.
  bob.send(`${"\u{4e2d}".repeat(2_000)}\n`.repeat(100));
  assertEquals(await bob.roundtrip(), []);
  await ann.roundtrip();
  ann.send("/history 500\n".repeat(5));
  const history = await ann.roundtrip();
  assertEquals(history.filter((line) => / 100\] bob: \u{4e2d}+$/u.test(line)).length, 5);
  assert(!history.some((line) => line.includes("Goodbye")));
});

Deno.test("in a crowd, comings are gathered, but nobody is heard before having come", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const first = stack.use(await server.join("first"));
  const joining = Array.from({ length: 2 * PRESENCE_AT_ONCE_USERS_MAX }, () => server.connect());
  const crowd = await Promise.all(joining);
  for (const guest of crowd) stack.use(guest);
  for (const guest of crowd) guest.say("here");
  for (const guest of crowd) await guest.roundtrip();
  const lines = await first.roundtrip();
  const come = new Set<string>();
  let notices = 0;
  let said = 0;
  for (const line of lines) {
    const speaker = /^(guest\d+): here$/.exec(line)?.[1];
    if (speaker !== undefined) {
      said++;
      // A list of more than ten names a few and counts the rest.
      assert(come.has(speaker) || come.has("others"), `${speaker} was heard before having come`);
    } else {
      notices++;
      const names = /^-- (.*) joined\.$/.exec(line)?.[1] ?? "";
      assert(names !== "", `unexpected: ${line}`);
      for (const name of names.split(/, | and /)) {
        come.add(/others?$/.test(name) ? "others" : name);
      }
    }
  }
  assertEquals(said, crowd.length);
  assert(notices <= crowd.length, "nobody's coming is told twice");
});

Deno.test("server refuses those for whom there is no room, in one line", async () => {
  await using server = await startTestServer({ connectionsMax: 2 });
  const [ann, bob] = await joinBoth(server);
  await using _ann = ann;
  await using _bob = bob;
  await using third = await server.connect();
  assertEquals(await third.untilClosed(), ["-- Parley is full. Try again later."]);
  assert(!third.isReset, "a refusal is followed by a clean end");
  assertEquals(await ann.roundtrip(), []);
  await third.close();
  await bob.close();
  await ann.expect("-- bob left.");
  await using fourth = await server.join("eve");
  await ann.until(/eve/);
  assertEquals(await fourth.roundtrip(), []);
});

Deno.test("guests who come together are told apart by the server alone", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const guests = await Promise.all(Array.from({ length: 40 }, () => server.connect()));
  for (const guest of guests) stack.use(guest);
  const names = await Promise.all(guests.map(async (guest) => {
    const welcome = await guest.line("a welcome");
    return / You are (guest\d+) in /.exec(welcome)?.[1];
  }));
  assertEquals(new Set(names).size, guests.length);
});
