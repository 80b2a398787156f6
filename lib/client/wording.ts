/**
 * What the server tells in fields, as sentences for the user.
 *
 * Pure. Must not know: the terminal, what is shown where.
 *
 * @module
 */

import { formatDuration } from "../duration.ts";
import type {
  GoodbyeReason,
  HelpEntry,
  LeaveReason,
  NameList,
  Presence,
  RoomListing,
} from "../events.ts";

const LEAVE_WORDS: Readonly<Record<LeaveReason, string>> = {
  left: "left.",
  idle: "left (idle).",
  slow: "left (read too slowly).",
  lost: "left (connection lost).",
  removed: "left (removed).",
};

const GOODBYE_WORDS: Readonly<Record<GoodbyeReason, string>> = {
  quit: "Goodbye.",
  idle: "The server ended the connection after a long silence.",
  slow: "The server ended the connection, since too much was waiting to be read.",
  shutdown: "The server is shutting down.",
  internal: "The server ended the connection after an internal error.",
  removed: "An operator ended the session.",
  replaced: "The session goes on elsewhere.",
  "not-admitted": "The server asks for its password.",
};

/** Who came. */
export function describeJoined(who: NameList): string {
  return `${formatNames(who)} joined.`;
}

/** Who went, and why where that is worth telling. */
export function describeLeft(who: NameList, reason: LeaveReason): string {
  return `${formatNames(who)} ${LEAVE_WORDS[reason]}`;
}

/** Who was sent out of a room, by whom, and the reason, which may be empty. */
export function describeSentOut(event: {
  readonly name: string;
  readonly verb: "removed" | "banned";
  readonly room: string;
  readonly by: string;
  readonly reason: string;
}): string {
  const { name, verb, room, by, reason } = event;
  return `${name} was ${verb} from ${room} by ${by}${reason === "" ? "." : `: ${reason}`}`;
}

/** In which room one is now, with whom, and what follows from having made it. */
export function describeEntered(event: {
  readonly room: string;
  readonly others: NameList;
  readonly topic: string;
  readonly how: "joined" | "made" | "returned";
  readonly isLasting: boolean;
}): string {
  const { room, others, topic, how, isLasting } = event;
  const lines = [`You are now in ${room}, ${describeCompany(others)}.`];
  if (topic !== "") lines.push(`Topic: ${topic}`);
  if (how === "made") {
    lines.push(
      isLasting
        ? "The room is new, and you are its operator: /help shows what you can do."
        : "The room is new, and you are its operator until you leave; /register keeps it yours.",
    );
  }
  return lines.join("\n");
}

/** Who else is in a room: `alone so far`, `with ann and bob`. */
export function describeCompany(others: NameList): string {
  const isAlone = others.names.length === 0 && others.more === 0;
  return isAlone ? "alone so far" : `with ${formatNames(others)}`;
}

/** What `/help` shows, a line for each command under its group. */
export function describeHelp(entries: readonly HelpEntry[]): string {
  const lines: string[] = [];
  // A long usage has its summary right behind it, instead of all the others far to the right.
  const lengths = entries.map(({ usage }) => usage.length).filter((length) => length <= 30);
  const width = entries.length === 1 ? 0 : Math.max(0, ...lengths);
  let group: string | null = entries.length === 1 ? entries[0]?.group ?? null : null;
  for (const entry of entries) {
    if (entry.group !== group) lines.push(`${entry.group}:`);
    group = entry.group;
    lines.push(`${entries.length === 1 ? "" : "  "}${entry.usage.padEnd(width)}  ${entry.summary}`);
  }
  return lines.join("\n");
}

/** What `/rooms` shows, a line for each room. */
export function describeRooms(rooms: readonly RoomListing[], more: number): string {
  if (rooms.length === 0 && more === 0) return "There are no rooms to be seen.";
  const width = Math.max(0, ...rooms.map(({ name }) => name.length));
  const lines = rooms.map(({ name, people, topic, needs, isIn }) => {
    const count = `${people} ${people === 1 ? "person" : "people"}`;
    const marks = [count, ...needs === null ? [] : [`by ${needs}`], ...isIn ? ["you are in"] : []];
    return `${name.padEnd(width)}  ${marks.join(", ")}${topic === "" ? "" : `: ${topic}`}`;
  });
  if (more > 0) lines.push(`and ${more} more.`);
  return lines.join("\n");
}

/** What `/who` shows. */
export function describeWho(event: {
  readonly room: string;
  readonly atMs: number;
  readonly users: readonly Presence[];
  readonly more: number;
}): string {
  const { room, atMs, users, more } = event;
  const names = users.map(({ name, joinedAtMs, isOperator }) => {
    const since = formatDuration(Math.max(0, atMs - joinedAtMs));
    return `${name} (${isOperator ? "operator, " : ""}${since})`;
  });
  const rest = more === 0 ? "" : ` and ${more} more`;
  return `${users.length + more} in ${room}: ${names.join(", ")}${rest}.`;
}

/** Why the server ended the connection; `detail` is its own sentence, or empty. */
export function describeGoodbye(reason: GoodbyeReason, detail: string): string {
  return detail === "" ? GOODBYE_WORDS[reason] : detail;
}

/** Names as a sentence lists them: `ann`, `ann and bob`, `ann, bob and 3 others`. */
export function formatNames(list: NameList): string {
  const parts = [...list.names];
  if (list.more > 0) parts.push(`${list.more} ${list.more === 1 ? "other" : "others"}`);
  const last = parts.pop() ?? "nobody";
  return parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
}
