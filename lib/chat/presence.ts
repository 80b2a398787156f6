/**
 * Comings and goings, told at a price that does not grow with the crowd.
 *
 * In a small room each is told at once. In a large one they are gathered for a
 * time in proportion to the room's size and told in one line, so that a
 * thousand people who arrive together cost a few notices and not a million.
 * Whatever else is published first has them told first: nobody is heard before
 * having come.
 * Must not know: sockets, timers (it is given one), protocols.
 *
 * @module
 */

import type { ChatEvent, LeaveReason, NameList } from "../events.ts";
import { NAMES_LISTED_MAX, PRESENCE_AT_ONCE_USERS_MAX, PRESENCE_MS_PER_USER } from "../limits.ts";

/** A timer, as the chat needs it. */
export interface Timer {
  /** Calls `callback` after `ms` milliseconds. */
  start(callback: () => void, ms: number): void;
  /** Forgets the callback. */
  stop(): void;
}

/** What presence needs of the room that it reports to. */
export interface PresenceRoom {
  /** Its name, with its `#`. */
  readonly name: string;
  /** How many users are there. */
  size(): number;
  /** Hands an event to every user, but for the one with the id `except`. */
  tell(event: ChatEvent, except: number | null): void;
}

/** Who came or went, and how it is told. */
interface Change {
  readonly id: number;
  readonly name: string;
  /** Null for a coming. */
  readonly reason: LeaveReason | null;
}

/** The comings and goings of one room. */
export class Presence {
  readonly #room: PresenceRoom;
  readonly #timer: Timer;
  #changes: Change[] = [];
  #isClosed = false;

  /** Begins with nothing to tell. */
  constructor(room: PresenceRoom, timer: Timer) {
    this.#room = room;
    this.#timer = timer;
  }

  /** Reports that a user came; they are in the room already. */
  joined(id: number, name: string): void {
    this.#add({ id, name, reason: null });
  }

  /** Reports that a user went; they are in the room no more. */
  left(id: number, name: string, reason: LeaveReason): void {
    this.#add({ id, name, reason });
  }

  /** Tells what was gathered, in order, at once. */
  flush(): void {
    const changes = this.#changes;
    if (changes.length === 0) return;
    this.#changes = [];
    this.#timer.stop();
    for (let at = 0; at < changes.length;) {
      const start = at;
      const reason = changes[start]?.reason;
      while (at < changes.length && changes[at]?.reason === reason) at++;
      this.#tell(changes.slice(start, at), reason ?? null);
    }
  }

  /** Forgets what was gathered, and whatever is reported from now on. */
  close(): void {
    this.#isClosed = true;
    this.#changes = [];
    this.#timer.stop();
  }

  #add(change: Change): void {
    if (this.#isClosed) return;
    this.#changes.push(change);
    if (this.#room.size() <= PRESENCE_AT_ONCE_USERS_MAX) return this.flush();
    if (this.#changes.length === 1) {
      this.#timer.start(() => this.flush(), this.#room.size() * PRESENCE_MS_PER_USER);
    }
  }

  #tell(changes: readonly Change[], reason: LeaveReason | null): void {
    const room = this.#room.name;
    const who = listNames(changes.map((change) => change.name));
    // Of one's own coming one knows. Of those who came along one does not, so a list goes to all.
    const except = changes.length === 1 ? changes[0]?.id ?? null : null;
    const event: ChatEvent = reason === null
      ? { type: "joined", room, who }
      : { type: "left", room, who, reason };
    this.#room.tell(event, except);
  }
}

/** The first few names, and how many more there are. */
function listNames(names: readonly string[]): NameList {
  const listed = names.slice(0, NAMES_LISTED_MAX);
  return { names: listed, more: names.length - listed.length };
}
