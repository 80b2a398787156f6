/**
 * The door for TLS: accepts connections, and hands over those whose handshake is done.
 *
 * No peer can make it throw: one that speaks no TLS, stalls or breaks off is cut,
 * and `onRejected` told why. A new certificate serves the next
 * handshake, and nobody who is connected notices.
 * Loads `node:tls`: whoever may not need it imports this file only then.
 * Must not know: lines, protocols, the chat; who is let in.
 *
 * @module
 */

import { createServer, type Socket as NodeStream } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type Certificate, checkCertificate } from "../certificate.ts";
import {
  CLOSE_LINGER_MS,
  CONNECTION_STEP_MS,
  LISTEN_BACKLOG,
  TLS_HANDSHAKE_MS,
  TLS_HANDSHAKES_MAX,
} from "../limits.ts";
import { NodeSocket } from "../node_socket.ts";
import type { Socket } from "../socket.ts";
import { listenNode, type NodeListener } from "./node_listener.ts";
import { readProxyHeader } from "./proxy_header.ts";
import { type Due, SharedTimers } from "./shared_timers.ts";

/** What a door needs. None of the callbacks may throw. */
export interface TlsDoorOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** The port to listen on; 0 for any that is free. */
  readonly port: number;
  /**
   * Connections that the kernel may queue before they are accepted.
   *
   * @default {LISTEN_BACKLOG}
   */
  readonly backlog?: number;
  /** What is presented at first. */
  readonly certificate: Certificate;
  /**
   * Whether vanished peers are looked for by the system (TCP's keep-alive).
   *
   * @default {false}
   */
  readonly keepsAlive?: boolean;
  /**
   * Whether connections from an address are a proxy's, which says in a PROXY header
   * for whom it connects. One without it is cut.
   *
   * @default {() => false}
   */
  readonly readsProxyHeader?: (address: string) => boolean;
  /** Called for each connection once its handshake is done; the socket is the callee's to close. */
  readonly onConnection: (socket: Socket, from: TlsPeer) => void;
  /** Called for each connection that did not get so far; `why` is for the log. */
  readonly onRejected: (address: string, why: string) => void;
  /** Called with every error of accepting. The door goes on. */
  readonly onError: (error: unknown) => void;
}

/** Who has come. */
export interface TlsPeer {
  /** The address without its port: the one that the proxy names, where one is believed. */
  readonly address: string;
}

/** An open door. */
export interface TlsDoor {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** When the certificate ends, in epoch milliseconds. */
  readonly certificateEndsAtMs: number;
  /** Handshakes that are not done yet. */
  readonly handshakes: number;
  /**
   * Presents another certificate from now on.
   *
   * @throws {UsageError} If it cannot be read, is not good now, or the key is another's; the one
   *   before stays.
   */
  replaceCertificate(certificate: Certificate): void;
  /**
   * Stops accepting, and cuts the handshakes that are not done; resolves when they are gone.
   * Connections that were handed over go on. Calling it again waits for the same end.
   */
  close(): Promise<void>;
}

/**
 * Opens a door, which listens when this resolves.
 *
 * @throws {UsageError} As {@linkcode TlsDoor.replaceCertificate} does.
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 * @throws {Deno.errors.PermissionDenied} If the system does not allow the port.
 * @throws {Deno.errors.AddrNotAvailable} If the address is none of this machine's.
 */
export async function openTlsDoor(options: TlsDoorOptions): Promise<TlsDoor> {
  const { hostname, port, backlog = LISTEN_BACKLOG } = options;
  const proof = proofOf(options.certificate);
  // Who has ended their side may still be told something.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const listener = await listenNode(server, { hostname, port, backlog });
  const door = new Door(options, proof, listener);
  server.on("connection", (stream) => door.take(stream)).on("error", options.onError);
  return door;
}

/** The first byte of every handshake (RFC 8446, section 5.1). */
const HANDSHAKE_RECORD = 0x16;

/** Bytes that tell a PROXY header of either version, and are less than any. */
const PROXY_START_BYTES = 12;

const GONE = "it was gone before the end of its handshake";

const PLAIN_TEXT_ANSWER =
  "-- This port speaks TLS: use ncat --ssl, openssl s_client, or the client with --tls.\n";

class Door implements TlsDoor {
  readonly options: TlsDoorOptions;
  readonly timers = new SharedTimers(CONNECTION_STEP_MS);
  readonly #listener: NodeListener;
  #proof: Proof;
  /** Whose handshake is not done, the oldest first. */
  readonly #arrivals = new Set<Arrival>();
  /** Arrivals whose stream is neither closed nor handed over. */
  #open = 0;
  #closed: PromiseWithResolvers<void> | null = null;

  constructor(options: TlsDoorOptions, proof: Proof, listener: NodeListener) {
    this.options = options;
    this.#proof = proof;
    this.#listener = listener;
  }

  get address(): NodeListener["address"] {
    return this.#listener.address;
  }

  get handshakes(): number {
    return this.#arrivals.size;
  }

  get context(): SecureContext {
    return this.#proof.context;
  }

  get certificateEndsAtMs(): number {
    return this.#proof.endsAtMs;
  }

  replaceCertificate(certificate: Certificate): void {
    this.#proof = proofOf(certificate);
  }

  close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = Promise.withResolvers();
      this.#listener.close();
      for (const arrival of this.#arrivals) arrival.reject("the server is stopping");
      this.#endIfEmpty();
    }
    return this.#closed.promise;
  }

  /** A connection is no longer waited for: it is being closed, or was handed over. */
  forget(arrival: Arrival): void {
    this.#arrivals.delete(arrival);
  }

  /** Nothing of a connection is left, or it was handed over. */
  release(): void {
    this.#open--;
    this.#endIfEmpty();
  }

  /** Finds out who has come. */
  take(stream: NodeStream): void {
    const { remoteAddress } = stream;
    // It is gone already, or was accepted in the turn in which we stopped.
    if (remoteAddress === undefined || this.#closed !== null) {
      stream.destroy();
      return;
    }
    if (this.#arrivals.size >= TLS_HANDSHAKES_MAX) {
      const [oldest] = this.#arrivals;
      oldest?.reject("too many handshakes at once, of which this was the oldest");
    }
    if (this.options.keepsAlive) stream.setKeepAlive(this.options.keepsAlive);
    this.#open++;
    this.#arrivals.add(new Arrival(stream, remoteAddress, this));
  }

  #endIfEmpty(): void {
    if (this.#open === 0) this.#closed?.resolve();
  }
}

/** One connection, from its accepting to the end of its handshake. */
class Arrival implements Due {
  readonly #stream: NodeStream;
  readonly #door: Door;
  #address: string;
  /** What a proxy has said so far; null where none is to speak, or it has. */
  #header: Uint8Array | null;
  #tls: TLSSocket | null = null;
  /** Whether it was rejected: it is closed, or has its last words to read. */
  #isRejected = false;
  #timer: number;

  constructor(stream: NodeStream, address: string, door: Door) {
    this.#stream = stream;
    this.#door = door;
    this.#address = address;
    this.#header = door.options.readsProxyHeader?.(address) ? new Uint8Array(0) : null;
    this.#timer = door.timers.add(this, TLS_HANDSHAKE_MS);
    stream.on("error", this.#onError);
    stream.on("close", this.#onClose);
    stream.on("end", this.#onEnd);
    stream.on("readable", this.#onReadable);
  }

  /** Closes the connection at once, and says why, where that was not said. */
  reject(why: string): void {
    this.#stopWaiting();
    (this.#tls ?? this.#stream).destroy();
    this.#sayWhy(why);
  }

  #sayWhy(why: string): void {
    if (this.#isRejected) return;
    this.#isRejected = true;
    this.#door.options.onRejected(this.#address, why);
  }

  /** See {@linkcode Due}. */
  onDue(): void {
    this.#timer = 0;
    const isSilent = this.#tls === null && this.#header === null && !this.#isRejected;
    if (isSilent) this.#answer("it said nothing");
    else this.reject("its handshake took too long");
  }

  /** Looks at the first bytes, and begins the handshake if they do. */
  readonly #onReadable = (): void => {
    if (this.#header !== null && !this.#readHeader(this.#header)) return;
    // All of it, in one piece: `read()` gives a piece of many. Where TLS is given two, and fails
    // at the first, Deno 2.9.6 throws at the second, in a place where nobody could catch it.
    const bytes: Uint8Array | null = this.#stream.read(this.#stream.readableLength);
    if (bytes === null) return;
    if (bytes[0] !== HANDSHAKE_RECORD) return this.#answer(whyNotTls(bytes));
    this.#stream.unshift(bytes);
    this.#shakeHands();
  };

  /** Reads what a proxy says, and nothing of what follows; false where more is to come. */
  #readHeader(bytes: Uint8Array): boolean {
    while (true) {
      const reading = readProxyHeader(bytes);
      if (reading.type === "invalid") {
        this.reject(`it should have sent a PROXY header: ${reading.why}`);
        return false;
      }
      if (reading.type === "header") {
        this.#header = null;
        this.#address = reading.header.address ?? this.#address;
        return true;
      }
      const count = Math.min(reading.missing, this.#stream.readableLength);
      const more: Uint8Array | null = this.#stream.read(count);
      if (more === null) return false;
      this.#header = bytes = concat(bytes, more);
    }
  }

  #shakeHands(): void {
    this.#stream.off("readable", this.#onReadable).off("end", this.#onEnd);
    this.#tls = new TLSSocket(this.#stream, {
      isServer: true,
      secureContext: this.#door.context,
    });
    this.#tls.on("error", this.#onError).on("end", this.#onEnd).on("secure", this.#onSecure);
    // What goes wrong after the handshake comes under this name.
    this.#tls.on("_tlsError", destroy);
  }

  readonly #onSecure = (): void => {
    const tls = this.#tls;
    if (tls === null || this.#isRejected) return;
    this.#stopWaiting();
    this.#stream.off("error", this.#onError).off("close", this.#onClose);
    tls.off("error", this.#onError).off("end", this.#onEnd).off("secure", this.#onSecure);
    this.#door.options.onConnection(new NodeSocket(tls), { address: this.#address });
    this.#door.release();
  };

  readonly #onError = (error: Error): void => this.reject(error.message);

  readonly #onEnd = (): void => {
    // Who was given an answer may still have to read it.
    if (!this.#isRejected) this.reject(GONE);
  };

  readonly #onClose = (): void => {
    this.reject(GONE);
    this.#door.release();
  };

  /** Says in plain text what is spoken here, and closes once that is read, or should be. */
  #answer(why: string): void {
    this.#sayWhy(why);
    this.#stopTimer();
    this.#timer = this.#door.timers.add(this, CLOSE_LINGER_MS);
    // What is unread when a connection is closed would take the answer with it.
    this.#stream.off("readable", this.#onReadable).resume().end(PLAIN_TEXT_ANSWER);
  }

  #stopWaiting(): void {
    this.#stopTimer();
    this.#door.forget(this);
  }

  #stopTimer(): void {
    if (this.#timer !== 0) this.#door.timers.remove(this, this.#timer);
    this.#timer = 0;
  }
}

/** A certificate as handshakes need it. */
interface Proof {
  readonly context: SecureContext;
  /** In epoch milliseconds. */
  readonly endsAtMs: number;
}

/** Only what is safe today: the runtime has no older versions, weak ciphers or renegotiation. */
function proofOf(certificate: Certificate): Proof {
  const { untilMs: endsAtMs } = checkCertificate(certificate, Date.now());
  const { cert, key } = certificate;
  const versions = { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const;
  return { context: createSecureContext({ cert, key, ...versions }), endsAtMs };
}

/** What somebody spoke who did not begin a handshake. */
function whyNotTls(bytes: Uint8Array): string {
  // Where a proxy is not believed, the operator may have forgotten to say that it is one.
  return readProxyHeader(bytes.subarray(0, PROXY_START_BYTES)).type === "partial"
    ? "it sent a PROXY header, but none is expected from its address"
    : "it spoke plain text";
}

function destroy(this: TLSSocket, error: Error): void {
  this.destroy(error);
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length);
  joined.set(head);
  joined.set(tail, head.length);
  return joined;
}
