/**
 * Colours: how a clean line from the server, or one's own, looks.
 *
 * Promises that painting only adds colour: without its SGR sequences a painted
 * line is the line. Text must be clean before it comes here.
 * Pure. Must not know: the terminal, the environment.
 *
 * @module
 */

import type { PlainLine, SpokenLine } from "../protocol/plain_reader.ts";

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

/**
 * A colour for each name. Those of 256 have a contrast of at least 3.9 to 1 on
 * white and on black alike; of the 16, yellow is lost on white and blue on black.
 */
const NAME_COLORS: Readonly<Record<16 | 256, readonly string[]>> = {
  16: ["31", "32", "35", "36"],
  256: [131, 130, 64, 28, 30, 31, 62, 98, 133, 161].map((color) => `38;5;${color}`),
};

const BOLD = "1";
const DIM = "2";
const REVERSE = "7";
const LABEL = /^\[[^\]]*\]/u;

/** What is known of a line from the server. */
export interface LineContext {
  /** What `readPlainLine` made of it. */
  readonly line: PlainLine;
  /** One's own name, or null while it is not known. */
  readonly ownName: string | null;
}

/** Paints lines for one terminal. */
export class Painter {
  readonly #depth: ColorDepth;
  /** The last own name that was looked for, and how: names change rarely. */
  #mention: { readonly name: string; readonly pattern: RegExp } | null = null;

  /** Paints with this many colours. */
  constructor(depth: ColorDepth) {
    this.#depth = depth;
  }

  /** A line from the server. */
  line(text: string, context: LineContext): string {
    const { line, ownName } = context;
    if (this.#depth === 0) return text;
    switch (line.type) {
      case "message":
      case "action":
      case "direct":
        return this.#spoken(text, line, ownName);
      case "past":
        return line.kind === "topic" ? this.quiet(text) : this.#spoken(text, line, ownName);
      default:
        return this.quiet(text);
    }
  }

  /** What matters less than what people say: notices, typed commands. */
  quiet(text: string): string {
    return this.#style(DIM, text);
  }

  /** One's own name, in the prompt and before one's own lines. */
  own(name: string): string {
    return this.#style(BOLD, name);
  }

  /** The mark before a private message. */
  mark(text: string): string {
    return this.#style(BOLD, text);
  }

  /** What somebody said: their name in its colour, what is past and which room quietly. */
  #spoken(text: string, line: SpokenLine, ownName: string | null): string {
    const start = text.slice(0, text.length - line.text.length).lastIndexOf(line.from);
    const end = start + line.from.length;
    const label = LABEL.exec(text)?.[0] ?? "";
    const base = line.type === "past" ? DIM : "";
    return this.#style(line.type === "direct" ? BOLD : DIM, label) +
      this.#style(base, text.slice(label.length, start)) +
      this.#style(this.#nameColor(line.from), line.from) +
      this.#highlight(text.slice(end), { ownName, base });
  }

  /** A text in which one's own name stands out. */
  #highlight(text: string, { ownName, base }: { ownName: string | null; base: string }): string {
    if (ownName === null || ownName === "") return this.#style(base, text);
    if (this.#mention?.name !== ownName) {
      this.#mention = { name: ownName, pattern: mentionOf(ownName) };
    }
    let painted = "";
    let at = 0;
    for (const { 0: name, index } of text.matchAll(this.#mention.pattern)) {
      painted += this.#style(base, text.slice(at, index)) + this.#style(REVERSE, name);
      at = index + name.length;
    }
    return painted + this.#style(base, text.slice(at));
  }

  #nameColor(name: string): string {
    const colors = NAME_COLORS[this.#depth === 256 ? 256 : 16];
    return colors[hash(name.toLowerCase()) % colors.length] ?? BOLD;
  }

  #style(sgr: string, text: string): string {
    return this.#depth === 0 || sgr === "" || text === "" ? text : `\x1b[${sgr}m${text}\x1b[0m`;
  }
}

/** A name where it stands alone, in whatever case. */
function mentionOf(name: string): RegExp {
  const word = String.raw`[\p{L}\p{M}\p{N}_-]`;
  return new RegExp(`(?<!${word})${RegExp.escape(name)}(?!${word})`, "giu");
}

/** FNV-1a over code units: the same name has the same colour today and tomorrow. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
