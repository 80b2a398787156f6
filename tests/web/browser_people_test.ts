/// <reference lib="dom" />
// Who is who in the browser: names, accounts, the server's password, programs, and what operators
// do to others, all of it through the page's own menus and dialogs.

import { assertEquals } from "@std/assert";
import { PHRASE_LENGTH_MAX } from "../../lib/limits.ts";
import { overTls, TestCertificate } from "../fixtures/certificates.ts";
import { startTestServer } from "../harness.ts";
import { Folder, passwordOf } from "../visits.ts";
import { inBrowser, PLAIN_HOST, PLAIN_WARNING, TestBrowser, type Visitor, WEB } from "./browser.ts";

/** Opens the dialog about the user. */
async function openAccount(visitor: Visitor): Promise<void> {
  await visitor.page.getByRole("button", { name: "Name and account" }).click();
  await visitor.dialog("You").waitFor();
}

/** Logs in through the dialog. */
async function logIn(visitor: Visitor, name: string, password: string): Promise<void> {
  await openAccount(visitor);
  await visitor.page.getByLabel("Registered name").fill(name);
  await visitor.page.locator("#login-password").fill(password);
  await visitor.page.getByRole("button", { name: "Log in" }).click();
}

Deno.test(inBrowser("a name is chosen, changed, refused and registered", async () => {
  await using folder = await Folder.with();
  await using server = await startTestServer({ web: WEB, db: folder.db });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  // A name that somebody has: a guest's instead, and a way to pick another.
  const ann = await browser.enter("carl");
  await ann.page.getByRole("button", { name: "Pick another name" }).click();
  const dialog = ann.dialog("You");
  await dialog.getByLabel("Name", { exact: true }).fill("not a name");
  await dialog.getByRole("button", { name: "Change name" }).click();
  await dialog.getByRole("alert").filter({ hasText: /\S/ }).waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("ann");
  await dialog.getByRole("button", { name: "Change name" }).click();
  await dialog.waitFor({ state: "hidden" });
  await carl.until(/^-- guest\S* is now ann\.$/);
  await ann.page.getByRole("button", { name: "ann Not registered" }).waitFor();

  await openAccount(ann);
  await ann.page.locator("#register-password").fill("correct-horse");
  await ann.page.getByRole("button", { name: "Register", exact: true }).click();
  await ann.page.getByRole("button", { name: "ann Logged in" }).waitFor();
  await ann.page.reload();
  await ann.page.getByRole("button", { name: "ann Logged in" }).waitFor();

  // Somebody else cannot have it, and she herself can, in another browser.
  const other = await browser.enter("visitor");
  await logIn(other, "ann", "battery-staple");
  await other.dialog("You").getByRole("alert").filter({ hasText: /\S/ }).waitFor();
  await other.page.keyboard.press("Escape");
  await logIn(other, "ann", "correct-horse");
  await other.page.getByRole("button", { name: "Logged in" }).waitFor();
  // What was typed is in no field any more.
  assertEquals(
    await other.page.locator("input[type=password]").evaluateAll((inputs) =>
      inputs.map((input) => input instanceof HTMLInputElement ? input.value : "")
        .filter((value) => value !== "")
    ),
    [],
  );
}));

Deno.test(inBrowser("a server's password is asked for, until it is the right one", async () => {
  await using server = await startTestServer({ web: WEB, password: "open sesame" });
  await using browser = await TestBrowser.start(server);
  const ann = await browser.open();
  await ann.page.getByLabel("Your name").fill("ann");
  await ann.page.getByRole("button", { name: "Come in" }).click();
  const password = ann.page.getByLabel("The server's password");
  await password.fill("open barley");
  await password.press("Enter");
  await ann.page.locator("#gate-problem", { hasText: /\S/ }).waitFor();
  await password.fill("open sesame");
  await password.press("Enter");
  await ann.say("inside");
  await ann.sees("ann: inside");
}));

Deno.test(inBrowser("no password is asked for where others could read it", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(`http://${PLAIN_HOST}:${server.webPort}`);
  const ann = await browser.enter("ann", { forgiven: [PLAIN_WARNING] });
  await openAccount(ann);
  await ann.dialog("You").getByText("This connection is not private").waitFor();
  assertEquals(await ann.dialog("You").locator("input[type=password]:visible").count(), 0);
}));

Deno.test(inBrowser("over https all is as over http", async () => {
  await using certificate = await TestCertificate.make();
  const { certFile, keyFile, cert, key } = certificate;
  await using server = await startTestServer({
    tls: { host: "127.0.0.1", port: 0, certFile, keyFile, certificate: { cert, key } },
    web: { ...WEB, isTls: true },
  });
  await using browser = await TestBrowser.start(`https://127.0.0.1:${server.webPort}`);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann");
  await carl.until("-- ann joined.");
  await ann.say("nobody reads along");
  await carl.expect("ann: nobody reads along");
}, overTls("over https all is as over http")));

Deno.test(inBrowser("a program's name has its mark wherever it stands", async () => {
  await using folder = await Folder.with("boss");
  await using server = await startTestServer({ web: WEB, db: folder.db });
  await using browser = await TestBrowser.start(server);
  const ann = await browser.enter("ann");
  await using boss = await server.join("carl");
  boss.say(`/login boss ${passwordOf("boss")}`);
  boss.say("/token create ci");
  const [, token = ""] = /(parley_\S+)$/.exec((await boss.until(/parley_\S+$/)).at(-1) ?? "") ?? [];
  const answer = await fetch(`http://127.0.0.1:${server.webPort}/rooms/lobby`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: "deployed",
  });
  assertEquals(answer.status, 200, await answer.text());
  await ann.sees("ci[bot]: deployed");
  await ann.page.locator(".row", { hasText: "deployed" }).locator(".tag", { hasText: "bot" })
    .waitFor();
}));

Deno.test(inBrowser("an operator sends out, mutes, bans and deletes, by menus", async () => {
  await using folder = await Folder.with("boss");
  await using server = await startTestServer({ web: WEB, db: folder.db, operators: ["boss"] });
  await using browser = await TestBrowser.start(server);
  const boss = await browser.enter("visitor");
  await logIn(boss, "boss", passwordOf("boss"));
  await boss.page.getByRole("button", { name: "boss Logged in" }).waitFor();
  await boss.person("boss").filter({ hasText: "operator" }).waitFor();
  const mel = await browser.enter("mel");
  await using carl = await server.join("carl");
  await mel.say("buy my things");
  await boss.sees("mel: buy my things");

  const message = boss.page.locator(".row", { hasText: "buy my things" });
  await message.hover();
  await boss.choose(message.getByRole("button", { name: /^Actions/ }), "Delete...");
  await boss.dialog("Delete the message?").getByRole("button", { name: "Delete" }).click();
  await boss.sees(/deleted/);
  await mel.sees(/deleted/);
  assertEquals(await mel.said(), []);

  await boss.person("carl").waitFor();
  await boss.choose(boss.person("mel"), "Mute...");
  const sanction = boss.page.getByRole("dialog", { name: /: mel$/ });
  await sanction.getByLabel("Reason").fill("advertising");
  await sanction.getByLabel("For how long").selectOption("10m");
  await sanction.getByRole("button", { name: "Mute" }).click();
  await sanction.waitFor({ state: "hidden" });
  await mel.sees(/advertising/);
  await mel.say("cheap things");
  await mel.page.locator(".row", { hasText: "cheap things" }).getByText(/may not talk/)
    .waitFor();

  await boss.choose(boss.person("mel"), "Send out...");
  await sanction.getByLabel("Reason").fill("y".repeat(PHRASE_LENGTH_MAX));
  await sanction.getByRole("button", { name: "Send out" }).click();
  await sanction.waitFor({ state: "hidden" });
  await mel.sees(/y{300}/);
  await carl.until(/^-- mel was removed .*y{300}/);
  await mel.say("/join #lobby");
  await carl.until("-- mel joined.");
  await boss.choose(boss.person("mel"), "Ban...");
  await sanction.getByRole("button", { name: "Ban", exact: true }).click();
  await sanction.waitFor({ state: "hidden" });
  await carl.until(/^-- mel was banned/);
  await mel.say("/join #lobby");
  await mel.page.getByText(/banned from #lobby/).first().waitFor();
}));

Deno.test(inBrowser("a member has no such menus, and is told why not", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann");
  carl.say("mine");
  await ann.sees("carl: mine");
  await ann.person("carl").click();
  assertEquals(
    await ann.page.getByRole("menuitem").allTextContents(),
    ["Write in private", "Mention", "Ignore", "Hear again", "Report..."],
  );
  await ann.page.keyboard.press("Escape");
  await ann.page.locator(".row", { hasText: "mine" }).hover();
  await ann.page.getByRole("button", { name: "Actions for the message by carl" }).click();
  await ann.page.getByRole("menuitem", { name: "Copy text" }).waitFor();
  assertEquals(await ann.page.getByRole("menuitem", { name: "Delete..." }).count(), 0);
  await ann.page.keyboard.press("Escape");
  await ann.command("/kick carl", /operator/);
  await ann.command("/topic mine", /operator/);

  // Whoever is ignored is not heard.
  await ann.choose(ann.person("carl"), "Ignore");
  await ann.sees(/ignore/i);
  carl.say("do you hear me?");
  await carl.roundtrip();
  await ann.choose(ann.person("carl"), "Hear again");
  await ann.sees(/carl.*again/i);
  carl.say("and now?");
  await ann.sees("carl: and now?");
  assertEquals(await ann.said(), ["carl: mine", "carl: and now?"]);
}));
