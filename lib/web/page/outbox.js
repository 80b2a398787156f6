// @ts-check
/**
 * Requests that the server has not answered yet, in order.
 *
 * 1. Each has a `ref`, an integer that grows, by which the server knows one that is sent again.
 * 2. Of those that are not answered, a few are on their way at once, the oldest first; after a
 *    lost connection they are sent again.
 * 3. Together they are bounded in bytes.
 *
 * Must not know: the connection, what is asked, what the answers say.
 *
 * @module
 */

import { OUTBOX_BYTES_MAX, REQUESTS_AT_ONCE } from "./limits.js";

/**
 * A request that has no answer yet.
 *
 * @template Callback
 * @typedef {object} Pending
 * @property {number} ref By what the server knows it.
 * @property {string} line What is sent.
 * @property {number} byteLength Of the line.
 * @property {Callback} onDone Whom the answer is for.
 */

/**
 * See the module.
 *
 * @template Callback
 */
export class Outbox {
  /** @type {Map<number, { pending: Pending<Callback>, isOnWay: boolean, wasSent: boolean }>} */
  #slots = new Map();
  #byteLength = 0;
  #lastRef;

  /** @param {number} lastRef The highest ref of earlier requests; 0 for none. */
  constructor(lastRef) {
    this.#lastRef = lastRef;
  }

  /** The highest ref that was given out. */
  get lastRef() {
    return this.#lastRef;
  }

  /** How many have no answer. */
  get size() {
    return this.#slots.size;
  }

  /**
   * Gives out the next ref.
   *
   * @returns {number}
   */
  nextRef() {
    return ++this.#lastRef;
  }

  /**
   * Refs begin above this one: the server has seen it.
   *
   * @param {number} ref
   * @returns {void}
   */
  skipTo(ref) {
    this.#lastRef = Math.max(this.#lastRef, ref);
  }

  /**
   * Takes a request, whose ref is above all before; false, and it is not taken, where too much
   * waits.
   *
   * @param {Pending<Callback>} pending
   * @returns {boolean}
   */
  add(pending) {
    if (this.#byteLength + pending.byteLength > OUTBOX_BYTES_MAX) return false;
    this.#byteLength += pending.byteLength;
    this.#slots.set(pending.ref, { pending, isOnWay: false, wasSent: false });
    return true;
  }

  /**
   * The next line to be sent, from now on taken for sent; null where none is to be sent now.
   *
   * @returns {string | null}
   */
  next() {
    let onWay = 0;
    for (const slot of this.#slots.values()) {
      if (!slot.isOnWay) {
        slot.isOnWay = slot.wasSent = true;
        return slot.pending.line;
      }
      if (++onWay >= REQUESTS_AT_ONCE) break;
    }
    return null;
  }

  /**
   * Takes out what was answered; undefined for a ref that is not waited for.
   *
   * @param {number} ref
   * @returns {Pending<Callback> | undefined}
   */
  answered(ref) {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return undefined;
    this.#slots.delete(ref);
    this.#byteLength -= slot.pending.byteLength;
    return slot.pending;
  }

  /**
   * The connection is gone: what was on its way is to be sent again.
   *
   * @returns {void}
   */
  connectionLost() {
    for (const slot of this.#slots.values()) slot.isOnWay = false;
  }

  /**
   * The session is gone: takes out what it may have acted upon.
   *
   * @returns {Pending<Callback>[]}
   */
  takeSent() {
    const taken = [...this.#slots.values()].filter(({ wasSent }) => wasSent);
    for (const { pending } of taken) this.answered(pending.ref);
    return taken.map(({ pending }) => pending);
  }
}
