// The client's conversation and model against a real server, over a network that breaks anywhere,
// goes dead, or is away for too long. Everybody's model has everything that was said, once and in
// the same order, and nobody else sees that anything happened.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import {
  BACKLOG_LINES,
  CLIENT_PING_MS,
  CLIENT_PONG_MS,
  CLIENT_REQUESTS_AT_ONCE,
} from "../../lib/limits.ts";
import { type Guest, startTestServer, type TestServer } from "../harness.ts";
import { type Json, JsonGuest } from "../json_guest.ts";
import { Proxy, type Weather } from "../proxy.ts";
import { arrange, LAN, overLan } from "../visits.ts";
import { assertInOrder, Chatter, entriesOf, linesOf, saidIn } from "./chatter.ts";

const ROOMS = ["#lobby", "#dev"] as const;

/** Two people in two rooms, and somebody on `nc` in both. */
interface Cast {
  readonly server: TestServer;
  readonly proxy: Proxy;
  /** Whose connections break. */
  readonly ann: Chatter;
  readonly bob: Chatter;
  readonly guy: Guest;
  /** One for each time that they have talked. */
  readonly marks: string[];
}

async function meet(stack: AsyncDisposableStack): Promise<Cast> {
  const server = stack.use(await startTestServer());
  const proxy = stack.use(await Proxy.to(server.port));
  const guy = stack.use(await server.join("guy"));
  const ann = stack.use(await Chatter.enter(proxy.port, { nick: "ann" }));
  const bob = stack.use(await Chatter.enter(server.port, { nick: "bob" }));
  for (const chatter of [ann, bob]) await chatter.ask("join #dev");
  await arrange([[guy, "/join #dev"]]);
  for (const chatter of [ann, bob]) await chatter.settle();
  return { server, proxy, ann, bob, guy, marks: [] };
}

/**
 * A hello of which nothing or nearly nothing arrives cannot be told from a person: they come as a
 * guest, and go, and have nothing to say but that.
 */
function isOfTorn(line: string): boolean {
  return /^(?:\[#lobby\] |-- )*guest\d+(?:: \{$| (?:joined|left)\b)/.test(line);
}

/** Everybody talks while ann's connection is taken away, and the next one has this weather. */
async function converse(cast: Cast, mark: string, weather: Weather): Promise<void> {
  const { proxy, ann, bob, guy, marks } = cast;
  marks.push(mark);
  proxy.weather.push(weather);
  const reached = proxy.limitReached();
  await proxy.cut(weather.cut);
  ann.say(`1 ${mark}`, "#lobby");
  ann.tell("bob", `psst ${mark}`);
  ann.say(`2 ${mark}\nof two lines`, "#dev");
  ann.act(`3 ${mark}`, "#lobby");
  bob.say(`late ${mark}`, "#lobby");
  guy.say(`/msg ann late ${mark}`);
  const settled = (async (): Promise<string[]> => {
    await bob.settle();
    const heard = await guy.roundtrip();
    await ann.settle();
    await bob.settle();
    return [...heard, ...await guy.roundtrip()];
  })();
  if (weather.up?.stallAfter !== undefined || weather.down?.stallAfter !== undefined) {
    const isStalled = await Promise.race([reached.then(() => true), settled.then(() => false)]);
    if (isStalled) await waitForHeartbeat(cast);
  }
  const heard = await settled;
  assertEquals(
    heard.filter((line) => !isOfTorn(line)).toSorted(),
    [
      `[#lobby] * ann 3 ${mark}`,
      `[#lobby] ann: 1 ${mark}`,
      `[#lobby] bob: late ${mark}`,
      `ann: 2 ${mark}`,
      "ann: of two lines",
    ],
    mark,
  );
}

/** As long as any other, so that all conversations have as many bytes. */
function markOf(at: number): string {
  return `${at}`.padStart(6, "m");
}

/** How many bytes pass where nothing happens, both ways. */
async function measure(cast: Cast): Promise<Proxy["passed"]> {
  await converse(cast, markOf(-1), {});
  return cast.proxy.passed;
}

/** Lets the clock run until ann notices that nothing comes. */
async function waitForHeartbeat({ ann, bob }: Cast): Promise<void> {
  const { length } = ann.states;
  const isLost = (): boolean => ann.states.slice(length).some(({ kind }) => kind === "waiting");
  for (let ms = 0; !isLost(); ms += 5_000) {
    assert(ms <= CLIENT_PING_MS + CLIENT_PONG_MS + 10_000, "noticed in time");
    mock.timers.tick(5_000);
    // To bob it is no silence.
    await bob.settle();
  }
}

/** What the models have in the end. */
async function assertAllIsThere({ ann, bob, marks }: Cast): Promise<void> {
  for (const chatter of [ann, bob]) await chatter.settle();
  for (const { model, asked, states } of [ann, bob]) {
    assertInOrder(model);
    const entries = entriesOf(model);
    assertEquals(entries.filter(({ delivery }) => delivery !== "sent"), []);
    // The one notice is the welcome, and the other is of the room that was joined.
    const others = entries.filter(({ kind, text }) =>
      (kind === "notice" || kind === "error" || kind === "divider" || kind === "found" ||
        kind === "presence") && !isOfTorn(text)
    );
    assertEquals(
      others.map(({ text }) => text.replace(/[,.].*/s, "")).filter((text) =>
        !/^\w+ joined/.test(text)
      ),
      ["Welcome to Parley", "You are now in #dev"],
    );
    for (const { request, answers } of asked.values()) {
      assertEquals(answers.map(({ type }) => type), ["ok"], JSON.stringify(request));
    }
    // What is shown as the reason of a loss is a sentence.
    for (const state of states) {
      if (state.kind === "waiting") assert(/^[^{}]+\.$/.test(state.why), state.why);
    }
  }
  for (const room of ROOMS) {
    const [anns, bobs] = [ann, bob].map(({ model }) =>
      saidIn(model, room).filter(({ text }) => text !== "{")
        .map(({ id, kind, from, text, atMs }) => ({ id, kind, from, text, atMs }))
    );
    assertEquals(anns, bobs);
    assertEquals(
      anns?.map(({ from, text }) => `${from}: ${text}`).toSorted(),
      marks.flatMap((mark) =>
        room === "#dev"
          ? [`ann: 2 ${mark}\nof two lines`]
          : [`ann: 1 ${mark}`, `ann: 3 ${mark}`, `bob: late ${mark}`]
      ).toSorted(),
    );
  }
  const privately = ({ model }: Chatter): string[] =>
    entriesOf(model).filter(({ kind }) => kind === "direct")
      .map(({ from, to, text }) => `${from} ${to}: ${text}`);
  assertEquals(privately(bob), marks.map((mark) => `ann null: psst ${mark}`));
  assertEquals(
    privately(ann).toSorted(),
    marks.flatMap((mark) => [`ann bob: psst ${mark}`, `guy null: late ${mark}`]).toSorted(),
  );
  assertEquals(ann.model.rooms.map(({ name }) => name), [...ROOMS]);
  for (const { model } of [ann, bob]) {
    for (const { people } of model.rooms) {
      assertEquals(people.map(({ name }) => name), ["ann", "bob", "guy"]);
    }
  }
}

for (const cut of ["end", "reset"] as const) {
  for (const way of ["up", "down"] as const) {
    Deno.test(`a connection that breaks anywhere on its way ${way} costs nothing (${cut})`, async () => {
      await using stack = new AsyncDisposableStack();
      const cast = await meet(stack);
      const total = (await measure(cast))[way];
      // A reset takes with it what was on its way, so points beside each other are much the same.
      const denseStep = cut === "end" ? 1 : 7;
      const dense = way === "up" ? 210 : 620;
      let breaks = 0;
      for (let at = 0; at < total; at += at < dense ? denseStep : 17) {
        await converse(cast, markOf(at), { [way]: { cutAfter: at }, cut });
        breaks++;
      }
      assert(breaks > 20, `${breaks} points were looked at`);
      await assertAllIsThere(cast);
    });
  }
}

for (const way of ["up", "down"] as const) {
  Deno.test(`a connection that goes dead anywhere on its way ${way} is given up, and costs nothing`, async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
    try {
      await using stack = new AsyncDisposableStack();
      const cast = await meet(stack);
      const total = (await measure(cast))[way];
      for (let at = 0; at < total; at += 23) {
        await converse(cast, markOf(at), { [way]: { stallAfter: at } });
      }
      await assertAllIsThere(cast);
    } finally {
      mock.timers.reset();
    }
  });
}

Deno.test("who comes back finds rooms, people and what is unread as they are", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, proxy, ann, bob, guy } = await meet(stack);
  const eve = stack.use(await server.join("eve"));
  await arrange([[eve, "/join #dev"]]);
  await bob.ask("join #tea");
  await ann.ask("join #tea");
  ann.model.turnTo("#lobby");
  await ann.settle();
  const before = ann.model.rooms.map(({ entries }) => entries.length);
  await proxy.off();
  for (const text of ["one", "Ann: two", "three"]) bob.say(text, "#dev");
  bob.say("four", "#tea");
  bob.say("ann, five", "#lobby");
  await bob.ask("topic Plans", "#tea");
  await bob.ask("leave #tea");
  await arrange([[eve, "/leave #lobby"], [eve, "/nick eva"]]);
  await arrange([[guy, "/leave #dev"]]);
  ann.say("six", "#lobby");
  await proxy.on();
  await ann.settle();
  const { rooms, current } = ann.model;
  assertEquals(rooms.map(({ name, topic }) => [name, topic]), [
    ["#lobby", ""],
    ["#dev", ""],
    ["#tea", "Plans"],
  ]);
  assertEquals(current.name, "#lobby");
  assertEquals(rooms.map(({ unread, mentions }) => [unread, mentions]), [[0, 0], [3, 1], [1, 0]]);
  assertEquals(
    rooms.map(({ people, peopleMore }) => [...people.map(({ name }) => name), peopleMore]),
    [
      ["ann", "bob", "guy", 0],
      ["ann", "bob", "eva", 0],
      ["ann", 0],
    ],
  );
  assertEquals(
    rooms.map(({ entries }, at) => entries.slice(before[at]).map(({ text }) => text)),
    [
      ["ann, five", "eve left.", "six"],
      ["one", "Ann: two", "three", "eve is now eva.", "guy left."],
      ["four", "Plans", "bob left."],
    ],
  );
  const dev = ann.model.room("#dev");
  assertEquals(dev?.entries.find(({ key }) => key === dev.firstUnreadKey)?.text, "one");
});

Deno.test("older lines that are fetched while connections break leave no holes, and come once", async () => {
  const COUNT = 1_500;
  await using stack = new AsyncDisposableStack();
  const { server, proxy, ann, bob } = await meet(stack);
  await bob.ask("join #old");
  for (let count = 1; count <= COUNT; count++) bob.say(`line ${count}`, "#old");
  await bob.settle();
  await ann.ask("join #old");
  assertEquals(saidIn(ann.model, "#old").length, BACKLOG_LINES);
  // The page, wherever it is lost: on its way there, and on its way back.
  for (const [time, down] of [0, 300, 900, 1_200, 2_000, 5_000, 9_000].entries()) {
    proxy.weather.push({ down: { cutAfter: down }, cut: time % 2 === 0 ? "end" : "reset" });
    if (time % 2 === 0) proxy.stall();
    assert(ann.fetchOlder("#old"));
    bob.say(`meanwhile ${time}`, "#old");
    await proxy.cut();
    await ann.settle();
    assert(!ann.model.room("#old")?.isFetching);
  }
  await ann.fetchAll("#old");
  await using reader = await Chatter.enter(server.port, { nick: "reader" });
  await reader.ask("join #old");
  await reader.fetchAll("#old");
  assertEquals(linesOf(ann.model, "#old"), linesOf(reader.model, "#old"));
  assertEquals(linesOf(ann.model, "#old").length, COUNT + 7);
  assertInOrder(ann.model);
  assertEquals(entriesOf(ann.model).filter(({ kind }) => kind === "found" || kind === "error"), []);
});

Deno.test("a server with a password asks for it once, and again only where it has to", async () => {
  await using server = await startTestServer({ password: "open sesame", resumeGraceMs: 1 });
  await using proxy = await Proxy.to(server.port);
  await using ann = await Chatter.enter(proxy.port, {
    nick: "ann",
    passwords: ["wrong guess", "open sesame"],
  });
  await proxy.off();
  ann.say("kept", "#lobby");
  await using bob = await Chatter.enter(server.port, { nick: "bob", password: "open sesame" });
  await bob.until("ann's leaving", () => bob.model.current.people.length === 1);
  await proxy.on();
  await ann.settle();
  await bob.settle();
  // The new session was begun with the password that is known.
  assertEquals(ann.events.filter(({ type }) => type === "welcome").length, 2);
  assertEquals(linesOf(bob.model, "#lobby").map((line) => line.replace(/^\d+ /, "")), [
    "ann: kept",
  ]);
  await using eve = Chatter.start(proxy.port, { nick: "eve" });
  assertEquals((await eve.end()).kind, "not-admitted");
});

Deno.test({
  ...overLan("who took a session where nobody reads along begins anew where others do"),
  async fn(): Promise<void> {
    await using server = await startTestServer({ host: "0.0.0.0" });
    await using ann = await Chatter.enter(server.port, { nick: "ann" });
    const { session } = ann.conversation;
    assert(session !== null && LAN !== undefined);
    await using away = await Chatter.enter(server.port, { hostname: LAN, session });
    assertEquals(away.events.filter(({ type }) => type === "welcome").length, 1);
    assertEquals(away.model.ownName, "guest1");
    assertEquals(ann.state, "online");
  },
});

Deno.test("after too long an absence one is back in one's rooms, and knows what nobody knows", async () => {
  await using server = await startTestServer({ resumeGraceMs: 1 });
  await using proxy = await Proxy.to(server.port);
  await using ann = await Chatter.enter(proxy.port, { nick: "ann" });
  await using bob = await Chatter.enter(server.port, { nick: "bob" });
  for (const room of ["#tea", "#dev"]) {
    await bob.ask(`join ${room}`);
    await ann.ask(`join ${room}`);
  }
  for (let count = 1; count <= 3; count++) await ann.answerOf(ann.say(`seen ${count}`, "#dev"));
  ann.model.turnTo("#tea");
  await bob.settle();
  // Written, and on a way that has no end.
  proxy.stall();
  const written = Array.from(
    { length: CLIENT_REQUESTS_AT_ONCE },
    (_, at) => ann.say(`written ${at}`, "#dev"),
  );
  const kept = Array.from(
    { length: 5 },
    (_, at) => ann.say(`kept ${at}`, at < 3 ? "#dev" : "#tea"),
  );
  await proxy.off();
  const devOfBob = bob.model.room("#dev");
  await bob.until("ann's leaving", () => devOfBob?.people.length === 1);
  // More than a newcomer is shown.
  for (let count = 1; count <= BACKLOG_LINES + 5; count++) bob.say(`missed ${count}`, "#dev");
  await bob.settle();
  await proxy.on();
  await ann.settle();
  await bob.settle();
  const codes = (refs: readonly number[]): unknown[] =>
    refs.map((ref) =>
      ann.asked.get(ref)?.answers.map((each) => "code" in each ? each.code : each.type)
    );
  assertEquals(codes(written), written.map(() => ["unknown-fate"]));
  assertEquals(codes(kept), kept.map(() => ["ok"]));
  assertEquals(ann.model.rooms.map(({ name }) => name), ["#lobby", "#tea", "#dev"]);
  for (const { name, people } of ann.model.rooms) {
    assertEquals(people.map(({ name }) => name), ["ann", "bob"], name);
  }
  const texts = saidIn(bob.model, "#dev").map(({ text }) => text).filter((text) =>
    /kept|written/.test(text)
  );
  assertEquals(texts, ["kept 0", "kept 1", "kept 2"]);
  assertInOrder(ann.model);
  const deliveries = entriesOf(ann.model).filter(({ delivery }) => delivery !== "sent");
  assertEquals(
    deliveries.map(({ text, delivery }) => [text, delivery]),
    written.map((_, at) => [
      `written ${at}`,
      "unknown",
    ]),
  );
  // What was seen before stands there still, and what is missing behind it is not hidden.
  const shown = (ann.model.room("#dev")?.entries ?? []).map(({ kind, text }) =>
    kind === "divider" ? "-" : text
  );
  const first = shown.indexOf("missed 6");
  assert(shown.indexOf("seen 3") >= 0 && !shown.includes("missed 5"), `${shown}`);
  assert(shown.slice(shown.indexOf("seen 3"), first).includes("-"), `a mark of the gap: ${shown}`);
  assertEquals(ann.model.current.name, "#tea");
});

/** One thing that happens. */
type Step =
  | { readonly type: "say" | "act"; readonly who: Who; readonly room: string }
  | { readonly type: "join" | "leave" | "fetch"; readonly who: Who; readonly room: string }
  | { readonly type: "tell" | "nick" | "wait"; readonly who: Who }
  | { readonly type: "cut"; readonly weather: Weather }
  | { readonly type: "stall" };
type Who = "ann" | "bob";

const CORNERS = ["#lobby", "#dev", "#tea"] as const;
const who = fc.constantFrom<Who>("ann", "ann", "bob");
const room = fc.constantFrom(...CORNERS);
const weather: fc.Arbitrary<Weather> = fc.record({
  // What is less would be the beginning of a hello, which may leave a guest.
  up: fc.record({ cutAfter: fc.integer({ min: 200, max: 2_000 }) }, { requiredKeys: [] }),
  down: fc.record({
    cutAfter: fc.integer({ min: 1, max: 6_000 }),
    pieces: fc.integer({ min: 1, max: 500 }),
  }, { requiredKeys: [] }),
  cut: fc.constantFrom("end" as const, "reset" as const),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("say" as const), who, room }) },
  fc.record({ type: fc.constant("act" as const), who, room }),
  fc.record({ type: fc.constant("tell" as const), who }),
  fc.record({ type: fc.constant("join" as const), who, room }),
  fc.record({ type: fc.constant("leave" as const), who, room }),
  fc.record({ type: fc.constant("fetch" as const), who, room }),
  fc.record({ type: fc.constant("nick" as const), who }),
  fc.record({ type: fc.constant("wait" as const), who }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant("cut" as const), weather }) },
  fc.record({ type: fc.constant("stall" as const) }),
);

Deno.test("whatever two people do while connections break, their models have it once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await startTestServer());
      const proxy = stack.use(await Proxy.to(server.port));
      // Is everywhere, and is told everything, over one connection.
      const twin = stack.use(await JsonGuest.enter(server.port, "twin"));
      for (const name of CORNERS) await twin.ask(`join ${name}`);
      const people = {
        ann: stack.use(await Chatter.enter(proxy.port, { nick: "ann" })),
        bob: stack.use(await Chatter.enter(server.port, { nick: "bob" })),
      };
      await twin.settle();
      const since = twin.events.length;
      let count = 0;
      for (const each of steps) {
        const text = `text ${++count}`;
        switch (each.type) {
          case "say":
          case "act":
            // A screen has no line to type on in a room that one is not in.
            if (people[each.who].model.room(each.room) !== undefined) {
              people[each.who][each.type](text, each.room);
            }
            break;
          case "tell":
            people[each.who].tell("twin", text);
            break;
          case "nick":
            people[each.who].command(`nick ${each.who}${count}`);
            break;
          case "join":
          case "leave":
            people[each.who].command(`${each.type} ${each.room}`);
            break;
          case "fetch":
            people[each.who].fetchOlder(each.room);
            break;
          case "wait":
            proxy.flow();
            await people[each.who].settle();
            break;
          case "stall":
            proxy.stall();
            break;
          case "cut":
            proxy.weather.push(each.weather);
            await proxy.cut(each.weather.cut);
            break;
        }
      }
      proxy.flow();
      await people.ann.settle();
      await people.bob.settle();
      await people.ann.settle();
      await twin.settle();
      const told = twin.events.slice(since);
      for (const event of told) {
        if (event.type === "left") assertEquals(event["reason"], "left", "nobody's loss is seen");
      }
      const there = new Map<string, string[]>();
      for (const name of CORNERS) there.set(name, await peopleIn(twin, name));
      for (const chatter of Object.values(people)) {
        for (const { name } of chatter.model.rooms) await chatter.fetchAll(name);
        assertModel(chatter, told, there);
      }
    }),
    { numRuns: 40 },
  );
});

/** Who is in a room, by the server's own account. */
async function peopleIn(guest: JsonGuest, room: string): Promise<string[]> {
  const ref = guest.command("who", room);
  let users: readonly { readonly name: string }[] = [];
  while (!guest.answers.has(ref)) {
    const line = await guest.next();
    if (line.type === "who") users = line["users"] as typeof users;
  }
  return users.map(({ name }) => name).toSorted();
}

/** Holds a model to what somebody was told who missed nothing. */
function assertModel(
  { model, asked, events }: Chatter,
  told: readonly Json[],
  there: ReadonlyMap<string, readonly string[]>,
): void {
  assertInOrder(model);
  const own = model.ownName ?? "";
  const entries = entriesOf(model);
  assertEquals(entries.filter(({ kind }) => kind === "found" || kind === "divider"), []);
  assert(entries.every(({ delivery }) => delivery === "sent" || delivery === "refused"));
  // What was asked was done once, in order, or refused, since one was not there.
  const said: string[] = [];
  for (const { request, answers } of asked.values()) {
    assertEquals(answers.length, 1, JSON.stringify(request));
    const [answer] = answers;
    const text = request.type === "say" ? request.text : request.args;
    if (answer?.type === "refused") {
      assert(answer.code !== "unknown-fate" && answer.code !== "not-sent", answer.code);
    } else if (text.includes("text ")) said.push(text.replace("twin ", ""));
  }
  const saidToTwin = told.filter(({ text }) => said.includes(`${text}`)).map(({ text }) => text);
  assertEquals(saidToTwin, said);
  // Rooms and people are as they are.
  assertEquals(
    model.rooms.map(({ name }) => name).toSorted(),
    [...there].filter(([, names]) => names.includes(own)).map(([name]) => name).toSorted(),
  );
  for (const { name, people, peopleMore } of model.rooms) {
    assertEquals(people.map(({ name }) => name).toSorted(), there.get(name), name);
    assertEquals(peopleMore, 0);
    // Read from its beginning: nothing is missing between what was fetched and what was told.
    const all = told.filter(({ type, room }) => room === name && /^message|^action/.test(type));
    assertEquals(
      linesOf(model, name),
      all.map(({ id, from, text }) => `${id} ${from}: ${text}`),
      name,
    );
  }
  const ids = events.flatMap((event) => event.type === "direct" ? [event.id] : []);
  assertEquals(new Set(ids).size, ids.length);
}
