// Themes: what has a colour can be read, and without colours nothing has one.

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type ThemeName, themeOf } from "../../lib/terminal/theme.ts";

const THEME_NAMES: readonly ThemeName[] = ["dark", "light"];

const BACKGROUNDS = { dark: 0, light: 255 } as const;
/** WCAG 2.2, AA. */
const CONTRAST_MIN = 4.5;
/** What xterm makes of one of its 240 colours beyond the first 16. */
const CUBE = [0, 95, 135, 175, 215, 255];

function channelsOf(color: number): readonly number[] {
  if (color >= 232) return Array.from({ length: 3 }, () => 8 + (color - 232) * 10);
  const index = color - 16;
  return [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6].map((at) => CUBE[at] ?? 0);
}

function luminanceOf(channels: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const value = channel / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrastOf(first: readonly number[], second: readonly number[]): number {
  const [light = 0, dark = 0] = [luminanceOf(first), luminanceOf(second)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

Deno.test("every colour of 256 has contrast enough on its background", () => {
  for (const name of THEME_NAMES) {
    for (const [role, sgr] of Object.entries(themeOf(name, 256))) {
      const front = /38;5;(\d+)/.exec(sgr)?.[1];
      if (front === undefined) continue;
      const back = /48;5;(\d+)/.exec(sgr)?.[1];
      const background = back === undefined
        ? Array.from({ length: 3 }, () => BACKGROUNDS[name])
        : channelsOf(Number(back));
      const contrast = contrastOf(channelsOf(Number(front)), background);
      assertGreaterOrEqual(contrast, CONTRAST_MIN, `${role} of ${name}`);
    }
  }
});

Deno.test("names have eight colours that differ", () => {
  for (const name of THEME_NAMES) {
    for (const depth of [16, 256] as const) {
      const theme = themeOf(name, depth);
      const names = Object.entries(theme).filter(([role]) => /^name\d$/.test(role));
      assertEquals(new Set(names.map(([, sgr]) => sgr)).size, 8);
    }
  }
});

Deno.test("without colours there are attributes alone, and what must stand out does", () => {
  for (const name of THEME_NAMES) {
    const theme = themeOf(name, 0);
    for (const sgr of Object.values(theme)) assert(/^(?:[1247](?:;[1247])*)?$/.test(sgr), sgr);
    for (const role of ["mention", "match", "selection", "bar", "error"] as const) {
      assert(theme[role] !== theme.text, role);
    }
  }
});

Deno.test("16 colours are used where there are no more", () => {
  for (const name of THEME_NAMES) {
    for (const sgr of Object.values(themeOf(name, 16))) assert(!sgr.includes("8;5"), sgr);
  }
});
