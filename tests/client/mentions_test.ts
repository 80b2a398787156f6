// Who is meant by a text, as a table and for every name.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { foldName, nameMatcher } from "../../lib/client/mentions.ts";

const CASES: readonly [name: string, text: string, isNamed: boolean][] = [
  ["ann", "ann", true],
  ["ann", "Ann: are you there?", true],
  ["ann", "so said ANN.", true],
  ["ann", "(ann)", true],
  ["ann", "ann's", true],
  ["ann", "@ann,bob", true],
  ["ann", "hi\nann", true],
  ["ann", "anna", false],
  ["ann", "joann", false],
  ["ann", "ann2", false],
  ["ann", "ann-marie", false],
  ["ann", "x.ann", false],
  ["ann", "ann_", false],
  ["a.b", "a.b is here", true],
  ["a.b", "axb is here", false],
  ["j\u00f6rg", "J\u00d6RG!", true],
  [
    "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
    true,
  ],
  ["\u65e5\u672c", "\u65e5\u672c, hi", true],
  ["\u65e5", "\u65e5\u672c", false],
];

Deno.test("nameMatcher() finds a name as a whole word in any case", async (t) => {
  for (const [name, text, isNamed] of CASES) {
    await t.step(`${name} in ${JSON.stringify(text)}`, () => {
      assertEquals(nameMatcher(name).test(text), isNamed);
    });
  }
});

Deno.test("nameMatcher() takes any name literally", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (text) => {
      const name = text.normalize("NFC");
      fc.pre(name.isWellFormed());
      assert(nameMatcher(name).test(` ${name} `));
      assertEquals(foldName(name), foldName(foldName(name)));
    }),
  );
});
