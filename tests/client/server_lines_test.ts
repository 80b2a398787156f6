// Bytes of a server, cut everywhere and hostile, as lines that are safe to show.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CLIENT_JSON_LENGTH_MAX, CLIENT_LINE_LENGTH_MAX } from "../../lib/limits.ts";
import { JSON_LINES, ServerLines } from "../../lib/client/server_lines.ts";
import { cleanText } from "../../lib/text.ts";

function linesOf(chunks: readonly Uint8Array[]): string[] {
  const lines = new ServerLines();
  return [...chunks.flatMap((chunk) => lines.push(chunk)), ...lines.end()];
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("ServerLines.push() gives the same lines wherever the bytes are cut", () => {
  const bytes = encode(
    "-- Welcome.\r\nann: gr\u00fc\u00df dich \u{1f600}\n\nbob: \u65e5\u672c\nlast",
  );
  const whole = [
    "-- Welcome.",
    "ann: gr\u00fc\u00df dich \u{1f600}",
    "",
    "bob: \u65e5\u672c",
    "last",
  ];
  for (let at = 0; at <= bytes.length; at++) {
    assertEquals(linesOf([bytes.subarray(0, at), bytes.subarray(at)]), whole);
  }
  assertEquals(linesOf([...bytes].map((byte) => Uint8Array.of(byte))), whole);
});

Deno.test("ServerLines.push() lets nothing through that moves the cursor", () => {
  assertEquals(linesOf([encode("\x1b[2J\x1b]0;title\x07ann: \x1b[31mhi\x08\x9b1m\u202e\n")]), [
    "ann: hi",
  ]);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
      for (const line of linesOf(chunks)) assertEquals(cleanText(line), line);
    }),
  );
});

Deno.test("ServerLines.push() does not gather a line without end", () => {
  const lines = new ServerLines();
  const chunk = encode("x".repeat(1_000));
  let longest = 0;
  for (let count = 0; count < 200; count++) {
    for (const line of lines.push(chunk)) longest = Math.max(longest, line.length);
  }
  assert(longest > CLIENT_LINE_LENGTH_MAX && longest <= CLIENT_LINE_LENGTH_MAX + 1_000);
});

Deno.test("ServerLines.end() gives the unfinished line once", () => {
  const lines = new ServerLines();
  assertEquals(lines.push(encode("half")), []);
  assertEquals(lines.end(), ["half"]);
  assertEquals(lines.end(), []);
});

Deno.test("ServerLines.push() hands JSON lines out as they are, wherever the bytes are cut", () => {
  const text = '{"text":"gr\u00fc\u00df\\u001b[31m \u{1f600}\u202e"}\r\n{"a":1}\n';
  const bytes = encode(text);
  for (let at = 0; at <= bytes.length; at++) {
    const lines = new ServerLines(JSON_LINES);
    const got = [...lines.push(bytes.subarray(0, at)), ...lines.push(bytes.subarray(at))];
    assertEquals(got.map((line) => `${line}\n`).join(""), text);
  }
});

Deno.test("ServerLines.push() looks at nothing behind a JSON line that is too long", () => {
  const lines = new ServerLines(JSON_LINES);
  const chunk = encode("x".repeat(64 * 1024));
  let pushed = 0;
  while (!lines.isOverlong) {
    assertEquals(lines.push(chunk), []);
    pushed += chunk.length;
    assert(pushed <= CLIENT_JSON_LENGTH_MAX + chunk.length, "it gathers without end");
  }
  assertEquals([...lines.push(encode('\n{"type":"ok"}\n')), ...lines.end()], []);
});
