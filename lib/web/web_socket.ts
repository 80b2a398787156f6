/**
 * A browser's WebSocket as a stream of bytes: each text message that comes in
 * is a line, each write is a text message of whole lines.
 *
 * Promises that no more is held of a peer who is not read than one chunk off
 * the network and one message, and that a write is done only once the system
 * has it.
 * Must not know: HTTP, protocols, the chat.
 *
 * @module
 */

// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { WEB_SOCKET_PINGS_UNANSWERED_MAX } from "../limits.ts";
import type { Socket } from "../socket.ts";

/** RFC 6455, section 7.4.1. */
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED = 1003;
/** Stands for a connection that ended without a closing handshake; never sent. */
const CLOSE_ABNORMAL = 1006;

const LF = 0x0a;
const NO_BYTES = new Uint8Array(0);
const AS_TEXT = { binary: false } as const;

/** See {@linkcode Socket}. */
export class WebSocketStream implements Socket {
  readonly #ws: WebSocket;
  /** What has come and was not asked for: the bytes from `#heldAt` to `#heldEnd`. */
  #held = NO_BYTES;
  #heldAt = 0;
  #heldEnd = 0;
  #reading:
    | { readonly buffer: Uint8Array; readonly result: PromiseWithResolvers<number | null> }
    | null = null;
  /** Fails the write that is under way; null where none is. */
  #failWrite: ((error: Error) => void) | null = null;
  /** How the stream ended: null for an end that the peer told, undefined while it has not. */
  #end: Error | null | undefined;
  /** Whether a message has come. */
  #hasSpoken = false;
  #pingsUnanswered = 0;

  /** Takes over an open WebSocket: nobody else reads, writes or closes it from now on. */
  constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("message", (data: Uint8Array, isBinary: boolean) => {
      if (isBinary) this.#refuseBinary();
      else this.#take(data);
    });
    ws.on("pong", () => this.#onPong());
    ws.on("close", (code) => this.#onClose(code));
    // A frame against the rules: `ws` closes with the right code. Without a listener
    // the process would die of it.
    ws.on("error", () => {});
  }

  /** Whether nothing more can be read or written. */
  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * See {@linkcode Socket.read}. Each text message is its text and a line feed. Ends with null
   * where the peer closed by the rules; rejects with `ConnectionReset` where it vanished or broke
   * them, and with `TimedOut` where it answered no ping.
   */
  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#heldEnd > this.#heldAt) return Promise.resolve(this.#release(buffer));
    if (this.#end !== undefined) {
      return this.#end === null ? Promise.resolve(null) : Promise.reject(this.#end);
    }
    const result = Promise.withResolvers<number | null>();
    this.#reading = { buffer, result };
    if (this.#ws.isPaused) this.#ws.resume();
    return result.promise;
  }

  /**
   * See {@linkcode Socket.write}: all of the bytes, as one text message.
   *
   * @param bytes Whole lines of UTF-8.
   */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#end !== undefined) return Promise.reject(this.#end ?? brokenPipe());
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#failWrite = reject;
    this.#ws.send(bytes, AS_TEXT, (error) => {
      this.#failWrite = null;
      if (error instanceof Error) reject(brokenPipe(error));
      else resolve(bytes.length);
    });
    return promise;
  }

  /** See {@linkcode Socket.closeWrite}: begins the closing handshake. Resolves at once. */
  closeWrite(): Promise<void> {
    // Why it ends stands in the last line, for this transport as for the others.
    this.#ws.close(CLOSE_NORMAL);
    return Promise.resolve();
  }

  /** See {@linkcode Socket}. */
  [Symbol.dispose](): void {
    this.#finish(new Deno.errors.BadResource("The WebSocket was closed"));
    this.#ws.terminate();
  }

  /**
   * Asks the peer for a sign of life, and cuts one that has given none to the last
   * `WEB_SOCKET_PINGS_UNANSWERED_MAX`. Called every `WEB_SOCKET_PING_MS`.
   */
  ping(): void {
    // Whoever is not read at the moment is not heard either.
    if (this.#end !== undefined || this.#ws.isPaused) return;
    if (this.#pingsUnanswered >= WEB_SOCKET_PINGS_UNANSWERED_MAX) {
      this.#finish(new Deno.errors.TimedOut("The browser answers no ping"));
      this.#ws.terminate();
    } else if (this.#ws.readyState === this.#ws.OPEN) {
      this.#pingsUnanswered++;
      this.#ws.ping();
    }
  }

  /** The line feed that a pong becomes is a blank line: nothing is said, but the peer was heard. */
  #onPong(): void {
    // Nobody gains anything by pongs that were not asked for.
    if (this.#pingsUnanswered === 0) return;
    this.#pingsUnanswered = 0;
    // What comes first tells who is there: that is for the peer to say.
    if (this.#hasSpoken) this.#take(NO_BYTES);
  }

  #refuseBinary(): void {
    this.#ws.removeAllListeners("message");
    this.#ws.close(CLOSE_UNSUPPORTED, "Messages are text");
  }

  #take(text: Uint8Array): void {
    this.#hasSpoken = true;
    this.#pingsUnanswered = 0;
    if (this.#end !== undefined) return;
    this.#hold(text);
    const reading = this.#reading;
    if (reading !== null) {
      this.#reading = null;
      reading.result.resolve(this.#release(reading.buffer));
    } else if (!this.#ws.isPaused) {
      this.#ws.pause();
    }
  }

  /** Adds a line to what was not asked for. */
  #hold(text: Uint8Array): void {
    const length = this.#heldEnd - this.#heldAt + text.length + 1;
    if (this.#heldEnd + text.length + 1 > this.#held.length) {
      // Doubled only from the second line on: most are read one by one.
      const room = this.#heldEnd === 0 ? length : 2 * length;
      const held = new Uint8Array(room);
      held.set(this.#held.subarray(this.#heldAt, this.#heldEnd));
      this.#heldEnd -= this.#heldAt;
      this.#heldAt = 0;
      this.#held = held;
    }
    this.#held.set(text, this.#heldEnd);
    this.#heldEnd += text.length;
    this.#held[this.#heldEnd++] = LF;
  }

  /** Gives what fits of what is held. */
  #release(buffer: Uint8Array): number {
    const count = Math.min(this.#heldEnd - this.#heldAt, buffer.length);
    buffer.set(this.#held.subarray(this.#heldAt, this.#heldAt += count));
    if (this.#heldAt === this.#heldEnd) {
      this.#held = NO_BYTES;
      this.#heldAt = this.#heldEnd = 0;
    }
    return count;
  }

  #onClose(code: number): void {
    this.#finish(
      code === CLOSE_ABNORMAL
        ? new Deno.errors.ConnectionReset("The browser's connection was lost")
        : null,
    );
  }

  #finish(end: Error | null): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const reading = this.#reading;
    this.#reading = null;
    if (end === null) reading?.result.resolve(null);
    else reading?.result.reject(end);
    this.#failWrite?.(end ?? brokenPipe());
    this.#failWrite = null;
  }
}

function brokenPipe(cause?: Error): Error {
  return new Deno.errors.BrokenPipe("The browser is gone", { cause });
}
