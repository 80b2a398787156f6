// What entries say in lines that are printed once: what stands before each, and what stands out.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Entry } from "../../lib/client/entry.ts";
import { entryText, type EntryTextView } from "../../lib/terminal/entry_text.ts";
import { textOf } from "../../lib/terminal/styled.ts";
import { entryOf, NOON_MS, presenceOf } from "./entries.ts";

const VIEW: EntryTextView = {
  ownName: "kim",
  room: "#lobby",
  nowMs: NOON_MS,
  hasTime: true,
  hasMarks: true,
};
const SPOKEN: EntryTextView = { ...VIEW, hasTime: false, hasMarks: false };
const DAY_MS = 86_400_000;

const CASES: readonly [entry: Partial<Entry>, shown: string[], spoken: string[]][] = [
  [{ text: "hi" }, ["12:00 ann: hi"], ["ann: hi"]],
  [{ text: "a\nb: c" }, ["12:00 ann: a", "12:00 ann: b: c"], ["ann: a", "ann: b: c"]],
  [{ kind: "action", text: "waves" }, ["12:00 * ann waves"], ["* ann waves"]],
  [
    { room: "#dev", text: "hi", atMs: NOON_MS - DAY_MS },
    ["2026-11-21 12:00 [#dev] ann: hi"],
    ["[#dev] ann: hi"],
  ],
  [{ room: "#LOBBY", text: "hi" }, ["12:00 ann: hi"], ["ann: hi"]],
  [
    { kind: "direct", room: null, text: "hi" },
    ["12:00 [private] ann: hi"],
    ["[private] ann: hi"],
  ],
  [
    { kind: "direct", room: null, text: "hi", isOwn: true, from: "kim", to: "ann" },
    ["12:00 [private to ann] kim: hi"],
    ["[private to ann] kim: hi"],
  ],
  [
    { kind: "topic", text: "tea" },
    ["12:00 -- ann set the topic: tea"],
    ["ann set the topic: tea"],
  ],
  [{ kind: "topic", text: "" }, ["12:00 -- ann cleared the topic."], ["ann cleared the topic."]],
  [{ kind: "notice", room: null, text: "a\nb" }, ["-- a", "-- b"], ["a", "b"]],
  [{ kind: "error", room: null, text: "no" }, ["!! no"], ["no"]],
  [{ kind: "divider", room: null, text: "gap" }, ["-- gap"], ["gap"]],
  [
    { kind: "found", foundId: 7, foundKind: "action", text: "waves" },
    ["[2026-11-22 12:00 #lobby 7] * ann waves"],
    ["[2026-11-22 12:00 #lobby 7] * ann waves"],
  ],
];

Deno.test("entryText() says who, when and where, for eyes and for ears", async (t) => {
  for (const [data, shown, spoken] of CASES) {
    await t.step(shown.join(" / "), () => {
      const entry = entryOf({ key: 1, ...data });
      assertEquals(entryText(entry, VIEW).map(textOf), shown);
      assertEquals(entryText(entry, SPOKEN).map(textOf), spoken);
    });
  }
  const joined = presenceOf(1, "joined", "bob");
  assertEquals(entryText(joined, VIEW).map(textOf), ["12:00 -- bob joined."]);
  assertEquals(entryText(joined, SPOKEN).map(textOf), ["bob joined."]);
});

Deno.test("entryText() highlights one's own name in what names one", () => {
  const mentioned = (data: Partial<Entry>): string[] =>
    entryText(entryOf({ key: 1, ...data }), VIEW).flat()
      .filter(({ role }) => role === "mention").map(({ text }) => text);
  assertEquals(mentioned({ text: "Kim, kim!\nkimono", isMention: true }), ["Kim", "kim"]);
  assertEquals(mentioned({ text: "kim" }), []);
});

Deno.test("entryText() begins every line of what is said with its writer", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("bob: ", "--", "", "\n", "kim")), (parts) => {
      const text = parts.join("");
      const lines = entryText(entryOf({ key: 1, text, isMention: true }), SPOKEN).map(textOf);
      assert(lines.every((line) => line.startsWith("ann: ")), lines.join("\n"));
      assertEquals(lines.map((line) => line.slice("ann: ".length)).join("\n"), text);
    }),
  );
});
