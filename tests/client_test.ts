// The client as a process of its own, against a server that the test plays.
//
// What is tested: in a pipeline every byte of the input arrives, what comes out is
// what the server said and clean; `send` and `tail`; the exit codes, and that
// nothing hangs; in a terminal, which mode it chooses, what it remembers, and that
// the terminal is given back whatever ends it.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { commandOf } from "./fixtures/programs.ts";
import { startTestServer } from "./harness.ts";
import { lineOf, messageLine, nextRequest, welcomeLine } from "./client/conversations.ts";
import { ChatPeer } from "./terminal/chat_peer.ts";
import { type FakePeer, FakeServer, WAIT_MS } from "./terminal/fake_server.ts";
import { Terminal, WHY_NO_TMUX } from "./terminal/tmux.ts";

const CLIENT = commandOf("parley-client");
const ROOT = new URL("..", import.meta.url);

/** A client that runs; disposing it ends it. */
class RunningClient implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: Promise<void>;
  readonly #stderr: Promise<string>;
  #printed = "";
  #wake = Promise.withResolvers<void>();

  constructor(args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...CLIENT, ...args],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#stdout = this.#gather(this.#child.stdout);
    this.#stderr = new Response(this.#child.stderr).text();
  }

  async type(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    await deadline(this.#input.write(bytes), WAIT_MS);
  }

  async endInput(): Promise<void> {
    await this.#input.close();
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits until it has printed so many characters. */
  async printed(length: number): Promise<void> {
    await this.printedUntil((text) => text.length >= length);
  }

  /** Waits until what it has printed so far is enough. */
  async printedUntil(isEnough: (text: string) => boolean): Promise<void> {
    while (!isEnough(this.#printed)) await deadline(this.#wake.promise, WAIT_MS);
  }

  /** Waits for its end. */
  async result(): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code } = await deadline(this.#child.status, WAIT_MS);
    await this.#stdout;
    return { code, stdout: this.#printed, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await Promise.all([this.#stdout, this.#stderr]);
    try {
      await this.#input.close();
    } catch {
      // Closed before, or nobody reads it any more.
    }
  }

  async #gather(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#printed += decoder.decode(chunk, { stream: true });
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
  }
}

/** What a server says to whoever it lets in. */
const WELCOME = "-- Welcome to Parley. You are guest1 in #lobby, alone so far.\n";

/** Runs the client to its end without input. */
async function runClient(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using client = new RunningClient(args);
  await client.endInput();
  return await client.result();
}

Deno.test("client --help tells how to use it", async () => {
  const { code, stdout, stderr } = await runClient("--help");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "HOST[:PORT]");
  assertStringIncludes(stdout, "--nick NAME");
});

Deno.test("client --version tells its version", async () => {
  const { code, stdout } = await runClient("--version");
  assertEquals(code, 0);
  assertMatch(stdout, /^parley \d+\.\d+\.\d+\n$/);
});

Deno.test("client refuses wrong usage in one line with exit code 2", async (t) => {
  const cases: readonly [args: string[], mentions: string][] = [
    [["--bogus"], "--bogus"],
    [["-x"], "-x"],
    [["a", "b"], "One server"],
    [["host:99999"], "host:99999"],
    [["http://host"], "http://host"],
    [["--nick"], "--nick"],
    [["--nick", "two words"], "two words"],
    [["--nick", "a\n/quit"], "--nick"],
    [["--nick", "a", "--nick", "b"], "One --nick"],
    [["--json"], "--json"],
    [["--inline", "--plain"], "One of --inline and --plain"],
    [["--theme", "pink"], "pink"],
    [["--bell", "loud"], "loud"],
    [["--bell", "off", "--bell", "all"], "One --bell"],
    [["--password-file", "/no/such/file"], "--password-file"],
    [["send"], "server"],
    [["send", "host"], "room"],
    [["send", "host", "dev", "hi"], "dev"],
    [["send", "host", "#", "hi"], "#"],
    [["send", "host", "#dev", "two", "texts"], "one text"],
    [["send", "host", "#dev", " "], "nothing to say"],
    [["send", "host", "#dev"], "nothing to say"],
    [["send", "host", "#dev", "hi", "--json"], "--json"],
    [["send", "host", "#dev", "hi", "--password-file", "/no/such/file"], "--password-file"],
    [["tail", "host"], "room"],
    [["tail", "host", "#dev", "--lines", "many"], "--lines"],
    [["tail", "host", "#dev", "--lines", "100000"], "--lines"],
  ];
  for (const [args, mentions] of cases) {
    await t.step(args.join(" "), async () => {
      const { code, stdout, stderr } = await runClient(...args);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^[^\n]+\n$/);
      assertStringIncludes(stderr, mentions);
    });
  }
});

Deno.test("client tells in one line that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const host of ["127.0.0.1", "localhost"]) {
    const { code, stdout, stderr } = await runClient(`${host}:${port}`);
    assertEquals([code, stdout], [1, ""]);
    assertEquals(
      stderr,
      `Cannot connect to ${host}:${port}: connection refused. Is a server running there?\n`,
    );
  }
});

Deno.test("client finds a server on localhost that listens on 127.0.0.1", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([`localhost:${server.port}`]);
  const peer = await server.accept();
  await peer.say(WELCOME);
  await client.endInput();
  await peer.end();
  await peer.close();
  assertEquals((await client.result()).code, 0);
});

Deno.test("client posts what is piped into it, and prints the answers", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([server.address, "--nick", "ci"]);
  const peer = await server.accept();
  await client.type("hello\n");
  assertEquals(await peer.line(), "/nick ci");
  assertEquals(await peer.line(), "hello");
  await peer.say(WELCOME);
  await client.endInput();
  await peer.end();
  await peer.say("ann: last words\nbob: without end");
  await peer.close();
  assertEquals(await client.result(), {
    code: 0,
    stdout: WELCOME + "ann: last words\nbob: without end\n",
    stderr: "",
  });
});

Deno.test("client sends every byte of its input, and takes no more than the server does", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([server.address]);
  const peer = await server.accept();
  const resumed = Promise.withResolvers<void>();
  peer.pauseUntil(resumed.promise);
  const chunk = new Uint8Array(1024 * 1024);
  for (let index = 0; index < chunk.length; index++) chunk[index] = Math.imul(index, 40503) >>> 7;

  // The server does not read: the input must come to a stop, well before it fills the memory.
  let typed = 0;
  let typing: Promise<void>;
  do {
    assert(typed < 64, "the client swallowed 64 MiB that nobody took");
    typing = client.type(chunk);
    typed++;
  } while (await settlesWithin(typing, 500));

  resumed.resolve();
  await typing;
  await client.endInput();
  const received = await peer.end();
  await peer.say(WELCOME);
  assertEquals(received.length, typed * chunk.length);
  assert(received.every((byte, index) => byte === chunk[index % chunk.length]), "bytes differ");
  await peer.close();
  assertEquals((await client.result()).code, 0);
});

Deno.test("client prints exactly what the server says, cleaned, without colours", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([server.address]);
  const peer = await server.accept();
  await client.endInput();
  await peer.say("ann: \x1b[31mred\x07\r\n\n-- \u{1f600} gr\u00fc\u00df\u202e dich\n");
  await peer.sayBytes(Uint8Array.of(0xff, 0x0a));
  await peer.close();
  assertEquals(
    (await client.result()).stdout,
    "ann: red\n\n-- \u{1f600} gr\u00fc\u00df dich\n\ufffd\n",
  );
});

Deno.test("client fails when the server closes before the input ends", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([server.address]);
  const peer = await server.accept();
  await client.type("hello\n");
  await peer.line();
  await peer.say("-- Goodbye: the server is shutting down.\n");
  await peer.close();
  assertEquals(await client.result(), {
    code: 1,
    stdout: "-- Goodbye: the server is shutting down.\n",
    stderr: `Connection to ${server.address} lost.\n`,
  });
});

Deno.test("client that is turned away in one line has not said what it was to say", async () => {
  await using server = await startTestServer({ connectionsMax: 1 });
  await using _ann = await server.join("ann");
  await using client = new RunningClient([`127.0.0.1:${server.port}`]);
  await client.type("hello\n");
  await client.endInput();
  const { code, stdout } = await client.result();
  assertEquals([code, stdout], [1, "-- Parley is full. Try again later.\n"]);
});

Deno.test("client ends well when its input asked to leave and stays open", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([server.address]);
  const peer = await server.accept();
  await client.type("/quit\n");
  await peer.line();
  await peer.say(`${WELCOME}-- Goodbye.\n`);
  await peer.close();
  assertEquals(await client.result(), { code: 0, stdout: `${WELCOME}-- Goodbye.\n`, stderr: "" });
});

Deno.test("client posts to a real server under its name, and prints what was said before", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  ann.say("earlier");
  await ann.roundtrip();
  await using client = new RunningClient([`127.0.0.1:${server.port}`, "--nick", "ci"]);
  await client.type("the build is green\n");
  await client.endInput();
  const { code, stdout, stderr } = await client.result();
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^-- Welcome .*\n-- Just .*\n\[\d\d:\d\d\] ann: earlier\n-- You are now ci\.\n$/,
  );
  await ann.until("-- guest1 is now ci.");
  await ann.expect("ci: the build is green");
  await ann.expect("-- ci left.");
});

Deno.test("client comes in with the server's password, and fails without it", async () => {
  await using server = await startTestServer({ password: "open sesame" });
  const question = "-- This server asks for its password. Type it, and then Enter:\n";
  for (
    const [input, isIn] of [["open sesame\nhi\n", true], ["hi\n", false], ["", false]] as const
  ) {
    await using client = new RunningClient([`127.0.0.1:${server.port}`, "--nick", "ci"]);
    await client.type(input);
    await client.endInput();
    const { code, stdout, stderr } = await client.result();
    assertEquals([code, stderr, stdout.startsWith(question)], [isIn ? 0 : 1, "", true]);
    assertEquals(stdout.endsWith("-- You are now ci.\n"), isIn);
  }
});

Deno.test("client fails when it is sent away", async () => {
  await using server = await startTestServer({ operators: ["ann"] });
  await using ann = await server.join("ann");
  ann.say("/register tr0ub4dor-of-ann");
  await ann.until(/^-- ann is yours now/);
  await using client = new RunningClient([`127.0.0.1:${server.port}`, "--nick", "ci"]);
  await ann.until("-- guest1 is now ci.");
  ann.say("/kick server ci Enough.");
  const { code, stdout, stderr } = await client.result();
  assertEquals([code, stderr], [1, `Connection to 127.0.0.1:${server.port} lost.\n`]);
  assertMatch(stdout, /\n-- Goodbye\. You were removed by ann: Enough\.\n$/);
});

Deno.test("client ends quietly when nobody reads its output", async () => {
  await using server = new FakeServer();
  // The shell's `head` takes one line and goes.
  const shell = new Deno.Command("sh", {
    args: [
      "-c",
      '{ "$0" "$@"; echo "code $?" >&2; } | head -n 1',
      Deno.execPath(),
      ...CLIENT,
      server.address,
    ],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = shell.output();
  const peer = await server.accept();
  await peer.say("-- first\n");
  const talk = (async () => {
    // Some of these are written when `head` is still there, and that is fine.
    for (let count = 0; count < 100_000; count++) await peer.say(`-- line ${count}\n`);
  })().catch(() => {});
  await peer.end();
  await peer.close();
  await talk;
  const { stdout, stderr } = await deadline(output, WAIT_MS);
  assertEquals(new TextDecoder().decode(stdout), "-- first\n");
  assertEquals(new TextDecoder().decode(stderr), "code 0\n");
  await shell.stdin.close();
});

Deno.test("client ends at once on a signal, with its code", async () => {
  await using server = new FakeServer();
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    await using client = new RunningClient([server.address, "--nick", "kim"]);
    const peer = await server.accept();
    await peer.line();
    client.kill(signal);
    assertEquals(await client.result(), { code, stdout: "", stderr: "" });
  }
});

/** Lets a client in that wants to send, and takes its message. */
async function takeMessage(
  server: FakeServer,
): Promise<{ peer: FakePeer; ref: unknown; text: unknown }> {
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say(welcomeLine({ token: null }));
  await peer.say(lineOf({ type: "ok", ref: (await nextRequest(peer))["ref"] }));
  const { ref, text } = await nextRequest(peer);
  return { peer, ref, text };
}

Deno.test("client send says its text, or what it reads, as one message", async (t) => {
  const cases: readonly [args: string[], input: string, text: string][] = [
    [["the build is green"], "", "the build is green"],
    [[], "one\r\ntwo\n\n", "one\ntwo"],
    [["-"], "  gr\u00fc\u00df dich", "  gr\u00fc\u00df dich"],
  ];
  for (const [args, input, said] of cases) {
    await t.step(JSON.stringify([args, input]), async () => {
      await using server = new FakeServer();
      await using client = new RunningClient(["send", server.address, "#dev", ...args]);
      await client.type(input);
      await client.endInput();
      const { peer, ref, text } = await takeMessage(server);
      assertEquals(text, said);
      await peer.say(lineOf({ type: "ok", ref, id: 1, atMs: 1 }));
      assertEquals((await nextRequest(peer))["type"], "quit");
      await peer.close();
      assertEquals(await client.result(), { code: 0, stdout: "", stderr: "" });
    });
  }
});

Deno.test("client send tells by its exit code what became of the message", async (t) => {
  await t.step("refused", async () => {
    await using server = new FakeServer();
    await using client = new RunningClient(["send", server.address, "#dev", "hi"]);
    const { peer, ref } = await takeMessage(server);
    await peer.say(lineOf({ type: "refused", ref, code: "muted", text: "You are muted." }));
    await nextRequest(peer);
    await peer.close();
    assertEquals(await client.result(), {
      code: 3,
      stdout: "",
      stderr: "Refused (muted): You are muted.\n",
    });
  });
  await t.step("lost", async () => {
    await using server = new FakeServer();
    await using client = new RunningClient(["send", server.address, "#dev", "hi"]);
    const { peer } = await takeMessage(server);
    await peer.close();
    const { code, stderr } = await client.result();
    assertEquals(code, 1);
    assertMatch(stderr, /^[^\n]*nobody knows whether that was done\.\n$/);
  });
  await t.step("too long", async () => {
    await using server = new FakeServer();
    await using client = new RunningClient(["send", server.address, "#dev"]);
    await client.type("x".repeat(10_000));
    await client.endInput();
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(welcomeLine({ token: null }));
    await peer.say(lineOf({ type: "ok", ref: (await nextRequest(peer))["ref"] }));
    assertEquals((await nextRequest(peer))["type"], "quit");
    await peer.close();
    const { code, stderr } = await client.result();
    assertEquals([code, stderr], [3, "Refused (too-long): That is too long for one message.\n"]);
  });
});

Deno.test("client tail prints for people or programs, and ends well on SIGINT", async (t) => {
  const atMs = new Date(2026, 10, 22, 14, 2, 11).getTime();
  const event = JSON.parse(messageLine(5, "one\ntwo")) as Record<string, unknown>;
  const said = { ...event, atMs, room: "#dev" };
  const cases: readonly [args: string[], stdout: string][] = [
    [
      [],
      "2026-11-22 14:02:11 #dev bob: one\n2026-11-22 14:02:11 #dev bob: two\n",
    ],
    [["--json"], `${JSON.stringify(said)}\n`],
  ];
  for (const [args, stdout] of cases) {
    await t.step(args.join(" "), async () => {
      await using server = new FakeServer();
      await using client = new RunningClient(["tail", server.address, "#dev", ...args]);
      const peer = await server.accept();
      await nextRequest(peer);
      await peer.say(welcomeLine());
      await peer.say(lineOf({ type: "ok", ref: (await nextRequest(peer))["ref"] }));
      await peer.say(lineOf(said));
      await client.printed(stdout.length);
      client.kill("SIGINT");
      assertEquals((await nextRequest(peer))["type"], "quit");
      await peer.close();
      assertEquals(await client.result(), { code: 0, stdout, stderr: "" });
    });
  }
});

Deno.test("client send and tail work with a real server", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  const address = `127.0.0.1:${server.port}`;
  for (const text of ["first", "one\ntwo"]) {
    const sent = await runClient("send", address, "#lobby", text, "--nick", "ci");
    assertEquals(sent, { code: 0, stdout: "", stderr: "" });
  }
  await ann.until(/^ci: two$|^ci: one$/);
  await using client = new RunningClient(["tail", address, "#lobby", "--lines", "5", "--json"]);
  await client.printed(2);
  ann.say("third");
  const texts = (text: string): string[] =>
    text.split("\n").slice(0, -1).map((line) => (JSON.parse(line) as { text: string }).text);
  await client.printedUntil((text) => texts(text).includes("third"));
  client.kill("SIGINT");
  const { code, stdout, stderr } = await client.result();
  assertEquals([code, stderr], [0, ""]);
  assertEquals(texts(stdout), ["first", "one\ntwo", "third"]);
  await ann.until(/left\.$/);
});

/** A test of the client in a real terminal. */
function testInTerminal(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    fn: run,
  });
}

/** Lets a client in as kim, and waits until it shows that. */
async function welcomed(server: FakeServer, terminal: Terminal): Promise<ChatPeer> {
  const peer = await ChatPeer.accept(server);
  await peer.welcome("kim", ["ann"]);
  await terminal.waitFor("You are kim in #lobby");
  return peer;
}

testInTerminal("client has the whole screen, unless it is told otherwise", async (t) => {
  const cases: readonly [args: string[], env: Record<string, string>, isWhole: boolean][] = [
    [[], {}, true],
    [["--theme", "light", "--bell", "off"], {}, true],
    [["--inline"], {}, false],
    [["--plain"], {}, false],
    [[], { TERM: "dumb" }, false],
    [["--inline"], { TERM: "dumb" }, false],
  ];
  for (const [args, env, isWhole] of cases) {
    await t.step(JSON.stringify([args, env]), async () => {
      await using server = new FakeServer();
      await using terminal = await Terminal.start({
        columns: 90,
        args: [server.address, "--no-settings", "--nick", "kim", ...args],
        env,
      });
      await welcomed(server, terminal);
      assertEquals(await terminal.isOnAlternateScreen(), isWhole);
    });
  }
});

testInTerminal("client gives the terminal back whatever ends it", async (t) => {
  const ends: readonly [signal: Deno.Signal, end: string][] = [
    ["SIGHUP", "code 129"],
    ["SIGINT", "code 130"],
    ["SIGTERM", "code 143"],
    ["SIGUSR1", "Client failed: thrown as it was told to.\ncode 1"],
    ["SIGUSR2", "Client failed: rejected as it was told to.\ncode 1"],
  ];
  for (const mode of [[], ["--inline"], ["--plain"]]) {
    for (const [signal, end] of ends) {
      await t.step(`${mode.join(" ")} ${signal}`, async () => {
        await using server = new FakeServer();
        await using terminal = await Terminal.start({
          columns: 90,
          args: [server.address, "--no-settings", "--nick", "kim", ...mode],
          script: "tests/fixtures/failing_client.ts",
        });
        await welcomed(server, terminal);
        Deno.kill(await terminal.clientPid(), signal);
        await terminal.waitForEnd(`${end}\nrestored\n$`);
        assert(!await terminal.isOnAlternateScreen());
      });
    }
  }
});

testInTerminal("client comes back to its screen from Ctrl-Z", async () => {
  await using server = new FakeServer();
  await using terminal = await Terminal.start({
    columns: 90,
    args: [server.address, "--no-settings", "--nick", "kim"],
  });
  const peer = await welcomed(server, terminal);
  await terminal.type("half");
  await terminal.waitFor("kim> half");
  await terminal.keys("C-z");
  await terminal.waitFor("code 148");
  assert(!await terminal.isOnAlternateScreen());
  await peer.said("ann", "meanwhile");
  await terminal.type("fg");
  await terminal.keys("Enter");
  await terminal.waitFor("ann: meanwhile");
  await terminal.waitFor("kim> half");
  assert(await terminal.isOnAlternateScreen());
});

testInTerminal("client tells in one line why there is no chat", async (t) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const mode of [[], ["--inline"], ["--plain"]]) {
    await t.step(mode.join(" "), async () => {
      await using terminal = await Terminal.start({
        columns: 100,
        args: [`127.0.0.1:${port}`, "--no-settings", ...mode],
      });
      await terminal.waitForEnd(
        `Cannot connect to 127.0.0.1:${port}: connection refused. Is a server running there?\n` +
          "code 1\nrestored\n$",
      );
    });
  }
});

testInTerminal("client takes the server's password from a file", async () => {
  await using server = new FakeServer();
  const path = await Deno.makeTempFile({ prefix: "parley-password-" });
  try {
    await Deno.writeTextFile(path, "open sesame\nnot this\n");
    const args = ["--no-settings", "--nick", "kim", "--inline", "--password-file", path];
    await using terminal = await Terminal.start({ args: [server.address, ...args] });
    const peer = await welcomed(server, terminal);
    assertEquals(peer.hello["password"], "open sesame");
  } finally {
    await Deno.remove(path);
  }
});

testInTerminal("client remembers its name and its session, for its owner alone", async (t) => {
  // Where settings are kept goes by a variable on these systems only.
  if (Deno.build.os === "darwin") return;
  for (const mode of ["--inline", "--plain"]) {
    await t.step(mode, async () => {
      await using server = await startTestServer();
      await using ann = await server.join("ann");
      const folder = await Deno.makeTempDir({ prefix: "parley-settings-" });
      const options = {
        columns: 90,
        args: [`127.0.0.1:${server.port}`, mode],
        env: { XDG_CONFIG_HOME: folder },
      };
      try {
        {
          await using terminal = await Terminal.start({
            ...options,
            args: [...options.args, "--nick", "kim"],
          });
          await ann.until("-- kim joined.");
          await terminal.waitFor("You are kim in #lobby");
          await terminal.type("/bell all");
          await terminal.keys("Enter");
          await terminal.waitFor("/bell is all from now on.");
          Deno.kill(await terminal.clientPid(), "SIGTERM");
          await terminal.waitFor("code 143\nrestored");
        }
        const path = `${folder}/parley/client.json`;
        assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
        const kept = Object.values(JSON.parse(await Deno.readTextFile(path)) as object);
        assertEquals(kept.map(({ nick, bell }) => ({ nick, bell })), [{
          nick: "kim",
          bell: "all",
        }]);
        ann.say("meanwhile");
        {
          await using terminal = await Terminal.start(options);
          await terminal.waitFor("ann: meanwhile");
          await terminal.type("back");
          await terminal.keys("Enter");
          // Nobody has seen kim go, or come.
          assertEquals(await ann.until("kim: back"), ["kim: back"]);
          await terminal.type("/quit");
          await terminal.keys("Enter");
          await terminal.waitFor("code 0\nrestored");
        }
        await ann.until("-- kim left.");
        const [last] = Object.values(JSON.parse(await Deno.readTextFile(path)) as object);
        assertEquals([last.nick, last.session], ["kim", null]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
});

/** Whether a promise settles in time; it is still to be awaited. */
async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const isInTime = false;
  const timer = setTimeout(() => late.resolve(isInTime), ms);
  try {
    return await Promise.race([promise.then(() => !isInTime), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
