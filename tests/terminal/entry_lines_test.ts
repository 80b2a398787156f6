// What entries look like, at the widths at which their looks change.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Entry } from "../../lib/client/entry.ts";
import { EntryLines } from "../../lib/terminal/entry_lines.ts";
import { lineWidth, type Role, type StyledLine, textOf } from "../../lib/terminal/styled.ts";
import { entryOf, presenceOf } from "./entries.ts";
import { TEXTS } from "./styled_texts.ts";

const LONG = "The quick brown fox jumps over the lazy dog, again and again.";
const WIDE = "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{6587}\u{7ae0}\u{3067}\u{3059}\u{1f600}";

function linesOf(columns: number, ownName: string | null = "kim"): EntryLines {
  const lines = new EntryLines();
  lines.setView({ columns, ownName });
  return lines;
}

function show(columns: number, ...block: Entry[]): string[] {
  return linesOf(columns).rowsOf(block).map(textOf);
}

function rolesOf(rows: readonly StyledLine[]): [string, Role][] {
  return rows.flat().filter(({ text }) => text.trim() !== "").map(({ text, role }) => [text, role]);
}

Deno.test("a message at 20 columns: no time, little indent", () => {
  assertEquals(show(20, entryOf({ key: 1, text: LONG })), [
    "ann: The quick brown",
    "  fox jumps over the",
    "  lazy dog, again",
    "  and again.",
  ]);
  assertEquals(show(20, entryOf({ key: 1, text: WIDE })), [
    "ann: \u{65e5}\u{672c}\u{8a9e}\u{306e}\u{6587}\u{7ae0}\u{3067}",
    "  \u{3059}\u{1f600}",
  ]);
});

Deno.test("a message at 40 columns: little indent, so that text keeps room", () => {
  assertEquals(show(40, entryOf({ key: 1, text: LONG })), [
    "12:00 ann: The quick brown fox jumps",
    "  over the lazy dog, again and again.",
  ]);
});

Deno.test("a message at 60 columns: indented behind the time", () => {
  assertEquals(show(60, entryOf({ key: 1, text: LONG })), [
    "12:00 ann: The quick brown fox jumps over the lazy dog,",
    "      again and again.",
  ]);
});

Deno.test("messages at 80 columns: names end where the others do, text begins where it does", () => {
  assertEquals(show(80, entryOf({ key: 1, text: LONG })), [
    "12:00          ann: The quick brown fox jumps over the lazy dog, again and",
    "                    again.",
  ]);
  assertEquals(show(80, entryOf({ key: 2, from: "maximilian_of_hanover" })), [
    "12:00 maximilian_of_hanover: message 2",
  ]);
  assertEquals(show(80, entryOf({ key: 3, kind: "action", text: "waves" })), [
    "12:00             * ann waves",
  ]);
  assertEquals(show(80, presenceOf(4, "joined", "bob")), ["12:00 -- bob joined."]);
});

Deno.test("a message at 200 columns", () => {
  assertEquals(show(200, entryOf({ key: 1, text: `${LONG} ${WIDE}` })), [
    `12:00          ann: ${LONG} ${WIDE}`,
  ]);
});

Deno.test("actions, topics, notices, errors and private messages", () => {
  const at50 = (data: Partial<Entry>): string[] => show(50, entryOf({ key: 1, ...data }));
  assertEquals(at50({ kind: "action", text: "waves" }), ["12:00 * ann waves"]);
  assertEquals(at50({ kind: "topic", text: "news" }), ["12:00 -- ann set the topic: news"]);
  assertEquals(at50({ kind: "topic", text: "" }), ["12:00 -- ann cleared the topic."]);
  assertEquals(at50({ kind: "notice", text: "one\ntwo" }), ["12:00 -- one", "         two"]);
  assertEquals(at50({ kind: "error", text: "No such room." }), ["12:00 !! No such room."]);
  assertEquals(at50({ kind: "divider", text: "Back again." }), ["-- Back again. --"]);
  assertEquals(at50({ kind: "divider", text: "Back again. Not all that was said follows." }), [
    "-- Back again. Not all that was said follows. --",
  ]);
  assertEquals(at50({ kind: "direct", text: "psst" }), ["12:00 [private] ann: psst"]);
  assertEquals(at50({ kind: "direct", from: "kim", to: "ann", isOwn: true, text: "psst" }), [
    "12:00 [private to ann] kim: psst",
  ]);
});

Deno.test("the rest of an item of a list is indented further, and columns need room", () => {
  const text = "Talk:\n  /me TEXT     say what you do, as others do what they do";
  const notice = entryOf({ key: 1, kind: "notice", text });
  assertEquals(show(60, notice), [
    "12:00 -- Talk:",
    "           /me TEXT     say what you do, as others do what",
    "             they do",
  ]);
  assertEquals(show(40, notice), [
    "12:00 -- Talk:",
    "    /me TEXT  say what you do, as others",
    "      do what they do",
  ]);
});

Deno.test("what was found says when and where, at any width", () => {
  const found = { key: 1, kind: "found", room: "#dev", text: "hi" } as const;
  assertEquals(show(50, entryOf({ ...found, foundKind: "message" })), [
    "2026-11-22 12:00 #dev ann: hi",
  ]);
  assertEquals(show(100, entryOf({ ...found, foundKind: "action" })), [
    "2026-11-22 12:00 #dev * ann hi",
  ]);
});

Deno.test("every line of a message begins where its rows do", () => {
  assertEquals(show(60, entryOf({ key: 1, text: "if (a) {\n  b();\n\n}" })), [
    "12:00 ann: if (a) {",
    "        b();",
    "      ",
    "      }",
  ]);
});

Deno.test("what the server does not have yet is quiet, and what was refused says why", () => {
  const own = { key: 1, from: "kim", isOwn: true, text: "hi" } as const;
  const sending = linesOf(50).rowsOf([entryOf({ ...own, delivery: "sending" })]);
  assert(sending.flat().every(({ role }) => role === "pending"));
  assertEquals(
    show(50, entryOf({ ...own, delivery: "refused", reason: "You are muted." })),
    ["12:00 kim: hi", "      Not sent: You are muted."],
  );
  assertEquals(
    show(50, entryOf({ ...own, delivery: "unknown", reason: "" })),
    ["12:00 kim: hi", "      Perhaps not sent: the connection was lost."],
  );
});

Deno.test("one's own name stands out where others say it, and links do", () => {
  const text = "Kim: see https://a.example/kim?q=1, kimono";
  const rows = linesOf(80).rowsOf([entryOf({ key: 1, text, isMention: true })]);
  assertEquals(rolesOf(rows).slice(2), [
    [":", "text"],
    ["Kim", "mention"],
    [": see ", "text"],
    ["https://a.example/kim?q=1", "link"],
    [", kimono", "text"],
  ]);
});

Deno.test("a name has its colour, one's own another, in whatever case", () => {
  const roleOf = (from: string, data: Partial<Entry> = {}): Role | undefined =>
    linesOf(50).rowsOf([entryOf({ key: 1, from, ...data })])[0]
      ?.find(({ text }) => text === from)?.role;
  assertEquals(roleOf("Ann"), roleOf("ann"));
  assert(roleOf("ann")?.startsWith("name"));
  assertEquals(roleOf("kim", { isOwn: true }), "own");
});

Deno.test("several who came and went are one line, one alone says why", () => {
  const left = { ...presenceOf(3, "left", "eve"), text: "eve left (idle)." };
  assertEquals(show(50, presenceOf(1, "joined", "ann"), presenceOf(2, "joined", "bob"), left), [
    "12:00 -- ann and bob joined; eve left.",
  ]);
  assertEquals(show(50, left), ["12:00 -- eve left (idle)."]);
});

Deno.test("rows are made once, and anew for another width, name or entry", () => {
  const lines = linesOf(50);
  const entry = entryOf({ key: 1 });
  const rows = lines.rowsOf([entry]);
  assert(lines.rowsOf([entry]) === rows);
  lines.setView({ columns: 50, ownName: "kim" });
  assert(lines.rowsOf([entry]) === rows);
  assert(lines.rowsOf([{ ...entry }]) !== rows);
  lines.setView({ columns: 49, ownName: "kim" });
  assert(lines.rowsOf([entry]) !== rows);
});

Deno.test("no row is wider than the screen, whatever anybody says", () => {
  const entries = fc.record({
    kind: fc.constantFrom<Entry["kind"]>(
      ...["message", "action", "topic", "direct", "notice", "found", "error", "divider"] as const,
    ),
    text: fc.array(TEXTS, { minLength: 1, maxLength: 3 }).map((lines) => lines.join("\n")),
    from: TEXTS,
    to: fc.option(TEXTS),
    reason: TEXTS,
    isMention: fc.boolean(),
    delivery: fc.constantFrom<Entry["delivery"]>("sent", "sending", "refused", "unknown"),
  });
  fc.assert(fc.property(entries, fc.integer({ min: 2, max: 120 }), (data, columns) => {
    const entry = entryOf({ key: 1, ...data, foundKind: data.kind === "found" ? "action" : null });
    for (const row of linesOf(columns).rowsOf([entry])) {
      assert(lineWidth(row) <= columns);
      assert(!/\p{Cc}/u.test(textOf(row)));
    }
  }));
});
