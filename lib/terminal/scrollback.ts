/**
 * What of a room's entries is on the screen.
 *
 * At the end it follows what comes. Scrolled up, it is anchored on the entry in
 * its first row: whatever is added behind or before, and however wide the rows
 * become, what is being read stays where it is.
 * Promises that a frame looks at the entries on the screen, not at how many
 * there are, but for those that came since the last frame.
 * Pure. Must not know: the terminal, what entries look like, other rooms.
 *
 * @module
 */

import type { Entry } from "../client/entry.ts";
import { blockEnd, blockStart, dividersAbove, type RoomEntries } from "./entry_blocks.ts";
import type { EntryLines } from "./entry_lines.ts";
import type { StyledLine } from "./styled.ts";

/** How large a view is. */
export interface ViewSize {
  /** Rows, one at least. */
  readonly rows: number;
  /** Columns, two at least. */
  readonly columns: number;
}

/** What is on the screen. */
export interface ScrollFrame {
  /** So many rows as were asked for; empty ones come first, where there is too little to show. */
  readonly rows: readonly StyledLine[];
  /** Whether what comes next will be seen. */
  readonly isAtEnd: boolean;
  /**
   * Messages of others that came since it was scrolled up, and are not on the screen yet:
   * never more than there are entries below, and never less than there are such messages.
   */
  readonly newBelow: number;
  /** Whether less than a screen is left above: time to fetch what is older. */
  readonly needsOlder: boolean;
}

/** A row of the scrollback: of which block, by the index of its first entry, and which of it. */
interface Place {
  readonly index: number;
  readonly row: number;
}

/** Rows that a page has in common with the one before, so that a reader finds the place. */
const PAGE_OVERLAP_ROWS = 2;

/** One room's scrollback. */
export class Scrollback {
  readonly #lines: EntryLines;
  /**
   * The block in the first row, and which row of it that is: 0 is the first below its
   * dividers, which come and go with what is older. Null at the end.
   */
  #anchor: { readonly block: EntryFinder; readonly row: number } | null = null;
  /** The last entry that has been counted since it was scrolled up. */
  #counted: EntryFinder | null = null;
  #newBelow = 0;
  #highlightKey: number | null = null;

  /** Begins at the end. The lines are told the width before they are used. */
  constructor(lines: EntryLines) {
    this.#lines = lines;
  }

  /** Whether it follows what comes. */
  get isAtEnd(): boolean {
    return this.#anchor === null;
  }

  /** What is on the screen now. */
  frame(room: RoomEntries, size: ViewSize): ScrollFrame {
    let top = this.#top(room, size);
    let { rows, end } = this.#rowsFrom(room, top, size);
    if (this.#anchor !== null && rows.length < size.rows) {
      // There is more room than before: what is shown ends where the entries do.
      this.bottom();
      top = this.#top(room, size);
      ({ rows, end } = this.#rowsFrom(room, top, size));
    }
    this.#count(room.entries);
    const missing = Math.max(0, size.rows - rows.length);
    return {
      rows: [...Array.from({ length: missing }, (): StyledLine => []), ...rows],
      isAtEnd: this.isAtEnd,
      newBelow: Math.min(this.#newBelow, room.entries.length - end),
      needsOlder: top.index < size.rows,
    };
  }

  /** One page up, towards what is older. */
  pageUp(room: RoomEntries, size: ViewSize): void {
    this.scroll(room, size, -pageOf(size));
  }

  /** One page down; at the end it follows what comes again. */
  pageDown(room: RoomEntries, size: ViewSize): void {
    this.scroll(room, size, pageOf(size));
  }

  /** So many rows down; up where that is negative. */
  scroll(room: RoomEntries, size: ViewSize, rows: number): void {
    const top = this.#top(room, size);
    this.#anchorAt(
      room,
      size,
      rows < 0 ? this.#up(room, size, top, -rows) : this.#down(room, size, top, rows),
    );
  }

  /** To the oldest entry that is here. */
  top(room: RoomEntries, size: ViewSize): void {
    this.#anchorAt(room, size, { index: 0, row: 0 });
  }

  /** Shows an entry in the first row, where not all from there on fits: as any reader begins. */
  showFrom(room: RoomEntries, size: ViewSize, index: number): void {
    this.#anchorAt(room, size, { index: blockStart(room, index), row: 0 });
  }

  /** To the end, where it follows what comes. */
  bottom(): void {
    this.#anchor = null;
    this.#counted = null;
    this.#newBelow = 0;
    this.#highlightKey = null;
  }

  /**
   * Shows an entry, some rows below the top, and has it stand out until
   * {@linkcode Scrollback.bottom}. Looks through all entries.
   *
   * @param id The server's number of it.
   * @returns False, and nothing changes, where it is not here.
   */
  jumpTo(room: RoomEntries, size: ViewSize, id: number): boolean {
    const index = room.entries.findIndex((entry) => entry.id === id);
    const entry = room.entries[index];
    if (entry === undefined) return false;
    const place = { index: blockStart(room, index), row: 0 };
    this.#anchorAt(room, size, this.#up(room, size, place, Math.floor(size.rows / 3)));
    this.#highlightKey = entry.key;
    return true;
  }

  /** The first row on the screen. */
  #top(room: RoomEntries, size: ViewSize): Place {
    if (this.#anchor === null) {
      const end: Place = { index: room.entries.length, row: 0 };
      return this.#up(room, size, end, size.rows);
    }
    const index = blockStart(room, Math.max(0, this.#anchor.block.indexIn(room.entries)));
    const dividers = dividersAbove(room, index, size.columns).length;
    const row = Math.min(this.#anchor.row + dividers, this.#rowsOf(room, index, size).length - 1);
    return { index, row: Math.max(0, row) };
  }

  #anchorAt(room: RoomEntries, size: ViewSize, place: Place): void {
    const entry = room.entries[place.index];
    const last = room.entries.at(-1);
    const below = this.#rowsFrom(room, place, { ...size, rows: size.rows + 1 }).rows;
    if (entry === undefined || last === undefined || below.length <= size.rows) {
      this.bottom();
      return;
    }
    const dividers = dividersAbove(room, place.index, size.columns).length;
    this.#anchor = { block: new EntryFinder(entry, place.index), row: place.row - dividers };
    this.#counted ??= new EntryFinder(last, room.entries.length - 1);
  }

  /** Rows from a place on, and the index behind the last entry of which there are some. */
  #rowsFrom(
    room: RoomEntries,
    { index, row }: Place,
    size: ViewSize,
  ): { readonly rows: StyledLine[]; readonly end: number } {
    const rows: StyledLine[] = [];
    let end = index;
    while (end < room.entries.length && rows.length < size.rows) {
      const block = this.#rowsOf(room, end, size);
      rows.push(...(end === index ? block.slice(row) : block));
      end = blockEnd(room, end);
    }
    return { rows: rows.slice(0, size.rows), end };
  }

  /** The rows of the block that begins here, with what stands above it. */
  #rowsOf(room: RoomEntries, start: number, { columns }: ViewSize): readonly StyledLine[] {
    const block = room.entries.slice(start, blockEnd(room, start));
    const rows = this.#lines.rowsOf(block);
    const isLit = this.#highlightKey !== null &&
      block.some(({ key }) => key === this.#highlightKey);
    const dividers = dividersAbove(room, start, columns);
    return dividers.length === 0 && !isLit ? rows : [...dividers, ...isLit ? rows.map(lit) : rows];
  }

  /** So many rows above a place; the first row where there are not so many. */
  #up(room: RoomEntries, size: ViewSize, { index, row }: Place, rows: number): Place {
    let start = index;
    let above = row;
    while (above < rows && start > 0) {
      start = blockStart(room, start - 1);
      above += this.#rowsOf(room, start, size).length;
    }
    return { index: start, row: Math.max(0, above - rows) };
  }

  /** So many rows below a place; behind the last row where there are not so many. */
  #down(room: RoomEntries, size: ViewSize, { index, row }: Place, rows: number): Place {
    let start = index;
    let below = row + rows;
    while (start < room.entries.length) {
      const height = this.#rowsOf(room, start, size).length;
      if (below < height) break;
      below -= height;
      start = blockEnd(room, start);
    }
    return { index: start, row: below };
  }

  /** Counts what came since the last time. */
  #count(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (this.#counted === null || last === undefined) return;
    for (let index = this.#counted.indexIn(entries) + 1; index < entries.length; index++) {
      const entry = entries[index];
      if (entry !== undefined && !entry.isOwn && SPOKEN.has(entry.kind)) this.#newBelow++;
    }
    this.#counted = new EntryFinder(last, entries.length - 1);
  }
}

const SPOKEN: ReadonlySet<Entry["kind"]> = new Set(["message", "action", "direct"]);

/** A row of the entry that was jumped to. */
function lit(row: StyledLine): StyledLine {
  return row.map(({ text }) => ({ text, role: "match" }));
}

/** Finds an entry again after others came or went: near where it was. */
class EntryFinder {
  readonly #key: number;
  #index: number;

  constructor({ key }: Entry, index: number) {
    this.#key = key;
    this.#index = index;
  }

  /** Where it is; -1 where it is not here any more. Takes as long as it has moved far. */
  indexIn(entries: readonly Entry[]): number {
    for (let distance = 0; distance <= entries.length; distance++) {
      for (const index of [this.#index - distance, this.#index + distance]) {
        if (entries[index]?.key !== this.#key) continue;
        this.#index = index;
        return index;
      }
    }
    return -1;
  }
}

function pageOf({ rows }: ViewSize): number {
  return Math.max(1, rows - PAGE_OVERLAP_ROWS);
}
