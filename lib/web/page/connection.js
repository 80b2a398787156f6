// @ts-check
/// <reference lib="dom" />
/**
 * The page's side of the JSON protocol, over as many WebSockets as it takes.
 *
 * 1. Says hello right behind the opening, and nothing else until the welcome.
 * 2. Comes back by itself after a lost connection, after pauses that grow, and goes on where it
 *    was: each event is handed out once, in order.
 * 3. Requests that are made meanwhile are kept, and what was not answered is sent again. Each is
 *    acted upon once and ended by one answer; where the server has forgotten the session, an
 *    answer says that nobody knows (`unknown-fate`).
 * 4. Ends where the server wants it to, or the user; `start` begins anew.
 *
 * Must not know: the document, what is shown, where sessions are kept.
 *
 * @module
 */

import {
  HANGING_MS,
  HELLO_MS,
  PING_MS,
  PONG_MS,
  PROTOCOL_VERSION,
  REQUEST_BYTES_MAX,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
} from "./limits.js";
import { Outbox } from "./outbox.js";
import { describeGoodbye } from "./wording.js";

/** @import { ServerEvent, Welcome } from "../../protocol/json_reader.ts" */

/**
 * What a later connection goes on from. The token is a secret.
 *
 * @typedef {object} Session
 * @property {string} token What the last welcome gave.
 * @property {number} lastId The last event that was handed out.
 * @property {number} lastRef The highest `ref` that was given to a request.
 */

/**
 * How the connection is doing; `why` is a sentence.
 *
 * @typedef {{ kind: "idle" }
 *   | { kind: "connecting" }
 *   | { kind: "online" }
 *   | { kind: "waiting", retryAtMs: number, why: string }
 *   | { kind: "password", why: string, isWrong: boolean }
 *   | { kind: "ended", why: string }} ConnectionState
 */

/**
 * What is asked of the server.
 *
 * @typedef {{ type: "say", text: string, room?: string }
 *   | { type: "command", name: string, args: string, room?: string }} Request
 */

/** @typedef {Extract<ServerEvent, { type: "ok" | "refused" | "pong" }>} RequestAnswer */
/** @typedef {(answer: RequestAnswer) => void} OnDone */

/**
 * What a connection needs of a WebSocket.
 *
 * @typedef {Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose">} Socket
 */

/**
 * Options of {@linkcode Connection}.
 *
 * @typedef {object} ConnectionOptions
 * @property {() => Socket} open Opens a WebSocket to the server.
 * @property {(event: ServerEvent) => void} onEvent Takes what the server says, in order, nothing
 *   twice; what ends a request goes to its caller.
 * @property {(state: ConnectionState) => void} onState Takes how it is doing, at every change.
 * @property {() => void} onProgress There is something new to remember for a reload.
 */

/** See the module. */
export class Connection {
  #options;
  /** @type {Outbox<OnDone>} */
  #outbox = new Outbox(0);
  /** @type {ConnectionState} */
  #state = { kind: "idle" };
  /** @type {Socket | null} */
  #socket = null;
  /** @type {string | null} */
  #nick = null;
  /** @type {string | null} */
  #password = null;
  /** @type {string | null} */
  #token = null;
  #lastId = 0;
  #isWelcomed = false;
  /** Where the user is, to be there again in a new session. @type {string[]} */
  #rooms = [];
  /** @type {string | null} */
  #room = null;
  /** Rooms to join again, by the ref of the command that does it. @type {Map<string, string>} */
  #rejoining = new Map();
  #rejoinCount = 0;
  #attempts = 0;
  #openedAtMs = 0;
  #onlineAtMs = 0;
  /** What a server that cannot let us in says in plain text. */
  #lastWords = "";
  #pingCount = 0;
  #heardAtMs = 0;
  #nextPingAtMs = 0;
  #dueAtMs = 0;
  /**
   * The one timer: for the hello, the next ping, or the next attempt.
   *
   * @type {ReturnType<typeof setTimeout> | undefined}
   */
  #timer;

  /** @param {ConnectionOptions} options Nothing happens before {@linkcode Connection.start}. */
  constructor(options) {
    this.#options = options;
  }

  /** How it is doing. */
  get state() {
    return this.#state;
  }

  /** Requests that have no answer yet. */
  get pending() {
    return this.#outbox.size;
  }

  /**
   * What a later page can go on from; null where there is nothing.
   *
   * @returns {Session | null}
   */
  get session() {
    if (this.#token === null) return null;
    return { token: this.#token, lastId: this.#lastId, lastRef: this.#outbox.lastRef };
  }

  /**
   * Connects, and stays until the end.
   *
   * @param {{ nick: string | null, session: Session | null }} who The name to go by, null for
   *   whatever the server picks; and what to go on from, which nobody else may use.
   * @returns {void}
   */
  start({ nick, session }) {
    this.#nick = nick;
    if (session !== null) {
      this.#token = session.token;
      this.#lastId = session.lastId;
      this.#outbox.skipTo(session.lastRef);
    }
    this.#attempts = 0;
    this.#open();
  }

  /**
   * Gives the server's password that it has asked for.
   *
   * @param {string} password
   * @returns {void}
   */
  givePassword(password) {
    this.#password = password;
    this.#open();
  }

  /**
   * Sends a request, now or once there is a connection.
   *
   * @param {Request} request
   * @param {OnDone} onDone Takes the line that ends it, later. The server's `refused` has its
   *   codes; ours are `too-long`, `too-many-waiting`, `not-sent` and `unknown-fate`.
   * @returns {number} The ref that what answers it has.
   */
  request(request, onDone) {
    const ref = this.#outbox.nextRef();
    const line = JSON.stringify({ ...request, ref });
    const byteLength = new TextEncoder().encode(line).length;
    const refusal = this.#state.kind === "ended"
      ? refused(ref, "not-sent", "There is no connection any more.")
      : byteLength > REQUEST_BYTES_MAX
      ? refused(ref, "too-long", "That is too long for one message.")
      : !this.#outbox.add({ ref, line, byteLength, onDone })
      ? refused(ref, "too-many-waiting", "Not taken: too much waits for the server already.")
      : null;
    if (refusal !== null) queueMicrotask(() => onDone(refusal));
    else this.#pump();
    this.#options.onProgress();
    return ref;
  }

  /**
   * The user is here, or the network is back: ends the pause before the next attempt, begins one
   * anew that does not get on, and asks a server that has been silent for a while whether it is
   * there.
   *
   * @returns {void}
   */
  retryNow() {
    const isHanging = this.#state.kind === "connecting" &&
      Date.now() - this.#openedAtMs > HANGING_MS;
    if (this.#state.kind === "waiting" || isHanging) {
      this.#attempts = 0;
      this.#open();
    } else if (this.#state.kind === "online" && Date.now() - this.#heardAtMs > 1_000) {
      const nowMs = Date.now();
      this.#heardAtMs = nowMs - PING_MS - PONG_MS / 2;
      this.#ping(nowMs);
      this.#arm();
    }
  }

  /**
   * Leaves for good.
   *
   * @returns {void}
   */
  quit() {
    const socket = this.#socket;
    if (socket !== null && this.#state.kind === "online") {
      socket.send(JSON.stringify({ type: "quit" }));
    }
    this.#end("You have left.");
    socket?.close();
  }

  #open() {
    this.#detach();
    this.#lastWords = "";
    this.#openedAtMs = Date.now();
    this.#setState({ kind: "connecting" });
    const socket = this.#options.open();
    this.#socket = socket;
    socket.onopen = () => this.#sayHello(socket);
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#receive(socket, data);
    };
    socket.onclose = () => {
      const plain = this.#lastWords.replace(/^-- /, "");
      this.#lost(plain === "" ? "The connection was lost." : plain);
    };
    this.#setTimer(HELLO_MS, () => this.#lost("The server does not answer."));
  }

  /** @param {Socket} socket */
  #sayHello(socket) {
    const hello = {
      type: "hello",
      version: PROTOCOL_VERSION,
      ...this.#nick === null ? {} : { nick: this.#nick },
      ...this.#password === null ? {} : { password: this.#password },
      ...this.#token === null ? {} : { token: this.#token, last: this.#lastId },
    };
    socket.send(JSON.stringify(hello));
  }

  /**
   * One WebSocket message: one line or more.
   *
   * @param {Socket} socket
   * @param {string} data
   */
  #receive(socket, data) {
    this.#heardAtMs = Date.now();
    for (const line of data.split("\n")) {
      if (socket !== this.#socket) return;
      const event = readLine(line);
      if (event === null) {
        if (this.#state.kind !== "online" && /^[^{\s]/.test(line)) this.#lastWords = line;
      } else if (this.#state.kind === "online") this.#take(event);
      else this.#beforeWelcome(event, socket);
    }
  }

  /**
   * What answers a hello.
   *
   * @param {ServerEvent} event
   * @param {Socket} socket
   */
  #beforeWelcome(event, socket) {
    if (event.type === "welcome") return this.#welcome(event);
    if (event.type === "goodbye") return this.#goodbye(event);
    if (event.type !== "refused") return;
    const { code, text } = event;
    switch (code) {
      case "session-over":
        this.#token = null;
        return this.#sayHello(socket);
      case "not-private":
        // It may be the token that others could read, or the password.
        if (this.#token === null) return this.#end(text);
        this.#token = null;
        return this.#sayHello(socket);
      case "password-wanted":
      case "wrong-password":
        this.#password = null;
        this.#detach();
        return this.#setState({
          kind: "password",
          why: text,
          isWrong: code === "wrong-password",
        });
      case "banned":
      case "bad-version":
        return this.#end(text);
      default:
        return this.#lost(text);
    }
  }

  /** @param {Welcome} event */
  #welcome(event) {
    // What an earlier session was sent and did not answer, it may have acted upon.
    const lost = event.isResumed ? [] : this.#outbox.takeSent();
    if (!event.isResumed) {
      this.#lastId = event.id;
      if (this.#isWelcomed) this.#planRejoining(event);
    }
    this.#token = event.token;
    this.#nick = event.name;
    this.#outbox.skipTo(event.lastRef);
    this.#rooms = event.rooms.map(({ room }) => room);
    this.#room = event.room;
    this.#isWelcomed = true;
    this.#onlineAtMs = Date.now();
    this.#setState({ kind: "online" });
    // The first ping tells the server at once that the welcome has arrived.
    this.#ping(this.#onlineAtMs);
    this.#arm();
    this.#options.onEvent(event);
    for (const { ref, onDone } of lost) {
      onDone(refused(ref, "unknown-fate", "Nobody knows whether the server has got this."));
    }
    for (const [ref, room] of this.#rejoining) {
      this.#socket?.send(JSON.stringify({ type: "command", name: "join", args: room, ref }));
    }
    this.#pump();
    this.#options.onProgress();
  }

  /**
   * A new session begins in the lobby: the rooms of the old one are joined again, its current one
   * last.
   *
   * @param {Welcome} event
   */
  #planRejoining(event) {
    const there = new Set(event.rooms.map(({ room }) => room));
    const wanted = new Set([...this.#rejoining.values(), ...this.#rooms]);
    const missing = [...wanted].filter((room) => !there.has(room) && room !== this.#room);
    this.#rejoining.clear();
    const isElsewhere = this.#room !== null && this.#room !== event.room;
    for (const room of isElsewhere || missing.length > 0 ? [...missing, this.#room] : []) {
      // Not an integer: it may come before what was asked earlier, and a join may be done twice.
      if (room !== null) this.#rejoining.set(`rejoin-${++this.#rejoinCount}`, room);
    }
  }

  /**
   * What comes after the welcome.
   *
   * @param {ServerEvent} event
   */
  #take(event) {
    switch (event.type) {
      case "ok":
      case "refused":
        return this.#answer(event);
      case "pong":
        if (event.ref !== undefined) this.#answer(event);
        return;
      case "goodbye":
        this.#options.onEvent(event);
        return this.#goodbye(event);
      case "caught-up":
        this.#lastId = Math.max(this.#lastId, event.id);
        return this.#options.onEvent(event);
      case "idle-warning":
        return this.#ping(Date.now());
      case "welcome":
        // There is one a connection.
        return;
      default:
        return this.#takeOnce(event);
    }
  }

  /** @param {Exclude<ServerEvent, { type: "welcome" | "caught-up" | "ok" }>} event */
  #takeOnce(event) {
    const id = "id" in event ? event.id : undefined;
    if (id !== undefined) {
      if (id <= this.#lastId) return;
      this.#lastId = id;
      this.#options.onProgress();
    }
    switch (event.type) {
      case "nick":
        this.#nick = event.name;
        break;
      case "entered":
        this.#rooms = [...this.#rooms.filter((room) => room !== event.room), event.room];
        this.#room = event.room;
        break;
      case "parted":
        this.#rooms = this.#rooms.filter((room) => room !== event.room);
        this.#room = event.to;
        break;
      default:
        break;
    }
    this.#options.onEvent(event);
  }

  /**
   * Ends the request that this answers; whatever answers none of ours is the owner's.
   *
   * @param {RequestAnswer} event
   */
  #answer(event) {
    const { ref } = event;
    if (typeof ref === "string") this.#rejoining.delete(ref);
    const pending = typeof ref === "number" ? this.#outbox.answered(ref) : undefined;
    if (pending === undefined) this.#options.onEvent(event);
    else pending.onDone(event);
    this.#pump();
  }

  /** @param {Extract<ServerEvent, { type: "goodbye" }>} event */
  #goodbye({ reason, detail }) {
    const why = describeGoodbye(reason, detail);
    switch (reason) {
      case "quit":
      case "removed":
      case "replaced":
        return this.#end(why);
      default:
        return this.#lost(why);
    }
  }

  /** Sends what may be sent now. */
  #pump() {
    if (this.#socket === null || this.#state.kind !== "online") return;
    for (let line = this.#outbox.next(); line !== null; line = this.#outbox.next()) {
      this.#socket.send(line);
    }
  }

  /** @param {string} why */
  #lost(why) {
    if (this.#socket === null) return;
    const wasOnline = this.#state.kind === "online";
    this.#detach();
    // A server that lets us in and drops us at once is one that fails.
    if (wasOnline && Date.now() - this.#onlineAtMs >= RETRY_MS_MAX) this.#attempts = 0;
    const ms = Math.min(RETRY_MS_MIN * 2 ** Math.min(this.#attempts++, 20), RETRY_MS_MAX);
    // Less up to a half by chance: a thousand pages must not come back at once.
    const pauseMs = Math.round(ms * (1 + Math.random()) / 2);
    this.#setTimer(pauseMs, () => this.#open());
    this.#setState({ kind: "waiting", retryAtMs: Date.now() + pauseMs, why });
  }

  /** @param {string} why */
  #end(why) {
    this.#detach();
    this.#token = null;
    this.#isWelcomed = false;
    this.#rooms = [];
    this.#room = null;
    this.#setState({ kind: "ended", why });
    const text = "That was not sent: the connection has ended.";
    for (const { ref, onDone } of this.#outbox.takeSent()) {
      onDone(refused(ref, "unknown-fate", "Nobody knows whether the server has got this."));
    }
    while (this.#outbox.next() !== null);
    for (const { ref, onDone } of this.#outbox.takeSent()) onDone(refused(ref, "not-sent", text));
    this.#options.onProgress();
  }

  /** Nothing more is taken from the socket there is, which is closed. */
  #detach() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#outbox.connectionLost();
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {number} nowMs */
  #ping(nowMs) {
    this.#nextPingAtMs = nowMs + PING_MS;
    const text = `page-${++this.#pingCount}`;
    this.#socket?.send(JSON.stringify({ type: "ping", text, last: this.#lastId }));
  }

  #arm() {
    this.#dueAtMs = Math.min(this.#nextPingAtMs, this.#heardAtMs + PING_MS + PONG_MS);
    this.#setTimer(Math.max(0, this.#dueAtMs - Date.now()), () => this.#tick());
  }

  #tick() {
    const nowMs = Date.now();
    if (nowMs - this.#dueAtMs > PONG_MS) {
      // We slept (a closed lid, a tab behind others), not the server: ask before judging.
      this.#heardAtMs = nowMs - PING_MS;
      this.#nextPingAtMs = nowMs;
    }
    if (nowMs >= this.#heardAtMs + PING_MS + PONG_MS) {
      return this.#lost("The server does not answer any more.");
    }
    if (nowMs >= this.#nextPingAtMs) this.#ping(nowMs);
    this.#arm();
  }

  /**
   * @param {number} ms
   * @param {() => void} onDue
   */
  #setTimer(ms, onDue) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onDue, ms);
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    this.#state = state;
    this.#options.onState(state);
  }
}

/**
 * What a line says; null for what is no object with a type. The fields are the server's own, which
 * also served this page.
 *
 * @param {string} line
 * @returns {ServerEvent | null}
 */
function readLine(line) {
  if (!line.startsWith("{")) return null;
  try {
    const value = JSON.parse(line);
    return typeof value.type === "string" ? value : null;
  } catch {
    // Half a line, or no JSON: another one may follow.
    return null;
  }
}

/**
 * @param {number} ref
 * @param {string} code
 * @param {string} text
 * @returns {RequestAnswer}
 */
function refused(ref, code, text) {
  return { type: "refused", ref, code, text };
}
