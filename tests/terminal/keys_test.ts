// What a terminal sends, as a table of what known terminals send for each key; that it does not
// matter where bytes are cut; that whatever comes, little is held and keys are read again behind it.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { ESCAPE_MS, PASTE_BYTES_MAX, PASTE_STALL_MS } from "../../lib/limits.ts";
import { type InputEvent, KeyDecoder } from "../../lib/terminal/keys.ts";

const encoder = new TextEncoder();

function decode(text: string): InputEvent[] {
  return new KeyDecoder().decode(encoder.encode(text));
}

function key(name: string): InputEvent {
  return { type: "key", key: name } as InputEvent;
}

/** Text comes in whatever pieces it was read in. */
function joinText(events: readonly InputEvent[]): InputEvent[] {
  const joined: InputEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    if (event.type === "text" && last?.type === "text") {
      joined[joined.length - 1] = { type: "text", text: last.text + event.text };
    } else joined.push(event);
  }
  return joined;
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  "enter": ["\r", "\x1bOM", "\x1b[13u", "\x1b[57414u"],
  "ctrl-j": ["\n", "\x1b[106;5u"],
  "alt-enter": ["\x1b\r", "\x1b[13;3u", "\x1b[27;3;13~"],
  "shift-enter": ["\x1b[13;2u", "\x1b[27;2;13~"],
  "tab": ["\t", "\x1b[9u", "\x1bOI"],
  "shift-tab": ["\x1b[Z", "\x1b[9;2u", "\x1b[1;2Z", "\x1b[27;2;9~"],
  "backspace": ["\x7f", "\x08", "\x1b[127u"],
  "alt-backspace": ["\x1b\x7f", "\x1b\x08", "\x1b[127;3u"],
  "delete": ["\x1b[3~"],
  "ctrl-delete": ["\x1b[3;5~", "\x1b[3^"],
  "insert": ["\x1b[2~"],
  "shift-insert": ["\x1b[2;2~", "\x1b[2$"],
  "up": ["\x1b[A", "\x1bOA", "\x1b[1;1A", "\x1b[57419u", "\x1b[1;65A"],
  "down": ["\x1b[B", "\x1bOB"],
  "right": ["\x1b[C", "\x1bOC"],
  "left": ["\x1b[D", "\x1bOD"],
  "shift-up": ["\x1b[1;2A", "\x1b[a"],
  "ctrl-left": ["\x1b[1;5D", "\x1bOd", "\x1bO5D", "\x1bO1;5D"],
  "alt-right": ["\x1b[1;3C", "\x1b\x1b[C", "\x1b\x1bOC"],
  "ctrl-alt-shift-down": ["\x1b[1;8B"],
  "home": ["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x1b[57423u"],
  "end": ["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"],
  "ctrl-shift-end": ["\x1b[1;6F", "\x1b[8@"],
  "page-up": ["\x1b[5~"],
  "page-down": ["\x1b[6~"],
  "ctrl-page-down": ["\x1b[6;5~", "\x1b[6^"],
  "f1": ["\x1bOP", "\x1b[11~", "\x1b[[A", "\x1b[P"],
  "f5": ["\x1b[15~", "\x1b[[E"],
  "f12": ["\x1b[24~"],
  "shift-f2": ["\x1b[1;2Q", "\x1bO2Q"],
  "ctrl-a": ["\x01", "\x1b[97;5u", "\x1b[27;5;97~"],
  "ctrl-z": ["\x1a"],
  "ctrl-i": ["\x1b[105;5u"],
  "ctrl-space": ["\x00", "\x1b[32;5u"],
  "ctrl-_": ["\x1f"],
  "ctrl-alt-a": ["\x1b\x01", "\x1b[97;7u"],
  "ctrl-shift-a": ["\x1b[97;6u", "\x1b[65;5u"],
  "alt-b": ["\x1bb", "\x1b[98;3u"],
  "alt-shift-b": ["\x1bB", "\x1b[98;4u"],
  "alt-\u00e9": ["\x1b\u00e9"],
  "alt-\u{1f600}": ["\x1b\u{1f600}"],
  "escape": ["\x1b[27u"],
};

Deno.test("KeyDecoder knows what terminals send for a key", async (t) => {
  for (const [name, sequences] of Object.entries(KEYS)) {
    await t.step(name, () => {
      for (const sequence of sequences) {
        assertEquals(decode(sequence), [key(name)], JSON.stringify(sequence));
        // And it ends where it ends.
        assertEquals(decode(`${sequence}x`), [key(name), { type: "text", text: "x" }]);
      }
    });
  }
});

Deno.test("KeyDecoder swallows whole what it does not know", async (t) => {
  const unknown = {
    "a mouse report": "\x1b[<0;12;7M",
    "an old mouse report": "\x1b[M !!",
    "the place of the cursor, with a question mark": "\x1b[?12;7R",
    "what the terminal is": "\x1b[?64;1;2c",
    "whether it knows a mode": "\x1b[?2026;2$y",
    "a colour, ended by BEL": "\x1b]11;rgb:0000/0000/0000\x07",
    "a colour, ended by ST": "\x1b]11;rgb:0000/0000/0000\x1b\\",
    "a control string of another kind": "\x1bP1$r0m\x1b\\",
    "the end of a paste that did not begin": "\x1b[201~",
    "an unknown number": "\x1b[99~",
    "a key that is let go": "\x1b[97;1:3u",
    "a key with the window manager's modifier": "\x1b[97;9u",
    "a modifier of nought": "\x1b[1;0A",
    "a key of its own without a name": "\x1b[57358u",
    "half of a surrogate pair": "\x1b[55357u",
    "no code point": "\x1b[99999999u",
    "far too long a sequence": `\x1b[${"1;".repeat(500)}A`,
    "control characters of the second set": "\u0085\u009b",
    "control characters without a key": "\x1b[1u",
  };
  for (const [what, sequence] of Object.entries(unknown)) {
    await t.step(what, () => {
      assertEquals(decode(`a${sequence}b`), [{ type: "text", text: "ab" }]);
    });
  }
});

Deno.test("KeyDecoder reads the keypad and shifted keys as text", () => {
  assertEquals(decode("\x1bOq\x1bOj\x1b[97u\x1b[97;2u\x1b[49:33;2u\x1b[97;65u"), [
    { type: "text", text: "1*aA!a" },
  ]);
});

Deno.test("KeyDecoder tells when the user comes and goes", () => {
  assertEquals(decode("\x1b[Ihi\x1b[O"), [
    { type: "focus", hasFocus: true },
    { type: "text", text: "hi" },
    { type: "focus", hasFocus: false },
  ]);
});

Deno.test("KeyDecoder makes one event of a paste", () => {
  const text = "one\r\ntwo\x1b[31m\x1b[20\x1b[201 \u{1f600}\x1b";
  assertEquals(decode(`a\x1b[200~${text}\x1b[201~b`), [
    { type: "text", text: "a" },
    { type: "paste", text, isCut: false },
    { type: "text", text: "b" },
  ]);
  assertEquals(decode("\x1b[200~\x1b[201~"), [{ type: "paste", text: "", isCut: false }]);
});

Deno.test("KeyDecoder cuts a paste that is too long, and goes on behind its end", () => {
  const decoder = new KeyDecoder();
  decoder.decode(encoder.encode("\x1b[200~"));
  const chunk = encoder.encode("x".repeat(PASTE_BYTES_MAX - 10));
  assertEquals(decoder.decode(chunk), []);
  assertEquals(decoder.decode(chunk), []);
  assertEquals(decoder.decode(encoder.encode("\x1b[201~y")), [
    { type: "paste", text: "x".repeat(PASTE_BYTES_MAX), isCut: true },
    { type: "text", text: "y" },
  ]);
});

Deno.test("KeyDecoder ends a paste without an end when nothing comes", () => {
  const decoder = new KeyDecoder();
  assertEquals(decoder.decode(encoder.encode("\x1b[200~abc\x1b[2")), []);
  assertEquals(decoder.flushAfterMs, PASTE_STALL_MS);
  assertEquals(decoder.flush(), [{ type: "paste", text: "abc", isCut: true }]);
  assertEquals(decoder.flushAfterMs, null);
  assertEquals(decoder.decode(encoder.encode("\r")), [key("enter")]);
});

Deno.test("KeyDecoder takes what begins no longer sequence for a key", async (t) => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    "\x1b": ["escape"],
    "\x1b\x1b": ["escape", "escape"],
    "\x1b[": ["alt-["],
    "\x1bO": ["alt-shift-o"],
    "\x1b]": ["alt-]"],
    "\x1bP": ["alt-shift-p"],
  };
  for (const [sequence, keys] of Object.entries(cases)) {
    await t.step(JSON.stringify(sequence), () => {
      const decoder = new KeyDecoder();
      assertEquals(decoder.decode(encoder.encode(sequence)), []);
      assertEquals(decoder.flushAfterMs, ESCAPE_MS);
      assertEquals(decoder.flush(), keys.map(key));
      assertEquals(decoder.flushAfterMs, null);
      assertEquals(decoder.flush(), []);
      assertEquals(decoder.decode(encoder.encode("a")), [{ type: "text", text: "a" }]);
    });
  }
});

Deno.test("KeyDecoder waits for the rest of a sequence that a network tore apart", () => {
  const decoder = new KeyDecoder();
  assertEquals(decoder.decode(encoder.encode("\x1b[1;")), []);
  assertEquals(decoder.flushAfterMs, null);
  assertEquals(decoder.flush(), []);
  assertEquals(decoder.decode(encoder.encode("5D")), [key("ctrl-left")]);
});

Deno.test("KeyDecoder reads a key behind a sequence that it cuts short", () => {
  assertEquals(decode("\x1b[1;\r"), [key("enter")]);
  assertEquals(decode("\x1b[1\x1b[A"), [key("up")]);
  assertEquals(decode("\x1bO\x7f"), [key("backspace")]);
  assertEquals(decode("\x1b[5\u00e9"), [{ type: "text", text: "\u00e9" }]);
  assertEquals(decode("\x1b\x1ba"), [key("escape"), key("alt-a")]);
  assertEquals(decode("\x1b]0;title\x1bb"), [key("alt-b")]);
});

Deno.test("KeyDecoder shows bytes that are no text as replacement characters", () => {
  const decoder = new KeyDecoder();
  assertEquals(decoder.decode(Uint8Array.of(0x61, 0xff, 0xc3, 0x0d, 0x62)), [
    { type: "text", text: "a\ufffd\ufffd" },
    key("enter"),
    { type: "text", text: "b" },
  ]);
});

/** What a terminal might send, well formed or not. */
const PIECES = fc.oneof(
  fc.string({ unit: "grapheme" }).map((text) => encoder.encode(text)),
  fc.constantFrom(...Object.values(KEYS).flat()).map((text) => encoder.encode(text)),
  fc.string({ unit: "binary" }).map((text) => encoder.encode(`\x1b[200~${text}\x1b[201~`)),
  fc.constantFrom("\x1b", "\x1b[", "\x1bO", "\x1b[I", "\x1b]1;2", "\x1b\\", "\x1b[200~", "\x1b[M")
    .map((text) => encoder.encode(text)),
  fc.uint8Array({ maxLength: 8 }),
);

Deno.test("KeyDecoder reads the same wherever the bytes are cut", () => {
  const sent = fc.array(PIECES, { maxLength: 8 });
  fc.assert(
    fc.property(sent, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (pieces, sizes) => {
      const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      const atOnce = new KeyDecoder();
      const inPieces = new KeyDecoder();
      const wanted = atOnce.decode(bytes);
      const got: InputEvent[] = [];
      for (let start = 0; start < bytes.length;) {
        const size = sizes.next().value;
        got.push(...inPieces.decode(bytes.subarray(start, start + size)));
        start += size;
      }
      assertEquals(joinText(got), joinText(wanted));
      assertEquals(inPieces.flushAfterMs, atOnce.flushAfterMs);
      assertEquals(inPieces.flush(), atOnce.flush());
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("KeyDecoder types no control character, and holds no more than a paste", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const decoder = new KeyDecoder();
      for (const event of [...decoder.decode(bytes), ...decoder.flush()]) {
        if (event.type === "text") assert(!/\p{Cc}/u.test(event.text));
        if (event.type === "paste") assertLessOrEqual(event.text.length, bytes.length);
      }
      // Three bytes may belong to a mouse report, one to a sequence that has begun.
      const events = decoder.decode(encoder.encode("...~~\r"));
      assertEquals(events.at(-1), key("enter"));
    }),
    { numRuns: 1_000 },
  );
});
