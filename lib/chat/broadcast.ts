/**
 * Everybody who is here, and what is said to them: users in a `Map`, and the
 * fan-out over it.
 *
 * Every method is synchronous, so each is atomic, and the order in which they
 * are called is the order that every user sees. What is said in one turn of the
 * event loop is gathered and handed out at its end, in one pass over the users
 * without a wait in it: a user who reads slowly costs the others nothing, and a
 * hundred lines cost little more than one.
 * Must not know: sockets, timers (it is given one), protocols.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import type { ChatEvent, EventBatch, LeaveReason, NameList } from "../events.ts";
import { NAME_LENGTH_MAX, NAMES_LISTED_MAX, TURN_LENGTH_MAX, WHO_LISTED_MAX } from "../limits.ts";
import { checkName, guestName, nameKey, nameSkeleton } from "./names.ts";
import { findNearest } from "./nearest.ts";
import { Presence, type Timer } from "./presence.ts";
import type { Receiver, User } from "./user.ts";

/** Turns of the event loop, as the chat needs them. */
export interface Turns {
  /** Calls `callback` once, at the end of this turn. */
  atEnd(callback: () => void): void;
}

/** How a broadcast is made. */
export interface BroadcastOptions {
  /** The server's name, for the welcome. */
  readonly server: string;
  /** The name of the room, with its `#`. */
  readonly room: string;
  /** The message of the day, a clean line each. */
  readonly motd: readonly string[];
  /** For comings and goings that are not told at once. */
  readonly timer: Timer;
  /** For everything else. */
  readonly turns: Turns;
}

/** A batch that grows. */
class Batch implements EventBatch {
  readonly events: ChatEvent[] = [];
  readonly except: (number | null)[] = [];
  readonly excepted = new Set<number>();

  add(event: ChatEvent, except: number | null): void {
    this.events.push(event);
    this.except.push(except);
    if (except !== null) this.excepted.add(except);
  }
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
  /** What was said in this turn and not handed out yet. */
  #batch = new Batch();
  /** Characters that were told in this turn, roughly: those of the batch, and those before it. */
  #turnLength = 0;
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
        tell: (event, except) => this.#post(event, except),
      },
      options.timer,
    );
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
    // What was said before is not for who came after.
    this.flush();
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
    this.flush();
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
    // One's own name may stand in the way of neither: another case of it can look like another's.
    if ((this.#byName.get(key) ?? member) !== member) {
      throw new CommandError("name-taken", `${name} is taken.`);
    }
    const alike = this.#byLook.get(skeleton) ?? member;
    if (alike !== member) {
      throw new CommandError(
        "name-alike",
        `${name} looks too much like ${alike.name}, who is here.`,
      );
    }
    const from = member.name;
    this.#release(member);
    member.name = name;
    member.key = key;
    member.skeleton = skeleton;
    this.#claim(member);
    this.answer(member, { type: "nick", name });
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

  /** Tells one user something, after all that was said before. */
  answer(user: User, event: ChatEvent): void {
    this.flush();
    this.#count(event);
    user.receiver.deliver(event);
  }

  /** The fan-out: hands out what was said in this turn so far, in one pass, without a wait. */
  flush(): void {
    const batch = this.#batch;
    if (batch.events.length === 0) return;
    this.#batch = new Batch();
    for (const user of this.#users.values()) user.receiver.deliverBatch(batch, user.id);
  }

  /** Says something to everybody but `except`, whose coming is told first. */
  #publish(event: ChatEvent, except: User): void {
    this.#presence.flush();
    this.#post(event, except.id);
  }

  #post(event: ChatEvent, except: number | null): void {
    this.#count(event);
    this.#batch.add(event, except);
  }

  /** Counts what is told in this turn. A batch that is handed out sooner counts until its end. */
  #count(event: ChatEvent): void {
    if (this.#turnLength === 0) this.#options.turns.atEnd(this.#endTurn);
    this.#turnLength += lengthOf(event);
  }

  readonly #endTurn = (): void => {
    this.#turnLength = 0;
    this.flush();
  };

  #direct(from: User, to: Member, text: string): void {
    if (to.id === from.id) {
      throw new CommandError("self", "That would be a word with yourself.");
    }
    to.lastSenderId = from.id;
    this.#presence.flush();
    this.answer(to, { type: "direct", from: from.name, text });
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
    // What cannot be a name is not repeated: it can be as long as a line.
    const called = checkName(name).ok ? `is called ${name}` : "has that name";
    return `Nobody here ${called}. ${hint}`;
  }
}

/** Characters of an event, roughly: with the name before it a short line is a long one. */
function lengthOf(event: ChatEvent): number {
  const names = "users" in event ? event.users.length : 1;
  const from = "from" in event ? event.from.length : 0;
  return ("text" in event ? event.text.length : 0) + from + names * NAME_LENGTH_MAX;
}
