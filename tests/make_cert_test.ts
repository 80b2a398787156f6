// `make-cert`: what it reads, that it overwrites nothing and hides the key, and that
// strict programs take what it makes.

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { createServer } from "node:tls";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { withPrograms } from "./fixtures/machine.ts";
import { checkCertificate } from "../lib/certificate.ts";
import { connectToServer } from "../lib/client/server_link.ts";
import { Trust } from "../lib/client/trust.ts";
import { UsageError } from "../lib/errors.ts";
import { CERTIFICATE_DAYS_MAX } from "../lib/limits.ts";
import {
  formatMadeCert,
  type MadeCert,
  makeCertificate,
  type MakeCertRequest,
  readMakeCertRequest,
} from "../lib/make_cert.ts";
import { overTls } from "./fixtures/certificates.ts";
import { WAIT_MS } from "./terminal/fake_server.ts";

const DAY_MS = 86_400_000;

/** A certificate in a folder of its own. */
async function make(
  stack: AsyncDisposableStack,
  request: Partial<MakeCertRequest> = {},
): Promise<MadeCert & { readonly folder: string; readonly cert: string; readonly key: string }> {
  const folder = await Deno.makeTempDir({ prefix: "parley-make-cert-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const made = await makeCertificate({
    names: ["localhost", "127.0.0.1", "::1"],
    certFile: `${folder}/cert.pem`,
    keyFile: `${folder}/key.pem`,
    days: 30,
    ...request,
  });
  const cert = await Deno.readTextFile(made.certFile);
  return { ...made, folder, cert, key: await Deno.readTextFile(made.keyFile) };
}

Deno.test("readMakeCertRequest() reads the flags, and has a default for each", () => {
  assertEquals(readMakeCertRequest([]), {
    names: null,
    certFile: "parley-cert.pem",
    keyFile: "parley-key.pem",
    days: 825,
  });
  assertEquals(
    readMakeCertRequest([
      ...["--host", "Chat.Example,192.0.2.7", "--host=[::1],b\u00fccher.example,*.x.example"],
      ...["--cert", "c.pem", "--key", "k.pem", "--days", "7"],
    ]),
    {
      names: ["chat.example", "192.0.2.7", "::1", "xn--bcher-kva.example", "*.x.example"],
      certFile: "c.pem",
      keyFile: "k.pem",
      days: 7,
    },
  );
});

Deno.test("readMakeCertRequest() refuses in one line what it does not take", () => {
  const cases: readonly (readonly string[])[] = [
    ["host"],
    ["--hosts", "a"],
    ["--host"],
    ["--host", "a,,b"],
    ["--host", "two words"],
    ["--host", "http://a"],
    ["--host", "a:2023"],
    ["--host", "1.2.3.999"],
    ["--host", "-a-"],
    ["--host", "a".repeat(64)],
    ["--cert", ""],
    ["--cert", "a", "--cert", "b"],
    ["--days", "0"],
    ["--days", "1.5"],
    ["--days", `${CERTIFICATE_DAYS_MAX + 1}`],
  ];
  for (const args of cases) {
    const { message } = assertThrows(() => readMakeCertRequest(args), UsageError, "", `${args}`);
    assertMatch(message, /^[^\n]+[^.]$/);
  }
});

Deno.test("makeCertificate() makes a pair that a server can be started with", async () => {
  await using stack = new AsyncDisposableStack();
  const nowMs = Date.now();
  const made = await make(stack);
  const facts = checkCertificate(made, nowMs);
  assertEquals(facts.fingerprint, made.fingerprint);
  assertEquals(facts.untilMs, made.untilMs);
  assertEquals([facts.names[0], facts.names.length], ["localhost", 3]);
  assert(facts.isSelfSigned);
  assert(made.untilMs > nowMs + 29 * DAY_MS && made.untilMs <= nowMs + 30 * DAY_MS);
  // It is good for clocks that are slow.
  checkCertificate(made, nowMs - 30 * 60_000);
  if (Deno.build.os !== "windows") {
    assertEquals(((await Deno.stat(made.keyFile)).mode ?? 0) & 0o777, 0o600);
  }
  assertEquals([...Deno.readDirSync(made.folder)].length, 2);
});

Deno.test("makeCertificate() without names takes those of this machine", async () => {
  await using stack = new AsyncDisposableStack();
  const { names } = await make(stack, { names: null });
  assertEquals(names.slice(0, 3), ["localhost", "127.0.0.1", "::1"]);
  for (const { address } of Deno.networkInterfaces()) {
    assert(names.includes(address) || address.startsWith("fe80"), address);
  }
  assertEquals(new Set(names).size, names.length);
});

Deno.test("makeCertificate() overwrites nothing, and leaves nothing where it fails", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder, certFile, keyFile, cert, key } = await make(stack);
  const again = { names: ["localhost"], days: 1 };
  const other = `${folder}/other.pem`;
  const nowhere = `${folder}/none/x.pem`;
  const cases: readonly [certFile: string, keyFile: string, why: string][] = [
    [certFile, keyFile, "is there already"],
    [certFile, other, "is there already"],
    [other, keyFile, "is there already"],
    [other, other, "is there already"],
    [nowhere, other, "Cannot write"],
    [other, nowhere, "Cannot write"],
  ];
  for (const [toCert, toKey, why] of cases) {
    const { message } = await assertRejects(
      () => makeCertificate({ ...again, certFile: toCert, keyFile: toKey }),
      UsageError,
      why,
    );
    assertMatch(message, /^[^\n]+[^.]$/);
    assertEquals([...Deno.readDirSync(folder)].length, 2);
  }
  assertEquals(await Deno.readTextFile(certFile), cert);
  assertEquals(await Deno.readTextFile(keyFile), key);
});

Deno.test("a made certificate vouches for itself, to Deno, to Node and to the client", async () => {
  await using stack = new AsyncDisposableStack();
  const { cert, key, fingerprint } = await make(stack);
  const server = createServer({ cert, key }, (stream) => {
    stream.on("error", () => {});
    stream.end("hello\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    await once(server, "close");
  });
  const { port } = server.address() as AddressInfo;
  for (const hostname of ["localhost", "127.0.0.1"]) {
    using conn = await Deno.connectTls({ hostname, port, caCerts: [cert] });
    const buffer = new Uint8Array(16);
    const count = await deadline(conn.read(buffer), WAIT_MS);
    assertEquals(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), "hello\n");

    const trusting = { server: "it", memory: null };
    for (
      const trust of [
        new Trust({ ...trusting, fingerprint: null, authorities: cert }),
        new Trust({ ...trusting, fingerprint, authorities: null }),
      ]
    ) {
      await using link = await connectToServer({ hostname, port, isTls: true }, { trust });
      assertEquals(await Array.fromAsync(link.batches()), [["hello"]]);
    }
  }
});

Deno.test({
  ...overTls("a made certificate passes OpenSSL at its strictest"),
  async fn(): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const { certFile } = await make(stack);
    const { success, stdout, stderr } = await new Deno.Command("openssl", {
      args: [
        ["verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver"],
        ["-CAfile", certFile, "-verify_hostname", "localhost", certFile],
      ].flat(),
      stdin: "null",
    }).output();
    const printed = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assert(success, printed);
  },
});

Deno.test({
  ...withPrograms("a made certificate is enough for curl, by name and by address", "curl"),
  async fn(): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const { cert, key, certFile } = await make(stack);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} },
      () => new Response("hello"),
    );
    for (const host of ["localhost", "127.0.0.1"]) {
      const { stdout, stderr } = await new Deno.Command("curl", {
        args: ["--silent", "--show-error", "--cacert", certFile, "-4"].concat(
          `https://${host}:${server.addr.port}/`,
        ),
        stdin: "null",
      }).output();
      assertEquals(new TextDecoder().decode(stdout), "hello", new TextDecoder().decode(stderr));
    }
  },
});

Deno.test("formatMadeCert() tells what to type next", () => {
  const made: MadeCert = {
    names: ["localhost", "127.0.0.1", "fd00::1"],
    certFile: "my cert.pem",
    keyFile: "key.pem",
    fingerprint: "AB:CD",
    untilMs: Date.UTC(2029, 0, 31),
  };
  const programs = { server: "parley-server", client: "parley-client" };
  const text = formatMadeCert(made, programs);
  for (
    const part of [
      "localhost, 127.0.0.1, fd00::1; good until 2029-01-31.",
      "parley-server --host 0.0.0.0 --tls-cert 'my cert.pem' --tls-key key.pem\n",
      "parley-client [fd00::1] --fingerprint AB:CD\n",
    ]
  ) assert(text.includes(part), text);
  const local = formatMadeCert({ ...made, names: ["localhost"] }, programs);
  assert(local.includes("parley-client localhost --fingerprint AB:CD\n"), local);
});
