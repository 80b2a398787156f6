/**
 * Random bytes through the read path of real connections, cut anywhere, held
 * against a model that takes each stream whole.
 *
 * A hundred thousand streams come over a fake socket whose reads copy as much
 * as they like, some hundreds over sockets of the loopback address. The bytes
 * lean towards what a decoder could trip over. A failure prints the seed of its
 * stream; `PARLEY_FUZZ_SEED=N` runs that one stream, and `PARLEY_FUZZ_STREAMS=N`
 * that many.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EndReason } from "../../lib/errors.ts";
import { LINE_BYTES_MAX } from "../../lib/limits.ts";
import type { Line } from "../../lib/net/connection.ts";
import { ConnectionShared, SocketConnection } from "../../lib/net/socket_connection.ts";
import type { Socket } from "../../lib/socket.ts";
import { modelLines, withoutFiller } from "./line_model.ts";
import { allLines, PEER, RealPair, within, writeAll } from "./sockets.ts";

const STREAMS = Number(Deno.env.get("PARLEY_FUZZ_STREAMS") ?? 100_000);
const REAL_STREAMS = Math.min(STREAMS, 300);
const ONE_SEED = Deno.env.get("PARLEY_FUZZ_SEED");
const FIRST_SEED = ONE_SEED === undefined ? Date.now() % 1_000_000_000 : Number(ONE_SEED);
const END = new EndReason("quit", "Stream is over");

/** Random numbers from a seed (the "mulberry32" generator). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to, and without, `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor(((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32 * end);
  }

  /** One of them. */
  of<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
}

const LINE_ENDS: readonly [number[], ...number[][]] = [[0x0a], [0x0d, 0x0a], [0x0d, 0x00]];

/** Pieces that a decoder could trip over. */
const PIECES: readonly [number[], ...number[][]] = [
  ...LINE_ENDS,
  ...[[0x0a], [0x0a], [0x0d, 0x0a], [0x0a, 0x0a], [0x0d], [0x0d, 0x0d], [0x00], [0x20], [0x09]],
  // Telnet: options, commands, a subnegotiation, halves of each.
  ...[[0xff], [0xff, 0xff], [0xff, 0xf1], [0xff, 0xfd, 0x01], [0xff, 0xfb, 0x0a], [0xff, 0xfe]],
  ...[[0xff, 0xfa, 0x1f, 0x00, 0x50, 0xff, 0xf0], [0xff, 0xfa], [0xff, 0xf0], [0xf0], [0xfa]],
  // UTF-8: characters, leads, followers, a byte order mark, what no text has.
  ...[[0xc3, 0xa9], [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80], [0xef, 0xbb, 0xbf], [0xc3]],
  ...[[0xe2], [0xe2, 0x82], [0xf0], [0xf0, 0x9f], [0x80], [0xbf], [0xc0, 0x8a], [0xed, 0xa0, 0x80]],
  // Escape sequences, commands, what people type.
  ...[[0x1b], [0x1b, 0x5b, 0x33, 0x31, 0x6d], [0x9b], [0x2f], [0x2f, 0x2f], [0x2d, 0x2d, 0x20]],
  ...[[0x61], [0x68, 0x69], [0x68, 0x65, 0x6c, 0x6c, 0x6f]],
];

/** A stream, and how it comes: each chunk has at most so many bytes. */
interface Trial {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly chunkBytesMax: number;
}

function makeTrial(random: Random): Trial {
  const bytes: number[] = [];
  // One stream in two hundred has runs around the limit, and comes in large chunks.
  const isLong = random.below(200) === 0;
  for (let pieces = random.below(isLong ? 16 : 12); pieces > 0; pieces--) {
    const kind = random.below(8);
    if (kind === 0) {
      for (let count = random.below(6); count > 0; count--) bytes.push(random.below(256));
    } else if (kind === 1 && isLong) {
      pushRun(bytes, random);
    } else {
      bytes.push(...random.of(PIECES));
    }
  }
  const chunkBytesMax = isLong
    ? random.of([700, 5_000, 2 ** 20, 2 ** 20])
    : random.of([1, 2, 3, 8, 64, 2 ** 20]);
  return { bytes: new Uint8Array(bytes), chunkBytesMax };
}

/** A run that makes a line just short enough, or just too long, or blank lines without end. */
function pushRun(bytes: number[], random: Random): void {
  const lineStart = bytes.lastIndexOf(0x0a) + 1;
  const byte = random.of([0x78, 0x78, 0x78, 0xe2, 0x0a]);
  const length = LINE_BYTES_MAX - random.of([0, bytes.length - lineStart]) + random.below(5) - 2;
  for (let count = 0; count < length; count++) bytes.push(byte);
  if (random.below(2) === 0) bytes.push(...random.of(LINE_ENDS));
  if (random.below(2) === 0) bytes.push(...random.of(LINE_ENDS));
}

/** A socket whose reads copy as many bytes as they like, and which takes no writes. */
class ChunkSocket implements Socket {
  readonly #trial: Trial;
  readonly #random: Random;
  #at = 0;

  constructor(trial: Trial, random: Random) {
    this.#trial = trial;
    this.#random = random;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const { bytes, chunkBytesMax } = this.#trial;
    const left = bytes.length - this.#at;
    if (left === 0) return Promise.resolve(null);
    const most = Math.min(left, chunkBytesMax, buffer.length);
    // As much as there is, every other time: so do large chunks arise.
    const count = this.#random.below(2) === 0 ? most : 1 + this.#random.below(most);
    buffer.set(bytes.subarray(this.#at, this.#at + count));
    this.#at += count;
    return Promise.resolve(count);
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.dispose](): void {}
}

/** Compares by hand: a hundred thousand deep comparisons would take most of the time. */
function check(trial: Trial, found: readonly Line[], seed: number): void {
  const lines = withoutFiller(found);
  const expected = modelLines(trial.bytes);
  const isEqual = lines.length === expected.length &&
    lines.every((line, at) => line === expected[at]);
  if (isEqual) return;
  const show = (all: readonly Line[]): string => JSON.stringify(all.map(String)).slice(0, 2_000);
  throw new Error(
    `PARLEY_FUZZ_SEED=${seed}: ${trial.bytes.length} bytes in chunks of ${trial.chunkBytesMax}\n` +
      `expected ${show(expected)}\nbut got  ${show(lines)}`,
  );
}

/** Runs a trial for each seed. What goes wrong in a callback, where no trial can catch it, names the seed too. */
async function runTrials(count: number, run: (seed: number) => Promise<void>): Promise<void> {
  let seed = FIRST_SEED;
  const broken = Promise.withResolvers<never>();
  const onBroken = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    broken.reject(new Error(`PARLEY_FUZZ_SEED=${seed}`, { cause: event.reason }));
  };
  const runAll = async (): Promise<void> => {
    for (; seed < FIRST_SEED + count; seed++) await run(seed);
  };
  globalThis.addEventListener("unhandledrejection", onBroken);
  try {
    await Promise.race([runAll(), broken.promise]);
  } finally {
    globalThis.removeEventListener("unhandledrejection", onBroken);
  }
}

Deno.test("SocketConnection.lines() gives the model's lines for random streams and chunks", async () => {
  const count = ONE_SEED === undefined ? STREAMS : 1;
  let timesClosed = 0;
  const shared = new ConnectionShared(() => timesClosed++);
  await runTrials(count, async (seed) => {
    const random = new Random(seed);
    const trial = makeTrial(random);
    const connection = new SocketConnection(new ChunkSocket(trial, random), PEER, shared);
    // Sometimes the first bytes are looked at first, as the server does.
    if (seed % 8 === 0) await connection.opening(1_000);
    const lines = await allLines(connection);
    connection.abort(END);
    check(trial, lines, seed);
  });
  assertEquals(timesClosed, count);
});

Deno.test("SocketConnection.lines() gives the model's lines for random streams over real sockets", async () => {
  const count = ONE_SEED === undefined ? REAL_STREAMS : 1;
  await runTrials(count, async (seed) => {
    const random = new Random(seed);
    const trial = makeTrial(random);
    await using pair = await RealPair.open();
    const lines = allLines(pair.connection);
    for (let at = 0; at < trial.bytes.length;) {
      const end = at + 1 + random.below(Math.min(trial.bytes.length - at, trial.chunkBytesMax));
      await writeAll(pair.far, trial.bytes.subarray(at, end));
      at = end;
    }
    await pair.far.closeWrite();
    check(trial, await within(lines, `the lines of PARLEY_FUZZ_SEED=${seed}`), seed);
  });
});
