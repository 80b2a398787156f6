// What is being typed: lines, passwords and pastes, and what comes of each.

import { assert, assertEquals } from "@std/assert";
import { InputArea } from "../../lib/terminal/input_area.ts";
import type { Key } from "../../lib/terminal/keys.ts";
import { plainLine, textOf } from "../../lib/terminal/styled.ts";

const SOURCES = { commands: ["/join", "/me"], names: ["ann", "anna"], rooms: ["#dev"] };

function startArea(): InputArea {
  return new InputArea(() => SOURCES);
}

function type(area: InputArea, text: string): void {
  assertEquals(area.take({ type: "text", text }), null);
}

function press(area: InputArea, key: Key): ReturnType<InputArea["take"]> {
  return area.take({ type: "key", key });
}

function show(area: InputArea, rowsMax = 5): string[] {
  return area.rows(plainLine("> ", "prompt"), 40, rowsMax).lines.map(textOf);
}

Deno.test("Enter hands the line out, and a blank one is thrown away", () => {
  const area = startArea();
  type(area, "hello");
  assert(!area.isEmpty);
  assertEquals(press(area, "enter"), { type: "typed", text: "hello" });
  assert(area.isEmpty);
  type(area, "   ");
  assertEquals(press(area, "enter"), null);
  assertEquals(show(area), ["> "]);
});

Deno.test("a line of several lines is one text", () => {
  const area = startArea();
  type(area, "one");
  press(area, "alt-enter");
  type(area, "two");
  assertEquals(show(area), ["> one", "two"]);
  assertEquals(press(area, "enter"), { type: "typed", text: "one\ntwo" });
});

Deno.test("while the password is asked for, the line waits, and Tab offers nothing", () => {
  const area = startArea();
  type(area, "hello");
  area.askPassword();
  assert(area.isModal);
  type(area, "an");
  press(area, "tab");
  assertEquals(show(area), ["password> **"]);
  area.take({ type: "paste", text: "secret\nline", isCut: false });
  assertEquals(press(area, "enter"), { type: "password", password: "ansecret" });
  assert(!area.isModal);
  assertEquals(show(area), ["> hello"]);
});

Deno.test("who gives up a password says so with Escape, Ctrl-C or Ctrl-D", () => {
  for (const key of ["escape", "ctrl-c", "ctrl-d"] as const) {
    const area = startArea();
    area.askPassword();
    assertEquals(press(area, key), { type: "password", password: null });
  }
});

Deno.test("a short paste of one line is typed, a longer one is looked at and can be edited", () => {
  const area = startArea();
  area.take({ type: "paste", text: "one", isCut: false });
  assertEquals(show(area), ["> one"]);
  area.take({ type: "paste", text: "two\nthree", isCut: false });
  assert(area.isModal);
  assertEquals(press(area, "up"), null);
  assertEquals(area.take({ type: "text", text: "e" }), null);
  assertEquals(show(area), ["> onetwo", "three"]);
});

Deno.test("choices of Tab go with the next key, and have no row where there is one", () => {
  const area = startArea();
  type(area, "an");
  press(area, "tab");
  assertEquals(show(area), ["ann  anna  ", "> ann: "]);
  assertEquals(show(area, 1), ["> ann: "]);
  press(area, "left");
  assertEquals(show(area), ["> ann: "]);
});

Deno.test("the cursor is where the next character goes", () => {
  const area = startArea();
  type(area, "an");
  press(area, "tab");
  const { cursor } = area.rows(plainLine("> ", "prompt"), 40, 5);
  assertEquals(cursor, { row: 1, column: 7 });
});
