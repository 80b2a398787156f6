// Reading the configuration again, without a server: what is applied, what is only told, the line
// for each outcome, and that a mistake, wherever it is, changes nothing.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type Config, readConfig } from "../lib/config.ts";
import { Reloader } from "../lib/reload.ts";
import type { FileOutcome } from "../lib/watched_files.ts";
import { within } from "./harness.ts";

const ARGS = ["--config", "parley.json", "--port", "2022"];

/** Files that exist only here, what reads them, and what became of it. */
class Trial {
  /** What is in the files now; an error for one that cannot be read. */
  readonly files: Record<string, string | Error> = {};
  /** Every configuration that was applied. */
  readonly applied: Config[] = [];
  /** Every line for the log: `+` for what was taken, `-` for what was refused. */
  readonly lines: string[] = [];
  /** Why nothing can be read, if so. */
  dead: Error | null = null;
  /** Why nothing can be applied, if so. */
  unfit: Error | null = null;
  /** Holds reading up until it resolves. */
  gate: Promise<void> = Promise.resolve();
  /** How many are reading, and were at once. */
  reading = 0;
  readingMost = 0;
  readonly reloader: Reloader;

  constructor(files: Readonly<Record<string, string>>) {
    Object.assign(this.files, files);
    this.reloader = new Reloader({
      config: this.#readConfig((path) => `${this.files[path]}`),
      files: { read: () => this.#readFiles() },
      readConfig: (readFile) => this.#readConfig(readFile),
      apply: (after, before) => {
        if (this.unfit !== null) throw this.unfit;
        assertEquals(before, this.reloader.config);
        this.applied.push(after);
      },
      onTaken: (line) => this.lines.push(`+ ${line}`),
      onRefused: (line) => this.lines.push(`- ${line}`),
    });
  }

  /** Reads all again, and gives the lines that it made. */
  async reload(): Promise<string[]> {
    await this.reloader.reload();
    return this.lines.splice(0);
  }

  /** Reads the certificate again, and gives the lines that it made. */
  async reloadCertificate(): Promise<string[]> {
    await this.reloader.reloadCertificate();
    return this.lines.splice(0);
  }

  #readConfig(readFile: (path: string) => string): Config {
    const request = readConfig(ARGS, { env: () => undefined, readFile });
    assert(request.type === "serve");
    return request.config;
  }

  async #readFiles(): Promise<ReadonlyMap<string, FileOutcome>> {
    this.readingMost = Math.max(this.readingMost, ++this.reading);
    await this.gate;
    this.reading--;
    if (this.dead !== null) throw this.dead;
    return new Map(
      Object.entries(this.files).map(([path, text]) => [
        path,
        text instanceof Error ? { error: text.message } : { text },
      ]),
    );
  }
}

const TLS = { "tls-cert": "cert.pem", "tls-key": "key.pem" };

/** A configuration file with a greeting. */
function withMotd(settings: Readonly<Record<string, unknown>>): Record<string, string> {
  return { "parley.json": JSON.stringify({ motd: "motd.txt", ...settings }), "motd.txt": "Hello." };
}

/** A configuration file with a certificate. */
function withTls(settings: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  return {
    "parley.json": JSON.stringify({ ...TLS, ...settings }),
    "cert.pem": "cert 1",
    "key.pem": "key 1",
  };
}

Deno.test("what can be applied is, and the rest is told each time", async () => {
  const trial = new Trial(withMotd({ rate: "10:4", keep: "30d" }));
  trial.files["parley.json"] = JSON.stringify({ motd: "motd.txt", rate: "20:8", keep: "60d" });
  trial.files["motd.txt"] = "Be kind.";
  assertEquals(await trial.reload(), [
    "+ rate 10:4 -> 20:8; motd changed; " +
    "needs a restart: keep 30d -> 60d",
  ]);
  assertEquals(trial.applied.length, 1);
  assertEquals(trial.applied[0]?.rate, { burst: 20, perSecond: 8 });
  assertEquals(trial.applied[0]?.motd, ["Be kind."]);
  assertEquals(trial.applied[0]?.keepMs, 30 * 86_400_000);
  assertEquals(trial.reloader.config, trial.applied[0]);

  assertEquals(await trial.reload(), [
    "+ needs a restart: keep 30d -> 60d",
  ]);
  trial.files["parley.json"] = JSON.stringify({ motd: "motd.txt", rate: "20:8", keep: "30d" });
  assertEquals(await trial.reload(), ["+ nothing changed"]);
  assertEquals(trial.applied.length, 1);
});

Deno.test("a mistake is told in one line, and changes nothing", async () => {
  const trial = new Trial(withMotd({ rate: "10:4" }));
  const before = trial.reloader.config;
  const good = trial.files["parley.json"] ?? "";
  const mistakes: readonly [text: string | Error, line: string | RegExp][] = [
    ["{", /^- parley\.json is not JSON: .*$/],
    [
      '{"rate": "fast"}',
      '- "rate" in parley.json takes a burst and a pace such as 10:4, ' +
      'or "off", not "fast"',
    ],
    [
      new Error("No such file or directory (os error 2): stat 'parley.json'"),
      "- Cannot read parley.json: No such file or directory " +
      "(os error 2): stat 'parley.json'",
    ],
    [
      '{"rate": "20:8", "motd": "new.txt"}',
      "- Cannot read new.txt: it was not named when the server started",
    ],
  ];
  for (const [text, line] of mistakes) {
    trial.files["parley.json"] = text;
    const lines = await trial.reload();
    assertEquals(lines.length, 1);
    if (typeof line === "string") assertEquals(lines[0], line);
    else assert(line.test(lines[0] ?? ""), lines[0]);
  }
  assertEquals([trial.applied, trial.reloader.config], [[], before]);
  trial.files["parley.json"] = good;
  assertEquals(await trial.reload(), ["+ nothing changed"]);
});

Deno.test("what cannot be applied changes nothing, and is tried again", async () => {
  const trial = new Trial(withTls({ rate: "10:4" }));
  const before = trial.reloader.config;
  trial.files["parley.json"] = JSON.stringify({ ...TLS, rate: "20:8" });
  trial.files["cert.pem"] = "cert 2";
  trial.unfit = new Error("The key does not fit the certificate\nsecond line");
  const refusal = "- The key does not fit the certificate";
  assertEquals(await trial.reload(), [refusal]);
  assertEquals(await trial.reload(), [refusal]);
  assertEquals([trial.applied, trial.reloader.config], [[], before]);
  trial.unfit = null;
  assertEquals(await trial.reload(), [
    "+ tls-cert changed; rate 10:4 -> 20:8",
  ]);
});

Deno.test("files that cannot be read any more are told, and change nothing", async () => {
  const trial = new Trial(withTls());
  trial.dead = new Error("The worker that reads files has died: out of luck");
  assertEquals(await trial.reload(), [
    "- The worker that reads files has died: out of luck",
  ]);
  assertEquals(await trial.reloadCertificate(), [
    "- The worker that reads files has died: out of luck",
  ]);
  assertEquals(trial.applied, []);
});

Deno.test("a certificate is taken by itself: what else has changed waits", async () => {
  const trial = new Trial(withTls({ rate: "10:4" }));
  trial.files["parley.json"] = "{ half of it is writ";
  assertEquals(await trial.reloadCertificate(), []);
  trial.files["cert.pem"] = "cert 2";
  trial.files["key.pem"] = "key 2";
  assertEquals(await trial.reloadCertificate(), [
    "+ tls-cert changed; tls-key changed",
  ]);
  assertEquals(trial.applied.map(({ tls, rate }) => [tls?.certificate, rate]), [
    [{ cert: "cert 2", key: "key 2" }, { burst: 10, perSecond: 4 }],
  ]);
  trial.files["parley.json"] = JSON.stringify({ ...TLS, rate: "20:8" });
  assertEquals(await trial.reload(), ["+ rate 10:4 -> 20:8"]);
  // Whoever applies it sees by that that the certificate has not changed: it may have expired.
  assertStrictEquals(trial.applied[1]?.tls, trial.applied[0]?.tls);
});

Deno.test("a certificate that is no good is not taken, and the next one is", async () => {
  const trial = new Trial(withTls());
  trial.files["cert.pem"] = new Error("it is no regular file");
  assertEquals(await trial.reloadCertificate(), [
    "- Cannot read cert.pem: it is no regular file",
  ]);
  trial.files["cert.pem"] = "cert 2";
  trial.unfit = new Error("The key does not fit the certificate");
  assertEquals(await trial.reloadCertificate(), [
    "- The key does not fit the certificate",
  ]);
  trial.unfit = null;
  trial.files["key.pem"] = "key 2";
  assertEquals(await trial.reloadCertificate(), [
    "+ tls-cert changed; tls-key changed",
  ]);
});

Deno.test("a server without TLS has no certificate to read again", async () => {
  const trial = new Trial(withMotd({}));
  trial.dead = new Error("never asked");
  assertEquals(await trial.reloadCertificate(), []);
});

Deno.test("whoever asks meanwhile gets what is there when their turn comes", async () => {
  const trial = new Trial(withMotd({ rate: "10:4" }));
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  trial.gate = gate;
  trial.files["parley.json"] = JSON.stringify({ motd: "motd.txt", rate: "20:8" });
  const { reloader } = trial;
  const all = Promise.all([reloader.reload(), reloader.reloadCertificate(), reloader.reload()]);
  open();
  await within(all, () => "Awaited three turns");
  assertEquals(trial.lines, [
    "+ rate 10:4 -> 20:8",
    "+ nothing changed",
  ]);
  assertEquals(trial.readingMost, 1);
});
