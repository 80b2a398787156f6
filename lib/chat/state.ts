/**
 * Who is here, and where: connections, the persons behind them, and rooms.
 *
 * This is the chat's live state; `Broadcast` alone changes who is in which room,
 * and `People` who has which name. Sessions and protocols see a {@linkcode User}.
 * Must not know: sockets, protocols, SQL.
 *
 * @module
 */

import type { EndReason } from "../errors.ts";
import type { ChatEvent, NameList } from "../events.ts";
import { NAMES_LISTED_MAX, RECENT_MS } from "../limits.ts";
import { KeptEvents } from "./kept_events.ts";
import type { Presence } from "./presence.ts";
import type { Requests } from "./requests.ts";
import type { Seat } from "./seat.ts";
import { SmallMap, SmallSet } from "./small_map.ts";
import type { Account, RoomRecord, Sanction, StoredMessage } from "./store.ts";

/** Which events of a batch somebody is told, and how. */
export interface Delivery {
  /** Whether the room that they happened in is the user's current one. */
  readonly isHere: boolean;
  /** The places in the list of those that are not for this user; null where all are. */
  readonly skipped: ReadonlySet<number> | null;
}

/**
 * Where a user's events go. A session implements it, in front of its send queue.
 * None of its methods waits, throws, or calls back into the chat.
 */
export interface Receiver {
  /** Takes one event. */
  deliver(event: ChatEvent): void;
  /** Takes events that happened in one room, in order. The same list goes to many. */
  deliverBatch(events: readonly ChatEvent[], delivery: Delivery): void;
  /** Ends the session, in a turn to come. */
  end(reason: EndReason): void;
  /** Whether the session has ended, though the chat may not have been told yet. */
  readonly isEnded: boolean;
}

/** One connection to the chat, as others may see it. */
export interface User {
  /** Unique for as long as the server runs. */
  readonly id: number;
  /** The peer's address; for server operators and logs, never for other users. */
  readonly address: string;
  /** Whether nobody on the way can read what the peer sends: passwords may be sent. */
  readonly isPrivate: boolean;
  /** When the user entered, in epoch milliseconds. */
  readonly joinedAtMs: number;
  /** Where the user's events go. */
  readonly receiver: Receiver;
  /** The name, as others see it. */
  readonly name: string;
}

/** Who stands behind one name: a guest, or everybody who is logged in under it. */
export class Person {
  /** As others see it. */
  readonly name: string;
  /** The forms under which the name is claimed (see `names.ts`). */
  readonly key: string;
  /** What the name looks like (see `names.ts`). */
  readonly skeleton: string;
  /** Their connections, oldest first; one alone for a guest. */
  readonly members: SmallSet<Member> = new SmallSet();
  /** Null for a guest. */
  account: Account | null = null;
  /** The number of a guest's name, to be given out again. */
  readonly guestNumber: number | null;
  /** Whether the name is registered, and they have not logged in yet. */
  isUnconfirmed = false;

  /** Somebody without a connection yet. */
  constructor(
    name: { readonly name: string; readonly key: string; readonly skeleton: string },
    guestNumber: number | null,
  ) {
    this.name = name.name;
    this.key = name.key;
    this.skeleton = name.skeleton;
    this.guestNumber = guestNumber;
  }
}

/** One user's stay in one room. */
export interface Stay {
  /** The last event before they came: what is told in the room after it is for them. */
  fromId: number;
  /** The first message that they may read. */
  sinceId: number;
  /** Whether they have the rights of an operator there. */
  isOperator: boolean;
  /** The mute that holds here, as found when moderation was at `muteVersion`. */
  mute: Sanction | null;
  /** See `mute`. */
  muteVersion: number;
  /** The last message there was, anywhere, when the user was last heard of. */
  heardId: number;
}

/** A user as the chat changes them. */
export class Member implements User {
  readonly id: number;
  address: string;
  isPrivate: boolean;
  /** When they came, in epoch milliseconds. */
  joinedAtMs: number = Date.now();
  receiver: Receiver;
  /** What a program asked for; null for a person on `nc`. Programs are told what they say, too. */
  requests: Requests | null = null;
  /** What is kept for when the connection breaks; null for nothing. */
  seat: Seat | null = null;
  /** Who they are at present. */
  person: Person;
  /** The rooms that they are in; the one that was current last stands last. */
  readonly rooms: SmallMap<Room, Stay> = new SmallMap();
  /** Where what they say goes; null where they are in no room. */
  room: Room | null = null;
  /** Whom `/reply` answers: who last sent a private message. */
  lastSender: { readonly member: Member | null; readonly accountKey: string | null } | null = null;
  /** Keys and names of those whom they do not want to hear; null for nobody. */
  ignored: Map<string, string> | null = null;
  /** What `/forget` deletes: their last message. */
  lastMessageId: number | null = null;
  /** When they said it, in epoch milliseconds. */
  lastMessageAtMs = 0;
  /** Private messages that waited were shown up to this id; 0 for none to be forgotten yet. */
  shownWaitingId = 0;
  /** Bans and mutes of names that they had before; null for none. */
  followedBy: Set<Sanction> | null = null;
  /** Ends the time to log in; null where none runs. */
  stopGrace: (() => void) | null = null;
  /** Reports that may be made at once still, as of `reportedAtMs`. */
  reports = 0;
  /** See `reports`. */
  reportedAtMs = 0;
  /** Whether they have left the chat. */
  hasLeft = false;

  /** A connection in no room yet. */
  constructor(
    options: {
      readonly id: number;
      readonly address: string;
      readonly isPrivate: boolean;
      readonly receiver: Receiver;
      readonly person: Person;
    },
  ) {
    this.id = options.id;
    this.address = options.address;
    this.isPrivate = options.isPrivate;
    this.receiver = options.receiver;
    this.person = options.person;
  }

  get name(): string {
    return this.person.name;
  }

  /** Whether nothing of what they asked for should be done any more. */
  get isGone(): boolean {
    return this.hasLeft || this.receiver.isEnded;
  }
}

/** Events of one room that are told together, each to everybody but one. */
export class Batch {
  /** In the order in which they happened. */
  readonly events: ChatEvent[] = [];
  /** For each event the id of the user who is not told, or null. */
  readonly except: (number | null)[] = [];
  /** The ids in `except`: whoever is not among them is told everything. */
  readonly excepted = new Set<number>();
  /** For each event how many were told before it, in any room. */
  readonly order: number[] = [];

  /** Adds an event, for everybody but `except`. */
  add(event: ChatEvent, except: number | null, order: number): void {
    this.events.push(event);
    this.except.push(except);
    this.order.push(order);
    if (except !== null) this.excepted.add(except);
  }
}

/** A room and who is in it. */
export class Room {
  /** As the store has it, but for `messages`. */
  record: RoomRecord;
  /** Messages that were ever said in it. */
  messages: number;
  /** By their ids, in the order of arrival. */
  readonly members = new Map<number, Member>();
  /** The persons behind them, each with how many connections they have here. */
  readonly people = new Map<Person, number>();
  /** Guests who were invited, by the ids of their connections. */
  readonly invited = new Set<number>();
  /** How comings and goings are told there. */
  readonly presence: Presence;
  /** What was told in this turn and not handed out yet. */
  batch = new Batch();
  /** Members of it that may come back when their connection breaks. */
  seats = 0;
  /** What was told and is not stored, for those; null for nothing yet. */
  kept: KeptEvents | null = null;
  #recent: readonly StoredMessage[] | null = null;
  #recentLimit = 0;
  #recentAtMs = 0;

  /** A room with nobody in it. */
  constructor(record: RoomRecord, makePresence: (room: Room) => Presence) {
    this.record = record;
    this.messages = record.messages;
    this.presence = makePresence(this);
  }

  /** With its `#`. */
  get name(): string {
    return this.record.name;
  }

  /**
   * The last `limit` messages, oldest first. They are read once for all who ask
   * before the next one is said, and not kept up to date as people talk: many talk,
   * and few come in.
   */
  recent(
    limit: number,
    read: (roomId: number, limit: number) => readonly StoredMessage[],
  ): readonly StoredMessage[] {
    const nowMs = Date.now();
    const isStale = Math.abs(nowMs - this.#recentAtMs) > RECENT_MS;
    if (this.#recent === null || this.#recentLimit < limit || isStale) {
      this.#recent = read(this.record.id, limit);
      this.#recentLimit = limit;
      this.#recentAtMs = nowMs;
    }
    const { length } = this.#recent;
    return length <= limit ? this.#recent : this.#recent.slice(length - limit);
  }

  /** Something was said. */
  countMessage(): void {
    this.messages++;
    this.#recent = null;
  }

  /** What was read of the last messages holds no more, or is not needed. */
  forgetRecent(): void {
    this.#recent = null;
  }

  /** Keeps an event that was told to all but `except`, if somebody may miss it. */
  keep(event: ChatEvent, except: number | null): void {
    if (this.seats > 0) (this.kept ??= new KeptEvents()).add(event, except);
  }

  /** The first few of those who are here, but for one, and how many more there are. */
  others(except: Person): NameList {
    const names: string[] = [];
    let more = 0;
    for (const person of this.people.keys()) {
      if (person === except) continue;
      if (names.length < NAMES_LISTED_MAX) names.push(person.name);
      else {
        more = this.people.size - names.length - (this.people.has(except) ? 1 : 0);
        break;
      }
    }
    return { names, more };
  }
}
