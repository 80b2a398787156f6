/**
 * The body of an HTTP answer as a stream of bytes to be written: what a bot
 * that reads a room is sent.
 *
 * Promises that a write is done only once the system has it, so that who does
 * not read is noticed.
 * Must not know: what is written, who reads it.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "../socket.ts";

/** See {@linkcode Socket}; the peer says nothing on it. */
export class ResponseStream implements Socket {
  readonly #response: ServerResponse;
  #read: PromiseWithResolvers<null> | null = null;
  /** Fails the write that is under way; null where none is. */
  #failWrite: ((error: Error) => void) | null = null;
  #isEnded = false;

  /** Takes over an answer whose head was sent. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.on("close", () => this.#finish());
    // It is followed by the end; without a listener the process would die of it.
    response.on("error", () => {});
  }

  /** See {@linkcode Socket.read}: resolves with null once the peer is gone, or all was sent. */
  read(_buffer: Uint8Array): Promise<null> {
    if (this.#isEnded) return Promise.resolve(null);
    this.#read ??= Promise.withResolvers();
    return this.#read.promise;
  }

  /** See {@linkcode Socket.write}: all of the bytes. */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#isEnded) return Promise.reject(brokenPipe());
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#failWrite = reject;
    this.#response.write(bytes, (error) => {
      this.#failWrite = null;
      if (error instanceof Error) reject(brokenPipe(error));
      else resolve(bytes.length);
    });
    return promise;
  }

  /** See {@linkcode Socket.closeWrite}: the answer is complete. Resolves at once. */
  closeWrite(): Promise<void> {
    this.#response.end();
    return Promise.resolve();
  }

  /** See {@linkcode Socket}. */
  [Symbol.dispose](): void {
    this.#finish();
    this.#response.destroy();
  }

  #finish(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#read?.resolve(null);
    this.#failWrite?.(brokenPipe());
    this.#failWrite = null;
  }
}

function brokenPipe(cause?: Error): Error {
  return new Deno.errors.BrokenPipe("The reader is gone", { cause });
}
