// What one types: each key as a row of a table, then as properties that the cursor is never inside
// of a character, that rows show the text and the cursor where it is, and that nothing grows.

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { CLIENT_HISTORY_LINES, LINE_BYTES_MAX, MESSAGE_LINES_MAX } from "../../lib/limits.ts";
import type { Key } from "../../lib/terminal/keys.ts";
import { graphemesOf, textWidth } from "../../lib/terminal/graphemes.ts";
import { type EditorLook, fits, LineEditor } from "../../lib/terminal/line_editor.ts";
import { lineWidth, plainLine, textOf } from "../../lib/terminal/styled.ts";
import { cleanText } from "../../lib/text.ts";

const LOOK: EditorLook = { prompt: [], mask: null };

/** An editor with a text and its cursor where the text has a `|`. */
function editorWith(marked: string): LineEditor {
  const editor = new LineEditor();
  const [before = "", behind = ""] = marked.split("|");
  editor.insert(behind);
  editor.press("home");
  while (editor.cursor > 0) editor.press("left");
  editor.insert(before);
  return editor;
}

function marked(editor: LineEditor): string {
  return `${editor.text.slice(0, editor.cursor)}|${editor.text.slice(editor.cursor)}`;
}

function rowsOf(editor: LineEditor, width: number, rowsMax = 100): string[] {
  return editor.layout(width, rowsMax, LOOK).lines.map(textOf);
}

const FAMILY = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";

const CASES: readonly [before: string, keys: Key[], after: string][] = [
  ["ab|", ["left"], "a|b"],
  ["|ab", ["left"], "|ab"],
  ["a|b", ["right", "ctrl-f"], "ab|"],
  [`a${FAMILY}|b`, ["left"], `a|${FAMILY}b`],
  ["e\u0301|", ["ctrl-b"], "|e\u0301"],
  ["|\u{1f1e8}\u{1f1ed}\u{1f1e9}\u{1f1ea}", ["right"], "\u{1f1e8}\u{1f1ed}|\u{1f1e9}\u{1f1ea}"],
  ["a\n|b", ["left"], "a|\nb"],
  [`a${FAMILY}|b`, ["backspace"], "a|b"],
  ["a|e\u0301b", ["delete"], "a|b"],
  ["a|\nb", ["delete"], "a|b"],
  ["a|b", ["ctrl-d"], "a|"],
  ["one, two|", ["alt-b"], "one, |two"],
  ["one, |two", ["ctrl-left"], "|one, two"],
  ["|one, two", ["alt-f", "alt-right"], "one, two|"],
  ["one|, two", ["ctrl-right"], "one, two|"],
  ["|one\u200d two", ["alt-f"], "one\u200d| two"],
  [`${FAMILY} \u00fcber|`, ["alt-b", "alt-b"], `|${FAMILY} \u00fcber`],
  ["one\ntwo|", ["home"], "one\n|two"],
  ["|one\ntwo", ["ctrl-e"], "one|\ntwo"],
  ["one tw|o", ["ctrl-k"], "one tw|"],
  ["one|\ntwo", ["ctrl-k"], "one|two"],
  ["one tw|o", ["ctrl-u"], "|o"],
  ["one\n|two", ["ctrl-u"], "one|two"],
  ["one http://two|", ["ctrl-w"], "one |"],
  ["one http://two|", ["alt-backspace"], "one http://|"],
  ["one| two three", ["alt-d"], "one| three"],
  ["one two|", ["ctrl-w", "ctrl-w", "ctrl-y", "ctrl-y"], "one twoone two|"],
  ["|one two", ["alt-d", "alt-d", "ctrl-y"], "one two|"],
  ["one two|", ["ctrl-w", "left", "ctrl-w", "ctrl-y"], "one| "],
  ["a|b", ["alt-enter"], "a\n|b"],
  ["a|b", ["ctrl-j", "shift-enter"], "a\n\n|b"],
  ["abc\nde|", ["up"], "ab|c\nde"],
  ["abc\nd\nef|g", ["up", "up"], "ab|c\nd\nefg"],
  ["a|b\nc", ["down"], "ab\nc|"],
  ["\u4e2d\u4e2d\nab|c", ["up"], "\u4e2d|\u4e2d\nabc"],
  ["|a\nb", ["up"], "|a\nb"],
  ["a\nb|", ["down"], "a\nb|"],
];

Deno.test("LineEditor does what each key is for", async (t) => {
  for (const [before, keys, after] of CASES) {
    await t.step(`${JSON.stringify(before)} ${keys.join(" ")}`, () => {
      const editor = editorWith(before);
      assertEquals(marked(editor), before);
      for (const key of keys) editor.press(key);
      assertEquals(marked(editor), after);
    });
  }
});

Deno.test("LineEditor leaves the keys of others to them", () => {
  const editor = new LineEditor();
  const others: Key[] = ["enter", "tab", "shift-tab", "escape", "ctrl-c", "page-up", "f1", "alt-x"];
  for (const key of [...others, "ctrl-d", "up", "down"] as Key[]) {
    assert(!editor.press(key), key);
  }
  editor.insert("a");
  assert(editor.press("ctrl-d"));
  assert(editor.press("left") && editor.press("left"));
});

Deno.test("LineEditor types no control character", () => {
  const editor = new LineEditor();
  assert(editor.insert("a\tb\x1b[31m\u0085c\r\nd\re\x00"));
  assertEquals(editor.text, "ab[31mc\nd\ne");
});

Deno.test("LineEditor keeps the cursor out of a character that what is typed completes", () => {
  const editor = editorWith("|\u0301b");
  editor.insert("e");
  assertEquals(marked(editor), "e\u0301|b");
  assert(editor.press("backspace"));
  assertEquals(marked(editor), "|b");
});

Deno.test("LineEditor goes through rows, then through history, and back to what was typed", () => {
  const editor = new LineEditor();
  for (const text of ["one", "two\nlines", "two\nlines", "  "]) {
    editor.insert(text);
    assertEquals(editor.take(), text);
    assertEquals(editor.text, "");
  }
  editor.insert("draft\nof two");
  editor.press("left");
  const shown: string[] = [];
  for (let count = 0; count < 5; count++) {
    assertEquals(editor.press("up"), count < 4);
    shown.push(marked(editor));
  }
  assertEquals(shown, [
    "draft|\nof two",
    "two\nlines|",
    "two|\nlines",
    "one|",
    "one|",
  ]);
  assert(editor.press("down"));
  assertEquals(marked(editor), "two\nlines|");
  assert(editor.press("down"));
  assertEquals(marked(editor), "draft|\nof two");
  assert(editor.press("down"));
  assert(!editor.press("down"));
});

Deno.test("LineEditor goes through the rows of a long line by their columns", () => {
  const editor = new LineEditor();
  editor.insert("0123456789abcdefghij");
  rowsOf(editor, 8);
  editor.press("up");
  assertEquals(marked(editor), "0123456789ab|cdefghij");
  editor.press("up");
  assertEquals(marked(editor), "0123|456789abcdefghij");
  editor.press("down");
  editor.press("down");
  assertEquals(marked(editor), "0123456789abcdefghij|");
  // A row that a wide character has left a column of: what is behind its end is in the next row.
  const wide = editorWith("a\u4e2d\u4e2db|cd");
  assertEquals(rowsOf(wide, 4), ["a\u4e2d", "\u4e2dbc", "d"]);
  wide.press("up");
  assertEquals(marked(wide), "a|\u4e2d\u4e2dbcd");
});

Deno.test("LineEditor remembers no secrets, and so many texts at the most", () => {
  const editor = new LineEditor({ isSecret: (text) => text.startsWith("/login ") });
  for (let count = 0; count <= CLIENT_HISTORY_LINES; count++) {
    editor.insert(`${count}`);
    editor.take();
  }
  editor.insert("/login hunter22");
  editor.press("ctrl-w");
  editor.press("ctrl-y");
  assertEquals(editor.take(), "/login hunter22");
  editor.press("ctrl-_");
  editor.press("ctrl-y");
  assertEquals(editor.text, "");
  const seen: string[] = [];
  while (editor.press("up")) seen.push(editor.text);
  assertEquals([seen[0], seen.at(-1), seen.length], [
    `${CLIENT_HISTORY_LINES}`,
    "1",
    CLIENT_HISTORY_LINES,
  ]);
});

Deno.test("LineEditor forgets what is thrown away", () => {
  const editor = editorWith("gone|");
  editor.clear();
  for (const key of ["up", "ctrl-_", "ctrl-y"] as Key[]) editor.press(key);
  assertEquals(editor.text, "");
});

Deno.test("LineEditor takes back a word at a time", () => {
  const editor = new LineEditor();
  for (const char of "one two") editor.insert(char);
  editor.press("ctrl-w");
  const shown: string[] = [];
  for (let count = 0; count < 4; count++) {
    editor.press("ctrl-_");
    shown.push(marked(editor));
  }
  assertEquals(shown, ["one two|", "one|", "|", "|"]);
});

Deno.test("LineEditor replaces a part, as completion does", () => {
  const editor = editorWith("hi an|, all");
  assert(editor.replace(3, 5, "ann: "));
  assertEquals(marked(editor), "hi ann: |, all");
  editor.press("ctrl-_");
  assertEquals(marked(editor), "hi an|, all");
});

Deno.test("fits() holds what the server takes, and the editor no more", () => {
  for (const char of ["a", "\u4e2d", '"', "\u{1f600}"]) {
    const editor = new LineEditor();
    let added = 1024;
    while (added > 0) {
      while (editor.insert(char.repeat(added)));
      added = Math.floor(added / 2);
    }
    const request = { type: "command", name: "account", args: editor.text, ref: 1e15 };
    const line = JSON.stringify({ ...request, room: `#${"\u{1f600}".repeat(24)}` });
    const bytes = new TextEncoder().encode(line).length;
    assertLessOrEqual(bytes, LINE_BYTES_MAX);
    assertGreater(bytes, 0.9 * LINE_BYTES_MAX);
    assert(fits(editor.text) && !fits(editor.text + char));
    const full = editor.text;
    assert(editor.isFull);
    editor.press("left");
    assert(!editor.isFull);
    editor.insert(char);
    assert(editor.isFull);
    editor.press("right");
    assertEquals(editor.text, full);
  }
  assert(fits("\n".repeat(MESSAGE_LINES_MAX - 1)));
  assert(!fits("\n".repeat(MESSAGE_LINES_MAX)));
  const editor = new LineEditor();
  for (let count = 1; count < MESSAGE_LINES_MAX; count++) editor.press("ctrl-j");
  assert(!editor.isFull);
  editor.press("ctrl-j");
  assert(editor.isFull);
  assertEquals(editor.text.length, MESSAGE_LINES_MAX - 1);
});

Deno.test("LineEditor wraps at the width, and has room for the cursor at the end", () => {
  const editor = new LineEditor();
  editor.insert("abcdefgh");
  const prompt = plainLine("me> ", "prompt");
  assertEquals(editor.layout(8, 9, { prompt, mask: null }), {
    lines: [[...prompt, { text: "abcd", role: "input" }], [{ text: "efgh", role: "input" }]],
    cursor: { row: 1, column: 4 },
  });
  assertEquals(editor.layout(8, 9, LOOK), {
    lines: [[{ text: "abcdefgh", role: "input" }], []],
    cursor: { row: 1, column: 0 },
  });
  editor.clear();
  editor.insert("a\u4e2d\u4e2d\u4e2d");
  assertEquals(rowsOf(editor, 4), ["a\u4e2d", "\u4e2d\u4e2d", ""]);
  // A prompt that is too long leaves room for the text.
  const long = editor.layout(12, 9, { prompt: plainLine("a very long prompt"), mask: null });
  assertEquals(long.lines.map(textOf), ["a v...a\u4e2d\u4e2d", "\u4e2d"]);
});

Deno.test("LineEditor shows the rows around the cursor where there is no room for all", () => {
  const editor = new LineEditor();
  editor.insert("1\n2\n3\n4\n5");
  const shown = (): (string[] | number)[] => {
    const { lines, cursor } = editor.layout(10, 2, LOOK);
    return [lines.map(textOf), cursor.row];
  };
  assertEquals(shown(), [["4", "5"], 1]);
  editor.press("up");
  assertEquals(shown(), [["4", "5"], 0]);
  editor.press("up");
  assertEquals(shown(), [["3", "4"], 0]);
  editor.press("down");
  assertEquals(shown(), [["3", "4"], 1]);
  editor.clear();
  assertEquals(shown(), [[""], 0]);
});

Deno.test("LineEditor shows a secret as dots", () => {
  const editor = new LineEditor();
  editor.insert("/login \u4e2de\u0301x");
  assertEquals(editor.layout(9, 9, { prompt: [], mask: 7 }), {
    lines: [[{ text: "/login **", role: "input" }], [{ text: "*", role: "input" }]],
    cursor: { row: 1, column: 1 },
  });
  editor.press("left");
  editor.press("left");
  const { cursor } = editor.layout(40, 9, { prompt: [], mask: 7 });
  assertEquals(cursor, { row: 0, column: 8 });
});

const KEYS: readonly Key[] = [
  ...new Set([...CASES.flatMap(([, keys]) => keys), "ctrl-p", "ctrl-n", "ctrl-_"] as Key[]),
];
const TEXT = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("\n", "word ", FAMILY, "\u0301", "\u200d", "\u202e", "\u{1f1e8}", "\u0600a"),
);
const ACTS = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ insert: TEXT }) },
    { weight: 5, arbitrary: fc.record({ press: fc.constantFrom(...KEYS) }) },
    { weight: 1, arbitrary: fc.record({ take: fc.constant(null) }) },
  ),
  { maxLength: 40 },
);

/** Each character of a text with what is shown of it: no more than is clean. */
function shownCharacters(text: string): { offset: number; shown: string }[] {
  let offset = 0;
  return text.split("\n").flatMap((line) => {
    const isClean = cleanText(line) === line;
    const characters = [...graphemesOf(line)].map(({ text: char }) => {
      const shown = isClean ? char : cleanText(char);
      offset += char.length;
      return { offset: offset - char.length, shown };
    });
    offset++;
    return characters;
  });
}

Deno.test("LineEditor shows its text and its cursor, whatever is done", () => {
  const size = fc.record({ width: fc.integer({ min: 4, max: 20 }), prompt: fc.nat(12) });
  fc.assert(
    fc.property(ACTS, size, (acts, { width, prompt }) => {
      const editor = new LineEditor();
      const look = { prompt: plainLine("p".repeat(prompt), "prompt"), mask: null };
      for (const act of acts) {
        if ("insert" in act) editor.insert(act.insert);
        else if ("press" in act) editor.press(act.press);
        else editor.take();

        const { text, cursor } = editor;
        const ends = new Set([0]);
        let at = 0;
        for (const line of text.split("\n")) {
          for (const { text: part } of graphemesOf(line)) ends.add(at += part.length);
          ends.add(++at);
        }
        assert(ends.has(cursor), `${JSON.stringify(text)} at ${cursor}`);

        const { lines, cursor: place } = editor.layout(width, 1_000, look);
        for (const line of lines) assertLessOrEqual(lineWidth(line), width);
        const shown = lines.map((line) => line.filter(({ role }) => role === "input"));
        const characters = shownCharacters(text);
        assertEquals(
          shown.map(textOf).join(""),
          characters.map((each) => each.shown).join(""),
        );
        assertLessOrEqual(place.column, width - 1);
        // What stands before the cursor on the screen is what stands before it in the text.
        const above = shown.slice(0, place.row).map(textOf).join("");
        const before = characters.filter(({ offset }) => offset < cursor)
          .map((each) => each.shown);
        assert(before.join("").startsWith(above));
        let column = place.row === 0 ? Math.min(prompt, Math.floor(width / 2)) : 0;
        let length = 0;
        for (const char of before) {
          if (length >= above.length) column += textWidth(char);
          length += char.length;
        }
        assertEquals(place.column, column);

        const part = editor.layout(width, 3, look);
        assertLessOrEqual(part.lines.length, 3);
        const top = place.row - part.cursor.row;
        assertEquals(part.lines, lines.slice(top, top + part.lines.length));
        assertEquals(part.lines.length, Math.min(3, lines.length));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("LineEditor takes back every change", () => {
  fc.assert(
    fc.property(ACTS, (acts) => {
      const editor = new LineEditor();
      for (const act of acts) {
        if ("insert" in act) editor.insert(act.insert);
        else if ("press" in act && !/up|down|ctrl-[pn_]/.test(act.press)) editor.press(act.press);
      }
      for (let count = 0; count < acts.length; count++) editor.press("ctrl-_");
      assertEquals(editor.text, "");
    }),
  );
});
