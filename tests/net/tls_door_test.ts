/**
 * The TLS door, with the programs that people use for it, with proxies, while its
 * certificate is replaced, and with peers that mean no good: those meet a door in
 * a process of its own, since what they try is to bring that down.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { once } from "node:events";
import { connect as connectTcp, type Socket as NodeStream } from "node:net";
import { mock } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { onUnix } from "../fixtures/machine.ts";
import { UsageError } from "../../lib/errors.ts";
import { CLOSE_LINGER_MS, TLS_HANDSHAKE_MS, TLS_HANDSHAKES_MAX } from "../../lib/limits.ts";
import { openTlsDoor, type TlsDoor, type TlsDoorOptions } from "../../lib/net/tls_door.ts";
import { NodeSocket } from "../../lib/node_socket.ts";
import type { Socket } from "../../lib/socket.ts";
import { overNcat, overTls, TestCertificate } from "../fixtures/certificates.ts";
import { bytesOf, joined, readAll, textOf, turns, until, within, writeAll } from "./sockets.ts";

const HINT =
  "-- This port speaks TLS: use ncat --ssl, openssl s_client, or the client with --tls.\n";
const LINE = bytesOf("PROXY TCP4 192.0.2.7 198.51.100.1 56324 2023\r\n");

/** A door that says back whatever it is told, and remembers who came. */
class EchoDoor implements AsyncDisposable {
  readonly door: TlsDoor;
  readonly certificate: TestCertificate;
  /** The addresses of those who got in. */
  readonly arrived: string[];
  /** Why others did not. */
  readonly rejected: string[];
  readonly #sockets: Set<Socket>;

  private constructor(
    door: TlsDoor,
    certificate: TestCertificate,
    seen: { arrived: string[]; rejected: string[]; sockets: Set<Socket> },
  ) {
    this.door = door;
    this.certificate = certificate;
    this.arrived = seen.arrived;
    this.rejected = seen.rejected;
    this.#sockets = seen.sockets;
  }

  static async open(options: Partial<TlsDoorOptions> = {}): Promise<EchoDoor> {
    const certificate = await TestCertificate.make();
    const seen = { arrived: [] as string[], rejected: [] as string[], sockets: new Set<Socket>() };
    const door = await openTlsDoor({
      hostname: "127.0.0.1",
      port: 0,
      certificate,
      onConnection: (socket, { address }) => {
        seen.arrived.push(address);
        seen.sockets.add(socket);
        echo(socket).finally(() => socket[Symbol.dispose]());
      },
      onRejected: (_address, why) => seen.rejected.push(why),
      onError: (error) => {
        throw error;
      },
      ...options,
    });
    return new EchoDoor(door, certificate, seen);
  }

  get port(): number {
    return this.door.address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.door.close(), "the door's end");
    for (const socket of this.#sockets) socket[Symbol.dispose]();
    await this.certificate[Symbol.asyncDispose]();
  }
}

async function echo(socket: Socket): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    for (;;) {
      const count = await socket.read(buffer);
      if (count === null) return await socket.closeWrite();
      await socket.write(buffer.subarray(0, count));
    }
  } catch {
    // The peer is gone.
  }
}

/** Somebody who speaks TLS, and is answered. */
class TlsGuest implements AsyncDisposable {
  readonly stream: TLSSocket;
  readonly #socket: NodeSocket;
  #text = "";

  constructor(stream: TLSSocket) {
    this.stream = stream;
    this.#socket = new NodeSocket(stream);
  }

  /**
   * Comes in.
   *
   * @param header What a proxy says before that.
   */
  static async connect(port: number, header?: Uint8Array): Promise<TlsGuest> {
    const tcp = connectTcp({ host: "127.0.0.1", port, allowHalfOpen: true });
    await within(once(tcp, "connect"), "a connection");
    if (header !== undefined) tcp.write(header);
    const stream = connectTls({ socket: tcp, rejectUnauthorized: false });
    await within(once(stream, "secureConnect"), "a handshake");
    return new TlsGuest(stream);
  }

  /** SHA-256 of the certificate that the server presented. */
  get fingerprint(): string {
    return this.stream.getPeerCertificate().fingerprint256;
  }

  /** Sends a line, and gives the one that comes back. */
  async ask(line: string): Promise<string> {
    await within(this.#socket.write(bytesOf(`${line}\n`)), "a write");
    const buffer = new Uint8Array(256);
    while (!this.#text.includes("\n")) {
      const count = await within(this.#socket.read(buffer), `the answer to "${line}"`);
      if (count === null) throw new Error(`The connection ended before the answer to "${line}"`);
      this.#text += textOf(buffer.subarray(0, count));
    }
    const [first = "", ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    return first;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket[Symbol.dispose]();
    await until("a guest's end", () => this.stream.closed);
  }
}

/** Runs a program with some input, and gives what it wrote and how it ended. */
async function run(
  program: string,
  args: readonly string[],
  input: string,
): Promise<{ stdout: string; stderr: string; success: boolean }> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // It may have ended already, having refused to speak.
  await writer.write(bytesOf(input)).catch(() => {});
  // The answer comes before the end of the input does, or the program may not wait for it.
  const reader = child.stdout.getReader();
  const first = await within(reader.read(), `the output of ${program}`);
  await writer.close().catch(() => {});
  let stdout = textOf(first.value ?? new Uint8Array(0));
  for (let isDone = first.done; !isDone;) {
    const { done, value } = await within(reader.read(), `the end of ${program}`);
    isDone = done;
    if (value !== undefined) stdout += textOf(value);
  }
  const [stderr, { success }] = await within(
    Promise.all([new Response(child.stderr).text(), child.status]),
    `the end of ${program}`,
  );
  return { stdout, stderr, success };
}

for (const version of ["1.2", "1.3"]) {
  Deno.test(overTls(`openssl s_client comes in with TLS ${version}`), async () => {
    await using door = await EchoDoor.open();
    const flag = `-tls${version.replace(".", "_")}`;
    const args = ["s_client", flag, "-brief", "-no_ign_eof", "-connect", `127.0.0.1:${door.port}`];
    const { stdout, stderr } = await run("openssl", args, "hello\n");
    assertEquals(stdout, "hello\n");
    assertMatch(stderr, new RegExp(`Protocol version: TLSv${version.replace(".", "\\.")}\n`));
    assertEquals(door.arrived, ["127.0.0.1"]);
    assertEquals(door.rejected, []);
  });
}

Deno.test(overTls("an older TLS is refused in its own words"), async () => {
  await using door = await EchoDoor.open();
  // Openssl itself speaks no older TLS unless its level of security is lowered.
  const args = ["s_client", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-brief"];
  const { stderr, success } = await run(
    "openssl",
    [...args, "-connect", `127.0.0.1:${door.port}`],
    "hello\n",
  );
  assert(!success);
  assertMatch(stderr, /alert/);
  assertEquals(door.arrived, []);
  assertEquals(door.rejected.length, 1);
});

Deno.test(
  overNcat("ncat --ssl comes in, and with --ssl-verify where it knows the certificate"),
  async () => {
    await using door = await EchoDoor.open();
    const { port, certificate } = door;
    const trust = ["--ssl-verify", "--ssl-trustfile", certificate.certFile];
    for (const args of [["--ssl", "127.0.0.1"], [...trust, "localhost"]]) {
      const { stdout } = await run("ncat", ["-4", ...args, `${port}`], "hello\n");
      assertEquals(stdout, "hello\n");
    }
    assertEquals(door.arrived, ["127.0.0.1", "127.0.0.1"]);
  },
);

Deno.test(overNcat("ncat --ssl-verify refuses a certificate that is another's"), async () => {
  await using door = await EchoDoor.open();
  await using other = await TestCertificate.make();
  const trust = ["--ssl-verify", "--ssl-trustfile", other.certFile];
  const args = ["-4", ...trust, "localhost", `${door.port}`];
  assert(!(await run("ncat", args, "hello\n")).success);
  await until("the door's word", () => door.rejected.length === 1);
  assertEquals(door.arrived, []);
});

for (
  const [who, says, why] of [
    ["somebody on nc", "hello?\n", "it spoke plain text"],
    ["a browser without TLS", "GET / HTTP/1.1\r\n\r\n", "it spoke plain text"],
    [
      "a proxy that is not expected",
      textOf(LINE),
      "it sent a PROXY header, but none is expected from its address",
    ],
  ] as const
) {
  Deno.test(overTls(`${who} is told what is spoken here`), async () => {
    await using door = await EchoDoor.open();
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: door.port });
    await writeAll(conn, bytesOf(says));
    assertEquals(textOf(await readAll(conn)), HINT);
    assertEquals(door.rejected, [why]);
  });
}

Deno.test(overTls("who has ended their side already is told, too"), async () => {
  await using door = await EchoDoor.open();
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: door.port });
  await writeAll(conn, bytesOf("hello?\n"));
  await conn.closeWrite();
  assertEquals(textOf(await readAll(conn)), HINT);
});

Deno.test(
  overTls("the silent and the stalled are cut at the deadline, and not before"),
  async () => {
    // The certificate is good now, and the deadline a matter of both clocks.
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
    try {
      await using door = await EchoDoor.open();
      using silent = await Deno.connect({ hostname: "127.0.0.1", port: door.port });
      using stalled = await Deno.connect({ hostname: "127.0.0.1", port: door.port });
      await writeAll(stalled, Uint8Array.from([0x16, 3, 1, 2, 0, 1]));
      await using guest = await TlsGuest.connect(door.port);
      assertEquals(await guest.ask("one"), "one");
      await until("two arrivals", () => door.door.handshakes === 2);
      mock.timers.tick(TLS_HANDSHAKE_MS - 1);
      assertEquals(await guest.ask("two"), "two");
      assertEquals(door.rejected, []);
      // To the next step of shared timers.
      mock.timers.tick(20);
      assertEquals(textOf(await readAll(silent)), HINT);
      assertEquals((await readAll(stalled)).length, 0);
      assertEquals(door.rejected.toSorted(), ["it said nothing", "its handshake took too long"]);
      // The silent one has not closed: it is not waited for.
      mock.timers.tick(CLOSE_LINGER_MS + 20);
      await until("an empty door", () => door.door.handshakes === 0);
      assertEquals(await guest.ask("three"), "three");
    } finally {
      mock.timers.reset();
    }
  },
);

Deno.test(overTls("where a proxy is expected, the address is the one that it names"), async () => {
  await using door = await EchoDoor.open({
    readsProxyHeader: (address) => address === "127.0.0.1",
  });
  const BINARY = Uint8Array.from([
    ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12],
    ...[198, 51, 100, 9, 198, 51, 100, 1, 0xdb, 0xf4, 0x07, 0xe7],
  ]);
  for (const header of [LINE, BINARY]) {
    await using guest = await TlsGuest.connect(door.port, header);
    assertEquals(await guest.ask("hello"), "hello");
  }
  assertEquals(door.arrived, ["192.0.2.7", "198.51.100.9"]);
});

Deno.test(overTls("where a proxy is expected, who sends no header is cut"), async () => {
  await using door = await EchoDoor.open({ readsProxyHeader: () => true });
  for (const says of [bytesOf("hello?\n"), Uint8Array.from([0x16, 3, 1, 2, 0, 1])]) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: door.port });
    await writeAll(conn, says);
    // Nothing of what it sent was read to the end, so this may be a reset.
    assertEquals((await readAll(conn).catch(() => [])).length, 0);
  }
  const why = "it should have sent a PROXY header: it begins with something else";
  assertEquals(door.rejected, [why, why]);
});

Deno.test(
  overTls("a certificate is replaced while hundreds talk, and nobody notices"),
  async () => {
    await using door = await EchoDoor.open();
    await using second = await TestCertificate.make();
    await using third = await TestCertificate.make();
    await using stack = new AsyncDisposableStack();
    const guests: TlsGuest[] = [];
    while (guests.length < 500) guests.push(stack.use(await TlsGuest.connect(door.port)));
    let answered = 0;
    let isOver = false;
    const talks = guests.map(async (guest, index) => {
      for (let at = 0; !isOver; at++) {
        // The one line that comes back is this one: none was lost, none came twice.
        const line = `line ${at} of guest ${index}`;
        assertEquals(await guest.ask(line), line);
        answered++;
        // They leave the process time for who comes in: both ends are in this one.
        await turns(20);
      }
    });
    /** Waits until everybody may have been answered once more. */
    const talkOn = (): Promise<void> => {
      const enough = answered + 2 * guests.length;
      return until(`${enough} answers`, () => answered >= enough);
    };
    const fingerprints: string[] = [];
    const look = async (): Promise<void> => {
      await talkOn();
      await using guest = await TlsGuest.connect(door.port);
      assertEquals(await guest.ask("new here"), "new here");
      fingerprints.push(guest.fingerprint);
    };
    const replacing = async (): Promise<void> => {
      try {
        await look();
        for (const certificate of [second, third]) {
          door.door.replaceCertificate(certificate);
          await look();
        }
        await talkOn();
      } finally {
        isOver = true;
      }
    };
    await Promise.all([...talks, replacing()]);
    assertEquals(fingerprints, [
      door.certificate.fingerprint,
      second.fingerprint,
      third.fingerprint,
    ]);
    assertNotEquals(second.fingerprint, third.fingerprint);
    assertEquals(door.rejected, []);
  },
);

Deno.test(overTls("a pair that does not fit is refused, and the one before stays"), async () => {
  await using door = await EchoDoor.open();
  await using other = await TestCertificate.make();
  const { cert, key } = door.certificate;
  for (
    const pair of [{ cert, key: other.key }, { cert: "no certificate", key }, { cert, key: "" }]
  ) {
    assertThrows(() => door.door.replaceCertificate(pair), UsageError);
    await assertRejects(() => EchoDoor.open({ certificate: pair }), UsageError);
  }
  await using guest = await TlsGuest.connect(door.port);
  assertEquals(guest.fingerprint, door.certificate.fingerprint);
});

Deno.test(
  overTls("a door that closes cuts who is not in yet, and leaves the others alone"),
  async () => {
    await using door = await EchoDoor.open();
    const { port } = door;
    await using guest = await TlsGuest.connect(port);
    using half = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(half, Uint8Array.from([0x16, 3, 1]));
    await until("its arrival", () => door.door.handshakes === 1);
    await within(Promise.all([door.door.close(), door.door.close()]), "the door's end");
    assertEquals(door.rejected, ["the server is stopping"]);
    assertEquals((await readAll(half).catch(() => [])).length, 0);
    assertEquals(await guest.ask("still here"), "still here");
    await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port }));
  },
);

Deno.test(overTls("a port that is taken is told of as such"), async () => {
  await using door = await EchoDoor.open();
  await assertRejects(() => EchoDoor.open({ port: door.port }), Deno.errors.AddrInUse);
});

/** A door in a process of its own. */
class DoorProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;
  readonly #errors: Promise<string>;

  private constructor(
    child: Deno.ChildProcess,
    output: ReadableStreamDefaultReader<Uint8Array>,
    port: number,
  ) {
    this.port = port;
    this.#child = child;
    this.#output = output;
    this.#errors = new Response(child.stderr).text();
  }

  /** Starts one; `prefix` is a command that takes it as its last arguments. */
  static async start(
    certificate: TestCertificate,
    options: { args?: readonly string[]; prefix?: readonly string[] } = {},
  ): Promise<DoorProcess> {
    const [program = "", ...args] = [
      ...(options.prefix ?? []),
      ...[Deno.execPath(), "run", "--no-prompt", "--quiet", "--allow-net", "--allow-read"],
      new URL("../fixtures/tls_echo.ts", import.meta.url).pathname,
      ...[certificate.certFile, certificate.keyFile, ...(options.args ?? [])],
    ];
    const child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.stdout.getReader();
    const { value } = await within(output.read(), "the port of the door");
    return new DoorProcess(child, output, Number(textOf(value ?? new Uint8Array(0))));
  }

  /** Ends it: what it counted. Fails where it had died. */
  async stop(): Promise<{ handshakes: number; rejected: Record<string, number> }> {
    await this.#child.stdin.close().catch(() => {});
    const { value } = await within(this.#output.read(), "what the door counted");
    const [errors, { success }] = await within(
      Promise.all([this.#errors, this.#child.status]),
      "the end of the door's process",
    );
    assertEquals(errors, "");
    assert(success && value !== undefined);
    return JSON.parse(textOf(value));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await this.#output.cancel();
    await within(
      Promise.all([this.#errors, this.#child.status]),
      "the end of the door's process",
    );
  }
}

/** Chance, from a seed that a failure shows. */
class Chance {
  readonly seed = Math.floor(Math.random() * 2 ** 32);
  #state = this.seed;

  /** Less than `bound`. */
  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor(this.#state / 2 ** 32 * bound);
  }

  /** One of these. */
  one<T>(...items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(length).map(() => this.below(256));
  }
}

/** The first bytes of a handshake, as a client sends them. */
async function recordClientHello(): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = connectTls({ host: "127.0.0.1", port: listener.addr.port });
  client.on("error", () => {});
  using conn = await within(listener.accept(), "a client");
  const buffer = new Uint8Array(4096);
  const count = await within(conn.read(buffer), "its hello");
  client.destroy();
  await until("its end", () => client.closed);
  return buffer.slice(0, count ?? 0);
}

/** How a hostile peer leaves. */
type Leave = "end" | "reset" | "vanish";

/** Sends bytes in some pieces, and leaves. */
async function assail(port: number, pieces: readonly Uint8Array[], leave: Leave): Promise<void> {
  const stream = connectTcp({ host: "127.0.0.1", port, noDelay: true });
  // Whatever the door does is right, as long as it lives.
  stream.on("error", () => {});
  stream.resume();
  await within(once(stream, "connect"), "a connection");
  for (const piece of pieces) await new Promise((resolve) => stream.write(piece, resolve));
  if (leave === "reset") stream.resetAndDestroy();
  else if (leave === "vanish") stream.destroy();
  else stream.end();
  // The door closes what has ended.
  await until("a hostile peer's end", () => stream.closed);
}

/** Bytes cut at some places, or at every byte of their beginning. */
function cut(bytes: Uint8Array, chance: Chance): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const step = chance.one(bytes.length, 1, 2 + chance.below(2 + bytes.length / 4));
  let at = 0;
  for (; at < bytes.length && pieces.length < 20; at += step) {
    pieces.push(bytes.subarray(at, at + step));
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at));
  return pieces;
}

/** Comes in as anybody does, and breaks the protocol then. */
async function assailFromWithin(
  port: number,
  header: Uint8Array,
  garbage: Uint8Array,
  leave: Leave,
): Promise<void> {
  const tcp: NodeStream = connectTcp({ host: "127.0.0.1", port, noDelay: true });
  await within(once(tcp, "connect"), "a connection");
  tcp.write(header);
  const stream = connectTls({ socket: tcp, rejectUnauthorized: false });
  stream.on("error", () => {});
  stream.resume();
  await within(once(stream, "secureConnect"), "a handshake");
  stream.write("hello\n");
  await new Promise((resolve) => tcp.write(garbage, resolve));
  if (leave === "reset") tcp.resetAndDestroy();
  else if (leave === "vanish") tcp.destroy();
  else tcp.end();
  await until("a hostile peer's end", () => tcp.closed && stream.closed);
}

for (const mode of ["direct", "proxied"]) {
  Deno.test(overTls(`no peer brings a door down, and none keeps others out: ${mode}`), async () => {
    await using certificate = await TestCertificate.make();
    await using door = await DoorProcess.start(certificate, { args: [mode] });
    const { port } = door;
    const chance = new Chance();
    const header = mode === "proxied" ? LINE : new Uint8Array(0);
    const hello = await recordClientHello();
    const whole = joined([header, hello]);
    const leave = (): Leave => chance.one<Leave>("end", "reset", "vanish");
    const mutated = (): Uint8Array => {
      const bytes = hello.slice();
      for (let count = 1 + chance.below(4); count > 0; count--) {
        bytes[chance.below(bytes.length)] = chance.below(256);
      }
      return joined([header, bytes, chance.bytes(chance.below(50))]);
    };
    const attacks: (() => Promise<void>)[] = [];
    for (let at = 0; at <= whole.length; at++) {
      attacks.push(() => assail(port, [whole.slice(0, at)], leave()));
    }
    for (let round = 0; round < 40; round++) {
      const record = Uint8Array.from([0x16, 3, 1, chance.below(256), chance.below(256)]);
      attacks.push(
        () => assail(port, cut(chance.bytes(1 + chance.below(3000)), chance), leave()),
        () => assail(port, cut(joined([header, record, chance.bytes(999)]), chance), leave()),
        () => assail(port, cut(joined([whole, chance.bytes(999)]), chance), leave()),
        () => assail(port, cut(joined([whole, hello]), chance), leave()),
        () => assail(port, cut(mutated(), chance), leave()),
        // More than one read of the system's.
        () => assail(port, [joined([header, record, chance.bytes(150_000)])], leave()),
        () => assailFromWithin(port, header, chance.bytes(chance.below(2000)), leave()),
        () => assailFromWithin(port, header, hello, leave()),
      );
    }
    try {
      const visit = async (): Promise<void> => {
        await using guest = await TlsGuest.connect(port, header);
        assertEquals(await guest.ask("hello"), "hello");
      };
      const work = async (): Promise<void> => {
        for (let attack = attacks.pop(); attack !== undefined; attack = attacks.pop()) {
          await attack();
          if (attacks.length % 100 === 0) await visit();
        }
      };
      await Promise.all(new Array(8).fill(null).map(work));

      // More than may be unfinished at once, none of which is cut by its deadline yet.
      const tooMany = 76;
      const stalled: Deno.TcpConn[] = [];
      try {
        for (let at = 0; at < TLS_HANDSHAKES_MAX + tooMany; at++) {
          const conn = await Deno.connect({ hostname: "127.0.0.1", port });
          stalled.push(conn);
          await conn.write(whole.slice(0, 1 + at % (whole.length - 1)));
        }
        await visit();
      } finally {
        for (const conn of stalled) conn.close();
      }
      await visit();
      const { handshakes, rejected } = await door.stop();
      assertEquals(handshakes, 0);
      const cutOff = rejected["too many handshakes at once, of which this was the oldest"] ?? 0;
      assert(cutOff >= tooMany && cutOff <= tooMany + 8, `${cutOff} were cut off`);
    } catch (error) {
      throw new Error(`With the seed ${chance.seed}`, { cause: error });
    }
  });
}

Deno.test(
  onUnix(overTls("a door that ran out of files lets people in once there are some again")),
  async () => {
    await using certificate = await TestCertificate.make();
    await using door = await DoorProcess.start(certificate, {
      prefix: ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"],
    });
    const conns: Deno.TcpConn[] = [];
    // The kernel takes them all; the process gets to some eighty.
    while (conns.length < 150) {
      conns.push(await Deno.connect({ hostname: "127.0.0.1", port: door.port }));
    }
    await writeAll(conns[0] ?? fail(), bytesOf("hello?\n"));
    assertEquals(textOf(await readAll(conns[0] ?? fail())), HINT);
    for (const conn of conns) conn.close();
    await using guest = await TlsGuest.connect(door.port);
    assertEquals(await guest.ask("hello"), "hello");
    assertEquals((await door.stop()).handshakes, 0);
  },
);

function fail(): never {
  throw new Error("There is none");
}
