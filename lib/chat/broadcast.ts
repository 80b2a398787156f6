/**
 * Everybody who is here, and what is said to them: users in a `Map`, and the
 * fan-out over it.
 *
 * Every method is synchronous, so each is atomic, and the order in which they
 * are called is the order that every user sees. A fan-out is one pass without a
 * wait in it: a user who reads slowly costs the others nothing.
 * Must not know: sockets, timers (it is given one), protocols.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import type { ChatEvent, LeaveReason, NameList } from "../events.ts";
import { NAMES_LISTED_MAX, WHO_LISTED_MAX } from "../limits.ts";
import { checkName, guestName, nameKey, nameSkeleton } from "./names.ts";
import { findNearest } from "./nearest.ts";
import { Presence, type Timer } from "./presence.ts";
import type { Receiver, User } from "./user.ts";

/** How a broadcast is made. */
export interface BroadcastOptions {
  /** The server's name, for the welcome. */
  readonly server: string;
  /** The name of the room, with its `#`. */
  readonly room: string;
  /** The message of the day, a clean line each. */
  readonly motd: readonly string[];
  /** For what is not told at once. */
  readonly timer: Timer;
}

/** A user as this module changes them. */
interface Member extends User {
  name: string;
  lastSenderId: number | null;
  /** The keys under which the name is claimed. */
  key: string;
  skeleton: string;
  /** The number of a guest's name, to be given out again. */
  guestNumber: number | null;
}

/** One room and its users. */
export class Broadcast {
  readonly #options: BroadcastOptions;
  readonly #users = new Map<number, Member>();
  /** Every name in use, by what makes two names the same or alike. */
  readonly #byName = new Map<string, Member>();
  readonly #byLook = new Map<string, Member>();
  readonly #presence: Presence;
  #lastId = 0;
  #lastGuest = 0;
  readonly #freeGuests: number[] = [];

  /** A room with nobody in it. */
  constructor(options: BroadcastOptions) {
    this.#options = options;
    this.#presence = new Presence(
      {
        name: options.room,
        size: () => this.#users.size,
        tell: (event, except) => this.#tell(event, except),
      },
      options.timer,
    );
  }

  /** How many users are here. */
  get size(): number {
    return this.#users.size;
  }

  /** Brings a user in under a guest's name, welcomes them, and tells everyone else. */
  enter(receiver: Receiver, address: string): User {
    const guestNumber = this.#freeGuests.pop() ?? ++this.#lastGuest;
    const name = guestName(guestNumber);
    const id = ++this.#lastId;
    const user: Member = {
      id,
      address,
      joinedAtMs: Date.now(),
      receiver,
      name,
      key: nameKey(name),
      skeleton: nameSkeleton(name),
      guestNumber,
      lastSenderId: null,
    };
    const { server, room, motd } = this.#options;
    const others = this.#others();
    this.#users.set(id, user);
    this.#claim(user);
    receiver.deliver({ type: "welcome", server, name, room, others, motd });
    this.#presence.joined(id, name);
    return user;
  }

  /** Takes a user out and tells everyone else. Does nothing for one who is gone. */
  leave(user: User, reason: LeaveReason): void {
    const member = this.#users.get(user.id);
    if (member === undefined) return;
    this.#users.delete(member.id);
    this.#release(member);
    this.#presence.left(member.id, member.name, reason);
  }

  /** Says `text` to everyone else. */
  say(user: User, text: string): void {
    this.#publish({ type: "message", room: this.#options.room, from: user.name, text }, user);
  }

  /** Says that `user` does something: `* ann waves`. */
  act(user: User, text: string): void {
    this.#publish({ type: "action", room: this.#options.room, from: user.name, text }, user);
  }

  /**
   * Says `text` to one user alone.
   *
   * @throws {CommandError} If nobody here has that name.
   */
  whisper(user: User, toName: string, text: string): void {
    const to = this.#byName.get(nameKey(toName));
    if (to === undefined) throw new CommandError("no-such-user", this.#nobody(toName));
    this.#direct(user, to, text);
  }

  /**
   * Answers whoever last whispered to `user`.
   *
   * @throws {CommandError} If nobody did, or they are gone.
   */
  reply(user: User, text: string): void {
    const toId = this.#users.get(user.id)?.lastSenderId ?? null;
    if (toId === null) {
      throw new CommandError("nobody-to-reply-to", "Nobody has sent you a private message yet.");
    }
    const to = this.#users.get(toId);
    if (to === undefined) {
      throw new CommandError("no-such-user", "Whoever last wrote to you in private has left.");
    }
    this.#direct(user, to, text);
  }

  /**
   * Gives `user` another name and tells everyone else.
   *
   * @throws {CommandError} If the name breaks a rule, is in use, or looks like one in use.
   */
  rename(user: User, wanted: string): void {
    const member = this.#users.get(user.id);
    if (member === undefined) return;
    const check = checkName(wanted);
    if (!check.ok) throw new CommandError("bad-name", check.reason);
    const { name, key, skeleton } = check;
    if (name === member.name) throw new CommandError("same-name", `You are ${name} already.`);
    const holder = this.#byName.get(key) ?? this.#byLook.get(skeleton) ?? member;
    if (holder !== member) {
      const isTaken = holder.key === key;
      throw isTaken ? new CommandError("name-taken", `${name} is taken.`) : new CommandError(
        "name-alike",
        `${name} looks too much like ${holder.name}, who is here.`,
      );
    }
    const from = member.name;
    this.#release(member);
    member.name = name;
    member.key = key;
    member.skeleton = skeleton;
    this.#claim(member);
    member.receiver.deliver({ type: "nick", name });
    this.#publish({ type: "renamed", from, to: name }, member);
  }

  /** Who is here, in the order of arrival: the first `WHO_LISTED_MAX`. */
  who(): ChatEvent {
    const users: Member[] = [];
    for (const user of this.#users.values()) {
      if (users.push(user) === WHO_LISTED_MAX) break;
    }
    return {
      type: "who",
      room: this.#options.room,
      atMs: Date.now(),
      users: users.map(({ name, joinedAtMs }) => ({ name, joinedAtMs })),
      more: this.#users.size - users.length,
    };
  }

  /** Nobody will hear of comings and goings any more: the server is closing. */
  close(): void {
    this.#presence.close();
  }

  #publish(event: ChatEvent, except: User): void {
    this.#presence.flush();
    this.#tell(event, except.id);
  }

  /** The fan-out: one pass, no wait. */
  #tell(event: ChatEvent, except: number | null): void {
    for (const user of this.#users.values()) {
      if (user.id !== except) user.receiver.deliver(event);
    }
  }

  #direct(from: User, to: Member, text: string): void {
    if (to.id === from.id) {
      throw new CommandError("self", "That would be a word with yourself.");
    }
    to.lastSenderId = from.id;
    this.#presence.flush();
    to.receiver.deliver({ type: "direct", from: from.name, text });
  }

  #claim(member: Member): void {
    this.#byName.set(member.key, member);
    this.#byLook.set(member.skeleton, member);
  }

  /** Gives a member's name back. */
  #release(member: Member): void {
    this.#byName.delete(member.key);
    this.#byLook.delete(member.skeleton);
    if (member.guestNumber !== null) this.#freeGuests.push(member.guestNumber);
    member.guestNumber = null;
  }

  #others(): NameList {
    const names: string[] = [];
    for (const user of this.#users.values()) {
      if (names.push(user.name) === NAMES_LISTED_MAX) break;
    }
    return { names, more: this.#users.size - names.length };
  }

  /** Nobody has that name; perhaps somebody has a similar one. */
  #nobody(name: string): string {
    const names = [...this.#users.values()].slice(0, WHO_LISTED_MAX).map((user) => user.name);
    const nearest = findNearest(name, names);
    const hint = nearest === null ? "/who shows who is." : `Did you mean ${nearest}?`;
    return `Nobody here is called ${name}. ${hint}`;
  }
}
