/**
 * What lines a stream of bytes holds, the slow and obvious way: the whole
 * stream at once, one step after the other. `LineDecoder` is held against it.
 *
 * @module
 */

import { LINE_BYTES_MAX } from "../../lib/limits.ts";
import { FILLER, type Line, TOO_LONG } from "../../lib/net/connection.ts";

/** Telnet, RFC 854. */
const IAC = 255;
const SB = 250;
const SE = 240;

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The lines of a whole stream; an unfinished last one counts. */
export function modelLines(stream: readonly number[] | Uint8Array): Line[] {
  const bytes = telnetLineEnds(withoutTelnet(stream));
  const lines: Line[] = [];
  let line: number[] = [];
  for (const byte of bytes) {
    if (byte !== 0x0a) {
      line.push(byte);
      continue;
    }
    lines.push(modelLine(line));
    line = [];
  }
  if (line.length > 0) lines.push(modelLine(line));
  return lines;
}

/** Lines without what only counts: how often that comes depends on the cuts. */
export function withoutFiller(lines: readonly Line[]): Line[] {
  return lines.filter((line) => line !== FILLER);
}

function modelLine(line: number[]): Line {
  const content = line.at(-1) === 0x0d ? line.slice(0, -1) : line;
  return content.length > LINE_BYTES_MAX ? TOO_LONG : UTF8.decode(new Uint8Array(content));
}

function withoutTelnet(stream: readonly number[] | Uint8Array): number[] {
  const kept: number[] = [];
  let at = 0;
  while (at < stream.length) {
    const byte = stream[at] ?? 0;
    const command = stream[at + 1] ?? 0;
    if (byte !== IAC) {
      kept.push(byte);
      at += 1;
    } else if (command === SB) {
      at += 2;
      while (at < stream.length && !(stream[at] === IAC && stream[at + 1] === SE)) {
        at += stream[at] === IAC ? 2 : 1;
      }
      at += 2;
    } else {
      at += command >= 251 && command <= 254 ? 3 : 2;
    }
  }
  return kept;
}

/** CR NUL is a line's end: CR LF says the same. */
function telnetLineEnds(bytes: number[]): number[] {
  return bytes.map((byte, at) => byte === 0 && bytes[at - 1] === 0x0d ? 0x0a : byte);
}
