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

import { CommandError, StoreError } from "../errors.ts";
import type { ChatEvent, LeaveReason, RoomMessage } from "../events.ts";
import { NAME_LENGTH_MAX, TURN_LENGTH_MAX } from "../limits.ts";
import { nameKey } from "./names.ts";
import type { People } from "./people.ts";
import { Presence, type Timer } from "./presence.ts";
import { Recorder } from "./recorder.ts";
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
import type { HistoryStore, RoomRecord, StoredMessage } from "./store.ts";

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
  readonly store: HistoryStore;
  /** Who has which name. */
  readonly people: People;
  /** Makes a timer: for comings and goings that are not told at once, and for tries to store. */
  readonly newTimer: () => Timer;
  /** For everything else. */
  readonly turns: Turns;
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
  #lastUserId = 0;

  /** Begins with nobody. */
  constructor(options: BroadcastOptions) {
    this.#options = options;
    this.#recorder = new Recorder(options.store, {
      timer: options.newTimer(),
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

  /** The id of the last message that was said. */
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
    const person = this.#options.people.addGuest();
    const { address, isPrivate } = from;
    const member = new Member({ id: ++this.#lastUserId, address, isPrivate, receiver, person });
    person.members.add(member);
    this.#users.set(member.id, member);
    return member;
  }

  /** Takes a user out of every room and out of the chat. */
  leave(member: Member, reason: LeaveReason): void {
    if (!this.#users.delete(member.id)) return;
    for (const room of member.rooms.keys()) this.part(member, room, reason);
    member.hasLeft = true;
    this.#dropFrom(member.person, member);
  }

  /** Brings a user into a room, which becomes the current one, and tells everyone else. */
  join(member: Member, room: Room, stay: Stay): void {
    // What was said before is not for who came after.
    this.#flushRoom(room);
    // And what was said where they are so far is shown as it was said: in their current room.
    if (member.room !== null) this.#flushRoom(member.room);
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
    this.#flushRoom(room);
    room.members.delete(member.id);
    room.invited.delete(member.id);
    member.rooms.delete(room);
    if (member.room === room) {
      const next = member.rooms.lastKey ?? null;
      // What was said there so far is shown as it was said: in another room.
      if (next !== null) this.#flushRoom(next);
      member.room = next;
    }
    if (this.#uncount(room, member.person) === 0 && reason !== null) {
      room.presence.left(member.id, member.name, reason);
    }
  }

  /** Makes a room that the user is in the current one. */
  turnTo(member: Member, room: Room): void {
    const stay = member.rooms.get(room);
    if (stay === undefined) return;
    // What was said so far is shown as it was said: in another room.
    this.#flushRoom(room);
    if (member.room !== null) this.#flushRoom(member.room);
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
    person.members.add(member);
    for (const stay of member.rooms.values()) stay.muteVersion = 0;
    this.#dropFrom(before, member);
    if (before.name !== person.name) this.answer(member, { type: "nick", name: person.name });
    this.#tellChange(member, { changes, from: before.name });
  }

  /** Says something in a room. Whether the user may, is for the caller to know. */
  speak(member: Member, room: Room, said: { type: RoomMessage["type"]; text: string }): void {
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
    member.lastMessageId = message.id;
    this.#countLength(message.text.length + name.length + NAME_LENGTH_MAX);
    // Whoever sets a topic sees what it looks like.
    this.#post(room, message, said.type === "topic" ? null : member.id);
  }

  /** Says `text` to one person alone, on all their connections. */
  whisper(member: Member, to: Person, text: string): void {
    const key = member.person.key;
    const nowMs = Date.now();
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
    this.#count(event);
    this.#post(room, event, except);
  }

  /** Tells everybody something, whichever room they are in. */
  tellAll(event: ChatEvent): void {
    this.flush();
    const events = [event];
    for (const member of this.#users.values()) {
      this.#count(event);
      member.receiver.deliverBatch(events, HERE);
    }
  }

  /** Tells one user something, after all that was said before. */
  answer(user: User, event: ChatEvent): void {
    this.flush();
    this.#count(event);
    user.receiver.deliver(event);
  }

  /** The fan-out: hands out what was said in this turn so far, in one pass a room, without a wait. */
  flush(): void {
    if (this.#due.size === 0) return;
    for (const room of this.#due) this.#handOut(room);
    this.#due.clear();
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

  #flushRoom(room: Room): void {
    if (!this.#due.delete(room)) return;
    this.#handOut(room);
  }

  #handOut(room: Room): void {
    const batch = room.batch;
    if (batch.events.length === 0) return;
    room.batch = new Batch();
    const { events, excepted } = batch;
    for (const member of room.members.values()) {
      const delivery = member.room === room ? HERE : ELSEWHERE;
      if (member.ignored === null && !excepted.has(member.id)) {
        member.receiver.deliverBatch(events, delivery);
      } else {
        const skipped = findSkipped(batch, member);
        if (skipped.size === events.length) continue;
        member.receiver.deliverBatch(events, { isHere: delivery.isHere, skipped });
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
    const renamed: ChatEvent = { type: "renamed", from, to };
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
      member.receiver.deliverBatch(events, HERE);
    }
  }

  /** Counts what is told in this turn. A batch that is handed out sooner counts until its end. */
  #count(event: ChatEvent): void {
    this.#countLength(lengthOf(event));
  }

  #countLength(length: number): void {
    if (this.#turnLength === 0) this.#options.turns.atEnd(this.#endTurn);
    this.#turnLength += length;
  }

  #post(room: Room, event: ChatEvent, except: number | null): void {
    if (room.batch.events.length === 0) this.#due.add(room);
    room.batch.add(event, except);
  }

  readonly #endTurn = (): void => {
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

/** Which events of a batch a user is not told: their own, and those of whom they ignore. */
function findSkipped(batch: Batch, member: Member): Set<number> {
  const skipped = new Set<number>();
  for (const [index, event] of batch.events.entries()) {
    if (batch.except[index] === member.id || isIgnored(event, member)) skipped.add(index);
  }
  return skipped;
}

function isIgnored(event: ChatEvent, { ignored }: Member): boolean {
  return ignored !== null && (event.type === "message" || event.type === "action") &&
    ignored.has(nameKey(event.from));
}

/** Characters of an event, roughly: with the name before it a short line is a long one. */
function lengthOf(event: ChatEvent): number {
  const names = "users" in event ? event.users.length : 1;
  const from = "from" in event ? event.from.length : 0;
  let length = ("text" in event ? event.text.length : 0) + from + names * NAME_LENGTH_MAX;
  if ("lines" in event) {
    for (const line of event.lines) {
      length += typeof line === "string" ? line.length : line.text.length + 2 * NAME_LENGTH_MAX;
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
