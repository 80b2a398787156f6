/**
 * What the tests of `net/` stand on: real socket pairs on the loopback address,
 * a fake socket whose every read and write the test decides, a barrier that is
 * one turn of the event loop, and deadlines that say what was awaited.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { EndReason } from "../../lib/errors.ts";
import type { Line, Peer } from "../../lib/net/connection.ts";
import { ConnectionShared, SocketConnection } from "../../lib/net/socket_connection.ts";
import type { Socket } from "../../lib/socket.ts";

/** Longest wait for anything, on a busy machine too. */
const WAIT_MS = 15_000;

/** From before any fake clock, so that deadlines fire in spite of one. */
const { setTimeout, clearTimeout } = globalThis;

/** Waits for `promise`, but not forever: the error says what was awaited. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`Awaited ${what} for ${WAIT_MS} ms in vain`)),
    WAIT_MS,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The end of this turn of the event loop: what was scheduled before has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Some turns, so that a chain of callbacks gets to its end. */
export async function turns(count = 3): Promise<void> {
  for (let at = 0; at < count; at++) await turn();
}

/** Waits until `condition` holds, turn by turn. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + WAIT_MS;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`Awaited ${what} for ${WAIT_MS} ms in vain`);
    await turn();
  }
}

/** Text as UTF-8. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** UTF-8 as text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Several pieces as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Every line up to the end of a connection. */
export async function allLines(connection: SocketConnection): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of connection.lines()) lines.push(line);
  return lines;
}

/** Every byte that a peer gets, up to the end. */
export async function readAll(conn: Deno.TcpConn): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await within(conn.read(buffer), "bytes or the end of the stream");
    if (count === null) return joined(pieces);
    pieces.push(buffer.slice(0, count));
  }
}

/** Every byte of `bytes`, whatever one write takes. */
export async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await within(conn.write(bytes.subarray(at)), "room for bytes");
}

/** The two ends of a new TCP connection on the loopback address. */
export async function connectPair(): Promise<{ near: Deno.TcpConn; far: Deno.TcpConn }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await within(
    Promise.all([
      listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    ]),
    "a loopback connection",
  );
  near.setNoDelay();
  far.setNoDelay();
  return { near, far };
}

/** Whoever is on the other side of a connection. */
export const PEER: Peer = { address: "192.0.2.7", via: "tcp", isPrivate: false };

/** A connection over any socket, and how often it said that it is closed. */
export class Subject {
  readonly connection: SocketConnection;
  /** How often `onClosed` was called. */
  timesClosed = 0;

  constructor(socket: Socket) {
    const shared = new ConnectionShared(() => this.timesClosed++);
    this.connection = new SocketConnection(socket, PEER, shared);
  }
}

/** A connection over a real socket, and its peer's end. */
export class RealPair extends Subject implements AsyncDisposable {
  /** The connection's own socket, to be read and written by nobody else. */
  readonly near: TracedSocket;
  /** The peer's socket. */
  readonly far: Deno.TcpConn;

  private constructor(near: TracedSocket, far: Deno.TcpConn) {
    super(near);
    this.near = near;
    this.far = far;
  }

  static async open(): Promise<RealPair> {
    const { near, far } = await connectPair();
    return new RealPair(new TracedSocket(near), far);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.abort(new EndReason("fault", "Test is over"));
    this.far[Symbol.dispose]();
    await turns();
  }
}

/** A real socket that says whether a write is under way. */
export class TracedSocket implements Socket {
  readonly #conn: Deno.TcpConn;
  /** How many writes are under way. */
  writing = 0;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#conn.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writing++;
    try {
      return await this.#conn.write(bytes);
    } finally {
      this.writing--;
    }
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  [Symbol.dispose](): void {
    this.#conn[Symbol.dispose]();
  }
}

/** A write that waits for the test to say how much of it was taken. */
export interface PendingWrite {
  readonly bytes: Uint8Array;
  readonly take: (count: number) => void;
  readonly fail: (error: Error) => void;
}

/** A writer that keeps what it takes, and checks that there is one write at a time. */
export class ManualWriter {
  /** The write under way. */
  pending: PendingWrite | null = null;
  /** The very buffers that were handed over, partial rests included. */
  readonly handed: Uint8Array[] = [];
  readonly #taken: Uint8Array[] = [];

  /** Everything taken so far. */
  get taken(): Uint8Array<ArrayBuffer> {
    return joined(this.#taken);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.pending !== null) throw new Error("Two writes at once");
    this.handed.push(bytes);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.pending = {
      bytes,
      take: (count): void => {
        this.pending = null;
        this.#taken.push(bytes.slice(0, count));
        resolve(count);
      },
      fail: (error): void => {
        this.pending = null;
        reject(error);
      },
    };
    return promise;
  }
}

/** A socket of which the test decides every read and every write. */
export class FakeSocket extends ManualWriter implements Socket {
  /** Whether writes are taken whole and at once. */
  isTaking: boolean;
  isDisposed = false;
  timesClosedWrite = 0;
  /** The size of the buffer of each read that was begun. */
  readonly readBytes: number[] = [];
  #arrived: (Uint8Array | Error | null)[] = [];
  #reading: { buffer: Uint8Array; result: PromiseWithResolvers<number | null> } | null = null;

  constructor(options: { isTaking: boolean } = { isTaking: true }) {
    super();
    this.isTaking = options.isTaking;
  }

  /** Lets bytes arrive; an error is what a read fails with, null the end of the stream. */
  arrive(...what: (Uint8Array | string | Error | null)[]): void {
    this.#arrived.push(...what.map((item) => typeof item === "string" ? bytesOf(item) : item));
    this.#answer();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#reading !== null) throw new Error("Two reads at once");
    this.readBytes.push(buffer.length);
    const result = Promise.withResolvers<number | null>();
    this.#reading = { buffer, result };
    this.#answer();
    return result.promise;
  }

  override write(bytes: Uint8Array): Promise<number> {
    if (this.isDisposed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    const written = super.write(bytes);
    if (this.isTaking) this.pending?.take(bytes.length);
    return written;
  }

  closeWrite(): Promise<void> {
    this.timesClosedWrite++;
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    if (this.isDisposed) throw new Error("Disposed of twice");
    this.isDisposed = true;
    this.#arrived = [new Deno.errors.BadResource("Bad resource ID")];
    this.#answer();
    this.pending?.fail(new Deno.errors.BadResource("Bad resource ID"));
  }

  #answer(): void {
    const reading = this.#reading;
    const next = this.#arrived.shift();
    if (next === undefined) return;
    if (reading === null) {
      this.#arrived.unshift(next);
      return;
    }
    this.#reading = null;
    const { buffer, result } = reading;
    if (next instanceof Error) return result.reject(next);
    if (next === null) return result.resolve(null);
    const count = Math.min(next.length, buffer.length);
    buffer.set(next.subarray(0, count));
    if (count < next.length) this.#arrived.unshift(next.subarray(count));
    result.resolve(count);
  }
}
