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
import { type Config, DB_IN_MEMORY, formatHelp, readConfig, type Request } from "./lib/config.ts";
import { StoreError, UsageError } from "./lib/errors.ts";
import { configureLog } from "./lib/log.ts";
import { dropPrivileges } from "./lib/privileges.ts";
import { backupFile, inspectStore, type Server, startServer } from "./lib/server.ts";
import { describeKeeping, formatCheck, formatStart, hostForUrl } from "./lib/start_text.ts";

/** A second signal ends the process with what a shell reports for Ctrl-C. */
const EXIT_INTERRUPTED = 130;

if (import.meta.main) Deno.exit(await main(Deno.args));

/**
 * Runs the server until a signal ends it.
 *
 * @param args The command line without the program.
 * @returns The exit status.
 */
export async function main(args: readonly string[]): Promise<number> {
  let request: Request;
  try {
    request = readConfig(args, {
      env: (name) => Deno.env.get(name),
      readFile: (path) => Deno.readTextFileSync(path),
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(error.message);
    return 2;
  }
  switch (request.type) {
    case "help":
      print(formatHelp(Deno.build.standalone ? "parley-server" : "deno task serve"));
      return 0;
    case "version":
      print(`parley ${manifest.version} (deno ${Deno.version.deno})\n`);
      return 0;
    case "check":
      return check(request.config);
    case "backup":
      return await backup(request.config, request.to);
    case "serve":
      return await serve(request.config);
  }
}

function check(config: Config): number {
  try {
    const store = config.db === DB_IN_MEMORY
      ? { inMemory: true } as const
      : inspectStore(config.db);
    print(formatCheck(config, store));
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    complain(`Cannot use ${config.db}: ${error.message}`);
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

async function serve(config: Config): Promise<number> {
  configureLog((line) => writeAll(Deno.stderr, line), {
    format: config.logFormat,
    level: config.logLevel,
  });
  let server: Server;
  try {
    server = startServer(config);
  } catch (error) {
    complain(whyNotStarted(error, config));
    return 1;
  }
  const stopped = onStopSignal(() => server.shutdown());
  print(formatStart({
    version: manifest.version,
    address: server.address,
    lanAddresses: lanAddresses(),
    client: Deno.build.standalone ? "parley-client" : "deno task client",
    keeps: describeKeeping(config),
    allowPlaintextPasswords: config.allowPlaintextPasswords,
  }));
  await dropPrivileges();
  await stopped;
  return 0;
}

/**
 * Stops on the first signal; the second one does not wait for anything.
 *
 * @returns A promise of the end of `stop`.
 */
function onStopSignal(stop: () => Promise<void>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isStopping = false;
  const onSignal = (): void => {
    if (isStopping) Deno.exit(EXIT_INTERRUPTED);
    isStopping = true;
    stop().then(resolve, reject);
  };
  Deno.addSignalListener("SIGINT", onSignal);
  // Windows has no SIGTERM; Ctrl-Break is what it has.
  Deno.addSignalListener(Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM", onSignal);
  return promise;
}

function whyNotStarted(error: unknown, { host, port, db }: Config): string {
  if (error instanceof StoreError) return `Cannot use ${db}: ${error.message}`;
  const where = `${hostForUrl(host)}:${port}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return `Cannot listen on ${where}: the port is in use. Choose another with --port.`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `Cannot listen on ${where}: this machine does not have that address.`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `Cannot listen on ${where}: the system does not allow it (ports below 1024 need rights).`;
  }
  return `Cannot listen on ${where}: ${error instanceof Error ? error.message : error}`;
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
