// What was said around a hit: pages on both sides, each asked for once, until there are no more.

import { assert, assertEquals } from "@std/assert";
import type { HistoryLine } from "../../lib/events.ts";
import { ArchiveView } from "../../lib/terminal/archive_view.ts";
import { EntryLines } from "../../lib/terminal/entry_lines.ts";
import { textOf } from "../../lib/terminal/styled.ts";
import { NOON_MS } from "./entries.ts";

const SIZE = { rows: 5, columns: 50 };

function lineOf(id: number): HistoryLine {
  return { id, atMs: NOON_MS, room: "#dev", kind: "message", from: "ann", text: `line ${id}` };
}

/** Lines with these ids, from the first to the last. */
function linesOf(first: number, last: number): HistoryLine[] {
  return Array.from({ length: last - first + 1 }, (_, index) => lineOf(first + index));
}

function viewOf(id: number): ArchiveView {
  const lines = new EntryLines();
  lines.setView({ columns: SIZE.columns, ownName: "kim" });
  return new ArchiveView(lineOf(id), { lines, ownName: "kim" });
}

function wanted(view: ArchiveView): string[] {
  return view.wanted(SIZE).map(({ args }) => args);
}

/** Adds a page that was asked for. */
function answer(view: ArchiveView, side: "before" | "after", lines: readonly HistoryLine[]): void {
  view.add(side, lines, SIZE);
  view.answered(side);
}

function shown(view: ArchiveView): string[] {
  return view.frame(SIZE).rows.map((row) => textOf(row).replace(/^\d\d:\d\d ann: /, ""));
}

Deno.test("first both sides are asked for, and the line keeps its place as they come", () => {
  const view = viewOf(50);
  assertEquals(wanted(view), ["100 before 50", "100 after 50"]);
  assertEquals(wanted(view), []);
  answer(view, "after", linesOf(51, 60));
  answer(view, "before", linesOf(40, 49));
  assertEquals(shown(view), ["line 49", "line 50", "line 51", "line 52", "line 53"]);
  assertEquals(wanted(view), []);
});

Deno.test("at an edge the next page is asked for, until none comes", () => {
  const view = viewOf(50);
  wanted(view);
  answer(view, "after", linesOf(51, 60));
  answer(view, "before", linesOf(40, 49));
  view.pageUp(SIZE);
  view.pageUp(SIZE);
  assertEquals(wanted(view), ["100 before 40"]);
  const read = shown(view);
  answer(view, "before", linesOf(20, 39));
  assertEquals(shown(view), read);
  for (let page = 0; page < 20; page++) view.pageDown(SIZE);
  assertEquals(wanted(view), ["100 after 60"]);
  // The server has none, and says so in words.
  view.answered("after");
  assertEquals(wanted(view), []);
  assertEquals(shown(view).at(-1), "line 60");
});

Deno.test("what is here already is not added again", () => {
  const view = viewOf(50);
  wanted(view);
  answer(view, "before", linesOf(45, 50));
  answer(view, "after", linesOf(50, 52));
  assertEquals(view.entries.map(({ id }) => id), [45, 46, 47, 48, 49, 50, 51, 52]);
});

Deno.test("the line stands out", () => {
  const view = viewOf(50);
  wanted(view);
  answer(view, "before", linesOf(40, 49));
  answer(view, "after", []);
  const lit = view.frame(SIZE).rows.filter((row) => row.some(({ role }) => role === "match"));
  assertEquals(lit.map(textOf), ["12:00 ann: line 50"]);
  assert(view.entries.every(({ isOwn }) => !isOwn));
});
