/**
 * Where one is and who is there, as far as the lines from the server tell.
 *
 * Feeds the prompt (one's own name, the room) and completion (rooms, and
 * everybody else). It may miss people whom the server only counted; whoever
 * speaks is added.
 * Pure. Must not know: the terminal, sockets.
 *
 * @module
 */

import { CLIENT_NAMES_MAX, ROOMS_PER_USER_MAX } from "../limits.ts";
import type { PlainLine } from "../protocol/plain_reader.ts";

/** From the case-folded name to the name, in the order of their last sign of life. */
type Names = Map<string, string>;

/**
 * The rooms that one is in, and the names there, the one that was heard last first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Roster } from "./roster.ts";
 *
 * const roster = new Roster();
 * roster.note({ type: "welcome", name: "guest1", room: "#lobby", others: ["ann", "bob"] });
 * roster.note({ type: "message", room: null, from: "ann", text: "hi" });
 * roster.note({ type: "message", room: "#dev", from: "eve", text: "hi" });
 * assertEquals([roster.ownName, roster.room], ["guest1", "#lobby"]);
 * assertEquals(roster.names(), ["ann", "bob"]);
 * ```
 */
export class Roster {
  #ownName: string | null = null;
  #room: string | null = null;
  /** Who is in each room, the one that was entered last at the end. */
  readonly #rooms = new Map<string, Names>();
  /** Who is in the current one; in no room, whoever was heard. */
  #names: Names = new Map();

  /** One's own name, or null until the server has told it. */
  get ownName(): string | null {
    return this.#ownName;
  }

  /** The current room, with its `#`; null for none. */
  get room(): string | null {
    return this.#room;
  }

  /** Every room that one is in, the one that was entered last first. */
  rooms(): string[] {
    return [...this.#rooms.keys()].reverse();
  }

  /** Everybody else in the current room, the one that was heard last first. */
  names(): string[] {
    const own = this.#ownName === null ? null : fold(this.#ownName);
    const names: string[] = [];
    for (const [key, name] of this.#names) if (key !== own) names.push(name);
    return names.reverse();
  }

  /** Learns from one line of the server. */
  note(line: PlainLine): void {
    switch (line.type) {
      case "welcome":
        this.#ownName = line.name;
        this.#rooms.clear();
        this.#enter(line.room, line.others);
        break;
      case "entered":
        this.#enter(line.room, line.others);
        break;
      case "parted":
        this.#rooms.delete(line.room);
        this.#turnTo(line.to, this.#rooms.get(line.to ?? "") ?? new Map());
        break;
      case "nick":
        this.#ownName = line.name;
        break;
      case "joined":
        for (const name of line.names) add(name, this.#namesIn(line.room));
        break;
      case "left":
        for (const name of line.names) this.#namesIn(line.room)?.delete(fold(name));
        break;
      case "renamed":
        this.#rename(line.from, line.to);
        break;
      case "message":
      case "action":
        add(line.from, this.#namesIn(line.room));
        break;
      case "direct":
        add(line.from, this.#names);
        break;
      case "past":
      case "pong":
      case "password-wanted":
      case "goodbye":
      case "notice":
        break;
    }
  }

  #enter(room: string | null, others: readonly string[]): void {
    const names: Names = new Map();
    // The first one named is to be the first one offered.
    for (const name of others.toReversed()) add(name, names);
    this.#turnTo(room, names);
  }

  #turnTo(room: string | null, names: Names): void {
    this.#room = room;
    this.#names = names;
    if (room === null) return;
    this.#rooms.delete(room);
    this.#rooms.set(room, names);
    dropFirst(this.#rooms, ROOMS_PER_USER_MAX);
  }

  /** It is told once, whichever rooms they are in; in one's only room they are even if not known. */
  #rename(from: string, to: string): void {
    const isOnlyRoom = this.#rooms.size <= 1;
    for (const names of new Set([this.#names, ...this.#rooms.values()])) {
      if (names.delete(fold(from)) || isOnlyRoom) add(to, names);
    }
  }

  /** Those in a room, null being the current one; undefined where one is not in it. */
  #namesIn(room: string | null): Names | undefined {
    return room === null ? this.#names : this.#rooms.get(room);
  }
}

function add(name: string, names: Names | undefined): void {
  if (names === undefined) return;
  const key = fold(name);
  names.delete(key);
  names.set(key, name);
  dropFirst(names, CLIENT_NAMES_MAX);
}

/** A server that tells ever more fills no memory. */
function dropFirst(map: Map<string, unknown>, sizeMax: number): void {
  if (map.size <= sizeMax) return;
  for (const first of map.keys()) {
    map.delete(first);
    break;
  }
}

function fold(name: string): string {
  return name.toLowerCase();
}
