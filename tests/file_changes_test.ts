// When a change is told: never half-way, never twice, and never not at all. Properties over every
// order in which files can look different.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FileChanges } from "../lib/file_changes.ts";

const LOOKS = fc.array(fc.constantFrom("", "a", "b", "c"), { maxLength: 30 });

/** What was told of, in order, each as its place among the looks. */
function tell(looks: readonly string[]): number[] {
  const changes = new FileChanges();
  return [...looks.keys()].filter((at) => changes.observe(looks[at] ?? ""));
}

Deno.test("a change is told only where the look before was the same", () => {
  fc.assert(fc.property(LOOKS, (looks) => {
    for (const at of tell(looks)) {
      assert(at > 0, "the first look has none before it");
      assertEquals(looks[at], looks[at - 1]);
    }
  }));
});

Deno.test("no look is told twice in a row", () => {
  fc.assert(fc.property(LOOKS, (looks) => {
    const told = tell(looks).map((at) => looks[at]);
    assertEquals(told.filter((look, index) => index > 0 && look === told[index - 1]), []);
  }));
});

Deno.test("what stays is told in the end, whatever was before", () => {
  fc.assert(fc.property(LOOKS, fc.constantFrom("", "a", "b", "c"), (looks, last) => {
    const all = [...looks, last, last];
    assertEquals(all[tell(all).at(-1) ?? -1], last);
  }));
});
