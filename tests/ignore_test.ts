// /ignore and /unignore: whom somebody does not hear, wherever they say it and
// however late it is read; that it lasts as long as the one who asked for it; and
// that whoever is ignored cannot tell.

import { assertEquals, assertRejects } from "@std/assert";
import { mock } from "node:test";
import { runCommand } from "../lib/chat/commands.ts";
import { nameKey } from "../lib/chat/names.ts";
import { CommandError } from "../lib/errors.ts";
import { HISTORY_LINES_DEFAULT, IGNORED_MAX, SEARCH_HITS_MAX } from "../lib/limits.ts";
import { Trial } from "./chat/trial.ts";
import { type Guest, startTestServer, type TestServer } from "./harness.ts";
import { ask, gather } from "./visits.ts";

const PASSWORD = "correct-horse";

/** Runs a test at two minutes past two, wherever it runs. */
async function atTime(test: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["Date"], now: new Date(2026, 0, 15, 14, 2).getTime() });
  try {
    await test();
  } finally {
    mock.timers.reset();
  }
}

/** Runs a test with a path for a database, which goes with the test. */
async function onFile(test: (db: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "parley-ignore-" });
  try {
    await atTime(() => test(`${folder}/chat.db`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function register(guest: Guest, name: string): Promise<void> {
  guest.say(`/register ${PASSWORD}`);
  await guest.until(`-- ${name} is yours now. From elsewhere: /login ${name} PASSWORD`);
}

/** Somebody who comes in and logs in, and what they are shown from then on. */
async function login(server: TestServer, name: string): Promise<{ guest: Guest; shown: string[] }> {
  const guest = await server.connect();
  guest.say(`/login ${name} ${PASSWORD}`);
  await guest.until(`-- You are logged in as ${name}.`);
  return { guest, shown: await guest.roundtrip() };
}

const DEAF_TO_BOB = "-- You do not hear bob any more. /unignore bob changes that.";

Deno.test("who ignores somebody hears nothing they say, and everything else", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  assertEquals(await ask(ann, "/ignore"), ["-- You ignore nobody."]);
  assertEquals(await ask(ann, "/ignore BOB"), [DEAF_TO_BOB]);
  assertEquals(await ask(ann, "/ignore"), ["-- You ignore bob."]);
  for (const line of ["hello", "/me waves", "/msg ann psst", "/msg #lobby hello"]) {
    assertEquals(await ask(bob, line), [], "nobody can tell that they are ignored");
  }
  assertEquals(await eve.roundtrip(), ["bob: hello", "* bob waves", "bob: hello"]);
  assertEquals(await ann.roundtrip(), []);
  // What others say in between comes whole, in its order, and so does it to others.
  for (const [guest, line] of [[bob, "1"], [eve, "/me nods"], [bob, "2"], [eve, "3"]] as const) {
    guest.say(line);
    await guest.roundtrip();
  }
  assertEquals(await ann.roundtrip(), ["* eve nods", "eve: 3"]);
  // It goes one way.
  ann.say("all the same");
  await bob.until("ann: all the same");
  assertEquals(await ask(ann, "/reply hi"), ["-- Nobody has sent you a private message yet."]);
  assertEquals(await ask(ann, "/msg bob hi"), []);
  await bob.expect("[private] ann: hi");
});

Deno.test("of who is ignored, what the server says is heard all the same", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [bob, ann] = await gather(server, stack, ["bob", "ann"]);
  await bob.roundtrip();
  await ask(bob, "/join #dev");
  await ask(ann, "/join #dev");
  await ask(ann, "/ignore bob");
  await bob.roundtrip();
  assertEquals(await ask(bob, "/topic Tea"), ["-- bob set the topic: Tea"]);
  assertEquals(await ann.roundtrip(), ["-- bob set the topic: Tea"]);
  await ask(bob, "/leave");
  assertEquals(await ann.roundtrip(), ["-- bob left."]);
  await ask(bob, "/nick rob");
  assertEquals(await ann.roundtrip(), ["-- bob is now rob."]);
  await bob.close();
  await ann.expect("-- [#lobby] rob left.");
});

Deno.test("/unignore brings back what is said from then on, and not what was", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await ask(ann, "/ignore bob");
  await ask(bob, "unheard");
  assertEquals(await ask(ann, "/unignore Bob"), ["-- You hear bob again."]);
  assertEquals(await ask(ann, "/ignore"), ["-- You ignore nobody."]);
  for (const [line, heard] of [["heard", "bob: heard"], ["/msg ann psst", "[private] bob: psst"]]) {
    bob.say(line ?? "");
    await ann.expect(heard ?? "");
  }
  // What was said in the very turn belongs to whichever side of the line it was on.
  bob.say("before");
  await bob.roundtrip();
  ann.say("/ignore bob");
  await ann.expect("bob: before");
  await ann.expect(DEAF_TO_BOB);
});

Deno.test("each refusal is one line, and whoever it is about hears nothing", async (t) => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await ask(ann, "/ignore bob");
  for (
    const [typed, answer] of [
      ["/ignore ann", "You cannot ignore yourself."],
      ["/ignore ANN", "You cannot ignore yourself."],
      ["/ignore bob", "You ignore bob already."],
      ["/ignore B\u{f6}b", "Nobody here is called B\u{f6}b. Did you mean bob?"],
      ["/ignore zoe", "Nobody here is called zoe. /who shows who is."],
      ["/ignore bob ann", "Nobody here has that name. /who shows who is."],
      ["/ignore #lobby", "Nobody here has that name. /who shows who is."],
      [`/ignore ${"x".repeat(5_000)}`, "Nobody here has that name. /who shows who is."],
      ["/unignore", "Type it as /unignore NAME."],
      ["/unignore zoe", "You do not ignore anybody of that name."],
      ["/unignore ann", "You do not ignore anybody of that name."],
    ] as const
  ) {
    await t.step(typed.slice(0, 20), async () => {
      assertEquals(await ask(ann, typed), [`-- ${answer}`]);
    });
  }
  assertEquals(await ask(ann, "/ignore"), ["-- You ignore bob."]);
  assertEquals(await bob.roundtrip(), []);
});

Deno.test("several are ignored, and listed in the order in which they were", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve, dan] = await gather(server, stack, ["ann", "bob", "eve", "dan"]);
  await ann.roundtrip();
  await ask(ann, "/ignore eve");
  await ask(ann, "/ignore bob");
  assertEquals(await ask(ann, "/ignore"), ["-- You ignore eve, bob."]);
  for (const guest of [bob, eve, dan]) await ask(guest, "hello");
  assertEquals(await ann.roundtrip(), ["dan: hello"]);
  await ask(ann, "/unignore eve");
  for (const guest of [bob, eve, dan]) await ask(guest, "hello");
  assertEquals(await ann.roundtrip(), ["eve: hello", "dan: hello"]);
});

Deno.test("a name is ignored, whoever has it and in whatever room", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await ask(ann, "/ignore bob");
  await ask(ann, "/join #dev");
  await ask(bob, "/join #dev");
  await ask(bob, "here");
  await ask(bob, "/msg #lobby and there");
  assertEquals(await ann.roundtrip(), ["-- bob joined."]);
  await bob.close();
  await ann.until("-- bob left.");
  await using other = await server.join("BOB");
  await ask(other, "it is another one");
  assertEquals((await ann.roundtrip()).filter((line) => /another/.test(line)), []);
});

Deno.test("a guest's list lasts under another name, and ends with the guest", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await ask(ann, "/ignore bob");
  await ask(ann, "/nick anna");
  assertEquals(await ask(ann, "/ignore"), ["-- You ignore bob."]);
  await ann.close();
  await bob.until("-- anna left.");
  await using later = await server.join("anna");
  assertEquals(await ask(later, "/ignore"), ["-- You ignore nobody."]);
});

Deno.test("what an ignored person said is left out of what is read later", async () => {
  await atTime(async () => {
    await using server = await startTestServer();
    await using stack = new AsyncDisposableStack();
    const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
    await ask(ann, "/join #dev");
    await ask(bob, "/join #dev");
    await ask(eve, "/join #dev");
    for (
      const [guest, line] of [
        [bob, "one word"],
        [eve, "two words"],
        [bob, "/me has a word"],
        [ann, "last word"],
      ] as const
    ) {
      await ask(guest, line);
    }
    await ask(ann, "/ignore bob");
    assertEquals(await ask(ann, "/history"), [
      "[14:02 2] eve: two words",
      "[14:02 4] ann: last word",
    ]);
    assertEquals(await ask(ann, "/search wor*"), [
      "[14:02 #dev 4] ann: last word",
      "[14:02 #dev 2] eve: two words",
    ]);
    assertEquals(await ask(ann, "/search wor* from:bob"), ["-- Nothing was found."]);
    await ask(ann, "/leave");
    assertEquals((await ask(ann, "/join #dev")).slice(1), [
      "[14:02] eve: two words",
      "[14:02] ann: last word",
    ]);
    // It is not gone: for others, and for who hears them again.
    const all = [
      "[14:02 1] bob: one word",
      "[14:02 2] eve: two words",
      "[14:02 3] * bob has a word",
      "[14:02 4] ann: last word",
    ];
    await eve.roundtrip();
    assertEquals(await ask(eve, "/history"), all);
    await ask(ann, "/unignore bob");
    assertEquals(await ask(ann, "/history"), all);
  });
});

Deno.test("however much an ignored person said, the others are found behind it", async () => {
  await atTime(async () => {
    await using server = await startTestServer();
    await using stack = new AsyncDisposableStack();
    const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
    await ask(eve, "the word");
    const count = Math.max(SEARCH_HITS_MAX, HISTORY_LINES_DEFAULT);
    bob.send("the word\n".repeat(count));
    await bob.roundtrip();
    await ann.roundtrip();
    await ask(ann, "/ignore bob");
    assertEquals(await ask(ann, "/search word"), ["[14:02 #lobby 1] eve: the word"]);
    assertEquals(await ask(ann, "/history"), ["[14:02 1] eve: the word"]);
  });
});

Deno.test("a private message that would wait for who ignores its sender is not kept", async () => {
  await onFile(async (db) => {
    {
      await using server = await startTestServer({ db });
      await using stack = new AsyncDisposableStack();
      const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
      await register(ann, "ann");
      assertEquals(await ask(ann, "/ignore bob"), [DEAF_TO_BOB]);
      await ann.close();
      await bob.until("-- ann left.");
      await eve.until("-- ann left.");
      const away = "-- ann is away; your message waits for them.";
      assertEquals(await ask(bob, "/msg ann psst"), [away], "nobody can tell");
      assertEquals(await ask(eve, "/msg ann hello"), [away]);
      const { guest, shown } = await login(server, "ann");
      await using _guest = guest;
      assertEquals(shown, ["[private 14:02] eve: hello"]);
    }
    await using server = await startTestServer({ db });
    const { guest, shown } = await login(server, "ann");
    await using _guest = guest;
    assertEquals(shown, []);
  });
});

Deno.test("a registered name's list lasts, over a restart too, for all its connections", async () => {
  await onFile(async (db) => {
    {
      await using server = await startTestServer({ db });
      await using stack = new AsyncDisposableStack();
      const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
      await register(ann, "ann");
      await ask(ann, "/ignore bob");
      await ask(ann, "/ignore eve");
      await ask(ann, "/unignore eve");
      // Another connection has the list, and what one of them changes holds for both.
      const { guest: second } = await login(server, "ann");
      stack.use(second);
      assertEquals(await ask(second, "/ignore"), ["-- You ignore bob."]);
      await ask(second, "/ignore eve");
      // The second connection came as a guest.
      await ann.until("-- guest1 left.");
      assertEquals(await ask(ann, "/ignore"), ["-- You ignore bob, eve."]);
      for (const guest of [bob, eve]) await ask(guest, "hello");
      assertEquals(await ann.roundtrip(), []);
      assertEquals(await second.roundtrip(), []);
      await ask(ann, "/unignore eve");
      await ask(eve, "hello");
      assertEquals(await ann.roundtrip(), ["eve: hello"]);
      assertEquals(await second.roundtrip(), ["eve: hello"]);
    }
    await using server = await startTestServer({ db });
    await using bob = await server.join("bob");
    const { guest: ann } = await login(server, "ann");
    await using _ann = ann;
    await bob.roundtrip();
    assertEquals(await ask(ann, "/ignore"), ["-- You ignore bob."]);
    await ask(bob, "hello?");
    await ask(bob, "/msg ann hello?");
    assertEquals(await ann.roundtrip(), []);
    assertEquals(await ask(ann, "/history 500"), [
      "[14:02 2] eve: hello",
      "[14:02 3] eve: hello",
    ]);
    // Who is away can be ignored and heard again as well.
    await bob.close();
    await ann.until("-- bob left.");
    assertEquals(await ask(ann, "/unignore bob"), ["-- You hear bob again."]);
    assertEquals(await ask(ann, "/ignore bob"), [
      "-- Nobody here is called bob. /who shows who is.",
    ]);
  });
});

Deno.test("a registered name can be ignored while it is away", async () => {
  await atTime(async () => {
    await using server = await startTestServer();
    await using stack = new AsyncDisposableStack();
    const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
    await register(bob, "bob");
    await ask(bob, "words");
    await bob.close();
    await ann.until("-- bob left.");
    assertEquals(await ask(ann, "/ignore Bob"), [DEAF_TO_BOB]);
    assertEquals(await ask(ann, "/history"), ["-- There is nothing to show."]);
    const { guest } = await login(server, "bob");
    await using _guest = guest;
    await ask(guest, "hello");
    await ask(guest, "/msg ann hello");
    assertEquals((await ann.roundtrip()).filter((line) => /hello/.test(line)), []);
  });
});

Deno.test("a guest who registers goes on not hearing whom they ignore", async () => {
  await onFile(async (db) => {
    {
      await using server = await startTestServer({ db });
      await using stack = new AsyncDisposableStack();
      const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
      await ask(ann, "/ignore bob");
      await register(ann, "ann");
      await ask(bob, "hello");
      assertEquals(await ann.roundtrip(), []);
      assertEquals(await ask(ann, "/ignore"), ["-- You ignore bob."]);
    }
    await using server = await startTestServer({ db });
    const { guest } = await login(server, "ann");
    await using _guest = guest;
    assertEquals(await ask(guest, "/ignore"), ["-- You ignore bob."]);
  });
});

Deno.test("who logs in has the list of that name", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob, eve] = await gather(server, stack, ["ann", "bob", "eve"]);
  await register(ann, "ann");
  await ask(ann, "/ignore bob");
  await ask(ann, "/nick other");
  await ask(ann, "/ignore eve");
  const { guest } = await login(server, "ann");
  await using _guest = guest;
  assertEquals(await ask(guest, "/ignore"), ["-- You ignore bob."], "a guest's is not the name's");
  await ann.roundtrip();
  for (const each of [bob, eve]) await ask(each, "hello");
  assertEquals(await guest.roundtrip(), ["eve: hello"]);
});

Deno.test("an invitation by somebody who is ignored holds, but is not heard of", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const [ann, bob] = await gather(server, stack, ["ann", "bob"]);
  await ask(ann, "/ignore bob");
  await ask(bob, "/join #den");
  await ask(bob, "/room invite-only");
  assertEquals(await ask(bob, "/invite ann"), ["-- ann may come into #den."]);
  assertEquals(await ann.roundtrip(), []);
  assertEquals(await ask(ann, "/join #den"), ["-- You are now in #den, with bob."]);
});

Deno.test("so many can be ignored, and then one more when one is heard again", async () => {
  using trial = new Trial();
  const { chat, store } = trial;
  const { member: ann, notes } = trial.enter();
  const { signal } = new AbortController();
  const run = async (name: string, args: string): Promise<void> => {
    await runCommand({
      chat,
      member: ann,
      signal,
      answer: (event) => chat.answer(ann, event),
      quit: () => {},
    }, { name, args });
  };
  const names = Array.from({ length: IGNORED_MAX + 1 }, (_, index) => `user-${index}-x`);
  for (const name of names) {
    store.addAccount({
      name,
      key: nameKey(name),
      skeleton: name,
      isOperator: false,
      madeAtMs: 0,
      seenAtMs: 0,
      password: "cheap none",
    });
  }
  const last = names.at(-1) ?? "";
  for (const name of names.slice(0, -1)) await run("ignore", name);
  const error = await assertRejects(() => run("ignore", last), CommandError);
  assertEquals(error.message, `You ignore ${IGNORED_MAX} already.`);
  await run("unignore", names[5] ?? "");
  await run("ignore", last);
  notes.take();
  await run("ignore", "");
  assertEquals(notes.events, [{
    type: "notice",
    code: "ignored",
    lines: [`You ignore ${names.filter((_, index) => index !== 5).join(", ")}.`],
  }]);
});
