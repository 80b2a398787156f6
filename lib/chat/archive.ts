/**
 * What was said before: reading it, searching it, and taking it back.
 *
 * Nobody reads what they could not have read as a member: whoever asks is in
 * the room, and sees nothing from before the message from which they may read.
 * Must not know: commands, sockets, SQL.
 *
 * @module
 */

import { CommandError, StoreError } from "../errors.ts";
import type { ChatEvent, HistoryLine } from "../events.ts";
import {
  HISTORY_LENGTH_MAX,
  HISTORY_PAGES_MAX,
  LINE_FRAME_LENGTH,
  SEARCH_HITS_MAX,
  SEARCH_PAUSE_FACTOR,
} from "../limits.ts";
import { framedLength } from "../text.ts";
import type { Broadcast } from "./broadcast.ts";
import type { Moderation } from "./moderation.ts";
import { nameKey } from "./names.ts";
import type { Roles } from "./roles.ts";
import { linesFor, type Rooms } from "./rooms.ts";
import type { Member, Room } from "./state.ts";
import type { Store, StoredMessage } from "./store.ts";

/** What the archive stands on. */
export interface ArchiveOptions {
  /** What is read. */
  readonly store: Store;
  /** Who is told what. */
  readonly broadcast: Broadcast;
  /** Where it is written down who deleted what. */
  readonly moderation: Moderation;
  /** Who may delete it. */
  readonly roles: Roles;
  /** Which rooms there are. */
  readonly rooms: Rooms;
  /** Waits, for who is to search in their turn; rejects once the signal is aborted. */
  readonly pause: Pause;
}

/** Waits so many milliseconds; rejects with the signal's reason once that is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** Up to where, or from where, history is asked for: a message, or a time. */
export type Point = { readonly id: number } | { readonly atMs: number };

/** Which part of a room's history is asked for. */
export interface HistoryRequest {
  /** The room. */
  readonly room: Room;
  /** So many messages at most. */
  readonly limit: number;
  /** Null for now. */
  readonly point: Point | null;
  /** Whether the first ones after the point are wanted, and not the last ones before it. */
  readonly isAfter: boolean;
}

/** What to search for, as it was typed. */
export interface SearchRequest {
  /** One at least. */
  readonly words: readonly string[];
  /** The key of a name, or null for everybody. */
  readonly fromKey: string | null;
  /** Null for every room that the user is in. */
  readonly room: Room | null;
  /** From this time on; null for any. */
  readonly afterMs: number | null;
  /** Before this time; null for any. */
  readonly beforeMs: number | null;
}

/** The history of the server, as its users may see it. */
export class Archive {
  readonly #options: ArchiveOptions;
  /** When the next search may begin. */
  #searchAtMs = 0;

  /** On top of rooms and store. */
  constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  /**
   * The last so many messages of a room up to a point, or the first ones after it.
   *
   * @throws {CommandError} If the user left the room meanwhile.
   */
  async read(
    member: Member,
    request: HistoryRequest,
    signal: AbortSignal,
  ): Promise<ChatEvent> {
    const { room, limit, point, isAfter } = request;
    const fault = await this.#catchUp(signal);
    const { store } = this.#options;
    const { sinceId } = requireStay(member, room);
    const pointId = point === null
      ? store.lastMessageId + 1
      : "id" in point
      ? point.id
      : store.idAt(point.atMs) - (isAfter ? 1 : 0);
    const lines = isAfter
      ? firstThatFit(this.#readHeardAfter(member, room, { afterId: pointId, sinceId, limit }))
      : firstThatFit(
        this.#readHeard(member, room, { beforeId: pointId, sinceId, limit }).reverse(),
      ).reverse();
    if (lines.length === 0) {
      if (fault !== null) throw fault;
      return { type: "notice", code: "no-history", lines: ["There is nothing to show."] };
    }
    const { name } = room;
    return { type: "history", purpose: "asked", room: name, nowMs: Date.now(), lines, unread: 0 };
  }

  /**
   * The newest messages that fit, in the rooms that the user is in.
   *
   * @throws {CommandError} If the user is in no room.
   */
  async search(member: Member, request: SearchRequest, signal: AbortSignal): Promise<ChatEvent> {
    const fault = await this.#catchUp(signal);
    await this.#awaitTurn(signal);
    const { store, rooms } = this.#options;
    const { words, fromKey, afterMs, beforeMs } = request;
    const searched: { roomId: number; sinceId: number }[] = [];
    for (const [room, { sinceId }] of member.rooms) {
      if (request.room === null || request.room === room) {
        searched.push({ roomId: room.record.id, sinceId });
      }
    }
    if (searched.length === 0) {
      throw new CommandError("no-room", "You are in no room to search in.");
    }
    const limit = SEARCH_HITS_MAX;
    const beganAtMs = Date.now();
    const exceptKeys = [...member.ignored?.keys() ?? []];
    const hits = store.search({
      words,
      rooms: searched,
      fromKey,
      exceptKeys,
      afterMs,
      beforeMs,
      limit,
    });
    const endedAtMs = Date.now();
    this.#searchAtMs = endedAtMs + SEARCH_PAUSE_FACTOR * (endedAtMs - beganAtMs);
    const lines = hits.flatMap((hit) => {
      const room = rooms.get(hit.roomId);
      return room === undefined ? [] : linesFor(member, [hit], room);
    });
    if (lines.length === 0) {
      if (fault !== null) throw fault;
      return { type: "notice", code: "not-found", lines: ["Nothing was found."] };
    }
    return { type: "found", nowMs: Date.now(), lines: firstThatFit(lines) };
  }

  /**
   * Deletes a message for good: the user's last one, or, with an id, any of
   * theirs, and for operators anybody's.
   *
   * @throws {CommandError} If there is none, or it is not theirs to delete.
   */
  async forget(member: Member, id: number | null, signal: AbortSignal): Promise<void> {
    const wantedId = id ?? member.lastMessageId;
    if (wantedId === null) {
      throw new CommandError("no-such-message", "You have not said anything to be forgotten.");
    }
    const fault = await this.#catchUp(signal);
    const { store, rooms, roles, moderation, broadcast } = this.#options;
    const message = store.message(wantedId);
    if (message === null && fault !== null) throw fault;
    const room = message === null ? undefined : rooms.get(message.roomId);
    const stay = room === undefined ? undefined : member.rooms.get(room);
    if (message === null || room === undefined || stay === undefined || message.id < stay.sinceId) {
      throw new CommandError(
        "no-such-message",
        "There is no such message in your rooms. /history shows the number of each.",
      );
    }
    const isOwn = isBy(member, message);
    if (!isOwn) {
      roles.require(member, "forget others", room);
      const author = message.accountId === null ? null : store.accountByKey(nameKey(message.from));
      if (author !== null) roles.requireRank(member, roles.ofAccount(author, room), room);
    }
    store.transaction(() => {
      store.removeMessage(wantedId);
      if (!isOwn) {
        moderation.note({
          by: member.name,
          act: "forget",
          room,
          whom: message.from,
          reason: `message ${wantedId}`,
        });
      }
    });
    room.forgetRecent();
    if (member.lastMessageId === wantedId) member.lastMessageId = null;
    broadcast.tell(room, {
      type: "forgotten",
      room: room.name,
      messageId: wantedId,
      from: message.from,
      by: member.name,
    });
  }

  /** The last lines of those whom a user does not ignore, oldest first. */
  #readHeard(
    member: Member,
    room: Room,
    query: { readonly beforeId: number; readonly sinceId: number; readonly limit: number },
  ): HistoryLine[] {
    const { sinceId, limit } = query;
    let { beforeId } = query;
    let lines: HistoryLine[] = [];
    for (let page = 0; page < HISTORY_PAGES_MAX && lines.length < limit; page++) {
      const roomId = room.record.id;
      const messages = this.#options.store.read({ roomId, beforeId, sinceId, limit });
      lines = [...linesFor(member, messages, room), ...lines];
      const oldest = messages[0];
      if (oldest === undefined || messages.length < limit) break;
      beforeId = oldest.id;
    }
    return lines.slice(-limit);
  }

  /** The first lines after a point of those whom a user does not ignore, oldest first. */
  #readHeardAfter(
    member: Member,
    room: Room,
    query: { readonly afterId: number; readonly sinceId: number; readonly limit: number },
  ): HistoryLine[] {
    const { sinceId, limit } = query;
    let afterId = Math.max(query.afterId, sinceId - 1);
    const lines: HistoryLine[] = [];
    for (let page = 0; page < HISTORY_PAGES_MAX && lines.length < limit; page++) {
      const messages = this.#options.store.after({ roomId: room.record.id, afterId, limit });
      lines.push(...linesFor(member, messages, room));
      const newest = messages.at(-1);
      if (newest === undefined || messages.length < limit) break;
      afterId = newest.id;
    }
    return lines.slice(0, limit);
  }

  /** Waits until the pause behind the last search is over. */
  async #awaitTurn(signal: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = this.#searchAtMs - Date.now();
      if (waitMs <= 0) return;
      await this.#options.pause(waitMs, signal);
    }
  }

  /** Has all that was said made readable. Where that fails, what was before can be read still. */
  async #catchUp(signal: AbortSignal): Promise<StoreError | null> {
    this.#options.broadcast.save();
    try {
      await this.#options.store.catchUp(signal);
      return null;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return error;
    }
  }
}

/** Whether a user wrote a message: under the same registered name, or as their last one. */
function isBy(member: Member, message: StoredMessage): boolean {
  const { account } = member.person;
  if (account !== null && message.accountId === account.id) return true;
  return member.lastMessageId === message.id;
}

function requireStay(member: Member, room: Room): { readonly sinceId: number } {
  const stay = member.rooms.get(room);
  if (stay !== undefined) return stay;
  throw new CommandError("not-in-room", `You are not in ${room.name} any more.`);
}

/** As many of the first lines as fit into an answer. */
function firstThatFit(lines: readonly HistoryLine[]): HistoryLine[] {
  const fitting: HistoryLine[] = [];
  let length = 0;
  for (const line of lines) {
    length += framedLength(line.text, LINE_FRAME_LENGTH);
    if (length > HISTORY_LENGTH_MAX && fitting.length > 0) break;
    fitting.push(line);
  }
  return fitting;
}
