/**
 * A user: the identity that talks, as the chat sees it.
 *
 * Must not know: sockets, protocols.
 *
 * @module
 */

import type { ChatEvent, EventBatch } from "../events.ts";

/**
 * Where a user's events go. A session implements it, in front of its send queue.
 * Neither method waits, throws, or calls back into the chat.
 */
export interface Receiver {
  /** Takes one event. */
  deliver(event: ChatEvent): void;
  /** Takes the events of a batch, in order, but for those from which `userId` is excepted. */
  deliverBatch(batch: EventBatch, userId: number): void;
}

/** Someone in the chat. What changes is changed by `Broadcast` alone. */
export interface User {
  /** Unique for as long as the server runs. */
  readonly id: number;
  /** The peer's address; for operators and logs, never for other users. */
  readonly address: string;
  /** When the user entered, in epoch milliseconds. */
  readonly joinedAtMs: number;
  /** Where the user's events go. */
  readonly receiver: Receiver;
  /** The name, as others see it. */
  readonly name: string;
  /** Whom `/reply` answers: the id of who last sent a private message. */
  readonly lastSenderId: number | null;
}
