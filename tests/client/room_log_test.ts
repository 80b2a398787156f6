// The entries of one room: pages of history go where they belong, whatever has no id stays
// beside what it came with, and ids of another life of the server are no ids any more.

import { assert, assertEquals } from "@std/assert";
import type { Entry } from "../../lib/client/entry.ts";
import { RoomLog } from "../../lib/client/room_log.ts";

let keys = 0;

function entry(text: string, id: number | null): Entry {
  return {
    key: ++keys,
    kind: id === null ? "notice" : "message",
    id,
    atMs: 0,
    room: "#lobby",
    from: id === null ? "" : "ann",
    to: null,
    text,
    isOwn: false,
    isMention: false,
    delivery: "sent",
    reason: "",
    presence: null,
    foundId: null,
    foundKind: null,
  };
}

function texts(log: RoomLog): string {
  return log.all.map(({ text }) => text).join(" ");
}

Deno.test("RoomLog puts older pages in front of a notice that came first", () => {
  const log = new RoomLog();
  log.add(entry("welcome", null));
  assertEquals(log.merge([entry("7", 7), entry("8", 8)]), 2);
  assertEquals(texts(log), "7 8 welcome");

  const later = new RoomLog();
  later.add(entry("welcome", null));
  later.add(entry("9", 9));
  later.add(entry("aside", null));
  later.add(entry("12", 12));
  assertEquals(later.merge([entry("7", 7), entry("9 again", 9), entry("10", 10)]), 2);
  assertEquals(texts(later), "7 welcome 9 aside 10 12");
  assertEquals(later.firstId, 7);
});

Deno.test("RoomLog takes what comes behind old entries once their ids are forgotten", () => {
  const log = new RoomLog();
  for (const id of [5, 6, 7]) log.add(entry(`old ${id}`, id));
  assertEquals(log.lastId, 7);
  log.forgetIds();
  assertEquals([log.lastId, log.firstId, log.has(6)], [0, null, false]);
  assert(log.add(entry("new 6", 6)));
  assertEquals(texts(log), "old 5 old 6 old 7 new 6");
});
