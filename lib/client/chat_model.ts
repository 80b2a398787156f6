/**
 * What the client knows of a chat: rooms, who is in them, what was said, what has been read.
 *
 * A reducer: it is told each event of the server ({@linkcode ChatModel.apply})
 * and what the user does, and holds what a screen shows. It has no timers and
 * asks for nothing; whoever talks to the server tells it what was asked.
 *
 * 1. What the user says stands there at once, and becomes the server's copy of
 *    it once that has come: never twice, wherever the answer was lost.
 * 2. What the server tells that belongs to no room, private messages too, is
 *    shown in the current room.
 * 3. Everything is bounded, whatever a server tells.
 *
 * Must not know: the connection, the terminal, how entries are drawn.
 *
 * @module
 */

import type { HistoryLine, NameList, Place } from "../events.ts";
import {
  CLIENT_FETCH_LINES,
  CLIENT_NAMES_MAX,
  MODEL_LINES_MAX,
  MODEL_ROOMS_AWAY_MAX,
  MODEL_SPEAKERS_MAX,
} from "../limits.ts";
import type { Ref } from "../messages.ts";
import type { Said, ServerEvent, Welcome } from "../protocol/json_reader.ts";
import { cleanText } from "../text.ts";
import type { Entry, PresenceChange } from "./entry.ts";
import { foldName, nameMatcher } from "./mentions.ts";
import { RoomLog } from "./room_log.ts";
import {
  describeCompany,
  describeEntered,
  describeGoodbye,
  describeHelp,
  describeJoined,
  describeLeft,
  describeRooms,
  describeSentOut,
  describeWho,
} from "./wording.ts";

/** Somebody in a room. */
export interface Person {
  /** Their name. */
  readonly name: string;
  /** Whether they are an operator; null where that is not known. */
  readonly isOperator: boolean | null;
}

/** A room as a screen shows it. */
export interface RoomView {
  /** With its `#`; empty for the place that there is before any room. */
  readonly name: string;
  /** Empty for none. */
  readonly topic: string;
  /** Who is here and known by name, the user too, sorted by name. */
  readonly people: readonly Person[];
  /** How many more there are. */
  readonly peopleMore: number;
  /** Oldest first. The array is not changed later: another one takes its place. */
  readonly entries: readonly Entry[];
  /** What others have said that has not been read. */
  readonly unread: number;
  /** How much of that names the user, or is to them alone. */
  readonly mentions: number;
  /** The `key` of the first entry that was not read when it came; null for none. */
  readonly firstUnreadKey: number | null;
  /** Whether the server may have older lines that can be fetched. */
  readonly hasOlder: boolean;
  /** Whether they are on their way. */
  readonly isFetching: boolean;
}

/** A command that the model asks to have sent: see {@linkcode ChatModel.fetchOlder}. */
export interface WantedCommand {
  /** Without its slash. */
  readonly name: string;
  /** Its arguments. */
  readonly args: string;
  /** The room in which it is given. */
  readonly room: string;
}

/** Something of the user's own that is on its way. */
export interface Saying {
  /** By what the answer is known. */
  readonly ref: Ref;
  /** What it is. */
  readonly kind: "message" | "action" | "direct";
  /** The room that it is said in; of a private message, null. */
  readonly room: string | null;
  /** Of a private message, whom it is to. */
  readonly to?: string;
  /** As it was typed; it is cleaned here. */
  readonly text: string;
}

/** What an entry needs at least; the rest is as in most entries. */
type NewEntry = Partial<Entry> & Pick<Entry, "kind" | "atMs" | "text">;

/** Something of the user's own that no answer has come for. */
interface Unanswered {
  readonly room: Room;
  readonly key: number;
}

/** What is known of one room. */
class Room implements RoomView {
  topic = "";
  peopleMore = 0;
  unread = 0;
  mentions = 0;
  firstUnreadKey: number | null = null;
  isFetching = false;
  /** Whether the server has said that there is nothing older. */
  isComplete = false;
  readonly log = new RoomLog();
  /** From the folded name, the one that spoke last at the end. */
  readonly speakers = new Map<string, string>();
  readonly #people = new Map<string, Person>();
  #sorted: readonly Person[] | null = null;

  constructor(readonly name: string) {}

  get entries(): readonly Entry[] {
    return this.log.all;
  }

  get hasOlder(): boolean {
    return this.name !== "" && !this.isComplete && this.log.size < MODEL_LINES_MAX;
  }

  get people(): readonly Person[] {
    return this.#sorted ??= [...this.#people.values()]
      .sort((a, b) => foldName(a.name) < foldName(b.name) ? -1 : 1);
  }

  has(name: string): boolean {
    return this.#people.has(foldName(name));
  }

  arrive(name: string, isOperator: boolean | null = null): void {
    if (this.#people.size >= CLIENT_NAMES_MAX) return;
    this.#people.set(foldName(name), { name, isOperator });
    this.#sorted = null;
  }

  /** @returns Whether they were here. */
  leave(name: string): boolean {
    this.#sorted = null;
    return this.#people.delete(foldName(name));
  }

  /** Somebody goes by another name; whoever was not known by name stays one of the rest. */
  rename(from: string, to: string): boolean {
    const person = this.#people.get(foldName(from));
    if (person === undefined) return false;
    this.leave(from);
    this.arrive(to, person.isOperator);
    const spoke = this.speakers.delete(foldName(from));
    if (spoke) this.speakers.set(foldName(to), to);
    return true;
  }

  /** Everybody anew. */
  setPeople(others: NameList, ownName: string | null): void {
    this.#people.clear();
    this.#sorted = null;
    for (const name of others.names) this.arrive(name);
    if (ownName !== null) this.arrive(ownName);
    this.peopleMore = others.more;
  }
}

/**
 * See the module.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ChatModel } from "./chat_model.ts";
 *
 * const model = new ChatModel();
 * model.apply({
 *   type: "entered",
 *   id: 1,
 *   room: "#dev",
 *   how: "joined",
 *   others: { names: ["ann"], more: 0 },
 *   topic: "",
 *   isLasting: false,
 * }, 0);
 * model.saying({ ref: 1, kind: "message", room: "#dev", text: "hi" }, 0);
 * assertEquals(model.current.entries.at(-1)?.delivery, "sending");
 * model.apply({ type: "ok", ref: 1, id: 2, atMs: 0 }, 0);
 * assertEquals(model.current.entries.at(-1)?.delivery, "sent");
 * ```
 */
export class ChatModel {
  readonly #rooms = new Map<string, Room>();
  /** Rooms that one was in when the last session ended: one may be back. */
  readonly #away = new Map<string, Room>();
  /** Where one is before any room. */
  readonly #nowhere = new Room("");
  readonly #unanswered = new Map<Ref, Unanswered>();
  readonly #fetches = new Map<Ref, Room>();
  readonly #quiet = new Set<Ref>();
  /** From the folded name, whoever wrote last at the end. */
  readonly #correspondents = new Map<string, string>();
  #current: Room = this.#nowhere;
  /** The room that was shown when a session was lost, by its folded name, until one is back. */
  #returnTo: string | null = null;
  #ownName: string | null = null;
  #mention: RegExp | null = null;
  #server = "";
  #isRegistered = false;
  #isReading = true;
  #isWelcomed = false;
  #lastKey = 0;
  #version = 0;

  /** The user's own name; null until the server has told it. */
  get ownName(): string | null {
    return this.#ownName;
  }

  /** The server's name; empty until it has told it. */
  get server(): string {
    return this.#server;
  }

  /** Whether the user was logged in under the name when they last came in. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** The rooms that the user is in, in the order in which they joined. */
  get rooms(): readonly RoomView[] {
    return [...this.#rooms.values()];
  }

  /** The room that is shown; before any, a place without a name. */
  get current(): RoomView {
    return this.#current;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** A room that the user is in; undefined for any other. */
  room(name: string): RoomView | undefined {
    return this.#rooms.get(foldName(name));
  }

  /** Who spoke in a room, the last one first, without the user. */
  speakers(room: string): string[] {
    return this.#othersIn((this.#rooms.get(foldName(room)) ?? this.#current).speakers);
  }

  /** Who wrote to the user in private, the last one first. */
  get correspondents(): readonly string[] {
    return this.#othersIn(this.#correspondents);
  }

  /**
   * Takes one event of the server.
   *
   * @param nowMs When it came, in epoch milliseconds.
   */
  apply(event: ServerEvent, nowMs: number): void {
    this.#version++;
    switch (event.type) {
      case "welcome":
        return this.#welcome(event, nowMs);
      case "message":
      case "action":
      case "topic":
        return this.#said(event, nowMs);
      case "direct":
        remember(this.#correspondents, event.from, MODEL_SPEAKERS_MAX);
        return this.#hear(this.#current, {
          kind: "direct",
          id: event.id,
          atMs: event.atMs,
          from: event.from,
          text: event.text,
          isMention: true,
        });
      case "joined": {
        const room = this.#rooms.get(foldName(event.room));
        for (const name of event.who.names) room?.arrive(name);
        if (room !== undefined) room.peopleMore += event.who.more;
        return this.#presence(event.room, event.id, nowMs, {
          text: describeJoined(event.who),
          change: { change: "joined", ...event.who },
        });
      }
      case "left": {
        const room = this.#rooms.get(foldName(event.room));
        if (room !== undefined) gone(room, event.who);
        return this.#presence(event.room, event.id, nowMs, {
          text: describeLeft(event.who, event.reason),
          change: { change: "left", ...event.who },
        });
      }
      case "sent-out": {
        const room = this.#rooms.get(foldName(event.room));
        if (room !== undefined) gone(room, { names: [event.name], more: 0 });
        return this.#presence(event.room, event.id, nowMs, {
          text: describeSentOut(event),
          change: { change: "sent-out", names: [event.name], more: 0 },
        });
      }
      case "renamed":
        return this.#renamed(event, nowMs);
      case "nick":
        for (const room of this.#rooms.values()) room.rename(this.#ownName ?? "", event.name);
        this.#setOwnName(event.name);
        return this.#notice(this.#current, event.id, nowMs, `You are now ${event.name}.`);
      case "entered":
        return this.#entered(event, nowMs);
      case "parted":
        return this.#parted(event, nowMs);
      case "forgotten":
        return this.#forgotten(event, nowMs);
      case "announced":
        return this.#notice(this.#roomOrCurrent(event.room), event.id, nowMs, event.text);
      case "history":
        return this.#history(event);
      case "found":
        for (const line of event.lines.toReversed()) this.#addFound(line);
        return;
      case "who": {
        const { room, users, more, ref } = event;
        const known = this.#rooms.get(foldName(room));
        known?.setPeople({ names: [], more }, null);
        for (const { name, isOperator } of users) known?.arrive(name, isOperator);
        if (ref === undefined || !this.#quiet.has(ref)) {
          this.#notice(this.#current, null, nowMs, describeWho(event));
        }
        return;
      }
      case "rooms":
        return this.#notice(this.#current, null, nowMs, describeRooms(event.rooms, event.more));
      case "help":
        return this.#notice(this.#current, null, nowMs, describeHelp(event.entries));
      case "notice":
        return this.#answerInWords(event, nowMs);
      case "ok":
        return this.#ok(event, nowMs);
      case "refused":
        return this.#refused(event, nowMs);
      case "pong":
        this.#forget(event.ref);
        return this.#notice(this.#current, null, nowMs, `pong ${event.text}`.trimEnd());
      case "slowed":
        return this.#notice(
          this.#current,
          null,
          nowMs,
          `The server takes ${event.perSecond} lines a second: the rest follows, nothing is lost.`,
        );
      case "idle-warning":
        return;
      case "goodbye": {
        // The server will be back, and what it says then is enough.
        if (event.reason === "shutdown") return;
        const text = describeGoodbye(event.reason, event.detail);
        return this.#notice(this.#current, null, nowMs, text);
      }
      case "caught-up":
      case "unknown":
        return;
    }
  }

  /** The user says something: it stands there until the server has it. */
  saying(saying: Saying, nowMs: number): void {
    this.#version++;
    const room = this.#roomOrCurrent(saying.room);
    const entry = this.#make({
      kind: saying.kind,
      atMs: nowMs,
      room: saying.room,
      from: this.#ownName ?? "",
      to: saying.to ?? null,
      text: saying.text.split("\n").map(cleanText).join("\n"),
      isOwn: true,
      delivery: "sending",
    });
    room.log.addSending(entry);
    this.#unanswered.set(saying.ref, { room, key: entry.key });
  }

  /**
   * The command that fetches what was said before the first entry of a room; null where there
   * is nothing to be had, or it is on its way. Whoever sends it tells {@linkcode fetching}.
   */
  fetchOlder(room: string): WantedCommand | null {
    const known = this.#rooms.get(foldName(room));
    if (known === undefined || !known.hasOlder || known.isFetching) return null;
    const { firstId } = known.log;
    const before = firstId === null ? "" : ` before ${firstId}`;
    return { name: "history", args: `${CLIENT_FETCH_LINES}${before}`, room: known.name };
  }

  /** {@linkcode fetchOlder}'s command was sent: the answer to this ref goes before the rest. */
  fetching(ref: Ref, room: string): void {
    const known = this.#rooms.get(foldName(room));
    if (known === undefined) return;
    this.#version++;
    known.isFetching = true;
    this.#fetches.set(ref, known);
  }

  /** The client itself has asked something: the answer to this ref is learnt from and not shown. */
  askingQuietly(ref: Ref): void {
    this.#quiet.add(ref);
  }

  /** Says something of the client's own, in the current room. */
  note(kind: "notice" | "error" | "divider", text: string, nowMs: number): void {
    this.#version++;
    this.#current.log.add(this.#make({ kind, atMs: nowMs, text: cleanLines(text) }));
  }

  /**
   * Shows another room.
   *
   * @returns False, and nothing changes, where the user is not in it.
   */
  turnTo(name: string): boolean {
    const room = this.#rooms.get(foldName(name));
    if (room === undefined) return false;
    this.#returnTo = null;
    if (room === this.#current) return true;
    this.#version++;
    this.#current.firstUnreadKey = null;
    this.#current = room;
    this.#markRead(room);
    return true;
  }

  /** Whether the user sees what comes: the newest line is shown, in a window that has the focus. */
  setReading(isReading: boolean): void {
    if (isReading === this.#isReading) return;
    this.#version++;
    this.#isReading = isReading;
    if (isReading) this.#markRead(this.#current);
    else this.#current.firstUnreadKey = null;
  }

  #welcome(event: Welcome, nowMs: number): void {
    const isFirst = !this.#isWelcomed;
    this.#isWelcomed = true;
    this.#server = event.server;
    this.#isRegistered = event.isRegistered;
    this.#setOwnName(event.name);
    // Another server, or one that has lost its database, begins to count anew.
    if (!event.isResumed) {
      const known = [...this.#rooms.values(), ...this.#away.values(), this.#nowhere];
      for (const { log } of known) if (log.lastId > event.id) log.forgetIds();
    }

    const before = new Map(this.#rooms);
    this.#rooms.clear();
    // The server has the one that was turned to last at the end; here they keep their numbers.
    const order = [...before.keys()];
    const rank = ({ room }: Place): number => {
      const at = order.indexOf(foldName(room));
      return at < 0 ? order.length : at;
    };
    for (const { room, topic, others } of event.rooms.toSorted((a, b) => rank(a) - rank(b))) {
      const known = before.get(foldName(room));
      if (known !== undefined) this.#away.set(foldName(room), known);
      before.delete(foldName(room));
      this.#enter(room, { topic, others });
    }
    for (const [key, room] of before) this.#setAway(key, room);

    // The user stays where they were, as long as they are there, or once they are back there.
    const shown = this.#rooms.get(foldName(this.#current.name));
    const current = this.#rooms.get(foldName(event.room ?? ""));
    if (!event.isResumed && shown === undefined && this.#current !== this.#nowhere) {
      this.#returnTo = foldName(this.#current.name);
    }
    this.#current = (isFirst ? current : shown ?? current) ?? this.#nowhere;
    this.#markRead(this.#current);
    if (isFirst) {
      const place = event.room === null
        ? "in no room"
        : `in ${event.room}, ${describeCompany(event.others)}`;
      const topic = event.topic === "" ? [] : [`Topic: ${event.topic}`];
      const lines = [
        `Welcome to ${event.server}. You are ${event.name} ${place}.`,
        ...event.motd,
        ...topic,
      ];
      this.#notice(this.#current, null, nowMs, lines.join("\n"));
    } else if (!event.isResumed) {
      this.#divide(this.#everyRoom, nowMs, this.#backAsWords);
    } else if (!event.isComplete) {
      const text = "Back again. Not all that was said meanwhile follows.";
      this.#divide(this.#everyRoom, nowMs, text);
    } else if (event.isRestarted) {
      this.#notice(this.#current, null, nowMs, "Back again: the server was started anew.");
    }
  }

  /** What stands where a new session begins: a room has a gap there. */
  get #backAsWords(): string {
    return `Back as ${this.#ownName}. What was said meanwhile is in the history.`;
  }

  get #everyRoom(): readonly Room[] {
    return this.#rooms.size === 0 ? [this.#current] : [...this.#rooms.values()];
  }

  #divide(rooms: readonly Room[], nowMs: number, text: string): void {
    for (const room of rooms) room.log.add(this.#make({ kind: "divider", atMs: nowMs, text }));
  }

  #setAway(key: string, room: Room): void {
    room.unread = room.mentions = 0;
    room.firstUnreadKey = null;
    this.#away.set(key, room);
    dropFirst(this.#away, MODEL_ROOMS_AWAY_MAX);
  }

  #enter(name: string, place: { readonly topic: string; readonly others: NameList }): Room {
    const key = foldName(name);
    const room = this.#rooms.get(key) ?? this.#away.get(key) ?? new Room(name);
    this.#away.delete(key);
    this.#rooms.set(key, room);
    room.topic = place.topic;
    room.setPeople(place.others, this.#ownName);
    return room;
  }

  #said(event: Said, nowMs: number): void {
    const { type, id, atMs, from, text } = event;
    const room = this.#roomOrCurrent(event.room);
    if (type === "topic" && foldName(room.name) === foldName(event.room)) room.topic = text;
    if (type !== "topic") remember(room.speakers, from, MODEL_SPEAKERS_MAX);
    this.#hear(room, {
      kind: type,
      id,
      atMs: atMs > 0 ? atMs : nowMs,
      room: event.room,
      from,
      text,
      isOwn: this.#isOwn(from),
      isMention: type !== "topic" && this.#isMention(from, text),
    });
  }

  /** Adds something that can be unread. */
  #hear(room: Room, data: NewEntry): void {
    const entry = this.#make(data);
    const isNew = room.log.add(entry);
    if (!isNew || entry.isOwn || entry.kind === "topic") return;
    if (room === this.#current && this.#isReading) return;
    room.unread++;
    if (entry.isMention) room.mentions++;
    room.firstUnreadKey ??= entry.key;
  }

  #presence(
    name: string,
    id: number,
    nowMs: number,
    what: { readonly text: string; readonly change: PresenceChange },
  ): void {
    this.#roomOrCurrent(name).log.add(
      this.#make({
        kind: "presence",
        id,
        atMs: nowMs,
        room: name,
        text: what.text,
        presence: what.change,
      }),
    );
  }

  #renamed(event: ServerEvent & { type: "renamed" }, nowMs: number): void {
    const { id, from, to } = event;
    if (this.#correspondents.delete(foldName(from))) {
      remember(this.#correspondents, to, MODEL_SPEAKERS_MAX);
    }
    // What was missed is told after a welcome that has everybody under their name of now.
    const rooms = [...this.#rooms.values()].filter((room) => room.rename(from, to) || room.has(to));
    // Somebody whom no list spells out is in some room of the user's; which, nobody has told.
    for (const room of rooms.length === 0 ? [this.#current] : rooms) {
      room.log.add(
        this.#make({
          kind: "presence",
          id,
          atMs: nowMs,
          room: room.name === "" ? null : room.name,
          text: `${from} is now ${to}.`,
          presence: { change: "renamed", names: [from, to], more: 0 },
        }),
      );
    }
  }

  #entered(event: ServerEvent & { type: "entered" }, nowMs: number): void {
    const key = foldName(event.room);
    const wasAway = this.#away.has(key);
    const room = this.#enter(event.room, event);
    if (wasAway) this.#divide([room], nowMs, this.#backAsWords);
    // The user has numbers for refs; where the client itself goes back, they stay where they were.
    const isAsked = typeof event.ref === "number" ||
      (event.ref === undefined && this.#returnTo === null);
    if (isAsked || key === this.#returnTo) {
      this.#returnTo = null;
      this.#current = room;
      this.#markRead(room);
    }
    this.#notice(room, event.id, nowMs, describeEntered(event));
  }

  #parted(event: ServerEvent & { type: "parted" }, nowMs: number): void {
    const left = this.#rooms.get(foldName(event.room));
    this.#rooms.delete(foldName(event.room));
    // Who is there again begins anew; they may have been back before they heard of it.
    this.#away.delete(foldName(event.room));
    if (left === this.#current) {
      const [first = this.#nowhere] = this.#rooms.values();
      this.#current = this.#rooms.get(foldName(event.to ?? "")) ?? first;
      this.#markRead(this.#current);
    }
    this.#notice(this.#current, event.id, nowMs, `You are not in ${event.room} any more.`);
  }

  #forgotten(event: ServerEvent & { type: "forgotten" }, nowMs: number): void {
    const { room: name, messageId, from, by } = event;
    const room = this.#roomOrCurrent(name);
    room.log.replace(
      ({ id }) => id === messageId,
      (entry) => ({ ...entry, kind: "notice", from: "", text: "(deleted)", isMention: false }),
    );
    const text = from === by ? `${by} took a message back.` : `${by} deleted a message by ${from}.`;
    this.#notice(room, event.id, nowMs, text);
  }

  #history(event: ServerEvent & { type: "history" }): void {
    const { ref, purpose, lines, unread } = event;
    const room = this.#rooms.get(foldName(event.room));
    const isFetched = ref !== undefined && this.#fetches.has(ref);
    if (room === undefined || (purpose === "asked" && !isFetched)) {
      // Asked for by the user, from whenever: it would not stand in one piece with the rest.
      for (const line of lines) this.#addFound(line);
      return;
    }
    const page = lines.map((line) => this.#fromPast(line));
    const added = room.log.merge(page);
    for (const { from } of purpose === "asked" ? [] : lines) {
      remember(room.speakers, from, MODEL_SPEAKERS_MAX);
    }
    if (purpose !== "missed" || added === 0) return;
    const fresh = page.filter(({ isOwn, kind }) => !isOwn && kind !== "topic");
    room.unread += fresh.length + unread;
    room.mentions += fresh.filter(({ isMention }) => isMention).length;
    room.firstUnreadKey ??= fresh[0]?.key ?? null;
  }

  #fromPast(line: HistoryLine): Entry {
    const { kind, id, atMs, room, from, text } = line;
    const isMention = kind !== "topic" && this.#isMention(from, text);
    const isOwn = this.#isOwn(from);
    return this.#make({ kind, id, atMs, room, from, text, isMention, isOwn });
  }

  /** In the current room, wherever it was said: what was found is not where it belongs. */
  #addFound(line: HistoryLine): void {
    const { kind, atMs, room, from, text } = line;
    this.#current.log.add(
      this.#make({
        kind: "found",
        foundId: line.id,
        foundKind: kind,
        atMs,
        room,
        from,
        text,
        isOwn: this.#isOwn(from),
      }),
    );
  }

  #answerInWords(event: ServerEvent & { type: "notice" }, nowMs: number): void {
    const { ref, code, lines } = event;
    const fetched = ref === undefined ? undefined : this.#fetches.get(ref);
    if (fetched !== undefined && code === "no-history") {
      fetched.isComplete = true;
      return;
    }
    if (ref !== undefined && this.#quiet.has(ref)) return;
    this.#notice(this.#current, event.id ?? null, nowMs, lines.join("\n"));
  }

  #ok(event: ServerEvent & { type: "ok" }, nowMs: number): void {
    const unanswered = this.#forget(event.ref);
    if (unanswered === undefined) return;
    const { room, key } = unanswered;
    const entry = room.log.takeSending(key);
    if (entry === undefined) return;
    const { id = null, atMs = nowMs } = event;
    // The server's copy may have come first, also where its answer was lost with a connection.
    const isHere = id !== null
      ? room.log.has(id)
      : event.repeated === true && room.log.findLast((each) => isCopy(each, entry)) !== undefined;
    if (!isHere) room.log.add({ ...entry, id, atMs, delivery: "sent" });
  }

  #refused(event: ServerEvent & { type: "refused" }, nowMs: number): void {
    const { ref, code, text } = event;
    const isQuiet = ref !== undefined && (this.#quiet.has(ref) || this.#fetches.has(ref));
    const unanswered = this.#forget(ref);
    const entry = unanswered?.room.log.takeSending(unanswered.key);
    if (unanswered !== undefined && entry !== undefined) {
      const delivery = code === "unknown-fate" ? "unknown" : "refused";
      unanswered.room.log.add({ ...entry, delivery, reason: text });
    } else if (!isQuiet) {
      this.#current.log.add(this.#make({ kind: "error", atMs: nowMs, text }));
    }
  }

  /** A request was answered to the end. */
  #forget(ref: Ref | undefined): Unanswered | undefined {
    if (ref === undefined) return undefined;
    this.#quiet.delete(ref);
    const fetched = this.#fetches.get(ref);
    if (fetched !== undefined) fetched.isFetching = false;
    this.#fetches.delete(ref);
    const unanswered = this.#unanswered.get(ref);
    this.#unanswered.delete(ref);
    return unanswered;
  }

  #notice(room: Room, id: number | null, nowMs: number, text: string): void {
    room.log.add(
      this.#make({
        kind: "notice",
        id,
        atMs: nowMs,
        room: room.name === "" ? null : room.name,
        text,
      }),
    );
  }

  #make(data: NewEntry): Entry {
    return {
      id: null,
      room: null,
      from: "",
      to: null,
      isOwn: false,
      isMention: false,
      delivery: "sent",
      reason: "",
      presence: null,
      foundId: null,
      foundKind: null,
      ...data,
      key: ++this.#lastKey,
    };
  }

  /** What came while nobody looked has been read now; where it begins stays marked. */
  #markRead(room: Room): void {
    if (!this.#isReading) return;
    room.unread = 0;
    room.mentions = 0;
  }

  #roomOrCurrent(name: string | null): Room {
    if (name === null) return this.#current;
    const key = foldName(name);
    // What was said before one left may be told after the welcome that has the room no more.
    return this.#rooms.get(key) ?? this.#away.get(key) ?? this.#current;
  }

  #setOwnName(name: string): void {
    this.#ownName = name;
    this.#mention = name === "" ? null : nameMatcher(name);
  }

  #isOwn(name: string): boolean {
    return this.#ownName !== null && foldName(name) === foldName(this.#ownName);
  }

  #isMention(from: string, text: string): boolean {
    return !this.#isOwn(from) && (this.#mention?.test(text.normalize("NFC")) ?? false);
  }

  #othersIn(names: ReadonlyMap<string, string>): string[] {
    return [...names.values()].filter((name) => !this.#isOwn(name)).reverse();
  }
}

/** Whoever left was either spelled out or one of the rest. */
function gone(room: Room, who: NameList): void {
  const unknown = who.names.filter((name) => !room.leave(name)).length;
  room.peopleMore = Math.max(0, room.peopleMore - unknown - who.more);
}

/** Puts a name at the end. */
function remember(names: Map<string, string>, name: string, sizeMax: number): void {
  const key = foldName(name);
  names.delete(key);
  names.set(key, name);
  dropFirst(names, sizeMax);
}

/** A server that tells ever more fills no memory. */
function dropFirst(map: Map<string, unknown>, sizeMax: number): void {
  if (map.size <= sizeMax) return;
  for (const first of map.keys()) {
    map.delete(first);
    break;
  }
}

/** Whether an entry is what the server made of something of the user's own. */
function isCopy(entry: Entry, own: Entry): boolean {
  return entry.isOwn && entry.id !== null && entry.kind === own.kind &&
    entry.text.trim() === own.text.trim();
}

function cleanLines(text: string): string {
  return text.split("\n").map(cleanText).join("\n");
}
