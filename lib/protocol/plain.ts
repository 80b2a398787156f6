/**
 * The plain protocol: what a person on `nc` types and sees.
 *
 * One line is one message. A line that begins with `/` is a command, `//`
 * sends a literal slash. Whatever the server itself says begins with `-- `,
 * and no line that a user causes does: those begin with a name, `* ` or `[`.
 * Promises that every line it writes is clean, whatever the event holds in
 * texts that came through {@linkcode PlainProtocol.decode}.
 * Must not know: sockets, timers, the chat.
 *
 * @module
 */

import { formatDuration } from "../duration.ts";
import type { ChatEvent, GoodbyeReason, LeaveReason, NameList } from "../events.ts";
import type { ClientMessage } from "../messages.ts";
import { cleanText } from "../text.ts";
import type { EncodedEvents, Protocol } from "./protocol.ts";

const BLANK: ClientMessage = { type: "blank" };

const LEAVE_WORDS: Readonly<Record<LeaveReason, string>> = {
  left: "left.",
  idle: "left (idle).",
  slow: "left (read too slowly).",
  lost: "left (connection lost).",
};

const GOODBYE_WORDS: Readonly<Record<Exclude<GoodbyeReason, "internal">, string>> = {
  quit: "Goodbye.",
  idle: "Goodbye: you were quiet for too long.",
  slow: "Goodbye: you read too slowly, and too much was waiting for you.",
  shutdown: "Goodbye: the server is shutting down.",
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
 * const bytes = plain.encode({ type: "message", room: "#lobby", from: "ann", text: "hi" });
 * assertEquals(new TextDecoder().decode(bytes), "ann: hi\n");
 * ```
 */
export class PlainProtocol implements Protocol {
  readonly name = "plain";
  readonly #encoder = new TextEncoder();
  #lastEvents: readonly ChatEvent[] | null = null;
  #lastEncoded: EncodedEvents = { bytes: new Uint8Array(0), ends: [] };

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
  encodeAll(events: readonly ChatEvent[]): EncodedEvents {
    if (events !== this.#lastEvents) {
      const texts = events.map(formatEvent);
      const bytes = this.#encoder.encode(texts.join(""));
      this.#lastEncoded = { bytes, ends: findEnds(texts, bytes.length) };
      this.#lastEvents = events;
    }
    return this.#lastEncoded;
  }
}

/** Where each text ends, in bytes of UTF-8, when all of them take `length` bytes. */
function findEnds(texts: readonly string[], length: number): number[] {
  const ends: number[] = [];
  let end = 0;
  const isAscii = length === texts.reduce((sum, text) => sum + text.length, 0);
  for (const text of texts) ends.push(end += isAscii ? text.length : utf8Length(text));
  return ends;
}

/** Bytes of a text in UTF-8. */
function utf8Length(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a surrogate pair counts for two of its four bytes; texts here have no lone ones.
    length += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
  }
  return length;
}

const SLASH = 0x2f;

/** An event as text: one or more lines, each with its end. */
function formatEvent(event: ChatEvent): string {
  switch (event.type) {
    case "message":
      return `${event.from}: ${event.text}\n`;
    case "action":
      return `* ${event.from} ${event.text}\n`;
    case "direct":
      return `[private] ${event.from}: ${event.text}\n`;
    case "joined":
      return says(`${formatNames(event.who)} joined.`);
    case "left":
      return says(`${formatNames(event.who)} ${LEAVE_WORDS[event.reason]}`);
    case "renamed":
      return says(`${event.from} is now ${event.to}.`);
    case "nick":
      return says(`You are now ${event.name}.`);
    case "welcome":
      return formatWelcome(event);
    case "who":
      return formatWho(event);
    case "help":
      return formatHelp(event);
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
      return says(
        event.reason === "internal"
          ? `Goodbye: internal error in session ${event.sessionId}. The server's log says more.`
          : GOODBYE_WORDS[event.reason],
      );
  }
}

/** What the server itself says: one line. */
function says(text: string): string {
  return `-- ${text}\n`;
}

function formatWelcome(event: ChatEvent & { type: "welcome" }): string {
  const alone = event.others.names.length === 0 && event.others.more === 0;
  const company = alone ? "alone so far" : `with ${formatNames(event.others)}`;
  return says(`Welcome to ${event.server}. You are ${event.name} in ${event.room}, ${company}.`) +
    event.motd.map(says).join("") +
    says("Just type to talk. /nick NAME picks a name, /help shows the rest.");
}

function formatWho(event: ChatEvent & { type: "who" }): string {
  const users = event.users.map((user) =>
    `${user.name} (${formatDuration(event.atMs - user.joinedAtMs)})`
  );
  const count = event.users.length + event.more;
  const more = event.more === 0 ? "" : ` and ${event.more} more`;
  return says(`${count} in ${event.room}: ${users.join(", ")}${more}.`);
}

function formatHelp(event: ChatEvent & { type: "help" }): string {
  const width = Math.max(...event.entries.map((entry) => entry.usage.length));
  return event.entries.map((entry) => says(`${entry.usage.padEnd(width)}  ${entry.summary}`))
    .join("");
}

/** Names as a sentence lists them: `ann`, `ann and bob`, `ann, bob and 3 others`. */
function formatNames(list: NameList): string {
  const parts = [...list.names];
  if (list.more > 0) parts.push(`${list.more} ${list.more === 1 ? "other" : "others"}`);
  const last = parts.pop() ?? "nobody";
  return parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
}
