// The server as a process: SIGHUP reads its configuration again, and a certificate that changes is
// taken by itself, however it is replaced, although the process may not read a file any more.
// Those who are connected notice nothing of either.

import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { onUnix } from "./fixtures/machine.ts";
import { overTls, TestCertificate } from "./fixtures/certificates.ts";
import {
  Folder,
  type ProcessOptions,
  type ServerProcess,
  startProcess,
} from "./fixtures/server_process.ts";
import { Guest, within } from "./harness.ts";
import { Crowd, presentedOn } from "./tls_visits.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** A server that logs what it reads again. */
async function start(options: ProcessOptions): Promise<ServerProcess> {
  return await startProcess({ ...options, env: { PARLEY_LOG_LEVEL: "info" } });
}

/** Waits until a log has this line so many times. */
async function logged(server: ServerProcess, text: string, count = 1): Promise<void> {
  const line = `${text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\n`;
  await server.complained(new RegExp(`(?:[^]*?${line}){${count}}`));
}

const TAKEN = "The configuration was read again: ";
const REFUSED = "The configuration stays as it was: ";

Deno.test(onUnix("SIGHUP reads the configuration again"), async () => {
  await using folder = new Folder();
  const write = async (name: string, text: string): Promise<void> =>
    await Deno.writeTextFile(folder.file(name), text);
  const configure = async (settings: Readonly<Record<string, unknown>>): Promise<void> =>
    await write("parley.json", JSON.stringify({ motd: folder.file("motd.txt"), ...settings }));
  await write("motd.txt", "Be kind.");
  await configure({ rate: "1:0.001" });
  await using server = await start({ args: ["--config", folder.file("parley.json")] });
  await using ann = await Guest.connect(server.port);
  ann.say("/nick ann");
  await ann.until("-- You are now ann.");

  // Nothing has changed.
  server.kill("SIGHUP");
  await logged(server, `${TAKEN}nothing changed`);

  // A greeting, a rate without which the next visitor could say but one line, and a port.
  await write("motd.txt", "Be kinder.");
  await configure({ rate: "off", name: "Elsewhere", "max-per-address": 70, keep: "30d" });
  server.kill("SIGHUP");
  await logged(
    server,
    `${TAKEN}rate 1:0.001 -> off; max-per-address 64 -> 70; name Parley -> Elsewhere; ` +
      "motd changed; needs a restart: keep 365d -> 30d",
  );
  await using bob = await Guest.connect(server.port);
  for (let count = 0; count < 5; count++) bob.say(`line ${count}`);
  const lines = await bob.roundtrip();
  assert(lines.some((line) => line.includes("Elsewhere")), lines.join("\n"));
  assert(lines.some((line) => line.includes("Be kinder.")), lines.join("\n"));
  await ann.until(/: line 4$/);

  // A mistake, a file that nobody named, and one that is gone.
  await write("parley.json", '{"rate": ');
  server.kill("SIGHUP");
  await server.complained(new RegExp(`${REFUSED}\\S*parley.json is not JSON: .*\\n`));
  await configure({ motd: folder.file("new.txt") });
  server.kill("SIGHUP");
  await logged(
    server,
    `${REFUSED}Cannot read ${folder.file("new.txt")}: it was not named when the server started`,
  );
  await Deno.remove(folder.file("motd.txt"));
  await configure({});
  server.kill("SIGHUP");
  await server.complained(new RegExp(`${REFUSED}Cannot read \\S*motd.txt: No such file .*\\n`));
  await using eve = await Guest.connect(server.port);
  const unchanged = await eve.roundtrip();
  assert(unchanged.some((line) => line.includes("Be kinder.")), unchanged.join("\n"));

  // Several at once are several times the same.
  await write("motd.txt", "Be kinder.");
  await configure({ rate: "off", name: "Elsewhere", "max-per-address": 70 });
  for (let count = 0; count < 5; count++) server.kill("SIGHUP");
  await logged(server, `${TAKEN}nothing changed`, 2);

  // How it logs changes with the line that says so.
  await configure({ rate: "off", name: "Elsewhere", "max-per-address": 70, log: "json" });
  server.kill("SIGHUP");
  await server.complained(/^\{.*"changes":"log text -> json".*\}\n/m);
  server.kill("SIGTERM");
  assertEquals((await server.result()).code, 0);
});

Deno.test(
  onUnix("SIGHUP takes a password, and shows no secret"),
  async () => {
    await using folder = new Folder();
    const password = folder.file("password.txt");
    await Deno.writeTextFile(password, "correct horse\n");
    await using server = await start({ args: ["--password-file", password] });
    await Deno.writeTextFile(password, "battery staple\n");
    server.kill("SIGHUP");
    await logged(server, `${TAKEN}password-file changed`);
    await using ann = await Guest.connect(server.port);
    ann.say("battery staple");
    await ann.until(/^-- Just type to talk/);
    await Deno.writeTextFile(password, "short");
    server.kill("SIGHUP");
    await server.complained(new RegExp(`${REFUSED}The first line of \\S* must be a password.*\\n`));
    server.kill("SIGTERM");
    const { code, stderr } = await server.result();
    assertEquals(code, 0);
    for (const secret of ["horse", "staple", "short"]) assert(!stderr.includes(secret), stderr);
  },
);

Deno.test(onUnix("a server that can reload reaches no file, host or program"), async () => {
  await using folder = new Folder();
  const motd = folder.file("motd.txt");
  await Deno.writeTextFile(motd, "Be kind.");
  await using server = await start({
    script: "tests/fixtures/probe.ts",
    args: ["--db", folder.file("chat.db"), "--motd", motd],
  });
  server.kill("SIGUSR2");
  const [, json = "{}"] = await server.printed(/^outcomes (.*)$/m);
  const outcomes: Record<string, string> = JSON.parse(json);
  assertEquals(Object.entries(outcomes).filter(([, outcome]) => outcome !== "NotCapable"), []);
  assert(Object.keys(outcomes).length > 40);
  await Deno.writeTextFile(motd, "Be kinder.");
  server.kill("SIGHUP");
  await logged(server, `${TAKEN}motd changed`);
});

/** What is in the two files, and how they are replaced. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A server with TLS that looks for certificates often, somebody who stays, and its files. */
class TlsTrial implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly folder: Folder;
  readonly #port: number;
  readonly #visitor: TLSSocket;
  #received = "";
  #onData: () => void = () => {};
  #pings = 0;
  /** How many certificates were taken. */
  #taken = 0;

  private constructor(server: ServerProcess, folder: Folder, visitor: TLSSocket, port: number) {
    this.server = server;
    this.folder = folder;
    this.#visitor = visitor;
    this.#port = port;
    visitor.on("data", (bytes) => {
      this.#received += `${bytes}`;
      this.#onData();
    });
  }

  /** Starts with `cert.pem` and `key.pem` of the folder. */
  static async start(folder: Folder): Promise<TlsTrial> {
    const server = await start({
      script: "tests/fixtures/hasty_server.ts",
      args: [
        ...["--tls-cert", folder.file("cert.pem"), "--tls-key", folder.file("key.pem")],
        ...["--tls-port", "0"],
      ],
    });
    const port = Number(/:(\d+) \(TLS\)/.exec(server.startText)?.[1]);
    return new TlsTrial(server, folder, await handshake(port), port);
  }

  /** The fingerprint of the certificate that the next visitor sees. */
  async presented(): Promise<string> {
    const socket = await handshake(this.#port);
    const { fingerprint256 } = socket.getPeerCertificate();
    await closed(socket);
    return fingerprint256;
  }

  /** Waits until one more pair was taken, and is what visitors see. */
  async takes({ fingerprint }: TestCertificate): Promise<void> {
    await logged(this.server, `${TAKEN}tls-cert changed; tls-key changed`, ++this.#taken);
    assertEquals(await this.presented(), fingerprint);
    await this.stays();
  }

  /** Waits until something was refused for this reason; visitors see what was before. */
  async refuses(why: string, { fingerprint }: TestCertificate): Promise<void> {
    await logged(this.server, `${REFUSED}${why}`);
    assertEquals(await this.presented(), fingerprint);
    await this.stays();
  }

  /** Has who came first talk to the server. */
  async stays(): Promise<void> {
    const ping = `still-here-${++this.#pings}`;
    this.#visitor.write(`/ping ${ping}\n`);
    while (!this.#received.includes(ping)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onData = resolve;
      await within(promise, () => `Awaited ${ping}, and there is ${this.#received}`);
    }
  }

  /** Writes files in place. */
  async write(texts: Partial<Pair>): Promise<void> {
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(this.folder.file(`${name}.pem`), text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closed(this.#visitor);
    await this.server[Symbol.asyncDispose]();
  }
}

/** Connects, whoever the server says it is. */
async function handshake(port: number): Promise<TLSSocket> {
  const options: ConnectionOptions = { host: "127.0.0.1", port, rejectUnauthorized: false };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(options, resolve);
  socket.on("error", reject);
  await within(promise, () => `Awaited a handshake on port ${port}`);
  return socket;
}

async function closed(socket: TLSSocket): Promise<void> {
  if (socket.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("close", () => resolve());
  socket.destroy();
  await within(promise, () => "Awaited the end of a connection");
}

const MISFIT = "The key does not belong to the certificate";

Deno.test(overTls("a certificate is taken however it is replaced, and nobody drops"), async () => {
  await using folder = new Folder();
  await using first = await TestCertificate.make();
  await using second = await TestCertificate.make();
  await Deno.writeTextFile(folder.file("cert.pem"), first.cert);
  await Deno.writeTextFile(folder.file("key.pem"), first.key);
  await using trial = await TlsTrial.start(folder);
  assertEquals(await trial.presented(), first.fingerprint);

  // Renamed over, as most programs do it.
  for (const name of ["cert", "key"] as const) {
    await Deno.writeTextFile(folder.file("next"), second[name]);
    await Deno.rename(folder.file("next"), folder.file(`${name}.pem`));
  }
  await trial.takes(second);

  // In place, and the key so late that nobody waits for it: the pair before stays until it fits.
  await trial.write({ cert: first.cert });
  await trial.refuses(MISFIT, second);
  await trial.write({ key: first.key });
  // Against what was taken last, and so both.
  await trial.takes(first);

  // Garbage.
  await trial.write({ cert: "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n" });
  await trial.server.complained(new RegExp(`${REFUSED}(?!${MISFIT}).*\\n`));
  assertEquals(await trial.presented(), first.fingerprint);
  await trial.write({ cert: second.cert, key: second.key });
  await trial.takes(second);

  // Gone, and another came.
  await Deno.remove(folder.file("cert.pem"));
  await trial.server.complained(
    new RegExp(`${REFUSED}Cannot read \\S*cert.pem: No such file.*\\n`),
  );
  assertEquals(await trial.presented(), second.fingerprint);
  await trial.write({ cert: first.cert, key: first.key });
  await trial.takes(first);

  trial.server.kill("SIGTERM");
  const { code, stderr } = await trial.server.result();
  assertEquals(code, 0);
  // Nothing of any key was told, and nothing but what was read again.
  assert(!stderr.includes("PRIVATE"), stderr);
  for (const line of stderr.trimEnd().split("\n")) {
    assertMatch(line, /The configuration (stays as it was|was read again): /);
  }
});

Deno.test(
  onUnix(overTls("a certificate is taken where links are swapped, as certbot and Kubernetes do")),
  async () => {
    await using folder = new Folder();
    await using first = await TestCertificate.make();
    await using second = await TestCertificate.make();
    const relink = async (target: string, name: string): Promise<void> => {
      await Deno.symlink(target, folder.file("next"));
      await Deno.rename(folder.file("next"), folder.file(name));
    };
    for (const name of ["cert", "key"] as const) {
      await Deno.symlink(`${name === "cert" ? first.certFile : first.keyFile}`, folder.file(name));
      await relink(name, `${name}.pem`);
    }
    await using trial = await TlsTrial.start(folder);
    await relink(second.certFile, "cert");
    await relink(second.keyFile, "key");
    await trial.takes(second);
    // A folder with both, at one stroke.
    await Deno.mkdir(folder.file("..1"));
    await Deno.writeTextFile(folder.file("..1/cert.pem"), first.cert);
    await Deno.writeTextFile(folder.file("..1/key.pem"), first.key);
    await relink("..1", "..data");
    await relink("..data/cert.pem", "cert.pem");
    await relink("..data/key.pem", "key.pem");
    await trial.takes(first);
    await Deno.mkdir(folder.file("..2"));
    await Deno.writeTextFile(folder.file("..2/cert.pem"), second.cert);
    await Deno.writeTextFile(folder.file("..2/key.pem"), second.key);
    await relink("..2", "..data");
    await trial.takes(second);
    assert(!trial.server.complaints.includes("No such file"), trial.server.complaints);
  },
);

Deno.test(onUnix(overTls("SIGHUP takes a certificate at once")), async () => {
  await using first = await TestCertificate.make();
  await using second = await TestCertificate.make();
  // As everybody starts it: it would look by itself after some seconds.
  await using server = await start({
    args: ["--tls-cert", first.certFile, "--tls-key", first.keyFile, "--tls-port", "0"],
  });
  const port = Number(/:(\d+) \(TLS\)/.exec(server.startText)?.[1]);
  await Deno.writeTextFile(first.certFile, second.cert);
  await Deno.writeTextFile(first.keyFile, second.key);
  server.kill("SIGHUP");
  await logged(server, `${TAKEN}tls-cert changed; tls-key changed`);
  const socket = await handshake(port);
  assertEquals(socket.getPeerCertificate().fingerprint256, second.fingerprint);
  await closed(socket);
});

Deno.test(
  overTls("a certificate is replaced under a room of five hundred, in files and by SIGHUP"),
  async () => {
    await using folder = new Folder();
    await using first = await TestCertificate.make();
    await using second = await TestCertificate.make();
    await using third = await TestCertificate.make();
    const put = async (next: TestCertificate): Promise<void> => {
      for (const name of ["cert", "key"] as const) {
        await Deno.writeTextFile(folder.file("next"), next[name]);
        await Deno.rename(folder.file("next"), folder.file(`${name}.pem`));
      }
    };
    await put(first);
    const flags = ["--tls-cert", folder.file("cert.pem"), "--tls-key", folder.file("key.pem")];
    await using server = await start({
      script: "tests/fixtures/hasty_server.ts",
      args: [...flags, "--tls-port", "0", "--rate", "off"],
    });
    const port = server.portOf("TLS");
    await using crowd = await Crowd.gather(port, first, { talkers: 5, all: 500 });
    crowd.talk();
    await crowd.talkOn(3);
    for (const [count, next] of [second, third].entries()) {
      await put(next);
      if (!IS_WINDOWS) server.kill("SIGHUP");
      await logged(server, `${TAKEN}tls-cert changed; tls-key changed`, count + 1);
      assertEquals(await presentedOn(port), next.fingerprint);
      await crowd.talkOn(3);
    }
    await crowd.check();
    server.kill("SIGTERM");
    assertEquals((await server.result()).code, 0);
  },
);
