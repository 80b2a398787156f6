/**
 * What the browser door asks of whoever deals with bots: the other side of `/rooms/NAME`.
 *
 * The door reads the request and writes the answer; what a token may do, and
 * in which room, is the handler's alone.
 * Must not know: HTTP beyond status codes, tokens' meaning, the chat.
 *
 * @module
 */

import type { Socket } from "../socket.ts";

/** What the door knows of each request with a token. */
export interface BotRequest {
  /** The room as the path has it, percent-decoded and otherwise unchecked: `lobby` or `#lobby`. */
  readonly room: string;
  /** What stands behind `Bearer`: unchecked, and never empty. */
  readonly token: string;
  /** The address that it comes from; the browser's own where a trusted proxy tells it. */
  readonly address: string;
  /** Whether nobody on the way can read the request. */
  readonly isPrivate: boolean;
}

/** What a request is answered. */
export interface BotAnswer {
  /** The HTTP status: 200 or 201, 400, 401, 403, 404, 409, 413, 429 or 503. */
  readonly status: number;
  /** Sent as JSON: `{ id, atMs }`, or `{ code, text }` for an error. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whole seconds, at least one, until it is worth trying again. */
  readonly retryAfterSeconds?: number;
}

/** Deals with what bots ask for. */
export interface BotsHandler {
  /**
   * Says something in a room.
   *
   * @param request.text The body: valid UTF-8 of at most `BOT_TEXT_BYTES_MAX` bytes, and
   *   otherwise as it came, line feeds and all; may be empty.
   * @throws Where something is wrong with the server: the bot is answered 500.
   */
  post(request: BotRequest & { readonly text: string }): Promise<BotAnswer>;

  /**
   * Streams a room.
   *
   * Resolves as soon as it is clear what the answer is: with null for a stream, which goes on
   * until either side ends it.
   *
   * @param request.afterId The id after which to begin, from `?after=ID`: a whole number; null
   *   for what happens from now on.
   * @param open Sends the head of a good answer (200), and gives the stream: may be called once,
   *   and only where null is resolved. Its `read` says nothing but when the bot went away: it
   *   resolves null then. Whoever called it closes it.
   * @throws Where something is wrong with the server: the bot is answered 500, or cut where the
   *   stream is open.
   */
  stream(
    request: BotRequest & { readonly afterId: number | null },
    open: () => Socket,
  ): Promise<BotAnswer | null>;
}
