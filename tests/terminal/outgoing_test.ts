// What is asked for what the user says, and what of it is shown before the server tells it.

import { assertEquals } from "@std/assert";
import { outgoingOf, type Whereabouts } from "../../lib/terminal/outgoing.ts";

const HERE: Whereabouts = { room: "#dev", correspondent: "ann" };
const NOWHERE: Whereabouts = { room: "", correspondent: undefined };

Deno.test("what is said is said in the room that is shown, and shown there", () => {
  assertEquals(outgoingOf({ kind: "say", text: "hi" }, HERE), {
    request: { type: "say", text: "hi", room: "#dev" },
    saying: { kind: "message", room: "#dev", text: "hi" },
  });
  assertEquals(outgoingOf({ kind: "say", text: "hi" }, NOWHERE), {
    request: { type: "say", text: "hi" },
    saying: { kind: "message", room: null, text: "hi" },
  });
});

Deno.test("a private message is shown with whom it is to, an answer with who wrote last", () => {
  assertEquals(outgoingOf({ kind: "to", to: "bob", text: "psst" }, HERE), {
    request: { type: "command", name: "msg", args: "bob psst", room: "#dev" },
    saying: { kind: "direct", room: null, to: "bob", text: "psst" },
  });
  assertEquals(outgoingOf({ kind: "to", to: null, text: "what?" }, HERE), {
    request: { type: "command", name: "reply", args: "what?", room: "#dev" },
    saying: { kind: "direct", room: null, to: "ann", text: "what?" },
  });
});

Deno.test("what is said elsewhere, or to nobody, is not shown before the server tells it", () => {
  assertEquals(outgoingOf({ kind: "to", to: "#ops", text: "hi" }, HERE), {
    request: { type: "command", name: "msg", args: "#ops hi", room: "#dev" },
    saying: null,
  });
  assertEquals(outgoingOf({ kind: "to", to: null, text: "what?" }, NOWHERE).saying, null);
});

Deno.test("a command is given in the room that is shown", () => {
  assertEquals(outgoingOf({ kind: "command", name: "who", args: "" }, HERE), {
    request: { type: "command", name: "who", args: "", room: "#dev" },
    saying: null,
  });
});
