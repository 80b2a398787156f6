// Whom the client trusts, by the certificate that is presented: a table of what was
// known before and what comes, and that nothing new is taken where nothing is remembered.

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  BY_AUTHORITY,
  type PresentedCertificate,
  type Proof,
  type ProofMemory,
  Trust,
  type TrustOptions,
  UntrustedError,
} from "../../lib/client/trust.ts";

const SERVER = "tls://chat.example:2023";
const [ONE, OTHER] = ["AB", "CD"].map((pair) => new Array(32).fill(pair).join(":")) as [
  string,
  string,
];

/** A memory that can be looked into. */
class Memory implements ProofMemory {
  proof: Proof | null;
  canLearn = true;

  constructor(proof: Proof | null = null) {
    this.proof = proof;
  }

  learn(proof: Proof): Promise<{ proof: Proof; isNew: boolean } | null> {
    const isNew = this.proof === null;
    if (isNew && !this.canLearn) return Promise.resolve(null);
    this.proof ??= proof;
    return Promise.resolve({ proof: this.proof, isNew });
  }

  replace(proof: Proof): Promise<void> {
    if (this.canLearn) this.proof = proof;
    return Promise.resolve();
  }
}

function trust(options: Partial<TrustOptions> = {}): Trust {
  return new Trust({
    server: SERVER,
    fingerprint: null,
    authorities: null,
    memory: null,
    ...options,
  });
}

function vouchedFor(fingerprint: string): PresentedCertificate {
  return { fingerprint, fault: null };
}

function selfSigned(fingerprint: string): PresentedCertificate {
  return { fingerprint, fault: "it is self-signed" };
}

Deno.test("Trust takes an unknown certificate once, tells it, and holds the server to it", async () => {
  const memory = new Memory();
  const notice = await trust({ memory }).check(selfSigned(ONE));
  assertMatch(notice ?? "", /^No authority vouches for [^\n]+\.$/);
  for (const part of [SERVER, ONE, "it is self-signed"]) assertStringIncludes(notice ?? "", part);
  assertEquals(memory.proof, ONE);
  assertEquals(await trust({ memory }).check(selfSigned(ONE)), null);

  const error = await assertRejects(
    () => trust({ memory }).check(selfSigned(OTHER)),
    UntrustedError,
  );
  for (const part of ["WARNING", SERVER, ONE, OTHER, `--fingerprint ${OTHER}`]) {
    assertStringIncludes(error.message, part);
  }
  assertEquals(memory.proof, ONE);
});

Deno.test("Trust takes what --fingerprint names, and remembers that instead", async () => {
  const memory = new Memory(ONE);
  for (const presented of [selfSigned(OTHER), vouchedFor(OTHER)]) {
    assertEquals(await trust({ fingerprint: OTHER, memory }).check(presented), null);
    assertEquals(memory.proof, OTHER);
  }
  assertEquals(await trust({ memory }).check(selfSigned(OTHER)), null);
  assertEquals(await trust({ fingerprint: OTHER }).check(selfSigned(OTHER)), null);
});

Deno.test("Trust takes nothing but what --fingerprint names, whoever vouches for it", async () => {
  const memory = new Memory(OTHER);
  for (const presented of [selfSigned(OTHER), vouchedFor(OTHER)]) {
    const error = await assertRejects(
      () => trust({ fingerprint: ONE, memory }).check(presented),
      UntrustedError,
    );
    for (const part of [SERVER, ONE, OTHER]) assertStringIncludes(error.message, part);
  }
  assertEquals(memory.proof, OTHER);
});

Deno.test("Trust with --ca goes by those alone, and remembers nothing", async () => {
  const memory = new Memory();
  const options = { authorities: "-----BEGIN CERTIFICATE-----", memory };
  assertEquals(await trust(options).check(vouchedFor(ONE)), null);
  await assertRejects(() => trust(options).check(selfSigned(ONE)), UntrustedError, "self-signed");
  assertEquals(memory.proof, null);
});

Deno.test("Trust takes whatever an authority vouches for, and holds the server to that", async () => {
  const memory = new Memory();
  assertEquals(await trust({ memory }).check(vouchedFor(ONE)), null);
  assertEquals(await trust({ memory }).check(vouchedFor(OTHER)), null);
  assertEquals(memory.proof, BY_AUTHORITY);
  const error = await assertRejects(
    () => trust({ memory }).check(selfSigned(ONE)),
    UntrustedError,
  );
  assertStringIncludes(error.message, "an authority vouched for");
  assertEquals(await trust().check(vouchedFor(ONE)), null);
});

Deno.test("Trust takes no unknown certificate where none can be remembered", async () => {
  const memory = new Memory();
  memory.canLearn = false;
  for (const options of [{ memory: null }, { memory }]) {
    const error = await assertRejects(
      () => trust(options).check(selfSigned(ONE)),
      UntrustedError,
      "cannot be remembered",
    );
    assertStringIncludes(error.message, `--fingerprint ${ONE}`);
  }
});

Deno.test("Trust of one run goes by its first connection, whatever becomes of the memory", async () => {
  const memory = new Memory();
  const one = trust({ memory });
  await one.check(selfSigned(ONE));
  for (const proof of [null, OTHER]) {
    memory.proof = proof;
    assertEquals(await one.check(selfSigned(ONE)), null);
    await assertRejects(() => one.check(selfSigned(OTHER)), UntrustedError, ONE);
  }
});

Deno.test("Trust never changes its mind about a server without an authority or the user", async () => {
  const presented = fc.record({
    fingerprint: fc.constantFrom(ONE, OTHER),
    fault: fc.constantFrom(null, "it is self-signed", "it has expired"),
  });
  await fc.assert(fc.asyncProperty(
    fc.array(presented, { maxLength: 8 }),
    fc.constantFrom(null, ONE, OTHER, BY_AUTHORITY),
    fc.boolean(),
    async (visits, known, isOneRun) => {
      const memory = new Memory(known);
      const run = trust({ memory });
      let expected: Proof | null = known;
      for (const visit of visits) {
        const visited = (isOneRun ? run : trust({ memory })).check(visit);
        if (visit.fault === null) {
          assertEquals(await visited, null);
          expected = BY_AUTHORITY;
        } else if (expected === null || expected === visit.fingerprint) {
          assertEquals(await visited === null, expected !== null);
          expected = visit.fingerprint;
        } else await assertRejects(() => visited, UntrustedError, visit.fingerprint);
        assertEquals(memory.proof, expected);
      }
    },
  ));
});
