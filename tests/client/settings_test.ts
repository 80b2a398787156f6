// The client's settings on a real disk: who may read them, what stays in them, who gets a session.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Settings, SETTINGS_DEFAULT, settingsFolder } from "../../lib/client/settings.ts";

const ADDRESS = "chat.example:2022";
const PROOF = new Array(32).fill("AB").join(":");
const SESSION = { token: "secret", lastId: 7, lastRef: 2 };

interface Trial extends AsyncDisposable {
  readonly folder: string;
  readonly warnings: string[];
  open(): Settings;
  write(text: string): Promise<void>;
  read(): Promise<Record<string, unknown>>;
}

async function startTrial(): Promise<Trial> {
  const top = await Deno.makeTempDir({ prefix: "parley-settings-" });
  const folder = `${top}/config/parley`;
  const warnings: string[] = [];
  return {
    folder,
    warnings,
    open: () => new Settings(folder, (line) => warnings.push(line)),
    async write(text): Promise<void> {
      await Deno.mkdir(folder, { recursive: true });
      await Deno.writeTextFile(`${folder}/client.json`, text);
    },
    read: async () => JSON.parse(await Deno.readTextFile(`${folder}/client.json`)),
    async [Symbol.asyncDispose](): Promise<void> {
      await Deno.remove(top, { recursive: true });
    },
  };
}

Deno.test("settingsFolder() is where each platform keeps such things", () => {
  const home = "/home/ann";
  const cases: readonly [Parameters<typeof settingsFolder>, string | null][] = [
    [["linux", { HOME: home }], "/home/ann/.config/parley"],
    [["linux", { HOME: home, XDG_CONFIG_HOME: "/etc/ann" }], "/etc/ann/parley"],
    [["linux", { HOME: home, XDG_CONFIG_HOME: "relative" }], "/home/ann/.config/parley"],
    [["freebsd", { HOME: home, XDG_CONFIG_HOME: "" }], "/home/ann/.config/parley"],
    [["darwin", { HOME: "/Users/ann" }], "/Users/ann/Library/Application Support/parley"],
    [["windows", { APPDATA: String.raw`C:\Ann` }], String.raw`C:\Ann\parley`],
    [["linux", {}], null],
    [["windows", { HOME: home }], null],
  ];
  for (const [args, folder] of cases) assertEquals(settingsFolder(...args), folder);
});

Deno.test("Settings are kept for each server, and nobody else can read them", async () => {
  await using trial = await startTrial();
  assertEquals(await trial.open().read(ADDRESS), SETTINGS_DEFAULT);
  await trial.open().update(ADDRESS, { nick: "ann", session: SESSION });
  await trial.open().update("other:1", { theme: "light" });
  await trial.open().update(ADDRESS, { bell: "all" });
  assertEquals(await trial.open().read(ADDRESS), {
    theme: "auto",
    bell: "all",
    nick: "ann",
    session: SESSION,
    proof: null,
  });
  assertEquals((await trial.open().read("other:1")).theme, "light");
  assertEquals(trial.warnings, []);
  if (Deno.build.os !== "windows") {
    const modeOf = async (path: string): Promise<number> =>
      ((await Deno.stat(path)).mode ?? 0) & 0o777;
    assertEquals(await modeOf(trial.folder), 0o700);
    for await (const { name } of Deno.readDir(trial.folder)) {
      assertEquals(await modeOf(`${trial.folder}/${name}`), 0o600, name);
    }
  }
  const names = [...Deno.readDirSync(trial.folder)].map(({ name }) => name).sort();
  assertEquals(names, ["client.json", "client.lock"]);
});

Deno.test("Settings.takeSession() gives a session to one client only", async () => {
  await using trial = await startTrial();
  assertEquals(await trial.open().takeSession(ADDRESS), null);
  await trial.open().update(ADDRESS, { nick: "ann", session: SESSION });
  const taken = await Promise.all(
    Array.from({ length: 8 }, () => trial.open().takeSession(ADDRESS)),
  );
  assertEquals(taken.filter((session) => session !== null), [SESSION]);
  assertEquals((await trial.open().read(ADDRESS)).nick, "ann");
  assert(!(await Deno.readTextFile(`${trial.folder}/client.json`)).includes("secret"));
});

Deno.test("Settings.update() loses nothing of what clients write at the same time", async () => {
  await using trial = await startTrial();
  const addresses = Array.from({ length: 8 }, (_, index) => `host${index}:1`);
  await Promise.all(addresses.map((address) => trial.open().update(address, { nick: address })));
  for (const address of addresses) {
    assertEquals((await trial.open().read(address)).nick, address);
  }
});

Deno.test("Settings learn a server's proof once, and whoever comes later is told of it", async () => {
  await using trial = await startTrial();
  const proofs = Array.from({ length: 8 }, (_, index) => PROOF.replaceAll("AB", `0${index}`));
  const learned = await Promise.all(
    proofs.map((proof) => trial.open().proofsOf(ADDRESS)?.learn(proof)),
  );
  assertEquals(learned.filter((each) => each?.isNew).length, 1);
  const [first] = new Set(learned.map((each) => each?.proof));
  assertEquals(new Set(learned.map((each) => each?.proof)).size, 1);
  assertEquals((await trial.open().read(ADDRESS)).proof, first);

  await trial.open().proofsOf(ADDRESS)?.replace(PROOF);
  await trial.open().update(ADDRESS, { nick: "ann" });
  assertEquals(await trial.open().proofsOf(ADDRESS)?.learn(first ?? ""), {
    proof: PROOF,
    isNew: false,
  });
  assertEquals((await trial.open().read("tls://other:1")).proof, null);
  assertEquals(trial.warnings, []);
});

Deno.test("Settings that cannot be written still tell a proof, and learn none", async () => {
  await using trial = await startTrial();
  await trial.open().update(ADDRESS, { proof: PROOF });
  await Deno.remove(`${trial.folder}/client.lock`);
  // Nothing can be changed without the lock.
  await Deno.mkdir(`${trial.folder}/client.lock`);
  const other = PROOF.replaceAll("AB", "CD");
  assertEquals(await trial.open().proofsOf(ADDRESS)?.learn(other), { proof: PROOF, isNew: false });
  assertEquals(await trial.open().proofsOf("tls://other:1")?.learn(other), null);
  assertEquals(trial.warnings.length, 1);
  assertMatch(trial.warnings[0] ?? "", /^Settings are not kept: [^\n]+\.$/);
  assertEquals(new Settings(null, () => {}).proofsOf(ADDRESS), null);
});

Deno.test("Settings that cannot be read are not overwritten, and learn no proof", async () => {
  await using trial = await startTrial();
  await Deno.mkdir(`${trial.folder}/client.json`, { recursive: true });
  assertEquals(await trial.open().proofsOf(ADDRESS)?.learn(PROOF), null);
  assert((await Deno.stat(`${trial.folder}/client.json`)).isDirectory);
});

Deno.test("Settings keep what this version does not know, and pass over what cannot be", async () => {
  await using trial = await startTrial();
  const strange = {
    [ADDRESS]: {
      theme: "pink",
      bell: 3,
      nick: "",
      session: { token: "x" },
      proof: "AB:CD",
      later: [1],
    },
    future: "yes",
  };
  await trial.write(JSON.stringify(strange));
  assertEquals(await trial.open().read(ADDRESS), SETTINGS_DEFAULT);
  await trial.open().update(ADDRESS, { theme: "dark" });
  assertEquals(await trial.read(), {
    ...strange,
    [ADDRESS]: { ...strange[ADDRESS], theme: "dark" },
  });
});

Deno.test("Settings that are damaged are set aside, with one line", async (t) => {
  for (const text of ["{", "", "[1]", "null", '"text"']) {
    await t.step(JSON.stringify(text), async () => {
      await using trial = await startTrial();
      await trial.write(text);
      assertEquals(await trial.open().read(ADDRESS), SETTINGS_DEFAULT);
      assertEquals(trial.warnings.length, 1);
      assertMatch(trial.warnings[0] ?? "", /^The settings were damaged[^\n]*$/);
      assertEquals(await Deno.readTextFile(`${trial.folder}/client.json.damaged`), text);
      await trial.open().update(ADDRESS, { nick: "ann" });
      assertEquals((await trial.open().read(ADDRESS)).nick, "ann");
      assertEquals(trial.warnings.length, 1);
    });
  }
});

Deno.test("Settings that cannot be kept are no failure", async () => {
  await using trial = await startTrial();
  await Deno.mkdir(trial.folder, { recursive: true });
  // Where the file should be there is a folder, with something in it.
  await Deno.mkdir(`${trial.folder}/client.json/x`, { recursive: true });
  await trial.open().update(ADDRESS, { nick: "ann" });
  assertEquals(await trial.open().read(ADDRESS), SETTINGS_DEFAULT);
  assert(trial.warnings.length > 0);
  for (const line of trial.warnings) assertMatch(line, /^[^\n]+\.$/);

  const nowhere = new Settings(null, (line) => trial.warnings.push(line));
  await nowhere.update(ADDRESS, { session: SESSION });
  assertEquals(await nowhere.takeSession(ADDRESS), null);
});
