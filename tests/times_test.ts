// Points in time as people write and read them: tables, and that what is
// written can be read. In the machine's own time zone, whichever it is: the days
// used here have 24 hours in nearly all of them.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatDate, formatTime, parseTime } from "../lib/times.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Noon, on the machine's clock. */
const NOON_MS = local(2026, 11, 22, 12);

function local(year: number, month: number, day: number, hour = 0, minute = 0): number {
  return new Date(year, month - 1, day, hour, minute).getTime();
}

Deno.test("parseTime() reads times of the day as the last ones", () => {
  const table: readonly (readonly [string, number])[] = [
    ["11:59", local(2026, 11, 22, 11, 59)],
    ["12:00", NOON_MS],
    ["12:01", local(2026, 11, 21, 12, 1)],
    ["00:00", local(2026, 11, 22)],
    ["0:00", local(2026, 11, 22)],
    ["7:05", local(2026, 11, 22, 7, 5)],
    ["07:05", local(2026, 11, 22, 7, 5)],
    ["23:59", local(2026, 11, 21, 23, 59)],
  ];
  for (const [text, atMs] of table) assertEquals(parseTime(text, NOON_MS), atMs, text);
  // On the first of a month and of a year, too.
  assertEquals(parseTime("13:00", local(2026, 3, 1, 12)), local(2026, 2, 28, 13));
  assertEquals(parseTime("13:00", local(2027, 1, 1, 12)), local(2026, 12, 31, 13));
});

Deno.test("parseTime() reads dates, with and without a time of the day", () => {
  const table: readonly (readonly [string, number])[] = [
    ["2026-11-20", local(2026, 11, 20)],
    ["2026-11-20 14:02", local(2026, 11, 20, 14, 2)],
    ["2026-11-20T14:02", local(2026, 11, 20, 14, 2)],
    ["2026-1-2", local(2026, 1, 2)],
    ["2026-1-2 3:04", local(2026, 1, 2, 3, 4)],
    ["2024-02-29", local(2024, 2, 29)],
    ["2030-01-01", local(2030, 1, 1)],
    ["1969-12-31", local(1969, 12, 31)],
  ];
  for (const [text, atMs] of table) assertEquals(parseTime(text, NOON_MS), atMs, text);
});

Deno.test("parseTime() reads how long ago", () => {
  assertEquals(parseTime("30s", NOON_MS), NOON_MS - 30_000);
  assertEquals(parseTime("90m", NOON_MS), NOON_MS - 90 * MINUTE_MS);
  assertEquals(parseTime("1.5h", NOON_MS), NOON_MS - 90 * MINUTE_MS);
  assertEquals(parseTime("7d", NOON_MS), NOON_MS - 7 * DAY_MS);
});

Deno.test("parseTime() takes nothing for a time that is none", () => {
  const texts = [
    ..."24:00 12:60 1:2 12 12: :30 -1:00 12:00:00 2026 2026-11 2026-11- 2026-11-22- 26-11-22".split(
      " ",
    ),
    ..."2026-02-30 2025-02-29 2026-04-31 2026-13-01 2026-00-10 2026-01-00 2026-01-32".split(" "),
    ..."2026/11/22 22.11.2026 20261122 11-22-2026 today yesterday now soon never 0 7 d 0d 7w".split(
      " ",
    ),
    ...["", " ", "2026-11-22  14:02", "2026-11-22 24:00", "2026-11-22 14", "x".repeat(9_000)],
  ];
  for (const text of texts) assertEquals(parseTime(text, NOON_MS), null, JSON.stringify(text));
});

Deno.test("parseTime() takes no year for another one", () => {
  for (const text of ["0050-01-02", "0000-01-01", "0999-12-31"]) {
    const atMs = parseTime(text, NOON_MS);
    const year = atMs === null ? null : new Date(atMs).getFullYear();
    assert(year === null || year === Number(text.slice(0, 4)), `${text} is a day of ${year}`);
  }
});

Deno.test("formatTime() writes the time alone of today, and the date of any other day", () => {
  const table: readonly (readonly [number, string])[] = [
    [NOON_MS, "12:00"],
    [NOON_MS + 59_999, "12:00"],
    [local(2026, 11, 22), "00:00"],
    [local(2026, 11, 22) - 1, "2026-11-21 23:59"],
    [local(2026, 11, 22, 23, 59), "23:59"],
    [local(2026, 11, 23), "2026-11-23 00:00"],
    [local(2025, 11, 22, 12), "2025-11-22 12:00"],
    [local(2026, 1, 2, 3, 4), "2026-01-02 03:04"],
  ];
  for (const [atMs, text] of table) assertEquals(formatTime(atMs, NOON_MS), text);
  assertEquals(formatDate(local(2026, 1, 2, 3, 4)), "2026-01-02");
  assertEquals(formatDate(local(2026, 12, 31, 23, 59)), "2026-12-31");
});

Deno.test("parseTime() reads what formatTime() writes, to the minute", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: local(2026, 11, 10), max: local(2026, 12, 20) }),
      fc.nat({ max: 10 * DAY_MS }),
      (nowMs, agoMs) => {
        const atMs = nowMs - agoMs;
        const minute = atMs - new Date(atMs).getSeconds() * 1_000 -
          new Date(atMs).getMilliseconds();
        assertEquals(parseTime(formatTime(atMs, nowMs), nowMs), minute);
        assertEquals(
          parseTime(formatDate(atMs), nowMs),
          minute - new Date(atMs).getHours() * HOUR_MS - new Date(atMs).getMinutes() * MINUTE_MS,
        );
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("parseTime() gives a time of the day that is within the last 24 hours, and never throws", () => {
  const clock = fc.tuple(fc.nat({ max: 23 }), fc.nat({ max: 59 })).map(([hour, minute]) =>
    `${hour}:${`${minute}`.padStart(2, "0")}`
  );
  const now = fc.integer({ min: local(2026, 11, 10), max: local(2026, 12, 20) });
  fc.assert(
    fc.property(clock, now, (text, nowMs) => {
      const atMs = parseTime(text, nowMs);
      assert(atMs !== null && atMs <= nowMs && atMs > nowMs - DAY_MS, text);
    }),
    { numRuns: 1_000 },
  );
  const digits = fc.array(fc.constantFrom(..."0123456789-: Tdhms."), { maxLength: 18 });
  fc.assert(
    fc.property(digits.map((all) => all.join("")), now, (text, nowMs) => {
      const atMs = parseTime(text, nowMs);
      assert(atMs === null || Number.isFinite(atMs), text);
    }),
    { numRuns: 3_000 },
  );
});
