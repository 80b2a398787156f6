/**
 * What somebody is in a room, and whether that is enough.
 *
 * Must not know: commands, what a right is for.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import { nameKey } from "./names.ts";
import { hasRight, rankOf, type Right, RIGHTS, type Role } from "./rights.ts";
import type { Member, Person, Room } from "./state.ts";
import type { Account, RoomStore } from "./store.ts";

/** Tells roles from accounts and stays. */
export class Roles {
  #operatorKeys: ReadonlySet<string> = new Set();
  readonly #rooms: Pick<RoomStore, "member">;

  /**
   * Begins with the operators of the configuration.
   *
   * @param operators Names of server operators; whoever is logged in under one has their rights.
   */
  constructor(operators: readonly string[], rooms: Pick<RoomStore, "member">) {
    this.#rooms = rooms;
    this.configure(operators);
  }

  /** Has others be the operators that the configuration makes, from now on. */
  configure(operators: readonly string[]): void {
    this.#operatorKeys = new Set(operators.map(nameKey));
  }

  /** Whether a name is one of those that the configuration makes operators. */
  isConfigured(key: string): boolean {
    return this.#operatorKeys.has(key);
  }

  /** Whether an account is an operator of the server. */
  isServerOperator(account: Account | null): boolean {
    return account !== null && (account.isOperator || this.#operatorKeys.has(account.key));
  }

  /** What a user is in a room; with null, on the server. */
  of(member: Member, room: Room | null): Role {
    const { account } = member.person;
    if (this.isServerOperator(account)) return "server operator";
    // Nothing is done under a registered name before its password was given.
    if (member.person.isUnconfirmed) return "guest";
    if (room !== null && member.rooms.get(room)?.isOperator === true) return "room operator";
    return account === null ? "guest" : "member";
  }

  /** Whether a person who is in a room is an operator there, by any of their connections. */
  isOperatorIn(person: Person, room: Room): boolean {
    if (this.isServerOperator(person.account)) return true;
    for (const member of person.members) {
      if (member.rooms.get(room)?.isOperator === true) return true;
    }
    return false;
  }

  /** What a person is in a room, by any of their connections; with null, on the server. */
  ofPerson(person: Person, room: Room | null): Role {
    let role: Role = person.account === null ? "guest" : this.ofAccount(person.account, room);
    for (const member of person.members) {
      const here = this.of(member, room);
      if (rankOf(here) > rankOf(role)) role = here;
    }
    return role;
  }

  /** What an account is in a room, whether its owner is here or not; with null, on the server. */
  ofAccount(account: Account, room: Room | null): Role {
    if (this.isServerOperator(account)) return "server operator";
    const isOperator = room !== null &&
      this.#rooms.member(room.record.id, account.id)?.isOperator === true;
    return isOperator ? "room operator" : "member";
  }

  /**
   * Refuses what a user may not do.
   *
   * @throws {CommandError} If the user's role in the room does not have the right.
   */
  require(member: Member, right: Right, room: Room | null): void {
    if (hasRight(this.of(member, room), right)) return;
    throw new CommandError("no-right", REFUSALS[RIGHTS[right]](room));
  }

  /**
   * Refuses to act on somebody who has more rights.
   *
   * @throws {CommandError} If `role` is higher than the user's in the room.
   */
  requireRank(member: Member, role: Role, room: Room | null): void {
    if (rankOf(role) <= rankOf(this.of(member, room))) return;
    throw new CommandError("no-right", `That is a ${role}: you cannot do that to them.`);
  }
}

const REFUSALS: Readonly<Record<Role, (room: Room | null) => string>> = {
  "guest": () => "You may not do that.",
  "member": () => "That takes a registered name: /register PASSWORD, or /login NAME PASSWORD.",
  "room operator": (room) =>
    `Only an operator${room === null ? "" : ` of ${room.name}`} may do that.`,
  "server operator": () => "Only an operator of the server may do that.",
};
