/**
 * What the server tells users: one tagged union, the same for every protocol.
 *
 * An event is made once, by `chat/`, and handed to every user whom it concerns;
 * each protocol encodes it in its own way. Events are never changed once made.
 * Texts in them are already clean (see `text.ts`).
 * Must not know: protocols, sockets, who receives an event.
 *
 * @module
 */

/** A list of names of which only the first few are spelled out. */
export interface NameList {
  /** The names that are spelled out, in the order of arrival. */
  readonly names: readonly string[];
  /** How many more there are. */
  readonly more: number;
}

/** One user as `/who` shows it. */
export interface Presence {
  /** Their name. */
  readonly name: string;
  /** When the user entered, in epoch milliseconds. */
  readonly joinedAtMs: number;
}

/** Events that are told together, each to everybody but one. */
export interface EventBatch {
  /** In the order in which they happened. */
  readonly events: readonly ChatEvent[];
  /** For each event the id of the user who is not told, or null. */
  readonly except: readonly (number | null)[];
  /** The ids in `except`: whoever is not among them is told everything. */
  readonly excepted: ReadonlySet<number>;
}

/** One line of `/help`. */
export interface HelpEntry {
  /** How it is typed, with its arguments: `/nick NAME`. */
  readonly usage: string;
  /** What it does, in a few words. */
  readonly summary: string;
}

/** Why a user is gone, where that is worth telling: the rest just left. */
export type LeaveReason = "left" | "idle" | "slow" | "lost";

/** Why the server ends a session, as the peer is told. */
export type GoodbyeReason = "quit" | "idle" | "slow" | "shutdown" | "internal";

/** What the server tells a user. */
export type ChatEvent =
  | {
    readonly type: "welcome";
    /** The server's name. */
    readonly server: string;
    /** The name that the user was given. */
    readonly name: string;
    readonly room: string;
    /** Who else is there. */
    readonly others: NameList;
    /** The message of the day, a line each. */
    readonly motd: readonly string[];
  }
  | { readonly type: "joined"; readonly room: string; readonly who: NameList }
  | {
    readonly type: "left";
    readonly room: string;
    readonly who: NameList;
    readonly reason: LeaveReason;
  }
  | { readonly type: "renamed"; readonly from: string; readonly to: string }
  /** The answer to one's own `/nick`. */
  | { readonly type: "nick"; readonly name: string }
  | {
    readonly type: "message";
    readonly room: string;
    readonly from: string;
    readonly text: string;
  }
  | {
    readonly type: "action";
    readonly room: string;
    readonly from: string;
    readonly text: string;
  }
  /** A private message. */
  | { readonly type: "direct"; readonly from: string; readonly text: string }
  | {
    readonly type: "who";
    readonly room: string;
    /** When the list was made, in epoch milliseconds. */
    readonly atMs: number;
    readonly users: readonly Presence[];
    /** How many more there are than listed. */
    readonly more: number;
  }
  | { readonly type: "help"; readonly entries: readonly HelpEntry[] }
  /** The answer to `/ping`, with its argument. */
  | { readonly type: "pong"; readonly text: string }
  /** A request that was refused; `code` is stable, `text` is a sentence. */
  | { readonly type: "refused"; readonly code: string; readonly text: string }
  /** The sender is slowed down; nothing is lost. */
  | { readonly type: "slowed"; readonly perSecond: number }
  /** The idle time-out is near. */
  | { readonly type: "idle-warning"; readonly remainingMs: number }
  | {
    readonly type: "goodbye";
    readonly reason: GoodbyeReason;
    /** What the log calls the session: for a user who reports an internal error. */
    readonly sessionId: number;
  };
