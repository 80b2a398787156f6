/**
 * The PROXY protocol's headers, read as proxies write them: whole, cut at every
 * byte, with any fields behind the address; and everything that is none refused.
 * The headers are written here from the specification, not by the code under test.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PROXY_HEADER_BYTES_MAX } from "../../lib/limits.ts";
import { type ProxyReading, readProxyHeader } from "../../lib/net/proxy_header.ts";
import { bytesOf, joined } from "./sockets.ts";

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const LOCAL = 0x20;
const PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX = 0x31;

const IPV4 = [192, 0, 2, 7, 198, 51, 100, 1, 0xdb, 0xf4, 0x07, 0xe7];
const IPV6 = [
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x07],
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01],
  ...[0xdb, 0xf4, 0x07, 0xe7],
];

/** A header of version 2. */
function binary(command: number, family: number, ...payload: number[]): Uint8Array {
  const length = [payload.length >> 8, payload.length & 0xff];
  return Uint8Array.from([...SIGNATURE, command, family, ...length, ...payload]);
}

/** A field: PP2_TYPE_..., its length, its bytes. */
function field(type: number, ...bytes: number[]): number[] {
  return [type, bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

/** PP2_TYPE_SSL, with flags, an unverified certificate, and the version of TLS as a field in it. */
function tlsField(flags: number): number[] {
  return field(0x20, flags, 0, 0, 0, 1, ...field(0x21, ...bytesOf("TLSv1.3")));
}

/** A client's address, which speaks no TLS with the proxy. */
function plain(address: string | null): ProxyReading {
  return { type: "header", header: { address, isOverTls: false } };
}

/** A client's address, which does. */
function encrypted(address: string | null): ProxyReading {
  return { type: "header", header: { address, isOverTls: true } };
}

/** Headers as proxies write them, and what they say. */
const HEADERS: readonly (readonly [name: string, bytes: Uint8Array, says: ProxyReading])[] = [
  ["IPv4", binary(PROXY, TCP4, ...IPV4), plain("192.0.2.7")],
  ["IPv6", binary(PROXY, TCP6, ...IPV6), plain("2001:db8::7")],
  [
    "IPv4 in IPv6 form",
    binary(PROXY, TCP6, ...new Array(10).fill(0), 255, 255, 192, 0, 2, 7, ...IPV6.slice(16)),
    plain("192.0.2.7"),
  ],
  ["a UNIX socket", binary(PROXY, UNIX, ...new Array(216).fill(47)), plain(null)],
  ["no family", binary(PROXY, UNSPECIFIED), plain(null)],
  ["no family over TLS", binary(PROXY, UNSPECIFIED, ...tlsField(1)), encrypted(null)],
  ["a look whether we live", binary(LOCAL, UNSPECIFIED), plain(null)],
  ["a look with an address", binary(LOCAL, TCP4, ...IPV4), plain(null)],
  ["a look with anything", binary(LOCAL, 0xff, 1, 2, 3), plain(null)],
  ["TLS", binary(PROXY, TCP4, ...IPV4, ...tlsField(1)), encrypted("192.0.2.7")],
  [
    "TLS with a certificate",
    binary(PROXY, TCP6, ...IPV6, ...tlsField(7)),
    encrypted("2001:db8::7"),
  ],
  ["TLS not spoken", binary(PROXY, TCP4, ...IPV4, ...tlsField(6)), plain("192.0.2.7")],
  [
    "TLS among other fields",
    binary(PROXY, TCP4, ...IPV4, ...field(4), ...field(2, 97, 98), ...tlsField(1), ...field(5, 1)),
    encrypted("192.0.2.7"),
  ],
  [
    "as much as there may be",
    binary(PROXY, TCP4, ...IPV4, ...field(4, ...new Array(2048 - 12 - 3).fill(0))),
    plain("192.0.2.7"),
  ],
  [
    "a line with IPv4",
    bytesOf("PROXY TCP4 192.0.2.7 198.51.100.1 56324 2023\r\n"),
    plain("192.0.2.7"),
  ],
  [
    "a line with IPv6",
    bytesOf("PROXY TCP6 2001:DB8:0::7 2001:db8::1 0 65535\r\n"),
    plain("2001:db8::7"),
  ],
  [
    "the longest line",
    bytesOf(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    plain(null),
  ],
  ["the shortest line", bytesOf("PROXY UNKNOWN\r\n"), plain(null)],
];

/** What is no header, though it may look like one. */
const NO_HEADERS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["version 1 in binary", binary(0x11, TCP4, ...IPV4)],
  ["an unknown command", binary(0x22, TCP4, ...IPV4)],
  ["datagrams", binary(PROXY, 0x12, ...IPV4)],
  ["an unknown family", binary(PROXY, 0x41, ...IPV4)],
  ["half an address", binary(PROXY, TCP4, ...IPV4.slice(1))],
  ["half a field", binary(PROXY, TCP4, ...IPV4, 4, 0)],
  ["a field that is longer than the header", binary(PROXY, TCP4, ...IPV4, 4, 0, 1)],
  ["a field for TLS without its flags", binary(PROXY, TCP4, ...IPV4, ...field(0x20, 1, 0, 0, 0))],
  ["a header that is too long", Uint8Array.from([...SIGNATURE, PROXY, TCP4, 8, 1])],
  ["a header without end", Uint8Array.from([...SIGNATURE, PROXY, TCP4, 255, 255])],
  ["a line without return", bytesOf("PROXY UNKNOWN x\n")],
  ["a line with a name", bytesOf("PROXY TCP4 localhost 198.51.100.1 1 2\r\n")],
  ["a line with a network", bytesOf("PROXY TCP4 192.0.2.0/24 198.51.100.1 1 2\r\n")],
  ["a line with a zone", bytesOf("PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n")],
  ["a line with the wrong family", bytesOf("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n")],
  ["a line of two families", bytesOf("PROXY TCP6 2001:db8::7 198.51.100.1 1 2\r\n")],
  ["a line with a port too high", bytesOf("PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n")],
  ["a line with no port", bytesOf("PROXY TCP4 192.0.2.7 198.51.100.1 1 \r\n")],
  ["a line with five ports", bytesOf("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n")],
  ["a line in small letters", bytesOf("PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n")],
  ["a line with controls", bytesOf("PROXY UNKNOWN \x1b[2J\r\n")],
  ["a line that is too long", bytesOf(`PROXY UNKNOWN ${"x".repeat(92)}\r`)],
  ["a request", bytesOf("POST / HTTP/1.1\r\n")],
  ["a handshake", Uint8Array.from([0x16, 3, 1, 2, 0, 1])],
  ["a blank line", bytesOf("\r\n\r\nhello")],
];

for (const [name, bytes, says] of HEADERS) {
  Deno.test(`a header is read, and asked for up to its last byte: ${name}`, () => {
    assertEquals(readProxyHeader(bytes), says);
    // What is missing of any part of it is at least one byte, and never more than there is.
    for (let end = 0; end < bytes.length; end++) {
      const reading = readProxyHeader(bytes.subarray(0, end));
      assert(reading.type === "partial", `${end} bytes: ${JSON.stringify(reading)}`);
      assert(reading.missing > 0 && end + reading.missing <= bytes.length, `${end} bytes`);
    }
  });
}

for (const [name, bytes] of NO_HEADERS) {
  Deno.test(`what is no header is refused, with a reason: ${name}`, () => {
    const reading = readProxyHeader(bytes);
    assert(reading.type === "invalid", JSON.stringify(reading));
    assert(reading.why.length > 0);
  });
}

Deno.test("any address of version 2 comes out as it was written", () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(fc.property(bytes, fc.boolean(), (source, isOverTls) => {
    const fields = isOverTls ? tlsField(1) : [];
    const reading = readProxyHeader(
      binary(PROXY, TCP6, ...source, ...IPV6.slice(16), ...fields),
    );
    assert(reading.type === "header" && reading.header.address !== null);
    assertEquals(reading.header.isOverTls, isOverTls);
    // A URL's parser is the judge, since it knows every form of an IPv6 address.
    const groups = [...new Uint16Array(8).keys()]
      .map((at) => (((source[2 * at] ?? 0) << 8) | (source[2 * at + 1] ?? 0)).toString(16));
    const { address } = reading.header;
    const written = address.includes(":") ? address : `::ffff:${address}`;
    assertEquals(
      new URL(`http://[${written}]/`).hostname,
      new URL(`http://[${groups.join(":")}]/`).hostname,
    );
  }));
});

Deno.test("any bytes are a header, the beginning of one, or none; and nothing is asked for without end", () => {
  const start = fc.constantFrom<Uint8Array[]>(
    new Uint8Array(0),
    bytesOf("PROXY "),
    bytesOf("PROXY TCP4 "),
    Uint8Array.from(SIGNATURE),
    Uint8Array.from([...SIGNATURE, PROXY, TCP4]),
    Uint8Array.from([...SIGNATURE, PROXY, TCP6, 0, 40]),
  );
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
    const all = joined([head, tail, new Uint8Array(PROXY_HEADER_BYTES_MAX)]);
    let end = 0;
    while (true) {
      const reading = readProxyHeader(all.subarray(0, end));
      if (reading.type !== "partial") break;
      assert(reading.missing > 0);
      end += reading.missing;
      assert(end <= PROXY_HEADER_BYTES_MAX, "more was asked for than a header can have");
    }
  }));
});
