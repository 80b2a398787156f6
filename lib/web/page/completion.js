// @ts-check
/**
 * What completion offers for a text: commands at its start, what a command takes behind it, names
 * and rooms anywhere.
 *
 * Pure. Must not know: the document, who asks.
 *
 * @module
 */

import { CHOICES_MAX } from "./limits.js";
import { foldName } from "./words.js";

/** @import { HelpEntry } from "../../events.ts" */

/**
 * What can be completed.
 *
 * @typedef {object} Sources
 * @property {readonly HelpEntry[]} commands As the server's help has them.
 * @property {readonly string[]} names In the order in which they are offered.
 * @property {readonly string[]} rooms With their `#`.
 */

/** @typedef {{ text: string, shown: string, note: string }} Choice `text` goes in its place. */
/** @typedef {{ start: number, choices: Choice[] }} Offer What fits from `start` to the cursor. */

/** Commands whose first argument is somebody. */
const ABOUT_NAMES = new Set(
  "msg ignore unignore report invite kick ban unban mute unmute op deop".split(" "),
);
/** Commands whose argument is a room. */
const ABOUT_ROOMS = new Set(["join", "leave", "who", "room", "msg"]);
/** Words that a command takes. @type {ReadonlyMap<string, readonly string[]>} */
const WORDS = new Map([
  ["room", ["open", "private", "password", "invite-only", "keep", "delete"]],
  ["account", ["password", "delete"]],
  ["search", ["from:", "in:", "before:", "after:"]],
]);

/**
 * What fits the word before the cursor; null where nothing does.
 *
 * @param {string} before The text up to the cursor.
 * @param {Sources} sources
 * @param {"asked" | "typing"} why While typing, only what is plainly meant is offered: a command,
 *   or a name behind an `@`.
 * @returns {Offer | null}
 */
export function offer(before, { commands, names, rooms }, why) {
  const word = /\S*$/u.exec(before)?.[0] ?? "";
  const start = before.length - word.length;
  const isFirst = start === 0;
  if (isFirst && /^\/(?!\/)/.test(word)) {
    const typed = word.slice(1).toLowerCase();
    /** @type {Choice[]} */
    const choices = [];
    for (const { usage, summary } of commands) {
      const [, name = ""] = /^\/([a-z]\S*)/.exec(usage) ?? [];
      if (name === "" || !name.startsWith(typed)) continue;
      choices.push({ text: `/${name} `, shown: usage, note: summary });
    }
    return offerOf(start, choices);
  }
  if (word.startsWith("@")) {
    const after = isFirst ? ": " : " ";
    return offerOf(start, fitting(word.slice(1), names, after), why === "typing" ? word : null);
  }
  if (why === "typing") return null;
  const command = /^\/([a-z]+)\s/i.exec(before)?.[1]?.toLowerCase();
  if (command !== undefined) {
    const typed = foldName(word);
    const words = (WORDS.get(command) ?? []).filter((each) => each.startsWith(typed));
    const people = ABOUT_NAMES.has(command) || word !== "" ? fitting(word, names, " ") : [];
    const places = ABOUT_ROOMS.has(command) || word.startsWith("#")
      ? fitting(word, rooms, " ")
      : [];
    const plain = words.map((each) => ({
      text: each.endsWith(":") ? each : `${each} `,
      shown: each,
      note: "",
    }));
    return offerOf(start, [...plain, ...places, ...people]);
  }
  if (word === "") return null;
  if (word.startsWith("#")) return offerOf(start, fitting(word, rooms, " "));
  return offerOf(start, fitting(word, names, isFirst ? ": " : " "));
}

/**
 * What all choices begin with, where that is more than was typed; null otherwise.
 *
 * @param {Offer} offered
 * @param {string} word What was typed.
 * @returns {string | null}
 */
export function commonStart({ choices }, word) {
  const [first, ...rest] = choices.map(({ text }) => text.trimEnd());
  if (first === undefined) return null;
  let length = first.length;
  for (const each of rest) {
    while (foldName(each.slice(0, length)) !== foldName(first.slice(0, length))) length--;
  }
  return length > word.length ? first.slice(0, length) : null;
}

/**
 * @param {string} word
 * @param {readonly string[]} candidates
 * @param {string} after
 * @returns {Choice[]}
 */
function fitting(word, candidates, after) {
  const typed = foldName(word);
  return candidates.filter((each) => foldName(each).startsWith(typed))
    .map((each) => ({ text: each + after, shown: each, note: "" }));
}

/**
 * @param {number} start
 * @param {Choice[]} choices
 * @param {string | null} typed Something that is complete needs no list.
 * @returns {Offer | null}
 */
function offerOf(start, choices, typed = null) {
  const isComplete = choices.length === 1 && typed !== null &&
    foldName(`@${choices[0]?.shown ?? ""}`) === foldName(typed);
  if (choices.length === 0 || isComplete) return null;
  return { start, choices: choices.slice(0, CHOICES_MAX) };
}
