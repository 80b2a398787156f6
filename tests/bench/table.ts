/**
 * The figures of a benchmark, and the one table that shows them.
 *
 * @module
 */

/** One line of the table. */
export interface Figure {
  /** What was done. */
  readonly scenario: string;
  /** What was measured, with its unit. */
  readonly figure: string;
  /** Null where it could not be measured. */
  readonly server: number | null;
  /** The floor's; null where it could not be measured, undefined where it makes no sense. */
  readonly floor?: number | null;
}

/** A scenario that was passed over, and why. */
export interface Skipped {
  readonly scenario: string;
  readonly reason: string;
}

/** The table, figures in the order given. */
export function formatTable(
  figures: readonly Figure[],
  options: { server: string; skipped: readonly Skipped[] },
): string {
  const { server, skipped } = options;
  const header = ["scenario", "figure", server, "floor", `${server}/floor`];
  let last = "";
  const rows = figures.map((row) => {
    const scenario = row.scenario === last ? "" : row.scenario;
    last = row.scenario;
    const floor = row.floor === undefined ? "" : formatNumber(row.floor);
    return [scenario, row.figure, formatNumber(row.server), floor, formatRatio(row)];
  });
  const widths = header.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0))
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
      .join("  ").trimEnd() + "\n";
  const rule = widths.map((width) => "-".repeat(width));
  return [header, rule, ...rows].map(line).join("") +
    skipped.map(({ scenario, reason }) => `${scenario}: skipped, ${reason}\n`).join("");
}

function formatRatio({ server, floor }: Figure): string {
  if (server === null || floor === undefined || floor === null || floor === 0) return "";
  return formatNumber(server / floor);
}

/** Three digits that mean something, thousands apart; n/a for what is not known. */
function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "n/a";
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  // Counts among them are whole, and look it.
  return Number.isInteger(value) ? `${value}` : Number(value.toPrecision(3)).toString();
}
