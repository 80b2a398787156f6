// Colours: when there are any, for which background, and that painting adds nothing else.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  chooseColorDepth,
  chooseTerminalTheme,
  type ColorDepth,
  type ColorEnvironment,
  paintLine,
} from "../../lib/terminal/paint.ts";
import { type Role, textOf } from "../../lib/terminal/styled.ts";
import { type ThemeName, themeOf } from "../../lib/terminal/theme.ts";

const THEME_NAMES: readonly ThemeName[] = ["dark", "light"];

// deno-lint-ignore no-control-regex -- the escape is what is looked for
const SGR = /\x1b\[[\d;]*m/gu;

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

const BACKGROUNDS: readonly [value: string | undefined, theme: "dark" | "light"][] = [
  [undefined, "dark"],
  ["", "dark"],
  ["15;0", "dark"],
  ["0;15", "light"],
  ["0;7", "light"],
  ["0;default;15", "light"],
  ["15;default", "dark"],
  ["7;8", "dark"],
];

Deno.test("chooseTerminalTheme() goes by the terminal's background", () => {
  for (const [value, theme] of BACKGROUNDS) {
    assertEquals(chooseTerminalTheme({ COLORFGBG: value }), theme, value);
  }
});

Deno.test("paintLine() adds nothing but colour", () => {
  const roles = Object.keys(themeOf("dark", 0)) as Role[];
  const clean = fc.string({ unit: fc.constantFrom("k", "i", " ", "[", "m", "\u65e5") });
  const line = fc.array(fc.record({ text: clean, role: fc.constantFrom(...roles) }));
  fc.assert(
    fc.property(
      line,
      fc.constantFrom<ColorDepth>(0, 16, 256),
      fc.constantFrom(...THEME_NAMES),
      (spans, depth, name) => {
        const painted = paintLine(spans, themeOf(name, depth));
        assertEquals(painted.replace(SGR, ""), textOf(spans));
        // Whatever follows it is as if nothing had been painted.
        assertEquals(painted.match(SGR)?.at(-1) ?? "\x1b[0m", "\x1b[0m");
      },
    ),
  );
});

Deno.test("paintLine() paints each part by its role", () => {
  const theme = themeOf("dark", 16);
  const line = [
    { text: "oh ", role: "error" },
    { text: "plain", role: "text" },
    { text: "", role: "error" },
  ] as const;
  assertEquals(paintLine(line, theme), "\x1b[91moh \x1b[0mplain");
});
