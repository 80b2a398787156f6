/**
 * What somebody has missed while they had no connection, put together from what is
 * stored, what rooms keep, and what was for them alone.
 *
 * Must not know: connections, how they came back.
 *
 * @module
 */

import type { ChatEvent } from "../events.ts";
import { LINE_FRAME_LENGTH, MISSED_EVENTS, MISSED_LENGTH } from "../limits.ts";
import { framedLength } from "../text.ts";
import type { Broadcast } from "./broadcast.ts";
import type { KeptEvents } from "./kept_events.ts";
import type { Rooms } from "./rooms.ts";
import type { Member, Room } from "./state.ts";

/** Some of what a user missed. */
export interface Missed {
  /** In the order of their ids. */
  readonly events: readonly ChatEvent[];
  /** What follows is behind this event. */
  readonly lastId: number;
  /** Whether nothing follows. */
  readonly isLast: boolean;
}

/** A time that the user was in a room, now or before. */
interface Visited {
  readonly room: Room;
  /** What was told after this event was for them. */
  readonly fromId: number;
  /** And up to this one. */
  readonly untilId: number;
  /** What the room keeps, or kept then. */
  readonly kept: KeptEvents | null;
}

/**
 * What a user has missed after an event: at most `MISSED_EVENTS`, and not many
 * more than `MISSED_LENGTH` characters. For the rest, ask again after the last.
 *
 * @throws {StoreError} If it cannot be read.
 */
export function findMissed(
  member: Member,
  afterId: number,
  { broadcast, rooms }: { readonly broadcast: Broadcast; readonly rooms: Rooms },
): Missed {
  const found = new Map<number, ChatEvent>();
  let completeToId = Infinity;
  for (const { room, fromId, untilId, kept } of visitsOf(member, rooms)) {
    const query = { member, afterId: Math.max(afterId, fromId), limit: MISSED_EVENTS, kept };
    const told = broadcast.toldAfter(room, query);
    if (told.completeToId < untilId) completeToId = Math.min(completeToId, told.completeToId);
    for (const event of told.events) if (idOf(event) <= untilId) found.set(idOf(event), event);
  }
  for (const event of member.seat?.kept.after(afterId, member.id) ?? []) {
    found.set(idOf(event), event);
  }
  const all = [...found].filter(([id]) => id <= completeToId).sort(([a], [b]) => a - b);
  const events = firstThatFit(all.map(([, event]) => event));
  const last = events.at(-1);
  if (events.length < all.length && last !== undefined) {
    return { events, lastId: idOf(last), isLast: false };
  }
  // Where nothing of what was read is for this user, what is behind it may be.
  const isLast = completeToId === Infinity;
  return { events, lastId: isLast ? broadcast.lastMessageId : completeToId, isLast };
}

/** Whether all that a user missed after an event is still there. */
export function isAllKept(member: Member, afterId: number, rooms: Rooms): boolean {
  return (member.seat?.kept.lostId ?? 0) <= afterId &&
    visitsOf(member, rooms).every(({ kept, fromId, untilId }) =>
      untilId <= afterId || (kept?.lostId ?? 0) <= Math.max(afterId, fromId)
    );
}

function visitsOf(member: Member, rooms: Rooms): Visited[] {
  return [
    ...[...member.rooms].map(([room, { fromId }]) => {
      return { room, fromId, untilId: Infinity, kept: room.kept };
    }),
    ...(member.seat?.pastStays ?? []).flatMap((stay) => {
      const room = rooms.get(stay.roomId);
      return room === undefined ? [] : [{ room, ...stay }];
    }),
  ];
}

/** As many of the first events as are sent at once; one at least. */
export function firstThatFit(all: readonly ChatEvent[]): ChatEvent[] {
  const events: ChatEvent[] = [];
  let length = 0;
  for (const event of all) {
    if (events.length === MISSED_EVENTS || length > MISSED_LENGTH) break;
    events.push(event);
    length += framedLength("text" in event ? event.text : "", LINE_FRAME_LENGTH);
  }
  return events;
}

/** An event's id; 0 for one that has none. */
export function idOf(event: ChatEvent): number {
  return "id" in event ? event.id ?? 0 : 0;
}
