/**
 * When files have changed, and the change is over.
 *
 * Must not know: files, timers; it is told what they look like, again and again.
 *
 * @module
 */

/**
 * Tells a change once it has been quiet from one look to the next: what is
 * written in several steps, or as several files, is not taken half-way.
 *
 * The first look counts as a change, since nobody knows what was before it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FileChanges } from "./file_changes.ts";
 *
 * const changes = new FileChanges();
 * const looks = ["old", "old", "old", "half", "new", "new", "new"];
 * assertEquals(
 *   looks.map((look) => changes.observe(look)),
 *   [false, true, false, false, false, true, false],
 * );
 * ```
 */
export class FileChanges {
  #seen: string | null = null;
  #told: string | null = null;

  /**
   * Takes a look.
   *
   * @param look What all files look like now, in one text; the same text for the same files.
   * @returns Whether there is a change to tell: it was there the last time, and was not told.
   */
  observe(look: string): boolean {
    const isQuiet = look === this.#seen;
    this.#seen = look;
    if (!isQuiet || look === this.#told) return false;
    this.#told = look;
    return true;
  }
}
