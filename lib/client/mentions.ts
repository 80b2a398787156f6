/**
 * Whether a text names somebody.
 *
 * Pure. Must not know: who speaks, where it is shown.
 *
 * @module
 */

/** What a name is made of, but for what may also end a sentence. */
const INSIDE = String.raw`[\p{L}\p{M}\p{N}_]`;

/**
 * A name as messages contain it: as a whole word, in whatever case.
 *
 * A dot or a dash belongs to a name only between letters, so that `ann.` at the
 * end of a sentence is Ann, and `ann-marie` somebody else.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nameMatcher } from "./mentions.ts";
 *
 * const ann = nameMatcher("ann");
 * assertEquals(["Ann: hi", "so did ann.", "@ann?"].map((text) => ann.test(text)), [true, true, true]);
 * assertEquals(["Anna", "ann-marie", "joann"].map((text) => ann.test(text)), [false, false, false]);
 * ```
 *
 * @param name Not empty.
 * @returns A pattern without state: it may be used again and again.
 */
export function nameMatcher(name: string): RegExp {
  const literal = name.normalize("NFC").replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  return new RegExp(
    `(?<!${INSIDE}|${INSIDE}[.-])${literal}(?!${INSIDE}|[.-]${INSIDE})`,
    "iu",
  );
}

/**
 * Two names are one where this is equal: the server knows more of it, and this is enough to
 * find who has just been named.
 */
export function foldName(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
