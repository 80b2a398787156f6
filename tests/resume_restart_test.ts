// Coming back to a server that was started anew, after a stop and after a crash: a real server
// on a file is ended again and again while people talk in bursts. Who was there is there again;
// what was said is told once and in order, and is in the history so; and nobody sees anything.

import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { mock } from "node:test";
import { RESTART_MS_MAX } from "../lib/limits.ts";
import { openStore } from "../lib/store/sqlite_store.ts";
import { type ServerProcess, startProcess } from "./fixtures/server_process.ts";
import { Guest, startTestServer, within } from "./harness.ts";
import { brief, type Json, JsonGuest } from "./json_guest.ts";
import { ask, Folder, passwordOf } from "./visits.ts";

const ROOMS = ["#lobby", "#dev"] as const;

/** A server on one file and one port, however often it is started. */
class Phoenix implements AsyncDisposable {
  readonly #args: readonly string[];
  #server: ServerProcess | null = null;
  #port = 0;
  /** Resolves with the port when the server runs. */
  #running: Promise<number> = Promise.resolve(0);

  constructor(db: string, ...args: string[]) {
    this.#args = ["--db", db, "--rate", "off", ...args];
  }

  /** Where it listens, as soon as it does. */
  readonly port = (): Promise<number> => this.#running;

  /** Starts it. */
  async start(): Promise<number> {
    const args = this.#port === 0 ? [] : ["--port", `${this.#port}`];
    this.#server = await startProcess({ args: [...this.#args, ...args] });
    return this.#port = this.#server.port;
  }

  /** Ends it in one way or another, does something while it is away, and starts it anew. */
  async restart(
    signal: "SIGKILL" | "SIGTERM",
    meanwhile: () => void = (): void => {},
  ): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#running = promise;
    try {
      await this.stop(signal);
      meanwhile();
      resolve(await this.start());
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  /** Ends it. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    if (signal === "SIGKILL") await server.crash();
    else {
      server.kill(signal);
      assertEquals(await server.result(), { code: 0, stderr: "" });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

/** Reads what a database has, beside the server. */
function query(db: string, sql: string): unknown[] {
  const database = new DatabaseSync(db);
  try {
    return database.prepare(sql).all().map((row) => Object.values(row).join());
  } finally {
    database.close();
  }
}

function execute(db: string, sql: string): void {
  const database = new DatabaseSync(db);
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

/** Numbers from 0 to 1 that come again in the same order for the same seed (mulberry32). */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("whatever ends the server in the middle of bursts, everything is told once and in order", async () => {
  const BURSTS = 60;
  const SIGNALS = ["SIGKILL", "SIGTERM", "SIGKILL", "SIGKILL", "SIGTERM", "SIGKILL"] as const;
  await using folder = await Folder.with();
  await using server = new Phoenix(folder.db);
  const firstPort = await server.start();
  const random = makeRandom(11);
  await using stack = new AsyncDisposableStack();
  const names = ["ann", "bob", "eve", "twin"] as const;
  const guests: JsonGuest[] = [];
  for (const name of names) {
    const guest = stack.use(await JsonGuest.enter(firstPort, name));
    await guest.ask("join #dev");
    guests.push(guest);
  }
  for (const guest of guests) await guest.settle();
  const before = guests.map((guest) => guest.events.length);
  const port = async (): Promise<number> => await server.port() || firstPort;
  /** What each has said, in each room, and to each. */
  const said = new Map<string, string[]>();
  let restarts = 0;
  let bursts = 0;
  let restarting: Promise<unknown> = Promise.resolve();
  const talk = async (guest: JsonGuest, at: number): Promise<void> => {
    let count = 0;
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let line = 1 + Math.floor(12 * random()); line > 0; line--) {
        const text = `${names[at]}.${count++}${random() < 0.02 ? "\u{1f600}".repeat(900) : ""}`;
        const chance = random();
        const other = names[(at + 1) % names.length] ?? "";
        const room = ROOMS[chance < 0.5 ? 0 : 1];
        const key = `${names[at]} ${chance < 0.2 ? other : room}`;
        said.set(key, [...said.get(key) ?? [], text]);
        if (chance < 0.2) guest.command(`msg ${other} ${text}`);
        else guest.say(text, room);
      }
      // In the middle of somebody's burst: it is on its way, and not answered.
      if (++bursts % 25 === 0 && restarts < SIGNALS.length) {
        restarting = server.restart(SIGNALS[restarts++] ?? "SIGTERM");
      }
      if (random() < 0.6) await guest.persist(port, () => guest.settle());
    }
    await guest.persist(port, async () => {
      while (guest.unanswered > 0) await guest.next();
    });
  };
  await Promise.all([
    ...guests.slice(0, 3).map(talk),
    guests[3]?.persist(port, async () => {
      // The one who only listens does so until all others have nothing to say.
      while (bursts < 3 * BURSTS) await guests[3]?.next();
    }),
  ]);
  await restarting;
  assertEquals(restarts, SIGNALS.length);
  for (const guest of guests) await guest.persist(port, () => guest.settle());
  const told = guests.map((guest, at) => guest.events.slice(before[at]));
  for (const [at, events] of told.entries()) {
    // Nobody saw anything but words.
    const others = events.filter(({ type }) => type !== "message" && type !== "direct");
    assertEquals(others, [], names[at]);
    const words = events.filter(({ type }) => type === "message");
    assertEquals(words, told[3]?.filter(({ type }) => type === "message"), names[at]);
    for (const [from, name] of names.entries()) {
      if (from === 3) continue;
      for (const room of ROOMS) {
        assertEquals(
          words.filter((event) => event["from"] === name && event["room"] === room)
            .map(({ text }) => text),
          said.get(`${name} ${room}`),
        );
      }
      const direct = events.filter(({ type, from }) => type === "direct" && from === name);
      assertEquals(direct.map(({ text }) => text), said.get(`${name} ${names[at]}`) ?? []);
    }
  }
  for (const guest of guests) await guest.quit();
  await server.stop("SIGTERM");
  // And so it is in the history.
  using store = openStore({ path: folder.db, keepMs: null });
  for (const { id, name } of store.rooms()) {
    assertEquals(
      store.after({ roomId: id, afterId: 0, limit: 100_000 }).map(({ id, text }) => ({ id, text })),
      told[3]?.filter(({ type, room }) => type === "message" && room === name)
        .map(({ id, text }) => ({ id, text })) as unknown as { id: number; text: string }[],
    );
  }
  assertEquals(query(folder.db, "SELECT id FROM seat UNION ALL SELECT id FROM seat_direct"), []);
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`who was there is there again, as they were, and nobody else sees it (${signal})`, async () => {
    await using folder = await Folder.with("ann", "olga");
    await using server = new Phoenix(folder.db, "--operator", "olga");
    const port = await server.start();
    await using bob = await JsonGuest.enter(port, "bob");
    await using ann = await JsonGuest.enter(port, {});
    await ann.ask(`login ann ${passwordOf("ann")}`);
    await ann.ask("join #dev");
    await ann.ask("ignore olga");
    await using guest = await JsonGuest.enter(port, {});
    await guest.ask("join #mine");
    await guest.ask("join #dev");
    await bob.ask("join #dev");
    await bob.ask("join #tea");
    await bob.ask("msg ann before");
    await bob.settle();
    await ann.drop();
    await bob.ask("msg ann away");
    await bob.answer(bob.say("in dev", "#dev"));
    // Makes a room that is not the last one the current one.
    await bob.answer(bob.say("last words", "#lobby"));
    await bob.settle();
    const { lastId } = bob;
    await server.restart(signal);
    const everybody = [bob, ann, guest];
    const welcomes = [];
    for (const each of everybody) welcomes.push((await each.resume(port)).welcome);
    const [ofBob, ofAnn, ofGuest] = welcomes;
    for (const welcome of welcomes) {
      assert(welcome["isRestarted"] === true && welcome["isResumed"] === true);
    }
    assertEquals([ofBob?.["name"], ofBob?.["room"]], ["bob", "#lobby"]);
    assertEquals([ofAnn?.["name"], ofAnn?.["isRegistered"]], ["ann", true]);
    assertEquals(ofGuest?.["name"], guest.name);
    const names = (ofBob?.["rooms"] as { room: string }[]).map(({ room }) => room);
    assertEquals(names, ["#tea", "#dev", "#lobby"]);
    for (const each of everybody) await each.settle();
    assertEquals(ann.heard, [
      "bob: before",
      "bob: away",
      "#dev bob: in dev",
      "#lobby bob: last words",
    ]);
    // Rights, and whom they do not want to hear.
    assertEquals((await ann.ask("topic mine")).type, "ok");
    assertEquals((await guest.ask("topic mine too", "#mine")).type, "ok");
    const ref = ann.command("ignore");
    const lines: Json[] = [];
    while (!ann.answers.has(ref)) lines.push(await ann.next());
    assertEquals(lines.find(({ type }) => type === "notice")?.["lines"], ["You ignore olga."]);
    for (const each of everybody) await each.settle();
    assert(
      bob.events.filter(({ id }) => Number(id) > lastId).every(({ type }) =>
        type === "topic" || type === "notice"
      ),
    );
    // A second time, at once: the token of the first time is a token like any other.
    await server.restart(signal);
    for (const each of everybody) await each.resume(port);
    assertEquals([bob.name, ann.name], ["bob", "ann"]);
    for (const each of everybody) await each.quit();
    assertEquals(query(folder.db, "SELECT id FROM seat UNION ALL SELECT id FROM seat_direct"), []);
  });
}

Deno.test("ids after a restart are above all ids before it, whatever had one last", async () => {
  await using folder = await Folder.with();
  await using server = new Phoenix(folder.db);
  const port = await server.start();
  await using ann = await JsonGuest.enter(port, "ann");
  const ids: number[] = [];
  for (let time = 0; time < 3; time++) {
    // Events that leave no row anywhere.
    for (let count = 0; count < 5; count++) {
      await ann.ask("join #dev");
      await ann.ask("leave #dev");
    }
    await ann.settle();
    ids.push(ann.lastId);
    await server.restart("SIGKILL");
    await using eve = await JsonGuest.enter(port, "eve");
    assert(eve.lastId > (ids.at(-1) ?? 0), "a newcomer's first id is above");
    await eve.quit();
    await ann.resume(port);
    await ann.answer(ann.say("first"));
    await ann.settle();
    assert(Number(ann.events.at(-1)?.["id"]) > (ids.at(-1) ?? 0));
  }
});

Deno.test("what others did to somebody holds over a crash: they are not back where they were sent out", async () => {
  await using folder = await Folder.with("olga");
  await using server = new Phoenix(folder.db, "--operator", "olga");
  const port = await server.start();
  await using olga = await JsonGuest.enter(port, {});
  await olga.ask(`login olga ${passwordOf("olga")}`);
  await olga.ask("join #dev");
  await using bob = await JsonGuest.enter(port, "bob");
  await bob.ask("join #dev");
  await bob.settle();
  await olga.ask("room invite-only");
  await olga.ask("kick bob out");
  await olga.answer(olga.say("among ourselves"));
  await bob.settle();
  assertEquals(bob.events.slice(-2).map(({ type }) => type), ["sent-out", "parted"]);
  await server.restart("SIGKILL");
  const { welcome } = await bob.resume(port);
  assertEquals((welcome["rooms"] as { room: string }[]).map(({ room }) => room), ["#lobby"]);
  assertEquals(bob.heard, []);
});

Deno.test("a name that somebody lost is not theirs again after a crash", async () => {
  await using folder = await Folder.with("olga", "ann");
  await using server = new Phoenix(folder.db, "--operator", "olga");
  const port = await server.start();
  await using stranger = await JsonGuest.enter(port, "ann");
  await stranger.settle();
  await using ann = await JsonGuest.enter(port, {});
  await ann.ask(`login ann ${passwordOf("ann")}`);
  await stranger.settle();
  assertEquals(brief(stranger.told("nick").at(-1) ?? { type: "" }), "nick guest2");
  await server.restart("SIGKILL");
  assertEquals((await ann.resume(port)).welcome["name"], "ann");
  assertEquals((await stranger.resume(port)).welcome["name"], "guest2");
});

Deno.test("guests keep the names that the server gave them, whoever else was there", async () => {
  await using folder = await Folder.with("ann");
  await using server = new Phoenix(folder.db);
  const port = await server.start();
  await using stack = new AsyncDisposableStack();
  const guests = [stack.use(await JsonGuest.enter(port, "ann"))];
  for (let count = 0; count < 3; count++) guests.push(stack.use(await JsonGuest.enter(port, {})));
  await guests[1]?.ask("nick carl");
  for (const guest of guests) await guest.settle();
  await server.restart("SIGKILL");
  const names = [];
  for (const guest of guests) names.push((await guest.resume(port)).welcome["name"]);
  assertEquals(names.slice(1), ["carl", "guest2", "guest3"]);
  assertEquals(new Set(names).size, 4);
});

Deno.test("after too long an absence nobody is expected, and what nobody has read waits", async () => {
  await using folder = await Folder.with("ann");
  await using server = new Phoenix(folder.db);
  const port = await server.start();
  await using ann = await JsonGuest.enter(port, {});
  await ann.ask(`login ann ${passwordOf("ann")}`);
  await using bob = await JsonGuest.enter(port, "bob");
  await ann.drop();
  await bob.ask("msg ann unread");
  await bob.settle();
  await server.restart("SIGKILL", () => {
    execute(
      folder.db,
      `UPDATE setting SET value = value - ${RESTART_MS_MAX + 60_000} WHERE name = 'alive'`,
    );
  });
  await using eve = await JsonGuest.enter(port, "bob");
  assertEquals(eve.name, "bob");
  assertEquals(eve.welcome?.["others"], { names: [], more: 0 });
  for (const { token } of [ann, bob]) {
    await using guest = new JsonGuest(await Guest.connect(port));
    assertEquals((await guest.hello({ token }))["code"], "session-over");
  }
  await using again = await JsonGuest.enter(port, {});
  await again.ask(`login ann ${passwordOf("ann")}`);
  assertEquals(again.heard, ["bob: unread"]);
});

Deno.test("who does not come back to a new server leaves when the grace is over", async () => {
  await using folder = await Folder.with();
  await using first = await startTestServer({ db: folder.db });
  await using ann = await JsonGuest.enter(first.port, "ann");
  await using bob = await JsonGuest.enter(first.port, "bob");
  await bob.ask("msg ann psst");
  await ann.drop();
  await first.shutdown();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  try {
    await using server = await startTestServer({ db: folder.db });
    await bob.resume(server.port);
    await using nick = await server.join("nick");
    assertEquals((await ask(nick, "/nick ann")).at(-1), "-- ann is taken.");
    mock.timers.tick(59_000);
    assertEquals(await nick.roundtrip(), []);
    mock.timers.tick(2_000);
    assertEquals(await nick.roundtrip(), ["-- ann left (connection lost)."]);
    assertEquals(await ask(nick, "/nick ann"), ["-- You are now ann."]);
    assertEquals(query(folder.db, "SELECT count(*) FROM seat"), ["1"]);
    await bob.quit();
    await bob.drop();
    await nick.roundtrip();
    assertEquals(query(folder.db, "SELECT count(*) FROM seat"), ["0"]);
    assertEquals(query(folder.db, "SELECT count(*) FROM seat_direct"), ["0"]);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("private messages that were confirmed are not kept", async () => {
  await using folder = await Folder.with();
  await using server = await startTestServer({ db: folder.db });
  await using ann = await JsonGuest.enter(server.port, "ann");
  await using bob = await JsonGuest.enter(server.port, "bob");
  for (let count = 0; count < 5; count++) await bob.ask(`msg ann ${count}`);
  await ann.settle();
  assertEquals(query(folder.db, "SELECT count(*) FROM seat_direct"), ["5"]);
  await ann.settle({ confirms: true });
  assertEquals(query(folder.db, "SELECT count(*) FROM seat_direct"), ["0"]);
  // Whoever comes back says as well what has arrived.
  await bob.ask("msg ann seen");
  await ann.settle();
  await bob.ask("msg ann missed");
  await ann.resume(server.port);
  assertEquals(ann.heard.slice(-2), ["bob: seen", "bob: missed"]);
  assertEquals(query(folder.db, "SELECT text FROM seat_direct"), ["missed"]);
});

Deno.test("who is in no room comes back to none, and to what was said in private", async () => {
  await using folder = await Folder.with();
  await using first = await startTestServer({ db: folder.db });
  await using ann = await JsonGuest.enter(first.port, "ann");
  await using bob = await JsonGuest.enter(first.port, "bob");
  await ann.ask("leave");
  await ann.settle();
  await ann.drop();
  await bob.ask("msg ann one");
  assertEquals((await ann.resume(first.port)).welcome["room"], null);
  await ann.drop();
  await bob.ask("msg ann two");
  await bob.answer(bob.say("for the lobby"));
  await bob.drop();
  await first.shutdown();
  await using server = await startTestServer({ db: folder.db });
  const { welcome } = await ann.resume(server.port);
  assertEquals([welcome["room"], welcome["rooms"]], [null, []]);
  assertEquals(ann.heard, ["bob: one", "bob: two"]);
});

Deno.test("a server without a grace expects nobody of the one before it", async () => {
  await using folder = await Folder.with();
  await using first = await startTestServer({ db: folder.db });
  await using ann = await JsonGuest.enter(first.port, "ann");
  await first.shutdown();
  await using server = await startTestServer({ db: folder.db, resumeGraceMs: 0 });
  await using guest = new JsonGuest(await Guest.connect(server.port));
  assertEquals((await guest.hello({ token: ann.token }))["code"], "session-over");
  assertEquals(query(folder.db, "SELECT count(*) FROM seat"), ["0"]);
  assertEquals((await within(guest.hello({ nick: "ann" }), () => "a welcome"))["name"], "ann");
});
