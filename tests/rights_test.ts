// The table of rights, tried line by line over real sockets: every right as a
// guest, as a registered name, as an operator of the room and as one of the
// server. Who has it gets past it; who has not is told whose it is, and nothing
// happens: nobody hears of it, no setting changes, nothing is written down. And
// nobody acts on who has a higher role, nor on themselves.

import { assertEquals } from "@std/assert";
import { COMMANDS } from "../lib/chat/commands.ts";
import { nameKey, nameSkeleton } from "../lib/chat/names.ts";
import { hasRight, type Right, RIGHTS, type Role, ROLES } from "../lib/chat/rights.ts";
import { ScryptPasswords } from "../lib/store/scrypt_passwords.ts";
import { openStore } from "../lib/store/sqlite_store.ts";
import { type Guest, startTestServer, type TestServer } from "./harness.ts";
import { inFolder } from "./store/store_trial.ts";

const PASSWORD = "open-sesame";

/** One line that takes a right, and what comes of it where somebody has it. */
interface Sample {
  readonly right: Right;
  readonly line: string;
  /** What who types it hears first; `null` for nothing. ME is their name. */
  readonly me: string | RegExp | null | ((role: Role) => string);
  /** What somebody else in the room hears first; left out for nothing. */
  readonly others?: string;
  /** What an operator of the server does before, so that there is something to do. */
  readonly before?: readonly string[];
  /** What puts it right again. */
  readonly after?: readonly string[];
  /** Whether it ends vic's connection. */
  readonly endsVic?: true;
  /** The right that is missed first, where it is not the row's own. */
  readonly first?: Right;
}

/** All happen in #dev, where vic (a guest), wit (a guest) and boss are; oth is registered and away. */
const SAMPLES: readonly Sample[] = [
  { right: "help", line: "/help ping", me: "-- /ping [TEXT]  check that the server answers" },
  { right: "who", line: "/who", me: /^-- 4 in #dev: / },
  { right: "me", line: "/me waves", me: null, others: "* ME waves" },
  { right: "msg", line: "/msg vic", me: "-- Type it as /msg NAME TEXT." },
  { right: "msg", line: "/msg #dev hi", me: null, others: "ME: hi" },
  {
    right: "reply",
    line: "/reply hello",
    me: "-- Nobody has sent you a private message yet.",
  },
  {
    right: "ignore",
    line: "/ignore vic",
    me: "-- You do not hear vic any more. /unignore vic changes that.",
  },
  { right: "unignore", line: "/unignore vic", me: /^-- You (hear vic again|do not ignore any)/ },
  { right: "report", line: "/report vic spam", me: "-- The operators have it." },
  { right: "ping", line: "/ping", me: "-- pong" },
  { right: "quit", line: "/quit", me: "-- Goodbye.", others: "-- ME left." },

  { right: "join", line: "/join #lobby", me: "-- You are now in #lobby, alone so far." },
  {
    right: "leave",
    line: "/leave",
    me: "-- You left #dev. You are in no room now; /join #lobby brings you into one.",
    others: "-- ME left.",
  },
  { right: "rooms", line: "/rooms", me: "-- #dev    4 people, you are in" },
  { right: "topic", line: "/topic", me: "-- #dev has no topic." },
  {
    right: "topic set",
    line: "/topic Tea at four",
    me: "-- ME set the topic: Tea at four",
    others: "-- ME set the topic: Tea at four",
    after: ["/topic -"],
  },
  {
    right: "topic set",
    line: "/topic -",
    me: "-- ME took the topic away.",
    others: "-- ME took the topic away.",
    before: ["/topic Coffee"],
    after: ["/topic -"],
  },
  { right: "room", line: "/room", me: "-- #dev is open: anybody may come in." },
  {
    right: "room set",
    line: "/room keep 7d",
    me: "-- What is said in #dev is kept for 7 days now.",
    others: "-- What is said in #dev is kept for 7 days now.",
    after: ["/room keep default"],
  },
  {
    right: "room set",
    line: "/room private",
    me: "-- ME made #dev private: it is not listed, and who knows its name may come in.",
    others: "-- ME made #dev private: it is not listed, and who knows its name may come in.",
    after: ["/room open"],
  },
  {
    right: "room set",
    line: "/room invite-only",
    me: "-- ME made #dev for those who are invited; it is not listed.",
    others: "-- ME made #dev for those who are invited; it is not listed.",
    after: ["/room open"],
  },
  {
    right: "room set",
    line: "/room open",
    me: "-- ME made #dev open: anybody may come in.",
    others: "-- ME made #dev open: anybody may come in.",
    before: ["/room private"],
    after: ["/room open"],
  },
  // Refused before anything is hashed.
  { right: "room set", line: "/room password short", me: "-- A password has 8 to 200 characters." },
  { right: "invite", line: "/invite oth", me: "-- oth may come into #dev." },

  { right: "nick", line: "/nick nova", me: "-- You are now nova.", others: "-- ME is now nova." },
  {
    right: "login",
    line: `/login oth ${PASSWORD}`,
    me: "-- You are now oth.",
    others: "-- ME is now oth.",
  },
  { right: "ghost", line: "/ghost", me: "-- This is the only connection of ME." },
  { right: "account", line: "/account", me: /^-- You are ME, .*registered on 1970-01-01\.$/ },

  {
    right: "token",
    line: "/token list",
    me: "-- You have no bots: /token create NAME makes one.",
  },
  {
    right: "token others",
    line: "/token revoke ci",
    me: "-- ci[bot] is no more, and its token worth nothing.",
    first: "token",
    before: ["/token create ci"],
    after: ["/token revoke ci"],
  },

  { right: "history", line: "/history before 1", me: "-- There is nothing to show." },
  { right: "search", line: "/search unheard-of", me: "-- Nothing was found." },
  { right: "forget", line: "/forget", me: "-- You have not said anything to be forgotten." },
  {
    right: "forget others",
    line: "/forget LAST",
    me: "-- ME deleted a message by vic (LAST).",
    others: "-- ME deleted a message by vic (LAST).",
  },

  {
    right: "kick",
    line: "/kick vic",
    me: "-- vic was removed from #dev by ME.",
    others: "-- vic was removed from #dev by ME.",
  },
  {
    right: "kick server",
    line: "/kick server vic",
    me: "-- vic left (removed).",
    others: "-- vic left (removed).",
    endsVic: true,
  },
  {
    right: "ban",
    line: "/ban vic",
    me: "-- vic was banned from #dev by ME.",
    others: "-- vic was banned from #dev by ME.",
    after: ["/unban vic"],
  },
  {
    right: "ban server",
    line: "/ban server vic",
    me: "-- vic is banned from the server.",
    others: "-- vic left (removed).",
    endsVic: true,
    after: ["/unban server vic"],
  },
  {
    right: "ban server",
    line: "/ban 198.51.100.7",
    me: "-- 198.51.100.7/32 is banned from the server.",
    // It does not say `server`, so who may not ban at all hears of that.
    first: "ban",
    after: ["/unban 198.51.100.7"],
  },
  {
    right: "unban",
    line: "/unban absent",
    me: "-- absent may come into #dev again.",
    before: ["/ban absent"],
    after: ["/unban absent"],
  },
  {
    right: "unban server",
    line: "/unban server absent",
    me: "-- absent may come into the server again.",
    before: ["/ban server absent"],
    after: ["/unban server absent"],
  },
  {
    right: "unban server",
    line: "/unban 198.51.100.7",
    me: "-- 198.51.100.7/32 may come into the server again.",
    first: "unban",
    before: ["/ban server 198.51.100.7"],
    after: ["/unban 198.51.100.7"],
  },
  { right: "bans", line: "/bans", me: "-- Nobody is banned from or muted in #dev." },
  {
    right: "bans server",
    line: "/bans server",
    me: "-- Nobody is banned from or muted in the server.",
  },
  { right: "mute", line: "/mute vic", me: "-- vic is muted in #dev.", after: ["/unmute vic"] },
  {
    right: "mute server",
    line: "/mute server vic",
    me: "-- vic is muted on the server.",
    after: ["/unmute server vic"],
  },
  {
    right: "unmute",
    line: "/unmute absent",
    me: "-- absent may talk again.",
    before: ["/mute absent"],
    after: ["/unmute absent"],
  },
  {
    right: "unmute server",
    line: "/unmute server absent",
    me: "-- absent may talk again.",
    before: ["/mute server absent"],
    after: ["/unmute server absent"],
  },
  {
    right: "lock",
    line: "/lock",
    me: "-- ME locked #dev: only registered names may come in and talk.",
    others: "-- ME locked #dev: only registered names may come in and talk.",
    after: ["/unlock"],
  },
  {
    right: "lock server",
    line: "/lock server",
    me: "-- ME locked the server: only registered names may come in and talk.",
    others: "-- ME locked the server: only registered names may come in and talk.",
    after: ["/unlock server"],
  },
  {
    right: "unlock",
    line: "/unlock",
    me: "-- ME unlocked #dev: everybody may talk again.",
    others: "-- ME unlocked #dev: everybody may talk again.",
    before: ["/lock"],
    after: ["/unlock"],
  },
  {
    right: "unlock server",
    line: "/unlock server",
    me: "-- ME unlocked the server: everybody may talk again.",
    others: "-- ME unlocked the server: everybody may talk again.",
    before: ["/lock server"],
    after: ["/unlock server"],
  },
  {
    right: "op",
    line: "/op oth",
    me: "-- oth is an operator of #dev now.",
    others: "-- ME made oth an operator of #dev.",
    after: ["/deop oth"],
  },
  {
    right: "op server",
    line: "/op server oth",
    me: "-- oth is an operator of the server now.",
    after: ["/deop server oth"],
  },
  {
    right: "deop",
    line: "/deop oth",
    me: "-- oth is no operator of #dev any more.",
    others: "-- ME took the operator's rights on #dev from oth.",
    before: ["/op oth"],
    after: ["/deop oth"],
  },
  {
    right: "deop server",
    line: "/deop server oth",
    me: "-- oth is no operator of the server any more.",
    before: ["/op server oth"],
    after: ["/deop server oth"],
  },
  { right: "audit", line: "/audit", me: /^-- (\S+ )?\d\d:\d\d \w+ \w+ / },
  { right: "audit server", line: "/audit server", me: /^-- (\S+ )?\d\d:\d\d \w+ \w+ / },
  { right: "backup", line: "/backup", me: /^-- Everything is copied to .+ \(\d+ KiB\)\.$/ },

  // Last, since gus is no guest's name then. It is the one password that costs its time.
  {
    right: "register",
    line: `/register ${PASSWORD}`,
    me: (role) =>
      role === "guest"
        ? "-- gus is yours now. From elsewhere: /login gus PASSWORD"
        : "-- ME is yours already.",
  },
];

/** What `roles.ts` says to who has less than a role. */
const REFUSALS: Readonly<Record<Role, string>> = {
  "guest": "-- You may not do that.",
  "member": "-- That takes a registered name: /register PASSWORD, or /login NAME PASSWORD.",
  "room operator": "-- Only an operator of #dev may do that.",
  "server operator": "-- Only an operator of the server may do that.",
};

/** Who tries it, by role; all but gus are registered. */
const NAMES: Readonly<Record<Role, string>> = {
  "guest": "gus",
  "member": "mel",
  "room operator": "rob",
  "server operator": "sue",
};

/** Registers names in a database that no server runs on, at next to no cost; sue is an operator. */
async function registerNames(db: string, names: readonly string[]): Promise<void> {
  const password = await new ScryptPasswords({ n: 16, r: 1, p: 1 }).hash(PASSWORD);
  using store = openStore({ path: db, keepMs: null });
  for (const name of names) {
    store.addAccount({
      name,
      key: nameKey(name),
      skeleton: nameSkeleton(name),
      password,
      isOperator: name === "sue",
      madeAtMs: Date.UTC(1970, 0, 1, 12),
      seenAtMs: 0,
    });
  }
}

/** Somebody who is logged in, or a guest, in #dev and nowhere else. */
async function comeIn(server: TestServer, name: string, isGuest: boolean): Promise<Guest> {
  const guest = await server.connect();
  guest.say(isGuest ? `/nick ${name}` : `/login ${name} ${PASSWORD}`);
  guest.say("/join #dev");
  guest.say("/leave #lobby");
  await guest.until("-- You left #lobby. You are in #dev now.");
  await guest.roundtrip();
  return guest;
}

const GUEST = true;
const OWNER = false;

/** What a line is answered with. */
async function answer(guest: Guest, line: string): Promise<string[]> {
  guest.say(line);
  return await guest.roundtrip();
}

async function doAll(guest: Guest, lines: readonly string[] = []): Promise<void> {
  for (const line of lines) guest.say(line);
  await guest.roundtrip();
}

/** Everything that can be seen of what operators did. */
async function look(boss: Guest): Promise<string[]> {
  return [
    ...await answer(boss, "/room"),
    ...await answer(boss, "/topic"),
    ...await answer(boss, "/bans"),
    ...await answer(boss, "/bans server"),
    ...await answer(boss, "/audit server"),
  ];
}

/** A server with #dev, whose operator is rob. */
async function onServer(test: (server: TestServer, boss: Guest) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const db = `${folder}/parley.db`;
    await registerNames(db, ["mel", "rob", "sue", "oth", "boss"]);
    await using server = await startTestServer({ db, operators: ["boss"] });
    {
      await using rob = await comeIn(server, "rob", OWNER);
      await rob.roundtrip();
    }
    await using boss = await comeIn(server, "boss", OWNER);
    await test(server, boss);
  });
}

function isLike(heard: string | undefined, wanted: string | RegExp | null): boolean {
  if (wanted === null) return heard === undefined;
  return typeof wanted === "string" ? heard === wanted : heard !== undefined && wanted.test(heard);
}

function fill(
  wanted: string | RegExp | null,
  words: Readonly<Record<string, string>>,
): typeof wanted {
  if (wanted === null) return null;
  let text = typeof wanted === "string" ? wanted : wanted.source;
  for (const [word, meant] of Object.entries(words)) {
    text = text.replaceAll(new RegExp(`\\b${word}\\b`, "g"), meant);
  }
  return typeof wanted === "string" ? text : new RegExp(text);
}

/** The number of the last message in the room. */
async function lastId(guest: Guest): Promise<string> {
  const lines = await answer(guest, "/history 1");
  return /^\[\S+ (\d+)\]/.exec(lines.at(-1) ?? "")?.[1] ?? "none";
}

/** What is wrong when a role tries a line; nothing, where it is as the table has it. */
async function trySample(
  server: TestServer,
  who: { readonly boss: Guest; readonly wit: Guest },
  how: { readonly role: Role; readonly sample: Sample },
): Promise<string[]> {
  const { boss, wit } = who;
  const { role, sample } = how;
  const name = NAMES[role];
  await using actor = await comeIn(server, name, role === "guest");
  await using vic = await comeIn(server, "vic", GUEST);
  vic.say("oops");
  await vic.roundtrip();
  await doAll(boss, sample.before);
  const words = { ME: name, LAST: sample.line.includes("LAST") ? await lastId(actor) : "" };
  const seen = await look(boss);
  for (const guest of [actor, vic, wit, boss]) await guest.roundtrip();

  const line = `${fill(sample.line, words)}`;
  actor.say(line);
  const heard = sample.right === "quit" ? await actor.untilClosed() : await actor.roundtrip();
  const wrong: string[] = [];
  const check = (whose: string, lines: readonly string[], wanted: string | RegExp | null): void => {
    if (!isLike(lines[0], wanted)) {
      wrong.push(`${role}, ${line}: ${whose} heard ${lines[0] ?? "nothing"}, not ${wanted}`);
    }
  };
  const first = sample.first ?? sample.right;
  if (hasRight(role, first) && hasRight(role, sample.right)) {
    if (sample.endsVic) {
      await vic.untilClosed();
      heard.push(...await actor.roundtrip());
    }
    const me = typeof sample.me === "function" ? sample.me(role) : sample.me;
    check("who typed it", heard, fill(me, words));
    check("somebody else", await wit.roundtrip(), fill(sample.others ?? null, words));
  } else {
    const missed = hasRight(role, first) ? sample.right : first;
    check("who typed it", heard, REFUSALS[RIGHTS[missed]]);
    if (heard.length > 1) wrong.push(`${role}, ${line}: the refusal is ${heard.length} lines`);
    for (const [whose, guest] of Object.entries({ vic, wit, boss })) {
      check(whose, await guest.roundtrip(), null);
    }
    const now = await look(boss);
    if (now.join("\n") !== seen.join("\n")) wrong.push(`${role}, ${line}: something has changed`);
  }
  await doAll(boss, sample.after);
  return wrong;
}

Deno.test("every command has a right of its name, and every right belongs to a command", () => {
  const commands: string[] = COMMANDS.map(({ name }) => name);
  assertEquals(new Set(commands).size, commands.length, "two commands of one name");
  assertEquals(commands.filter((name) => !(name in RIGHTS)), []);
  const strays = Object.keys(RIGHTS).filter((right) =>
    !commands.includes(right.split(" ")[0] ?? "")
  );
  assertEquals(strays, []);
});

Deno.test("every right has a line below that takes it", () => {
  const tried = new Set(SAMPLES.map(({ right }) => right));
  assertEquals(Object.keys(RIGHTS).filter((right) => !tried.has(right as Right)), []);
});

for (const role of ROLES) {
  Deno.test(`a ${role} has the rights of the table, and no others`, async () => {
    await onServer(async (server, boss) => {
      await using wit = await comeIn(server, "wit", GUEST);
      const wrong: string[] = [];
      for (const sample of SAMPLES) {
        wrong.push(...await trySample(server, { boss, wit }, { role, sample }));
      }
      assertEquals(wrong, []);
    });
  });
}

Deno.test("an operator of one room is nobody's operator in another", async () => {
  await onServer(async (server, boss) => {
    boss.say("/join #den");
    await boss.roundtrip();
    await using rob = await comeIn(server, "rob", OWNER);
    rob.say("/join #den");
    await rob.roundtrip();
    await boss.roundtrip();
    for (const line of ["/kick boss", "/topic Mine", "/lock", "/bans", "/audit", "/op mel"]) {
      assertEquals(await answer(rob, line), ["-- Only an operator of #den may do that."], line);
    }
    assertEquals(await boss.roundtrip(), []);
    // What counts is the room that is acted in, wherever the operator is at the moment.
    assertEquals(await answer(rob, "/room delete #den"), [
      "-- Only an operator of #den may do that.",
    ]);
    assertEquals(
      (await answer(rob, "/room delete #dev"))[0],
      "-- [#dev] rob deleted #dev, with all that was said there.",
    );
  });
});

Deno.test("rights end with the name that they belong to", async () => {
  await onServer(async (server, boss) => {
    await using rob = await comeIn(server, "rob", OWNER);
    await using wit = await comeIn(server, "wit", GUEST);
    rob.say("/nick robert");
    await rob.roundtrip();
    await boss.roundtrip();
    await wit.roundtrip();
    assertEquals(await answer(rob, "/kick wit"), ["-- Only an operator of #dev may do that."]);
    await using sue = await comeIn(server, "sue", OWNER);
    sue.say("/nick susan");
    await sue.roundtrip();
    assertEquals(await answer(sue, "/bans"), ["-- Only an operator of #dev may do that."]);
    sue.say(`/login sue ${PASSWORD}`);
    await sue.roundtrip();
    assertEquals(await answer(sue, "/bans server"), [
      "-- Nobody is banned from or muted in the server.",
    ]);
  });
});

Deno.test("nobody acts on who has a higher role, here or away", async () => {
  await onServer(async (server, boss) => {
    await using rob = await comeIn(server, "rob", OWNER);
    boss.say("Do not delete this.");
    await boss.roundtrip();
    const refusal = ["-- That is a server operator: you cannot do that to them."];
    const lines = [
      "/kick boss",
      "/ban boss",
      "/ban boss for 1h because",
      "/mute boss",
      "/op boss",
      "/deop boss",
      // Away:
      "/ban sue",
      "/mute sue for 1m",
      "/deop sue",
      `/forget ${await lastId(rob)}`,
    ];
    await boss.roundtrip();
    const seen = await look(boss);
    for (const line of lines) assertEquals(await answer(rob, line), refusal, line);
    assertEquals(await look(boss), seen);
  });
});

Deno.test("operators act on operators of their own kind, and on those below", async () => {
  await onServer(async (server, boss) => {
    await using rob = await comeIn(server, "rob", OWNER);
    await using mel = await comeIn(server, "mel", OWNER);
    await rob.roundtrip();
    assertEquals(await answer(rob, "/op mel"), ["-- mel is an operator of #dev now."]);
    await mel.until("-- rob made mel an operator of #dev.");
    assertEquals(await answer(mel, "/mute rob"), ["-- rob is muted in #dev."]);
    await rob.until("-- mel muted you in #dev: you may not talk until an operator lifts that.");
    assertEquals(await answer(mel, "/deop rob"), ["-- rob is no operator of #dev any more."]);
    await rob.until("-- mel took the operator's rights on #dev from rob.");
    assertEquals(await answer(rob, "/unmute rob"), ["-- Only an operator of #dev may do that."]);
    await using sue = await comeIn(server, "sue", OWNER);
    await boss.roundtrip();
    sue.say("/kick server boss Tea");
    assertEquals(await boss.untilClosed(), ["-- Goodbye. You were removed by sue: Tea"]);
  });
});

Deno.test("nobody acts on themselves", async () => {
  await onServer(async (server, boss) => {
    await using rob = await comeIn(server, "rob", OWNER);
    await boss.roundtrip();
    const seen = await look(boss);
    const refusal = ["-- You cannot do that to yourself."];
    for (const act of ["kick", "ban", "mute", "op", "deop"]) {
      assertEquals(await answer(rob, `/${act} ROB`), refusal, act);
      assertEquals(await answer(boss, `/${act} boss`), refusal, act);
      assertEquals(await answer(boss, `/${act} server boss`), refusal, `${act} server`);
    }
    assertEquals(await answer(boss, "/ban 127.0.0.0/8"), [
      "-- That would be a ban of yourself: you come from there too.",
    ]);
    assertEquals(await answer(boss, "/ban server ::ffff:127.0.0.1"), [
      "-- That would be a ban of yourself: you come from there too.",
    ]);
    assertEquals(await look(boss), seen);
  });
});

Deno.test("who takes an operator's name without logging in has none of the rights", async () => {
  await onServer(async (server) => {
    await using rob = await comeIn(server, "rob", OWNER);
    await using thief = await comeIn(server, "sue", GUEST);
    await rob.roundtrip();
    assertEquals(await answer(thief, "/kick rob"), ["-- Only an operator of #dev may do that."]);
    assertEquals(await answer(thief, "/bans"), ["-- Only an operator of #dev may do that."]);
    // Nor are they protected by its rank.
    assertEquals((await answer(rob, "/kick sue"))[0], "-- sue was removed from #dev by rob.");
    await thief.until(
      "-- You left #dev. You are in no room now; /join #lobby brings you into one.",
    );
  });
});

Deno.test("a guest who makes a room is its operator under every name, beside those whom they make one", async () => {
  await onServer(async (server) => {
    await using gus = await server.join("gus");
    await using vic = await server.join("vic");
    gus.say("/join #den");
    await gus.roundtrip();
    vic.say("/join #den");
    await vic.roundtrip();
    await gus.roundtrip();
    assertEquals(await answer(gus, "/topic Ours"), ["-- gus set the topic: Ours"]);
    // Another name is no other guest.
    gus.say("/nick gustav");
    await gus.roundtrip();
    assertEquals(await answer(gus, "/topic Mine"), ["-- gustav set the topic: Mine"]);
    // Rights that last are for names that last.
    assertEquals(await answer(gus, "/op vic"), [
      "-- Only a registered name can be an operator; /register makes one.",
    ]);
    assertEquals(await answer(gus, "/op mel"), ["-- mel is an operator of #den now."]);
    gus.say("/nick gus");
    await gus.roundtrip();
    assertEquals(await answer(gus, "/topic Still ours"), ["-- gus set the topic: Still ours"]);
  });
});
