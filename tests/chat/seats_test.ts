// Who may come back, without a server: random schedules of what people do, of connections that
// are lost with whatever was on its way, and of servers that end. A model that knows nothing of
// ids, seats or stores says what each user has to have been told in the end.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Counters } from "../../lib/counters.ts";
import { Chat } from "../../lib/chat/chat.ts";
import { runCommand } from "../../lib/chat/commands.ts";
import type { Delivery, Member, Receiver } from "../../lib/chat/state.ts";
import type { EndReason } from "../../lib/errors.ts";
import type { ChatEvent } from "../../lib/events.ts";
import { openStore, type SqliteStore } from "../../lib/store/sqlite_store.ts";
import { CHEAP_PASSWORDS, COUNTED_TOKENS, NO_TIMER } from "./trial.ts";

const RUNS = 400;
const ROOMS = ["#lobby", "#dev", "#tea"] as const;
type RoomName = typeof ROOMS[number];
/** The first of them has made the rooms, and stays in them. */
const NAMES = ["olaf", "ann", "bob", "eve"] as const;
const HERE = { address: "127.0.0.1", isPrivate: true };

/** An event in few words; null for what is an answer, and not told again. */
function brief(event: ChatEvent): string | null {
  switch (event.type) {
    case "message":
      return `message ${event.room} ${event.from} ${event.text}`;
    case "direct":
      return `direct ${event.from} ${event.text}`;
    case "joined":
    case "left":
      return `${event.type} ${event.room} ${event.who.names.join()}`;
    case "renamed":
      return `renamed ${event.from} ${event.to}`;
    case "nick":
      return `nick ${event.name}`;
    case "entered":
    case "parted":
      return `${event.type} ${event.room}`;
    case "sent-out":
      return `sent-out ${event.room} ${event.name}`;
    default:
      return null;
  }
}

/** What is told again by a server that was started anew. */
function isStored(told: string): boolean {
  return told.startsWith("message") || told.startsWith("direct");
}

/** One connection: what was told over it, and how much of that has left the server. */
class Wire implements Receiver {
  readonly events: ChatEvent[] = [];
  /** Events that have left. */
  left = 0;
  ended: EndReason | null = null;
  isCatchingUp = false;

  deliver(event: ChatEvent): void {
    if (!this.isCatchingUp) this.events.push(event);
  }

  deliverBatch(events: readonly ChatEvent[], { skipped }: Delivery): void {
    if (this.isCatchingUp) return;
    for (const [at, event] of events.entries()) {
      if (skipped === null || !skipped.has(at)) this.events.push(event);
    }
  }

  get isEnded(): boolean {
    return this.ended !== null;
  }

  end(reason: EndReason): void {
    this.ended = reason;
  }
}

/** One user: a client that remembers what it has to, and what it has to have been told. */
class Client {
  name: string;
  wire = new Wire();
  member: Member | null = null;
  token = "";
  lastId = 0;
  lastRef = 0;
  /** What has arrived, in few words. */
  readonly arrived: string[] = [];
  /** What has to arrive in the end. */
  expected: string[] = [];
  readonly rooms = new Set<RoomName>();

  constructor(name: string) {
    this.name = name;
  }

  /** The first few of what has left arrive, as a part of it. */
  receive(part: number): void {
    const count = Math.floor(part * this.wire.left);
    for (const event of this.wire.events.splice(0, count)) {
      const told = brief(event);
      const id = "id" in event ? event.id ?? 0 : 0;
      if (told !== null) {
        assert(id > this.lastId, `${told} has id ${id}, behind ${this.lastId}`);
        this.arrived.push(told);
      }
      this.lastId = Math.max(this.lastId, id);
    }
    this.wire.left -= count;
  }
}

/** What somebody does, or what happens to them. */
type Step =
  | { readonly do: "say"; readonly who: number; readonly room: number }
  | { readonly do: "whisper"; readonly who: number; readonly to: number }
  | { readonly do: "join" | "leave"; readonly who: number; readonly room: number }
  | { readonly do: "kick"; readonly who: number; readonly room: number }
  | { readonly do: "nick"; readonly who: number }
  | { readonly do: "lose" | "resume"; readonly who: number; readonly part: number }
  | { readonly do: "receive" | "confirm"; readonly who: number; readonly part: number }
  | { readonly do: "end" }
  | { readonly do: "restart"; readonly isClean: boolean; readonly part: number };

const who = fc.nat({ max: NAMES.length - 1 });
const room = fc.nat({ max: ROOMS.length - 1 });
const part = fc.constantFrom(0, 0.3, 0.7, 1);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), who, room }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("whisper" as const), who, to: who }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom("join" as const, "join" as const, "leave" as const),
      who,
      room,
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("kick" as const), who, room }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("nick" as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("lose" as const), who, part }) },
  // Most of the time most people are there.
  { weight: 15, arbitrary: fc.record({ do: fc.constant("resume" as const), who, part }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("receive" as const, "confirm" as const),
      who,
      part,
    }),
  },
  { weight: 6, arbitrary: fc.constant<Step>({ do: "end" }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("restart" as const), isClean: fc.boolean(), part }),
  },
);

/** A server, its store, and those who come back to it. */
class World implements Disposable {
  readonly #store: SqliteStore = openStore({ path: ":memory:", keepMs: null });
  #callbacks: (() => void)[] = [];
  #chat: Chat;
  readonly clients: Client[] = [];
  #said = 0;

  constructor() {
    this.#chat = this.#open();
  }

  #open(): Chat {
    return new Chat({
      counters: new Counters(),
      server: "Parley",
      motd: [],
      operators: [],
      allowsPlaintextPasswords: false,
      store: this.#store,
      passwords: CHEAP_PASSWORDS,
      tokens: COUNTED_TOKENS,
      resumeGraceMs: 60_000,
      newTimer: () => NO_TIMER,
      turns: { atEnd: (callback) => this.#callbacks.push(callback) },
      pause: () => Promise.resolve(),
      onFault: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
  }

  /** Everybody comes in, and the first of them makes the rooms. */
  async begin(): Promise<void> {
    for (const name of NAMES) {
      const client = new Client(name);
      const ticket = await this.#chat.seats.issue();
      const { user, refusal } = this.#chat.enterProgram(client.wire, HERE, { nick: name, ticket });
      assertEquals(refusal, null);
      client.member = this.#chat.require(user);
      client.token = ticket?.token ?? "";
      client.rooms.add("#lobby");
      this.clients.push(client);
      if (name === "olaf") { for (const room of ROOMS) await this.#join(client, room); }
    }
    this.endTurn();
    for (const client of this.clients) {
      client.receive(1);
      client.arrived.length = 0;
      client.expected.length = 0;
    }
  }

  async take(step: Step): Promise<void> {
    if (step.do === "end") return this.endTurn();
    if (step.do === "restart") return this.#restart(step);
    const client = this.#client(step.who);
    if (step.do === "resume") return await this.#resume(client, step.part);
    if (client.member === null) return;
    switch (step.do) {
      case "say":
        return this.#say(client, ROOMS[step.room] ?? "#lobby");
      case "whisper":
        return await this.#whisper(client, this.#client(step.to));
      case "join":
        return await this.#join(client, ROOMS[step.room] ?? "#lobby");
      case "leave":
        return await this.#leave(client, ROOMS[step.room] ?? "#lobby");
      case "kick":
        return await this.#kick(client, ROOMS[step.room] ?? "#lobby");
      case "nick":
        return await this.#rename(client);
      case "lose":
        return this.#lose(client, step.part);
      case "receive":
        return client.receive(step.part);
      case "confirm":
        client.receive(step.part);
        this.#chat.seats.received(client.member);
        return this.#chat.seats.confirm(client.member, client.lastId);
    }
  }

  /** What was told leaves. */
  endTurn(): void {
    while (this.#callbacks.length > 0) for (const each of this.#callbacks.splice(0)) each();
    for (const { wire } of this.clients) wire.left = wire.events.length;
  }

  /** Everybody comes back, and everything arrives. */
  async finish(): Promise<void> {
    this.endTurn();
    for (const client of this.clients) await this.#resume(client, 1);
    this.endTurn();
    for (const client of this.clients) client.receive(1);
  }

  [Symbol.dispose](): void {
    this.#chat.close();
    this.#store.close();
  }

  #client(at: number): Client {
    const client = this.clients[at];
    assert(client !== undefined);
    return client;
  }

  #expect(told: string, of: (client: Client) => boolean): void {
    for (const client of this.clients) if (of(client)) client.expected.push(told);
  }

  /** Does what a session does for a command. */
  async #run(client: Client, name: string, args: string): Promise<void> {
    const { member } = client;
    assert(member !== null);
    const { signal } = new AbortController();
    const quit = (): void => {
      throw new Error("nobody quits");
    };
    const answer = (event: ChatEvent): void => this.#chat.answer(member, event);
    await runCommand({ member, chat: this.#chat, answer, signal, quit }, { name, args });
    this.#chat.broadcast.noteRequest(member, ++client.lastRef, null);
    this.#chat.seats.touch(member);
  }

  #say(client: Client, room: RoomName): void {
    const { member } = client;
    if (member === null || !client.rooms.has(room)) return;
    const text = `text ${++this.#said}`;
    this.#chat.broadcast.turnTo(member, this.#chat.rooms.requireIn(member, room));
    this.#chat.seats.touch(member);
    this.#chat.say(member, text);
    this.#chat.broadcast.noteRequest(member, ++client.lastRef, null);
    this.#expect(`message ${room} ${client.name} ${text}`, ({ rooms }) => rooms.has(room));
  }

  async #whisper(client: Client, to: Client): Promise<void> {
    if (client === to) return;
    const text = `text ${++this.#said}`;
    await this.#run(client, "msg", `${to.name} ${text}`);
    this.#expect(`direct ${client.name} ${text}`, (each) => each === to);
  }

  async #join(client: Client, room: RoomName): Promise<void> {
    if (client.rooms.has(room)) return;
    await this.#run(client, "join", room);
    this.#expect(`joined ${room} ${client.name}`, ({ rooms }) => rooms.has(room));
    client.rooms.add(room);
    client.expected.push(`entered ${room}`);
  }

  async #leave(client: Client, room: RoomName): Promise<void> {
    if (!client.rooms.has(room) || client.name === "olaf") return;
    await this.#run(client, "leave", room);
    client.rooms.delete(room);
    this.#expect(`left ${room} ${client.name}`, ({ rooms }) => rooms.has(room));
    client.expected.push(`parted ${room}`);
  }

  /** The maker of the rooms sends somebody out who is there, here or away. */
  async #kick(client: Client, room: RoomName): Promise<void> {
    const maker = this.#client(0);
    if (client === maker || !client.rooms.has(room) || maker.member === null) return;
    if (room === "#lobby") return;
    this.#chat.broadcast.turnTo(
      maker.member,
      this.#chat.rooms.requireIn(maker.member, room),
    );
    await this.#run(maker, "kick", client.name);
    this.#expect(`sent-out ${room} ${client.name}`, ({ rooms }) => rooms.has(room));
    client.rooms.delete(room);
    client.expected.push(`parted ${room}`);
  }

  async #rename(client: Client): Promise<void> {
    if (client.name === "olaf") return;
    const before = client.name;
    client.name = `name${++this.#said}`;
    await this.#run(client, "nick", client.name);
    this.#expect(
      `renamed ${before} ${client.name}`,
      (each) => each !== client && each.rooms.intersection(client.rooms).size > 0,
    );
    client.expected.push(`nick ${client.name}`);
  }

  /** A connection breaks, and the server notices. */
  #lose(client: Client, part: number): void {
    if (client.member === null) return;
    client.receive(part);
    this.#chat.lose(client.member, "lost");
    client.member = null;
  }

  /** Comes back, whether or not the server has noticed; a part of what is told arrives. */
  async #resume(client: Client, part: number): Promise<void> {
    const { seats } = this.#chat;
    client.receive(part);
    const old = client.member === null ? null : client.wire;
    const claim = await seats.find(client.token, HERE);
    const ticket = await seats.issue();
    assert(ticket !== null);
    const wire = client.wire = new Wire();
    wire.isCatchingUp = true;
    const { lastId } = client;
    const { user, welcome } = this.#chat.resume(wire, HERE, { claim, ticket, lastId });
    if (old !== null) assertEquals(old.ended?.kind, "resumed");
    assert(welcome.type === "welcome" && welcome.visit !== undefined);
    assertEquals(welcome.name, client.name);
    assertEquals(new Set(welcome.visit.rooms.map(({ room }) => room)), new Set(client.rooms));
    assertEquals([welcome.visit.lastRef, welcome.visit.isComplete], [client.lastRef, true]);
    client.member = this.#chat.require(user);
    // Somebody talks before what was missed is read.
    const maker = this.#client(0);
    if (maker !== client) this.#say(maker, "#lobby");
    for (let afterId = lastId;;) {
      const missed = seats.missed(client.member, afterId);
      wire.events.push(...missed.events);
      afterId = missed.lastId;
      if (missed.isLast) break;
    }
    wire.isCatchingUp = false;
    if (part === 0) {
      // Nothing of it arrives, the new token neither: and the server knows nothing of that.
      client.wire = new Wire();
      client.member = null;
      return;
    }
    client.token = ticket.token;
    seats.received(client.member);
  }

  /** The server ends at the end of a turn, and another one takes its place. */
  #restart({ isClean, part }: { readonly isClean: boolean; readonly part: number }): void {
    this.endTurn();
    for (const client of this.clients) {
      if (client.member !== null) client.receive(part);
      client.member = null;
      client.wire = new Wire();
      // Of what has not arrived, only words are told again.
      const rest = client.expected.slice(client.arrived.length).filter(isStored);
      client.expected = [...client.arrived, ...rest];
    }
    if (isClean) this.#chat.close();
    this.#callbacks = [];
    this.#chat = this.#open();
  }
}

Deno.test("whatever happens, everybody is told exactly what they have to be, once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: "max" }), async (steps) => {
      using world = new World();
      await world.begin();
      for (const step of steps) await world.take(step);
      await world.finish();
      for (const { arrived, expected, name } of world.clients) {
        assertEquals(arrived, expected, name);
      }
    }),
    { numRuns: RUNS },
  );
});
