/**
 * The commands: one table, and what each row does.
 *
 * A command that refuses throws a `CommandError`, which the caller shows to the
 * user; none waits.
 * Must not know: sockets, protocols, how a session ends.
 *
 * @module
 */

import { CommandError } from "../errors.ts";
import type { ChatEvent, HelpEntry } from "../events.ts";
import type { Broadcast } from "./broadcast.ts";
import { findNearest } from "./nearest.ts";
import type { User } from "./user.ts";

/** What a command works on. */
export interface CommandContext {
  /** Who asks. */
  readonly user: User;
  /** The room that the user is in. */
  readonly broadcast: Broadcast;
  /** Ends the user's session. */
  quit(): void;
}

/** One row of the table. */
interface Command {
  readonly name: string;
  /** Its arguments, as help shows them; empty where it takes none. */
  readonly args: string;
  readonly summary: string;
  /** Whether it makes sense without arguments. */
  readonly needsArgs: boolean;
  /** Does it. What it returns is the answer to the user. */
  run(context: CommandContext, args: string): ChatEvent | null;
}

const COMMANDS: readonly Command[] = [
  {
    name: "help",
    args: "",
    summary: "show this",
    needsArgs: false,
    run: () => ({ type: "help", entries: HELP }),
  },
  {
    name: "nick",
    args: "NAME",
    summary: "change your name",
    needsArgs: true,
    run: runNick,
  },
  {
    name: "who",
    args: "",
    summary: "show who is here, and for how long",
    needsArgs: false,
    run: ({ broadcast }) => broadcast.who(),
  },
  {
    name: "me",
    args: "TEXT",
    summary: 'say what you do: "/me waves"',
    needsArgs: true,
    run: runMe,
  },
  {
    name: "msg",
    args: "NAME TEXT",
    summary: "say something to one person alone",
    needsArgs: true,
    run: runMsg,
  },
  {
    name: "reply",
    args: "TEXT",
    summary: "answer the last private message",
    needsArgs: true,
    run: runReply,
  },
  {
    name: "ping",
    args: "[TEXT]",
    summary: "check that the server answers",
    needsArgs: false,
    run: (_context, args) => ({ type: "pong", text: args }),
  },
  {
    name: "quit",
    args: "",
    summary: "leave",
    needsArgs: false,
    run: runQuit,
  },
];

const BY_NAME: ReadonlyMap<string, Command> = new Map(
  COMMANDS.map((command) => [command.name, command]),
);

const HELP: readonly HelpEntry[] = [
  ...COMMANDS.map((command) => ({ usage: usageOf(command), summary: command.summary })),
  { usage: "//TEXT", summary: "say something that begins with a slash" },
];

/**
 * Runs a command for a user.
 *
 * @param name The command without its slash, in lower case.
 * @throws {CommandError} If there is no such command, or it refuses.
 */
export function runCommand(
  context: CommandContext,
  request: { readonly name: string; readonly args: string },
): void {
  const command = BY_NAME.get(request.name);
  if (command === undefined) throw new CommandError("no-such-command", unknown(request.name));
  if (command.needsArgs && request.args === "") {
    throw new CommandError("missing-argument", `Type it as ${usageOf(command)}.`);
  }
  const answer = command.run(context, request.args);
  if (answer !== null) context.broadcast.answer(context.user, answer);
}

function runNick({ broadcast, user }: CommandContext, args: string): null {
  broadcast.rename(user, args);
  return null;
}

function runMe({ broadcast, user }: CommandContext, args: string): null {
  broadcast.act(user, args);
  return null;
}

function runMsg({ broadcast, user }: CommandContext, args: string): null {
  const space = args.indexOf(" ");
  const text = space < 0 ? "" : args.slice(space + 1).trim();
  if (text === "") throw new CommandError("missing-argument", "Type it as /msg NAME TEXT.");
  broadcast.whisper(user, args.slice(0, space), text);
  return null;
}

function runReply({ broadcast, user }: CommandContext, args: string): null {
  broadcast.reply(user, args);
  return null;
}

function runQuit(context: CommandContext): null {
  context.quit();
  return null;
}

function usageOf(command: Command): string {
  return command.args === "" ? `/${command.name}` : `/${command.name} ${command.args}`;
}

function unknown(name: string): string {
  const nearest = findNearest(name, [...BY_NAME.keys()]);
  const hint = nearest === null
    ? "/help shows those that exist; // begins a message with a slash."
    : `Did you mean /${nearest}? (// begins a message with a slash.)`;
  // Nobody needs to see again what is far too long for a command.
  return `There is no ${name.length <= 20 ? `/${name}` : "such command"}. ${hint}`;
}
