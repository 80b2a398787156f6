/**
 * What a user may be called, and which names are one name to a reader.
 *
 * Two names are the same when their keys are equal ({@linkcode nameKey}: case
 * and encoding do not count), and look the same when their skeletons are
 * ({@linkcode nameSkeleton}). Neither implies the other: Greek capital nu looks
 * like N and small nu like v. Who keeps names apart asks for both.
 *
 * The rules follow Unicode's identifiers (UAX #31) and security mechanisms
 * (UTS #39), "single script".
 * Must not know: users, rooms, who holds which name.
 *
 * @module
 */

import { NAME_LENGTH_MAX } from "../limits.ts";
import { cleanText } from "../text.ts";
import { LOOKALIKES } from "./confusables.ts";

/** Whether a name may be used: its forms, or one sentence for the user that says why not. */
export type NameCheck =
  | {
    readonly ok: true;
    /** The name to show. */
    readonly name: string;
    /** See {@linkcode nameKey}. */
    readonly key: string;
    /** See {@linkcode nameSkeleton}. */
    readonly skeleton: string;
  }
  | { readonly ok: false; readonly reason: string };

/**
 * Bytes of a name in UTF-8: six for each character, so that 24 syllables of any
 * Indic script fit, and characters piled up from many code points do not.
 */
const NAME_BYTES_MAX = 6 * NAME_LENGTH_MAX;

/** Combining marks in a row: a Burmese syllable can need four. */
const TOO_MANY_MARKS = /\p{M}{5}/u;

/** Accents in a row that any letter can take: two, as in Vietnamese or Yoruba. */
const TOO_MANY_ACCENTS = /[\u{300}-\u{36f}]{3}/u;

/** The same accent twice shows once; a digit or a separator has no marks. */
const MISPLACED_MARK = /(?<![\p{L}\p{M}])\p{M}|(\p{Mn})\1/u;

/**
 * Letters and marks that are no part of a name as people write it: strokes
 * through a letter, marks across two letters and letters as marks, Hangul jamo
 * outside a syllable, strokes that only widen a word, clicks and tones that
 * look like punctuation, what chooses another form of a letter, and signs of no
 * script (one looks like a colon) other than the Japanese long vowel.
 */
const UNFIT = new RegExp(
  [
    String.raw`[\u{334}-\u{338}\u{34f}\u{35c}-\u{36f}]`,
    String.raw`[\u{1100}-\u{11ff}\u{a960}-\u{a97f}\u{d7b0}-\u{d7ff}]`,
    String.raw`[\u{640}\u{7fa}\u{1c0}-\u{1c3}\u{a4f8}-\u{a4fd}\p{Variation_Selector}]`,
    String.raw`(?!\u{30fc})(?=\p{Lm})\p{Script=Common}`,
  ].join("|"),
  "u",
);

const ALLOWED = /^[\p{L}\p{Nd}\p{Mn}\p{Mc}._\-\u{200c}\u{200d}]+$/u;
const FIRST_ALLOWED = /^[\p{L}\p{Nd}]/u;
/** What operators ban as an address has to be one. */
const ADDRESS_LIKE = /^\p{Nd}+(?:\.\p{Nd}+)+$/u;
const JOINERS = /[\u{200c}\u{200d}]/gu;
const ASCII = /^[\x20-\x7e]*$/;
const SEPARATORS = /[._-]/g;

/** Which script it belongs to says nothing about these: separators, ASCII digits, common accents. */
const OF_ANY_SCRIPT = /[._\-0-9]|(?=[\u{300}-\u{36f}])\p{Script_Extensions=Inherited}/u;

/**
 * The scripts of living languages (UAX #31, tables 5 and 7), and the three ways
 * of writing that use several: a name is written in one of these.
 */
const SCRIPTS: readonly string[] = [
  ..."Latin Cyrillic Greek Han+Hiragana+Katakana Han+Hangul Han+Bopomofo Arabic Hebrew".split(" "),
  ..."Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam".split(" "),
  ..."Sinhala Thai Lao Tibetan Myanmar Georgian Ethiopic Khmer Armenian Thaana".split(" "),
  ..."Adlam Balinese Bamum Batak Canadian_Aboriginal Chakma Cham Cherokee".split(" "),
  ..."Hanifi_Rohingya Javanese Kayah_Li Lepcha Limbu Lisu Mandaic Meetei_Mayek Miao".split(" "),
  ..."Mongolian New_Tai_Lue Newa Nko Nyiakeng_Puachue_Hmong Ol_Chiki Osage".split(" "),
  ..."Saurashtra Sundanese Syloti_Nagri Syriac Tai_Le Tai_Tham Tai_Viet Tifinagh".split(" "),
  ..."Vai Wancho Yi".split(" "),
];

/** Made when first needed: making them all takes longer than the rest of a start. */
const scriptPatterns = new Map<string, RegExp>();

function scriptPattern(scripts: string): RegExp {
  let pattern = scriptPatterns.get(scripts);
  if (pattern === undefined) {
    const parts = scripts.split("+").map((name) => `\\p{Script_Extensions=${name}}`);
    pattern = new RegExp(`[${parts.join("")}]`, "u");
    scriptPatterns.set(scripts, pattern);
  }
  return pattern;
}

/**
 * Names that a reader would take for the server, for somebody with rights, for
 * everybody or for nobody. Nothing that looks like one is given out either,
 * with or without separators.
 */
const RESERVED = [
  // The server and its parts.
  ..."server system parley console daemon service services pong welcome goodbye".split(" "),
  ..."nickserv chanserv notice info help status error warning security support".split(" "),
  // Those with rights.
  ..."admin admins administrator administrators operator operators op ops".split(" "),
  ..."moderator moderators mod mods root sysop sysadmin superuser owner staff official".split(" "),
  // Everybody, somebody, nobody.
  ..."everyone everybody anyone anybody someone somebody nobody noone".split(" "),
  ..."all here me you self myself guest guests unknown anonymous".split(" "),
  // Places and values that a command could mean.
  ..."channel channels room rooms lobby private null undefined".split(" "),
];
const RESERVED_KEYS: ReadonlySet<string> = new Set(RESERVED);

/** Without "all": it looks like Ali, whom it would keep out. */
const RESERVED_SKELETONS: ReadonlySet<string> = new Set(
  RESERVED.filter((word) => word !== "all").map(nameSkeleton),
);

/** What {@linkcode guestName} gives, as a skeleton: 0 looks like o there, and 1 like i. */
const GUEST_SKELETON = /^guest[0-9oi]+$/;

/**
 * Whether a user may have this name.
 *
 * 1. One to {@linkcode NAME_LENGTH_MAX} characters as a reader counts them.
 * 2. Letters, marks that belong to them, digits, `-`, `_` and `.`; a letter or a
 *    digit comes first. Nothing invisible but the joiners that a script needs.
 * 3. Letters of one script, digits of one kind (Japanese, Korean and Chinese
 *    each count as one script).
 * 4. No reserved word, nothing that looks like one, no guest's name.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { checkName } from "./names.ts";
 *
 * assertEquals(checkName("Ann"), { ok: true, name: "Ann", key: "ann", skeleton: "ann" });
 * assert(!checkName("server").ok);
 * assert(!checkName("ann\u{430}").ok); // the last letter is Cyrillic
 * ```
 */
export function checkName(wanted: string): NameCheck {
  // However it is encoded, no name is this long; normalizing something longer is wasted work.
  if (wanted === "" || wanted.length > 3 * NAME_BYTES_MAX) return refuse(LENGTH_REASON);
  const name = composeName(wanted);
  const reason = findFault(name);
  if (reason !== null) return refuse(reason);
  const key = nameKey(name);
  const skeleton = nameSkeleton(name);
  if (isReserved(key, skeleton)) return refuse("That name is reserved.");
  return { ok: true, name, key, skeleton };
}

/**
 * The key under which a name is looked up: names that differ only in case or in
 * how Unicode encodes them have the same. Takes any text, clean or not.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nameKey } from "./names.ts";
 *
 * assertEquals(nameKey("JOSE\u{301}"), nameKey("jos\u{e9}"));
 * ```
 */
export function nameKey(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  return foldCase(name.normalize("NFKC").replace(JOINERS, "")).normalize("NFKC");
}

/**
 * What a name looks like: names with the same skeleton are easily taken for one
 * another. Separators count as they are. Takes any text, clean or not.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nameSkeleton } from "./names.ts";
 *
 * assertEquals(nameSkeleton("\u{441}\u{43e}\u{441}\u{43e}"), "coco"); // Cyrillic
 * assertEquals(nameSkeleton("Paypa1"), nameSkeleton("paypaI"));
 * ```
 */
export function nameSkeleton(name: string): string {
  let look = name;
  if (!ASCII.test(name)) {
    // As it is shown first, since a capital can look like another letter than its small form.
    look = replaceLookalikes(name.normalize("NFKC").replace(JOINERS, ""));
    look = replaceLookalikes(foldCase(look)).normalize("NFD");
    // The dot that i and j have anyway.
    look = look.replace(/(?<=[ij])\u{307}/gu, "");
  }
  return look.toLowerCase().replace(/[l1]/g, "i").replaceAll("0", "o")
    .replaceAll("m", "rn").replaceAll("w", "vv");
}

/**
 * The name that the server gives to its nth visitor; nobody can choose one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { guestName } from "./names.ts";
 *
 * assertEquals(guestName(7), "guest7");
 * ```
 */
export function guestName(n: number): string {
  return `guest${n}`;
}

const LENGTH_REASON = `A name has 1 to ${NAME_LENGTH_MAX} characters.`;

function refuse(reason: string): NameCheck {
  return { ok: false, reason };
}

/**
 * NFKC, but for the Thai and Lao vowel am: NFKC takes it apart, which shows
 * badly and which no keyboard types.
 */
function composeName(name: string): string {
  return name.normalize("NFKC")
    .replaceAll("\u{e4d}\u{e32}", "\u{e33}")
    .replaceAll("\u{ecd}\u{eb2}", "\u{eb3}");
}

/** Why this text is no name, or null. */
function findFault(name: string): string | null {
  if (!ALLOWED.test(name) || UNFIT.test(name) || cleanText(name) !== name) {
    return "A name is made of letters, digits, -, _ and . only.";
  }
  if (countCharacters(name) > NAME_LENGTH_MAX) return LENGTH_REASON;
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) {
    return `A name has at most ${NAME_BYTES_MAX} bytes.`;
  }
  if (!FIRST_ALLOWED.test(name)) return "A name begins with a letter or a digit.";
  if (ADDRESS_LIKE.test(name)) return "A name is not a network address.";
  if (ASCII.test(name)) return null;

  // A joiner stands among the marks of a letter and is none.
  const bare = name.replace(JOINERS, "");
  if (TOO_MANY_MARKS.test(bare) || TOO_MANY_ACCENTS.test(bare.normalize("NFC"))) {
    return "A letter of a name has too many accents.";
  }
  if (MISPLACED_MARK.test(bare)) return "An accent in a name follows the letter it belongs to.";
  if (!isOneScript(bare)) return "The letters of a name are of one script, not of several mixed.";
  if (!isOneDigitSystem(bare)) return "The digits of a name are of one kind, not of several mixed.";
  return null;
}

/** Made when first needed, likewise. */
let graphemes: Intl.Segmenter | null = null;

function countCharacters(name: string): number {
  if (ASCII.test(name)) return name.length;
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return [...graphemes.segment(name)].length;
}

/** Whether some one script has all the letters, marks and digits that belong to scripts. */
function isOneScript(name: string): boolean {
  let candidates = SCRIPTS;
  for (const character of name) {
    if (OF_ANY_SCRIPT.test(character)) continue;
    candidates = candidates.filter((scripts) => scriptPattern(scripts).test(character));
  }
  return candidates.length > 0;
}

function isOneDigitSystem(name: string): boolean {
  // Unicode keeps the ten digits of a system within one row of sixteen code points.
  const rows = new Set<number>();
  for (const digit of name.match(/\p{Nd}/gu) ?? []) rows.add((digit.codePointAt(0) ?? 0) >> 4);
  return rows.size <= 1;
}

function isReserved(key: string, skeleton: string): boolean {
  const look = skeleton.replace(SEPARATORS, "");
  return RESERVED_KEYS.has(key.replace(SEPARATORS, "")) || RESERVED_SKELETONS.has(look) ||
    GUEST_SKELETON.test(look);
}

/**
 * Case folding: capitals first for the letters that have none but double ones,
 * such as sharp s, small letters again for all; a final sigma is a sigma.
 */
function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("\u{3c2}", "\u{3c3}");
}

function replaceLookalikes(text: string): string {
  let look = "";
  for (const character of text.normalize("NFD")) look += LOOKALIKES.get(character) ?? character;
  return look;
}
