/**
 * The load of the scenario `doors`: a crowd that came in by one door, of which
 * one talks and all others listen. A process of its own, told what to do by one
 * JSON argument, that answers in lines of JSON, begins when it reads a line, and
 * ends with its standard input.
 *
 * What arrived is counted by a mark that stands in each message once. Frames of
 * WebSockets are taken apart by hand, over plain sockets or TLS: a client of the
 * platform would cost more than the server.
 *
 * @module
 */

/** By which way, and speaking what. */
export type Way = "tcp" | "tls" | "json" | "ws" | "wss";

/** What the load is to do. */
export interface DoorsRequest {
  readonly way: Way;
  /** Of the server, a loopback address. */
  readonly hostname: string;
  readonly port: number;
  /** The one who talks included. */
  readonly users: number;
  readonly messageBytes: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** What it tells, in this order. */
export type DoorsEvent =
  | { readonly type: "connected" }
  | { readonly type: "begin" }
  | { readonly type: "end"; readonly deliveries: number; readonly tookMs: number }
  | { readonly type: "failed"; readonly reason: string };

/** Messages on their way to the slowest listener, and those that leave in one write. */
const WINDOW = 256;
const STEP = 64;
/** Nothing arrives for so long: the rest is lost. */
const STALL_MS = 10_000;
/** Pause before what is measured begins. */
const LOOK_MS = 300;
const MARK = 0x7e;
const READ_BYTES = 64 * 1024;
/** Handshakes under way at once. */
const AT_ONCE = 32;

const encoder = new TextEncoder();

/** One user's connection: what is sent and counted does not depend on the way. */
class User {
  readonly #conn: Deno.Conn;
  readonly #way: Way;
  /** Bytes of the present frame that are still to come. */
  #frameLeft = 0;
  #head: number[] = [];
  /** Messages that have arrived. */
  count = 0;
  onCount: (() => void) | null = null;
  hasEnded = false;

  constructor(conn: Deno.Conn, way: Way) {
    this.#conn = conn;
    this.#way = way;
  }

  get #isFramed(): boolean {
    return this.#way === "ws" || this.#way === "wss";
  }

  /** Connects and comes in. */
  static async connect(request: DoorsRequest): Promise<User> {
    const { way, hostname, port } = request;
    const conn = way === "tls" || way === "wss"
      ? await Deno.connectTls({ hostname, port })
      : await Deno.connect({ hostname, port });
    if ("setNoDelay" in conn) conn.setNoDelay();
    const user = new User(conn, way);
    if (user.#isFramed) await user.#upgrade(request);
    if (way !== "tcp" && way !== "tls") {
      await user.sendLines(['{"type":"hello","version":1,"resume":false}']);
    }
    await user.sendLines([
      way === "tcp" || way === "tls" ? "/ping in" : '{"type":"ping","text":"in"}',
    ]);
    await user.#readUntil(/pong[^\n]*in/);
    user.#read();
    return user;
  }

  async #upgrade({ way, hostname, port }: DoorsRequest): Promise<void> {
    const origin = `${way === "wss" ? "https" : "http"}://${hostname}:${port}`;
    await this.write(encoder.encode(
      `GET /ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nOrigin: ${origin}\r\n` +
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ));
    await this.#readUntil(/\r\n\r\n$/);
  }

  async #readUntil(wanted: RegExp): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    let text = "";
    while (!wanted.test(text)) {
      const count = await this.#conn.read(buffer);
      if (count === null) throw new Error(`Connection ended after ${JSON.stringify(text)}`);
      text += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    }
  }

  /** Sends lines in one write: as one frame, where it is a WebSocket. */
  async sendLines(lines: readonly string[]): Promise<void> {
    const bytes = encoder.encode(lines.map((line) => `${line}\n`).join(""));
    if (!this.#isFramed) return await this.write(bytes);
    // One message each: the server bounds their size.
    const frames = lines.map((line) => frame(encoder.encode(line)));
    const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const each of frames) {
      all.set(each, at);
      at += each.length;
    }
    await this.write(all);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  #read(): void {
    const buffer = new Uint8Array(READ_BYTES);
    const next = (): void => void this.#conn.read(buffer).then(take, end);
    const end = (): void => {
      this.hasEnded = true;
      this.onCount?.();
    };
    const take = (count: number | null): void => {
      if (count === null) return end();
      const before = this.count;
      if (this.#isFramed) this.#takeFrames(buffer, count);
      else this.#countMarks(buffer, 0, count);
      if (this.count !== before) this.onCount?.();
      next();
    };
    next();
  }

  #countMarks(bytes: Uint8Array, from: number, to: number): void {
    for (let at = bytes.indexOf(MARK, from); at >= 0 && at < to; at = bytes.indexOf(MARK, at + 1)) {
      this.count++;
    }
  }

  /** RFC 6455, section 5.2; what a server sends is not masked. */
  #takeFrames(bytes: Uint8Array, end: number): void {
    for (let at = 0; at < end;) {
      if (this.#frameLeft > 0) {
        const to = Math.min(end, at + this.#frameLeft);
        this.#countMarks(bytes, at, to);
        this.#frameLeft -= to - at;
        at = to;
        continue;
      }
      this.#head.push(bytes[at++] ?? 0);
      const [, code = -1, ...rest] = this.#head;
      const wanted = code === 126 ? 2 : code === 127 ? 8 : 0;
      if (code < 0 || rest.length < wanted) continue;
      this.#frameLeft = wanted === 0 ? code : rest.reduce((sum, byte) => sum * 256 + byte, 0);
      this.#head = [];
    }
  }

  close(): void {
    this.#conn[Symbol.dispose]();
  }
}

/** A text frame with a mask of zeros, which is as good as any other on the way to a server. */
function frame(payload: Uint8Array): Uint8Array {
  const long = payload.length > 125;
  const head = long
    ? [0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]
    : [0x81, 0x80 | payload.length, 0, 0, 0, 0];
  const bytes = new Uint8Array(head.length + payload.length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}

async function connectAll(request: DoorsRequest): Promise<User[]> {
  const users: User[] = [];
  while (users.length < request.users) {
    const count = Math.min(AT_ONCE, request.users - users.length);
    users.push(...await Promise.all(Array.from({ length: count }, () => User.connect(request))));
  }
  return users;
}

async function run(request: DoorsRequest): Promise<void> {
  const [talker, ...listeners] = await connectAll(request);
  if (talker === undefined) throw new Error("There is nobody");
  tell({ type: "connected" });
  // The benchmark weighs the server while nothing happens, and then says so.
  await Deno.stdin.read(new Uint8Array(16));
  const text = `~${"x".repeat(request.messageBytes - 2)}`;
  const isJson = request.way !== "tcp" && request.way !== "tls";
  const line = isJson ? JSON.stringify({ type: "say", text }) : text;
  const block = new Array<string>(STEP).fill(line);
  let sent = 0;
  /** Resolves once everybody has all but so many. */
  const arrived = async (missing: number): Promise<void> => {
    for (const user of listeners) {
      while (user.count < sent - missing) {
        if (user.hasEnded) throw new Error("The server closed a connection");
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const timer = setTimeout(() => reject(new Error("Messages were lost")), STALL_MS);
        user.onCount = resolve;
        await promise.finally(() => clearTimeout(timer));
        user.onCount = null;
      }
    }
  };
  const talk = async (forMs: number): Promise<void> => {
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      await talker.sendLines(block);
      sent += STEP;
      await arrived(WINDOW - STEP);
    }
    await arrived(0);
  };
  await talk(request.warmUpMs);
  const before = sent;
  tell({ type: "begin" });
  // Until the benchmark has looked at the server, on a machine that is busy.
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const startMs = performance.now();
  await talk(request.durationMs);
  const tookMs = performance.now() - startMs;
  tell({ type: "end", deliveries: (sent - before) * listeners.length, tookMs });
  // Until the benchmark has looked at the server.
  await Deno.stdin.readable.pipeTo(new WritableStream());
  for (const user of [talker, ...listeners]) user.close();
}

function tell(event: DoorsEvent): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(event)}\n`));
}

if (import.meta.main) {
  try {
    await run(JSON.parse(Deno.args[0] ?? "null") as DoorsRequest);
  } catch (error) {
    tell({ type: "failed", reason: error instanceof Error ? error.message : `${error}` });
  }
  Deno.exit();
}
