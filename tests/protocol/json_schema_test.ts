/**
 * The documentation of the JSON protocol, held together: the tables of its
 * README name the types and fields that `schema.json` describes, and the schema
 * passes nothing that lacks a field or has one too many.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { JsonProtocol } from "../../lib/protocol/json.ts";
import { anyEvent } from "./arbitrary_events.ts";
import {
  assertRequest,
  assertServerLine,
  DEFINITIONS,
  follow,
  linesOf,
  type Schema,
} from "./json_schema.ts";

const README = await Deno.readTextFile(
  new URL("../../lib/protocol/README.md", import.meta.url),
);

/** One field as a table names it. */
interface Documented {
  readonly isOptional: boolean;
  /** Names and values that stand in brackets behind it: of what it holds, or of what it is one. */
  readonly details: readonly string[];
}

type Fields = ReadonlyMap<string, Documented>;

/** The rows of every table, each as its cells, by the section that the table stands in. */
function rowsOf(section: string): string[][] {
  const [, text = ""] = README.split(new RegExp(`^## ${section}$`, "m"));
  return (text.split(/^## /m)[0] ?? "").split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    .filter((cells) => cells[0]?.startsWith("`"));
}

/** What stands between backticks, with whether a question mark follows. */
const CODE = /`([^`]+)`(\??)/g;

/** The fields that a cell lists: up to a colon, what stands in brackets aside. */
function fieldsOf(cell: string): Fields {
  const fields = new Map<string, Documented>();
  // A field, and behind it brackets with details that have no brackets of their own.
  for (const match of cell.matchAll(/`([\w-]+)`(\??)(?: \(([^)]*)\))?/g)) {
    const [, name = "", mark, brackets = ""] = match;
    const details = [...brackets.matchAll(CODE)].map(([, detail = ""]) => detail);
    fields.set(name, { isOptional: mark === "?", details });
  }
  return fields;
}

/** What the README says of each type in a section: the fields of all rows that name it. */
function documentedIn(section: string): ReadonlyMap<string, Fields> {
  const types = new Map<string, Fields>();
  for (const [first = "", fields = ""] of rowsOf(section)) {
    for (const [, type = ""] of first.matchAll(CODE)) {
      types.set(type, merge(types.get(type), fieldsOf(fields)));
    }
  }
  return types;
}

/** Of two rows for one type: what is not in both may be missing. */
function merge(one: Fields | undefined, other: Fields): Fields {
  if (one === undefined) return other;
  return new Map([...one, ...other].map(([name, { isOptional, details }]) => [
    name,
    { isOptional: isOptional || !one.has(name) || !other.has(name), details },
  ]));
}

/** The fields of a type, as the schema and the README both can be read: `name` or `name?`. */
function namesOf(fields: Fields): string[] {
  return [...fields].filter(([name]) => name !== "ref" && name !== "type")
    .map(([name, { isOptional }]) => isOptional ? `${name}?` : name).sort();
}

function namesIn(line: Schema): string[] {
  return Object.keys(line.properties ?? {}).filter((name) => name !== "ref" && name !== "type")
    .map((name) => line.required?.includes(name) === true ? name : `${name}?`).sort();
}

/** What the README has to name behind a field: the values that it can have, or its own fields. */
function detailsIn(field: Schema): string[] {
  const { enum: values = [], items, properties = {} } = follow(field);
  const inner = Object.entries(properties).flatMap(([name, each]) => [name, ...detailsIn(each)]);
  return [
    ...values.filter((value) => value !== null).map((value) => `${value}`),
    ...inner,
    ...items === undefined ? [] : detailsIn(items),
  ];
}

/** Parts that the README describes in sentences of their own. */
const ELSEWHERE = new Set(["HistoryLine", "NameList", "Place"].map((name) => DEFINITIONS[name]));

function isElsewhere(field: Schema): boolean {
  const part = follow(field);
  return ELSEWHERE.has(part) || (part.items !== undefined && ELSEWHERE.has(follow(part.items)));
}

const [REQUESTS, ANSWERS] = [documentedIn("Requests"), documentedIn("What the server sends")];

Deno.test("the README and the schema name the same types", () => {
  assertEquals([...REQUESTS.keys(), "hello"].sort(), [...linesOf("Request").keys()].sort());
  assertEquals([...ANSWERS.keys()].sort(), [...linesOf("ServerLine").keys()].sort());
});

Deno.test("the README and the schema name the same fields, and the same of them may be missing", () => {
  for (const [type, fields] of REQUESTS) {
    assertEquals(namesOf(fields), namesIn(linesOf("Request").get(type) ?? {}), type);
  }
  for (const [type, fields] of ANSWERS) {
    if (type === "welcome") continue;
    assertEquals(namesOf(fields), namesIn(linesOf("ServerLine").get(type) ?? {}), type);
  }
  // These two have tables of their own, a field or several in a row.
  const tableOf = (section: string): Fields =>
    new Map(rowsOf(section).flatMap(([first = ""]) => [...fieldsOf(first)]));
  assertEquals(namesOf(tableOf("Coming in")), namesIn(linesOf("Request").get("hello") ?? {}));
  assertEquals(namesOf(tableOf("Resuming")), namesIn(linesOf("ServerLine").get("welcome") ?? {}));
});

Deno.test("the README names every value and every inner field of the schema", () => {
  for (const [type, fields] of ANSWERS) {
    const { properties = {} } = linesOf("ServerLine").get(type) ?? {};
    for (const [name, { details }] of fields) {
      const field = properties[name] ?? {};
      if (name === "ref" || isElsewhere(field)) continue;
      const missing = detailsIn(field).filter((detail) => !details.includes(detail));
      assertEquals(missing, [], `${type}, ${name}`);
    }
  }
  const past = fieldsOf(/A line of history has (.*)\./.exec(README)?.[1] ?? "");
  assertEquals(namesOf(past), namesIn(DEFINITIONS["HistoryLine"] ?? {}));
  assertEquals(past.get("kind")?.details, ["message", "action", "topic"]);
  const place = fieldsOf(/all of theirs, each ([^|]*)/.exec(README)?.[1] ?? "");
  assertEquals(namesOf(place), namesIn(DEFINITIONS["Place"] ?? {}));
  const names: object = JSON.parse(
    /`(\{"names": .*?\})`/.exec(README)?.[1]?.replace("...", "") ?? "",
  );
  assertEquals(Object.keys(names).sort(), namesIn(DEFINITIONS["NameList"] ?? {}));
});

Deno.test("every line can have a ref, and only ok has to", () => {
  for (const side of ["ServerLine", "Request"] as const) {
    for (const [type, { properties = {}, required = [] }] of linesOf(side)) {
      assert("ref" in properties, type);
      assertEquals(required.includes("ref"), type === "ok", type);
    }
  }
});

Deno.test("every field that the schema names has to be something", () => {
  for (const [name, part] of Object.entries(DEFINITIONS)) {
    for (const [field, each] of Object.entries(part.properties ?? {})) {
      assert(Object.keys(each).length > 0, `${name}, ${field}`);
    }
  }
});

Deno.test("assertServerLine() passes no line that lacks a field, or has another", () => {
  const json = new JsonProtocol();
  fc.assert(
    fc.property(anyEvent, fc.nat(), (event, which) => {
      const line: Record<string, unknown> = JSON.parse(
        new TextDecoder().decode(json.encode(event, 1)),
      );
      assertServerLine(JSON.stringify(line));
      assertThrows(() => assertServerLine(JSON.stringify({ ...line, roomId: 1 })));
      assertThrows(() => assertServerLine(JSON.stringify({ ...line, ref: -1 })));
      const required = linesOf("ServerLine").get(event.type)?.required ?? [];
      const { [required[which % required.length] ?? ""]: _, ...others } = line;
      assertThrows(() => assertServerLine(JSON.stringify(others)));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("assertServerLine() and assertRequest() look inside, and at who sends what", () => {
  const past = { id: 1, atMs: 5, room: "#lobby", kind: "message", from: "ann", text: "a\nb" };
  const found = (line: object): string =>
    JSON.stringify({ type: "found", nowMs: 5, lines: [line] });
  assertServerLine(found(past));
  const wrong = [{ accountId: 1 }, { kind: "notice" }, { room: "lobby" }, { text: "\x1b" }];
  for (const changes of wrong) {
    assertThrows(() => assertServerLine(found({ ...past, ...changes })), Error, "/lines/0");
  }
  assertRequest('{"type":"say","text":"x","ref":1,"room":null}');
  assertThrows(() => assertRequest('{"type":"say","text":"x","rooms":"#x"}'), Error, "rooms");
  assertThrows(() => assertRequest('{"type":"pong","text":"x"}'), Error, "has no type");
  assertThrows(() => assertServerLine('{"type":"say","text":"x"}'), Error, "has no type");
  for (const line of ["", "-- Goodbye.", "[]", "null"]) assertThrows(() => assertServerLine(line));
});
