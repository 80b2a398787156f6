// Addresses and networks as text: the one right form of each, whatever is
// written, and membership against a model that compares bit by bit.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { customerNetwork, isInNetwork, isLoopback, parseNetwork } from "../lib/addresses.ts";

const ipv4 = fc.array(fc.nat({ max: 255 }), { minLength: 4, maxLength: 4 });
const ipv6 = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});

/** An address in one of the ways in which it can be written, and its bits. */
interface Written {
  readonly text: string;
  readonly bits: string;
}

function bitsOf(parts: readonly number[], width: number): string {
  return parts.map((part) => part.toString(2).padStart(width, "0")).join("");
}

/** The longest run of zeros, or any other, as two colons. */
function shorten(groups: readonly number[], at: number): string {
  const hex = groups.map((group) => group.toString(16));
  let end = at;
  while (end < 8 && groups[end] === 0) end++;
  if (end === at) return hex.join(":");
  return `${hex.slice(0, at).join(":")}::${hex.slice(end).join(":")}`;
}

const writtenV4: fc.Arbitrary<Written> = fc.tuple(ipv4, fc.boolean()).map(([bytes, isMapped]) => ({
  text: (isMapped ? "::ffff:" : "") + bytes.join("."),
  bits: bitsOf(bytes, 8),
}));

const writtenV6: fc.Arbitrary<Written> = fc.tuple(ipv6, fc.nat({ max: 7 }), fc.boolean())
  // What would be an IPv4 address in IPv6 form is one.
  .filter(([groups]) => !(groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff))
  .map(([groups, at, isCapital]) => {
    const text = shorten(groups, at);
    return { text: isCapital ? text.toUpperCase() : text, bits: bitsOf(groups, 16) };
  });

const written: fc.Arbitrary<Written> = fc.oneof(writtenV4, writtenV6);

Deno.test("parseNetwork() gives each network its one right form", () => {
  const table: readonly (readonly [written: string, network: string | null])[] = [
    ["192.0.2.7", "192.0.2.7/32"],
    ["192.0.2.7/32", "192.0.2.7/32"],
    ["192.0.2.7/24", "192.0.2.0/24"],
    ["192.0.2.255/25", "192.0.2.128/25"],
    ["192.0.2.7/0", "0.0.0.0/0"],
    ["192.0.2.7/8", "192.0.0.0/8"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["2001:DB8::1", "2001:db8::1/128"],
    ["2001:db8:0:0:0:0:0:1/32", "2001:db8::/32"],
    ["2001:db8::ffff/127", "2001:db8::fffe/127"],
    ["::/0", "::/0"],
    ["::1", "::1/128"],
    // An IPv4 address in IPv6 form is one, and its bits are counted as such.
    ["::ffff:192.0.2.7", "192.0.2.7/32"],
    ["::ffff:c000:207", "192.0.2.7/32"],
    ["::ffff:192.0.2.7/120", "192.0.2.0/24"],
    ["::ffff:192.0.2.7/96", "0.0.0.0/0"],
    ["::ffff:192.0.2.7/95", null],
    ["::ffff:192.0.2.7/24", null],
    // No network, though some would take it for one.
    ["192.0.2", null],
    ["3221225991", null],
    ["0xc0.0.2.7", null],
    ["192.0.2.7.", null],
    ["192.0.2.256", null],
    [" 192.0.2.7", null],
    ["192.0.2.7/33", null],
    ["192.0.2.7/", null],
    ["192.0.2.7/-1", null],
    ["192.0.2.7/1.5", null],
    ["192.0.2.7/1e1", null],
    ["192.0.2.7/255.255.255.0", null],
    ["192.0.2.7/24/24", null],
    ["192.0.2.0/0024", null],
    ["2001:db8::/129", null],
    ["2001:db8:::1", null],
    ["fe80::1%eth0", null],
    ["fe80::1%eth0/64", null],
    ["fe80::/64%eth0", null],
    ["", null],
    ["/", null],
    ["/24", null],
    ["ann", null],
    ["cafe", null],
    ["1", null],
    ["server", null],
    ["constructor", null],
  ];
  for (const [text, network] of table) assertEquals(parseNetwork(text), network, text);
});

Deno.test("parseNetwork() gives what it gave for what it gave, and keeps so many bits", () => {
  fc.assert(
    fc.property(written, fc.nat({ max: 128 }), ({ text, bits }, wanted) => {
      const kept = Math.min(wanted, bits.length);
      const isMapped = bits.length === 32 && text.includes(":");
      const network = parseNetwork(`${text}/${kept + (isMapped ? 96 : 0)}`);
      assert(network !== null);
      assertEquals(parseNetwork(network), network);
      assert(network.endsWith(`/${kept}`));
      assertEquals(network, network.toLowerCase());
      // However the same network is written, it is one.
      const base = network.split("/")[0] ?? "";
      assertEquals(parseNetwork(`${base}/${kept}`), network);
      assertEquals(parseNetwork(text), parseNetwork(`${text}/${isMapped ? 128 : bits.length}`));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("parseNetwork() never throws, and what it takes isInNetwork() can work with", () => {
  const piece = fc.constantFrom(
    ..."0 1 9 255 256 192.0.2.7 . : :: / /24 /128 % eth0 ffff FFFF:0 ::ffff: -1 x  1e3 0x7f".split(
      " ",
    ),
  );
  const text = fc.oneof(fc.array(piece, { maxLength: 8 }).map((all) => all.join("")), fc.string());
  fc.assert(
    fc.property(text, text, (network, address) => {
      const parsed = parseNetwork(network);
      assertEquals(typeof isLoopback(network), "boolean");
      customerNetwork(address);
      if (parsed === null) return;
      isInNetwork(address, parsed);
      assert(isInNetwork(parsed.split("/")[0] ?? "", parsed), `${network} lies in itself`);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("isInNetwork() agrees with comparing bit by bit, however an address is written", () => {
  const near = fc.tuple(written, fc.nat({ max: 128 }), fc.nat({ max: 127 })).map((
    [base, bits, flipped],
  ) => ({ base, bits: Math.min(bits, base.bits.length), flipped: flipped % base.bits.length }));
  fc.assert(
    fc.property(near, written, ({ base, bits, flipped }, other) => {
      const isMapped = base.bits.length === 32 && base.text.includes(":");
      const network = parseNetwork(`${base.text}/${bits + (isMapped ? 96 : 0)}`);
      assert(network !== null);
      // Far from it, and one bit from it: there the mistakes are.
      const flip = [...base.bits].map((bit, at) => at === flipped ? (bit === "0" ? "1" : "0") : bit)
        .join("");
      for (const [text, address] of [[other.text, other.bits], [textOf(flip), flip]] as const) {
        const isIn = address.length === base.bits.length &&
          address.slice(0, bits) === base.bits.slice(0, bits);
        assertEquals(isInNetwork(text, network), isIn, `${text} in ${network}`);
      }
      assert(isInNetwork(base.text, network));
    }),
    { numRuns: 2_000 },
  );

  function textOf(bits: string): string {
    const width = bits.length === 32 ? 8 : 16;
    const parts = (bits.match(new RegExp(`.{${width}}`, "g")) ?? []).map((part) =>
      parseInt(part, 2)
    );
    return width === 8 ? parts.join(".") : parts.map((part) => part.toString(16)).join(":");
  }
});

Deno.test("isInNetwork() takes an address with its zone, and no text that is no address", () => {
  assert(isInNetwork("fe80::1%eth0", "fe80::/10"));
  assert(!isInNetwork("unknown", "0.0.0.0/0"));
  assert(!isInNetwork("", "::/0"));
  assert(!isInNetwork("192.0.2.7", "::/0"), "the two kinds have nothing in common");
  assert(!isInNetwork("2001:db8::1", "0.0.0.0/0"));
  assert(isInNetwork("::ffff:192.0.2.7", "192.0.2.0/24"));
  assert(!isInNetwork("::ffff:192.0.2.7", "::/0"));
});

Deno.test("customerNetwork() counts an IPv4 address alone, and an IPv6 one with its neighbours", () => {
  const table: readonly (readonly [address: string, network: string])[] = [
    ["192.0.2.7", "192.0.2.7/32"],
    ["::ffff:192.0.2.7", "192.0.2.7/32"],
    ["127.0.0.1", "127.0.0.1/32"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80::/64"],
    ["unknown", "unknown"],
    ["", ""],
  ];
  for (const [address, network] of table) assertEquals(customerNetwork(address), network);
  fc.assert(
    fc.property(written, ({ text, bits }) => {
      const network = customerNetwork(text);
      assert(isInNetwork(text, network));
      assert(network.endsWith(bits.length === 32 ? "/32" : "/64"));
    }),
  );
});

Deno.test("isLoopback() knows this machine's own addresses, and no other", () => {
  for (
    const own of ["127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]
  ) {
    assert(isLoopback(own), own);
  }
  const others = [
    "128.0.0.1",
    "126.255.255.255",
    "0.0.0.0",
    "10.0.0.1",
    "192.168.0.1",
    "::",
    "::2",
  ];
  for (const other of [...others, "::ffff:192.0.2.1", "fe80::1%lo", "localhost", "127.1", ""]) {
    assert(!isLoopback(other), other);
  }
  fc.assert(
    fc.property(written, ({ text, bits }) => {
      const isOwn = bits.length === 32
        ? bits.startsWith("01111111")
        : bits === "1".padStart(128, "0");
      assertEquals(isLoopback(text), isOwn, text);
    }),
  );
});
