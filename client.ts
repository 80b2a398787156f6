/**
 * The client's entry: arguments, environment, signals and exit codes.
 *
 * In a terminal it is a chat; in a pipeline it sends its input and prints what
 * the server says. Exit codes: 0 left or sent, 1 no connection or a lost one,
 * 2 wrong usage, 128 and the number of a signal that ended it.
 * Must not know: how a screen or a connection works.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import config from "./deno.json" with { type: "json" };
import { UsageError } from "./lib/errors.ts";
import { runInteractive } from "./lib/terminal/interactive.ts";
import { chooseColorDepth } from "./lib/terminal/paint.ts";
import { runPipe } from "./lib/terminal/pipe.ts";
import {
  formatServerAddress,
  parseServerAddress,
  type ServerAddress,
} from "./lib/terminal/server_address.ts";
import { ConnectError, connectToServer } from "./lib/terminal/server_link.ts";
import { cleanText } from "./lib/text.ts";

const HELP = `Parley's client: talk to people on a Parley server.

Usage: deno task client [HOST[:PORT]] [--nick NAME]

  HOST[:PORT]      where the server is (default: localhost:2022);
                   IPv6 addresses as [::1]:2022
  -n, --nick NAME  the name to go by (otherwise the server picks one)
  -h, --help       show this text
      --version    show the version

Once there, just type and press Enter. /help lists what else you can do.

  Tab        complete a /command, a name or a #room of yours
  Up, Down   bring back what you typed
  Ctrl-C     clear the line; leave, if it is empty
  Ctrl-D     leave

In a pipeline every line of the input becomes a message:

  echo "the build is green" | deno task client chat.example --nick ci

Where the server asks for its password, the first line is taken for that.

Set NO_COLOR=1 for no colours.
`;

const SIGNAL_CODES: Readonly<Partial<Record<Deno.Signal, number>>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};

/** What the arguments ask for. */
type Request =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | { readonly type: "chat"; readonly address: ServerAddress; readonly nick: string | undefined };

/**
 * Runs the client.
 *
 * @returns The exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  let request: Request;
  try {
    request = parseRequest(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${error.message} (--help shows the usage).`);
    return 2;
  }
  switch (request.type) {
    case "help":
      return await printOut(HELP);
    case "version":
      return await printOut(`parley ${config.version}\n`);
    case "chat":
      return await withSignals((signal) => chat(request, signal));
  }
}

function parseRequest(args: readonly string[]): Request {
  const parsed = parseArgs([...args], {
    string: ["_", "nick"],
    boolean: ["help", "version"],
    collect: ["nick"],
    alias: { help: "h", nick: "n" },
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`Unknown flag ${JSON.stringify(arg)}`);
    },
  });
  if (parsed["help"] === true) return { type: "help" };
  if (parsed["version"] === true) return { type: "version" };
  const servers = parsed._.map(String);
  if (servers.length > 1) {
    throw new UsageError(
      `One server is enough: ${servers.map((s) => JSON.stringify(s)).join(" ")}`,
    );
  }
  const nicks = parsed["nick"] as string[];
  if (nicks.length > 1) throw new UsageError("One --nick is enough");
  const nick = nicks[0];
  // A name with a space or a line end in it would be more than a name to the server.
  if (nick !== undefined && (!/^\S+$/u.test(nick) || cleanText(nick) !== nick)) {
    throw new UsageError(`Not a name: --nick ${JSON.stringify(nick)}`);
  }
  return { type: "chat", address: parseServerAddress(servers[0] ?? "localhost"), nick };
}

async function chat(request: Request & { type: "chat" }, signal: AbortSignal): Promise<number> {
  const { address, nick } = request;
  const env = readEnvironment();
  // A dumb terminal cannot move its cursor; there the client is as plain as nc.
  const isScreen = Deno.stdin.isTerminal() && Deno.stdout.isTerminal() && env.TERM !== "dumb";
  try {
    await using link = await connectToServer(address, { signal });
    const end = isScreen
      ? await runInteractive(link, { nick, colorDepth: chooseColorDepth(env), signal })
      : await runPipe(link, { nick, input: Deno.stdin.readable, output: Deno.stdout, signal });
    if (end === "left" || end === "done") return 0;
    if (signal.aborted) return 1;
    if (end === "lost") complain(`Connection to ${formatServerAddress(address)} lost.`);
    return 1;
  } catch (error) {
    if (signal.aborted) return 1;
    const message = error instanceof Error ? error.message : String(error);
    complain(error instanceof ConnectError ? message : `Client failed: ${message}.`);
    return 1;
  }
}

/** Runs with a signal that the operating system's signals abort; their code wins over a failure. */
async function withSignals(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let signalCode: number | undefined;
  const names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGHUP", "SIGINT", "SIGTERM"];
  const handlers = names.map((name) => {
    const handler = (): void => {
      signalCode ??= SIGNAL_CODES[name] ?? 1;
      controller.abort(new Error(`Interrupted by ${name}`));
    };
    return { name, handler };
  });
  for (const { name, handler } of handlers) Deno.addSignalListener(name, handler);
  try {
    const code = await run(controller.signal);
    return code === 0 ? 0 : signalCode ?? code;
  } finally {
    for (const { name, handler } of handlers) Deno.removeSignalListener(name, handler);
  }
}

function readEnvironment(): Record<
  "NO_COLOR" | "FORCE_COLOR" | "TERM" | "COLORTERM",
  string | undefined
> {
  return {
    NO_COLOR: Deno.env.get("NO_COLOR"),
    FORCE_COLOR: Deno.env.get("FORCE_COLOR"),
    TERM: Deno.env.get("TERM"),
    COLORTERM: Deno.env.get("COLORTERM"),
  };
}

/** Prints a text of ours; a reader who has seen enough is no failure. */
async function printOut(text: string): Promise<number> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += await Deno.stdout.write(bytes.subarray(written));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
  return 0;
}

/** One clear line on standard error. */
function complain(line: string): void {
  const bytes = new TextEncoder().encode(`${line.replaceAll(/\s+/gu, " ")}\n`);
  try {
    for (let written = 0; written < bytes.length;) {
      written += Deno.stderr.writeSync(bytes.subarray(written));
    }
  } catch {
    // Nobody listens; the exit code still tells.
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
