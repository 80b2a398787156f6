/**
 * The bundled client on a whole screen, in a room where 1,000 messages a second are said:
 * how long a key takes to be seen, and what the client costs.
 *
 * A real pseudo-terminal: script(1) makes it, and passes on what is typed and shown.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { commandWords, readUsage, startParley, type Target } from "./processes.ts";
import { type Setting, SkipError } from "./scenario.ts";
import type { Figure } from "./table.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What is said in a second, in so many writes. */
const MESSAGES_PER_SECOND = 1_000;
const WRITES_PER_SECOND = 100;
const MESSAGE = `${"all work and no play makes a dull boy ".repeat(2).trim()}\n`;

/** Shown nowhere but where it is typed. */
const KEY = "Z";
const CLEAR_LINE = "\x15";
const KEY_EVERY_MS = 250;

/** Nothing on the screen takes longer. */
const SHOWN_MS = 20_000;

/** Runs the scenario `screen`. */
export async function screen({ extent }: Setting): Promise<Figure[]> {
  await using server = await startParley();
  await using terminal = await Terminal.open(server);
  await terminal.shown("#lobby");
  using talker = await Talker.connect(server);
  talker.start();
  const before = await readUsage(terminal.clientPid);
  const beganMs = performance.now();
  const keysMs: number[] = [];
  while (performance.now() - beganMs < extent.screenMs) {
    const typedMs = performance.now();
    const seen = terminal.shown(KEY);
    terminal.type(KEY);
    await seen;
    keysMs.push(performance.now() - typedMs);
    terminal.type(CLEAR_LINE);
    await new Promise((resolve) => setTimeout(resolve, KEY_EVERY_MS));
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  const after = await readUsage(terminal.clientPid);
  const scenario = `screen, ${Math.round(talker.said / seconds)} messages/s for ${
    Math.round(seconds)
  } s`;
  keysMs.sort((one, other) => one - other);
  const at = (part: number): number => keysMs[Math.floor(part * (keysMs.length - 1))] ?? NaN;
  const cpu = before === null || after === null
    ? null
    : (after.cpuMs - before.cpuMs) / (10 * seconds);
  const peakMib = after === null ? null : after.residentPeakKib / 1_024;
  return [
    { scenario, figure: "key to screen p50 ms", server: at(0.5) },
    { scenario, figure: "key to screen p99 ms", server: at(0.99) },
    { scenario, figure: "key to screen max ms", server: at(1), limit: 50 },
    { scenario, figure: "client CPU, % of one", server: cpu },
    { scenario, figure: "client peak RSS MiB", server: peakMib },
  ];
}

/** A terminal of 80 columns and 24 rows in which the client runs. */
class Terminal implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  /** What was shown since it was last asked for something. */
  #text = "";
  #wanted: { readonly text: string; readonly resolve: () => void } | null = null;
  #clientPid: number | null = null;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#writer = process.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts the client there, as `deno task client` does, with settings of its own. */
  static async open({ hostname, port }: Target): Promise<Terminal> {
    const words = [
      ...await commandWords(ROOT, "client"),
      `${hostname}:${port}`,
      "--nick",
      "reader",
      "--no-settings",
    ];
    const client = words.map((word) => `'${word}'`).join(" ");
    let process: Deno.ChildProcess;
    try {
      process = new Deno.Command("script", {
        args: ["-qfec", `stty rows 24 cols 80; exec ${client}`, "/dev/null"],
        cwd: ROOT,
        env: { TERM: "xterm-256color", SHELL: "/bin/sh" },
        stdin: "piped",
        stdout: "piped",
        // That it is ended from outside, script(1) tells at length.
        stderr: "null",
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new SkipError("script(1) is not installed");
    }
    const terminal = new Terminal(process);
    const { stdout } = await new Deno.Command("pgrep", {
      args: ["-P", `${process.pid}`],
    }).output();
    terminal.#clientPid = Number(new TextDecoder().decode(stdout).trim()) || null;
    return terminal;
  }

  /** The client's process; null where it was not found. */
  get clientPid(): number | null {
    return this.#clientPid;
  }

  /** Presses keys. */
  type(text: string): void {
    // What it comes to is seen on the screen, or missed there.
    this.#writer.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** Waits until this text is shown, from now on. */
  async shown(text: string): Promise<void> {
    this.#text = "";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wanted = { text, resolve };
    const timer = setTimeout(
      () => reject(new Error(`Client did not show "${text}" within ${SHOWN_MS} ms`)),
      SHOWN_MS,
    );
    await promise.finally(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#reading;
    await this.#writer.close().catch(() => {});
    await this.#process.status;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#process.stdout) {
      // Only its end can be the beginning of what is wanted.
      this.#text = this.#text.slice(-100) + decoder.decode(bytes, { stream: true });
      if (this.#wanted === null || !this.#text.includes(this.#wanted.text)) continue;
      this.#wanted.resolve();
      this.#wanted = null;
    }
  }
}

/** Says the same again and again, at a steady pace. */
class Talker implements Disposable {
  readonly #conn: Deno.TcpConn;
  #timer: ReturnType<typeof setInterval> | undefined;
  #beganMs = 0;
  #said = 0;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async connect({ hostname, port }: Target): Promise<Talker> {
    const talker = new Talker(await Deno.connect({ hostname, port }));
    // Nothing comes but the welcome, and later a goodbye.
    talker.#drain().catch(() => {});
    return talker;
  }

  /** Messages so far. */
  get said(): number {
    return this.#said;
  }

  start(): void {
    this.#beganMs = performance.now();
    this.#timer = setInterval(() => this.#speak(), 1_000 / WRITES_PER_SECOND);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#conn[Symbol.dispose]();
  }

  #speak(): void {
    const due = Math.floor((performance.now() - this.#beganMs) / 1_000 * MESSAGES_PER_SECOND);
    const count = due - this.#said;
    if (count <= 0) return;
    this.#said = due;
    // A server that does not take them shows in the figures of the client.
    this.#conn.write(new TextEncoder().encode(MESSAGE.repeat(count))).catch(() => {});
  }

  async #drain(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    while (await this.#conn.read(buffer) !== null);
  }
}
