// Styled lines: what they say, how wide they are, and how they are cut and filled.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import stringWidth from "string-width";
import { cutToWidth, graphemesOf, textWidth } from "../../lib/terminal/graphemes.ts";
import {
  fillLine,
  fitLine,
  lineWidth,
  nameRole,
  plainLine,
  span,
  textOf,
} from "../../lib/terminal/styled.ts";
import { cleanText } from "../../lib/text.ts";
import { TEXTS } from "./styled_texts.ts";

/** Clean texts, as they come from the server. */
const CLEAN = TEXTS.map(cleanText);
const COLUMNS = fc.nat(50);

Deno.test("a text is as wide as its graphemes, and as string-width says", () => {
  fc.assert(fc.property(CLEAN, (text) => {
    const parts = [...graphemesOf(text)];
    assertEquals(parts.map((part) => part.text).join(""), text);
    assertEquals(parts.reduce((sum, part) => sum + part.width, 0), textWidth(text));
    assertEquals(textWidth(text), stringWidth(text));
  }));
});

Deno.test("graphemes are those of the runtime's segmenter, in texts of any script", () => {
  const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
  const texts = fc.oneof(
    CLEAN,
    fc.stringMatching(/^[ -~\u3001-\u30ff\u4e00-\u4e50\uac00-\uac50\u1100-\u11ff\uff01-\uff9f]*$/),
  );
  fc.assert(fc.property(texts, (text) => {
    assertEquals(
      [...graphemesOf(text)],
      [...segmenter.segment(text)].map((part) => ({
        text: part.segment,
        width: stringWidth(part.segment),
      })),
    );
  }));
});

Deno.test("a text is cut where it no longer fits, between graphemes", () => {
  fc.assert(fc.property(CLEAN, COLUMNS, (text, columns) => {
    const cut = cutToWidth(text, columns);
    assert(text.startsWith(cut));
    assert(textWidth(cut) <= columns);
    const next = [...graphemesOf(text.slice(cut.length))][0];
    if (next !== undefined) assert(textWidth(cut) + next.width > columns);
  }));
});

Deno.test("a fitted line is no wider than asked, and the same where it fits", () => {
  fc.assert(fc.property(CLEAN, CLEAN, COLUMNS, (first, second, columns) => {
    const line = [span(first, "text"), span(second, "link")];
    const fitted = fitLine(line, columns);
    assert(lineWidth(fitted) <= columns);
    if (lineWidth(line) <= columns) assertEquals(fitted, line);
  }));
});

Deno.test("a filled line is exactly as wide as asked", () => {
  fc.assert(fc.property(CLEAN, COLUMNS, (text, columns) => {
    assertEquals(lineWidth(fillLine(plainLine(text), columns, "bar")), columns);
  }));
});

Deno.test("dots say where a line was cut, and there is no room for them in few columns", () => {
  assertEquals(textOf(fitLine(plainLine("abcdefgh"), 6)), "abc...");
  assertEquals(textOf(fitLine(plainLine("abcdefgh"), 5)), "abcde");
  assertEquals(textOf(fitLine(plainLine("\u{65e5}\u{672c}\u{8a9e}\u{6587}"), 6)), "\u{65e5}...");
  assertEquals(fitLine(plainLine("abc"), 0), [{ text: "", role: "text" }]);
});

Deno.test("spans are clean", () => {
  assertEquals(span("a\x1b[31mb\nc\u{202e}", "text").text, "abc");
});

Deno.test("a name has the same colour in whatever case", () => {
  assertEquals(nameRole("Ann"), nameRole("ann"));
  const roles = Array.from({ length: 100 }, (_, index) => nameRole(`guest${index}`));
  assertEquals(new Set(roles).size, 8);
});
