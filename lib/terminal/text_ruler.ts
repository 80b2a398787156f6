/**
 * Where in a terminal a text ends: how many rows down, how many columns in.
 *
 * Counts by code points, as `node:readline` does, but remembers how far it got:
 * a line that grows by one character costs one character, not its whole length.
 * Pure. Must not know: the terminal.
 *
 * @module
 */

import stringWidth from "string-width";

const TAB_COLUMNS = 8;
// deno-lint-ignore no-control-regex -- the escape is what is looked for
const COLORS = /\x1b\[[\d;]*m/gu;

/** A place in a terminal, counted from where a text begins in the first column. */
export interface TextEnd {
  /** Rows down; 0 is the row in which the text begins. */
  readonly rows: number;
  /** Columns in; 0 is the first. */
  readonly cols: number;
}

/**
 * Measures texts that begin in the first column.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { TextRuler } from "./text_ruler.ts";
 *
 * const ruler = new TextRuler();
 * assertEquals(ruler.measure("hello", 10), { rows: 0, cols: 5 });
 * assertEquals(ruler.measure("hello hello", 10), { rows: 1, cols: 1 });
 * ```
 */
export class TextRuler {
  #text = "";
  #columns = 0;
  #offset = 0;

  /**
   * The place behind a text; colours in it take no room. Behind a full row that
   * is the start of the next one, since readline makes room for the cursor there.
   *
   * @param columns Width of the terminal; 0 where it is unknown.
   */
  measure(text: string, columns: number): TextEnd {
    const plain = text.replace(COLORS, "");
    if (columns <= 0) return { rows: 0, cols: stringWidth(plain) };
    if (columns !== this.#columns || !plain.startsWith(this.#text)) {
      this.#text = "";
      this.#columns = columns;
      this.#offset = 0;
    }
    for (const char of plain.slice(this.#text.length)) this.#advance(char);
    this.#text = plain;
    const cols = this.#offset % columns;
    return { rows: (this.#offset - cols) / columns, cols };
  }

  #advance(char: string): void {
    if (char === "\t") {
      this.#offset += TAB_COLUMNS - this.#offset % TAB_COLUMNS;
      return;
    }
    const width = char >= " " && char <= "~" ? 1 : stringWidth(char);
    // A wide character that does not fit at the edge leaves it empty.
    if (width === 2 && (this.#offset + 1) % this.#columns === 0) this.#offset += 1;
    this.#offset += width;
  }
}
