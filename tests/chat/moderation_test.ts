// Moderation without a server: over random sequences of bans, mutes, locks, their
// ends and restarts, who may come in and talk is what a much simpler model says.
// The limits on how many there are; what somebody is banned as; and that what
// cannot be stored is not done either.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { runCommand } from "../../lib/chat/commands.ts";
import { Moderation, type SanctionRequest, targetOf } from "../../lib/chat/moderation.ts";
import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import { Member, Person, type Room, type Stay } from "../../lib/chat/state.ts";
import type { Account, Sanction, SanctionTarget } from "../../lib/chat/store.ts";
import { CommandError, StoreError } from "../../lib/errors.ts";
import { SANCTIONS_MAX, SANCTIONS_PER_ROOM_MAX } from "../../lib/limits.ts";
import { Notes, Trial } from "./trial.ts";

const START_MS = Date.UTC(2026, 0, 15, 12);

/** Runs a test on a clock that only the test moves. */
function onFakeTime<Result>(test: () => Result): Result {
  mock.timers.enable({ apis: ["Date"], now: START_MS });
  try {
    return test();
  } finally {
    mock.timers.reset();
  }
}

/** Those who come and go in the model: by account, by name, and by where they are. */
const PEOPLE: readonly {
  readonly name: string;
  readonly address: string;
  readonly isRegistered: boolean;
  /** The networks among the targets that the address lies in. */
  readonly networks: readonly string[];
}[] = [
  { name: "bob", address: "127.0.0.1", isRegistered: false, networks: [] },
  {
    name: "eve",
    address: "203.0.113.5",
    isRegistered: false,
    networks: ["203.0.113.5/32", "203.0.113.0/24"],
  },
  { name: "reg", address: "203.0.113.77", isRegistered: true, networks: ["203.0.113.0/24"] },
  { name: "ria", address: "127.0.0.1", isRegistered: true, networks: [] },
  { name: "zoe", address: "2001:db8::1", isRegistered: false, networks: ["2001:db8::/64"] },
  { name: "mal", address: "2001:db8:0:1::1", isRegistered: false, networks: [] },
  {
    name: "map",
    address: "::ffff:203.0.113.5",
    isRegistered: false,
    networks: ["203.0.113.5/32", "203.0.113.0/24"],
  },
];

const TARGETS: readonly SanctionTarget[] = [
  { type: "account", value: "reg" },
  { type: "account", value: "ria" },
  { type: "name", value: "bob" },
  { type: "name", value: "eve" },
  { type: "network", value: "203.0.113.5/32" },
  { type: "network", value: "203.0.113.0/24" },
  { type: "network", value: "2001:db8::/64" },
];

/** Where something holds: the whole server, or one of two rooms. */
type Place = "server" | "#lobby" | "#dev";

type Step =
  | {
    readonly do: "impose";
    readonly kind: Sanction["kind"];
    readonly place: Place;
    readonly target: number;
    readonly durationMs: number | null;
  }
  | { readonly do: "lift"; readonly index: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "lock"; readonly place: Place; readonly isLocked: boolean }
  | { readonly do: "restart" };

const PLACE = fc.constantFrom<Place>("server", "#lobby", "#dev");

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("impose" as const),
      kind: fc.constantFrom<Sanction["kind"]>("ban", "mute"),
      place: PLACE,
      target: fc.nat(TARGETS.length - 1),
      // Few lengths, so that several end in the same moment.
      durationMs: fc.constantFrom(null, 1, 1_000, 2_000, 60_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lift" as const), index: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 999, 1_000, 2_000, 59_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("lock" as const),
      place: PLACE,
      isLocked: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
);

/** What an operator would write on a sheet of paper. */
class Model {
  entries: {
    readonly kind: Sanction["kind"];
    readonly place: Place;
    readonly target: SanctionTarget;
    readonly untilMs: number;
  }[] = [];
  readonly locked = new Set<Place>();

  /** What holds now, the oldest first. */
  get holding(): Model["entries"] {
    return this.entries.filter(({ untilMs }) => untilMs > Date.now());
  }

  impose(step: Step & { do: "impose" }): void {
    const target = TARGETS[step.target] ?? fail();
    const { kind, place, durationMs } = step;
    this.entries = this.entries.filter((entry) =>
      entry.kind !== kind || entry.place !== place || entry.target !== target
    );
    const untilMs = durationMs === null ? Infinity : Date.now() + durationMs;
    this.entries.push({ kind, place, target, untilMs });
  }

  isUnder(kind: Sanction["kind"], place: Place, who: typeof PEOPLE[number]): boolean {
    return this.holding.some((entry) =>
      entry.kind === kind && entry.place === place &&
      (entry.target.type === "network"
        ? who.networks.includes(entry.target.value)
        : entry.target.value === who.name &&
          who.isRegistered === (entry.target.type === "account"))
    );
  }

  mayTalk(place: Place, who: typeof PEOPLE[number]): boolean {
    const places: Place[] = place === "server" ? ["server"] : ["server", place];
    if (!who.isRegistered && places.some((each) => this.locked.has(each))) return false;
    return !places.some((each) => this.isUnder("mute", each, who));
  }
}

function fail(): never {
  throw new Error("No such thing in the test");
}

function accountOf(trial: Trial, name: string): Account {
  return trial.store.addAccount({
    name,
    key: nameKey(name),
    skeleton: nameSkeleton(name),
    password: `cheap ${name}`,
    isOperator: false,
    madeAtMs: START_MS,
    seenAtMs: START_MS,
  });
}

/** None of those here is an operator. */
const NOBODY = (): boolean => false;

function freshStay(): Stay {
  return { fromId: 0, sinceId: 0, isOperator: false, mute: null, muteVersion: 0, heardId: 0 };
}

/** The real thing beside the model, on a store in memory. */
class Bench implements Disposable {
  readonly trial = new Trial();
  moderation = new Moderation(this.trial.store, NOBODY);
  readonly rooms: Readonly<Record<Place, Room | null>>;
  readonly members: readonly Member[];

  constructor() {
    const { trial } = this;
    const { member: maker } = trial.enter();
    const { rooms } = trial.chat;
    this.rooms = { "server": null, "#lobby": rooms.lobby, "#dev": rooms.make(maker, "#dev", null) };
    this.members = PEOPLE.map(({ name, address, isRegistered }, index) => {
      const person = new Person({ name, key: nameKey(name), skeleton: nameSkeleton(name) }, null);
      if (isRegistered) person.account = accountOf(trial, name);
      const options = { id: 1_000 + index, isPrivate: true, receiver: new Notes() };
      return new Member({ ...options, address, person });
    });
    this.#comeIn();
  }

  do(step: Step): void {
    const { moderation, trial: { store, chat } } = this;
    switch (step.do) {
      case "impose":
        moderation.impose(this.#request(step));
        return;
      case "lift": {
        const all = this.list();
        const sanction = all[step.index % Math.max(1, all.length)];
        if (sanction === undefined) return;
        moderation.lift(sanction, {
          by: "boss",
          act: "lift",
          room: null,
        });
        return;
      }
      case "wait":
        mock.timers.tick(step.ms);
        return;
      case "lock": {
        const { isLocked } = step;
        const room = this.rooms[step.place];
        if (room !== null) chat.rooms.change(room, { isLocked });
        else {
          moderation.setServerLocked(isLocked, {
            by: "boss",
            act: "lock",
            room,
          });
        }
        return;
      }
      case "restart":
        this.moderation = new Moderation(store, NOBODY);
        this.#comeIn();
        return;
    }
  }

  /** All that holds, the oldest first. */
  list(): Sanction[] {
    return (["ban", "mute"] as const).flatMap((kind) =>
      Object.values(this.rooms).flatMap((room) => this.moderation.list(kind, room))
    ).sort((a, b) => a.id - b.id);
  }

  mayTalk(member: Member, place: Place): boolean {
    try {
      this.moderation.requireVoice(member, this.rooms[place]);
      return true;
    } catch (error) {
      assert(error instanceof CommandError, `${error}`);
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.trial[Symbol.dispose]();
  }

  /** Everybody is in both rooms. */
  #comeIn(): void {
    for (const member of this.members) {
      for (const room of Object.values(this.rooms)) {
        if (room === null) continue;
        member.rooms.delete(room);
        member.rooms.add(room, freshStay());
      }
    }
  }

  #request(step: Step & { do: "impose" }): SanctionRequest {
    const target = TARGETS[step.target] ?? fail();
    const { kind, durationMs, place } = step;
    const shown = target.type === "network" ? "somebody" : target.value;
    return { kind, room: this.rooms[place], target, shown, by: "boss", durationMs, reason: "" };
  }
}

/** What a step does to the model. */
function doInModel(model: Model, step: Step): void {
  switch (step.do) {
    case "impose":
      model.impose(step);
      return;
    case "lift": {
      const { holding } = model;
      const lifted = holding[step.index % Math.max(1, holding.length)];
      model.entries = model.entries.filter((entry) => entry !== lifted);
      return;
    }
    case "lock":
      if (step.isLocked) model.locked.add(step.place);
      else model.locked.delete(step.place);
      return;
    case "wait":
    case "restart":
      return;
  }
}

function compare(bench: Bench, model: Model): void {
  const { moderation } = bench;
  for (const [index, who] of PEOPLE.entries()) {
    const member = bench.members[index] ?? fail();
    const { person, address } = member;
    for (const place of ["server", "#lobby", "#dev"] as const) {
      const isBanned = moderation.banOf(member, bench.rooms[place]) !== null;
      assertEquals(isBanned, model.isUnder("ban", place, who), `${who.name} banned, ${place}`);
      const mayTalk = bench.mayTalk(member, place);
      assertEquals(mayTalk, model.mayTalk(place, who), `${who.name} talks, ${place}`);
    }
    const bans = model.holding.filter(({ kind, place }) => kind === "ban" && place === "server");
    const isBanned = (type: SanctionTarget["type"], values: readonly string[]): boolean =>
      bans.some(({ target }) => target.type === type && values.includes(target.value));
    assertEquals(moderation.banOfAddress(address) !== null, isBanned("network", who.networks));
    assertEquals(moderation.banOfName(person.key) !== null, isBanned("name", [who.name]));
    if (person.account !== null) {
      assertEquals(
        moderation.banOfAccount(person.account) !== null,
        isBanned("account", [who.name]),
      );
    }
  }
  assertEquals(
    bench.list().map(({ kind, target, untilMs }) => ({ kind, target, untilMs })),
    model.holding.map(({ kind, target, untilMs }) => ({
      kind,
      target,
      untilMs: untilMs === Infinity ? null : untilMs,
    })),
  );
}

Deno.test("who may come in and talk is what a sheet of paper says, whatever was decided", () => {
  onFakeTime(() => {
    fc.assert(
      fc.property(fc.array(STEP, { minLength: 1, maxLength: 40 }), (steps) => {
        mock.timers.setTime(START_MS);
        using bench = new Bench();
        const model = new Model();
        for (const step of steps) {
          // First, since what a step lifts is what held before it.
          doInModel(model, step);
          bench.do(step);
          compare(bench, model);
        }
      }),
      { numRuns: 100 },
    );
  });
});

Deno.test("what somebody is banned as", () => {
  using trial = new Trial();
  const guest = trial.enter().member.person;
  const cases: readonly [addresses: readonly string[], wanted: SanctionTarget][] = [
    [["127.0.0.1"], { type: "name", value: "guest1" }],
    [["::1", "127.8.8.8", "::ffff:127.0.0.1"], { type: "name", value: "guest1" }],
    [[], { type: "name", value: "guest1" }],
    [["203.0.113.5"], { type: "network", value: "203.0.113.5/32" }],
    [["127.0.0.1", "203.0.113.5"], { type: "network", value: "203.0.113.5/32" }],
    [["::ffff:203.0.113.5"], { type: "network", value: "203.0.113.5/32" }],
    // A customer has all of a /64.
    [["2001:db8:1:2:3:4:5:6"], { type: "network", value: "2001:db8:1:2::/64" }],
    [["fe80::1%eth0"], { type: "network", value: "fe80::/64" }],
    // A socket without an address.
    [["local"], { type: "name", value: "guest1" }],
  ];
  for (const [addresses, wanted] of cases) {
    assertEquals(targetOf(guest, addresses), wanted, addresses.join());
  }
  const account = accountOf(trial, "reg");
  assertEquals(targetOf(account, ["203.0.113.5"]), { type: "account", value: "reg" });
  guest.account = account;
  assertEquals(targetOf(guest, ["203.0.113.5"]), { type: "account", value: "reg" });
});

/** Bans a name. */
function ban(
  trial: Trial,
  what: { readonly room: Room | null; readonly name: string; readonly durationMs?: number },
): Sanction {
  const { room, name, durationMs } = what;
  return trial.chat.moderation.impose({
    kind: "ban",
    room,
    target: { type: "name", value: name },
    shown: name,
    by: "boss",
    durationMs: durationMs ?? null,
    reason: "",
  });
}

Deno.test("a room has so many bans and mutes; those that ended do not count", () => {
  onFakeTime(() => {
    using trial = new Trial();
    const { rooms, moderation } = trial.chat;
    const room = rooms.make(trial.enter().member, "#dev", null);
    const first = ban(trial, { room, name: "name-0" });
    for (let index = 1; index < SANCTIONS_PER_ROOM_MAX; index++) {
      ban(trial, { room, name: `name-${index}`, ...(index === 1 ? { durationMs: 1_000 } : {}) });
    }
    const refused = (): string =>
      assertThrows(() => ban(trial, { room, name: "more" }), CommandError).code;
    assertEquals(refused(), "too-many");
    assertEquals(moderation.list("ban", room).length, SANCTIONS_PER_ROOM_MAX);
    // One in the place of another is no more than before; other places are not full.
    ban(trial, { room, name: "name-2" });
    ban(trial, { room: rooms.lobby, name: "more" });
    ban(trial, { room: null, name: "more" });
    mock.timers.tick(1_000);
    ban(trial, { room, name: "instead-of-1" });
    assertEquals(refused(), "too-many");
    moderation.lift(first, {
      by: "boss",
      act: "unban",
      room,
    });
    ban(trial, { room, name: "instead-of-0" });
    assertEquals(refused(), "too-many");
    // And all of it is what the store has, too.
    const again = new Moderation(trial.store, NOBODY);
    assertEquals(again.list("ban", room), moderation.list("ban", room));
  });
});

Deno.test("there are so many bans and mutes in all", () => {
  onFakeTime(() => {
    using trial = new Trial();
    const { rooms } = trial.chat;
    const room = rooms.make(trial.enter().member, "#dev", null);
    trial.store.transaction(() => {
      for (let index = 0; index < SANCTIONS_MAX - 1; index++) {
        ban(trial, { room: null, name: `name-${index}`, durationMs: index < 2 ? 1_000 : 2_000 });
      }
      ban(trial, { room, name: "name" });
    });
    const refused = (place: Room | null): string =>
      assertThrows(() => ban(trial, { room: place, name: "too-much" }), CommandError).code;
    assertEquals(refused(null), "too-many");
    assertEquals(refused(room), "too-many");
    ban(trial, { room: null, name: "name-5" });
    mock.timers.tick(1_000);
    ban(trial, { room: null, name: "more" });
    ban(trial, { room: null, name: "still-more" });
    assertEquals(refused(null), "too-many");
  });
});

Deno.test("what held in a room goes with the room", () => {
  using trial = new Trial();
  const { chat, store } = trial;
  const { member } = trial.enter();
  const room = chat.rooms.make(member, "#dev", null);
  ban(trial, { room, name: "bob" });
  ban(trial, { room: null, name: "eve" });
  chat.broadcast.part(member, room, "left");
  chat.rooms.remove(room);
  assertEquals(store.sanctions().map(({ shown }) => shown), ["eve"]);
  const again = chat.rooms.make(member, "#dev", null);
  assertEquals(chat.moderation.list("ban", again), []);
});

/** Lines that change something, as an operator of the server in #dev types them. */
const ACTS = [
  "/kick bob",
  "/kick server bob",
  "/ban bob",
  "/ban server bob for 1h",
  "/ban 198.51.100.7",
  "/mute bob",
  "/mute server bob",
  "/unban zoe",
  "/unmute zoe",
  "/lock",
  "/lock server",
  "/op reg",
  "/op server reg",
  "/room private",
  "/room keep 7d",
  "/report bob spam",
] as const;

for (const line of ACTS) {
  Deno.test(`what cannot be written down is not done: ${line}`, async () => {
    using trial = new Trial({ operators: ["boss"] });
    const { chat, store } = trial;
    accountOf(trial, "boss");
    accountOf(trial, "reg");
    const { member, notes } = trial.enter();
    await chat.accounts.login(member, "boss", "boss");
    const room = chat.rooms.make(member, "#dev", null);
    const bob = trial.enter();
    chat.accounts.takeName(bob.member, "bob");
    chat.rooms.enter(bob.member, room, "joined");
    const run = async (text: string): Promise<void> => {
      const [name = "", ...args] = text.slice(1).split(" ");
      await runCommand({
        member,
        chat,
        signal: new AbortController().signal,
        answer: (event) => chat.answer(member, event),
        quit: () => {},
      }, { name, args: args.join(" ") });
    };
    await run("/ban zoe");
    await run("/mute zoe");
    const look = (): unknown => ({
      room: { ...room.record },
      isLocked: chat.moderation.isServerLocked,
      lists: ([room, null] as const).flatMap((place) =>
        (["ban", "mute"] as const).map((kind) => chat.moderation.list(kind, place))
      ),
      stored: store.sanctions(),
      setting: store.setting("locked"),
      rooms: store.rooms(),
      operators: store.operatorsOf(room.record.id),
      reg: store.accountByKey("reg"),
      isHere: bob.member.rooms.has(room),
      ended: bob.notes.ended,
    });
    trial.endTurn();
    notes.take();
    bob.notes.take();
    const before = look();
    const { addAudit } = store;
    store.addAudit = (): void => {
      throw new StoreError("full", "The disk is full.");
    };
    const error = await assertRejects(() => run(line), CommandError);
    assertEquals(error.code, "store-failed");
    assertEquals(
      error.message,
      "That could not be done, and nothing was changed: The disk is full.",
    );
    trial.endTurn();
    assertEquals(look(), before);
    assertEquals(bob.notes.take(), []);
    assertEquals(notes.take(), []);
    // And when there is space again, it is done.
    store.addAudit = addAudit;
    await run(line);
  });
}
