/**
 * The parts that every message goes through, each alone: run by the benchmark
 * as a process of its own, with the milliseconds for each as the argument.
 *
 * Prints one line of JSON: a {@linkcode MicroFigures}.
 *
 * @module
 */

import type { Delivery, Receiver } from "../../lib/chat/state.ts";
import type { ChatEvent } from "../../lib/events.ts";
import { LINE_BYTES_MAX } from "../../lib/limits.ts";
import type { Line } from "../../lib/net/connection.ts";
import { LineDecoder } from "../../lib/net/line_decoder.ts";
import { SendQueue, SendScheduler } from "../../lib/net/send_queue.ts";
import { cleanText } from "../../lib/text.ts";
import { Trial } from "../chat/trial.ts";
import { setImmediate } from "node:timers";

/** What was measured, in nanoseconds for each. */
export interface MicroFigures {
  readonly decoderNsPerLine: number;
  readonly cleanAsciiNsPerLine: number;
  readonly cleanCyrillicNsPerLine: number;
  readonly broadcastNsPerDelivery: number;
  readonly sendQueueNsPerPush: number;
}

/** Bytes of a decoded line, its line feed included. */
export const MICRO_LINE_BYTES = 64;

const RECEIVERS = 1000;
const PUSHES = 16;

/** Each is measured so often; the best is what counts, since the rest was disturbed. */
const ROUNDS = 5;

/** Rounds are made of calls of some microseconds; the clock is looked at after so many. */
const CALLS_AT_ONCE = 16;

/** Keeps results alive, so that no loop is optimised away. */
let kept = 0;

/** Work that does `count` of something in each call. */
interface Work {
  readonly count: number;
  call(): void;
  /** Lets what was begun come to its end; its time counts. */
  settle?(): Promise<void>;
}

/** Nanoseconds for each, in the best of some rounds; the first round warms up and does not count. */
async function measure(ms: number, work: Work): Promise<number> {
  let best = Infinity;
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    let calls = 0;
    while (performance.now() - startMs < ms / (ROUNDS + 1)) {
      for (let i = 0; i < CALLS_AT_ONCE; i++) work.call();
      await work.settle?.();
      calls += CALLS_AT_ONCE;
    }
    const ns = (performance.now() - startMs) * 1e6 / (calls * work.count);
    if (round > 0 && ns < best) best = ns;
  }
  return best;
}

function decode(): Work {
  const count = LINE_BYTES_MAX / MICRO_LINE_BYTES;
  const chunk = new TextEncoder().encode(("x".repeat(MICRO_LINE_BYTES - 1) + "\n").repeat(count));
  const decoder = new LineDecoder();
  const lines: Line[] = [];
  return {
    count,
    call(): void {
      decoder.push(chunk, lines);
      kept += lines.length;
      lines.length = 0;
    },
  };
}

function clean(text: string): Work {
  // Different texts of 64 characters, as a decoder gives them.
  const texts = Array.from(
    { length: 64 },
    (_, index) => (text.slice(index % text.length) + text.repeat(4)).slice(0, 64),
  );
  return {
    count: texts.length,
    call(): void {
      for (const line of texts) kept += cleanText(line).length;
    },
  };
}

/**
 * Each message is a turn of its own, and a transaction of its own in a store that
 * is in memory: the most that a delivery can cost.
 */
function broadcast(trial: Trial): Work {
  const { chat } = trial;
  const from = { address: "127.0.0.1", isPrivate: true };
  for (let count = 0; count < RECEIVERS; count++) chat.enter(new CountingReceiver(), from);
  const sender = chat.enter(new CountingReceiver(), from);
  trial.endTurn();
  return {
    count: RECEIVERS,
    call(): void {
      chat.say(sender, "hello");
      trial.endTurn();
    },
  };
}

class CountingReceiver implements Receiver {
  readonly isEnded = Boolean(0);
  deliver(_event: ChatEvent): void {
    kept++;
  }

  deliverBatch(events: readonly ChatEvent[], { skipped }: Delivery): void {
    kept += events.length - (skipped?.size ?? 0);
  }

  end(): void {}
}

function sendQueue(): Work {
  const writer = { write: (bytes: Uint8Array): Promise<number> => Promise.resolve(bytes.length) };
  const owner = { onWriteError: (): void => {}, onDrained: (): void => {} };
  const scheduler = new SendScheduler();
  const queues = Array.from({ length: RECEIVERS }, () => new SendQueue(writer, scheduler, owner));
  const line = "x".repeat(MICRO_LINE_BYTES);
  const pieces = Array.from({ length: PUSHES }, () => new TextEncoder().encode(line));
  let next = 0;
  return {
    count: RECEIVERS,
    // One message for all: what CALLS_AT_ONCE of them are joined and written in one turn.
    call(): void {
      const piece = pieces[next++ % PUSHES];
      if (piece === undefined) return;
      for (const queue of queues) if (queue.push(piece)) kept++;
    },
    settle: () => new Promise<void>((resolve) => setImmediate(resolve)),
  };
}

if (import.meta.main) {
  const ms = Number(Deno.args[0] ?? 200);
  using trial = new Trial();
  const figures: MicroFigures = {
    decoderNsPerLine: await measure(ms, decode()),
    cleanAsciiNsPerLine: await measure(ms, clean("The quick brown fox jumps over it. ")),
    cleanCyrillicNsPerLine: await measure(
      ms,
      // A pangram: "Eat some more of these soft French rolls".
      clean(
        "\u0421\u044a\u0435\u0448\u044c \u0435\u0449\u0451 \u044d\u0442\u0438\u0445 " +
          "\u043c\u044f\u0433\u043a\u0438\u0445 \u0431\u0443\u043b\u043e\u043a. ",
      ),
    ),
    broadcastNsPerDelivery: await measure(ms, broadcast(trial)),
    sendQueueNsPerPush: await measure(ms, sendQueue()),
  };
  if (kept < 0) throw new RangeError("Nothing was measured");
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
}
