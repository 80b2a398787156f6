/**
 * Points in time as people write and read them: `14:02`, `2026-11-20`,
 * `2026-11-20 14:02`, or how long ago: `7d`. In the time zone of the server's
 * machine, since a person on nc has no other way to tell theirs.
 *
 * Must not know: what happened then.
 *
 * @module
 */

import { parseDuration } from "./duration.ts";

const CLOCK = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]([01]?\d|2[0-3]):([0-5]\d))?$/;

/**
 * Reads a point in time.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseTime } from "./times.ts";
 *
 * const noon = new Date(2026, 10, 22, 12, 0).getTime();
 * assertEquals(parseTime("11:30", noon), noon - 30 * 60_000);
 * assertEquals(parseTime("12:30", noon), noon - 23.5 * 3_600_000); // yesterday
 * assertEquals(parseTime("2026-11-22", noon), noon - 12 * 3_600_000);
 * assertEquals(parseTime("2h", noon), noon - 2 * 3_600_000);
 * assertEquals(parseTime("soon", noon), null);
 * ```
 *
 * @param nowMs The time that "today" and "ago" are counted from.
 * @returns Epoch milliseconds, or null where the text is no time.
 */
export function parseTime(text: string, nowMs: number): number | null {
  const clock = CLOCK.exec(text);
  if (clock !== null) {
    const now = new Date(nowMs);
    const atHour = (day: number): number =>
      new Date(now.getFullYear(), now.getMonth(), day, Number(clock[1]), Number(clock[2]))
        .getTime();
    const today = atHour(now.getDate());
    return today <= nowMs ? today : atHour(now.getDate() - 1);
  }
  const date = DATE.exec(text);
  if (date !== null) {
    const [year, month, day, hour, minute] = date.slice(1).map((part) => Number(part ?? 0));
    const at = new Date(year ?? 0, (month ?? 1) - 1, day, hour, minute);
    // 30 February would be some day in March, and the year 50 one of 1950.
    const isSame = at.getFullYear() === year && at.getMonth() === (month ?? 1) - 1 &&
      at.getDate() === day;
    return isSame ? at.getTime() : null;
  }
  const agoMs = parseDuration(text);
  return agoMs === null ? null : nowMs - agoMs;
}

/**
 * Writes a point in time: of today the hour and minute, of other days the date as well.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatTime } from "./times.ts";
 *
 * const noon = new Date(2026, 10, 22, 12, 0).getTime();
 * assertEquals(formatTime(noon - 60_000, noon), "11:59");
 * assertEquals(formatTime(noon - 86_400_000, noon), "2026-11-21 12:00");
 * ```
 *
 * @param nowMs The time that is "today".
 */
export function formatTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  return at.toDateString() === new Date(nowMs).toDateString()
    ? clock
    : `${formatDate(atMs)} ${clock}`;
}

/** Writes a day: `2026-11-22`. */
export function formatDate(atMs: number): string {
  const at = new Date(atMs);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

function pad(number: number): string {
  return `${number}`.padStart(2, "0");
}
