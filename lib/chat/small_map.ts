/**
 * A map and a set for a handful of entries, of which there are thousands.
 *
 * A `Map` with one entry takes a quarter of a kilobyte, an array made of one value
 * some fifty bytes (one that was pushed to has room for sixteen more). Looking up
 * walks the entries, in the order in which they came; changing makes a new array,
 * so that what is walked meanwhile stays as it was.
 * Must not know: what is in them.
 *
 * @module
 */

const NOTHING: readonly never[] = [];

/** As `Map`, as far as it is needed; for some twenty entries at most. */
export class SmallMap<Key extends object, Value> {
  #keys: readonly Key[] = NOTHING;
  #values: readonly Value[] = NOTHING;

  /** How many entries there are. */
  get size(): number {
    return this.#keys.length;
  }

  /** The last key; undefined where there is none. */
  get lastKey(): Key | undefined {
    return this.#keys.at(-1);
  }

  /** The value of a key; undefined where there is none. */
  get(key: Key): Value | undefined {
    return this.#values[this.#keys.indexOf(key)];
  }

  /** Whether there is a value for a key. */
  has(key: Key): boolean {
    return this.#keys.includes(key);
  }

  /** Adds an entry for a key that has none, as the last. */
  add(key: Key, value: Value): void {
    this.#keys = append(this.#keys, key);
    this.#values = append(this.#values, value);
  }

  /** Takes a key out, and says whether it was there. */
  delete(key: Key): boolean {
    const index = this.#keys.indexOf(key);
    if (index < 0) return false;
    this.#keys = this.#keys.toSpliced(index, 1);
    this.#values = this.#values.toSpliced(index, 1);
    return true;
  }

  /** The keys as they are now. */
  keys(): readonly Key[] {
    return this.#keys;
  }

  /** The values as they are now. */
  values(): readonly Value[] {
    return this.#values;
  }

  /** The entries as they are now. */
  *[Symbol.iterator](): Generator<[Key, Value], void> {
    const values = this.#values;
    for (const [index, key] of this.#keys.entries()) yield [key, values[index] as Value];
  }
}

/** As `Set`, as far as it is needed. */
export class SmallSet<Item> {
  #items: readonly Item[] = NOTHING;

  /** How many there are. */
  get size(): number {
    return this.#items.length;
  }

  /** Adds one that is not in it, as the last. */
  add(item: Item): void {
    this.#items = append(this.#items, item);
  }

  /** Takes one out. */
  delete(item: Item): void {
    this.#items = this.#items.filter((each) => each !== item);
  }

  /** Those that are in it now, oldest first. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items.values();
  }
}

/** A new array with one more item, and room for no others. */
function append<Item>(items: readonly Item[], item: Item): readonly Item[] {
  return items.length === 0 ? [item] : items.concat([item]);
}
