/**
 * Wrong passwords, counted: each after the first few doubles the wait before the next.
 *
 * Must not know: passwords, timers (it is asked, and says how long to wait), who tries.
 *
 * @module
 */

import { formatDuration } from "../duration.ts";
import { CommandError } from "../errors.ts";
import { ATTEMPT_WAIT_MS_MIN, ATTEMPTS_FREE, ATTEMPTS_REMEMBERED_MAX } from "../limits.ts";

/** What attempts are counted under, and the longest wait that they lead to. */
export interface AttemptKey {
  /** An address or a name, with what kind it is. */
  readonly key: string;
  /** In milliseconds. */
  readonly waitMsMax: number;
}

interface Failures {
  count: number;
  /** When the next attempt may be made. */
  openAtMs: number;
}

/** Remembers wrong attempts, up to `ATTEMPTS_REMEMBERED_MAX` keys. */
export class Attempts {
  readonly #failures = new Map<string, Failures>();

  /**
   * Begins an attempt, and counts it as wrong until {@linkcode Attempts.succeeded}
   * is told otherwise: so several at once gain nothing.
   *
   * @throws {CommandError} If it is too early for another one.
   */
  begin(keys: readonly AttemptKey[]): void {
    const nowMs = Date.now();
    const openAtMs = Math.max(...keys.map(({ key }) => this.#failures.get(key)?.openAtMs ?? 0));
    if (openAtMs > nowMs) {
      const wait = formatDuration(Math.max(1_000, openAtMs - nowMs));
      throw new CommandError("too-many-attempts", `Too many wrong passwords. Wait ${wait}.`);
    }
    for (const { key, waitMsMax } of keys) this.#count(key, waitMsMax);
  }

  /**
   * The attempt that was begun last under these keys was right. It counts no more;
   * those before it do, but for those under `provenKey`, whose owner this is.
   */
  succeeded(keys: readonly AttemptKey[], provenKey: string): void {
    this.withdrawn(keys);
    this.#failures.delete(provenKey);
  }

  /** What was begun under these keys was neither right nor wrong. */
  withdrawn(keys: readonly AttemptKey[]): void {
    for (const { key } of keys) {
      const failures = this.#failures.get(key);
      if (failures === undefined) continue;
      failures.count--;
      // The attempt was allowed, so there was nothing to wait for. Not 0: that would be stale.
      failures.openAtMs = Date.now();
      if (failures.count <= 0) this.#failures.delete(key);
    }
  }

  #count(key: string, waitMsMax: number): void {
    const nowMs = Date.now();
    const before = this.#failures.get(key);
    // A wait that is long over has served its purpose.
    const isStale = before !== undefined && nowMs > before.openAtMs + 2 * waitMsMax;
    const count = (isStale ? 0 : before?.count ?? 0) + 1;
    const waitMs = count <= ATTEMPTS_FREE
      ? 0
      : Math.min(waitMsMax, ATTEMPT_WAIT_MS_MIN * 2 ** (count - ATTEMPTS_FREE - 1));
    this.#failures.delete(key);
    this.#failures.set(key, { count, openAtMs: nowMs + waitMs });
    if (this.#failures.size <= ATTEMPTS_REMEMBERED_MAX) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      break;
    }
  }
}
