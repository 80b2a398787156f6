// What a screen shows after each thing that a server tells, and what stays true whatever it tells.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ChatModel } from "../../lib/client/chat_model.ts";
import type { Entry } from "../../lib/client/entry.ts";
import { CLIENT_FETCH_LINES, MODEL_LINES_MAX, MODEL_LINES_SLACK } from "../../lib/limits.ts";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import { readServerLine } from "../../lib/protocol/json_reader.ts";
import { welcomeLine } from "./conversations.ts";

const NOW_MS = 5_000;
const NOBODY = { names: [], more: 0 };

function welcome(changes: Readonly<Record<string, unknown>> = {}): ServerEvent {
  const event = readServerLine(welcomeLine(changes));
  if (event?.type !== "welcome") throw new Error("That is no welcome");
  return event;
}

function place(room: string, names: readonly string[] = []): Record<string, unknown> {
  return { room, topic: "", others: { names, more: 0 } };
}

function message(id: number, room: string, from: string, text: string): ServerEvent {
  return { type: "message", id, atMs: id, room, from, isRegistered: false, text };
}

function page(
  purpose: "asked" | "backlog" | "missed",
  ids: readonly number[],
  ref?: number,
): ServerEvent {
  const lines = ids.map((id) => ({
    id,
    atMs: id,
    room: "#dev",
    kind: "message" as const,
    from: "bob",
    text: `old ${id}`,
  }));
  const event = { type: "history" as const, purpose, room: "#dev", nowMs: 0, lines, unread: 0 };
  return ref === undefined ? event : { ...event, ref };
}

/** Ann, in the lobby and in #dev, which is shown. */
function startModel(): ChatModel {
  const model = new ChatModel();
  model.apply(
    welcome({ room: "#dev", rooms: [place("#lobby", ["bob"]), place("#dev", ["bob", "Eve"])] }),
    NOW_MS,
  );
  return model;
}

/** What was said in a room, shortly. */
function said(entries: readonly Entry[]): string[] {
  return entries.filter(({ kind }) => kind !== "notice").map(({ kind, text, delivery }) =>
    `${kind === "message" ? "" : `${kind} `}${text}${delivery === "sent" ? "" : ` (${delivery})`}`
  );
}

function names(model: ChatModel, room: string): string[] {
  return (model.room(room)?.people ?? []).map(({ name }) => name);
}

Deno.test("ChatModel shows what the welcome tells", () => {
  const model = new ChatModel();
  assertEquals([model.ownName, model.current.name, model.rooms.length], [null, "", 0]);
  model.apply(
    welcome({ room: "#dev", rooms: [place("#lobby"), place("#dev", ["bob"])], motd: ["Hello."] }),
    NOW_MS,
  );
  assertEquals(model.rooms.map(({ name }) => name), ["#lobby", "#dev"]);
  assertEquals([model.ownName, model.server, model.current.name], ["ann", "Parley", "#dev"]);
  assertEquals(names(model, "#DEV"), ["ann", "bob"]);
  assertEquals(model.current.entries.map(({ text }) => text), [
    "Welcome to Parley. You are ann in #dev, alone so far.\nHello.",
  ]);
});

Deno.test("ChatModel shows what the user says at once, and the server's copy once it is there", async (t) => {
  await t.step("answer first", () => {
    const model = startModel();
    model.saying({ ref: 1, kind: "message", room: "#dev", text: "hi\x1b[2J\nyou" }, NOW_MS);
    model.apply(message(1, "#dev", "bob", "before"), NOW_MS);
    assertEquals(said(model.current.entries), ["before", "hi\nyou (sending)"]);
    const key = model.current.entries.at(-1)?.key;
    model.apply({ type: "ok", ref: 1, id: 2, atMs: 7 }, NOW_MS);
    assertEquals(said(model.current.entries), ["before", "hi\nyou"]);
    model.apply(message(2, "#dev", "ann", "hi\nyou"), NOW_MS);
    model.apply(message(3, "#dev", "bob", "after"), NOW_MS);
    assertEquals(said(model.current.entries), ["before", "hi\nyou", "after"]);
    assertEquals(model.current.entries.at(-2)?.key, key);
    assert(model.current.entries.at(-2)?.isOwn);
  });
  await t.step("copy first", () => {
    const model = startModel();
    model.saying({ ref: 1, kind: "message", room: "#dev", text: "hi" }, NOW_MS);
    model.apply(message(2, "#dev", "ann", "hi"), NOW_MS);
    model.apply({ type: "ok", ref: 1, id: 2, atMs: 2 }, NOW_MS);
    assertEquals(said(model.current.entries), ["hi"]);
  });
  await t.step("the answer was lost, the copy was not", () => {
    const model = startModel();
    model.saying({ ref: 1, kind: "message", room: "#dev", text: "hi" }, NOW_MS);
    model.apply(message(2, "#dev", "ann", "hi"), NOW_MS);
    model.apply({ type: "ok", ref: 1, repeated: true }, NOW_MS);
    assertEquals(said(model.current.entries), ["hi"]);
  });
  await t.step("the copy was lost, too", () => {
    const model = startModel();
    model.saying({ ref: 1, kind: "message", room: "#dev", text: "hi" }, NOW_MS);
    model.apply({ type: "ok", ref: 1, repeated: true }, NOW_MS);
    assertEquals(said(model.current.entries), ["hi"]);
  });
});

Deno.test("ChatModel tells what was refused from what nobody knows", () => {
  const model = startModel();
  model.saying({ ref: 1, kind: "message", room: "#dev", text: "no" }, NOW_MS);
  model.saying({ ref: 2, kind: "direct", room: null, to: "bob", text: "psst" }, NOW_MS);
  model.apply({ type: "refused", ref: 1, code: "muted", text: "You are muted." }, NOW_MS);
  model.apply({ type: "refused", ref: 2, code: "unknown-fate", text: "Who knows." }, NOW_MS);
  assertEquals(said(model.current.entries), ["no (refused)", "direct psst (unknown)"]);
  assertEquals(model.current.entries.at(-1)?.to, "bob");
  assertEquals(model.current.entries.at(-1)?.reason, "Who knows.");
  model.apply({ type: "refused", ref: 3, code: "no-such-room", text: "No such room." }, NOW_MS);
  assertEquals(said(model.current.entries).at(-1), "error No such room.");
});

Deno.test("ChatModel counts what has not been read, and what names the user", () => {
  const model = startModel();
  model.apply(message(1, "#lobby", "bob", "hello"), NOW_MS);
  model.apply(message(2, "#lobby", "bob", "Ann: hello"), NOW_MS);
  model.apply(message(3, "#lobby", "ann", "ann says ann"), NOW_MS);
  model.apply(message(4, "#dev", "bob", "ann?"), NOW_MS);
  const counts = (): number[][] => model.rooms.map((room) => [room.unread, room.mentions]);
  assertEquals(counts(), [[2, 1], [0, 0]]);
  assert(model.turnTo("#Lobby"));
  const first = model.current.entries.find(({ id }) => id === 1);
  assertEquals(counts(), [[0, 0], [0, 0]]);
  assertEquals(model.current.firstUnreadKey, first?.key);
  // In the room that is shown, too, while nobody looks.
  model.setReading(!model.turnTo("#lobby"));
  model.apply(message(5, "#lobby", "bob", "psst"), NOW_MS);
  model.apply(
    { type: "direct", id: 6, atMs: 6, from: "eve", text: "hi", nowMs: 6, hasWaited: false },
    NOW_MS,
  );
  assertEquals(counts(), [[2, 1], [0, 0]]);
  model.setReading(model.turnTo("#lobby"));
  assertEquals(counts(), [[0, 0], [0, 0]]);
  assertEquals(model.correspondents, ["eve"]);
  assert(!model.turnTo("#nowhere"));
});

Deno.test("ChatModel knows who is where", () => {
  const model = startModel();
  assertEquals(names(model, "#dev"), ["ann", "bob", "Eve"]);
  const tell = (event: ServerEvent): void => model.apply(event, NOW_MS);
  tell({ type: "joined", id: 1, room: "#dev", who: { names: ["zoe"], more: 3 } });
  assertEquals([names(model, "#dev").length, model.room("#dev")?.peopleMore], [4, 3]);
  // Somebody whom no list spelled out is one of the rest.
  tell({
    type: "left",
    id: 2,
    room: "#dev",
    who: { names: ["yan", "bob"], more: 1 },
    reason: "idle",
  });
  assertEquals([names(model, "#dev"), model.room("#dev")?.peopleMore], [["ann", "Eve", "zoe"], 1]);
  tell({ type: "renamed", id: 3, from: "zoe", to: "bea" });
  tell({ type: "nick", id: 4, name: "anna" });
  assertEquals(names(model, "#dev"), ["anna", "bea", "Eve"]);
  const by = { verb: "banned", by: "anna", reason: "" } as const;
  tell({ type: "sent-out", id: 5, room: "#dev", name: "Eve", ...by });
  assertEquals(names(model, "#dev"), ["anna", "bea"]);
  assertEquals(model.ownName, "anna");

  const shown = model.current.entries.length;
  model.askingQuietly(9);
  const users = [
    { name: "anna", joinedAtMs: 0, isOperator: true },
    { name: "kim", joinedAtMs: 0, isOperator: false },
  ];
  tell({ type: "who", ref: 9, room: "#dev", atMs: 0, users, more: 0 });
  assertEquals(model.room("#dev")?.people, [
    { name: "anna", isOperator: true },
    { name: "kim", isOperator: false },
  ]);
  assertEquals(model.current.entries.length, shown);
  tell({ type: "who", ref: 10, room: "#dev", atMs: 0, users, more: 0 });
  assertEquals(model.current.entries.length, shown + 1);
});

Deno.test("ChatModel offers who spoke last first", () => {
  const model = startModel();
  for (const [id, from] of ["bob", "Eve", "ann", "bob", "zoe", "Eve"].entries()) {
    model.apply(message(id + 1, "#dev", from, "hi"), NOW_MS);
  }
  assertEquals(model.speakers("#dev"), ["Eve", "zoe", "bob"]);
  assertEquals(model.speakers("#lobby"), []);
});

Deno.test("ChatModel puts older pages in front, without what is there", () => {
  const model = startModel();
  model.apply(page("backlog", [20, 21]), NOW_MS);
  model.apply(message(25, "#dev", "bob", "new"), NOW_MS);
  const wanted = model.fetchOlder("#dev");
  assertEquals(wanted, { name: "history", args: `${CLIENT_FETCH_LINES} before 20`, room: "#dev" });
  model.fetching(7, "#dev");
  assertEquals([model.fetchOlder("#dev"), model.current.isFetching], [null, true]);
  model.apply(page("asked", [18, 19, 20], 7), NOW_MS);
  model.apply({ type: "ok", ref: 7 }, NOW_MS);
  assertEquals(said(model.current.entries), ["old 18", "old 19", "old 20", "old 21", "new"]);
  assertEquals([model.current.isFetching, model.current.hasOlder], [false, true]);
  model.fetching(8, "#dev");
  model.apply({ type: "notice", ref: 8, code: "no-history", lines: ["Nothing."] }, NOW_MS);
  model.apply({ type: "ok", ref: 8 }, NOW_MS);
  assertEquals([model.current.isFetching, model.current.hasOlder], [false, false]);
  assertEquals(model.fetchOlder("#dev"), null);
});

Deno.test("ChatModel shows history from whenever, and what was found, apart", () => {
  const model = startModel();
  model.apply(message(25, "#dev", "bob", "new"), NOW_MS);
  model.apply(page("asked", [3, 4], 7), NOW_MS);
  model.apply({
    type: "found",
    nowMs: 0,
    lines: [
      { id: 9, atMs: 9, room: "#ops", kind: "action", from: "bob", text: "waves" },
      { id: 8, atMs: 8, room: "#ops", kind: "message", from: "bob", text: "hits" },
    ],
  }, NOW_MS);
  const found = model.current.entries.filter(({ kind }) => kind === "found");
  assertEquals(found.map(({ foundId, foundKind }) => [foundId, foundKind]), [
    [3, "message"],
    [4, "message"],
    [8, "message"],
    [9, "action"],
  ]);
  assertEquals(model.fetchOlder("#dev")?.args, `${CLIENT_FETCH_LINES} before 25`);
});

Deno.test("ChatModel counts what was missed in other rooms", () => {
  const model = startModel();
  model.turnTo("#lobby");
  model.apply(page("missed", [1, 2]), NOW_MS);
  model.apply(page("missed", [1, 2]), NOW_MS);
  assertEquals(model.room("#dev")?.unread, 2);
});

Deno.test("ChatModel follows into rooms and out of them", () => {
  const model = startModel();
  const enter = (room: string): ServerEvent => ({
    type: "entered",
    id: 1,
    room,
    how: "made",
    others: NOBODY,
    topic: "About",
    isLasting: false,
  });
  model.apply(enter("#new"), NOW_MS);
  assertEquals([model.current.name, model.current.topic], ["#new", "About"]);
  model.apply(
    { type: "topic", id: 2, atMs: 2, room: "#new", from: "ann", isRegistered: false, text: "" },
    NOW_MS,
  );
  assertEquals(model.current.topic, "");
  model.apply({ type: "parted", id: 3, room: "#new", to: "#lobby" }, NOW_MS);
  assertEquals([model.current.name, model.rooms.length], ["#lobby", 2]);
  model.apply({ type: "parted", id: 4, room: "#dev", to: "#lobby" }, NOW_MS);
  model.apply({ type: "parted", id: 5, room: "#lobby", to: null }, NOW_MS);
  assertEquals([model.current.name, model.rooms.length], ["", 0]);
});

Deno.test("ChatModel keeps what was said over a lost connection, and marks a gap", () => {
  const model = startModel();
  model.apply(message(1, "#dev", "bob", "before"), NOW_MS);
  model.turnTo("#lobby");
  const rooms = [place("#lobby", ["bob"]), place("#dev", ["bob"])];
  model.apply(welcome({ room: "#dev", rooms, isResumed: true }), NOW_MS);
  // What the user looks at stays, and nothing is marked: nothing is missing.
  assertEquals(model.current.name, "#lobby");
  assertEquals(said(model.room("#dev")?.entries ?? []), ["before"]);
  model.apply(welcome({ room: "#dev", rooms, isResumed: true, isRestarted: true }), NOW_MS);
  assertEquals(model.current.entries.map(({ kind, text }) => [kind, text]).at(-1), [
    "notice",
    "Back again: the server was started anew.",
  ]);
  model.apply(welcome({ room: "#dev", rooms, isResumed: true, isComplete: false }), NOW_MS);
  assertEquals(model.room("#dev")?.entries.at(-1)?.kind, "divider");

  // A new session begins in the lobby; what was said in #dev is there again once one is back.
  model.apply(welcome({ rooms: [place("#lobby")] }), NOW_MS);
  assertEquals([model.rooms.length, model.current.name], [1, "#lobby"]);
  model.apply(
    {
      type: "entered",
      id: 9,
      room: "#dev",
      how: "joined",
      others: NOBODY,
      topic: "",
      isLasting: false,
    },
    NOW_MS,
  );
  assertEquals(said(model.current.entries)[0], "before");
});

Deno.test("ChatModel takes a deleted message out of sight", () => {
  const model = startModel();
  model.apply(message(1, "#dev", "bob", "secret"), NOW_MS);
  model.apply(
    { type: "forgotten", id: 2, room: "#dev", messageId: 1, from: "bob", by: "ann" },
    NOW_MS,
  );
  assert(!JSON.stringify(model.current.entries).includes("secret"));
  assertEquals(model.current.entries.at(-1)?.text, "ann deleted a message by bob.");
});

Deno.test("ChatModel gives the oldest entries up, and can fetch them again", () => {
  const model = startModel();
  for (let id = 1; id <= MODEL_LINES_MAX + MODEL_LINES_SLACK; id++) {
    model.apply(message(id, "#dev", "bob", "x"), NOW_MS);
  }
  assertEquals(model.current.entries.length, MODEL_LINES_MAX);
  const first = model.current.entries[0]?.id ?? 0;
  assert(first > 1);
  model.apply(page("backlog", [first - 1]), NOW_MS);
  assertEquals(model.current.entries[0]?.id, first - 1);
});

Deno.test("ChatModel has entries in the order of their ids, once each, however pages and events come", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("event" as const), id: fc.integer({ min: 1, max: 60 }) }),
    fc.record({
      type: fc.constant("page" as const),
      ids: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 8 }),
    }),
    fc.record({ type: fc.constant("note" as const) }),
    fc.record({ type: fc.constant("say" as const), isFirst: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const model = startModel();
      const wanted = new Set<number>();
      let ref = 0;
      let ownId = 100;
      for (const each of steps) {
        if (each.type === "event") {
          wanted.add(each.id);
          model.apply(message(each.id, "#dev", "bob", "x"), NOW_MS);
        } else if (each.type === "page") {
          for (const id of each.ids) wanted.add(id);
          model.apply(page("backlog", each.ids.toSorted((a, b) => a - b)), NOW_MS);
        } else if (each.type === "note") model.note("notice", "x", NOW_MS);
        else {
          model.saying({ ref: ++ref, kind: "message", room: "#dev", text: "x" }, NOW_MS);
          const answer = (): void => model.apply({ type: "ok", ref, id: ownId, atMs: 0 }, NOW_MS);
          wanted.add(++ownId);
          if (each.isFirst) answer();
          model.apply(message(ownId, "#dev", "ann", "x"), NOW_MS);
          if (!each.isFirst) answer();
        }
      }
      const { entries } = model.current;
      const ids = entries.flatMap(({ id }) => id === null ? [] : [id]);
      assertEquals(ids, [...wanted].sort((a, b) => a - b));
      assertEquals(new Set(entries.map(({ key }) => key)).size, entries.length);
      assert(entries.every(({ delivery }) => delivery === "sent"));
    }),
  );
});
