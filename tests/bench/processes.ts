/**
 * The processes of a benchmark, and what the system tells about them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { LoadEvent, LoadRequest } from "./load.ts";

/** A server that is being measured. */
export interface Target extends AsyncDisposable {
  readonly hostname: string;
  readonly port: number;
  /** Where it speaks TLS; 0 for nowhere. */
  readonly tlsPort: number;
  /** Where it lets browsers in; 0 for nowhere. */
  readonly webPort: number;
  /** Its process; null where nobody told. */
  readonly pid: number | null;
  /** Whether it is the floor, which is only there to compare with. */
  readonly isFloor: boolean;
}

/** Which Parley to start, and on what. */
export interface ParleyOptions {
  /** The folder of a checkout; this one's, where none is given. */
  readonly root?: string | null;
  /** Flags besides those of every server that is measured. */
  readonly flags?: readonly string[];
  /** The file of its database; a new one, gone with the server, where none is given. */
  readonly database?: string;
}

/** What a process has used so far, and holds. */
export interface Usage {
  /** Processor time of all its threads, kernel included. */
  readonly cpuMs: number;
  readonly residentKib: number;
  /** The most that was ever resident. */
  readonly residentPeakKib: number;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const START_MS = 20_000;
const STOP_MS = 5_000;
const EVENT_MS = 60_000;

/** Linux counts processor time for programs in hundredths of a second, whatever its own clock. */
const CLOCK_TICK_MS = 10;

/** What is to be ended and removed where the benchmark itself is ended. */
const children = new Set<Child>();
const folders = new Set<string>();

/** Ends every child and removes every folder, without waiting for anything. */
export function abandon(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const path of folders) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // The system clears its folder for such things some day.
    }
  }
}

/** A folder for what nobody needs afterwards. */
export class Folder implements AsyncDisposable {
  /** Its path. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    folders.add(path);
  }

  /** Makes one where the system has such folders. */
  static async make(): Promise<Folder> {
    return new Folder(await Deno.makeTempDir({ prefix: "parley-bench-" }));
  }

  /** Removes it, with all that is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
    folders.delete(this.path);
  }
}

/** How a child process is started. */
export interface ChildOptions {
  /** The folder that it is started in; this project's by default. */
  readonly cwd?: string;
  /** Settings besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether what it says on standard error is of no interest. */
  readonly isQuiet?: boolean;
}

/** A child process that is told by its standard input to end, and read line by line. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(
    args: readonly string[],
    { cwd = ROOT, env = {}, isQuiet = false }: ChildOptions = {},
  ) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: isQuiet ? "null" : "inherit",
    }).spawn();
    children.add(this);
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Writes a line to its standard input. */
  async tell(line: string): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${line}\n`));
    writer.releaseLock();
  }

  /** The next line of its standard output. */
  async line(waitMs: number): Promise<string> {
    // A child that says nothing is ended, and so is what it says.
    const timer = setTimeout(() => this.kill("SIGKILL"), waitMs);
    try {
      while (!this.#text.includes("\n")) {
        const { done, value } = await this.#reader.read();
        if (done) throw new Error(`Process ended, or said nothing for ${waitMs} ms`);
        this.#text += value;
      }
    } finally {
      clearTimeout(timer);
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close().catch(() => {});
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), STOP_MS);
    await this.#reader.cancel();
    await this.#process.status;
    clearTimeout(timer);
    children.delete(this);
  }

  /** Sends it a signal, if it is still there. */
  kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended already.
    }
  }
}

/** Starts Parley as `deno task serve` does there, on a free port and without a flood limit. */
export async function startParley(
  { root, database, flags: more = [] }: ParleyOptions = {},
): Promise<Target> {
  const cwd = root ?? ROOT;
  const [, ...args] = await commandWords(cwd, "serve");
  const flags = ["--rate", "off", "--port", "0", "--log-level", "warning", ...more];
  await using resources = new AsyncDisposableStack();
  const path = database ?? `${resources.use(await Folder.make()).path}/parley.db`;
  // Not as a flag, which a Parley that keeps nothing would refuse.
  const env = { PARLEY_DB: path };
  const server = resources.use(
    await startServer([...args, ...flags], { isFloor: false, cwd, env }),
  );
  const owned = resources.move();
  return { ...server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * The command that a checkout starts its server with, or its client, word by word.
 *
 * @throws {Error} If it is none of Parley's.
 */
export async function commandWords(root: string, task: "serve" | "client"): Promise<string[]> {
  const manifest = JSON.parse(await Deno.readTextFile(`${root}/deno.json`)) as {
    readonly tasks?: Readonly<Record<string, { readonly command?: string }>>;
  };
  const command = manifest.tasks?.[task]?.command;
  if (command === undefined) throw new Error(`${root}/deno.json has no task "${task}"`);
  return command.replaceAll("'", "").split(" ");
}

/** Makes a certificate in a folder, as an operator does, and returns the flags that name it. */
export async function makeCertificate(folder: string): Promise<string[]> {
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const [, ...args] = await commandWords(ROOT, "serve");
  await outputOf(Deno.execPath(), [
    ...args,
    ...["make-cert", "--host", "127.0.0.1", "--cert", cert, "--key", key],
  ]);
  return ["--tls-cert", cert, "--tls-key", key];
}

/** Starts the floor on a free port. */
export function startFloor(): Promise<Target> {
  const args = ["run", "--no-prompt", "--allow-net=127.0.0.1", "tests/bench/floor.ts"];
  return startServer(args, { isFloor: true });
}

async function startServer(
  args: readonly string[],
  { isFloor, ...options }: { isFloor: boolean; cwd?: string; env?: Record<string, string> },
): Promise<Target> {
  const child = new Child(args, options);
  try {
    const line = await child.line(START_MS);
    const [, hostname = "", port] = /listens on (\S+):(\d+)/.exec(line) ?? [];
    if (port === undefined) throw new Error(`Server said something else: "${line}"`);
    const portOf = (door: string): number =>
      Number(new RegExp(`:(\\d+) \\(${door}\\)`).exec(line)?.[1] ?? 0);
    return {
      hostname,
      port: Number(port),
      tlsPort: portOf("TLS"),
      webPort: portOf("browsers"),
      pid: child.pid,
      isFloor,
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

/** The load process, at work on one request. */
export class Load implements AsyncDisposable {
  readonly #child: Child;

  constructor(request: LoadRequest) {
    this.#child = new Child([
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.0/8,[::1]",
      "tests/bench/load.ts",
      JSON.stringify(request),
    ]);
  }

  /**
   * Waits for an event.
   *
   * @throws {Error} If another one comes, such as that it failed.
   */
  async next<Type extends LoadEvent["type"]>(
    type: Type,
  ): Promise<Extract<LoadEvent, { type: Type }>> {
    const event = JSON.parse(await this.#child.line(EVENT_MS)) as LoadEvent;
    if (event.type === "failed") throw new Error(event.reason);
    if (event.type !== type) throw new Error(`Load told "${event.type}", not "${type}"`);
    return event as Extract<LoadEvent, { type: Type }>;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}

/** How a script of this folder is run. */
export interface ScriptOptions {
  /** The one argument. */
  readonly argument: string;
  /** The folder that it may read and write; none where none is given. */
  readonly folder?: string;
  /** How long it may take. */
  readonly waitMs?: number;
}

/** Runs a script of this folder that prints one line, and returns the line. */
export async function runScript(
  name: string,
  { argument, folder, waitMs = EVENT_MS }: ScriptOptions,
): Promise<string> {
  const rights = folder === undefined ? [] : [`--allow-read=${folder}`, `--allow-write=${folder}`];
  await using child = new Child(["run", "--no-prompt", ...rights, `tests/bench/${name}`, argument]);
  return await child.line(waitMs);
}

/**
 * What a process uses.
 *
 * @returns Null where the system does not tell: only Linux does.
 */
export async function readUsage(pid: number | null): Promise<Usage | null> {
  if (pid === null || Deno.build.os !== "linux") return null;
  // Deno itself may open these files only where it may do everything.
  const text = await outputOf("cat", [`/proc/${pid}/stat`, `/proc/${pid}/status`]);
  const [userTicks, systemTicks] = text.slice(text.indexOf(")") + 2).split(" ").slice(11, 13);
  const kib = (key: string): number => Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(text)?.[1]);
  return {
    cpuMs: (Number(userTicks) + Number(systemTicks)) * CLOCK_TICK_MS,
    residentKib: kib("VmRSS"),
    residentPeakKib: kib("VmHWM"),
  };
}

/** How many files a process may have open; infinite where the system does not tell. */
export async function readFileLimit(): Promise<number> {
  if (Deno.build.os === "windows") return Infinity;
  const limit = (await outputOf("sh", ["-c", "ulimit -n"])).trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args: [...args], cwd: ROOT }).output();
  return new TextDecoder().decode(stdout);
}
