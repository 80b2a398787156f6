// The view as a whole: what events and keys make of the screen, and what is asked of the server.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Request, RequestAnswer } from "../../lib/client/conversation.ts";
import { CLIENT_BELL_MS, CLIENT_WHO_AGAIN_MS } from "../../lib/limits.ts";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import {
  ChatView,
  type ChatViewOptions,
  type ChatViewOwner,
} from "../../lib/terminal/chat_view.ts";
import type { Key } from "../../lib/terminal/keys.ts";
import { lineWidth, textOf } from "../../lib/terminal/styled.ts";
import { cleanText } from "../../lib/text.ts";
import { NOON_MS } from "./entries.ts";
import { TEXTS } from "./styled_texts.ts";

const SIZE = { columns: 60, rows: 10 };
const NOBODY = { names: [], more: 0 };

/** A request that the view has made. */
interface Asked {
  readonly ref: number;
  readonly request: Request;
  readonly onDone: (answer: RequestAnswer) => void;
}

/** A view, and everything that it asks for. */
class Stage implements ChatViewOwner {
  readonly view: ChatView;
  /** What was done, in words. */
  readonly log: string[] = [];
  /** Requests that have not been looked at, but for who is where. */
  asked: Asked[] = [];
  nowMs = NOON_MS;
  pending = 0;
  canStop = true;
  #lastRef = 0;
  #lastId = 100;

  constructor(options: Partial<ChatViewOptions> = {}) {
    this.view = new ChatView(this, { bell: "mentions", theme: "auto", ...options });
  }

  request(request: Request, onDone: (answer: RequestAnswer) => void): number {
    const ref = ++this.#lastRef;
    this.asked.push({ ref, request, onDone });
    return ref;
  }

  ring(): void {
    this.log.push("ring");
  }

  repaint(): void {
    this.log.push("repaint");
  }

  leave(): void {
    this.log.push("leave");
  }

  suspend(): boolean {
    this.log.push("suspend");
    return this.canStop;
  }

  retryNow(): void {
    this.log.push("retry");
  }

  setTheme(theme: string): void {
    this.log.push(`theme ${theme}`);
  }

  setBell(bell: string): void {
    this.log.push(`bell ${bell}`);
  }

  now(): number {
    return this.nowMs;
  }

  /** Comes into the chat as kim, in these rooms. */
  welcome(...rooms: string[]): void {
    this.comeIn({ isResumed: false }, ...rooms);
  }

  /** As {@linkcode welcome}, maybe as somebody who was there before. */
  comeIn({ isResumed }: { readonly isResumed: boolean }, ...rooms: string[]): void {
    this.view.setConnection({ kind: "online", latencyMs: 5 });
    this.view.apply({
      type: "welcome",
      version: 1,
      server: "Parley",
      name: "kim",
      isRegistered: false,
      room: rooms[0] ?? null,
      rooms: rooms.map((room) => ({ room, topic: "", others: { names: ["ann"], more: 0 } })),
      others: { names: ["ann"], more: 0 },
      topic: "",
      motd: [],
      id: this.#lastId,
      token: null,
      graceMs: 0,
      isResumed,
      isRestarted: false,
      isComplete: true,
      lastRef: 0,
    });
  }

  /** Ann says something. */
  hear(text: string, room = "#lobby"): number {
    const id = ++this.#lastId;
    this.view.apply({
      type: "message",
      id,
      atMs: this.nowMs,
      room,
      from: "ann",
      isRegistered: false,
      text,
    });
    return id;
  }

  type(text: string): void {
    this.view.take({ type: "text", text });
  }

  press(...keys: Key[]): void {
    for (const key of keys) this.view.take({ type: "key", key });
  }

  enter(text: string): void {
    this.type(text);
    this.press("enter");
  }

  screen(size = SIZE): string[] {
    return this.view.screen(size).lines.map((line) => textOf(line).trimEnd());
  }

  /** The rows in the middle that have something in them, without the time. */
  said(): string[] {
    return this.screen().slice(1, -2).filter((row) => row !== "")
      .map((row) => row.replace(/^\d\d:\d\d /, ""));
  }

  /** Takes the requests that were made, but for those after who is in a room. */
  take(): Asked[] {
    const asked = this.asked.filter(({ request }) =>
      !(request.type === "command" && request.name === "who")
    );
    this.asked = [];
    return asked;
  }

  /** Takes the only request that was made. */
  takeOne(): Asked {
    const [first, ...more] = this.take();
    assert(first !== undefined && more.length === 0);
    return first;
  }

  requests(): Request[] {
    return this.take().map(({ request }) => request);
  }
}

function startStage(options: Partial<ChatViewOptions> = {}): Stage {
  const stage = new Stage(options);
  stage.welcome("#lobby", "#dev", "#ops");
  stage.take();
  return stage;
}

function linesOf(room: string, ...ids: number[]): ServerEvent & { type: "history" } {
  return {
    type: "history",
    purpose: "asked",
    room,
    nowMs: NOON_MS,
    lines: ids.map((id) => ({
      id,
      atMs: NOON_MS - 1_000_000 + id,
      room,
      kind: "message",
      from: "bob",
      text: `line ${id}`,
    })),
    unread: 0,
  };
}

Deno.test("a whole screen: title, what is said, status, what is typed", () => {
  const stage = startStage();
  stage.hear("hello");
  stage.type("hi");
  assertEquals(stage.screen(), [
    "#lobby                                                2 here",
    "",
    "",
    "",
    "-- Sunday, 22 November 2026 --",
    "12:00 -- Welcome to Parley. You are kim in #lobby, with ann.",
    "12:00 -- Just type to talk. /help and /keys show the rest.",
    "12:00 ann: hello",
    "1:#lobby 2:#dev 3:#ops                          online, 5 ms",
    "kim> hi",
  ]);
});

Deno.test("what is said is shown at once, and once", () => {
  const stage = startStage();
  stage.enter("hello");
  const { ref, request, onDone } = stage.takeOne();
  assertEquals(request, { type: "say", text: "hello", room: "#lobby" });
  assert(stage.view.screen(SIZE).lines.flat().some(({ role }) => role === "pending"));
  onDone({ type: "ok", ref, id: 200, atMs: NOON_MS });
  stage.view.apply({
    type: "message",
    id: 200,
    atMs: NOON_MS,
    room: "#lobby",
    from: "kim",
    isRegistered: false,
    text: "hello",
  });
  assertEquals(stage.said().filter((row) => row.includes("hello")), ["kim: hello"]);
});

Deno.test("what is refused says why", () => {
  const stage = startStage();
  stage.enter("hello");
  const { ref, onDone } = stage.takeOne();
  onDone({ type: "refused", ref, code: "muted", text: "You are muted." });
  assertEquals(stage.said().slice(-2), ["kim: hello", "      Not sent: You are muted."]);
});

Deno.test("typed commands go to the server, in the room that is shown", () => {
  const stage = startStage();
  stage.press("alt-2");
  stage.enter("/me waves");
  stage.enter("/msg ann psst");
  stage.enter("/msg #ops all green");
  stage.enter("//shrug");
  stage.enter("/TOPIC  plans for Friday ");
  assertEquals(stage.requests(), [
    { type: "command", name: "me", args: "waves", room: "#dev" },
    { type: "command", name: "msg", args: "ann psst", room: "#dev" },
    { type: "command", name: "msg", args: "#ops all green", room: "#dev" },
    { type: "say", text: "/shrug", room: "#dev" },
    { type: "command", name: "topic", args: "plans for Friday", room: "#dev" },
  ]);
  assertEquals(stage.said().slice(-3), [
    "* kim waves",
    "[private to ann] kim: psst",
    "kim: /shrug",
  ]);
});

Deno.test("keys go from room to room, and the status tells what is unread", () => {
  const stage = startStage();
  stage.hear("one", "#dev");
  stage.hear("kim: two", "#dev");
  stage.hear("three", "#ops");
  const status = (): string => stage.screen().at(-2)?.replace(/ {2}.*/, "") ?? "";
  assertEquals(status(), "1:#lobby 2:#dev(2!) 3:#ops(1)");
  stage.press("alt-2");
  assertEquals(status(), "1:#lobby 2:#dev 3:#ops(1)");
  assert(stage.said().includes("-- new messages --"));
  stage.press("ctrl-n");
  assert(stage.screen()[0]?.startsWith("#ops"));
  stage.press("ctrl-n");
  assert(stage.screen()[0]?.startsWith("#lobby"));
  stage.press("ctrl-p", "ctrl-p");
  assert(stage.screen()[0]?.startsWith("#dev"));
  stage.press("alt-9");
  assert(stage.screen()[0]?.startsWith("#dev"));
});

Deno.test("page up fetches what is older, once, and what is read stays", () => {
  const stage = startStage();
  for (let count = 0; count < 20; count++) stage.hear(`message ${count}`);
  stage.screen();
  stage.press("page-up");
  assertEquals(stage.requests(), []);
  stage.press("page-up");
  const { ref, request, onDone } = stage.takeOne();
  assertEquals(request, {
    type: "command",
    name: "history",
    args: "100 before 101",
    room: "#lobby",
  });
  const read = stage.said();
  stage.view.apply({ ...linesOf("#lobby", 50, 51, 52), ref });
  onDone({ type: "ok", ref });
  assertEquals(stage.said(), read);
  stage.press("page-up", "page-up");
  assert(stage.said().includes("bob: line 50"));
});

Deno.test("messages that come below what is read are counted; the end is one key away", () => {
  const stage = startStage();
  for (let count = 0; count < 20; count++) stage.hear(`message ${count}`);
  stage.screen();
  stage.press("page-up");
  stage.hear("one");
  stage.hear("two");
  assert(stage.screen().at(-2)?.includes("2 new below"));
  assert(stage.screen().at(-2)?.startsWith("1:#lobby(2)"));
  stage.press("escape");
  assert(stage.screen().at(-2)?.startsWith("1:#lobby "));
  assertEquals(stage.said().at(-1), "ann: two");
});

Deno.test("what comes is unread while the terminal has no focus", () => {
  const stage = startStage();
  stage.view.take({ type: "focus", hasFocus: false });
  stage.hear("one");
  assert(stage.screen().at(-2)?.startsWith("1:#lobby(1)"));
  stage.view.take({ type: "focus", hasFocus: true });
  assert(stage.screen().at(-2)?.startsWith("1:#lobby "));
  assertEquals(stage.said().slice(-2), ["-- new messages --", "ann: one"]);
});

Deno.test("what was found is a list, and Enter shows where it was said", () => {
  const stage = startStage();
  stage.enter("/search line");
  const search = stage.takeOne();
  assertEquals(search.request, { type: "command", name: "search", args: "line", room: "#lobby" });
  const { lines } = linesOf("#dev", 71, 70);
  stage.view.apply({ type: "found", ref: search.ref, nowMs: NOON_MS, lines });
  search.onDone({ type: "ok", ref: search.ref });
  assert(stage.said()[1]?.endsWith("#dev bob: line 71"));

  stage.press("down", "enter");
  const [before, after] = stage.take();
  assert(before !== undefined && after !== undefined);
  assertEquals([before.request, after.request], [
    { type: "command", name: "history", args: "100 before 70", room: "#dev" },
    { type: "command", name: "history", args: "100 after 70", room: "#dev" },
  ]);
  stage.view.apply({ ...linesOf("#dev", 60, 61, 62, 63, 64), ref: before.ref });
  before.onDone({ type: "ok", ref: before.ref });
  stage.view.apply({ ...linesOf("#dev", 71, 72, 73, 74, 75, 76), ref: after.ref });
  after.onDone({ type: "ok", ref: after.ref });
  assertEquals(stage.said(), [
    "bob: line 63",
    "bob: line 64",
    "bob: line 70",
    "bob: line 71",
    "bob: line 72",
    "bob: line 73",
    "bob: line 74",
  ]);
  const lit = stage.view.screen(SIZE).lines.flat().filter(({ role }) => role === "match");
  assert(lit.some(({ text }) => text.includes("line 70")));
  assert(stage.screen()[0]?.startsWith("#dev  what was said then"));

  stage.press("escape");
  assert(stage.said()[1]?.endsWith("#dev bob: line 71"));
  stage.press("escape");
  assert(stage.said().at(-1)?.includes("Just type"));
});

Deno.test("what was found is shown in its room where it is still there", () => {
  const stage = startStage();
  const id = stage.hear("needle", "#dev");
  stage.enter("/search needle");
  const { ref, onDone } = stage.takeOne();
  const [line] = linesOf("#dev", id).lines;
  stage.view.apply({ type: "found", ref, nowMs: NOON_MS, lines: line === undefined ? [] : [line] });
  onDone({ type: "ok", ref });
  stage.press("enter");
  assertEquals(stage.take(), []);
  assert(stage.screen()[0]?.startsWith("#dev "));
  assertEquals(stage.said().at(-1), "ann: needle");
});

Deno.test("history that the user asks for is shown as any answer", () => {
  const stage = startStage();
  stage.enter("/history 2");
  const { ref, onDone } = stage.takeOne();
  stage.view.apply({ ...linesOf("#lobby", 50, 51), ref });
  onDone({ type: "ok", ref });
  assert(stage.said().at(-1)?.endsWith("#lobby bob: line 51"));
});

Deno.test("the bell is rung as the user wants it, and not all the time", () => {
  const rings = (bell: ChatViewOptions["bell"], ...texts: string[]): number => {
    const stage = startStage({ bell });
    for (const text of texts) {
      stage.nowMs += CLIENT_BELL_MS;
      stage.hear(text);
    }
    return stage.log.filter((word) => word === "ring").length;
  };
  assertEquals(rings("off", "kim: hi", "hi"), 0);
  assertEquals(rings("mentions", "kim: hi", "hi", "KIM!"), 2);
  assertEquals(rings("all", "kim: hi", "hi"), 2);
  const stage = startStage();
  for (let count = 0; count < 10; count++) stage.hear("kim");
  assertEquals(stage.log, ["ring"]);
});

Deno.test("a private message rings, and is shown in the room that is open", () => {
  const stage = startStage();
  stage.view.apply({
    type: "direct",
    id: 300,
    atMs: NOON_MS,
    nowMs: NOON_MS,
    from: "ann",
    text: "psst",
    hasWaited: false,
  });
  assertEquals(stage.log, ["ring"]);
  assertEquals(stage.said().at(-1), "[private] ann: psst");
  stage.enter("/reply what?");
  assertEquals(stage.requests(), [
    { type: "command", name: "reply", args: "what?", room: "#lobby" },
  ]);
  assertEquals(stage.said().at(-1), "[private to ann] kim: what?");
});

Deno.test("settings are changed, shown, and not changed to what they cannot be", () => {
  const stage = startStage();
  stage.enter("/bell");
  assert(stage.said().join(" ").includes("-- /bell is mentions; off, mentions, all are the"));
  stage.enter("/bell ALL");
  stage.enter("/theme light");
  stage.enter("/theme pink");
  assertEquals(stage.said().at(-1), "!! /theme takes dark, light or auto.");
  assertEquals(stage.log, ["bell all", "theme light"]);
  assertEquals(stage.requests(), []);
});

Deno.test("the server's password is typed unseen, and what was being typed comes back", async () => {
  const stage = new Stage();
  stage.type("hello");
  const password = stage.view.askPassword("This server asks for its password.");
  assertEquals(stage.said().at(-1), "-- This server asks for its password.");
  stage.type("secret");
  assertEquals(stage.screen().slice(-2), ["", "password> ******"]);
  stage.press("enter");
  assertEquals(await password, "secret");
  assertEquals(stage.screen().at(-1), "> hello");
  const given = stage.view.askPassword("That is not the password.");
  stage.press("escape");
  assertEquals(await given, null);
});

Deno.test("passwords in commands are masked while they are typed, and not brought back", () => {
  const stage = startStage();
  stage.type("/login kim secret");
  assertEquals(stage.screen().at(-1), "kim> /login kim ******");
  stage.press("enter");
  assertEquals(stage.requests().length, 1);
  stage.press("up");
  assertEquals(stage.screen().at(-1), "kim>");
});

Deno.test("a paste of several lines is looked at before it is said", () => {
  const stage = startStage();
  const size = { columns: 60, rows: 16 };
  stage.view.take({ type: "paste", text: "one\r\ntwo", isCut: false });
  assertEquals(stage.screen(size).slice(-4), [
    "2 lines pasted:",
    "| one",
    "| two",
    "Enter sends it, e edits it, Escape drops it.",
  ]);
  stage.press("escape");
  assertEquals(stage.screen(size).at(-1), "kim>");
  stage.view.take({ type: "paste", text: "one\r\ntwo", isCut: false });
  stage.press("enter");
  assertEquals(stage.requests(), [{ type: "say", text: "one\ntwo", room: "#lobby" }]);
});

Deno.test("a paste that looks like commands is said, not done", () => {
  const stage = startStage();
  stage.view.take({ type: "paste", text: "/quit\n/leave", isCut: false });
  stage.press("enter");
  assertEquals(stage.requests(), [{ type: "say", text: "/quit\n/leave", room: "#lobby" }]);
  assertEquals(stage.log, []);
});

Deno.test("Tab completes names, those who spoke last first, and shows the choices", () => {
  const stage = startStage();
  stage.view.apply({ type: "joined", id: 400, room: "#lobby", who: { names: ["anna"], more: 0 } });
  stage.hear("hello");
  stage.type("an");
  stage.press("tab");
  assertEquals(stage.screen().slice(-2), ["ann  anna", "kim> ann:"]);
  stage.press("tab");
  assertEquals(stage.screen().slice(-2), ["anna", "kim> anna:"]);
  stage.type("hi");
  assertEquals(stage.screen().at(-1), "kim> anna: hi");
});

Deno.test("Tab offers who is here before whoever spoke and has gone", () => {
  const stage = startStage();
  stage.view.apply({ ...linesOf("#lobby", 50), purpose: "backlog" });
  stage.hear("hello");
  stage.type("/msg ");
  stage.press("tab");
  assertEquals(stage.screen().slice(-2), ["ann  bob  #lobby  #dev  #ops", "kim> /msg ann"]);
  stage.press("ctrl-c");
  stage.view.apply({ type: "joined", id: 400, room: "#lobby", who: { names: ["bob"], more: 0 } });
  stage.view.apply({
    type: "left",
    id: 401,
    room: "#lobby",
    who: { names: ["ann"], more: 0 },
    reason: "left",
  });
  stage.type("/msg ");
  stage.press("tab");
  assertEquals(stage.screen().slice(-2), ["bob  ann  #lobby  #dev  #ops", "kim> /msg bob"]);
});

Deno.test("what is too long for one message is not taken, and that is said", () => {
  const stage = startStage();
  stage.type("x".repeat(7_000));
  stage.type("y".repeat(7_000));
  assert(stage.screen().includes("That is too long for one message."));
  stage.press("enter");
  assertEquals(stage.requests(), [{ type: "say", text: "x".repeat(7_000), room: "#lobby" }]);
});

Deno.test("Ctrl-C clears the line, and leaves where it is empty; Ctrl-D and /quit leave", () => {
  const stage = startStage();
  stage.type("hello");
  stage.press("ctrl-c");
  assertEquals(stage.log, []);
  assertEquals(stage.screen().at(-1), "kim>");
  stage.press("ctrl-c");
  stage.press("ctrl-d");
  stage.enter("/quit");
  assertEquals(stage.log, ["leave", "leave", "leave"]);
});

Deno.test("Enter on an empty line tries again at once while there is no connection", () => {
  const stage = startStage();
  stage.view.setConnection({
    kind: "waiting",
    attempt: 1,
    retryAtMs: NOON_MS + 4_000,
    why: "Lost.",
  });
  assert(stage.screen().at(-2)?.endsWith("offline, back in 4 s"));
  stage.press("enter");
  assertEquals(stage.log, ["retry"]);
});

Deno.test("who is an operator is asked once for each room that is shown, and not told", () => {
  const stage = new Stage();
  stage.welcome("#lobby", "#dev");
  stage.press("alt-2", "alt-1", "alt-2");
  const asked = stage.asked.map(({ request }) => request);
  assertEquals(asked, [
    { type: "command", name: "who", args: "", room: "#lobby" },
    { type: "command", name: "who", args: "", room: "#dev" },
  ]);
  const [{ ref, onDone } = stage.takeOne()] = stage.asked;
  const rows = stage.said();
  stage.view.apply({
    type: "who",
    ref,
    room: "#lobby",
    atMs: NOON_MS,
    users: [{ name: "ann", joinedAtMs: NOON_MS, isOperator: true }],
    more: 0,
  });
  onDone({ type: "ok", ref });
  assertEquals(stage.said(), rows);
  stage.press("alt-1");
  assert(stage.screen({ columns: 100, rows: 10 })[1]?.endsWith(" @ann"));
});

Deno.test("who comes for the first time reads how to begin, who comes back does not", () => {
  const hint = "-- Just type to talk. /help and /keys show the rest.";
  const stage = new Stage();
  stage.comeIn({ isResumed: false }, "#lobby");
  stage.comeIn({ isResumed: false }, "#lobby");
  assertEquals(stage.said().filter((row) => row === hint), [hint]);
  const back = new Stage();
  back.comeIn({ isResumed: true }, "#lobby");
  assert(!back.said().includes(hint));
});

Deno.test("a screen that the last lines do not fill is filled from the history, once", () => {
  const stage = new Stage();
  stage.welcome("#lobby");
  const [who, ...none] = stage.asked;
  assertEquals(none, []);
  stage.asked = [];
  stage.hear("the last line");
  who?.onDone({ type: "ok", ref: who.ref });
  const { ref, request, onDone } = stage.takeOne();
  assertEquals(request, {
    type: "command",
    name: "history",
    args: "100 before 101",
    room: "#lobby",
  });
  stage.view.apply({ ...linesOf("#lobby", 50, 51), ref });
  onDone({ type: "ok", ref });
  stage.hear("another");
  assertEquals(stage.requests(), []);
  assertEquals(stage.said().slice(1, 3), ["bob: line 50", "bob: line 51"]);
});

Deno.test("a screen that the last lines fill asks for nothing", () => {
  const stage = new Stage();
  stage.welcome("#lobby");
  const [who] = stage.asked;
  stage.asked = [];
  stage.screen();
  for (let count = 0; count < 7; count++) stage.hear(`message ${count}`);
  who?.onDone({ type: "ok", ref: who.ref });
  assertEquals(stage.requests(), []);
});

Deno.test("who is there is asked again where some came unnamed, and not for each of them", () => {
  const stage = startStage();
  const whos = (): number => stage.asked.length;
  const come = (): void => {
    const who = { names: ["dan"], more: 3 };
    stage.view.apply({ type: "joined", id: 400, room: "#lobby", who });
  };
  for (let count = 0; count < 5; count++) come();
  assertEquals(whos(), 0);
  stage.nowMs += CLIENT_WHO_AGAIN_MS;
  stage.view.setConnection({ kind: "online", latencyMs: 5 });
  assertEquals(stage.asked.map(({ request }) => request), [
    { type: "command", name: "who", args: "", room: "#lobby" },
  ]);
  come();
  stage.nowMs += CLIENT_WHO_AGAIN_MS / 2;
  stage.view.setConnection({ kind: "online", latencyMs: 5 });
  assertEquals(whos(), 1);
});

Deno.test("whoever is sent out of a room reads by whom and why", () => {
  const stage = startStage();
  stage.view.apply({
    type: "sent-out",
    id: 400,
    room: "#lobby",
    name: "Kim",
    verb: "removed",
    by: "ann",
    reason: "spam",
  });
  stage.view.apply({ type: "parted", id: 401, room: "#lobby", to: "#dev" });
  assertEquals(stage.said().slice(-2), [
    "-- You are not in #lobby any more.",
    "-- Kim was removed from #lobby by ann: spam",
  ]);
  stage.view.apply({ type: "parted", id: 402, room: "#dev", to: "#ops" });
  assertEquals(stage.said().at(-1), "-- You are not in #dev any more.");
});

Deno.test("an answer that is higher than the screen is read from its beginning", () => {
  const stage = startStage();
  stage.hear("before");
  stage.screen();
  const entries = Array.from({ length: 9 }, (_, index) => ({
    group: "Talk",
    usage: `/c${index}`,
    summary: "does it",
  }));
  stage.enter("/help");
  const { ref } = stage.takeOne();
  stage.view.apply({ type: "help", ref, entries });
  assertEquals(stage.said().slice(0, 4), [
    "-- Of this client: /bell off|mentions|all, /theme",
    "         dark|light|auto, and /keys.",
    "-- Talk:",
    "           /c0  does it",
  ]);
  assert(stage.screen().at(-2)?.includes("more below"));
  stage.press("page-down", "page-down");
  assertEquals(stage.said().at(-1), "           /c8  does it");
  stage.enter("/help c1");
  stage.view.apply({ type: "help", ref: stage.takeOne().ref, entries: entries.slice(1, 2) });
  assertEquals(stage.said().at(-1), "-- /c1  does it");
});

Deno.test("the keys are told where one asks, from the first one on", () => {
  const stage = startStage();
  stage.screen();
  stage.enter("/keys");
  assertEquals(stage.requests(), []);
  assertEquals(stage.said().slice(0, 2), [
    "-- Keys:",
    "           PageUp, PageDown  read back, and forth",
  ]);
  stage.press("end");
  assertEquals(stage.said().at(-1), "           Ctrl-D            leave, on an empty line");
});

Deno.test("Escape goes back to what was found, also from the room itself", () => {
  const stage = startStage();
  const id = stage.hear("needle");
  stage.enter("/search needle");
  const { ref, onDone } = stage.takeOne();
  stage.view.apply({ type: "found", ref, nowMs: NOON_MS, lines: linesOf("#lobby", id).lines });
  onDone({ type: "ok", ref });
  stage.press("enter");
  assertEquals(stage.said().at(-1), "ann: needle");
  stage.press("escape");
  assert(stage.said()[0]?.startsWith("-- 1 found"));
  stage.press("enter", "alt-2", "alt-1", "escape");
  assertEquals(stage.said().at(-1), "ann: needle");
});

Deno.test("why no more of what was said then is to be had stands above it", () => {
  const stage = startStage();
  stage.enter("/search line");
  const search = stage.takeOne();
  const { lines } = linesOf("#dev", 70);
  stage.view.apply({ type: "found", ref: search.ref, nowMs: NOON_MS, lines });
  search.onDone({ type: "ok", ref: search.ref });
  stage.press("enter");
  for (const { ref, onDone } of stage.take()) {
    onDone({ type: "refused", ref, code: "busy", text: "Try again later." });
  }
  assertEquals(stage.screen()[0], "#dev  Try again later.");
});

Deno.test("Ctrl-Z says so where nothing can stop the client", () => {
  const stage = startStage();
  stage.press("ctrl-z");
  assertEquals(stage.log, ["suspend"]);
  stage.canStop = false;
  stage.press("ctrl-z");
  assertEquals(stage.said().at(-1), "!! Ctrl-Z cannot stop the client here.");
});

Deno.test("on an empty line Home and End go to the start and the end of what is shown", () => {
  const stage = startStage();
  for (let count = 0; count < 20; count++) stage.hear(`message ${count}`);
  stage.screen();
  stage.press("home");
  assertEquals(stage.said()[0], "-- Sunday, 22 November 2026 --");
  stage.press("end");
  assertEquals(stage.said().at(-1), "ann: message 19");
  stage.type("hello");
  stage.press("home");
  stage.type("x");
  assertEquals(stage.screen().at(-1), "kim> xhello");
  assertEquals(stage.said().at(-1), "ann: message 19");
});

Deno.test("Home and End go through what was found, and through what was said then", () => {
  const stage = startStage();
  stage.enter("/search line");
  const search = stage.takeOne();
  const ids = [79, 78, 77, 76, 75, 74, 73, 72, 71, 70];
  const { lines } = linesOf("#dev", ...ids);
  stage.view.apply({ type: "found", ref: search.ref, nowMs: NOON_MS, lines });
  search.onDone({ type: "ok", ref: search.ref });
  stage.press("end");
  assert(stage.said().at(-1)?.endsWith("line 70"));
  stage.press("ctrl-home");
  assert(stage.said()[1]?.endsWith("line 79"));
  stage.press("enter");
  const [before, after] = stage.take();
  assert(before !== undefined && after !== undefined);
  stage.view.apply({ ...linesOf("#dev", ...ids.slice(1).reverse()), ref: before.ref });
  before.onDone({ type: "ok", ref: before.ref });
  after.onDone({ type: "ok", ref: after.ref });
  stage.press("home");
  assertEquals(stage.said().slice(0, 2), ["-- Sunday, 22 November 2026 --", "bob: line 70"]);
  stage.press("end");
  assert(stage.screen()[0]?.startsWith("#lobby "));
});

Deno.test("who leaves with something unsent is asked once, while there is no connection", () => {
  const stage = startStage();
  stage.view.setConnection({ kind: "connecting" });
  stage.enter("hello");
  stage.press("ctrl-d");
  assertEquals(stage.log, []);
  assertEquals(stage.said().slice(-2), [
    "!! 1 message is not sent yet: leave again to drop it.",
    "kim: hello",
  ]);
  stage.enter("/quit");
  assertEquals(stage.log, ["leave"]);
});

Deno.test("Tab knows the rooms that the server has listed", () => {
  const stage = startStage();
  const rooms = ["#dev", "#garden"].map((name) => ({
    name,
    people: 1,
    topic: "",
    needs: null,
    isIn: name === "#dev",
  }));
  stage.view.apply({ type: "rooms", rooms, more: 0 });
  stage.type("/join #g");
  stage.press("tab");
  assertEquals(stage.screen().at(-1), "kim> /join #garden");
});

Deno.test("a screen that is too small says so, and all is back when it has grown", () => {
  const stage = startStage();
  stage.hear("hello");
  const before = stage.screen();
  assertEquals(stage.screen({ columns: 12, rows: 2 }), ["Too small...", ""]);
  assertEquals(stage.screen(), before);
});

Deno.test("the view begins without a room, and in none commands have none", () => {
  const stage = new Stage();
  assertEquals(stage.screen()[0], "Parley");
  stage.view.apply({
    type: "entered",
    id: 1,
    room: "#a",
    how: "made",
    others: NOBODY,
    topic: "",
    isLasting: false,
  });
  assert(stage.screen()[0]?.startsWith("#a"));
  stage.view.apply({ type: "parted", id: 2, room: "#a", to: null });
  stage.take();
  stage.enter("/rooms");
  assertEquals(stage.requests(), [{ type: "command", name: "rooms", args: "" }]);
});

Deno.test("whatever is said, typed and pressed, a frame fits the terminal", () => {
  const keys: readonly Key[] = [
    ...["enter", "escape", "page-up", "page-down", "ctrl-home", "ctrl-end", "tab", "up"] as const,
    ...["ctrl-n", "ctrl-p", "alt-2", "backspace", "ctrl-w", "left"] as const,
  ];
  const size = fc.record({
    columns: fc.integer({ min: 1, max: 130 }),
    rows: fc.integer({ min: 1, max: 30 }),
  });
  const step = fc.oneof(
    fc.record({ heard: TEXTS, room: fc.constantFrom("#lobby", "#dev") }),
    fc.record({ typed: TEXTS }),
    fc.record({ pasted: fc.array(TEXTS, { maxLength: 4 }).map((lines) => lines.join("\n")) }),
    fc.record({ key: fc.constantFrom(...keys) }),
    fc.record({ found: fc.array(TEXTS, { maxLength: 3 }) }),
    fc.record({ size }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const stage = startStage();
    let screen = SIZE;
    for (const each of steps) {
      if ("heard" in each) stage.hear(cleanText(each.heard), each.room);
      else if ("typed" in each) stage.type(cleanText(each.typed));
      else if ("pasted" in each) {
        stage.view.take({ type: "paste", text: each.pasted, isCut: false });
      } else if ("key" in each) stage.press(each.key);
      else if ("size" in each) screen = each.size;
      else {
        const ref = stage.asked.find(({ request }) =>
          request.type === "command" && request.name === "search"
        )?.ref;
        const lines = each.found.map((text, id) => ({
          id,
          atMs: NOON_MS,
          room: "#dev",
          kind: "message" as const,
          from: "bob",
          text: cleanText(text),
        }));
        stage.view.apply({
          type: "found",
          nowMs: NOON_MS,
          lines,
          ...ref === undefined ? {} : { ref },
        });
      }
      const { lines, cursor } = stage.view.screen(screen);
      assertEquals(lines.length, screen.rows);
      for (const line of lines) {
        assert(lineWidth(line) <= screen.columns);
        assert(!/\p{Cc}/u.test(textOf(line)));
      }
      assert(cursor === null || (cursor.row < screen.rows && cursor.column <= screen.columns));
    }
  }));
});
