// Passwords in typed lines: which commands have one, and where it begins.

import { assertEquals } from "@std/assert";
import { maskSecrets, secretStart } from "../../lib/terminal/own_line.ts";

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
    await t.step(typed, () => {
      assertEquals(maskSecrets(typed), masked);
      assertEquals(secretStart(typed), typed === masked ? null : masked.length - "****".length);
    });
  }
});
