/// <reference lib="dom" />
// What a page lives through: a network that goes away, a server that is killed, a reload, a second
// tab. Nobody else notices, nothing is said twice, and each tab is a visit of its own.

import { assert, assertEquals } from "@std/assert";
import { type ServerProcess, startProcess } from "../fixtures/server_process.ts";
import { Guest, startTestServer } from "../harness.ts";
import { Proxy } from "../proxy.ts";
import { Folder } from "../visits.ts";
import {
  inBrowser,
  LOST_CONNECTIONS,
  PLAIN_HOST,
  PLAIN_WARNING,
  TestBrowser,
  type Visitor,
  WEB,
} from "./browser.ts";

const FORGIVEN = { forgiven: [LOST_CONNECTIONS] };

Deno.test(inBrowser("a connection that is cut goes on, and nobody else notices", async () => {
  await using server = await startTestServer({ web: WEB });
  await using proxy = await Proxy.to(server.webPort);
  await using browser = await TestBrowser.start(`http://127.0.0.1:${proxy.port}`);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann", FORGIVEN);
  await carl.until("-- ann joined.");
  const spoken: string[] = [];
  for (let cut = 1; cut <= 3; cut++) {
    await ann.say(`before ${cut}`);
    await carl.expect(`ann: before ${cut}`);
    await proxy.off();
    carl.say(`missed ${cut}`);
    await ann.say(`meanwhile ${cut}`);
    await ann.sees(`(not sent) ann: meanwhile ${cut}`);
    await ann.page.getByText("Reconnecting...").waitFor();
    await ann.page.getByText("Not connected").waitFor();
    await ann.page.getByRole("button", { name: "Try now" }).waitFor();
    await carl.roundtrip();
    await proxy.on();
    // As a browser says when it is on a network again.
    await ann.page.evaluate(() => dispatchEvent(new Event("online")));
    await ann.sees(`carl: missed ${cut}`);
    await carl.expect(`ann: meanwhile ${cut}`);
    await ann.sees(`ann: meanwhile ${cut}`);
    await ann.page.getByText("Reconnecting...").waitFor({ state: "detached" });
    spoken.push(`ann: before ${cut}`, `carl: missed ${cut}`, `ann: meanwhile ${cut}`);
    assertEquals(await ann.said(), spoken);
  }
  // Broken at once, and back at once.
  for (let cut = 1; cut <= 3; cut++) {
    await proxy.cut();
    await ann.say(`through ${cut}`);
    await carl.expect(`ann: through ${cut}`);
    spoken.push(`ann: through ${cut}`);
    await ann.sees(`ann: through ${cut}`);
  }
  assertEquals(await ann.said(), spoken);
  assertEquals(await carl.roundtrip(), []);
}));

Deno.test(inBrowser("a server that is killed finds its visitors again", async () => {
  await using folder = await Folder.with();
  const start = (): Promise<ServerProcess> =>
    startProcess({ args: ["--db", folder.db, "--rate", "off", "--web", "127.0.0.1:0"] });
  await using first = await start();
  await using proxy = await Proxy.to(first.portOf("browsers"));
  await using browser = await TestBrowser.start(`http://127.0.0.1:${proxy.port}`);
  const ann = await browser.enter("ann", FORGIVEN);
  const bob = await browser.enter("bob", FORGIVEN);
  await ann.say("/join #dev");
  await ann.page.getByRole("heading", { name: "#dev", level: 1 }).waitFor();
  await bob.say("/join #dev");
  await ann.sees(/bob joined/);
  await ann.say("before");
  await bob.sees("ann: before");

  await first.crash();
  await ann.say("meanwhile");
  await ann.page.getByText("Reconnecting...").waitFor();
  await using second = await start();
  proxy.target = second.portOf("browsers");
  await bob.sees("ann: meanwhile");
  await bob.say("welcome back");
  await ann.sees("bob: welcome back");
  for (const visitor of [ann, bob]) {
    assertEquals(await visitor.said(), ["ann: before", "ann: meanwhile", "bob: welcome back"]);
    const told = (await visitor.rows()).filter((row) => /\bleft\b/.test(row));
    assertEquals(told, [], "who came back never left");
  }
  await using carl = await Guest.connect(second.port);
  carl.say("/nick carl");
  carl.say("/who #dev");
  await carl.until(/ann.*bob|bob.*ann/);
}));

Deno.test(inBrowser("a reload keeps the name, the session, the room and the draft", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann");
  await carl.until("-- ann joined.");
  await ann.say("before");
  await carl.expect("ann: before");
  await ann.composer.fill("half a thou");
  for (let reload = 1; reload <= 3; reload++) {
    await ann.page.reload();
    await ann.composer.waitFor();
    assertEquals(await ann.composer.inputValue(), "half a thou");
    await ann.page.getByRole("button", { name: "ann Not registered" }).waitFor();
    carl.say(`after ${reload}`);
    await ann.sees(`carl: after ${reload}`);
  }
  await ann.say("still me");
  await carl.expect("ann: still me");
  await ann.sees("ann: still me");
  assertEquals(
    await ann.said(),
    ["ann: before", "carl: after 1", "carl: after 2", "carl: after 3", "ann: still me"],
  );
  assertEquals(await carl.roundtrip(), []);
}));

/** Waits until somebody who comes anew is offered a name: that is remembered, the visit is not. */
async function isOffered(visitor: Visitor, name: string): Promise<void> {
  await visitor.until(
    `that ${name} is offered`,
    (wanted) => {
      const input = document.querySelector("#name-input");
      return input instanceof HTMLInputElement && input.value === wanted;
    },
    name,
  );
}

/** A second tab, a duplicated one and the first live side by side. */
async function testTabs(origin: string): Promise<void> {
  await using browser = await TestBrowser.start(origin);
  const ann = await browser.enter("ann", { forgiven: [PLAIN_WARNING] });
  const other = await ann.openTab();
  await isOffered(other, "ann");
  await other.enter("ann2");
  await ann.sees(/ann2 joined/);

  const duplicate = await ann.duplicate();
  await isOffered(duplicate, "ann2");
  await duplicate.enter("ann3");
  await ann.sees(/ann3 joined/);
  await ann.say("I am the first");
  for (const tab of [ann, other, duplicate]) await tab.sees("ann: I am the first");
  await duplicate.say("and I the third");
  for (const tab of [ann, other, duplicate]) await tab.sees("ann3: and I the third");
  // Each goes on with its own.
  await duplicate.page.reload();
  await ann.page.reload();
  await duplicate.page.getByRole("button", { name: "ann3 Not registered" }).waitFor();
  await ann.page.getByRole("button", { name: "ann Not registered" }).waitFor();
  assert(!(await other.rows()).some((row) => /\bleft\b/.test(row)), "nobody has left");
}

Deno.test(inBrowser("each tab is a visit of its own, a duplicated one too", async () => {
  await using server = await startTestServer({ web: WEB });
  await testTabs(`http://127.0.0.1:${server.webPort}`);
}));

Deno.test(inBrowser("so it is where the browser has no locks, for want of https", async () => {
  await using server = await startTestServer({ web: WEB });
  await testTabs(`http://${PLAIN_HOST}:${server.webPort}`);
}));

Deno.test(inBrowser("who leaves can come back, and is gone meanwhile", async () => {
  await using server = await startTestServer({ web: WEB });
  await using browser = await TestBrowser.start(server);
  await using carl = await server.join("carl");
  const ann = await browser.enter("ann");
  await carl.until("-- ann joined.");
  await ann.page.getByRole("button", { name: "Name and account" }).click();
  await ann.page.getByRole("button", { name: "Leave the chat" }).click();
  await carl.expect("-- ann left.");
  await ann.page.getByText("You have left.").waitFor();
  await ann.page.getByRole("button", { name: "Come back" }).click();
  await carl.expect("-- ann joined.");
  await ann.composer.waitFor();
  await ann.say("again");
  await carl.expect("ann: again");
}));
