/**
 * One thing in a room's scrollback: what was said, who came and went, what the server answers.
 *
 * An entry is never changed: one that becomes another (it was delivered, say)
 * is replaced by another object with the same `key`, so that whoever draws
 * entries may keep what was made of each by the object.
 * Must not know: the server's lines, the terminal.
 *
 * @module
 */

/** What an entry is. */
export type EntryKind =
  /** Something said. */
  | "message"
  /** Something done: `/me waves`. */
  | "action"
  /** A new topic; an empty text is none. */
  | "topic"
  /** A private message. */
  | "direct"
  /** Who came, went, or goes by another name. */
  | "presence"
  /** What the server says to the user, or to a room. */
  | "notice"
  /** A hit of a search, or a line of history that was asked for apart from the scrollback. */
  | "found"
  /** A request that was refused, and what else went wrong. */
  | "error"
  /** Something ends above it: the connection was lost, and not all that was missed is here. */
  | "divider";

/** What became of something of the user's own. */
export type Delivery =
  /** On its way, or waiting for a connection. */
  | "sending"
  /** The server has it. What others say always is. */
  | "sent"
  /** It was not said; why is in the entry's `reason`. */
  | "refused"
  /** The connection was lost for good meanwhile: it may have been said. */
  | "unknown";

/** Who came or went. */
export interface PresenceChange {
  /** What they did. */
  readonly change: "joined" | "left" | "renamed" | "sent-out";
  /** Who, as far as they are spelled out. */
  readonly names: readonly string[];
  /** How many more. */
  readonly more: number;
}

/** One thing in a room's scrollback. */
export interface Entry {
  /** Tells it from all others of the model; stays when the entry is replaced. */
  readonly key: number;
  /** What it is. */
  readonly kind: EntryKind;
  /** The server's number of it, which grows; null where it has none. */
  readonly id: number | null;
  /** In epoch milliseconds: when it happened, or where that is not told, when it arrived. */
  readonly atMs: number;
  /** With its `#`: where it was said; null for what belongs to no room. */
  readonly room: string | null;
  /** Who said it; empty for nobody. */
  readonly from: string;
  /** Of a private message of the user's own, whom it is to; null otherwise. */
  readonly to: string | null;
  /** Clean; a message or a notice may have several lines, between `\n`. */
  readonly text: string;
  /** Whether the user said it. */
  readonly isOwn: boolean;
  /** Whether it names the user, or is to them alone. */
  readonly isMention: boolean;
  /** What became of it. */
  readonly delivery: Delivery;
  /** Why it was refused, as a sentence; empty otherwise. */
  readonly reason: string;
  /** Of a `presence`, who came or went; null otherwise. */
  readonly presence: PresenceChange | null;
  /** Of what was found, the server's number; null otherwise. */
  readonly foundId: number | null;
  /** Of what was found, what kind of line it is; null otherwise. */
  readonly foundKind: "message" | "action" | "topic" | null;
}
