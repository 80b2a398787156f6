/**
 * Styled text: what is shown, and what each part of it is for.
 *
 * The common currency of the full-screen view. Everything that draws makes
 * styled lines; only the painter turns them into bytes, with a theme (see
 * `theme.ts`) that says how each role looks.
 * Pure. Must not know: colours, the terminal, what is being said.
 *
 * @module
 */

import { cleanText } from "../text.ts";
import { cutToWidth, textWidth } from "./graphemes.ts";

/** The eight colours that names have. */
export type NameRole = `name${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;
const NAME_ROLES = 8;

/** What a part of a line is for. */
export type Role =
  /** What people say. */
  | "text"
  /** A name, in one of eight colours. */
  | NameRole
  /** One's own name. */
  | "own"
  /** One's own name where somebody else says it. */
  | "mention"
  /** When something was said. */
  | "time"
  /** What the server says, and what is said about the client itself. */
  | "notice"
  /** Who came and went. */
  | "presence"
  /** What went wrong. */
  | "error"
  /** The mark of a private message. */
  | "direct"
  /** One's own message before the server has confirmed it. */
  | "pending"
  /** What was searched for, and the line that was jumped to. */
  | "match"
  /** The line of a list that Enter would take. */
  | "selection"
  /** An address that can be opened. */
  | "link"
  /** A line between days. */
  | "divider"
  /** The line above what has not been read yet. */
  | "unread"
  /** A bar: the title and the status line. */
  | "bar"
  /** What matters less in a bar. */
  | "barMuted"
  /** Where one is, in a bar. */
  | "barActive"
  /** What wants attention, in a bar. */
  | "barAlert"
  /** What is being typed. */
  | "input"
  /** What stands before it. */
  | "prompt";

/** A part of a line that looks the same throughout. */
export interface Span {
  /** Clean (see `text.ts`) and without line ends. */
  readonly text: string;
  /** What it is for. */
  readonly role: Role;
}

/** One row, or one line before it is wrapped. */
export type StyledLine = readonly Span[];

/** Where the cursor is, counted from the top left, which is row 0, column 0. */
export interface CursorPlace {
  /** Rows down. */
  readonly row: number;
  /** Columns to the right. */
  readonly column: number;
}

/** The same name has the same colour today and tomorrow, in whatever case. */
export function nameRole(name: string): NameRole {
  const folded = name.toLowerCase();
  // FNV-1a over code units.
  let hash = 0x811c9dc5;
  for (let index = 0; index < folded.length; index++) {
    hash = Math.imul(hash ^ folded.charCodeAt(index), 0x01000193);
  }
  return `name${(hash >>> 0) % NAME_ROLES}` as NameRole;
}

/** Makes a span, of a text that is cleaned: a line end in it is gone. */
export function span(text: string, role: Role): Span {
  return { text: cleanText(text), role };
}

/** A line of one role. */
export function plainLine(text: string, role: Role = "text"): StyledLine {
  return [span(text, role)];
}

/** What a line says. */
export function textOf(line: StyledLine): string {
  return line.length === 1 ? line[0]?.text ?? "" : line.map(({ text }) => text).join("");
}

/** The columns that a line takes: the sum of its spans. */
export function lineWidth(line: StyledLine): number {
  let width = 0;
  for (const { text } of line) width += textWidth(text);
  return width;
}

const CUT_MARK = "...";

/**
 * A line that takes no more than so many columns: what does not fit is cut off,
 * and, where there is room for it, three dots say so.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fitLine, plainLine, textOf } from "./styled.ts";
 *
 * assertEquals(textOf(fitLine(plainLine("a long topic"), 9)), "a long...");
 * assertEquals(textOf(fitLine(plainLine("topic"), 9)), "topic");
 * ```
 */
export function fitLine(line: StyledLine, columns: number): StyledLine {
  if (lineWidth(line) <= columns) return line;
  const mark = columns >= 2 * CUT_MARK.length ? CUT_MARK : "";
  let left = columns - mark.length;
  const kept: Span[] = [];
  for (const { text, role } of line) {
    const part = cutToWidth(text, left);
    left -= textWidth(part);
    const isCut = part.length < text.length;
    if (isCut) kept.push({ text: part + mark, role });
    else kept.push({ text, role });
    if (isCut) break;
  }
  return kept;
}

/** A line that takes exactly so many columns: cut, or filled up with spaces of a role. */
export function fillLine(line: StyledLine, columns: number, role: Role): StyledLine {
  const fitted = fitLine(line, columns);
  const missing = columns - lineWidth(fitted);
  return missing > 0 ? [...fitted, { text: " ".repeat(missing), role }] : fitted;
}
