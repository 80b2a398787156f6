/**
 * Bots: programs of registered users that talk and read by a token, without a
 * connection of the chat's.
 *
 * A bot may be where its maker may be at that moment, and nowhere else; it has a
 * name and sanctions of its own, and no rights. It talks without being in a
 * room, and reads as a member of it whom everybody sees.
 * Must not know: HTTP, sockets, timers, SQL.
 *
 * @module
 */

import { customerNetwork } from "../addresses.ts";
import { CommandError, RemovedError, StoreError } from "../errors.ts";
import type { RoomMessage } from "../events.ts";
import {
  BOT_ATTEMPT_WAIT_MS_MAX,
  BOT_STREAMS_MAX,
  BOTS_PER_ACCOUNT_MAX,
  MISSED_EVENTS,
} from "../limits.ts";
import { Tokens } from "../tokens.ts";
import type { Accounts } from "./accounts.ts";
import { Attempts } from "./attempts.ts";
import { markBot, unmarkBot } from "./bot_names.ts";
import type { Broadcast } from "./broadcast.ts";
import type { KeptEvents } from "./kept_events.ts";
import { firstThatFit, idOf, type Missed } from "./missed.ts";
import { describeEnd, type Moderation } from "./moderation.ts";
import { checkName, nameKey } from "./names.ts";
import type { People } from "./people.ts";
import { Requests } from "./requests.ts";
import { rankOf } from "./rights.ts";
import type { Roles } from "./roles.ts";
import type { Rooms } from "./rooms.ts";
import { Member, Person, type Receiver, type Room } from "./state.ts";
import type { Account, BotRecord, Sanction, Store } from "./store.ts";

/** What bots stand on. */
export interface BotsOptions {
  /** Where bots last. */
  readonly store: Store;
  /** Who has which name. */
  readonly people: People;
  /** Who is told what. */
  readonly broadcast: Broadcast;
  /** Which rooms there are. */
  readonly rooms: Rooms;
  /** Who is an operator. */
  readonly roles: Roles;
  /** Who is banned or muted. */
  readonly moderation: Moderation;
  /** Whether secrets are taken from other machines over plain text. */
  readonly accounts: Pick<Accounts, "allowsPlaintextPasswords">;
}

/** Where a bot's request comes from. */
export interface BotOrigin {
  /** As text, without a port. */
  readonly address: string;
  /** Whether nobody on the way can read the request. */
  readonly isPrivate: boolean;
}

/** A bot as its maker is shown it. */
export interface BotListing {
  /** With its mark. */
  readonly name: string;
  /** In epoch milliseconds. */
  readonly madeAtMs: number;
  /** Rooms that it is reading, each with its `#`. */
  readonly rooms: readonly string[];
}

/** Stands in front of each token, so that people, and programs that look for secrets, know one. */
const TOKEN_PREFIX = "parley_";

/** Who talks without being here: no user has this id, so nobody is taken for them. */
const NO_USER = 0;

/** For who talks without being here. */
const NOWHERE: Receiver = {
  deliver: () => {},
  deliverBatch: () => {},
  end: () => {},
  isEnded: false,
};

/** Every bot: who it is, where it may be, and what it does there. */
export class Bots {
  readonly #options: BotsOptions;
  /** Without a secret: what the server's own password is has no say in what a token is worth. */
  readonly #tokens = new Tokens("");
  readonly #attempts = new Attempts();
  /** Those that read. */
  readonly #readers = new WeakMap<Member, BotRecord>();

  /** On top of everything else in the chat. */
  constructor(options: BotsOptions) {
    this.#options = options;
  }

  /**
   * Makes a bot of a registered user's.
   *
   * @param wanted Its name, without the mark.
   * @returns Its name with the mark, and its token, which is nowhere to be had again; null where
   *   the user left meanwhile, and nothing was made.
   * @throws {CommandError} If the user has too many, may not talk, or the name breaks a rule, is
   *   another bot's, or looks like one that is somebody else's.
   */
  async create(
    member: Member,
    wanted: string,
  ): Promise<{ readonly name: string; readonly token: string } | null> {
    this.#requirePrivate(member);
    const { token, hash } = await this.#tokens.make();
    // Nothing is waited for from here on.
    if (member.isGone) return null;
    const maker = requireMaker(member);
    const { store, moderation } = this.#options;
    moderation.requireVoice(member, null);
    const { name, key, skeleton } = this.#requireName(member, wanted);
    if (store.botsOf(maker.id).length >= BOTS_PER_ACCOUNT_MAX) {
      throw new CommandError(
        "too-many-bots",
        `You have ${BOTS_PER_ACCOUNT_MAX} bots already: /token revoke NAME ends one.`,
      );
    }
    const shown = markBot(name);
    store.transaction(() => {
      store.addBot({ name, key, skeleton, madeAtMs: Date.now(), maker, tokenHash: hash });
      moderation.note({ by: member.name, act: "token create", room: null, whom: shown });
    });
    return { name: shown, token: `${TOKEN_PREFIX}${token}` };
  }

  /** The bots of a registered user, oldest first. */
  list(member: Member): BotListing[] {
    return this.#options.store.botsOf(requireMaker(member).id).map(({ name, key, madeAtMs }) => {
      const person = this.#options.people.find(markBot(key));
      const rooms = [...person?.members ?? []].map((each) => each.room?.name ?? "");
      return { name: markBot(name), madeAtMs, rooms: [...new Set(rooms)] };
    });
  }

  /**
   * Ends a bot: its token is good no more, and what it reads ends at once.
   *
   * @param wanted Its name, with the mark or without.
   * @returns Its name with the mark.
   * @throws {CommandError} If there is none, or it is somebody else's and the user no operator
   *   of the server.
   */
  revoke(member: Member, wanted: string): string {
    const { store, people, roles, moderation } = this.#options;
    const key = nameKey(wanted);
    const bot = store.botByKey(unmarkBot(key) ?? key);
    if (bot === null) {
      throw new CommandError(
        "no-such-bot",
        "There is no bot of that name: /token list shows yours.",
      );
    }
    if (bot.maker.id !== requireMaker(member).id) {
      roles.require(member, "token others", null);
    }
    const name = markBot(bot.name);
    store.transaction(() => {
      store.removeBot(bot.id);
      moderation.note({ by: member.name, act: "token revoke", room: null, whom: name });
    });
    for (const each of people.find(markBot(bot.key))?.members ?? []) {
      each.receiver.end(
        new RemovedError("removed", `${member.name} revoked the token of ${name}.`),
      );
    }
    return name;
  }

  /** What a token is known by, whatever it is. Waits. */
  async hash(token: string): Promise<string> {
    const bare = token.startsWith(TOKEN_PREFIX) ? token.slice(TOKEN_PREFIX.length) : "";
    return await this.#tokens.hash(bare);
  }

  /**
   * The bot of a token.
   *
   * Nobody guesses a token, so wrong ones are counted without keeping out the right one that
   * comes from the same address.
   *
   * @param tokenHash As {@linkcode Bots.hash} gives it.
   * @throws {CommandError} If there is none, or the token came over a network that others can read.
   */
  authenticate(tokenHash: string, from: BotOrigin): BotRecord {
    this.#requirePrivate(from);
    const bot = this.#options.store.botByToken(tokenHash);
    if (bot !== null) return bot;
    this.#countWrongToken(from.address);
    throw new CommandError("bad-token", "That token is not good, or not any more.");
  }

  /**
   * Says something in a room, and has it stored.
   *
   * @param request.text Clean, and not empty.
   * @throws {CommandError} If the bot may not talk there.
   */
  say(
    bot: BotRecord,
    request: { readonly room: string; readonly text: string; readonly from: BotOrigin },
  ): RoomMessage {
    const { broadcast } = this.#options;
    const { room, now } = this.#requireRoom(bot, request.room, request.from);
    const mute = this.#sanctionOf(now, { kind: "mute", room, from: request.from });
    if (mute !== null) {
      const where = mute.roomId === null ? "" : ` in ${room.name}`;
      throw new CommandError("muted", `You may not talk${where} ${describeEnd(mute)}.`);
    }
    // With the maker's account, so that the maker may delete what their bot said.
    const speaker = strangerOf({ ...now, name: markBot(now.name) }, now.maker, request.from);
    const message = broadcast.speak(speaker, room, { type: "message", text: request.text });
    // Who is answered that it was said may rely on it.
    broadcast.save();
    return message;
  }

  /**
   * Refuses where a bot may not read.
   *
   * @throws {CommandError} If it may not be in that room, or reads in too many.
   */
  requireReader(bot: BotRecord, room: string, from: BotOrigin): void {
    this.#requireRoom(bot, room, from);
    const members = this.#options.people.find(markBot(bot.key))?.members ?? [];
    const streams = [...members].filter((each) => !each.isGone).length;
    if (streams >= BOT_STREAMS_MAX) {
      throw new CommandError(
        "too-many-streams",
        `${markBot(bot.name)} has ${BOT_STREAMS_MAX} streams already.`,
      );
    }
  }

  /**
   * Brings a bot into a room, to read it: everybody there sees that it has come.
   *
   * @param request.receiver Where its events go.
   * @throws {CommandError} As `requireReader`.
   */
  enter(
    bot: BotRecord,
    request: { readonly room: string; readonly receiver: Receiver; readonly from: BotOrigin },
  ): Member {
    const { people, broadcast } = this.#options;
    const { receiver, from: { address, isPrivate } } = request;
    const { room, now, sinceId } = this.#requireRoom(bot, request.room, request.from);
    const member = broadcast.enterAs(people.addBot(now), { receiver, address, isPrivate });
    broadcast.makeProgram(member, new Requests());
    this.#readers.set(member, now);
    const heardId = broadcast.lastMessageId;
    broadcast.join(member, room, {
      fromId: heardId,
      sinceId,
      isOperator: false,
      mute: null,
      muteVersion: 0,
      heardId,
    });
    return member;
  }

  /**
   * What was said in a reader's room after an event, as far as it may read, and what else was told
   * there since it came: at most `MISSED_EVENTS` messages, and not many more than `MISSED_LENGTH`
   * characters.
   *
   * @param kept What it was told meanwhile that is not stored.
   * @throws {StoreError} If it cannot be read.
   */
  missed(member: Member, afterId: number, kept: KeptEvents): Missed {
    const { broadcast } = this.#options;
    const [room] = member.rooms.keys();
    const [stay] = member.rooms.values();
    if (room === undefined || stay === undefined) {
      return { events: [], lastId: afterId, isLast: true };
    }
    const { events: told, completeToId } = broadcast.toldAfter(room, {
      member,
      afterId: Math.max(afterId, stay.sinceId - 1),
      limit: MISSED_EVENTS,
      kept,
    });
    const all = told.filter((event) => idOf(event) <= completeToId)
      .sort((one, other) => idOf(one) - idOf(other));
    const events = firstThatFit(all);
    const isLast = completeToId === Infinity && events.length === all.length;
    const last = events.at(-1);
    const lastId = isLast || last === undefined ? broadcast.lastMessageId : idOf(last);
    return { events, lastId, isLast };
  }

  /** Ends what a bot reads where it may not be any more, and what is no bot's any more. */
  review(member: Member): void {
    const bot = this.#readers.get(member);
    if (bot === undefined || member.room === null || member.isGone) return;
    try {
      this.#requireRoom(bot, member.room.name, member);
    } catch (error) {
      // What the store does not say now, it says the next time.
      if (error instanceof StoreError) return;
      if (!(error instanceof CommandError)) throw error;
      member.receiver.end(new RemovedError("removed", error.message));
    }
  }

  /** The same for every bot that reads. */
  reviewAll(): void {
    for (const member of this.#options.broadcast.users()) this.review(member);
  }

  /** Refuses a token where others on the network could read it. */
  #requirePrivate({ isPrivate }: { readonly isPrivate: boolean }): void {
    if (isPrivate || this.#options.accounts.allowsPlaintextPasswords) return;
    throw new CommandError(
      "not-private",
      "No token is given or taken here, since anybody on the network could read it: come in over " +
        "TLS, or ask for --allow-plaintext-passwords.",
    );
  }

  #requireName(
    member: Member,
    wanted: string,
  ): { readonly name: string; readonly key: string; readonly skeleton: string } {
    const { store, people, roles } = this.#options;
    const check = checkName(wanted);
    if (!check.ok) throw new CommandError("bad-name", check.reason);
    const { name, key, skeleton } = check;
    const before = store.botByKey(key);
    if (before !== null) {
      const isOwn = before.maker.id === member.person.account?.id;
      const hint = isOwn ? ` /token revoke ${before.name} ends it.` : "";
      throw new CommandError("name-taken", `There is a bot of that name already.${hint}`);
    }
    const alike = store.botByLook(skeleton);
    if (alike !== null) throw nameAlike(name, markBot(alike.name));
    // Their own name, or one like it, is nobody else's.
    const { person } = member;
    const account = store.accountByKey(key) ?? store.accountByLook(skeleton);
    if (account !== null && account.id !== person.account?.id) throw nameAlike(name, account.name);
    const here = people.findAlike(check);
    if (here !== undefined && here !== person) throw nameAlike(name, here.name);
    if (roles.isConfigured(key) && key !== person.key) {
      throw new CommandError("operator-name", "That is the name of an operator of the server.");
    }
    return check;
  }

  /**
   * Refuses where a bot may not be at present.
   *
   * @returns The room, what the store has of the bot now, and from which message on it may read.
   */
  #requireRoom(
    bot: BotRecord,
    name: string,
    from: BotOrigin,
  ): { readonly room: Room; readonly now: BotRecord; readonly sinceId: number } {
    const { store, rooms, roles, moderation } = this.#options;
    const now = store.botByKey(bot.key);
    // It was revoked since, and may be somebody else's by now.
    if (now === null || now.id !== bot.id) {
      throw new CommandError("bad-token", "That token is not good any more.");
    }
    const room = rooms.find(name);
    if (room === undefined) {
      throw new CommandError("no-such-room", "There is no such room; a bot makes none.");
    }
    const { maker } = now;
    const isServerOperator = roles.isServerOperator(maker);
    const ban = this.#sanctionOf(now, { kind: "ban", room, from });
    if (ban !== null) {
      throw new CommandError("banned", `You may not come into ${room.name} ${describeEnd(ban)}.`);
    }
    const isOperator = rankOf(roles.ofAccount(maker, room)) >= rankOf("room operator");
    const locked = moderation.isServerLocked && !isServerOperator
      ? "This server"
      : room.record.isLocked && !isOperator
      ? room.name
      : null;
    if (locked !== null) {
      throw new CommandError("locked", `${locked} is locked: only bots of its operators come in.`);
    }
    const record = store.member(room.record.id, maker.id);
    // What is said from now on is read by every member: of others the first message is beyond all.
    const isMember = record !== null && record.sinceId <= this.#options.broadcast.lastMessageId + 1;
    const { access, openFromId } = room.record;
    const isInvited = access === "invite-only" && record?.isInvited === true;
    const isClosed = access === "invite-only" || access === "password";
    if (isClosed && !isOperator && !isMember && !isInvited) {
      throw new CommandError(
        "not-a-member",
        `${maker.name} is no member of ${room.name}: /join ${room.name} makes them one.`,
      );
    }
    return { room, now, sinceId: isMember ? record.sinceId : openFromId };
  }

  /** What keeps a bot out of a room, or from talking there: its own sanctions, and its maker's. */
  #sanctionOf(
    { key, maker }: BotRecord,
    where: { readonly kind: Sanction["kind"]; readonly room: Room; readonly from: BotOrigin },
  ): Sanction | null {
    const { people, roles, moderation } = this.#options;
    const { kind, room, from } = where;
    const target = { type: "name", value: markBot(key) } as const;
    const own = moderation.find(kind, null, target) ?? moderation.find(kind, room, target);
    if (own !== null) return own;
    // Operators of the server come in everywhere.
    if (kind === "ban" && roles.isServerOperator(maker)) return null;
    // As whoever sends the request, and over each connection: a sanction can follow one of them.
    const here = people.find(maker.key);
    const connections = here?.account?.id === maker.id ? here.members : [];
    for (const who of [strangerOf(maker, maker, from), ...connections]) {
      const found = kind === "ban"
        ? moderation.banOf(who, null) ?? moderation.banOf(who, room)
        : moderation.muteOf(who, room);
      if (found !== null) return found;
    }
    return null;
  }

  #countWrongToken(address: string): void {
    const key = `address ${customerNetwork(address)}`;
    try {
      this.#attempts.begin([{ key, waitMsMax: BOT_ATTEMPT_WAIT_MS_MAX }]);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new CommandError(error.code, "Too many wrong tokens came from your address.");
    }
  }
}

/** The account of a user who is logged in. */
function requireMaker(member: Member): Account {
  const { account } = member.person;
  if (account !== null) return account;
  throw new CommandError("not-logged-in", "You are not logged in.");
}

function nameAlike(name: string, other: string): CommandError {
  return new CommandError(
    "name-alike",
    `${name} is taken, or looks too much like what is: ${other}.`,
  );
}

/** Somebody who asks for something without being here. */
function strangerOf(
  name: { readonly name: string; readonly key: string; readonly skeleton: string },
  account: Account,
  { address, isPrivate }: BotOrigin,
): Member {
  const person = new Person(name, null);
  person.account = account;
  return new Member({ id: NO_USER, address, isPrivate, receiver: NOWHERE, person });
}
