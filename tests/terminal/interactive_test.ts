// The client in a real terminal (tmux), against a server that the test plays.
//
// What is tested is what a person sees: the line being typed stays intact, what
// was typed is shown once, and the terminal is given back however it ends.

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { startTestServer } from "../harness.ts";
import { type FakePeer, FakeServer } from "./fake_server.ts";
import { Terminal, type TerminalOptions, WHY_NO_TMUX } from "./tmux.ts";

/** A client in a terminal, welcomed by a server as `kim`. */
interface Stage {
  readonly server: FakeServer;
  readonly terminal: Terminal;
  readonly peer: FakePeer;
}

const WELCOME = "-- Welcome to Parley. You are guest1 in #lobby, with ann and bob.";

function testTerminal(
  name: string,
  run: (stage: Stage) => Promise<void>,
  options: Omit<TerminalOptions, "args"> = {},
): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    async fn(): Promise<void> {
      await using server = new FakeServer();
      await using terminal = await Terminal.start({
        ...options,
        args: [server.address, "--nick", "kim"],
      });
      const peer = await server.accept();
      assertEquals(await peer.line(), "/nick kim");
      await peer.say(`${WELCOME}\n-- You are now kim.\n`);
      await terminal.waitForEnd("-- You are now kim.\nkim>");
      await run({ server, terminal, peer });
    },
  });
}

testTerminal("client keeps the line that is being typed", async ({ terminal, peer }) => {
  const typed = "abcdefghij".repeat(7);
  const first = typed.slice(0, 55);
  const second = typed.slice(55);
  await terminal.type(typed);
  await terminal.waitForEnd(`kim> ${first}\n${second}`);
  await peer.say("ann: one\n* bob waves\n");
  await terminal.waitForEnd(`ann: one\n* bob waves\nkim> ${first}\n${second}`);
  await terminal.keys("Left", "Left", "BSpace", "C-a");
  await peer.say("ann: two\n");
  await terminal.waitFor("ann: two\nkim>");
  await terminal.type("X");
  await terminal.keys("Enter");
  const sent = `X${typed.slice(0, -3)}${typed.slice(-2)}`;
  assertEquals(await peer.line(), sent);
  await terminal.waitForEnd(`ann: two\nkim: ${sent.slice(0, 55)}\n${sent.slice(55)}\nkim>`);
});

testTerminal("client keeps a line whose wide characters wrap", async ({ terminal, peer }) => {
  // Behind `kim> ` there is room for 27 of them; the 28th does not fit at the edge.
  const wide = "\u65e5".repeat(27);
  for (const char of wide + "\u672c\u8a9e") await terminal.type(char);
  await terminal.waitForEnd(`kim> ${wide}\n\u672c\u8a9e`);
  await terminal.keys("BSpace");
  await terminal.waitForEnd(`-- You are now kim.\nkim> ${wide}\n\u672c`);
  await peer.say("ann: \u{1f600}\n");
  await terminal.waitForEnd(`-- You are now kim.\nann: \u{1f600}\nkim> ${wide}\n\u672c`);
  await terminal.keys("Enter");
  assertEquals(await peer.line(), `${wide}\u672c`);
  await terminal.waitForEnd(`ann: \u{1f600}\nkim: ${wide}\n\u672c\nkim>`);
});

testTerminal("client shows what was typed once, as others see it", async ({ terminal, peer }) => {
  for (const line of ["hello", "/me waves", "/msg ann psst", "//shrug", "/who"]) {
    await terminal.type(line);
    await terminal.keys("Enter");
    assertEquals(await peer.line(), line);
  }
  await terminal.waitForEnd(
    "-- You are now kim.\nkim: hello\n* kim waves\n[private to ann] kim: psst\nkim: /shrug\n/who\nkim>",
  );
});

testTerminal("client brings back typed lines with the arrow keys", async ({ terminal, peer }) => {
  for (const line of ["first", "second"]) {
    await terminal.type(line);
    await terminal.keys("Enter");
    await peer.line();
  }
  await terminal.waitForEnd("kim: second\nkim>");
  await terminal.keys("Up");
  await terminal.waitForEnd("kim> second");
  await terminal.keys("Up");
  await terminal.waitForEnd("kim> first");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "first");
});

testTerminal("client completes commands and names", async ({ terminal, peer }) => {
  await peer.say("-- Anton joined.\n");
  await terminal.waitForEnd("joined.\nkim>");
  await terminal.type("B");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim> bob:");
  await terminal.type("is an");
  await terminal.keys("Tab");
  await terminal.waitForEnd("Anton  ann\nkim> bob: is an");
  await terminal.type("t");
  await terminal.keys("Tab");
  await terminal.type("here?");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "bob: is Anton here?");
  await terminal.type("/w");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim> /who");
});

testTerminal("client completes the rooms that one is in", async ({ terminal, peer }) => {
  await peer.say("-- You are now in #dev, with zoe.\n");
  await terminal.waitForEnd("zoe.\nkim #dev>");
  await terminal.type("/join #l");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim #dev> /join #lobby");
  await terminal.keys("C-u");
  await terminal.type("z");
  await terminal.keys("Tab");
  await terminal.waitForEnd("kim #dev> zoe:");
});

testTerminal("client says where one is, but for the lobby alone", async ({ terminal, peer }) => {
  await peer.say("-- You are now in #dev, alone so far.\n[#lobby] ann: hi\n");
  await terminal.waitForEnd("[#lobby] ann: hi\nkim #dev>");
  await peer.say("-- You are now in #lobby, with ann.\n");
  await terminal.waitForEnd("with ann.\nkim #lobby>");
  await peer.say("-- You left #dev. You are in #lobby now.\n");
  await terminal.waitForEnd("You are in #lobby now.\nkim>");
  await peer.say("-- You left #lobby. You are in no room now; /join #lobby ...\n");
  await terminal.waitForEnd("in no room now; /join #lobby ...\nkim>");
  await terminal.type("/msg #lobby hi");
  await terminal.keys("Enter");
  await terminal.waitForEnd("[#lobby] kim: hi\nkim>");
});

testTerminal("client shows no password, and does not bring it back", async ({ terminal, peer }) => {
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
    assertEquals(await peer.line(), line);
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

testTerminal("client hides the server's password as it is typed", async ({ terminal, peer }) => {
  const question = "-- This server asks for its password. Type it, and then Enter:\n";
  await peer.say(question);
  await terminal.waitForEnd("r:\npassword>");
  await terminal.type("open sesamm");
  await terminal.keys("BSpace", "Left", "BSpace", "End");
  await terminal.type("e");
  // What comes meanwhile does not show it either.
  await peer.say("-- pong\n");
  await terminal.waitForEnd("-- pong\npassword>");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "open sesme");
  await terminal.waitForEnd("-- pong\n****\npassword>");
  await terminal.type("/open sesame");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "/open sesame");
  await terminal.waitForEnd("-- pong\n****\n****\npassword>");
  await peer.say(`${WELCOME}\n-- You are now kim.\n`);
  await terminal.waitForEnd("-- You are now kim.\nkim>");
  await terminal.type("hello");
  await terminal.keys("Enter");
  await terminal.waitForEnd("-- You are now kim.\nkim: hello\nkim>");
  await terminal.keys("Up", "Up", "C-a");
  await terminal.type("x");
  await terminal.waitForEnd("kim> x");
  assertNotMatch(await terminal.screen(), /ses/u);
});

testTerminal("client keeps a long hidden password out of the lines", async ({ terminal, peer }) => {
  await peer.say("-- This server asks for its password. Type it, and then Enter:\n");
  await terminal.waitForEnd("r:\npassword>");
  await terminal.type("x".repeat(200));
  await peer.say("-- one\n");
  await terminal.waitForEnd("r:\n-- one\npassword>");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "x".repeat(200));
  await terminal.waitForEnd("r:\n-- one\n****\npassword>");
});

testTerminal("client sends every line of a paste, in order", async ({ terminal, peer }) => {
  const lines = Array.from({ length: 60 }, (_, count) => `${count}\tif (x) {  \u65e5 }`);
  await terminal.paste(`${lines.join("\n")}\n`);
  for (const line of lines) assertEquals(await peer.line(), line);
  await terminal.waitForEnd("kim: 59 if (x) {  \u65e5 }\nkim>");
});

testTerminal("client takes a pasted line of 4 KiB without stalling", async ({ terminal, peer }) => {
  const line = "abcd efg ".repeat(500);
  await terminal.paste(line);
  await terminal.keys("Enter");
  assertEquals(await peer.line(), line);
});

testTerminal("client follows a resized window", async ({ terminal, peer }) => {
  await terminal.type("0123456789".repeat(5));
  await terminal.waitForEnd(`kim> ${"0123456789".repeat(5)}`);
  await terminal.resize(30, 20);
  await terminal.waitForEnd(
    `kim> ${"0123456789".repeat(5).slice(0, 25)}\n${"5678901234".repeat(3).slice(0, 25)}`,
  );
  await peer.say("ann: narrow\n");
  await terminal.waitForEnd(
    "ann: narrow\nkim> 0123456789012345678901234\n5678901234567890123456789",
  );
  await terminal.resize(80, 20);
  await peer.say("ann: broad\n");
  await terminal.waitForEnd(`ann: broad\nkim> ${"0123456789".repeat(5)}`);
});

testTerminal("client lets no server repaint the screen", async ({ terminal, peer }) => {
  await peer.say("\x1b[2J\x1b[Hann: hi\x1b[8m\r\nbob: \x1b]0;owned\x07still\x9bm here\n");
  await terminal.waitForEnd("-- You are now kim.\nann: hi\nbob: still here\nkim>");
});

testTerminal("client leaves on Ctrl-D and gives the terminal back", async ({ terminal, peer }) => {
  await terminal.keys("C-d");
  assertEquals(await peer.line(), "/quit");
  await peer.say("-- Goodbye.\n");
  await peer.close();
  await terminal.waitForEnd("-- You are now kim.\n-- Goodbye.\ncode 0\nrestored\n$");
  await terminal.type("echo it is a shell");
  await terminal.keys("Enter");
  await terminal.waitForEnd("\nit is a shell\n$");
});

testTerminal("client clears the line on Ctrl-C, then leaves", async ({ terminal, peer }) => {
  await terminal.type("x".repeat(130));
  await terminal.waitFor("xxx");
  await terminal.keys("Left", "C-c");
  await terminal.waitForEnd("-- You are now kim.\nkim>");
  await terminal.keys("C-c");
  assertEquals(await peer.line(), "/quit");
  await peer.say("-- Goodbye.\n");
  await peer.close();
  await terminal.waitForEnd("-- Goodbye.\ncode 0\nrestored\n$");
});

testTerminal("client leaves a server that does not let it go", async ({ terminal, peer }) => {
  await terminal.type("/quit");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "/quit");
  await terminal.waitForEnd("/quit\ncode 0\nrestored\n$");
});

testTerminal("client tells that the connection is lost", async ({ server, terminal, peer }) => {
  await terminal.type("half a thought");
  await terminal.waitForEnd("kim> half a thought");
  await peer.close();
  await terminal.waitForEnd(
    `kim> half a thought\nConnection to ${server.address} lost.\ncode 1\nrestored\n$`,
  );
});

testTerminal("client shows why the server said goodbye", async ({ terminal, peer }) => {
  await peer.say("-- Goodbye: you were quiet for too long.\n");
  await peer.close();
  await terminal.waitForEnd("-- Goodbye: you were quiet for too long.\ncode 1\nrestored\n$");
});

testTerminal("client gives the terminal back on SIGTERM", async ({ terminal }) => {
  await terminal.type("half");
  await terminal.waitForEnd("kim> half");
  Deno.kill(await terminal.clientPid(), "SIGTERM");
  await terminal.waitForEnd("kim> half\ncode 143\nrestored\n$");
});

testTerminal("client comes back from Ctrl-Z", async ({ terminal, peer }) => {
  await terminal.type("half");
  await terminal.keys("C-z");
  await terminal.waitFor("code 148");
  await peer.say("ann: meanwhile\n");
  await terminal.type("fg");
  await terminal.keys("Enter");
  await terminal.waitForEnd("ann: meanwhile\nkim> half");
  await terminal.keys("Enter");
  assertEquals(await peer.line(), "half");
});

testTerminal("client uses colours", async ({ terminal, peer }) => {
  await peer.say("ann: hello kim\n");
  await terminal.waitForEnd("ann: hello kim\nkim>");
  const screen = await terminal.coloredScreen();
  // deno-lint-ignore no-control-regex -- the escape is what is looked for
  assertMatch(screen, /\x1b\[\d+mann\x1b/u);
  assert(screen.includes("\x1b[7mkim"), screen);
});

testTerminal("client uses no colours with NO_COLOR", async ({ terminal, peer }) => {
  await peer.say("ann: hello kim\n");
  await terminal.waitForEnd("ann: hello kim\nkim>");
  // deno-lint-ignore no-control-regex -- the escape is what is looked for
  assertNotMatch(await terminal.coloredScreen(), /\x1b/u);
}, { env: { NO_COLOR: "1" } });

Deno.test({
  name: WHY_NO_TMUX === null
    ? "client shows two rooms of a real server, what was said there, and private messages"
    : `client shows two rooms of a real server (ignored: ${WHY_NO_TMUX})`,
  ignore: WHY_NO_TMUX !== null,
  async fn(): Promise<void> {
    await using server = startTestServer();
    await using ann = await server.join("ann");
    ann.say("/join #dev");
    ann.say("earlier");
    await ann.roundtrip();
    await using terminal = await Terminal.start({
      args: [`127.0.0.1:${server.port}`, "--nick", "kim"],
      env: { NO_COLOR: "1" },
    });
    await terminal.waitForEnd("-- You are now kim.\nkim>");
    await terminal.type("/join #dev");
    await terminal.keys("Enter");
    await terminal.waitForEnd("] ann: earlier\nkim #dev>");
    ann.say("/msg kim psst");
    ann.say("/msg #lobby out here");
    await terminal.waitForEnd("[private] ann: psst\n[#lobby] ann: out here\nkim #dev>");
    await terminal.type("/leave");
    await terminal.keys("Enter");
    await terminal.waitForEnd("/leave\n-- You left #dev. You are in #lobby now.\nkim>");
    await terminal.type("a");
    await terminal.keys("Tab");
    await terminal.waitForEnd("kim> ann:");
  },
});

Deno.test({
  name: WHY_NO_TMUX === null
    ? "client in a dumb terminal is as plain as nc"
    : `client in a dumb terminal is as plain as nc (ignored: ${WHY_NO_TMUX})`,
  ignore: WHY_NO_TMUX !== null,
  async fn(): Promise<void> {
    await using server = new FakeServer();
    await using terminal = await Terminal.start({ args: [server.address], env: { TERM: "dumb" } });
    const peer = await server.accept();
    await peer.say(`${WELCOME}\n`);
    await terminal.waitFor("Welcome to Parley");
    await terminal.type("hello");
    await terminal.keys("Enter");
    assertEquals(await peer.line(), "hello");
    await terminal.keys("C-d");
    await peer.end();
    await peer.close();
    await terminal.waitForEnd("hello\ncode 0\nrestored\n$");
  },
});
