// What a typed text means, in the cases that look alike.

import { assertEquals } from "@std/assert";
import { readTyped, type TypedLine } from "../../lib/terminal/typed_line.ts";

const CASES: Readonly<Record<string, TypedLine>> = {
  "hello": { kind: "say", text: "hello" },
  "  hello ": { kind: "say", text: "  hello " },
  "//me waves": { kind: "say", text: "/me waves" },
  "/me waves ": { kind: "action", text: "waves" },
  "/ME waves": { kind: "action", text: "waves" },
  "/me": { kind: "command", name: "me", args: "" },
  "/msg ann  psst now": { kind: "to", to: "ann", text: "psst now" },
  "/msg #dev all green": { kind: "to", to: "#dev", text: "all green" },
  "/msg ann": { kind: "command", name: "msg", args: "ann" },
  "/reply what?": { kind: "to", to: null, text: "what?" },
  "/reply": { kind: "command", name: "reply", args: "" },
  "/join #dev  secret word ": { kind: "command", name: "join", args: "#dev  secret word" },
  "/": { kind: "command", name: "", args: "" },
  "/quit\n": { kind: "command", name: "quit", args: "" },
  "/etc/passwd\n/etc/group": { kind: "say", text: "/etc/passwd\n/etc/group" },
};

for (const [text, wanted] of Object.entries(CASES)) {
  Deno.test(`${JSON.stringify(text)} is read as ${wanted.kind}`, () => {
    assertEquals(readTyped(text), wanted);
  });
}
