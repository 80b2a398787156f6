// Moderation over real sockets, as the people on both sides of it see it: who is
// sent out, kept out or silenced, where, for how long and why; that it ends when
// it should and lasts when it should, over a restart too; that what operators did
// is written down; and that nobody but an operator of the server sees an address.
// The clock stands still unless a test moves it.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { mock } from "node:test";
import { isLoopback } from "../lib/addresses.ts";
import { nameKey, nameSkeleton } from "../lib/chat/names.ts";
import { PHRASE_LENGTH_MAX, REPORTS_BURST } from "../lib/limits.ts";
import { ScryptPasswords } from "../lib/store/scrypt_passwords.ts";
import { openStore } from "../lib/store/sqlite_store.ts";
import { Guest, startTestServer, type TestServer } from "./harness.ts";
import { inFolder } from "./store/store_trial.ts";

const PASSWORD = "open-sesame";
const MINUTE_MS = 60_000;
/** What the clock shows at first. */
const NOON = new Date(2026, 0, 15, 12, 0).getTime();

const NO_ROOM = "-- You left #dev. You are in no room now; /join #lobby brings you into one.";
const SERVER_LOCKED =
  "-- This server is locked: only registered names may talk. /login NAME PASSWORD";
const HINT = "-- Just type to talk. /nick NAME picks a name, /help shows the rest.";

/** This machine's own addresses on its network, where it is on one. */
const LAN = Deno.networkInterfaces().filter(({ address }) =>
  !isLoopback(address) && !address.startsWith("fe80:")
);
const LAN_V4 = LAN.find(({ family }) => family === "IPv4")?.address ?? null;
const LAN_V6 = LAN.find(({ family }) => family === "IPv6")?.address ?? null;

/** A database in which boss (an operator of the server), rio, reg and ria are registered. */
interface Site {
  readonly db: string;
  start(overrides?: Parameters<typeof startTestServer>[0]): Promise<TestServer>;
}

async function onSite(test: (site: Site) => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["Date"], now: NOON });
  try {
    await inFolder(async (folder) => {
      const db = `${folder}/parley.db`;
      // At next to no cost: what is verified has the price that it was made with.
      const password = await new ScryptPasswords({ n: 16, r: 1, p: 1 }).hash(PASSWORD);
      {
        using store = openStore({ path: db, keepMs: null });
        for (const name of ["boss", "rio", "reg", "ria"]) {
          store.addAccount({
            name,
            key: nameKey(name),
            skeleton: nameSkeleton(name),
            password,
            isOperator: false,
            madeAtMs: NOON,
            seenAtMs: NOON,
          });
        }
      }
      const operators = ["boss"];
      await test({ db, start: (overrides) => startTestServer({ db, operators, ...overrides }) });
    });
  } finally {
    mock.timers.reset();
  }
}

/** A connection to any address of this machine, which is then where it comes from too. */
async function connectTo(server: TestServer, hostname = "127.0.0.1"): Promise<Guest> {
  const conn = await Deno.connect({ hostname, port: server.port });
  conn.setNoDelay();
  const guest = new Guest(conn);
  guest.read();
  return guest;
}

/**
 * A connection that has come in, or stands at the door. It speaks first: for who is
 * silent the server would wait until a clock has moved that stands still here.
 */
async function visit(server: TestServer, hostname?: string): Promise<Guest> {
  const guest = await connectTo(server, hostname);
  guest.say("");
  return guest;
}

/** A guest in the lobby. */
async function enter(server: TestServer, name: string, hostname?: string): Promise<Guest> {
  const guest = await connectTo(server, hostname);
  guest.say(`/nick ${name}`);
  await guest.until(`-- You are now ${name}.`);
  await guest.roundtrip();
  return guest;
}

/** Somebody who is logged in, in the lobby. */
async function logIn(server: TestServer, name: string, hostname?: string): Promise<Guest> {
  const guest = await connectTo(server, hostname);
  guest.say(`/login ${name} ${PASSWORD}`);
  await guest.until(`-- You are logged in as ${name}.`);
  await guest.roundtrip();
  return guest;
}

/** Goes to #dev, and is nowhere else. Who comes first makes it. */
async function toDev(guest: Guest): Promise<Guest> {
  guest.say("/join #dev");
  await guest.until(/^-- You are now in #dev, /);
  guest.say("/leave #lobby");
  await guest.until("-- You left #lobby. You are in #dev now.");
  await guest.roundtrip();
  return guest;
}

/** What a line is answered with, and what came before it. */
async function answer(guest: Guest, line: string): Promise<string[]> {
  guest.say(line);
  return await guest.roundtrip();
}

/** The only answer to a line. */
async function refusal(guest: Guest, line: string): Promise<string> {
  await guest.roundtrip();
  const lines = await answer(guest, line);
  assertEquals(lines.length, 1, `answers to ${line}: ${lines.join(" / ")}`);
  return lines[0] ?? "";
}

/** Reads what came for them meanwhile. */
async function drain(...guests: readonly Guest[]): Promise<void> {
  for (const guest of guests) await guest.roundtrip();
}

/** Whether what somebody says is heard by somebody else. */
async function isHeard(speaker: Guest, listener: Guest): Promise<boolean> {
  await drain(speaker, listener);
  const text = `is-this-heard-${crypto.randomUUID()}`;
  await answer(speaker, text);
  const lines = await listener.roundtrip();
  return lines.some((line) => line.endsWith(`: ${text}`));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

// Kicks.

Deno.test("/kick sends somebody out of the room; they may come back", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob"));
    await using wit = await toDev(await enter(server, "wit"));
    await drain(rio, bob);
    assertEquals((await answer(rio, "/kick BOB  Stop that"))[0], KICKED);
    assertEquals(await bob.roundtrip(), [KICKED, NO_ROOM]);
    assertEquals((await wit.roundtrip())[0], KICKED);
    assertEquals(await answer(bob, "/join #dev"), ["-- You are now in #dev, with rio and wit."]);
    await drain(rio, wit);
    assertEquals((await answer(rio, "/kick bob"))[0], "-- bob was removed from #dev by rio.");
    assertEquals(await bob.roundtrip(), ["-- bob was removed from #dev by rio.", NO_ROOM]);
  });
});

const KICKED = "-- bob was removed from #dev by rio: Stop that";

Deno.test("of who is sent out of a room, or banned from it, the others are told once", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob"));
    await using wit = await toDev(await enter(server, "wit"));
    await drain(rio, bob);
    await answer(rio, "/kick bob Stop that");
    const heard = await wit.roundtrip();
    await answer(bob, "/join #dev");
    await drain(rio, wit);
    await answer(rio, "/ban bob");
    heard.push(...await wit.roundtrip());
    assertEquals(heard, [KICKED, "-- bob was banned from #dev by rio."]);
  });
});

Deno.test("who is sent out was invited once", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await answer(rio, "/room invite-only");
    await using bob = await enter(server, "bob");
    await using reg = await logIn(server, "reg");
    for (const guest of [bob, reg]) {
      const name = guest === bob ? "bob" : "reg";
      await answer(rio, `/invite ${name}`);
      await toDev(guest);
      await answer(rio, `/kick ${name}`);
      await drain(guest);
      assertEquals(
        await refusal(guest, "/join #dev"),
        "-- #dev is for those who are invited by its operators.",
      );
    }
  });
});

Deno.test("/kick server ends the connection, with a reason and without", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    await using bob = await enter(server, "bob");
    await using eve = await enter(server, "eve");
    await drain(boss, bob);
    boss.say("/kick server bob Stop that");
    assertEquals(await bob.untilClosed(), ["-- Goodbye. You were removed by boss: Stop that"]);
    assert(!bob.isReset, "the goodbye is followed by a clean end");
    assertEquals(await boss.roundtrip(), ["-- bob left (removed)."]);
    assertEquals(await eve.roundtrip(), ["-- bob left (removed)."]);
    await answer(boss, "/kick SERVER eve");
    assertEquals(await eve.untilClosed(), ["-- Goodbye. You were removed by boss."]);
    await using again = await enter(server, "bob");
    assertEquals(await again.roundtrip(), []);
  });
});

Deno.test("/kick finds every connection of a name", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using boss = await toDev(await logIn(server, "boss"));
    await using first = await toDev(await logIn(server, "reg"));
    await using second = await toDev(await logIn(server, "reg"));
    await using third = await logIn(server, "reg");
    await drain(boss, rio, first, second);
    const kicked = "-- reg was removed from #dev by rio: spam";
    const heard = await answer(rio, "/kick reg spam");
    assertEquals(heard.filter((line) => line === kicked), [kicked]);
    assert((await first.roundtrip()).includes(NO_ROOM));
    assert((await second.roundtrip()).includes(NO_ROOM));
    // This one was not in the room.
    assertEquals(await third.roundtrip(), []);
    await drain(boss);
    await using eve = await enter(server, "eve");
    await drain(third);
    await answer(boss, "/kick server reg");
    for (const connection of [first, second, third]) {
      assertEquals(await connection.untilClosed(), ["-- Goodbye. You were removed by boss."]);
    }
    assertEquals(await eve.roundtrip(), ["-- reg left (removed)."]);
  });
});

Deno.test("whom /kick does not find stays where they are", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await enter(server, "bob");
    const usage = "-- Type it as /kick [server] NAME [REASON].";
    assertEquals(await refusal(rio, "/kick"), usage);
    assertEquals(await refusal(rio, "/kick bob"), "-- bob is not in #dev.");
    assertEquals(
      await refusal(rio, "/kick zoe"),
      "-- Nobody here is called zoe. /who shows who is.",
    );
    // Registered, but not here.
    assertEquals(
      await refusal(rio, "/kick ria"),
      "-- Nobody here is called ria. Did you mean rio?",
    );
    assertEquals(
      await refusal(rio, `/kick bob ${"x".repeat(PHRASE_LENGTH_MAX + 1)}`),
      "-- That is too long: at most 300 characters.",
    );
    await using boss = await logIn(server, "boss");
    assertEquals(await refusal(boss, "/kick server"), usage);
    assertEquals(
      await refusal(boss, "/kick server zoe"),
      "-- Nobody here is called zoe. /who shows who is.",
    );
    await drain(bob);
    assertEquals(await bob.roundtrip(), []);
    assertEquals(await answer(boss, "/audit server"), [
      "-- Nothing was done on the server so far.",
    ]);
  });
});

// Bans of names.

Deno.test("a registered name that is banned from a room is kept out of it", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using reg = await toDev(await logIn(server, "reg"));
    await using other = await toDev(await logIn(server, "reg"));
    await using wit = await toDev(await enter(server, "wit"));
    await drain(rio, reg, other, wit);
    const banned = "-- reg was banned from #dev by rio: spam";
    const heard = await answer(rio, "/ban reg spam");
    assertEquals(heard[0], banned);
    assertEquals(heard.at(-1), "-- reg is banned from #dev: spam");
    assertEquals((await reg.roundtrip()).at(-1), NO_ROOM);
    assertEquals((await other.roundtrip()).at(-1), NO_ROOM);
    assertEquals((await wit.roundtrip()).filter((line) => line === banned), [banned]);
    const refused = "-- You may not come into #dev until an operator lifts that (spam).";
    assertEquals(await refusal(reg, "/join #dev"), refused);
    assertEquals(await refusal(other, "/join #DEV"), refused);
    // Other rooms are open to them, and other names are not meant.
    assertEquals((await answer(reg, "/join #lobby"))[0], "-- You are now in #lobby, alone so far.");
    assertEquals(await answer(wit, "/who"), [
      "-- 2 in #dev: rio (operator, 0 seconds), wit (0 seconds).",
    ]);
    assertEquals(await refusal(rio, "/unban Reg"), "-- reg may come into #dev again.");
    assertEquals(await answer(reg, "/join #dev"), ["-- You are now in #dev, with rio and wit."]);
  });
});

Deno.test("an invitation is worth nothing to who is banned", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using reg = await logIn(server, "reg");
    await answer(rio, "/ban reg");
    await answer(rio, "/room invite-only");
    await answer(rio, "/invite reg");
    await drain(reg);
    assertEquals(
      await refusal(reg, "/join #dev"),
      "-- You may not come into #dev until an operator lifts that.",
    );
  });
});

Deno.test("who logs in to a name that is banned where they are is told that they are out", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await answer(rio, "/ban reg");
    await using bob = await toDev(await enter(server, "bob"));
    bob.say(`/login reg ${PASSWORD}`);
    const lines = await bob.roundtrip();
    await drain(rio);
    assertEquals(await answer(rio, "/who"), ["-- 1 in #dev: rio (operator, 0 seconds)."]);
    assert(
      lines.some((line) => line.includes("left #dev") || line.includes("come into #dev")),
      `a word about #dev among ${lines.join(" / ")}`,
    );
  });
});

Deno.test("a registered name that is banned from the server cannot log in", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    await using reg = await logIn(server, "reg");
    await using other = await logIn(server, "reg");
    await using wit = await enter(server, "wit");
    await drain(boss, reg, other);
    boss.say("/ban server reg for 2h spam");
    for (const connection of [reg, other]) {
      assertEquals(await connection.untilClosed(), [
        "-- Goodbye. You were banned by boss: spam",
      ]);
    }
    assertEquals(await wit.roundtrip(), ["-- reg left (removed)."]);
    assertEquals(await boss.roundtrip(), [
      "-- reg is banned from the server for 2 hours: spam",
      "-- reg left (removed).",
    ]);
    await using again = await visit(server);
    await again.until(HINT);
    assertEquals(
      await refusal(again, `/login reg ${PASSWORD}`),
      "-- reg is banned for 2 hours more (spam).",
    );
    // Whoever does not know the password learns nothing.
    assertEquals(await refusal(again, "/login reg wrong-password"), "-- That is not the password.");
    mock.timers.tick(120 * MINUTE_MS);
    again.say(`/login reg ${PASSWORD}`);
    await again.until("-- You are logged in as reg.");
  });
});

Deno.test("a guest of this machine is banned by name, and no other guest is meant", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    await using bob = await enter(server, "bob");
    await using eve = await enter(server, "eve");
    await drain(boss, bob);
    boss.say("/ban server bob");
    await boss.until("-- bob is banned from the server.");
    assertEquals(await bob.untilClosed(), ["-- Goodbye. You were banned by boss."]);
    assertEquals(await eve.roundtrip(), ["-- bob left (removed)."]);
    const refused = "-- The name BOB is banned until an operator lifts that.";
    assertEquals(await refusal(eve, "/nick BOB"), refused);
    assert(await isHeard(eve, boss));
    assertEquals(
      await refusal(boss, "/unban server Bob"),
      "-- bob may come into the server again.",
    );
    assertEquals(await answer(eve, "/nick BOB"), ["-- You are now BOB."]);
  });
});

Deno.test("somebody who is not here is banned by name all the same", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    assertEquals(await answer(rio, "/ban reg"), ["-- reg is banned from #dev."]);
    assertEquals(await answer(rio, "/ban zoe"), ["-- zoe is banned from #dev."]);
    await using reg = await logIn(server, "reg");
    await using zoe = await enter(server, "zoe");
    const refused = "-- You may not come into #dev until an operator lifts that.";
    assertEquals(await refusal(reg, "/join #dev"), refused);
    assertEquals(await refusal(zoe, "/join #dev"), refused);
  });
});

Deno.test("what is decided about a guest without a name is not for who comes next", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    {
      await using noisy = await visit(server);
      await noisy.until(HINT);
      await boss.until("-- guest1 joined.");
      assertEquals(await answer(boss, "/mute server guest1"), [
        "-- guest1 is muted on the server.",
      ]);
    }
    await boss.until("-- guest1 left.");
    await using newcomer = await visit(server);
    await newcomer.until(HINT);
    assert(await isHeard(newcomer, boss), "a newcomer may talk");
    assertEquals(await answer(newcomer, "/nick nell"), ["-- You are now nell."]);
  });
});

// Repeated, replaced and lifted.

Deno.test("another ban or mute of the same name takes the place of the first", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await answer(rio, "/ban reg for 1h once");
    await answer(rio, "/ban reg for 3d twice");
    await answer(rio, "/mute reg first");
    await answer(rio, "/mute reg for 5m second");
    assertEquals(await answer(rio, "/bans"), [
      "-- reg banned by rio on 12:00, for 3 days more: twice",
      "-- reg muted by rio on 12:00, for 5 minutes more: second",
    ]);
    mock.timers.tick(61 * MINUTE_MS);
    assertEquals(await answer(rio, "/bans"), [
      "-- reg banned by rio on 12:00, for 3 days more: twice",
    ]);
    assertEquals(await refusal(rio, "/unban reg"), "-- reg may come into #dev again.");
    assertEquals(await answer(rio, "/bans"), ["-- Nobody is banned from or muted in #dev."]);
    assertEquals(
      await refusal(rio, "/unban reg"),
      "-- There is no ban of that name here. /bans shows those that there are.",
    );
    assertEquals(
      await refusal(rio, "/unmute reg"),
      "-- There is no mute of that name here. /bans shows those that there are.",
    );
  });
});

Deno.test("a ban in a room and one on the server are two", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using boss = await toDev(await logIn(server, "boss"));
    await drain(rio);
    await answer(boss, "/ban reg");
    await answer(boss, "/ban server reg");
    assertEquals(await answer(boss, "/bans"), ["-- reg banned by boss on 12:00"]);
    assertEquals(await answer(boss, "/bans server"), ["-- reg banned by boss on 12:00"]);
    assertEquals(await answer(boss, "/unban server reg"), [
      "-- reg may come into the server again.",
    ]);
    await using reg = await logIn(server, "reg");
    assertEquals(
      await refusal(reg, "/join #dev"),
      "-- You may not come into #dev until an operator lifts that.",
    );
    assertEquals(
      await refusal(boss, "/unban server reg"),
      "-- There is no ban of that name here. /bans or /bans server shows those that there are.",
    );
  });
});

// For how long.

Deno.test("a ban for a time ends by itself, at that time and not before", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using reg = await logIn(server, "reg");
    await answer(rio, "/ban reg for 10m");
    await drain(reg);
    assertEquals(
      await refusal(reg, "/join #dev"),
      "-- You may not come into #dev for 10 minutes more.",
    );
    mock.timers.tick(10 * MINUTE_MS - 1);
    assertEquals(
      await refusal(reg, "/join #dev"),
      "-- You may not come into #dev for 1 second more.",
    );
    mock.timers.tick(1);
    assertEquals(await answer(reg, "/join #dev"), ["-- You are now in #dev, with rio."]);
  });
});

Deno.test("a mute for a time ends by itself for who was there all the time", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob"));
    await drain(rio);
    assertEquals(await answer(rio, "/mute bob for 90s Caps"), [
      "-- bob is muted in #dev for 90 seconds: Caps",
    ]);
    assertEquals(await bob.roundtrip(), [
      "-- rio muted you in #dev: you may not talk for 90 seconds more (Caps).",
    ]);
    mock.timers.tick(90_000 - 1);
    assertEquals(
      await refusal(bob, "HELLO"),
      "-- You may not talk in #dev for 1 second more (Caps).",
    );
    mock.timers.tick(1);
    assert(await isHeard(bob, rio));
  });
});

Deno.test("what follows `for` is a time, or a word of the reason", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    const answers: readonly [string, string][] = [
      ["/ban zoe for 1d", "-- zoe is banned from #dev for 1 day."],
      ["/ban zoe FOR 1.5h no more", "-- zoe is banned from #dev for 90 minutes: no more"],
      ["/ban zoe for spamming", "-- zoe is banned from #dev: for spamming"],
      ["/ban zoe for", "-- zoe is banned from #dev: for"],
      ["/ban zoe for good", "-- zoe is banned from #dev: for good"],
      ["/ban zoe spam for 1h", "-- zoe is banned from #dev: spam for 1h"],
      ["/ban zoe for 3 days", "-- 3 is no duration: 30m, 12h and 7d are some."],
      ["/ban zoe for 0s", "-- 0s is no duration: 30m, 12h and 7d are some."],
      ["/mute zoe for 10M", "-- 10M is no duration: 30m, 12h and 7d are some."],
      [`/mute zoe for ${"9".repeat(30)}d`, "-- That is no duration: 30m, 12h and 7d are some."],
      ["/mute zoe for 5m", "-- zoe is muted in #dev for 5 minutes."],
      ["/mute for", "-- for is muted in #dev."],
    ];
    for (const [line, wanted] of answers) {
      assertEquals(await refusal(rio, line), wanted, line);
    }
  });
});

Deno.test("however long something is to last, the record says until when", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    // Further than a date can be, and than a number is exact.
    for (const term of ["99999999d", "104249990d"]) {
      await refusal(rio, `/mute eve for ${term}`);
      const lines = [...await answer(rio, "/audit"), ...await answer(rio, "/bans")];
      assertEquals(lines.filter((line) => /NaN|could not be done/.test(line)), [], term);
    }
  });
});

Deno.test("however long something is to last, the server starts again", async () => {
  await onSite(async ({ start }) => {
    {
      await using server = await start();
      await using rio = await toDev(await logIn(server, "rio"));
      await refusal(rio, "/mute eve for 104249990d");
    }
    await using server = await start();
    await using eve = await enter(server, "eve");
    assertEquals(await eve.roundtrip(), []);
  });
});

// Mutes.

Deno.test("who is muted in a room listens there, and talks elsewhere", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob"));
    await using wit = await toDev(await enter(server, "wit"));
    await drain(rio, bob);
    assertEquals(await answer(rio, "/mute bob"), ["-- bob is muted in #dev."]);
    assertEquals(await bob.roundtrip(), [
      "-- rio muted you in #dev: you may not talk until an operator lifts that.",
    ]);
    const refused = "-- You may not talk in #dev until an operator lifts that.";
    for (const line of ["hello", "/me waves", "/msg #dev hello", "//slash"]) {
      assertEquals(await refusal(bob, line), refused, line);
    }
    assertEquals(await wit.roundtrip(), []);
    assert(await isHeard(rio, bob), "they listen");
    await answer(bob, "/msg wit psst");
    assertEquals((await wit.roundtrip()).at(-1), "[private] bob: psst");
    await answer(bob, "/join #lobby");
    await answer(wit, "/join #lobby");
    assert(await isHeard(bob, wit), "they talk elsewhere");
    assertEquals(await refusal(bob, "/msg #dev hello"), refused);
    assertEquals(await refusal(rio, "/unmute bob"), "-- bob may talk again.");
    await answer(bob, "/join #dev");
    assert(await isHeard(bob, rio));
  });
});

Deno.test("who is muted on the server says nothing to anybody, in private neither", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    await using reg = await logIn(server, "reg");
    await using second = await logIn(server, "reg");
    await using wit = await enter(server, "wit");
    await answer(wit, "/msg reg Are you there?");
    await drain(boss, reg, second, wit);
    assertEquals(await answer(boss, "/mute server reg for 1h spam"), [
      "-- reg is muted on the server for 1 hour: spam",
    ]);
    for (const connection of [reg, second]) {
      assertEquals(await connection.roundtrip(), [
        "-- boss muted you: you may not talk for 1 hour more (spam).",
      ]);
      const refused = "-- You may not talk for 1 hour more (spam).";
      const lines = ["hi", "/me waves", "/msg wit hi", "/msg ria hi", "/reply Yes", "/join #new"];
      for (const line of lines) assertEquals(await refusal(connection, line), refused, line);
    }
    assertEquals(await wit.roundtrip(), []);
    // What is no talking, they may do.
    assertEquals(await answer(reg, "/report wit spam"), ["-- The operators have it."]);
    assertEquals(await answer(boss, "/unmute server reg"), [
      "-- reg reports wit in #lobby: spam",
      "-- reg may talk again.",
    ]);
    assert(await isHeard(reg, wit));
    await answer(reg, "/msg wit psst");
    assertEquals(await wit.roundtrip(), ["[private] reg: psst"]);
  });
});

Deno.test("a mute on the server ends, and one in the room goes on", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await toDev(await logIn(server, "boss"));
    await using bob = await toDev(await enter(server, "bob"));
    await answer(boss, "/mute bob for 30m room");
    await answer(boss, "/mute server bob for 10m server");
    await drain(bob);
    assertEquals(await refusal(bob, "hi"), "-- You may not talk for 10 minutes more (server).");
    mock.timers.tick(10 * MINUTE_MS);
    assertEquals(
      await refusal(bob, "hi"),
      "-- You may not talk in #dev for 20 minutes more (room).",
    );
    mock.timers.tick(20 * MINUTE_MS);
    assert(await isHeard(bob, boss));
  });
});

Deno.test("who is muted as a guest keeps the name until that ends", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob"));
    await drain(rio);
    await answer(rio, "/mute bob for 5m Caps");
    await drain(bob);
    assertEquals(
      await refusal(bob, "/nick free"),
      "-- You keep your name for 5 minutes more (Caps).",
    );
    assertEquals(await rio.roundtrip(), []);
    mock.timers.tick(5 * MINUTE_MS);
    assertEquals(await answer(bob, "/nick free"), ["-- You are now free."]);
    assert(await isHeard(bob, rio));
  });
});

/** Ways to be called something else, or to be somebody else, without leaving the server. */
const DODGES: readonly { readonly who: "reg" | "bob"; readonly lines: readonly string[] }[] = [
  { who: "bob", lines: ["/leave #dev", "/nick free", "/join #dev"] },
  { who: "bob", lines: ["/nick BOB"] },
  { who: "bob", lines: [`/register ${PASSWORD}`] },
  { who: "reg", lines: ["/nick free"] },
  { who: "reg", lines: ["/leave #dev", "/nick free", "/join #dev"] },
  { who: "reg", lines: [`/account delete ${PASSWORD}`] },
];

for (const { who, lines } of DODGES) {
  const what = `${who === "reg" ? "registered" : "a guest"}: ${lines.join(", ")}`;
  Deno.test(`no mute in a room ends by another name (${what})`, async () => {
    await onSite(async ({ start }) => {
      await using server = await start();
      await using rio = await toDev(await logIn(server, "rio"));
      await using dodger = await toDev(await (who === "reg" ? logIn : enter)(server, who));
      await drain(rio);
      assertEquals(await answer(rio, `/mute ${who}`), [`-- ${who} is muted in #dev.`]);
      for (const line of lines) await answer(dodger, line);
      assert(!await isHeard(dodger, rio), "nobody hears them");
    });
  });
}

Deno.test("no ban from a room ends by another name", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    for (const who of ["bob", "reg"]) {
      await using dodger = await toDev(await (who === "reg" ? logIn : enter)(server, who));
      await answer(rio, `/ban ${who}`);
      await answer(dodger, `/nick free-${who}`);
      await answer(dodger, "/join #dev");
      await drain(rio);
      assertEquals(await answer(rio, "/who"), ["-- 1 in #dev: rio (operator, 0 seconds)."], who);
    }
  });
});

// Locks.

Deno.test("only registered names talk in a room that is locked, or come into it", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using reg = await toDev(await logIn(server, "reg"));
    await using bob = await toDev(await enter(server, "bob"));
    await using late = await enter(server, "late");
    await drain(rio, reg, bob);
    const locked = "-- rio locked #dev: only registered names may come in and talk.";
    assertEquals(await answer(rio, "/lock"), [locked]);
    assertEquals(await bob.roundtrip(), [locked]);
    assertEquals(await refusal(rio, "/lock"), "-- #dev is locked already.");
    const refused = "-- #dev is locked: only registered names may talk. /register makes yours one.";
    for (const line of ["hi", "/me waves", "/msg #dev hi"]) {
      assertEquals(await refusal(bob, line), refused, line);
    }
    assert(await isHeard(reg, bob), "guests who are there listen");
    assertEquals(
      await refusal(late, "/join #dev"),
      "-- #dev is locked: only registered names come in.",
    );
    assert(
      (await answer(rio, "/room")).includes(
        "-- It is locked: only registered names may come in and talk.",
      ),
    );
    await answer(late, "/msg bob psst");
    assertEquals((await bob.roundtrip()).at(-1), "[private] late: psst");
    // The lock says how to go on, and that works.
    await answer(bob, `/register ${PASSWORD}`);
    assert(await isHeard(bob, rio));
    await drain(rio, bob);
    const unlocked = "-- rio unlocked #dev: everybody may talk again.";
    assertEquals(await answer(rio, "/unlock"), [unlocked]);
    assertEquals(await bob.roundtrip(), [unlocked]);
    assertEquals(await refusal(rio, "/unlock"), "-- #dev is unlocked already.");
    await toDev(late);
    assert(await isHeard(late, rio));
  });
});

Deno.test("on a server that is locked guests neither talk nor come in nor register", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    await using reg = await logIn(server, "reg");
    await using bob = await enter(server, "bob");
    await drain(boss, reg);
    const locked = "-- boss locked the server: only registered names may come in and talk.";
    assertEquals(await answer(boss, "/lock server"), [locked]);
    assertEquals(await bob.roundtrip(), [locked]);
    assertEquals(await refusal(boss, "/lock server"), "-- The server is locked already.");
    const lines = [
      "hi",
      "/me waves",
      "/msg reg hi",
      "/msg ria hi",
      "/join #new",
      `/register ${PASSWORD}`,
    ];
    for (const line of lines) assertEquals(await refusal(bob, line), SERVER_LOCKED, line);
    assertEquals(await reg.roundtrip(), [locked]);

    await using late = await connectTo(server);
    assertEquals(await late.roundtrip(), [
      "-- Welcome to Parley. You are guest1 in no room.",
      HINT,
      SERVER_LOCKED,
    ]);
    assertEquals(await refusal(late, "/join #lobby"), SERVER_LOCKED);
    assertEquals(
      await refusal(late, "hi"),
      "-- You are in no room. /join #lobby brings you into one.",
    );
    assertEquals(await boss.roundtrip(), []);
    late.say(`/login ria ${PASSWORD}`);
    await late.until("-- You are now in #lobby, with boss, reg and bob.");
    assert(await isHeard(late, bob));
    assert(await isHeard(reg, bob));

    assertEquals((await answer(boss, "/unlock server")).at(-1), UNLOCKED);
    assert(await isHeard(bob, boss));
    assertEquals(await refusal(boss, "/unlock server"), "-- The server is unlocked already.");
    await using free = await enter(server, "free");
    assert(await isHeard(free, boss));
  });
});

const UNLOCKED = "-- boss unlocked the server: everybody may talk again.";

Deno.test("a lobby that is locked is not the whole server", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    await answer(boss, "/lock");
    await using late = await connectTo(server);
    assertEquals(await late.roundtrip(), [
      "-- Welcome to Parley. You are guest1 in no room.",
      HINT,
      "-- #lobby is locked: only registered names come in.",
    ]);
    assertEquals((await answer(late, "/join #den"))[0], "-- You are now in #den, alone so far.");
    await answer(boss, "/join #den");
    assert(await isHeard(late, boss));
  });
});

// Operators.

Deno.test("/op and /deop make operators of a room, for good", async () => {
  await onSite(async ({ start }) => {
    {
      await using server = await start();
      await using rio = await toDev(await logIn(server, "rio"));
      await using reg = await toDev(await logIn(server, "reg"));
      await using second = await toDev(await logIn(server, "reg"));
      await drain(rio, reg);
      assertEquals(await answer(rio, "/op REG"), ["-- reg is an operator of #dev now."]);
      assertEquals(await reg.roundtrip(), ["-- rio made reg an operator of #dev."]);
      assertEquals(await refusal(rio, "/op reg"), "-- reg is an operator of #dev already.");
      assertEquals((await answer(reg, "/topic One"))[0], "-- reg set the topic: One");
      await drain(second);
      assertEquals((await answer(second, "/topic Two"))[0], "-- reg set the topic: Two");
      // Of somebody who is away too.
      await answer(rio, "/op ria");
    }
    {
      await using server = await start();
      await using reg = await toDev(await logIn(server, "reg"));
      await using ria = await toDev(await logIn(server, "ria"));
      await drain(reg);
      assertEquals(await answer(ria, "/topic Three"), ["-- ria set the topic: Three"]);
      await drain(reg);
      assertEquals(await answer(reg, "/deop ria"), ["-- ria is no operator of #dev any more."]);
      assertEquals(await ria.roundtrip(), ["-- reg took the operator's rights on #dev from ria."]);
      assertEquals(await refusal(ria, "/topic Four"), "-- Only an operator of #dev may do that.");
      assertEquals(await refusal(reg, "/deop ria"), "-- ria is no operator of #dev.");
    }
    await using server = await start();
    await using ria = await toDev(await logIn(server, "ria"));
    assertEquals(await refusal(ria, "/topic Four"), "-- Only an operator of #dev may do that.");
  });
});

Deno.test("/op server and /deop server make operators of the server, for good", async () => {
  await onSite(async ({ start }) => {
    {
      await using server = await start();
      await using boss = await logIn(server, "boss");
      await using reg = await logIn(server, "reg");
      await using wit = await enter(server, "wit");
      await drain(boss, reg);
      assertEquals(await answer(boss, "/op server reg"), [
        "-- reg is an operator of the server now.",
      ]);
      assertEquals(await reg.roundtrip(), ["-- boss made reg an operator of the server."]);
      assertEquals(await wit.roundtrip(), [], "that is told to operators of the server alone");
      assertEquals(
        await refusal(boss, "/op server reg"),
        "-- reg is an operator of the server already.",
      );
      assertEquals(await answer(reg, "/bans server"), [
        "-- Nobody is banned from or muted in the server.",
      ]);
      assertEquals(
        await refusal(reg, "/deop server boss"),
        "-- boss is an operator by the server's configuration (--operator).",
      );
    }
    {
      await using server = await start();
      await using boss = await logIn(server, "boss");
      await using reg = await logIn(server, "reg");
      assertEquals(await answer(reg, "/bans server"), [
        "-- Nobody is banned from or muted in the server.",
      ]);
      await drain(boss);
      assertEquals(await answer(boss, "/deop server reg"), [
        "-- reg is no operator of the server any more.",
      ]);
      await drain(reg);
      assertEquals(await refusal(reg, "/bans"), "-- Only an operator of #lobby may do that.");
      assertEquals(
        await refusal(boss, "/deop server reg"),
        "-- reg is no operator of the server.",
      );
    }
    await using server = await start();
    await using reg = await logIn(server, "reg");
    assertEquals(await refusal(reg, "/bans"), "-- Only an operator of #lobby may do that.");
  });
});

// Reports.

Deno.test("a report goes to the operators of the room and of the server, and to the record", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using boss = await logIn(server, "boss");
    await using ria = await logIn(server, "ria");
    // An operator of another room.
    await answer(ria, "/join #den");
    await using bob = await toDev(await enter(server, "bob"));
    await using eve = await toDev(await enter(server, "eve"));
    await drain(rio, boss, ria, bob);
    assertEquals(await answer(bob, "/report EVE says rude things"), ["-- The operators have it."]);
    const told = ["-- bob reports eve in #dev: says rude things"];
    assertEquals(await rio.roundtrip(), told);
    assertEquals(await boss.roundtrip(), told);
    assertEquals(await ria.roundtrip(), []);
    assertEquals(await eve.roundtrip(), []);
    assertEquals(await answer(rio, "/audit"), ["-- 12:00 bob report eve: says rude things"]);
    assertEquals(await answer(boss, "/audit server"), [
      "-- 12:00 bob report eve (127.0.0.1) in #dev: says rude things",
    ]);
    // Who is registered can be reported when they are gone.
    assertEquals(await answer(bob, "/report reg came and went"), ["-- The operators have it."]);
  });
});

Deno.test("a report names somebody and says why, and there are only so many", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob"));
    await drain(rio);
    const usage = "-- Type it as /report NAME REASON.";
    assertEquals(await refusal(bob, "/report"), usage);
    assertEquals(await refusal(bob, "/report rio"), usage);
    assertEquals(
      await refusal(bob, "/report zoe spam"),
      "-- Nobody here is called zoe. /who shows who is.",
    );
    assertEquals(
      await refusal(bob, `/report rio ${"x".repeat(PHRASE_LENGTH_MAX + 1)}`),
      "-- That is too long: at most 300 characters.",
    );
    for (let count = 0; count < REPORTS_BURST; count++) {
      assertEquals(await refusal(bob, `/report rio ${count}`), "-- The operators have it.");
    }
    const tooMany = "-- You have reported a lot. Wait a minute.";
    assertEquals(await refusal(bob, "/report rio more"), tooMany);
    mock.timers.tick(MINUTE_MS - 1);
    assertEquals(await refusal(bob, "/report rio more"), tooMany);
    mock.timers.tick(1);
    assertEquals(await refusal(bob, "/report rio more"), "-- The operators have it.");
    assertEquals(await refusal(bob, "/report rio more"), tooMany);
    const reports = (await rio.roundtrip()).filter((line) => line.startsWith("-- bob reports"));
    assertEquals(reports.length, REPORTS_BURST + 1);
  });
});

// The record.

Deno.test("/audit tells who did what to whom, when, until when and why, in its own room", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using boss = await toDev(await logIn(server, "boss"));
    await using bob = await toDev(await enter(server, "bob"));
    await using eve = await toDev(await enter(server, "eve"));
    await answer(rio, "/kick eve Out");
    mock.timers.tick(MINUTE_MS);
    await answer(rio, "/mute bob for 1h Caps");
    await answer(rio, "/ban reg for 2d spam");
    await answer(rio, "/lock");
    mock.timers.tick(MINUTE_MS);
    await answer(rio, "/unlock");
    await answer(rio, "/unmute bob");
    await answer(rio, "/unban reg");
    await answer(rio, "/op ria");
    await answer(rio, "/deop ria");
    await answer(rio, "/room private");
    await answer(bob, "oops");
    await drain(rio);
    const id = /(\d+)\]/.exec((await answer(rio, "/history 1"))[0] ?? "")?.[1];
    await answer(rio, `/forget ${id}`);
    await answer(boss, "/mute server eve");
    await answer(boss, "/lock server");
    await answer(boss, "/unlock server");
    await answer(boss, "/op server ria");
    await answer(boss, "/ban 198.51.100.0/24 for 1h flood");
    await drain(rio, boss, eve);
    const acts: readonly [where: "#dev" | null, line: string][] = [
      ["#dev", "12:00 rio kick eve (127.0.0.1)| in #dev|: Out"],
      ["#dev", "12:01 rio mute bob| in #dev| until 13:01: Caps"],
      ["#dev", "12:01 rio ban reg| in #dev| until 2026-01-17 12:01: spam"],
      ["#dev", "12:01 rio lock| in #dev|"],
      ["#dev", "12:02 rio unlock| in #dev|"],
      ["#dev", "12:02 rio unmute bob| in #dev|"],
      ["#dev", "12:02 rio unban reg| in #dev|"],
      ["#dev", "12:02 rio op ria| in #dev|"],
      ["#dev", "12:02 rio deop ria| in #dev|"],
      ["#dev", "12:02 rio room| in #dev|: private"],
      ["#dev", `12:02 rio forget bob| in #dev|: message ${id}`],
      [null, "12:02 boss mute eve"],
      [null, "12:02 boss lock"],
      [null, "12:02 boss unlock"],
      [null, "12:02 boss op ria"],
      [null, "12:02 boss ban (198.51.100.0/24) until 13:02: flood"],
    ];
    const inRoom = acts.filter(([where]) => where !== null)
      .map(([, line]) => `-- ${line.replace(/\|.*\|/, "")}`);
    assertEquals(
      await answer(rio, "/audit"),
      inRoom.map((line) => line.replace(" (127.0.0.1)", "")),
    );
    assertEquals(await answer(boss, "/audit"), inRoom);
    assertEquals(
      await answer(boss, "/audit server"),
      acts.map(([, line]) => `-- ${line.replaceAll("|", "")}`),
    );
  });
});

Deno.test("/audit and /bans say where there is nothing to tell", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using boss = await logIn(server, "boss");
    assertEquals(await answer(rio, "/audit"), ["-- Nothing was done on #dev so far."]);
    assertEquals(await answer(rio, "/bans"), ["-- Nobody is banned from or muted in #dev."]);
    assertEquals(await answer(boss, "/audit server"), [
      "-- Nothing was done on the server so far.",
    ]);
    assertEquals(await answer(boss, "/bans server"), [
      "-- Nobody is banned from or muted in the server.",
    ]);
  });
});

// Addresses and networks, typed.

Deno.test("an address or a network is banned in its one right form", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    const forms: readonly [typed: string, shown: string][] = [
      ["198.51.100.7", "198.51.100.7/32"],
      ["server 198.51.100.7/24", "198.51.100.0/24"],
      ["203.0.113.255/25", "203.0.113.128/25"],
      ["2001:DB8::1", "2001:db8::1/128"],
      ["2001:db8:0:0:0::1/32", "2001:db8::/32"],
      ["::ffff:203.0.113.9", "203.0.113.9/32"],
      ["::ffff:203.0.113.9/120", "203.0.113.0/24"],
    ];
    for (const [typed, shown] of forms) {
      assertEquals(
        await refusal(boss, `/ban ${typed} for 1h x`),
        `-- ${shown} is banned from the server for 1 hour: x`,
      );
    }
    assertEquals(
      await answer(boss, "/bans server"),
      forms.map(([, shown]) => `-- ${shown} banned by boss on 12:00, for 1 hour more: x`),
    );
    for (const [typed, shown] of forms) {
      assertEquals(
        await refusal(boss, `/unban ${typed}`),
        `-- ${shown} may come into the server again.`,
      );
    }
    assertEquals(
      await refusal(boss, "/unban 198.51.100.7"),
      "-- There is no ban of that name here. /bans or /bans server shows those that there are.",
    );
  });
});

Deno.test("what is no address and no name is not banned", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    const usage = "-- Type it as /ban [server] NAME|ADDRESS|NETWORK/BITS [for TIME] [REASON].";
    assertEquals(await refusal(boss, "/ban"), usage);
    assertEquals(await refusal(boss, "/ban server"), usage);
    assertEquals(
      await refusal(boss, "/unban"),
      "-- Type it as /unban [server] NAME|ADDRESS|NETWORK/BITS.",
    );
    assertEquals(
      await refusal(boss, "/mute"),
      "-- Type it as /mute [server] NAME [for TIME] [REASON].",
    );
    assertEquals(await refusal(boss, "/unmute server"), "-- Type it as /unmute [server] NAME.");
    assertEquals(await refusal(boss, "/op"), "-- Type it as /op [server] NAME.");
    assertEquals(await refusal(boss, "/deop server"), "-- Type it as /deop [server] NAME.");
    assertEquals(
      await refusal(boss, "/ban zoe " + "x".repeat(PHRASE_LENGTH_MAX + 1)),
      "-- That is too long: at most 300 characters.",
    );
    const bad = [
      "198.51.100.7/33",
      "198.51.100.7/-1",
      "198.51.100.7/",
      "198.51.100.7/24/8",
      "198.51.100.7/x",
      "198.51.100/24",
      "2001:db8::1/129",
      "2001:db8:::1",
      "fe80::1%eth0",
      "::ffff:198.51.100.7/95",
      "[2001:db8::1]",
      "what?",
      "#lobby",
      "*",
      "x".repeat(200),
    ];
    for (const typed of bad) {
      await refusal(boss, `/ban ${typed}`);
      await refusal(boss, `/ban server ${typed}`);
      await refusal(boss, `/mute ${typed}`);
    }
    assertEquals(await answer(boss, "/bans"), ["-- Nobody is banned from or muted in #lobby."]);
    assertEquals(await answer(boss, "/bans server"), [
      "-- Nobody is banned from or muted in the server.",
    ]);
  });
});

Deno.test("an address with a slip in it is not taken for a name", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using boss = await logIn(server, "boss");
    for (const typed of ["198.51.100.256", "198.51.100", "198.51.100.7.8"]) {
      await refusal(boss, `/ban server ${typed}`);
    }
    assertEquals(await answer(boss, "/bans server"), [
      "-- Nobody is banned from or muted in the server.",
    ]);
  });
});

Deno.test("who calls themselves by an address can be banned from a room like anybody", async () => {
  await onSite(async ({ start }) => {
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await enter(server, "bob");
    await answer(bob, "/nick 198.51.100.7");
    await toDev(bob);
    await drain(rio);
    const name = /with (\S+)\./.exec((await answer(rio, "/join #dev"))[0] ?? "")?.[1];
    await answer(rio, `/ban ${name}`);
    assertEquals(await answer(rio, "/who"), ["-- 1 in #dev: rio (operator, 0 seconds)."]);
  });
});

// After a restart.

Deno.test("bans and mutes outlast a restart, and end in their own time", async () => {
  await onSite(async ({ start }) => {
    {
      await using server = await start();
      await using rio = await toDev(await logIn(server, "rio"));
      await using boss = await logIn(server, "boss");
      await using bob = await toDev(await enter(server, "bob"));
      await using eve = await toDev(await enter(server, "eve"));
      await drain(rio, bob);
      await answer(rio, "/ban bob spam");
      await answer(rio, "/mute eve for 30m Caps");
      await answer(rio, "/mute reg for 10m");
      await answer(boss, "/ban server ria for 2h");
      await answer(boss, "/mute server mal");
      await answer(boss, "/ban server zoe");
      await answer(boss, "/ban 198.51.100.0/24");
      // What was lifted stays lifted.
      await answer(boss, "/ban server lea");
      await answer(boss, "/unban server lea");
      await drain(eve);
    }
    mock.timers.tick(10 * MINUTE_MS);
    {
      await using server = await start();
      await using rio = await toDev(await logIn(server, "rio"));
      await using boss = await logIn(server, "boss");
      assertEquals(await answer(rio, "/bans"), [
        "-- bob banned by rio on 12:00: spam",
        "-- eve muted by rio on 12:00, for 20 minutes more: Caps",
      ]);
      assertEquals(await answer(boss, "/bans server"), [
        "-- ria banned by boss on 12:00, for 110 minutes more",
        "-- zoe banned by boss on 12:00",
        "-- 198.51.100.0/24 banned by boss on 12:00",
        "-- mal muted by boss on 12:00",
      ]);
      await using bob = await enter(server, "bob");
      assertEquals(
        await refusal(bob, "/join #dev"),
        "-- You may not come into #dev until an operator lifts that (spam).",
      );
      assertEquals(
        await refusal(bob, "/nick zoe"),
        "-- The name zoe is banned until an operator lifts that.",
      );
      assertEquals(
        await refusal(bob, `/login ria ${PASSWORD}`),
        "-- ria is banned for 110 minutes more.",
      );
      await using mal = await enter(server, "mal");
      assertEquals(await refusal(mal, "hi"), "-- You may not talk until an operator lifts that.");
      await using eve = await toDev(await enter(server, "eve"));
      assertEquals(
        await refusal(eve, "hi"),
        "-- You may not talk in #dev for 20 minutes more (Caps).",
      );
      await using reg = await toDev(await logIn(server, "reg"));
      assert(await isHeard(reg, rio), "that mute has ended");
      mock.timers.tick(20 * MINUTE_MS);
      assert(await isHeard(eve, rio), "and so has this one");
      // Lifted after a restart, as before it.
      await answer(rio, "/unban bob");
      await toDev(bob);
      assertEquals(
        (await answer(boss, "/audit server")).at(-1),
        "-- 12:30 rio unban bob in #dev",
      );
    }
    await using server = await start();
    await using rio = await toDev(await logIn(server, "rio"));
    assertEquals(await answer(rio, "/bans"), ["-- Nobody is banned from or muted in #dev."]);
  });
});

Deno.test("locks outlast a restart", async () => {
  await onSite(async ({ start }) => {
    {
      await using server = await start();
      await using rio = await toDev(await logIn(server, "rio"));
      await using boss = await logIn(server, "boss");
      await answer(rio, "/lock");
      await answer(boss, "/lock server");
    }
    {
      await using server = await start();
      await using late = await connectTo(server);
      assertEquals((await late.roundtrip()).at(-1), SERVER_LOCKED);
      await using boss = await logIn(server, "boss");
      await answer(boss, "/unlock server");
    }
    await using server = await start();
    await using bob = await enter(server, "bob");
    assertEquals(
      await refusal(bob, "/join #dev"),
      "-- #dev is locked: only registered names come in.",
    );
    await using rio = await toDev(await logIn(server, "rio"));
    await answer(rio, "/unlock");
    await toDev(bob);
    assert(await isHeard(bob, rio));
  });
});

// Guests from elsewhere: by address.

/** A test with guests who come from this machine's address on its network. */
function onLan(name: string, test: (site: Site, address: string) => Promise<void>): void {
  const lan = [["IPv4", LAN_V4, "0.0.0.0"], ["IPv6", LAN_V6, "::"]] as const;
  for (const [family, address, host] of lan) {
    Deno.test({
      name: `${name} (${family})`,
      ignore: address === null,
      fn: () =>
        onSite(async (site) => {
          const overrides = { host, allowPlaintextPasswords: true };
          const start: Site["start"] = (more) => site.start({ ...overrides, ...more });
          await test({ ...site, start }, address ?? "");
        }),
    });
  }
}

/** What an address is banned as. */
function networkOf(address: string): RegExp {
  if (address.includes(".")) return new RegExp(`^${address.replaceAll(".", "\\.")}/32$`);
  return /^[0-9a-f:]+::\/64$/;
}

onLan(
  "a guest from elsewhere is banned by address, with all guests who come from there",
  async (site, lan) => {
    await using server = await site.start();
    await using boss = await logIn(server, "boss");
    await using bob = await enter(server, "bob", lan);
    await using eve = await enter(server, "eve", lan);
    await using hal = await enter(server, "hal");
    await drain(boss, bob, eve);
    const heard = await answer(boss, "/ban server bob for 1h spam");
    assert(heard.includes("-- bob is banned from the server for 1 hour: spam"));
    const goodbye = ["-- Goodbye. You were banned by boss: spam"];
    assertEquals((await bob.untilClosed()).slice(-1), goodbye);
    assertEquals((await eve.untilClosed()).slice(-1), goodbye);
    assertEquals((await hal.roundtrip()).sort(), [
      "-- bob left (removed).",
      "-- eve left (removed).",
    ]);
    // One line, and no more.
    await using again = await connectTo(server, lan);
    assertEquals(await again.untilClosed(), ["-- You may not come in for 1 hour more (spam)."]);
    await using other = await enter(server, "other");
    assert(await isHeard(other, boss), "guests from other addresses are not meant");
    await drain(boss);
    const [shown = ""] = await answer(boss, "/bans server");
    const [, network = ""] = /^-- bob \((\S+)\) banned by boss on 12:00, for 1 hour more: spam$/
      .exec(shown) ?? [];
    assert(networkOf(lan).test(network), shown);
    assertEquals(
      await refusal(boss, `/unban ${network}`),
      "-- bob may come into the server again.",
    );
    await using back = await enter(server, "bob", lan);
    assert(await isHeard(back, boss));
  },
);

onLan("a ban by address ends by itself, and outlasts a restart until then", async (site, lan) => {
  {
    await using server = await site.start();
    await using boss = await logIn(server, "boss");
    await using bob = await enter(server, "bob", lan);
    await answer(boss, "/ban server bob for 10m");
    await bob.untilClosed();
  }
  await using server = await site.start();
  mock.timers.tick(10 * MINUTE_MS - 1);
  await using early = await connectTo(server, lan);
  assertEquals(await early.untilClosed(), ["-- You may not come in for 1 second more."]);
  mock.timers.tick(1);
  await using late = await enter(server, "bob", lan);
  await using boss = await logIn(server, "boss");
  assert(await isHeard(late, boss));
});

onLan(
  "an operator of a room bans a guest's address from it without seeing it",
  async (site, lan) => {
    await using server = await site.start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob", lan));
    await using eve = await enter(server, "eve", lan);
    await using hal = await enter(server, "hal");
    await drain(rio);
    const heard = await answer(rio, "/ban bob spam");
    assertEquals(heard[0], "-- bob was banned from #dev by rio: spam");
    assertEquals(heard.at(-1), "-- bob is banned from #dev: spam");
    assertEquals((await bob.roundtrip()).at(-1), NO_ROOM);
    const refused = "-- You may not come into #dev until an operator lifts that (spam).";
    assertEquals(await refusal(bob, "/join #dev"), refused);
    assertEquals(await refusal(eve, "/join #dev"), refused);
    // By another name neither.
    await answer(bob, "/nick robert");
    assertEquals(await refusal(bob, "/join #dev"), refused);
    await toDev(hal);
    await drain(rio);
    assertEquals(await answer(rio, "/bans"), ["-- bob banned by rio on 12:00: spam"]);
    assertEquals(await answer(rio, "/audit"), ["-- 12:00 rio ban bob: spam"]);
    assertEquals(
      await refusal(rio, `/unban ${lan}`),
      "-- Only an operator of the server may do that.",
    );
    assertEquals(await refusal(rio, "/unban bob"), "-- bob may come into #dev again.");
    await toDev(eve);
  },
);

onLan(
  "a mute of a guest from elsewhere holds under any name, and for any connection",
  async (site, lan) => {
    await using server = await site.start();
    await using rio = await toDev(await logIn(server, "rio"));
    await using bob = await toDev(await enter(server, "bob", lan));
    await drain(rio);
    await answer(rio, "/mute bob for 10m");
    await answer(bob, "/nick free");
    assert(!await isHeard(bob, rio));
    await bob.close();
    await using again = await toDev(await enter(server, "newbie", lan));
    assertEquals(await refusal(again, "hi"), "-- You may not talk in #dev for 10 minutes more.");
    mock.timers.tick(10 * MINUTE_MS);
    assert(await isHeard(again, rio));
  },
);

onLan("an address or a network that is typed is banned from the server", async (site, lan) => {
  await using server = await site.start();
  await using boss = await logIn(server, "boss");
  const wide = lan.includes(".") ? `${lan}/16` : `${lan}/32`;
  for (const typed of [lan, wide]) {
    await using bob = await enter(server, "bob", lan);
    // Who has registered a name comes from there too.
    await using reg = await logIn(server, "reg", lan);
    await drain(boss, bob, reg);
    await answer(boss, `/ban ${typed} flood`);
    const goodbye = ["-- Goodbye. You were banned by boss: flood"];
    assertEquals((await bob.untilClosed()).slice(-1), goodbye);
    assertEquals((await reg.untilClosed()).slice(-1), goodbye);
    await using again = await connectTo(server, lan);
    assertEquals(await again.untilClosed(), [
      "-- You may not come in until an operator lifts that (flood).",
    ]);
    await drain(boss);
    await answer(boss, `/unban ${typed}`);
  }
});

onLan(
  "an operator cannot ban the address that they come from, but can ban guests there",
  async (site, lan) => {
    await using server = await site.start();
    await using boss = await logIn(server, "boss", lan);
    await using bob = await enter(server, "bob", lan);
    await using eve = await enter(server, "eve", lan);
    assertEquals(
      await refusal(boss, `/ban ${lan}`),
      "-- That would be a ban of yourself: you come from there too.",
    );
    await drain(boss, eve);
    await answer(boss, "/ban server bob");
    assertEquals((await bob.untilClosed()).slice(-1), ["-- Goodbye. You were banned by boss."]);
    assert(await isHeard(eve, boss));
  },
);

onLan(
  "banning a guest's address sends out no operator who comes from there too",
  async (site, lan) => {
    await using server = await site.start();
    await using rio = await toDev(await logIn(server, "rio"));
    await answer(rio, "/op ria");
    await using ria = await toDev(await logIn(server, "ria", lan));
    await using boss = await toDev(await logIn(server, "boss", lan));
    await using bob = await toDev(await enter(server, "bob", lan));
    await drain(rio, ria, boss);
    await answer(rio, "/ban bob");
    assertEquals((await bob.roundtrip()).at(-1), NO_ROOM);
    assertEquals(await answer(rio, "/who"), [
      "-- 3 in #dev: rio (operator, 0 seconds), ria (operator, 0 seconds), boss (operator, 0 seconds).",
    ]);
  },
);

onLan("muting a guest's address mutes no operator who comes from there too", async (site, lan) => {
  await using server = await site.start();
  await using rio = await toDev(await logIn(server, "rio"));
  await using boss = await toDev(await logIn(server, "boss", lan));
  await using bob = await toDev(await enter(server, "bob", lan));
  await drain(rio, boss);
  await answer(rio, "/mute bob");
  assert(!await isHeard(bob, rio));
  assert(await isHeard(boss, rio), "the operator of the server may talk");
});

onLan("who was banned twice may come in when that is lifted", async (site, lan) => {
  await using server = await site.start();
  await using boss = await logIn(server, "boss");
  await using bob = await enter(server, "bob", lan);
  await answer(boss, "/ban server bob");
  await bob.untilClosed();
  // Nobody of that name is here now, so this is a ban of the name.
  await drain(boss);
  await answer(boss, "/ban server bob for 1h");
  await answer(boss, "/unban server bob");
  await using back = await connectTo(server, lan);
  assertEquals((await answer(back, "/nick bob")).at(-1), "-- You are now bob.");
});

onLan("who stands at the door when the address is banned does not come in", async (site, lan) => {
  await using server = await site.start({ password: "speak-friend" });
  const comeIn = async (hostname?: string): Promise<Guest> => {
    const guest = await visit(server, hostname);
    await guest.until("-- This server asks for its password. Type it, and then Enter:");
    return guest;
  };
  await using boss = await comeIn();
  boss.say("speak-friend");
  boss.say(`/login boss ${PASSWORD}`);
  await boss.until("-- You are logged in as boss.");
  await using bob = await comeIn(lan);
  await answer(boss, `/ban ${lan}`);
  bob.say("speak-friend");
  bob.say("/nick bob");
  bob.say("/quit");
  const lines = await bob.untilClosed();
  await drain(boss);
  assert(!lines.some((line) => line.startsWith("-- Welcome")), lines.join(" / "));
});

onLan("who has not spoken yet when the address is banned does not come in", async (site, lan) => {
  await using server = await site.start();
  await using boss = await logIn(server, "boss");
  // The server waits whether this is a person: for as long as the clock stands still.
  await using bob = await connectTo(server, lan);
  while (server.connections < 2) await boss.roundtrip();
  await answer(boss, `/ban ${lan}`);
  bob.say("/nick bob");
  bob.say("/quit");
  const lines = await bob.untilClosed();
  assert(!lines.some((line) => line.startsWith("-- Welcome")), lines.join(" / "));
});

onLan(
  "no byte of an address goes to anybody but the operators of the server",
  async (site, lan) => {
    await using server = await site.start();
    const everybody: Guest[] = [];
    await using stack = new AsyncDisposableStack();
    const add = (guest: Guest): Guest => {
      everybody.push(stack.use(guest));
      return guest;
    };
    await using boss = await toDev(await logIn(server, "boss"));
    const rio = add(await logIn(server, "rio", lan));
    await answer(boss, "/op rio");
    await toDev(rio);
    const ria = add(await toDev(await logIn(server, "ria")));
    await answer(boss, "/op ria");
    const bob = add(await toDev(await enter(server, "bob", lan)));
    const eve = add(await toDev(await enter(server, "eve", lan)));
    const wit = add(await toDev(await enter(server, "wit")));
    const reg = add(await toDev(await logIn(server, "reg", lan)));
    bob.say("hello");
    bob.say("/me waves");
    bob.say("/msg wit psst");
    bob.say("/report eve spam");
    eve.say("/report bob spam");
    reg.say("/account");
    for (const guest of everybody) {
      for (const line of ["/who", "/rooms", "/room", "/bans", "/audit", "/help ban"]) {
        guest.say(
          line,
        );
      }
      await guest.roundtrip();
    }
    await answer(ria, "/mute bob for 1m x");
    await answer(bob, "hello?");
    await answer(ria, "/ban eve y");
    await answer(ria, "/kick bob z");
    for (const line of ["/bans", "/audit", `/unban ${lan}`, `/ban ${lan}`]) {
      await answer(ria, line);
      await answer(rio, line);
    }
    await answer(eve, "/join #dev");
    await answer(bob, "/join #dev");
    await answer(ria, "/unban eve");
    await answer(rio, "/ban wit");
    await answer(ria, "/audit");
    for (const line of ["/audit", "/audit server", "/bans", "/bans server"]) {
      await answer(
        boss,
        line,
      );
    }
    await answer(boss, "/mute server eve");
    await answer(boss, "/kick server eve");
    await eve.untilClosed();
    await answer(boss, "/ban server bob w");
    await bob.untilClosed();
    await answer(boss, "/bans server");
    await answer(boss, "/unban server bob");
    const late = add(await enter(server, "late", lan));
    await answer(boss, `/ban ${lan} v`);
    await late.untilClosed();
    const refused = add(await connectTo(server, lan));
    assertEquals(await refused.untilClosed(), [
      "-- You may not come in until an operator lifts that (v).",
    ]);
    await answer(boss, "/audit server");
    await answer(boss, "/deop server boss");
    await drain(ria, wit);
    const prefix = lan.includes(".") ? lan : lan.split("::")[0] ?? lan;
    for (const guest of everybody) {
      const seen = text(guest.received).split("\n").filter((line) => line.includes(prefix));
      assertEquals(seen, []);
    }
    // It was there to be seen.
    assertStringIncludes(text(boss.received), lan);
  },
);
