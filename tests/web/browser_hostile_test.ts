/// <reference lib="dom" />
// What others write is text in the browser, wherever it stands: nothing runs, nothing is fetched,
// nothing is wider than the screen; links go where they say and nowhere else; a flood leaves the
// page usable. Chromium tells of each script that the page's policy has stopped, and that is a
// failure as well: here none is even tried.

import { delay } from "@std/async/delay";
import { assert, assertEquals } from "@std/assert";
import { type Guest, startTestServer } from "../harness.ts";
import { JsonGuest } from "../json_guest.ts";
import { Folder, passwordOf } from "../visits.ts";
import { inBrowser, TestBrowser, type Visitor, WEB } from "./browser.ts";

/** What would run, be fetched or show something else, if it were more than text. */
const HOSTILE = [
  '<img src=x onerror="globalThis.hasRun=1">',
  "<script>globalThis.hasRun=1</script>",
  '"><svg/onload=globalThis.hasRun=1>',
  "<style>*{display:none}</style><base href=https://evil.example/>",
  '<iframe srcdoc="<script>parent.hasRun=1</script>"></iframe>',
  '<form action=https://evil.example><button id="send-button">',
  '<meta http-equiv=refresh content="0;url=https://evil.example/">',
  "![x](https://evil.example/x.png) [click](javascript:globalThis.hasRun=1)",
  "${globalThis.hasRun=1} {{constructor.constructor('globalThis.hasRun=1')()}}",
  "&lt;b&gt; &#60;b&#62; %3Cb%3E \\u003cb\\u003e",
  "__proto__ constructor toString",
] as const;

/** Texts that a layout could break at. */
const WIDE = [
  "w".repeat(7_000),
  `https://example.org/${"w".repeat(1_500)}`,
  "\u{202e}gpj.exe\u{202c} \u{2066}x\u{2069}",
  `a${"\u{200b}".repeat(50)}b`,
  `z${"\u{0301}".repeat(500)}`,
  "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}".repeat(100),
  "\u{4e2d}".repeat(1_000),
  "\u{5d0}\u{5d1} \u{5d2} mixed \u{5d3}",
] as const;

/** No text has become anything else than text, and the page is no wider than the screen. */
async function assertHarmless(visitor: Visitor): Promise<void> {
  const found = await visitor.page.evaluate(() => ({
    hasRun: "hasRun" in globalThis,
    foreign: [
      ...document.querySelectorAll("iframe, object, embed, base, style, meta[http-equiv], video"),
      ...document.querySelectorAll("script:not([src])"),
      ...[...document.querySelectorAll("img")].filter(({ src }) => !src.endsWith("/icon.svg")),
      ...[...document.querySelectorAll("form")].filter((form) => form.hasAttribute("action")),
    ].map(({ outerHTML }) => outerHTML),
    handlers: [...document.querySelectorAll("*")]
      .flatMap((element) => element.getAttributeNames())
      .filter((name) => /^(on|srcdoc|formaction|style$)/.test(name)),
    overflow: Math.max(
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
      ...["#log", "#sidebar", "#people", "#main"].map((each) => {
        const element = document.querySelector(each);
        return element === null ? 0 : element.scrollWidth - element.clientWidth;
      }),
    ),
  }));
  const handlers = found.handlers.filter((name) => name !== "style");
  assertEquals({ ...found, handlers }, { hasRun: false, foreign: [], handlers: [], overflow: 0 });
}

Deno.test(inBrowser("what a page does wrong is found", async () => {
  await using server = await startTestServer({ web: WEB });
  const browser = await TestBrowser.start(server);
  try {
    const ann = await browser.enter("ann");
    assertEquals(browser.problems, []);
    await ann.page.evaluate(() => {
      const image = document.createElement("img");
      image.src = "https://evil.example/x.png";
      document.body.append(image);
      setTimeout(() => {
        throw new Error("thrown");
      });
      // Stops here: the page's policy lets no text become a script, nor markup.
      image.setAttribute("onclick", "globalThis.hasRun = 1");
    }).catch(() => {});
    // Behind what the page was told to do in a while.
    await ann.page.evaluate(() => new Promise<void>((resolve) => setTimeout(resolve)));
    const all = browser.problems.join("\n");
    for (const wanted of [/violates.*img-src/, /requires 'TrustedScript'/, /Error: thrown/]) {
      assert(wanted.test(all), `${wanted} is not among\n${all}`);
    }
  } finally {
    await browser.close();
  }
}));

for (const device of ["desktop", "phone"] as const) {
  Deno.test(inBrowser(`nothing that others write runs or breaks a ${device}'s page`, async () => {
    await using folder = await Folder.with("boss");
    await using server = await startTestServer({
      web: WEB,
      db: folder.db,
      operators: ["boss"],
      name: HOSTILE[0],
      motd: [...HOSTILE, ...WIDE.slice(2)],
    });
    await using browser = await TestBrowser.start(server);
    await using mel = await server.join("mel");
    await using boss = await server.join("carl");
    boss.say(`/login boss ${passwordOf("boss")}`);
    await boss.roundtrip();
    const texts = [...HOSTILE, ...WIDE];
    // Before she comes, so that the history has it as well.
    for (const text of texts) mel.say(text);
    await mel.roundtrip();
    const ann = await browser.enter("ann", { device });
    await ann.sees(/__proto__/);
    await assertHarmless(ann);

    for (const text of HOSTILE) {
      mel.say(`/nick ${text.replaceAll(" ", "")}`);
      mel.say(`/join #${text.replaceAll(" ", "")}`);
      mel.say("/join #lobby");
      mel.say(`/me ${text}`);
      mel.say(`/msg ann ${text}`);
    }
    for (const text of WIDE) mel.say(`/msg ann ${text}`);
    for (const text of texts) mel.say(text);
    await mel.roundtrip();
    const lines = Array.from({ length: 100 }, (_, at) => `${at} ${HOSTILE[at % HOSTILE.length]}`);
    await using json = await JsonGuest.enter(server.port, "json");
    json.say(lines.join("\n"));
    json.say(texts.join("\n").slice(0, 7_000));
    await json.settle();
    for (const text of [...HOSTILE, ...WIDE.slice(2)]) {
      boss.say(`/topic ${text}`);
      boss.say(`/kick mel ${text}`);
      await boss.roundtrip();
      mel.say("/join #lobby");
      await mel.roundtrip();
    }
    boss.say("/token create ci");
    const [, token = ""] = /(parley_\S+)$/.exec((await boss.until(/parley_\S+$/)).at(-1) ?? "") ??
      [];
    for (const body of [HOSTILE.join("\n"), WIDE[0]]) {
      const answer = await fetch(`http://127.0.0.1:${server.webPort}/rooms/lobby`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body,
      });
      assertEquals(answer.status, 200, await answer.text());
    }
    boss.say("the last one");
    await ann.sees("boss: the last one");
    await assertHarmless(ann);

    // Whoever unfolds what is long sees it, and nothing else of the page goes.
    const unfold = ann.page.getByRole("button", { name: "Show all of it" });
    assert(await unfold.count() > 0, "something is long");
    while (await unfold.count() > 0) await unfold.first().click();
    await assertHarmless(ann);
    // The private conversation, the list of rooms, what a search finds, and who is here.
    await ann.say("/join");
    await ann.page.keyboard.press("Escape");
    await ann.command("/who", /in #lobby/);
    await assertHarmless(ann);
    await ann.page.getByRole("button", { name: "Search messages" }).click();
    await ann.dialog("Search").getByRole("searchbox").fill("constructor");
    await ann.dialog("Search").getByRole("searchbox").press("Enter");
    await ann.dialog("Search").getByText(/\d messages/).waitFor();
    await assertHarmless(ann);
    await ann.page.keyboard.press("Escape");
    if (device === "phone") await ann.page.getByRole("button", { name: /^Rooms/ }).click();
    await assertHarmless(ann);
    await ann.page.getByRole("button", { name: "Join or make a room" }).click();
    await ann.dialog("Join or make a room").getByRole("button", { name: /#lobby/ }).waitFor();
    await assertHarmless(ann);
    await ann.page.keyboard.press("Escape");
    await ann.place("mel").click();
    await ann.sees(/__proto__/);
    await assertHarmless(ann);
  }));
}

Deno.test(inBrowser("links are http and https only, and tell the other side nothing", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  const ann = await browser.enter("ann");
  await using mel = await server.join("mel");
  const texts = [
    "see https://example.org/a?b=c#d, and (http://example.org/e).",
    "javascript:alert(1) JaVaScRiPt://example.org/%0aalert(1) data:text/html,<b>x</b>",
    "vbscript:x file:///etc/passwd ftp://example.org/ blob:https://example.org/1 //example.org",
    "https://example.org@evil.example/ https:evil.example",
    "http:///evil.example",
    "https://ex\u{430}mple.org/",
    'https://example.org/"onmouseover="alert(1)',
    "done",
  ];
  for (const text of texts) mel.say(text);
  await ann.sees("mel: done");
  const links = await ann.page.locator("#log a").evaluateAll((all) =>
    all.map((link) => ({
      text: link.textContent,
      href: link.getAttribute("href"),
      target: link.getAttribute("target"),
      rel: link.getAttribute("rel"),
      names: link.getAttributeNames().length,
    }))
  );
  for (const { target, rel, names } of links) {
    assertEquals({ target, names }, { target: "_blank", names: 3 });
    for (const word of ["noopener", "noreferrer"]) assert(rel?.split(" ").includes(word), `${rel}`);
  }
  assertEquals(links.map(({ text, href }) => `${text} -> ${href}`), [
    "https://example.org/a?b=c#d -> https://example.org/a?b=c#d",
    "http://example.org/e -> http://example.org/e",
    "https://example.org/1 -> https://example.org/1",
    "http:///evil.example -> http://evil.example/",
    "https://ex\u{430}mple.org/ -> https://xn--exmple-4nf.org/",
    "https://example.org/ -> https://example.org/",
  ]);
  const said = await ann.said();
  assertEquals(said.slice(1, 4), texts.slice(1, 4).map((text) => `mel: ${text}`));
  assertEquals(
    await ann.page.locator(".real-host").allTextContents(),
    [" (evil.example)", " (xn--exmple-4nf.org)"],
  );
}));

/** How much a flood says a second, and for how many seconds. */
const FLOOD = { perSecond: 1_000, seconds: 3 } as const;
/** A flood comes in so many parts a second. */
const PARTS = 20;

Deno.test(inBrowser("a flood leaves the page usable, and no larger", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  const ann = await browser.enter("ann");
  await using stack = new AsyncDisposableStack();
  const guests: Guest[] = [];
  for (const name of ["mel", "max", "mia", "moe"]) guests.push(stack.use(await server.join(name)));
  const [first] = guests;
  assert(first !== undefined);
  await ann.person("moe").waitFor();

  let count = 0;
  let typed = "";
  for (let part = 0; part < PARTS * FLOOD.seconds; part++) {
    // What paces the flood, and nothing that waits for an effect.
    const pace = delay(1_000 / PARTS);
    for (let line = 0; line < FLOOD.perSecond / PARTS; line++) {
      guests[count % guests.length]?.say(`flood ${count++} of some words`);
    }
    if (part % PARTS === 0) {
      await ann.composer.press("x");
      typed += "x";
      // That it comes at all within the deadline: a page that is busy with rows would not.
      await ann.until(
        `"${typed}" in the message box`,
        (wanted) => {
          const input = document.querySelector("#composer-input");
          return input instanceof HTMLTextAreaElement && input.value === wanted;
        },
        typed,
      );
      const rows = await ann.page.locator("#log .row").count();
      assert(rows < 1_500, `${rows} rows`);
    }
    await pace;
  }
  for (const guest of guests) await guest.sent();
  first.say("the end");
  await ann.sees("mel: the end");
  const rows = await ann.page.locator("#log .row").count();
  assert(rows < 1_500, `${rows} rows`);
  await ann.say("still here");
  await first.until("ann: still here");
  assertEquals((await ann.rows()).filter((row) => /slow|left|lost/.test(row)), []);
}));
