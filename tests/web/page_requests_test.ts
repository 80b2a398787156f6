// What the page asks by itself: history at its ends, who is in a room, which commands there are;
// over a connection that the test plays, with a clock that the test moves.

import { assertEquals } from "@std/assert";
import { mock } from "node:test";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import type { Connection, OnDone, Request } from "../../lib/web/page/connection.js";
import { ChatModel, type Place } from "../../lib/web/page/model.js";
import { Requests } from "../../lib/web/page/requests.js";

const NOBODY = { names: [], more: 0 };

/** A page that is in `#dev`, and the server that it asks. */
class Asking implements Disposable {
  readonly model = new ChatModel(() => {});
  readonly requests: Requests;
  readonly asked: string[] = [];
  changes = 0;
  readonly #done: OnDone[] = [];

  constructor() {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    const connection = {
      state: { kind: "online" },
      request: (request: Request, onDone: OnDone): number => {
        this.asked.push(request.type === "command" ? `${request.name} ${request.args}` : "say");
        return this.#done.push(onDone);
      },
    };
    // It has what requests use of a connection.
    this.requests = new Requests(connection as unknown as Connection, this.model, {
      onChange: () => this.changes++,
      onAnswer: () => {},
      onProblem: () => {},
    });
    this.model.apply({
      type: "welcome",
      version: 1,
      server: "Parley",
      name: "ann",
      isRegistered: false,
      room: "#dev",
      rooms: [{ room: "#dev", topic: "", others: NOBODY }],
      others: NOBODY,
      topic: "",
      motd: [],
      id: 10,
      token: "t",
      graceMs: 0,
      isResumed: false,
      isRestarted: false,
      isComplete: true,
      lastRef: 0,
    }, 0);
  }

  get place(): Place {
    return this.model.current;
  }

  /** Answers the request that was made last. */
  answer(answer: "ok" | "refused", ...events: readonly ServerEvent[]): void {
    const ref = this.#done.length;
    for (const event of events) this.requests.take({ ...event, ref });
    this.#done.at(-1)?.(
      answer === "ok"
        ? { type: "ok", ref }
        : { type: "refused", ref, code: "busy", text: "Not now." },
    );
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
  }
}

function history(...ids: readonly number[]): ServerEvent {
  const lines = ids.map((id) => ({
    id,
    atMs: id,
    room: "#dev",
    kind: "message" as const,
    from: "bob",
    text: `${id}`,
  }));
  return { type: "history", purpose: "asked", room: "#dev", nowMs: 0, lines, unread: 0 };
}

Deno.test("older lines are asked for once at a time, until there are none", async () => {
  using page = new Asking();
  const { requests, place } = page;
  const first = requests.fetchOlder(place);
  await requests.fetchOlder(place);
  assertEquals(page.asked, ["history 50"]);
  page.answer("ok", history(7, 8));
  await first;
  const second = requests.fetchOlder(place);
  assertEquals(page.asked.at(-1), "history 50 before 7");
  page.answer("ok", history());
  await second;
  assertEquals([place.log.isComplete, place.hasOlder], [true, false]);
});

Deno.test("a refusal is not asked for again at once, however often the page is drawn", async () => {
  using page = new Asking();
  const { requests, place } = page;
  const refused = requests.fetchOlder(place);
  page.answer("refused");
  await refused;
  for (let draw = 0; draw < 10; draw++) await requests.fetchOlder(place);
  assertEquals([page.asked.length, place.hasOlder], [1, true]);
  mock.timers.tick(5_000);
  const again = requests.fetchOlder(place);
  assertEquals(page.asked.length, 2);
  page.answer("ok", history(7));
  await again;
});

Deno.test("who is there is asked at most every 10 seconds, and then without a new occasion", () => {
  using page = new Asking();
  const { requests, place, model } = page;
  const who: ServerEvent = { type: "who", room: "#dev", atMs: 0, users: [], more: 0 };
  requests.learnPeople(place);
  model.apply(who, 0);
  page.answer("ok");
  model.apply({ type: "joined", id: 11, room: "#dev", who: { names: ["x"], more: 0 } }, 0);
  const { changes } = page;
  requests.learnPeople(place);
  requests.learnPeople(place);
  assertEquals(page.asked, ["who #dev"]);
  mock.timers.tick(10_000);
  assertEquals(page.changes, changes + 1);
  requests.learnPeople(place);
  assertEquals(page.asked, ["who #dev", "who #dev"]);
});

Deno.test("whoever has logged in need not wait for the menus of an operator", () => {
  using page = new Asking();
  const { requests, place, model } = page;
  requests.learnPeople(place);
  page.answer("ok");
  model.apply({ type: "notice", code: "logged-in", lines: ["You are logged in."] }, 0);
  requests.learnPeople(place);
  requests.learnPeople(place);
  assertEquals(page.asked, ["who #dev", "who #dev"]);
  mock.timers.tick(10_000);
});

Deno.test("the list of commands is asked for once, and those who wait learn that it is there", async () => {
  using page = new Asking();
  const { requests } = page;
  const learning = [requests.learnCommands(), requests.learnCommands()];
  assertEquals(page.asked, ["help "]);
  const entries = [{ group: "Talking", usage: "/me TEXT", summary: "say what you do" }];
  page.answer("ok", { type: "help", entries });
  assertEquals(await Promise.all(learning), [true, true]);
  const isNew = await requests.learnCommands();
  assertEquals([isNew, page.asked.length], [false, 1]);
});
