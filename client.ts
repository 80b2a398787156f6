/**
 * The client's entry: arguments, environment, signals and exit codes.
 *
 * In a terminal it is a chat, on a whole screen or line by line; in a pipeline it
 * sends its input and prints what the server says; `send` and `tail` are for
 * scripts. Exit codes: 0 left, sent, or told to end, 1 no connection or a lost
 * one, or an error, 2 wrong usage, 3 refused or ended by the server, or not the
 * server that was meant, 128 and the number of a signal that ended it. Whatever
 * ends it, the terminal is given back.
 * Must not know: how a screen or a connection works.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import config from "./deno.json" with { type: "json" };
import { sendMessage } from "./lib/client/send.ts";
import {
  formatServerAddress,
  parseServerAddress,
  type ServerAddress,
} from "./lib/client/server_address.ts";
import {
  ConnectError,
  type ConnectOptions,
  connectToServer,
  type ServerLink,
} from "./lib/client/server_link.ts";
import {
  BELL_CHOICES,
  type BellChoice,
  type ServerSettings,
  Settings,
  settingsFolder,
  THEME_CHOICES,
  type ThemeChoice,
} from "./lib/client/settings.ts";
import { tailRooms } from "./lib/client/tail.ts";
import { Trust, UntrustedError } from "./lib/client/trust.ts";
import { UsageError } from "./lib/errors.ts";
import { parseFingerprint } from "./lib/fingerprint.ts";
import { CLIENT_TAIL_PAGES_MAX, HISTORY_LINES_MAX, LINE_BYTES_MAX } from "./lib/limits.ts";
import { FullScreen } from "./lib/terminal/full_screen.ts";
import { InlineChat } from "./lib/terminal/inline.ts";
import type { LineChatOptions, VisitEnd } from "./lib/terminal/line_chat.ts";
import { chooseColorDepth, chooseTerminalTheme } from "./lib/terminal/paint.ts";
import { runPipe } from "./lib/terminal/pipe.ts";
import { PlainChat } from "./lib/terminal/plain.ts";
import { cleanText } from "./lib/text.ts";

const HELP = `Parley's client: talk to people on a Parley server.

Usage: deno task client [HOST[:PORT]] [--nick NAME] [--inline | --plain]
       deno task client send HOST[:PORT] "#ROOM" [TEXT]
       deno task client tail HOST[:PORT] "#ROOM"... [--lines N] [--json] [--once]

  HOST[:PORT]      where the server is (default: localhost:2022);
                   IPv6 addresses as [::1]:2022; tls://HOST is HOST --tls
  -n, --nick NAME  the name to go by (default: the last one there; otherwise the
                   server picks one)
      --inline     print below what the terminal shows, instead of a whole screen
      --plain      print lines and nothing else: for screen readers
      --theme dark|light|auto
      --bell off|mentions|all
      --password-file FILE
                   the server's password, where it asks for one
      --no-settings
                   neither read nor write what is remembered of the last visit
      --tls        speak TLS (default port: 2023). A certificate that no authority
                   vouches for is remembered at first, and must not change
      --fingerprint FP
                   trust the certificate with this SHA-256 only, and remember it
      --ca FILE    trust only what the certificates in this file (PEM) vouch for
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

send says one message and leaves. Without TEXT, or with -, it says what it reads;
several lines stay one message. tail prints what is said, and comes back by itself.

      --lines N    begin with the last N lines (tail)
      --json       print the server's JSON objects, one a line (tail)
      --once       end when the connection is lost (tail)

They take --nick, --password-file, --no-settings and what is for TLS, too, and end
with 0 when it is said, or tail was told to end; 1 without a connection; 2 for wrong
usage; 3 when the server refuses, or is not the one that it was, with the reason on
standard error.

Set NO_COLOR=1 for no colours.
`;

const SIGNAL_CODES: Readonly<Partial<Record<Deno.Signal, number>>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};

/** The environment variables that matter; the task allows these and no others. */
const VARIABLES = [
  "NO_COLOR",
  "FORCE_COLOR",
  "TERM",
  "COLORTERM",
  "COLORFGBG",
  "HOME",
  "XDG_CONFIG_HOME",
  "APPDATA",
  "INIT_CWD",
] as const;

/** Lines that tail begins with at most: what it fetches of one room. */
const LINES_MAX = CLIENT_TAIL_PAGES_MAX * HISTORY_LINES_MAX;

/** What every way of running it has to know. */
interface Visit {
  readonly address: ServerAddress;
  /** The server's certificate has this one; null where anything else says whom to trust. */
  readonly fingerprint: string | null;
  /** The file with those who vouch for the server. */
  readonly caFile: string | null;
  readonly nick: string | null;
  readonly passwordFile: string | null;
  readonly hasSettings: boolean;
}

/** What the arguments ask for. */
type Request =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | Visit & {
    readonly type: "chat";
    /** Null for the whole screen, where the terminal can show it. */
    readonly mode: "inline" | "plain" | null;
    /** Null for what is remembered. */
    readonly theme: ThemeChoice | null;
    readonly bell: BellChoice | null;
  }
  | Visit & {
    readonly type: "send";
    readonly room: string;
    /** Null for what standard input says. */
    readonly text: string | null;
  }
  | Visit & {
    readonly type: "tail";
    readonly rooms: readonly string[];
    readonly lines: number;
    readonly isJson: boolean;
    readonly reconnects: boolean;
  };

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
      return await withUsage(() => withSignals((signal) => chat(request, signal)));
    case "send":
      return await withUsage(() => withSignals((signal) => send(request, signal)));
    case "tail":
      return await withUsage(() => withSignals((signal) => tail(request, signal)));
  }
}

/** Some wrong usage shows only once a file or the input is read. */
async function withUsage(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${error.message} (--help shows the usage).`);
    return 2;
  }
}

function parseRequest(args: readonly string[]): Request {
  const [first, ...rest] = args;
  if (first === "send" || first === "tail") return parseTool(first, rest);
  const parsed = parseFlags(args, {
    string: ["theme", "bell"],
    boolean: ["inline", "plain"],
  });
  if (parsed.has("help")) return { type: "help" };
  if (parsed.has("version")) return { type: "version" };
  const [server = "localhost", ...more] = parsed.positional;
  if (more.length > 0) {
    const servers = parsed.positional.map((text) => JSON.stringify(text)).join(" ");
    throw new UsageError(`One server is enough: ${servers}`);
  }
  if (parsed.has("inline") && parsed.has("plain")) {
    throw new UsageError("One of --inline and --plain is enough");
  }
  return {
    type: "chat",
    ...parseVisit(parsed, server),
    mode: parsed.has("plain") ? "plain" : parsed.has("inline") ? "inline" : null,
    theme: parseChoice(parsed, "theme", THEME_CHOICES),
    bell: parseChoice(parsed, "bell", BELL_CHOICES),
  };
}

/** What every way of running it takes. */
function parseVisit(parsed: Flags, server: string): Visit {
  const [fingerprint, caFile] = [parsed.text("fingerprint"), parsed.text("ca")];
  if (fingerprint !== null && caFile !== null) {
    throw new UsageError("One of --fingerprint and --ca is enough");
  }
  const isTls = parsed.has("tls") || fingerprint !== null || caFile !== null;
  return {
    address: parseServerAddress(server, { isTls }),
    fingerprint: fingerprint === null ? null : requireFingerprint(fingerprint),
    caFile,
    nick: parseNick(parsed.nick),
    passwordFile: parsed.text("password-file"),
    hasSettings: !parsed.has("no-settings"),
  };
}

function requireFingerprint(text: string): string {
  const fingerprint = parseFingerprint(text);
  if (fingerprint !== null) return fingerprint;
  throw new UsageError(
    `Not a --fingerprint: ${JSON.stringify(text)}; wanted 64 digits from 0 to F (a SHA-256)`,
  );
}

/** One of a few words; null where the flag is not there. */
function parseChoice<const Choice extends string>(
  parsed: Flags,
  name: string,
  choices: readonly Choice[],
): Choice | null {
  const text = parsed.text(name);
  const choice = choices.find((each) => each === text) ?? null;
  if (text === null || choice !== null) return choice;
  throw new UsageError(
    `Not a --${name}: ${JSON.stringify(text)}; wanted one of ${choices.join(", ")}`,
  );
}

/** `send` and `tail`, without that word. */
function parseTool(type: "send" | "tail", args: readonly string[]): Request {
  const parsed = parseFlags(args, {
    string: type === "tail" ? ["lines"] : [],
    boolean: type === "tail" ? ["json", "once"] : [],
  });
  if (parsed.has("help")) return { type: "help" };
  if (parsed.has("version")) return { type: "version" };
  const [server, ...rest] = parsed.positional;
  if (server === undefined) throw new UsageError(`${type} needs a server and a room`);
  const visit = parseVisit(parsed, server);
  if (type === "tail") {
    if (rest.length === 0) throw new UsageError("tail needs a room");
    return {
      type,
      ...visit,
      rooms: rest.map(parseRoom),
      lines: parseLines(parsed.text("lines") ?? "0"),
      isJson: parsed.has("json"),
      reconnects: !parsed.has("once"),
    };
  }
  const [room, text = "-", ...more] = rest;
  if (room === undefined) throw new UsageError("send needs a room");
  if (more.length > 0) throw new UsageError("send takes one text: put it in quotes");
  return { type, ...visit, room: parseRoom(room), text: text === "-" ? null : text };
}

/** The arguments taken apart. */
interface Flags {
  readonly positional: readonly string[];
  readonly nick: string | null;
  has(name: string): boolean;
  text(name: string): string | null;
}

/**
 * @param known The flags besides those that are known everywhere.
 * @throws {UsageError} For a flag that is not known, and one that stands there twice.
 */
function parseFlags(
  args: readonly string[],
  known: { readonly string: readonly string[]; readonly boolean: readonly string[] },
): Flags {
  const strings = ["nick", "password-file", "fingerprint", "ca", ...known.string];
  const parsed = parseArgs([...args], {
    string: ["_", ...strings],
    boolean: ["help", "version", "tls", "no-settings", ...known.boolean],
    collect: strings,
    alias: { help: "h", nick: "n" },
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`Unknown flag ${JSON.stringify(arg)}`);
    },
  });
  const text = (name: string): string | null => {
    const values = parsed[name] as string[];
    if (values.length > 1) throw new UsageError(`One --${name} is enough`);
    return values[0] ?? null;
  };
  return {
    positional: parsed._.map(String),
    nick: text("nick"),
    has: (name) => parsed[name] === true,
    text,
  };
}

function parseNick(nick: string | null): string | null {
  // A name with a space or a line end in it would be more than a name to the server.
  if (nick !== null && !isWord(nick)) {
    throw new UsageError(`Not a name: --nick ${JSON.stringify(nick)}`);
  }
  return nick;
}

function parseRoom(text: string): string {
  if (text.startsWith("#") && text.length > 1 && isWord(text)) return text;
  throw new UsageError(`Not a room: ${JSON.stringify(text)}; wanted one like "#dev", in quotes`);
}

function isWord(text: string): boolean {
  return /^\S+$/u.test(text) && cleanText(text) === text;
}

function parseLines(text: string): number {
  const lines = /^\d{1,6}$/.test(text) ? Number(text) : LINES_MAX + 1;
  if (lines <= LINES_MAX) return lines;
  throw new UsageError(
    `Not a number of lines: --lines ${JSON.stringify(text)}; ${LINES_MAX} at most`,
  );
}

/** @throws {UsageError} If there is nothing in it to say. */
function requireText(text: string): string {
  const said = text.replaceAll("\r\n", "\n").replace(/\n+$/u, "");
  if (said.split("\n").every((line) => cleanText(line).trim() === "")) {
    throw new UsageError("There is nothing to say");
  }
  return said;
}

async function send(request: Request & { type: "send" }, signal: AbortSignal): Promise<number> {
  const { address, nick, room, passwordFile } = request;
  const password = readPassword(passwordFile);
  const connect = await prepareConnect(request, settingsOf(request, complain), complain);
  const input = request.text ?? await readInput(signal);
  if (signal.aborted) return 1;
  const text = requireText(input);
  const end = await sendMessage({ address, nick, room, text, password, connect, signal });
  switch (end.kind) {
    case "said":
      return 0;
    case "failed":
      if (!signal.aborted) complain(end.why);
      return 1;
    case "refused":
      complain(...describeRefusal(end));
      return 3;
  }
}

async function tail(request: Request & { type: "tail" }, signal: AbortSignal): Promise<number> {
  const { type: _, passwordFile, ...rest } = request;
  const password = readPassword(passwordFile);
  const connect = await prepareConnect(request, settingsOf(request, complain), complain);
  const output = Deno.stdout;
  try {
    const end = await tailRooms({ ...rest, password, connect, signal, output, complain });
    if (end.kind === "done") return 0;
    complain(...end.kind === "failed" ? [end.why] : describeRefusal(end));
    return end.kind === "failed" ? 1 : 3;
  } catch (error) {
    complain(`Client failed: ${describe(error)}.`);
    return 1;
  }
}

/** What the server does not want, or what we do not want of the server. */
function describeRefusal(end: { readonly code: string; readonly why: string }): string[] {
  return end.code === "untrusted" ? end.why.split("\n") : [`Refused (${end.code}): ${end.why}`];
}

/** What is remembered of servers; `warn` takes what goes wrong with it. */
function settingsOf({ hasSettings }: Visit, warn: (line: string) => void): Settings {
  return new Settings(hasSettings ? settingsFolder(Deno.build.os, readEnvironment()) : null, warn);
}

/**
 * How connections to a server are made.
 *
 * @param tell Takes what the user should know of its certificate.
 * @throws {UsageError} If `--ca` cannot be used.
 */
async function prepareConnect(
  request: Visit,
  settings: Settings,
  tell: (line: string) => void,
): Promise<(address: ServerAddress, options: ConnectOptions) => Promise<ServerLink>> {
  const server = formatServerAddress(request.address);
  const trust = new Trust({
    server,
    fingerprint: request.fingerprint,
    authorities: await readAuthorities(request.caFile),
    memory: settings.proofsOf(server),
  });
  return async (address, options) => {
    const link = await connectToServer(address, { ...options, trust });
    if (link.notice !== null) tell(link.notice);
    return link;
  };
}

/** Certificates in a file; null for no file. */
async function readAuthorities(path: string | null): Promise<string | null> {
  if (path === null) return null;
  try {
    const pem = Deno.readTextFileSync(path);
    // It brings Node's cryptography, which most visits do without.
    const { checkAuthorities } = await import("./lib/certificate.ts");
    checkAuthorities(pem);
    return pem;
  } catch (error) {
    throw new UsageError(`Cannot use --ca ${JSON.stringify(path)}: ${describe(error)}`);
  }
}

/** The first line of a file; null for no file. */
function readPassword(path: string | null): string | null {
  if (path === null) return null;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError(`Cannot read --password-file: ${describe(error)}`);
  }
  const [password = ""] = text.split(/\r?\n/u);
  if (password === "") throw new UsageError(`There is no password in ${JSON.stringify(path)}`);
  return password;
}

/** Standard input to its end, or as much as is too long for any message; less where it is aborted. */
async function readInput(signal: AbortSignal): Promise<string> {
  const reader = Deno.stdin.readable.getReader();
  const cancel = (): void => void reader.cancel();
  signal.addEventListener("abort", cancel);
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (text.length <= LINE_BYTES_MAX) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    return text + decoder.decode();
  } finally {
    signal.removeEventListener("abort", cancel);
    await reader.cancel();
  }
}

async function chat(request: Request & { type: "chat" }, signal: AbortSignal): Promise<number> {
  try {
    // Nobody is asked to type where nobody types.
    return await (Deno.stdin.isTerminal() ? visit(request, signal) : pipe(request, signal));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (signal.aborted) return 1;
    const message = describe(error);
    if (error instanceof UntrustedError) {
      complain(...message.split("\n"));
      return 3;
    }
    complain(error instanceof ConnectError ? message : `Client failed: ${message}.`);
    return 1;
  }
}

/** The client in a pipeline. */
async function pipe(request: Request & { type: "chat" }, signal: AbortSignal): Promise<number> {
  const { address, nick, passwordFile } = request;
  if (passwordFile !== null) {
    throw new UsageError(
      "In a pipeline the first line is the password, and there is no --password-file",
    );
  }
  const connect = await prepareConnect(request, settingsOf(request, complain), complain);
  await using link = await connect(address, { signal });
  const end = await runPipe(link, {
    nick: nick ?? undefined,
    input: Deno.stdin.readable,
    output: Deno.stdout,
    signal,
  });
  if (end === "done") return 0;
  if (end === "lost" && !signal.aborted) {
    complain(`Connection to ${formatServerAddress(address)} lost.`);
  }
  return 1;
}

/** The client in a terminal, from what is remembered of the last visit to what is for the next. */
async function visit(request: Request & { type: "chat" }, signal: AbortSignal): Promise<number> {
  const address = formatServerAddress(request.address);
  const password = readPassword(request.passwordFile);
  const env = readEnvironment();
  // Said at the end: meanwhile the terminal is taken.
  const warnings = new Set<string>();
  const settings = settingsOf(request, (line) => warnings.add(line));
  // Shown in the chat, too; but a whole screen is gone then, with the fingerprint on it.
  const notices: string[] = [];
  const connect = await prepareConnect(request, settings, (line) => notices.push(line));
  const known = await settings.read(address);
  const nick = request.nick ?? known.nick;
  // Whoever wants another name is somebody else.
  const session = nick === known.nick ? await settings.takeSession(address) : null;
  let saving = Promise.resolve();
  const save = (changes: Partial<ServerSettings>): void => {
    saving = saving.then(() => settings.update(address, changes));
  };
  try {
    const { end, session: next, nick: name } = await inTerminal(request.mode, env, {
      address: request.address,
      nick,
      password,
      session,
      settings: { theme: request.theme ?? known.theme, bell: request.bell ?? known.bell },
      onSettings: save,
      connect,
      signal,
    });
    save({ session: next, ...isChosen(name) ? { nick: name } : {} });
    complain(...notices);
    if (end.kind === "quit") return 0;
    if (end.why !== null && !signal.aborted) complain(...end.why.split("\n"));
    return end.kind === "lost" || end.kind === "aborted" ? 1 : 3;
  } finally {
    await saving;
    for (const line of warnings) complain(line);
  }
}

/** Whether it is a name that somebody wants again: not one that the server has picked. */
function isChosen(name: string | null): boolean {
  return name !== null && !/^guest\d+$/iu.test(name);
}

/** What runs in a terminal. */
interface TerminalProgram {
  run(): Promise<VisitEnd>;
  close(): void;
  resized?(): void;
  resumed?(): void;
}

/** Chats in the terminal as it suits it, and gives it back whatever happens. */
async function inTerminal(
  mode: "inline" | "plain" | null,
  env: Environment,
  options: LineChatOptions,
): Promise<VisitEnd> {
  const program = chooseProgram(mode, env, options);
  // What is thrown where nobody waits for it would end the process at once.
  const onError = (event: ErrorEvent | PromiseRejectionEvent): void => {
    program.close();
    complain(`Client failed: ${describe("reason" in event ? event.reason : event.error)}.`);
    Deno.exit(1);
  };
  const onResize = (): void => program.resized?.();
  const onContinue = (): void => program.resumed?.();
  const hasSignals = Deno.build.os !== "windows";
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onError);
  if (hasSignals) {
    Deno.addSignalListener("SIGWINCH", onResize);
    Deno.addSignalListener("SIGCONT", onContinue);
  }
  try {
    return await program.run();
  } finally {
    program.close();
    globalThis.removeEventListener("error", onError);
    globalThis.removeEventListener("unhandledrejection", onError);
    if (hasSignals) {
      Deno.removeSignalListener("SIGWINCH", onResize);
      Deno.removeSignalListener("SIGCONT", onContinue);
    }
  }
}

function chooseProgram(
  mode: "inline" | "plain" | null,
  env: Environment,
  options: LineChatOptions,
): TerminalProgram {
  // A dumb terminal cannot move its cursor, and a file has none.
  if (mode === "plain" || env.TERM === "dumb" || !Deno.stdout.isTerminal()) {
    return new PlainChat(options);
  }
  const look = { colorDepth: chooseColorDepth(env), terminalTheme: chooseTerminalTheme(env) };
  // A task runner (it sets INIT_CWD) waits for us and does not stop with us: the terminal
  // would hang.
  const canStop = env.INIT_CWD === undefined;
  if (mode === "inline") return new InlineChat({ ...options, ...look, canStop });
  const stopProcess = canStop ? (): void => Deno.kill(Deno.pid, "SIGTSTP") : null;
  return new FullScreen({ ...options, ...look, stopProcess });
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

/** What is read of the environment. */
type Environment = ReturnType<typeof readEnvironment>;

function readEnvironment(): Record<(typeof VARIABLES)[number], string | undefined> {
  const values = VARIABLES.map((name) => [name, Deno.env.get(name)]);
  return Object.fromEntries(values) as Record<(typeof VARIABLES)[number], string | undefined>;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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

/** Clear lines on standard error; mostly one is enough. */
function complain(...lines: readonly string[]): void {
  const text = lines.map((line) => `${line.replaceAll(/[^\S ]+/gu, " ")}\n`).join("");
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += Deno.stderr.writeSync(bytes.subarray(written));
    }
  } catch {
    // Nobody listens; the exit code still tells.
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
