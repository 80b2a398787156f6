// Coming back after a lost connection, over real sockets: the same user in the same rooms,
// told exactly what they missed; for how long, with which token, and what ends it. What
// somebody missed is compared with what somebody beside them was told whose connection held.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { mock } from "node:test";
import { DoorError } from "../lib/errors.ts";
import {
  IDLE_STEP_MS_MAX,
  KEPT_EVENTS_MAX,
  PARKED_PER_ADDRESS_MAX,
  PRESENCE_AT_ONCE_USERS_MAX,
} from "../lib/limits.ts";
import { startProcess } from "./fixtures/server_process.ts";
import { Guest, RudeGuest, startTestServer, type TestServer, within } from "./harness.ts";
import { brief, type Json, JsonGuest, LostError } from "./json_guest.ts";
import { Proxy } from "./proxy.ts";
import { arrange, ask, Folder, LAN, overLan, passwordOf } from "./visits.ts";

const MINUTE_MS = 60_000;

/** What is more than a send queue and the systems' own buffers hold. */
const SLOW_LINES = 2_000;
const SLOW_LINE = "x".repeat(7_900);

/** People in a room that is told of comings and goings together. */
const CROWD = 2 * PRESENCE_AT_ONCE_USERS_MAX;

/** Runs a test of which the clock stands still unless it is moved. */
async function onFakeTime(test: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0) + 1 });
  try {
    await test();
  } finally {
    mock.timers.reset();
  }
}

/** Time passes, a step of the watchdog at a time. */
async function pass(ms: number, witness: Guest): Promise<string[]> {
  const lines: string[] = [];
  for (let passedMs = 0; passedMs < ms; passedMs += 10 * IDLE_STEP_MS_MAX) {
    mock.timers.tick(10 * IDLE_STEP_MS_MAX);
    lines.push(...await witness.roundtrip());
  }
  return lines;
}

/** Waits until the server has noticed that all but so many connections are gone. */
async function noticed(server: TestServer, left: number, witness: Guest): Promise<string[]> {
  const lines = await witness.roundtrip();
  const { promise, resolve } = Promise.withResolvers<void>();
  let isLate = false;
  const look = async (): Promise<void> => {
    while (server.connections > left && !isLate) lines.push(...await witness.roundtrip());
    resolve();
  };
  const looking = look();
  try {
    await within(promise, () => `Awaited ${left} connections, and there are ${server.connections}`);
  } finally {
    isLate = true;
    await looking;
  }
  return lines;
}

/** What a token leads to that is not good. */
async function refusalOf(
  port: number,
  token: unknown,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  await using guest = new JsonGuest(await Guest.connect(port));
  const answer = await guest.hello({ token, last: 0, ...fields });
  assertEquals(answer.type, "refused");
  // The connection is good for another try.
  assertEquals((await guest.hello({ password: fields["password"] })).type, "welcome");
  await guest.quit();
  return answer["code"];
}

/** Waits until all that one guest has is there at another, too. */
async function settled(...guests: readonly JsonGuest[]): Promise<void> {
  for (const guest of guests) await guest.settle();
}

/** The events that came to somebody since, but for what is for them alone. */
function since(guest: JsonGuest, id: number): Json[] {
  return guest.events.filter((event) => Number(event["id"]) > id && event.type !== "direct");
}

Deno.test("who comes back has their name and rooms, and is told what they missed, once and in order", async () => {
  await using folder = await Folder.with("olga");
  await using server = await startTestServer({ db: folder.db, operators: ["olga"] });
  await using nick = await server.join("nick");
  await using olga = await server.join("olga");
  await arrange([[olga, `/login ${passwordOf("olga")}`], [olga, "/join #dev"], [
    nick,
    "/join #dev",
  ]]);
  await using ann = await JsonGuest.enter(server.port, "ann");
  await using twin = await JsonGuest.enter(server.port, "twin");
  for (const each of [ann, twin]) {
    await each.ask("join #dev");
    await each.ask("join #tea");
    await each.ask("join #dev");
  }
  await settled(ann, twin);
  const { lastId } = twin;
  await ann.drop();
  await arrange([
    [nick, "in dev"],
    [nick, "/me waves"],
    [nick, "/msg #lobby in the lobby"],
    [nick, "/msg ann psst"],
    [olga, "/topic what is new"],
    [nick, "/nick nora"],
    [nick, "/leave #dev"],
    [nick, "/join #dev"],
    [nick, "taken back"],
    [nick, "/forget"],
    [olga, "/kick nora for a while"],
    [olga, "/lock"],
    [olga, "/unlock"],
    [olga, "/lock server"],
    [olga, "/unlock server"],
  ]);
  nick.say("/quit");
  await nick.untilClosed();
  await twin.settle();
  const { welcome, missed } = await ann.resume(server.port);
  assertEquals(welcome["name"], "ann");
  assertEquals(welcome["room"], "#dev");
  const rooms = welcome["rooms"] as { room: string; topic: string; others: { names: string[] } }[];
  assertEquals(rooms.map(({ room }) => room), ["#lobby", "#tea", "#dev"]);
  assertEquals(
    rooms.at(-1),
    {
      room: "#dev",
      topic: "what is new",
      others: { names: ["olga", "twin"], more: 0 },
    } as unknown as typeof rooms[number],
  );
  assertEquals(
    [welcome["isComplete"], welcome["isRestarted"], welcome["isRegistered"]],
    [true, false, false],
  );
  // What was taken back meanwhile is not told any more.
  const expected = since(twin, lastId).filter(({ text }) => text !== "taken back");
  assertEquals(missed.filter(({ type }) => type !== "direct"), expected);
  assertEquals(
    missed.filter(({ type }) => type === "direct").map(brief),
    ["direct nora psst"].map(
      () => "direct nick psst",
    ),
  );
  const types = new Set(missed.map(({ type }) => type));
  for (
    const type of [
      "message",
      "action",
      "topic",
      "renamed",
      "left",
      "joined",
      "forgotten",
      "sent-out",
      "announced",
      "direct",
    ]
  ) {
    assert(types.has(type), `${type} was missed`);
  }
  // The room goes on.
  ann.say("back");
  await settled(ann, twin);
  assertEquals(twin.events.at(-1), ann.events.at(-1));
  assertEquals((await olga.roundtrip()).at(-1), "ann: back");
});

Deno.test("nobody else sees that a connection broke and another one took its place", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await using twin = await JsonGuest.enter(server.port, "twin");
  await arrange([[nick, ""]]);
  await settled(ann, twin);
  const { lastId } = twin;
  await using proxy = await Proxy.to(server.port);
  for (const cut of ["reset", "end"] as const) {
    await ann.resume(proxy.port);
    await proxy.cut(cut);
    await noticed(server, 2, nick);
    await ann.resume(proxy.port);
    assertEquals((await ann.settle()).length, 0);
  }
  await twin.settle();
  assertEquals(await nick.roundtrip(), []);
  assertEquals(since(twin, lastId), []);
  assertEquals(nick.pending, []);
});

Deno.test("what somebody said and did not see is told to them as well", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  ann.say("one");
  ann.say("two\nlines");
  await nick.expect("ann: one");
  await nick.expect("ann: two");
  await ann.drop();
  const { missed } = await ann.resume(server.port);
  assertEquals(missed.map(brief), ["message #lobby ann one", "message #lobby ann two\nlines"]);
  await ann.settle();
  // They are known to the server, and are done once.
  assertEquals([...ann.answers.values()].map((answer) => answer["repeated"]), [true, true]);
  assertEquals((await nick.roundtrip()).length, 1);
});

Deno.test("people who are ignored are not told of later either", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using bob = await server.join("bob");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await ann.ask("ignore nick");
  await ann.settle();
  await ann.drop();
  await arrange([
    [nick, "unheard"],
    [bob, "heard"],
    [nick, "/me unseen"],
    [nick, "/msg ann unread"],
    [bob, "/msg ann read"],
    [nick, "/nick norbert"],
  ]);
  const { missed, welcome } = await ann.resume(server.port);
  assertEquals(missed.map(brief), [
    "message #lobby bob heard",
    "direct bob read",
    "renamed nick norbert",
  ]);
  assert(welcome["isComplete"] === true);
});

Deno.test("ids ascend over all rooms, whoever is busy in them, and in whichever turn", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using nora = await server.join("nora");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await using twin = await JsonGuest.enter(server.port, "twin");
  for (const each of [ann, twin]) {
    await each.ask("join #dev");
    await each.ask("join #tea");
  }
  await arrange([[nick, "/join #dev"], [nick, "/join #tea"], [nora, "/join #tea"]]);
  await settled(ann, twin);
  const { lastId } = twin;
  const bursts = Array.from({ length: 20 }, (_, at) => [
    `/msg #dev dev ${at}`,
    `/msg #lobby lobby ${at}`,
    `/msg ann to ann ${at}`,
    `tea ${at}`,
    `/nick nick${at}`,
    `/msg #lobby again ${at}`,
    `/leave #dev`,
    `/msg #tea between ${at}`,
    `/join #dev`,
    `here ${at}`,
    `/join #tea`,
  ]);
  // `JsonGuest` looks at every id. Half of it is live, the other half is missed.
  for (const [at, burst] of bursts.entries()) {
    if (at === 10) await ann.drop();
    nick.send(burst.map((line) => `${line}\n`).join(""));
    nora.send(`from nora ${at}\n/msg #lobby and there ${at}\n/nick nora${at}\n`);
    twin.say(`twin ${at}`, "#dev");
    twin.say(`twin ${at}`, "#lobby");
    await nick.roundtrip();
    await nora.roundtrip();
    if (at < 10) await ann.settle();
    await twin.settle();
  }
  await ann.resume(server.port);
  await settled(ann, twin);
  assertEquals(since(ann, lastId), since(twin, lastId));
  assertEquals(ann.told("direct").length, bursts.length);
});

for (const cut of ["reset", "end"] as const) {
  Deno.test(`who does not come back leaves when the grace is over, and not before (${cut})`, async () => {
    await onFakeTime(async () => {
      await using server = await startTestServer({ resumeGraceMs: MINUTE_MS });
      await using proxy = await Proxy.to(server.port);
      await using nick = await server.join("nick");
      await using twin = await JsonGuest.enter(server.port, "twin");
      await using ann = await JsonGuest.enter(proxy.port, "ann");
      await noticed(server, 3, nick);
      await twin.settle();
      const { lastId } = twin;
      await proxy.cut(cut);
      assertEquals(await noticed(server, 2, nick), []);
      assertEquals(await pass(MINUTE_MS - 10_000, nick), []);
      await twin.settle();
      assertEquals(since(twin, lastId), []);
      assertEquals(await pass(10_000, nick), ["-- ann left (connection lost)."]);
      await twin.settle();
      assertEquals(since(twin, lastId).map(brief), ["left #lobby ann lost"]);
      assertEquals(await refusalOf(server.port, ann.token), "session-over");
    });
  });
}

Deno.test("coming back ends the grace: the next loss has a whole one", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer({ resumeGraceMs: MINUTE_MS });
    await using nick = await server.join("nick");
    await using ann = await JsonGuest.enter(server.port, "ann");
    await noticed(server, 2, nick);
    for (let time = 0; time < 3; time++) {
      await ann.drop();
      assertEquals(await noticed(server, 1, nick), []);
      assertEquals(await pass(MINUTE_MS - 10_000, nick), []);
      await ann.resume(server.port);
      assertEquals(await pass(MINUTE_MS, nick), []);
    }
  });
});

Deno.test("without a grace there is no token, and who is gone is gone", async () => {
  await using server = await startTestServer({ resumeGraceMs: 0 });
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  assertEquals([ann.token, ann.welcome?.["graceMs"]], [null, 0]);
  await nick.expect("-- ann joined.");
  await ann.drop();
  await nick.expect("-- ann left.");
  await using bob = await JsonGuest.enter(server.port, "ann");
  assertEquals(bob.name, "ann");
});

Deno.test("who wants no token leaves at once", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, { nick: "ann", resume: false });
  assertEquals(ann.token, null);
  await nick.expect("-- ann joined.");
  await ann.drop();
  await nick.expect("-- ann left.");
});

Deno.test("private messages that nobody came back for wait for a registered name", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db, resumeGraceMs: MINUTE_MS });
    await using nick = await server.join("nick");
    await using ann = await JsonGuest.enter(server.port, {});
    await ann.ask(`login ann ${passwordOf("ann")}`);
    await arrange([[nick, "/msg ann seen"]]);
    await ann.settle();
    await ann.settle({ confirms: true });
    await ann.drop();
    await noticed(server, 1, nick);
    await arrange([[nick, "/msg ann one"], [nick, "/msg ann two"]]);
    assertEquals(await pass(MINUTE_MS + 10_000, nick), ["-- ann left (connection lost)."]);
    await arrange([[nick, "/msg ann three"]]);
    await using again = await JsonGuest.enter(server.port, {});
    await again.ask(`login ann ${passwordOf("ann")}`);
    const waiting = again.told("direct");
    assertEquals(waiting.map(brief), ["direct nick one", "direct nick two", "direct nick three"]);
    assert(waiting.every((event) => event["hasWaited"]));
  });
});

Deno.test("what was said while nobody came back counts as unread for a registered name", async (t) => {
  for (const isRemoved of [false, true]) {
    await t.step(isRemoved ? "removed meanwhile" : "not back in time", () => unread(isRemoved));
  }
});

async function unread(isRemoved: boolean): Promise<void> {
  await using folder = await Folder.with("ann", "olga");
  await onFakeTime(async () => {
    await using server = await startTestServer({
      db: folder.db,
      resumeGraceMs: MINUTE_MS,
      operators: ["olga"],
    });
    await using nick = await server.join("nick");
    await arrange([[nick, `/login olga ${passwordOf("olga")}`]]);
    {
      await using ann = await JsonGuest.enter(server.port, {});
      await ann.ask(`login ann ${passwordOf("ann")}`);
      await ann.ask("join #dev");
      await ann.settle();
    }
    await noticed(server, 1, nick);
    await arrange([[nick, "/join #dev"]]);
    for (let count = 0; count < 40; count++) nick.say(`line ${count}`);
    await nick.roundtrip();
    if (isRemoved) {
      await arrange([[nick, "/kick server ann"]]);
      await nick.roundtrip();
    } else await pass(MINUTE_MS + 10_000, nick);
    await using ann = await JsonGuest.enter(server.port, {});
    await ann.ask(`login ann ${passwordOf("ann")}`);
    const ref = ann.command("join #dev");
    const lines: Json[] = [];
    while (!ann.answers.has(ref)) lines.push(await ann.next());
    const backlog = lines.find(({ type }) => type === "history");
    const shown = backlog?.["lines"] as { readonly text: string }[];
    assertEquals((shown?.length ?? 0) + Number(backlog?.["unread"] ?? 0), 40);
  });
}

Deno.test("whoever quits, or is removed, is gone for good: here or away", async (t) => {
  await using folder = await Folder.with("olga", "ann");
  await using server = await startTestServer({ db: folder.db, operators: ["olga"] });
  await using olga = await server.join("olga");
  await arrange([[olga, `/login ${passwordOf("olga")}`]]);
  await t.step("quit", async () => {
    await using bob = await JsonGuest.enter(server.port, "bob");
    await bob.quit();
    await olga.until("-- bob left.");
    assertEquals(await refusalOf(server.port, bob.token), "session-over");
    await olga.roundtrip();
  });
  for (const act of ["/kick server", "/ban server"]) {
    for (const isAway of [false, true]) {
      await t.step(`${act}${isAway ? ", away" : ""}`, async () => {
        const name = `${act.slice(1, 4)}${isAway}`;
        await using bob = await JsonGuest.enter(server.port, name);
        if (isAway) {
          await bob.drop();
          await noticed(server, 1, olga);
        }
        olga.say(`${act} ${name} rude`);
        await olga.until(new RegExp(`^-- ${name} left \\(removed`));
        if (!isAway) {
          const last = (await bob.untilClosed()).at(-1);
          assertEquals([last?.type, last?.["reason"]], ["goodbye", "removed"]);
        }
        assertEquals(await refusalOf(server.port, bob.token), "session-over");
        await olga.roundtrip();
      });
    }
  }
  await t.step("ghost", async () => {
    await using ann = await JsonGuest.enter(server.port, {});
    await ann.ask(`login ann ${passwordOf("ann")}`);
    await ann.drop();
    await noticed(server, 1, olga);
    await using other = await JsonGuest.enter(server.port, {});
    await other.ask(`login ann ${passwordOf("ann")}`);
    await other.ask("ghost");
    await other.settle();
    assertEquals(await refusalOf(server.port, ann.token), "session-over");
  });
});

Deno.test("who is sent out of a room while away is told so, and all that was said before", async () => {
  await using folder = await Folder.with("olga");
  await using server = await startTestServer({ db: folder.db, operators: ["olga"] });
  await using olga = await server.join("olga");
  await arrange([[olga, `/login ${passwordOf("olga")}`], [olga, "/join #dev"]]);
  await using nick = await server.join("nick");
  for (const hasTwin of [true, false]) {
    await using ann = await JsonGuest.enter(server.port, "ann");
    await ann.ask("join #dev");
    await using twin = await JsonGuest.enter(server.port, "twin");
    if (hasTwin) await twin.ask("join #dev");
    await ann.settle();
    await ann.drop();
    await arrange([
      [nick, "/join #dev"],
      [nick, "before"],
      [olga, "/kick ann enough"],
      [nick, "after"],
      [nick, "/leave #dev"],
      [nick, "in the lobby"],
    ]);
    const { welcome, missed } = await ann.resume(server.port);
    assertEquals(missed.map(brief), [
      "joined #dev nick",
      "message #dev nick before",
      "sent-out #dev ann enough",
      "parted #dev #lobby",
      "message #lobby nick in the lobby",
    ], `with${hasTwin ? "" : "out"} anybody else there who may come back`);
    assertEquals([welcome["room"], welcome["isComplete"]], ["#lobby", true]);
    await ann.quit();
    await twin.quit();
  }
});

Deno.test("a token is good once: when the next one has arrived, it is used up", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  const { token } = ann;
  await ann.resume(server.port);
  assertNotEquals(ann.token, token);
  await ann.settle();
  // Here, and when the user is away.
  assertEquals(await refusalOf(server.port, token), "session-over");
  await ann.drop();
  await noticed(server, 1, nick);
  assertEquals(await refusalOf(server.port, token), "session-over");
  await nick.roundtrip();
  await ann.resume(server.port);
  assertEquals(await nick.roundtrip(), []);
});

Deno.test("a welcome that is lost costs nothing: the token before it is still good", async () => {
  await using server = await startTestServer();
  await using proxy = await Proxy.to(server.port);
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  await ann.drop();
  await arrange([[nick, "missed"]]);
  const { token, lastId } = ann;
  for (let time = 0; time < 3; time++) {
    proxy.weather.push({ down: { stallAfter: 0 } });
    await using lost = await Guest.connect(proxy.port);
    lost.say(JSON.stringify({ type: "hello", version: 1, token, last: lastId }));
    await noticed(server, 2, nick);
    const before = server.connections;
    assertEquals(before, 2);
    await arrange([[nick, `missed ${time}`]]);
  }
  await proxy.cut();
  const { missed } = await ann.resume(server.port);
  assertEquals(missed.map((event) => event["text"]), [
    "missed",
    "missed 0",
    "missed 1",
    "missed 2",
  ]);
  assertEquals(await nick.roundtrip(), []);
});

Deno.test("a hello that was on its way for longer than the one after it costs nobody their place", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  const hello = { type: "hello", version: 1, token: ann.token, last: ann.lastId };
  const tokens = [ann.token];
  for (let time = 0; time < 3; time++) {
    await using late = new JsonGuest(await Guest.connect(server.port));
    await ann.resume(server.port);
    tokens.push(ann.token);
    // Nobody is there any more who sent this one, and ann has said nothing yet.
    late.send(time === 0 ? hello : { ...hello, token: tokens.at(-2) });
    await ann.untilClosed();
    await late.drop();
    await arrange([[nick, `meanwhile ${time}`]]);
    const { missed } = await ann.resume(server.port);
    assertEquals(missed.map(brief), [`message #lobby nick meanwhile ${time}`]);
    tokens.push(ann.token);
  }
  await ann.settle();
  for (const token of tokens.slice(0, -1)) {
    assertEquals(await refusalOf(server.port, token), "session-over");
  }
  const shown = await nick.roundtrip();
  assertEquals(shown.filter((line) => line.includes("ann")), []);
});

Deno.test("of two connections with one token the later wins, and nobody sees anything", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  const { token, lastId } = ann;
  await ann.drop();
  await noticed(server, 1, nick);
  const all: JsonGuest[] = [];
  await using stack = new AsyncDisposableStack();
  for (let count = 0; count < 8; count++) {
    all.push(stack.use(new JsonGuest(await Guest.connect(server.port))));
  }
  // All at once: some of them are welcome, and none but one of them for long.
  for (const each of all) each.send({ type: "hello", version: 1, token, last: lastId });
  const told = all.map(() => [] as Json[]);
  let open = all.length;
  const { promise, resolve } = Promise.withResolvers<void>();
  const reading = all.map(async (each, at) => {
    const lines = told[at];
    try {
      for (;;) lines?.push(await each.next());
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
    await each.drop();
    if (--open === 1) resolve();
  });
  await within(promise, () => `Awaited that one connection is left of ${open}`);
  assertEquals(await noticed(server, 2, nick), []);
  for (const lines of told) {
    assertEquals(lines.map(({ type }) => type).slice(0, 2), ["welcome", "caught-up"]);
  }
  // The one that is left is the user.
  for (const each of all) each.say("me");
  await nick.expect("ann: me");
  assertEquals(await nick.roundtrip(), []);
  await stack.disposeAsync();
  await Promise.all(reading);
});

Deno.test("what is no token of this server's is session-over, whatever it is", async () => {
  await using other = await startTestServer();
  await using ann = await JsonGuest.enter(other.port, "ann");
  await using server = await startTestServer();
  const { token } = ann;
  assert(token !== null);
  const tokens = [
    token,
    "",
    " ",
    "x",
    `${token} `,
    token.toUpperCase(),
    "\u{0}",
    "\u{1f600}".repeat(100),
    "' OR 1 = 1 --",
    "x".repeat(8_000),
  ];
  for (const each of tokens) assertEquals(await refusalOf(server.port, each), "session-over", each);
  assertEquals(await refusalOf(server.port, 7), "bad-request");
});

Deno.test("the database has no token, only what a token is known by", async () => {
  await using folder = await Folder.with();
  const tokens: string[] = [];
  await using server = await startTestServer({ db: folder.db });
  await using ann = await JsonGuest.enter(server.port, "ann");
  for (let time = 0; time < 3; time++) {
    tokens.push(ann.token ?? "");
    await ann.settle();
    await ann.resume(server.port);
  }
  const bytes = await folder.bytes();
  assert(bytes.includes('"name":"ann"'), "the seat is there");
  for (const token of [...tokens, ann.token ?? ""]) {
    assert(token.length >= 40, "a token is long");
    const raw = Uint8Array.fromBase64(token, { alphabet: "base64url" });
    for (
      const form of [
        token,
        String.fromCharCode(...raw),
        raw.toHex(),
        raw.toHex().toUpperCase(),
        raw.toBase64(),
      ]
    ) {
      assert(!bytes.includes(form), "a token is in the database");
    }
  }
});

/** A guest who comes from the address that is not loopback. */
async function connectOverLan(server: TestServer): Promise<JsonGuest> {
  assert(LAN !== undefined, "this machine has an address that is not loopback");
  const conn = await Deno.connect({ hostname: LAN, port: server.port });
  conn.setNoDelay();
  return new JsonGuest(new Guest(conn));
}

Deno.test(overLan("a token of a private connection is good over such a one only"), async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ host: "0.0.0.0", db: folder.db });
  await using ann = await JsonGuest.enter(server.port, {});
  await ann.ask(`login ann ${passwordOf("ann")}`);
  await ann.drop();
  {
    await using thief = await connectOverLan(server);
    assertEquals((await thief.hello({ token: ann.token }))["code"], "not-private");
  }
  assert((await ann.resume(server.port)).welcome["isRegistered"] === true);
  // One that was read along with anyway is good everywhere.
  await using bob = await connectOverLan(server);
  await bob.hello({ nick: "bob" });
  await bob.drop();
  bob.guest = (await connectOverLan(server)).guest;
  assertEquals((await bob.helloAgain())["name"], "bob");
  await bob.catchUp();
  await bob.resume(server.port);
  assertEquals(bob.name, "bob");
});

Deno.test(
  overLan("so many lost connections of one address are waited for, and no more"),
  async () => {
    await using server = await startTestServer({
      host: "0.0.0.0",
      perAddressMax: 2 * PARKED_PER_ADDRESS_MAX,
    });
    await using nick = await server.join("nick");
    await using stack = new AsyncDisposableStack();
    const all: JsonGuest[] = [];
    for (let count = 0; count <= PARKED_PER_ADDRESS_MAX; count++) {
      const guest = stack.use(await connectOverLan(server));
      await guest.hello({ nick: `g${count}` });
      all.push(guest);
    }
    const [extra, ...others] = all;
    assert(extra !== undefined);
    for (const guest of others) await guest.drop();
    await noticed(server, 2, nick);
    await extra.drop();
    await nick.until(/^-- g0 left/);
    // Whoever comes back makes room for another.
    const [first, second] = others;
    assert(first !== undefined && second !== undefined);
    first.guest = (await connectOverLan(server)).guest;
    await first.helloAgain();
    await first.catchUp();
    await first.drop();
    await noticed(server, 1, nick);
    second.guest = (await connectOverLan(server)).guest;
    assertEquals((await second.helloAgain())["name"], "g2");
  },
);

Deno.test("another server password makes every token worth nothing; the same one keeps them", async () => {
  await using folder = await Folder.with();
  const start = (password: string): Promise<TestServer> =>
    startTestServer({ db: folder.db, password });
  let token: string | null;
  {
    await using server = await start("first-secret");
    await using ann = new JsonGuest(await Guest.connect(server.port));
    assertEquals((await ann.hello({ nick: "ann" }))["code"], "password-wanted");
    assertEquals((await ann.hello({ nick: "ann", password: "first-secret" }))["name"], "ann");
    // Coming back takes the token alone.
    await ann.resume(server.port);
    await server.shutdown();
    {
      await using next = await start("first-secret");
      assert((await ann.resume(next.port)).welcome["isRestarted"] === true);
      await ann.settle();
      token = ann.token;
    }
  }
  await using server = await start("second-secret");
  const code = await refusalOf(server.port, token, { password: "second-secret" });
  assertEquals(code, "session-over");
});

Deno.test("who was logged in comes back logged in, with all rights", async () => {
  await using folder = await Folder.with("ann", "olga");
  await using server = await startTestServer({ db: folder.db, operators: ["olga"] });
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, {});
  await ann.ask(`login ann ${passwordOf("ann")}`);
  await ann.ask("join #dev");
  await arrange([[nick, "/join #dev"]]);
  const { welcome } = await ann.resume(server.port);
  assertEquals([welcome["name"], welcome["isRegistered"]], ["ann", true]);
  assertEquals((await ann.ask("topic mine")).type, "ok");
  assertEquals((await ann.ask("kick nick")).type, "ok");
  await using olga = await JsonGuest.enter(server.port, {});
  await olga.ask(`login olga ${passwordOf("olga")}`);
  await olga.resume(server.port);
  assertEquals((await olga.ask("lock server")).type, "ok");
});

Deno.test("a guest's rights in the room that they made come back with them", async () => {
  await using server = await startTestServer();
  await using ann = await JsonGuest.enter(server.port, {});
  assertEquals(ann.name, "guest1");
  await ann.ask("join #mine");
  await ann.resume(server.port);
  assertEquals(ann.name, "guest1");
  assertEquals((await ann.ask("topic still mine")).type, "ok");
});

Deno.test("a registered name without its password comes back as it was, and ends as it would", async () => {
  await using folder = await Folder.with("ann");
  await onFakeTime(async () => {
    await using server = await startTestServer({ db: folder.db, resumeGraceMs: 5 * MINUTE_MS });
    await using nick = await server.join("nick");
    await using ann = await JsonGuest.enter(server.port, "ann");
    const { welcome } = await ann.resume(server.port);
    assertEquals([welcome["name"], welcome["isRegistered"]], ["ann", false]);
    assertEquals((await ann.answer(ann.say("me?")))["code"], "not-logged-in");
    await ann.drop();
    await noticed(server, 1, nick);
    await pass(2 * MINUTE_MS, nick);
    const again = await ann.resume(server.port);
    assertEquals(again.welcome["name"], "guest1");
    assertEquals(again.missed.map(brief).at(-1), "nick guest1");
    assertEquals(again.missed.length, 2);
  });
});

Deno.test("who is away is there for the others: in lists, by name, for words in private", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using nick = await server.join("nick");
  await using bob = await JsonGuest.enter(server.port, "bob");
  await using ann = await JsonGuest.enter(server.port, {});
  await ann.ask(`login ann ${passwordOf("ann")}`);
  await bob.drop();
  await ann.drop();
  await noticed(server, 1, nick);
  const who = (await ask(nick, "/who")).join();
  assert(who.includes("ann") && who.includes("bob"), who);
  assertEquals(await ask(nick, "/nick bob"), ["-- bob is taken."]);
  assertEquals(await ask(nick, "/msg bob psst"), []);
  assertEquals(await ask(nick, "/msg ann psst"), []);
  // From elsewhere: one person, who was there all the time.
  await using other = await JsonGuest.enter(server.port, {});
  await other.ask(`login ann ${passwordOf("ann")}`);
  assertEquals((await nick.roundtrip()).filter((line) => line.includes("ann ")), []);
  await arrange([[nick, "/msg ann both of you"]]);
  await other.settle();
  assertEquals(other.heard, ["nick: both of you"]);
  await ann.resume(server.port);
  assertEquals(ann.heard, ["nick: psst", "nick: both of you"]);
  await bob.resume(server.port);
  assertEquals(bob.heard, ["nick: psst"]);
  await other.quit();
  await settled(ann, bob);
  assertEquals(bob.told("left").map(brief).filter((line) => line.includes("ann")), []);
});

Deno.test("a connection that is dead and does not know it is taken over", async () => {
  await using server = await startTestServer();
  await using proxy = await Proxy.to(server.port);
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(proxy.port, "ann");
  await nick.expect("-- ann joined.");
  proxy.stall();
  await arrange([[nick, "into the void"]]);
  assertEquals(server.connections, 2);
  // What it sent before arrives neither twice nor out of order.
  ann.say("into the void as well");
  const { missed } = await ann.resume(server.port);
  assertEquals(missed.map(brief), ["message #lobby nick into the void"]);
  await ann.settle();
  assertEquals(await nick.roundtrip(), ["ann: into the void as well"]);
  await proxy.cut();
  await noticed(server, 2, nick);
  assertEquals((await ann.settle()).length, 0);
});

Deno.test("a reader who is too slow comes back to everything", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  await using proxy = await Proxy.to(server.port);
  await ann.resume(proxy.port);
  proxy.stall();
  for (let at = 0; at < SLOW_LINES; at += 20) {
    const lines = Array.from({ length: 20 }, (_, more) => `${at + more} ${SLOW_LINE}\n`);
    nick.send(lines.join(""));
    assertEquals(await nick.roundtrip(), []);
  }
  // It reads in time to be told why.
  proxy.flow();
  const last = (await ann.untilClosed()).at(-1);
  assertEquals([last?.type, last?.["reason"]], ["goodbye", "slow"]);
  assert(ann.events.length < SLOW_LINES, "some of it did not fit");
  await ann.resume(server.port);
  const numbers = ann.events.map((event) => Number.parseInt(`${event["text"]}`));
  assertEquals(numbers, Array.from({ length: SLOW_LINES }, (_, at) => at));
  assertEquals(await nick.roundtrip(), []);
});

Deno.test("who was quiet for too long comes back, and nobody has seen them go", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer({ idleMs: MINUTE_MS, resumeGraceMs: 5 * MINUTE_MS });
    await using nick = await server.join("nick");
    await using ann = await JsonGuest.enter(server.port, "ann");
    await nick.expect("-- ann joined.");
    assertEquals(await pass(MINUTE_MS + 10_000, nick), []);
    const last = (await ann.untilClosed()).at(-1);
    assertEquals([last?.type, last?.["reason"]], ["goodbye", "idle"]);
    await arrange([[nick, "anybody?"]]);
    const { missed } = await ann.resume(server.port);
    assertEquals(missed.map(brief), ["message #lobby nick anybody?"]);
    assertEquals(await nick.roundtrip(), []);
  });
});

Deno.test("more than a page is told page by page, and what is said meanwhile behind it", async () => {
  const COUNT = 5_000;
  const TEXT = "y".repeat(300);
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using nora = await server.join("nora");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await ann.ask("join #dev");
  await arrange([[nick, "/join #dev"], [nora, ""]]);
  await ann.settle();
  const before = ann.events.length;
  await ann.drop();
  for (let at = 0; at < COUNT; at += 100) {
    nick.send(
      Array.from({ length: 50 }, (_, more) => `dev ${at + 2 * more} ${TEXT}\n`).join(""),
    );
    nora.send(
      Array.from({ length: 50 }, (_, more) => `lobby ${at + 2 * more + 1} ${TEXT}\n`).join(""),
    );
    await nick.roundtrip();
    await nora.roundtrip();
  }
  // A reader that does not read yet: the server waits for it, and keeps it.
  ann.guest = await Guest.connectDeaf(server.port);
  ann.send({ type: "hello", version: 1, token: ann.token, last: ann.lastId });
  for (let more = 0; more < 100; more++) {
    nick.say(`dev ${COUNT + more} ${TEXT}`);
    await nick.roundtrip();
  }
  assertEquals(server.connections, 3);
  assertEquals((await ann.next()).type, "welcome");
  await ann.catchUp();
  await ann.settle();
  const numbers = ann.events.slice(before).map((event) => Number(`${event["text"]}`.split(" ")[1]));
  assertEquals(numbers.length, COUNT + 100);
  assertEquals(new Set(numbers).size, COUNT + 100);
  const inDev = numbers.filter((number) => number % 2 === 0 && number < COUNT);
  assertEquals(inDev, Array.from({ length: COUNT / 2 }, (_, at) => 2 * at));
  assertEquals((await nick.roundtrip()).length, 0);
});

Deno.test("a connection that breaks while it catches up is gone on with where it ended", async () => {
  const COUNT = 1_000;
  await using server = await startTestServer();
  await using proxy = await Proxy.to(server.port);
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  await ann.drop();
  for (let at = 0; at < COUNT; at++) nick.say(`line ${at} ${"z".repeat(200)}`);
  await nick.roundtrip();
  for (let time = 0; time < 6; time++) {
    proxy.weather.push({ down: { cutAfter: 1_000 + 40_000 * time }, cut: "end" });
  }
  await ann.comeBack(() => proxy.port);
  await ann.settle();
  assertEquals(
    ann.events.map((event) => `${event["text"]}`.split(" ")[1]),
    Array.from({ length: COUNT }, (_, at) => `${at}`),
  );
  assertEquals(await nick.roundtrip(), []);
});

Deno.test("a connection that goes dead while it catches up is taken over all the same", async () => {
  const COUNT = 1_000;
  await using server = await startTestServer();
  await using proxy = await Proxy.to(server.port);
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  await ann.drop();
  for (let at = 0; at < COUNT; at++) nick.say(`line ${at} ${"z".repeat(200)}`);
  await nick.roundtrip();
  for (let time = 0; time < 6; time++) {
    // Each attempt gets a little further.
    proxy.weather.push({ down: { stallAfter: 1_000 + 15_000 * time } });
    const reached = proxy.limitReached();
    const lost = assertRejects(() => ann.resume(proxy.port), LostError);
    await within(reached, () => "Awaited that the connection stalls");
    await proxy.forsake();
    await lost;
  }
  await ann.resume(server.port);
  assertEquals(
    ann.events.map((event) => `${event["text"]}`.split(" ")[1]),
    Array.from({ length: COUNT }, (_, at) => `${at}`),
  );
  assertEquals(await nick.roundtrip(), []);
});

Deno.test("what follows a welcome is above its id, however busy it is", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using bob = await JsonGuest.enter(server.port, "bob");
  await using stack = new AsyncDisposableStack();
  const guests: JsonGuest[] = [];
  for (let round = 0; round < 20; round++) {
    nick.send(Array.from({ length: 50 }, (_, at) => `nick ${round} ${at}\n`).join(""));
    for (let at = 0; at < 20; at++) bob.say(`bob ${round} ${at}`);
    const fresh = await Promise.all(
      [1, 2, 3].map((at) => JsonGuest.enter(server.port, `g${round}x${at}`)),
    );
    for (const guest of fresh) guests.push(stack.use(guest));
  }
  await nick.roundtrip();
  await settled(bob, ...guests);
  // `JsonGuest` has looked at every id; and what each was told is what all after it were.
  for (const guest of guests) {
    const { welcome } = guest;
    const own = guest.events.filter(({ type }) => type === "message");
    const all = bob.events.filter(({ type, id }) =>
      type === "message" && Number(id) > Number(welcome?.["id"])
    );
    assertEquals(own, all);
  }
});

Deno.test("whoever missed more comings and goings than are kept is told that it is not all", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using nora = await server.join("nora");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await ann.ask("join #dev");
  await ann.settle();
  const flap = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time++) nora.say("/join #dev\n/leave #dev");
    await nora.roundtrip();
  };
  await ann.drop();
  await flap(KEPT_EVENTS_MAX / 4);
  const few = await ann.resume(server.port);
  assertEquals([few.welcome["isComplete"], few.missed.length], [true, KEPT_EVENTS_MAX / 2]);
  await ann.drop();
  await arrange([[nick, "first"]]);
  await flap(KEPT_EVENTS_MAX + 10);
  await arrange([[nick, "last"]]);
  const many = await ann.resume(server.port);
  assert(many.welcome["isComplete"] === false);
  // What was said is all there.
  assertEquals(
    many.missed.filter(({ type }) => type === "message").map((event) => event["text"]),
    ["first", "last"],
  );
  assert(many.missed.length >= KEPT_EVENTS_MAX, "the newest are there");
});

Deno.test("comings and goings that a large room is told together are missed and told once", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await using twin = await JsonGuest.enter(server.port, "twin");
  await settled(ann, twin);
  const { lastId } = twin;
  await using stack = new AsyncDisposableStack();
  const crowd: Guest[] = [];
  const come = async (): Promise<void> => {
    for (let count = 0; count < CROWD / 2; count++) crowd.push(stack.use(await server.connect()));
    for (const [at, guest] of crowd.entries()) guest.say(`/nick c${crowd.length}x${at}`);
    for (const guest of crowd) await guest.roundtrip();
  };
  await come();
  await ann.drop();
  await come();
  for (const guest of crowd.slice(0, 10)) await guest.close();
  await noticed(server, CROWD - 8, nick);
  nick.say("so many");
  await nick.roundtrip();
  await ann.resume(server.port);
  for (const guest of crowd.slice(10, 20)) guest.say("/quit");
  for (const guest of crowd.slice(10, 20)) await guest.untilClosed();
  nick.say("so few");
  await nick.roundtrip();
  await settled(ann, twin);
  assertEquals(since(ann, lastId), since(twin, lastId));
  const lists = ann.told("joined").map(({ who }) => (who as { names: string[] }).names.length);
  assert(lists.some((length) => length > 1), "some came together");
});

Deno.test("who comes back while the store fails misses nothing", async () => {
  await using folder = await Folder.with();
  await using server = await startProcess({ args: ["--db", folder.db, "--rate", "off"] });
  await using nick = await Guest.connect(server.port);
  nick.say("/nick nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.until("-- ann joined.");
  await nick.roundtrip();
  await ann.settle();
  await ann.drop();
  nick.say("stored");
  await nick.roundtrip();
  const other = new DatabaseSync(folder.db);
  try {
    other.exec("BEGIN IMMEDIATE");
    nick.say("not stored");
    nick.say("/msg ann neither");
    await nick.roundtrip();
    const { missed } = await ann.resume(server.port);
    assertEquals(missed.map(brief).filter((line) => !line.startsWith("announced")), [
      "message #lobby nick stored",
      "message #lobby nick not stored",
      "direct nick neither",
    ]);
    ann.say("nor this");
    await ann.settle();
    assertEquals((await nick.roundtrip()).filter((line) => !line.startsWith("--")), [
      "ann: nor this",
    ]);
    other.exec("ROLLBACK");
  } finally {
    other.close();
  }
  await nick.until(/^-- History is kept again/);
  await ann.settle();
  await ann.resume(server.port);
  assertEquals(ann.heard, [
    "#lobby nick: stored",
    "#lobby nick: not stored",
    "nick: neither",
    "#lobby ann: nor this",
  ]);
});

Deno.test("a hello that comes late comes back all the same", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  await ann.drop();
  await arrange([[nick, "missed"]]);
  ann.guest = await Guest.connect(server.port);
  // It was greeted as a person.
  await nick.expect("-- guest1 joined.");
  assertEquals((await ann.helloAgain())["name"], "ann");
  const missed = await ann.catchUp();
  assertEquals(missed.map(brief), [
    "message #lobby nick missed",
    "joined #lobby guest1",
    "left #lobby guest1 left",
  ]);
  ann.say("here");
  await ann.settle();
  assertEquals(await nick.roundtrip(), ["-- guest1 left.", "ann: here"]);
});

Deno.test("a request that waits when its connection breaks is done once", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ db: folder.db });
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, {});
  await ann.settle();
  await nick.roundtrip();
  const login = ann.command(`login ann ${passwordOf("ann")}`);
  const word = ann.say("as ann");
  await ann.guest.endWriting();
  await nick.expect("-- guest1 is now ann.");
  await nick.expect("ann: as ann");
  await ann.resume(server.port);
  for (const ref of [login, word]) {
    const { type, repeated } = await ann.answer(ref);
    assertEquals([type, repeated], ["ok", true]);
  }
  await ann.settle();
  assertEquals(ann.heard, ["#lobby ann: as ann"]);
  assertEquals(await nick.roundtrip(), []);
});

Deno.test("a hello whose end is lost is shown to nobody: passwords and tokens stand in it", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  const hello = `{"type":"hello","version":1,"token":"${ann.token}","password":"secret","last":10}`;
  for (let end = 2; end < hello.length; end++) {
    await using torn = await Guest.connect(server.port);
    torn.send(hello.slice(0, end));
    await torn.endWriting();
    await torn.untilClosed();
  }
  for (const line of [hello.slice(0, -1), hello.slice(0, 60)]) {
    // As the first line, and as the first line behind the plain greeting.
    for (const isLate of [false, true]) {
      await using torn = await Guest.connect(server.port);
      if (isLate) await torn.until(/^-- Just type/);
      torn.say(line);
      await torn.until(/"bad-json"/);
    }
  }
  const shown = await nick.roundtrip();
  assertEquals(shown.filter((line) => !/^-- guest\d joined|^-- guest\d left/.test(line)), []);
  // It is still good.
  await ann.resume(server.port);
});

Deno.test("whoever is told what they missed when the server ends is told goodbye", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  await using ann = await JsonGuest.enter(server.port, "ann");
  await nick.expect("-- ann joined.");
  await ann.drop();
  for (let at = 0; at < SLOW_LINES; at += 20) {
    const lines = Array.from({ length: 20 }, (_, more) => `${at + more} ${SLOW_LINE}\n`);
    nick.send(lines.join(""));
    await nick.roundtrip();
  }
  ann.guest = await Guest.connectDeaf(server.port);
  ann.send({ type: "hello", version: 1, token: ann.token, last: ann.lastId });
  await noticed(server, 2, nick);
  await arrange([[nick, "one more"]]);
  const ending = server.shutdown();
  const lines = await ann.untilClosed();
  assertEquals([lines.at(-1)?.type, lines.at(-1)?.["reason"]], ["goodbye", "shutdown"]);
  assert(lines.every(({ type }) => type !== "caught-up"), "it was in the middle of that");
  await ending;
});

Deno.test("a reset that nobody read anything before is a loss like any other", async () => {
  await using server = await startTestServer();
  await using nick = await server.join("nick");
  const rude = await RudeGuest.connect(server.port);
  rude.say(JSON.stringify({ type: "hello", version: 1, nick: "rude" }));
  await nick.expect("-- rude joined.");
  await rude.reset();
  assertEquals(await noticed(server, 1, nick), []);
  assertEquals(await ask(nick, "/nick rude"), ["-- rude is taken."]);
});

Deno.test("a start that cannot listen waits for nobody, and leaves them to the next", async () => {
  await using folder = await Folder.with();
  const before = await startTestServer({ db: folder.db });
  await using ann = await JsonGuest.enter(before.port, "ann");
  await before.shutdown();
  await ann.untilClosed();
  {
    // Whatever this leaves running, the sanitizers find.
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const error = await assertRejects(
      () => startTestServer({ db: folder.db, port: taken.addr.port }),
      DoorError,
    );
    assertInstanceOf(error.cause, Deno.errors.AddrInUse);
  }
  await using server = await startTestServer({ db: folder.db });
  const { welcome } = await ann.resume(server.port);
  assertEquals([welcome["name"], welcome["isRestarted"]], ["ann", true]);
});
