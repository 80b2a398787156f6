/**
 * Which entries of a room are shown together, and what stands between them.
 *
 * A block is one entry, or a run of people who came and went. Blocks begin
 * where their entries say, whatever comes before or after them, so that a
 * scrollback can look at those on the screen alone. Above a block stands the
 * day where one begins, and where what has not been read begins.
 * Pure. Must not know: what entries look like, what is on the screen.
 *
 * @module
 */

import type { Entry } from "../client/entry.ts";
import { CLIENT_FOLDED_MAX } from "../limits.ts";
import { dividerRow } from "./entry_lines.ts";
import { lineWidth, type StyledLine } from "./styled.ts";

/** What a room has to show: as much of `RoomView` as is needed. */
export interface RoomEntries {
  /** Oldest first. */
  readonly entries: readonly Entry[];
  /** The `key` of the first entry that has not been read; null for none. */
  readonly firstUnreadKey: number | null;
}

/** Where the block with this entry begins: the index of its first entry. */
export function blockStart(room: RoomEntries, index: number): number {
  let start = index;
  while (goesOn(room, start)) start--;
  return start;
}

/** Where the block that begins here ends: the index behind its last entry. */
export function blockEnd(room: RoomEntries, start: number): number {
  let end = start + 1;
  while (goesOn(room, end)) end++;
  return end;
}

/** What stands above the block that begins here, maybe nothing. */
export function dividersAbove(room: RoomEntries, start: number, columns: number): StyledLine[] {
  const { entries, firstUnreadKey } = room;
  const entry = entries[start];
  if (entry === undefined) return [];
  const dividers: StyledLine[] = [];
  if (beginsDay(entries, start)) dividers.push(dayRow(entry.atMs, columns));
  if (entry.key === firstUnreadKey) dividers.push(dividerRow("new messages", "unread", columns));
  return dividers;
}

/** Whether the entry with this index belongs to the block of the one before. */
function goesOn({ entries, firstUnreadKey }: RoomEntries, index: number): boolean {
  const before = entries[index - 1];
  const entry = entries[index];
  if (before === undefined || entry === undefined) return false;
  return isFoldable(before) && isFoldable(entry) && entry.key !== firstUnreadKey &&
    // Keys grow, and nothing else needs to be looked at to bound a block.
    Math.floor(before.key / CLIENT_FOLDED_MAX) === Math.floor(entry.key / CLIENT_FOLDED_MAX) &&
    !beginsDay(entries, index);
}

/** Who was sent out is told in a line of its own, since somebody did it. */
function isFoldable({ presence }: Entry): boolean {
  return presence !== null && presence.change !== "sent-out";
}

/** Whether the day of an entry is not that of the one before, or it is the first one. */
function beginsDay(entries: readonly Entry[], index: number): boolean {
  const entry = entries[index];
  if (entry === undefined || entry.kind === "found") return false;
  let before = index - 1;
  // What was found happened on any day, and says on which.
  while (entries[before]?.kind === "found") before--;
  const previous = entries[before];
  return previous === undefined || dayStart(entry.atMs) > dayStart(previous.atMs);
}

/** The day that was asked for last: most entries are of the same one. */
let lastDay = { startMs: 0, endMs: 0 };

/** When the day of a point in time began, by this machine's calendar. */
function dayStart(atMs: number): number {
  if (atMs < lastDay.startMs || atMs >= lastDay.endMs) {
    const at = new Date(atMs);
    const [year, month, day] = [at.getFullYear(), at.getMonth(), at.getDate()];
    lastDay = {
      startMs: new Date(year, month, day).getTime(),
      endMs: new Date(year, month, day + 1).getTime(),
    };
  }
  return lastDay.startMs;
}

const WEEKDAY = new Intl.DateTimeFormat("en-GB", { weekday: "long" });
const LONG_DATE = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "long",
  year: "numeric",
});
const SHORT_DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function dayRow(atMs: number, columns: number): StyledLine {
  const long = `${WEEKDAY.format(atMs)}, ${LONG_DATE.format(atMs)}`;
  const row = dividerRow(long, "divider", Infinity);
  return lineWidth(row) <= columns ? row : dividerRow(SHORT_DATE.format(atMs), "divider", columns);
}
