/**
 * Says one message in a room and leaves: `parley-client send`.
 *
 * Promises to tell apart what was said, what was refused, and what nobody knows.
 * Must not know: the command line, exit codes, the terminal.
 *
 * @module
 */

import { Conversation, type ConversationEnd, type RequestAnswer } from "./conversation.ts";
import type { ServerAddress } from "./server_address.ts";
import type { ConnectOptions, LineLink } from "./server_link.ts";

/** What became of the message; sentences are for the user. */
export type SendEnd =
  | { readonly kind: "said" }
  /** It was not delivered, or it is not known whether it was. */
  | { readonly kind: "failed"; readonly why: string }
  /** The server does not want it; `code` is stable. */
  | { readonly kind: "refused"; readonly code: string; readonly why: string };

/** Options of {@linkcode sendMessage}. */
export interface SendOptions {
  /** Where the server is. */
  readonly address: ServerAddress;
  /** With its `#`. The user joins it where that is needed. */
  readonly room: string;
  /** May have several lines, which stay one message. */
  readonly text: string;
  /** The name to go by; null for whatever the server picks. */
  readonly nick: string | null;
  /** The server's own; null for none. */
  readonly password: string | null;
  /** Gives it up. */
  readonly signal: AbortSignal;
  /** How a connection is made. @default {connectToServer} */
  readonly connect?: (address: ServerAddress, options: ConnectOptions) => Promise<LineLink>;
}

/** Says a message, and waits until the server has it. */
export async function sendMessage(options: SendOptions): Promise<SendEnd> {
  const { address, room, text, nick, password, signal, connect } = options;
  let result: SendEnd | null = null;
  const finish = (sendEnd: SendEnd): void => {
    result = sendEnd;
    conversation.quit();
  };
  const conversation = new Conversation({
    address,
    nick,
    password,
    session: null,
    signal,
    reconnects: false,
    resumes: false,
    owner: {
      onEvent: () => {},
      onState: () => {},
      onPasswordWanted: () => Promise.resolve(null),
    },
    ...connect === undefined ? {} : { connect },
  });
  // To join a room that one is in already is no mistake.
  conversation.request({ type: "command", name: "join", args: room }, (joined) => {
    if (joined.type !== "refused") {
      conversation.request(
        { type: "say", text, room },
        (said) => finish(said.type === "refused" ? judge(said) : { kind: "said" }),
      );
    } else if (!isLost(joined)) finish(judge(joined));
  });
  const end = await conversation.run();
  return result ?? judgeEnd(end);
}

type Refusal = RequestAnswer & { readonly type: "refused" };

/** Whether it is no refusal of the server's: there was no way to it. */
function isLost({ code }: Refusal): boolean {
  return code === "unknown-fate" || code === "not-sent";
}

function judge(refusal: Refusal): SendEnd {
  const { code, text } = refusal;
  return isLost(refusal) ? { kind: "failed", why: text } : { kind: "refused", code, why: text };
}

/** The conversation has ended before the message was on its way. */
function judgeEnd({ kind, why }: ConversationEnd): SendEnd {
  const isOurs = kind === "lost" || kind === "aborted" || kind === "quit";
  const text = why ?? "The connection ended before anything was said.";
  return isOurs ? { kind: "failed", why: text } : { kind: "refused", code: kind, why: text };
}
