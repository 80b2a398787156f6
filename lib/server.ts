/**
 * The server, put together: its doors, the rooms, and a session for each guest.
 *
 * Must not know: the entries, arguments, the environment, signals.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { Chat } from "./chat/chat.ts";
import { Entry } from "./chat/entry.ts";
import type { Timer } from "./chat/presence.ts";
import type { Certificate } from "./certificate.ts";
import type { Config } from "./config.ts";
import { type ByWay, Counters } from "./counters.ts";
import { type Arrival, type DoorAddresses, Doors } from "./doors.ts";
import { EndReason, ShutdownError, StoreError } from "./errors.ts";
import { FIRST_BYTES_MS, SHUTDOWN_GRACE_MS } from "./limits.ts";
import { openLog } from "./log.ts";
import type { Metrics, Readings } from "./metrics.ts";
import { Admission, type Refusal } from "./net/admission.ts";
import { IdleLimit } from "./net/idle_watchdog.ts";
import { ConnectionShared, SocketConnection } from "./net/socket_connection.ts";
import { type Guest, identify } from "./protocol/first_bytes.ts";
import { JsonProtocol } from "./protocol/json.ts";
import { PlainProtocol } from "./protocol/plain.ts";
import { ScryptPasswords } from "./store/scrypt_passwords.ts";
import { openStore, type SqliteStore } from "./store/sqlite_store.ts";
import { Session, type SessionShared, type Speech } from "./session.ts";
import { Tasks } from "./tasks.ts";
import { Tokens } from "./tokens.ts";
import type { BotAnswer, BotsHandler } from "./web/bots_handler.ts";

// What the entry does with a database without a server on it.
export { backupFile } from "./store/backup.ts";
export { inspectStore } from "./store/inspect.ts";

/** What a server needs of its configuration. */
export type ServerConfig = Omit<Config, "logFormat" | "logLevel">;

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Where its doors are. */
  readonly addresses: DoorAddresses;
  /** Connections that are open. */
  readonly connections: number;
  /**
   * Goes by another configuration from now on. What is no matter of a running
   * server (where to listen, the database) stays as it was; see `reload.ts`.
   */
  reconfigure(config: ServerConfig): void;
  /**
   * Proves its name with another certificate from now on. Who is connected stays.
   *
   * @throws If it cannot be used; then the one before stays.
   */
  replaceCertificate(certificate: Certificate): void;
  /**
   * Stops accepting, tells everybody, writes what they are owed, and closes:
   * within `SHUTDOWN_GRACE_MS`, whoever does not read. Calling it again waits
   * for the same end.
   */
  shutdown(): Promise<void>;
}

/**
 * Starts a server: opens the store, and listens at all its doors when this resolves.
 *
 * @param about.version The program's, for its metrics.
 * @throws {StoreError} If the store cannot be opened.
 * @throws {DoorError} If it cannot listen.
 */
export async function startServer(
  config: ServerConfig,
  { version }: { readonly version: string },
): Promise<Server> {
  const server = new ChatServer(config, version);
  await server.open();
  return server;
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  "server-full": "is full. Try again later.",
  "address-full": "has too many connections from your address.",
};

class ChatServer implements Server {
  #config: ServerConfig;
  readonly #version: string;
  readonly #log = openLog();
  readonly #counters = new Counters();
  /** Null where nobody can ask for them. */
  #metrics: Metrics | null = null;
  readonly #tasks = new Tasks((name, error) =>
    this.#log.error("task-failed", { task: name, error: describe(error) })
  );
  readonly #stopping = new AbortController();
  readonly #connectionShared = new ConnectionShared((connection) => {
    this.#open.delete(connection);
    this.#admission.release(connection.peer.address);
    this.#logEnd(connection);
  });
  readonly #sessionShared: SessionShared;
  readonly #admission: Admission;
  readonly #store: SqliteStore;
  readonly #passwords = new ScryptPasswords();
  readonly #tokens: Tokens;
  readonly #chat: Chat;
  readonly #plain = new PlainProtocol();
  /** Null until they are open. */
  #doors: Doors | null = null;
  readonly #open = new Set<SocketConnection>();
  #shutdown: Promise<void> | null = null;

  constructor(config: ServerConfig, version: string) {
    this.#config = config;
    this.#version = version;
    this.#admission = new Admission(config);
    this.#tokens = new Tokens(config.password ?? "");
    const onFault = (what: string, error: unknown): void =>
      this.#log.error("store-failed", { what, error: describe(error) });
    this.#store = openStore({ path: config.db, keepMs: config.keepMs, onFault });
    let chat: Chat | null = null;
    try {
      this.#chat = chat = this.#openChat(onFault);
      const { accounts, passwords } = this.#chat;
      this.#sessionShared = {
        chat: this.#chat,
        counters: this.#counters,
        protocols: { plain: this.#plain, json: new JsonProtocol() },
        entry: makeEntry(config.password, { passwords, accounts }),
        turns: this.#connectionShared.scheduler,
        rate: config.rate,
        idleLimit: makeIdleLimit(config.idleMs),
      };
    } catch (error) {
      // Who may come back is waited for already.
      chat?.close();
      this.#store.close();
      throw error;
    }
  }

  /**
   * Opens the doors.
   *
   * @throws {DoorError} If one cannot be opened; then nothing of the server is left.
   */
  async open(): Promise<void> {
    try {
      this.#doors = await Doors.open({
        config: this.#config,
        signal: this.#stopping.signal,
        tasks: this.#tasks,
        onArrival: (arrival) => this.#welcome(arrival),
        onRejected: ({ address, via }, reason) => {
          this.#counters.rejected[via]++;
          this.#log.debug("connection-rejected", { address, via, reason });
        },
        onUnknownProxy: (address) => this.#log.warning("proxy-unknown", { address }),
        onAcceptError: (error, pauseMs) =>
          this.#log.warning("accept-failed", { pauseMs, error: describe(error) }),
        onFault: (door, error) =>
          this.#log.error("task-failed", { task: door, error: describe(error) }),
        bots: await this.#openBots(),
        isReady: () => this.#isReady,
        metrics: await this.#openMetrics(),
      });
    } catch (error) {
      await this.shutdown();
      throw error;
    }
  }

  /** Bots come in over HTTP alone. */
  async #openBots(): Promise<BotsHandler | null> {
    if (this.#config.web === null) return null;
    const { Bots } = await import("./bots.ts");
    const bots = new Bots({
      chat: this.#chat,
      json: this.#sessionShared.protocols.json,
      connections: this.#connectionShared,
      admission: this.#admission,
      counters: this.#counters,
      tasks: this.#tasks,
      signal: this.#stopping.signal,
    });
    const count = <Result extends BotAnswer | null>(answer: Result): Result => {
      this.#counters.countBotRequest(answer?.status ?? 200);
      return answer;
    };
    return {
      post: async (request) => count(await bots.post(request)),
      stream: async (request, open) => count(await bots.stream(request, open)),
    };
  }

  async #openMetrics(): Promise<(() => string) | null> {
    if (this.#config.web === null && this.#config.metrics === null) return null;
    const { Metrics } = await import("./metrics.ts");
    const metrics = new Metrics({
      version: this.#version,
      counters: this.#counters,
      look: () => this.#look(),
    });
    this.#metrics = metrics;
    return () => metrics.render();
  }

  /** The state of everything, for who watches the server. */
  #look(): Readings {
    const connections: ByWay = { tcp: 0, tls: 0, web: 0 };
    let sendQueueBytes = 0;
    for (const { peer, queuedBytes } of this.#open) {
      connections[peer.via]++;
      sendQueueBytes += queuedBytes;
    }
    const { broadcast, rooms } = this.#chat;
    return {
      connections,
      connectionsMax: this.#config.connectionsMax,
      users: broadcast.size,
      rooms: rooms.size,
      sendQueueBytes,
      unsavedMessages: broadcast.unsavedMessages,
      isReady: this.#isReady,
      certificateEndsAtMs: this.#doors?.certificateEndsAtMs ?? null,
    };
  }

  get #isReady(): boolean {
    return !this.#stopping.signal.aborted && !this.#chat.broadcast.isStoreFailing;
  }

  #openChat(onFault: (what: string, error: unknown) => void): Chat {
    const { name, motd, operators, allowPlaintextPasswords } = this.#config;
    return new Chat({
      server: name,
      motd,
      operators,
      allowsPlaintextPasswords: allowPlaintextPasswords,
      store: this.#store,
      passwords: this.#passwords,
      tokens: this.#tokens,
      resumeGraceMs: this.#config.resumeGraceMs,
      newTimer: () => new SingleTimer(),
      turns: this.#connectionShared.scheduler,
      pause: (ms, signal) => delay(ms, { signal }),
      counters: this.#counters,
      onFault,
    });
  }

  get addresses(): DoorAddresses {
    if (this.#doors === null) throw new Error("The server is not open");
    return this.#doors.addresses;
  }

  get connections(): number {
    return this.#admission.connections;
  }

  reconfigure(config: ServerConfig): void {
    const { accounts, passwords } = this.#chat;
    const shared = this.#sessionShared;
    this.#admission.limits = config;
    shared.rate = config.rate;
    if (config.idleMs !== this.#config.idleMs) shared.idleLimit = makeIdleLimit(config.idleMs);
    if (config.password !== this.#config.password) {
      shared.entry = makeEntry(config.password, { passwords, accounts });
      this.#tokens.secret = config.password ?? "";
    }
    this.#chat.configure({
      server: config.name,
      motd: config.motd,
      operators: config.operators,
      allowsPlaintextPasswords: config.allowPlaintextPasswords,
    });
    if (this.#doors !== null) this.#doors.config = config;
    this.#config = config;
  }

  replaceCertificate(certificate: Certificate): void {
    this.#doors?.replaceCertificate(certificate);
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Takes a new connection in, or refuses it. */
  #welcome({ socket, peer, conn }: Arrival): void {
    // As little as possible is done here: a burst of connects waits for it.
    this.#counters.accepted[peer.via]++;
    const connection = new SocketConnection(socket, peer, this.#connectionShared);
    this.#open.add(connection);
    // It was accepted in the turn in which everybody else was told to go.
    if (this.#stopping.signal.aborted) connection.controller.abort(new ShutdownError());
    const refusal = this.#admission.admit(peer.address);
    const ban = refusal === null ? this.#chat.whyKeptOut(peer.address) : null;
    if (refusal !== null) {
      this.#refuse(connection, refusal, `${this.#config.name} ${REFUSALS[refusal]}`);
    } else if (ban !== null) this.#refuse(connection, "banned", ban);
    else this.#tasks.own("Session", this.#serve(connection, conn));
  }

  /** Finds out who is there, and lives the session with those who came to talk. */
  async #serve(connection: SocketConnection, conn: Deno.TcpConn | null): Promise<EndReason> {
    // Pages speak but one protocol, and take their time.
    if (connection.peer.via === "web") return this.#runSession(connection, "json");
    const opening = await connection.opening(FIRST_BYTES_MS);
    // Somebody looked whether the port is open, or we are stopping: nobody has come to talk.
    if (opening === null) return connection.close(new EndReason("refused", "Peer said nothing"));
    const guest = identify(opening);
    if (guest !== "plain" && guest !== "json") return this.#turnAway(connection, guest);
    try {
      // Each write is all that is due, so there is nothing to wait for before sending it.
      conn?.setNoDelay();
      // Where silence ends no session, the system has to find out peers that vanished.
      if (this.#config.idleMs === null) conn?.setKeepAlive();
    } catch (error) {
      // Some systems refuse to set anything on a socket whose peer is gone already.
      const reason = new EndReason("reset", "Peer was gone", { cause: error });
      connection.abort(reason);
      return reason;
    }
    return this.#runSession(connection, guest === "json" ? "maybe-json" : "plain");
  }

  /** Not awaited by its callers, who return it: nothing of them lives as long as the session. */
  #runSession(connection: SocketConnection, speech: Speech): Promise<EndReason> {
    return new Session(connection, this.#sessionShared, speech).run();
  }

  /** Tells a peer for whom there is no room, or who is kept out. */
  #refuse(connection: SocketConnection, code: Refusal | "banned", text: string): void {
    const { address, via } = connection.peer;
    this.#counters.refused[code]++;
    this.#log.debug("connection-refused", { address, via, code });
    const protocol = via === "web" ? this.#sessionShared.protocols.json : this.#plain;
    connection.send(protocol.encode({ type: "refused", code, text }));
    this.#tasks.own("Refusing", connection.close(new EndReason("refused", text)));
  }

  /** Answers a program that is at the wrong door, in its own words where it has some. */
  #turnAway(connection: SocketConnection, guest: WrongGuest): Promise<EndReason> {
    const { address, via } = connection.peer;
    this.#counters.refused["wrong-protocol"]++;
    this.#log.info("wrong-protocol", { address, via, guest });
    const answer = guest === "http" ? this.#answerHttp() : WRONG_DOOR[guest];
    connection.send(new TextEncoder().encode(answer));
    return connection.close(new EndReason("refused", `Peer speaks ${guest}`));
  }

  /** Tells a browser where its door is. */
  #answerHttp(): string {
    const web = this.#doors?.addresses.web ?? null;
    const scheme = this.#config.web?.isTls ? "https" : "http";
    const body = "This port is for chat over plain TCP: nc, telnet or the Parley client.\n" +
      (web === null
        ? "This server has no door for browsers.\n"
        : `Browsers come in over ${scheme}, on port ${web.port}.\n`);
    return "HTTP/1.1 400 Bad Request\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${body.length}\r\n` +
      `Connection: close\r\n\r\n${body}`;
  }

  #logEnd(connection: SocketConnection): void {
    const { peer: { address, via }, signal } = connection;
    const { kind, message } = EndReason.of(signal.reason);
    this.#counters.closed[kind]++;
    // Only what an operator may have to do something about is worth a line by itself.
    const level = kind === "slow" || kind === "fault" ? "info" : "debug";
    this.#log[level]("connection-closed", { address, via, kind, reason: message });
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new ShutdownError());
    const doorsClosed = this.#doors?.close();
    // From here on nobody needs to hear who leaves: everybody does.
    this.#chat.close();
    this.#passwords.close();
    for (const connection of this.#open) connection.controller.abort(new ShutdownError());
    try {
      await deadline(this.#tasks.settled(), SHUTDOWN_GRACE_MS);
    } catch {
      // Whoever does not take the last lines is cut off.
      for (const connection of this.#open) connection.abort(new ShutdownError());
      await this.#tasks.settled();
    }
    await doorsClosed;
    this.#metrics?.[Symbol.dispose]();
    this.#store.close();
  }
}

/** Who is at the wrong door. */
type WrongGuest = Exclude<Guest, "plain" | "json">;

/** What each guest at the wrong door is told; TLS clients say of any words that they are no TLS. */
const WRONG_DOOR: Readonly<Record<Exclude<WrongGuest, "http">, string>> = {
  tls: "-- This port speaks plain text, not TLS.\n",
  proxy: "-- This server was not told of a proxy at your address (--proxy-protocol-from).\n",
  ssh: "-- This is a chat server, not an SSH server. Join with nc or telnet.\n",
  binary: "-- This is a chat server: it takes lines of UTF-8 text.\n",
};

function makeEntry(
  password: string | null,
  by: ConstructorParameters<typeof Entry>[1],
): Entry | null {
  return password === null ? null : new Entry(password, by);
}

function makeIdleLimit(idleMs: number | null): IdleLimit | null {
  return idleMs === null ? null : new IdleLimit(idleMs);
}

/** A timer that is started and stopped again and again. */
class SingleTimer implements Timer {
  #timer: ReturnType<typeof setTimeout> | undefined;

  start(callback: () => void, ms: number): void {
    this.stop();
    this.#timer = setTimeout(callback, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** An error for the log: its own text and those of its causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `${error}`;
  // A disk that is full is no fault of the program: where it was noticed is of no use.
  if (error instanceof StoreError) {
    const { message, cause } = error;
    return cause instanceof Error ? `${message} (${cause.message})` : message;
  }
  const cause = error.cause === undefined ? "" : `; caused by ${describe(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
