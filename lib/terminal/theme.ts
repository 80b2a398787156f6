/**
 * Themes: how each role of styled text looks.
 *
 * For dark and for light terminals, each in 256 and in 16 colours, and one
 * without colours, in which bold, underline and reverse tell apart what must be.
 * Text has the terminal's own colours; of 256 every other colour has a contrast
 * of at least 4.5 to 1 (WCAG 2.2, AA) on the background that it is made for.
 * Pure. Must not know: the terminal, what is shown.
 *
 * @module
 */

import type { ColorDepth } from "./paint.ts";
import type { Role } from "./styled.ts";

/** What sort of terminal a theme is for. */
export type ThemeName = "dark" | "light";

/** Each role's SGR parameters, such as `1;38;5;203`; empty for the terminal's own look. */
export type Theme = Readonly<Record<Role, string>>;

const BOLD = "1";
const DIM = "2";
const UNDERLINE = "4";
const REVERSE = "7";

/** Attributes alone: what `NO_COLOR` asks for. */
const COLORLESS: Theme = {
  text: "",
  name0: "",
  name1: "",
  name2: "",
  name3: "",
  name4: "",
  name5: "",
  name6: "",
  name7: "",
  own: BOLD,
  mention: REVERSE,
  time: "",
  notice: "",
  presence: "",
  error: BOLD,
  direct: BOLD,
  pending: DIM,
  match: REVERSE,
  selection: REVERSE,
  link: UNDERLINE,
  divider: "",
  unread: BOLD,
  bar: REVERSE,
  barMuted: REVERSE,
  barActive: `${BOLD};${REVERSE}`,
  barAlert: `${BOLD};${UNDERLINE};${REVERSE}`,
  input: "",
  prompt: BOLD,
};

/** The colours that a theme is made of; `bar` is a background, as SGR parameters all of them. */
interface Palette {
  /** Eight. */
  readonly names: readonly string[];
  readonly muted: string;
  readonly alert: string;
  readonly accent: string;
  readonly bar: string;
  readonly barMuted: string;
  readonly barAccent: string;
  readonly barAlert: string;
  readonly match: string;
}

const PALETTES: Readonly<Record<ThemeName, Readonly<Record<16 | 256, Palette>>>> = {
  dark: {
    256: {
      names: [203, 215, 114, 80, 111, 141, 212, 179].map(foreground256),
      muted: foreground256(245),
      alert: foreground256(203),
      accent: foreground256(80),
      bar: "38;5;252;48;5;236",
      barMuted: "38;5;249;48;5;236",
      barAccent: "38;5;231;48;5;236",
      barAlert: "38;5;215;48;5;236",
      match: "38;5;16;48;5;220",
    },
    // What xterm calls blue and black is lost on black: the bright ones are not.
    16: {
      names: ["91", "93", "92", "96", "94", "95", "36", "33"],
      muted: DIM,
      alert: "91",
      accent: "96",
      bar: REVERSE,
      barMuted: REVERSE,
      barAccent: REVERSE,
      barAlert: `33;${REVERSE}`,
      match: `93;${REVERSE}`,
    },
  },
  light: {
    256: {
      names: [124, 94, 22, 23, 25, 56, 127, 130].map(foreground256),
      muted: foreground256(241),
      alert: foreground256(124),
      accent: foreground256(25),
      bar: "38;5;235;48;5;253",
      barMuted: "38;5;240;48;5;253",
      barAccent: "38;5;16;48;5;253",
      barAlert: "38;5;124;48;5;253",
      match: "38;5;16;48;5;222",
    },
    // Bright colours are lost on white.
    16: {
      names: ["31", "34", "35", "32", "36", "1;31", "1;34", "1;35"],
      muted: DIM,
      alert: "31",
      accent: "34",
      bar: REVERSE,
      barMuted: REVERSE,
      barAccent: REVERSE,
      barAlert: `31;${REVERSE}`,
      match: `34;${REVERSE}`,
    },
  },
};

/**
 * The theme of a name for a terminal of so many colours.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { themeOf } from "./theme.ts";
 *
 * assertEquals(themeOf("dark", 16).error, "91");
 * assertEquals(themeOf("dark", 0).error, "1");
 * ```
 */
export function themeOf(themeName: ThemeName, depth: ColorDepth): Theme {
  if (depth === 0) return COLORLESS;
  const palette = PALETTES[themeName][depth];
  const name = (index: number): string => palette.names[index] ?? BOLD;
  return {
    ...COLORLESS,
    name0: name(0),
    name1: name(1),
    name2: name(2),
    name3: name(3),
    name4: name(4),
    name5: name(5),
    name6: name(6),
    name7: name(7),
    mention: `${BOLD};${palette.match}`,
    time: palette.muted,
    notice: palette.muted,
    presence: palette.muted,
    error: palette.alert,
    direct: `${BOLD};${palette.accent}`,
    pending: palette.muted,
    match: palette.match,
    divider: palette.muted,
    unread: palette.alert,
    bar: palette.bar,
    barMuted: palette.barMuted,
    barActive: `${BOLD};${palette.barAccent}`,
    barAlert: `${BOLD};${palette.barAlert}`,
  };
}

function foreground256(color: number): string {
  return `38;5;${color}`;
}
