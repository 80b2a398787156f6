// Who came and went, folded: what has changed in the end is told, once for each person.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { PresenceChange } from "../../lib/client/entry.ts";
import { foldPresence } from "../../lib/terminal/presence_lines.ts";

function joined(...names: string[]): PresenceChange {
  return { change: "joined", names, more: 0 };
}

function left(...names: string[]): PresenceChange {
  return { change: "left", names, more: 0 };
}

function renamed(from: string, to: string): PresenceChange {
  return { change: "renamed", names: [from, to], more: 0 };
}

Deno.test("up to three names are spelled out, of more the first two", () => {
  assertEquals(foldPresence([joined("ann", "bob"), joined("eve")]), "ann, bob and eve joined");
  assertEquals(
    foldPresence([joined("ann"), joined("bob"), joined("eve"), joined("kim")]),
    "ann, bob and 2 others joined",
  );
  assertEquals(foldPresence([{ change: "left", names: [], more: 12 }]), "12 others left");
});

Deno.test("who left and came back is told once, and so is who came and went", () => {
  assertEquals(foldPresence([left("ann"), joined("ann")]), "ann came back");
  assertEquals(foldPresence([joined("ann"), left("ann"), joined("ann")]), "ann joined");
  assertEquals(foldPresence([left("ann"), joined("ann"), left("ann")]), "ann left");
  assertEquals(foldPresence([joined("ann"), left("ann")]), "ann came and went");
});

Deno.test("renamings are followed", () => {
  assertEquals(foldPresence([renamed("ann", "anna")]), "ann is now anna");
  assertEquals(foldPresence([renamed("ann", "a"), renamed("a", "anna")]), "ann is now anna");
  assertEquals(foldPresence([joined("guest1"), renamed("guest1", "ann")]), "ann joined");
  assertEquals(foldPresence([renamed("ann", "anna"), left("anna")]), "ann left");
  assertEquals(foldPresence([left("ann"), renamed("bob", "ann")]), "ann left; bob is now ann");
});

Deno.test("nothing is told where all is as it was", () => {
  assertEquals(foldPresence([]), "");
  assertEquals(foldPresence([renamed("ann", "anna"), renamed("anna", "ann")]), "");
});

Deno.test("everybody who is here in the end and was not before is told to have joined", () => {
  const NAMES = ["ann", "bob", "eve"];
  const moves = fc.array(fc.record({ name: fc.constantFrom(...NAMES), isLeft: fc.boolean() }));
  fc.assert(fc.property(moves, (each) => {
    const text = foldPresence(each.map(({ name, isLeft }) => isLeft ? left(name) : joined(name)));
    for (const name of NAMES) {
      const own = each.filter((move) => move.name === name);
      const isNew = own[0]?.isLeft === false && own.at(-1)?.isLeft === false;
      const part = text.split("; ").find((words) => words.endsWith(" joined")) ?? "";
      assertEquals(part.includes(name), isNew);
    }
  }));
});
