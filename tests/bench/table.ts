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
  /**
   * The same of what stands beside it, the floor or the baseline; null where it could
   * not be measured, undefined where it makes no sense.
   */
  readonly beside?: number | null | undefined;
  /** What it has to stay below, where that was promised. */
  readonly limit?: number;
}

/** A scenario that was passed over, and why. */
export interface Skipped {
  readonly scenario: string;
  readonly reason: string;
}

/** What stands above the columns, and below the table. */
export interface TableOptions {
  /** What was measured. */
  readonly server: string;
  /** What it was compared with. */
  readonly beside: string;
  readonly skipped: readonly Skipped[];
}

/** The table, figures in the order given. */
export function formatTable(
  figures: readonly Figure[],
  { server, beside, skipped }: TableOptions,
): string {
  const header = ["scenario", "figure", server, beside, `${server}/${beside}`, "limit"];
  let last = "";
  const rows = figures.map((row) => {
    const scenario = row.scenario === last ? "" : row.scenario;
    last = row.scenario;
    const other = row.beside === undefined ? "" : formatNumber(row.beside);
    const { figure } = row;
    return [scenario, figure, formatNumber(row.server), other, formatRatio(row), formatLimit(row)];
  });
  // Columns with nothing in them are left out.
  const isUsed = header.map((_, at) => at < 3 || rows.some((row) => row[at] !== ""));
  const widths = header.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0))
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
      .filter((_, at) => isUsed[at]).join("  ").trimEnd() + "\n";
  const rule = widths.map((width) => "-".repeat(width));
  return [header, rule, ...rows].map(line).join("") +
    skipped.map(({ scenario, reason }) => `${scenario}: skipped, ${reason}\n`).join("");
}

function formatRatio({ server, beside }: Figure): string {
  if (server === null || beside === undefined || beside === null || beside === 0) return "";
  return formatNumber(server / beside);
}

function formatLimit({ server, limit }: Figure): string {
  if (limit === undefined) return "";
  const isKept = server === null || server < limit;
  return `${isKept ? "" : "MISSED: "}< ${formatNumber(limit)}`;
}

/** Three digits that mean something, thousands apart; n/a for what is not known. */
function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "n/a";
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  // Counts among them are whole, and look it.
  return Number.isInteger(value) ? `${value}` : Number(value.toPrecision(3)).toString();
}
