/**
 * What the client makes of the server's lines: whatever `plain.ts` writes is
 * read back as what it was, and any other line is read as something.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ChatEvent, NameList } from "../../lib/events.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { type PlainLine, readPlainLine } from "../../lib/protocol/plain_reader.ts";
import { hostileLine, userName } from "./hostile_texts.ts";

const plain = new PlainProtocol();
const room = "#lobby";

/** What the lines of an event are read as. */
function readBack(event: ChatEvent): PlainLine[] {
  const lines = new TextDecoder().decode(plain.encode(event)).split("\n");
  assertEquals(lines.pop(), "");
  return lines.map(readPlainLine);
}

function assertReadBack(event: ChatEvent, expected: PlainLine): void {
  assertEquals(readBack(event)[0], expected);
}

const nameList: fc.Arbitrary<NameList> = fc.record({
  names: fc.uniqueArray(userName, { minLength: 1, maxLength: 6 }),
  more: fc.nat({ max: 3 }),
});

/** A text as it comes through `decode`; only a pong's can be empty. */
const text = hostileLine.map((line) => {
  const message = plain.decode(line);
  return message.type === "say" ? message.text : message.type === "command" ? message.args : "";
});

Deno.test("readPlainLine() reads back who is there", () => {
  const server = fc.oneof(fc.constantFrom("Parley", "The Lab", "A. You are x in #y, alone."), text);
  fc.assert(
    fc.property(server, userName, nameList, (name, self, others) => {
      const base = { type: "welcome", server: name, name: self, room, motd: [] } as const;
      const [welcome] = readBack({ ...base, others });
      assertEquals(welcome, { type: "welcome", name: self, others: [...others.names] });
      const [alone] = readBack({ ...base, others: { names: [], more: 0 } });
      assertEquals(alone, { type: "welcome", name: self, others: [] });
    }),
    { numRuns: 500 },
  );
});

Deno.test("readPlainLine() reads back who came and who went", () => {
  const reasons = fc.constantFrom("left", "idle", "slow", "lost");
  fc.assert(
    fc.property(nameList, reasons, (who, reason) => {
      const names = [...who.names];
      assertReadBack({ type: "joined", room, who }, { type: "joined", names });
      assertReadBack({ type: "left", room, who, reason }, { type: "left", names });
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() reads back who has another name", () => {
  fc.assert(
    fc.property(userName, userName, (from, to) => {
      assertReadBack({ type: "renamed", from, to }, { type: "renamed", from, to });
      assertReadBack({ type: "nick", name: to }, { type: "nick", name: to });
    }),
  );
});

Deno.test("readPlainLine() reads back what is said, done, whispered and answered", () => {
  fc.assert(
    fc.property(userName, text, (from, said) => {
      const message = { type: "message", from, text: said } as const;
      assertReadBack({ ...message, room }, message);
      assertReadBack({ ...message, type: "action", room }, { ...message, type: "action" });
      assertReadBack({ ...message, type: "direct" }, { ...message, type: "direct" });
      // Who is called `pong` can come and go; only one's own `/ping` could look like it.
      const args = said.trim().replace(/(joined|left.*|is now .*)\.$/u, "$1");
      assertReadBack({ type: "pong", text: args }, { type: "pong", text: args });
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("readPlainLine() takes the rest of what the server says for notices", () => {
  const events: readonly ChatEvent[] = [
    { type: "who", room, atMs: 5_000, users: [{ name: "ann", joinedAtMs: 0 }], more: 0 },
    { type: "help", entries: [{ usage: "/nick NAME", summary: "pick a name" }] },
    { type: "refused", code: "name-taken", text: "That name is taken." },
    { type: "slowed", perSecond: 4 },
    { type: "idle-warning", remainingMs: 60_000 },
    { type: "goodbye", reason: "slow", sessionId: 7 },
  ];
  for (const event of events) {
    for (const line of readBack(event)) assertEquals(line.type, "notice");
  }
});

Deno.test("readPlainLine() takes no user's line for the server's", () => {
  const own = new Set(["message", "action", "direct"]);
  fc.assert(
    fc.property(userName, text, (from, said) => {
      for (const type of ["message", "action", "direct"] as const) {
        for (const line of readBack({ type, room, from, text: said })) {
          assert(own.has(line.type), `${JSON.stringify(said)} reads as ${line.type}`);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() reads any line, and never throws", () => {
  fc.assert(
    fc.property(hostileLine, (line) => {
      for (const prefix of ["", "-- ", "* ", "[private] ", "-- Welcome to "]) {
        assertEquals(typeof readPlainLine(prefix + line).type, "string");
      }
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("readPlainLine() takes hostile lines in their stride", () => {
  // Each would keep a backtracking reader busy for a minute.
  for (
    const piece of [" and ", ", ", " joined.", "a is now ", "with a, ", "You are a in b, ", "x"]
  ) {
    for (const prefix of ["-- ", "-- Welcome to ", "-- Welcome to x. You are ", "* ", ""]) {
      const line = `${prefix}${piece.repeat(8_192 / piece.length)}`;
      assertEquals(typeof readPlainLine(line).type, "string");
    }
  }
});
