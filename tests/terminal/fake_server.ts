/**
 * A server for the client's tests: it says and does only what the test tells it to.
 *
 * Every wait has a deadline whose error says what was awaited and what came instead.
 */

import { deadline } from "@std/async/deadline";

/** Longest wait for anything in these tests, on a busy machine too. */
export const WAIT_MS = 15_000;

/** A listener on a free port. */
export class FakeServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #peers: FakePeer[] = [];

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** The port it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** The next client that connects. */
  async accept(): Promise<FakePeer> {
    const peer = new FakePeer(await deadline(this.#listener.accept(), WAIT_MS));
    this.#peers.push(peer);
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener[Symbol.dispose]();
    for (const peer of this.#peers) await peer.close();
  }
}

/** One client, seen from the server. What it sends is gathered from the start. */
export class FakePeer {
  readonly #conn: Deno.TcpConn;
  readonly #reading: Promise<void>;
  #received = new Uint8Array(0);
  #isEnded = false;
  #isPaused: Promise<void> | null = null;
  #taken = 0;
  #wake = Promise.withResolvers<void>();

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#reading = this.#read();
  }

  /** Everything that came so far. */
  get received(): Uint8Array {
    return this.#received;
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    await this.#until("a line", () => this.#received.indexOf(0x0a, this.#taken) >= 0);
    const end = this.#received.indexOf(0x0a, this.#taken);
    const line = new TextDecoder().decode(this.#received.subarray(this.#taken, end));
    this.#taken = end + 1;
    return line;
  }

  /** Waits until the client has sent so many bytes in all. */
  async bytes(count: number): Promise<Uint8Array> {
    await this.#until(`${count} bytes`, () => this.#received.length >= count);
    return this.#received;
  }

  /** Waits for the end of what the client sends, and returns all of it. */
  async end(): Promise<Uint8Array> {
    await this.#until("the end", () => this.#isEnded);
    return this.#received;
  }

  /** Sends text as it is. */
  async say(text: string): Promise<void> {
    await this.sayBytes(new TextEncoder().encode(text));
  }

  /** Sends bytes as they are. */
  async sayBytes(bytes: Uint8Array): Promise<void> {
    let sent = 0;
    while (sent < bytes.length) {
      sent += await deadline(this.#conn.write(bytes.subarray(sent)), WAIT_MS);
    }
  }

  /** Reads nothing more until the promise resolves. */
  pauseUntil(resumed: Promise<void>): void {
    this.#isPaused = resumed;
  }

  /** Closes. May be called twice. */
  async close(): Promise<void> {
    this.#conn[Symbol.dispose]();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        if (this.#isPaused !== null) await this.#isPaused;
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        const grown = new Uint8Array(this.#received.length + count);
        grown.set(this.#received);
        grown.set(buffer.subarray(0, count), this.#received.length);
        this.#received = grown;
        this.#notify();
      }
    } catch {
      // Reset, or closed by us: the end either way.
    }
    this.#isEnded = true;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const endsAtMs = Date.now() + WAIT_MS;
    while (!condition()) {
      const hasEnded = this.#isEnded;
      const rest = (): string =>
        JSON.stringify(new TextDecoder().decode(this.#received.subarray(this.#taken)));
      if (hasEnded) throw new Error(`Awaited ${what}, but the client ended after ${rest()}`);
      try {
        await deadline(this.#wake.promise, Math.max(1, endsAtMs - Date.now()));
      } catch (cause) {
        throw new Error(`Awaited ${what} for ${WAIT_MS} ms, but there was ${rest()}`, { cause });
      }
    }
  }
}
