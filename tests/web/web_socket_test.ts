// A WebSocket as a stream: what comes in and goes out is the same, whatever the pieces; a peer
// who is not read has to wait; and one that is gone is found out. Most of it on a WebSocket of
// which the test decides what happens, the rest on real ones (more of those in hostile_test.ts).

import { EventEmitter } from "node:events";
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { WEB_SOCKET_PINGS_UNANSWERED_MAX } from "../../lib/limits.ts";
import type { Socket } from "../../lib/socket.ts";
import { WebSocketStream } from "../../lib/web/web_socket.ts";
import { within } from "../harness.ts";
import { EchoDoor } from "./echo_door.ts";
import { frame, OPCODE, WebPeer } from "./web_peer.ts";

const IS_BINARY = true;

/** A WebSocket of which the test decides what happens. */
class FakeWebSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  isPaused = false;
  isTerminated = false;
  pings = 0;
  readonly closes: number[] = [];
  readonly sent: { readonly bytes: Uint8Array; readonly done: (error?: Error) => void }[] = [];

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  ping(): void {
    this.pings++;
  }

  close(code: number): void {
    this.closes.push(code);
  }

  terminate(): void {
    this.isTerminated = true;
    this.emit("close", 1006);
  }

  send(bytes: Uint8Array, options: { binary: boolean }, done: (error?: Error) => void): void {
    assertEquals(options, { binary: false });
    this.sent.push({ bytes, done });
  }

  /** Lets a message arrive. */
  say(text: string, isBinary = false): void {
    this.emit("message", new TextEncoder().encode(text), isBinary);
  }
}

function fake(): { ws: FakeWebSocket; stream: WebSocketStream } {
  const ws = new FakeWebSocket();
  return { ws, stream: new WebSocketStream(ws as unknown as WebSocket) };
}

async function readText(stream: Socket, size = 1024): Promise<string | null> {
  const buffer = new Uint8Array(size);
  const count = await within(stream.read(buffer), () => "Awaited a read");
  return count === null ? null : new TextDecoder().decode(buffer.subarray(0, count));
}

Deno.test("a message is a line, whatever was asked for first", async () => {
  const { ws, stream } = fake();
  const reading = readText(stream);
  ws.say("hello");
  assertEquals(await reading, "hello\n");
  ws.say("");
  assertEquals(await readText(stream), "\n");
});

Deno.test("messages are given in order and whole, however small the pieces that are asked for", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.string({ maxLength: 40, unit: "grapheme" }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 50 }),
    fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
    async (messages, size, asksFirst) => {
      const { ws, stream } = fake();
      const wanted = new TextEncoder().encode(messages.map((text) => `${text}\n`).join(""));
      const got: number[] = [];
      const read = async (): Promise<void> => {
        const buffer = new Uint8Array(size);
        const count = await stream.read(buffer) ?? 0;
        got.push(...buffer.subarray(0, count));
      };
      for (const [index, text] of messages.entries()) {
        const isAsked = asksFirst[index] === true;
        const reading = isAsked ? read() : Promise.resolve();
        ws.say(text);
        await reading;
      }
      while (got.length < wanted.length) await read();
      assertEquals(Uint8Array.from(got), wanted);
    },
  ));
});

Deno.test("a peer who is not read is stopped at the first message, and goes on when it is asked for", async () => {
  const { ws, stream } = fake();
  ws.say("one");
  assert(ws.isPaused);
  // What had come off the network with it.
  ws.say("two");
  assertEquals(await readText(stream), "one\ntwo\n");
  assert(ws.isPaused, "nothing more is asked for");
  const reading = readText(stream);
  assert(!ws.isPaused);
  ws.say("three");
  assertEquals(await reading, "three\n");
  assert(!ws.isPaused, "whoever reads what comes makes nobody wait");
});

Deno.test("a write is done when the system has it", async () => {
  const { ws, stream } = fake();
  let isDone = false;
  const writing = stream.write(new TextEncoder().encode("a\nb\n")).then((count) => {
    isDone = true;
    return count;
  });
  await Promise.resolve();
  assertEquals(new TextDecoder().decode(ws.sent[0]?.bytes), "a\nb\n");
  assert(!isDone);
  ws.sent[0]?.done();
  assertEquals(await writing, 4);
});

Deno.test("a write fails where the system does not take it, and where the peer is gone meanwhile", async () => {
  const { ws, stream } = fake();
  const refused = stream.write(new Uint8Array(1));
  ws.sent[0]?.done(new Error("EPIPE"));
  await assertRejects(() => refused, Deno.errors.BrokenPipe);
  const stuck = stream.write(new Uint8Array(1));
  ws.emit("close", 1006);
  await assertRejects(() => stuck, Deno.errors.ConnectionReset);
  await assertRejects(() => stream.write(new Uint8Array(1)), Deno.errors.ConnectionReset);
});

Deno.test("what had come before the end is still given, then the end, as often as it is asked for", async () => {
  const { ws, stream } = fake();
  ws.say("last words");
  ws.emit("close", 1001);
  assertEquals(await readText(stream), "last words\n");
  assertEquals(await readText(stream), null);
  assertEquals(await readText(stream), null);
  await assertRejects(() => stream.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
});

Deno.test("a peer that vanishes is no peer that closes", async () => {
  const { ws, stream } = fake();
  const reading = stream.read(new Uint8Array(1));
  ws.emit("close", 1006);
  await assertRejects(() => reading, Deno.errors.ConnectionReset);
  await assertRejects(() => stream.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
});

Deno.test("disposing cuts at once, and ends what is pending", async () => {
  const { ws, stream } = fake();
  const reading = stream.read(new Uint8Array(1));
  const writing = stream.write(new Uint8Array(1));
  stream[Symbol.dispose]();
  assert(ws.isTerminated);
  await assertRejects(() => reading, Deno.errors.BadResource);
  await assertRejects(() => writing, Deno.errors.BadResource);
  assert(stream.isEnded);
});

Deno.test("an error of the WebSocket is not thrown where nobody catches it", () => {
  const { ws } = fake();
  ws.emit("error", new Error("Max payload size exceeded"));
});

Deno.test("bytes that are no text close the WebSocket, and nothing behind them is read", async () => {
  const { ws, stream } = fake();
  ws.say("bytes", IS_BINARY);
  ws.say("behind them");
  assertEquals(ws.closes, [1003]);
  ws.emit("close", 1003);
  assertEquals(await readText(stream), null);
});

Deno.test("a pong that was asked for is a blank line, one that was not is nothing", async () => {
  const { ws, stream } = fake();
  ws.say("{}");
  assertEquals(await readText(stream), "{}\n");
  const reading = readText(stream);
  ws.emit("pong");
  stream.ping();
  assertEquals(ws.pings, 1);
  ws.emit("pong");
  ws.emit("pong");
  assertEquals(await reading, "\n");
  const next = readText(stream);
  ws.say("next");
  assertEquals(await next, "next\n");
});

Deno.test("a pong is no first line: who is there is for the peer to say", async () => {
  const { ws, stream } = fake();
  const reading = readText(stream);
  stream.ping();
  ws.emit("pong");
  ws.say("hello");
  assertEquals(await reading, "hello\n");
});

Deno.test("a peer that answers no ping is cut", async () => {
  const { ws, stream } = fake();
  const reading = stream.read(new Uint8Array(1));
  for (let pings = 0; pings < WEB_SOCKET_PINGS_UNANSWERED_MAX; pings++) stream.ping();
  assert(!ws.isTerminated);
  stream.ping();
  assertEquals(ws.pings, WEB_SOCKET_PINGS_UNANSWERED_MAX);
  assert(ws.isTerminated);
  await assertRejects(() => reading, Deno.errors.TimedOut);
});

Deno.test("whatever a peer says is a sign of life", () => {
  const { ws, stream } = fake();
  for (let turn = 0; turn < 3 * WEB_SOCKET_PINGS_UNANSWERED_MAX; turn++) {
    void stream.read(new Uint8Array(16));
    stream.ping();
    ws.say("here");
  }
  assert(!ws.isTerminated);
});

Deno.test("a peer who is made to wait is not expected to answer pings", () => {
  const { ws, stream } = fake();
  ws.say("one");
  assert(ws.isPaused);
  for (let turn = 0; turn < 3 * WEB_SOCKET_PINGS_UNANSWERED_MAX; turn++) stream.ping();
  assertEquals(ws.pings, 0);
  assert(!ws.isTerminated);
});

Deno.test("a real WebSocket: lines there and back, a ping is answered, and both close in order", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.join(door.port);
  peer.say("hello");
  assertEquals(await peer.message(), "5 hello\n");
  peer.send(frame("are you there", { opcode: OPCODE.ping }));
  const { opcode, payload } = await peer.frame();
  assertEquals([opcode, new TextDecoder().decode(payload)], [OPCODE.pong, "are you there"]);
  peer.say("bye");
  assertEquals(await peer.message(), "3 bye\n");
  assertEquals(await peer.closeCode(), 1000);
  peer.send(frame(Uint8Array.of(0x03, 0xe8), { opcode: OPCODE.close }));
  assertEquals(await peer.untilClosed(), "");
  await door.opened(0);
});

Deno.test("a real WebSocket: a message in many fragments, each byte by itself, is one line", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.join(door.port);
  const bytes = [
    ...frame("hel", { isFinal: false }),
    ...frame("in between", { opcode: OPCODE.ping }),
    ...frame("lo", { opcode: OPCODE.continuation }),
  ];
  for (const byte of bytes) {
    peer.send(Uint8Array.of(byte));
    await peer.sent();
  }
  assertEquals((await peer.frame()).opcode, OPCODE.pong);
  assertEquals(await peer.message(), "5 hello\n");
});
