// Proxies in front of the whole server: for whom they speak, by a header of the PROXY protocol or
// by X-Forwarded-For, is who is there, for bans, limits, passwords and the log; whoever is not
// named as a proxy is believed nothing; and what a proxy does of its own is no visit.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type Socket } from "node:net";
import { connect as connectTlsOver, type TLSSocket } from "node:tls";
import { configureLog } from "../lib/log.ts";
import { overTls, TestCertificate } from "./fixtures/certificates.ts";
import { type Guest, startTestServer, type TestServer, WAIT_MS, within } from "./harness.ts";
import { tlsWith } from "./tls_visits.ts";
import { ask, Folder, passwordOf } from "./visits.ts";
import { WebPeer } from "./web/web_peer.ts";

const LOCAL = "127.0.0.1";
const BELIEVED = { proxyProtocolFrom: ["127.0.0.1/32"] };
const FORWARDED = { forwardedFrom: ["127.0.0.1/32"], web: { host: LOCAL, port: 0, isTls: false } };

/** What proxies say in front of a connection (HAProxy's proxy-protocol.txt). */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** PP2_TYPE_SSL with PP2_CLIENT_SSL. */
const OVER_TLS = [0x20, 0, 5, 1, 0, 0, 0, 1];

/** Version 1: the only one that nginx sends for streams. */
function lineFor(address: string): Uint8Array {
  const [family, target] = address.includes(":") ? ["TCP6", "::1"] : ["TCP4", LOCAL];
  return new TextEncoder().encode(`PROXY ${family} ${address} ${target} 40000 2022\r\n`);
}

/** Version 2. */
function binaryFor(address: string, fields: readonly number[] = []): Uint8Array {
  const bytes = address.split(".").map(Number);
  const payload = [...bytes, 127, 0, 0, 1, 0x9c, 0x40, 0x07, 0xe6, ...fields];
  return Uint8Array.from([...SIGNATURE, 0x21, 0x11, 0, payload.length, ...payload]);
}

/** Version 2: the proxy itself looks whether we live. */
const LOCAL_HEADER = Uint8Array.from([...SIGNATURE, 0x20, 0, 0, 0]);

/** A guest for whom a proxy connects. */
async function connectBy(server: TestServer, header: Uint8Array): Promise<Guest> {
  const guest = await server.connect();
  guest.send(header);
  return guest;
}

/** The same, who has come in under a name. */
async function joinBy(server: TestServer, header: Uint8Array, name: string): Promise<Guest> {
  const guest = await connectBy(server, header);
  guest.say(`/nick ${name}`);
  await guest.until(`-- You are now ${name}.`);
  return guest;
}

/** Gathers what is logged from now on, each record as an object. */
function gatherLog(): Record<string, unknown>[] {
  const records: Record<string, unknown>[] = [];
  configureLog((line) => records.push(JSON.parse(line)), { format: "json", level: "debug" });
  return records;
}

/** An operator of the server who comes from this machine, through the proxy. */
async function comeAsOperator(server: TestServer): Promise<Guest> {
  const olga = await connectBy(server, binaryFor("203.0.113.1", OVER_TLS));
  olga.say(`/login olga ${passwordOf("olga")}`);
  await olga.until("-- You are logged in as olga.");
  return olga;
}

for (const [version, headerFor] of [["1", lineFor], ["2", binaryFor]] as const) {
  Deno.test(`a ban holds for whom a proxy speaks for (version ${version})`, async () => {
    await using folder = await Folder.with("olga");
    await using server = await startTestServer({
      ...BELIEVED,
      db: folder.db,
      operators: ["olga"],
    });
    const log = gatherLog();
    await using olga = await comeAsOperator(server);
    await using ann = await joinBy(server, headerFor("192.0.2.7"), "ann");
    await using bob = await joinBy(server, headerFor("192.0.2.8"), "bob");
    await olga.roundtrip();
    const done = await ask(olga, "/ban server 192.0.2.7");
    assert(done.includes("-- 192.0.2.7/32 is banned from the server."), done.join("\n"));
    assertMatch((await ann.untilClosed()).join("\n"), /banned/);
    // They come back, and are told so; somebody else from the same proxy is not meant.
    await using again = await connectBy(server, headerFor("192.0.2.7"));
    assertMatch((await again.untilClosed()).join("\n"), /^-- You may not come in/);
    await bob.roundtrip();
    await using eve = await joinBy(server, headerFor("192.0.2.9"), "eve");
    await eve.roundtrip();
    const refused = log.filter(({ event }) => event === "connection-refused");
    assertEquals(refused.map(({ address, code, via }) => [address, code, via]), [
      ["192.0.2.7", "banned", "tcp"],
    ]);
    assert(!log.some(({ address }) => address === LOCAL), "the log names a proxy");
  });

  Deno.test(`connections are counted for whom a proxy speaks for (version ${version})`, async () => {
    await using server = await startTestServer({ ...BELIEVED, perAddressMax: 2 });
    const header = headerFor("192.0.2.7");
    await using first = await joinBy(server, header, "first");
    await using _second = await joinBy(server, header, "second");
    await using third = await connectBy(server, header);
    assertEquals(await third.untilClosed(), [
      "-- Parley has too many connections from your address.",
    ]);
    await using other = await joinBy(server, headerFor("192.0.2.8"), "other");
    await other.roundtrip();
    first.say("/quit");
    await first.untilClosed();
    await other.until("-- first left.");
    // They count until they are closed on both sides.
    await first.close();
    await third.close();
    const endsAtMs = Date.now() + WAIT_MS;
    while (server.connections > 2) {
      assert(Date.now() < endsAtMs, `Awaited the end of two of ${server.connections} connections`);
      await other.roundtrip();
    }
    await using fourth = await joinBy(server, header, "fourth");
    await fourth.roundtrip();
  });
}

Deno.test("a password is taken where the proxy says that its client speaks TLS with it", async () => {
  await using folder = await Folder.with("ann");
  await using server = await startTestServer({ ...BELIEVED, db: folder.db });
  const logIn = `/login ann ${passwordOf("ann")}`;
  for (
    const [header, isTaken] of [
      [lineFor("192.0.2.7"), false],
      [binaryFor("192.0.2.7"), false],
      // The field without the flag: TLS was tried, or is spoken by the proxy alone.
      [binaryFor("192.0.2.7", [0x20, 0, 5, 0, 0, 0, 0, 1]), false],
      // From the proxy's own machine: who knows what is between the client and the proxy.
      [binaryFor(LOCAL), false],
      [binaryFor("192.0.2.7", OVER_TLS), true],
      [binaryFor("192.0.2.7", [0x04, 0, 2, 0, 0, ...OVER_TLS]), true],
    ] as const
  ) {
    await using guest = await connectBy(server, header);
    const answer = (await ask(guest, logIn)).at(-1) ?? "";
    const wanted = isTaken ? /^-- You are logged in as ann\./ : /^-- No password is taken here,/;
    assertMatch(answer, wanted, `${header}`);
  }
});

Deno.test("who sends no header where one is due is cut, and nobody hears of it", async () => {
  await using server = await startTestServer(BELIEVED);
  const log = gatherLog();
  await using ann = await joinBy(server, lineFor("192.0.2.7"), "ann");
  for (
    const bytes of [
      "hello\n",
      "GET / HTTP/1.1\r\n\r\n",
      '{"type":"hello","version":1}\n',
      "PROXY TCP4 192.0.2.7\r\n",
      "proxy tcp4 192.0.2.7 127.0.0.1 1 2\r\n",
      Uint8Array.from([...SIGNATURE, 0x31, 0x11, 0, 0]),
      Uint8Array.from([...SIGNATURE, 0x21, 0x11, 0xff, 0xff]),
      Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00),
    ]
  ) {
    await using guest = await server.connect();
    guest.send(bytes);
    assertEquals(await guest.untilClosed(), [], JSON.stringify(bytes));
  }
  assertEquals(await ann.roundtrip(), []);
  assertEquals(server.connections, 1);
  const rejected = log.filter(({ event }) => event === "connection-rejected");
  assertEquals(rejected.length, 8);
  // Here it is the proxy that is meant.
  for (const { address, level } of rejected) assertEquals([address, level], [LOCAL, "debug"]);
});

Deno.test("a header is turned away from an address that is not named, and shown to nobody", async () => {
  await using server = await startTestServer({ proxyProtocolFrom: ["192.0.2.0/24"] });
  const log = gatherLog();
  await using ann = await server.join("ann");
  for (const header of [lineFor("203.0.113.7"), binaryFor("203.0.113.7")]) {
    await using guest = await connectBy(server, header);
    assertEquals(await guest.untilClosed(), [
      "-- This server was not told of a proxy at your address (--proxy-protocol-from).",
    ]);
  }
  assertEquals(await ann.roundtrip(), []);
  await server.shutdown();
  assert(!log.some(({ address }) => address === "203.0.113.7"), "the header was believed");
});

for (const header of [lineFor("192.0.2.7"), binaryFor("192.0.2.7", OVER_TLS)]) {
  Deno.test(`a header of ${header.length} bytes may be cut at each, and is one all the same`, async () => {
    await using server = await startTestServer(BELIEVED);
    await using ann = await joinBy(server, lineFor("192.0.2.9"), "ann");
    await using stack = new AsyncDisposableStack();
    const guests: Guest[] = [];
    for (let at = 1; at < header.length; at++) {
      const guest = stack.use(await server.connect());
      guest.send(header.subarray(0, at));
      guests.push(guest);
    }
    for (const guest of guests) await guest.sent();
    // Nobody has come so far, whatever has arrived: nobody is told of anybody.
    assertEquals(await ann.roundtrip(), []);
    for (const [index, guest] of guests.entries()) {
      guest.send(header.subarray(index + 1));
      guest.say(`/nick g${index}`);
      await guest.until(`-- You are now g${index}.`);
    }
    // Those who break off in a header were never there.
    for (let at = 1; at < header.length; at++) {
      await using gone = await server.connect();
      gone.send(header.subarray(0, at));
      await gone.endWriting();
      assertEquals(await gone.untilClosed(), []);
    }
    const { connections } = server;
    assertEquals(connections, header.length);
  });
}

Deno.test("behind a header somebody may be silent, and is greeted", async () => {
  await using server = await startTestServer(BELIEVED);
  await using guest = await connectBy(server, lineFor("192.0.2.7"));
  await guest.until(/^-- Just type to talk/);
});

Deno.test("a proxy that looks whether the server lives is no visitor, and no line in the log", async () => {
  await using made = await TestCertificate.make();
  await using server = await startTestServer({ ...BELIEVED, tls: tlsWith(made) });
  const log = gatherLog();
  await using ann = await joinBy(server, lineFor("192.0.2.7"), "ann");
  await ann.roundtrip();
  for (const port of [server.port, server.tlsPort]) {
    for (const header of [LOCAL_HEADER, new TextEncoder().encode("PROXY UNKNOWN\r\n"), null]) {
      for (const how of ["close", "reset"] as const) {
        const socket = connect({ host: LOCAL, port });
        await once(socket, "connect");
        socket.on("error", () => {});
        if (header !== null) {
          const { promise, resolve } = Promise.withResolvers<unknown>();
          socket.write(header, resolve);
          await within(promise, () => "Awaited that a header is taken");
        }
        if (how === "close") {
          socket.end();
          socket.resume();
        } else socket.resetAndDestroy();
        await once(socket, "close");
      }
    }
  }
  assertEquals(await ann.roundtrip(), []);
  assertEquals(log.filter(({ level }) => level !== "debug"), []);
});

async function once(socket: Socket | TLSSocket, event: string): Promise<void> {
  if (event === "close" && socket.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once(event, () => resolve());
  await within(promise, () => `Awaited the event ${event}`);
}

for (const how of ["in one segment", "in many"]) {
  Deno.test(overTls(`a header and a handshake may come ${how}`), async () => {
    await using made = await TestCertificate.make();
    await using folder = await Folder.with("ann");
    await using server = await startTestServer({
      ...BELIEVED,
      db: folder.db,
      tls: tlsWith(made),
      perAddressMax: 1,
    });
    const log = gatherLog();
    for (const header of [lineFor("192.0.2.7"), binaryFor("192.0.2.7"), lineFor("2001:db8::7")]) {
      await using relay = Relay.listen(server.tlsPort, header, how === "in many" ? 1 : Infinity);
      const stream = connectTlsOver({ host: LOCAL, port: relay.port, ca: made.cert });
      await once(stream, "secureConnect");
      let text = "";
      const has = async (wanted: string): Promise<void> => {
        while (!text.includes(wanted)) await once(stream, "data");
      };
      stream.on("data", (bytes) => text += `${bytes}`);
      // The client's leg is TLS up to here, whatever the proxy says.
      stream.write(`/login ann ${passwordOf("ann")}\n`);
      await has("-- You are logged in as ann.");
      stream.write("/quit\n");
      await once(stream, "close");
    }
    await server.shutdown();
    const closed = log.filter(({ event }) => event === "connection-closed");
    assertEquals(closed.map(({ address, via, kind }) => [address, via, kind]), [
      ["192.0.2.7", "tls", "quit"],
      ["192.0.2.7", "tls", "quit"],
      ["2001:db8::7", "tls", "quit"],
    ]);
  });
}

/** A proxy for one connection: it says its header, and passes the client's first bytes on in pieces. */
class Relay implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: LOCAL, port: 0 });
  readonly #end: Promise<void>;

  private constructor(to: number, header: Uint8Array, pieceBytes: number) {
    this.#end = this.#pass(to, header, pieceBytes);
  }

  static listen(to: number, header: Uint8Array, pieceBytes: number): Relay {
    return new Relay(to, header, pieceBytes);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #pass(to: number, header: Uint8Array, pieceBytes: number): Promise<void> {
    using client = await this.#listener.accept();
    using server = await Deno.connect({ hostname: LOCAL, port: to });
    server.setNoDelay();
    const buffer = new Uint8Array(16 * 1024);
    const count = await client.read(buffer) ?? 0;
    const first = Uint8Array.from([...header, ...buffer.subarray(0, count)]);
    for (let at = 0; at < first.length;) {
      at += await server.write(first.subarray(at, at + Math.min(pieceBytes, first.length - at)));
    }
    await Promise.all([copy(client, server), copy(server, client)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await within(this.#end, () => "Awaited the proxy's end");
  }
}

async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
    await to.closeWrite();
  } catch {
    // One side is gone; the other one's end follows.
  }
}

/** A page's WebSocket through a proxy that says this. */
async function openBy(
  server: TestServer,
  headers: Readonly<Record<string, string>>,
): Promise<WebPeer> {
  const page = await WebPeer.connect(server.webPort);
  const scheme = headers["X-Forwarded-Proto"] === "https" ? "https" : "http";
  const own = { "Origin": `${scheme}://chat.example`, "Host": "chat.example", ...headers };
  const { status } = await page.upgrade(own);
  assertEquals(status, 101);
  return page;
}

/** What is told to a page that asks something, up to the answer. */
async function request(page: WebPeer, json: Readonly<Record<string, unknown>>): Promise<string> {
  page.say(JSON.stringify({ ...json, ref: 7 }));
  for (;;) {
    const line = await page.message();
    if (/"ref":7\b/.test(line) || /"code":"banned"/.test(line)) return line;
  }
}

const HELLO = { type: "hello", version: 1 };

Deno.test("a ban and a limit hold for the browser that a proxy names", async () => {
  await using folder = await Folder.with("olga");
  await using server = await startTestServer({
    ...FORWARDED,
    db: folder.db,
    operators: ["olga"],
    perAddressMax: 1,
    webOrigins: ["http://chat.example"],
  });
  const log = gatherLog();
  await using olga = await server.connect();
  olga.say(`/login olga ${passwordOf("olga")}`);
  await olga.until("-- You are logged in as olga.");
  await using ann = await openBy(server, { "X-Forwarded-For": "192.0.2.7" });
  assertMatch(await request(ann, { ...HELLO, nick: "ann" }), /"type":"welcome"/);
  // The same browser by another name: only the last hop that nobody vouches for counts.
  for (
    const chain of [
      "192.0.2.7",
      "203.0.113.99, 192.0.2.7",
      "10.0.0.1,192.0.2.7, 127.0.0.1",
      "::1, 192.0.2.7:4711",
      "[2001:db8::1]:80, 192.0.2.7",
      "garbage, 192.0.2.7",
      "::ffff:192.0.2.7",
    ]
  ) {
    await using second = await openBy(server, { "X-Forwarded-For": chain });
    assertMatch(await second.message(), /too many connections from your address/, chain);
  }
  await using v6 = await openBy(server, { "X-Forwarded-For": "192.0.2.7, 2001:db8::7" });
  assertMatch(await request(v6, HELLO), /"type":"welcome"/);
  // One customer has all of these addresses.
  await using neighbour = await openBy(server, { "X-Forwarded-For": "[2001:db8::8]:443" });
  assertMatch(await neighbour.message(), /too many connections from your address/);
  assert((await ask(olga, "/ban server 192.0.2.7")).some((line) => line.includes("is banned")));
  assertMatch(await ann.untilClosed(), /banned/);
  await using again = await openBy(server, { "X-Forwarded-For": "192.0.2.7" });
  assertMatch(await again.message(), /"code":"banned"/);
  const refused = log.filter(({ event }) => event === "connection-refused");
  assertEquals(refused.map(({ address }) => address), [
    ...new Array(7).fill("192.0.2.7"),
    "2001:db8::8",
    "192.0.2.7",
  ]);
});

Deno.test("what a proxy says of TLS decides whether passwords are taken; nobody else's word does", async () => {
  await using folder = await Folder.with("ann");
  for (
    const [forwardedFrom, headers, isTaken] of [
      [["127.0.0.1/32"], { "X-Forwarded-For": "192.0.2.7" }, false],
      [["127.0.0.1/32"], { "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https" }, true],
      [["127.0.0.1/32"], { "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "http" }, false],
      // The nearest proxy stands last.
      [
        ["127.0.0.1/32"],
        { "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https, http" },
        false,
      ],
      [
        ["198.51.100.0/24"],
        { "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https" },
        false,
      ],
      [["127.0.0.1/32"], {}, true],
    ] as const
  ) {
    await using server = await startTestServer({
      ...FORWARDED,
      forwardedFrom,
      db: folder.db,
      webOrigins: ["http://chat.example", "https://chat.example"],
    });
    // A proxy that nobody named is worth a warning.
    gatherLog();
    await using page = await WebPeer.connect(server.webPort);
    assertEquals(
      (await page.upgrade({ "Origin": "https://chat.example", ...headers })).status,
      101,
    );
    assertMatch(await request(page, HELLO), /"type":"welcome"/);
    const command = { type: "command", name: "login", args: `ann ${passwordOf("ann")}` };
    const answer = await request(page, command);
    assertMatch(answer, isTaken ? /"type":"ok"/ : /"code":"not-private"/, JSON.stringify(headers));
    if (isTaken) await request(page, { type: "command", name: "quit", args: "" }).catch(() => {});
  }
});
