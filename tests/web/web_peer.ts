/**
 * A peer of the browser door that can send any bytes: HTTP and WebSocket
 * frames, right and wrong, over a real socket.
 *
 * Every wait has a deadline whose error says what was awaited.
 *
 * @module
 */

import { within } from "../harness.ts";

/** What came for one HTTP request. */
export interface HttpReply {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A frame of a WebSocket, as it came. */
export interface Frame {
  readonly isFinal: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** RFC 6455, section 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** How a frame is made; without options it is a right one. */
export interface FrameOptions {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  /** The three reserved bits. */
  readonly reserved?: number;
  /** What it says its length is. */
  readonly claimedLength?: number;
}

/** How a peer comes. */
export interface PeerOptions {
  /** The certificate that it trusts, in PEM: TLS then. */
  readonly ca?: string;
}

const UTF8_ENCODER = new TextEncoder();
const UTF8_DECODER = new TextDecoder();

/** The headers that browsers send to open a WebSocket, but for Host and Origin. */
export const UPGRADE = {
  "Connection": "Upgrade",
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** A request's head as it stands on the wire. */
export function head(line: string, headers: Readonly<Record<string, string>> = {}): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${fields.join("")}\r\n`;
}

/** A frame, masked as a browser's is. */
export function frame(
  payload: string | Uint8Array,
  { opcode = OPCODE.text, isFinal = true, isMasked = true, reserved = 0, claimedLength }:
    FrameOptions = {},
): Uint8Array {
  const data = typeof payload === "string" ? UTF8_ENCODER.encode(payload) : payload;
  const length = claimedLength ?? data.length;
  const bytes = [(isFinal ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = isMasked ? 0x80 : 0;
  if (length < 126) bytes.push(mask | length);
  else if (length < 65_536) bytes.push(mask | 126, length >> 8, length & 0xff);
  else {
    const high = Math.floor(length / 2 ** 32);
    bytes.push(
      mask | 127,
      ...new Uint8Array(bigEndian(high)),
      ...new Uint8Array(bigEndian(length)),
    );
  }
  const key = [0x11, 0x22, 0x33, 0x44];
  if (isMasked) bytes.push(...key);
  return Uint8Array.from([
    ...bytes,
    ...data.map((byte, at) => isMasked ? byte ^ (key[at % 4] ?? 0) : byte),
  ]);
}

function bigEndian(value: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return view.buffer;
}

/** One peer. What it receives is gathered from the start, unless it is deaf. */
export class WebPeer implements AsyncDisposable {
  readonly #conn: Deno.Conn;
  readonly #port: number;
  #reading: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #received = new Uint8Array(0);
  #isReading = false;
  #isEnded = false;
  #isClosed = false;
  #written = 0;
  #onChange: (() => void) | null = null;

  constructor(conn: Deno.Conn, port: number) {
    this.#conn = conn;
    this.#port = port;
  }

  /** Connects to a port of the loopback address, and reads what comes. */
  static async connect(port: number, options: PeerOptions = {}): Promise<WebPeer> {
    const peer = await WebPeer.connectDeaf(port, options);
    peer.read();
    return peer;
  }

  /** Connects, and reads nothing until {@linkcode WebPeer.read} is called. */
  static async connectDeaf(port: number, { ca }: PeerOptions = {}): Promise<WebPeer> {
    const to = { hostname: "127.0.0.1", port };
    const conn = ca === undefined
      ? await Deno.connect(to)
      : await Deno.connectTls({ ...to, caCerts: [ca] });
    return new WebPeer(conn, port);
  }

  /** Comes as a page's WebSocket does, from the door's own origin. */
  static async join(port: number, options: PeerOptions = {}): Promise<WebPeer> {
    const peer = await WebPeer.connect(port, options);
    const reply = await peer.upgrade();
    if (reply.status !== 101) throw new Error(`Awaited a WebSocket, but there came ${show(reply)}`);
    return peer;
  }

  /** Whether the server has ended the stream, or cut it. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** How many of the bytes that were sent the system has taken. */
  get written(): number {
    return this.#written;
  }

  /** Asks for a WebSocket; headers that are given replace a browser's, and empty ones are left out. */
  async upgrade(
    headers: Readonly<Record<string, string>> = {},
    path = "/ws",
  ): Promise<HttpReply> {
    const host = `127.0.0.1:${this.#port}`;
    const scheme = "handshake" in this.#conn ? "https" : "http";
    const all = { "Host": host, "Origin": `${scheme}://${host}`, ...UPGRADE, ...headers };
    this.send(head(
      `GET ${path}`,
      Object.fromEntries(
        Object.entries(all).filter(([, value]) => value !== ""),
      ),
    ));
    return await this.reply();
  }

  /** Asks for a path, and reads the answer. */
  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpReply> {
    this.send(head(`GET ${path}`, { "Host": `127.0.0.1:${this.#port}`, ...headers }));
    return await this.reply();
  }

  /** Begins to read. Does nothing for one that does already. */
  read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#reading = this.#readAll();
  }

  /** Sends text or bytes as they are, behind all that was sent before. */
  send(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? UTF8_ENCODER.encode(data) : data;
    this.#writing = this.#writing.then(() => this.#write(bytes));
  }

  /** Sends a text message. */
  say(text: string): void {
    this.send(frame(text));
  }

  /** Waits until all that was sent has left, or cannot any more. */
  async sent(): Promise<void> {
    await within(this.#writing, () => "Awaited that the door takes what was sent");
  }

  /** The answer to a request, with as much of a body as it says it has. */
  async reply(): Promise<HttpReply> {
    await this.#wait("a head", () => this.#textEnd("\r\n\r\n") >= 0);
    const headEnd = this.#textEnd("\r\n\r\n");
    const [line = "", ...fields] = UTF8_DECODER.decode(this.#received.subarray(0, headEnd - 4))
      .split("\r\n");
    this.#take(headEnd);
    const headers = new Map(fields.map((field) => {
      const at = field.indexOf(":");
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()] as const;
    }));
    const length = Number(headers.get("content-length") ?? 0);
    await this.#wait("a body", () => this.#received.length >= length);
    const body = UTF8_DECODER.decode(this.#take(length));
    return { status: Number(line.split(" ")[1]), headers, body };
  }

  /** The next frame of a WebSocket. */
  async frame(): Promise<Frame> {
    await this.#wait("a frame", () => this.#parseFrame() !== null);
    const parsed = this.#parseFrame();
    if (parsed === null) throw new Error("A frame was there, and is not any more");
    this.#take(parsed.end);
    return parsed.frame;
  }

  /** The text of the next frame, which has to be a text message. */
  async message(): Promise<string> {
    const { opcode, payload } = await this.frame();
    if (opcode !== OPCODE.text) throw new Error(`Awaited text, but there came opcode ${opcode}`);
    return UTF8_DECODER.decode(payload);
  }

  /** The code with which the server closes the WebSocket; whatever comes before is passed over. */
  async closeCode(): Promise<number> {
    for (;;) {
      const { opcode, payload } = await this.frame();
      if (opcode === OPCODE.close) return ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    }
  }

  /** What came before the server's end of the stream, as text. */
  async untilClosed(): Promise<string> {
    await this.#wait("the end", () => this.#isEnded);
    return UTF8_DECODER.decode(this.#take(this.#received.length));
  }

  /** What has come, once it holds a text. */
  async until(text: string): Promise<string> {
    await this.#wait(JSON.stringify(text), () => this.#textEnd(text) >= 0);
    return UTF8_DECODER.decode(this.#take(this.#textEnd(text)));
  }

  /** Ends its own side of the stream, and goes on reading. */
  async endWriting(): Promise<void> {
    await this.sent();
    await this.#conn.closeWrite();
  }

  /** Closes, whatever was not read. Calling it again changes nothing. */
  async close(): Promise<void> {
    if (!this.#isClosed) this.#conn.close();
    this.#isClosed = true;
    await this.#reading;
    await this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #parseFrame(): { frame: Frame; end: number } | null {
    const bytes = this.#received;
    if (bytes.length < 2) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const short = (bytes[1] ?? 0) & 0x7f;
    const start = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length < start) return null;
    const length = short === 127
      ? Number(view.getBigUint64(2))
      : short === 126
      ? view.getUint16(2)
      : short;
    if (bytes.length < start + length) return null;
    const first = bytes[0] ?? 0;
    const payload = bytes.slice(start, start + length);
    return {
      frame: { isFinal: (first & 0x80) !== 0, opcode: first & 0x0f, payload },
      end: start + length,
    };
  }

  /** Where a text ends in what has come; -1 where it is not there. */
  #textEnd(text: string): number {
    const at = new TextDecoder("latin1").decode(this.#received).indexOf(text);
    return at < 0 ? -1 : at + text.length;
  }

  #take(count: number): Uint8Array {
    const taken = this.#received.slice(0, count);
    this.#received = this.#received.slice(count);
    return taken;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await this.#conn.write(bytes.subarray(at));
        at += count;
        this.#written += count;
      }
    } catch {
      // The door may cut first; what it did is for the test to look at.
    }
  }

  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        const all = new Uint8Array(this.#received.length + count);
        all.set(this.#received);
        all.set(buffer.subarray(0, count), this.#received.length);
        this.#received = all;
        this.#onChange?.();
      }
    } catch {
      // A reset is an end as well.
    }
    this.#isEnded = true;
    this.#onChange?.();
  }

  async #wait(what: string, isThere: () => boolean): Promise<void> {
    this.read();
    const rest = (): string => JSON.stringify(UTF8_DECODER.decode(this.#received.slice(-2_000)));
    while (!isThere()) {
      if (this.#isEnded) throw new Error(`Awaited ${what}, but the stream ended after ${rest()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      await within(promise, () => `Awaited ${what}, and there is ${rest()}`);
      this.#onChange = null;
    }
  }
}

function show({ status, body }: HttpReply): string {
  return `${status} ${JSON.stringify(body)}`;
}
