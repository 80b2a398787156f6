// What a process that is killed leaves behind: everything that anybody has seen. A real
// server is killed again and again while people talk as fast as they can, and started anew
// on the same file; and it is killed right behind the answer to whatever is to last.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, type ServerProcess, startProcess } from "./fixtures/server_process.ts";
import { Guest } from "./harness.ts";

const KILLS = 20;
const ROOMS = ["#lobby", "#dev"] as const;
type RoomName = typeof ROOMS[number];

/** So many lines one `/history` shows at most. */
const STEP = 500;

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

/** A line of history. */
interface PastLine {
  readonly id: number;
  /** As everybody was shown it when it was said, in the room that they were at. */
  readonly text: string;
}

/** One client: where it is, and what it has said there. */
class Client {
  readonly guest: Guest;
  readonly name: string;
  /** The rooms that it is in; it looks at the last of them. */
  readonly rooms: readonly RoomName[];
  readonly said = new Map<RoomName, string[]>(ROOMS.map((room) => [room, []]));

  private constructor(guest: Guest, name: string, rooms: readonly RoomName[]) {
    this.guest = guest;
    this.name = name;
    this.rooms = rooms;
  }

  static async join(port: number, name: string, rooms: readonly RoomName[]): Promise<Client> {
    const guest = await Guest.connect(port);
    guest.say(`/nick ${name}`);
    if (rooms.includes("#dev")) guest.say("/join #dev");
    if (!rooms.includes("#lobby")) guest.say("/leave #lobby");
    await guest.roundtrip();
    return new Client(guest, name, rooms);
  }

  /** The whole lines of a room that it was shown and that have this mark in them, in order. */
  heard(room: RoomName, mark: string): string[] {
    const lines = new TextDecoder().decode(this.guest.received).split("\n").slice(0, -1);
    const isHere = room === this.rooms.at(-1);
    const label = `[${room}] `;
    const heard: string[] = [];
    for (const line of lines) {
      if (!line.includes(mark)) continue;
      const isElsewhere = line.startsWith("[");
      if (isHere && !isElsewhere) heard.push(line);
      if (!isHere && line.startsWith(label)) heard.push(line.slice(label.length));
    }
    return heard;
  }

  /** Talks until its connection ends: a burst, a look whether the server is with it, and on. */
  async talk(mark: string, random: () => number): Promise<void> {
    for (let count = 0;;) {
      let burst = "";
      for (let left = 1 + Math.floor(60 * random()); left > 0; left--) {
        burst += this.#line(`${mark}${this.name}.${count++}`, random());
      }
      this.guest.send(burst);
      // Some do not wait for anything, until the system holds them up.
      if (random() < 0.3 && count < 2_000) await this.guest.sent();
      else {
        try {
          await this.guest.roundtrip();
        } catch {
          return; // The server was killed.
        }
      }
    }
  }

  /** One line in one of its rooms, as it is typed. */
  #line(text: string, chance: number): string {
    const isElsewhere = this.rooms.length > 1 && chance < 0.5;
    const room = (isElsewhere ? this.rooms[0] : this.rooms.at(-1)) ?? "#lobby";
    const isAction = !isElsewhere && chance > 0.9;
    const padding = chance > 0.97 ? ` ${"lo\u{f6}ng ".repeat(300)}end` : "";
    this.said.get(room)?.push(
      `${isAction ? "* " : ""}${this.name}${isAction ? "" : ":"} ${text}${padding}`,
    );
    return `${isElsewhere ? `/msg ${room} ` : isAction ? "/me " : ""}${text}${padding}\n`;
  }
}

/** Reads a room's history as a user does, from the newest line back to one that is known. */
async function readBack(guest: Guest, afterId: number): Promise<PastLine[]> {
  const lines: PastLine[] = [];
  for (let asked = `/history ${STEP}`;;) {
    guest.say(asked);
    const shown = await guest.roundtrip();
    if (shown.length === 1 && shown[0] === "-- There is nothing to show.") return lines;
    const step = shown.map((line): PastLine => {
      const [, id, text = ""] = /^\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d (\d+)\] (.*)$/.exec(line) ?? [];
      assert(id !== undefined, `no line of history: ${line}`);
      return { id: Number(id), text };
    });
    assert(step.length > 0 && step.length <= STEP, `${step.length} lines in one answer`);
    lines.unshift(...step.filter(({ id }) => id > afterId));
    const first = step[0]?.id ?? 0;
    if (first <= afterId) return lines;
    asked = `/history ${STEP} before ${first}`;
  }
}

/** Reads both rooms. */
async function readRooms(
  port: number,
  afterIds: ReadonlyMap<RoomName, number>,
): Promise<Map<RoomName, PastLine[]>> {
  const found = new Map<RoomName, PastLine[]>();
  await using guest = await Guest.connect(port);
  await guest.roundtrip();
  for (const room of ROOMS) {
    if (room !== "#lobby") {
      guest.say(`/join ${room}`);
      await guest.roundtrip();
    }
    found.set(room, await readBack(guest, afterIds.get(room) ?? 0));
  }
  return found;
}

/** Holds that a list is the beginning of another; the whole lists would fill screens. */
function assertBegins(actual: readonly string[], whole: readonly string[], what: string): void {
  const at = actual.findIndex((line, index) => line !== whole[index]);
  if (at < 0) return;
  assertEquals(actual[at]?.slice(0, 200), whole[at]?.slice(0, 200), `${what}, line ${at}`);
}

/** Holds that the history has what everybody has seen, in that order and once. */
function assertKept(lines: readonly PastLine[], room: RoomName, round: Round): void {
  const { clients, mark } = round;
  const texts = lines.map(({ text }) => text);
  assertEquals(new Set(texts).size, texts.length, `${room} has lines twice`);
  for (const [index, { id }] of lines.entries()) {
    assert(id > (lines[index - 1]?.id ?? 0), `${room}: ${id} is not in order`);
  }
  for (const { name, rooms, said, heard } of clients) {
    if (!rooms.includes(room)) continue;
    const isOwn = (text: string): boolean =>
      text.startsWith(`${name}: `) || text.startsWith(`* ${name} `);
    // Nobody is shown their own lines; what is kept of them has no gap.
    assertBegins(
      texts.filter(isOwn),
      said.get(room) ?? [],
      `what ${name} said in ${room}`,
    );
    const shown = heard.get(room) ?? [];
    const kept = texts.filter((text) => !isOwn(text));
    assertBegins(shown, kept, `what ${name} was shown in ${room} (left), and history`);
  }
  assert(texts.every((text) => text.includes(mark)), `${room} has lines of another round`);
}

/** What people said and saw until a kill. */
interface Round {
  readonly mark: string;
  readonly clients: readonly {
    readonly name: string;
    readonly rooms: readonly RoomName[];
    readonly said: ReadonlyMap<RoomName, readonly string[]>;
    readonly heard: ReadonlyMap<RoomName, readonly string[]>;
  }[];
}

/** People come, talk, and the server is killed. */
async function talkUntilKilled(
  server: ServerProcess,
  index: number,
  random: () => number,
): Promise<Round> {
  const mark = `r${index}.`;
  const { port } = server;
  const talkers = await Promise.all([
    Client.join(port, "ann", ["#lobby"]),
    Client.join(port, "bob", ["#lobby"]),
    Client.join(port, "cas", ["#dev"]),
    Client.join(port, "dot", ["#lobby", "#dev"]),
  ]);
  const listeners = await Promise.all([
    Client.join(port, "eve", ["#lobby"]),
    Client.join(port, "fay", ["#dev"]),
    Client.join(port, "gus", ["#lobby", "#dev"]),
  ]);
  const clients = [...talkers, ...listeners];
  const reader = index % 2 === 0 ? null : await Client.join(port, "hal", ["#lobby"]);
  const talking = talkers.map((talker) => talker.talk(mark, random));
  if (reader !== null) talking.push(readUntilKilled(reader.guest));
  const witness = listeners[Math.floor(listeners.length * random())] ?? clients[0];
  const lines = 1 + Math.floor(800 * random());
  for (let count = 0; count < lines; count++) await witness?.guest.line();
  await server.crash();
  await Promise.all(talking);
  for (const { guest } of clients) await guest.untilClosed();
  const round: Round = {
    mark,
    clients: clients.map((client) => ({
      name: client.name,
      rooms: client.rooms,
      said: client.said,
      heard: new Map(client.rooms.map((room) => [room, client.heard(room, mark)])),
    })),
  };
  for (const { guest } of [...clients, ...reader === null ? [] : [reader]]) await guest.close();
  return round;
}

/** Keeps a server filing what was just said: whoever reads history waits for that. */
async function readUntilKilled(guest: Guest): Promise<void> {
  for (;;) {
    guest.say("/history 500");
    try {
      await guest.roundtrip();
    } catch {
      return;
    }
  }
}

async function killAndLook(folder: Folder, random: () => number): Promise<void> {
  const args = ["--db", folder.file("chat.db"), "--rate", "off"];
  const all = new Map<RoomName, PastLine[]>(ROOMS.map((room) => [room, []]));
  let seen = 0;
  let server = await startProcess({ args });
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const round = await talkUntilKilled(server, kill, random);
      if (random() < 0.25) {
        // Killed again before it has tidied up.
        server = await startProcess({ args });
        await server.crash();
        assertEquals(server.complaints, "");
      }
      server = await startProcess({ args });
      const afterIds = new Map(ROOMS.map((room) => [room, all.get(room)?.at(-1)?.id ?? 0]));
      for (const [room, lines] of await readRooms(server.port, afterIds)) {
        assertKept(lines, room, round);
        all.get(room)?.push(...lines);
      }
      for (const { heard } of round.clients) {
        for (const lines of heard.values()) seen += lines.length;
      }
    }
    assert(seen > 100 * KILLS, `only ${seen} lines were seen at all`);
    // What was there after one kill is there after all of them.
    for (const [room, lines] of await readRooms(server.port, new Map())) {
      const expected = all.get(room) ?? [];
      assertEquals(lines.length, expected.length, `lines of ${room}`);
      assertBegins(
        lines.map(({ id, text }) => `${id} ${text}`),
        expected.map(({ id, text }) => `${id} ${text}`),
        `${room} in the end`,
      );
    }
    server.kill("SIGTERM");
    assertEquals(await server.result(), { code: 0, stderr: "" });
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

Deno.test(`what anybody has seen is in the history, after each of ${KILLS} kills amid a burst`, async () => {
  await using folder = new Folder();
  const seed = Number(Deno.env.get("PARLEY_TEST_SEED") ?? Math.floor(2 ** 32 * Math.random()));
  try {
    await killAndLook(folder, makeRandom(seed));
  } catch (error) {
    throw new Error(`With PARLEY_TEST_SEED=${seed}`, { cause: error });
  }
});

/** Something that is to last. */
interface Act {
  /** Ends the sentence "lasts where the server is killed right behind the answer: ...". */
  readonly what: string;
  /** Each does something, and returns once it is answered. Then the server is killed. */
  readonly steps: readonly ((port: number) => Promise<Guest>)[];
  /** Looks for it, at a server that was started anew. */
  readonly look: (port: number) => Promise<void>;
}

const PASSWORD = "correct-horse";
const NEW_PASSWORD = "battery-staple";

/** Somebody under a name: with a password its owner. */
async function join(port: number, name: string, password?: string): Promise<Guest> {
  const guest = await Guest.connect(port);
  guest.say(password === undefined ? `/nick ${name}` : `/login ${name} ${password}`);
  await guest.until(
    password === undefined ? `-- You are now ${name}.` : `-- You are logged in as ${name}.`,
  );
  return guest;
}

/** Somebody types lines, and the answer to the last of them is this. */
function types(
  who: readonly [name: string, password?: string],
  lines: readonly string[],
  answer: string | RegExp,
): (port: number) => Promise<Guest> {
  return async (port) => {
    const guest = await join(port, ...who);
    await guest.roundtrip();
    for (const line of lines) guest.say(line);
    await guest.until(answer);
    return guest;
  };
}

/** What somebody is answered to some lines, in all. */
async function ask(
  port: number,
  who: readonly [name: string, password?: string],
  ...lines: string[]
): Promise<string[]> {
  await using guest = await join(port, ...who);
  await guest.roundtrip();
  for (const line of lines) guest.say(line);
  return await guest.roundtrip();
}

const ANN = ["ann", PASSWORD] as const;
const BOB = ["bob"] as const;
const WAITING = /^\[private \d\d:\d\d\] bob: psst$/;

/** In this order on one file: later ones stand on those before. */
const ACTS: readonly Act[] = [
  {
    what: "a name that was registered",
    steps: [
      types(
        ["ann"],
        [`/register ${PASSWORD}`],
        "-- ann is yours now. From elsewhere: /login ann PASSWORD",
      ),
    ],
    look: async (port) => {
      const [first = ""] = await ask(port, ANN, "/account");
      assertMatch(first, /^-- You are ann, an operator of the server, registered on /);
    },
  },
  {
    what: "a room that was made",
    steps: [types(ANN, ["/join #dev"], /^-- The room is new, and you are its operator: /)],
    look: async (port) => {
      assertEquals(await ask(port, ANN, "/join #dev", "/topic"), [
        "-- You are now in #dev, alone so far.",
        "-- #dev has no topic.",
      ]);
    },
  },
  {
    what: "who may come into it",
    steps: [
      types(ANN, ["/join #dev", "/room invite-only"], /^-- ann made #dev for those who are /),
    ],
    look: async (port) => {
      assertEquals(await ask(port, BOB, "/join #dev"), [
        "-- #dev is for those who are invited by its operators.",
      ]);
    },
  },
  {
    what: "a topic, and the line that tells of it",
    steps: [types(ANN, ["/topic what lasts", "/topic"], "-- The topic of #lobby: what lasts")],
    look: async (port) => {
      const [topic, line = ""] = await ask(port, BOB, "/topic", "/history 1");
      assertEquals(topic, "-- The topic of #lobby: what lasts");
      assertMatch(line, /^\[\d\d:\d\d 1\] -- ann set the topic: what lasts$/);
    },
  },
  {
    what: "a message that was taken back",
    steps: [types(ANN, ["oops", "/forget"], "-- It is deleted from the history.")],
    look: async (port) => {
      const lines = await ask(port, BOB, "/history");
      assertEquals(lines.length, 1);
      assertMatch(lines[0] ?? "", /what lasts$/);
      assertEquals(await ask(port, BOB, "/search oops"), ["-- Nothing was found."]);
    },
  },
  {
    what: "a private message that waits, until it is known that it arrived",
    steps: [
      types(BOB, ["/msg ann psst"], "-- ann is away; your message waits for them."),
      async (port) => {
        const guest = await join(port, ...ANN);
        await guest.until(WAITING);
        return guest;
      },
    ],
    look: async (port) => {
      {
        await using guest = await join(port, ...ANN);
        await guest.until(WAITING);
        guest.say("/quit");
        await guest.untilClosed();
      }
      assertEquals(await ask(port, ANN), []);
    },
  },
  {
    what: "whom somebody ignores",
    steps: [
      async (port) => {
        await using _bob = await join(port, ...BOB);
        const sets = types(ANN, ["/ignore bob"], /^-- You do not hear bob any more\. /);
        return await sets(port);
      },
    ],
    look: async (port) => {
      assertEquals(await ask(port, ANN, "/ignore"), ["-- You ignore bob."]);
    },
  },
  {
    what: "a ban, and that it is on record",
    steps: [
      types(
        ANN,
        ["/ban server mallory for 7d rude"],
        "-- mallory is banned from the server for 7 days: rude",
      ),
    ],
    look: async (port) => {
      await using guest = await Guest.connect(port);
      guest.say("/nick mallory");
      await guest.until(/^-- The name mallory is banned for \d days.* more \(rude\)\.$/);
      assertMatch((await ask(port, ANN, "/audit server")).at(-1) ?? "", /mallory.*rude/);
    },
  },
  {
    what: "a mute",
    steps: [types(ANN, ["/mute server bob"], "-- bob is muted on the server.")],
    look: async (port) => {
      assertEquals(await ask(port, BOB, "hello"), [
        "-- You may not talk until an operator lifts that.",
      ]);
    },
  },
  {
    what: "a lock",
    steps: [types(ANN, ["/lock server"], /^-- ann locked the server: only registered names /)],
    look: async (port) => {
      await using guest = await Guest.connect(port);
      await guest.until(/^-- .*only registered names/);
    },
  },
  {
    what: "another password",
    steps: [
      types(
        ANN,
        [`/account password ${PASSWORD} ${NEW_PASSWORD}`],
        "-- Your password is another one now.",
      ),
    ],
    look: async (port) => {
      await using guest = await Guest.connect(port);
      guest.say(`/login ann ${PASSWORD}`);
      await guest.until("-- That is not the password.");
      assertEquals(await ask(port, ["ann", NEW_PASSWORD]), []);
    },
  },
];

Deno.test("a kill right behind the answer takes nothing back", async (t) => {
  await using folder = new Folder();
  const args = ["--db", folder.file("chat.db"), "--rate", "off", "--operator", "ann"];
  let server = await startProcess({ args });
  try {
    for (const { what, steps, look } of ACTS) {
      await t.step(what, async () => {
        for (const step of steps) {
          const guest = await step(server.port);
          await server.crash();
          await guest.close();
          server = await startProcess({ args });
        }
        await look(server.port);
      });
    }
    server.kill("SIGTERM");
    assertEquals(await server.result(), { code: 0, stderr: "" });
  } finally {
    await server[Symbol.asyncDispose]();
  }
});
