// What the page makes of what is typed: requests, their limits, and what completion offers.

import { assert, assertEquals } from "@std/assert";
import { LINE_BYTES_MAX, MESSAGE_LINES_MAX, NAME_LENGTH_MAX } from "../../lib/limits.ts";
import * as serverLimits from "../../lib/limits.ts";
import { commonStart, offer } from "../../lib/web/page/completion.js";
import * as pageLimits from "../../lib/web/page/limits.js";
import { hasSecret, measure, readTyped } from "../../lib/web/page/typed.js";

const SOURCES = {
  commands: [
    { group: "Talking", usage: "/me TEXT", summary: "say what you do" },
    { group: "Talking", usage: "/msg NAME TEXT", summary: "to one person" },
    { group: "Rooms", usage: "/room [open]", summary: "settings" },
    { group: "Talking", usage: "//TEXT", summary: "a slash" },
  ],
  names: ["ann", "anna", "Bob"],
  rooms: ["#dev", "#deploy"],
};

/** What is shown for a text. */
function offered(text: string, why: "asked" | "typing" = "asked"): string[] | null {
  return offer(text, SOURCES, why)?.choices.map(({ shown }) => shown) ?? null;
}

Deno.test("the limits of the page are those of the server", () => {
  assertEquals(pageLimits.PROTOCOL_VERSION, serverLimits.PROTOCOL_VERSION);
  assertEquals(pageLimits.REQUEST_BYTES_MAX, LINE_BYTES_MAX);
  assertEquals(pageLimits.MESSAGE_LINES_MAX, MESSAGE_LINES_MAX);
});

Deno.test("a typed text is said, done, or told to somebody", () => {
  assertEquals(readTyped("hello"), { kind: "say", text: "hello" });
  assertEquals(readTyped("//shrug"), { kind: "say", text: "/shrug" });
  assertEquals(readTyped("/me waves"), { kind: "action", text: "waves" });
  assertEquals(readTyped("/msg ann psst\nyou"), { kind: "to", to: "ann", text: "psst\nyou" });
  assertEquals(readTyped("/reply yes"), { kind: "to", to: null, text: "yes" });
  assertEquals(readTyped("/JOIN  #dev "), { kind: "command", name: "join", args: "#dev" });
  assertEquals(readTyped("/msg ann"), { kind: "command", name: "msg", args: "ann" });
  assertEquals(readTyped("/etc/passwd\nline"), { kind: "say", text: "/etc/passwd\nline" });
});

Deno.test("what the server would not take is said before it is sent", () => {
  assertEquals(measure("a\nb\n"), { lines: 2, problem: "" });
  assertEquals(measure(Array(100).fill("x").join("\n")).problem, "");
  assertEquals(
    measure(Array(101).fill("x").join("\n")).problem,
    "101 lines: a message has 100 at most.",
  );
  assert(measure("x".repeat(LINE_BYTES_MAX)).problem.startsWith("Too long by"));
});

Deno.test("whatever passes fits a request, with the longest room and name", () => {
  for (const char of ["x", "\u{e9}", "\u{4e2d}", "\u{1f600}", '"', "\\"]) {
    let text = char.repeat(Math.floor(9_000 / char.length));
    while (measure(text).problem !== "") text = text.slice(char.length);
    const name = "\u{1f600}".repeat(NAME_LENGTH_MAX);
    const line = JSON.stringify({ type: "say", text, room: `#${name}`, ref: 999_999_999 });
    assert(new TextEncoder().encode(line).length <= LINE_BYTES_MAX, char);
  }
});

Deno.test("what has a password in it is known", () => {
  const secret = ["/register x", "/LOGIN ann x", "/account password a b", "/join #a x"];
  for (const text of [...secret, "/room password x"]) assert(hasSecret(text), text);
  for (const text of ["/join #a", "/room open", "/me x", "register"]) {
    assert(!hasSecret(text), text);
  }
});

Deno.test("completion offers commands, what they take, names and rooms", () => {
  assertEquals(offered("/m"), ["/me TEXT", "/msg NAME TEXT"]);
  assertEquals(offered("/"), ["/me TEXT", "/msg NAME TEXT", "/room [open]"]);
  assertEquals(offered("/msg a"), ["ann", "anna"]);
  assertEquals(offered("/room o"), ["open"]);
  assertEquals(offered("go to #d"), ["#dev", "#deploy"]);
  assertEquals(offered("b"), ["Bob"]);
  assertEquals(offered("@b"), ["Bob"]);
  assertEquals([offered("//m"), offered(""), offered("hello ")], [null, null, null]);
});

Deno.test("a command that is called like something every object has takes no words", () => {
  const sources = { commands: [], names: ["ann"], rooms: [] };
  for (const name of ["constructor", "valueof", "toString"]) {
    const offered = offer(`/${name} a`, sources, "asked");
    assertEquals(offered?.choices.map(({ text }) => text), ["ann "], name);
  }
});

Deno.test("while typing only what is plainly meant is offered", () => {
  assertEquals(offered("/m", "typing"), ["/me TEXT", "/msg NAME TEXT"]);
  assertEquals(offered("an", "typing"), null);
  assertEquals(offered("@an", "typing"), ["ann", "anna"]);
  assertEquals(offered("@bob", "typing"), null);
});

Deno.test("what all choices begin with is completed at once", () => {
  const choices = offer("/msg a", SOURCES, "asked");
  assertEquals(choices === null ? null : commonStart(choices, "a"), "ann");
  const rooms = offer("#", SOURCES, "asked");
  assertEquals(rooms === null ? null : commonStart(rooms, "#"), "#de");
});
