/**
 * The two sides of the JSON protocol, held together: what a server writes is
 * what a client reads. And what no server writes does a client no harm.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ChatEvent } from "../../lib/events.ts";
import { PROTOCOL_VERSION } from "../../lib/limits.ts";
import type { Ref } from "../../lib/messages.ts";
import { JsonProtocol } from "../../lib/protocol/json.ts";
import { readServerLine } from "../../lib/protocol/json_reader.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { cleanText } from "../../lib/text.ts";
import { anyEvent, anyRef, EVENTS } from "./arbitrary_events.ts";
import { hostileLine } from "./hostile_texts.ts";

const json = new JsonProtocol();
const decoder = new TextDecoder();

/** What a server writes, without its end. */
function written(event: ChatEvent, ref?: Ref): string {
  return decoder.decode(json.encode(event, ref)).slice(0, -1);
}

/** What a program is told of an event. */
function toldOf(event: ChatEvent): Record<string, unknown> {
  switch (event.type) {
    case "message":
    case "action":
    case "topic": {
      const { roomId: _, accountId, ...told } = event;
      return { ...told, isRegistered: accountId !== null };
    }
    case "welcome": {
      const { visit, ...told } = event;
      return { ...told, ...visit, version: PROTOCOL_VERSION };
    }
    default:
      return { ...event };
  }
}

for (const [type, events] of Object.entries<fc.Arbitrary<ChatEvent>>(EVENTS)) {
  Deno.test(`readServerLine() reads every ${type} as the server means it`, () => {
    fc.assert(
      fc.property(events, fc.option(anyRef, { nil: undefined }), (event, ref) => {
        const told = toldOf(event);
        assertEquals<unknown>(
          readServerLine(written(event, ref)),
          ref === undefined ? told : { ...told, ref },
        );
      }),
      { numRuns: 200 },
    );
  });
}

Deno.test("readServerLine() takes a line without one of its fields, or with another in it, for unknown", () => {
  const strange: readonly unknown[] = [null, -1, 0.5, "x", Boolean(1), {}, [], [{}], "\ud83d"];
  fc.assert(
    fc.property(anyEvent, fc.nat(), fc.constantFrom(...strange), (event, which, value) => {
      const { type, ...fields } = JSON.parse(written(event));
      const names = Object.keys(fields);
      const name = names[which % names.length];
      if (name === undefined) return;
      const { [name]: removed, ...others } = fields;
      const read = readServerLine(JSON.stringify({ type, ...others, [name]: value }));
      // Some strange values are good ones of their field; then they were read as they are, but clean.
      assert(read?.type === "unknown" || read?.type === type);
      const without = readServerLine(JSON.stringify({ type, ...others }));
      const isOptional = type === "ok" || (type === "notice" && name === "id");
      assertEquals(without?.type, isOptional ? type : "unknown", `${name}: ${removed}`);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("readServerLine() knows the id and the ref of a line that it does not know", () => {
  assertEquals(readServerLine('{"type":"weather","id":8,"ref":"x","sky":"blue"}'), {
    type: "unknown",
    id: 8,
    ref: "x",
  });
  for (
    const line of [
      '{"type":"weather","id":-1,"ref":{}}',
      '{"type":"__proto__"}',
      '{"type":"toString"}',
      '{"type":"unknown"}',
      '{"type":"nick","id":"1","name":"ann"}',
      '{"type":"nick","__proto__":{"id":1,"name":"ann"}}',
    ]
  ) assertEquals(readServerLine(line), { type: "unknown" }, line);
});

Deno.test("readServerLine() knows lines that are none of the protocol", () => {
  const plain = new PlainProtocol();
  fc.assert(
    fc.property(anyEvent, (event) => {
      for (const line of decoder.decode(plain.encode(event)).split("\n")) {
        if (!line.startsWith("{")) assertEquals(readServerLine(line), null);
      }
    }),
    { numRuns: 500 },
  );
  for (
    const line of ["", "{", "[]", "null", "1", "{}", '{"type":1}', '["message"]', "[".repeat(1e5)]
  ) {
    assertEquals(readServerLine(line), null);
  }
});

/** Every text in a value, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The same value with another text instead of each of its own. */
function withTexts(value: unknown, text: string): unknown {
  if (typeof value === "string") return text;
  if (Array.isArray(value)) return value.map((each) => withTexts(each, text));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) =>
      CHOICES.has(name) ? [name, each] : [name, withTexts(each, text)]
    ),
  );
}

/** Fields that have one of few values. */
const CHOICES = new Set(["type", "kind", "reason", "how", "verb", "purpose", "needs"]);

Deno.test("readServerLine() hands out clean texts only, and several lines only where they are said", () => {
  const texts = fc.oneof(
    hostileLine,
    fc.tuple(hostileLine, hostileLine).map((two) => two.join("\n")),
  );
  fc.assert(
    fc.property(anyEvent, texts, (event, text) => {
      const line = JSON.stringify(withTexts(JSON.parse(written(event)), text));
      const read = readServerLine(line);
      assert(read !== null);
      for (const each of textsIn(read)) {
        for (const part of each.split("\n")) assertEquals(cleanText(part), part);
      }
      const lineEnds = JSON.stringify(read, (name, value) => name === "text" ? undefined : value);
      assert(!lineEnds.includes("\\n"), lineEnds);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("readServerLine() hands out only times that are dates", () => {
  for (const atMs of ["8.64e15", "0"]) {
    const read = readServerLine(`{"type":"pong","text":"","atMs":${atMs}}`);
    assert(read?.type === "pong");
    new Date(read.atMs).toISOString();
  }
  for (const atMs of ["8.65e15", "-1", "1e999", "null", '"1"']) {
    assertEquals(readServerLine(`{"type":"pong","text":"","atMs":${atMs}}`)?.type, "unknown");
  }
});
