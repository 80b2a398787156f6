// The client as a process of its own over TLS, in each of its modes: what it says at the
// first visit, at the next one and where the certificate has changed, what it remembers,
// and its exit codes.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { commandOf } from "../fixtures/programs.ts";
import { overTls, TestCertificate } from "../fixtures/certificates.ts";
import { ChatPeer } from "../terminal/chat_peer.ts";
import { FakeServer, WAIT_MS } from "../terminal/fake_server.ts";
import { Terminal, WHY_NO_TMUX } from "../terminal/tmux.ts";
import { TestAuthority, TlsFront } from "./tls_front.ts";

const ROOT = new URL("../..", import.meta.url);

/** Where the client keeps what it remembers, for one test. */
class Home implements AsyncDisposable {
  /** The folder of all configurations. */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Home> {
    return new Home(await Deno.makeTempDir({ prefix: "parley-tls-modes-" }));
  }

  /** Runs the client to its end. */
  async run(
    args: readonly string[],
    options: { readonly input?: string; readonly flags?: readonly string[] } = {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const [run = "", ...command] = commandOf("parley-client");
    const child = new Deno.Command(Deno.execPath(), {
      args: [run, ...options.flags ?? [], ...command, ...args],
      cwd: ROOT,
      env: { XDG_CONFIG_HOME: this.folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(options.input ?? ""));
    await input.close();
    const { code, stdout, stderr } = await deadline(child.output(), WAIT_MS);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** What is remembered. */
  async settings(): Promise<Record<string, Record<string, unknown>>> {
    return JSON.parse(await Deno.readTextFile(`${this.folder}/parley/client.json`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A server over TLS, a certificate of its own and another one, and a home for its clients. */
interface Stage extends AsyncDisposable {
  readonly home: Home;
  readonly server: FakeServer;
  readonly front: TlsFront;
  readonly certificate: TestCertificate;
  readonly other: TestCertificate;
}

async function setStage(): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(await Home.make());
  const certificate = stack.use(await TestCertificate.make());
  const other = stack.use(await TestCertificate.make());
  const server = stack.use(new FakeServer());
  const front = stack.use(await TlsFront.start(certificate, server.port));
  const all = stack.move();
  return {
    ...{ home, server, front, certificate, other },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Takes one client that sends something, and lets it go. */
async function takeSender(server: FakeServer): Promise<string> {
  const peer = await ChatPeer.accept(server);
  await peer.welcome("kim", []);
  assertEquals(await peer.take(), "/join #dev");
  const text = await peer.take();
  await peer.request();
  await peer.goodbye();
  return text;
}

Deno.test({
  ...overTls("client send trusts a certificate on first use, and then no other one"),
  async fn(): Promise<void> {
    await using stage = await setStage();
    const { home, front, server, certificate, other } = stage;
    const send = (...flags: string[]): ReturnType<Home["run"]> =>
      home.run(["send", front.address, "#dev", "hi", ...flags]);

    const [text, first] = await Promise.all([takeSender(server), send()]);
    assertEquals([text, first.code, first.stdout], ["hi", 0, ""]);
    assertMatch(first.stderr, /^No authority vouches for [^\n]+\n$/);
    assertStringIncludes(first.stderr, certificate.fingerprint);
    assertEquals(await home.settings(), { [front.address]: { proof: certificate.fingerprint } });

    const [, second] = await Promise.all([takeSender(server), send()]);
    assertEquals([second.code, second.stderr], [0, ""]);

    front.replace(other);
    const { received } = front;
    const changed = await send();
    assertEquals([changed.code, changed.stdout], [3, ""]);
    assertMatch(changed.stderr, /^WARNING: /);
    for (const { fingerprint } of [certificate, other]) {
      assertStringIncludes(changed.stderr, `  ${fingerprint}`);
    }
    assertEquals(front.received, received);

    const accepting = send("--fingerprint", other.fingerprint.toLowerCase());
    assertEquals((await Promise.all([takeSender(server), accepting]))[1].code, 0);
    const [, last] = await Promise.all([takeSender(server), send()]);
    assertEquals([last.code, last.stderr], [0, ""]);
  },
});

Deno.test({
  ...overTls("client without settings trusts no certificate on first use, and says what to do"),
  async fn(): Promise<void> {
    await using stage = await setStage();
    const { home, front, certificate } = stage;
    const cases: readonly (readonly string[])[] = [
      ["send", front.address, "#dev", "hi"],
      ["tail", front.address, "#dev"],
      [front.address],
    ];
    for (const args of cases) {
      const { code, stdout, stderr } = await home.run([...args, "--no-settings"]);
      assertEquals([code, stdout], [3, ""]);
      assertStringIncludes(stderr, `--fingerprint ${certificate.fingerprint}`);
    }
    assertEquals(front.received, 0);
    assertEquals([...Deno.readDirSync(home.folder)], []);
  },
});

Deno.test({
  ...overTls("client tail and a pipe tell a new certificate on standard error only"),
  async fn(): Promise<void> {
    await using stage = await setStage();
    const { home, front, server, certificate } = stage;
    const tailing = home.run(["tail", front.address, "#lobby", "--once", "--nick", "kim"]);
    const peer = await ChatPeer.accept(server);
    await peer.welcome("kim", []);
    assertEquals(await peer.take(), "/join #lobby");
    await peer.said("ann", "hello");
    await peer.raw.close();
    const tailed = await tailing;
    assertMatch(tailed.stdout, /^\S+ \S+ #lobby ann: hello\n$/);
    assertStringIncludes(tailed.stderr, certificate.fingerprint);

    await Deno.remove(`${home.folder}/parley`, { recursive: true });
    const { port } = front;
    const piping = home.run(["--tls", `127.0.0.1:${port}`, "--nick", "ci"], { input: "hi\n" });
    const reader = await server.accept();
    assertEquals([await reader.line(), await reader.line()], ["/nick ci", "hi"]);
    await reader.end();
    const said = "-- Welcome to Parley. You are ci in #lobby, alone so far.\n-- Goodbye.\n";
    await reader.say(said);
    await reader.close();
    const piped = await piping;
    assertEquals([piped.code, piped.stdout], [0, said]);
    assertStringIncludes(piped.stderr, certificate.fingerprint);
    assertEquals(Object.keys(await home.settings()), [`tls://127.0.0.1:${port}`]);
  },
});

Deno.test("client trusts the authorities of the runtime, and remembers that one vouched", async () => {
  const authority = await TestAuthority.make();
  await using home = await Home.make();
  await using server = new FakeServer();
  await using front = await TlsFront.start(await authority.issue(), server.port);
  const caFile = `${home.folder}/ca.pem`;
  await Deno.writeTextFile(caFile, authority.cert);
  const args = ["send", front.address, "#dev", "hi"];
  const byRuntime = home.run(args, { flags: ["--cert", caFile] });
  const [, known] = await Promise.all([takeSender(server), byRuntime]);
  assertEquals([known.code, known.stderr], [0, ""]);
  assertEquals(await home.settings(), { [front.address]: { proof: "authority" } });

  // Now nobody vouches for it any more.
  const { code, stderr } = await home.run(args);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "an authority vouched for its certificate");

  const byFile = home.run([...args, "--ca", caFile, "--no-settings"]);
  const [, vouched] = await Promise.all([takeSender(server), byFile]);
  assertEquals([vouched.code, vouched.stderr], [0, ""]);
});

for (const mode of [[], ["--inline"], ["--plain"]]) {
  const name =
    `client in a terminal (${mode.join(" ") || "whole screen"}) shows a new certificate, ` +
    "and leaves a server whose certificate has changed";
  const settings = overTls(name);
  Deno.test({
    name: WHY_NO_TMUX === null ? settings.name : `${name} (${WHY_NO_TMUX})`,
    ignore: settings.ignore || WHY_NO_TMUX !== null,
    async fn(): Promise<void> {
      await using stage = await setStage();
      const { home, front, server, certificate, other } = stage;
      await using terminal = await Terminal.start({
        columns: 120,
        rows: 30,
        args: [front.address, "--nick", "kim", ...mode],
        env: { XDG_CONFIG_HOME: home.folder },
      });
      const peer = await ChatPeer.accept(server);
      await peer.welcome("kim", ["ann"]);
      await peer.said("ann", "hello");
      await terminal.waitFor("hello");
      // Such a line is wrapped wherever it has to be.
      const shown = (await terminal.screen()).replaceAll(/\s+/g, "");
      assertStringIncludes(shown, certificate.fingerprint);

      front.replace(other);
      front.cut();
      await terminal.waitForEnd("code 3\nrestored\n$");
      const screen = await terminal.screen();
      for (
        const part of ["WARNING", certificate.fingerprint, `--fingerprint ${other.fingerprint}`]
      ) {
        assertStringIncludes(screen, part);
      }
      assert(!await terminal.isOnAlternateScreen());
      const [address, ...more] = Object.keys(await home.settings());
      assertEquals([address, more], [front.address, []]);
      const { proof, session } = (await home.settings())[front.address] ?? {};
      assertEquals(proof, certificate.fingerprint);
      // Whoever comes back to the same server goes on.
      assertEquals((session as { token?: unknown }).token, "t1");
    },
  });
}

Deno.test("client refuses wrong usage of what is for TLS in one line with exit code 2", async (t) => {
  await using home = await Home.make();
  const noCert = `${home.folder}/key.pem`;
  await Deno.writeTextFile(noCert, "-----BEGIN PRIVATE KEY-----\n");
  const fingerprint = "ab".repeat(32);
  const cases: readonly [args: readonly string[], mentions: string][] = [
    [["--fingerprint", "abc"], "--fingerprint"],
    [["--fingerprint"], "--fingerprint"],
    [["--fingerprint", fingerprint, "--fingerprint", fingerprint], "One --fingerprint"],
    [["--fingerprint", fingerprint, "--ca", noCert], "One of"],
    [["--ca", `${home.folder}/none.pem`], "none.pem"],
    [["--ca", noCert], "no certificate"],
    [["send", "host", "#dev", "hi", "--ca", noCert], "no certificate"],
    [["tail", "host", "#dev", "--fingerprint", "abc"], "--fingerprint"],
    [["tls://"], "tls://"],
  ];
  for (const [args, mentions] of cases) {
    await t.step(args.join(" "), async () => {
      const { code, stdout, stderr } = await home.run(args);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^[^\n]+\n$/);
      assertStringIncludes(stderr, mentions);
    });
  }
});
