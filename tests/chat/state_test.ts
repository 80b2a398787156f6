// The live side of a room: its last messages, which are read no more often than
// they change; who else is there; and batches that know who is not told.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Presence } from "../../lib/chat/presence.ts";
import { Batch, Person, Room } from "../../lib/chat/state.ts";
import type { RoomRecord, StoredMessage } from "../../lib/chat/store.ts";
import { NAMES_LISTED_MAX } from "../../lib/limits.ts";
import { NO_TIMER } from "./trial.ts";

const RECORD: RoomRecord = {
  id: 1,
  name: "#dev",
  key: "dev",
  skeleton: "dev",
  access: "open",
  password: null,
  topic: "",
  isLocked: false,
  keepMs: null,
  openFromId: 1,
  messages: 5,
  madeAtMs: 0,
};

function makeRoom(): Room {
  return new Room(
    RECORD,
    (room) =>
      new Presence({ name: room.name, size: () => room.members.size, tell: () => {} }, NO_TIMER),
  );
}

function makeMessage(id: number): StoredMessage {
  return { id, atMs: id, roomId: 1, type: "message", accountId: null, from: "ann", text: "x" };
}

function makePerson(name: string): Person {
  return new Person({ name, key: name, skeleton: name }, null);
}

/** A store of one room, which counts how often it is read. */
class Shelf {
  readonly messages: StoredMessage[] = [];
  reads = 0;

  readonly read = (roomId: number, limit: number): readonly StoredMessage[] => {
    assertEquals(roomId, RECORD.id);
    this.reads++;
    return this.messages.slice(Math.max(0, this.messages.length - limit));
  };
}

function idsOf(messages: readonly StoredMessage[]): number[] {
  return messages.map(({ id }) => id);
}

Deno.test("Room.recent() reads the last messages once for all who ask before the next one is said", () => {
  const room = makeRoom();
  const shelf = new Shelf();
  shelf.messages.push(makeMessage(1), makeMessage(2), makeMessage(3));
  for (let asked = 0; asked < 10; asked++) assertEquals(idsOf(room.recent(2, shelf.read)), [2, 3]);
  assertEquals(shelf.reads, 1);
  // Fewer are among those; more are not.
  assertEquals(idsOf(room.recent(1, shelf.read)), [3]);
  assertEquals(room.recent(0, shelf.read), []);
  assertEquals(shelf.reads, 1);
  assertEquals(idsOf(room.recent(20, shelf.read)), [1, 2, 3]);
  assertEquals(shelf.reads, 2);
  // That there are no more of them is known as well.
  assertEquals(idsOf(room.recent(20, shelf.read)), [1, 2, 3]);
  assertEquals(shelf.reads, 2);
  shelf.messages.push(makeMessage(4));
  room.countMessage();
  assertEquals(idsOf(room.recent(2, shelf.read)), [3, 4]);
  assertEquals(shelf.reads, 3);
  shelf.messages.pop();
  room.forgetRecent();
  assertEquals(idsOf(room.recent(2, shelf.read)), [2, 3]);
});

Deno.test("Room counts every message, and those that are gone", () => {
  const room = makeRoom();
  room.countMessage();
  room.countMessage();
  room.forgetRecent();
  assertEquals([room.messages, room.record.messages], [RECORD.messages + 2, RECORD.messages]);
});

Deno.test("Room.recent() is what the store has, whatever is said, forgotten and asked in between", () => {
  const step = fc.oneof(
    fc.record({ act: fc.constant("say" as const) }),
    fc.record({ act: fc.constant("forget" as const), back: fc.nat(5) }),
    fc.record({ act: fc.constant("ask" as const), limit: fc.nat(12) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const room = makeRoom();
      const shelf = new Shelf();
      let id = 0;
      for (const next of steps) {
        if (next.act === "say") {
          shelf.messages.push(makeMessage(++id));
          room.countMessage();
        } else if (next.act === "forget") {
          shelf.messages.splice(-1 - next.back, 1);
          room.forgetRecent();
        } else {
          const wanted = idsOf(shelf.read(RECORD.id, next.limit));
          assertEquals(idsOf(room.recent(next.limit, shelf.read)), wanted);
        }
      }
    }),
  );
});

Deno.test("Room.others() names the first few of the others, and counts the rest", () => {
  for (const size of [0, 1, 2, NAMES_LISTED_MAX, NAMES_LISTED_MAX + 1, NAMES_LISTED_MAX + 2, 40]) {
    const room = makeRoom();
    const people = Array.from({ length: size }, (_, index) => makePerson(`p${index}`));
    for (const person of people) room.people.set(person, 1);
    for (const at of [0, NAMES_LISTED_MAX - 1, NAMES_LISTED_MAX, size - 1]) {
      const me = people[at];
      if (me === undefined) continue;
      const others = people.filter((person) => person !== me).map(({ name }) => name);
      assertEquals(room.others(me), {
        names: others.slice(0, NAMES_LISTED_MAX),
        more: Math.max(0, others.length - NAMES_LISTED_MAX),
      }, `person ${at} of ${size}`);
    }
    assertEquals(room.others(makePerson("stranger")), {
      names: people.slice(0, NAMES_LISTED_MAX).map(({ name }) => name),
      more: Math.max(0, size - NAMES_LISTED_MAX),
    });
  }
});

Deno.test("Room.others() counts persons, not their connections", () => {
  const room = makeRoom();
  const [ann, bob] = [makePerson("ann"), makePerson("bob")];
  room.people.set(ann, 3).set(bob, 2);
  assertEquals(room.others(bob), { names: ["ann"], more: 0 });
});

Deno.test("Batch remembers for each event who is not told", () => {
  const batch = new Batch();
  batch.add({ type: "pong", text: "1", atMs: 0 }, 7, 1);
  batch.add({ type: "pong", text: "2", atMs: 0 }, null, 2);
  batch.add({ type: "pong", text: "3", atMs: 0 }, 7, 4);
  assertEquals(batch.except, [7, null, 7]);
  assertEquals(batch.order, [1, 2, 4]);
  assertEquals([...batch.excepted], [7]);
  assertEquals(batch.events.map((event) => event.type === "pong" && event.text), ["1", "2", "3"]);
});
