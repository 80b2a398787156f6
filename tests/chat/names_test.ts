/**
 * Which names are taken, and which count as one: tables of names that pass and
 * of names that do not, with the reason; tables of look-alikes; properties over
 * random names of many scripts, in every case and normalization form.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { checkName, guestName, nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import { LOOKALIKES } from "../../lib/chat/confusables.ts";
import { NAME_LENGTH_MAX } from "../../lib/limits.ts";
import { cleanText } from "../../lib/text.ts";

const LENGTH_REASON = "A name has 1 to 24 characters.";
const LETTERS_REASON = "A name is made of letters, digits, -, _ and . only.";
const FIRST_REASON = "A name begins with a letter or a digit.";
const SCRIPT_REASON = "The letters of a name are of one script, not of several mixed.";
const DIGITS_REASON = "The digits of a name are of one kind, not of several mixed.";
const ACCENTS_REASON = "A letter of a name has too many accents.";
const PLACE_REASON = "An accent in a name follows the letter it belongs to.";
const RESERVED_REASON = "That name is reserved.";

const ZWNJ = "\u{200c}";
const ZWJ = "\u{200d}";

/** Names as people of the world have them. */
const NAMES = [
  ..."ann Ann x 7 42 r2d2 Ann-Marie a.b.c snake_case d- J.R.R._T".split(" "),
  ..."Ali Ian Elia tim will mom wow rnd bot ci lan".split(" "),
  "Jos\u{e9}",
  "Bj\u{f6}rk",
  "\u{141}ukasz",
  "\u{130}brahim",
  "I\u{15f}\u{131}l",
  "Nguy\u{1ec5}n",
  "stra\u{df}e",
  "e\u{323}\u{301}", // Yoruba, one accent that no letter includes
  "\u{410}\u{43d}\u{43d}\u{430}-2", // Cyrillic
  "\u{39d}\u{3af}\u{3ba}\u{3bf}\u{3c2}", // Greek, with final sigma
  "\u{4e2d}\u{6587}7",
  "\u{5c71}\u{7530}\u{3055}\u{304f}\u{3089}\u{30a2}\u{30fc}", // Han, Hiragana, Katakana
  "\u{30d1}\u{30fc}\u{30c6}\u{30a3}",
  "\u{91d1}\u{bbfc}\u{c900}", // Han and Hangul
  "\u{6797}\u{3105}\u{3106}", // Han and Bopomofo
  "\u{645}\u{62d}\u{645}\u{64e}\u{651}\u{62f}", // Arabic, with vowel marks
  `\u{639}\u{644}\u{6cc}${ZWNJ}\u{631}\u{636}\u{627}`, // Persian, with a non-joiner
  "\u{645}\u{631}\u{64a}\u{645}\u{661}\u{662}", // Arabic, with its own digits
  "\u{5d3}\u{5b8}\u{5d5}\u{5b4}\u{5d3}", // Hebrew, with points
  "\u{915}\u{93f}\u{936}\u{94b}\u{930}", // Devanagari
  `\u{dc1}\u{dca}${ZWJ}\u{dbb}\u{dd3}`, // Sinhala, with a joiner
  "\u{baa}\u{bbe}\u{bb2}\u{bc1}", // Tamil
  "\u{e19}\u{e49}\u{e33}", // Thai, with the vowel that NFKC takes apart
  "\u{1019}\u{103c}\u{103d}\u{103e}\u{102c}", // Burmese, four marks on one letter
  "\u{f56}\u{f66}\u{f92}\u{fb2}\u{f74}\u{f56}\u{f66}", // Tibetan stack
  "\u{179f}\u{17d2}\u{178f}\u{17d2}\u{179a}\u{17b8}", // Khmer
  "\u{10d0}\u{10dc}\u{10d0}", // Georgian
  "\u{531}\u{576}\u{576}\u{561}", // Armenian
  "\u{13e3}\u{13b3}\u{13a9}", // Cherokee
  "\u{1265}\u{1228}\u{1275}", // Ethiopic
];

function assertRefused(rows: readonly (readonly [name: string, reason: string])[]): void {
  for (const [name, reason] of rows) {
    assertEquals(checkName(name), { ok: false, reason }, `checking ${JSON.stringify(name)}`);
  }
}

/** Each row's names look alike, and are different names. */
function assertLookAlike(rows: readonly (readonly [first: string, second: string])[]): void {
  for (const [first, second] of rows) {
    assertEquals(nameSkeleton(first), nameSkeleton(second), `${first} looks like ${second}`);
    assertNotEquals(nameKey(first), nameKey(second));
  }
}

Deno.test("checkName() takes names in the world's scripts, as they are written", () => {
  for (const name of NAMES) {
    const check = checkName(name);
    assert(check.ok, `${name}: ${check.ok ? "" : check.reason}`);
    assertEquals(check.name, name.normalize("NFC"));
    assertEquals(check.key, nameKey(name));
    assertEquals(check.skeleton, nameSkeleton(name));
  }
});

Deno.test("checkName() shows a name in its plain form", () => {
  const rows = [
    ["\u{ff21}\u{ff4e}\u{ff4e}", "Ann"], // fullwidth
    ["\u{1d4d0}\u{1d4f7}\u{1d4f7}", "Ann"], // mathematical
    ["x\u{b2}", "x2"],
    ["\u{fb01}n", "fin"], // ligature
    ["e\u{301}va", "\u{e9}va"],
  ] as const;
  for (const [wanted, shown] of rows) {
    const check = checkName(wanted);
    assert(check.ok);
    assertEquals(check.name, shown);
  }
});

Deno.test("checkName() counts characters as a reader does", () => {
  const longest = ["a", "\u{4e2d}", "\u{c900}", "e\u{323}\u{301}", "\u{915}\u{93f}"]
    .map((character) => character.repeat(NAME_LENGTH_MAX));
  for (const name of longest) assert(checkName(name).ok, name);
  assertRefused([
    ["", LENGTH_REASON],
    ...longest.map((name) => [name + name.slice(-1).normalize("NFD"), LENGTH_REASON] as const)
      .slice(0, 3),
    ["a".repeat(100_000), LENGTH_REASON],
    // One code point that stands for four words.
    ["\u{fdfa}", LETTERS_REASON],
  ]);
  // Conjuncts are one character each, however many letters they hold.
  const heavy = "\u{915}\u{94d}\u{937}\u{94d}\u{92e}".repeat(12);
  assertRefused([[heavy, "A name has at most 144 bytes."]]);
});

Deno.test("checkName() refuses what is neither letter, digit nor separator", () => {
  const refused = [
    ...["a b", " a", "a ", "a\tb", "a\n", "a:", "a|b", "a#b", "a/b", "a@b", "a,b", "a'b", "a\\b"],
    ...["\x1b[31mann", "a\x00", "a\x7f", "a\u{9b}", "ann\u{202e}", "an\u{200b}n", "a\u{ad}n"],
    ...[`a${ZWJ}n`, `\u{645}${ZWNJ}`, "a\u{fe0f}", "\u{8fbb}\u{e0100}", "a\u{3164}", "\u{115f}"],
    ...["\u{1f600}", "a\u{2764}", "a\u{20e3}", "\ud83d", "a\u{fffd}", "a\u{ffff}", "\u{e000}"],
    // Looks like a colon, an apostrophe, a slash or an exclamation mark.
    ...["ann\u{2d0}", "ann\u{2bc}", "ann\u{a789}", "\u{2044}a", "a\u{1c3}", "\u{1c0}a", "\u{bd}"],
    // Marks over or between letters, jamo outside a syllable, a stretched word.
    ...["a\u{338}", "a\u{35c}b", "a\u{36f}", "a\u{20dd}", "\u{110f}\u{110f}", "\u{645}\u{640}"],
  ];
  assertRefused(refused.map((name) => [name, LETTERS_REASON]));
});

Deno.test("checkName() wants a letter or a digit first", () => {
  assertRefused(["-a", "_a", ".a", "--", "\u{301}a", "\u{64e}\u{645}"]
    .map((name) => [name, FIRST_REASON]));
});

Deno.test("checkName() refuses accents that pile up, repeat or stand alone", () => {
  assertRefused([
    ["x\u{301}\u{302}\u{303}", ACCENTS_REASON],
    ["\u{645}\u{64b}\u{64c}\u{64d}\u{64e}\u{64f}", ACCENTS_REASON],
    ["x\u{302}\u{302}", PLACE_REASON],
    ["1\u{301}", PLACE_REASON],
    ["a-\u{301}", PLACE_REASON],
  ]);
});

Deno.test("checkName() refuses scripts mixed", () => {
  assertRefused([
    "\u{430}nn", // Cyrillic a
    "p\u{430}ypal",
    "\u{3b1}nn", // Greek alpha
    "ann\u{4e2d}",
    "\u{30a2}\u{bbfc}", // Katakana and Hangul
    "\u{3105}\u{3042}", // Bopomofo and Hiragana
    "ann\u{661}", // Arabic digit
    "a\u{64e}", // Arabic mark
    "\u{5d3}\u{64e}", // Arabic mark on a Hebrew letter
    "\u{915}\u{9be}", // Bengali mark on a Devanagari letter
    "\u{10330}\u{10331}", // Gothic: nobody's script today
  ].map((name) => [name, SCRIPT_REASON]));
});

Deno.test("checkName() refuses digits of two kinds", () => {
  assertRefused([
    ["\u{645}1\u{661}", DIGITS_REASON],
    ["\u{645}\u{661}\u{6f1}", DIGITS_REASON],
    ["\u{915}2\u{967}", DIGITS_REASON],
  ]);
  for (const name of ["\u{645}1", "\u{645}\u{661}", "\u{915}\u{967}", "\u{967}"]) {
    assert(checkName(name).ok, name);
  }
});

Deno.test("Unicode keeps the ten digits of a system in one row of sixteen", () => {
  // checkName() relies on it. Myanmar's extension C alone has two systems side by side.
  const digitCounts = new Map<number, number>();
  for (let code = 0; code <= 0x10ffff; code++) {
    const digit = String.fromCodePoint(code);
    if (!/\p{Nd}/u.test(digit) || digit.normalize("NFKC") !== digit) continue;
    digitCounts.set(code >> 4, (digitCounts.get(code >> 4) ?? 0) + 1);
  }
  const odd = [...digitCounts].filter(([, count]) => count !== 10).map(([row]) => row.toString(16));
  assertEquals(odd, ["116d", "116e"]);
});

Deno.test("checkName() refuses reserved words however they are written", () => {
  const refused = [
    ..."server SERVER Server system parley admin administrator operator op moderator mod".split(
      " ",
    ),
    ..."root everyone all here channel room lobby me you guest private nobody help".split(" "),
    ..."s-e-r-v-e-r admin_ root. a.d.m.i.n_ All al-l".split(" "),
    ..."adrnin ADM1N adm\u{131}n r00t 0p parIey he1p 1obby y0u rne".split(" "),
    "\u{ff52}\u{ff4f}\u{ff4f}\u{ff54}", // fullwidth
    "\u{43e}\u{440}", // Cyrillic er after o
    "\u{39f}\u{3a1}", // Greek capitals
    "\u{43c}\u{435}", // Cyrillic
  ];
  assertRefused(refused.map((name) => [name, RESERVED_REASON]));
});

Deno.test("checkName() lets words through that only hold a reserved one", () => {
  for (
    const name of "admin2 rooted opera modest meyou Ali callie heresy guestbook guest1a".split(" ")
  ) {
    assert(checkName(name).ok, name);
  }
});

Deno.test("checkName() refuses the names of guests, and all that look like them", () => {
  const refused = "guest1 Guest42 GUEST007 guest-1 gue.st_12 guestl0 guestO guestI".split(" ");
  assertRefused(refused.map((name) => [name, RESERVED_REASON]));
  fc.assert(fc.property(fc.nat(), (n) => assert(!checkName(guestName(n)).ok)));
});

Deno.test("guestName() gives names with a key and a look of their own", () => {
  const names = Array.from({ length: 3_000 }, (_, n) => guestName(n));
  assertEquals(names[7], "guest7");
  assertEquals(new Set(names.map(nameKey)).size, names.length);
  assertEquals(new Set(names.map(nameSkeleton)).size, names.length);
});

Deno.test("nameSkeleton() is the same for look-alikes in Latin and digits", () => {
  assertLookAlike([
    ["paypal", "paypaI"],
    ["paypal", "PAYPA1"],
    ["lan", "Ian"],
    ["bob", "b0b"],
    ["tom", "torn"],
    ["wendy", "vvendy"],
    ["Mia", "rnia"],
    ["ann", "\u{251}nn"], // Latin alpha
    ["gina", "\u{261}ina"], // script g
    ["ron", "\u{280}on"], // small capital
    ["i\u{307}an", "ian"],
  ]);
});

Deno.test("nameSkeleton() is the same for a Latin name and one that looks so in another script", () => {
  assertLookAlike([
    ["coco", "\u{441}\u{43e}\u{441}\u{43e}"], // Cyrillic
    ["COCO", "\u{421}\u{41e}\u{421}\u{41e}"],
    ["bob", "\u{412}\u{41e}\u{412}"],
    ["mama", "\u{43c}\u{430}\u{43c}\u{430}"],
    ["NINA", "\u{39d}\u{399}\u{39d}\u{391}"], // Greek capitals
    ["vov", "\u{3bd}\u{3bf}\u{3bd}"], // Greek
    ["nun", "\u{578}\u{57d}\u{578}"], // Armenian
    ["SAW", "\u{13da}\u{13aa}\u{13b3}"], // Cherokee
    ["BED", "\u{a4d0}\u{a4f0}\u{a4d3}"], // Lisu
    ["jos\u{e9}", "\u{458}\u{43e}\u{455}\u{435}\u{301}"], // Cyrillic, with an accent
  ]);
});

Deno.test("nameSkeleton() is the same for look-alikes outside Latin", () => {
  assertLookAlike([
    ["\u{30ab}\u{30cb}", "\u{529b}\u{4e8c}"], // Katakana and Han
    ["\u{3078}\u{3078}", "\u{30d8}\u{30d8}"], // Hiragana and Katakana
    ["\u{643}\u{631}\u{64a}\u{645}", "\u{6a9}\u{631}\u{6cc}\u{645}"], // Arabic and Persian letters
    ["\u{661}\u{664}", "\u{6f1}\u{6f4}"], // Arabic and Persian digits
    ["\u{906}\u{936}\u{93e}", "\u{905}\u{93e}\u{936}\u{93e}"], // a vowel in two parts
  ]);
});

Deno.test("nameSkeleton() tells apart what a reader tells apart", () => {
  const rows = [
    ["ann", "anna"],
    ["jose", "jos\u{e9}"],
    ["an-n", "ann"],
    ["a-b", "a_b"],
    ["a.b", "a-b"],
    ["bob1", "bob2"],
    ["dan", "ban"],
    ["\u{62b}", "\u{67e}"], // Arabic letters with three dots above and below
    ["\u{e04}", "\u{e14}"], // Thai
    ["\u{432}\u{430}\u{434}\u{438}\u{43c}", "\u{432}\u{430}\u{434}\u{44f}"],
  ] as const;
  for (const [first, second] of rows) assertNotEquals(nameSkeleton(first), nameSkeleton(second));
});

Deno.test("LOOKALIKES has letters and digits only, in forms that a name can hold", () => {
  assert(LOOKALIKES.size > 500);
  for (const [letter, look] of LOOKALIKES) {
    assert(/^[\p{L}\p{Nd}]$/u.test(letter), letter);
    assert(/^[\p{L}\p{Nd}][\p{L}\p{Nd}\p{M}]*$/u.test(look), look);
    assertEquals(letter, letter.normalize("NFKD"));
    assertNotEquals(letter, look);
    assert(letter > "\x7f", "ASCII is left to nameSkeleton()");
    // One step is enough: no look has a look of its own.
    assertEquals(nameSkeleton(letter), nameSkeleton(look), letter);
  }
});

const nameCharacter = fc.oneof(
  fc.constantFrom(...NAMES.join("")),
  fc.constantFrom(..."abIlm01rnvw-_.", "\u{1e9e}", "\u{df}", "\u{131}", "\u{130}", "\u{3c2}"),
  fc.constantFrom("\u{301}", "\u{307}", "\u{345}", "\u{1f80}", "\u{390}", "\u{1f0}", "\u{587}"),
);
const anyName = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.array(nameCharacter, { maxLength: 8 }).map((characters) => characters.join("")),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);

Deno.test("checkName() takes the name it gave, unchanged", () => {
  fc.assert(
    fc.property(anyName, (wanted) => {
      const check = checkName(wanted);
      fc.pre(check.ok);
      assertEquals(checkName(check.name), check);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("checkName() gives names that are clean text without spaces, controls or sigils", () => {
  fc.assert(
    fc.property(anyName, (wanted) => {
      const check = checkName(wanted);
      fc.pre(check.ok);
      assertEquals(cleanText(check.name), check.name);
      assert(!/[\s\p{C}:#/@,*!]/u.test(check.name.replace(/[\u{200c}\u{200d}]/gu, "")));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("nameKey() is the same for every case and normalization form", () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const key = nameKey(name);
      // Composed first: the capitals of iota subscript would part an accent from its letter.
      const composed = name.normalize("NFC");
      const forms = [composed.toUpperCase(), composed.toLowerCase(), key]
        .concat((["NFC", "NFD", "NFKC", "NFKD"] as const).map((form) => name.normalize(form)));
      for (const form of forms) assertEquals(nameKey(form), key, JSON.stringify([name, form]));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("nameSkeleton() is the same for every normalization form", () => {
  fc.assert(
    fc.property(anyName, fc.constantFrom("NFC", "NFD", "NFKC", "NFKD"), (name, form) => {
      assertEquals(nameSkeleton(name.normalize(form)), nameSkeleton(name));
    }),
    { numRuns: 2_000 },
  );
});
