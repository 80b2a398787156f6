/**
 * The text that is being typed: editing, history, undo, and its rows on the screen.
 *
 * Promises that the cursor never stands inside of what a reader takes for one
 * character, that the text never grows beyond what the server takes
 * ({@linkcode fits}), and that a key costs no more than the text is long.
 * Pure. Must not know: the terminal, what becomes of the text.
 *
 * @module
 */

import {
  CLIENT_HISTORY_LINES,
  LINE_BYTES_MAX,
  MESSAGE_LINES_MAX,
  REQUEST_FRAME_BYTES,
  UNDO_STEPS_MAX,
} from "../limits.ts";
import { cleanText } from "../text.ts";
import { graphemesOf, isPrintableAscii, textWidth } from "./graphemes.ts";
import type { Key } from "./keys.ts";
import { type CursorPlace, fitLine, lineWidth, type StyledLine } from "./styled.ts";

/** How a text is shown. */
export interface EditorLook {
  /** What stands before the first row; cut where it takes more than half of the width. */
  readonly prompt: StyledLine;
  /** From this offset on each character is shown as {@linkcode MASK_DOT}; null to show all. */
  readonly mask: number | null;
}

/** The rows of a text. */
export interface EditorRows {
  /** One at least; none is wider than was asked for. */
  readonly lines: readonly StyledLine[];
  /** Where the cursor is in them. */
  readonly cursor: CursorPlace;
}

/** What is shown for each character of a secret. */
export const MASK_DOT = "*";

/** The longest that a code unit gets in JSON. */
const ESCAPED_BYTES_MAX = 6;
const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });
const WORD = /^[\p{L}\p{M}\p{N}_]$/u;
const SPACE = /^\s$/u;
const HAS_SPACE = /\s/u;
const CONTROLS = /[^\P{Cc}\n]/gu;
const LINE_ENDS = /\r\n?/g;
const encoder = new TextEncoder();

/**
 * Whether the server takes a text as one request: it is given as JSON, in a line
 * of at most {@linkcode LINE_BYTES_MAX} bytes, and has at most
 * {@linkcode MESSAGE_LINES_MAX} lines.
 */
export function fits(text: string): boolean {
  const bytesMax = LINE_BYTES_MAX - REQUEST_FRAME_BYTES;
  if (text.length > bytesMax) return false;
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  if (lines > MESSAGE_LINES_MAX) return false;
  return text.length * ESCAPED_BYTES_MAX + 2 <= bytesMax ||
    encoder.encode(JSON.stringify(text)).length <= bytesMax;
}

/** A text and where the cursor is in it. */
interface Draft {
  readonly text: string;
  /** In code units, from 0 to the length of the text. */
  readonly cursor: number;
}

/** A part of the text that is one row on the screen. */
interface Row {
  /** Offset of its first code unit. */
  readonly start: number;
  /** Offset behind its last one; the line end is in no row. */
  readonly end: number;
  /** The column in which it begins. */
  readonly indent: number;
  readonly shown: string;
}

/** What was done last, where that matters to what is done next. */
type Act = "typed" | "cut" | "up or down" | "other";

const EMPTY: Draft = { text: "", cursor: 0 };

/**
 * An editor of one text of one or more lines, with the keys of Emacs and readline.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LineEditor } from "./line_editor.ts";
 *
 * const editor = new LineEditor();
 * editor.insert("hello wrld");
 * editor.press("alt-b");
 * editor.press("right");
 * editor.insert("o");
 * assertEquals(editor.text, "hello world");
 * assertEquals(editor.take(), "hello world");
 * editor.press("up");
 * assertEquals(editor.text, "hello world");
 * ```
 */
export class LineEditor {
  readonly #isSecret: (text: string) => boolean;
  #text = "";
  #cursor = 0;
  #act: Act = "other";
  #isFull = false;
  /** What was cut last. */
  #cut = "";
  readonly #undo: Draft[] = [];
  readonly #history: string[] = [];
  /** Which entry of the history is shown; how many there are for none. */
  #entry = 0;
  /** What was being typed before the history was looked through. */
  #draft: Draft = EMPTY;
  /** The column that moving up and down keeps to. */
  #column = 0;
  #width = Infinity;
  #promptWidth = 0;
  #mask: number | null = null;
  /** The rows of the text; null where they have to be made anew. */
  #rows: readonly Row[] | null = null;
  /** The first row that is shown. */
  #top = 0;

  /**
   * Begins with an empty text and no history.
   *
   * @param options `isSecret` tells which texts are not remembered; by default
   *   all are.
   */
  constructor(options: { readonly isSecret?: (text: string) => boolean } = {}) {
    this.#isSecret = options.isSecret ?? (() => false);
  }

  /** What has been typed; its lines are separated by `\n`. */
  get text(): string {
    return this.#text;
  }

  /** Where the cursor is: an offset in code units. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Whether what was typed last found no room, and was left out. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Types a text. Control characters in it are left out, but for line ends.
   *
   * @returns Whether there was room; if not, nothing has changed.
   */
  insert(text: string): boolean {
    return this.replace(this.#cursor, this.#cursor, text);
  }

  /**
   * Puts a text in the place of a part, and the cursor behind it.
   *
   * @param start Offset of the first code unit that goes.
   * @param end Offset behind the last one.
   * @returns See {@linkcode LineEditor.insert}.
   */
  replace(start: number, end: number, text: string): boolean {
    const added = text.replace(LINE_ENDS, "\n").replace(CONTROLS, "");
    const next = this.#text.slice(0, start) + added + this.#text.slice(end);
    this.#isFull = added.length > 0 && !fits(next);
    if (this.#isFull) return false;
    if (next === this.#text) return true;
    const isTyped = start === end;
    // A word is taken back in one go.
    const goesOn = isTyped && this.#act === "typed" && !HAS_SPACE.test(added);
    this.#edit({ text: next, cursor: start + added.length }, goesOn);
    this.#act = isTyped ? "typed" : "other";
    return true;
  }

  /** Throws the text away, as if it had never been typed. */
  clear(): void {
    this.#restart(EMPTY);
    this.#draft = EMPTY;
    this.#entry = this.#history.length;
  }

  /** Takes the text out, and remembers it for the history unless it is blank or secret. */
  take(): string {
    const text = this.#text;
    const isSecret = this.#isSecret(text);
    if (isSecret) this.#cut = "";
    else if (text.trim() !== "" && this.#history.at(-1) !== text) {
      this.#history.push(text);
      if (this.#history.length > CLIENT_HISTORY_LINES) this.#history.shift();
    }
    this.clear();
    return text;
  }

  /**
   * Does what a key does to the text.
   *
   * @returns Whether it is a key of the editor's. `up` and `down` are not where
   *   there is nothing further that way, nor is `ctrl-d` without a text.
   */
  press(key: Key): boolean {
    const last = this.#act;
    this.#act = "other";
    this.#isFull = false;
    switch (key) {
      case "left":
      case "ctrl-b":
        return this.#moveTo(this.#before(this.#cursor));
      case "right":
      case "ctrl-f":
        return this.#moveTo(this.#behind(this.#cursor));
      case "ctrl-left":
      case "alt-left":
      case "alt-b":
        return this.#moveTo(this.#wordStart());
      case "ctrl-right":
      case "alt-right":
      case "alt-f":
        return this.#moveTo(this.#wordEnd());
      case "home":
      case "ctrl-a":
        return this.#moveTo(this.#lineStart(this.#cursor));
      case "end":
      case "ctrl-e":
        return this.#moveTo(this.#lineEnd(this.#cursor));
      case "up":
      case "ctrl-p":
        return this.#moveRows(-1, last);
      case "down":
      case "ctrl-n":
        return this.#moveRows(1, last);
      case "ctrl-j":
      case "alt-enter":
      case "shift-enter":
        this.insert("\n");
        return true;
      case "backspace":
      case "shift-backspace":
        return this.#remove(this.#before(this.#cursor), this.#cursor);
      case "ctrl-d":
        return this.#text !== "" && this.#remove(this.#cursor, this.#behind(this.#cursor));
      case "delete":
        return this.#remove(this.#cursor, this.#behind(this.#cursor));
      case "ctrl-k": {
        const end = this.#lineEnd(this.#cursor);
        return this.#cutOut(this.#cursor, end === this.#cursor ? this.#behind(end) : end, last);
      }
      case "ctrl-u": {
        const start = this.#lineStart(this.#cursor);
        const isThere = start === this.#cursor;
        return this.#cutOut(isThere ? this.#before(start) : start, this.#cursor, last);
      }
      case "ctrl-w":
        return this.#cutOut(this.#spaceEnd(), this.#cursor, last);
      case "alt-backspace":
      case "ctrl-backspace":
        return this.#cutOut(this.#wordStart(), this.#cursor, last);
      case "alt-d":
      case "ctrl-delete":
        return this.#cutOut(this.#cursor, this.#wordEnd(), last);
      case "ctrl-y":
        this.insert(this.#cut);
        this.#act = "other";
        return true;
      case "ctrl-_":
        return this.#takeBack();
      default:
        this.#act = last;
        return false;
    }
  }

  /**
   * The rows to show, with the cursor in one of them.
   *
   * @param width Columns; each row takes this many at most.
   * @param rowsMax Rows that there is room for, at least one. Of more, those
   *   around the cursor are shown.
   */
  layout(width: number, rowsMax: number, look: EditorLook): EditorRows {
    const prompt = fitLine(look.prompt, Math.floor(width / 2));
    const promptWidth = lineWidth(prompt);
    if (width !== this.#width || promptWidth !== this.#promptWidth || look.mask !== this.#mask) {
      this.#width = width;
      this.#promptWidth = promptWidth;
      this.#mask = look.mask;
      this.#rows = null;
    }
    const rows = this.#allRows();
    const place = this.#placeOf(this.#cursor);
    this.#top = Math.min(this.#top, place.row, Math.max(0, rows.length - rowsMax));
    this.#top = Math.max(this.#top, place.row - rowsMax + 1);
    const lines = rows.slice(this.#top, this.#top + rowsMax).map(({ shown }, index) => {
      const line: StyledLine = shown === "" ? [] : [{ text: shown, role: "input" }];
      return index + this.#top === 0 ? [...prompt, ...line] : line;
    });
    return { lines, cursor: { row: place.row - this.#top, column: place.column } };
  }

  /** Changes the text so that it can be taken back; what goes on with the last change is one with it. */
  #edit(next: Draft, goesOn = false): void {
    if (!goesOn) {
      this.#undo.push({ text: this.#text, cursor: this.#cursor });
      if (this.#undo.length > UNDO_STEPS_MAX) this.#undo.shift();
    }
    this.#show(next);
  }

  #takeBack(): boolean {
    const before = this.#undo.pop();
    if (before !== undefined) this.#show(before);
    return true;
  }

  /** Begins anew with another text. */
  #restart(next: Draft): void {
    this.#undo.length = 0;
    this.#act = "other";
    this.#isFull = false;
    this.#show(next);
  }

  #show({ text, cursor }: Draft): void {
    if (text !== this.#text) this.#rows = null;
    this.#text = text;
    // What was put before an accent is one character with it now.
    this.#cursor = this.#isBoundary(cursor) ? cursor : this.#behind(cursor);
  }

  #moveTo(offset: number): true {
    this.#cursor = offset;
    return true;
  }

  #remove(start: number, end: number): true {
    if (start < end) {
      this.#edit({ text: this.#text.slice(0, start) + this.#text.slice(end), cursor: start });
    }
    return true;
  }

  /** Removes a part, for `ctrl-y` to bring back. What is cut out in a row comes back in one. */
  #cutOut(start: number, end: number, last: Act): true {
    if (start === end) return true;
    const part = this.#text.slice(start, end);
    if (last !== "cut") this.#cut = part;
    else this.#cut = end === this.#cursor ? part + this.#cut : this.#cut + part;
    this.#act = "cut";
    return this.#remove(start, end);
  }

  /** Goes to the row above or below, or, where there is none, to another text of the history. */
  #moveRows(step: -1 | 1, last: Act): boolean {
    const place = this.#placeOf(this.#cursor);
    const row = this.#allRows()[place.row + step];
    if (row === undefined) return this.#recall(this.#entry + step);
    if (last !== "up or down") this.#column = place.column;
    this.#act = "up or down";
    return this.#moveTo(this.#offsetIn(row, this.#column));
  }

  #recall(entry: number): boolean {
    if (entry < 0 || entry > this.#history.length) return false;
    if (this.#entry === this.#history.length) {
      this.#draft = { text: this.#text, cursor: this.#cursor };
    }
    this.#entry = entry;
    const text = this.#history[entry];
    this.#restart(text === undefined ? this.#draft : { text, cursor: text.length });
    return true;
  }

  #lineStart(offset: number): number {
    return offset === 0 ? 0 : this.#text.lastIndexOf("\n", offset - 1) + 1;
  }

  #lineEnd(offset: number): number {
    const end = this.#text.indexOf("\n", offset);
    return end < 0 ? this.#text.length : end;
  }

  /** Where the character before an offset begins. */
  #before(offset: number): number {
    return offset === 0 ? 0 : this.#characterAt(offset - 1).start;
  }

  /** Where the character at an offset ends. */
  #behind(offset: number): number {
    return offset >= this.#text.length ? this.#text.length : this.#characterAt(offset).end;
  }

  #isBoundary(offset: number): boolean {
    return offset >= this.#text.length || this.#characterAt(offset).start === offset;
  }

  /** What a reader takes for one character; no line end is part of another one. */
  #characterAt(offset: number): { readonly start: number; readonly end: number } {
    const around = this.#text.slice(Math.max(0, offset - 1), offset + 2);
    if (isPrintableAscii(around) || this.#text[offset] === "\n") {
      return { start: offset, end: offset + 1 };
    }
    const lineStart = this.#lineStart(offset);
    const line = this.#text.slice(lineStart, this.#lineEnd(offset));
    const found = SEGMENTER.segment(line).containing(offset - lineStart);
    const start = lineStart + (found?.index ?? 0);
    return { start, end: start + (found?.segment.length ?? 1) };
  }

  /** Where the word before the cursor begins. */
  #wordStart(): number {
    const end = this.#skipBack(this.#cursor, (char) => !WORD.test(char));
    return this.#startOf(this.#skipBack(end, (char) => WORD.test(char)));
  }

  /** Where what stands between spaces before the cursor begins. */
  #spaceEnd(): number {
    const end = this.#skipBack(this.#cursor, (char) => SPACE.test(char));
    return this.#startOf(this.#skipBack(end, (char) => !SPACE.test(char)));
  }

  /** Where the word behind the cursor ends. */
  #wordEnd(): number {
    let offset = this.#cursor;
    let isInWord = false;
    for (const char of this.#text.slice(offset)) {
      if (isInWord && !WORD.test(char)) break;
      isInWord ||= WORD.test(char);
      offset += char.length;
    }
    return this.#isBoundary(offset) ? offset : this.#behind(offset);
  }

  #skipBack(offset: number, isSkipped: (char: string) => boolean): number {
    while (offset > 0) {
      const isPair = /[\udc00-\udfff]/.test(this.#text[offset - 1] ?? "") &&
        /[\ud800-\udbff]/.test(this.#text[offset - 2] ?? "");
      const start = offset - (isPair ? 2 : 1);
      if (!isSkipped(this.#text.slice(start, offset))) break;
      offset = start;
    }
    return offset;
  }

  #startOf(offset: number): number {
    return offset >= this.#text.length ? offset : this.#characterAt(offset).start;
  }

  /** Every row, as wide as was asked for last. */
  #allRows(): readonly Row[] {
    if (this.#rows !== null) return this.#rows;
    const rows: Row[] = [];
    let start = 0;
    for (const line of this.#text.split("\n")) {
      this.#addRows(line, start, rows);
      start += line.length + 1;
    }
    this.#rows = rows;
    return rows;
  }

  /** Makes rows of a line. The last one has room for the cursor behind it. */
  #addRows(line: string, lineStart: number, rows: Row[]): void {
    let start = lineStart;
    let offset = lineStart;
    let indent = rows.length === 0 ? this.#promptWidth : 0;
    let column = indent;
    let shown = "";
    const endRow = (): void => {
      rows.push({ start, end: offset, indent, shown });
      [start, indent, column, shown] = [offset, 0, 0, ""];
    };
    for (const part of this.#cells(line, lineStart)) {
      // The cursor takes a column even before what is not seen.
      if (column + Math.max(1, part.width) > this.#width && column > 0) endRow();
      shown += part.shown;
      column += part.width;
      offset += part.length;
    }
    if (column >= this.#width) endRow();
    endRow();
  }

  /**
   * How each character of a part of a line is shown. In a text that is not clean,
   * what would turn it round or hide some of it is not shown.
   */
  *#cells(part: string, start: number): Generator<Cell, void, undefined> {
    const isClean = cleanText(part) === part;
    let offset = start;
    for (const { text, width } of graphemesOf(part)) {
      const { length } = text;
      if (this.#mask !== null && offset >= this.#mask) {
        yield { length, shown: MASK_DOT, width: MASK_DOT.length };
      } else if (isClean) yield { length, shown: text, width };
      else {
        const shown = cleanText(text);
        yield { length, shown, width: textWidth(shown) };
      }
      offset += length;
    }
  }

  /** Where an offset is, counted from the first row of the text. */
  #placeOf(offset: number): CursorPlace {
    const rows = this.#allRows();
    const row = rows.findLastIndex(({ start }) => start <= offset);
    const { start, indent } = rows[row] ?? { start: 0, indent: 0 };
    let column = indent;
    for (const { width } of this.#cells(this.#text.slice(start, offset), start)) column += width;
    return { row, column };
  }

  /** The offset of the character in a column of a row, or of the last one where it is shorter. */
  #offsetIn(row: Row, column: number): number {
    let offset = row.start;
    let end = row.indent;
    let last = offset;
    for (const part of this.#cells(this.#text.slice(row.start, row.end), row.start)) {
      end += part.width;
      if (end > column) return offset;
      last = offset;
      offset += part.length;
    }
    // Behind the last character of a row that goes on, the next row begins.
    const goesOn = offset < this.#text.length && this.#text[offset] !== "\n";
    return goesOn ? last : offset;
  }
}

/** A character as it is shown. */
interface Cell {
  /** Its code units in the text. */
  readonly length: number;
  readonly shown: string;
  /** Columns. */
  readonly width: number;
}
