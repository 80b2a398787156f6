// Pings, how long they take, and the end of patience, on a fake clock.

import { assertEquals } from "@std/assert";
import { mock } from "node:test";
import { Heartbeat } from "../../lib/client/heartbeat.ts";
import { CLIENT_PING_MS, CLIENT_PONG_MS } from "../../lib/limits.ts";

interface Trial extends Disposable {
  readonly heartbeat: Heartbeat;
  readonly pings: string[];
  readonly latencies: number[];
  readonly lost: number;
  /** Moves the clock in steps, as a machine that is awake does. */
  pass(ms: number): void;
  /** Moves the clock while everything stands still. */
  sleep(ms: number): void;
}

function startTrial(): Trial {
  // The clock and the timers apart: timers stand still while a machine sleeps.
  mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  const clock = mock.method(Date, "now", () => nowMs);
  const pings: string[] = [];
  const latencies: number[] = [];
  let lost = 0;
  const heartbeat = new Heartbeat({
    ping: (text) => pings.push(text),
    onLatency: (ms) => latencies.push(ms),
    onLost: () => lost++,
  });
  return {
    heartbeat,
    pings,
    latencies,
    get lost() {
      return lost;
    },
    pass(ms): void {
      for (let passed = 0; passed < ms; passed += 500) {
        nowMs += 500;
        mock.timers.tick(500);
      }
    },
    sleep(ms): void {
      nowMs += ms;
    },
    [Symbol.dispose](): void {
      heartbeat[Symbol.dispose]();
      clock.mock.restore();
      mock.timers.reset();
    },
  };
}

Deno.test("Heartbeat pings at once, and goes on as long as something comes back", () => {
  using trial = startTrial();
  for (let count = 1; count <= 5; count++) {
    assertEquals(trial.pings.length, count);
    trial.heartbeat.heard();
    trial.pass(CLIENT_PING_MS);
  }
  assertEquals(trial.lost, 0);
});

Deno.test("Heartbeat.takePong() measures its own pings, once each", () => {
  using trial = startTrial();
  trial.pass(1_500);
  const [first = ""] = trial.pings;
  const taken = ["hello", first, first].map((text) => trial.heartbeat.takePong(text));
  assertEquals(taken, [false, true, false]);
  assertEquals(trial.latencies, [1_500]);
});

Deno.test("Heartbeat gives a silent server up once, and in time", () => {
  using trial = startTrial();
  trial.pass(CLIENT_PING_MS + CLIENT_PONG_MS - 500);
  assertEquals(trial.lost, 0);
  trial.pass(500);
  assertEquals(trial.lost, 1);
  trial.pass(10 * CLIENT_PING_MS);
  assertEquals(trial.lost, 1);
});

Deno.test("Heartbeat asks again after the machine slept, and then does not wait for long", () => {
  using trial = startTrial();
  trial.heartbeat.heard();
  trial.sleep(60 * 60_000);
  trial.pass(CLIENT_PING_MS);
  assertEquals([trial.lost, trial.pings.length], [0, 2]);
  trial.pass(CLIENT_PONG_MS - 500);
  assertEquals(trial.lost, 0);
  trial.pass(500);
  assertEquals(trial.lost, 1);
});

Deno.test("Heartbeat stops when it is disposed, twice too", () => {
  using trial = startTrial();
  trial.heartbeat[Symbol.dispose]();
  trial.heartbeat[Symbol.dispose]();
  trial.pass(10 * CLIENT_PING_MS);
  assertEquals([trial.pings.length, trial.lost], [1, 0]);
});
