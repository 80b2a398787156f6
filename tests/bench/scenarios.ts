/**
 * What the benchmark does to a server, and which figures come of it.
 *
 * @module
 */

import type { LoadRequest, LoadResult } from "./load.ts";
import { MICRO_LINE_BYTES, type MicroFigures } from "./micro.ts";
import {
  Load,
  readFileLimit,
  readUsage,
  runScript,
  startFloor,
  startParley,
  type Target,
} from "./processes.ts";
import type { Figure } from "./table.ts";

/** How a scenario is run. */
export interface Setting {
  /** A server to measure instead of Parley; null for Parley. */
  readonly other: Target | null;
  /** How long, and how many. */
  readonly extent: Extent;
}

/** How long the scenarios take, and how large they are. */
export interface Extent {
  readonly warmUpMs: number;
  readonly fanoutMs: number;
  readonly latencyMs: number;
  readonly slowMs: number;
  /** How often latencies are measured; the best counts. */
  readonly rounds: number;
  readonly idleConnections: number;
  readonly starts: number;
  readonly microMs: number;
}

/** The default run. */
export const FULL: Extent = {
  warmUpMs: 500,
  fanoutMs: 2_500,
  latencyMs: 5_000,
  slowMs: 3_500,
  rounds: 2,
  idleConnections: 5_000,
  starts: 10,
  microMs: 500,
};

/** The `--quick` run: shorter, so less exact. */
export const QUICK: Extent = {
  warmUpMs: 100,
  fanoutMs: 200,
  latencyMs: 600,
  slowMs: 500,
  rounds: 1,
  idleConnections: 1_000,
  starts: 3,
  microMs: 50,
};

/** One thing to do. */
export interface Scenario {
  /** What `--only` calls it. */
  readonly name: string;
  /** Whether it can measure a server other than Parley. */
  readonly takesOther: boolean;
  run(setting: Setting): Promise<Figure[]>;
}

/** A scenario cannot be run here, and why. */
export class SkipError extends Error {
  override readonly name = "SkipError";
}

const MESSAGE_BYTES = 64;
const LATENCY_USERS = 200;
const LATENCY_PER_SECOND = 200;

const SLOW_USERS = 1_000;
const SLOW_NEVER_READ = 100;
/** Long messages: only so does what is not read fill the kernel's buffers, and then the server's. */
const SLOW_MESSAGE_BYTES = 2_000;
const SLOW_PER_SECOND = 50;
/** More than Linux holds for one who never reads (some 4 MB by default), and the server behind it. */
const SLOW_TOTAL_BYTES = 4_500_000;

/** A server has come to rest when it used no more processor time than this for so long. */
const REST_CPU_MS = 10;
const REST_MS = 200;
const REST_MS_MAX = 8_000;

/** Files that a process has open besides its connections. */
const OTHER_FILES = 64;

/** Every scenario, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "fanout-10", takesOther: true, run: (setting) => fanout(setting, 10) },
  { name: "fanout-100", takesOther: true, run: (setting) => fanout(setting, 100) },
  { name: "fanout-1000", takesOther: true, run: (setting) => fanout(setting, 1_000) },
  { name: "latency", takesOther: true, run: latency },
  { name: "idle", takesOther: true, run: idle },
  { name: "slow", takesOther: true, run: slow },
  { name: "start", takesOther: false, run: start },
  { name: "micro", takesOther: false, run: micro },
];

/** What one run of the load gave. */
interface Outcome {
  readonly result: LoadResult;
  readonly cpuMs: number | null;
  readonly peakMib: number | null;
}

async function runLoad(target: Target, request: LoadRequest): Promise<Outcome> {
  await checkFileLimit(request.users);
  await using load = new Load(request);
  await load.next("connected");
  await load.next("begin");
  const before = await readUsage(target.pid);
  await load.next("end");
  const after = await readUsage(target.pid);
  const result = await load.next("result");
  return {
    result,
    cpuMs: before === null || after === null ? null : after.cpuMs - before.cpuMs,
    peakMib: after === null ? null : after.residentPeakKib / 1024,
  };
}

/** Does the same to the server and to the floor, one after the other. */
async function compare<Result>(
  setting: Setting,
  measure: (target: Target) => Promise<Result>,
): Promise<{ server: Result; floor: Result }> {
  return { server: await onServer(setting, measure), floor: await on(startFloor, measure) };
}

function onServer<Result>(
  { other }: Setting,
  measure: (target: Target) => Promise<Result>,
): Promise<Result> {
  return other === null ? on(startParley, measure) : measure(other);
}

async function on<Result>(
  startTarget: () => Promise<Target>,
  measure: (target: Target) => Promise<Result>,
): Promise<Result> {
  await using target = await startTarget();
  return await measure(target);
}

async function fanout(setting: Setting, users: number): Promise<Figure[]> {
  const { server, floor } = await compare(setting, (target) =>
    runLoad(target, {
      ...requestFor(target, setting),
      mode: "fanout",
      users,
      durationMs: setting.extent.fanoutMs,
    }));
  const scenario = `fan-out, ${users.toLocaleString("en-US")} users`;
  return [
    {
      scenario,
      figure: "deliveries/s",
      server: deliveriesPerSecond(server),
      floor: deliveriesPerSecond(floor),
    },
    {
      scenario,
      figure: "CPU us/delivery",
      server: cpuUsPerDelivery(server),
      floor: cpuUsPerDelivery(floor),
    },
  ];
}

async function latency(setting: Setting): Promise<Figure[]> {
  const rounds: { server: Outcome; floor: Outcome }[] = [];
  while (rounds.length < setting.extent.rounds) {
    rounds.push(
      await compare(setting, (target) =>
        runLoad(target, {
          ...requestFor(target, setting),
          mode: "latency",
          users: LATENCY_USERS,
          durationMs: setting.extent.latencyMs,
        })),
    );
  }
  const scenario = `latency, ${LATENCY_USERS} users, ${LATENCY_PER_SECOND} messages/s`;
  const row = (figure: string, pick: (outcome: Outcome) => number | null): Figure => ({
    scenario,
    figure,
    server: best(rounds.map(({ server }) => server), pick),
    floor: best(rounds.map(({ floor }) => floor), pick),
  });
  return [
    row("p50 ms", ({ result }) => result.p50Ms),
    row("p99 ms", ({ result }) => result.p99Ms),
    row("max ms", ({ result }) => result.maxMs),
    row("CPU us/delivery", cpuUsPerDelivery),
  ];
}

/** The least of some rounds: a disturbance only ever adds. */
function best(
  outcomes: readonly Outcome[],
  pick: (outcome: Outcome) => number | null,
): number | null {
  const least = Math.min(...outcomes.map((outcome) => pick(outcome) ?? Infinity));
  return Number.isFinite(least) ? least : null;
}

async function idle(setting: Setting): Promise<Figure[]> {
  const users = setting.extent.idleConnections;
  await checkFileLimit(users);
  const measure = async (target: Target): Promise<IdleOutcome> => {
    await rest(target);
    const empty = await readUsage(target.pid);
    await using load = new Load({ ...requestFor(target, setting), mode: "idle", users });
    const { tookMs } = await load.next("connected");
    await rest(target);
    const full = await readUsage(target.pid);
    return {
      connectsPerSecond: users / tookMs * 1000,
      emptyMib: empty === null ? null : empty.residentKib / 1024,
      kibEach: empty === null || full === null
        ? null
        : (full.residentKib - empty.residentKib) / users,
    };
  };
  const { server, floor } = await compare(setting, measure);
  const scenario = `idle, ${users.toLocaleString("en-US")} connections`;
  const row = (figure: string, key: keyof IdleOutcome): Figure => ({
    scenario,
    figure,
    server: server[key],
    floor: floor[key],
  });
  return [
    row("connects/s", "connectsPerSecond"),
    row("KiB/connection", "kibEach"),
    row("RSS MiB with nobody in it", "emptyMib"),
  ];
}

interface IdleOutcome {
  readonly connectsPerSecond: number;
  readonly emptyMib: number | null;
  readonly kibEach: number | null;
}

/** Not for the floor, which would keep whatever is not read. */
async function slow(setting: Setting): Promise<Figure[]> {
  const all: Outcome[] = [];
  const some: Outcome[] = [];
  // In turns, so that what disturbs the machine for a while disturbs both.
  for (let round = 0; round < setting.extent.rounds; round++) {
    all.push(await runSlow(setting, 0));
    some.push(await runSlow(setting, SLOW_NEVER_READ));
  }
  const closed = Math.min(...some.map(({ result }) => result.slowClosed));
  return [
    ...slowFigures(0, all),
    ...slowFigures(SLOW_NEVER_READ, some),
    { scenario: slowName(SLOW_NEVER_READ), figure: "closed by the server", server: closed },
  ];
}

function runSlow(setting: Setting, slowUsers: number): Promise<Outcome> {
  const { warmUpMs, slowMs } = setting.extent;
  const runBytes = (warmUpMs + slowMs) / 1000 * SLOW_PER_SECOND * SLOW_MESSAGE_BYTES;
  return onServer(setting, (target) =>
    runLoad(target, {
      ...requestFor(target, setting),
      mode: "latency",
      users: SLOW_USERS,
      slowUsers,
      // What is missing then comes while the others are timed.
      prefillBytes: slowUsers === 0 ? 0 : SLOW_TOTAL_BYTES - runBytes,
      messageBytes: SLOW_MESSAGE_BYTES,
      perSecond: SLOW_PER_SECOND,
      durationMs: slowMs,
    }));
}

/** Of each time the best round, of memory the worst. */
function slowFigures(slowUsers: number, outcomes: readonly Outcome[]): Figure[] {
  const scenario = slowName(slowUsers);
  const peaks = outcomes.map(({ peakMib }) => peakMib ?? NaN);
  return [
    {
      scenario,
      figure: "p50 ms of the others",
      server: best(outcomes, ({ result }) => result.p50Ms),
    },
    {
      scenario,
      figure: "p99 ms of the others",
      server: best(outcomes, ({ result }) => result.p99Ms),
    },
    { scenario, figure: "peak RSS MiB", server: Math.max(...peaks) },
  ];
}

function slowName(slowUsers: number): string {
  return `${SLOW_USERS.toLocaleString("en-US")} users, ${slowUsers} never read`;
}

async function start({ extent }: Setting): Promise<Figure[]> {
  const timesMs: number[] = [];
  for (let i = 0; i < extent.starts; i++) {
    const startMs = performance.now();
    await using target = await startParley();
    using conn = await Deno.connect(target);
    await conn.write(new TextEncoder().encode("/ping\n"));
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    for (let text = ""; !text.includes("pong");) {
      const count = await conn.read(buffer);
      if (count === null) throw new Error("Server closed the connection before it answered");
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
    timesMs.push(performance.now() - startMs);
  }
  timesMs.sort((a, b) => a - b);
  const median = timesMs[Math.floor(timesMs.length / 2)] ?? null;
  return [{
    scenario: `start, median of ${extent.starts}`,
    figure: "ms to a pong",
    server: median,
  }];
}

async function micro({ extent }: Setting): Promise<Figure[]> {
  const figures = JSON.parse(await runScript("micro.ts", `${extent.microMs}`)) as MicroFigures;
  const scenario = "parts alone";
  const linesPerSecond = 1e9 / figures.decoderNsPerLine;
  return [
    { scenario, figure: "decoder, MB/s", server: linesPerSecond * MICRO_LINE_BYTES / 1e6 },
    { scenario, figure: "decoder, lines/s", server: linesPerSecond },
    { scenario, figure: "cleanText ASCII, ns/line", server: figures.cleanAsciiNsPerLine },
    { scenario, figure: "cleanText Cyrillic, ns/line", server: figures.cleanCyrillicNsPerLine },
    { scenario, figure: "Broadcast to 1,000, ns/delivery", server: figures.broadcastNsPerDelivery },
    { scenario, figure: "send queue, ns/push", server: figures.sendQueueNsPerPush },
  ];
}

/** What all requests have in common. */
function requestFor({ hostname, port, isFloor }: Target, { extent }: Setting): LoadRequest {
  return {
    mode: "idle",
    hostname,
    port,
    users: 0,
    slowUsers: 0,
    prefillBytes: 0,
    messageBytes: MESSAGE_BYTES,
    perSecond: LATENCY_PER_SECOND,
    warmUpMs: extent.warmUpMs,
    durationMs: 0,
    // What the floor still owes at the end may take it seconds.
    isChecked: !isFloor,
  };
}

async function checkFileLimit(users: number): Promise<void> {
  const limit = await readFileLimit();
  if (limit >= users + OTHER_FILES) return;
  throw new SkipError(`it takes ${users + OTHER_FILES} open files, and "ulimit -n" is ${limit}`);
}

/** Waits until the server has nothing more to do. */
async function rest({ pid }: Target): Promise<void> {
  const giveUpMs = performance.now() + REST_MS_MAX;
  for (let last = await readUsage(pid); performance.now() < giveUpMs;) {
    await new Promise<void>((resolve) => setTimeout(resolve, REST_MS));
    const usage = await readUsage(pid);
    if (last === null || usage === null || usage.cpuMs - last.cpuMs <= REST_CPU_MS) return;
    last = usage;
  }
}

function deliveriesPerSecond({ result }: Outcome): number {
  return result.deliveries / result.tookMs * 1000;
}

function cpuUsPerDelivery({ cpuMs, result }: Outcome): number | null {
  return cpuMs === null ? null : cpuMs * 1000 / result.deliveries;
}
