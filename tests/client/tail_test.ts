// Rooms that are followed over a server that the test plays: each line once, in order, whatever
// connections and sessions are lost, and an end in order.

import { assertEquals, assertMatch } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { mock } from "node:test";
import { parseServerAddress } from "../../lib/client/server_address.ts";
import { formatSaid, type TailEnd, tailRooms } from "../../lib/client/tail.ts";
import {
  CLIENT_LEAVE_MS,
  CLIENT_RETRY_MS_MAX,
  CLIENT_TAIL_PAGES_MAX,
  HISTORY_LINES_MAX,
} from "../../lib/limits.ts";
import { type FakePeer, FakeServer, WAIT_MS } from "../terminal/fake_server.ts";
import { lineOf, nextRequest, welcomeLine } from "./conversations.ts";

interface Tailing extends AsyncDisposable {
  readonly controller: AbortController;
  readonly complaints: string[];
  /** The texts that were printed. */
  texts(count: number): Promise<string[]>;
  end(): Promise<TailEnd>;
}

function start(
  server: FakeServer,
  options: { lines?: number; reconnects?: boolean; failAt?: number; error?: Error } = {},
): Tailing {
  const { lines = 0, reconnects = true, failAt = Infinity } = options;
  mock.timers.enable({ apis: ["setTimeout"] });
  const controller = new AbortController();
  const complaints: string[] = [];
  let printed = "";
  let wake = Promise.withResolvers<void>();
  const running = tailRooms({
    address: parseServerAddress(server.address),
    rooms: ["#dev"],
    lines,
    isJson: true,
    reconnects,
    nick: null,
    password: null,
    output: {
      write(bytes): Promise<number> {
        if (printed.length >= failAt) {
          return Promise.reject(options.error ?? new Deno.errors.BrokenPipe("gone"));
        }
        // A few bytes at a time, as a pipe may take them.
        const part = bytes.subarray(0, 50);
        printed += new TextDecoder().decode(part);
        wake.resolve();
        wake = Promise.withResolvers();
        return Promise.resolve(part.length);
      },
    },
    complain(line): void {
      complaints.push(line);
      // The pause that follows is over at once.
      queueMicrotask(() => mock.timers.tick(CLIENT_RETRY_MS_MAX));
    },
    signal: controller.signal,
  });
  const printedTexts = (): string[] =>
    printed.split("\n").slice(0, -1).map((line) => JSON.parse(line).text);
  return {
    controller,
    complaints,
    async texts(count): Promise<string[]> {
      while (printedTexts().length < count) await deadline(wake.promise, WAIT_MS);
      return printedTexts();
    },
    end: () => deadline(running, WAIT_MS),
    async [Symbol.asyncDispose](): Promise<void> {
      controller.abort();
      mock.timers.tick(CLIENT_LEAVE_MS);
      await Promise.allSettled([running]);
      mock.timers.reset();
    },
  };
}

function said(id: number): string {
  return lineOf({
    type: "message",
    id,
    atMs: id,
    room: "#dev",
    from: "bob",
    isRegistered: false,
    text: `${id}`,
  });
}

/** Answers the next request, which is to join. */
async function answerJoin(peer: FakePeer): Promise<void> {
  const { name, args, ref } = await nextRequest(peer);
  assertEquals([name, args], ["join", "#dev"]);
  await peer.say(lineOf({ type: "ok", ref }));
}

/** Answers the next request, which is for history; with nothing, that there is none. */
async function answerHistory(
  peer: FakePeer,
  wanted: string,
  ids: readonly number[],
): Promise<void> {
  const { name, args, room, ref } = await nextRequest(peer);
  assertEquals([name, args, room], ["history", wanted, "#dev"]);
  const lines = ids.map((id) => ({
    id,
    atMs: id,
    room: "#dev",
    kind: "message",
    from: "bob",
    text: `${id}`,
  }));
  await peer.say(
    lines.length === 0
      ? lineOf({ type: "notice", ref, code: "no-history", lines: ["Nothing."] })
      : lineOf({
        type: "history",
        ref,
        purpose: "asked",
        room: "#dev",
        nowMs: 0,
        lines,
        unread: 0,
      }),
  );
  await peer.say(lineOf({ type: "ok", ref }));
}

/** Takes the client's hello, and welcomes it. */
async function welcome(
  server: FakeServer,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<FakePeer> {
  const peer = await server.accept();
  await nextRequest(peer);
  await peer.say(welcomeLine(changes));
  return peer;
}

async function stop(tailing: Tailing, peer: FakePeer): Promise<void> {
  tailing.controller.abort();
  assertEquals((await nextRequest(peer))["type"], "quit");
  await peer.say(lineOf({ type: "goodbye", reason: "quit", sessionId: 1, detail: "" }));
  assertEquals(await tailing.end(), { kind: "done" });
}

Deno.test("tailRooms() prints what is said from now on, and leaves in order", async () => {
  await using server = new FakeServer();
  await using tailing = start(server);
  const peer = await welcome(server, { id: 5 });
  await answerJoin(peer);
  await peer.say(said(6) + said(7).replaceAll("#dev", "#lobby") + said(8));
  assertEquals(await tailing.texts(2), ["6", "8"]);
  await stop(tailing, peer);
});

Deno.test("tailRooms() begins with the last lines, in as many pages as it takes", async () => {
  await using server = new FakeServer();
  await using tailing = start(server, { lines: 5 });
  const peer = await welcome(server, { id: 20 });
  await answerJoin(peer);
  // What is said meanwhile waits, and stands in a page as well.
  await peer.say(said(21) + said(22));
  await answerHistory(peer, "5", [19, 20, 21]);
  await answerHistory(peer, "2 before 19", [18]);
  await answerHistory(peer, "1 before 18", []);
  await peer.say(said(23));
  assertEquals(await tailing.texts(6), ["18", "19", "20", "21", "22", "23"]);
  await stop(tailing, peer);
});

Deno.test("tailRooms() misses nothing over a lost connection and a lost session", async () => {
  await using server = new FakeServer();
  await using tailing = start(server);
  const first = await welcome(server, { id: 5 });
  await answerJoin(first);
  await first.say(said(6));
  await tailing.texts(1);
  await first.close();

  const second = await welcome(server, { id: 8, token: "t2", isResumed: true });
  await second.say(said(7) + said(8) + lineOf({ type: "caught-up", missed: 2, id: 8 }));
  await tailing.texts(3);
  await second.close();

  const third = await server.accept();
  await nextRequest(third);
  await third.say(lineOf({ type: "refused", code: "session-over", text: "Over." }));
  await nextRequest(third);
  await third.say(welcomeLine({ id: 12, token: "t3" }));
  await answerJoin(third);
  await third.say(said(13));
  await answerHistory(third, `${HISTORY_LINES_MAX}`, [11, 12]);
  await answerHistory(third, `${HISTORY_LINES_MAX} before 11`, [7, 8, 9, 10]);
  await third.say(said(14));
  assertEquals(await tailing.texts(9), ["6", "7", "8", "9", "10", "11", "12", "13", "14"]);
  assertEquals(tailing.complaints.length, 2);
  await stop(tailing, third);
});

Deno.test("tailRooms() asks again for a page whose answer was lost", async () => {
  await using server = new FakeServer();
  await using tailing = start(server, { lines: 1 });
  const first = await welcome(server, { id: 5 });
  await answerJoin(first);
  const asked = await nextRequest(first);
  await first.close();
  const second = await welcome(server, { id: 5, isResumed: true, lastRef: 2 });
  const again = await nextRequest(second);
  assertEquals(again, asked);
  await second.say(lineOf({ type: "ok", ref: again["ref"], repeated: true }));
  await answerHistory(second, "1", [5]);
  assertEquals(await tailing.texts(1), ["5"]);
  await stop(tailing, second);
});

Deno.test("tailRooms() fetches what a resumed session does not have", async () => {
  await using server = new FakeServer();
  await using tailing = start(server);
  const first = await welcome(server, { id: 5 });
  await answerJoin(first);
  await first.say(said(6));
  await tailing.texts(1);
  await first.close();
  const second = await welcome(server, { id: 9, isResumed: true, isComplete: false });
  await second.say(said(9) + lineOf({ type: "caught-up", missed: 1, id: 9 }));
  await answerJoin(second);
  await answerHistory(second, `${HISTORY_LINES_MAX}`, [6, 7, 8, 9]);
  assertEquals(await tailing.texts(4), ["6", "7", "8", "9"]);
  await stop(tailing, second);
});

Deno.test("tailRooms() fetches once where a join is sent again beside a newer one", async () => {
  await using server = new FakeServer();
  await using tailing = start(server, { lines: 2 });
  const first = await welcome(server, { id: 5 });
  const asked = await nextRequest(first);
  await first.close();
  const second = await welcome(server, { id: 9, isResumed: true, isComplete: false });
  const again = await nextRequest(second);
  assertEquals(again, asked);
  await second.say(lineOf({ type: "ok", ref: again["ref"] }));
  await answerJoin(second);
  await answerHistory(second, "2", [7, 8]);
  await second.say(said(10));
  assertEquals(await tailing.texts(3), ["7", "8", "10"]);
  await stop(tailing, second);
});

Deno.test("tailRooms() says so where a gap is too long to be fetched", async () => {
  await using server = new FakeServer();
  await using tailing = start(server);
  const first = await welcome(server, { id: 1 });
  await answerJoin(first);
  await first.close();
  const second = await welcome(server, { id: 1_000, isResumed: true, isComplete: false });
  await answerJoin(second);
  for (let count = 0; count < CLIENT_TAIL_PAGES_MAX; count++) {
    const before = count === 0 ? "" : ` before ${1_001 - count}`;
    await answerHistory(second, `${HISTORY_LINES_MAX}${before}`, [1_000 - count]);
  }
  assertEquals((await tailing.texts(CLIENT_TAIL_PAGES_MAX)).length, CLIENT_TAIL_PAGES_MAX);
  assertEquals(tailing.complaints.at(-1), "Not all that was missed in #dev follows.");
  await stop(tailing, second);
});

Deno.test("tailRooms() ends where it is refused, lost, or not read any more", async (t) => {
  await t.step("refused", async () => {
    await using server = new FakeServer();
    await using tailing = start(server);
    const peer = await welcome(server);
    const { ref } = await nextRequest(peer);
    await peer.say(lineOf({ type: "refused", ref, code: "banned", text: "Not here." }));
    await nextRequest(peer);
    await peer.close();
    assertEquals(await tailing.end(), { kind: "refused", code: "banned", why: "Not here." });
  });
  await t.step("lost", async () => {
    await using server = new FakeServer();
    await using tailing = start(server, { reconnects: false });
    const peer = await welcome(server);
    await answerJoin(peer);
    await peer.close();
    assertEquals(await tailing.end(), { kind: "failed", why: "The connection was lost." });
  });
  await t.step("not read", async () => {
    await using server = new FakeServer();
    await using tailing = start(server, { failAt: 1 });
    const peer = await welcome(server);
    await answerJoin(peer);
    await peer.say(said(1) + said(2));
    assertEquals((await nextRequest(peer))["type"], "quit");
    await peer.close();
    assertEquals(await tailing.end(), { kind: "done" });
  });
  await t.step("not written", async () => {
    await using server = new FakeServer();
    await using tailing = start(server, { failAt: 0, error: new Error("disk full") });
    const failed = tailing.end().then(() => "", String);
    const peer = await welcome(server);
    await answerJoin(peer);
    await peer.say(said(1));
    await nextRequest(peer);
    await peer.close();
    assertMatch(await failed, /Cannot write standard output: disk full/);
  });
});

Deno.test("formatSaid() has time, room and name on every line", () => {
  const atMs = new Date(2026, 10, 22, 14, 2, 11).getTime();
  const line = { id: 1, atMs, room: "#dev", from: "ann" };
  assertEquals(
    formatSaid({ type: "message", text: "one\ntwo", ...line }),
    "2026-11-22 14:02:11 #dev ann: one\n2026-11-22 14:02:11 #dev ann: two\n",
  );
  assertEquals(
    formatSaid({ type: "action", text: "waves", ...line }),
    "2026-11-22 14:02:11 #dev * ann waves\n",
  );
  assertEquals(
    formatSaid({ type: "topic", text: "", ...line }),
    "2026-11-22 14:02:11 #dev -- ann took the topic away.\n",
  );
});
