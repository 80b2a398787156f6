/**
 * The plain protocol, line by line: tables of what people type and what they
 * see, and properties that no text, however hostile, forges a line of the
 * server's, breaks out of its own, or brings a terminal into disorder.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import fc from "fast-check";
import { checkName } from "../../lib/chat/names.ts";
import type { ChatEvent, HistoryLine } from "../../lib/events.ts";
import type { ClientMessage } from "../../lib/messages.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { cleanText } from "../../lib/text.ts";
import { EVENTS } from "./arbitrary_events.ts";
import { hostileLine, userName } from "./hostile_texts.ts";

const plain = new PlainProtocol();

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function encoded(event: ChatEvent): string {
  return decoder.decode(plain.encode(event));
}

/** As who follows the room from another one is told it. */
function encodedElsewhere(event: ChatEvent): string {
  return decoder.decode(plain.encodeAll([event], ELSEWHERE).bytes);
}

const [HERE, ELSEWHERE] = [true, false];
const ROOM = "#lobby";
const NOBODY = { names: [], more: 0 };

/** What every message has besides its text. */
const SAID = { id: 7, atMs: 0, roomId: 1, accountId: null, room: ROOM } as const;

/** Noon, on the server's clock. */
const NOON_MS = new Date(2026, 10, 22, 12, 0).getTime();
const DAY_MS = 86_400_000;

/** Something said at 11:59 today. */
function past(changes: Partial<HistoryLine> = {}): HistoryLine {
  return {
    id: 41,
    atMs: NOON_MS - 60_000,
    room: ROOM,
    kind: "message",
    from: "ann",
    text: "hi",
    ...changes,
  };
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
  const room = ROOM;
  const nobody = NOBODY;
  const table: readonly (readonly [ChatEvent, string])[] = [
    [{ type: "message", ...SAID, from: "ann", text: "hi: -- there" }, "ann: hi: -- there\n"],
    [{ type: "message", ...SAID, from: "ann", text: "-- bob joined." }, "ann: -- bob joined.\n"],
    [{ type: "action", ...SAID, from: "ann", text: "waves" }, "* ann waves\n"],
    [
      { type: "topic", ...SAID, from: "ann", text: "-- tea" },
      "-- ann set the topic: -- tea\n",
    ],
    [{ type: "topic", ...SAID, from: "ann", text: "" }, "-- ann took the topic away.\n"],
    [
      {
        type: "direct",
        from: "ann",
        text: "psst",
        atMs: NOON_MS,
        nowMs: NOON_MS,
        hasWaited: false,
      },
      "[private] ann: psst\n",
    ],
    [
      {
        type: "direct",
        from: "ann",
        text: "psst",
        atMs: NOON_MS - 60_000,
        nowMs: NOON_MS,
        hasWaited: true,
      },
      "[private 11:59] ann: psst\n",
    ],
    [
      {
        type: "direct",
        from: "ann",
        text: "psst",
        atMs: NOON_MS - DAY_MS,
        nowMs: NOON_MS,
        hasWaited: true,
      },
      "[private 2026-11-21 12:00] ann: psst\n",
    ],
    [
      { type: "forgotten", room, messageId: 41, from: "ann", by: "ann" },
      "-- ann took a message back (41).\n",
    ],
    [
      { type: "forgotten", room, messageId: 41, from: "ann", by: "bob" },
      "-- bob deleted a message by ann (41).\n",
    ],
    [{ type: "announced", room, code: "op", text: "So it is." }, "-- So it is.\n"],
    [{ type: "announced", room: null, code: "lock", text: "So it is." }, "-- So it is.\n"],
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
    [
      { type: "left", room, who: { names: ["ann"], more: 0 }, reason: "removed" },
      "-- ann left (removed).\n",
    ],
    [{ type: "renamed", from: "guest1", to: "ann" }, "-- guest1 is now ann.\n"],
    [{ type: "nick", name: "ann" }, "-- You are now ann.\n"],
    [
      {
        type: "welcome",
        server: "Parley",
        name: "guest1",
        room,
        others: nobody,
        motd: [],
        topic: "",
      },
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
        topic: "tea at four",
      },
      "-- Welcome to The Lab. You are guest2 in #lobby, with ann, bob and 2 others.\n" +
      "-- Be kind.\n-- \n-- -- really\n-- Topic: tea at four\n" +
      "-- Just type to talk. /nick NAME picks a name, /help shows the rest.\n",
    ],
    [
      {
        type: "welcome",
        server: "Parley",
        name: "guest1",
        room: null,
        others: nobody,
        motd: [],
        topic: "",
      },
      "-- Welcome to Parley. You are guest1 in no room.\n" +
      "-- Just type to talk. /nick NAME picks a name, /help shows the rest.\n",
    ],
    [
      { type: "entered", room: "#dev", how: "joined", others: nobody, topic: "", isLasting: true },
      "-- You are now in #dev, alone so far.\n",
    ],
    [
      {
        type: "entered",
        room: "#dev",
        how: "returned",
        others: { names: ["ann"], more: 1 },
        topic: "tea",
        isLasting: false,
      },
      "-- You are now in #dev, with ann and 1 other.\n-- Topic: tea\n",
    ],
    [
      { type: "entered", room: "#dev", how: "made", others: nobody, topic: "", isLasting: true },
      "-- You are now in #dev, alone so far.\n" +
      "-- The room is new, and you are its operator: /help shows what you can do.\n",
    ],
    [
      { type: "entered", room: "#dev", how: "made", others: nobody, topic: "", isLasting: false },
      "-- You are now in #dev, alone so far.\n" +
      "-- The room is new, and you are its operator until you leave; /register keeps it yours.\n",
    ],
    [{ type: "parted", room: "#dev", to: room }, "-- You left #dev. You are in #lobby now.\n"],
    [
      { type: "parted", room: "#dev", to: null },
      "-- You left #dev. You are in no room now; /join #lobby brings you into one.\n",
    ],
    [
      {
        type: "history",
        purpose: "backlog",
        room,
        nowMs: NOON_MS,
        lines: [
          past({ id: 39, atMs: NOON_MS - DAY_MS }),
          past({ id: 40, kind: "action", text: "waves" }),
          past({ kind: "topic", text: "tea" }),
          past({ kind: "topic", text: "" }),
        ],
        unread: 0,
      },
      "[2026-11-21 12:00] ann: hi\n[11:59] * ann waves\n" +
      "[11:59] -- ann set the topic: tea\n[11:59] -- ann took the topic away.\n",
    ],
    [
      {
        type: "history",
        purpose: "backlog",
        room,
        nowMs: NOON_MS,
        lines: [past({ id: 301 })],
        unread: 17,
      },
      "-- 17 more since you were here: /history 17 before 301\n[11:59] ann: hi\n",
    ],
    [
      {
        type: "history",
        purpose: "backlog",
        room,
        nowMs: NOON_MS,
        lines: [past({ id: 1_301 })],
        unread: 1_000,
      },
      "-- 1000 more since you were here: /history 200 before 1301\n[11:59] ann: hi\n",
    ],
    [
      { type: "history", purpose: "backlog", room, nowMs: NOON_MS, lines: [], unread: 3 },
      "-- 3 more since you were here: /history 3\n",
    ],
    [
      {
        type: "history",
        purpose: "asked",
        room,
        nowMs: NOON_MS,
        lines: [past({ id: 40 }), past({ kind: "action", text: "waves", atMs: NOON_MS - DAY_MS })],
        unread: 0,
      },
      // With the number that /forget and /history take.
      "[11:59 40] ann: hi\n[2026-11-21 12:00 41] * ann waves\n",
    ],
    [
      {
        type: "found",
        nowMs: NOON_MS,
        lines: [past(), past({ id: 12, room: "#dev", kind: "topic", text: "tea" })],
      },
      "[11:59 #lobby 41] ann: hi\n[11:59 #dev 12] -- ann set the topic: tea\n",
    ],
    [
      {
        type: "rooms",
        rooms: [
          { name: "#lobby", people: 2, topic: "", needs: null, isIn: true },
          { name: "#dev", people: 1, topic: "tea", needs: "password", isIn: false },
          { name: "#ops", people: 0, topic: "", needs: "invitation", isIn: true },
        ],
        more: 0,
      },
      "-- #lobby  2 people, you are in\n-- #dev    1 person, by password: tea\n" +
      "-- #ops    0 people, by invitation, you are in\n",
    ],
    [
      {
        type: "rooms",
        rooms: [{ name: "#lobby", people: 1, topic: "", needs: null, isIn: false }],
        more: 7,
      },
      "-- #lobby  1 person\n-- and 7 more.\n",
    ],
    [{ type: "notice", code: "x", lines: ["one", "", "-- two"] }, "-- one\n-- \n-- -- two\n"],
    [{ type: "notice", code: "x", lines: [] }, ""],
    [
      {
        type: "who",
        room,
        atMs: 100_000_000,
        users: [
          { name: "ann", joinedAtMs: 99_940_000, isOperator: true },
          { name: "bob", joinedAtMs: 100_000_001, isOperator: false },
        ],
        more: 0,
      },
      "-- 2 in #lobby: ann (operator, 1 minute), bob (0 seconds).\n",
    ],
    [
      {
        type: "who",
        room,
        atMs: 100_000_000,
        users: [{ name: "ann", joinedAtMs: 92_800_000, isOperator: false }],
        more: 7,
      },
      "-- 8 in #lobby: ann (2 hours) and 7 more.\n",
    ],
    [
      {
        type: "help",
        entries: [
          { group: "Talking", usage: "/nick NAME", summary: "pick a name" },
          { group: "Talking", usage: "/who", summary: "see who is here" },
          { group: "Rooms", usage: "/join #ROOM", summary: "go to a room" },
          { group: "Rooms", usage: `/room ${"x".repeat(30)}`, summary: "change it" },
        ],
      },
      "-- Talking:\n--   /nick NAME   pick a name\n--   /who         see who is here\n" +
      "-- Rooms:\n--   /join #ROOM  go to a room\n" +
      // What is very long has its summary right behind it.
      `--   /room ${"x".repeat(30)}  change it\n`,
    ],
    [
      { type: "help", entries: [{ group: "Rooms", usage: "/join #ROOM", summary: "go there" }] },
      "-- /join #ROOM  go there\n",
    ],
    [{ type: "help", entries: [] }, ""],
    [{ type: "pong", text: "", atMs: 0 }, "-- pong\n"],
    [{ type: "pong", text: "a b", atMs: 0 }, "-- pong a b\n"],
    [{ type: "refused", code: "name-taken", text: "That is taken." }, "-- That is taken.\n"],
    [
      { type: "slowed", perSecond: 4 },
      "-- That is more than 4 lines a second: the rest follows at that pace, nothing is lost.\n",
    ],
    [
      { type: "idle-warning", remainingMs: 60_000 },
      "-- You have been quiet for a while. Send anything (/ping will do) within 1 minute to stay.\n",
    ],
    [{ type: "goodbye", reason: "quit", sessionId: 7, detail: "" }, "-- Goodbye.\n"],
    [
      { type: "goodbye", reason: "idle", sessionId: 7, detail: "" },
      "-- Goodbye: you were quiet for too long.\n",
    ],
    [
      { type: "goodbye", reason: "slow", sessionId: 7, detail: "" },
      "-- Goodbye: you read too slowly, and too much was waiting for you.\n",
    ],
    [
      { type: "goodbye", reason: "shutdown", sessionId: 7, detail: "" },
      "-- Goodbye: the server is shutting down.\n",
    ],
    [
      { type: "goodbye", reason: "internal", sessionId: 7, detail: "" },
      "-- Goodbye: internal error in session 7. The server's log says more.\n",
    ],
    [
      { type: "goodbye", reason: "not-admitted", sessionId: 0, detail: "" },
      "-- Goodbye: this server asks for its password.\n",
    ],
    [
      { type: "goodbye", reason: "removed", sessionId: 7, detail: "You were removed by bob: -- x" },
      "-- Goodbye. You were removed by bob: -- x\n",
    ],
    [
      { type: "goodbye", reason: "replaced", sessionId: 7, detail: "ann ended this connection." },
      "-- Goodbye. ann ended this connection.\n",
    ],
    [{ type: "goodbye", reason: "removed", sessionId: 7, detail: "" }, "-- Goodbye.\n"],
    // For programs only.
    [{ type: "ok", id: 41, atMs: NOON_MS }, ""],
    [{ type: "caught-up", missed: 3, id: 41 }, ""],
  ];
  for (const [event, text] of table) assertEquals(encoded(event), text);
});

Deno.test("PlainProtocol.encode() says of each line of a text whose it is", () => {
  const text = "one\n-- two\n\nbob: four";
  const direct = { type: "direct", from: "ann", text, atMs: NOON_MS, nowMs: NOON_MS } as const;
  const lines = [past({ text }), past({ id: 42, kind: "action", text: "one\ntwo" })];
  const told = { room: ROOM, nowMs: NOON_MS, unread: 0, lines } as const;
  const table: readonly (readonly [ChatEvent, string])[] = [
    [
      { type: "message", ...SAID, from: "ann", text },
      "ann: one\nann: -- two\nann: \nann: bob: four\n",
    ],
    [{ type: "action", ...SAID, from: "ann", text: "one\ntwo" }, "* ann one\n* ann two\n"],
    [
      { ...direct, hasWaited: false },
      "[private] ann: one\n[private] ann: -- two\n[private] ann: \n[private] ann: bob: four\n",
    ],
    [
      { ...direct, text: "one\ntwo", hasWaited: true },
      "[private 12:00] ann: one\n[private 12:00] ann: two\n",
    ],
    [
      { type: "history", purpose: "asked", ...told },
      "[11:59 41] ann: one\n[11:59 41] ann: -- two\n[11:59 41] ann: \n" +
      "[11:59 41] ann: bob: four\n[11:59 42] * ann one\n[11:59 42] * ann two\n",
    ],
    [
      { type: "found", nowMs: NOON_MS, lines: lines.slice(1) },
      "[11:59 #lobby 42] * ann one\n[11:59 #lobby 42] * ann two\n",
    ],
    // What has one line by right says so of each, should it ever have more.
    [{ type: "announced", room: null, code: "x", text: "one\nann: two" }, "-- one\n-- ann: two\n"],
    [
      { type: "topic", ...SAID, from: "ann", text: "tea\nann: hi" },
      "-- ann set the topic: tea\n-- ann: hi\n",
    ],
  ];
  for (const [event, shown] of table) assertEquals(encoded(event), shown);
});

Deno.test("PlainProtocol.encodeAll() says of which room it is to who is elsewhere", () => {
  const room = "#dev";
  const who = { names: ["ann", "bob"], more: 1 };
  const table: readonly (readonly [ChatEvent, string])[] = [
    [{ type: "message", ...SAID, room, from: "ann", text: "hi" }, "[#dev] ann: hi\n"],
    [{ type: "message", ...SAID, room, from: "ann", text: "-- x" }, "[#dev] ann: -- x\n"],
    [{ type: "action", ...SAID, room, from: "ann", text: "waves" }, "[#dev] * ann waves\n"],
    // What the server says keeps its mark in front, so that nobody can forge it.
    [{ type: "topic", ...SAID, room, from: "ann", text: "x" }, "-- [#dev] ann set the topic: x\n"],
    [{ type: "joined", room, who }, "-- [#dev] ann, bob and 1 other joined.\n"],
    [
      { type: "left", room, who, reason: "removed" },
      "-- [#dev] ann, bob and 1 other left (removed).\n",
    ],
    [
      { type: "forgotten", room, messageId: 41, from: "ann", by: "ann" },
      "-- [#dev] ann took a message back (41).\n",
    ],
    [{ type: "announced", room, code: "op", text: "So it is." }, "-- [#dev] So it is.\n"],
    // Each line of them.
    [
      { type: "message", ...SAID, room, from: "ann", text: "one\n-- two" },
      "[#dev] ann: one\n[#dev] ann: -- two\n",
    ],
    [
      { type: "entered", room, how: "joined", others: NOBODY, topic: "tea", isLasting: true },
      "-- [#dev] You are now in #dev, alone so far.\n-- [#dev] Topic: tea\n",
    ],
    [{ type: "history", purpose: "missed", room, nowMs: NOON_MS, lines: [], unread: 0 }, ""],
    // Of no room.
    [{ type: "announced", room: null, code: "lock", text: "So it is." }, "-- So it is.\n"],
    [{ type: "renamed", from: "ann", to: "anna" }, "-- ann is now anna.\n"],
  ];
  for (const [event, text] of table) {
    assertEquals(encodedElsewhere(event), text);
    // Who is there is not told where that is.
    assertEquals(decoder.decode(plain.encodeAll([event], HERE).bytes), encoded(event));
  }
});

Deno.test("PlainProtocol.decode() never throws, and what it gives is clean", () => {
  fc.assert(
    fc.property(hostileLine, (line) => {
      const message = plain.decode(line);
      if (message.type !== "say" && message.type !== "command") {
        return assertEquals(message, { type: "blank" });
      }
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

/** A room that the server lets people make. */
const roomName = userName.map((name) => `#${name}`);

/** Something that one person says, to whomever. */
const saidEvent: fc.Arbitrary<ChatEvent> = fc.tuple(userName, saidText, roomName).chain((
  [from, text, room],
) =>
  fc.constantFrom<ChatEvent>(
    { type: "message", ...SAID, room, from, text },
    { type: "action", ...SAID, room, from, text },
    { type: "direct", from, text, atMs: 0, nowMs: NOON_MS, hasWaited: false },
    { type: "direct", from, text, atMs: 0, nowMs: NOON_MS, hasWaited: true },
  )
);

Deno.test("PlainProtocol.encode() lets no user write a line that the server could have said", () => {
  fc.assert(
    fc.property(saidEvent, (said) => {
      for (const line of [encoded(said), encodedElsewhere(said)]) {
        assert(!line.startsWith("-- "), `forged: ${JSON.stringify(line)}`);
        assertOneCleanLine(line);
      }
    }),
    { numRuns: 3_000 },
  );
});

/** A text of several lines, each of which tries to be more than that. */
const hostileLines = fc.array(decodedText, { minLength: 2, maxLength: 5 })
  .map((lines) => lines.join("\n"));

/** Asserts that a text is these lines, each behind its prefix and clean. */
function assertPrefixed(shown: string, lines: readonly (readonly [string, string])[]): void {
  const expected = lines.flatMap(([prefix, text]) =>
    text.split("\n").map((line) => `${prefix}${line}\n`)
  );
  assertEquals(shown, expected.join(""));
  for (const line of expected) assertOneCleanLine(line);
}

Deno.test("PlainProtocol.encode() lets no text of several lines forge one of them", () => {
  fc.assert(
    fc.property(userName, hostileLines, roomName, (from, text, room) => {
      const label = `[${room}] `;
      for (const [type, prefix] of [["message", `${from}: `], ["action", `* ${from} `]] as const) {
        const said: ChatEvent = { type, ...SAID, room, from, text };
        assertPrefixed(encoded(said), [[prefix, text]]);
        assertPrefixed(encodedElsewhere(said), [[label + prefix, text]]);
        const lines = [past({ room, kind: type, from, text }), past({ room, text: "hi" })];
        const told = { nowMs: NOON_MS, lines } as const;
        assertPrefixed(encoded({ type: "found", ...told }), [
          [`[11:59 ${room} 41] ${prefix}`, text],
          [`[11:59 ${room} 41] ann: `, "hi"],
        ]);
        for (const [purpose, more] of [["asked", " 41"], ["missed", ` ${room}`]] as const) {
          assertPrefixed(encoded({ type: "history", purpose, room, unread: 0, ...told }), [
            [`[11:59${more}] ${prefix}`, text],
            [`[11:59${more}] ann: `, "hi"],
          ]);
        }
      }
      const direct = { type: "direct", from, text, atMs: NOON_MS, nowMs: NOON_MS } as const;
      for (const [hasWaited, time] of [[HERE, " 12:00"], [ELSEWHERE, ""]] as const) {
        assertPrefixed(encoded({ ...direct, hasWaited }), [[`[private${time}] ${from}: `, text]]);
      }
    }),
    { numRuns: 1_000 },
  );
});

/** The same event, with a text of several lines wherever the chat puts one of one line. */
function withLines(event: ChatEvent, text: string): ChatEvent {
  const change = (value: unknown, name: string): unknown => {
    if (name === "motd" || name === "lines") return [text, text];
    if (typeof value === "string") return FREE_TEXTS.has(name) ? text : value;
    if (Array.isArray(value)) return value.map((each) => change(each, ""));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, change(each, key)]));
  };
  const changed = change(event, "") as ChatEvent;
  // Of this one, the reason is free.
  return changed.type === "sent-out" ? { ...changed, reason: text } : changed;
}

const FREE_TEXTS = new Set(["text", "topic", "detail", "summary", "usage", "group", "server"]);

Deno.test("PlainProtocol.encode() marks each line of the server's own, should one have several", () => {
  const { message: _m, action: _a, direct: _d, history: _h, found: _f, ...others } = EVENTS;
  const event = fc.oneof<fc.Arbitrary<ChatEvent>[]>(...Object.values(others));
  fc.assert(
    fc.property(event, hostileLines, (told, text) => {
      const changed = withLines(told, text);
      const label = "room" in told && told.room !== null ? `[${told.room}] ` : "";
      for (
        const [shown, mark] of [
          [encoded(changed), "-- "],
          [encodedElsewhere(changed), `-- ${label}`],
        ] as const
      ) {
        for (const line of shown.split("\n").slice(0, -1)) {
          assert(line.startsWith(mark), JSON.stringify([line, mark]));
        }
        assert(shown === "" || shown.endsWith("\n"));
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("PlainProtocol.encode() tells apart what is said, done and whispered, here, elsewhere and before", () => {
  fc.assert(
    fc.property(userName, saidText, roomName, (from, text, room) => {
      const message: ChatEvent = { type: "message", ...SAID, room, from, text };
      const action: ChatEvent = { type: "action", ...SAID, room, from, text };
      const here = encoded(message);
      assert(!here.startsWith("* ") && !here.startsWith("["), JSON.stringify(here));
      assert(encoded(action).startsWith(`* ${from} `));
      assertEquals(encodedElsewhere(message), `[${room}] ${here}`);
      assertEquals(encodedElsewhere(action), `[${room}] ${encoded(action)}`);
      const direct = { type: "direct", from, text, atMs: 0, nowMs: NOON_MS } as const;
      assertEquals(encoded({ ...direct, hasWaited: false }), `[private] ${from}: ${text}\n`);
      assertMatch(
        encoded({ ...direct, hasWaited: true }),
        /^\[private \d{4}-\d\d-\d\d \d\d:\d\d\] /,
      );
      const lines = [past({ from, text }), past({ from, text, kind: "action" })];
      const asked = encoded({
        type: "history",
        purpose: "asked",
        room,
        nowMs: NOON_MS,
        lines,
        unread: 0,
      });
      assertEquals(asked, `[11:59 41] ${here}[11:59 41] ${encoded(action)}`);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("PlainProtocol.encode() shows what was said before in clean lines that nobody can forge", () => {
  const line = fc.record({
    id: fc.integer({ min: 1, max: 2 ** 50 }),
    atMs: fc.integer({ min: 0, max: NOON_MS }),
    room: roomName,
    kind: fc.constantFrom("message" as const, "action" as const, "topic" as const),
    from: userName,
    text: saidText,
  });
  const event: fc.Arbitrary<ChatEvent> = fc.oneof(
    fc.record({
      type: fc.constant("history" as const),
      purpose: fc.constantFrom("asked" as const, "backlog" as const),
      room: roomName,
      nowMs: fc.constant(NOON_MS),
      lines: fc.array(line, { maxLength: 4 }),
      unread: fc.constantFrom(0, 1, 1_000),
    }),
    fc.record({
      type: fc.constant("found" as const),
      nowMs: fc.constant(NOON_MS),
      lines: fc.array(line, { maxLength: 4 }),
    }),
  );
  fc.assert(
    fc.property(event, (told) => {
      assert("lines" in told && told.type !== "notice");
      const shown = encoded(told).split("\n").slice(0, -1);
      // How much more there is stands in front, and is the server's only line.
      if ("unread" in told && told.unread > 0) {
        assertMatch(
          shown.shift() ?? "",
          /^-- \d+ more since you were here: \/history \d+( before \d+)?$/,
        );
      }
      assertEquals(shown.length, told.lines.length);
      for (const [index, text] of shown.entries()) {
        assertOneCleanLine(`${text}\n`);
        const { kind, from } = told.lines[index] ?? past();
        const [, rest = ""] = /^\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d[^\]]*\] (.*)$/su.exec(text) ?? [];
        if (kind === "message") assert(rest.startsWith(`${from}: `), text);
        else if (kind === "action") assert(rest.startsWith(`* ${from} `), text);
        else assert(rest.startsWith(`-- ${from} set the topic: `), text);
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("PlainProtocol.encode() says what the server says in clean lines, whatever is in it", () => {
  const names = fc.record({
    names: fc.array(userName, { maxLength: 4 }),
    more: fc.nat({ max: 2_000 }),
  });
  const reason = fc.constantFrom(
    "left" as const,
    "idle" as const,
    "slow" as const,
    "lost" as const,
    "removed" as const,
  );
  const id = fc.integer({ min: 1, max: 2 ** 50 });
  const event: fc.Arbitrary<ChatEvent> = fc.oneof(
    fc.record({ type: fc.constant("joined" as const), room: roomName, who: names }),
    fc.record({ type: fc.constant("left" as const), room: roomName, who: names, reason }),
    fc.record({
      type: fc.constant("topic" as const),
      id,
      atMs: fc.nat(),
      roomId: fc.nat(),
      accountId: fc.constant(null),
      room: roomName,
      from: userName,
      text: decodedText,
    }),
    fc.record({
      type: fc.constant("forgotten" as const),
      room: roomName,
      messageId: id,
      from: userName,
      by: userName,
    }),
    fc.record({
      type: fc.constant("announced" as const),
      room: fc.option(roomName),
      code: fc.constant("sent-out"),
      text: fc.tuple(userName, decodedText).map(([name, why]) => `${name} was removed: ${why}`),
    }),
    fc.record({
      type: fc.constant("parted" as const),
      room: roomName,
      to: fc.option(roomName),
    }),
    fc.record({
      type: fc.constant("notice" as const),
      code: fc.constant("audit"),
      lines: fc.tuple(decodedText),
    }),
    fc.record({
      type: fc.constant("goodbye" as const),
      reason: fc.constantFrom("quit" as const, "removed" as const, "internal" as const),
      sessionId: fc.nat(),
      detail: decodedText,
    }),
    fc.record({
      type: fc.constant("rooms" as const),
      rooms: fc.tuple(fc.record({
        name: roomName,
        people: fc.nat(),
        topic: decodedText,
        needs: fc.constantFrom("password" as const, "invitation" as const, null),
        isIn: fc.boolean(),
      })),
      more: fc.constant(0),
    }),
    fc.record({ type: fc.constant("renamed" as const), from: userName, to: userName }),
    fc.record({ type: fc.constant("nick" as const), name: userName }),
    fc.record({ type: fc.constant("pong" as const), text: decodedText, atMs: fc.constant(0) }),
    fc.record({
      type: fc.constant("refused" as const),
      code: fc.constant("no-such-command"),
      text: decodedText.map((text) => `There is no ${text}.`),
    }),
    fc.record({
      type: fc.constant("who" as const),
      room: roomName,
      atMs: fc.constant(1_700_000_000_000),
      users: fc.array(
        fc.record({
          name: userName,
          joinedAtMs: fc.nat({ max: 2_000_000_000 }),
          isOperator: fc.boolean(),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      more: fc.nat({ max: 1_000 }),
    }),
  );
  fc.assert(
    fc.property(event, (told) => {
      for (const line of [encoded(told), encodedElsewhere(told)]) {
        assert(line.startsWith("-- "));
        assertOneCleanLine(line);
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("PlainProtocol.encodeAll() writes what encode() writes, and says where each event ends", () => {
  const event: fc.Arbitrary<ChatEvent> = fc.oneof(
    saidEvent,
    EVENTS.message,
    EVENTS.ok,
    fc.record({
      type: fc.constant("announced" as const),
      room: fc.option(roomName),
      code: fc.constant("x"),
      text: decodedText,
    }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.boolean(), (events, isHere) => {
      const { bytes, ends } = plain.encodeAll(events, isHere);
      assertEquals(ends.length, events.length);
      for (const [at, one] of events.entries()) {
        const slice = decoder.decode(bytes.subarray(ends[at - 1] ?? 0, ends[at]));
        assertEquals(slice, isHere ? encoded(one) : encodedElsewhere(one));
      }
      assertEquals(ends.at(-1) ?? 0, bytes.length);
    }),
    { numRuns: 500 },
  );
});

Deno.test("PlainProtocol.encodeAll() gives the same bytes for the same list, and others for another", () => {
  const protocol = new PlainProtocol();
  const make = (): ChatEvent[] => [
    { type: "pong", text: "x", atMs: 0 },
    { type: "message", ...SAID, from: "ann", text: "x" },
  ];
  const [first, second] = [make(), make()];
  const here = protocol.encodeAll(first, HERE);
  const elsewhere = protocol.encodeAll(first, ELSEWHERE);
  // A fan-out goes back and forth between those who are there and those who are not.
  for (let reader = 0; reader < 3; reader++) {
    assertStrictEquals(protocol.encodeAll(first, HERE).bytes, here.bytes);
    assertStrictEquals(protocol.encodeAll(first, ELSEWHERE).bytes, elsewhere.bytes);
  }
  assert(here.bytes !== elsewhere.bytes);
  assertNotEquals(here, elsewhere);
  const encodedSecond = protocol.encodeAll(second, HERE);
  assert(encodedSecond.bytes !== here.bytes);
  assertEquals(encodedSecond, here);
  assertEquals(protocol.encodeAll(second, ELSEWHERE), elsewhere);
  // Even an empty list, which is what a new protocol might take for its last one.
  for (const isHere of [HERE, ELSEWHERE]) {
    assertEquals(new PlainProtocol().encodeAll([], isHere), { bytes: new Uint8Array(0), ends: [] });
  }
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
