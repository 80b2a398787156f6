// What a running server takes over when its configuration is read again holds for who comes next,
// option by option, over real sockets; and who is connected stays as they came.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { configureLog } from "../lib/log.ts";
import type { ServerConfig } from "../lib/server.ts";
import { type Guest, startTestServer, type TestServer, WAIT_MS } from "./harness.ts";
import { ask, Folder, passwordOf } from "./visits.ts";
import { WebPeer } from "./web/web_peer.ts";

const LOCAL = "127.0.0.1";
const PROXY = ["127.0.0.1/32"];
const PASSWORD = "open sesame 7";
const WEB = { host: LOCAL, port: 0, isTls: false };

/** One option's change. */
interface Trial {
  readonly before: Partial<ServerConfig>;
  readonly after: Partial<ServerConfig>;
  /** Shows that `before` holds; somebody who was there then is there throughout. */
  readonly first: (server: TestServer) => Promise<void>;
  /** Shows that `after` holds. */
  readonly then: (server: TestServer) => Promise<void>;
}

/** What a newcomer is shown first, having sent this. */
async function shown(server: TestServer, ...lines: string[]): Promise<string> {
  await using guest = await server.connect();
  for (const line of lines) guest.say(line);
  return (await guest.roundtrip()).join("\n");
}

/** What a newcomer is shown who is not let in. */
async function turnedAway(server: TestServer, send = ""): Promise<string> {
  await using guest = await server.connect();
  guest.send(send);
  return (await guest.untilClosed()).join("\n");
}

/** How a page from elsewhere is answered. */
async function pageStatus(server: TestServer, headers: Record<string, string>): Promise<number> {
  await using page = await WebPeer.connect(server.webPort);
  return (await page.upgrade(headers)).status;
}

function proxyLine(address: string): string {
  return `PROXY TCP4 ${address} 127.0.0.1 40000 2022\r\n`;
}

/** Comes in for an address, and asks for what takes a password. */
async function registerFrom(server: TestServer, address: string): Promise<string> {
  await using guest = await server.connect();
  guest.send(proxyLine(address));
  guest.say("/login nobody has-a-secret");
  return (await guest.roundtrip()).at(-1) ?? "";
}

const TRIALS: Readonly<Record<string, Trial>> = {
  "name": {
    before: {},
    after: { name: "Elsewhere" },
    first: async (server) => assertMatch(await shown(server), /^-- Welcome to Parley\./m),
    then: async (server) => assertMatch(await shown(server), /^-- Welcome to Elsewhere\./m),
  },
  "motd": {
    before: { motd: ["Be kind."] },
    after: { motd: ["Be kinder."] },
    first: async (server) => assertMatch(await shown(server), /Be kind\./),
    then: async (server) => assertMatch(await shown(server), /Be kinder\./),
  },
  "rate": {
    before: { rate: null },
    after: { rate: { burst: 2, perSecond: 1_000 } },
    first: async (server) =>
      assert(!(await shown(server, ...new Array(50).fill("/ping"))).includes("too fast")),
    then: async (server) =>
      assertMatch(await shown(server, ...new Array(50).fill("/ping")), /a second|slow/),
  },
  "idle": {
    before: { idleMs: null },
    after: { idleMs: 200 },
    first: async (server) => assertMatch(await shown(server), /Welcome/),
    then: async (server) => assertMatch(await turnedAway(server), /^-- Goodbye: .*quiet|idle/m),
  },
  "max-connections": {
    before: {},
    after: { connectionsMax: 1 },
    first: async (server) => assertMatch(await shown(server), /Welcome/),
    then: async (server) =>
      assertEquals(await turnedAway(server), "-- Parley is full. Try again later."),
  },
  "max-per-address": {
    before: { proxyProtocolFrom: PROXY },
    after: { proxyProtocolFrom: PROXY, perAddressMax: 1 },
    first: async (server) => assertMatch(await registerFrom(server, "192.0.2.7"), /^-- /),
    then: async (server) => {
      await using first = await server.connect();
      first.send(proxyLine("192.0.2.8"));
      await first.roundtrip();
      const text = await turnedAway(server, proxyLine("192.0.2.8"));
      assertEquals(text, "-- Parley has too many connections from your address.");
    },
  },
  "password-file": {
    before: {},
    after: { password: PASSWORD },
    first: async (server) => assertMatch(await shown(server), /Welcome/),
    then: async (server) => {
      await using guest = await server.connect();
      guest.say("");
      await guest.expect("-- This server asks for its password. Type it, and then Enter:");
      guest.say(PASSWORD);
      await guest.until(/^-- Welcome to Parley/);
    },
  },
  "allow-plaintext-passwords": {
    before: { proxyProtocolFrom: PROXY },
    after: { proxyProtocolFrom: PROXY, allowPlaintextPasswords: true },
    first: async (server) =>
      assertMatch(await registerFrom(server, "192.0.2.7"), /^-- No password is taken here/),
    then: async (server) =>
      assertMatch(await registerFrom(server, "192.0.2.7"), /^-- (?!No password is taken here)/),
  },
  "proxy-protocol-from": {
    before: {},
    after: { proxyProtocolFrom: PROXY },
    first: async (server) => assertMatch(await shown(server), /Welcome/),
    then: async (server) => {
      assertEquals(await turnedAway(server, "hello\n"), "");
      assertMatch(await registerFrom(server, "192.0.2.7"), /^-- No password is taken here/);
    },
  },
  "web-origin": {
    before: { web: WEB },
    after: { web: WEB, webOrigins: ["https://chat.example"] },
    first: async (server) =>
      assertEquals(await pageStatus(server, { Origin: "https://chat.example" }), 403),
    then: async (server) => {
      assertEquals(await pageStatus(server, { Origin: "https://chat.example" }), 101);
      assertEquals(await pageStatus(server, { Origin: "https://evil.example" }), 403);
    },
  },
  "forwarded-from": {
    before: { web: WEB, forwardedFrom: ["192.0.2.0/24"] },
    after: { web: WEB, forwardedFrom: PROXY },
    // A proxy that is believed is asked by any name, and says how its client came.
    first: async (server) => {
      // A proxy that nobody named is worth a warning.
      configureLog(() => {}, { format: "text", level: "off" });
      assertEquals(await pageStatus(server, FORWARDED), 421);
    },
    then: async (server) => assertEquals(await pageStatus(server, FORWARDED), 101),
  },
};

const FORWARDED = {
  "Host": "chat.example",
  "Origin": "https://chat.example",
  "X-Forwarded-For": "203.0.113.7",
  "X-Forwarded-Proto": "https",
};

for (const [option, { before, after, first, then }] of Object.entries(TRIALS)) {
  Deno.test(`--${option} changes for who comes next, and who is connected stays`, async () => {
    await using server = await startTestServer(before);
    await using ann = await comeIn(server, before);
    await first(server);
    await settled(server, ann);
    server.reconfigure({ ...before, ...after });
    await then(server);
    // Neither sent away nor slowed down, nor asked for anything.
    ann.say("still here");
    for (let count = 0; count < 20; count++) ann.say("/ping");
    const lines = await ann.roundtrip();
    assertEquals(lines.filter((line) => line === "-- pong").length, 20, lines.join("\n"));
    assertEquals(lines.filter((line) => /slow|Goodbye|password/.test(line)), []);
  });
}

/** Somebody from this machine: through the proxy, where there is one. */
async function comeIn(
  server: TestServer,
  { proxyProtocolFrom = [] }: Partial<ServerConfig>,
): Promise<Guest> {
  const ann = await server.connect();
  if (proxyProtocolFrom.length > 0) ann.send(proxyLine("203.0.113.1"));
  ann.say("/nick ann");
  await ann.until("-- You are now ann.");
  return ann;
}

/** Waits until only one is connected. */
async function settled(server: TestServer, ann: Guest): Promise<void> {
  const endsAtMs = Date.now() + WAIT_MS;
  while (server.connections > 1) {
    assert(Date.now() < endsAtMs, `Awaited the end of all but one of ${server.connections}`);
    await ann.roundtrip();
  }
}

Deno.test("--operator gives rights to who is logged in already, and takes them away", async () => {
  await using folder = await Folder.with("ann", "bob");
  await using server = await startTestServer({ db: folder.db, operators: ["ann"] });
  const [ann, bob] = [await server.connect(), await server.connect()];
  await using _ann = ann;
  await using _bob = bob;
  for (const [guest, name] of [[ann, "ann"], [bob, "bob"]] as const) {
    guest.say(`/login ${name} ${passwordOf(name)}`);
    await guest.until(`-- You are logged in as ${name}.`);
  }
  const mayBan = async (guest: Guest, address: string): Promise<boolean> =>
    (await ask(guest, `/ban server ${address}`)).some((line) => line.includes(" is banned from"));
  assertEquals([await mayBan(ann, "192.0.2.1"), await mayBan(bob, "192.0.2.2")], [true, false]);
  server.reconfigure({ db: folder.db, operators: ["bob"] });
  assertEquals([await mayBan(ann, "192.0.2.3"), await mayBan(bob, "192.0.2.4")], [false, true]);
  server.reconfigure({ db: folder.db, operators: [] });
  assertEquals([await mayBan(ann, "192.0.2.5"), await mayBan(bob, "192.0.2.6")], [false, false]);
});
