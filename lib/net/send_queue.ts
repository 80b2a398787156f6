/**
 * What waits for a peer, and the one writer that brings it there.
 *
 * Bytes that became due in one turn of the event loop leave in one write, and
 * connections that owe the same bytes share them: the queue of a connection is
 * a node in a tree of byte sequences, sending is one step down that tree, and
 * the bytes on the way to a node are joined once, by whoever needs them first.
 * So what a fan-out costs for each user is a comparison and an assignment, and
 * for each turn a single write.
 * Must not know: sockets beyond `write`, protocols, the chat.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import {
  LAST_WORDS_BYTES_MAX,
  SEND_QUEUE_BYTES_MAX,
  SEND_QUEUE_PIECES_MAX,
  WRITES_PER_TURN,
} from "../limits.ts";

/** Where bytes go: as `Deno.Conn.write`, which may take only part of them. */
export interface ByteWriter {
  /** Writes some of the bytes, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A sequence of pieces: those of its parent, and one more. */
export class Sequence {
  /** Bytes in all. */
  readonly length: number;
  readonly #piece: Uint8Array;
  #parent: Sequence | null;
  /** Every byte in one piece, once somebody needed that. */
  #joined: Uint8Array | null = null;
  /** Pieces since the last joined one. */
  #pieces: number;
  /** The sequence made from this one last: in a fan-out, what the next connection needs too. */
  #next: Sequence | null = null;

  /** The pieces of `parent`, where there is one, and `piece`. */
  constructor(parent: Sequence | null, piece: Uint8Array) {
    this.#parent = parent;
    this.#piece = piece;
    this.length = (parent?.length ?? 0) + piece.length;
    this.#pieces = (parent === null ? 0 : parent.#pieces) + 1;
    if (this.length === piece.length) {
      this.#parent = null;
      this.#joined = piece;
      this.#pieces = 1;
    }
  }

  /** This sequence and one more piece. */
  with(piece: Uint8Array): Sequence {
    const next = this.#next;
    if (next !== null && next.#piece === piece) return next;
    if (this.#pieces >= SEND_QUEUE_PIECES_MAX) this.join();
    return this.#next = new Sequence(this, piece);
  }

  /** All bytes in one piece, copied at most once. */
  join(): Uint8Array {
    if (this.#joined === null) {
      const joined = new Uint8Array(this.length);
      let end = this.length - this.#piece.length;
      joined.set(this.#piece, end);
      for (let at = this.#parent; at !== null; at = at.#parent) {
        const bytes = at.#joined ?? at.#piece;
        joined.set(bytes, end -= bytes.length);
      }
      this.#joined = joined;
      this.#parent = null;
      this.#pieces = 1;
    }
    return this.#joined;
  }
}

const NO_BYTES = new Uint8Array(0);

/**
 * Decides when queues are written: once at the end of each turn of the event
 * loop in which something became due. One serves all connections of a server.
 *
 * `setImmediate` runs after the turn's reads and before the next ones: a
 * `setTimeout` would add a millisecond to every message, and a microtask would
 * write before the other connections' lines of the same turn were read.
 */
export class SendScheduler {
  /** The empty sequence of this turn: where every queue that has nothing waiting begins. */
  #empty = new Sequence(null, NO_BYTES);
  #due: SendQueue[] = [];
  /** What is called before queues are written. */
  #callbacks: (() => void)[] = [];
  #isArmed = false;

  /** The sequence that holds just `bytes`. */
  begin(bytes: Uint8Array): Sequence {
    return this.#empty.with(bytes);
  }

  /** Has `queue` written at the end of this turn. */
  schedule(queue: SendQueue): void {
    this.#due.push(queue);
    this.#arm();
  }

  /** Calls `callback` once at the end of this turn, before queues are written. Must not throw. */
  atEnd(callback: () => void): void {
    this.#callbacks.push(callback);
    this.#arm();
  }

  /** Resolves in the next turn. */
  next(): Promise<void> {
    return new Promise((resolve) => this.atEnd(resolve));
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
    this.#isArmed = false;
    // What callbacks asked for in their turn belongs to the next one.
    if (this.#callbacks.length > 0) this.#arm();
    this.#empty = new Sequence(null, NO_BYTES);
    // The rest is written in the next turn: what thousands of writes leave behind lives shorter
    // when they do not all start at once, and reads need not wait for them.
    const due = this.#due.splice(0, WRITES_PER_TURN);
    if (this.#due.length > 0) this.#arm();
    for (const queue of due) queue.flush();
  };
}

/** What happens to a queue; each is called at most once, but `onDrained` once per call of `drain`. */
export interface SendQueueOwner {
  /** Writing failed; the queue is dead. */
  onWriteError(error: unknown): void;
  /** Everything queued has been written. */
  onDrained(): void;
}

/**
 * The send queue of one connection.
 *
 * 1. `push` never waits and never reorders.
 * 2. At most one write is under way; a partial one is carried on to its end.
 * 3. What waits, the write under way included, is at most `SEND_QUEUE_BYTES_MAX` bytes.
 */
export class SendQueue {
  readonly #writer: ByteWriter;
  readonly #scheduler: SendScheduler;
  readonly #owner: SendQueueOwner;
  /** What waits for the next write; null where nothing does. */
  #waiting: Sequence | null = null;
  /** The bytes under way, from the first one not yet taken; null where no write is. */
  #writing: Uint8Array | null = null;
  #bytesMax = SEND_QUEUE_BYTES_MAX;
  #isDead = false;
  #isDraining = false;

  /** An empty queue in front of `writer`. */
  constructor(writer: ByteWriter, scheduler: SendScheduler, owner: SendQueueOwner) {
    this.#writer = writer;
    this.#scheduler = scheduler;
    this.#owner = owner;
  }

  /** Bytes that wait, those under way included. */
  get bytes(): number {
    return (this.#waiting?.length ?? 0) + (this.#writing?.length ?? 0);
  }

  /**
   * Queues bytes, for the end of this turn at the earliest.
   *
   * @returns False, and nothing was queued, where they do not fit or the queue is dead.
   */
  push(bytes: Uint8Array): boolean {
    if (this.#isDead) return false;
    if (this.bytes + bytes.length > this.#bytesMax) return false;
    const waiting = this.#waiting;
    if (waiting !== null) {
      this.#waiting = waiting.with(bytes);
    } else {
      if (this.#writing === null) this.#scheduler.schedule(this);
      this.#waiting = this.#scheduler.begin(bytes);
    }
    return true;
  }

  /** Forgets what waits, and has room for last words; a write under way goes on. */
  discard(): void {
    this.#waiting = null;
    this.#bytesMax = SEND_QUEUE_BYTES_MAX + LAST_WORDS_BYTES_MAX;
  }

  /** Ends the queue: nothing is taken any more, what waits is forgotten. */
  kill(): void {
    this.#isDead = true;
    this.#waiting = null;
    this.#writing = null;
  }

  /**
   * Calls the owner's `onDrained` once everything is written, or at once where
   * the queue is dead: at the end of this turn at the earliest.
   */
  drain(): void {
    this.#isDraining = true;
    if (this.#waiting === null && this.#writing === null) this.#scheduler.schedule(this);
  }

  /** Starts to write what waits. Called by the scheduler. */
  flush(): void {
    if (this.#writing !== null) return;
    const waiting = this.#waiting;
    if (waiting !== null) {
      this.#waiting = null;
      this.#write(waiting.join());
    } else if (this.#isDraining) {
      this.#isDraining = false;
      this.#owner.onDrained();
    }
  }

  #write(bytes: Uint8Array): void {
    this.#writing = bytes;
    // Both callbacks are there, and neither throws: nothing is left floating. They are made
    // anew each time, since queues that write nothing are many.
    this.#writer.write(bytes).then(
      (count) => this.#onWritten(count),
      (error: unknown) => this.#onWriteError(error),
    );
  }

  #onWritten(count: number): void {
    const writing = this.#writing;
    if (writing === null) return;
    if (count < writing.length) return this.#write(writing.subarray(count));
    this.#writing = null;
    if (this.#waiting !== null || this.#isDraining) this.#scheduler.schedule(this);
  }

  #onWriteError(error: unknown): void {
    if (this.#isDead) return;
    this.kill();
    this.#owner.onWriteError(error);
  }
}
