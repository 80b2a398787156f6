/**
 * The commands of operators: in their rooms, and, with `server` in front, everywhere.
 *
 * Must not know: sockets, protocols, SQL.
 *
 * @module
 */

import { isInNetwork, parseNetwork } from "../addresses.ts";
import { formatDuration } from "../duration.ts";
import { CommandError, RemovedError } from "../errors.ts";
import { AUDIT_LINES } from "../limits.ts";
import { formatTime } from "../times.ts";
import { requireRoom } from "./broadcast.ts";
import {
  type Answer,
  type Command,
  type CommandContext,
  mistyped,
  notice,
  requirePhrase,
  splitFirst,
  takeScope,
  takeTerm,
} from "./command.ts";
import { describeEnd, targetOf } from "./moderation.ts";
import { checkName, nameKey } from "./names.ts";
import type { Right, Role } from "./rights.ts";
import type { Member, Person, Room } from "./state.ts";
import type { Account, Sanction, SanctionTarget } from "./store.ts";

const GROUP = "For operators (of a room; with the word server first, of the server)";

/** See {@linkcode Command}. */
export const MODERATION_COMMANDS: readonly Command[] = [
  row("kick", "[server] NAME [REASON]", "send somebody out", runKick),
  row("ban", "[server] NAME|ADDRESS|NETWORK/BITS [for TIME] [REASON]", "keep somebody out", runBan),
  row("unban", "[server] NAME|ADDRESS|NETWORK/BITS", "let somebody in again", runUnban),
  row("bans", "[server]", "show who is banned or muted, and for how long", runBans),
  row("mute", "[server] NAME [for TIME] [REASON]", "keep somebody from talking", runMute),
  row("unmute", "[server] NAME", "let somebody talk again", runUnmute),
  row("lock", "[server]", "only registered names come in and talk", runLock),
  row("unlock", "[server]", "everybody may come in and talk again", runUnlock),
  row("op", "[server] NAME", "make a registered name an operator", runOp),
  row("deop", "[server] NAME", "make an operator one no more", runDeop),
  row("audit", "[server]", "show what operators did, and reports", runAudit),
  row("backup", "", "copy everything that is stored into a file on the server", runBackup),
];

function row(name: Right, args: string, summary: string, run: Command["run"]): Command {
  return { name, group: GROUP, args, summary, run };
}

/** Where an operator acts: in a room, or with null on the whole server. */
interface Place {
  readonly room: Room | null;
  /** The arguments without the place. */
  readonly rest: string;
  /** As a sentence ends with it. */
  readonly words: string;
}

/** Somebody that an operator acts on, here or not. */
interface Subject {
  readonly name: string;
  readonly key: string;
  /** Null where they are not here. */
  readonly person: Person | null;
  /** Null for a guest. */
  readonly account: Account | null;
}

/** Finds out where to act, and refuses who may not act there. */
function requirePlace({ chat, member }: CommandContext, right: Right, args: string): Place {
  const { isServer, rest } = takeScope(args);
  if (isServer) {
    chat.roles.require(member, `${right} server` as Right, null);
    return { room: null, rest, words: "the server" };
  }
  const room = requireRoom(member);
  chat.roles.require(member, right, room);
  return { room, rest, words: room.name };
}

/** Finds who is meant, and refuses oneself and those with more rights. */
function requireSubject(context: CommandContext, name: string, room: Room | null): Subject {
  const { chat, member } = context;
  const person = chat.people.find(name) ?? null;
  const account = person?.account ?? chat.store.accountByKey(nameKey(name));
  const known = person ?? account;
  if (known === null) {
    const check = checkName(name);
    if (!check.ok) throw chat.people.nobody(name);
    return { name: check.name, key: check.key, person: null, account: null };
  }
  if (known.key === member.person.key) {
    throw new CommandError("self", "You cannot do that to yourself.");
  }
  // Who took somebody's name without logging in has none of their rights.
  const role: Role = person !== null
    ? chat.roles.ofPerson(person, room)
    : account === null
    ? "guest"
    : chat.roles.ofAccount(account, room);
  chat.roles.requireRank(member, role, room);
  return { name: known.name, key: known.key, person, account };
}

function runKick(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const { room, rest } = requirePlace(context, "kick", args);
  const [name, words] = splitFirst(rest);
  if (name === "") throw mistyped("/kick [server] NAME [REASON]");
  const reason = requirePhrase(words);
  const person = chat.people.find(name);
  if (person === undefined || person.members.size === 0) throw chat.people.nobody(name);
  if (room !== null && !room.people.has(person)) {
    throw new CommandError("not-in-room", `${person.name} is not in ${room.name}.`);
  }
  requireSubject(context, name, room);
  const address = [...person.members].map((each) => each.address).join(" ");
  chat.moderation.note({
    by: member.name,
    act: "kick",
    room,
    whom: person.name,
    address,
    reason,
  });
  // Somebody who was invited and is sent out is invited no more.
  if (room !== null && person.account !== null) {
    chat.rooms.uninvite(room, person.account.id);
  }
  sendOut(context, { room, verb: "removed", reason }, [...person.members]);
  return null;
}

/** Sends users out of a room, or off the server, and tells everybody who is left. */
function sendOut(
  { chat, member }: CommandContext,
  out: { readonly room: Room | null; readonly verb: "removed" | "banned"; readonly reason: string },
  users: readonly Member[],
): void {
  const { room, verb, reason } = out;
  const by = member.name;
  const why = reason === "" ? "." : `: ${reason}`;
  const told = new Set<Person>();
  for (const each of users) {
    if (room === null) {
      each.receiver.end(new RemovedError("removed", `You were ${verb} by ${by}${why}`));
      continue;
    }
    if (!each.rooms.has(room)) continue;
    const { person } = each;
    if (!told.has(person)) {
      told.add(person);
      const name = person.name;
      room.presence.flush();
      chat.broadcast.tell(room, { type: "sent-out", room: room.name, name, verb, by, reason });
    }
    // They hear it too, and then they are gone.
    chat.rooms.leave(each, room, null);
    chat.answer(each, { type: "parted", room: room.name, to: each.room?.name ?? null });
  }
}

function runBan(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const [name, words] = splitFirst(takeScope(args).rest);
  if (name === "") throw mistyped("/ban [server] NAME|ADDRESS|NETWORK/BITS [for TIME] [REASON]");
  const network = parseNetwork(name);
  // Addresses are for operators of the server, and keep somebody off all of it.
  if (network !== null) return banNetwork(context, network, takeTerm(words));
  if (/[/:]/.test(name)) throw badNetwork();
  const place = requirePlace(context, "ban", args);
  const term = takeTerm(words);
  const { room } = place;
  const subject = requireSubject(context, name, room);
  const target = targetOfSubject(member, subject);
  const sanction = chat.moderation.impose({
    kind: "ban",
    room,
    target,
    shown: subject.name,
    by: member.name,
    ...term,
  });
  if (room !== null && subject.account !== null) chat.rooms.uninvite(room, subject.account.id);
  sendOut(context, { room, verb: "banned", reason: term.reason }, usersUnder(context, sanction));
  // Where somebody may not be, their bots may not be either.
  chat.bots.reviewAll();
  return imposed(`${subject.name} is banned from ${place.words}`, sanction);
}

function badNetwork(): CommandError {
  return new CommandError(
    "bad-network",
    "That is no address or network: 192.0.2.7, 192.0.2.0/24 and 2001:db8::/48 are some.",
  );
}

function banNetwork(
  context: CommandContext,
  network: string,
  term: { readonly durationMs: number | null; readonly reason: string },
): Answer {
  const { chat, member } = context;
  chat.roles.require(member, "ban server", null);
  const target: SanctionTarget = { type: "network", value: network };
  if (isOneself(member, target)) {
    throw new CommandError("self", "That would be a ban of yourself: you come from there too.");
  }
  const sanction = chat.moderation.impose({
    kind: "ban",
    room: null,
    target,
    shown: network,
    by: member.name,
    ...term,
  });
  const users = usersUnder(context, sanction);
  sendOut(context, { room: null, verb: "banned", reason: term.reason }, users);
  chat.bots.reviewAll();
  return imposed(`${network} is banned from the server`, sanction);
}

function isOneself(member: Member, target: SanctionTarget): boolean {
  return target.type === "network" && isInNetwork(member.address, target.value);
}

/** What a sanction of somebody is one of (see `targetOf`). */
function targetOfSubject(member: Member, { key, person, account }: Subject): SanctionTarget {
  // Who took a registered name without logging in is not its owner.
  if (account !== null && person?.isUnconfirmed !== true) return targetOf(account, []);
  const byName: SanctionTarget = { type: "name", value: key };
  if (person === null) return byName;
  const target = targetOf(person, [...person.members].map((each) => each.address));
  // Nobody shuts themselves out by an address that they share.
  return isOneself(member, target) ? byName : target;
}

/** The users whom a ban is for, but for those with the rights of its maker or more. */
function usersUnder({ chat, member }: CommandContext, sanction: Sanction): Member[] {
  const room = sanction.roomId === null ? null : chat.rooms.get(sanction.roomId) ?? null;
  const users = room === null ? chat.broadcast.users() : room.members.values();
  return [...users].filter((each) =>
    each !== member && !chat.roles.isServerOperator(each.person.account) &&
    chat.moderation.banOf(each, room)?.id === sanction.id
  );
}

function imposed(text: string, { untilMs, atMs, reason }: Sanction): Answer {
  const term = untilMs === null ? "" : ` for ${formatDuration(untilMs - atMs)}`;
  const why = reason === "" ? "." : `: ${reason}`;
  return notice("imposed", `${text}${term}${why}`);
}

function runUnban(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const [name] = splitFirst(takeScope(args).rest);
  if (name === "") throw mistyped("/unban [server] NAME|ADDRESS|NETWORK/BITS");
  const isNetwork = parseNetwork(name) !== null;
  if (isNetwork) chat.roles.require(member, "unban server", null);
  const { room, words } = isNetwork
    ? { room: null, words: "the server" }
    : requirePlace(context, "unban", args);
  const shown = lift(context, { kind: "ban", room, name });
  return notice("lifted", `${shown} may come into ${words} again.`);
}

function runMute(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const { room, rest } = requirePlace(context, "mute", args);
  const [name, more] = splitFirst(rest);
  if (name === "") throw mistyped("/mute [server] NAME [for TIME] [REASON]");
  const term = takeTerm(more);
  const subject = requireSubject(context, name, room);
  const target = targetOfSubject(member, subject);
  const sanction = chat.moderation.impose({
    kind: "mute",
    room,
    target,
    shown: subject.name,
    by: member.name,
    ...term,
  });
  for (const each of subject.person?.members ?? []) {
    const place = room === null ? "" : ` in ${room.name}`;
    const text = `${member.name} muted you${place}: you may not talk ${describeEnd(sanction)}.`;
    chat.answer(each, { type: "announced", room: null, code: "muted", text });
  }
  const where = room === null ? "on the server" : `in ${room.name}`;
  return imposed(`${subject.name} is muted ${where}`, sanction);
}

function runUnmute(context: CommandContext, args: string): Answer {
  const { room, rest } = requirePlace(context, "unmute", args);
  const [name] = splitFirst(rest);
  if (name === "") throw mistyped("/unmute [server] NAME");
  return notice("lifted", `${lift(context, { kind: "mute", room, name })} may talk again.`);
}

/**
 * Lifts what a name or an address is under: somebody who was banned by address as a
 * guest and by name later is banned twice.
 *
 * @returns Whom it was for, as it is shown.
 */
function lift(
  { chat, member }: CommandContext,
  wanted: { readonly kind: Sanction["kind"]; readonly room: Room | null; readonly name: string },
): string {
  const { kind, room, name } = wanted;
  const network = parseNetwork(name);
  const key = nameKey(name);
  const found = chat.moderation.list(kind, room).filter(({ target, shown }) =>
    network !== null
      ? target.value === network
      : target.type === "network"
      ? nameKey(shown) === key
      : target.value === key
  );
  const [first] = found;
  if (first === undefined) {
    const isServerOperator = chat.roles.isServerOperator(member.person.account);
    const where = isServerOperator ? "/bans or /bans server" : "/bans";
    throw new CommandError(
      "no-such-sanction",
      `There is no ${kind} of that name here. ${where} shows those that there are.`,
    );
  }
  for (const sanction of found) {
    const { target: { type, value }, shown } = sanction;
    chat.moderation.lift(sanction, {
      by: member.name,
      act: kind === "ban" ? "unban" : "unmute",
      room,
      whom: shown === value && type === "network" ? "" : shown,
      address: type === "network" ? value : "",
    });
  }
  return first.shown;
}

function runBans(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const { room, words } = requirePlace(context, "bans", args);
  const seesAddresses = chat.roles.isServerOperator(member.person.account);
  const sanctions = [...chat.moderation.list("ban", room), ...chat.moderation.list("mute", room)];
  if (sanctions.length === 0) {
    return notice("bans", `Nobody is banned from or muted in ${words}.`);
  }
  const nowMs = Date.now();
  const lines = sanctions.slice(-AUDIT_LINES).map((sanction) => {
    const { kind, target, shown, by, atMs, untilMs, reason } = sanction;
    const isHidden = target.type === "network" && shown !== target.value;
    const address = isHidden && seesAddresses ? ` (${target.value})` : "";
    const end = untilMs === null ? "" : `, for ${formatDuration(untilMs - nowMs)} more`;
    const why = reason === "" ? "" : `: ${reason}`;
    const done = kind === "ban" ? "banned" : "muted";
    return `${shown}${address} ${done} by ${by} on ${formatTime(atMs, nowMs)}${end}${why}`;
  });
  const hidden = sanctions.length - lines.length;
  if (hidden > 0) lines.unshift(`${hidden} older ones, and:`);
  return notice("bans", ...lines);
}

function runLock(context: CommandContext, args: string): Answer {
  return setLock(context, { args, command: "lock" });
}

function runUnlock(context: CommandContext, args: string): Answer {
  return setLock(context, { args, command: "unlock" });
}

function setLock(
  context: CommandContext,
  how: { readonly args: string; readonly command: "lock" | "unlock" },
): Answer {
  const { chat, member } = context;
  const { command } = how;
  const { room, words } = requirePlace(context, command, how.args);
  const isLocked = command === "lock";
  const was = room === null ? chat.moderation.isServerLocked : room.record.isLocked;
  const where = room === null ? "The server" : words;
  if (was === isLocked) throw new CommandError("same-setting", `${where} is ${command}ed already.`);
  const act = { by: member.name, act: command, room };
  if (room === null) {
    chat.moderation.setServerLocked(isLocked, act);
  } else {
    chat.rooms.change(room, { isLocked }, () => chat.moderation.note(act));
  }
  const meaning = isLocked
    ? "only registered names may come in and talk"
    : "everybody may talk again";
  const text = `${member.name} ${command}ed ${room === null ? "the server" : words}: ${meaning}.`;
  if (room === null) chat.broadcast.tellAll({ type: "announced", room: null, code: command, text });
  else chat.broadcast.tell(room, { type: "announced", room: room.name, code: command, text });
  return null;
}

function runOp(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const { room, rest, words } = requirePlace(context, "op", args);
  const { account, name } = requireRegistered(context, { rest, room, usage: "/op [server] NAME" });
  if (
    chat.roles.ofAccount(account, room) === (room === null ? "server operator" : "room operator")
  ) {
    throw new CommandError("operator", `${name} is an operator of ${words} already.`);
  }
  setOperator(context, account, { room, isOperator: true });
  const text = `${member.name} made ${name} an operator of ${words}.`;
  announce(context, { room, text, code: "op" });
  return notice("op", `${name} is an operator of ${words} now.`);
}

function runDeop(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const { room, rest, words } = requirePlace(context, "deop", args);
  const { account, name } = requireRegistered(context, {
    rest,
    room,
    usage: "/deop [server] NAME",
  });
  if (room === null && chat.roles.isConfigured(account.key)) {
    throw new CommandError(
      "configured",
      `${name} is an operator by the server's configuration (--operator).`,
    );
  }
  const isOperator = room === null
    ? account.isOperator
    : chat.store.member(room.record.id, account.id)?.isOperator === true;
  if (!isOperator) {
    throw new CommandError("no-operator", `${name} is no operator of ${words}.`);
  }
  setOperator(context, account, { room, isOperator: false });
  const text = `${member.name} took the operator's rights on ${words} from ${name}.`;
  announce(context, { room, text, code: "deop" });
  const person = room === null ? chat.people.find(account.key) : undefined;
  for (const each of person?.members ?? []) {
    chat.answer(each, { type: "announced", room: null, code: "deop", text });
  }
  return notice("deop", `${name} is no operator of ${words} any more.`);
}

/** The registered name that is meant: only one can keep rights. */
function requireRegistered(
  context: CommandContext,
  asked: { readonly rest: string; readonly room: Room | null; readonly usage: string },
): { readonly name: string; readonly account: Account } {
  const [name] = splitFirst(asked.rest);
  if (name === "") throw mistyped(asked.usage);
  const account = context.chat.store.accountByKey(nameKey(name));
  if (account === null) {
    throw new CommandError(
      "not-registered",
      "Only a registered name can be an operator; /register makes one.",
    );
  }
  if (account.key === context.member.person.key) {
    throw new CommandError("self", "You cannot do that to yourself.");
  }
  context.chat.roles.requireRank(
    context.member,
    context.chat.roles.ofAccount(account, asked.room),
    asked.room,
  );
  return { name: account.name, account };
}

function setOperator(
  { chat, member }: CommandContext,
  account: Account,
  how: { readonly room: Room | null; readonly isOperator: boolean },
): void {
  const { room, isOperator } = how;
  chat.store.transaction(() => {
    if (room === null) chat.store.setServerOperator(account.id, isOperator);
    else chat.rooms.setOperator(room, account.id, isOperator);
    chat.moderation.note({
      by: member.name,
      act: isOperator ? "op" : "deop",
      room,
      whom: account.name,
    });
  });
  const person = chat.people.find(account.key);
  if (person?.account?.id !== account.id) return;
  if (room === null) person.account = { ...person.account, isOperator };
  else {
    for (const each of person.members) {
      const stay = each.rooms.get(room);
      if (stay !== undefined) stay.isOperator = isOperator;
    }
  }
}

/** Tells a room what changed in it; of the server, the operators hear. */
function announce(
  { chat, member }: CommandContext,
  said: { readonly room: Room | null; readonly code: string; readonly text: string },
): void {
  const { room, code, text } = said;
  if (room !== null) {
    chat.broadcast.tell(room, { type: "announced", room: room.name, code, text }, member.id);
    return;
  }
  for (const each of chat.broadcast.users()) {
    if (each !== member && chat.roles.isServerOperator(each.person.account)) {
      chat.answer(each, { type: "announced", room: null, code, text });
    }
  }
}

function runAudit(context: CommandContext, args: string): Answer {
  const { chat, member } = context;
  const { room, words } = requirePlace(context, "audit", args);
  const seesAddresses = chat.roles.isServerOperator(member.person.account);
  const entries = chat.store.audit({ roomId: room?.record.id ?? null, limit: AUDIT_LINES });
  if (entries.length === 0) return notice("audit", `Nothing was done on ${words} so far.`);
  const nowMs = Date.now();
  const lines = entries.map(({ atMs, by, act, whom, address, room: where, untilMs, reason }) => {
    const shown = [
      formatTime(atMs, nowMs),
      by,
      act,
      whom,
      seesAddresses && address !== "" ? `(${address})` : "",
      room === null && where !== "" ? `in ${where}` : "",
      untilMs === null ? "" : `until ${formatTime(untilMs, nowMs)}`,
    ].filter((part) => part !== "").join(" ");
    return reason === "" ? shown : `${shown}: ${reason}`;
  });
  return notice("audit", ...lines);
}

async function runBackup({ chat, member, signal }: CommandContext): Promise<Answer> {
  chat.broadcast.save();
  const { path, bytes } = await chat.store.backup(signal);
  chat.moderation.note({ by: member.name, act: "backup", room: null });
  const size = bytes >= 1024 * 1024
    ? `${Math.round(bytes / 1024 / 1024)} MiB`
    : `${Math.ceil(bytes / 1024)} KiB`;
  return notice("backup", `Everything is copied to ${path} (${size}).`);
}
