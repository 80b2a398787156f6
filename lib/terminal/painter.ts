/**
 * Frames, turned into the fewest bytes that make a terminal show them.
 *
 * Promises that after its bytes the terminal shows the frame, whatever it showed
 * before if {@linkcode FramePainter.forget} was called, and otherwise if all
 * bytes of the frames before were written. Only rows that changed are written,
 * none where nothing changed, and no row is wider than the terminal.
 * Where a terminal may take another width for a character than we do, what
 * follows it is put in its column all the same.
 * Pure. Must not know: the terminal, colours, what is shown.
 *
 * @module
 */

import { graphemesOf, isPrintableAscii } from "./graphemes.ts";
import { type CursorPlace, fitLine, lineWidth, type Role, type StyledLine } from "./styled.ts";

/** All that a terminal is to show. */
export interface Frame {
  /** Columns of the terminal. */
  readonly columns: number;
  /** Rows of the terminal. */
  readonly rows: number;
  /** The rows from the top; missing ones are empty, and what is too much is not shown. */
  readonly lines: readonly StyledLine[];
  /** Where the cursor is; null for none. */
  readonly cursor: CursorPlace | null;
}

/** All between these two is shown at once, by terminals that know them; others pass them over. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const PLAIN = "\x1b[0m";
const CLEAR_SCREEN = "\x1b[2J";
/** From the cursor to the end of the row. */
const CLEAR_REST = "\x1b[K";

/**
 * Turns frames into bytes, each with regard to the one before.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FramePainter } from "./painter.ts";
 * import { plainLine } from "./styled.ts";
 *
 * const painter = new FramePainter((role) => role === "error" ? "31" : "");
 * const frame = { columns: 20, rows: 2, lines: [plainLine("hello")], cursor: null };
 * painter.paint(frame);
 * assertEquals(painter.paint(frame), "");
 * const lines = [plainLine("hello"), plainLine("no", "error")];
 * assertEquals(
 *   painter.paint({ ...frame, lines }),
 *   "\x1b[?2026h\x1b[2;1H\x1b[31mno\x1b[0m\x1b[K\x1b[?2026l",
 * );
 * ```
 */
export class FramePainter {
  readonly #sgr: (role: Role) => string;
  #columns = 0;
  #rows = 0;
  /** The bytes of each row that is shown. */
  #shown: string[] = [];
  /** The lines that they were made of: most stay the same objects from frame to frame. */
  #lines: readonly StyledLine[] = [];
  /** The cursor as it was placed; undefined where that is not known. */
  #cursor: CursorPlace | null | undefined = undefined;

  /**
   * Begins with a terminal of which nothing is known.
   *
   * @param sgr How a role looks: the parameters of an SGR sequence, such as
   *   `1;31`, or empty for plain text. Asked anew for each span that is painted.
   */
  constructor(sgr: (role: Role) => string) {
    this.#sgr = sgr;
  }

  /** Takes nothing for granted any more: the next frame is painted whole. */
  forget(): void {
    this.#shown = [];
    this.#lines = [];
    this.#cursor = undefined;
    this.#columns = 0;
  }

  /**
   * What is to be written for the terminal to show this frame; empty where it
   * does already. A frame of another size is painted whole.
   */
  paint(frame: Frame): string {
    const { columns, rows } = frame;
    const isWhole = columns !== this.#columns || rows !== this.#rows;
    if (isWhole) {
      this.forget();
      this.#columns = columns;
      this.#rows = rows;
    }
    let painted = isWhole ? PLAIN + CLEAR_SCREEN : "";
    const shown: string[] = [];
    for (let row = 0; row < rows; row++) {
      const line = frame.lines[row] ?? [];
      const before = this.#shown[row];
      const isSame = before !== undefined && line === this.#lines[row];
      const bytes = isSame ? before : this.#paintRow(line);
      if (bytes !== (before ?? CLEAR_REST)) painted += `\x1b[${row + 1};1H${bytes}`;
      shown.push(bytes);
    }
    this.#shown = shown;
    this.#lines = frame.lines;
    return this.#finish(painted, frame);
  }

  /** Puts the cursor in its place, behind what is painted. */
  #finish(painted: string, { cursor, columns, rows }: Frame): string {
    const before = this.#cursor;
    const isInPlace = before !== undefined && before?.row === cursor?.row &&
      before?.column === cursor?.column;
    if (painted === "" && isInPlace) return "";
    this.#cursor = cursor === null ? null : { row: cursor.row, column: cursor.column };
    // A terminal that shows the bytes as they come would have it run about.
    const isHidden = before === null;
    const hides = !isHidden && (painted !== "" || cursor === null || before === undefined);
    if (hides) painted = HIDE_CURSOR + painted;
    if (cursor !== null) {
      const row = Math.min(Math.max(0, cursor.row), rows - 1);
      const column = Math.min(Math.max(0, cursor.column), columns - 1);
      painted += `\x1b[${row + 1};${column + 1}H${isHidden || hides ? SHOW_CURSOR : ""}`;
    }
    return BEGIN + painted + END;
  }

  #paintRow(line: StyledLine): string {
    const fitted = fitLine(line, this.#columns);
    let painted = "";
    let style = "";
    let column = 0;
    let isUncertain = false;
    for (const { text, role } of fitted) {
      if (text === "") continue;
      const sgr = this.#sgr(role);
      if (sgr !== style) painted += style === "" ? `\x1b[${sgr}m` : `\x1b[0${sgr && `;${sgr}`}m`;
      style = sgr;
      if (isPrintableAscii(text)) {
        painted += text;
        column += text.length;
        continue;
      }
      for (const grapheme of graphemesOf(text)) {
        column += grapheme.width;
        painted += grapheme.text;
        if (!isUncertainWidth(grapheme.text)) continue;
        isUncertain = true;
        painted += `\x1b[${column + 1}G`;
      }
    }
    if (style !== "") painted += PLAIN;
    // In a full row the cursor stands on the last character, which would be cleared.
    if (lineWidth(fitted) < this.#columns) painted += CLEAR_REST;
    // A terminal that draws a character narrower leaves what was there.
    return isUncertain ? CLEAR_REST + painted : painted;
  }
}

/**
 * Whether terminals disagree on the width of a grapheme: those of several code
 * points that are more than a letter with its accents, such as joined emoji.
 */
function isUncertainWidth(text: string): boolean {
  if (text.length === 1) return false;
  const [first = "", ...rest] = text;
  return rest.length > 0 && !(isLetter(first) && rest.every(isAccent));
}

function isLetter(char: string): boolean {
  return /^[\p{L}\p{N}\p{P}\p{Zs}]$/u.test(char);
}

function isAccent(char: string): boolean {
  return /^\p{Mn}$/u.test(char) && char !== "\ufe0f" && char !== "\ufe0e";
}
