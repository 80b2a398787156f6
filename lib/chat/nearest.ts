/**
 * What somebody probably meant: the nearest of some words, where one is near.
 *
 * Must not know: what the words are.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * The word nearest to `typed`, or null where none is near: it begins with
 * `typed`, has its letters in another order, or differs in at most a third of them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findNearest } from "./nearest.ts";
 *
 * assertEquals(findNearest("hlep", ["help", "nick"]), "help");
 * assertEquals(findNearest("xyzzy", ["help", "nick"]), null);
 * ```
 */
export function findNearest(typed: string, words: readonly string[]): string | null {
  // Comparing costs the product of the lengths, and nobody mistypes a whole paragraph.
  if (words.length === 0 || typed.length === 0 || typed.length > 50) return null;
  const lower = typed.toLowerCase();
  const begun = words.find((word) => word.toLowerCase().startsWith(lower));
  if (begun !== undefined) return begun;
  // Letters in the wrong order are one mistake, though they would count as two.
  const letters = sortLetters(lower);
  const mixed = words.find((word) => sortLetters(word.toLowerCase()) === letters);
  if (mixed !== undefined) return mixed;
  const nearest = closestString(lower, words);
  const distance = levenshteinDistance(lower, nearest.toLowerCase());
  return distance <= Math.max(1, Math.ceil(nearest.length / 3)) ? nearest : null;
}

function sortLetters(word: string): string {
  return [...word].sort().join("");
}
