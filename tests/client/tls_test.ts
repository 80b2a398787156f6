// The client's TLS connections against real TLS servers: whom it trusts by which
// certificate, that nothing leaves before that, what it says where there is no
// handshake, and that lines arrive over it as they do over plain text.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { parseServerAddress } from "../../lib/client/server_address.ts";
import {
  ConnectError,
  type ConnectOptions,
  connectToServer,
  type ServerLink,
} from "../../lib/client/server_link.ts";
import { Settings } from "../../lib/client/settings.ts";
import { Trust, type TrustOptions, UntrustedError } from "../../lib/client/trust.ts";
import { fingerprintOf } from "../../lib/certificate.ts";
import { overTls, TestCertificate } from "../fixtures/certificates.ts";
import { startTestServer } from "../harness.ts";
import { FakeServer, WAIT_MS } from "../terminal/fake_server.ts";
import { lineOf, nextRequest, startTalk, welcomeLine } from "./conversations.ts";
import { forgeKey, type IssueOptions, TestAuthority, TlsFront } from "./tls_front.ts";

/** Connects as the client does; without anything else it trusts public authorities only. */
function join(
  server: string,
  trusting: Partial<TrustOptions> = {},
  options: ConnectOptions = {},
): Promise<ServerLink> {
  const none = { fingerprint: null, authorities: null, memory: null };
  const trust = new Trust({ server, ...none, ...trusting });
  return connectToServer(parseServerAddress(server), { ...options, trust });
}

/** That the server is not trusted, and nothing was sent to it. */
async function assertUntrusted(
  front: TlsFront,
  joining: Promise<ServerLink>,
): Promise<UntrustedError> {
  const error = await assertRejects(() => joining, UntrustedError);
  await front.deserted();
  assertEquals(front.received, 0);
  return error;
}

Deno.test("a client trusts what an authority of its own vouches for, under this name, now", async (t) => {
  const authority = await TestAuthority.make();
  const stranger = await TestAuthority.make();
  const cases: readonly [
    name: string,
    issuer: TestAuthority,
    options: IssueOptions,
    fault: string | null,
  ][] = [
    ["as it should be", authority, {}, null],
    ["by somebody else", stranger, {}, "no known authority"],
    ["for another host", authority, { names: ["chat.example"] }, "for another name"],
    ["for the name alone", authority, { names: ["localhost"] }, "for another name"],
    ["expired", authority, { days: [-3, -1] }, "it has expired"],
    ["not yet", authority, { days: [1, 3] }, "it is not good yet"],
  ];
  for (const [name, issuer, options, fault] of cases) {
    await t.step(name, async () => {
      const certificate = await issuer.issue(options);
      await using front = await TlsFront.start(certificate, null);
      const joining = join(front.address, { authorities: authority.cert });
      if (fault === null) {
        await using link = await joining;
        assertEquals(link.notice, null);
      } else {
        assertStringIncludes((await assertUntrusted(front, joining)).message, fault);
      }
      // Its fingerprint is worth as much as ever.
      const fingerprint = fingerprintOf(certificate.cert);
      await using _link = await join(front.address, { fingerprint });
    });
  }
});

Deno.test("a client that goes to localhost wants a certificate for that name", async () => {
  const authority = await TestAuthority.make();
  await using front = await TlsFront.start(await authority.issue({ names: ["localhost"] }), null);
  const server = `tls://localhost:${front.port}`;
  await using _link = await join(server, { authorities: authority.cert });
});

Deno.test({
  ...overTls("a client sends nothing to a server that it does not trust"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    await using other = await TestCertificate.make();
    await using front = await TlsFront.start(certificate, null);
    const trusting: readonly Partial<TrustOptions>[] = [
      {},
      { fingerprint: other.fingerprint },
      { authorities: other.cert },
    ];
    for (const each of trusting) {
      const error = await assertUntrusted(front, join(front.address, each));
      assertStringIncludes(error.message, front.address);
    }
    const plain = connectToServer(parseServerAddress(front.address));
    assertStringIncludes((await assertUntrusted(front, plain)).message, certificate.fingerprint);
    for (
      const each of [{ fingerprint: certificate.fingerprint }, { authorities: certificate.cert }]
    ) {
      await using link = await join(front.address, each);
      assert(link.send("hello"));
      assert(await link.finish());
      await link.discard();
    }
    await front.deserted();
    assertEquals(front.received, 2 * "hello\n".length);
  },
});

Deno.test({
  ...overTls("a client remembers a certificate in its settings, and refuses another one"),
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir({ prefix: "parley-trust-" });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const certificate = stack.use(await TestCertificate.make());
    const other = stack.use(await TestCertificate.make());
    const front = stack.use(await TlsFront.start(certificate, null));
    const server = front.address;
    const joinAgain = (fingerprint: string | null = null): Promise<ServerLink> => {
      const settings = new Settings(`${folder}/parley`, (line) => assertEquals(line, ""));
      return join(server, { memory: settings.proofsOf(server), fingerprint });
    };
    const stored = async (): Promise<unknown> =>
      JSON.parse(await Deno.readTextFile(`${folder}/parley/client.json`));

    {
      await using link = await joinAgain();
      assertStringIncludes(link.notice ?? "", certificate.fingerprint);
    }
    assertEquals(await stored(), { [server]: { proof: certificate.fingerprint } });
    if (Deno.build.os !== "windows") {
      const { mode } = await Deno.stat(`${folder}/parley/client.json`);
      assertEquals((mode ?? 0) & 0o777, 0o600);
    }
    {
      await using link = await joinAgain();
      assertEquals(link.notice, null);
    }

    front.replace(other);
    const error = await assertUntrusted(front, joinAgain());
    for (const part of [server, certificate.fingerprint, `--fingerprint ${other.fingerprint}`]) {
      assertStringIncludes(error.message, part);
    }
    assertEquals(await stored(), { [server]: { proof: certificate.fingerprint } });
    {
      await using _link = await joinAgain(other.fingerprint);
    }
    await using link = await joinAgain();
    assertEquals(link.notice, null);
    assertEquals(await stored(), { [server]: { proof: other.fingerprint } });
  },
});

Deno.test({
  ...overTls("a conversation whose server comes back as another one ends, and keeps its session"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    await using other = await TestCertificate.make();
    await using server = new FakeServer();
    await using front = await TlsFront.start(certificate, server.port);
    const memory = new Map<string, string>();
    const trust = new Trust({
      server: front.address,
      fingerprint: null,
      authorities: null,
      memory: {
        learn: (proof) => {
          const isNew = !memory.has("proof");
          if (isNew) memory.set("proof", proof);
          return Promise.resolve({ proof: memory.get("proof") ?? "", isNew });
        },
        replace: () => Promise.resolve(),
      },
    });
    await using talk = startTalk(server, {
      address: parseServerAddress(front.address),
      connect: (address, options) => connectToServer(address, { ...options, trust }),
    });
    const peer = await server.accept();
    assertEquals((await nextRequest(peer))["type"], "hello");
    await peer.say(welcomeLine());
    const notices = (): string[] =>
      talk.owner.events.flatMap((event) => event.type === "notice" ? event.lines : []);
    await talk.owner.until("the notice", () => notices().length === 1);
    assertStringIncludes(notices()[0] ?? "", certificate.fingerprint);

    front.replace(other);
    front.cut();
    const end = await talk.end();
    assertEquals(end.kind, "untrusted");
    assertStringIncludes(end.why ?? "", other.fingerprint);
    // The same server, once it is back, knows the session still.
    assertEquals(talk.conversation.session?.token, "t1");
  },
});

Deno.test({
  ...overTls("who has to give a password is told before to whom, where that is new"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    await using server = new FakeServer();
    await using front = await TlsFront.start(certificate, server.port);
    await using talk = startTalk(server, {
      address: parseServerAddress(front.address),
      connect: async (_address, options) => {
        const memory = {
          learn: (proof: string) => Promise.resolve({ proof, isNew: true }),
          replace: () => Promise.resolve(),
        };
        return await join(front.address, { memory }, options);
      },
    });
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(lineOf({ type: "refused", code: "password-wanted", text: "Tell it." }));
    assertEquals((await talk.end()).kind, "not-admitted");
    const [sentence = ""] = talk.owner.sentences;
    assertStringIncludes(sentence, certificate.fingerprint);
    assertMatch(sentence, /\nTell it\.$/);
  },
});

Deno.test({
  ...overTls("bytes arrive whole over TLS, both ways, and the last ones behind the end of ours"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    await using server = new FakeServer();
    await using front = await TlsFront.start(certificate, server.port);
    await using link = await join(front.address, { fingerprint: certificate.fingerprint });
    const block = new Uint8Array(512 * 1024).map((_, index) => 0x20 + index % 64);
    assert(link.send(block));
    const peer = await server.accept();
    assert(await deadline(link.finish(), WAIT_MS));
    assertEquals(await peer.end(), block);
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index}`);
    await peer.say(`${lines.join("\n")}\nlast words`);
    await peer.close();
    const heard = await deadline(Array.fromAsync(link.batches()), WAIT_MS);
    assertEquals(heard.flat(), [...lines, "last words"]);
    assert(!link.isBroken);
  },
});

Deno.test("a server that speaks no TLS is told from one that does", async (t) => {
  const answers: readonly [name: string, answer: string | null, why: RegExp][] = [
    ["plain text", "-- Welcome to Parley.\n", /does not speak TLS/],
    ["another protocol", "SSH-2.0-OpenSSH_9.9\r\n", /does not speak TLS/],
    ["nothing", "", /closed the connection in the middle of the TLS handshake/],
    ["an alert", "\x15\x03\x03\0\x02\x02\x28", /TLS handshake failed \(HandshakeFailure\)/],
    ["an old version", "\x15\x03\x01\0\x02\x02\x46", /versions of TLS that are not safe/],
  ];
  for (const [name, answer, why] of answers) {
    await t.step(name, async () => {
      await using server = new FakeServer();
      const joining = assertRejects(() => join(`tls://${server.address}`), ConnectError);
      const peer = await server.accept();
      // The handshake's first byte, and nothing that a person typed.
      assertEquals((await peer.bytes(1))[0], 0x16);
      if (answer !== null) await peer.say(answer);
      await peer.close();
      const { message } = await joining;
      assertMatch(message, /^Cannot connect to tls:\/\/127\.0\.0\.1:\d+: [^\n]+[.?]$/);
      assertMatch(message, why);
    });
  }
});

Deno.test("a client in plain text is told that TLS is spoken there", async () => {
  const authority = await TestAuthority.make();
  await using front = await TlsFront.start(await authority.issue(), null);
  const server = `127.0.0.1:${front.port}`;
  await using link = await join(server);
  link.send("hello, anybody there?");
  const heard = await deadline(Array.fromAsync(link.batches()), WAIT_MS);
  assertEquals(heard, [["-- TLS is spoken here: connect with --tls."]]);
  assert(link.isBroken);
});

Deno.test("nobody listens, and nobody is called so, over TLS too", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { message } = await assertRejects(() => join(`tls://localhost:${port}`), ConnectError);
  assertEquals(
    message,
    `Cannot connect to tls://localhost:${port}: connection refused. Is a server running there?`,
  );
  await assertRejects(() => join("tls://no-such-host.invalid"), ConnectError, "no host of that");
});

Deno.test("a handshake that never ends is given up, and so is one that is not wanted any more", async () => {
  await using server = new FakeServer();
  const address = `tls://${server.address}`;
  const late = assertRejects(() => join(address, {}, { timeoutMs: 50 }), ConnectError);
  const first = await server.accept();
  assertMatch((await deadline(late, WAIT_MS)).message, /no answer within 0\.05 seconds\.$/);
  await first.end();

  const controller = new AbortController();
  const given = assertRejects(
    () => join(address, {}, { signal: controller.signal }),
    Error,
    "enough",
  );
  const second = await server.accept();
  await second.bytes(1);
  controller.abort(new Error("enough"));
  await deadline(given, WAIT_MS);
  await second.end();
  await assertRejects(() => join(address, {}, { signal: controller.signal }), Error, "enough");
});

Deno.test("a handshake that is cut anywhere is one clear sentence, and leaves nothing open", async () => {
  const authority = await TestAuthority.make();
  await using front = await TlsFront.start(await authority.issue(), null);
  let connected = 0;
  for (let bytes = 0; connected === 0; bytes += 61) {
    assert(bytes < 20_000, "no handshake takes so much");
    using cutter = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const cutting = cutAfter(cutter, front.port, bytes);
    try {
      await using _link = await join(`tls://127.0.0.1:${cutter.addr.port}`, {
        authorities: authority.cert,
      });
      connected++;
    } catch (error) {
      assert(error instanceof ConnectError, String(error));
      assertMatch(
        error.message,
        /: it closed the connection in the middle of the TLS handshake\. [^\n]+\?$/,
      );
    }
    await cutting;
  }
  assertEquals(front.received, 0);
});

Deno.test({
  ...overTls("who has seen a certificate, and has not its key, is not taken for its owner"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    await using other = await TestCertificate.make();
    const { key } = forgeKey(certificate, other);
    const keyFile = `${certificate.folder}/forged.pem`;
    await Deno.writeTextFile(keyFile, key);
    const trusting: readonly Partial<TrustOptions>[] = [
      { fingerprint: certificate.fingerprint },
      { authorities: certificate.cert },
    ];
    for (const version of ["-tls1_2", "-tls1_3"]) {
      await using server = await OpensslServer.start(certificate.certFile, keyFile, version);
      for (const each of trusting) {
        const { message } = await assertRejects(() => join(server.address, each), ConnectError);
        assertMatch(message, /could not prove that the certificate/);
      }
    }
  },
});

Deno.test({
  ...overTls("a client speaks with OpenSSL, but in no version that is not safe"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    const { certFile, keyFile, fingerprint } = certificate;
    for (const version of ["-tls1_2", "-tls1_3"]) {
      await using server = await OpensslServer.start(certFile, keyFile, version);
      await using link = await join(server.address, { fingerprint });
      const lines = link.batches();
      await server.say("from the server\n");
      assertEquals((await deadline(lines.next(), WAIT_MS)).value, ["from the server"]);
      assert(link.send("from the client"));
      await server.heard("from the client");
    }
    await using old = await OpensslServer.start(certFile, keyFile, "-tls1_1");
    const { message } = await assertRejects(
      () => join(old.address, { fingerprint }),
      ConnectError,
    );
    assertMatch(message, /versions of TLS that are not safe/);
  },
});

Deno.test({
  ...overTls("a client and a Parley server speak TLS, and say so at the wrong port"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    const { certFile, keyFile, fingerprint } = certificate;
    await using server = await startTestServer({
      tls: { host: "127.0.0.1", port: 0, certFile, keyFile, certificate },
    });
    const [plain, tls] = [server.port, server.tlsPort].map((port) => `127.0.0.1:${port}`);
    await using link = await join(`tls://${tls}`, { fingerprint });
    link.send(JSON.stringify({ type: "hello", version: 1, nick: "ann" }));
    const heard = await deadline(link.batches().next(), WAIT_MS);
    assertStringIncludes(`${heard.value}`, '"name":"ann"');

    await using lost = await join(`${tls}`);
    lost.send(JSON.stringify({ type: "hello", version: 1 }));
    const [[line]] = await deadline(Array.fromAsync(lost.batches()), WAIT_MS) as [[string]];
    assertMatch(line, /^-- This port speaks TLS: .*--tls/);
    const { message } = await assertRejects(() => join(`tls://${plain}`), ConnectError);
    assertMatch(message, /port for plain text\?$/);
  },
});

/** Passes the next connection on, and cuts it once the server has sent so many bytes. */
async function cutAfter(listener: Deno.TcpListener, port: number, bytes: number): Promise<void> {
  using outer = await deadline(listener.accept(), WAIT_MS);
  using inner = await Deno.connect({ hostname: "127.0.0.1", port });
  const up = pump(outer, inner, Infinity);
  await pump(inner, outer, bytes);
  await inner.closeWrite().catch(() => {});
  await outer.closeWrite().catch(() => {});
  await up;
}

/** Copies until the end of either, or so many bytes. */
async function pump(from: Deno.TcpConn, to: Deno.TcpConn, bytesMax: number): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  try {
    for (let left = bytesMax; left > 0;) {
      const count = await from.read(buffer.subarray(0, Math.min(left, buffer.length)));
      if (count === null) return;
      left -= count;
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
  } catch {
    // Either side is gone.
  }
}

/** `openssl s_server` on a free port. */
class OpensslServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #errors: Promise<string>;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #printed = "";
  /** `tls://127.0.0.1:PORT`. */
  address = "";

  constructor(certFile: string, keyFile: string, version: string) {
    this.#child = new Deno.Command("openssl", {
      args: [
        ["s_server", "-accept", "127.0.0.1:0", "-cert", certFile, "-key", keyFile, version],
        // The lowest level of safety has the oldest versions as well.
        ["-cipher", "DEFAULT@SECLEVEL=0"],
      ].flat(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  static async start(certFile: string, keyFile: string, version: string): Promise<OpensslServer> {
    const server = new OpensslServer(certFile, keyFile, version);
    await server.heard("\nACCEPT ");
    await server.heard("\n", server.#printed.indexOf("\nACCEPT ") + 1);
    const [, port] = /\nACCEPT \S*:(\d+)\n/.exec(server.#printed) ?? [];
    server.address = `tls://127.0.0.1:${port}`;
    return server;
  }

  /** Says it to the client that is there. */
  async say(text: string): Promise<void> {
    await deadline(this.#input.write(new TextEncoder().encode(text)), WAIT_MS);
  }

  /** Waits until it has printed a text, which is how it shows what clients say. */
  async heard(text: string, from = 0): Promise<void> {
    while (!this.#printed.includes(text, from)) {
      const { value, done } = await deadline(this.#output.read(), WAIT_MS);
      if (done) throw new Error(`openssl ended, without ${text}: ${await this.#errors}`);
      this.#printed += this.#decoder.decode(value, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#output.cancel();
    await this.#errors;
    await this.#input.abort().catch(() => {});
  }
}
