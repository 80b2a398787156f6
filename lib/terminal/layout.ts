/**
 * Where everything is on the screen.
 *
 * From the top: the title, what is said (with a column of who is here, from 100
 * columns on), the status, and what is being typed. First the plan, from which
 * each part learns how much room it has; then the frame, made of the parts.
 * Promises exactly as many rows as the terminal has, none wider than it.
 * Pure. Must not know: the terminal, colours, what the parts say.
 *
 * @module
 */

import type { Person } from "../client/chat_model.ts";
import { statusBar, type StatusState, titleBar, type TitleState } from "./status_bar.ts";
import {
  type CursorPlace,
  fillLine,
  fitLine,
  nameRole,
  plainLine,
  span,
  type StyledLine,
} from "./styled.ts";

/** The size of a terminal, or of a part of it, in characters. */
export interface ScreenSize {
  /** The width. */
  readonly columns: number;
  /** The height. */
  readonly rows: number;
}

/** How much room each part has. */
export interface ScreenPlan {
  /** All of it. */
  readonly screen: ScreenSize;
  /** For what is said. */
  readonly messages: ScreenSize;
  /** Columns for who is here; 0 where they have no room. */
  readonly peopleColumns: number;
  /** Rows for what is being typed. */
  readonly inputRows: number;
}

/** What is being typed, as rows. */
export interface InputRows {
  /** No wider than the screen. */
  readonly lines: readonly StyledLine[];
  /** Where the cursor is in them. */
  readonly cursor: CursorPlace;
}

/** What a frame is made of. */
export interface ScreenParts {
  /** The bar at the top. */
  readonly title: TitleState;
  /** As many rows as the plan has for them. */
  readonly messages: readonly StyledLine[];
  /** Who is here and known by name. */
  readonly people: readonly Person[];
  /** Which of them is the user; null while that is not known. */
  readonly ownName: string | null;
  /** How many more there are. */
  readonly peopleMore: number;
  /** The bar above what is being typed. */
  readonly status: StatusState;
  /** At most as many rows as the plan has for them. */
  readonly input: InputRows;
}

/** What is on the screen. */
export interface Screen {
  /** As many as the terminal has rows. */
  readonly lines: readonly StyledLine[];
  /** Where the cursor is; null for nowhere. */
  readonly cursor: CursorPlace | null;
}

/** The smallest terminal in which there is room for everything that is needed. */
const SIZE_MIN: ScreenSize = { columns: 20, rows: 5 };
/** The title and the status. */
const BARS = 2;
/** What is being typed has this part of the rows at the most. */
const INPUT_PART = 3;
/** From this width on there is room for who is here, and names still have their column. */
const PEOPLE_FROM_COLUMNS = 100;
const PEOPLE_COLUMNS = 20;

/** The most rows that what is being typed may have on a screen of this size. */
export function inputRowsMax({ rows }: ScreenSize): number {
  return Math.max(1, Math.floor(rows / INPUT_PART));
}

/**
 * Divides the screen; null where it is too small for that.
 *
 * @param inputRows How many rows what is being typed wants.
 */
export function planScreen(screen: ScreenSize, inputRows: number): ScreenPlan | null {
  const { columns, rows } = screen;
  if (columns < SIZE_MIN.columns || rows < SIZE_MIN.rows) return null;
  const kept = Math.min(inputRows, inputRowsMax(screen));
  const peopleColumns = columns >= PEOPLE_FROM_COLUMNS ? PEOPLE_COLUMNS : 0;
  return {
    screen,
    messages: { columns: columns - peopleColumns, rows: rows - BARS - kept },
    peopleColumns,
    inputRows: kept,
  };
}

/** What is on the screen. */
export function composeScreen(plan: ScreenPlan, parts: ScreenParts): Screen {
  const { screen, messages, peopleColumns, inputRows } = plan;
  const { columns } = screen;
  const said = peopleColumns === 0 ? parts.messages : besides(plan, parts);
  const above = [
    titleBar(parts.title, columns),
    ...said.slice(0, messages.rows),
    statusBar(parts.status, columns),
  ];
  const { lines, cursor } = parts.input;
  return {
    lines: [...above, ...lines.slice(0, inputRows)],
    cursor: { row: above.length + cursor.row, column: cursor.column },
  };
}

/** What is on a screen that is too small for anything else. */
export function tooSmallScreen({ columns, rows }: ScreenSize): Screen {
  const empty = Array.from({ length: Math.max(0, rows - 1) }, (): StyledLine => []);
  const text = `Too small: ${SIZE_MIN.columns}x${SIZE_MIN.rows} is needed.`;
  return { lines: [fitLine(plainLine(text, "notice"), columns), ...empty], cursor: null };
}

/** What is said, with who is here at the right. */
function besides({ messages, peopleColumns }: ScreenPlan, parts: ScreenParts): StyledLine[] {
  const people = peopleRows(parts, { columns: peopleColumns, rows: messages.rows });
  return parts.messages.map((row, index) => {
    const person = people[index];
    return person === undefined ? row : [...fillLine(row, messages.columns, "text"), ...person];
  });
}

/** Who is here, one in a row; the last row says how many have none. */
function peopleRows(
  { people, peopleMore, ownName }: ScreenParts,
  { columns, rows }: ScreenSize,
): StyledLine[] {
  const isMore = peopleMore > 0 || people.length > rows;
  const shown = people.slice(0, isMore ? rows - 1 : rows);
  const lines = shown.map(({ name, isOperator }) => [
    span(isOperator === true ? " @" : "  ", "presence"),
    span(name, name === ownName ? "own" : nameRole(name)),
  ]);
  const missing = people.length - shown.length + peopleMore;
  const all = isMore ? [...lines, plainLine(`  ${missing} more`, "presence")] : lines;
  return all.map((line) => fitLine(line, columns));
}
