/// <reference lib="dom" />
// The page for those who see or hold no mouse: everything can be done with a keyboard alone, the
// focus is never lost, and each control says what it is.

import { assert, assertEquals } from "@std/assert";
import { startTestServer } from "../harness.ts";
import { inBrowser, TestBrowser, WEB } from "./browser.ts";

Deno.test(inBrowser("a newcomer needs no mouse", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  carl.say("a word to be found");
  carl.say("/join #dev");
  await carl.roundtrip();
  const ann = await browser.open();
  const { page } = ann;
  const { keyboard } = page;
  const focus = (): Promise<string> =>
    page.evaluate(() => {
      const { activeElement } = document;
      if (activeElement === null || activeElement === document.body) return "nothing";
      return activeElement.getAttribute("aria-label") ?? activeElement.id;
    });
  /** Goes on with Tab, as often as it takes, to a button, which it presses. */
  const press = async (name: string | RegExp): Promise<void> => {
    const button = page.locator("nav, main > header, aside").getByRole("button", { name });
    for (let tabs = 0; !await button.evaluate((each) => each === document.activeElement); tabs++) {
      assert(tabs < 60, `${name} cannot be reached by Tab`);
      await keyboard.press("Tab");
      assert(await focus() !== "nothing" || tabs > 0, "the focus is somewhere");
    }
    await keyboard.press("Enter");
  };
  await ann.until("the name's field", () => document.activeElement?.id === "name-input", null);
  await keyboard.type("ann");
  await keyboard.press("Enter");
  await ann.until(
    "the message box",
    () => document.activeElement?.id === "composer-input",
    null,
  );
  await keyboard.type("hello");
  await keyboard.press("Enter");
  await ann.sees("ann: hello");

  // The messages: back from the message box, up and down, and the menu of one.
  await keyboard.press("Shift+Tab");
  assertEquals(await focus(), "Messages in #lobby");
  await keyboard.press("ArrowUp");
  await keyboard.press("ArrowUp");
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  assertEquals(await page.getByRole("menu").getAttribute("aria-label"), "Message by ann");
  await keyboard.press("Escape");
  assertEquals(await page.getByRole("menu").count(), 0);
  assert(await focus() !== "nothing", "the menu gives the focus back");
  await keyboard.press("Escape");
  assertEquals(await focus(), "Message #lobby");

  // Every dialog opens, keeps the focus inside, closes by Escape and gives the focus back.
  for (
    const [button, title] of [
      [/^Go to/, "Go to"],
      ["Join or make a room", "Join or make a room"],
      [/Name and account$/, "You"],
      ["Help", "Help"],
      ["Settings", "Settings"],
      ["Search messages", "Search"],
    ] as const
  ) {
    await press(button);
    const dialog = ann.dialog(title);
    await dialog.waitFor();
    for (let tabs = 0; tabs < 4; tabs++) {
      await keyboard.press("Tab");
      assert(
        await page.evaluate(() =>
          document.activeElement === document.body ||
          document.activeElement?.closest("dialog[open]") !== null
        ),
        `${title} keeps the focus`,
      );
    }
    await keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    const opener = page.getByRole("button", { name: button });
    assert(await opener.evaluate((each) => each === document.activeElement), `from ${title}`);
  }

  // A room by its name, and back by the list; a search.
  await keyboard.press("Control+k");
  await keyboard.type("#dev");
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "#dev", level: 1 }).waitFor();
  assertEquals(await focus(), "Message #dev");
  await keyboard.press("Alt+ArrowUp");
  await page.getByRole("heading", { name: "#lobby", level: 1 }).waitFor();
  await press("Search messages");
  await keyboard.type("found");
  await keyboard.press("Enter");
  const result = ann.dialog("Search").getByRole("button", { name: /a word to be found/ });
  await result.waitFor();
  for (let tabs = 0; !await result.evaluate((each) => each === document.activeElement); tabs++) {
    assert(tabs < 20, "the result can be reached");
    await keyboard.press("Tab");
  }
  await keyboard.press("Enter");
  await ann.until(
    "the focus on what was found",
    () => document.activeElement?.textContent?.includes("a word to be found") === true,
    null,
  );
  // A letter goes into the message box.
  await keyboard.type("thanks");
  await keyboard.press("Enter");
  await ann.sees("ann: thanks");

  // Somebody's menu by arrows, and a private message.
  await press(/carl$/);
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowUp");
  await keyboard.press("Enter");
  await ann.until(
    "the focus where private messages to carl are written",
    () => document.activeElement?.getAttribute("aria-label") === "Private message to carl",
    null,
  );
}));

Deno.test(inBrowser("every control has a name, and the parts of the page are told", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann");
  carl.say("hello");
  await ann.sees("carl: hello");
  const { page } = ann;
  for (
    const [role, name] of [
      ["main", ""],
      ["navigation", "Rooms and conversations"],
      ["complementary", "People"],
      ["log", "Messages in #lobby"],
      ["heading", "#lobby"],
      ["textbox", "Message #lobby"],
      ["list", "Rooms"],
      ["list", "People (2)"],
      ["button", "#lobby"],
      ["button", "Join or make a room"],
      ["button", "ann Not registered Name and account"],
      ["button", "Help"],
      ["button", "Settings"],
      ["button", "Search messages"],
      ["button", "People, 2 here"],
      ["button", "Room menu"],
      ["button", "Send"],
      ["button", "Actions for the message by carl"],
    ] as const
  ) {
    const found = page.getByRole(role, name === "" ? {} : { name, exact: true });
    assertEquals(await found.count(), 1, `${role} "${name}"`);
  }
  // None is without a name, dialogs that are closed included.
  const nameless = await page.locator("button, input, select, textarea").evaluateAll((all) =>
    all.filter((each) => {
      const labels = each instanceof HTMLButtonElement || each instanceof HTMLInputElement ||
          each instanceof HTMLSelectElement || each instanceof HTMLTextAreaElement
        ? [...each.labels ?? []]
        : [];
      const words = [each, ...labels].map(({ textContent }) => textContent?.trim() ?? "");
      return !each.hasAttribute("aria-label") && !each.hasAttribute("aria-hidden") &&
        words.every((word) => word === "");
    }).map(({ outerHTML }) => outerHTML)
  );
  assertEquals(nameless, []);
}));
