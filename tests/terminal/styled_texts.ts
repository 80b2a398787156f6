/**
 * Texts for property tests of the view: every script and emoji that terminals get wrong.
 */

import fc from "fast-check";
import type { Role, StyledLine } from "../../lib/terminal/styled.ts";

/** Words, wide characters, what joins and what combines, and what must never come out. */
const PIECES: readonly string[] = [
  "a",
  "word",
  " ",
  "  ",
  "incomprehensibilities",
  "https://chat.example/rooms?id=4711",
  "e\u{301}",
  "\u{301}\u{302}",
  "\u{65e5}\u{672c}\u{8a9e}",
  "\u{3001}\u{3002}",
  "\u{300c}\u{d55c}\u{ad6d}\u{c5b4}\u{300d}",
  "\u{1100}\u{1161}\u{11a8}",
  "\u{ff76}\u{ff9e}",
  "\u{915}\u{94d}\u{937}\u{93f}",
  "\u{1f600}",
  "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}",
  "\u{1f44d}\u{1f3fd}",
  "\u{1f1e9}\u{1f1ea}",
  "\u{2764}\u{fe0f}",
  "#\u{fe0f}\u{20e3}",
  "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
  "\u{200b}",
  "\x1b[31m",
  "\x07",
  "\t",
  "\r",
  "\u{9b}2J",
];

/** A text of one line, as hostile as it gets. */
export const TEXTS: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
  ),
  { maxLength: 40 },
).map((pieces) => pieces.join("").replaceAll("\n", ""));

const ROLES: readonly Role[] = ["text", "time", "name3", "mention", "link"];

/** A line of such texts. */
export const LINES: fc.Arbitrary<StyledLine> = fc.array(
  fc.record({ text: TEXTS, role: fc.constantFrom(...ROLES) }),
  { maxLength: 4 },
);
