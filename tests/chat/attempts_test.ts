// Wrong passwords, with a clock that a test moves: what each costs, for whom,
// and for how long; that several at once gain nothing, and that remembering
// them takes bounded memory.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mock } from "node:test";
import { type AttemptKey, Attempts } from "../../lib/chat/attempts.ts";
import { CommandError } from "../../lib/errors.ts";
import {
  ATTEMPT_WAIT_MS_MAX_ADDRESS,
  ATTEMPT_WAIT_MS_MAX_NAME,
  ATTEMPT_WAIT_MS_MIN,
  ATTEMPTS_FREE,
  ATTEMPTS_REMEMBERED_MAX,
} from "../../lib/limits.ts";

const ADDRESS: AttemptKey = {
  key: "address 192.0.2.1",
  waitMsMax: ATTEMPT_WAIT_MS_MAX_ADDRESS,
};
const NAME: AttemptKey = { key: "name ann", waitMsMax: ATTEMPT_WAIT_MS_MAX_NAME };

function at(address: string): AttemptKey {
  return { ...ADDRESS, key: `address ${address}` };
}

/** Runs a test on a clock that stands still until it is moved. */
function onFakeTime(test: () => void): void {
  mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 0) });
  try {
    test();
  } finally {
    mock.timers.reset();
  }
}

/** The sentence with which an attempt is refused; null where it is not. */
function refusal(attempts: Attempts, keys: readonly AttemptKey[]): string | null {
  try {
    attempts.begin(keys);
    return null;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    assertEquals(error.code, "too-many-attempts");
    return error.message;
  }
}

/** How long, in steps of half a second, until an attempt is allowed; it is made then. */
function waitFor(attempts: Attempts, keys: readonly AttemptKey[]): number {
  for (let waitedMs = 0; waitedMs <= 2 * ATTEMPT_WAIT_MS_MAX_ADDRESS; waitedMs += 500) {
    if (refusal(attempts, keys) === null) return waitedMs;
    mock.timers.tick(500);
  }
  throw new Error("No attempt was allowed");
}

Deno.test("Attempts lets the first few be wrong, then doubles the wait up to its longest", () => {
  for (const key of [ADDRESS, NAME]) {
    onFakeTime(() => {
      const attempts = new Attempts();
      const waits: number[] = [];
      for (let count = 0; count < ATTEMPTS_FREE + 14; count++) {
        waits.push(waitFor(attempts, [key]));
      }
      const wanted = [
        ...Array<number>(ATTEMPTS_FREE + 1).fill(0),
        ...Array.from(
          { length: 13 },
          (_, index) => Math.min(key.waitMsMax, ATTEMPT_WAIT_MS_MIN * 2 ** index),
        ),
      ];
      assertEquals(waits, wanted, key.key);
      assert(waits.includes(key.waitMsMax));
    });
  }
});

Deno.test("Attempts says how long to wait, and being refused costs nothing more", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    for (let count = 0; count < ATTEMPTS_FREE + 2; count++) waitFor(attempts, [NAME]);
    for (let again = 0; again < 20; again++) {
      assertEquals(refusal(attempts, [NAME]), "Too many wrong passwords. Wait 2 seconds.");
    }
    mock.timers.tick(1_999);
    // Never "0 seconds", in which one would try again in vain.
    assertEquals(refusal(attempts, [NAME]), "Too many wrong passwords. Wait 1 second.");
    mock.timers.tick(1);
    assertEquals(refusal(attempts, [NAME]), null);
    assertEquals(refusal(attempts, [NAME]), "Too many wrong passwords. Wait 4 seconds.");
  });
});

Deno.test("Attempts counts under each key by itself, and the longest wait holds", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    // From one address at one name until both have a wait.
    for (let count = 0; count < ATTEMPTS_FREE + 1; count++) {
      assertEquals(refusal(attempts, [ADDRESS, NAME]), null);
    }
    const wait = "Too many wrong passwords. Wait 1 second.";
    assertEquals(refusal(attempts, [ADDRESS, NAME]), wait);
    // Another address at that name, and that address at another name, wait too.
    assertEquals(refusal(attempts, [at("192.0.2.2"), NAME]), wait);
    assertEquals(refusal(attempts, [ADDRESS, { ...NAME, key: "name bob" }]), wait);
    // Neither of those refusals was counted; others are free.
    assertEquals(refusal(attempts, [at("192.0.2.2"), { ...NAME, key: "name bob" }]), null);
  });
});

Deno.test("Attempts forgets the wrong ones of who proves to be a name's owner, but not those of the address", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    for (let count = 0; count < ATTEMPTS_FREE; count++) attempts.begin([ADDRESS, NAME]);
    attempts.begin([ADDRESS, NAME]);
    mock.timers.tick(ATTEMPT_WAIT_MS_MIN);
    attempts.begin([ADDRESS, NAME]);
    attempts.succeeded([ADDRESS, NAME], NAME.key);
    // The name begins anew: from elsewhere a few are free again.
    const elsewhere = [at("192.0.2.9"), NAME];
    for (let count = 0; count <= ATTEMPTS_FREE; count++) {
      assertEquals(refusal(attempts, elsewhere), null, `attempt ${count}`);
    }
    assert(refusal(attempts, elsewhere) !== null);
    // Guesses from this address at other names go on where they were.
    assertEquals(refusal(attempts, [ADDRESS, { ...NAME, key: "name bob" }]), null);
    assertEquals(
      refusal(attempts, [ADDRESS, { ...NAME, key: "name cy" }]),
      "Too many wrong passwords. Wait 2 seconds.",
    );
  });
});

Deno.test("Attempts gives who knows one password no more guesses at others", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    const own: AttemptKey = { ...NAME, key: "name eve" };
    let guesses = 0;
    // Ten minutes of guessing at ann, with a right password of one's own between all of them.
    for (let second = 0; second < 600; second++) {
      if (refusal(attempts, [ADDRESS, own]) === null) attempts.succeeded([ADDRESS, own], own.key);
      if (refusal(attempts, [ADDRESS, NAME]) === null) guesses++;
      mock.timers.tick(1_000);
    }
    let honest = 0;
    const fresh = new Attempts();
    for (let second = 0; second < 600; second++) {
      if (refusal(fresh, [ADDRESS, NAME]) === null) honest++;
      mock.timers.tick(1_000);
    }
    assertEquals(guesses, honest);
  });
});

Deno.test("Attempts takes one that was withdrawn for one that was never made", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    for (let count = 0; count < 100; count++) {
      assertEquals(refusal(attempts, [ADDRESS, NAME]), null);
      attempts.withdrawn([ADDRESS, NAME]);
    }
    for (let count = 0; count < ATTEMPTS_FREE; count++) attempts.begin([ADDRESS, NAME]);
    for (let count = 0; count < 100; count++) {
      assertEquals(refusal(attempts, [ADDRESS, NAME]), null);
      attempts.withdrawn([ADDRESS, NAME]);
    }
    // Those before it count still.
    assertEquals(refusal(attempts, [ADDRESS, NAME]), null);
    assert(refusal(attempts, [ADDRESS, NAME]) !== null);
  });
});

Deno.test("Attempts lets nobody gain by making several at once", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    let begun = 0;
    while (begun < 99 && refusal(attempts, [ADDRESS, NAME]) === null) begun++;
    // Those under way were counted as they began.
    assertEquals(begun, ATTEMPTS_FREE + 1);
    // Two of them are looked at again for another reason, and do not count.
    attempts.withdrawn([ADDRESS, NAME]);
    attempts.withdrawn([ADDRESS, NAME]);
    begun = 0;
    while (begun < 99 && refusal(attempts, [ADDRESS, NAME]) === null) begun++;
    assertEquals(begun, 2);
  });
});

Deno.test("Attempts forgets what is long over", () => {
  onFakeTime(() => {
    for (const [key, isForgotten] of [[NAME, true], [ADDRESS, false]] as const) {
      const attempts = new Attempts();
      for (let count = 0; count <= ATTEMPTS_FREE; count++) attempts.begin([key]);
      mock.timers.tick(ATTEMPT_WAIT_MS_MIN + 2 * ATTEMPT_WAIT_MS_MAX_NAME + 1);
      attempts.begin([key]);
      assertEquals(refusal(attempts, [key]) === null, isForgotten, key.key);
    }
    // Nothing is forgotten as long as its wait runs, however long that is.
    const attempts = new Attempts();
    for (let count = 0; count < 30; count++) waitFor(attempts, [ADDRESS]);
    mock.timers.tick(ATTEMPT_WAIT_MS_MAX_ADDRESS - 1);
    assert(refusal(attempts, [ADDRESS]) !== null);
  });
});

Deno.test("Attempts remembers so many keys and no more, the latest of them", () => {
  onFakeTime(() => {
    const attempts = new Attempts();
    const fail = (key: AttemptKey): void => {
      for (let count = 0; count <= ATTEMPTS_FREE; count++) attempts.begin([key]);
    };
    fail(at("first"));
    for (let index = 1; index < ATTEMPTS_REMEMBERED_MAX; index++) {
      attempts.begin([at(`${index}`)]);
    }
    assert(refusal(attempts, [at("first")]) !== null, "just remembered");
    attempts.begin([at("one more")]);
    assertEquals(refusal(attempts, [at("first")]), null, "forgotten");
    fail(at("last"));
    assert(refusal(attempts, [at("last")]) !== null);
  });
});

Deno.test("Attempts knows nothing of keys that were never tried", () => {
  const attempts = new Attempts();
  attempts.withdrawn([ADDRESS]);
  attempts.succeeded([ADDRESS, NAME], NAME.key);
  for (let count = 0; count <= ATTEMPTS_FREE; count++) attempts.begin([ADDRESS]);
  assertThrows(() => attempts.begin([ADDRESS]), CommandError);
});
