/**
 * TLS in front of a server that speaks plain text, and certificates of an
 * authority that a test has to itself.
 */

import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, type Socket as Stream } from "node:net";
import { createServer, type Server } from "node:tls";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { deadline } from "@std/async/deadline";
import type { Certificate } from "../../lib/certificate.ts";
import { WAIT_MS } from "../terminal/fake_server.ts";

const DAY_MS = 86_400_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Ends TLS, and passes what is inside on to a port. */
export class TlsFront implements AsyncDisposable {
  readonly #server: Server;
  readonly #streams = new Set<Stream>();
  /** Bytes of the clients' that were inside TLS. */
  received = 0;

  /** Passes it on to `targetPort` on this machine, or swallows it, where that is null. */
  constructor(certificate: Certificate, targetPort: number | null) {
    const { cert, key } = certificate;
    this.#server = createServer({ cert, key, allowHalfOpen: true }, (stream) => {
      this.#keep(stream);
      const count = (bytes: Buffer): void => void (this.received += bytes.length);
      if (targetPort === null) {
        stream.on("data", count);
        stream.on("end", () => stream.end());
        return;
      }
      // Who goes away without a word is not seen behind it.
      stream.once("readable", () => {
        if (stream.readableLength === 0) {
          stream.destroy();
          return;
        }
        const inner = connect({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true });
        this.#keep(inner);
        stream.on("data", count);
        stream.pipe(inner);
        inner.pipe(stream);
        stream.on("close", () => inner.destroy());
        inner.on("close", () => stream.end());
      });
    });
    this.#server.on("connection", (stream: Stream) => this.#keep(stream));
    // Who does not like the certificate goes away.
    this.#server.on("tlsClientError", () => {});
  }

  /** Starts one on a free port. */
  static async start(certificate: Certificate, targetPort: number | null): Promise<TlsFront> {
    const front = new TlsFront(certificate, targetPort);
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    return front;
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `tls://127.0.0.1:PORT`. */
  get address(): string {
    return `tls://127.0.0.1:${this.port}`;
  }

  /** Presents another certificate from now on. */
  replace({ cert, key }: Certificate): void {
    this.#server.setSecureContext({ cert, key });
  }

  /** Cuts all connections. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  /** Waits until no connection is left: `received` is all there was. */
  async deserted(): Promise<void> {
    const closing = [...this.#streams].map((stream) => once(stream, "close"));
    await deadline(Promise.all(closing), WAIT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    const deserted = this.deserted();
    this.cut();
    await deserted;
  }

  #keep(stream: Stream): void {
    this.#streams.add(stream);
    stream.on("error", () => {});
    stream.on("close", () => this.#streams.delete(stream));
  }
}

/** What a certificate is made for. */
export interface IssueOptions {
  /** Host names and addresses. */
  readonly names?: readonly string[];
  /** From when to when, in days from now. */
  readonly days?: readonly [from: number, until: number];
}

/** An authority that vouches for servers. */
export class TestAuthority {
  readonly #keys: CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;

  constructor(keys: CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.#certificate = certificate;
  }

  /** Makes one. */
  static async make(): Promise<TestAuthority> {
    const keys = await makeKeys();
    const isAuthority = true;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=Authority ${crypto.randomUUID()}`,
      keys,
      signingAlgorithm: ALGORITHM,
      ...termOf([-1, 1]),
      extensions: [new x509.BasicConstraintsExtension(isAuthority)],
    });
    return new TestAuthority(keys, certificate);
  }

  /** Its certificate, in PEM. */
  get cert(): string {
    return this.#certificate.toString("pem");
  }

  /** Vouches for a server. */
  async issue(options: IssueOptions = {}): Promise<Certificate> {
    const { names = ["localhost", "127.0.0.1"], days = [-1, 1] } = options;
    const keys = await makeKeys();
    const isAuthority = false;
    const certificate = await x509.X509CertificateGenerator.create({
      subject: "CN=Server",
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...termOf(days),
      extensions: [
        new x509.BasicConstraintsExtension(isAuthority),
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({
          type: /^[\d.]+$|:/.test(value) ? "ip" as const : "dns" as const,
          value,
        }))),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    const key = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
    return { cert: certificate.toString("pem"), key };
  }
}

/**
 * The certificate of the one, and a key that says it belongs to it, but is the
 * other's: what somebody has who has only seen the certificate. The keys are
 * P-256, in PKCS #8 as OpenSSL and Web Crypto write them.
 */
export function forgeKey(seen: Certificate, own: Certificate): Certificate {
  const [forged, secret] = [seen, own].map(({ key }) =>
    new Uint8Array(x509.PemConverter.decodeFirst(key))
  ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  // The secret number stands before the public point in an `ECPrivateKey` (RFC 5915).
  forged.set(secret.subarray(SECRET_AT, SECRET_AT + SECRET_BYTES), SECRET_AT);
  return { cert: seen.cert, key: x509.PemConverter.encode(forged, "PRIVATE KEY") };
}

const SECRET_AT = 36;
const SECRET_BYTES = 32;

async function makeKeys(): Promise<CryptoKeyPair> {
  const isExtractable = true;
  return await crypto.subtle.generateKey(ALGORITHM, isExtractable, ["sign", "verify"]);
}

function termOf([from, until]: readonly [number, number]): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return {
    notBefore: new Date(nowMs + from * DAY_MS),
    notAfter: new Date(nowMs + until * DAY_MS),
  };
}
