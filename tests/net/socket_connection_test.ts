/**
 * A connection's life over real sockets of the loopback address, and over a
 * fake socket on a fake clock where it matters when bytes move: how it opens,
 * what it gives and takes, and every way in which it can end.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { mock } from "node:test";
import fc from "fast-check";
import { EndReason, IdleTimeoutError, SendQueueError, ShutdownError } from "../../lib/errors.ts";
import {
  CLOSE_FLUSH_MS,
  CLOSE_LINGER_MS,
  CONNECTION_STEP_MS,
  FIRST_BYTES_MAX,
  FIRST_BYTES_MS,
  LINE_BYTES_MAX,
  READ_BYTES_MAX,
  READ_BYTES_MIN,
  READ_GROW_MS,
  SEND_QUEUE_BYTES_MAX,
} from "../../lib/limits.ts";
import { TOO_LONG } from "../../lib/net/connection.ts";
import {
  allLines,
  bytesOf,
  FakeSocket,
  readAll,
  RealPair,
  Subject,
  textOf,
  turn,
  turns,
  until,
  within,
  writeAll,
} from "./sockets.ts";

const QUIT = new EndReason("quit", "User left");
const RESET = new Deno.errors.ConnectionReset("Connection reset by peer (os error 104)");

/** A connection over a fake socket, on a fake clock. */
class Trial extends Subject implements Disposable {
  readonly socket: FakeSocket;

  constructor(options: { isTaking: boolean } = { isTaking: true }) {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
    const socket = new FakeSocket(options);
    super(socket);
    this.socket = socket;
  }

  /** Lets so much time pass, a step of the connection's timers included. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms + CONNECTION_STEP_MS; passed += CONNECTION_STEP_MS) {
      mock.timers.tick(CONNECTION_STEP_MS);
    }
    await turns();
  }

  [Symbol.dispose](): void {
    this.connection.abort(QUIT);
    mock.timers.reset();
  }
}

/** A clock that stands still: what ends nevertheless waited for no time-out. */
function stillClock(): Disposable {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  return { [Symbol.dispose]: () => mock.timers.reset() };
}

/** The next line, or null for the end. */
async function nextLine(subject: Subject): Promise<unknown> {
  const { done, value } = await within(subject.connection.next(), "a line or the end");
  return done === true ? null : value;
}

/** The first bytes as text, or null where there is nobody. */
async function openingOf(opening: Promise<Uint8Array | null>): Promise<string | null> {
  const bytes = await within(opening, "the first bytes");
  return bytes === null ? null : textOf(bytes);
}

/**
 * Sends blocks until the peer's system takes no more, and a write is stuck: for
 * many turns, since in a busy turn sockets are looked at only now and then.
 */
async function sendUntilStuck(pair: RealPair): Promise<void> {
  const block = new Uint8Array(64 * 1024).fill(0x78);
  for (let stuck = 0; stuck < 500;) {
    if (pair.near.writing === 0) {
      assert(pair.connection.send(block));
      stuck = 0;
    } else stuck++;
    await turn();
  }
}

// Opening.

Deno.test("SocketConnection.opening() leaves the bytes to be read", async () => {
  await using pair = await RealPair.open();
  await writeAll(pair.far, bytesOf("GET / HTTP/1.1\r\nHost: chat\r\n"));
  const opening = await openingOf(pair.connection.opening(60_000));
  assert(opening?.startsWith("GET / HTTP/1.1\r\n"));
  await writeAll(pair.far, bytesOf("\r\nrest"));
  await pair.far.closeWrite();
  const lines = await within(allLines(pair.connection), "all lines");
  assertEquals(lines, ["GET / HTTP/1.1", "Host: chat", "", "rest"]);
});

Deno.test("SocketConnection.opening() waits for a whole line, and not for more", async () => {
  using trial = new Trial();
  const opening = trial.connection.opening(FIRST_BYTES_MS);
  for (const part of ["he", "llo", "\nwor"]) {
    trial.socket.arrive(part);
    await turns();
  }
  assertEquals(await openingOf(opening), "hello\nwor");
  trial.socket.arrive("ld\n");
  assertEquals([await nextLine(trial), await nextLine(trial)], ["hello", "world"]);
});

Deno.test("SocketConnection.opening() looks at no more than it needs", async () => {
  using trial = new Trial();
  const opening = trial.connection.opening(FIRST_BYTES_MS);
  for (let sent = 0; sent < FIRST_BYTES_MAX; sent += 256) {
    trial.socket.arrive("x".repeat(256));
    await turns();
  }
  trial.socket.arrive("y");
  assertEquals((await openingOf(opening))?.length, FIRST_BYTES_MAX);
  trial.socket.arrive("\n");
  assertEquals(await nextLine(trial), `${"x".repeat(FIRST_BYTES_MAX)}y`);
});

Deno.test("SocketConnection.opening() gives what there is when the time is over", async () => {
  for (const sent of ["", "half a li"]) {
    using trial = new Trial();
    const opening = trial.connection.opening(FIRST_BYTES_MS);
    if (sent !== "") trial.socket.arrive(sent);
    await trial.pass(0);
    await trial.pass(FIRST_BYTES_MS);
    assertEquals(await openingOf(opening), sent);
    trial.socket.arrive("ne\n");
    assertEquals(await nextLine(trial), `${sent}ne`);
  }
});

Deno.test("SocketConnection.opening() gives what there is when the peer ends", async () => {
  for (const [sent, line] of [["bye", "bye"], ["", null]] as const) {
    using trial = new Trial();
    const opening = trial.connection.opening(FIRST_BYTES_MS);
    if (sent !== "") trial.socket.arrive(sent);
    trial.socket.arrive(null);
    assertEquals(await openingOf(opening), line);
    assertEquals(await nextLine(trial), line);
    assertEquals(await nextLine(trial), null);
  }
});

Deno.test("SocketConnection.opening() gives nothing of a peer that was reset", async () => {
  using trial = new Trial();
  const opening = trial.connection.opening(FIRST_BYTES_MS);
  trial.socket.arrive("bye", RESET);
  assertEquals(await openingOf(opening), null);
  assertEquals(await nextLine(trial), null);
});

Deno.test("SocketConnection.opening() ends at once when the connection is ended", async () => {
  const ends: ((trial: Trial) => void)[] = [
    (trial) => trial.connection.controller.abort(new ShutdownError()),
    (trial) => trial.connection.abort(new ShutdownError()),
    (trial) => trial.connection.close(new ShutdownError()),
  ];
  for (const end of ends) {
    using trial = new Trial();
    const opening = trial.connection.opening(FIRST_BYTES_MS);
    end(trial);
    assertEquals(await openingOf(opening), null);
    assertEquals(await nextLine(trial), null);
  }
});

Deno.test("SocketConnection.opening() of a closing connection leaves it its time to close", async () => {
  using trial = new Trial({ isTaking: false });
  trial.connection.send(bytesOf("bye\n"));
  const closed = trial.connection.close(QUIT);
  assertEquals(await openingOf(trial.connection.opening(FIRST_BYTES_MS)), null);
  await trial.pass(10 * FIRST_BYTES_MS);
  assert(!trial.socket.isDisposed);
  trial.socket.pending?.take(4);
  await turns();
  trial.socket.arrive(null);
  assertEquals(await within(closed, "the close"), QUIT);
});

// Reading.

Deno.test("SocketConnection.lines() ends with the stream, an unfinished line included", async () => {
  await using pair = await RealPair.open();
  await writeAll(pair.far, bytesOf("one\r\ntwo\nunfinished"));
  await pair.far.closeWrite();
  assertEquals(await within(allLines(pair.connection), "all lines"), ["one", "two", "unfinished"]);
  const { reason } = pair.connection.signal;
  assertInstanceOf(reason, EndReason);
  assertEquals(reason.kind, "end-of-stream");
  // A peer that has ended its half still takes the last words.
  assert(pair.connection.send(bytesOf("-- bye\n")));
  const closing = pair.connection.close(reason);
  assertEquals(textOf(await readAll(pair.far)), "-- bye\n");
  assertStrictEquals(await within(closing, "the close"), reason);
  assertEquals(pair.timesClosed, 1);
});

Deno.test("SocketConnection.lines() gives lines as they come, cut anywhere", async () => {
  await using pair = await RealPair.open();
  for (
    const [sent, line] of [["gr\u00fc\u00df", null], [" dich\r", null], [
      "\n",
      "gr\u00fc\u00df dich",
    ]]
  ) {
    await writeAll(pair.far, bytesOf(sent ?? ""));
    if (line !== null) assertEquals(await nextLine(pair), line);
  }
  await writeAll(pair.far, bytesOf(`${"x".repeat(LINE_BYTES_MAX + 1)}\nnext\n`));
  assertStrictEquals(await nextLine(pair), TOO_LONG);
  assertEquals(await nextLine(pair), "next");
});

Deno.test("SocketConnection.lines() gives what came before a reset, then ends with it", async () => {
  using trial = new Trial();
  trial.socket.arrive("one\n", RESET);
  assertEquals([await nextLine(trial), await nextLine(trial)], ["one", null]);
  assertEquals(EndReason.of(trial.connection.signal.reason).kind, "reset");
});

Deno.test("SocketConnection.lines() ends with a fault where reading fails for another reason", async () => {
  using trial = new Trial();
  const error = new Error("Out of memory");
  trial.socket.arrive(error);
  assertEquals(await nextLine(trial), null);
  const { reason } = trial.connection.signal;
  assertInstanceOf(reason, EndReason);
  assertEquals([reason.kind, reason.cause], ["fault", error]);
});

Deno.test("SocketConnection.lines() reads only when it is asked for more", async () => {
  using trial = new Trial();
  const { connection, socket } = trial;
  socket.arrive("one\ntwo\n", "three\n", "four\n");
  await turns();
  assertEquals(socket.readBytes.length, 0);
  assertEquals([await nextLine(trial), await nextLine(trial)], ["one", "two"]);
  await turns();
  assertEquals(socket.readBytes.length, 1);
  assertEquals(await nextLine(trial), "three");
  await turns();
  assertEquals(socket.readBytes.length, 2);
  connection.controller.abort(QUIT);
  await turns();
  assertEquals(socket.readBytes.length, 2);
});

Deno.test("SocketConnection reads into a buffer that grows with what comes, and shrinks again", async () => {
  using trial = new Trial();
  const { socket } = trial;
  socket.arrive(`${"x".repeat(1_000)}\n`.repeat(200), "quiet\n");
  for (let count = 0; count <= 200; count++) await nextLine(trial);
  socket.arrive("quiet\n");
  await nextLine(trial);
  const sizes = socket.readBytes;
  assertEquals(sizes[0], READ_BYTES_MIN);
  assertEquals(Math.max(...sizes), READ_BYTES_MAX);
  assertEquals(sizes.at(-1), READ_BYTES_MIN);
});

Deno.test("SocketConnection.lastReadAtMs tells when the peer last sent something", async () => {
  using trial = new Trial();
  const startMs = Date.now();
  assertEquals(trial.connection.lastReadAtMs, startMs);
  const line = nextLine(trial);
  mock.timers.tick(1_000);
  trial.socket.arrive("half");
  await turns();
  assertEquals(trial.connection.lastReadAtMs, startMs + 1_000);
  mock.timers.tick(1_000);
  trial.socket.arrive("\n");
  await line;
  assertEquals(trial.connection.lastReadAtMs, startMs + 2_000);
});

Deno.test("SocketConnection.controller ends lines() at once, lines that wait included", async () => {
  using trial = new Trial();
  const { connection, socket } = trial;
  socket.arrive("one\ntwo\nthree\n");
  assertEquals(await nextLine(trial), "one");
  const idle = new IdleTimeoutError(1_000);
  connection.controller.abort(idle);
  assertEquals([await nextLine(trial), await nextLine(trial)], [null, null]);
  connection.controller.abort(QUIT);
  assertStrictEquals(connection.signal.reason, idle);
});

Deno.test("SocketConnection.controller ends a wait for a line, and leaves room for last words", async () => {
  using trial = new Trial();
  const line = nextLine(trial);
  trial.connection.controller.abort(new ShutdownError());
  assertEquals(await line, null);
  assert(trial.connection.send(bytesOf("-- bye\n")), "the last words");
});

// Writing.

Deno.test("SocketConnection.send() brings everything over, in order, however slowly it is read", async () => {
  await using pair = await RealPair.open();
  const lines = Array.from({ length: 20_000 }, (_, at) => `line ${at} ${"x".repeat(at % 97)}\n`);
  const received = readAll(pair.far);
  for (const line of lines) {
    while (!pair.connection.signal.aborted && pair.near.writing > 0) await turn();
    assert(pair.connection.send(bytesOf(line)));
    if (line.length % 3 === 0) await turn();
  }
  const closed = pair.connection.close(QUIT);
  assert(textOf(await received) === lines.join(""), "not what was sent");
  await pair.far.closeWrite();
  assertStrictEquals(await within(closed, "the close"), QUIT);
});

Deno.test("SocketConnection.send() carries partial writes on, while it closes too", async () => {
  using trial = new Trial({ isTaking: false });
  const { connection, socket } = trial;
  connection.send(bytesOf("hello\n"));
  await turn();
  connection.send(bytesOf("and bye\n"));
  const closed = connection.close(QUIT);
  await turns();
  while (socket.pending !== null) {
    assertEquals(socket.timesClosedWrite, 0);
    socket.pending.take(1);
    await turns();
  }
  assertEquals(textOf(socket.taken), "hello\nand bye\n");
  assertEquals(socket.timesClosedWrite, 1);
  socket.arrive(null);
  assertEquals(await within(closed, "the close"), QUIT);
});

Deno.test("SocketConnection.send() is false once the connection is closing or closed", async () => {
  using trial = new Trial();
  const { connection, socket } = trial;
  assert(connection.send(bytesOf("a\n")));
  connection.controller.abort(QUIT);
  assert(connection.send(bytesOf("bye\n")), "ended, not closing");
  const closed = connection.close(QUIT);
  assert(!connection.send(bytesOf("b\n")), "closing");
  await turns();
  socket.arrive(null);
  await within(closed, "the close");
  assert(!connection.send(bytesOf("c\n")), "closed");
  assertEquals(textOf(socket.taken), "a\nbye\n");
});

Deno.test("SocketConnection.abort() forgets what is queued, and takes nothing more", async () => {
  using trial = new Trial();
  trial.connection.send(bytesOf("never\n"));
  trial.connection.abort(QUIT);
  assert(!trial.connection.send(bytesOf("never\n")));
  await turns();
  assertEquals(trial.socket.taken.length, 0);
  assert(trial.socket.isDisposed);
});

Deno.test("SocketConnection.send() ends a slow reader, who can still read the last words", async () => {
  await using pair = await RealPair.open();
  const line = nextLine(pair);
  const block = bytesOf(`${"x".repeat(16 * 1024 - 1)}\n`);
  while (pair.connection.send(block)) await turn();
  assertEquals(await line, null);
  assertInstanceOf(pair.connection.signal.reason, SendQueueError);
  assert(pair.connection.send(bytesOf("-- Goodbye: you read too slowly.\n")));
  const closed = pair.connection.close(QUIT);
  const received = textOf(await readAll(pair.far));
  assert(received.endsWith("x\n-- Goodbye: you read too slowly.\n"));
  const blocks = received.split("\n").slice(0, -2);
  assert(blocks.every((text) => text.length === block.length - 1), "a line was cut");
  await pair.far.closeWrite();
  assertInstanceOf(await within(closed, "the close"), SendQueueError);
});

Deno.test("SocketConnection.send() holds no more than SEND_QUEUE_BYTES_MAX for anybody", async () => {
  using trial = new Trial({ isTaking: false });
  const { connection, socket } = trial;
  const block = new Uint8Array(1024);
  let sent = 0;
  while (connection.send(block)) {
    sent += block.length;
    if (sent === 64 * 1024) await turn();
  }
  assertEquals(sent, SEND_QUEUE_BYTES_MAX);
  assertInstanceOf(connection.signal.reason, SendQueueError);
  // What waited is forgotten, what is being written is not.
  socket.isTaking = true;
  socket.pending?.take(64 * 1024);
  await turns();
  assertEquals(socket.taken.length, 64 * 1024);
});

// Closing.

Deno.test("SocketConnection.close() lets no unread bytes take the last words", async () => {
  // Twenty times: a reset does not always come in time to do harm.
  for (let count = 0; count < 20; count++) {
    await using pair = await RealPair.open();
    await writeAll(pair.far, new Uint8Array(50_000).fill(0x0a));
    pair.connection.send(bytesOf("-- last words\n"));
    const closed = pair.connection.close(QUIT);
    await writeAll(pair.far, new Uint8Array(50_000).fill(0x0a));
    assertEquals(textOf(await readAll(pair.far)), "-- last words\n");
    await pair.far.closeWrite();
    assertStrictEquals(await within(closed, "the close"), QUIT);
  }
});

Deno.test("SocketConnection.close() waits for the peer's end, but only so long", async () => {
  using trial = new Trial();
  const { connection, socket } = trial;
  connection.send(bytesOf("bye\n"));
  const closed = connection.close(QUIT);
  await turns();
  assertEquals([textOf(socket.taken), socket.timesClosedWrite], ["bye\n", 1]);
  // The peer goes on talking: it is read and forgotten.
  for (let passed = 0; passed < CLOSE_LINGER_MS - 50; passed += 50) {
    socket.arrive("blah\n");
    await turns();
    mock.timers.tick(50);
  }
  assert(!socket.isDisposed);
  await trial.pass(50);
  assert(socket.isDisposed);
  assertStrictEquals(await within(closed, "the close"), QUIT);
  assertEquals(trial.timesClosed, 1);
});

Deno.test("SocketConnection.close() reads on up to the peer's end, and then waits no longer", async () => {
  using trial = new Trial();
  const { connection, socket } = trial;
  const line = nextLine(trial);
  const closed = connection.close(QUIT);
  assertEquals(await line, null);
  for (const bytes of ["one\n", "two\n", "x".repeat(100_000), null]) socket.arrive(bytes);
  assertStrictEquals(await within(closed, "the close, on a clock that stands still"), QUIT);
  assert(socket.isDisposed);
});

Deno.test("SocketConnection.close() cuts off a peer that never reads", async () => {
  using trial = new Trial({ isTaking: false });
  const { connection, socket } = trial;
  connection.send(bytesOf("bye\n"));
  await turn();
  const closed = connection.close(QUIT);
  await trial.pass(CLOSE_FLUSH_MS - 2 * CONNECTION_STEP_MS);
  assert(!socket.isDisposed);
  await trial.pass(CONNECTION_STEP_MS);
  assert(socket.isDisposed);
  assertStrictEquals(await within(closed, "the close"), QUIT);
});

Deno.test("SocketConnection.close() cuts off a peer that never reads, over real sockets", async () => {
  await using pair = await RealPair.open();
  await sendUntilStuck(pair);
  using _clock = stillClock();
  const closed = pair.connection.close(QUIT);
  await turns();
  assertEquals(pair.timesClosed, 0);
  mock.timers.tick(CLOSE_FLUSH_MS + CONNECTION_STEP_MS);
  assertStrictEquals(await within(closed, "the close"), QUIT);
});

Deno.test("SocketConnection.close() is done at once where the peer has ended already", async () => {
  using trial = new Trial();
  trial.socket.arrive("bye\n", null);
  assertEquals([await nextLine(trial), await nextLine(trial)], ["bye", null]);
  const closed = trial.connection.close(QUIT);
  await within(closed, "the close, without a wait for anything");
  assert(trial.socket.isDisposed);
  assertEquals(trial.socket.timesClosedWrite, 0);
});

Deno.test("SocketConnection.close() is done at once where the transport has failed already", async () => {
  const failures: ((trial: Trial) => void)[] = [
    ({ socket }) => socket.arrive(RESET),
    ({ socket }) => socket.pending?.fail(new Deno.errors.BrokenPipe("Broken pipe")),
  ];
  for (const fail of failures) {
    using trial = new Trial({ isTaking: false });
    trial.connection.send(bytesOf("hello\n"));
    const line = nextLine(trial);
    await turn();
    fail(trial);
    assertEquals(await line, null);
    assert(!trial.connection.send(bytesOf("-- bye\n")));
    const { reason } = trial.connection.signal;
    const closed = trial.connection.close(EndReason.of(reason));
    assertEquals((await within(closed, "the close, on a clock that stands still")).kind, "reset");
    assert(trial.socket.isDisposed);
    assertEquals(trial.timesClosed, 1);
  }
});

Deno.test("SocketConnection ends and closes when the peer resets it, over real sockets", async () => {
  using _clock = stillClock();
  await using pair = await RealPair.open();
  const line = nextLine(pair);
  assert(pair.connection.send(bytesOf("never read\n")));
  await within(pair.far.read(new Uint8Array(1)), "the first byte at the peer");
  // Closing with bytes unread makes a system send a reset, behind the end of the stream.
  pair.far[Symbol.dispose]();
  assertEquals(await line, null);
  const reason = EndReason.of(pair.connection.signal.reason);
  assert(["reset", "end-of-stream"].includes(reason.kind), reason.kind);
  pair.connection.send(bytesOf("-- too late\n"));
  assertStrictEquals(await within(pair.connection.close(reason), "the close"), reason);
});

Deno.test("SocketConnection ends and closes when the peer resets it in the middle of a write", async () => {
  using _clock = stillClock();
  await using pair = await RealPair.open();
  await sendUntilStuck(pair);
  pair.far[Symbol.dispose]();
  // Nobody reads, so only the write can tell.
  await until("the end of the write", () => pair.connection.signal.aborted);
  const reason = EndReason.of(pair.connection.signal.reason);
  assertEquals(reason.kind, "reset");
  assertEquals(await nextLine(pair), null);
  assertStrictEquals(await within(pair.connection.close(reason), "the close"), reason);
  assertEquals(pair.near.writing, 0);
});

Deno.test("SocketConnection.closed tells why, asked before or after", async () => {
  {
    using trial = new Trial();
    const { closed } = trial.connection;
    trial.connection.abort(QUIT);
    assertStrictEquals(await within(closed, "the close"), QUIT);
    assertStrictEquals(await trial.connection.closed, QUIT);
  }
  using trial = new Trial();
  trial.connection.abort(QUIT);
  assertStrictEquals(await within(trial.connection.closed, "the close"), QUIT);
});

Deno.test("SocketConnection.closed tells what ended it first", async () => {
  using trial = new Trial();
  const reason = new IdleTimeoutError(1_000);
  trial.connection.controller.abort(reason);
  const closing = trial.connection.close(QUIT);
  await turns();
  trial.socket.arrive(null);
  assertStrictEquals(await within(closing, "the close"), reason);
});

Deno.test("SocketConnection.closed takes an abort without a reason of ours for a fault", async () => {
  using trial = new Trial();
  trial.connection.controller.abort();
  trial.connection.abort(QUIT);
  assertEquals((await within(trial.connection.closed, "the close")).kind, "fault");
});

Deno.test("SocketConnection.abort() from a listener of its own signal closes once and for all", async () => {
  using trial = new Trial();
  const { connection } = trial;
  connection.signal.addEventListener("abort", () => connection.abort(new ShutdownError()));
  const cleared = mock.method(globalThis, "clearTimeout");
  const started = mock.method(globalThis, "setTimeout");
  try {
    assertStrictEquals(await within(connection.close(QUIT), "the close"), QUIT);
    await turns();
    assertEquals(trial.timesClosed, 1);
    assertEquals(cleared.mock.callCount(), started.mock.callCount(), "a timer was left");
  } finally {
    cleared.mock.restore();
    started.mock.restore();
  }
});

Deno.test("SocketConnection closes once, whatever happens in whatever order", async () => {
  const ACTS: Readonly<Record<string, (trial: Trial) => unknown>> = {
    close: ({ connection }) => connection.close(QUIT),
    abort: ({ connection }) => connection.abort(new ShutdownError()),
    controller: ({ connection }) => connection.controller.abort(new IdleTimeoutError(1_000)),
    next: ({ connection }) => connection.next(),
    send: ({ connection }) => connection.send(bytesOf("hello\n")),
    flood: ({ connection }) => connection.send(new Uint8Array(SEND_QUEUE_BYTES_MAX / 2)),
    line: ({ socket }) => socket.arrive("one\ntwo\n"),
    end: ({ socket }) => socket.arrive(null),
    reset: ({ socket }) => socket.arrive(RESET),
    taken: ({ socket }) => socket.pending?.take(socket.pending.bytes.length),
    partly: ({ socket }) => socket.pending?.take(1),
    failed: ({ socket }) => socket.pending?.fail(new Deno.errors.BrokenPipe("Broken pipe")),
    turn: () => turn(),
    wait: (trial) => trial.pass(CLOSE_LINGER_MS),
    waitLong: (trial) => trial.pass(CLOSE_FLUSH_MS),
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...Object.keys(ACTS)), { maxLength: 25 }),
      async (names) => {
        using trial = new Trial({ isTaking: false });
        const { connection, socket } = trial;
        for (const name of names) {
          const done = ACTS[name]?.(trial);
          // What ends only when something else happens is not waited for.
          if (name === "turn" || name.startsWith("wait")) await done;
        }
        const reason = connection.close(QUIT);
        await trial.pass(CLOSE_FLUSH_MS);
        await trial.pass(CLOSE_LINGER_MS);
        assertStrictEquals(await within(reason, "the close"), connection.signal.reason);
        assertStrictEquals(await connection.closed, connection.signal.reason);
        assertEquals([trial.timesClosed, socket.isDisposed], [1, true]);
        assertEquals(await nextLine(trial), null);
        assert(!connection.send(bytesOf("never\n")));
        // Nothing stirs any more, however late.
        const writes = socket.handed.length;
        await trial.pass(2 * CLOSE_FLUSH_MS);
        assertEquals(socket.handed.length, writes);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("SocketConnection keeps a small buffer for a peer whose lines are taken slowly", async () => {
  using trial = new Trial();
  trial.socket.arrive("x\n".repeat(READ_BYTES_MIN));
  for (let line = 0; line < READ_BYTES_MIN; line++) {
    assertEquals(await nextLine(trial), "x");
    await trial.pass(READ_GROW_MS);
  }
  const more = trial.connection.next();
  await turns();
  assertEquals(new Set(trial.socket.readBytes), new Set([READ_BYTES_MIN]));
  trial.socket.arrive("end\n");
  assertEquals(await more, { done: false, value: "end" });
});
