/**
 * A burst and a pace: a sender that waits as it is told, at random times and
 * rates, is never faster than it may be and never slower than it need be.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RATE_BURST_DEFAULT, RATE_PER_SECOND_DEFAULT } from "../../lib/limits.ts";
import { RateLimiter } from "../../lib/net/rate_limiter.ts";

const NOW_MS = 1_700_000_000_000;

/** What the configuration allows: whole bursts, paces with up to three decimals. */
const rates = fc.record({
  burst: fc.integer({ min: 1, max: 60 }),
  perSecond: fc.oneof(
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 1, max: 50_000 }).map((thousandths) => thousandths / 1000),
  ),
});

Deno.test("RateLimiter.take() lets a burst through and then keeps the pace", () => {
  const limiter = new RateLimiter({
    burst: RATE_BURST_DEFAULT,
    perSecond: RATE_PER_SECOND_DEFAULT,
  });
  const waits = Array.from({ length: RATE_BURST_DEFAULT + 3 }, () => limiter.take(NOW_MS));
  assertEquals(waits, [...Array<number>(RATE_BURST_DEFAULT).fill(0), 250, 500, 750]);
});

Deno.test("RateLimiter.take() lets every whole burst through, at any rate and time", () => {
  fc.assert(
    fc.property(rates, fc.nat({ max: 2 ** 40 }), (rate, sinceMs) => {
      const limiter = new RateLimiter(rate);
      const nowMs = NOW_MS + sinceMs;
      for (let line = 1; line <= rate.burst; line++) {
        assertEquals(limiter.take(nowMs), 0, `line ${line} of a burst of ${rate.burst}`);
      }
      assert(limiter.take(nowMs) > 0);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("RateLimiter.take() never lets more than burst + pace times time through", () => {
  // Gaps between lines, in milliseconds: pastes, typing, thinking.
  const gaps = fc.array(
    fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.nat({ max: 20_000 })),
    { minLength: 1, maxLength: 80 },
  );
  fc.assert(
    fc.property(rates, gaps, ({ burst, perSecond }, list) => {
      const limiter = new RateLimiter({ burst, perSecond });
      const passedAtMs: number[] = [];
      let nowMs = NOW_MS;
      for (const gapMs of list) {
        nowMs += gapMs;
        nowMs += limiter.take(nowMs);
        passedAtMs.push(nowMs);
      }
      for (const [first, fromMs] of passedAtMs.entries()) {
        for (let last = first; last < passedAtMs.length; last++) {
          const seconds = ((passedAtMs[last] ?? 0) - fromMs) / 1000;
          const allowed = burst + perSecond * seconds;
          // What the clock itself rounds off: less than a thousandth of a line.
          assert(last - first + 1 <= allowed + 0.001, `${last - first + 1} in ${seconds} s`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("RateLimiter.take() starves nobody: each wait is at most one line's share", () => {
  fc.assert(
    fc.property(rates, fc.array(fc.nat({ max: 500 }), { maxLength: 200 }), (rate, list) => {
      const limiter = new RateLimiter(rate);
      let nowMs = NOW_MS;
      for (const gapMs of list) {
        nowMs += gapMs;
        const waitMs = limiter.take(nowMs);
        assert(waitMs <= 1000 / rate.perSecond + 0.001, `a wait of ${waitMs} ms`);
        nowMs += waitMs;
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("RateLimiter.take() never slows down who keeps to the pace", () => {
  const limiter = new RateLimiter({ burst: 2, perSecond: 4 });
  for (let line = 0; line < 10_000; line++) {
    assertEquals(limiter.take(NOW_MS + 250 * line), 0);
  }
});

Deno.test("RateLimiter.take() lets who waited as told go on at just the pace", () => {
  const limiter = new RateLimiter({ burst: 3, perSecond: 8 });
  let nowMs = NOW_MS;
  for (let line = 0; line < 3 + 80; line++) nowMs += limiter.take(nowMs);
  assertEquals(nowMs - NOW_MS, 10_000);
});

Deno.test("RateLimiter.isFull() says when the whole burst is free again", () => {
  const limiter = new RateLimiter({ burst: 3, perSecond: 4 });
  assert(limiter.isFull(NOW_MS));
  for (let line = 0; line < 3; line++) limiter.take(NOW_MS);
  assert(!limiter.isFull(NOW_MS));
  assert(!limiter.isFull(NOW_MS + 749));
  assert(limiter.isFull(NOW_MS + 750));
  assertEquals([1, 2, 3].map(() => limiter.take(NOW_MS + 750)), [0, 0, 0]);
});

Deno.test("RateLimiter.take() makes nobody wait for a clock that was set back", () => {
  const limiter = new RateLimiter({ burst: 2, perSecond: 4 });
  limiter.take(NOW_MS);
  limiter.take(NOW_MS);
  const hourMs = 60 * 60_000;
  assertEquals(limiter.take(NOW_MS - hourMs), 250);
  assertEquals(limiter.take(NOW_MS - hourMs + 250), 250);
  assertEquals(limiter.take(NOW_MS - hourMs + 10_000), 0);
});

Deno.test("RateLimiter.take() takes several tokens as it takes one after the other", () => {
  const tokens = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(rates, tokens, (rate, list) => {
      const [together, singly] = [new RateLimiter(rate), new RateLimiter(rate)];
      for (const count of list) {
        let waitMs = 0;
        for (let token = 0; token < count; token++) waitMs = singly.take(NOW_MS);
        assertEquals(together.take(NOW_MS, count), waitMs);
      }
    }),
  );
});
