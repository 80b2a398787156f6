// Whatever strangers send to the browser door, it is answered or cut, and those who mean no harm
// notice nothing. A test here fails as well where an exception goes uncaught.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { EndReason } from "../../lib/errors.ts";
import {
  HTTP_CONNECTIONS_MAX,
  HTTP_HEAD_BYTES_MAX,
  HTTP_REQUESTS_WAITING_MAX,
  SEND_QUEUE_BYTES_MAX,
  WEB_SOCKET_FRAGMENTS_MAX,
  WEB_SOCKET_MESSAGE_BYTES_MAX,
} from "../../lib/limits.ts";
import type { Socket } from "../../lib/socket.ts";
import type { BotsHandler } from "../../lib/web/bots_handler.ts";
import { overTls, TestCertificate } from "../fixtures/certificates.ts";
import { startTestServer, within } from "../harness.ts";
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
  "an encoding that there is not":
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
};

for (const [what, request] of Object.entries(AMBIGUOUS)) {
  Deno.test(`a request with ${what} is not taken, nor what stands behind it`, async () => {
    await using door = await EchoDoor.open();
    const answer = await answerTo(door, `${request}GET /healthz HTTP/1.1\r\n${HOST}\r\n`);
    assert(!answer.includes("\r\n\r\nok\n"), answer);
    assert(/^HTTP\/1.1 4\d\d /.test(answer) || answer === "", answer);
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
  for (const target of ["http://evil.example/", "*", "http:/healthz"]) {
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
  await using door = await EchoDoor.open({ metrics: () => Promise.resolve("secret 1\n") });
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

Deno.test("who piles up requests without waiting for an answer is cut", async () => {
  let calls = 0;
  await using door = await EchoDoor.open({
    metrics: () => Promise.resolve(`${++calls} ${"x".repeat(20_000)}`),
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
  await using door = await EchoDoor.open({ certificate });
  for (const bytes of ["hello\n", head("GET /", { Host: "localhost" }), frame("hello")]) {
    await using peer = await WebPeer.connect(door.port);
    peer.send(bytes);
    await peer.untilClosed();
  }
  assertEquals(door.rejected.length, 3);
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
  const metrics = (): Promise<string> => Promise.resolve("x".repeat(wanted));
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
