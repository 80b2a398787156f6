/**
 * What `cleanText()` takes away and what it leaves: tables of texts for each
 * rule, and properties over random texts made of hostile pieces. The forbidden
 * classes are spelled out here once more, so that a slip in the module's own
 * expressions cannot hide itself.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LINE_BYTES_MAX } from "../lib/limits.ts";
import { cleanText } from "../lib/text.ts";

const ZWNJ = "\u{200c}";
const ZWJ = "\u{200d}";
const TEXT_STYLE = "\u{fe0e}";
const EMOJI_STYLE = "\u{fe0f}";
const ENGLAND = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";

/** Runs of these pieces meet every rule, and every rule's neighbour. */
const PIECES = [
  ..."aZ09#*[];?m\\ P^_X~",
  ...["\x00", "\t", "\n", "\r", "\x07", "\x1b", "\x1b[", "\x1b]0;", "\x1bP", "\x1b\\", "\x7f"],
  ...["\x85", "\x90", "\x9b", "\x9c", "\x9d", "\u2028", "\u2029", "\u00ad", "\u034f", "\u061c"],
  ...["\u200b", ZWNJ, ZWJ, "\u200e", "\u202e", "\u2066", "\u2060", "\ufeff", "\u3164", "\u115f"],
  ...[TEXT_STYLE, EMOJI_STYLE, "\ufe00", "\u{e0100}", "\u{e01ef}", "\u180b", "\u180e", "\u20e3"],
  ...["\ufff9", "\ufffa", "\ufffb", "\uffff", "\u{1fffe}", "\ufdd0", "\ud83d", "\udc00"],
  ...["\u{1f600}", "\u{1f44d}", "\u{1f3fd}", "\u{1f468}", "\u{1f1e9}", "\u{1f3f4}", ENGLAND],
  ...["\u{e0001}", "\u{e0067}", "\u{e0030}", "\u{e007f}", "\u2764", "\u00a9", "\u2640"],
  ...["\u0645", "\u06cc", "\u0915", "\u094d", "\u0d28", "\u0d4d", "\u0dc1", "\u1820", "\u4e2d"],
  ...["\u00e9", "\u0301", "\u05d0", "\uac00", "\ufffd"],
];

const hostileText = fc.array(fc.constantFrom(...PIECES), { maxLength: 24 })
  .map((pieces) => pieces.join(""));
const anyText = fc.oneof(
  hostileText,
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
    .map((units) => String.fromCharCode(...units)),
);

/** Never in a cleaned text, whatever stands beside it. */
const FORBIDDEN = new RegExp(
  [
    String.raw`[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]`,
    String.raw`[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]`,
    String.raw`[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u200b\u2060-\u206f\u3164\ufeff\uffa0]`,
    String.raw`[\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e001f}\u{e0080}-\u{e00ff}]`,
    // Two in a row that show nothing, a selector and a joiner of one emoji excepted.
    String.raw`[\u200c\u200d][\u200c\u200d\ufe00-\ufe0f]`,
    String.raw`[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]{2}`,
    String.raw`^[\u200c\u200d\ufe00-\ufe0f\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}]`,
    String.raw`[a-z ][\u200c\u200d\ufe00-\ufe0f\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}]`,
  ].join("|"),
  "u",
);

function countBytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A test for each row: the text as it came, and as it is shown. */
function assertCleaned(rows: readonly (readonly [text: string, cleaned: string])[]): void {
  for (const [text, cleaned] of rows) {
    assertEquals(cleanText(text), cleaned, `cleaning ${JSON.stringify(text)}`);
  }
}

function assertKept(texts: readonly string[]): void {
  assertCleaned(texts.map((text) => [text, text]));
}

Deno.test("cleanText() returns printable ASCII as it is", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
    assertEquals(cleanText(text), text);
  }));
});

Deno.test("cleanText() removes a whole colour sequence", () => {
  assertCleaned([
    ["\x1b[31mred\x1b[0m", "red"],
    ["\x1b[38;2;255;0;0mred", "red"],
    ["\x9b1mbold\x9b0m", "bold"],
    ["caf\u00e9 \x1b[1;4mnow\x1b[m", "caf\u00e9 now"],
  ]);
});

Deno.test("cleanText() removes cursor, mode and reset sequences", () => {
  assertCleaned([
    ["a\x1b[2J\x1b[1;1Hb", "ab"],
    ["a\x1b[?1049hb\x1b[!pc", "abc"],
    ["a\x1bcb\x1b7c\x1b=d", "abcd"],
    ["a\x1b(0b\x1b#8c\x1b%Gd", "abcd"],
  ]);
});

Deno.test("cleanText() removes a control string up to its end, whichever that is", () => {
  assertCleaned([
    ["a\x1b]0;title\x07b", "ab"],
    ["a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"],
    ["a\x9d52;c;aGk=\x9cb", "ab"],
    ["a\x1bP1;2q#0\x1b\\b", "ab"],
    ["a\x1bXsos\x1b\\b\x1b^pm\x9cc\x1b_apc\x07d", "abcd"],
    ["a\x90x\x9cb\x98x\x9cc\x9ex\x9cd\x9fx\x9ce", "abcde"],
  ]);
});

Deno.test("cleanText() takes only the introducer of what never ends", () => {
  assertCleaned([
    ["a\x1b]0;the rest stays", "a0;the rest stays"],
    ["a\x1bPthe rest stays", "athe rest stays"],
    ["a\x9dthe rest stays", "athe rest stays"],
    ["a\x1b[31", "a31"],
    ["a\x1b[31\u00e9", "a31\u00e9"],
    ["a\x1b", "a"],
    ["a\x1b\u00e9", "a\u00e9"],
    // A new escape cancels the string before it, as it does in a terminal.
    ["\x1b]0;a\x1b[31mb\x07", "0;ab"],
  ]);
});

Deno.test("cleanText() builds no sequence out of what is left", () => {
  assertCleaned([
    ["\x1b\x1b[31m[31m", "[31m"],
    ["\x1b\u200b[31m", "[31m"],
    ["\x1b[\x1b[31m31m", "31m"],
  ]);
});

Deno.test("cleanText() removes every other control character", () => {
  for (let code = 0; code <= 0x9f; code++) {
    if (code === 0x09 || (code >= 0x20 && code <= 0x7e)) continue;
    assertEquals(cleanText(`a${String.fromCodePoint(code)}`), "a", `U+${code.toString(16)}`);
  }
});

Deno.test("cleanText() puts a space for a tab and for the Unicode line ends", () => {
  assertCleaned([
    ["\tif\tx", " if x"],
    ["a\u2028b\u2029c", "a b c"],
    ["\u202e\t", " "],
  ]);
});

Deno.test("cleanText() removes what turns text round", () => {
  for (const code of "061c 200e 200f 202a 202b 202c 202d 202e 2066 2067 2068 2069".split(" ")) {
    const control = String.fromCodePoint(parseInt(code, 16));
    assertEquals(cleanText(`a${control}b`), "ab", code);
    assertEquals(cleanText(`\u05d0${control}\u0645`), "\u05d0\u0645", code);
  }
});

Deno.test("cleanText() removes what shows nothing", () => {
  assertCleaned([
    ["a\u200bb\u2060c\ufeffd\u00ade\u034ff", "abcdef"],
    ["\u3164\u115f\u1160\uffa0", ""],
    ["a\ufff9b\ufffac\ufffb", "abc"],
    ["a\uffff\ufdd0\u{10ffff}b", "ab"],
    // Letters hidden in tags and in variation selectors.
    ["hi\u{e0001}\u{e0068}\u{e0069}\u{e007f}", "hi"],
    ["\u{1f600}\u{e0100}\u{e0101}\u{e0102}!", "\u{1f600}!"],
    ["1\u{fe0f}2\u{fe0f}", "12"],
  ]);
});

Deno.test("cleanText() replaces a lone surrogate", () => {
  assertCleaned([["a\ud83d", "a\ufffd"], ["\ude00b", "\ufffdb"], ["\ude00\ud83d", "\ufffd\ufffd"]]);
});

Deno.test("cleanText() keeps every emoji of one code point in all its styles and skin tones", () => {
  for (let code = 0xa9; code <= 0x1faff; code++) {
    const emoji = String.fromCodePoint(code);
    if (!/\p{Extended_Pictographic}/u.test(emoji)) continue;
    assertKept([emoji, emoji + TEXT_STYLE, emoji + EMOJI_STYLE]);
    if (!/\p{Emoji_Modifier_Base}/u.test(emoji)) continue;
    for (let tone = 0x1f3fb; tone <= 0x1f3ff; tone++) {
      assertKept([emoji + String.fromCodePoint(tone)]);
    }
  }
});

Deno.test("cleanText() keeps emoji made of many code points", () => {
  const man = "\u{1f468}";
  const woman = "\u{1f469}";
  const girl = "\u{1f467}";
  const heart = "\u{2764}" + EMOJI_STYLE;
  const tone = "\u{1f3fd}";
  const emoji = [
    [man, woman, girl, girl], // family
    [woman, heart, man], // couple with heart
    [woman, heart, "\u{1f48b}", woman], // kiss
    [man + tone, "\u{1f91d}", man + "\u{1f3fb}"], // holding hands
    [woman, "\u{1f4bb}"], // technologist
    [man + tone, "\u{2695}" + EMOJI_STYLE], // health worker
    ["\u{1f937}" + tone, "\u{2640}" + EMOJI_STYLE], // shrug
    ["\u{1f575}" + EMOJI_STYLE, "\u{2642}" + EMOJI_STYLE], // detective
    [woman, "\u{1f9b0}"], // red hair
    ["\u{1f3c3}", "\u{2640}" + EMOJI_STYLE, "\u{27a1}" + EMOJI_STYLE], // running to the right
    ["\u{1f3f3}" + EMOJI_STYLE, "\u{1f308}"], // rainbow flag
    ["\u{1f3f4}", "\u{2620}" + EMOJI_STYLE], // pirate flag
    ["\u{1f441}" + EMOJI_STYLE, "\u{1f5e8}" + EMOJI_STYLE], // eye in speech bubble
    [heart, "\u{1f525}"], // heart on fire
    ["\u{1f408}", "\u{2b1b}"], // black cat
    ["\u{1f642}", "\u{2194}" + EMOJI_STYLE], // head shaking
    ["\u{26d3}" + EMOJI_STYLE, "\u{1f4a5}"], // broken chain
    ["\u{1f34b}", "\u{1f7e9}"], // lime
  ].map((parts) => parts.join(ZWJ));
  assertKept(emoji);
  assertKept([emoji.join(""), emoji.join(" and ")]);
});

Deno.test("cleanText() keeps keycaps and flags", () => {
  for (const key of "0123456789#*") assertKept([`${key}${EMOJI_STYLE}\u{20e3}`, `${key}\u{20e3}`]);
  for (let first = 0x1f1e6; first <= 0x1f1ff; first++) {
    assertKept([String.fromCodePoint(first, 0x1f1e6), String.fromCodePoint(first, 0x1f1ff)]);
  }
  const scotland = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";
  assertKept([ENGLAND, scotland, ENGLAND + scotland, `${ENGLAND}!`]);
});

Deno.test("cleanText() leaves of a broken emoji what can be seen", () => {
  assertCleaned([
    [`\u{1f468}${ZWJ}`, "\u{1f468}"],
    [`\u{1f468}${ZWJ}x`, "\u{1f468}x"],
    [`${ZWJ}\u{1f468}`, "\u{1f468}"],
    [`\u{1f468}${ZWJ}${ZWJ}\u{1f467}`, `\u{1f468}${ZWJ}\u{1f467}`],
    [`\u{1f468}\u{202e}${ZWJ}\u{1f467}`, `\u{1f468}${ZWJ}\u{1f467}`],
    [`\u{2764}${EMOJI_STYLE}${EMOJI_STYLE}`, `\u{2764}${EMOJI_STYLE}`],
    [
      `\u{1f468}${EMOJI_STYLE}${TEXT_STYLE}${ZWJ}\u{1f467}`,
      `\u{1f468}${EMOJI_STYLE}${ZWJ}\u{1f467}`,
    ],
    [ENGLAND.slice(0, -2), "\u{1f3f4}"],
    [`${ENGLAND}${ENGLAND.slice(2)}`, ENGLAND],
    ["\u{1f600}\u{e0067}\u{e0062}\u{e0065}\u{e007f}", "\u{1f600}"],
  ]);
});

Deno.test("cleanText() keeps the joiners that a script needs", () => {
  assertKept([
    `\u0645\u06cc${ZWNJ}\u062e\u0648\u0627\u0647\u0645`, // Persian "I want"
    `\u0915\u094d${ZWJ}\u0937`, // Devanagari half form
    `\u0915\u094d${ZWNJ}\u0937`, // Devanagari, kept apart
    `\u0dc1\u0dca${ZWJ}\u0dbb\u0dd3`, // Sinhala "Sri"
    `\u09b0${ZWJ}\u09cd\u09af\u09be\u09ac`, // Bengali ya-phalaa
    `\u0d05\u0d35\u0d28\u0d4d${ZWJ}`, // Malayalam chillu, older spelling, ends the word
    `\u0d05\u0d35\u0d28\u0d4d${ZWJ} \u0d35`,
    `\u1820\u180b\u1828\u180e\u1820`, // Mongolian variant and vowel separator
  ]);
});

Deno.test("cleanText() removes joiners that join nothing", () => {
  assertCleaned([
    [`a${ZWJ}b${ZWNJ}c`, "abc"],
    [`\u0645${ZWNJ}`, "\u0645"],
    [`\u0645${ZWNJ} \u0645`, "\u0645 \u0645"],
    [`\u0645${ZWNJ}${ZWNJ}\u0645`, `\u0645${ZWNJ}\u0645`],
    [`\u4e2d${ZWJ}\u6587`, "\u4e2d\u6587"],
    [`\u0430${ZWNJ}\u0431`, "\u0430\u0431"],
  ]);
});

Deno.test("cleanText() keeps one variation selector after a Han character", () => {
  assertCleaned([
    ["\u8fbb\u{e0100}", "\u8fbb\u{e0100}"],
    ["\u8fbb\ufe00", "\u8fbb\ufe00"],
    ["\u8fbb\u{e0100}\u{e0101}\u{e0102}", "\u8fbb\u{e0100}"],
    ["\u8fbb\u200b\u{e0100}", "\u8fbb\u{e0100}"],
    ["\u3042\u{e0100}", "\u3042"],
    ["a\u{e0100}", "a"],
  ]);
});

Deno.test("cleanText() keeps the world's writing and what only looks odd", () => {
  assertKept([
    "\u4f60\u597d\uff0c\u4e16\u754c\u3000\u3053\u3093\u306b\u3061\u306f",
    "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab",
    "\u0645\u0631\u062d\u0628\u0627 \u0627\u0644\u0633\u0651\u064e\u0644\u0627\u0645",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "Vi\u1ec7t e\u0301\u0323 Z\u0351\u036b\u0343",
    "\u0e19\u0e49\u0e33 \u1000\u103b\u103d\u1014\u103a \u0f56\u0f7c\u0f51",
    "\u00a0\u2003\u2800\ufffc\ufffd\u{e000}\u0600\u06dd",
    "\u{1d54f} \u2211 \u2192 \u2588",
  ]);
});

Deno.test("cleanText() lets nothing forbidden through", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const cleaned = cleanText(text);
      assert(!FORBIDDEN.test(cleaned), `left in ${JSON.stringify(cleaned)}`);
      assert(cleaned.isWellFormed());
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("cleanText() changes nothing the second time", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assertEquals(cleanText(cleanText(text)), cleanText(text));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("cleanText() leaves clean texts clean when they are put together", () => {
  fc.assert(
    fc.property(anyText, anyText, (first, second) => {
      const both = cleanText(first) + cleanText(second);
      assertEquals(cleanText(both), both);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("cleanText() only takes away, and never makes a text longer", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const cleaned = cleanText(text);
      assert(countBytes(cleaned) <= countBytes(text));
      const before = [...text.toWellFormed().replace(/[\t\u2028\u2029]/g, " ")];
      for (const character of cleaned) {
        const index = before.indexOf(character);
        assert(index >= 0, `${JSON.stringify(character)} came from nowhere`);
        before.splice(0, index + 1);
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("cleanText() leaves alone every text without forbidden code points", () => {
  const harmless = fc.string({ unit: "binary" }).filter((text) =>
    !/[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufff9-\ufffb]/u
      .test(text)
  );
  fc.assert(fc.property(harmless, (text) => assertEquals(cleanText(text), text)));
});

Deno.test("cleanText() gets through ten lines' worth of hostile text", () => {
  // Each would keep a backtracking or rescanning cleaner busy for a minute.
  const length = 10 * LINE_BYTES_MAX;
  for (
    const piece of [
      ...["\x1b", "\x1b[", "\x1b]", "\x1bP", "\x9d", "\x9b1", "\x1b ", "\x1b]0;x\x1b[1"],
      ...[ZWJ, `\u0645${ZWNJ}`, "\u200b", EMOJI_STYLE, "\u{e0067}", "\u{1f3f4}\u{e0067}\u{e0062}"],
      ...[`\u{1f468}${ZWJ}`, "\u{1f3fd}", "\t", "\ud83d", "e\u0301"],
    ]
  ) {
    const text = piece.repeat(Math.ceil(length / piece.length));
    const cleaned = cleanText(text);
    assertEquals(cleanText(cleaned), cleaned);
  }
  assertEquals(cleanText(`\x1b]${"a".repeat(length)}`).length, length);
  assertEquals(cleanText(`\x1b[${"1".repeat(length)}`).length, length);
  assertEquals(cleanText(`\x1b${" ".repeat(length)}`).length, length);
  assertEquals(cleanText(`\u0645${ZWNJ.repeat(length)}`), "\u0645");
});
