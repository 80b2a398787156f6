/**
 * Bans, mutes and locks: who may not come in, and who may not talk.
 *
 * Whatever is decided is in the store before it takes effect, with who decided,
 * when, why and until when. What has ended counts no more, by the clock.
 * Must not know: commands, who has which right, sockets.
 *
 * @module
 */

import { customerNetwork, isInNetwork, isLoopback } from "../addresses.ts";
import { formatDuration } from "../duration.ts";
import { CommandError } from "../errors.ts";
import { SANCTIONS_MAX, SANCTIONS_PER_ROOM_MAX } from "../limits.ts";
import { unmarkBot } from "./bot_names.ts";
import type { Member, Person, Room } from "./state.ts";
import type { Account, ModerationStore, Sanction, SanctionTarget, Store } from "./store.ts";

/** A ban or a mute to come. */
export interface SanctionRequest {
  /** Which of the two. */
  readonly kind: Sanction["kind"];
  /** Null for the whole server. */
  readonly room: Room | null;
  /** Whom it is for. */
  readonly target: SanctionTarget;
  /** What is shown of the target to those who must not see addresses. */
  readonly shown: string;
  /** Who decides it. */
  readonly by: string;
  /** Null for until it is lifted. */
  readonly durationMs: number | null;
  /** Why; empty for no reason. */
  readonly reason: string;
}

/** What an operator did, for the record. */
export interface Act {
  /** Who did it. */
  readonly by: string;
  /** What was done: `kick`, `ban`, ... */
  readonly act: string;
  /** Where; null for the whole server. */
  readonly room: Room | null;
  /** Whom it was for; never an address. */
  readonly whom?: string;
  /** The address that it was for; for server operators alone. */
  readonly address?: string;
  /** Until when; null for no end. */
  readonly untilMs?: number | null;
  /** Why, or the details. */
  readonly reason?: string;
}

/** The sanctions of one kind in one place. */
class Scope {
  readonly byAccount = new Map<string, Sanction>();
  readonly byName = new Map<string, Sanction>();
  readonly byNetwork = new Map<string, Sanction>();

  of(target: SanctionTarget): Map<string, Sanction> {
    if (target.type === "account") return this.byAccount;
    return target.type === "name" ? this.byName : this.byNetwork;
  }

  all(): Sanction[] {
    return [...this.byAccount.values(), ...this.byName.values(), ...this.byNetwork.values()];
  }
}

/** The setting that says that the server is locked. */
const LOCKED = "locked";

/** What operators decided, as it stands. */
export class Moderation {
  readonly #store: ModerationStore & Pick<Store, "transaction">;
  /** By kind and room. */
  readonly #scopes = new Map<string, Scope>();
  #count = 0;
  /** How many there are for each name that is not registered. */
  readonly #names = new Map<string, number>();
  /** Grows with every change: what was found out before it has to be found out again. */
  #version = 1;
  #isServerLocked: boolean;

  readonly #isOperator: (person: Person, room: Room | null) => boolean;

  /**
   * Takes over what the store has.
   *
   * @param isOperator Whom no ban or mute of an address hits, where others share it: the
   *   operators of the room, or with null of the server.
   */
  constructor(
    store: ModerationStore & Pick<Store, "transaction">,
    isOperator: (person: Person, room: Room | null) => boolean,
  ) {
    this.#store = store;
    this.#isOperator = isOperator;
    this.#isServerLocked = store.setting(LOCKED) === "yes";
    for (const sanction of store.sanctions()) this.#add(sanction);
  }

  /** Whether only registered names may talk on this server. */
  get isServerLocked(): boolean {
    return this.#isServerLocked;
  }

  /** Locks the server to guests, or opens it. */
  setServerLocked(isLocked: boolean, act: Act): void {
    this.#store.transaction(() => {
      this.#store.setSetting(LOCKED, isLocked ? "yes" : "no");
      this.note(act);
    });
    this.#isServerLocked = isLocked;
  }

  /** The ban from the whole server that keeps an address out, or null. */
  banOfAddress(address: string): Sanction | null {
    return this.#findNetwork(this.#scope("ban", null), address);
  }

  /** The ban that keeps a person out: of a room, or with null of the server. */
  banOf(who: Member, room: Room | null): Sanction | null {
    return this.#find("ban", who, room);
  }

  /** The mute that keeps a person from talking: in a room, in which they need not be, or anywhere. */
  muteOf(who: Member, room: Room | null): Sanction | null {
    return this.#find("mute", who, null) ?? (room === null ? null : this.#find("mute", who, room));
  }

  /** The ban that keeps an account from logging in, or null. */
  banOfAccount(account: Account): Sanction | null {
    return current(this.#scope("ban", null)?.byAccount.get(account.key));
  }

  /** The ban that keeps a name from being taken, or null. */
  banOfName(key: string): Sanction | null {
    return current(this.#scope("ban", null)?.byName.get(key));
  }

  /**
   * Refuses where a user may not talk: to a room, or with null to a person.
   *
   * @throws {CommandError} If the user is muted, has not logged in to the name
   *   they took, or the room or server is locked to them.
   */
  requireVoice(member: Member, room: Room | null): void {
    const { person } = member;
    // Asked for every line that is said.
    const isQuiet = this.#count === 0 && !this.#isServerLocked && !room?.record.isLocked;
    if (isQuiet && !person.isUnconfirmed) return;
    if (person.isUnconfirmed) {
      throw new CommandError(
        "not-logged-in",
        `${person.name} is registered: /login PASSWORD first, or take another name with /nick.`,
      );
    }
    if (person.account === null) {
      if (this.#isServerLocked) throw new CommandError("locked", SERVER_LOCKED);
      if (room?.record.isLocked) {
        throw new CommandError(
          "locked",
          `${room.name} is locked: only registered names may talk. /register makes yours one.`,
        );
      }
    }
    const mute = this.#voiceMuteOf(member, room);
    if (mute === null) return;
    const where = mute.roomId === null ? "" : ` in ${room?.name ?? "this room"}`;
    throw new CommandError("muted", `You may not talk${where} ${describeEnd(mute)}.`);
  }

  /** Whether anything was decided anywhere for who has this name without its being registered. */
  isAboutName(key: string): boolean {
    return this.#names.has(key);
  }

  /**
   * Refuses another name to who is muted or banned under this one.
   *
   * @throws {CommandError} If they are.
   */
  requireFreeName(member: Member): void {
    for (const room of [null, ...member.rooms.keys()]) {
      for (const kind of ["mute", "ban"] as const) {
        const sanction = current(this.#scope(kind, room)?.byName.get(member.person.key));
        if (sanction === null || member.person.account !== null) continue;
        throw new CommandError("muted", `You keep your name ${describeEnd(sanction)}.`);
      }
    }
  }

  /** What followed a user, by the ids of what was decided, as they come back. */
  restore(member: Member, sanctionIds: readonly number[]): void {
    if (sanctionIds.length === 0) return;
    for (const scope of this.#scopes.values()) {
      for (const sanction of scope.all()) {
        if (sanctionIds.includes(sanction.id)) (member.followedBy ??= new Set()).add(sanction);
      }
    }
  }

  /**
   * Takes what holds for a user under one name along to the next: whoever is muted
   * is muted, whatever they are called.
   */
  follow(member: Member): void {
    const { person: { account, key } } = member;
    for (const scope of this.#scopes.values()) {
      const sanction = account === null
        ? current(scope.byName.get(key))
        : current(scope.byAccount.get(account.key));
      if (sanction !== null) (member.followedBy ??= new Set()).add(sanction);
    }
    for (const stay of member.rooms.values()) stay.muteVersion = 0;
  }

  /** What holds in a room, or with null on the server, oldest first. */
  list(kind: Sanction["kind"], room: Room | null): Sanction[] {
    const all = this.#scope(kind, room)?.all() ?? [];
    return all.filter((sanction) => current(sanction) !== null).sort((a, b) => a.id - b.id);
  }

  /**
   * Bans or mutes. What there was for the same target before is replaced.
   *
   * @throws {CommandError} If there are too many already.
   * @throws {StoreError} If it cannot be stored.
   */
  impose(request: SanctionRequest): Sanction {
    const { kind, room, target, shown, by, reason, durationMs } = request;
    const before = this.find(kind, room, target);
    if (before === null) this.#requireSpace(room);
    const atMs = Date.now();
    const untilMs = durationMs === null ? null : atMs + durationMs;
    const roomId = room?.record.id ?? null;
    const sanction = this.#store.transaction(() => {
      if (before !== null) this.#store.removeSanction(before.id);
      const isAddress = target.type === "network";
      this.note({
        by,
        act: kind,
        room,
        whom: shown === target.value && isAddress ? "" : shown,
        address: isAddress ? target.value : "",
        untilMs,
        reason,
      });
      return this.#store.addSanction({
        kind,
        roomId,
        target,
        shown,
        by,
        atMs,
        untilMs,
        reason,
      });
    });
    if (before !== null) this.#drop(before);
    this.#add(sanction);
    return sanction;
  }

  /** Lifts a ban or a mute. */
  lift(sanction: Sanction, act: Act): void {
    this.#store.transaction(() => {
      this.#store.removeSanction(sanction.id);
      this.note(act);
    });
    this.#drop(sanction);
  }

  /** The sanction for exactly this target, or null. */
  find(kind: Sanction["kind"], room: Room | null, target: SanctionTarget): Sanction | null {
    return current(this.#scope(kind, room)?.of(target).get(target.value));
  }

  /** Writes down what was done. */
  note(act: Act): void {
    this.#store.addAudit({
      atMs: Date.now(),
      roomId: act.room?.record.id ?? null,
      room: act.room?.name ?? "",
      by: act.by,
      act: act.act,
      whom: act.whom ?? "",
      address: act.address ?? "",
      untilMs: act.untilMs ?? null,
      reason: act.reason ?? "",
    });
  }

  /** What held in a room that is to be no more: removed from the store, but not yet forgotten. */
  removeRoom(room: Room): void {
    for (const sanction of this.#inRoom(room)) this.#store.removeSanction(sanction.id);
  }

  /** Forgets what held in a room that is no more. */
  forgetRoom(room: Room): void {
    for (const sanction of this.#inRoom(room)) this.#drop(sanction);
  }

  #inRoom(room: Room): Sanction[] {
    return (["ban", "mute"] as const).flatMap((kind) => this.#scope(kind, room)?.all() ?? []);
  }

  /** The mute of somebody who talks: in a room where they are, or to a person. */
  #voiceMuteOf(member: Member, room: Room | null): Sanction | null {
    const stay = room === null ? undefined : member.rooms.get(room);
    if (stay === undefined) return this.muteOf(member, null);
    // Asked for every line that is said.
    if (stay.muteVersion !== this.#version) {
      stay.mute = this.muteOf(member, room);
      stay.muteVersion = this.#version;
    }
    if (stay.mute !== null && current(stay.mute) === null) {
      stay.muteVersion = 0;
      return this.#voiceMuteOf(member, room);
    }
    return stay.mute;
  }

  #find(kind: Sanction["kind"], member: Member, room: Room | null): Sanction | null {
    const scope = this.#scope(kind, room);
    if (scope === undefined) return null;
    const { person, address, followedBy } = member;
    const { account, key } = person;
    const byName = account === null ? scope.byName.get(key) : scope.byAccount.get(account.key);
    if (byName !== undefined && current(byName) !== null) return byName;
    for (const sanction of followedBy ?? []) {
      const { type, value } = sanction.target;
      const map = type === "account" ? scope.byAccount : scope.byName;
      // It may have been lifted or replaced since.
      if (map.get(value) === sanction && current(sanction) !== null) return sanction;
    }
    const byNetwork = this.#findNetwork(scope, address);
    return byNetwork === null || this.#isOperator(person, room) ? null : byNetwork;
  }

  #findNetwork(scope: Scope | undefined, address: string): Sanction | null {
    if (scope === undefined) return null;
    for (const [network, sanction] of scope.byNetwork) {
      if (current(sanction) !== null && isInNetwork(address, network)) return sanction;
    }
    return null;
  }

  #scope(kind: Sanction["kind"], room: Room | null): Scope | undefined {
    return this.#scopes.get(`${kind} ${room?.record.id ?? ""}`);
  }

  #requireSpace(room: Room | null): void {
    if (this.#count >= SANCTIONS_MAX) this.#dropEnded();
    const inRoom = room === null
      ? 0
      : this.list("ban", room).length + this.list("mute", room).length;
    if (this.#count >= SANCTIONS_MAX || inRoom >= SANCTIONS_PER_ROOM_MAX) {
      throw new CommandError("too-many", "There are too many bans and mutes already; lift some.");
    }
  }

  #dropEnded(): void {
    for (const scope of this.#scopes.values()) {
      for (const sanction of scope.all()) {
        if (current(sanction) === null) this.#drop(sanction);
      }
    }
  }

  #add(sanction: Sanction): void {
    const key = `${sanction.kind} ${sanction.roomId ?? ""}`;
    let scope = this.#scopes.get(key);
    if (scope === undefined) this.#scopes.set(key, scope = new Scope());
    const before = scope.of(sanction.target).get(sanction.target.value);
    if (before === undefined) this.#countOne(sanction, 1);
    scope.of(sanction.target).set(sanction.target.value, sanction);
    this.#version++;
  }

  #drop(sanction: Sanction): void {
    const scope = this.#scopes.get(`${sanction.kind} ${sanction.roomId ?? ""}`);
    if (scope?.of(sanction.target).delete(sanction.target.value)) this.#countOne(sanction, -1);
    this.#version++;
  }

  #countOne({ target: { type, value } }: Sanction, step: 1 | -1): void {
    this.#count += step;
    if (type !== "name") return;
    const count = (this.#names.get(value) ?? 0) + step;
    if (count > 0) this.#names.set(value, count);
    else this.#names.delete(value);
  }
}

/** What guests on a locked server are told. */
export const SERVER_LOCKED =
  "This server is locked: only registered names may talk. /login NAME PASSWORD";

/** A sanction that holds now, or null. */
function current(sanction: Sanction | undefined): Sanction | null {
  if (sanction === undefined) return null;
  return sanction.untilMs !== null && sanction.untilMs <= Date.now() ? null : sanction;
}

/** How long a sanction holds and why, to follow what it forbids. */
export function describeEnd({ untilMs, reason }: Sanction): string {
  const rest = untilMs === null
    ? "until an operator lifts that"
    : `for ${formatDuration(Math.max(1_000, untilMs - Date.now()))} more`;
  return reason === "" ? rest : `${rest} (${reason})`;
}

/**
 * What a ban of somebody by name is a ban of.
 *
 * A registered name is banned itself, and so is a bot's, which is nobody else's. A
 * guest's name means nothing tomorrow, so their address is banned, unless it is this
 * machine's own, which many share.
 */
export function targetOf(who: Account | Person, addresses: readonly string[]): SanctionTarget {
  const account = "account" in who ? who.account : who;
  if (account !== null) return { type: "account", value: account.key };
  if (unmarkBot(who.key) !== null) return { type: "name", value: who.key };
  const address = addresses.find((each) => !isLoopback(each) && customerNetwork(each) !== each);
  return address === undefined
    ? { type: "name", value: who.key }
    : { type: "network", value: customerNetwork(address) };
}
