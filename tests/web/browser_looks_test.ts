/// <reference lib="dom" />
// How the page looks: on a phone and on a desktop, light and dark, axe finds nothing that would keep
// somebody out, in the conversation and with each dialog, menu and drawer open, and nothing has to
// be scrolled sideways. With PARLEY_SCREENSHOTS each state is kept as a picture in that folder.

import axe from "axe-core";
import { assert, assertEquals } from "@std/assert";
import { startTestServer, type TestServer } from "../harness.ts";
import { JsonGuest } from "../json_guest.ts";
import { Proxy } from "../proxy.ts";
import { Folder, passwordOf } from "../visits.ts";
import {
  type Device,
  inBrowser,
  LOST_CONNECTIONS,
  TestBrowser,
  type Visitor,
  WEB,
} from "./browser.ts";

const SCREENSHOTS = Deno.env.get("PARLEY_SCREENSHOTS");

/** What is looked for: all that axe knows, best practices included. */
interface Audit {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

/** What in the page keeps somebody out, or is wider than the screen: a sentence for each. */
async function findFaults({ page }: Visitor, device: Device, state: string): Promise<string[]> {
  const faults: string[] = [];
  for (const colors of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme: colors });
    // What is half shown has half a contrast.
    await page.evaluate(async () => {
      for (const animation of document.getAnimations()) animation.finish();
      await new Promise((resolve) => requestAnimationFrame(resolve));
    });
    const name = `${device} ${state} ${colors}`;
    if (SCREENSHOTS !== undefined) {
      await page.screenshot({ path: `${SCREENSHOTS}/${name.replaceAll(" ", "-")}.png` });
    }
    // Of what axe looks at, colours change the contrast only.
    const { violations } = await page.evaluate<Audit>(
      colors === "dark"
        ? 'axe.run({ resultTypes: ["violations"], runOnly: ["color-contrast"] })'
        : 'axe.run({ resultTypes: ["violations"] })',
    );
    faults.push(
      ...violations.flatMap(({ id, help, nodes }) =>
        nodes.map(({ html, failureSummary }) =>
          `${name}: ${id}: ${help}: ${html} ${failureSummary}`
        )
      ),
    );
  }
  return faults;
}

/** A conversation with everything in it that there is. */
async function talk(server: TestServer, stack: AsyncDisposableStack): Promise<JsonGuest> {
  const mel = stack.use(await JsonGuest.enter(server.port, "mel"));
  const carl = stack.use(await server.join("carl"));
  carl.say(`/login boss ${passwordOf("boss")}`);
  carl.say("/topic Release on Friday; ask in #dev about the build");
  mel.say("Has anybody seen the new release notes? https://example.org/notes/2026-11");
  mel.say("I cannot find the part about upgrades.");
  carl.say("Yes, they are on the wiki.");
  carl.say("/me opens the wiki");
  await carl.roundtrip();
  mel.say("function greet(name) {\n  return `Hello, ${name}!`;\n}\n\ngreet('Ann');");
  mel.say("\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f44b}\u{1f3fd} \u{4f60}\u{597d}");
  mel.say(Array.from({ length: 40 }, (_, at) => `line ${at + 1} of a long listing`).join("\n"));
  await mel.settle();
  return mel;
}

for (const device of ["phone", "desktop"] as const) {
  Deno.test(inBrowser(`axe finds nothing on a ${device}, light or dark`, async () => {
    await using folder = await Folder.with("boss");
    await using server = await startTestServer({
      web: WEB,
      db: folder.db,
      operators: ["boss"],
      motd: ["Be kind.", "Questions go to #help."],
    });
    await using proxy = await Proxy.to(server.webPort);
    await using browser = await TestBrowser.start(`http://127.0.0.1:${proxy.port}`);
    await using stack = new AsyncDisposableStack();
    const mel = await talk(server, stack);
    const ann = await browser.open({
      device,
      script: axe.source,
      forgiven: [LOST_CONNECTIONS],
    });
    const { page } = ann;
    const faults: string[] = [];
    const check = async (state: string): Promise<void> => {
      faults.push(...await findFaults(ann, device, state));
      const overflow = await ann.overflow();
      if (overflow > 0) faults.push(`${state}: ${overflow} pixels beyond the screen`);
    };
    const isPhone = device === "phone";

    await check("gate");
    await ann.enter("ann");
    await ann.sees(/line 40 of a long listing/);
    mel.say("ann: would you look at it?");
    await ann.sees(/ann: would you/);
    await ann.say("Of course, give me a minute.");
    await ann.say("/nosuchcommand");
    await ann.sees(/nosuchcommand/);
    await check("conversation");

    await ann.composer.pressSequentially("/");
    await page.getByRole("listbox", { name: "Suggestions" }).waitFor();
    await check("commands");
    await page.keyboard.press("Escape");
    await ann.composer.fill("two\nlines of a draft");
    await check("draft");
    await ann.composer.fill("w".repeat(9_000));
    await page.getByText(/^Too long by/).waitFor();
    await check("too long");
    await ann.composer.fill("");

    const message = page.locator(".row", { hasText: "would you look" });
    if (!isPhone) await message.hover();
    await message.getByRole("button", { name: /^Actions/ }).click();
    await check("message menu");
    await page.keyboard.press("Escape");

    const openSidebar = async (): Promise<void> => {
      if (isPhone) await page.getByRole("button", { name: /^Rooms/ }).click();
    };
    await openSidebar();
    await check("rooms");
    await page.getByRole("button", { name: "Join or make a room" }).click();
    await ann.dialog("Join or make a room").getByRole("button", { name: /#lobby/ }).waitFor();
    await check("join");
    await page.keyboard.press("Escape");
    if (isPhone) await page.keyboard.press("Escape");

    if (isPhone) await page.getByRole("button", { name: /^People/ }).click();
    await ann.person("mel").click();
    await check("person menu");
    await page.keyboard.press("Escape");
    await ann.choose(ann.person("mel"), "Write in private");
    await ann.say("A word in private?");
    await ann.sees("ann: A word in private?");
    await check("private");
    await openSidebar();
    await check("rooms and private");
    await ann.place("#lobby").click();

    await page.getByRole("button", { name: "Room menu" }).click();
    await check("room menu");
    await page.getByRole("menuitem").filter({ hasText: /^Copy/ }).waitFor();
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: "Search messages" }).click();
    await ann.dialog("Search").getByRole("searchbox").fill("release");
    await ann.dialog("Search").getByRole("searchbox").press("Enter");
    await ann.dialog("Search").getByText(/^\d messages?/).waitFor();
    await check("search");
    await page.keyboard.press("Escape");

    for (const [button, title] of [["Help", "Help"], ["Settings", "Settings"]] as const) {
      await openSidebar();
      await page.getByRole("button", { name: button, exact: true }).click();
      await ann.dialog(title).waitFor();
      await check(button.toLowerCase());
      await page.keyboard.press("Escape");
      if (isPhone) await page.keyboard.press("Escape");
    }
    await page.keyboard.press("Control+k");
    await ann.dialog("Go to").waitFor();
    await page.keyboard.type("me");
    await check("go to");
    await page.keyboard.press("Escape");

    await openSidebar();
    await page.getByRole("button", { name: "Name and account" }).click();
    await check("account");
    await page.locator("#login-name").fill("boss");
    await page.locator("#login-password").fill(passwordOf("boss"));
    await page.getByRole("button", { name: "Log in" }).click();
    await ann.dialog("You").waitFor({ state: "hidden" });
    if (isPhone) await page.keyboard.press("Escape");

    await ann.say("/join #mine");
    await page.getByRole("heading", { name: "#mine", level: 1 }).waitFor();
    await check("new room");
    await ann.choose(page.getByRole("button", { name: "Room menu" }), "Room settings...");
    await ann.dialog("#mine").getByText(/\S/).first().waitFor();
    await check("room settings");
    await page.keyboard.press("Escape");
    mel.command("join #mine");
    await ann.sees(/mel joined/);
    mel.say("here I am", "#mine");
    await ann.sees("mel: here I am");
    const mels = page.locator(".row", { hasText: "here I am" });
    if (!isPhone) await mels.hover();
    await mels.getByRole("button", { name: /^Actions/ }).click();
    await check("operator menu");
    await page.getByRole("menuitem", { name: "Ban..." }).click();
    await check("ban");
    await page.keyboard.press("Escape");
    if (!isPhone) await mels.hover();
    await mels.getByRole("button", { name: /^Actions/ }).click();
    await page.getByRole("menuitem", { name: "Delete..." }).click();
    await ann.dialog("Delete the message?").waitFor();
    await check("delete");
    await page.keyboard.press("Escape");
    await openSidebar();
    await page.getByRole("button", { name: "Name and account" }).click();
    await check("account logged in");
    await page.keyboard.press("Escape");
    if (isPhone) await page.keyboard.press("Escape");

    await proxy.off();
    await ann.say("said while offline");
    await page.getByText("Reconnecting...").waitFor();
    await check("offline");
    assertEquals(faults, []);
  }));
}

Deno.test(inBrowser("a chosen theme is kept, and is there before the page is drawn", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  const ann = await browser.enter("ann");
  const background = (): Promise<string> =>
    ann.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await ann.page.getByRole("button", { name: "Settings" }).click();
  await ann.page.getByLabel("Dark").check();
  const dark = await background();
  assert(dark !== light, `${dark} is dark`);
  await ann.page.reload();
  assertEquals(await background(), dark);
  await ann.page.getByRole("button", { name: "Settings" }).click();
  await ann.page.getByLabel("As the system has them").check();
  assertEquals(await background(), light);
}));
