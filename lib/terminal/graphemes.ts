/**
 * What a reader takes for one character, and how many columns it takes.
 *
 * A letter with its accents, a flag, a family of emoji joined into one: each is
 * one grapheme (Unicode UAX #29) and is never cut. Printable ASCII, which most
 * text is, takes no look at Unicode's tables.
 * Pure. Must not know: what a text is for.
 *
 * @module
 */

import stringWidth from "string-width";
import { CLIENT_WIDTHS_KEPT } from "../limits.ts";

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/**
 * Besides that, what Chinese, Japanese and Korean are mostly written in: kana,
 * ideographs, syllables and their punctuation. Each is one code unit, and in such a
 * text one grapheme; all but ASCII are wide.
 */
const PLAIN_WIDE =
  /^[\x20-\x7e\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*$/;
const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Widths of graphemes that have been asked for: measuring one takes two microseconds. */
const WIDTHS = new Map<string, number>();
/** Code units of the longest that are remembered: a family of four has 11. */
const GRAPHEME_LENGTH_KEPT_MAX = 16;

/** What a reader takes for one character. */
export interface Grapheme {
  /** Its code units. */
  readonly text: string;
  /** Columns in a terminal: 0, 1 or 2, and rarely more. */
  readonly width: number;
}

/** Whether a text is printable ASCII alone: one code unit, one grapheme and one column each. */
export function isPrintableAscii(text: string): boolean {
  return PRINTABLE_ASCII.test(text);
}

/**
 * The columns that a clean text takes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { textWidth } from "./graphemes.ts";
 *
 * assertEquals(textWidth("cafe\u{301}"), 4);
 * assertEquals(textWidth("\u{65e5}\u{672c}"), 4);
 * ```
 *
 * @param text Clean (see `text.ts`): what controls a terminal has no width.
 */
export function textWidth(text: string): number {
  if (isPrintableAscii(text)) return text.length;
  let width = 0;
  for (const grapheme of graphemesOf(text)) width += grapheme.width;
  return width;
}

/**
 * A clean text's graphemes, in order; joined they are the text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { graphemesOf } from "./graphemes.ts";
 *
 * assertEquals([...graphemesOf("e\u{301}\u{1f600}")], [
 *   { text: "e\u{301}", width: 1 },
 *   { text: "\u{1f600}", width: 2 },
 * ]);
 * ```
 */
export function* graphemesOf(text: string): Generator<Grapheme, void, undefined> {
  if (PLAIN_WIDE.test(text)) {
    for (const char of text) yield { text: char, width: char <= "~" ? 1 : 2 };
    return;
  }
  for (const { segment } of SEGMENTER.segment(text)) {
    yield { text: segment, width: widthOf(segment) };
  }
}

function widthOf(segment: string): number {
  if (segment.length === 1 && segment >= " " && segment <= "~") return 1;
  const known = WIDTHS.get(segment);
  if (known !== undefined) return known;
  const width = stringWidth(segment);
  // A letter under a thousand accents is one grapheme, too, and no text of anybody's.
  if (segment.length > GRAPHEME_LENGTH_KEPT_MAX) return width;
  if (WIDTHS.size >= CLIENT_WIDTHS_KEPT) WIDTHS.clear();
  WIDTHS.set(segment, width);
  return width;
}

/** The longest beginning of a clean text that takes no more than so many columns. */
export function cutToWidth(text: string, columns: number): string {
  if (isPrintableAscii(text)) return text.slice(0, Math.max(0, columns));
  let length = 0;
  let left = columns;
  for (const grapheme of graphemesOf(text)) {
    left -= grapheme.width;
    if (left < 0) break;
    length += grapheme.text.length;
  }
  return text.slice(0, length);
}
