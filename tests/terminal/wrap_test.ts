// Wrapping: no row too wide, nothing lost but the spaces at breaks, words and graphemes kept whole.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import stringWidth from "string-width";
import { lineWidth, plainLine, type StyledLine, textOf } from "../../lib/terminal/styled.ts";
import { wrapLine } from "../../lib/terminal/wrap.ts";
import { cleanText } from "../../lib/text.ts";
import { LINES } from "./styled_texts.ts";

const OPTIONS = fc.record({ columns: fc.integer({ min: 2, max: 60 }), indent: fc.nat(70) });

function wrapText(text: string, columns: number, indent = 0): string[] {
  return wrapLine(plainLine(text), { columns, indent }).map(textOf);
}

Deno.test("no row is wider than asked, by its spans and as a whole", () => {
  fc.assert(fc.property(LINES, OPTIONS, (line, options) => {
    for (const row of wrapLine(line, options)) {
      assert(lineWidth(row) <= options.columns);
      assert(stringWidth(textOf(row)) <= options.columns);
    }
  }));
});

Deno.test("rows joined are the cleaned line, but for spaces", () => {
  const unspaced = (text: string): string => text.replaceAll(" ", "");
  fc.assert(fc.property(LINES, OPTIONS, (line, options) => {
    const rows = wrapLine(line, options);
    assertEquals(
      unspaced(rows.map(textOf).join("")),
      unspaced(line.map(({ text }) => cleanText(text)).join("")),
    );
  }));
});

Deno.test("no control character comes out", () => {
  fc.assert(fc.property(LINES, OPTIONS, (line, options) => {
    for (const row of wrapLine(line, options)) assert(!/\p{Cc}/u.test(textOf(row)));
  }));
});

Deno.test("wrapping again changes nothing", () => {
  fc.assert(fc.property(LINES, fc.integer({ min: 2, max: 60 }), (line, columns) => {
    for (const row of wrapLine(line, { columns })) {
      assertEquals(wrapLine(row, { columns }).map(textOf), [textOf(row)]);
    }
  }));
});

Deno.test("lines break at spaces, and the spaces are gone there", () => {
  assertEquals(wrapText("the quick brown fox", 10), ["the quick", "brown fox"]);
  assertEquals(wrapText("the quick     brown fox", 10), ["the quick", "brown fox"]);
  assertEquals(wrapText("ab cd", 4), ["ab", "cd"]);
  assertEquals(wrapText("abcd efgh", 4), ["abcd", "efgh"]);
  assertEquals(wrapText("abcd    ", 4), ["abcd"]);
  assertEquals(wrapText("", 4), [""]);
});

Deno.test("leading spaces stay: code that was pasted keeps its indentation", () => {
  assertEquals(wrapText("    return 1;", 10), ["    return", "1;"]);
});

Deno.test("a word that fits a row is kept whole, a longer one fills the row and is cut", () => {
  assertEquals(wrapText("see https://a.example/b", 22), ["see", "https://a.example/b"]);
  assertEquals(wrapText("see https://a.example/b", 12), ["see https://", "a.example/b"]);
});

Deno.test("rows after the first are indented, by half of the width at most", () => {
  assertEquals(wrapText("ann: one two three", 10, 5), ["ann: one", "     two", "     three"]);
  assertEquals(wrapText("ann: one two", 6, 5), ["ann:", "   one", "   two"]);
});

Deno.test("wide characters break anywhere, but not before a full stop nor behind a bracket", () => {
  const text = "\u{65e5}\u{672c}\u{8a9e}\u{3002}\u{300c}\u{8a9e}\u{300d}";
  assertEquals(wrapText(text, 6), [
    "\u{65e5}\u{672c}",
    "\u{8a9e}\u{3002}",
    "\u{300c}\u{8a9e}\u{300d}",
  ]);
  // The half that is left over at the edge stays empty.
  assertEquals(wrapText("\u{65e5}\u{672c}\u{8a9e}", 5), ["\u{65e5}\u{672c}", "\u{8a9e}"]);
});

Deno.test("a joined emoji and a letter with its accents are never cut", () => {
  const family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}";
  assertEquals(wrapText(family.repeat(3), 4), [family.repeat(2), family]);
  assertEquals(wrapText("e\u{301}".repeat(5), 3), ["e\u{301}".repeat(3), "e\u{301}".repeat(2)]);
});

Deno.test("a grapheme that is too wide for any row is taken apart", () => {
  // One letter with many halfwidth voicing marks, each of which takes a column.
  assertEquals(wrapText(`\u{4e00}${"\u{ff9e}".repeat(4)}`, 4), [
    "\u{4e00}",
    "\u{ff9e}".repeat(4),
  ]);
});

Deno.test("roles stay with their text", () => {
  const line: StyledLine = [
    { text: "ann ", role: "name1" },
    { text: "hello ", role: "text" },
    { text: "bob", role: "mention" },
  ];
  assertEquals(wrapLine(line, { columns: 6, indent: 1 }), [
    [{ text: "ann", role: "name1" }],
    [{ text: " ", role: "text" }, { text: "hello", role: "text" }],
    [{ text: " ", role: "text" }, { text: "bob", role: "mention" }],
  ]);
});
