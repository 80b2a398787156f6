/**
 * A paste that is looked at before it is sent: how many lines it has, how it
 * begins, and as how many messages it would go.
 *
 * Promises that no visible character is lost: the messages have every line of
 * the paste in order, and each is one that the server takes.
 * Pure. Must not know: the terminal, the connection.
 *
 * @module
 */

import { PASTE_PREVIEW_LENGTH } from "../limits.ts";
import { cleanText } from "../text.ts";
import { graphemesOf } from "./graphemes.ts";
import type { Key } from "./keys.ts";
import { fits } from "./line_editor.ts";
import { fitLine, plainLine, span, type StyledLine } from "./styled.ts";

/** What a key does with a paste that is shown. */
export type PasteAct =
  /** Sends the messages. */
  | "send"
  /** Throws it away. */
  | "drop"
  /** Puts it into the line editor, where it fits. */
  | "edit";

/** A paste that has not been sent. */
export interface Paste {
  /** The text, cleaned: its lines are separated by `\n`, and blank ones at its ends are gone. */
  readonly text: string;
  /** Its lines. */
  readonly lineCount: number;
  /** As what it would be sent, in order; none where nothing in it is visible. */
  readonly messages: readonly string[];
  /** Whether some of it did not arrive. */
  readonly isCut: boolean;
}

const LINE_ENDS = /\r\n?|\u2028|\u2029/g;
/** A tab moves a message about; indented by this much, code is still read as code. */
const TAB = "    ";
/** More than any writing has: a line of which so much is looked at is cut all the same. */
const CODE_UNITS_PER_COLUMN = 16;
const BLANK_START = /^(?:[^\S\n]*\n)+/u;

/**
 * Reads what was pasted.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readPaste } from "./paste_preview.ts";
 *
 * const paste = readPaste({ text: "one\r\n\ttwo\r\n", isCut: false });
 * assertEquals(paste.messages, ["one\n    two"]);
 * assertEquals(paste.lineCount, 2);
 * ```
 */
export function readPaste(pasted: { readonly text: string; readonly isCut: boolean }): Paste {
  const text = pasted.text.replace(LINE_ENDS, "\n").replaceAll("\t", TAB)
    .split("\n").map(cleanText).join("\n")
    .replace(BLANK_START, "").trimEnd();
  const lines = text.split("\n");
  return { text, lineCount: lines.length, messages: messagesOf(lines), isCut: pasted.isCut };
}

/** Whether a paste is shown before it goes into the line editor: it has several lines, or is long. */
export function wantsPreview({ text, lineCount, isCut }: Paste): boolean {
  return isCut || lineCount > 1 || text.length > PASTE_PREVIEW_LENGTH || !fits(text);
}

/** What a key does while a paste is shown; null for nothing. */
export function pasteActOf(key: Key): PasteAct | null {
  switch (key) {
    case "enter":
      return "send";
    case "escape":
    case "ctrl-c":
      return "drop";
    case "left":
      return "edit";
    default:
      return null;
  }
}

/** What a typed character does while a paste is shown; null for nothing. */
export function pasteActOfText(text: string): PasteAct | null {
  return text.toLowerCase() === "e" ? "edit" : null;
}

/**
 * A paste as it is shown, with what can be done about it in the last row.
 *
 * @param width Columns; each row takes this many at most.
 * @param rowsMax Rows that there is room for; two at least.
 */
export function previewPaste(paste: Paste, width: number, rowsMax: number): StyledLine[] {
  const { lineCount, messages, isCut } = paste;
  const room = Math.max(0, rowsMax - 2);
  const lines = paste.text.split("\n");
  const shown = lines.length <= room ? lines : lines.slice(0, Math.max(0, room - 1));
  const rows: StyledLine[] = [
    plainLine(
      `${count(lineCount, "line")} pasted${isCut ? ", and the end is missing" : ""}:`,
      "bar",
    ),
    ...shown.map((line): StyledLine => [
      span("| ", "prompt"),
      span(line.slice(0, CODE_UNITS_PER_COLUMN * width), "input"),
    ]),
  ];
  const hidden = lineCount - shown.length;
  if (hidden > 0 && room > 0) rows.push(plainLine(`| and ${count(hidden, "more line")}`, "notice"));
  rows.push(plainLine(choicesFor(messages, paste.text), "bar"));
  return rows.map((row) => fitLine(row, width));
}

function choicesFor(messages: readonly string[], text: string): string {
  const edit = fits(text) ? "e edits it, " : "";
  if (messages.length === 0) return "There is nothing to send. Escape drops it.";
  const what = messages.length === 1 ? "it" : `it as ${count(messages.length, "message")}`;
  return `Enter sends ${what}, ${edit}Escape drops it.`;
}

/** As many lines as the server takes make a message; a line that is too long makes several. */
function messagesOf(lines: readonly string[]): string[] {
  const messages: string[] = [];
  let message: string[] = [];
  const end = (): void => {
    const text = message.join("\n");
    // Nobody can say what nobody sees.
    if (text.trim() !== "") messages.push(text);
    message = [];
  };
  for (const line of lines) {
    if (message.length > 0 && !fits(`${message.join("\n")}\n${line}`)) end();
    const parts = fits(line) ? [line] : splitLine(line);
    for (const part of parts) {
      if (parts.length > 1) end();
      message.push(part);
    }
  }
  end();
  return messages;
}

/** Splits a line that is too long between what readers take for characters. */
function splitLine(line: string): string[] {
  const parts: string[] = [];
  let rest = line;
  while (!fits(rest)) {
    const part = rest.slice(0, lengthThatFits(rest));
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return [...parts, rest];
}

/** The longest beginning that fits, of whole characters as far as there are any that do. */
function lengthThatFits(text: string): number {
  let [low, high] = [1, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(text.slice(0, middle))) low = middle;
    else high = middle - 1;
  }
  let length = 0;
  for (const grapheme of graphemesOf(text.slice(0, low))) {
    if (length + grapheme.text.length >= low) break;
    length += grapheme.text.length;
  }
  // Half of a surrogate pair is longer in JSON than all of it, so none is split here either.
  return length === 0 ? low : length;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
