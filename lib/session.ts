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
import { isLoopback } from "./addresses.ts";
import type { Chat } from "./chat/chat.ts";
import type { CommandContext } from "./chat/command.ts";
import { runCommand } from "./chat/commands.ts";
import type { Entry } from "./chat/entry.ts";
import type { Delivery, Receiver, User } from "./chat/state.ts";
import { CommandError, type EndKind, EndReason, RemovedError } from "./errors.ts";
import type { ChatEvent, GoodbyeReason, LeaveReason } from "./events.ts";
import { ATTEMPTS_FREE, ENTRY_MS, LINE_BYTES_MAX, type Rate, RATE_LINE_LENGTH } from "./limits.ts";
import type { ClientMessage } from "./messages.ts";
import { type Connection, FILLER, type Line, TOO_LONG } from "./net/connection.ts";
import { type IdleLimit, type IdleOwner, IdleWatchdog } from "./net/idle_watchdog.ts";
import { RateLimiter } from "./net/rate_limiter.ts";
import { isHttpRequest } from "./protocol/first_bytes.ts";
import type { Protocol } from "./protocol/protocol.ts";

/** What the sessions of a server share. */
export interface SessionShared {
  /** Where users talk. */
  readonly chat: Chat;
  /** What is asked of everybody before they come in; null for nothing. */
  readonly entry: Entry | null;
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
  "removed": "removed",
  // Whoever ends a connection from another one has lost it.
  "replaced": "lost",
  "not-admitted": "left",
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
  "removed": "removed",
  "replaced": "replaced",
  "not-admitted": "not-admitted",
  "fault": "internal",
};

const LINE_TOO_LONG: ChatEvent = {
  type: "refused",
  code: "line-too-long",
  text: `A line has at most ${LINE_BYTES_MAX} bytes; that one was passed over.`,
};

const PASSWORD_WANTED: ChatEvent = {
  type: "notice",
  code: "password-wanted",
  lines: ["This server asks for its password. Type it, and then Enter:"],
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
  readonly #isPrivate: boolean;
  #watchdog: IdleWatchdog | null = null;
  /** Null until the visitor has come in. */
  #user: User | null = null;
  /** The name that a visitor asked for before having come in. */
  #wantedName: string | null = null;
  #wrongPasswords = 0;
  /** Shuts out a visitor who has not come in within `ENTRY_MS`. */
  #doorTimer: ReturnType<typeof setTimeout> | undefined;
  #isSlowed = false;
  #linesTaken = 0;

  /** Does nothing until {@linkcode Session.run}. */
  constructor(connection: Connection, protocol: Protocol, shared: SessionShared) {
    this.#connection = connection;
    this.#protocol = protocol;
    this.#shared = shared;
    this.#limiter = shared.rate === null ? null : new RateLimiter(shared.rate);
    this.#isPrivate = isLoopback(connection.address);
  }

  /** See {@linkcode Receiver}. */
  deliver(event: ChatEvent): void {
    // A full queue ends the connection by itself; there is nothing to add here.
    this.#connection.send(this.#protocol.encode(event));
  }

  /** See {@linkcode Receiver}. */
  deliverBatch(events: readonly ChatEvent[], { isHere, skipped }: Delivery): void {
    const { bytes, ends } = this.#protocol.encodeAll(events, isHere);
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
  #tell(event: ChatEvent): void {
    this.#shared.chat.flush();
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
    const { chat, idleLimit, entry } = this.#shared;
    let reason: EndReason | null = null;
    if (idleLimit !== null) this.#watchdog = new IdleWatchdog(connection, idleLimit, this);
    try {
      if (entry === null) reason = this.#enter();
      else this.#askPassword();
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
      clearTimeout(this.#doorTimer);
      if (this.#user !== null) chat.leave(this.#user, LEAVE_REASONS[reason.kind]);
      this.#sayGoodbye(reason);
      await connection.close(reason);
    }
    return reason;
  }

  /** Brings the visitor in. Returns why the session is to end instead, or null. */
  #enter(): EndReason | null {
    const { address } = this.#connection;
    const { chat } = this.#shared;
    // They may have been banned since they connected.
    const text = chat.whyKeptOut(address);
    if (text !== null) {
      this.#tell({ type: "refused", code: "banned", text });
      return new EndReason("refused", text);
    }
    clearTimeout(this.#doorTimer);
    this.#user = chat.enter(this, { address, isPrivate: this.#isPrivate });
    return null;
  }

  #askPassword(): void {
    const { controller } = this.#connection;
    this.#doorTimer = setTimeout(
      () => controller.abort(new EndReason("not-admitted", "Visitor gave no password")),
      ENTRY_MS,
    );
    this.#tell(PASSWORD_WANTED);
  }

  #sayGoodbye(reason: EndReason): void {
    const goodbye = GOODBYE_REASONS[reason.kind];
    if (goodbye === null) return;
    const detail = reason instanceof RemovedError ? reason.message : "";
    this.#tell({ type: "goodbye", reason: goodbye, sessionId: this.#user?.id ?? 0, detail });
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
  #take(line: Line): EndReason | null | Promise<EndReason | null> {
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
    const user = this.#user;
    const message = this.#protocol.decode(line);
    if (user === null) return this.#takeAtDoor(message);
    this.#shared.chat.heard(user);
    switch (message.type) {
      case "say":
        return this.#say(user, message.text);
      case "command":
        return this.#command(user, message);
      case "blank":
        return null;
    }
  }

  #say(user: User, text: string): null {
    try {
      this.#shared.chat.say(user, text);
    } catch (error) {
      this.#refuse(error);
    }
    return null;
  }

  #command(
    user: User,
    request: { readonly name: string; readonly args: string },
  ): EndReason | null | Promise<EndReason | null> {
    const { chat } = this.#shared;
    let reason: EndReason | null = null;
    const connection = this.#connection;
    const context: CommandContext = {
      member: chat.require(user),
      chat,
      // Few commands ask for it, and a signal costs its connection some memory.
      get signal() {
        return connection.signal;
      },
      quit: () => {
        reason = new EndReason("quit", "User left");
      },
    };
    try {
      const pending = runCommand(context, request);
      if (pending !== undefined) return this.#waitFor(pending);
    } catch (error) {
      this.#refuse(error);
    }
    return reason;
  }

  /** Waits for a command that could not be done at once. That is no silence of the peer's. */
  async #waitFor(pending: Promise<void>): Promise<null> {
    this.#watchdog?.pause();
    try {
      await pending;
    } catch (error) {
      // Nobody is left to be told.
      if (!this.#connection.signal.aborted) this.#refuse(error);
    }
    this.#watchdog?.resume();
    return null;
  }

  /** Tells the user of a refusal; whatever else it is, is a fault of ours. */
  #refuse(error: unknown): void {
    if (!(error instanceof CommandError)) throw error;
    this.#tell({ type: "refused", code: error.code, text: error.message });
  }

  /** Takes a line of a visitor who has not given the server's password yet. */
  async #takeAtDoor(message: ClientMessage): Promise<EndReason | null> {
    if (message.type === "blank") return null;
    if (message.type === "say") return await this.#tryPassword(message.text);
    switch (message.name) {
      case "pass":
        return await this.#tryPassword(message.args);
      case "quit":
        return new EndReason("quit", "Visitor left");
      case "ping":
        this.#tell({ type: "pong", text: message.args });
        return null;
      case "nick":
        this.#wantedName = message.args;
        return null;
      default:
        this.#tell(PASSWORD_WANTED);
        return null;
    }
  }

  async #tryPassword(password: string): Promise<EndReason | null> {
    const { address } = this.#connection;
    try {
      await this.#shared.entry?.admit({ address, isPrivate: this.#isPrivate }, password);
    } catch (error) {
      this.#refuse(error);
      // That the server had no time for it is not the visitor's mistake.
      const isBusy = error instanceof CommandError && error.code === "busy";
      if (isBusy || ++this.#wrongPasswords < ATTEMPTS_FREE) return null;
      return new EndReason("not-admitted", "Visitor did not know the password");
    }
    if (this.#connection.signal.aborted) return null;
    const reason = this.#enter();
    const user = this.#user;
    const name = this.#wantedName;
    if (user === null || name === null) return reason;
    return await this.#command(user, { name: "nick", args: name });
  }
}
