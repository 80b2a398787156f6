/**
 * What a peer is owed, and how it gets there: queues over a writer of which the
 * test decides how much each write takes, and a model that runs several queues
 * at once through random pushes, partial writes and turns of the event loop.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { SEND_QUEUE_BYTES_MAX, SEND_QUEUE_PIECES_MAX } from "../../lib/limits.ts";
import { SendQueue, type SendQueueOwner, SendScheduler } from "../../lib/net/send_queue.ts";
import { bytesOf, joined, ManualWriter, textOf, turn, turns, until, within } from "./sockets.ts";

/** A queue, its writer, and what its owner heard. */
class Trial implements SendQueueOwner {
  readonly writer = new ManualWriter();
  readonly queue: SendQueue;
  readonly errors: unknown[] = [];
  timesDrained = 0;

  constructor(scheduler = new SendScheduler()) {
    this.queue = new SendQueue(this.writer, scheduler, this);
  }

  onWriteError(error: unknown): void {
    this.errors.push(error);
  }

  onDrained(): void {
    this.timesDrained++;
  }

  push(text: string): boolean {
    return this.queue.push(bytesOf(text));
  }

  /** Lets the write under way take so many bytes, or all of them. */
  async take(count?: number): Promise<void> {
    const { pending } = this.writer;
    assert(pending !== null, "no write is under way");
    pending.take(count ?? pending.bytes.length);
    await turns();
  }

  /** Takes everything, until nothing is written any more. */
  async takeAll(): Promise<void> {
    await turns();
    while (this.writer.pending !== null) await this.take();
  }

  get taken(): string {
    return textOf(this.writer.taken);
  }
}

Deno.test("SendQueue.push() joins everything of one turn into one write", async () => {
  const trial = new Trial();
  for (const text of ["a\n", "b\n", "c\n"]) assert(trial.push(text));
  await Promise.resolve();
  assertEquals(trial.writer.handed.length, 0);
  await turn();
  assertEquals(trial.writer.handed.map(textOf), ["a\nb\nc\n"]);
  await trial.take();
  assertEquals(trial.queue.bytes, 0);
  await turns();
  assertEquals(trial.writer.handed.length, 1);
});

Deno.test("SendQueue.push() writes in a later turn what is queued during a write", async () => {
  const trial = new Trial();
  trial.push("a\n");
  await turn();
  trial.push("b\n");
  await turns();
  trial.push("c\n");
  await turns();
  assertEquals(trial.writer.handed.map(textOf), ["a\n"]);
  await trial.take();
  assertEquals(trial.writer.handed.map(textOf), ["a\n", "b\nc\n"]);
  await trial.takeAll();
  assertEquals(trial.taken, "a\nb\nc\n");
});

Deno.test("SendQueue carries a partial write on to its end, whatever is queued meanwhile", async () => {
  const trial = new Trial();
  trial.push("hello\n");
  await turn();
  for (const text of ["one\n", "two\n", "three\n"]) {
    trial.push(text);
    await trial.take(1);
  }
  assertEquals(trial.writer.handed.map(textOf), ["hello\n", "ello\n", "llo\n", "lo\n"]);
  await trial.takeAll();
  assertEquals(trial.taken, "hello\none\ntwo\nthree\n");
  assertEquals(textOf(trial.writer.handed.at(-1) ?? new Uint8Array(0)), "one\ntwo\nthree\n");
});

Deno.test("SendQueue carries on after a write that took nothing", async () => {
  const trial = new Trial();
  trial.push("hello\n");
  await turn();
  await trial.take(0);
  await trial.take(0);
  await trial.takeAll();
  assertEquals(trial.taken, "hello\n");
});

Deno.test("SendQueue.push() hands a single piece over as it is, without a copy", async () => {
  const trial = new Trial();
  const bytes = bytesOf("a\n");
  trial.queue.push(bytes);
  await turn();
  assertStrictEquals(trial.writer.handed[0], bytes);
  await trial.takeAll();
});

Deno.test("SendQueue shares one buffer among queues that owe the same bytes", async () => {
  const scheduler = new SendScheduler();
  const trials = Array.from({ length: 50 }, () => new Trial(scheduler));
  for (const bytes of [bytesOf("a\n"), bytesOf("b\n"), bytesOf("c\n")]) {
    for (const trial of trials) trial.queue.push(bytes);
  }
  await turn();
  const [first] = trials[0]?.writer.handed ?? [];
  for (const { writer } of trials) assertStrictEquals(writer.handed[0], first);
  // Those that are still writing share what they will owe, over several turns.
  for (const bytes of [bytesOf("d\n"), bytesOf("e\n")]) {
    for (const trial of trials) trial.queue.push(bytes);
    await turn();
  }
  for (const trial of trials) trial.writer.pending?.take(6);
  await turns();
  const [, second] = trials[0]?.writer.handed ?? [];
  assertEquals(second && textOf(second), "d\ne\n");
  for (const { writer } of trials) assertStrictEquals(writer.handed[1], second);
  for (const trial of trials) await trial.takeAll();
});

Deno.test("SendQueue keeps apart what queues owe apart, after a start that they share", async () => {
  const scheduler = new SendScheduler();
  const [ann, bob, eve] = [new Trial(scheduler), new Trial(scheduler), new Trial(scheduler)];
  const [hello, toAnn, toBob] = [bytesOf("hello\n"), bytesOf("for ann\n"), bytesOf("for bob\n")];
  for (const trial of [ann, bob, eve]) trial.queue.push(hello);
  ann.queue.push(toAnn);
  bob.queue.push(toBob);
  ann.queue.push(toAnn);
  eve.queue.push(toAnn);
  for (const trial of [ann, bob, eve]) await trial.takeAll();
  assertEquals(ann.taken, "hello\nfor ann\nfor ann\n");
  assertEquals(bob.taken, "hello\nfor bob\n");
  assertEquals(eve.taken, "hello\nfor ann\n");
});

Deno.test("SendQueue.push() takes up to SEND_QUEUE_BYTES_MAX, the write under way included", async () => {
  const half = new Uint8Array(SEND_QUEUE_BYTES_MAX / 2);
  const one = new Uint8Array(1);
  const trial = new Trial();
  assert(trial.queue.push(half));
  await turn();
  assertEquals(trial.queue.bytes, half.length);
  assert(trial.queue.push(half), "just full");
  assertEquals(trial.queue.bytes, SEND_QUEUE_BYTES_MAX);
  assert(!trial.queue.push(one), "one byte too many");
  assertEquals(trial.queue.bytes, SEND_QUEUE_BYTES_MAX);
  await trial.take(1);
  assert(trial.queue.push(one), "room again after a partial write");
  assert(!trial.queue.push(one), "and full again");
  await trial.takeAll();
  assertEquals(trial.writer.taken.length, SEND_QUEUE_BYTES_MAX + 1);
  assertEquals(trial.queue.bytes, 0);
});

Deno.test("SendQueue.push() refuses a single piece that is too large, in any state", async () => {
  const large = new Uint8Array(SEND_QUEUE_BYTES_MAX + 1);
  const trial = new Trial();
  assert(!trial.queue.push(large), "while empty");
  await turns();
  assertEquals(trial.writer.handed.length, 0);
  assert(trial.push("a\n"));
  assert(!trial.queue.push(large), "while something waits");
  await turn();
  assert(!trial.queue.push(large), "during a write");
  await trial.takeAll();
  assertEquals(trial.taken, "a\n");
  assert(trial.queue.push(large.subarray(1)), "exactly as much as may wait");
  await trial.takeAll();
});

Deno.test("SendQueue.push() takes an empty piece for nothing", async () => {
  const trial = new Trial();
  for (const text of ["", "a\n", "", "", "b\n", ""]) assert(trial.push(text));
  await trial.takeAll();
  trial.push("");
  await trial.takeAll();
  trial.queue.drain();
  await trial.takeAll();
  assertEquals([trial.taken, trial.timesDrained], ["a\nb\n", 1]);
});

Deno.test("SendQueue keeps order and bytes when many short pieces are joined on the way", async () => {
  const scheduler = new SendScheduler();
  const [ann, bob] = [new Trial(scheduler), new Trial(scheduler)];
  const pieces = Array.from(
    { length: 3 * SEND_QUEUE_PIECES_MAX + 5 },
    (_, at) => bytesOf(`${at}\n`),
  );
  for (const trial of [ann, bob]) trial.push("first\n");
  await turn();
  for (const piece of pieces) {
    for (const trial of [ann, bob]) assert(trial.queue.push(piece));
  }
  for (const trial of [ann, bob]) await trial.takeAll();
  assertEquals(ann.taken, `first\n${textOf(joined(pieces))}`);
  assertStrictEquals(ann.writer.handed[1], bob.writer.handed[1]);
});

Deno.test("SendQueue.discard() forgets what waits and finishes the write under way", async () => {
  const trial = new Trial();
  trial.push("hello\n");
  await turn();
  trial.push("never\n");
  trial.queue.discard();
  assertEquals(trial.queue.bytes, 6);
  trial.push("bye\n");
  await trial.take(2);
  await trial.takeAll();
  assertEquals(trial.taken, "hello\nbye\n");
});

Deno.test("SendQueue.discard() before the turn's end leaves nothing to write", async () => {
  const trial = new Trial();
  trial.push("never\n");
  trial.queue.discard();
  await turns();
  assertEquals(trial.writer.handed.length, 0);
  trial.push("never\n");
  trial.queue.discard();
  trial.push("bye\n");
  await trial.takeAll();
  assertEquals(trial.taken, "bye\n");
});

Deno.test("SendQueue.drain() calls back once, after the last byte and never at once", async () => {
  const idle = new Trial();
  idle.queue.drain();
  assertEquals(idle.timesDrained, 0);
  await turns();
  assertEquals(idle.timesDrained, 1);

  const waiting = new Trial();
  waiting.push("hello\n");
  waiting.queue.drain();
  await turn();
  await waiting.take(5);
  assertEquals(waiting.timesDrained, 0);
  await waiting.take();
  await turns();
  assertEquals([waiting.taken, waiting.timesDrained], ["hello\n", 1]);

  const writing = new Trial();
  writing.push("hello\n");
  await turn();
  writing.push("bye\n");
  writing.queue.drain();
  await writing.take();
  assertEquals(writing.timesDrained, 0);
  await writing.takeAll();
  await turns();
  assertEquals([writing.taken, writing.timesDrained], ["hello\nbye\n", 1]);
});

Deno.test("SendQueue.drain() calls back where what waited was discarded", async () => {
  const trial = new Trial();
  trial.push("never\n");
  trial.queue.drain();
  trial.queue.discard();
  await turns();
  assertEquals([trial.taken, trial.timesDrained], ["", 1]);
});

Deno.test("SendQueue.drain() calls back on a dead queue as well", async () => {
  const trial = new Trial();
  trial.push("never\n");
  trial.queue.kill();
  trial.queue.drain();
  await turns();
  assertEquals([trial.writer.handed.length, trial.timesDrained], [0, 1]);
});

Deno.test("SendQueue dies of a write error: it says so once and takes nothing more", async () => {
  const trial = new Trial();
  const error = new Deno.errors.BrokenPipe("Broken pipe");
  trial.push("hello\n");
  await turn();
  trial.push("never\n");
  trial.writer.pending?.fail(error);
  await turns();
  assertEquals(trial.errors, [error]);
  assertEquals(trial.queue.bytes, 0);
  assert(!trial.push("never\n"));
  await turns();
  assertEquals(trial.writer.handed.length, 1);
  assertEquals(trial.timesDrained, 0);
});

Deno.test("SendQueue.kill() says nothing, however the write under way ends", async () => {
  const ends: ((trial: Trial) => void)[] = [
    (trial) => trial.writer.pending?.take(6),
    (trial) => trial.writer.pending?.take(2),
    (trial) => trial.writer.pending?.fail(new Deno.errors.BadResource("Bad resource ID")),
  ];
  for (const end of ends) {
    const trial = new Trial();
    trial.push("hello\n");
    await turn();
    trial.push("never\n");
    trial.queue.kill();
    trial.queue.kill();
    end(trial);
    await turns();
    assertEquals(trial.errors, []);
    assertEquals(trial.writer.handed.length, 1);
    assert(!trial.push("never\n"));
  }
});

Deno.test("SendScheduler writes a crowd of queues, each once, with what all of them owe", async () => {
  const scheduler = new SendScheduler();
  const trials = Array.from({ length: 2_000 }, () => new Trial(scheduler));
  for (const bytes of [bytesOf("a\n"), bytesOf("b\n")]) {
    for (const trial of trials) trial.queue.push(bytes);
  }
  await until("the last queue's write", () => trials.at(-1)?.writer.pending !== null);
  for (const { writer } of trials) assertEquals(writer.handed.length, 1);
  for (const trial of trials) trial.writer.pending?.take(4);
  for (const trial of trials) trial.queue.drain();
  await until("the last queue's drain", () => trials.at(-1)?.timesDrained === 1);
  for (const trial of trials) assertEquals([trial.taken, trial.timesDrained], ["a\nb\n", 1]);
});

Deno.test("SendScheduler.atEnd() calls back before the turn's queues are written", async () => {
  const scheduler = new SendScheduler();
  const trial = new Trial(scheduler);
  trial.push("one\n");
  scheduler.atEnd(() => trial.push("two\n"));
  await turn();
  assertEquals(trial.writer.handed.map(textOf), ["one\ntwo\n"]);
  await trial.takeAll();
  // By itself as well: what it queues leaves in the same turn.
  scheduler.atEnd(() => trial.push("three\n"));
  await turn();
  assertEquals(textOf(trial.writer.handed.at(-1) ?? new Uint8Array(0)), "three\n");
  await trial.takeAll();
});

Deno.test("SendScheduler.atEnd() from within a callback comes in the next turn", async () => {
  const scheduler = new SendScheduler();
  const called: string[] = [];
  scheduler.atEnd(() => {
    called.push("first");
    scheduler.atEnd(() => called.push("second"));
  });
  await turn();
  assertEquals(called, ["first"]);
  await turn();
  assertEquals(called, ["first", "second"]);
});

Deno.test("SendScheduler.next() resolves in the next turn, again and again", async () => {
  const scheduler = new SendScheduler();
  for (let count = 0; count < 3; count++) {
    await within(scheduler.next(), "the next turn");
  }
});

Deno.test("SendQueue gives each of several peers exactly its own bytes in order", async () => {
  const PEERS = 4;
  const pieces = ["a\n", "bb\n", "ccc\n", "a longer line\n"].map(bytesOf);
  type Act =
    | { readonly act: "push"; readonly peers: readonly number[]; readonly piece: number }
    | { readonly act: "take"; readonly peer: number; readonly part: number }
    | { readonly act: "turn" };
  const peer = fc.nat({ max: PEERS - 1 });
  const push = fc.record({
    act: fc.constant("push" as const),
    // Mostly fan-outs to all: there sequences are shared.
    peers: fc.oneof(fc.constant([0, 1, 2, 3]), fc.uniqueArray(peer, { minLength: 1 })),
    piece: fc.nat({ max: pieces.length - 1 }),
  });
  const take = fc.record({
    act: fc.constant("take" as const),
    peer,
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const acts: fc.Arbitrary<Act[]> = fc.array(
    fc.oneof({ weight: 3, arbitrary: push }, { weight: 4, arbitrary: take }, {
      weight: 2,
      arbitrary: fc.constant({ act: "turn" as const }),
    }),
    { maxLength: 80 },
  );
  await fc.assert(
    fc.asyncProperty(acts, async (list) => {
      const scheduler = new SendScheduler();
      const trials = Array.from({ length: PEERS }, () => new Trial(scheduler));
      const owed: Uint8Array[][] = trials.map(() => []);
      for (const act of list) {
        if (act.act === "turn") await turn();
        if (act.act === "take") {
          const pending = trials[act.peer]?.writer.pending;
          pending?.take(Math.ceil(act.part * pending.bytes.length));
        }
        if (act.act !== "push") continue;
        const piece = pieces[act.piece] ?? new Uint8Array(0);
        for (const at of act.peers) {
          assert(trials[at]?.queue.push(piece));
          owed[at]?.push(piece);
        }
      }
      for (const [at, trial] of trials.entries()) {
        await trial.takeAll();
        assertEquals(trial.writer.taken, joined(owed[at] ?? []));
        assertEquals(trial.queue.bytes, 0);
      }
    }),
    { numRuns: 300 },
  );
});
