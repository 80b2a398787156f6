/**
 * The client's connection to a server: lines in, bytes out.
 *
 * Promises: bytes arrive in the order in which they were sent and whole, since
 * one writer sends them; the lines end when the connection does, whatever ended
 * it; and every wait can be cut short by {@linkcode ServerLink.close}.
 * Must not know: the terminal, what lines say.
 *
 * @module
 */

import { CLIENT_CONNECT_MS, CLIENT_QUEUE_BYTES_MAX } from "../limits.ts";
import type { Socket } from "../socket.ts";
import { formatServerAddress, type ServerAddress } from "./server_address.ts";
import { type LineRules, PLAIN_LINES, ServerLines } from "./server_lines.ts";
import { connectTls, explainTls } from "./tls_connection.ts";
import { type PresentedCertificate, Trust } from "./trust.ts";

/** There is no connection; the message is for the user, in whole sentences. */
export class ConnectError extends Error {
  /** Takes the sentences and what caused them. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectError";
  }
}

/** Options of {@linkcode connectToServer}. */
export interface ConnectOptions {
  /** Longest wait for a connection, in milliseconds. @default {CLIENT_CONNECT_MS} */
  readonly timeoutMs?: number;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal;
  /**
   * Judges the certificate where TLS is spoken.
   *
   * @default Public authorities are trusted, and nobody else.
   */
  readonly trust?: Trust;
}

/** What a conversation needs of an open connection; {@linkcode ServerLink} is one. */
export interface LineLink extends AsyncDisposable {
  /** See {@linkcode ServerLink.notice}. */
  readonly notice?: string | null;
  /** See {@linkcode ServerLink.batches}. */
  batches(rules?: LineRules): AsyncGenerator<string[], void, undefined>;
  /** See {@linkcode ServerLink.send}. */
  send(line: string): boolean;
  /** See {@linkcode ServerLink.close}. */
  close(): void;
}

const READ_BYTES = 64 * 1024;

/** What is said for a server that wants TLS, and says so in its own way. */
const TLS_WANTED = "-- TLS is spoken here: connect with --tls.";

/** An open connection to a server. Disposing it closes it. */
export class ServerLink implements LineLink {
  /** A sentence for the user on how the server is trusted; null for nothing to tell. */
  readonly notice: string | null;
  readonly #conn: Socket;
  readonly #encoder = new TextEncoder();
  #queue: Uint8Array[] = [];
  /** Bytes in the queue, those being written included. */
  #queuedBytes = 0;
  /** The one writer while it runs; it never rejects. */
  #writer: Promise<void> | null = null;
  #isClosed = false;
  #isBroken = false;

  /** Takes over an open connection; `notice` is what there is to tell of it. */
  constructor(conn: Socket, notice: string | null = null) {
    this.#conn = conn;
    this.notice = notice;
  }

  /** Whether bytes were lost or the connection broke off, rather than ending in order. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether everything that was sent has left. */
  get isFlushed(): boolean {
    return this.#writer === null;
  }

  /**
   * The lines from the server without their ends, as they come in: one array
   * holds what arrived together. Ends when the connection ends, for whatever
   * reason, and never throws. To be iterated once.
   *
   * @param rules What is done to each line. A connection with a line that is
   *   too long by them, and must not be cut, is broken off.
   * @default {PLAIN_LINES}
   */
  async *batches(rules: LineRules = PLAIN_LINES): AsyncGenerator<string[], void, undefined> {
    const lines = new ServerLines(rules);
    const buffer = new Uint8Array(READ_BYTES);
    for (let isFirst = true;; isFirst = false) {
      const count = await this.#read(buffer);
      if (count === null) break;
      const bytes = buffer.subarray(0, count);
      if (isFirst && isTlsAlert(bytes)) {
        this.#isBroken = true;
        this.close();
        yield [TLS_WANTED];
        break;
      }
      const batch = lines.push(bytes);
      if (batch.length > 0) yield batch;
      if (lines.isOverlong) {
        this.#isBroken = true;
        this.close();
      }
    }
    const last = lines.end();
    if (last.length > 0) yield last;
  }

  /** Reads and drops what the server still says, until the connection ends. */
  async discard(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    while (await this.#read(buffer) !== null);
  }

  /**
   * Queues a line or bytes, and never waits: see {@linkcode flushed}.
   *
   * @returns False, and nothing was queued, where more than
   *   `CLIENT_QUEUE_BYTES_MAX` would wait, or the connection is closed or broken.
   */
  send(data: string | Uint8Array): boolean {
    if (this.#isClosed || this.#isBroken) return false;
    const bytes = typeof data === "string" ? this.#encoder.encode(`${data}\n`) : data;
    if (this.#queuedBytes + bytes.length > CLIENT_QUEUE_BYTES_MAX) return false;
    this.#queuedBytes += bytes.length;
    this.#queue.push(bytes);
    this.#writer ??= this.#write();
    return true;
  }

  /** Waits until everything is sent; false if it never will be. */
  async flushed(): Promise<boolean> {
    while (this.#writer !== null) await this.#writer;
    return !this.#isBroken && !this.#isClosed;
  }

  /** Sends what is queued, then tells the server that nothing follows; false if that failed. */
  async finish(): Promise<boolean> {
    if (!await this.flushed()) return false;
    try {
      await this.#conn.closeWrite();
      return true;
    } catch {
      // The server closed first; the reader will find out how.
      return false;
    }
  }

  /** Closes at once, which ends the lines and drops what is queued. May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue = [];
    this.#conn[Symbol.dispose]();
  }

  /** Closes, and waits for the writer to notice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.flushed();
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    try {
      return this.#isClosed ? null : await this.#conn.read(buffer);
    } catch {
      // A reset, or our own close() seen from inside the read: both are the end.
      if (!this.#isClosed) this.#isBroken = true;
      return null;
    }
  }

  async #write(): Promise<void> {
    try {
      for (let bytes = this.#queue.shift(); bytes !== undefined; bytes = this.#queue.shift()) {
        let sent = 0;
        while (sent < bytes.length) sent += await this.#conn.write(bytes.subarray(sent));
        this.#queuedBytes -= bytes.length;
      }
    } catch {
      // The reader meets the same end, and may still find the server's last words.
      this.#isBroken = true;
      this.#queue = [];
    } finally {
      this.#writer = null;
    }
  }
}

/**
 * Connects to a server.
 *
 * @throws {ConnectError} If there is no connection within the time-out.
 * @throws {UntrustedError} If it is not the server that the user means. Nothing was sent then.
 * @throws Whatever `signal` was aborted with.
 */
export async function connectToServer(
  address: ServerAddress,
  options: ConnectOptions = {},
): Promise<ServerLink> {
  const { timeoutMs = CLIENT_CONNECT_MS, signal } = options;
  signal?.throwIfAborted();
  const server = formatServerAddress(address);
  const trust = options.trust ??
    new Trust({ server, fingerprint: null, authorities: null, memory: null });
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  const signals = signal === undefined ? [timeout.signal] : [timeout.signal, signal];
  let connected: Connected;
  try {
    connected = await connectAny(address, trust, AbortSignal.any(signals));
  } catch (error) {
    signal?.throwIfAborted();
    const why = timeout.signal.aborted
      ? `no answer within ${timeoutMs / 1000} seconds.`
      : (address.isTls ? explainTls(error) : null) ?? explain(error);
    throw new ConnectError(`Cannot connect to ${server}: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  const { socket, certificate } = connected;
  try {
    const notice = certificate === null ? null : await trust.check(certificate);
    signal?.throwIfAborted();
    return new ServerLink(socket, notice);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
}

/** An open connection; the certificate is null where no TLS is spoken. */
interface Connected {
  readonly socket: Socket;
  readonly certificate: PresentedCertificate | null;
}

/** Connects to the first of the host's addresses that answers. */
async function connectAny(
  address: ServerAddress,
  { authorities }: Trust,
  signal: AbortSignal,
): Promise<Connected> {
  const { hostname: servername, port, isTls } = address;
  // Many machines know `localhost` as only one of its two addresses.
  const hostnames = servername.toLowerCase() === "localhost" ? ["127.0.0.1", "::1"] : [servername];
  let firstError: unknown;
  for (const hostname of hostnames) {
    try {
      if (isTls) return await connectTls({ hostname, port, servername, authorities, signal });
      const socket = await Deno.connect({ hostname, port, signal });
      // A typed line should leave at once, not wait for company.
      socket.setNoDelay();
      return { socket, certificate: null };
    } catch (error) {
      if (signal.aborted) throw error;
      firstError ??= error;
    }
  }
  throw firstError;
}

/** A record of an alert, whatever it is (RFC 8446, section 5.1: type 21, version 3.x). */
function isTlsAlert([type, version]: Uint8Array): boolean {
  return type === 0x15 && version === 0x03;
}

function explain(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) {
    return "connection refused. Is a server running there?";
  }
  const message = error instanceof Error ? error.message : String(error);
  if (/lookup|resolve|no such host/iu.test(message)) return "there is no host of that name.";
  return `${message.replace(/ \(os error \d+\)$/u, "")}.`;
}
