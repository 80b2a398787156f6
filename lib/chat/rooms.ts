/**
 * The rooms: which there are, who may come in, and what a newcomer is shown.
 *
 * Must not know: commands, sockets, SQL.
 *
 * @module
 */

import { CommandError, StoreError } from "../errors.ts";
import type { HistoryLine, RoomListing } from "../events.ts";
import {
  BACKLOG_LENGTH_MAX,
  BACKLOG_LINES,
  BACKLOG_LINES_MAX,
  INVITED_GUESTS_MAX,
  LINE_FRAME_LENGTH,
  ROOMS_LISTED_MAX,
  ROOMS_MAX,
  ROOMS_OF_GUESTS_MAX,
  ROOMS_PER_ACCOUNT_MAX,
  ROOMS_PER_USER_MAX,
  UNREAD_COUNTED_MAX,
} from "../limits.ts";
import { framedLength } from "../text.ts";
import { type Broadcast, requireRoom } from "./broadcast.ts";
import { describeEnd, type Moderation, SERVER_LOCKED } from "./moderation.ts";
import { checkName, nameKey } from "./names.ts";
import { findNearest } from "./nearest.ts";
import type { Roles } from "./roles.ts";
import type { StayState } from "./seat_state.ts";
import type { Member, Person, Room, Stay } from "./state.ts";
import type {
  Account,
  MemberRecord,
  RoomAccess,
  RoomRecord,
  Store,
  StoredMessage,
} from "./store.ts";

/** What rooms stand on. */
export interface RoomsOptions {
  /** Where rooms last. */
  readonly store: Store;
  /** Who is told what. */
  readonly broadcast: Broadcast;
  /** Who may not come in. */
  readonly moderation: Moderation;
  /** Who is an operator. */
  readonly roles: Roles;
}

/** How far a room is from open to all: who may read grows with each step down. */
const CLOSENESS: Readonly<Record<RoomAccess, number>> = {
  "open": 0,
  "private": 1,
  "password": 2,
  "invite-only": 3,
};

/** From which message on an account may read that is no member: from where any newcomer may. */
const NO_MEMBER = Number.MAX_SAFE_INTEGER;

/** Every room of the server. */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #byKey = new Map<string, Room>();
  readonly #bySkeleton = new Map<string, Room>();
  readonly #byId = new Map<number, Room>();
  /** The room that everybody enters. */
  readonly lobby: Room;

  /** Opens the rooms that the store has. */
  constructor(options: RoomsOptions) {
    this.#options = options;
    const [first, ...others] = options.store.rooms();
    if (first === undefined) throw new Error("Store has no first room");
    this.lobby = this.#open(first);
    for (const record of others) this.#open(record);
  }

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }

  /** The room with this name, with or without its `#` and in whatever case. */
  find(name: string): Room | undefined {
    return this.#byKey.get(nameKey(bareName(name)));
  }

  /** The room with this id. */
  get(roomId: number): Room | undefined {
    return this.#byId.get(roomId);
  }

  /**
   * The room with this name that a user is in.
   *
   * @throws {CommandError} If they are in none with this name; whether there is
   *   one is not told.
   */
  requireIn(member: Member, name: string): Room {
    const room = this.find(name);
    if (room !== undefined && member.rooms.has(room)) return room;
    const names = [...member.rooms.keys()].map((each) => each.name);
    const nearest = findNearest(`#${bareName(name)}`, names);
    const hint = nearest === null ? "/join brings you into one." : `Did you mean ${nearest}?`;
    throw new CommandError("not-in-room", `You are in no such room. ${hint}`);
  }

  /**
   * Refuses where a user may not come into a room, but for its password.
   *
   * @returns Whether they have to give the room's password.
   * @throws {CommandError} If they are banned, not invited, or in too many rooms.
   */
  requireEntry(member: Member, room: Room): boolean {
    const { moderation, roles, store } = this.#options;
    const { person } = member;
    requireSpace(member);
    const { account } = person;
    if (roles.isServerOperator(account)) return false;
    if (person.account === null && moderation.isServerLocked) {
      throw new CommandError("locked", SERVER_LOCKED);
    }
    const ban = moderation.banOf(member, room);
    if (ban !== null) {
      throw new CommandError(
        "banned",
        `You may not come into ${room.name} ${describeEnd(ban)}.`,
      );
    }
    const record = account === null ? null : store.member(room.record.id, account.id);
    if (record?.isOperator) return false;
    if (account === null && room.record.isLocked) {
      throw new CommandError("locked", `${room.name} is locked: only registered names come in.`);
    }
    if (room.record.access === "invite-only") {
      if (record?.isInvited || room.invited.has(member.id)) return false;
      throw new CommandError(
        "invite-only",
        `${room.name} is for those who are invited by its operators.`,
      );
    }
    return room.record.access === "password";
  }

  /** Brings a user into a room, and shows them where they are and what was said. */
  enter(member: Member, room: Room, how: "joined" | "made"): void {
    const { broadcast } = this.#options;
    const { stay, readId } = this.#settle(member, room);
    broadcast.join(member, room, stay);
    broadcast.answer(member, {
      type: "entered",
      room: room.name,
      how,
      others: room.others(member.person),
      topic: room.record.topic,
      isLasting: member.person.account !== null,
    });
    this.showBacklog(member, room, readId);
  }

  /** Brings a newcomer to the server into the lobby, who is welcomed in other words. */
  enterLobby(member: Member): void {
    const { stay } = this.#settle(member, this.lobby);
    this.#options.broadcast.join(member, this.lobby, stay);
  }

  /** Puts a user into a room where they were before the server was started anew. */
  restore(member: Member, state: StayState): void {
    const room = this.#byId.get(state.roomId);
    if (room === undefined || member.rooms.has(room)) return;
    const { account } = member.person;
    const { fromId, sinceId, heardId } = state;
    const isOperator = account === null
      ? state.isOperator
      : this.#options.store.member(state.roomId, account.id)?.isOperator ?? false;
    const stay: Stay = { fromId, sinceId, heardId, isOperator, mute: null, muteVersion: 0 };
    this.#options.broadcast.restore(member, room, stay);
  }

  /** Makes a room that a user is in the current one. */
  turnTo(member: Member, room: Room): void {
    const { broadcast } = this.#options;
    broadcast.turnTo(member, room);
    broadcast.answer(member, {
      type: "entered",
      room: room.name,
      how: "returned",
      others: room.others(member.person),
      topic: room.record.topic,
      isLasting: true,
    });
  }

  /**
   * Takes a user out of a room; what they have seen there counts as read.
   *
   * @param reason How the others are told; with null they were told already.
   */
  leave(member: Member, room: Room, reason: "left" | null): void {
    this.markRead(member, room, this.#options.broadcast.lastMessageId);
    this.#options.broadcast.part(member, room, reason);
    this.endVisit(member.person.account, room);
    this.dropIfEmpty(room);
  }

  /** Remembers how much of a room a registered user has read. */
  markRead(member: Member, room: Room, messageId: number): void {
    const { account } = member.person;
    if (account === null || !member.rooms.has(room)) return;
    const { store } = this.#options;
    const record = store.member(room.record.id, account.id);
    if (record === null || record.readId >= messageId) return;
    store.setMember(room.record.id, account.id, { ...record, readId: messageId });
  }

  /** Forgets what nobody needs of a room that nobody is in, and the room where nothing is left. */
  dropIfEmpty(room: Room): void {
    if (room.members.size > 0) return;
    room.forgetRecent();
    if (room === this.lobby || room.messages > 0 || room.record.topic !== "") return;
    if (this.#options.store.operatorsOf(room.record.id).length === 0) this.remove(room);
  }

  /** Drops every room that is of no use to anybody: an operator's name was deleted. */
  dropUnused(): void {
    for (const room of [...this.#byId.values()]) {
      if (room.messages === 0) this.dropIfEmpty(room);
    }
  }

  /**
   * Makes a room; its maker is its operator.
   *
   * @param password The hash of its password; null where it takes none.
   * @throws {CommandError} If the name breaks a rule or looks like another
   *   room's, or there are too many rooms.
   */
  make(member: Member, name: string, password: string | null): Room {
    const { store, broadcast } = this.#options;
    const { name: bare, key, skeleton } = this.requireNewName(member, name);
    const { account } = member.person;
    const record = store.transaction(() => {
      const made = store.addRoom({
        name: `#${bare}`,
        key,
        skeleton,
        access: password === null ? "open" : "password",
        password,
        topic: "",
        isLocked: false,
        keepMs: null,
        openFromId: broadcast.lastMessageId + 1,
        madeAtMs: Date.now(),
      });
      if (account !== null) {
        store.setMember(made.id, account.id, {
          ...STRANGER,
          isOperator: true,
          sinceId: made.openFromId,
        });
      }
      return made;
    });
    const room = this.#open(record);
    this.enter(member, room, "made");
    const stay = member.rooms.get(room);
    // A guest's rights last as long as the guest.
    if (stay !== undefined) stay.isOperator = true;
    return room;
  }

  /**
   * Whether a user may make a room of this name.
   *
   * @throws {CommandError} As `make`.
   */
  requireNewName(
    member: Member,
    name: string,
  ): { readonly name: string; readonly key: string; readonly skeleton: string } {
    const { store, moderation } = this.#options;
    const check = checkName(bareName(name));
    if (!check.ok) {
      throw new CommandError("bad-room-name", `That is no name for a room. ${check.reason}`);
    }
    moderation.requireVoice(member, null);
    const alike = this.#bySkeleton.get(check.skeleton);
    if (alike !== undefined) {
      const isKnown = member.rooms.has(alike) ||
        (alike.record.access !== "private" && alike.record.access !== "invite-only");
      const what = isKnown ? alike.name : "the name of another room";
      throw new CommandError("room-alike", `#${check.name} looks too much like ${what}.`);
    }
    const { account } = member.person;
    requireSpace(member);
    if (this.size >= ROOMS_MAX) {
      throw new CommandError("too-many-rooms", "There are too many rooms already.");
    }
    if (account !== null && store.countOperated(account.id) >= ROOMS_PER_ACCOUNT_MAX) {
      throw new CommandError(
        "too-many-rooms",
        `You are an operator of ${ROOMS_PER_ACCOUNT_MAX} rooms already.`,
      );
    }
    if (account === null && store.countUnoperated() >= ROOMS_OF_GUESTS_MAX) {
      throw new CommandError(
        "too-many-rooms",
        "There are too many rooms of guests already. /register makes your name yours; then try again.",
      );
    }
    return check;
  }

  /**
   * Changes a room's settings.
   *
   * @param note What is stored along with that, or nothing of both.
   */
  change(
    room: Room,
    changes: Partial<Omit<RoomRecord, "id" | "messages">>,
    note: () => void = (): void => {},
  ): void {
    const { store } = this.#options;
    const access = changes.access ?? room.record.access;
    const isOpened = CLOSENESS[access] < CLOSENESS[room.record.access];
    // What was said among fewer people stays among them.
    const openFromId = isOpened
      ? this.#options.broadcast.lastMessageId + 1
      : room.record.openFromId;
    const record: RoomRecord = { ...room.record, openFromId, ...changes };
    const isClosed = access === "password"
      ? record.password !== room.record.password
      : access === "invite-only" && room.record.access !== access;
    store.transaction(() => {
      store.updateRoom(record);
      if (isClosed) this.#endMemberships(record, room);
      note();
    });
    room.record = record;
  }

  /** Whoever is not in the room, and cannot come in as it is now, is no member any more. */
  #endMemberships({ access }: RoomRecord, room: Room): void {
    const { store } = this.#options;
    const here = new Set([...room.people.keys()].map(({ account }) => account?.id));
    for (const [accountId, member] of store.members(room.record.id)) {
      const mayEnter = member.isOperator || (access === "invite-only" && member.isInvited);
      if (mayEnter || here.has(accountId)) continue;
      store.setMember(room.record.id, accountId, { ...member, sinceId: NO_MEMBER });
    }
  }

  /** Whoever has left a room that is for the invited, and is not, is no member any more. */
  endVisit(account: Account | null, room: Room): void {
    if (account === null || room.record.access !== "invite-only") return;
    if ([...room.people.keys()].some((person) => person.account?.id === account.id)) return;
    const { store } = this.#options;
    const record = store.member(room.record.id, account.id);
    if (record === null || record.isOperator || record.isInvited) return;
    store.setMember(room.record.id, account.id, { ...record, sinceId: NO_MEMBER });
  }

  /** Removes a room that nobody is in, with all that was said there. */
  remove(room: Room): void {
    const { store, moderation } = this.#options;
    store.transaction(() => {
      moderation.removeRoom(room);
      store.removeRoom(room.record.id);
    });
    moderation.forgetRoom(room);
    this.#byKey.delete(room.record.key);
    this.#bySkeleton.delete(room.record.skeleton);
    this.#byId.delete(room.record.id);
  }

  /** Makes an account an operator of a room, or one no more. */
  setOperator(room: Room, accountId: number, isOperator: boolean): void {
    const { store } = this.#options;
    const record = store.member(room.record.id, accountId) ?? STRANGER;
    store.setMember(room.record.id, accountId, { ...record, isOperator });
  }

  /** Lets an account into a room, whatever its access, until it is sent out. */
  invite(room: Room, accountId: number): void {
    const { store } = this.#options;
    const record = store.member(room.record.id, accountId) ?? STRANGER;
    store.setMember(room.record.id, accountId, { ...record, isInvited: true });
  }

  /** Takes an invitation back. */
  uninvite(room: Room, accountId: number): void {
    const { store } = this.#options;
    const record = store.member(room.record.id, accountId);
    if (record === null || !record.isInvited) return;
    store.setMember(room.record.id, accountId, { ...record, isInvited: false });
  }

  /**
   * Lets a guest into a room, for as long as they are here.
   *
   * @throws {CommandError} If too many guests were invited there.
   */
  inviteGuest(room: Room, person: Person | undefined): void {
    for (const each of person?.members ?? []) {
      if (room.invited.size >= INVITED_GUESTS_MAX) {
        // Some of them have left since.
        const here = new Set([...this.#options.broadcast.users()].map(({ id }) => id));
        for (const id of room.invited) if (!here.has(id)) room.invited.delete(id);
      }
      if (room.invited.size >= INVITED_GUESTS_MAX) {
        throw new CommandError("too-many", `Too many guests are invited to ${room.name} already.`);
      }
      room.invited.add(each.id);
    }
  }

  /** The rooms that a user may know of, those with most people first. */
  list(member: Member): { rooms: RoomListing[]; more: number } {
    const isHidden = (room: Room): boolean =>
      (room.record.access === "private" || room.record.access === "invite-only") &&
      !member.rooms.has(room) && !this.#options.roles.isServerOperator(member.person.account);
    const visible = [...this.#byId.values()].filter((room) => !isHidden(room));
    visible.sort((a, b) => b.people.size - a.people.size || a.record.id - b.record.id);
    const rooms = visible.slice(0, ROOMS_LISTED_MAX).map((room): RoomListing => ({
      name: room.name,
      people: room.people.size,
      topic: room.record.topic,
      needs: room.record.access === "password"
        ? "password"
        : room.record.access === "invite-only"
        ? "invitation"
        : null,
      isIn: member.rooms.has(room),
    }));
    return { rooms, more: visible.length - rooms.length };
  }

  /**
   * What an account that has just logged in is in the rooms where its user is:
   * its rights, and what it has not read.
   */
  recognise(member: Member): void {
    const { account } = member.person;
    if (account === null) return;
    const { store, moderation } = this.#options;
    // Twenty rooms at once have to fit a send queue too.
    let budget = BACKLOG_LENGTH_MAX;
    for (const [room, stay] of member.rooms) {
      stay.muteVersion = 0;
      if (moderation.banOf(member, room) !== null) {
        this.#options.broadcast.part(member, room, "removed");
        this.#options.broadcast.answer(member, {
          type: "parted",
          room: room.name,
          to: member.room?.name ?? null,
        });
        continue;
      }
      const record = store.member(room.record.id, account.id);
      const isNew = record === null || record.sinceId === NO_MEMBER;
      // Whoever made a room as a guest keeps it.
      const isMaker = stay.isOperator && record?.isOperator !== true &&
        store.countOperated(account.id) < ROOMS_PER_ACCOUNT_MAX;
      if (isNew || isMaker) {
        store.setMember(room.record.id, account.id, {
          isInvited: record?.isInvited ?? false,
          sinceId: isNew ? stay.sinceId : record.sinceId,
          isOperator: isMaker || record?.isOperator === true,
          readId: this.#options.broadcast.lastMessageId,
        });
      }
      stay.isOperator = isMaker || record?.isOperator === true;
      // Their other connections may have been there before.
      for (const each of isMaker ? member.person.members : []) {
        const other = each.rooms.get(room);
        if (other !== undefined) other.isOperator = true;
      }
      if (isNew) continue;
      stay.heardId = record.readId;
      stay.sinceId = Math.min(stay.sinceId, record.sinceId);
      // As a guest they were shown the last few already.
      const unread = this.#countUnread(room, { sinceId: stay.sinceId, readId: record.readId });
      if (unread > BACKLOG_LINES) budget -= this.showBacklog(member, room, record.readId, budget);
    }
  }

  /** Whoever is somebody else now has none of an account's rights left. */
  forgetRights(member: Member): void {
    for (const stay of member.rooms.values()) {
      stay.muteVersion = 0;
      stay.isOperator = false;
    }
  }

  /**
   * Shows a user the last messages of a room: those that they have not read, or some.
   *
   * @param readId The last one that they have read; null where they were never there.
   * @param lengthMax How many characters to show at most.
   * @returns How many were shown.
   */
  showBacklog(
    member: Member,
    room: Room,
    readId: number | null,
    lengthMax: number = BACKLOG_LENGTH_MAX,
  ): number {
    const stay = member.rooms.get(room);
    if (stay === undefined) return 0;
    const { sinceId } = stay;
    const unread = readId === null ? BACKLOG_LINES : this.#countUnread(room, { sinceId, readId });
    const count = Math.min(unread, BACKLOG_LINES_MAX);
    if (count === 0) return 0;
    const firstId = Math.max(sinceId, (readId ?? 0) + 1);
    const recent = this.#options.broadcast.recent(room, count).filter(({ id }) => id >= firstId);
    const fitting = newestThatFit(recent, lengthMax);
    const lines = linesFor(member, fitting, room);
    const more = readId === null ? 0 : Math.max(0, unread - fitting.length);
    if (lines.length === 0 && more === 0) return 0;
    this.#options.broadcast.answer(member, {
      type: "history",
      purpose: member.room === room ? "backlog" : "missed",
      room: room.name,
      nowMs: Date.now(),
      lines,
      unread: more,
    });
    return lines.reduce((length, { text }) => length + framedLength(text, LINE_FRAME_LENGTH), 0);
  }

  /** How much of a room somebody may read and has not: `UNREAD_COUNTED_MAX` at most. */
  #countUnread(room: Room, from: { readonly sinceId: number; readonly readId: number }): number {
    const { store, broadcast } = this.#options;
    broadcast.save();
    try {
      return store.countFrom({
        roomId: room.record.id,
        sinceId: Math.max(from.sinceId, from.readId + 1),
        limit: UNREAD_COUNTED_MAX,
      });
    } catch (error) {
      // Coming in does not depend on it.
      if (!(error instanceof StoreError)) throw error;
      return BACKLOG_LINES;
    }
  }

  #open(record: RoomRecord): Room {
    const room = this.#options.broadcast.openRoom(record);
    this.#byKey.set(record.key, room);
    this.#bySkeleton.set(record.skeleton, room);
    this.#byId.set(record.id, room);
    return room;
  }

  /** What a user is in a room that they come into, and how much of it they have not read. */
  #settle(member: Member, room: Room): { stay: Stay; readId: number | null } {
    const { store } = this.#options;
    const { account } = member.person;
    const record = account === null ? null : store.member(room.record.id, account.id);
    const isNew = record === null || record.sinceId === NO_MEMBER;
    const stay: Stay = {
      fromId: this.#options.broadcast.lastMessageId,
      sinceId: isNew ? room.record.openFromId : record.sinceId,
      isOperator: record?.isOperator ?? false,
      mute: null,
      muteVersion: 0,
      heardId: isNew ? this.#options.broadcast.lastMessageId : record.readId,
    };
    if (account !== null && isNew) {
      store.setMember(room.record.id, account.id, {
        ...STRANGER,
        ...record,
        sinceId: stay.sinceId,
        readId: this.#options.broadcast.lastMessageId,
      });
    }
    return { stay, readId: isNew ? null : record.readId };
  }
}

const STRANGER: MemberRecord = {
  isOperator: false,
  isInvited: false,
  sinceId: NO_MEMBER,
  readId: 0,
};

/** The current room, or the one that is named. */
export function roomOf(rooms: Rooms, member: Member, name: string): Room {
  return name === "" ? requireRoom(member) : rooms.requireIn(member, name);
}

/** Messages as a user may read them: those of whom they ignore are left out. */
export function linesFor(
  member: Member,
  messages: readonly StoredMessage[],
  room: { readonly name: string },
): HistoryLine[] {
  const lines: HistoryLine[] = [];
  for (const { id, atMs, type, from, text } of messages) {
    if (member.ignored?.has(nameKey(from))) continue;
    lines.push({ id, atMs, room: room.name, kind: type, from, text });
  }
  return lines;
}

/** As many of the last messages as fit into what a newcomer is shown. */
function newestThatFit(
  messages: readonly StoredMessage[],
  lengthMax: number,
): readonly StoredMessage[] {
  let first = messages.length;
  let length = 0;
  while (first > 0) {
    length += framedLength(messages[first - 1]?.text ?? "", LINE_FRAME_LENGTH);
    if (length > lengthMax) break;
    first--;
  }
  return first === 0 ? messages : messages.slice(first);
}

function requireSpace(member: Member): void {
  if (member.rooms.size < ROOMS_PER_USER_MAX) return;
  throw new CommandError(
    "too-many-rooms",
    `You are in ${ROOMS_PER_USER_MAX} rooms already; /leave one first.`,
  );
}

function bareName(name: string): string {
  return name.startsWith("#") ? name.slice(1) : name;
}
