/**
 * The client's side of the JSON protocol, over as many connections as it takes.
 *
 * 1. Says hello right behind the connect, and nothing else until the welcome.
 * 2. Comes back by itself after a lost connection, after pauses that grow, and
 *    goes on where it was: each event is handed out once, in order.
 * 3. Requests that are made meanwhile are kept, and what was not answered is sent
 *    again. Each is acted upon once and ended by one answer; where the server
 *    has forgotten the session, an answer says that nobody knows (`unknown-fate`).
 * 4. Ends, with everything closed and every request answered, once the user or
 *    the server wants it to, or the signal is aborted.
 *
 * Must not know: the terminal, what is shown, where sessions are kept.
 *
 * @module
 */

import {
  CLIENT_HELLO_MS,
  CLIENT_LEAVE_MS,
  CLIENT_RETRY_MS_MAX,
  LINE_BYTES_MAX,
  PROTOCOL_VERSION,
} from "../limits.ts";
import { readServerLine, type ServerEvent, type Welcome } from "../protocol/json_reader.ts";
import { cleanText } from "../text.ts";
import { Backoff } from "./backoff.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Outbox, type Pending } from "./outbox.ts";
import { formatServerAddress, type ServerAddress } from "./server_address.ts";
import { JSON_LINES } from "./server_lines.ts";
import {
  ConnectError,
  type ConnectOptions,
  connectToServer,
  type LineLink,
} from "./server_link.ts";
import { UntrustedError } from "./trust.ts";
import { describeGoodbye } from "./wording.ts";

/** What a later connection goes on from. The token is a secret. */
export interface Session {
  /** What the last welcome gave. */
  readonly token: string;
  /** The last event that was handed out. */
  readonly lastId: number;
  /** The highest `ref` that was given to a request. */
  readonly lastRef: number;
}

/** Whether there is a connection. */
export type ConnectionState =
  /** One is being made, or the welcome is awaited. */
  | { readonly kind: "connecting" }
  /** In the chat; how long the last ping took, null before the first has come back. */
  | { readonly kind: "online"; readonly latencyMs: number | null }
  /** Between two attempts: how many have failed in a row, when the next comes, and why, as a sentence. */
  | {
    readonly kind: "waiting";
    readonly attempt: number;
    readonly retryAtMs: number;
    readonly why: string;
  }
  /** For good; why as a sentence, null where the user wanted it. */
  | { readonly kind: "ended"; readonly why: string | null };

/** How a conversation ended. */
export interface ConversationEnd {
  /** In the server's words; `untrusted`, `lost` and `aborted` are ours. */
  readonly kind:
    /** The user left. */
    | "quit"
    /** An operator sent them away. */
    | "removed"
    /** The same user came in from elsewhere. */
    | "replaced"
    /** The server wants its password, and there is none. */
    | "not-admitted"
    | "banned"
    /** The server does not speak this version of the protocol. */
    | "bad-version"
    /** It is not the server that the user means; `why` has lines, and nothing was sent. */
    | "untrusted"
    /** There is no connection, and no other is to be made. */
    | "lost"
    /** The signal was aborted. */
    | "aborted";
  /** A sentence; null where the user wanted it. */
  readonly why: string | null;
}

/** What a user asks for. */
export type Request =
  /** Says something; `\n` makes lines of one message. */
  | { readonly type: "say"; readonly text: string; readonly room?: string }
  /** What `/name args` does. */
  | {
    readonly type: "command";
    readonly name: string;
    readonly args: string;
    readonly room?: string;
  };

/** The line that ends a request. */
export type RequestAnswer = ServerEvent & { readonly type: "ok" | "refused" | "pong" };

/**
 * Who is told what happens. Once the conversation has ended, only the answers of
 * requests that come too late are.
 */
export interface ConversationOwner {
  /**
   * Takes what the server says, in order and nothing twice: also that one is back,
   * as another `welcome`. What ends a request whose caller takes it does not come here.
   */
  onEvent(event: ServerEvent): void;
  /** Takes how the connection is doing, at every change. */
  onState(state: ConnectionState): void;
  /**
   * Asks for the server's password.
   *
   * @param sentence What the server says: it wants one, or the last was wrong. A line before it
   *   may say to whom the password goes.
   * @returns Null to give up.
   */
  onPasswordWanted(sentence: string): Promise<string | null>;
  /**
   * Waits until what was handed out is dealt with: no more is read until then.
   *
   * @default Nothing is waited for.
   */
  drained?(): Promise<void>;
}

/** Options of {@linkcode Conversation}. */
export interface ConversationOptions {
  /** Where the server is. */
  readonly address: ServerAddress;
  /** The name to go by; null for whatever the server picks. */
  readonly nick: string | null;
  /** The server's own; null until it asks for one. */
  readonly password: string | null;
  /** What to go on from; null to begin anew. Nobody else may use it at the same time. */
  readonly session: Session | null;
  /** Who is told what happens. */
  readonly owner: ConversationOwner;
  /** Ends it at once; the user can go on elsewhere from {@linkcode Conversation.session}. */
  readonly signal: AbortSignal;
  /** Whether to come back after a lost connection, once the server has welcomed us. @default {true} */
  readonly reconnects?: boolean;
  /** Whether the server is to keep the session for a while once the connection is lost. @default {true} */
  readonly resumes?: boolean;
  /** How a connection is made. @default {connectToServer} */
  readonly connect?: (address: ServerAddress, options: ConnectOptions) => Promise<LineLink>;
}

/** How one connection ended. */
type VisitEnd =
  | { readonly kind: "lost"; readonly why: string }
  | { readonly kind: "password-wanted"; readonly sentence: string }
  | { readonly kind: "ended"; readonly end: ConversationEnd };

/** Ends that the server knows nothing of: its session is there still. */
const RESUMABLE: ReadonlySet<ConversationEnd["kind"]> = new Set(["untrusted", "lost", "aborted"]);

/** Takes the line that ends a request. */
export type OnDone = (answer: RequestAnswer) => void;

/** See the module. Used for one {@linkcode Conversation.run}. */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #owner: ConversationOwner;
  readonly #outbox: Outbox<OnDone>;
  readonly #backoff = new Backoff();
  /** Aborted when the user leaves while there is no connection to say so. */
  readonly #leaving = new AbortController();
  readonly #stop: AbortSignal;
  #nick: string | null;
  #password: string | null;
  #token: string | null;
  #lastId: number;
  /** Where the user is, to be there again in a new session. */
  #rooms: readonly string[] = [];
  #room: string | null = null;
  /** Rooms to join again, by the ref of the command that does it. */
  readonly #rejoining = new Map<string, string>();
  #rejoinCount = 0;
  /** The connection after its welcome; null otherwise. */
  #link: LineLink | null = null;
  #heartbeat: Heartbeat | null = null;
  #onlineAtMs: number | null = null;
  #isWelcomed = false;
  #isQuitting = false;
  #isEnded = false;
  /** What the user is still to be told of how the server is trusted. */
  #notice: string | null = null;
  /** Why we are about to close the connection ourselves. */
  #whyLost: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Nothing happens before {@linkcode run}, but requests are taken. */
  constructor(options: ConversationOptions) {
    const { session, nick, password, owner, signal } = options;
    this.#options = options;
    this.#owner = owner;
    this.#stop = AbortSignal.any([signal, this.#leaving.signal]);
    this.#nick = nick;
    this.#password = password;
    this.#token = session?.token ?? null;
    this.#lastId = session?.lastId ?? 0;
    this.#outbox = new Outbox(session?.lastRef ?? 0);
  }

  /** Requests that have no answer yet. */
  get pending(): number {
    return this.#outbox.size;
  }

  /** What a later conversation can go on from; null where there is nothing to go on from. */
  get session(): Session | null {
    if (this.#token === null) return null;
    return { token: this.#token, lastId: this.#lastId, lastRef: this.#outbox.lastRef };
  }

  /**
   * Connects, and stays until the end. To be called once.
   *
   * @throws What a callback of the owner threw, after everything is closed.
   */
  async run(): Promise<ConversationEnd> {
    try {
      const end = await this.#visitUntilEnd();
      if (!RESUMABLE.has(end.kind)) this.#token = null;
      this.#answerRest();
      this.#owner.onState({ kind: "ended", why: end.why });
      return end;
    } finally {
      this.#isEnded = true;
      clearTimeout(this.#timer);
    }
  }

  /**
   * Sends a request, now or once there is a connection.
   *
   * @param onDone Takes the line that ends it. The server's `refused` has its codes; ours are
   *   `too-long`, `too-many-waiting`, `not-sent` (the conversation has ended) and `unknown-fate`.
   *   @default The owner's `onEvent` takes it.
   * @returns The ref that what answers it has; `onDone` is not called before that.
   */
  request(request: Request, onDone: OnDone = (answer) => this.#owner.onEvent(answer)): number {
    const ref = this.#outbox.nextRef();
    const line = JSON.stringify({ ...request, ref });
    const byteLength = new TextEncoder().encode(line).length;
    const pending: Pending<OnDone> = { ref, line, byteLength, onDone };
    const refusal = this.#isEnded
      ? refused(ref, "not-sent", "There is no connection any more.")
      : byteLength > LINE_BYTES_MAX
      ? refused(ref, "too-long", "That is too long for one message.")
      : !this.#outbox.add(pending)
      ? refused(
        ref,
        "too-many-waiting",
        "That was not taken: too much waits for the server already.",
      )
      : null;
    if (refusal !== null) queueMicrotask(() => onDone(refusal));
    else this.#pump();
    return ref;
  }

  /** Ends the pause before the next attempt, if there is one: the user is here, or the network is back. */
  retryNow(): void {
    this.#backoff.skip();
  }

  /** Leaves: at once where there is no connection, otherwise within `CLIENT_LEAVE_MS`. */
  quit(): void {
    if (this.#isQuitting) return;
    this.#isQuitting = true;
    const link = this.#link;
    if (link === null || !link.send(JSON.stringify({ type: "quit" }))) {
      this.#leaving.abort();
      link?.close();
      return;
    }
    this.#setTimer(CLIENT_LEAVE_MS, () => link.close());
  }

  /** One connection after the other. */
  async #visitUntilEnd(): Promise<ConversationEnd> {
    for (;;) {
      const visit = await this.#visit();
      if (visit.kind === "ended") return visit.end;
      const end = this.#stopped() ?? await this.#beforeNextVisit(visit);
      const stopped = this.#stopped() ?? end;
      if (stopped !== null) return stopped;
    }
  }

  /** The end that was asked for on this side; null where none was. */
  #stopped(): ConversationEnd | null {
    if (this.#isQuitting) return { kind: "quit", why: null };
    return this.#stop.aborted ? { kind: "aborted", why: null } : null;
  }

  /** Waits, or asks, for what the next connection needs; the end where there is to be none. */
  async #beforeNextVisit(
    visit: VisitEnd & { kind: "lost" | "password-wanted" },
  ): Promise<ConversationEnd | null> {
    if (visit.kind === "lost") {
      const { why } = visit;
      if (!this.#isWelcomed || this.#options.reconnects === false) return { kind: "lost", why };
      await this.#pause(why);
      return null;
    }
    // Who gives a password should know to whom.
    const question = [...this.#notice === null ? [] : [this.#notice], visit.sentence].join("\n");
    this.#notice = null;
    // On a connection of its own: a server does not wait for somebody who thinks.
    this.#password = await this.#askPassword(question);
    return this.#password === null ? { kind: "not-admitted", why: visit.sentence } : null;
  }

  /** One connection, from the connect until it is closed. */
  async #visit(): Promise<VisitEnd> {
    const { address, connect = connectToServer } = this.#options;
    this.#owner.onState({ kind: "connecting" });
    this.#whyLost = null;
    this.#onlineAtMs = null;
    let link: LineLink;
    try {
      link = await connect(address, { signal: this.#stop });
    } catch (error) {
      if (this.#stop.aborted) return { kind: "lost", why: "" };
      if (error instanceof ConnectError) return { kind: "lost", why: error.message };
      if (error instanceof UntrustedError) {
        return { kind: "ended", end: { kind: "untrusted", why: error.message } };
      }
      throw error;
    }
    this.#notice = link.notice ?? this.#notice;
    await using _link = link;
    const close = (): void => link.close();
    this.#stop.addEventListener("abort", close);
    if (this.#stop.aborted) close();
    try {
      return await this.#talk(link);
    } finally {
      this.#stop.removeEventListener("abort", close);
      clearTimeout(this.#timer);
      this.#heartbeat?.[Symbol.dispose]();
      this.#heartbeat = null;
      this.#link = null;
      this.#outbox.connectionLost();
    }
  }

  async #talk(link: LineLink): Promise<VisitEnd> {
    this.#sayHello(link);
    let lastWords: string | null = null;
    for await (const batch of link.batches(JSON_LINES)) {
      this.#heartbeat?.heard();
      for (const line of batch) {
        const event = readServerLine(line);
        if (event === null) {
          // Whoever cannot let us in says so in plain text. Half a welcome is no such text, and
          // has the token in it.
          if (this.#link === null && /^[^{\s]/.test(line)) lastWords = cleanText(line);
          continue;
        }
        const end = this.#link === null ? this.#beforeWelcome(event, link) : this.#take(event);
        if (end !== null) return end;
      }
      await this.#owner.drained?.();
    }
    const plain = lastWords?.replace(/^-- /, "");
    const why = this.#whyLost ?? plain ?? "The connection was lost.";
    return { kind: "lost", why };
  }

  #sayHello(link: LineLink): void {
    const { address, resumes = true } = this.#options;
    const hello = {
      type: "hello",
      version: PROTOCOL_VERSION,
      ...this.#nick === null ? {} : { nick: this.#nick },
      ...this.#password === null ? {} : { password: this.#password },
      ...this.#token === null ? {} : { token: this.#token, last: this.#lastId },
      ...resumes ? {} : { resume: false },
    };
    link.send(JSON.stringify(hello));
    this.#setTimer(CLIENT_HELLO_MS, () => {
      this.#whyLost = `${formatServerAddress(address)} does not answer as a Parley server does.`;
      link.close();
    });
  }

  /** What answers a hello. */
  #beforeWelcome(event: ServerEvent, link: LineLink): VisitEnd | null {
    if (event.type === "welcome") {
      clearTimeout(this.#timer);
      this.#welcome(event, link);
      return null;
    }
    if (event.type === "goodbye") return this.#goodbye(event);
    if (event.type !== "refused") return null;
    const { code, text } = event;
    switch (code) {
      case "session-over":
      case "not-private":
        // It may be the password that others could read, or a server that only says no.
        if (this.#token === null) return { kind: "lost", why: text };
        clearTimeout(this.#timer);
        this.#token = null;
        this.#sayHello(link);
        return null;
      case "password-wanted":
      case "wrong-password":
        return { kind: "password-wanted", sentence: text };
      case "banned":
      case "bad-version":
        return { kind: "ended", end: { kind: code, why: text } };
      default:
        return { kind: "lost", why: text };
    }
  }

  #welcome(event: Welcome, link: LineLink): void {
    // What an earlier session was sent and did not answer, it may have acted upon.
    const lost = event.isResumed ? [] : this.#outbox.takeSent();
    if (!event.isResumed) {
      this.#lastId = event.id;
      if (this.#isWelcomed) this.#planRejoining(event);
    }
    this.#token = event.token;
    this.#outbox.skipTo(event.lastRef);
    this.#rooms = event.rooms.map(({ room }) => room);
    this.#room = event.room;
    this.#isWelcomed = true;
    this.#onlineAtMs = Date.now();
    this.#link = link;
    // Its first ping tells the server at once that the welcome has arrived.
    this.#heartbeat = new Heartbeat({
      ping: (text) => link.send(JSON.stringify({ type: "ping", text, last: this.#lastId })),
      onLatency: (latencyMs) => this.#owner.onState({ kind: "online", latencyMs }),
      onLost: () => {
        this.#whyLost = "The server does not answer any more.";
        link.close();
      },
    });
    this.#owner.onState({ kind: "online", latencyMs: null });
    this.#owner.onEvent(event);
    if (this.#notice !== null) {
      this.#owner.onEvent({ type: "notice", code: "first-use", lines: [this.#notice] });
      this.#notice = null;
    }
    for (const { ref, onDone } of lost) onDone(unknownFate(ref));
    for (const [ref, room] of this.#rejoining) {
      link.send(JSON.stringify({ type: "command", name: "join", args: room, ref }));
    }
    this.#pump();
  }

  /** A new session begins in the lobby: the rooms of the old one are joined again, its current one last. */
  #planRejoining(event: Welcome): void {
    const there = new Set(event.rooms.map(({ room }) => room));
    const wanted = new Set([...this.#rejoining.values(), ...this.#rooms]);
    const missing = [...wanted].filter((room) => !there.has(room) && room !== this.#room);
    this.#rejoining.clear();
    const isElsewhere = this.#room !== null && this.#room !== event.room;
    for (const room of isElsewhere || missing.length > 0 ? [...missing, this.#room] : []) {
      // Not an integer: it may come before what was asked earlier, and a join may be done twice.
      if (room !== null) this.#rejoining.set(`rejoin-${++this.#rejoinCount}`, room);
    }
  }

  /** What comes after the welcome. */
  #take(event: ServerEvent): VisitEnd | null {
    switch (event.type) {
      case "ok":
      case "refused":
        this.#answer(event);
        return null;
      case "pong":
        if (event.ref !== undefined || !this.#heartbeat?.takePong(event.text)) this.#answer(event);
        return null;
      case "goodbye":
        this.#owner.onEvent(event);
        return this.#goodbye(event);
      case "caught-up":
        this.#lastId = Math.max(this.#lastId, event.id);
        this.#owner.onEvent(event);
        return null;
      case "welcome":
        // There is one a connection.
        return null;
      default:
        this.#takeOnce(event);
        return null;
    }
  }

  #takeOnce(event: Exclude<ServerEvent, { type: "welcome" | "caught-up" | "ok" }>): void {
    const id = "id" in event ? event.id : undefined;
    if (id !== undefined) {
      if (id <= this.#lastId) return;
      this.#lastId = id;
    }
    switch (event.type) {
      case "nick":
        this.#nick = event.name;
        break;
      case "entered":
        this.#rooms = [...this.#rooms.filter((room) => room !== event.room), event.room];
        this.#room = event.room;
        break;
      case "parted":
        this.#rooms = this.#rooms.filter((room) => room !== event.room);
        this.#room = event.to;
        break;
      case "unknown":
        return;
      default:
        break;
    }
    this.#owner.onEvent(event);
  }

  /** Ends the request that this answers; whatever answers none of ours is the owner's. */
  #answer(event: RequestAnswer): void {
    const { ref } = event;
    if (typeof ref === "string") this.#rejoining.delete(ref);
    const pending = typeof ref === "number" ? this.#outbox.answered(ref) : undefined;
    if (pending === undefined) this.#owner.onEvent(event);
    else pending.onDone(event);
    this.#pump();
  }

  #goodbye(event: ServerEvent & { type: "goodbye" }): VisitEnd {
    const { reason, detail } = event;
    const why = describeGoodbye(reason, detail);
    switch (reason) {
      case "quit":
        return { kind: "ended", end: { kind: reason, why: null } };
      case "removed":
      case "replaced":
      case "not-admitted":
        return { kind: "ended", end: { kind: reason, why } };
      case "idle":
      case "slow":
      case "shutdown":
      case "internal":
        return { kind: "lost", why };
    }
  }

  /** Sends what may be sent now. */
  #pump(): void {
    const link = this.#link;
    // Behind a quit the server acts upon nothing.
    if (link === null || this.#isQuitting) return;
    for (let line = this.#outbox.next(); line !== null; line = this.#outbox.next()) link.send(line);
  }

  async #pause(why: string): Promise<void> {
    // A server that lets us in and drops us at once is one that fails.
    const isSteady = this.#onlineAtMs !== null &&
      Date.now() - this.#onlineAtMs >= CLIENT_RETRY_MS_MAX;
    if (isSteady) this.#backoff.reset();
    const ms = this.#backoff.nextMs();
    const { attempts } = this.#backoff;
    this.#owner.onState({
      kind: "waiting",
      attempt: attempts,
      retryAtMs: Date.now() + ms,
      why,
    });
    await this.#backoff.wait(ms, this.#stop);
  }

  /** Null where there is none, or the wait was cut short. */
  async #askPassword(sentence: string): Promise<string | null> {
    const stopped = Promise.withResolvers<null>();
    const onAbort = (): void => stopped.resolve(null);
    this.#stop.addEventListener("abort", onAbort);
    if (this.#stop.aborted) onAbort();
    try {
      return await Promise.race([this.#owner.onPasswordWanted(sentence), stopped.promise]);
    } finally {
      this.#stop.removeEventListener("abort", onAbort);
    }
  }

  /** Nothing more will be answered by the server. */
  #answerRest(): void {
    this.#isEnded = true;
    for (const { ref, onDone } of this.#outbox.takeSent()) onDone(unknownFate(ref));
    for (const { ref, onDone } of this.#outbox.takeUnsent()) {
      onDone(refused(ref, "not-sent", "That was not sent: the conversation has ended."));
    }
  }

  /** There is one timer: for the answer to the hello, and later for the goodbye. */
  #setTimer(ms: number, onDue: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onDue, ms);
  }
}

function refused(ref: number, code: string, text: string): RequestAnswer {
  return { type: "refused", ref, code, text };
}

function unknownFate(ref: number): RequestAnswer {
  return refused(
    ref,
    "unknown-fate",
    "The connection was lost for good before an answer came: nobody knows whether that was done.",
  );
}
