// What differs between two configurations: nothing is forgotten, secrets are not shown, what is
// told could be typed, and what a running server takes over is what was said. Properties over
// pairs of configurations as operators give them, and a table of lines.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { type Config, formatHelp, readConfig } from "../lib/config.ts";
import { compareConfigs, formatChanges, mergeConfigs } from "../lib/config_changes.ts";

/** A configuration with something in every place. */
const FULL: Config = {
  host: "127.0.0.1",
  port: 2022,
  tls: {
    host: "0.0.0.0",
    port: 2023,
    certFile: "cert.pem",
    keyFile: "key.pem",
    certificate: { cert: "a certificate", key: "a key" },
  },
  web: { host: "0.0.0.0", port: 443, isTls: true },
  webOrigins: ["https://chat.example"],
  metrics: { host: "127.0.0.1", port: 9100 },
  proxyProtocolFrom: ["10.0.0.0/8"],
  forwardedFrom: ["192.0.2.7/32"],
  idleMs: 300_000,
  resumeGraceMs: 60_000,
  rate: { burst: 10, perSecond: 4 },
  connectionsMax: 10_000,
  perAddressMax: 64,
  name: "Parley",
  motd: ["Be kind."],
  db: "parley.db",
  keepMs: 365 * 86_400_000,
  operators: ["ann"],
  password: "correct horse",
  allowPlaintextPasswords: false,
  logFormat: "text",
  logLevel: "info",
};

/** Another that differs in every place. */
const OTHER: Config = {
  host: "::1",
  port: 3022,
  tls: {
    host: "::",
    port: 3023,
    certFile: "live/cert.pem",
    keyFile: "live/key.pem",
    certificate: { cert: "another certificate", key: "another key" },
  },
  web: { host: "::", port: 8080, isTls: false },
  webOrigins: [],
  metrics: { host: "::1", port: 9200 },
  proxyProtocolFrom: [],
  forwardedFrom: ["192.0.2.7/32", "2001:db8::/32"],
  idleMs: 90_000,
  resumeGraceMs: 0,
  rate: { burst: 20, perSecond: 0.5 },
  connectionsMax: 100,
  perAddressMax: 6,
  name: 'Our "place"',
  motd: [],
  db: ":memory:",
  keepMs: null,
  operators: ["ann", "bob"],
  password: "battery staple",
  allowPlaintextPasswords: true,
  logFormat: "json",
  logLevel: "warning",
};

type Tree = Readonly<Record<string, unknown>>;

/** Every place of a configuration in which something stands, as the keys that lead there. */
function places(tree: Tree, path: readonly string[] = []): string[][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? places(value as Tree, [...path, key])
      : [[...path, key]]
  );
}

/** The tree with what stands in one place of another. */
function transplant(tree: Tree, other: Tree, [key = "", ...rest]: readonly string[]): Tree {
  const value = rest.length === 0
    ? other[key]
    : transplant(tree[key] as Tree, other[key] as Tree, rest);
  return { ...tree, [key]: value };
}

for (const place of places(FULL as unknown as Tree)) {
  Deno.test(`a change of ${place.join(".")} is told, and is either applied or not`, () => {
    const after = transplant(FULL as unknown as Tree, OTHER as unknown as Tree, place) as unknown;
    assertNotEquals(after, FULL);
    const { applied, needsRestart } = compareConfigs(FULL, after as Config);
    assertEquals(applied.length + needsRestart.length, 1);
    const merged = mergeConfigs(FULL, after as Config);
    assertEquals(merged, applied.length === 1 ? after as Config : FULL);
  });
}

Deno.test("every option is compared, by the name of its flag", () => {
  const { applied, needsRestart } = compareConfigs(FULL, OTHER);
  const told = new Set([...applied, ...needsRestart].map(({ option }) => option));
  const flags = [...formatHelp("parley-server").matchAll(/^ {2}--([a-z-]+)/gm)]
    .map(([, flag = ""]) => flag)
    .filter((flag) => !["config", "backup", "check", "help", "version"].includes(flag));
  assertEquals([...told].sort(), [...new Set(flags)].sort());
});

Deno.test("each change is told as it would be typed, what is secret not at all", () => {
  assertEquals(
    formatChanges(compareConfigs(FULL, OTHER)),
    "tls-cert changed; tls-key changed; " +
      "web-origin https://chat.example -> none; " +
      "proxy-protocol-from 10.0.0.0/8 -> none; " +
      "forwarded-from 192.0.2.7/32 -> 192.0.2.7/32,2001:db8::/32; " +
      "idle 5m -> 90s; rate 10:4 -> 20:0.5; " +
      "max-connections 10000 -> 100; max-per-address 64 -> 6; " +
      'name Parley -> "Our \\"place\\""; motd changed; ' +
      "operator ann -> ann,bob; password-file changed; " +
      "allow-plaintext-passwords false -> true; log text -> json; log-level info -> warning; " +
      "needs a restart: host 0.0.0.0 -> ::, port 2022 -> 3022, " +
      "tls-cert cert.pem -> live/cert.pem, tls-key key.pem -> live/key.pem, " +
      "tls-port 2023 -> 3023, plain-host 127.0.0.1 -> ::1, " +
      "web https://0.0.0.0:443 -> http://[::]:8080, metrics 127.0.0.1:9100 -> [::1]:9200, " +
      "resume-grace 1m -> off, db parley.db -> :memory:, keep 365d -> forever",
  );
});

Deno.test("a change between something and nothing is told", () => {
  const none: Config = {
    ...FULL,
    host: "0.0.0.0",
    tls: null,
    web: null,
    metrics: null,
    idleMs: null,
    rate: null,
    operators: [],
    password: null,
    motd: [],
  };
  assertEquals(
    formatChanges(compareConfigs(FULL, none)),
    "idle 5m -> off; rate 10:4 -> off; motd changed; operator ann -> none; " +
      "password-file changed; needs a restart: " +
      "tls-cert cert.pem -> none, tls-key key.pem -> none, tls-port 2023 -> none, " +
      "plain-host 127.0.0.1 -> none, web https://0.0.0.0:443 -> off, " +
      "metrics 127.0.0.1:9100 -> off",
  );
  assertEquals(
    formatChanges(compareConfigs({ ...FULL, operators: [] }, { ...FULL, operators: ["none"] })),
    'operator none -> "none"',
  );
  assertEquals(
    formatChanges(compareConfigs(FULL, { ...FULL, port: 1 })),
    "needs a restart: port 2022 -> 1",
  );
  assertEquals(formatChanges(compareConfigs(FULL, { ...FULL })), "nothing changed");
});

/** What an operator may give: the options without files, each as texts that it may have. */
const GIVEN = fc.record({
  "host": fc.constantFrom("127.0.0.1", "0.0.0.0", "::"),
  "port": fc.constantFrom("0", "2022", "65535"),
  "web": fc.constantFrom("off", "http://127.0.0.1:8080", "http://[::1]:80"),
  "web-origin": fc.constantFrom("https://chat.example", "https://a.example,http://b.example:81"),
  "metrics": fc.constantFrom("off", "127.0.0.1:9100", "[::1]:9100"),
  "proxy-protocol-from": fc.constantFrom("10.0.0.0/8", "192.0.2.7/32,2001:db8::/32"),
  "forwarded-from": fc.constantFrom("10.0.0.0/8", "192.0.2.7/32,2001:db8::/32"),
  "idle": fc.constantFrom("off", "1ms", "90s", "1.5h", "7d"),
  "resume-grace": fc.constantFrom("off", "1500ms", "1h"),
  "rate": fc.constantFrom("off", "1:0.001", "999999:4"),
  "max-connections": fc.constantFrom("1", "1000000"),
  "max-per-address": fc.constantFrom("1", "1000000"),
  "name": fc.constantFrom("Our place", "-x", '"', "none"),
  "db": fc.constantFrom(":memory:", "a b.db"),
  "keep": fc.constantFrom("forever", "30d", "36h"),
  "operator": fc.constantFrom("ann", "ann,bob b"),
  "allow-plaintext-passwords": fc.constant("true"),
  "log": fc.constantFrom("text", "json"),
  "log-level": fc.constantFrom("off", "debug"),
  "motd": fc.constantFrom("motd.txt", "other.txt"),
  "password-file": fc.constantFrom("password.txt", "other.txt"),
}, { requiredKeys: ["allow-plaintext-passwords"] });

/** The same for TLS, whose options go together. */
const GIVEN_TLS = fc.option(
  fc.record({
    "tls-cert": fc.constantFrom("cert.pem", "live/cert.pem"),
    "tls-key": fc.constantFrom("key.pem", "live/key.pem"),
    "tls-port": fc.constantFrom("2023", "3023"),
    "plain-host": fc.constantFrom("127.0.0.1", "::"),
    "web": fc.constantFrom("off", "https://0.0.0.0:443"),
  }, { requiredKeys: ["tls-cert", "tls-key"] }),
);

type Given = Readonly<Record<string, string>>;

/** What is given, and which of two texts is in the files. */
const SOURCE = fc.tuple(GIVEN, GIVEN_TLS, fc.constantFrom("first", "second"))
  .map(([given, tls, edition]): { given: Given; edition: string } => ({
    given: { ...given, ...tls },
    edition,
  }));

function readGiven(given: Given, edition: string): Config {
  const request = readConfig(Object.entries(given).map(([option, text]) => `--${option}=${text}`), {
    env: () => undefined,
    readFile: (path) => `the secret ${edition} ${path}`,
  });
  assert(request.type === "serve");
  return request.config;
}

Deno.test("nothing is told where nothing differs, and something where something does", () => {
  fc.assert(fc.property(SOURCE, SOURCE, (one, other) => {
    const [before, after] = [one, other].map(({ given, edition }) => readGiven(given, edition));
    assert(before !== undefined && after !== undefined);
    const { applied, needsRestart } = compareConfigs(before, after);
    const isSame = JSON.stringify(before) === JSON.stringify(after);
    assertEquals(applied.length + needsRestart.length === 0, isSame);
    assertEquals(compareConfigs(before, before), { applied: [], needsRestart: [] });
  }));
});

Deno.test("who types the changes that are told gets the other configuration", () => {
  fc.assert(fc.property(SOURCE, SOURCE, (one, other) => {
    const before = readGiven(one.given, one.edition);
    const after = readGiven(other.given, other.edition);
    const { applied, needsRestart } = compareConfigs(before, after);
    const typed: Record<string, string> = { ...one.given };
    for (const { option, values } of [...applied, ...needsRestart]) {
      // What is in files is not told: which files, and what is in them, is taken from the other.
      const text = values === null ? other.given[option] ?? "" : values.after;
      if (text === "") delete typed[option];
      else typed[option] = text;
    }
    assertEquals(readGiven(typed, other.edition), after);
  }));
});

Deno.test("a server takes over what is told as applied, nothing else, and nothing twice", () => {
  fc.assert(fc.property(SOURCE, SOURCE, (one, other) => {
    const before = readGiven(one.given, one.edition);
    const after = readGiven(other.given, other.edition);
    const { applied, needsRestart } = compareConfigs(before, after);
    const merged = mergeConfigs(before, after);
    assertEquals(compareConfigs(before, merged), { applied, needsRestart: [] });
    assertEquals(compareConfigs(merged, after), { applied: [], needsRestart });
    assertEquals(mergeConfigs(merged, after), merged);
  }));
});

Deno.test("a line never holds what is in a file", () => {
  fc.assert(fc.property(SOURCE, SOURCE, (one, other) => {
    const before = readGiven(one.given, one.edition);
    const after = readGiven(other.given, other.edition);
    const line = formatChanges(compareConfigs(before, after));
    assert(!line.includes("secret") && !line.includes("\n"), line);
  }));
});
