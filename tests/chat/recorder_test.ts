// What was said on its way to a store that takes it, that does not, and that
// takes it again: with a store that fails when a test says so, and a timer that
// it rings.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { Counters } from "../../lib/counters.ts";
import { Recorder } from "../../lib/chat/recorder.ts";
import type { StoredMessage } from "../../lib/chat/store.ts";
import { StoreError } from "../../lib/errors.ts";
import type { RoomMessage } from "../../lib/events.ts";
import { SAVE_RETRY_MS, UNSAVED_LENGTH_MAX } from "../../lib/limits.ts";

const FULL = new StoreError("full", "The disk is full.");

/** A recorder, its store, its timer, and what its owner was told. */
class Trial {
  /** What it was asked to append, a list each time; those included that failed. */
  readonly appended: string[][] = [];
  readonly stored: StoredMessage[] = [];
  readonly told: string[] = [];
  error: unknown = null;
  timerMs: number | null = null;
  readonly recorder: Recorder;
  #ring: () => void = () => {};

  constructor(lastMessageId = 0) {
    const store = {
      lastMessageId,
      reservedId: 0,
      reserveIds: (): void => {},
      append: (messages: readonly StoredMessage[]): void => {
        this.appended.push(messages.map(({ text }) => text.slice(0, 9)));
        if (this.error !== null) throw this.error;
        this.stored.push(...messages);
      },
    };
    this.recorder = new Recorder(store, {
      counters: new Counters(),
      owner: {
        onTrouble: (error) => this.told.push(`trouble: ${error}`),
        onRecovery: (lost) => this.told.push(`recovery, ${lost} lost`),
      },
      timer: {
        start: (callback, ms) => {
          this.timerMs = ms;
          this.#ring = callback;
        },
        stop: () => {
          this.timerMs = null;
        },
      },
    });
  }

  say(text: string): RoomMessage {
    return this.recorder.add({
      type: "message",
      roomId: 1,
      room: "#lobby",
      accountId: null,
      from: "ann",
      text,
    });
  }

  ring(): void {
    assert(this.timerMs !== null, "the timer does not run");
    this.timerMs = null;
    this.#ring();
  }

  take(): string[][] {
    return this.appended.splice(0);
  }
}

Deno.test("Recorder.add() makes messages with ids in sequence, behind those of the store", () => {
  mock.timers.enable({ apis: ["Date"], now: 5_000 });
  try {
    const trial = new Trial(41);
    assertEquals(trial.recorder.lastId, 41);
    assertEquals(trial.say("hi"), {
      id: 42,
      atMs: 5_000,
      type: "message",
      roomId: 1,
      room: "#lobby",
      accountId: null,
      from: "ann",
      text: "hi",
    });
    assertEquals(trial.say("ho").id, 43);
    assertEquals(trial.recorder.lastId, 43);
    assertEquals(trial.appended, [], "nothing is stored before it is saved");
  } finally {
    mock.timers.reset();
  }
});

Deno.test("Recorder.add() puts nothing new before something old, whatever becomes of the clock", () => {
  mock.timers.enable({ apis: ["Date"], now: 10_000 });
  try {
    const trial = new Trial();
    trial.say("one");
    trial.recorder.save();
    mock.timers.setTime(2_000);
    assertEquals(trial.say("two").atMs, 10_000);
    trial.recorder.save();
    mock.timers.setTime(10_001);
    assertEquals(trial.say("three").atMs, 10_001);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("Recorder.add() takes one time for a turn, and another for the next, though the store fails", () => {
  for (const error of [null, FULL]) {
    mock.timers.enable({ apis: ["Date"], now: 10_000 });
    try {
      const trial = new Trial();
      trial.error = error;
      const times: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        times.push(trial.say("one").atMs);
        mock.timers.tick(1);
        times.push(trial.say("two").atMs);
        trial.recorder.save();
        mock.timers.tick(59_999);
      }
      assertEquals(times, [10_000, 10_000, 70_000, 70_000, 130_000, 130_000]);
    } finally {
      mock.timers.reset();
    }
  }
});

Deno.test("Recorder.save() appends a turn's messages together, once", () => {
  const trial = new Trial();
  trial.recorder.save();
  assertEquals(trial.take(), []);
  trial.say("one");
  trial.say("two");
  trial.recorder.save();
  trial.recorder.save();
  assertEquals(trial.take(), [["one", "two"]]);
  trial.say("three");
  trial.recorder.save();
  assertEquals(trial.take(), [["three"]]);
  assertEquals(trial.stored.map(({ id }) => id), [1, 2, 3]);
  assertEquals([trial.told, trial.timerMs], [[], null]);
});

Deno.test("Recorder tells of trouble once, tries again by its timer alone, and tells of recovery", () => {
  const trial = new Trial();
  trial.error = FULL;
  trial.say("one");
  trial.recorder.save();
  assertEquals(trial.told.splice(0), ["trouble: StoreError: The disk is full."]);
  assertEquals([trial.take(), trial.timerMs], [[["one"]], SAVE_RETRY_MS]);
  for (const text of ["two", "three"]) {
    trial.say(text);
    trial.recorder.save();
  }
  assertEquals(trial.take(), [], "each try may take a while: turns do not try");
  trial.ring();
  assertEquals([trial.take(), trial.timerMs], [[["one", "two", "three"]], SAVE_RETRY_MS]);
  trial.error = null;
  trial.say("four");
  trial.recorder.save();
  assertEquals(trial.take(), [], "not even where it would succeed");
  trial.ring();
  assertEquals(trial.take(), [["one", "two", "three", "four"]]);
  assertEquals([trial.told.splice(0), trial.timerMs], [["recovery, 0 lost"], null]);
  trial.say("five");
  trial.recorder.save();
  assertEquals(trial.take(), [["five"]]);
  assertEquals(trial.stored.map(({ id }) => id), [1, 2, 3, 4, 5]);
  // Trouble that comes back is told again.
  trial.error = new TypeError("boom");
  trial.say("six");
  trial.recorder.save();
  assertEquals(trial.told, ["trouble: TypeError: boom"]);
});

Deno.test("Recorder gives up the oldest where too much waits, and says how many", () => {
  const trial = new Trial();
  trial.error = FULL;
  const quarter = UNSAVED_LENGTH_MAX / 4;
  for (const digit of ["1", "2", "3", "4"]) trial.say(digit.repeat(quarter));
  trial.recorder.save();
  trial.ring();
  assertEquals(trial.take()[1]?.length, 4, "all of it fits exactly");
  trial.say("5");
  trial.recorder.save();
  trial.ring();
  assertEquals(trial.take(), [["222222222", "333333333", "444444444", "5"]]);
  // One alone that is too long goes as well.
  trial.say("x".repeat(UNSAVED_LENGTH_MAX + 1));
  trial.say("6");
  trial.recorder.save();
  trial.error = null;
  trial.ring();
  assertEquals(trial.take(), [["6"]]);
  assertEquals(trial.told.at(-1), "recovery, 6 lost");
  assertEquals(trial.stored.map(({ id }) => id), [7]);
  // What was given up counts once.
  trial.error = FULL;
  trial.say("7");
  trial.recorder.save();
  trial.error = null;
  trial.ring();
  assertEquals(trial.told.at(-1), "recovery, 0 lost");
});

Deno.test("Recorder.close() tries once more, and stops its timer", () => {
  const trial = new Trial();
  trial.say("one");
  trial.recorder.close();
  assertEquals([trial.take(), trial.timerMs], [[["one"]], null]);
  trial.error = FULL;
  trial.say("two");
  trial.recorder.save();
  trial.take();
  trial.recorder.close();
  assertEquals([trial.take(), trial.timerMs], [[["two"]], null]);
  trial.error = null;
  trial.recorder.close();
  assertEquals(trial.take(), [["two"]]);
  trial.recorder.close();
  assertEquals(trial.take(), []);
});

Deno.test("Recorder loses nothing but what it says it has lost, whenever the store fails", () => {
  const step = fc.constantFrom("say", "say", "long", "save", "ring", "fail", "work");
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const trial = new Trial(7);
      let said = 0;
      for (const next of steps) {
        if (next === "say") said += trial.say("x") && 1;
        else if (next === "long") said += trial.say("x".repeat(UNSAVED_LENGTH_MAX / 3)) && 1;
        else if (next === "save") trial.recorder.save();
        else if (next === "ring" && trial.timerMs !== null) trial.ring();
        else if (next === "fail") trial.error = FULL;
        else if (next === "work") trial.error = null;
      }
      trial.error = null;
      if (trial.timerMs !== null) trial.ring();
      trial.recorder.save();
      const ids = trial.stored.map(({ id }) => id);
      assertEquals(ids, [...new Set(ids)].sort((a, b) => a - b), "none twice, all in order");
      const lost = trial.told.reduce(
        (sum, line) => sum + Number(/^recovery, (\d+) lost$/.exec(line)?.[1] ?? 0),
        0,
      );
      assertEquals(ids.length + lost, said);
      // Trouble and recovery take turns, trouble first.
      for (const [index, line] of trial.told.entries()) {
        assert(line.startsWith(index % 2 === 0 ? "trouble" : "recovery"), trial.told.join("; "));
      }
      assertEquals(trial.told.length % 2, 0);
      assertEquals([trial.recorder.lastId, trial.timerMs], [7 + said, null]);
    }),
    { numRuns: 300 },
  );
});
