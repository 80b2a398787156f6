// The client over restarts of a real server on a file, killed and stopped in the middle of bursts:
// it comes back by itself, and everything is said, shown and printed once and in order.

import { assertEquals, assertMatch } from "@std/assert";
import { commandOf } from "../fixtures/programs.ts";
import { RestartingServer } from "../fixtures/restarting_server.ts";
import { within } from "../harness.ts";
import { Folder } from "../visits.ts";
import { assertInOrder, Chatter, entriesOf, linesOf, saidIn } from "./chatter.ts";

const ROOT = new URL("../..", import.meta.url);
const ROOMS = ["#lobby", "#dev"] as const;
const ENDINGS = ["SIGKILL", "SIGTERM", "SIGKILL"] as const;
/** What each says between two endings, and while the server is away. */
const BURST = 60;

/** Somebody talks in both rooms, without waiting for anything. */
function talk(chatter: Chatter, name: string, count: { value: number }): void {
  for (let line = 0; line < BURST; line++) {
    const at = count.value++;
    chatter.say(`${name}.${at}`, ROOMS[at % ROOMS.length] ?? "");
  }
}

/** The client as a process; disposing of it ends it. */
class Client implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stderr: Promise<string>;
  readonly #stdout: Promise<void>;
  #wake = Promise.withResolvers<void>();
  /** What it has printed so far. */
  printed = "";

  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...commandOf("parley-client"), ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stderr = new Response(this.#child.stderr).text();
    this.#stdout = this.#gather();
  }

  /** Waits until so many lines are printed. */
  async printedLines(count: number): Promise<string[]> {
    const lines = (): string[] => this.printed.split("\n").slice(0, -1);
    while (lines().length < count) {
      await within(this.#wake.promise, () => `Awaited ${count} lines, there are ${lines().length}`);
    }
    return lines();
  }

  /** Tells it to end. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits for its end. */
  async result(): Promise<{ readonly code: number; readonly stderr: string }> {
    const { code } = await within(this.#child.status, () => `Awaited its end; ${this.printed}`);
    await this.#stdout;
    return { code, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([this.#child.status, this.#stdout, this.#stderr]);
  }

  async #gather(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.printed += text;
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
  }
}

Deno.test("over restarts in the middle of bursts everything is said, shown and printed once", async () => {
  await using folder = await Folder.with();
  await using server = await RestartingServer.start(folder.db);
  await using stack = new AsyncDisposableStack();
  const [ann, bob, twin] = [
    stack.use(await Chatter.enter(server.port, { nick: "ann" })),
    stack.use(await Chatter.enter(server.port, { nick: "bob" })),
    stack.use(await Chatter.enter(server.port, { nick: "twin" })),
  ];
  for (const chatter of [ann, bob, twin]) await chatter.ask("join #dev");
  await using tail = new Client(
    "tail",
    `127.0.0.1:${server.port}`,
    ...ROOMS,
    "--json",
    "--nick",
    "tail",
  );
  await ann.until(
    "tail's coming",
    () => ROOMS.every((room) => ann.model.room(room)?.people.some(({ name }) => name === "tail")),
  );
  // Its history is asked for behind its join: what is said from here on is all that it prints.
  for (const chatter of [ann, bob, twin]) await chatter.settle();
  const before = [ann, bob, twin].map(({ model }) => entriesOf(model).length);
  const counts = [{ value: 0 }, { value: 0 }];
  const talkBoth = (): void => {
    talk(ann, "ann", counts[0] ?? { value: 0 });
    talk(bob, "bob", counts[1] ?? { value: 0 });
  };
  for (const [time, ending] of ENDINGS.entries()) {
    // The pauses between attempts are kept while nothing is there.
    for (const chatter of [ann, bob, twin]) chatter.isEager = false;
    const { length } = bob.events;
    talkBoth();
    await bob.until("the middle of the burst", () => bob.events.length > length + BURST / 2);
    await server.stop(ending);
    for (const chatter of [ann, bob, twin]) {
      await chatter.until("the loss", () => chatter.state === "waiting");
    }
    talkBoth();
    await server.start();
    for (const chatter of [ann, bob, twin]) {
      chatter.isEager = true;
      chatter.conversation.retryNow();
    }
    for (const chatter of [ann, bob]) await chatter.settle();
    // It is there again, too: with a pause of its own.
    await tail.printedLines(2 * 2 * BURST * (time + 1));
  }
  await twin.settle();

  const total = 2 * 2 * ENDINGS.length * BURST;
  for (const [at, { model, asked }] of [ann, bob, twin].entries()) {
    assertInOrder(model);
    for (const { request, answers } of asked.values()) {
      assertEquals(answers.map(({ type }) => type), ["ok"], JSON.stringify(request));
    }
    const entries = entriesOf(model);
    assertEquals(entries.filter(({ delivery }) => delivery !== "sent"), []);
    // Nobody has seen anything but words, and one line for each restart.
    const words = ROOMS.flatMap((room) => saidIn(model, room));
    assertEquals(words.length, total);
    const others = entries.slice().filter((entry) => !words.includes(entry)).map(({ text }) =>
      text
    );
    const back = others.filter((text) => text === "Back again: the server was started anew.");
    assertEquals(back.length, ENDINGS.length, `${others}`);
    assertEquals(others.length - back.length, before[at], `${others}`);
    for (const room of ROOMS) {
      assertEquals(linesOf(model, room), linesOf(twin.model, room), room);
      for (const name of ["ann", "bob"]) {
        const texts = saidIn(model, room).filter(({ from }) => from === name).map(({ text }) =>
          text
        );
        const said = Array.from({ length: total / 2 }, (_, each) => `${name}.${each}`)
          .filter((_, each) => ROOMS[each % ROOMS.length] === room);
        assertEquals(texts, said);
      }
    }
  }
  // And so it is in the history.
  await using reader = await Chatter.enter(server.port, { nick: "reader" });
  await reader.ask("join #dev");
  for (const room of ROOMS) {
    await reader.fetchAll(room);
    assertEquals(linesOf(reader.model, room), linesOf(twin.model, room));
  }
  // And so it was printed.
  const printed = (await tail.printedLines(total)).map((line) => JSON.parse(line));
  for (const room of ROOMS) {
    assertEquals(
      printed.filter((line) => line.room === room).map(({ id, from, text }) =>
        `${id} ${from}: ${text}`
      ),
      linesOf(twin.model, room),
    );
  }
  tail.interrupt();
  const { code, stderr } = await tail.result();
  assertEquals(code, 0);
  // One line for each loss.
  assertEquals(stderr.split("\n").slice(0, -1).length, ENDINGS.length, stderr);
  assertMatch(stderr, /^(?:[^{}\n]+\. Trying to come back\.\n)+$/);
});

Deno.test("send says why it cannot while the server is away, and says it once it is back", async () => {
  await using folder = await Folder.with();
  await using server = await RestartingServer.start(folder.db);
  const send = async (text: string): Promise<unknown> => {
    await using client = new Client("send", `127.0.0.1:${server.port}`, "#dev", text);
    return await client.result();
  };
  assertEquals(await send("before"), { code: 0, stderr: "" });
  await server.stop("SIGKILL");
  assertEquals(await send("lost"), {
    code: 1,
    stderr: `Cannot connect to 127.0.0.1:${server.port}: connection refused. ` +
      "Is a server running there?\n",
  });
  await server.start();
  assertEquals(await send("after"), { code: 0, stderr: "" });
  await using reader = await Chatter.enter(server.port, { nick: "reader" });
  await reader.ask("join #dev");
  assertEquals(saidIn(reader.model, "#dev").map(({ text }) => text), ["before", "after"]);
});
