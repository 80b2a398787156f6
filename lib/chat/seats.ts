/**
 * Who may come back: users whose connection, or whose server, broke, and the
 * tokens by which they are known.
 *
 * While a user has no connection, for the grace, they stay where they are under
 * their name, and nobody is told. What is told meanwhile is not queued for them:
 * what people say is in the store, and the rest is kept by rooms and seats.
 * Must not know: sockets, protocols, SQL, timers (it is given them), how tokens
 * are made.
 *
 * @module
 */

import { customerNetwork, isLoopback } from "../addresses.ts";
import { CommandError, EndReason, StoreError } from "../errors.ts";
import type { LeaveReason } from "../events.ts";
import {
  ALIVE_MS,
  PARKED_MAX,
  PARKED_PER_ADDRESS_MAX,
  RESTART_MS_MAX,
  UNPROVEN_TOKENS_MAX,
} from "../limits.ts";
import type { Broadcast, Turns } from "./broadcast.ts";
import { findMissed, type Missed } from "./missed.ts";
import type { Moderation } from "./moderation.ts";
import type { People } from "./people.ts";
import type { Timer } from "./presence.ts";
import { Requests } from "./requests.ts";
import type { Rooms } from "./rooms.ts";
import { Seat } from "./seat.ts";
import { readSeatState, type SeatState, writeSeatState } from "./seat_state.ts";
import type { Member, Person, Receiver } from "./state.ts";
import type { SeatRecord, Store } from "./store.ts";

/** A new token, and what it is known by. */
export interface Ticket {
  /** For the user alone. */
  readonly token: string;
  /** For the store. */
  readonly hash: string;
}

/** A user who is known by a token. */
export interface Claim {
  /** Who may be connected still. */
  readonly member: Member;
  /** What the token is known by. */
  readonly hash: string;
}

/** How tokens are made. */
export interface Tokens {
  /** One that nobody can guess. */
  make(): Promise<Ticket>;
  /** What a token is known by. */
  hash(token: string): Promise<string>;
}

/** What seats stand on. */
export interface SeatsOptions {
  /** Where seats last. */
  readonly store: Store;
  /** Who is here. */
  readonly broadcast: Broadcast;
  /** Who has which name. */
  readonly people: People;
  /** Which rooms there are. */
  readonly rooms: Rooms;
  /** Who may not be in them any more. */
  readonly moderation: Moderation;
  /** How tokens are made. */
  readonly tokens: Tokens;
  /** For how long a user stays without a connection, in milliseconds; 0 for not at all. */
  readonly graceMs: number;
  /** Makes a timer. */
  readonly newTimer: () => Timer;
  /** When a turn of the event loop ends. */
  readonly turns: Turns;
  /** Takes out a user who did not come back, or is removed meanwhile. */
  readonly onGone: (member: Member, reason: LeaveReason) => void;
  /** Told what went wrong with the store, for the log. */
  readonly onFault: (what: string, error: unknown) => void;
}

/** The setting that says when a server with this database last ran. */
const ALIVE = "alive";

/** Every seat of the server. */
export class Seats {
  readonly #options: SeatsOptions;
  /** By the hashes of their tokens. */
  readonly #byHash = new Map<string, Member>();
  /** How many have no connection, and how many of them came from the same network. */
  #parked = 0;
  readonly #parkedByNetwork = new Map<string, number>();
  /** Those whose seats may have to be written anew at the end of this turn. */
  readonly #touched = new Set<Member>();
  readonly #aliveTimer: Timer;
  #isAliveNoted = false;
  #isClosed = false;

  /** With nobody yet. */
  constructor(options: SeatsOptions) {
    this.#options = options;
    this.#aliveTimer = options.newTimer();
  }

  /** For how long a user stays without a connection, in milliseconds. */
  get graceMs(): number {
    return this.#options.graceMs;
  }

  /** Whether the server is ending. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Brings back those who were here when the server ended, if that was not long ago. */
  restore(): void {
    const { store, onFault } = this.#options;
    try {
      const aliveAtMs = Number(store.setting(ALIVE) ?? 0);
      const isRecent = Math.abs(Date.now() - aliveAtMs) <= RESTART_MS_MAX;
      const over: SeatRecord[] = [];
      for (const record of store.seats()) {
        if (!isRecent || this.graceMs === 0 || !this.#restoreOne(record)) over.push(record);
      }
      this.#keepUnread(over);
      for (const { id } of over) store.removeSeat(id);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      onFault("Bringing users back", error);
    }
    if (this.#byHash.size > 0) this.#noteAlive();
  }

  /** A token for a new connection; null where users do not stay without one. */
  async issue(): Promise<Ticket | null> {
    return this.graceMs === 0 ? null : await this.#options.tokens.make();
  }

  /** Gives a user a seat. Says whether that could be stored. */
  assign(member: Member, ticket: Ticket): boolean {
    const { store, broadcast, newTimer, onFault } = this.#options;
    let record: SeatRecord;
    try {
      record = store.addSeat({
        tokenHash: ticket.hash,
        previousHash: null,
        lastRef: 0,
        state: writeSeatState(stateOf(member)),
      });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      onFault("Keeping a seat", error);
      return false;
    }
    broadcast.setSeat(member, new Seat(record, newTimer()));
    this.#byHash.set(ticket.hash, member);
    if (!this.#isAliveNoted) this.#noteAlive();
    return true;
  }

  /**
   * The user with a token.
   *
   * @throws {CommandError} If it is not good, or not any more, or was given to who could
   *   send passwords and comes from where others read along.
   */
  async find(token: string, from: { readonly isPrivate: boolean }): Promise<Claim> {
    const hash = await this.#options.tokens.hash(token);
    const claim = this.#require(hash);
    if (claim.member.isPrivate && !from.isPrivate) {
      throw new CommandError(
        "not-private",
        "That session was begun over a private connection, and goes on over such a one only.",
      );
    }
    return claim;
  }

  #require(hash: string): Claim {
    const member = this.#byHash.get(hash);
    if (member === undefined || member.hasLeft || this.#isClosed) {
      throw new CommandError(
        "session-over",
        "That session is over: say hello without its token to come in anew.",
      );
    }
    return { member, hash };
  }

  /**
   * Gives a user another connection, in place of the one they may still have. Their
   * token is used up once the new one has arrived (see {@linkcode Seats.received}).
   *
   * @throws {CommandError} If the token is not good any more.
   */
  take(
    { hash }: Claim,
    ticket: Ticket,
    to: { readonly receiver: Receiver; readonly address: string; readonly isPrivate: boolean },
  ): void {
    // Meanwhile somebody else may have been quicker.
    const { member } = this.#require(hash);
    const { seat } = member;
    if (seat === null) return;
    const { tokenHash, previousHash } = seat.record;
    // The older token again: either the newer one was lost, or this hello was on its way
    // for longer than a later one, whose sender has the newer one.
    const unproven = hash === previousHash ? [...seat.unproven, tokenHash] : [];
    this.#forgetHashes(seat);
    seat.unproven = unproven.slice(-UNPROVEN_TOKENS_MAX);
    this.#save(member, { ...seat.record, tokenHash: ticket.hash, previousHash: hash });
    if (seat.isParked) this.#unpark(member, seat);
    else member.receiver.end(new EndReason("resumed", "User came back over another connection"));
    member.receiver = to.receiver;
    member.address = to.address;
    member.isPrivate = to.isPrivate;
    this.touch(member);
    this.#leaveForbidden(member);
  }

  /** The newer token has arrived: the one before it is used up. */
  received(member: Member): void {
    const { seat } = member;
    if (seat === null) return;
    seat.hasArrived = true;
    if (seat.record.previousHash === null) return;
    seat.isRestored = false;
    this.#forgetHashes(seat);
    seat.unproven = [];
    this.#save(member, { ...seat.record, previousHash: null });
  }

  /**
   * What a user has missed after an event: some of it, see {@linkcode findMissed}.
   *
   * @throws {StoreError} If it cannot be read.
   */
  missed(member: Member, afterId: number): Missed {
    return findMissed(member, afterId, this.#options);
  }

  /** All events up to an id have arrived: what was kept of them is forgotten. */
  confirm(member: Member, upToId: number): void {
    const { seat } = member;
    if (seat === null || upToId <= 0) return;
    seat.confirm(upToId);
    if (seat.storedDirectId === 0) return;
    try {
      this.#options.store.removeSeatDirects(seat.record.id, upToId);
      if (seat.storedDirectId <= upToId) seat.storedDirectId = 0;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.onFault("Forgetting delivered messages", error);
    }
  }

  /**
   * A user's connection is lost: they stay for the grace.
   *
   * @param reason As the others are told in the end, if they do not come back.
   * @returns False for those who leave at once.
   */
  park(member: Member, reason: LeaveReason): boolean {
    const { seat } = member;
    if (seat === null || this.graceMs === 0) return false;
    // Everybody's connection ends then; who comes back comes to the next server.
    if (this.#isClosed) return true;
    const parked = this.#parkedByNetwork.get(customerNetwork(member.address)) ?? 0;
    const isOver = parked >= PARKED_PER_ADDRESS_MAX && !isLoopback(member.address);
    if (isOver || this.#parked >= PARKED_MAX) return false;
    // Whoever does not come back did not leave: nobody asked for that.
    this.#parkSeat(member, seat, reason === "left" ? "lost" : reason);
    return true;
  }

  /** What a user is, or where, may have changed: it is written at the end of this turn. */
  touch(member: Member): void {
    if (member.seat === null || this.#isClosed) return;
    if (this.#touched.size === 0) this.#options.turns.atEnd(this.#saveTouched);
    this.#touched.add(member);
  }

  /** A user has left for good. */
  release(member: Member): void {
    const { seat } = member;
    if (seat === null) return;
    if (seat.isParked) this.#unpark(member, seat);
    this.#touched.delete(member);
    this.#forgetHashes(seat);
    this.#options.broadcast.setSeat(member, null);
    try {
      this.#options.store.removeSeat(seat.record.id);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.onFault("Forgetting a seat", error);
    }
  }

  /** Whoever is here may come back to the next server. */
  close(): void {
    if (this.#isClosed) return;
    this.#saveTouched();
    if (this.#byHash.size > 0) this.#noteAlive();
    this.#isClosed = true;
    this.#aliveTimer.stop();
    for (const member of this.#byHash.values()) member.seat?.timer.stop();
  }

  #parkSeat(member: Member, seat: Seat, reason: LeaveReason): void {
    seat.isParked = true;
    this.#countParked(member, 1);
    member.receiver = new ParkedReceiver((why) => {
      this.#options.turns.atEnd(() => this.#options.onGone(member, why));
    });
    seat.timer.start(() => this.#options.onGone(member, reason), this.graceMs);
  }

  #countParked({ address }: Member, change: number): void {
    this.#parked += change;
    const network = customerNetwork(address);
    const parked = (this.#parkedByNetwork.get(network) ?? 0) + change;
    if (parked > 0) this.#parkedByNetwork.set(network, parked);
    else this.#parkedByNetwork.delete(network);
  }

  #unpark(member: Member, seat: Seat): void {
    seat.isParked = false;
    seat.timer.stop();
    this.#countParked(member, -1);
  }

  /** An address may be banned from rooms that the one before was not. */
  #leaveForbidden(member: Member): void {
    const { moderation, broadcast } = this.#options;
    for (const room of member.rooms.keys()) {
      if (moderation.banOf(member, room) === null) continue;
      broadcast.part(member, room, "removed");
      broadcast.answer(member, {
        type: "parted",
        room: room.name,
        to: member.room?.name ?? null,
      });
    }
  }

  readonly #saveTouched = (): void => {
    for (const member of this.#touched) {
      const { seat } = member;
      if (seat === null) continue;
      const state = writeSeatState(stateOf(member));
      if (state !== seat.record.state || !seat.isStored) {
        this.#save(member, { ...seat.record, state });
      }
    }
    this.#touched.clear();
  };

  /** Changes a seat. What cannot be stored holds all the same, and is stored with the next change. */
  #save(member: Member, record: SeatRecord): void {
    const { seat } = member;
    if (seat === null) return;
    this.#forgetHashes(seat);
    seat.record = record;
    this.#byHash.set(record.tokenHash, member);
    if (record.previousHash !== null) this.#byHash.set(record.previousHash, member);
    for (const hash of seat.unproven) this.#byHash.set(hash, member);
    try {
      this.#options.store.updateSeat(record);
      seat.isStored = true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (seat.isStored) this.#options.onFault("Keeping a seat", error);
      seat.isStored = false;
    }
  }

  #forgetHashes({ record: { tokenHash, previousHash }, unproven }: Seat): void {
    this.#byHash.delete(tokenHash);
    if (previousHash !== null) this.#byHash.delete(previousHash);
    for (const hash of unproven) this.#byHash.delete(hash);
  }

  /** Writes down that the server runs, and does so again while somebody might come back. */
  #noteAlive(): void {
    this.#isAliveNoted = true;
    try {
      this.#options.store.setSetting(ALIVE, `${Date.now()}`);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // Whoever speaks finds out what is wrong with it.
    }
    this.#aliveTimer.start(() => {
      if (this.#byHash.size > 0) this.#noteAlive();
      else this.#isAliveNoted = false;
    }, ALIVE_MS);
  }

  /** Brings one user back; false where that cannot be. */
  #restoreOne(record: SeatRecord): boolean {
    const { broadcast, rooms, moderation, store, newTimer } = this.#options;
    const state = readSeatState(record.state);
    if (state === null) return false;
    const person = this.#findPerson(state);
    if (person === null) return false;
    const { address, isPrivate, joinedAtMs, lastMessageId, shownWaitingId } = state;
    const receiver = new ParkedReceiver(() => {});
    const member = broadcast.enterAs(person, { receiver, address, isPrivate });
    member.joinedAtMs = joinedAtMs;
    member.lastMessageId = lastMessageId;
    member.shownWaitingId = shownWaitingId;
    // An account's may have changed meanwhile, over another connection.
    const ignored = state.accountId === null
      ? new Map(state.ignored)
      : store.ignoredBy(state.accountId);
    if (ignored.size > 0) member.ignored = ignored;
    moderation.restore(member, state.followedBy);
    broadcast.makeProgram(member, new Requests(record.lastRef));
    const seat = new Seat(record, newTimer());
    seat.isRestored = true;
    seat.hasArrived = true;
    seat.pastStays = state.pastStays.map((stay) => ({ ...stay, kept: null }));
    for (const { id, atMs, from, text } of store.seatDirects(record.id)) {
      seat.storedDirectId = id;
      seat.kept.add(
        { type: "direct", id, atMs, nowMs: atMs, from, text, hasWaited: false },
        null,
      );
    }
    broadcast.setSeat(member, seat);
    for (const stay of state.rooms) rooms.restore(member, stay);
    this.#byHash.set(record.tokenHash, member);
    if (record.previousHash !== null) this.#byHash.set(record.previousHash, member);
    this.#parkSeat(member, seat, "lost");
    return true;
  }

  /** Private messages that may not have arrived wait for the account; a guest's are gone. */
  #keepUnread(over: readonly SeatRecord[]): void {
    const { store } = this.#options;
    // They were for all connections of the account: one of these, and the newest, knows them.
    const seatIds = new Map<number, number>();
    for (const record of over) {
      const state = readSeatState(record.state);
      const account = state === null ? null : store.accountByKey(state.key);
      if (account !== null && account.id === state?.accountId) seatIds.set(account.id, record.id);
    }
    for (const [accountId, seatId] of seatIds) {
      for (const { atMs, from, text } of store.seatDirects(seatId)) {
        store.addWaiting(accountId, { atMs, from, text });
      }
    }
  }

  #findPerson(state: SeatState): Person | null {
    const { people, store } = this.#options;
    if (state.accountId !== null) {
      const account = store.accountByKey(state.key);
      return account?.id === state.accountId ? people.restoreOwner(account) : null;
    }
    return people.restoreGuest(state);
  }
}

/** Stands for the connection of a user who has none. */
class ParkedReceiver implements Receiver {
  readonly #onEnd: (reason: LeaveReason) => void;
  #isEnded = false;

  constructor(onEnd: (reason: LeaveReason) => void) {
    this.#onEnd = onEnd;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** What is for the user is in the store, or kept. */
  deliver(): void {}

  deliverBatch(): void {}

  end(reason: EndReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(reason.kind === "removed" ? "removed" : "lost");
  }
}

function stateOf(member: Member): SeatState {
  const { person } = member;
  return {
    name: person.name,
    key: person.key,
    skeleton: person.skeleton,
    guestNumber: person.guestNumber,
    accountId: person.account?.id ?? null,
    isUnconfirmed: person.isUnconfirmed,
    address: member.address,
    isPrivate: member.isPrivate,
    joinedAtMs: member.joinedAtMs,
    lastMessageId: member.lastMessageId,
    shownWaitingId: member.shownWaitingId,
    ignored: [...member.ignored ?? []],
    followedBy: [...member.followedBy ?? []].map(({ id }) => id),
    rooms: [...member.rooms].map(([{ record }, { fromId, sinceId, isOperator, heardId }]) => ({
      roomId: record.id,
      fromId,
      sinceId,
      isOperator,
      heardId,
    })),
    pastStays: (member.seat?.pastStays ?? []).map(({ roomId, fromId, untilId }) => ({
      roomId,
      fromId,
      untilId,
    })),
  };
}
