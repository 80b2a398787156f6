/**
 * What a connection is, whatever its transport: whole lines in, bytes out.
 *
 * Nothing above `net/` can tell which transport it has.
 * Must not know: protocols, the chat.
 *
 * @module
 */

import type { EndReason } from "../errors.ts";

/** Stands for a line that was longer than `LINE_BYTES_MAX`; its bytes are gone. */
export const TOO_LONG: unique symbol = Symbol("line too long");

/**
 * Stands for another `LINE_BYTES_MAX` bytes that came without making a line:
 * the rest of a line that is too long, or telnet options without end. There is
 * nothing to answer, but it counts against the sender's rate like a line.
 */
export const FILLER: unique symbol = Symbol("bytes without a line");

/** One line from a peer, without its end, or what stands for it. */
export type Line = string | typeof TOO_LONG | typeof FILLER;

/** By which way somebody came: raw TCP, TLS, or a browser's WebSocket. */
export type Via = "tcp" | "tls" | "web";

/** Who is on the other side, as far as the way there tells. */
export interface Peer {
  /** The address without its port, as text. */
  readonly address: string;
  /** By which way they came. */
  readonly via: Via;
  /** Whether nobody on the way can read what they send: it is encrypted, or leaves no machine. */
  readonly isPrivate: boolean;
}

/**
 * One live transport that speaks lines.
 *
 * Its life, in three steps:
 * 1. *Open.* `lines()` gives what arrives; `send` queues.
 * 2. *Ended:* `signal` is aborted with an {@linkcode EndReason}, by whoever
 *    ends it (idle watchdog, shutdown, the connection itself when the peer is
 *    gone). `lines()` ends at once; `send` still takes the last words.
 * 3. *Closed:* whoever iterated `lines()` calls `close`, nobody else needs to.
 */
export interface Connection {
  /** Who is on the other side. */
  readonly peer: Peer;

  /** Whoever aborts it, with an {@linkcode EndReason}, ends the connection. */
  readonly controller: AbortController;

  /** The controller's. Aborted once the connection has ended. */
  readonly signal: AbortSignal;

  /** When the peer last sent something (at first, when it came), in epoch milliseconds. */
  readonly lastReadAtMs: number;

  /** Bytes that wait for the peer, those being written included. */
  readonly queuedBytes: number;

  /** Resolves with why it ended, once nothing of it is left open. Never rejects. */
  readonly closed: Promise<EndReason>;

  /**
   * The peer's lines, in order. Ends, without throwing, once `signal` is
   * aborted. Reads on only when asked for more, so a caller who waits makes the
   * peer wait. To be iterated once.
   */
  lines(): AsyncIterable<Line>;

  /**
   * Queues bytes for the peer. Never waits, never throws.
   *
   * @param bytes Whole lines; not to be changed afterwards, since connections share them.
   * @returns False where they were not taken: the connection is closing, or its
   *   send queue is full, which ends it.
   */
  send(bytes: Uint8Array): boolean;

  /**
   * Ends the connection if it has not ended, writes what is queued (for at most
   * `CLOSE_FLUSH_MS`), and closes. Calling it again changes nothing.
   *
   * @returns `closed`.
   */
  close(reason: EndReason): Promise<EndReason>;

  /** Closes at once, whatever is queued. Calling it again changes nothing. */
  abort(reason: EndReason): void;
}
