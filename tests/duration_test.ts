/**
 * Durations, read and written: tables, and a property over whole units.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../lib/duration.ts";

Deno.test("parseDuration() reads a number and a unit", () => {
  const table: readonly (readonly [string, number])[] = [
    ["250ms", 250],
    ["1ms", 1],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["365d", 31_536_000_000],
    ["1.5m", 90_000],
    ["0.5s", 500],
    ["0.001s", 1],
    [" 5m ", 300_000],
    ["05m", 300_000],
    ["104249991d", 104_249_991 * 86_400_000],
  ];
  for (const [text, ms] of table) assertEquals(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses everything else", () => {
  const texts = [
    ...["", " ", "5", "m", "0", "0s", "0.0m", "0.4ms", "-5m", "+5m", "5 m", "5M", "5min", "5m5s"],
    ...["1e3s", "0x10s", "1_000s", ".5s", "5.s", "1.2345s", "NaNs", "Infinityd", "off", "soon"],
    // Beyond what a number holds exactly.
    ...["999999999d", "1234567890s", "\u0665m", "5m\n5m"],
  ];
  for (const text of texts) assertEquals(parseDuration(text), null, JSON.stringify(text));
});

Deno.test("formatDuration() writes a duration in its largest fitting unit", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 seconds"],
    [-5_000, "0 seconds"],
    [400, "0 seconds"],
    [500, "1 second"],
    [1_000, "1 second"],
    [1_500, "2 seconds"],
    [59_000, "59 seconds"],
    [60_000, "1 minute"],
    [60_001, "60 seconds"],
    [90_000, "90 seconds"],
    [120_000, "2 minutes"],
    [3_600_000, "1 hour"],
    [5_400_000, "90 minutes"],
    [7_400_000, "2 hours"],
    [86_400_000, "1 day"],
    [31_536_000_000, "365 days"],
  ];
  for (const [ms, text] of table) assertEquals(formatDuration(ms), text);
});

Deno.test("formatDuration() is never far from the truth", () => {
  const unitMs: Readonly<Record<string, number>> = {
    second: 1_000,
    minute: 60_000,
    hour: 3_600_000,
    day: 86_400_000,
  };
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 10 ** 12 }), (ms) => {
      const [count = "", unit = ""] = formatDuration(ms).split(" ");
      const written = Number(count) * (unitMs[unit.replace(/s$/, "")] ?? 0);
      assert(Math.abs(written - ms) <= ms / 3, `${ms} ms as ${count} ${unit}`);
      assertEquals(unit.endsWith("s"), count !== "1");
    }),
  );
});
