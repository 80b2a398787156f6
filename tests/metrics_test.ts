// What Prometheus reads: that it is in its format, that each number is the one that was counted or
// read, that names and types stay, and that measuring begins and ends when it is told to.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { Counters, Histogram } from "../lib/counters.ts";
import { LOOP_PROBE_MS } from "../lib/limits.ts";
import { Metrics, type MetricsOptions, type Readings } from "../lib/metrics.ts";
import { type Family, parseExposition } from "./fixtures/exposition.ts";
import { startTestServer, WAIT_MS } from "./harness.ts";

const NOTHING: Readings = {
  connections: { tcp: 0, tls: 0, web: 0 },
  connectionsMax: 10_000,
  users: 0,
  rooms: 1,
  sendQueueBytes: 0,
  unsavedMessages: 0,
  isReady: true,
  certificateEndsAtMs: null,
};

/** Metrics of a server that does not exist. */
function open(options: Partial<MetricsOptions> = {}): Metrics {
  return new Metrics({
    version: "1.2.3",
    counters: new Counters(),
    look: () => NOTHING,
    ...options,
  });
}

function scrape(metrics: Metrics): Map<string, Family> {
  return parseExposition(metrics.render());
}

/** The samples of one metric, without its name. */
function samplesOf(families: Map<string, Family>, name: string): Record<string, number> {
  const family = families.get(name);
  assert(family !== undefined, `${name} is not there`);
  return Object.fromEntries(
    [...family.samples].map(([key, value]) => [key.slice(name.length), value]),
  );
}

Deno.test("every counter is told as it was counted", () => {
  const counters = new Counters();
  // Each a number of its own, so that none can stand for another.
  let next = 1;
  const fill = (record: Record<string, number>): Record<string, number> => {
    for (const key of Object.keys(record)) record[key] = next++;
    return { ...record };
  };
  const accepted = fill(counters.accepted);
  const rejected = fill(counters.rejected);
  const refused = fill(counters.refused);
  const closed = fill(counters.closed);
  counters.messages = next++;
  counters.privateMessages = next++;
  counters.deliveries = next++;
  counters.appendFailures = next++;
  for (const status of [200, 429, 429, 401, 429]) counters.countBotRequest(status);
  using metrics = open({ counters });
  const families = scrape(metrics);
  const labelled = (name: string, values: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(values).map(([key, n]) => [`{${name}="${key}"}`, n]));
  const expected: Record<string, Record<string, number>> = {
    "parley_connections_accepted_total": labelled("via", accepted),
    "parley_connections_rejected_total": labelled("via", rejected),
    "parley_connections_refused_total": labelled("reason", refused),
    "parley_connections_closed_total": labelled("reason", closed),
    "parley_messages_total": labelled("kind", {
      room: counters.messages,
      private: counters.privateMessages,
    }),
    "parley_deliveries_total": { "": counters.deliveries },
    "parley_store_append_failures_total": { "": counters.appendFailures },
    "parley_bot_requests_total": labelled("code", { "200": 1, "401": 1, "429": 3 }),
  };
  for (const [name, samples] of Object.entries(expected)) {
    assertEquals(samplesOf(families, name), samples, name);
  }
});

Deno.test("everything else is told as it is at the moment of each scrape", () => {
  let readings: Readings = { ...NOTHING, certificateEndsAtMs: 1_700_000_000_500 };
  using metrics = open({ look: () => readings });
  const read = (): Record<string, Record<string, number>> => {
    const families = scrape(metrics);
    return Object.fromEntries([
      "parley_connections",
      "parley_connections_max",
      "parley_users",
      "parley_rooms",
      "parley_send_queue_bytes",
      "parley_unsaved_messages",
      "parley_ready",
      "parley_certificate_expiry_timestamp_seconds",
    ].map((name) => [name, samplesOf(families, name)]));
  };
  assertEquals(read(), {
    "parley_connections": { '{via="tcp"}': 0, '{via="tls"}': 0, '{via="web"}': 0 },
    "parley_connections_max": { "": 10_000 },
    "parley_users": { "": 0 },
    "parley_rooms": { "": 1 },
    "parley_send_queue_bytes": { "": 0 },
    "parley_unsaved_messages": { "": 0 },
    "parley_ready": { "": 1 },
    "parley_certificate_expiry_timestamp_seconds": { "": 1_700_000_000.5 },
  });
  readings = {
    connections: { tcp: 11, tls: 12, web: 13 },
    connectionsMax: 14,
    users: 15,
    rooms: 16,
    sendQueueBytes: 17,
    unsavedMessages: 18,
    isReady: false,
    certificateEndsAtMs: 19_000,
  };
  assertEquals(read(), {
    "parley_connections": { '{via="tcp"}': 11, '{via="tls"}': 12, '{via="web"}': 13 },
    "parley_connections_max": { "": 14 },
    "parley_users": { "": 15 },
    "parley_rooms": { "": 16 },
    "parley_send_queue_bytes": { "": 17 },
    "parley_unsaved_messages": { "": 18 },
    "parley_ready": { "": 0 },
    "parley_certificate_expiry_timestamp_seconds": { "": 19 },
  });
});

Deno.test("without a certificate, no time is told at which it ends", () => {
  using metrics = open();
  assert(!(scrape(metrics)).has("parley_certificate_expiry_timestamp_seconds"));
});

Deno.test("the process tells its version, its start, its memory and its time", () => {
  using metrics = open();
  const families = scrape(metrics);
  const only = (name: string): number => samplesOf(families, name)[""] ?? NaN;
  assertEquals(samplesOf(families, "parley_build_info"), {
    [`{version="1.2.3",deno="${Deno.version.deno}"}`]: 1,
  });
  assertEquals(only("process_start_time_seconds"), performance.timeOrigin / 1_000);
  assert(only("process_resident_memory_bytes") > only("process_heap_bytes"));
  assert(only("process_heap_bytes") > 1_000_000, "a heap is some megabytes at least");
  assert(only("process_cpu_seconds_total") > 0);
});

Deno.test("scrapes that overlap are whole, each of them", async () => {
  const counters = new Counters();
  using metrics = open({ counters });
  const texts = [1, 2, 3].map((messages) => {
    counters.messages = messages;
    return metrics.render();
  });
  const names = [...(scrape(metrics)).keys()];
  for (const text of await Promise.all(texts)) {
    assertEquals([...parseExposition(text).keys()], names);
  }
});

Deno.test("a histogram holds each value in the first bucket that is not below it", () => {
  const bounds = fc.uniqueArray(fc.double({ min: 0, max: 10, noNaN: true }), { maxLength: 8 })
    .map((numbers) => numbers.sort((a, b) => a - b));
  fc.assert(fc.property(
    bounds.chain((of) =>
      fc.tuple(
        fc.constant(of),
        fc.array(fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(0, ...of))),
      )
    ),
    ([of, values]) => {
      const histogram = new Histogram(of);
      for (const value of values) histogram.observe(value);
      const below = [...of, Infinity].map((bound) => values.filter((each) => each <= bound).length);
      assertEquals(
        histogram.counts,
        below.map((count, index) => count - (below[index - 1] ?? 0)),
      );
      assertEquals(histogram.count, values.length);
      assertEquals(histogram.sum, values.reduce((sum, value) => sum + value, 0));
    },
  ));
});

Deno.test("a histogram is told with buckets that hold those before them", () => {
  const counters = new Counters();
  for (const seconds of [0.000_03, 0.000_05, 0.003, 0.003, 7]) counters.appends.observe(seconds);
  using metrics = open({ counters });
  const samples = samplesOf(scrape(metrics), "parley_store_append_seconds");
  assertEquals({
    first: samples['_bucket{le="0.00005"}'],
    middle: samples['_bucket{le="0.005"}'],
    last: samples['_bucket{le="1"}'],
    all: samples['_bucket{le="+Inf"}'],
    count: samples["_count"],
    sum: samples["_sum"],
  }, { first: 2, middle: 4, last: 4, all: 5, count: 5, sum: counters.appends.sum });
});

Deno.test("how late the event loop is, is measured from opening to closing", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let nowMs = 1_000;
    const lag = (): { readonly count: number; readonly sum: number } => {
      const samples = samplesOf(scrape(metrics), "parley_event_loop_lag_seconds");
      return { count: samples["_count"] ?? NaN, sum: samples["_sum"] ?? NaN };
    };
    /** The loop comes to its timers so many milliseconds late. */
    const pass = (lateMs: number): void => {
      nowMs += LOOP_PROBE_MS + lateMs;
      mock.timers.tick(LOOP_PROBE_MS);
    };
    const metrics = open({ now: () => nowMs });
    assertEquals(lag(), { count: 0, sum: 0 });
    pass(0);
    pass(250);
    pass(1_000);
    assertEquals(lag(), { count: 3, sum: 1.25 });
    // A timer that the system wakes too early is not late.
    pass(-1);
    assertEquals(lag(), { count: 4, sum: 1.25 });
    metrics[Symbol.dispose]();
    pass(250);
    assertEquals(lag(), { count: 4, sum: 1.25 });
  } finally {
    mock.timers.reset();
  }
});

Deno.test("a server tells what has happened on it, and nothing of who did what", async () => {
  await using server = await startTestServer({
    metrics: { host: "127.0.0.1", port: 0 },
    connectionsMax: 3,
  });
  const url = `http://127.0.0.1:${server.metricsPort}/metrics`;
  const read = async (): Promise<string> => {
    const response = await fetch(url);
    assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return await response.text();
  };
  /** Those that are not zero, of the metrics whose numbers are the test's doing alone. */
  const told = (text: string): Record<string, number> => {
    const families = parseExposition(text);
    const names = [...families.keys()].filter((name) =>
      /^parley_(connections|users|rooms|messages|bot|unsaved|ready|send|store_append_f)/.test(name)
    );
    return Object.fromEntries(
      names.flatMap((name) => [...families.get(name)?.samples ?? []]).filter(([, n]) => n !== 0),
    );
  };
  const deliveries = (text: string): number =>
    samplesOf(parseExposition(text), "parley_deliveries_total")[""] ?? NaN;
  /** Scrapes until what has ended is counted: the server finds that out by itself. */
  const until = async (closed: number): Promise<string> => {
    for (const startedAtMs = Date.now();;) {
      const text = await read();
      const ends = samplesOf(parseExposition(text), "parley_connections_closed_total");
      const count = Object.values(ends).reduce((sum, n) => sum + n, 0);
      if (count === closed) return text;
      assert(Date.now() - startedAtMs < WAIT_MS, `Awaited ${closed} ends, and there are ${count}`);
    }
  };

  const quiet = { "parley_connections_max": 3, "parley_ready": 1, "parley_rooms": 1 };
  assertEquals(told(await read()), quiet);

  await using ann = await server.join("ann");
  await using bob = await server.join("bob");
  await using eve = await server.join("eve-who-is-in-no-metric");
  await using fourth = await server.connect();
  assertEquals(await fourth.untilClosed(), ["-- Parley is full. Try again later."]);
  for (const guest of [ann, bob, eve]) await guest.roundtrip();
  const before = deliveries(await until(1));
  ann.say("nobody finds this in a metric");
  for (const guest of [bob, eve]) await guest.until(/: nobody finds this in a metric$/);
  assertEquals(deliveries(await read()) - before, 2, "one for each who hears it");
  ann.say("/msg bob nor this");
  await bob.until(/nor this$/);
  eve.say("/quit");
  await eve.untilClosed();
  await until(2);
  await using browser = await server.connect();
  browser.send("GET / HTTP/1.1\r\n\r\n");
  await browser.untilClosed();

  const text = await until(3);
  assertEquals(told(text), {
    ...quiet,
    'parley_connections{via="tcp"}': 2,
    'parley_connections_accepted_total{via="tcp"}': 5,
    'parley_connections_refused_total{reason="server-full"}': 1,
    'parley_connections_refused_total{reason="wrong-protocol"}': 1,
    'parley_connections_closed_total{reason="quit"}': 1,
    'parley_connections_closed_total{reason="refused"}': 2,
    "parley_users": 2,
    'parley_messages_total{kind="room"}': 1,
    'parley_messages_total{kind="private"}': 1,
  });
  const appends = samplesOf(parseExposition(text), "parley_store_append_seconds");
  assertEquals(appends["_count"], 1, "what was said to bob alone is not stored");
  assert((appends["_sum"] ?? 0) > 0);
  assertEquals(/eve-who|nobody|lobby|127\.0\.0\.1/.exec(text), null);
});

Deno.test("metrics that are open need no permission any more", async () => {
  const lib = (file: string): string =>
    JSON.stringify(new URL(`../lib/${file}`, import.meta.url).href);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { Metrics } from ${lib("metrics.ts")};
      import { Counters } from ${lib("counters.ts")};
      import { dropPrivileges } from ${lib("privileges.ts")};
      const look = () => (${JSON.stringify(NOTHING)});
      using metrics = new Metrics({ version: "1", counters: new Counters(), look });
      await dropPrivileges();
      console.log(metrics.render());`,
    ],
    cwd: new URL("..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  const families = parseExposition(new TextDecoder().decode(stdout).trimEnd() + "\n");
  assertEquals(samplesOf(families, "parley_rooms"), { "": 1 });
});

Deno.test("the reader of these tests takes nothing that Prometheus would not", () => {
  const right = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c"} 1\n';
  assertEquals(parseExposition(right).get("a_total")?.samples, new Map([['a_total{b="c"}', 1]]));
  const wrong = [
    right.trimEnd(),
    right.replace("counter", "gauge"),
    right.replace("# TYPE a_total counter\n", ""),
    right.replace("# HELP a_total x\n", ""),
    right.replace("} 1", "} one"),
    right.replace("} 1", "} -1"),
    right.replace('"c"', '"c'),
    right.replace('"c"', '"c\\x"'),
    right.replace("a_total{", "b_total{"),
    right + right,
    `${right}a_total{b="c"} 2\n`,
    '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
    '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  ];
  for (const text of wrong) assertThrows(() => parseExposition(text), SyntaxError, undefined, text);
});
