// The table of commands: what each row needs, what it answers, and what an
// unknown one is told; and, over random sequences of whatever several people
// type, that commands refuse or do it and leave one truth of who is where under
// which name. What they do to a room is in broadcast_test.ts.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type { CommandContext } from "../../lib/chat/command.ts";
import { COMMANDS as TABLE, runCommand } from "../../lib/chat/commands.ts";
import { nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import { RIGHTS } from "../../lib/chat/rights.ts";
import type { Member } from "../../lib/chat/state.ts";
import { CommandError } from "../../lib/errors.ts";
import { cleanText } from "../../lib/text.ts";
import { hostileLine } from "../protocol/hostile_texts.ts";
import { type Notes, Trial } from "./trial.ts";

const PASSWORD = "correct-horse";

/** Somebody who runs commands, what they are told, and how often they left. */
class Typist {
  readonly trial: Trial;
  readonly member: Member;
  readonly notes: Notes;
  quits = 0;

  constructor(trial: Trial) {
    this.trial = trial;
    const { member, notes } = trial.enter();
    this.member = member;
    this.notes = notes;
    notes.take();
  }

  get context(): CommandContext {
    return {
      member: this.member,
      chat: this.trial.chat,
      signal: new AbortController().signal,
      answer: (event) => this.trial.chat.answer(this.member, event),
      quit: () => this.quits++,
    };
  }

  /** Runs a command; returns what it is refused with, or null. */
  async run(name: string, args = ""): Promise<string | null> {
    try {
      await runCommand(this.context, { name, args });
      return null;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return error.message;
    }
  }
}

/** Somebody who may run every command. */
async function makeOperator(trial: Trial): Promise<Typist> {
  const typist = new Typist(trial);
  await typist.run("nick", "ann");
  await typist.run("register", PASSWORD);
  assert(trial.chat.roles.isServerOperator(typist.member.person.account));
  typist.notes.take();
  return typist;
}

/** What a guest, alone in the lobby, is refused a command with; null where they are not. */
async function refusal(name: string, args = ""): Promise<string | null> {
  using trial = new Trial();
  return await new Typist(trial).run(name, args);
}

Deno.test("runCommand() answers once, or does something", async () => {
  const answers: readonly (readonly [name: string, args: string, told: string])[] = [
    ["help", "", "help"],
    ["help", "me", "help"],
    ["help", "/ME", "help"],
    ["nick", "ann", "nick ann"],
    ["who", "", "who"],
    ["who", "#lobby", "who"],
    ["who", "LOBBY", "who"],
    ["ping", "", "pong"],
    ["ping", "a b", "pong"],
    ["rooms", "", "rooms"],
    ["room", "", "notice room"],
    ["topic", "", "notice topic"],
    ["join", "#dev", "entered #dev made"],
    ["join", "#lobby", "entered #lobby returned"],
    ["leave", "", "parted"],
    ["history", "", "notice no-history"],
    ["search", "tea", "notice not-found"],
    ["ignore", "", "notice ignored"],
  ];
  for (const [name, args, told] of answers) {
    using trial = new Trial();
    const typist = new Typist(trial);
    assertEquals(await typist.run(name, args), null);
    assertEquals(typist.notes.take(), [told], `/${name} ${args}`);
    assertEquals(typist.quits, 0);
  }
  using trial = new Trial();
  const typist = new Typist(trial);
  await typist.run("quit", "now");
  assertEquals([typist.notes.events.length, typist.quits], [0, 1]);
});

Deno.test("runCommand() answers nobody who is gone by the time it is done", async () => {
  using trial = new Trial();
  const typist = new Typist(trial);
  const pending = typist.run("history");
  trial.chat.leave(typist.member, "left");
  await pending;
  assertEquals(typist.notes.take(), []);
});

Deno.test("runCommand() says how a command is typed that needs more", async () => {
  const rows = {
    nick: "NAME",
    me: "TEXT",
    msg: "NAME TEXT",
    reply: "TEXT",
    join: "#ROOM [PASSWORD]",
    register: "PASSWORD",
    login: "[NAME] PASSWORD",
    report: "NAME REASON",
    unignore: "NAME",
    search: "WORDS [from:NAME] [in:#ROOM] [before:DATE] [after:DATE]",
  };
  for (const [name, args] of Object.entries(rows)) {
    assertEquals(await refusal(name), `Type it as /${name} ${args}.`);
  }
  for (const args of ["ann", "ann ", " ", "ann    "]) {
    assertEquals(await refusal("msg", args), "Type it as /msg NAME TEXT.");
  }
});

Deno.test("every command that takes the word server says so where nothing follows it", async () => {
  using trial = new Trial({ operators: ["ann"] });
  const typist = await makeOperator(trial);
  for (const { name, args } of TABLE) {
    if (!args.startsWith("[server] ")) continue;
    for (const typed of ["server", "SERVER", "server "]) {
      assertEquals(await typist.run(name, typed), `Type it as /${name} ${args}.`);
    }
  }
});

Deno.test("help lists every command", async () => {
  using trial = new Trial();
  const typist = new Typist(trial);
  await typist.run("help");
  const help = typist.notes.events.at(-1);
  assert(help?.type === "help");
  const names = help.entries.map(({ usage }) => usage.split(" ")[0] ?? "");
  assertEquals(
    names.filter((name) => !name.startsWith("//")).sort(),
    TABLE.map(({ name }) => `/${name}`).sort(),
  );
});

Deno.test("every command has a right, and every right a command", () => {
  const names = TABLE.map(({ name }): string => name);
  assertEquals(new Set(names).size, names.length);
  for (const right of Object.keys(RIGHTS)) {
    const [name = "", ...rest] = right.split(" ");
    assert(names.includes(name), `${right} is no command's`);
    // What follows is a name of its own only where the command asks for it.
    const suffixes = ["", "set", "server", "others"];
    assert(suffixes.includes(rest.join(" ")), right);
  }
  for (const { name, args } of TABLE) {
    assert(name in RIGHTS);
    assertEquals(`${name} server` in RIGHTS, args.startsWith("[server]"), name);
  }
});

Deno.test("runCommand() tells of every command in its help, in groups", async () => {
  using trial = new Trial({ operators: ["ann"] });
  const typist = await makeOperator(trial);
  await typist.run("help");
  const help = typist.notes.events.at(-1);
  assert(help?.type === "help");
  const { entries } = help;
  // A group stands together: each name of one begins it once.
  const groups = entries.map(({ group }) => group);
  const beginnings = groups.filter((group, index) => group !== groups[index - 1]);
  assertEquals(new Set(beginnings).size, beginnings.length, beginnings.join());
  assertEquals(entries.length, TABLE.length + 1);
  for (const { usage } of entries.filter((entry) => !entry.usage.startsWith("//"))) {
    const [name = ""] = usage.slice(1).split(" ");
    const args = usage.slice(name.length + 2);
    // Each alone is what it is in the list.
    await typist.run("help", name);
    const one = typist.notes.events.at(-1);
    assert(one?.type === "help");
    assertEquals(one.entries, entries.filter((entry) => entry.usage === usage));
    using fresh = new Trial({ operators: ["ann"] });
    const message = await (await makeOperator(fresh)).run(name);
    const needsMore = /[A-Z]/.test(args.replaceAll(/\[[^\]]*\]/g, ""));
    assertEquals(message === `Type it as ${usage}.`, needsMore, `/${name}: ${message}`);
  }
});

Deno.test("runCommand() tells who mistyped a command which one was meant", async () => {
  const meant = {
    hlep: "help",
    h: "help",
    nik: "nick",
    qiut: "quit",
    mesg: "msg",
    regster: "register",
    hist: "history",
    serach: "search",
    unbann: "unban",
    jion: "join",
  };
  for (const [typed, command] of Object.entries(meant)) {
    assertEquals(
      await refusal(typed),
      `There is no /${typed}. Did you mean /${command}? (// begins a message with a slash.)`,
    );
  }
  const hint = "/help shows those that exist; // begins a message with a slash.";
  for (const typed of ["", "xyzzy", "usr/bin", "constructor", "__proto__"]) {
    assertEquals(await refusal(typed), `There is no /${typed}. ${hint}`);
    if (typed !== "") assertEquals(await refusal("help", typed), `There is no /${typed}. ${hint}`);
  }
  assertEquals(await refusal("x".repeat(21)), `There is no such command. ${hint}`);
});

Deno.test("an account that is deleted leaves no empty room behind that is of no use to anybody", async () => {
  using trial = new Trial();
  const typist = new Typist(trial);
  await typist.run("nick", "bob");
  await typist.run("register", PASSWORD);
  await typist.run("join", "#dev");
  await typist.run("leave");
  assert(trial.chat.rooms.find("#dev") !== undefined, "it is bob's, who may come back");
  assertEquals(await typist.run("account", `delete ${PASSWORD}`), null);
  assertEquals(trial.chat.rooms.find("#dev"), undefined);
  assertEquals(trial.store.rooms().map(({ name }) => name), ["#lobby"]);
});

Deno.test("who made a room as a guest and logs in is its operator on all their connections there", async () => {
  using trial = new Trial();
  const [first, maker] = [new Typist(trial), new Typist(trial)];
  await first.run("nick", "bob");
  await first.run("register", PASSWORD);
  await maker.run("join", "#dev");
  await first.run("join", "#dev");
  assertEquals(await first.run("lock"), "Only an operator of #dev may do that.");
  assertEquals(await maker.run("login", `bob ${PASSWORD}`), null);
  assertEquals(await first.run("lock"), null);
  assertEquals(await maker.run("unlock"), null);
});

/** One thing that somebody types, or that befalls them. */
type Step =
  | { readonly act: "enter"; readonly address: string }
  | { readonly act: "leave"; readonly who: number }
  | { readonly act: "say"; readonly who: number }
  | {
    readonly act: "command";
    readonly who: number;
    readonly name: string;
    readonly args: string;
    /** Whether the next one does not wait for it. */
    readonly isPending: boolean;
  };

const WORDS = [
  ..."server ann bob b0b eve ANN guest1 guest2 #lobby #dev #DEV #secret dev lobby".split(" "),
  ..."correct-horse battery-staple for 1m 10m 0s 7d before 1 2 3 500 12:00 2026-01-01 #1".split(
    " ",
  ),
  ..."open private password invite-only keep delete default - tea te* from:ann in:#dev".split(" "),
  ..."after:7d before:1 192.0.2.7 192.0.2.0/24 2001:db8::/32 127.0.0.1 0.0.0.0/0 sessions".split(
    " ",
  ),
];

const USEFUL: readonly (readonly [name: string, args: string])[] = [
  ["nick", "ann"],
  ["nick", "bob"],
  ["nick", "eve"],
  ["register", PASSWORD],
  ["login", `ann ${PASSWORD}`],
  ["login", `bob ${PASSWORD}`],
  ["login", PASSWORD],
  ["login", "ann wrong-password"],
  ["ghost", ""],
  ["account", `delete ${PASSWORD}`],
  ["account", `password ${PASSWORD} battery-staple`],
  ["join", "#dev"],
  ["join", "#secret"],
  ["join", `#vault ${PASSWORD}`],
  ["leave", ""],
  ["leave", "#dev"],
  ["room", "invite-only"],
  ["room", "open"],
  ["room", "delete #dev"],
  ["invite", "bob"],
  ["invite", "guest2"],
  ["op", "bob"],
  ["op", "server bob"],
  ["deop", "bob"],
  ["kick", "bob"],
  ["kick", "server bob"],
  ["ban", "bob for 10m"],
  ["ban", "server guest2"],
  ["unban", "bob"],
  ["mute", "bob"],
  ["lock", ""],
  ["lock", "server"],
  ["unlock", "server"],
  ["ignore", "bob"],
  ["unignore", "bob"],
  ["forget", ""],
  ["msg", "ann hi there"],
  ["topic", "tea"],
];

const who = fc.nat({ max: 7 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant("enter" as const),
      address: fc.constantFrom("127.0.0.1", "127.0.0.1", "192.0.2.7", "2001:db8::1"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("leave" as const), who }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("say" as const), who }) },
  {
    weight: 8,
    arbitrary: fc.constantFrom(...USEFUL).chain(([name, args]) =>
      fc.record({
        act: fc.constant("command" as const),
        who,
        name: fc.constant(name),
        args: fc.constant(args),
        isPending: fc.boolean(),
      })
    ),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant("command" as const),
      who,
      name: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...TABLE.map(({ name }): string => name)) },
        { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
      ),
      args: fc.oneof(
        {
          weight: 4,
          arbitrary: fc.array(fc.constantFrom(...WORDS), { maxLength: 4 }).map((all) =>
            all.join(" ")
          ),
        },
        { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
        // As a session hands it on.
        { weight: 1, arbitrary: hostileLine.map((line) => cleanText(line).trim()) },
      ),
      isPending: fc.boolean(),
    }),
  },
);

/** A house full of people who type at random. */
class House implements Disposable {
  readonly trial = new Trial({ operators: ["ann"] });
  readonly users: { member: Member; notes: Notes; signal: AbortController }[] = [];
  readonly #pending: Promise<void>[] = [];

  /** An operator of the server, one of a room, ann from elsewhere, and two guests. */
  async moveIn(): Promise<void> {
    for (let count = 0; count < 5; count++) {
      await this.step({ act: "enter", address: "127.0.0.1" });
    }
    const typed: readonly (readonly [who: number, name: string, args: string])[] = [
      [0, "nick", "ann"],
      [0, "register", PASSWORD],
      [1, "nick", "bob"],
      [1, "register", PASSWORD],
      [1, "join", "#dev"],
      [2, "login", `ann ${PASSWORD}`],
      [3, "join", "#dev"],
      [4, "join", "#secret"],
    ];
    for (const [who, name, args] of typed) {
      await this.step({ act: "command", who, name, args, isPending: false });
    }
  }

  async step(step: Step): Promise<void> {
    const { chat } = this.trial;
    if (step.act === "enter") {
      if (chat.whyKeptOut(step.address) === null) {
        this.users.push({ ...this.trial.enter(step.address), signal: new AbortController() });
      }
      return;
    }
    const user = this.users[step.who % Math.max(1, this.users.length)];
    if (user === undefined) return;
    switch (step.act) {
      case "leave":
        this.#leave(user.member);
        break;
      case "say":
        chat.heard(user.member);
        await this.#attempt(() => chat.say(user.member, "tea"));
        break;
      case "command": {
        const done = this.#attempt(() =>
          runCommand(
            {
              member: user.member,
              chat,
              signal: user.signal.signal,
              answer: (event) => chat.answer(user.member, event),
              quit: () => {},
            },
            step,
          )
        );
        if (step.isPending) this.#pending.push(done);
        else await done;
      }
    }
  }

  /** The end of a turn, in which those leave whose session was ended. */
  endTurn(): void {
    this.trial.endTurn();
    for (const { member, notes } of [...this.users]) if (notes.ended !== null) this.#leave(member);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
    this.endTurn();
  }

  #leave(member: Member): void {
    const index = this.users.findIndex((each) => each.member === member);
    const [user] = this.users.splice(index, 1);
    user?.signal.abort(new Error("left"));
    this.trial.chat.leave(member, "left");
  }

  async #attempt(act: () => unknown): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (error instanceof CommandError) {
        assert(error.message.isWellFormed() && !/undefined|null|NaN/.test(error.message));
        return;
      }
      // What had to wait was given up since its user left.
      if (error instanceof Error && error.message === "left") return;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.trial[Symbol.dispose]();
  }
}

/** Everything that has to hold of who is where under which name, whatever was done. */
function checkHouse({ trial, users }: House): void {
  const { chat, store } = trial;
  assertEquals(chat.broadcast.size, users.length);
  const people = new Set(users.map(({ member }) => member.person));
  assertEquals(new Set(chat.people.all()), people);
  for (const form of [nameKey, nameSkeleton]) {
    const names = [...people].map(({ name }) => name);
    assertEquals(new Set(names.map(form)).size, people.size, `names: ${names.join(" ")}`);
  }
  for (const person of people) {
    const { account, key } = person;
    assertStrictEquals(chat.people.find(person.name), person);
    for (const member of person.members) assertStrictEquals(member.person, person);
    if (account === null) assertEquals(person.members.size, 1, `${person.name} is one guest`);
    const registered = store.accountByKey(key);
    assertEquals(account?.id ?? null, person.isUnconfirmed ? null : registered?.id ?? null);
    assert(!person.isUnconfirmed || registered !== null, `${person.name} is asked for a password`);
    // What the chat has in memory of an account is what lasts.
    if (account !== null) assertEquals(account, { ...registered, seenAtMs: account.seenAtMs });
  }
  const records = store.rooms();
  assertEquals(chat.rooms.size, records.length);
  const living = new Set(records.map(({ id }) => chat.rooms.get(id)));
  for (const { member } of users) {
    assertEquals(member.room === null, member.rooms.size === 0);
    assert(member.room === null || member.rooms.has(member.room));
    for (const room of member.rooms.keys()) {
      assert(living.has(room), `${room.name} is no room any more`);
      assertStrictEquals(room.members.get(member.id), member);
    }
  }
  for (const record of records) {
    const room = chat.rooms.get(record.id);
    assert(room !== undefined && chat.rooms.find(record.name) === room);
    assertEquals({ ...record, messages: 0 }, { ...room.record, messages: 0 });
    assertEquals(room.messages, record.messages, `messages in ${room.name}`);
    const counts = new Map<string, number>();
    for (const member of room.members.values()) {
      assert(member.rooms.has(room) && !member.isGone);
      counts.set(member.name, (counts.get(member.name) ?? 0) + 1);
      const { account } = member.person;
      const stay = member.rooms.get(room);
      if (account === null) continue;
      const kept = store.member(record.id, account.id);
      assertEquals(stay?.isOperator, kept?.isOperator, `${account.name}'s rights in ${room.name}`);
      assert((kept?.readId ?? 0) <= trial.chat.broadcast.lastMessageId);
    }
    const people = [...room.people].map(([{ name }, count]): [string, number] => [name, count]);
    assertEquals(new Map(people), counts, `who is in ${room.name}`);
  }
  for (const { member } of users) {
    const { account } = member.person;
    if (account === null) continue;
    const ignored = [...member.ignored?.keys() ?? []].sort();
    assertEquals(ignored, [...store.ignoredBy(account.id).keys()].sort(), "who is ignored");
  }
  assertEquals(trial.faults, []);
}

Deno.test("commands refuse with a CommandError or do it, whatever several people type, and who is where stays one truth", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 20, maxLength: 60 }), async (steps) => {
      using house = new House();
      await house.moveIn();
      for (const [index, step] of steps.entries()) {
        await house.step(step);
        if (index % 3 === 0) house.endTurn();
      }
      await house.settle();
      checkHouse(house);
      // Whoever is left can go, and nothing of them stays behind.
      while (house.users.length > 0) await house.step({ act: "leave", who: 0 });
      house.endTurn();
      checkHouse(house);
      assertEquals([...house.trial.chat.people.all()], []);
    }),
    { numRuns: 150 },
  );
});
