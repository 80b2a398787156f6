/**
 * A guest that speaks the JSON protocol, as a careful client does: it keeps its
 * token and the last event that it was told, comes back when its connection
 * breaks, and sends once more what was not answered.
 *
 * It forgives nothing: each line has to be what the schema says, the id of each
 * event above that of the one before it, in earlier connections too, and each
 * request is ended once. What arrives twice is a failure.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Guest } from "./harness.ts";
import { assertServerLine } from "./protocol/json_schema.ts";

/** One line, either way. */
export interface Json {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a guest asked for, with the number that it gave. */
interface Asked {
  readonly ref: number;
  readonly request: Json;
}

/** The connection ended while the guest waited for a line. */
export class LostError extends Error {}

/** The types of lines with an `id` that does not say that an event has arrived. */
const NO_EVENTS = new Set(["welcome", "ok", "caught-up"]);
/** The types of lines that end a request. */
const ENDS = new Set(["ok", "refused", "pong", "welcome"]);

/** One user, over one connection after the other. */
export class JsonGuest implements AsyncDisposable {
  /** The connection at present. */
  guest: Guest;
  /** The last welcome, which may have been lost in part: null before the first. */
  welcome: Json | null = null;
  /** For the next connection; null where there is none. */
  token: string | null = null;
  /** The last event that arrived. */
  lastId = 0;
  /** Every event that arrived, over all connections, in order. */
  readonly events: Json[] = [];
  /** What ended each request, by its number. */
  readonly answers = new Map<number, Json>();
  /** What was asked for and is not answered, oldest first. */
  readonly #open = new Map<number, Asked>();
  #lastRef = 0;
  #pings = 0;
  /** Events since the last welcome, while what was missed is told; null afterwards. */
  #missed: number | null = null;
  /** Whether the last hello was. */
  #isAnswered = true;

  /** Speaks over a connection that is there; nothing is sent. */
  constructor(guest: Guest) {
    this.guest = guest;
  }

  /** Comes in over a new connection, and has read its welcome. */
  static async enter(
    port: number,
    hello: string | Readonly<Record<string, unknown>>,
  ): Promise<JsonGuest> {
    const guest = new JsonGuest(await Guest.connect(port));
    await guest.hello(typeof hello === "string" ? { nick: hello } : hello);
    return guest;
  }

  /** Its name, as of the last welcome. */
  get name(): unknown {
    return this.welcome?.["name"];
  }

  /** How many requests are not answered. */
  get unanswered(): number {
    return this.#open.size;
  }

  /** The texts of what was said to it, in order: `#room name: text`, and `name: text` in private. */
  get heard(): string[] {
    return this.events.flatMap((event) => {
      const { type, room, from, text } = event;
      if (type === "direct") return [`${from}: ${text}`];
      return type === "message" || type === "action" ? [`${room} ${from}: ${text}`] : [];
    });
  }

  /** Those of its events that have these types. */
  told(...types: readonly string[]): Json[] {
    return this.events.filter(({ type }) => types.includes(type));
  }

  /** Sends one line as it is. */
  send(line: Json): void {
    this.guest.say(JSON.stringify(line));
  }

  /** Says hello, and waits for the answer, which it returns: a welcome, or a refusal. */
  async hello(fields: Readonly<Record<string, unknown>> = {}): Promise<Json> {
    this.#isAnswered = false;
    this.send({ type: "hello", version: 1, ...fields });
    for (;;) {
      const line = await this.next();
      if (line.type === "welcome" || line.type === "refused") return line;
    }
  }

  /** Sends a request with the next number, which it returns. */
  request(request: Json): number {
    const ref = ++this.#lastRef;
    this.#open.set(ref, { ref, request });
    this.send({ ...request, ref });
    return ref;
  }

  /** Says something, in the current room unless told otherwise. Returns the request's number. */
  say(text: string, room?: string): number {
    return this.request({ type: "say", text, ...room === undefined ? {} : { room } });
  }

  /** Sends a command as it would be typed, without its slash. Returns the request's number. */
  command(typed: string, room?: string): number {
    const [, name = "", args = ""] = /^(\S+) ?(.*)$/s.exec(typed) ?? [];
    return this.request({ type: "command", name, args, ...room === undefined ? {} : { room } });
  }

  /** Sends a command, and waits for what ends it, which it returns. */
  async ask(typed: string, room?: string): Promise<Json> {
    return await this.answer(this.command(typed, room));
  }

  /** Waits for what ends a request. */
  async answer(ref: number): Promise<Json> {
    for (;;) {
      const answer = this.answers.get(ref);
      if (answer !== undefined) return answer;
      await this.next();
    }
  }

  /** The lines before the answer to its own ping: all that the server did so far. */
  async settle(options: { readonly confirms?: boolean } = {}): Promise<Json[]> {
    const text = `settle ${++this.#pings}`;
    const last = options.confirms === true ? { last: this.lastId } : {};
    this.send({ type: "ping", text, ...last });
    const lines: Json[] = [];
    for (;;) {
      const line = await this.next();
      if (line.type === "pong" && line["text"] === text) return lines;
      lines.push(line);
    }
  }

  /**
   * The next line of the server.
   *
   * @throws {LostError} If the connection ends before a whole one has come.
   */
  async next(): Promise<Json> {
    for (;;) {
      const line = await this.#line();
      // Before the hello was taken for one it may have been greeted as a person.
      if (!this.#isAnswered && !line.startsWith("{")) continue;
      this.#isAnswered = true;
      assertServerLine(line);
      const json: Json = JSON.parse(line);
      this.#take(json);
      return json;
    }
  }

  /** Reads what is there until the connection ends. */
  async untilClosed(): Promise<Json[]> {
    const lines: Json[] = [];
    try {
      for (;;) lines.push(await this.next());
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return lines;
    }
  }

  /** Loses its connection, with what has come and was not read. */
  async drop(): Promise<void> {
    await this.guest.close();
  }

  /**
   * Comes back over a new connection: reads the welcome and what was missed, which it
   * returns, and sends once more what was not answered.
   *
   * @throws {LostError} If that connection ends as well: it can come back again.
   */
  async resume(port: number): Promise<{ readonly welcome: Json; readonly missed: Json[] }> {
    await this.guest.close();
    this.guest = await Guest.connect(port);
    const welcome = await this.helloAgain();
    return { welcome, missed: await this.catchUp() };
  }

  /** Says hello with the token and the last event over the connection that is there. */
  async helloAgain(): Promise<Json> {
    this.#missed = null;
    const answer = await this.hello({ token: this.token, last: this.lastId });
    assert(answer["isResumed"] === true, `goes on with its session: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Reads what was missed, behind the welcome, and sends once more what was not answered. */
  async catchUp(): Promise<Json[]> {
    const missed: Json[] = [];
    for (;;) {
      const line = await this.next();
      if (line.type === "caught-up") break;
      assert("id" in line && !("ref" in line), `no event that was missed: ${JSON.stringify(line)}`);
      missed.push(line);
    }
    for (const { ref, request } of this.#open.values()) this.send({ ...request, ref });
    return missed;
  }

  /** Does something that needs a connection, and comes back whenever it is lost. */
  async persist<Result>(
    port: () => number | Promise<number>,
    act: () => Promise<Result>,
  ): Promise<Result> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
        await this.comeBack(port);
      }
    }
  }

  /** Comes back, over as many connections as it takes. */
  async comeBack(port: () => number | Promise<number>): Promise<void> {
    for (;;) {
      try {
        await this.resume(await port());
        return;
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
    }
  }

  /** Leaves for good. */
  async quit(): Promise<void> {
    this.send({ type: "quit" });
    const last = (await this.untilClosed()).at(-1);
    assertEquals([last?.type, last?.["reason"]], ["goodbye", "quit"]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.guest.close();
  }

  async #line(): Promise<string> {
    try {
      return await this.guest.line();
    } catch (cause) {
      if (!(cause instanceof Error) || !cause.message.includes("the stream ended")) throw cause;
      throw new LostError(cause.message, { cause });
    }
  }

  #take(line: Json): void {
    const { type, id, ref } = line;
    if (type === "welcome") {
      this.welcome = line;
      this.token = line["token"] as string | null;
      if (line["isResumed"] !== true) this.lastId = Number(id);
      this.#missed = line["isResumed"] === true ? 0 : null;
    } else if (type === "caught-up") {
      assertEquals(line["missed"], this.#missed, "as many events as it says");
      assert(Number(id) >= this.lastId, `caught up to ${id}, behind ${this.lastId}`);
      this.lastId = Number(id);
      this.#missed = null;
    } else if (id !== undefined && !NO_EVENTS.has(type)) {
      assert(Number(id) > this.lastId, `${JSON.stringify(line)} came behind ${this.lastId}`);
      this.lastId = Number(id);
      this.events.push(line);
      if (this.#missed !== null) this.#missed++;
    }
    if (typeof ref !== "number" || !ENDS.has(type)) return;
    assert(this.#open.delete(ref), `a request was ended twice: ${JSON.stringify(line)}`);
    this.answers.set(ref, line);
  }
}

/** An event in few words, without its id and the time. */
export function brief(event: Json): string {
  const { type, room, from, text, to, name, who, reason, how, code, lines } = event;
  const names = (who as { readonly names: readonly string[] } | undefined)?.names.join();
  const words = [type, room, from, names, name, text, to, how, reason, code, lines];
  return words.filter((word) => typeof word === "string" || Array.isArray(word)).join(" ");
}
