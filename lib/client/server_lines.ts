/**
 * Bytes from a server to lines.
 *
 * The client does not trust the server: whatever the bytes are, no line that
 * comes out is longer than a bound, so nothing can fill the memory; and lines
 * that are to be shown as they are ({@linkcode PLAIN_LINES}) are clean (see
 * `text.ts`), so nothing can move the cursor or repaint the screen.
 * Must not know: sockets, the terminal, what a line says.
 *
 * @module
 */

import { CLIENT_JSON_LENGTH_MAX, CLIENT_LINE_LENGTH_MAX } from "../limits.ts";
import { cleanText } from "../text.ts";

/** What is done to each line. */
export interface LineRules {
  /** Makes of a line, its end taken off, what is handed out. */
  readonly clean: (line: string) => string;
  /** Characters of the longest line, but for what came in one piece with its end. */
  readonly lengthMax: number;
  /** Whether a longer one is cut, rather than the last that is looked at. */
  readonly isCut: boolean;
}

/** Lines that are shown as they are. */
export const PLAIN_LINES: LineRules = {
  clean: cleanText,
  lengthMax: CLIENT_LINE_LENGTH_MAX,
  isCut: true,
};

/**
 * Lines of the JSON protocol: not touched, since its reader cleans the texts in
 * them, and none is cut, since half a line is none.
 */
export const JSON_LINES: LineRules = {
  clean: (line) => line,
  lengthMax: CLIENT_JSON_LENGTH_MAX,
  isCut: false,
};

/**
 * Cuts a stream of bytes into lines. Invalid UTF-8 becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ServerLines } from "./server_lines.ts";
 *
 * const lines = new ServerLines();
 * assertEquals(lines.push(new TextEncoder().encode("ann: hi\r\nbo")), ["ann: hi"]);
 * assertEquals(lines.end(), ["bo"]);
 * ```
 */
export class ServerLines {
  readonly #rules: LineRules;
  readonly #decoder = new TextDecoder();
  /** The parts of a line whose end has not come yet: joined once, not at every chunk. */
  #parts: string[] = [];
  #partsLength = 0;
  #isOverlong = false;

  /**
   * Begins with no bytes.
   *
   * @param rules What is done to each line.
   * @default {PLAIN_LINES}
   */
  constructor(rules: LineRules = PLAIN_LINES) {
    this.#rules = rules;
  }

  /** Whether a line was too long, and not to be cut: no line comes out any more. */
  get isOverlong(): boolean {
    return this.#isOverlong;
  }

  /** Takes the next bytes and returns the lines that they complete. */
  push(bytes: Uint8Array): string[] {
    return this.#cut(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Takes the end of the stream and returns the unfinished last line, if there is one. */
  end(): string[] {
    const lines = this.#cut(this.#decoder.decode());
    if (this.#partsLength > 0) lines.push(this.#take(""));
    return lines;
  }

  #cut(text: string): string[] {
    const lines: string[] = [];
    if (this.#isOverlong) return lines;
    const pieces = text.split("\n");
    const rest = pieces.pop() ?? "";
    for (const piece of pieces) lines.push(this.#take(piece));
    if (rest !== "") {
      this.#parts.push(rest);
      this.#partsLength += rest.length;
    }
    if (this.#partsLength <= this.#rules.lengthMax) return lines;
    if (this.#rules.isCut) {
      lines.push(this.#take(""));
    } else {
      this.#isOverlong = true;
      this.#parts = [];
      this.#partsLength = 0;
    }
    return lines;
  }

  /** Ends the line that was being gathered. Cleaning takes its carriage return, which JSON ignores. */
  #take(last: string): string {
    const line = this.#parts.length === 0 ? last : this.#parts.join("") + last;
    this.#parts = [];
    this.#partsLength = 0;
    return this.#rules.clean(line);
  }
}
