/**
 * The JSON protocol, line by line: what requests become, and what events look
 * like; and that no line, however hostile, is more than its fields say.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import type { ChatEvent } from "../../lib/events.ts";
import { LINE_BYTES_MAX, MESSAGE_LINES_MAX, REF_LENGTH_MAX } from "../../lib/limits.ts";
import type { ClientMessage, Hello } from "../../lib/messages.ts";
import { isHello, JsonProtocol } from "../../lib/protocol/json.ts";
import { cleanText } from "../../lib/text.ts";
import { anyEvent, anyRef } from "./arbitrary_events.ts";
import { hostileLine } from "./hostile_texts.ts";
import { assertRequest, assertServerLine } from "./json_schema.ts";

const json = new JsonProtocol();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const [HERE, ELSEWHERE] = [true, false];
const [YES, NO] = [true, false];

function encoded(event: ChatEvent): string {
  return decoder.decode(json.encode(event));
}

function assertDecoded(table: readonly (readonly [string, ClientMessage])[]): void {
  for (const [line, message] of table) assertEquals(json.decode(line), message, line);
}

/** The code with which a line is refused, and its `ref`. */
function refusalOf(line: string): readonly [code: string | null, ref: unknown] {
  const message = json.decode(line);
  if (message.type !== "invalid") return [null, undefined];
  // Whoever reads it can tell what is wrong.
  assert(/^[\w-].*\.$/.test(message.text), message.text);
  return [message.code, message.ref];
}

Deno.test("JsonProtocol.decode() reads what is said", () => {
  assertDecoded([
    ['{"type":"say","text":"hello"}', { type: "say", text: "hello" }],
    ['{"type":"say","text":"hello","ref":7}', { type: "say", text: "hello", ref: 7 }],
    ['{"type":"say","text":"x","room":"#dev"}', { type: "say", text: "x", room: "#dev" }],
    // Nothing in a text makes it a command.
    ['{"type":"say","text":"/nick ann"}', { type: "say", text: "/nick ann" }],
    ['{"type":"say","text":"//x"}', { type: "say", text: "//x" }],
    // Lines, ended as any system ends them.
    ['{"type":"say","text":"a\\nb\\r\\nc"}', { type: "say", text: "a\nb\nc" }],
    ['{"type":"say","text":"\\n\\na\\n\\n  b\\n \\n\\n"}', { type: "say", text: "\n\na\n\n  b" }],
    // What could do harm is gone.
    ['{"type":"say","text":"\\u001b[31mred\\u001b[0m\\u202e"}', { type: "say", text: "red" }],
    ['{"type":"say","text":"a\\rb\\u0000\\u0085c"}', { type: "say", text: "abc" }],
    ['{"type":"say","text":"\\ud83d x"}', { type: "say", text: "\ufffd x" }],
    ['{"type":"say","text":"\\ud83d\\ude00"}', { type: "say", text: "\u{1f600}" }],
  ]);
});

Deno.test("JsonProtocol.decode() reads commands", () => {
  const command = (name: string, args: string): ClientMessage => ({ type: "command", name, args });
  assertDecoded([
    ['{"type":"command","name":"who"}', command("who", "")],
    ['{"type":"command","name":"/Nick","args":"  Ann "}', command("nick", "Ann")],
    ['{"type":"command","name":""}', command("", "")],
    ['{"type":"command","name":"topic","args":"a\\nb\\u0007"}', command("topic", "a b")],
    [
      '{"type":"command","name":"me","args":"waves\\nand goes\\n"}',
      command("me", "waves\nand goes"),
    ],
    ['{"type":"command","name":"MSG","args":"bob a\\n\\u202eb"}', command("msg", "bob a\nb")],
    ['{"type":"command","name":"/reply","args":"\\n a\\nb"}', command("reply", "a\nb")],
    ['{"type":"quit"}', command("quit", "")],
    [
      '{"type":"command","name":"topic","args":"tea","room":"#dev","ref":"r"}',
      { type: "command", name: "topic", args: "tea", room: "#dev", ref: "r" },
    ],
    ['{"type":"quit","ref":3}', { type: "command", name: "quit", args: "", ref: 3 }],
  ]);
});

Deno.test("JsonProtocol.decode() reads pings", () => {
  assertDecoded([
    ['{"type":"ping"}', { type: "ping", text: "", lastId: 0 }],
    ['{"type":"ping","text":"a\\nb","last":9,"ref":2}', {
      type: "ping",
      text: "a b",
      lastId: 9,
      ref: 2,
    }],
  ]);
});

Deno.test("JsonProtocol.decode() reads how a program comes in", () => {
  const hello = (changes: Partial<Hello>): ClientMessage & { type: "hello" } => ({
    type: "hello",
    hello: {
      version: 1,
      nick: null,
      password: null,
      token: null,
      lastId: 0,
      wantsToken: YES,
      ...changes,
    },
  });
  assertDecoded([
    ['{"type":"hello","version":1}', hello({})],
    ['{"type":"hello","version":2,"nick":"ann\\u202e"}', hello({ version: 2, nick: "ann" })],
    ['{"type":"hello","version":1,"password":"p w"}', hello({ password: "p w" })],
    ['{"type":"hello","version":1,"token":"t","last":41}', hello({ token: "t", lastId: 41 })],
    ['{"type":"hello","version":1,"resume":false}', hello({ wantsToken: NO })],
    // Null is how some languages leave a field out.
    ['{"type":"hello","version":1,"nick":null,"token":null,"last":null,"resume":null}', hello({})],
    ['{"type":"hello","version":1,"ref":5}', { ...hello({}), ref: 5 }],
  ]);
});

Deno.test("JsonProtocol.decode() takes an object as JSON has it: any order, spaces, doubles, more", () => {
  const said: ClientMessage = { type: "say", text: "x" };
  assertDecoded([
    ['  {\t"text" : "x" , "type":"say" }\r', said],
    ['\ufeff{"type":"say","text":"x"}', said],
    ['{"type":"s\\u0061y","text":"x"}', said],
    ['{"type":"say","text":"x","mood":{"deep":[[[1]]]},"atMs":1e999}', said],
    ['{"type":"quit","type":"say","text":"y","text":"x"}', said],
    ['{"type":"say","text":"x","__proto__":{"room":"#dev","ref":1},"constructor":1}', said],
    ['{"type":"say","text":"x","ref":null,"room":null}', said],
  ]);
});

Deno.test("JsonProtocol.decode() passes over a line with nothing on it", () => {
  for (const line of ["", " ", "\t", "\r", "\ufeff"]) {
    assertEquals(json.decode(line), { type: "blank" });
  }
});

Deno.test("JsonProtocol.decode() refuses what is no request, and says by its ref which", () => {
  const table: readonly (readonly [line: string, code: string, ref?: unknown])[] = [
    ...["{", "hello", "[]", "1", "null", '"say"', "{hi}", '{"type":"say"}}', '{"a":1,}', "{}{}"]
      .map((line) => [line, "bad-json"] as const),
    ["[".repeat(LINE_BYTES_MAX), "bad-json"],
    ['{"a":'.repeat(LINE_BYTES_MAX / 5), "bad-json"],
    // Types that there are not.
    ["{}", "bad-request"],
    ['{"ref":1}', "bad-request", 1],
    ['{"type":"sing","ref":"x"}', "bad-request", "x"],
    ['{"type":"toString"}', "bad-request"],
    ['{"type":"__proto__"}', "bad-request"],
    ['{"type":["say"],"text":"x"}', "bad-request"],
    ['{"__proto__":{"type":"quit"}}', "bad-request"],
    // Fields of another type, or missing.
    ['{"type":"say","ref":1}', "bad-request", 1],
    ['{"type":"say","text":null,"ref":1}', "bad-request", 1],
    ['{"type":"say","text":["x"]}', "bad-request"],
    ['{"type":"say","text":1}', "bad-request"],
    ['{"type":"say","text":"x","room":{}}', "bad-request"],
    ['{"type":"command","args":"x"}', "bad-request"],
    ['{"type":"command","name":"me","args":["x"]}', "bad-request"],
    ['{"type":"ping","text":1}', "bad-request"],
    ['{"type":"ping","last":"1"}', "bad-request"],
    ['{"type":"ping","last":-1}', "bad-request"],
    ['{"type":"ping","last":1.5}', "bad-request"],
    ['{"type":"ping","last":1e999}', "bad-request"],
    ['{"type":"hello"}', "bad-request"],
    ['{"type":"hello","version":"1"}', "bad-request"],
    ['{"type":"hello","version":1,"nick":1}', "bad-request"],
    ['{"type":"hello","version":1,"resume":0}', "bad-request"],
    ['{"type":"hello","version":1,"last":-1,"ref":4}', "bad-request", 4],
    // References that cannot be told, or do not grow.
    ...[
      "0",
      "-1",
      "1.5",
      "9007199254740992",
      "1e999",
      "true",
      "{}",
      "[1]",
      '"\\ud83d"',
      `"${"x".repeat(REF_LENGTH_MAX + 1)}"`,
    ].map((ref) => [`{"type":"quit","ref":${ref}}`, "bad-ref"] as const),
    // Texts that cannot be said.
    ['{"type":"say","text":"","ref":1}', "no-text", 1],
    ['{"type":"say","text":" \\n\\t\\u200b\\u00a0\\n","ref":1}', "no-text", 1],
    [`{"type":"say","text":"${"x\\n".repeat(MESSAGE_LINES_MAX)}x","ref":1}`, "too-many-lines", 1],
    [`{"type":"command","name":"me","args":"${"x\\n".repeat(500)}x"}`, "too-many-lines"],
  ];
  for (const [line, code, ref] of table) assertEquals(refusalOf(line), [code, ref], line);
});

Deno.test("JsonProtocol.decode() takes as much as it promises", () => {
  for (const ref of ["1", `${Number.MAX_SAFE_INTEGER}`, '""', `"${"\u{1f600}".repeat(64)}"`]) {
    assertEquals(json.decode(`{"type":"quit","ref":${ref}}`), {
      type: "command",
      name: "quit",
      args: "",
      ref: JSON.parse(ref),
    });
  }
  const lines = Array.from({ length: MESSAGE_LINES_MAX }, (_, index) => `${index}`);
  assertEquals(json.decode(JSON.stringify({ type: "say", text: [...lines, "", ""].join("\n") })), {
    type: "say",
    text: lines.join("\n"),
  });
});

/** A request with anything in its fields. */
const wildRequest = fc.record({
  type: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom("say", "command", "ping", "quit", "hello") },
    { weight: 1, arbitrary: hostileLine },
  ),
  text: fc.oneof({ weight: 9, arbitrary: hostileLine }, { weight: 1, arbitrary: fc.jsonValue() }),
  name: fc.oneof(fc.constantFrom("me", "/MSG", "reply", "topic"), hostileLine, fc.jsonValue()),
  args: fc.oneof(hostileLine, fc.jsonValue()),
  room: fc.oneof(hostileLine, fc.constantFrom("#dev", null, 1)),
  version: fc.oneof(fc.constant(1), fc.double(), fc.jsonValue()),
  nick: fc.oneof(hostileLine, fc.jsonValue()),
  token: fc.oneof(hostileLine, fc.jsonValue()),
  last: fc.oneof(fc.nat(), fc.double(), fc.jsonValue()),
  ref: fc.oneof(fc.integer(), hostileLine, fc.jsonValue()),
}, { requiredKeys: [] });

Deno.test("JsonProtocol.decode() never throws, and what it gives is clean", () => {
  const assertClean = (text: string | null | undefined): void => {
    for (const line of (text ?? "").split("\n")) assertEquals(cleanText(line), line);
  };
  const line = fc.oneof(
    { weight: 4, arbitrary: wildRequest.map((request) => JSON.stringify(request)) },
    { weight: 1, arbitrary: hostileLine },
    { weight: 1, arbitrary: fc.json() },
  );
  fc.assert(
    fc.property(line, (text) => {
      const message = json.decode(text);
      switch (message.type) {
        case "say":
          assertNotEquals(message.text.trim(), "");
          assertClean(message.text);
          return assertClean(message.room);
        case "command": {
          const { name, args } = message;
          assertEquals([name, args], [name.toLowerCase(), args.trim()]);
          assert(!name.includes("\n"));
          assert(!args.includes("\n") || ["me", "msg", "reply"].includes(name));
          assertClean(name);
          assertClean(args);
          return assertClean(message.room);
        }
        case "hello":
          assertClean(message.hello.nick);
          assertClean(message.hello.password);
          return assertClean(message.hello.token);
        case "ping":
          return assertClean(message.text);
        case "invalid":
          return assertClean(message.text);
        case "blank":
          return assertEquals(text.trim(), "");
      }
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("what JsonProtocol.decode() takes is what the schema allows", () => {
  fc.assert(
    fc.property(wildRequest, (request) => {
      const line = JSON.stringify(request);
      const message = json.decode(line);
      // Of one type the fields of the others are unknown ones, and a schema knows no clean texts.
      if (message.type === "invalid" && !["bad-request", "bad-ref"].includes(message.code)) return;
      const isAllowed = passes(() => assertRequest(line, { isOpen: true }));
      assertEquals(isAllowed, message.type !== "invalid", line);
    }),
    { numRuns: 2_000 },
  );
});

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

Deno.test("isHello() knows what opens the protocol", () => {
  for (
    const line of [
      '{"type":"hello","version":1}',
      ' \t{ "version" : 1, "type" : "hello" }\r',
      '\ufeff{"type":"hello"}',
      '{"type":"\\u0068ello"}',
      '{"type":"quit","type":"hello"}',
    ]
  ) assert(isHello(line), line);
  for (
    const line of [
      "",
      "hello",
      "{hi}",
      '{"type":"hello"',
      '{"type":"say","text":"hello"}',
      '{"type":"hello","type":"say"}',
      '["hello"]',
      '"hello"',
      '{"__proto__":{"type":"hello"}}',
      'x {"type":"hello"}',
      '{"type":["hello"]}',
    ]
  ) assert(!isHello(line), line);
});

Deno.test("JsonProtocol.encode() writes the fields of the contract, in its order", () => {
  mock.timers.enable({ apis: ["Date"], now: 1_767_355_200_000 });
  try {
    const said = {
      id: 4_711,
      atMs: 1_767_355_200_000,
      room: "#lobby",
      roomId: 1,
      from: "ann",
      text: 'a "b"\n\\ \u{1f600}',
    };
    const written = '"id":4711,"atMs":1767355200000,"room":"#lobby","from":"ann",';
    const nobody = { names: [], more: 0 };
    const table: readonly (readonly [ChatEvent, number | string | undefined, string])[] = [
      [
        { type: "message", ...said, accountId: null },
        undefined,
        `{"type":"message",${written}"isRegistered":false,"text":"a \\"b\\"\\n\\\\ \u{1f600}"}`,
      ],
      [
        { type: "action", ...said, accountId: 3, text: "waves" },
        7,
        `{"type":"action","ref":7,${written}"isRegistered":true,"text":"waves"}`,
      ],
      [{ type: "ok" }, 1, '{"type":"ok","ref":1}'],
      [
        { type: "ok", atMs: 5, id: 4, repeated: YES },
        "x",
        '{"type":"ok","ref":"x","id":4,"atMs":5,"repeated":true}',
      ],
      [
        { type: "pong", text: "p", atMs: 1767355200000 },
        2,
        '{"type":"pong","ref":2,"text":"p","atMs":1767355200000}',
      ],
      [
        { type: "caught-up", missed: 3, id: 4_714 },
        undefined,
        '{"type":"caught-up","id":4714,"missed":3}',
      ],
      [
        { type: "parted", room: "#dev", to: null, id: 8 },
        undefined,
        '{"type":"parted","id":8,"room":"#dev","to":null}',
      ],
      [
        {
          type: "welcome",
          server: "Parley",
          name: "ann",
          room: "#lobby",
          others: nobody,
          motd: ["Be kind."],
          topic: "tea",
          visit: {
            isRegistered: NO,
            rooms: [{ room: "#lobby", topic: "tea", others: nobody }],
            id: 9,
            token: "t",
            graceMs: 60_000,
            isResumed: NO,
            isRestarted: NO,
            isComplete: YES,
            lastRef: 0,
          },
        },
        undefined,
        '{"type":"welcome","id":9,"version":1,"server":"Parley","name":"ann","room":"#lobby",' +
        '"others":{"names":[],"more":0},"motd":["Be kind."],"topic":"tea","isRegistered":false,' +
        '"rooms":[{"room":"#lobby","topic":"tea","others":{"names":[],"more":0}}],"token":"t",' +
        '"graceMs":60000,"isResumed":false,"isRestarted":false,"isComplete":true,"lastRef":0}',
      ],
    ];
    for (const [event, ref, line] of table) {
      assertEquals(decoder.decode(json.encode(event, ref)), `${line}\n`);
      assertServerLine(line);
    }
  } finally {
    mock.timers.reset();
  }
});

Deno.test("JsonProtocol.encode() writes one line that the schema allows, whatever the event", () => {
  fc.assert(
    fc.property(anyEvent, fc.option(anyRef), (event, ref) => {
      // Only requests that have one are answered by it.
      const answered = ref ?? (event.type === "ok" ? 1 : undefined);
      const text = decoder.decode(json.encode(event, answered));
      assertEquals(text.indexOf("\n"), text.length - 1);
      assertServerLine(text.slice(0, -1));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("JsonProtocol.encodeAll() writes what encode() writes, and says where each event ends", () => {
  mock.timers.enable({ apis: ["Date"] });
  try {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 8 }), (events) => {
        const { bytes, ends } = json.encodeAll(events, HERE);
        assertEquals(ends.length, events.length);
        for (const [at, event] of events.entries()) {
          const slice = decoder.decode(bytes.subarray(ends[at - 1] ?? 0, ends[at]));
          assertEquals(slice, encoded(event));
        }
        assertEquals(ends.at(-1) ?? 0, bytes.length);
      }),
      { numRuns: 500 },
    );
  } finally {
    mock.timers.reset();
  }
});

Deno.test("JsonProtocol.encodeAll() gives the same bytes for the same list, wherever its reader is", () => {
  const make = (): ChatEvent[] => [{ type: "nick", id: 1, name: "ann" }];
  const [first, second] = [make(), make()];
  const { bytes } = json.encodeAll(first, HERE);
  assertStrictEquals(json.encodeAll(first, ELSEWHERE).bytes, bytes);
  assertStrictEquals(json.encodeAll(first, HERE).bytes, bytes);
  assert(json.encodeAll(second, HERE).bytes !== bytes);
  assertEquals(new JsonProtocol().encodeAll([], HERE), { bytes: new Uint8Array(0), ends: [] });
});
