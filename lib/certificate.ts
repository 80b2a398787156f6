/**
 * A certificate of this server's, with its key.
 *
 * It is looked at with `node:crypto`, which takes a start some 25 ms: whoever
 * may not need it imports this file only then.
 * Must not know: where it is kept, who presents it.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { UsageError } from "./errors.ts";

/** What a server proves its name with. */
export interface Certificate {
  /** The certificate and those that vouch for it, in PEM. */
  readonly cert: string;
  /** Its private key, in PEM. */
  readonly key: string;
}

/** What there is to know of a certificate. */
export interface CertificateFacts {
  /** The hosts and addresses that it is for. */
  readonly names: readonly string[];
  /** When it ends, in epoch milliseconds. */
  readonly untilMs: number;
  /** See {@linkcode fingerprintOf}. */
  readonly fingerprint: string;
  /** Whether nobody else vouches for it. */
  readonly isSelfSigned: boolean;
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it:
 * pairs of upper-case digits with colons between them.
 *
 * @param certificate In PEM, of which the first counts, or DER.
 * @throws {UsageError} If it is none.
 */
export function fingerprintOf(certificate: string | Uint8Array): string {
  const [leaf] = typeof certificate === "string" ? readChain(certificate) : [read(certificate)];
  return leaf.fingerprint256;
}

/**
 * Looks whether a server can be started with a certificate.
 *
 * @param nowMs When it is to be good, in epoch milliseconds.
 * @throws {UsageError} If it cannot be read, is not good at that time, or the key is another's or of
 *   a kind with which every handshake would fail; the message has nothing of the key in it.
 */
export function checkCertificate(certificate: Certificate, nowMs: number): CertificateFacts {
  const [leaf] = readChain(certificate.cert);
  const key = readKey(certificate.key);
  if (!isServed(key)) throw new UsageError(`${nameOf(key)} keys are not served: ${SERVED_KEYS}`);
  if (!belongs(key, leaf)) throw new UsageError("The key does not belong to the certificate");
  const [fromMs, untilMs] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  if (nowMs >= untilMs) {
    throw new UsageError(`The certificate has expired: it was good until ${formatDay(untilMs)}`);
  }
  if (nowMs < fromMs) {
    throw new UsageError(`The certificate is not good before ${formatDay(fromMs)}`);
  }
  return {
    names: namesOf(leaf),
    untilMs,
    fingerprint: leaf.fingerprint256,
    isSelfSigned: leaf.subject === leaf.issuer && leaf.verify(leaf.publicKey),
  };
}

/**
 * Looks whether a text holds certificates to vouch for others.
 *
 * @throws {UsageError} If there is none in it, or one that cannot be read.
 */
export function checkAuthorities(pem: string): void {
  readChain(pem);
}

/** The one that is presented, and those that vouch for it. */
function readChain(pem: string): readonly [X509Certificate, ...X509Certificate[]] {
  const [leaf, ...others] = (pem.match(PEM_BLOCK) ?? []).map(read);
  if (leaf === undefined) {
    throw new UsageError("There is no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  return [leaf, ...others];
}

function read(certificate: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (error) {
    throw new UsageError("The certificate is damaged", { cause: error });
  }
}

function readKey(pem: string): KeyObject {
  if (/-----BEGIN ENCRYPTED|ENCRYPTED$/m.test(pem)) {
    throw new UsageError("The key is encrypted: it is wanted without a password");
  }
  try {
    return createPrivateKey(pem);
  } catch {
    // Without the cause: nobody knows how much of the key it tells.
    throw new UsageError("There is no private key in PEM form that can be used");
  }
}

/** Bits of an RSA key: Deno 2.9.6 signs with none that is shorter, and reads none that is longer. */
const RSA_BITS = { min: 2048, max: 4096 };

/** Curves of an ECDSA key. Deno 2.9.6 signs on P-521 as well, but cannot tell whose key it is. */
const CURVES = ["prime256v1", "secp384r1"];

const SERVED_KEYS =
  `use ECDSA on P-256 or P-384, RSA of ${RSA_BITS.min} to ${RSA_BITS.max} bits, ` +
  "or Ed25519";

/** Whether the runtime can prove with a key who it is: others fail at each handshake, not before. */
function isServed({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails ?? {};
  switch (asymmetricKeyType) {
    case "rsa":
      return modulusLength >= RSA_BITS.min && modulusLength <= RSA_BITS.max;
    case "ec":
      return CURVES.includes(namedCurve);
    default:
      return asymmetricKeyType === "ed25519";
  }
}

/** What kind a key is of: `rsa 1024`, `ec secp256k1`, `ed448`. */
function nameOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { modulusLength, namedCurve } = asymmetricKeyDetails ?? {};
  return `${asymmetricKeyType} ${modulusLength ?? namedCurve ?? ""}`.trimEnd();
}

function belongs(key: KeyObject, leaf: X509Certificate): boolean {
  try {
    return leaf.checkPrivateKey(key);
  } catch {
    // Its own key is of a kind that the runtime cannot read, which this one is not.
    return false;
  }
}

/** `DNS:localhost, IP Address:127.0.0.1` and the like; what is neither is of no use here. */
function namesOf({ subjectAltName }: X509Certificate): string[] {
  const names = (subjectAltName ?? "").matchAll(/(?:^|, )(?:DNS|IP Address):([^,]+)/g);
  return [...names].map(([, name = ""]) => name);
}

function formatDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
