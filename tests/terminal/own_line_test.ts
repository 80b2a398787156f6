// How the user's own lines look on the user's own screen.

import { assertEquals } from "@std/assert";
import { describeOwnLine } from "../../lib/terminal/own_line.ts";
import { Painter } from "../../lib/terminal/paint.ts";

const CASES: readonly [typed: string, shown: string][] = [
  ["hello", "kim: hello"],
  ["  spaced ", "kim:   spaced "],
  ["//shrug", "kim: /shrug"],
  ["/me waves", "* kim waves"],
  ["/ME  waves ", "* kim waves "],
  ["/me", "/me"],
  ["/msg ann hi there", "[private to ann] kim: hi there"],
  ["/msg ann", "/msg ann"],
  ["/reply hi", "[private] kim: hi"],
  ["/who", "/who"],
  ["/message ann hi", "/message ann hi"],
];

Deno.test("describeOwnLine() shows what the others see, and commands as typed", async (t) => {
  for (const [typed, shown] of CASES) {
    await t.step(typed, () => {
      assertEquals(describeOwnLine(typed, { painter: new Painter(0), name: "kim" }), shown);
    });
  }
});

Deno.test("describeOwnLine() dims commands and does without a name", () => {
  const painter = new Painter(16);
  assertEquals(describeOwnLine("/who", { painter, name: "kim" }), "\x1b[2m/who\x1b[0m");
  assertEquals(describeOwnLine("hi", { painter, name: null }), "\x1b[1myou\x1b[0m: hi");
});
