/**
 * A server of the JSON protocol for tests of the client in a terminal: it says what
 * the test has it say, and numbers what happens.
 */

import { lineOf, nextRequest, welcomeLine } from "../client/conversations.ts";
import type { FakePeer, FakeServer } from "./fake_server.ts";

/** Rooms that {@linkcode ChatPeer.welcome} brings somebody into. */
const LOBBY = "#lobby";

/** One client, seen from the server. */
export class ChatPeer {
  /** The connection. */
  readonly raw: FakePeer;
  /** What the client came in with. */
  readonly hello: Readonly<Record<string, unknown>>;
  #id: number;
  #name = "";

  constructor(raw: FakePeer, hello: Readonly<Record<string, unknown>>) {
    this.raw = raw;
    this.hello = hello;
    // What a client saw over an earlier connection is not told again.
    this.#id = Number(hello["last"] ?? 0);
  }

  /** Takes the next client's hello. */
  static async accept(server: FakeServer): Promise<ChatPeer> {
    const raw = await server.accept();
    return new ChatPeer(raw, await nextRequest(raw));
  }

  /** Lets the client in. */
  async welcome(
    name: string,
    others: readonly string[],
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    this.#name = name;
    const company = { names: others, more: 0 };
    const rooms = [{ room: LOBBY, topic: "", others: company }];
    await this.raw.say(welcomeLine({ name, rooms, others: company, id: this.#id, ...changes }));
  }

  /** Tells an event, with the next id. */
  async tell(event: Readonly<Record<string, unknown>>): Promise<void> {
    await this.raw.say(lineOf({ id: ++this.#id, ...event }));
  }

  /** Somebody says something; `room` is the lobby unless told otherwise. */
  async said(
    from: string,
    text: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const atMs = Date.now();
    await this.tell({
      type: "message",
      atMs,
      room: LOBBY,
      from,
      isRegistered: false,
      text,
      ...more,
    });
  }

  /** Somebody joined the lobby. */
  async joined(...names: string[]): Promise<void> {
    await this.tell({ type: "joined", room: LOBBY, who: { names, more: 0 } });
  }

  /** The user is in another room now. */
  async entered(room: string, others: readonly string[]): Promise<void> {
    const company = { names: others, more: 0 };
    await this.tell({
      type: "entered",
      room,
      how: "joined",
      others: company,
      topic: "",
      isLasting: false,
    });
  }

  /** The next request that is no ping, which is not answered. */
  async request(): Promise<Record<string, unknown>> {
    return await nextRequest(this.raw);
  }

  /** The next request, as `text` or `/name args`; it is done, and what is said is told. */
  async take(): Promise<string> {
    const { ref, type, text, name, args, room } = await this.request();
    if (type !== "say") {
      await this.raw.say(lineOf({ type: "ok", ref }));
      return `/${name} ${args}`.trimEnd();
    }
    await this.raw.say(lineOf({ type: "ok", ref, id: this.#id + 1, atMs: Date.now() }));
    await this.said(this.#name, String(text), { room: room ?? LOBBY });
    return String(text);
  }

  /** Answers a request with a refusal. */
  async refuse(request: Readonly<Record<string, unknown>>, text: string): Promise<void> {
    await this.raw.say(lineOf({ type: "refused", ref: request["ref"], code: "muted", text }));
  }

  /** Answers `quit`. */
  async goodbye(reason = "quit", detail = ""): Promise<void> {
    await this.raw.say(lineOf({ type: "goodbye", reason, sessionId: 1, detail }));
    await this.raw.close();
  }
}
