/**
 * Prints what is said in rooms, as it is said: `parley-client tail`.
 *
 * 1. Each line once, in order in its room, over lost connections and restarts of
 *    the server: what was missed is fetched from the history.
 * 2. Whoever reads slowly slows the server down; nothing piles up here.
 * 3. Ends in order when it is told to, or nobody reads any more.
 *
 * Must not know: the command line, exit codes, the terminal.
 *
 * @module
 */

import type { HistoryLine } from "../events.ts";
import { CLIENT_TAIL_PAGES_MAX, HISTORY_LINES_MAX } from "../limits.ts";
import type { Ref } from "../messages.ts";
import type { ServerEvent } from "../protocol/json_reader.ts";
import {
  type ConnectionState,
  Conversation,
  type ConversationEnd,
  type ConversationOwner,
  type RequestAnswer,
} from "./conversation.ts";
import { foldName } from "./mentions.ts";
import type { ConnectOptions, LineLink } from "./server_link.ts";
import type { ServerAddress } from "./server_address.ts";

/** How it ended; sentences are for the user. */
export type TailEnd =
  /** As it was told to, or since nobody reads any more. */
  | { readonly kind: "done" }
  /** There is no connection. */
  | { readonly kind: "failed"; readonly why: string }
  /** The server does not let us in, or not into a room; `code` is stable. */
  | { readonly kind: "refused"; readonly code: string; readonly why: string };

/** Where lines go: as much of `Deno.stdout` as is needed. */
export interface TailOutput {
  /** Writes some of the bytes and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Options of {@linkcode tailRooms}. */
export interface TailOptions {
  /** Where the server is. */
  readonly address: ServerAddress;
  /** With their `#`. The user joins them. */
  readonly rooms: readonly string[];
  /** How many of the last lines are printed first. */
  readonly lines: number;
  /** Whether lines are JSON objects, rather than for people. */
  readonly isJson: boolean;
  /** Whether it comes back after a lost connection, once it was in. */
  readonly reconnects: boolean;
  /** The name to go by; null for whatever the server picks. */
  readonly nick: string | null;
  /** The server's own; null for none. */
  readonly password: string | null;
  /** Where the lines go. */
  readonly output: TailOutput;
  /** Takes one line for the user about the connection. */
  readonly complain: (line: string) => void;
  /** Ends it in order. */
  readonly signal: AbortSignal;
  /** How a connection is made. @default {connectToServer} */
  readonly connect?: (address: ServerAddress, options: ConnectOptions) => Promise<LineLink>;
}

/** Something that was said, from the history or just now. */
export interface SaidLine {
  /** A topic is the text; an empty one is none. */
  readonly type: "message" | "action" | "topic";
  /** The server's number of it, which grows. */
  readonly id: number;
  /** In epoch milliseconds. */
  readonly atMs: number;
  /** With its `#`. */
  readonly room: string;
  /** Its writer's name at the time. */
  readonly from: string;
  /** Clean; a message may have several lines. */
  readonly text: string;
}

/** One room, and how far it is printed. */
interface Following {
  /** As it was asked for. */
  readonly name: string;
  /** The highest id that was printed, or up to which nothing is wanted. */
  lastId: number;
  /** What is to be fetched of the history: so many lines, or all above `lastId`. */
  wants: number | "missed";
  /** The request that is waited for: the answers of earlier ones are of no use any more. */
  awaited: number;
  /** What is said while it is being fetched; null where nothing is. */
  held: SaidLine[] | null;
  /** What was fetched so far, oldest first, in so many pages. */
  past: SaidLine[];
  pages: number;
}

/**
 * Follows rooms until the signal is aborted, nobody reads the output, or there is no way on.
 *
 * @throws If the output cannot be written for another reason than that nobody reads it.
 */
export async function tailRooms(options: TailOptions): Promise<TailEnd> {
  return await new Tail(options).run();
}

class Tail implements ConversationOwner {
  readonly #options: TailOptions;
  readonly #conversation: Conversation;
  /** By folded name. */
  readonly #rooms = new Map<string, Following>();
  /** The page that came for each request for history. */
  readonly #pages = new Map<Ref, readonly HistoryLine[]>();
  readonly #encoder = new TextEncoder();
  readonly #stopped = Promise.withResolvers<void>();
  #text = "";
  #isAway = false;
  #end: TailEnd | null = null;
  #failure: Error | null = null;

  constructor(options: TailOptions) {
    const { address, nick, password, reconnects, connect, rooms, lines } = options;
    this.#options = options;
    for (const name of rooms) {
      const following = { name, lastId: 0, wants: lines, awaited: 0, held: [], past: [], pages: 0 };
      this.#rooms.set(foldName(name), following);
    }
    this.#conversation = new Conversation({
      address,
      nick,
      password,
      session: null,
      owner: this,
      // It leaves in order rather than at once.
      signal: new AbortController().signal,
      reconnects,
      ...connect === undefined ? {} : { connect },
    });
  }

  async run(): Promise<TailEnd> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#finish({ kind: "done" });
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    try {
      const end = await this.#conversation.run();
      if (this.#failure !== null) throw this.#failure;
      return this.#end ?? judge(end);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  onPasswordWanted(): Promise<null> {
    return Promise.resolve(null);
  }

  onState(state: ConnectionState): void {
    if (state.kind === "online") this.#isAway = false;
    if (state.kind !== "waiting" || this.#isAway) return;
    // Once for each loss, however often it is tried.
    this.#isAway = true;
    this.#options.complain(`${state.why} Trying to come back.`);
  }

  onEvent(event: ServerEvent): void {
    switch (event.type) {
      case "welcome": {
        if (event.isResumed && event.isComplete) return;
        for (const room of this.#rooms.values()) {
          // Without lines from before, it begins here.
          if (room.wants === 0 && room.lastId === 0) room.lastId = event.id;
          else if (room.wants === 0) room.wants = "missed";
          this.#join(room);
        }
        return;
      }
      case "message":
      case "action":
      case "topic": {
        const room = this.#rooms.get(foldName(event.room));
        if (room === undefined) return;
        if (room.held === null) this.#print(room, event);
        else room.held.push(event);
        return;
      }
      case "history":
        if (event.ref !== undefined) this.#pages.set(event.ref, event.lines);
        return;
      default:
        return;
    }
  }

  /** Writes what is to be printed. Nothing more is read meanwhile, unless it is told to end. */
  async drained(): Promise<void> {
    if (this.#text === "") return;
    const bytes = this.#encoder.encode(this.#text);
    this.#text = "";
    await Promise.race([this.#write(bytes), this.#stopped.promise]);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        written += await this.#options.output.write(bytes.subarray(written));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) {
        const message = error instanceof Error ? error.message : String(error);
        this.#failure = new Error(`Cannot write standard output: ${message}`, { cause: error });
      }
      this.#finish({ kind: "done" });
    }
  }

  #finish(end: TailEnd): void {
    this.#end ??= end;
    this.#stopped.resolve();
    this.#conversation.quit();
  }

  /** Joins a room, and fetches what was said in it that is wanted. What comes meanwhile waits. */
  #join(room: Following): void {
    room.held ??= [];
    room.past = [];
    room.pages = 0;
    const request = { type: "command", name: "join", args: room.name } as const;
    const ref = room.awaited = this.#conversation.request(request, (answer) => {
      if (ref !== room.awaited) return;
      if (answer.type === "refused") this.#refused(answer);
      else if (room.wants === 0) this.#goOn(room);
      else this.#fetch(room);
    });
  }

  /** Asks for the next older page. */
  #fetch(room: Following): void {
    const { wants, past, name } = room;
    const count = wants === "missed" ? HISTORY_LINES_MAX : wants - past.length;
    const before = past[0] === undefined ? "" : ` before ${past[0].id}`;
    const args = `${Math.min(count, HISTORY_LINES_MAX)}${before}`;
    const ref = room.awaited = this.#conversation.request(
      { type: "command", name: "history", args, room: name },
      (answer) => {
        const page = this.#pages.get(ref);
        this.#pages.delete(ref);
        if (ref !== room.awaited) return;
        if (answer.type === "refused") this.#refused(answer);
        // Done before, and what it answered was lost with a connection.
        else if (page === undefined && answer.type === "ok" && answer.repeated === true) {
          this.#fetch(room);
        } else this.#fetched(room, page ?? []);
      },
    );
  }

  #fetched(room: Following, page: readonly HistoryLine[]): void {
    const { wants, lastId, name } = room;
    const [first] = page;
    room.past.unshift(...page.map(({ kind, ...line }) => ({ type: kind, ...line })));
    const isEnough = first === undefined ||
      (wants === "missed" ? first.id <= lastId : room.past.length >= wants);
    if (isEnough) this.#goOn(room);
    else if (++room.pages < CLIENT_TAIL_PAGES_MAX) this.#fetch(room);
    else {
      if (wants === "missed") this.#options.complain(`Not all that was missed in ${name} follows.`);
      this.#goOn(room);
    }
  }

  /** Prints what was fetched and what came meanwhile; from now on lines are printed as they come. */
  #goOn(room: Following): void {
    const lines = [...room.past, ...room.held ?? []];
    room.past = [];
    room.held = null;
    room.wants = "missed";
    for (const line of lines) this.#print(room, line);
  }

  #refused(answer: RequestAnswer & { type: "refused" }): void {
    const { code, text } = answer;
    // The welcome of the new session has it asked for anew.
    if (code === "unknown-fate" || code === "not-sent") return;
    this.#finish({ kind: "refused", code, why: text });
  }

  #print(room: Following, line: SaidLine): void {
    if (line.id <= room.lastId) return;
    room.lastId = line.id;
    this.#text += this.#options.isJson ? `${JSON.stringify(line)}\n` : formatSaid(line);
  }
}

/**
 * A line for people, `2026-11-22 14:02:11 #dev ann: text` in local time; of a message with
 * several lines each has all of that.
 */
export function formatSaid({ type, atMs, room, from, text }: SaidLine): string {
  const prefix = `${formatMoment(atMs)} ${room}`;
  switch (type) {
    case "message":
      return text.split("\n").map((line) => `${prefix} ${from}: ${line}\n`).join("");
    case "action":
      return text.split("\n").map((line) => `${prefix} * ${from} ${line}\n`).join("");
    case "topic":
      return text === ""
        ? `${prefix} -- ${from} took the topic away.\n`
        : `${prefix} -- ${from} set the topic: ${text}\n`;
  }
}

function formatMoment(atMs: number): string {
  const at = new Date(atMs);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(pad).join(":");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock}`;
}

function pad(number: number): string {
  return `${number}`.padStart(2, "0");
}

function judge({ kind, why }: ConversationEnd): TailEnd {
  if (kind === "quit" || kind === "aborted") return { kind: "done" };
  const text = why ?? "The server ended the connection.";
  return kind === "lost"
    ? { kind: "failed", why: text }
    : { kind: "refused", code: kind, why: text };
}
