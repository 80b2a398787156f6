/**
 * What bots ask for over HTTP: `POST /rooms/NAME` says something there, `GET`
 * streams the room.
 *
 * Reads the request, and writes what the handler answers.
 * Must not know: what a token is good for, the chat.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { BOT_TEXT_BYTES_MAX } from "../limits.ts";
import type { Socket } from "../socket.ts";
import type { BotAnswer, BotRequest, BotsHandler } from "./bots_handler.ts";
import { type Answer, jsonAnswer, SECURITY_HEADERS } from "./http_answer.ts";
import type { Requester } from "./requester.ts";
import { ResponseStream } from "./response_stream.ts";

/** A request of a bot's. */
export interface BotCall {
  /** As it came. */
  readonly request: IncomingMessage;
  /** Nothing of it was sent yet. */
  readonly response: ServerResponse;
  /** Who makes it. */
  readonly from: Requester;
  /** The room, as the path has it. */
  readonly name: string;
  /** What stands behind the question mark. */
  readonly query: string;
}

const TOKEN_WANTED = jsonAnswer(
  401,
  { code: "token-wanted", text: "Send a bot's token: Authorization: Bearer TOKEN." },
  { "WWW-Authenticate": "Bearer" },
);
const TOO_LONG = jsonAnswer(413, {
  code: "too-long",
  text: `A text has at most ${BOT_TEXT_BYTES_MAX} bytes.`,
});
const NOT_UTF8 = jsonAnswer(400, { code: "not-utf8", text: "A text is UTF-8." });
const BAD_ROOM = jsonAnswer(400, {
  code: "bad-room",
  text: "The room's name is not encoded right.",
});
const BAD_ID = jsonAnswer(400, { code: "bad-id", text: "What stands behind after= is a number." });

/**
 * Deals with a `GET` or `POST` of a bot's.
 *
 * @param release Told of the connection on which a stream was begun: whoever asked for the stream
 *   cares for it from then on.
 * @returns Null where the answer is a stream, which was begun.
 * @throws Whatever the handler does, or where the peer is gone before it has sent everything.
 */
export async function answerBot(
  call: BotCall,
  bots: BotsHandler,
  release: (socket: NetSocket) => void,
): Promise<Answer | null> {
  const token = tokenOf(call.request);
  if (token === null) return TOKEN_WANTED;
  const room = decodeName(call.name);
  if (room === null) return BAD_ROOM;
  const { address, isPrivate } = call.from;
  const bot: BotRequest = { room, token, address, isPrivate };
  return await (call.request.method === "POST"
    ? post(call, bots, bot)
    : stream(call, bots, bot, release));
}

async function post(
  { request, response }: BotCall,
  bots: BotsHandler,
  bot: BotRequest,
): Promise<Answer> {
  if (Number(request.headers["content-length"] ?? 0) > BOT_TEXT_BYTES_MAX) return TOO_LONG;
  if (request.headers.expect !== undefined) response.writeContinue();
  const body = await readBody(request);
  if (body === null) return TOO_LONG;
  const text = decodeUtf8(body);
  return text === null ? NOT_UTF8 : toAnswer(await bots.post({ ...bot, text }));
}

async function stream(
  { response, query }: BotCall,
  bots: BotsHandler,
  bot: BotRequest,
  release: (socket: NetSocket) => void,
): Promise<Answer | null> {
  const after = new URLSearchParams(query).get("after");
  if (after !== null && !/^\d{1,15}$/.test(after)) return BAD_ID;
  const afterId = after === null ? null : Number(after);
  const open = (): Socket => {
    const { socket } = response;
    // It is quiet for as long as its room is.
    socket?.setTimeout(0);
    if (socket !== null) release(socket);
    return openStream(response);
  };
  const answer = await bots.stream({ ...bot, afterId }, open);
  return answer === null ? null : toAnswer(answer);
}

/** Sends the head of an answer that goes on. */
function openStream(response: ServerResponse): Socket {
  response.writeHead(200, {
    ...SECURITY_HEADERS,
    "Content-Type": "application/x-ndjson",
    "Cache-Control": "no-store",
    // A proxy (nginx) that gathers lines before it passes them on makes a stream useless.
    "X-Accel-Buffering": "no",
  });
  response.flushHeaders();
  return new ResponseStream(response);
}

/** RFC 6750, section 2.1; null where there is none. */
function tokenOf({ headers }: IncomingMessage): string | null {
  return /^bearer +([\w.~+/-]+=*) *$/i.exec(headers.authorization ?? "")?.[1] ?? null;
}

function decodeName(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

/** A request's body; null where it is longer than a bot's text may be. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | null> {
  const body = new Uint8Array(BOT_TEXT_BYTES_MAX);
  let length = 0;
  // Destroying the request would take its answer along.
  const chunks: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) {
    if (length + chunk.length > BOT_TEXT_BYTES_MAX) return null;
    body.set(chunk, length);
    length += chunk.length;
  }
  return body.subarray(0, length);
}

/** Text, or null where the bytes are no UTF-8. */
function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function toAnswer({ status, body, retryAfterSeconds }: BotAnswer): Answer {
  return jsonAnswer(status, body, {
    ...(retryAfterSeconds === undefined ? {} : { "Retry-After": `${retryAfterSeconds}` }),
    // RFC 6750, section 3: there was a token, and it is none of ours.
    ...(status === 401 ? { "WWW-Authenticate": 'Bearer error="invalid_token"' } : {}),
  });
}
