/**
 * The two bars: the title above what is said, and the status below it.
 *
 * `#lobby  plans for Friday            12 here` is the title;
 * `1:#lobby 2:#dev(3) 3:#ops(2!)     online, 12 ms` the status, in which a room
 * has the number of messages that nobody has read, and `!` where they name the
 * user. Where the width does not do, what matters less is left out.
 * Pure. Must not know: the terminal, colours, the connection.
 *
 * @module
 */

import type { ConnectionState } from "../client/conversation.ts";
import { fillLine, fitLine, lineWidth, type Span, span, type StyledLine } from "./styled.ts";

/** What the title says. */
export interface TitleState {
  /** With its `#`; empty before any. */
  readonly room: string;
  /** Empty for none. */
  readonly topic: string;
  /** How many people are here; 0 where that is not known. */
  readonly people: number;
}

/** A room in the status line. */
export interface RoomState {
  /** With its `#`. */
  readonly name: string;
  /** Messages that have not been read. */
  readonly unread: number;
  /** How many of them name the user. */
  readonly mentions: number;
  /** Whether it is the one that is shown. */
  readonly isCurrent: boolean;
}

/** What the status line says. */
export interface StatusState {
  /** Those that the user is in, in the order of their numbers. */
  readonly rooms: readonly RoomState[];
  /** How the connection is doing; null for nothing to say. */
  readonly connection: ConnectionState | null;
  /** The time now, from which the next attempt is counted down. */
  readonly nowMs: number;
  /** Messages that came below what is shown; 0 for none. */
  readonly newBelow: number;
  /** Whether what comes is not seen. */
  readonly isScrolled: boolean;
  /** Whether older lines are on their way. */
  readonly isFetching: boolean;
  /** Requests that wait for a connection. */
  readonly waiting: number;
}

/** The bar above what is said, exactly so many columns wide. */
export function titleBar(state: TitleState, columns: number): StyledLine {
  const { room, topic, people } = state;
  const name = span(room === "" ? "Parley" : room, "barActive");
  const count: StyledLine = people === 0 ? [] : [span(`  ${people} here`, "barMuted")];
  const left: Span[] = topic === "" ? [name] : [name, span(`  ${topic}`, "bar")];
  const isCountShown = lineWidth([name, ...count]) <= columns;
  return withRight(left, isCountShown ? count : [], columns);
}

/** The bar below what is said, exactly so many columns wide. */
export function statusBar(state: StatusState, columns: number): StyledLine {
  // Half of it is the rooms', and what they do not need is not.
  const besideRooms = columns - lineWidth(roomsLine(state.rooms, Infinity));
  const right = fittingRight(state, Math.max(besideRooms, columns >> 1));
  const rooms = roomsLine(state.rooms, columns - lineWidth(right));
  return withRight(rooms, right, columns);
}

/** A bar of which the right part is kept, and the left part is cut where it has to be. */
function withRight(left: StyledLine, right: StyledLine, columns: number): StyledLine {
  const space = columns - lineWidth(right);
  return [...fillLine(left, space, "bar"), ...right];
}

/** How it is going, in as many words as there is room for. */
function fittingRight(state: StatusState, columns: number): StyledLine {
  const { newBelow, isScrolled, isFetching, waiting, connection } = state;
  const below: StyledLine = newBelow > 0
    ? [span(` ${newBelow} new below`, "barAlert")]
    : isFetching
    ? [span(" loading...", "barMuted")]
    : isScrolled
    ? [span(" more below", "barMuted")]
    : [];
  const unsent: StyledLine = waiting > 0 && connection !== null && connection.kind !== "online"
    ? [span(` ${waiting} to send`, "barMuted")]
    : [];
  const count: StyledLine = newBelow > 0 ? [span(` +${newBelow}`, "barAlert")] : [];
  const [long, short] = describeConnection(state);
  const candidates = [
    [...below, ...unsent, ...long],
    [...below, ...long],
    [...below, ...short],
    [...count, ...short],
  ];
  return candidates.find((line) => lineWidth(line) <= columns) ??
    fitLine(newBelow > 0 ? count : short, columns);
}

/** How the connection is doing, in many words and in few. */
function describeConnection({ connection, nowMs }: StatusState): [StyledLine, StyledLine] {
  if (connection === null) return [[], []];
  switch (connection.kind) {
    case "connecting":
      return [[span(" connecting...", "barAlert")], [span(" ...", "barAlert")]];
    case "online": {
      const { latencyMs } = connection;
      const latency = latencyMs === null ? "" : `${Math.round(latencyMs)} ms`;
      return [
        [span(latency === "" ? " online" : ` online, ${latency}`, "barMuted")],
        [span(latency === "" ? "" : ` ${latency}`, "barMuted")],
      ];
    }
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((connection.retryAtMs - nowMs) / 1000));
      return [
        [span(` offline, back in ${seconds} s`, "barAlert")],
        [span(` in ${seconds} s`, "barAlert")],
      ];
    }
    case "ended":
      return [[span(" offline", "barAlert")], [span(" off", "barAlert")]];
  }
}

/** The rooms that matter most, as many as there is room for, in the order of their numbers. */
function roomsLine(rooms: readonly RoomState[], columns: number): StyledLine {
  const items = rooms.map((room, index) => ({ room, index, span: roomSpan(room, index + 1) }));
  const wanted = items.toSorted((a, b) => weight(b.room) - weight(a.room) || a.index - b.index);
  const shown = new Set<number>();
  let left = columns;
  for (const item of wanted) {
    const width = lineWidth([item.span]) + (shown.size === 0 ? 0 : 1);
    if (width > left && shown.size > 0) continue;
    shown.add(item.index);
    left -= width;
  }
  const spans = items.filter(({ index }) => shown.has(index));
  return spans.flatMap(({ span: item }, at): StyledLine =>
    at === 0 ? [item] : [{ text: " ", role: "bar" }, item]
  );
}

function roomSpan({ name, unread, mentions, isCurrent }: RoomState, number: number): Span {
  const count = mentions > 0 ? `(${unread}!)` : unread > 0 ? `(${unread})` : "";
  const role = mentions > 0
    ? "barAlert"
    : isCurrent
    ? "barActive"
    : unread > 0
    ? "bar"
    : "barMuted";
  return span(`${number}:${name}${count}`, role);
}

/** What is to be seen first where there is little room. */
function weight({ unread, mentions, isCurrent }: RoomState): number {
  return (isCurrent ? 4 : 0) + (mentions > 0 ? 2 : 0) + (unread > 0 ? 1 : 0);
}
