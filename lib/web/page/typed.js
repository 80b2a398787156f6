// @ts-check
/**
 * What a typed text means, and whether the server can take it.
 *
 * Pure. Must not know: the document, which commands the server has.
 *
 * @module
 */

import { MESSAGE_LINES_MAX, REQUEST_BYTES_MAX } from "./limits.js";

/**
 * What a typed text means; `to` null answers the last private message.
 *
 * @typedef {{ kind: "say", text: string }
 *   | { kind: "action", text: string }
 *   | { kind: "to", to: string | null, text: string }
 *   | { kind: "command", name: string, args: string }} Typed
 */

/** Bytes of a request beside its text: a name, a room, a number. */
const FRAME_BYTES = 300;

/**
 * Reads a text that was typed. A second slash makes a text of what would be a command, and several
 * lines are a text, but for those behind `/me`, `/msg` and `/reply`.
 *
 * @param {string} text
 * @returns {Typed}
 */
export function readTyped(text) {
  if (!text.startsWith("/")) return { kind: "say", text };
  if (text.startsWith("//")) return { kind: "say", text: text.slice(1) };
  const [, word = "", args = ""] = /^\/(\S*)\s*(.*?)\s*$/su.exec(text) ?? [];
  const name = word.toLowerCase();
  if (name === "me" && args !== "") return { kind: "action", text: args };
  if (name === "reply" && args !== "") return { kind: "to", to: null, text: args };
  if (name === "msg") {
    const [, to, said] = /^(\S+)\s+(.+)$/su.exec(args) ?? [];
    if (to !== undefined && said !== undefined) return { kind: "to", to, text: said };
  }
  if (text.trim().includes("\n")) return { kind: "say", text };
  return { kind: "command", name, args };
}

/**
 * Whether a command has a password in it, which is not to be shown again.
 *
 * @param {string} text
 * @returns {boolean}
 */
export function hasSecret(text) {
  return /^\/(?:register|login|account|join\s+\S+\s+\S|room\s+password)\b/i.test(text.trim());
}

/**
 * What is to be said of a text before it is sent: `lines` where it has several, `problem` where it
 * cannot be sent, as a sentence; both empty otherwise.
 *
 * @param {string} text
 * @returns {{ lines: number, problem: string }}
 */
export function measure(text) {
  const trimmed = text.replace(/\s+$/u, "");
  const lines = trimmed.split("\n").length;
  if (lines > MESSAGE_LINES_MAX) {
    return { lines, problem: `${lines} lines: a message has ${MESSAGE_LINES_MAX} at most.` };
  }
  const over = byteLengthOf(trimmed) + FRAME_BYTES - REQUEST_BYTES_MAX;
  if (over > 0) {
    return { lines, problem: `Too long by ${over} bytes: please make several messages of it.` };
  }
  return { lines, problem: "" };
}

/**
 * Bytes of a text inside a request.
 *
 * @param {string} text
 */
function byteLengthOf(text) {
  // Most texts are so short that there is nothing to count.
  if (text.length * 6 + FRAME_BYTES < REQUEST_BYTES_MAX) return 0;
  return new TextEncoder().encode(JSON.stringify(text)).length;
}
