// Every combination of doors is opened as a whole or not at all: what a door that cannot be opened
// is told of as, what --check says of a certificate that is no good, that people come in through
// each door and none that is closed, and that whoever came through any of them is told when the
// server stops.

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { mock } from "node:test";
import { Doors } from "../lib/doors.ts";
import { Tasks } from "../lib/tasks.ts";
import type { ListenAddress } from "../lib/config.ts";
import { DoorError } from "../lib/errors.ts";
import { SHUTDOWN_GRACE_MS } from "../lib/limits.ts";
import { makeCertificate } from "../lib/make_cert.ts";
import { overTls, TestCertificate } from "./fixtures/certificates.ts";
import { Folder, runServer, startProcess } from "./fixtures/server_process.ts";
import { Guest, startTestServer, within } from "./harness.ts";
import { JsonGuest } from "./json_guest.ts";
import { connectTls, joinTls, tlsWith } from "./tls_visits.ts";
import { OPCODE, WebPeer } from "./web/web_peer.ts";

const GOODBYE = "-- Goodbye: the server is shutting down.";
const LOCAL = "127.0.0.1";

/** A port that somebody else has for as long as this is there. */
class TakenPort implements Disposable {
  readonly #listener = Deno.listen({ hostname: LOCAL, port: 0 });

  get port(): number {
    return this.#listener.addr.port;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

/** The flags of a server that has every door open, on free ports. */
function everyDoor({ certFile, keyFile }: TestCertificate): string[] {
  return [
    ...["--port", "0", "--tls-cert", certFile, "--tls-key", keyFile, "--tls-port", "0"],
    ...["--web", `${LOCAL}:0`, "--metrics", `${LOCAL}:0`, "--db", ":memory:"],
  ];
}

for (
  const [flag, argOf] of [
    ["--port", (port: number) => `${port}`],
    ["--tls-port", (port: number) => `${port}`],
    ["--web", (port: number) => `${LOCAL}:${port}`],
    ["--web", (port: number) => `http://${LOCAL}:${port}`],
    ["--metrics", (port: number) => `${LOCAL}:${port}`],
  ] as const
) {
  Deno.test(
    overTls(`a port that is in use for ${flag} ${argOf(0)} is one line that names the flag`),
    async () => {
      await using made = await TestCertificate.make();
      using taken = new TakenPort();
      const { code, stdout, stderr } = await runServer(
        ...everyDoor(made),
        flag,
        argOf(taken.port),
      );
      assertEquals([code, stdout], [1, ""]);
      assertEquals(
        stderr,
        `parley: Cannot listen on ${LOCAL}:${taken.port}: the port is in use. ` +
          `Choose another with ${flag}.\n`,
      );
    },
  );
}

Deno.test(overTls("an address that is not this machine's is told of at every door"), async () => {
  await using made = await TestCertificate.make();
  // 198.51.100.0/24 is for documentation: no machine has it.
  const elsewhere = "198.51.100.1";
  for (
    const flags of [
      ["--plain-host", elsewhere],
      ["--host", elsewhere],
      ["--web", `${elsewhere}:0`],
      ["--metrics", `${elsewhere}:0`],
    ]
  ) {
    const { code, stdout, stderr } = await runServer(...everyDoor(made), ...flags);
    assertEquals([code, stdout], [1, ""]);
    assertEquals(
      stderr,
      `parley: Cannot listen on ${elsewhere}:0: this machine does not have that address.\n`,
    );
  }
});

Deno.test(overTls("where one door cannot be opened, none is, and nothing is left"), async () => {
  await using made = await TestCertificate.make();
  using taken = new TakenPort();
  const free = { host: LOCAL, port: 0 };
  const busy = { host: LOCAL, port: taken.port };
  const all = {
    ...free,
    tls: tlsWith(made),
    web: { ...free, isTls: true },
    metrics: free as ListenAddress,
  };
  for (
    const [option, config] of [
      ["port", { ...all, ...busy }],
      ["tls-port", { ...all, tls: { ...all.tls, ...busy } }],
      ["web", { ...all, web: { ...all.web, ...busy } }],
      ["metrics", { ...all, metrics: busy }],
    ] as const
  ) {
    const error = await assertRejects(() => startTestServer(config), DoorError);
    assertEquals([error.option, error.at.port], [option, taken.port]);
    assertInstanceOf(error.cause, Deno.errors.AddrInUse, option);
  }
});

/** A certificate with its key as files of a folder, of which some may be replaced. */
async function writePair(
  folder: Folder,
  pair: { readonly cert: string; readonly key: string },
): Promise<string[]> {
  const [cert, key] = [folder.file("cert.pem"), folder.file("key.pem")];
  await Deno.writeTextFile(cert, pair.cert);
  await Deno.writeTextFile(key, pair.key);
  return ["--tls-cert", cert, "--tls-key", key];
}

/** A certificate that has expired, and its key. */
async function makeExpired(folder: Folder): Promise<{ cert: string; key: string }> {
  const [certFile, keyFile] = [folder.file("old.pem"), folder.file("old-key.pem")];
  mock.timers.enable({ apis: ["Date"], now: Date.UTC(2020, 0, 1, 12) });
  try {
    await makeCertificate({ certFile, keyFile, names: ["localhost"], days: 31 });
  } finally {
    mock.timers.reset();
  }
  return { cert: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) };
}

Deno.test(overTls("a certificate that is no good is one line, whatever is asked for"), async () => {
  await using folder = new Folder();
  await using made = await TestCertificate.make();
  await using other = await TestCertificate.make();
  const { cert, key } = made;
  for (
    const [pair, why] of [
      [{ cert: "garbage", key }, "There is no certificate in PEM form .*"],
      [
        { cert: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key },
        "The certificate is damaged",
      ],
      [{ cert, key: "garbage" }, "There is no private key in PEM form .*"],
      [{ cert, key: other.key }, "The key does not belong to the certificate"],
      [await makeExpired(folder), "The certificate has expired: it was good until 2020-02-01"],
    ] as const
  ) {
    const flags = await writePair(folder, pair);
    for (const action of [["--check"], []]) {
      const { code, stdout, stderr } = await runServer("--port", "0", ...flags, ...action);
      assertEquals([code, stdout], [1, ""]);
      assertMatch(
        stderr,
        new RegExp(`^parley: Cannot use \\S*cert.pem with \\S*key.pem: ${why}\n$`),
      );
    }
  }
});

Deno.test(overTls("a server opens the doors that it was told to, and no other"), async () => {
  await using made = await TestCertificate.make();
  const at = { host: LOCAL, port: 0 };
  for (let set = 0; set < 12; set++) {
    const hasTls = set % 2 === 1;
    const web = [null, { ...at, isTls: false }, { ...at, isTls: true }][set >> 2];
    if (web === undefined || (web?.isTls && !hasTls)) continue;
    const hasMetrics = (set >> 1) % 2 === 1;
    await using server = await startTestServer({
      tls: hasTls ? tlsWith(made) : null,
      web,
      metrics: hasMetrics ? at : null,
    });
    assertEquals(
      [server.tlsPort > 0, server.webPort > 0, server.metricsPort > 0],
      [hasTls, web !== null, hasMetrics],
    );
    await using ann = await server.join("ann");
    // Whoever comes through any of them is in the one room that there is.
    if (hasTls) {
      await using bob = await joinTls(server.tlsPort, made, "bob");
      bob.say("over TLS");
      await ann.until("bob: over TLS");
    }
    if (web !== null) {
      await using eve = await WebPeer.join(server.webPort, web.isTls ? { ca: made.cert } : {});
      eve.say('{"type":"hello","version":1,"nick":"eve","ref":1}');
      eve.say('{"type":"say","text":"over HTTP","ref":2}');
      await ann.until("eve: over HTTP");
    }
    if (hasMetrics) {
      await using prometheus = await WebPeer.connect(server.metricsPort);
      assertEquals((await prometheus.get("/metrics")).status, 200);
      assertEquals((await prometheus.get("/")).status, 404);
    }
  }
});

/** Somebody at each door, and those who are on their way. */
async function gatherAtDoors(
  ports: { readonly plain: number; readonly tls: number; readonly web: number; metrics: number },
  made: TestCertificate,
  stack: AsyncDisposableStack,
): Promise<() => Promise<void>> {
  const people = [
    stack.use(await Guest.connect(ports.plain)),
    stack.use(await connectTls(ports.tls, made)),
  ];
  const programs = [
    new JsonGuest(await Guest.connect(ports.plain)),
    new JsonGuest(await connectTls(ports.tls, made)),
  ];
  for (const program of programs) await stack.use(program).hello({});
  const pages: WebPeer[] = [];
  while (pages.length < 3) {
    const page = stack.use(await WebPeer.join(ports.web, { ca: made.cert }));
    page.say('{"type":"hello","version":1,"ref":1}');
    assertMatch(await page.message(), /"type":"welcome"/);
    pages.push(page);
  }
  // Those who have not come in: silent, between two bytes of a handshake, a request or a header.
  const onTheirWay = [
    await WebPeer.connect(ports.plain),
    await WebPeer.connect(ports.tls),
    await WebPeer.connect(ports.web),
    await WebPeer.connect(ports.web, { ca: made.cert }),
    await WebPeer.join(ports.web, { ca: made.cert }),
    await WebPeer.connect(ports.metrics),
  ].map((each) => stack.use(each));
  onTheirWay[1]?.send(Uint8Array.of(0x16, 0x03, 0x01));
  onTheirWay[3]?.send("GET / HTTP/1.1\r\n");
  const prometheus = stack.use(await WebPeer.connect(ports.metrics));
  assertEquals((await prometheus.get("/readyz")).status, 200);
  for (const guest of people) await guest.roundtrip();
  return async () => {
    for (const guest of people) assertEquals((await guest.untilClosed()).at(-1), GOODBYE);
    for (const { guest } of programs) {
      assertMatch((await guest.untilClosed()).at(-1) ?? "", /"type":"goodbye","reason":"shutdown"/);
    }
    for (const page of pages) {
      let last = "";
      for (let next = await page.frame(); next.opcode !== OPCODE.close; next = await page.frame()) {
        last = new TextDecoder().decode(next.payload);
      }
      assertMatch(last, /"type":"goodbye","reason":"shutdown"/);
      await page.untilClosed();
    }
    for (const each of onTheirWay) await each.untilClosed();
    await prometheus.untilClosed();
  };
}

Deno.test(
  overTls("a server with every door open ends with all who came through any"),
  async () => {
    await using made = await TestCertificate.make();
    await using stack = new AsyncDisposableStack();
    const at = { host: LOCAL, port: 0 };
    await using server = await startTestServer({
      tls: tlsWith(made),
      web: { ...at, isTls: true },
      metrics: at,
    });
    const { port: plain, tlsPort: tls, webPort: web, metricsPort: metrics } = server;
    const toldToGo = await gatherAtDoors({ plain, tls, web, metrics }, made, stack);
    const ended = server.shutdown();
    await toldToGo();
    await within(ended, () => "Awaited the end of the server");
  },
);

Deno.test(
  overTls("SIGTERM ends a process with every door open in its grace, with status 0"),
  async () => {
    await using made = await TestCertificate.make();
    await using stack = new AsyncDisposableStack();
    await using server = await startProcess({ args: everyDoor(made) });
    const toldToGo = await gatherAtDoors(
      {
        plain: server.port,
        tls: server.portOf("TLS"),
        web: server.portOf("browsers"),
        metrics: server.portOf("metrics"),
      },
      made,
      stack,
    );
    const startMs = performance.now();
    server.kill("SIGTERM");
    await toldToGo();
    assertEquals(await server.result(), { code: 0, stderr: "" });
    const tookMs = performance.now() - startMs;
    assert(tookMs < SHUTDOWN_GRACE_MS, `it took ${tookMs} ms`);
  },
);

Deno.test("what fails while a request is answered is told as a fault of that door", async () => {
  const faults: string[] = [];
  const stopping = new AbortController();
  const fail = (): Promise<never> => Promise.reject(new Error("on purpose"));
  const doors = await Doors.open({
    config: {
      name: "Parley",
      host: "127.0.0.1",
      port: 0,
      tls: null,
      web: { host: "127.0.0.1", port: 0, isTls: false },
      webOrigins: [],
      metrics: null,
      proxyProtocolFrom: [],
      forwardedFrom: [],
      idleMs: null,
    },
    signal: stopping.signal,
    tasks: new Tasks((name) => faults.push(name)),
    onArrival: () => faults.push("arrival"),
    onRejected: (_peer, why) => faults.push(why),
    onUnknownProxy: () => faults.push("proxy"),
    onAcceptError: () => faults.push("accepting"),
    onFault: (door, error) => faults.push(`${door}: ${error}`),
    bots: { post: fail, stream: fail },
    isReady: () => true,
    metrics: null,
  });
  try {
    const response = await fetch(`http://127.0.0.1:${doors.addresses.web?.port}/rooms/lobby`, {
      method: "POST",
      headers: { "Authorization": "Bearer x" },
      body: "hello",
    });
    await response.body?.cancel();
    assertEquals(response.status, 500);
    assertEquals(faults, ["The door for browsers: Error: on purpose"]);
  } finally {
    stopping.abort();
    await doors.close();
  }
});
