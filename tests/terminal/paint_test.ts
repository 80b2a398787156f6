// Colours: when there are any, and that painting adds nothing but colour.

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { readPlainLine } from "../../lib/protocol/plain_reader.ts";
import {
  chooseColorDepth,
  type ColorDepth,
  type ColorEnvironment,
  Painter,
} from "../../lib/terminal/paint.ts";

// deno-lint-ignore no-control-regex -- the escape is what is looked for
const SGR = /\x1b\[[\d;]*m/gu;
const REVERSE = "\x1b[7m";

function paint(text: string, depth: ColorDepth, ownName: string | null = null): string {
  return new Painter(depth).line(text, { line: readPlainLine(text), ownName });
}

const DEPTHS: readonly [env: ColorEnvironment, depth: ColorDepth][] = [
  [{}, 16],
  [{ TERM: "xterm" }, 16],
  [{ TERM: "xterm-256color" }, 256],
  [{ TERM: "xterm", COLORTERM: "truecolor" }, 256],
  [{ TERM: "dumb" }, 0],
  [{ TERM: "dumb", FORCE_COLOR: "1" }, 16],
  [{ TERM: "xterm-256color", NO_COLOR: "1" }, 0],
  [{ TERM: "xterm-256color", NO_COLOR: "1", FORCE_COLOR: "1" }, 0],
  [{ TERM: "xterm-256color", NO_COLOR: "" }, 256],
  [{ TERM: "xterm-256color", FORCE_COLOR: "0" }, 0],
];

Deno.test("chooseColorDepth() respects the environment", async (t) => {
  for (const [env, depth] of DEPTHS) {
    await t.step(JSON.stringify(env), () => assertEquals(chooseColorDepth(env), depth));
  }
});

Deno.test("Painter.line() adds nothing but colour", () => {
  const line = fc.oneof(
    fc.string(),
    fc.tuple(
      fc.constantFrom(
        ...["-- ", "ann: ", "* ann ", "[private] ann: ", "[private] ", "kim:"],
        ...["[#dev] ann: ", "[#ann] * ann ", "-- [#dev] ", "[14:02] ann: ", "[14:02] * kim "],
        ...["[14:02 #ann 7] -- ann set the topic: ", "[private 14:02] kim: ", "[#dev] kim: : "],
      ),
      fc.array(fc.constantFrom("kim", "Kim", " ", "hello", "kimono", "-- ")),
    ).map(([start, words]) => start + words.join("")),
  );
  fc.assert(
    fc.property(line, fc.constantFrom<ColorDepth>(16, 256), (text, depth) => {
      const plain = text.replace(SGR, "");
      assertEquals(paint(plain, depth, "kim").replace(SGR, ""), plain);
      assertEquals(paint(plain, 0, "kim"), plain);
    }),
  );
});

Deno.test("Painter.line() gives each name one colour, whatever its case", () => {
  const colorOf = (name: string): string => paint(`${name}: hi`, 256).split(name)[0] ?? "";
  assertEquals(colorOf("ann"), colorOf("ann"));
  assertEquals(colorOf("ann"), colorOf("ANN"));
  const colors = new Set(Array.from({ length: 100 }, (_, count) => colorOf(`guest${count}`)));
  assert(colors.size >= 8, `only ${colors.size} colours for 100 names`);
});

Deno.test("Painter.line() highlights one's own name where it stands alone", async (t) => {
  const cases: readonly [text: string, isHighlighted: boolean][] = [
    ["ann: kim, hello", true],
    ["ann: hello KIM!", true],
    ["[private] ann: (kim)", true],
    ["* ann waves at kim", true],
    ["[#dev] ann: kim?", true],
    ["[#dev] * ann waves at kim", true],
    ["[14:02] ann: kim, hello", true],
    ["[#kim] ann: hello", false],
    ["[14:02 #kim 7] kim: hello", false],
    ["ann: kimono", false],
    ["ann: kim_2", false],
    ["ann: \u00e9kim", false],
    ["kim: hello", false],
    ["-- kim joined.", false],
  ];
  for (const [text, isHighlighted] of cases) {
    await t.step(text, () => assertEquals(paint(text, 16, "kim").includes(REVERSE), isHighlighted));
  }
});

Deno.test("Painter.line() marks private messages and dims notices", () => {
  assertStringIncludes(paint("[private] ann: hi", 16), "\x1b[1m[private]\x1b[0m");
  assertEquals(paint("-- ann joined.", 16), "\x1b[2m-- ann joined.\x1b[0m");
  assertNotEquals(paint("ann: hi", 16), "ann: hi");
});

Deno.test("Painter.line() gives names their colour in labelled lines, and past ones are dim", () => {
  const ann = `${paint("ann: hi", 16).split("ann")[0]}ann\x1b[0m`;
  const lines: readonly [text: string, painted: string][] = [
    ["[#ann] ann: ann", `\x1b[2m[#ann]\x1b[0m ${ann}: ann`],
    ["[#dev] * ann waves", `\x1b[2m[#dev]\x1b[0m * ${ann} waves`],
    ["[private 14:02] ann: hi", `\x1b[1m[private 14:02]\x1b[0m ${ann}: hi`],
    ["[14:02 7] ann: hi", `\x1b[2m[14:02 7]\x1b[0m\x1b[2m \x1b[0m${ann}\x1b[2m: hi\x1b[0m`],
    [
      "[14:02] ann: hi kim!",
      `\x1b[2m[14:02]\x1b[0m\x1b[2m \x1b[0m${ann}\x1b[2m: hi \x1b[0m\x1b[7mkim\x1b[0m\x1b[2m!\x1b[0m`,
    ],
    ["[14:02] -- ann set the topic: x", "\x1b[2m[14:02] -- ann set the topic: x\x1b[0m"],
    ["-- [#dev] ann joined.", "\x1b[2m-- [#dev] ann joined.\x1b[0m"],
  ];
  for (const [text, painted] of lines) assertEquals(paint(text, 16, "kim"), painted);
});

Deno.test("Painter.line() takes a name for itself, not for a pattern", () => {
  assert(!paint("ann: axb", 16, "a.b").includes(REVERSE));
  assert(paint("ann: [x](", 16, "[x](").includes(REVERSE));
});
