/**
 * What each entry of a room looks like: styled rows of a width.
 *
 * A message is `14:02 ann: hello`, so that what is copied from the screen reads
 * well; from 80 columns on, names end in the same column. What people say stands
 * out, what happened around it is quiet, and what is one's own says what became
 * of it. Rows are remembered by entry, which never changes.
 * Pure, but for that memory. Must not know: the terminal, colours, which entries
 * are on the screen.
 *
 * @module
 */

import type { Entry } from "../client/entry.ts";
import { nameMatcher } from "../client/mentions.ts";
import { CLIENT_ROWS_KEPT_ENTRIES } from "../limits.ts";
import { formatDate, formatTime } from "../times.ts";
import { foldPresence } from "./presence_lines.ts";
import {
  fitLine,
  lineWidth,
  nameRole,
  type Role,
  type Span,
  span,
  type StyledLine,
} from "./styled.ts";
import { wrapLine } from "./wrap.ts";

/** What the looks of entries depend on. */
export interface EntryView {
  /** The width of the rows: 2 at least. */
  readonly columns: number;
  /** One's own name, which stands out where others say it; null while it is not known. */
  readonly ownName: string | null;
}

/** What stands before the text of an entry. */
interface Gutter {
  /** Whether the time has room. */
  readonly hasTime: boolean;
  /** Columns in which names are aligned to the right; 0 for none. */
  readonly nameColumns: number;
  /** Columns that rows after the first are indented by. */
  readonly indent: number;
}

/** From so many columns on there is room for it, the widest first. */
const GUTTERS: readonly (Gutter & { readonly fromColumns: number })[] = [
  // The indent is the time, the names, and what stands behind each of them.
  { fromColumns: 80, hasTime: true, nameColumns: 12, indent: 20 },
  { fromColumns: 50, hasTime: true, nameColumns: 0, indent: 6 },
  { fromColumns: 30, hasTime: true, nameColumns: 0, indent: 2 },
];
const NO_GUTTER: Gutter = { hasTime: false, nameColumns: 0, indent: 2 };
/** Columns that what is not said is indented by, behind the time and its mark, where text has room. */
const EVENT_INDENT = 9;
const EVENT_INDENT_FROM_COLUMNS = 50;
/** Columns that keep the rest of an item of a list from looking like the next one. */
const ANSWER_HANG = 2;

/** An address up to where its sentence goes on. */
const LINK = /https?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]}]/giu;

/** An entry before it has a width. */
interface Draft {
  /** Who, or a mark: `ann:`, `*`, `--`. */
  readonly head: StyledLine;
  /** Whether somebody says it: the rest keeps clear of the names' column. */
  readonly isSpoken: boolean;
  /** A line each; one at least. */
  readonly body: readonly StyledLine[];
}

/** Makes rows of entries, and remembers those of the last ones. */
export class EntryLines {
  #view: EntryView = { columns: 80, ownName: null };
  #ownName: RegExp | null = null;
  /** By the last entry of each block: an entry that changes is another object. */
  readonly #rows = new Map<
    Entry,
    { readonly first: Entry; readonly rows: readonly StyledLine[] }
  >();

  /** Sets what rows depend on. What is remembered is forgotten where that has changed. */
  setView(view: EntryView): void {
    const { columns, ownName } = view;
    if (this.#view.columns === columns && this.#view.ownName === ownName) return;
    this.#view = view;
    this.#ownName = ownName === null || ownName === ""
      ? null
      : new RegExp(nameMatcher(ownName).source, "giu");
    this.#rows.clear();
  }

  /**
   * The rows of a block: one entry, or several of kind `presence` that are told in
   * one line. Maybe none, where nothing is left to tell.
   *
   * @param block In order, one at least.
   */
  rowsOf(block: readonly Entry[]): readonly StyledLine[] {
    const first = block[0];
    const last = block.at(-1);
    if (first === undefined || last === undefined) return [];
    const known = this.#rows.get(last);
    if (known?.first === first) return known.rows;
    const draft = first === last ? this.#draft(first) : draftFolded(block);
    const rows = draft === null ? [] : this.#wrap(last, draft);
    if (this.#rows.size >= CLIENT_ROWS_KEPT_ENTRIES) this.#rows.clear();
    this.#rows.set(last, { first, rows });
    return rows;
  }

  #draft(entry: Entry): Draft {
    const { kind, from, text } = entry;
    switch (kind === "found" ? entry.foundKind : kind) {
      case "message":
      case "direct":
        return { head: this.#speaker(entry), isSpoken: true, body: this.#said(entry, []) };
      case "action":
        return {
          head: [{ text: "*", role: "text" }],
          isSpoken: true,
          body: this.#said(entry, [nameOf(entry)]),
        };
      case "topic":
        return happened(
          text === "" ? `${from} cleared the topic.` : `${from} set the topic: ${text}`,
        );
      case "presence":
        return happened(text, "presence");
      case "error":
        return happened(text, "error", "!!");
      default:
        return happened(text);
    }
  }

  /** Who says it and, where it is private, to whom. */
  #speaker(entry: Entry): StyledLine {
    const name = [nameOf(entry), { text: ":", role: "text" } as const];
    if (entry.kind !== "direct") return name;
    const mark = entry.to === null ? "[private]" : `[private to ${entry.to}]`;
    return [span(mark, "direct"), { text: " ", role: "text" }, ...name];
  }

  /** What is said, behind what begins it, and what became of it. */
  #said(entry: Entry, beginning: StyledLine): StyledLine[] {
    const lines = entry.text.split("\n").map((line) => this.#highlight(entry, line));
    const [first = [], ...rest] = lines;
    const body = [beginning.length === 0 ? first : [...beginning, SPACE, ...first], ...rest];
    if (entry.delivery === "refused") body.push([span(`Not sent: ${entry.reason}`, "error")]);
    if (entry.delivery === "unknown") body.push([span(UNKNOWN_DELIVERY, "error")]);
    return body;
  }

  /** A line in which links and one's own name stand out. */
  #highlight(entry: Entry, line: string): StyledLine {
    if (!line.includes("://")) return this.#highlightName(entry, line);
    return mark(line, LINK, "link", (rest) => this.#highlightName(entry, rest));
  }

  #highlightName(entry: Entry, line: string): StyledLine {
    const plain = [{ text: line, role: "text" } as const];
    if (!entry.isMention || this.#ownName === null) return plain;
    return mark(line, this.#ownName, "mention", (text) => [{ text, role: "text" }]);
  }

  #wrap(entry: Entry, draft: Draft): readonly StyledLine[] {
    const { columns } = this.#view;
    if (entry.kind === "divider") {
      return wrapLine([dividerSpan(entry.text, "divider")], { columns });
    }
    const gutter = entry.kind === "found" ? NO_GUTTER : gutterOf(draft, columns);
    const { indent } = gutter;
    const margin: Span = { text: " ".repeat(indent), role: "text" };
    const [first = [], ...rest] = draft.body;
    const lines = [
      [...timeOf(entry, gutter), ...alignHead(draft.head, gutter), SPACE, ...first],
      ...rest.map((line) => [margin, ...line]),
    ];
    const rows = lines.flatMap((line, index) => {
      const hang = index === 0 || draft.isSpoken ? 0 : hangOf(draft.body[index] ?? []);
      const hasColumns = hang === 0 || columns >= EVENT_INDENT_FROM_COLUMNS;
      const shown = hasColumns ? line : line.map(withoutColumns);
      return wrapLine(shown, { columns, indent: indent + hang });
    });
    return entry.delivery === "sending" ? rows.map(dim) : rows;
  }
}

/** Columns by which the rest of an indented line of an answer is indented further. */
function hangOf(line: StyledLine): number {
  const indent = /^ */.exec(line[0]?.text ?? "")?.[0].length ?? 0;
  return indent === 0 ? 0 : indent + ANSWER_HANG;
}

/** Where there is little room, spaces that align the items of a list would only break them sooner. */
function withoutColumns({ text, role }: Span): Span {
  return { text: text.replaceAll(/(?<=\S) {2,}/gu, "  "), role };
}

const SPACE: Span = { text: " ", role: "text" };
const UNKNOWN_DELIVERY = "Perhaps not sent: the connection was lost.";

/**
 * A row that divides what is above from what is below.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dividerRow } from "./entry_lines.ts";
 * import { textOf } from "./styled.ts";
 *
 * assertEquals(textOf(dividerRow("new", "unread", 40)), "-- new --");
 * ```
 */
export function dividerRow(text: string, role: Role, columns: number): StyledLine {
  return fitLine([dividerSpan(text, role)], columns);
}

function dividerSpan(text: string, role: Role): Span {
  return span(`-- ${text} --`, role);
}

function nameOf(entry: Entry): Span {
  return span(entry.from, entry.isOwn ? "own" : nameRole(entry.from));
}

/** Something that happened, rather than being said. */
function happened(text: string, role: Role = "notice", mark = "--"): Draft {
  return { head: [{ text: mark, role }], isSpoken: false, body: linesOf(text, role) };
}

/** Null where all is as it was before. */
function draftFolded(block: readonly Entry[]): Draft | null {
  const changes = block.map(({ presence }) => presence).filter((each) => each !== null);
  const text = foldPresence(changes);
  return text === "" ? null : happened(`${text}.`, "presence");
}

function linesOf(text: string, role: Role): StyledLine[] {
  return text.split("\n").map((line) => [{ text: line, role }]);
}

/** A text in which what a pattern finds has a role of its own. */
function mark(
  text: string,
  pattern: RegExp,
  role: Role,
  other: (text: string) => StyledLine,
): StyledLine {
  const spans: Span[] = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (index > at) spans.push(...other(text.slice(at, index)));
    spans.push({ text: found, role });
    at = index + found.length;
  }
  if (at < text.length || at === 0) spans.push(...other(text.slice(at)));
  return spans;
}

function gutterOf({ isSpoken }: Draft, columns: number): Gutter {
  const gutter = GUTTERS.find(({ fromColumns }) => columns >= fromColumns) ?? NO_GUTTER;
  if (isSpoken) return gutter;
  const indent = columns >= EVENT_INDENT_FROM_COLUMNS ? EVENT_INDENT : gutter.indent;
  return { hasTime: gutter.hasTime, nameColumns: 0, indent };
}

/** When it happened and, of what was found, on which day and in which room. */
function timeOf(entry: Entry, gutter: Gutter): StyledLine {
  const { atMs, room } = entry;
  const clock = formatTime(atMs, atMs);
  if (entry.kind === "found") {
    return [span(`${formatDate(atMs)} ${clock} ${room === null ? "" : `${room} `}`, "time")];
  }
  return gutter.hasTime ? [{ text: `${clock} `, role: "time" }] : [];
}

function alignHead(head: StyledLine, { nameColumns }: Gutter): StyledLine {
  if (nameColumns === 0) return head;
  // The colon behind a name stands outside of its column.
  const missing = nameColumns + 1 - lineWidth(head);
  return missing > 0 ? [{ text: " ".repeat(missing), role: "text" }, ...head] : head;
}

/** What the server does not have yet, all in one quiet colour. */
function dim(row: StyledLine): StyledLine {
  return row.map(({ text }) => ({ text, role: "pending" }));
}
