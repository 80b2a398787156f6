// Who is here and in which room one is, learned from the lines of a server.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CLIENT_NAMES_MAX, ROOMS_PER_USER_MAX } from "../../lib/limits.ts";
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

const ENTERED = "-- You are now in #dev, with eve and zoe.";
const NOWHERE = "-- Welcome to Parley. You are guest1 in no room.";
const TO_LOBBY = "-- You left #dev. You are in #lobby now.";
const TO_NOWHERE = "-- You left #lobby. You are in no room now; /join #lobby brings you into one.";

const ROOM_CASES: readonly [name: string, lines: string[], rooms: string[], names: string[]][] = [
  ["begins in the welcome's room", [WELCOME], ["#lobby"], ["ann", "bob"]],
  ["begins in no room", [NOWHERE], [], []],
  ["goes to another room", [WELCOME, ENTERED], ["#dev", "#lobby"], ["eve", "zoe"]],
  [
    "knows the first room's people again",
    [WELCOME, ENTERED, "[#lobby] bob: hi", "-- [#lobby] tim joined.", TO_LOBBY],
    ["#lobby"],
    ["tim", "bob", "ann"],
  ],
  ["drops who left another room", [WELCOME, ENTERED, "-- [#lobby] ann left.", TO_LOBBY], [
    "#lobby",
  ], ["bob"]],
  ["adds nobody from elsewhere", [WELCOME, ENTERED, "[#lobby] bob: hi", "[#x] * tim waves"], [
    "#dev",
    "#lobby",
  ], ["eve", "zoe"]],
  ["keeps who left another room", [WELCOME, ENTERED, "-- [#lobby] eve left."], [
    "#dev",
    "#lobby",
  ], ["eve", "zoe"]],
  ["adds who writes in private", [WELCOME, ENTERED, "[private] ann: hi"], ["#dev", "#lobby"], [
    "ann",
    "eve",
    "zoe",
  ]],
  [
    "follows new names in every room",
    [WELCOME, ENTERED, "[#lobby] eve: hi", "-- eve is now Eva.", "-- ann is now Anna.", TO_LOBBY],
    ["#lobby"],
    ["Anna", "Eva", "bob"],
  ],
  ["adds nobody for a new name of who knows where", [WELCOME, ENTERED, "-- x is now tim."], [
    "#dev",
    "#lobby",
  ], ["eve", "zoe"]],
  ["adds whoever has a new name in one's only room", [WELCOME, "-- x is now tim."], ["#lobby"], [
    "tim",
    "ann",
    "bob",
  ]],
  ["starts again where it returns", [WELCOME, ENTERED, "-- You are now in #lobby, with tim."], [
    "#lobby",
    "#dev",
  ], ["tim"]],
  [
    "leaves a room that is not the current one",
    [
      WELCOME,
      ENTERED,
      "-- You left #lobby. You are in #dev now.",
    ],
    ["#dev"],
    ["eve", "zoe"],
  ],
  ["leaves the last room", [WELCOME, TO_NOWHERE], [], []],
  ["takes nobody out of history", [WELCOME, "[14:02] tim: hi", "[14:02 #dev 7] * tim waves"], [
    "#lobby",
  ], ["ann", "bob"]],
];

Deno.test("Roster.note() learns in which rooms one is, and who is in each", async (t) => {
  for (const [name, lines, rooms, names] of ROOM_CASES) {
    await t.step(name, () => {
      const roster = rosterAfter(...lines);
      assertEquals(roster.rooms(), rooms);
      assertEquals(roster.room, rooms[0] ?? null);
      assertEquals(roster.names(), names);
    });
  }
});

Deno.test("Roster.note() keeps a bounded number of rooms, the last ones", () => {
  const roster = new Roster();
  for (let count = 0; count < ROOMS_PER_USER_MAX + 5; count++) {
    roster.note({ type: "entered", room: `#r${count}`, others: [] });
  }
  assertEquals(roster.rooms().length, ROOMS_PER_USER_MAX);
  assertEquals(roster.room, `#r${ROOMS_PER_USER_MAX + 4}`);
});

Deno.test("Roster.note() keeps a bounded number of names, the last ones", () => {
  const roster = new Roster();
  for (let count = 0; count < CLIENT_NAMES_MAX + 5; count++) {
    roster.note({ type: "message", room: null, from: `user${count}`, text: "" });
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
