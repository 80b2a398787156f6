/**
 * Durations as people write and read them: `30s`, `5m`, `2h`, `365d`.
 *
 * Must not know: what a duration is for.
 *
 * @module
 */

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const UNIT_WORDS = [
  ["day", UNIT_MS.d],
  ["hour", UNIT_MS.h],
  ["minute", UNIT_MS.m],
  ["second", UNIT_MS.s],
] as const;

/**
 * Reads a duration: a positive number and a unit, `ms`, `s`, `m`, `h` or `d`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDuration } from "./duration.ts";
 *
 * assertEquals(parseDuration("1.5m"), 90_000);
 * assertEquals(parseDuration("soon"), null);
 * ```
 *
 * @returns Milliseconds, or null where the text is no duration.
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim());
  if (match === null) return null;
  const ms = Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
  return ms > 0 && Number.isSafeInteger(ms) ? ms : null;
}

/**
 * Writes a duration in words, in its largest fitting unit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatDuration } from "./duration.ts";
 *
 * assertEquals(formatDuration(60_000), "1 minute");
 * assertEquals(formatDuration(90_000), "90 seconds");
 * assertEquals(formatDuration(7_400_000), "2 hours");
 * ```
 */
export function formatDuration(ms: number): string {
  for (const [word, unitMs] of UNIT_WORDS) {
    // A unit serves from one of it exactly, or from two on, where rounding hurts little.
    if (ms === unitMs || ms >= 2 * unitMs || word === "second") {
      const count = Math.max(0, Math.round(ms / unitMs));
      return `${count} ${word}${count === 1 ? "" : "s"}`;
    }
  }
  return "0 seconds";
}
