/**
 * An accept loop that no error ends: a fake listener on a fake clock, and a
 * real one that is closed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import { ACCEPT_RETRY_MS_MAX, ACCEPT_RETRY_MS_MIN } from "../../lib/limits.ts";
import { accept, type Acceptor } from "../../lib/net/accept.ts";
import { turns, within } from "./sockets.ts";

class FakeConn implements Disposable {
  isDisposed = false;

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}

/** A listener that answers as it is told, on a fake clock. */
class Trial implements Acceptor<FakeConn>, Disposable {
  readonly stopping = new AbortController();
  readonly errors: unknown[] = [];
  readonly pausesMs: number[] = [];
  readonly accepted: FakeConn[] = [];
  /** How often a connection was asked for. */
  timesAsked = 0;
  hasEnded = false;
  #waiting: PromiseWithResolvers<FakeConn> | null = null;
  readonly loop: Promise<void>;

  constructor() {
    mock.timers.enable({ apis: ["setTimeout"] });
    this.loop = this.#run();
  }

  accept(): Promise<FakeConn> {
    this.timesAsked++;
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  async connect(conn = new FakeConn()): Promise<FakeConn> {
    this.#waiting?.resolve(conn);
    await turns();
    return conn;
  }

  async fail(error: Error = new Error("Too many open files (os error 24)")): Promise<void> {
    this.#waiting?.reject(error);
    await turns();
  }

  async #run(): Promise<void> {
    const connections = accept(this, {
      signal: this.stopping.signal,
      onError: (error, pauseMs) => {
        this.errors.push(error);
        this.pausesMs.push(pauseMs);
      },
    });
    for await (const conn of connections) this.accepted.push(conn);
    this.hasEnded = true;
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
  }
}

Deno.test("accept() gives every connection, in order", async () => {
  using trial = new Trial();
  const conns = [await trial.connect(), await trial.connect(), await trial.connect()];
  assertEquals(trial.accepted, conns);
  assertEquals(trial.errors, []);
  trial.stopping.abort();
  await trial.fail();
  await within(trial.loop, "the end of accepting");
});

Deno.test("accept() survives errors, pausing 5 ms at first and twice as long each time", async () => {
  using trial = new Trial();
  const expectedMs = [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000];
  assertEquals([ACCEPT_RETRY_MS_MIN, ACCEPT_RETRY_MS_MAX], [5, 1_000]);
  for (const [at, pauseMs] of expectedMs.entries()) {
    await trial.fail();
    assertEquals(trial.pausesMs.at(-1), pauseMs);
    mock.timers.tick(pauseMs - 1);
    await turns();
    assertEquals(trial.timesAsked, at + 1, "asked again before the pause was over");
    mock.timers.tick(1);
    await turns();
    assertEquals(trial.timesAsked, at + 2, "did not ask again after the pause");
  }
  assertEquals(trial.pausesMs, expectedMs);
  const conn = await trial.connect();
  assertEquals(trial.accepted, [conn]);
  trial.stopping.abort();
  await trial.fail();
  await within(trial.loop, "the end of accepting");
});

Deno.test("accept() begins with the shortest pause again after a connection", async () => {
  using trial = new Trial();
  for (const pauseMs of [5, 10, 20]) {
    await trial.fail();
    mock.timers.tick(pauseMs);
    await turns();
  }
  await trial.connect();
  await trial.fail();
  assertEquals(trial.pausesMs, [5, 10, 20, 5]);
  trial.stopping.abort();
  await within(trial.loop, "the end of accepting");
});

Deno.test("accept() ends at once when it is aborted during a pause", async () => {
  using trial = new Trial();
  await trial.fail();
  trial.stopping.abort();
  await within(trial.loop, "the end of accepting");
  assertEquals([trial.timesAsked, trial.errors.length], [1, 1]);
});

Deno.test("accept() asks for nothing where it is aborted from the start", async () => {
  const signal = AbortSignal.abort();
  const listener: Acceptor<FakeConn> = {
    accept: () => Promise.reject(new Error("Asked for a connection")),
  };
  const connections = accept(listener, { signal, onError: () => {} });
  assertEquals(await connections.next(), { done: true, value: undefined });
});

Deno.test("accept() reports no error that comes of stopping", async () => {
  using trial = new Trial();
  await trial.connect();
  trial.stopping.abort();
  await trial.fail(new Deno.errors.BadResource("Listener has been closed"));
  await within(trial.loop, "the end of accepting");
  assertEquals(trial.errors, []);
});

Deno.test("accept() closes a connection that comes while it is stopping", async () => {
  using trial = new Trial();
  trial.stopping.abort();
  const conn = await trial.connect();
  await within(trial.loop, "the end of accepting");
  assertEquals(trial.accepted, []);
  assert(conn.isDisposed);
});

Deno.test("accept() ends with a real listener that is closed, while it waits or between", async () => {
  for (const isWaiting of [true, false]) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const errors: unknown[] = [];
    const connections = accept(listener, {
      signal: new AbortController().signal,
      onError: (error) => errors.push(error),
    });
    using far = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    const first = await within(connections.next(), "the first connection");
    assert(first.done !== true);
    using near = first.value;
    assertEquals(near.remoteAddr.port, far.localAddr.port);
    const second = isWaiting ? connections.next() : null;
    listener.close();
    const end = await within(second ?? connections.next(), "the end of accepting");
    assertEquals(end, { done: true, value: undefined });
    assertEquals(errors, []);
  }
});
