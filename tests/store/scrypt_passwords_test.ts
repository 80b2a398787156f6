// Passwords, at a price that tests can pay.

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { CommandError } from "../../lib/errors.ts";
import { HASHES_AT_ONCE, HASHES_WAITING_MAX } from "../../lib/limits.ts";
import { ScryptPasswords } from "../../lib/store/scrypt_passwords.ts";

const CHEAP = { n: 16, r: 1, p: 1 };

Deno.test("ScryptPasswords.verify() takes the password that was hashed, and no other", async () => {
  const passwords = new ScryptPasswords(CHEAP);
  const hash = await passwords.hash("correct horse");
  assertMatch(hash, /^scrypt\$16\$1\$1\$[\w-]{22}\$[\w-]{43}$/);
  assert(await passwords.verify("correct horse", hash));
  for (const other of ["", "correct", "Correct horse", "correct horse ", hash]) {
    assert(!await passwords.verify(other, hash), other);
  }
  assertNotEquals(await passwords.hash("correct horse"), hash);
});

Deno.test("ScryptPasswords takes a character for the same, however it is encoded", async () => {
  const passwords = new ScryptPasswords(CHEAP);
  const hash = await passwords.hash("caf\u{e9} \u{65e5}\u{672c}");
  assert(await passwords.verify("cafe\u{301} \u{65e5}\u{672c}", hash));
  assert(!await passwords.verify("cafe \u{65e5}\u{672c}", hash));
});

Deno.test("ScryptPasswords.verify() goes by the parameters in the hash, within reason", async () => {
  const passwords = new ScryptPasswords(CHEAP);
  const hash = await new ScryptPasswords({ n: 32, r: 2, p: 2 }).hash("secret");
  assert(await passwords.verify("secret", hash));
  const [, , , , salt, key] = hash.split("$");
  for (
    const absurd of [
      `scrypt$1073741824$8$1$${salt}$${key}`,
      `scrypt$1024$8000$1$${salt}$${key}`,
      `scrypt$16$1$9999$${salt}$${key}`,
      `scrypt$17$1$1$${salt}$${key}`,
      `scrypt$1$1$1$${salt}$${key}`,
      `scrypt$0$1$1$${salt}$${key}`,
      `scrypt$16$1$1$${salt}$short`,
      `argon2$16$1$1$${salt}$${key}`,
      "",
    ]
  ) assert(!await passwords.verify("secret", absurd), absurd);
});

/** Of the right form, and of no password that anybody knows. */
const NOBODYS_HASH = `scrypt$16$1$1$${"A".repeat(22)}$${"A".repeat(43)}`;

Deno.test("ScryptPasswords hashes a few at once, has some wait, and refuses more", async () => {
  const passwords = new ScryptPasswords(CHEAP);
  const room = HASHES_AT_ONCE + HASHES_WAITING_MAX;
  const hashes = Array.from({ length: room }, () => passwords.hash("secret"));
  const tooMany = [
    assertRejects(() => passwords.hash("secret"), CommandError, "Too many passwords"),
    assertRejects(() => passwords.verify("secret", NOBODYS_HASH), CommandError),
  ];
  assertEquals((await Promise.all(tooMany)).map(({ code }) => code), ["busy", "busy"]);
  assertEquals(new Set(await Promise.all(hashes)).size, room);
  assert(await passwords.verify("secret", await passwords.hash("secret")));
});

Deno.test("ScryptPasswords at its real price works within its memory", async () => {
  const passwords = new ScryptPasswords();
  assert(await passwords.verify("secret", await passwords.hash("secret")));
});

Deno.test("ScryptPasswords.close() refuses who waits, and lets those at work end", async () => {
  const passwords = new ScryptPasswords(CHEAP);
  const atWork = Array.from({ length: HASHES_AT_ONCE }, () => passwords.hash("secret"));
  const waiting = Array.from({ length: 3 }, () => passwords.hash("secret"));
  passwords.close();
  const refused = waiting.map((hash) => assertRejects(() => hash, CommandError));
  assertEquals((await Promise.all(refused)).map(({ code }) => code), ["busy", "busy", "busy"]);
  for (const hash of await Promise.all(atWork)) assert(await passwords.verify("secret", hash));
});
