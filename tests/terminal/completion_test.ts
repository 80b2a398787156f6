// What Tab does, as a table; that it never takes away what was typed; and that the client knows
// the same commands and words as the server.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { COMMANDS } from "../../lib/chat/commands.ts";
import { parseDuration } from "../../lib/duration.ts";
import {
  CLIENT_COMMANDS,
  complete,
  SERVER_COMMANDS,
  TabCycle,
} from "../../lib/terminal/completion.ts";

const SOURCES = {
  commands: ["/help", "/me", "/msg", "/nick", "/who"],
  names: ["ann", "Anna", "bob", "\u00c9mile"],
  rooms: ["#dev", "#lobby"],
};

const CASES: readonly [
  text: string,
  word: string,
  replacement: string | null,
  choices: string[],
][] = [
  ["", "", null, []],
  ["hello ", "", null, []],
  ["b", "b", "bob: ", ["bob"]],
  ["B", "B", "bob: ", ["bob"]],
  ["hello b", "b", "bob ", ["bob"]],
  ["\u00e9", "\u00e9", "\u00c9mile: ", ["\u00c9mile"]],
  ["a", "a", "ann", ["ann", "Anna"]],
  ["ANN", "ANN", null, ["ann", "Anna"]],
  ["anna", "anna", "Anna: ", ["Anna"]],
  ["x", "x", null, []],
  ["/", "/", null, ["/help", "/me", "/msg", "/nick", "/who"]],
  ["/m", "/m", null, ["/me", "/msg"]],
  ["/W", "/W", "/who ", ["/who"]],
  ["/msg ", "", null, ["ann", "Anna", "bob", "\u00c9mile"]],
  ["/msg b", "b", "bob ", ["bob"]],
  ["/join #", "#", null, ["#dev", "#lobby"]],
  ["/join #L", "#L", "#lobby ", ["#lobby"]],
  ["#d", "#d", "#dev ", ["#dev"]],
  ["/join #x", "#x", null, []],
  ["say /w", "/w", null, []],
  ["//w", "//w", null, []],
  [" b", "b", "bob ", ["bob"]],
];

Deno.test("complete() knows commands and names", async (t) => {
  for (const [text, word, replacement, choices] of CASES) {
    await t.step(JSON.stringify(text), () => {
      assertEquals(complete(text, SOURCES), { word, replacement, choices });
    });
  }
});

Deno.test("complete() only ever goes on from what was typed", () => {
  const names = fc.array(fc.string({ unit: "grapheme", minLength: 1 }));
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), names, (text, names) => {
      const { word, replacement, choices } = complete(text, {
        commands: ["/me"],
        names,
        rooms: names.map((name) => `#${name}`),
      });
      assert(text.endsWith(word) && !/\s/u.test(word));
      for (const choice of choices) assert(choice.toLowerCase().startsWith(word.toLowerCase()));
      if (replacement !== null) assert(replacement.length >= word.length || choices.length === 1);
    }),
  );
});

const SCREEN = {
  commands: ["/ban", "/bell", "/room"],
  names: ["zoe", "ann", "anna"],
  rooms: ["#dev", "#ann"],
};

/** What as many Tabs as there are choices put in place, one after the other. */
const CYCLES: Readonly<Record<string, readonly string[]>> = {
  "": [],
  "hello ": [],
  "a": ["ann: ", "anna: "],
  "hi AN": ["hi ann ", "hi anna "],
  "hi #": ["hi #dev ", "hi #ann "],
  "#d": ["#dev "],
  "/b": ["/ban ", "/bell "],
  "//b": [],
  "/bell ": ["/bell off ", "/bell mentions ", "/bell all "],
  "/theme L": ["/theme light "],
  "/room ": [
    "/room open ",
    "/room private ",
    "/room password ",
    "/room invite-only ",
    "/room keep ",
    "/room delete ",
  ],
  "/room keep 1": ["/room keep 10m ", "/room keep 1h ", "/room keep 12h ", "/room keep 1d "],
  "/ROOM KEEP 7": ["/ROOM KEEP 7d "],
  "/room delete ": ["/room delete #dev ", "/room delete #ann "],
  "/room open ": [],
  "/room password ": [],
  "/join ": ["/join #dev ", "/join #ann "],
  "/ban ": ["/ban zoe ", "/ban ann ", "/ban anna ", "/ban server "],
  "/BAN  server z": ["/BAN  server zoe "],
  "/ban zoe f": ["/ban zoe for "],
  "/ban zoe for 7": ["/ban zoe for 7d "],
  "/ban zoe for 7d spams an": ["/ban zoe for 7d spams ann ", "/ban zoe for 7d spams anna "],
  "/msg zoe ask an": ["/msg zoe ask ann ", "/msg zoe ask anna "],
  "/msg #": ["/msg #dev ", "/msg #ann "],
  "/nick a": [],
  "/login an": ["/login ann ", "/login anna "],
  "/login ann s": [],
  "/help b": ["/help ban ", "/help bell "],
  "/history b": ["/history before "],
  "/history 20 ": ["/history 20 before ", "/history 20 after "],
  "/search f": ["/search from:"],
  "/search deploy from:a": ["/search deploy from:ann ", "/search deploy from:anna "],
  "/search in:": ["/search in:#dev ", "/search in:#ann "],
  "/unknown z": ["/unknown zoe "],
  "/constructor z": ["/constructor zoe "],
};

/** The text with what Tab puts into it; null where it does nothing. */
function pressTab(cycle: TabCycle, text: string, step: 1 | -1): string | null {
  const done = cycle.press(text, step, SCREEN);
  return done === null ? null : text.slice(0, done.start) + done.replacement;
}

Deno.test("TabCycle goes round what fits, both ways", async (t) => {
  for (const [typed, wanted] of Object.entries(CYCLES)) {
    await t.step(JSON.stringify(typed), () => {
      const forward = new TabCycle();
      let text = typed;
      for (const each of wanted.length > 1 ? [...wanted, wanted[0] ?? ""] : wanted) {
        text = pressTab(forward, text, 1) ?? "";
        assertEquals(text, each);
      }
      const backward = new TabCycle();
      text = typed;
      for (const each of wanted.toReversed()) {
        text = pressTab(backward, text, -1) ?? "";
        assertEquals(text, each);
      }
      if (wanted.length === 0) assertEquals(pressTab(forward, typed, 1), null);
    });
  }
});

Deno.test("TabCycle says what there is to choose from, and begins anew with another text", () => {
  const cycle = new TabCycle();
  assertEquals(cycle.press("hi an", 1, SCREEN), {
    start: 3,
    replacement: "ann ",
    choices: ["ann", "anna"],
    index: 0,
  });
  assertEquals(cycle.press("hi ann ", -1, SCREEN)?.index, 1);
  assertEquals(cycle.press("hi anna z", 1, SCREEN)?.choices, ["zoe"]);
  // What is certain is taken, and Tab goes on behind it.
  assertEquals(pressTab(cycle, "/room k", 1), "/room keep ");
  assertEquals(pressTab(cycle, "/room keep ", 1), "/room keep 10m ");
});

Deno.test("completion knows the server's commands and the words that they take", () => {
  const words = (text: string): string[] => [...new Set(text.match(/(?<![\w-])[a-z][a-z-]+/g))];
  assertEquals(Object.keys(SERVER_COMMANDS).sort(), COMMANDS.map(({ name }) => `${name}`).sort());
  for (const { name, args } of COMMANDS) {
    const known = name === "search" ? "from in before after" : SERVER_COMMANDS[name]?.join(" ");
    assertEquals(words(known ?? "").sort(), words(args).sort(), name);
    assertEquals(args === "", SERVER_COMMANDS[name]?.length === 0, name);
  }
  for (const name of Object.keys(CLIENT_COMMANDS)) assert(!(name in SERVER_COMMANDS), name);
});

Deno.test("completion offers times that are some", () => {
  const { choices } = new TabCycle().press("/room keep ", 1, SCREEN) ?? { choices: [] };
  assert(choices.length > 0);
  for (const choice of choices) assert(parseDuration(choice) !== null, choice);
});
