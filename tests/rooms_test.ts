// Rooms, as people use them: coming, going and being in several at once, what
// their operators set, who may come in and who hears of what, what each refusal
// says, what a hidden room gives away, and what is left after a restart.

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Counters } from "../lib/counters.ts";
import { Chat } from "../lib/chat/chat.ts";
import { runCommand } from "../lib/chat/commands.ts";
import { nameKey, nameSkeleton } from "../lib/chat/names.ts";
import type { Member } from "../lib/chat/state.ts";
import { CommandError } from "../lib/errors.ts";
import {
  INVITED_GUESTS_MAX,
  NAME_LENGTH_MAX,
  PHRASE_LENGTH_MAX,
  ROOMS_LISTED_MAX,
  ROOMS_MAX,
  ROOMS_OF_GUESTS_MAX,
  ROOMS_PER_ACCOUNT_MAX,
  ROOMS_PER_USER_MAX,
} from "../lib/limits.ts";
import { CHEAP_PASSWORDS, COUNTED_TOKENS, NO_TIMER, Trial } from "./chat/trial.ts";
import { type Guest, startTestServer, type TestServer } from "./harness.ts";
import { arrange, ask, gather } from "./visits.ts";

const PASSWORD = "correct-horse";
const WORD = "open-sesame";
const LASTING = "-- The room is new, and you are its operator: /help shows what you can do.";
const FLEETING = "-- The room is new, and you are its operator until you leave; " +
  "/register keeps it yours.";
const NO_ROOM = "-- You are in no room. /join #lobby brings you into one.";

async function register(guest: Guest, name: string): Promise<void> {
  guest.say(`/register ${PASSWORD}`);
  await guest.until(`-- ${name} is yours now. From elsewhere: /login ${name} PASSWORD`);
}

/** Somebody who comes in and logs in, and whatever they are shown is not of interest. */
async function login(server: TestServer, name: string): Promise<Guest> {
  const guest = await server.connect();
  guest.say(`/login ${name} ${PASSWORD}`);
  await guest.until(`-- You are logged in as ${name}.`);
  await guest.roundtrip();
  return guest;
}

/** Runs a test with a path for a database, which goes with the test. */
async function onFile(test: (db: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "parley-rooms-" });
  try {
    await test(`${folder}/chat.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Has a member of a chat without a server run a command. */
async function run(chat: Chat, member: Member, name: string, args: string): Promise<void> {
  const { signal } = new AbortController();
  await runCommand({
    chat,
    member,
    signal,
    answer: (event) => chat.answer(member, event),
    quit: () => {},
  }, { name, args });
}

Deno.test("/join with a new name makes a room, and others come into it in any case", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  assertEquals(await ask(ann, "/join #Dev"), [
    "-- You are now in #Dev, alone so far.",
    FLEETING,
  ]);
  assertEquals(await bob.roundtrip(), [], "nobody elsewhere hears of it");
  ann.say("anybody here?");
  await ann.roundtrip();
  assertEquals(await bob.roundtrip(), [], "what is said there stays there");
  const [entered, backlog, ...more] = await ask(bob, "/join #dEV");
  assertEquals([entered, more], ["-- You are now in #Dev, with ann.", []]);
  assertMatch(backlog ?? "", /^\[(\d+-\d\d-\d\d )?\d\d:\d\d\] ann: anybody here\?$/);
  await ann.expect("-- bob joined.");
  bob.say("me");
  await ann.expect("bob: me");
  ann.say("/me nods");
  await bob.expect("* ann nods");
  for (const [guest, typed] of [[ann, "/who"], [bob, "/who #dev"]] as const) {
    assertMatch(
      (await ask(guest, typed)).join("\n"),
      /^-- 2 in #Dev: ann \(operator, \d+ seconds?\), bob \(\d+ seconds?\)\.$/,
    );
  }
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("a room that is made by a registered name says that it lasts", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await register(ann, "ann");
  assertEquals(await ask(ann, "/join #dev"), ["-- You are now in #dev, alone so far.", LASTING]);
});

Deno.test("/join of a room that one is in turns to it, and tells nobody", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [ann, "/topic Tea"]]);
  await bob.roundtrip();
  assertEquals(await ask(ann, "/join #lobby"), ["-- You are now in #lobby, with bob."]);
  assertEquals(await ask(ann, "/join #DEV"), [
    "-- You are now in #dev, with bob.",
    "-- Topic: Tea",
  ]);
  assertEquals(await ask(ann, "/join #dev"), [
    "-- You are now in #dev, with bob.",
    "-- Topic: Tea",
  ]);
  assertEquals(await bob.roundtrip(), []);
  ann.say("here");
  await bob.expect("ann: here");
});

Deno.test("lines of a room that is not the current one say which it is", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [bob, "/join #lobby"]]);
  await arrange([[ann, "/join #pets"], [bob, "/join #pets"], [bob, "/join #lobby"]]);
  for (const guest of [ann, bob, eve]) await guest.roundtrip();
  // ann's current room is #pets, bob's is #lobby, both are in #dev as well.
  ann.say("to ops");
  await bob.expect("[#pets] ann: to ops");
  ann.say("/me waves");
  await bob.expect("[#pets] * ann waves");
  ann.say("/msg #dev to dev");
  await bob.expect("[#dev] ann: to dev");
  ann.say("/msg #lobby to all");
  await bob.expect("ann: to all");
  await eve.expect("ann: to all");
  ann.say("/topic Tea");
  await bob.expect("-- [#pets] ann set the topic: Tea");
  await ann.expect("-- ann set the topic: Tea");
  ann.say("/room private");
  await bob.expect(
    "-- [#pets] ann made #pets private: it is not listed, and who knows its name may come in.",
  );
  await ann.expect(
    "-- ann made #pets private: it is not listed, and who knows its name may come in.",
  );
  eve.say("/join #dev");
  await bob.expect("-- [#dev] eve joined.");
  await ann.expect("-- [#dev] eve joined.");
  eve.say("hello");
  await bob.expect("[#dev] eve: hello");
  await ann.expect("[#dev] eve: hello");
  // A private message is of no room, and is one line however many rooms are shared.
  ann.say("/msg bob psst");
  await bob.expect("[private] ann: psst");
  ann.say("/nick anna");
  await bob.expect("-- ann is now anna.");
  await ann.expect("-- You are now anna.");
  eve.say("/leave");
  await bob.expect("-- [#dev] eve left.");
  await ann.expect("-- [#dev] eve left.");
  // Whoever goes altogether is told of in each room.
  await ann.close();
  assertEquals((await bob.until("-- [#pets] anna left.")).sort(), [
    "-- [#dev] anna left.",
    "-- [#pets] anna left.",
    "-- anna left.",
  ]);
  assertEquals(await bob.roundtrip(), []);
});

Deno.test("what is said in one breath reaches each room in order, with its label", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
  await ann.roundtrip();
  // bob's place changes in the middle of what ann says.
  ann.send("1\n/msg #lobby 2\n3\n");
  await ann.roundtrip();
  bob.send("/join #lobby\n/ping there\n");
  const before = await bob.until("-- pong there");
  // In each room there is one order; which of two rooms comes first is nobody's business.
  assertEquals(before.filter((line) => line.startsWith("ann: ")), ["ann: 1", "ann: 3"]);
  assertEquals(before.filter((line) => line.startsWith("[")), ["[#lobby] ann: 2"]);
  ann.send("4\n/msg #lobby 5\n6\n/msg #lobby 7\n");
  await ann.roundtrip();
  const after = await bob.roundtrip();
  assertEquals(after.filter((line) => line.startsWith("[")), ["[#dev] ann: 4", "[#dev] ann: 6"]);
  assertEquals(after.filter((line) => line.startsWith("ann: ")), ["ann: 5", "ann: 7"]);
  assertEquals(after.length, 4);
});

Deno.test("somebody in two shared rooms is told of a new name once", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [eve, "/leave"], [eve, "/join #dev"]]);
  await ann.roundtrip();
  await bob.roundtrip();
  assertEquals(await ask(ann, "/nick anna"), ["-- You are now anna."]);
  assertEquals(await bob.roundtrip(), ["-- ann is now anna."]);
  assertEquals(await eve.roundtrip(), ["-- ann is now anna."]);
});

Deno.test("/leave takes every form, and the current room is then the one before", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #one"], [ann, "/join #two"], [ann, "/join #tre"]]);
  await arrange([[bob, "/join #one"], [bob, "/join #two"], [bob, "/join #lobby"]]);
  await ann.roundtrip();
  // The order now is #lobby, #one, #two, #tre; turning to #one makes it the last.
  assertEquals(await ask(ann, "/join #one"), ["-- You are now in #one, with bob."]);
  assertEquals(await ask(ann, "/leave"), ["-- You left #one. You are in #tre now."]);
  await bob.expect("-- [#one] ann left.");
  assertEquals(await ask(ann, "/leave TWO"), ["-- You left #two. You are in #tre now."]);
  await bob.expect("-- [#two] ann left.");
  assertEquals(await ask(ann, "/leave #two"), [
    "-- You are in no such room. Did you mean #tre?",
  ]);
  assertEquals(await ask(ann, "/leave #elsewhere"), [
    "-- You are in no such room. /join brings you into one.",
  ]);
  assertEquals(await ask(ann, "/leave #lobbi"), [
    "-- You are in no such room. Did you mean #lobby?",
  ]);
  assertEquals(await ask(ann, "/leave #tre"), ["-- You left #tre. You are in #lobby now."]);
  ann.say("still here");
  await bob.expect("ann: still here");
  assertEquals(await ask(ann, "/leave #LOBBY"), [
    "-- You left #lobby. You are in no room now; /join #lobby brings you into one.",
  ]);
  await bob.expect("-- ann left.");
  bob.say("gone?");
  await bob.roundtrip();
  assertEquals(await ann.roundtrip(), []);
  assertEquals(await ask(ann, "/join #lobby"), [
    "-- You are now in #lobby, with bob.",
    ...(await ask(ann, "/history 2")).map((line) => line.replace(/ \d+\]/, "]")),
  ], "whoever comes back is shown what was said");
  await bob.expect("-- ann joined.");
});

Deno.test("in no room, everything that needs one is refused in one line", async (t) => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/leave"]]);
  await bob.roundtrip();
  const none = "-- You are in no such room. /join brings you into one.";
  for (
    const [typed, answer] of [
      ["hello", NO_ROOM],
      ["/me waves", NO_ROOM],
      ["/who", NO_ROOM],
      ["/leave", NO_ROOM],
      ["/topic", NO_ROOM],
      ["/topic Tea", NO_ROOM],
      ["/room", NO_ROOM],
      ["/room private", NO_ROOM],
      ["/history", NO_ROOM],
      ["/search hello", "-- You are in no room to search in."],
      ["/invite bob", "-- Only an operator may do that."],
      ["/leave #lobby", none],
      ["/who #lobby", none],
      ["/msg #lobby hello", none],
      ["/search hello in:#lobby", none],
      ["/room delete #lobby", none],
    ] as const
  ) {
    await t.step(typed, async () => assertEquals(await ask(ann, typed), [answer]));
  }
  assertEquals(await bob.roundtrip(), []);
  // What needs no room works.
  ann.say("/msg bob psst");
  await bob.expect("[private] ann: psst");
  assertEquals(await ask(ann, "/rooms"), ["-- #lobby  1 person"]);
});

Deno.test("each refusal of a name is one line, and makes no room", async (t) => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[bob, "/join #good"], [bob, "hello"]]);
  const bad = (reason: string): string => `-- That is no name for a room. ${reason}`;
  const letters = bad("A name is made of letters, digits, -, _ and . only.");
  for (
    const [typed, answer] of [
      ["/join", "-- Type it as /join #ROOM [PASSWORD]."],
      ["/join dev", "-- Type it as /join #ROOM [PASSWORD]."],
      ["/join dev #dev", "-- Type it as /join #ROOM [PASSWORD]."],
      ["/join #", bad(`A name has 1 to ${NAME_LENGTH_MAX} characters.`)],
      [`/join #${"x".repeat(25)}`, bad(`A name has 1 to ${NAME_LENGTH_MAX} characters.`)],
      [`/join #${"x".repeat(6_000)}`, bad(`A name has 1 to ${NAME_LENGTH_MAX} characters.`)],
      ["/join ##dev", letters],
      ["/join ##lobby", letters],
      ["/join #a/b", letters],
      ["/join #dev,#pets", letters],
      ["/join #\u{1f600}", letters],
      ["/join #-dev", bad("A name begins with a letter or a digit.")],
      ["/join #d\u{435}v", bad("The letters of a name are of one script, not of several mixed.")],
      ["/join #server", bad("That name is reserved.")],
      ["/join #Lobb-y", bad("That name is reserved.")],
      ["/join #guest7", bad("That name is reserved.")],
      ["/join #go0d", "-- #go0d looks too much like #good."],
      ["/join #G0OD", "-- #G0OD looks too much like #good."],
    ] as const
  ) {
    await t.step(typed.slice(0, 20), async () => {
      assertEquals(await ask(ann, typed), [answer]);
    });
  }
  assertEquals(await ask(ann, "/rooms"), [
    "-- #lobby  2 people, you are in",
    "-- #good   1 person",
  ]);
  assertEquals(await bob.roundtrip(), []);
});

Deno.test("a room's name may be of any script, and is one name however it is written", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #Caf\u{e9}"], [ann, "/join #\u{65e5}\u{672c}"]]);
  assertEquals(await ask(bob, "/join #CAFE\u{301}"), ["-- You are now in #Caf\u{e9}, with ann."]);
  await ann.expect("-- [#Caf\u{e9}] bob joined.");
  assertEquals(await ask(bob, "/join #\u{65e5}\u{672c}"), [
    "-- You are now in #\u{65e5}\u{672c}, with ann.",
  ]);
  await ann.expect("-- bob joined.");
});

Deno.test("of two who make a room at once, one makes it and the other joins", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const guests = await gather(server, stack, ["ann", "bob"]);
  for (const guest of guests) guest.say("/join #dev");
  const lines: string[] = [];
  for (const guest of guests) lines.push(...await guest.roundtrip());
  for (const guest of guests) lines.push(...await guest.roundtrip());
  const [first] = lines.includes("-- bob joined.") ? ["ann"] : ["bob"];
  assertEquals(
    lines.sort(),
    [
      FLEETING,
      "-- You are now in #dev, alone so far.",
      `-- You are now in #dev, with ${first}.`,
      first === "ann" ? "-- bob joined." : "-- ann joined.",
    ].sort(),
  );
});

Deno.test("/rooms lists what there is, the most people first, and how one comes in", async () => {
  await using server = await startTestServer({ operators: ["opal"] });
  await using stack = new AsyncDisposableStack();
  const [ann, bob, opal] = await gather(server, stack, ["ann", "bob", "opal"]);
  assertEquals(await ask(ann, "/rooms"), ["-- #lobby  3 people, you are in"]);
  await arrange([
    [ann, "/join #tea"],
    [ann, "/topic Green, and black"],
    [ann, "/join #vault"],
    [ann, `/room password ${WORD}`],
    [ann, "/join #den"],
    [ann, "/room invite-only"],
    [ann, "/join #hidden"],
    [ann, "/room private"],
    [bob, "/join #tea"],
    [bob, "/leave #lobby"],
  ]);
  assertEquals(await ask(ann, "/rooms"), [
    "-- #lobby   2 people, you are in",
    "-- #tea     2 people, you are in: Green, and black",
    "-- #vault   1 person, by password, you are in",
    "-- #den     1 person, by invitation, you are in",
    "-- #hidden  1 person, you are in",
  ]);
  assertEquals(await ask(bob, "/rooms"), [
    "-- #lobby  2 people",
    "-- #tea    2 people, you are in: Green, and black",
    "-- #vault  1 person, by password",
  ]);
  // Who looks after the server has to see all of it.
  await register(opal, "opal");
  assertEquals(await ask(opal, "/rooms"), [
    "-- #lobby   2 people, you are in",
    "-- #tea     2 people: Green, and black",
    "-- #vault   1 person, by password",
    "-- #den     1 person, by invitation",
    "-- #hidden  1 person",
  ]);
});

Deno.test("a hidden room is, to who is not in it, as if it did not exist", async (t) => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([
    [ann, "/join #plans"],
    [ann, "/topic Surprise"],
    [ann, "/room invite-only"],
    [ann, "for bob: cake"],
    [ann, "/join #attic"],
    [ann, "/room private"],
    [ann, "in the attic: a box"],
  ]);
  await bob.roundtrip();
  for (
    const asked of ["/leave #X", "/who #X", "/msg #X hi", "/search a in:#X", "/room delete #X"]
  ) {
    for (const room of ["plans", "attic"]) {
      await t.step(asked.replace("X", room), async () => {
        const there = await ask(bob, asked.replace("X", room));
        assertEquals(there, ["-- You are in no such room. /join brings you into one."]);
        assertEquals(await ask(bob, asked.replace("X", "nowhere-at-all")), there);
      });
    }
  }
  await t.step("what a refusal has to say is all that it says", async () => {
    assertEquals(await ask(bob, "/join #plans"), [
      "-- #plans is for those who are invited by its operators.",
    ]);
    assertEquals(await ask(bob, `/join #plans ${WORD}`), [
      "-- #plans is for those who are invited by its operators.",
    ]);
  });
  await t.step("a similar name is refused without the name of the room", async () => {
    for (const alike of ["#p1ans", "#att1c"]) {
      const lines = await ask(bob, `/join ${alike}`);
      assertEquals(lines.length, 1);
      assert(!/#plans|#attic/.test(lines[0] ?? ""), `gives a hidden room away: ${lines[0]}`);
    }
  });
  await t.step("and nobody there hears of any of this", async () => {
    assertEquals(await ann.roundtrip(), []);
  });
});

Deno.test("/topic shows, sets and clears what a room is about", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
  await ann.roundtrip();
  assertEquals(await ask(bob, "/topic"), ["-- #dev has no topic."]);
  assertEquals(await ask(ann, "/topic -"), ["-- That is the topic already."]);
  assertEquals(await ask(ann, "/topic  Tea  and\tcake "), ["-- ann set the topic: Tea  and cake"]);
  assertEquals(await bob.roundtrip(), ["-- ann set the topic: Tea  and cake"]);
  assertEquals(await ask(bob, "/topic"), ["-- The topic of #dev: Tea  and cake"]);
  assertEquals(await ask(ann, "/topic Tea  and cake"), ["-- That is the topic already."]);
  const longest = "\u{e9}".repeat(PHRASE_LENGTH_MAX);
  assertEquals(await ask(ann, `/topic ${longest}`), [`-- ann set the topic: ${longest}`]);
  assertEquals(await ask(ann, `/topic ${longest}x`), [
    `-- That is too long: at most ${PHRASE_LENGTH_MAX} characters.`,
  ]);
  assertEquals(await ask(ann, "/topic -- not a line of the server"), [
    "-- ann set the topic: -- not a line of the server",
  ]);
  await bob.roundtrip();
  for (const typed of ["/topic Mine", "/topic -"]) {
    assertEquals(await ask(bob, typed), ["-- Only an operator of #dev may do that."]);
  }
  assertEquals(await ann.roundtrip(), []);
  await using eve = await server.join("eve");
  assertEquals((await ask(eve, "/join #dev")).slice(0, 2), [
    "-- You are now in #dev, with ann and bob.",
    "-- Topic: -- not a line of the server",
  ]);
  await ann.until("-- eve joined.");
  assertEquals(await ask(ann, "/topic -"), ["-- ann took the topic away."]);
  await bob.until("-- ann took the topic away.");
  assertEquals(await ask(bob, "/topic"), ["-- #dev has no topic."]);
  assertEquals(await ask(bob, "/join #dev"), ["-- You are now in #dev, with ann and eve."]);
});

Deno.test("the topic of the lobby is the server's operators', and greets who comes", async () => {
  await using server = await startTestServer({ operators: ["opal"] });
  await using stack = new AsyncDisposableStack();
  const [ann, opal] = await gather(server, stack, ["ann", "opal"]);
  assertEquals(await ask(opal, "/topic Be kind"), ["-- Only an operator of #lobby may do that."]);
  await register(opal, "opal");
  assertEquals(await ask(opal, "/topic Be kind"), ["-- opal set the topic: Be kind"]);
  assertEquals(await ann.roundtrip(), ["-- opal set the topic: Be kind"]);
  await using bob = await server.connect();
  await bob.expect("-- Welcome to Parley. You are guest1 in #lobby, with ann and opal.");
  await bob.expect("-- Topic: Be kind");
});

Deno.test("/room tells what a room is, and each setting is told to all who are there", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  assertEquals(await ask(bob, "/room"), [
    "-- #lobby is open: anybody may come in.",
    "-- Its topic: none",
    "-- Its operators: those of the server.",
    "-- What is said there is kept as long as the server keeps history.",
    "-- You are there as a guest.",
  ]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [ann, "/topic Tea"]]);
  await bob.roundtrip();
  const about = (access: string, kept: string, role: string): string[] => [
    `-- #dev is ${access}.`,
    "-- Its topic: Tea",
    "-- Its operators: ann.",
    `-- What is said there is kept ${kept}.`,
    `-- You are there as a ${role}.`,
  ];
  const asServer = "as long as the server keeps history";
  assertEquals(
    await ask(ann, "/room"),
    about("open: anybody may come in", asServer, "room operator"),
  );
  const settings: readonly (readonly [typed: string, told: string, words: string])[] = [
    [
      "/room private",
      "ann made #dev private: it is not listed, and who knows its name may come in.",
      "private: it is not listed, and who knows its name may come in",
    ],
    [
      `/room PASSWORD ${WORD}`,
      "ann made #dev for those who have its password.",
      "for those who have its password",
    ],
    [
      "/room Invite-Only",
      "ann made #dev for those who are invited; it is not listed.",
      "for those who are invited; it is not listed",
    ],
    ["/room open", "ann made #dev open: anybody may come in.", "open: anybody may come in"],
  ];
  for (const [typed, told, words] of settings) {
    assertEquals(await ask(ann, typed), [`-- ${told}`]);
    assertEquals(await bob.roundtrip(), [`-- ${told}`]);
    assertEquals(await ask(bob, "/room"), about(words, asServer, "guest"));
  }
  for (const [typed, told] of [["7d", "for 7 days"], ["1.5h", "for 90 minutes"]]) {
    const line = `-- What is said in #dev is kept ${told} now.`;
    assertEquals(await ask(ann, `/room keep ${typed}`), [line]);
    assertEquals(await bob.roundtrip(), [line]);
    assertEquals(
      await ask(bob, "/room"),
      about("open: anybody may come in", told ?? "", "guest"),
    );
  }
  const line = "-- What is said in #dev is kept as long as the server's now.";
  assertEquals(await ask(ann, "/room keep DEFAULT"), [line]);
  assertEquals(await bob.roundtrip(), [line]);
  assertEquals(await ask(bob, "/room"), about("open: anybody may come in", asServer, "guest"));
});

Deno.test("/room refuses what it cannot do, and what others may not", async (t) => {
  await using server = await startTestServer({ operators: ["opal"] });
  await using stack = new AsyncDisposableStack();
  const [ann, bob, opal] = await gather(server, stack, ["ann", "bob", "opal"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
  await register(opal, "opal");
  await ann.roundtrip();
  const usage =
    "-- Type it as /room [open|private|password WORD|invite-only|keep TIME|delete #ROOM].";
  const rule = "-- A password has 8 to 200 characters.";
  for (
    const [typed, answer] of [
      ["/room open", "-- #dev is that already."],
      ["/room closed", usage],
      ["/room opened", usage],
      ["/room #dev", usage],
      ["/room password", "-- Type it as /room password WORD."],
      ["/room password short", rule],
      [`/room password ${"x".repeat(201)}`, rule],
      ["/room password two words", "-- A password has no spaces."],
      ["/room keep", "-- Type it as /room keep TIME (7d, say, or default)."],
      ["/room keep soon", "-- soon is no duration: 30m, 12h and 7d are some."],
      ["/room keep -7d", "-- -7d is no duration: 30m, 12h and 7d are some."],
      ["/room keep 7", "-- 7 is no duration: 30m, 12h and 7d are some."],
      [`/room keep ${"9".repeat(30)}d`, "-- That is no duration: 30m, 12h and 7d are some."],
      ["/room keep 59s", "-- History is kept for 1 minute at least, and 36500 days at most."],
      ["/room keep 36501d", "-- History is kept for 1 minute at least, and 36500 days at most."],
      ["/room delete", "-- Type it as /room delete #ROOM."],
      ["/room delete #nope", "-- You are in no such room. /join brings you into one."],
      ["/room delete #lobby", "-- Only an operator of #lobby may do that."],
    ] as const
  ) {
    await t.step(typed.slice(0, 30), async () => assertEquals(await ask(ann, typed), [answer]));
  }
  for (
    const typed of [
      "open",
      "private",
      "invite-only",
      `password ${WORD}`,
      "password",
      "keep 7d",
      "keep soon",
      "delete #dev",
    ]
  ) {
    await t.step(`by a member: ${typed}`, async () => {
      assertEquals(await ask(bob, `/room ${typed}`), ["-- Only an operator of #dev may do that."]);
    });
  }
  for (const typed of ["open", "private", "invite-only", `password ${WORD}`]) {
    await t.step(`in the lobby: ${typed}`, async () => {
      assertEquals(await ask(opal, `/room ${typed}`), [
        "-- #lobby stays open: everybody enters there.",
      ]);
    });
  }
  await t.step("in the lobby: delete", async () => {
    assertEquals(await ask(opal, "/room delete #lobby"), [
      "-- #lobby cannot be deleted: everybody enters there.",
    ]);
  });
  await t.step("nobody else heard of any of it, and nothing changed", async () => {
    assertEquals(await ann.roundtrip(), []);
    assertEquals(await bob.roundtrip(), []);
    assertEquals((await ask(bob, "/room"))[0], "-- #dev is open: anybody may come in.");
    assertEquals(
      (await ask(bob, "/room"))[3],
      "-- What is said there is kept as long as the server keeps history.",
    );
  });
});

Deno.test("/room delete sends everybody out, and the name is free", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await register(ann, "ann");
  await arrange([
    [ann, "/join #dev"],
    [bob, "/join #dev"],
    [eve, "/join #dev"],
    [eve, "/leave #lobby"],
    [bob, "secret plans"],
    [bob, "/join #lobby"],
  ]);
  for (const guest of [ann, bob, eve]) await guest.roundtrip();
  assertEquals(await ask(ann, "/room DELETE #DEV"), [
    "-- ann deleted #dev, with all that was said there.",
    "-- You left #dev. You are in #lobby now.",
  ]);
  assertEquals(await bob.roundtrip(), [
    "-- [#dev] ann deleted #dev, with all that was said there.",
    "-- You left #dev. You are in #lobby now.",
  ]);
  assertEquals(await eve.roundtrip(), [
    "-- ann deleted #dev, with all that was said there.",
    "-- You left #dev. You are in no room now; /join #lobby brings you into one.",
  ]);
  assertEquals(await ask(eve, "anybody?"), [NO_ROOM]);
  assertEquals(await ask(bob, "/search secret"), ["-- Nothing was found."]);
  assertEquals(await ask(bob, "/rooms"), ["-- #lobby  2 people, you are in"]);
  assertEquals(await ask(bob, "/join #dev"), ["-- You are now in #dev, alone so far.", FLEETING]);
  assertEquals(await ask(bob, "/history"), ["-- There is nothing to show."]);
  assertEquals(await ask(ann, "/join #dev"), ["-- You are now in #dev, with bob."]);
  assertEquals(await ask(ann, "/topic Mine"), ["-- Only an operator of #dev may do that."]);
});

Deno.test("a password lets in who knows it, and its operators without", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await register(ann, "ann");
  assertEquals(await ask(ann, "/join #vault short"), ["-- A password has 8 to 200 characters."]);
  assertEquals(await ask(ann, "/join #vault two words"), ["-- A password has no spaces."]);
  assertEquals(await ask(ann, `/join #vault ${WORD}`), [
    "-- You are now in #vault, alone so far.",
    LASTING,
  ]);
  ann.say("gold");
  assertEquals(await ask(bob, "/join #vault"), [
    "-- #vault takes a password: /join #vault PASSWORD",
  ]);
  assertEquals(await ask(bob, "/join #vault open-sesam"), ["-- That is not the password."]);
  assertEquals(await ask(bob, `/join #vault ${WORD.toUpperCase()}`), [
    "-- That is not the password.",
  ]);
  assertEquals(await ann.roundtrip(), [], "who was not let in is not heard of");
  assertEquals((await ask(bob, `/join #VAULT ${WORD}`))[0], "-- You are now in #vault, with ann.");
  await ann.expect("-- bob joined.");
  // Who is in stays in; who comes later needs the new one.
  const other = "open-barley";
  assertEquals(await ask(ann, `/room password ${other}`), [
    "-- ann made #vault for those who have its password.",
  ]);
  assertEquals(await bob.roundtrip(), ["-- ann made #vault for those who have its password."]);
  assertEquals(await ask(bob, "/join #lobby"), ["-- You are now in #lobby, with ann and eve."]);
  assertEquals(await ask(bob, "/join #vault"), ["-- You are now in #vault, with ann."]);
  assertEquals(await ask(eve, `/join #vault ${WORD}`), ["-- That is not the password."]);
  assertEquals(
    (await ask(eve, `/join #vault ${other}`))[0],
    "-- You are now in #vault, with ann and bob.",
  );
  await ann.until("-- eve joined.");
  await arrange([[ann, "/leave #vault"]]);
  assertEquals(
    (await ask(ann, "/join #vault"))[0],
    "-- You are now in #vault, with bob and eve.",
  );
  // Without a password, nobody asks for one any more.
  await arrange([[bob, "/leave #vault"], [ann, "/room open"]]);
  assertEquals(
    (await ask(bob, `/join #vault whatever`))[0],
    "-- You are now in #vault, with eve and ann.",
  );
});

Deno.test("what changes while a password is checked counts", async (t) => {
  const begin = async (): Promise<
    { trial: Trial; ann: Member; bob: Member; take: () => string[] }
  > => {
    const trial = new Trial();
    const { member: ann } = trial.enter();
    const { member: bob, notes } = trial.enter();
    await run(trial.chat, ann, "nick", "ann");
    await run(trial.chat, bob, "nick", "bob");
    await run(trial.chat, ann, "join", `#vault ${WORD}`);
    trial.endTurn();
    notes.take();
    return { trial, ann, bob, take: () => (trial.endTurn(), notes.take()) };
  };
  await t.step("another password", async () => {
    const { trial, ann, bob, take } = await begin();
    using chat = trial;
    const joining = run(chat.chat, bob, "join", `#vault ${WORD}`);
    chat.chat.rooms.change(requireRoom(ann), { password: "cheap other-word" });
    const error = await assertRejects(() => joining, CommandError);
    assertEquals(error.message, "The room has another password now. Try again.");
    assertEquals(take(), []);
  });
  await t.step("none any more", async () => {
    const { trial, ann, bob, take } = await begin();
    using chat = trial;
    const joining = run(chat.chat, bob, "join", `#vault ${WORD}`);
    await run(chat.chat, ann, "room", "open");
    await joining;
    assertEquals(take(), ["entered #vault joined"]);
  });
  await t.step("invitations", async () => {
    const { trial, ann, bob, take } = await begin();
    using chat = trial;
    const joining = run(chat.chat, bob, "join", `#vault ${WORD}`);
    await run(chat.chat, ann, "room", "invite-only");
    await assertRejects(() => joining, CommandError, "for those who are invited");
    assertEquals(take(), []);
  });
  await t.step("no room any more", async () => {
    const { trial, ann, bob, take } = await begin();
    using chat = trial;
    const joining = run(chat.chat, bob, "join", `#vault ${WORD}`);
    await run(chat.chat, ann, "room", "delete #vault");
    await joining.catch(() => {});
    assertEquals(take(), []);
    assertEquals([...bob.rooms.keys()].map((room) => room.name), ["#lobby"]);
  });
  await t.step("a room of that name", async () => {
    const { trial, ann, bob, take } = await begin();
    using chat = trial;
    const making = run(chat.chat, bob, "join", `#new ${WORD}`);
    await run(chat.chat, ann, "join", "#NEW");
    const error = await assertRejects(() => making, CommandError);
    assertEquals(error.message, "Somebody has just made that room.");
    assertEquals(take(), []);
  });
  await t.step("the asker is gone", async () => {
    const { trial, bob } = await begin();
    using chat = trial;
    const joining = run(chat.chat, bob, "join", `#vault ${WORD}`);
    chat.chat.leave(bob, "left");
    await joining;
    assertEquals(chat.chat.rooms.find("#vault")?.members.size, 1);
    assertEquals(bob.rooms.size, 0);
  });
});

function requireRoom(member: Member): NonNullable<Member["room"]> {
  const { room } = member;
  assert(room !== null);
  return room;
}

Deno.test("/invite lets in who is named, for as long as they are who they are", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  const refusal = "-- #den is for those who are invited by its operators.";
  await arrange([[ann, "/join #den"], [ann, "/room invite-only"]]);
  for (
    const [typed, answer] of [
      ["/invite", "-- Type it as /invite NAME."],
      ["/invite zoe", "-- Nobody here is called zoe. /who shows who is."],
      ["/invite bbo", "-- Nobody here is called bbo. Did you mean bob?"],
      ["/invite bob smith", "-- Nobody here has that name. /who shows who is."],
      ["/invite ann", "-- ann is here already."],
    ] as const
  ) {
    assertEquals(await ask(ann, typed), [answer]);
  }
  assertEquals(await ask(bob, "/join #den"), [refusal]);
  assertEquals(await ask(ann, "/invite BOB"), ["-- bob may come into #den."]);
  assertEquals(await bob.roundtrip(), ["-- ann invites you to #den: /join #den"]);
  assertEquals(await eve.roundtrip(), [], "nobody else hears of it");
  assertEquals(await ask(eve, "/join #den"), [refusal]);
  // Another name is still the same guest.
  assertEquals(await ask(bob, "/nick rob"), ["-- You are now rob."]);
  await arrange([[eve, "/nick bob"]]);
  assertEquals(await ask(eve, "/join #den"), [refusal]);
  await bob.expect("-- eve is now bob.");
  assertEquals(await ask(bob, "/join #den"), ["-- You are now in #den, with ann."]);
  await ann.until("-- rob joined.");
  assertEquals(await ask(ann, "/invite rob"), ["-- rob is here already."]);
  assertEquals(await ask(bob, "/invite bob"), ["-- Only an operator of #den may do that."]);
  // Who leaves has to be asked again.
  await arrange([[bob, "/leave"]]);
  assertEquals(await ask(bob, "/join #den"), [refusal]);
  await ann.roundtrip();
  // Who is asked while away, or comes back as somebody else, is not let in.
  await arrange([[ann, "/invite rob"]]);
  await bob.close();
  await ann.until("-- [#lobby] rob left.");
  await using stranger = await server.join("rob");
  assertEquals(await ask(stranger, "/join #den"), [refusal]);
});

Deno.test("an invitation of a registered name lasts, until its owner is sent out", async () => {
  await onFile(async (db) => {
    const refusal = "-- #den is for those who are invited by its operators.";
    {
      await using server = await startTestServer({ db });
      await using stack = new AsyncDisposableStack();
      const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
      await register(ann, "ann");
      await register(bob, "bob");
      await arrange([[ann, "/join #den"], [ann, "/room invite-only"], [ann, "/topic Soup"]]);
      await bob.close();
      await ann.until("-- [#lobby] bob left.");
      assertEquals(await ask(ann, "/invite bob"), ["-- bob may come into #den."]);
      // Who took the name without its password is not who was asked.
      await using thief = await server.connect();
      thief.say("/nick bob");
      await thief.until(/^-- bob is registered\. /);
      await ann.roundtrip();
      assertEquals(await ask(ann, "/invite bob"), ["-- bob may come into #den."]);
      assertEquals(await ask(thief, "/join #den"), [refusal]);
    }
    await using server = await startTestServer({ db });
    await using ann = await login(server, "ann");
    await using bob = await login(server, "bob");
    assertEquals((await ask(bob, "/join #den")).slice(0, 2), [
      "-- You are now in #den, alone so far.",
      "-- Topic: Soup",
    ]);
    await arrange([[bob, "/leave"]]);
    assertEquals((await ask(bob, "/join #den"))[0], "-- You are now in #den, alone so far.");
    await arrange([[ann, "/join #den"]]);
    await bob.roundtrip();
    assertEquals(await ask(ann, "/kick bob too much soup"), [
      "-- bob was removed from #den by ann: too much soup",
    ]);
    assertEquals(await bob.roundtrip(), [
      "-- bob was removed from #den by ann: too much soup",
      "-- You left #den. You are in #lobby now.",
    ]);
    assertEquals(await ask(bob, "/join #den"), [refusal]);
  });
});

Deno.test("who is sent out of the current room is in the one before", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [eve, "/join #dev"]]);
  for (const guest of [ann, bob]) await guest.roundtrip();
  assertEquals(await ask(ann, "/kick bob"), [
    "-- bob was removed from #dev by ann.",
  ]);
  assertEquals(await eve.roundtrip(), [
    "-- bob was removed from #dev by ann.",
  ]);
  assertEquals(await bob.roundtrip(), [
    "-- bob was removed from #dev by ann.",
    "-- You left #dev. You are in #lobby now.",
  ]);
  bob.say("what did I do?");
  await ann.expect("[#lobby] bob: what did I do?");
  await eve.expect("[#lobby] bob: what did I do?");
  assertEquals(await ask(bob, "/msg #dev hey"), [
    "-- You are in no such room. /join brings you into one.",
  ]);
  // Out of a room that is not the current one, which stays what it is.
  await arrange([[bob, "/join #dev"], [bob, "/join #lobby"]]);
  await ask(ann, "/kick bob");
  assertEquals(await bob.roundtrip(), [
    "-- [#dev] bob was removed from #dev by ann.",
    "-- You left #dev. You are in #lobby now.",
  ]);
  // Out of the only one.
  await arrange([[bob, "/join #dev"], [bob, "/leave #lobby"]]);
  await ask(ann, "/kick bob");
  assertEquals(await bob.roundtrip(), [
    "-- bob was removed from #dev by ann.",
    "-- You left #dev. You are in no room now; /join #lobby brings you into one.",
  ]);
  assertEquals(await ask(bob, "hello?"), [NO_ROOM]);
});

Deno.test("a guest's room is theirs until they leave", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
  await ann.roundtrip();
  assertEquals(await ask(ann, "/nick anna"), ["-- You are now anna."]);
  assertEquals(await ask(ann, "/topic One"), ["-- anna set the topic: One"], "whatever the name");
  await arrange([[ann, "/leave"], [ann, "/join #dev"]]);
  assertEquals(await ask(ann, "/topic Two"), ["-- Only an operator of #dev may do that."]);
  assertEquals((await ask(ann, "/room")).slice(2, 3), ["-- Its operators: those of the server."]);
  await bob.roundtrip();
  assertEquals(await ask(bob, "/topic Two"), ["-- Only an operator of #dev may do that."]);
});

Deno.test("a room in which nothing was said is gone with the last who leaves", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await register(eve, "eve");
  await arrange([
    [ann, "/join #empty"],
    [ann, "/room private"],
    [bob, "/join #empty"],
    [ann, "/leave"],
    [ann, "/join #said"],
    [ann, "words"],
    [ann, "/leave"],
    [ann, "/join #topical"],
    [ann, "/topic Something"],
    [ann, "/leave"],
    [eve, "/join #lasting"],
    [eve, "/leave"],
    [ann, "/join #quit"],
  ]);
  await bob.roundtrip();
  assertEquals(
    (await ask(bob, "/room"))[0],
    "-- #empty is private: it is not listed, and who knows its name may come in.",
  );
  await arrange([[bob, "/leave"]]);
  await ann.close();
  await bob.expect("-- ann left.");
  assertEquals(await ask(bob, "/rooms"), [
    "-- #lobby    2 people, you are in",
    "-- #said     0 people",
    "-- #topical  0 people: Something",
    "-- #lasting  0 people",
  ]);
  assertEquals(await ask(bob, "/join #empty"), [
    "-- You are now in #empty, alone so far.",
    FLEETING,
  ]);
  assertEquals((await ask(bob, "/join #said")).length, 2, "the room is not new");
  assertEquals(await ask(bob, "/topic Mine now"), ["-- Only an operator of #said may do that."]);
});

Deno.test("a guest who registers keeps the room, and has it back later", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
  await register(ann, "ann");
  assertEquals(await ask(ann, "/topic One"), ["-- ann set the topic: One"]);
  await arrange([[ann, "/leave"], [ann, "/join #dev"]]);
  assertEquals(await ask(ann, "/topic Two"), ["-- ann set the topic: Two"]);
  await ann.close();
  await bob.until("-- ann left.");
  await using later = await login(server, "ann");
  await arrange([[later, "/join #dev"]]);
  assertEquals(await ask(later, "/topic Three"), ["-- ann set the topic: Three"]);
  // Under another name they are somebody else.
  await arrange([[later, "/nick other"]]);
  assertEquals(await ask(later, "/topic Four"), ["-- Only an operator of #dev may do that."]);
});

Deno.test("a guest who made a room and shares its rights keeps theirs, by /register too", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await register(bob, "bob");
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [ann, "/op bob"]]);
  assertEquals(await ask(ann, "/topic One"), ["-- ann set the topic: One"]);
  await arrange([[ann, "/nick anna"]]);
  assertEquals(await ask(ann, "/topic Two"), ["-- anna set the topic: Two"], "after /nick");
  await register(ann, "anna");
  assertEquals(await ask(ann, "/topic Three"), ["-- anna set the topic: Three"], "after /register");
});

Deno.test("rooms last over a restart, with all that belongs to them", async () => {
  await onFile(async (db) => {
    {
      await using server = await startTestServer({ db, operators: ["opal"] });
      await using stack = new AsyncDisposableStack();
      const [ann, bob, eve, opal] = await gather(server, stack, ["ann", "bob", "eve", "opal"]);
      for (const [guest, name] of [[ann, "ann"], [bob, "bob"], [opal, "opal"]] as const) {
        await register(guest, name);
      }
      await arrange([
        [opal, "/topic Welcome back"],
        [opal, "/room keep 30d"],
        [ann, `/join #Vault ${WORD}`],
        [ann, "/topic Gold"],
        [ann, "/op bob"],
        [ann, "/join #den"],
        [ann, "/room invite-only"],
        [ann, "/invite bob"],
        [ann, "/invite eve"],
        [ann, "/join #attic"],
        [ann, "/room private"],
        [ann, "/room keep 7d"],
        [ann, "/join #gone"],
        [ann, "words"],
        [ann, "/room delete #gone"],
        [eve, "/join #said"],
        [eve, "words"],
        [eve, "/join #nothing"],
      ]);
    }
    await using server = await startTestServer({ db, operators: ["opal"] });
    await using ann = await login(server, "ann");
    await using bob = await login(server, "bob");
    await using opal = await login(server, "opal");
    await using eve = await server.join("eve");
    for (const guest of [ann, bob, opal]) await guest.roundtrip();
    assertEquals(await ask(eve, "/rooms"), [
      "-- #lobby  4 people, you are in: Welcome back",
      "-- #Vault  0 people, by password: Gold",
      "-- #said   0 people",
    ]);
    assertEquals(await ask(opal, "/rooms"), [
      "-- #lobby  4 people, you are in: Welcome back",
      "-- #Vault  0 people, by password: Gold",
      "-- #den    0 people, by invitation",
      "-- #attic  0 people",
      "-- #said   0 people",
    ]);
    assertEquals(await ask(eve, "/topic"), ["-- The topic of #lobby: Welcome back"]);
    assertEquals(
      (await ask(eve, "/room"))[3],
      "-- What is said there is kept for 30 days.",
    );
    // The password, and who needs none.
    assertEquals(await ask(eve, "/join #vault wrong-sesame"), ["-- That is not the password."]);
    assertEquals((await ask(eve, `/join #vault ${WORD}`)).slice(0, 2), [
      "-- You are now in #Vault, alone so far.",
      "-- Topic: Gold",
    ]);
    assertEquals((await ask(bob, "/join #vault"))[0], "-- You are now in #Vault, with eve.");
    assertEquals((await ask(bob, "/room")).slice(0, 3), [
      "-- #Vault is for those who have its password.",
      "-- Its topic: Gold",
      "-- Its operators: ann, bob.",
    ]);
    // Invitations: of an account, but not of the guest of that name.
    await eve.expect("-- bob joined.");
    assertEquals((await ask(bob, "/join #den"))[0], "-- You are now in #den, alone so far.");
    assertEquals(await ask(eve, "/join #den"), [
      "-- #den is for those who are invited by its operators.",
    ]);
    assertEquals((await ask(ann, "/join #den"))[0], "-- You are now in #den, with bob.");
    assertEquals((await ask(ann, "/room")).at(-1), "-- You are there as a room operator.");
    assertEquals(await ask(ann, "/join #attic"), ["-- You are now in #attic, alone so far."]);
    assertEquals(await ask(ann, "/room"), [
      "-- #attic is private: it is not listed, and who knows its name may come in.",
      "-- Its topic: none",
      "-- Its operators: ann.",
      "-- What is said there is kept for 7 days.",
      "-- You are there as a room operator.",
    ]);
    // A guest's rights ended with the guest; a room that was deleted, or empty, is new.
    await arrange([[eve, "/join #said"]]);
    assertEquals(await ask(eve, "/topic Mine"), ["-- Only an operator of #said may do that."]);
    for (const name of ["#gone", "#nothing"]) {
      assertEquals(await ask(eve, `/join ${name}`), [
        `-- You are now in ${name}, alone so far.`,
        FLEETING,
      ]);
    }
  });
});

Deno.test("/msg speaks in another room of one's own, and in no other", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
  await ann.roundtrip();
  assertEquals(await ask(ann, "/msg #LOBBY /hi  there"), []);
  await bob.expect("[#lobby] ann: /hi  there");
  assertEquals(await ask(ann, "/msg #dev"), ["-- Type it as /msg NAME TEXT."]);
  assertEquals(await ask(ann, "/msg #dve hi"), [
    "-- You are in no such room. Did you mean #dev?",
  ]);
  await arrange([[bob, "/leave #lobby"]]);
  await ann.expect("-- [#lobby] bob left.");
  assertEquals(await ask(bob, "/msg #lobby hi"), [
    "-- You are in no such room. /join brings you into one.",
  ]);
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("who is in as many rooms as one can be is told so, whichever room is next", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await arrange([[bob, "/join #more"]]);
  for (let count = 2; count <= ROOMS_PER_USER_MAX; count++) ann.say(`/join #room-${count}`);
  await ann.roundtrip();
  const refusal = `-- You are in ${ROOMS_PER_USER_MAX} rooms already; /leave one first.`;
  assertEquals(await ask(ann, "/join #more"), [refusal]);
  assertEquals(await ask(ann, "/join #lobby"), ["-- You are now in #lobby, with bob."]);
  assertEquals(await ask(ann, "/join #one-more"), [refusal]);
  await arrange([[ann, "/leave #room-2"]]);
  assertEquals(await ask(ann, "/join #more"), ["-- You are now in #more, with bob."]);
});

Deno.test("one account has so many rooms, guests have so many together", async () => {
  using trial = new Trial();
  const { chat } = trial;
  const { member: ann } = trial.enter();
  await run(chat, ann, "nick", "ann");
  await run(chat, ann, "register", PASSWORD);
  for (let count = 1; count <= ROOMS_PER_ACCOUNT_MAX; count++) {
    await run(chat, ann, "join", `#of-ann-${count}`);
    await run(chat, ann, "leave", "");
  }
  const tooMany = await assertRejects(() => run(chat, ann, "join", "#another"), CommandError);
  assertEquals(tooMany.message, `You are an operator of ${ROOMS_PER_ACCOUNT_MAX} rooms already.`);

  const { member: bob } = trial.enter();
  // The lobby is nobody's as well.
  for (let count = 2; count <= ROOMS_OF_GUESTS_MAX; count++) {
    await run(chat, bob, "join", `#of-bob-${count}`);
    await run(chat, bob, "me", "stays");
    await run(chat, bob, "leave", "");
    trial.endTurn();
  }
  const ofGuests = await assertRejects(() => run(chat, bob, "join", "#another"), CommandError);
  assertEquals(
    ofGuests.message,
    "There are too many rooms of guests already. /register makes your name yours; then try again.",
  );
  await run(chat, bob, "nick", "bob");
  await run(chat, bob, "register", PASSWORD);
  await run(chat, bob, "join", "#another");
  assertEquals(bob.room?.name, "#another");
  // The list has an end, and says how much is behind it.
  const { rooms, more } = chat.rooms.list(ann);
  assertEquals(rooms.length, ROOMS_LISTED_MAX);
  assertEquals(rooms.length + more, chat.rooms.size);
});

Deno.test("there are only so many rooms in all", async () => {
  using trial = new Trial();
  trial.store.transaction(() => {
    for (let count = 2; count <= ROOMS_MAX; count++) {
      const name = `room-${count}`;
      trial.store.addRoom({
        name: `#${name}`,
        key: nameKey(name),
        skeleton: nameSkeleton(name),
        access: "open",
        password: null,
        topic: "",
        isLocked: false,
        keepMs: null,
        openFromId: 0,
        madeAtMs: 0,
      });
    }
  });
  const chat = new Chat({
    counters: new Counters(),
    server: "Parley",
    motd: [],
    operators: [],
    allowsPlaintextPasswords: false,
    store: trial.store,
    passwords: CHEAP_PASSWORDS,
    tokens: COUNTED_TOKENS,
    resumeGraceMs: 0,
    newTimer: () => NO_TIMER,
    turns: { atEnd: () => {} },
    pause: () => Promise.resolve(),
    onFault: () => {},
  });
  const receiver = {
    deliver: () => {},
    deliverBatch: () => {},
    end: () => {},
    isEnded: Boolean(0),
  };
  const ann = chat.require(chat.enter(receiver, { address: "127.0.0.1", isPrivate: true }));
  await run(chat, ann, "nick", "ann");
  await run(chat, ann, "register", PASSWORD);
  assertEquals(chat.rooms.size, ROOMS_MAX);
  const error = await assertRejects(() => run(chat, ann, "join", "#another"), CommandError);
  assertEquals(error.message, "There are too many rooms already.");
  await run(chat, ann, "join", "#room-2");
  assertEquals(ann.room?.name, "#room-2");
  chat.close();
});

Deno.test("a room remembers so many guests that are invited, and forgets those who left", async () => {
  using trial = new Trial();
  const { chat } = trial;
  const { member: ann } = trial.enter();
  await run(chat, ann, "join", "#den");
  const { member: first } = trial.enter();
  await run(chat, ann, "invite", first.name);
  const guests: Member[] = [first];
  for (let count = 2; count <= INVITED_GUESTS_MAX; count++) {
    const { member } = trial.enter();
    guests.push(member);
    await run(chat, ann, "invite", member.name);
  }
  const { member: late } = trial.enter();
  const error = await assertRejects(() => run(chat, ann, "invite", late.name), CommandError);
  assertEquals(error.message, "Too many guests are invited to #den already.");
  await run(chat, ann, "room", "invite-only");
  assertThrows(() => chat.rooms.requireEntry(late, requireRoom(ann)), CommandError);
  chat.leave(first, "left");
  await run(chat, ann, "invite", late.name);
  for (const guest of [late, guests.at(-1) ?? late]) {
    assert(!chat.rooms.requireEntry(guest, requireRoom(ann)), "needs no password");
  }
});
