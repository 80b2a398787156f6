// The two executables: that their settings are right, which can be tested anywhere, and that they
// talk to each other, which needs the base binary that Deno puts a program behind.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { compile, type Program, PROGRAMS, whyNoBase } from "../.ci/compile.ts";

/** Longest wait for a download of the base binary. */
const DOWNLOAD_MS_MAX = 60_000;
/** Longest wait for anything else. */
const WAIT_MS = 30_000;

const WHY_NO_BASE = Deno.env.has("DENORT_BIN") ? null : await findWhyNoBase();

for (const program of PROGRAMS) {
  Deno.test(`compile puts the rights of its task into ${program.name}`, async () => {
    await using folder = await makeTempFolder();
    const base = Deno.build.os === "linux" ? "/bin/true" : Deno.execPath();
    const outcome = await compile(program, { folder: folder.path, base });
    assertEquals(outcome.type, "made", outcome.type === "made" ? "" : outcome.why);
    const executable = new TextDecoder("latin1").decode(await Deno.readFile(outcome.path));
    for (const setting of bakedSettings(program)) assertStringIncludes(executable, setting);
  });
}

Deno.test({
  name: WHY_NO_BASE === null
    ? "executables talk to each other"
    : `executables talk to each other (ignored: no base binary: ${WHY_NO_BASE})`,
  ignore: WHY_NO_BASE !== null,
}, async () => {
  await using folder = await makeTempFolder();
  const [serverPath, clientPath] = await makeBoth(folder.path);

  await using server = new Running(serverPath, ["--port", "0"]);
  const [, port] = await server.match(/ listens on 127\.0\.0\.1:(\d+)\.\n/);
  await using bob = new Running(clientPath, [`127.0.0.1:${port}`, "--nick", "bob"]);
  await bob.match(/-- You are now bob\.\n/);
  await using ann = new Running(clientPath, [`127.0.0.1:${port}`, "--nick", "ann"]);
  await ann.type("hello\n");

  assertEquals(await ann.end(), 0, ann.output);
  await bob.match(/^ann: hello\n/m);
  assertEquals(await bob.end(), 0, bob.output);
  // Windows has no signal that asks a process to end.
  if (Deno.build.os !== "windows") assertEquals(await server.stop(), 0, server.output);
});

async function makeBoth(folder: string): Promise<[server: string, client: string]> {
  const [server, client] = await Promise.all(PROGRAMS.map(async (program) => {
    const outcome = await compile(program, { folder });
    if (outcome.type !== "made") throw new Error(`${outcome.path}: ${outcome.why}`);
    return outcome.path;
  }));
  if (server === undefined || client === undefined) throw new Error("There are two programs");
  return [server, client];
}

/** What an executable's settings must hold, as `deno compile` writes them into it. */
function bakedSettings({ flags }: Program): string[] {
  const rights = new Map(
    ["env", "net", "ffi", "read", "run", "sys", "write"].map((name) => [name, "null"]),
  );
  const settings: string[] = [];
  for (const flag of flags) {
    const [, right, values] = /^--allow-(\w+)(?:=(.*))?$/.exec(flag) ?? [];
    if (right !== undefined) rights.set(right, JSON.stringify(values?.split(",") ?? []));
    else if (flag.startsWith("--v8-flags=")) settings.push(flag.slice("--v8-flags=".length));
    else settings.push(flag === "--no-prompt" ? '"prompt":false' : `(unknown flag ${flag})`);
  }
  return [...settings, ...Array.from(rights, ([name, values]) => `"allow_${name}":${values},`)];
}

/**
 * Tries whether there is a base binary, with a program of one line.
 *
 * @returns The reason, or `null` where there is one or where the reason is no
 * lack of it: then the test itself fails and says more.
 */
async function findWhyNoBase(): Promise<string | null> {
  await using folder = await makeTempFolder();
  await Deno.writeTextFile(`${folder.path}/one_line.ts`, "Deno.exit(0);\n");
  const { stderr, signal } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--no-config", "--no-check", "--output", "one_line", "one_line.ts"],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(DOWNLOAD_MS_MAX),
  }).output();
  if (signal !== null) return `not downloaded within ${DOWNLOAD_MS_MAX / 1000} s`;
  return whyNoBase(new TextDecoder().decode(stderr));
}

/** A folder that is gone after the test. */
async function makeTempFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "parley-compile-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** A program that runs; disposing it ends it. */
class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #onOutput: () => void = () => {};
  #isInputClosed = false;
  #isSilent = false;
  /** Whatever it printed so far. */
  output = "";

  constructor(path: string, args: readonly string[]) {
    this.#child = new Deno.Command(path, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const { stdout, stderr } = this.#child;
    this.#reading = Promise.all([this.#read(stdout), this.#read(stderr)]).then(() => {
      this.#isSilent = true;
      this.#onOutput();
    });
  }

  /** Waits for output. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    const start = Date.now();
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (this.#isSilent) throw new Error(`Awaited ${pattern}, it ended with: ${this.output}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onOutput = resolve;
      try {
        await deadline(promise, Math.max(1, start + WAIT_MS - Date.now()));
      } catch (error) {
        throw new Error(`Awaited ${pattern}, got: ${this.output}`, { cause: error });
      }
    }
  }

  async type(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Ends its input and waits for its end. */
  async end(): Promise<number> {
    this.#isInputClosed = true;
    await this.#input.close();
    return (await deadline(this.#child.status, WAIT_MS)).code;
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    return (await deadline(this.#child.status, WAIT_MS)).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#reading;
    if (this.#isInputClosed) return;
    // Nobody reads it any more.
    await this.#input.abort().catch(() => {});
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.output += text;
      this.#onOutput();
    }
  }
}
