// Who is here, learned from the lines of a server.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CLIENT_NAMES_MAX } from "../../lib/limits.ts";
import { readPlainLine } from "../../lib/protocol/plain_reader.ts";
import { Roster } from "../../lib/terminal/roster.ts";

function rosterAfter(...lines: string[]): Roster {
  const roster = new Roster();
  for (const line of lines) roster.note(readPlainLine(line));
  return roster;
}

const WELCOME = "-- Welcome to Parley. You are guest1 in #lobby, with ann, bob and 3 others.";

const CASES: readonly [name: string, lines: string[], own: string | null, names: string[]][] = [
  ["knows nobody before the welcome", ["-- hello"], null, []],
  ["reads the welcome", [WELCOME], "guest1", ["ann", "bob"]],
  ["adds who joins", [WELCOME, "-- zoe and tim joined."], "guest1", ["tim", "zoe", "ann", "bob"]],
  ["drops who leaves", [WELCOME, "-- ann left (idle)."], "guest1", ["bob"]],
  ["follows new names", [WELCOME, "-- ann is now Anna."], "guest1", ["Anna", "bob"]],
  ["follows one's own name", [WELCOME, "-- You are now kim."], "kim", ["ann", "bob"]],
  ["puts who spoke first", [WELCOME, "bob: hi"], "guest1", ["bob", "ann"]],
  ["adds who speaks", [WELCOME, "[private] eve: hi"], "guest1", ["eve", "ann", "bob"]],
  ["adds who acts", [WELCOME, "* eve waves"], "guest1", ["eve", "ann", "bob"]],
  ["takes names in two case forms for one", [WELCOME, "ANN: hi"], "guest1", ["ANN", "bob"]],
  ["leaves oneself out", [WELCOME, "-- guest1 joined."], "guest1", ["ann", "bob"]],
  ["starts again with a new welcome", [WELCOME, WELCOME.replace("ann", "zoe")], "guest1", [
    "zoe",
    "bob",
  ]],
];

Deno.test("Roster.note() learns who is here", async (t) => {
  for (const [name, lines, own, names] of CASES) {
    await t.step(name, () => {
      const roster = rosterAfter(...lines);
      assertEquals(roster.ownName, own);
      assertEquals(roster.names(), names);
    });
  }
});

Deno.test("Roster.note() keeps a bounded number of names, the last ones", () => {
  const roster = new Roster();
  for (let count = 0; count < CLIENT_NAMES_MAX + 5; count++) {
    roster.note({ type: "message", from: `user${count}`, text: "" });
  }
  assertEquals(roster.names().length, CLIENT_NAMES_MAX);
  assertEquals(roster.names()[0], `user${CLIENT_NAMES_MAX + 4}`);
});

Deno.test("Roster.note() survives any line, and lists each name once", () => {
  const words = fc.constantFrom(
    "--",
    "ann",
    "Ann",
    "joined.",
    "left.",
    "is now",
    "and",
    "hi:",
    "*",
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.array(words).map((w) => w.join(" ")))),
      (lines) => {
        const names = rosterAfter(...lines).names().map((name) => name.toLowerCase());
        assert(new Set(names).size === names.length);
      },
    ),
  );
});
