// The full-screen client in real terminals (tmux), against a real server: what two people see of
// each other, at every size, when the server is away, and when it says a lot.

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { commandOf } from "../fixtures/programs.ts";
import { startTestServer, type TestServer, WAIT_MS } from "../harness.ts";
import { Terminal, WHY_NO_TMUX } from "./tmux.ts";

/** The program, for a shell: with the rights that the client has. */
const PROGRAM = [
  Deno.execPath(),
  ...commandOf(
    "parley-client",
    fileURLToPath(new URL("../fixtures/full_screen_program.ts", import.meta.url)),
  ),
].map((word) => `'${word}'`).join(" ");

/** Whether what a shell runs gives the terminal back as it was. */
const AS_BEFORE = `[ "$before" = "$(stty -g)" ] && echo as before`;

/** A terminal in which somebody has come into the chat. */
async function startClient(
  port: number,
  options: { readonly nick: string; readonly columns?: number; readonly rows?: number },
): Promise<Terminal> {
  // The client says its version and leaves: what remains is a terminal with a shell.
  const terminal = await Terminal.start({ args: ["--version"], ...options });
  try {
    await terminal.waitForEnd("restored\n$");
    await terminal.type(
      `clear; echo before; before=$(stty -g); ${PROGRAM} 127.0.0.1:${port} ${options.nick}; ` +
        `echo "code $?"; ${AS_BEFORE}`,
    );
    await terminal.keys("Enter");
    await waitUntil(
      terminal,
      "a screen",
      ({ isOnline, typed }) => isOnline && typed === `${options.nick}>`,
    );
  } catch (error) {
    await terminal[Symbol.asyncDispose]();
    throw error;
  }
  return terminal;
}

function testScreen(name: string, run: (server: TestServer) => Promise<void>): void {
  testInTmux(name, async () => {
    await using server = await startTestServer();
    await run(server);
  });
}

function testInTmux(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    fn,
  });
}

/** What a screen shows, as far as its size allows. */
interface Shown {
  readonly rows: readonly string[];
  /** Whether the status tells how long a ping takes. */
  readonly isOnline: boolean;
  /** The last row. */
  readonly typed: string;
}

async function waitUntil(
  terminal: Terminal,
  what: string,
  isThere: (shown: Shown) => boolean,
): Promise<void> {
  const endsAtMs = Date.now() + WAIT_MS;
  for (;;) {
    const screen = await terminal.screen();
    const rows = screen.split("\n").map((row) => row.trimEnd());
    const isOnline = /\d ms$/.test(rows.at(-2) ?? "");
    if (isThere({ rows, isOnline, typed: rows.at(-1) ?? "" })) return;
    if (Date.now() > endsAtMs) throw new Error(`Awaited ${what}, but the screen is:\n${screen}`);
  }
}

/** The last rows that have something in them above the status, without the time. */
async function saidOn(terminal: Terminal, count: number): Promise<string[]> {
  const rows = (await terminal.screen()).split("\n").slice(1, -2);
  return rows.filter((row) => row !== "").slice(-count)
    .map((row) => row.replace(/^\d\d:\d\d +/, "").trimEnd());
}

testScreen("two people and somebody on nc talk, in terminals of two sizes", async (server) => {
  await using ann = await startClient(server.port, { nick: "ann", columns: 40, rows: 12 });
  await using bob = await startClient(server.port, { nick: "bob", columns: 200, rows: 50 });
  await using guest = await server.join("guy");

  await ann.type("hello \u{65e5}\u{672c}\u{8a9e} \u{1f600} bob");
  await ann.keys("Enter");
  await bob.waitFor("ann: hello \u{65e5}\u{672c}\u{8a9e} \u{1f600} bob");
  await guest.until("ann: hello \u{65e5}\u{672c}\u{8a9e} \u{1f600} bob");
  guest.say("hello from nc, which says so much that it is more than a row");
  await ann.waitFor("guy: hello from nc, which says so");
  assertEquals(await saidOn(ann, 2), [
    "guy: hello from nc, which says so",
    "  much that it is more than a row",
  ]);
  assertEquals(
    await saidOn(bob, 1).then(([row]) => row?.replace(/ {2,}.*/, "")),
    [
      "guy: hello from nc, which says so much that it is more than a row",
    ][0],
  );
  // Who is here stands at the right of the wide one.
  assert((await bob.screen()).split("\n")[1]?.endsWith(" ann"));
  assert((await bob.screen()).startsWith("#lobby"));

  await ann.type("/quit");
  await ann.keys("Enter");
  await ann.waitForEnd("before\nquit\ncode 0\nas before\n$");
  await bob.keys("C-d");
  await bob.waitForEnd("before\nquit\ncode 0\nas before\n$");
});

testScreen(
  "the screen follows the terminal's size, down to where it has no room",
  async (server) => {
    await using ann = await startClient(server.port, { nick: "ann", columns: 80, rows: 24 });
    await ann.type("a line of which the end is not to be lost when the terminal is narrow");
    await ann.keys("Enter");
    await ann.waitForEnd("\nann>");
    await ann.type("typed");
    for (const [columns, rows] of [[40, 12], [20, 5], [200, 50], [30, 8]] as const) {
      await ann.resize(columns, rows);
      await waitUntil(
        ann,
        `a screen of ${columns}x${rows}`,
        (shown) =>
          shown.rows.length === rows && shown.isOnline && shown.typed === "ann> typed" &&
          shown.rows[0] === `#lobby${"1 here".padStart(columns - 6)}` &&
          shown.rows.some((row) => row.includes("narrow")),
      );
    }
    await ann.resize(18, 4);
    await ann.waitFor("Too small");
    await ann.resize(80, 24);
    await ann.waitForEnd("ann> typed");
    await ann.keys("C-c", "C-c");
    await ann.waitForEnd("as before\n$");
  },
);

testScreen("older lines come from the server, and what is read stays", async (server) => {
  await using guest = await server.join("guy");
  for (let count = 1; count <= 150; count++) guest.say(`line ${count} of 150`);
  await guest.roundtrip();
  await using ann = await startClient(server.port, { nick: "ann", columns: 60, rows: 12 });
  await ann.waitFor("line 150 of 150");
  await ann.keys("PPage");
  // What is older is on its way when the key has been shown, or here already.
  await waitUntil(ann, "older lines", ({ rows }) => /more below online/.test(rows.at(-2) ?? ""));
  for (let page = 0; page < 3; page++) await ann.keys("PPage");
  await ann.waitFor("line 120 of 150");
  const read = await saidOn(ann, 8);
  guest.say("something new");
  await ann.waitFor("1 new below");
  assertEquals(await saidOn(ann, 8), read);
  await ann.keys("C-End");
  await ann.waitFor("guy: something new");
  await ann.keys("C-d");
  await ann.waitForEnd("as before\n$");
});

testScreen("a high terminal is filled with what was said before", async (server) => {
  await using guest = await server.join("guy");
  for (let count = 1; count <= 60; count++) guest.say(`line ${count} of 60`);
  await guest.roundtrip();
  await using ann = await startClient(server.port, { nick: "ann", columns: 60, rows: 40 });
  await ann.waitFor("line 30 of 60");
  const said = await saidOn(ann, 37);
  assertEquals(said.slice(-3), [
    "guy: line 60 of 60",
    "-- Welcome to Parley. You are ann in #lobby, with guy.",
    "-- Just type to talk. /help and /keys show the rest.",
  ]);
  assertEquals(said[0], "guy: line 26 of 60");
  await ann.keys("C-d");
  await ann.waitForEnd("as before\n$");
});

testScreen("thirty people who come and go are one line", async (server) => {
  await using ann = await startClient(server.port, { nick: "ann", columns: 80, rows: 12 });
  for (let count = 0; count < 30; count++) {
    await using guest = await server.join(`u${count}x`);
    guest.say("/quit");
    await guest.untilClosed();
  }
  await using guest = await server.join("guy");
  guest.say("a quiet place");
  await ann.waitFor("guy: a quiet place");
  assertEquals(await saidOn(ann, 3), [
    "-- Just type to talk. /help and /keys show the rest.",
    "-- guy joined; u0x, u1x and 28 others came and went.",
    "guy: a quiet place",
  ]);
  await ann.keys("C-d");
  await ann.waitForEnd("as before\n$");
});

testScreen("whoever is sent out of a room reads by whom and why", async (server) => {
  await using guest = await server.join("guy");
  guest.say("/join #den");
  await guest.until(/You are now in #den/);
  await using ann = await startClient(server.port, { nick: "ann", columns: 60, rows: 12 });
  await ann.type("/join #den");
  await ann.keys("Enter");
  await ann.waitFor("You are now in #den, with guy.");
  guest.say("/kick ann too loud");
  await ann.waitFor("-- ann was removed from #den by guy: too loud");
  assert((await ann.screen()).startsWith("#lobby"));
  await ann.keys("C-d");
  await ann.waitForEnd("as before\n$");
});

testScreen("what was found is shown where it was said", async (server) => {
  await using guest = await server.join("guy");
  for (let count = 1; count <= 120; count++) {
    guest.say(count === 30 ? "the needle" : `straw ${count}`);
  }
  await using ann = await startClient(server.port, { nick: "ann", columns: 60, rows: 12 });
  await ann.waitFor("straw 120");
  await ann.type("/search needle");
  await ann.keys("Enter");
  await ann.waitFor("1 found");
  await ann.keys("Enter");
  await ann.waitFor("straw 31");
  const said = await saidOn(ann, 9);
  assertEquals(said.slice(1, 5), [
    "guy: straw 28",
    "guy: straw 29",
    "guy: the needle",
    "guy: straw 31",
  ]);
  await ann.keys("Escape");
  await ann.waitFor("1 found");
  await ann.keys("Escape");
  await ann.waitFor("straw 120");
  await ann.keys("C-d");
  await ann.waitForEnd("as before\n$");
});

testScreen("what is typed is shown while the server says a thousand things", async (server) => {
  await using ann = await startClient(server.port, { nick: "ann", columns: 80, rows: 24 });
  await using guest = await server.join("guy");
  for (let count = 1; count <= 3_000; count++) guest.say(`flood ${count}`);
  for (const char of "still here") await ann.type(char);
  await ann.waitForEnd("ann> still here");
  await ann.waitFor("guy: flood 3000");
  assertEquals(await saidOn(ann, 2), ["guy: flood 2999", "guy: flood 3000"]);
  await ann.keys("C-c", "C-c");
  await ann.waitForEnd("as before\n$");
});

testScreen("a terminal is given back when a signal ends the client", async (server) => {
  await using ann = await startClient(server.port, { nick: "ann" });
  Deno.kill(await ann.clientPid(), "SIGTERM");
  await ann.waitForEnd("before\naborted\ncode 0\nas before\n$");
});

testScreen("Ctrl-Z gives the terminal back for a while", async (server) => {
  await using ann = await startClient(server.port, { nick: "ann" });
  await ann.type("typed");
  await ann.waitForEnd("ann> typed");
  await ann.keys("C-z");
  await ann.waitForEnd("$");
  await ann.waitFor("before");
  await ann.type("fg");
  await ann.keys("Enter");
  await waitUntil(ann, "the screen", ({ typed, isOnline }) => isOnline && typed === "ann> typed");
  await ann.keys("C-c", "C-d");
  await ann.waitFor("quit");
});

testInTmux(
  "what is typed while the server is away is said once it is back, and once",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "parley-full-screen-" });
    try {
      const db = `${folder}/parley.db`;
      const first = await startTestServer({ db });
      await using ann = await startClient(first.port, { nick: "ann" });
      await ann.type("before");
      await ann.keys("Enter");
      await ann.waitFor("ann: before");
      await first[Symbol.asyncDispose]();
      await ann.waitFor("offline, back in");
      await ann.type("meanwhile");
      await ann.keys("Enter");
      await ann.waitFor("1 to send");

      await using second = await startTestServer({ db, port: first.port });
      // Enter on an empty line does not wait for the pause to be over.
      await ann.keys("Enter");
      await waitUntil(ann, "the connection", ({ isOnline }) => isOnline);
      await using guest = await second.join("guy");
      guest.say("hello");
      await ann.waitFor("guy: hello");
      const said = (await ann.screen()).split("\n").filter((row) => row.includes("ann: "));
      assertEquals(said.map((row) => row.slice(6)), ["ann: before", "ann: meanwhile"]);
      await ann.keys("C-d");
      await ann.waitForEnd("as before\n$");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
