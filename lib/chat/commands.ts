/**
 * The commands: one table, and how one is run.
 *
 * A command that refuses throws a `CommandError`, which the caller shows to the
 * user. Who may run which stands in `rights.ts`.
 * Must not know: sockets, protocols, how a session ends.
 *
 * @module
 */

import { CommandError, StoreError } from "../errors.ts";
import type { ChatEvent, HelpEntry } from "../events.ts";
import { ACCOUNT_COMMANDS } from "./account_commands.ts";
import {
  type Answer,
  type Command,
  type CommandContext,
  mistyped,
  takeScope,
  usageOf,
} from "./command.ts";
import { HISTORY_COMMANDS } from "./history_commands.ts";
import { MODERATION_COMMANDS } from "./moderation_commands.ts";
import { findNearest } from "./nearest.ts";
import { type Right, RIGHTS } from "./rights.ts";
import { ROOM_COMMANDS } from "./room_commands.ts";
import { TALK_COMMANDS } from "./talk_commands.ts";
import { TOKEN_COMMANDS } from "./token_commands.ts";

const HELP_COMMAND: Command = {
  name: "help",
  group: "Talking",
  args: "[COMMAND]",
  summary: "show this, or how one command is typed",
  run: (_context, args) => ({ type: "help", entries: helpOn(args) }),
};

/** Every command, in the order of help. */
export const COMMANDS: readonly Command[] = [
  HELP_COMMAND,
  ...TALK_COMMANDS,
  ...ROOM_COMMANDS,
  ...ACCOUNT_COMMANDS,
  ...TOKEN_COMMANDS,
  ...HISTORY_COMMANDS,
  ...MODERATION_COMMANDS,
];

const BY_NAME: ReadonlyMap<string, Command> = new Map(
  COMMANDS.map((command) => [command.name, command]),
);

const SLASH_ENTRY: HelpEntry = {
  group: "Talking",
  usage: "//TEXT",
  summary: "say something that begins with a slash",
};

const HELP: readonly HelpEntry[] = COMMANDS.flatMap((command) => {
  const { group, summary } = command;
  const entry = { group, usage: usageOf(command), summary };
  return command.name === "ping" ? [SLASH_ENTRY, entry] : [entry];
});

/**
 * Runs a command for a user, and answers it.
 *
 * @param request The command without its slash, in lower case, and its arguments.
 * @returns A promise where the command has to wait; the caller waits for it
 *   before it takes the user's next line.
 * @throws {CommandError} If there is no such command, or it refuses.
 */
export function runCommand(
  context: CommandContext,
  request: { readonly name: string; readonly args: string },
): void | Promise<void> {
  const command = BY_NAME.get(request.name);
  if (command === undefined) throw new CommandError("no-such-command", unknown(request.name));
  requireRight(context, command, request.args);
  if (request.args === "" && needsArgs(command)) throw mistyped(usageOf(command));
  let answer: Answer | Promise<Answer>;
  try {
    answer = command.run(context, request.args);
  } catch (error) {
    throw refuse(error);
  }
  if (answer instanceof Promise) return answer.then((late) => give(context, late), rethrow);
  give(context, answer);
}

/** What is asked for on the whole server takes a right of its own. */
function requireRight({ chat, member }: CommandContext, { name }: Command, args: string): void {
  const onServer = `${name} server`;
  if (takeScope(args).isServer && onServer in RIGHTS) {
    chat.roles.require(member, onServer as Right, null);
  } else chat.roles.require(member, name, member.room);
}

/** What the store cannot do is refused like anything else: the user may try again. */
function refuse(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return new CommandError(
    "store-failed",
    `That could not be done, and nothing was changed: ${error.message}`,
    { cause: error },
  );
}

function rethrow(error: unknown): never {
  throw refuse(error);
}

function give(context: CommandContext, answer: ChatEvent | null): void {
  if (answer !== null && !context.member.isGone) context.answer(answer);
}

function needsArgs({ args }: Command): boolean {
  return args.replaceAll(/\[[^\]]*\]/g, "").trim() !== "";
}

function helpOn(args: string): readonly HelpEntry[] {
  if (args === "") return HELP;
  const name = args.replace(/^\//, "").toLowerCase();
  const command = BY_NAME.get(name);
  if (command === undefined) throw new CommandError("no-such-command", unknown(name));
  return [{ group: command.group, usage: usageOf(command), summary: command.summary }];
}

function unknown(name: string): string {
  const nearest = findNearest(name, [...BY_NAME.keys()]);
  const hint = nearest === null
    ? "/help shows those that exist; // begins a message with a slash."
    : `Did you mean /${nearest}? (// begins a message with a slash.)`;
  // Nobody needs to see again what is far too long for a command.
  return `There is no ${name.length <= 20 ? `/${name}` : "such command"}. ${hint}`;
}
