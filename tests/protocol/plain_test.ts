/**
 * The plain protocol, line by line: tables of what people type and what they
 * see, and properties that no text, however hostile, forges a line of the
 * server's, breaks out of its own, or brings a terminal into disorder.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { checkName } from "../../lib/chat/names.ts";
import type { ChatEvent } from "../../lib/events.ts";
import type { ClientMessage } from "../../lib/messages.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { cleanText } from "../../lib/text.ts";
import { hostileLine, userName } from "./hostile_texts.ts";

const plain = new PlainProtocol();

function encoded(event: ChatEvent): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain.encode(event));
}

/** What a user can have put into an event: a text that came through `decode`, or part of it. */
const decodedText = hostileLine.map((line) => {
  const message = plain.decode(line);
  if (message.type === "say") return message.text;
  return message.type === "command" ? message.args : "";
});

/** A text with something to see in it. */
const saidText = decodedText.filter((text) => text !== "");

Deno.test("PlainProtocol.decode() reads lines as messages", () => {
  const say = (text: string): ClientMessage => ({ type: "say", text });
  const command = (name: string, args: string): ClientMessage => ({ type: "command", name, args });
  const blank: ClientMessage = { type: "blank" };
  const table: readonly (readonly [string, ClientMessage])[] = [
    ["hello", say("hello")],
    ["  hello  there  ", say("  hello  there  ")],
    ["-- not the server", say("-- not the server")],
    ["* not an action", say("* not an action")],
    // A slash of one's own.
    ["//shrug", say("/shrug")],
    ["//", say("/")],
    ["///", say("//")],
    ["// /nick ann", say("/ /nick ann")],
    [" /nick ann", say(" /nick ann")],
    ["a/b", say("a/b")],
    // Commands.
    ["/nick ann", command("nick", "ann")],
    ["/NICK Ann", command("nick", "Ann")],
    ["/who", command("who", "")],
    ["/who ", command("who", "")],
    ["/me  waves  at  bob ", command("me", "waves  at  bob")],
    ["/", command("", "")],
    ["/ nick ann", command("", "nick ann")],
    ["/nick\tann", command("nick", "ann")],
    ["/nick\u00a0ann", command("nick\u00a0ann", "")],
    ["/\u00c4rger x", command("\u00e4rger", "x")],
    ["/me // slashes", command("me", "// slashes")],
    // Nothing to see.
    ["", blank],
    ["   ", blank],
    ["\t", blank],
    ["\u00a0\u2003\u3000", blank],
    ["\ufeff", blank],
    ["\u200b\u202e", blank],
    ["\x1b[2J\x07", blank],
    ["\x00", blank],
    // What could do harm is gone before anything is looked at.
    ["\x1b[31mred\x1b[0m", say("red")],
    ["a\rb", say("ab")],
    ["\ufeff/who", command("who", "")],
    ["\x00/\x00nick\x00 ann", command("nick", "ann")],
    ["\u202e//x", say("/x")],
    ["a\u2028b\u2029c", say("a b c")],
    ["a\u0085b", say("ab")],
    ["\ud83d", say("\ufffd")],
  ];
  for (const [line, message] of table) {
    assertEquals(plain.decode(line), message, JSON.stringify(line));
  }
});

Deno.test("PlainProtocol.encode() writes events as lines", () => {
  const room = "#lobby";
  const nobody = { names: [], more: 0 };
  const table: readonly (readonly [ChatEvent, string])[] = [
    [{ type: "message", room, from: "ann", text: "hi: -- there" }, "ann: hi: -- there\n"],
    [{ type: "message", room, from: "ann", text: "-- bob joined." }, "ann: -- bob joined.\n"],
    [{ type: "action", room, from: "ann", text: "waves" }, "* ann waves\n"],
    [{ type: "direct", from: "ann", text: "psst" }, "[private] ann: psst\n"],
    [{ type: "joined", room, who: { names: ["ann"], more: 0 } }, "-- ann joined.\n"],
    [{ type: "joined", room, who: { names: ["ann", "bob"], more: 0 } }, "-- ann and bob joined.\n"],
    [
      { type: "joined", room, who: { names: ["ann", "bob"], more: 1 } },
      "-- ann, bob and 1 other joined.\n",
    ],
    [
      { type: "joined", room, who: { names: ["ann", "bob", "eve"], more: 1_234 } },
      "-- ann, bob, eve and 1234 others joined.\n",
    ],
    [{ type: "joined", room, who: { names: [], more: 3 } }, "-- 3 others joined.\n"],
    [{ type: "joined", room, who: nobody }, "-- nobody joined.\n"],
    [{ type: "left", room, who: { names: ["ann"], more: 0 }, reason: "left" }, "-- ann left.\n"],
    [
      { type: "left", room, who: { names: ["ann"], more: 0 }, reason: "idle" },
      "-- ann left (idle).\n",
    ],
    [
      { type: "left", room, who: { names: ["ann"], more: 0 }, reason: "slow" },
      "-- ann left (read too slowly).\n",
    ],
    [
      { type: "left", room, who: { names: ["ann", "bob"], more: 0 }, reason: "lost" },
      "-- ann and bob left (connection lost).\n",
    ],
    [{ type: "renamed", from: "guest1", to: "ann" }, "-- guest1 is now ann.\n"],
    [{ type: "nick", name: "ann" }, "-- You are now ann.\n"],
    [
      { type: "welcome", server: "Parley", name: "guest1", room, others: nobody, motd: [] },
      "-- Welcome to Parley. You are guest1 in #lobby, alone so far.\n" +
      "-- Just type to talk. /nick NAME picks a name, /help shows the rest.\n",
    ],
    [
      {
        type: "welcome",
        server: "The Lab",
        name: "guest2",
        room,
        others: { names: ["ann", "bob"], more: 2 },
        motd: ["Be kind.", "", "-- really"],
      },
      "-- Welcome to The Lab. You are guest2 in #lobby, with ann, bob and 2 others.\n" +
      "-- Be kind.\n-- \n-- -- really\n" +
      "-- Just type to talk. /nick NAME picks a name, /help shows the rest.\n",
    ],
    [
      {
        type: "who",
        room,
        atMs: 100_000_000,
        users: [{ name: "ann", joinedAtMs: 99_940_000 }, { name: "bob", joinedAtMs: 100_000_001 }],
        more: 0,
      },
      "-- 2 in #lobby: ann (1 minute), bob (0 seconds).\n",
    ],
    [
      {
        type: "who",
        room,
        atMs: 100_000_000,
        users: [{ name: "ann", joinedAtMs: 92_800_000 }],
        more: 7,
      },
      "-- 8 in #lobby: ann (2 hours) and 7 more.\n",
    ],
    [
      {
        type: "help",
        entries: [{ usage: "/nick NAME", summary: "pick a name" }, {
          usage: "/who",
          summary: "see who is here",
        }],
      },
      "-- /nick NAME  pick a name\n-- /who        see who is here\n",
    ],
    [{ type: "help", entries: [] }, ""],
    [{ type: "pong", text: "" }, "-- pong\n"],
    [{ type: "pong", text: "a b" }, "-- pong a b\n"],
    [{ type: "refused", code: "name-taken", text: "That is taken." }, "-- That is taken.\n"],
    [
      { type: "slowed", perSecond: 4 },
      "-- That is more than 4 lines a second: the rest follows at that pace, nothing is lost.\n",
    ],
    [
      { type: "idle-warning", remainingMs: 60_000 },
      "-- You have been quiet for a while. Send anything (/ping will do) within 1 minute to stay.\n",
    ],
    [{ type: "goodbye", reason: "quit", sessionId: 7 }, "-- Goodbye.\n"],
    [
      { type: "goodbye", reason: "idle", sessionId: 7 },
      "-- Goodbye: you were quiet for too long.\n",
    ],
    [
      { type: "goodbye", reason: "slow", sessionId: 7 },
      "-- Goodbye: you read too slowly, and too much was waiting for you.\n",
    ],
    [
      { type: "goodbye", reason: "shutdown", sessionId: 7 },
      "-- Goodbye: the server is shutting down.\n",
    ],
    [
      { type: "goodbye", reason: "internal", sessionId: 7 },
      "-- Goodbye: internal error in session 7. The server's log says more.\n",
    ],
  ];
  for (const [event, text] of table) assertEquals(encoded(event), text);
});

Deno.test("PlainProtocol.decode() never throws, and what it gives is clean", () => {
  fc.assert(
    fc.property(hostileLine, (line) => {
      const message = plain.decode(line);
      if (message.type === "blank") return;
      const text = message.type === "say" ? message.text : message.args;
      assertEquals(cleanText(text), text);
      assert(!/[\n\r]/.test(text));
      if (message.type === "say") return assertNotEquals(text.trim(), "");
      assertEquals(cleanText(message.name), message.name);
      assertEquals(text.trim(), text);
      assert(!message.name.includes(" "));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("PlainProtocol.decode() lets everything be said, with a slash before a slash", () => {
  fc.assert(
    fc.property(hostileLine.map(cleanText).filter((text) => text.trim() !== ""), (text) => {
      const typed = text.startsWith("/") ? `/${text}` : text;
      assertEquals(plain.decode(typed), { type: "say", text });
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("PlainProtocol.encode() lets no user write a line that the server could have said", () => {
  const room = "#lobby";
  const event = fc.tuple(userName, saidText).chain(([from, text]) =>
    fc.constantFrom<ChatEvent>(
      { type: "message", room, from, text },
      { type: "action", room, from, text },
      { type: "direct", from, text },
    )
  );
  fc.assert(
    fc.property(event, (said) => {
      const line = encoded(said);
      assert(!line.startsWith("-- "), `forged: ${JSON.stringify(line)}`);
      assertOneCleanLine(line);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("PlainProtocol.encode() tells apart what is said, done and whispered", () => {
  const room = "#lobby";
  fc.assert(
    fc.property(userName, saidText, (from, text) => {
      const message = encoded({ type: "message", room, from, text });
      assert(!message.startsWith("* ") && !message.startsWith("["), JSON.stringify(message));
      assert(encoded({ type: "action", room, from, text }).startsWith(`* ${from} `));
      assert(encoded({ type: "direct", from, text }).startsWith(`[private] ${from}: `));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("PlainProtocol.encode() says what the server says in clean lines, whatever is in it", () => {
  const room = "#lobby";
  const names = fc.record({
    names: fc.array(userName, { maxLength: 4 }),
    more: fc.nat({ max: 2_000 }),
  });
  const reason = fc.constantFrom(
    "left" as const,
    "idle" as const,
    "slow" as const,
    "lost" as const,
  );
  const event: fc.Arbitrary<ChatEvent> = fc.oneof(
    fc.record({ type: fc.constant("joined" as const), room: fc.constant(room), who: names }),
    fc.record({ type: fc.constant("left" as const), room: fc.constant(room), who: names, reason }),
    fc.record({ type: fc.constant("renamed" as const), from: userName, to: userName }),
    fc.record({ type: fc.constant("nick" as const), name: userName }),
    fc.record({ type: fc.constant("pong" as const), text: decodedText }),
    fc.record({
      type: fc.constant("refused" as const),
      code: fc.constant("no-such-command"),
      text: decodedText.map((text) => `There is no ${text}.`),
    }),
    fc.record({
      type: fc.constant("who" as const),
      room: fc.constant(room),
      atMs: fc.constant(1_700_000_000_000),
      users: fc.array(
        fc.record({ name: userName, joinedAtMs: fc.nat({ max: 2_000_000_000 }) }),
        { minLength: 1, maxLength: 5 },
      ),
      more: fc.nat({ max: 1_000 }),
    }),
  );
  fc.assert(
    fc.property(event, (told) => {
      const line = encoded(told);
      assert(line.startsWith("-- "));
      assertOneCleanLine(line);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("PlainProtocol.encodeAll() writes what encode() writes, and says where each event ends", () => {
  const event = fc.record({
    type: fc.constant("message" as const),
    room: fc.constant("#lobby"),
    from: userName,
    text: decodedText,
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      const { bytes, ends } = plain.encodeAll(events);
      assertEquals(ends.length, events.length);
      for (const [at, one] of events.entries()) {
        const slice = bytes.subarray(ends[at - 1] ?? 0, ends[at]);
        assertEquals([...slice], [...plain.encode(one)]);
      }
      assertEquals(ends.at(-1) ?? 0, bytes.length);
    }),
    { numRuns: 500 },
  );
});

Deno.test("PlainProtocol.encodeAll() gives the same bytes for the same list, and others for another", () => {
  const protocol = new PlainProtocol();
  const make = (): ChatEvent[] => [{ type: "pong", text: "x" }, { type: "nick", name: "ann" }];
  const [first, second] = [make(), make()];
  const encodedFirst = protocol.encodeAll(first);
  assertStrictEquals(protocol.encodeAll(first).bytes, encodedFirst.bytes);
  const encodedSecond = protocol.encodeAll(second);
  assert(encodedSecond.bytes !== encodedFirst.bytes);
  assertEquals(encodedSecond, encodedFirst);
  // Even an empty list, which is what a new protocol might take for its last one.
  assertEquals(new PlainProtocol().encodeAll([]), { bytes: new Uint8Array(0), ends: [] });
});

Deno.test("checkName() takes no name with which a message could be taken for another line", () => {
  // What the promises above stand on: `--: hi` is harmless, but `-- x: hi` would not be.
  for (const name of ["--", "-- x", "*", "* ann", "[private]", "[x", "a b", "a:", ":", "", " "]) {
    assert(!checkName(name).ok, `${JSON.stringify(name)} is a name`);
  }
});

/** One line with its end, of which cleaning would take nothing away. */
function assertOneCleanLine(text: string): void {
  assert(text.endsWith("\n"));
  const line = text.slice(0, -1);
  assert(!/[\n\r]/.test(line), `several lines: ${JSON.stringify(text)}`);
  assertEquals(cleanText(line), line);
}
