// Pings and the end of patience, on a fake clock.

import { assertEquals } from "@std/assert";
import { mock } from "node:test";
import { CLIENT_PING_MS, CLIENT_PONG_MS } from "../../lib/limits.ts";
import { Heartbeat } from "../../lib/terminal/heartbeat.ts";

interface Trial extends Disposable {
  readonly heartbeat: Heartbeat;
  readonly pings: string[];
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
  let lost = 0;
  const heartbeat = new Heartbeat({ ping: (text) => pings.push(text), lost: () => lost++ });
  return {
    heartbeat,
    pings,
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

Deno.test("Heartbeat pings and goes on as long as something comes back", () => {
  using trial = startTrial();
  for (let count = 1; count <= 5; count++) {
    trial.pass(CLIENT_PING_MS);
    assertEquals(trial.pings.at(-1), `client-${count}`);
    trial.heartbeat.heard();
  }
  assertEquals(trial.lost, 0);
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

Deno.test("Heartbeat waits for a server that works through a paste", () => {
  using trial = startTrial();
  for (let count = 0; count < 100; count++) trial.heartbeat.sent();
  trial.pass(CLIENT_PING_MS + CLIENT_PONG_MS + 99_000);
  assertEquals(trial.lost, 0);
  trial.pass(1_000);
  assertEquals(trial.lost, 1);
});

Deno.test("Heartbeat.takePong() takes its own pongs, once each", () => {
  using trial = startTrial();
  trial.pass(CLIENT_PING_MS);
  const taken = ["client-2", "hello", "client-1", "client-1"].map((text) =>
    trial.heartbeat.takePong(text)
  );
  assertEquals(taken, [false, false, true, false]);
});

Deno.test("Heartbeat asks again after the machine slept, before it gives up", () => {
  using trial = startTrial();
  trial.sleep(60 * 60_000);
  trial.pass(CLIENT_PING_MS);
  assertEquals(trial.lost, 0);
  assertEquals(trial.pings, ["client-1"]);
  trial.pass(CLIENT_PING_MS + CLIENT_PONG_MS);
  assertEquals(trial.lost, 1);
});

Deno.test("Heartbeat stops when it is disposed, twice too", () => {
  using trial = startTrial();
  trial.heartbeat[Symbol.dispose]();
  trial.heartbeat[Symbol.dispose]();
  trial.pass(10 * CLIENT_PING_MS);
  assertEquals(trial.pings, []);
  assertEquals(trial.lost, 0);
});
