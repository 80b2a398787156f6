/**
 * Who may do what: one table.
 *
 * A role has every right of those before it. What an operator does to somebody
 * needs more than the right: nobody acts on who has a higher role than they.
 * Must not know: commands, users, rooms.
 *
 * @module
 */

/**
 * What somebody is, in a room: anybody at all; logged in under a registered
 * name; an operator of the room; an operator of the server.
 */
export const ROLES = ["guest", "member", "room operator", "server operator"] as const;
/** See {@linkcode ROLES}. */
export type Role = typeof ROLES[number];

/**
 * Every right, and the least role that has it. A right is named after its
 * command; `server` behind it is the same for the whole server.
 */
export const RIGHTS = {
  "help": "guest",
  "who": "guest",
  "me": "guest",
  "msg": "guest",
  "reply": "guest",
  "ignore": "guest",
  "unignore": "guest",
  "report": "guest",
  "ping": "guest",
  "quit": "guest",

  "join": "guest",
  "leave": "guest",
  "rooms": "guest",
  "topic": "guest",
  "topic set": "room operator",
  "room": "guest",
  "room set": "room operator",
  "invite": "room operator",

  "nick": "guest",
  "register": "guest",
  "login": "guest",
  "ghost": "member",
  "account": "member",
  "token": "member",
  "token others": "server operator",

  "history": "guest",
  "search": "guest",
  "forget": "guest",
  "forget others": "room operator",

  "kick": "room operator",
  "kick server": "server operator",
  "ban": "room operator",
  "ban server": "server operator",
  "unban": "room operator",
  "unban server": "server operator",
  "bans": "room operator",
  "bans server": "server operator",
  "mute": "room operator",
  "mute server": "server operator",
  "unmute": "room operator",
  "unmute server": "server operator",
  "lock": "room operator",
  "lock server": "server operator",
  "unlock": "room operator",
  "unlock server": "server operator",
  "op": "room operator",
  "op server": "server operator",
  "deop": "room operator",
  "deop server": "server operator",
  "audit": "room operator",
  "audit server": "server operator",
  "backup": "server operator",
} as const satisfies Readonly<Record<string, Role>>;

/** See {@linkcode RIGHTS}. */
export type Right = keyof typeof RIGHTS;

/** Whether a role has a right. */
export function hasRight(role: Role, right: Right): boolean {
  return rankOf(role) >= rankOf(RIGHTS[right]);
}

/** A role as a number: the more rights, the higher. */
export function rankOf(role: Role): number {
  return ROLES.indexOf(role);
}
