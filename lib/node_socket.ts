/**
 * A {@linkcode Socket} over a socket of `node:net` or `node:tls`.
 *
 * Promises what `lib/socket.ts` says, and that no error of the stream, however
 * late, becomes an uncaught exception: that would end the process. Of what
 * nobody asks for, about one read of the system's (64 KiB) is held; the rest
 * stays with the peer. Loads none of Node's modules.
 * Must not know: lines, protocols, who is on the other side; handshakes.
 *
 * @module
 */

import type { Socket as NodeStream } from "node:net";
import type { Socket } from "./socket.ts";

/** A read that waits for bytes. */
interface PendingRead {
  readonly buffer: Uint8Array;
  readonly result: PromiseWithResolvers<number | null>;
}

/** A write that the system has not taken yet. */
interface PendingWrite {
  readonly count: number;
  readonly result: PromiseWithResolvers<number>;
}

/** The system's socket below a stream, as Node's streams keep it in `_handle`. */
interface Handle {
  /** Below TLS: the handle that the bytes come from. */
  readonly _parent?: Handle;
  /** Goes on reading. */
  readStart(): number;
  /** Reads nothing more; the stream is not told. */
  readStop(): number;
}

/** See {@linkcode Socket}. */
export class NodeSocket implements Socket {
  readonly #stream: NodeStream;
  /** What was read and nobody has asked for; while there is any, nothing more is read. */
  #rest: Uint8Array | null = null;
  #hasEnded = false;
  #reading: PendingRead | null = null;
  #writing: PendingWrite | null = null;
  /** What reads and writes reject with; null while the socket is alive. */
  #error: Error | null = null;

  /**
   * Takes the stream over: nobody else reads, writes or destroys it from now on.
   *
   * @param stream Connected, its handshake done, and made with `allowHalfOpen`:
   *   otherwise our side ends when the peer's does.
   */
  constructor(stream: NodeStream) {
    this.#stream = stream;
    // These stay until the stream is gone: an error without a listener would be an exception.
    stream.on("data", this.#onData);
    stream.on("end", this.#onEnd);
    stream.on("error", this.#onError);
    stream.on("close", this.#onClose);
    if (stream.destroyed) this.#onClose();
  }

  /** See {@linkcode Socket.read}. */
  read(buffer: Uint8Array): Promise<number | null> {
    const rest = this.#rest;
    if (rest !== null) {
      const count = this.#give(rest, buffer);
      if (this.#rest === null) handleOf(this.#stream)?.readStart();
      return Promise.resolve(count);
    }
    if (this.#hasEnded) return Promise.resolve(null);
    if (this.#error !== null) return Promise.reject(this.#error);
    this.#reading = { buffer, result: Promise.withResolvers() };
    return this.#reading.result.promise;
  }

  /** See {@linkcode Socket.write}. Takes all of the bytes, or rejects. */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#error !== null) return Promise.reject(this.#error);
    this.#writing = { count: bytes.length, result: Promise.withResolvers() };
    const { promise } = this.#writing.result;
    this.#stream.write(bytes, this.#onWritten);
    return promise;
  }

  /** See {@linkcode Socket.closeWrite}. Over TLS the peer gets a `close_notify` first. */
  closeWrite(): Promise<void> {
    if (this.#error !== null) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#stream.end((error?: Error | null) => {
        if (error) reject(this.#error ?? toDenoError(error));
        else resolve();
      });
    });
  }

  /**
   * See {@linkcode Socket}. What is pending rejects with `BadResource`, and so
   * does what is asked for later. Calling it again changes nothing.
   */
  [Symbol.dispose](): void {
    this.#rest = null;
    this.#hasEnded = false;
    this.#fail(new Deno.errors.BadResource("Socket was closed"));
  }

  /** Copies what fits into `buffer`, and holds what does not. */
  #give(bytes: Uint8Array, buffer: Uint8Array): number {
    const count = Math.min(bytes.length, buffer.length);
    buffer.set(bytes.subarray(0, count));
    this.#rest = count < bytes.length ? bytes.subarray(count) : null;
    return count;
  }

  readonly #onData = (bytes: Uint8Array): void => {
    const reading = this.#reading;
    this.#reading = null;
    if (reading !== null) reading.result.resolve(this.#give(bytes, reading.buffer));
    else this.#rest = this.#rest === null ? bytes : concat(this.#rest, bytes);
    // The stream's own `pause` will not do: below a paused TLSSocket, Deno 2.9.6 reads on, holds
    // all that comes, and forgets that the peer has ended.
    if (this.#rest !== null) handleOf(this.#stream)?.readStop();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.#reading?.result.resolve(null);
    this.#reading = null;
  };

  readonly #onWritten = (error?: Error | null): void => {
    const writing = this.#writing;
    this.#writing = null;
    if (error) writing?.result.reject(toDenoError(error));
    else writing?.result.resolve(writing.count);
  };

  readonly #onError = (error: Error): void => this.#fail(toDenoError(error));

  readonly #onClose = (): void =>
    this.#fail(new Deno.errors.ConnectionReset("Connection was closed"));

  /** Rejects what is pending, and what will be asked for; the first reason is the one. */
  #fail(error: Error): void {
    this.#error ??= error;
    this.#reading?.result.reject(this.#error);
    this.#reading = null;
    this.#writing?.result.reject(this.#error);
    this.#writing = null;
    this.#stream.destroy();
  }
}

/**
 * Has a TLS stream that is paused read nothing from the system, as one without TLS does: Deno 2.9.6
 * goes on reading below it, and holds all that comes. For streams whose reading is others' to
 * pause: a {@linkcode NodeSocket} needs none of it.
 */
export function pauseBelowTls(stream: NodeStream): void {
  stream.on("pause", () => handleOf(stream)?.readStop());
  stream.on("resume", () => {
    // It is told late: the stream may have been paused again since.
    if (stream.readableFlowing === true) handleOf(stream)?.readStart();
  });
}

/** Undefined once the stream is destroyed. */
function handleOf(stream: NodeStream): Handle | undefined {
  const { _handle } = stream as NodeStream & { readonly _handle?: Handle | null };
  return _handle?._parent ?? _handle ?? undefined;
}

/** What Node calls an error, and what Deno's own sockets reject with. */
const DENO_ERRORS: Readonly<
  Record<string, new (message: string, options?: ErrorOptions) => Error>
> = {
  EACCES: Deno.errors.PermissionDenied,
  EADDRINUSE: Deno.errors.AddrInUse,
  EADDRNOTAVAIL: Deno.errors.AddrNotAvailable,
  ECANCELED: Deno.errors.BadResource,
  ECONNABORTED: Deno.errors.ConnectionAborted,
  ECONNRESET: Deno.errors.ConnectionReset,
  EHOSTUNREACH: Deno.errors.ConnectionReset,
  ENETDOWN: Deno.errors.ConnectionReset,
  ENETUNREACH: Deno.errors.ConnectionReset,
  ENOTCONN: Deno.errors.NotConnected,
  EPIPE: Deno.errors.BrokenPipe,
  ERR_SOCKET_CLOSED: Deno.errors.BrokenPipe,
  ERR_STREAM_DESTROYED: Deno.errors.BrokenPipe,
  ERR_STREAM_WRITE_AFTER_END: Deno.errors.BrokenPipe,
  ETIMEDOUT: Deno.errors.TimedOut,
};

/**
 * An error of a socket or a listener of Node's as what Deno's own would give: one
 * of `Deno.errors`. One that has no such name is given back as it is.
 */
export function toDenoError(error: Error & { readonly code?: string }): Error {
  const { code = "" } = error;
  // A peer whose TLS is broken is as good as gone: nothing more can be read from it.
  const DenoError = DENO_ERRORS[code] ??
    (code.startsWith("ERR_SSL_") ? Deno.errors.ConnectionReset : null);
  return DenoError === null ? error : new DenoError(error.message, { cause: error });
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length);
  joined.set(head);
  joined.set(tail, head.length);
  return joined;
}
