// Who may come back: seats, their private messages, and that what a turn brought to them and
// to rooms is stored as one, whatever fails, and wherever a process is killed.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { SeatChanges, SeatDirect, SeatRecord } from "../../lib/chat/store.ts";
import { StoreError } from "../../lib/errors.ts";
import { Database } from "../../lib/store/database.ts";
import type { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { copyFiles, inFolder, LOBBY, message, messages, NEVER, openTrial } from "./store_trial.ts";

/** Adds a seat whose token is known by this. */
function addSeat(store: SqliteStore, tokenHash: string): SeatRecord {
  return store.addSeat({ tokenHash, previousHash: null, lastRef: 0, state: `of ${tokenHash}` });
}

/** A private message. */
function direct(id: number, text = `direct ${id}`): SeatDirect {
  return { id, atMs: 1_000 * id, from: "bob", text };
}

/** What a turn brought. */
function changes(
  refs: readonly (readonly [seatId: number, ref: number])[],
  directs: readonly (readonly [seatId: number, direct: SeatDirect])[] = [],
): SeatChanges {
  return {
    refs: new Map(refs),
    directs: directs.map(([seatId, direct]) => ({ seatId, direct })),
  };
}

/** The `lastRef` of every seat. */
function lastRefs(store: SqliteStore): number[] {
  return store.seats().map(({ lastRef }) => lastRef);
}

/** Everything that an append may change. */
function told(store: SqliteStore): unknown {
  const seats = store.seats();
  return {
    lastId: store.lastMessageId,
    recent: store.recent(LOBBY, 99),
    messages: store.rooms().map(({ messages }) => messages),
    seats,
    directs: seats.map(({ id }) => store.seatDirects(id)),
  };
}

Deno.test("seats are added, changed and removed, and keep every field", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    let changed: SeatRecord;
    {
      using trial = openTrial(path);
      const { store } = trial;
      assertEquals(store.seats(), []);
      const [one, two] = [addSeat(store, "one"), addSeat(store, "two")];
      assertEquals([one.id, two.id], [1, 2]);
      assertEquals(store.seats(), [one, two]);
      changed = {
        id: one.id,
        tokenHash: "three",
        previousHash: "one",
        lastRef: one.lastRef,
        state: '{"name":"Zo\u{eb}"}\n',
      };
      // What was acted on is told by what is appended alone.
      store.updateSeat({ ...changed, lastRef: one.lastRef + 7 });
      assertEquals(store.seats(), [changed, two]);
      assertThrows(() => addSeat(store, "two"), StoreError);
      assertThrows(() => store.updateSeat({ ...changed, tokenHash: "two" }), StoreError);
      store.removeSeat(two.id);
      store.removeSeat(two.id);
      store.updateSeat({ ...two, state: "gone" });
    }
    using trial = openTrial(path);
    assertEquals(trial.store.seats(), [changed]);
    // Ids are never given out twice, and what is known of a token before is no token's own.
    assertEquals(addSeat(trial.store, "one").id, 3);
  });
});

Deno.test("the highest ref of a seat lasts, with messages and without", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    {
      using trial = openTrial(path);
      const { store } = trial;
      const [one, two] = [addSeat(store, "one"), addSeat(store, "two")];
      store.append([], changes([[one.id, 7], [two.id, 2 ** 53 - 1]]));
      assertEquals(lastRefs(store), [7, 2 ** 53 - 1]);
      store.append(messages(4, 5), changes([[one.id, 5], [two.id, 1]]));
      assertEquals(lastRefs(store), [7, 2 ** 53 - 1]);
      store.append([message(6), message(9)], changes([[one.id, 8], [99, 4]]));
      store.append([], changes([]));
      assertEquals(store.lastMessageId, 9);
    }
    using trial = openTrial(path);
    assertEquals(lastRefs(trial.store), [8, 2 ** 53 - 1]);
    assertEquals(trial.store.recent(LOBBY, 9), [...messages(4, 6), message(9)]);
  });
});

Deno.test("private messages are kept until they are confirmed, or their seat is removed", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    {
      using trial = openTrial(path);
      const { store } = trial;
      const [one, two] = [addSeat(store, "one"), addSeat(store, "two")];
      store.append(
        messages(1, 1),
        changes([], [[one.id, direct(3, "two\nlines")], [two.id, direct(3)], [one.id, direct(2)]]),
      );
      store.append([], changes([[two.id, 1]], [[one.id, direct(4, "")]]));
      assertEquals(store.seatDirects(one.id), [direct(2), direct(3, "two\nlines"), direct(4, "")]);
      store.removeSeatDirects(one.id, 2);
      store.removeSeatDirects(two.id, 2);
      store.removeSeatDirects(99, 2);
    }
    using trial = openTrial(path);
    const { store } = trial;
    assertEquals(store.seatDirects(1), [direct(3, "two\nlines"), direct(4, "")]);
    assertEquals(store.seatDirects(2), [direct(3)]);
    store.removeSeat(1);
    assertEquals([store.seatDirects(1), store.seatDirects(2)], [[], [direct(3)]]);
    // A seat may go in the very turn in which something was written to it.
    store.append(messages(5, 5), changes([[1, 9], [2, 4]], [[1, direct(6)], [2, direct(7)]]));
    assertEquals(lastRefs(store), [4]);
    assertEquals([store.seatDirects(1), store.seatDirects(2)], [[], [direct(3), direct(7)]]);
  });
});

Deno.test("removeSeat() leaves nothing of it in the file", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    const hasSecrets = (): boolean[] => {
      const bytes = new TextDecoder("latin1").decode(Deno.readFileSync(path));
      return ["xylophone", "quartz"].map((secret) => bytes.includes(secret));
    };
    for (const isRemoved of [false, true]) {
      {
        using trial = openTrial(path);
        const { store } = trial;
        if (isRemoved) store.removeSeat(1);
        else store.append([], changes([], [[addSeat(store, "xylophone").id, direct(1, "quartz")]]));
      }
      assertEquals(hasSecrets(), [!isRemoved, !isRemoved]);
    }
  });
});

Deno.test("reserveIds() lasts, and counts in no other way", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    {
      using trial = openTrial(path);
      assertEquals(trial.store.reservedId, 0);
      trial.store.reserveIds(1_000);
      assertEquals(trial.store.reservedId, 1_000);
      assertThrows(() =>
        trial.store.transaction(() => {
          trial.store.reserveIds(2_000);
          throw new Error("no");
        })
      );
      trial.store.append(messages(1, 2));
    }
    using trial = openTrial(path);
    assertEquals([trial.store.reservedId, trial.store.lastMessageId], [1_000, 2]);
    trial.store.append(messages(3, 3));
    assertEquals(trial.store.recent(LOBBY, 9), messages(1, 3));
  });
});

/** What an append consists of, and the trigger that makes each part fail. */
const PARTS = [
  { part: "its first run of messages", trigger: "BEFORE INSERT ON journal WHEN NEW.first = 2" },
  { part: "its last run of messages", trigger: "BEFORE INSERT ON journal WHEN NEW.first = 7" },
  { part: "the last ref", trigger: "BEFORE UPDATE ON seat WHEN NEW.id = 2" },
  { part: "the last private message", trigger: "BEFORE INSERT ON seat_direct WHEN NEW.id = 8" },
];

for (const { part, trigger } of PARTS) {
  Deno.test(`append() writes nothing where ${part} cannot be written, and all when it is tried again`, async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/chat.db`;
      using trial = openTrial(path);
      const { store } = trial;
      const [one, two] = [addSeat(store, "one"), addSeat(store, "two")];
      store.append(messages(1, 1), changes([[one.id, 1]], [[two.id, direct(2)]]));
      const before = told(store);
      using other = new Database(path);
      other.script(`CREATE TRIGGER broken ${trigger} BEGIN SELECT RAISE(ABORT, 'broken'); END`);
      const said = [...messages(2, 3), message(7)];
      const seats = changes([[one.id, 5], [two.id, 6]], [[one.id, direct(4)], [two.id, direct(8)]]);
      assertThrows(() => store.append(said, seats), StoreError);
      assertEquals(told(store), before);
      // What is around it goes on, or not, as it likes.
      store.transaction(() => {
        store.setSetting("a", "1");
        assertThrows(() => store.append(said, seats), StoreError);
      });
      assertEquals([told(store), store.setting("a")], [before, "1"]);
      await store.catchUp(NEVER);
      assertEquals(told(store), before);
      other.script("DROP TRIGGER broken");
      store.append(said, seats);
      assertEquals(told(store), {
        lastId: 7,
        recent: [message(1), ...said],
        messages: [4],
        seats: [{ ...one, lastRef: 5 }, { ...two, lastRef: 6 }],
        directs: [[direct(4)], [direct(2), direct(8)]],
      });
      await store.catchUp(NEVER);
      assertEquals(store.recent(LOBBY, 9), [message(1), ...said]);
    });
  });
}

Deno.test("append() with seats says so where another program writes, and then it works again", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    using trial = openTrial(path);
    const { store } = trial;
    const { id } = addSeat(store, "one");
    const before = told(store);
    using other = new Database(path);
    other.script("BEGIN IMMEDIATE");
    const seats = changes([[id, 1]], [[id, direct(2)]]);
    const error = assertThrows(() => store.append(messages(1, 1), seats), StoreError);
    assertEquals(error.fault, "locked");
    assertEquals(told(store), before);
    other.script("ROLLBACK");
    store.append(messages(1, 1), seats);
    assertEquals([store.lastMessageId, store.seatDirects(id)], [1, [direct(2)]]);
  });
});

Deno.test("wherever the log ends, an append is there with all that it brought, or not at all", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    const left = `${folder}/left.db`;
    using trial = openTrial(path);
    const { store } = trial;
    const [one, two] = [addSeat(store, "one"), addSeat(store, "two")];
    store.append(messages(1, 1), changes([[one.id, 1]]));
    const before = told(store);
    const beginsAt = Deno.statSync(`${path}-wal`).size;
    const long = "tea and biscuits\n".repeat(500);
    store.append(
      [message(2), message(4, { text: long }), message(6)],
      changes([[one.id, 5], [two.id, 6]], [[two.id, direct(3, long)], [one.id, direct(5)]]),
    );
    const after = told(store);
    const endsAt = Deno.statSync(`${path}-wal`).size;
    copyFiles(path, left);
    const database = Deno.readFileSync(left);
    const log = Deno.readFileSync(`${left}-wal`);
    const steps = 24;
    assert(endsAt - beginsAt > 4 * 4096, "the append is many pages of the log");
    for (let step = 0; step <= steps; step++) {
      const end = beginsAt + Math.floor((endsAt - beginsAt) * step / steps);
      Deno.writeFileSync(left, database);
      Deno.writeFileSync(`${left}-wal`, log.subarray(0, end));
      using other = openTrial(left);
      assertEquals(told(other.store), step < steps ? before : after, `cut at ${end}`);
    }
  });
});
