// The bot of the README, taken from there as it stands and run with sh, nc and jq
// against a real server: it answers, whatever people say, never itself, and ends
// when the server does.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { startTestServer, type TestServer, within } from "./harness.ts";

const README = new URL("../README.md", import.meta.url);

/** Why the bot cannot run here, or null. In CI it is not optional. */
const WHY_NO_BOT: string | null = (() => {
  if (Deno.build.os === "windows") return "there is no sh on Windows";
  for (const [program, argument] of [["jq", "--version"], ["nc", "-h"]] as const) {
    try {
      new Deno.Command(program, { args: [argument] }).outputSync();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      if (Deno.env.get("CI") !== "true") return `${program} is not installed`;
    }
  }
  return null;
})();

/** The settings of a test of the bot: where it cannot run, the name says why. */
function ofBot(name: string): { readonly name: string; readonly ignore: boolean } {
  if (WHY_NO_BOT === null) return { name, ignore: false };
  return { name: `${name} (ignored: ${WHY_NO_BOT})`, ignore: true };
}

/** The bot's script. */
async function readScript(): Promise<string> {
  const [, section = ""] = (await Deno.readTextFile(README)).split("\n## Bots\n");
  const [, script] = /^```sh\n(.*?)^```$/ms.exec(section.split("\n## ")[0] ?? "") ?? [];
  assert(script !== undefined, "the README's section on bots has a script");
  return script;
}

/** The bot, as a process. Disposing of it ends it, if the server has not. */
class Bot implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "parley-bot-" });
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;

  constructor(script: string, port: number) {
    this.#child = new Deno.Command("sh", {
      args: ["-c", script, "bot.sh", "127.0.0.1", `${port}`],
      env: { TMPDIR: this.#folder },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  }

  /** Starts it, and waits until it is in. */
  static async start(server: TestServer, name = "dicebot"): Promise<Bot> {
    await using witness = await server.join("witness");
    const bot = new Bot(await readScript(), server.port);
    try {
      await witness.until(`-- ${name} joined.`);
    } catch (error) {
      await bot[Symbol.asyncDispose]();
      throw error;
    }
    return bot;
  }

  /** Waits until it has ended. Returns its exit code and what it has left in its folder. */
  async ended(): Promise<{ readonly code: number; readonly left: string[] }> {
    const { code } = await within(this.#child.status, () => "Awaited the bot's end");
    this.#hasEnded = true;
    return { code, left: [...Deno.readDirSync(this.#folder)].map(({ name }) => name) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill();
    await this.#child.stdout.cancel();
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const TIME = /^dicebot: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

Deno.test(ofBot("the README's bot has ten lines at the most"), async () => {
  assert((await readScript()).split("\n").length <= 11);
});

Deno.test(ofBot("the README's bot answers, and ends with the server"), async () => {
  await using server = await startTestServer();
  await using bot = await Bot.start(server);
  await using ann = await server.join("ann");
  await ann.roundtrip();
  ann.say("!dice");
  await ann.expect(/^dicebot: ann rolls a [1-6]\.$/);
  ann.say("!time");
  assertMatch(await ann.line(), TIME);
  assertEquals(await ann.roundtrip(), []);
  await server.shutdown();
  assertEquals(await bot.ended(), { code: 0, left: [] });
});

Deno.test(ofBot("the README's bot survives whatever people say"), async () => {
  await using server = await startTestServer();
  await using bot = await Bot.start(server);
  await using ann = await server.join("ann");
  await using program = await server.connect();
  program.say('{"type":"hello","version":1,"nick":"zoe"}');
  await program.until(/"welcome"/);
  await ann.until("-- zoe joined.");
  const texts = [
    '"',
    "\\",
    '!dice"',
    '"},{"type":"quit"}',
    '{"type":"goodbye","reason":"quit","sessionId":1,"detail":""}',
    '"type":"goodbye"',
    "$(exit) `exit` $over ; exit",
    "!dice\n!dice",
    'line one\n{"type":"quit"}\n\\',
    "\\u0000 \\n \\",
    "'; exit; '",
    "%s %d \u{1f600} \u{202e}",
    "x".repeat(8_000),
    "[]",
    "null",
    "",
  ];
  for (const text of texts) program.say(JSON.stringify({ type: "say", text }));
  for (const text of texts) if (!text.includes("\n")) ann.say(text);
  ann.say("/me !dice");
  ann.say("/topic !dice");
  ann.say("/msg dicebot !dice");
  ann.say("!dice");
  const heard = await ann.until(/^dicebot: /);
  assertMatch(heard.at(-1) ?? "", /^dicebot: ann rolls a [1-6]\.$/);
  program.say('{"type":"say","text":"!time"}');
  await ann.until("zoe: !time");
  assertMatch(await ann.line(), TIME);
  assertEquals(await ann.roundtrip(), []);
  await server.shutdown();
  assertEquals(await bot.ended(), { code: 0, left: [] });
});

Deno.test(ofBot("two of the README's bots answer once each, and never each other"), async () => {
  await using server = await startTestServer();
  await using one = await Bot.start(server);
  // The name is taken.
  await using other = await Bot.start(server, "guest1");
  await using ann = await server.join("ann");
  await ann.roundtrip();
  ann.say("!dice");
  const answers = [await ann.line(), await ann.line()].sort();
  assertMatch(answers[0] ?? "", /^dicebot: ann rolls a [1-6]\.$/);
  assertMatch(answers[1] ?? "", /^guest\d: ann rolls a [1-6]\.$/);
  ann.say("!time");
  await ann.line();
  await ann.line();
  assertEquals(await ann.roundtrip(), []);
  await server.shutdown();
  assertEquals(await one.ended(), { code: 0, left: [] });
  assertEquals(await other.ended(), { code: 0, left: [] });
});
