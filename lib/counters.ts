/**
 * What a server counts as it goes: plain numbers that only grow.
 *
 * Counting is an increment of a field, so it can stand where everything passes.
 * Whoever counts something owns that number alone; whoever reads may do so at
 * any time.
 * Must not know: who reads the numbers, and in which format.
 *
 * @module
 */

import type { EndKind } from "./errors.ts";
import { APPEND_BOUNDS_SECONDS } from "./limits.ts";

/** Why somebody who has connected is not taken in. */
export type RefusedFor = "server-full" | "address-full" | "banned" | "wrong-protocol";

/** A number for each way in: raw TCP, TLS, a browser's WebSocket. */
export type ByWay = Record<"tcp" | "tls" | "web", number>;

/** How many values lie between bounds, and their sum. */
export class Histogram {
  /** The bounds: each is the highest value of its bucket. They grow. */
  readonly bounds: readonly number[];
  /** Values in each bucket alone; the last one is for those above every bound. */
  readonly counts: number[];
  #count = 0;
  #sum = 0;

  /** Begins with no value. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** Values in all. */
  get count(): number {
    return this.#count;
  }

  /** Their sum. */
  get sum(): number {
    return this.#sum;
  }

  /** Counts a value. */
  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += value;
  }
}

/** The counters of one server. */
export class Counters {
  /** Connections that got as far as speaking lines: their way in is behind them. */
  readonly accepted: ByWay = { tcp: 0, tls: 0, web: 0 };
  /** Those that did not: no PROXY header, no TLS handshake, no upgrade to a WebSocket. */
  readonly rejected: ByWay = { tcp: 0, tls: 0, web: 0 };
  /** Accepted connections that were told to go at once. They are counted in `closed` as well. */
  readonly refused: Record<RefusedFor, number> = {
    "server-full": 0,
    "address-full": 0,
    "banned": 0,
    "wrong-protocol": 0,
  };
  /** Accepted connections of which nothing is left open. */
  readonly closed: Record<EndKind, number> = {
    "quit": 0,
    "end-of-stream": 0,
    "reset": 0,
    "idle": 0,
    "slow": 0,
    "shutdown": 0,
    "refused": 0,
    "removed": 0,
    "replaced": 0,
    "resumed": 0,
    "not-admitted": 0,
    "fault": 0,
  };
  /** What was said in rooms, topics included. */
  messages = 0;
  /** What was said to one person. */
  privateMessages = 0;
  /** Events handed to a connection's queue: a message to a room of ten is nine or ten of them. */
  deliveries = 0;
  /** Requests of bots over HTTP, by the status that they were answered. */
  readonly botRequests = new Map<number, number>();
  /** How long it took to store the messages of a turn, in seconds, where that worked. */
  readonly appends: Histogram = new Histogram(APPEND_BOUNDS_SECONDS);
  /** Tries to store them that failed, those again and again of the same messages included. */
  appendFailures = 0;

  /** Counts a bot's request. */
  countBotRequest(status: number): void {
    this.botRequests.set(status, (this.botRequests.get(status) ?? 0) + 1);
  }
}
