/**
 * How a line that the user sent looks on the user's own screen.
 *
 * The server does not send it back, so it is shown as the others see it. What
 * others do not see, commands that is, is shown as it was typed, but quietly,
 * and without the passwords in it.
 * Pure. Must not know: the terminal, whether the server accepts the line.
 *
 * @module
 */

import type { Painter } from "./paint.ts";

/** Options of {@linkcode describeOwnLine}. */
export interface OwnLineOptions {
  /** Colours the name and the marks. */
  readonly painter: Painter;
  /** One's own name, or null while it is not known. */
  readonly name: string | null;
}

const ACTION = /^\/me\s+(\S.*)$/iu;
const ELSEWHERE = /^\/msg\s+(#\S+)\s+(\S.*)$/iu;
const DIRECT = /^\/msg\s+(\S+)\s+(\S.*)$/iu;
const REPLY = /^\/reply\s+(\S.*)$/iu;

/**
 * A command up to its password. Of two words behind `/login` the first is a
 * name; with more of them nobody can tell which.
 */
const SECRET = new RegExp(
  String.raw`^(/(?:register|pass|login(?:\s+\S+(?=\s+\S+\s*$))?|account\s+\S+|` +
    String.raw`join\s+\S+|room\s+pass\S*)\s+)\S`,
  "iu",
);
/** What stands where a password was typed: nothing tells how long it is. */
export const MASK = "****";

/**
 * A typed line with its passwords masked: the line itself where there are none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { maskSecrets } from "./own_line.ts";
 *
 * assertEquals(maskSecrets("/login ann tr0ub4dor"), "/login ann ****");
 * assertEquals(maskSecrets("/join #dev"), "/join #dev");
 * ```
 *
 * @param text Clean.
 */
export function maskSecrets(text: string): string {
  const secret = SECRET.exec(text);
  return secret === null ? text : `${secret[1]}${MASK}`;
}

/**
 * A typed line as it is shown after Enter.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { describeOwnLine } from "./own_line.ts";
 * import { Painter } from "./paint.ts";
 *
 * const options = { painter: new Painter(0), name: "ann" };
 * assertEquals(describeOwnLine("hello", options), "ann: hello");
 * assertEquals(describeOwnLine("/me waves", options), "* ann waves");
 * assertEquals(describeOwnLine("/who", options), "/who");
 * ```
 *
 * @param text Clean, with at least one visible character.
 */
export function describeOwnLine(text: string, options: OwnLineOptions): string {
  const { painter } = options;
  const name = painter.own(options.name ?? "you");
  if (!text.startsWith("/")) return `${name}: ${text}`;
  if (text.startsWith("//")) return `${name}: ${text.slice(1)}`;
  const action = ACTION.exec(text);
  if (action !== null) return `* ${name} ${action[1]}`;
  const elsewhere = ELSEWHERE.exec(text);
  if (elsewhere !== null) return `${painter.quiet(`[${elsewhere[1]}]`)} ${name}: ${elsewhere[2]}`;
  const direct = DIRECT.exec(text);
  if (direct !== null) return `${painter.mark(`[private to ${direct[1]}]`)} ${name}: ${direct[2]}`;
  const reply = REPLY.exec(text);
  if (reply !== null) return `${painter.mark("[private]")} ${name}: ${reply[1]}`;
  return painter.quiet(maskSecrets(text));
}
