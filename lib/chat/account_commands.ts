/**
 * The commands about names.
 *
 * Must not know: sockets, protocols, how passwords are kept.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import { formatDate } from "../times.ts";
import { formatDuration } from "../duration.ts";
import {
  type Answer,
  type Command,
  type CommandContext,
  mistyped,
  notice,
  wordsOf,
} from "./command.ts";

const GROUP = "Names";

/** See {@linkcode Command}. */
export const ACCOUNT_COMMANDS: readonly Command[] = [
  {
    name: "nick",
    group: GROUP,
    args: "NAME",
    summary: "change your name",
    run: ({ chat, member }, args) => {
      chat.accounts.takeName(member, args);
      return null;
    },
  },
  {
    name: "register",
    group: GROUP,
    args: "PASSWORD",
    summary: "make your present name yours",
    run: async ({ chat, member }, args) => {
      await chat.accounts.register(member, args);
      return null;
    },
  },
  {
    name: "login",
    group: GROUP,
    args: "[NAME] PASSWORD",
    summary: "be who you are: under your present name, or another",
    run: runLogin,
  },
  {
    name: "ghost",
    group: GROUP,
    args: "",
    summary: "end the other connections of your name",
    run: runGhost,
  },
  {
    name: "account",
    group: GROUP,
    args: "[password OLD NEW|delete PASSWORD]",
    summary: "show your registered name and its connections, or change it",
    run: runAccount,
  },
];

async function runLogin({ chat, member }: CommandContext, args: string): Promise<Answer> {
  const [first = "", second, ...more] = wordsOf(args);
  if (first === "" || more.length > 0) throw mistyped("/login NAME PASSWORD");
  if (second === undefined) await chat.accounts.login(member, member.name, first);
  else await chat.accounts.login(member, first, second);
  return null;
}

function runGhost({ chat, member }: CommandContext): Answer {
  const count = chat.accounts.endOthers(member);
  if (count === 0) {
    throw new CommandError("no-ghost", `This is the only connection of ${member.name}.`);
  }
  return notice("ghosts", count === 1 ? "Ended one connection." : `Ended ${count} connections.`);
}

async function runAccount(context: CommandContext, args: string): Promise<Answer> {
  const { chat, member } = context;
  const [what = "", ...words] = wordsOf(args);
  const [first, second, ...more] = words;
  switch (what.toLowerCase()) {
    case "":
    case "sessions":
      return describeAccount(context);
    case "password":
      if (first === undefined || second === undefined || more.length > 0) {
        throw mistyped("/account password OLD NEW");
      }
      await chat.accounts.changePassword(member, first, second);
      return null;
    case "delete":
      if (first === undefined || second !== undefined) throw mistyped("/account delete PASSWORD");
      await chat.accounts.remove(member, first);
      chat.bots.reviewAll();
      return null;
    default:
      throw mistyped("/account, /account password OLD NEW, or /account delete PASSWORD");
  }
}

function describeAccount({ chat, member }: CommandContext): Answer {
  const { person } = member;
  const { account } = person;
  if (account === null) throw new CommandError("not-logged-in", "You are not logged in.");
  const nowMs = Date.now();
  const sessions = [...person.members].map((each, index) => {
    const rooms = [...each.rooms.keys()].map((room) => room.name).join(", ");
    const since = formatDuration(nowMs - each.joinedAtMs);
    const which = each === member ? " (this one)" : "";
    return `Connection ${index + 1}${which}: for ${since}, in ${rooms === "" ? "no room" : rooms}.`;
  });
  const role = chat.roles.isServerOperator(account) ? ", an operator of the server" : "";
  return notice(
    "account",
    `You are ${account.name}${role}, registered on ${formatDate(account.madeAtMs)}.`,
    ...sessions,
    "/account password OLD NEW changes the password, /account delete PASSWORD deletes the name.",
  );
}
