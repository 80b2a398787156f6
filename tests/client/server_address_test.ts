// What people type as a server's address, as tables and as a round trip.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UsageError } from "../../lib/errors.ts";
import { formatServerAddress, parseServerAddress } from "../../lib/client/server_address.ts";

const VALID: readonly [text: string, hostname: string, port: number, isTls?: true][] = [
  ["localhost", "localhost", 2022],
  ["localhost:1", "localhost", 1],
  ["chat.example:65535", "chat.example", 65_535],
  ["192.0.2.7:99", "192.0.2.7", 99],
  ["::1", "::1", 2022],
  ["2001:db8::7", "2001:db8::7", 2022],
  ["[::1]", "::1", 2022],
  ["[::1]:2023", "::1", 2023],
  ["fe80::1%eth0", "fe80::1%eth0", 2022],
  ["::ffff:192.0.2.7", "::ffff:192.0.2.7", 2022],
  ["Chat.Example", "chat.example", 2022],
  ["tls://chat.example", "chat.example", 2023, true],
  ["tls://chat.example:443", "chat.example", 443, true],
  ["tls://::1", "::1", 2023, true],
  ["tls://[::1]:99", "::1", 99, true],
];

const INVALID: readonly string[] = [
  "",
  ":2022",
  "host:",
  "host:0",
  "host:65536",
  "host:-1",
  "host:1e3",
  "host:twenty",
  "host: 22",
  "two words",
  "http://host",
  "ann@host",
  "host/room",
  "[::1",
  "::1]",
  "[::1]x",
  "[::1]:",
  "[host]:22",
  "[]:22",
  "a:b:c",
  "tls://",
  "tls:host",
  "TLS://host",
  "tls://tls://host",
  "tls://host/",
];

Deno.test("parseServerAddress() reads what people write", async (t) => {
  for (const [text, hostname, port, isTls = false] of VALID) {
    await t.step(text, () => assertEquals(parseServerAddress(text), { hostname, port, isTls }));
  }
});

Deno.test("parseServerAddress() knows the port for TLS where TLS is asked for elsewhere", () => {
  const read = (text: string): unknown => parseServerAddress(text, { isTls: true });
  assertEquals(read("host"), { hostname: "host", port: 2023, isTls: true });
  assertEquals(read("host:2022"), { hostname: "host", port: 2022, isTls: true });
  assertEquals(read("tls://host"), { hostname: "host", port: 2023, isTls: true });
});

Deno.test("parseServerAddress() refuses what is no address", async (t) => {
  for (const text of INVALID) {
    await t.step(JSON.stringify(text), () => {
      assertThrows(() => parseServerAddress(text), UsageError);
    });
  }
});

Deno.test("parseServerAddress() reads what formatServerAddress() wrote", () => {
  const hostnames = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(
      hostnames,
      fc.integer({ min: 1, max: 65_535 }),
      fc.boolean(),
      (hostname, port, isTls) => {
        const address = { hostname: hostname.toLowerCase(), port, isTls };
        assertEquals(parseServerAddress(formatServerAddress(address)), address);
      },
    ),
  );
});

Deno.test("parseServerAddress() throws nothing but UsageError", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      try {
        parseServerAddress(text);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
      }
    }),
  );
});
