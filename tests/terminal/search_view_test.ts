// The list of what was found: moving through it, and what is shown of each hit.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { HistoryLine } from "../../lib/events.ts";
import { SearchView } from "../../lib/terminal/search_view.ts";
import { lineWidth, textOf } from "../../lib/terminal/styled.ts";
import { NOON_MS } from "./entries.ts";
import { TEXTS } from "./styled_texts.ts";

function hitOf(id: number, text: string, kind: HistoryLine["kind"] = "message"): HistoryLine {
  return { id, atMs: NOON_MS, room: "#dev", kind, from: "ann", text };
}

function texts(view: SearchView, columns: number, rows: number): string[] {
  return view.rows({ columns, rows }).map((line) => textOf(line).trimEnd());
}

/** The text of the chosen row. */
function chosen(view: SearchView, rows: number): string[] {
  return view.rows({ columns: 60, rows })
    .filter((line) => line.some(({ role }) => role === "selection"))
    .map((line) => textOf(line).trimEnd());
}

Deno.test("hits stand below a heading, with when and where they were said", () => {
  const view = new SearchView([hitOf(2, "we deploy"), hitOf(1, "waves", "action")], "deploy");
  assertEquals(texts(view, 60, 4), [
    "-- 2 found: Enter shows, Escape back --",
    "2026-11-22 12:00 #dev ann: we deploy",
    "2026-11-22 12:00 #dev * ann waves",
    "",
  ]);
  assertEquals(texts(view, 40, 4)[1], "12:00 #dev ann: we deploy");
  assertEquals(
    texts(view, 80, 4)[0],
    "-- 2 found, newest first: Enter shows where it was said, Escape goes back --",
  );
  const full = new SearchView(Array.from({ length: 20 }, (_, id) => hitOf(id, "we deploy")), "");
  assertEquals(
    texts(full, 90, 4)[0],
    "-- the last 20, newest first: Enter shows where it was said, Escape goes back --",
  );
  assertEquals(texts(new SearchView([], "x"), 60, 2), [
    "-- Nothing found. Escape goes back. --",
    "",
  ]);
});

Deno.test("the newest hit is chosen first, and the keys stop at the ends", () => {
  const view = new SearchView([hitOf(3, "c"), hitOf(2, "b"), hitOf(1, "a")], "");
  view.move(-1);
  assertEquals(view.selected?.id, 3);
  view.move(1);
  assertEquals(view.selected?.id, 2);
  view.move(10);
  assertEquals(view.selected?.id, 1);
  assertEquals(new SearchView([], "").selected, undefined);
});

Deno.test("the chosen hit is always on the screen", () => {
  const hits = Array.from({ length: 20 }, (_, index) => hitOf(index, `hit ${index}`));
  const view = new SearchView(hits, "");
  for (const step of [1, 1, 1, 5, -3, 20, -1, -20]) {
    view.move(step);
    assertEquals(chosen(view, 4), [`2026-11-22 12:00 #dev ann: hit ${view.selected?.id}`]);
  }
});

Deno.test("what was searched for stands out, and is not cut off", () => {
  const long = `${"word ".repeat(20)}deploy tomorrow`;
  const view = new SearchView([hitOf(1, long)], "dep* from:ann");
  const row = view.rows({ columns: 60, rows: 2 })[1] ?? [];
  assertEquals(row.filter(({ role }) => role === "match").map(({ text }) => text), ["dep"]);
  assert(textOf(row).startsWith("2026-11-22 12:00 #dev ann: ...d word word deploy tomorrow"));
});

Deno.test("rows fit the screen, whatever was found", () => {
  const hits = fc.array(
    fc.record({ text: TEXTS, kind: fc.constantFrom<HistoryLine["kind"]>("message", "topic") }),
    { maxLength: 10 },
  );
  const size = fc.record({
    columns: fc.integer({ min: 20, max: 120 }),
    rows: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(fc.property(hits, TEXTS, size, fc.nat(12), (drafts, query, screen, steps) => {
    const view = new SearchView(drafts.map(({ text, kind }, id) => hitOf(id, text, kind)), query);
    view.move(steps);
    const rows = view.rows(screen);
    assertEquals(rows.length, screen.rows);
    for (const row of rows) assert(lineWidth(row) <= screen.columns);
  }));
});
