/**
 * Who is idle and who is not: the watchdog on a fake clock.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { mock } from "node:test";
import { IdleTimeoutError } from "../../lib/errors.ts";
import { IDLE_STEP_MS_MAX, IDLE_STEPS, IDLE_WARNING_MS } from "../../lib/limits.ts";
import { IdleLimit, IdleWatchdog, type Watched } from "../../lib/net/idle_watchdog.ts";

const NOW_MS = 1_700_000_000_000;

/** A peer under watch on a fake clock. */
class Trial implements Watched, Disposable {
  readonly controller = new AbortController();
  lastReadAtMs: number;
  /** When warnings came, in milliseconds since the start. */
  readonly warnedAtMs: number[] = [];
  /** What the warnings said was left. */
  readonly remainingMs: number[] = [];
  abortedAtMs: number | null = null;
  readonly watchdog: IdleWatchdog;

  constructor(timeoutMs: number, limit?: IdleLimit) {
    if (limit === undefined) mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW_MS });
    this.lastReadAtMs = Date.now();
    this.controller.signal.addEventListener("abort", () => {
      assertEquals(this.abortedAtMs, null);
      this.abortedAtMs = Date.now() - NOW_MS;
    });
    this.watchdog = new IdleWatchdog(this, limit ?? new IdleLimit(timeoutMs), {
      onIdleWarning: (remainingMs): void => {
        this.warnedAtMs.push(Date.now() - NOW_MS);
        this.remainingMs.push(remainingMs);
      },
    });
  }

  /** The peer sends something. */
  read(): void {
    this.lastReadAtMs = Date.now();
  }

  pass(ms: number, stepMs = 100): void {
    for (let passed = 0; passed < ms; passed += stepMs) mock.timers.tick(stepMs);
  }

  [Symbol.dispose](): void {
    this.watchdog[Symbol.dispose]();
    mock.timers.reset();
  }
}

/** That a time is what it should be, or up to a step later. */
function assertAbout(
  actualMs: number | null | undefined,
  expectedMs: number,
  stepMs: number,
): void {
  const lateMs = (actualMs ?? -Infinity) - expectedMs;
  assert(lateMs >= 0 && lateMs <= stepMs, `${actualMs} is not ${expectedMs} to ${stepMs} later`);
}

Deno.test("IdleWatchdog warns once, then ends a silence with an IdleTimeoutError", () => {
  for (const timeoutMs of [1_000, 30_000, 120_000, 300_000]) {
    using trial = new Trial(timeoutMs);
    const stepMs = Math.min(IDLE_STEP_MS_MAX, timeoutMs / IDLE_STEPS);
    const warningMs = Math.min(IDLE_WARNING_MS, timeoutMs / 2);
    trial.pass(3 * timeoutMs, 10);
    assertEquals(trial.warnedAtMs.length, 1);
    assertAbout(trial.warnedAtMs[0], timeoutMs - warningMs, stepMs);
    assertAbout(trial.remainingMs[0], warningMs - stepMs, stepMs);
    assertAbout(trial.abortedAtMs, timeoutMs, stepMs);
    const { reason } = trial.controller.signal;
    assertInstanceOf(reason, IdleTimeoutError);
    assertEquals([reason.timeoutMs, reason.kind], [timeoutMs, "idle"]);
  }
});

Deno.test("IdleWatchdog leaves alone whoever sends something now and then", () => {
  using trial = new Trial(10_000);
  for (let count = 0; count < 50; count++) {
    trial.pass(4_900);
    trial.read();
  }
  assertEquals(trial.warnedAtMs, []);
  assertEquals(trial.abortedAtMs, null);
  trial.pass(10_200);
  assertAbout(trial.abortedAtMs, 50 * 4_900 + 10_000, 100);
});

Deno.test("IdleWatchdog warns again in a new silence, and never twice in one", () => {
  using trial = new Trial(10_000);
  for (let silence = 1; silence <= 3; silence++) {
    trial.pass(9_000);
    assertEquals(trial.warnedAtMs.length, silence);
    trial.read();
  }
  assertEquals(trial.abortedAtMs, null);
  trial.pass(20_000);
  assertEquals(trial.warnedAtMs.length, 4);
  assertAbout(trial.abortedAtMs, 3 * 9_000 + 10_000, 100);
});

Deno.test("IdleWatchdog counts from the last sign of life, one just before the end too", () => {
  using trial = new Trial(10_000);
  trial.pass(9_900);
  trial.read();
  trial.pass(9_900);
  assertEquals(trial.abortedAtMs, null);
  trial.pass(300);
  assertAbout(trial.abortedAtMs, 9_900 + 10_000, 100);
});

Deno.test("IdleWatchdog.pause() stops the clock, for longer than the time-out too", () => {
  using trial = new Trial(10_000);
  trial.pass(9_000);
  trial.watchdog.pause();
  trial.watchdog.pause();
  trial.pass(50_000);
  assertEquals(trial.abortedAtMs, null);
  trial.watchdog.resume();
  trial.pass(10_200);
  assertAbout(trial.abortedAtMs, 59_000 + 10_000, 100);
});

Deno.test("IdleWatchdog.resume() counts as a sign of life", () => {
  using trial = new Trial(10_000);
  for (let count = 0; count < 10; count++) {
    trial.pass(4_900);
    trial.watchdog.resume();
  }
  assertEquals(trial.warnedAtMs, []);
  trial.pass(10_200);
  assertAbout(trial.abortedAtMs, 10 * 4_900 + 10_000, 100);
});

Deno.test("IdleWatchdog takes the later of a new start and a read", () => {
  using trial = new Trial(10_000);
  trial.watchdog.resume();
  trial.pass(3_000);
  trial.read();
  trial.pass(1_000);
  trial.lastReadAtMs -= 2_000;
  trial.watchdog.resume();
  trial.pass(9_900);
  assertEquals(trial.abortedAtMs, null);
  trial.pass(300);
  assertAbout(trial.abortedAtMs, 14_000, 100);
});

Deno.test("IdleWatchdog stops when it is disposed, at any time and twice too", () => {
  for (const afterMs of [0, 2_000, 7_000, 12_000]) {
    using trial = new Trial(10_000);
    trial.pass(afterMs);
    const [warnings, abortedAtMs] = [trial.warnedAtMs.length, trial.abortedAtMs];
    trial.watchdog[Symbol.dispose]();
    trial.watchdog[Symbol.dispose]();
    trial.pass(50_000);
    assertEquals([trial.warnedAtMs.length, trial.abortedAtMs], [warnings, abortedAtMs]);
  }
});

Deno.test("IdleWatchdog clears the last timer when it is disposed", () => {
  using trial = new Trial(10_000);
  const cleared = mock.method(globalThis, "clearTimeout");
  try {
    trial.pass(6_000);
    trial.watchdog[Symbol.dispose]();
    assertEquals(cleared.mock.callCount(), 1);
  } finally {
    cleared.mock.restore();
  }
});

Deno.test("IdleWatchdog of one connection knows nothing of another's", () => {
  const limit = new IdleLimit(10_000);
  using ann = new Trial(10_000);
  const others = Array.from({ length: 20 }, () => new Trial(10_000, limit));
  ann.pass(6_000);
  for (const [at, other] of others.entries()) {
    if (at % 2 === 0) other.read();
    else other.watchdog[Symbol.dispose]();
  }
  ann.pass(6_000);
  assert(others.every((other) => other.abortedAtMs === null));
  ann.pass(6_000);
  for (const [at, other] of others.entries()) {
    assertEquals(other.abortedAtMs !== null, at % 2 === 0);
  }
});

Deno.test("IdleWatchdog waits out a time-out that is longer than one timer can be", () => {
  const dayMs = 24 * 60 * 60_000;
  using trial = new Trial(365 * dayMs);
  // In steps of minutes, since the clock must not run ahead of the timers.
  trial.pass(364 * dayMs, 60_000);
  assertEquals([trial.warnedAtMs, trial.abortedAtMs], [[], null]);
  trial.pass(dayMs + 60_000, 1_000);
  assertEquals(trial.warnedAtMs.length, 1);
  assertAbout(trial.warnedAtMs[0], 365 * dayMs - IDLE_WARNING_MS, IDLE_STEP_MS_MAX);
  assertAbout(trial.abortedAtMs, 365 * dayMs, IDLE_STEP_MS_MAX);
});

Deno.test("IdleWatchdog holds the shortest time-out there is", () => {
  using trial = new Trial(1);
  trial.pass(5, 1);
  assert(trial.warnedAtMs.length <= 1);
  assertAbout(trial.abortedAtMs, 1, 1);
});
