/**
 * What scenarios time in the same way, and what they make of many times.
 *
 * @module
 */

import { readUsage, type Target } from "./processes.ts";
import { Visitor } from "./visitor.ts";

/** A server that has come to rest used no more processor time than this for so long. */
const REST_CPU_MS = 10;
const REST_MS = 200;
const REST_MS_MAX = 8_000;

/** A server that was started against the clock, and somebody who is there. */
export interface Started extends AsyncDisposable {
  readonly target: Target;
  readonly visitor: Visitor;
  /** From the start of the process to the answer to a ping. */
  readonly tookMs: number;
}

/** Starts a server and times it. */
export async function timeStart(startTarget: () => Promise<Target>): Promise<Started> {
  await using resources = new AsyncDisposableStack();
  const startMs = performance.now();
  const target = resources.use(await startTarget());
  const visitor = resources.use(await Visitor.connect(target));
  await visitor.ask("");
  const tookMs = performance.now() - startMs;
  const owned = resources.move();
  return { target, visitor, tookMs, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Waits until a server has nothing more to do. */
export async function rest({ pid }: Target): Promise<void> {
  const giveUpMs = performance.now() + REST_MS_MAX;
  for (let last = await readUsage(pid); performance.now() < giveUpMs;) {
    await new Promise<void>((resolve) => setTimeout(resolve, REST_MS));
    const usage = await readUsage(pid);
    if (last === null || usage === null || usage.cpuMs - last.cpuMs <= REST_CPU_MS) return;
    last = usage;
  }
}

/** The one in the middle, or null of none. */
export function median(values: readonly number[]): number | null {
  return percentile(values, 0.5);
}

/** The value below which this part of all lies, or null of none. */
export function percentile(values: readonly number[], part: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null;
}
