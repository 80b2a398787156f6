// Rooms, members, accounts, and what operators decided.

import { assertEquals, assertThrows } from "@std/assert";
import type { AuditEntry, RoomRecord, Sanction } from "../../lib/chat/store.ts";
import { StoreError } from "../../lib/errors.ts";
import { addAccount, addRoom, inFolder, LOBBY, openTrial } from "./store_trial.ts";

const MEMBER = { isOperator: false, isInvited: false, sinceId: 0, readId: 0 };

Deno.test("rooms are made, changed and removed, and keep every field", async () => {
  await inFolder((folder) => {
    const path = `${folder}/chat.db`;
    let changed: RoomRecord;
    {
      using trial = openTrial(path);
      const { store } = trial;
      const made = addRoom(store, "Side");
      assertEquals([made.id, made.messages, made.name], [2, 0, "#Side"]);
      assertEquals(store.rooms()[1], made);
      changed = {
        ...made,
        access: "password",
        password: "hash",
        topic: "Tea \u{2615}",
        isLocked: Boolean(1),
        keepMs: 60_000,
        openFromId: 12,
      };
      store.updateRoom({ ...changed, messages: 99 });
      assertThrows(() => addRoom(store, "sIDE"), StoreError);
    }
    using trial = openTrial(path);
    const { store } = trial;
    assertEquals(store.rooms()[1], changed);
    store.removeRoom(changed.id);
    store.removeRoom(changed.id);
    assertEquals(store.rooms().map(({ id }) => id), [LOBBY]);
    assertEquals(addRoom(store, "side").id, 3);
  });
});

Deno.test("members are set and read, and go with their room or account", () => {
  using trial = openTrial();
  const { store } = trial;
  const side = addRoom(store, "side");
  const [bob, ann] = [addAccount(store, "bob"), addAccount(store, "ann")];
  assertEquals(store.member(LOBBY, ann.id), null);
  const operator = { isOperator: Boolean(1), isInvited: Boolean(1), sinceId: 5, readId: 3 };
  store.setMember(LOBBY, ann.id, operator);
  store.setMember(side.id, ann.id, operator);
  store.setMember(LOBBY, bob.id, { ...operator, isInvited: Boolean(0) });
  store.setMember(side.id, bob.id, MEMBER);
  assertEquals(store.member(LOBBY, ann.id), operator);
  assertEquals(store.operatorsOf(LOBBY), ["bob", "ann"]);
  assertEquals(store.operatorsOf(side.id), ["ann"]);
  assertEquals([store.countOperated(ann.id), store.countOperated(bob.id)], [2, 1]);
  store.removeRoom(side.id);
  assertEquals(store.member(side.id, ann.id), null);
  assertEquals(store.countOperated(ann.id), 1);
  store.removeAccount(ann.id);
  assertEquals(store.member(LOBBY, ann.id), null);
  assertEquals(store.operatorsOf(LOBBY), ["bob"]);
  assertThrows(() => store.setMember(LOBBY, ann.id, MEMBER), StoreError);
});

Deno.test("accounts are found by key and by look, changed and removed", () => {
  using trial = openTrial();
  const { store } = trial;
  assertEquals([store.countAccounts(), store.accountByKey("ann")], [0, null]);
  const ann = addAccount(store, "Ann");
  const paypal = addAccount(store, "paypaI");
  addAccount(store, "paypa1");
  assertEquals(store.countAccounts(), 3);
  assertEquals(store.accountByKey("ann"), ann);
  assertEquals(store.accountByLook(paypal.skeleton), paypal);
  assertEquals(store.accountByLook("nobody"), null);
  assertThrows(() => addAccount(store, "ANN"), StoreError);
  assertEquals(store.passwordOf(ann.id), "hash of Ann");
  store.setPassword(ann.id, "other");
  store.setServerOperator(ann.id, Boolean(1));
  store.setSeen(ann.id, 77);
  assertEquals(store.passwordOf(ann.id), "other");
  assertEquals(store.accountByKey("ann"), { ...ann, isOperator: Boolean(1), seenAtMs: 77 });
  store.removeAccount(ann.id);
  assertEquals(store.accountByKey("ann"), null);
  assertThrows(() => store.passwordOf(ann.id), StoreError);
  assertEquals(addAccount(store, "Ann").id, 4);
});

Deno.test("accounts ignore, and have messages waiting, until they are removed", () => {
  using trial = openTrial();
  const { store } = trial;
  const ann = addAccount(store, "ann");
  store.addIgnored(ann.id, { key: "bob", name: "Bob" });
  store.addIgnored(ann.id, { key: "cat", name: "Cat" });
  store.addIgnored(ann.id, { key: "bob", name: "BOB" });
  assertEquals(store.ignoredBy(ann.id), new Map([["bob", "BOB"], ["cat", "Cat"]]));
  store.removeIgnored(ann.id, "cat");
  assertEquals([...store.ignoredBy(ann.id).keys()], ["bob"]);
  for (const text of ["one\nand more", "two", "three"]) {
    store.addWaiting(ann.id, { atMs: 5, from: "Bob", text });
  }
  assertEquals(store.countWaiting(ann.id).count, 3);
  const [first, second] = store.waiting(ann.id);
  assertEquals(first, { id: 1, atMs: 5, from: "Bob", text: "one\nand more" });
  store.removeWaiting(ann.id, second?.id ?? 0);
  assertEquals(store.waiting(ann.id).map(({ text }) => text), ["three"]);
  store.removeAccount(ann.id);
  assertEquals([store.countWaiting(ann.id).count, store.ignoredBy(ann.id).size], [0, 0]);
});

Deno.test("sanctions last until they end or are removed, or their room is", () => {
  using trial = openTrial();
  const { store } = trial;
  const side = addRoom(store, "side");
  const sanction: Omit<Sanction, "id"> = {
    kind: "ban",
    roomId: null,
    target: { type: "network", value: "192.0.2.0/24" },
    shown: "a network",
    by: "ann",
    atMs: 5,
    untilMs: null,
    reason: "",
  };
  const forEver = store.addSanction(sanction);
  const ofRoom = store.addSanction({
    ...sanction,
    kind: "mute",
    roomId: side.id,
    target: { type: "name", value: "bob" },
    untilMs: Date.now() + 1e9,
    reason: "noise",
  });
  store.addSanction({ ...sanction, untilMs: Date.now() - 1 });
  assertEquals(store.sanctions(), [forEver, ofRoom]);
  store.removeRoom(side.id);
  assertEquals(store.sanctions(), [forEver]);
  store.removeSanction(forEver.id);
  assertEquals(store.sanctions(), []);
  assertEquals(store.addSanction(sanction).id, 4);
});

Deno.test("the record gives its end, of a room or of all", () => {
  using trial = openTrial();
  const { store } = trial;
  const entry: Omit<AuditEntry, "id"> = {
    atMs: 5,
    roomId: null,
    room: "",
    by: "ann",
    act: "ban",
    whom: "bob",
    address: "192.0.2.1",
    untilMs: 6,
    reason: "noise",
  };
  store.addAudit(entry);
  store.addAudit({ ...entry, roomId: LOBBY, room: "#lobby", untilMs: null });
  store.addAudit({ ...entry, roomId: 99, room: "#gone" });
  const ids = (roomId: number | null, limit: number): number[] =>
    store.audit({ roomId, limit }).map(({ id }) => id);
  assertEquals(store.audit({ roomId: null, limit: 9 })[0], { ...entry, id: 1 });
  assertEquals(ids(null, 2), [2, 3]);
  assertEquals(ids(LOBBY, 2), [2]);
  assertEquals(ids(99, 2), [3]);
});

Deno.test("settings are null until they are set", () => {
  using trial = openTrial();
  assertEquals(trial.store.setting("locked"), null);
  trial.store.setSetting("locked", "yes");
  trial.store.setSetting("locked", "");
  assertEquals(trial.store.setting("locked"), "");
});
