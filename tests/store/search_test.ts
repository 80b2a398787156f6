// Searching: any language, any characters, every condition; and the whole history
// against a plain list of what was said.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { nameKey } from "../../lib/chat/names.ts";
import type { StoredMessage } from "../../lib/chat/store.ts";
import { indexedWords } from "../../lib/store/words.ts";
import { addRoom, find, LOBBY, message, NEVER, openTrial, say } from "./store_trial.ts";

/** A text, what finds it, and what does not. */
const LANGUAGES: readonly {
  readonly text: string;
  readonly hits: readonly string[];
  readonly misses: readonly string[];
}[] = [
  {
    text: "The Quick brown fox, don't jump_over 42 dogs!",
    hits: ["quick", "QUICK", "fox", "don't", "jump_over", "42", "dogs!", "br*", "brown fox"],
    misses: ["quic", "brownfox", "fox brown", "4", "z*"],
  },
  {
    text: "Le caf\u{e9} de Zo\u{eb} co\u{fb}te \u{c9}NORME",
    hits: ["cafe", "caf\u{e9}", "cafe\u{301}", "ZOE", "enorme", "\u{e9}no*"],
    misses: ["caffe"],
  },
  {
    text: "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}, \u{401}\u{43b}\u{43a}\u{430}",
    hits: [
      "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
      "\u{41f}\u{420}\u{418}\u{412}\u{415}\u{422}",
      "\u{43f}\u{440}*",
      "\u{435}\u{43b}\u{43a}\u{430}",
      "\u{451}\u{43b}\u{43a}\u{430}",
    ],
    misses: ["\u{43f}\u{440}\u{438}\u{432}"],
  },
  {
    text: "\u{6211}\u{5011}\u{660e}\u{5929}\u{53bb}\u{5317}\u{4eac}\u{5427}ok",
    hits: ["\u{5317}\u{4eac}", "\u{660e}\u{5929}", "\u{660e}*", "ok", "\u{53bb}\u{5317}*"],
    misses: ["\u{4eac}\u{5317}", "\u{5929}\u{4eac}"],
  },
  {
    text: "\u{30b3}\u{30fc}\u{30d2}\u{30fc}\u{3092}\u{98f2}\u{3080}",
    hits: [
      "\u{30b3}\u{30fc}\u{30d2}\u{30fc}",
      "\u{ff7a}\u{ff70}\u{ff8b}\u{ff70}",
      "\u{98f2}\u{3080}",
      "\u{3092}",
    ],
    misses: ["\u{30d2}\u{30b3}"],
  },
  {
    text: "\u{e2a}\u{e27}\u{e31}\u{e2a}\u{e14}\u{e35}\u{e04}\u{e23}\u{e31}\u{e1a}",
    hits: [
      "\u{e2a}\u{e27}\u{e31}\u{e2a}\u{e14}\u{e35}",
      "\u{e04}\u{e23}\u{e31}\u{e1a}",
      "\u{e2a}\u{e14}\u{e35}",
    ],
    misses: ["\u{e23}\u{e04}"],
  },
  {
    text:
      "\u{645}\u{64f}\u{62d}\u{64e}\u{645}\u{651}\u{64e}\u{62f} \u{643}\u{62a}\u{640}\u{627}\u{628}",
    hits: ["\u{645}\u{62d}\u{645}\u{62f}", "\u{643}\u{62a}\u{627}\u{628}", "\u{645}\u{62d}*"],
    misses: ["\u{62d}\u{645}\u{62f}"],
  },
  {
    text: "\u{5e9}\u{5c1}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}",
    hits: ["\u{5e9}\u{5dc}\u{5d5}\u{5dd}"],
    misses: ["\u{5dc}\u{5d5}\u{5dd}"],
  },
  {
    text: "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940} \u{92e}\u{947}\u{902}",
    hits: ["\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}", "\u{92e}\u{947}\u{902}"],
    misses: ["\u{939}\u{928}\u{926}", "\u{92e}"],
  },
  {
    text: "\u{c548}\u{b155}\u{d558}\u{c138}\u{c694}",
    hits: ["\u{c548}\u{b155}\u{d558}\u{c138}\u{c694}", "\u{c548}\u{b155}*"],
    misses: ["\u{c548}\u{b155}"],
  },
  {
    text: "\u{3ba}\u{3b1}\u{3bb}\u{3b7}\u{3bc}\u{3ad}\u{3c1}\u{3b1}",
    hits: ["\u{39a}\u{391}\u{39b}\u{397}\u{39c}\u{395}\u{3a1}\u{391}"],
    misses: ["\u{3ba}\u{3b1}\u{3bb}"],
  },
  {
    text: "first line\n\nsecond line\n",
    hits: ["first", "second", "line", "sec*"],
    misses: ["linesecond", "line*2", "nsecond"],
  },
  {
    text: "na\u{ef}ve\n\u{e9}t\u{e9}\n\u{301}fin",
    hits: ["naive", "ete", "fin"],
    misses: ["naiveete", "etefin"],
  },
];

Deno.test("search() finds words of any language, however they are typed", async () => {
  using trial = openTrial();
  await say(trial.store, ...LANGUAGES.map(({ text }) => text));
  for (const [index, { text, hits, misses }] of LANGUAGES.entries()) {
    for (const word of hits) {
      assertEquals(find(trial.store, word).includes(index + 1), Boolean(1), `${word} in ${text}`);
    }
    for (const word of misses) {
      assertEquals(find(trial.store, word).includes(index + 1), Boolean(0), `${word} in ${text}`);
    }
  }
});

Deno.test("search() passes over words without a letter or digit, and finds nothing for such alone", async () => {
  using trial = openTrial();
  const { store } = trial;
  await say(store, "hello world", "hello!!!", "!!!");
  assertEquals(find(store, ["!!!"]), []);
  assertEquals(find(store, ["*"]), []);
  assertEquals(find(store, [""]), []);
  assertEquals(find(store, ["!!!", "...", "*"]), []);
  assertEquals(find(store, ["!!!", "hello"]), [2, 1]);
  assertEquals(find(store, ["hello", "-", "wor*", "?*"]), [1]);
  assertEquals(find(store, ["\u{2764}\u{fe0f}", "world"]), [1]);
});

Deno.test("search() takes nothing that is typed for an operator", async () => {
  using trial = openTrial();
  const { store } = trial;
  await say(store, "one AND two", "one two", "near room r1 author");
  const hostile = [
    '"',
    '""',
    '"one"',
    "one OR zebra",
    "NOT",
    "NEAR(one two)",
    "room:r1",
    "{room author}:r1",
    "^one",
    "one)",
    "(((",
    "'; DROP TABLE message; --",
    "a\0b",
    "one\0",
    "\\",
    "+",
    "-one",
    "one*two",
    "**",
    "\ud800",
    "x".repeat(10_000),
  ];
  for (const word of hostile) find(store, word);
  assertEquals(find(store, '"one"'), [2, 1]);
  assertEquals(find(store, "AND"), [1]);
  assertEquals(find(store, ["one", "OR", "zebra"]), []);
  assertEquals(find(store, "room:r1"), [3]);
  assertEquals(find(store, "-one"), [2, 1]);
  assertEquals(find(store, "one\0"), [2, 1]);
  assertEquals(find(store, "r1"), [3]);
  assertEquals(find(store, "a616e6e"), []);
});

Deno.test("search() never fails, whatever the words", () => {
  using trial = openTrial();
  trial.store.append([message(1, { text: "a b c" })]);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.string()), { minLength: 1 }),
      (words) => void find(trial.store, words),
    ),
  );
});

Deno.test("search() finds every word of a text that is searched for as it stands", async () => {
  using trial = openTrial();
  const { store } = trial;
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1 }), async (text) => {
      const id = store.lastMessageId + 1;
      store.append([message(id, { text: `word ${text}` })]);
      await store.catchUp(NEVER);
      assertEquals(find(store, ["word", text], { limit: 1 }), [id], indexedWords(text));
    }),
  );
});

Deno.test("search() keeps to rooms, each from its own message on, to the writer and the time", async () => {
  using trial = openTrial();
  const { store } = trial;
  const side = addRoom(store, "side");
  store.append([
    message(1, { text: "tea" }),
    message(2, { text: "tea", roomId: side.id }),
    message(3, { text: "tea", from: "J\u{f6}rg the 2nd" }),
    message(4, { text: "tea", roomId: side.id, from: "j\u{d6}rg the 2nd" }),
    message(5, { text: "coffee" }),
    message(6, { text: "tea" }),
  ]);
  await store.catchUp(NEVER);
  const both = (lobbyFrom: number, sideFrom: number): number[] =>
    find(store, "tea", {
      rooms: [{ roomId: LOBBY, sinceId: lobbyFrom }, { roomId: side.id, sinceId: sideFrom }],
    });
  assertEquals(find(store, "tea"), [6, 3, 1]);
  assertEquals(find(store, "tea", { limit: 2 }), [6, 3]);
  assertEquals(both(0, 0), [6, 4, 3, 2, 1]);
  assertEquals(both(3, 3), [6, 4, 3]);
  assertEquals(both(4, 0), [6, 4, 2]);
  assertEquals(both(0, 4), [6, 4, 3, 1]);
  assertEquals(both(100, 100), []);
  const rooms = [{ roomId: LOBBY, sinceId: 0 }, { roomId: side.id, sinceId: 1 }];
  assertEquals(find(store, "tea", { rooms, limit: 2 }), [6, 4]);
  assertEquals(find(store, "tea", { rooms, fromKey: nameKey("J\u{f6}RG the 2nd") }), [4, 3]);
  assertEquals(find(store, "tea", { rooms, fromKey: nameKey("jorg") }), []);
  assertEquals(find(store, "tea", { rooms, afterMs: 3_000 }), [6, 4, 3]);
  assertEquals(find(store, "tea", { rooms, beforeMs: 3_000 }), [2, 1]);
  assertEquals(find(store, "tea", { rooms, afterMs: 2_000, beforeMs: 4_000 }), [3, 2]);
});

/** One thing that happens to a history. */
type Step =
  | {
    readonly type: "append";
    readonly texts: readonly string[];
    readonly gap: number;
    readonly roomId: number;
  }
  | { readonly type: "file" }
  | { readonly type: "remove"; readonly nth: number };

const WORDS = ["tea", "cup", "pot"];

const STEPS: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constant("append" as const),
      texts: fc.array(
        fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 4 }).map((words) =>
          words.join(" ")
        ),
        { minLength: 1, maxLength: 150 },
      ),
      gap: fc.constantFrom(0, 0, 1, 7),
      roomId: fc.constantFrom(1, 2),
    }),
    fc.record({ type: fc.constant("file" as const) }),
    fc.record({ type: fc.constant("remove" as const), nth: fc.nat(200) }),
  ),
  { maxLength: 12 },
);

Deno.test("a history is what a plain list of messages would be", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, async (steps) => {
      using trial = openTrial();
      const { store } = trial;
      addRoom(store, "two");
      let list: StoredMessage[] = [];
      const counts = [0, 0];
      for (const step of steps) {
        if (step.type === "append") {
          const first = store.lastMessageId + 1;
          const said = step.texts.map((text, index) =>
            // What lies between was given to other events.
            message(first + index + step.gap * Math.ceil(index / 20), { text, roomId: step.roomId })
          );
          store.append(said);
          list.push(...said);
          counts[step.roomId - 1] = (counts[step.roomId - 1] ?? 0) + said.length;
        } else {
          await store.catchUp(NEVER);
          const removed = step.type === "remove" ? list.at(step.nth % (list.length || 1)) : null;
          if (removed) store.removeMessage(removed.id);
          list = list.filter(({ id }) => id !== removed?.id);
        }
        for (const roomId of [1, 2]) {
          const of = list.filter((one) => one.roomId === roomId);
          assertEquals(store.recent(roomId, 20), of.slice(-20));
        }
        assertEquals(store.rooms().map(({ messages }) => messages), counts);
      }
      await store.catchUp(NEVER);
      for (const words of [["tea"], ["tea", "pot"], ["tea cup"], ["c*", "p*"]]) {
        const expected = list.filter(({ text }) =>
          words.every((word) =>
            ` ${text} `.includes(` ${word.replace(/\*$|$/, (end) => end === "*" ? "" : " ")}`)
          )
        ).map(({ id }) => id).reverse();
        const rooms = [{ roomId: 1, sinceId: 0 }, { roomId: 2, sinceId: 0 }];
        assertEquals(find(store, words, { rooms, limit: 5_000 }), expected);
      }
      for (const { id, atMs } of list.slice(0, 20)) assertEquals(store.idAt(atMs), id);
    }),
    { numRuns: 40 },
  );
});
