// What is known of a certificate, and which ones a server is not started with.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkAuthorities, checkCertificate, fingerprintOf } from "../lib/certificate.ts";
import { UsageError } from "../lib/errors.ts";
import { parseFingerprint } from "../lib/fingerprint.ts";
import { TestAuthority } from "./client/tls_front.ts";
import { overTls, TestCertificate } from "./fixtures/certificates.ts";

const DAY_MS = 86_400_000;

/** Runs OpenSSL, and returns what it prints. */
async function openssl(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", { args, stdin: "null" })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  ...overTls("fingerprintOf() is what OpenSSL prints, of PEM and of DER"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    const printed = await openssl(
      ...["x509", "-in", certificate.certFile, "-noout", "-fingerprint", "-sha256"],
    );
    assertEquals(fingerprintOf(certificate.cert), parseFingerprint(printed));
    assertEquals(printed.trim().split("=")[1], fingerprintOf(certificate.cert));
    const base64 = certificate.cert.replaceAll(/-----[^-]+-----|\s/g, "");
    assertEquals(fingerprintOf(Uint8Array.fromBase64(base64)), fingerprintOf(certificate.cert));
    const { cert } = await (await TestAuthority.make()).issue();
    assertEquals(fingerprintOf(`${certificate.cert}\n${cert}`), fingerprintOf(certificate.cert));
  },
});

Deno.test({
  ...overTls("checkCertificate() tells what a certificate is for, until when, and by whom"),
  async fn(): Promise<void> {
    const names = ["chat.example", "*.chat.example", "192.0.2.7", "::1"];
    await using certificate = await TestCertificate.make({ names, days: 30 });
    const nowMs = Date.now();
    const facts = checkCertificate(certificate, nowMs);
    assertEquals(facts.names.slice(0, 3), names.slice(0, 3));
    assertEquals(facts.names.length, names.length);
    assertEquals(facts.fingerprint, certificate.fingerprint);
    assert(facts.isSelfSigned);
    assert(Math.abs(facts.untilMs - nowMs - 30 * DAY_MS) < DAY_MS);

    const authority = await TestAuthority.make();
    const issued = await authority.issue();
    const chained = { ...issued, cert: `${issued.cert}\n${authority.cert}\n` };
    assert(!checkCertificate(chained, nowMs).isSelfSigned);
    assertEquals(checkCertificate(chained, nowMs).fingerprint, fingerprintOf(issued.cert));
  },
});

Deno.test({
  ...overTls("checkCertificate() takes the keys that servers have, and says which fit"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    const { folder } = certificate;
    const kinds = [["rsa:2048"], ["ed25519"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]];
    for (const kind of kinds) {
      const [certFile, keyFile] = [`${folder}/other.pem`, `${folder}/other-key.pem`];
      await openssl(
        ...["req", "-x509", "-nodes", "-subj", "/CN=localhost", "-newkey"],
        ...[...kind, "-keyout", keyFile, "-out", certFile],
      );
      const cert = await Deno.readTextFile(certFile);
      const key = await Deno.readTextFile(keyFile);
      assert(checkCertificate({ cert, key }, Date.now()).isSelfSigned, kind.join(" "));
      assertThrows(
        () => checkCertificate({ cert, key: certificate.key }, Date.now()),
        UsageError,
        "does not belong",
      );
    }
  },
});

Deno.test({
  ...overTls("checkCertificate() refuses keys with which no handshake would succeed"),
  async fn(): Promise<void> {
    const curve = (name: string): string[] => ["ec", "-pkeyopt", `ec_paramgen_curve:${name}`];
    const cases: readonly [kind: readonly string[], name: string][] = [
      [["rsa:1024"], "rsa 1024"],
      [["rsa:2040"], "rsa 2040"],
      [["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], "rsa-pss 2048"],
      [curve("secp256k1"), "ec secp256k1"],
      [curve("P-224"), "ec secp224r1"],
      [curve("P-521"), "ec secp521r1"],
      [["ed448"], "ed448"],
    ];
    await using good = await TestCertificate.make();
    const nowMs = Date.now();
    for (const [kind, name] of cases) {
      const [keyFile, certFile] = [`${good.folder}/other-key.pem`, `${good.folder}/other.pem`];
      await openssl(
        ...["req", "-x509", "-newkey", ...kind, "-nodes", "-keyout", keyFile, "-out", certFile],
        ...["-subj", "/CN=localhost"],
      );
      const [key, cert] = [await Deno.readTextFile(keyFile), await Deno.readTextFile(certFile)];
      const { message } = assertThrows(() => checkCertificate({ cert, key }, nowMs), UsageError);
      assertEquals(
        message,
        `${name} keys are not served: use ECDSA on P-256 or P-384, RSA of 2048 to 4096 bits, ` +
          "or Ed25519",
      );
      assertThrows(() => checkCertificate({ cert, key: good.key }, nowMs), UsageError, "belong");
    }
  },
});

Deno.test({
  ...overTls("checkCertificate() refuses in one line, which has nothing of the key in it"),
  async fn(): Promise<void> {
    await using certificate = await TestCertificate.make();
    const { cert, key, folder } = certificate;
    const locked = `${folder}/locked.pem`;
    await openssl(
      ...["pkcs8", "-topk8", "-in", certificate.keyFile, "-out", locked, "-passout", "pass:open"],
    );
    const oldLocked = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" +
      key.split("\n").slice(1).join("\n");
    const body = key.split("\n")[1] ?? "";
    const damaged = (pem: string): string => pem.replace(/\n(.{20})/, "\nAAAA");
    const nowMs = Date.now();
    const cases: readonly [cert: string, key: string, atMs: number, why: string][] = [
      ["", key, nowMs, "no certificate in PEM"],
      [key, cert, nowMs, "no certificate in PEM"],
      [damaged(cert), key, nowMs, "damaged"],
      [`${cert}\n${damaged(cert)}`, key, nowMs, "damaged"],
      [cert, "", nowMs, "no private key"],
      [cert, damaged(key), nowMs, "no private key"],
      [cert, await Deno.readTextFile(locked), nowMs, "encrypted"],
      [cert, oldLocked, nowMs, "encrypted"],
      [cert, key, nowMs + 31 * DAY_MS, "has expired"],
      [cert, key, nowMs - 2 * DAY_MS, "not good before"],
    ];
    for (const [certText, keyText, atMs, why] of cases) {
      const error = assertThrows(
        () => checkCertificate({ cert: certText, key: keyText }, atMs),
        UsageError,
        why,
      );
      assert(!/\n/.test(error.message), error.message);
      assert(!Deno.inspect(error).includes(body.slice(4, 24)));
    }
  },
});

Deno.test("checkAuthorities() takes one certificate or more, and nothing damaged", async () => {
  const [one, other] = [await TestAuthority.make(), await TestAuthority.make()];
  checkAuthorities(one.cert);
  checkAuthorities(`# Ours\n${one.cert}\n${other.cert}\n`);
  assertThrows(() => checkAuthorities(""), UsageError, "no certificate");
  const damaged = other.cert.replace(/\n.{8}/, "\nAAAAAAAA");
  assertThrows(() => checkAuthorities(`${one.cert}\n${damaged}`), UsageError, "damaged");
});
