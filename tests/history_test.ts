// What was said before: what a join shows, what counts as read, /history,
// /search and /forget in every form, how long it lasts, and above all who may
// read what: nobody reads what they could not have read as a member, and those
// who could have still can.

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { Counters } from "../lib/counters.ts";
import { Chat } from "../lib/chat/chat.ts";
import { runCommand } from "../lib/chat/commands.ts";
import type { Member } from "../lib/chat/state.ts";
import { CommandError } from "../lib/errors.ts";
import type { ChatEvent } from "../lib/events.ts";
import {
  BACKLOG_LINES,
  BACKLOG_LINES_MAX,
  EXPIRING_MS,
  HISTORY_LENGTH_MAX,
  HISTORY_LINES_DEFAULT,
  HISTORY_LINES_MAX,
  LINE_FRAME_LENGTH,
  SEARCH_HITS_MAX,
  SEARCH_WORDS_MAX,
} from "../lib/limits.ts";
import { openStore } from "../lib/store/sqlite_store.ts";
import { CHEAP_PASSWORDS, COUNTED_TOKENS, NO_TIMER, Notes } from "./chat/trial.ts";
import { type Guest, RudeGuest, startTestServer, type TestServer } from "./harness.ts";
import { arrange, ask, gather } from "./visits.ts";

const PASSWORD = "correct-horse";
const WORD = "open-sesame";
const NOTHING = "-- There is nothing to show.";
const NOT_FOUND = "-- Nothing was found.";
const NO_SUCH = "-- There is no such message in your rooms. /history shows the number of each.";
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Two minutes past two, wherever the test runs. */
const NOW = new Date(2026, 0, 15, 14, 2);

type Overrides = Parameters<typeof startTestServer>[0];

/** Runs a test at a time that stands still unless the test moves it. */
async function atTime(test: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["Date"], now: NOW.getTime() });
  try {
    await test();
  } finally {
    mock.timers.reset();
  }
}

/** Runs a test on a server at a time that stands still. */
async function onServer(
  overrides: Overrides,
  test: (server: TestServer, stack: AsyncDisposableStack) => Promise<void>,
): Promise<void> {
  await atTime(async () => {
    await using server = await startTestServer(overrides);
    await using stack = new AsyncDisposableStack();
    await test(server, stack);
  });
}

/** Runs a test with a path for a database, which goes with the test. */
async function onFile(test: (db: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "parley-history-" });
  try {
    await test(`${folder}/chat.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Says lines in a row. */
async function sayAll(guest: Guest, lines: readonly string[]): Promise<void> {
  guest.send(lines.map((line) => `${line}\n`).join(""));
  await guest.roundtrip();
}

async function register(guest: Guest, name: string): Promise<void> {
  guest.say(`/register ${PASSWORD}`);
  await guest.until(`-- ${name} is yours now. From elsewhere: /login ${name} PASSWORD`);
}

/** Somebody who comes in and logs in, and what they are shown from then on. */
async function login(server: TestServer, name: string): Promise<{ guest: Guest; shown: string[] }> {
  const guest = await server.connect();
  guest.say(`/login ${name} ${PASSWORD}`);
  await guest.until(`-- You are logged in as ${name}.`);
  return { guest, shown: await guest.roundtrip() };
}

/** `text 3`, `text 4`, `text 5`. */
function texts(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `text ${from + index}`);
}

Deno.test("who joins is shown the last lines, as they were said", async () => {
  await onServer({}, async (server, stack) => {
    const [ann] = await gather(server, stack, ["ann"]);
    const count = BACKLOG_LINES + 5;
    await sayAll(ann, texts(1, count - 1));
    await arrange([[ann, "/me waves"]]);
    const shown = [
      ...texts(count - BACKLOG_LINES + 1, count - 1).map((text) => `[14:02] ann: ${text}`),
      "[14:02] * ann waves",
    ];
    await using bob = await server.connect();
    bob.say("/nick bob");
    const lines = await bob.until("-- You are now bob.");
    assertEquals(lines.slice(0, -1), [
      "-- Welcome to Parley. You are guest1 in #lobby, with ann.",
      "-- Just type to talk. /nick NAME picks a name, /help shows the rest.",
      ...shown,
    ]);
    assertEquals(await ask(bob, "/join #lobby"), ["-- You are now in #lobby, with ann."]);
    await arrange([[bob, "/leave"]]);
    assertEquals(await ask(bob, "/join #lobby"), ["-- You are now in #lobby, with ann.", ...shown]);
  });
});

Deno.test("a room of which nobody is in any more shows its last lines all the same", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([
      [ann, "/join #dev"],
      [ann, "one"],
      [ann, "/topic Tea"],
      [ann, "/me two"],
      [ann, "/topic -"],
      [ann, "-- three"],
      [ann, "/leave"],
    ]);
    // Yesterday's have their date.
    mock.timers.tick(DAY_MS);
    assertEquals(await ask(bob, "/join #dev"), [
      "-- You are now in #dev, alone so far.",
      "[2026-01-15 14:02] ann: one",
      "[2026-01-15 14:02] -- ann set the topic: Tea",
      "[2026-01-15 14:02] * ann two",
      "[2026-01-15 14:02] -- ann took the topic away.",
      "[2026-01-15 14:02] ann: -- three",
    ]);
  });
});

Deno.test("what is said in the turn in which somebody joins reaches them once", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann] = await gather(server, stack, ["ann"]);
  const count = 60;
  for (let round = 1; round <= 10; round++) {
    const bob = await server.connect();
    ann.send(texts(1, count).map((text) => `${text} of ${round}\n`).join(""));
    bob.say("/ping in");
    await ann.roundtrip();
    const heard = (await bob.roundtrip()).flatMap((line) =>
      new RegExp(`ann: text (\\d+) of ${round}$`).exec(line)?.[1] ?? []
    ).map(Number);
    const first = heard[0] ?? 1;
    assertEquals(heard, Array.from({ length: count - first + 1 }, (_, index) => first + index));
    await bob.close();
    await ann.roundtrip();
  }
});

Deno.test("a registered name is shown what it has not read, and how much there is besides", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await arrange([[ann, "/join #dev"], [ann, "/leave #lobby"], [bob, "/leave #lobby"]]);
    await arrange([[bob, "/join #dev"], [bob, "/leave"]]);
    await ann.roundtrip();
    let said = 0;
    for (
      const count of [0, 1, BACKLOG_LINES + 5, BACKLOG_LINES_MAX, BACKLOG_LINES_MAX + 1, 2, 0, 450]
    ) {
      await t.step(`${count} lines`, async () => {
        await sayAll(ann, texts(said + 1, said + count));
        said += count;
        const shownCount = Math.min(count, BACKLOG_LINES_MAX);
        const more = count - shownCount;
        const firstShown = said - shownCount + 1;
        const hint = `/history ${Math.min(more, BACKLOG_LINES_MAX)} before ${firstShown}`;
        assertEquals(await ask(bob, "/join #dev"), [
          "-- You are now in #dev, with ann.",
          ...(more === 0 ? [] : [`-- ${more} more since you were here: ${hint}`]),
          ...texts(firstShown, said).map((text) => `[14:02] ann: ${text}`),
        ]);
        if (more > 0) {
          // The hint leads to just those.
          const last = firstShown - 1;
          const first = firstShown - Math.min(more, BACKLOG_LINES_MAX);
          assertEquals(
            await ask(bob, hint),
            texts(first, last).map((text, index) => `[14:02 ${first + index}] ann: ${text}`),
          );
        }
        await arrange([[bob, "/leave"]]);
        await ann.roundtrip();
      });
    }
  });
});

Deno.test("who logs in is shown what they have not read, where that is more than guests see", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await bob.close();
    await ann.expect("-- bob left.");
    await sayAll(ann, texts(1, BACKLOG_LINES));
    {
      const { guest, shown } = await login(server, "bob");
      await using _guest = guest;
      assertEquals(shown, [], "they saw those already, as a guest");
    }
    await ann.until("-- bob left.");
    await sayAll(ann, texts(BACKLOG_LINES + 1, 2 * BACKLOG_LINES + 1));
    {
      const { guest, shown } = await login(server, "bob");
      await using _guest = guest;
      assertEquals(
        shown,
        texts(BACKLOG_LINES + 1, 2 * BACKLOG_LINES + 1).map((text) => `[14:02] ann: ${text}`),
      );
    }
    await ann.until("-- bob left.");
    await sayAll(ann, texts(1, BACKLOG_LINES_MAX + 10));
    const first = 2 * BACKLOG_LINES + 2;
    const { guest, shown } = await login(server, "bob");
    await using _guest = guest;
    assertEquals(shown[0], `-- 10 more since you were here: /history 10 before ${first + 10}`);
    assertEquals(shown.length, BACKLOG_LINES_MAX + 1);
  });
});

Deno.test("unread lines of a room that is not the current one say which it is", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await bob.close();
    await ann.expect("-- bob left.");
    await sayAll(ann, texts(1, BACKLOG_LINES + 1));
    await using later = await server.connect();
    later.say("/join #dev");
    await later.roundtrip();
    later.say(`/login bob ${PASSWORD}`);
    await later.until("-- You are logged in as bob.");
    const lines = await later.roundtrip();
    assertEquals(lines.length, BACKLOG_LINES + 1);
    for (const line of lines) assertMatch(line, /#lobby/);
  });
});

Deno.test("an invited newcomer is shown the last lines like anybody else", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
    await register(ann, "ann");
    await register(bob, "bob");
    await register(eve, "eve");
    await arrange([[ann, "/join #den"], [ann, "/room invite-only"]]);
    const last = BACKLOG_LINES + 10;
    await sayAll(ann, texts(1, last));
    await arrange([[ann, "/invite bob"], [ann, "/op eve"]]);
    await bob.roundtrip();
    await eve.roundtrip();
    const shown = texts(last - BACKLOG_LINES + 1, last).map((text) => `[14:02] ann: ${text}`);
    assertEquals(await ask(bob, "/join #den"), ["-- You are now in #den, with ann.", ...shown]);
    assertEquals(await ask(eve, "/join #den"), [
      "-- You are now in #den, with ann and bob.",
      ...shown,
    ]);
  });
});

Deno.test("how much is unread does not count what one may not read", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(ann, "ann");
    await register(bob, "bob");
    await arrange([[ann, "/join #den"], [ann, "/room invite-only"]]);
    await sayAll(ann, texts(1, BACKLOG_LINES_MAX + 50));
    await arrange([[ann, "/room open"], [ann, "welcome"], [ann, "/invite bob"]]);
    await bob.roundtrip();
    assertEquals(await ask(bob, "/join #den"), [
      "-- You are now in #den, with ann.",
      "[14:02] ann: welcome",
    ]);
  });
});

Deno.test("how much is unread does not count what was deleted, nor shows what was read", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [ann, "read"], [bob, "/leave"]]);
    await arrange([[ann, "unread"], [ann, "deleted"], [ann, "/forget"]]);
    assertEquals(await ask(bob, "/join #dev"), [
      "-- You are now in #dev, with ann.",
      "[14:02] ann: unread",
    ]);
  });
});

Deno.test("leaving, quitting, closing and the server's end count as having read", async (t) => {
  await onFile(async (db) => {
    await atTime(async () => {
      let said = 0;
      const ways: readonly (readonly [way: string, go: (bob: Guest) => Promise<void>])[] = [
        ["/leave", async (bob) => void await ask(bob, "/leave #dev")],
        ["/quit", async (bob) => {
          bob.say("/quit");
          await bob.untilClosed();
        }],
        ["closing", (bob) => bob.close()],
        ["another name", async (bob) => void await ask(bob, "/nick rob")],
      ];
      {
        await using server = await startTestServer({ db });
        await using stack = new AsyncDisposableStack();
        const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
        await register(bob, "bob");
        await arrange([[ann, "/join #dev"], [bob, "/join #dev"]]);
        await bob.close();
        await ann.until("-- [#lobby] bob left.");
        for (const [way, go] of ways) {
          await t.step(way, async () => {
            const before = await login(server, "bob");
            await using _before = before.guest;
            await ask(before.guest, "/join #dev");
            await sayAll(ann, texts(said + 1, said += 2));
            assertEquals(
              await before.guest.roundtrip(),
              texts(said - 1, said).map((text) => `ann: ${text}`),
            );
            await go(before.guest);
            await before.guest.close();
            await ann.until(/^-- \[#lobby\] (bob|rob) left\.$/);
            await sayAll(ann, texts(said + 1, ++said));
            const after = await login(server, "bob");
            await using _after = after.guest;
            assertEquals(await ask(after.guest, "/join #dev"), [
              "-- You are now in #dev, with ann.",
              `[14:02] ann: text ${said}`,
            ]);
          });
        }
        const { guest } = await login(server, "bob");
        stack.use(guest);
        await ask(guest, "/join #dev");
        await sayAll(ann, texts(said + 1, said += 2));
        await guest.roundtrip();
        await server.shutdown();
        assertEquals(
          (await guest.untilClosed()).at(-1),
          "-- Goodbye: the server is shutting down.",
        );
      }
      await t.step("the server's end", async () => {
        await using server = await startTestServer({ db });
        const { guest } = await login(server, "bob");
        await using _guest = guest;
        assertEquals(await ask(guest, "/join #dev"), ["-- You are now in #dev, alone so far."]);
        assertEquals((await ask(guest, "/history 1")).length, 1);
      });
    });
  });
});

Deno.test("who speaks has read what was said before", async () => {
  await onFile(async (db) => {
    await atTime(async () => {
      {
        await using server = await startTestServer({ db });
        await using stack = new AsyncDisposableStack();
        const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
        await register(bob, "bob");
        await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [ann, "one"], [bob, "two"]]);
      }
      await using server = await startTestServer({ db });
      const { guest } = await login(server, "bob");
      await using _guest = guest;
      assertEquals(await ask(guest, "/join #dev"), ["-- You are now in #dev, alone so far."]);
    });
  });
});

Deno.test("of a lost connection, what came after the last sign of life is unread", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [bob, "/leave #dev"]]);
    await bob.close();
    await ann.until("-- [#lobby] bob left.");
    const rude = await RudeGuest.connect(server.port);
    rude.say(`/login bob ${PASSWORD}`);
    rude.say("/join #dev");
    await ann.until("-- bob joined.");
    await sayAll(ann, texts(1, 2));
    rude.say("/msg ann I read you");
    await ann.until("[private] bob: I read you");
    await sayAll(ann, texts(3, 4));
    await rude.reset();
    await ann.until("-- bob left (connection lost).");
    const { guest } = await login(server, "bob");
    await using _guest = guest;
    assertEquals(await ask(guest, "/join #dev"), [
      "-- You are now in #dev, with ann.",
      "[14:02] ann: text 3",
      "[14:02] ann: text 4",
    ]);
  });
});

Deno.test("of a connection that is lost right behind the join, what the join showed is unread", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await arrange([[ann, "/join #dev"], [bob, "/join #dev"], [bob, "/leave #dev"]]);
    await bob.close();
    await ann.until("-- [#lobby] bob left.");
    await sayAll(ann, texts(1, 2));
    const rude = await RudeGuest.connect(server.port);
    rude.say(`/login bob ${PASSWORD}`);
    rude.say("/join #dev");
    await ann.until("-- bob joined.");
    await rude.reset();
    await ann.until("-- bob left (connection lost).");
    const { guest } = await login(server, "bob");
    await using _guest = guest;
    assertEquals(await ask(guest, "/join #dev"), [
      "-- You are now in #dev, with ann.",
      "[14:02] ann: text 1",
      "[14:02] ann: text 2",
    ]);
  });
});

Deno.test("/history shows lines with their time and number, up to now, a line or a time", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    assertEquals(await ask(ann, "/history"), [NOTHING]);
    await sayAll(ann, texts(1, 3));
    mock.timers.tick(10 * MINUTE_MS);
    await arrange([[ann, "/join #dev"], [ann, "elsewhere"], [ann, "/join #lobby"], [
      bob,
      "/me nods",
    ]]);
    await ann.roundtrip();
    mock.timers.tick(DAY_MS);
    await sayAll(ann, texts(6, 6));
    await bob.roundtrip();
    const lines = [
      "[2026-01-15 14:02 1] ann: text 1",
      "[2026-01-15 14:02 2] ann: text 2",
      "[2026-01-15 14:02 3] ann: text 3",
      "[2026-01-15 14:12 5] * bob nods",
      "[14:12 6] ann: text 6",
    ];
    for (
      const [typed, from, to] of [
        ["/history", 0, 5],
        ["/HISTORY", 0, 5],
        ["/history 2", 3, 5],
        ["/history 999999", 0, 5],
        ["/history before 6", 0, 4],
        ["/history before #5", 0, 3],
        ["/history 1 before 4", 2, 3],
        ["/history 2  BEFORE  5", 1, 3],
        ["/history before 7", 0, 5],
        ["/history before 999999999999999", 0, 5],
        ["/history before 2026-01-16", 0, 4],
        ["/history 1 before 2026-01-16", 3, 4],
        ["/history before 2026-01-15 14:12", 0, 3],
        ["/history before 2026-01-15T14:13", 0, 4],
        ["/history before 14:12", 0, 4],
        // Later today is yesterday.
        ["/history before 14:13", 0, 4],
        ["/history before 1d", 0, 3],
        ["/history before 23h", 0, 4],
        ["/history 2 before 1d", 1, 3],
        ["/history after 2", 2, 5],
        ["/history 2 after 1", 1, 3],
        ["/history 1 AFTER #3", 3, 4],
        ["/history after 0", 0, 5],
        ["/history after 2026-01-15 14:12", 3, 5],
        ["/history 1 after 2026-01-15", 0, 1],
        ["/history after 23h", 4, 5],
      ] as const
    ) {
      await t.step(typed, async () => {
        assertEquals(await ask(bob, typed), lines.slice(from, to));
      });
    }
    for (
      const typed of [
        "/history before 1",
        "/history before 2d",
        "/history before 2026-01-15",
        "/history after 6",
        "/history after 2026-01-17",
      ]
    ) {
      await t.step(typed, async () => assertEquals(await ask(bob, typed), [NOTHING]));
    }
  });
});

Deno.test("/history refuses what it does not understand", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann] = await gather(server, stack, ["ann"]);
    await arrange([[ann, "words"]]);
    const usage = "-- Type it as /history [COUNT] [before|after TIME|NUMBER].";
    const noTime = (text: string): string =>
      `-- ${text} is no time: 14:02, 2026-11-20, 2026-11-20 14:02 and 7d (ago) are some.`;
    for (
      const [typed, answer] of [
        ["/history 0", usage],
        ["/history -5", usage],
        ["/history 1.5", usage],
        ["/history 1e3", usage],
        ["/history 9999999", usage],
        ["/history ten", usage],
        ["/history 5 5", usage],
        ["/history 5 before", usage],
        ["/history before", usage],
        ["/history #dev", usage],
        ["/history before soon", noTime("soon")],
        ["/history before 2026-02-30", noTime("2026-02-30")],
        ["/history before 25:00", noTime("25:00")],
        ["/history before -1", noTime("-1")],
        ["/history before before", noTime("before")],
        ["/history before 5 5", noTime("5 5")],
        ["/history before '; DROP TABLE message", noTime("That")],
        [`/history before ${"9".repeat(5_000)}`, noTime("That")],
      ] as const
    ) {
      await t.step(typed.slice(0, 30), async () => assertEquals(await ask(ann, typed), [answer]));
    }
    assertEquals(await ask(ann, "/history"), ["[14:02 1] ann: words"]);
  });
});

Deno.test("/history shows so many lines by default, and so many at most", async () => {
  await onServer({}, async (server, stack) => {
    const [ann] = await gather(server, stack, ["ann"]);
    const count = HISTORY_LINES_MAX + 30;
    await sayAll(ann, texts(1, count));
    const lines = texts(1, count).map((text, index) => `[14:02 ${index + 1}] ann: ${text}`);
    assertEquals(await ask(ann, "/history"), lines.slice(-HISTORY_LINES_DEFAULT));
    assertEquals(
      await ask(ann, `/history ${HISTORY_LINES_MAX + 1}`),
      lines.slice(-HISTORY_LINES_MAX),
    );
    assertEquals(await ask(ann, "/history 3 before 21"), lines.slice(17, 20));
    // Of long lines the newest that fit: nobody's queue is filled by an answer.
    const long = "x".repeat(8_000);
    await sayAll(ann, Array.from({ length: 12 }, () => long));
    const fitting = Math.floor(HISTORY_LENGTH_MAX / (long.length + LINE_FRAME_LENGTH));
    const first = count + 12 - fitting + 1;
    const shown = await ask(ann, "/history 100");
    // Compared without the texts: a difference of many long lines says little.
    assert(shown.every((line) => line.endsWith(long)));
    assertEquals(
      shown.map((line) => line.slice(0, -long.length)),
      texts(1, fitting).map((_, index) => `[14:02 ${first + index}] ann: `),
    );
  });
});

Deno.test("/search finds words in the rooms one is in, the newest first", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([
      [ann, "Deploy the new server on Monday"], // 1
      [bob, "/me deploys it"], // 2
      [ann, "/join #dev"],
      [ann, "/topic Deployment and servers"], // 3
      [bob, "/join #dev"],
      [bob, "the server, the SERVER!"], // 4
    ]);
    mock.timers.tick(DAY_MS);
    await arrange([
      [bob, "deploy again"], // 5
      [bob, "/join #lobby"],
      [bob, "nothing of note: a-b c_d e.f 3.14 it's"], // 6
    ]);
    await ann.roundtrip();
    const hits: readonly string[] = [
      "[2026-01-15 14:02 #lobby 1] ann: Deploy the new server on Monday",
      "[2026-01-15 14:02 #lobby 2] * bob deploys it",
      "[2026-01-15 14:02 #dev 3] -- ann set the topic: Deployment and servers",
      "[2026-01-15 14:02 #dev 4] bob: the server, the SERVER!",
      "[14:02 #dev 5] bob: deploy again",
      "[14:02 #lobby 6] bob: nothing of note: a-b c_d e.f 3.14 it's",
    ];
    for (
      const [typed, ...ids] of [
        ["/search server", 4, 1],
        ["/search SERVER", 4, 1],
        ["/search dep*", 5, 3, 2, 1],
        ["/search deploy", 5, 1],
        ["/search deploy server", 1],
        ["/search server deploy monday", 1],
        ["/search deploy monday*", 1],
        ["/search from:ann dep*", 3, 1],
        ["/search dep* FROM:BOB", 5, 2],
        ["/search from:nobody dep*"],
        ["/search in:#dev dep*", 5, 3],
        ["/search In:DEV server", 4],
        ["/search in:#lobby dep*", 2, 1],
        ["/search in:#lobby from:bob dep*", 2],
        ["/search dep* after:2026-01-16", 5],
        ["/search dep* before:2026-01-16", 3, 2, 1],
        ["/search dep* after:2026-01-15 before:2026-01-16", 3, 2, 1],
        ["/search dep* after:2026-01-16 before:2026-01-15"],
        ["/search dep* after:1d", 5, 3, 2, 1],
        ["/search dep* before:1d"],
        ["/search dep* after:2026-01-15T14:03", 5],
        ["/search dep* before:14:02", 3, 2, 1],
        ["/search dep* after:23h from:bob in:#dev", 5],
        ["/search a-b", 6],
        ["/search e.f", 6],
        ["/search 3.14", 6],
        ["/search it's", 6],
        ["/search nowhere"],
        ["/search eploy"],
        // Of two of a kind the last counts; what only looks like a filter is a word.
        ["/search dep* from:ann from:bob", 5, 2],
        ["/search note: nothing", 6],
        ["/search whom:ann"],
      ] as const
    ) {
      await t.step(typed, async () => {
        assertEquals(
          await ask(ann, typed),
          ids.length === 0 ? [NOT_FOUND] : ids.map((id) => hits[id - 1] ?? ""),
        );
      });
    }
  });
});

Deno.test("/search refuses what is no search", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([[bob, "/join #den"], [bob, "words"]]);
    const usage = "-- Type it as /search WORDS [from:NAME] [in:#ROOM] [before:DATE] [after:DATE].";
    const words = "w ".repeat(SEARCH_WORDS_MAX);
    for (
      const [typed, answer] of [
        ["/search", usage],
        ["/search from:ann", usage],
        ["/search in:#lobby before:1d", usage],
        ["/search x in:#nope", "-- You are in no such room. /join brings you into one."],
        ["/search x in:#den", "-- You are in no such room. /join brings you into one."],
        [
          "/search x before:soon",
          "-- soon is no time: 14:02, 2026-11-20, 2026-11-20 14:02 and 7d (ago) are some.",
        ],
        [
          "/search x after:13:99",
          "-- 13:99 is no time: 14:02, 2026-11-20, 2026-11-20 14:02 and 7d (ago) are some.",
        ],
        [`/search ${words}w`, `-- A search takes ${SEARCH_WORDS_MAX} words at most.`],
        [`/search ${words}`, NOT_FOUND],
      ] as const
    ) {
      await t.step(typed.slice(0, 30), async () => assertEquals(await ask(ann, typed), [answer]));
    }
  });
});

Deno.test("/search takes any language", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann] = await gather(server, stack, ["ann"]);
    const said = [
      "Das Caf\u{e9} \u{f6}ffnet um acht", // 1
      "\u{41c}\u{43e}\u{441}\u{43a}\u{432}\u{430} \u{436}\u{434}\u{451}\u{442}", // 2
      "\u{660e}\u{65e5}\u{6771}\u{4eac}\u{3067}\u{4f1a}\u{8b70}", // 3
      "\u{d55c}\u{ad6d}\u{c5b4} \u{ac80}\u{c0c9}", // 4
      "\u{5e9}\u{5c1}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}", // 5, with points
      "\u{645}\u{64e}\u{631}\u{652}\u{62d}\u{64e}\u{628}\u{64b}\u{627}", // 6, with vowel signs
      "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947} \u{926}\u{941}\u{928}\u{93f}\u{92f}\u{93e}", // 7
      "\u{e2a}\u{e27}\u{e31}\u{e2a}\u{e14}\u{e35}\u{e0a}\u{e32}\u{e27}\u{e42}\u{e25}\u{e01}", // 8
      "\u{39a}\u{3b1}\u{3bb}\u{3b7}\u{3bc}\u{3ad}\u{3c1}\u{3b1}", // 9
      "Ti\u{1ebf}ng Vi\u{1ec7}t", // 10
      "\u{1f600} party \u{1f468}\u{200d}\u{1f469}", // 11
    ];
    await sayAll(ann, said);
    for (
      const [words, id] of [
        ["CAFE", 1],
        ["cafe\u{301}", 1],
        ["\u{d6}FF*", 1],
        ["\u{43c}\u{43e}\u{441}\u{43a}\u{432}\u{430}", 2],
        ["\u{41c}\u{41e}\u{421}*", 2],
        ["\u{6771}\u{4eac}", 3],
        ["\u{4f1a}\u{8b70}", 3],
        ["\u{d55c}\u{ad6d}\u{c5b4}", 4],
        ["\u{5e9}\u{5dc}\u{5d5}\u{5dd}", 5],
        ["\u{645}\u{631}\u{62d}\u{628}\u{627}", 6],
        ["\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}", 7],
        ["\u{e0a}\u{e32}\u{e27}", 8],
        ["\u{3ba}\u{3b1}\u{3bb}\u{3b7}\u{3bc}\u{3b5}\u{3c1}\u{3b1}", 9],
        ["tieng viet", 10],
        ["party", 11],
        ["\u{1f600} party", 11],
        // In another order than it was written, or not at all.
        ["\u{4eac}\u{6771}", null],
        ["\u{1f600}", null],
        ["\u{5e9}\u{5d5}", null],
      ] as const
    ) {
      await t.step(words, async () => {
        assertEquals(
          await ask(ann, `/search ${words}`),
          id === null ? [NOT_FOUND] : [`[14:02 #lobby ${id}] ann: ${said[id - 1]}`],
        );
      });
    }
  });
});

Deno.test("/search takes any words as words, however hostile", async (t) => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([[bob, "/join #den"], [bob, "secret"], [ann, "public"], [
      ann,
      "AND not near OR",
    ]]);
    for (
      const words of [
        '"',
        '""',
        '"secret',
        "'",
        "*",
        "**",
        "(",
        ")",
        "^",
        "^secret",
        "-secret",
        "NOT",
        "OR secret",
        "public OR secret",
        "public) OR words : (secret",
        'public") OR words : ("secret',
        "NEAR(public",
        "{room}",
        "room:1",
        "room:*",
        "words:secret",
        "+",
        "\\",
        ";",
        "%",
        "_",
        "\u{e000}1",
        "\u{e000}2",
        "\u{e000}*",
        "\u{e001}*",
        "'; DROP TABLE message; --",
        "x".repeat(8_000),
        `${"x".repeat(4_000)}*`,
      ]
    ) {
      await t.step(words.slice(0, 30), async () => {
        const lines = await ask(ann, `/search ${words}`);
        assertEquals(lines.length, 1, `one answer, not ${lines}`);
        assert(!lines[0]?.includes("secret"), `finds what it must not: ${lines}`);
        assertMatch(lines[0] ?? "", /^(-- Nothing was found\.|\[14:02 #lobby \d\] ann: .*)$/);
      });
    }
    assertEquals(await ask(ann, "/search not and"), ["[14:02 #lobby 3] ann: AND not near OR"]);
    assertEquals(await ask(ann, "/history"), [
      "[14:02 2] ann: public",
      "[14:02 3] ann: AND not near OR",
    ]);
  });
});

Deno.test("/search shows so many hits, the newest", async () => {
  await onServer({}, async (server, stack) => {
    const [ann] = await gather(server, stack, ["ann"]);
    await sayAll(ann, texts(1, SEARCH_HITS_MAX + 10));
    assertEquals(
      await ask(ann, "/search text"),
      texts(11, SEARCH_HITS_MAX + 10).map((text, index) =>
        `[14:02 #lobby ${index + 11}] ann: ${text}`
      )
        .reverse(),
    );
    assertEquals(
      (await ask(ann, "/search text before:1m"))[0],
      NOT_FOUND,
    );
  });
});

Deno.test("/forget takes one's own messages back, by number too", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    assertEquals(await ask(ann, "/forget"), ["-- You have not said anything to be forgotten."]);
    await register(ann, "ann");
    await sayAll(ann, texts(1, 4));
    await bob.roundtrip();
    assertEquals(await ask(ann, "/forget"), [
      "-- ann took a message back (4).",
      "-- It is deleted from the history.",
    ]);
    assertEquals(await bob.roundtrip(), ["-- ann took a message back (4)."]);
    assertEquals(await ask(ann, "/forget 1"), [
      "-- ann took a message back (1).",
      "-- It is deleted from the history.",
    ]);
    assertEquals(await ask(ann, "/forget #2"), [
      "-- ann took a message back (2).",
      "-- It is deleted from the history.",
    ]);
    await bob.roundtrip();
    assertEquals(await ask(ann, "/forget 2"), [NO_SUCH]);
    for (const typed of ["/forget 0", "/forget 99", "/forget 999999999999999"]) {
      assertEquals(await ask(ann, typed), [NO_SUCH]);
    }
    for (
      const typed of ["/forget two", "/forget -3", "/forget 3 3", "/forget 3.5", "/forget all"]
    ) {
      assertEquals(await ask(ann, typed), ["-- Type it as /forget [NUMBER]."]);
    }
    assertEquals(await ask(bob, "/history"), ["[14:02 3] ann: text 3"]);
    assertEquals(await bob.roundtrip(), []);
    // A guest has the last message alone: nobody knows who has a guest's name tomorrow.
    await arrange([[bob, "mine 5"], [bob, "mine 6"]]);
    assertEquals(await ask(bob, "/forget 5"), ["-- Only an operator of #lobby may do that."]);
    assertEquals(await ask(bob, "/forget 6"), [
      "-- bob took a message back (6).",
      "-- It is deleted from the history.",
    ]);
    assertEquals(await ask(bob, "/forget"), ["-- You have not said anything to be forgotten."]);
    await bob.close();
    await using other = await server.join("bob");
    assertEquals(await ask(other, "/forget 5"), ["-- Only an operator of #lobby may do that."]);
  });
});

Deno.test("/forget of what one said where one is no more is refused, and hurts nothing", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([[bob, "/join #dev"], [ann, "/join #dev"], [ann, "oops"], [ann, "/leave"]]);
    await bob.roundtrip();
    assertEquals(await ask(ann, "/forget"), [NO_SUCH]);
    await arrange([[ann, "/join #dev"]]);
    await bob.roundtrip();
    assertEquals(await ask(ann, "/forget"), [
      "-- ann took a message back (1).",
      "-- It is deleted from the history.",
    ]);
    assertEquals(await bob.roundtrip(), ["-- ann took a message back (1)."]);
  });
});

Deno.test("/forget of others' messages is for operators, of what may be seen and whom they outrank", async () => {
  await onServer({ operators: ["opal"] }, async (server, stack) => {
    const [ann, bob, opal] = await gather(server, stack, ["ann", "bob", "opal"]);
    await register(opal, "opal");
    await arrange([
      [ann, "/join #dev"],
      [bob, "/join #dev"],
      [opal, "/join #dev"],
      [bob, "rude"], // 1
      [opal, "official"], // 2
      [ann, "mine"], // 3
      [bob, "/join #lobby"],
      [bob, "said in the lobby"], // 4
    ]);
    await ann.roundtrip();
    await opal.roundtrip();
    assertEquals(await ask(bob, "/forget 3"), ["-- Only an operator of #dev may do that."]);
    assertEquals(await ask(ann, "/forget 1"), [
      "-- ann deleted a message by bob (1).",
      "-- It is deleted from the history.",
    ]);
    assertEquals(await bob.roundtrip(), ["-- [#dev] ann deleted a message by bob (1)."]);
    assertEquals(await ask(ann, "/forget 2"), [
      "-- That is a server operator: you cannot do that to them.",
    ]);
    assertEquals(await ask(ann, "/forget 4"), ["-- Only an operator of #lobby may do that."]);
    await opal.expect("-- ann deleted a message by bob (1).");
    assertEquals(await ask(opal, "/forget 4"), [
      "-- [#lobby] opal deleted a message by bob (4).",
      "-- It is deleted from the history.",
    ]);
    // Not in the room: not even that there is such a message.
    await arrange([[opal, "/leave #dev"]]);
    assertEquals(await ask(opal, "/forget 3"), [NO_SUCH]);
    await arrange([[ann, "/leave #lobby"]]);
    assertEquals(await ask(ann, "/history"), [
      "[14:02 2] opal: official",
      "[14:02 3] ann: mine",
    ]);
  });
});

Deno.test("what was deleted is found by nobody, in no way, ever after", async () => {
  await onFile(async (db) => {
    await atTime(async () => {
      const look = async (server: TestServer): Promise<void> => {
        await using eve = await server.connect();
        eve.say("/nick eve");
        const shown = (await eve.until("-- You are now eve.")).filter((line) => /: /.test(line));
        assertEquals(shown, ["[14:02] ann: before", "[14:02] ann: after"]);
        assertEquals(await ask(eve, "/history"), [
          "[14:02 1] ann: before",
          "[14:02 3] ann: after",
        ]);
        assertEquals(await ask(eve, "/history before 3"), ["[14:02 1] ann: before"]);
        for (const typed of ["xylophone", "xyl*", "x*", "my", "xylophone from:ann in:#lobby"]) {
          assertEquals(await ask(eve, `/search ${typed}`), [NOT_FOUND]);
        }
        assertEquals(await ask(eve, "/forget 2"), [NO_SUCH]);
      };
      {
        await using server = await startTestServer({ db });
        await using stack = new AsyncDisposableStack();
        const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
        await arrange([
          [ann, "before"],
          [ann, "my xylophone"],
          [ann, "/forget"],
          [ann, "after"],
        ]);
        assertEquals((await bob.roundtrip()).slice(-2), [
          "-- ann took a message back (2).",
          "ann: after",
        ]);
        await look(server);
        // Nobody is in the lobby, and then somebody again.
        await ann.close();
        await bob.close();
        await look(server);
      }
      await using server = await startTestServer({ db });
      await look(server);
    });
  });
});

Deno.test("history lasts over restarts, in order and once, and numbers go on", async () => {
  await onFile(async (db) => {
    await atTime(async () => {
      const perLife = 70;
      for (let life = 0; life < 3; life++) {
        await using server = await startTestServer({ db });
        await using stack = new AsyncDisposableStack();
        const said = life * perLife;
        await using ann = await server.connect();
        ann.say("/nick ann");
        const shown = (await ann.until("-- You are now ann.")).slice(2, -1);
        assertEquals(
          shown,
          texts(Math.max(1, said - BACKLOG_LINES + 1), said).map((text) => `[14:02] ann: ${text}`),
        );
        const [bob] = await gather(server, stack, ["bob"]);
        await ann.roundtrip();
        await sayAll(ann, texts(said + 1, said + perLife));
        await bob.roundtrip();
        assertEquals(
          await ask(bob, "/history 500"),
          texts(1, said + perLife).map((text, index) => `[14:02 ${index + 1}] ann: ${text}`),
        );
        assertEquals(await ask(bob, `/search ${said + 3}`), [
          `[14:02 #lobby ${said + 3}] ann: text ${said + 3}`,
        ]);
      }
    });
  });
});

Deno.test("a server in memory keeps nothing for the next one", async () => {
  await atTime(async () => {
    {
      await using server = await startTestServer({ db: ":memory:" });
      await using ann = await server.join("ann");
      await register(ann, "ann");
      await arrange([[ann, "words"], [ann, "/join #dev"], [ann, "more words"]]);
      assertEquals(await ask(ann, "/history"), ["[14:02 2] ann: more words"]);
    }
    await using server = await startTestServer({ db: ":memory:" });
    await using ann = await server.join("ann");
    assertEquals(await ask(ann, "/history"), [NOTHING]);
    assertEquals(await ask(ann, "/search words"), [NOT_FOUND]);
    assertEquals(await ask(ann, "/rooms"), ["-- #lobby  1 person, you are in"]);
    assertEquals(await ask(ann, `/login ann ${PASSWORD}`), [
      "-- Nobody has registered that name. /nick NAME, then /register PASSWORD makes it yours.",
    ]);
  });
});

/** Runs a test on a server of which time and timers are the test's. */
async function onFakeTime(
  overrides: Overrides,
  test: (server: TestServer, stack: AsyncDisposableStack) => Promise<void>,
): Promise<void> {
  mock.timers.enable({ apis: ["Date", "setTimeout"], now: NOW.getTime() });
  try {
    await using server = await startTestServer(overrides);
    await using stack = new AsyncDisposableStack();
    await test(server, stack);
  } finally {
    mock.timers.reset();
  }
}

/** Time passes, and what is due in the background is done. */
async function pass(ms: number, witness: Guest): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += EXPIRING_MS) {
    mock.timers.tick(EXPIRING_MS);
    await witness.roundtrip();
  }
}

Deno.test("what is older than the server keeps it is shown by nothing", async () => {
  await onFakeTime({ keepMs: 2 * 3_600_000 }, async (server, stack) => {
    const [ann] = await gather(server, stack, ["ann"]);
    await sayAll(ann, ["old"]);
    await pass(90 * MINUTE_MS, ann);
    await sayAll(ann, ["young"]);
    await pass(30 * MINUTE_MS + EXPIRING_MS, ann);
    assertEquals(await ask(ann, "/history"), ["[15:32 2] ann: young"]);
    assertEquals(await ask(ann, "/search old"), [NOT_FOUND]);
    assertEquals(await ask(ann, "/search young"), ["[15:32 #lobby 2] ann: young"]);
    assertEquals(await ask(ann, "/forget 1"), [NO_SUCH]);
    await using bob = await server.connect();
    bob.say("/nick bob");
    // ann was there all the time: what the room has in memory is no exception.
    assertEquals((await bob.until("-- You are now bob.")).slice(2, -1), ["[15:32] ann: young"]);
  });
});

Deno.test("a room's history lasts as long as its operators say, the others' is unharmed", async () => {
  await onFakeTime({ keepMs: DAY_MS }, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([
      [bob, "stays"],
      [ann, "/join #dev"],
      [ann, "/room keep 1h"],
      [ann, "goes"],
      [ann, "/leave"],
    ]);
    await pass(50 * MINUTE_MS, ann);
    await arrange([[ann, "/join #dev"], [ann, "goes later"]]);
    await pass(20 * MINUTE_MS, ann);
    assertEquals(await ask(ann, "/history"), ["[14:52 3] ann: goes later"]);
    assertEquals(await ask(ann, "/search goes"), ["[14:52 #dev 3] ann: goes later"]);
    assertEquals(await ask(ann, "/search stays"), ["[14:02 #lobby 1] bob: stays"]);
    // A longer time than the server's is the server's.
    await arrange([[ann, "/room keep 90d"]]);
    await pass(DAY_MS, ann);
    assertEquals(await ask(ann, "/history"), [NOTHING]);
    assertEquals(await ask(bob, "/history"), [NOTHING]);
  });
});

Deno.test("who comes into a room is not shown what it keeps no longer, though it was never empty", async () => {
  await onFakeTime({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([[ann, "/join #dev"], [ann, "/room keep 1h"], [ann, "goes"]]);
    // What was read for somebody else is at hand, but has its time as well.
    assertEquals((await ask(bob, "/join #dev")).length, 2);
    await arrange([[bob, "/leave"]]);
    await ann.roundtrip();
    await pass(90 * MINUTE_MS, ann);
    assertEquals(await ask(ann, "/history"), [NOTHING]);
    assertEquals(await ask(bob, "/join #dev"), ["-- You are now in #dev, with ann."]);
  });
});

Deno.test("how much is unread does not count what is kept no longer", async () => {
  await onFakeTime({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await arrange([
      [ann, "/join #dev"],
      [ann, "/room keep 1h"],
      [bob, "/join #dev"],
      [bob, "/leave"],
    ]);
    await sayAll(ann, texts(1, BACKLOG_LINES_MAX + 50));
    await pass(90 * MINUTE_MS, ann);
    // Nobody is there, so that what the room had in memory is gone.
    await arrange([[ann, "/leave"], [ann, "/join #dev"], [ann, "news"], [ann, "/leave"]]);
    assertEquals(await ask(bob, "/join #dev"), [
      "-- You are now in #dev, alone so far.",
      "[15:32] ann: news",
    ]);
  });
});

Deno.test("who is not in a room reads nothing of it, in no way", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
    await register(bob, "bob");
    await arrange([
      [ann, "/join #dev"],
      [bob, "/join #dev"],
      [ann, "secret"],
      [bob, "secret as well"],
      [ann, "/leave #lobby"],
      [bob, "/leave #dev"],
    ]);
    await eve.roundtrip();
    const none = "-- You are in no such room. /join brings you into one.";
    // A guest who was never there, and a member who has left, if only for now.
    for (const guest of [eve, bob]) {
      assertEquals(await ask(guest, "/history"), [NOTHING]);
      assertEquals(await ask(guest, "/history before 99"), [NOTHING]);
      assertEquals(await ask(guest, "/search secret"), [NOT_FOUND]);
      assertEquals(await ask(guest, "/search sec* from:ann"), [NOT_FOUND]);
      assertEquals(await ask(guest, "/search secret in:#dev"), [none]);
      for (const id of [1, 2]) assertEquals(await ask(guest, `/forget ${id}`), [NO_SUCH]);
    }
    assertEquals(await ask(ann, "/search secret"), [
      "[14:02 #dev 2] bob: secret as well",
      "[14:02 #dev 1] ann: secret",
    ]);
    await arrange([[bob, "/join #dev"]]);
    assertEquals((await ask(bob, "/search secret")).length, 2);
    // Sent out is out.
    await arrange([[ann, "/kick bob"], [bob, "/join #lobby"]]);
    assertEquals(await ask(bob, "/search secret"), [NOT_FOUND]);
  });
});

Deno.test("what was said while fewer could come in is not for those who come once more can", async (t) => {
  for (
    const [closed, opened] of [
      ["private", "open"],
      ["invite-only", "open"],
      ["invite-only", "private"],
      [`password ${WORD}`, "open"],
      ["invite-only", `password ${WORD}`],
    ] as const
  ) {
    await t.step(`${closed}, then ${opened}`, async () => {
      await onServer({}, async (server, stack) => {
        const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
        await arrange([
          [ann, "/join #dev"],
          [bob, "/join #dev"],
          [ann, "before"], // 1
          [ann, `/room ${closed}`],
          [ann, "secret"], // 2
          [ann, "/topic Secrecy"], // 3
          [ann, `/room ${opened}`],
          [ann, "after"], // 4
        ]);
        assertEquals(await ask(eve, `/join #dev ${WORD}`), [
          "-- You are now in #dev, with ann and bob.",
          "-- Topic: Secrecy",
          "[14:02] ann: after",
        ]);
        assertEquals(await ask(eve, "/history 500"), ["[14:02 4] ann: after"]);
        assertEquals(await ask(eve, "/history before 4"), [NOTHING]);
        assertEquals(await ask(eve, "/search s*"), [NOT_FOUND]);
        assertEquals(await ask(eve, "/search secret in:#dev"), [NOT_FOUND]);
        for (const id of [1, 2, 3]) assertEquals(await ask(eve, `/forget ${id}`), [NO_SUCH]);
        // Those who were there have all of it.
        for (const guest of [ann, bob]) {
          await guest.until("-- eve joined.");
          assertEquals(await ask(guest, "/history"), [
            "[14:02 1] ann: before",
            "[14:02 2] ann: secret",
            "[14:02 3] -- ann set the topic: Secrecy",
            "[14:02 4] ann: after",
          ]);
        }
        // A guest who leaves is somebody new.
        await arrange([[bob, "/leave"]]);
        assertEquals((await ask(bob, `/join #dev ${WORD}`)).slice(2), ["[14:02] ann: after"]);
        assertEquals(await ask(bob, "/search secret"), [NOT_FOUND]);
      });
    });
  }
});

Deno.test("closing a room takes nothing from who comes in afterwards", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await arrange([
      [ann, "/join #dev"],
      [ann, "before"],
      [ann, "/room private"],
      [ann, "then"],
      [ann, "/room invite-only"],
      [ann, "secret"],
      [ann, "/invite bob"],
    ]);
    await bob.roundtrip();
    assertEquals(await ask(bob, "/join #dev"), [
      "-- You are now in #dev, with ann.",
      "[14:02] ann: before",
      "[14:02] ann: then",
      "[14:02] ann: secret",
    ]);
  });
});

Deno.test("registered members keep what they could read, over a restart too", async () => {
  await onFile(async (db) => {
    await atTime(async () => {
      const all = [
        "[14:02 1] ann: before",
        "[14:02 2] ann: secret",
        "[14:02 3] ann: after",
      ];
      {
        await using server = await startTestServer({ db });
        await using stack = new AsyncDisposableStack();
        const [ann, bob, cat] = await gather(server, stack, ["ann", "bob", "cat"]);
        await register(ann, "ann");
        await register(bob, "bob");
        await register(cat, "cat");
        await arrange([
          [ann, "/join #dev"],
          [ann, "before"],
          [ann, `/room password ${WORD}`],
          // Comes with the password, hears the secret, and is away when the room is opened.
          [bob, `/join #dev ${WORD}`],
          [ann, "secret"],
          [bob, "/leave"],
          [ann, "/room open"],
          [ann, "after"],
          [cat, "/join #dev"],
        ]);
        assertEquals(await ask(cat, "/history"), ["[14:02 3] ann: after"]);
        await arrange([[bob, "/join #dev"]]);
        assertEquals(await ask(bob, "/history"), all);
      }
      await using server = await startTestServer({ db });
      for (const [name, lines] of [["ann", all], ["bob", all], ["cat", all.slice(2)]] as const) {
        const { guest } = await login(server, name);
        await using _guest = guest;
        await ask(guest, "/join #dev");
        assertEquals(await ask(guest, "/history"), lines);
        assertEquals(
          await ask(guest, "/search secret"),
          name === "cat" ? [NOT_FOUND] : ["[14:02 #dev 2] ann: secret"],
        );
      }
      await using dan = await server.join("dan");
      await ask(dan, "/join #dev");
      assertEquals(await ask(dan, "/history"), ["[14:02 3] ann: after"]);
    });
  });
});

Deno.test("who logs in where they are already may read what the name may read", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await arrange([
      [ann, "/join #dev"],
      [bob, "/join #dev"],
      [ann, "/room private"],
      [ann, "secret"],
      [ann, "/room open"],
      [ann, "after"],
    ]);
    await bob.close();
    await ann.until("-- [#lobby] bob left.");
    await using later = await server.connect();
    later.say("/nick rob");
    later.say("/join #dev");
    await later.roundtrip();
    assertEquals(await ask(later, "/history"), ["[14:02 2] ann: after"]);
    later.say(`/login bob ${PASSWORD}`);
    await later.until("-- You are logged in as bob.");
    const all = ["[14:02 1] ann: secret", "[14:02 2] ann: after"];
    assertEquals(await ask(later, "/history"), all);
    // And who goes on as a guest has seen it anyway; who comes back as one has not.
    await arrange([[later, "/nick rob"]]);
    assertEquals(await ask(later, "/history"), all);
    await arrange([[later, "/leave"], [later, "/join #dev"]]);
    assertEquals(await ask(later, "/history"), ["[14:02 2] ann: after"]);
  });
});

Deno.test("who was in a room once, and could not come in while it was closed, is no member", async () => {
  await onServer({}, async (server, stack) => {
    const [ann, bob, cat] = await gather(server, stack, ["ann", "bob", "cat"]);
    await register(bob, "bob");
    await register(cat, "cat");
    // bob leaves before it is closed; cat is sent out while it is.
    await arrange([
      [ann, "/join #dev"],
      [bob, "/join #dev"],
      [cat, "/join #dev"],
      [bob, "/leave"],
      [ann, "/room invite-only"],
      [ann, "/kick cat"],
      [ann, "secret"],
    ]);
    for (const guest of [bob, cat]) {
      await guest.roundtrip();
      assertEquals(await ask(guest, "/join #dev"), [
        "-- #dev is for those who are invited by its operators.",
      ]);
    }
    await arrange([[ann, "/room open"]]);
    for (const guest of [bob, cat]) {
      const shown = await ask(guest, "/join #dev");
      assertEquals(shown.filter((line) => /secret/.test(line)), []);
      assertEquals(await ask(guest, "/history"), [NOTHING]);
      assertEquals(await ask(guest, "/search secret"), [NOT_FOUND]);
      assertEquals(await ask(guest, "/forget 1"), [NO_SUCH]);
    }
  });
});

/** One message, as the model knows it. */
interface Said {
  readonly id: number;
  /** How often its room had been opened to more people before it was said. */
  readonly openings: number;
  isDeleted: boolean;
}

/** Access from the widest to the closest. */
const ACCESSES = ["open", "private", "password", "invite-only"];

/**
 * Who may read what in one room, told without ids and marks. Somebody is a member
 * from when they come in (at the earliest: from when they could), until they are
 * out and could not come in any more. Members may read whatever was said since the
 * room was last opened to more people before they became one.
 */
class RoomModel {
  readonly name: string;
  readonly said: Said[] = [];
  readonly present = new Set<string>();
  readonly operators = new Set<string>();
  readonly invited = new Set<string>();
  /** Those who know the present password. */
  readonly knowing = new Set<string>();
  password = WORD;
  /** How often the room had been opened before each became a member, at the earliest. */
  readonly #mayBeSince = new Map<string, number>();
  /** The same, at the latest. */
  readonly #isSince = new Map<string, number>();
  #access = "open";
  #openings = 0;

  constructor(name: string, maker: string) {
    this.name = name;
    this.operators.add(maker);
    this.comeIn([maker]);
  }

  setAccess(access: string): void {
    if (ACCESSES.indexOf(access) < ACCESSES.indexOf(this.#access)) this.#openings++;
    this.#access = access;
    if (access !== "password") return;
    this.knowing.clear();
    for (const who of this.present) this.knowing.add(who);
  }

  /** Adds a message. */
  say(id: number): void {
    this.said.push({ id, openings: this.#openings, isDeleted: false });
  }

  /** Somebody is let in, whether they come or not. */
  admit(who: string): void {
    if (!this.#mayBeSince.has(who)) this.#mayBeSince.set(who, this.#openings);
  }

  comeIn(ids: readonly string[]): void {
    for (const who of ids) {
      this.present.add(who);
      this.admit(who);
      if (!this.#isSince.has(who)) this.#isSince.set(who, this.#openings);
      if (this.#access === "password" && !this.operators.has(who)) this.knowing.add(who);
    }
  }

  leave(ids: readonly string[]): void {
    for (const who of ids) {
      this.present.delete(who);
      if (isGuest(who)) this.invited.delete(who);
    }
  }

  /** A guest who is here turns out to be somebody with a name. */
  recognise(guest: string, who: string): void {
    if (!this.present.has(guest)) return;
    this.present.add(who);
    if (this.knowing.has(guest)) this.knowing.add(who);
    for (const since of [this.#mayBeSince, this.#isSince]) {
      const asGuest = since.get(guest);
      if (!since.has(who) && asGuest !== undefined) since.set(who, asGuest);
    }
  }

  /** Whoever is out and could not come in any more is a member no longer. */
  settle(): void {
    for (const since of [this.#mayBeSince, this.#isSince]) {
      for (const who of since.keys()) {
        if (!this.present.has(who) && !this.#couldEnter(who)) since.delete(who);
      }
    }
  }

  /** Whether nobody would be wronged if one of these read it. */
  mayRead(ids: readonly string[], said: Said): boolean {
    return this.#canRead(this.#mayBeSince, ids, said);
  }

  /** Whether one of these would be wronged if they could not read it. */
  mustRead(ids: readonly string[], said: Said): boolean {
    return this.#canRead(this.#isSince, ids, said);
  }

  #canRead(since: ReadonlyMap<string, number>, ids: readonly string[], said: Said): boolean {
    return !said.isDeleted &&
      ids.some((who) => this.present.has(who) && said.openings >= (since.get(who) ?? Infinity));
  }

  #couldEnter(who: string): boolean {
    if (isGuest(who)) return false;
    if (this.operators.has(who)) return true;
    if (this.#access === "password") return this.knowing.has(who);
    return this.#access !== "invite-only" || this.invited.has(who);
  }
}

function isGuest(who: string): boolean {
  return who.startsWith("guest ");
}

/** Somebody with a connection, and whom the model takes them for. */
interface Somebody {
  /** Their registered name, or null for a guest. */
  readonly account: string | null;
  member: Member;
  notes: Notes;
  ids: string[];
}

const ACCOUNTS = ["ann", "bob", "cat"];

/** A chat that can be restarted, five people, two rooms, and the model of each. */
class World implements Disposable {
  readonly #store = openStore({ path: ":memory:", keepMs: null });
  #callbacks: (() => void)[] = [];
  #chat = this.#start();
  #guests = 0;
  readonly people: Somebody[] = [];
  readonly rooms: RoomModel[] = [];

  /** With rooms of ann's and bob's, and nobody else in them. */
  static async make(): Promise<World> {
    const world = new World();
    for (const account of [...ACCOUNTS, null, null]) {
      const somebody = world.#connect(account);
      world.people.push(somebody);
      if (account === null) continue;
      await world.run(somebody, "nick", account);
      await world.run(somebody, "register", PASSWORD);
      somebody.ids = [account];
    }
    for (const [index, name] of ["#red", "#blue"].entries()) {
      const maker = world.people[index];
      assert(maker !== undefined);
      assert(await world.run(maker, "join", name));
      world.rooms.push(new RoomModel(name, ACCOUNTS[index] ?? ""));
    }
    return world;
  }

  #start(): Chat {
    return new Chat({
      counters: new Counters(),
      server: "Parley",
      motd: [],
      operators: [],
      allowsPlaintextPasswords: false,
      store: this.#store,
      passwords: CHEAP_PASSWORDS,
      tokens: COUNTED_TOKENS,
      resumeGraceMs: 0,
      newTimer: () => NO_TIMER,
      turns: { atEnd: (callback) => this.#callbacks.push(callback) },
      pause: () => Promise.resolve(),
      onFault: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
  }

  #connect(account: string | null): Somebody {
    const notes = new Notes();
    const user = this.#chat.enter(notes, { address: "127.0.0.1", isPrivate: true });
    const ids = [`guest ${++this.#guests}`];
    return { account, member: this.#chat.require(user), notes, ids };
  }

  /** Has somebody run a command; false where it is refused. */
  async run(somebody: Somebody, name: string, args: string): Promise<boolean> {
    const { member } = somebody;
    const { signal } = new AbortController();
    try {
      const chat = this.#chat;
      const answer = (event: ChatEvent): void => chat.answer(member, event);
      await runCommand({ chat, member, signal, answer, quit: () => {} }, { name, args });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      somebody.notes.deliver({ type: "refused", code: error.code, text: error.message });
      return false;
    } finally {
      this.#endTurn();
    }
    return true;
  }

  #endTurn(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** Runs a command and tells the model; then nobody may have heard what was not for them. */
  async act(
    somebody: Somebody,
    command: readonly [name: string, args: string],
    update: () => void,
  ): Promise<void> {
    const before = this.rooms.map((room) => new Set(room.present));
    if (await this.run(somebody, ...command)) update();
    for (const room of this.rooms) room.settle();
    for (const listener of this.people) {
      for (const event of listener.notes.events.splice(0)) {
        if (event.type === "message") {
          const at = this.rooms.findIndex(({ name }) => name === event.room);
          assert(listener.ids.some((id) => before[at]?.has(id)), "hears what is said elsewhere");
        } else if (event.type === "history") {
          const room = this.rooms.find(({ name }) => name === event.room);
          if (room === undefined) continue;
          for (const { id } of event.lines) this.#requireReadable(room, listener, id);
        }
      }
    }
  }

  #requireReadable(room: RoomModel, reader: Somebody, id: number): void {
    const said = room.said.find((each) => each.id === id);
    assert(said !== undefined, `message ${id} was never said in ${room.name}`);
    assert(
      room.mayRead(reader.ids, said),
      `${reader.ids} read message ${id} of ${room.name}, which was not for them`,
    );
  }

  async join(somebody: Somebody, room: RoomModel, password: string): Promise<void> {
    await this.act(
      somebody,
      ["join", `${room.name} ${password}`.trim()],
      () => room.comeIn(somebody.ids),
    );
  }

  async leave(somebody: Somebody, room: RoomModel): Promise<void> {
    await this.act(somebody, ["leave", room.name], () => room.leave(somebody.ids));
  }

  async say(somebody: Somebody, room: RoomModel): Promise<void> {
    // So that each can be searched for.
    const text = `word w${this.#chat.broadcast.lastMessageId + 1}x`;
    await this.act(
      somebody,
      ["msg", `${room.name} ${text}`],
      () => room.say(this.#chat.broadcast.lastMessageId),
    );
  }

  /** Has an operator who is in the room do something there. */
  async operate(
    room: RoomModel,
    command: readonly [name: string, args: string],
    update: (room: RoomModel) => void,
  ): Promise<void> {
    const operator = this.people.find(({ account }) =>
      account !== null && room.operators.has(account) && room.present.has(account)
    );
    if (operator === undefined) return;
    await this.act(operator, ["join", room.name], () => {});
    await this.act(operator, command, () => update(room));
  }

  async forget(somebody: Somebody, said: Said): Promise<void> {
    await this.act(somebody, ["forget", `${said.id}`], () => {
      said.isDeleted = true;
    });
  }

  /** Somebody goes and comes back; those with a name perhaps as a guest at first. */
  async reconnect(somebody: Somebody, asGuestIn: RoomModel | null): Promise<void> {
    this.#chat.leave(somebody.member, "left");
    this.#endTurn();
    for (const room of this.rooms) {
      room.leave(somebody.ids);
      room.settle();
    }
    Object.assign(somebody, this.#connect(somebody.account));
    if (asGuestIn !== null) await this.join(somebody, asGuestIn, asGuestIn.password);
    await this.#logIn(somebody);
  }

  async #logIn(somebody: Somebody): Promise<void> {
    const { account, ids } = somebody;
    if (account === null) return;
    const [guest = ""] = ids;
    await this.act(somebody, ["login", `${account} ${PASSWORD}`], () => {
      for (const room of this.rooms) room.recognise(guest, account);
      somebody.ids = [account, guest];
    });
    assertEquals(somebody.ids.length, 2, "could not log in");
  }

  async restart(): Promise<void> {
    this.#chat.close();
    for (const { member } of this.people) this.#chat.leave(member, "left");
    this.#endTurn();
    for (const room of this.rooms) {
      room.present.clear();
      room.invited.forEach((who) => isGuest(who) && room.invited.delete(who));
      room.settle();
    }
    this.#chat = this.#start();
    for (const somebody of this.people) {
      Object.assign(somebody, this.#connect(somebody.account));
      await this.#logIn(somebody);
    }
  }

  /** Everybody reads, in every way; nobody reads too much, and nobody too little. */
  async read(): Promise<void> {
    for (const reader of this.people) {
      for (const room of this.rooms) {
        const isIn = reader.ids.some((id) => room.present.has(id));
        if (isIn) await this.#readRoom(reader, room);
        else assert(!await this.run(reader, "search", `word in:${room.name}`));
        for (const said of room.said) {
          const found = await this.#ask(reader, "search", `w${said.id}x`);
          this.#compare(room, reader, { said, isRead: found.includes(said.id) });
          if (!room.mayRead(reader.ids, said)) {
            assert(!await this.run(reader, "forget", `${said.id}`));
            const refusal = reader.notes.events.at(-1);
            assert(refusal?.type === "refused" && refusal.code === "no-such-message");
          }
        }
      }
      const found = await this.#ask(reader, "search", "word");
      for (const room of this.rooms) {
        for (const said of room.said) {
          if (found.includes(said.id)) this.#requireReadable(room, reader, said.id);
        }
      }
    }
  }

  async #readRoom(reader: Somebody, room: RoomModel): Promise<void> {
    assert(await this.run(reader, "join", room.name));
    const all = await this.#ask(reader, "history", "500");
    for (const said of room.said) {
      this.#compare(room, reader, { said, isRead: all.includes(said.id) });
    }
    for (const id of all) this.#requireReadable(room, reader, id);
    assertEquals(all, [...all].sort((one, other) => one - other), "history is in order");
    const middle = all[Math.floor(all.length / 2)];
    if (middle === undefined) return;
    const before = await this.#ask(reader, "history", `500 before ${middle}`);
    assertEquals(before, all.filter((id) => id < middle));
  }

  #compare(
    room: RoomModel,
    reader: Somebody,
    { said, isRead }: { readonly said: Said; readonly isRead: boolean },
  ): void {
    if (isRead) this.#requireReadable(room, reader, said.id);
    else {
      assert(
        !room.mustRead(reader.ids, said),
        `${reader.ids} could read message ${said.id} of ${room.name}, and no longer can`,
      );
    }
  }

  /** The numbers of the lines that somebody is shown for an answer. */
  async #ask(reader: Somebody, name: string, args: string): Promise<number[]> {
    reader.notes.events.splice(0);
    assert(await this.run(reader, name, args));
    return reader.notes.events.splice(0).flatMap((event) =>
      event.type === "history" || event.type === "found" ? event.lines.map(({ id }) => id) : []
    );
  }

  [Symbol.dispose](): void {
    this.#chat.close();
    this.#store.close();
  }
}

/** What random people do in random rooms. */
const STEPS = fc.array(
  fc.record({
    act: fc.constantFrom(
      "join",
      "join",
      "say",
      "say",
      "say",
      "leave",
      "access",
      "access",
      "invite",
      "kick",
      "op",
      "forget",
      "reconnect",
      "restart",
    ),
    who: fc.nat({ max: 4 }),
    other: fc.nat({ max: 4 }),
    room: fc.nat({ max: 1 }),
    access: fc.constantFrom(...ACCESSES),
    isTrue: fc.boolean(),
  }),
  { maxLength: 60, size: "max" },
);

Deno.test("nobody ever reads what they could not have read as a member, and members can", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, async (steps) => {
      using world = await World.make();
      for (const { act, who, other, room: at, access, isTrue } of steps) {
        const [somebody, target, room] = [world.people[who], world.people[other], world.rooms[at]];
        assert(somebody !== undefined && target !== undefined && room !== undefined);
        switch (act) {
          case "join":
            await world.join(somebody, room, isTrue ? room.password : "");
            break;
          case "leave":
            await world.leave(somebody, room);
            break;
          case "say":
            await world.say(somebody, room);
            break;
          case "access": {
            // Another one each time, which those who are not there do not learn.
            const password = `${room.password}x`;
            const word = access === "password" ? ` ${password}` : "";
            await world.operate(room, ["room", access + word], () => {
              if (access === "password") room.password = password;
              room.setAccess(access);
            });
            break;
          }
          case "invite":
            await world.operate(room, ["invite", target.member.name], () => {
              room.invited.add(target.ids[0] ?? "");
              room.admit(target.ids[0] ?? "");
            });
            break;
          case "kick":
            await world.operate(room, ["kick", target.member.name], () => {
              room.leave(target.ids);
              for (const id of target.ids) room.invited.delete(id);
            });
            break;
          case "op":
            await world.operate(room, ["op", target.member.name], () => {
              room.operators.add(target.account ?? "");
              room.admit(target.account ?? "");
            });
            break;
          case "forget": {
            const said = room.said[who * 7 + other];
            if (said !== undefined) await world.forget(somebody, said);
            break;
          }
          case "reconnect":
            await world.reconnect(somebody, isTrue ? room : null);
            break;
          case "restart":
            await world.restart();
            break;
        }
      }
      await world.read();
      // At last everything is open to all.
      for (const [index, room] of world.rooms.entries()) {
        const maker = world.people[index];
        assert(maker !== undefined);
        await world.join(maker, room, "");
        await world.operate(room, ["room", "open"], () => room.setAccess("open"));
      }
      for (const restarts of [0, 1]) {
        if (restarts > 0) await world.restart();
        for (const room of world.rooms) {
          for (const somebody of world.people) await world.join(somebody, room, "");
        }
        await world.read();
      }
    }),
    { numRuns: 100 },
  );
});
