// What the page makes of a text: links that go where they say, names, rooms in addresses. Pure
// functions, with tables of good and of hostile texts.

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  hashOfRoom,
  nameMatcher,
  roomNameOf,
  roomOfHash,
  splitText,
} from "../../lib/web/page/words.js";

/** Each link of a text: what is shown, where it goes, and the host that is told beside it. */
function linksOf(text: string): readonly (readonly string[])[] {
  return splitText(text, null).flatMap((piece) =>
    piece.kind === "link" ? [[piece.text, piece.href, piece.host]] : []
  );
}

Deno.test("a link ends where its sentence goes on", () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ["see https://a.example/b.", "https://a.example/b"],
    ["(https://a.example/b)", "https://a.example/b"],
    ["https://a.example/b_(c)", "https://a.example/b_(c)"],
    ["(see https://a.example/b_(c))", "https://a.example/b_(c)"],
    ["https://a.example/?x=1&y=2, and", "https://a.example/?x=1&y=2"],
    ["<https://a.example/>", "https://a.example/"],
    ["HTTPS://A.EXAMPLE", "HTTPS://A.EXAMPLE"],
    ["http://[::1]:8080/x", "http://[::1]:8080/x"],
  ];
  for (const [text, shown] of cases) assertEquals(linksOf(text).map(([link]) => link), [shown]);
});

Deno.test("only http and https are links, and none has a name before its host", () => {
  const texts = [
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "ftp://a.example/",
    "file:///etc/passwd",
    "xhttps://a.example",
    "https://",
    "https://bank.example@evil.example/",
    "https://bank.example:443@evil.example/",
    "https://a b",
  ];
  for (const text of texts.slice(0, -1)) assertEquals(linksOf(text), [], text);
  assertEquals(linksOf("https://a b").map(([, href]) => href), ["https://a/"]);
});

Deno.test("a host that looks like another is told as it is", () => {
  assertEquals(linksOf("https://a.example/x").map(([, , host]) => host), [""]);
  assertEquals(linksOf("https://\u{430}pple.com/").map(([, , host]) => host), [
    "xn--pple-43d.com",
  ]);
  assertEquals(linksOf("https://xn--pple-43d.com/").map(([, , host]) => host), [
    "xn--pple-43d.com",
  ]);
  assertEquals(linksOf("https://a\u{3002}example/").map(([, , host]) => host), ["a.example"]);
  assertEquals(linksOf("https://0x7f000001/").map(([, , host]) => host), ["127.0.0.1"]);
  assertEquals(linksOf("https://ev%69l.example/").map(([, , host]) => host), ["evil.example"]);
});

Deno.test("the pieces put together are the text, and links go nowhere but to http and https", () => {
  const parts = fc.constantFrom(
    "https://",
    "http://",
    "ann",
    " ",
    "a.example",
    "/",
    "@",
    ")",
    "\n",
  );
  const text = fc.array(fc.oneof(parts, fc.string({ unit: "grapheme" }))).map((each) =>
    each.join("")
  );
  fc.assert(fc.property(text, (each) => {
    const pieces = splitText(each, nameMatcher("ann"));
    assertEquals(pieces.map((piece) => piece.text).join(""), each);
    for (const piece of pieces) {
      if (piece.kind === "link") assert(/^https?:\/\//.test(piece.href));
    }
  }));
});

Deno.test("a name is found as a word, in whatever case", () => {
  const marked = (text: string): string[] =>
    splitText(text, nameMatcher("ann")).flatMap(({ kind, text: each }) =>
      kind === "mention" ? [each] : []
    );
  assertEquals(marked("Ann: hi, ann. (ANN)"), ["Ann", "ann", "ANN"]);
  assertEquals(marked("anna, ann-marie, joann, https://ann.example/"), []);
});

Deno.test("a room goes into an address and out of it", () => {
  assertEquals(hashOfRoom("#dev"), "#dev");
  fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
    const room = roomNameOf(name);
    if (room !== null && room.isWellFormed()) assertEquals(roomOfHash(hashOfRoom(room)), room);
  }));
  assertEquals([roomOfHash(""), roomOfHash("#"), roomOfHash("#%"), roomOfHash("#a%20b")], [
    null,
    null,
    null,
    null,
  ]);
});
