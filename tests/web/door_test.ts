// The browser door in daily use: what each path answers, with which headers, and to whom; from
// where a page may connect; what a proxy is believed; what bots send and get; how it closes.

import { type IncomingMessage, request } from "node:http";
import { gunzipSync } from "node:zlib";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { connect } from "node:tls";
import { withPrograms } from "../fixtures/machine.ts";
import { UsageError } from "../../lib/errors.ts";
import { BOT_TEXT_BYTES_MAX } from "../../lib/limits.ts";
import type { Socket } from "../../lib/socket.ts";
import type { BotAnswer, BotRequest, BotsHandler } from "../../lib/web/bots_handler.ts";
import { SECURITY_HEADERS } from "../../lib/web/http_answer.ts";
import { HttpConnections } from "../../lib/web/http_connections.ts";
import { readPageFiles } from "../../lib/web/page_files.ts";
import { identifyRequester } from "../../lib/web/requester.ts";
import { overTls, TestCertificate } from "../fixtures/certificates.ts";
import { within } from "../harness.ts";
import { EchoDoor } from "./echo_door.ts";
import { frame, head, type HttpReply, OPCODE, WebPeer } from "./web_peer.ts";

const PAGE_FOLDER = new URL("../../lib/web/page/", import.meta.url);
const UTF8 = new TextEncoder();

/** Asks one door for one thing. */
async function get(
  door: EchoDoor,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpReply> {
  await using peer = await WebPeer.connect(door.port);
  return await peer.get(path, headers);
}

/** Asks a door for a WebSocket, and says what became of it: its status and why not. */
async function tryUpgrade(
  door: EchoDoor,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly body: string }> {
  await using peer = await WebPeer.connect(door.port);
  const { status, body } = await peer.upgrade(headers);
  return { status, body };
}

function assertSecured({ headers }: HttpReply): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    assertEquals(headers.get(name.toLowerCase()), value);
  }
  for (const name of ["server", "x-powered-by", "strict-transport-security"]) {
    assertEquals(headers.get(name), undefined);
  }
}

Deno.test("each file of the page is served under its name, with its type", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.connect(door.port);
  const types: Readonly<Record<string, string>> = {
    css: "text/css; charset=utf-8",
    html: "text/html; charset=utf-8",
    js: "text/javascript; charset=utf-8",
    svg: "image/svg+xml",
    webmanifest: "application/manifest+json",
  };
  const files = [...Deno.readDirSync(PAGE_FOLDER)].map(({ name }) => name).filter((name) =>
    Object.hasOwn(types, extensionOf(name))
  );
  assert(files.includes("index.html"));
  for (const name of files) {
    const reply = await peer.get(name === "index.html" ? "/" : `/${name}`);
    assertEquals(reply.status, 200, name);
    assertEquals(reply.headers.get("content-type"), types[extensionOf(name)]);
    assertEquals(reply.headers.get("cache-control"), "no-cache");
    assertEquals(reply.body, await Deno.readTextFile(new URL(name, PAGE_FOLDER)));
    assertSecured(reply);
  }
});

function extensionOf(name: string): string {
  return name.split(".").at(-1) ?? "";
}

Deno.test("a page that the browser has is not sent again, one that changed is", async () => {
  await using door = await EchoDoor.open();
  await using peer = await WebPeer.connect(door.port);
  const etag = (await peer.get("/")).headers.get("etag") ?? "";
  assertMatch(etag, /^"[0-9a-f]{32}"$/);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const reply = await peer.get("/", { "If-None-Match": known });
    assertEquals([reply.status, reply.headers.get("etag"), reply.body], [304, etag, ""], known);
    assertSecured(reply);
  }
  assertEquals((await peer.get("/", { "If-None-Match": '"other"' })).status, 200);
});

Deno.test("validators of the page's files differ, and what is compressed is the same", async () => {
  const files = [...(await readPageFiles()).values()];
  const etags = files.flatMap(({ etag, zipped }) => [etag, zipped.etag]);
  assertEquals(new Set(etags).size, etags.length);
  for (const { body, zipped } of files) assert(gunzipSync(zipped.body).equals(body));
});

Deno.test("a file of the page is compressed for who takes that, and for nobody else", async () => {
  await using door = await EchoDoor.open();
  const url = `http://127.0.0.1:${door.port}/style.css`;
  const lengths = new Set<string>();
  const cases: readonly (readonly [accepted: string, isZipped: boolean])[] = [
    ["gzip", true],
    ["br, GZIP;q=0.5", true],
    ["gzip ; q=1.0, *;q=0", true],
    ["identity", false],
    ["gzip;q=0", false],
    ["br, gzip; q=0.000", false],
    ["xgzip", false],
  ];
  for (const [accepted, isZipped] of cases) {
    const { status, headers } = await headOf(url, { "Accept-Encoding": accepted });
    assertEquals(
      [status, headers["content-encoding"]],
      [200, isZipped ? "gzip" : undefined],
      accepted,
    );
    assertEquals(headers["vary"], "Accept-Encoding");
    assertEquals(headers["etag"]?.includes("-gzip"), isZipped);
    lengths.add(`${isZipped} ${headers["content-length"]}`);
    const again = { "Accept-Encoding": accepted, "If-None-Match": headers["etag"] ?? "" };
    assertEquals((await headOf(url, again)).status, 304);
  }
  assertEquals(lengths.size, 2);
});

/** The head of an answer as it was sent: `fetch` would take the compression off. */
async function headOf(
  url: string,
  headers: Record<string, string>,
): Promise<{ readonly status: number; readonly headers: Record<string, string | undefined> }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request(url, { method: "HEAD", headers, agent: false }, resolve).on("error", reject).end();
  const response = await promise;
  response.resume();
  await new Promise((done) => response.once("close", done));
  return {
    status: response.statusCode ?? 0,
    headers: response.headers as Record<string, string | undefined>,
  };
}

Deno.test("what is not there is not there, and all answers have the headers", async () => {
  await using door = await EchoDoor.open();
  for (const path of ["/index.html", "/page/", "/ws/", "/rooms/lobby", "/rooms/", "/favicon.ico"]) {
    const reply = await get(door, path);
    assertEquals([reply.status, reply.body], [404, "There is nothing here.\n"], path);
    assertSecured(reply);
  }
});

Deno.test("a query changes nothing", async () => {
  await using door = await EchoDoor.open();
  assertEquals((await get(door, "/?room=lobby")).status, 200);
  assertEquals((await get(door, "/healthz?")).body, "ok\n");
});

Deno.test("HEAD answers what GET does, without the body", async () => {
  await using door = await EchoDoor.open();
  for (const path of ["/", "/healthz", "/nothing"]) {
    const { status, headers } = await get(door, path);
    await using peer = await WebPeer.connect(door.port);
    peer.send(head(`HEAD ${path}`, { Host: "localhost", Connection: "close" }));
    const text = await peer.untilClosed();
    assertMatch(text, new RegExp(`^HTTP/1.1 ${status} `));
    assertMatch(text, new RegExp(`\r\nContent-Length: ${headers.get("content-length")}\r\n`));
    assert(text.endsWith("\r\n\r\n"));
  }
});

Deno.test("other methods are told which there are", async () => {
  await using door = await EchoDoor.open();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]) {
    await using peer = await WebPeer.connect(door.port);
    peer.send(head(`${method} /`, { Host: "localhost" }));
    const reply = await peer.reply();
    assertEquals([reply.status, reply.headers.get("allow")], [405, "GET, HEAD"], method);
    assertSecured(reply);
  }
});

Deno.test("a browser who asks for /ws without a WebSocket is told what it is", async () => {
  await using door = await EchoDoor.open();
  const reply = await get(door, "/ws");
  assertEquals([reply.status, reply.headers.get("upgrade")], [426, "websocket"]);
});

Deno.test("curl --http2 is answered, in HTTP/1.1", async () => {
  await using door = await EchoDoor.open();
  const reply = await get(door, "/healthz", {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
  });
  assertEquals([reply.status, reply.body], [200, "ok\n"]);
});

Deno.test("health tells that the process lives, readiness that it serves", async () => {
  let isReady = false;
  await using door = await EchoDoor.open({ health: { isReady: () => isReady } });
  assertEquals((await get(door, "/healthz")).status, 200);
  const before = await get(door, "/readyz");
  assertEquals([before.status, before.body], [503, "not ready\n"]);
  isReady = true;
  const after = await get(door, "/readyz");
  assertEquals([after.status, after.body], [200, "ready\n"]);
});

Deno.test("metrics at the browser door are for this machine, and not for who comes through a proxy", async () => {
  await using door = await EchoDoor.open({
    metrics: () => "parley_up 1\n",
    isForwarder: (address) => address === "127.0.0.1",
  });
  const reply = await get(door, "/metrics");
  assertEquals([reply.status, reply.body], [200, "parley_up 1\n"]);
  assertEquals(reply.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const name of ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"]) {
    assertEquals((await get(door, "/metrics", { [name]: "127.0.0.1" })).status, 404, name);
  }
});

Deno.test("there are no metrics where nothing is counted", async () => {
  await using door = await EchoDoor.open();
  assertEquals((await get(door, "/metrics")).status, 404);
});

Deno.test("the door for metrics has them for all, and neither page nor visitors", async () => {
  await using door = await EchoDoor.open({
    metrics: () => "parley_up 1\n",
    servesPage: false,
  });
  assertEquals((await get(door, "/metrics", { "X-Forwarded-For": "192.0.2.7" })).status, 200);
  assertEquals((await get(door, "/healthz")).status, 200);
  assertEquals((await get(door, "/readyz")).status, 200);
  assertEquals((await get(door, "/")).status, 404);
  assertEquals((await get(door, "/ws")).status, 404);
  assertEquals((await tryUpgrade(door, {})).status, 404);
});

Deno.test("metrics that fail are one answer's end, not the door's", async () => {
  const errors: unknown[] = [];
  await using door = await EchoDoor.open({
    metrics: () => {
      throw new Error("no metrics");
    },
    onError: (error) => errors.push(error),
  });
  assertEquals((await get(door, "/metrics")).status, 500);
  assertEquals(errors.map(String), ["Error: no metrics"]);
  assertEquals((await get(door, "/healthz")).status, 200);
});

Deno.test("a page of the door's own connects, by whichever name it was opened", async () => {
  await using door = await EchoDoor.open();
  for (
    const host of [`127.0.0.1:${door.port}`, `localhost:${door.port}`, `LOCALHOST`, "[::1]:80"]
  ) {
    const origin = new URL(`http://${host}`).origin;
    assertEquals((await tryUpgrade(door, { Host: host, Origin: origin })).status, 101, host);
  }
  assertEquals(door.visitors.length, 4);
  assertEquals(door.visitors[0], { address: "127.0.0.1", isPrivate: true });
});

Deno.test("a page of anybody else's does not connect, unless it is named", async () => {
  const named: string[] = [];
  await using door = await EchoDoor.open({ origins: () => named });
  const origins = [
    "http://evil.example",
    "null",
    "http://127.0.0.1",
    `https://127.0.0.1:${door.port}`,
    `http://127.0.0.1:${door.port}.evil.example`,
    `http://127.0.0.1:${door.port}/`,
    "file://",
    "chrome-extension://abc",
    "https://chat.example",
  ];
  for (const origin of origins) {
    const { status, body } = await tryUpgrade(door, { Origin: origin });
    assertEquals(status, 403, origin);
    assert(body.includes(JSON.stringify(origin)), body);
  }
  assertEquals(door.visitors, []);
  assertEquals(door.rejected.length, origins.length);
  named.push("https://chat.example");
  assertEquals((await tryUpgrade(door, { Origin: "https://chat.example" })).status, 101);
});

Deno.test("the log has why somebody was not let in, and not what they were told", async () => {
  await using door = await EchoDoor.open();
  await tryUpgrade(door, { Origin: `http://evil.example/${"x".repeat(1_000)}` });
  await tryUpgrade(door, { Origin: "" });
  await tryUpgrade(door, { Host: "evil.example", Origin: "http://evil.example" });
  await get(door, "/", { Host: "a b" });
  assertEquals(door.rejected, [
    `wrong origin "http://evil.example/${"x".repeat(80)}"`,
    "no origin",
    'wrong host "evil.example"',
    "no host",
  ]);
});

Deno.test("a proxy on this machine that is not trusted is told of, once", async () => {
  for (const [isForwarder, times] of [[false, 1], [true, 0]] as const) {
    const told: string[] = [];
    await using door = await EchoDoor.open({
      isForwarder: () => isForwarder,
      onUnknownProxy: (address) => told.push(address),
    });
    await get(door, "/");
    assertEquals(told, []);
    for (const name of ["X-Forwarded-For", "Forwarded", "X-Forwarded-For"]) {
      await get(door, "/", { [name]: "192.0.2.7" });
      await tryUpgrade(door, { [name]: "192.0.2.7" });
    }
    assertEquals(told, new Array<string>(times).fill("127.0.0.1"));
  }
});

Deno.test("what watches a server is no proxy, whatever it says", async () => {
  const told: string[] = [];
  await using door = await EchoDoor.open({
    servesPage: false,
    onUnknownProxy: (address) => told.push(address),
  });
  await get(door, "/healthz", { Via: "1.1 agent" });
  assertEquals(told, []);
});

Deno.test("a target that names the host is taken, and counts for more than the header", async () => {
  await using door = await EchoDoor.open();
  const ask = async (target: string, host = "localhost"): Promise<[number, string]> => {
    await using peer = await WebPeer.connect(door.port);
    const { status, body } = await peer.get(target, { Host: host });
    return [status, body];
  };
  const own = `127.0.0.1:${door.port}`;
  assertEquals(await ask(`http://${own}/healthz`), [200, "ok\n"]);
  assertEquals(await ask(`HTTP://${own}/healthz?x`, "evil.example"), [200, "ok\n"]);
  assertEquals((await ask(`http://${own}`))[0], 200);
  assertEquals((await ask(`http://${own}?room=lobby`))[0], 200);
  assertEquals((await ask("http://evil.example/healthz"))[0], 421);
  for (
    const target of ["http:///healthz", "http://a@localhost/", "http://a b/", "ftp://localhost/"]
  ) {
    assertEquals((await ask(target))[0], 400, target);
  }
  await using none = await WebPeer.connect(door.port);
  none.send(head(`GET http://${own}/healthz`));
  assertEquals((await none.reply()).status, 400);
  await using peer = await WebPeer.connect(door.port);
  assertEquals((await peer.upgrade({}, "http://localhost/ws")).status, 403);
  await using page = await WebPeer.connect(door.port);
  const headers = { Host: "evil.example", Origin: `http://${own}` };
  assertEquals((await page.upgrade(headers, `http://${own}/ws`)).status, 101);
});

Deno.test("a program that comes to the page's WebSocket is told where programs go", async () => {
  await using door = await EchoDoor.open();
  const { status, body } = await tryUpgrade(door, { Origin: "" });
  assertEquals(status, 403);
  assertMatch(body, /Programs speak to the chat over raw TCP/);
});

Deno.test("where only this machine can come in, no name from outside leads here", async () => {
  await using door = await EchoDoor.open({ origins: () => ["https://chat.example"] });
  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"]) {
    const reply = await get(door, "/", { Host: host });
    assertEquals(reply.status, 421, host);
    assertSecured(reply);
    const upgrade = await tryUpgrade(door, { Host: host, Origin: `http://${host}` });
    assertEquals(upgrade.status, 421, host);
  }
  for (const host of ["localhost", "127.0.0.1:1", "[::1]", "chat.example:8443"]) {
    assertEquals((await get(door, "/", { Host: host })).status, 200, host);
  }
  assertEquals(door.visitors, []);
});

Deno.test("a proxy that is trusted tells who comes, how, and by which name", async () => {
  await using door = await EchoDoor.open({ isForwarder: (address) => address === "127.0.0.1" });
  const reply = await tryUpgrade(door, {
    "Host": "127.0.0.1:8080",
    "Origin": "https://chat.example",
    "X-Forwarded-For": "203.0.113.9, 192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "chat.example",
  });
  assertEquals(reply.status, 101);
  assertEquals(door.visitors, [{ address: "192.0.2.7", isPrivate: true }]);
});

Deno.test("a proxy that is not trusted tells nothing", async () => {
  await using door = await EchoDoor.open();
  const reply = await tryUpgrade(door, {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
  });
  assertEquals(reply.status, 101);
  // It may be that somebody else's words come over this machine: they are not private.
  assertEquals(door.visitors, [{ address: "127.0.0.1", isPrivate: false }]);
});

Deno.test("of the addresses that proxies name, the nearest that is no proxy of ours counts", () => {
  const isForwarder = (address: string): boolean => address.startsWith("10.");
  const addressOf = (forwardedFor: string): string =>
    identifyRequester(
      {
        headers: { "host": "chat.example", "x-forwarded-for": forwardedFor },
        socket: { remoteAddress: "::ffff:10.0.0.1" },
      } as unknown as Parameters<typeof identifyRequester>[0],
      { isEncrypted: false, isForwarder },
    ).address;
  assertEquals(addressOf("192.0.2.7"), "192.0.2.7");
  assertEquals(addressOf("198.51.100.1, 192.0.2.7"), "192.0.2.7");
  assertEquals(addressOf("198.51.100.1, 192.0.2.7, 10.0.0.2"), "192.0.2.7");
  assertEquals(addressOf("10.0.0.3, 10.0.0.2"), "10.0.0.3");
  assertEquals(addressOf("192.0.2.7:4711"), "192.0.2.7");
  assertEquals(addressOf("[2001:db8::1]:4711"), "2001:db8::1");
  assertEquals(addressOf("2001:db8::1"), "2001:db8::1");
  assertEquals(addressOf("::ffff:192.0.2.7"), "192.0.2.7");
  // What is no address says nothing, nor does whatever stands before it.
  assertEquals(addressOf("192.0.2.7, unknown"), "10.0.0.1");
  assertEquals(addressOf("192.0.2.7, 10.0.0.2, <script>"), "10.0.0.1");
  assertEquals(addressOf("192.0.2.0/24"), "10.0.0.1");
  assertEquals(addressOf(""), "10.0.0.1");
});

/** A bots' handler that remembers what it was asked, and answers what the test says. */
class TestBots implements BotsHandler {
  readonly asked: (BotRequest & { text?: string; afterId?: number | null })[] = [];
  answer: BotAnswer = { status: 201, body: { id: 7, atMs: 0 } };
  /** Where it streams: told of each stream. */
  onStream: ((stream: Socket) => void) | null = null;

  post(request: BotRequest & { readonly text: string }): Promise<BotAnswer> {
    this.asked.push(request);
    return Promise.resolve(this.answer);
  }

  stream(
    request: BotRequest & { readonly afterId: number | null },
    open: () => Socket,
  ): Promise<BotAnswer | null> {
    this.asked.push(request);
    if (this.onStream === null) return Promise.resolve(this.answer);
    this.onStream(open());
    return Promise.resolve(null);
  }
}

/** Posts to a room. */
async function post(
  door: EchoDoor,
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = { Authorization: "Bearer parley_abc-_" },
): Promise<HttpReply> {
  await using peer = await WebPeer.connect(door.port);
  const bytes = typeof body === "string" ? UTF8.encode(body) : body;
  peer.send(
    head(`POST ${path}`, { Host: "localhost", "Content-Length": `${bytes.length}`, ...headers }),
  );
  peer.send(bytes);
  return await peer.reply();
}

Deno.test("what a bot posts reaches the handler as it was sent, and its answer the bot", async () => {
  const bots = new TestBots();
  await using door = await EchoDoor.open({ bots });
  const reply = await post(door, "/rooms/%23caf%C3%A9", "deployed\nsince \u{1f680} \ufeff");
  assertEquals([reply.status, reply.body], [201, '{"id":7,"atMs":0}\n']);
  assertEquals(reply.headers.get("content-type"), "application/json");
  assertSecured(reply);
  const from = { address: "127.0.0.1", isPrivate: true };
  assertEquals(bots.asked, [
    {
      room: "#caf\u{e9}",
      token: "parley_abc-_",
      ...from,
      text: "deployed\nsince \u{1f680} \ufeff",
    },
  ]);
});

Deno.test("a bot that has to wait is told for how long", async () => {
  const bots = new TestBots();
  bots.answer = { status: 429, body: { code: "slowed", text: "Wait." }, retryAfterSeconds: 3 };
  await using door = await EchoDoor.open({ bots });
  const reply = await post(door, "/rooms/lobby", "x");
  assertEquals([reply.status, reply.headers.get("retry-after")], [429, "3"]);
});

Deno.test("without a token there is nothing for bots", async () => {
  const bots = new TestBots();
  await using door = await EchoDoor.open({ bots });
  for (const authorization of ["", "Basic YTpi", "Bearer", "Bearer a b", "Bearer <x>"]) {
    const reply = await post(door, "/rooms/lobby", "x", { Authorization: authorization });
    assertEquals([reply.status, reply.headers.get("www-authenticate")], [401, "Bearer"]);
    assertMatch(reply.body, /^\{"code":"token-wanted"/);
  }
  assertEquals((await get(door, "/rooms/lobby")).status, 401);
  assertEquals(bots.asked, []);
});

Deno.test("a token that is none is told in a challenge", async () => {
  const bots = new TestBots();
  bots.answer = { status: 401, body: { code: "bad-token", text: "There is no such bot." } };
  await using door = await EchoDoor.open({ bots });
  for (
    const { status, headers } of [
      await post(door, "/rooms/lobby", "x"),
      await get(door, "/rooms/lobby", { Authorization: "Bearer a" }),
    ]
  ) {
    const challenge = headers.get("www-authenticate");
    assertEquals([status, challenge], [401, 'Bearer error="invalid_token"']);
  }
});

Deno.test("a bot's text has an end, whether it says its length or not", async () => {
  const bots = new TestBots();
  await using door = await EchoDoor.open({ bots });
  assertEquals((await post(door, "/rooms/lobby", "x".repeat(BOT_TEXT_BYTES_MAX))).status, 201);
  assertEquals((await post(door, "/rooms/lobby", "x".repeat(BOT_TEXT_BYTES_MAX + 1))).status, 413);
  await using peer = await WebPeer.connect(door.port);
  peer.send(head("POST /rooms/lobby", {
    "Host": "localhost",
    "Authorization": "Bearer a",
    "Transfer-Encoding": "chunked",
  }));
  const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;
  peer.send(chunk.repeat(3));
  assertEquals((await peer.reply()).status, 413);
  assertEquals(await peer.untilClosed(), "");
  assertEquals(bots.asked.length, 1);
});

Deno.test("what is no UTF-8, no room and no number is refused in words", async () => {
  const bots = new TestBots();
  await using door = await EchoDoor.open({ bots });
  assertMatch((await post(door, "/rooms/lobby", Uint8Array.of(0xff))).body, /"not-utf8"/);
  assertMatch((await post(door, "/rooms/%zz", "x")).body, /"bad-room"/);
  const headers = { Authorization: "Bearer a" };
  for (const after of ["x", "-1", "1.5", "1e3", "9".repeat(16)]) {
    assertMatch((await get(door, `/rooms/lobby?after=${after}`, headers)).body, /"bad-id"/);
  }
  assertEquals((await post(door, "/rooms/a/b", "x")).status, 404);
  assertEquals(bots.asked, []);
});

Deno.test("other methods on a room are told which there are", async () => {
  await using door = await EchoDoor.open({ bots: new TestBots() });
  await using peer = await WebPeer.connect(door.port);
  peer.send(head("DELETE /rooms/lobby", { Host: "localhost" }));
  const reply = await peer.reply();
  assertEquals([reply.status, reply.headers.get("allow")], [405, "GET, POST"]);
});

Deno.test("a handler that fails is one answer's end, not the door's", async () => {
  const errors: unknown[] = [];
  const bots: BotsHandler = {
    post: () => Promise.reject(new Error("no post")),
    stream: (_request, open) => {
      open();
      throw new Error("no stream");
    },
  };
  await using door = await EchoDoor.open({ bots, onError: (error) => errors.push(error) });
  assertEquals((await post(door, "/rooms/lobby", "x")).status, 500);
  await using peer = await WebPeer.connect(door.port);
  peer.send(head("GET /rooms/lobby", { Host: "localhost", Authorization: "Bearer a" }));
  assertMatch(await peer.untilClosed(), /^HTTP\/1.1 200 /);
  assertEquals(errors.map(String), ["Error: no post", "Error: no stream"]);
});

Deno.test("a stream is sent line by line, until the handler ends it", async () => {
  const bots = new TestBots();
  const streams: Socket[] = [];
  bots.onStream = (stream) => streams.push(stream);
  await using door = await EchoDoor.open({ bots });
  await using peer = await WebPeer.connect(door.port);
  peer.send(head("GET /rooms/lobby?after=41", { Host: "localhost", Authorization: "Bearer a" }));
  const reply = await peer.until("\r\n\r\n");
  assertMatch(reply, /^HTTP\/1.1 200 OK\r\n/);
  assertMatch(reply, /\r\nContent-Type: application\/x-ndjson\r\n/);
  assertMatch(reply, /\r\nX-Accel-Buffering: no\r\n/);
  assertMatch(reply, /\r\nTransfer-Encoding: chunked\r\n/);
  assertEquals(bots.asked.map(({ afterId }) => afterId), [41]);
  const [stream] = streams;
  assert(stream !== undefined);
  const reading = stream.read(new Uint8Array(1));
  for (const line of ["one", "two"]) {
    assertEquals(await stream.write(UTF8.encode(`${line}\n`)), 4);
    await peer.until(`4\r\n${line}\n\r\n`);
  }
  await stream.closeWrite();
  assertEquals(await within(reading, () => "Awaited the stream's end"), null);
  await peer.until("0\r\n\r\n");
  await assertRejects(() => stream.write(UTF8.encode("late\n")), Deno.errors.BrokenPipe);
  stream[Symbol.dispose]();
});

Deno.test("a stream ends when the bot goes away, and when it is cut", async () => {
  const bots = new TestBots();
  const streams: Socket[] = [];
  bots.onStream = (stream) => streams.push(stream);
  await using door = await EchoDoor.open({ bots });
  const request = head("GET /rooms/lobby", { Host: "localhost", Authorization: "Bearer a" });
  {
    await using peer = await WebPeer.connect(door.port);
    peer.send(request);
    await peer.until("\r\n\r\n");
  }
  await using other = await WebPeer.connect(door.port);
  other.send(request);
  await other.until("\r\n\r\n");
  const [left, cut] = streams;
  assert(left !== undefined && cut !== undefined);
  assertEquals(await within(left.read(new Uint8Array(1)), () => "Awaited the bot's end"), null);
  left[Symbol.dispose]();
  cut[Symbol.dispose]();
  assertEquals(await cut.read(new Uint8Array(1)), null);
  assertEquals(await other.untilClosed(), "");
});

Deno.test("a bot that does not read leaves a write pending, so that it is noticed", async () => {
  const bots = new TestBots();
  const { promise, resolve } = Promise.withResolvers<Socket>();
  bots.onStream = resolve;
  await using door = await EchoDoor.open({ bots });
  await using peer = await WebPeer.connectDeaf(door.port);
  peer.send(head("GET /rooms/lobby", { Host: "localhost", Authorization: "Bearer a" }));
  using stream = await within(promise, () => "Awaited a stream");
  const chunk = new Uint8Array(1024 * 1024);
  let written = 0;
  let isPending = true;
  const writing = (async (): Promise<void> => {
    try {
      for (;;) written += await stream.write(chunk);
    } catch (error) {
      assert(error instanceof Deno.errors.BrokenPipe);
    }
    isPending = false;
  })();
  // More than the system buffers of both sides hold was asked for, and a write is never done.
  for (let before = -1; before < written;) {
    before = written;
    for (let turn = 0; turn < 200; turn++) await get(door, "/healthz");
  }
  assert(isPending);
  assert(written < 64 * chunk.length, `${written} bytes were taken`);
  stream[Symbol.dispose]();
  await within(writing, () => "Awaited the end of a write that was cut");
});

Deno.test(overTls("HTTPS: the page and a WebSocket, private for whoever comes"), async () => {
  await using certificate = await TestCertificate.make();
  await using door = await EchoDoor.open({ certificate });
  const ca = certificate.cert;
  await using browser = await WebPeer.connect(door.port, { ca });
  const reply = await browser.get("/");
  assertEquals(reply.status, 200);
  assertSecured(reply);
  await using peer = await WebPeer.join(door.port, { ca });
  peer.say("hello");
  assertEquals(await peer.message(), "5 hello\n");
  assertEquals(door.visitors, [{ address: "127.0.0.1", isPrivate: true }]);
});

/** What certificate a door shows: by its fingerprint. */
async function shownBy(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", reject);
  socket.on("secureConnect", () => resolve(socket.getPeerCertificate().fingerprint256));
  const fingerprint = await within(promise, () => "Awaited a handshake");
  const closed = Promise.withResolvers<void>();
  socket.on("close", () => closed.resolve());
  socket.destroy();
  await within(closed.promise, () => "Awaited the end of a connection");
  return fingerprint;
}

Deno.test(
  overTls("a new certificate is shown at once, and nobody who is connected notices"),
  async () => {
    await using first = await TestCertificate.make();
    await using second = await TestCertificate.make();
    await using door = await EchoDoor.open({ certificate: first });
    await using peer = await WebPeer.join(door.port, { ca: first.cert });
    assertEquals(await shownBy(door.port), first.fingerprint);
    door.door.replaceCertificate(second);
    assertEquals(await shownBy(door.port), second.fingerprint);
    for (
      const wrong of [
        { cert: first.cert, key: second.key },
        { cert: "no certificate", key: second.key },
        { cert: first.cert, key: "no key" },
      ]
    ) {
      assertThrows(() => door.door.replaceCertificate(wrong), UsageError);
      await assertRejects(() => EchoDoor.open({ certificate: wrong }), UsageError);
      assertEquals(await shownBy(door.port), second.fingerprint);
    }
    peer.say("still here");
    assertEquals(await peer.message(), "10 still here\n");
  },
);

Deno.test("a door without TLS takes no certificate", async () => {
  await using door = await EchoDoor.open();
  assertThrows(() => door.door.replaceCertificate({ cert: "", key: "" }), Error, "no TLS");
});

Deno.test("a port that is taken is an error of the runtime's own kind", async () => {
  await using door = await EchoDoor.open();
  await assertRejects(() => EchoDoor.open({ port: door.port }), Deno.errors.AddrInUse);
});

Deno.test("closing lets what is being answered be done, and takes nobody in", async () => {
  const { promise: posted, resolve: onPosted } = Promise.withResolvers<void>();
  const { promise: answer, resolve: onAnswer } = Promise.withResolvers<BotAnswer>();
  const bots: BotsHandler = {
    post: () => {
      onPosted();
      return answer;
    },
    stream: () => Promise.reject(new Error("Nobody streams")),
  };
  await using door = await EchoDoor.open({ bots });
  await using visitor = await WebPeer.join(door.port);
  await using idle = await WebPeer.connect(door.port);
  await idle.get("/healthz");
  const reply = post(door, "/rooms/lobby", "x");
  await within(posted, () => "Awaited a request");
  const closing = door.door.close();
  assertEquals(await idle.untilClosed(), "");
  onAnswer({ status: 201, body: {} });
  assertEquals((await reply).status, 201);
  await within(closing, () => "Awaited the end of the door");
  await assertRejects(() => WebPeer.connect(door.port), Deno.errors.ConnectionRefused);
  visitor.say("still here");
  assertEquals(await visitor.message(), "10 still here\n");
  assertEquals(door.door.close(), closing);
});

Deno.test("closing cuts whoever is not done in time, and waits for nobody who says nothing", async () => {
  const { promise: posted, resolve: onPosted } = Promise.withResolvers<void>();
  const { promise: answer, resolve: onAnswer } = Promise.withResolvers<BotAnswer>();
  const bots: BotsHandler = {
    post: () => {
      onPosted();
      return answer;
    },
    stream: () => Promise.reject(new Error("Nobody streams")),
  };
  await using door = await EchoDoor.open({ bots });
  await using silent = await WebPeer.connect(door.port);
  await using peer = await WebPeer.connect(door.port);
  peer.send(head("POST /rooms/lobby", {
    "Host": "localhost",
    "Authorization": "Bearer a",
    "Content-Length": "1",
  }));
  peer.send("x");
  await within(posted, () => "Awaited a request");
  const closing = door.door.close();
  assertEquals(await silent.untilClosed(), "");
  assertEquals(await peer.untilClosed(), "");
  onAnswer({ status: 201, body: {} });
  await within(closing, () => "Awaited the end of the door");
});

Deno.test("too many connections cost whoever has the most of them their oldest", () => {
  const cut: string[] = [];
  const connections = new HttpConnections(4);
  const open = (remoteAddress: string, remotePort: number): FakeConnection => {
    const connection = new FakeConnection(remoteAddress, remotePort, cut);
    connections.add(connection as unknown as Parameters<typeof connections.add>[0]);
    return connection;
  };
  const used = open("192.0.2.1", 1);
  open("192.0.2.2", 1);
  open("192.0.2.1", 2);
  open("192.0.2.1", 3);
  connections.begin(used as unknown as Parameters<typeof connections.begin>[0]);
  open("192.0.2.3", 1);
  assertEquals(cut, ["192.0.2.1 2"]);
  open("192.0.2.4", 1);
  assertEquals(cut, ["192.0.2.1 2", "192.0.2.1 3"]);
  connections.release(used as unknown as Parameters<typeof connections.begin>[0]);
  open("192.0.2.5", 1);
  assertEquals(cut.length, 2);
  assertEquals(connections.size, 4);
});

/** As much of a socket as is counted. */
class FakeConnection {
  constructor(
    readonly remoteAddress: string,
    readonly remotePort: number,
    readonly cut: string[],
  ) {}

  on(): void {}

  destroy(): void {
    this.cut.push(`${this.remoteAddress} ${this.remotePort}`);
  }
}

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("curl", { args: ["--silent", ...args], stdin: "null" })
    .output();
  return new TextDecoder().decode(stdout);
}

Deno.test(
  withPrograms("curl: the page, its head, what is not there, what a bot posts and reads", "curl"),
  async () => {
    const bots = new TestBots();
    bots.onStream = async (stream): Promise<void> => {
      await stream.write(UTF8.encode('{"type":"message","text":"hi"}\n'));
      await stream.closeWrite();
    };
    await using door = await EchoDoor.open({ bots });
    const url = `http://127.0.0.1:${door.port}`;
    assertMatch(await curl(`${url}/`), /^<!DOCTYPE html>/i);
    assertMatch(await curl("--head", `${url}/`), /^HTTP\/1.1 200 OK\r\n/);
    assertEquals(await curl(`${url}/nothing`), "There is nothing here.\n");
    const bearer = ["--header", "Authorization: Bearer abc"];
    assertEquals(
      await curl(...bearer, "-d", "deployed", `${url}/rooms/lobby`),
      '{"id":7,"atMs":0}\n',
    );
    assertEquals(bots.asked.at(-1)?.text, "deployed");
    const line = '{"type":"message","text":"hi"}\n';
    assertEquals(await curl(...bearer, `${url}/rooms/lobby?after=3`), line);
    const large = "x".repeat(2_000_000);
    assertMatch(await curl(...bearer, "-d", "@-", `${url}/rooms/lobby`), /^\{"id":7/);
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, large);
      assertMatch(await curl(...bearer, "-d", `@${file}`, `${url}/rooms/lobby`), /"too-long"/);
    } finally {
      await Deno.remove(file);
    }
  },
);

Deno.test(
  withPrograms("curl: a WebSocket's handshake is refused without an origin", "curl"),
  async () => {
    await using door = await EchoDoor.open();
    const headers = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ].flatMap((header) => ["--header", header]);
    const text = await curl("--include", ...headers, `http://127.0.0.1:${door.port}/ws`);
    assertMatch(text, /^HTTP\/1.1 403 Forbidden\r\n/);
  },
);

Deno.test("a frame of the tests' own is right", () => {
  assertEquals(frame("Hi", { isMasked: false }), Uint8Array.of(0x81, 2, 72, 105));
  assertEquals(
    frame(new Uint8Array(126), { isMasked: false }).subarray(0, 4),
    Uint8Array.of(0x81, 126, 0, 126),
  );
  assertEquals(frame("", { opcode: OPCODE.ping }).length, 6);
});
