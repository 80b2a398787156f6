/**
 * The client in a terminal: what the server says above, what one types below.
 *
 * Promises that whatever ends it, the terminal is given back, and that it ends
 * within {@linkcode CLIENT_LEAVE_MS} once the user wants to go.
 * Must not know: the command line, the environment, exit codes.
 *
 * @module
 */

import { CLIENT_LEAVE_MS } from "../limits.ts";
import { type PlainLine, readPlainLine } from "../protocol/plain_reader.ts";
import { cleanText } from "../text.ts";
import { ChatScreen } from "./chat_screen.ts";
import { complete, type Completion } from "./completion.ts";
import { Heartbeat } from "./heartbeat.ts";
import { describeOwnLine, MASK, maskSecrets } from "./own_line.ts";
import { type ColorDepth, Painter } from "./paint.ts";
import { Roster } from "./roster.ts";
import type { ServerLink } from "./server_link.ts";

/** What Tab offers at the start of a line: every command of the server. */
export const COMMANDS: readonly string[] = [
  "/account",
  "/audit",
  "/backup",
  "/ban",
  "/bans",
  "/deop",
  "/forget",
  "/ghost",
  "/help",
  "/history",
  "/ignore",
  "/invite",
  "/join",
  "/kick",
  "/leave",
  "/lock",
  "/login",
  "/me",
  "/msg",
  "/mute",
  "/nick",
  "/op",
  "/ping",
  "/quit",
  "/register",
  "/reply",
  "/report",
  "/room",
  "/rooms",
  "/search",
  "/topic",
  "/unban",
  "/unignore",
  "/unlock",
  "/unmute",
  "/who",
];

/** The room in which everybody begins. */
const LOBBY = "#lobby";

/** How a visit ended: the user left, the server said goodbye, or the connection was lost. */
export type VisitEnd = "left" | "dismissed" | "lost";

/** Options of {@linkcode runInteractive}. */
export interface InteractiveOptions {
  /** The name to ask for. */
  readonly nick: string | undefined;
  /** Colours of the terminal. */
  readonly colorDepth: ColorDepth;
  /** Ends the visit at once. */
  readonly signal: AbortSignal;
}

/** Chats until the user leaves or the connection ends. The link is its owner's to close. */
export async function runInteractive(
  link: ServerLink,
  options: InteractiveOptions,
): Promise<VisitEnd> {
  const { signal, nick } = options;
  signal.throwIfAborted();
  const visit = new Visit(link, options.colorDepth);
  const onAbort = (): void => link.close();
  signal.addEventListener("abort", onAbort);
  try {
    // Something at once, so that the server need not wait to learn who is there.
    link.send(nick === undefined ? "" : `/nick ${nick}`);
    return await visit.run();
  } finally {
    signal.removeEventListener("abort", onAbort);
    visit.end();
  }
}

/** One visit: the server's lines, the user's lines, and the timers between them. */
class Visit {
  readonly #link: ServerLink;
  readonly #painter: Painter;
  readonly #roster = new Roster();
  readonly #screen: ChatScreen;
  readonly #heartbeat: Heartbeat;
  #leaveTimer: ReturnType<typeof setTimeout> | undefined;
  #isLeaving = false;
  #isDismissed = false;
  /** Whether the server waits for its password: whatever is typed is taken for it. */
  #isAtDoor = false;
  #prompt = "";
  #failure: unknown = undefined;

  constructor(link: ServerLink, colorDepth: ColorDepth) {
    this.#link = link;
    this.#painter = new Painter(colorDepth);
    this.#heartbeat = new Heartbeat({
      ping: (text) => link.send(`/ping ${text}`),
      lost: () => link.close(),
    });
    this.#screen = new ChatScreen({
      complete: (text) => this.#complete(text),
      onChoices: (choices) => this.#screen.print(this.#painter.quiet(choices.join("  "))),
      onLine: (text) => this.#entered(text),
      isSecret: (text) => maskSecrets(cleanText(text)) !== cleanText(text),
      onFailure: (error) => this.#fail(error),
      onLeave: () => this.#leave("/quit"),
    });
  }

  /** Shows what the server says until the connection ends. */
  async run(): Promise<VisitEnd> {
    for await (const batch of this.#link.batches()) {
      this.#heartbeat.heard();
      const shown: string[] = [];
      for (const text of batch) {
        const painted = this.#read(text);
        if (painted !== null) shown.push(painted);
      }
      if (shown.length > 0) this.#screen.print(shown.join("\n"));
      this.#showPlace();
      await this.#screen.drained();
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isLeaving) return "left";
    return this.#isDismissed ? "dismissed" : "lost";
  }

  /** Gives terminal and timers back. */
  end(): void {
    clearTimeout(this.#leaveTimer);
    this.#heartbeat[Symbol.dispose]();
    this.#screen.close();
  }

  /** Learns from a line and paints it; null where it is not for the user. */
  #read(text: string): string | null {
    const line: PlainLine = readPlainLine(text);
    if (line.type === "pong" && this.#heartbeat.takePong(line.text)) return null;
    this.#isDismissed = line.type === "goodbye";
    if (line.type === "password-wanted") this.#isAtDoor = true;
    if (line.type === "welcome") this.#isAtDoor = false;
    this.#roster.note(line);
    return this.#painter.line(text, { line, ownName: this.#roster.ownName });
  }

  /** Has the prompt say who one is and, where that is not plain, in which room. */
  #showPlace(): void {
    const { ownName, room } = this.#roster;
    const name = ownName === null ? "" : this.#painter.own(ownName);
    const isPlain = room === null || (room === LOBBY && this.#roster.rooms().length === 1);
    const prompt = this.#isAtDoor ? "password> " : `${name}${isPlain ? "" : ` ${room}`}> `;
    if (prompt === this.#prompt) return;
    this.#prompt = prompt;
    this.#screen.setPrompt(prompt, { isHidden: this.#isAtDoor });
  }

  #complete(text: string): Completion {
    const names = this.#roster.names();
    return complete(text, { commands: COMMANDS, names, rooms: this.#roster.rooms() });
  }

  #entered(typed: string): void {
    const text = cleanText(typed);
    if (text.trim() === "") return;
    const options = { painter: this.#painter, name: this.#roster.ownName };
    this.#screen.print(this.#isAtDoor ? this.#painter.quiet(MASK) : describeOwnLine(text, options));
    if (/^\/quit(?:\s|$)/iu.test(text)) {
      this.#leave(text);
      return;
    }
    if (!this.#link.send(typed)) {
      this.#screen.print("The last line was not sent: too much waits for the server already.");
      return;
    }
    this.#heartbeat.sent();
  }

  /** Ends the visit, for {@linkcode Visit.run} to throw what went wrong. */
  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#link.close();
  }

  /** Asks the server to let us go, and waits a moment for its goodbye. */
  #leave(command: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#link.send(command);
    this.#screen.close();
    this.#leaveTimer = setTimeout(() => this.#link.close(), CLIENT_LEAVE_MS);
  }
}
