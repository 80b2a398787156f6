/**
 * The benchmark's entry: `deno task bench`.
 *
 * Starts the real server as a process of its own, drives it from another one,
 * and prints one table. Everything stays on this machine's loopback, and every
 * step has an end. Exit status 1 where a delivery was lost, doubled or changed.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { abandon, commandWords, Folder, makeCertificate, type Target } from "./processes.ts";
import { FULL, QUICK, type Scenario, type Setting, SkipError } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { type Figure, formatTable, type Skipped } from "./table.ts";

const HELP = `Usage: deno task bench [--quick] [--only NAME] [--rounds N] [--json]
                       [--baseline DIR] [--open] [--server HOST:PORT --pid N]

  --quick              take less time, and be less exact
  --only NAME          only one of these, or all three with "fanout":
                       ${SCENARIOS.map(({ name }) => name).join(", ")}
  --rounds N           measure rates and latencies N times; the best counts
  --baseline DIR       compare with the Parley in this folder, such as an older
                       commit's, in turns, instead of with the floor
  --open               have every door open: TLS, browsers, metrics
  --server HOST:PORT   measure a line server that runs on this machine already,
                       with its flood limits off, instead of Parley
  --pid N              its process, for processor time and memory (Linux)
  --json               print JSON instead of the table
`;

/** What the command line asks for. */
interface Request {
  readonly isQuick: boolean;
  readonly isJson: boolean;
  /** Whether every door of the server is open. */
  readonly isOpen: boolean;
  readonly scenarios: readonly Scenario[];
  readonly setting: Setting;
}

class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The doors besides the plain one, with a certificate. */
const OPEN_DOORS = ["--tls-port", "0", "--web", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];

/** What a shell reports for Ctrl-C. */
const EXIT_INTERRUPTED = 130;

if (import.meta.main) {
  for (const signal of Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"]) {
    Deno.addSignalListener(signal as Deno.Signal, () => {
      abandon();
      Deno.exit(EXIT_INTERRUPTED);
    });
  }
  Deno.exit(await main(Deno.args));
}

/**
 * Runs the benchmark.
 *
 * @param args The command line without the program.
 * @returns The exit status.
 */
export async function main(args: readonly string[]): Promise<number> {
  let request: Request | null;
  try {
    request = await readRequest(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    print(Deno.stderr, `bench: ${error.message}; --help lists the flags\n`);
    return 2;
  }
  if (request === null) {
    print(Deno.stdout, HELP);
    return 0;
  }
  if (!request.isOpen) return await run(request);
  await using folder = await Folder.make();
  const flags = [...await makeCertificate(folder.path), ...OPEN_DOORS];
  return await run({ ...request, setting: { ...request.setting, flags } });
}

async function run({ isQuick, isJson, scenarios, setting }: Request): Promise<number> {
  const figures: Figure[] = [];
  const skipped: Skipped[] = [];
  let status = 0;
  for (const scenario of scenarios) {
    if (Deno.stderr.isTerminal()) print(Deno.stderr, `\r\x1b[K${scenario.name} ...`);
    try {
      figures.push(...await scenario.run(setting));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const isSkip = error instanceof SkipError;
      if (!isSkip) status = 1;
      skipped.push({ scenario: scenario.name, reason: (isSkip ? "" : "FAILED: ") + error.message });
    }
  }
  if (Deno.stderr.isTerminal()) print(Deno.stderr, "\r\x1b[K");
  const { os, arch } = Deno.build;
  const machine = `Deno ${Deno.version.deno}, ${os} ${arch}, ${navigator.hardwareConcurrency} CPUs`;
  const { other, baseline } = setting;
  const beside = baseline === null ? "floor" : "baseline";
  if (isJson) {
    const report = { machine, isQuick, beside, baseline, figures, skipped };
    print(Deno.stdout, JSON.stringify(report, null, 2) + "\n");
  } else {
    const server = other === null ? "Parley" : "server";
    print(Deno.stdout, `${machine}, loopback${isQuick ? ", quick run" : ""}\n`);
    print(Deno.stdout, baseline === null ? "\n" : `baseline: ${baseline}\n\n`);
    print(Deno.stdout, formatTable(figures, { server, beside, skipped }));
  }
  return status;
}

/** Reads the command line; null where it asks for help. */
async function readRequest(args: readonly string[]): Promise<Request | null> {
  const flags = parseArgs([...args], {
    boolean: ["quick", "json", "open", "help"],
    string: ["only", "rounds", "baseline", "server", "pid"],
    alias: { help: "h" },
    unknown: (arg) => {
      throw new UsageError(`Unknown "${arg}"`);
    },
  });
  if (flags["help"] === true) return null;
  const other = readServer(flags["server"], flags["pid"]);
  const only = flags["only"];
  const scenarios = SCENARIOS.filter(({ name, takesOther }) =>
    (typeof only !== "string" || name === only || name.startsWith(`${only}-`)) &&
    (other === null || takesOther)
  );
  if (scenarios.length === 0) throw new UsageError(`--only takes another name, not "${only}"`);
  const isQuick = flags["quick"] === true;
  const extent = isQuick ? QUICK : FULL;
  const rounds = readRounds(flags["rounds"]) ?? extent.rounds;
  const baseline = await readBaseline(flags["baseline"]);
  const setting: Setting = { other, baseline, flags: [], extent: { ...extent, rounds } };
  return {
    isOpen: flags["open"] === true,
    isQuick,
    isJson: flags["json"] === true,
    scenarios,
    setting,
  };
}

function readRounds(rounds: unknown): number | null {
  if (typeof rounds !== "string") return null;
  if (/^[1-9]\d?$/.test(rounds)) return Number(rounds);
  throw new UsageError(`--rounds takes a number from 1 to 99, not "${rounds}"`);
}

/** The absolute path of another checkout. */
async function readBaseline(folder: unknown): Promise<string | null> {
  if (typeof folder !== "string") return null;
  try {
    const path = await Deno.realPath(folder);
    await commandWords(path, "serve");
    return path;
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new UsageError(`--baseline takes the folder of a Parley, not "${folder}" (${why})`);
  }
}

function readServer(server: unknown, pid: unknown): Target | null {
  if (typeof pid === "string" && !/^\d+$/.test(pid)) {
    throw new UsageError(`--pid takes a number, not "${pid}"`);
  }
  if (typeof server !== "string") return null;
  const [, hostname, port] = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):(\d+)$/.exec(server) ?? [];
  if (hostname === undefined) {
    throw new UsageError(`--server takes a loopback address and a port, not "${server}"`);
  }
  return {
    hostname: hostname === "localhost" ? "127.0.0.1" : hostname.replace(/[[\]]/g, ""),
    port: Number(port),
    tlsPort: 0,
    webPort: 0,
    pid: typeof pid === "string" ? Number(pid) : null,
    isFloor: false,
    // It runs on: somebody else has started it.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function print(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}
