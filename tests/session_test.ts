// What becomes of a session in which the program itself fails, at once or in a
// command that waits: only that session ends, its user can say which it was, and
// the log gets the cause. What the store cannot do is told to who asked, and ends
// nothing. The connection is a fake one that hands over lines; everything about bytes is
// tested over real sockets, in server_test.ts and others.

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Counters } from "../lib/counters.ts";
import type { Store } from "../lib/chat/store.ts";
import { EndReason, RemovedError, StoreError } from "../lib/errors.ts";
import type { ChatEvent } from "../lib/events.ts";
import type { Connection, Line, Peer } from "../lib/net/connection.ts";
import { SendScheduler } from "../lib/net/send_queue.ts";
import { JsonProtocol } from "../lib/protocol/json.ts";
import { PlainProtocol } from "../lib/protocol/plain.ts";
import type { Protocol } from "../lib/protocol/protocol.ts";
import { Session, type SessionShared } from "../lib/session.ts";
import type { SqliteStore } from "../lib/store/sqlite_store.ts";
import { overlay, Trial as ChatTrial } from "./chat/trial.ts";

/** A connection whose peer says `lines` and then nothing. */
class FakeConnection implements Connection {
  readonly peer: Peer = { address: "192.0.2.1", via: "tcp", isPrivate: false };
  readonly controller = new AbortController();
  readonly signal = this.controller.signal;
  readonly lastReadAtMs = Date.now();
  readonly queuedBytes = 0;
  readonly #end = Promise.withResolvers<EndReason>();
  readonly closed = this.#end.promise;
  readonly #lines: readonly Line[];
  /** All that was sent, as text. */
  text = "";

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  async *lines(): AsyncGenerator<Line, void, void> {
    yield* this.#lines;
    if (!this.signal.aborted) {
      await new Promise((resolve) => this.signal.addEventListener("abort", resolve));
    }
  }

  send(bytes: Uint8Array): boolean {
    this.text += new TextDecoder().decode(bytes);
    return true;
  }

  close(reason: EndReason): Promise<EndReason> {
    this.controller.abort(reason);
    this.#end.resolve(reason);
    return this.closed;
  }

  abort(reason: EndReason): void {
    this.controller.abort(reason);
    this.#end.resolve(reason);
  }
}

/** A protocol that fails at one line, as a bug would. */
class BrokenProtocol extends PlainProtocol {
  override decode(line: string): ReturnType<PlainProtocol["decode"]> {
    if (line === "boom") throw new TypeError("Cannot read boom");
    return super.decode(line);
  }
}

/** A chat with a store in memory, and what its sessions share. */
class Trial extends ChatTrial {
  readonly turns: SendScheduler;

  constructor(methods: (store: SqliteStore) => Partial<Store> = (): Partial<Store> => ({})) {
    const turns = new SendScheduler();
    super({ turns, wrapStore: (store) => overlay(store, methods(store)) });
    this.turns = turns;
  }

  get shared(): SessionShared {
    return this.sharedWith(new PlainProtocol());
  }

  /** The same, with people who speak another protocol. */
  sharedWith(plain: Protocol): SessionShared {
    const { chat, turns } = this;
    const protocols = { plain, json: new JsonProtocol() };
    return {
      chat,
      counters: new Counters(),
      protocols,
      entry: null,
      turns,
      rate: null,
      idleLimit: null,
    };
  }
}

const SPEECH = "plain";

/** What the peer was sent behind its welcome. */
function answersIn(connection: FakeConnection): string[] {
  return connection.text.split("\n").slice(2, -1);
}

Deno.test("Session.run() ends only the session in which the program fails", async () => {
  using trial = new Trial();
  const { shared, turns } = trial;
  const bob = new FakeConnection([]);
  const ann = new FakeConnection(["hello", "boom", "never said"]);
  const bobs = new Session(bob, shared, SPEECH).run();
  const error = await assertRejects(
    () => new Session(ann, trial.sharedWith(new BrokenProtocol()), SPEECH).run(),
    Error,
    "Session 2 failed",
  );
  await turns.next();

  assertInstanceOf(error.cause, TypeError);
  assertEquals(
    ann.text.split("\n").at(-2),
    "-- Goodbye: internal error in session 2. The server's log says more.",
  );
  assertEquals((await ann.closed).kind, "fault");
  assertEquals(bob.text.split("\n").slice(-4, -1), [
    "-- guest2 joined.",
    "guest2: hello",
    "-- guest2 left (connection lost).",
  ]);
  bob.controller.abort(new EndReason("end-of-stream", "Peer ended the stream"));
  assertEquals((await bobs).kind, "end-of-stream");
});

Deno.test("Session.run() ends only the session in which a command fails that had to wait", async () => {
  using trial = new Trial(() => ({
    catchUp: () => Promise.reject(new TypeError("Cannot read boom")),
  }));
  const { shared, turns } = trial;
  const bob = new FakeConnection([]);
  const ann = new FakeConnection(["/history", "never said"]);
  const bobs = new Session(bob, shared, SPEECH).run();
  const error = await assertRejects(
    () => new Session(ann, shared, SPEECH).run(),
    Error,
    "Session 2 failed",
  );
  await turns.next();
  assertInstanceOf(error.cause, TypeError);
  assertEquals(answersIn(ann), [
    "-- Goodbye: internal error in session 2. The server's log says more.",
  ]);
  assertEquals(answersIn(bob), ["-- guest2 joined.", "-- guest2 left (connection lost)."]);
  bob.controller.abort(new EndReason("end-of-stream", "Peer ended the stream"));
  await bobs;
});

Deno.test("Session.run() tells a user what the store cannot do, and goes on", async () => {
  const full = new StoreError("full", "The disk is full.");
  using trial = new Trial(() => ({
    catchUp: () => Promise.reject(full),
    addRoom: () => {
      throw full;
    },
  }));
  const ann = new FakeConnection(["/history", "/join #dev", "/rooms", "/quit"]);
  assertEquals((await new Session(ann, trial.shared, SPEECH).run()).kind, "quit");
  const sentence = "-- That could not be done, and nothing was changed: The disk is full.";
  assertEquals(answersIn(ann), [
    sentence,
    sentence,
    "-- #lobby  1 person, you are in",
    "-- Goodbye.",
  ]);
});

Deno.test("Session.run() takes the next line once a command that had to wait is done", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  using trial = new Trial(() => ({ catchUp: () => promise }));
  const { shared, turns } = trial;
  const bob = new FakeConnection([]);
  const ann = new FakeConnection(["one", "/history", "two", "/quit"]);
  const bobs = new Session(bob, shared, SPEECH).run();
  const anns = new Session(ann, shared, SPEECH).run();
  for (let turn = 0; turn < 5; turn++) await turns.next();
  assertEquals(answersIn(bob), ["-- guest2 joined.", "guest2: one"]);
  resolve();
  await anns;
  await turns.next();
  assertEquals(answersIn(bob).slice(2), ["guest2: two", "-- guest2 left."]);
  bob.controller.abort(new EndReason("end-of-stream", "Peer ended the stream"));
  await bobs;
});

Deno.test("Session.run() ends while a command waits, and nobody is left to be told what becomes of it", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  using trial = new Trial(() => ({ catchUp: () => promise }));
  const { shared, turns } = trial;
  const ann = new FakeConnection(["/history", "never said"]);
  const anns = new Session(ann, shared, SPEECH).run();
  for (let turn = 0; turn < 5; turn++) await turns.next();
  ann.controller.abort(new RemovedError("removed", "You were removed by bob: enough."));
  reject(new StoreError("failed", "The database does not work."));
  assertEquals((await anns).kind, "removed");
  // What ended the session is told, and nothing else.
  assertEquals(answersIn(ann), ["-- Goodbye. You were removed by bob: enough."]);
  assertEquals(trial.chat.broadcast.size, 0);
});

Deno.test("Session sends a batch in the pieces that its user is told", async () => {
  using trial = new Trial();
  const connection = new FakeConnection([]);
  const session = new Session(connection, trial.shared, SPEECH);
  const ended = session.run();
  connection.text = "";
  const events = ["1", "\u{e9}", "\u{1f600}", "4", "5"].map((text): ChatEvent => ({
    type: "announced",
    room: null,
    code: "x",
    text,
  }));
  const told = (skipped: readonly number[] | null): string => {
    connection.text = "";
    session.deliverBatch(events, {
      isHere: true,
      skipped: skipped === null ? null : new Set(skipped),
    });
    return connection.text.replaceAll("-- ", "").replaceAll("\n", " ");
  };
  assertEquals(told(null), "1 \u{e9} \u{1f600} 4 5 ");
  assertEquals(told([]), "1 \u{e9} \u{1f600} 4 5 ");
  assertEquals(told([0]), "\u{e9} \u{1f600} 4 5 ");
  assertEquals(told([1]), "1 \u{1f600} 4 5 ");
  assertEquals(told([1, 2]), "1 4 5 ");
  assertEquals(told([0, 2, 4]), "\u{e9} 4 ");
  assertEquals(told([3, 4]), "1 \u{e9} \u{1f600} ");
  assertEquals(told([0, 1, 2, 3, 4]), "");
  connection.controller.abort(new EndReason("end-of-stream", "Peer ended the stream"));
  await ended;
});
