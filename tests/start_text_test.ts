// What the server prints when it starts and what `--check` answers: whole texts,
// so that a reader sees here what an operator sees there.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Config, ListenAddress } from "../lib/config.ts";
import {
  describeKeeping,
  formatCheck,
  formatStart,
  type StartFacts,
  type StoreFacts,
} from "../lib/start_text.ts";

const CONFIG: Config = {
  host: "127.0.0.1",
  port: 2022,
  tls: null,
  web: null,
  webOrigins: [],
  metrics: null,
  proxyProtocolFrom: [],
  forwardedFrom: [],
  idleMs: 300_000,
  resumeGraceMs: 60_000,
  rate: { burst: 10, perSecond: 4 },
  connectionsMax: 10_000,
  perAddressMax: 64,
  name: "Parley",
  motd: [],
  db: "parley.db",
  keepMs: 365 * 86_400_000,
  operators: [],
  password: null,
  allowPlaintextPasswords: false,
  logFormat: "text",
  logLevel: "info",
};

const FACTS: StartFacts = {
  version: "1.2.3",
  addresses: at({ host: "127.0.0.1", port: 2022 }),
  isWebTls: false,
  fingerprint: null,
  lanAddresses: ["192.0.2.10", "2001:db8::1"],
  client: "parley-client",
  keeps: describeKeeping(CONFIG),
  allowPlaintextPasswords: false,
};

/** The doors of a server that speaks plain text alone. */
function at(plain: ListenAddress): StartFacts["addresses"] {
  return { plain, tls: null, web: null, metrics: null };
}

const STORE: StoreFacts = {
  exists: true,
  version: 3,
  messages: 1_200,
  accounts: 1,
  rooms: 2,
  bytes: 1_600_000,
};

Deno.test("formatStart() says what to type for TLS and where browsers go", () => {
  assertEquals(
    formatStart({
      ...FACTS,
      addresses: {
        plain: { host: "127.0.0.1", port: 2022 },
        tls: { host: "0.0.0.0", port: 2023 },
        web: { host: "::", port: 8080 },
        metrics: { host: "127.0.0.1", port: 9100 },
      },
      isWebTls: true,
      fingerprint: "28:DA:2A",
    }),
    `Parley 1.2.3 listens on 127.0.0.1:2022, 0.0.0.0:2023 (TLS), [::]:8080 (browsers), 127.0.0.1:9100 (metrics).
  Join from this machine:  nc 127.0.0.1 2022   or: parley-client 127.0.0.1
  Let others in:           they type: ncat --ssl 192.0.2.10 2023   or: parley-client --tls 192.0.2.10
  Browsers:                https://192.0.2.10:8080/
  Fingerprint:             28:DA:2A
  Keeps:                   history for 365 days in parley.db   (copy it with --backup FILE)
  Stop:                    Ctrl-C
`,
  );
});

Deno.test("formatStart() says how to join, how to let others in, and what is kept", () => {
  assertEquals(
    formatStart(FACTS),
    `Parley 1.2.3 listens on 127.0.0.1:2022.
  Join from this machine:  nc 127.0.0.1 2022   or: parley-client 127.0.0.1
  Let others in:           stop this, start it again with --host 0.0.0.0, and read what it says here
  Keeps:                   history for 365 days in parley.db   (copy it with --backup FILE)
  Stop:                    Ctrl-C
`,
  );
});

Deno.test("formatStart() says to a network that its passwords are refused", () => {
  assertEquals(
    formatStart({ ...FACTS, addresses: at({ host: "0.0.0.0", port: 7 }) }),
    `Parley 1.2.3 listens on 0.0.0.0:7.
  Join from this machine:  nc 127.0.0.1 7   or: parley-client 127.0.0.1:7
  Let others in:           they type: nc 192.0.2.10 7   (plain text: for networks that you trust)
  Passwords:               refused from other machines over plain text (--allow-plaintext-passwords)
  Keeps:                   history for 365 days in parley.db   (copy it with --backup FILE)
  Stop:                    Ctrl-C
`,
  );
  const cases: readonly (readonly [hostname: string, isAllowed: boolean, isSaid: boolean])[] = [
    ["127.0.0.2", false, false],
    ["::1", false, false],
    ["::1", true, false],
    ["::", false, true],
    ["192.0.2.10", false, true],
    ["192.0.2.10", true, false],
  ];
  for (const [hostname, allowPlaintextPasswords, isSaid] of cases) {
    const text = formatStart({
      ...FACTS,
      addresses: at({ host: hostname, port: 2022 }),
      allowPlaintextPasswords,
    });
    assertEquals(text.includes("Passwords:"), isSaid, `${hostname} ${allowPlaintextPasswords}`);
  }
});

Deno.test("describeKeeping() says what lasts, how long, and where", () => {
  const cases: readonly (readonly [config: Partial<Config>, text: string])[] = [
    [{}, "history for 365 days in parley.db   (copy it with --backup FILE)"],
    [{ keepMs: 60_000 }, "history for 1 minute in parley.db   (copy it with --backup FILE)"],
    [
      { keepMs: null, db: "/var/lib/chat.db" },
      "history for ever in /var/lib/chat.db   (copy it with --backup FILE)",
    ],
    [{ db: ":memory:" }, "nothing on disk   (all is gone when this stops)"],
    [{ db: ":memory:", keepMs: null }, "nothing on disk   (all is gone when this stops)"],
  ];
  for (const [config, text] of cases) assertEquals(describeKeeping({ ...CONFIG, ...config }), text);
});

Deno.test("formatCheck() says of every setting what the server would do", () => {
  assertEquals(
    formatCheck(CONFIG, STORE),
    `The configuration is right. With it, Parley
  listens on 127.0.0.1:2022,
  takes 10000 connections, 64 from one address,
  lets a peer send 10 lines at once and 4 a second,
  closes a connection that is quiet for 5 minutes,
  keeps history for 365 days in parley.db,
  finds 1200 messages, 1 registered name and 2 rooms there (1.5 MiB, format 3),
  has no operators,
  asks nobody who comes in for a password,
  takes passwords over plain text from this machine only,
  greets with no message of the day,
  and logs info as text.
`,
  );
  const others: Config = {
    ...CONFIG,
    host: "::",
    idleMs: null,
    rate: null,
    motd: ["hello"],
    keepMs: null,
    operators: ["ann", "bob"],
    password: "correct horse",
    allowPlaintextPasswords: true,
    logLevel: "off",
  };
  assertEquals(
    formatCheck(others, { exists: false }),
    `The configuration is right. With it, Parley
  listens on [::]:2022,
  takes 10000 connections, 64 from one address,
  lets a peer send without limit,
  closes no quiet connection,
  keeps history for ever in parley.db,
  makes that file, which is not there yet,
  has as operators: ann, bob,
  asks everybody who comes in for a password,
  takes passwords over plain text from everywhere,
  greets with a message of the day,
  and logs nothing.
`,
  );
});

Deno.test("formatCheck() says what is in the database already", () => {
  const inMemory = formatCheck({ ...CONFIG, db: ":memory:" }, { inMemory: true });
  assertStringIncludes(inMemory, "\n  keeps nothing on disk: all is gone when it stops,\n  has no");
  assert(!inMemory.includes("finds"));
  const sizes: readonly (readonly [bytes: number, text: string])[] = [
    [0, "0 bytes"],
    [1, "1 byte"],
    [1_023, "1023 bytes"],
    [1_024, "1 KiB"],
    [40_960, "40 KiB"],
    [1_048_576, "1 MiB"],
    [1_610_612_736, "1.5 GiB"],
    [2 ** 42, "4096 GiB"],
  ];
  for (const [bytes, text] of sizes) {
    assertStringIncludes(
      formatCheck(CONFIG, { exists: true, version: 1, messages: 1, accounts: 0, rooms: 1, bytes }),
      `\n  finds 1 message, 0 registered names and 1 room there (${text}, format 1),\n`,
    );
  }
});
