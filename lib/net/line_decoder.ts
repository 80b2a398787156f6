/**
 * Bytes to lines: the one place that knows where a line ends.
 *
 * A line ends with `\n`, `\r\n` or telnet's `\r\0`. Telnet option bytes
 * (RFC 854) are taken out, and answered. What is not UTF-8 becomes U+FFFD. Promises that the
 * lines are the same however the bytes were cut, that it never throws, and that
 * it holds at most `LINE_BYTES_MAX` bytes and a little.
 * Must not know: sockets, timers, what a line means.
 *
 * @module
 */

import { LINE_BYTES_MAX, TELNET_ANSWER_BYTES_MAX } from "../limits.ts";
import { FILLER, type Line, TOO_LONG } from "./connection.ts";

const LF = 0x0a;
const CR = 0x0d;

/** Telnet, RFC 854: "interpret as command" and the commands that take more bytes. */
const IAC = 0xff;
const TELNET_SB = 0xfa;
const TELNET_SE = 0xf0;
const TELNET_WILL = 0xfb;
const TELNET_WONT = 0xfc;
const TELNET_DO = 0xfd;
const TELNET_DONT = 0xfe;

/** RFC 860: asked for after Ctrl-C; until it is answered, telnet shows nothing. */
const TELNET_TIMING_MARK = 0x06;

/** Where in a telnet command the bytes stopped. */
type TelnetState = "text" | "command" | "option" | "sub" | "sub-command";

const NO_BYTES = new Uint8Array(0);

/** The decoder of one connection. */
export class LineDecoder {
  /** Malformed bytes become U+FFFD; a byte order mark is a character like any other. */
  static readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  /** An unfinished line: the first `#heldBytes` of `#held`. */
  #held: Uint8Array = NO_BYTES;
  #heldBytes = 0;
  /** Whether the rest of a line that is too long is being passed over. */
  #isSkipping = false;
  /** Bytes since the last line end, telnet options and skipped ones included. */
  #unendedBytes = 0;
  #telnet: TelnetState = "text";
  /** The command that an option belongs to. */
  #telnetCommand = 0;
  #answer: number[] | null = null;
  #endedInCr = false;

  /**
   * Takes what a read gave and adds the lines that it completes to `lines`, and
   * {@linkcode TOO_LONG} as soon as a line has become too long.
   *
   * @param chunk Bytes; may be changed, and may be reused as soon as this returns.
   */
  push(chunk: Uint8Array, lines: Line[]): void {
    const text = this.#takeTelnetOut(chunk);
    let at = 0;
    if (this.#heldBytes > 0 || this.#isSkipping) {
      const end = text.indexOf(LF);
      this.#hold(end < 0 ? text : text.subarray(0, end), lines);
      if (end < 0) return this.#countUnended(chunk.length, lines);
      this.#finishHeld(lines);
      at = end + 1;
    }
    const last = text.lastIndexOf(LF);
    if (last >= at) {
      this.#unendedBytes = 0;
      this.#decodeLines(text.subarray(at, last), lines);
      at = last + 1;
    }
    this.#hold(text.subarray(at), lines);
    this.#countUnended(at === 0 ? chunk.length : text.length - at, lines);
  }

  /** What telnet has to be answered since the last call; null for nothing. */
  takeAnswer(): Uint8Array | null {
    const answer = this.#answer;
    this.#answer = null;
    return answer === null || answer.length === 0 ? null : Uint8Array.from(answer);
  }

  /** Takes the end of the stream: an unfinished line counts as a line. */
  end(lines: Line[]): void {
    if (this.#heldBytes > 0) this.#finishHeld(lines);
  }

  /** Whole lines with their feeds between them, the last one without its own. */
  #decodeLines(bytes: Uint8Array, lines: Line[]): void {
    if (bytes.length > LINE_BYTES_MAX) return this.#decodeEach(bytes, lines);
    // One call for all of them: decoding line by line costs several times as much.
    const text = LineDecoder.#utf8.decode(bytes);
    let at = 0;
    while (true) {
      const end = text.indexOf("\n", at);
      const stop = end < 0 ? text.length : end;
      const isCrEnded = stop > at && text.charCodeAt(stop - 1) === CR;
      lines.push(text.slice(at, isCrEnded ? stop - 1 : stop));
      if (end < 0) return;
      at = end + 1;
    }
  }

  /** As {@linkcode LineDecoder.#decodeLines}, where a line may be too long. */
  #decodeEach(bytes: Uint8Array, lines: Line[]): void {
    let at = 0;
    while (bytes.length - at > LINE_BYTES_MAX) {
      // Whole runs of lines that fit the limit together are decoded together.
      const last = bytes.lastIndexOf(LF, at + LINE_BYTES_MAX);
      if (last >= at) {
        this.#decodeLines(bytes.subarray(at, last), lines);
        at = last + 1;
      } else {
        const found = bytes.indexOf(LF, at);
        const end = found < 0 ? bytes.length : found;
        const line = withoutCr(bytes.subarray(at, end));
        lines.push(line.length > LINE_BYTES_MAX ? TOO_LONG : LineDecoder.#utf8.decode(line));
        at = end + 1;
      }
    }
    // What is left may be a single empty line, or nothing where the last line was taken.
    if (at <= bytes.length) this.#decodeLines(bytes.subarray(at), lines);
  }

  /** Keeps bytes of an unfinished line, unless it has become too long. */
  #hold(bytes: Uint8Array, lines: Line[]): void {
    if (bytes.length === 0 || this.#isSkipping) return;
    const length = this.#heldBytes + bytes.length;
    // A carriage return at its end may belong to the line's end.
    const contentLength = bytes[bytes.length - 1] === CR ? length - 1 : length;
    if (contentLength > LINE_BYTES_MAX) {
      lines.push(TOO_LONG);
      this.#isSkipping = true;
      this.#release();
      return;
    }
    if (length > this.#held.length) {
      const grown = new Uint8Array(Math.min(2 * length, LINE_BYTES_MAX + 1));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = length;
  }

  /** Ends the line that was held. */
  #finishHeld(lines: Line[]): void {
    this.#unendedBytes = 0;
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return;
    }
    lines.push(LineDecoder.#utf8.decode(withoutCr(this.#held.subarray(0, this.#heldBytes))));
    this.#release();
  }

  #release(): void {
    this.#held = NO_BYTES;
    this.#heldBytes = 0;
  }

  #countUnended(bytes: number, lines: Line[]): void {
    this.#unendedBytes += bytes;
    for (; this.#unendedBytes > LINE_BYTES_MAX + 1; this.#unendedBytes -= LINE_BYTES_MAX) {
      lines.push(FILLER);
    }
  }

  /**
   * The chunk without telnet commands, and with `\r\0` as `\r\n`.
   *
   * 0xff is in no UTF-8 text, so a chunk without it and without NUL needs no look.
   */
  #takeTelnetOut(chunk: Uint8Array): Uint8Array {
    if (this.#telnet === "text" && chunk.indexOf(IAC) < 0 && chunk.indexOf(0) < 0) {
      if (chunk.length > 0) this.#endedInCr = chunk[chunk.length - 1] === CR;
      return chunk;
    }
    let kept = 0;
    for (const byte of chunk) {
      if (this.#telnet !== "text") {
        this.#takeTelnetByte(byte);
      } else if (byte === IAC) {
        this.#telnet = "command";
      } else {
        chunk[kept++] = byte === 0 && this.#endedInCr ? LF : byte;
        this.#endedInCr = byte === CR;
      }
    }
    return chunk.subarray(0, kept);
  }

  /** RFC 854: two bytes, three for an option, and anything up to IAC SE for a subnegotiation. */
  #takeTelnetByte(byte: number): void {
    switch (this.#telnet) {
      case "command":
        this.#telnetCommand = byte;
        if (byte === TELNET_SB) this.#telnet = "sub";
        else this.#telnet = byte >= TELNET_WILL && byte <= TELNET_DONT ? "option" : "text";
        return;
      case "option":
        this.#answerOption(byte);
        this.#telnet = "text";
        return;
      case "sub":
        if (byte === IAC) this.#telnet = "sub-command";
        return;
      case "sub-command":
        this.#telnet = byte === TELNET_SE ? "text" : "sub";
        return;
      case "text":
        return;
    }
  }

  /** Every option is refused but the timing mark, which just wants an answer. */
  #answerOption(option: number): void {
    this.#answer ??= [];
    // Whoever sends more of them at once is not telnet.
    if (this.#answer.length >= TELNET_ANSWER_BYTES_MAX) return;
    if (this.#telnetCommand === TELNET_DO) {
      const verb = option === TELNET_TIMING_MARK ? TELNET_WILL : TELNET_WONT;
      this.#answer.push(IAC, verb, option);
    } else if (this.#telnetCommand === TELNET_WILL) {
      this.#answer.push(IAC, TELNET_DONT, option);
    }
  }
}

function withoutCr(line: Uint8Array): Uint8Array {
  return line[line.length - 1] === CR ? line.subarray(0, line.length - 1) : line;
}
