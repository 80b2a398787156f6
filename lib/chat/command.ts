/**
 * What a command is, and how its arguments are taken apart.
 *
 * Must not know: which commands there are.
 *
 * @module
 */

import { formatDuration, parseDuration } from "../duration.ts";
import { CommandError } from "../errors.ts";
import type { ChatEvent } from "../events.ts";
import { PHRASE_LENGTH_MAX, TERM_MS_MAX } from "../limits.ts";
import type { Chat } from "./chat.ts";
import type { Right } from "./rights.ts";
import type { Member } from "./state.ts";

/** What a command works on. */
export interface CommandContext {
  /** Who asks. */
  readonly member: Member;
  /** Where they ask. */
  readonly chat: Chat;
  /** Aborted once the user's session has ended. */
  readonly signal: AbortSignal;
  /** Tells the user what the command comes to, after all that was said before. */
  answer(event: ChatEvent): void;
  /** Ends the user's session. */
  quit(): void;
}

/** The answer to the user; null where there is none, or it was given. */
export type Answer = ChatEvent | null;

/** One row of the table of commands. */
export interface Command {
  /** As it is typed without its slash, in lower case; also the right that it takes. */
  readonly name: Right;
  /** What it belongs to, in help. */
  readonly group: string;
  /** Its arguments, as help shows them: those in brackets may be left out. Empty for none. */
  readonly args: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /**
   * Does it. Waits only for what cannot be done at once, such as hashing a password.
   *
   * @throws {CommandError} If it refuses.
   */
  run(context: CommandContext, args: string): Answer | Promise<Answer>;
}

/** An answer in words. */
export function notice(code: string, ...lines: string[]): ChatEvent {
  return { type: "notice", code, lines };
}

/** How a command is typed. */
export function usageOf(command: { readonly name: string; readonly args: string }): string {
  return command.args === "" ? `/${command.name}` : `/${command.name} ${command.args}`;
}

/** Refuses what was typed in another way than the command takes it. */
export function mistyped(usage: string): CommandError {
  return new CommandError("missing-argument", `Type it as ${usage}.`);
}

/** Text up to the first space or line end, and what follows. */
export function splitFirst(text: string): [first: string, rest: string] {
  const space = text.search(/[ \n]/);
  return space < 0 ? [text, ""] : [text.slice(0, space), text.slice(space + 1).trim()];
}

/** Words between spaces. */
export function wordsOf(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

/**
 * Takes the word `server` from the front, which makes an act one on the whole
 * server. No user can have that name.
 */
export function takeScope(args: string): { isServer: boolean; rest: string } {
  const [first, rest] = splitFirst(args);
  return first.toLowerCase() === "server"
    ? { isServer: true, rest }
    : { isServer: false, rest: args };
}

/**
 * Takes `[for DURATION] [reason]` apart.
 *
 * @throws {CommandError} If what follows `for` begins with a digit and is no duration.
 */
export function takeTerm(args: string): { durationMs: number | null; reason: string } {
  const [first, rest] = splitFirst(args);
  if (first.toLowerCase() === "for") {
    const [word, reason] = splitFirst(rest);
    const durationMs = parseDuration(word);
    if (durationMs !== null && durationMs > TERM_MS_MAX) {
      throw new CommandError(
        "bad-duration",
        `${formatDuration(TERM_MS_MAX)} at most, or no end at all: leave out the time.`,
      );
    }
    if (durationMs !== null) return { durationMs, reason: requirePhrase(reason) };
    if (/^\d/.test(word)) throw badDuration(word);
  }
  return { durationMs: null, reason: requirePhrase(args) };
}

/** Refuses a duration that is none. */
export function badDuration(text: string): CommandError {
  const shown = text.length > 20 ? "That" : text;
  return new CommandError("bad-duration", `${shown} is no duration: 30m, 12h and 7d are some.`);
}

/**
 * A topic, a reason, or anything else that is shown beside others.
 *
 * @throws {CommandError} If it is too long.
 */
export function requirePhrase(text: string): string {
  if (text.length <= PHRASE_LENGTH_MAX) return text;
  throw new CommandError("too-long", `That is too long: at most ${PHRASE_LENGTH_MAX} characters.`);
}
