// The table of commands: what each row needs, what it answers, and what an
// unknown one is told. What they do to a room is in broadcast_test.ts.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Broadcast } from "../../lib/chat/broadcast.ts";
import { type CommandContext, runCommand } from "../../lib/chat/commands.ts";
import { CommandError } from "../../lib/errors.ts";
import type { ChatEvent } from "../../lib/events.ts";
import { COMMANDS } from "../../lib/terminal/interactive.ts";

/** A user alone in a room, what they are told, and how often they left. */
function startTrial(): { context: CommandContext; events: ChatEvent[]; quits: () => number } {
  const events: ChatEvent[] = [];
  const broadcast = new Broadcast({
    server: "Parley",
    room: "#lobby",
    motd: [],
    timer: { start: () => {}, stop: () => {} },
    turns: { atEnd: () => {} },
  });
  const user = broadcast.enter(
    { deliver: (event) => events.push(event), deliverBatch: () => {} },
    "192.0.2.1",
  );
  events.length = 0;
  let quits = 0;
  return { context: { user, broadcast, quit: () => quits++ }, events, quits: () => quits };
}

function refusal(name: string, args = ""): string {
  const { context } = startTrial();
  return assertThrows(() => runCommand(context, { name, args }), CommandError).message;
}

Deno.test("runCommand() answers once, or does something", () => {
  const answers: readonly (readonly [name: string, args: string, type: string])[] = [
    ["help", "", "help"],
    ["help", "me", "help"],
    ["nick", "ann", "nick"],
    ["who", "", "who"],
    ["ping", "", "pong"],
    ["ping", "a b", "pong"],
  ];
  for (const [name, args, type] of answers) {
    const { context, events, quits } = startTrial();
    runCommand(context, { name, args });
    assertEquals(events.map((event) => event.type), [type], `/${name} ${args}`);
    assertEquals(quits(), 0);
  }
  const { context, events, quits } = startTrial();
  runCommand(context, { name: "quit", args: "now" });
  assertEquals([events.length, quits()], [0, 1]);
});

Deno.test("runCommand() says how a command is typed that needs more", () => {
  const rows = { nick: "NAME", me: "TEXT", msg: "NAME TEXT", reply: "TEXT" };
  for (const [name, args] of Object.entries(rows)) {
    assertEquals(refusal(name), `Type it as /${name} ${args}.`);
  }
  for (const args of ["ann", "ann ", " ", "ann    "]) {
    assertEquals(refusal("msg", args), "Type it as /msg NAME TEXT.");
  }
});

Deno.test("the client completes just the commands that the server has", () => {
  const { context, events } = startTrial();
  runCommand(context, { name: "help", args: "" });
  const [help] = events;
  assert(help?.type === "help");
  const names = help.entries.map(({ usage }) => usage.split(" ")[0] ?? "");
  assertEquals(names.filter((name) => !name.startsWith("//")).sort(), [...COMMANDS].sort());
});

Deno.test("runCommand() tells of every command in its help", () => {
  const { context, events } = startTrial();
  runCommand(context, { name: "help", args: "" });
  const [help] = events;
  assert(help?.type === "help");
  for (const { usage } of help.entries.filter((entry) => !entry.usage.startsWith("//"))) {
    const [name = "", ...args] = usage.slice(1).split(" ");
    const message = tell(name);
    assert(message === null || message.startsWith(`Type it as ${usage}`), `/${name}: ${message}`);
    assertEquals(message !== null, args.length > 0 && !args[0]?.startsWith("["));
  }

  function tell(name: string): string | null {
    const trial = startTrial();
    try {
      runCommand(trial.context, { name, args: "" });
      return null;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return error.message;
    }
  }
});

Deno.test("runCommand() tells who mistyped a command which one was meant", () => {
  const meant = { hlep: "help", h: "help", nik: "nick", qiut: "quit", mesg: "msg", re: "reply" };
  for (const [typed, command] of Object.entries(meant)) {
    assertEquals(
      refusal(typed),
      `There is no /${typed}. Did you mean /${command}? (// begins a message with a slash.)`,
    );
  }
  const hint = "/help shows those that exist; // begins a message with a slash.";
  for (const typed of ["", "xyzzy", "usr/bin", "constructor", "__proto__"]) {
    assertEquals(refusal(typed), `There is no /${typed}. ${hint}`);
  }
  assertEquals(refusal("x".repeat(21)), `There is no such command. ${hint}`);
});

Deno.test("runCommand() refuses with a CommandError or does it, whatever is typed", () => {
  const name = fc.oneof(
    fc.constantFrom("help", "nick", "who", "me", "msg", "reply", "ping"),
    fc.string({ unit: "grapheme" }),
  );
  fc.assert(fc.property(name, fc.string({ unit: "grapheme" }), (typed, args) => {
    const { context } = startTrial();
    try {
      runCommand(context, { name: typed, args });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      assert(error.message.isWellFormed() && !error.message.includes("undefined"));
    }
  }));
});
