/**
 * The chat, put together: what a session needs of it, and what commands work on.
 *
 * Must not know: sockets, timers (it is given them), protocols, SQL.
 *
 * @module
 */

import type { Counters } from "../counters.ts";
import { CommandError, StoreError } from "../errors.ts";
import type { ChatEvent, LeaveReason, NameList, Place, RoomMessage, Visit } from "../events.ts";
import { Accounts } from "./accounts.ts";
import { Archive, type Pause } from "./archive.ts";
import { unmarkBot } from "./bot_names.ts";
import { Bots } from "./bots.ts";
import { Broadcast, requireRoom, type Turns } from "./broadcast.ts";
import { isAllKept } from "./missed.ts";
import { describeEnd, Moderation } from "./moderation.ts";
import { nameKey } from "./names.ts";
import { People } from "./people.ts";
import type { Timer } from "./presence.ts";
import { Requests } from "./requests.ts";
import { rankOf } from "./rights.ts";
import { Roles } from "./roles.ts";
import { Rooms } from "./rooms.ts";
import { type Claim, Seats, type Ticket, type Tokens } from "./seats.ts";
import type { Member, Receiver, User } from "./state.ts";
import type { BotRecord, Passwords, Store } from "./store.ts";

/** What may be set otherwise while people talk. */
export interface ChatSettings {
  /** The server's name, for the welcome. */
  readonly server: string;
  /** The message of the day, a clean line each. */
  readonly motd: readonly string[];
  /** Names whose owners are operators of the server. */
  readonly operators: readonly string[];
  /** Whether passwords are taken from other machines over plain text. */
  readonly allowsPlaintextPasswords: boolean;
}

/** How a chat is made. */
export interface ChatOptions extends ChatSettings {
  /** All that lasts. */
  readonly store: Store;
  /** How passwords are hashed. */
  readonly passwords: Passwords;
  /** What is said is counted there. */
  readonly counters: Counters;
  /** How tokens of those who may come back are made. */
  readonly tokens: Tokens;
  /** For how long a lost connection is told to nobody, in milliseconds; 0 for not at all. */
  readonly resumeGraceMs: number;
  /** Makes a timer. */
  readonly newTimer: () => Timer;
  /** When a turn of the event loop ends. */
  readonly turns: Turns;
  /** For who is to search in their turn. */
  readonly pause: Pause;
  /** Told what went wrong with the store, for the log. */
  readonly onFault: (what: string, error: unknown) => void;
}

/** Where a visitor comes from. */
export interface Visitor {
  /** As text, without a port. */
  readonly address: string;
  /** Whether nobody on the way can read what the visitor sends. */
  readonly isPrivate: boolean;
}

/** How a program comes in. */
export interface ProgramEntry {
  /** The name that it asks for; null for none. */
  readonly nick: string | null;
  /** For its seat; null for none. */
  readonly ticket: Ticket | null;
}

const NOBODY: NameList = { names: [], more: 0 };

/** Everybody who is here, everything they can do, and all that lasts. */
export class Chat {
  readonly #options: Pick<ChatOptions, "onFault">;
  #settings: ChatSettings;
  /** All that lasts. */
  readonly store: Store;
  /** How passwords are hashed. */
  readonly passwords: Passwords;
  /** Who has which name. */
  readonly people: People;
  /** Who is here, and what is said to them. */
  readonly broadcast: Broadcast;
  /** What somebody is. */
  readonly roles: Roles;
  /** Who may not come in, and who may not talk. */
  readonly moderation: Moderation;
  /** Which rooms there are. */
  readonly rooms: Rooms;
  /** Registered names. */
  readonly accounts: Accounts;
  /** What was said before. */
  readonly archive: Archive;
  /** Who may come back. */
  readonly seats: Seats;
  /** Programs that talk and read by a token. */
  readonly bots: Bots;

  /** Takes over what the store has. */
  constructor(options: ChatOptions) {
    const { store, passwords, newTimer, turns, onFault, allowsPlaintextPasswords } = options;
    this.#options = options;
    this.#settings = options;
    this.store = store;
    this.passwords = passwords;
    const people = this.people = new People(store, (key) => this.moderation.isAboutName(key));
    const broadcast = this.broadcast = new Broadcast({
      store,
      people,
      newTimer,
      turns,
      counters: options.counters,
      onMoved: (member) => this.seats.touch(member),
      onFault,
    });
    const roles = this.roles = new Roles(options.operators, store);
    const moderation = this.moderation = new Moderation(
      store,
      (person, room) => rankOf(roles.ofPerson(person, room)) >= rankOf("room operator"),
    );
    const rooms = this.rooms = new Rooms({ store, broadcast, moderation, roles });
    const accounts = this.accounts = new Accounts({
      store,
      broadcast,
      people,
      rooms,
      roles,
      moderation,
      passwords,
      newTimer,
      allowsPlaintextPasswords,
    });
    this.archive = new Archive({
      store,
      broadcast,
      moderation,
      roles,
      rooms,
      pause: options.pause,
    });
    this.seats = new Seats({
      store,
      broadcast,
      people,
      rooms,
      moderation,
      newTimer,
      turns,
      tokens: options.tokens,
      graceMs: options.resumeGraceMs,
      onGone: (member, reason) => this.#takeOut(member, reason),
      onFault,
    });
    this.bots = new Bots({ store, people, broadcast, rooms, roles, moderation, accounts });
    this.seats.restore();
  }

  /** Goes by other settings from now on. */
  configure(settings: ChatSettings): void {
    this.#settings = settings;
    this.roles.configure(settings.operators);
    this.accounts.allowsPlaintextPasswords = settings.allowsPlaintextPasswords;
  }

  /** Whether who has more to say should wait for the next turn (see `Broadcast.isTurnFull`). */
  get isTurnFull(): boolean {
    return this.broadcast.isTurnFull;
  }

  /** Why nobody from this address may come in, as a sentence; null where they may. */
  whyKeptOut(address: string): string | null {
    const ban = this.moderation.banOfAddress(address);
    return ban === null ? null : `You may not come in ${describeEnd(ban)}.`;
  }

  /** Brings a visitor in under a guest's name, into the lobby, and welcomes them. */
  enter(receiver: Receiver, visitor: Visitor): User {
    const { broadcast, rooms: { lobby } } = this;
    const member = broadcast.enter(receiver, visitor);
    const refusal = this.#whyNotInLobby(member);
    const mayEnter = refusal === null;
    if (mayEnter) this.rooms.enterLobby(member);
    const { server, motd } = this.#settings;
    broadcast.answer(member, {
      type: "welcome",
      server,
      name: member.name,
      room: mayEnter ? lobby.name : null,
      others: mayEnter ? lobby.others(member.person) : NOBODY,
      motd,
      topic: mayEnter ? lobby.record.topic : "",
    });
    if (mayEnter) this.rooms.showBacklog(member, lobby, null);
    else broadcast.answer(member, refusal);
    return member;
  }

  /**
   * Brings a program in, under the name that it asks for if that can be had, and
   * welcomes it. Why it could not be had is told behind the welcome.
   *
   * @returns The user, and why they do not have the name that they asked for.
   */
  enterProgram(
    receiver: Receiver,
    visitor: Visitor,
    { nick, ticket }: ProgramEntry,
  ): { readonly user: User; readonly refusal: CommandError | null } {
    const { broadcast, rooms: { lobby } } = this;
    // What is said of the name on the way belongs behind the welcome.
    const notes = new Notes();
    const member = broadcast.enter(notes, visitor);
    broadcast.makeProgram(member, new Requests());
    if (nick !== null) this.#releaseName(nick, visitor);
    const refusal = nick === null ? null : this.#tryName(member, nick);
    const closed = this.#whyNotInLobby(member);
    const isSeated = ticket !== null && this.seats.assign(member, ticket);
    if (closed === null) this.rooms.enterLobby(member);
    this.seats.touch(member);
    member.receiver = receiver;
    receiver.deliver(this.#welcome(member, {
      token: isSeated ? ticket.token : null,
      isResumed: false,
      isRestarted: false,
      isComplete: true,
    }));
    if (closed === null) this.rooms.showBacklog(member, lobby, null);
    for (const event of notes.events) broadcast.answer(member, event);
    if (closed !== null) broadcast.answer(member, closed);
    return { user: member, refusal };
  }

  /**
   * Gives a user who comes back their new connection. The welcome, and what they missed
   * (see `Seats.missed`), is for the caller to tell.
   *
   * @param by.lastId The last event that arrived.
   * @throws {CommandError} If their token is not good any more.
   */
  resume(
    receiver: Receiver,
    visitor: Visitor,
    by: { readonly claim: Claim; readonly ticket: Ticket; readonly lastId: number },
  ): { readonly user: User; readonly welcome: ChatEvent } {
    const { claim, ticket, lastId } = by;
    this.seats.take(claim, ticket, { receiver, ...visitor });
    const { member } = claim;
    const welcome = this.#welcome(member, {
      token: ticket.token,
      isResumed: true,
      isRestarted: member.seat?.isRestored ?? false,
      isComplete: isAllKept(member, lastId, this.rooms),
    });
    return { user: member, welcome };
  }

  /**
   * Brings a bot into a room, to read it until it leaves.
   *
   * @param by.afterId What was said after this event it reads first; null for nothing.
   * @returns The user, and what a program is welcomed with, which is for the caller to tell.
   * @throws {CommandError} If the bot may not be there.
   */
  enterBot(
    receiver: Receiver,
    visitor: Visitor,
    by: { readonly bot: BotRecord; readonly room: string; readonly afterId: number | null },
  ): { readonly user: User; readonly welcome: ChatEvent } {
    const { bot, room, afterId } = by;
    const member = this.bots.enter(bot, { room, receiver, from: visitor });
    const [stay] = member.rooms.values();
    const welcome = this.#welcome(member, {
      token: null,
      isResumed: afterId !== null,
      isRestarted: false,
      isComplete: afterId === null || stay === undefined || afterId >= stay.sinceId - 1,
    });
    return { user: member, welcome };
  }

  /**
   * A user's connection is lost. They stay for a while if they may come back, or
   * leave (see {@linkcode Chat.leave}).
   */
  lose(user: User, reason: LeaveReason): void {
    const member = this.broadcast.find(user);
    if (member === undefined) return;
    if (!this.seats.park(member, reason)) return this.leave(member, reason);
    this.#tryToStore("Remembering who left", () => this.#rememberLeaving(member, "lost"));
    if (this.seats.isClosed) this.accounts.endGrace(member);
  }

  /** Takes a user out and tells everyone else. Does nothing for one who is gone. */
  leave(user: User, reason: LeaveReason): void {
    const member = this.broadcast.find(user);
    if (member === undefined) return;
    this.#tryToStore("Remembering who left", () => {
      // Of one who was away nobody knows what they have read.
      this.#rememberLeaving(member, member.seat?.isParked ? "lost" : reason);
      this.accounts.leave(member);
    });
    this.seats.release(member);
    const rooms = [...member.rooms.keys()];
    this.broadcast.leave(member, reason);
    for (const room of rooms) {
      this.#tryToStore("Closing a room", () => {
        this.rooms.endVisit(member.person.account, room);
        this.rooms.dropIfEmpty(room);
      });
    }
  }

  /** A user sent a line: they are there, and have read what was shown to them before. */
  heard(user: User): void {
    const member = this.broadcast.find(user);
    if (member === undefined) return;
    if (member.shownWaitingId !== 0) {
      this.#tryToStore("Forgetting delivered messages", () => this.accounts.confirmShown(member));
    }
    if (member.person.account === null) return;
    for (const stay of member.rooms.values()) stay.heardId = this.broadcast.lastMessageId;
  }

  /**
   * Says `text` in the user's current room.
   *
   * @throws {CommandError} If they are in none, or may not talk.
   */
  say(user: User, text: string): RoomMessage {
    const member = this.require(user);
    const room = requireRoom(member);
    this.moderation.requireVoice(member, room);
    return this.broadcast.speak(member, room, { type: "message", text });
  }

  /** Says that the user does something: `* ann waves`. Throws as `say`. */
  act(member: Member, text: string): void {
    const room = requireRoom(member);
    this.moderation.requireVoice(member, room);
    this.broadcast.speak(member, room, { type: "action", text });
  }

  /**
   * Says `text` to one person alone; it waits where that is a registered name that is away.
   *
   * @throws {CommandError} If nobody has that name, or the user may not talk.
   */
  whisper(member: Member, toName: string, text: string): void {
    this.moderation.requireVoice(member, null);
    const person = this.people.find(toName);
    if (person === member.person) {
      throw new CommandError("self", "That would be a word with yourself.");
    }
    if (person !== undefined && unmarkBot(person.key) !== null) {
      throw new CommandError("bot", `${person.name} reads rooms, and no private messages.`);
    }
    // Who has not logged in to a registered name must not get what is for its owner.
    if (person !== undefined && !person.isUnconfirmed) {
      this.broadcast.whisper(member, person, text);
      return;
    }
    const account = this.store.accountByKey(nameKey(toName));
    if (account === null) throw this.people.nobody(toName);
    this.accounts.leaveMessage(member, account, text);
  }

  /**
   * Answers whoever last sent a private message.
   *
   * @throws {CommandError} If nobody did, or they are gone for good.
   */
  reply(member: Member, text: string): void {
    const { lastSender } = member;
    if (lastSender === null) {
      throw new CommandError("nobody-to-reply-to", "Nobody has sent you a private message yet.");
    }
    const { accountKey } = lastSender;
    if (accountKey !== null) return this.whisper(member, accountKey, text);
    if (lastSender.member === null || lastSender.member.isGone) {
      throw new CommandError("no-such-user", "Whoever last wrote to you in private has left.");
    }
    this.moderation.requireVoice(member, null);
    this.broadcast.whisper(member, lastSender.member.person, text);
  }

  /** Tells a user something, after all that was said before. */
  answer(user: User, event: ChatEvent): void {
    this.broadcast.answer(user, event);
  }

  /** Hands out what was said in this turn so far. */
  flush(): void {
    this.broadcast.flush();
  }

  /**
   * The user as the chat changes them.
   *
   * @throws If they are gone.
   */
  require(user: User): Member {
    const member = this.broadcast.find(user);
    if (member === undefined) throw new Error(`User ${user.id} is gone`);
    return member;
  }

  /** Nobody will hear of comings and goings any more: the server is closing. */
  close(): void {
    for (const member of this.broadcast.users()) {
      if (member.seat?.isParked) this.accounts.endGrace(member);
    }
    this.seats.close();
    this.broadcast.close();
  }

  /** A user who has no connection has to go: they did not come back, or are removed. */
  #takeOut(member: Member, reason: LeaveReason): void {
    this.#tryToStore("Keeping unread messages", () => this.accounts.keepUnread(member));
    this.leave(member, reason);
  }

  /**
   * Whoever comes in again because the first welcome was lost on the way finds their own
   * name taken: by themselves, of a moment ago.
   */
  #releaseName(nick: string, { address }: Visitor): void {
    const person = this.people.find(nick);
    if (person === undefined || person.account !== null) return;
    for (const member of person.members) {
      const { seat } = member;
      const isLost = seat !== null && seat.isParked && !seat.hasArrived;
      if (isLost && member.address === address) this.leave(member, "lost");
    }
  }

  #tryName(member: Member, nick: string): CommandError | null {
    try {
      this.accounts.takeName(member, nick);
      return null;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return error;
    }
  }

  #welcome(
    member: Member,
    visit: Pick<Visit, "token" | "isResumed" | "isRestarted" | "isComplete">,
  ): ChatEvent {
    const { server, motd } = this.#settings;
    const { person, room, requests } = member;
    const rooms = [...member.rooms.keys()].map((each): Place => ({
      room: each.name,
      topic: each.record.topic,
      others: each.others(person),
    }));
    return {
      type: "welcome",
      server,
      name: person.name,
      room: room?.name ?? null,
      others: room?.others(person) ?? NOBODY,
      motd,
      topic: room?.record.topic ?? "",
      visit: {
        ...visit,
        isRegistered: person.account !== null,
        rooms,
        id: this.broadcast.lastMessageId,
        graceMs: this.seats.graceMs,
        lastRef: requests?.lastRef ?? 0,
      },
    };
  }

  /** Why a visitor may not come into the lobby, as they are told; null where they may. */
  #whyNotInLobby(member: Member): ChatEvent | null {
    try {
      this.rooms.requireEntry(member, this.rooms.lobby);
      return null;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return { type: "notice", code: error.code, lines: [error.message] };
    }
  }

  #rememberLeaving(member: Member, reason: LeaveReason): void {
    const isSure = reason === "left" || reason === "removed";
    for (const [room, stay] of member.rooms) {
      // Of one whose connection was lost nobody knows what reached them in the end.
      this.rooms.markRead(member, room, isSure ? this.broadcast.lastMessageId : stay.heardId);
    }
    if (isSure) this.accounts.confirmShown(member);
  }

  /** Does what is of use to nobody but later: where the store fails, the log has it. */
  #tryToStore(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.onFault(what, error);
    }
  }
}

/** Writes down what a newcomer is told before they are welcomed. */
class Notes implements Receiver {
  readonly events: ChatEvent[] = [];
  readonly isEnded = false;

  deliver(event: ChatEvent): void {
    // Their name stands in the welcome.
    if (event.type !== "nick") this.events.push(event);
  }

  deliverBatch(): void {}

  end(): void {}
}
