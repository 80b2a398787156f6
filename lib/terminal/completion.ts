/**
 * What the Tab key offers: commands at the start of a line, names and rooms anywhere.
 *
 * Pure. Must not know: the terminal; who asks.
 *
 * @module
 */

import { CLIENT_CHOICES_MAX } from "../limits.ts";

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

function choose(word: string, candidates: readonly string[], suffix: string): Completion {
  const start = word.toLowerCase();
  const fitting = candidates.filter((candidate) => candidate.toLowerCase().startsWith(start));
  const [first] = fitting;
  if (first === undefined) return { word, replacement: null, choices: [] };
  if (fitting.length === 1) return { word, replacement: first + suffix, choices: fitting };
  const common = fitting.reduce(commonStart);
  const replacement = common.length > word.length ? common : null;
  return { word, replacement, choices: fitting.slice(0, CLIENT_CHOICES_MAX) };
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
