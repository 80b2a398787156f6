/**
 * One connection's life as a user, from hello to goodbye.
 *
 * Whatever ends it, the user is taken out, told why, and everything is
 * released, in the one `finally` of {@linkcode Session.run}.
 * Must not know: sockets, listeners, the store.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Chat } from "./chat/chat.ts";
import type { CommandContext } from "./chat/command.ts";
import { runCommand } from "./chat/commands.ts";
import type { Entry } from "./chat/entry.ts";
import type { Outcome } from "./chat/requests.ts";
import type { Missed } from "./chat/missed.ts";
import type { Delivery, Member, Receiver, User } from "./chat/state.ts";
import { type Admitted, Door, pong } from "./door.ts";
import type { Counters } from "./counters.ts";
import { CommandError, type EndKind, EndReason, RemovedError, StoreError } from "./errors.ts";
import type { ChatEvent, GoodbyeReason, LeaveReason } from "./events.ts";
import {
  LINE_BYTES_MAX,
  LINE_FRAME_LENGTH,
  MISSED_QUEUE_BYTES,
  MISSED_WAIT_MS,
  type Rate,
  RATE_LINE_LENGTH,
} from "./limits.ts";
import type { ClientMessage, Ref } from "./messages.ts";
import { type Connection, FILLER, type Line, TOO_LONG } from "./net/connection.ts";
import { type IdleLimit, type IdleOwner, IdleWatchdog } from "./net/idle_watchdog.ts";
import { RateLimiter } from "./net/rate_limiter.ts";
import { isHttpRequest } from "./protocol/first_bytes.ts";
import { isHello } from "./protocol/json.ts";
import type { Protocol } from "./protocol/protocol.ts";

/**
 * What a peer may speak: `json` where its way in leaves no other choice; else
 * what its first line tells, with `maybe-json` where that may be a program's
 * hello, before which nobody is greeted.
 */
export type Speech = "plain" | "maybe-json" | "json";

/** What the sessions of a server share. What changes holds for those who come from then on. */
export interface SessionShared {
  /** Where users talk. */
  readonly chat: Chat;
  /** What is handed to a connection is counted there. */
  readonly counters: Counters;
  /** What people speak, and what programs do. */
  readonly protocols: { readonly plain: Protocol; readonly json: Protocol };
  /** What is asked of everybody before they come in; null for nothing. */
  entry: Entry | null;
  /** For who has more to say than fits a turn. */
  readonly turns: { next(): Promise<void> };
  /** How fast a peer may send; null for as fast as it can. */
  rate: Rate | null;
  /** How long a peer may be silent; null for as long as it likes. */
  idleLimit: IdleLimit | null;
}

/** How the others hear of each end. */
const LEAVE_REASONS: Readonly<Record<EndKind, LeaveReason>> = {
  "quit": "left",
  "end-of-stream": "left",
  "reset": "lost",
  "idle": "idle",
  "slow": "slow",
  "shutdown": "left",
  "refused": "left",
  "removed": "removed",
  // Whoever ends a connection from another one has lost it.
  "replaced": "lost",
  // Nobody hears of it: the user is there, over another connection.
  "resumed": "lost",
  "not-admitted": "left",
  "fault": "lost",
};

/** The ends after which who can come back is waited for: nobody wanted them. */
const LOSSES: ReadonlySet<EndKind> = new Set<EndKind>([
  "end-of-stream",
  "reset",
  "idle",
  "slow",
  "shutdown",
]);

/** How the peer hears of each end; one that ended it itself hears nothing. */
const GOODBYE_REASONS: Readonly<Record<EndKind, GoodbyeReason | null>> = {
  "quit": "quit",
  "end-of-stream": null,
  "reset": null,
  "idle": "idle",
  "slow": "slow",
  "shutdown": "shutdown",
  "refused": null,
  "removed": "removed",
  "replaced": "replaced",
  "resumed": null,
  "not-admitted": "not-admitted",
  "fault": "internal",
};

const LINE_TOO_LONG: ChatEvent = {
  type: "refused",
  code: "line-too-long",
  text: `A line has at most ${LINE_BYTES_MAX} bytes; that one was passed over.`,
};

/** What answers requests of the user's own, and so has their `ref`. */
const ANSWERS: ReadonlySet<ChatEvent["type"]> = new Set<ChatEvent["type"]>([
  "entered",
  "found",
  "help",
  "history",
  "nick",
  "notice",
  "parted",
  "pong",
  "rooms",
  "welcome",
  "who",
]);

const WRONG_DOOR: ChatEvent = {
  type: "refused",
  code: "not-http",
  text: "This is a chat server, not a web server. Join with nc or telnet.",
};

const IS_HERE = true;

/** One user's visit. */
export class Session implements Receiver, IdleOwner {
  readonly #connection: Connection;
  #protocol: Protocol;
  readonly #shared: SessionShared;
  readonly #speech: Speech;
  readonly #limiter: RateLimiter | null;
  #watchdog: IdleWatchdog | null = null;
  /** Null until the visitor has come in. */
  #user: User | null = null;
  /** Until then. */
  #door: Door | null;
  #isSlowed = false;
  #linesTaken = 0;
  /** Of the request that is being dealt with; undefined for none. */
  #ref: Ref | undefined;
  /** Whether what was missed is being told: what happens meanwhile is told behind it. */
  #isCatchingUp = false;

  /**
   * Does nothing until {@linkcode Session.run}.
   *
   * @param speech What the peer may speak, by its way in or its first bytes.
   */
  constructor(connection: Connection, shared: SessionShared, speech: Speech) {
    this.#connection = connection;
    this.#protocol = speech === "json" ? shared.protocols.json : shared.protocols.plain;
    this.#shared = shared;
    this.#speech = speech;
    this.#limiter = shared.rate === null ? null : new RateLimiter(shared.rate);
    this.#door = this.#makeDoor();
  }

  /** See {@linkcode Receiver}. */
  deliver(event: ChatEvent): void {
    if (this.#isCatchingUp) return;
    this.#shared.counters.deliveries++;
    this.#send(event, ANSWERS.has(event.type) ? this.#ref : undefined);
  }

  /** Sends one event, whatever else is going on. */
  #send(event: ChatEvent, ref?: Ref): void {
    // A full queue ends the connection by itself; there is nothing to add here.
    this.#connection.send(this.#protocol.encode(event, ref));
  }

  /** See {@linkcode Receiver}. */
  deliverBatch(events: readonly ChatEvent[], { isHere, skipped }: Delivery): void {
    if (this.#isCatchingUp) return;
    const { bytes, ends } = this.#protocol.encodeAll(events, isHere);
    this.#shared.counters.deliveries += ends.length - (skipped === null ? 0 : skipped.size);
    if (skipped === null) {
      this.#connection.send(bytes);
      return;
    }
    let start = 0;
    let end = 0;
    for (const [index, next] of ends.entries()) {
      if (skipped.has(index)) {
        if (end > start) this.#connection.send(bytes.subarray(start, end));
        start = next;
      }
      end = next;
    }
    if (end > start) this.#connection.send(bytes.subarray(start, end));
  }

  /** See {@linkcode Receiver}. */
  end(reason: EndReason): void {
    this.#connection.controller.abort(reason);
  }

  /** See {@linkcode Receiver}. */
  get isEnded(): boolean {
    return this.#connection.signal.aborted;
  }

  /** See {@linkcode IdleOwner}. */
  onIdleWarning(remainingMs: number): void {
    this.#tell({ type: "idle-warning", remainingMs });
  }

  /** Tells the user something of the session's own, after all that was said before. */
  #tell(event: ChatEvent, ref?: Ref): void {
    this.#shared.chat.flush();
    if (!this.#isCatchingUp) this.#send(event, ref);
  }

  /**
   * Lives the session, and returns why it ended once nothing of it is left open.
   *
   * @throws Whatever failed that was neither the peer's doing nor the user's:
   *   a fault of ours. The session is over then as well.
   */
  async run(): Promise<EndReason> {
    const connection = this.#connection;
    const { chat, idleLimit } = this.#shared;
    let reason: EndReason | null = null;
    if (idleLimit !== null) this.#watchdog = new IdleWatchdog(connection, idleLimit, this);
    try {
      if (this.#speech === "plain") reason = this.#greet();
      else this.#door?.wait();
      if (reason !== null) return reason;
      for await (const line of connection.lines()) {
        const waitMs = this.#waitBefore(line);
        // Only who is too fast pays for a wait, however short.
        if (waitMs > 0 && !await this.#slowDown(waitMs)) break;
        // Asked before each line and of everybody: a thousand lines at once would be too many.
        while (chat.isTurnFull && !connection.signal.aborted) await this.#shared.turns.next();
        if (connection.signal.aborted) break;
        const taken = this.#take(line);
        // What has to wait (for a password's hash, say) is over before the next line is taken.
        reason = taken instanceof Promise ? await taken : taken;
        if (reason !== null || connection.signal.aborted) break;
      }
    } catch (error) {
      reason = EndReason.of(error);
      throw new Error(`Session ${this.#user?.id ?? 0} failed`, { cause: error });
    } finally {
      reason ??= EndReason.of(connection.signal.reason);
      this.#watchdog?.[Symbol.dispose]();
      this.#door?.close();
      this.#leave(reason);
      this.#sayGoodbye(reason);
      await connection.close(reason);
    }
    return reason;
  }

  /** Takes the user out, unless they are here over another connection, or may come back. */
  #leave({ kind }: EndReason): void {
    const user = this.#user;
    if (user === null || user.receiver !== this) return;
    const { chat } = this.#shared;
    if (LOSSES.has(kind)) chat.lose(user, LEAVE_REASONS[kind]);
    else chat.leave(user, LEAVE_REASONS[kind]);
  }

  /** Brings a person in, or asks for what has to be given first. Returns why the session ends, or null. */
  #greet(): EndReason | null {
    const answer = this.#door?.greet() ?? null;
    if (answer === null || answer instanceof EndReason) return answer;
    const entered = this.#enter(answer);
    // Nobody has asked for a name yet.
    return entered instanceof Promise ? null : entered;
  }

  /** Takes what a visitor says who is not in yet. As {@linkcode Session.#take}. */
  async #takeAtDoor(door: Door, message: ClientMessage): Promise<EndReason | null> {
    const answer = await (this.#isProgram ? door.takeRequest(message) : door.takeLine(message));
    if (answer === null || answer instanceof EndReason) return answer;
    return await this.#enter(answer);
  }

  /** Brings in who may come in. As {@linkcode Session.#take}. */
  #enter(admitted: Admitted): EndReason | null | Promise<EndReason | null> {
    const { chat } = this.#shared;
    const door = this.#door;
    if (door === null) return null;
    switch (admitted.as) {
      case "person": {
        const user = this.#user = chat.enter(this, door.visitor);
        this.#closeDoor();
        const { nick } = admitted;
        if (nick === null) return null;
        return this.#command(chat.require(user), { name: "nick", args: nick });
      }
      case "program": {
        const { ref } = admitted;
        this.#ref = ref;
        const { user, refusal } = chat.enterProgram(this, door.visitor, admitted);
        this.#ref = undefined;
        this.#user = user;
        this.#closeDoor();
        if (refusal !== null) this.#refuse(refusal, ref);
        return null;
      }
      case "returning":
        return this.#resume(door, admitted);
    }
  }

  #makeDoor(): Door {
    const { chat, entry } = this.#shared;
    const tell = (event: ChatEvent, ref?: Ref): void => this.#tell(event, ref);
    return new Door(this.#connection, { chat, entry, tell });
  }

  #closeDoor(): void {
    this.#door?.close();
    this.#door = null;
  }

  #sayGoodbye(reason: EndReason): void {
    const goodbye = GOODBYE_REASONS[reason.kind];
    if (goodbye === null) return;
    const detail = reason instanceof RemovedError ? reason.message : "";
    this.#shared.chat.flush();
    // Whoever is told what they missed is told that this is not all of it, too.
    this.#send({ type: "goodbye", reason: goodbye, sessionId: this.#user?.id ?? 0, detail });
  }

  /** Milliseconds to wait before the next line is taken. */
  #waitBefore(line: Line): number {
    if (this.#limiter === null) return 0;
    const nowMs = Date.now();
    if (this.#limiter.isFull(nowMs)) this.#isSlowed = false;
    const length = typeof line === "string" ? this.#lengthOf(line) : 0;
    return this.#limiter.take(nowMs, 1 + Math.floor(length / RATE_LINE_LENGTH));
  }

  /** Characters of what a line may make others see. */
  #lengthOf(line: string): number {
    if (!this.#isProgram) return line.length;
    // Each line of a message is framed for who reads it on `nc`.
    let length = line.length;
    for (let at = line.indexOf("\\n"); at >= 0; at = line.indexOf("\\n", at + 2)) {
      length += LINE_FRAME_LENGTH;
    }
    return length;
  }

  /**
   * Makes a peer wait that sends faster than it may, and says so once. Meanwhile
   * nothing more is read, so the peer's own system holds back the rest, and
   * nothing is lost.
   *
   * @returns False where the session ended meanwhile.
   */
  async #slowDown(waitMs: number): Promise<boolean> {
    if (!this.#isSlowed) {
      this.#isSlowed = true;
      this.#tell({ type: "slowed", perSecond: this.#shared.rate?.perSecond ?? 0 });
    }
    // That is our doing, not the peer's silence.
    this.#watchdog?.pause();
    try {
      await delay(waitMs, { signal: this.#connection.signal });
    } catch {
      return false; // Only the signal ends a delay; it carries the reason.
    }
    this.#watchdog?.resume();
    return true;
  }

  /** Acts on one line. Returns why the session is to end, or null. */
  #take(line: Line): EndReason | null | Promise<EndReason | null> {
    if (this.#linesTaken++ === 0) {
      const reason = this.#takeFirst(line);
      if (reason !== null) return reason;
    }
    if (line === FILLER) return null;
    if (line === TOO_LONG) {
      this.#tell(LINE_TOO_LONG);
      return null;
    }
    const user = this.#user;
    const message = this.#protocol.decode(line);
    if (user === null) return this.#door === null ? null : this.#takeAtDoor(this.#door, message);
    const { chat } = this.#shared;
    chat.heard(user);
    const member = chat.require(user);
    chat.seats.received(member);
    if ("ref" in message && member.requests?.isKnown(message.ref)) {
      this.#repeat(member.requests.outcomeOf(message.ref), message.ref);
      return null;
    }
    switch (message.type) {
      case "say":
        return this.#say(member, message);
      case "command":
        return this.#command(member, message);
      case "ping":
        chat.seats.confirm(member, message.lastId);
        this.#tell(pong(message.text), message.ref);
        return null;
      case "hello":
        this.#refuse(new CommandError("here", "You are in already."), message.ref);
        return null;
      case "invalid":
        this.#refuse(new CommandError(message.code, message.text), message.ref);
        return null;
      case "blank":
        return null;
    }
  }

  get #isProgram(): boolean {
    return this.#protocol === this.#shared.protocols.json;
  }

  /** Finds out from the first line who is there. */
  #takeFirst(line: Line): EndReason | null {
    if (this.#speech === "json") return null;
    const isText = typeof line === "string";
    if (isText && isHttpRequest(line)) {
      this.#tell(WRONG_DOOR);
      return new EndReason("refused", "Peer speaks HTTP");
    }
    // A person on `nc` can begin with a brace as well.
    if (!isText || !(isHello(line) || isTorn(line))) {
      return this.#speech === "maybe-json" ? this.#greet() : null;
    }
    this.#protocol = this.#shared.protocols.json;
    // It came so late that it was taken for a person.
    if (this.#user !== null) this.#shared.chat.leave(this.#user, "left");
    this.#user = null;
    this.#door ??= this.#makeDoor();
    this.#door.wait();
    return null;
  }

  #say(member: Member, message: ClientMessage & { readonly type: "say" }): null {
    const { chat } = this.#shared;
    try {
      if (message.room !== undefined) this.#turnTo(member, message.room);
      const { id, atMs } = chat.say(member, message.text);
      if (member.requests === null) return null;
      chat.broadcast.noteRequest(member, message.ref, { id, atMs });
      // In front of the event itself, which is told at the end of the turn: to tell it
      // at once would mean a fan-out for each who talks.
      if (message.ref !== undefined) this.#send({ type: "ok", id, atMs }, message.ref);
    } catch (error) {
      this.#refuse(error, message.ref);
    }
    return null;
  }

  /** Makes a room of the user's the current one: that is where a request is made. */
  #turnTo(member: Member, name: string): void {
    const { chat } = this.#shared;
    const room = chat.rooms.requireIn(member, name);
    if (member.room === room) return;
    chat.broadcast.turnTo(member, room);
    chat.seats.touch(member);
  }

  /** Answers a request that was dealt with before, as it was then. */
  #repeat(outcome: Outcome, ref: Ref): void {
    if (!(outcome instanceof CommandError)) {
      this.#tell({ type: "ok", ...outcome, repeated: true }, ref);
    } else this.#tell({ type: "refused", code: outcome.code, text: outcome.message }, ref);
  }

  #command(
    member: Member,
    request: {
      readonly name: string;
      readonly args: string;
      readonly room?: string;
      readonly ref?: Ref;
    },
  ): EndReason | null | Promise<EndReason | null> {
    const { chat } = this.#shared;
    let reason: EndReason | null = null;
    const connection = this.#connection;
    const { ref } = request;
    const context: CommandContext = {
      member,
      chat,
      answer: (event) => {
        this.#ref = ref;
        chat.answer(member, event);
        this.#ref = undefined;
      },
      // Few commands ask for it, and a signal costs its connection some memory.
      get signal() {
        return connection.signal;
      },
      quit: () => {
        reason = new EndReason("quit", "User left");
      },
    };
    const saidId = member.lastMessageId;
    try {
      if (request.room !== undefined) this.#turnTo(member, request.room);
      this.#ref = ref;
      const pending = runCommand(context, request);
      if (pending !== undefined) return this.#waitFor(member, pending, ref);
      this.#done(member, ref, saidId);
    } catch (error) {
      this.#refuse(error, ref);
    }
    return reason;
  }

  /** Waits for a command that could not be done at once. That is no silence of the peer's. */
  async #waitFor(member: Member, pending: Promise<void>, ref: Ref | undefined): Promise<null> {
    this.#watchdog?.pause();
    // What is told meanwhile may be others' doing: only the answer itself is known to be one.
    this.#ref = undefined;
    try {
      await pending;
      if (!this.#connection.signal.aborted) this.#done(member, ref, member.lastMessageId);
      // It was done all the same: whoever comes back and asks again is not to have it done twice.
      else this.#shared.chat.broadcast.noteRequest(member, ref, null);
    } catch (error) {
      // Nobody is left to be told.
      if (!this.#connection.signal.aborted) this.#refuse(error, ref);
    }
    this.#watchdog?.resume();
    return null;
  }

  /** A command was done: a program is told. */
  #done(member: Member, ref: Ref | undefined, saidId: number | null): void {
    this.#ref = undefined;
    if (member.requests === null) return;
    const { chat } = this.#shared;
    const { lastMessageId: id, lastMessageAtMs: atMs } = member;
    const said = id === null || id === saidId ? null : { id, atMs };
    chat.broadcast.noteRequest(member, ref, said);
    chat.seats.touch(member);
    if (ref !== undefined) this.#tell({ type: "ok", ...said }, ref);
  }

  /** Tells the user of a refusal; whatever else it is, is a fault of ours. */
  #refuse(error: unknown, ref?: Ref): void {
    this.#ref = undefined;
    if (!(error instanceof CommandError)) throw error;
    const { chat } = this.#shared;
    const member = this.#user === null ? undefined : chat.broadcast.find(this.#user);
    if (member !== undefined) chat.broadcast.noteRequest(member, ref, error);
    this.#tell({ type: "refused", code: error.code, text: error.message }, ref);
  }

  /** Goes on with an earlier connection of the user's, and tells what they missed. */
  async #resume(
    door: Door,
    { claim, ticket, lastId, ref }: Admitted & { readonly as: "returning" },
  ): Promise<EndReason | null> {
    // From here on what happens is told behind what was missed.
    this.#isCatchingUp = true;
    try {
      const by = { claim, ticket, lastId };
      const { user, welcome } = this.#shared.chat.resume(this, door.visitor, by);
      this.#user = user;
      this.#send(welcome, ref);
    } catch (error) {
      this.#isCatchingUp = false;
      this.#refuse(error, ref);
      return null;
    }
    this.#closeDoor();
    return await this.#catchUp(claim.member, lastId);
  }

  /** Tells all that a user has missed after an event, no faster than they take it. */
  async #catchUp(member: Member, lastId: number): Promise<EndReason | null> {
    const { broadcast, seats } = this.#shared.chat;
    const connection = this.#connection;
    let afterId = Math.min(lastId, broadcast.lastMessageId);
    seats.confirm(member, afterId);
    let count = 0;
    for (;;) {
      let missed: Missed;
      try {
        missed = seats.missed(member, afterId);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        const text = `What was missed cannot be told: ${error.message}`;
        this.#send({ type: "refused", code: "store-failed", text });
        // Whoever comes back later misses the same.
        return new EndReason("reset", text, { cause: error });
      }
      const { events } = missed;
      count += events.length;
      if (events.length > 0) connection.send(this.#protocol.encodeAll(events, IS_HERE).bytes);
      afterId = missed.lastId;
      if (missed.isLast) break;
      try {
        do await delay(MISSED_WAIT_MS, { signal: connection.signal }); while (
          connection.queuedBytes > MISSED_QUEUE_BYTES
        );
      } catch {
        return null; // Only the signal ends a delay; whoever comes back again misses the same.
      }
    }
    // Nothing has happened since the last of it was read.
    this.#isCatchingUp = false;
    if (connection.signal.aborted) return null;
    this.#send({ type: "caught-up", missed: count, id: afterId });
    return null;
  }
}

/**
 * Whether a line is the beginning of an object of JSON: of a hello, say, whose end was lost
 * along with its connection. Passwords and tokens stand in those, so nobody is shown it.
 */
function isTorn(line: string): boolean {
  if (!/^\ufeff?[ \t\r]*\{[ \t]*"/.test(line)) return false;
  try {
    JSON.parse(line);
    return false;
  } catch {
    return true;
  }
}
