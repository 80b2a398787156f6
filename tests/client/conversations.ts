/**
 * What tests of the client's conversation share: lines of a server, and an owner that remembers.
 *
 * Every wait has a deadline whose error says what was awaited and what came instead.
 */

import { deadline } from "@std/async/deadline";
import {
  type ConnectionState,
  Conversation,
  type ConversationEnd,
  type ConversationOptions,
  type ConversationOwner,
} from "../../lib/client/conversation.ts";
import { parseServerAddress } from "../../lib/client/server_address.ts";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import { type FakePeer, type FakeServer, WAIT_MS } from "../terminal/fake_server.ts";

/** A line of the protocol, with its end. */
export function lineOf(event: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(event)}\n`;
}

/** A welcome to the lobby; what is given replaces the rest. */
export function welcomeLine(changes: Readonly<Record<string, unknown>> = {}): string {
  const others = { names: [], more: 0 };
  return lineOf({
    type: "welcome",
    version: 1,
    server: "Parley",
    name: "ann",
    isRegistered: false,
    room: "#lobby",
    rooms: [{ room: "#lobby", topic: "", others }],
    others,
    topic: "",
    motd: [],
    id: 0,
    token: "t1",
    graceMs: 60_000,
    isResumed: false,
    isRestarted: false,
    isComplete: true,
    lastRef: 0,
    ...changes,
  });
}

/** Something that was said in the lobby. */
export function messageLine(id: number, text = `line ${id}`): string {
  return lineOf({
    type: "message",
    id,
    atMs: 1_000 + id,
    room: "#lobby",
    from: "bob",
    isRegistered: false,
    text,
  });
}

/** The next line that is no ping, as an object. */
export async function nextRequest(peer: FakePeer): Promise<Record<string, unknown>> {
  for (;;) {
    const request = JSON.parse(await peer.line()) as Record<string, unknown>;
    if (request["type"] !== "ping") return request;
  }
}

/** An owner that remembers what it is told, and waits for no pause. */
export class Recorder implements ConversationOwner {
  /** What came, but for welcomes' company. */
  readonly events: ServerEvent[] = [];
  /** Every state. */
  readonly states: ConnectionState[] = [];
  /** What was asked for a password. */
  readonly sentences: string[] = [];
  /** Handed out one after the other; null when there is none left. */
  readonly passwords: string[] = [];
  /** Called at every state. */
  onStateToo: (state: ConnectionState) => void = () => {};
  /** Called at every event. */
  onEventToo: (event: ServerEvent) => void = () => {};
  /** What {@linkcode drained} waits for. */
  drain: () => Promise<void> = () => Promise.resolve();
  #wake = Promise.withResolvers<void>();

  drained(): Promise<void> {
    return this.drain();
  }

  onEvent(event: ServerEvent): void {
    this.onEventToo(event);
    this.events.push(event);
    this.#notify();
  }

  onState(state: ConnectionState): void {
    this.states.push(state);
    this.onStateToo(state);
    this.#notify();
  }

  onPasswordWanted(sentence: string): Promise<string | null> {
    this.sentences.push(sentence);
    return Promise.resolve(this.passwords.shift() ?? null);
  }

  /** What was said so far. */
  get texts(): string[] {
    return this.events.flatMap((event) => event.type === "message" ? [event.text] : []);
  }

  /** Waits until a condition holds, which is looked at whenever something comes. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const endsAtMs = Date.now() + WAIT_MS;
    while (!condition()) {
      try {
        await deadline(this.#wake.promise, Math.max(1, endsAtMs - Date.now()));
      } catch (cause) {
        const seen = JSON.stringify([this.states.at(-1), this.events.map(({ type }) => type)]);
        throw new Error(`Awaited ${what} for ${WAIT_MS} ms, but there was ${seen}`, { cause });
      }
    }
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** A conversation with a server, as it runs. */
export interface Talk extends AsyncDisposable {
  readonly conversation: Conversation;
  readonly owner: Recorder;
  /** How it ended; it has a deadline. */
  readonly end: () => Promise<ConversationEnd>;
  readonly controller: AbortController;
}

/** Starts a conversation that makes no pauses; disposing it aborts it. */
export function startTalk(
  server: FakeServer,
  options: Partial<ConversationOptions> & { readonly keepsPauses?: boolean } = {},
): Talk {
  const { keepsPauses = false, ...rest } = options;
  const owner = new Recorder();
  const controller = new AbortController();
  const conversation = new Conversation({
    address: parseServerAddress(server.address),
    nick: "ann",
    password: null,
    session: null,
    owner,
    signal: controller.signal,
    ...rest,
  });
  if (!keepsPauses) {
    owner.onStateToo = (state): void => {
      if (state.kind === "waiting") queueMicrotask(() => conversation.retryNow());
    };
  }
  const running = conversation.run();
  return {
    conversation,
    owner,
    controller,
    end: () => deadline(running, WAIT_MS),
    async [Symbol.asyncDispose](): Promise<void> {
      controller.abort();
      await running;
    },
  };
}
