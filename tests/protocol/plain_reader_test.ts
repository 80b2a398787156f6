/**
 * What the client makes of the server's lines in a pipeline: the three that it acts
 * upon are known as `plain.ts` writes them, and nothing that a user says is one of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ChatEvent, NameList } from "../../lib/events.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { type PlainLine, readPlainLine } from "../../lib/protocol/plain_reader.ts";
import { startTestServer } from "../harness.ts";
import { anyEvent } from "./arbitrary_events.ts";
import { hostileLine, userName } from "./hostile_texts.ts";

const plain = new PlainProtocol();
const NOBODY: NameList = { names: [], more: 0 };

/** What the lines of an event are read as. */
function readBack(event: ChatEvent): PlainLine[] {
  const lines = new TextDecoder().decode(plain.encode(event)).split("\n");
  assertEquals(lines.pop(), "");
  return lines.map(readPlainLine);
}

Deno.test("readPlainLine() knows a welcome, whatever the server calls itself", () => {
  const server = fc.oneof(
    fc.constantFrom("Parley", "The Lab", "A. You are x in #y, alone.", "B. You are x in no room."),
    hostileLine.map((line) => {
      const message = plain.decode(line);
      return message.type === "say" ? message.text : "";
    }),
  );
  const room = fc.option(userName.map((name) => `#${name}`));
  const others = fc.constantFrom(NOBODY, { names: ["ann", "bob"], more: 3 });
  fc.assert(
    fc.property(server, userName, room, others, (server, name, room, others) => {
      const event: ChatEvent = { type: "welcome", server, name, room, others, motd: [], topic: "" };
      assertEquals(readBack(event)[0], { type: "welcome" });
    }),
    { numRuns: 500 },
  );
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
  await using server = await startTestServer({ password: "open sesame" });
  await using guest = await server.connect();
  guest.say("");
  assertEquals(readPlainLine(await guest.line()), { type: "password-wanted" });
  guest.say("sesame");
  assertEquals(readPlainLine(await guest.line()).type, "other");
  guest.say("open sesame");
  assertEquals(readPlainLine(await guest.line()).type, "welcome");
});

Deno.test("readPlainLine() takes what people say for nothing else", () => {
  const line = hostileLine.map((text) => plain.decode(text));
  const starts = fc.constantFrom("", "-- Goodbye.", "-- Welcome to x. You are a in no room.");
  fc.assert(
    fc.property(line, starts, userName, (message, start, from) => {
      const text = `${start}${message.type === "say" ? message.text : ""}`;
      for (const type of ["message", "action"] as const) {
        const said = { type, id: 1, atMs: 0, room: "#lobby", roomId: 1, accountId: null };
        const kinds = readBack({ ...said, from, text }).map((each) => each.type);
        assertEquals(kinds, kinds.map(() => "other"));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("readPlainLine() takes no other event for one of the three", () => {
  const others = anyEvent.filter(({ type }) =>
    !["welcome", "goodbye", "notice", "announced", "refused", "ok", "caught-up"].includes(type)
  );
  fc.assert(fc.property(others, (event) => {
    const kinds = readBack(event).map(({ type }) => type);
    assertEquals(kinds, kinds.map(() => "other"));
  }));
});

Deno.test("readPlainLine() takes hostile lines in their stride", () => {
  // Each would keep a backtracking reader busy for a minute.
  const pieces = [" and ", ", ", "with a, ", "You are a in b, ", "x", "You are a in #b, with c"];
  for (const piece of pieces) {
    for (
      const prefix of ["-- ", "-- Welcome to ", "-- Welcome to x. You are ", "-- Goodbye. ", ""]
    ) {
      const line = `${prefix}${piece.repeat(8_192 / piece.length)}`;
      assertEquals(typeof readPlainLine(line).type, "string");
    }
  }
});
