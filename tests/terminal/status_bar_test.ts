// The bars: what they say, and what they leave out where there is little room.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type RoomState,
  statusBar,
  type StatusState,
  titleBar,
} from "../../lib/terminal/status_bar.ts";
import { lineWidth, textOf } from "../../lib/terminal/styled.ts";
import { TEXTS } from "./styled_texts.ts";

const NOW_MS = 1_000_000;

function roomOf(name: string, data: Partial<RoomState> = {}): RoomState {
  return { name, unread: 0, mentions: 0, isCurrent: false, ...data };
}

const ROOMS = [
  roomOf("#lobby", { isCurrent: true }),
  roomOf("#dev", { unread: 3 }),
  roomOf("#ops", { unread: 2, mentions: 1 }),
];

function show(columns: number, data: Partial<StatusState> = {}): string {
  const line = statusBar({
    rooms: ROOMS,
    connection: { kind: "online", latencyMs: 12.4 },
    nowMs: NOW_MS,
    newBelow: 0,
    isScrolled: false,
    isFetching: false,
    waiting: 0,
    ...data,
  }, columns);
  assertEquals(lineWidth(line), columns);
  return textOf(line).trimEnd();
}

Deno.test("the status shows rooms with what is unread, and how the connection is doing", () => {
  assertEquals(
    show(60),
    "1:#lobby 2:#dev(3) 3:#ops(2!)                  online, 12 ms",
  );
  assertEquals(
    show(60, { connection: { kind: "online", latencyMs: null } }).slice(-7),
    " online",
  );
  assertEquals(show(60, { connection: { kind: "connecting" } }).slice(-14), " connecting...");
  assertEquals(show(60, { connection: { kind: "ended", why: null } }).slice(-8), " offline");
});

Deno.test("the next attempt is counted down in whole seconds", () => {
  const at = (retryAtMs: number): string =>
    show(60, { connection: { kind: "waiting", attempt: 2, retryAtMs, why: "Lost." } })
      .slice(-20);
  assertEquals(at(NOW_MS + 3_001), "offline, back in 4 s");
  assertEquals(at(NOW_MS - 1), "offline, back in 0 s");
});

Deno.test("what came below is told, and what waits for a connection", () => {
  assertEquals(
    show(80, { newBelow: 12, isScrolled: true }).slice(-28),
    "  12 new below online, 12 ms",
  );
  assert(show(80, { isScrolled: true }).endsWith(" more below online, 12 ms"));
  assert(show(80, { isScrolled: true, isFetching: true }).endsWith(" loading... online, 12 ms"));
  assert(
    show(80, { waiting: 3, connection: { kind: "connecting" } })
      .endsWith(" 3 to send connecting..."),
  );
  assert(!show(80, { waiting: 3 }).includes("to send"));
});

Deno.test("at 40 columns the state is short, at 20 the rooms that matter are left", () => {
  assertEquals(show(40), "1:#lobby 3:#ops(2!)        online, 12 ms");
  assertEquals(show(20), "1:#lobby       12 ms");
  assertEquals(show(20, { newBelow: 12 }), "1:#lobby   +12 12 ms");
});

Deno.test("the title is the room, its topic and how many are here", () => {
  const show = (topic: string, columns: number): string =>
    textOf(titleBar({ room: "#dev", topic, people: 12 }, columns));
  assertEquals(show("plans for Friday", 40), "#dev  plans for Friday           12 here");
  assertEquals(show("plans for Friday", 24), "#dev  plans ...  12 here");
  assertEquals(show("", 20), "#dev         12 here");
  assertEquals(
    textOf(titleBar({ room: "", topic: "", people: 0 }, 20)),
    "Parley              ",
  );
});

Deno.test("bars are exactly as wide as asked, whatever rooms are called", () => {
  const rooms = fc.array(
    fc.record({ name: TEXTS, unread: fc.nat(9_999), mentions: fc.nat(2), isCurrent: fc.boolean() }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(
      rooms,
      TEXTS,
      fc.nat(9_999),
      fc.integer({ min: 20, max: 120 }),
      (all, topic, n, columns) => {
        show(columns, { rooms: all, newBelow: n, waiting: n });
        const title = titleBar({ room: all[0]?.name ?? "", topic, people: n }, columns);
        assertEquals(lineWidth(title), columns);
      },
    ),
  );
});
