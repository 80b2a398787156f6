/**
 * The plain protocol read from the other side: what a line from a server says.
 *
 * The bundled client colours lines and keeps a list of who is where by it. It
 * reads what `plain.ts` writes (a test holds the two together), takes anything
 * else for a notice, and promises never to throw, and never to take what a user
 * wrote for the server's line or for somebody else's.
 * Must not know: the terminal, sockets, the chat.
 *
 * @module
 */

/**
 * What one line from a server is. Where something is told in a room, `room` is
 * null for the current one.
 */
export type PlainLine =
  | {
    readonly type: "welcome";
    readonly name: string;
    /** Null where one may be in none yet. */
    readonly room: string | null;
    readonly others: readonly string[];
  }
  /** One is in this room now, which is the current one. */
  | { readonly type: "entered"; readonly room: string; readonly others: readonly string[] }
  /** One is not in `room` any more; `to` is the current one, null for none. */
  | { readonly type: "parted"; readonly room: string; readonly to: string | null }
  | {
    readonly type: "joined" | "left";
    readonly room: string | null;
    readonly names: readonly string[];
  }
  | { readonly type: "renamed"; readonly from: string; readonly to: string }
  /** One's own name from now on. */
  | { readonly type: "nick"; readonly name: string }
  | { readonly type: "pong"; readonly text: string }
  | {
    readonly type: "message" | "action";
    readonly room: string | null;
    readonly from: string;
    readonly text: string;
  }
  | { readonly type: "direct"; readonly from: string; readonly text: string }
  /** A line of history; a topic that was taken away has no text. */
  | {
    readonly type: "past";
    readonly kind: "message" | "action" | "topic";
    readonly room: string | null;
    readonly from: string;
    readonly text: string;
  }
  /** What is typed next is the server's password. */
  | { readonly type: "password-wanted" }
  /** The server ends the visit; it was asked to where there is no `why`. */
  | { readonly type: "goodbye"; readonly why: string | null }
  /** Anything else that the server says. */
  | { readonly type: "notice"; readonly room: string | null; readonly text: string };

/** What one person said or did. */
export type SpokenLine = PlainLine & { readonly type: "message" | "action" | "direct" | "past" };

/** A list of names and nothing else, since a name can be `left`: `ann is now left.` is no list. */
const ONE = String.raw`[\p{L}\p{Nd}][^\s:,]*`;
const NAMES = `((?:${ONE}(?:, ${ONE})* and )?(?:\\d+ others?|${ONE}))`;
const JOINED = new RegExp(String.raw`^${NAMES} joined\.$`, "u");
const LEFT = new RegExp(String.raw`^${NAMES} left(?: \([a-z ]+\))?\.$`, "u");
const SENT_OUT = new RegExp(
  String.raw`^(${ONE}) was (?:removed|banned) from #\S+ by ${ONE}(?:\.|: .*)$`,
  "u",
);
const RENAMED = new RegExp(String.raw`^(${ONE}) is now (${ONE})\.$`, "u");
const NICK = /^You are now (\S+)\.$/u;
const PONG = /^pong(?: (.*))?$/u;
const COMPANY = String.raw`(#\S+), (?:alone so far|with (.+))\.$`;
const WELCOME = new RegExp(
  String.raw`^Welcome to .*\. You are (\S+) in (?:no room\.$|${COMPANY})`,
  "u",
);
const ENTERED = new RegExp(`^You are now in ${COMPANY}`, "u");
const PARTED = /^You left (#\S+)\. You are in (?:(#\S+) now\.|no room now; .*)$/u;
const GOODBYE =
  /^Goodbye(?:\.|: (.*)|\. (You were .*|\S+ ended this connection from another one\.))$/u;
const PASSWORD_WANTED = "This server asks for its password. Type it, and then Enter:";
const OTHERS = /^\d+ others?$/u;

/** What stands in brackets in front of a line: no name of a person or a room has one in it. */
const LABELLED = /^\[([^\]]+)\] (.*)$/u;
const ROOM = /^#\S+$/u;
const TIME = String.raw`(?:\d{4}-\d\d-\d\d )?\d\d:\d\d`;
const PRIVATE = new RegExp(`^private(?: ${TIME})?$`, "u");
const PAST = new RegExp(String.raw`^${TIME}(?: (#\S+))?(?: \d+)?$`, "u");

const NAME = String.raw`([\p{L}\p{Nd}][^\s:]*)`;
const MESSAGE = new RegExp(`^${NAME}: (.*)$`, "u");
const ACTION = new RegExp(String.raw`^\* ${NAME} (.*)$`, "u");
const TOPIC = new RegExp(`^-- ${NAME} (?:set the topic: (.*)|took the topic away\\.)$`, "u");

/**
 * Reads one line from a server that speaks the plain protocol.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readPlainLine } from "./plain_reader.ts";
 *
 * assertEquals(readPlainLine("[#dev] ann: hi"), {
 *   type: "message",
 *   room: "#dev",
 *   from: "ann",
 *   text: "hi",
 * });
 * assertEquals(readPlainLine("-- ann and bob joined."), {
 *   type: "joined",
 *   room: null,
 *   names: ["ann", "bob"],
 * });
 * ```
 *
 * @param line One line without its end.
 */
export function readPlainLine(line: string): PlainLine {
  if (line.startsWith("-- ")) return readNotice(line.slice(3));
  const [, label, rest = ""] = LABELLED.exec(line) ?? [];
  return (label === undefined ? readSpoken(line, null) : readLabelled(rest, label)) ??
    { type: "notice", room: null, text: line };
}

function readLabelled(text: string, label: string): PlainLine | null {
  if (ROOM.test(label)) return readSpoken(text, label);
  if (PRIVATE.test(label)) {
    const spoken = readSpoken(text, null);
    if (spoken?.type !== "message") return null;
    return { type: "direct", from: spoken.from, text: spoken.text };
  }
  const past = PAST.exec(label);
  if (past === null) return null;
  const room = past[1] ?? null;
  const topic = TOPIC.exec(text);
  if (topic !== null) {
    return { type: "past", kind: "topic", room, from: topic[1] ?? "", text: topic[2] ?? "" };
  }
  const spoken = readSpoken(text, room);
  return spoken === null ? null : { ...spoken, type: "past", kind: spoken.type };
}

function readSpoken(
  text: string,
  room: string | null,
): PlainLine & { type: "message" | "action" } | null {
  let match = ACTION.exec(text);
  if (match !== null) return { type: "action", room, from: match[1] ?? "", text: match[2] ?? "" };
  match = MESSAGE.exec(text);
  if (match !== null) return { type: "message", room, from: match[1] ?? "", text: match[2] ?? "" };
  return null;
}

function readNotice(text: string): PlainLine {
  const [, label = "", rest = ""] = LABELLED.exec(text) ?? [];
  if (ROOM.test(label)) {
    return readPresence(rest, label) ?? { type: "notice", room: label, text: rest };
  }
  return readPresence(text, null) ?? readOwn(text) ?? { type: "notice", room: null, text };
}

/** Who came and who went: what is told of other rooms as well. */
function readPresence(text: string, room: string | null): PlainLine | null {
  let match = JOINED.exec(text);
  if (match !== null) return { type: "joined", room, names: readNames(match[1]) };
  match = LEFT.exec(text);
  if (match !== null) return { type: "left", room, names: readNames(match[1]) };
  match = SENT_OUT.exec(text);
  if (match !== null) return { type: "left", room, names: [match[1] ?? ""] };
  return null;
}

/** What concerns oneself, or everybody. */
function readOwn(text: string): PlainLine | null {
  let match = NICK.exec(text);
  if (match !== null) return { type: "nick", name: match[1] ?? "" };
  match = RENAMED.exec(text);
  if (match !== null) return { type: "renamed", from: match[1] ?? "", to: match[2] ?? "" };
  match = PONG.exec(text);
  if (match !== null) return { type: "pong", text: match[1] ?? "" };
  match = ENTERED.exec(text);
  if (match !== null) return { type: "entered", room: match[1] ?? "", others: readNames(match[2]) };
  match = PARTED.exec(text);
  if (match !== null) return { type: "parted", room: match[1] ?? "", to: match[2] ?? null };
  match = WELCOME.exec(text);
  if (match !== null) {
    const [, name = "", room = null, others] = match;
    return { type: "welcome", name, room, others: readNames(others) };
  }
  match = GOODBYE.exec(text);
  if (match !== null) return { type: "goodbye", why: match[1] ?? match[2] ?? null };
  return text === PASSWORD_WANTED ? { type: "password-wanted" } : null;
}

/** The names in a sentence's list, without the count of those that it leaves out. */
function readNames(list: string | undefined): string[] {
  if (list === undefined) return [];
  return list.split(/, | and /u).filter((part) => !OTHERS.test(part) && /^\S+$/u.test(part));
}
