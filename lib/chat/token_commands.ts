/**
 * The command about bots: making them, and ending them.
 *
 * Must not know: tokens, where a bot's requests come in.
 *
 * @module
 */

import { formatDate } from "../times.ts";
import {
  type Answer,
  type Command,
  type CommandContext,
  mistyped,
  notice,
  wordsOf,
} from "./command.ts";

/** See {@linkcode Command}. */
export const TOKEN_COMMANDS: readonly Command[] = [
  {
    name: "token",
    group: "Bots",
    args: "create NAME|list|revoke NAME",
    summary: "make a bot that talks and reads by a token, show yours, or end one",
    run: runToken,
  },
];

function runToken(context: CommandContext, args: string): Answer | Promise<Answer> {
  const [what = "", name, ...more] = wordsOf(args);
  if (more.length > 0) throw mistyped(USAGE);
  switch (what.toLowerCase()) {
    case "create":
      if (name === undefined) throw mistyped("/token create NAME");
      return createBot(context, name);
    case "list":
      if (name !== undefined) throw mistyped("/token list");
      return listBots(context);
    case "revoke":
      if (name === undefined) throw mistyped("/token revoke NAME");
      return notice(
        "token-revoked",
        `${
          context.chat.bots.revoke(context.member, name)
        } is no more, and its token worth nothing.`,
      );
    default:
      throw mistyped(USAGE);
  }
}

const USAGE = "/token create NAME, /token list, or /token revoke NAME";

async function createBot({ chat, member }: CommandContext, name: string): Promise<Answer> {
  const made = await chat.bots.create(member, name);
  if (made === null) return null;
  const { name: shown, token } = made;
  return notice(
    "token",
    `${shown} is a bot of yours. Its token is shown this once: ${token}`,
    `It talks by: curl -H "Authorization: Bearer ${token}" -d "hello" https://HOST/rooms/lobby`,
    'It reads by the same with -N, and without -d "hello".',
  );
}

function listBots({ chat, member }: CommandContext): Answer {
  const bots = chat.bots.list(member);
  if (bots.length === 0) {
    return notice("tokens", "You have no bots: /token create NAME makes one.");
  }
  return notice(
    "tokens",
    ...bots.map(({ name, madeAtMs, rooms }) => {
      const reads = rooms.length === 0 ? "" : `, reading ${rooms.join(", ")}`;
      return `${name}, made on ${formatDate(madeAtMs)}${reads}.`;
    }),
  );
}
