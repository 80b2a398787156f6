/**
 * The JSON protocol read from the other side: what a line from a server says.
 *
 * The bundled client lives on it. It reads what `json.ts` writes (a test holds
 * the two together), and promises never to throw and to hand out nothing that
 * a hostile server could do harm with: every field is checked, every number is
 * one that can be counted or dated with, and every text is cleaned again.
 * Must not know: the terminal, sockets, the chat.
 *
 * @module
 */

import type {
  ChatEvent,
  HelpEntry,
  HistoryLine,
  NameList,
  Place,
  Presence,
  RoomListing,
  RoomMessage,
  Visit,
} from "../events.ts";
import type { Ref } from "../messages.ts";
import { cleanText } from "../text.ts";

/** What every line may have. */
export interface ServerLine {
  /** Of the request that it answers; missing for none. */
  readonly ref?: Ref;
}

/** What answers a request, or tells of the connection. */
export type Answer<Type extends ChatEvent["type"]> =
  & Extract<ChatEvent, { readonly type: Type }>
  & ServerLine;

/** What happened: the same with its id, which the server never leaves out. */
export type Told<Type extends ChatEvent["type"]> = Answer<Type> & { readonly id: number };

/** One has come in, or back. */
export interface Welcome extends ServerLine, Visit {
  /** Tells it from other lines. */
  readonly type: "welcome";
  /** Of the protocol. */
  readonly version: number;
  /** The server's name. */
  readonly server: string;
  /** One's own name. */
  readonly name: string;
  /** The current room; null for none. */
  readonly room: string | null;
  /** Who else is there. */
  readonly others: NameList;
  /** Its topic; empty for none. */
  readonly topic: string;
  /** The message of the day, a line each. */
  readonly motd: readonly string[];
}

/** Something that was said in a room, or a topic that was set. Its text may have several lines. */
export interface Said extends ServerLine, Omit<RoomMessage, "roomId" | "accountId"> {
  /** Whether its writer was logged in under the name. */
  readonly isRegistered: boolean;
}

/** The answer to a ping. */
export interface Pong extends ServerLine {
  /** Tells it from other lines. */
  readonly type: "pong";
  /** What was sent with the ping. */
  readonly text: string;
  /** The server's clock, in epoch milliseconds. */
  readonly atMs: number;
}

/** A line of a type that this reader does not know, or with a field that cannot be. */
export interface UnknownLine extends ServerLine {
  /** Tells it from other lines. */
  readonly type: "unknown";
  /** Of an event, so that it counts as seen. */
  readonly id?: number;
}

/** What a server tells its users, by `type`; the README beside this file says when. */
export type ServerEvent =
  | Welcome
  | Said
  | Pong
  | Told<"direct">
  | Told<"joined">
  | Told<"left">
  | Told<"sent-out">
  | Told<"renamed">
  | Told<"nick">
  | Told<"entered">
  | Told<"parted">
  | Told<"forgotten">
  | Told<"announced">
  | Answer<"notice">
  | Answer<"ok">
  | Answer<"refused">
  | Answer<"history">
  | Answer<"found">
  | Answer<"rooms">
  | Answer<"who">
  | Answer<"help">
  | Answer<"caught-up">
  | Answer<"slowed">
  | Answer<"idle-warning">
  | Answer<"goodbye">
  | UnknownLine;

/** Takes one field's value, or throws {@linkcode Unfit}. */
type Field<Value> = (value: unknown) => Value;

/** A field for each property; what may be missing is read from undefined as undefined. */
type Fields<Value> = {
  readonly [Key in keyof Value]-?: Record<never, never> extends Pick<Value, Key>
    ? Field<Value[Key] | undefined>
    : Field<Value[Key]>;
};

/** Thrown for a value that cannot be; never leaves this file. */
class Unfit extends Error {}

/** Dates end here (ECMAScript, "Time Values and Time Range"). */
const TIME_MS_MAX = 8.64e15;

const flag: Field<boolean> = (value) => {
  if (typeof value === "boolean") return value;
  throw new Unfit();
};

/** How many, or a number that grows. */
const count: Field<number> = (value) => {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw new Unfit();
};

/** A length of time or a pace. */
const amount: Field<number> = (value) => {
  if (typeof value === "number" && value >= 0 && value <= TIME_MS_MAX) return value;
  throw new Unfit();
};

/** A point in time. */
const time: Field<number> = (value) => Math.trunc(amount(value));

/** A text of one line. */
const line: Field<string> = (value) => {
  if (typeof value === "string") return cleanText(value);
  throw new Unfit();
};

/** A text that may have several. */
const lines: Field<string> = (value) => {
  if (typeof value !== "string") throw new Unfit();
  return value.includes("\n") ? value.split("\n").map(cleanText).join("\n") : cleanText(value);
};

const ref: Field<Ref> = (value) => typeof value === "string" ? line(value) : count(value);

function oneOf<const Value extends string>(...values: readonly Value[]): Field<Value> {
  return (value) => {
    for (const each of values) if (each === value) return each;
    throw new Unfit();
  };
}

function orNull<Value>(field: Field<Value>): Field<Value | null> {
  return (value) => value === null ? null : field(value);
}

function orMissing<Value>(field: Field<Value>): Field<Value | undefined> {
  return (value) => value === undefined ? undefined : field(value);
}

function listOf<Value>(field: Field<Value>): Field<readonly Value[]> {
  return (value) => {
    if (Array.isArray(value)) return value.map(field);
    throw new Unfit();
  };
}
/** An object with these fields; others in it are passed over. */
function record<Value>(fields: Fields<Value>): Field<Value> {
  // Fields has every property of Value, and each takes no other's values.
  return untyped(fields) as Field<Value>;
}

function untyped(fields: Readonly<Record<string, Field<unknown>>>): Field<unknown> {
  const table = Object.entries(fields);
  return (value) => {
    if (!isObject(value)) throw new Unfit();
    const read: Record<string, unknown> = {};
    for (const [name, field] of table) {
      const each = field(value[name]);
      if (each !== undefined) read[name] = each;
    }
    return read;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const names = record<NameList>({ names: listOf(line), more: count });
const place = record<Place>({ room: line, topic: line, others: names });
const presence = record<Presence>({ name: line, joinedAtMs: time, isOperator: flag });
const help = record<HelpEntry>({ group: line, usage: line, summary: line });
const listing = record<RoomListing>({
  name: line,
  people: count,
  topic: line,
  needs: orNull(oneOf("password", "invitation")),
  isIn: flag,
});
const past = record<HistoryLine>({
  id: count,
  atMs: time,
  room: line,
  kind: oneOf("message", "action", "topic"),
  from: line,
  text: lines,
});
const said = {
  id: count,
  atMs: time,
  room: line,
  from: line,
  isRegistered: flag,
  text: lines,
};

/** The fields of each type beside `type` and `ref`. */
type LineFields = {
  readonly [Line in Exclude<ServerEvent, UnknownLine> as Line["type"]]: Fields<
    Omit<Line, "type" | "ref">
  >;
};

const FIELDS: LineFields = {
  welcome: {
    version: count,
    server: line,
    name: line,
    isRegistered: flag,
    room: orNull(line),
    rooms: listOf(place),
    others: names,
    topic: line,
    motd: listOf(line),
    id: count,
    token: orNull(line),
    graceMs: amount,
    isResumed: flag,
    isRestarted: flag,
    isComplete: flag,
    lastRef: count,
  },
  message: said,
  action: said,
  topic: said,
  direct: { id: count, atMs: time, from: line, text: lines, nowMs: time, hasWaited: flag },
  joined: { id: count, room: line, who: names },
  left: {
    id: count,
    room: line,
    who: names,
    reason: oneOf("left", "idle", "slow", "lost", "removed"),
  },
  "sent-out": {
    id: count,
    room: line,
    name: line,
    verb: oneOf("removed", "banned"),
    by: line,
    reason: line,
  },
  renamed: { id: count, from: line, to: line },
  nick: { id: count, name: line },
  entered: {
    id: count,
    room: line,
    how: oneOf("joined", "made", "returned"),
    others: names,
    topic: line,
    isLasting: flag,
  },
  parted: { id: count, room: line, to: orNull(line) },
  forgotten: { id: count, room: line, messageId: count, from: line, by: line },
  announced: { id: count, room: orNull(line), code: line, text: line },
  notice: { id: orMissing(count), code: line, lines: listOf(line) },
  ok: { id: orMissing(count), atMs: orMissing(time), repeated: orMissing(flag) },
  refused: { code: line, text: line },
  pong: { text: line, atMs: time },
  history: {
    purpose: oneOf("backlog", "missed", "asked"),
    room: line,
    nowMs: time,
    lines: listOf(past),
    unread: count,
  },
  found: { nowMs: time, lines: listOf(past) },
  rooms: { rooms: listOf(listing), more: count },
  who: { room: line, atMs: time, users: listOf(presence), more: count },
  help: { entries: listOf(help) },
  "caught-up": { missed: count, id: count },
  slowed: { perSecond: amount },
  "idle-warning": { remainingMs: amount },
  goodbye: {
    reason: oneOf(
      "quit",
      "idle",
      "slow",
      "shutdown",
      "internal",
      "removed",
      "replaced",
      "not-admitted",
    ),
    sessionId: count,
    detail: line,
  },
};

/** What reads a line of each type. In a Map, where no name is there from the start. */
const READERS: ReadonlyMap<string, Field<ServerEvent>> = new Map(
  Object.entries(FIELDS).map(([type, fields]) => [
    type,
    untyped({ type: () => type, ref: orMissing(ref), ...fields }) as Field<ServerEvent>,
  ]),
);

const readUnknown = record<UnknownLine>({
  type: () => "unknown",
  ref: orNothing(ref),
  id: orNothing(count),
});

/** A field that is left out where it cannot be. */
function orNothing<Value>(field: Field<Value>): Field<Value | undefined> {
  return (value) => {
    try {
      return field(value);
    } catch {
      return undefined;
    }
  };
}

/**
 * Reads one line from a server that speaks the JSON protocol.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readServerLine } from "./json_reader.ts";
 *
 * assertEquals(readServerLine('{"type":"nick","id":7,"name":"ann"}'), {
 *   type: "nick",
 *   id: 7,
 *   name: "ann",
 * });
 * assertEquals(readServerLine('{"type":"weather","id":8}'), { type: "unknown", id: 8 });
 * assertEquals(readServerLine("-- Parley is full."), null);
 * ```
 *
 * @param text One line without its end.
 * @returns What it says; null for one that is no JSON object with a `type`, such as a plain
 *   line. Its texts are clean; those of messages may have `\n` between their lines.
 */
export function readServerLine(text: string): ServerEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || typeof value["type"] !== "string") return null;
  try {
    return (READERS.get(value["type"]) ?? readUnknown)(value);
  } catch {
    return readUnknown(value);
  }
}
