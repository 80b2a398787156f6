/**
 * What a typed text means: something to say, a command for the server, or one for
 * the client itself.
 *
 * Pure. Must not know: the terminal, what commands there are on the server.
 *
 * @module
 */

/** What a typed text means. */
export type TypedLine =
  /** Says it. */
  | { readonly kind: "say"; readonly text: string }
  /** Does `/me`. */
  | { readonly kind: "action"; readonly text: string }
  /** Says it to somebody in private, or in another room; to null it answers the last such. */
  | { readonly kind: "to"; readonly to: string | null; readonly text: string }
  /** A command, with its name in small letters and without its slash. */
  | { readonly kind: "command"; readonly name: string; readonly args: string };

/**
 * Reads a text that was typed. A second slash makes a text of what would be a
 * command, and several lines are always a text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readTyped } from "./typed_line.ts";
 *
 * assertEquals(readTyped("hello"), { kind: "say", text: "hello" });
 * assertEquals(readTyped("//shrug"), { kind: "say", text: "/shrug" });
 * assertEquals(readTyped("/msg ann psst"), { kind: "to", to: "ann", text: "psst" });
 * assertEquals(readTyped("/JOIN #dev"), { kind: "command", name: "join", args: "#dev" });
 * ```
 */
export function readTyped(text: string): TypedLine {
  if (!text.startsWith("/") || text.trim().includes("\n")) return { kind: "say", text };
  if (text.startsWith("//")) return { kind: "say", text: text.slice(1) };
  const [, word = "", args = ""] = /^\/(\S*)\s*(.*?)\s*$/su.exec(text) ?? [];
  const name = word.toLowerCase();
  if (args === "") return { kind: "command", name, args };
  if (name === "me") return { kind: "action", text: args };
  if (name === "reply") return { kind: "to", to: null, text: args };
  const [, to, said] = /^(\S+)\s+(.+)$/su.exec(args) ?? [];
  if (name === "msg" && to !== undefined && said !== undefined) {
    return { kind: "to", to, text: said };
  }
  return { kind: "command", name, args };
}
