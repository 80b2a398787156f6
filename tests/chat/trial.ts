/**
 * A chat without a server: a store in memory, receivers that write down what
 * they are told, and turns of the event loop that end when a test says so.
 *
 * @module
 */

import { Counters } from "../../lib/counters.ts";
import type { Turns } from "../../lib/chat/broadcast.ts";
import { Chat } from "../../lib/chat/chat.ts";
import type { Timer } from "../../lib/chat/presence.ts";
import type { Tokens } from "../../lib/chat/seats.ts";
import type { Delivery, Member, Receiver } from "../../lib/chat/state.ts";
import type { Passwords, Store } from "../../lib/chat/store.ts";
import type { EndReason } from "../../lib/errors.ts";
import type { ChatEvent } from "../../lib/events.ts";
import { openStore, type SqliteStore } from "../../lib/store/sqlite_store.ts";

/** Writes down what it is told. */
export class Notes implements Receiver {
  readonly events: ChatEvent[] = [];
  /** Why the chat ended the session; null while it has not. */
  ended: EndReason | null = null;

  deliver(event: ChatEvent): void {
    this.events.push(event);
  }

  deliverBatch(events: readonly ChatEvent[], { skipped }: Delivery): void {
    for (const [index, event] of events.entries()) {
      if (skipped === null || !skipped.has(index)) this.events.push(event);
    }
  }

  get isEnded(): boolean {
    return this.ended !== null;
  }

  end(reason: EndReason): void {
    this.ended = reason;
  }

  /** What it was told since it was last asked, in few words. */
  take(): string[] {
    return this.events.splice(0).map((event) => {
      switch (event.type) {
        case "message":
        case "action":
        case "topic":
        case "direct":
          return `${event.type} ${event.from}: ${event.text}`;
        case "joined":
          return `joined ${event.who.names.join()}`;
        case "left":
          return `left ${event.who.names.join()} ${event.reason}`;
        case "renamed":
          return `renamed ${event.from} ${event.to}`;
        case "nick":
        case "welcome":
          return `${event.type} ${event.name}`;
        case "entered":
          return `entered ${event.room} ${event.how}`;
        case "history":
          return `history ${event.lines.map((line) => line.text).join()}`;
        case "notice":
          return `notice ${event.code}`;
        default:
          return event.type;
      }
    });
  }
}

/** Hashes that cost nothing. */
export const CHEAP_PASSWORDS: Passwords = {
  hash: (password) => Promise.resolve(`cheap ${password}`),
  verify: (password, hash) => Promise.resolve(hash === `cheap ${password}`),
};

let tokensMade = 0;

/** Tokens that everybody can guess. */
export const COUNTED_TOKENS: Tokens = {
  make: () => {
    const token = `token ${++tokensMade}`;
    return Promise.resolve({ token, hash: `hash of ${token}` });
  },
  hash: (token) => Promise.resolve(`hash of ${token}`),
};

/** A timer that never rings. */
export const NO_TIMER: Timer = { start: () => {}, stop: () => {} };

/** A store of which some methods are others: spies, or such as fail. */
export function overlay(store: SqliteStore, methods: Partial<Store>): Store {
  return new Proxy<SqliteStore>(store, {
    get: (target, key): unknown => {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Options of a {@linkcode Trial}. */
export interface TrialOptions {
  /** Names of server operators. */
  readonly operators?: readonly string[];
  /** What the chat is given for its store: a spy, or one that fails. */
  readonly wrapStore?: (store: SqliteStore) => Store;
  /** Turns that end by themselves; `endTurn` does nothing then. */
  readonly turns?: Turns;
  /** How long a lost connection is told to nobody. */
  readonly resumeGraceMs?: number;
  /** Its timers; without them none ever rings. */
  readonly newTimer?: () => Timer;
}

/** A chat, and the end of its turns. */
export class Trial implements Disposable {
  readonly store: SqliteStore;
  readonly chat: Chat;
  /** What went wrong with the store. */
  readonly faults: string[] = [];
  #callbacks: (() => void)[] = [];

  constructor(options: TrialOptions = {}) {
    this.store = openStore({ path: ":memory:", keepMs: null });
    this.chat = new Chat({
      counters: new Counters(),
      server: "Parley",
      motd: [],
      operators: options.operators ?? [],
      allowsPlaintextPasswords: false,
      store: options.wrapStore?.(this.store) ?? this.store,
      passwords: CHEAP_PASSWORDS,
      tokens: COUNTED_TOKENS,
      resumeGraceMs: options.resumeGraceMs ?? 60_000,
      newTimer: options.newTimer ?? ((): Timer => NO_TIMER),
      turns: options.turns ?? { atEnd: (callback) => this.#callbacks.push(callback) },
      pause: () => Promise.resolve(),
      onFault: (what, error) => this.faults.push(`${what}: ${error}`),
    });
  }

  /** Brings somebody into the lobby; from this machine, unless told otherwise. */
  enter(address = "127.0.0.1"): { member: Member; notes: Notes } {
    const notes = new Notes();
    const user = this.chat.enter(notes, { address, isPrivate: address === "127.0.0.1" });
    return { member: this.chat.require(user), notes };
  }

  endTurn(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  [Symbol.dispose](): void {
    this.chat.close();
    this.store.close();
  }
}
