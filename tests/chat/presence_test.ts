// Comings and goings with a timer that runs out when a test says so: told at
// once among few, gathered among many, and always before whatever comes next.

import { assertEquals } from "@std/assert";
import { Presence } from "../../lib/chat/presence.ts";
import type { ChatEvent } from "../../lib/events.ts";
import {
  NAMES_LISTED_MAX,
  PRESENCE_AT_ONCE_USERS_MAX,
  PRESENCE_MS_PER_USER,
} from "../../lib/limits.ts";

/** A room of a size that the test sets, and a timer that it runs out. */
class Trial {
  size: number;
  readonly presence: Presence;
  readonly told: string[] = [];
  timerMs: number | null = null;
  #callback: () => void = () => {};

  constructor(size: number) {
    this.size = size;
    this.presence = new Presence(
      {
        name: "#lobby",
        size: () => this.size,
        tell: (event, except) => this.told.push(describe(event, except)),
      },
      {
        start: (callback, ms) => {
          this.timerMs = ms;
          this.#callback = callback;
        },
        stop: () => {
          this.timerMs = null;
        },
      },
    );
  }

  runOut(): void {
    this.timerMs = null;
    this.#callback();
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

function describe(event: ChatEvent, except: number | null): string {
  if (event.type !== "joined" && event.type !== "left") return event.type;
  const reason = event.type === "left" ? ` ${event.reason}` : "";
  return `${event.type} ${event.who.names.join()}+${event.who.more}${reason} not ${except}`;
}

Deno.test("Presence tells each change at once among few", () => {
  const trial = new Trial(PRESENCE_AT_ONCE_USERS_MAX);
  trial.presence.joined(1, "ann");
  trial.presence.left(1, "ann", "idle");
  assertEquals(trial.take(), ["joined ann+0 not 1", "left ann+0 idle not 1"]);
  assertEquals(trial.timerMs, null);
});

Deno.test("Presence gathers changes among many, for a time that grows with them", () => {
  const trial = new Trial(1_000);
  trial.presence.joined(1, "ann");
  trial.presence.joined(2, "bob");
  assertEquals(trial.take(), []);
  assertEquals(trial.timerMs, 1_000 * PRESENCE_MS_PER_USER);
  trial.runOut();
  assertEquals(trial.take(), ["joined ann,bob+0 not null"]);
  trial.presence.left(1, "ann", "left");
  assertEquals(trial.timerMs, 1_000 * PRESENCE_MS_PER_USER);
  trial.runOut();
  assertEquals(trial.take(), ["left ann+0 left not 1"]);
});

Deno.test("Presence keeps the order of changes, and puts like ones together", () => {
  const trial = new Trial(1_000);
  trial.presence.joined(1, "ann");
  trial.presence.joined(2, "bob");
  trial.presence.left(1, "ann", "left");
  trial.presence.left(3, "eve", "left");
  trial.presence.left(4, "dan", "slow");
  trial.presence.joined(5, "ann");
  trial.presence.flush();
  assertEquals(trial.take(), [
    "joined ann,bob+0 not null",
    "left ann,eve+0 left not null",
    "left dan+0 slow not 4",
    "joined ann+0 not 5",
  ]);
  assertEquals(trial.timerMs, null);
  trial.presence.flush();
  assertEquals(trial.take(), []);
});

Deno.test("Presence names the first few, and counts the rest", () => {
  const trial = new Trial(1_000);
  for (let id = 1; id <= NAMES_LISTED_MAX + 5; id++) trial.presence.joined(id, `n${id}`);
  trial.runOut();
  const names = Array.from({ length: NAMES_LISTED_MAX }, (_, index) => `n${index + 1}`).join();
  assertEquals(trial.take(), [`joined ${names}+5 not null`]);
});

Deno.test("Presence tells what it gathered as soon as the crowd is small again", () => {
  const trial = new Trial(PRESENCE_AT_ONCE_USERS_MAX + 1);
  trial.presence.joined(1, "ann");
  trial.size--;
  trial.presence.left(2, "bob", "left");
  assertEquals(trial.take(), ["joined ann+0 not 1", "left bob+0 left not 2"]);
  assertEquals(trial.timerMs, null);
});

Deno.test("Presence tells nothing any more once it is closed", () => {
  const trial = new Trial(1_000);
  trial.presence.joined(1, "ann");
  trial.presence.close();
  assertEquals(trial.timerMs, null);
  trial.presence.left(1, "ann", "left");
  trial.presence.flush();
  trial.size = 1;
  trial.presence.joined(2, "bob");
  assertEquals(trial.take(), []);
});
