// What bots ask for over HTTP, on a real chat with sockets that the test moves: how
// each request is answered, what a stream has in it and how it ends, that nothing is
// missing or doubled where a bot catches up, and that one that does not read costs
// nobody else anything.

import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { Counters } from "../lib/counters.ts";
import { Bots } from "../lib/bots.ts";
import type { Member } from "../lib/chat/state.ts";
import type { Store } from "../lib/chat/store.ts";
import { RemovedError, ShutdownError, StoreError } from "../lib/errors.ts";
import {
  BOT_RATE,
  BOT_STALL_MS,
  BOT_STREAM_BLANK_MS,
  BOT_STREAMS_MAX,
  MESSAGE_LINES_MAX,
  MISSED_EVENTS,
} from "../lib/limits.ts";
import { Admission } from "../lib/net/admission.ts";
import { ConnectionShared } from "../lib/net/socket_connection.ts";
import { JsonProtocol } from "../lib/protocol/json.ts";
import type { SqliteStore } from "../lib/store/sqlite_store.ts";
import { Tasks } from "../lib/tasks.ts";
import { cleanText } from "../lib/text.ts";
import type { BotAnswer } from "../lib/web/bots_handler.ts";
import { type Notes, overlay, Trial } from "./chat/trial.ts";
import { FakeSocket, textOf, turns, until, within } from "./net/sockets.ts";
import { hostileLine } from "./protocol/hostile_texts.ts";
import { assertServerLine } from "./protocol/json_schema.ts";

const PASSWORD = "open-sesame";
const HERE = { address: "127.0.0.1", isPrivate: true };

type Line = Readonly<Record<string, unknown>>;

/** One stream as whoever reads it sees it. */
class Reader {
  readonly socket: FakeSocket;
  #seen = 0;

  constructor(socket: FakeSocket) {
    this.socket = socket;
  }

  /** All that came, blank lines included. */
  get text(): string {
    return textOf(this.socket.taken);
  }

  /** Whole lines that came and were not asked for, each as the schema has it. */
  take(): Line[] {
    const lines = this.text.slice(this.#seen).split("\n").slice(0, -1);
    this.#seen = this.text.lastIndexOf("\n") + 1;
    return lines.filter((line) => line !== "").map((line) => {
      assertServerLine(line);
      return JSON.parse(line);
    });
  }

  /** The lines up to one of this type. */
  async until(type: string): Promise<Line[]> {
    const lines: Line[] = [];
    await until(`a line of the type ${type}`, () => {
      lines.push(...this.take());
      return lines.some((line) => line["type"] === type);
    });
    return lines;
  }
}

/** A chat with bots in it, whose requests come from the test. */
class Rig implements AsyncDisposable {
  readonly trial: Trial;
  readonly bots: Bots;
  readonly admission: Admission;
  readonly json = new JsonProtocol();
  readonly stopping = new AbortController();
  readonly faults: string[] = [];
  readonly tasks: Tasks = new Tasks((name, error) => this.faults.push(`${name}: ${error}`));
  readonly readers: Reader[] = [];
  readonly #connections = new ConnectionShared(({ peer }) => this.admission.release(peer.address));
  token = "";

  constructor(
    options: {
      readonly wrapStore?: (store: SqliteStore) => Store;
      readonly connectionsMax?: number;
    },
  ) {
    this.admission = new Admission({
      connectionsMax: options.connectionsMax ?? 100,
      perAddressMax: 100,
    });
    this.trial = new Trial({ ...options, turns: this.#connections.scheduler });
    this.bots = new Bots({
      chat: this.trial.chat,
      json: this.json,
      connections: this.#connections,
      admission: this.admission,
      counters: new Counters(),
      tasks: this.tasks,
      signal: this.stopping.signal,
    });
  }

  /** With ann, who has registered and is in the lobby, and her bot ci. */
  static async set(
    options: ConstructorParameters<typeof Rig>[0] = {},
  ): Promise<Rig & { readonly ann: Member; readonly heard: Notes }> {
    const rig = new Rig(options);
    const { member, notes } = rig.trial.enter();
    rig.trial.chat.accounts.takeName(member, "ann");
    await rig.trial.chat.accounts.register(member, PASSWORD);
    rig.token = (await rig.trial.chat.bots.create(member, "ci"))?.token ?? "";
    await turns();
    notes.take();
    return Object.assign(rig, { ann: member, heard: notes });
  }

  async post(
    text: string,
    rest: Partial<typeof HERE & { room: string; token: string }> = {},
  ): Promise<
    BotAnswer
  > {
    const { token } = this;
    return await this.bots.post({ room: "lobby", token, ...HERE, ...rest, text });
  }

  /** Asks for a stream: its reader, or what was answered instead. */
  async get(
    rest: Partial<typeof HERE & { room: string; token: string; afterId: number }> = {},
    isTaking = Boolean(1),
  ): Promise<Reader | BotAnswer> {
    const socket = new FakeSocket({ isTaking });
    let timesOpened = 0;
    const answer = await this.bots.stream(
      { room: "lobby", token: this.token, afterId: null, ...HERE, ...rest },
      () => {
        timesOpened++;
        return socket;
      },
    );
    assertEquals(timesOpened, answer === null ? 1 : 0);
    if (answer !== null) return answer;
    const reader = new Reader(socket);
    this.readers.push(reader);
    return reader;
  }

  /** A stream that has to be had. */
  async read(...args: Parameters<Rig["get"]>): Promise<Reader> {
    const reader = await this.get(...args);
    assert(reader instanceof Reader, JSON.stringify(reader));
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort(new ShutdownError());
    await turns();
    for (const { socket } of this.readers) if (!socket.isDisposed) socket.arrive(null);
    await within(this.tasks.settled(), "the end of all streams");
    this.trial[Symbol.dispose]();
    assertEquals(this.admission.connections, 0, "connections that were not given back");
    assertEquals(this.faults, []);
  }
}

function briefly(lines: readonly Line[]): string[] {
  return lines.map((line) => {
    switch (line["type"]) {
      case "message":
        return `${line["from"]}: ${line["text"]}`;
      case "joined":
      case "left":
        return `${line["type"]} ${(line["who"] as { names: string[] }).names}`;
      case "goodbye":
        return `goodbye ${line["reason"]} ${line["detail"]}`.trimEnd();
      default:
        return `${line["type"]}`;
    }
  });
}

function onFakeTime(test: () => Promise<void>): () => Promise<void> {
  return async () => {
    mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.UTC(2026, 0, 15, 12) });
    try {
      await test();
    } finally {
      mock.timers.reset();
    }
  };
}

Deno.test("post() says a text, and answers when it is stored", async () => {
  await using rig = await Rig.set();
  const { status, body } = await rig.post("deployed\n");
  assertEquals([status, Object.keys(body)], [200, ["id", "atMs"]]);
  const [message] = rig.trial.store.recent(1, 1);
  assertEquals([message?.id, message?.atMs, message?.text], [body["id"], body["atMs"], "deployed"]);
  await turns();
  assertEquals(rig.heard.take(), ["message ci[bot]: deployed"]);
});

Deno.test("post() takes a text as a text, whatever is in it", async () => {
  await using rig = await Rig.set();
  assertEquals((await rig.post("/quit")).status, 200);
  assertEquals((await rig.post("one\r\ntwo\n\n")).status, 200);
  assertEquals((await rig.post('{"type":"quit"}')).status, 200);
  await turns();
  assertEquals(rig.heard.take(), [
    "message ci[bot]: /quit",
    "message ci[bot]: one\ntwo",
    'message ci[bot]: {"type":"quit"}',
  ]);
});

Deno.test(
  "nothing hostile in a request reaches anybody, or does any harm, wherever it stands",
  onFakeTime(async () => {
    await using rig = await Rig.set();
    let said = 0;
    for (const text of fc.sample(hostileLine, { numRuns: 300, seed: 1 })) {
      // No text is lost because of the pace.
      mock.timers.tick(60_000);
      const { status } = await rig.post(`${text}\n${text}`);
      assert(status === 200 || status === 400, `${status}`);
      if (status === 200) said++;
      for (const answer of [await rig.post(text, { room: text }), await rig.get({ room: text })]) {
        assert(!(answer instanceof Reader) && (answer.status === 404 || answer.status === 400));
      }
      for (
        const answer of [await rig.post(text, { token: text }), await rig.get({ token: text })]
      ) {
        assert(!(answer instanceof Reader) && (answer.status === 401 || answer.status === 429));
      }
    }
    assert(said > 100, `${said} were said`);
    for (const { text } of rig.trial.store.recent(1, 300)) {
      for (const line of text.split("\n")) assertEquals(cleanText(line), line);
    }
  }),
);

Deno.test("each refusal has its status, a stable code and a sentence", async () => {
  await using rig = await Rig.set();
  const { chat } = rig.trial;
  const refused = async (answer: Promise<BotAnswer | Reader>): Promise<unknown[]> => {
    const given = await answer;
    assert(!(given instanceof Reader));
    const { status, body, retryAfterSeconds } = given;
    assertMatch(`${body["text"]}`, /^[A-Z].*\.$/);
    const rest = retryAfterSeconds === undefined ? [] : [retryAfterSeconds];
    return [status, body["code"], ...rest];
  };
  for (const ask of [(rest = {}) => rig.post("hello", rest), (rest = {}) => rig.get(rest)]) {
    const both = { token: "parley_x", address: "198.51.100.7" };
    assertEquals(await refused(ask(both)), [401, "bad-token"]);
    assertEquals(await refused(ask({ isPrivate: Boolean(0) })), [403, "not-private"]);
    assertEquals(await refused(ask({ room: "nowhere" })), [404, "no-such-room"]);
  }
  assertEquals(await refused(rig.post("")), [400, "no-text"]);
  assertEquals(await refused(rig.post(" \n\x1b[0m\u{202e}")), [400, "no-text"]);
  const long = "x\n".repeat(MESSAGE_LINES_MAX + 1);
  assertEquals(await refused(rig.post(long)), [400, "too-many-lines"]);
  const wrong = { token: "parley_x", address: "198.51.100.7" };
  for (let at = 0; at < 2; at++) {
    assertEquals(await refused(rig.post("x", wrong)), [401, "bad-token"]);
  }
  assertEquals(await refused(rig.post("x", wrong)), [429, "too-many-attempts", 60]);
  assertEquals((await rig.post("x", { address: "198.51.100.7" })).status, 200);

  const target = { type: "account", value: "ann" } as const;
  const rest = { room: null, target, shown: "ann", by: "boss", durationMs: null, reason: "" };
  const mute = chat.moderation.impose({ ...rest, kind: "mute" });
  assertEquals(await refused(rig.post("x")), [403, "muted"]);
  chat.moderation.lift(mute, { by: "boss", act: "unmute", room: null });
  const ban = chat.moderation.impose({ ...rest, kind: "ban" });
  assertEquals(await refused(rig.post("x")), [403, "banned"]);
  assertEquals(await refused(rig.get()), [403, "banned"]);
  chat.moderation.lift(ban, { by: "boss", act: "unban", room: null });
  chat.moderation.setServerLocked(Boolean(1), { by: "boss", act: "lock", room: null });
  assertEquals(await refused(rig.post("x")), [403, "locked"]);
  assertEquals(await refused(rig.get()), [403, "locked"]);
  chat.moderation.setServerLocked(Boolean(0), { by: "boss", act: "unlock", room: null });
  chat.rooms.change(chat.rooms.lobby, { access: "invite-only" });
  assertEquals((await rig.post("x")).status, 200);
  rig.stopping.abort(new ShutdownError());
  assertEquals(await refused(rig.post("x")), [503, "shutdown"]);
  assertEquals(await refused(rig.get()), [503, "shutdown"]);
});

Deno.test("a store that fails is 503, and a message that it cannot keep is said all the same", async () => {
  const fault = new StoreError("full", "The disk is full.");
  let isFull = false;
  const failing =
    <Args extends unknown[], Result>(act: (...args: Args) => Result) => (...args: Args): Result => {
      if (isFull) throw fault;
      return act(...args);
    };
  await using rig = await Rig.set({
    wrapStore: (store) =>
      overlay(store, {
        botByToken: failing((hash) => store.botByToken(hash)),
        append: failing((messages) => store.append(messages)),
      }),
  });
  isFull = true;
  const { status, body } = await rig.post("hello");
  assertEquals([status, body], [
    503,
    { code: "store-failed", text: "That could not be done: The disk is full." },
  ]);
  isFull = false;
  assertEquals((await rig.post("hello")).status, 200);
  assertEquals(rig.trial.faults, []);
});

Deno.test(
  "a bot that is too fast is told when to come back, and is not slowed down",
  onFakeTime(async () => {
    await using rig = await Rig.set();
    for (let at = 0; at < BOT_RATE.burst; at++) assertEquals((await rig.post(`${at}`)).status, 200);
    for (let at = 0; at < 3; at++) {
      const { status, body, retryAfterSeconds } = await rig.post("more");
      assertEquals([status, body["code"], retryAfterSeconds], [429, "too-fast", 1]);
    }
    // To begin a stream counts, too: others see it.
    const stream = await rig.get();
    assert(!(stream instanceof Reader) && stream.status === 429);
    // What was refused has cost nothing.
    mock.timers.tick(1_000);
    assertEquals((await rig.post("more")).status, 200);
    // A long text counts as several, as everybody's lines do.
    const { status, retryAfterSeconds } = await rig.post("x".repeat(4_500));
    assertEquals([status, retryAfterSeconds], [429, 5]);
    mock.timers.tick(5_000);
    assertEquals((await rig.post("x".repeat(4_500))).status, 200);
    assertEquals((await rig.post("more")).status, 429);
    // Another bot has a burst of its own.
    const other = await rig.trial.chat.bots.create(rig.ann, "other");
    assertEquals((await rig.post("x", { token: other?.token ?? "" })).status, 200);
  }),
);

Deno.test("a stream begins with a welcome, and has all that happens in the room", async () => {
  await using rig = await Rig.set();
  const { chat } = rig.trial;
  const reader = await rig.read();
  await turns();
  assertEquals(rig.heard.take(), ["joined ci[bot]"]);
  const [welcome, ...rest] = reader.take();
  assertEquals(rest, []);
  assertEquals(
    [welcome?.["type"], welcome?.["name"], welcome?.["room"], welcome?.["token"]],
    ["welcome", "ci[bot]", "#lobby", null],
  );
  const bob = rig.trial.enter();
  chat.say(rig.ann, "hello");
  chat.act(rig.ann, "waves");
  await rig.post("deployed");
  chat.leave(bob.member, "left");
  await turns();
  const lines = reader.take();
  assertEquals(briefly(lines), [
    "joined guest1",
    "ann: hello",
    "action",
    "ci[bot]: deployed",
    "left guest1",
  ]);
  const ids = lines.map((line) => Number(line["id"]));
  assert(ids.every((id, at) => id > (ids[at - 1] ?? Number(welcome?.["id"]))), `${ids}`);
  reader.socket.arrive(null);
  await until("the end of the stream", () => reader.socket.isDisposed);
  await turns();
  assertEquals(rig.heard.take().slice(-1), ["left ci[bot] left"]);
  // Who went away is not spoken to any more.
  assertEquals(reader.take(), []);
});

Deno.test("what is told to several streams, and to programs, is encoded once", async () => {
  await using rig = await Rig.set();
  const readers = [await rig.read(), await rig.read()];
  await turns();
  rig.trial.chat.say(rig.ann, "hello");
  await turns();
  const [one, other] = readers.map(({ socket }) => socket.handed.at(-1));
  assert(one !== undefined);
  assertStrictEquals(one, other);
});

Deno.test("a stream after an id has what was said since, then what happens, each once", async () => {
  await using rig = await Rig.set();
  const { chat } = rig.trial;
  const said: string[] = [];
  const say = (text: string): number => {
    said.push(`ann: ${text}`);
    return chat.say(rig.ann, text).id;
  };
  say("before");
  const afterId = say("the last that was seen");
  said.length = 0;
  for (let at = 0; at < 3 * MISSED_EVENTS; at++) say(`missed ${at}`);
  const reader = await rig.read({ afterId });
  // People go on while it catches up.
  const lines: Line[] = [];
  let comings = 0;
  await until("the end of what was missed", () => {
    lines.push(...reader.take());
    const isOver = lines.some(({ type }) => type === "caught-up");
    if (!isOver && said.length < 4 * MISSED_EVENTS) say(`meanwhile ${said.length}`);
    if (!isOver && said.length % 7 === 0) {
      chat.leave(rig.trial.enter().member, "left");
      comings++;
    }
    return isOver;
  });
  say("and now");
  await turns();
  lines.push(...reader.take());
  assertEquals(
    lines.filter(({ type }) => type === "message").map((line) => briefly([line])[0]),
    said,
  );
  const [welcome, ...others] = lines;
  assertEquals([welcome?.["isResumed"], welcome?.["isComplete"]], [true, true]);
  const ids = others.filter(({ type }) => type !== "caught-up").map(({ id }) => Number(id));
  assertEquals(ids, ids.toSorted((one, other) => one - other));
  assertEquals(new Set(ids).size, ids.length);
  // Who came and went meanwhile is told, each.
  assert(comings > 0);
  for (const type of ["joined", "left"]) {
    assertEquals(lines.filter((line) => line["type"] === type).length, comings, type);
  }
});

Deno.test("a stream after the last id, or one to come, has caught up at once", async () => {
  await using rig = await Rig.set();
  const { chat } = rig.trial;
  const { id } = chat.say(rig.ann, "hello");
  for (const afterId of [id, Number.MAX_SAFE_INTEGER]) {
    const reader = await rig.read({ afterId });
    const lines = await reader.until("caught-up");
    assertEquals(briefly(lines), ["welcome", "caught-up"]);
    assertEquals(lines[1]?.["missed"], 0);
  }
  chat.say(rig.ann, "again");
  await turns();
  for (const reader of rig.readers) {
    assertEquals(briefly(reader.take()).slice(-1), ["ann: again"]);
  }
});

Deno.test(
  "a quiet stream has a blank line now and then, and one with something in it has none",
  onFakeTime(async () => {
    await using rig = await Rig.set();
    const reader = await rig.read();
    await turns();
    const welcome = reader.text;
    // The welcome was something.
    mock.timers.tick(BOT_STREAM_BLANK_MS + 10);
    await turns();
    assertEquals(reader.text, welcome);
    for (let at = 1; at <= 3; at++) {
      mock.timers.tick(BOT_STREAM_BLANK_MS + 10);
      await turns();
      assertEquals(reader.text, welcome + "\n".repeat(at));
    }
    rig.trial.chat.say(rig.ann, "hello");
    await turns();
    const told = reader.text;
    mock.timers.tick(BOT_STREAM_BLANK_MS + 10);
    await turns();
    assertEquals(reader.text, told);
  }),
);

Deno.test(
  "a stream whose bot may not read any more ends when it is looked at",
  onFakeTime(async () => {
    await using rig = await Rig.set();
    const reader = await rig.read();
    await rig.trial.chat.accounts.remove(rig.ann, PASSWORD);
    mock.timers.tick(BOT_STREAM_BLANK_MS + 10);
    await turns();
    assertEquals(briefly(reader.take()).slice(-1), [
      "goodbye removed That token is not good any more.",
    ]);
  }),
);

Deno.test("a stream that is ended says goodbye, and why", async () => {
  const ends: Readonly<Record<string, (rig: Rig & { ann: Member }) => void>> = {
    "goodbye removed ann revoked the token of ci[bot].": ({ trial: { chat }, ann }) => {
      chat.bots.revoke(ann, "ci");
    },
    "goodbye removed You are not in #lobby any more.": ({ trial: { chat } }) => {
      const [bot] = [...chat.broadcast.users()].filter(({ name }) => name === "ci[bot]");
      assert(bot !== undefined);
      chat.rooms.leave(bot, chat.rooms.lobby, null);
      chat.answer(bot, { type: "parted", room: "#lobby", to: null });
    },
    "goodbye removed You were removed by boss.": ({ trial: { chat } }) => {
      for (const each of chat.people.find("ci[bot]")?.members ?? []) {
        each.receiver.end(new RemovedError("removed", "You were removed by boss."));
      }
    },
    "goodbye shutdown": ({ stopping }) => stopping.abort(new ShutdownError()),
  };
  for (const [goodbye, end] of Object.entries(ends)) {
    await using rig = await Rig.set();
    const reader = await rig.read();
    await turns();
    reader.take();
    end(rig);
    await turns();
    assertEquals(briefly(reader.take()), [goodbye]);
    assertEquals(rig.trial.chat.rooms.lobby.people.size, 1);
    assertEquals(reader.socket.timesClosedWrite, 1);
  }
});

Deno.test("a bot whose maker may not be there while it catches up is told no more", async () => {
  await using rig = await Rig.set();
  const { chat } = rig.trial;
  for (let at = 0; at < 3 * MISSED_EVENTS; at++) chat.say(rig.ann, `${at}`);
  const reader = await rig.read({ afterId: 0 });
  await reader.until("message");
  chat.bots.revoke(rig.ann, "ci");
  const lines = await reader.until("goodbye");
  assert(lines.length < 2 * MISSED_EVENTS, `${lines.length}`);
});

Deno.test("a reader that takes nothing is cut off, and nobody else waits for it", async () => {
  await using rig = await Rig.set();
  const { chat } = rig.trial;
  const stuck = await rig.read({}, Boolean(0));
  const reader = await rig.read();
  for (let at = 0; at < 60; at++) {
    chat.say(rig.ann, `${at} ${"x".repeat(8_000)}`);
    await turns();
  }
  assertEquals(briefly(reader.take()).filter((line) => line.startsWith("ann")).length, 60);
  const [bot] = [...chat.people.find("ci[bot]")?.members ?? []];
  assertEquals(chat.people.find("ci[bot]")?.members.size, 1);
  assert(bot !== undefined && !bot.isGone);
  stuck.socket.pending?.take(stuck.socket.pending.bytes.length);
  await turns();
  assertMatch(textOf(stuck.socket.pending?.bytes ?? new Uint8Array()), /"reason":"slow"/);
  stuck.socket.isTaking = true;
  stuck.socket.pending?.take(stuck.socket.pending.bytes.length);
});

Deno.test(
  "a reader that takes nothing of what it missed is cut off after a while",
  onFakeTime(async () => {
    await using rig = await Rig.set();
    const { chat } = rig.trial;
    for (let at = 0; at < 100; at++) chat.say(rig.ann, `${at} ${"x".repeat(4_000)}`);
    const reader = await rig.read({ afterId: 0 }, Boolean(0));
    await turns();
    for (let at = 0; at < BOT_STALL_MS / 1_000 + 2; at++) {
      mock.timers.tick(1_000);
      await turns();
    }
    assertEquals(chat.people.find("ci[bot]")?.members.size, 0);
    reader.socket.isTaking = true;
    reader.socket.pending?.take(reader.socket.pending.bytes.length);
    await turns();
    assertEquals(briefly(reader.take()).slice(-1), ["goodbye slow"]);
  }),
);

Deno.test("what was said before and cannot be read is said so, and ends the stream", async () => {
  const fault = new StoreError("corrupt", "The database is damaged.");
  let isBroken = false;
  await using rig = await Rig.set({
    wrapStore: (store) =>
      overlay(store, {
        after: (query) => {
          if (isBroken) throw fault;
          return store.after(query);
        },
      }),
  });
  isBroken = true;
  const reader = await rig.read({ afterId: 0 });
  await until("the end of the stream", () => reader.socket.timesClosedWrite === 1);
  const lines = reader.take();
  assertEquals(lines.map(({ type, text }) => text === undefined ? type : text), [
    "welcome",
    "What was said before cannot be told: The database is damaged.",
  ]);
});

Deno.test("a bot has so many streams, and streams are connections like any other", async () => {
  await using rig = await Rig.set({ connectionsMax: BOT_STREAMS_MAX + 1 });
  const readers: Reader[] = [];
  for (let at = 0; at < BOT_STREAMS_MAX; at++) readers.push(await rig.read());
  assertEquals(rig.admission.connections, BOT_STREAMS_MAX);
  const answer = await rig.get();
  assert(!(answer instanceof Reader));
  assertEquals([answer.status, answer.body["code"]], [429, "too-many-streams"]);
  const token = (await rig.trial.chat.bots.create(rig.ann, "other"))?.token ?? "";
  await rig.read({ token });
  const full = await rig.get({ token });
  assert(!(full instanceof Reader));
  assertEquals([full.status, full.body["code"]], [503, "server-full"]);
  for (const reader of readers) reader.socket.arrive(null);
  await until("the end of the streams", () => rig.admission.connections === 1);
  await rig.read();
});
