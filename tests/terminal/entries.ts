/**
 * Entries for tests of the view.
 */

import type { Entry } from "../../lib/client/entry.ts";

/** When entries of tests happen unless they say: in the time zone of whoever runs the tests. */
export const NOON_MS: number = new Date(2026, 10, 22, 12, 0).getTime();

/** An entry: something that ann says at noon, but for what is given. */
export function entryOf(data: Partial<Entry> & Pick<Entry, "key">): Entry {
  return {
    kind: "message",
    id: data.key,
    atMs: NOON_MS,
    room: "#lobby",
    from: "ann",
    to: null,
    text: `message ${data.key}`,
    isOwn: false,
    isMention: false,
    delivery: "sent",
    reason: "",
    presence: null,
    foundId: null,
    foundKind: null,
    ...data,
  };
}

/** Somebody who came, went or changed their name. */
export function presenceOf(key: number, change: "joined" | "left", ...names: string[]): Entry {
  return entryOf({
    key,
    kind: "presence",
    from: "",
    text: `${names.join(" and ")} ${change}.`,
    presence: { change, names, more: 0 },
  });
}

/** Messages with these keys, and the same numbers. */
export function messages(firstKey: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => entryOf({ key: firstKey + index }));
}
