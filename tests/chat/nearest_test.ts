// What somebody probably meant: a table, and that it never suggests what is no
// word, or takes long over what nobody could have meant.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { findNearest } from "../../lib/chat/nearest.ts";

const COMMANDS = ["help", "nick", "who", "me", "msg", "reply", "ping", "quit"];

Deno.test("findNearest() knows what is nearly typed right, and what is only begun", () => {
  const cases: readonly (readonly [typed: string, word: string | null])[] = [
    ["hlep", "help"],
    ["HELP", "help"],
    ["he", "help"],
    ["p", "ping"],
    ["m", "me"],
    ["mgs", "msg"],
    ["qiut", "quit"],
    ["replay", "reply"],
    ["xyzzy", null],
    ["helphelp", null],
    ["", null],
    ["w".repeat(51), null],
  ];
  for (const [typed, word] of cases) assertEquals(findNearest(typed, COMMANDS), word, typed);
  assertEquals(findNearest("ann", []), null);
  assertEquals(findNearest("an", ["Bob", "Ann"]), "Ann");
  assertEquals(findNearest("\u{1f600}", ["\u{1f601}", "ann"]), "\u{1f601}");
});

Deno.test("findNearest() gives one of the words or none, and a word for itself", () => {
  const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 24 });
  fc.assert(fc.property(word, fc.array(word, { maxLength: 20 }), (typed, words) => {
    const nearest = findNearest(typed, words);
    assert(nearest === null || words.includes(nearest));
    if (words.includes(typed) && typed.length <= 50) assert(nearest !== null);
  }));
});
