/**
 * Somebody who uses the client, without its screen: a conversation with a real server, and the
 * model of it that a screen would show.
 *
 * Whatever is asked is put on record, so that a test can hold the model to it. Every wait has a
 * deadline whose error says what was awaited and what there was instead, under a fake clock too.
 */

import { assert, assertEquals } from "@std/assert";
import { ChatModel, type Saying } from "../../lib/client/chat_model.ts";
import {
  type ConnectionState,
  Conversation,
  type ConversationEnd,
  type ConversationOptions,
  type ConversationOwner,
  type Request,
  type RequestAnswer,
} from "../../lib/client/conversation.ts";
import type { Entry } from "../../lib/client/entry.ts";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import { within } from "../harness.ts";

/** Something that was asked, and what ended it: one line, if all is well. */
export interface Asked {
  readonly request: Request;
  readonly answers: RequestAnswer[];
}

/** How somebody comes in. */
export interface ChatterOptions
  extends Partial<Pick<ConversationOptions, "password" | "session" | "reconnects">> {
  /** Where the server is. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** The name to go by; none where it is left out. */
  readonly nick?: string;
  /** Whether the pauses between attempts are kept, rather than cut short. @default {false} */
  readonly keepsPauses?: boolean;
  /** What is answered when the server asks for its password. @default {nothing} */
  readonly passwords?: readonly string[];
}

/** See the module. Disposing of it drops the connection, as a closed lid does. */
export class Chatter implements ConversationOwner, AsyncDisposable {
  /** What a screen would show. */
  readonly model = new ChatModel();
  /** What the server told, in order, without what ends a request. */
  readonly events: ServerEvent[] = [];
  /** Every state of the connection, with the words of a loss. */
  readonly states: ConnectionState[] = [];
  /** By the ref, which grows. */
  readonly asked = new Map<number, Asked>();
  readonly conversation: Conversation;
  /** Whether a pause before the next attempt is cut short. */
  isEager: boolean;
  readonly #passwords: string[];
  readonly #controller = new AbortController();
  readonly #running: Promise<ConversationEnd>;
  #wake = Promise.withResolvers<void>();
  #barriers = 0;

  private constructor(port: number, options: ChatterOptions) {
    const { hostname = "127.0.0.1", nick = null, keepsPauses = false, passwords = [], ...rest } =
      options;
    this.isEager = !keepsPauses;
    this.#passwords = [...passwords];
    this.conversation = new Conversation({
      address: { hostname, port, isTls: false },
      nick,
      password: null,
      session: null,
      owner: this,
      signal: this.#controller.signal,
      ...rest,
    });
    this.#running = this.conversation.run();
  }

  /** Begins to come in, and waits for nothing. */
  static start(port: number, options: ChatterOptions): Chatter {
    return new Chatter(port, options);
  }

  /** Comes in, and has heard of all that the server did before. */
  static async enter(port: number, options: ChatterOptions): Promise<Chatter> {
    const chatter = new Chatter(port, options);
    await chatter.settle();
    return chatter;
  }

  onEvent(event: ServerEvent): void {
    this.events.push(event);
    this.model.apply(event, Date.now());
    this.#notify();
  }

  onState(state: ConnectionState): void {
    this.states.push(state);
    if (state.kind === "waiting" && this.isEager) {
      queueMicrotask(() => this.conversation.retryNow());
    }
    this.#notify();
  }

  onPasswordWanted(): Promise<string | null> {
    return Promise.resolve(this.#passwords.shift() ?? null);
  }

  /** How it is doing at present. */
  get state(): ConnectionState["kind"] | undefined {
    return this.states.at(-1)?.kind;
  }

  /** How many connections have been welcomed. */
  get welcomes(): number {
    return this.events.filter(({ type }) => type === "welcome").length;
  }

  /** Asks for something. Returns its ref. */
  request(request: Request): number {
    const asked: Asked = { request, answers: [] };
    const ref = this.conversation.request(request, (answer) => {
      asked.answers.push(answer);
      this.model.apply(answer, Date.now());
      this.#notify();
    });
    this.asked.set(ref, asked);
    return ref;
  }

  /** Says something, which the model shows at once. Returns the ref. */
  say(text: string, room: string): number {
    return this.#saying({ type: "say", text, room }, { kind: "message", room, text });
  }

  /** Does something. As {@linkcode Chatter.say}. */
  act(text: string, room: string): number {
    const request = { type: "command", name: "me", args: text, room } as const;
    return this.#saying(request, { kind: "action", room, text });
  }

  /** Says something to somebody alone. As {@linkcode Chatter.say}. */
  tell(to: string, text: string): number {
    const request = { type: "command", name: "msg", args: `${to} ${text}` } as const;
    return this.#saying(request, { kind: "direct", room: null, to, text });
  }

  /** Gives a command as it is typed, without its slash. Returns the ref. */
  command(typed: string, room?: string): number {
    const [, name = "", args = ""] = /^(\S+) ?(.*)$/s.exec(typed) ?? [];
    return this.request({ type: "command", name, args, ...room === undefined ? {} : { room } });
  }

  /** Gives a command, and waits for the line that ends it, which it returns. */
  async ask(typed: string, room?: string): Promise<RequestAnswer> {
    return await this.answerOf(this.command(typed, room));
  }

  /** Waits for the line that ends a request, which it returns. */
  async answerOf(ref: number): Promise<RequestAnswer> {
    const asked = this.asked.get(ref);
    await this.until(`an answer to ${JSON.stringify(asked)}`, () => asked?.answers.length !== 0);
    const answer = asked?.answers[0];
    assert(answer !== undefined);
    return answer;
  }

  /** Does what PageUp does at the top; false where there is nothing to be had. */
  fetchOlder(room: string): boolean {
    const wanted = this.model.fetchOlder(room);
    if (wanted === null) return false;
    this.model.fetching(this.request({ type: "command", ...wanted }), room);
    return true;
  }

  /** Reads a room from its beginning. */
  async fetchAll(room: string): Promise<void> {
    while (this.fetchOlder(room)) {
      await this.until("older lines", () => this.model.room(room)?.isFetching === false);
    }
  }

  /** Waits until all that was asked is answered, and all that the server did before has arrived. */
  async settle(): Promise<void> {
    let isDone = false;
    const text = `barrier ${++this.#barriers}`;
    this.conversation.request({ type: "command", name: "ping", args: text }, (answer) => {
      // A session that was lost for good takes its barriers along.
      if (answer.type === "refused") void this.settle().then(() => isDone = true, () => {});
      else isDone = true;
      this.#notify();
    });
    await this.until(text, () => isDone && this.conversation.pending === 0);
  }

  /** Waits until a condition holds, which is looked at whenever something happens. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const describe = (): string => {
      const last = this.events.slice(-5).map((event) => JSON.stringify(event)).join("\n");
      const { pending } = this.conversation;
      return `Awaited ${what}; state ${JSON.stringify(this.states.slice(-3))}, ` +
        `${pending} without an answer, last of ${this.events.length} events:\n${last}`;
    };
    while (!condition()) await within(this.#wake.promise, describe);
  }

  /** Waits for the end of the conversation. */
  end(): Promise<ConversationEnd> {
    return within(this.#running, () => `Awaited the end, at ${JSON.stringify(this.states.at(-1))}`);
  }

  /** Leaves in order. */
  async quit(): Promise<void> {
    this.conversation.quit();
    assertEquals((await this.end()).kind, "quit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#running;
  }

  #saying(request: Request, saying: Omit<Saying, "ref">): number {
    const ref = this.request(request);
    this.model.saying({ ref, ...saying }, Date.now());
    return ref;
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** What was said in a room, as far as a model has it, but for what was not: `id from: text`. */
export function linesOf(model: ChatModel, room: string): string[] {
  return saidIn(model, room).filter(({ id }) => id !== null).map(({ id, from, text }) =>
    `${id} ${from}: ${text}`
  );
}

/** The entries of what was said in a room. */
export function saidIn(model: ChatModel, room: string): Entry[] {
  const kinds = new Set(["message", "action", "topic"]);
  return (model.room(room)?.entries ?? []).filter(({ kind }) => kinds.has(kind));
}

/** Every entry of a model, of all rooms. */
export function entriesOf(model: ChatModel): Entry[] {
  return model.rooms.flatMap(({ entries }) => [...entries]);
}

/** Holds a model to what a user may expect of any: keys and ids once, ids in order. */
export function assertInOrder(model: ChatModel): void {
  const entries = entriesOf(model);
  assertEquals(new Set(entries.map(({ key }) => key)).size, entries.length, "a key for each");
  for (const { name, entries } of model.rooms) {
    const ids = entries.flatMap(({ id }) => id === null ? [] : [id]);
    assertEquals(ids, [...new Set(ids)].toSorted((a, b) => a - b), `ids in ${name}`);
  }
}
