/**
 * The plain protocol read from the other side: what decides how a pipeline ends.
 *
 * It knows the three lines of `plain.ts` that the bundled client acts upon (a test
 * holds the two together), and promises never to throw, and never to take what a
 * user wrote for the server's line.
 * Must not know: the terminal, sockets, the chat.
 *
 * @module
 */

/** What one line from a server is. */
export type PlainLine =
  /** One is in. */
  | { readonly type: "welcome" }
  /** What is sent next is the server's password. */
  | { readonly type: "password-wanted" }
  /** The server ends the visit; it was asked to where there is no `why`. */
  | { readonly type: "goodbye"; readonly why: string | null }
  /** Anything else that somebody says. */
  | { readonly type: "other" };

const WELCOME =
  /^-- Welcome to .*\. You are \S+ in (?:no room\.$|#\S+, (?:alone so far|with .+)\.$)/u;
const GOODBYE =
  /^-- Goodbye(?:\.|: (.*)|\. (You were .*|\S+ ended this connection from another one\.))$/u;
const PASSWORD_WANTED = "-- This server asks for its password. Type it, and then Enter:";

/**
 * Reads one line from a server that speaks the plain protocol.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readPlainLine } from "./plain_reader.ts";
 *
 * assertEquals(readPlainLine("-- Goodbye."), { type: "goodbye", why: null });
 * assertEquals(readPlainLine("ann: -- Goodbye."), { type: "other" });
 * ```
 *
 * @param line One line without its end.
 */
export function readPlainLine(line: string): PlainLine {
  if (line === PASSWORD_WANTED) return { type: "password-wanted" };
  if (WELCOME.test(line)) return { type: "welcome" };
  const goodbye = GOODBYE.exec(line);
  return goodbye === null
    ? { type: "other" }
    : { type: "goodbye", why: goodbye[1] ?? goodbye[2] ?? null };
}
