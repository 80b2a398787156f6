/**
 * The commands about what was said before.
 *
 * Must not know: sockets, protocols, SQL.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import {
  HISTORY_LINES_DEFAULT,
  HISTORY_LINES_MAX,
  SEARCH_PREFIXES_MAX,
  SEARCH_WORDS_MAX,
} from "../limits.ts";
import { parseTime } from "../times.ts";
import type { Point, SearchRequest } from "./archive.ts";
import { requireRoom } from "./broadcast.ts";
import {
  type Answer,
  type Command,
  type CommandContext,
  mistyped,
  notice,
  wordsOf,
} from "./command.ts";
import { nameKey } from "./names.ts";
import type { Room } from "./state.ts";

const GROUP = "History";
const HISTORY_USAGE = "/history [COUNT] [before|after TIME|NUMBER]";

/** See {@linkcode Command}. */
export const HISTORY_COMMANDS: readonly Command[] = [
  {
    name: "history",
    group: GROUP,
    args: "[COUNT] [before|after TIME|NUMBER]",
    summary: "show what was said in the room",
    run: runHistory,
  },
  {
    name: "search",
    group: GROUP,
    args: "WORDS [from:NAME] [in:#ROOM] [before:DATE] [after:DATE]",
    summary: "find what was said; dep* finds deploy",
    run: runSearch,
  },
  {
    name: "forget",
    group: GROUP,
    args: "[NUMBER]",
    summary: "delete your last message, or the one with this number",
    run: runForget,
  },
];

async function runHistory(
  { chat, member, signal }: CommandContext,
  args: string,
): Promise<Answer> {
  const words = wordsOf(args);
  const at = words.findIndex((word) => /^(?:before|after)$/i.test(word));
  const [count, ...tooMany] = at < 0 ? words : words.slice(0, at);
  if (tooMany.length > 0) throw mistyped(HISTORY_USAGE);
  const limit = count === undefined ? HISTORY_LINES_DEFAULT : parseCount(count);
  const point = at < 0 ? null : parsePoint(words.slice(at + 1).join(" "));
  const isAfter = words[at]?.toLowerCase() === "after";
  const request = { room: requireRoom(member), limit, point, isAfter };
  return await chat.archive.read(member, request, signal);
}

function parseCount(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw mistyped(HISTORY_USAGE);
  return Math.min(count, HISTORY_LINES_MAX);
}

function parsePoint(text: string): Point {
  if (text === "") throw mistyped(HISTORY_USAGE);
  return parseId(text) ?? { atMs: requireTime(text) };
}

function parseId(text: string): { readonly id: number } | null {
  return /^#?\d{1,15}$/.test(text) ? { id: Number(text.replace("#", "")) } : null;
}

function requireTime(text: string): number {
  const atMs = parseTime(text, Date.now());
  if (atMs !== null) return atMs;
  const shown = text.length > 20 ? "That" : text;
  throw new CommandError(
    "bad-time",
    `${shown} is no time: 14:02, 2026-11-20, 2026-11-20 14:02 and 7d (ago) are some.`,
  );
}

async function runSearch({ chat, member, signal }: CommandContext, args: string): Promise<Answer> {
  const words: string[] = [];
  let fromKey: string | null = null;
  let room: Room | null = null;
  let afterMs: number | null = null;
  let beforeMs: number | null = null;
  for (const word of wordsOf(args)) {
    const [, filter, value = ""] = /^(from|in|before|after):(.+)$/iu.exec(word) ?? [];
    switch (filter?.toLowerCase()) {
      case "from":
        fromKey = nameKey(value);
        break;
      case "in":
        room = chat.rooms.requireIn(member, value);
        break;
      case "before":
        beforeMs = requireTime(value);
        break;
      case "after":
        afterMs = requireTime(value);
        break;
      default:
        words.push(word);
    }
  }
  if (words.length === 0) {
    throw mistyped("/search WORDS [from:NAME] [in:#ROOM] [before:DATE] [after:DATE]");
  }
  if (words.length > SEARCH_WORDS_MAX) {
    throw new CommandError("too-many", `A search takes ${SEARCH_WORDS_MAX} words at most.`);
  }
  if (words.filter((word) => word.endsWith("*")).length > SEARCH_PREFIXES_MAX) {
    throw new CommandError("too-many", `${SEARCH_PREFIXES_MAX} words with a * are the most.`);
  }
  const request: SearchRequest = { words, fromKey, room, afterMs, beforeMs };
  return await chat.archive.search(member, request, signal);
}

async function runForget({ chat, member, signal }: CommandContext, args: string): Promise<Answer> {
  const id = args === "" ? null : parseId(args)?.id;
  if (id === undefined) throw mistyped("/forget [NUMBER]");
  await chat.archive.forget(member, id, signal);
  return notice("forgotten", "It is deleted from the history.");
}
