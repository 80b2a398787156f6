// A terminal that is closed ends the server in it, as it always did before SIGHUP had a meaning;
// SIGHUP itself has the server in a terminal read its configuration again.

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { commandOf } from "./fixtures/programs.ts";
import { Folder } from "./fixtures/server_process.ts";
import { Guest, WAIT_MS } from "./harness.ts";
import { WHY_NO_TMUX } from "./terminal/tmux.ts";

const TOP = fileURLToPath(new URL("..", import.meta.url));

/** The settings of a test that needs a terminal: where there is none, it says so on screen. */
function inTerminal(name: string): { name: string; ignore: boolean } {
  return WHY_NO_TMUX === null
    ? { name, ignore: false }
    : { name: `${name} (ignored: ${WHY_NO_TMUX})`, ignore: true };
}

/** Runs tmux on a socket of its own. */
async function tmux(folder: Folder, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("tmux", {
    args: ["-S", folder.file("socket"), "-f", "/dev/null", ...args],
  }).output();
  if (!success) throw new Error(`tmux ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
}

/** Waits until a file holds what is wanted; another process writes it. */
async function written(path: string, wanted: RegExp): Promise<RegExpExecArray> {
  const endsAtMs = Date.now() + WAIT_MS;
  for (let text = "";;) {
    const match = wanted.exec(text);
    if (match !== null) return match;
    if (Date.now() > endsAtMs) throw new Error(`Awaited ${wanted}, and there is ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    text = await Deno.readTextFile(path).catch(() => "");
  }
}

Deno.test(
  inTerminal("a terminal that is closed ends the server in it; SIGHUP reloads"),
  async () => {
    await using folder = new Folder();
    const [motd, pid, log, status] = ["motd.txt", "pid", "log", "status"].map((name) =>
      folder.file(name)
    );
    await Deno.writeTextFile(`${motd}`, "Be kind.");
    const words = [
      Deno.execPath(),
      ...commandOf("parley-server", `${TOP}main.ts`),
      ...["--port", "0", "--db", ":memory:", "--motd", `${motd}`],
    ];
    const server = words.map((word) => `'${word}'`).join(" ");
    // This shell outlives its terminal, to say how the server ended.
    await Deno.writeTextFile(
      folder.file("run.sh"),
      `trap : HUP\nsh -c 'echo $$ >${pid}; exec "$@"' sh ${server} >${log} 2>&1\n` +
        `echo "$?" >${status}\n`,
    );
    // As people start it: from a shell, whose end is told to what runs in it.
    await tmux(folder, "new-session", "-d", "-c", TOP, "sh");
    try {
      await tmux(folder, "send-keys", `sh ${folder.file("run.sh")}`, "Enter");
      const [, port] = await written(`${log}`, /listens on 127\.0\.0\.1:(\d+)\.[^]*Ctrl-C\n/);
      await using ann = await Guest.connect(Number(port));
      await ann.roundtrip();
      await Deno.writeTextFile(`${motd}`, "Be kinder.");
      const [, id] = await written(`${pid}`, /^(\d+)\n/);
      Deno.kill(Number(id), "SIGHUP");
      await written(`${log}`, /The configuration was read again: motd changed\n/);
      assertEquals((await ann.roundtrip()).length, 0);
      await tmux(folder, "kill-session");
      assertEquals((await ann.untilClosed()).at(-1), "-- Goodbye: the server is shutting down.");
      await written(`${status}`, /^0\n/);
    } finally {
      // Without a session it has ended by itself.
      await tmux(folder, "kill-server").catch(() => {});
    }
  },
);
