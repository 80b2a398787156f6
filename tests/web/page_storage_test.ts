// What a tab remembers over a reload, and that a duplicated tab does not take the session.

import { assert, assertEquals } from "@std/assert";
import { mock } from "node:test";
import { CLAIM_MS } from "../../lib/web/page/limits.js";
import { Memory, TabMemory } from "../../lib/web/page/storage.js";

/** A storage in memory. */
class FakeStorage {
  readonly items: Map<string, string>;

  constructor(items: ReadonlyMap<string, string> = new Map()) {
    this.items = new Map(items);
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}

/** Locks as one browser has them, for all its tabs. */
class FakeLocks {
  readonly #held = new Map<string, Promise<unknown>>();

  async request(
    name: string,
    options: { readonly signal: AbortSignal },
    held: () => Promise<unknown>,
  ): Promise<void> {
    if (this.#held.has(name)) {
      await new Promise((_resolve, reject) => {
        options.signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    }
    this.#held.set(name, held());
  }
}

const SESSION = { token: "t", lastId: 5, lastRef: 2 };

function tabOf(storage: FakeStorage): TabMemory {
  return new TabMemory(new Memory(() => storage as unknown as Storage));
}

Deno.test("a reload goes on with the session; a duplicated tab begins its own", async () => {
  using clock = fakeClock();
  const locks = new FakeLocks() as unknown as LockManager;
  const storage = new FakeStorage();
  const first = tabOf(storage);
  assertEquals(await first.claim({ locks, channel: null }), null);
  first.save(SESSION);
  first.saveDrafts(new Map([["#dev", "half a"]]));
  first.saveDirects([{ name: "bob", unread: 0, lines: [] }]);

  const copy = new FakeStorage(storage.items);
  const duplicate = tabOf(copy);
  const claim = duplicate.claim({ locks, channel: null });
  clock.pass();
  assertEquals(await claim, null);
  assertEquals([duplicate.drafts.size, duplicate.directs.length], [0, 0]);
  duplicate.save({ ...SESSION, token: "own" });

  const otherLocks = new FakeLocks() as unknown as LockManager;
  const reloaded = tabOf(storage);
  assertEquals(await reloaded.claim({ locks: otherLocks, channel: null }), SESSION);
  assertEquals(reloaded.drafts, new Map([["#dev", "half a"]]));
});

Deno.test("without locks the tabs ask each other", async () => {
  using clock = fakeClock();
  const storage = new FakeStorage();
  using one = closing(new BroadcastChannel("parley-test"));
  using two = closing(new BroadcastChannel("parley-test"));
  const first = tabOf(storage);
  const claim = first.claim({ locks: undefined, channel: one.channel });
  clock.pass();
  assertEquals(await claim, null);
  first.save(SESSION);
  const duplicate = tabOf(new FakeStorage(storage.items));
  // The other tab says that the session is its own; then this one claims another.
  const claimed = Promise.withResolvers<void>();
  let claims = 0;
  one.channel.addEventListener("message", () => {
    if (++claims === 2) claimed.resolve();
  });
  const second = duplicate.claim({ locks: undefined, channel: two.channel });
  await claimed.promise;
  clock.pass();
  assertEquals(await second, null);
});

Deno.test("a browser that stores nothing, or something else, loses nothing else", async () => {
  const blocked = new Memory(() => {
    throw new Error("Denied");
  });
  blocked.set("a", "b");
  assertEquals(blocked.get("a"), null);
  for (const text of ["", "null", "5", "{", '{"tabId":1}', '{"tabId":"x","token":"t"}']) {
    const storage = new FakeStorage(new Map([["parley.session", text], ["parley.drafts", text]]));
    const tab = tabOf(storage);
    assertEquals(await tab.claim({ locks: undefined, channel: null }), null, text);
    assert(tab.drafts instanceof Map);
  }
});

Deno.test("private conversations are kept as far as there is room, the newest first", () => {
  const tab = tabOf(new FakeStorage());
  const line = { id: null, atMs: 1, from: "bob", isOwn: false };
  const direct = (name: string, length: number) => ({
    name,
    unread: 1,
    lines: [{ ...line, text: "x".repeat(length) }],
  });
  const [old, middle, latest] = [direct("old", 10), direct("middle", 499_000), direct("new", 10)];
  tab.saveDirects([old, latest]);
  assertEquals(tab.directs, [old, latest]);
  tab.saveDirects([old, direct("large", 600_000), middle, latest]);
  assertEquals(tab.directs, [middle, latest]);
  tab.saveDirects([]);
  assertEquals(tab.directs, []);
});

Deno.test("what another program has put in their place is passed over", () => {
  const line = '{"id":1,"atMs":1,"from":"bob","text":"hi","isOwn":false}';
  for (
    const text of [
      ...["", "null", "5", "{", "[null,5,{}]", '[{"name":"bob","unread":0}]'],
      '[{"name":"bob","unread":0,"lines":[null]}]',
      `[{"name":"bob","unread":"0","lines":[${line}]}]`,
      `[{"name":5,"unread":0,"lines":[${line}]}]`,
    ]
  ) {
    assertEquals(tabOf(new FakeStorage(new Map([["parley.directs", text]]))).directs, [], text);
  }
});

/** A clock that stands still but for what a claim waits. */
function fakeClock(): Disposable & { readonly pass: () => void } {
  mock.timers.enable({ apis: ["setTimeout"] });
  return {
    pass: () => mock.timers.tick(CLAIM_MS),
    [Symbol.dispose]: () => mock.timers.reset(),
  };
}

/** A channel that is closed at the end of a test. */
function closing(channel: BroadcastChannel): Disposable & { readonly channel: BroadcastChannel } {
  return { channel, [Symbol.dispose]: () => channel.close() };
}
