// What Tab does, as a table; and that it never takes away what was typed.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { complete } from "../../lib/terminal/completion.ts";

const SOURCES = {
  commands: ["/help", "/me", "/msg", "/nick", "/who"],
  names: ["ann", "Anna", "bob", "\u00c9mile"],
  rooms: ["#dev", "#lobby"],
};

const CASES: readonly [
  text: string,
  word: string,
  replacement: string | null,
  choices: string[],
][] = [
  ["", "", null, []],
  ["hello ", "", null, []],
  ["b", "b", "bob: ", ["bob"]],
  ["B", "B", "bob: ", ["bob"]],
  ["hello b", "b", "bob ", ["bob"]],
  ["\u00e9", "\u00e9", "\u00c9mile: ", ["\u00c9mile"]],
  ["a", "a", "ann", ["ann", "Anna"]],
  ["ANN", "ANN", null, ["ann", "Anna"]],
  ["anna", "anna", "Anna: ", ["Anna"]],
  ["x", "x", null, []],
  ["/", "/", null, ["/help", "/me", "/msg", "/nick", "/who"]],
  ["/m", "/m", null, ["/me", "/msg"]],
  ["/W", "/W", "/who ", ["/who"]],
  ["/msg ", "", null, ["ann", "Anna", "bob", "\u00c9mile"]],
  ["/msg b", "b", "bob ", ["bob"]],
  ["/join #", "#", null, ["#dev", "#lobby"]],
  ["/join #L", "#L", "#lobby ", ["#lobby"]],
  ["#d", "#d", "#dev ", ["#dev"]],
  ["/join #x", "#x", null, []],
  ["say /w", "/w", null, []],
  ["//w", "//w", null, []],
  [" b", "b", "bob ", ["bob"]],
];

Deno.test("complete() knows commands and names", async (t) => {
  for (const [text, word, replacement, choices] of CASES) {
    await t.step(JSON.stringify(text), () => {
      assertEquals(complete(text, SOURCES), { word, replacement, choices });
    });
  }
});

Deno.test("complete() only ever goes on from what was typed", () => {
  const names = fc.array(fc.string({ unit: "grapheme", minLength: 1 }));
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), names, (text, names) => {
      const { word, replacement, choices } = complete(text, {
        commands: ["/me"],
        names,
        rooms: names.map((name) => `#${name}`),
      });
      assert(text.endsWith(word) && !/\s/u.test(word));
      for (const choice of choices) assert(choice.toLowerCase().startsWith(word.toLowerCase()));
      if (replacement !== null) assert(replacement.length >= word.length || choices.length === 1);
    }),
  );
});
