/**
 * The server's entry: arguments, environment, signals and exit codes.
 *
 * Nothing else of the server reads those. Promises exit status 0 after a
 * shutdown that was asked for, 1 where the server could not start, 2 for a
 * mistake in the command line, the environment or the configuration file.
 *
 * @module
 */

import manifest from "./deno.json" with { type: "json" };
import {
  checkPlaintext,
  type Config,
  DB_IN_MEMORY,
  formatHelp,
  readConfig,
  type Request,
} from "./lib/config.ts";
import { DoorError, StoreError, UsageError } from "./lib/errors.ts";
import { WATCH_POLL_MS } from "./lib/limits.ts";
import { configureLog, openLog } from "./lib/log.ts";
import type { MakeCertRequest } from "./lib/make_cert.ts";
import { dropPrivileges } from "./lib/privileges.ts";
import { Reloader } from "./lib/reload.ts";
import { backupFile, inspectStore, type Server, startServer } from "./lib/server.ts";
import { describeKeeping, formatCheck, formatStart, hostForUrl } from "./lib/start_text.ts";
import { watchFiles } from "./lib/watched_files.ts";

/** A second signal ends the process with what a shell reports for Ctrl-C. */
const EXIT_INTERRUPTED = 130;

/**
 * Runs the server until a signal ends it.
 *
 * @param args The command line without the program.
 * @returns The exit status.
 */
export async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "make-cert") return await makeCert(args.slice(1));
  const source = new ConfigSource(args);
  let request: Request;
  try {
    request = source.read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(error.message);
    return 2;
  }
  switch (request.type) {
    case "help":
      print(formatHelp(programs().server));
      return 0;
    case "version":
      print(`parley ${manifest.version} (deno ${Deno.version.deno})\n`);
      return 0;
    case "check":
      return await check(request.config);
    case "backup":
      return await backup(request.config, request.to);
    case "serve":
      return await serve(request.config, source);
  }
}

async function check(config: Config): Promise<number> {
  try {
    await checkTls(config);
    const store = config.db === DB_IN_MEMORY
      ? { inMemory: true } as const
      : inspectStore(config.db);
    print(formatCheck(config, store));
    return 0;
  } catch (error) {
    complain(whyNotStarted(error, config));
    return 1;
  }
}

/** How the two programs are started. */
function programs(): { readonly server: string; readonly client: string } {
  return Deno.build.standalone
    ? { server: "parley-server", client: "parley-client" }
    : { server: "deno task serve", client: "deno task client" };
}

/** Makes a certificate that vouches for itself, and its key. */
async function makeCert(args: readonly string[]): Promise<number> {
  const { formatMadeCert, makeCertificate, readMakeCertRequest } = await import(
    "./lib/make_cert.ts"
  );
  let request: MakeCertRequest;
  try {
    request = readMakeCertRequest(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(error.message);
    return 2;
  }
  try {
    print(formatMadeCert(await makeCertificate(request), programs()));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(error.message);
    return 1;
  }
}

/** Copies the database, whether a server is running on it or not. */
async function backup(config: Config, to: string): Promise<number> {
  try {
    const { bytes } = await backupFile(config.db, to);
    print(`Copied ${config.db} to ${to} (${bytes} bytes).\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    complain(`Cannot copy ${config.db} to ${to}: ${error.message}`);
    return 1;
  }
}

async function serve(config: Config, source: ConfigSource): Promise<number> {
  setLog(config);
  let server: Server;
  let fingerprint: string | null = null;
  try {
    fingerprint = await checkTls(config);
    server = await startServer(config, manifest);
  } catch (error) {
    complain(whyNotStarted(error, config));
    return 1;
  }
  // Whatever is thrown from here on, everybody is told, and the database is closed.
  await using _server = server;
  const { stopped, stop } = stopOnSignals(() => server.shutdown());
  using _reloading = await prepareReloading(server, { config, source, stop });
  const text = formatStart({
    version: manifest.version,
    addresses: server.addresses,
    isWebTls: config.web?.isTls ?? false,
    fingerprint,
    lanAddresses: lanAddresses(),
    client: programs().client,
    keeps: describeKeeping(config),
    allowPlaintextPasswords: config.allowPlaintextPasswords,
  });
  print(text);
  await tellServiceManager(text.split("\n")[0] ?? "");
  await dropPrivileges();
  await stopped;
  return 0;
}

function setLog({ logFormat: format, logLevel: level }: Config): void {
  configureLog((line) => writeAll(Deno.stderr, line), { format, level });
}

/**
 * Looks at the certificate, if there is one.
 *
 * @returns Its fingerprint where people have to compare that; else null.
 * @throws {UsageError} If it is no good.
 */
async function checkTls({ tls }: Config): Promise<string | null> {
  if (tls === null) return null;
  const { checkCertificate } = await import("./lib/certificate.ts");
  try {
    const { fingerprint, isSelfSigned } = checkCertificate(tls.certificate, Date.now());
    return isSelfSigned ? fingerprint : null;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`Cannot use ${tls.certFile} with ${tls.keyFile}: ${error.message}`);
  }
}

/**
 * Has SIGHUP read the configuration again, and a certificate that changes taken. The files
 * that the configuration came from are all that can still be read later, and not by this thread.
 *
 * @returns What stops that.
 */
async function prepareReloading(
  server: Server,
  { config, source, stop }: {
    readonly config: Config;
    readonly source: ConfigSource;
    readonly stop: () => void;
  },
): Promise<Disposable> {
  const log = openLog();
  const paths = source.files;
  const watched = config.tls === null ? [] : [config.tls.certFile, config.tls.keyFile];
  const files = paths.length === 0 ? null : await watchFiles(paths, {
    watched,
    pollMs: WATCH_POLL_MS,
    onChanged: () => void reloader.reloadCertificate(),
    onFailed: ({ message }) => log.error("configuration-failed", { error: message }),
  });
  const reloader = new Reloader({
    config,
    files: files ?? { read: () => Promise.resolve(new Map()) },
    readConfig: (readFile) => source.readAgain(readFile),
    apply: (after, before) => {
      // Where it listens is as it was, whatever was read.
      checkPlaintext(after);
      if (after.tls !== null && after.tls.certificate !== before.tls?.certificate) {
        server.replaceCertificate(after.tls.certificate);
      }
      server.reconfigure(after);
      setLog(after);
    },
    onTaken: (changes) => log.info("configuration-replaced", { changes }),
    onRefused: (error) => log.error("configuration-failed", { error }),
  });
  // Windows has no such signal.
  if (Deno.build.os !== "windows") {
    const hadTerminal = Deno.stdin.isTerminal();
    Deno.addSignalListener("SIGHUP", () => {
      // The terminal was closed, and nobody could stop the server there any more.
      if (hadTerminal && !Deno.stdin.isTerminal()) stop();
      else void reloader.reload();
    });
  }
  return { [Symbol.dispose]: () => files?.[Symbol.dispose]() };
}

/** Tells systemd that the server is ready, where it asked for that. */
async function tellServiceManager(status: string): Promise<void> {
  const socket = Deno.env.get("NOTIFY_SOCKET");
  if (socket === undefined || socket === "") return;
  const { notifyReady } = await import("./lib/sd_notify.ts");
  try {
    await notifyReady(socket, status);
  } catch (error) {
    openLog().warning("notify-failed", {
      error: error instanceof Error ? error.message : `${error}`,
    });
  }
}

/**
 * Stops on the first signal; the second one does not wait for anything.
 *
 * @returns A promise of the end of that, and what else may begin it.
 */
function stopOnSignals(
  shutdown: () => Promise<void>,
): { readonly stopped: Promise<void>; readonly stop: () => void } {
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = (): void => {
    isStopping = true;
    shutdown().then(resolve, reject);
  };
  const onSignal = (): void => {
    if (isStopping) Deno.exit(EXIT_INTERRUPTED);
    stop();
  };
  Deno.addSignalListener("SIGINT", onSignal);
  // Windows has no SIGTERM; Ctrl-Break is what it has.
  Deno.addSignalListener(Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM", onSignal);
  return { stopped, stop };
}

/** Where the configuration comes from, so that it can be read again later. */
class ConfigSource {
  readonly #args: readonly string[];
  /** What the environment had when it was asked: later it cannot be asked any more. */
  readonly #env = new Map<string, string | undefined>();
  readonly #files = new Set<string>();

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** Every file that was read. */
  get files(): string[] {
    return [...this.#files];
  }

  /** @throws {UsageError} If anything is wrong. */
  read(): Request {
    return readConfig(this.#args, {
      env: (name) => {
        const value = Deno.env.get(name);
        this.#env.set(name, value);
        return value;
      },
      readFile: (path) => {
        this.#files.add(path);
        return Deno.readTextFileSync(path);
      },
    });
  }

  /**
   * The same with the files as they are now.
   *
   * @throws {UsageError} If anything is wrong.
   */
  readAgain(readFile: (path: string) => string): Config {
    const request = readConfig(this.#args, { env: (name) => this.#env.get(name), readFile });
    if (request.type !== "serve") throw new UsageError("This is no configuration to run with");
    return request.config;
  }
}

function whyNotStarted(error: unknown, { db }: Config): string {
  if (error instanceof StoreError) return `Cannot use ${db}: ${error.message}`;
  if (error instanceof UsageError) return error.message;
  if (!(error instanceof DoorError)) throw error;
  const { at: { host, port }, option, cause } = error;
  const where = `Cannot listen on ${hostForUrl(host)}:${port}`;
  if (cause instanceof Deno.errors.AddrInUse) {
    return `${where}: the port is in use. Choose another with --${option}.`;
  }
  // Servers of Node's say EINVAL for it in Deno 2.9.6.
  const isElsewhere = cause instanceof Deno.errors.AddrNotAvailable ||
    cause instanceof Error && "code" in cause && cause.code === "EINVAL";
  if (isElsewhere) {
    return `${where}: this machine does not have that address.`;
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `${where}: the system does not allow it (ports below 1024 need rights).`;
  }
  return `${where}: ${cause instanceof Error ? cause.message : cause}`;
}

/** This machine's addresses as others can reach it, IPv4 first. */
function lanAddresses(): string[] {
  try {
    return Deno.networkInterfaces()
      .filter(({ address, family }) =>
        family === "IPv4" ? !address.startsWith("127.") : !/^(::1$|fe80:)/i.test(address)
      )
      .sort((a, b) => a.family.localeCompare(b.family))
      .map(({ address }) => address);
  } catch (error) {
    // Without the permission, or on a system that does not tell, there is just less to print.
    if (error instanceof Error) return [];
    throw error;
  }
}

function print(text: string): void {
  writeAll(Deno.stdout, text);
}

function complain(line: string): void {
  writeAll(Deno.stderr, `parley: ${line}\n`);
}

/** Writes a text to a standard stream whose reader may be gone. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    // A closed pipe must not end the server: whoever read it does not want it any more.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
