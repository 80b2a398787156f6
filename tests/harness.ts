/**
 * What the whole-server tests stand on: a real server on a free port of the
 * loopback address, and guests that speak to it over real sockets.
 *
 * No test sleeps: a guest waits for a line, or for the answer to its own
 * `/ping` (a barrier: whatever the server did before is there by then). Every
 * wait has a deadline whose error says what was awaited and what came instead.
 * A server that is disposed of must leave nothing open, and must have found
 * nothing wrong with itself.
 *
 * @module
 */

import { createConnection, type Socket } from "node:net";
import { assertEquals } from "@std/assert";
import type { Certificate } from "../lib/certificate.ts";
import { configureLog } from "../lib/log.ts";
import { type Server, type ServerConfig, startServer } from "../lib/server.ts";

/** Longest wait for anything, on a busy machine too. */
export const WAIT_MS = 15_000;

/** From before any fake clock. */
const { setTimeout, clearTimeout } = globalThis;

const DEFAULTS: ServerConfig = {
  host: "127.0.0.1",
  port: 0,
  tls: null,
  web: null,
  webOrigins: [],
  metrics: null,
  proxyProtocolFrom: [],
  forwardedFrom: [],
  idleMs: null,
  resumeGraceMs: 60_000,
  rate: null,
  connectionsMax: 10_000,
  perAddressMax: 64,
  name: "Parley",
  motd: [],
  db: ":memory:",
  keepMs: null,
  operators: [],
  password: null,
  allowPlaintextPasswords: false,
};

const LF = 0x0a;

/** A server that a test has to itself. */
export class TestServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #config: ServerConfig;
  /** What it logged at `warning` and above. */
  readonly log: readonly string[];

  constructor(server: Server, config: ServerConfig, log: readonly string[]) {
    this.#server = server;
    this.#config = config;
    this.log = log;
  }

  /** The port it listens on for plain text. */
  get port(): number {
    return this.#server.addresses.plain.port;
  }

  /** The port it listens on for TLS; 0 for none. */
  get tlsPort(): number {
    return this.#server.addresses.tls?.port ?? 0;
  }

  /** The port it listens on for browsers; 0 for none. */
  get webPort(): number {
    return this.#server.addresses.web?.port ?? 0;
  }

  /** The port it tells metrics on; 0 for none. */
  get metricsPort(): number {
    return this.#server.addresses.metrics?.port ?? 0;
  }

  /** See {@linkcode Server.reconfigure}: the settings that the server started with, but for these. */
  reconfigure(overrides: Partial<ServerConfig>): void {
    this.#server.reconfigure({ ...this.#config, ...overrides });
  }

  /** See {@linkcode Server.replaceCertificate}. */
  replaceCertificate(certificate: Certificate): void {
    this.#server.replaceCertificate(certificate);
  }

  /** Connections that the server holds open. */
  get connections(): number {
    return this.#server.connections;
  }

  /** A guest that has not sent anything. */
  async connect(): Promise<Guest> {
    return await Guest.connect(this.port);
  }

  /** A guest that has come in under a name, and has read its welcome. */
  async join(name: string): Promise<Guest> {
    const guest = await this.connect();
    guest.say(`/nick ${name}`);
    await guest.until(`-- You are now ${name}.`);
    return guest;
  }

  shutdown(): Promise<void> {
    return this.#server.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.shutdown(), () => "Awaited the end of the server");
    assertEquals(this.connections, 0, "connections that the server left open");
    assertEquals(this.log, [], "what the server found wrong with itself");
  }
}

/**
 * Starts a server: without limits on rate or idleness, unless told otherwise.
 */
export async function startTestServer(
  overrides: Partial<ServerConfig> = {},
): Promise<TestServer> {
  const log: string[] = [];
  configureLog((line) => log.push(line), { format: "text", level: "warning" });
  const config = { ...DEFAULTS, ...overrides };
  return new TestServer(await startServer(config, { version: "0.0.0-test" }), config, log);
}

/** One guest: what it receives is gathered from the start, unless it is told not to read. */
export class Guest implements AsyncDisposable {
  readonly #conn: Deno.TcpConn;
  #reading: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  readonly #chunks: Uint8Array[] = [];
  /** Whole lines, and how many of them were taken. */
  readonly #lines: string[] = [];
  #taken = 0;
  /** What came behind the last whole line. */
  #rest = "";
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #isReading = false;
  #isEnded = false;
  #isReset = false;
  #isClosed = false;
  #onChange: (() => void) | null = null;
  #pings = 0;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** Connects to a port of the loopback address, and reads what comes. */
  static async connect(port: number): Promise<Guest> {
    const guest = await Guest.connectDeaf(port);
    guest.read();
    return guest;
  }

  /** Connects, and reads nothing until {@linkcode Guest.read} is called. */
  static async connectDeaf(port: number): Promise<Guest> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    // Or else a ping behind a line waits 40 ms for the line to be acknowledged.
    conn.setNoDelay();
    return new Guest(conn);
  }

  /** Whether the stream was reset, rather than ended. */
  get isReset(): boolean {
    return this.#isReset;
  }

  /** The lines that have come and were not asked for yet. */
  get pending(): readonly string[] {
    return this.#lines.slice(this.#taken);
  }

  /** Every byte that came so far. */
  get received(): Uint8Array {
    const all = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Begins to read. Does nothing for one that does already. */
  read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#reading = this.#readAll();
  }

  /** Sends one line. */
  say(line: string): void {
    this.send(`${line}\n`);
  }

  /** Sends text or bytes as they are, behind all that was sent before. */
  send(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.#writing = this.#writing.then(() => this.#write(bytes));
  }

  /** Waits until all that was sent has left. */
  async sent(): Promise<void> {
    await within(this.#writing, () => `Awaited that the server takes what was sent`);
  }

  /** Ends its own side of the stream, and goes on reading. */
  async endWriting(): Promise<void> {
    await this.sent();
    await this.#conn.closeWrite();
  }

  /** The next line. */
  async line(what = "a line"): Promise<string> {
    await this.#wait(what, () => this.#taken < this.#lines.length);
    return this.#lines[this.#taken++] ?? "";
  }

  /**
   * The next line, which must be this one.
   *
   * @throws If it is another, or the stream ends before it.
   */
  async expect(wanted: string | RegExp): Promise<string> {
    const line = await this.line(show(wanted));
    if (!matches(line, wanted)) {
      throw new Error(`Awaited ${show(wanted)}, but there came ${show(line)}`);
    }
    return line;
  }

  /** The lines up to the one that is wanted, which is the last. */
  async until(wanted: string | RegExp): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line(
        `${show(wanted)} behind ${lines.length} lines, the last of them ${
          show(lines.at(-1) ?? "")
        }`,
      );
      lines.push(line);
      if (matches(line, wanted)) return lines;
    }
  }

  /** The lines that come before the answer to its own ping: all that the server did so far. */
  async roundtrip(): Promise<string[]> {
    const mark = `${this.#conn.localAddr.port}-${++this.#pings}`;
    this.say(`/ping ${mark}`);
    return (await this.until(`-- pong ${mark}`)).slice(0, -1);
  }

  /** The lines that come before the server's end of the stream, an unfinished one included. */
  async untilClosed(): Promise<string[]> {
    this.read();
    await this.#wait("the end", () => this.#isEnded);
    const lines = this.#lines.slice(this.#taken);
    this.#taken = this.#lines.length;
    if (this.#rest !== "") lines.push(this.#rest);
    return lines;
  }

  /** Closes. With unread bytes waiting, the system resets the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#conn[Symbol.dispose]();
    await this.#reading;
    await this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch (error) {
      // The server may close first; what it did is for the test to look at.
      if (!isDisconnect(error)) throw error;
    }
  }

  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        this.#take(buffer.slice(0, count));
      }
    } catch (error) {
      if (!isDisconnect(error)) throw error;
      this.#isReset = !this.#isClosed;
    }
    this.#isEnded = true;
    this.#onChange?.();
  }

  #take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    const text = this.#decoder.decode(chunk, { stream: true });
    if (chunk.indexOf(LF) < 0) {
      this.#rest += text;
    } else {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#lines.push(line);
    }
    this.#onChange?.();
  }

  async #wait(what: string, isThere: () => boolean): Promise<void> {
    this.read();
    const rest = (): string =>
      show(this.#lines.slice(this.#taken).join("\n").slice(-2_000) + this.#rest);
    while (!isThere()) {
      if (this.#isEnded) throw new Error(`Awaited ${what}, but the stream ended after ${rest()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      await within(promise, () => `Awaited ${what}, and there is ${rest()}`);
      this.#onChange = null;
    }
  }
}

/** A guest who does not read, and leaves without a word: what comes for it is answered by a reset. */
export class RudeGuest {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Connects to a port of the loopback address. */
  static async connect(port: number): Promise<RudeGuest> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", resolve);
    socket.once("error", reject);
    await within(promise, () => "Awaited a connection");
    socket.pause();
    // Nothing that happens to it later is news.
    socket.off("error", reject).on("error", () => {});
    return new RudeGuest(socket);
  }

  /** Sends one line. */
  say(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /** Resets the connection. */
  async reset(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("close", resolve);
    this.#socket.resetAndDestroy();
    await within(promise, () => "Awaited the end of a reset connection");
  }
}

/**
 * A promise that does not take longer than {@linkcode WAIT_MS}, whatever clock
 * the test plays with.
 */
export async function within<T>(promise: Promise<T>, describe: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const isLate = (): void => late.reject(new Error(`${describe()} (waited ${WAIT_MS} ms)`));
  using _timer = startTimer(isLate);
  return await Promise.race([promise, late.promise]);
}

function startTimer(callback: () => void): Disposable {
  if (globalThis.setTimeout === setTimeout) {
    const timer = setTimeout(callback, WAIT_MS);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }
  // A fake clock stops the real `setTimeout` too. This one goes on; it costs more, and so is second.
  const signal = AbortSignal.timeout(WAIT_MS);
  signal.addEventListener("abort", callback);
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", callback) };
}

function matches(line: string, wanted: string | RegExp): boolean {
  return typeof wanted === "string" ? line === wanted : wanted.test(line);
}

function show(text: string | RegExp): string {
  return typeof text === "string" ? JSON.stringify(text) : `${text}`;
}

/** Whether an error says that the other side is gone, or that this one was closed meanwhile. */
function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}
