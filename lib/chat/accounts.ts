/**
 * Names that belong to people: registering them, logging in, and what goes with it.
 *
 * Passwords are hashed elsewhere, so what deals with one waits; what was known
 * before the wait is looked at again after it.
 * Must not know: commands, sockets, SQL, how passwords are hashed.
 *
 * @module
 */

import { customerNetwork, isLoopback } from "../addresses.ts";
import { CommandError, RemovedError, StoreError } from "../errors.ts";
import {
  ACCOUNTS_MAX,
  ATTEMPT_WAIT_MS_MAX_ADDRESS,
  ATTEMPT_WAIT_MS_MAX_NAME,
  ATTEMPTS_REMEMBERED_MAX,
  LINE_FRAME_LENGTH,
  LOGIN_GRACE_MS,
  PASSWORD_LENGTH_MAX,
  PASSWORD_LENGTH_MIN,
  REGISTRATIONS_PER_HOUR,
  WAITING_LENGTH_MAX,
  WAITING_MESSAGES_MAX,
} from "../limits.ts";
import { framedLength } from "../text.ts";
import { type AttemptKey, Attempts } from "./attempts.ts";
import type { Broadcast } from "./broadcast.ts";
import { describeEnd, type Moderation } from "./moderation.ts";
import { nameKey } from "./names.ts";
import type { People } from "./people.ts";
import type { Timer } from "./presence.ts";
import type { Roles } from "./roles.ts";
import type { Rooms } from "./rooms.ts";
import type { Member, Person } from "./state.ts";
import type { Account, Passwords, Store } from "./store.ts";

/** What accounts stand on. */
export interface AccountsOptions {
  /** Where accounts last. */
  readonly store: Store;
  /** Who is told what. */
  readonly broadcast: Broadcast;
  /** Who has which name. */
  readonly people: People;
  /** Where a user is recognised. */
  readonly rooms: Rooms;
  /** Who is an operator. */
  readonly roles: Roles;
  /** Who is banned or muted. */
  readonly moderation: Moderation;
  /** How passwords are hashed. */
  readonly passwords: Passwords;
  /** For the time to log in. */
  readonly newTimer: () => Timer;
  /** Whether passwords are taken from other machines over plain text. */
  readonly allowsPlaintextPasswords: boolean;
}

const HOUR_MS = 3_600_000;

/** What registered names can do, and how one becomes registered. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #attempts = new Attempts();
  /** When names were registered lately, by address. */
  readonly #registrations = new Map<string, number[]>();
  /** Whether passwords are taken from other machines over plain text, from now on. */
  allowsPlaintextPasswords: boolean;

  /** On top of everything else in the chat. */
  constructor(options: AccountsOptions) {
    this.#options = options;
    this.allowsPlaintextPasswords = options.allowsPlaintextPasswords;
  }

  /**
   * Gives a user another name. Where it is registered, they have a minute to log in.
   *
   * @throws {CommandError} As `People.add`, and where the name is banned.
   */
  takeName(member: Member, wanted: string): void {
    const { people, broadcast, moderation } = this.#options;
    moderation.requireFreeName(member);
    const person = people.add(wanted, member.person);
    const ban = moderation.banOfName(person.key);
    if (ban !== null) {
      throw new CommandError("banned", `The name ${person.name} is banned ${describeEnd(ban)}.`);
    }
    this.endGrace(member);
    this.#saveRead(member);
    moderation.follow(member);
    const wasAccount = member.person.account;
    people.claim(person);
    broadcast.become(member, person);
    if (wasAccount !== null) {
      this.#options.rooms.forgetRights(member);
      this.#tell(member, "logged-out", `You are not logged in as ${wasAccount.name} any more.`);
    }
    if (person.isUnconfirmed) this.#beginGrace(member, person);
  }

  /**
   * Makes a user's present name theirs.
   *
   * @throws {CommandError} If it cannot be, or the password will not do.
   */
  async register(member: Member, password: string): Promise<void> {
    this.requirePrivate(member);
    const person = this.#requireRegistrable(member);
    requirePassword(password, person.name);
    this.#countRegistration(member.address);
    const hash = await this.#options.passwords.hash(password);
    if (member.isGone) return;
    // Meanwhile somebody may have been quicker, or the user may be somebody else.
    if (this.#requireRegistrable(member) !== person) return;
    const { store } = this.#options;
    const atMs = Date.now();
    const { name, key, skeleton } = person;
    this.#options.moderation.follow(member);
    person.account = store.addAccount({
      name,
      key,
      skeleton,
      password: hash,
      isOperator: false,
      madeAtMs: atMs,
      seenAtMs: atMs,
    });
    // Whom they did not want to hear as a guest, they still do not.
    for (const [ignoredKey, ignored] of member.ignored ?? []) {
      store.addIgnored(person.account.id, { key: ignoredKey, name: ignored });
    }
    this.#tell(
      member,
      "registered",
      `${name} is yours now. From elsewhere: /login ${name} PASSWORD`,
    );
    this.#settle(member);
  }

  /**
   * Makes a user the owner of a registered name.
   *
   * @throws {CommandError} If the name is not registered, or the password is wrong.
   */
  async login(member: Member, name: string, password: string): Promise<void> {
    this.requirePrivate(member);
    const { store, passwords, moderation } = this.#options;
    const account = this.#requireAccount(name);
    if (member.person.account?.id === account.id) {
      throw new CommandError("logged-in", `You are logged in as ${account.name} already.`);
    }
    const hash = store.passwordOf(account.id);
    await this.tryPassword(member, `name ${account.key}`, () => passwords.verify(password, hash));
    if (member.isGone) return;
    // It may have been deleted, or banned, or have got another password, meanwhile.
    const now = this.#requireAccount(name);
    if (now.id !== account.id || store.passwordOf(now.id) !== hash) throw wrongPassword();
    const ban = moderation.banOfAccount(now);
    if (ban !== null && !this.#options.roles.isServerOperator(now)) {
      throw new CommandError("banned", `${now.name} is banned ${describeEnd(ban)}.`);
    }
    this.#become(member, now);
  }

  /** Ends the other connections of a user's name; says how many there were. */
  endOthers(member: Member): number {
    let count = 0;
    for (const other of member.person.members) {
      if (other === member || other.isGone) continue;
      other.receiver.end(
        new RemovedError("replaced", `${member.name} ended this connection from another one.`),
      );
      count++;
    }
    return count;
  }

  /** Gives a registered name another password. */
  async changePassword(member: Member, before: string, after: string): Promise<void> {
    const { store, passwords } = this.#options;
    const account = await this.#confirm(member, before);
    requirePassword(after, account.name);
    const hash = await passwords.hash(after);
    if (member.isGone || member.person.account?.id !== account.id) return;
    store.setPassword(account.id, hash);
    this.#tell(member, "password-changed", "Your password is another one now.");
  }

  /** Deletes a registered name. Its user goes on under it, as a guest. */
  async remove(member: Member, password: string): Promise<void> {
    const { store } = this.#options;
    const account = await this.#confirm(member, password);
    if (member.isGone || member.person.account?.id !== account.id) return;
    this.endOthers(member);
    this.#options.moderation.follow(member);
    store.removeAccount(account.id);
    this.#options.rooms.dropUnused();
    member.person.account = null;
    for (const stay of member.rooms.values()) {
      stay.isOperator = false;
      stay.muteVersion = 0;
    }
    this.#tell(
      member,
      "account-deleted",
      `${account.name} is not registered any more. What was said under it stays; ` +
        "/forget ID deletes single messages before.",
    );
  }

  /**
   * Leaves a private message for an account that is away.
   *
   * @throws {CommandError} If too many wait already.
   */
  leaveMessage(from: Member, account: Account, text: string): void {
    const { store } = this.#options;
    const waiting = store.countWaiting(account.id);
    const isFull = waiting.count >= WAITING_MESSAGES_MAX ||
      waiting.length + framedLength(text, LINE_FRAME_LENGTH) > WAITING_LENGTH_MAX;
    if (isFull) {
      throw new CommandError("too-many-waiting", `Too much waits for ${account.name} already.`);
    }
    // They would not hear it anyway; the sender need not know.
    if (!store.ignoredBy(account.id).has(from.person.key)) {
      store.addWaiting(account.id, { atMs: Date.now(), from: from.name, text });
    }
    this.#tell(from, "waiting", `${account.name} is away; your message waits for them.`);
  }

  /** What waited and was shown is forgotten: its reader is still there, or left in peace. */
  confirmShown(member: Member): void {
    const upToId = member.shownWaitingId;
    if (upToId === 0) return;
    member.shownWaitingId = 0;
    const { account } = member.person;
    if (account !== null) this.#options.store.removeWaiting(account.id, upToId);
  }

  /** Private messages that may not have arrived wait for the account; a guest's are gone. */
  keepUnread(member: Member): void {
    const { person, seat } = member;
    const { account } = person;
    if (account === null || seat === null || person.members.size > 1) return;
    for (const event of seat.kept.after(0, member.id)) {
      if (event.type !== "direct" || event.hasWaited) continue;
      const { atMs, from, text } = event;
      this.#options.store.addWaiting(account.id, { atMs, from, text });
    }
  }

  /** Remembers, as a user leaves, when that was. */
  leave(member: Member): void {
    this.endGrace(member);
    const { account } = member.person;
    if (account !== null) this.#options.store.setSeen(account.id, Date.now());
  }

  /**
   * Refuses a password that others on the network could read.
   *
   * @throws {CommandError} If the connection is neither encrypted nor of this
   *   machine, and the server was not told to allow it.
   */
  requirePrivate(member: { readonly isPrivate: boolean }): void {
    if (member.isPrivate || this.allowsPlaintextPasswords) return;
    throw new CommandError(
      "not-private",
      "No password is taken here, since anybody on the network could read it: come in over TLS, or " +
        "through SSH (ssh -L 2022:localhost:2022 SERVER), or ask for --allow-plaintext-passwords.",
    );
  }

  /**
   * Checks a password, within the limit on wrong ones.
   *
   * @param key What it is the password of.
   * @throws {CommandError} If it is wrong, or too many were.
   */
  async tryPassword(
    who: { readonly address: string },
    key: string,
    verify: () => Promise<boolean>,
  ): Promise<void> {
    const keys: AttemptKey[] = [{ key, waitMsMax: ATTEMPT_WAIT_MS_MAX_NAME }];
    // Whoever comes through a tunnel comes from this machine's own: one must not lock out all.
    if (!isLoopback(who.address)) {
      keys.push({
        key: `address ${customerNetwork(who.address)}`,
        waitMsMax: ATTEMPT_WAIT_MS_MAX_ADDRESS,
      });
    }
    this.#attempts.begin(keys);
    let isRight: boolean;
    try {
      isRight = await verify();
    } catch (error) {
      this.#attempts.withdrawn(keys);
      throw error;
    }
    if (!isRight) throw wrongPassword();
    this.#attempts.succeeded(keys, key);
  }

  /** Checks the password of the name that a user is logged in under. */
  async #confirm(member: Member, password: string): Promise<Account> {
    this.requirePrivate(member);
    const { account } = member.person;
    if (account === null) throw new CommandError("not-logged-in", "You are not logged in.");
    const { store, passwords } = this.#options;
    const hash = store.passwordOf(account.id);
    await this.tryPassword(member, `name ${account.key}`, () => passwords.verify(password, hash));
    return account;
  }

  #requireAccount(name: string): Account {
    const account = this.#options.store.accountByKey(nameKey(name));
    if (account !== null) return account;
    throw new CommandError(
      "not-registered",
      "Nobody has registered that name. /nick NAME, then /register PASSWORD makes it yours.",
    );
  }

  /** The person whom a user is now, if their name can be registered. */
  #requireRegistrable(member: Member): Person {
    const { person } = member;
    const { store, moderation, roles } = this.#options;
    if (person.account !== null) {
      throw new CommandError("registered", `${person.name} is yours already.`);
    }
    if (person.guestNumber !== null) {
      throw new CommandError("guest-name", "Pick a name first: /nick NAME");
    }
    if (person.isUnconfirmed || store.accountByKey(person.key) !== null) {
      throw new CommandError(
        "name-registered",
        `${person.name} is registered. If it is yours: /login PASSWORD`,
      );
    }
    moderation.requireVoice(member, null);
    // Whom a proxy here did not tell of, and who comes over plain text, is from anywhere.
    if (roles.isConfigured(person.key) && !(isLoopback(member.address) && member.isPrivate)) {
      throw new CommandError(
        "operator-name",
        "An operator's name can be registered from the server's own machine only.",
      );
    }
    if (store.countAccounts() >= ACCOUNTS_MAX) {
      throw new CommandError("too-many-accounts", "There are too many registered names already.");
    }
    return person;
  }

  #countRegistration(address: string): void {
    if (isLoopback(address)) return;
    const network = customerNetwork(address);
    const sinceMs = Date.now() - HOUR_MS;
    const recent = (this.#registrations.get(network) ?? []).filter((atMs) => atMs > sinceMs);
    if (recent.length >= REGISTRATIONS_PER_HOUR) {
      throw new CommandError(
        "too-many-registrations",
        "Too many names were registered from your address. Try again in an hour.",
      );
    }
    recent.push(Date.now());
    this.#registrations.set(network, recent);
    if (this.#registrations.size <= ATTEMPTS_REMEMBERED_MAX) return;
    for (const oldest of this.#registrations.keys()) {
      this.#registrations.delete(oldest);
      break;
    }
  }

  /** Makes a user the owner of an account, and whoever else has its name a guest. */
  #become(member: Member, account: Account): void {
    const { people, broadcast, moderation, store } = this.#options;
    // First what the store may refuse, while nobody has seen anything.
    store.transaction(() => {
      this.#saveRead(member);
      store.setSeen(account.id, Date.now());
    });
    const stranger = people.find(account.key);
    if (stranger !== undefined && stranger.account === null) {
      for (const other of [...stranger.members]) {
        if (other !== member) this.#renameToGuest(other, `${account.name} is back.`);
      }
    }
    this.endGrace(member);
    moderation.follow(member);
    const person = people.addOwner(account);
    if (person.members.size === 0) people.claim(person);
    const wasAccount = member.person.account;
    broadcast.become(member, person);
    // What a guest made stays theirs; what belonged to another name does not.
    if (wasAccount !== null) this.#options.rooms.forgetRights(member);
    this.#tell(member, "logged-in", `You are logged in as ${account.name}.`);
    this.#settle(member);
  }

  /** What comes with being logged in. Where the store fails, that is all that is missing. */
  #settle(member: Member): void {
    try {
      this.#bringBack(member);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#tell(
        member,
        "store-failed",
        `Not everything of yours could be brought back: ${error.message}`,
      );
    }
  }

  #bringBack(member: Member): void {
    const { store, rooms } = this.#options;
    const { account } = member.person;
    if (account === null) return;
    const ignored = store.ignoredBy(account.id);
    member.ignored = ignored.size === 0 ? null : ignored;
    rooms.recognise(member);
    this.#showWaiting(member, account);
    if (member.rooms.size === 0 && this.#options.moderation.banOf(member, rooms.lobby) === null) {
      rooms.enter(member, rooms.lobby, "joined");
    }
  }

  #showWaiting(member: Member, account: Account): void {
    const { broadcast, store } = this.#options;
    const nowMs = Date.now();
    for (const { id, atMs, from, text } of store.waiting(account.id)) {
      member.shownWaitingId = id;
      broadcast.answer(member, { type: "direct", from, text, atMs, nowMs, hasWaited: true });
      const sender = store.accountByKey(nameKey(from));
      // A guest who wrote is not whoever has that name today, and nobody else is either.
      const isSender = sender !== null && sender.madeAtMs <= atMs;
      member.lastSender = { member: null, accountKey: isSender ? sender.key : null };
    }
  }

  #beginGrace(member: Member, person: Person): void {
    const seconds = LOGIN_GRACE_MS / 1_000;
    this.#tell(
      member,
      "login-wanted",
      `${person.name} is registered. /login PASSWORD within ${seconds} seconds, ` +
        "or you will be a guest again.",
    );
    const timer = this.#options.newTimer();
    member.stopGrace = (): void => timer.stop();
    timer.start(() => {
      member.stopGrace = null;
      if (!member.isGone && member.person === person && person.isUnconfirmed) {
        this.#renameToGuest(member, `${person.name} is registered, and you did not log in.`);
      }
    }, LOGIN_GRACE_MS);
  }

  /** Ends the time to log in, if it runs. */
  endGrace(member: Member): void {
    member.stopGrace?.();
    member.stopGrace = null;
  }

  #renameToGuest(member: Member, why: string): void {
    this.endGrace(member);
    this.#tell(member, "renamed", why);
    this.#options.broadcast.become(member, this.#options.people.addGuest());
  }

  /** What a user has seen under a name counts as read by it. */
  #saveRead(member: Member): void {
    for (const room of member.rooms.keys()) {
      this.#options.rooms.markRead(member, room, this.#options.broadcast.lastMessageId);
    }
  }

  #tell(member: Member, code: string, line: string): void {
    this.#options.broadcast.answer(member, { type: "notice", code, lines: [line] });
  }
}

function wrongPassword(): CommandError {
  return new CommandError("wrong-password", "That is not the password.");
}

/** Refuses what will not do as a password. */
export function requirePassword(password: string, name: string): void {
  const length = [...password].length;
  if (length < PASSWORD_LENGTH_MIN || length > PASSWORD_LENGTH_MAX) {
    throw new CommandError(
      "bad-password",
      `A password has ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters.`,
    );
  }
  if (/\s/u.test(password)) {
    throw new CommandError("bad-password", "A password has no spaces.");
  }
  if (nameKey(password) === nameKey(name)) {
    throw new CommandError("bad-password", "A password is not the name.");
  }
}
