/**
 * What was said around something that a search has found, however long ago.
 *
 * It stands apart from the room's own scrollback, which goes on meanwhile: what
 * lies between the two may be years. Pages before and after it are asked for as
 * they are wanted.
 * Pure. Must not know: the terminal, the connection.
 *
 * @module
 */

import type { Entry } from "../client/entry.ts";
import { foldName } from "../client/mentions.ts";
import type { HistoryLine } from "../events.ts";
import { CLIENT_FETCH_LINES, MODEL_LINES_MAX } from "../limits.ts";
import type { RoomEntries } from "./entry_blocks.ts";
import type { EntryLines } from "./entry_lines.ts";
import { Scrollback, type ScrollFrame, type ViewSize } from "./scrollback.ts";

/** Which lines of a room's history are wanted: the arguments of `/history`. */
export interface WantedPage {
  /** With its `#`. */
  readonly room: string;
  /** Behind `/history `. */
  readonly args: string;
  /** On which side of what is here they belong. */
  readonly side: PageSide;
}

/** Before or behind what is here. */
export type PageSide = "before" | "after";

/** History around one line. */
export class ArchiveView implements RoomEntries {
  /** Where it was said, with its `#`. */
  readonly room: string;
  /** No unread lines are marked in what is long past. */
  readonly firstUnreadKey = null;
  readonly #hit: HistoryLine;
  readonly #ownName: string | null;
  readonly #scrollback: Scrollback;
  #entries: readonly Entry[];
  /** What has been asked for and is not here yet. */
  readonly #asked = new Set<PageSide>();
  /** Where nothing more is to be had, unless what has been asked for brings something. */
  readonly #ended = new Set<PageSide>();
  /** Whether the line that was found has its place: the first pages are here, or one went on. */
  #isPlaced = false;
  /** Why the last page is not to be had. */
  #problem: string | null = null;

  /**
   * Begins with one line.
   *
   * @param ownName One's own name; null where it is not known.
   */
  constructor(hit: HistoryLine, options: { lines: EntryLines; ownName: string | null }) {
    this.room = hit.room;
    this.#hit = hit;
    this.#ownName = options.ownName;
    this.#scrollback = new Scrollback(options.lines);
    this.#entries = [this.#entryOf(hit)];
  }

  /** What this is, or why there is no more of it. */
  get title(): string {
    return this.#problem ?? "what was said then; Escape goes back";
  }

  /** Oldest first. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** What is to be asked of the server now: the first pages, or one at whose edge one is. */
  wanted(size: ViewSize): WantedPage[] {
    const first = this.#entries[0]?.id ?? this.#hit.id;
    const last = this.#entries.at(-1)?.id ?? this.#hit.id;
    const pages: WantedPage[] = [];
    if (!this.#isPlaced || this.frame(size).needsOlder) {
      pages.push({
        room: this.room,
        args: `${CLIENT_FETCH_LINES} before ${first}`,
        side: "before",
      });
    }
    if (!this.#isPlaced || this.#scrollback.isAtEnd) {
      pages.push({ room: this.room, args: `${CLIENT_FETCH_LINES} after ${last}`, side: "after" });
    }
    const isFull = this.#entries.length >= MODEL_LINES_MAX;
    const open = pages.filter(({ side }) =>
      !isFull && !this.#asked.has(side) && !this.#ended.has(side)
    );
    for (const { side } of open) {
      this.#asked.add(side);
      this.#ended.add(side);
    }
    return open;
  }

  /** Adds a page that was wanted. */
  add(side: PageSide, page: readonly HistoryLine[], size: ViewSize): void {
    const known = new Set(this.#entries.map(({ id }) => id));
    const added = page.filter(({ id }) => !known.has(id)).map((line) => this.#entryOf(line));
    if (added.length > 0) this.#ended.delete(side);
    this.#entries = [...this.#entries, ...added].toSorted((a, b) => (a.id ?? 0) - (b.id ?? 0));
    if (!this.#isPlaced) this.#scrollback.jumpTo(this, size, this.#hit.id);
  }

  /**
   * The page on this side has come, or is not to be had.
   *
   * @param problem Why it is not, as a sentence. @default {null}, for a page that has come
   */
  answered(side: PageSide, problem: string | null = null): void {
    this.#problem = problem;
    this.#asked.delete(side);
    this.#isPlaced ||= this.#asked.size === 0;
  }

  /** What is on the screen now. */
  frame(size: ViewSize): ScrollFrame {
    return this.#scrollback.frame(this, size);
  }

  /** To the oldest line that is here. */
  top(size: ViewSize): void {
    this.#isPlaced = true;
    this.#scrollback.top(this, size);
  }

  /** One page up. */
  pageUp(size: ViewSize): void {
    this.#isPlaced = true;
    this.#scrollback.pageUp(this, size);
  }

  /** One page down. */
  pageDown(size: ViewSize): void {
    this.#isPlaced = true;
    this.#scrollback.pageDown(this, size);
  }

  /** The server's number tells a line from all others here. */
  #entryOf({ id, atMs, room, kind, from, text }: HistoryLine): Entry {
    return {
      key: id,
      kind,
      id,
      atMs,
      room,
      from,
      to: null,
      text,
      isOwn: this.#ownName !== null && foldName(from) === foldName(this.#ownName),
      isMention: false,
      delivery: "sent",
      reason: "",
      presence: null,
      foundId: null,
      foundKind: null,
    };
  }
}
