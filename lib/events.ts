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

/** One person as `/who` shows them. */
export interface Presence {
  /** Their name. */
  readonly name: string;
  /** When they came, in epoch milliseconds. */
  readonly joinedAtMs: number;
  /** Whether they are an operator, of the room or of the server. */
  readonly isOperator: boolean;
}

/** Something that was said in a room, or a topic that was set: as it happens. */
export interface RoomMessage {
  /** The topic is the text; an empty one is none. */
  readonly type: "message" | "action" | "topic";
  /** One more than the message before it, over all rooms. */
  readonly id: number;
  /** In epoch milliseconds. */
  readonly atMs: number;
  /** With its `#`. */
  readonly room: string;
  /** What the store calls the room. */
  readonly roomId: number;
  /** Null for a guest. */
  readonly accountId: number | null;
  /** Its writer's name at the time. */
  readonly from: string;
  /** Clean. */
  readonly text: string;
}

/** One line of history. */
export interface HistoryLine {
  /** Grows with time, over all rooms. */
  readonly id: number;
  /** In epoch milliseconds. */
  readonly atMs: number;
  /** With its `#`. */
  readonly room: string;
  /** Something said, something done, a new topic. */
  readonly kind: "message" | "action" | "topic";
  /** Its writer's name at the time. */
  readonly from: string;
  /** What was written; of a topic, the topic. */
  readonly text: string;
}

/** One room as `/rooms` shows it. */
export interface RoomListing {
  /** With its `#`. */
  readonly name: string;
  /** How many people are there. */
  readonly people: number;
  /** Empty for none. */
  readonly topic: string;
  /** Whether it takes a password, or an invitation; null for neither. */
  readonly needs: "password" | "invitation" | null;
  /** Whether who asked is there. */
  readonly isIn: boolean;
}

/** One line of `/help`. */
export interface HelpEntry {
  /** What it belongs to: `Rooms`, `Names`, ... */
  readonly group: string;
  /** How it is typed, with its arguments: `/nick NAME`. */
  readonly usage: string;
  /** What it does, in a few words. */
  readonly summary: string;
}

/** One of the rooms that a user is in. */
export interface Place {
  /** With its `#`. */
  readonly room: string;
  /** Empty for none. */
  readonly topic: string;
  /** Who else is there. */
  readonly others: NameList;
}

/** What a welcome tells a program. */
export interface Visit {
  /** Whether the user is logged in under the name. */
  readonly isRegistered: boolean;
  /** All that the user is in. */
  readonly rooms: readonly Place[];
  /** The id of the last event before the welcome. */
  readonly id: number;
  /** With which a later connection goes on with this one; null where none can. */
  readonly token: string | null;
  /** For how long a lost connection is told to nobody, in milliseconds. */
  readonly graceMs: number;
  /** Whether this goes on with an earlier connection. */
  readonly isResumed: boolean;
  /** Whether the server was started anew since that one. */
  readonly isRestarted: boolean;
  /** Whether all that was missed follows. */
  readonly isComplete: boolean;
  /** The highest integer by which a request was known that was acted on; 0 for none. */
  readonly lastRef: number;
}

/** Why a user is gone, where that is worth telling: the rest just left. */
export type LeaveReason = "left" | "idle" | "slow" | "lost" | "removed";

/** Why the server ends a session, as the peer is told. */
export type GoodbyeReason =
  | "quit"
  | "idle"
  | "slow"
  | "shutdown"
  | "internal"
  | "removed"
  | "replaced"
  | "not-admitted";

/**
 * What the server tells a user.
 *
 * `room`, wherever it stands, has its `#`. Events that the members of a room
 * are told as they happen have one, and are shown in it.
 *
 * `id` stands in everything that a user whose connection broke is told once they
 * are back. It is one more than that of the event before it, over all rooms, and
 * missing only until `Broadcast` tells the event: who makes one need not know it.
 */
export type ChatEvent =
  | {
    readonly type: "welcome";
    /** The server's name. */
    readonly server: string;
    /** The name that the user was given. */
    readonly name: string;
    /** Null where the user may be in none yet. */
    readonly room: string | null;
    /** Who else is there. */
    readonly others: NameList;
    /** The message of the day, a line each. */
    readonly motd: readonly string[];
    /** The room's topic; empty for none. */
    readonly topic: string;
    /** What a program needs beyond that; missing for people. */
    readonly visit?: Visit;
  }
  /** The user is in a room now, which is the current one. */
  | {
    readonly type: "entered";
    readonly id?: number;
    readonly room: string;
    /** Whether the user was in it before, or made it just now. */
    readonly how: "joined" | "made" | "returned";
    readonly others: NameList;
    readonly topic: string;
    /** For who made it: whether that lasts, since the name is registered. */
    readonly isLasting: boolean;
  }
  /** The user is in a room no more, and in `to` now, where that is not null. */
  | {
    readonly type: "parted";
    readonly id?: number;
    readonly room: string;
    readonly to: string | null;
  }
  | { readonly type: "joined"; readonly id?: number; readonly room: string; readonly who: NameList }
  | {
    readonly type: "left";
    readonly id?: number;
    readonly room: string;
    readonly who: NameList;
    readonly reason: LeaveReason;
  }
  /** An operator sent somebody out of the room. */
  | {
    readonly type: "sent-out";
    readonly id?: number;
    readonly room: string;
    readonly name: string;
    readonly verb: "removed" | "banned";
    readonly by: string;
    /** Empty for none. */
    readonly reason: string;
  }
  | { readonly type: "renamed"; readonly id?: number; readonly from: string; readonly to: string }
  /** The user's own name from now on. */
  | { readonly type: "nick"; readonly id?: number; readonly name: string }
  | RoomMessage
  /** A private message; one that waited was sent while the user was away. */
  | {
    readonly type: "direct";
    readonly id?: number;
    readonly from: string;
    readonly text: string;
    readonly atMs: number;
    /** When it was told, in epoch milliseconds. */
    readonly nowMs: number;
    readonly hasWaited: boolean;
  }
  /** A message was deleted. */
  | {
    readonly type: "forgotten";
    readonly id?: number;
    readonly room: string;
    readonly messageId: number;
    /** Who wrote it. */
    readonly from: string;
    /** Who deleted it. */
    readonly by: string;
  }
  /** Something of note in a room, or on the server where there is no room; `code` is stable. */
  | {
    readonly type: "announced";
    readonly id?: number;
    readonly room: string | null;
    readonly code: string;
    readonly text: string;
  }
  | {
    readonly type: "history";
    /** What a room's new member is shown; the same of another room than the current one; an answer. */
    readonly purpose: "backlog" | "missed" | "asked";
    readonly room: string;
    /** When it was put together, in epoch milliseconds. */
    readonly nowMs: number;
    /** Oldest first. */
    readonly lines: readonly HistoryLine[];
    /** How many newer ones than `lines` begin with the user has not read and is not shown. */
    readonly unread: number;
  }
  | {
    readonly type: "found";
    readonly nowMs: number;
    /** Newest first. */
    readonly lines: readonly HistoryLine[];
  }
  | { readonly type: "rooms"; readonly rooms: readonly RoomListing[]; readonly more: number }
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
  /** An answer in words; `code` is stable. */
  | {
    readonly type: "notice";
    readonly id?: number;
    readonly code: string;
    readonly lines: readonly string[];
  }
  /** The answer to `/ping`, with its argument. */
  | { readonly type: "pong"; readonly text: string; readonly atMs: number }
  /** A program's request was done; `id` and `atMs` are those of what was said in a room. */
  | {
    readonly type: "ok";
    readonly id?: number;
    readonly atMs?: number;
    /** Whether it had been done before, and was not done again. */
    readonly repeated?: boolean;
  }
  /** So many missed events were told before this; what follows happens now. */
  | { readonly type: "caught-up"; readonly missed: number; readonly id: number }
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
    /** Who removed the user and why, as a sentence, or empty. */
    readonly detail: string;
  };
