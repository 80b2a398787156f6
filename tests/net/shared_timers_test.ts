/**
 * Timers that share: on a fake clock, so that nothing waits. What is due in
 * great numbers is spread over turns of the event loop, which are real.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import fc from "fast-check";
import { DUE_PER_TURN } from "../../lib/limits.ts";
import { type Due, SharedTimers } from "../../lib/net/shared_timers.ts";
import { turns } from "./sockets.ts";

const NOW_MS = 1_700_000_000_000;
const STEP_MS = 10;

/** A fake clock, set back to the real one when disposed. */
function fakeClock(): Disposable {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW_MS });
  return { [Symbol.dispose]: () => mock.timers.reset() };
}

/** Remembers when it was called, in milliseconds since the start. */
class Call implements Due {
  readonly timesMs: number[] = [];

  onDue(): void {
    this.timesMs.push(Date.now() - NOW_MS);
  }
}

function tick(ms: number): void {
  for (let passed = 0; passed < ms; passed++) mock.timers.tick(1);
}

Deno.test("SharedTimers.add() calls once, in time and at most a step late", () => {
  for (const startMs of [0, 1, 9]) {
    using _clock = fakeClock();
    tick(startMs);
    const timers = new SharedTimers(STEP_MS);
    const delaysMs = [0, 1, 5, 9, 10, 11, 25, 99.5, 100];
    const calls = delaysMs.map((delayMs) => {
      const call = new Call();
      timers.add(call, delayMs);
      return call;
    });
    tick(500);
    for (const [at, delayMs] of delaysMs.entries()) {
      const [atMs = -1, ...more] = calls[at]?.timesMs ?? [];
      const lateMs = atMs - startMs - delayMs;
      assert(lateMs >= 0 && lateMs <= STEP_MS, `${delayMs} ms came ${lateMs} ms late`);
      assertEquals(more, []);
    }
  }
});

Deno.test("SharedTimers.add() uses one timer for whatever falls due together", () => {
  using _clock = fakeClock();
  using setTimer = counting("setTimeout");
  const timers = new SharedTimers(STEP_MS);
  const calls = Array.from({ length: DUE_PER_TURN }, () => new Call());
  for (const call of calls) timers.add(call, 100);
  assertEquals(setTimer.count, 1);
  tick(100);
  for (const call of calls) assertEquals(call.timesMs, [100]);
});

Deno.test("SharedTimers.remove() takes one away and leaves the others", () => {
  using _clock = fakeClock();
  const timers = new SharedTimers(STEP_MS);
  const [stays, goes] = [new Call(), new Call()];
  timers.add(stays, 20);
  const at = timers.add(goes, 20);
  timers.remove(goes, at);
  timers.remove(goes, at);
  tick(100);
  assertEquals([stays.timesMs, goes.timesMs], [[20], []]);
  timers.remove(stays, at);
});

Deno.test("SharedTimers.remove() of the last one clears the timer", () => {
  using _clock = fakeClock();
  using cleared = counting("clearTimeout");
  const timers = new SharedTimers(STEP_MS);
  const call = new Call();
  timers.remove(call, timers.add(call, 20));
  assertEquals(cleared.count, 1);
  timers.add(call, 30);
  tick(100);
  assertEquals(call.timesMs, [30]);
});

Deno.test("SharedTimers.remove() with a time that is not its own does nothing", () => {
  using _clock = fakeClock();
  const timers = new SharedTimers(STEP_MS);
  const [mine, other] = [new Call(), new Call()];
  const at = timers.add(mine, 20);
  timers.remove(other, at);
  timers.remove(mine, at + 1);
  timers.remove(mine, 0);
  tick(100);
  assertEquals(mine.timesMs, [20]);
});

Deno.test("SharedTimers waits longer than one timer can", () => {
  using _clock = fakeClock();
  const timers = new SharedTimers(1_000);
  const call = new Call();
  const delayMs = 90 * 24 * 60 * 60 * 1_000;
  assert(delayMs > 3 * 2 ** 31);
  timers.add(call, delayMs);
  for (let day = 0; day < 89; day++) mock.timers.tick(24 * 60 * 60 * 1_000);
  assertEquals(call.timesMs, []);
  mock.timers.tick(24 * 60 * 60 * 1_000);
  assertEquals(call.timesMs, [delayMs]);
});

Deno.test("SharedTimers.add() from within onDue() comes later, never at once", () => {
  using _clock = fakeClock();
  const timers = new SharedTimers(STEP_MS);
  const timesMs: number[] = [];
  const again: Due = {
    onDue(): void {
      timesMs.push(Date.now() - NOW_MS);
      if (timesMs.length < 4) timers.add(again, 0);
    },
  };
  timers.add(again, 10);
  tick(100);
  assertEquals(timesMs, [10, 20, 30, 40]);
});

Deno.test("SharedTimers waits on where its timer was early", () => {
  // The clock stands still while the timer runs: as when it was set back.
  mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = NOW_MS;
  const clock = mock.method(Date, "now", () => nowMs);
  try {
    const timers = new SharedTimers(STEP_MS);
    const call = new Call();
    timers.add(call, 100);
    nowMs += 99;
    mock.timers.tick(100);
    assertEquals(call.timesMs, []);
    nowMs += 1;
    mock.timers.tick(1);
    assertEquals(call.timesMs, [100]);
  } finally {
    clock.mock.restore();
    mock.timers.reset();
  }
});

Deno.test("SharedTimers calls a crowd over several turns, each once and in order", async () => {
  using _clock = fakeClock();
  const timers = new SharedTimers(STEP_MS);
  const called: number[] = [];
  const crowd = Array.from({ length: 4 * DUE_PER_TURN + 1 }, (_, at): Due => ({
    onDue(): void {
      called.push(at);
    },
  }));
  for (const due of crowd) timers.add(due, 20);
  mock.timers.tick(20);
  assertEquals(called.length, DUE_PER_TURN);
  await turns(6);
  assertEquals(called, crowd.map((_, at) => at));
});

Deno.test("SharedTimers.remove() reaches those of a crowd that were not called yet", async () => {
  using _clock = fakeClock();
  const timers = new SharedTimers(STEP_MS);
  const crowd = Array.from({ length: 3 * DUE_PER_TURN }, () => new Call());
  let at = 0;
  for (const call of crowd) at = timers.add(call, 20);
  mock.timers.tick(20);
  for (const call of crowd) timers.remove(call, at);
  // A slot with nobody left in it must not take a new one with it.
  const late = new Call();
  timers.add(late, 1);
  await turns(6);
  mock.timers.tick(20);
  const times = crowd.reduce((sum, call) => sum + call.timesMs.length, 0);
  assertEquals([times, late.timesMs], [DUE_PER_TURN, [30]]);
});

Deno.test("SharedTimers calls in time whatever is added and removed", () => {
  const act = fc.record({
    afterMs: fc.nat({ max: 30 }),
    delayMs: fc.nat({ max: 200 }),
    isRemoved: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), fc.integer({ min: 1, max: 50 }), (acts, step) => {
      using _clock = fakeClock();
      const timers = new SharedTimers(step);
      const expected = acts.map(({ afterMs, delayMs, isRemoved }) => {
        tick(afterMs);
        const call = new Call();
        const at = timers.add(call, delayMs);
        if (isRemoved) timers.remove(call, at);
        return { call, isRemoved, dueMs: Date.now() - NOW_MS + delayMs };
      });
      tick(300);
      for (const { call, isRemoved, dueMs } of expected) {
        assertEquals(call.timesMs.length, isRemoved ? 0 : 1);
        const lateMs = (call.timesMs[0] ?? dueMs) - dueMs;
        assert(lateMs >= 0 && lateMs <= step, `${lateMs} ms late with steps of ${step} ms`);
      }
    }),
    { numRuns: 100 },
  );
});

/** Counts the calls of a timer function, on top of the fake clock. */
function counting(name: "setTimeout" | "clearTimeout"): Disposable & { readonly count: number } {
  const spy = mock.method(globalThis, name);
  return {
    get count() {
      return spy.mock.callCount();
    },
    [Symbol.dispose]: () => spy.mock.restore(),
  };
}
