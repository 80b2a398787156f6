/**
 * Where a line ends, whatever the bytes and however they were cut: tables of
 * streams with the lines that they hold, each cut at every offset and byte by
 * byte; then random streams, held against a model that takes the stream whole.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LINE_BYTES_MAX, TELNET_ANSWER_BYTES_MAX } from "../../lib/limits.ts";
import { FILLER, type Line, TOO_LONG } from "../../lib/net/connection.ts";
import { LineDecoder } from "../../lib/net/line_decoder.ts";
import { modelLines, withoutFiller } from "./line_model.ts";
import { bytesOf, joined } from "./sockets.ts";

const MAX = LINE_BYTES_MAX;
const FULL = "x".repeat(MAX);

/** A stream: texts as UTF-8, numbers as bytes. */
type Stream = readonly (string | number)[];

const LINE_ENDS: readonly (readonly [Stream, readonly Line[]])[] = [
  [[], []],
  [["\n"], [""]],
  [["a\nb\n"], ["a", "b"]],
  [["a\r\nb\r\n"], ["a", "b"]],
  [["a\r\0b\r\0"], ["a", "b"]],
  [["a\n\r\n\r\0b\n"], ["a", "", "", "b"]],
  [["\n\n\n"], ["", "", ""]],
  [["unfinished"], ["unfinished"]],
  [["a\nunfinished"], ["a", "unfinished"]],
  [["a\r"], ["a"]],
  [["\r"], [""]],
  [["a\rb\n"], ["a\rb"]],
  [["a\r\r\n"], ["a\r"]],
  [["a\r\0\0b\n"], ["a", "\0b"]],
  [["a\r\0\n"], ["a", ""]],
  [["a\n\0b\n"], ["a", "\0b"]],
  [["\0a\0\n"], ["\0a\0"]],
];

const TELNET: readonly (readonly [Stream, readonly Line[]])[] = [
  // DO, DONT, WILL, WONT take an option, which may be any byte.
  [["a", 0xff, 0xfd, 0x01, "b\n"], ["ab"]],
  [[0xff, 0xfb, 0x0a, 0xff, 0xfc, 0x0d, 0xff, 0xfe, 0xff, "a\n"], ["a"]],
  // Other commands stand alone: NOP, AYT, and IAC itself.
  [["a", 0xff, 0xf1, "b", 0xff, 0xf6, "c", 0xff, 0xff, "d\n"], ["abcd"]],
  // A subnegotiation takes everything up to IAC SE, line ends and doubled IACs included.
  [["a", 0xff, 0xfa, 0x18, 0, "xterm\r\n", 0xff, 0xf0, "b\n"], ["ab"]],
  [["a", 0xff, 0xfa, 0x1f, 0xff, 0xff, 0xf0, 0, 80, 0xff, 0xf0, "b\n"], ["ab"]],
  [[0xff, 0xfa, 0xff, 0xff, 0xff, 0xf0, "a\n"], ["a"]],
  // Between the two bytes of a line's end.
  [["a\r", 0xff, 0xf1, "\nb\r", 0xff, 0xfd, 0x03, "\0c\n"], ["a", "b", "c"]],
  // Inside a character.
  [["a", 0xe2, 0xff, 0xf1, 0x82, 0xac, "\n"], ["a\u20ac"]],
  // Cut off by the end of the stream.
  [["a\nb", 0xff], ["a", "b"]],
  [["a\nb", 0xff, 0xfd], ["a", "b"]],
  [["a\nb", 0xff, 0xfa, 0x18, "c\n"], ["a", "b"]],
  [[0xff, 0xfd, 0x01], []],
];

const UTF8: readonly (readonly [Stream, readonly Line[]])[] = [
  [["gr\u00fc\u00df dich \u20ac \u{1f600}\n"], ["gr\u00fc\u00df dich \u20ac \u{1f600}"]],
  // A byte order mark is a character like any other, at the start of the stream too.
  [["\ufeffa\n\ufeffb\n"], ["\ufeffa", "\ufeffb"]],
  // Bytes that no UTF-8 text has, a lead without the rest, the rest without a lead.
  [["a", 0x80, "b\n"], ["a\ufffdb"]],
  [["a", 0xc3, "\nb\n"], ["a\ufffd", "b"]],
  [["a", 0xe2, 0x82, "\r\nb\n"], ["a\ufffd", "b"]],
  [["a", 0xf0, 0x9f, 0x98, "\r\0b\n"], ["a\ufffd", "b"]],
  [[0xf0, 0x9f, "x", 0xe2, "y\n"], ["\ufffdx\ufffdy"]],
  [["a", 0xe2, 0x82], ["a\ufffd"]],
  // Overlong forms, a surrogate, beyond the last code point: a mark for each byte.
  [[0xc0, 0xaf, "\n"], ["\ufffd\ufffd"]],
  [[0xe0, 0x80, 0x8a, "\n"], ["\ufffd\ufffd\ufffd"]],
  [[0xed, 0xa0, 0x80, "\n"], ["\ufffd\ufffd\ufffd"]],
  [[0xf4, 0x90, 0x80, 0x80, "\n"], ["\ufffd\ufffd\ufffd\ufffd"]],
  // Line ends of other worlds end nothing.
  [["a\u0085b\u2028c\u2029d\x0be\x0cf\n"], ["a\u0085b\u2028c\u2029d\x0be\x0cf"]],
];

const LENGTHS: readonly (readonly [Stream, readonly Line[]])[] = [
  [[FULL, "\n"], [FULL]],
  [[FULL, "\r\n"], [FULL]],
  [[FULL, "\r\0"], [FULL]],
  [[FULL], [FULL]],
  [[FULL, "\r"], [FULL]],
  [[FULL, "\n\n"], [FULL, ""]],
  [[FULL, "\r\n\r\n", FULL, "\r\n"], [FULL, "", FULL]],
  [[FULL, "\n", FULL, "\na\n"], [FULL, FULL, "a"]],
  [[FULL, "x\n"], [TOO_LONG]],
  [[FULL, "x\r\n"], [TOO_LONG]],
  [[FULL, "\r\r\n"], [TOO_LONG]],
  [[FULL, "\rx\n"], [TOO_LONG]],
  [[FULL, "x"], [TOO_LONG]],
  [[FULL, "x\n\n"], [TOO_LONG, ""]],
  [["a\n", FULL, "x\nb\n", FULL, "x\r\nc"], ["a", TOO_LONG, "b", TOO_LONG, "c"]],
  [[FULL.slice(1), "\ny\nz\n"], [FULL.slice(1), "y", "z"]],
  // The limit counts bytes, not characters, and no telnet options.
  [["\u20ac".repeat(MAX / 4), "\n"], ["\u20ac".repeat(MAX / 4)]],
  [["\u00e9".repeat(MAX / 2), "x\n"], [TOO_LONG]],
  [[FULL.slice(4), 0xff, 0xfd, 0x01, "abcd\n"], [`${FULL.slice(4)}abcd`]],
];

function streamBytes(stream: Stream): Uint8Array<ArrayBuffer> {
  return joined(
    stream.map((part) => typeof part === "string" ? bytesOf(part) : new Uint8Array([part])),
  );
}

/** What comes out of chunks, one push each, and of the end of the stream. */
function decode(chunks: readonly Uint8Array[]): Line[] {
  const decoder = new LineDecoder();
  const lines: Line[] = [];
  for (const chunk of chunks) {
    // As a read buffer is: used again as soon as `push` returns.
    const buffer = chunk.slice();
    decoder.push(buffer, lines);
    buffer.fill(0x21);
  }
  decoder.end(lines);
  return withoutFiller(lines);
}

function isX(byte: number): boolean {
  return byte === 0x78;
}

function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => new Uint8Array([byte]));
}

/** The stream whole, cut at every offset, and byte by byte. */
function assertLines(stream: Stream, expected: readonly Line[]): void {
  const bytes = streamBytes(stream);
  const shown = JSON.stringify(stream).slice(0, 200);
  assertEquals(modelLines(bytes), [...expected], `the model is wrong about ${shown}`);
  assertEquals(decode([bytes]), [...expected], `whole: ${shown}`);
  assertEquals(decode(byteByByte(bytes)), [...expected], `byte by byte: ${shown}`);
  for (let at = 0; at <= bytes.length; at++) {
    // Deep inside a long run of one byte, one cut stands for its neighbours.
    if (at % 64 !== 0 && bytes.subarray(Math.max(0, at - 8), at + 8).every(isX)) continue;
    const lines = decode([bytes.subarray(0, at), bytes.subarray(at)]);
    // By hand: a deep comparison of thousands of long lines takes seconds.
    const isEqual = lines.length === expected.length &&
      lines.every((line, index) => line === expected[index]);
    if (!isEqual) assertEquals(lines, [...expected], `cut at ${at}: ${shown}`);
  }
}

Deno.test("LineDecoder.push() ends lines at LF, CR LF and CR NUL, however they are cut", () => {
  for (const [stream, lines] of LINE_ENDS) assertLines(stream, lines);
});

Deno.test("LineDecoder.push() takes telnet commands out, however they are cut", () => {
  for (const [stream, lines] of TELNET) assertLines(stream, lines);
});

Deno.test("LineDecoder.push() reads UTF-8 and marks what is none, however it is cut", () => {
  for (const [stream, lines] of UTF8) assertLines(stream, lines);
});

Deno.test("LineDecoder.push() allows exactly LINE_BYTES_MAX bytes, however they are cut", () => {
  for (const [stream, lines] of LENGTHS) assertLines(stream, lines);
});

Deno.test("LineDecoder.push() joins a character split across chunks", () => {
  const [euro, face] = ["\u20ac", "\u{1f600}"];
  const lines: Line[] = [];
  const decoder = new LineDecoder();
  for (const byte of bytesOf(`${euro}${face}`)) decoder.push(new Uint8Array([byte]), lines);
  assertEquals(lines, []);
  decoder.push(bytesOf("\n"), lines);
  assertEquals(lines, [`${euro}${face}`]);
});

Deno.test("LineDecoder.push() takes an empty chunk for nothing", () => {
  const none = new Uint8Array(0);
  for (const end of ["\r\n", "\r\0"]) {
    const [first = "", second = ""] = end;
    assertEquals(decode([none, bytesOf(`a${first}`), none, bytesOf(second), none]), ["a"]);
  }
  const sub = [bytesOf("a"), new Uint8Array([0xff, 0xfa]), none, new Uint8Array([0xff]), none];
  assertEquals(decode([...sub, new Uint8Array([0xf0]), bytesOf("b\n")]), ["ab"]);
});

Deno.test("LineDecoder.push() says once that a line is too long, as soon as it is", () => {
  const decoder = new LineDecoder();
  const push = (text: string): Line[] => {
    const lines: Line[] = [];
    decoder.push(bytesOf(text), lines);
    return withoutFiller(lines);
  };
  assertEquals(push(FULL), []);
  assertEquals(push("\r"), []);
  assertEquals(push("x"), [TOO_LONG]);
  for (let count = 0; count < 20; count++) assertEquals(push(FULL), []);
  assertEquals(push("the rest\nnext\nhalf a "), ["next"]);
  assertEquals(push("line\n"), ["half a line"]);
  assertEquals(push(`${FULL}${FULL}`), [TOO_LONG]);
  assertEquals(push("\n"), []);
  assertEquals(push("next\n"), ["next"]);
});

Deno.test("LineDecoder.push() finds every line of a chunk that is larger than the limit", () => {
  // Runs of lines whose sum falls on each side of the limit, with a blank line behind.
  for (let length = 1; length <= 40; length++) {
    for (const extra of [-2, -1, 0, 1, 2]) {
      const line = "y".repeat(length);
      const count = Math.floor((MAX + extra) / (length + 1));
      const rest = "z".repeat(MAX + extra - count * (length + 1));
      const text = `${`${line}\n`.repeat(count)}${rest}\n\n${line}\n`;
      const expected = [...Array<string>(count).fill(line), rest, "", line];
      assertEquals(decode([bytesOf(text)]).join("\n"), expected.join("\n"));
    }
  }
});

Deno.test("LineDecoder.push() counts bytes that make no line as FILLER", () => {
  const endless: readonly [string, Uint8Array][] = [
    ["a line without end", new Uint8Array(4096).fill(0x78)],
    ["telnet options", new Uint8Array(4095).map((_, at) => [0xff, 0xfd, 0x01][at % 3] ?? 0)],
    ["a subnegotiation", new Uint8Array(4096).map((_, at) => [0xff, 0xfa][at] ?? 0x78)],
  ];
  for (const [what, chunk] of endless) {
    const decoder = new LineDecoder();
    let fillers = 0;
    let bytes = 0;
    for (let count = 0; count < 256; count++) {
      const lines: Line[] = [];
      decoder.push(chunk.slice(), lines);
      fillers += lines.filter((line) => line === FILLER).length;
      bytes += chunk.length;
      assert(Math.abs(fillers - bytes / MAX) <= 1.5, `${what}: ${fillers} after ${bytes} bytes`);
    }
  }
});

Deno.test("LineDecoder.push() never counts a line that is short enough as FILLER", () => {
  for (const stream of [[FULL, "\r\n"], ["a\n"], ["\n"], [FULL, "\n", FULL, "\r\n", FULL]]) {
    const decoder = new LineDecoder();
    const lines: Line[] = [];
    for (const byte of streamBytes(stream)) decoder.push(new Uint8Array([byte]), lines);
    assert(!lines.includes(FILLER));
  }
});

/** Telnet's answers to a stream, as numbers. */
function answers(chunks: readonly Uint8Array[]): number[] {
  const decoder = new LineDecoder();
  return chunks.flatMap((chunk) => {
    decoder.push(chunk.slice(), []);
    return [...decoder.takeAnswer() ?? []];
  });
}

Deno.test("LineDecoder.takeAnswer() refuses telnet's options, however they are cut", () => {
  const table: readonly (readonly [Stream, readonly number[]])[] = [
    [["hello\r\n"], []],
    // DO is refused with WONT, but for the timing mark; WILL is refused with DONT.
    [["a", 0xff, 0xfd, 0x01, "b\n"], [0xff, 0xfc, 0x01]],
    [[0xff, 0xfd, 0x06], [0xff, 0xfb, 0x06]],
    [[0xff, 0xfb, 0x1f], [0xff, 0xfe, 0x1f]],
    [[0xff, 0xfb, 0xff, 0xff, 0xfd, 0x0a], [0xff, 0xfe, 0xff, 0xff, 0xfc, 0x0a]],
    // What is refused to us needs no answer, and two refusals would never come to an end.
    [[0xff, 0xfc, 0x01, 0xff, 0xfe, 0x01], []],
    // No options: commands, what is inside of a subnegotiation, halves.
    [[0xff, 0xf4, 0xff, 0xf6, 0xff, 0xff, "\n"], []],
    [[0xff, 0xfa, 0xff, 0xfd, 0x01, 0xff, 0xf0, "\n"], []],
    [["a\n", 0xff, 0xfd], []],
  ];
  for (const [stream, expected] of table) {
    const bytes = streamBytes(stream);
    assertEquals(answers(byteByByte(bytes)), [...expected]);
    for (let at = 0; at <= bytes.length; at++) {
      assertEquals(answers([bytes.subarray(0, at), bytes.subarray(at)]), [...expected]);
    }
  }
});

Deno.test("LineDecoder.takeAnswer() says less than it was asked, however much that is", () => {
  const option = new Uint8Array([0xff, 0xfd, 0x01]);
  const flood = joined(Array<Uint8Array>(20_000).fill(option));
  assertEquals(answers([flood]).length, TELNET_ANSWER_BYTES_MAX);
  assertEquals(answers([flood, flood]).length, 2 * TELNET_ANSWER_BYTES_MAX);
  assertEquals(answers([flood, option]).length, TELNET_ANSWER_BYTES_MAX + 3);
  const decoder = new LineDecoder();
  decoder.push(option.slice(), []);
  decoder.takeAnswer();
  assertEquals(decoder.takeAnswer(), null);
});

Deno.test("LineDecoder holds no more of an endless line than the limit", () => {
  // Had they kept everything, they would hold a hundred mebibytes.
  const chunk = new Uint8Array(64 * 1024).fill(0x78);
  const small = new Uint8Array(1000).fill(0x78);
  const before = Deno.memoryUsage().external;
  const decoders = Array.from({ length: 400 }, () => new LineDecoder());
  for (const decoder of decoders) {
    const lines: Line[] = [];
    for (let count = 0; count < 8; count++) decoder.push(small, lines);
    for (let count = 0; count < 4; count++) decoder.push(chunk, lines);
    assertEquals(withoutFiller(lines), [TOO_LONG]);
  }
  const grownBytes = Deno.memoryUsage().external - before;
  assert(grownBytes < 30 * 2 ** 20, `${grownBytes} bytes for ${decoders.length} decoders`);
});

Deno.test("LineDecoder.push() gives the model's lines for any bytes and any cuts", () => {
  const interesting = fc.constantFrom(
    ...[0x0a, 0x0d, 0x00, 0xff, 0xfa, 0xf0, 0xfd, 0xf1, 0x1b, 0x2f, 0x41],
    ...[0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xef, 0xbb, 0xbf],
  );
  const short = fc.array(fc.oneof(interesting, fc.integer({ min: 0, max: 255 })), {
    maxLength: 60,
  });
  const long = fc.tuple(short, fc.integer({ min: MAX - 3, max: MAX + 3 }), short)
    .map(([before, length, after]) => [...before, ...Array<number>(length).fill(0x78), ...after]);
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
  const property = (stream: number[], parts: number[]): void => {
    const bytes = new Uint8Array(stream);
    const offsets = parts.map((part) => Math.round(part * bytes.length)).sort((a, b) => a - b);
    const chunks = [...offsets, bytes.length].map((end, at) =>
      bytes.subarray(offsets[at - 1] ?? 0, end)
    );
    const expected = modelLines(bytes);
    assertEquals(decode(chunks), expected);
    assertEquals(decode([bytes]), expected);
  };
  fc.assert(fc.property(short, cuts, property), { numRuns: 3_000 });
  fc.assert(fc.property(long, cuts, property), { numRuns: 150 });
});

Deno.test("LineDecoder.push() gives the same lines at every cut of any bytes", () => {
  const any = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(any, (bytes) => {
      const expected = modelLines(bytes);
      assertEquals(decode(byteByByte(bytes)), expected);
      for (let at = 0; at <= bytes.length; at++) {
        assertEquals(decode([bytes.subarray(0, at), bytes.subarray(at)]), expected);
      }
    }),
    { numRuns: 300 },
  );
});
