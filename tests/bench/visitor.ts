/**
 * Somebody who asks a Parley server things, and looks at the clock.
 *
 * @module
 */

/** What came back. */
export interface Answer {
  /** From when the line was sent to when the server was through with it, and all of it was read. */
  readonly tookMs: number;
  /** Without the pong that marks the end. */
  readonly lines: readonly string[];
}

/** No answer takes longer. */
const ANSWER_MS = 20_000;

const READ_BYTES = 64 * 1024;

const encoder = new TextEncoder();

/** One connection. Nobody else may talk meanwhile: all that comes is taken for the answer. */
export class Visitor implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #decoder = new TextDecoder();
  #pings = 0;

  /** Takes the connection into its care. */
  constructor(conn: Deno.TcpConn) {
    conn.setNoDelay();
    this.#conn = conn;
  }

  /** Connects. The welcome is a part of the first answer. */
  static async connect({ hostname, port }: { hostname: string; port: number }): Promise<Visitor> {
    return new Visitor(await Deno.connect({ hostname, port }));
  }

  /** Sends a line, or nothing but the ping that follows each. */
  async ask(line: string): Promise<Answer> {
    const mark = ++this.#pings;
    const end = `-- pong ${mark}\n`;
    const timer = setTimeout(() => this[Symbol.dispose](), ANSWER_MS);
    try {
      const startMs = performance.now();
      await this.#write(encoder.encode(`${line === "" ? "" : `${line}\n`}/ping ${mark}\n`));
      let text = "";
      while (!text.endsWith(end)) {
        const count = await this.#conn.read(this.#buffer);
        if (count === null) throw new Error(`Server closed the connection at "${line}"`);
        text += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      }
      const tookMs = performance.now() - startMs;
      return { tookMs, lines: text.slice(0, -end.length).split("\n").slice(0, -1) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the connection. Twice is once. */
  [Symbol.dispose](): void {
    try {
      this.#conn[Symbol.dispose]();
    } catch {
      // It was closed for being too slow.
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }
}
