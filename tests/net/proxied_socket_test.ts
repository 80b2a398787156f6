/**
 * Reading a proxy's header off a real socket: in any pieces, and not one byte more
 * than the header; and not waiting for ever where none comes, on a fake clock.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { mock } from "node:test";
import { PROXY_HEADER_MS } from "../../lib/limits.ts";
import { ProxyHeaderError, readProxiedPeer } from "../../lib/net/proxied_socket.ts";
import {
  bytesOf,
  connectPair,
  FakeSocket,
  joined,
  textOf,
  turns,
  within,
  writeAll,
} from "./sockets.ts";

const LINE = bytesOf("PROXY TCP4 192.0.2.7 198.51.100.1 56324 2023\r\n");
const FROM = { address: "203.0.113.1" };

/** Version 2: the same client, over TLS. */
const BINARY = Uint8Array.from([
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 20],
  ...[192, 0, 2, 7, 198, 51, 100, 1, 0xdb, 0xf4, 0x07, 0xe7, 0x20, 0, 5, 1, 0, 0, 0, 1],
]);

/** Version 2: the proxy looks whether we live. */
const LOCAL = Uint8Array.from([
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x20, 0, 0, 0],
]);

for (
  const [name, header, peer] of [
    ["a line", LINE, { address: "192.0.2.7", isPrivate: false }],
    ["a binary header", BINARY, { address: "192.0.2.7", isPrivate: true }],
    ["a look whether we live", LOCAL, { ...FROM, isPrivate: false }],
  ] as const
) {
  Deno.test(`${name} gives the peer, and leaves what follows, wherever it was cut`, async () => {
    const all = joined([header, bytesOf("hello\r\n")]);
    for (let cut = 1; cut < all.length; cut++) {
      const socket = new FakeSocket();
      const reading = readProxiedPeer(socket, FROM);
      socket.arrive(all.slice(0, cut));
      await turns(1);
      socket.arrive(all.slice(cut));
      assertEquals(await within(reading, `the peer, cut at ${cut}`), peer);
      let rest = "";
      while (rest.length < 7) {
        const buffer = new Uint8Array(100);
        const count = await within(socket.read(buffer), "what follows");
        rest += textOf(buffer.subarray(0, count ?? 0));
      }
      assertEquals(rest, "hello\r\n");
      assert(!socket.isDisposed);
    }
  });
}

Deno.test("a real connection goes on behind the header, in both directions", async () => {
  const { near, far } = await connectPair();
  using _near = near;
  using _far = far;
  await writeAll(far, joined([BINARY, bytesOf("ping")]));
  assertEquals(await within(readProxiedPeer(near, FROM), "the peer"), {
    address: "192.0.2.7",
    isPrivate: true,
  });
  const buffer = new Uint8Array(10);
  assertEquals(await within(near.read(buffer), "what follows"), 4);
  await writeAll(near, buffer.subarray(0, 4));
  assertEquals(await within(far.read(buffer), "the answer"), 4);
  assertEquals(textOf(buffer.subarray(0, 4)), "ping");
});

Deno.test("a connection without a header is closed", async () => {
  const { near, far } = await connectPair();
  using _far = far;
  await writeAll(far, bytesOf("hello, is anybody there?\r\n"));
  const error = await assertRejects(() => readProxiedPeer(near, FROM), ProxyHeaderError);
  assertEquals(error.message, "Proxy sent no header: it begins with something else");
  await assertRejects(() => near.read(new Uint8Array(1)), Deno.errors.BadResource);
});

Deno.test("a proxy that ends or breaks in its header is told of as gone", async () => {
  for (const end of [null, new Deno.errors.ConnectionReset("Connection reset by peer")]) {
    const socket = new FakeSocket();
    socket.arrive(BINARY.slice(0, 20), end);
    const error = await assertRejects(() => readProxiedPeer(socket, FROM), ProxyHeaderError);
    assertEquals(error.message, "Proxy was gone before its header");
    assertEquals(error.cause, end ?? undefined);
    assert(socket.isDisposed);
  }
});

Deno.test("a header that does not come in time is not waited for", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const socket = new FakeSocket();
    const reading = assertRejects(() => readProxiedPeer(socket, FROM), ProxyHeaderError);
    socket.arrive(LINE.slice(0, -1));
    mock.timers.tick(PROXY_HEADER_MS - 1);
    await turns();
    assert(!socket.isDisposed);
    mock.timers.tick(1);
    const error = await within(reading, "the end of the wait");
    assertEquals(error.message, `Proxy sent no header in ${PROXY_HEADER_MS} ms`);
    assert(socket.isDisposed);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("a wait is ended by its signal, before it and in it", async () => {
  for (const isBefore of [true, false]) {
    const socket = new FakeSocket();
    const stopping = new AbortController();
    const reason = new Error("Server is shutting down");
    if (isBefore) stopping.abort(reason);
    const reading = assertRejects(
      () => readProxiedPeer(socket, { ...FROM, signal: stopping.signal }),
      ProxyHeaderError,
    );
    stopping.abort(reason);
    const error = await within(reading, "the end of the wait");
    assertInstanceOf(error.cause, Error);
    assertEquals(error.cause.message, reason.message);
    assert(socket.isDisposed);
  }
});
