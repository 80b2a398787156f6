/**
 * The same fan-out through each door: plain text and JSON over TCP, TLS, and WebSockets
 * with and without TLS, on one server that has them all open.
 *
 * @module
 */

import type { DoorsEvent, DoorsRequest, Way } from "./doors_load.ts";
import {
  Child,
  Folder,
  makeCertificate,
  readUsage,
  startParley,
  type Target,
} from "./processes.ts";
import type { Setting } from "./scenario.ts";
import type { Figure } from "./table.ts";
import { rest } from "./timing.ts";

const MESSAGE_BYTES = 64;
const EVENT_MS = 120_000;

/** Each way, and the door that it goes through. */
const WAYS: readonly (readonly [way: Way, label: string, port: (target: Target) => number])[] = [
  ["tcp", "plain text over TCP", ({ port }) => port],
  ["tls", "plain text over TLS", ({ tlsPort }) => tlsPort],
  ["json", "JSON over TCP", ({ port }) => port],
  ["ws", "JSON over WebSocket", ({ webPort }) => webPort],
  ["wss", "JSON over WebSocket and TLS", ({ webPort }) => webPort],
];

/** Runs the scenario `doors`. */
export async function doors({ extent }: Setting): Promise<Figure[]> {
  const figures: Figure[] = [];
  await using folder = await Folder.make();
  const certificate = await makeCertificate(folder.path);
  for (const [way, label, portOf] of WAYS) {
    let best: Measured | null = null;
    for (let round = 0; round < extent.rounds; round++) {
      const measured = await measure(way, { portOf, certificate, extent });
      if (best === null || measured.perSecond > best.perSecond) best = measured;
    }
    const scenario = `doors, ${extent.doorUsers} users, ${label}`;
    figures.push(
      { scenario, figure: "deliveries/s", server: best?.perSecond ?? null },
      { scenario, figure: "CPU us/delivery", server: best?.cpuUs ?? null },
      { scenario, figure: "KiB/connection", server: best?.kibEach ?? null },
    );
  }
  return figures;
}

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number | null;
  readonly kibEach: number | null;
}

async function measure(
  way: Way,
  { portOf, certificate, extent }: {
    readonly portOf: (target: Target) => number;
    readonly certificate: readonly string[];
    readonly extent: Setting["extent"];
  },
): Promise<Measured> {
  const flags = [
    ...certificate,
    ...["--tls-port", "0"],
    ...["--web", way === "ws" ? "http://127.0.0.1:0" : "127.0.0.1:0"],
  ];
  await using server = await startParley({ flags });
  await rest(server);
  const empty = await readUsage(server.pid);
  const request: DoorsRequest = {
    way,
    hostname: "127.0.0.1",
    port: portOf(server),
    users: extent.doorUsers,
    messageBytes: MESSAGE_BYTES,
    warmUpMs: extent.warmUpMs,
    durationMs: extent.fanoutMs,
  };
  await using load = new Child([
    "run",
    "--no-prompt",
    "--allow-net=127.0.0.0/8",
    "--unsafely-ignore-certificate-errors=127.0.0.1",
    "tests/bench/doors_load.ts",
    JSON.stringify(request),
  ], { isQuiet: true });
  await next(load, "connected");
  await rest(server);
  const idle = await readUsage(server.pid);
  await load.tell("go");
  await next(load, "begin");
  const before = await readUsage(server.pid);
  const { deliveries, tookMs } = await next(load, "end");
  const after = await readUsage(server.pid);
  const cpuMs = before === null || after === null ? null : after.cpuMs - before.cpuMs;
  const grownKib = empty === null || idle === null ? null : idle.residentKib - empty.residentKib;
  return {
    perSecond: deliveries / (tookMs / 1_000),
    cpuUs: cpuMs === null ? null : cpuMs * 1_000 / deliveries,
    kibEach: grownKib === null ? null : grownKib / extent.doorUsers,
  };
}

async function next<Type extends DoorsEvent["type"]>(
  load: Child,
  type: Type,
): Promise<Extract<DoorsEvent, { type: Type }>> {
  const event = JSON.parse(await load.line(EVENT_MS)) as DoorsEvent;
  if (event.type === "failed") throw new Error(event.reason);
  if (event.type !== type) throw new Error(`Load told "${event.type}", not "${type}"`);
  return event as Extract<DoorsEvent, { type: Type }>;
}
