/// <reference lib="dom" />
// People with a browser talk with each other and with somebody on nc: what each says is seen by
// all, once and in order; what was said before is there to be scrolled to and searched; a link
// leads into a room; and a page that nobody looks at stays.

import { assert, assertEquals } from "@std/assert";
import type { Guest } from "../harness.ts";
import { startTestServer, within } from "../harness.ts";
import { gather } from "../visits.ts";
import { inBrowser, TestBrowser, type Visitor, WEB } from "./browser.ts";

const MINUTE_MS = 60_000;

/** What somebody on nc has heard people say. */
async function heard(guest: Guest): Promise<string[]> {
  return (await guest.roundtrip()).filter((line) => !line.startsWith("-- "));
}

Deno.test(inBrowser("two browsers and nc hear each other, once and in order", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann");
  await carl.until("-- ann joined.");
  const bob = await browser.enter("bob");
  await carl.until("-- bob joined.");
  await ann.sees(/bob joined/);
  assertEquals(await ann.page.title(), "#lobby - Parley");

  const spoken: string[] = [];
  for (let round = 1; round <= 5; round++) {
    await ann.say(`ann ${round}`);
    await bob.sees(`ann: ann ${round}`);
    await bob.say(`bob ${round}`);
    await ann.sees(`bob: bob ${round}`);
    carl.say(`carl ${round}`);
    await ann.sees(`carl: carl ${round}`);
    await bob.sees(`carl: carl ${round}`);
    for (const name of ["ann", "bob", "carl"]) spoken.push(`${name}: ${name} ${round}`);
  }
  assertEquals(await ann.said(), spoken);
  assertEquals(await bob.said(), spoken);
  // Nobody is told on nc what they said themselves.
  assertEquals(await heard(carl), spoken.filter((line) => !line.startsWith("carl: ")));

  for (const name of ["ann", "bob", "carl"]) await bob.person(name).waitFor();
  await bob.page.getByRole("heading", { name: "People (3)" }).waitFor();
}));

Deno.test(inBrowser("actions, topics, several lines and private messages arrive", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using stack = new AsyncDisposableStack();
  const [carl] = await gather(server, stack, ["carl"]);
  const ann = await browser.enter("ann");
  const bob = await browser.enter("bob");
  await carl.until("-- bob joined.");

  await ann.say("/me waves");
  await bob.sees("ann waves");
  await carl.expect("* ann waves");

  await ann.composer.pressSequentially("one");
  await ann.composer.press("Shift+Enter");
  await ann.composer.pressSequentially("  two");
  await ann.composer.press("Enter");
  await bob.sees(/^ann: one\n {2}two$/);
  assertEquals(await heard(carl), ["ann: one", "ann:   two"]);

  await ann.say("/join #tea");
  await bob.say("/join #tea");
  await ann.sees(/bob joined/);
  await ann.say("/topic Green or black");
  await bob.sees("ann set the topic: Green or black");
  await bob.until(
    "the topic above the messages",
    () => document.querySelector("#topic")?.textContent === "Green or black",
    null,
  );

  await ann.choose(ann.person("bob"), "Write in private");
  await ann.say("between us");
  await ann.sees("ann: between us");
  await bob.place("ann").waitFor();
  await bob.until("a title with a count", () => document.title === "(1) #tea - Parley", null);
  await bob.place("ann").click();
  await bob.sees("ann: between us");
  await bob.say("not a word");
  await ann.sees("bob: not a word");
  assertEquals(await heard(carl), []);
  carl.say("/msg ann psst");
  await ann.place("carl").click();
  await ann.sees("carl: psst");
  await ann.say("yes?");
  await carl.until("[private] ann: yes?");
}));

Deno.test(inBrowser("who is named sees it, in the text, the list and the title", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  const ann = await browser.enter("ann");
  await using carl = await server.join("carl");
  carl.say("ask Ann, not annabel");
  await ann.sees("carl: ask Ann, not annabel");
  assertEquals(await ann.page.locator(".said mark").allTextContents(), ["Ann"]);

  await ann.say("/join #dev");
  await ann.page.getByRole("heading", { name: "#dev", level: 1 }).waitFor();
  carl.say("nothing for anybody");
  carl.say("ann: are you there?");
  await ann.page.getByRole("button", { name: "#lobby 2 unread, 1 mention" }).waitFor();
  await ann.until("a title with a count", () => document.title === "(1) #dev - Parley", null);
  assertEquals(await ann.page.locator("#favicon").getAttribute("href"), "/icon_marked.svg");
  await ann.place("#lobby").click();
  await ann.sees("carl: ann: are you there?");
  await ann.until("a title without", () => document.title === "#lobby - Parley", null);
}));

/** Waits until the newest row is in sight. */
async function seesNewest(visitor: Visitor): Promise<void> {
  await visitor.until(
    "that the newest line is in sight",
    () => {
      const { bottom } = document.querySelector("#log")?.getBoundingClientRect() ?? { bottom: 0 };
      const row = [...document.querySelectorAll("#log .row")].at(-1);
      return row !== undefined && row.getBoundingClientRect().bottom <= bottom;
    },
    null,
  );
}

/** The rows that are numbered, by their numbers. */
function numbers(said: readonly string[]): number[] {
  return said.flatMap((row) => /^carl: line (\d+)$/.exec(row)?.[1] ?? []).map(Number);
}

Deno.test(inBrowser("scrolling up brings what was said before, and moves nothing", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  for (let line = 0; line < 300; line++) carl.say(`line ${line}`);
  await carl.roundtrip();
  const ann = await browser.enter("ann");
  await ann.sees("carl: line 299");

  const seen = new Set(numbers(await ann.said()));
  assert(!seen.has(0), "not all of it is there at first");
  for (let pages = 0; !seen.has(0); pages++) {
    assert(pages < 60, `scrolling up has an end, and there is ${[...seen].at(0)}`);
    // The line on top of the screen, and where it is, before anything else is put above it.
    const top = await ann.log.evaluate((log) => {
      log.scrollTop = 400;
      const { top } = log.getBoundingClientRect();
      const row = [...log.querySelectorAll(".row")]
        .find((each) => each.getBoundingClientRect().bottom > top);
      return {
        text: row?.querySelector(".text")?.textContent ?? "",
        y: row?.getBoundingClientRect().top ?? 0,
        first: log.querySelector(".row.said .text")?.textContent ?? "",
      };
    });
    await ann.until(
      `lines above "${top.first}"`,
      (first) => document.querySelector("#log .row.said .text")?.textContent !== first,
      top.first,
    );
    const y = await ann.log.evaluate((log, text) => {
      const row = [...log.querySelectorAll(".row")]
        .find((each) => each.querySelector(".text")?.textContent === text);
      return row?.getBoundingClientRect().top ?? NaN;
    }, top.text);
    assert(Math.abs(y - top.y) < 2, `"${top.text}" was at ${top.y} and is at ${y}`);
    const there = numbers(await ann.said());
    assertEquals(there, there.map((_, at) => (there[0] ?? 0) + at), "no line lacks or is double");
    for (const number of there) seen.add(number);
  }
  assertEquals(seen.size, 300);

  // What comes meanwhile is counted, and moves nothing either.
  carl.say("something new");
  await ann.page.getByRole("button", { name: "1 new message" }).click();
  await ann.sees("carl: something new");
  await seesNewest(ann);
}));

Deno.test(inBrowser("a long draft does not hide the newest line", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  for (let line = 0; line < 60; line++) carl.say(`line ${line}`);
  await carl.roundtrip();
  const ann = await browser.enter("ann");
  await ann.sees("carl: line 59");
  for (const draft of ["one\ntwo", "1\n".repeat(12), "one\ntwo", "x".repeat(9_000), ""]) {
    await ann.composer.fill(draft);
    carl.say(`beside ${draft.length}`);
    await ann.sees(`carl: beside ${draft.length}`);
    await seesNewest(ann);
    await ann.page.getByRole("button", { name: /new message|Newest/ }).waitFor({ state: "hidden" });
  }
}));

Deno.test(inBrowser("a search finds what was said, and goes to where that was", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  for (let line = 0; line < 300; line++) carl.say(line === 20 ? "the needle" : `line ${line}`);
  await carl.roundtrip();
  const ann = await browser.enter("ann");
  await ann.sees("carl: line 299");

  await ann.page.getByRole("button", { name: "Search messages" }).click();
  const search = ann.dialog("Search");
  await search.getByRole("searchbox").fill("needle");
  await search.getByRole("button", { name: "Search", exact: true }).click();
  await search.getByText("1 message", { exact: true }).waitFor();
  await search.getByRole("button", { name: /the needle/ }).click();
  await ann.sees("carl: the needle");
  const found = ann.page.locator(".row", { hasText: "the needle" });
  await ann.until(
    "that the needle has the focus, in sight",
    () => {
      const { activeElement } = document;
      const log = document.querySelector("#log")?.getBoundingClientRect();
      const row = activeElement?.getBoundingClientRect();
      return activeElement?.textContent?.includes("the needle") === true &&
        log !== undefined && row !== undefined && row.top >= log.top && row.bottom <= log.bottom;
    },
    null,
  );
  assertEquals(await found.count(), 1);

  await ann.page.getByRole("button", { name: "Newest messages" }).click();
  await ann.sees("carl: line 299");
  await ann.page.getByRole("button", { name: "Search messages" }).click();
  await search.getByRole("searchbox").fill("haystack");
  await search.getByRole("searchbox").press("Enter");
  await search.getByText("Nothing was found.").waitFor();
}));

Deno.test(inBrowser("a link leads into its room, and the page gives it", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  carl.say("/join #dev");
  await carl.roundtrip();
  const ann = await browser.enter("ann", {
    path: "#dev",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await ann.page.getByRole("heading", { name: "#dev", level: 1 }).waitFor();
  carl.say("hello #dev");
  await ann.sees("carl: hello #dev");

  await ann.choose(ann.page.getByRole("button", { name: "Room menu" }), "Copy link to the room");
  await ann.page.getByText("The link is copied.").waitFor();
  const link = await ann.page.evaluate(() => navigator.clipboard.readText());
  assertEquals(link, `http://127.0.0.1:${server.webPort}/#dev`);
  assertEquals(ann.page.url(), link);

  await ann.page.evaluate(() => {
    location.hash = "#lunch";
  });
  await ann.page.getByRole("heading", { name: "#lunch", level: 1 }).waitFor();
  await ann.page.evaluate(() => {
    location.hash = "#dev";
  });
  await ann.page.getByRole("heading", { name: "#dev", level: 1 }).waitFor();
}));

Deno.test(inBrowser("a page whose timers stand still answers, and is not thrown out", async () => {
  // Of real time: the browser's clock cannot be moved together with the server's.
  await using server = await startTestServer({ web: WEB, idleMs: 1_000 });
  await using browser = await TestBrowser.start(server);
  await using quiet = await server.join("quiet");
  const warnings = { count: 0 };
  const ann = await browser.open({
    script: "Object.defineProperty(Document.prototype, 'hidden', { get: () => true });",
  });
  const thrice = Promise.withResolvers<void>();
  ann.page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      if (`${payload}`.includes('"idle-warning"') && ++warnings.count === 3) thrice.resolve();
    });
  });
  await ann.enter("ann");
  // No timer falls due any more: a browser does no worse to a page that nobody looks at.
  await ann.page.clock.install();
  await ann.page.clock.pauseAt(Date.now() + MINUTE_MS);
  // The same silence from somebody who does not answer.
  assertEquals((await quiet.untilClosed()).at(-1), "-- Goodbye: you were quiet for too long.");
  await within(thrice.promise, () => `Awaited three warnings, and there were ${warnings.count}`);
  await using witness = await server.join("witness");
  witness.say("/who");
  await witness.until(/\bann\b/);
}));
