// What becomes of a session in which the program itself fails: only that
// session ends, its user can say which it was, and the log gets the cause. The
// connection is a fake one that hands over lines; everything about bytes is
// tested over real sockets, in server_test.ts and others.

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Broadcast } from "../lib/chat/broadcast.ts";
import { EndReason } from "../lib/errors.ts";
import type { Connection, Line } from "../lib/net/connection.ts";
import { SendScheduler } from "../lib/net/send_queue.ts";
import { PlainProtocol } from "../lib/protocol/plain.ts";
import { Session } from "../lib/session.ts";

/** A connection whose peer says `lines` and then nothing. */
class FakeConnection implements Connection {
  readonly address = "192.0.2.1";
  readonly controller = new AbortController();
  readonly signal = this.controller.signal;
  readonly lastReadAtMs = Date.now();
  readonly #end = Promise.withResolvers<EndReason>();
  readonly closed = this.#end.promise;
  readonly #lines: readonly Line[];
  /** All that was sent, as text. */
  text = "";

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  async *lines(): AsyncGenerator<Line, void, void> {
    yield* this.#lines;
    if (!this.signal.aborted) {
      await new Promise((resolve) => this.signal.addEventListener("abort", resolve));
    }
  }

  send(bytes: Uint8Array): boolean {
    this.text += new TextDecoder().decode(bytes);
    return true;
  }

  close(reason: EndReason): Promise<EndReason> {
    this.controller.abort(reason);
    this.#end.resolve(reason);
    return this.closed;
  }

  abort(reason: EndReason): void {
    this.controller.abort(reason);
    this.#end.resolve(reason);
  }
}

/** A protocol that fails at one line, as a bug would. */
class BrokenProtocol extends PlainProtocol {
  override decode(line: string): ReturnType<PlainProtocol["decode"]> {
    if (line === "boom") throw new TypeError("Cannot read boom");
    return super.decode(line);
  }
}

Deno.test("Session.run() ends only the session in which the program fails", async () => {
  const turns = new SendScheduler();
  const timer = { start: (): void => {}, stop: (): void => {} };
  const broadcast = new Broadcast({ server: "Parley", room: "#lobby", motd: [], timer, turns });
  const shared = { broadcast, turns, rate: null, idleLimit: null };
  const bob = new FakeConnection([]);
  const ann = new FakeConnection(["hello", "boom", "never said"]);
  const bobs = new Session(bob, new PlainProtocol(), shared).run();
  const error = await assertRejects(
    () => new Session(ann, new BrokenProtocol(), shared).run(),
    Error,
    "Session 2 failed",
  );
  await turns.next();

  assertInstanceOf(error.cause, TypeError);
  assertEquals(
    ann.text.split("\n").at(-2),
    "-- Goodbye: internal error in session 2. The server's log says more.",
  );
  assertEquals((await ann.closed).kind, "fault");
  assertEquals(bob.text.split("\n").slice(-4, -1), [
    "-- guest2 joined.",
    "guest2: hello",
    "-- guest2 left (connection lost).",
  ]);
  bob.controller.abort(new EndReason("end-of-stream", "Peer ended the stream"));
  assertEquals((await bobs).kind, "end-of-stream");
});
