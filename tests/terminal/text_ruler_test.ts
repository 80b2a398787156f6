// Where a text ends in a terminal: a table, and that remembering changes nothing.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TextRuler } from "../../lib/terminal/text_ruler.ts";

const CASES: readonly [text: string, columns: number, rows: number, cols: number][] = [
  ["", 10, 0, 0],
  ["hello", 10, 0, 5],
  ["hellohello", 10, 1, 0],
  ["hellohello!", 10, 1, 1],
  ["\x1b[1mkim\x1b[0m> ", 10, 0, 5],
  ["\u65e5\u672c\u8a9e", 10, 0, 6],
  ["\u65e5\u672c\u8a9e", 5, 1, 2],
  ["a\tb", 20, 0, 9],
  ["e\u0301", 10, 0, 1],
  ["\u{1f600}", 10, 0, 2],
  ["unknown width", 0, 0, 13],
];

Deno.test("TextRuler.measure() counts rows and columns", async (t) => {
  for (const [text, columns, rows, cols] of CASES) {
    await t.step(`${JSON.stringify(text)} at ${columns}`, () => {
      assertEquals(new TextRuler().measure(text, columns), { rows, cols });
    });
  }
});

Deno.test("TextRuler.measure() measures the same whatever it measured before", () => {
  const ruler = new TextRuler();
  const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "\u65e5", "\t", "\u{1f600}") }));
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 9 }), (texts, columns) => {
      for (const text of [...texts, texts.join(""), texts.join("").slice(0, 5)]) {
        assertEquals(ruler.measure(text, columns), new TextRuler().measure(text, columns));
      }
    }),
  );
});
