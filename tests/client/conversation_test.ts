// The client's side of the JSON protocol against a server that the test plays: how it comes in,
// what it does when the connection is lost at each point, and how it ends.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { mock } from "node:test";
import type { RequestAnswer, Session } from "../../lib/client/conversation.ts";
import {
  CLIENT_HELLO_MS,
  CLIENT_JSON_LENGTH_MAX,
  CLIENT_LEAVE_MS,
  CLIENT_PING_MS,
  CLIENT_PONG_MS,
  CLIENT_QUEUE_BYTES_MAX,
  CLIENT_REQUESTS_AT_ONCE,
  LINE_BYTES_MAX,
} from "../../lib/limits.ts";
import { FakeServer } from "../terminal/fake_server.ts";
import {
  lineOf,
  messageLine,
  nextRequest,
  startTalk,
  type Talk,
  welcomeLine,
} from "./conversations.ts";

Deno.test("Conversation says hello at once, and nothing else before the welcome", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server, { password: "sesame" });
  talk.conversation.request({ type: "say", text: "typed early" });
  const peer = await server.accept();
  assertEquals(await nextRequest(peer), {
    type: "hello",
    version: 1,
    nick: "ann",
    password: "sesame",
  });
  await peer.say("-- Welcome, and this is how plain text looks.\n{not json\n[1]\n");
  await peer.say(welcomeLine({ id: 7 }));
  // The first line tells the server that the welcome has come.
  const ping = JSON.parse(await peer.line()) as Record<string, unknown>;
  assertEquals([ping["type"], ping["last"]], ["ping", 7]);
  assertEquals(await nextRequest(peer), { type: "say", text: "typed early", ref: 1 });
  assertEquals(talk.owner.events.map(({ type }) => type), ["welcome"]);
});

Deno.test("Conversation hands out events once, in order, and keeps its own pongs", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say(welcomeLine({ id: 10 }));
  const { text } = JSON.parse(await peer.line()) as Record<string, unknown>;
  await peer.say(lineOf({ type: "pong", text, atMs: 1 }));
  await peer.say(messageLine(10) + messageLine(11) + messageLine(11) + "nonsense\n");
  await peer.say(lineOf({ type: "weather", id: 12 }) + messageLine(12) + messageLine(13));
  await talk.owner.until("line 13", () => talk.owner.texts.includes("line 13"));
  assertEquals(talk.owner.events.map(({ type }) => type), ["welcome", "message", "message"]);
  assertEquals(talk.owner.texts, ["line 11", "line 13"]);
  const online = talk.owner.states.at(-1);
  assert(online?.kind === "online" && online.latencyMs !== null && online.latencyMs >= 0);
});

Deno.test("Conversation goes on after a lost connection, and sends what was not answered", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  const answers: RequestAnswer[] = [];
  const first = await server.accept();
  await nextRequest(first);
  await first.say(welcomeLine({ id: 3 }));
  talk.conversation.request({ type: "say", text: "one" }, (answer) => answers.push(answer));
  talk.conversation.request({ type: "say", text: "two" }, (answer) => answers.push(answer));
  assertEquals((await nextRequest(first))["ref"], 1);
  assertEquals((await nextRequest(first))["ref"], 2);
  await first.say(lineOf({ type: "ok", ref: 1, id: 4, atMs: 1 }) + messageLine(5));
  await talk.owner.until("the message", () => talk.owner.texts.length === 1);
  await first.close();

  const second = await server.accept();
  talk.conversation.request({ type: "say", text: "three" }, (answer) => answers.push(answer));
  assertEquals(await nextRequest(second), {
    type: "hello",
    version: 1,
    nick: "ann",
    token: "t1",
    last: 5,
  });
  await second.say(welcomeLine({ id: 7, token: "t2", isResumed: true, lastRef: 1 }));
  await second.say(messageLine(6) + lineOf({ type: "caught-up", missed: 1, id: 7 }));
  assertEquals((await nextRequest(second))["text"], "two");
  assertEquals((await nextRequest(second))["ref"], 3);
  await second.say(lineOf({ type: "ok", ref: 2, repeated: true }) + lineOf({ type: "ok", ref: 3 }));
  await talk.owner.until("what was missed", () => talk.owner.texts.length === 2);
  await second.close();

  const third = await server.accept();
  const hello = await nextRequest(third);
  assertEquals([hello["token"], hello["last"]], ["t2", 7]);
  assertEquals(talk.conversation.pending, 0);
  assertEquals(answers.map(({ type, ref }) => [type, ref]), [["ok", 1], ["ok", 2], ["ok", 3]]);
});

Deno.test("Conversation resumes with the old token where the welcome was lost", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  const first = await server.accept();
  await nextRequest(first);
  await first.say(welcomeLine({ id: 3 }));
  await talk.owner.until("the welcome", () => talk.owner.events.length === 1);
  await first.close();
  const second = await server.accept();
  assertEquals((await nextRequest(second))["token"], "t1");
  await second.say(welcomeLine({ token: "t2", isResumed: true }).slice(0, -20));
  await second.close();
  const third = await server.accept();
  assertEquals((await nextRequest(third))["token"], "t1");
});

Deno.test("Conversation takes up a session of an earlier run, and continues its refs", async () => {
  await using server = new FakeServer();
  const session: Session = { token: "old", lastId: 40, lastRef: 6 };
  await using talk = startTalk(server, { session });
  assertEquals(talk.conversation.request({ type: "say", text: "typed early" }), 7);
  const peer = await server.accept();
  const hello = await nextRequest(peer);
  assertEquals([hello["token"], hello["last"]], ["old", 40]);
  await peer.say(welcomeLine({ id: 42, token: "new", isResumed: true, lastRef: 6 }));
  await peer.say(messageLine(41));
  await talk.owner.until("what was missed", () => talk.owner.texts.length === 1);
  assertEquals(talk.conversation.session, { token: "new", lastId: 41, lastRef: 7 });
});

Deno.test("Conversation begins anew where the session is over, and says nothing twice", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  const first = await server.accept();
  await nextRequest(first);
  await first.say(welcomeLine({ id: 100 }));
  await first.say(lineOf({ type: "nick", id: 101, name: "anna" }));
  for (const [index, room] of ["#dev", "#ops"].entries()) {
    await first.say(lineOf({
      type: "entered",
      id: 102 + index,
      room,
      how: "joined",
      others: { names: [], more: 0 },
      topic: "",
      isLasting: false,
    }));
  }
  await talk.owner.until("both rooms", () => talk.owner.events.length === 4);
  const answers: RequestAnswer[] = [];
  talk.conversation.request({ type: "say", text: "written" }, (answer) => answers.push(answer));
  await nextRequest(first);
  await first.close();

  const second = await server.accept();
  talk.conversation.request({ type: "say", text: "kept" }, (answer) => answers.push(answer));
  await nextRequest(second);
  await second.say(lineOf({ type: "refused", code: "session-over", text: "It is over." }));
  // On the same connection, under the name of now.
  assertEquals(await nextRequest(second), { type: "hello", version: 1, nick: "anna" });
  await second.say(welcomeLine({ id: 5, token: "t2", name: "anna" }));
  const rejoined = [await nextRequest(second), await nextRequest(second)];
  assertEquals(rejoined.map(({ name, args }) => [name, args]), [["join", "#dev"], [
    "join",
    "#ops",
  ]]);
  assertEquals(await nextRequest(second), { type: "say", text: "kept", ref: 2 });
  // Ids of the new session may be lower: a server that was set up anew begins again.
  await second.say(lineOf({ type: "ok", ref: rejoined[0]?.["ref"] }) + messageLine(6));
  await talk.owner.until("the message", () => talk.owner.texts.length === 1);
  assertEquals(answers.map((answer) => answer.type === "refused" ? answer.code : answer.type), [
    "unknown-fate",
  ]);

  // Of the two joins one was answered; the other is made again.
  await second.close();
  const third = await server.accept();
  await nextRequest(third);
  await third.say(welcomeLine({ id: 6, token: "t3", name: "anna", isResumed: true }));
  assertEquals((await nextRequest(third))["args"], "#ops");
  assertEquals((await nextRequest(third))["text"], "kept");
});

Deno.test("Conversation comes back after goodbyes that are no farewell", async (t) => {
  for (const reason of ["slow", "shutdown", "idle", "internal"]) {
    await t.step(reason, async () => {
      await using server = new FakeServer();
      await using talk = startTalk(server);
      const first = await server.accept();
      await nextRequest(first);
      await first.say(welcomeLine());
      await first.say(lineOf({ type: "goodbye", reason, sessionId: 1, detail: "" }));
      const second = await server.accept();
      assertEquals((await nextRequest(second))["token"], "t1");
      const waiting = talk.owner.states.find(({ kind }) => kind === "waiting");
      assert(waiting?.kind === "waiting" && waiting.attempt === 1 && waiting.why !== "");
    });
  }
});

Deno.test("Conversation ends where the server wants it to end", async (t) => {
  for (const reason of ["removed", "replaced", "not-admitted", "quit"]) {
    await t.step(`goodbye: ${reason}`, async () => {
      await using server = new FakeServer();
      await using talk = startTalk(server);
      const peer = await server.accept();
      await nextRequest(peer);
      await peer.say(welcomeLine());
      await peer.say(lineOf({ type: "goodbye", reason, sessionId: 1, detail: "By bob: Enough." }));
      const why = reason === "quit" ? null : "By bob: Enough.";
      assertEquals(await talk.end(), { kind: reason, why } as Awaited<ReturnType<Talk["end"]>>);
      assertEquals(talk.owner.states.at(-1), { kind: "ended", why });
      assertEquals(talk.conversation.session, null);
    });
  }
  for (const code of ["banned", "bad-version"]) {
    await t.step(`refused: ${code}`, async () => {
      await using server = new FakeServer();
      await using talk = startTalk(server);
      const peer = await server.accept();
      await nextRequest(peer);
      await peer.say(lineOf({ type: "refused", code, text: "No." }));
      assertEquals(await talk.end(), { kind: code, why: "No." } as Awaited<
        ReturnType<Talk["end"]>
      >);
    });
  }
});

Deno.test("Conversation asks for the password until it is right, and remembers it", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  talk.owner.passwords.push("wrong", "right");
  for (const [code, password] of [["password-wanted", undefined], ["wrong-password", "wrong"]]) {
    const peer = await server.accept();
    assertEquals((await nextRequest(peer))["password"], password);
    await peer.say(lineOf({ type: "refused", code, text: `It is ${code}.` }));
    await peer.end();
  }
  for (let count = 0; count < 2; count++) {
    const peer = await server.accept();
    assertEquals((await nextRequest(peer))["password"], "right");
    await peer.say(welcomeLine());
    await talk.owner.until("the welcome", () => talk.owner.events.length === count + 1);
    await peer.close();
  }
  assertEquals(talk.owner.sentences, ["It is password-wanted.", "It is wrong-password."]);
});

Deno.test("Conversation ends where nobody knows the password, and while it is asked for", async () => {
  await using server = new FakeServer();
  const refusal = lineOf({ type: "refused", code: "password-wanted", text: "Tell it." });
  {
    await using talk = startTalk(server);
    const peer = await server.accept();
    await peer.say(refusal);
    assertEquals(await talk.end(), { kind: "not-admitted", why: "Tell it." });
  }
  await using talk = startTalk(server);
  const asked = Promise.withResolvers<void>();
  talk.owner.onPasswordWanted = (): Promise<null> => {
    asked.resolve();
    return new Promise(() => {});
  };
  const peer = await server.accept();
  await peer.say(refusal);
  await asked.promise;
  talk.controller.abort();
  assertEquals(await talk.end(), { kind: "aborted", why: null });
});

Deno.test("Conversation does not try again where it never was let in", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using server = new FakeServer();
  {
    await using talk = startTalk(server, {
      address: { hostname: "127.0.0.1", port, isTls: false },
    });
    const end = await talk.end();
    assertEquals(end.kind, "lost");
    assertMatch(end.why ?? "", /connection refused/);
  }
  await using talk = startTalk(server);
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say("-- Parley is \x1b[31mfull.\n");
  await peer.close();
  assertEquals(await talk.end(), { kind: "lost", why: "Parley is full." });
});

Deno.test("Conversation answers what is left when it ends", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server, { reconnects: false });
  const codes: string[] = [];
  const note = (answer: RequestAnswer): number =>
    codes.push(answer.type === "refused" ? answer.code : answer.type);
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say(welcomeLine());
  await talk.owner.until("the welcome", () => talk.owner.events.length === 1);
  for (let count = 0; count <= CLIENT_REQUESTS_AT_ONCE; count++) {
    talk.conversation.request({ type: "say", text: "hi" }, note);
  }
  for (let count = 0; count < CLIENT_REQUESTS_AT_ONCE; count++) await nextRequest(peer);
  await peer.close();
  assertEquals((await talk.end()).kind, "lost");
  assertEquals(codes, [...Array(CLIENT_REQUESTS_AT_ONCE).fill("unknown-fate"), "not-sent"]);
  await new Promise<void>((resolve) => {
    talk.conversation.request({ type: "say", text: "late" }, (answer) => {
      note(answer);
      resolve();
    });
  });
  assertEquals(codes.at(-1), "not-sent");
});

Deno.test("Conversation takes no more than can wait, and nothing that is too long", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  const codes: string[] = [];
  const done = Promise.withResolvers<void>();
  const note = (answer: RequestAnswer): void => {
    codes.push(answer.type === "refused" ? answer.code : answer.type);
    if (codes.length === 2) done.resolve();
  };
  talk.conversation.request({ type: "say", text: "x".repeat(LINE_BYTES_MAX) }, note);
  assertEquals(codes, [], "the answer came before the ref");
  const text = "x".repeat(LINE_BYTES_MAX - 100);
  let taken = 0;
  while (talk.conversation.pending === taken) {
    talk.conversation.request({ type: "say", text }, note);
    taken++;
    assert(taken * text.length < 2 * CLIENT_QUEUE_BYTES_MAX, "it takes everything");
  }
  await done.promise;
  assertEquals(codes, ["too-long", "too-many-waiting"]);
});

Deno.test("Conversation.quit() leaves from wherever it is", async (t) => {
  await t.step("online: the server says goodbye", async () => {
    await using server = new FakeServer();
    await using talk = startTalk(server);
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(welcomeLine());
    await talk.owner.until("the welcome", () => talk.owner.events.length === 1);
    talk.conversation.quit();
    talk.conversation.quit();
    assertEquals((await nextRequest(peer))["type"], "quit");
    await peer.say(lineOf({ type: "goodbye", reason: "quit", sessionId: 1, detail: "" }));
    assertEquals(await talk.end(), { kind: "quit", why: null });
    assertEquals(talk.conversation.session, null);
  });
  await t.step("before the welcome", async () => {
    await using server = new FakeServer();
    await using talk = startTalk(server);
    const peer = await server.accept();
    await nextRequest(peer);
    talk.conversation.quit();
    assertEquals(await talk.end(), { kind: "quit", why: null });
    await peer.end();
  });
  await t.step("in a pause", async () => {
    await using server = new FakeServer();
    await using talk = startTalk(server, { keepsPauses: true });
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(welcomeLine());
    talk.owner.onStateToo = (state): void => {
      if (state.kind === "waiting") queueMicrotask(() => talk.conversation.quit());
    };
    await peer.close();
    assertEquals(await talk.end(), { kind: "quit", why: null });
  });
});

Deno.test("Conversation can be aborted at every point, and keeps its session", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server, { keepsPauses: true });
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say(welcomeLine({ id: 9 }));
  await talk.owner.until("the welcome", () => talk.owner.events.length === 1);
  await peer.close();
  await talk.owner.until("a pause", () => talk.owner.states.at(-1)?.kind === "waiting");
  talk.controller.abort();
  assertEquals(await talk.end(), { kind: "aborted", why: null });
  assertEquals(talk.conversation.session, { token: "t1", lastId: 9, lastRef: 0 });
});

Deno.test("Conversation reads no more than its owner has dealt with", async () => {
  await using server = new FakeServer();
  await using talk = startTalk(server);
  const { owner } = talk;
  let isBusy = false;
  let tooEarly = 0;
  owner.drain = async (): Promise<void> => {
    isBusy = true;
    // A turn of the event loop, in which more arrives.
    await new Promise((resolve) => setImmediate(resolve));
    isBusy = false;
  };
  owner.onEventToo = (): void => {
    if (isBusy) tooEarly++;
  };
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say(welcomeLine());
  for (let id = 1; id <= 300; id++) await peer.say(messageLine(id));
  await owner.until("the last message", () => owner.texts.length === 300);
  assertEquals(tooEarly, 0);
});

Deno.test("Conversation breaks off a line that is too long", async () => {
  await using server = new FakeServer();
  await using _talk = startTalk(server);
  const first = await server.accept();
  await nextRequest(first);
  await first.say(welcomeLine());
  const flood = (async (): Promise<void> => {
    await first.say("x".repeat(CLIENT_JSON_LENGTH_MAX + 200_000));
  })().catch(() => {});
  const second = await server.accept();
  assertEquals((await nextRequest(second))["token"], "t1");
  await first.close();
  await flood;
});

Deno.test("Conversation gives up a server that never greets, or falls silent", async (t) => {
  await t.step("no welcome", async () => {
    await using server = new FakeServer();
    using clock = startClock();
    await using talk = startTalk(server);
    const peer = await server.accept();
    await nextRequest(peer);
    clock.pass(CLIENT_HELLO_MS);
    const end = await talk.end();
    assertEquals(end.kind, "lost");
    assertMatch(end.why ?? "", /does not answer as a Parley server/);
  });
  await t.step("silence", async () => {
    await using server = new FakeServer();
    using clock = startClock();
    await using talk = startTalk(server);
    const first = await server.accept();
    await nextRequest(first);
    await first.say(welcomeLine());
    await talk.owner.until("the welcome", () => talk.owner.events.length === 1);
    clock.pass(CLIENT_PING_MS + CLIENT_PONG_MS);
    const second = await server.accept();
    assertEquals((await nextRequest(second))["token"], "t1");
    const waiting = talk.owner.states.find(({ kind }) => kind === "waiting");
    assert(waiting?.kind === "waiting");
    assertEquals(waiting.why, "The server does not answer any more.");
  });
  await t.step("no goodbye", async () => {
    await using server = new FakeServer();
    using clock = startClock();
    await using talk = startTalk(server);
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(welcomeLine());
    await talk.owner.until("the welcome", () => talk.owner.events.length === 1);
    talk.conversation.quit();
    clock.pass(CLIENT_LEAVE_MS);
    assertEquals(await talk.end(), { kind: "quit", why: null });
  });
});

Deno.test("Conversation pauses longer after each failure, and not where it is told to try", async () => {
  await using server = new FakeServer();
  using clock = startClock();
  const random = mock.method(Math, "random", () => 1);
  try {
    await using talk = startTalk(server, { keepsPauses: true });
    const pauses: number[] = [];
    talk.owner.onStateToo = (state): void => {
      if (state.kind === "waiting") pauses.push(state.retryAtMs - Date.now());
    };
    for (let count = 0; count < 10; count++) {
      const peer = await server.accept();
      await nextRequest(peer);
      if (count === 0) await peer.say(welcomeLine());
      await peer.close();
      await talk.owner.until("a pause", () => pauses.length === count + 1);
      clock.pass(pauses.at(-1) ?? 0);
    }
    assertEquals(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    const last = await server.accept();
    await last.close();
    await talk.owner.until("a pause", () => pauses.length === 11);
    talk.conversation.retryNow();
    const next = await server.accept();
    await next.close();
    await talk.owner.until("a pause", () => pauses.length === 12);
    assertEquals(pauses.at(-1), 250);
  } finally {
    random.mock.restore();
  }
});

interface Clock extends Disposable {
  pass(ms: number): void;
}

/** Time that passes only when it is told to; sockets are as ever. */
function startClock(): Clock {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  return {
    pass: (ms) => mock.timers.tick(ms),
    [Symbol.dispose]: () => mock.timers.reset(),
  };
}
