/**
 * What the Tab key offers: commands at the start of a line, what a command takes
 * behind it, names and rooms anywhere.
 *
 * Two ways to offer it: {@linkcode complete} for a line that is printed once, and
 * {@linkcode TabCycle} for a screen, where each Tab puts the next choice in place.
 * Pure. Must not know: the terminal; who asks.
 *
 * @module
 */

import { BELL_CHOICES, THEME_CHOICES } from "../client/settings.ts";
import { CLIENT_CHOICES_MAX } from "../limits.ts";

/**
 * How the commands of the server are typed: each as the ways to go on behind it.
 * A word in small letters is typed as it is; one in capitals stands for something
 * of its kind, and `TEXT` for any number of words. A test holds this to the
 * server's own table.
 */
export const SERVER_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  account: ["password PASSWORD PASSWORD", "delete PASSWORD"],
  audit: ["server"],
  backup: [],
  ban: ["NAME for TIME TEXT", "NAME TEXT", "server NAME for TIME TEXT", "server NAME TEXT"],
  bans: ["server"],
  deop: ["NAME", "server NAME"],
  forget: ["NUMBER"],
  ghost: [],
  help: ["COMMAND"],
  history: ["NUMBER before TIME", "NUMBER after TIME", "before TIME", "after TIME"],
  ignore: ["NAME"],
  invite: ["NAME"],
  join: ["ROOM PASSWORD"],
  kick: ["NAME TEXT", "server NAME TEXT"],
  leave: ["ROOM"],
  lock: ["server"],
  login: ["NAME PASSWORD"],
  me: ["TEXT"],
  msg: ["NAME TEXT", "ROOM TEXT"],
  mute: ["NAME for TIME TEXT", "NAME TEXT", "server NAME for TIME TEXT", "server NAME TEXT"],
  nick: ["WORD"],
  op: ["NAME", "server NAME"],
  ping: ["TEXT"],
  quit: [],
  register: ["PASSWORD"],
  reply: ["TEXT"],
  report: ["NAME TEXT"],
  room: ["open", "private", "password PASSWORD", "invite-only", "keep TIME", "delete ROOM"],
  rooms: [],
  search: ["SEARCH"],
  token: ["create WORD", "list", "revoke WORD"],
  topic: ["TEXT"],
  unban: ["NAME", "server NAME"],
  unignore: ["NAME"],
  unlock: ["server"],
  unmute: ["NAME", "server NAME"],
  who: ["ROOM"],
};

/** The commands that the full-screen client does by itself, in the same way. */
export const CLIENT_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  bell: BELL_CHOICES,
  keys: [],
  theme: THEME_CHOICES,
};

const WAYS: ReadonlyMap<string, readonly string[]> = new Map([
  ...Object.entries(SERVER_COMMANDS),
  ...Object.entries(CLIENT_COMMANDS),
]);
/** Times that are offered: the usual ones, all of which the server takes. */
const TIMES = ["10m", "1h", "12h", "1d", "7d", "30d"];
/** How a search is narrowed down. */
const SEARCH_KEYS = ["from:", "in:", "before:", "after:"];

/** What can be completed. */
export interface CompletionSources {
  /** Commands with their slash, in the order in which they are offered. */
  readonly commands: readonly string[];
  /** Names, in the order in which they are offered. */
  readonly names: readonly string[];
  /** Rooms with their `#`, in the order in which they are offered. */
  readonly rooms: readonly string[];
}

/** What Tab does. */
export interface Completion {
  /** The end of the text that is being completed, maybe empty. */
  readonly word: string;
  /** What takes its place, or null where nothing is certain. */
  readonly replacement: string | null;
  /** What fits, for the user to see where nothing is certain. */
  readonly choices: readonly string[];
}

/**
 * Completes the word before the cursor, in whatever case it is typed.
 *
 * A name that begins the line is followed by `: `, since it is whom one talks
 * to; any other completed word by a space. Where several fit, what they have in
 * common is completed and nothing follows, so that typing can go on.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { complete } from "./completion.ts";
 *
 * const sources = { commands: ["/me", "/msg"], names: ["ann", "bob"], rooms: ["#dev"] };
 * assertEquals(complete("A", sources).replacement, "ann: ");
 * assertEquals(complete("hello b", sources).replacement, "bob ");
 * assertEquals(complete("/join #d", sources).replacement, "#dev ");
 * assertEquals(complete("/m", sources).choices, ["/me", "/msg"]);
 * ```
 *
 * @param text The line up to the cursor.
 */
export function complete(text: string, sources: CompletionSources): Completion {
  const word = /\S*$/u.exec(text)?.[0] ?? "";
  const isFirst = word.length === text.length;
  if (isFirst && word.startsWith("/")) return choose(word, sources.commands, " ");
  if (word.startsWith("#")) return choose(word, sources.rooms, " ");
  // On an empty line Tab does nothing; after a command it lists whom it may concern.
  if (word === "" && !/^\/\S/u.test(text)) return choose(word, [], "");
  return choose(word, sources.names, isFirst ? ": " : " ");
}

/** What a Tab puts into the line. */
export interface TabStep {
  /** Where in the text it goes; it reaches up to the cursor. */
  readonly start: number;
  /** What takes the place of what stood there, with what follows it. */
  readonly replacement: string;
  /** All that fit, in the order of the Tabs; never empty. */
  readonly choices: readonly string[];
  /** Which of them this is. */
  readonly index: number;
}

/**
 * Goes round what fits the word before the cursor: Tab puts the first choice in
 * its place, and further Tabs the next ones. Any other change of the text begins
 * anew.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { TabCycle } from "./completion.ts";
 *
 * const sources = { commands: ["/room"], names: ["ann", "anna"], rooms: ["#dev"] };
 * const cycle = new TabCycle();
 * assertEquals(cycle.press("an", 1, sources)?.replacement, "ann: ");
 * assertEquals(cycle.press("ann: ", 1, sources)?.replacement, "anna: ");
 * assertEquals(cycle.press("/room o", 1, sources)?.replacement, "open ");
 * ```
 */
export class TabCycle {
  #text: string | null = null;
  #start = 0;
  #index = 0;
  #choices: readonly string[] = [];
  #suffix = " ";

  /**
   * What Tab puts into the line, or null where nothing fits.
   *
   * @param text The text up to the cursor.
   * @param step 1 for the next choice (Tab), -1 for the one before (Shift-Tab).
   */
  press(text: string, step: 1 | -1, sources: CompletionSources): TabStep | null {
    if (text === this.#text && this.#choices.length > 1) this.#index += step;
    else {
      const { word, choices, suffix } = offer(text, sources);
      this.#start = text.length - word.length;
      this.#choices = choices;
      this.#suffix = suffix;
      this.#index = step === 1 ? 0 : choices.length - 1;
    }
    const count = this.#choices.length;
    if (count === 0) return null;
    this.#index = (this.#index + count) % count;
    const choice = this.#choices[this.#index] ?? "";
    const replacement = choice.endsWith(":") ? choice : choice + this.#suffix;
    this.#text = text.slice(0, this.#start) + replacement;
    return { start: this.#start, replacement, choices: this.#choices, index: this.#index };
  }
}

/** What fits the last word of a text, and what follows it once it is complete. */
function offer(
  text: string,
  sources: CompletionSources,
): { word: string; choices: readonly string[]; suffix: string } {
  const word = /\S*$/u.exec(text)?.[0] ?? "";
  const start = text.length - word.length;
  const command = /^\/([^\s/]\S*)\s/u.exec(text)?.[1]?.toLowerCase();
  let candidates: readonly string[];
  if (start === 0 && /^\/(?!\/)/.test(word)) candidates = sources.commands;
  else if (command !== undefined) {
    candidates = argumentsOf(command, text.slice(command.length + 1), sources);
  } else if (word.startsWith("#")) candidates = sources.rooms;
  // Between words Tab does nothing: there is nobody whom one has begun to name.
  else candidates = word === "" ? [] : sources.names;
  const suffix = start === 0 && candidates === sources.names ? ": " : " ";
  return { word, choices: fitting(word, candidates).slice(0, CLIENT_CHOICES_MAX), suffix };
}

/** What may stand behind a command, where its last word is. */
function argumentsOf(
  command: string,
  typed: string,
  sources: CompletionSources,
): readonly string[] {
  const words = typed.trimStart().split(/\s+/u);
  const last = words.pop() ?? "";
  const ways = WAYS.get(command) ?? ["TEXT"];
  const found = new Set<string>();
  for (const way of ways) {
    const slots = way.split(" ");
    const endless = slots.findIndex((slot) => slot === "TEXT" || slot === "SEARCH");
    const slotAt = (index: number): string =>
      slots[endless >= 0 && index > endless ? endless : index] ?? "";
    const isSoFar = words.every((word, index) => {
      const slot = slotAt(index);
      return slot !== "" && (isKind(slot) || slot === word.toLowerCase());
    });
    if (!isSoFar) continue;
    for (const candidate of candidatesFor(slotAt(words.length), last, sources)) {
      found.add(candidate);
    }
  }
  return [...found];
}

function isKind(slot: string): boolean {
  return slot === slot.toUpperCase();
}

function candidatesFor(
  slot: string,
  word: string,
  { commands, names, rooms }: CompletionSources,
): readonly string[] {
  switch (slot) {
    case "NAME":
      return names;
    case "ROOM":
      return rooms;
    case "COMMAND":
      return commands.map((command) => command.slice(1));
    case "TIME":
      return TIMES;
    case "TEXT":
      if (word.startsWith("#")) return rooms;
      return word === "" ? [] : names;
    case "SEARCH":
      if (!word.includes(":")) return [...SEARCH_KEYS, ...word === "" ? [] : names];
      return [...names.map((name) => `from:${name}`), ...rooms.map((room) => `in:${room}`)];
    default:
      return slot === "" || isKind(slot) ? [] : [slot];
  }
}

function fitting(word: string, candidates: readonly string[]): string[] {
  const start = word.toLowerCase();
  return candidates.filter((candidate) => candidate.toLowerCase().startsWith(start));
}

function choose(word: string, candidates: readonly string[], suffix: string): Completion {
  const choices = fitting(word, candidates);
  const [first] = choices;
  if (first === undefined) return { word, replacement: null, choices: [] };
  if (choices.length === 1) return { word, replacement: first + suffix, choices };
  const common = choices.reduce(commonStart);
  const replacement = common.length > word.length ? common : null;
  return { word, replacement, choices: choices.slice(0, CLIENT_CHOICES_MAX) };
}

/** What two words begin with, whatever its case, as the first one has it. */
function commonStart(first: string, second: string): string {
  const pairs = [...second];
  let length = 0;
  for (const [index, char] of [...first].entries()) {
    if (pairs[index]?.toLowerCase() !== char.toLowerCase()) break;
    length += char.length;
  }
  return first.slice(0, length);
}
