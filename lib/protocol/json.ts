/**
 * The JSON protocol: what programs send and read. The README beside this file
 * is its contract, and `schema.json` says the same to programs.
 *
 * Promises that whatever comes in becomes a message whose texts are clean, and
 * that whatever goes out is one JSON object a line.
 * Must not know: sockets, timers, the chat; which requests were acted on before.
 *
 * @module
 */

import type { ChatEvent } from "../events.ts";
import { MESSAGE_LINES_MAX, PROTOCOL_VERSION, REF_LENGTH_MAX } from "../limits.ts";
import type { ClientMessage, Ref } from "../messages.ts";
import { cleanText } from "../text.ts";
import { ListEncoder } from "./encoding.ts";
import type { EncodedEvents, Protocol } from "./protocol.ts";

/** What some systems put in front of UTF-8. */
const BYTE_ORDER_MARK = "\ufeff";

/** Commands whose argument is or ends in something said, which may have several lines. */
const TALKING = new Set(["me", "msg", "reply"]);

/**
 * The JSON protocol. One instance serves every connection of a server.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { JsonProtocol } from "./json.ts";
 *
 * const json = new JsonProtocol();
 * assertEquals(json.decode('{"type":"say","text":"hi","ref":1}'), {
 *   type: "say",
 *   text: "hi",
 *   ref: 1,
 * });
 * assertEquals(
 *   new TextDecoder().decode(json.encode({ type: "nick", id: 7, name: "ann" }, 1)),
 *   '{"type":"nick","ref":1,"id":7,"name":"ann"}\n',
 * );
 * ```
 */
export class JsonProtocol implements Protocol {
  readonly name = "json";
  readonly #encoder = new TextEncoder();
  /** A reader sees from each line which room it is of: there is one way to write it. */
  readonly #lists = new ListEncoder(formatLine);

  /** See {@linkcode Protocol.decode}. A line without anything on it is `blank`. */
  decode(line: string): ClientMessage {
    if (line.trim() === "") return { type: "blank" };
    let ref: { readonly ref?: Ref } = {};
    try {
      const request = parseObject(line);
      if (request === null) throw new Refusal("bad-json", "A line is one JSON object.");
      ref = takeRef(request);
      return { ...read(request), ...ref };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { type: "invalid", code: error.code, text: error.message, ...ref };
    }
  }

  /** See {@linkcode Protocol.encode}. */
  encode(event: ChatEvent, ref?: Ref): Uint8Array {
    return this.#encoder.encode(formatLine(event, ref));
  }

  /** See {@linkcode Protocol.encodeAll}. */
  encodeAll(events: readonly ChatEvent[], _isHere: boolean): EncodedEvents {
    return this.#lists.encode(events);
  }
}

/**
 * Whether a connection's first line opens the JSON protocol.
 *
 * @param line One line without its end.
 */
export function isHello(line: string): boolean {
  return parseObject(line)?.["type"] === "hello";
}

/** A JSON object as it came: it has its own keys and, since `JSON.parse` sets none, no others. */
type Request = Readonly<Record<string, unknown>>;

/** Of a key that stands in it twice, the last one counts. */
function parseObject(line: string): Request | null {
  try {
    const value: unknown = JSON.parse(line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Request {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Thrown for what is no request; never leaves this file. */
class Refusal extends Error {
  /** @param text A sentence for whoever wrote the program. */
  constructor(readonly code: string, text: string) {
    super(text);
  }
}

/** Reads a request, but for its `ref`. */
function read(request: Request): ClientMessage {
  switch (request["type"]) {
    case "say":
      return readSay(request);
    case "command":
      return readCommand(request);
    case "ping":
      return {
        type: "ping",
        text: cleanLine(takeString(request, "text") ?? ""),
        lastId: takeId(request, "last"),
      };
    case "quit":
      return { type: "command", name: "quit", args: "" };
    case "hello":
      return readHello(request);
    default:
      throw new Refusal(
        "bad-request",
        "The type of a request is hello, say, command, ping or quit.",
      );
  }
}

function readSay(request: Request): ClientMessage {
  const text = cleanLines(requireString(request, "text"));
  if (text === "") throw new Refusal("no-text", "There is nothing to see in that text.");
  return { type: "say", text, ...takeRoom(request) };
}

function readCommand(request: Request): ClientMessage {
  const name = cleanLine(requireString(request, "name")).trim().replace(/^\//, "").toLowerCase();
  const given = takeString(request, "args") ?? "";
  const args = (TALKING.has(name) ? cleanLines(given) : cleanLine(given)).trim();
  const room = takeRoom(request);
  // `pong` is all that ends it; a command is ended by `ok` as well.
  if (name === "ping") return { type: "ping", text: args, lastId: 0 };
  return { type: "command", name, args, ...room };
}

function readHello(request: Request): ClientMessage {
  const version = request["version"];
  if (typeof version !== "number") throw new Refusal("bad-request", "version takes a number.");
  const wantsToken = request["resume"] ?? true;
  if (typeof wantsToken !== "boolean") {
    throw new Refusal("bad-request", "resume takes true or false.");
  }
  const takeLine = (field: string): string | null => {
    const text = takeString(request, field);
    return text === null ? null : cleanLine(text);
  };
  return {
    type: "hello",
    hello: {
      version,
      nick: takeLine("nick"),
      password: takeLine("password"),
      token: takeLine("token"),
      lastId: takeId(request, "last"),
      wantsToken,
    },
  };
}

function takeRef(request: Request): { readonly ref?: Ref } {
  const ref = request["ref"] ?? null;
  if (ref === null) return {};
  if (typeof ref === "number" && Number.isSafeInteger(ref) && ref > 0) return { ref };
  if (typeof ref === "string" && ref.isWellFormed() && [...ref].length <= REF_LENGTH_MAX) {
    return { ref };
  }
  throw new Refusal(
    "bad-ref",
    `ref takes an integer from 1 on, or a string of at most ${REF_LENGTH_MAX} characters.`,
  );
}

function takeRoom(request: Request): { readonly room?: string } {
  const room = takeString(request, "room");
  return room === null ? {} : { room: cleanLine(room) };
}

/** A field's text, not clean yet; null where it is left out. */
function takeString(request: Request, field: string): string | null {
  const text = request[field] ?? null;
  if (text === null || typeof text === "string") return text;
  throw new Refusal("bad-request", `${field} takes a string.`);
}

function requireString(request: Request, field: string): string {
  const text = takeString(request, field);
  if (text !== null) return text;
  throw new Refusal("bad-request", `${field} is missing.`);
}

/** An event's id; 0 where it is left out. */
function takeId(request: Request, field: string): number {
  const id = request[field] ?? 0;
  if (typeof id === "number" && Number.isSafeInteger(id) && id >= 0) return id;
  throw new Refusal("bad-request", `${field} takes an id.`);
}

/** Clean text of one line, whose line ends have become spaces. */
function cleanLine(text: string): string {
  return cleanText(text.replaceAll("\n", " "));
}

/**
 * Clean text of one or more lines, without blank ones at its end; empty where
 * there is nothing to see. Of a line's end, cleaning takes the carriage return.
 */
function cleanLines(text: string): string {
  const lines = text.split("\n").map(cleanText);
  while (lines.at(-1)?.trim() === "") lines.pop();
  if (lines.length <= MESSAGE_LINES_MAX) return lines.join("\n");
  throw new Refusal("too-many-lines", `A message has at most ${MESSAGE_LINES_MAX} lines.`);
}

/**
 * An event as its line. Objects with few keys, whole: the engine writes such
 * faster than any text put together from the parts, above all one in ASCII.
 */
function formatLine(event: ChatEvent, ref?: Ref): string {
  switch (event.type) {
    case "message":
    case "action":
    case "topic": {
      const { type, id, atMs, room, from, accountId, text } = event;
      const isRegistered = accountId !== null;
      return toLine({ type, ref, id, atMs, room, from, isRegistered, text });
    }
    case "welcome": {
      const { type, visit, ...rest } = event;
      return toLine({ type, ref, id: visit?.id, version: PROTOCOL_VERSION, ...rest, ...visit });
    }
    default: {
      const { type, ...rest } = event;
      // Named first, so that it stands there; overwritten where there is one.
      return toLine({ type, ref, id: undefined, ...rest });
    }
  }
}

/** One object, its keys in the order that they have; those that are undefined are left out. */
function toLine(value: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(value)}\n`;
}
