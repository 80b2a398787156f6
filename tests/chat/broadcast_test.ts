// The chat without a server: receivers that write down what they are told, and
// turns of the event loop that end when a test says so. Who hears what, in
// which order, and in which room; that what is said is stored before anybody is
// sent it; and, over random sequences of commands, that no two names are ever one.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { runCommand } from "../../lib/chat/commands.ts";
import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import type { Timer } from "../../lib/chat/presence.ts";
import type { Delivery, Member, Receiver, Room } from "../../lib/chat/state.ts";
import type { StoredMessage } from "../../lib/chat/store.ts";
import { CommandError, StoreError } from "../../lib/errors.ts";
import type { ChatEvent } from "../../lib/events.ts";
import { EXPIRING_MS, TURN_LENGTH_MAX, WHO_LISTED_MAX } from "../../lib/limits.ts";
import { SendQueue, SendScheduler } from "../../lib/net/send_queue.ts";
import { PlainProtocol } from "../../lib/protocol/plain.ts";
import { type Notes, overlay, Trial } from "./trial.ts";

interface Guest {
  readonly member: Member;
  readonly notes: Notes;
}

/** So many guests in the lobby, who have read all that there was. */
function enterAll(trial: Trial, count: number): Guest[] {
  const guests = Array.from({ length: count }, () => trial.enter());
  trial.endTurn();
  for (const { notes } of guests) notes.take();
  return guests;
}

/** As {@linkcode enterAll}, for just the two. */
function enterBoth(trial: Trial): [ann: Guest, bob: Guest] {
  const [ann, bob] = enterAll(trial, 2);
  assert(ann !== undefined && bob !== undefined);
  return [ann, bob];
}

function refusal(act: () => void): string {
  return assertThrows(act, CommandError).code;
}

/** Runs a command that does not wait. */
function run(trial: Trial, member: Member, line: string): void {
  const [name = "", ...args] = line.split(" ");
  runCommand(
    {
      member,
      chat: trial.chat,
      signal: new AbortController().signal,
      answer: (event) => trial.chat.answer(member, event),
      quit: () => {},
    },
    { name, args: args.join(" ") },
  );
}

/** A room of a guest's, whose members are in the lobby as well. */
function makeRoom(trial: Trial, maker: Guest, others: readonly Guest[]): Room {
  const room = trial.chat.rooms.make(maker.member, "#dev", null);
  for (const { member } of others) trial.chat.rooms.enter(member, room, "joined");
  trial.endTurn();
  for (const { notes } of [maker, ...others]) notes.take();
  return room;
}

Deno.test("Chat.say() reaches everybody else once, in order, at the end of the turn", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob, eve] = [trial.enter(), trial.enter(), trial.enter()];
  trial.endTurn();
  for (const { notes } of [ann, bob, eve]) notes.take();
  chat.say(ann.member, "one");
  chat.say(bob.member, "two");
  chat.act(ann.member, "three");
  assertEquals(eve.notes.take(), []);
  trial.endTurn();
  assertEquals(eve.notes.take(), [
    "message guest1: one",
    "message guest2: two",
    "action guest1: three",
  ]);
  assertEquals(ann.notes.take(), ["message guest2: two"]);
  assertEquals(bob.notes.take(), ["message guest1: one", "action guest1: three"]);
});

Deno.test("Chat.enter() and leave() split a turn: nobody is told what was said without them", () => {
  using trial = new Trial();
  const { chat } = trial;
  const ann = trial.enter();
  const bob = trial.enter();
  trial.endTurn();
  ann.notes.take();
  bob.notes.take();
  chat.say(ann.member, "before");
  const eve = trial.enter();
  chat.say(ann.member, "with eve");
  chat.leave(bob.member, "lost");
  chat.say(ann.member, "after bob");
  trial.endTurn();
  assertEquals(eve.notes.take(), [
    "welcome guest3",
    "history before",
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

Deno.test("Chat.leave() twice is one leaving", () => {
  using trial = new Trial();
  const [ann, bob] = enterBoth(trial);
  trial.chat.leave(bob.member, "left");
  trial.chat.leave(bob.member, "idle");
  trial.endTurn();
  assertEquals(ann.notes.take(), ["left guest2 left"]);
  assertEquals(trial.chat.broadcast.size, 1);
});

Deno.test("Chat answers in order with what was said before", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  chat.say(ann.member, "one");
  chat.whisper(ann.member, "GUEST2", "two");
  chat.accounts.takeName(ann.member, "ann");
  chat.say(ann.member, "three");
  chat.answer(bob.member, { type: "pong", text: "", atMs: 0 });
  assertEquals(bob.notes.take(), [
    "message guest1: one",
    "direct guest1: two",
    "renamed guest1 ann",
    "message ann: three",
    "pong",
  ]);
  trial.endTurn();
  assertEquals(bob.notes.take(), []);
});

Deno.test("Accounts.takeName() refuses another's name, and what looks like it, in every case", () => {
  using trial = new Trial();
  const { accounts } = trial.chat;
  const [ann, bob] = enterBoth(trial);
  const take = ({ member }: Guest, name: string): void => accounts.takeName(member, name);
  take(ann, "Ann");
  assertEquals(refusal(() => take(bob, "ANN")), "name-taken");
  assertEquals(refusal(() => take(bob, "-")), "bad-name");
  assertEquals(refusal(() => take(ann, "Ann")), "same-name");
  take(ann, "ANN");
  // A Greek capital nu looks like N, the small one like v: one name, two looks.
  take(ann, "v");
  take(bob, "\u{39d}");
  assertEquals(refusal(() => take(bob, "\u{3bd}")), "name-alike");
  take(ann, "ann");
  take(bob, "\u{3bd}");
  assertEquals(refusal(() => take(ann, "v")), "name-alike");
  assertEquals(refusal(() => take(ann, "\u{39d}")), "name-taken");
});

Deno.test("a user who has left can do nothing any more, and others can have the name", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  chat.accounts.takeName(ann.member, "ann");
  chat.leave(ann.member, "left");
  assertThrows(() => chat.require(ann.member), Error, `User ${ann.member.id} is gone`);
  assertThrows(() => chat.say(ann.member, "boo"), Error, "is gone");
  chat.heard(ann.member);
  ann.notes.take();
  chat.accounts.takeName(bob.member, "ann");
  trial.endTurn();
  assertEquals(bob.member.name, "ann");
  assertEquals(ann.notes.take(), []);
  assertEquals(chat.rooms.lobby.people.size, 1);
});

Deno.test("Chat.reply() answers who wrote last, by whatever name, and nobody in their place", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  assertEquals(refusal(() => chat.reply(ann.member, "x")), "nobody-to-reply-to");
  chat.whisper(bob.member, "guest1", "psst");
  chat.accounts.takeName(bob.member, "bob");
  chat.reply(ann.member, "what?");
  assertEquals(bob.notes.take().at(-1), "direct guest1: what?");
  chat.leave(bob.member, "left");
  const other = trial.enter();
  chat.accounts.takeName(other.member, "bob");
  assertEquals(refusal(() => chat.reply(ann.member, "secret")), "no-such-user");
  assertEquals(refusal(() => chat.whisper(ann.member, "guest1", "x")), "self");
});

Deno.test("/who lists so many, and counts the rest", () => {
  using trial = new Trial();
  const [ann] = enterAll(trial, WHO_LISTED_MAX + 3);
  assert(ann !== undefined);
  run(trial, ann.member, "who");
  const who = ann.notes.events.at(-1);
  assert(who?.type === "who");
  assertEquals([who.room, who.users.length, who.more], ["#lobby", WHO_LISTED_MAX, 3]);
});

Deno.test("Chat.isTurnFull holds from too much until the turn ends, whatever it was", () => {
  const acts: readonly ((trial: Trial, member: Member) => void)[] = [
    (trial, member) => trial.chat.say(member, "x".repeat(1_000)),
    (trial, member) => trial.chat.say(member, "x"),
    (trial, member) => trial.chat.whisper(member, "guest2", "x"),
    (trial, member) => run(trial, member, "who"),
    (trial, member) => run(trial, member, "help"),
    (trial, member) => run(trial, member, "rooms"),
    (trial, _member) =>
      trial.chat.broadcast.tellAll({ type: "announced", room: null, code: "x", text: "x" }),
    (trial, member) => {
      // What is handed out before the end of the turn counts all the same.
      trial.chat.say(member, "x");
      trial.chat.flush();
    },
  ];
  for (const [index, act] of acts.entries()) {
    using trial = new Trial();
    const [{ member }] = enterBoth(trial);
    let count = 0;
    for (; !trial.chat.isTurnFull && count < TURN_LENGTH_MAX; count++) act(trial, member);
    assert(count > 4 && count < TURN_LENGTH_MAX, `act ${index}: after ${count}`);
    trial.endTurn();
    assert(!trial.chat.isTurnFull);
  }
});

/** Writes down what it is told together with whether that was in the current room. */
class PlaceNotes implements Receiver {
  readonly lines: string[] = [];
  readonly #protocol = new PlainProtocol();

  deliver(event: ChatEvent): void {
    this.#note(this.#protocol.encode(event));
  }

  deliverBatch(events: readonly ChatEvent[], { isHere, skipped }: Delivery): void {
    for (const [index, event] of events.entries()) {
      if (skipped?.has(index)) continue;
      this.#note(this.#protocol.encodeAll([event], isHere).bytes);
    }
  }

  readonly isEnded = Boolean(0);

  end(): void {}

  take(): string[] {
    return this.lines.splice(0);
  }

  #note(bytes: Uint8Array): void {
    this.lines.push(...new TextDecoder().decode(bytes).split("\n").slice(0, -1));
  }
}

Deno.test("a room's members are told what happens there, with its name where it is not their current one", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  const notes = new PlaceNotes();
  const eve = chat.require(chat.enter(notes, { address: "127.0.0.1", isPrivate: true }));
  const room = makeRoom(trial, ann, [bob]);
  chat.rooms.enter(eve, room, "joined");
  chat.broadcast.turnTo(eve, chat.rooms.lobby);
  trial.endTurn();
  notes.take();
  chat.say(ann.member, "in dev");
  run(trial, ann.member, "msg #lobby in the lobby");
  chat.act(bob.member, "waves");
  trial.endTurn();
  // In each room the order is that of what was said.
  assertEquals(notes.take().sort(), [
    "[#dev] * guest2 waves",
    "[#dev] guest1: in dev",
    "guest1: in the lobby",
  ]);
  chat.broadcast.turnTo(eve, room);
  chat.say(ann.member, "in dev again");
  trial.endTurn();
  assertEquals(notes.take(), ["guest1: in dev again"]);
  chat.leave(bob.member, "left");
  trial.endTurn();
  assertEquals(notes.take().sort(), ["-- [#lobby] guest2 left.", "-- guest2 left."]);
});

Deno.test("what was said is shown as of the room that was the current one then, whoever turns away in the same turn", () => {
  const moves: readonly (readonly [
    what: string,
    move: (trial: Trial, eve: Member, rooms: { lobby: Room; dev: Room; third: Room }) => void,
    shown: readonly string[],
  ])[] = [
    [
      "/join another one",
      (trial, eve, { third }) => trial.chat.rooms.enter(eve, third, "joined"),
      ["[#dev] guest1: in dev", "guest1: in the lobby"],
    ],
    [
      "turn to another one",
      (trial, eve, { dev }) => trial.chat.broadcast.turnTo(eve, dev),
      ["[#dev] guest1: in dev", "guest1: in the lobby"],
    ],
    [
      "leave the current one",
      (trial, eve, { lobby }) => trial.chat.rooms.leave(eve, lobby, "left"),
      ["[#dev] guest1: in dev", "guest1: in the lobby"],
    ],
  ];
  for (const [what, move, shown] of moves) {
    using trial = new Trial();
    const { chat } = trial;
    const [ann, bob] = enterBoth(trial);
    const notes = new PlaceNotes();
    const eve = chat.require(chat.enter(notes, { address: "127.0.0.1", isPrivate: true }));
    const dev = makeRoom(trial, ann, [bob]);
    const third = chat.rooms.make(bob.member, "#third", null);
    chat.rooms.enter(eve, dev, "joined");
    chat.broadcast.turnTo(eve, chat.rooms.lobby);
    trial.endTurn();
    notes.take();
    run(trial, ann.member, "msg #dev in dev");
    run(trial, ann.member, "msg #lobby in the lobby");
    move(trial, eve, { lobby: chat.rooms.lobby, dev, third });
    trial.endTurn();
    const said = notes.take().filter((line) => / in (dev|the lobby)$/.test(line));
    assertEquals(said.sort(), shown, what);
  }
});

Deno.test("who ignores somebody is told all but what they say, in order", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  const eve = trial.enter();
  trial.endTurn();
  for (const { notes } of [ann, bob, eve]) notes.take();
  chat.say(bob.member, "heard still");
  run(trial, eve.member, "ignore GUEST2");
  chat.say(bob.member, "not heard");
  chat.say(ann.member, "heard");
  chat.act(bob.member, "waves");
  chat.say(eve.member, "mine");
  chat.whisper(bob.member, "guest3", "psst");
  run(trial, eve.member, "unignore guest2");
  chat.say(bob.member, "heard again");
  trial.endTurn();
  assertEquals(eve.notes.take(), [
    "message guest2: heard still",
    "notice ignored",
    "message guest1: heard",
    "notice unignored",
    "message guest2: heard again",
  ]);
  assertEquals(ann.notes.take(), [
    "message guest2: heard still",
    "message guest2: not heard",
    "action guest2: waves",
    "message guest3: mine",
    "message guest2: heard again",
  ]);
});

Deno.test("a new name is told once to each who shares a room, and to nobody else", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  const eve = trial.enter();
  const dan = trial.enter();
  const room = makeRoom(trial, ann, [bob, dan]);
  chat.rooms.leave(dan.member, chat.rooms.lobby, "left");
  chat.rooms.leave(eve.member, chat.rooms.lobby, "left");
  trial.endTurn();
  for (const { notes } of [ann, bob, eve, dan]) notes.take();
  chat.accounts.takeName(ann.member, "ann");
  trial.endTurn();
  assertEquals(ann.notes.take(), ["nick ann"]);
  assertEquals(bob.notes.take(), ["renamed guest1 ann"], "who is in both rooms");
  assertEquals(dan.notes.take(), ["renamed guest1 ann"]);
  assertEquals(eve.notes.take(), [], "who is in no room");
  assertEquals([...room.people.keys()].map(({ name }) => name), ["guest2", "guest4", "ann"]);
});

Deno.test("several connections of one name are one person to the others, who comes and goes once", async () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  chat.accounts.takeName(ann.member, "ann");
  await chat.accounts.register(ann.member, "a-password");
  const second = trial.enter();
  trial.endTurn();
  for (const { notes } of [ann, bob, second]) notes.take();
  await chat.accounts.login(second.member, "ann", "a-password");
  trial.endTurn();
  assertEquals(bob.notes.take(), ["left guest1 left"], "ann was there already");
  assertEquals(second.notes.take(), ["nick ann", "notice logged-in"]);
  assertEquals(chat.rooms.lobby.people.get(ann.member.person), 2);
  chat.say(second.member, "from there");
  chat.whisper(bob.member, "ann", "to both");
  trial.endTurn();
  assertEquals(bob.notes.take(), ["message ann: from there"]);
  assertEquals(second.notes.take(), ["direct guest2: to both"]);
  assertEquals(
    ann.notes.take().filter((line) => !line.startsWith("left")),
    ["message ann: from there", "direct guest2: to both"],
  );
  chat.leave(ann.member, "left");
  trial.endTurn();
  assertEquals(bob.notes.take(), []);
  chat.leave(second.member, "idle");
  trial.endTurn();
  assertEquals(bob.notes.take(), ["left ann idle"]);
});

/** A trial with a spy on what is appended, and queues whose writes are written down. */
class Traffic implements Disposable {
  readonly scheduler = new SendScheduler();
  /** In order: `append TEXTS` and `write LINES`. */
  readonly steps: string[] = [];
  /** Lets the writes that are under way come to their end; null where they do at once. */
  #finish: (() => void)[] = [];
  isSlow = false;
  readonly trial = new Trial({
    turns: this.scheduler,
    wrapStore: (store) =>
      overlay(store, {
        append: (messages) => {
          store.append(messages);
          this.steps.push(`append ${messages.map(({ text }) => text).join()}`);
        },
      }),
  });

  enter(): Member {
    const protocol = new PlainProtocol();
    const write = (bytes: Uint8Array): Promise<number> => {
      const text = new TextDecoder().decode(bytes);
      const said = text.split("\n").flatMap((line) => /: (\d+)$/.exec(line)?.[1] ?? []);
      if (said.length > 0) this.steps.push(`write ${said.join()}`);
      if (!this.isSlow) return Promise.resolve(bytes.length);
      return new Promise((resolve) => this.#finish.push(() => resolve(bytes.length)));
    };
    const queue = new SendQueue({ write }, this.scheduler, {
      onWriteError: () => {},
      onDrained: () => {},
    });
    const user = this.trial.chat.enter({
      deliver: (event) => queue.push(protocol.encode(event)),
      deliverBatch: (events, { isHere, skipped }) => {
        for (const [index, event] of events.entries()) {
          if (!skipped?.has(index)) queue.push(protocol.encodeAll([event], isHere).bytes);
        }
      },
      end: () => {},
      isEnded: Boolean(0),
    }, { address: "127.0.0.1", isPrivate: true });
    return this.trial.chat.require(user);
  }

  finishWrites(): void {
    for (const finish of this.#finish.splice(0)) finish();
  }

  /** The texts in the order of their appending; fails where one was written before. */
  check(): string[] {
    const stored = new Set<string>();
    const order: string[] = [];
    for (const step of this.steps) {
      const [what = "", texts = ""] = step.split(" ");
      for (const text of texts.split(",")) {
        if (what === "append") {
          stored.add(text);
          order.push(text);
        } else assert(stored.has(text), `${text} was sent before it was stored: ${this.steps}`);
      }
    }
    return order;
  }

  [Symbol.dispose](): void {
    this.trial[Symbol.dispose]();
  }
}

Deno.test("what is said in a turn is in the store before anybody is sent it", async () => {
  using traffic = new Traffic();
  const { scheduler, trial: { chat } } = traffic;
  const [ann, bob] = [traffic.enter(), traffic.enter()];
  await scheduler.next();
  chat.say(ann, "1");
  chat.say(bob, "2");
  await scheduler.next();
  // Neither is told what they said themselves.
  assertEquals(traffic.steps, ["append 1,2", "write 2", "write 1"]);
});

Deno.test("what an answer in mid-turn hands out is in the store as well before it is sent", async () => {
  using traffic = new Traffic();
  const { scheduler, trial: { chat } } = traffic;
  const [ann, bob] = [traffic.enter(), traffic.enter()];
  await scheduler.next();
  traffic.steps.length = 0;
  chat.say(ann, "1");
  chat.answer(bob, { type: "pong", text: "", atMs: 0 });
  assertEquals(traffic.steps, [], "nothing is stored, and nothing has left");
  chat.say(ann, "2");
  await scheduler.next();
  assertEquals(traffic.steps, ["append 1,2", "write 1,2"]);
});

Deno.test("a write that ends in mid-turn carries off nothing that is not in the store", async () => {
  using traffic = new Traffic();
  const { scheduler, trial: { chat } } = traffic;
  const [ann, bob] = [traffic.enter(), traffic.enter()];
  await scheduler.next();
  traffic.steps.length = 0;
  traffic.isSlow = true;
  chat.say(ann, "1");
  await scheduler.next();
  assertEquals(traffic.steps, ["append 1", "write 1"]);
  chat.say(ann, "2");
  chat.answer(bob, { type: "pong", text: "", atMs: 0 });
  traffic.finishWrites();
  // The microtasks of this turn, in which a write would go on.
  for (let step = 0; step < 10; step++) await Promise.resolve();
  assertEquals(traffic.steps, ["append 1", "write 1"]);
  await scheduler.next();
  assertEquals(traffic.steps, ["append 1", "write 1", "append 2", "write 2"]);
  traffic.finishWrites();
});

Deno.test("whatever is done in whichever order, nothing is sent that is not stored, and all is stored in order", async () => {
  const step = fc.constantFrom("say", "act", "answer", "who", "whisper", "enter", "turn", "flush");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      using traffic = new Traffic();
      const { scheduler, trial } = traffic;
      const { chat } = trial;
      const [ann, bob] = [traffic.enter(), traffic.enter()];
      await scheduler.next();
      traffic.steps.length = 0;
      let count = 0;
      for (const next of steps) {
        if (next === "say") chat.say(ann, `${++count}`);
        else if (next === "act") chat.broadcast.speak(bob, chat.rooms.lobby, said(++count));
        else if (next === "answer") chat.answer(bob, { type: "pong", text: "", atMs: 0 });
        else if (next === "who") run(trial, ann, "who");
        else if (next === "enter") traffic.enter();
        else if (next === "flush") chat.flush();
        else if (next === "turn") await scheduler.next();
        // Private messages are kept for nobody.
        else chat.broadcast.whisper(ann, bob.person, "");
      }
      await scheduler.next();
      assertEquals(traffic.check(), Array.from({ length: count }, (_, index) => `${index + 1}`));
      assertEquals(chat.broadcast.lastMessageId, count);
    }),
    { numRuns: 60 },
  );

  function said(count: number): { type: "message"; text: string } {
    return { type: "message", text: `${count}` };
  }
});

/** Timers that a test rings. */
class Bells {
  readonly #started = new Map<Timer, () => void>();

  newTimer(): Timer {
    const timer: Timer = {
      start: (callback) => {
        this.#started.set(timer, callback);
      },
      stop: () => {
        this.#started.delete(timer);
      },
    };
    return timer;
  }

  /** Rings those that run; returns how many. */
  ring(): number {
    const callbacks = [...this.#started.values()];
    this.#started.clear();
    for (const callback of callbacks) callback();
    return callbacks.length;
  }
}

Deno.test("when the store fails talking goes on, and everybody is told so once, and of its recovery", () => {
  let isFull = true;
  const appended: StoredMessage[] = [];
  const bells = new Bells();
  using trial = new Trial({
    newTimer: () => bells.newTimer(),
    wrapStore: (store) =>
      overlay(store, {
        append: (messages) => {
          if (isFull) throw new StoreError("full", "The disk is full.");
          store.append(messages);
          appended.push(...messages);
        },
      }),
  });
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  chat.rooms.leave(bob.member, chat.rooms.lobby, "left");
  chat.rooms.enter(bob.member, chat.rooms.lobby, "joined");
  trial.endTurn();
  ann.notes.take();
  bob.notes.take();
  chat.say(ann.member, "one");
  trial.endTurn();
  chat.say(ann.member, "two");
  trial.endTurn();
  assertEquals(
    bob.notes.events.map((event) => "text" in event ? event.text : event.type),
    [
      "one",
      "What is said now is not kept for history: The disk is full. Talking goes on.",
      "two",
    ],
  );
  assertEquals(trial.faults, ["Keeping history: StoreError: The disk is full."]);
  assertEquals(appended, []);
  isFull = false;
  assertEquals(bells.ring(), 1);
  trial.endTurn();
  assertEquals(appended.map(({ text }) => text), ["one", "two"]);
  const last = bob.notes.events.at(-1);
  assert(last?.type === "announced");
  assertEquals(last.text, "History is kept again, and nothing is missing.");
  assertEquals(last.code, "history-kept");
});

Deno.test("a newcomer is shown what could not be kept at first, once it is, however quiet the room", () => {
  let isFull = true;
  const bells = new Bells();
  using trial = new Trial({
    newTimer: () => bells.newTimer(),
    wrapStore: (store) =>
      overlay(store, {
        append: (messages) => {
          if (isFull) throw new StoreError("full", "The disk is full.");
          store.append(messages);
        },
      }),
  });
  const { chat } = trial;
  const [ann] = enterBoth(trial);
  chat.say(ann.member, "one");
  trial.endTurn();
  const early = trial.enter();
  trial.endTurn();
  assertEquals(early.notes.take(), ["welcome guest3"]);
  isFull = false;
  assertEquals(bells.ring(), 1);
  trial.endTurn();
  const late = trial.enter();
  assertEquals(late.notes.take(), ["welcome guest4", "history one"]);
});

Deno.test("a newcomer is not shown what is kept no longer, however quiet the room", () => {
  mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.UTC(2026, 0) });
  try {
    using trial = new Trial();
    const { chat } = trial;
    const [ann] = enterBoth(trial);
    chat.rooms.change(chat.rooms.lobby, { keepMs: 60_000 });
    chat.say(ann.member, "one");
    trial.endTurn();
    const early = trial.enter();
    trial.endTurn();
    assertEquals(early.notes.take(), ["welcome guest3", "history one"]);
    // Long enough for whatever removes it in the background.
    for (let passedMs = 0; passedMs < 2 * EXPIRING_MS; passedMs += 10_000) mock.timers.tick(10_000);
    assertEquals(trial.store.recent(chat.rooms.lobby.record.id, 9), []);
    const late = trial.enter();
    assertEquals(late.notes.take(), ["welcome guest4"]);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("Broadcast.close() stores what waits, and nobody hears of comings and goings any more", () => {
  using trial = new Trial();
  const { chat } = trial;
  const [ann, bob] = enterBoth(trial);
  chat.say(ann.member, "last words");
  chat.close();
  assertEquals(trial.store.recent(chat.rooms.lobby.record.id, 9).map(({ text }) => text), [
    "last words",
  ]);
  chat.leave(ann.member, "left");
  trial.endTurn();
  assertEquals(bob.notes.take(), ["message guest1: last words"]);
});

Deno.test("the chat never lets two have one name, or names that look alike", () => {
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
  using trial = new Trial();
  const { chat } = trial;
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const users: Member[] = [];
    for (const next of steps) {
      const index = "who" in next ? next.who % Math.max(1, users.length) : 0;
      const user = users[index];
      if (next.act === "enter") users.push(trial.enter().member);
      else if (user === undefined) continue;
      else if (next.act === "leave") {
        chat.leave(user, "left");
        users.splice(index, 1);
      } else {
        try {
          chat.accounts.takeName(user, next.name);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
        }
      }
      for (const form of [nameKey, nameSkeleton]) {
        const names = users.map((each) => each.name);
        assertEquals(new Set(names.map(form)).size, users.length, `names: ${names.join(" ")}`);
      }
      assertEquals(chat.broadcast.size, users.length);
      assertEquals(chat.rooms.lobby.people.size, users.length);
    }
    // Whoever is there can be spoken to, and names that are free can be had.
    const { member: witness } = trial.enter();
    for (const { name: present } of users) chat.whisper(witness, present, "hi");
    for (const user of users) chat.leave(user, "left");
    for (const wanted of ["ann", "\u{3bd}", "b0b", "e\u{301}"]) {
      chat.accounts.takeName(witness, wanted);
    }
    chat.leave(witness, "left");
    trial.endTurn();
    assertEquals(chat.broadcast.size, 0);
    assertEquals([...chat.people.all()], []);
  }));
});
