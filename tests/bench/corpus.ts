/**
 * What a long-lived server was told: rooms, writers and a million lines that are
 * as varied as talk is, and the same in every run.
 *
 * Words are made up, and as unequal as those of a language: the first few are in
 * every other line, the last of {@linkcode WORDS} in a dozen of a million. The
 * same file tells `fill.ts` what to write and `store.ts` what to look for.
 *
 * @module
 */

/** Different words of the Latin script; half as many are Cyrillic. */
export const WORDS = 50_000;
const CYRILLIC_WORDS = WORDS / 2;

/** Different Chinese characters, and how they follow each other: some pairs are words. */
const CHINESE_CHARACTERS = 3_000;

/** A room, and which part of what is said is said there. */
export interface CorpusRoom {
  /** Without its `#`. */
  readonly name: string;
  readonly share: number;
}

/** The first one is the lobby; the second one has half of all that is said. */
export const ROOMS: readonly CorpusRoom[] = [
  { name: "lobby", share: 0.15 },
  { name: "main", share: 0.5 },
  { name: "dev", share: 0.15 },
  { name: "alerts", share: 0.1 },
  { name: "music", share: 0.06 },
  { name: "travel", share: 0.03 },
  { name: "books", share: 0.009 },
  { name: "chess", share: 0.001 },
];

/** Where only {@linkcode ROBOT} writes, who writes nowhere else. */
const ROBOT_ROOM = 3;

/** See {@linkcode ROBOT_ROOM}: a search for it elsewhere finds nothing in long lists. */
export const ROBOT = "robot";

/** The room that was closed once: who comes in sees nothing from before its middle. */
export const OPENED_ROOM = 2;

/** Those who write, the busiest first. */
export const WRITERS: readonly string[] =
  ("ann bob cleo dan eve finn gus hanna ivo jane kurt lena mona ned olga pete quinn rosa sven tom")
    .split(" ");

/** How many of them have registered their names. */
export const REGISTERED_WRITERS = 8;

/** Somebody registered who has read nothing, so that a join shows as much as one can. */
export const READER = "reader";
/** The reader's password. */
export const READER_PASSWORD = "for-the-benchmark-alone";

/** From the first message to now. */
const SPAN_MS = 300 * 86_400_000;

/** Parts of what is said, in per cent. */
const CHINESE_PERCENT = 3;
const CYRILLIC_PERCENT = 6;
const ACTION_PERCENT = 2;

/** One line that was said. */
export interface CorpusLine {
  readonly atMs: number;
  /** Its place in {@linkcode ROOMS}. */
  readonly room: number;
  readonly isAction: boolean;
  /** Its place in {@linkcode WRITERS}, or null for {@linkcode ROBOT}. */
  readonly writer: number | null;
  readonly text: string;
}

/** Says lines, one after the other, always the same. */
export class Corpus {
  readonly #random = new Random(1);
  readonly #words = makeWords();
  readonly #count: number;
  readonly #endMs: number;
  #said = 0;

  /** So many lines in all, the last of them at `endMs`. */
  constructor(count: number, endMs: number) {
    this.#count = count;
    this.#endMs = endMs;
  }

  /** A word by its rank: 0 is the most frequent. */
  word(rank: number): string {
    return this.#words[rank] ?? "";
  }

  /** A Cyrillic word by its rank. */
  cyrillicWord(rank: number): string {
    return toCyrillic(this.word(rank));
  }

  /** Chinese characters by the rank of the first; in talk each is often followed by the next. */
  chinese(rank: number, length: number): string {
    const points = Array.from(
      { length },
      (_, at) => CHINESE_FIRST + (rank + at) % CHINESE_CHARACTERS,
    );
    return String.fromCodePoint(...points);
  }

  /** The time of a line, by its number from 1 on. */
  timeOf(number: number): number {
    return this.#endMs - Math.round(SPAN_MS * (1 - number / this.#count));
  }

  /** The next line. */
  next(): CorpusLine {
    const random = this.#random;
    const room = this.#room(random.next());
    const script = random.below(100);
    const text = script < CHINESE_PERCENT
      ? this.#chineseText()
      : this.#text(script < CHINESE_PERCENT + CYRILLIC_PERCENT);
    return {
      atMs: this.timeOf(++this.#said),
      room,
      isAction: random.below(100) < ACTION_PERCENT,
      writer: room === ROBOT_ROOM ? null : random.rank(WRITERS.length),
      text,
    };
  }

  #room(part: number): number {
    let sum = 0;
    const at = ROOMS.findIndex(({ share }) => part < (sum += share));
    return Math.max(0, at);
  }

  #text(isCyrillic: boolean): string {
    const random = this.#random;
    const count = 2 + random.below(15);
    let text = "";
    for (let i = 0; i < count; i++) {
      if (i > 0) text += random.below(12) === 0 ? ", " : " ";
      text += isCyrillic
        ? this.cyrillicWord(random.rank(CYRILLIC_WORDS))
        : this.word(random.rank(WORDS));
    }
    return text;
  }

  #chineseText(): string {
    const random = this.#random;
    const count = 1 + random.below(8);
    let text = "";
    for (let i = 0; i < count; i++) {
      if (i > 0 && random.below(4) === 0) text += CHINESE_COMMA;
      text += this.chinese(random.rank(CHINESE_CHARACTERS), 1 + random.below(4));
    }
    return text;
  }
}

const CHINESE_FIRST = 0x4e00;
const CHINESE_COMMA = "\u{ff0c}";
const CYRILLIC_A = 0x430;
const LATIN_A = 0x61;

/** Another alphabet, letter by letter. */
function toCyrillic(word: string): string {
  let text = "";
  for (let at = 0; at < word.length; at++) {
    text += String.fromCharCode(CYRILLIC_A + word.charCodeAt(at) - LATIN_A);
  }
  return text;
}

/** Words of one to four syllables, the frequent ones short, no two alike. */
function makeWords(): string[] {
  const random = new Random(2);
  const starts = "b c d f g h j k l m n p r s t v w z st tr pl br sh ch th".split(" ");
  const vowels = "a e i o u a e i o ea ou ai".split(" ");
  const ends = ["", "", "", "n", "r", "s", "t", "l", "m", "nd", "st", "ck"];
  const words = new Set<string>();
  while (words.size < WORDS) {
    const syllables = words.size < 300 ? 1 : words.size < 8_000 ? 2 : 2 + random.below(3);
    // Some begin with a vowel.
    let word = random.below(5) === 0 ? "" : random.of(starts);
    for (let i = 0; i < syllables; i++) {
      if (i > 0) word += random.of(starts);
      word += random.of(vowels) + random.of(ends);
    }
    words.add(word);
  }
  return [...words];
}

/** Numbers that look random and are the same each time (mulberry32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to 1, without it. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to `end`, without it. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** One of a list. */
  of(list: readonly string[]): string {
    return list[this.below(list.length)] ?? "";
  }

  /** A rank below `end`, each as frequent as one over its number: Zipf's law. */
  rank(end: number): number {
    return Math.min(end - 1, Math.floor((end + 1) ** this.next()) - 1);
  }
}
