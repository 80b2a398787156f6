// How the user's own lines look on the user's own screen.

import { assertEquals } from "@std/assert";
import { describeOwnLine, maskSecrets } from "../../lib/terminal/own_line.ts";
import { Painter } from "../../lib/terminal/paint.ts";

const CASES: readonly [typed: string, shown: string][] = [
  ["hello", "kim: hello"],
  ["  spaced ", "kim:   spaced "],
  ["//shrug", "kim: /shrug"],
  ["/me waves", "* kim waves"],
  ["/ME  waves ", "* kim waves "],
  ["/me", "/me"],
  ["/msg ann hi there", "[private to ann] kim: hi there"],
  ["/msg ann", "/msg ann"],
  ["/reply hi", "[private] kim: hi"],
  ["/who", "/who"],
  ["/message ann hi", "/message ann hi"],
  ["/msg #dev hi there", "[#dev] kim: hi there"],
  ["/msg #dev", "/msg #dev"],
  ["/login ann tr0ub4dor", "/login ann ****"],
];

/** With a password, and without one. */
const SECRETS: readonly [typed: string, masked: string][] = [
  ["/register tr0ub4dor", "/register ****"],
  ["/register  two words", "/register  ****"],
  ["/REGISTER x", "/REGISTER ****"],
  ["/register", "/register"],
  ["/login tr0ub4dor", "/login ****"],
  ["/login tr0ub4dor ", "/login ****"],
  ["/login ann tr0ub4dor", "/login ann ****"],
  ["/login ann  tr0ub4dor ", "/login ann  ****"],
  ["/login correct horse battery", "/login ****"],
  ["/account password old-one new-one", "/account password ****"],
  ["/account delete tr0ub4dor", "/account delete ****"],
  ["/account delete", "/account delete"],
  ["/account sessions", "/account sessions"],
  ["/pass open sesame", "/pass ****"],
  ["/join #dev tr0ub4dor", "/join #dev ****"],
  ["/join #dev ", "/join #dev "],
  ["/join dev tr0ub4dor", "/join dev ****"],
  ["/room password tr0ub4dor", "/room password ****"],
  ["/room Password tr0ub4dor", "/room Password ****"],
  ["/room keep 7d", "/room keep 7d"],
  ["/room delete #dev", "/room delete #dev"],
  ["/registered x", "/registered x"],
  ["/me registers x", "/me registers x"],
  ["//register x", "//register x"],
  ["register x", "register x"],
];

Deno.test("maskSecrets() leaves nothing of a password, and everything else", async (t) => {
  for (const [typed, masked] of SECRETS) {
    await t.step(typed, () => assertEquals(maskSecrets(typed), masked));
  }
});

Deno.test("describeOwnLine() shows what the others see, and commands as typed", async (t) => {
  for (const [typed, shown] of CASES) {
    await t.step(typed, () => {
      assertEquals(describeOwnLine(typed, { painter: new Painter(0), name: "kim" }), shown);
    });
  }
});

Deno.test("describeOwnLine() dims commands and does without a name", () => {
  const painter = new Painter(16);
  assertEquals(describeOwnLine("/who", { painter, name: "kim" }), "\x1b[2m/who\x1b[0m");
  assertEquals(describeOwnLine("hi", { painter, name: null }), "\x1b[1myou\x1b[0m: hi");
});
