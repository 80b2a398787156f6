/**
 * What a search has found: a list to go through, of which one line is chosen.
 *
 * Pure. Must not know: the terminal, the server, what is done with the choice.
 *
 * @module
 */

import type { HistoryLine } from "../events.ts";
import { SEARCH_HITS_MAX } from "../limits.ts";
import { formatDate, formatTime } from "../times.ts";
import { graphemesOf, textWidth } from "./graphemes.ts";
import type { ScreenSize } from "./layout.ts";
import { fillLine, fitLine, nameRole, plainLine, span, type StyledLine } from "./styled.ts";

/** Columns from which a line has room for its date as well. */
const DATE_FROM_COLUMNS = 50;
/** Columns of text before what was found, where a text is too long to be shown from its start. */
const CONTEXT_COLUMNS = 12;

/** The hits of one search, from the newest to the oldest. */
export class SearchView {
  /** What was found, newest first. */
  readonly hits: readonly HistoryLine[];
  readonly #words: RegExp | null;
  #selected = 0;
  /** The first hit that is shown. */
  #top = 0;

  /**
   * Begins with the newest.
   *
   * @param hits Newest first.
   * @param query What was searched for, as it was typed.
   */
  constructor(hits: readonly HistoryLine[], query: string) {
    this.hits = hits;
    this.#words = matcherOf(query);
  }

  /** The hit that is chosen; undefined where nothing was found. */
  get selected(): HistoryLine | undefined {
    return this.hits[this.#selected];
  }

  /** Chooses the hit so many rows below; above where that is negative. Stops at the ends. */
  move(rows: number): void {
    const last = Math.max(0, this.hits.length - 1);
    this.#selected = Math.min(last, Math.max(0, this.#selected + rows));
  }

  /** The list in so many rows: a heading, and a hit in each, among them the chosen one. */
  rows({ columns, rows }: ScreenSize): StyledLine[] {
    const space = Math.max(1, rows - 1);
    this.#top = Math.min(this.#top, this.#selected, Math.max(0, this.hits.length - space));
    this.#top = Math.max(this.#top, this.#selected - space + 1);
    const shown = this.hits.slice(this.#top, this.#top + space).map((hit, index) =>
      this.#top + index === this.#selected
        ? selected(this.#row(hit, columns), columns)
        : fitLine(this.#row(hit, columns), columns)
    );
    const lines = [fitLine(plainLine(this.#heading(columns), "divider"), columns), ...shown];
    const missing = Math.max(0, rows - lines.length);
    return [...lines, ...Array.from({ length: missing }, (): StyledLine => [])].slice(0, rows);
  }

  #heading(columns: number): string {
    const { length } = this.hits;
    if (length === 0) return "-- Nothing found. Escape goes back. --";
    // The server tells no more than that, however much there is.
    const count = length >= SEARCH_HITS_MAX ? `the last ${length}` : `${length} found`;
    const long = `-- ${count}, newest first: Enter shows where it was said, Escape goes back --`;
    return long.length <= columns ? long : `-- ${count}: Enter shows, Escape back --`;
  }

  #row({ atMs, room, from, kind, text }: HistoryLine, columns: number): StyledLine {
    const clock = formatTime(atMs, atMs);
    const time = columns >= DATE_FROM_COLUMNS ? `${formatDate(atMs)} ${clock} ` : `${clock} `;
    const name = span(from, nameRole(from));
    const mark = kind === "message" ? [name, span(": ", "text")] : [
      span("* ", "text"),
      name,
      span(kind === "topic" ? " set the topic: " : " ", "text"),
    ];
    const head = [span(`${time}${room} `, "time"), ...mark];
    const width = columns - head.reduce((sum, part) => sum + textWidth(part.text), 0);
    return [...head, ...this.#excerpt(text.replaceAll("\n", " "), width)];
  }

  /** A text in which what was found stands out, and is not cut off. */
  #excerpt(text: string, columns: number): StyledLine {
    const found = this.#words === null ? null : this.#words.exec(text);
    if (found === null) return [span(text, "text")];
    const before = text.slice(0, found.index);
    const isHidden = textWidth(before) + textWidth(found[0]) > columns;
    const start = isHidden ? `...${lastColumns(before, CONTEXT_COLUMNS)}` : before;
    const after = text.slice(found.index + found[0].length);
    return [span(start, "text"), span(found[0], "match"), span(after, "text")];
  }
}

/** The chosen row, to its end. */
function selected(row: StyledLine, columns: number): StyledLine {
  return fillLine(row, columns, "selection").map(({ text, role }) => ({
    text,
    role: role === "match" ? role : "selection",
  }));
}

/** The longest end of a text that takes no more than so many columns. */
function lastColumns(text: string, columns: number): string {
  const parts = [...graphemesOf(text)];
  let start = parts.length;
  for (let left = columns; start > 0; start--) {
    left -= parts[start - 1]?.width ?? 0;
    if (left < 0) break;
  }
  return parts.slice(start).map((part) => part.text).join("");
}

/** Finds the first of the words of a search, those with a `*` by their beginning. */
function matcherOf(query: string): RegExp | null {
  const words = query.split(/\s+/u)
    .filter((word) => word !== "" && !/^(?:from|in|before|after):/iu.test(word))
    .map((word) => word.replaceAll(/[*"]/gu, ""))
    .filter((word) => word !== "");
  return words.length === 0 ? null : new RegExp(words.map(RegExp.escape).join("|"), "iu");
}
