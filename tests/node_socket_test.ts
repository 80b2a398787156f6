/**
 * Sockets of Node's as every connection needs them, over TCP and over TLS: both
 * ends of real connections are what is tested, so that each reads what the other
 * writes.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket as NodeStream } from "node:net";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { NodeSocket, toDenoError } from "../lib/node_socket.ts";
import { overTls, TestCertificate } from "./fixtures/certificates.ts";
import { bytesOf, textOf, turns, until, within } from "./net/sockets.ts";

/** More than the kernel takes for a connection that nobody reads. */
const FLOOD_BYTES = 32 * 1024 * 1024;

/** What may be read though nobody asked: two of the system's reads, and a handshake. */
const HELD_BYTES_MAX = 136 * 1024;

/** The two ends of a connection, and the streams below them. */
class Pair implements AsyncDisposable {
  readonly near: NodeSocket;
  readonly far: NodeSocket;
  readonly nearStream: NodeStream;
  readonly farStream: NodeStream;
  /** What lies below the streams: themselves, or the TCP connection that their TLS runs over. */
  readonly nearTcp: NodeStream;
  readonly farTcp: NodeStream;

  constructor(
    [nearTcp, farTcp]: readonly [NodeStream, NodeStream],
    [nearStream, farStream] = [nearTcp, farTcp],
  ) {
    this.near = new NodeSocket(nearStream);
    this.far = new NodeSocket(farStream);
    this.nearStream = nearStream;
    this.farStream = farStream;
    this.nearTcp = nearTcp;
    this.farTcp = farTcp;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.near[Symbol.dispose]();
    this.far[Symbol.dispose]();
    await until(
      "both streams' end",
      () => this.nearStream.closed && this.farStream.closed && this.farTcp.closed,
    );
  }
}

async function openTcp(): Promise<[near: NodeStream, far: NodeStream]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen({ host: "127.0.0.1", port: 0 });
  await within(once(server, "listening"), "the listener");
  const address = server.address();
  assert(address !== null && typeof address === "object");
  const far = connectTcp({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
  const [[near]] = await within(
    Promise.all([once(server, "connection"), once(far, "connect")]),
    "a loopback connection",
  );
  server.close();
  return [near, far];
}

const KINDS: Readonly<Record<string, () => Promise<Pair>>> = {
  TCP: async () => new Pair(await openTcp()),
  TLS: async () => {
    await using certificate = await TestCertificate.make();
    const [nearTcp, farTcp] = await openTcp();
    const near = new TLSSocket(nearTcp, {
      isServer: true,
      secureContext: createSecureContext({ cert: certificate.cert, key: certificate.key }),
    });
    const far = connectTls({ socket: farTcp, rejectUnauthorized: false });
    await within(
      Promise.all([once(near, "secure"), once(far, "secureConnect")]),
      "a handshake",
    );
    return new Pair([nearTcp, farTcp], [near, far]);
  },
};

/** Reads up to the end: how many bytes there were. */
async function drain(socket: NodeSocket): Promise<number> {
  const buffer = new Uint8Array(256 * 1024);
  for (let sum = 0;;) {
    const count = await within(socket.read(buffer), "bytes or the end of the stream");
    if (count === null) return sum;
    sum += count;
  }
}

/** Whether a promise is still pending many turns later: TLS writes a megabyte in some dozens. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await turns(300);
  return !isSettled;
}

/** Writes until the peer's not reading holds it up: the write that waits. */
async function fill(socket: NodeSocket): Promise<{ stuck: Promise<number>; taken: number }> {
  const chunk = new Uint8Array(1024 * 1024);
  for (let taken = 0; taken < FLOOD_BYTES; taken += chunk.length) {
    const stuck = socket.write(chunk);
    if (await isPending(stuck)) return { stuck, taken };
  }
  throw new Error(`All of ${FLOOD_BYTES} bytes were taken though nobody read them`);
}

for (const [kind, open] of Object.entries(KINDS)) {
  const named = (name: string): { name: string; ignore: boolean } =>
    kind === "TLS" ? overTls(`${kind}: ${name}`) : { name: `${kind}: ${name}`, ignore: false };

  Deno.test(named("what is written is read, in pieces as large as asked for"), async () => {
    await using pair = await open();
    const { near, far } = pair;
    assertEquals(await within(near.write(bytesOf("hello, world")), "a write"), 12);
    const buffer = new Uint8Array(5);
    let text = "";
    while (text.length < 12) {
      const count = await within(far.read(buffer), "bytes");
      assert(count !== null && count > 0);
      text += textOf(buffer.subarray(0, count));
    }
    assertEquals(text, "hello, world");
    const reading = near.read(buffer);
    await within(far.write(bytesOf("yes")), "a write");
    assertEquals(await within(reading, "the answer"), 3);
  });

  Deno.test(named("one side may end while the other goes on"), async () => {
    await using pair = await open();
    const { near, far } = pair;
    await within(near.closeWrite(), "our end");
    const buffer = new Uint8Array(10);
    assertEquals(await within(far.read(buffer), "our end, there"), null);
    assertEquals(await within(far.read(buffer), "our end, again"), null);
    await within(far.write(bytesOf("bye")), "a write");
    assertEquals(await within(near.read(buffer), "bytes behind our end"), 3);
    await assertRejects(() => near.write(bytesOf("more")), Deno.errors.BrokenPipe);
  });

  Deno.test(
    named("what nobody asks for stays with the peer, and comes whole later, end included"),
    async () => {
      await using pair = await open();
      const { near, far, nearTcp } = pair;
      const { stuck, taken } = await fill(far);
      assert(nearTcp.bytesRead <= HELD_BYTES_MAX, `${nearTcp.bytesRead} bytes read for nobody`);
      const drained = drain(near);
      const size = await within(stuck, "the write that waited");
      await within(far.closeWrite(), "the end");
      assertEquals(await drained, taken + size);
    },
  );

  Deno.test(
    named("a write that a peer does not take waits, until the socket is disposed of"),
    async () => {
      await using pair = await open();
      const { near } = pair;
      const { stuck } = await fill(near);
      const reading = near.read(new Uint8Array(1));
      near[Symbol.dispose]();
      await assertRejects(() => within(stuck, "the write's end"), Deno.errors.BadResource);
      await assertRejects(() => within(reading, "the read's end"), Deno.errors.BadResource);
    },
  );

  Deno.test(
    named("after it was disposed of, everything rejects, and disposing again is nothing"),
    async () => {
      await using pair = await open();
      const { near, far } = pair;
      await within(far.write(bytesOf("unread")), "a write");
      near[Symbol.dispose]();
      near[Symbol.dispose]();
      await assertRejects(() => near.read(new Uint8Array(1)), Deno.errors.BadResource);
      await assertRejects(() => near.write(new Uint8Array(1)), Deno.errors.BadResource);
      await assertRejects(() => near.closeWrite(), Deno.errors.BadResource);
    },
  );

  Deno.test(named("a late error of the stream is nobody's exception"), async () => {
    await using pair = await open();
    const { near, nearStream } = pair;
    near[Symbol.dispose]();
    nearStream.emit("error", new Error("Late"));
    await until("the stream's end", () => nearStream.closed);
    nearStream.emit("error", new Error("Later still"));
    await assertRejects(() => near.read(new Uint8Array(1)), Deno.errors.BadResource);
  });

  Deno.test(named("a peer that resets the connection is told of by reads and writes"), async () => {
    await using pair = await open();
    const { near, farTcp } = pair;
    const reading = near.read(new Uint8Array(1));
    farTcp.resetAndDestroy();
    // Over TLS, Deno 2.9.6 tells a reset as an end.
    if (kind === "TLS") assertEquals(await within(reading, "the end"), null);
    else await assertRejects(() => within(reading, "the reset"), Deno.errors.ConnectionReset);
    const error = await assertRejects(async () => {
      while (true) await within(near.write(new Uint8Array(1)), "the end of writing");
    });
    assert(
      error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe,
      `${error}`,
    );
  });

  Deno.test(
    named("a stream that was destroyed before is a connection that was closed"),
    async () => {
      await using pair = await open();
      pair.nearStream.destroy();
      const late = new NodeSocket(pair.nearStream);
      await assertRejects(() => late.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
      await assertRejects(() => late.write(new Uint8Array(1)), Deno.errors.ConnectionReset);
    },
  );

  Deno.test(named("whatever the pieces, every byte comes once and in order"), async () => {
    await using pair = await open();
    const { near, far } = pair;
    const total = 2_000_000;
    const send = async (): Promise<void> => {
      for (let at = 0, step = 1; at < total; step = (step * 7 + 3) % 70_001) {
        const piece = new Uint8Array(Math.min(step, total - at)).map((_, i) => (at + i) % 251);
        at += await within(near.write(piece), "a write");
      }
      await near.closeWrite();
    };
    const receive = async (): Promise<number> => {
      for (let at = 0, size = 1;; size = (size * 5 + 1) % 90_001) {
        const buffer = new Uint8Array(size);
        const count = await within(far.read(buffer), "bytes");
        if (count === null) return at;
        for (let i = 0; i < count; i++) {
          if (buffer[i] !== (at + i) % 251) throw new Error(`Byte ${at + i} is another`);
        }
        at += count;
      }
    };
    const [, received] = await Promise.all([send(), receive()]);
    assertEquals(received, total);
  });
}

Deno.test(overTls("a peer whose TLS breaks is as good as gone"), async () => {
  const certificate = await TestCertificate.make();
  await using _certificate = certificate;
  const [nearTcp, farTcp] = await openTcp();
  const near = new TLSSocket(nearTcp, {
    isServer: true,
    secureContext: createSecureContext({ cert: certificate.cert, key: certificate.key }),
  });
  near.on("error", () => {});
  const far = connectTls({ socket: farTcp, rejectUnauthorized: false });
  await within(Promise.all([once(near, "secure"), once(far, "secureConnect")]), "a handshake");
  using socket = new NodeSocket(far);
  const reading = socket.read(new Uint8Array(1));
  nearTcp.write("this is no TLS\r\n");
  const error = await assertRejects(
    () => within(reading, "the end of reading"),
    Deno.errors.ConnectionReset,
  );
  assertInstanceOf(error.cause, Error);
  near.destroy();
  await until("the streams' end", () => near.closed && far.closed && nearTcp.closed);
});

Deno.test("errors of Node's have the names that Deno's own sockets use", () => {
  const named = (code: string): Error => toDenoError(Object.assign(new Error(code), { code }));
  assertInstanceOf(named("ECONNRESET"), Deno.errors.ConnectionReset);
  assertInstanceOf(named("EPIPE"), Deno.errors.BrokenPipe);
  assertInstanceOf(named("ERR_STREAM_DESTROYED"), Deno.errors.BrokenPipe);
  assertInstanceOf(named("ETIMEDOUT"), Deno.errors.TimedOut);
  assertInstanceOf(named("ERR_SSL_WRONG_VERSION_NUMBER"), Deno.errors.ConnectionReset);
  assertInstanceOf(named("EADDRINUSE"), Deno.errors.AddrInUse);
  const other = new Error("Something else");
  assertStrictEquals(toDenoError(other), other);
});
