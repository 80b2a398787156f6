/**
 * Requests that the server has not answered yet, in order.
 *
 * 1. Each has a `ref`, an integer that grows, by which the server knows one that
 *    is sent again.
 * 2. Of those that are not answered, a few are on their way at once, the oldest
 *    first; after a lost connection they are sent again.
 * 3. Together they are bounded in bytes.
 *
 * Must not know: the connection, what is asked, what the answers say.
 *
 * @module
 */

import { CLIENT_QUEUE_BYTES_MAX, CLIENT_REQUESTS_AT_ONCE } from "../limits.ts";

/** A request that has no answer yet. */
export interface Pending<Callback> {
  /** By what the server knows it. */
  readonly ref: number;
  /** What is sent, without its end. */
  readonly line: string;
  /** Of the line. */
  readonly byteLength: number;
  /** Whom the answer is for. */
  readonly onDone: Callback;
}

/** What is known of one beside that. */
interface Slot<Callback> {
  readonly pending: Pending<Callback>;
  /** Whether this connection has it. */
  isOnWay: boolean;
  /** Whether any connection of this session has had it. */
  wasSent: boolean;
}

/** See the module. */
export class Outbox<Callback> {
  /** By ref, which is the order in which they were made. */
  readonly #slots = new Map<number, Slot<Callback>>();
  #byteLength = 0;
  #lastRef: number;

  /**
   * Begins empty.
   *
   * @param lastRef The highest ref of earlier requests; 0 for none.
   */
  constructor(lastRef: number) {
    this.#lastRef = lastRef;
  }

  /** The highest ref that was given out. */
  get lastRef(): number {
    return this.#lastRef;
  }

  /** How many have no answer. */
  get size(): number {
    return this.#slots.size;
  }

  /** Gives out the next ref. */
  nextRef(): number {
    return ++this.#lastRef;
  }

  /** Refs begin above this one: the server has seen it. */
  skipTo(ref: number): void {
    this.#lastRef = Math.max(this.#lastRef, ref);
  }

  /** Takes a request, whose ref is above all before; false, and it is not taken, where too much waits. */
  add(pending: Pending<Callback>): boolean {
    if (this.#byteLength + pending.byteLength > CLIENT_QUEUE_BYTES_MAX) return false;
    this.#byteLength += pending.byteLength;
    this.#slots.set(pending.ref, { pending, isOnWay: false, wasSent: false });
    return true;
  }

  /** The next line to be sent, from now on taken for sent; null where none is to be sent now. */
  next(): string | null {
    let onWay = 0;
    for (const slot of this.#slots.values()) {
      if (!slot.isOnWay) {
        slot.isOnWay = slot.wasSent = true;
        return slot.pending.line;
      }
      if (++onWay >= CLIENT_REQUESTS_AT_ONCE) break;
    }
    return null;
  }

  /** Takes out what was answered; undefined for a ref that is not waited for. */
  answered(ref: number): Pending<Callback> | undefined {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return undefined;
    this.#slots.delete(ref);
    this.#byteLength -= slot.pending.byteLength;
    return slot.pending;
  }

  /** The connection is gone: what was on its way is to be sent again. */
  connectionLost(): void {
    for (const slot of this.#slots.values()) slot.isOnWay = false;
  }

  /** The session is gone: takes out what it may have acted upon. */
  takeSent(): Pending<Callback>[] {
    return this.#take(({ wasSent }) => wasSent);
  }

  /** Takes out the rest, none of which was sent in this session. */
  takeUnsent(): Pending<Callback>[] {
    return this.#take(({ wasSent }) => !wasSent);
  }

  #take(fits: (slot: Slot<Callback>) => boolean): Pending<Callback>[] {
    const taken = [...this.#slots.values()].filter(fits).map(({ pending }) => pending);
    for (const { ref } of taken) this.answered(ref);
    return taken;
  }
}
