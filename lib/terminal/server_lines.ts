/**
 * Bytes from a server to lines that are safe to show.
 *
 * The client does not trust the server: whatever the bytes are, each line that
 * comes out is clean (see `text.ts`) and no longer than a bound, so nothing can
 * move the cursor, repaint the screen or fill the memory.
 * Must not know: sockets, the terminal, what a line says.
 *
 * @module
 */

import { CLIENT_LINE_LENGTH_MAX } from "../limits.ts";
import { cleanText } from "../text.ts";

/**
 * Cuts a stream of bytes into clean lines. Invalid UTF-8 becomes U+FFFD.
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
  readonly #decoder = new TextDecoder();
  /** The parts of a line whose end has not come yet: joined once, not at every chunk. */
  #parts: string[] = [];
  #partsLength = 0;

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
    const pieces = text.split("\n");
    const rest = pieces.pop() ?? "";
    for (const piece of pieces) lines.push(this.#take(piece));
    if (rest !== "") {
      this.#parts.push(rest);
      this.#partsLength += rest.length;
    }
    if (this.#partsLength > CLIENT_LINE_LENGTH_MAX) lines.push(this.#take(""));
    return lines;
  }

  /** Ends the line that was being gathered. Its carriage return goes with the cleaning. */
  #take(last: string): string {
    const line = this.#parts.length === 0 ? last : this.#parts.join("") + last;
    this.#parts = [];
    this.#partsLength = 0;
    return cleanText(line);
  }
}
