// TLS at the whole server: the programs that people have come in by it and talk with those on the
// plain port; what is said there may be a password; it can be open to the network while plain text
// is not; and a certificate is replaced under a room of five hundred who miss nothing.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UsageError } from "../lib/errors.ts";
import { HAS_OPENSSL, overNcat, overTls, TestCertificate } from "./fixtures/certificates.ts";
import { type ServerProcess, startProcess } from "./fixtures/server_process.ts";
import { Guest, startTestServer, within } from "./harness.ts";
import { connectTls, Crowd, joinTls, presentedOn, tlsWith } from "./tls_visits.ts";
import { ask, LAN, overLan } from "./visits.ts";

const LOCAL = "127.0.0.1";

/** A test that needs certificates and an address besides loopback. */
function overLanTls(name: string): { name: string; ignore: boolean } {
  return HAS_OPENSSL ? overLan(name) : overTls(name);
}

/** A program of somebody who joins with it, and the lines that it shows. */
class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  #rest = "";
  readonly #lines: string[] = [];

  constructor(program: string, args: readonly string[]) {
    this.#child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** Types one line. */
  async say(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ctrl-D. */
  async endInput(): Promise<void> {
    await this.#writer.close();
  }

  /** The lines up to the one that is wanted, which is the last. */
  async until(wanted: string | RegExp): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.#line();
      if (line === null) throw new Error(`Awaited ${wanted}, but it ended: ${lines.join("\n")}`);
      lines.push(line);
      if (typeof wanted === "string" ? line === wanted : wanted.test(line)) return lines;
    }
  }

  /** All that it still shows, and how it ended. */
  async ended(): Promise<{ lines: string[]; stderr: string; code: number }> {
    const lines: string[] = [];
    for (let line = await this.#line(); line !== null; line = await this.#line()) lines.push(line);
    const { code } = await within(this.#child.status, () => "Awaited the program's end");
    return { lines, stderr: await this.#stderr, code };
  }

  async #line(): Promise<string | null> {
    while (this.#lines.length === 0) {
      const { done, value } = await within(
        this.#reader.read(),
        () => `Awaited a line, and there is ${JSON.stringify(this.#rest)}`,
      );
      if (done) return null;
      const lines = (this.#rest + value).split("\n");
      this.#rest = lines.pop() ?? "";
      this.#lines.push(...lines);
    }
    return this.#lines.shift() ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#writer.abort().catch(() => {});
    await this.#child.status;
    await this.#stderr;
    await this.#reader.cancel();
  }
}

/** How somebody types `openssl s_client` who trusts a certificate. */
function sClient(port: number, { certFile }: TestCertificate, ...more: string[]): Program {
  return new Program("openssl", [
    ...["s_client", "-connect", `localhost:${port}`, "-CAfile", certFile],
    ...["-verify_return_error", "-quiet", ...more],
  ]);
}

/** A program comes in, talks with somebody on the plain port, and goes with its Ctrl-D. */
async function converse(program: Program, bob: Guest): Promise<void> {
  await program.until(/^-- Welcome to Parley/);
  await program.say("/nick ann");
  await program.until("-- You are now ann.");
  await program.say("hello over TLS, \u{4f60}\u{597d}");
  await bob.until("ann: hello over TLS, \u{4f60}\u{597d}");
  bob.say("hello over plain text");
  await program.until("bob: hello over plain text");
  await program.say("/quit");
  await program.until("-- Goodbye.");
  await bob.until("-- ann left.");
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  Deno.test(overTls(`openssl s_client ${version} and nc talk in one room`), async () => {
    await using made = await TestCertificate.make();
    await using server = await startTestServer({ tls: tlsWith(made) });
    await using bob = await server.join("bob");
    await using program = sClient(server.tlsPort, made, version);
    await converse(program, bob);
    assertEquals((await program.ended()).code, 0);
  });
}

Deno.test(overNcat("ncat --ssl and nc talk in one room"), async () => {
  await using made = await TestCertificate.make();
  await using server = await startTestServer({ tls: tlsWith(made) });
  await using bob = await server.join("bob");
  await using program = new Program("ncat", [
    ...["--ssl-verify", "--ssl-trustfile", made.certFile, "localhost", `${server.tlsPort}`],
  ]);
  await converse(program, bob);
  // It waits for the end of its input, too.
  await program.endInput();
  assertEquals((await program.ended()).code, 0);
});

Deno.test(overNcat("Ctrl-D: what was said before is heard, and the program ends"), async () => {
  await using made = await TestCertificate.make();
  await using server = await startTestServer({ tls: tlsWith(made) });
  await using bob = await server.join("bob");
  const { tlsPort: port } = server;
  for (
    const make of [
      () => sClient(port, made, "-no_ign_eof"),
      () => new Program("ncat", ["--ssl", LOCAL, `${port}`]),
    ]
  ) {
    await using program = make();
    await program.say("/nick ann");
    await program.until("-- You are now ann.");
    await program.say("my last words");
    await program.endInput();
    await bob.until("ann: my last words");
    await bob.until("-- ann left.");
    assertEquals((await program.ended()).code, 0);
  }
});

Deno.test(overTls("a program says hello in JSON through openssl s_client"), async () => {
  await using made = await TestCertificate.make();
  await using server = await startTestServer({ tls: tlsWith(made) });
  await using bob = await server.join("bob");
  await using program = sClient(server.tlsPort, made);
  await program.say('{"type":"hello","version":1,"nick":"bot","ref":1}');
  const [welcome = "{}"] = await program.until(/^/);
  const { type, name, ref } = JSON.parse(welcome);
  assertEquals({ type, name, ref }, { type: "welcome", name: "bot", ref: 1 });
  await program.say('{"type":"say","text":"beep","ref":2}');
  await program.until(/"type":"ok".*"ref":2|"ref":2.*"type":"ok"/);
  await bob.until("bot: beep");
});

Deno.test(overTls("TLS 1.1 is refused in its own words, and nobody hears of it"), async () => {
  await using made = await TestCertificate.make();
  await using server = await startTestServer({ tls: tlsWith(made) });
  await using bob = await server.join("bob");
  await using program = sClient(
    server.tlsPort,
    made,
    "-tls1_1",
    "-cipher",
    "DEFAULT@SECLEVEL=0",
  );
  const { lines, stderr, code } = await program.ended();
  assertEquals([lines, code], [[], 1]);
  assertMatch(stderr, /alert (?:protocol version|handshake failure)/);
  assertEquals(await bob.roundtrip(), []);
});

Deno.test(overTls("who knocks with the wrong thing is told which port is which"), async () => {
  await using made = await TestCertificate.make();
  await using server = await startTestServer({ tls: tlsWith(made) });
  // Plain text at the door for TLS, and the other way round.
  await using nc = await Guest.connect(server.tlsPort);
  nc.say("/nick ann");
  assertMatch((await nc.untilClosed()).join("\n"), /^-- This port speaks TLS: /);
  await using program = sClient(server.port, made);
  const { stderr, code } = await program.ended();
  assertEquals(code, 1);
  assertMatch(stderr, /wrong version number|packet length too long/);
});

Deno.test(overTls("curl --cacert reads the page over HTTPS, and believes no other"), async () => {
  await using made = await TestCertificate.make();
  await using other = await TestCertificate.make();
  await using server = await startTestServer({
    tls: tlsWith(made),
    web: { host: LOCAL, port: 0, isTls: true },
  });
  const url = `https://localhost:${server.webPort}/`;
  const curl = (certFile: string): Program =>
    new Program("curl", ["--silent", "--show-error", "--noproxy", "*", "--cacert", certFile, url]);
  await using trusting = curl(made.certFile);
  const { lines, code } = await trusting.ended();
  assertEquals(code, 0);
  assertStringIncludes(lines.join("\n"), "<title>");
  await using wary = curl(other.certFile);
  // CURLE_PEER_FAILED_VERIFICATION.
  assertEquals((await wary.ended()).code, 60);
});

Deno.test(
  overLanTls("passwords are taken over TLS from everywhere, in the clear from here"),
  async () => {
    assert(LAN !== undefined, "this machine has an address that is not loopback");
    await using made = await TestCertificate.make({ names: [LAN, LOCAL] });
    await using server = await startTestServer({
      host: "0.0.0.0",
      tls: tlsWith(made, "0.0.0.0"),
    });
    const conn = await Deno.connect({ hostname: LAN, port: server.port });
    conn.setNoDelay();
    await using plain = new Guest(conn);
    plain.say("/nick ann");
    await plain.until("-- You are now ann.");
    const [refused = ""] = await ask(plain, "/register ann-has-a-secret");
    assertMatch(refused, /^-- No password is taken here, /);
    plain.say("/quit");
    await plain.untilClosed();

    await using ann = await connectTls(server.tlsPort, made, LAN);
    ann.say("/nick ann");
    await ann.until("-- You are now ann.");
    ann.say("/register ann-has-a-secret");
    await ann.until("-- ann is yours now. From elsewhere: /login ann PASSWORD");
    ann.say("/quit");
    await ann.untilClosed();
    await using again = await connectTls(server.tlsPort, made, LAN);
    again.say("/login ann ann-has-a-secret");
    await again.until(/^-- You are logged in as ann/);
  },
);

/** Starts a server as people do, with a certificate. */
async function serve(made: TestCertificate, ...args: string[]): Promise<ServerProcess> {
  const { certFile, keyFile } = made;
  return await startProcess({
    args: ["--tls-cert", certFile, "--tls-key", keyFile, "--tls-port", "0", ...args],
  });
}

Deno.test(
  overLanTls("with a certificate --host is for TLS, and --plain-host for plain text"),
  async () => {
    assert(LAN !== undefined, "this machine has an address that is not loopback");
    await using made = await TestCertificate.make({ names: [LAN, LOCAL] });
    {
      await using server = await serve(made, "--host", "0.0.0.0");
      await using ann = await connectTls(server.portOf("TLS"), made, LAN);
      ann.say("/nick ann");
      await ann.until("-- You are now ann.");
      await using bob = await Guest.connect(server.port);
      bob.say("hello from here");
      await ann.until(/: hello from here$/);
      await assertRejects(
        () => Deno.connect({ hostname: LAN ?? "", port: server.port }),
        Deno.errors.ConnectionRefused,
      );
    }
    await using server = await serve(made, "--host", LAN, "--plain-host", LAN);
    const conn = await Deno.connect({ hostname: LAN, port: server.port });
    await using bob = new Guest(conn);
    await bob.roundtrip();
    await using ann = await connectTls(server.portOf("TLS"), made, LAN);
    await ann.roundtrip();
    await assertRejects(() => presentedOn(server.portOf("TLS")), Error, "ECONNREFUSED");
  },
);

Deno.test(
  overTls("a certificate is replaced twice under a room of five hundred, who miss nothing"),
  async () => {
    await using made = await TestCertificate.make();
    await using second = await TestCertificate.make();
    await using third = await TestCertificate.make();
    await using server = await startTestServer({ tls: tlsWith(made) });
    await using crowd = await Crowd.gather(server.tlsPort, made, { talkers: 5, all: 500 });
    crowd.talk();
    await crowd.talkOn(3);
    const stack = new AsyncDisposableStack();
    await using _late = stack;
    for (const [count, next] of [second, third].entries()) {
      server.replaceCertificate({ cert: next.cert, key: next.key });
      assertEquals(await presentedOn(server.tlsPort), next.fingerprint);
      // Who comes now trusts the new one alone, and hears the same.
      const late = stack.use(await joinTls(server.tlsPort, next, `late${count}`));
      await crowd.talkOn(3);
      await late.until(/^talker\d: line \d+$/);
      await assertRejects(() => connectTls(server.tlsPort, made), Deno.errors.InvalidData);
    }
    // One that does not fit changes nothing.
    assertThrows(
      () => server.replaceCertificate({ cert: made.cert, key: third.key }),
      UsageError,
      "The key does not belong to the certificate",
    );
    assertEquals(await presentedOn(server.tlsPort), third.fingerprint);
    await crowd.talkOn(3);
    await crowd.check();
    assertEquals(server.connections, 502);
  },
);
