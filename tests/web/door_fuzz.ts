/**
 * A process with two browser doors, plain and over TLS, that sends itself
 * streams of bytes: right ones with something changed, cut or repeated, and
 * noise. It ends well where the doors serve afterwards; an exception that
 * nobody catches ends it otherwise.
 *
 * @module
 */

import { createConnection, type Socket } from "node:net";
import { EchoDoor } from "./echo_door.ts";
import { frame, head, OPCODE, UPGRADE, WebPeer } from "./web_peer.ts";
import { HAS_OPENSSL, TestCertificate } from "../fixtures/certificates.ts";

/** Streams of bytes in all, and how many of them at once. */
const STREAMS = 2_000;
const AT_ONCE = 100;

/** Numbers below `limit`, the same in each run. */
function makeRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

const random = makeRandom(20_261_122);

function join(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : part
  );
  return Uint8Array.from(bytes.flatMap((part) => [...part]));
}

/** What is right, to begin with. */
function makeStarts(host: string, hello: Uint8Array): Uint8Array[] {
  const upgrade = head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE });
  return [
    join([head("GET /", { Host: host }), head("GET /healthz", { Host: host })]),
    join([
      head("POST /rooms/lobby", { "Host": host, "Transfer-Encoding": "chunked" }),
      "5\r\nhello\r\n0\r\n\r\n",
    ]),
    join([upgrade, frame("hello"), frame("x", { opcode: OPCODE.ping }), frame("bye")]),
    join([
      upgrade,
      frame("hel", { isFinal: false }),
      frame("lo", { opcode: 0 }),
      frame("x", { opcode: 8 }),
    ]),
    join([upgrade, ...new Array<Uint8Array>(200).fill(frame("hello"))]),
    hello,
    join([hello, hello, "GET / HTTP/1.1\r\n\r\n"]),
  ];
}

/** The first bytes of a TLS client, from one of ours. */
async function recordHello(): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = createTlsClient(listener.addr.port);
  using conn = await listener.accept();
  const buffer = new Uint8Array(4096);
  const count = await conn.read(buffer) ?? 0;
  await client;
  return buffer.slice(0, count);
}

/** A client that goes away as soon as it was heard. */
async function createTlsClient(port: number): Promise<void> {
  const { connect } = await import("node:tls");
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.setTimeout(500, () => socket.destroy());
  await promise;
}

/** The bytes with something wrong. */
function mutate(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  switch (random(5)) {
    case 0:
      return changed.subarray(0, random(changed.length));
    case 1:
      for (let times = 0; times <= random(8); times++) {
        changed[random(changed.length)] = random(256);
      }
      return changed;
    case 2: {
      const at = random(changed.length);
      const noise = Uint8Array.from({ length: random(300) }, () => random(256));
      return join([changed.subarray(0, at), noise, changed.subarray(at)]);
    }
    case 3: {
      const [from, to] = [random(changed.length), random(changed.length)];
      return join([changed.subarray(0, to), changed.subarray(from)]);
    }
    default:
      return Uint8Array.from({ length: random(2_000) }, () => random(256));
  }
}

/** Sends a stream in pieces, and resets the connection, ends it, or leaves it to the door. */
async function send(port: number, bytes: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  // A door may rightly wait for more.
  socket.setTimeout(200, () => socket.resetAndDestroy());
  if (random(2) === 0) socket.resume();
  const end = random(3);
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random(random(2) === 0 ? 4 : 1_000);
    await Promise.race([written(socket, bytes.subarray(at, at += size)), promise]);
    if (socket.destroyed) break;
  }
  if (end === 0) socket.resetAndDestroy();
  else if (end === 1) socket.end();
  await promise;
}

function written(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

async function main(): Promise<string> {
  await using certificate = HAS_OPENSSL ? await TestCertificate.make() : null;
  await using plain = await EchoDoor.open();
  await using tls = certificate === null ? null : await EchoDoor.open({ certificate });
  const ports = tls === null ? [plain.port] : [plain.port, tls.port];
  const starts = makeStarts(`127.0.0.1:${plain.port}`, await recordHello());
  for (let count = 0; count < STREAMS; count += AT_ONCE) {
    const streams = Array.from({ length: AT_ONCE }, () => {
      const start = starts[random(starts.length)] ?? new Uint8Array(0);
      return send(ports[random(ports.length)] ?? 0, random(20) === 0 ? start : mutate(start));
    });
    await Promise.all(streams);
  }
  await using peer = await WebPeer.join(plain.port);
  peer.say("hello");
  if (await peer.message() !== "5 hello\n") throw new Error("There is another echo");
  if (tls !== null && certificate !== null) {
    await using over = await WebPeer.join(tls.port, { ca: certificate.cert });
    over.say("hello");
    if (await over.message() !== "5 hello\n") throw new Error("There is another echo over TLS");
  }
  return `${STREAMS} streams of bytes, and the door serves\n`;
}

await Deno.stdout.write(new TextEncoder().encode(await main()));
