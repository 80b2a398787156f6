// Guests who are no guests: each sends what no person types, and has an end
// that is defined, while ann and bob go on talking and hear every word of one
// another, in order. At last a few hundred whole sessions at random, from a
// seed that a failure prints.

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import fc from "fast-check";
import { mock } from "node:test";
import { LINE_BYTES_MAX } from "../lib/limits.ts";
import { Guest, RudeGuest, startTestServer, type TestServer } from "./harness.ts";

const REQUEST = "GET /chat HTTP/1.1\r\nHost: chat.example\r\nAccept: */*\r\n\r\n";

/** The beginning of a TLS 1.2 record with a ClientHello in it. */
const TLS_HELLO = Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03);

/** Two who talk all the time, and what they hear. */
class Talk implements AsyncDisposable {
  readonly ann: Guest;
  readonly bob: Guest;
  #words = 0;
  readonly #notices: string[] = [];

  constructor(ann: Guest, bob: Guest) {
    this.ann = ann;
    this.bob = bob;
  }

  static async start(server: TestServer): Promise<Talk> {
    const ann = await server.join("ann");
    const bob = await server.join("bob");
    await ann.until(/ is now bob\.$/);
    return new Talk(ann, bob);
  }

  /** Everything that they heard besides one another. */
  get notices(): readonly string[] {
    return this.#notices;
  }

  /** One word from each to the other. Returns what bob heard before it. */
  async go(): Promise<string[]> {
    const word = `word ${++this.#words}`;
    this.ann.say(word);
    this.bob.say(word);
    const heard = await this.bob.until(`ann: ${word}`);
    await this.ann.until(`bob: ${word}`);
    const others = heard.slice(0, -1);
    assert(!others.some((line) => line.startsWith("ann: ")), "no word came twice");
    this.#notices.push(...others);
    return others;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ann.close();
    await this.bob.close();
  }
}

/** What the server itself says to somebody. */
function ownLines(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith("-- "));
}

Deno.test("an HTTP request gets an HTTP answer, and nobody hears of it", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  const requests = [
    REQUEST,
    "POST / HTTP/1.0\r\nContent-Length: 100000\r\n\r\n" + "x".repeat(100_000),
    "OPTIONS * HTTP/1.1\n\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ];
  for (const request of requests) {
    await using browser = await server.connect();
    browser.send(request);
    const answer = (await browser.untilClosed()).join("\n");
    assertMatch(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    assertEquals(Number(/Content-Length: (\d+)/.exec(head)?.[1]), body.length + 1);
    assert(!browser.isReset, "the answer is followed by a clean end");
    await talk.go();
  }
  assertEquals(talk.notices, []);
});

Deno.test("an HTTP request in pieces is one too", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  for (const cut of [1, 3, 10, 18, 19]) {
    await using browser = await server.connect();
    browser.send(REQUEST.slice(0, cut));
    await browser.sent();
    await talk.go();
    browser.send(REQUEST.slice(cut));
    assertMatch(await browser.line(), /^HTTP\/1\.1 400/);
    await browser.untilClosed();
  }
  assertEquals(await talk.go(), []);
});

Deno.test("an HTTP request behind the greeting is told where it is, and closed", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using browser = await server.connect();
  await browser.until(/Just type/);
  browser.send(REQUEST);
  assertEquals(await browser.untilClosed(), [
    "-- This is a chat server, not a web server. Join with nc or telnet.",
  ]);
  assertEquals(await talk.go(), ["-- guest1 joined.", "-- guest1 left."]);
});

Deno.test("a TLS hello is answered in plain text, and closed", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  for (const hello of [TLS_HELLO, TLS_HELLO.subarray(0, 2), TLS_HELLO.subarray(0, 1)]) {
    await using guest = await server.connect();
    guest.send(hello);
    assertEquals(await guest.untilClosed(), ["-- This port speaks plain text, not TLS."]);
    assert(!guest.isReset, "a clean end");
  }
  assertEquals(await talk.go(), []);
});

Deno.test("telnet is a guest like any other", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using telnet = await server.connect();
  // What telnet clients offer at once: DO SGA, WILL TTYPE, WILL NAWS and a window size with 255 in it.
  telnet.send(Uint8Array.of(0xff, 0xfd, 0x03, 0xff, 0xfb, 0x18, 0xff, 0xfb, 0x1f));
  telnet.send(Uint8Array.of(0xff, 0xfa, 0x1f, 0x00, 0xff, 0xff, 0x00, 0x18, 0xff, 0xf0));
  telnet.send("/nick tel\r\0hel");
  telnet.send(Uint8Array.of(0xff, 0xf1));
  telnet.send("lo\r\nbye\r\0");
  await telnet.until("-- You are now tel.");
  assertEquals(await telnet.roundtrip(), []);
  assertEquals(await talk.go(), [
    "-- guest1 joined.",
    "-- guest1 is now tel.",
    "tel: hello",
    "tel: bye",
  ]);
});

Deno.test("binary garbage is told what this is, and closed", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  for (
    const bytes of [[0, 1, 2, 3], [0x00, 0x0c, 0x0a], [0x05, 0x01, 0x00], [
      0x7f,
      0x45,
      0x4c,
      0x46,
      2,
    ]]
  ) {
    await using guest = await server.connect();
    guest.send(Uint8Array.from(bytes));
    assertEquals(await guest.untilClosed(), [
      "-- This is a chat server: it takes lines of UTF-8 text.",
    ]);
  }
  assertEquals(await talk.go(), []);
});

Deno.test("an endless line is refused once, and costs nobody anything", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using endless = await server.join("eve");
  await talk.go();
  const block = new Uint8Array(256 * 1024).fill(0x78);
  for (let count = 0; count < 32; count++) {
    endless.send(block);
    assertEquals(await talk.go(), []);
  }
  await endless.sent();
  endless.say("");
  assertEquals(ownLines(await endless.roundtrip()), [
    `-- A line has at most ${LINE_BYTES_MAX} bytes; that one was passed over.`,
  ]);
  endless.say("and on");
  assertEquals(ownLines(await endless.roundtrip()), []);
  assertEquals(await talk.go(), ["eve: and on"]);
});

Deno.test("half a line, and bytes one at a time, are said when they are whole", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using slow = await server.join("sam");
  await talk.go();
  for (const byte of new TextEncoder().encode("h\u{e9}llo \u{1f600}")) {
    slow.send(Uint8Array.of(byte));
    await slow.sent();
    assertEquals(await talk.go(), []);
  }
  slow.send("\n");
  await slow.sent();
  assertEquals(ownLines(await slow.roundtrip()), []);
  assertEquals(await talk.go(), ["sam: h\u{e9}llo \u{1f600}"]);
});

Deno.test("who resets in the middle of what is written to them is gone, and no more", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  for (let round = 0; round < 20; round++) {
    const rude = await RudeGuest.connect(server.port);
    for (let line = 0; line < 100; line++) rude.say(`/ping ${"x".repeat(8_000)}`);
    await talk.bob.until("-- guest1 joined.");
    await rude.reset();
    await talk.bob.until("-- guest1 left (connection lost).");
    await talk.go();
  }
});

Deno.test("who closes with bytes unread is gone, and no more", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  for (let round = 0; round < 20; round++) {
    await using deaf = await Guest.connectDeaf(server.port);
    for (let line = 0; line < 100; line++) deaf.say(`/ping ${"x".repeat(8_000)}`);
    await talk.bob.until("-- guest1 joined.");
    await deaf.close();
    await talk.bob.until(/^-- guest1 left/);
    await talk.go();
  }
});

Deno.test("a thousand who connect and close at once leave nothing behind", async () => {
  // The time in which somebody has to speak or be greeted does not pass, however busy the machine.
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await using server = await startTestServer();
    await using talk = await Talk.start(server);
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        conn.close();
      }));
      await talk.go();
    }
    for (let turn = 0; turn < 5_000 && server.connections > 2; turn++) await talk.go();
    assertEquals(talk.notices, [], "who never spoke and never stayed was never there");
    assertEquals(server.connections, 2);
    await using guest = await server.connect();
    guest.say("");
    await guest.expect(/ You are guest\d+ in #lobby, with ann and bob\.$/);
  } finally {
    mock.timers.reset();
  }
});

Deno.test("a thousand who are silent leave room for those who talk", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using stack = new AsyncDisposableStack();
  for (let round = 0; round < 20; round++) {
    const silent = await Promise.all(
      Array.from({ length: 50 }, () => Guest.connectDeaf(server.port)),
    );
    for (const guest of silent) stack.use(guest);
    await talk.go();
  }
  await using last = await server.join("last");
  await last.roundtrip();
  last.say("/who");
  assertMatch((await last.roundtrip()).join(""), /^-- \d+ in #lobby: /);
  await talk.go();
  assertEquals(server.connections, 1_003);
});

/** What may be in no byte of what one person has another see. */
const UNCLEAN =
  /(?!\n)\p{Cc}|[\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

const ATTACKS: readonly (readonly [what: string, bytes: string])[] = [
  ["C0", "a\x00b\x07c\x08d\x0be\x0cf\x0eg\x1fh\x7fi"],
  ["a carriage return over the name", "hello\rann: forged"],
  ["CSI", "\x1b[2J\x1b[1;1H\x1b[31mred\x1b[0m"],
  ["OSC", "\x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\y"],
  ["DCS", "\x1bP1$r0m\x1b\\z"],
  ["C1", "\u{9b}31m\u{85}x\u{90}q\u{9c}"],
  ["bidi", "abc\u{202e}txt.exe\u{202c}\u{2066}x\u{2069}\u{200f}\u{61c}"],
  ["zero width", "a\u{200b}n\u{2060}n\u{feff}"],
  ["line separators", "a\u{2028}-- forged\u{2029}-- forged"],
  ["tags", "a\u{e0041}\u{e0042}"],
];

const NOT_UTF8: readonly Uint8Array[] = [
  Uint8Array.of(0x61, 0xc0, 0xaf, 0x62),
  Uint8Array.of(0x61, 0xed, 0xa0, 0x80, 0x62),
  Uint8Array.of(0x61, 0xf4, 0x90, 0x80, 0x80, 0x62),
  Uint8Array.of(0x61, 0xe2, 0x82),
  Uint8Array.of(0x61, 0x80, 0x9b, 0x33, 0x31, 0x6d),
];

Deno.test("nothing that one sends can hurt another's terminal, whatever carries it", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using eve = await server.join("eve");
  await talk.bob.until(/ is now eve\.$/);
  const carriers = ["", "/me ", "/msg bob ", "/nick ", "/nick eve", "//", "/ping "];
  // Refused in the lobby, and repeated as little as possible.
  carriers.push("/topic ", "/join #", "/room ", "/report bob ", "/kick bob ", "/ban ", "/help ");
  carriers.push("/history before ", "/search ", "/search from:", "/ignore ", "/forget ", "/login ");
  for (const carrier of carriers) {
    for (const [what, text] of ATTACKS) {
      eve.say(carrier + text);
      const own = await eve.roundtrip();
      assert(!own.some((line) => UNCLEAN.test(line)), `${what} in ${carrier} came back`);
    }
    for (const bytes of NOT_UTF8) {
      eve.send(carrier);
      eve.send(bytes);
      eve.send("\n");
      await eve.roundtrip();
    }
  }
  const lines = await talk.bob.roundtrip();
  assert(lines.length > 60, "most of it was heard");
  // The bytes themselves: all of them UTF-8, none of them a control, each line begun by the server.
  const raw = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(talk.bob.received);
  assertNotMatch(raw, UNCLEAN);
  for (const line of lines) {
    assertMatch(line, /^(\S+: |\* \S+ |\[private\] \S+: |-- \S+ is now \S+\.$)/);
    assertNotMatch(line, /^(ann: |-- forged)/);
  }
});

Deno.test("who has a room of their own can hurt nobody's terminal from there either", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  await using eve = await server.join("eve");
  const { bob } = talk;
  await bob.until(/ is now eve\.$/);
  eve.say("/join #pit");
  await eve.until(/ you are its operator /);
  bob.say("/join #pit");
  await eve.expect("-- bob joined.");
  bob.say("/join #lobby");
  await bob.until(/^-- You are now in #lobby/);
  const own: string[] = [];
  for (const carrier of ["", "/me ", "/topic ", "/mute bob for 1m ", "/ban zed for 1m "]) {
    for (const [, text] of ATTACKS) eve.say(carrier + text);
    for (const bytes of NOT_UTF8) {
      eve.send(carrier);
      eve.send(bytes);
      eve.send("\n");
    }
  }
  for (const asked of ["/room", "/topic", "/rooms", "/bans", "/audit", "/history", "/search a*"]) {
    eve.say(asked);
  }
  own.push(...await eve.roundtrip());
  assert(own.length > 80, "most of it was answered");
  const lines = await bob.roundtrip();
  assert(lines.length > 45, "most of it was heard");
  for (const line of lines) {
    assertMatch(
      line,
      /^(\[#pit\] (eve: |\* eve )|-- \[#pit\] eve set the topic: |-- eve muted you in #pit: you may not talk for )/,
    );
  }
  // And who comes later is shown what was said.
  await using late = await server.connect();
  late.say("/join #pit");
  const shown = await late.roundtrip();
  assertEquals(shown.filter((line) => / eve set the topic: /.test(line)).length, 15);
  for (const { received } of [bob, eve, late]) {
    const raw = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(received);
    assertNotMatch(raw, UNCLEAN);
    assertNotMatch(raw, /^(-- |ann: )forged/m);
  }
});

Deno.test("what people of the world write arrives as they wrote it", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  const texts = [
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f} 1\u{fe0f}\u{20e3} \u{1f1e9}\u{1f1ea}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{4f60}\u{597d}\u{ff0c}\u{4e16}\u{754c} \u{3053}\u{3093}\u{306b}\u{3061}\u{306f} \u{c548}\u{b155}",
    "\u{645}\u{631}\u{62d}\u{628}\u{627} \u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
    "\u{5e9}\u{5c1}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}",
    "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947} \u{915}\u{94d}\u{200d}\u{937}",
    "e\u{301}\u{323} n\u{303} a\u{30a}",
  ];
  for (const text of texts) {
    talk.ann.say(text);
    await talk.bob.expect(`ann: ${text}`);
    talk.ann.say(`/me ${text}`);
    await talk.bob.expect(`* ann ${text}`);
    talk.ann.say(`/msg bob ${text}`);
    await talk.bob.expect(`[private] ann: ${text}`);
  }
});

/** One thing that a hostile peer does. */
type Move =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | { readonly type: "flood"; readonly line: string; readonly count: number }
  | { readonly type: "read" }
  | { readonly type: "end" };

const MOVE: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ type: fc.constant("send" as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({
    type: fc.constant("send" as const),
    bytes: fc.constantFrom(
      ...[
        REQUEST,
        "\r\0",
        "\n",
        "half a li",
        "/quit\n",
        "/who\n/help\n",
        "/nick zed\n/register hunter2hunter2\n",
        "/login zed hunter2hunter2\n",
        "/join #pit\n/topic x\n/room private\n",
        "/account delete hunter2hunter2\n/ghost\n",
        "/nick \u{202e}x\n",
        "\r\n\r\n",
      ],
      ...ATTACKS.map(([, text]) => text),
    ).map((text) => new TextEncoder().encode(text)),
  }),
  fc.record({
    type: fc.constant("send" as const),
    bytes: fc.constantFrom(TLS_HELLO, ...NOT_UTF8, Uint8Array.of(0xff, 0xfa, 0x1f, 0xff)),
  }),
  fc.record({
    type: fc.constant("flood" as const),
    line: fc.constantFrom(
      "\n",
      "x\n",
      "/who\n",
      "/nick ann\n",
      "/msg eve x\n",
      "/join #pit\nx\n/leave\n",
      "/history 500\n",
      "/search x\n",
      "/forget\n",
      "/kick server ann\n",
      "/ban server 127.0.0.1\n",
      "/report ann x\n",
      "//\n",
      "x".repeat(9_000),
    ),
    count: fc.integer({ min: 1, max: 60 }),
  }),
  fc.record({ type: fc.constant("read" as const) }),
  fc.record({ type: fc.constant("end" as const) }),
);

async function beHostile(port: number, moves: readonly Move[]): Promise<void> {
  await using peer = await Guest.connectDeaf(port);
  for (const move of moves) {
    switch (move.type) {
      case "send":
        peer.send(move.bytes);
        break;
      case "flood":
        peer.send(move.line.repeat(move.count));
        break;
      case "read":
        peer.read();
        break;
      case "end":
        await peer.endWriting();
        return;
    }
  }
  await peer.sent();
}

Deno.test("hundreds of hostile sessions at random, several at a time, hurt nobody", async () => {
  await using server = await startTestServer();
  await using talk = await Talk.start(server);
  const sessions = fc.array(fc.array(MOVE, { maxLength: 12 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sessions, async (all) => {
      await Promise.all([talk.go(), ...all.map((moves) => beHostile(server.port, moves))]);
      await talk.go();
    }),
    { numRuns: 80, endOnFailure: true },
  );
  const raw = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(talk.bob.received);
  assertNotMatch(raw, UNCLEAN);
});
