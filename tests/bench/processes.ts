/**
 * The processes of a benchmark, and what the system tells about them.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import type { LoadEvent, LoadRequest } from "./load.ts";

/** A server that is being measured. */
export interface Target extends AsyncDisposable {
  readonly hostname: string;
  readonly port: number;
  /** Its process; null where nobody told. */
  readonly pid: number | null;
  /** Whether it is the floor, which is only there to compare with. */
  readonly isFloor: boolean;
}

/** What a process has used so far, and holds. */
export interface Usage {
  /** Processor time of all its threads, kernel included. */
  readonly cpuMs: number;
  readonly residentKib: number;
  /** The most that was ever resident. */
  readonly residentPeakKib: number;
}

const ROOT = new URL("../../", import.meta.url);
const START_MS = 20_000;
const STOP_MS = 5_000;
const EVENT_MS = 60_000;

/** Linux counts processor time for programs in hundredths of a second, whatever its own clock. */
const CLOCK_TICK_MS = 10;

/** A child process that is told by its standard input to end, and read line by line. */
class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The next line of its standard output. */
  async line(waitMs: number): Promise<string> {
    // A child that says nothing is ended, and so is what it says.
    const timer = setTimeout(() => this.#kill("SIGKILL"), waitMs);
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
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), STOP_MS);
    await this.#reader.cancel();
    await this.#process.status;
    clearTimeout(timer);
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended already.
    }
  }
}

/** Starts Parley as `deno task serve` does, on a free port and without a flood limit. */
export function startParley(): Promise<Target> {
  const [, ...args] = manifest.tasks.serve.command.replaceAll("'", "").split(" ");
  const flags = ["--rate", "off", "--port", "0", "--log-level", "warning"];
  return startServer([...args, ...flags], { isFloor: false });
}

/** Starts the floor on a free port. */
export function startFloor(): Promise<Target> {
  const args = ["run", "--no-prompt", "--allow-net=127.0.0.1", "tests/bench/floor.ts"];
  return startServer(args, { isFloor: true });
}

async function startServer(
  args: readonly string[],
  { isFloor }: { isFloor: boolean },
): Promise<Target> {
  const child = new Child(args);
  try {
    const line = await child.line(START_MS);
    const [, hostname = "", port] = /listens on (\S+):(\d+)/.exec(line) ?? [];
    if (port === undefined) throw new Error(`Server said something else: "${line}"`);
    return {
      hostname,
      port: Number(port),
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

/** Runs a script of this folder that prints one line, and returns the line. */
export async function runScript(name: string, ...args: readonly string[]): Promise<string> {
  await using child = new Child(["run", "--no-prompt", `tests/bench/${name}`, ...args]);
  return await child.line(EVENT_MS);
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
  const { stdout } = await new Deno.Command(command, { args: [...args] }).output();
  return new TextDecoder().decode(stdout);
}
