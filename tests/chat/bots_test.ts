// Bots without a server: which names they can have, whose they are, where they may
// talk and read as their makers come, go, are muted, banned and invited, that what
// they say is theirs, and that who reads is seen.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { mock } from "node:test";
import { runCommand } from "../../lib/chat/commands.ts";
import { KeptEvents } from "../../lib/chat/kept_events.ts";
import type { Member } from "../../lib/chat/state.ts";
import type { BotRecord } from "../../lib/chat/store.ts";
import { CommandError, StoreError } from "../../lib/errors.ts";
import type { ChatEvent } from "../../lib/events.ts";
import { BOT_STREAMS_MAX, BOTS_PER_ACCOUNT_MAX, MISSED_EVENTS } from "../../lib/limits.ts";
import { Notes, overlay, Trial, type TrialOptions } from "./trial.ts";

const HERE = { address: "127.0.0.1", isPrivate: true };
const PASSWORD = "open-sesame";

/** Somebody in the chat, who types. */
interface Typist {
  readonly member: Member;
  readonly notes: Notes;
  /** What a line is answered with; a refusal is its code. */
  type(line: string): Promise<ChatEvent | string | null>;
}

class Scene extends Trial {
  constructor(options: TrialOptions = {}) {
    super({ operators: ["boss"], ...options });
  }

  /** A guest in the lobby. */
  guest(name: string, address?: string): Typist {
    const { member, notes } = this.enter(address);
    this.chat.accounts.takeName(member, name);
    const type = async (line: string): Promise<ChatEvent | string | null> => {
      const [, command = "", args = ""] = /^\/(\S+) ?(.*)$/.exec(line) ?? [];
      let given: ChatEvent | null = null;
      try {
        await runCommand({
          member,
          chat: this.chat,
          signal: new AbortController().signal,
          answer: (event) => given = event,
          quit: () => {},
        }, { name: command, args });
        return given;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        return error.code;
      }
    };
    return { member, notes, type };
  }

  /** Somebody who has registered their name. */
  async owner(name: string): Promise<Typist> {
    const typist = this.guest(name);
    await this.chat.accounts.register(typist.member, PASSWORD);
    return typist;
  }

  /** A bot of somebody's, as its token gives it. */
  async bot(maker: Typist, name: string): Promise<BotRecord> {
    const made = await this.chat.bots.create(maker.member, name);
    assert(made !== null);
    return this.chat.bots.authenticate(await this.chat.bots.hash(made.token), HERE);
  }

  /** Says something, and hands it out; the code, where that is refused. */
  say(bot: BotRecord, room: string, text: string, from = HERE): string {
    return codeOf(() => {
      this.chat.bots.say(bot, { room, text, from });
      this.endTurn();
    });
  }

  /** Whether it may read; the code, where that is refused. */
  mayRead(bot: BotRecord, room: string, from = HERE): string {
    return codeOf(() => this.chat.bots.requireReader(bot, room, from));
  }

  /** Has a bot read a room. */
  read(bot: BotRecord, room: string): { readonly member: Member; readonly notes: Notes } {
    const notes = new Notes();
    const { user } = this.chat.enterBot(notes, HERE, { bot, room, afterId: null });
    this.endTurn();
    return { member: this.chat.require(user), notes };
  }
}

function codeOf(act: () => void): string {
  try {
    act();
    return "ok";
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.code;
  }
}

function linesOf(event: ChatEvent | string | null): readonly string[] {
  return typeof event === "object" && event?.type === "notice" ? event.lines : [`${event}`];
}

Deno.test("/token makes, shows and ends bots, and the token is told once and kept nowhere", async () => {
  mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 10, 20, 12) });
  try {
    using scene = new Scene();
    const ann = await scene.owner("ann");
    assertEquals(linesOf(await ann.type("/token list")), [
      "You have no bots: /token create NAME makes one.",
    ]);
    const [first = "", curl = "", ...rest] = linesOf(await ann.type("/token create ci"));
    const token = /^ci\[bot\] is a bot of yours\. Its token is shown this once: (\S+)$/.exec(first)
      ?.[1] ?? "";
    assertMatch(token, /^parley_[\w-]{43}$/);
    assertEquals(
      curl,
      `It talks by: curl -H "Authorization: Bearer ${token}" -d "hello" https://HOST/rooms/lobby`,
    );
    assert(!rest.join().includes(token));
    const bot = scene.chat.bots.authenticate(await scene.chat.bots.hash(token), HERE);
    assertEquals([bot.name, bot.maker.name], ["ci", "ann"]);
    scene.read(bot, "#lobby");
    scene.read(bot, "#lobby");
    await ann.type("/token create build");
    const listed = await ann.type("/token list");
    assertEquals(linesOf(listed), [
      "ci[bot], made on 2026-11-20, reading #lobby.",
      "build[bot], made on 2026-11-20.",
    ]);
    assertEquals(linesOf(await ann.type("/token revoke CI")), [
      "ci[bot] is no more, and its token worth nothing.",
    ]);
    assertEquals(scene.say(bot, "lobby", "still here?"), "bad-token");
    assertEquals(
      codeOf(() => scene.chat.bots.authenticate(bot.key, HERE)),
      "bad-token",
    );
    assertEquals(linesOf(await ann.type("/token revoke build[bot]")), [
      "build[bot] is no more, and its token worth nothing.",
    ]);
    assertEquals(await ann.type("/token revoke ci"), "no-such-bot");
    const audit = scene.store.audit({ roomId: null, limit: 9 });
    assertEquals(audit.map(({ by, act, whom, reason }) => [by, act, whom, reason]), [
      ["ann", "token create", "ci[bot]", ""],
      ["ann", "token create", "build[bot]", ""],
      ["ann", "token revoke", "ci[bot]", ""],
      ["ann", "token revoke", "build[bot]", ""],
    ]);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("/token refuses what is mistyped, guests, and connections that others can read", async () => {
  using scene = new Scene();
  const ann = await scene.owner("ann");
  const mistyped = ["", "create", "revoke", "list all", "create a b", "revoke a b", "make ci"];
  for (const args of mistyped) {
    assertEquals(await ann.type(`/token ${args}`), "missing-argument", args);
  }
  const gus = scene.guest("gus");
  for (const args of ["create ci", "list", "revoke ci"]) {
    assertEquals(await gus.type(`/token ${args}`), "no-right", args);
  }
  ann.member.isPrivate = false;
  assertEquals(await ann.type("/token create ci"), "not-private");
  scene.chat.accounts.allowsPlaintextPasswords = true;
  assertEquals(linesOf(await ann.type("/token create ci")).length, 3);
});

Deno.test("a bot's name is a name, and like nobody's but its maker's", async () => {
  using scene = new Scene();
  const [ann, bob] = [await scene.owner("ann"), await scene.owner("paul")];
  scene.guest("carol");
  const wanted = {
    "": "missing-argument",
    "a!b": "bad-name",
    "ci[bot]": "bad-name",
    "server": "bad-name",
    ["x".repeat(25)]: "bad-name",
    "192.0.2.7": "bad-name",
    "PAUL": "name-alike",
    "pau1": "name-alike",
    "Carol": "name-alike",
    "caro1": "name-alike",
    "boss": "operator-name",
  };
  for (const [name, code] of Object.entries(wanted)) {
    assertEquals(await ann.type(`/token create ${name}`), code, name);
  }
  // One's own name, and one like it, mislead nobody.
  for (const name of ["ann", "Paul-ci", "\u{5d0}\u{5d1}"]) {
    assertEquals(linesOf(await ann.type(`/token create ${name}`)).length, 3, name);
  }
  for (const [name, code] of [["ANN", "name-taken"], ["pau1-ci", "name-alike"]] as const) {
    assertEquals(await bob.type(`/token create ${name}`), code, name);
    assertEquals(await ann.type(`/token create ${name}`), code, name);
  }
});

Deno.test("nobody can take the name of a bot, or one with the mark of one", async () => {
  using scene = new Scene();
  const ann = await scene.owner("ann");
  await scene.bot(ann, "ci");
  const eve = scene.guest("eve");
  for (const name of ["ci[bot]", "x[bot]", "ci\u{ff3b}bot\u{ff3d}", "ci[b\u{43e}t]"]) {
    assertEquals(await eve.type(`/nick ${name}`), "bad-name", name);
    assertEquals(await eve.type(`/join #${name}`), "bad-room-name", name);
  }
});

Deno.test("an account has so many bots, and those who may not talk make none", async () => {
  using scene = new Scene();
  const [ann, boss] = [await scene.owner("ann"), await scene.owner("boss")];
  for (let at = 0; at < BOTS_PER_ACCOUNT_MAX; at++) await scene.bot(ann, `ci-${at}`);
  assertEquals(await ann.type("/token create more"), "too-many-bots");
  await ann.type("/token revoke ci-3");
  await boss.type("/mute server ann");
  assertEquals(await ann.type("/token create more"), "muted");
  await boss.type("/unmute server ann");
  await scene.bot(ann, "more");
  assertEquals(await ann.type("/token create yet-more"), "too-many-bots");
});

Deno.test("who left while a token was made has made none", async () => {
  using scene = new Scene();
  const ann = await scene.owner("ann");
  const making = scene.chat.bots.create(ann.member, "ci");
  scene.chat.leave(ann.member, "left");
  assertEquals(await making, null);
  assertEquals(scene.store.botByKey("ci"), null);
});

Deno.test("others' bots are revoked by operators of the server alone", async () => {
  using scene = new Scene();
  const [ann, rob] = [await scene.owner("ann"), await scene.owner("rob")];
  const boss = await scene.owner("boss");
  await rob.type("/join #dev");
  await ann.type("/join #dev");
  const bot = await scene.bot(ann, "ci");
  const { notes } = scene.read(bot, "#dev");
  assertEquals(await rob.type("/token revoke ci"), "no-right");
  assertEquals(notes.ended, null);
  assertEquals(linesOf(await boss.type("/token revoke ci")), [
    "ci[bot] is no more, and its token worth nothing.",
  ]);
  assertEquals(
    [notes.ended?.kind, notes.ended?.message],
    ["removed", "boss revoked the token of ci[bot]."],
  );
});

Deno.test("what a bot says is told under its mark, without its being there, and is stored at once", async () => {
  using scene = new Scene();
  const [ann, bob] = [await scene.owner("ann"), scene.guest("bob")];
  const bot = await scene.bot(ann, "ci");
  scene.endTurn();
  bob.notes.take();
  const said = scene.chat.bots.say(bot, { room: "lobby", text: "deployed\ntwice", from: HERE });
  assertEquals(scene.store.recent(1, 1).map(({ id, from }) => [id, from]), [[said.id, "ci[bot]"]]);
  scene.endTurn();
  assertEquals(bob.notes.take(), ["message ci[bot]: deployed\ntwice"]);
  assertEquals(scene.say(bot, "#LOBBY", "/quit"), "ok");
  assertEquals(ann.notes.take().slice(-1), ["message ci[bot]: /quit"]);
  const who = await bob.type("/who");
  assert(typeof who === "object" && who?.type === "who");
  assertEquals(who.users.map(({ name }) => name), ["ann", "bob"]);
  const found = await bob.type("/search deployed from:ci[bot]");
  assert(typeof found === "object" && found?.type === "found");
  assertEquals(found.lines.map(({ from, text }) => [from, text]), [["ci[bot]", "deployed\ntwice"]]);
  // A name without the mark is somebody else's.
  assertEquals(linesOf(await bob.type("/search deployed from:ci")), ["Nothing was found."]);
});

Deno.test("what a bot said is deleted by its maker and by operators, and by nobody else", async () => {
  using scene = new Scene();
  const [rob, ann, bob] = [await scene.owner("rob"), await scene.owner("ann"), scene.guest("bob")];
  for (const each of [rob, ann, bob]) await each.type("/join #dev");
  const bot = await scene.bot(ann, "ci");
  const ids = [1, 2].map((at) =>
    scene.chat.bots.say(bot, { room: "#dev", text: `${at}`, from: HERE }).id
  );
  scene.endTurn();
  assertEquals(await bob.type(`/forget ${ids[0]}`), "no-right");
  assertEquals(linesOf(await ann.type(`/forget ${ids[0]}`)), [
    "It is deleted from the history.",
  ]);
  assertEquals(linesOf(await rob.type(`/forget ${ids[1]}`)), [
    "It is deleted from the history.",
  ]);
  assertEquals(ids.map((id) => scene.store.message(id)), [null, null]);
});

/** What happens to a room or to people before a bot tries to talk and to read, by who does it. */
interface Case {
  readonly after: readonly string[];
  /** In #dev, where rob is the operator, ann (the bot's maker) has never been. */
  readonly say: string;
  readonly read: string;
  /** Once somebody has undone it. */
  readonly undo?: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "an open room": { after: [], say: "ok", read: "ok" },
  "a hidden one": { after: ["rob /room private"], say: "ok", read: "ok" },
  "one for the invited": {
    after: ["rob /room invite-only"],
    say: "not-a-member",
    read: "not-a-member",
    undo: ["rob /invite ann"],
  },
  "one with a password": {
    after: ["rob /room password very-secret"],
    say: "not-a-member",
    read: "not-a-member",
    undo: ["ann /join #dev very-secret", "ann /leave #dev"],
  },
  "one with a password, whose member the maker was under another": {
    after: ["ann /join #dev", "ann /leave #dev", "rob /room password very-secret"],
    say: "not-a-member",
    read: "not-a-member",
  },
  "one for the invited, where the maker is": {
    after: ["ann /join #dev", "rob /room invite-only"],
    say: "ok",
    read: "ok",
  },
  "one for the invited, of which the maker is an operator": {
    after: ["rob /room invite-only", "rob /op ann"],
    say: "ok",
    read: "ok",
  },
  "one for the invited, and the maker an operator of the server": {
    after: ["rob /room invite-only", "boss /op server ann"],
    say: "ok",
    read: "ok",
  },
  "a locked room": { after: ["rob /lock"], say: "locked", read: "locked", undo: ["rob /op ann"] },
  "a locked server": {
    after: ["boss /lock server"],
    say: "locked",
    read: "locked",
    undo: ["boss /op server ann"],
  },
  "a maker banned from the room": {
    after: ["rob /ban ann"],
    say: "banned",
    read: "banned",
    undo: ["rob /unban ann"],
  },
  "a maker banned from the server": {
    after: ["boss /ban server ann"],
    say: "banned",
    read: "banned",
    undo: ["boss /unban server ann"],
  },
  "a maker muted in the room": {
    after: ["rob /mute ann"],
    say: "muted",
    read: "ok",
    undo: ["rob /unmute ann"],
  },
  "a maker muted on the server": {
    after: ["boss /mute server ann"],
    say: "muted",
    read: "ok",
    undo: ["boss /unmute server ann"],
  },
  "a bot banned from the room": {
    after: ["rob /ban ci[bot]"],
    say: "banned",
    read: "banned",
    undo: ["rob /unban ci[bot]"],
  },
  "a bot banned from the server": {
    after: ["boss /ban server CI[bot]"],
    say: "banned",
    read: "banned",
    undo: ["boss /unban server ci[bot]"],
  },
  "a bot muted in the room": {
    after: ["rob /mute ci[bot] for 1h noise"],
    say: "muted",
    read: "ok",
    undo: ["rob /unmute ci[bot]"],
  },
  "a bot muted on the server": {
    after: ["boss /mute server ci[bot]"],
    say: "muted",
    read: "ok",
    undo: ["boss /unmute server ci[bot]"],
  },
  "a bot banned, whose maker is an operator of the server": {
    after: ["boss /op server ann", "rob /ban ci[bot]"],
    say: "banned",
    read: "banned",
  },
  "a network banned": {
    after: ["boss /ban 127.0.0.1", "boss /ban server 198.51.100.0/24"],
    say: "ok",
    read: "ok",
  },
};

for (const [name, { after, say, read, undo }] of Object.entries(CASES)) {
  Deno.test(`where a bot may talk and read: ${name}`, async () => {
    using scene = new Scene();
    const typists: Readonly<Record<string, Typist>> = {
      rob: await scene.owner("rob"),
      ann: await scene.owner("ann"),
      boss: await scene.owner("boss"),
    };
    const doAll = async (lines: readonly string[]): Promise<void> => {
      for (const line of lines) {
        const [who = "", ...words] = line.split(" ");
        await typists[who]?.type(words.join(" "));
      }
    };
    const { rob, ann } = typists;
    assert(rob !== undefined && ann !== undefined);
    await doAll(["rob /join #dev"]);
    const bot = await scene.bot(ann, "ci");
    await doAll(after);
    assertEquals([scene.say(bot, "#dev", "hello"), scene.mayRead(bot, "dev")], [say, read]);
    // What goes for the bot's maker goes for no other bot.
    const other = await scene.bot(rob, "other");
    const isLocked = say === "locked" && after.includes("boss /lock server");
    assertEquals(scene.say(other, "#dev", "hello"), isLocked ? "locked" : "ok");
    if (undo === undefined) return;
    await doAll(undo);
    assertEquals([scene.say(bot, "#dev", "hello"), scene.mayRead(bot, "dev")], ["ok", "ok"]);
  });
}

Deno.test("a network that is banned or muted is so for bots, but for those of operators", async () => {
  using scene = new Scene();
  const [ann, boss] = [await scene.owner("ann"), await scene.owner("boss")];
  const [bot, own] = [await scene.bot(ann, "ci"), await scene.bot(boss, "own")];
  const there = { address: "198.51.100.7", isPrivate: true };
  assertEquals(scene.say(bot, "lobby", "hello", there), "ok");
  await boss.type("/ban server 198.51.100.0/24");
  assertEquals(scene.say(bot, "lobby", "hello", there), "banned");
  assertEquals(scene.mayRead(bot, "lobby", there), "banned");
  assertEquals(scene.say(own, "lobby", "hello", there), "ok");
  assertEquals(scene.say(bot, "lobby", "hello"), "ok");
});

Deno.test("a mute that follows its maker's connection holds for the bot while it is there", async () => {
  using scene = new Scene();
  const [boss, ann] = [await scene.owner("boss"), await scene.owner("ann")];
  const bot = await scene.bot(ann, "ci");
  const other = scene.guest("lurker");
  await boss.type("/mute server lurker");
  await scene.chat.accounts.login(other.member, "ann", PASSWORD);
  assertEquals(scene.say(bot, "lobby", "hello"), "muted");
  scene.chat.leave(other.member, "left");
  assertEquals(scene.say(bot, "lobby", "hello"), "ok");
});

Deno.test("a bot makes no room, and goes with its maker's account", async () => {
  using scene = new Scene();
  const ann = await scene.owner("ann");
  const bot = await scene.bot(ann, "ci");
  for (const room of ["#nowhere", "", "#", "../lobby", "ci[bot]", "x".repeat(9_000)]) {
    assertEquals([scene.say(bot, room, "hello"), scene.mayRead(bot, room)], [
      "no-such-room",
      "no-such-room",
    ]);
  }
  assertEquals(scene.chat.rooms.size, 1);
  const { notes, member } = scene.read(bot, "lobby");
  await scene.chat.accounts.remove(ann.member, PASSWORD);
  assertEquals([scene.say(bot, "lobby", "hello"), scene.mayRead(bot, "lobby")], [
    "bad-token",
    "bad-token",
  ]);
  scene.chat.bots.review(member);
  assertEquals(notes.ended?.message, "That token is not good any more.");
  // The name is free again, and whoever has it has none of the rights of before.
  const bob = await scene.owner("bob");
  const next = await scene.bot(bob, "ci");
  assertNotEquals(next.id, bot.id);
  assertEquals([scene.say(bot, "lobby", "x"), scene.say(next, "lobby", "x")], ["bad-token", "ok"]);
});

Deno.test("wrong tokens are counted by address, and never keep the right one out", async () => {
  mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 0, 15) });
  try {
    using scene = new Scene();
    const { bots } = scene.chat;
    const made = await bots.create((await scene.owner("ann")).member, "ci");
    const [right, wrong] = [await bots.hash(made?.token ?? ""), await bots.hash("parley_x")];
    const there = { address: "198.51.100.7", isPrivate: true };
    const tries = Array.from(
      { length: 6 },
      () => codeOf(() => bots.authenticate(wrong, there)),
    );
    assertEquals(tries.slice(0, 4), Array(4).fill("bad-token"));
    assertEquals(tries.slice(4), Array(2).fill("too-many-attempts"));
    assertEquals(bots.authenticate(right, there).name, "ci");
    assertEquals(codeOf(() => bots.authenticate(wrong, HERE)), "bad-token");
    mock.timers.tick(60_000);
    assertEquals(codeOf(() => bots.authenticate(wrong, there)), "bad-token");
    assertEquals(
      codeOf(() => bots.authenticate(right, { ...there, isPrivate: false })),
      "not-private",
    );
  } finally {
    mock.timers.reset();
  }
});

Deno.test("a token without its beginning, or with another, is no token", async () => {
  using scene = new Scene();
  const { bots } = scene.chat;
  const made = await bots.create((await scene.owner("ann")).member, "ci");
  const token = made?.token ?? "";
  const wrong = [token.slice(7), `x${token}`, token.slice(0, -1), `${token} `, "", "parley_"];
  for (const each of wrong) {
    assertNotEquals(await bots.hash(each), await bots.hash(token), each);
  }
});

Deno.test("who reads is seen to come, to be there, and to go with the last stream", async () => {
  using scene = new Scene();
  const [ann, bob] = [await scene.owner("ann"), scene.guest("bob")];
  const bot = await scene.bot(ann, "ci");
  scene.endTurn();
  bob.notes.take();
  const [first, second] = [scene.read(bot, "#lobby"), scene.read(bot, "lobby")];
  assertEquals(bob.notes.take(), ["joined ci[bot]"]);
  const who = await bob.type("/who");
  assert(typeof who === "object" && who?.type === "who");
  assertEquals(who.users.map(({ name, isOperator }) => [name, isOperator]), [
    ["ann", false],
    ["bob", false],
    ["ci[bot]", false],
  ]);
  scene.chat.say(bob.member, "hello");
  scene.say(bot, "lobby", "deployed");
  for (const { notes } of [first, second]) {
    assertEquals(notes.take(), ["message bob: hello", "message ci[bot]: deployed"]);
  }
  scene.chat.leave(first.member, "left");
  scene.endTurn();
  assertEquals(bob.notes.take(), ["message ci[bot]: deployed"]);
  scene.chat.leave(second.member, "left");
  scene.endTurn();
  assertEquals(bob.notes.take(), ["left ci[bot] left"]);
  // It is known all the same.
  assertEquals(linesOf(await bob.type("/ignore CI[bot]")), [
    "You do not hear ci[bot] any more. /unignore ci[bot] changes that.",
  ]);
  scene.say(bot, "lobby", "and again");
  assertEquals(bob.notes.take(), []);
  await bob.type("/unignore ci[bot]");
  scene.say(bot, "lobby", "once more");
  assertEquals(bob.notes.take(), ["message ci[bot]: once more"]);
});

Deno.test("a bot has so many streams at once, and one that has ended is none", async () => {
  using scene = new Scene();
  const ann = await scene.owner("ann");
  await ann.type("/join #dev");
  const bot = await scene.bot(ann, "ci");
  const streams = Array.from(
    { length: BOT_STREAMS_MAX },
    (_, at) => scene.read(bot, at % 2 === 0 ? "#lobby" : "#dev"),
  );
  assertEquals(scene.mayRead(bot, "#lobby"), "too-many-streams");
  const [first] = streams;
  assert(first !== undefined);
  scene.chat.leave(first.member, "left");
  assertEquals(scene.mayRead(bot, "#lobby"), "ok");
});

Deno.test("a bot that reads is sent out by operators of the room, and may come back unless banned", async () => {
  using scene = new Scene();
  const [rob, ann] = [await scene.owner("rob"), await scene.owner("ann")];
  await rob.type("/join #dev");
  const bot = await scene.bot(ann, "ci");
  const first = scene.read(bot, "#dev");
  await rob.type("/kick ci[bot] Tea");
  assertEquals(first.notes.take(), ["sent-out", "parted"]);
  assertEquals(first.member.rooms.size, 0);
  scene.chat.leave(first.member, "left");
  assertEquals(scene.mayRead(bot, "#dev"), "ok");
  assertEquals(await rob.type("/kick ci[bot]"), "no-such-user");
  const second = scene.read(bot, "#dev");
  await rob.type("/ban ci[bot]");
  assertEquals(second.notes.take(), ["sent-out", "parted"]);
  assertEquals(scene.mayRead(bot, "#dev"), "banned");
});

Deno.test("what a bot reads ends at once where its maker is banned, and at the next look where it may not be", async () => {
  using scene = new Scene();
  const [rob, ann, boss] = [
    await scene.owner("rob"),
    await scene.owner("ann"),
    await scene.owner("boss"),
  ];
  await rob.type("/join #dev");
  const bot = await scene.bot(ann, "ci");
  const inRoom = scene.read(bot, "#dev");
  const inLobby = scene.read(bot, "#lobby");
  await rob.type("/ban ann");
  assertMatch(inRoom.notes.ended?.message ?? "", /^You may not come into #dev until/);
  assertEquals(inLobby.notes.ended, null);
  scene.chat.bots.review(inLobby.member);
  assertEquals(inLobby.notes.ended, null);
  await boss.type("/ban server ann for 1d spam");
  assertMatch(inLobby.notes.ended?.message ?? "", /^You may not come into #lobby for .*\(spam\)/);
  await boss.type("/unban server ann");
  const again = scene.read(bot, "#lobby");
  await boss.type("/lock server");
  assertEquals(again.notes.ended, null);
  scene.chat.bots.review(again.member);
  assertMatch(again.notes.ended?.message ?? "", /^This server is locked/);
});

Deno.test("a ban of a bot's is one of its name, wherever it comes from", async () => {
  using scene = new Scene();
  const [boss, ann] = [await scene.owner("boss"), await scene.owner("ann")];
  const bot = await scene.bot(ann, "ci");
  const notes = new Notes();
  const from = { address: "198.51.100.7", isPrivate: true };
  scene.chat.enterBot(notes, from, { bot, room: "lobby", afterId: null });
  await boss.type("/ban server ci[bot]");
  assertEquals(notes.ended?.message, "You were banned by boss.");
  assertEquals(scene.chat.whyKeptOut("198.51.100.7"), null);
  assertEquals(scene.say(bot, "lobby", "hello"), "banned");
});

Deno.test("nobody writes to a bot in private", async () => {
  using scene = new Scene();
  const [ann, bob] = [await scene.owner("ann"), scene.guest("bob")];
  const bot = await scene.bot(ann, "ci");
  assertEquals(await bob.type("/msg ci[bot] psst"), "bot");
  const { notes } = scene.read(bot, "lobby");
  notes.take();
  assertEquals(await bob.type("/msg ci[bot] psst"), "bot");
  assertEquals(notes.take(), []);
});

Deno.test("a welcome says where the bot is, and what it does not get to read", async () => {
  using scene = new Scene();
  const [rob, ann] = [await scene.owner("rob"), await scene.owner("ann")];
  await rob.type("/join #dev");
  const bot = await scene.bot(ann, "ci");
  for (let at = 0; at < 3; at++) scene.chat.say(rob.member, `secret ${at}`);
  scene.endTurn();
  await rob.type("/room invite-only");
  await rob.type("/room open");
  scene.chat.say(rob.member, "open now");
  scene.endTurn();
  const lastId = scene.chat.broadcast.lastMessageId;
  const welcome = (afterId: number | null): ChatEvent => {
    const entered = scene.chat.enterBot(new Notes(), HERE, { bot, room: "dev", afterId });
    scene.chat.leave(entered.user, "left");
    return entered.welcome;
  };
  const first = welcome(null);
  assert(first.type === "welcome" && first.visit !== undefined);
  assertEquals([first.name, first.room, first.others.names], ["ci[bot]", "#dev", ["rob"]]);
  const { token, isResumed, isComplete, isRegistered } = first.visit;
  assertEquals([token, isResumed, isComplete, isRegistered], [null, false, true, false]);
  const late = welcome(lastId);
  assert(late.type === "welcome");
  assertEquals([late.visit?.isResumed, late.visit?.isComplete], [true, true]);
  const early = welcome(0);
  assert(early.type === "welcome");
  assertEquals([early.visit?.isResumed, early.visit?.isComplete], [true, false]);
  const { member } = scene.read(bot, "dev");
  const { events, isLast } = scene.chat.bots.missed(member, 0, new KeptEvents());
  assertEquals([events.map((event) => "text" in event ? event.text : ""), isLast], [
    ["open now"],
    true,
  ]);
});

Deno.test("what was missed comes in pages that fit, whole and in order, and nothing twice", async () => {
  using scene = new Scene();
  const ann = await scene.owner("ann");
  const bot = await scene.bot(ann, "ci");
  const texts = Array.from(
    { length: 2 * MISSED_EVENTS + 7 },
    (_, at) => at % 50 === 0 ? `${at} ${"x".repeat(8_000)}` : `${at}`,
  );
  const firstId = scene.chat.broadcast.lastMessageId;
  for (const text of texts) scene.chat.say(ann.member, text);
  const { member } = scene.read(bot, "lobby");
  const kept = new KeptEvents();
  const lastId = scene.chat.broadcast.lastMessageId;
  kept.add(
    { type: "forgotten", id: lastId, room: "#lobby", messageId: 1, from: "x", by: "y" },
    null,
  );
  const told: ChatEvent[] = [];
  let afterId = firstId;
  for (;;) {
    const page = scene.chat.bots.missed(member, afterId, kept);
    assert(page.events.length <= MISSED_EVENTS + 1);
    told.push(...page.events);
    afterId = page.lastId;
    if (page.isLast) break;
    // Somebody goes on talking.
    if (told.length < 100) texts.push("meanwhile");
    if (told.length < 100) scene.chat.say(ann.member, "meanwhile");
  }
  assertEquals(
    told.filter(({ type }) => type === "message").map((event) => "text" in event ? event.text : ""),
    texts,
  );
  assertEquals(told.filter(({ type }) => type === "forgotten").length, 1);
  const ids = told.map((event) => "id" in event ? event.id ?? 0 : 0);
  assertEquals(ids, ids.toSorted((one, other) => one - other));
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("a bot whose making cannot be written down is not made", async () => {
  const fault = new StoreError("full", "The disk is full.");
  let isFull = false;
  using scene = new Scene({
    wrapStore: (store) =>
      overlay(store, {
        addAudit: (entry) => {
          if (isFull) throw fault;
          store.addAudit(entry);
        },
      }),
  });
  const ann = await scene.owner("ann");
  isFull = true;
  assertEquals(await ann.type("/token create ci"), "store-failed");
  isFull = false;
  assertEquals(scene.store.botByKey("ci"), null);
  const bot = await scene.bot(ann, "ci");
  isFull = true;
  const { notes } = scene.read(bot, "lobby");
  assertEquals(await ann.type("/token revoke ci"), "store-failed");
  assertEquals([notes.ended, scene.say(bot, "lobby", "hello")], [null, "ok"]);
});
