// The room without a server: receivers that write down what they are told, and
// turns of the event loop that end when a test says so. Who hears what, in
// which order; and, over random sequences of commands, that no two names are
// ever one.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Broadcast } from "../../lib/chat/broadcast.ts";
import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import type { Receiver, User } from "../../lib/chat/user.ts";
import { CommandError } from "../../lib/errors.ts";
import type { ChatEvent, EventBatch } from "../../lib/events.ts";
import { TURN_LENGTH_MAX, WHO_LISTED_MAX } from "../../lib/limits.ts";

/** Writes down what it is told. */
class Notes implements Receiver {
  readonly events: ChatEvent[] = [];

  deliver(event: ChatEvent): void {
    this.events.push(event);
  }

  deliverBatch(batch: EventBatch, userId: number): void {
    for (const [index, event] of batch.events.entries()) {
      if (batch.except[index] !== userId) this.events.push(event);
    }
  }

  /** What it was told since it was last asked, in few words. */
  take(): string[] {
    return this.events.splice(0).map((event) => {
      switch (event.type) {
        case "message":
        case "action":
        case "direct":
          return `${event.type} ${event.from}: ${event.text}`;
        case "joined":
          return `joined ${event.who.names.join()}`;
        case "left":
          return `left ${event.who.names.join()} ${event.reason}`;
        case "renamed":
          return `renamed ${event.from} ${event.to}`;
        case "nick":
        case "welcome":
          return `${event.type} ${event.name}`;
        default:
          return event.type;
      }
    });
  }
}

/** A room, and the end of its turns. */
class Room {
  readonly broadcast: Broadcast;
  #callbacks: (() => void)[] = [];

  constructor() {
    this.broadcast = new Broadcast({
      server: "Parley",
      room: "#lobby",
      motd: [],
      timer: { start: () => {}, stop: () => {} },
      turns: { atEnd: (callback) => this.#callbacks.push(callback) },
    });
  }

  enter(): { user: User; notes: Notes } {
    const notes = new Notes();
    return { user: this.broadcast.enter(notes, "192.0.2.1"), notes };
  }

  endTurn(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }
}

function refusal(act: () => void): string {
  return assertThrows(act, CommandError).code;
}

Deno.test("Broadcast.say() reaches everybody else once, in order, at the end of the turn", () => {
  const room = new Room();
  const [ann, bob, eve] = [room.enter(), room.enter(), room.enter()];
  room.endTurn();
  for (const { notes } of [ann, bob, eve]) notes.take();
  room.broadcast.say(ann.user, "one");
  room.broadcast.say(bob.user, "two");
  room.broadcast.act(ann.user, "three");
  assertEquals(eve.notes.take(), []);
  room.endTurn();
  assertEquals(eve.notes.take(), [
    "message guest1: one",
    "message guest2: two",
    "action guest1: three",
  ]);
  assertEquals(ann.notes.take(), ["message guest2: two"]);
  assertEquals(bob.notes.take(), ["message guest1: one", "action guest1: three"]);
});

Deno.test("Broadcast.enter() and leave() split a turn: nobody hears what was said without them", () => {
  const room = new Room();
  const ann = room.enter();
  const bob = room.enter();
  room.endTurn();
  ann.notes.take();
  bob.notes.take();
  room.broadcast.say(ann.user, "before");
  const eve = room.enter();
  room.broadcast.say(ann.user, "with eve");
  room.broadcast.leave(bob.user, "lost");
  room.broadcast.say(ann.user, "after bob");
  room.endTurn();
  assertEquals(eve.notes.take(), [
    "welcome guest3",
    "message guest1: with eve",
    "left guest2 lost",
    "message guest1: after bob",
  ]);
  assertEquals(bob.notes.take(), [
    "message guest1: before",
    "joined guest3",
    "message guest1: with eve",
  ]);
  assertEquals(ann.notes.take(), ["joined guest3", "left guest2 lost"]);
});

Deno.test("Broadcast.leave() twice is one leaving", () => {
  const room = new Room();
  const [ann, bob] = [room.enter(), room.enter()];
  room.endTurn();
  ann.notes.take();
  room.broadcast.leave(bob.user, "left");
  room.broadcast.leave(bob.user, "idle");
  room.endTurn();
  assertEquals(ann.notes.take(), ["left guest2 left"]);
  assertEquals(room.broadcast.size, 1);
});

Deno.test("Broadcast answers in order with what was said before", () => {
  const room = new Room();
  const [ann, bob] = [room.enter(), room.enter()];
  room.endTurn();
  bob.notes.take();
  room.broadcast.say(ann.user, "one");
  room.broadcast.whisper(ann.user, "GUEST2", "two");
  room.broadcast.rename(ann.user, "ann");
  room.broadcast.say(ann.user, "three");
  room.broadcast.answer(bob.user, { type: "pong", text: "" });
  assertEquals(bob.notes.take(), [
    "message guest1: one",
    "direct guest1: two",
    "renamed guest1 ann",
    "message ann: three",
    "pong",
  ]);
  room.endTurn();
  assertEquals(bob.notes.take(), []);
});

Deno.test("Broadcast.rename() refuses another's name, and what looks like it, in every case", () => {
  const room = new Room();
  const [ann, bob] = [room.enter(), room.enter()];
  room.broadcast.rename(ann.user, "Ann");
  assertEquals(refusal(() => room.broadcast.rename(bob.user, "ANN")), "name-taken");
  assertEquals(refusal(() => room.broadcast.rename(bob.user, "-")), "bad-name");
  assertEquals(refusal(() => room.broadcast.rename(ann.user, "Ann")), "same-name");
  room.broadcast.rename(ann.user, "ANN");
  // A Greek capital nu looks like N, the small one like v: one name, two looks.
  room.broadcast.rename(ann.user, "v");
  room.broadcast.rename(bob.user, "\u{39d}");
  assertEquals(refusal(() => room.broadcast.rename(bob.user, "\u{3bd}")), "name-alike");
  room.broadcast.rename(ann.user, "ann");
  room.broadcast.rename(bob.user, "\u{3bd}");
  assertEquals(refusal(() => room.broadcast.rename(ann.user, "v")), "name-alike");
  assertEquals(refusal(() => room.broadcast.rename(ann.user, "\u{39d}")), "name-taken");
});

Deno.test("Broadcast.rename() of who has left does nothing", () => {
  const room = new Room();
  const [ann, bob] = [room.enter(), room.enter()];
  room.broadcast.leave(ann.user, "left");
  room.broadcast.rename(ann.user, "ann");
  room.broadcast.rename(bob.user, "ann");
  assertEquals(bob.user.name, "ann");
});

Deno.test("Broadcast.reply() answers who wrote last, by whatever name, and nobody in their place", () => {
  const room = new Room();
  const [ann, bob] = [room.enter(), room.enter()];
  assertEquals(refusal(() => room.broadcast.reply(ann.user, "x")), "nobody-to-reply-to");
  room.broadcast.whisper(bob.user, "guest1", "psst");
  room.broadcast.rename(bob.user, "bob");
  room.broadcast.reply(ann.user, "what?");
  assertEquals(bob.notes.take().at(-1), "direct guest1: what?");
  room.broadcast.leave(bob.user, "left");
  const other = room.enter();
  room.broadcast.rename(other.user, "bob");
  assertEquals(refusal(() => room.broadcast.reply(ann.user, "secret")), "no-such-user");
  assertEquals(refusal(() => room.broadcast.whisper(ann.user, "guest1", "x")), "self");
});

Deno.test("Broadcast.who() lists so many, and counts the rest", () => {
  const room = new Room();
  for (let count = 0; count < WHO_LISTED_MAX + 3; count++) room.enter();
  const who = room.broadcast.who();
  assert(who.type === "who");
  assertEquals([who.users.length, who.more], [WHO_LISTED_MAX, 3]);
});

Deno.test("Broadcast.isTurnFull holds from too much until the turn ends, whatever it was", () => {
  const acts: readonly ((room: Room, user: User) => void)[] = [
    (room, user) => room.broadcast.say(user, "x".repeat(1_000)),
    (room, user) => room.broadcast.say(user, "x"),
    (room, user) => room.broadcast.whisper(user, "guest2", "x"),
    (room, user) => room.broadcast.answer(user, room.broadcast.who()),
    (room, user) => {
      // What is handed out before the end of the turn counts all the same.
      room.broadcast.say(user, "x");
      room.broadcast.flush();
    },
  ];
  for (const act of acts) {
    const room = new Room();
    const { user } = room.enter();
    room.enter();
    room.endTurn();
    let count = 0;
    for (; !room.broadcast.isTurnFull; count++) act(room, user);
    assert(count > 10 && count < TURN_LENGTH_MAX, `after ${count}`);
    room.endTurn();
    assert(!room.broadcast.isTurnFull);
  }
});

Deno.test("Broadcast never lets two have one name, or names that look alike", () => {
  const name = fc.constantFrom(
    ..."ann ANN bob b0b Bob v w vv m rn Il lI 1l x".split(" "),
    ...["\u{39d}", "\u{3bd}", "\u{430}", "\u{441}\u{43e}", "co", "e\u{301}", "\u{c9}"],
  );
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ act: fc.constant("enter" as const) }) },
    fc.record({ act: fc.constant("leave" as const), who: fc.nat(9) }),
    {
      weight: 5,
      arbitrary: fc.record({ act: fc.constant("rename" as const), who: fc.nat(9), name }),
    },
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const room = new Room();
    const users: User[] = [];
    for (const next of steps) {
      const index = "who" in next ? next.who % Math.max(1, users.length) : 0;
      const user = users[index];
      if (next.act === "enter") users.push(room.enter().user);
      else if (user === undefined) continue;
      else if (next.act === "leave") {
        room.broadcast.leave(user, "left");
        users.splice(index, 1);
      } else {
        try {
          room.broadcast.rename(user, next.name);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
        }
      }
      for (const form of [nameKey, nameSkeleton]) {
        const names = users.map((each) => each.name);
        assertEquals(new Set(names.map(form)).size, users.length, `names: ${names.join(" ")}`);
      }
      assertEquals(room.broadcast.size, users.length);
    }
    // Whoever is there can be spoken to, and names that are free can be had.
    const { user: witness } = room.enter();
    for (const { name: present } of users) room.broadcast.whisper(witness, present, "hi");
    for (const user of users) room.broadcast.leave(user, "left");
    for (const wanted of ["ann", "\u{3bd}", "b0b", "e\u{301}"]) {
      room.broadcast.rename(witness, wanted);
    }
  }));
});
