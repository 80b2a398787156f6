// What becomes of a paste before it is sent: how it is cleaned, what is shown of it, and as how
// many messages it goes; nothing visible is lost on the way.

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { MESSAGE_LINES_MAX, PASTE_PREVIEW_LENGTH } from "../../lib/limits.ts";
import type { Key } from "../../lib/terminal/keys.ts";
import { fits } from "../../lib/terminal/line_editor.ts";
import {
  type Paste,
  pasteActOf,
  pasteActOfText,
  previewPaste,
  readPaste,
  wantsPreview,
} from "../../lib/terminal/paste_preview.ts";
import { lineWidth, textOf } from "../../lib/terminal/styled.ts";
import { cleanText } from "../../lib/text.ts";

function read(text: string): Paste {
  return readPaste({ text, isCut: false });
}

/** All of a text that is not space, which is what people see. */
function visible(text: string): string {
  return text.replaceAll(/\s/gu, "");
}

Deno.test("readPaste() cleans a text, and keeps its lines and its indents", () => {
  assertEquals(
    read("\n  \n  if x:\r\n\t\x1b[31mreturn\x1b[0m\r\r\rend \x07\n\n").text,
    "  if x:\n    return\n\n\nend",
  );
  assertEquals(read("a\u202eb").text, "ab");
});

Deno.test("wantsPreview() lets a short line pass, and shows anything more", () => {
  assert(!wantsPreview(read("one line\n")));
  assert(!wantsPreview(read("x".repeat(PASTE_PREVIEW_LENGTH))));
  assert(wantsPreview(read("x".repeat(PASTE_PREVIEW_LENGTH + 1))));
  assert(wantsPreview(read("two\nlines")));
  assert(wantsPreview(readPaste({ text: "cut", isCut: true })));
});

Deno.test("readPaste() makes one message of what the server takes as one", () => {
  const lines = Array.from({ length: MESSAGE_LINES_MAX }, (_, index) => `line ${index}`);
  assertEquals(read(lines.join("\n")).messages, [lines.join("\n")]);
  assertEquals(read([...lines, "last"].join("\n")).messages, [lines.join("\n"), "last"]);
  assertEquals(read(" \n \n").messages, []);
  assertEquals(read("\n".repeat(300) + "a").messages, ["a"]);
  assertEquals(read("a" + "\n".repeat(300) + "b").messages.map((each) => each.trim()), ["a", "b"]);
});

Deno.test("readPaste() splits a line that is too long between characters", () => {
  const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
  const { messages } = read(`before\n${family.repeat(2_000)}\nbehind`);
  assertGreater(messages.length, 2);
  assertEquals(messages[0], "before");
  assert(messages.at(-1)?.endsWith(`${family}\nbehind`));
  for (const message of messages.slice(1, -1)) assertEquals(message.replaceAll(family, ""), "");
  // What has no place to be split is split anywhere but in a code point.
  const accents = read("e" + "\u{1d165}".repeat(10_000)).messages;
  assertGreater(accents.length, 1);
  for (const message of accents) assert(message.isWellFormed());
});

Deno.test("readPaste() loses nothing that is seen, and makes messages that the server takes", () => {
  const unit = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("\n", "\r\n", "\n\n\n", "\t", " "),
    fc.nat(400).map((times) => "line\n".repeat(times)),
    fc.nat(9_000).map((times) => "\u4e2d".repeat(times)),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
      const pasted = units.join("");
      const { text, lineCount, messages } = read(pasted);
      const clean = pasted.split(/\r\n|[\n\r]/).map(cleanText).join("\n");
      assertEquals(visible(text), visible(clean));
      assertEquals(visible(messages.join("\n")), visible(text));
      assertEquals(lineCount, text.split("\n").length);
      for (const message of messages) {
        assert(fits(message));
        assert(message.trim() !== "");
      }
      if (fits(text) && text !== "") assertEquals(messages, [text]);
    }),
  );
});

Deno.test("previewPaste() shows how a paste begins, and what can be done about it", () => {
  const rows = (paste: Paste, width = 60, rowsMax = 5): string[] =>
    previewPaste(paste, width, rowsMax).map(textOf);
  assertEquals(rows(read("one\ntwo")), [
    "2 lines pasted:",
    "| one",
    "| two",
    "Enter sends it, e edits it, Escape drops it.",
  ]);
  assertEquals(rows(read("1\n2\n3\n4")), [
    "4 lines pasted:",
    "| 1",
    "| 2",
    "| and 2 more lines",
    "Enter sends it, e edits it, Escape drops it.",
  ]);
  assertEquals(rows(readPaste({ text: "x\n".repeat(MESSAGE_LINES_MAX + 1), isCut: true })), [
    `${MESSAGE_LINES_MAX + 1} lines pasted, and the end is missing:`,
    "| x",
    "| x",
    `| and ${MESSAGE_LINES_MAX - 1} more lines`,
    "Enter sends it as 2 messages, Escape drops it.",
  ]);
  assertEquals(rows(read("  ")).at(-1), "There is nothing to send. Escape drops it.");
});

Deno.test("previewPaste() fits the room that there is", () => {
  const text = fc.array(fc.string({ unit: "grapheme" })).map((lines) => lines.join("\n"));
  const room = fc.record({ width: fc.integer({ min: 1, max: 40 }), rows: fc.integer({ min: 2 }) });
  fc.assert(
    fc.property(text, room, (text, { width, rows }) => {
      const shown = previewPaste(read(text), width, rows);
      assertLessOrEqual(shown.length, rows);
      for (const row of shown) assertLessOrEqual(lineWidth(row), width);
    }),
  );
  const wide = previewPaste(read("\u4e2d".repeat(20_000)), 20, 5);
  assertEquals(wide.map(textOf)[1], `| ${"\u4e2d".repeat(7)}...`);
});

Deno.test("a paste is sent, edited or dropped by a key, and left alone by others", () => {
  const acts = ["enter", "escape", "ctrl-c", "left", "tab"].map((key) => pasteActOf(key as Key));
  assertEquals(acts, ["send", "drop", "drop", "edit", null]);
  assertEquals(["e", "E", "x", "ee"].map(pasteActOfText), ["edit", "edit", null, null]);
});
