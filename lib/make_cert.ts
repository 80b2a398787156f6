/**
 * Makes a self-signed certificate for a server: `parley-server make-cert`.
 *
 * It is an ordinary server's certificate, no authority's, so that strict
 * programs take it as the file that vouches for itself. Promises to overwrite
 * nothing, to leave no half pair behind, and that nobody else may read the key.
 * Must not know: `Deno.args`, the environment, the server's configuration.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./errors.ts";
import {
  CERTIFICATE_BACKDATED_MS,
  CERTIFICATE_DAYS_DEFAULT,
  CERTIFICATE_DAYS_MAX,
  TLS_PORT_DEFAULT,
} from "./limits.ts";

/** What the command line asks for. */
export interface MakeCertRequest {
  /** The hosts and addresses that it is for; null for all that this machine has. */
  readonly names: readonly string[] | null;
  /** Where the certificate goes. */
  readonly certFile: string;
  /** Where its key goes. */
  readonly keyFile: string;
  /** How long it is good, in days. */
  readonly days: number;
}

/** What was made. */
export interface MadeCert extends Omit<MakeCertRequest, "days" | "names"> {
  /** The hosts and addresses that it is for. */
  readonly names: readonly string[];
  /** SHA-256, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string;
  /** When it ends, in epoch milliseconds. */
  readonly untilMs: number;
}

const FLAGS = ["host", "cert", "key", "days"] as const;
const DAY_MS = 86_400_000;
/** A name of RFC 1123, maybe with a `*` in the place of its first label. */
const DNS_NAME =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_-]{1,63}$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/**
 * Reads `[--host NAME[,NAME...]] [--cert FILE] [--key FILE] [--days N]`.
 *
 * @param args What follows `make-cert`.
 * @throws {UsageError} For anything else.
 */
export function readMakeCertRequest(args: readonly string[]): MakeCertRequest {
  const parsed = parseArgs([...args], {
    string: ["_", ...FLAGS],
    collect: [...FLAGS],
    unknown: (arg) => {
      throw new UsageError(
        `Not of make-cert: ${JSON.stringify(arg)}; it takes ` +
          FLAGS.map((flag) => `--${flag}`).join(", "),
      );
    },
  });
  const hosts = parsed["host"] as string[];
  const text = (name: (typeof FLAGS)[number], fallback: string): string => {
    const [value, ...more] = parsed[name] as string[];
    if (more.length > 0) throw new UsageError(`One --${name} is enough`);
    if (value === "") throw new UsageError(`--${name} is empty`);
    return value ?? fallback;
  };
  return {
    names: hosts.length === 0 ? null : hosts.flatMap((each) => each.split(",")).map(parseName),
    certFile: text("cert", "parley-cert.pem"),
    keyFile: text("key", "parley-key.pem"),
    days: parseDays(text("days", `${CERTIFICATE_DAYS_DEFAULT}`)),
  };
}

/**
 * Makes a key and a certificate of its own, and writes both.
 *
 * @throws {UsageError} If one of the files is there already, or cannot be written.
 */
export async function makeCertificate(request: MakeCertRequest): Promise<MadeCert> {
  const { certFile, keyFile, days } = request;
  const names = request.names ?? ownNames();
  const { cert, key, untilMs } = await sign(names, days);
  await writeNew(keyFile, key, 0o600);
  try {
    await writeNew(certFile, cert, 0o644);
  } catch (error) {
    await Deno.remove(keyFile);
    throw error;
  }
  const { fingerprintOf } = await import("./certificate.ts");
  return { names, certFile, keyFile, fingerprint: fingerprintOf(cert), untilMs };
}

/**
 * What was made, and what to type next.
 *
 * @param programs How the two programs are started: `parley-server`, `deno task serve`.
 */
export function formatMadeCert(
  made: MadeCert,
  programs: { readonly server: string; readonly client: string },
): string {
  const { names, certFile, keyFile, fingerprint, untilMs } = made;
  const host = names.find((name) => !isOwnName(name)) ?? names[0] ?? "localhost";
  const server = host.includes(":") ? `[${host}]` : host;
  return [
    `Made a certificate for ${names.join(", ")}; good until ${formatDay(untilMs)}.`,
    `  Certificate:  ${certFile}`,
    `  Key:          ${keyFile}   (nobody but you may read it)`,
    `  Fingerprint:  ${fingerprint}`,
    "",
    "Start the server with it, for everybody on the network:",
    `  ${programs.server} --host 0.0.0.0 --tls-cert ${quote(certFile)} --tls-key ${quote(keyFile)}`,
    `Others join over TLS, on port ${TLS_PORT_DEFAULT}. Tell them the fingerprint:`,
    `  ${programs.client} ${server} --fingerprint ${fingerprint}`,
    "",
  ].join("\n");
}

/** Two texts in PEM, and when they end. */
async function sign(
  names: readonly string[],
  days: number,
): Promise<{ cert: string; key: string; untilMs: number }> {
  // The certificate's library wants this one first, and both take a quarter of a second.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const isExtractable = true;
  const isCritical = true;
  const isAuthority = false;
  const keys = await crypto.subtle.generateKey(algorithm, isExtractable, ["sign", "verify"]);
  // In whole seconds, as certificates have them. Clocks differ.
  const fromMs = Math.floor((Date.now() - CERTIFICATE_BACKDATED_MS) / 1_000) * 1_000;
  const untilMs = fromMs + days * DAY_MS;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Programs look at the names below; this is for people who look at a list of certificates.
    name: [{ CN: ["Parley"] }],
    notBefore: new Date(fromMs),
    notAfter: new Date(untilMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, isCritical),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, isCritical),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? "ip" as const : "dns" as const, value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
    untilMs,
  };
}

/** Writes a file that must not be there yet: what it would overwrite may be a key in use. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await Deno.open(path, { write: true, createNew: true, mode });
    try {
      await ReadableStream.from([new TextEncoder().encode(text)]).pipeTo(file.writable);
    } catch (error) {
      await Deno.remove(path);
      throw error;
    }
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new UsageError(`${path} is there already, and nothing is overwritten`);
    }
    const why = error instanceof Error ? error.message.replace(/ \(os error \d+\).*$/, "") : error;
    throw new UsageError(`Cannot write ${path}: ${why}`, { cause: error });
  }
}

/** What this machine is called, by itself and by others, as far as the system tells. */
function ownNames(): string[] {
  const hostname = attempt(() => Deno.hostname().toLowerCase()) ?? "";
  const addresses = attempt(() => Deno.networkInterfaces()) ?? [];
  const names = [
    "localhost",
    "127.0.0.1",
    "::1",
    // A link-local address is of no use without the interface's name, which no certificate has.
    ...addresses.map(({ address }) => address).filter((address) => !/^fe[89ab]/i.test(address)),
    ...DNS_NAME.test(hostname) ? [hostname] : [],
  ];
  return [...new Set(names)];
}

/** Null without the permission, or on a system that does not tell. */
function attempt<Value>(ask: () => Value): Value | null {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Whether a name leads to this machine only, wherever it is used. */
function isOwnName(name: string): boolean {
  return name === "localhost" || name === "::1" || name.startsWith("127.");
}

function isAddress(name: string): boolean {
  return IPV4.test(name) || name.includes(":");
}

/** A host name, in ASCII and small letters, or an address without brackets. */
function parseName(text: string): string {
  const bare = text.trim().replace(/^\[(.*)\]$/, "$1");
  const name = isAddress(bare) ? bare : hostnameOf(bare);
  const isRight = isAddress(name)
    ? URL.canParse(`http://${name.includes(":") ? `[${name}]` : name}/`)
    : DNS_NAME.test(name);
  if (isRight) return name;
  throw new UsageError(`Not a name or an address of a host: --host ${JSON.stringify(text)}`);
}

/** Names beyond ASCII are `xn--...` in certificates. */
function hostnameOf(name: string): string {
  const isAscii = /^[ -~]*$/.test(name);
  return isAscii ? name.toLowerCase() : URL.parse(`http://${name}/`)?.hostname ?? "";
}

function parseDays(text: string): number {
  const days = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= CERTIFICATE_DAYS_MAX) return days;
  throw new UsageError(
    `Not a number of days: --days ${JSON.stringify(text)}; wanted 1 to ${CERTIFICATE_DAYS_MAX}`,
  );
}

/** As a shell takes it. */
function quote(path: string): string {
  return /^[\w./~:\\-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function formatDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
