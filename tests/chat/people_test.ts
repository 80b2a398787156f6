// Who has which name, with accounts in a store in memory: that no two persons
// have one name or names that look alike, that a registered name is its
// owner's, and that what is given back can be had again.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkName, nameKey, nameSkeleton } from "../../lib/chat/names.ts";
import { People } from "../../lib/chat/people.ts";
import type { Person } from "../../lib/chat/state.ts";
import type { Account } from "../../lib/chat/store.ts";
import { CommandError } from "../../lib/errors.ts";
import { openStore, type SqliteStore } from "../../lib/store/sqlite_store.ts";

const NU = "\u{39d}"; // A Greek capital nu looks like N,
const SMALL_NU = "\u{3bd}"; // and the small one like v.

/** People, and the accounts that they know of. */
class Register implements Disposable {
  readonly store: SqliteStore = openStore({ path: ":memory:", keepMs: null });
  /** Keys of names that a ban or a mute is tied to. */
  readonly tainted = new Set<string>();
  readonly people = new People(this.store, (key) => this.tainted.has(key));

  account(name: string): Account {
    const check = checkName(name);
    assert(check.ok);
    return this.store.addAccount({
      name: check.name,
      key: check.key,
      skeleton: check.skeleton,
      password: "x",
      isOperator: false,
      madeAtMs: 1,
      seenAtMs: 1,
    });
  }

  /** As a user does who takes another name. */
  rename(before: Person, wanted: string): Person {
    const person = this.people.add(wanted, before);
    this.people.claim(person);
    this.people.release(before);
    return person;
  }

  /** A guest who has taken a name. */
  named(name: string): Person {
    return this.rename(this.people.addGuest(), name);
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}

function refusal(act: () => unknown): string {
  const { code, message } = assertThrows(act, CommandError);
  return `${code}: ${message}`;
}

Deno.test("People gives guests the numbers that are free, and a new one when none is", () => {
  using register = new Register();
  const { people } = register;
  const [one, two, three] = [people.addGuest(), people.addGuest(), people.addGuest()];
  assertEquals([one.name, two.name, three.name], ["guest1", "guest2", "guest3"]);
  people.release(two);
  assertEquals(people.addGuest().name, "guest2");
  register.rename(one, "ann");
  assertEquals(people.addGuest().name, "guest1");
  assertEquals(people.addGuest().name, "guest4");
});

Deno.test("People gives no newcomer a name that a ban or a mute is tied to", () => {
  using register = new Register();
  const { people, tainted } = register;
  const [one, two] = [people.addGuest(), people.addGuest()];
  tainted.add("guest1").add("guest3");
  people.release(one);
  people.release(two);
  assertEquals([people.addGuest().name, people.addGuest().name], ["guest2", "guest4"]);
});

Deno.test("People finds who is here in whatever case, and nobody who is gone", () => {
  using register = new Register();
  const ann = register.named("Ann");
  assertStrictEquals(register.people.find("aNN"), ann);
  assertEquals(register.people.find("guest1"), undefined);
  register.people.release(ann);
  assertEquals(register.people.find("Ann"), undefined);
  assertEquals([...register.people.all()], []);
});

Deno.test("People.add() refuses what is no name, one's own, another's, and what looks like it", () => {
  using register = new Register();
  const ann = register.named("Ann");
  const bob = register.named("bob");
  const add = (wanted: string, before: Person): string =>
    refusal(() => register.people.add(wanted, before));
  assertEquals(add("-", bob), "bad-name: A name begins with a letter or a digit.");
  assertEquals(add("server", bob), "bad-name: That name is reserved.");
  assertEquals(add("bob", bob), "same-name: You are bob already.");
  assertEquals(add("ANN", bob), "name-taken: ANN is taken.");
  assertEquals(add("b0b", ann), "name-alike: b0b looks too much like bob, who is here.");
  // Refusing changes nothing.
  assertStrictEquals(register.people.find("bob"), bob);
  assertStrictEquals(register.people.find("ann"), ann);
  // One's own name in another case, or another that looks like it, is free to oneself.
  assertEquals(register.rename(register.rename(bob, "BOB"), "B0b").name, "B0b");
});

Deno.test("People.add() keeps what looks like a registered name from others, its owner away or not", () => {
  using register = new Register();
  register.account("Ann");
  register.account(`${NU}${NU}`);
  const guest = register.people.addGuest();
  const add = (wanted: string): string => refusal(() => register.people.add(wanted, guest));
  assertEquals(add("nn"), `name-alike: nn looks too much like ${NU}${NU}, which is registered.`);
  register.account("b0b");
  assertEquals(add("Bob"), "name-alike: Bob looks too much like b0b, which is registered.");
});

Deno.test("People.add() lends a registered name as it is written, until somebody logs in", () => {
  using register = new Register();
  const account = register.account("Ann");
  const before = register.people.addGuest();
  const stranger = register.rename(before, "aNN");
  assertEquals([stranger.name, stranger.isUnconfirmed, stranger.account], ["Ann", true, null]);
  assertEquals(
    refusal(() => register.people.add("ANN", stranger)),
    "same-name: You are Ann already.",
  );
  const other = register.people.addGuest();
  assertEquals(
    refusal(() => register.people.add("ann", other)),
    "name-taken: ann is taken. If it is yours: /login Ann PASSWORD",
  );
  const owner = register.people.addOwner(account);
  assert(owner !== stranger && !owner.isUnconfirmed);
  assertStrictEquals(owner.account, account);
  register.people.claim(owner);
  register.people.release(stranger);
  assertStrictEquals(register.people.find("ann"), owner, "who gives way takes nothing along");
  assertStrictEquals(register.people.addOwner(account), owner, "a second connection is the same");
  assertEquals(
    refusal(() => register.people.add("ANN", owner)),
    "same-name: You are Ann already.",
  );
});

Deno.test("People.add() claims for a registered name the look of how it is shown, not of how it was typed", () => {
  using register = new Register();
  register.account(NU);
  const stranger = register.named(SMALL_NU);
  assertEquals([stranger.name, stranger.skeleton], [NU, nameSkeleton(NU)]);
  // What the small one looks like is free.
  assertEquals(register.named("v").name, "v");
});

Deno.test("People.nobody() suggests who is meant, and repeats no nonsense", () => {
  using register = new Register();
  register.named("bob");
  const { people } = register;
  assertEquals(people.nobody("bpb").message, "Nobody here is called bpb. Did you mean bob?");
  assertEquals(people.nobody("zoe").message, "Nobody here is called zoe. /who shows who is.");
  assertEquals(
    people.nobody("x".repeat(9_000)).message,
    "Nobody here has that name. /who shows who is.",
  );
});

const NAMES = [
  ..."ann ANN aNn bob b0b Bob BOB v w vv VV m rn Il lI 1l x".split(" "),
  ...[NU, SMALL_NU, "\u{430}", "\u{441}\u{43e}", "co", "CO", "e\u{301}", "\u{c9}", "\u{e9}"],
];

type Step =
  | { readonly act: "enter" }
  | { readonly act: "leave" | "register" | "unregister"; readonly who: number }
  | { readonly act: "rename" | "login"; readonly who: number; readonly name: string };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant("enter" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constantFrom("leave" as const, "register" as const, "unregister" as const),
      who: fc.nat(9),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constantFrom("rename" as const, "rename" as const, "login" as const),
      who: fc.nat(9),
      name: fc.constantFrom(...NAMES),
    }),
  },
);

/** Users by their persons, as the chat keeps them; each step is what a command does. */
class Model {
  readonly register: Register;
  /** The person behind each connection. */
  readonly users: Person[] = [];

  constructor(register: Register) {
    this.register = register;
  }

  step(step: Step): void {
    const { people, store } = this.register;
    if (step.act === "enter") {
      this.users.push(people.addGuest());
      return;
    }
    const index = step.who % Math.max(1, this.users.length);
    const person = this.users[index];
    if (person === undefined) return;
    switch (step.act) {
      case "leave":
        this.users.splice(index, 1);
        this.#releaseIfGone(person);
        break;
      case "rename":
        try {
          const next = people.add(step.name, person);
          people.claim(next);
          this.#become(index, next);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
        }
        break;
      case "register":
        if (person.account !== null || person.isUnconfirmed || person.guestNumber !== null) return;
        if (store.accountByKey(person.key) !== null) return;
        person.account = this.register.account(person.name);
        break;
      case "unregister":
        if (person.account === null) return;
        store.removeAccount(person.account.id);
        // Their other connections end.
        while (this.users.filter((each) => each === person).length > 1) {
          this.users.splice(this.users.lastIndexOf(person), 1);
        }
        person.account = null;
        break;
      case "login":
        this.#login(index, step.name);
    }
  }

  #login(index: number, name: string): void {
    const { people, store } = this.register;
    const account = store.accountByKey(nameKey(name));
    if (account === null || this.users[index]?.account?.id === account.id) return;
    const stranger = people.find(account.key);
    if (stranger !== undefined && stranger.account === null) {
      for (const [at, each] of this.users.entries()) {
        if (each === stranger && at !== index) this.#become(at, people.addGuest());
      }
    }
    const owner = people.addOwner(account);
    if (!this.users.includes(owner)) people.claim(owner);
    this.#become(index, owner);
  }

  #become(index: number, person: Person): void {
    const before = this.users[index];
    this.users[index] = person;
    if (before !== undefined) this.#releaseIfGone(before);
  }

  #releaseIfGone(person: Person): void {
    if (!this.users.includes(person)) this.register.people.release(person);
  }
}

Deno.test("People never lets two persons have one name or look alike, accounts or not", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 50 }), (steps) => {
      using register = new Register();
      const { people, store } = register;
      const model = new Model(register);
      for (const step of steps) {
        model.step(step);
        const present = new Set(model.users);
        const names = [...present].map(({ name }) => name);
        for (const form of [nameKey, nameSkeleton]) {
          assertEquals(new Set(names.map(form)).size, present.size, `names: ${names.join(" ")}`);
        }
        assertEquals(new Set(people.all()), present);
        for (const person of present) {
          assertStrictEquals(people.find(person.name), person);
          // Nobody has a registered name who is neither its owner nor asked for the password.
          const account = store.accountByKey(person.key);
          assertEquals(person.account?.id, person.isUnconfirmed ? undefined : account?.id);
          // Nor one that looks like somebody else's.
          const alike = store.accountByLook(nameSkeleton(person.name));
          assert(alike === null || alike.key === person.key, `${person.name}, ${alike?.name}`);
        }
      }
      // Whatever was done, all names are free again in the end.
      for (const person of new Set(model.users)) people.release(person);
      assertEquals([...people.all()], []);
      const witness = people.addGuest();
      for (const name of ["zoe", "guest-x", "x9"]) people.add(name, witness);
    }),
    { numRuns: 150 },
  );
});
