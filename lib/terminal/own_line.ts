/**
 * Passwords in a line of the user's own, which are not to be seen.
 *
 * Pure. Must not know: the terminal, whether the server accepts the line.
 *
 * @module
 */

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
 * Where in a typed line its passwords begin; null where there are none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { secretStart } from "./own_line.ts";
 *
 * assertEquals(secretStart("/login ann tr0ub4dor"), "/login ann ".length);
 * assertEquals(secretStart("/join #dev"), null);
 * ```
 */
export function secretStart(text: string): number | null {
  return SECRET.exec(text)?.[1]?.length ?? null;
}

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
 */
export function maskSecrets(text: string): string {
  const start = secretStart(text);
  return start === null ? text : text.slice(0, start) + MASK;
}
