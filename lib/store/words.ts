/**
 * What is searched for, and in what: texts and typed words in the form that the
 * index takes, the same for both, in any language.
 *
 * Must not know: tables, who searches.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { nameKey } from "../chat/names.ts";
import type { SearchQuery } from "../chat/store.ts";

const PRINTABLE_ASCII_LINES = /^[\n\x20-\x7e]*$/;

/**
 * Marks that do not count: accents, Hebrew points, Arabic vowel signs, the Arabic
 * letter that only makes a word longer, what chooses another form of the character
 * before, joiners. Vowels of the Indic scripts are marks too, and count.
 */
const MARKS = new RegExp(
  "[" +
    String.raw`\u{300}-\u{36f}\u{591}-\u{5bd}\u{5bf}\u{5c1}\u{5c2}\u{5c4}\u{5c5}\u{5c7}` +
    String.raw`\u{610}-\u{61a}\u{640}\u{64b}-\u{65f}\u{670}\u{6d6}-\u{6dc}\u{6df}-\u{6e8}` +
    String.raw`\u{200c}\u{200d}\u{20e3}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}` +
    "]+",
  "gu",
);

/** A character of a script that is written without spaces, with its marks. */
const UNSPACED = new RegExp(
  "[" +
    "Han Hiragana Katakana Bopomofo Yi Thai Lao Khmer Myanmar Tibetan Tai_Le New_Tai_Lue"
      .concat(" Tai_Tham Tai_Viet Javanese Balinese")
      .split(" ").map((script) => `\\p{Script_Extensions=${script}}`).join("") +
    String.raw`]\p{M}*`,
  "gu",
);

/** What would end an expression early, or break it. */
const CONTROLS = /\p{Cc}+/gu;

/**
 * A text as it is indexed. SQLite takes letters, digits and marks in a row for a
 * word (the end of a line is none of these), and folds case. Characters of scripts without spaces are set apart here,
 * each a word of its own, so that a word in them is found as a phrase.
 */
export function indexedWords(text: string): string {
  if (PRINTABLE_ASCII_LINES.test(text)) return text;
  return text.normalize("NFKD").replace(MARKS, "").normalize("NFKC").replace(UNSPACED, " $& ");
}

/**
 * The one word that stands for a room. It begins with a character that nobody types, as
 * all that begins alike is one list, and people search for what begins with `r`.
 */
export function roomToken(roomId: number): string {
  return `\u{e000}${roomId}`;
}

/** The one word that stands for a writer's name, whatever is in it. */
export function authorToken(name: string): string {
  return tokenOfKey(nameKey(name));
}

/**
 * The expression that finds what is asked for: rooms, writer and words, but neither
 * ids nor times. A word without a letter or digit finds nothing alone, and does not
 * count beside others: SQLite has it so.
 */
export function matchExpression(query: SearchQuery, roomIds: readonly number[]): string {
  const author = query.fromKey === null ? "" : `author : ${tokenOfKey(query.fromKey)} AND `;
  const found = `room : (${roomIds.map(roomToken).join(" OR ")}) AND ${author}words : (${
    query.words.map(phrase).join(" ")
  })`;
  if (query.exceptKeys.length === 0) return found;
  return `(${found}) NOT author : (${query.exceptKeys.map(tokenOfKey).join(" OR ")})`;
}

/** A typed word, quoted: whatever is in it is text. */
function phrase(word: string): string {
  const isPrefix = word.endsWith("*");
  const text = indexedWords((isPrefix ? word.slice(0, -1) : word).replace(CONTROLS, " "));
  // An expression must have a phrase; one without any word is passed over.
  return `"${text.replaceAll('"', " ")}"${isPrefix ? " *" : ""}`;
}

function tokenOfKey(key: string): string {
  return `\u{e001}${Buffer.from(key).toString("hex")}`;
}
