// What the page knows of a chat, event by event: unread lines, private conversations, what was
// said by the user and came back, older parts, sessions that are lost.

import { assert, assertEquals } from "@std/assert";
import type { ServerEvent, Welcome } from "../../lib/protocol/json_reader.ts";
import { ChatModel, describePresence, foldPresence, type Place } from "../../lib/web/page/model.js";

const NOBODY = { names: [], more: 0 };

function welcome(fields: Partial<Welcome> = {}): Welcome {
  const rooms = [
    { room: "#lobby", topic: "", others: NOBODY },
    { room: "#dev", topic: "t", others: { names: ["bob"], more: 2 } },
  ];
  return {
    type: "welcome",
    version: 1,
    server: "Parley",
    name: "ann",
    isRegistered: false,
    room: "#dev",
    rooms,
    others: NOBODY,
    topic: "",
    motd: [],
    id: 10,
    token: "t",
    graceMs: 0,
    isResumed: false,
    isRestarted: false,
    isComplete: true,
    lastRef: 0,
    ...fields,
  };
}

function said(id: number, text: string, room = "#dev", from = "bob"): ServerEvent {
  return { type: "message", id, atMs: id, room, from, isRegistered: false, text };
}

/** A model that has been welcomed, and what it has told of. */
function start(): { model: ChatModel; alerts: string[] } {
  const alerts: string[] = [];
  const model = new ChatModel(({ text }, { name }) => alerts.push(`${name} ${text}`));
  model.apply(welcome(), 0);
  return { model, alerts };
}

function textsOf(place: Place): string[] {
  return place.shown.all.filter(({ kind }) => kind === "message").map(({ text }) => text);
}

function lobbyOf(model: ChatModel): Place {
  const lobby = model.room("#lobby");
  if (lobby === undefined) throw new Error("The lobby is not there");
  return lobby;
}

Deno.test("what others say elsewhere is unread, and what names the user is marked", () => {
  const { model, alerts } = start();
  model.apply(said(11, "one", "#lobby"), 0);
  model.apply(said(12, "Ann, two", "#LOBBY"), 0);
  model.apply(said(13, "ann: three"), 0);
  const lobby = lobbyOf(model);
  assertEquals([lobby.unread, lobby.mentions, model.current.unread], [2, 1, 0]);
  assertEquals(alerts, ["#lobby Ann, two", "#dev ann: three"]);
  const first = lobby.log.all.find(({ text }) => text === "one")?.key;
  assertEquals(lobby.firstUnreadKey, first ?? null);
  model.turnTo(lobby);
  assertEquals([lobby.unread, lobby.mentions, lobby.firstUnreadKey], [0, 0, first ?? null]);
});

Deno.test("what comes while nobody looks is unread where one is, too", () => {
  const { model } = start();
  let isReading = false;
  model.setReading(isReading);
  model.apply(said(11, "one"), 0);
  assertEquals(model.current.unread, 1);
  isReading = true;
  model.setReading(isReading);
  assertEquals(model.current.unread, 0);
});

Deno.test("a private message stands in a conversation of its own, which follows a new name", () => {
  const { model, alerts } = start();
  const direct = { type: "direct", atMs: 1, nowMs: 1, hasWaited: false } as const;
  model.apply({ ...direct, id: 11, from: "Bob", text: "psst" }, 0);
  model.apply({ type: "renamed", id: 12, from: "Bob", to: "rob" }, 0);
  model.apply({ ...direct, id: 13, from: "rob", text: "again" }, 0);
  assertEquals(model.directs.map(({ name }) => name), ["rob"]);
  assertEquals(textsOf(model.direct("ROB")), ["psst", "again"]);
  assertEquals(model.direct("rob").mentions, 2);
  assertEquals(alerts, ["Bob psst", "rob again"]);
});

Deno.test("private conversations are kept for a reload, and what is told again stands there once", () => {
  const { model } = start();
  const direct = { type: "direct", atMs: 1, nowMs: 1, hasWaited: false, from: "bob" } as const;
  model.apply({ ...direct, id: 11, text: "psst" }, 0);
  model.saying({ ref: 1, kind: "message", place: model.direct("bob"), text: "yes?" }, 0);
  model.answered({ type: "ok", ref: 1 }, 0);
  model.saying({ ref: 2, kind: "message", place: model.direct("bob"), text: "not sent" }, 0);
  model.apply({ ...direct, id: 12, text: "nothing" }, 0);

  const later = new ChatModel(() => {});
  later.restoreDirects(structuredClone(model.keepDirects()));
  later.apply(welcome({ isResumed: true, id: 12 }), 0);
  later.apply({ ...direct, id: 12, text: "nothing" }, 0);
  assertEquals(textsOf(later.direct("bob")), ["psst", "yes?", "nothing"]);
  assertEquals(later.direct("bob").unread, 2);
  assertEquals(later.direct("bob").log.all.map(({ isOwn }) => isOwn), [false, true, false]);
});

Deno.test("what the user says stands there once, whichever comes first", () => {
  for (const order of ["answer", "event"]) {
    const { model } = start();
    const place = model.current;
    model.saying({ ref: 1, kind: "message", place, text: "hi" }, 0);
    assertEquals(place.log.all.at(-1)?.delivery, "sending");
    const answer = { type: "ok", ref: 1, id: 11, atMs: 5 } as const;
    const event = said(11, "hi", "#dev", "ann");
    if (order === "answer") model.answered(answer, 0);
    model.apply(event, 0);
    if (order === "event") model.answered(answer, 0);
    assertEquals(textsOf(place), ["hi"], order);
    assertEquals(place.log.all.at(-1)?.delivery, "sent");
  }
});

Deno.test("what was refused stays, with the reason, until it is taken away", () => {
  const { model } = start();
  const place = model.current;
  model.saying({ ref: 1, kind: "message", place, text: "hi" }, 0);
  const refused = { type: "refused", ref: 1, code: "muted", text: "You may not talk." } as const;
  assert(model.answered(refused, 0));
  const entry = place.log.all.at(-1);
  assertEquals([entry?.delivery, entry?.reason], ["refused", "You may not talk."]);
  model.discard(place, entry?.key ?? 0);
  assertEquals(textsOf(place), []);
});

Deno.test("a repeated request whose event was seen is not shown twice", () => {
  const { model } = start();
  const place = model.current;
  model.saying({ ref: 1, kind: "message", place, text: "hi" }, 0);
  model.apply(said(11, "hi", "#dev", "ann"), 0);
  model.answered({ type: "ok", ref: 1, repeated: true }, 0);
  assertEquals(textsOf(place), ["hi"]);
});

Deno.test("older lines go before the rest, and an older part grows into what is there", () => {
  const { model } = start();
  const place = model.current;
  model.apply(said(50, "now"), 0);
  const line = (id: number) => ({
    id,
    atMs: id,
    room: "#dev",
    kind: "message" as const,
    from: "bob",
    text: `${id}`,
  });
  model.addHistory(place, place.log, [line(40), line(50)]);
  assertEquals(textsOf(place), ["40", "now"]);
  model.showPast(place, [line(20), line(21)]);
  assertEquals(textsOf(place), ["20", "21"]);
  const { past } = place;
  if (past === null) throw new Error("No older part is shown");
  model.addHistory(place, past, [line(30)]);
  assert(place.past === past);
  model.addHistory(place, past, [line(39), line(40)]);
  assertEquals(place.past, null);
  assertEquals(textsOf(place), ["20", "21", "30", "39", "40", "now"]);
});

Deno.test("a deleted message says so", () => {
  const { model } = start();
  model.apply(said(11, "oops"), 0);
  model.apply(
    { type: "forgotten", id: 12, room: "#dev", messageId: 11, from: "bob", by: "bob" },
    0,
  );
  const entry = model.current.log.all.at(-1);
  assertEquals([entry?.kind, entry?.text], ["deleted", "bob took this message back."]);
});

Deno.test("people come, go and are renamed, operators first", () => {
  const { model } = start();
  const names = (): string[] => model.current.people.map(({ name }) => name);
  const users = ["zoe", "ann", "bob"].map((name) => ({
    name,
    joinedAtMs: 0,
    isOperator: name === "zoe",
  }));
  model.apply({ type: "who", room: "#dev", atMs: 0, users, more: 1 }, 0);
  assertEquals([names(), model.current.count], [["zoe", "ann", "bob"], 4]);
  model.apply({ type: "joined", id: 11, room: "#dev", who: { names: ["cat"], more: 1 } }, 0);
  model.apply({
    type: "left",
    id: 12,
    room: "#dev",
    who: { names: ["bob", "x"], more: 0 },
    reason: "left",
  }, 0);
  assertEquals([names(), model.current.count], [["zoe", "ann", "cat"], 4]);
  model.apply({ type: "renamed", id: 13, from: "cat", to: "abe" }, 0);
  assertEquals(names(), ["zoe", "abe", "ann"]);
});

Deno.test("who came and went is told in one line", () => {
  const list = (...names: string[]) => ({ names, more: 0 });
  const none = { joined: [], joinedMore: 0, left: [], leftMore: 0, passed: [] };
  let presence = foldPresence(none, { joined: list("ann", "bob"), left: NOBODY });
  presence = foldPresence(presence, { joined: NOBODY, left: list("ann", "cat") });
  assertEquals(describePresence(presence), "bob joined. cat left. ann came and went.");
  presence = foldPresence(presence, { joined: list("cat", "ann"), left: NOBODY });
  assertEquals(describePresence(presence), "bob and ann joined.");
  const { model } = start();
  model.apply({ type: "joined", id: 11, room: "#dev", who: list("x") }, 0);
  model.apply({ type: "joined", id: 12, room: "#dev", who: list("y") }, 0);
  assertEquals(model.current.log.all.map(({ text }) => text).at(-1), "x and y joined.");
  assertEquals(model.current.log.lastId, 12);
});

Deno.test("whoever has just come in and picks a name has come in under it", () => {
  const { model } = start();
  const texts = (): string[] => model.current.log.all.map(({ text }) => text).slice(1);
  model.apply({ type: "joined", id: 11, room: "#dev", who: { names: ["guest1"], more: 0 } }, 0);
  model.apply({ type: "renamed", id: 12, from: "guest1", to: "carl" }, 0);
  assertEquals(texts(), ["carl joined."]);
  assertEquals(model.current.log.lastId, 12);
  model.apply(said(13, "hi"), 0);
  model.apply({ type: "renamed", id: 14, from: "carl", to: "carla" }, 0);
  assertEquals(texts(), ["carl joined.", "hi", "carl is now carla."]);
  assertEquals(model.current.log.all.at(-1)?.kind, "presence");
});

Deno.test("whoever is sent out is told by whom and why, where they are then", () => {
  const { model } = start();
  model.apply({
    type: "sent-out",
    id: 11,
    room: "#dev",
    name: "Ann",
    verb: "removed",
    by: "bob",
    reason: "a break",
  }, 0);
  model.apply({ type: "parted", id: 12, room: "#dev", to: "#lobby" }, 0);
  assertEquals(model.current.name, "#lobby");
  const text = (): string | undefined => model.current.log.all.at(-1)?.text;
  assertEquals(text(), "You were removed from #dev by bob: a break");
  model.apply({ type: "parted", id: 13, room: "#lobby", to: null }, 0);
  assertEquals(text(), "You are not in #lobby any more.");
});

Deno.test("rights are in doubt where the user's own name or an operator changes, and only there", () => {
  const { model } = start();
  const room = model.current;
  const who = (): void => {
    model.apply({ type: "who", room: "#dev", atMs: 0, users: [], more: 0 }, 0);
    room.haveRightsChanged = false;
  };
  who();
  model.apply({ type: "notice", code: "ignored", lines: ["You do not hear bob."] }, 0);
  assertEquals([room.isPeopleKnown, room.haveRightsChanged], [true, false]);
  model.apply({ type: "notice", code: "logged-in", lines: ["You are logged in."] }, 0);
  assertEquals([room.isPeopleKnown, room.haveRightsChanged], [false, true]);
  assert(model.isRegistered);
  who();
  model.apply({ type: "announced", id: 11, room: "#dev", code: "deop", text: "bob is none." }, 0);
  assertEquals([room.isPeopleKnown, room.haveRightsChanged], [false, true]);
});

Deno.test("a new session leaves a gap, and shows the same room once it is joined again", () => {
  const { model } = start();
  model.apply(said(11, "before"), 0);
  const lobby = [{ room: "#lobby", topic: "", others: NOBODY }];
  model.apply(welcome({ id: 20, room: "#lobby", rooms: lobby }), 0);
  assertEquals(model.current.name, "#lobby");
  model.apply({
    type: "entered",
    id: 21,
    ref: "rejoin-1",
    room: "#dev",
    how: "returned",
    others: NOBODY,
    topic: "",
    isLasting: false,
  }, 0);
  assertEquals(model.current.name, "#dev");
  assertEquals(model.current.log.all.map(({ kind }) => kind).at(-1), "divider");
  assertEquals(textsOf(model.current), ["before"]);
});

Deno.test("a server that counts anew takes nothing for seen", () => {
  const { model } = start();
  model.apply(said(500, "before"), 0);
  model.apply(welcome({ id: 3 }), 0);
  model.apply(said(4, "after"), 0);
  assertEquals(textsOf(model.current), ["before", "after"]);
});

Deno.test("an invitation can be followed", () => {
  const { model, alerts } = start();
  const text = "bob invites you to #x: /join #x";
  model.apply({ type: "announced", id: 11, room: null, code: "invited", text }, 0);
  assertEquals(model.current.log.all.at(-1)?.invitation, "#x");
  assertEquals(alerts.length, 1);
});

Deno.test("what is kept of a room is bounded", () => {
  const { model } = start();
  for (let id = 11; id < 7_011; id++) model.apply(said(id, "x"), 0);
  assert(model.current.log.size <= 5_500);
  assertEquals(model.current.log.lastId, 7_010);
});

Deno.test("what was given up for its age can be fetched again", () => {
  const { model } = start();
  const { log } = model.current;
  log.isComplete = true;
  for (let id = 11; id < 4_011; id++) model.apply(said(id, "x"), 0);
  assertEquals([log.isComplete, model.current.hasOlder], [true, false]);
  for (let id = 4_011; id < 6_011; id++) model.apply(said(id, "x"), 0);
  assertEquals([log.isComplete, model.current.hasOlder], [false, true]);
});

Deno.test("nothing is given up under the eyes of whoever reads it, for a while", () => {
  const { model } = start();
  let isReading = false;
  model.setReading(isReading);
  for (let id = 11; id < 10_011; id++) model.apply(said(id, "x"), 0);
  assertEquals(model.current.log.firstId, 11);
  for (let id = 10_011; id < 31_011; id++) model.apply(said(id, "x"), 0);
  assert(model.current.log.size <= 20_500);
  isReading = true;
  model.setReading(isReading);
  model.apply(said(31_011, "x"), 0);
  assert(model.current.log.size <= 5_500);
});
