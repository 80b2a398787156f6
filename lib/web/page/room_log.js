// @ts-check
/**
 * What was said in one room, in order, as far as it is here.
 *
 * 1. Entries with an id stand in its order, each once.
 * 2. What the server does not have yet stands at the end.
 * 3. It is bounded: the oldest are given up, later where somebody reads them.
 * 4. An entry is never changed: another object with the same `key` takes its place.
 *
 * Must not know: what entries say, what has been read.
 *
 * @module
 */

import { LOG_ENTRIES_HELD_MAX, LOG_ENTRIES_MAX, LOG_ENTRIES_SLACK } from "./limits.js";

/** @import { Entry } from "./model.js" */

/** See the module. */
export class RoomLog {
  /** @type {Entry[]} */
  #entries = [];
  /** What the server does not have yet, in the order in which it was said. @type {Entry[]} */
  #sending = [];
  /** Of all entries that have one: to know duplicates. @type {Set<number>} */
  #ids = new Set();
  #lastId = 0;
  /** @type {readonly Entry[] | null} */
  #all = null;
  /** Whether the server has said that there is nothing older. */
  isComplete = false;
  /** Whether somebody may be reading its oldest entries, which would move if they were given up. */
  isHeld = false;

  /** All of them, oldest first. The array is not changed later: another one takes its place. */
  get all() {
    return this.#all ??= [...this.#entries, ...this.#sending];
  }

  /** The lowest id; null where no entry has one. */
  get firstId() {
    return this.#entries.find(({ id }) => id !== null)?.id ?? null;
  }

  /** The highest id that there was; 0 for none. */
  get lastId() {
    return this.#lastId;
  }

  /** How many there are. */
  get size() {
    return this.#entries.length + this.#sending.length;
  }

  /** The last one that the server has. */
  get last() {
    return this.#entries.at(-1);
  }

  /**
   * Whether an entry with this id is here.
   *
   * @param {number} id
   * @returns {boolean}
   */
  has(id) {
    return this.#ids.has(id);
  }

  /**
   * Adds an entry in its place; one whose id is here already takes the other's, with its key.
   *
   * @param {Entry} entry
   * @returns {boolean} False where it took another's place.
   */
  add(entry) {
    this.#all = null;
    const { id } = entry;
    if (id !== null && this.#ids.has(id)) {
      this.replace((each) => each.id === id, (each) => ({ ...entry, key: each.key }));
      return false;
    }
    const isLast = id === null || id > this.#lastId;
    this.#entries.splice(isLast ? this.#entries.length : this.#placeOf(id), 0, entry);
    this.#note(id);
    this.#bound();
    return true;
  }

  /**
   * Adds those of a page of history that are not here, each in its place.
   *
   * @param {readonly Entry[]} page Oldest first, all with an id.
   * @returns {number} How many were added.
   */
  merge(page) {
    const added = page.filter(({ id }) => id !== null && !this.#ids.has(id));
    /** @type {Entry[]} */
    const merged = [];
    let next = 0;
    // What stands in front without an id, such as a welcome, came after all that is older.
    let beforeId = /** @type {number | null} */ (this.firstId ?? Infinity);
    for (const entry of this.#entries) {
      if (entry.id !== null) beforeId = entry.id;
      for (let each = added[next]; isBefore(each, beforeId); each = added[++next]) {
        if (each !== undefined) merged.push(each);
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

  /**
   * The server counts anew: what is here has nothing to do with the ids that follow.
   *
   * @returns {void}
   */
  forgetIds() {
    this.#all = null;
    this.#entries = this.#entries.map((entry) => ({ ...entry, id: null }));
    this.#ids.clear();
    this.#lastId = 0;
  }

  /**
   * Adds something that the server does not have yet.
   *
   * @param {Entry} entry
   * @returns {void}
   */
  addSending(entry) {
    this.#all = null;
    this.#sending.push(entry);
  }

  /**
   * Takes back what was being sent; undefined where there is none with this key.
   *
   * @param {number} key
   * @returns {Entry | undefined}
   */
  takeSending(key) {
    const at = this.#sending.findIndex((each) => each.key === key);
    if (at < 0) return undefined;
    this.#all = null;
    return this.#sending.splice(at, 1)[0];
  }

  /**
   * Takes out the entry with a key, if there is one.
   *
   * @param {number} key
   * @returns {void}
   */
  remove(key) {
    const at = this.#entries.findLastIndex((each) => each.key === key);
    if (at < 0) return;
    this.#all = null;
    this.#entries.splice(at, 1);
  }

  /**
   * The newest entry that fits; what is being sent is not looked at.
   *
   * @param {(entry: Entry) => boolean} fits
   * @returns {Entry | undefined}
   */
  findLast(fits) {
    return this.#entries.findLast(fits);
  }

  /**
   * Replaces the newest entry that fits; one with a higher id counts as seen under it.
   *
   * @param {(entry: Entry) => boolean} fits
   * @param {(entry: Entry) => Entry} change
   * @returns {boolean} Whether there was one.
   */
  replace(fits, change) {
    const at = this.#entries.findLastIndex(fits);
    const entry = this.#entries[at];
    if (entry === undefined) return false;
    this.#all = null;
    const changed = change(entry);
    this.#entries[at] = changed;
    this.#note(changed.id);
    return true;
  }

  /**
   * Before the first entry with a higher id, and so behind what came after the one before.
   *
   * @param {number} id
   */
  #placeOf(id) {
    let place = this.#entries.length;
    for (let at = place - 1; at >= 0; at--) {
      const each = this.#entries[at]?.id ?? null;
      if (each === null) continue;
      if (each < id) break;
      place = at;
    }
    return place;
  }

  /** @param {number | null} id */
  #note(id) {
    if (id === null) return;
    this.#ids.add(id);
    this.#lastId = Math.max(this.#lastId, id);
  }

  #bound() {
    const max = this.isHeld ? LOG_ENTRIES_HELD_MAX : LOG_ENTRIES_MAX;
    if (this.#entries.length <= max + LOG_ENTRIES_SLACK) return;
    for (const { id } of this.#entries.splice(0, this.#entries.length - max)) {
      if (id !== null) this.#ids.delete(id);
    }
    this.isComplete = false;
  }
}

/**
 * @param {Entry | undefined} line
 * @param {number | null} id
 */
function isBefore(line, id) {
  return line?.id !== undefined && line.id !== null && id !== null && line.id < id;
}
