// What the simple modes print: everything once, whatever becomes of connections.

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { parseServerAddress } from "../../lib/client/server_address.ts";
import { LINE_BYTES_MAX } from "../../lib/limits.ts";
import { LineChat, type VisitEnd } from "../../lib/terminal/line_chat.ts";
import { textOf } from "../../lib/terminal/styled.ts";
import { lineOf } from "../client/conversations.ts";
import { ChatPeer } from "./chat_peer.ts";
import { FakeServer, WAIT_MS } from "./fake_server.ts";

/** A chat whose lines are kept, without their times. */
class Stage implements AsyncDisposable {
  readonly server = new FakeServer();
  readonly chat: LineChat;
  readonly changes: unknown[] = [];
  #lines: string[] = [];
  #wake = Promise.withResolvers<void>();
  readonly #controller = new AbortController();
  readonly #running: Promise<VisitEnd>;

  constructor() {
    this.chat = new LineChat({
      address: parseServerAddress(this.server.address),
      nick: "kim",
      password: null,
      session: null,
      settings: { theme: "auto", bell: "mentions" },
      onSettings: (change) => this.changes.push(change),
      signal: this.#controller.signal,
    }, {
      isSpoken: false,
      show: (lines): void => {
        this.#lines.push(...lines.map(textOf).map((line) => line.replace(/^\d\d:\d\d /u, "")));
        this.#wake.resolve();
        this.#wake = Promise.withResolvers();
      },
      drained: () => Promise.resolve(),
      ring: () => {},
      askPassword: () => Promise.resolve(null),
      setTheme: (theme) => this.changes.push(`theme ${theme}`),
    });
    this.#running = this.chat.run();
  }

  /** The lines up to this one, which is waited for; they are forgotten. */
  async until(last: string): Promise<string[]> {
    const endsAtMs = Date.now() + WAIT_MS;
    while (!this.#lines.includes(last)) {
      try {
        await deadline(this.#wake.promise, Math.max(1, endsAtMs - Date.now()));
      } catch (cause) {
        throw new Error(`Awaited ${JSON.stringify(last)} in ${JSON.stringify(this.#lines)}`, {
          cause,
        });
      }
    }
    return this.#lines.splice(0, this.#lines.indexOf(last) + 1);
  }

  /** How it ended. */
  end(): Promise<VisitEnd> {
    return deadline(this.#running, WAIT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#running;
    await this.server[Symbol.asyncDispose]();
  }
}

const WELCOME = "-- Welcome to Parley. You are kim in #lobby, with ann.";
const LOST =
  "-- The connection was lost. Trying again; what you type meanwhile is sent once that works.";

async function welcomed(stage: Stage): Promise<ChatPeer> {
  const peer = await ChatPeer.accept(stage.server);
  await peer.welcome("kim", ["ann"]);
  await stage.until(WELCOME);
  return peer;
}

Deno.test("LineChat tells once what concerns several rooms", async () => {
  await using stage = new Stage();
  const peer = await welcomed(stage);
  await peer.entered("#dev", ["ann"]);
  await peer.tell({ type: "renamed", from: "ann", to: "Anna" });
  await peer.said("Anna", "hi");
  assertEquals(await stage.until("[#lobby] Anna: hi"), [
    "-- You are now in #dev, with ann.",
    "-- ann is now Anna.",
    "[#lobby] Anna: hi",
  ]);
});

Deno.test("LineChat shows nothing again in a new session, and what is not known", async () => {
  await using stage = new Stage();
  const peer = await welcomed(stage);
  await peer.said("ann", "first");
  await stage.until("ann: first");
  stage.chat.enter("hello");
  await peer.request();
  await peer.raw.close();
  await stage.until(LOST);
  stage.chat.enter("later");
  const back = await ChatPeer.accept(stage.server);
  await back.welcome("kim", ["ann"], { id: 9 });
  const line = { atMs: Date.now(), room: "#lobby", kind: "message", from: "ann" };
  await back.raw.say(lineOf({
    type: "history",
    purpose: "backlog",
    room: "#lobby",
    nowMs: Date.now(),
    lines: [{ ...line, id: 1, text: "first" }, { ...line, id: 8, text: "second" }],
    unread: 3,
  }));
  assertEquals(await stage.until("ann: second"), [
    "kim: later",
    "-- Back as kim. What was said meanwhile is in the history.",
    '!! Perhaps "hello" was not sent: the connection was lost.',
    "-- 3 more in #lobby since you were here: /history before 1",
    "ann: second",
  ]);
  assertEquals(await back.take(), "later");
});

Deno.test("LineChat says what was typed before the welcome when it is said", async () => {
  await using stage = new Stage();
  stage.chat.enter("early");
  const peer = await ChatPeer.accept(stage.server);
  await peer.welcome("kim", ["ann"]);
  assertEquals(await peer.take(), "early");
  assertEquals(await stage.until("kim: early"), [WELCOME, "kim: early"]);
});

Deno.test("LineChat tells at once what is too long to be sent", async () => {
  await using stage = new Stage();
  await welcomed(stage);
  const typed = "x".repeat(LINE_BYTES_MAX);
  stage.chat.enter(typed);
  const refusal = `!! "${"x".repeat(37)}..." was not sent: That is too long for one message.`;
  assertEquals(await stage.until(refusal), [`kim: ${typed}`, refusal]);
});

Deno.test("LineChat changes settings, and remembers them", async () => {
  await using stage = new Stage();
  await welcomed(stage);
  for (const typed of ["/bell", "/bell ALL", "/theme light", "/theme pink"]) {
    stage.chat.enter(typed);
  }
  assertEquals(await stage.until("-- /theme takes dark, light or auto."), [
    "/bell",
    "-- /bell is mentions; off, mentions, all are the choices.",
    "/bell ALL",
    "-- /bell is all from now on.",
    "/theme light",
    "-- /theme is light from now on.",
    "/theme pink",
    "-- /theme takes dark, light or auto.",
  ]);
  assertEquals(stage.changes, [{ bell: "all" }, "theme light", { theme: "light" }]);
});

Deno.test("LineChat ends with what the next visit needs", async () => {
  await using stage = new Stage();
  const peer = await welcomed(stage);
  await peer.tell({ type: "nick", name: "tim" });
  await stage.until("-- You are now tim.");
  stage.chat.leave();
  assertEquals((await peer.request())["type"], "quit");
  await peer.goodbye();
  const end = await stage.end();
  assertEquals(end, { end: { kind: "quit", why: null }, session: null, nick: "tim" });
});
