// The client with --inline in a real terminal (tmux), against a server that the test plays.
//
// What is tested is what a person sees: the line being typed stays intact, what
// was typed is shown once, a lost connection is told once, and the terminal is
// given back however it ends.

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { startTestServer } from "../harness.ts";
import { lineOf } from "../client/conversations.ts";
import { ChatPeer } from "./chat_peer.ts";
import { FakeServer } from "./fake_server.ts";
import { Terminal, type TerminalOptions, WHY_NO_TMUX } from "./tmux.ts";

/** A client in a terminal, welcomed by a server as `kim`. */
interface Stage {
  readonly server: FakeServer;
  readonly terminal: Terminal;
  readonly peer: ChatPeer;
}

const ARGS = ["--inline", "--no-settings", "--nick", "kim"];
/** How the welcome ends on the screen. */
const WELCOMED = "with ann and bo\nb.";

function testInTerminal(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    fn: run,
  });
}

function testTerminal(
  name: string,
  run: (stage: Stage) => Promise<void>,
  options: Partial<TerminalOptions> = {},
): void {
  testInTerminal(name, async () => {
    await using server = new FakeServer();
    await using terminal = await Terminal.start({
      hidesTimes: true,
      ...options,
      args: [server.address, ...ARGS, ...options.args ?? []],
    });
    const peer = await ChatPeer.accept(server);
    assertEquals(peer.hello["nick"], "kim");
    await peer.welcome("kim", ["ann", "bob"]);
    await terminal.waitForEnd(`${WELCOMED}\nkim>`);
    await run({ server, terminal, peer });
  });
}

testTerminal("inline client keeps the line that is being typed", async ({ terminal, peer }) => {
  const typed = "abcdefghij".repeat(7);
  const first = typed.slice(0, 55);
  const second = typed.slice(55);
  await terminal.type(typed);
  await terminal.waitForEnd(`kim> ${first}\n${second}`);
  await peer.said("ann", "one");
  await peer.said("bob", "waves", { type: "action" });
  await terminal.waitForEnd(`ann: one\n* bob waves\nkim> ${first}\n${second}`);
  await terminal.keys("Left", "Left", "BSpace", "C-a");
  await peer.said("ann", "two");
  await terminal.waitFor("ann: two\nkim>");
  await terminal.type("X");
  await terminal.keys("Enter");
  const sent = `X${typed.slice(0, -3)}${typed.slice(-2)}`;
  assertEquals(await peer.take(), sent);
  await terminal.waitForEnd(`ann: two\nkim: ${sent.slice(0, 49)}\n${sent.slice(49)}\nkim>`);
});

testTerminal("inline client keeps a line whose wide characters wrap", async (stage) => {
  const { terminal, peer } = stage;
  // Behind `kim> ` there is room for 27 of them; the 28th does not fit at the edge.
  const wide = "\u65e5".repeat(27);
  for (const char of wide + "\u672c\u8a9e") await terminal.type(char);
  await terminal.waitForEnd(`kim> ${wide}\n\u672c\u8a9e`);
  await terminal.keys("BSpace");
  await terminal.waitForEnd(`${WELCOMED}\nkim> ${wide}\n\u672c`);
  await peer.said("ann", "\u{1f600}");
  await terminal.waitForEnd(`${WELCOMED}\nann: \u{1f600}\nkim> ${wide}\n\u672c`);
  await terminal.keys("Enter");
  assertEquals(await peer.take(), `${wide}\u672c`);
  await terminal.waitForEnd(
    `ann: \u{1f600}\nkim: ${wide.slice(3)}\n${wide.slice(0, 3)}\u672c\nkim>`,
  );
});

testTerminal("inline client shows what was typed once, as others see it", async (stage) => {
  const { terminal, peer } = stage;
  const lines = [
    ["hello", "hello"],
    ["/me waves", "/me waves"],
    ["/msg ann psst", "/msg ann psst"],
    ["//shrug", "/shrug"],
    ["/who", "/who"],
  ] as const;
  for (const [typed, sent] of lines) {
    await terminal.type(typed);
    await terminal.keys("Enter");
    assertEquals(await peer.take(), sent);
  }
  await terminal.waitForEnd(
    `${WELCOMED}\nkim: hello\n* kim waves\n[private to ann] kim: psst\nkim: /shrug\n/who\nkim>`,
  );
});

testTerminal("inline client says what was not sent, and why", async ({ terminal, peer }) => {
  await terminal.type("a long line of words that nobody will ever read");
  await terminal.keys("Enter");
  await terminal.waitForEnd("ever read\nkim>");
  await peer.refuse(await peer.request(), "You are muted.");
  await terminal.waitForEnd(
    '!! "a long line of words that nobody will..." was not sent:\nYou are muted.\nkim>',
  );
});

testTerminal("inline client brings back typed lines with the arrow keys", async (stage) => {
  const { terminal, peer } = stage;
  for (const line of ["first", "second"]) {
    await terminal.type(line);
    await terminal.keys("Enter");
    await peer.take();
  }
  await terminal.waitForEnd("kim: second\nkim>");
  await terminal.keys("Up");
  await terminal.waitForEnd("kim> second");
  await terminal.keys("Up");
  await terminal.waitForEnd("kim> first");
  await terminal.keys("Enter");
  assertEquals(await peer.take(), "first");
});

testTerminal("inline client completes commands and names", async ({ terminal, peer }) => {
  await peer.joined("Anton");
  await terminal.waitForEnd("-- Anton joined.\nkim>");
  await terminal.type("B");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim> bob:");
  await terminal.type("is an");
  await terminal.keys("Tab");
  await terminal.waitForEnd("ann  Anton\nkim> bob: is an");
  await terminal.type("t");
  await terminal.keys("Tab");
  await terminal.type("here?");
  await terminal.keys("Enter");
  assertEquals(await peer.take(), "bob: is Anton here?");
  await terminal.type("/w");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim> /who");
});

testTerminal("inline client completes the rooms that one is in", async ({ terminal, peer }) => {
  await peer.entered("#dev", ["zoe"]);
  await terminal.waitForEnd("with zoe.\nkim #dev>");
  await terminal.type("/join #l");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim #dev> /join #lobby");
  await terminal.keys("C-u");
  await terminal.type("z");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim #dev> zoe:");
});

testTerminal("inline client says where one is, and where something is said", async (stage) => {
  const { terminal, peer } = stage;
  await peer.entered("#dev", []);
  await peer.said("ann", "hi");
  await terminal.waitForEnd("alone so far.\n[#lobby] ann: hi\nkim #dev>");
  await peer.tell({ type: "renamed", from: "ann", to: "Anna" });
  await terminal.waitForEnd("-- ann is now Anna.\nkim #dev>");
  await peer.tell({ type: "parted", room: "#dev", to: "#lobby" });
  await terminal.waitForEnd("-- You are not in #dev any more.\nkim>");
  await terminal.type("hello");
  await terminal.keys("Enter");
  assertEquals((await peer.request())["room"], "#lobby");
  await terminal.waitForEnd("kim: hello\nkim>");
  await terminal.type("/msg #dev hi");
  await terminal.keys("Enter");
  assertEquals(await peer.take(), "/msg #dev hi");
  await peer.said("kim", "hi", { room: "#dev" });
  await terminal.waitForEnd("kim: hello\n[#dev] kim: hi\nkim>");
});

testTerminal("inline client begins each line of a message with its writer", async (stage) => {
  const { terminal, peer } = stage;
  await peer.said("ann", "one\nbob: two");
  await terminal.waitForEnd("ann: one\nann: bob: two\nkim>");
  await terminal.type("/motd");
  await terminal.keys("Enter");
  const { ref } = await peer.request();
  await peer.raw.say(lineOf({ type: "notice", ref, code: "x", lines: ["three", "four"] }));
  await terminal.waitForEnd("/motd\n-- three\n-- four\nkim>");
});

testTerminal("inline client shows what was said before, with its day", async (stage) => {
  const { terminal, peer } = stage;
  const atMs = new Date(2026, 0, 2, 3, 4).getTime();
  const line = { id: 1, atMs, room: "#lobby", kind: "message", from: "ann", text: "earlier" };
  const history = { type: "history", room: "#lobby", nowMs: atMs, unread: 0 };
  await peer.raw.say(lineOf({ ...history, purpose: "backlog", lines: [line] }));
  await terminal.waitForEnd("2026-01-02 03:04 ann: earlier\nkim>");
  await terminal.type("/history");
  await terminal.keys("Enter");
  const { ref } = await peer.request();
  await peer.raw.say(lineOf({ ...history, ref, purpose: "asked", lines: [line] }));
  await terminal.waitForEnd("/history\n[2026-01-02 03:04 #lobby 1] ann: earlier\nkim>");
});

testTerminal("inline client shows no password, and does not bring it back", async (stage) => {
  const { terminal, peer } = stage;
  await terminal.type("/login k");
  await terminal.waitForEnd("kim> /login *");
  await terminal.type("im tr0ub4dor");
  await terminal.waitForEnd("kim> /login kim *********");
  await terminal.keys("Left", "BSpace");
  await terminal.waitForEnd("kim> /login kim ********");
  await terminal.keys("C-u", "C-k");
  await terminal.waitForEnd(`${WELCOMED}\nkim>`);
  const lines = [
    "hello",
    "/register tr0ub4dor",
    "/login kim tr0ub4dor",
    "/account password tr0ub4dor tr0ub4dor2",
    "/join #dev tr0ub4dor",
    "/room password tr0ub4dor",
    "/who",
  ];
  for (const line of lines) {
    await terminal.type(line);
    await terminal.keys("Enter");
    assertEquals(await peer.take(), line);
  }
  await terminal.waitForEnd(
    "kim: hello\n/register ****\n/login kim ****\n/account password ****\n/join #dev ****\n" +
      "/room password ****\n/who\nkim>",
  );
  await terminal.keys("Up");
  await terminal.waitForEnd("kim> /who");
  await terminal.keys("Up");
  await terminal.waitForEnd("kim> hello");
  assertNotMatch(await terminal.screen(), /tr0ub4dor/u);
});

testInTerminal("inline client hides the server's password as it is typed", async () => {
  await using server = new FakeServer();
  await using terminal = await Terminal.start({ args: [server.address, ...ARGS] });
  const wanted = { type: "refused", code: "password-wanted", text: "It asks for its password." };
  const wrong = { type: "refused", code: "wrong-password", text: "That is not it." };
  const first = await ChatPeer.accept(server);
  await first.raw.say(lineOf(wanted));
  await terminal.waitForEnd("-- It asks for its password.\npassword>");
  await terminal.type("open sesamm");
  await terminal.keys("BSpace", "Left", "BSpace", "End");
  await terminal.type(`e${"x".repeat(200)}`);
  await terminal.keys("Enter");
  const second = await ChatPeer.accept(server);
  assertEquals(second.hello["password"], `open sesme${"x".repeat(200)}`);
  await terminal.waitForEnd("password.\n****\n>");
  await second.raw.say(lineOf(wrong));
  await terminal.waitForEnd("****\n-- That is not it.\npassword>");
  await terminal.type("/open sesame");
  await terminal.keys("Enter");
  const third = await ChatPeer.accept(server);
  assertEquals(third.hello["password"], "/open sesame");
  await third.welcome("kim", ["ann", "bob"]);
  await terminal.waitForEnd(`${WELCOMED}\nkim>`);
  await terminal.type("hello");
  await terminal.keys("Enter");
  await third.take();
  await terminal.keys("Up", "Up", "C-a");
  await terminal.type("x");
  await terminal.waitForEnd("kim> x");
  assertNotMatch(await terminal.screen(), /sesa?me/u);
});

testTerminal("inline client sends every line of a paste, in order", async (stage) => {
  const { terminal, peer } = stage;
  const lines = Array.from({ length: 60 }, (_, count) => `${count} if (x) {  \u65e5 }`);
  await terminal.paste(`${lines.join("\n")}\n`);
  for (const line of lines) assertEquals(await peer.take(), line);
  await terminal.waitForEnd("kim: 59 if (x) {  \u65e5 }\nkim>");
});

testTerminal("inline client takes a pasted line of 4 KiB without stalling", async (stage) => {
  const { terminal, peer } = stage;
  const line = "abcd efg ".repeat(500);
  await terminal.paste(line);
  await terminal.keys("Enter");
  assertEquals(await peer.take(), line);
});

testTerminal("inline client follows a resized window", async ({ terminal, peer }) => {
  await terminal.type("0123456789".repeat(5));
  await terminal.waitForEnd(`kim> ${"0123456789".repeat(5)}`);
  await terminal.resize(30, 20);
  await terminal.waitForEnd(
    `kim> ${"0123456789".repeat(5).slice(0, 25)}\n${"5678901234".repeat(3).slice(0, 25)}`,
  );
  await peer.said("ann", "narrow");
  await terminal.waitForEnd(
    "ann: narrow\nkim> 0123456789012345678901234\n5678901234567890123456789",
  );
  await terminal.resize(80, 20);
  await peer.said("ann", "broad");
  await terminal.waitForEnd(`ann: broad\nkim> ${"0123456789".repeat(5)}`);
});

testTerminal("inline client lets no server repaint the screen", async ({ terminal, peer }) => {
  await peer.said("ann", "\x1b[2J\x1b[Hhi\x1b[8m");
  await peer.said("bob", "\x1b]0;owned\x07still\x9bm here");
  await terminal.waitForEnd(`${WELCOMED}\nann: hi\nbob: still here\nkim>`);
});

testTerminal("inline client leaves on Ctrl-D and gives the terminal back", async (stage) => {
  const { terminal, peer } = stage;
  await terminal.keys("C-d");
  assertEquals((await peer.request())["type"], "quit");
  await peer.goodbye();
  await terminal.waitForEnd(`${WELCOMED}\ncode 0\nrestored\n$`);
  await terminal.type("echo it is a shell");
  await terminal.keys("Enter");
  await terminal.waitForEnd("\nit is a shell\n$");
});

testTerminal("inline client clears the line on Ctrl-C, then leaves", async (stage) => {
  const { terminal, peer } = stage;
  await terminal.type("x".repeat(130));
  await terminal.waitFor("xxx");
  await terminal.keys("Left", "C-c");
  await terminal.waitForEnd(`${WELCOMED}\nkim>`);
  await terminal.keys("C-c");
  assertEquals((await peer.request())["type"], "quit");
  await peer.goodbye();
  await terminal.waitForEnd("code 0\nrestored\n$");
});

testTerminal("inline client leaves a server that does not let it go", async (stage) => {
  const { terminal, peer } = stage;
  await terminal.type("/quit");
  await terminal.keys("Enter");
  assertEquals((await peer.request())["type"], "quit");
  await terminal.waitForEnd("/quit\ncode 0\nrestored\n$");
});

testTerminal("inline client comes back by itself, and sends once what was typed", async (stage) => {
  const { server, terminal, peer } = stage;
  await terminal.type("half a thought");
  await terminal.waitForEnd("kim> half a thought");
  await peer.raw.close();
  const lost = "-- The connection was lost. Trying again; what you type mean\n" +
    "while is sent once that works.\n";
  await terminal.waitForEnd(`${lost}kim> half a thought`);
  const dropped = await ChatPeer.accept(server);
  await dropped.raw.close();
  // A second failure is not told anew.
  const back = await ChatPeer.accept(server);
  await terminal.keys("Enter");
  await terminal.waitForEnd(`${lost}kim: half a thought\nkim>`);
  await back.welcome("kim", ["ann", "bob"], { isResumed: true });
  await back.said("ann", "meanwhile");
  await back.raw.say(lineOf({ type: "caught-up", missed: 1, id: 1 }));
  assertEquals(await back.take(), "half a thought");
  await back.said("ann", "what?");
  await terminal.waitForEnd(
    `${lost}kim: half a thought\n-- Back again.\nann: meanwhile\nann: what?\nkim>`,
  );
});

testTerminal("inline client shows a message once whose answer was lost", async (stage) => {
  const { server, terminal, peer } = stage;
  await terminal.type("hello");
  await terminal.keys("Enter");
  await peer.request();
  await peer.raw.close();
  const back = await ChatPeer.accept(server);
  await back.welcome("kim", ["ann", "bob"], { isResumed: true, lastRef: 1 });
  await back.said("kim", "hello");
  await back.raw.say(lineOf({ type: "caught-up", missed: 1, id: 1 }));
  const { ref } = await back.request();
  await back.raw.say(lineOf({ type: "ok", ref, repeated: true }));
  await back.said("ann", "hi");
  await terminal.waitForEnd("-- Back again.\nann: hi\nkim>");
  assertEquals((await terminal.screen()).split("kim: hello").length, 2);
});

testTerminal("inline client tells why the server ended it", async ({ terminal, peer }) => {
  await terminal.type("half");
  await terminal.waitForEnd("kim> half");
  await peer.goodbye("removed", "You were removed by ann: Enough.");
  await terminal.waitForEnd(
    "kim> half\nYou were removed by ann: Enough.\ncode 3\nrestored\n$",
  );
});

testTerminal("inline client gives the terminal back on signals", async ({ terminal }) => {
  await terminal.type("half");
  await terminal.waitForEnd("kim> half");
  Deno.kill(await terminal.clientPid(), "SIGTERM");
  await terminal.waitForEnd("kim> half\ncode 143\nrestored\n$");
});

testTerminal("inline client comes back from Ctrl-Z", async ({ terminal, peer }) => {
  await terminal.type("half");
  await terminal.keys("C-z");
  await terminal.waitFor("code 148");
  await peer.said("ann", "meanwhile");
  await terminal.type("fg");
  await terminal.keys("Enter");
  await terminal.waitForEnd("ann: meanwhile\nkim> half");
  await terminal.keys("Enter");
  assertEquals(await peer.take(), "half");
});

testTerminal("inline client changes its colours and its bell", async ({ terminal, peer }) => {
  await peer.said("ann", "hello kim");
  await terminal.waitForEnd("ann: hello kim\nkim>");
  const dark = await terminal.coloredScreen();
  // deno-lint-ignore no-control-regex -- the escape is what is looked for
  assertMatch(dark, /\x1b\[[\d;]+mann\x1b/u);
  // deno-lint-ignore no-control-regex -- the escape is what is looked for
  const mention = /\x1b\[[\d;]+mkim\x1b/u.exec(dark.split("hello ")[1] ?? "")?.[0] ?? "";
  await terminal.type("/theme light");
  await terminal.keys("Enter");
  await terminal.waitForEnd("-- /theme is light from now on.\nkim>");
  await peer.said("ann", "again kim");
  await terminal.waitForEnd("ann: again kim\nkim>");
  const light = (await terminal.coloredScreen()).split("again ")[1] ?? "";
  assert(mention !== "" && !light.startsWith(mention), light);
  await terminal.type("/bell loud");
  await terminal.keys("Enter");
  await terminal.waitForEnd("-- /bell takes off, mentions or all.\nkim>");
});

testTerminal("inline client rings the bell for who is named", async ({ terminal, peer }) => {
  const recorded = await terminal.record();
  await peer.said("ann", "hello all");
  await peer.said("ann", "hello kim");
  await terminal.waitForEnd("ann: hello kim\nkim>");
  const text = new TextDecoder().decode(await recorded());
  assertEquals(text.split("\x07").length, 2);
}, { args: ["--bell", "mentions"] });

testTerminal("inline client uses no colours with NO_COLOR", async ({ terminal, peer }) => {
  await peer.said("ann", "hello kim");
  await terminal.waitForEnd("ann: hello kim\nkim>");
  // deno-lint-ignore no-control-regex -- the escape is what is looked for
  assertNotMatch(await terminal.coloredScreen(), /\x1b\[(?:\d+;)*(?:[34][0-8]|9\d)/u);
}, { env: { NO_COLOR: "1" } });

testInTerminal("inline client shows two rooms of a real server", async () => {
  await using server = await startTestServer();
  await using ann = await server.join("ann");
  ann.say("/join #dev");
  ann.say("earlier");
  await ann.roundtrip();
  await using terminal = await Terminal.start({
    args: [`127.0.0.1:${server.port}`, ...ARGS],
    hidesTimes: true,
  });
  await terminal.waitForEnd("\nkim>");
  await terminal.type("/join #dev");
  await terminal.keys("Enter");
  await terminal.waitForEnd("ann: earlier\nkim #dev>");
  ann.say("/msg kim psst");
  ann.say("/msg #lobby out here");
  await terminal.waitForEnd("[private] ann: psst\n[#lobby] ann: out here\nkim #dev>");
  await terminal.type("hello");
  await terminal.keys("Enter");
  await ann.until("kim: hello");
  await terminal.waitForEnd("out here\nkim: hello\nkim #dev>");
  await terminal.type("/leave");
  await terminal.keys("Enter");
  await terminal.waitForEnd("/leave\n-- You are not in #dev any more.\nkim>");
  await terminal.type("a");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim> ann:");
  await terminal.keys("C-u", "C-d");
  await terminal.waitForEnd("code 0\nrestored\n$");
  await ann.until(/kim left\.$/);
});
