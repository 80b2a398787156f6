/**
 * Who is at the door: the first bytes of real programs, cut where a read could
 * cut them, and bytes of no program at all.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FIRST_BYTES_MAX } from "../../lib/limits.ts";
import { type Guest, identify, isHttpRequest } from "../../lib/protocol/first_bytes.ts";

/** Texts are bytes here: each character is one. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function assertGuests(guest: Guest, texts: readonly string[]): void {
  for (const text of texts) assertEquals(identify(bytesOf(text)), guest, JSON.stringify(text));
}

const HTTP_METHODS = [
  ..."GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND MKCOL REPORT".split(" "),
];

/** A TLS record that holds a handshake (RFC 8446, section 5.1). */
function tlsHello(minor: number): Uint8Array {
  const hello = new Uint8Array(5 + 64).fill(0x2a);
  hello.set([0x16, 0x03, minor, 0x00, 0x40, 0x01, 0x00, 0x00, 0x3c, 0x03, 0x03]);
  return hello;
}

Deno.test("identify() knows an HTTP request by its first line", () => {
  for (const method of HTTP_METHODS) {
    assertGuests("http", [
      `${method} / HTTP/1.1\r\nHost: chat\r\n\r\n`,
      `${method} / HTTP/1.0\n\n`,
      `${method} http://chat.example:2022/x?y=%20z HTTP/1.1\r\n`,
    ]);
  }
  assertGuests("http", [
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT chat.example:443 HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET / HTTP/3\r\n",
    `GET /${"x".repeat(900)} HTTP/1.1\r\n`,
  ]);
});

Deno.test("identify() takes half a request line for a person's, whatever is still to come", () => {
  const request = "GET /index.html HTTP/1.1\r\nHost: chat\r\n\r\n";
  const lineEnd = request.indexOf("\n");
  for (let at = 0; at <= request.length; at++) {
    assertEquals(identify(bytesOf(request.slice(0, at))), at <= lineEnd ? "plain" : "http");
  }
});

Deno.test("identify() knows a header of the PROXY protocol", () => {
  assertGuests("proxy", [
    "PROXY TCP4 192.0.2.7 192.0.2.1 40000 2022\r\n",
    "PROXY TCP6 2001:db8::7 2001:db8::1 40000 2022\r\nhello\n",
    "PROXY UNKNOWN\r\n",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
  ]);
  assertGuests("plain", ["PROXY TCP\n", "proxy tcp4\n", "PROXY is down\n", "\r\n\r\n"]);
});

Deno.test("identify() takes what only looks like HTTP for a person's", () => {
  assertGuests("plain", [
    "GET\n",
    "GET a life\n",
    "get / http/1.1\n",
    "GET / HTTP/1.1 or not\n",
    "Hello GET / HTTP/1.1\n",
    "hello\nGET / HTTP/1.1\r\n",
    "GET  / HTTP/1.1\n",
    "I saw HTTP/1.1\n",
  ]);
  assert(isHttpRequest("GET / HTTP/1.1"));
  assert(!isHttpRequest("GET / HTTP/1.1\r\n"));
});

Deno.test("identify() knows a TLS hello of every version, cut anywhere", () => {
  for (const minor of [0, 1, 2, 3, 4]) {
    const hello = tlsHello(minor);
    assertEquals(identify(hello.subarray(0, 0)), "plain");
    for (let at = 1; at <= hello.length; at++) {
      assertEquals(identify(hello.subarray(0, at)), "tls", `version 3.${minor} cut at ${at}`);
    }
  }
  // A line feed among its bytes changes nothing.
  const hello = tlsHello(3).fill(0x0a, 12);
  assertEquals(identify(hello), "tls");
});

Deno.test("identify() takes an SSL 2 hello for binary", () => {
  const hello = bytesOf("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10");
  for (let at = 3; at <= hello.length; at++) {
    assertEquals(identify(hello.subarray(0, at)), "binary");
  }
});

Deno.test("identify() takes telnet for a person, with all its options, cut anywhere", () => {
  const opening = "\xff\xfd\x03\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x21\xff\xfb\x22" +
    "\xff\xfb\x27\xff\xfd\x05\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0\xff\xfe\x00\xff\xf1";
  for (let at = 0; at <= opening.length; at++) assertGuests("plain", [opening.slice(0, at)]);
  assertGuests("plain", [
    `${opening}hello\r\n`,
    `hello${opening}\r\0`,
    "hello\r\0",
    "\r\0",
    "\xff\xfd\x0a\xff\xfb\x01hello\n",
    "\xff\xf4\xff\xfd\x06",
  ]);
  assertGuests("http", [`${opening}GET / HTTP/1.1\r\n`]);
});

Deno.test("identify() knows an SSH client", () => {
  assertGuests("ssh", [
    "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "SSH-2.0-x",
    "SSH-1.99-y\r\n",
  ]);
});

Deno.test("identify() knows what may be JSON, once its first byte is there", () => {
  assertGuests("json", [
    "{",
    '{"type":"hello","version":1}\n',
    ' \t{"type":"hello"}\r\n',
    '\xef\xbb\xbf{"type":"hello"}\n',
    '{"type":"hello"}\n{"type":"say","text":"hi"}\n',
    // So do people begin; the whole line tells.
    "{hi}\n",
    `{${"x".repeat(10 * FIRST_BYTES_MAX)}`,
  ]);
  const hello = '  {"type":"hello"}\n';
  for (let at = 0; at <= hello.length; at++) {
    assertGuests(at < 3 ? "plain" : "json", [hello.slice(0, at)]);
  }
  assertGuests("plain", ["[]", "x {", "\n{", "-{", '"{"', "\xef\xbb\xbfx{"]);
  assertGuests("binary", ["{\x00", "\x01{"]);
});

Deno.test("identify() takes what people and programs print for a person", () => {
  assertGuests("plain", [
    "",
    "\n",
    "\r\n",
    "hello",
    "hello\n",
    "/nick ann\n",
    "NICK ann\r\nUSER ann 0 * :Ann\r\n",
    "SSH is what I use\n",
    "EHLO mail.example\r\n",
    // Keys that move or correct, a bell, colours, a bracketed paste.
    "\x1b[A\x1b[Bhello\x08\x7f\x07\t\n",
    "\x1b[200~pasted\x1b[201~\n",
    // Text in UTF-8 and in older encodings.
    "gr\xc3\xbc\xc3\x9f dich\n",
    "gr\xfc\xdf dich\n",
    "\xef\xbb\xbfhello\n",
    // Only the first line counts.
    "hello\n\x00\x01\x02",
    "x".repeat(10 * FIRST_BYTES_MAX),
  ]);
});

Deno.test("identify() knows binary bytes in a first line", () => {
  assertGuests("binary", [
    "\x00",
    "\x01\n",
    "\x05\x01\x00", // SOCKS 5
    "\x04\x01\x00\x50\x00\x00\x00\x01x\x00", // SOCKS 4
    "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01", // remote desktop
    "\x00\x00\x00\x85\xffSMB", // file sharing
    "\x13BitTorrent protocol",
    "h\x00e\x00l\x00l\x00o\x00\n\x00", // UTF-16
    "hello\x00\n",
    "\n\r\x00".slice(1) + "\x00",
    "\x16\x01\x00",
    "\x15\x03\x01\x00\x02\x02\x28", // a TLS alert
    "\x7fELF\x02\x01\x01\x00",
  ]);
});

Deno.test("identify() answers for any bytes, and looks at no more than it needs", () => {
  const guests = new Set<Guest>(["plain", "json", "http", "tls", "binary"]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert(guests.has(identify(bytes)));
    }),
    { numRuns: 2_000 },
  );
  const huge = new Uint8Array(4 * 2 ** 20).fill(0x78);
  huge.fill(0x00, FIRST_BYTES_MAX);
  assertEquals(identify(huge), "plain");
  huge.fill(0xff);
  assertEquals(identify(huge), "plain");
});

/** Any code points; made by hand, since fast-check's own take a second to get ready. */
const codePoints = fc.array(fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0x10ffff })), {
  maxLength: 60,
})
  .map((points) => String.fromCodePoint(...points));

Deno.test("identify() takes any printable line for a person's, unless it is a request or may be JSON", () => {
  fc.assert(
    fc.property(codePoints, (text) => {
      const printable = text.toWellFormed().replace(/\p{Cc}/gu, "");
      const line = new TextEncoder().encode(`${printable}\n`);
      const other = /^\ufeff?[ \t]*\{/.test(printable) ? "json" : "plain";
      assertEquals(identify(line), isHttpRequest(printable) ? "http" : other);
    }),
    { numRuns: 500 },
  );
});
