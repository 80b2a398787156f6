/**
 * Colours: how many a terminal gets, for which background, and styled lines made
 * into text with them.
 *
 * Promises that painting only adds colour: without its SGR sequences a painted
 * line is the line. Text must be clean before it comes here.
 * Pure. Must not know: the terminal, the environment, what is being said.
 *
 * @module
 */

import type { Role, StyledLine } from "./styled.ts";

/** How many colours to use; 0 is none. */
export type ColorDepth = 0 | 16 | 256;

/** The variables that decide on colour; undefined where one is not set. */
export interface ColorEnvironment {
  /** Not empty: no colours. */
  readonly NO_COLOR?: string | undefined;
  /** `0` or `false`: no colours; anything else: colours on a dumb terminal too. */
  readonly FORCE_COLOR?: string | undefined;
  /** The kind of terminal. */
  readonly TERM?: string | undefined;
  /** Set by terminals of many colours. */
  readonly COLORTERM?: string | undefined;
  /** Set by some terminals: the numbers of their colours, the background's last. */
  readonly COLORFGBG?: string | undefined;
}

/**
 * How many colours a terminal gets. `NO_COLOR` (not empty) and `FORCE_COLOR=0`
 * switch them off, whatever else is set.
 */
export function chooseColorDepth(env: ColorEnvironment): ColorDepth {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return 0;
  const forced = env.FORCE_COLOR ?? "";
  if (forced === "0" || forced === "false") return 0;
  if (env.TERM === "dumb" && forced === "") return 0;
  if (/256color|direct/u.test(env.TERM ?? "") || (env.COLORTERM ?? "") !== "") return 256;
  return 16;
}

/** White, and the grey that terminals call white: what rxvt and its like name as a light background. */
const LIGHT_BACKGROUNDS: ReadonlySet<string> = new Set(["7", "15"]);

/**
 * Whether a terminal is dark or light, by its `COLORFGBG`; dark where that is not said.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { chooseTerminalTheme } from "./paint.ts";
 *
 * assertEquals(chooseTerminalTheme({ COLORFGBG: "0;15" }), "light");
 * assertEquals(chooseTerminalTheme({}), "dark");
 * ```
 */
export function chooseTerminalTheme(env: ColorEnvironment): "dark" | "light" {
  const background = env.COLORFGBG?.split(";").at(-1) ?? "";
  return LIGHT_BACKGROUNDS.has(background) ? "light" : "dark";
}

/**
 * A styled line as text for a terminal.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { paintLine } from "./paint.ts";
 * import { themeOf } from "./theme.ts";
 *
 * const theme = themeOf("dark", 16);
 * assertEquals(paintLine([{ text: "oh", role: "error" }], theme), "\x1b[91moh\x1b[0m");
 * assertEquals(paintLine([{ text: "hi", role: "text" }], theme), "hi");
 * ```
 *
 * @param theme The SGR parameters of each role, empty for none.
 */
export function paintLine(line: StyledLine, theme: Readonly<Record<Role, string>>): string {
  return line.map(({ text, role }) => {
    const sgr = theme[role];
    return sgr === "" || text === "" ? text : `\x1b[${sgr}m${text}\x1b[0m`;
  }).join("");
}
