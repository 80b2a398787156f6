// The full-screen client in a real terminal (tmux) while its server, a process on a file, is killed
// and started anew: what is typed stays, what is entered is said once, and what is read stays put.

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { RestartingServer } from "../fixtures/restarting_server.ts";
import { Guest, WAIT_MS } from "../harness.ts";
import { Folder } from "../visits.ts";
import { Terminal, WHY_NO_TMUX } from "./tmux.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/full_screen_program.ts", import.meta.url));

function testInTmux(name: string, fn: (server: RestartingServer) => Promise<void>): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    async fn(): Promise<void> {
      await using folder = await Folder.with();
      await using server = await RestartingServer.start(folder.db);
      await fn(server);
    },
  });
}

/** What a screen shows. */
interface Shown {
  /** What was said, without the time. */
  readonly said: readonly string[];
  readonly status: string;
  /** The last row. */
  readonly typed: string;
}

async function look(terminal: Terminal): Promise<Shown> {
  const rows = (await terminal.screen()).split("\n").map((row) => row.trimEnd());
  return {
    said: rows.slice(1, -2).filter((row) => row !== "")
      .map((row) => row.replace(/^\d\d:\d\d +/, "")),
    status: rows.at(-2) ?? "",
    typed: rows.at(-1) ?? "",
  };
}

/** Waits until what the screen shows is as it should be. */
async function until(
  terminal: Terminal,
  what: string,
  isThere: (shown: Shown) => boolean | Promise<boolean>,
): Promise<Shown> {
  const endsAtMs = Date.now() + WAIT_MS;
  for (;;) {
    const shown = await look(terminal);
    if (await isThere(shown)) return shown;
    if (Date.now() > endsAtMs) throw new Error(`Awaited ${what}: ${JSON.stringify(shown)}`);
  }
}

/** What ann has entered and waits: it has one colour, and what was said has that of its writer. */
async function paleOn(terminal: Terminal): Promise<string[]> {
  const rows = (await terminal.coloredScreen()).split("\n");
  return rows.flatMap((row) => /m\d\d:\d\d ann: ([\w ]+)/.exec(row)?.[1] ?? []);
}

function isOnline({ status }: Shown): boolean {
  return /online, \d+ ms$/.test(status);
}

/** Ann, who has come in. */
async function startAnn(server: RestartingServer): Promise<Terminal> {
  const terminal = await Terminal.start({
    columns: 60,
    rows: 12,
    script: PROGRAM,
    args: [`127.0.0.1:${server.port}`, "ann"],
  });
  try {
    await until(terminal, "a screen", (shown) => isOnline(shown) && shown.typed === "ann>");
  } catch (error) {
    await terminal[Symbol.asyncDispose]();
    throw error;
  }
  return terminal;
}

/** Somebody on `nc`, and what they were told until they had their name. */
async function join(
  server: RestartingServer,
  name: string,
): Promise<{ readonly guest: Guest; readonly greeting: readonly string[] }> {
  const guest = await Guest.connect(server.port);
  guest.say(`/nick ${name}`);
  return { guest, greeting: await guest.until(`-- You are now ${name}.`) };
}

testInTmux("what is typed while the server is killed stays, and is said once", async (server) => {
  await using ann = await startAnn(server);
  await ann.type("before");
  await ann.keys("Enter");
  await until(ann, "what was said", ({ said }) => said.at(-1) === "ann: before");
  await ann.type("half a li");
  await ann.waitForEnd("ann> half a li");
  await server.stop("SIGKILL");
  const away = await until(ann, "the loss", ({ status }) => /offline, back in \d+ s$/.test(status));
  // What stands there is not touched, and one can go on.
  assertEquals([away.typed, away.said.at(-1)], ["ann> half a li", "ann: before"]);
  await ann.type("ne");
  await ann.keys("Enter");
  await ann.type("another");
  await ann.keys("Enter");
  await ann.type("not ente");
  const waiting = await until(
    ann,
    "two that wait",
    ({ status, typed }) => /2 to send offline/.test(status) && typed === "ann> not ente",
  );
  assertEquals(waiting.said.slice(-2), ["ann: half a line", "ann: another"]);
  // What waits is to be told from what was said.
  assertEquals(await paleOn(ann), ["half a line", "another"]);
  await server.start();
  const { guest, greeting } = await join(server, "guy");
  await using guy = guest;
  const back = await until(ann, "the connection", isOnline);
  assertEquals(back.typed, "ann> not ente");
  await ann.type("red");
  await ann.keys("Enter");
  const heard = await guy.until(/ann: not entered$/);
  // He has come before ann was back, or after: what she said is in the history then.
  assertEquals(
    [...greeting, ...heard].filter((line) =>
      line.includes("ann: ") || /ann (?:joined|left)/.test(line)
    )
      .map((line) => line.replace(/^.*(?=ann: )/, "")),
    ["ann: before", "ann: half a line", "ann: another", "ann: not entered"],
  );
  const end = await until(
    ann,
    "the last line",
    async ({ said }) => said.at(-1) === "ann: not entered" && (await paleOn(ann)).length === 0,
  );
  assertEquals(end.said.filter((row) => row.startsWith("ann: ")), [
    "ann: before",
    "ann: half a line",
    "ann: another",
    "ann: not entered",
  ]);
  await ann.keys("C-c", "C-d");
  await ann.waitForEnd("quit\ncode 0\nrestored\n$");
});

testInTmux("who reads back goes on reading over a restart", async (server) => {
  await using guy = (await join(server, "guy")).guest;
  for (let count = 1; count <= 90; count++) guy.say(`line ${count}`);
  await guy.roundtrip();
  await using ann = await startAnn(server);
  await until(ann, "the last lines", ({ said }) => said.includes("guy: line 90"));
  // While a page is on its way, a key does no more than that.
  await until(ann, "older lines", async ({ said }) => {
    if (said.some((row) => /line [2-5]\d$/.test(row))) return true;
    await ann.keys("PPage");
    return false;
  });
  // Behind the last of those keys.
  await ann.type("typed");
  const { said: read } = await until(
    ann,
    "what is typed",
    ({ typed, status }) => typed === "ann> typed" && / more below online/.test(status),
  );
  for (const how of ["SIGTERM", "SIGKILL"] as const) {
    await server.stop(how);
    const away = await until(ann, "the loss", ({ status }) => /offline, back in/.test(status));
    assertEquals(away.said, read);
    await server.start();
    const back = await until(ann, "the connection", isOnline);
    assertEquals([back.said, back.typed], [read, "ann> typed"]);
  }
  await using eve = (await join(server, "eve")).guest;
  eve.say("something new");
  const told = await until(ann, "a word of it", ({ status }) => /[12] new below/.test(status));
  assertEquals(told.said, read);
  await ann.keys("C-End");
  await until(ann, "the end", ({ said }) => said.at(-1) === "eve: something new");
  await ann.keys("C-c", "C-d");
  await ann.waitForEnd("quit\ncode 0\nrestored\n$");
});
