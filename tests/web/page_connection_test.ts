// The page's connection over WebSockets that the test plays, with a clock that the test moves:
// hello, resuming, requests that are sent again, silence, the ends there are.

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import {
  Connection,
  type ConnectionState,
  type RequestAnswer,
  type Socket,
} from "../../lib/web/page/connection.js";

/** A line, either way. */
type Json = Readonly<Record<string, unknown>>;

/** A WebSocket whose other end is the test. */
class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: Json[] = [];
  isClosed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
  }

  /** Says lines to the page, in one message. */
  say(...lines: readonly Json[]): void {
    this.onmessage?.({ data: lines.map((line) => JSON.stringify(line)).join("\n") });
  }

  /** What was sent but for pings. */
  get requests(): Json[] {
    return this.sent.filter(({ type }) => type !== "ping");
  }

  /** How many pings were. */
  get pings(): number {
    return this.sent.length - this.requests.length;
  }
}

/** A connection, all its sockets, and what it has told. */
class Page implements Disposable {
  readonly sockets: FakeSocket[] = [];
  readonly events: ServerEvent[] = [];
  readonly states: ConnectionState[] = [];
  readonly answers: string[] = [];
  readonly connection: Connection;

  constructor() {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    this.connection = new Connection({
      open: () => {
        const socket = new FakeSocket();
        this.sockets.push(socket);
        // It has what a connection uses of a WebSocket.
        return socket as unknown as Socket;
      },
      onEvent: (event) => this.events.push(event),
      onState: (state) => this.states.push(state),
      onProgress: () => {},
    });
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("No socket was opened");
    return socket;
  }

  get kind(): string {
    return this.connection.state.kind;
  }

  /** Comes in. */
  welcome(fields: Json = {}): void {
    this.socket.onopen?.();
    this.socket.say(welcome(fields));
  }

  say(text: string): number {
    return this.connection.request(
      { type: "say", text },
      (answer: RequestAnswer) => this.answers.push(`${text}: ${codeOf(answer)}`),
    );
  }

  [Symbol.dispose](): void {
    if (this.kind !== "ended") this.connection.quit();
    mock.timers.reset();
  }
}

function codeOf(answer: RequestAnswer): string {
  return answer.type === "refused" ? answer.code : answer.type;
}

function welcome(fields: Json = {}): Json {
  return {
    type: "welcome",
    version: 1,
    name: "ann",
    room: "#lobby",
    rooms: [{ room: "#lobby", topic: "", others: { names: [], more: 0 } }],
    id: 10,
    token: "secret",
    lastRef: 0,
    isResumed: false,
    ...fields,
  };
}

function message(id: number): Json {
  return { type: "message", id, atMs: 0, room: "#lobby", from: "bob", text: "hi" };
}

Deno.test("says hello alone, and the first ping confirms the welcome", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  page.say("early");
  page.socket.onopen?.();
  assertEquals(page.socket.sent, [{ type: "hello", version: 1, nick: "ann" }]);
  page.socket.say(welcome());
  assertEquals(page.socket.sent.slice(1), [
    { type: "ping", text: "page-1", last: 10 },
    { type: "say", text: "early", ref: 1 },
  ]);
  assertEquals(page.kind, "online");
});

Deno.test("goes on after a loss: each event once, each request said once", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: null });
  page.welcome();
  page.say("one");
  page.say("two");
  page.socket.say({ type: "ok", ref: 1, id: 11 }, message(11), message(12));
  page.socket.onclose?.();
  page.say("three");
  assertEquals(page.kind, "waiting");
  mock.timers.tick(250);
  page.socket.onopen?.();
  assertEquals(page.socket.sent, [
    { type: "hello", version: 1, nick: "ann", token: "secret", last: 12 },
  ]);
  page.socket.say(
    welcome({ isResumed: true, token: "next", lastRef: 1 }),
    message(12),
    message(13),
  );
  assertEquals(page.socket.requests.slice(1).map(({ text, ref }) => [text, ref]), [
    ["two", 2],
    ["three", 3],
  ]);
  const ids = page.events.flatMap((event) => event.type === "message" ? [event.id] : []);
  assertEquals(ids, [11, 12, 13]);
  page.socket.say({ type: "ok", ref: 2, repeated: true }, { type: "ok", ref: 3 });
  assertEquals(page.answers, ["one: ok", "two: ok", "three: ok"]);
  assertEquals(page.connection.session, { token: "next", lastId: 13, lastRef: 3 });
});

Deno.test("a page that is loaded again goes on from what it has kept, above its refs", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: { token: "t", lastId: 40, lastRef: 7 } });
  page.socket.onopen?.();
  assertEquals(page.socket.sent, [{ type: "hello", version: 1, token: "t", last: 40 }]);
  page.socket.say(welcome({ isResumed: true, lastRef: 9 }));
  assertEquals(page.say("x"), 10);
});

Deno.test("a session that is over begins anew, in the same rooms, and tells what nobody knows", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  page.welcome();
  page.socket.say({ type: "entered", id: 11, room: "#dev", how: "joined" });
  page.say("sent");
  page.socket.onclose?.();
  page.say("kept");
  mock.timers.tick(250);
  page.socket.onopen?.();
  page.socket.say({ type: "refused", code: "session-over", text: "No." });
  assertEquals(page.socket.sent.at(-1), { type: "hello", version: 1, nick: "ann" });
  page.socket.say(welcome({ id: 3 }));
  assertEquals(page.answers, ["sent: unknown-fate"]);
  assertEquals(page.socket.requests.slice(2), [
    { type: "command", name: "join", args: "#dev", ref: "rejoin-1" },
    { type: "say", text: "kept", ref: 2 },
  ]);
});

Deno.test("pings every 20 seconds, and gives a silent server up after 15 more", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: null });
  page.welcome();
  const { socket } = page;
  assertEquals(socket.pings, 1);
  mock.timers.tick(20_000);
  assertEquals(socket.pings, 2);
  socket.say({ type: "pong", text: "page-2", atMs: 0 });
  mock.timers.tick(20_000);
  assertEquals(socket.pings, 3);
  mock.timers.tick(14_999);
  assertEquals(page.kind, "online");
  mock.timers.tick(1);
  assertEquals([page.kind, socket.isClosed], ["waiting", true]);
});

Deno.test("answers an idle warning at once, and passes over what is no line", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: null });
  page.welcome();
  page.socket.say({ type: "idle-warning", remainingMs: 1 });
  assertEquals(page.socket.pings, 2);
  page.socket.onmessage?.({ data: '{"type":\n[]\n{"type":5}\n\nnull' });
  assertEquals([page.kind, page.events.length], ["online", 1]);
});

Deno.test("the pauses grow, and end at once when the user is back", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: null });
  let longestMs = 0;
  for (let attempt = 0; attempt < 12; attempt++) {
    page.socket.onclose?.();
    const { state } = page.connection;
    const pauseMs = state.kind === "waiting" ? state.retryAtMs - Date.now() : 0;
    longestMs = Math.max(longestMs, pauseMs);
    assert(pauseMs > 0 && pauseMs <= Math.min(250 * 2 ** attempt, 30_000));
    mock.timers.tick(pauseMs);
  }
  assert(longestMs >= 15_000);
  page.socket.onclose?.();
  const count = page.sockets.length;
  page.connection.retryNow();
  assertEquals([page.sockets.length, page.kind], [count + 1, "connecting"]);
});

Deno.test("an attempt that hangs is begun anew when the user asks, and a fresh one is not", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  mock.timers.tick(1_000);
  page.connection.retryNow();
  assertEquals(page.sockets.length, 1);
  mock.timers.tick(2_000);
  page.connection.retryNow();
  assertEquals([page.sockets.length, page.sockets[0]?.isClosed], [2, true]);
  page.welcome();
  assertEquals(page.kind, "online");
});

Deno.test("back after a while, asks a server that was silent, and does not wait long", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: null });
  page.welcome();
  mock.timers.tick(10_000);
  page.connection.retryNow();
  assertEquals(page.socket.pings, 2);
  mock.timers.tick(7_500);
  assertEquals(page.kind, "waiting");
});

Deno.test("asks for the server's password, and says hello with it", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  page.socket.onopen?.();
  page.socket.say({ type: "refused", code: "password-wanted", text: "Password?" });
  assertEquals(page.kind, "password");
  mock.timers.tick(60_000);
  assertEquals(page.sockets.length, 1);
  page.connection.givePassword("sesame");
  page.socket.onopen?.();
  assertEquals(page.socket.sent[0]?.["password"], "sesame");
  page.socket.say({ type: "refused", code: "wrong-password", text: "Wrong." });
  assertEquals(page.connection.state, { kind: "password", why: "Wrong.", isWrong: true });
});

Deno.test("ends where the server wants it, with every request answered, and can begin anew", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  page.welcome();
  page.say("one");
  page.socket.say({
    type: "goodbye",
    reason: "removed",
    sessionId: 1,
    detail: "You were removed.",
  });
  assertEquals(page.connection.state, { kind: "ended", why: "You were removed." });
  assertEquals([page.answers, page.connection.session], [["one: unknown-fate"], null]);
  page.connection.start({ nick: "ann", session: null });
  page.socket.onopen?.();
  assertEquals(page.socket.sent, [{ type: "hello", version: 1, nick: "ann" }]);
});

Deno.test("what was made while the connection was down is not sent after the end", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  page.say("early");
  page.connection.quit();
  assertEquals(page.answers, ["early: not-sent"]);
});

Deno.test("a full server's words in plain text are why there is no connection", () => {
  using page = new Page();
  page.connection.start({ nick: "ann", session: null });
  page.socket.onopen?.();
  page.socket.onmessage?.({ data: "-- The server is full." });
  page.socket.onclose?.();
  const { state } = page.connection;
  assertEquals(state.kind === "waiting" ? state.why : "", "The server is full.");
});

Deno.test("sixteen requests are on their way at once, and the next follow the answers", () => {
  using page = new Page();
  page.connection.start({ nick: null, session: null });
  page.welcome();
  for (let count = 1; count <= 20; count++) page.say(`${count}`);
  const refs = (): unknown => page.socket.requests.at(-1)?.["ref"];
  assertEquals(refs(), 16);
  page.socket.say({ type: "ok", ref: 1 }, { type: "ok", ref: 2 });
  assertEquals([refs(), page.connection.pending], [18, 18]);
});
