/**
 * The server, put together: a listener, the room, and a session for each guest.
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
import type { Config } from "./config.ts";
import { EndReason, ShutdownError, StoreError } from "./errors.ts";
import { FIRST_BYTES_MS, LISTEN_BACKLOG, SHUTDOWN_GRACE_MS } from "./limits.ts";
import { openLog } from "./log.ts";
import { accept } from "./net/accept.ts";
import { Admission, type Refusal } from "./net/admission.ts";
import { IdleLimit } from "./net/idle_watchdog.ts";
import { ConnectionShared, TcpConnection } from "./net/tcp_connection.ts";
import { type Guest, identify } from "./protocol/first_bytes.ts";
import { JsonProtocol } from "./protocol/json.ts";
import { PlainProtocol } from "./protocol/plain.ts";
import { ScryptPasswords } from "./store/scrypt_passwords.ts";
import { openStore, type SqliteStore } from "./store/sqlite_store.ts";
import { Session, type SessionShared } from "./session.ts";
import { Tasks } from "./tasks.ts";
import { Tokens } from "./tokens.ts";

// What the entry does with a database without a server on it.
export { backupFile } from "./store/backup.ts";
export { inspectStore } from "./store/inspect.ts";

/** What a server needs of its configuration. */
export type ServerConfig = Omit<Config, "logFormat" | "logLevel">;

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Connections that are open. */
  readonly connections: number;
  /**
   * Stops accepting, tells everybody, writes what they are owed, and closes:
   * within `SHUTDOWN_GRACE_MS`, whoever does not read. Calling it again waits
   * for the same end.
   */
  shutdown(): Promise<void>;
}

/**
 * Starts a server: opens the store, and listens when this returns.
 *
 * @throws {StoreError} If the store cannot be opened.
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 * @throws {Deno.errors.PermissionDenied} If the system does not allow the port.
 */
export function startServer(config: ServerConfig): Server {
  return new ChatServer(config);
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  "server-full": "is full. Try again later.",
  "address-full": "has too many connections from your address.",
};

class ChatServer implements Server {
  readonly #config: ServerConfig;
  readonly #log = openLog();
  readonly #tasks = new Tasks((name, error) =>
    this.#log.error("{task} failed: {error}", { task: name, error: describe(error) })
  );
  readonly #stopping = new AbortController();
  readonly #connectionShared = new ConnectionShared((connection) => {
    this.#open.delete(connection);
    this.#admission.release(connection.address);
    this.#logEnd(connection);
  });
  readonly #sessionShared: SessionShared;
  readonly #admission: Admission;
  readonly #store: SqliteStore;
  readonly #passwords = new ScryptPasswords();
  readonly #chat: Chat;
  readonly #plain = new PlainProtocol();
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<TcpConnection>();
  #shutdown: Promise<void> | null = null;

  constructor(config: ServerConfig) {
    this.#config = config;
    this.#admission = new Admission(config);
    const onFault = (what: string, error: unknown): void =>
      this.#log.error("{what} failed: {error}", { what, error: describe(error) });
    this.#store = openStore({ path: config.db, keepMs: config.keepMs, onFault });
    let chat: Chat | null = null;
    try {
      this.#chat = chat = this.#openChat(onFault);
      const { accounts, passwords } = this.#chat;
      this.#sessionShared = {
        chat: this.#chat,
        protocols: { plain: this.#plain, json: new JsonProtocol() },
        entry: config.password === null
          ? null
          : new Entry(config.password, { passwords, accounts }),
        turns: this.#connectionShared.scheduler,
        rate: config.rate,
        idleLimit: config.idleMs === null ? null : new IdleLimit(config.idleMs),
      };
      this.#listener = this.#listen();
    } catch (error) {
      // Who may come back is waited for already.
      chat?.close();
      this.#store.close();
      throw error;
    }
    this.#tasks.own("Accepting connections", this.#acceptAll());
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
      tokens: new Tokens(this.#config.password ?? ""),
      resumeGraceMs: this.#config.resumeGraceMs,
      newTimer: () => new SingleTimer(),
      turns: this.#connectionShared.scheduler,
      pause: (ms, signal) => delay(ms, { signal }),
      onFault,
    });
  }

  #listen(): Deno.TcpListener {
    return Deno.listen({
      hostname: this.#config.host,
      port: this.#config.port,
      tcpBacklog: LISTEN_BACKLOG,
    });
  }

  get address(): { hostname: string; port: number } {
    const { hostname, port } = this.#listener.addr;
    return { hostname, port };
  }

  get connections(): number {
    return this.#admission.connections;
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #acceptAll(): Promise<void> {
    const connections = accept(this.#listener, {
      signal: this.#stopping.signal,
      onError: (error, pauseMs) =>
        this.#log.warning("Accepting failed, going on in {pauseMs} ms: {error}", {
          pauseMs,
          error: describe(error),
        }),
    });
    for await (const conn of connections) {
      this.#welcome(conn);
    }
  }

  /** Takes a new connection in, turns it away, or refuses it. */
  #welcome(conn: Deno.TcpConn): void {
    // As little as possible is done here: a burst of connects waits for it.
    const connection = new TcpConnection(conn, this.#connectionShared);
    this.#open.add(connection);
    // It was accepted in the turn in which everybody else was told to go.
    if (this.#stopping.signal.aborted) connection.controller.abort(new ShutdownError());
    const refusal = this.#admission.admit(connection.address);
    const ban = refusal === null ? this.#chat.whyKeptOut(connection.address) : null;
    if (refusal !== null) {
      this.#refuse(connection, refusal, `${this.#config.name} ${REFUSALS[refusal]}`);
    } else if (ban !== null) this.#refuse(connection, "banned", ban);
    else this.#tasks.own("Session", this.#serve(connection, conn));
  }

  /** Finds out who is there, and lives the session with those who came to talk. */
  async #serve(connection: TcpConnection, conn: Deno.TcpConn): Promise<EndReason> {
    const opening = await connection.opening(FIRST_BYTES_MS);
    // Somebody looked whether the port is open, or we are stopping: nobody has come to talk.
    if (opening === null) return connection.close(new EndReason("refused", "Peer said nothing"));
    const guest = identify(opening);
    if (guest !== "plain" && guest !== "json") return this.#turnAway(connection, guest);
    try {
      // Each write is all that is due, so there is nothing to wait for before sending it.
      conn.setNoDelay();
      // Where silence ends no session, the system has to find out peers that vanished.
      if (this.#config.idleMs === null) conn.setKeepAlive();
    } catch (error) {
      // Some systems refuse to set anything on a socket whose peer is gone already.
      const reason = new EndReason("reset", "Peer was gone", { cause: error });
      connection.abort(reason);
      return reason;
    }
    const session = new Session(connection, this.#sessionShared, {
      awaitsHello: guest === "json",
    });
    // Returned, not awaited: so nothing of this call lives as long as the session.
    return session.run();
  }

  /** Tells a peer for whom there is no room, or who is kept out. */
  #refuse(connection: TcpConnection, code: Refusal | "banned", text: string): void {
    this.#log.debug("Refused {address}: {code}", { address: connection.address, code });
    connection.send(this.#plain.encode({ type: "refused", code, text }));
    this.#tasks.own("Refusing", connection.close(new EndReason("refused", text)));
  }

  /** Answers a program that is at the wrong door, in its own words where it has some. */
  #turnAway(connection: TcpConnection, guest: WrongGuest): Promise<EndReason> {
    const { address } = connection;
    this.#log.info("Turned away {address}: it speaks {guest}, not chat", { address, guest });
    const answer = WRONG_DOOR[guest];
    if (answer !== null) connection.send(new TextEncoder().encode(answer));
    return connection.close(new EndReason("refused", `Peer speaks ${guest}`));
  }

  #logEnd(connection: TcpConnection): void {
    const { address, signal } = connection;
    const { kind, message } = EndReason.of(signal.reason);
    // Only what an operator may have to do something about is worth a line by itself.
    const level = kind === "slow" || kind === "fault" ? "info" : "debug";
    this.#log[level]("Closed {address}: {reason}", { address, kind, reason: message });
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new ShutdownError());
    this.#listener.close();
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
    this.#store.close();
  }
}

/** Who is at the wrong door. */
type WrongGuest = Exclude<Guest, "plain" | "json">;

const HTTP_BODY = "This port is for chat over plain TCP: nc, telnet or the Parley client.\n" +
  "This server has no door for browsers.\n";

/** What each guest at the wrong door is told; TLS has no words for it before its handshake. */
const WRONG_DOOR: Readonly<Record<WrongGuest, string | null>> = {
  http: "HTTP/1.1 400 Bad Request\r\n" +
    "Content-Type: text/plain; charset=utf-8\r\n" +
    `Content-Length: ${HTTP_BODY.length}\r\n` +
    `Connection: close\r\n\r\n${HTTP_BODY}`,
  tls: null,
  ssh: "-- This is a chat server, not an SSH server. Join with nc or telnet.\n",
  binary: "-- This is a chat server: it takes lines of UTF-8 text.\n",
};

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
