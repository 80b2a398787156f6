// The client in a pipeline, as a process of its own against a server that the test plays.
//
// What is tested: every byte of the input arrives, what comes out is what the
// server said and clean, the exit codes, and that nothing hangs.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { commandOf } from "./fixtures/programs.ts";
import { startTestServer } from "./harness.ts";
import { FakeServer, WAIT_MS } from "./terminal/fake_server.ts";

const CLIENT = commandOf("parley-client");
const ROOT = new URL("..", import.meta.url);

/** A client that runs; disposing it ends it. */
class RunningClient implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: Promise<string>;
  readonly #stderr: Promise<string>;

  constructor(args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...CLIENT, ...args],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#stdout = new Response(this.#child.stdout).text();
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

  /** Waits for its end. */
  async result(): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code } = await deadline(this.#child.status, WAIT_MS);
    return { code, stdout: await this.#stdout, stderr: await this.#stderr };
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
}

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
  await peer.say("-- Welcome.\n");
  await client.endInput();
  await peer.end();
  await peer.say("ann: last words\nbob: without end");
  await peer.close();
  assertEquals(await client.result(), {
    code: 0,
    stdout: "-- Welcome.\nann: last words\nbob: without end\n",
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

Deno.test("client ends well when its input asked to leave and stays open", async () => {
  await using server = new FakeServer();
  await using client = new RunningClient([server.address]);
  const peer = await server.accept();
  await client.type("/quit\n");
  await peer.line();
  await peer.say("-- Goodbye.\n");
  await peer.close();
  assertEquals(await client.result(), { code: 0, stdout: "-- Goodbye.\n", stderr: "" });
});

Deno.test("client posts to a real server under its name, and prints what was said before", async () => {
  await using server = startTestServer();
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
  await using server = startTestServer({ password: "open sesame" });
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
  await using server = startTestServer({ operators: ["ann"] });
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
