/**
 * The entries of one room, in order, without duplicates, and bounded.
 *
 * 1. Entries with an id stand in the order of their ids; one without stays
 *    behind the entry after which it came, or before the one that it came before.
 * 2. What the user says stands at the end until the server has it.
 * 3. Past `MODEL_LINES_MAX` the oldest are given up.
 *
 * Must not know: what entries say, what has been read.
 *
 * @module
 */

import { MODEL_LINES_MAX, MODEL_LINES_SLACK } from "../limits.ts";
import type { Entry } from "./entry.ts";

/** See the module. */
export class RoomLog {
  #entries: Entry[] = [];
  /** What the server does not have yet, in the order in which it was said. */
  #sending: Entry[] = [];
  /** Of all entries that have one: to know duplicates. */
  readonly #ids = new Set<number>();
  #maxId = 0;
  #all: readonly Entry[] | null = null;

  /** All of them, oldest first. The array is not changed later: another one takes its place. */
  get all(): readonly Entry[] {
    return this.#all ??= [...this.#entries, ...this.#sending];
  }

  /** The lowest id; null where no entry has one. */
  get firstId(): number | null {
    return this.#entries.find(({ id }) => id !== null)?.id ?? null;
  }

  /** How many there are. */
  get size(): number {
    return this.#entries.length + this.#sending.length;
  }

  /** Whether an entry with this id is here. */
  has(id: number): boolean {
    return this.#ids.has(id);
  }

  /**
   * Adds an entry in its place; one whose id is here already takes the other's, with its key.
   *
   * @returns False where it took another's place.
   */
  add(entry: Entry): boolean {
    this.#all = null;
    const { id } = entry;
    if (id !== null && this.#ids.has(id)) {
      this.replace((each) => each.id === id, (each) => ({ ...entry, key: each.key }));
      return false;
    }
    const isLast = id === null || id > this.#maxId;
    this.#entries.splice(isLast ? this.#entries.length : this.#placeOf(id), 0, entry);
    this.#note(id);
    this.#bound();
    return true;
  }

  /**
   * Adds those of a page of history that are not here, each in its place.
   *
   * @param page Oldest first, all with an id.
   * @returns How many were added.
   */
  merge(page: readonly Entry[]): number {
    const added = page.filter(({ id }) => id !== null && !this.#ids.has(id));
    const merged: Entry[] = [];
    let next = 0;
    // What stands in front without an id, such as a welcome, came after all that is older.
    let beforeId: number | null = this.firstId ?? Infinity;
    for (const entry of this.#entries) {
      if (entry.id !== null) beforeId = entry.id;
      for (let each = added[next]; isBefore(each, beforeId); each = added[++next]) {
        merged.push(each);
      }
      merged.push(entry);
      if (entry.id !== null) beforeId = null;
    }
    merged.push(...added.slice(next));
    this.#entries = merged;
    for (const { id } of added) this.#note(id);
    this.#all = null;
    return added.length;
  }

  /** The server counts anew: what is here has nothing to do with the ids that follow. */
  forgetIds(): void {
    this.#all = null;
    this.#entries = this.#entries.map((entry) => ({ ...entry, id: null }));
    this.#ids.clear();
    this.#maxId = 0;
  }

  /** The highest id that there was. */
  get lastId(): number {
    return this.#maxId;
  }

  /** Adds something that the server does not have yet. */
  addSending(entry: Entry): void {
    this.#all = null;
    this.#sending.push(entry);
  }

  /** Takes back what was being sent; undefined where there is none with this key. */
  takeSending(key: number): Entry | undefined {
    const at = this.#sending.findIndex((each) => each.key === key);
    if (at < 0) return undefined;
    this.#all = null;
    return this.#sending.splice(at, 1)[0];
  }

  /** The newest entry that fits, if there is one; what is being sent is not looked at. */
  findLast(fits: (entry: Entry) => boolean): Entry | undefined {
    return this.#entries.findLast(fits);
  }

  /**
   * Replaces the newest entry that fits; its id has to stay the same.
   *
   * @returns Whether there was one.
   */
  replace(fits: (entry: Entry) => boolean, change: (entry: Entry) => Entry): boolean {
    const at = this.#entries.findLastIndex(fits);
    const entry = this.#entries[at];
    if (entry === undefined) return false;
    this.#all = null;
    this.#entries[at] = change(entry);
    return true;
  }

  /** Before the first entry with a higher id, and so behind what came after the one before. */
  #placeOf(id: number): number {
    let place = this.#entries.length;
    for (let at = place - 1; at >= 0; at--) {
      const each = this.#entries[at]?.id ?? null;
      if (each === null) continue;
      if (each < id) break;
      place = at;
    }
    return place;
  }

  #note(id: number | null): void {
    if (id === null) return;
    this.#ids.add(id);
    this.#maxId = Math.max(this.#maxId, id);
  }

  #bound(): void {
    if (this.#entries.length <= MODEL_LINES_MAX + MODEL_LINES_SLACK) return;
    for (const { id } of this.#entries.splice(0, this.#entries.length - MODEL_LINES_MAX)) {
      if (id !== null) this.#ids.delete(id);
    }
  }
}

function isBefore(line: Entry | undefined, id: number | null): line is Entry {
  return line?.id !== undefined && line.id !== null && id !== null && line.id < id;
}
