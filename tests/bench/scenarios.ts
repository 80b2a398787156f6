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
import { type Scenario, type Setting, SkipError } from "./scenario.ts";
import { doors } from "./doors.ts";
import { screen } from "./screen.ts";
import { store } from "./store.ts";
import type { Figure } from "./table.ts";
import { median, rest, timeStart } from "./timing.ts";

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
  { name: "store", takesOther: false, run: store },
  { name: "doors", takesOther: false, run: doors },
  { name: "screen", takesOther: false, run: screen },
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

/** What the rounds gave, of the server and of what it is compared with. */
interface Rounds<Result> {
  readonly server: readonly Result[];
  /** Null where it is compared with nothing. */
  readonly beside: readonly Result[] | null;
}

/**
 * Does the same to the server and to what it is compared with, in turns, so that what
 * disturbs the machine for a while disturbs both.
 */
async function compare<Result>(
  setting: Setting,
  { rounds, isForFloor }: { rounds: number; isForFloor: boolean },
  measure: (target: Target) => Promise<Result>,
): Promise<Rounds<Result>> {
  const startBeside = rivalOf(setting, { isForFloor });
  const server: Result[] = [];
  const beside: Result[] = [];
  while (server.length < rounds) {
    server.push(await onServer(setting, measure));
    if (startBeside !== null) beside.push(await on(startBeside, measure));
  }
  return { server, beside: startBeside === null ? null : beside };
}

/** How to start what the server is compared with; null where there is nothing to compare with. */
function rivalOf(
  { baseline }: Setting,
  { isForFloor }: { isForFloor: boolean },
): (() => Promise<Target>) | null {
  if (baseline !== null) return () => startParley({ root: baseline });
  return isForFloor ? startFloor : null;
}

function onServer<Result>(
  { other, flags }: Setting,
  measure: (target: Target) => Promise<Result>,
): Promise<Result> {
  return other === null ? on(() => startParley({ flags }), measure) : measure(other);
}

async function on<Result>(
  startTarget: () => Promise<Target>,
  measure: (target: Target) => Promise<Result>,
): Promise<Result> {
  await using target = await startTarget();
  return await measure(target);
}

/** Makes lines of the table, of one scenario. */
function figuresOf<Result>(
  scenario: string,
  { server, beside }: Rounds<Result>,
): (
  figure: string,
  pick: (result: Result) => number | null,
  which?: "least" | "most",
) => Figure {
  return (figure, pick, which = "least") => {
    const of = (results: readonly Result[]): number | null => {
      const values = results.map(pick).filter((value) => value !== null);
      if (values.length === 0) return null;
      return which === "least" ? Math.min(...values) : Math.max(...values);
    };
    return {
      scenario,
      figure,
      server: of(server),
      beside: beside === null ? undefined : of(beside),
    };
  };
}

/** Of rates the most and of times the least: a disturbance only ever slows down. */
async function fanout(setting: Setting, users: number): Promise<Figure[]> {
  const options = { rounds: setting.extent.rounds, isForFloor: true };
  const rounds = await compare(setting, options, (target) =>
    runLoad(target, {
      ...requestFor(target, setting),
      mode: "fanout",
      users,
      durationMs: setting.extent.fanoutMs,
    }));
  const figure = figuresOf(`fan-out, ${users.toLocaleString("en-US")} users`, rounds);
  return [
    figure("deliveries/s", deliveriesPerSecond, "most"),
    figure("CPU us/delivery", cpuUsPerDelivery),
  ];
}

async function latency(setting: Setting): Promise<Figure[]> {
  const options = { rounds: setting.extent.rounds, isForFloor: true };
  const rounds = await compare(setting, options, (target) =>
    runLoad(target, {
      ...requestFor(target, setting),
      mode: "latency",
      users: LATENCY_USERS,
      durationMs: setting.extent.latencyMs,
    }));
  const scenario = `latency, ${LATENCY_USERS} users, ${LATENCY_PER_SECOND} messages/s`;
  const figure = figuresOf(scenario, rounds);
  return [
    figure("p50 ms", ({ result }) => result.p50Ms),
    figure("p99 ms", ({ result }) => result.p99Ms),
    figure("max ms", ({ result }) => result.maxMs),
    figure("CPU us/delivery", cpuUsPerDelivery),
  ];
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
  const rounds = await compare(setting, { rounds: 1, isForFloor: true }, measure);
  const figure = figuresOf(`idle, ${users.toLocaleString("en-US")} connections`, rounds);
  return [
    figure("connects/s", ({ connectsPerSecond }) => connectsPerSecond),
    figure("KiB/connection", ({ kibEach }) => kibEach),
    figure("RSS MiB with nobody in it", ({ emptyMib }) => emptyMib),
  ];
}

interface IdleOutcome {
  readonly connectsPerSecond: number;
  readonly emptyMib: number | null;
  readonly kibEach: number | null;
}

/** Not for the floor, which would keep whatever is not read. */
async function slow(setting: Setting): Promise<Figure[]> {
  const { rounds } = setting.extent;
  const turns: { all: Rounds<Outcome>; some: Rounds<Outcome> }[] = [];
  // In turns here as well.
  while (turns.length < rounds) {
    turns.push({
      all: await runSlow(setting, 0),
      some: await runSlow(setting, SLOW_NEVER_READ),
    });
  }
  const some = joinRounds(turns.map((turn) => turn.some));
  return [
    ...slowFigures(0, joinRounds(turns.map((turn) => turn.all))),
    ...slowFigures(SLOW_NEVER_READ, some),
    figuresOf(slowName(SLOW_NEVER_READ), some)(
      "closed by the server",
      ({ result }) => result.slowClosed,
    ),
  ];
}

function runSlow(setting: Setting, slowUsers: number): Promise<Rounds<Outcome>> {
  const { warmUpMs, slowMs } = setting.extent;
  const runBytes = (warmUpMs + slowMs) / 1000 * SLOW_PER_SECOND * SLOW_MESSAGE_BYTES;
  return compare(setting, { rounds: 1, isForFloor: false }, (target) =>
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

function joinRounds<Result>(rounds: readonly Rounds<Result>[]): Rounds<Result> {
  const hasBeside = rounds.some(({ beside }) => beside !== null);
  return {
    server: rounds.flatMap(({ server }) => server),
    beside: hasBeside ? rounds.flatMap(({ beside }) => beside ?? []) : null,
  };
}

/** Of each time the best round, of memory the worst. */
function slowFigures(slowUsers: number, rounds: Rounds<Outcome>): Figure[] {
  const figure = figuresOf(slowName(slowUsers), rounds);
  return [
    figure("p50 ms of the others", ({ result }) => result.p50Ms),
    figure("p99 ms of the others", ({ result }) => result.p99Ms),
    figure("peak RSS MiB", ({ peakMib }) => peakMib, "most"),
  ];
}

function slowName(slowUsers: number): string {
  return `${SLOW_USERS.toLocaleString("en-US")} users, ${slowUsers} never read`;
}

async function start(setting: Setting): Promise<Figure[]> {
  const { extent: { starts }, flags } = setting;
  const startBeside = rivalOf(setting, { isForFloor: false });
  const timesMs: number[] = [];
  const besideMs: number[] = [];
  while (timesMs.length < starts) {
    timesMs.push(await timeOneStart(() => startParley({ flags })));
    if (startBeside !== null) besideMs.push(await timeOneStart(startBeside));
  }
  return [{
    scenario: `start, median of ${starts}`,
    figure: "ms to a pong",
    server: median(timesMs),
    beside: startBeside === null ? undefined : median(besideMs),
  }];
}

async function timeOneStart(startTarget: () => Promise<Target>): Promise<number> {
  await using started = await timeStart(startTarget);
  return started.tookMs;
}

async function micro({ extent }: Setting): Promise<Figure[]> {
  const figures = JSON.parse(
    await runScript("micro.ts", { argument: `${extent.microMs}` }),
  ) as MicroFigures;
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

function deliveriesPerSecond({ result }: Outcome): number {
  return result.deliveries / result.tookMs * 1000;
}

function cpuUsPerDelivery({ cpuMs, result }: Outcome): number | null {
  return cpuMs === null ? null : cpuMs * 1000 / result.deliveries;
}
