/**
 * What differs between the configuration that a server runs with and one that
 * was read again, and what of it can be had without a restart.
 *
 * Must not know: where configurations come from, who applies them.
 *
 * @module
 */

import type { Config, ListenAddress, TlsConfig } from "./config.ts";
import type { Rate } from "./limits.ts";
import { hostForUrl } from "./start_text.ts";

/** One option that differs. */
export interface Change {
  /** Its flag, without the dashes. */
  readonly option: string;
  /** Both values as somebody would type them, empty for none; null where they are not to be seen. */
  readonly values: { readonly before: string; readonly after: string } | null;
}

/** All that differs, in the order of the options. */
export interface ConfigChanges {
  /** What a running server takes over; {@linkcode mergeConfigs} does. */
  readonly applied: readonly Change[];
  /** What stays as it was until the next start. */
  readonly needsRestart: readonly Change[];
}

/** What can differ, and how it is told. */
interface Setting {
  readonly option: string;
  /** Whether a running server can take it over. */
  readonly isApplied: boolean;
  /** Whether it is a secret, or a whole file: then it is told that it changed, and no more. */
  readonly isHidden?: true;
  /** The value as somebody would type it; null where there is nothing to compare. */
  text(config: Config): string | null;
}

const SETTINGS: readonly Setting[] = [
  { option: "host", isApplied: false, text: ({ host, tls }) => tls?.host ?? host },
  { option: "port", isApplied: false, text: ({ port }) => `${port}` },
  { option: "tls-cert", isApplied: false, text: ({ tls }) => tls?.certFile ?? "" },
  {
    option: "tls-cert",
    isApplied: true,
    isHidden: true,
    text: ({ tls }) => tls?.certificate.cert ?? null,
  },
  { option: "tls-key", isApplied: false, text: ({ tls }) => tls?.keyFile ?? "" },
  {
    option: "tls-key",
    isApplied: true,
    isHidden: true,
    text: ({ tls }) => tls?.certificate.key ?? null,
  },
  { option: "tls-port", isApplied: false, text: ({ tls }) => tls === null ? "" : `${tls.port}` },
  { option: "plain-host", isApplied: false, text: ({ host, tls }) => tls === null ? "" : host },
  {
    option: "web",
    isApplied: false,
    text: ({ web }) =>
      web === null ? "off" : `${web.isTls ? "https" : "http"}://${typeAddress(web)}`,
  },
  { option: "web-origin", isApplied: true, text: ({ webOrigins }) => webOrigins.join() },
  {
    option: "metrics",
    isApplied: false,
    text: ({ metrics }) => metrics === null ? "off" : typeAddress(metrics),
  },
  {
    option: "proxy-protocol-from",
    isApplied: true,
    text: ({ proxyProtocolFrom }) => proxyProtocolFrom.join(),
  },
  { option: "forwarded-from", isApplied: true, text: ({ forwardedFrom }) => forwardedFrom.join() },
  {
    option: "idle",
    isApplied: true,
    text: ({ idleMs }) => idleMs === null ? "off" : typeDuration(idleMs),
  },
  {
    option: "resume-grace",
    isApplied: false,
    text: ({ resumeGraceMs }) => resumeGraceMs === 0 ? "off" : typeDuration(resumeGraceMs),
  },
  { option: "rate", isApplied: true, text: ({ rate }) => rate === null ? "off" : typeRate(rate) },
  { option: "max-connections", isApplied: true, text: ({ connectionsMax }) => `${connectionsMax}` },
  { option: "max-per-address", isApplied: true, text: ({ perAddressMax }) => `${perAddressMax}` },
  { option: "name", isApplied: true, text: ({ name }) => name },
  { option: "motd", isApplied: true, isHidden: true, text: ({ motd }) => motd.join("\n") },
  { option: "db", isApplied: false, text: ({ db }) => db },
  {
    option: "keep",
    isApplied: false,
    text: ({ keepMs }) => keepMs === null ? "forever" : typeDuration(keepMs),
  },
  { option: "operator", isApplied: true, text: ({ operators }) => operators.join() },
  {
    option: "password-file",
    isApplied: true,
    isHidden: true,
    text: ({ password }) => password ?? "",
  },
  {
    option: "allow-plaintext-passwords",
    isApplied: true,
    text: ({ allowPlaintextPasswords }) => `${allowPlaintextPasswords}`,
  },
  { option: "log", isApplied: true, text: ({ logFormat }) => logFormat },
  { option: "log-level", isApplied: true, text: ({ logLevel }) => logLevel },
];

/**
 * Finds what differs between two configurations.
 *
 * @param before What the server runs with.
 * @param after What was read again.
 */
export function compareConfigs(before: Config, after: Config): ConfigChanges {
  const applied: Change[] = [];
  const needsRestart: Change[] = [];
  for (const { option, isApplied, isHidden = false, text } of SETTINGS) {
    const values = { before: text(before), after: text(after) };
    if (values.before === null || values.after === null || values.before === values.after) continue;
    const { before: was, after: is } = values;
    const change = { option, values: isHidden ? null : { before: was, after: is } };
    (isApplied ? applied : needsRestart).push(change);
  }
  return { applied, needsRestart };
}

/**
 * What a running server is to go by: what was read again, as far as it needs no restart. A
 * certificate whose texts are the same is the same object as before.
 *
 * @param before What the server runs with.
 * @param after What was read again.
 */
export function mergeConfigs(before: Config, after: Config): Config {
  const { host, port, tls, web, metrics, resumeGraceMs, db, keepMs } = before;
  return {
    ...after,
    host,
    port,
    tls: mergeTls(tls, after.tls),
    web,
    metrics,
    resumeGraceMs,
    db,
    keepMs,
  };
}

function mergeTls(before: TlsConfig | null, after: TlsConfig | null): TlsConfig | null {
  if (before === null || after === null) return before;
  const { cert, key } = before.certificate;
  const { certificate } = after;
  return certificate.cert === cert && certificate.key === key ? before : { ...before, certificate };
}

/**
 * Tells what differs, for the log: "motd changed; rate 10:4 -> 20:8; needs a
 * restart: port 2022 -> 2023", or "nothing changed".
 */
export function formatChanges({ applied, needsRestart }: ConfigChanges): string {
  const parts = applied.map(formatChange);
  if (needsRestart.length > 0) {
    parts.push(`needs a restart: ${needsRestart.map(formatChange).join(", ")}`);
  }
  return parts.join("; ") || "nothing changed";
}

function formatChange({ option, values }: Change): string {
  if (values === null) return `${option} changed`;
  return `${option} ${show(values.before)} -> ${show(values.after)}`;
}

/** A value in a line of others: in quotes where it could be taken for something else. */
function show(text: string): string {
  if (text === "") return "none";
  return /^[\w.:,/[\]-]+$/.test(text) && text !== "none" ? text : JSON.stringify(text);
}

function typeAddress({ host, port }: ListenAddress): string {
  return `${hostForUrl(host)}:${port}`;
}

function typeRate({ burst, perSecond }: Rate): string {
  return `${burst}:${perSecond}`;
}

/** A duration as `parseDuration` reads it, in the largest unit that it is a whole number of. */
function typeDuration(ms: number): string {
  for (
    const [unit, unitMs] of [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], [
      "s",
      1_000,
    ]] as const
  ) {
    if (ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${ms}ms`;
}
