// The client with --plain in a real terminal (tmux), against a server that the test plays.
//
// What is tested: a line for each thing that happens and no byte that moves a
// cursor or colours, passwords that are not seen, and the terminal as it was.

import { assert, assertEquals, assertNotMatch, assertStringIncludes } from "@std/assert";
import { lineOf } from "../client/conversations.ts";
import { ChatPeer } from "./chat_peer.ts";
import { FakeServer } from "./fake_server.ts";
import { Terminal, type TerminalOptions, WHY_NO_TMUX } from "./tmux.ts";

const ARGS = ["--plain", "--no-settings", "--nick", "kim"];
const WELCOME = "Welcome to Parley. You are kim in #lobby, with ann and bob.";

function testInTerminal(
  name: string,
  run: (server: FakeServer, terminal: Terminal) => Promise<void>,
  options: Partial<TerminalOptions> = {},
): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    async fn(): Promise<void> {
      await using server = new FakeServer();
      await using terminal = await Terminal.start({
        columns: 100,
        ...options,
        args: [server.address, ...options.args ?? ARGS],
      });
      await run(server, terminal);
    },
  });
}

async function welcomed(server: FakeServer, terminal: Terminal): Promise<ChatPeer> {
  const peer = await ChatPeer.accept(server);
  await peer.welcome("kim", ["ann", "bob"]);
  await terminal.waitForEnd(WELCOME);
  return peer;
}

testInTerminal(
  "plain client prints a line for each thing, and no escape",
  async (server, terminal) => {
    const peer = await welcomed(server, terminal);
    const recorded = await terminal.record();
    await peer.said("ann", "hello kim");
    await peer.said("ann", "one\ntwo");
    await peer.joined("zoe");
    await terminal.waitForEnd(`${WELCOME}\nann: hello kim\nann: one\nann: two\nzoe joined.`);
    await terminal.type("hi all");
    await terminal.keys("Enter");
    assertEquals(await peer.take(), "hi all");
    await peer.said("ann", "hi");
    // What was typed stands there as the terminal has shown it, and is not repeated.
    await terminal.waitForEnd("zoe joined.\nhi all\nann: hi");
    await terminal.type("/theme light");
    await terminal.keys("Enter");
    await terminal.waitForEnd("/theme light\nThere are no colours here.");
    await terminal.type("muted");
    await terminal.keys("Enter");
    await peer.refuse(await peer.request(), "You are muted.");
    await terminal.waitForEnd('muted\n"muted" was not sent: You are muted.');
    const bytes = await recorded();
    assertStringIncludes(new TextDecoder().decode(bytes), "zoe joined.\r\n");
    assert(!bytes.includes(0x1b), "there is an escape in the output");
    await terminal.keys("C-d");
    assertEquals((await peer.request())["type"], "quit");
    await peer.goodbye();
    await terminal.waitForEnd("You are muted.\ncode 0\nrestored\n$");
  },
);

testInTerminal(
  "plain client says when something was said that is past",
  async (server, terminal) => {
    const peer = await welcomed(server, terminal);
    const atMs = new Date(2026, 0, 2, 3, 4).getTime();
    const line = { id: 0, atMs, room: "#lobby", kind: "message", from: "ann", text: "earlier" };
    await peer.raw.say(lineOf({
      type: "history",
      purpose: "backlog",
      room: "#lobby",
      nowMs: atMs,
      lines: [line],
      unread: 0,
    }));
    await terminal.waitForEnd("2026-01-02 03:04 ann: earlier");
    await peer.said("ann", "now");
    await terminal.waitForEnd("earlier\nann: now");
  },
);

testInTerminal("plain client comes back by itself", async (server, terminal) => {
  const peer = await welcomed(server, terminal);
  await peer.raw.close();
  const lost =
    "The connection was lost. Trying again; what you type meanwhile is sent once that works.";
  await terminal.waitForEnd(lost);
  await terminal.type("hi");
  await terminal.keys("Enter");
  await terminal.waitForEnd(`${lost}\nhi`);
  const back = await ChatPeer.accept(server);
  await back.welcome("kim", ["ann", "bob"], { isResumed: true });
  await back.raw.say(lineOf({ type: "caught-up", missed: 0, id: 0 }));
  assertEquals(await back.take(), "hi");
  await terminal.waitForEnd(`${lost}\nhi\nBack again.`);
});

testInTerminal("plain client shows no password", async (server, terminal) => {
  const first = await ChatPeer.accept(server);
  await first.raw.say(
    lineOf({ type: "refused", code: "password-wanted", text: "It asks for its password." }),
  );
  const hint = "Type the password, then Enter. It is not shown.";
  await terminal.waitForEnd(`It asks for its password.\n${hint}`);
  await terminal.type("open sesamx");
  await terminal.keys("BSpace");
  await terminal.type("e");
  await terminal.keys("Enter");
  const peer = await ChatPeer.accept(server);
  assertEquals(peer.hello["password"], "open sesame");
  await peer.welcome("kim", ["ann", "bob"]);
  await terminal.waitForEnd(`${hint}\n${WELCOME}`);
  await terminal.type("/login");
  await terminal.keys("Enter");
  await terminal.waitForEnd(`/login\n${hint}`);
  await terminal.type("tr0ub4dor");
  await terminal.keys("Enter");
  assertEquals(await peer.take(), "/login tr0ub4dor");
  // And then it is a terminal as before.
  await terminal.type("hello");
  await terminal.keys("Enter");
  assertEquals(await peer.take(), "hello");
  await terminal.waitForEnd(`/login\n${hint}\nhello`);
  assertNotMatch(await terminal.screen(), /sesam|tr0ub/u);
});

for (
  const [signal, end] of [
    ["SIGTERM", "code 143"],
    ["SIGUSR1", "Client failed: thrown as it was told to.\ncode 1"],
  ] as const
) {
  testInTerminal(
    `plain client that asks for a password gives the terminal back on ${signal}`,
    async (server, terminal) => {
      await welcomed(server, terminal);
      await terminal.type("/register");
      await terminal.keys("Enter");
      await terminal.waitForEnd("It is not shown.");
      Deno.kill(await terminal.clientPid(), signal);
      await terminal.waitForEnd(`It is not shown.\n${end}\nrestored\n$`);
    },
    { script: "tests/fixtures/failing_client.ts" },
  );
}

testInTerminal("plain client is what a dumb terminal gets", async (server, terminal) => {
  const peer = await welcomed(server, terminal);
  const recorded = await terminal.record();
  await terminal.type("/quit");
  await terminal.keys("Enter");
  assertEquals((await peer.request())["type"], "quit");
  await peer.goodbye();
  await terminal.waitForEnd(`${WELCOME}\n/quit\ncode 0\nrestored\n$`);
  assert(!(await recorded()).includes(0x1b), "there is an escape in the output");
}, { args: ["--no-settings", "--nick", "kim"], env: { TERM: "dumb" } });
