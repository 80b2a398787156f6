/**
 * Who is here, as far as the lines from the server tell.
 *
 * Feeds the prompt (one's own name) and completion (everybody else's). It may
 * miss people whom the server only counted; whoever speaks is added.
 * Pure. Must not know: the terminal, sockets.
 *
 * @module
 */

import { CLIENT_NAMES_MAX } from "../limits.ts";
import type { PlainLine } from "../protocol/plain_reader.ts";

/**
 * The names in the room, the one that was heard last first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Roster } from "./roster.ts";
 *
 * const roster = new Roster();
 * roster.note({ type: "welcome", name: "guest1", others: ["ann", "bob"] });
 * roster.note({ type: "message", from: "ann", text: "hi" });
 * assertEquals(roster.ownName, "guest1");
 * assertEquals(roster.names(), ["ann", "bob"]);
 * ```
 */
export class Roster {
  #ownName: string | null = null;
  /** From the case-folded name to the name, in the order of their last sign of life. */
  readonly #names = new Map<string, string>();

  /** One's own name, or null until the server has told it. */
  get ownName(): string | null {
    return this.#ownName;
  }

  /** Everybody else, the one that was heard last first. */
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
        this.#names.clear();
        // The first one named is to be the first one offered.
        for (const name of line.others.toReversed()) this.#add(name);
        break;
      case "nick":
        this.#ownName = line.name;
        break;
      case "joined":
        line.names.forEach((name) => this.#add(name));
        break;
      case "left":
        line.names.forEach((name) => this.#names.delete(fold(name)));
        break;
      case "renamed":
        this.#names.delete(fold(line.from));
        this.#add(line.to);
        break;
      case "message":
      case "action":
      case "direct":
        this.#add(line.from);
        break;
      case "pong":
      case "notice":
        break;
    }
  }

  #add(name: string): void {
    const key = fold(name);
    this.#names.delete(key);
    this.#names.set(key, name);
    if (this.#names.size <= CLIENT_NAMES_MAX) return;
    for (const oldest of this.#names.keys()) {
      this.#names.delete(oldest);
      break;
    }
  }
}

function fold(name: string): string {
  return name.toLowerCase();
}
