/**
 * Who came and went, in one line: `ann, bob and 3 others joined; eve left`.
 *
 * Tells what has changed in the end: who left and came back is named once, and
 * so is who goes by a third name by now.
 * Pure. Must not know: rooms, what the line looks like.
 *
 * @module
 */

import type { PresenceChange } from "../client/entry.ts";
import { formatNames } from "../client/wording.ts";

/** Names that are spelled out where there are more than one beyond them. */
const NAMES_SPELLED_OUT = 2;

/** One person over the changes. */
interface Stay {
  /** The name before the changes. */
  readonly firstName: string;
  /** The name after them. */
  name: string;
  readonly wasHere: boolean;
  isHere: boolean;
  /** Whether they left and came back meanwhile. */
  isBack: boolean;
}

/**
 * Tells several changes in one line, without a full stop.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { foldPresence } from "./presence_lines.ts";
 *
 * assertEquals(
 *   foldPresence([
 *     { change: "joined", names: ["ann"], more: 0 },
 *     { change: "left", names: ["eve"], more: 0 },
 *     { change: "joined", names: ["bob"], more: 3 },
 *   ]),
 *   "ann, bob and 3 others joined; eve left",
 * );
 * ```
 *
 * @param changes In order. Of a renaming the names are the old and the new one.
 */
export function foldPresence(changes: readonly PresenceChange[]): string {
  const stays = new Stays();
  let moreJoined = 0;
  let moreLeft = 0;
  for (const { change, names, more } of changes) {
    if (change === "renamed") {
      stays.rename(names[0] ?? "", names[1] ?? "");
    } else if (change === "joined") {
      moreJoined += more;
      for (const name of names) stays.join(name);
    } else {
      moreLeft += more;
      for (const name of names) stays.leave(name);
    }
  }
  const joined = stays.all.filter(({ wasHere, isHere }) => !wasHere && isHere);
  const left = stays.all.filter(({ wasHere, isHere }) => wasHere && !isHere);
  const passed = stays.all.filter(({ wasHere, isHere }) => !wasHere && !isHere);
  const stayed = stays.all.filter(({ wasHere, isHere }) => wasHere && isHere);
  const renamed = stayed.filter(({ name, firstName }) => name !== firstName);
  return [
    tell(joined.map(({ name }) => name), moreJoined, "joined"),
    tell(left.map(({ firstName }) => firstName), moreLeft, "left"),
    tell(stayed.filter(({ isBack }) => isBack).map(({ name }) => name), 0, "came back"),
    tell(passed.map(({ name }) => name), 0, "came and went"),
    ...renamed.map(({ name, firstName }) => `${firstName} is now ${name}`),
  ].filter((part) => part !== "").join("; ");
}

/** Everybody who is heard of, in order. */
class Stays {
  readonly all: Stay[] = [];
  readonly #byName = new Map<string, Stay>();

  join(name: string): void {
    const stay = this.#stayOf(name, { wasHere: false });
    stay.isBack ||= stay.wasHere && !stay.isHere;
    stay.isHere = true;
  }

  leave(name: string): void {
    this.#stayOf(name, { wasHere: true }).isHere = false;
  }

  rename(from: string, to: string): void {
    const stay = this.#stayOf(from, { wasHere: true });
    this.#byName.delete(from);
    this.#byName.set(to, stay);
    stay.name = to;
  }

  #stayOf(name: string, { wasHere }: { readonly wasHere: boolean }): Stay {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const stay: Stay = { firstName: name, name, wasHere, isHere: wasHere, isBack: false };
    this.#byName.set(name, stay);
    this.all.push(stay);
    return stay;
  }
}

function tell(names: readonly string[], more: number, what: string): string {
  if (names.length === 0 && more === 0) return "";
  const isLong = names.length > NAMES_SPELLED_OUT + 1;
  const spelled = isLong ? names.slice(0, NAMES_SPELLED_OUT) : names;
  return `${formatNames({ names: spelled, more: more + names.length - spelled.length })} ${what}`;
}
