/**
 * What is counted and what is there to see, as Prometheus reads it: its text
 * format 0.0.4.
 *
 * Written here, since all of it is numbers that are kept elsewhere: the usual
 * library would keep them a second time, and `deno compile` fails on it.
 * A server whose metrics are off loads nothing of this and runs no timer for it. Nothing that a user wrote is in a metric: no names, rooms or addresses.
 * Each is documented in `deploy/README.md`; names are stable.
 * Must not know: HTTP, the chat, connections (it is told their numbers).
 *
 * @module
 */

import process from "node:process";
import { type ByWay, type Counters, Histogram } from "./counters.ts";
import { LOOP_LAG_BOUNDS_SECONDS, LOOP_PROBE_MS } from "./limits.ts";

/** The state of a server at one moment. */
export interface Readings {
  /** Open connections. */
  readonly connections: ByWay;
  /** How many there may be. */
  readonly connectionsMax: number;
  /** Users who are here, those included who are waited for. */
  readonly users: number;
  /** Rooms that there are, with or without anybody in them. */
  readonly rooms: number;
  /** Bytes that wait for all peers together. */
  readonly sendQueueBytes: number;
  /** Messages that are not stored yet. */
  readonly unsavedMessages: number;
  /** Whether it does what it is there for. */
  readonly isReady: boolean;
  /** When the certificate ends, in epoch milliseconds; null without TLS. */
  readonly certificateEndsAtMs: number | null;
}

/** What metrics are made of. */
export interface MetricsOptions {
  /** The program's version. */
  readonly version: string;
  /** What was counted so far. */
  readonly counters: Counters;
  /** Looks at everything else. Called once for each scrape. */
  readonly look: () => Readings;
  /** A clock that is never set, in milliseconds; `performance.now` by default. */
  readonly now?: () => number;
}

/** A number, or one for each value of a label. */
type Samples = number | Iterable<readonly [labelValue: string | number, value: number]>;

/** One metric by its name, and where its numbers come from. */
interface Source {
  readonly name: string;
  readonly help: string;
  /** Where there is one number for each value of a label. */
  readonly label?: string;
  readonly read: () => Samples;
}

/** The metrics of a running server, and how late its event loop is. */
export class Metrics implements Disposable {
  readonly #look: () => Readings;
  readonly #probe: LoopProbe;
  /** Each writes the lines of one metric. */
  readonly #writers: (() => string)[] = [];
  /** As of the last scrape. */
  #readings: Readings;

  /** Begins to measure. */
  constructor(options: MetricsOptions) {
    const { version, counters, look, now = () => performance.now() } = options;
    this.#look = look;
    this.#readings = look();
    this.#probe = new LoopProbe(now);
    this.#addProcess(version);
    this.#addConnections(counters);
    this.#addChat(counters);
    this.#addStore(counters);
  }

  /** Everything as it is now, in the text format. */
  render(): string {
    this.#readings = this.#look();
    return this.#writers.map((write) => write()).join("");
  }

  /** Stops measuring. */
  [Symbol.dispose](): void {
    this.#probe[Symbol.dispose]();
  }

  #addProcess(version: string): void {
    const build = `{version=${quote(version)},deno=${quote(Deno.version.deno)}}`;
    const info = { name: "parley_build_info", help: "Always 1; which program this is." };
    this.#writers.push(() => `${head(info, "gauge")}${info.name}${build} 1\n`);
    // Those that every program has are called as in every program.
    this.#gauge({
      name: "process_start_time_seconds",
      help: "When the process started, in seconds since 1970.",
      read: () => performance.timeOrigin / 1_000,
    });
    this.#counter({
      name: "process_cpu_seconds_total",
      help: "Processor time that the process took, in seconds.",
      read: () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1_000_000;
      },
    });
    this.#gauge({
      name: "process_resident_memory_bytes",
      help: "Memory that the process occupies, in bytes.",
      read: () => Deno.memoryUsage().rss,
    });
    this.#gauge({
      name: "process_heap_bytes",
      help: "The part of it that holds JavaScript objects in use, in bytes.",
      read: () => Deno.memoryUsage().heapUsed,
    });
    this.#histogram({
      name: "parley_event_loop_lag_seconds",
      help: `How late a timer was, of one each ${LOOP_PROBE_MS} ms: how long everybody waited.`,
      histogram: this.#probe.lag,
    });
  }

  #addConnections(counters: Counters): void {
    this.#gauge({
      name: "parley_ready",
      help: "Whether the server takes people in and stores what they say: 1 or 0.",
      read: () => this.#readings.isReady ? 1 : 0,
    });
    this.#gauge({
      name: "parley_connections",
      help: "Open connections.",
      label: "via",
      read: () => Object.entries(this.#readings.connections),
    });
    this.#gauge({
      name: "parley_connections_max",
      help: "How many there may be (--max-connections).",
      read: () => this.#readings.connectionsMax,
    });
    this.#counter({
      name: "parley_connections_accepted_total",
      help: "Connections that got as far as speaking lines.",
      label: "via",
      read: () => Object.entries(counters.accepted),
    });
    this.#counter({
      name: "parley_connections_rejected_total",
      help: "Connections that did not: no TLS handshake, no WebSocket, no PROXY header.",
      label: "via",
      read: () => Object.entries(counters.rejected),
    });
    this.#counter({
      name: "parley_connections_refused_total",
      help: "Accepted connections that were told to go at once.",
      label: "reason",
      read: () => Object.entries(counters.refused),
    });
    this.#counter({
      name: "parley_connections_closed_total",
      help: "Accepted connections that are closed, by why they ended.",
      label: "reason",
      read: () => Object.entries(counters.closed),
    });
    this.#gauge({
      name: "parley_send_queue_bytes",
      help: "Bytes that wait for all peers together.",
      read: () => this.#readings.sendQueueBytes,
    });
    this.#writers.push(() => this.#formatExpiry());
  }

  /** Nothing where there is no certificate. */
  #formatExpiry(): string {
    const { certificateEndsAtMs } = this.#readings;
    if (certificateEndsAtMs === null) return "";
    const metric = {
      name: "parley_certificate_expiry_timestamp_seconds",
      help: "When the certificate ends, in seconds since 1970.",
    };
    return `${head(metric, "gauge")}${metric.name} ${certificateEndsAtMs / 1_000}\n`;
  }

  #addChat(counters: Counters): void {
    this.#gauge({
      name: "parley_users",
      help: "Users who are here, those included who are waited for.",
      read: () => this.#readings.users,
    });
    this.#gauge({
      name: "parley_rooms",
      help: "Rooms that there are.",
      read: () => this.#readings.rooms,
    });
    this.#counter({
      name: "parley_messages_total",
      help: "What was said, in rooms and to one person.",
      label: "kind",
      read: () => [["room", counters.messages], ["private", counters.privateMessages]],
    });
    this.#counter({
      name: "parley_deliveries_total",
      help: "Events handed to a connection.",
      read: () => counters.deliveries,
    });
    this.#counter({
      name: "parley_bot_requests_total",
      help: "Requests of bots over HTTP, by the status of the answer.",
      label: "code",
      read: () => counters.botRequests,
    });
  }

  #addStore(counters: Counters): void {
    this.#histogram({
      name: "parley_store_append_seconds",
      help: "How long it took to store what was said in a turn.",
      histogram: counters.appends,
    });
    this.#counter({
      name: "parley_store_append_failures_total",
      help: "Tries to store what was said that failed.",
      read: () => counters.appendFailures,
    });
    this.#gauge({
      name: "parley_unsaved_messages",
      help: "Messages that are in memory alone.",
      read: () => this.#readings.unsavedMessages,
    });
  }

  #gauge(source: Source): void {
    this.#writers.push(() => head(source, "gauge") + formatSamples(source));
  }

  #counter(source: Source): void {
    this.#writers.push(() => head(source, "counter") + formatSamples(source));
  }

  #histogram(
    of: { readonly name: string; readonly help: string; readonly histogram: Histogram },
  ): void {
    this.#writers.push(() => head(of, "histogram") + formatHistogram(of.name, of.histogram));
  }
}

function head(
  { name, help }: { readonly name: string; readonly help: string },
  type: "counter" | "gauge" | "histogram",
): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function formatSamples({ name, label = "", read }: Source): string {
  const samples = read();
  if (typeof samples === "number") return `${name} ${samples}\n`;
  return Array.from(samples)
    .map(([labelValue, value]) => `${name}{${label}=${quote(labelValue)}} ${value}\n`).join("");
}

/** Buckets hold all that is not above their bound: each includes the one before. */
function formatHistogram(name: string, { bounds, counts, count, sum }: Histogram): string {
  let below = 0;
  const buckets = counts.map((inBucket, index) =>
    `${name}_bucket{le=${quote(bounds[index] ?? "+Inf")}} ${below += inBucket}\n`
  );
  return `${buckets.join("")}${name}_sum ${sum}\n${name}_count ${count}\n`;
}

/** A label's value; none of ours has a quotation mark, a backslash or a line's end in it. */
function quote(value: string | number): string {
  return `"${value}"`;
}

/** Finds out how late timers are. */
class LoopProbe implements Disposable {
  /** In seconds. */
  readonly lag = new Histogram(LOOP_LAG_BOUNDS_SECONDS);
  readonly #now: () => number;
  #dueAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins at once. */
  constructor(now: () => number) {
    this.#now = now;
    this.#start();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #start(): void {
    this.#dueAtMs = this.#now() + LOOP_PROBE_MS;
    this.#timer = setTimeout(() => {
      // The system may wake a timer a moment before its time.
      this.lag.observe(Math.max(0, this.#now() - this.#dueAtMs) / 1_000);
      this.#start();
    }, LOOP_PROBE_MS);
  }
}
