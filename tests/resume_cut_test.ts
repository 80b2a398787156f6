// A conversation in which one connection breaks at every point that there is: behind each byte
// of a hello, a welcome and an answer, and behind many others, in either direction. It is reset,
// ended, or passes nothing on any more. Everybody hears everything once and in order, and nobody
// sees that anything happened.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Guest, startTestServer } from "./harness.ts";
import { brief, type Json, JsonGuest } from "./json_guest.ts";
import { Proxy, type Weather } from "./proxy.ts";
import { arrange } from "./visits.ts";

/** The people of a conversation, and what they have said so far. */
interface Cast {
  readonly proxy: Proxy;
  /** Whose connections break. */
  readonly ann: JsonGuest;
  /** Who is in the same rooms, over one connection. */
  readonly twin: JsonGuest;
  readonly bob: JsonGuest;
  readonly nick: Guest;
}

const ROOMS = ["#lobby", "#dev", "#tea"] as const;

/** Points of a conversation that are looked at one by one; in bytes of ann's connection. */
interface Points {
  /** Every one up to here: the hello and its answer, and the first of what follows. */
  readonly dense: number;
  /** And up to here, one of so many. */
  readonly end: number;
  readonly step: number;
}

function* pointsOf({ dense, end, step }: Points): Generator<number> {
  for (let at = 0; at < dense; at++) yield at;
  for (let at = dense; at < end; at += step) yield at;
}

/** Connections that break somewhere, or are slow. The hello itself arrives. */
const WEATHER: fc.Arbitrary<Weather> = fc.record({
  up: fc.record({ cutAfter: fc.integer({ min: 200, max: 4_000 }) }, { requiredKeys: [] }),
  down: fc.record({
    cutAfter: fc.integer({ min: 1, max: 60_000 }),
    pieces: fc.integer({ min: 1, max: 2_000 }),
  }, { requiredKeys: [] }),
  cut: fc.constantFrom("end" as const, "reset" as const),
});

/** Everybody is in, and has heard of everybody else. */
async function meet(stack: AsyncDisposableStack): Promise<Cast> {
  const server = stack.use(await startTestServer());
  const proxy = stack.use(await Proxy.to(server.port));
  const nick = stack.use(await server.join("nick"));
  const [ann, twin, bob] = [
    stack.use(await JsonGuest.enter(server.port, "ann")),
    stack.use(await JsonGuest.enter(server.port, "twin")),
    stack.use(await JsonGuest.enter(server.port, "bob")),
  ];
  for (const guest of [ann, twin, bob]) {
    for (const room of ROOMS) if (room !== "#lobby") await guest.ask(`join ${room}`);
  }
  await arrange([[nick, "/join #dev"]]);
  for (const guest of [ann, twin, bob]) await guest.settle();
  return { proxy, ann, twin, bob, nick };
}

/** Everybody talks while ann comes back over a connection of this weather. */
async function converse(cast: Cast, mark: string, weather: Weather): Promise<void> {
  const { proxy, ann, twin, bob, nick } = cast;
  const before = twin.events.length;
  const annBefore = ann.events.length;
  const bobBefore = bob.told("direct").length;
  proxy.weather.push(weather);
  nick.say(`early ${mark}`);
  bob.command(`msg ann early ${mark}`);
  const reached = proxy.limitReached();
  const talking = (async (): Promise<void> => {
    await ann.comeBack(() => proxy.port);
    ann.say(`1 ${mark}`, "#lobby");
    ann.command(`msg bob psst ${mark}`);
    ann.say(`2 ${mark}\nof two lines`, "#dev");
    ann.command(`me 3 ${mark}`, "#tea");
    nick.say(`/msg ann late ${mark}`);
    bob.say(`late ${mark}`, "#tea");
    await ann.persist(() => proxy.port, async () => {
      while (ann.unanswered > 0) await ann.next();
    });
    await ann.persist(() => proxy.port, () => ann.settle());
  })();
  const stalls = weather.up?.stallAfter !== undefined || weather.down?.stallAfter !== undefined;
  if (stalls) {
    // It gives the connection up, and the server knows nothing of that.
    await Promise.race([talking, reached.then(() => proxy.forsake())]);
  }
  await talking;
  const heard = await nick.roundtrip();
  await bob.settle();
  await twin.settle();
  await ann.persist(() => proxy.port, () => ann.settle());
  const told = twin.events.slice(before).filter(isOfCast);
  const annTold = ann.events.slice(annBefore).filter(isOfCast);
  assertEquals(annTold.filter(isForAll), told, mark);
  assertEquals(annTold.filter((event) => !isForAll(event)).map(brief), [
    `direct bob early ${mark}`,
    `direct nick late ${mark}`,
  ]);
  assertEquals(
    told.filter(({ from }) => from === "ann").map(brief),
    [
      `message #lobby ann 1 ${mark}`,
      `message #dev ann 2 ${mark}\nof two lines`,
      `action #tea ann 3 ${mark}`,
    ],
    mark,
  );
  assertEquals(told.length, 5, mark);
  assertEquals(bob.told("direct").slice(bobBefore).map(brief), [`direct ann psst ${mark}`]);
  // In two rooms, each in the words of somebody who sees one at a time.
  assertEquals(heard.filter((line) => !/\] guest\d+(:| joined| left)/.test(line)), [
    `[#lobby] ann: 1 ${mark}`,
    `ann: 2 ${mark}`,
    `ann: of two lines`,
  ], mark);
}

/**
 * Whether an event is about those who talk. A hello of which nothing or nearly nothing arrives
 * cannot be told from a person: they come as a guest, and go, and have nothing to say but that.
 */
function isOfCast(event: Json): boolean {
  const { type, from, text, who } = event;
  if (type === "message" && /^guest\d+$/.test(`${from}`)) {
    assertEquals(text, "{", "what was torn is told to nobody");
    return false;
  }
  const names = (who as { readonly names: readonly string[] } | undefined)?.names ?? [];
  return !names.some((name) => /^guest\d+$/.test(name));
}

/** Directs are for one alone. */
function isForAll({ type }: Json): boolean {
  return type !== "direct";
}

/** How many bytes pass where nothing happens, both ways. */
async function measure(cast: Cast): Promise<{ readonly up: number; readonly down: number }> {
  await converse(cast, "m00000", {});
  return cast.proxy.passed;
}

for (const cut of ["end", "reset"] as const) {
  for (const way of ["up", "down"] as const) {
    Deno.test(`a connection that breaks anywhere on its way ${way} costs nothing (${cut})`, async () => {
      await using stack = new AsyncDisposableStack();
      const cast = await meet(stack);
      const total = (await measure(cast))[way];
      // A reset takes with it what was on its way, so points beside each other are much the same.
      const step = cut === "end" ? 1 : 9;
      const dense = way === "up" ? 210 : 620;
      let breaks = 0;
      for (const at of pointsOf({ dense, end: total, step: 23 })) {
        if (at % step !== 0 && at < dense) continue;
        await converse(cast, `${at}`.padStart(6, "p"), { [way]: { cutAfter: at }, cut });
        breaks++;
      }
      assert(breaks > 100 / step, `${breaks} points were looked at`);
    });
  }
}

for (const way of ["up", "down"] as const) {
  Deno.test(`a connection that goes dead anywhere on its way ${way} costs nothing`, async () => {
    await using stack = new AsyncDisposableStack();
    const cast = await meet(stack);
    const total = (await measure(cast))[way];
    for (const at of pointsOf({ dense: 0, end: total, step: 11 })) {
      await converse(cast, `${at}`.padStart(6, "s"), { [way]: { stallAfter: at } });
    }
  });
}

Deno.test("bytes that come one by one are the same conversation", async () => {
  await using stack = new AsyncDisposableStack();
  const cast = await meet(stack);
  for (const pieces of [1, 2, 3, 7, 64, 1_000]) {
    const weather: Weather = { up: { pieces }, down: { pieces } };
    await converse(cast, `${pieces}`.padStart(6, "c"), weather);
  }
});

Deno.test("connections that break again and again, before they are of use, end well", async () => {
  await using stack = new AsyncDisposableStack();
  const cast = await meet(stack);
  for (let time = 0; time < 20; time++) {
    for (let at = 0; at < 12; at++) {
      const weather: Weather = at % 2 === 0
        ? { down: { cutAfter: 60 * at + time }, cut: "end" }
        : { up: { cutAfter: 12 * at + time } };
      cast.proxy.weather.push(weather);
    }
    await converse(cast, `${time}`.padStart(6, "r"), {});
    assertEquals(cast.proxy.weather.length, 0);
  }
});

Deno.test("connections that break while everybody talks at once miss nothing, whenever that is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(WEATHER, { minLength: 1, maxLength: 8 }), async (weathers) => {
      await using stack = new AsyncDisposableStack();
      const { proxy, ann, twin, bob, nick } = await meet(stack);
      const before = [ann, twin].map(({ events }) => events.length);
      proxy.weather.push(...weathers);
      const isDone = (async (): Promise<void> => {
        for (let burst = 0; burst < 12; burst++) {
          nick.send(Array.from({ length: 40 }, (_, at) => `nick ${burst} ${at}\n`).join(""));
          nick.send(`/nick nick${burst}\n/leave #dev\n/join #dev\n`);
          for (let at = 0; at < 10; at++) bob.say(`bob ${burst} ${at}`, ROOMS[at % ROOMS.length]);
          await nick.roundtrip();
          await bob.settle();
        }
      })();
      await ann.comeBack(() => proxy.port);
      for (let at = 0; at < 60; at++) {
        ann.say(`ann ${at}`, ROOMS[at % ROOMS.length]);
        if (at % 7 === 0) await ann.persist(() => proxy.port, () => ann.settle({ confirms: true }));
      }
      await isDone;
      await ann.persist(() => proxy.port, async () => {
        while (ann.unanswered > 0) await ann.next();
      });
      for (const guest of [ann, twin]) {
        await guest.persist(() => proxy.port, () => guest.settle());
      }
      assertEquals(ann.events.slice(before[0]), twin.events.slice(before[1]));
      const said = twin.events.filter(({ from }) => from === "ann").map(({ text }) => text);
      assertEquals(said, Array.from({ length: 60 }, (_, at) => `ann ${at}`));
    }),
    { numRuns: 30 },
  );
});

Deno.test("a network that is away for a while is waited for", async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, ann, twin, nick } = await meet(stack);
  await ann.comeBack(() => proxy.port);
  const before = twin.events.length;
  for (let time = 0; time < 5; time++) {
    await proxy.off();
    ann.say(`into nothing ${time}`);
    nick.say(`meanwhile ${time}`);
    await nick.roundtrip();
    await proxy.on();
    await ann.persist(() => proxy.port, () => ann.settle());
    await ann.persist(() => proxy.port, async () => {
      while (ann.unanswered > 0) await ann.next();
    });
  }
  await twin.settle();
  await ann.settle();
  const told = twin.events.slice(before);
  assertEquals(ann.events.slice(-told.length), told);
  assertEquals(told.length, 10);
});

Deno.test("a first hello that breaks anywhere leaves at most one user, who can be told from the next", async () => {
  await using server = await startTestServer({ resumeGraceMs: 60_000 });
  await using proxy = await Proxy.to(server.port);
  await using nick = await server.join("nick");
  let total: typeof proxy.passed;
  {
    await using guest = await JsonGuest.enter(proxy.port, "gdown000");
    total = proxy.passed;
    await guest.quit();
  }
  for (const way of ["up", "down"] as const) {
    for (let at = 0; at < total[way]; at += 17) {
      const name = `g${way}${at}`.padEnd(8, "x");
      proxy.weather.push({ [way]: { cutAfter: at }, cut: "end" });
      await using lost = new JsonGuest(await Guest.connect(proxy.port));
      lost.send({ type: "hello", version: 1, nick: name });
      const lines = await lost.untilClosed();
      await using guest = await JsonGuest.enter(server.port, name);
      const joins = (await nick.roundtrip()).filter((line) => line.includes(" joined"));
      if (lines.length > 0) {
        // It has its token, and so its name.
        await lost.resume(server.port);
        assertEquals(lost.name, name);
        await lost.quit();
      }
      assert(joins.length <= 2, `${joins}`);
      await guest.quit();
      await nick.roundtrip();
    }
  }
});
