// A thousand people in the room, a hundred of whom never read. Everybody else
// hears everything, in order, and the hundred are gone. One alone is told why, if
// they begin to read in time.
//
// The one who talks waits for a listener every few lines, so that only who does
// not read at all falls behind: by more than the systems' own buffers hold.

import { assert, assertEquals } from "@std/assert";
import { Guest, startTestServer, within } from "./harness.ts";

const LISTENERS = 899;
const DEAF = 100;
const LINE = "x".repeat(8_000);
const LINES_AT_ONCE = 20;
/** What each of the deaf is told that nobody else need hear: most of what its system takes for it. */
const PINGS = 380;
const LISTENED_FOR = /^ann: (\d+) /;

/** Reads all that comes and keeps none of it: only what its lines begin with. */
class Listener {
  readonly #conn: Deno.TcpConn;
  readonly #done: Promise<void>;
  #tail = "";
  /** The number of the last line; 0 for the welcome. */
  last = -1;
  #onHeard: (() => void) | null = null;
  /** Lines that came in another order than they were said. */
  misplaced = 0;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#done = this.#read();
  }

  /** Waits until so many lines have come. */
  async hears(count: number): Promise<void> {
    while (this.last < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onHeard = resolve;
      await within(promise, () => `Awaited line ${count} behind line ${this.last}`);
    }
  }

  async close(): Promise<void> {
    this.#conn.close();
    await this.#done;
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(256 * 1024);
    try {
      for (;;) {
        const count = await this.#conn.read(buffer);
        if (count === null) return;
        this.#take(buffer.subarray(0, count));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) {
        throw error;
      }
    }
  }

  #take(bytes: Uint8Array): void {
    let at = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, at)) {
      this.#tail += decodeHead(bytes.subarray(at, end));
      const number = LISTENED_FOR.exec(this.#tail)?.[1] ??
        (this.#tail.startsWith("-- Welcome") ? "0" : undefined);
      if (number !== undefined && Number(number) !== ++this.last) this.misplaced++;
      this.#tail = "";
      at = end + 1;
    }
    this.#tail += decodeHead(bytes.subarray(at));
    this.#onHeard?.();
  }
}

/** The first few characters, which are ASCII. */
function decodeHead(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 20));
}

Deno.test("a hundred of a thousand who never read cost the others nothing", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bob = await server.join("bob");
  await using stack = new AsyncDisposableStack();
  const listeners: Listener[] = [];
  for (let count = 0; count < LISTENERS; count++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const listener = new Listener(conn);
    listeners.push(listener);
    stack.defer(() => listener.close());
  }
  const deaf: Guest[] = [];
  const pings = new TextEncoder().encode(`/ping ${LINE}\n`.repeat(PINGS));
  for (let count = 0; count < DEAF; count++) {
    const guest = await Guest.connectDeaf(server.port);
    deaf.push(stack.use(guest));
    guest.send(pings);
  }
  await Promise.all([
    ...deaf.map((guest) => guest.sent()),
    ...listeners.map((each) => each.hears(0)),
  ]);

  let said = 0;
  let gone = countGone(await ann.roundtrip());
  while (gone < DEAF) {
    for (let line = 0; line < LINES_AT_ONCE; line++) ann.say(`${++said} ${LINE}`);
    await bob.until(new RegExp(`^ann: ${said} `));
    await Promise.all(listeners.map((listener) => listener.hears(said)));
    gone += countGone(await ann.roundtrip());
    assert(said < 2_000, "who never reads is dropped some day");
  }
  ann.say(`${++said} the end`);
  await bob.until(`ann: ${said} the end`);
  for (const guest of deaf) await guest.close();
  await Promise.all(listeners.map((listener) => listener.hears(said)));
  assertEquals(listeners.filter(({ misplaced }) => misplaced > 0).length, 0, "lines out of order");
  for (let turn = 0; turn < 5_000 && server.connections > LISTENERS + 2; turn++) {
    await bob.roundtrip();
  }
  assertEquals(server.connections, LISTENERS + 2, "connections of those who are gone");
});

Deno.test("who reads too slowly is told so behind all that they were told before", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using deaf = await Guest.connectDeaf(server.port);
  deaf.say("/nick deaf");
  await ann.until(/ is now deaf\.$/);
  let said = 0;
  for (let gone = 0; gone === 0; gone = countGone(await ann.roundtrip())) {
    for (let line = 0; line < LINES_AT_ONCE; line++) ann.say(`${++said} ${LINE}`);
  }
  const lines = await deaf.untilClosed();
  assertEquals(lines.at(-1), "-- Goodbye: you read too slowly, and too much was waiting for you.");
  assert(!deaf.isReset, "the goodbye is followed by a clean end");
  const heard = lines.flatMap((line) => LISTENED_FOR.exec(line)?.[1] ?? []);
  assertEquals(heard, heard.map((_number, index) => `${index + 1}`), "a gap in what was told");
  assert(heard.length < said, "what did not fit was given up");
  await deaf.close();
  for (let turn = 0; turn < 5_000 && server.connections > 1; turn++) await ann.roundtrip();
  assertEquals(server.connections, 1);
});

/** How many were dropped for reading too slowly, by the notices. */
function countGone(lines: readonly string[]): number {
  const names = lines.flatMap((line) =>
    / left \(read too slowly\)\.$/.test(line)
      ? line.slice(3, line.indexOf(" left ")).split(/, | and /)
      : []
  );
  return names.reduce((sum, name) => sum + (Number(/^(\d+) others?$/.exec(name)?.[1]) || 1), 0);
}
