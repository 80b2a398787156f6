/**
 * What bots ask for over HTTP: to say something in a room, and to be streamed one.
 *
 * A stream is what a program is sent in a room: JSON lines, from a `welcome` to a
 * `goodbye`, through the same bounded send queue as everybody's.
 * Must not know: HTTP beyond status codes, the store, what tokens are made of.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Chat } from "./chat/chat.ts";
import { KeptEvents } from "./chat/kept_events.ts";
import type { Missed } from "./chat/missed.ts";
import type { Delivery, Member, Receiver } from "./chat/state.ts";
import type { BotRecord } from "./chat/store.ts";
import type { Counters } from "./counters.ts";
import {
  CommandError,
  type EndKind,
  EndReason,
  RemovedError,
  SendQueueError,
  ShutdownError,
  StoreError,
} from "./errors.ts";
import type { ChatEvent, GoodbyeReason, LeaveReason } from "./events.ts";
import {
  BOT_ATTEMPT_WAIT_MS_MAX,
  BOT_PAGE_PAUSE_FACTOR,
  BOT_RATE,
  BOT_RATES_REMEMBERED_MAX,
  BOT_STALL_MS,
  BOT_STREAM_BLANK_MS,
  LINE_FRAME_LENGTH,
  MISSED_QUEUE_BYTES,
  MISSED_WAIT_MS,
  RATE_LINE_LENGTH,
} from "./limits.ts";
import type { Admission } from "./net/admission.ts";
import { RateLimiter } from "./net/rate_limiter.ts";
import type { Due } from "./net/shared_timers.ts";
import { type ConnectionShared, SocketConnection } from "./net/socket_connection.ts";
import type { Protocol } from "./protocol/protocol.ts";
import type { Socket } from "./socket.ts";
import type { Tasks } from "./tasks.ts";
import { framedLength } from "./text.ts";
import type { BotAnswer, BotRequest, BotsHandler } from "./web/bots_handler.ts";

/** What bots stand on. */
export interface BotsOptions {
  /** Where they talk. */
  readonly chat: Chat;
  /** What programs are served with, too: what both are told is encoded once. */
  readonly json: Protocol;
  /** What the connections of the server share; at its end each is given back to `admission`. */
  readonly connections: ConnectionShared;
  /** How many connections there may be: a stream is one. */
  readonly admission: Pick<Admission, "admit" | "release">;
  /** Streams and what they are told are counted there. */
  readonly counters: Counters;
  /** Owns the streams. */
  readonly tasks: Tasks;
  /** Aborted when the server stops: then every stream ends. */
  readonly signal: AbortSignal;
}

/** What each refusal is in HTTP; the request itself is at fault where none is named. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ["bad-token", 401],
  ["not-private", 403],
  ["banned", 403],
  ["muted", 403],
  ["locked", 403],
  ["not-a-member", 403],
  ["no-such-room", 404],
  ["too-fast", 429],
  ["too-many-attempts", 429],
  ["too-many-streams", 429],
  ["address-full", 429],
  ["server-full", 503],
  ["shutdown", 503],
]);

/** Refuses a bot that is too fast; the wait is in whole seconds. */
class TooFastError extends CommandError {
  constructor(code: string, text: string, readonly seconds: number) {
    super(code, text);
  }
}

/** Requests of bots. See {@linkcode BotsHandler}. */
export class Bots implements BotsHandler {
  readonly #options: BotsOptions;
  /** How fast bots were lately, by their ids; who asked last stands last. */
  readonly #limiters = new Map<number, RateLimiter>();
  readonly #reading = new Reading();

  /** For the bots of one server. */
  constructor(options: BotsOptions) {
    this.#options = options;
  }

  /** See {@linkcode BotsHandler.post}. */
  async post(request: BotRequest & { readonly text: string }): Promise<BotAnswer> {
    return await answer(async () => {
      const { chat, connections } = this.#options;
      const bot = await this.#authenticate(request);
      const text = this.#read(request.text);
      const length = framedLength(text, LINE_FRAME_LENGTH) - LINE_FRAME_LENGTH;
      this.#count(bot, 1 + Math.floor(length / RATE_LINE_LENGTH));
      // As everybody who has more to say than readers can take in this turn.
      while (chat.isTurnFull) await connections.scheduler.next();
      const { id, atMs } = chat.bots.say(bot, { room: request.room, text, from: request });
      return { status: 200, body: { id, atMs } };
    });
  }

  /** See {@linkcode BotsHandler.stream}. */
  async stream(
    request: BotRequest & { readonly afterId: number | null },
    open: () => Socket,
  ): Promise<BotAnswer | null> {
    return await answer(async () => {
      const { chat, tasks, connections, counters } = this.#options;
      const bot = await this.#authenticate(request);
      this.#count(bot, 1);
      chat.bots.requireReader(bot, request.room, request);
      const { address, isPrivate } = request;
      const socket = this.#open(address, open);
      const connection = new SocketConnection(
        socket,
        { address, isPrivate, via: "web" },
        connections,
      );
      counters.accepted.web++;
      const stream = new Stream(connection, { ...this.#options, reading: this.#reading });
      try {
        stream.enter(bot, request);
      } catch (error) {
        // Nothing was waited for since it was asked whether it may: it is the store.
        connection.abort(EndReason.of(error));
        throw error;
      }
      tasks.own("Streaming", stream.run(request.afterId));
      return null;
    });
  }

  async #authenticate(request: BotRequest): Promise<BotRecord> {
    const { chat: { bots }, signal } = this.#options;
    const hash = await bots.hash(request.token);
    if (signal.aborted) throw new CommandError("shutdown", "The server is stopping.");
    return bots.authenticate(hash, request);
  }

  /** Counts a stream as a connection, which is given back once it is closed, and opens it. */
  #open(address: string, open: () => Socket): Socket {
    const { admission } = this.#options;
    const refused = admission.admit(address);
    try {
      if (refused === null) return open();
    } catch (error) {
      admission.release(address);
      throw error;
    }
    admission.release(address);
    throw new CommandError(refused, "There are too many connections already. Try again later.");
  }

  /** A text as a program's `say` would be taken. */
  #read(text: string): string {
    const message = this.#options.json.decode(JSON.stringify({ type: "say", text }));
    if (message.type === "say") return message.text;
    const { code, text: why } = message.type === "invalid"
      ? message
      : { code: "bad-request", text: "That is nothing to say." };
    throw new CommandError(code, why);
  }

  /** Refuses who is faster than bots may be. What is refused costs nothing. */
  #count({ id }: BotRecord, lines: number): void {
    const limiter = this.#limiters.get(id) ?? new RateLimiter(BOT_RATE);
    this.#limiters.delete(id);
    this.#limiters.set(id, limiter);
    if (this.#limiters.size > BOT_RATES_REMEMBERED_MAX) {
      for (const oldest of this.#limiters.keys()) {
        this.#limiters.delete(oldest);
        break;
      }
    }
    const nowMs = Date.now();
    const waitMs = limiter.take(nowMs, lines);
    if (waitMs === 0) return;
    limiter.take(nowMs, -lines);
    const { burst, perSecond } = BOT_RATE;
    throw new TooFastError(
      "too-fast",
      `A bot may say ${burst} lines at once, and then ${perSecond} a second.`,
      Math.ceil(waitMs / 1_000),
    );
  }
}

/** When the next page of what streams have missed may be read. */
class Reading {
  #atMs = 0;

  /** Milliseconds until then; 0 for now. */
  get waitMs(): number {
    return Math.max(0, this.#atMs - Date.now());
  }

  /** Reads a page; behind it there is a pause, so that others have their turn. */
  read(page: () => Missed): Missed {
    const beganAtMs = Date.now();
    try {
      return page();
    } finally {
      const endedAtMs = Date.now();
      const pauseMs = BOT_PAGE_PAUSE_FACTOR * (endedAtMs - beganAtMs);
      this.#atMs = endedAtMs + Math.max(MISSED_WAIT_MS, pauseMs);
    }
  }
}

const IS_HERE = true;

/** A line with nothing on it, which readers of JSON lines pass over. */
const BLANK = new Uint8Array([0x0a]);

/** How the others hear of each end; all else is a loss. */
const LEAVE_REASONS: Partial<Readonly<Record<EndKind, LeaveReason>>> = {
  "end-of-stream": "left",
  "shutdown": "left",
  "slow": "slow",
  "removed": "removed",
};

/** How the reader hears of each end; one that ended it itself hears nothing. */
const GOODBYE_REASONS: Partial<Readonly<Record<EndKind, GoodbyeReason>>> = {
  "shutdown": "shutdown",
  "slow": "slow",
  "removed": "removed",
  "fault": "internal",
};

/** One stream: a member of a room who says nothing over it. */
class Stream implements Receiver, Due {
  readonly #connection: SocketConnection;
  readonly #options: BotsOptions & { readonly reading: Reading };
  #member: Member | null = null;
  /** While what was missed is told: what happens meanwhile and is not stored. */
  #kept: KeptEvents | null = null;
  /** Whether anything was sent since it was last looked. */
  #hasSent = false;
  /** The timer of the blank line. */
  #timer = 0;

  constructor(
    connection: SocketConnection,
    options: BotsOptions & { readonly reading: Reading },
  ) {
    this.#connection = connection;
    this.#options = options;
  }

  /** See {@linkcode Receiver}. */
  get isEnded(): boolean {
    return this.#connection.signal.aborted;
  }

  /** See {@linkcode Receiver}. */
  deliver(event: ChatEvent): void {
    this.#options.counters.deliveries++;
    // Whoever sent the bot out of the room has been told it in an event of the room.
    if (event.type === "parted") {
      this.end(new RemovedError("removed", `You are not in ${event.room} any more.`));
    } else this.#tell(event);
  }

  /** See {@linkcode Receiver}. */
  deliverBatch(events: readonly ChatEvent[], { skipped }: Delivery): void {
    this.#options.counters.deliveries += events.length - (skipped === null ? 0 : skipped.size);
    if (this.#kept === null && skipped === null) {
      this.#send(this.#options.json.encodeAll(events, IS_HERE).bytes);
      return;
    }
    for (const [index, event] of events.entries()) {
      if (!skipped?.has(index)) this.#tell(event);
    }
  }

  /** See {@linkcode Receiver}. */
  end(reason: EndReason): void {
    this.#connection.controller.abort(reason);
  }

  /**
   * Brings the bot into the room.
   *
   * @throws {CommandError} If it may not be there.
   */
  enter(bot: BotRecord, request: BotRequest & { readonly afterId: number | null }): void {
    const { chat, json } = this.#options;
    const { room, afterId } = request;
    const { user, welcome } = chat.enterBot(this, request, { bot, room, afterId });
    this.#member = chat.require(user);
    if (afterId !== null) this.#kept = new KeptEvents();
    this.#send(json.encode(welcome));
  }

  /**
   * Lives the stream; resolves once nothing of it is left open.
   *
   * @param afterId What was said after this event is told first; null for nothing.
   */
  async run(afterId: number | null): Promise<void> {
    const connection = this.#connection;
    const { signal } = this.#options;
    const onStop = (): void => this.end(new ShutdownError());
    let reason: EndReason | null = null;
    try {
      if (signal.aborted) onStop();
      else signal.addEventListener("abort", onStop);
      this.#startTimer();
      // From the first moment, so that a reader that goes away while it catches up is noticed.
      const ended = this.#untilEnd();
      if (afterId !== null) await this.#catchUp(afterId);
      await ended;
    } catch (error) {
      reason = EndReason.of(error);
      throw new Error("Stream failed", { cause: error });
    } finally {
      signal.removeEventListener("abort", onStop);
      this.#options.connections.timers.remove(this, this.#timer);
      await this.#close(reason ?? EndReason.of(connection.signal.reason));
    }
  }

  /** See {@linkcode Due}: it is time to look after a stream that goes on. */
  onDue(): void {
    if (this.isEnded) return;
    if (this.#member !== null) this.#options.chat.bots.review(this.#member);
    if (this.isEnded) return;
    if (!this.#hasSent) this.#connection.send(BLANK);
    this.#hasSent = false;
    this.#startTimer();
  }

  #startTimer(): void {
    this.#timer = this.#options.connections.timers.add(this, BOT_STREAM_BLANK_MS);
  }

  /** Resolves once the reader is gone, or the stream was ended. It has nothing to say. */
  async #untilEnd(): Promise<void> {
    const lines = this.#connection.lines();
    while (!(await lines.next()).done);
  }

  /** Tells all that was said after an event, no faster than it is taken, and then what happens. */
  async #catchUp(lastId: number): Promise<void> {
    const { chat, json, reading } = this.#options;
    const connection = this.#connection;
    const member = this.#member;
    let afterId = Math.min(lastId, chat.broadcast.lastMessageId);
    let count = 0;
    while (member !== null && this.#kept !== null && await this.#awaitTurn()) {
      const kept = this.#kept;
      let missed: Missed;
      try {
        missed = reading.read(() => chat.bots.missed(member, afterId, kept));
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        const text = `What was said before cannot be told: ${error.message}`;
        connection.send(json.encode({ type: "refused", code: "store-failed", text }));
        this.end(new EndReason("reset", text, { cause: error }));
        return;
      }
      const { events, lastId, isLast } = missed;
      count += events.length;
      afterId = lastId;
      if (events.length > 0) this.#send(json.encodeAll(events, IS_HERE).bytes);
      if (!isLast) continue;
      // Nothing has happened since the last of it was read.
      this.#kept = null;
      this.#send(json.encode({ type: "caught-up", missed: count, id: afterId }));
    }
  }

  /** Waits until the next page may be read, and the last one has mostly left; false at the end. */
  async #awaitTurn(): Promise<boolean> {
    const { signal } = this.#connection;
    const endsAtMs = Date.now() + BOT_STALL_MS;
    for (;;) {
      if (signal.aborted) return false;
      const isBehind = this.#connection.queuedBytes > MISSED_QUEUE_BYTES;
      const { waitMs } = this.#options.reading;
      if (!isBehind && waitMs === 0) return true;
      if (isBehind && Date.now() >= endsAtMs) this.end(new SendQueueError(MISSED_QUEUE_BYTES));
      try {
        await delay(Math.max(MISSED_WAIT_MS, waitMs), { signal });
      } catch {
        return false; // Only the signal ends a delay.
      }
    }
  }

  /** Sends an event, or keeps it until what was missed has been told; what is said is stored. */
  #tell(event: ChatEvent): void {
    if (this.#kept !== null) {
      if (!("roomId" in event)) this.#kept.add(event, null);
    } else this.#send(this.#options.json.encode(event));
  }

  #send(bytes: Uint8Array): void {
    this.#hasSent = true;
    // A full queue ends the connection by itself; there is nothing to add here.
    this.#connection.send(bytes);
  }

  /** Takes the bot out of the room, and says goodbye. */
  async #close(reason: EndReason): Promise<void> {
    const { chat, json } = this.#options;
    const { kind } = reason;
    const member = this.#member;
    if (member !== null) chat.leave(member, LEAVE_REASONS[kind] ?? "lost");
    chat.flush();
    const goodbye = GOODBYE_REASONS[kind];
    if (goodbye !== undefined) {
      const detail = reason instanceof RemovedError ? reason.message : "";
      const sessionId = member?.id ?? 0;
      this.#connection.send(json.encode({ type: "goodbye", reason: goodbye, sessionId, detail }));
    }
    await this.#connection.close(reason);
  }
}

function refusal(status: number, code: string, text: string): BotAnswer {
  return { status, body: { code, text } };
}

/** Does what was asked for, or says why not. */
async function answer<Result>(act: () => Promise<Result>): Promise<Result | BotAnswer> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof StoreError) {
      return refusal(503, "store-failed", `That could not be done: ${error.message}`);
    }
    if (!(error instanceof CommandError)) throw error;
    const { code, message } = error;
    const answered = refusal(STATUSES.get(code) ?? 400, code, message);
    const seconds = error instanceof TooFastError
      ? error.seconds
      : code === "too-many-attempts"
      ? BOT_ATTEMPT_WAIT_MS_MAX / 1_000
      : null;
    return seconds === null ? answered : { ...answered, retryAfterSeconds: seconds };
  }
}
