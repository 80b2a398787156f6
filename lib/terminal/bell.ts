/**
 * When the terminal's bell is rung: for which of the things that people say, and
 * how often.
 *
 * Pure: time comes in. Must not know: the terminal, how it is rung.
 *
 * @module
 */

import { foldName, nameMatcher } from "../client/mentions.ts";
import type { BellChoice } from "../client/settings.ts";
import { CLIENT_BELL_MS } from "../limits.ts";
import type { ServerEvent } from "../protocol/json_reader.ts";

/**
 * Decides for each event.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Bell } from "./bell.ts";
 *
 * const bell = new Bell("mentions");
 * const said = { type: "message", id: 1, atMs: 0, room: "#lobby", from: "ann", isRegistered: false };
 * assertEquals(bell.rings({ ...said, type: "message", text: "hi kim" }, "kim", 5_000), true);
 * assertEquals(bell.rings({ ...said, type: "message", text: "hi" }, "kim", 9_000), false);
 * ```
 */
export class Bell {
  /** For what it is rung. */
  choice: BellChoice;
  #rangAtMs: number | null = null;
  #mention: { readonly name: string; readonly pattern: RegExp } | null = null;

  /** Begins quiet. */
  constructor(choice: BellChoice) {
    this.choice = choice;
  }

  /**
   * Whether to ring it for an event now; if so, it is taken for rung.
   *
   * @param ownName The user's name; null while it is not known.
   * @param nowMs In epoch milliseconds.
   */
  rings(event: ServerEvent, ownName: string | null, nowMs: number): boolean {
    if (!this.#isWorthIt(event, ownName)) return false;
    // The clock may have been set back.
    const isSoon = this.#rangAtMs !== null && Math.abs(nowMs - this.#rangAtMs) < CLIENT_BELL_MS;
    if (!isSoon) this.#rangAtMs = nowMs;
    return !isSoon;
  }

  #isWorthIt(event: ServerEvent, ownName: string | null): boolean {
    if (this.choice === "off" || ownName === null) return false;
    if (event.type === "direct") return true;
    if (event.type !== "message" && event.type !== "action") return false;
    if (foldName(event.from) === foldName(ownName)) return false;
    if (this.choice === "all") return true;
    if (this.#mention?.name !== ownName) {
      this.#mention = { name: ownName, pattern: nameMatcher(ownName) };
    }
    return this.#mention.pattern.test(event.text.normalize("NFC"));
  }
}
