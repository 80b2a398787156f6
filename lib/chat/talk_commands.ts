/**
 * The commands for talking, and about who is here.
 *
 * Must not know: sockets, protocols, how a session ends.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import type { ChatEvent, Presence } from "../events.ts";
import { IGNORED_MAX, REPORTS_BURST, WHO_LISTED_MAX } from "../limits.ts";
import {
  type Answer,
  type Command,
  type CommandContext,
  mistyped,
  notice,
  requirePhrase,
  splitFirst,
} from "./command.ts";
import { nameKey } from "./names.ts";
import { rankOf } from "./rights.ts";
import { roomOf } from "./rooms.ts";
import type { Room } from "./state.ts";

const GROUP = "Talking";

/** See {@linkcode Command}. */
export const TALK_COMMANDS: readonly Command[] = [
  {
    name: "who",
    group: GROUP,
    args: "[#ROOM]",
    summary: "show who is here, and for how long",
    run: ({ chat, member }, args) => listUsers(chat.roles, roomOf(chat.rooms, member, args)),
  },
  {
    name: "me",
    group: GROUP,
    args: "TEXT",
    summary: 'say what you do: "/me waves"',
    run: ({ chat, member }, args) => {
      chat.act(member, args);
      return null;
    },
  },
  {
    name: "msg",
    group: GROUP,
    args: "NAME TEXT",
    summary: "say something to one person alone, or in another #ROOM of yours",
    run: runMsg,
  },
  {
    name: "reply",
    group: GROUP,
    args: "TEXT",
    summary: "answer the last private message",
    run: ({ chat, member }, args) => {
      chat.reply(member, args);
      return null;
    },
  },
  {
    name: "ignore",
    group: GROUP,
    args: "[NAME]",
    summary: "hide what somebody says from you, or show whom you ignore",
    run: runIgnore,
  },
  {
    name: "unignore",
    group: GROUP,
    args: "NAME",
    summary: "hear somebody again",
    run: runUnignore,
  },
  {
    name: "report",
    group: GROUP,
    args: "NAME REASON",
    summary: "tell the operators about somebody",
    run: runReport,
  },
  {
    name: "ping",
    group: GROUP,
    args: "[TEXT]",
    summary: "check that the server answers",
    run: (_context, args) => ({ type: "pong", text: args, atMs: Date.now() }),
  },
  {
    name: "quit",
    group: GROUP,
    args: "",
    summary: "leave",
    run: (context) => {
      context.quit();
      return null;
    },
  },
];

function runMsg({ chat, member }: CommandContext, args: string): Answer {
  const [name, text] = splitFirst(args);
  if (text === "") throw mistyped("/msg NAME TEXT");
  if (name.startsWith("#")) {
    const room = chat.rooms.requireIn(member, name);
    chat.moderation.requireVoice(member, room);
    chat.broadcast.speak(member, room, { type: "message", text });
  } else chat.whisper(member, name, text);
  return null;
}

function listUsers(
  roles: CommandContext["chat"]["roles"],
  room: Room,
): ChatEvent {
  const users: Presence[] = [];
  for (const person of room.people.keys()) {
    let joinedAtMs = Infinity;
    for (const member of person.members) {
      if (member.rooms.has(room)) joinedAtMs = Math.min(joinedAtMs, member.joinedAtMs);
    }
    const isOperator = roles.isOperatorIn(person, room);
    if (users.push({ name: person.name, joinedAtMs, isOperator }) === WHO_LISTED_MAX) break;
  }
  const more = room.people.size - users.length;
  return { type: "who", room: room.name, atMs: Date.now(), users, more };
}

function runIgnore({ chat, member }: CommandContext, args: string): Answer {
  if (args === "") {
    const names = [...member.ignored?.values() ?? []].join(", ");
    return notice("ignored", names === "" ? "You ignore nobody." : `You ignore ${names}.`);
  }
  const person = chat.people.find(args);
  const account = person?.account ?? chat.store.accountByKey(nameKey(args));
  const known = person ?? account;
  if (known === undefined || known === null) throw chat.people.nobody(args);
  const { key, name } = known;
  if (key === member.person.key) {
    throw new CommandError("self", "You cannot ignore yourself.");
  }
  if (member.ignored?.has(key)) {
    throw new CommandError("ignored", `You ignore ${name} already.`);
  }
  if ((member.ignored?.size ?? 0) >= IGNORED_MAX) {
    throw new CommandError("too-many", `You ignore ${IGNORED_MAX} already.`);
  }
  // What was said before, they heard.
  chat.flush();
  if (member.person.account !== null) {
    chat.store.addIgnored(member.person.account.id, { key, name });
  }
  for (const each of member.person.members) {
    each.ignored = new Map(each.ignored ?? []).set(key, name);
  }
  return notice("ignored", `You do not hear ${name} any more. /unignore ${name} changes that.`);
}

function runUnignore({ chat, member }: CommandContext, args: string): Answer {
  const key = nameKey(args);
  const name = member.ignored?.get(key);
  if (name === undefined) {
    throw new CommandError("not-ignored", "You do not ignore anybody of that name.");
  }
  chat.flush();
  if (member.person.account !== null) chat.store.removeIgnored(member.person.account.id, key);
  for (const each of member.person.members) {
    const ignored = new Map(each.ignored ?? []);
    ignored.delete(key);
    each.ignored = ignored.size === 0 ? null : ignored;
  }
  return notice("unignored", `You hear ${name} again.`);
}

function runReport({ chat, member }: CommandContext, args: string): Answer {
  const [name, rest] = splitFirst(args);
  const reason = requirePhrase(rest);
  if (reason === "") throw mistyped("/report NAME REASON");
  const person = chat.people.find(name);
  const shown = person?.name ?? chat.store.accountByKey(nameKey(name))?.name;
  if (shown === undefined) throw chat.people.nobody(name);
  // Whoever is muted may report, but nobody in the name of another.
  if (member.person.isUnconfirmed) chat.moderation.requireVoice(member, null);
  takeReport(member);
  const { room } = member;
  const address = person === undefined ? "" : [...person.members][0]?.address ?? "";
  const by = member.name;
  chat.moderation.note({ by, act: "report", room, whom: shown, address, reason });
  const where = room === null ? "" : ` in ${room.name}`;
  const text = `${by} reports ${shown}${where}: ${reason}`;
  const least = rankOf("room operator");
  for (const each of chat.broadcast.users()) {
    if (rankOf(chat.roles.of(each, room)) >= least && each !== member) {
      chat.answer(each, { type: "announced", room: null, code: "report", text });
    }
  }
  return notice("reported", "The operators have it.");
}

/** Lets a user report a few times in a row, and then once a minute. */
function takeReport(member: CommandContext["member"]): void {
  const nowMs = Date.now();
  const regained = Math.max(0, nowMs - member.reportedAtMs) / 60_000;
  const left = Math.min(REPORTS_BURST, member.reports + regained);
  if (left < 1) {
    throw new CommandError("too-many-reports", "You have reported a lot. Wait a minute.");
  }
  member.reports = left - 1;
  member.reportedAtMs = nowMs;
}
