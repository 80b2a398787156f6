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
import type { Broadcast } from "./chat/broadcast.ts";
import { type CommandContext, runCommand } from "./chat/commands.ts";
import type { Receiver, User } from "./chat/user.ts";
import { CommandError, type EndKind, EndReason } from "./errors.ts";
import type { ChatEvent, EventBatch, GoodbyeReason, LeaveReason } from "./events.ts";
import { LINE_BYTES_MAX, type Rate, RATE_LINE_LENGTH } from "./limits.ts";
import { type Connection, FILLER, type Line, TOO_LONG } from "./net/connection.ts";
import { type IdleLimit, type IdleOwner, IdleWatchdog } from "./net/idle_watchdog.ts";
import { RateLimiter } from "./net/rate_limiter.ts";
import { isHttpRequest } from "./protocol/first_bytes.ts";
import type { Protocol } from "./protocol/protocol.ts";

/** What the sessions of a server share. */
export interface SessionShared {
  /** Where users talk. */
  readonly broadcast: Broadcast;
  /** For who has more to say than fits a turn. */
  readonly turns: { next(): Promise<void> };
  /** How fast a peer may send; null for as fast as it can. */
  readonly rate: Rate | null;
  /** How long a peer may be silent; null for as long as it likes. */
  readonly idleLimit: IdleLimit | null;
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
  "fault": "lost",
};

/** How the peer hears of each end; one that ended it itself hears nothing. */
const GOODBYE_REASONS: Readonly<Record<EndKind, GoodbyeReason | null>> = {
  "quit": "quit",
  "end-of-stream": null,
  "reset": null,
  "idle": "idle",
  "slow": "slow",
  "shutdown": "shutdown",
  "refused": null,
  "fault": "internal",
};

const LINE_TOO_LONG: ChatEvent = {
  type: "refused",
  code: "line-too-long",
  text: `A line has at most ${LINE_BYTES_MAX} bytes; that one was passed over.`,
};

const WRONG_DOOR: ChatEvent = {
  type: "refused",
  code: "not-http",
  text: "This is a chat server, not a web server. Join with nc or telnet.",
};

/** One user's visit. */
export class Session implements Receiver, IdleOwner {
  readonly #connection: Connection;
  readonly #protocol: Protocol;
  readonly #shared: SessionShared;
  readonly #limiter: RateLimiter | null;
  #watchdog: IdleWatchdog | null = null;
  #isSlowed = false;
  #linesTaken = 0;

  /** Does nothing until {@linkcode Session.run}. */
  constructor(connection: Connection, protocol: Protocol, shared: SessionShared) {
    this.#connection = connection;
    this.#protocol = protocol;
    this.#shared = shared;
    this.#limiter = shared.rate === null ? null : new RateLimiter(shared.rate);
  }

  /** See {@linkcode Receiver}. */
  deliver(event: ChatEvent): void {
    // A full queue ends the connection by itself; there is nothing to add here.
    this.#connection.send(this.#protocol.encode(event));
  }

  /** See {@linkcode Receiver}. */
  deliverBatch(batch: EventBatch, userId: number): void {
    const { bytes, ends } = this.#protocol.encodeAll(batch.events);
    if (!batch.excepted.has(userId)) {
      this.#connection.send(bytes);
      return;
    }
    let start = 0;
    let end = 0;
    for (const [index, except] of batch.except.entries()) {
      if (except === userId) {
        if (end > start) this.#connection.send(bytes.subarray(start, end));
        start = ends[index] ?? end;
      }
      end = ends[index] ?? end;
    }
    if (end > start) this.#connection.send(bytes.subarray(start, end));
  }

  /** See {@linkcode IdleOwner}. */
  onIdleWarning(remainingMs: number): void {
    this.#tell({ type: "idle-warning", remainingMs });
  }

  /** Tells the user something of the session's own, after all that was said before. */
  #tell(event: ChatEvent): void {
    this.#shared.broadcast.flush();
    this.deliver(event);
  }

  /**
   * Lives the session, and returns why it ended once nothing of it is left open.
   *
   * @throws Whatever failed that was neither the peer's doing nor the user's:
   *   a fault of ours. The session is over then as well.
   */
  async run(): Promise<EndReason> {
    const connection = this.#connection;
    const { broadcast, idleLimit } = this.#shared;
    const user = broadcast.enter(this, connection.address);
    if (idleLimit !== null) this.#watchdog = new IdleWatchdog(connection, idleLimit, this);
    let reason: EndReason | null = null;
    try {
      for await (const line of connection.lines()) {
        const waitMs = this.#waitBefore(line);
        // Only who is too fast pays for a wait, however short.
        if (waitMs > 0 && !await this.#slowDown(waitMs)) break;
        // Asked before each line and of everybody: a thousand lines at once would be too many.
        while (broadcast.isTurnFull && !connection.signal.aborted) await this.#shared.turns.next();
        if (connection.signal.aborted) break;
        reason = this.#take(user, line);
        if (reason !== null) break;
      }
    } catch (error) {
      reason = EndReason.of(error);
      throw new Error(`Session ${user.id} failed`, { cause: error });
    } finally {
      reason ??= EndReason.of(connection.signal.reason);
      this.#watchdog?.[Symbol.dispose]();
      broadcast.leave(user, LEAVE_REASONS[reason.kind]);
      const goodbye = GOODBYE_REASONS[reason.kind];
      if (goodbye !== null) this.#tell({ type: "goodbye", reason: goodbye, sessionId: user.id });
      await connection.close(reason);
    }
    return reason;
  }

  /** Milliseconds to wait before the next line is taken. */
  #waitBefore(line: Line): number {
    if (this.#limiter === null) return 0;
    const nowMs = Date.now();
    if (this.#limiter.isFull(nowMs)) this.#isSlowed = false;
    const length = typeof line === "string" ? line.length : 0;
    return this.#limiter.take(nowMs, 1 + Math.floor(length / RATE_LINE_LENGTH));
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
  #take(user: User, line: Line): EndReason | null {
    this.#linesTaken++;
    if (line === FILLER) return null;
    if (line === TOO_LONG) {
      this.#tell(LINE_TOO_LONG);
      return null;
    }
    if (this.#linesTaken === 1 && isHttpRequest(line)) {
      this.#tell(WRONG_DOOR);
      return new EndReason("refused", "Peer speaks HTTP");
    }
    const { broadcast } = this.#shared;
    const message = this.#protocol.decode(line);
    switch (message.type) {
      case "say":
        broadcast.say(user, message.text);
        return null;
      case "command":
        return this.#command(user, message);
      case "blank":
        return null;
    }
  }

  #command(user: User, request: { name: string; args: string }): EndReason | null {
    let reason: EndReason | null = null;
    const context: CommandContext = {
      user,
      broadcast: this.#shared.broadcast,
      quit: () => {
        reason = new EndReason("quit", "User left");
      },
    };
    try {
      runCommand(context, request);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#tell({ type: "refused", code: error.code, text: error.message });
    }
    return reason;
  }
}
