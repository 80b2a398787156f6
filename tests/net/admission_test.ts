/**
 * Who may stay, and what counts as one address: tables, and a property that
 * what is admitted and released in any order leaves nothing behind.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { Admission, countedNetwork } from "../../lib/net/admission.ts";

const LIMITS = { connectionsMax: 10, perAddressMax: 3 };

Deno.test("Admission.admit() refuses one more from an address than is allowed", () => {
  const admission = new Admission(LIMITS);
  const answers = Array.from({ length: 5 }, () => admission.admit("192.0.2.1"));
  assertEquals(answers, [null, null, null, "address-full", "address-full"]);
  assertEquals(admission.admit("192.0.2.2"), null);
  // Those that were refused are open until they have been told.
  for (let count = 0; count < 2; count++) admission.release("192.0.2.1");
  assertEquals(admission.admit("192.0.2.1"), "address-full");
  for (let count = 0; count < 2; count++) admission.release("192.0.2.1");
  assertEquals(admission.admit("192.0.2.1"), null);
});

Deno.test("Admission.release() takes back one, not all from an address", () => {
  const admission = new Admission(LIMITS);
  for (let count = 0; count < 2; count++) admission.admit("192.0.2.1");
  admission.release("192.0.2.1");
  const answers = Array.from({ length: 3 }, () => admission.admit("192.0.2.1"));
  assertEquals(answers, [null, null, "address-full"]);
});

Deno.test("Admission.admit() refuses one more in all than is allowed", () => {
  const admission = new Admission(LIMITS);
  for (let at = 0; at < LIMITS.connectionsMax; at++) {
    assertEquals(admission.admit(`192.0.2.${at}`), null);
  }
  assertEquals(admission.admit("198.51.100.1"), "server-full");
  assertEquals(admission.admit("127.0.0.1"), "server-full");
  assertEquals(admission.connections, 12);
  for (const address of ["198.51.100.1", "127.0.0.1", "192.0.2.0"]) admission.release(address);
  assertEquals(admission.admit("198.51.100.1"), null);
});

Deno.test("Admission.admit() counts loopback in all, but not by address", () => {
  const admission = new Admission(LIMITS);
  const addresses = ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "127.0.0.1"];
  for (const address of [...addresses, ...addresses]) {
    assertEquals(admission.admit(address), null);
  }
  assertEquals(admission.admit("::1"), "server-full");
});

Deno.test("Admission.admit() counts an IPv6 network of 64 bits as one address", () => {
  const admission = new Admission(LIMITS);
  const addresses = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff"];
  for (const address of addresses) assertEquals(admission.admit(address), null);
  assertEquals(admission.admit("2001:db8:0:1:abcd::"), "address-full");
  assertEquals(admission.admit("2001:db8:0:2::1"), null);
});

Deno.test("Admission.admit() counts an IPv4 address as one, however it is written", () => {
  const admission = new Admission(LIMITS);
  const addresses = ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:192.0.2.7", "192.0.2.7"];
  const answers = addresses.map((address) => admission.admit(address));
  assertEquals(answers, [null, null, null, "address-full"]);
  assertEquals(admission.admit("::ffff:192.0.2.8"), null);
});

Deno.test("countedNetwork() knows all spellings of one network", () => {
  const networks: readonly (readonly string[])[] = [
    ["192.0.2.7", "::ffff:192.0.2.7"],
    ["2001:db8::1", "2001:db8:0:0::2", "2001:0db8::", "2001:DB8:0:0:1:2:3:4", "2001:db8::3:4:5:6"],
    ["2001:db8:1::1", "2001:db8:1:0:1:2:3:4", "2001:db8:1::ffff:0:0:1"],
    ["fe80::1", "fe80::1%eth0", "fe80::2%2", "fe80:0:0:0:1::"],
    ["::2", "::", "::ffff:1", "0:0:0:0:1:2:3:4", "::192.0.2.7"],
    ["1::", "1:0:0:0:0:0:0:1", "1::1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4::", "1:2:3:4::5"],
    ["local"],
  ];
  const seen = new Set<string | null>();
  for (const spellings of networks) {
    const [first = ""] = spellings;
    const network = countedNetwork(first);
    assertNotEquals(network, null, first);
    assert(!seen.has(network), `${first} is another network`);
    seen.add(network);
    for (const spelling of spellings) assertEquals(countedNetwork(spelling), network, spelling);
  }
  for (const loopback of ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]) {
    assertEquals(countedNetwork(loopback), null);
  }
  assertEquals(countedNetwork("12.7.0.1"), "12.7.0.1");
});

Deno.test("countedNetwork() gives each IPv6 network of 64 bits its own name", () => {
  const group = fc.nat({ max: 0xffff });
  const address = fc.tuple(group, group, group, group, group, group, group, group);
  fc.assert(
    fc.property(address, (groups) => {
      const hex = groups.map((value) => value.toString(16));
      const network = countedNetwork(hex.join(":"));
      assertEquals(network, hex.slice(0, 4).join(":"));
      const padded = hex.map((value) => value.padStart(4, "0").toUpperCase()).join(":");
      assertEquals(countedNetwork(padded), network);
      assertEquals(countedNetwork(`${hex.slice(0, 4).join(":")}::${hex[7]}`), network);
    }),
  );
});

Deno.test("Admission.release() gives back exactly what admit() took, in any order", () => {
  const addresses = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
  const address = fc.constantFrom(...addresses, "127.0.0.1", "::1", "local");
  // Each comes, and some leave early: a number picks who.
  const acts = fc.array(fc.tuple(address, fc.option(fc.nat(), { nil: null })), { maxLength: 60 });
  fc.assert(
    fc.property(acts, (list) => {
      const admission = new Admission(LIMITS);
      const open: string[] = [];
      for (const [coming, leaving] of list) {
        const network = countedNetwork(coming);
        open.push(coming);
        const same = open.filter((other) => countedNetwork(other) === network).length;
        const expected = open.length > LIMITS.connectionsMax
          ? "server-full"
          : network !== null && same > LIMITS.perAddressMax
          ? "address-full"
          : null;
        assertEquals(admission.admit(coming), expected);
        assertEquals(admission.connections, open.length);
        if (leaving === null) continue;
        const [left = ""] = open.splice(leaving % open.length, 1);
        admission.release(left);
      }
      for (const left of open) admission.release(left);
      assertEquals(admission.connections, 0);
      // All is as new: each network takes its whole number again.
      for (const fresh of ["192.0.2.1", "192.0.2.2", "2001:db8::3"]) {
        for (let count = 0; count < 3; count++) assertEquals(admission.admit(fresh), null);
      }
    }),
  );
});
