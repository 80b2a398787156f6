/**
 * Text that one person wrote, made safe to show to another.
 *
 * Whatever the bytes were, what comes out of {@linkcode cleanText} moves no
 * cursor, sets no colour, turns no text round and hides nothing: every code
 * point in it is visible, is a space, or shapes a visible neighbour. Nothing
 * else is taken away, so every living language and every emoji come through.
 *
 * Cost: one test for printable ASCII, linear time for anything else.
 * Must not know: lines, protocols, names, users; server and client share it.
 *
 * @module
 */

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * Control characters and the sequences they begin (ECMA-48, as terminals read
 * them). The parts, in order: a control string with its end; CSI, or only its
 * introducer when no final byte follows; any other escape sequence, or only
 * the escape; what else stands alone. A control character ends every part, so
 * no part is scanned twice and hostile input costs linear time.
 */
const CONTROLS = new RegExp(
  [
    String.raw`(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])\P{Cc}*(?:\x07|\x1b\\|\x9c)`,
    String.raw`(?:\x1b\[|\x9b)(?:[0-?]*[ -\/]*[@-~])?`,
    String.raw`\x1b(?:[ -\/]*[0-~])?`,
    String.raw`[\p{Cc}\u2028\u2029]`,
  ].join("|"),
  "gu",
);

/**
 * Runs of code points that show nothing by themselves. Bidirectional controls,
 * tags and variation selectors are among the default-ignorable ones today; they
 * are named so that a reader need not look that up.
 */
const INVISIBLES = new RegExp(
  "[" +
    String.raw`\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Variation_Selector}` +
    String.raw`\p{Noncharacter_Code_Point}\u{fff9}-\u{fffb}\u{e0000}-\u{e007f}` +
    "]+",
  "gu",
);

/** Code points that choose another form of the character before them. */
const SELECTORS = String.raw`\u{180b}-\u{180d}\u{180f}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}`;

/** Code points that join two characters, or keep them from joining. */
const JOINERS = String.raw`\u{200c}\u{200d}\u{180e}`;

/** What in a run of invisibles is of use to no neighbour, whatever that is. */
const USELESS = new RegExp(`[^${SELECTORS}${JOINERS}]+`, "gu");

/** One selector, one joiner, or one of each in this order: all that neighbours can use. */
const SELECTOR_THEN_JOINER = new RegExp(`^([${SELECTORS}]?)[${SELECTORS}]*([${JOINERS}]?)`, "u");

/** The flag of a part of a country: two letters for the country, up to three for the part, the end. */
const FLAG_TAGS =
  /^[\u{e0061}-\u{e007a}]{2}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,3}\u{e007f}/u;
const BLACK_FLAG = "\u{1f3f4}";

const ENDS_IN_EMOJI = /\p{Extended_Pictographic}\p{Emoji_Modifier}?$/u;
const ENDS_IN_KEYCAP_BASE = /[0-9#*]$/;
const ENDS_IN_HAN = /\p{Script=Han}$/u;
const ENDS_IN_MONGOLIAN = /(?=\p{Script=Mongolian})\p{L}$/u;
const BEGINS_WITH_EMOJI = /^\p{Extended_Pictographic}/u;
const BEGINS_WITH_MONGOLIAN = /^(?=\p{Script=Mongolian})\p{L}/u;

/** Scripts whose letters take another shape, or none, with a joiner or non-joiner between them. */
const JOINING_LETTER = "(?=[" +
  [
    // Cursive scripts.
    ..."Arabic Syriac Mandaic Nko Mongolian Phags_Pa Adlam Hanifi_Rohingya Sogdian".split(" "),
    // Scripts with conjunct consonants.
    ..."Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala".split(
      " ",
    ),
    ..."Khmer Myanmar Balinese Javanese Sundanese Chakma Newa Grantha Tirhuta Modi".split(" "),
    ..."Meetei_Mayek Syloti_Nagri Saurashtra Sharada Kaithi Khojki Siddham Takri".split(" "),
  ].map((script) => `\\p{Script_Extensions=${script}}`).join("") + "])[\\p{L}\\p{M}]";
const ENDS_IN_JOINING_LETTER = new RegExp(`${JOINING_LETTER}$`, "u");
const BEGINS_WITH_JOINING_LETTER = new RegExp(`^${JOINING_LETTER}`, "u");

/**
 * Viramas of the Indic scripts: a joiner after one also stands at the end of a
 * word (the older spelling of the Malayalam chillu letters).
 */
const ENDS_IN_VIRAMA = /[\u{94d}\u{9cd}\u{a4d}\u{acd}\u{b4d}\u{bcd}\u{c4d}\u{ccd}\u{d4d}\u{dca}]$/u;

/**
 * The text, safe to show to somebody else.
 *
 * 1. Removed: control characters (C0, DEL, C1) and whole terminal escape
 *    sequences; bidirectional controls, zero-width and all other
 *    default-ignorable code points, interlinear annotation, noncharacters.
 *    A control string without its end loses only what began it.
 * 2. A tab, U+2028 and U+2029 become one space each; a lone surrogate becomes
 *    U+FFFD.
 * 3. Kept, of what rule 1 names: what builds an emoji (joiners, selectors,
 *    keycaps, flag tags), a joiner or non-joiner between letters of a script
 *    that needs it, one variation selector after a Han or Mongolian letter.
 * 4. Everything else is kept as it is.
 * 5. Cleaning twice changes nothing, clean texts put together are clean, and
 *    the result is never longer in UTF-8 than the input.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cleanText } from "./text.ts";
 *
 * assertEquals(cleanText("\x1b[31mred\x1b[0m\talert\x07"), "red alert");
 * assertEquals(cleanText("abc\u{202e}txt.exe"), "abctxt.exe");
 * ```
 */
export function cleanText(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text;
  return text.toWellFormed().replace(CONTROLS, replaceControl).replace(
    INVISIBLES,
    replaceInvisible,
  );
}

/** A space for what stood for one, nothing for the rest. */
function replaceControl(control: string): string {
  return control === "\t" || control === "\u2028" || control === "\u2029" ? " " : "";
}

/**
 * What a run of invisible code points may keep: only what its two visible
 * neighbours have a use for. Both neighbours are kept in any case, so the
 * answer holds for the cleaned text too.
 */
function replaceInvisible(run: string, offset: number, text: string): string {
  // Two code points before (an emoji with its skin tone), one after.
  const before = text.slice(Math.max(0, offset - 4), offset);
  const end = offset + run.length;
  const after = text.slice(end, end + 2);

  if (before.endsWith(BLACK_FLAG)) {
    const tags = FLAG_TAGS.exec(run);
    if (tags !== null) return tags[0];
  }
  const [, selector = "", joiner = ""] = SELECTOR_THEN_JOINER.exec(run.replace(USELESS, "")) ?? [];
  return (isSelectorUsed(selector, before, after) ? selector : "") +
    (isJoinerUsed(joiner, before, after) ? joiner : "");
}

function isSelectorUsed(selector: string, before: string, after: string): boolean {
  const code = selector.codePointAt(0);
  if (code === undefined) return false;
  if (code === 0xfe0e || code === 0xfe0f) {
    return ENDS_IN_EMOJI.test(before) ||
      (code === 0xfe0f && ENDS_IN_KEYCAP_BASE.test(before) && after.startsWith("\u{20e3}"));
  }
  if (code >= 0x180b && code <= 0x180f) return ENDS_IN_MONGOLIAN.test(before);
  // Han characters have standardized variants (the first three) and registered ones.
  return (code <= 0xfe02 || code >= 0xe0100) && ENDS_IN_HAN.test(before);
}

function isJoinerUsed(joiner: string, before: string, after: string): boolean {
  if (joiner === "") return false;
  if (joiner === "\u{180e}") {
    return ENDS_IN_MONGOLIAN.test(before) && BEGINS_WITH_MONGOLIAN.test(after);
  }
  if (joiner === "\u{200d}" && ENDS_IN_EMOJI.test(before) && BEGINS_WITH_EMOJI.test(after)) {
    return true;
  }
  return ENDS_IN_VIRAMA.test(before) ||
    (ENDS_IN_JOINING_LETTER.test(before) && BEGINS_WITH_JOINING_LETTER.test(after));
}

/**
 * Characters that a text takes where each of its lines has a frame of so many around
 * it: a name, a time, the protocol's own. A text of a hundred short lines is a long one.
 */
export function framedLength(text: string, frameLength: number): number {
  let length = text.length + frameLength;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) length += frameLength;
  return length;
}
