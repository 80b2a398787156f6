/**
 * Who has which name: no two persons have one name, or names that look alike,
 * and a registered name is its owner's.
 *
 * Must not know: rooms, what is said, sockets.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import { WHO_LISTED_MAX } from "../limits.ts";
import { markBot, unmarkBot } from "./bot_names.ts";
import { checkName, guestName, nameKey, nameSkeleton } from "./names.ts";
import { findNearest } from "./nearest.ts";
import { Person } from "./state.ts";
import type { Account, AccountStore, BotRecord, BotStore } from "./store.ts";

/** The persons who are here, by their names. */
export class People {
  readonly #accounts: AccountStore & Pick<BotStore, "botByKey">;
  readonly #byKey = new Map<string, Person>();
  readonly #bySkeleton = new Map<string, Person>();
  #lastGuest = 0;
  readonly #freeGuests: number[] = [];

  readonly #isTainted: (key: string) => boolean;

  /**
   * Begins with nobody.
   *
   * @param isTainted Whether a ban or a mute is tied to a name, which a newcomer should not get.
   */
  constructor(
    accounts: AccountStore & Pick<BotStore, "botByKey">,
    isTainted: (key: string) => boolean,
  ) {
    this.#accounts = accounts;
    this.#isTainted = isTainted;
  }

  /** A new guest, under the next name that the server gives. */
  addGuest(): Person {
    let number: number;
    let name: string;
    do {
      number = this.#freeGuests.pop() ?? ++this.#lastGuest;
      name = guestName(number);
    } while (this.#isTainted(nameKey(name)) || this.#byKey.has(nameKey(name)));
    return this.claim(
      new Person({ name, key: nameKey(name), skeleton: nameSkeleton(name) }, number),
    );
  }

  /** Who is here under this name, in whatever case; of a bot, whether it is here or not. */
  find(name: string): Person | undefined {
    const key = nameKey(name);
    return this.#byKey.get(key) ?? this.#findBot(key);
  }

  /** Who is here under a name, or under one that looks like it. */
  findAlike(name: { readonly key: string; readonly skeleton: string }): Person | undefined {
    return this.#byKey.get(name.key) ?? this.#bySkeleton.get(name.skeleton);
  }

  /** Everybody, in no particular order. */
  all(): IterableIterator<Person> {
    return this.#byKey.values();
  }

  /**
   * A person with this name, for somebody who is `before` now.
   *
   * A registered name may be had for a while by who has not logged in, but not
   * while its owner is here.
   *
   * @throws {CommandError} If the name breaks a rule, is in use, or looks like
   *   one that is in use or registered.
   */
  add(wanted: string, before: Person): Person {
    const check = checkName(wanted);
    if (!check.ok) throw new CommandError("bad-name", check.reason);
    const { name, key, skeleton } = check;
    if (name === before.name) throw new CommandError("same-name", `You are ${name} already.`);
    const account = this.#accounts.accountByKey(key);
    // However it is written, a registered name is one name.
    if (account !== null && before.key === key) {
      throw new CommandError("same-name", `You are ${before.name} already.`);
    }
    // One's own name may stand in the way of neither: another case of it can look like another's.
    if ((this.#byKey.get(key) ?? before) !== before) {
      const hint = account === null ? "" : ` If it is yours: /login ${account.name} PASSWORD`;
      throw new CommandError("name-taken", `${name} is taken.${hint}`);
    }
    const alike = this.#bySkeleton.get(skeleton) ?? before;
    if (alike !== before) {
      throw new CommandError(
        "name-alike",
        `${name} looks too much like ${alike.name}, who is here.`,
      );
    }
    const registered = account ?? this.#accounts.accountByLook(skeleton);
    if (registered !== null && registered.key !== key) {
      throw new CommandError(
        "name-alike",
        `${name} looks too much like ${registered.name}, which is registered.`,
      );
    }
    const person = new Person(account ?? { name, key, skeleton }, null);
    person.isUnconfirmed = account !== null;
    return person;
  }

  /** The person of an account that somebody logs in to: the one who is here, or a new one. */
  addOwner(account: Account): Person {
    const here = this.#byKey.get(account.key);
    if (here !== undefined && here.account !== null) return here;
    const person = new Person(account, null);
    person.account = account;
    return person;
  }

  /** The person of an account, as somebody who comes back to a server that was started anew. */
  restoreOwner(account: Account): Person {
    const person = this.addOwner(account);
    return person.members.size === 0 ? this.claim(person) : person;
  }

  /** The same for a guest; they get another guest's name where theirs is not to be had. */
  restoreGuest(guest: {
    readonly name: string;
    readonly key: string;
    readonly skeleton: string;
    readonly guestNumber: number | null;
    readonly isUnconfirmed: boolean;
  }): Person {
    const isFree = !this.#byKey.has(guest.key) && this.#accounts.accountByKey(guest.key) === null;
    if (guest.isUnconfirmed || !isFree) return this.addGuest();
    return this.claim(new Person(guest, guest.guestNumber));
  }

  /** The person of a bot that comes in: the one who is here, or a new one. */
  addBot(bot: BotRecord): Person {
    return this.#byKey.get(markBot(bot.key)) ?? this.claim(personOf(bot));
  }

  /** Gives a person their name, which has to be free, and returns them. */
  claim(person: Person): Person {
    this.#byKey.set(person.key, person);
    this.#bySkeleton.set(person.skeleton, person);
    return person;
  }

  /** Gives a name back. */
  release(person: Person): void {
    if (this.#byKey.get(person.key) === person) this.#byKey.delete(person.key);
    if (this.#bySkeleton.get(person.skeleton) === person) this.#bySkeleton.delete(person.skeleton);
    if (person.guestNumber !== null) this.#freeGuests.push(person.guestNumber);
  }

  /** Says that nobody has that name; perhaps somebody has a similar one. */
  nobody(name: string): CommandError {
    const names: string[] = [];
    for (const person of this.#byKey.values()) {
      if (names.push(person.name) === WHO_LISTED_MAX) break;
    }
    const nearest = findNearest(name, names);
    const hint = nearest === null ? "/who shows who is." : `Did you mean ${nearest}?`;
    // What cannot be a name is not repeated: it can be as long as a line.
    const called = checkName(name).ok ? `is called ${name}` : "has that name";
    return new CommandError("no-such-user", `Nobody here ${called}. ${hint}`);
  }

  /** Who talks by a token need not be here to be ignored, muted or banned. */
  #findBot(key: string): Person | undefined {
    const bareKey = unmarkBot(key);
    const bot = bareKey === null ? null : this.#accounts.botByKey(bareKey);
    return bot === null ? undefined : personOf(bot);
  }
}

/** A bot as others see it. Its name is claimed by nobody else, since it has the mark. */
function personOf({ name, key, skeleton }: BotRecord): Person {
  const marked = { name: markBot(name), key: markBot(key), skeleton: markBot(skeleton) };
  return new Person(marked, null);
}
