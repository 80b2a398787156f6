/**
 * A connection over any socket: TCP, TLS, a WebSocket.
 *
 * One reader, one writer, one `AbortController`. Reading and writing go through
 * callbacks that live as long as the connection, since a quiet connection
 * should cost little more than its socket.
 * Must not know: protocols, the chat, listeners.
 *
 * @module
 */

import { EndReason, SendQueueError } from "../errors.ts";
import {
  CLOSE_FLUSH_MS,
  CLOSE_LINGER_MS,
  CONNECTION_STEP_MS,
  FIRST_BYTES_MAX,
  READ_BYTES_MAX,
  READ_BYTES_MIN,
  READ_GROW_MS,
  SEND_QUEUE_BYTES_MAX,
} from "../limits.ts";
import type { Socket } from "../socket.ts";
import type { Connection, Line, Peer } from "./connection.ts";
import { LineDecoder } from "./line_decoder.ts";
import { SendQueue, type SendQueueOwner, SendScheduler } from "./send_queue.ts";
import { type Due, SharedTimers } from "./shared_timers.ts";

/** What the connections of one server share. */
export class ConnectionShared {
  /** When queues are written. */
  readonly scheduler = new SendScheduler();
  /** For short waits. */
  readonly timers = new SharedTimers(CONNECTION_STEP_MS);
  /** Called once for each connection, when nothing of it is left open. */
  readonly onClosed: (connection: SocketConnection) => void;

  /** For the connections of one server. */
  constructor(onClosed: (connection: SocketConnection) => void) {
    this.onClosed = onClosed;
  }
}

/**
 * Tells its connection directly that it was aborted: an event listener would
 * cost each connection 700 bytes.
 */
class ConnectionController extends AbortController {
  readonly #connection: { onAbort(): void };

  constructor(connection: { onAbort(): void }) {
    super();
    this.#connection = connection;
  }

  override abort(reason?: unknown): void {
    if (this.signal.aborted) return;
    super.abort(reason);
    this.#connection.onAbort();
  }
}

const LF = 0x0a;
const NO_BYTES = new Uint8Array(0);
const END_OF_STREAM = new EndReason("end-of-stream", "Peer ended the stream");
const DONE: IteratorResult<Line, void> = { done: true, value: undefined };

/** See {@linkcode Connection}. */
export class SocketConnection
  implements Connection, SendQueueOwner, Due, AsyncIterableIterator<Line, void, void> {
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #shared: ConnectionShared;
  readonly #queue: SendQueue;
  readonly #decoder = new LineDecoder();
  /** Made when first asked for: most connections live without one until they end. */
  #controller: ConnectionController | null = null;
  /** Made when first asked for, likewise. */
  #closed: PromiseWithResolvers<EndReason> | null = null;

  #buffer: Uint8Array<ArrayBuffer> | null = null;
  #isReading = false;
  /** Whether the last read filled the buffer. */
  #wasFull = false;
  #lastReadAtMs = Date.now();
  /** Why nothing more will be read; the lines before it are still to be given. */
  #readEnd: EndReason | null = null;
  /** Lines that have arrived; those before `#lineAt` were given. */
  readonly #lines: Line[] = [];
  #lineAt = 0;
  /** The first bytes, while {@linkcode SocketConnection.opening} looks at them. */
  #opening: Uint8Array | null = null;
  /** Goes on with {@linkcode SocketConnection.opening}; null while nobody waits for it. */
  #resolveOpening: ((bytes: Uint8Array | null) => void) | null = null;
  /** Goes on with {@linkcode SocketConnection.next}; null while it does not wait. */
  #resolveNext: ((result: IteratorResult<Line, void>) => void) | null = null;

  /** Why it is being closed; null while it is not. */
  #closeReason: EndReason | null = null;
  #isClosed = false;
  /** The one timer: the opening's at first, the closing's at last; 0 for none. */
  #timer = 0;

  /** Takes the socket over: nobody else reads, writes or closes it from now on. */
  constructor(socket: Socket, peer: Peer, shared: ConnectionShared) {
    this.peer = peer;
    this.#socket = socket;
    this.#shared = shared;
    this.#queue = new SendQueue(socket, shared.scheduler, this);
  }

  get controller(): AbortController {
    return this.#controller ??= new ConnectionController(this);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get closed(): Promise<EndReason> {
    if (this.#closed === null) {
      this.#closed = Promise.withResolvers();
      if (this.#isClosed) this.#closed.resolve(EndReason.of(this.signal.reason));
    }
    return this.#closed.promise;
  }

  /** Whether the signal is aborted, without making one. */
  get #hasEnded(): boolean {
    return this.#controller !== null && this.#controller.signal.aborted;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  get lastReadAtMs(): number {
    return this.#lastReadAtMs;
  }

  /**
   * Waits for the peer's first bytes, and leaves them to be read by `lines()`.
   *
   * @param waitMs How long at the most.
   * @returns The bytes so far: those of a whole line or more, `FIRST_BYTES_MAX`
   *   of them, or what there was when the time or the peer ended. Null where the
   *   connection ended, or the peer did without having sent anything.
   */
  opening(waitMs: number): Promise<Uint8Array | null> {
    if (this.#hasEnded) return Promise.resolve(null);
    this.#opening = NO_BYTES;
    this.#startTimer(waitMs);
    this.#read();
    return new Promise((resolve) => this.#resolveOpening = resolve);
  }

  /** Ends the opening, if one is waited for and there is nothing more to wait for. */
  #endOpening(): void {
    const bytes = this.#opening;
    const resolve = this.#resolveOpening;
    if (bytes === null || resolve === null) return;
    const isOver = this.#hasEnded || this.#readEnd !== null;
    const isEnough = bytes.length >= FIRST_BYTES_MAX || bytes.indexOf(LF) >= 0;
    if (!isOver && !isEnough && this.#timer !== 0) return this.#read();
    if (this.#closeReason === null) this.#stopTimer();
    this.#opening = null;
    this.#resolveOpening = null;
    resolve(this.#hasEnded || (isOver && bytes.length === 0) ? null : bytes);
  }

  /** See {@linkcode Connection.lines}. */
  lines(): AsyncIterableIterator<Line, void, void> {
    return this;
  }

  /** See {@linkcode SocketConnection.lines}: the connection is its own iterator. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Line, void, void> {
    return this;
  }

  /**
   * The next line. By hand and not by a generator, since this is where quiet
   * connections wait, and a suspended function costs half a kilobyte.
   */
  next(): Promise<IteratorResult<Line, void>> {
    const result = this.#takeLine();
    if (result !== null) return Promise.resolve(result);
    this.#read();
    return new Promise((resolve) => this.#resolveNext = resolve);
  }

  /** The next line or the end; null where neither is there yet. */
  #takeLine(): IteratorResult<Line, void> | null {
    if (this.#hasEnded) return DONE;
    const line = this.#lines[this.#lineAt];
    if (line !== undefined) {
      this.#lineAt++;
      return { done: false, value: line };
    }
    this.#lines.length = 0;
    this.#lineAt = 0;
    if (this.#readEnd === null) return null;
    this.controller.abort(this.#readEnd);
    return DONE;
  }

  /** See {@linkcode Connection.send}. */
  send(bytes: Uint8Array): boolean {
    if (this.#closeReason !== null) return false;
    if (this.#queue.push(bytes)) return true;
    if (!this.#hasEnded) {
      // What waits would never be read in time; room for the last words is better.
      this.#queue.discard();
      this.controller.abort(new SendQueueError(SEND_QUEUE_BYTES_MAX));
    }
    return false;
  }

  /** See {@linkcode Connection.close}. */
  close(reason: EndReason): Promise<EndReason> {
    if (this.#closeReason === null) {
      this.#closeReason = reason;
      this.#startTimer(CLOSE_FLUSH_MS);
      this.controller.abort(reason);
      this.#queue.drain();
    }
    return this.closed;
  }

  /** See {@linkcode Connection.abort}. */
  abort(reason: EndReason): void {
    this.#closeReason ??= reason;
    this.controller.abort(reason);
    this.#dispose();
  }

  /** The signal was aborted: whoever waits for lines gets no more. Called by the controller. */
  onAbort(): void {
    this.#lines.length = 0;
    this.#wakeUp();
  }

  /** See {@linkcode Due}: the opening has taken long enough, or the closing has. */
  onDue(): void {
    this.#timer = 0;
    if (this.#closeReason !== null) this.#dispose();
    else this.#wakeUp();
  }

  /** See {@linkcode SendQueueOwner}: everything is written, now wait for the peer's own end. */
  onDrained(): void {
    if (this.#isClosed) return;
    if (this.#readEnd !== null) return this.#dispose();
    this.#startTimer(CLOSE_LINGER_MS);
    // A peer that is gone already has its end in the pending read.
    this.#socket.closeWrite().then(() => this.#read(), () => this.#dispose());
  }

  /** See {@linkcode SendQueueOwner}. */
  onWriteError(error: unknown): void {
    this.#fail(error);
    if (this.#closeReason !== null) this.#dispose();
  }

  #startTimer(ms: number): void {
    this.#stopTimer();
    this.#timer = this.#shared.timers.add(this, ms);
  }

  #stopTimer(): void {
    if (this.#timer !== 0) this.#shared.timers.remove(this, this.#timer);
    this.#timer = 0;
  }

  /** Goes on with whoever waits, if what they wait for is there. */
  #wakeUp(): void {
    this.#endOpening();
    const resolve = this.#resolveNext;
    if (resolve === null) return;
    this.#resolveNext = null;
    const result = this.#takeLine();
    if (result !== null) return resolve(result);
    this.#resolveNext = resolve;
    this.#read();
  }

  #read(): void {
    if (this.#isReading || this.#isClosed || this.#readEnd !== null) return;
    this.#isReading = true;
    this.#buffer ??= new Uint8Array(READ_BYTES_MIN);
    if (this.#wasFull) this.#growBuffer(this.#buffer.length);
    // Both callbacks are there, and neither throws: nothing is left floating.
    this.#socket.read(this.#buffer).then(this.#onRead, this.#onReadError);
  }

  /** Makes room for more at once, unless it took long to deal with what filled the buffer. */
  #growBuffer(length: number): void {
    if (length >= READ_BYTES_MAX || Date.now() - this.#lastReadAtMs >= READ_GROW_MS) return;
    this.#buffer = new Uint8Array(Math.min(8 * length, READ_BYTES_MAX));
  }

  readonly #onRead = (count: number | null): void => {
    this.#isReading = false;
    if (this.#isClosed) return;
    if (count === null) {
      this.#decoder.end(this.#lines);
      this.#readEnd = END_OF_STREAM;
      if (this.#closeReason !== null && this.#queue.bytes === 0) this.#dispose();
    } else if (this.#hasEnded) {
      // Read on only to keep unread bytes from resetting the connection as it closes.
      if (this.#closeReason !== null) this.#read();
    } else {
      this.#lastReadAtMs = Date.now();
      this.#take(count);
    }
    this.#wakeUp();
  };

  /** Decodes what was read, and fits the buffer to how much comes. */
  #take(count: number): void {
    const buffer = this.#buffer;
    if (buffer === null) return;
    const chunk = buffer.subarray(0, count);
    if (this.#opening !== null) this.#opening = concat(this.#opening, chunk);
    this.#decoder.push(chunk, this.#lines);
    const answer = this.#decoder.takeAnswer();
    if (answer !== null) this.send(answer);
    this.#wasFull = count === buffer.length;
    if (count <= READ_BYTES_MIN && buffer.length > READ_BYTES_MIN) {
      this.#buffer = new Uint8Array(READ_BYTES_MIN);
    }
  }

  readonly #onReadError = (error: unknown): void => {
    this.#isReading = false;
    if (this.#isClosed) return;
    this.#fail(error);
    if (this.#closeReason !== null) this.#dispose();
    this.#wakeUp();
  };

  /** The transport failed. */
  #fail(error: unknown): void {
    this.#readEnd ??= isDisconnect(error)
      ? new EndReason("reset", "Peer reset the connection", { cause: error })
      : new EndReason("fault", "Connection failed", { cause: error });
    this.#queue.kill();
    this.controller.abort(this.#readEnd);
  }

  #dispose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTimer();
    this.#queue.kill();
    this.#buffer = null;
    this.#socket[Symbol.dispose]();
    this.#wakeUp();
    this.#closed?.resolve(EndReason.of(this.signal.reason));
    this.#shared.onClosed(this);
  }
}

/**
 * Whether an error just says that the peer is gone, or that we closed the
 * socket under a pending read or write.
 */
function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length);
  joined.set(head);
  joined.set(tail, head.length);
  return joined;
}
