/**
 * Styled lines to rows of a width.
 *
 * Promises: no row is wider than asked; joined, the rows are the line, but for
 * the spaces at which it was broken; no grapheme is cut; and no control
 * character comes out, whatever went in.
 * Lines break at spaces and beside wide characters, of which whole sentences
 * have no space. A word that fits a row is kept whole; a longer one is cut.
 * Pure. Must not know: the terminal, what is being said.
 *
 * @module
 */

import { cleanText } from "../text.ts";
import { type Grapheme, graphemesOf, isPrintableAscii, textWidth } from "./graphemes.ts";
import { type Role, type Span, type StyledLine, textOf } from "./styled.ts";

/** How to wrap. */
export interface WrapOptions {
  /** The width of a row, in columns: 2 at least, so that every character fits. */
  readonly columns: number;
  /**
   * Columns that every row but the first is indented by: half of the width at
   * the most, so that text keeps room.
   *
   * @default {0}
   */
  readonly indent?: number;
}

/** A grapheme of a line. */
interface Cell extends Grapheme {
  readonly role: Role;
}

/** Characters that no row begins with, though a wide character stands before them. */
const CLOSING = /^[\p{Pe}\p{Pf}\p{Po}\u{3005}\u{30fc}]/u;
/** Characters behind which no row ends, though they are wide. */
const OPENING = /^[\p{Ps}\p{Pi}]/u;

/**
 * Wraps a line. An empty one is one empty row.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { plainLine, textOf } from "./styled.ts";
 * import { wrapLine } from "./wrap.ts";
 *
 * const rows = wrapLine(plainLine("one two three"), { columns: 8, indent: 2 });
 * assertEquals(rows.map(textOf), ["one two", "  three"]);
 * ```
 */
export function wrapLine(line: StyledLine, options: WrapOptions): StyledLine[] {
  const { columns } = options;
  const indent = Math.max(0, Math.min(options.indent ?? 0, columns >> 1, columns - 2));
  const spans = line.map(cleanSpan);
  const text = textOf(spans);
  if (isPrintableAscii(text) && text.length <= columns) return [spans];
  const cells = cellsOf(spans, columns - indent);
  const margin: Span = { text: " ".repeat(indent), role: "text" };
  const rows = breakCells(cells, { first: columns, other: columns - indent });
  return rows.map(({ start, end }, index) => {
    const parts = spansOf(cells.slice(start, end));
    return index === 0 || indent === 0 ? parts : [margin, ...parts];
  });
}

function cleanSpan(span: Span): Span {
  const text = cleanText(span.text);
  return text === span.text ? span : { text, role: span.role };
}

/**
 * The graphemes of a line, each with the role of the span in which it begins.
 * Those that are too wide for any row are taken apart.
 */
function cellsOf(spans: readonly Span[], columns: number): Cell[] {
  const cells: Cell[] = [];
  let index = 0;
  let left = spans[0]?.text.length ?? 0;
  for (const { text, width } of graphemesOf(textOf(spans))) {
    while (left <= 0) left += spans[++index]?.text.length ?? Infinity;
    const role = spans[index]?.role ?? "text";
    if (width <= columns) cells.push({ text, width, role });
    else for (const char of text) cells.push({ text: char, width: textWidth(char), role });
    left -= text.length;
  }
  return cells;
}

/** The cells of a row: from one index to before another. */
interface Row {
  readonly start: number;
  readonly end: number;
}

/** Breaks a line into rows; the spaces between two of them are in neither. */
function breakCells(
  cells: readonly Cell[],
  widths: { readonly first: number; readonly other: number },
): Row[] {
  const rows: Row[] = [];
  let start = 0;
  let left = widths.first;
  /** Where the next row may begin; the start of this one while there is no such place. */
  let breakable = 0;
  /** Behind the last cell of this row that is no space; its start while it has none. */
  let inkEnd = 0;
  for (const [index, cell] of cells.entries()) {
    if (cell.text === " ") {
      // A space may hang over the edge; leading ones are the line's own.
      left -= 1;
      if (inkEnd > start) breakable = index + 1;
      continue;
    }
    if (inkEnd > start && isBreakable(cells[index - 1], cell)) breakable = index;
    if (cell.width > left) {
      const next = breakable > start && wordFits(cells, breakable, widths.other)
        ? breakable
        : index;
      rows.push({ start, end: trimEnd(cells, { start, end: next }) });
      start = next;
      breakable = next;
      left = widths.other;
      for (let kept = next; kept < index; kept++) left -= cells[kept]?.width ?? 0;
    }
    left -= cell.width;
    inkEnd = index + 1;
  }
  // What hangs over is cut off the last row, too.
  let end = cells.length;
  for (; left < 0 && end > inkEnd; left++) end--;
  rows.push({ start, end });
  return rows;
}

/** Whether a row may end between two cells of which neither is a space. */
function isBreakable(before: Cell | undefined, after: Cell): boolean {
  if (before === undefined || (before.width < 2 && after.width < 2)) return false;
  return !CLOSING.test(after.text) && !OPENING.test(before.text);
}

/** Whether what begins here and cannot be broken is no wider than this. */
function wordFits(cells: readonly Cell[], start: number, width: number): boolean {
  let left = width;
  for (let index = start; left >= 0; index++) {
    const cell = cells[index];
    if (cell === undefined || cell.text === " ") return true;
    if (index > start && isBreakable(cells[index - 1], cell)) return true;
    left -= cell.width;
  }
  return false;
}

function trimEnd(cells: readonly Cell[], { start, end }: Row): number {
  let trimmed = end;
  while (trimmed > start && cells[trimmed - 1]?.text === " ") trimmed--;
  return trimmed;
}

/** Cells of the same role make one span. */
function spansOf(cells: readonly Cell[]): Span[] {
  const spans: Span[] = [];
  let text = "";
  for (const [index, cell] of cells.entries()) {
    text += cell.text;
    if (cells[index + 1]?.role === cell.role) continue;
    spans.push({ text, role: cell.role });
    text = "";
  }
  return spans;
}
