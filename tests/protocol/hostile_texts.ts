/**
 * Lines and names for the properties of the protocols: what a hostile peer
 * sends, and names that the server lets people have.
 *
 * @module
 */

import fc from "fast-check";
import { checkName } from "../../lib/chat/names.ts";

/** Pieces that forge, break or hide. */
const PIECES = [
  ...["-- ", "--", "-", "* ", "*", "[private] ", "[", ": ", ":", "/", "//", "/me ", "/ping ", " "],
  ...["ann", "bob joined.", "-- ann left.", " and ", ", ", "You are now ", " is now ", "pong", "."],
  ...["\n", "\r", "\r\n", "\0", "\t", "\x07", "\x08", "\x1b", "\x1b[2J", "\x1b]0;x\x07", "\x9b1A"],
  ...["\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad"],
  ...["\ud83d", "\udc00", "\ufffd", "\ufffe", "\u{1f600}", "\u{1f468}\u200d\u{1f467}", "\u200d"],
  ...["\u00e9", "e\u0301", "\u05d0", "\u4e2d", "\u00a0", "\u3000", "\u0130", "\u1e9e", "\ufe0f"],
];

/** A line that a peer could send, decoded from any bytes. */
export const hostileLine: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 10 }).map(joinAll) },
  {
    weight: 1,
    arbitrary: fc.array(fc.nat({ max: 0x10ffff }), { maxLength: 30 })
      .map((points) => String.fromCodePoint(...points)),
  },
  {
    weight: 1,
    arbitrary: fc.array(fc.nat({ max: 0xffff }), { maxLength: 20 })
      .map((units) => String.fromCharCode(...units)),
  },
);

const LETTERS = [
  ..."abzAZ09._-",
  "and",
  "left",
  "joined",
  "others",
  "1",
  "\u00e9",
  "\u4e2d",
  "\u0431",
];

/** A name that the server gives or lets people have. */
export const userName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("ann", "guest1", "and", "left", "others", "pong", "You", "a.b", "x-", "nobody"),
  fc.array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: 8 }).map(joinAll),
).map((wanted) => {
  const check = checkName(wanted);
  return check.ok ? check.name : "bob";
});

function joinAll(pieces: readonly string[]): string {
  return pieces.join("");
}
