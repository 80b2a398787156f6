// The scrollback: it shows what it should, what is read stays where it is, and a frame looks at
// little, however much there is.

import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import type { Entry } from "../../lib/client/entry.ts";
import { blockEnd, dividersAbove, type RoomEntries } from "../../lib/terminal/entry_blocks.ts";
import { EntryLines } from "../../lib/terminal/entry_lines.ts";
import { Scrollback, type ScrollFrame } from "../../lib/terminal/scrollback.ts";
import { lineWidth, textOf } from "../../lib/terminal/styled.ts";
import { entryOf, messages, NOON_MS, presenceOf } from "./entries.ts";

const SIZE = { rows: 5, columns: 50 };
const DAY_ROW = "-- Sunday, 22 November 2026 --";

/** A scrollback and the room that it shows. */
class Trial {
  entries: Entry[];
  firstUnreadKey: number | null = null;
  size = SIZE;
  readonly lines = new EntryLines();
  readonly scrollback = new Scrollback(this.lines);

  constructor(entries: readonly Entry[]) {
    this.entries = [...entries];
  }

  frame(): ScrollFrame {
    this.lines.setView({ columns: this.size.columns, ownName: "kim" });
    return this.scrollback.frame(this, this.size);
  }

  /** The texts on the screen, without the time. */
  shown(): string[] {
    return this.frame().rows.map((row) => textOf(row).replace(/^\d\d:\d\d /, ""));
  }

  pageUp(): void {
    this.frame();
    this.scrollback.pageUp(this, this.size);
  }

  pageDown(): void {
    this.frame();
    this.scrollback.pageDown(this, this.size);
  }

  append(...entries: Entry[]): void {
    this.entries = [...this.entries, ...entries];
  }

  prepend(...entries: Entry[]): void {
    this.entries = [...entries, ...this.entries];
  }
}

/** What messages with these keys look like. */
function said(...keys: number[]): string[] {
  return keys.map((key) => `ann: message ${key}`);
}

/** Every row that a room has, from the first to the last. */
function allRows(room: RoomEntries, columns: number): string[] {
  const lines = new EntryLines();
  lines.setView({ columns, ownName: "kim" });
  const rows: string[] = [];
  for (let start = 0; start < room.entries.length; start = blockEnd(room, start)) {
    const block = room.entries.slice(start, blockEnd(room, start));
    rows.push(...[...dividersAbove(room, start, columns), ...lines.rowsOf(block)].map(textOf));
  }
  return rows;
}

Deno.test("too little to fill the screen stands at its bottom", () => {
  const trial = new Trial(messages(1, 2));
  assertEquals(trial.shown(), ["", "", DAY_ROW, ...said(1, 2)]);
  trial.pageUp();
  assertEquals(trial.shown(), ["", "", DAY_ROW, ...said(1, 2)]);
  assert(trial.frame().isAtEnd);
  assertEquals(new Trial([]).shown(), ["", "", "", "", ""]);
});

Deno.test("at the end it follows what comes", () => {
  const trial = new Trial(messages(1, 20));
  assertEquals(trial.shown(), said(16, 17, 18, 19, 20));
  trial.append(...messages(21, 2));
  assertEquals(trial.shown(), said(18, 19, 20, 21, 22));
  assertEquals(trial.frame().newBelow, 0);
});

Deno.test("a page up and a page down are a screen less two rows", () => {
  const trial = new Trial(messages(1, 20));
  trial.pageUp();
  assertEquals(trial.shown(), said(13, 14, 15, 16, 17));
  trial.pageUp();
  assertEquals(trial.shown(), said(10, 11, 12, 13, 14));
  trial.pageDown();
  assertEquals(trial.shown(), said(13, 14, 15, 16, 17));
  assert(!trial.frame().isAtEnd);
  trial.pageDown();
  assertEquals(trial.shown(), said(16, 17, 18, 19, 20));
  assert(trial.frame().isAtEnd);
});

Deno.test("the top is the first entry with its day, and no page goes beyond", () => {
  const trial = new Trial(messages(1, 20));
  trial.frame();
  trial.scrollback.top(trial, SIZE);
  assertEquals(trial.shown(), [DAY_ROW, ...said(1, 2, 3, 4)]);
  trial.pageUp();
  assertEquals(trial.shown(), [DAY_ROW, ...said(1, 2, 3, 4)]);
  trial.scrollback.bottom();
  assertEquals(trial.shown(), said(16, 17, 18, 19, 20));
});

Deno.test("what is read stays where it is while lines come and older ones are added", () => {
  const trial = new Trial(messages(1_000, 20));
  trial.pageUp();
  trial.pageUp();
  const read = trial.shown();
  trial.append(...messages(2_000, 500));
  assertEquals(trial.shown(), read);
  trial.prepend(...messages(5_000, 200));
  assertEquals(trial.shown(), read);
  trial.entries = trial.entries.slice(150);
  assertEquals(trial.shown(), read);
  trial.entries = trial.entries.map((entry) => ({ ...entry }));
  assertEquals(trial.shown(), read);
});

Deno.test("what is read stays where it is though older lines take its day's row away", () => {
  const trial = new Trial(messages(1_000, 20));
  trial.frame();
  trial.scrollback.top(trial, SIZE);
  trial.pageDown();
  const read = trial.shown();
  assertEquals(read, said(1_002, 1_003, 1_004, 1_005, 1_006));
  trial.prepend(...messages(5_000, 10));
  assertEquals(trial.shown(), read);
});

Deno.test("when what is read is given up, the oldest that is left is shown", () => {
  const trial = new Trial(messages(1, 20));
  trial.frame();
  trial.scrollback.top(trial, SIZE);
  trial.entries = trial.entries.slice(10);
  assertEquals(trial.shown(), [DAY_ROW, ...said(11, 12, 13, 14)]);
});

Deno.test("messages of others that came since are counted until they are seen", () => {
  const trial = new Trial(messages(1, 20));
  trial.pageUp();
  assertEquals(trial.frame().newBelow, 0);
  trial.append(presenceOf(21, "joined", "eve"), entryOf({ key: 22, isOwn: true }));
  trial.append(...messages(23, 3));
  assertEquals(trial.frame().newBelow, 3);
  assertEquals(trial.frame().newBelow, 3);
  trial.pageDown();
  trial.pageDown();
  assertEquals(trial.frame().newBelow, 2);
  trial.pageDown();
  assertEquals(trial.frame().newBelow, 0);
  assert(trial.frame().isAtEnd);
});

Deno.test("older lines are wanted when less than a screen is left above", () => {
  const trial = new Trial(messages(1, 20));
  assert(!trial.frame().needsOlder);
  trial.pageUp();
  trial.pageUp();
  trial.pageUp();
  assert(!trial.frame().needsOlder);
  trial.pageUp();
  assert(trial.frame().needsOlder);
  trial.prepend(...messages(100, 50));
  assert(!trial.frame().needsOlder);
  assert(new Trial(messages(1, 2)).frame().needsOlder);
});

Deno.test("a jump shows an entry below the top and has it stand out until the end", () => {
  const trial = new Trial(messages(1, 20));
  trial.frame();
  assert(trial.scrollback.jumpTo(trial, SIZE, 10));
  assertEquals(trial.shown(), said(9, 10, 11, 12, 13));
  const lit = trial.frame().rows.filter((row) => row.some(({ role }) => role === "match"));
  assertEquals(lit.map(textOf), ["12:00 ann: message 10"]);
  assert(!trial.scrollback.jumpTo(trial, SIZE, 4711));
  trial.scrollback.bottom();
  assert(trial.frame().rows.every((row) => row.every(({ role }) => role !== "match")));
});

Deno.test("a jump to what is on the last screen shows that, and has it stand out", () => {
  const trial = new Trial(messages(1, 20));
  trial.frame();
  assert(trial.scrollback.jumpTo(trial, SIZE, 19));
  assertEquals(trial.shown(), said(16, 17, 18, 19, 20));
  assert(trial.frame().rows[3]?.some(({ role }) => role === "match"));
  assert(trial.frame().isAtEnd);
});

Deno.test("a new day has its row, and so has where the unread begins", () => {
  const trial = new Trial([
    ...messages(1, 2),
    entryOf({ key: 3, atMs: NOON_MS + 86_400_000 }),
    entryOf({ key: 4, atMs: NOON_MS + 86_400_000 }),
  ]);
  trial.size = { rows: 7, columns: 50 };
  trial.firstUnreadKey = 4;
  assertEquals(trial.shown(), [
    DAY_ROW,
    ...said(1, 2),
    "-- Monday, 23 November 2026 --",
    ...said(3),
    "-- new messages --",
    ...said(4),
  ]);
  trial.size = { rows: 7, columns: 20 };
  assertEquals(trial.shown()[0], "-- 22 Nov --");
});

Deno.test("what was found on another day does not begin one", () => {
  const trial = new Trial([
    entryOf({ key: 1 }),
    entryOf({ key: 2, kind: "found", foundKind: "message", atMs: NOON_MS - 10 * 86_400_000 }),
    entryOf({ key: 3 }),
  ]);
  assertEquals(trial.shown().filter((row) => row.startsWith("--")), [DAY_ROW]);
});

Deno.test("who came and went is one row, and somebody sent out another", () => {
  const trial = new Trial([
    presenceOf(1, "joined", "ann"),
    presenceOf(2, "joined", "bob"),
    entryOf({
      key: 3,
      kind: "presence",
      text: "bob was removed from #lobby by ann.",
      presence: { change: "sent-out", names: ["bob"], more: 0 },
    }),
    presenceOf(4, "left", "ann"),
  ]);
  assertEquals(trial.shown(), [
    "",
    DAY_ROW,
    "-- ann and bob joined.",
    "-- bob was removed from #lobby by ann.",
    "-- ann left.",
  ]);
});

Deno.test("a frame looks at few of those who come and go in thousands", () => {
  const trial = new Trial(
    Array.from({ length: 5_000 }, (_, key) => presenceOf(2 * key, "joined", `guest${key}`)),
  );
  let looks = 0;
  const counting = new Proxy(trial.entries, {
    get(target, property): unknown {
      if (typeof property === "string" && /^\d+$/.test(property)) looks++;
      return Reflect.get(target, property);
    },
  });
  trial.lines.setView({ columns: 50, ownName: null });
  trial.scrollback.frame({ entries: counting, firstUnreadKey: null }, SIZE);
  assertLess(looks, 5_000);
});

Deno.test("a frame looks at as many of 100,000 entries as of 1,000", () => {
  const looksAt = (count: number): number => {
    const trial = new Trial(messages(1, count));
    trial.pageUp();
    trial.frame();
    let looks = 0;
    const counting = new Proxy(trial.entries, {
      get(target, property): unknown {
        if (typeof property === "string" && /^\d+$/.test(property)) looks++;
        return Reflect.get(target, property);
      },
    });
    trial.scrollback.frame({ entries: counting, firstUnreadKey: null }, SIZE);
    return looks;
  };
  assertEquals(looksAt(100_000), looksAt(1_000));
});

const ENTRIES = fc.array(
  fc.record({
    isPresence: fc.boolean(),
    words: fc.nat(30),
    days: fc.constantFrom(0, 0, 0, 0, 1),
  }),
  { maxLength: 60 },
).map((drafts) => {
  let atMs = NOON_MS;
  return drafts.map(({ isPresence, words, days }, index): Entry => {
    atMs += days * 86_400_000;
    const entry = isPresence
      ? presenceOf(index + 1, index % 3 === 0 ? "left" : "joined", `guest${index % 4}`)
      : entryOf({ key: index + 1, text: "word ".repeat(words).trim() || "word" });
    return { ...entry, atMs };
  });
});

Deno.test("a frame is a stretch of all rows, as tall and wide as the screen, wherever one goes", () => {
  const steps = fc.array(
    fc.oneof(
      fc.constantFrom("up", "down", "top", "bottom"),
      fc.record({
        rows: fc.integer({ min: 1, max: 12 }),
        columns: fc.integer({ min: 8, max: 90 }),
      }),
      fc.nat(60),
    ),
    { maxLength: 20 },
  );
  fc.assert(fc.property(ENTRIES, fc.option(fc.nat(60)), steps, (entries, unread, moves) => {
    const trial = new Trial(entries);
    trial.firstUnreadKey = unread;
    for (const move of moves) {
      if (move === "up") trial.pageUp();
      else if (move === "down") trial.pageDown();
      else if (move === "top") trial.scrollback.top(trial, trial.size);
      else if (move === "bottom") trial.scrollback.bottom();
      else if (typeof move === "object") trial.size = move;
      else if (typeof move === "number") trial.scrollback.jumpTo(trial, trial.size, move);
      const { rows, isAtEnd } = trial.frame();
      assertEquals(rows.length, trial.size.rows);
      assert(rows.every((row) => lineWidth(row) <= trial.size.columns));
      const shown = rows.map(textOf);
      const all = [
        ...Array.from({ length: trial.size.rows }, () => ""),
        ...allRows(trial, trial.size.columns),
      ];
      const isThere = all.some((_, at) => shown.every((text, row) => all[at + row] === text));
      assert(isThere, `${JSON.stringify(shown)} is no part of ${JSON.stringify(all)}`);
      if (isAtEnd) assertEquals(shown, all.slice(-trial.size.rows));
    }
  }));
});

Deno.test("every row is seen on the way up, and again on the way down", () => {
  fc.assert(fc.property(ENTRIES, fc.integer({ min: 3, max: 9 }), (entries, rows) => {
    const trial = new Trial(entries);
    trial.size = { rows, columns: 40 };
    const all = allRows(trial, 40);
    const seen = [trial.frame().rows.map(textOf)];
    for (let page = 0; page <= all.length; page++) {
      trial.pageUp();
      seen.push(trial.frame().rows.map(textOf));
    }
    for (const text of all) assert(seen.some((shown) => shown.includes(text)));
    if (all.length > 0) assertEquals(seen.at(-1)?.find((text) => text !== ""), all[0]);
    for (let page = 0; page <= all.length; page++) trial.pageDown();
    assert(trial.frame().isAtEnd);
  }));
});
