// Whatever connections are lost, and wherever: every request is acted upon once, and every event
// is told once, in order. Schedules are random, the server is a model that keeps the protocol.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Conversation, type RequestAnswer } from "../../lib/client/conversation.ts";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import { Recorder } from "./conversations.ts";
import { ModelServer } from "./model_server.ts";

/** One thing that happens. */
type Step =
  | { readonly type: "ask" | "say" | "drop" | "forget" }
  /** So many lines get through, one way. */
  | { readonly type: "toServer" | "toClient"; readonly count: number };

const through = (type: "toServer" | "toClient"): fc.Arbitrary<Step> =>
  fc.record({ type: fc.constant(type), count: fc.integer({ min: 1, max: 4 }) });
const plain = (type: "ask" | "say" | "drop" | "forget"): fc.Arbitrary<Step> =>
  fc.constant({ type });
const common = [
  plain("ask"),
  plain("say"),
  plain("drop"),
  through("toServer"),
  through("toClient"),
];

interface Outcome {
  readonly server: ModelServer;
  readonly owner: Recorder;
  /** How many requests were made; their texts are `own 1`, `own 2`, ... */
  readonly asked: number;
  readonly answers: ReadonlyMap<number, RequestAnswer[]>;
}

async function play(steps: readonly Step[]): Promise<Outcome> {
  const server = new ModelServer();
  const owner = new Recorder();
  const controller = new AbortController();
  const conversation = new Conversation({
    address: { hostname: "model", port: 1, isTls: false },
    nick: null,
    password: null,
    session: null,
    owner,
    signal: controller.signal,
    connect: () => server.connect(),
  });
  owner.onStateToo = (state): void => {
    if (state.kind === "waiting") queueMicrotask(() => conversation.retryNow());
  };
  const answers = new Map<number, RequestAnswer[]>();
  let asked = 0;
  const running = conversation.run();
  // The first visit has to come to its welcome: before it, a lost connection is the end.
  await settle();
  server.take(1);
  server.link?.deliver(1);
  await settle();

  for (const step of steps) {
    switch (step.type) {
      case "ask": {
        const text = `own ${++asked}`;
        const ref = conversation.request({ type: "say", text }, (answer) => {
          answers.set(ref, [...answers.get(ref) ?? [], answer]);
        });
        break;
      }
      case "say":
        server.say("other");
        break;
      case "drop":
        server.drop();
        break;
      case "forget":
        server.forget();
        break;
      case "toServer":
        server.take(step.count);
        break;
      case "toClient":
        server.link?.deliver(step.count);
        break;
    }
    await settle();
  }
  // From now on everything gets through.
  const isQuiet = (): boolean =>
    conversation.pending === 0 && server.link !== null && server.link.session !== null &&
    server.link.toClient.length === 0 && server.link.toServer.length === 0;
  for (let round = 0; !isQuiet(); round++) {
    assert(round < 1_000, "it does not come to rest");
    server.take(100);
    server.link?.deliver(100);
    await settle();
  }
  controller.abort();
  assertEquals((await running).kind, "aborted");
  return { server, owner, asked, answers };
}

/** Lets everything happen that follows from what happened: there are no timers in it. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

function toldIds(events: readonly ServerEvent[]): number[] {
  return events.flatMap((event) => event.type === "message" ? [event.id] : []);
}

Deno.test("Conversation has each request acted upon once and hears each event once, in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(...common), { maxLength: 60 }), async (steps) => {
      const { server, owner, asked, answers } = await play(steps);
      const own = Array.from({ length: asked }, (_, index) => `own ${index + 1}`);
      assertEquals(server.log.filter((text) => text !== "other"), own);
      assertEquals(toldIds(owner.events), server.log.map((_, index) => index + 1));
      assertEquals([...answers.keys()].length, asked);
      for (const [, all] of answers) assertEquals(all.map(({ type }) => type), ["ok"]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Conversation repeats nothing where the server forgets it, and says what is not known", async () => {
  const steps = fc.array(fc.oneof(...common, plain("forget")), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const { server, owner, asked, answers } = await play(steps);
      assertEquals(answers.size, asked);
      for (const [ref, all] of answers) {
        const [answer] = all;
        assertEquals(all.length, 1);
        const count = server.log.filter((text) => text === `own ${ref}`).length;
        if (answer?.type === "ok") assertEquals(count, 1);
        else {
          assert(answer?.type === "refused" && answer.code === "unknown-fate");
          assert(count <= 1);
        }
      }
      const own = server.log.filter((text) => text !== "other");
      assertEquals(own, own.toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4))));
      const ids = toldIds(owner.events);
      assertEquals(ids, [...new Set(ids)].toSorted((a, b) => a - b));
    }),
    { numRuns: 300 },
  );
});
