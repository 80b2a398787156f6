/**
 * A TLS connection to a server, and the certificate that was presented on it.
 *
 * Promises that the server has proved to have the certificate's key, and that
 * nothing was sent but the handshake: whom to trust is for others to say.
 * TLS 1.2 or later. What it is made of is loaded with the first connection.
 * Must not know: whom the user trusts, lines, time-outs.
 *
 * @module
 */

import type { TLSSocket } from "node:tls";
import { parseFingerprint } from "../fingerprint.ts";
import type { Socket } from "../socket.ts";
import type { PresentedCertificate } from "./trust.ts";

/** Options of {@linkcode connectTls}. */
export interface TlsOptions {
  /** The host to connect to: a name or an address. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** What the certificate is to be for: a name or an address. */
  readonly servername: string;
  /** Certificates in PEM of the only authorities that count; null for the public ones. */
  readonly authorities: string | null;
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
}

/** An open connection. */
export interface TlsConnection {
  /** Its bytes. */
  readonly socket: Socket;
  /** What the server has proved to be its own. */
  readonly certificate: PresentedCertificate;
}

const TLS_ERRORS: readonly (readonly [code: RegExp, why: string])[] = [
  [/^ECONNREFUSED$/, "connection refused. Is a server running there?"],
  [/^(?:ENOTFOUND|EAI_\w+)$/, "there is no host of that name."],
  [/^E(?:HOST|NET)UNREACH$/, "there is no way to that host."],
  [/^ETIMEDOUT$/, "it does not answer."],
  [/^ERR_SSL_WRONG_VERSION_NUMBER$/, "it does not speak TLS. Is that the port for plain text?"],
  [/^ERR_SSL_\w*PROTOCOL_VERSION$/, "it speaks only versions of TLS that are not safe any more."],
  [
    /^(?:ECONNRESET|EPIPE)$/,
    "it closed the connection in the middle of the TLS handshake. Is that the port for plain text?",
  ],
  // Since every certificate is taken at first, the signature made with its key must be wrong.
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_\w+)$/,
    "it could not prove that the certificate which it presents is its own.",
  ],
];

/** Why no authority vouches for a certificate, by what Node says of it. */
const FAULTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
};

/**
 * Connects, and makes the handshake.
 *
 * @throws {Error} If there is no connection; see {@linkcode explainTls}.
 * @throws Whatever `signal` was aborted with.
 */
export async function connectTls(options: TlsOptions): Promise<TlsConnection> {
  const { hostname, port, servername, authorities, signal } = options;
  const [{ connect }, { isIP }, { NodeSocket }] = await Promise.all([
    import("node:tls"),
    import("node:net"),
    import("../node_socket.ts"),
  ]);
  signal.throwIfAborted();
  const stream = connect({
    host: hostname,
    port,
    // An address is no server's name in the handshake; the certificate is held against it all the same.
    ...isIP(servername) === 0 ? { servername } : {},
    ...authorities === null ? {} : { ca: [authorities] },
    minVersion: "TLSv1.2",
    // Told apart below: whom to trust may need no authority.
    rejectUnauthorized: false,
  });
  await secured(stream, signal);
  const socket = new NodeSocket(stream);
  // A typed line should leave at once, not wait for company.
  stream.setNoDelay();
  const certificate = presentedOn(stream);
  if (certificate !== null) return { socket, certificate };
  socket[Symbol.dispose]();
  throw new Error("it presents no certificate");
}

/** Why {@linkcode connectTls} has failed, as the rest of a sentence; null where there is no better one. */
export function explainTls(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = TLS_ERRORS.find(([pattern]) => pattern.test(code));
  if (known !== undefined) return known[1];
  const alert = error instanceof Error ? /fatal alert: (\w+)/.exec(error.message) : null;
  return alert === null ? null : `the TLS handshake failed (${alert[1]}).`;
}

/** Waits for the end of the handshake; where there is none, the stream is gone. */
async function secured(stream: TLSSocket, signal: AbortSignal): Promise<void> {
  const done = Promise.withResolvers<void>();
  const onClose = (): void => done.reject(new Error("the connection was closed"));
  const onAbort = (): void => done.reject(signal.reason);
  stream.once("secureConnect", done.resolve);
  stream.once("close", onClose);
  // It stays: an error that comes later has nobody else to take it.
  stream.on("error", done.reject);
  signal.addEventListener("abort", onAbort);
  try {
    await done.promise;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    stream.off("secureConnect", done.resolve);
    stream.off("close", onClose);
  }
}

/** Null where there is no certificate. */
function presentedOn(stream: TLSSocket): PresentedCertificate | null {
  const { fingerprint256, valid_from: from, valid_to: until } = stream.getPeerCertificate();
  const fingerprint = parseFingerprint(fingerprint256 ?? "");
  if (fingerprint === null) return null;
  if (stream.authorized) return { fingerprint, fault: null };
  const nowMs = Date.now();
  const fault = nowMs >= Date.parse(until)
    ? "it has expired"
    : nowMs < Date.parse(from)
    ? "it is not good yet"
    : FAULTS[String(stream.authorizationError)] ?? "no known authority has signed it";
  return { fingerprint, fault };
}
