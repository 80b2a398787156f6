/**
 * The plain protocol: what a person on `nc` types and sees.
 *
 * One line is one message. A line that begins with `/` is a command, `//`
 * sends a literal slash. Whatever the server itself says begins with `-- `,
 * and no line that a user causes does: those begin with a name, `* ` or `[`.
 * Each line of a message of several lines (programs send such) begins so.
 * Promises that every line it writes is clean, whatever the event holds in
 * texts that came through a protocol's `decode`.
 * Must not know: sockets, timers, the chat.
 *
 * @module
 */

import { formatDuration } from "../duration.ts";
import type {
  ChatEvent,
  GoodbyeReason,
  HelpEntry,
  HistoryLine,
  LeaveReason,
  NameList,
  RoomListing,
} from "../events.ts";
import type { ClientMessage } from "../messages.ts";
import { cleanText } from "../text.ts";
import { formatTime } from "../times.ts";
import { ListEncoder } from "./encoding.ts";
import type { EncodedEvents, Protocol } from "./protocol.ts";

const BLANK: ClientMessage = { type: "blank" };

const LEAVE_WORDS: Readonly<Record<LeaveReason, string>> = {
  left: "left.",
  idle: "left (idle).",
  slow: "left (read too slowly).",
  lost: "left (connection lost).",
  removed: "left (removed).",
};

const GOODBYE_WORDS: Readonly<Record<Exclude<GoodbyeReason, "internal">, string>> = {
  quit: "Goodbye.",
  idle: "Goodbye: you were quiet for too long.",
  slow: "Goodbye: you read too slowly, and too much was waiting for you.",
  shutdown: "Goodbye: the server is shutting down.",
  removed: "Goodbye.",
  replaced: "Goodbye.",
  "not-admitted": "Goodbye: this server asks for its password.",
};

/**
 * The plain protocol. One instance serves every connection of a server.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PlainProtocol } from "./plain.ts";
 *
 * const plain = new PlainProtocol();
 * assertEquals(plain.decode("/nick ann"), { type: "command", name: "nick", args: "ann" });
 * assertEquals(plain.decode("//shrug"), { type: "say", text: "/shrug" });
 * const bytes = plain.encode({
 *   type: "message",
 *   id: 1,
 *   atMs: 0,
 *   room: "#lobby",
 *   roomId: 1,
 *   accountId: null,
 *   from: "ann",
 *   text: "hi",
 * });
 * assertEquals(new TextDecoder().decode(bytes), "ann: hi\n");
 * ```
 */
export class PlainProtocol implements Protocol {
  readonly name = "plain";
  readonly #encoder = new TextEncoder();
  /** For readers in the room and for those elsewhere: a fan-out goes back and forth between them. */
  readonly #here = new ListEncoder(formatEvent);
  readonly #elsewhere = new ListEncoder(formatElsewhere);

  /** See {@linkcode Protocol.decode}. */
  decode(line: string): ClientMessage {
    const text = cleanText(line);
    if (text.charCodeAt(0) !== SLASH) return text.trim() === "" ? BLANK : { type: "say", text };
    if (text.charCodeAt(1) === SLASH) return { type: "say", text: text.slice(1) };
    const space = text.indexOf(" ");
    const name = (space < 0 ? text.slice(1) : text.slice(1, space)).toLowerCase();
    return { type: "command", name, args: space < 0 ? "" : text.slice(space + 1).trim() };
  }

  /** See {@linkcode Protocol.encode}. */
  encode(event: ChatEvent): Uint8Array {
    return this.#encoder.encode(formatEvent(event));
  }

  /** See {@linkcode Protocol.encodeAll}. */
  encodeAll(events: readonly ChatEvent[], isHere: boolean): EncodedEvents {
    return (isHere ? this.#here : this.#elsewhere).encode(events);
  }
}

const SLASH = 0x2f;

/** An event as text: one or more lines, each with its end. */
function formatEvent(event: ChatEvent): string {
  switch (event.type) {
    case "message":
      return linesOf(`${event.from}: `, event.text);
    case "action":
      return linesOf(`* ${event.from} `, event.text);
    case "direct":
      return formatDirect(event);
    case "topic":
      return says(formatTopic(event.from, event.text));
    case "forgotten":
      return says(formatForgotten(event));
    case "announced":
      return says(event.text);
    case "joined":
      return says(`${formatNames(event.who)} joined.`);
    case "left":
      return says(`${formatNames(event.who)} ${LEAVE_WORDS[event.reason]}`);
    case "sent-out":
      return says(formatSentOut(event));
    case "renamed":
      return says(`${event.from} is now ${event.to}.`);
    case "nick":
      return says(`You are now ${event.name}.`);
    case "welcome":
      return formatWelcome(event);
    case "entered":
      return formatEntered(event);
    case "parted":
      return says(`You left ${event.room}. ${formatPlace(event.to)}`);
    case "history":
      return formatHistory(event);
    case "found":
      return event.lines.map((line) =>
        formatPast(line, `${formatTime(line.atMs, event.nowMs)} ${line.room} ${line.id}`)
      ).join("");
    case "rooms":
      return formatRooms(event);
    case "who":
      return formatWho(event);
    case "help":
      return formatHelp(event);
    case "notice":
      return event.lines.map(says).join("");
    case "pong":
      return says(event.text === "" ? "pong" : `pong ${event.text}`);
    case "refused":
      return says(event.text);
    case "slowed":
      return says(
        `That is more than ${event.perSecond} lines a second: ` +
          "the rest follows at that pace, nothing is lost.",
      );
    case "idle-warning":
      return says(
        `You have been quiet for a while. Send anything (/ping will do) within ` +
          `${formatDuration(event.remainingMs)} to stay.`,
      );
    case "goodbye":
      return formatGoodbye(event);
    case "ok":
    case "caught-up":
      // Only programs are told: people see that it is so.
      return "";
  }
}

/** An event of a room that its reader is in, but not at: each line of it says which. */
function formatElsewhere(event: ChatEvent): string {
  const text = formatEvent(event);
  if (text === "" || !("room" in event) || event.room === null) return text;
  const label = `[${event.room}] `;
  const isOneLine = text.indexOf("\n") === text.length - 1;
  return isOneLine
    ? labelled(label, text)
    : text.replace(WHOLE_LINES, (line) => labelled(label, line));
}

const WHOLE_LINES = /[^\n]*\n/g;
const MARK = "-- ";

/** What the server says keeps its mark in front, so that nobody can forge it. */
function labelled(label: string, line: string): string {
  return line.startsWith(MARK) ? MARK + label + line.slice(MARK.length) : label + line;
}

/** What the server itself says. */
function says(text: string): string {
  return linesOf(MARK, text);
}

/** Each line of a text behind what tells whose it is, so that nobody can forge another's. */
function linesOf(prefix: string, text: string): string {
  return `${prefix}${text.includes("\n") ? text.split("\n").join(`\n${prefix}`) : text}\n`;
}

function formatWelcome(event: ChatEvent & { type: "welcome" }): string {
  const place = event.room === null
    ? "in no room"
    : `in ${event.room}, ${formatCompany(event.others)}`;
  const topic = event.topic === "" ? "" : says(`Topic: ${event.topic}`);
  return says(`Welcome to ${event.server}. You are ${event.name} ${place}.`) +
    event.motd.map(says).join("") + topic +
    says("Just type to talk. /nick NAME picks a name, /help shows the rest.");
}

function formatEntered(event: ChatEvent & { type: "entered" }): string {
  const topic = event.topic === "" ? "" : says(`Topic: ${event.topic}`);
  const where = says(`You are now in ${event.room}, ${formatCompany(event.others)}.`) + topic;
  if (event.how !== "made") return where;
  return where + says(
    event.isLasting
      ? "The room is new, and you are its operator: /help shows what you can do."
      : "The room is new, and you are its operator until you leave; /register keeps it yours.",
  );
}

function formatCompany(others: NameList): string {
  const isAlone = others.names.length === 0 && others.more === 0;
  return isAlone ? "alone so far" : `with ${formatNames(others)}`;
}

function formatPlace(room: string | null): string {
  return room === null
    ? "You are in no room now; /join #lobby brings you into one."
    : `You are in ${room} now.`;
}

function formatDirect(event: ChatEvent & { type: "direct" }): string {
  const time = event.hasWaited ? ` ${formatTime(event.atMs, event.nowMs)}` : "";
  return linesOf(`[private${time}] ${event.from}: `, event.text);
}

function formatTopic(from: string, text: string): string {
  return text === "" ? `${from} took the topic away.` : `${from} set the topic: ${text}`;
}

function formatSentOut({ name, verb, room, by, reason }: ChatEvent & { type: "sent-out" }): string {
  return `${name} was ${verb} from ${room} by ${by}${reason === "" ? "." : `: ${reason}`}`;
}

function formatForgotten({ from, by, messageId }: ChatEvent & { type: "forgotten" }): string {
  return from === by
    ? `${by} took a message back (${messageId}).`
    : `${by} deleted a message by ${from} (${messageId}).`;
}

function formatHistory(event: ChatEvent & { type: "history" }): string {
  const { lines, nowMs, unread, purpose, room } = event;
  const text = lines.map((line) => {
    const time = formatTime(line.atMs, nowMs);
    const label = purpose === "asked" ? ` ${line.id}` : purpose === "missed" ? ` ${room}` : "";
    return formatPast(line, time + label);
  }).join("");
  if (unread === 0) return text;
  const before = lines[0] === undefined ? "" : ` before ${lines[0].id}`;
  const place = purpose === "missed" ? ` in ${room}` : "";
  const how = purpose === "missed" ? `/join ${room}, then ` : "";
  return says(
    `${unread} more${place} since you were here: ${how}/history ${Math.min(unread, 200)}${before}`,
  ) + text;
}

/** What was said before, with what is told of it in brackets. */
function formatPast({ kind, from, text }: HistoryLine, label: string): string {
  switch (kind) {
    case "message":
      return linesOf(`[${label}] ${from}: `, text);
    case "action":
      return linesOf(`[${label}] * ${from} `, text);
    case "topic":
      return linesOf(`[${label}] ${MARK}`, formatTopic(from, text));
  }
}

function formatRooms({ rooms, more }: ChatEvent & { type: "rooms" }): string {
  const width = Math.max(...rooms.map((room) => room.name.length));
  const text = rooms.map((room) => says(formatRoom(room, width))).join("");
  return more === 0 ? text : text + says(`and ${more} more.`);
}

function formatRoom({ name, people, topic, needs, isIn }: RoomListing, width: number): string {
  const count = `${people} ${people === 1 ? "person" : "people"}`;
  const marks = [count, ...needs === null ? [] : [`by ${needs}`], ...isIn ? ["you are in"] : []];
  return `${name.padEnd(width)}  ${marks.join(", ")}${topic === "" ? "" : `: ${topic}`}`;
}

function formatWho(event: ChatEvent & { type: "who" }): string {
  const users = event.users.map((user) => {
    const since = formatDuration(event.atMs - user.joinedAtMs);
    return `${user.name} (${user.isOperator ? "operator, " : ""}${since})`;
  });
  const count = event.users.length + event.more;
  const more = event.more === 0 ? "" : ` and ${event.more} more`;
  return says(`${count} in ${event.room}: ${users.join(", ")}${more}.`);
}

function formatHelp(event: ChatEvent & { type: "help" }): string {
  const { entries } = event;
  if (entries.length === 1) return entries.map((entry) => says(formatEntry(entry, 0))).join("");
  // A long usage has its summary right behind it, instead of all the others far to the right.
  const widths = entries.map(({ usage }) => usage.length).filter((length) => length <= 30);
  const width = Math.max(0, ...widths);
  let text = "";
  let group = "";
  for (const entry of entries) {
    if (entry.group !== group) text += says(`${entry.group}:`);
    group = entry.group;
    text += says(`  ${formatEntry(entry, width)}`);
  }
  return text;
}

function formatEntry({ usage, summary }: HelpEntry, width: number): string {
  return `${usage.padEnd(width)}  ${summary}`;
}

function formatGoodbye({ reason, sessionId, detail }: ChatEvent & { type: "goodbye" }): string {
  if (reason === "internal") {
    return says(
      `Goodbye: internal error in session ${sessionId}. The server's log says more.`,
    );
  }
  return says(detail === "" ? GOODBYE_WORDS[reason] : `Goodbye. ${detail}`);
}

/** Names as a sentence lists them: `ann`, `ann and bob`, `ann, bob and 3 others`. */
function formatNames(list: NameList): string {
  const parts = [...list.names];
  if (list.more > 0) parts.push(`${list.more} ${list.more === 1 ? "other" : "others"}`);
  const last = parts.pop() ?? "nobody";
  return parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
}
