/**
 * The door: what a visitor has to say before they are in, and what becomes of it.
 *
 * A person on `nc` is let in at once, or gives the server's password first. A
 * program says hello, with a name and the password, or with a token by which it
 * goes on with an earlier connection.
 * Must not know: sockets, listeners, the store, what users say once they are in.
 *
 * @module
 */

import type { Chat, Visitor } from "./chat/chat.ts";
import type { Entry } from "./chat/entry.ts";
import type { Claim, Ticket } from "./chat/seats.ts";
import { CommandError, EndReason } from "./errors.ts";
import type { ChatEvent } from "./events.ts";
import { ATTEMPTS_FREE, ENTRY_MS, PROTOCOL_VERSION } from "./limits.ts";
import type { ClientMessage, Hello, Ref } from "./messages.ts";
import type { Connection } from "./net/connection.ts";

/** Somebody who may come in, and as what. */
export type Admitted =
  /** A person, under the name that they ask for; null for a guest's. */
  | { readonly as: "person"; readonly nick: string | null }
  /** A program, likewise. */
  | {
    readonly as: "program";
    readonly nick: string | null;
    /** By which it comes back later; null for not at all. */
    readonly ticket: Ticket | null;
    /** Of its hello. */
    readonly ref: Ref | undefined;
  }
  /** A program that was here before. */
  | {
    readonly as: "returning";
    readonly claim: Claim;
    readonly ticket: Ticket;
    /** The last event that arrived. */
    readonly lastId: number;
    /** Of its hello. */
    readonly ref: Ref | undefined;
  };

/** What a visitor's words lead to: in, or out, or null where more has to be said. */
export type DoorAnswer = Admitted | EndReason | null;

const PASSWORD_WANTED: ChatEvent = {
  type: "notice",
  code: "password-wanted",
  lines: ["This server asks for its password. Type it, and then Enter:"],
};

/** One visitor's way in. */
export class Door {
  readonly #connection: Connection;
  readonly #chat: Chat;
  readonly #entry: Entry | null;
  readonly #tell: (event: ChatEvent, ref?: Ref) => void;
  /** Where the visitor comes from. */
  readonly visitor: Visitor;
  /** The name that a person asked for before having come in. */
  #nick: string | null = null;
  #wrongPasswords = 0;
  /** Shuts out a visitor who has not come in within `ENTRY_MS`. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * In front of a chat.
   *
   * @param to.entry What is asked of everybody before they come in; null for nothing.
   * @param to.tell Tells the visitor something.
   */
  constructor(
    connection: Connection,
    to: {
      readonly chat: Chat;
      readonly entry: Entry | null;
      readonly tell: (event: ChatEvent, ref?: Ref) => void;
    },
  ) {
    const { address, isPrivate } = connection.peer;
    this.#connection = connection;
    this.#chat = to.chat;
    this.#entry = to.entry;
    this.#tell = to.tell;
    this.visitor = { address, isPrivate };
  }

  /** Gives the visitor some time to come in. */
  wait(): void {
    const { controller } = this.#connection;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => controller.abort(new EndReason("not-admitted", "Visitor did not come in")),
      ENTRY_MS,
    );
  }

  /** Nobody is waited for any more. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /** Lets a person in, or asks for the password. */
  greet(): DoorAnswer {
    if (this.#entry === null) return this.#letIn();
    this.wait();
    this.#tell(PASSWORD_WANTED);
    return null;
  }

  /** Takes what a person typed who has not given the server's password yet. */
  async takeLine(message: ClientMessage): Promise<DoorAnswer> {
    if (message.type === "say") return await this.#tryPassword(message.text);
    if (message.type !== "command") return null;
    switch (message.name) {
      case "pass":
        return await this.#tryPassword(message.args);
      case "quit":
        return new EndReason("quit", "Visitor left");
      case "ping":
        this.#tell(pong(message.args));
        return null;
      case "nick":
        this.#nick = message.args;
        return null;
      default:
        this.#tell(PASSWORD_WANTED);
        return null;
    }
  }

  /** Takes a request of a program that has not come in yet. */
  async takeRequest(message: ClientMessage): Promise<DoorAnswer> {
    switch (message.type) {
      case "hello":
        return await this.#hello(message.hello, message.ref);
      case "ping":
        this.#tell(pong(message.text), message.ref);
        return null;
      case "invalid":
        return this.#refuse(new CommandError(message.code, message.text), message.ref);
      case "blank":
        return null;
      default:
        if (message.type === "command" && message.name === "quit") {
          if (message.ref !== undefined) this.#tell({ type: "ok" }, message.ref);
          return new EndReason("quit", "Visitor left");
        }
        return this.#refuse(
          new CommandError("hello-wanted", "The first request is hello."),
          message.ref,
        );
    }
  }

  #letIn(): DoorAnswer {
    return this.#refuseBanned() ?? { as: "person", nick: this.#nick };
  }

  /** They may have been banned since they connected. */
  #refuseBanned(ref?: Ref): EndReason | null {
    const text = this.#chat.whyKeptOut(this.visitor.address);
    if (text === null) return null;
    this.#tell({ type: "refused", code: "banned", text }, ref);
    return new EndReason("refused", text);
  }

  async #tryPassword(password: string): Promise<DoorAnswer> {
    const answer = await this.#checkPassword(password);
    return answer === "right" ? this.#letIn() : answer;
  }

  /** Whether a visitor knows the server's password; else why the session ends, or null. */
  async #checkPassword(password: string, ref?: Ref): Promise<"right" | EndReason | null> {
    try {
      await this.#entry?.admit(this.visitor, password);
    } catch (error) {
      this.#refuse(error, ref);
      // That the server had no time for it is not the visitor's mistake.
      const isBusy = error instanceof CommandError && error.code === "busy";
      if (isBusy || ++this.#wrongPasswords < ATTEMPTS_FREE) return null;
      return new EndReason("not-admitted", "Visitor did not know the password");
    }
    return this.#connection.signal.aborted ? null : "right";
  }

  async #hello(hello: Hello, ref: Ref | undefined): Promise<DoorAnswer> {
    const { version, token, password } = hello;
    if (version !== PROTOCOL_VERSION) {
      const text = `This server speaks version ${PROTOCOL_VERSION}.`;
      return this.#refuse(new CommandError("bad-version", text), ref);
    }
    if (token !== null) return await this.#findSession(token, hello.lastId, ref);
    if (this.#entry !== null) {
      if (password === null) {
        const text = "This server asks for its password.";
        return this.#refuse(new CommandError("password-wanted", text), ref);
      }
      const answer = await this.#checkPassword(password, ref);
      if (answer !== "right") return answer;
    }
    const ticket = hello.wantsToken ? await this.#chat.seats.issue() : null;
    if (this.#connection.signal.aborted) return null;
    return this.#refuseBanned(ref) ?? { as: "program", nick: hello.nick, ticket, ref };
  }

  async #findSession(token: string, lastId: number, ref: Ref | undefined): Promise<DoorAnswer> {
    const { seats } = this.#chat;
    try {
      const claim = await seats.find(token, this.visitor);
      const ticket = await seats.issue();
      if (this.#connection.signal.aborted || ticket === null) return null;
      return { as: "returning", claim, ticket, lastId, ref };
    } catch (error) {
      return this.#refuse(error, ref);
    }
  }

  /** Tells the visitor of a refusal; whatever else it is, is a fault of ours. */
  #refuse(error: unknown, ref?: Ref): null {
    if (!(error instanceof CommandError)) throw error;
    this.#tell({ type: "refused", code: error.code, text: error.message }, ref);
    return null;
  }
}

/** The answer to a ping. */
export function pong(text: string): ChatEvent {
  return { type: "pong", text, atMs: Date.now() };
}
