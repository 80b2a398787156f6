/**
 * What a scenario of the benchmark is, and how long it may take.
 *
 * @module
 */

import type { Target } from "./processes.ts";
import type { Figure } from "./table.ts";

/** How a scenario is run. */
export interface Setting {
  /** A server to measure instead of Parley; null for Parley. */
  readonly other: Target | null;
  /** The folder of another Parley, to compare with instead of the floor; null for the floor. */
  readonly baseline: string | null;
  /** Flags that the server is started with, besides those of every one. */
  readonly flags: readonly string[];
  /** How long, and how many. */
  readonly extent: Extent;
}

/** How long the scenarios take, and how large they are. */
export interface Extent {
  readonly warmUpMs: number;
  readonly fanoutMs: number;
  readonly latencyMs: number;
  readonly slowMs: number;
  readonly screenMs: number;
  /** How often rates and latencies are measured; the best counts. */
  readonly rounds: number;
  /** Users of the scenario `doors`, the one who talks included. */
  readonly doorUsers: number;
  readonly idleConnections: number;
  readonly starts: number;
  /** Messages in the database of the scenario `store`. */
  readonly storeMessages: number;
  readonly microMs: number;
}

/** The default run. */
export const FULL: Extent = {
  warmUpMs: 500,
  fanoutMs: 2_500,
  latencyMs: 5_000,
  slowMs: 3_500,
  screenMs: 60_000,
  rounds: 2,
  doorUsers: 500,
  idleConnections: 5_000,
  starts: 10,
  storeMessages: 1_000_000,
  microMs: 500,
};

/** The `--quick` run: shorter, so less exact. */
export const QUICK: Extent = {
  warmUpMs: 100,
  fanoutMs: 200,
  latencyMs: 600,
  slowMs: 500,
  screenMs: 3_000,
  rounds: 1,
  doorUsers: 100,
  idleConnections: 1_000,
  starts: 3,
  storeMessages: 50_000,
  microMs: 50,
};

/** One thing to do. */
export interface Scenario {
  /** What `--only` calls it. */
  readonly name: string;
  /** Whether it can measure a server other than Parley. */
  readonly takesOther: boolean;
  run(setting: Setting): Promise<Figure[]>;
}

/** A scenario cannot be run here, and why. */
export class SkipError extends Error {
  override readonly name = "SkipError";
}
