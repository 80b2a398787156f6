// The JSON protocol on the whole server, over real sockets: how programs come in and
// are refused, every command and every refusal with its exact lines, what people and
// programs see of one another, and what becomes of a program that sends nonsense.
// Every line that a program is sent is held to the schema.

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { COMMANDS } from "../lib/chat/commands.ts";
import {
  ATTEMPTS_FREE,
  IDLE_STEP_MS_MAX,
  LINE_BYTES_MAX,
  MESSAGE_LINES_MAX,
  PRESENCE_AT_ONCE_USERS_MAX,
  REF_LENGTH_MAX,
} from "../lib/limits.ts";
import { Guest, RudeGuest, startTestServer, type TestServer } from "./harness.ts";
import { type Json, JsonGuest } from "./json_guest.ts";
import { assertServerLine } from "./protocol/json_schema.ts";
import { Folder, LAN, overLan, passwordOf } from "./visits.ts";

/** Stands for a number that differs from run to run. */
const N = "N";
const NUMBERS = new Set(["id", "atMs", "nowMs", "joinedAtMs", "messageId", "sessionId", "lastRef"]);

const NOBODY = { names: [], more: 0 };

/** A line in which the numbers that differ from run to run, and the `ref`, are `N`. */
function bare<Value>(value: Value): Value {
  return JSON.parse(
    JSON.stringify(value),
    (key, each) => (NUMBERS.has(key) || key === "ref") && typeof each === "number" ? N : each,
  );
}

/** All that a request causes its sender to be told, until the server has done everything. */
async function does(guest: JsonGuest, request: Json): Promise<Json[]> {
  const ref = guest.request(request);
  const lines: Json[] = [];
  while (!guest.answers.has(ref)) lines.push(await guest.next());
  lines.push(...await guest.settle());
  for (const line of lines) assert(!("ref" in line) || line["ref"] === ref, JSON.stringify(line));
  return lines.map(bare);
}

/** The same for a command as it is typed, without its slash. */
async function types(guest: JsonGuest, typed: string, room?: string): Promise<Json[]> {
  const [, name = "", args = ""] = /^(\S+) ?(.*)$/s.exec(typed) ?? [];
  const given = room === undefined ? {} : { room };
  return await does(guest, { type: "command", name, args, ...given });
}

/** What somebody was told so far. */
async function told(guest: JsonGuest): Promise<Json[]> {
  return (await guest.settle()).map(bare);
}

/** The next line of a type. */
async function until(guest: JsonGuest, type: string): Promise<Json> {
  for (;;) {
    const line = await guest.next();
    if (line.type === type) return line;
  }
}

/** Sends a line as it is over a connection on which nobody has come in. Returns the answer. */
async function tries(guest: JsonGuest, line: Json): Promise<Json> {
  guest.send(line);
  return bare(await guest.next());
}

/** A program that has connected, and has sent nothing. */
async function connect(server: TestServer): Promise<JsonGuest> {
  return new JsonGuest(await server.connect());
}

/** A person and a program who are in, and have heard of one another. */
class Pair implements AsyncDisposable {
  constructor(
    readonly server: TestServer,
    readonly ann: Guest,
    readonly bot: JsonGuest,
  ) {}

  static async start(overrides: Parameters<typeof startTestServer>[0] = {}): Promise<Pair> {
    const server = await startTestServer(overrides);
    const ann = await server.join("ann");
    const bot = await JsonGuest.enter(server.port, "bot");
    await ann.expect("-- bot joined.");
    return new Pair(server, ann, bot);
  }

  /** What ann types, and all that both are told until it is done. */
  async type(line: string): Promise<{ readonly ann: string[]; readonly bot: Json[] }> {
    this.ann.say(line);
    return { ann: await this.ann.roundtrip(), bot: await told(this.bot) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ann.close();
    await this.bot.guest.close();
    await this.server[Symbol.asyncDispose]();
  }
}

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
async function pass(ms: number, witness: Guest): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 10 * IDLE_STEP_MS_MAX) {
    mock.timers.tick(10 * IDLE_STEP_MS_MAX);
    await witness.roundtrip();
  }
}

// Coming in.

const WELCOME = {
  type: "welcome",
  id: N,
  version: 1,
  server: "Parley",
  name: "bot",
  room: "#lobby",
  others: NOBODY,
  motd: [],
  topic: "",
  isRegistered: false,
  rooms: [{ room: "#lobby", topic: "", others: NOBODY }],
  token: "",
  graceMs: 60_000,
  isResumed: false,
  isRestarted: false,
  isComplete: true,
  lastRef: N,
};

Deno.test("a program that says hello is welcomed with all that it has to know", async () => {
  await using server = await startTestServer({ name: "The Lab", motd: ["Be kind.", ""] });
  await using ann = await server.join("ann");
  await using bot = await connect(server);
  const welcome = await bot.hello({ nick: "bot", ref: "h" });
  assertMatch(`${welcome["token"]}`, /^[\w-]{22,}$/);
  const others = { names: ["ann"], more: 0 };
  assertEquals({ ...bare(welcome), token: "" }, {
    ...WELCOME,
    ref: "h",
    server: "The Lab",
    others,
    motd: ["Be kind.", ""],
    rooms: [{ room: "#lobby", topic: "", others }],
  });
  assertEquals(await bot.settle(), []);
  assertEquals(await ann.roundtrip(), ["-- bot joined."], "once, under its name");
});

Deno.test("without a nick the server picks a name, and without resuming there is no token", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  for (
    const fields of [{ resume: false }, { resume: false, nick: null, token: null, last: null }]
  ) {
    await using bot = await connect(server);
    const { name, token, graceMs } = await bot.hello(fields) as Json & typeof WELCOME;
    assertEquals({ name, token, graceMs }, { name: "guest1", token: null, graceMs: 60_000 });
    await ann.expect("-- guest1 joined.");
    await bot.drop();
    await ann.expect("-- guest1 left.");
  }
  await using lasting = await JsonGuest.enter(server.port, { resume: true });
  await ann.expect("-- guest1 joined.");
  await lasting.drop();
  assertEquals(await ann.roundtrip(), [], "who may come back is waited for");
});

Deno.test("a hello that is refused can be followed by another one", async (t) => {
  await using server = await startTestServer();
  await using bot = await connect(server);
  const refusals: readonly (readonly [fields: Record<string, unknown>, code: string])[] = [
    [{ version: 2 }, "bad-version"],
    [{ version: 0 }, "bad-version"],
    [{ version: 1.5 }, "bad-version"],
    [{ version: 1e308 }, "bad-version"],
    [{}, "bad-request"],
    [{ version: "1" }, "bad-request"],
    [{ version: null }, "bad-request"],
    [{ version: [1] }, "bad-request"],
    [{ version: 1, nick: 5 }, "bad-request"],
    [{ version: 1, nick: ["bot"] }, "bad-request"],
    [{ version: 1, password: true }, "bad-request"],
    [{ version: 1, resume: 1 }, "bad-request"],
    [{ version: 1, resume: "false" }, "bad-request"],
    [{ version: 1, token: 5 }, "bad-request"],
    [{ version: 1, last: -1 }, "bad-request"],
    [{ version: 1, last: 1.5 }, "bad-request"],
    [{ version: 1, last: "1" }, "bad-request"],
    [{ version: 1, token: "" }, "session-over"],
    [{ version: 1, token: "x" }, "session-over"],
    [{ version: 1, token: "\u{202e}\0__proto__", last: 7 }, "session-over"],
    [{ version: 1, token: "x".repeat(8_000), last: Number.MAX_SAFE_INTEGER }, "session-over"],
  ];
  for (const [fields, code] of refusals) {
    await t.step(`${JSON.stringify(fields).slice(0, 50)} is ${code}`, async () => {
      const { text, ...answer } = await tries(bot, { type: "hello", ref: "h", ...fields });
      assertEquals(answer, { type: "refused", ref: "h", code });
      assertMatch(`${text}`, /^[A-Za-z].*\.$/);
    });
  }
  await t.step("what is no hello is no way in", async () => {
    for (
      const request of [
        { type: "say", text: "hello" },
        { type: "command", name: "who" },
        { type: "command", name: "login", args: "a b" },
      ]
    ) {
      assertEquals(await tries(bot, { ...request, ref: "s" }), {
        type: "refused",
        ref: "s",
        code: "hello-wanted",
        text: "The first request is hello.",
      });
    }
    const pong = await tries(bot, { type: "ping", text: "a", ref: "p" });
    assertEquals(pong, { type: "pong", ref: "p", text: "a", atMs: N });
    bot.guest.send("\n \t\r\nnot json\n");
    assertEquals((await bot.next())["code"], "bad-json");
  });
  const welcome = await bot.hello({ nick: "bot", ref: "h" });
  assertEquals({ ...bare(welcome), token: "" }, { ...WELCOME, ref: "h" });
});

Deno.test("a second hello is refused, and changes nothing", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  assertEquals(await does(bot, { type: "hello", version: 1, nick: "zoe" }), [
    { type: "refused", ref: N, code: "here", text: "You are in already." },
  ]);
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("who cannot have the name that they ask for is welcomed as a guest, and told why", async (t) => {
  await using folder = await Folder.with("paul");
  await using server = await startTestServer({ db: folder.db });
  await using ann = await server.join("ann");
  const refused: readonly (readonly [nick: string, code: string, text: string])[] = [
    ["ann", "name-taken", "ann is taken."],
    ["ANN", "name-taken", "ANN is taken."],
    ["\u{430}nn", "bad-name", ""],
    ["", "bad-name", ""],
    ["a b", "bad-name", ""],
    ["x".repeat(25), "bad-name", ""],
    ["guest7", "bad-name", ""],
    ["server", "bad-name", ""],
    ["pau1", "name-alike", "pau1 looks too much like paul, which is registered."],
  ];
  for (const [nick, code, text] of refused) {
    await t.step(`${JSON.stringify(nick)} is refused as ${code}`, async () => {
      await using bot = await connect(server);
      const welcome = await bot.hello({ nick, ref: "h", resume: false });
      assertEquals(welcome["name"], "guest1");
      const [refusal, ...more] = await told(bot);
      assertEquals([refusal?.type, refusal?.["ref"], refusal?.["code"]], ["refused", "h", code]);
      if (text !== "") assertEquals(refusal?.["text"], text);
      assertEquals(more, []);
      await ann.expect("-- guest1 joined.");
      await bot.drop();
      await ann.expect("-- guest1 left.");
    });
  }
  await t.step("a registered one is had until its minute is over", async () => {
    await using bot = await connect(server);
    assertEquals((await bot.hello({ nick: "PAUL", resume: false }))["name"], "paul");
    assertEquals(await told(bot), [{
      type: "notice",
      id: N,
      code: "login-wanted",
      lines: [
        "paul is registered. /login PASSWORD within 60 seconds, or you will be a guest again.",
      ],
    }]);
    await ann.expect("-- paul joined.");
    assertEquals((await does(bot, { type: "say", text: "hi" })).at(0)?.["code"], "not-logged-in");
    assertEquals((await types(bot, `login ${passwordOf("paul")}`)).at(-1), { type: "ok", ref: N });
    assertEquals(await ann.roundtrip(), []);
  });
});

const PASSWORD = "open sesame 7";

Deno.test("a server's password is asked of programs in the same breath", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using bot = await connect(server);
  assertEquals(await tries(bot, { type: "hello", version: 1, nick: "bot", ref: "a" }), {
    type: "refused",
    ref: "a",
    code: "password-wanted",
    text: "This server asks for its password.",
  });
  assertEquals(await tries(bot, { type: "hello", version: 1, password: "", ref: "b" }), {
    type: "refused",
    ref: "b",
    code: "wrong-password",
    text: "That is not the password.",
  });
  assertEquals((await tries(bot, { type: "say", text: PASSWORD }))["code"], "hello-wanted");
  assertEquals((await bot.hello({ nick: "bot", password: PASSWORD }))["name"], "bot");
  await using ann = await server.connect();
  ann.say(PASSWORD);
  await ann.until("-- Welcome to Parley. You are guest1 in #lobby, with bot.");
  assertEquals(await told(bot), [
    { type: "joined", id: N, room: "#lobby", who: { names: ["guest1"], more: 0 } },
  ]);
});

Deno.test("a hello behind the question for the password opens the protocol", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using bot = await connect(server);
  await bot.guest.expect(/^-- This server asks for its password\./);
  assertEquals((await tries(bot, { type: "hello", version: 1 }))["code"], "password-wanted");
  assertEquals((await bot.hello({ nick: "bot", password: PASSWORD })).type, "welcome");
});

Deno.test("the third wrong password of a program ends its connection", async () => {
  await using server = await startTestServer({ password: PASSWORD });
  await using bot = await connect(server);
  const hello = { type: "hello", version: 1, password: "sesame", ref: "w" };
  const wrong = {
    type: "refused",
    ref: "w",
    code: "wrong-password",
    text: "That is not the password.",
  };
  for (let attempt = 1; attempt < ATTEMPTS_FREE; attempt++) {
    assertEquals(await tries(bot, hello), wrong);
  }
  bot.send(hello);
  bot.send({ ...hello, password: PASSWORD });
  assertEquals((await bot.untilClosed()).map(bare), [
    wrong,
    { type: "goodbye", reason: "not-admitted", sessionId: N, detail: "" },
  ]);
  assert(!bot.guest.isReset, "the goodbye is followed by a clean end");
  await using next = await connect(server);
  assertEquals(
    (await tries(next, { ...hello, ref: null }))["code"],
    "wrong-password",
    "the fourth is free still",
  );
  assertEquals((await tries(next, hello))["code"], "too-many-attempts");
});

Deno.test("a program that does not come in is told goodbye after a minute", async () => {
  await onFakeTime(async () => {
    for (const password of [null, PASSWORD]) {
      await using server = await startTestServer({ password });
      await using bot = await connect(server);
      bot.guest.send('{"type":"hello","version":2}\n');
      assertEquals((await bot.next())["code"], "bad-version");
      mock.timers.tick(60_000);
      assertEquals((await bot.untilClosed()).map(bare), [
        { type: "goodbye", reason: "not-admitted", sessionId: N, detail: "" },
      ]);
    }
  });
});

Deno.test(overLan("whoever is banned while their hello is on its way is told so"), async () => {
  assert(LAN !== undefined);
  await using folder = await Folder.with("olga");
  await using server = await startTestServer({
    host: "0.0.0.0",
    db: folder.db,
    operators: ["olga"],
  });
  await using olga = await JsonGuest.enter(server.port, "olga");
  await types(olga, `login ${passwordOf("olga")}`);
  const conn = await Deno.connect({ hostname: LAN, port: server.port });
  await using bot = new JsonGuest(new Guest(conn));
  bot.guest.send('{"type":"hello",');
  await bot.guest.sent();
  // The clock is real: once somebody who came later is greeted, this one would have been.
  await using witness = await server.connect();
  await witness.until(/^-- Just type/);
  assertEquals((await types(olga, `ban ${LAN}`)).at(-1), { type: "ok", ref: N });
  bot.guest.send('"version":1,"ref":"h"}\n');
  assertEquals((await bot.untilClosed()).map(bare), [
    {
      type: "refused",
      ref: "h",
      code: "banned",
      text: "You may not come in until an operator lifts that.",
    },
  ]);
  const again = await Deno.connect({ hostname: LAN, port: server.port });
  await using late = new Guest(again);
  late.say('{"type":"hello","version":1}');
  assertEquals(await late.untilClosed(), ["-- You may not come in until an operator lifts that."]);
});

const HELLO = '{"type":"hello","version":1,"nick":"bot","resume":false}';

Deno.test("a hello in any two pieces, however long the pause, opens the protocol", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer();
    await using ann = await server.join("ann");
    await using stack = new AsyncDisposableStack();
    const guests: Guest[] = [];
    const line = '\u{feff} {"type":"hello","version":1,"nick":"\u{e9}","resume":false}\r\n';
    const bytes = new TextEncoder().encode(line);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const guest = stack.use(await server.connect());
      guests.push(guest);
      if (cut > 0) guest.send(bytes.subarray(0, cut));
      await guest.sent();
    }
    // Whoever is greeted as a person by now is taken for a program all the same.
    for (let turn = 0; turn < 10; turn++) {
      await ann.roundtrip();
      mock.timers.tick(100);
    }
    for (const [cut, guest] of guests.entries()) {
      guest.send(bytes.subarray(cut));
      const welcome = await guest.until(/^\{/);
      assertServerLine(welcome.at(-1) ?? "");
      assertMatch(welcome.at(-1) ?? "", /^\{"type":"welcome"/);
      assert(cut < 5 || welcome.length === 1, `greeted as a person, ${cut} bytes into its hello`);
    }
  });
});

Deno.test("a hello, byte by byte, opens the protocol", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await connect(server);
  for (const byte of new TextEncoder().encode(HELLO)) {
    bot.guest.send(Uint8Array.of(byte));
    await bot.guest.sent();
    assertEquals(await ann.roundtrip(), []);
  }
  bot.guest.send("\n");
  assertEquals((await bot.next())["name"], "bot");
  assertEquals(await ann.roundtrip(), ["-- bot joined."]);
});

Deno.test("every way to write a hello opens the protocol", async (t) => {
  await using server = await startTestServer();
  const ways = [
    `${HELLO}\r`,
    `\u{feff}${HELLO}`,
    ` \t${HELLO}  `,
    '{ "version" : 1 , "type" : "hello" }',
    '{"\\u0074ype":"\\u0068ello","version":1.0e0}',
    '{"type":"say","type":"hello","version":2,"version":1}',
    '{"type":"hello","version":1,"unknown":{"deep":[[[{}]]]},"__proto__":{"version":2}}',
    `{"type":"hello","version":1,"pad":"${"x".repeat(8_000)}"}`,
  ];
  for (const way of ways) {
    await t.step(JSON.stringify(way).slice(0, 60), async () => {
      await using bot = await connect(server);
      bot.guest.say(way);
      assertEquals((await bot.next()).type, "welcome");
      assertEquals(await bot.settle(), []);
    });
  }
});

Deno.test("whoever begins with a brace and says no hello is a person", async (t) => {
  await using server = await startTestServer();
  await using bot = await JsonGuest.enter(server.port, "bot");
  const said = ["{hi} there", "{", "{}", "{ }", '{"type":"bye"}', '{"type":["hello"]}', "{{}}"];
  for (const [at, text] of [...said, ...said].entries()) {
    const isGreeted = at >= said.length;
    await t.step(`${text} ${isGreeted ? "behind the greeting" : "at once"}`, async () => {
      await using guest = await server.connect();
      if (isGreeted) await guest.until(/^-- Just type/);
      guest.say(text);
      const lines = await guest.roundtrip();
      if (!isGreeted) assertMatch(lines[0] ?? "", /^-- Welcome to Parley\. You are guest1 /);
      assert(!lines.some((line) => line.startsWith("{")), "a person reads no JSON");
      const heard = await told(bot);
      const [joined, message] = heard;
      assertEquals([joined?.type, message?.type, message?.["text"]], ["joined", "message", text]);
      guest.say("/quit");
      await guest.untilClosed();
      assertEquals((await told(bot)).map(({ type }) => type), ["left"]);
    });
  }
});

Deno.test("a hello as a second line is chat, and so is all that follows", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  for (const text of [HELLO, '{"type":"say","text":"x"}', "{", "[]"]) {
    const both = await pair.type(text);
    assertEquals(both.ann, []);
    assertEquals(both.bot.map(({ type, from, text }) => [type, from, text]), [
      ["message", "ann", text],
    ]);
  }
  await using late = await pair.server.connect();
  late.say("first");
  late.say(HELLO);
  await ann.until("guest1: first");
  await ann.expect(`guest1: ${HELLO}`);
  await bot.settle();
});

// Every command.

const OK = { type: "ok", ref: N };
const SAID = { type: "ok", ref: N, id: N, atMs: N };

/** An answer in words. */
function notice(code: string, ...lines: readonly string[]): Json {
  return { type: "notice", ref: N, id: N, code, lines };
}

/** The same where the request had to wait for a password's hash: then it cannot be known for an answer. */
function late({ ref: _, ...event }: Json): Json {
  return event;
}

/** What was said in a room, by bot in the lobby unless told otherwise. */
function said(text: string, fields: Readonly<Record<string, unknown>> = {}): Json {
  return {
    type: "message",
    id: N,
    atMs: N,
    room: "#lobby",
    from: "bot",
    isRegistered: false,
    text,
    ...fields,
  };
}

function announced(code: string, text: string, room: string | null = "#dev"): Json {
  return { type: "announced", id: N, room, code, text };
}

function refused(code: string, text: string): Json {
  return { type: "refused", ref: N, code, text };
}

/** Who is there for a command: two programs, one of them an operator's, and a person. */
class Scene implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;

  constructor(
    readonly server: TestServer,
    readonly ann: Guest,
    readonly bot: JsonGuest,
    readonly olga: JsonGuest,
    stack: AsyncDisposableStack,
  ) {
    this.#stack = stack;
  }

  static async set(): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await Folder.with("olga", "paul"));
    const server = stack.use(await startTestServer({ db: folder.db, operators: ["olga"] }));
    const ann = stack.use(await server.join("ann"));
    const bot = stack.use(await JsonGuest.enter(server.port, { nick: "bot", resume: false }));
    const olga = stack.use(await JsonGuest.enter(server.port, { nick: "olga", resume: false }));
    await olga.ask(`login ${passwordOf("olga")}`);
    const scene = new Scene(server, ann, bot, olga, stack.move());
    await scene.forget();
    return scene;
  }

  /** Does things of which only the effect matters. */
  async arrange(
    ...steps: readonly (readonly [who: "ann" | "bot" | "olga", typed: string])[]
  ): Promise<
    void
  > {
    for (const [who, typed] of steps) {
      if (who === "ann") {
        this.ann.say(`/${typed}`);
        await this.ann.roundtrip();
      } else {
        assertEquals((await this[who].ask(typed)).type, "ok", typed);
      }
    }
    await this.forget();
  }

  /** Reads what everybody was told. */
  async forget(): Promise<void> {
    await this.ann.roundtrip();
    await this.bot.settle();
    await this.olga.settle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** What a command is shown to do. */
const CASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  async help({ bot }): Promise<void> {
    const nick = { group: "Names", usage: "/nick NAME", summary: "change your name" };
    assertEquals(await types(bot, "help nick"), [{ type: "help", ref: N, entries: [nick] }, OK]);
    const [help, ...more] = await types(bot, "help");
    const entries = help?.["entries"] as readonly { readonly usage: string }[];
    const names = entries.map(({ usage }) => usage.split(" ")[0]);
    assertEquals(
      names.toSorted(),
      ["//TEXT", ...COMMANDS.map(({ name }) => `/${name}`)].toSorted(),
    );
    assertEquals([help?.["ref"], ...more], [N, OK]);
  },
  async token({ olga, bot }): Promise<void> {
    const [made, ...more] = await types(olga, "token create ci");
    assertEquals([made?.["ref"], made?.["code"], ...more], [N, "token", OK]);
    assertEquals(await types(olga, "token revoke ci"), [
      notice("token-revoked", "ci[bot] is no more, and its token worth nothing."),
      OK,
    ]);
    assertEquals((await types(bot, "token list")).at(0)?.["code"], "no-right");
  },
  async who({ bot }): Promise<void> {
    const users = [
      { name: "ann", joinedAtMs: N, isOperator: false },
      { name: "bot", joinedAtMs: N, isOperator: false },
      { name: "olga", joinedAtMs: N, isOperator: true },
    ];
    const who = { type: "who", ref: N, room: "#lobby", atMs: N, users, more: 0 };
    assertEquals(await types(bot, "who"), [who, OK]);
    assertEquals(await types(bot, "who #LOBBY"), [who, OK]);
  },
  async me({ ann, bot }): Promise<void> {
    assertEquals(await types(bot, "me waves"), [said("waves", { type: "action" }), SAID]);
    assertEquals(await ann.roundtrip(), ["* bot waves"]);
    const text = "waves\n  and smiles\n\nand goes";
    assertEquals(await types(bot, `me ${text}\n\n `), [said(text, { type: "action" }), SAID]);
    assertEquals(await ann.roundtrip(), [
      "* bot waves",
      "* bot   and smiles",
      "* bot ",
      "* bot and goes",
    ]);
  },
  async msg(scene): Promise<void> {
    const { ann, bot, olga } = scene;
    assertEquals(await types(bot, "msg ann psst\nbehind you"), [OK]);
    assertEquals(await ann.roundtrip(), [
      "[private] bot: psst",
      "[private] bot: behind you",
    ]);
    assertEquals(await types(bot, "msg olga psst\nbehind you"), [OK]);
    assertEquals(await told(olga), [{
      type: "direct",
      id: N,
      from: "bot",
      text: "psst\nbehind you",
      atMs: N,
      nowMs: N,
      hasWaited: false,
    }]);
    assertEquals(await types(bot, "msg paul later\nmaybe"), [
      notice("waiting", "paul is away; your message waits for them."),
      OK,
    ]);
    await scene.arrange(["bot", "join #dev"]);
    assertEquals(await types(bot, "msg #lobby lunch?\nor not"), [said("lunch?\nor not"), SAID]);
    assertEquals(await ann.roundtrip(), ["bot: lunch?", "bot: or not"]);
    assertEquals((await bot.ask("who")).type, "ok");
    assertEquals(await types(bot, "msg #lobby "), [
      refused("missing-argument", "Type it as /msg NAME TEXT."),
    ]);
  },
  async reply(scene): Promise<void> {
    const { ann, bot } = scene;
    await scene.arrange(["ann", "msg bot psst"]);
    assertEquals(await types(bot, "reply yes\nno"), [OK]);
    assertEquals(await ann.roundtrip(), ["[private] bot: yes", "[private] bot: no"]);
  },
  async ignore({ ann, bot }): Promise<void> {
    assertEquals(await types(bot, "ignore"), [notice("ignored", "You ignore nobody."), OK]);
    assertEquals(await types(bot, "ignore ANN"), [
      notice("ignored", "You do not hear ann any more. /unignore ann changes that."),
      OK,
    ]);
    ann.say("hello?");
    ann.say("/me waves");
    ann.say("/msg bot hello?");
    await ann.roundtrip();
    assertEquals(await types(bot, "ignore"), [notice("ignored", "You ignore ann."), OK]);
  },
  async unignore({ ann, bot }): Promise<void> {
    await types(bot, "ignore ann");
    assertEquals(await types(bot, "unignore ann"), [
      notice("unignored", "You hear ann again."),
      OK,
    ]);
    ann.say("hello?");
    await ann.roundtrip();
    assertEquals(await told(bot), [said("hello?", { from: "ann" })]);
  },
  async report({ bot, olga }): Promise<void> {
    assertEquals(await types(bot, "report ann spam\nand more"), [
      notice("reported", "The operators have it."),
      OK,
    ]);
    assertEquals(await told(olga), [
      announced("report", "bot reports ann in #lobby: spam and more", null),
    ]);
  },
  async ping({ bot }): Promise<void> {
    assertEquals(await types(bot, "ping a\nb"), [{ type: "pong", ref: N, text: "a b", atMs: N }]);
  },
  async quit({ ann, bot }): Promise<void> {
    const ref = bot.command("quit");
    assertEquals((await bot.untilClosed()).map(bare), [
      OK,
      { type: "goodbye", reason: "quit", sessionId: N, detail: "" },
    ]);
    assert(bot.answers.has(ref));
    assert(!bot.guest.isReset, "the goodbye is followed by a clean end");
    assertEquals(await ann.roundtrip(), ["-- bot left."]);
  },
  async join(scene): Promise<void> {
    const { ann, bot } = scene;
    const entered = {
      type: "entered",
      ref: N,
      id: N,
      room: "#dev",
      how: "made",
      others: NOBODY,
      topic: "",
      isLasting: false,
    };
    assertEquals(await types(bot, "join #dev secret-1"), [late(entered), OK]);
    await scene.arrange(["bot", "topic Work"], ["bot", "me hammers"], ["bot", "join #lobby"]);
    assertEquals(await types(bot, "join #dev"), [
      { ...entered, how: "returned", topic: "Work", isLasting: true },
      OK,
    ]);
    ann.say("/join #dev secret-1");
    await ann.roundtrip();
    assertEquals(await told(bot), [
      { type: "joined", id: N, room: "#dev", who: { names: ["ann"], more: 0 } },
    ]);
    await using zoe = await JsonGuest.enter(scene.server.port, "zoe");
    assertEquals(await types(zoe, "join #dev"), [
      refused("password-wanted", "#dev takes a password: /join #dev PASSWORD"),
    ]);
    assertEquals(await types(zoe, "join #dev secret-2"), [
      refused("wrong-password", "That is not the password."),
    ]);
    const line = { id: N, atMs: N, room: "#dev", from: "bot" };
    assertEquals(await types(zoe, "join #DEV secret-1"), [
      late({
        ...entered,
        how: "joined",
        topic: "Work",
        others: { names: ["bot", "ann"], more: 0 },
      }),
      {
        type: "history",
        purpose: "backlog",
        room: "#dev",
        nowMs: N,
        lines: [
          { ...line, kind: "topic", text: "Work" },
          { ...line, kind: "action", text: "hammers" },
        ],
        unread: 0,
      },
      OK,
    ]);
  },
  async leave(scene): Promise<void> {
    const { ann, bot } = scene;
    await scene.arrange(["bot", "join #dev"], ["ann", "join #dev"]);
    assertEquals(await types(bot, "leave #lobby"), [
      { type: "parted", ref: N, id: N, room: "#lobby", to: "#dev" },
      OK,
    ]);
    assertEquals(await types(bot, "leave"), [
      { type: "parted", ref: N, id: N, room: "#dev", to: null },
      OK,
    ]);
    assertEquals(await ann.roundtrip(), ["-- [#lobby] bot left.", "-- bot left."]);
    assertEquals(await types(bot, "leave"), [
      refused("no-room", "You are in no room. /join #lobby brings you into one."),
    ]);
  },
  async rooms(scene): Promise<void> {
    await scene.arrange(["olga", "join #dev secret-1"], ["olga", "topic Work"]);
    assertEquals(await types(scene.bot, "rooms"), [{
      type: "rooms",
      ref: N,
      rooms: [
        { name: "#lobby", people: 3, topic: "", needs: null, isIn: true },
        { name: "#dev", people: 1, topic: "Work", needs: "password", isIn: false },
      ],
      more: 0,
    }, OK]);
  },
  async topic(scene): Promise<void> {
    const { ann, bot } = scene;
    await scene.arrange(["bot", "join #dev"], ["ann", "join #dev"]);
    assertEquals(await types(bot, "topic"), [notice("topic", "#dev has no topic."), OK]);
    const topic = { type: "topic", room: "#dev" };
    assertEquals(await types(bot, "topic a\nb"), [said("a b", topic), SAID]);
    assertEquals(await types(bot, "topic"), [notice("topic", "The topic of #dev: a b"), OK]);
    assertEquals(await types(bot, "topic -"), [said("", topic), SAID]);
    assertEquals(await ann.roundtrip(), [
      "-- bot set the topic: a b",
      "-- bot took the topic away.",
    ]);
  },
  async room(scene): Promise<void> {
    const { ann, bot } = scene;
    await scene.arrange(["bot", "join #dev"], ["ann", "join #dev"]);
    assertEquals(await types(bot, "room"), [
      notice(
        "room",
        "#dev is open: anybody may come in.",
        "Its topic: none",
        "Its operators: bot.",
        "What is said there is kept as long as the server keeps history.",
        "You are there as a room operator.",
      ),
      OK,
    ]);
    const changes: readonly (readonly [typed: string, text: string])[] = [
      ["private", "private: it is not listed, and who knows its name may come in."],
      ["password secret-1", "for those who have its password."],
      ["invite-only", "for those who are invited; it is not listed."],
      ["open", "open: anybody may come in."],
    ];
    for (const [typed, text] of changes) {
      assertEquals(await types(bot, `room ${typed}`), [
        announced("room-changed", `bot made #dev ${text}`),
        OK,
      ]);
      assertEquals(await ann.roundtrip(), [`-- bot made #dev ${text}`]);
    }
    assertEquals(await types(bot, "room keep 7d"), [
      announced("room-changed", "What is said in #dev is kept for 7 days now."),
      OK,
    ]);
    assertEquals(await types(bot, "room delete #dev"), [
      announced("room-deleted", "bot deleted #dev, with all that was said there."),
      { type: "parted", ref: N, id: N, room: "#dev", to: "#lobby" },
      OK,
    ]);
  },
  async invite(scene): Promise<void> {
    const { ann, bot, olga } = scene;
    await scene.arrange(["bot", "join #dev"], ["bot", "room invite-only"]);
    assertEquals(await types(bot, "invite ann"), [
      notice("invited", "ann may come into #dev."),
      OK,
    ]);
    assertEquals(await ann.roundtrip(), ["-- bot invites you to #dev: /join #dev"]);
    await types(bot, "invite olga");
    assertEquals(await told(olga), [
      announced("invited", "bot invites you to #dev: /join #dev", null),
    ]);
  },
  async nick({ ann, bot, olga }): Promise<void> {
    assertEquals(await types(bot, "nick robot"), [
      { type: "nick", ref: N, id: N, name: "robot" },
      OK,
    ]);
    assertEquals(await ann.roundtrip(), ["-- bot is now robot."]);
    assertEquals(await told(olga), [{ type: "renamed", id: N, from: "bot", to: "robot" }]);
    assertEquals((await types(bot, "nick paul")).map(({ type, ref }) => [type, ref]), [
      ["nick", N],
      ["notice", N],
      ["ok", N],
    ]);
  },
  async register({ ann, bot }): Promise<void> {
    assertEquals(await types(bot, "register a-good-password"), [
      late(notice("registered", "bot is yours now. From elsewhere: /login bot PASSWORD")),
      OK,
    ]);
    assertEquals(await does(bot, { type: "say", text: "hi" }), [
      SAID,
      said("hi", { isRegistered: true }),
    ]);
    assertEquals(await ann.roundtrip(), ["bot: hi"]);
  },
  async login({ bot, olga }): Promise<void> {
    await olga.ask("msg paul welcome\nback");
    await olga.settle();
    assertEquals(await types(bot, `login paul ${passwordOf("paul")}`), [
      { type: "nick", id: N, name: "paul" },
      late(notice("logged-in", "You are logged in as paul.")),
      {
        type: "direct",
        id: N,
        from: "olga",
        text: "welcome\nback",
        atMs: N,
        nowMs: N,
        hasWaited: true,
      },
      OK,
    ]);
    assertEquals(await told(olga), [{ type: "renamed", id: N, from: "bot", to: "paul" }]);
  },
  async ghost({ server, ann, olga }): Promise<void> {
    await using other = await JsonGuest.enter(server.port, { resume: false });
    await other.ask(`login olga ${passwordOf("olga")}`);
    await ann.roundtrip();
    await olga.settle();
    assertEquals(await types(other, "ghost"), [notice("ghosts", "Ended one connection."), OK]);
    assertEquals((await olga.untilClosed()).map(bare), [{
      type: "goodbye",
      reason: "replaced",
      sessionId: N,
      detail: "olga ended this connection from another one.",
    }]);
    assertEquals(await ann.roundtrip(), []);
  },
  async account({ olga }): Promise<void> {
    const [account, ...more] = await types(olga, "account");
    assertEquals([account?.["ref"], account?.["code"], ...more], [N, "account", OK]);
    assertMatch(
      `${account?.["lines"]}`,
      /^You are olga, an operator of the server, registered on /,
    );
    const before = passwordOf("olga");
    assertEquals(await types(olga, `account password ${before} a-good-password`), [
      late(notice("password-changed", "Your password is another one now.")),
      OK,
    ]);
    assertEquals(await types(olga, "account delete a-good-password"), [
      late(notice(
        "account-deleted",
        "olga is not registered any more. What was said under it stays; " +
          "/forget ID deletes single messages before.",
      )),
      OK,
    ]);
  },
  async history({ ann, bot }): Promise<void> {
    assertEquals(await types(bot, "history"), [
      notice("no-history", "There is nothing to show."),
      OK,
    ]);
    ann.say("one");
    await ann.roundtrip();
    await bot.answer(bot.say("two\nlines"));
    await bot.settle();
    await ann.roundtrip();
    const line = { id: N, atMs: N, room: "#lobby", kind: "message" };
    const history = {
      type: "history",
      ref: N,
      purpose: "asked",
      room: "#lobby",
      nowMs: N,
      unread: 0,
    };
    const lines = [
      { ...line, from: "ann", text: "one" },
      { ...line, from: "bot", text: "two\nlines" },
    ];
    assertEquals(await types(bot, "history"), [{ ...history, lines }, OK]);
    assertEquals(await types(bot, "history 1"), [{ ...history, lines: lines.slice(1) }, OK]);
    ann.say("/history 2");
    assertEquals((await ann.roundtrip()).map((text) => text.replace(/^\[[^\]]*\] /, "")), [
      "ann: one",
      "bot: two",
      "bot: lines",
    ]);
  },
  async search({ ann, bot }): Promise<void> {
    assertEquals(await types(bot, "search cable"), [notice("not-found", "Nothing was found."), OK]);
    ann.say("the blue cable");
    await ann.roundtrip();
    await bot.settle();
    assertEquals(await types(bot, "search cable from:ann"), [{
      type: "found",
      ref: N,
      nowMs: N,
      lines: [
        { id: N, atMs: N, room: "#lobby", kind: "message", from: "ann", text: "the blue cable" },
      ],
    }, OK]);
  },
  async forget({ ann, bot, olga }): Promise<void> {
    const id = (await bot.answer(bot.say("oops")))["id"];
    await bot.settle();
    await ann.roundtrip();
    await olga.settle();
    const [event, ...more] = await types(bot, "forget");
    assertEquals(event, {
      type: "forgotten",
      id: N,
      room: "#lobby",
      messageId: N,
      from: "bot",
      by: "bot",
    });
    assertEquals(more, [notice("forgotten", "It is deleted from the history."), OK]);
    assertEquals(bot.told("forgotten")[0]?.["messageId"], id);
    assertEquals(await ann.roundtrip(), [`-- bot took a message back (${id}).`]);
    assertEquals(await told(olga), [event]);
  },
  async kick(scene): Promise<void> {
    const { ann, bot, olga } = scene;
    await scene.arrange(["bot", "join #dev"], ["ann", "join #dev"]);
    const out = {
      type: "sent-out",
      id: N,
      room: "#dev",
      name: "ann",
      verb: "removed",
      by: "bot",
      reason: "too loud",
    };
    assertEquals(await types(bot, "kick ann too\nloud"), [out, OK]);
    assertEquals(await ann.roundtrip(), [
      "-- ann was removed from #dev by bot: too loud",
      "-- You left #dev. You are in #lobby now.",
    ]);
    assertEquals(
      await types(olga, "kick server bot"),
      [
        {
          type: "left",
          id: N,
          room: "#lobby",
          who: { names: ["bot"], more: 0 },
          reason: "removed",
        },
        OK,
      ].reverse(),
    );
    assertEquals((await bot.untilClosed()).map(bare), [{
      type: "goodbye",
      reason: "removed",
      sessionId: N,
      detail: "You were removed by olga.",
    }]);
  },
  async ban(scene): Promise<void> {
    const { bot, olga } = scene;
    await scene.arrange(["olga", "join #dev"], ["bot", "join #dev"]);
    const out = { type: "sent-out", id: N, room: "#dev", name: "bot", verb: "banned", by: "olga" };
    assertEquals(await types(olga, "ban bot for 7d spam"), [
      { ...out, reason: "spam" },
      notice("imposed", "bot is banned from #dev for 7 days: spam"),
      OK,
    ]);
    assertEquals(await told(bot), [
      { ...out, reason: "spam" },
      { type: "parted", id: N, room: "#dev", to: "#lobby" },
    ]);
    const [no] = await types(bot, "join #dev");
    assertEquals([no?.type, no?.["code"]], ["refused", "banned"]);
  },
  async unban(scene): Promise<void> {
    await scene.arrange(["olga", "ban bot"]);
    assertEquals(await types(scene.olga, "unban bot"), [
      notice("lifted", "bot may come into #lobby again."),
      OK,
    ]);
    assertEquals((await scene.bot.ask("join #lobby")).type, "ok");
  },
  async bans({ olga }): Promise<void> {
    assertEquals(await types(olga, "bans server"), [
      notice("bans", "Nobody is banned from or muted in the server."),
      OK,
    ]);
  },
  async mute({ bot, olga }): Promise<void> {
    assertEquals(await types(olga, "mute bot for 10m"), [
      notice("imposed", "bot is muted in #lobby for 10 minutes."),
      OK,
    ]);
    assertEquals(await told(bot), [
      announced("muted", "olga muted you in #lobby: you may not talk for 10 minutes more.", null),
    ]);
    assertEquals(await does(bot, { type: "say", text: "hi" }), [
      refused("muted", "You may not talk in #lobby for 10 minutes more."),
    ]);
  },
  async unmute(scene): Promise<void> {
    await scene.arrange(["olga", "mute bot"]);
    assertEquals(await types(scene.olga, "unmute bot"), [
      notice("lifted", "bot may talk again."),
      OK,
    ]);
  },
  async lock({ bot, olga }): Promise<void> {
    const event = announced(
      "lock",
      "olga locked #lobby: only registered names may come in and talk.",
      "#lobby",
    );
    assertEquals(await types(olga, "lock"), [event, OK]);
    assertEquals(await told(bot), [event]);
  },
  async unlock(scene): Promise<void> {
    await scene.arrange(["olga", "lock server"]);
    const event = announced("unlock", "olga unlocked the server: everybody may talk again.", null);
    assertEquals(await types(scene.olga, "unlock server"), [event, OK]);
    assertEquals(await told(scene.bot), [event]);
  },
  async op(scene): Promise<void> {
    const { bot, olga } = scene;
    assertEquals(await types(olga, "op paul"), [
      notice("op", "paul is an operator of #lobby now."),
      OK,
    ]);
    assertEquals(await told(bot), [
      announced("op", "olga made paul an operator of #lobby.", "#lobby"),
    ]);
  },
  async deop(scene): Promise<void> {
    await scene.arrange(["olga", "op paul"]);
    assertEquals(await types(scene.olga, "deop paul"), [
      notice("deop", "paul is no operator of #lobby any more."),
      OK,
    ]);
    assertEquals(await told(scene.bot), [
      announced("deop", "olga took the operator's rights on #lobby from paul.", "#lobby"),
    ]);
  },
  async audit(scene): Promise<void> {
    await scene.arrange(["olga", "mute bot\nfor 10m"]);
    const [audit, ...more] = await types(scene.olga, "audit");
    assertEquals([audit?.["code"], audit?.["ref"], ...more], ["audit", N, OK]);
    assertMatch(`${audit?.["lines"]}`, /^\d\d:\d\d olga mute bot until /);
  },
  async backup({ olga, bot }): Promise<void> {
    const [backup, ...more] = await types(olga, "backup");
    assertEquals([backup?.["code"], backup?.["ref"], ...more], ["backup", N, OK]);
    assertMatch(
      `${backup?.["lines"]}`,
      /^Everything is copied to .*parley\.db-backup \(\d+ KiB\)\.$/,
    );
    assertEquals((await types(bot, "backup")).at(0)?.["code"], "no-right");
  },
};

Deno.test("every command can be done in JSON, and is ended by one line", async (t) => {
  assertEquals(Object.keys(CASES).toSorted(), COMMANDS.map(({ name }) => name).toSorted());
  for (const [name, run] of Object.entries(CASES)) {
    await t.step(`/${name}`, async () => {
      await using scene = await Scene.set();
      await run(scene);
    });
  }
});

// Refusals.

/** Who asks, what they type, and the code with which that is refused; before it, what has to be so. */
type Refused = readonly [
  who: "bot" | "olga",
  typed: string,
  code: string,
  ...before: readonly (readonly ["ann" | "bot" | "olga", string])[],
];

const REFUSALS: readonly Refused[] = [
  ["bot", "xyzzy", "no-such-command"],
  ["bot", "constructor", "no-such-command"],
  ["bot", "__proto__", "no-such-command"],
  ["bot", "help xyzzy", "no-such-command"],
  ["bot", "nick", "missing-argument"],
  ["bot", "msg ann", "missing-argument"],
  ["bot", "join dev", "missing-argument"],
  ["bot", "history x", "missing-argument"],
  ["bot", "forget x", "missing-argument"],
  ["bot", "login a b c", "missing-argument"],
  ["bot", "nick bot", "same-name"],
  ["bot", "nick ANN", "name-taken"],
  ["bot", "nick a b", "bad-name"],
  ["bot", "nick pau1", "name-alike"],
  ["bot", "msg bot hi", "self"],
  ["bot", "ignore bot", "self"],
  ["bot", "msg nobody hi", "no-such-user"],
  ["bot", "ignore nobody", "no-such-user"],
  ["bot", "report nobody spam", "no-such-user"],
  ["bot", "reply hi", "nobody-to-reply-to"],
  ["bot", "unignore ann", "not-ignored"],
  ["bot", "ignore ann", "ignored", ["bot", "ignore ann"]],
  ["bot", "who #nowhere", "not-in-room"],
  ["bot", "leave #nowhere", "not-in-room"],
  ["bot", "search x in:#nowhere", "not-in-room"],
  ["bot", "msg #nowhere hi", "not-in-room"],
  ["bot", "join #a/b", "bad-room-name"],
  ["bot", "join #made short", "bad-password"],
  ["bot", "join #closed", "password-wanted", ["olga", "join #closed secret-1"]],
  ["bot", "join #c1osed", "room-alike"],
  ["bot", "join #closed secret-2", "wrong-password"],
  ["bot", "join #closed", "invite-only", ["olga", "room invite-only"]],
  ["bot", "join #closed", "locked", ["olga", "room open"], ["olga", "lock"]],
  ["bot", "join #closed", "banned", ["olga", "unlock"], ["olga", "ban bot"], [
    "olga",
    "join #lobby",
  ]],
  ["bot", "topic x", "no-right"],
  ["bot", "kick ann", "no-right"],
  ["bot", "backup", "no-right"],
  ["bot", "account", "no-right"],
  ["bot", "ghost", "no-right"],
  ["bot", "room open", "no-right"],
  ["olga", "room open", "lobby"],
  ["olga", "room delete #lobby", "lobby"],
  ["olga", "room xyzzy", "missing-argument"],
  ["olga", "room keep 7", "bad-duration"],
  ["olga", "mute bot for 7x", "bad-duration"],
  ["olga", "kick olga", "self"],
  ["olga", "invite bot", "in-room"],
  ["olga", "op bot", "not-registered"],
  ["olga", "deop paul", "no-operator"],
  ["olga", "op paul", "operator", ["olga", "op paul"]],
  ["olga", "unlock", "same-setting"],
  ["olga", "unban nobody", "no-such-sanction"],
  ["olga", "ban 1.2.3.4/99", "bad-network"],
  ["olga", "ban 127.0.0.1", "self"],
  ["olga", `topic ${"x".repeat(301)}`, "too-long"],
  ["olga", "topic same", "same-topic", ["olga", "topic same"]],
  ["olga", `login olga ${passwordOf("olga")}`, "logged-in"],
  ["olga", "register a-good-password", "registered"],
  ["olga", "ghost", "no-ghost"],
  ["olga", "account password wrong a-good-password", "wrong-password"],
  ["bot", "register short", "bad-password"],
  ["bot", "login nobody secret", "not-registered"],
  ["bot", "login paul wrong", "wrong-password"],
  ["bot", "history before xyzzy", "bad-time"],
  ["bot", "search a b c d e f g", "too-many"],
  ["bot", "search a* b* c*", "too-many"],
  ["bot", "forget", "no-such-message"],
  ["bot", "forget 999", "no-such-message"],
  ["bot", `me ${"\n".repeat(MESSAGE_LINES_MAX)}x`, "too-many-lines"],
  ["bot", "say hi", "muted", ["olga", "mute bot"]],
  ["bot", "nick other", "muted"],
  ["bot", "me waves", "muted"],
  ["bot", "say hi", "not-logged-in", ["olga", "unmute bot"], ["bot", "nick paul"]],
  ["bot", "register a-good-password", "name-registered"],
  ["bot", "say hi", "no-room", ["bot", "leave"]],
];

Deno.test("every refusal has its code, its reference and a sentence, and changes nothing", async (t) => {
  await using scene = await Scene.set();
  for (const [who, typed, code, ...before] of REFUSALS) {
    await t.step(`/${typed.slice(0, 50)} is refused as ${code}`, async () => {
      await scene.arrange(...before);
      const said = /^say (.*)$/.exec(typed)?.[1];
      const [answer, ...more] = said === undefined
        ? await types(scene[who], typed)
        : await does(scene[who], { type: "say", text: said });
      const { text, ...rest } = answer ?? { type: "none" };
      assertEquals(rest, { type: "refused", ref: N, code });
      assertMatch(`${text}`, /^[\S ]*\S$/);
      assertEquals(more, []);
    });
  }
  assertEquals(await scene.ann.roundtrip(), []);
  await using guest = await JsonGuest.enter(scene.server.port, { resume: false });
  await guest.settle();
  assertEquals((await types(guest, "register a-good-password"))[0]?.["code"], "guest-name");
});

/** What is no request, and the code with which it is refused. */
const NO_REQUESTS: readonly (readonly [line: string, code: string])[] = [
  ["hello", "bad-json"],
  ["/who", "bad-json"],
  ["{", "bad-json"],
  ["}", "bad-json"],
  ['{"type":"say","text":"x"', "bad-json"],
  ['{"type":"say","text":"x"}}', "bad-json"],
  ['{"type":"say","text":"x"}{"type":"say","text":"y"}', "bad-json"],
  ["{'type':'say','text':'x'}", "bad-json"],
  ['{"type":"say","text":"x",}', "bad-json"],
  ['{"type":"say","text":"a\tb"}', "bad-json"],
  ['{"type":"say","text":"\\x41"}', "bad-json"],
  ['{"type":"say","text":NaN}', "bad-json"],
  ['{"type":"say","ref":+1,"text":"x"}', "bad-json"],
  ['{"type":"say","ref":01,"text":"x"}', "bad-json"],
  ["[]", "bad-json"],
  ['["say","x"]', "bad-json"],
  ["null", "bad-json"],
  ["1", "bad-json"],
  ["1e400", "bad-json"],
  ['"say"', "bad-json"],
  ["true", "bad-json"],
  ["[".repeat(LINE_BYTES_MAX), "bad-json"],
  [`${'{"a":'.repeat(1_300)}1${"}".repeat(1_300)}`, "bad-request"],
  [`{"type":"say","text":${"[".repeat(4_000)}${"]".repeat(4_000)}}`, "bad-request"],
  ["{}", "bad-request"],
  ['{"type":null}', "bad-request"],
  ['{"type":1}', "bad-request"],
  ['{"type":["say"],"text":"x"}', "bad-request"],
  ['{"type":{"toString":"say"},"text":"x"}', "bad-request"],
  ['{"type":"SAY","text":"x"}', "bad-request"],
  ['{"type":"say ","text":"x"}', "bad-request"],
  ['{"type":"message","text":"x"}', "bad-request"],
  ['{"type":"ok"}', "bad-request"],
  ['{"type":"constructor"}', "bad-request"],
  ['{"type":"__proto__","__proto__":{"type":"say","text":"x"}}', "bad-request"],
  ['{"__proto__":{"type":"say","text":"x"}}', "bad-request"],
  ['{"constructor":{"prototype":{"type":"say"}}}', "bad-request"],
  ['{"type":"say"}', "bad-request"],
  ['{"type":"say","text":null}', "bad-request"],
  ['{"type":"say","text":5}', "bad-request"],
  ['{"type":"say","text":["x"]}', "bad-request"],
  ['{"type":"say","text":"x","room":5}', "bad-request"],
  ['{"type":"say","text":"x","room":["#lobby"]}', "bad-request"],
  ['{"type":"say","__proto__":{"text":"x"}}', "bad-request"],
  ['{"type":"command"}', "bad-request"],
  ['{"type":"command","name":5}', "bad-request"],
  ['{"type":"command","name":"who","args":["#lobby"]}', "bad-request"],
  ['{"type":"command","name":"who","args":5}', "bad-request"],
  ['{"type":"command","name":"who","room":true}', "bad-request"],
  ['{"type":"command","name":"ping","room":true}', "bad-request"],
  ['{"type":"ping","text":5}', "bad-request"],
  ['{"type":"ping","last":"5"}', "bad-request"],
  ['{"type":"ping","last":-1}', "bad-request"],
  ['{"type":"ping","last":1e400}', "bad-request"],
  ['{"type":"hello"}', "bad-request"],
  ['{"type":"say","text":""}', "no-text"],
  ['{"type":"say","text":" \\n\\t\\r\\n "}', "no-text"],
  ['{"type":"say","text":"\\u001b[2J\\u200b\\u202e\\u0000"}', "no-text"],
  [JSON.stringify({ type: "say", text: "\n".repeat(MESSAGE_LINES_MAX) + "x" }), "too-many-lines"],
  ['{"type":"command","name":""}', "no-such-command"],
  ['{"type":"command","name":"/"}', "no-such-command"],
  ['{"type":"command","name":"who am i"}', "no-such-command"],
];

Deno.test("what is no request is refused with its code, and nobody else hears of it", async (t) => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  for (const [line, code] of NO_REQUESTS) {
    await t.step(`${line.slice(0, 60)} is ${code}`, async () => {
      bot.guest.say(line);
      const [answer, ...more] = await told(bot);
      const { text, ...rest } = answer ?? { type: "none" };
      assertEquals(rest, { type: "refused", code });
      assertMatch(`${text}`, /^\S.*\.( |$)/);
      assertEquals(more, []);
    });
  }
  for (const blank of ["", " ", "\t", "\r", "\u{feff}"]) {
    bot.guest.say(blank);
    assertEquals((await told(bot)).filter(({ code }) => code !== "bad-json"), []);
  }
  assertEquals(await ann.roundtrip(), []);
  assertEquals(await does(bot, { type: "say", text: "here still" }), [SAID, said("here still")]);
  assertEquals(await ann.roundtrip(), ["bot: here still"]);
});

Deno.test("a line that is too long is refused once, and the next one counts", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  const frame = '{"type":"say","text":""}'.length;
  const say = (length: number): string =>
    JSON.stringify({ type: "say", text: "x".repeat(length - frame) });
  bot.guest.say(say(LINE_BYTES_MAX));
  bot.guest.say(say(LINE_BYTES_MAX + 1));
  bot.guest.say(say(1024 * 1024));
  bot.guest.say('{"type":"say","text":"next"}');
  const tooLong = {
    type: "refused",
    code: "line-too-long",
    text: `A line has at most ${LINE_BYTES_MAX} bytes; that one was passed over.`,
  };
  const lines = await told(bot);
  assertEquals(lines.filter(({ type }) => type === "refused"), [tooLong, tooLong]);
  assertEquals(await ann.roundtrip(), [`bot: ${"x".repeat(LINE_BYTES_MAX - frame)}`, "bot: next"]);
});

// References.

/** Sends lines as they are, and returns all that comes until they are dealt with. */
async function exchange(guest: Guest, ...lines: readonly string[]): Promise<Json[]> {
  for (const line of lines) guest.say(line);
  guest.say('{"type":"ping","ref":"the end"}');
  const answers: Json[] = [];
  for (;;) {
    const line = await guest.line();
    assertServerLine(line);
    const answer: Json = JSON.parse(line);
    if (answer["ref"] === "the end") return answers;
    answers.push(answer);
  }
}

/** A program that is in, which sends what it likes. */
async function enterRaw(server: TestServer, nick: string): Promise<Guest> {
  const guest = await server.connect();
  guest.say(JSON.stringify({ type: "hello", version: 1, nick, resume: false }));
  await guest.until(/"type":"welcome"/);
  await exchange(guest);
  return guest;
}

/** The `ref` of what ends requests, and how it does. */
function ends(lines: readonly Json[]): unknown[][] {
  return lines.filter(({ type }) => ["ok", "refused", "pong"].includes(type)).map((
    { type, ref, code, repeated },
  ) => [type, ref, ...code === undefined ? [] : [code], ...repeated === true ? ["repeated"] : []]);
}

Deno.test("a reference comes back as it was given, and each request is ended once", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await enterRaw(server, "bot");
  await ann.roundtrip();
  const refs: readonly unknown[] = [
    1,
    2,
    3.0,
    1e3,
    Number.MAX_SAFE_INTEGER,
    "",
    " ",
    "1",
    "a",
    "__proto__",
    "x".repeat(REF_LENGTH_MAX),
    "\u{1f600}".repeat(REF_LENGTH_MAX),
    '"\\/\b\f\n\r\t',
    "\u{0}\u{1b}[2J\u{202e}\u{2028}\u{feff}",
  ];
  for (const ref of refs) {
    const lines = await exchange(bot, JSON.stringify({ type: "say", text: "x", ref }));
    assertEquals(ends(lines), [["ok", ref]]);
    assertEquals(lines.map(({ type }) => type), ["ok", "message"]);
    assertEquals(lines[0]?.["id"], lines[1]?.["id"]);
    assertEquals(lines[0]?.["atMs"], lines[1]?.["atMs"]);
  }
  assertEquals((await ann.roundtrip()).length, refs.length);
  const none = await exchange(
    bot,
    '{"type":"say","text":"x"}',
    '{"type":"say","text":"x","ref":null}',
    '{"type":"command","name":"nick"}',
    '{"type":"command","name":"who","ref":null}',
    '{"type":"ping"}',
  );
  assertEquals(none.map(({ type, ref }) => [type, ref]), [
    ["message", undefined],
    ["message", undefined],
    ["refused", undefined],
    ["who", undefined],
    ["pong", undefined],
  ]);
});

Deno.test("what is no reference is refused, and its request is not acted on", async (t) => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await enterRaw(server, "bot");
  await ann.roundtrip();
  const refs = [
    ...["0", "-0", "-1", "1.5", "1e400", "-1e400", "1e-400", "9007199254740992", "true", "false"],
    ...["[]", "[1]", "{}", '{"a":1}', `"${"x".repeat(REF_LENGTH_MAX + 1)}"`, '"\\ud800"'],
  ];
  for (const ref of refs) {
    await t.step(ref.slice(0, 30), async () => {
      for (const request of ['"type":"say","text":"x"', '"type":"quit"', '"type":"ping"']) {
        const lines = await exchange(bot, `{${request},"ref":${ref}}`);
        assertEquals(ends(lines), [["refused", undefined, "bad-ref"]]);
      }
    });
  }
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("the last of two fields of one name counts", async () => {
  await using server = await startTestServer();
  await using bot = await enterRaw(server, "bot");
  const lines = await exchange(
    bot,
    '{"type":"quit","text":"a","ref":9,"ref":1,"text":"b","type":"say"}',
  );
  assertEquals(lines.map(({ ref, text }) => [ref, text]), [[1, undefined], [undefined, "b"]]);
});

Deno.test("an integer that is not above those before is not acted on again", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await enterRaw(server, "bot");
  await ann.roundtrip();
  const say = (text: string, ref: number | string): string =>
    JSON.stringify({ type: "say", text, ref });
  const lines = await exchange(
    bot,
    say("a", 5),
    say("a", 5),
    say("b", 3),
    say("c", "5"),
    say("c", "5"),
    say("d", 6),
    '{"type":"command","name":"nick","args":"a b","ref":7}',
    '{"type":"command","name":"nick","args":"good","ref":7}',
    '{"type":"command","name":"nick","args":"better","ref":8}',
    '{"type":"command","name":"nick","args":"a b","ref":7}',
    '{"type":"command","name":"nick","args":"best","ref":8}',
  );
  assertEquals(ends(lines), [
    ["ok", 5],
    ["ok", 5, "repeated"],
    ["ok", 3, "repeated"],
    ["ok", "5"],
    ["ok", "5"],
    ["ok", 6],
    ["refused", 7, "bad-name"],
    ["refused", 7, "bad-name"],
    ["ok", 8],
    ["refused", 7, "bad-name"],
    ["ok", 8, "repeated"],
  ]);
  assertEquals(await ann.roundtrip(), [
    "bot: a",
    "bot: c",
    "bot: c",
    "bot: d",
    "-- bot is now better.",
  ]);
});

Deno.test("what was refused as no request is refused again, not called done", async () => {
  await using server = await startTestServer();
  await using bot = await enterRaw(server, "bot");
  const bad = [
    '{"type":"say","ref":1}',
    '{"type":"say","text":"","ref":2}',
    JSON.stringify({ type: "say", text: "\n".repeat(MESSAGE_LINES_MAX) + "x", ref: 3 }),
    '{"type":"dance","ref":4}',
    '{"type":"hello","version":1,"ref":5}',
  ];
  const before = ends(await exchange(bot, ...bad));
  assertEquals(before, [
    ["refused", 1, "bad-request"],
    ["refused", 2, "no-text"],
    ["refused", 3, "too-many-lines"],
    ["refused", 4, "bad-request"],
    ["refused", 5, "here"],
  ]);
  await exchange(bot, '{"type":"say","text":"x","ref":6}');
  assertEquals(ends(await exchange(bot, ...bad)), before);
});

Deno.test("a hundred requests at once are answered in their order", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  const refs: number[] = [];
  for (let count = 0; count < 25; count++) {
    refs.push(bot.say(`text ${count}`));
    refs.push(bot.command("who"));
    refs.push(bot.command("nick a b"));
    refs.push(bot.command(count % 5 === 0 ? "history 1" : "search text"));
  }
  const ended = (await bot.settle()).filter(({ type }) => ["ok", "refused"].includes(type));
  assertEquals(ended.map(({ ref }) => ref), refs);
  assertEquals(ended.map(({ type }) => type), refs.map((_, at) => at % 4 === 2 ? "refused" : "ok"));
  assertEquals(
    await ann.roundtrip(),
    Array.from({ length: 25 }, (_, count) => `bot: text ${count}`),
  );
});

// Rooms.

Deno.test("a room of one's own can be named in each request, and is the current one then", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  const current = async (): Promise<unknown> => (await types(bot, "who"))[0]?.["room"];
  await types(bot, "join #dev");
  await types(bot, "join #web");
  assertEquals(await does(bot, { type: "say", text: "a" }), [SAID, said("a", { room: "#web" })]);
  assertEquals(await does(bot, { type: "say", text: "b", room: "#dev" }), [
    SAID,
    said("b", { room: "#dev" }),
  ]);
  assertEquals(await current(), "#dev");
  assertEquals((await types(bot, "who", "#LOBBY"))[0]?.["room"], "#lobby");
  assertEquals(await current(), "#lobby");
  assertEquals(await does(bot, { type: "say", text: "c", room: "web" }), [
    SAID,
    said("c", { room: "#web" }),
  ]);
  assertEquals(await types(bot, "topic Work", "#dev"), [
    said("Work", { type: "topic", room: "#dev" }),
    SAID,
  ]);
  assertEquals(await types(bot, "msg #web d", "#lobby"), [said("d", { room: "#web" }), SAID]);
  assertEquals(await current(), "#lobby");
  for (const room of ["#nowhere", "", "#", "#Lobb y", "__proto__", "#\u{202e}\n"]) {
    const [answer, ...more] = await does(bot, { type: "say", text: "e", room });
    assertEquals([answer?.["code"], ...more], ["not-in-room"]);
    assertEquals((await types(bot, "me waves", room)).map(({ code }) => code), ["not-in-room"]);
    assertEquals(await current(), "#lobby", "a refusal changes nothing");
  }
  ann.say("/join #dev");
  await ann.roundtrip();
  bot.say("f", "#dev");
  bot.say("g", "#lobby");
  bot.say("h");
  await bot.settle();
  assertEquals(await ann.roundtrip(), ["bot: f", "[#lobby] bot: g", "[#lobby] bot: h"]);
});

// What people and programs see of one another.

Deno.test("what somebody says is told them with the id of its ok, in the order of all", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using stack = new AsyncDisposableStack();
  const bots: JsonGuest[] = [];
  for (const name of ["bot-a", "bot-b", "bot-c"]) {
    bots.push(stack.use(await JsonGuest.enter(server.port, name)));
  }
  await using nina = await server.join("nina");
  await ann.roundtrip();
  for (const bot of bots) await bot.settle();
  const asked = bots.map((bot) => {
    const refs: number[] = [];
    for (let count = 0; count < 40; count++) refs.push(bot.say(`${count}`));
    return refs;
  });
  for (let count = 0; count < 40; count++) ann.say(`${count}`);
  await Promise.all([ann.roundtrip(), ...bots.map((bot) => bot.settle())]);
  await Promise.all(bots.map((bot) => bot.settle()));
  const [first = [], ...others] = bots.map((bot) => bot.told("message"));
  assertEquals(first.length, 160);
  for (const other of others) assertEquals(other, first);
  for (const [at, bot] of bots.entries()) {
    const own = first.filter(({ from }) => from === bot.name);
    assertEquals(own.map(({ text }) => text), Array.from({ length: 40 }, (_, count) => `${count}`));
    assertEquals(
      own.map(({ id, atMs }) => ({ type: "ok", id, atMs })),
      asked[at]?.map((ref) => {
        const { ref: _ref, ...ok } = bot.answers.get(ref) ?? { type: "none" };
        return ok;
      }),
    );
  }
  assertEquals(await nina.roundtrip(), first.map(({ from, text }) => `${from}: ${text}`));
});

Deno.test("a message of several lines is one to programs, and a line each to people", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  const texts: readonly (readonly [sent: string, text: string])[] = [
    ["a\nb", "a\nb"],
    ["a\r\nb\r\n\r\n", "a\nb"],
    ["\n\na", "\n\na"],
    ["a\rb", "ab"],
    [
      "-- ann left.\n-- ann left.\n[private] ann: x",
      "-- ann left.\n-- ann left.\n[private] ann: x",
    ],
    ["/quit\n/quit", "/quit\n/quit"],
    ["a\u{2028}b\u{2029}c\u{b}d\u{c}e\u{85}f", "a b cdef"],
    ["\u{1b}[2J\n\u{1b}[2Ja", "\na"],
  ];
  for (const [sent, text] of texts) {
    assertEquals(await does(bot, { type: "say", text: sent }), [SAID, said(text)]);
    assertEquals(await ann.roundtrip(), text.split("\n").map((line) => `bot: ${line}`));
  }
  const most = Array.from({ length: MESSAGE_LINES_MAX }, (_, at) => `${at}`).join("\n");
  assertEquals(await does(bot, { type: "say", text: `${most}\n\n \n` }), [SAID, said(most)]);
  assertEquals((await ann.roundtrip()).length, MESSAGE_LINES_MAX);
  const [answer] = await does(bot, { type: "say", text: `${most}\nx` });
  assertEquals(answer?.["code"], "too-many-lines");
  // And who comes later is shown the same.
  await using late = await JsonGuest.enter(pair.server.port, "late");
  const [history] = await late.settle();
  const lines = history?.["lines"] as readonly { readonly text: string }[];
  assertEquals(lines.map(({ text }) => text), [...texts.map(([, text]) => text), most]);
});

Deno.test("what people do is told programs in exact objects", async (t) => {
  await using scene = await Scene.set();
  const { server, ann, bot } = scene;
  await scene.arrange(["ann", "join #dev"], ["bot", "join #dev"]);
  const who = (name: string): Json["who"] => ({ names: [name], more: 0 });
  const steps: readonly (readonly [typed: string, ...events: readonly Json[]])[] = [
    ["hello", said("hello", { from: "ann", room: "#dev" })],
    ["//quit", said("/quit", { from: "ann", room: "#dev" })],
    ["/me waves", said("waves", { from: "ann", room: "#dev", type: "action" })],
    ["/topic Work", said("Work", { from: "ann", room: "#dev", type: "topic" })],
    ["/topic -", said("", { from: "ann", room: "#dev", type: "topic" })],
    ["/msg #lobby hi", said("hi", { from: "ann" })],
    ["/msg bot psst", {
      type: "direct",
      id: N,
      from: "ann",
      text: "psst",
      atMs: N,
      nowMs: N,
      hasWaited: false,
    }],
    ["/nick anna", { type: "renamed", id: N, from: "ann", to: "anna" }],
    ["/nick ann", { type: "renamed", id: N, from: "anna", to: "ann" }],
    [
      "/room private",
      announced(
        "room-changed",
        "ann made #dev private: it is not listed, and who " +
          "knows its name may come in.",
      ),
    ],
    ["/lock", announced("lock", "ann locked #dev: only registered names may come in and talk.")],
    ["/unlock", announced("unlock", "ann unlocked #dev: everybody may talk again.")],
    ["/op paul", announced("op", "ann made paul an operator of #dev.")],
    [
      "/mute bot",
      announced(
        "muted",
        "ann muted you in #dev: you may not talk until an operator lifts that.",
        null,
      ),
    ],
    ["/unmute bot"],
    ["/invite bot"],
    ["/who"],
    ["/join #lobby"],
    ["/leave #lobby", { type: "left", id: N, room: "#lobby", who: who("ann"), reason: "left" }],
    ["/join #lobby", { type: "joined", id: N, room: "#lobby", who: who("ann") }],
    ["/join #dev"],
    ["/kick bot noisy", {
      type: "sent-out",
      id: N,
      room: "#dev",
      name: "bot",
      verb: "removed",
      by: "ann",
      reason: "noisy",
    }, { type: "parted", id: N, room: "#dev", to: "#lobby" }],
    ["only for those in #dev"],
    ["/quit", { type: "left", id: N, room: "#lobby", who: who("ann"), reason: "left" }],
  ];
  for (const [typed, ...events] of steps) {
    await t.step(typed, async () => {
      ann.say(typed);
      if (typed === "/quit") await ann.untilClosed();
      else await ann.roundtrip();
      assertEquals(await told(bot), events);
    });
  }
  await t.step("comes in and takes a name", async () => {
    await using guest = await server.connect();
    guest.say("");
    await guest.roundtrip();
    guest.say("/nick zoe");
    await guest.roundtrip();
    assertEquals(await told(bot), [
      { type: "joined", id: N, room: "#lobby", who: who("guest1") },
      { type: "renamed", id: N, from: "guest1", to: "zoe" },
    ]);
    guest.say("/quit");
    await guest.untilClosed();
  });
  await t.step("is removed from the server", async () => {
    await using guest = await server.join("eve");
    await bot.settle();
    assertEquals((await scene.olga.ask("kick server eve")).type, "ok");
    await guest.untilClosed();
    assertEquals(await told(bot), [
      { type: "left", id: N, room: "#lobby", who: who("eve"), reason: "removed" },
    ]);
  });
  await t.step("is gone without a word", async () => {
    const rude = await RudeGuest.connect(server.port);
    rude.say("/nick rude");
    await until(bot, "renamed");
    await rude.reset();
    assertEquals(bare(await until(bot, "left")), {
      type: "left",
      id: N,
      room: "#lobby",
      who: who("rude"),
      reason: "lost",
    });
  });
});

Deno.test("what programs do is shown people as if people did it", async () => {
  /** What a witness on nc is shown of the same acts, done by a person or by a program. */
  const shown = async (kind: "person" | "program"): Promise<string> => {
    await using server = await startTestServer();
    await using ann = await server.join("ann");
    let bob: Guest | undefined;
    let json: JsonGuest | undefined;
    await using stack = new AsyncDisposableStack();
    if (kind === "program") {
      json = stack.use(await JsonGuest.enter(server.port, { nick: "bob", resume: false }));
    } else {
      bob = stack.use(await server.connect());
      bob.say("");
      await bob.roundtrip();
      bob.say("/nick bob");
    }
    const acts = [
      ...["hello", "/me waves", "//slash", "/msg ann psst", "/nick rob", "/join #dev", "/topic x"],
      ...[
        "/invite ann",
        "/msg #lobby over here",
        "/join #lobby",
        "back",
        "/leave #dev",
        "/report eve x",
      ],
      ...[
        "/who",
        "/help",
        "/rooms",
        "/ping",
        "/history",
        "/ignore ann",
        "/unignore ann",
        "/forget",
      ],
      ...["/nick rob", "/nick ann", "/xyzzy", "/register a-good-password", "and on", "/nick bobby"],
      "/quit",
    ];
    const lines: string[] = [];
    for (const act of acts) {
      if (bob !== undefined) {
        bob.say(act);
        if (act === "/quit") await bob.untilClosed();
        else await bob.roundtrip();
      } else if (json !== undefined) {
        if (act === "/quit") await json.quit();
        else {
          if (act.startsWith("/") && !act.startsWith("//")) await json.ask(act.slice(1));
          else await json.answer(json.say(act.replace(/^\/\//, "/")));
          await json.settle();
        }
      }
      lines.push(...await ann.roundtrip());
    }
    // Numbers of messages count the events of programs as well.
    return lines.join("\n").replace(/\(\d+\)/g, "(N)");
  };
  const person = await shown("person");
  const program = await shown("program");
  assertEquals(person.split("\n").slice(0, 2), ["-- guest1 joined.", "-- guest1 is now bob."]);
  assertEquals(
    program,
    person.replace("-- guest1 joined.\n-- guest1 is now bob.", "-- bob joined."),
    "once, under the name, without a word about another",
  );
});

Deno.test("on nc every byte is as it was, whoever is there", async () => {
  await using server = await startTestServer({ motd: ["Be kind."] });
  await using bot = await JsonGuest.enter(server.port, { nick: "bot", resume: false });
  await using ann = await server.connect();
  const talk = async (...lines: string[]): Promise<void> => {
    for (const line of lines) ann.say(line);
    await ann.roundtrip();
  };
  await talk("/nick ann");
  await bot.answer(bot.say("one\ntwo"));
  await bot.ask("me waves");
  await bot.ask("msg ann psst\nbehind you");
  await talk("hello", "/reply what?", "/who nobody", "/join #dev", "/topic Work", "/topic");
  await bot.ask("join #dev");
  await bot.ask("msg #lobby a\nb");
  await talk("/kick bot rest", "/rooms");
  await bot.answer(bot.say("lobby"));
  await talk("/msg bot hm", '{"type":"hello","version":1}', "/leave");
  await bot.quit();
  ann.say("/quit");
  await ann.untilClosed();
  const text = new TextDecoder().decode(ann.received).replace(/^-- pong \d+-\d+\n/gm, "");
  assertEquals(
    text,
    [
      "-- Welcome to Parley. You are guest1 in #lobby, with bot.",
      "-- Be kind.",
      "-- Just type to talk. /nick NAME picks a name, /help shows the rest.",
      "-- You are now ann.",
      "bot: one",
      "bot: two",
      "* bot waves",
      "[private] bot: psst",
      "[private] bot: behind you",
      "-- You are in no such room. /join brings you into one.",
      "-- You are now in #dev, alone so far.",
      "-- The room is new, and you are its operator until you leave; /register keeps it yours.",
      "-- ann set the topic: Work",
      "-- The topic of #dev: Work",
      "-- bot joined.",
      "[#lobby] bot: a",
      "[#lobby] bot: b",
      "-- bot was removed from #dev by ann: rest",
      "-- #lobby  2 people, you are in",
      "-- #dev    1 person, you are in: Work",
      "[#lobby] bot: lobby",
      "-- You left #dev. You are in #lobby now.",
      "-- bot left.",
      "-- Goodbye.",
      "",
    ].join("\n"),
  );
});

Deno.test("in a big room comings and goings are gathered, for programs too", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer();
    await using bot = await JsonGuest.enter(server.port, "bot");
    await using stack = new AsyncDisposableStack();
    for (let count = 0; count < PRESENCE_AT_ONCE_USERS_MAX; count++) {
      stack.use(await JsonGuest.enter(server.port, { resume: false }));
    }
    // What fell due in the small room, and the last one, who made it a big one.
    mock.timers.tick(1_000);
    await bot.settle();
    const zoe = stack.use(await JsonGuest.enter(server.port, { nick: "zoe", resume: false }));
    const late: JsonGuest[] = [];
    for (let count = 0; count < 12; count++) {
      late.push(stack.use(
        await JsonGuest.enter(server.port, {
          nick: `late-${"abcdefghjkmp"[count]}`,
          resume: false,
        }),
      ));
    }
    assertEquals(await told(bot), [], "not yet");
    for (const each of late.slice(0, 2)) await each.quit();
    zoe.say("hi");
    await zoe.settle();
    const names = late.map(({ name }) => name);
    assertEquals(await told(bot), [
      {
        type: "joined",
        id: N,
        room: "#lobby",
        who: { names: ["zoe", ...names.slice(0, 9)], more: 3 },
      },
      {
        type: "left",
        id: N,
        room: "#lobby",
        who: { names: names.slice(0, 2), more: 0 },
        reason: "left",
      },
      said("hi", { from: "zoe" }),
    ]);
  });
});

// Ends, and what delays them.

const GOODBYE = { type: "goodbye", sessionId: N, detail: "" };

Deno.test("quit is answered by a goodbye, before coming in as well", async () => {
  await using pair = await Pair.start();
  const { ann, bot } = pair;
  bot.request({ type: "quit" });
  bot.say("never said");
  assertEquals((await bot.untilClosed()).map(bare), [OK, { ...GOODBYE, reason: "quit" }]);
  assertEquals(await ann.roundtrip(), ["-- bot left."]);
  await using visitor = await connect(pair.server);
  assertEquals((await tries(visitor, { type: "hello", version: 2 }))["code"], "bad-version");
  visitor.send({ type: "quit" });
  assertEquals((await visitor.untilClosed()).map(bare), [{ ...GOODBYE, reason: "quit" }]);
  assertEquals(await ann.roundtrip(), []);
});

Deno.test("a quit with a reference is ended by one line before coming in as well", async () => {
  await using server = await startTestServer();
  await using visitor = await connect(server);
  assertEquals((await tries(visitor, { type: "hello", version: 2 }))["code"], "bad-version");
  visitor.send({ type: "quit", ref: "q" });
  assertEquals((await visitor.untilClosed()).map(bare), [
    { type: "ok", ref: "q" },
    { ...GOODBYE, reason: "quit" },
  ]);
});

Deno.test("a program that ends its stream is gone once all that it sent is done", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await JsonGuest.enter(server.port, { nick: "bot", resume: false });
  await ann.expect("-- bot joined.");
  for (let count = 0; count < 50; count++) bot.say(`${count}`);
  bot.guest.send('{"type":"say","text":"last words"}');
  await bot.guest.endWriting();
  await ann.until("bot: last words");
  await ann.expect("-- bot left.");
  assertEquals((await bot.untilClosed()).filter(({ type }) => type === "goodbye"), []);
});

Deno.test("a shutdown says goodbye to programs", async () => {
  await using pair = await Pair.start();
  const { server, bot } = pair;
  const shutdown = server.shutdown();
  assertEquals((await bot.untilClosed()).map(bare), [{ ...GOODBYE, reason: "shutdown" }]);
  assert(!bot.guest.isReset, "the goodbye is followed by a clean end");
  await pair.ann.close();
  await bot.drop();
  await shutdown;
});

Deno.test("a quiet program is warned and told goodbye; one that pings is not", async () => {
  await onFakeTime(async () => {
    await using server = await startTestServer({ idleMs: 5 * 60_000 });
    await using ann = await server.join("ann");
    await using quiet = await JsonGuest.enter(server.port, { nick: "quiet", resume: false });
    await using busy = await JsonGuest.enter(server.port, { nick: "busy", resume: false });
    await ann.roundtrip();
    await quiet.settle();
    await busy.settle();
    for (let minute = 0; minute < 6; minute++) {
      await pass(60_000, ann);
      assertEquals((await busy.settle()).filter(({ type }) => type !== "left"), []);
    }
    const [warning, ...more] = await quiet.untilClosed();
    assertEquals(warning?.type, "idle-warning");
    const remainingMs = Number(warning?.["remainingMs"]);
    assert(remainingMs > 50_000 && remainingMs <= 60_000, `${remainingMs} ms are left`);
    assertEquals(more.map(bare), [{ ...GOODBYE, reason: "idle" }]);
    assertEquals(busy.told("left").map(bare), [
      { type: "left", id: N, room: "#lobby", who: { names: ["quiet"], more: 0 }, reason: "idle" },
    ]);
  });
});

Deno.test("a program that reads too slowly is told so behind all that it was told before", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using deaf = new JsonGuest(await Guest.connectDeaf(server.port));
  deaf.send({ type: "hello", version: 1, nick: "deaf", resume: false });
  await ann.expect("-- deaf joined.");
  const line = "x".repeat(8_000);
  for (let isGone = false; !isGone;) {
    for (let count = 0; count < 20; count++) ann.say(line);
    isGone = (await ann.roundtrip()).some((each) => each === "-- deaf left (read too slowly).");
  }
  const lines = await deaf.untilClosed();
  assertEquals(bare(lines.at(-1)), { ...GOODBYE, reason: "slow" });
  assert(!deaf.guest.isReset, "the goodbye is followed by a clean end");
  const texts = deaf.told("message").map(({ text }) => text);
  assert(texts.length > 20 && texts.every((text) => text === line), "whole lines, to the end");
});

Deno.test("a program that is too fast is told so once, and nothing of it is lost", async () => {
  await onFakeTime(async () => {
    await using pair = await Pair.start({ rate: { burst: 10, perSecond: 4 } });
    const { ann, bot } = pair;
    mock.timers.tick(10_000);
    const refs = Array.from({ length: 30 }, (_, count) => bot.say(`${count}`));
    for (let count = 0; count < 30; count++) {
      if (count === 10) assertEquals(await until(bot, "slowed"), { type: "slowed", perSecond: 4 });
      if (count >= 10) mock.timers.tick(250);
      await ann.expect(`bot: ${count}`);
    }
    mock.timers.tick(10_000);
    const lines = await bot.settle();
    assertEquals(lines.filter(({ type }) => type === "slowed"), []);
    for (const ref of refs) assertEquals(bot.answers.get(ref)?.type, "ok");
    assertEquals(bot.told("message").map(({ text }) => text), refs.map((_, count) => `${count}`));
  });
});

Deno.test("what happens to a program meanwhile does not count as the answer to its request", async () => {
  await using scene = await Scene.set();
  const { server, bot, olga } = scene;
  await scene.arrange(["olga", "join #dev"], ["bot", "join #dev"]);
  // Passwords are hashed two at a time, so this one waits for its turn.
  await using stack = new AsyncDisposableStack();
  for (const name of ["ada", "eva", "ida", "una"]) {
    const other = stack.use(await JsonGuest.enter(server.port, { nick: name, resume: false }));
    other.command("register a-good-password");
  }
  const ref = bot.command("register a-good-password");
  await bot.guest.sent();
  assertEquals((await olga.ask("kick bot", "#dev")).type, "ok");
  const lines: Json[] = [];
  while (!bot.answers.has(ref)) lines.push(await bot.next());
  lines.push(...await bot.settle());
  const parted = lines.find(({ type }) => type === "parted");
  assertEquals(bare(parted), { type: "parted", id: N, room: "#dev", to: "#lobby" });
});

// What hurts nobody.

Deno.test("messages of many lines drop nobody who reads, however many are said at once", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await JsonGuest.enter(server.port, {
    nick: "\u{4e2d}".repeat(24),
    resume: false,
  });
  const room = `#${"\u{4e00}".repeat(24)}`;
  await bot.ask(`join ${room}`);
  // Who is elsewhere is shown the room and the name before each line.
  ann.say(`/join ${room}`);
  ann.say("/join #lobby");
  await ann.roundtrip();
  const text = Array.from({ length: MESSAGE_LINES_MAX }, () => "a").join("\n");
  const count = 200;
  for (let said = 0; said < count; said++) bot.say(text, room);
  bot.say("the end", room);
  const lines = await ann.until(/: the end$/);
  assertEquals(lines.length, count * MESSAGE_LINES_MAX + 1);
});

/** What may be in no text that somebody else is shown. */
const UNCLEAN =
  /(?!\n)\p{Cc}|[\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

const HOSTILE = [
  "a\0b\x07c\x08d\x0be\x0cf\x0eg\x1fh\x7fi",
  "a\rann: forged",
  "a\nann: forged",
  "a\n-- forged",
  "a\r\n\r\n-- forged\n",
  "\x1b[2J\x1b[1;1H\x1b[31mred\x1b[0m",
  "\x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\y",
  "\x1bP1$r0m\x1b\\z",
  "\x9b31m\x85x\x90q\x9c",
  "abc\u202etxt.exe\u202c\u2066x\u2069\u200f\u061c",
  "a\u200bn\u2060n\ufeff",
  "a\u2028-- forged\u2029-- forged",
  "a\u{e0041}\u{e0042}",
  "\ud800 \udc00 \ud83d",
  "__proto__",
  "constructor",
  '"}\n{"type":"goodbye"}',
  '\\u001b[2J \\" \\\\',
];

/** Every text in a line, wherever it stands. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [key, ...textsIn(each)]);
}

Deno.test("nothing in any field of a program's can hurt another's terminal", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  await using bot = await JsonGuest.enter(server.port, "bot");
  await using eve = await JsonGuest.enter(server.port, { nick: "eve", resume: false });
  await using pit = await server.join("pit");
  await eve.ask("join #pit");
  pit.say("/join #pit");
  await pit.roundtrip();
  await bot.ask("join #pit");
  const names = COMMANDS.map(({ name }) => name).filter((name) => name !== "quit");
  for (const text of HOSTILE) {
    await using hello = await connect(server);
    await hello.hello({ nick: text, ref: text.toWellFormed(), resume: false });
    await hello.settle();
    await using tokened = await connect(server);
    await tokened.hello({ nick: text, token: text, ref: text.toWellFormed() });
    for (const room of [undefined, "#lobby", "#pit", text, `#${text}`]) {
      const given = room === undefined ? {} : { room };
      eve.request({ type: "say", text, ...given });
      eve.request({ type: "ping", text, ...given });
      eve.request({ type: text, text, ...given });
    }
    for (const args of [text, `bot ${text}`, `ann ${text}`, `#pit ${text}`, `eve${text}`]) {
      for (const name of names) eve.request({ type: "command", name, args, room: "#pit" });
      eve.request({ type: "command", name: text, args });
      eve.request({ type: "command", name: `me${text}`, args });
    }
    // Whatever they did, everybody goes back.
    eve.request({ type: "command", name: "join", args: "#pit" });
    for (const undone of ["unban", "unmute"]) {
      for (const name of ["ann", "bot"]) eve.command(`${undone} ${name}`, "#pit");
    }
    await eve.settle();
    bot.command("join #pit");
    for (const guest of [ann, pit]) guest.say("/join #pit");
    for (const guest of [ann, pit]) await guest.roundtrip();
    await bot.settle();
  }
  for (const answer of [...eve.events, ...eve.answers.values()]) {
    assert(!textsIn(answer).some((each) => UNCLEAN.test(each)), JSON.stringify(answer));
  }
  const heard = bot.told("message", "action", "topic", "direct", "renamed", "joined", "announced");
  assert(heard.length > 10 * HOSTILE.length, `${heard.length}: most of it was heard`);
  for (const event of bot.events) {
    assert(!textsIn(event).some((each) => UNCLEAN.test(each)), JSON.stringify(event));
  }
  for (const guest of [ann, pit]) {
    const raw = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(guest.received);
    assertNotMatch(raw, UNCLEAN);
    assertNotMatch(raw, /^(-- |ann: )forged|^\{/m);
  }
});

Deno.test("bytes at random on a JSON connection end nothing and reach nobody", async () => {
  await using pair = await Pair.start();
  const { server, ann, bot } = pair;
  const pieces = fc.constantFrom(
    ...[
      '{"type":"say"',
      ',"text":"',
      '"',
      "}",
      "\n",
      "\r\n",
      '"ref":',
      "1",
      "[",
      "]",
      "{",
      ":",
      ",",
    ],
    ...["\\u0000", "\\", "\0", "\x1b[2J", "\ufeff", "\ud83d", "null", "1e999", '"__proto__"', "x"],
  );
  const noise = fc.oneof(
    fc.array(pieces, { maxLength: 40 }).map((all) => new TextEncoder().encode(all.join(""))),
    // Without telnet's commands, which are no text.
    fc.uint8Array({ max: 0xf9, maxLength: 200 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { maxLength: 20 }), async (chunks) => {
      await using eve = await enterRaw(server, "eve");
      await ann.until("-- eve joined.");
      for (const chunk of chunks) eve.send(chunk);
      eve.say("");
      const lines = await exchange(eve);
      assert(!lines.some(({ type }) => type === "goodbye"));
      eve.say('{"type":"say","text":"the end"}');
      await exchange(eve);
      const heard = await ann.until("eve: the end");
      for (const line of heard) assertMatch(line, /^eve: (?!.*\p{Cc})/u);
      await eve.close();
      await ann.until("-- eve left.");
      await bot.settle();
    }),
    { numRuns: 60 },
  );
});
