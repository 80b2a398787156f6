// The layout: every part has its place, at every size.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  composeScreen,
  planScreen,
  type Screen,
  type ScreenParts,
  type ScreenPlan,
  tooSmallScreen,
} from "../../lib/terminal/layout.ts";
import { lineWidth, plainLine, textOf } from "../../lib/terminal/styled.ts";

const PEOPLE = ["ann", "bob", "\u{65e5}\u{672c}"].map((name) => ({
  name,
  isOperator: name === "ann",
}));

function partsOf(plan: ScreenPlan, data: Partial<ScreenParts> = {}): ScreenParts {
  return {
    title: { room: "#lobby", topic: "", people: 3 },
    messages: Array.from({ length: plan.messages.rows }, (_, row) => plainLine(`row ${row}`)),
    people: PEOPLE,
    ownName: "bob",
    peopleMore: 0,
    status: {
      rooms: [{ name: "#lobby", unread: 0, mentions: 0, isCurrent: true }],
      connection: { kind: "online", latencyMs: 3 },
      nowMs: 0,
      newBelow: 0,
      isScrolled: false,
      isFetching: false,
      waiting: 0,
    },
    input: {
      lines: Array.from({ length: plan.inputRows }, () => plainLine("> hello", "input")),
      cursor: { row: plan.inputRows - 1, column: 7 },
    },
    ...data,
  };
}

function compose(columns: number, rows: number, data: Partial<ScreenParts> = {}): Screen {
  const plan = planScreen({ columns, rows }, data.input?.lines.length ?? 1);
  assert(plan !== null);
  return composeScreen(plan, partsOf(plan, data));
}

function show(columns: number, rows: number, data: Partial<ScreenParts> = {}): string[] {
  return compose(columns, rows, data).lines.map((line) => textOf(line).trimEnd());
}

Deno.test("the smallest screen has all that is needed", () => {
  assertEquals(show(20, 5), [
    "#lobby        3 here",
    "row 0",
    "row 1",
    "1:#lobby        3 ms",
    "> hello",
  ]);
  assertEquals(compose(20, 5).cursor, { row: 4, column: 7 });
});

Deno.test("from 100 columns on, who is here stands beside what is said", () => {
  assertEquals(show(99, 6)[1], "row 0");
  assertEquals(show(100, 7).slice(1, 5), [
    `${"row 0".padEnd(80)} @ann`,
    `${"row 1".padEnd(80)}  bob`,
    `${"row 2".padEnd(80)}  \u{65e5}\u{672c}`,
    "row 3",
  ]);
});

Deno.test("who has no row is counted", () => {
  assertEquals(show(100, 5, { peopleMore: 4 }).slice(1, 3), [
    `${"row 0".padEnd(80)} @ann`,
    `${"row 1".padEnd(80)}  6 more`,
  ]);
  assertEquals(show(100, 7, { peopleMore: 4 })[4], `${"row 3".padEnd(80)}  4 more`);
});

Deno.test("what is being typed has a third of the rows at the most", () => {
  const lines = Array.from({ length: 9 }, (_, row) => plainLine(`typed ${row}`));
  const screen = show(40, 12, { input: { lines, cursor: { row: 3, column: 0 } } });
  assertEquals(screen.slice(-4), ["typed 0", "typed 1", "typed 2", "typed 3"]);
  assertEquals(screen.slice(1, 7), ["row 0", "row 1", "row 2", "row 3", "row 4", "row 5"]);
});

Deno.test("a screen that is too small says so", () => {
  assertEquals(planScreen({ columns: 19, rows: 40 }, 1), null);
  assertEquals(planScreen({ columns: 80, rows: 4 }, 1), null);
  assertEquals(tooSmallScreen({ columns: 40, rows: 3 }).lines.map(textOf), [
    "Too small: 20x5 is needed.",
    "",
    "",
  ]);
  assertEquals(textOf(tooSmallScreen({ columns: 10, rows: 1 }).lines[0] ?? []), "Too sma...");
});

Deno.test("every frame has as many rows as the screen, and none is wider", () => {
  const sizes = fc.record({
    columns: fc.integer({ min: 1, max: 220 }),
    rows: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(fc.property(sizes, fc.integer({ min: 1, max: 30 }), fc.nat(50), (size, typed, more) => {
    const plan = planScreen(size, typed);
    const screen = plan === null
      ? tooSmallScreen(size)
      : composeScreen(plan, partsOf(plan, { peopleMore: more }));
    assertEquals(screen.lines.length, size.rows);
    for (const line of screen.lines) assert(lineWidth(line) <= size.columns);
    assert(screen.cursor === null || screen.cursor.row < size.rows);
  }));
});
