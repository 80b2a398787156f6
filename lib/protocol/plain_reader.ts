/**
 * The plain protocol read from the other side: what a line from a server says.
 *
 * The bundled client colours lines and keeps a list of who is there by it. It
 * reads what `plain.ts` writes (a test holds the two together), takes anything
 * else for a notice, and promises never to throw.
 * Must not know: the terminal, sockets, the chat.
 *
 * @module
 */

/** What one line from a server is. */
export type PlainLine =
  | { readonly type: "welcome"; readonly name: string; readonly others: readonly string[] }
  | { readonly type: "joined"; readonly names: readonly string[] }
  | { readonly type: "left"; readonly names: readonly string[] }
  | { readonly type: "renamed"; readonly from: string; readonly to: string }
  /** The answer to one's own `/nick`. */
  | { readonly type: "nick"; readonly name: string }
  | { readonly type: "pong"; readonly text: string }
  | { readonly type: "message"; readonly from: string; readonly text: string }
  | { readonly type: "action"; readonly from: string; readonly text: string }
  | { readonly type: "direct"; readonly from: string; readonly text: string }
  /** Anything else that the server says. */
  | { readonly type: "notice"; readonly text: string };

const WELCOME = /^Welcome to .*\. You are (\S+) in (\S+), (?:alone so far|with (.+))\.$/u;
/** A list of names and nothing else, since a name can be `left`: `ann is now left.` is no list. */
const NAMES = String.raw`((?:\S+(?:, \S+)* and )?(?:\d+ others?|\S+))`;
const JOINED = new RegExp(String.raw`^${NAMES} joined\.$`, "u");
const LEFT = new RegExp(String.raw`^${NAMES} left(?: \([a-z ]+\))?\.$`, "u");
const RENAMED = /^(\S+) is now (\S+)\.$/u;
const NICK = /^You are now (\S+)\.$/u;
const PONG = /^pong(?: (.*))?$/u;
const MESSAGE = /^([^\s:]+): (.*)$/u;
const ACTION = /^\* (\S+) (.*)$/u;
const DIRECT = /^\[private\] ([^\s:]+): (.*)$/u;
const OTHERS = /^\d+ others?$/u;

/**
 * Reads one line from a server that speaks the plain protocol.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readPlainLine } from "./plain_reader.ts";
 *
 * assertEquals(readPlainLine("ann: hi"), { type: "message", from: "ann", text: "hi" });
 * assertEquals(readPlainLine("-- ann and bob joined."), { type: "joined", names: ["ann", "bob"] });
 * ```
 *
 * @param line One line without its end.
 */
export function readPlainLine(line: string): PlainLine {
  if (line.startsWith("-- ")) return readNotice(line.slice(3));
  let match = DIRECT.exec(line);
  if (match !== null) return { type: "direct", from: match[1] ?? "", text: match[2] ?? "" };
  match = ACTION.exec(line);
  if (match !== null) return { type: "action", from: match[1] ?? "", text: match[2] ?? "" };
  match = MESSAGE.exec(line);
  if (match !== null) return { type: "message", from: match[1] ?? "", text: match[2] ?? "" };
  return { type: "notice", text: line };
}

function readNotice(text: string): PlainLine {
  let match = JOINED.exec(text);
  if (match !== null) return { type: "joined", names: readNames(match[1]) };
  match = LEFT.exec(text);
  if (match !== null) return { type: "left", names: readNames(match[1]) };
  match = NICK.exec(text);
  if (match !== null) return { type: "nick", name: match[1] ?? "" };
  match = RENAMED.exec(text);
  if (match !== null) return { type: "renamed", from: match[1] ?? "", to: match[2] ?? "" };
  match = PONG.exec(text);
  if (match !== null) return { type: "pong", text: match[1] ?? "" };
  match = WELCOME.exec(text);
  if (match !== null) {
    return { type: "welcome", name: match[1] ?? "", others: readNames(match[3]) };
  }
  return { type: "notice", text };
}

/** The names in a sentence's list, without the count of those that it leaves out. */
function readNames(list: string | undefined): string[] {
  if (list === undefined) return [];
  return list.split(/, | and /u).filter((part) => !OTHERS.test(part) && /^\S+$/u.test(part));
}
