/**
 * What the client makes of the server's lines: whatever `plain.ts` writes is
 * read back as what it was, and any other line is read as something.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ChatEvent, HistoryLine, NameList } from "../../lib/events.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { type PlainLine, readPlainLine } from "../../lib/protocol/plain_reader.ts";
import { startTestServer } from "../harness.ts";
import { hostileLine, userName } from "./hostile_texts.ts";

const plain = new PlainProtocol();
/** What no line tells. */
const UNTOLD = { id: 1, atMs: 0, roomId: 1, accountId: null } as const;
const NOW_MS = new Date(2026, 10, 22, 12, 0).getTime();

function read(bytes: Uint8Array): PlainLine[] {
  const lines = new TextDecoder().decode(bytes).split("\n");
  assertEquals(lines.pop(), "");
  return lines.map(readPlainLine);
}

/** What the lines of an event are read as by whom it answers. */
function readBack(event: ChatEvent): PlainLine[] {
  return read(plain.encode(event));
}

/** What is told to a room reads the same there and elsewhere, but for the room. */
function assertReadBack(
  event: ChatEvent & { readonly room: string },
  expected: PlainLine & { readonly type: "joined" | "left" | "message" | "action" | "notice" },
): void {
  const isHere = true;
  const here: unknown = { ...expected, room: null };
  const elsewhere: unknown = { ...expected, room: event.room };
  assertEquals<unknown>(read(plain.encodeAll([event], isHere).bytes), [here]);
  assertEquals<unknown>(read(plain.encodeAll([event], !isHere).bytes), [elsewhere]);
}

const roomName = userName.map((name) => `#${name}`);

const nameList: fc.Arbitrary<NameList> = fc.record({
  names: fc.uniqueArray(userName, { minLength: 1, maxLength: 6 }),
  more: fc.nat({ max: 3 }),
});
const NOBODY: NameList = { names: [], more: 0 };

/** A text as it comes through `decode`; only a pong's, or a topic, can be empty. */
const text = hostileLine.map((line) => {
  const message = plain.decode(line);
  return message.type === "say" ? message.text : message.type === "command" ? message.args : "";
});

/** Today, and on other days. */
const atMs = fc.integer({ min: -400 * 86_400_000, max: 0 }).map((ms) => NOW_MS + ms);

/** One line of history, which can be of any kind. */
const historyLine: fc.Arbitrary<HistoryLine> = fc.record({
  id: fc.nat(),
  atMs,
  room: roomName,
  kind: fc.constantFrom("message" as const, "action" as const, "topic" as const),
  from: userName,
  text,
});

Deno.test("readPlainLine() reads back who is there", () => {
  const server = fc.oneof(
    fc.constantFrom("Parley", "The Lab", "A. You are x in #y, alone.", "B. You are x in no room."),
    text,
  );
  fc.assert(
    fc.property(server, userName, roomName, nameList, (name, self, room, others) => {
      const base = { type: "welcome", server: name, name: self, motd: [], topic: "" } as const;
      const names = [...others.names];
      const [welcome] = readBack({ ...base, room, others });
      assertEquals(welcome, { type: "welcome", name: self, room, others: names });
      const [alone] = readBack({ ...base, room, others: NOBODY });
      assertEquals(alone, { type: "welcome", name: self, room, others: [] });
      const [nowhere] = readBack({ ...base, room: null, others: NOBODY });
      assertEquals(nowhere, { type: "welcome", name: self, room: null, others: [] });
    }),
    { numRuns: 500 },
  );
});

Deno.test("readPlainLine() reads back which room one is in", () => {
  const how = fc.constantFrom("joined" as const, "made" as const, "returned" as const);
  fc.assert(
    fc.property(roomName, roomName, nameList, text, how, (room, to, others, topic, how) => {
      const base = { type: "entered", room, how, topic, isLasting: topic === "" } as const;
      const [entered, ...rest] = readBack({ ...base, others });
      assertEquals(entered, { type: "entered", room, others: [...others.names] });
      for (const line of rest) assertEquals(line.type, "notice");
      const [alone] = readBack({ ...base, others: NOBODY });
      assertEquals(alone, { type: "entered", room, others: [] });
      assertEquals(readBack({ type: "parted", room, to }), [{ type: "parted", room, to }]);
      assertEquals(readBack({ type: "parted", room, to: null }), [
        { type: "parted", room, to: null },
      ]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("readPlainLine() reads back who came and who went", () => {
  const reasons = fc.constantFrom(
    "left" as const,
    "idle" as const,
    "slow" as const,
    "lost" as const,
    "removed" as const,
  );
  fc.assert(
    fc.property(roomName, nameList, reasons, (room, who, reason) => {
      const names = [...who.names];
      assertReadBack({ type: "joined", room, who }, { type: "joined", room, names });
      assertReadBack({ type: "left", room, who, reason }, { type: "left", room, names });
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() reads back who has another name", () => {
  fc.assert(
    fc.property(userName, userName, (from, to) => {
      assertEquals(readBack({ type: "renamed", from, to }), [{ type: "renamed", from, to }]);
      assertEquals(readBack({ type: "nick", name: to }), [{ type: "nick", name: to }]);
    }),
  );
});

Deno.test("readPlainLine() reads back what is said and done, and takes it for nothing else", () => {
  fc.assert(
    fc.property(roomName, userName, text, (room, from, said) => {
      for (const type of ["message", "action"] as const) {
        const line = { type, room, from, text: said } as const;
        assertReadBack({ ...line, ...UNTOLD }, line);
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("readPlainLine() reads back private messages, those that waited too", () => {
  fc.assert(
    fc.property(userName, text, atMs, fc.boolean(), (from, said, atMs, hasWaited) => {
      const line = { type: "direct", from, text: said } as const;
      assertEquals(readBack({ ...line, atMs, nowMs: NOW_MS, hasWaited }), [line]);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() reads back what was said before, and takes it for nothing else", () => {
  const purpose = fc.constantFrom("backlog" as const, "asked" as const);
  fc.assert(
    fc.property(historyLine, purpose, (line, purpose) => {
      const { kind, room, from, text: said } = line;
      const past = { type: "past", kind, from, text: said } as const;
      const history = { type: "history", purpose, room, nowMs: NOW_MS, lines: [line] } as const;
      assertEquals(readBack({ ...history, unread: 0 }), [{ ...past, room: null }]);
      const [more, shown] = readBack({ ...history, unread: 7 });
      assertEquals([more?.type, shown], ["notice", { ...past, room: null }]);
      const found = readBack({ type: "found", nowMs: NOW_MS, lines: [line] });
      assertEquals(found, [{ ...past, room }]);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("readPlainLine() reads back what a ping was answered", () => {
  fc.assert(
    fc.property(text, (said) => {
      // Who is called `pong` can come and go; only one's own `/ping` could look like it.
      const args = said.trim().replace(/(joined|left.*|is now .*)\.$/u, "$1");
      assertEquals(readBack({ type: "pong", text: args, atMs: 0 }), [{ type: "pong", text: args }]);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() reads who was sent out as who left", () => {
  fc.assert(
    fc.property(roomName, userName, userName, text, (room, by, name, reason) => {
      for (const verb of ["removed", "banned"] as const) {
        const event: ChatEvent & { room: string } = {
          type: "sent-out",
          room,
          name,
          verb,
          by,
          reason,
        };
        const [line] = readBack(event);
        assertEquals(line, { type: "left", room: null, names: [name] });
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() takes what else is told to a room for notices of that room", () => {
  // What a `pong` does looks like the answer to one's own `/ping set the topic`.
  const name = userName.filter((name) => name !== "pong");
  fc.assert(
    fc.property(roomName, name, name, text, (room, by, from, said) => {
      const events: readonly (ChatEvent & { room: string })[] = [
        { ...UNTOLD, type: "topic", room, from: by, text: said },
        { type: "forgotten", room, messageId: 12, from, by },
        { type: "announced", room, code: "room-changed", text: `${by} made ${room} open: ${said}` },
      ];
      for (const event of events) {
        const [line] = readBack(event);
        assert(line?.type === "notice", `${JSON.stringify(event)} reads as ${line?.type}`);
        assertReadBack(event, line);
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() takes the rest of what the server says for notices", () => {
  const room = "#lobby";
  const users = [{ name: "ann", joinedAtMs: 0, isOperator: true }];
  const events: readonly ChatEvent[] = [
    { type: "who", room, atMs: 5_000, users, more: 0 },
    {
      type: "rooms",
      rooms: [{ name: "#dev", people: 1, topic: "x: bob joined.", needs: "password", isIn: true }],
      more: 2,
    },
    { type: "help", entries: [{ group: "Names", usage: "/nick NAME", summary: "pick a name" }] },
    { type: "notice", code: "topic", lines: ["The topic of #dev: bob joined."] },
    { type: "refused", code: "name-taken", text: "That name is taken." },
    { type: "slowed", perSecond: 4 },
    { type: "idle-warning", remainingMs: 60_000 },
    // Somebody has a name that looks like the server's own words.
    { ...UNTOLD, type: "topic", room, from: "Goodbye.", text: "You were removed." },
    { ...UNTOLD, type: "topic", room, from: "Welcome", text: "You are x in no room." },
  ];
  for (const event of events) {
    for (const line of readBack(event)) assertEquals(line.type, "notice");
  }
});

Deno.test("readPlainLine() knows a goodbye, and whether it was asked for", () => {
  const session = { type: "goodbye", sessionId: 7, detail: "" } as const;
  assertEquals(readBack({ ...session, reason: "quit" }), [{ type: "goodbye", why: null }]);
  for (const reason of ["idle", "slow", "shutdown", "internal", "not-admitted"] as const) {
    const [line] = readBack({ ...session, reason });
    assert(line?.type === "goodbye" && line.why !== null, reason);
  }
  const details = [
    "You were removed by ann.",
    "You were banned by ann: bob joined.",
    "ann ended this connection from another one.",
  ];
  for (const why of details) {
    const [line] = readBack({ ...session, reason: "removed", detail: why });
    assertEquals(line, { type: "goodbye", why });
  }
});

Deno.test("readPlainLine() knows when a server asks for its password", async () => {
  await using server = startTestServer({ password: "open sesame" });
  await using guest = await server.connect();
  guest.say("");
  assertEquals(readPlainLine(await guest.line()), { type: "password-wanted" });
  guest.say("sesame");
  assertEquals(readPlainLine(await guest.line()).type, "notice");
  guest.say("open sesame");
  assertEquals(readPlainLine(await guest.line()).type, "welcome");
});

Deno.test("readPlainLine() reads any line, and never throws", () => {
  const prefixes = ["", "-- ", "* ", "[private] ", "[#dev] ", "-- [#dev] ", "[14:02 #dev 1] "];
  fc.assert(
    fc.property(hostileLine, (line) => {
      for (const prefix of [...prefixes, "[", "-- Welcome to ", "-- You left "]) {
        assertEquals(typeof readPlainLine(prefix + line).type, "string");
      }
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("readPlainLine() takes a label that it does not know, or that says nothing, for a notice", () => {
  const lines = [
    "[14:02]ann: hi",
    "[14:02] hi",
    "[2:02] ann: hi",
    "[#a b] ann: hi",
    "[private] * ann waves",
    "[#dev] [#dev] ann: hi",
    "[#dev] -- ann joined.",
    "[x] ann: hi",
    "[] ann: hi",
  ];
  for (const text of lines) {
    assertEquals(readPlainLine(text), { type: "notice", room: null, text });
  }
});

Deno.test("readPlainLine() takes hostile lines in their stride", () => {
  // Each would keep a backtracking reader busy for a minute.
  const pieces = [
    ...[" and ", ", ", " joined.", "a is now ", "with a, ", "You are a in b, ", "x"],
    ...["[#a] ", "[14:02 ", "] ", "#a ", "You are a in #b, with c"],
  ];
  for (const piece of pieces) {
    for (
      const prefix of ["-- ", "-- Welcome to ", "-- Welcome to x. You are ", "* ", "[", "-- [#", ""]
    ) {
      const line = `${prefix}${piece.repeat(8_192 / piece.length)}`;
      assertEquals(typeof readPlainLine(line).type, "string");
    }
  }
});
