/**
 * Everybody who is here, and what is said to them: users in a `Map`, and the
 * fan-out over the members of a room.
 *
 * Every method is synchronous, so each is atomic, and in each room the order in
 * which they are called is the order that every member sees. What is said in
 * one turn of the event loop is gathered, kept by the recorder and handed out at
 * its end, in one pass over the members without a wait in it: a user who reads
 * slowly costs the others nothing, and a hundred lines cost little more than one.
 * Must not know: sockets, timers (it is given them), protocols, who may do what.
 *
 * @module
 */

import type { Counters } from "../counters.ts";
import { CommandError, StoreError } from "../errors.ts";
import type { ChatEvent, LeaveReason, RoomMessage } from "../events.ts";
import { KEPT_EVENTS_MAX, LINE_FRAME_LENGTH, NAME_LENGTH_MAX, TURN_LENGTH_MAX } from "../limits.ts";
import type { Ref } from "../messages.ts";
import { framedLength } from "../text.ts";
import type { KeptEvents } from "./kept_events.ts";
import { nameKey } from "./names.ts";
import type { People } from "./people.ts";
import { Presence, type Timer } from "./presence.ts";
import { Recorder } from "./recorder.ts";
import type { Outcome, Requests } from "./requests.ts";
import type { Seat } from "./seat.ts";
import {
  Batch,
  type Delivery,
  Member,
  type Person,
  type Receiver,
  Room,
  type Stay,
  type User,
} from "./state.ts";
import type { HistoryStore, RoomRecord, SeatStore, StoredMessage } from "./store.ts";

/** Turns of the event loop, as the chat needs them. */
export interface Turns {
  /**
   * Calls `callback` once, at the end of this turn, before anything that was
   * delivered in it leaves: what it stores is stored before it is seen.
   */
  atEnd(callback: () => void): void;
}

/** How a broadcast is made. */
export interface BroadcastOptions {
  /** Where what is said is kept. */
  readonly store: HistoryStore & SeatStore;
  /** Who has which name. */
  readonly people: People;
  /** What is said is counted there. */
  readonly counters: Counters;
  /** Makes a timer: for comings and goings that are not told at once, and for tries to store. */
  readonly newTimer: () => Timer;
  /** For everything else. */
  readonly turns: Turns;
  /** Told of who is in another place, or somebody else, whoever's doing that was. */
  readonly onMoved: (member: Member) => void;
  /** Told what went wrong with the store, for the log. */
  readonly onFault: (what: string, error: unknown) => void;
}

const HERE: Delivery = { isHere: true, skipped: null };
const ELSEWHERE: Delivery = { isHere: false, skipped: null };

/** Users, rooms with members in them, and the fan-out. */
export class Broadcast {
  readonly #options: BroadcastOptions;
  readonly #users = new Map<number, Member>();
  readonly #recorder: Recorder;
  /** Rooms in which something was told and not handed out yet. */
  readonly #due = new Set<Room>();
  /** Characters that were told in this turn, roughly: those of the batches, and those before them. */
  #turnLength = 0;
  /** Whether the end of this turn is waited for. */
  #isEndDue = false;
  /** What was told so far, in all rooms: the order of events. */
  #told = 0;
  /** Users that are programs; without one, events need no ids. */
  #programs = 0;
  #lastUserId = 0;

  /** Begins with nobody. */
  constructor(options: BroadcastOptions) {
    this.#options = options;
    this.#recorder = new Recorder(options.store, {
      timer: options.newTimer(),
      counters: options.counters,
      owner: {
        onTrouble: (error) => this.#onTrouble(error),
        onRecovery: (lost) => this.#onRecovery(lost),
      },
    });
  }

  /** How many users are here. */
  get size(): number {
    return this.#users.size;
  }

  /**
   * Whether so much was said in this turn that who has more to say should wait
   * for the next one: readers need time to take it.
   */
  get isTurnFull(): boolean {
    return this.#turnLength > TURN_LENGTH_MAX;
  }

  /** Whether the store does not take what is said. */
  get isStoreFailing(): boolean {
    return this.#recorder.isInTrouble;
  }

  /** Messages that wait to be stored. */
  get unsavedMessages(): number {
    return this.#recorder.unsaved.length;
  }

  /** The id of the last message that was said, or of the last other event that has one. */
  get lastMessageId(): number {
    return this.#recorder.lastId;
  }

  /** Every user. */
  users(): IterableIterator<Member> {
    return this.#users.values();
  }

  /** The user as the chat changes them; undefined for one who is gone. */
  find(user: User): Member | undefined {
    // Asked for every line: what `enter` gave out is what is looked for.
    return user instanceof Member && !user.hasLeft ? user : undefined;
  }

  /** Makes the live side of a room, with nobody in it. */
  openRoom(record: RoomRecord): Room {
    return new Room(record, (room) =>
      new Presence({
        name: record.name,
        size: () => room.members.size,
        tell: (event, except) => this.tell(room, event, except),
      }, this.#options.newTimer()));
  }

  /** Brings a user in under a guest's name, into no room yet. */
  enter(
    receiver: Receiver,
    from: { readonly address: string; readonly isPrivate: boolean },
  ): Member {
    return this.enterAs(this.#options.people.addGuest(), { receiver, ...from });
  }

  /** The same as somebody whose name is claimed already. */
  enterAs(
    person: Person,
    from: { readonly receiver: Receiver; readonly address: string; readonly isPrivate: boolean },
  ): Member {
    const { receiver, address, isPrivate } = from;
    const member = new Member({ id: ++this.#lastUserId, address, isPrivate, receiver, person });
    person.members.add(member);
    this.#users.set(member.id, member);
    return member;
  }

  /** A user is a program: what it is told has ids, and it is told what it says. */
  makeProgram(member: Member, requests: Requests): void {
    if (member.requests === null) this.#programs++;
    member.requests = requests;
  }

  /** Gives a user a seat, or, with null, takes it away. */
  setSeat(member: Member, seat: Seat | null): void {
    const change = (seat === null ? 0 : 1) - (member.seat === null ? 0 : 1);
    member.seat = seat;
    for (const room of member.rooms.keys()) this.#countSeats(room, change);
  }

  /** Puts a user into a room as if they had been there all the time. */
  restore(member: Member, room: Room, stay: Stay): void {
    room.members.set(member.id, member);
    room.people.set(member.person, (room.people.get(member.person) ?? 0) + 1);
    member.rooms.add(room, stay);
    member.room = room;
    if (member.seat !== null) this.#countSeats(room, 1);
  }

  /** Takes a user out of every room and out of the chat. */
  leave(member: Member, reason: LeaveReason): void {
    if (!this.#users.delete(member.id)) return;
    for (const room of member.rooms.keys()) this.part(member, room, reason);
    member.hasLeft = true;
    if (member.requests !== null) this.#programs--;
    this.#dropFrom(member.person, member);
  }

  /** Brings a user into a room, which becomes the current one, and tells everyone else. */
  join(member: Member, room: Room, stay: Stay): void {
    // What was said before is not for who came after. And what was said where they are
    // so far is shown as it was said: in their current room.
    this.flush();
    stay.fromId = this.#recorder.lastId;
    if (member.seat !== null) this.#countSeats(room, 1);
    room.members.set(member.id, member);
    const connections = room.people.get(member.person) ?? 0;
    room.people.set(member.person, connections + 1);
    member.rooms.add(room, stay);
    member.room = room;
    if (connections === 0) room.presence.joined(member.id, member.name);
  }

  /**
   * Takes a user out of a room and tells everyone else.
   *
   * @param reason As the others are told; with null they were told already.
   */
  part(member: Member, room: Room, reason: LeaveReason | null): void {
    if (!room.members.has(member.id)) return;
    this.flush();
    if (member.seat !== null) {
      const fromId = member.rooms.get(room)?.fromId ?? 0;
      member.seat.addPastStay({
        roomId: room.record.id,
        fromId,
        untilId: this.#recorder.lastId,
        kept: room.kept,
      });
      this.#countSeats(room, -1);
    }
    this.#options.onMoved(member);
    room.members.delete(member.id);
    room.invited.delete(member.id);
    member.rooms.delete(room);
    if (member.room === room) {
      const next = member.rooms.lastKey ?? null;
      member.room = next;
    }
    if (this.#uncount(room, member.person) === 0 && reason !== null) {
      room.presence.left(member.id, member.name, reason);
    }
  }

  /** Makes a room that the user is in the current one. */
  turnTo(member: Member, room: Room): void {
    const stay = member.rooms.get(room);
    if (stay === undefined || room === member.room) return;
    // What was said so far is shown as it was said: in another room. To programs that is all one.
    if (member.requests === null) this.flush();
    member.rooms.delete(room);
    member.rooms.add(room, stay);
    member.room = room;
  }

  /**
   * Makes a user somebody else, under another name, and tells everybody who
   * shares a room with them, once.
   */
  become(member: Member, person: Person): void {
    const before = member.person;
    if (before === person) return;
    for (const room of member.rooms.keys()) room.presence.flush();
    this.flush();
    const changes = [...member.rooms.keys()].map((room) => {
      const isNewHere = !room.people.has(person);
      room.people.set(person, (room.people.get(person) ?? 0) + 1);
      return { room, isNewHere, isGone: this.#uncount(room, before) === 0 };
    });
    member.person = person;
    this.#options.onMoved(member);
    person.members.add(member);
    for (const stay of member.rooms.values()) stay.muteVersion = 0;
    this.#dropFrom(before, member);
    if (before.name !== person.name) this.answer(member, { type: "nick", name: person.name });
    this.#tellChange(member, { changes, from: before.name });
  }

  /** Says something in a room. Whether the user may, is for the caller to know. */
  speak(
    member: Member,
    room: Room,
    said: { readonly type: RoomMessage["type"]; readonly text: string },
  ): RoomMessage {
    const { name, account } = member.person;
    room.presence.flush();
    const message = this.#recorder.add({
      type: said.type,
      room: room.name,
      roomId: room.record.id,
      accountId: account === null ? null : account.id,
      from: name,
      text: said.text,
    });
    room.countMessage();
    this.#options.counters.messages++;
    member.lastMessageId = message.id;
    member.lastMessageAtMs = message.atMs;
    this.#countLength(framedLength(message.text, name.length + NAME_LENGTH_MAX));
    // Whoever sets a topic sees what it looks like.
    this.#post(room, message, said.type === "topic" ? null : member.id);
    return message;
  }

  /** Says `text` to one person alone, on all their connections. */
  whisper(member: Member, to: Person, text: string): void {
    const key = member.person.key;
    const nowMs = Date.now();
    this.#options.counters.privateMessages++;
    for (const each of to.members) {
      if (each.ignored?.has(key)) continue;
      each.lastSender = { member, accountKey: member.person.account?.key ?? null };
      for (const room of each.rooms.keys()) room.presence.flush();
      this.answer(each, {
        type: "direct",
        from: member.name,
        text,
        atMs: nowMs,
        nowMs,
        hasWaited: false,
      });
    }
  }

  /** Tells everybody in a room something, but for the user with the id `except`. */
  tell(room: Room, event: ChatEvent, except: number | null = null): void {
    const told = this.#number(event);
    this.#count(told);
    room.keep(told, except);
    this.#post(room, told, except);
  }

  /** Tells everybody something, whichever room they are in. */
  tellAll(event: ChatEvent): void {
    this.flush();
    const told = this.#number(event);
    const events = [told];
    for (const member of this.#users.values()) {
      this.#count(told);
      member.seat?.kept.add(told, null);
      member.receiver.deliverBatch(events, HERE);
    }
  }

  /** Tells one user something, after all that was said before. */
  answer(user: User, event: ChatEvent): void {
    this.flush();
    this.#count(event);
    const member = this.find(user);
    if (member === undefined || member.requests === null) {
      user.receiver.deliver(event);
      return;
    }
    const told = this.#number(event);
    if (member.seat !== null) {
      member.seat.kept.add(told, null);
      if (told.type === "direct") this.#keepDirect(member.seat, told);
    }
    member.receiver.deliver(told);
  }

  /** A program's request was dealt with; that is stored along with what it said. */
  noteRequest(member: Member, ref: Ref | undefined, outcome: Outcome): void {
    const { requests, seat } = member;
    if (requests === null) return;
    requests.note(ref, outcome);
    if (seat === null || typeof ref !== "number" || outcome instanceof CommandError) return;
    this.#recorder.addRef(seat.record.id, requests.lastRef);
    this.#awaitEnd();
  }

  /**
   * What was told in a room after an event: at most `limit` messages, and what was
   * told between them. There is more behind `completeToId`; Infinity for nothing.
   *
   * @throws {StoreError} If it cannot be read.
   */
  toldAfter(
    room: Room,
    query: {
      readonly member: Member;
      readonly afterId: number;
      readonly limit: number;
      /** What was kept of the room. */
      readonly kept: KeptEvents | null;
    },
  ): { readonly events: ChatEvent[]; readonly completeToId: number } {
    const { member, afterId, limit } = query;
    this.flush();
    this.#recorder.save();
    const roomId = room.record.id;
    const stored = this.#options.store.after({ roomId, afterId, limit });
    const lastId = stored.at(-1)?.id ?? afterId;
    const isPart = stored.length === limit;
    const unsaved = isPart
      ? []
      : this.#recorder.unsaved.filter((each) => each.roomId === roomId && each.id > lastId);
    const said = [...stored, ...unsaved].map((message): RoomMessage => ({
      ...message,
      room: room.name,
    }));
    const kept = query.kept?.after(afterId, member.id) ?? [];
    const events = [...said, ...kept].filter((event) => !isIgnored(event, member));
    return { events, completeToId: isPart ? lastId : Infinity };
  }

  /** The fan-out: hands out what was said in this turn so far, in one pass a room, without a wait. */
  flush(): void {
    if (this.#due.size === 0) return;
    const rooms = [...this.#due];
    this.#due.clear();
    const [first] = rooms;
    if (first !== undefined && rooms.length === 1) {
      const { batch } = first;
      const { events, excepted } = batch;
      first.batch = new Batch();
      for (const member of first.members.values()) {
        if (member.ignored === null && !excepted.has(member.id)) {
          member.receiver.deliverBatch(events, member.room === first ? HERE : ELSEWHERE);
        } else handOutPart(member, { room: first, batch });
      }
    } else this.#handOutTogether(rooms);
  }

  /** The last messages of a room, oldest first; none where the store fails. */
  recent(room: Room, limit: number): readonly StoredMessage[] {
    // What was said in this turn is in the store only at its end.
    this.#recorder.save();
    try {
      return room.recent(limit, this.#readRecent);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.onFault("Reading a room's history", error);
      return [];
    }
  }

  readonly #readRecent = (roomId: number, limit: number): readonly StoredMessage[] =>
    this.#options.store.recent(roomId, limit);

  /** Stores what was said so far, for who is about to read it. */
  save(): void {
    this.#recorder.save();
  }

  /** Nobody will hear of comings and goings any more, and what was said is stored. */
  close(): void {
    for (const member of this.#users.values()) {
      for (const room of member.rooms.keys()) room.presence.close();
    }
    const lost = this.#recorder.close();
    if (lost > 0) {
      this.#options.onFault("Keeping history", new Error(`${lost} messages are lost`));
    }
  }

  /**
   * Hands out what was told in several rooms. Who is in more than one of them is told
   * it in the order in which it happened: so it is one order for everybody, and the last
   * event that arrived says which ones did not.
   */
  #handOutTogether(rooms: readonly Room[]): void {
    const parts = rooms.map((room): Part => ({ room, batch: room.batch }));
    for (const room of rooms) room.batch = new Batch();
    /** Those who are in several of the rooms, by which these are. */
    const groups = new Map<
      string,
      { readonly parts: readonly Part[]; readonly members: Member[] }
    >();
    for (const part of parts) {
      for (const member of part.room.members.values()) {
        const theirs = member.rooms.size === 1
          ? [part]
          : parts.filter(({ room }) => member.rooms.has(room));
        if (theirs.length === 1) handOut(member, part);
        else if (theirs[0] === part) {
          const key = theirs.map(({ room }) => room.record.id).join();
          const group = groups.get(key);
          if (group !== undefined) group.members.push(member);
          else groups.set(key, { parts: mergeParts(theirs), members: [member] });
        }
      }
    }
    for (const group of groups.values()) {
      for (const part of group.parts) {
        for (const member of group.members) handOut(member, part);
      }
    }
  }

  /** Tells of a user who is another person now: each who shares a room with them, once. */
  #tellChange(
    member: Member,
    change: {
      readonly changes: readonly { room: Room; isNewHere: boolean; isGone: boolean }[];
      readonly from: string;
    },
  ): void {
    const { changes, from } = change;
    const to = member.name;
    if (from === to) return;
    const told = new Set<number>([member.id]);
    const renamed = this.#number({ type: "renamed", from, to });
    for (const { room, isNewHere, isGone } of changes) {
      // Somebody of the old name stays, or somebody of the new one was here: that is no new name.
      if (isNewHere && !isGone) room.presence.joined(member.id, to);
      else if (!isNewHere && isGone) room.presence.left(member.id, from, "left");
      else if (isNewHere) this.#tellOnce(room, renamed, told);
    }
  }

  #tellOnce(room: Room, event: ChatEvent, told: Set<number>): void {
    const events = [event];
    this.#count(event);
    for (const member of room.members.values()) {
      if (told.has(member.id)) continue;
      told.add(member.id);
      member.seat?.kept.add(event, null);
      member.receiver.deliverBatch(events, HERE);
    }
  }

  /** Counts what is told in this turn. A batch that is handed out sooner counts until its end. */
  #count(event: ChatEvent): void {
    this.#countLength(lengthOf(event));
  }

  #countLength(length: number): void {
    this.#awaitEnd();
    this.#turnLength += length;
  }

  #awaitEnd(): void {
    if (this.#isEndDue) return;
    this.#isEndDue = true;
    this.#options.turns.atEnd(this.#endTurn);
  }

  #post(room: Room, event: ChatEvent, except: number | null): void {
    if (room.batch.events.length === 0) this.#due.add(room);
    room.batch.add(event, except, this.#told++);
  }

  /** The event with an id, where it takes one and somebody looks at ids. */
  #number(event: ChatEvent): ChatEvent {
    if (this.#programs === 0 || !NUMBERED.has(event.type)) return event;
    return { ...event, id: this.#recorder.nextId() } as ChatEvent;
  }

  #keepDirect(seat: Seat, { id, atMs, from, text }: ChatEvent & { readonly type: "direct" }): void {
    if (id === undefined) return;
    seat.storedDirectId = id;
    this.#recorder.addDirect(seat.record.id, { id, atMs, from, text });
    if (++seat.storedDirects < KEPT_EVENTS_MAX) return;
    // Whoever confirms none is not kept more than is kept in memory.
    seat.storedDirects = 0;
    try {
      this.#options.store.removeSeatDirects(seat.record.id, seat.kept.lostId);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.onFault("Giving up old messages", error);
    }
  }

  /** Counts those more, or less, in a room who may come back. Nobody else needs what is kept. */
  #countSeats(room: Room, change: number): void {
    room.seats += change;
    if (room.seats === 0) room.kept = null;
  }

  readonly #endTurn = (): void => {
    this.#isEndDue = false;
    this.#turnLength = 0;
    this.#recorder.save();
    this.flush();
  };

  /** Counts a connection of a person less in a room, and says how many are left there. */
  #uncount(room: Room, person: Person): number {
    const connections = (room.people.get(person) ?? 0) - 1;
    if (connections > 0) room.people.set(person, connections);
    else room.people.delete(person);
    return connections;
  }

  #dropFrom(person: Person, member: Member): void {
    person.members.delete(member);
    if (person.members.size === 0) this.#options.people.release(person);
  }

  #onTrouble(error: unknown): void {
    this.#options.onFault("Keeping history", error);
    const why = error instanceof StoreError ? error.message : "The store failed.";
    const text = `What is said now is not kept for history: ${why} Talking goes on.`;
    this.tellAll({ type: "announced", room: null, code: "history-failed", text });
  }

  #onRecovery(lost: number): void {
    for (const member of this.#users.values()) {
      for (const room of member.rooms.keys()) room.forgetRecent();
    }
    const text = lost === 0
      ? "History is kept again, and nothing is missing."
      : `History is kept again; ${lost} messages are missing from it.`;
    this.tellAll({ type: "announced", room: null, code: "history-kept", text });
  }
}

/** What was told in a room, or a part of it. */
interface Part {
  readonly room: Room;
  readonly batch: Batch;
}

/** What was told in several rooms, in one order: what is told of one room in a row is one part. */
function mergeParts(parts: readonly Part[]): Part[] {
  const all = parts.flatMap((part) =>
    part.batch.events.map((event, index) => ({ event, part, index }))
  );
  const orderOf = ({ part, index }: (typeof all)[number]): number => part.batch.order[index] ?? 0;
  all.sort((one, other) => orderOf(one) - orderOf(other));
  const merged: Part[] = [];
  let last: Part | undefined;
  for (const each of all) {
    const { room, batch } = each.part;
    if (last?.room !== room) merged.push(last = { room, batch: new Batch() });
    last.batch.add(each.event, batch.except[each.index] ?? null, orderOf(each));
  }
  return merged;
}

/** Tells a member of a room what was told there. */
function handOut(member: Member, { room, batch }: Part): void {
  const { events, excepted } = batch;
  if (member.ignored === null && !excepted.has(member.id)) {
    member.receiver.deliverBatch(events, member.room === room ? HERE : ELSEWHERE);
  } else handOutPart(member, { room, batch });
}

/** The same where some of it may not be for them. */
function handOutPart(member: Member, { room, batch }: Part): void {
  const delivery = member.room === room ? HERE : ELSEWHERE;
  const { events } = batch;
  const skipped = findSkipped(batch, member);
  if (skipped.size === 0) member.receiver.deliverBatch(events, delivery);
  else if (skipped.size < events.length) {
    member.receiver.deliverBatch(events, { isHere: delivery.isHere, skipped });
  }
}

/** Which events of a batch a user is not told: their own, and those of whom they ignore. */
function findSkipped(batch: Batch, member: Member): Set<number> {
  const skipped = new Set<number>();
  for (const [index, event] of batch.events.entries()) {
    const isTheirs = batch.except[index] === member.id &&
      !(member.requests !== null && isSaid(event));
    if (isTheirs || isIgnored(event, member)) skipped.add(index);
  }
  return skipped;
}

/** Whether an event is what somebody said, which programs are told of their own. */
function isSaid({ type }: ChatEvent): boolean {
  return type === "message" || type === "action";
}

/** The types of events that are told once more to who has missed them, beside what is stored. */
const NUMBERED: ReadonlySet<ChatEvent["type"]> = new Set<ChatEvent["type"]>([
  "joined",
  "left",
  "sent-out",
  "renamed",
  "nick",
  "entered",
  "parted",
  "direct",
  "forgotten",
  "announced",
  "notice",
]);

function isIgnored(event: ChatEvent, { ignored }: Member): boolean {
  return ignored !== null && (event.type === "message" || event.type === "action") &&
    ignored.has(nameKey(event.from));
}

/** Characters of an event, roughly: with the name before it a short line is a long one. */
function lengthOf(event: ChatEvent): number {
  const names = "users" in event ? event.users.length : 1;
  const from = "from" in event ? event.from.length : 0;
  let length = from + names * NAME_LENGTH_MAX;
  if ("text" in event) length += framedLength(event.text, from + NAME_LENGTH_MAX);
  if ("lines" in event) {
    for (const line of event.lines) {
      length += framedLength(typeof line === "string" ? line : line.text, LINE_FRAME_LENGTH);
    }
  }
  if ("entries" in event) {
    for (const { usage, summary } of event.entries) length += usage.length + summary.length;
  }
  if ("rooms" in event) {
    for (const { topic } of event.rooms) length += topic.length + 2 * NAME_LENGTH_MAX;
  }
  return length;
}

/** Refuses where a user is in no room. */
export function requireRoom(member: Member): Room {
  if (member.room !== null) return member.room;
  throw new CommandError("no-room", "You are in no room. /join #lobby brings you into one.");
}
