// Whatever strangers send to the browser door, it is answered or cut, and those who mean no harm
// notice nothing. A test here fails as well where an exception goes uncaught.

import { mock } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { onUnix } from "../fixtures/machine.ts";
import { EndReason } from "../../lib/errors.ts";
import {
  ENTRY_MS,
  HTTP_CONNECTIONS_MAX,
  HTTP_HEAD_BYTES_MAX,
  HTTP_REQUESTS_WAITING_MAX,
  SEND_QUEUE_BYTES_MAX,
  WEB_SOCKET_FRAGMENTS_MAX,
  WEB_SOCKET_MESSAGE_BYTES_MAX,
} from "../../lib/limits.ts";
import type { Socket } from "../../lib/socket.ts";
import type { BotAnswer, BotsHandler } from "../../lib/web/bots_handler.ts";
import { overTls, TestCertificate } from "../fixtures/certificates.ts";
import { type Guest, startTestServer, within } from "../harness.ts";
import { EchoDoor } from "./echo_door.ts";
import { frame, head, OPCODE, UPGRADE, WebPeer } from "./web_peer.ts";

/** Whether a door still does what it is there for. */
async function assertServes(door: EchoDoor, ca?: string): Promise<void> {
  const options = ca === undefined ? {} : { ca };
  await using browser = await WebPeer.connect(door.port, options);
  assertEquals((await browser.get("/healthz")).body, "ok\n");
  await using visitor = await WebPeer.join(door.port, options);
  visitor.say("hello");
  assertEquals(await visitor.message(), "5 hello\n");
}

/** Sends bytes to a door, and gives all that it answers before it closes. */
async function answerTo(door: EchoDoor, bytes: string | Uint8Array): Promise<string> {
  await using peer = await WebPeer.connect(door.port);
  peer.send(bytes);
  return await peer.untilClosed();
}

/** What is no HTTP, and what it is called. */
const NO_HTTP: Readonly<Record<string, string | Uint8Array>> = {
  "somebody on nc": "hello\n",
  "a program of the JSON protocol": '{"type":"hello","version":1}\n',
  "IRC": "NICK ann\r\nUSER ann 0 * :Ann\r\n",
  "SSH": "SSH-2.0-OpenSSH_9.6\r\n",
  "TLS": Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03),
  "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "a frame without a handshake": frame("hello"),
  "zeros": new Uint8Array(1000),
  "a PROXY header": "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
};

for (const [what, bytes] of Object.entries(NO_HTTP)) {
  Deno.test(`${what} is told in a line what this port is`, async () => {
    await using door = await EchoDoor.open();
    const answer = await answerTo(door, bytes);
    assertMatch(answer, /^HTTP\/1.1 400 Bad Request\r\n/);
    assertMatch(answer, /\r\n\r\nParley: this port speaks HTTP, for browsers\. .*\n$/);
    assertEquals(door.rejected.length, 1);
    await assertServes(door);
  });
}

const HOST = "Host: localhost\r\n";

/** Requests that proxies and servers may read in two ways: each is refused, and closes. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  "two ways to tell a body's end":
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "two lengths": `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
  "a length that is none": `POST / HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\nx`,
  "a space before a colon": `GET / HTTP/1.1\r\nHost : localhost\r\n\r\n`,
  "a folded header": `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`,
  "lines that end in a line feed alone": "GET / HTTP/1.1\nHost: localhost\n\n",
  "a NUL in the path": `GET /\0 HTTP/1.1\r\n${HOST}\r\n`,
  "a NUL in a header": `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`,
  "a carriage return in a header": `GET / HTTP/1.1\r\n${HOST}X: a\rb\r\n\r\n`,
  "a method that there is not": `G@T / HTTP/1.1\r\n${HOST}\r\n`,
  "a version that there is not": `GET / HTTP/9.9\r\n${HOST}\r\n`,
  "a chunk that is none": `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
  "a chunk that is longer than it says":
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n`,
  "a line feed alone in what a chunk adds":
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n`,
  "chunks, but HTTP/1.0":
    `POST / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n` +
    "0\r\n\r\n",
  "two encodings, the last of them chunked":
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  "an encoding that is empty, and a length":
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \r\nContent-Length: 1\r\n\r\nx`,
  "the same length twice":
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
  "a list of lengths": `POST / HTTP/1.1\r\n${HOST}Content-Length: 1, 1\r\n\r\nx`,
  "a host in its target, and two in its head":
    `GET http://localhost/ HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n`,
  "an encoding that there is not":
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
};

for (const [what, request] of Object.entries(AMBIGUOUS)) {
  Deno.test(`a request with ${what} is not taken, nor what stands behind it`, async () => {
    await using door = await EchoDoor.open();
    const answer = await answerTo(door, `${request}GET /healthz HTTP/1.1\r\n${HOST}\r\n`);
    assert(!answer.includes("\r\n\r\nok\n"), answer);
    assert(/^HTTP\/1.1 (4\d\d|501) /.test(answer) || answer === "", answer);
    await assertServes(door);
  });
}

Deno.test("a request with two headers of which one counts is refused", async () => {
  await using door = await EchoDoor.open();
  for (const name of ["Host", "Origin", "Authorization"]) {
    await using peer = await WebPeer.connect(door.port);
    const host = name === "Host" ? "" : HOST;
    peer.send(`GET / HTTP/1.1\r\n${host}${name}: localhost\r\n${name}: evil.example\r\n\r\n`);
    const reply = await peer.reply();
    assertEquals([reply.status, reply.body], [
      400,
      `The request has two headers ${name.toLowerCase()}.\n`,
    ]);
  }
});

Deno.test("a request that names no host, or none that there can be, is refused", async () => {
  await using door = await EchoDoor.open();
  for (const host of ["", "Host: \r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: a:99999\r\n"]) {
    await using peer = await WebPeer.connect(door.port);
    peer.send(`GET / HTTP/1.1\r\n${host}\r\n`);
    assertEquals((await peer.reply()).status, 400, host);
  }
  // HTTP/1.0 knows no Host.
  assertMatch(await answerTo(door, "GET /healthz HTTP/1.0\r\n\r\n"), /^HTTP\/1.1 200 .*ok\n$/s);
});

Deno.test("paths that lead out lead nowhere, however they are written", async () => {
  await using door = await EchoDoor.open();
  const paths = [
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..\\..\\etc\\passwd",
    "//etc/passwd",
    "/page/index.html",
    "/./",
    "/style.css/",
    "/style.css%00",
    "/STYLE.CSS",
    "/constructor",
    "/__proto__",
    "/%",
    "/rooms/..%2f..",
  ];
  await using peer = await WebPeer.connect(door.port);
  for (const path of paths) assertEquals((await peer.get(path)).status, 404, path);
});

Deno.test("what is no path is no request for this server", async () => {
  await using door = await EchoDoor.open();
  for (const target of ["ftp://localhost/", "*", "http:/healthz"]) {
    await using peer = await WebPeer.connect(door.port);
    peer.send(head(`OPTIONS ${target}`, { Host: "localhost" }));
    assertEquals((await peer.reply()).status, 400, target);
  }
  assertMatch(
    await answerTo(door, head("CONNECT evil.example:443", { Host: "x" })),
    /^HTTP\/1.1 405 /,
  );
  await assertServes(door);
});

Deno.test("a head has an end: in bytes, in one line, in many", async () => {
  await using door = await EchoDoor.open();
  const large = "a".repeat(HTTP_HEAD_BYTES_MAX);
  const heads = [
    `GET /${large} HTTP/1.1\r\n${HOST}\r\n`,
    `GET / HTTP/1.1\r\n${HOST}X: ${large}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${HOST}${"X: a\r\n".repeat(HTTP_HEAD_BYTES_MAX / 6)}\r\n`,
    // One that never ends.
    `GET / HTTP/1.1\r\n${HOST}${"X: a\r\n".repeat(HTTP_HEAD_BYTES_MAX)}`,
  ];
  for (const each of heads) {
    const [line = ""] = (await answerTo(door, each)).split("\r\n");
    assertMatch(line, /^HTTP\/1.1 431 |^$/);
  }
  await assertServes(door);
});

Deno.test("what a proxy adds is not lost behind more headers than anybody needs", async () => {
  await using door = await EchoDoor.open({ metrics: () => "secret 1\n" });
  await using peer = await WebPeer.connect(door.port);
  const many = "a:\r\n".repeat(3_000);
  peer.send(`GET /metrics HTTP/1.1\r\n${HOST}${many}X-Forwarded-For: 192.0.2.7\r\n\r\n`);
  assertEquals((await peer.reply()).status, 431);
});

Deno.test("a handshake for a WebSocket that is none is refused", async () => {
  await using door = await EchoDoor.open();
  const without = (name: string): Record<string, string> => ({ [name]: "" });
  for (
    const [headers, status] of [
      [without("Sec-WebSocket-Key"), 400],
      [{ "Sec-WebSocket-Key": "short" }, 400],
      [without("Sec-WebSocket-Version"), 400],
      [{ "Sec-WebSocket-Version": "99" }, 400],
      [{ "Sec-WebSocket-Protocol": "a,,b" }, 400],
      [{ "Connection": "close" }, 426],
    ] as const
  ) {
    await using peer = await WebPeer.connect(door.port);
    const reply = await peer.upgrade(headers);
    assertEquals(reply.status, status, JSON.stringify(headers));
    assertEquals(reply.headers.get("x-content-type-options"), "nosniff");
  }
  // What is a frame to us may be a body to a proxy, and what comes behind it another request.
  for (const body of [{ "Content-Length": "7" }, { "Transfer-Encoding": "chunked" }]) {
    await using peer = await WebPeer.connect(door.port);
    assertEquals((await peer.upgrade(body)).status, 400);
  }
  const origin = { Host: "localhost", Origin: "http://localhost" };
  const old = head("GET /ws", { ...UPGRADE, ...origin }).replace("HTTP/1.1", "HTTP/1.0");
  assertMatch(await answerTo(door, old), /^HTTP\/1.1 426 /);
  for (const path of ["/", "/ws/", "/rooms/lobby", "/ws%2f", "//ws"]) {
    await using peer = await WebPeer.connect(door.port);
    assertEquals((await peer.upgrade({}, path)).status, 404, path);
  }
  assertMatch(
    await answerTo(
      door,
      head("POST /ws", { ...UPGRADE, Host: "localhost", Origin: "http://localhost" }),
    ),
    /^HTTP\/1.1 4/,
  );
  assertEquals(door.visitors, []);
  await assertServes(door);
});

Deno.test("extensions and protocols that are offered are not taken", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.connect(door.port);
  const { status, headers } = await peer.upgrade({
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Protocol": "irc, chat",
  });
  assertEquals(status, 101);
  assertEquals(headers.get("sec-websocket-extensions"), undefined);
  assertEquals(headers.get("sec-websocket-protocol"), undefined);
});

const NOT_FINAL = { isFinal: false };
const MORE = { opcode: OPCODE.continuation, isFinal: false };

/** Frames against the rules, and the code with which the WebSocket is closed. */
const WRONG_FRAMES: Readonly<
  Record<string, { readonly code: number; readonly bytes: Uint8Array }>
> = {
  "one that is not masked": { code: 1002, bytes: frame("hello", { isMasked: false }) },
  "the first reserved bit": { code: 1002, bytes: frame("hello", { reserved: 4 }) },
  "the other reserved bits": { code: 1002, bytes: frame("hello", { reserved: 3 }) },
  "an opcode that there is not": { code: 1002, bytes: frame("hello", { opcode: 3 }) },
  "a control opcode that there is not": { code: 1002, bytes: frame("hello", { opcode: 11 }) },
  "a ping in fragments": {
    code: 1002,
    bytes: frame("hello", { opcode: OPCODE.ping, isFinal: false }),
  },
  "a ping that is too long": {
    code: 1002,
    bytes: frame("x".repeat(126), { opcode: OPCODE.ping }),
  },
  "a continuation of nothing": { code: 1002, bytes: frame("hello", MORE) },
  "a message within a message": {
    code: 1002,
    bytes: concat(frame("hel", NOT_FINAL), frame("lo")),
  },
  "bytes that are no UTF-8": { code: 1007, bytes: frame(Uint8Array.of(0xc3, 0x28)) },
  "a binary message": { code: 1003, bytes: frame("hello", { opcode: OPCODE.binary }) },
  "a close of one byte": { code: 1002, bytes: frame("x", { opcode: OPCODE.close }) },
  "a close with a code that there is not": {
    code: 1002,
    bytes: frame(Uint8Array.of(0x03, 0xed), { opcode: OPCODE.close }),
  },
  "a message that is too long": {
    code: 1009,
    bytes: frame("x".repeat(WEB_SOCKET_MESSAGE_BYTES_MAX + 1)),
  },
  "the claim of a message of many gigabytes": {
    code: 1009,
    bytes: frame("hello", { claimedLength: 2 ** 40 }),
  },
  "fragments that together are too long": {
    code: 1009,
    bytes: concat(
      frame("x".repeat(WEB_SOCKET_MESSAGE_BYTES_MAX), NOT_FINAL),
      frame("x", MORE),
    ),
  },
  "more fragments than anybody needs": {
    code: 1008,
    bytes: concat(
      frame("x", NOT_FINAL),
      ...new Array<Uint8Array>(WEB_SOCKET_FRAGMENTS_MAX).fill(frame("x", MORE)),
    ),
  },
  "empty fragments without end": {
    code: 1008,
    bytes: concat(
      frame("", NOT_FINAL),
      ...new Array<Uint8Array>(10_000).fill(frame("", MORE)),
    ),
  },
};

for (const [what, { code, bytes }] of Object.entries(WRONG_FRAMES)) {
  Deno.test(`a WebSocket with ${what} is closed, and no other`, async () => {
    await using door = await EchoDoor.open();
    await using other = await WebPeer.join(door.port);
    await using peer = await WebPeer.join(door.port);
    peer.send(bytes);
    assertEquals(await peer.closeCode(), code);
    other.say("hello");
    assertEquals(await other.message(), "5 hello\n");
  });
}

/** What a close may carry, and the code of the answer. */
function closeFrame(code: number, reason: Uint8Array = new Uint8Array(0)): Uint8Array {
  return frame(concat(Uint8Array.of(code >> 8, code & 0xff), reason), { opcode: OPCODE.close });
}

Deno.test("a close is answered with its own code, and one with a code of nobody's as a fault", async () => {
  await using door = await EchoDoor.open();
  const answerTo = async (bytes: Uint8Array): Promise<number> => {
    await using peer = await WebPeer.join(door.port);
    // In the middle of a message, where control frames may stand.
    peer.send(concat(frame("half a mess", NOT_FINAL), bytes));
    return await peer.closeCode();
  };
  for (const code of [1000, 1001, 1011, 1013, 3000, 4999]) {
    assertEquals(await answerTo(closeFrame(code)), code);
  }
  for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]) {
    assertEquals(await answerTo(closeFrame(code)), 1002, `${code}`);
  }
  assertEquals(await answerTo(closeFrame(1000, Uint8Array.of(0xc3, 0x28))), 1007);
  await door.opened(0);
});

Deno.test("control frames between fragments are dealt with, and leave the message whole", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.join(door.port);
  peer.send(concat(
    frame("he", NOT_FINAL),
    frame("one", { opcode: OPCODE.ping }),
    frame("", { opcode: OPCODE.pong }),
    frame("", MORE),
    frame("l", MORE),
    frame("two", { opcode: OPCODE.ping }),
    frame("lo", { opcode: OPCODE.continuation }),
  ));
  for (const payload of ["one", "two"]) {
    const pong = await peer.frame();
    assertEquals([pong.opcode, new TextDecoder().decode(pong.payload)], [OPCODE.pong, payload]);
  }
  assertEquals(await peer.message(), "5 hello\n");
});

Deno.test("a line that is a little too long is refused in words", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.join(door.port);
  peer.say("x".repeat(WEB_SOCKET_MESSAGE_BYTES_MAX));
  peer.say("hello");
  assertMatch(await peer.message(), /too long/);
});

Deno.test("what comes behind a close is not read", async () => {
  await using door = await EchoDoor.open();
  const peer = await WebPeer.join(door.port);
  peer.send(frame(Uint8Array.of(0x03, 0xe8), { opcode: OPCODE.close }));
  for (let index = 0; index < 1_000; index++) peer.say("behind it");
  assertEquals(await peer.closeCode(), 1000);
  await peer.close();
  await door.opened(0);
});

Deno.test("pings from one who never reads do not pile up: it is cut", async () => {
  await using door = await EchoDoor.open();
  await using other = await WebPeer.join(door.port);
  await using peer = await WebPeer.connectDeaf(door.port);
  const host = `127.0.0.1:${door.port}`;
  peer.send(head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE }));
  await door.opened(2);
  const pings = concat(
    ...new Array<Uint8Array>(1_000).fill(frame("x".repeat(125), { opcode: OPCODE.ping })),
  );
  // The system takes some megabytes of pongs before there is one that waits.
  for (let batch = 0; batch < 400 && door.open.size === 2; batch++) {
    peer.send(pings);
    await peer.sent();
  }
  await door.opened(1);
  other.say("hello");
  assertEquals(await other.message(), "5 hello\n");
});

Deno.test("who never reads is cut at a full queue, and the others get everything", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.connectDeaf(door.port);
  const host = `127.0.0.1:${door.port}`;
  peer.send(head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE }));
  await door.opened(1);
  const [deaf] = door.open;
  await using other = await WebPeer.join(door.port);
  const line = "x".repeat(SEND_QUEUE_BYTES_MAX / 4);
  for (let told = 1; deaf?.signal.aborted === false; told++) {
    assert(told < 1_000, "more than any system buffers was sent");
    door.tell(`${told} ${line}`);
    while (!(await other.message()).startsWith(`${told} `));
  }
  assertEquals(EndReason.of(deaf?.signal.reason).kind, "slow");
  await door.opened(1);
  other.say("hello");
  assertEquals(await other.message(), "5 hello\n");
});

Deno.test("who sends faster than it is dealt with has to wait, and loses nothing", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.join(door.port);
  const count = 20_000;
  const all = concat(...new Array<Uint8Array>(100).fill(frame("x")));
  for (let batch = 0; batch < count / 100; batch++) peer.send(all);
  let answers = 0;
  while (answers < count) answers += (await peer.message()).split("\n").length - 1;
  assertEquals(answers, count);
});

/** What a peer sends who is not read: some times what the systems of both sides take for it. */
const UNREAD_BYTES = 32 * 1024 * 1024;
/** What those take, and more. */
const TAKEN_BYTES_MAX = 16 * 1024 * 1024;

/** Waits until a door takes nothing more of what a peer sends. */
async function stalled(peer: WebPeer, door: EchoDoor, ca?: string): Promise<void> {
  const options = ca === undefined ? {} : { ca };
  await using other = await WebPeer.connect(door.port, options);
  for (let before = -1; before < peer.written;) {
    before = peer.written;
    for (let turn = 0; turn < 100; turn++) await other.get("/healthz");
  }
}

for (const scheme of ["http", "https"]) {
  const named = (name: string): { name: string; ignore: boolean } =>
    scheme === "https"
      ? overTls(`${scheme}: ${name}`)
      : { name: `${scheme}: ${name}`, ignore: false };

  Deno.test(
    named(
      "what nobody reads of a WebSocket stays with the peer, and comes whole later, its end included",
    ),
    async () => {
      await using certificate = scheme === "https" ? await TestCertificate.make() : null;
      const { promise: came, resolve: onCame } = Promise.withResolvers<Socket>();
      await using door = await EchoDoor.open({ certificate, onVisitor: onCame });
      const options = certificate === null ? {} : { ca: certificate.cert };
      await using peer = await WebPeer.join(door.port, options);
      using socket = await within(came, () => "Awaited a visitor");
      const lineBytes = 8_000;
      const batch = concat(...new Array<Uint8Array>(128).fill(frame("x".repeat(lineBytes - 1))));
      for (let sent = 0; sent < UNREAD_BYTES; sent += batch.length) peer.send(batch);
      await stalled(peer, door, certificate?.cert);
      assert(peer.written < TAKEN_BYTES_MAX, `${peer.written} bytes were taken for nobody`);
      const buffer = new Uint8Array(64 * 1024);
      const wanted = Math.ceil(UNREAD_BYTES / batch.length) * 128 * lineBytes;
      for (let read = 0; read < wanted;) {
        const count = await within(socket.read(buffer), () => `Awaited more than ${read} bytes`);
        assert(count !== null, `the end after ${read} bytes`);
        read += count;
      }
      // It has left without a close, behind all that it said.
      await peer.endWriting();
      const last = socket.read(buffer);
      await assertRejects(
        () => within(last, () => "Awaited the end"),
        Deno.errors.ConnectionReset,
      );
    },
  );

  Deno.test(named("what nobody reads of a request stays with the peer"), async () => {
    await using certificate = scheme === "https" ? await TestCertificate.make() : null;
    const { promise: answer, resolve: onAnswer } = Promise.withResolvers<BotAnswer>();
    const { promise: posted, resolve: onPosted } = Promise.withResolvers<void>();
    const bots: BotsHandler = {
      post: () => {
        onPosted();
        return answer;
      },
      stream: () => Promise.reject(new Error("Nobody streams")),
    };
    await using door = await EchoDoor.open({ certificate, bots });
    const options = certificate === null ? {} : { ca: certificate.cert };
    await using peer = await WebPeer.connectDeaf(door.port, options);
    const asks = { "Host": "localhost", "Authorization": "Bearer a" };
    peer.send(`${head("POST /rooms/lobby", { ...asks, "Content-Length": "1" })}x`);
    await within(posted, () => "Awaited a request");
    // A second one behind it, which is not looked at before the first has its answer.
    peer.send(head("GET /healthz", { ...asks, "Transfer-Encoding": "chunked" }));
    const chunk = new TextEncoder().encode(`10000\r\n${"x".repeat(0x10000)}\r\n`);
    for (let sent = 0; sent < UNREAD_BYTES; sent += chunk.length) peer.send(chunk);
    await stalled(peer, door, certificate?.cert);
    assert(peer.written < TAKEN_BYTES_MAX, `${peer.written} bytes were taken for nobody`);
    onAnswer({ status: 201, body: {} });
    assertEquals((await peer.reply()).status, 201);
  });
}

Deno.test("who piles up requests without waiting for an answer is cut", async () => {
  let calls = 0;
  await using door = await EchoDoor.open({
    metrics: () => `${++calls} ${"x".repeat(20_000)}`,
  });
  await using peer = await WebPeer.connectDeaf(door.port);
  peer.send(head("GET /metrics", { Host: "localhost" }).repeat(20_000));
  await peer.sent();
  await assertServes(door);
  await peer.untilClosed();
  assert(calls <= HTTP_REQUESTS_WAITING_MAX, `${calls} answers were made`);
});

Deno.test("a few requests at once are answered in their order", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.connect(door.port);
  const paths = ["/healthz", "/readyz", "/nothing", "/healthz"];
  peer.send(paths.map((path) => head(`GET ${path}`, { Host: "localhost" })).join(""));
  const bodies: string[] = [];
  for (const _path of paths) bodies.push((await peer.reply()).body);
  assertEquals(bodies, ["ok\n", "ready\n", "There is nothing here.\n", "ok\n"]);
});

Deno.test("thousands who connect and say nothing keep nobody out, and cost no more than there may be", async () => {
  await using door = await EchoDoor.open();
  await using stack = new AsyncDisposableStack();
  const silent: WebPeer[] = [];
  const beginnings = ["", "GET / HT", `GET / HTTP/1.1\r\n${HOST}X-`, "POST / HTTP/1.1\r\n"];
  for (let count = 0; count < HTTP_CONNECTIONS_MAX + 200; count++) {
    const peer = stack.use(await WebPeer.connect(door.port));
    peer.send(beginnings[count % beginnings.length] ?? "");
    silent.push(peer);
  }
  await assertServes(door);
  // The oldest had to go.
  assertEquals(await silent[0]?.untilClosed(), "");
  assert(silent.at(-1)?.isEnded === false);
});

Deno.test(
  overTls("over TLS too: a thousand handshakes that never end keep nobody out"),
  async () => {
    await using certificate = await TestCertificate.make();
    await using door = await EchoDoor.open({ certificate });
    await using stack = new AsyncDisposableStack();
    const beginnings: Uint8Array[] = [
      new Uint8Array(0),
      Uint8Array.of(0x16),
      Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03),
    ];
    for (let count = 0; count < 1_000; count++) {
      const peer = stack.use(await WebPeer.connect(door.port));
      peer.send(beginnings[count % beginnings.length] ?? new Uint8Array(0));
    }
    await assertServes(door, certificate.cert);
  },
);

Deno.test(overTls("over TLS too: whoever speaks plain text is cut"), async () => {
  await using certificate = await TestCertificate.make();
  const addresses: string[] = [];
  await using door = await EchoDoor.open({
    certificate,
    onRejected: (address) => addresses.push(address),
  });
  for (const bytes of ["hello\n", head("GET /", { Host: "localhost" }), frame("hello")]) {
    await using peer = await WebPeer.connect(door.port);
    peer.send(bytes);
    await peer.untilClosed();
  }
  assertEquals(addresses, ["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  await assertServes(door, certificate.cert);
});

Deno.test(overTls("who is too slow is cut, wherever; a stream and a visitor are not"), async () => {
  const { promise: opened, resolve: onOpened } = Promise.withResolvers<Socket>();
  const bots: BotsHandler = {
    post: () => Promise.reject(new Error("Nobody has posted all of a text")),
    stream: (_request, open) => {
      onOpened(open());
      return Promise.resolve(null);
    },
  };
  await using certificate = await TestCertificate.make();
  // Some times what the system takes for a peer that reads nothing.
  const wanted = 32 * 1024 * 1024;
  const metrics = (): string => "x".repeat(wanted);
  await using door = await EchoDoor.open({ bots, metrics });
  await using tlsDoor = await EchoDoor.open({ certificate });
  const bot = { "Host": "localhost", "Authorization": "Bearer a" };
  const slow: Readonly<Record<string, readonly [port: number, beginning: string]>> = {
    "a handshake that is not begun": [tlsDoor.port, ""],
    "a handshake": [tlsDoor.port, "\x16\x03\x01"],
    "nothing": [door.port, ""],
    "a head": [door.port, "GET / HTTP/1.1\r\nHost: local"],
    "a body": [door.port, `${head("POST /rooms/lobby", { ...bot, "Content-Length": "9" })}abc`],
    "a next request": [door.port, `${head("GET /healthz", bot)}GET /`],
  };
  await using stack = new AsyncDisposableStack();
  await using visitor = await WebPeer.join(door.port);
  await using streaming = await WebPeer.connect(door.port);
  streaming.send(head("GET /rooms/lobby", bot));
  using stream = await within(opened, () => "Awaited a stream");
  await streaming.until("\r\n\r\n");
  const deaf = stack.use(await WebPeer.connectDeaf(door.port));
  deaf.send(head("GET /metrics", { Host: "localhost" }));
  await Promise.all(
    Object.values(slow).map(async ([port, beginning]) => {
      const peer = stack.use(await WebPeer.connect(port));
      peer.send(beginning);
      await peer.untilClosed();
    }),
  );
  // One that could ask for more, but does not: it takes as long again.
  await using idle = await WebPeer.connect(door.port);
  assertEquals((await idle.get("/healthz")).status, 200);
  await idle.untilClosed();
  const { length } = await deaf.untilClosed();
  assert(length > 0 && length < wanted, `${length} bytes`);
  visitor.say("hello");
  assertEquals(await visitor.message(), "5 hello\n");
  await stream.write(new TextEncoder().encode("still here\n"));
  await streaming.until("still here\n");
});

Deno.test("peers that reset at any moment harm nobody", async () => {
  await using door = await EchoDoor.open();
  const host = `127.0.0.1:${door.port}`;
  const upgrade = head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE });
  const whole = concat(
    new TextEncoder().encode(upgrade),
    frame("hello"),
    frame("are you there", { opcode: OPCODE.ping }),
    frame("", { opcode: OPCODE.close }),
  );
  for (let cut = 0; cut <= whole.length; cut += 3) {
    const peer = await WebPeer.connectDeaf(door.port);
    peer.send(whole.subarray(0, cut));
    await peer.sent();
    // With an answer unread, the system resets the connection.
    await peer.close();
  }
  await assertServes(door);
});

Deno.test("a whole server: a browser and somebody on nc hear each other, whatever others do", async () => {
  await using server = await startTestServer({ web: { host: "127.0.0.1", port: 0, isTls: false } });
  await using ann = await server.join("ann");
  const hello = JSON.stringify({ type: "hello", version: 1, nick: "bob" });
  await using bob = await WebPeer.join(server.webPort);
  bob.say(hello);
  await ann.until("-- bob joined.");
  await using stack = new AsyncDisposableStack();
  for (const { bytes } of Object.values(WRONG_FRAMES)) {
    const peer = stack.use(await WebPeer.join(server.webPort));
    peer.say(hello);
    peer.send(bytes);
    await peer.closeCode();
  }
  // No program, and no browser of ours either.
  const person = stack.use(await WebPeer.join(server.webPort));
  person.say("hello?");
  await person.message();
  bob.say(JSON.stringify({ type: "say", text: "hello from a page" }));
  await ann.until("bob: hello from a page");
  ann.say("hello from nc");
  while (!(await bob.message()).includes('"text":"hello from nc"'));
});

Deno.test("a whole server: a browser that never reads is cut, and everybody is told why", async () => {
  const web = { host: "127.0.0.1", port: 0, isTls: false };
  await using server = await startTestServer({ web, resumeGraceMs: 0 });
  await using ann = await server.join("ann");
  await using bob = await WebPeer.connectDeaf(server.webPort);
  const host = `127.0.0.1:${server.webPort}`;
  bob.send(head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE }));
  bob.say(JSON.stringify({ type: "hello", version: 1, nick: "bob" }));
  await ann.until("-- bob joined.");
  const text = "x".repeat(8_000);
  let lines: string[] = [];
  for (let round = 0; !lines.some((line) => line === "-- bob left (read too slowly)."); round++) {
    assert(round < 100, "more than any system buffers was said");
    for (let count = 0; count < 30; count++) ann.say(text);
    lines = await ann.roundtrip();
  }
});

for (const scheme of ["http", "https"]) {
  const name = `${scheme}: a door that ran out of files lets people in once there are some again`;
  Deno.test(onUnix(overTls(name)), async () => {
    await using certificate = await TestCertificate.make();
    const files = scheme === "https" ? [certificate.certFile, certificate.keyFile] : [];
    const child = new Deno.Command("sh", {
      args: [
        ...[
          "-c",
          'ulimit -n 100; exec "$@"',
          "sh",
          Deno.execPath(),
          "run",
          "--quiet",
          "--no-check",
        ],
        ...["--no-prompt", "--allow-all", "tests/web/door_process.ts", ...files],
      ],
      cwd: new URL("../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.stdout.getReader();
    const stderr = new Response(child.stderr).text();
    const { value } = await within(output.read(), () => "Awaited the port of a door");
    const port = Number(new TextDecoder().decode(value));
    const peers: WebPeer[] = [];
    // The system takes them all; the process gets to some eighty.
    while (peers.length < 150) peers.push(await WebPeer.connect(port));
    peers[0]?.send("hello?\n");
    await peers[0]?.untilClosed();
    for (const peer of peers) await peer.close();
    const options = scheme === "https" ? { ca: certificate.cert } : {};
    {
      await using visitor = await WebPeer.join(port, options);
      visitor.say("hello");
      assertEquals(await visitor.message(), "5 hello\n");
    }
    await child.stdin.close();
    await output.cancel();
    const ends = Promise.all([stderr, child.status]);
    const [errors, { success }] = await within(ends, () => "Awaited the end of a process");
    assertEquals([errors, success], ["", true]);
  });
}

const WEB = { host: "127.0.0.1", port: 0, isTls: false };

/** Waits for a message with a text in it. */
async function hears(peer: WebPeer, text: string): Promise<void> {
  while (!(await peer.message()).includes(text));
}

/** A page that came in under a name. */
async function joinAs(port: number, nick: string): Promise<WebPeer> {
  const peer = await WebPeer.join(port);
  peer.say(JSON.stringify({ type: "hello", version: 1, nick }));
  await hears(peer, '"type":"welcome"');
  return peer;
}

/** Waits until a server has so many connections; `guest` is one of them. */
async function connected(
  server: { readonly connections: number },
  guest: Guest,
  count: number,
): Promise<void> {
  for (let turn = 0; turn < 5_000 && server.connections !== count; turn++) await guest.roundtrip();
  assertEquals(server.connections, count, "connections that are open");
}

Deno.test("a whole server: hundreds of WebSockets that never say who they are hinder nobody, and are cut", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  try {
    await using server = await startTestServer({ web: WEB, connectionsMax: 302 });
    await using ann = await server.join("ann");
    await using stack = new AsyncDisposableStack();
    const silent: WebPeer[] = [];
    while (silent.length < 300) silent.push(stack.use(await WebPeer.join(server.webPort)));
    // They count: there is room for one more.
    await using bob = await joinAs(server.webPort, "bob");
    await using late = await WebPeer.join(server.webPort);
    assertMatch(await late.message(), /"code":"server-full"/);
    assertEquals(await late.closeCode(), 1000);
    await late.close();
    await connected(server, ann, 302);
    ann.say("hello");
    await hears(bob, '"text":"hello"');
    mock.timers.tick(ENTRY_MS - 1_000);
    await ann.roundtrip();
    assertEquals(server.connections, 302);
    mock.timers.tick(2_000);
    for (const peer of silent) {
      await hears(peer, '"reason":"not-admitted"');
      assertEquals(await peer.closeCode(), 1000);
      await peer.close();
    }
    await connected(server, ann, 2);
    bob.say(JSON.stringify({ type: "say", text: "still here" }));
    await ann.until("bob: still here");
  } finally {
    mock.timers.reset();
  }
});

Deno.test("a whole server: browsers that never read are cut while a hundred others talk and hear everything", async () => {
  await using server = await startTestServer({ web: WEB, resumeGraceMs: 0 });
  await using ann = await server.join("ann");
  await using stack = new AsyncDisposableStack();
  const talkers: WebPeer[] = [];
  while (talkers.length < 100) {
    talkers.push(stack.use(await joinAs(server.webPort, `talker${talkers.length}`)));
  }
  const deaf: WebPeer[] = [];
  const host = `127.0.0.1:${server.webPort}`;
  while (deaf.length < 20) {
    const peer = stack.use(await WebPeer.connectDeaf(server.webPort));
    peer.send(head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE }));
    peer.say(JSON.stringify({ type: "hello", version: 1, nick: `deaf${deaf.length}` }));
    // Most of what its system takes for it is filled with answers that nobody else has to hear.
    peer.send(concat(...new Array<Uint8Array>(380).fill(PING)));
    await peer.sent();
    deaf.push(peer);
  }
  await connected(server, ann, 121);
  const filler = "x".repeat(7_000);
  for (let round = 1; server.connections > 101; round++) {
    assert(round < 300, "more than any system buffers was said");
    for (const [index, talker] of talkers.entries()) {
      talker.say(
        JSON.stringify({ type: "say", text: `${round}.${index} ${index < 20 ? filler : ""}` }),
      );
    }
    // All of a round reach everybody, and each talker's own place in it once.
    await Promise.all(talkers.map(async (talker) => {
      const heard = new Set<number>();
      while (heard.size < talkers.length) {
        for (const [, number] of (await talker.message()).matchAll(ROUND_AND_INDEX)) {
          const [at, index] = (number ?? "").split(".").map(Number);
          assertEquals(at, round);
          assert(!heard.has(index ?? -1), `${number} came twice`);
          heard.add(index ?? -1);
        }
      }
    }));
    await ann.roundtrip();
  }
  await connected(server, ann, 101);
});

/** A request that is answered by as many bytes to whoever asks alone. */
const PING = frame(JSON.stringify({ type: "ping", text: "x".repeat(8_000) }));
const ROUND_AND_INDEX = /"text":"(\d+\.\d+) /g;

Deno.test("a whole server: a proxy that it was not told of is worth a line in the log, and no more", async () => {
  const server = await startTestServer({ web: WEB });
  try {
    for (let count = 0; count < 2; count++) {
      await using peer = await WebPeer.connect(server.webPort);
      await peer.get("/", { "X-Forwarded-For": "192.0.2.7" });
    }
    assertEquals(server.log.length, 1);
    assertMatch(
      server.log[0] ?? "",
      /not named by --forwarded-from: they all count as 127\.0\.0\.1/,
    );
  } finally {
    await server.shutdown();
  }
});

Deno.test("a whole server: who resets, ends or vanishes at any moment leaves nothing behind", async () => {
  await using server = await startTestServer({ web: WEB, resumeGraceMs: 0 });
  await using ann = await server.join("ann");
  const host = `127.0.0.1:${server.webPort}`;
  const whole = concat(
    new TextEncoder().encode(
      head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE }),
    ),
    frame(JSON.stringify({ type: "hello", version: 1, nick: "bob" })),
    frame("half a mess", NOT_FINAL),
    frame("are you there", { opcode: OPCODE.ping }),
    frame("age", { opcode: OPCODE.continuation }),
    closeFrame(1000),
  );
  for (let cut = 0; cut <= whole.length; cut += 5) {
    for (const leave of ["reset", "end", "vanish"]) {
      await using peer = await WebPeer.connectDeaf(server.webPort);
      peer.send(whole.subarray(0, cut));
      await peer.sent();
      if (leave === "vanish") peer.read();
      if (leave === "end") {
        await peer.endWriting();
        await peer.untilClosed();
      }
    }
  }
  await connected(server, ann, 1);
});

Deno.test("a whole server: it stops with two hundred browsers in it, each of whom is told", async () => {
  const server = await startTestServer({ web: WEB });
  await using _server = server;
  await using stack = new AsyncDisposableStack();
  const browsers: WebPeer[] = [];
  while (browsers.length < 200) {
    browsers.push(stack.use(await joinAs(server.webPort, `guest${browsers.length}`)));
  }
  const deaf = stack.use(await WebPeer.connectDeaf(server.webPort));
  const host = `127.0.0.1:${server.webPort}`;
  deaf.send(head("GET /ws", { Host: host, Origin: `http://${host}`, ...UPGRADE }));
  const stopped = server.shutdown();
  for (const browser of browsers) {
    await hears(browser, '"type":"goodbye","reason":"shutdown"');
    // As a browser does. One that answers is waited for, one that does not is cut.
    assertEquals(await browser.closeCode(), 1000);
    browser.send(closeFrame(1000));
  }
  await within(stopped, () => "Awaited the end of the server");
  for (const browser of browsers) await browser.untilClosed();
});

Deno.test(
  overTls("a certificate is replaced while a hundred browsers talk, and nobody notices"),
  async () => {
    await using first = await TestCertificate.make();
    await using second = await TestCertificate.make();
    await using door = await EchoDoor.open({ certificate: first });
    await using stack = new AsyncDisposableStack();
    const peers: WebPeer[] = [];
    const join = async (ca: string): Promise<void> => {
      peers.push(stack.use(await WebPeer.join(door.port, { ca })));
    };
    while (peers.length < 100) await join(first.cert);
    const talk = async (): Promise<void> => {
      await Promise.all(peers.map(async (peer, index) => {
        for (let line = 0; line < 20; line++) {
          const text = `${line} of ${index}`;
          peer.say(text);
          assertEquals(await peer.message(), `${text.length} ${text}\n`);
        }
      }));
    };
    const replacing = async (): Promise<void> => {
      for (let times = 0; times < 10; times++) {
        const certificate = times % 2 === 0 ? second : first;
        door.door.replaceCertificate(certificate);
        await using peer = await WebPeer.join(door.port, { ca: certificate.cert });
        peer.say("new here");
        assertEquals(await peer.message(), "8 new here\n");
      }
    };
    await Promise.all([talk(), replacing()]);
    await talk();
    assertEquals(door.rejected, []);
  },
);

Deno.test("a process with a door survives whatever bytes it is sent", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--no-prompt", "--allow-all", "tests/web/door_fuzz.ts"],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { stdout, stderr, success } = await within(
    child.output(),
    () => "Awaited the end of a process",
  );
  const decoder = new TextDecoder();
  assertEquals([success, decoder.decode(stderr)], [true, ""]);
  assertMatch(decoder.decode(stdout), /^\d+ streams of bytes, and the door serves\n$/);
});

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
