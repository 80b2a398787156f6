/**
 * `lib/protocol/schema.json`, applied: whether a line of the JSON protocol is
 * what the schema says.
 *
 * The schema leaves objects open, since readers have to pass over what they do
 * not know. Tests know all there is, so for them it is closed: a field that the
 * schema does not name fails.
 *
 * @module
 */

import { Ajv2020, type ValidateFunction } from "ajv";
import schema from "../../lib/protocol/schema.json" with { type: "json" };

/** A schema of an object, or anything in one. */
export interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** The parts of the schema by their names. */
export const DEFINITIONS: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries<unknown>(schema.$defs).map(([name, part]) => [name, part as Schema]),
);

/** Who sends a line. */
export type Side = "ServerLine" | "Request";

/** The parts that describe lines of a side, by the types of those lines. */
export function linesOf(side: Side): ReadonlyMap<string, Schema> {
  const lines = new Map<string, Schema>();
  for (const one of DEFINITIONS[side]?.oneOf ?? []) {
    const line = follow(one);
    const type = line.properties?.["type"] ?? {};
    for (const each of type.enum ?? [type.const]) lines.set(`${each}`, line);
  }
  return lines;
}

/** What a reference leads to; anything else is itself. */
export function follow(one: Schema): Schema {
  const name = one.$ref?.replace("#/$defs/", "");
  return name === undefined ? one : DEFINITIONS[name] ?? {};
}

/**
 * Makes sure that a line is one of the server's, with exactly the fields of its type.
 *
 * @param line One line without its end.
 * @throws {Error} If not; the message names the line and what is wrong.
 */
export function assertServerLine(line: string): void {
  assertLine(line, "ServerLine", CLOSED);
}

/**
 * Makes sure that a line is a request.
 *
 * @param line One line without its end.
 * @param options With `isOpen`, fields that the schema does not name are passed over.
 * @throws {Error} If not; the message names the line and what is wrong.
 */
export function assertRequest(line: string, options: { readonly isOpen?: boolean } = {}): void {
  assertLine(line, "Request", options.isOpen === true ? OPEN : CLOSED);
}

function assertLine(line: string, side: Side, validators: Validators): void {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Error(`A line is no JSON: ${line}`, { cause });
  }
  const type = typeof value === "object" && value !== null && "type" in value ? value.type : "";
  // By type, so that what is said to be wrong is about that type's fields.
  const validate = validators[side].get(`${type}`);
  if (validate === undefined) throw new Error(`A ${side} has no type "${type}": ${line}`);
  if (validate(value)) return;
  const faults = (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath} ${message} ${JSON.stringify(params)}`
  );
  throw new Error(`A line is not as the schema says: ${line}\n${faults.join("\n")}`);
}

type Validators = Readonly<Record<Side, ReadonlyMap<string, ValidateFunction>>>;

const OPEN = compile(schema);
const CLOSED = compile(close(schema));

function compile(root: object): Validators {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
  ajv.addSchema(root, "parley");
  const compileAll = (side: Side): ReadonlyMap<string, ValidateFunction> =>
    new Map([...linesOf(side)].map(([type, line]) => {
      const [name = ""] = Object.entries(DEFINITIONS).find(([, each]) => each === line) ?? [];
      return [type, ajv.compile({ $ref: `parley#/$defs/${name}` })];
    }));
  return { ServerLine: compileAll("ServerLine"), Request: compileAll("Request") };
}

/** The same schema, in which objects have no other fields than those that are named. */
function close<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(close) as Value;
  const closed = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, close(each)]));
  return ("properties" in closed ? { ...closed, additionalProperties: false } : closed) as Value;
}
