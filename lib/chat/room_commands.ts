/**
 * The commands about rooms.
 *
 * Must not know: sockets, protocols.
 *
 * @module
 */

import { formatDuration, parseDuration } from "../duration.ts";
import { CommandError } from "../errors.ts";
import { KEEP_MS_MIN, TERM_MS_MAX } from "../limits.ts";
import { requirePassword } from "./accounts.ts";
import { requireRoom } from "./broadcast.ts";
import {
  type Answer,
  badDuration,
  type Command,
  type CommandContext,
  mistyped,
  notice,
  requirePhrase,
  splitFirst,
} from "./command.ts";
import { nameKey } from "./names.ts";
import { roomOf } from "./rooms.ts";
import type { Room } from "./state.ts";
import type { RoomAccess } from "./store.ts";

const GROUP = "Rooms";

/** See {@linkcode Command}. */
export const ROOM_COMMANDS: readonly Command[] = [
  {
    name: "join",
    group: GROUP,
    args: "#ROOM [PASSWORD]",
    summary: "go to a room; a new name makes one, which is yours",
    run: runJoin,
  },
  {
    name: "leave",
    group: GROUP,
    args: "[#ROOM]",
    summary: "leave a room",
    run: runLeave,
  },
  {
    name: "rooms",
    group: GROUP,
    args: "",
    summary: "show the rooms that there are",
    run: ({ chat, member }) => ({ type: "rooms", ...chat.rooms.list(member) }),
  },
  {
    name: "topic",
    group: GROUP,
    args: "[TEXT]",
    summary: "show what the room is about, or set it; - clears it",
    run: runTopic,
  },
  {
    name: "room",
    group: GROUP,
    args: "[open|private|password WORD|invite-only|keep TIME|delete #ROOM]",
    summary: "show a room's settings, or change them",
    run: runRoom,
  },
  {
    name: "invite",
    group: GROUP,
    args: "NAME",
    summary: "let somebody into the room",
    run: runInvite,
  },
];

/** How help and `/room` say it. */
const ACCESS_WORDS: Readonly<Record<RoomAccess, string>> = {
  "open": "open: anybody may come in",
  "private": "private: it is not listed, and who knows its name may come in",
  "password": "for those who have its password",
  "invite-only": "for those who are invited; it is not listed",
};

async function runJoin(context: CommandContext, args: string): Promise<Answer> {
  const { chat, member } = context;
  const { rooms } = chat;
  const [name, password] = splitFirst(args);
  if (!name.startsWith("#")) throw mistyped("/join #ROOM [PASSWORD]");
  const room = rooms.find(name);
  if (room === undefined) return await makeRoom(context, name, password);
  if (member.rooms.has(room)) {
    rooms.turnTo(member, room);
    return null;
  }
  if (rooms.requireEntry(member, room)) {
    const hash = room.record.password ?? "";
    if (password === "") {
      throw new CommandError(
        "password-wanted",
        `${room.name} takes a password: /join ${room.name} PASSWORD`,
      );
    }
    chat.accounts.requirePrivate(member);
    await chat.accounts.tryPassword(
      member,
      `room ${room.record.id}`,
      () => chat.passwords.verify(password, hash),
    );
    if (member.isGone) return null;
    // Meanwhile the room may have changed, or the user may have been banned.
    if (member.rooms.has(room)) return null;
    if (rooms.get(room.record.id) !== room) {
      throw new CommandError("no-such-room", `${room.name} was deleted just now.`);
    }
    if (rooms.requireEntry(member, room) && room.record.password !== hash) {
      throw new CommandError("wrong-password", "The room has another password now. Try again.");
    }
  }
  rooms.enter(member, room, "joined");
  return null;
}

async function makeRoom(
  { chat, member }: CommandContext,
  name: string,
  password: string,
): Promise<Answer> {
  const { rooms } = chat;
  rooms.requireNewName(member, name);
  let hash: string | null = null;
  if (password !== "") {
    chat.accounts.requirePrivate(member);
    requirePassword(password, name);
    hash = await chat.passwords.hash(password);
    if (member.isGone) return null;
    if (rooms.find(name) !== undefined) {
      throw new CommandError("room-taken", "Somebody has just made that room.");
    }
  }
  rooms.make(member, name, hash);
  return null;
}

function runLeave({ chat, member }: CommandContext, args: string): Answer {
  const room = roomOf(chat.rooms, member, args);
  chat.rooms.leave(member, room, "left");
  return { type: "parted", room: room.name, to: member.room?.name ?? null };
}

function runTopic({ chat, member }: CommandContext, args: string): Answer {
  const room = requireRoom(member);
  if (args === "") {
    const { topic } = room.record;
    return notice(
      "topic",
      topic === "" ? `${room.name} has no topic.` : `The topic of ${room.name}: ${topic}`,
    );
  }
  chat.roles.require(member, "topic set", room);
  chat.moderation.requireVoice(member, room);
  const topic = args === "-" ? "" : requirePhrase(args);
  if (topic === room.record.topic) {
    throw new CommandError("same-topic", "That is the topic already.");
  }
  chat.rooms.change(room, { topic });
  chat.broadcast.speak(member, room, { type: "topic", text: topic });
  return null;
}

async function runRoom(context: CommandContext, args: string): Promise<Answer> {
  const { chat, member } = context;
  const [setting, value] = splitFirst(args);
  if (setting.toLowerCase() === "delete") return deleteRoom(context, value);
  const room = requireRoom(member);
  if (setting === "") return describeRoom(context, room);
  switch (setting.toLowerCase()) {
    case "open":
    case "private":
    case "invite-only":
      requireSettable(context, room);
      return changeAccess(context, room, {
        access: setting.toLowerCase() as RoomAccess,
        password: null,
      });
    case "password": {
      requireSettable(context, room);
      if (value === "") throw mistyped("/room password WORD");
      chat.accounts.requirePrivate(member);
      requirePassword(value, room.name);
      const password = await chat.passwords.hash(value);
      if (member.isGone || chat.rooms.get(room.record.id) !== room) return null;
      requireSettable(context, room);
      return changeAccess(context, room, { access: "password", password });
    }
    case "keep":
      chat.roles.require(member, "room set", room);
      return changeKeep(context, room, value);
    default:
      throw mistyped("/room [open|private|password WORD|invite-only|keep TIME|delete #ROOM]");
  }
}

/** Who may come into the lobby is no setting: everybody enters there. */
function requireSettable({ chat, member }: CommandContext, room: Room): void {
  chat.roles.require(member, "room set", room);
  if (room === chat.rooms.lobby) {
    throw new CommandError("lobby", `${room.name} stays open: everybody enters there.`);
  }
}

function changeAccess(
  { chat, member }: CommandContext,
  room: Room,
  changes: { readonly access: RoomAccess; readonly password: string | null },
): Answer {
  if (changes.access === room.record.access && changes.access !== "password") {
    throw new CommandError("same-setting", `${room.name} is that already.`);
  }
  chat.rooms.change(
    room,
    changes,
    () => chat.moderation.note({ by: member.name, act: "room", room, reason: changes.access }),
  );
  const text = `${member.name} made ${room.name} ${ACCESS_WORDS[changes.access]}.`;
  chat.broadcast.tell(room, { type: "announced", room: room.name, code: "room-changed", text });
  return null;
}

function changeKeep({ chat, member }: CommandContext, room: Room, value: string): Answer {
  if (value === "") throw mistyped("/room keep TIME (7d, say, or default)");
  const keepMs = value.toLowerCase() === "default" ? null : parseDuration(value);
  if (keepMs === null && value.toLowerCase() !== "default") throw badDuration(value);
  if (keepMs !== null && (keepMs < KEEP_MS_MIN || keepMs > TERM_MS_MAX)) {
    throw new CommandError(
      "bad-duration",
      `History is kept for ${formatDuration(KEEP_MS_MIN)} at least, and ` +
        `${formatDuration(TERM_MS_MAX)} at most.`,
    );
  }
  chat.rooms.change(
    room,
    { keepMs },
    () => chat.moderation.note({ by: member.name, act: "room", room, reason: `keep ${value}` }),
  );
  const term = keepMs === null ? "as long as the server's" : `for ${formatDuration(keepMs)}`;
  const text = `What is said in ${room.name} is kept ${term} now.`;
  chat.broadcast.tell(room, { type: "announced", room: room.name, code: "room-changed", text });
  return null;
}

function deleteRoom({ chat, member }: CommandContext, name: string): Answer {
  if (name === "") throw mistyped("/room delete #ROOM");
  const room = chat.rooms.requireIn(member, name);
  chat.roles.require(member, "room set", room);
  if (room === chat.rooms.lobby) {
    throw new CommandError("lobby", `${room.name} cannot be deleted: everybody enters there.`);
  }
  chat.moderation.note({ by: member.name, act: "delete", room });
  const text = `${member.name} deleted ${room.name}, with all that was said there.`;
  chat.broadcast.tell(room, { type: "announced", room: room.name, code: "room-deleted", text });
  chat.rooms.remove(room);
  for (const each of [...room.members.values()]) {
    chat.broadcast.part(each, room, null);
    chat.answer(each, { type: "parted", room: room.name, to: each.room?.name ?? null });
  }
  return null;
}

function describeRoom({ chat, member }: CommandContext, room: Room): Answer {
  const { access, keepMs, isLocked, topic } = room.record;
  const operators = new Set(chat.store.operatorsOf(room.record.id));
  for (const [person] of room.people) {
    if (chat.roles.ofPerson(person, room) === "room operator") operators.add(person.name);
  }
  const lines = [
    `${room.name} is ${ACCESS_WORDS[access]}.`,
    `Its topic: ${topic === "" ? "none" : topic}`,
    `Its operators: ${operators.size === 0 ? "those of the server" : [...operators].join(", ")}.`,
    keepMs === null
      ? "What is said there is kept as long as the server keeps history."
      : `What is said there is kept for ${formatDuration(keepMs)}.`,
  ];
  if (isLocked) lines.push("It is locked: only registered names may come in and talk.");
  lines.push(`You are there as a ${chat.roles.of(member, room)}.`);
  return notice("room", ...lines);
}

function runInvite({ chat, member }: CommandContext, args: string): Answer {
  const room = requireRoom(member);
  chat.moderation.requireVoice(member, room);
  const person = chat.people.find(args);
  const account = person?.account ?? chat.store.accountByKey(nameKey(args));
  if (person === undefined && account === null) throw chat.people.nobody(args);
  if (person !== undefined && room.people.has(person)) {
    throw new CommandError("in-room", `${person.name} is here already.`);
  }
  const name = account?.name ?? person?.name ?? args;
  chat.moderation.note({ by: member.name, act: "invite", room, whom: name });
  if (account !== null) chat.rooms.invite(room, account.id);
  else chat.rooms.inviteGuest(room, person);
  if (person !== undefined && !person.isUnconfirmed) {
    for (const each of person.members) {
      if (each.ignored?.has(member.person.key)) continue;
      const text = `${member.name} invites you to ${room.name}: /join ${room.name}`;
      chat.answer(each, { type: "announced", room: null, code: "invited", text });
    }
  }
  return notice("invited", `${name} may come into ${room.name}.`);
}
