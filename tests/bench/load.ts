/**
 * The load: a crowd of users in one process, started by the benchmark.
 *
 * It is told what to do by one JSON argument, tells how it goes in lines of
 * JSON on standard output, and ends when its standard input does. It takes
 * loopback addresses only.
 *
 * It has to be cheaper than what it measures. So users share one read buffer
 * (bytes that overwrite each other are counted all the same), and bytes are
 * counted, not lines: each line of a fan-out has the same length. What must
 * have arrived is checked by the total of each user, and byte by byte for one.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** What the load process is to do. */
export interface LoadRequest {
  /**
   * `fanout`: a closed loop, at most {@linkcode WINDOW_MESSAGES} on their way to
   * the slowest user. `latency`: an open loop, a message leaves on time whatever
   * the server does. `idle`: connect, and no more.
   */
  readonly mode: "fanout" | "latency" | "idle";
  /** Where the server listens; a loopback address. */
  readonly hostname: string;
  readonly port: number;
  /** Connections, the sender and those who never read included. */
  readonly users: number;
  /** How many of them never read. */
  readonly slowUsers: number;
  /** What those get before everybody else comes: so much is in the kernel's buffers already. */
  readonly prefillBytes: number;
  /** Bytes of a message as it is sent, its line feed included. */
  readonly messageBytes: number;
  /** Messages a second, in an open loop. */
  readonly perSecond: number;
  /** Goes before what is measured. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Whether all that was sent is waited for, and has to be right. */
  readonly isChecked: boolean;
}

/** What the load process tells: one a line, in this order. */
export type LoadEvent =
  /** Every connection is made. */
  | { readonly type: "connected"; readonly tookMs: number }
  /** What is measured begins. */
  | { readonly type: "begin" }
  /** What is measured has ended. */
  | { readonly type: "end" }
  /** All that was sent has arrived, and was right, if that was to be checked. */
  | LoadResult
  /** It has not, or something else went wrong. */
  | { readonly type: "failed"; readonly reason: string };

/** What was measured between `begin` and `end`. */
export interface LoadResult {
  readonly type: "result";
  readonly tookMs: number;
  readonly deliveries: number;
  /** Times from when a message was due to when a user had it; zeros in a closed loop. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How many of those who never read were closed by the server. */
  readonly slowClosed: number;
}

/** Messages on their way to the slowest user, in a closed loop. */
export const WINDOW_MESSAGES = 256;

/** Messages that leave in one write, in a closed loop: a quarter of the window. */
const STEP_MESSAGES = WINDOW_MESSAGES / 4;

const SHARED_READ_BYTES = 64 * 1024;
const OWN_READ_BYTES = 8 * 1024;

/** Connects under way at once. */
const CONNECTS_AT_ONCE = 64;

/** Wait for a marker to reach everybody before the next one is sent. */
const MARKER_MS = 100;
const MARKERS_MAX = 200;

/** Nothing more arrives for so long: the rest is lost. */
const STALL_MS = 10_000;

/** What arrives so long after the last delivery would be a double. */
const EXTRA_MS = 100;

/** Time for those who never read to find that they were closed. */
const SLOW_END_MS = 3_000;

/** What those who never read get at once, before it is waited for. */
const PREFILL_STEP_MESSAGES = 16;

/** Latencies are counted in steps of 10 us, up to 20 s. */
const HISTOGRAM_STEP_MS = 0.01;
const HISTOGRAM_STEPS = 2_000_000;

const LF = 0x0a;
const DASH = 0x2d;
const DIGIT_0 = 0x30;
const SEQUENCE_DIGITS = 10;

const encoder = new TextEncoder();

/** Takes what a user reads. */
interface Sink {
  /** The first `count` bytes of `buffer`; its bytes mean nothing where it is shared. */
  take(buffer: Uint8Array, count: number): void;
}

/** The messages: one template in which the number changes. */
class Messages {
  readonly #template: Uint8Array;

  constructor(bytes: number) {
    const head = "~" + "0".repeat(SEQUENCE_DIGITS) + " ";
    const padding = "abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(bytes / 26));
    this.#template = encoder.encode((head + padding).slice(0, bytes - 1) + "\n");
  }

  get bytes(): number {
    return this.#template.length;
  }

  /** Messages in a row, from the number `first` on. */
  block(first: number, count: number): Uint8Array<ArrayBuffer> {
    const block = new Uint8Array(count * this.bytes);
    for (let i = 0; i < count; i++) this.write(first + i, block.subarray(i * this.bytes));
    return block;
  }

  /** Writes the message with that number to the beginning of `target`. */
  write(number: number, target: Uint8Array): void {
    target.set(this.#template);
    for (let at = SEQUENCE_DIGITS, rest = number; at > 0; at--) {
      target[at] = DIGIT_0 + rest % 10;
      rest = Math.floor(rest / 10);
    }
  }
}

/** Compares what one user gets with what was sent, byte by byte. */
class Checker {
  readonly #messages: Messages;
  readonly #prefix: Uint8Array;
  readonly #expected: Uint8Array;
  #number = 0;
  #at = 0;
  isRight = true;

  constructor(messages: Messages, prefix: Uint8Array) {
    this.#messages = messages;
    this.#prefix = prefix;
    this.#expected = new Uint8Array(prefix.length + messages.bytes);
    this.#expected.set(prefix);
    this.#expect();
  }

  take(bytes: Uint8Array): void {
    const expected = this.#expected;
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== expected[this.#at]) this.isRight = false;
      if (++this.#at < expected.length) continue;
      this.#at = 0;
      this.#number++;
      this.#expect();
    }
  }

  #expect(): void {
    this.#messages.write(this.#number, this.#expected.subarray(this.#prefix.length));
  }
}

/** One connection, read as long as it lasts. */
class Reader {
  readonly #conn: Deno.TcpConn;
  readonly #onClosed: () => void;
  #sink: Sink | null = null;
  #buffer: Uint8Array<ArrayBuffer>;
  /** The buffer of the read that is under way. */
  #reading: Uint8Array<ArrayBuffer>;

  constructor(conn: Deno.TcpConn, buffer: Uint8Array<ArrayBuffer>, onClosed: () => void) {
    this.#conn = conn;
    this.#buffer = buffer;
    this.#reading = buffer;
    this.#onClosed = onClosed;
    this.#read();
  }

  /** From now on `sink` gets what is read, and the next reads are into `buffer`. */
  pour(sink: Sink, buffer: Uint8Array<ArrayBuffer>): void {
    this.#sink = sink;
    this.#buffer = buffer;
  }

  #read(): void {
    this.#reading = this.#buffer;
    this.#conn.read(this.#reading).then(this.#onRead, this.#onClosed);
  }

  readonly #onRead = (count: number | null): void => {
    if (count === null) return this.#onClosed();
    this.#sink?.take(this.#reading, count);
    this.#read();
  };
}

/** Writes one after the other, each whole. */
class Sender {
  readonly #conn: Deno.TcpConn;
  readonly #waiting: Uint8Array[] = [];
  #isWriting = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  send(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (!this.#isWriting) this.#writeAll().catch(fail);
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    }
    this.#isWriting = false;
  }
}

/**
 * Looks for the last marker that a user got, and what stands before it. What was said
 * before the user came is shown with its time in brackets, and does not count.
 */
class MarkerSink implements Sink {
  static readonly #MARKER = /(?:^|\n)((?!\[)[^\n]*)~sync (\d+)\n[^\n]*$/;
  #tail = "";
  seen = 0;
  prefix = "";

  take(buffer: Uint8Array, count: number): void {
    this.#tail = (this.#tail + new TextDecoder().decode(buffer.subarray(0, count))).slice(-400);
    const match = MarkerSink.#MARKER.exec(this.#tail);
    if (match === null) return;
    this.prefix = match[1] ?? "";
    this.seen = Number(match[2]);
  }
}

/** Counts one user's bytes in a closed loop. */
class CountSink implements Sink {
  readonly #loop: ClosedLoop;
  readonly #checker: Checker | null;
  bytes = 0;

  constructor(loop: ClosedLoop, checker: Checker | null) {
    this.#loop = loop;
    this.#checker = checker;
  }

  take(buffer: Uint8Array, count: number): void {
    this.#checker?.take(buffer.subarray(0, count));
    const before = this.bytes;
    this.bytes = before + count;
    if (before < this.#loop.targetBytes && this.bytes >= this.#loop.targetBytes) {
      this.#loop.onReached();
    }
  }
}

/** Sends as fast as the slowest user receives. */
class ClosedLoop {
  readonly #crowd: Crowd;
  readonly #sinks: CountSink[];
  #sent = 0;
  #behind = 0;
  #isStopping = false;
  /** How far the slowest user has to come for the next step to leave. */
  targetBytes = 0;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.#sinks = crowd.readers.map((reader, index) => {
      const sink = new CountSink(this, index === 0 ? crowd.checker : null);
      reader.pour(sink, index === 0 ? new Uint8Array(SHARED_READ_BYTES) : crowd.shared);
      return sink;
    });
  }

  async run(request: LoadRequest): Promise<LoadResult> {
    while (this.#sent < WINDOW_MESSAGES) this.#step();
    this.#aim();
    await sleep(request.warmUpMs);
    const beginMs = performance.now();
    const before = this.#deliveries();
    tell({ type: "begin" });
    await sleep(request.durationMs);
    const tookMs = performance.now() - beginMs;
    const deliveries = this.#deliveries() - before;
    tell({ type: "end" });
    this.#isStopping = true;
    const result = { ...NO_RESULT, tookMs, deliveries };
    if (!request.isChecked) return result;
    await untilArrived(() => this.#deliveries(), this.#sent * this.#sinks.length);
    for (const sink of this.#sinks) {
      if (sink.bytes !== this.#sent * this.#crowd.lineBytes) {
        fail("A user got too much or too little");
      }
    }
    return result;
  }

  /** A user has come to the target. */
  onReached(): void {
    if (--this.#behind > 0) return;
    if (this.#isStopping) return;
    this.#step();
    this.#aim();
  }

  #step(): void {
    this.#crowd.sender.send(this.#crowd.messages.block(this.#sent, STEP_MESSAGES));
    this.#sent += STEP_MESSAGES;
  }

  /** Sets the next target that somebody has yet to reach. */
  #aim(): void {
    const { lineBytes } = this.#crowd;
    while (true) {
      this.targetBytes = (this.#sent - WINDOW_MESSAGES + STEP_MESSAGES) * lineBytes;
      this.#behind = 0;
      for (const sink of this.#sinks) if (sink.bytes < this.targetBytes) this.#behind++;
      if (this.#behind > 0) return;
      this.#step();
    }
  }

  #deliveries(): number {
    let bytes = 0;
    for (const sink of this.#sinks) bytes += sink.bytes;
    return Math.floor(bytes / this.#crowd.lineBytes);
  }
}

/** Counts one user's messages in an open loop, and how long each took. */
class TimedSink implements Sink {
  readonly #loop: OpenLoop;
  readonly #checker: Checker | null;
  #isInLine = false;
  #isNotice = false;
  messages = 0;
  messageBytes = 0;

  constructor(loop: OpenLoop, checker: Checker | null) {
    this.#loop = loop;
    this.#checker = checker;
  }

  take(buffer: Uint8Array, count: number): void {
    const bytes = buffer.subarray(0, count);
    const nowMs = performance.now();
    for (let at = 0; at < count;) {
      // Between messages a server may say who came and went.
      if (!this.#isInLine) this.#isNotice = bytes[at] === DASH;
      const feed = bytes.indexOf(LF, at);
      const end = feed < 0 ? count : feed + 1;
      if (!this.#isNotice) {
        this.messageBytes += end - at;
        this.#checker?.take(bytes.subarray(at, end));
        if (feed >= 0) this.#loop.onDelivered(this.messages++, nowMs);
      }
      this.#isInLine = feed < 0;
      at = end;
    }
  }
}

/** Sends each message when it is due. */
class OpenLoop {
  readonly #crowd: Crowd;
  readonly #sinks: TimedSink[];
  readonly #steps = new Uint32Array(HISTOGRAM_STEPS);
  #dueMs: number[] = [];
  #firstMeasured = 0;
  #delivered = 0;
  #measured = 0;
  #maxMs = 0;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.#sinks = crowd.readers.map((reader, index) => {
      const sink = new TimedSink(this, index === 0 ? crowd.checker : null);
      reader.pour(sink, new Uint8Array(OWN_READ_BYTES));
      return sink;
    });
  }

  async run(request: LoadRequest): Promise<LoadResult> {
    const gapMs = 1000 / request.perSecond;
    this.#firstMeasured = Math.round(request.warmUpMs / gapMs);
    const messages = this.#firstMeasured + Math.round(request.durationMs / gapMs);
    const startMs = performance.now() + gapMs;
    this.#dueMs = Array.from({ length: messages }, (_, number) => startMs + number * gapMs);
    let beginMs = startMs;
    for (let number = 0; number < messages; number++) {
      if (number === this.#firstMeasured) {
        beginMs = performance.now();
        tell({ type: "begin" });
      }
      await until(this.#dueMs[number] ?? 0);
      this.#crowd.sender.send(this.#crowd.messages.block(number, 1));
    }
    await untilArrived(() => this.#delivered, messages * this.#sinks.length);
    const tookMs = performance.now() - beginMs;
    tell({ type: "end" });
    for (const sink of this.#sinks) {
      if (sink.messageBytes !== messages * this.#crowd.lineBytes) {
        fail("A user got too much or too little");
      }
    }
    return {
      ...NO_RESULT,
      tookMs,
      deliveries: this.#measured,
      p50Ms: this.#percentile(0.5),
      p99Ms: this.#percentile(0.99),
      maxMs: this.#maxMs,
    };
  }

  onDelivered(number: number, nowMs: number): void {
    this.#delivered++;
    if (number < this.#firstMeasured) return;
    const ms = Math.max(0, nowMs - (this.#dueMs[number] ?? nowMs));
    const step = Math.min(Math.floor(ms / HISTOGRAM_STEP_MS), HISTOGRAM_STEPS - 1);
    this.#steps[step] = (this.#steps[step] ?? 0) + 1;
    this.#measured++;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  #percentile(part: number): number {
    let seen = 0;
    for (let step = 0; step < HISTOGRAM_STEPS; step++) {
      seen += this.#steps[step] ?? 0;
      if (seen > part * this.#measured) return (step + 1) * HISTOGRAM_STEP_MS;
    }
    return this.#maxMs;
  }
}

const NO_RESULT: LoadResult = {
  type: "result",
  tookMs: 0,
  deliveries: 0,
  p50Ms: 0,
  p99Ms: 0,
  maxMs: 0,
  slowClosed: 0,
};

/** Everybody in the room: those who never read, one who sends, and the rest. */
class Crowd {
  readonly shared = new Uint8Array(SHARED_READ_BYTES);
  readonly messages: Messages;
  readonly slow: Deno.TcpConn[];
  readonly sender: Sender;
  readonly readers: Reader[] = [];
  /** Known once {@linkcode Crowd.gather} has returned. */
  lineBytes = 0;
  checker: Checker | null = null;

  #lastMarker = 0;

  constructor(conns: Deno.TcpConn[], request: LoadRequest) {
    this.messages = new Messages(request.messageBytes);
    this.slow = conns.slice(0, request.slowUsers);
    const [first, ...others] = conns.slice(request.slowUsers);
    if (first === undefined) throw new RangeError("Cannot send without a user who reads");
    first.setNoDelay();
    this.sender = new Sender(first);
    // What the sender reads is of no interest, but has to be read.
    new Reader(first, this.shared, onUnexpectedEnd);
    this.join(others);
  }

  /** Takes in some more who read. */
  join(conns: Deno.TcpConn[]): void {
    for (const conn of conns) {
      this.readers.push(new Reader(conn, this.shared, onUnexpectedEnd));
    }
  }

  /** Sends so many bytes, at the pace of those who read. */
  async prefill(bytes: number): Promise<void> {
    const block = this.messages.block(0, PREFILL_STEP_MESSAGES);
    await this.gather();
    for (let sent = 0; sent < bytes; sent += block.length) {
      this.sender.send(block);
      await this.gather();
    }
  }

  /** Sends markers until one has come to everybody: then all are in the room, and nothing is under way. */
  async gather(): Promise<void> {
    const sinks = this.readers.map((reader) => {
      const sink = new MarkerSink();
      reader.pour(sink, new Uint8Array(OWN_READ_BYTES));
      return sink;
    });
    for (let i = 0; i < MARKERS_MAX; i++) {
      const marker = ++this.#lastMarker;
      this.sender.send(encoder.encode(`~sync ${marker}\n`));
      const giveUpMs = performance.now() + MARKER_MS;
      while (performance.now() < giveUpMs) {
        await sleep(1);
        const said = sinks[0]?.prefix ?? "";
        if (!sinks.every((sink) => sink.seen === marker && sink.prefix === said)) continue;
        const prefix = encoder.encode(said);
        this.lineBytes = prefix.length + this.messages.bytes;
        this.checker = new Checker(this.messages, prefix);
        return;
      }
    }
    fail("The server does not bring a line to everybody");
  }

  /** Reads what those who never read were left with, and counts those who were closed. */
  async countClosed(): Promise<number> {
    let closed = 0;
    for (const conn of this.slow) {
      new Reader(conn, this.shared, () => closed++);
    }
    const giveUpMs = performance.now() + SLOW_END_MS;
    while (closed < this.slow.length && performance.now() < giveUpMs) await sleep(10);
    return closed;
  }
}

if (import.meta.main) await main();

async function main(): Promise<void> {
  const request = JSON.parse(Deno.args[0] ?? "{}") as LoadRequest;
  if (!/^(?:127\.|::1$)/.test(request.hostname)) fail("Only loopback addresses are allowed");
  const startMs = performance.now();
  // Two who read: one to send, one to tell how far it has come.
  const early = request.prefillBytes > 0 ? request.slowUsers + 2 : 0;
  const crowd = new Crowd(await connectAll(request, early > 0 ? early : request.users), request);
  if (early > 0) {
    await crowd.prefill(request.prefillBytes);
    crowd.join(await connectAll(request, request.users - early));
  }
  const tookMs = performance.now() - startMs;
  tell({ type: "connected", tookMs });
  if (request.mode !== "idle") {
    await crowd.gather();
    const loop = request.mode === "fanout" ? new ClosedLoop(crowd) : new OpenLoop(crowd);
    const result = await loop.run(request);
    if (crowd.checker?.isRight !== true) fail("A message was changed or came out of order");
    tell({ ...result, slowClosed: await crowd.countClosed() });
  }
  // Stay until the benchmark is done with it; what it says is of no interest.
  const buffer = new Uint8Array(1);
  while (await Deno.stdin.read(buffer) !== null);
  Deno.exit(0);
}

function onUnexpectedEnd(): void {
  fail("The server closed a connection");
}

async function connectAll(
  { hostname, port }: LoadRequest,
  users: number,
): Promise<Deno.TcpConn[]> {
  const conns: Deno.TcpConn[] = [];
  try {
    while (conns.length < users) {
      const count = Math.min(CONNECTS_AT_ONCE, users - conns.length);
      const batch = Array.from({ length: count }, () => Deno.connect({ hostname, port }));
      conns.push(...await Promise.all(batch));
    }
  } catch (error) {
    fail(`Connection ${conns.length + 1} of ${users} failed: ${error}`);
  }
  return conns;
}

/** Waits until all is delivered, and a little longer for what should not be. */
async function untilArrived(delivered: () => number, expected: number): Promise<void> {
  let last = -1;
  let lastMs = performance.now();
  for (let now = delivered(); now < expected; now = delivered()) {
    if (now !== last) lastMs = performance.now();
    else if (performance.now() - lastMs > STALL_MS) fail(`Lost ${expected - now} deliveries`);
    last = now;
    await sleep(1);
  }
  await sleep(EXTRA_MS);
  if (delivered() !== expected) fail(`Got ${delivered() - expected} deliveries too many`);
}

/** Waits until a time, as {@linkcode performance.now} tells it, to within some microseconds. */
async function until(timeMs: number): Promise<void> {
  // A timer is late by up to a millisecond and more; the last stretch goes turn by turn.
  const waitMs = timeMs - performance.now() - 2;
  if (waitMs > 0) await sleep(waitMs);
  while (performance.now() < timeMs) await new Promise<void>((resolve) => setImmediate(resolve));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tell(event: LoadEvent): void {
  Deno.stdout.writeSync(encoder.encode(JSON.stringify(event) + "\n"));
}

function fail(reason: unknown): never {
  tell({ type: "failed", reason: `${reason}` });
  Deno.exit(1);
}
