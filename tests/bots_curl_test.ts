// Bots as people use them: the README's own lines, run with curl and jq against a real
// server, over plain HTTP and TLS; a token that lasts and is nowhere in the database; and
// streams that end with the token, the room and the server.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { onUnix, type TestSettings, withPrograms } from "./fixtures/machine.ts";
import { TestCertificate } from "./fixtures/certificates.ts";
import { type Guest, startTestServer, type TestServer, within } from "./harness.ts";
import { inFolder } from "./store/store_trial.ts";

const README = new URL("../README.md", import.meta.url);
const PASSWORD = "open-sesame";
const WEB = { host: "127.0.0.1", port: 0, isTls: false };

/** The settings of a test with curl, as the README has it: in a shell, with jq, and more. */
function overCurl(name: string, ...programs: readonly string[]): TestSettings {
  return onUnix(withPrograms(name, "curl", "jq", ...programs));
}

/** A script as a process, and the lines that it prints. */
class Script implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";
  #lines: string[] = [];

  constructor(script: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = new Deno.Command("sh", {
      // In the place of the shell, so that to end it is to end curl.
      args: ["-c", script],
      env: { ...env, no_proxy: "*" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line; null at the end. */
  async line(): Promise<string | null> {
    while (this.#lines.length === 0) {
      const { done, value } = await within(this.#reader.read(), () => "Awaited a line of curl's");
      if (done) return null;
      const lines = (this.#rest + value).split("\n");
      this.#rest = lines.pop() ?? "";
      this.#lines = lines.filter((line) => line !== "");
    }
    return this.#lines.shift() ?? null;
  }

  /** All that is still to come, and how it ended. */
  async ended(): Promise<{ readonly lines: string[]; readonly code: number }> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== null; line = await this.line()) lines.push(line);
    if (this.#rest !== "") lines.push(this.#rest);
    const { code } = await within(this.#child.status, () => "Awaited the end of curl");
    return { lines, code };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill();
    } catch {
      // It has ended.
    }
    await this.#reader.cancel();
    await this.#child.status;
  }
}

/** What a script prints until it ends by itself. */
async function run(script: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  await using running = new Script(script, env);
  const { lines, code } = await running.ended();
  assertEquals(code, 0, lines.join("\n"));
  return lines;
}

/** The README's lines with curl, each for a server at an address. */
async function readCurlLines(address: string): Promise<string[]> {
  const [, section = ""] = (await Deno.readTextFile(README)).split("\n## Bots\n");
  const blocks = [...(section.split("\n## ")[0] ?? "").matchAll(/^```sh\n(.*?)^```$/gms)];
  const [, lines = ""] = blocks[1] ?? [];
  return lines.replaceAll("https://HOST", address).replaceAll(/\|\n +/g, "| ").trim().split("\n");
}

/** ann, who has registered, and the token of a new bot of hers. */
async function makeBot(server: TestServer, name = "ci"): Promise<{ ann: Guest; token: string }> {
  const ann = await server.join("ann");
  ann.say(`/register ${PASSWORD}`);
  ann.say(`/token create ${name}`);
  const lines = await ann.until(/^-- .* is a bot of yours/);
  const token = /(parley_\S+)$/.exec(lines.at(-1) ?? "")?.[1] ?? "";
  await ann.roundtrip();
  return { ann, token };
}

Deno.test(overCurl("the README's lines with curl talk and stream"), async () => {
  await using server = await startTestServer({ web: WEB });
  const { ann, token } = await makeBot(server);
  await using _ann = ann;
  ann.say("/join #dev");
  ann.say("/join #lobby");
  await ann.roundtrip();
  const lines = await readCurlLines(`http://127.0.0.1:${server.webPort}`);
  assertEquals(lines.length, 3);
  const [say = "", pipe = "", stream = ""] = lines;
  const env = { TOKEN: token };

  const [answer = ""] = await run(say, env);
  assertMatch(answer, /^\{"id":\d+,"atMs":\d+\}$/);
  assertEquals(await ann.roundtrip(), ["ci[bot]: deployed"]);
  const log = "printf 'one\\ntwo\\n'";
  await run(pipe.replace("git log -3", log), env);
  assertEquals(await ann.roundtrip(), ["[#dev] ci[bot]: one", "[#dev] ci[bot]: two"]);

  {
    await using reading = new Script(stream, env);
    await ann.until("-- ci[bot] joined.");
    ann.say("/who");
    await ann.until(/^-- 2 in #lobby: .*ci\[bot\]/);
    ann.say("well done");
    assertEquals(await reading.line(), "ann: well done");
    await run(say, env);
    assertEquals(await reading.line(), "ci[bot]: deployed");
    await ann.until("ci[bot]: deployed");
  }
});

Deno.test(
  overCurl("a bot that goes away leaves, and one that comes back misses nothing"),
  async () => {
    await using server = await startTestServer({ web: WEB });
    const { ann, token } = await makeBot(server);
    await using _ann = ann;
    const url = `http://127.0.0.1:${server.webPort}/rooms/lobby`;
    const stream = (query = ""): Script =>
      new Script(`exec curl -sN -H "Authorization: Bearer $TOKEN" "${url}${query}"`, {
        TOKEN: token,
      });
    let id = 0;
    {
      await using reading = stream();
      assertMatch(await reading.line() ?? "", /^\{"type":"welcome",.*"name":"ci\[bot\]"/);
      await ann.until("-- ci[bot] joined.");
      ann.say("before");
      id = JSON.parse(await reading.line() ?? "").id;
      assert(id > 0);
    }
    await ann.until("-- ci[bot] left.");
    ann.say("meanwhile");
    await ann.roundtrip();
    await using reading = stream(`?after=${id}`);
    assertMatch(await reading.line() ?? "", /^\{"type":"welcome"/);
    const missed = JSON.parse(await reading.line() ?? "");
    assertEquals([missed.type, missed.text], ["message", "meanwhile"]);
    const caughtUp = JSON.parse(await reading.line() ?? "");
    assertEquals([caughtUp.type, caughtUp.missed], ["caught-up", 1]);
    await server.shutdown();
    const { lines, code } = await reading.ended();
    assertMatch(lines.at(-1) ?? "", /^\{"type":"goodbye","reason":"shutdown"/);
    assertEquals(code, 0);
  },
);

Deno.test(overCurl("a token that is revoked ends what is read by it, and is refused"), async () => {
  await using server = await startTestServer({ web: WEB });
  const { ann, token } = await makeBot(server);
  await using _ann = ann;
  const curl =
    `curl -sN -H "Authorization: Bearer $TOKEN" http://127.0.0.1:${server.webPort}/rooms/`;
  await using reading = new Script(`exec ${curl}lobby`, { TOKEN: token });
  await ann.until("-- ci[bot] joined.");
  ann.say("/token revoke ci");
  await ann.until("-- ci[bot] is no more, and its token worth nothing.");
  const { lines, code } = await reading.ended();
  assertMatch(lines.at(-1) ?? "", /"removed",.*"ann revoked the token of ci\[bot\]\."\}$/);
  assertEquals(code, 0);
  const post = `${curl}lobby -d hello -w '\\n%{http_code}'`;
  assertEquals((await run(post, { TOKEN: token })).at(-1), "401");
  assertEquals((await run(`${curl}lobby -w '\\n%{http_code}'`, { TOKEN: token })).at(-1), "401");
});

Deno.test(overCurl("a bot that is too fast is told when to come back"), async () => {
  await using server = await startTestServer({ web: WEB });
  const { ann, token } = await makeBot(server);
  await using _ann = ann;
  const url = `http://127.0.0.1:${server.webPort}/rooms/lobby`;
  // More than a burst, and what comes back meanwhile.
  const lines = await run(
    `curl -s -H "Authorization: Bearer $TOKEN" -d hello -w '\\n%{http_code} %header{retry-after}\\n' ` +
      Array(60).fill(`"${url}"`).join(" "),
    { TOKEN: token },
  );
  const statuses = lines.filter((line) => /^\d{3} /.test(line));
  assertEquals(statuses.length, 60);
  assert(statuses.includes("429 1"), statuses.join());
  assert(statuses.slice(0, 20).every((line) => line === "200 "), statuses.join());
});

Deno.test(
  overCurl("a token outlasts a restart and another password, and is in no file"),
  async () => {
    await inFolder(async (folder) => {
      const db = `${folder}/parley.db`;
      let token = "";
      {
        await using server = await startTestServer({ web: WEB, db });
        const made = await makeBot(server);
        token = made.token;
        await made.ann.close();
      }
      await using server = await startTestServer({ web: WEB, db, password: "quite-another" });
      const url = `http://127.0.0.1:${server.webPort}/rooms/lobby`;
      const [answer] = await run(`curl -s -H "Authorization: Bearer $TOKEN" -d hello ${url}`, {
        TOKEN: token,
      });
      assertMatch(answer ?? "", /^\{"id":/);
      const secret = token.slice("parley_".length);
      assertEquals(secret.length, 43);
      for (const { name } of Deno.readDirSync(folder)) {
        const bytes = await Deno.readFile(`${folder}/${name}`);
        const text = new TextDecoder("latin1").decode(bytes);
        assert(!text.includes(secret), `${name} has the token`);
      }
    });
  },
);

Deno.test(overCurl("the README's lines with curl work over TLS", "openssl"), async () => {
  await using made = await TestCertificate.make();
  const certificate = { cert: made.cert, key: made.key };
  await using server = await startTestServer({
    web: { ...WEB, isTls: true },
    tls: {
      host: "127.0.0.1",
      port: 0,
      certificate,
      certFile: made.certFile,
      keyFile: made.keyFile,
    },
  });
  const { ann, token } = await makeBot(server);
  await using _ann = ann;
  const [say = ""] = await readCurlLines(`https://localhost:${server.webPort}`);
  const trusting = say.replace(/^curl/, `curl --cacert ${made.certFile}`);
  assertMatch((await run(trusting, { TOKEN: token }))[0] ?? "", /^\{"id":/);
  assertEquals(await ann.roundtrip(), ["ci[bot]: deployed"]);
});
