/**
 * What the server prints when it starts, and what `--check` answers.
 *
 * Must not know: sockets, the environment.
 *
 * @module
 */

import { type Config, DB_IN_MEMORY, isLocalHost, type ListenAddress } from "./config.ts";
import { formatDuration } from "./duration.ts";
import { PORT_DEFAULT, TLS_PORT_DEFAULT } from "./limits.ts";

/** What the start-up text is made of. */
export interface StartFacts {
  /** The program's. */
  readonly version: string;
  /** Where the server listens; null for doors that are not open. */
  readonly addresses: {
    readonly plain: ListenAddress;
    readonly tls: ListenAddress | null;
    readonly web: ListenAddress | null;
    readonly metrics: ListenAddress | null;
  };
  /** Whether browsers come in over TLS. */
  readonly isWebTls: boolean;
  /** Of the certificate, where it is one that no authority vouches for; else null. */
  readonly fingerprint: string | null;
  /** This machine's addresses as others can reach it. */
  readonly lanAddresses: readonly string[];
  /** How the bundled client is started. */
  readonly client: string;
  /** What is kept, and where: see {@linkcode describeKeeping}. */
  readonly keeps: string;
  /** Whether passwords are taken from other machines over plain text. */
  readonly allowPlaintextPasswords: boolean;
}

/** What is in the database already. */
export type StoreFacts =
  | { readonly inMemory: true }
  | { readonly exists: false }
  | {
    readonly exists: true;
    /** Of the database's format. */
    readonly version: number;
    readonly messages: number;
    /** Registered names. */
    readonly accounts: number;
    readonly rooms: number;
    /** Of the file. */
    readonly bytes: number;
  };

/** Where the server listens, how to join from this machine, how to let others in, what is kept. */
export function formatStart(facts: StartFacts): string {
  const { addresses: { plain, tls, web, metrics }, client, version } = facts;
  const isLocal = isLocalHost(plain.host);
  const here = isEverywhere(plain.host) ? "127.0.0.1" : plain.host;
  const target = hostForUrl(here) + (plain.port === PORT_DEFAULT ? "" : `:${plain.port}`);
  const webUrl = web === null
    ? ""
    : `${facts.isWebTls ? "https" : "http"}://${
      hostForUrl(seenFromOutside(web.host, facts))
    }:${web.port}/`;
  const where = [
    `${show(plain)}`,
    ...tls === null ? [] : [`${show(tls)} (TLS)`],
    ...web === null ? [] : [`${show(web)} (browsers)`],
    ...metrics === null ? [] : [`${show(metrics)} (metrics)`],
  ];
  const rows: [label: string, text: string][] = [
    ["Join from this machine:", `nc ${here} ${plain.port}   or: ${client} ${target}`],
    ["Let others in:", describeOthers(facts)],
    ...web === null ? [] : [["Browsers:", webUrl] as [string, string]],
    ...facts.fingerprint === null ? [] : [["Fingerprint:", facts.fingerprint] as [string, string]],
    ...isLocal || facts.allowPlaintextPasswords ? [] : [[
      "Passwords:",
      "refused from other machines over plain text (--allow-plaintext-passwords)",
    ] as [string, string]],
    ["Keeps:", facts.keeps],
    ["Stop:", "Ctrl-C"],
  ];
  const lines = rows.map(([label, text]) => `  ${label.padEnd(23)}  ${text}\n`);
  return `Parley ${version} listens on ${where.join(", ")}.\n${lines.join("")}`;
}

/** What others have to type to join. */
function describeOthers(facts: StartFacts): string {
  const { addresses: { plain, tls }, client } = facts;
  const at = tls ?? plain;
  if (isLocalHost(at.host)) {
    return "stop this, start it again with --host 0.0.0.0, and read what it says here";
  }
  const there = seenFromOutside(at.host, facts);
  if (tls === null) {
    return `they type: nc ${there} ${plain.port}   (plain text: for networks that you trust)`;
  }
  const target = hostForUrl(there) + (tls.port === TLS_PORT_DEFAULT ? "" : `:${tls.port}`);
  return `they type: ncat --ssl ${there} ${tls.port}   or: ${client} --tls ${target}`;
}

/** How other machines name the host that is listened on. */
function seenFromOutside(host: string, { lanAddresses }: StartFacts): string {
  return isEverywhere(host) ? lanAddresses[0] ?? "THIS-MACHINE" : host;
}

function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function show({ host, port }: ListenAddress): string {
  return `${hostForUrl(host)}:${port}`;
}

/** What a server with this configuration keeps, and where, for {@linkcode formatStart}. */
export function describeKeeping(config: Pick<Config, "db" | "keepMs">): string {
  return config.db === DB_IN_MEMORY
    ? "nothing on disk   (all is gone when this stops)"
    : `${describeHistory(config)}   (copy it with --backup FILE)`;
}

/** What the server would do with this configuration, and with what is in its database. */
export function formatCheck(config: Config, store: StoreFacts): string {
  const { rate, idleMs, operators } = config;
  return `The configuration is right. With it, ${config.name}
  listens on ${show(config)},
${
    describeDoors(config)
  }  takes ${config.connectionsMax} connections, ${config.perAddressMax} from one address,
  lets a peer send ${
    rate === null ? "without limit" : `${rate.burst} lines at once and ${rate.perSecond} a second`
  },
  closes ${
    idleMs === null
      ? "no quiet connection"
      : `a connection that is quiet for ${formatDuration(idleMs)}`
  },
  keeps ${
    "inMemory" in store
      ? "nothing on disk: all is gone when it stops"
      : `${describeHistory(config)},\n  ${describeStore(store)}`
  },
  has ${operators.length === 0 ? "no operators" : `as operators: ${operators.join(", ")}`},
  asks ${config.password === null ? "nobody" : "everybody"} who comes in for a password,
  takes passwords over plain text from ${
    config.allowPlaintextPasswords ? "everywhere" : "this machine only"
  },
  greets with ${config.motd.length === 0 ? "no message of the day" : "a message of the day"},
  and logs ${config.logLevel === "off" ? "nothing" : `${config.logLevel} as ${config.logFormat}`}.
`;
}

/** The doors of a configuration besides the plain one, a line each. */
function describeDoors({ tls, web, metrics }: Config): string {
  return [
    ...tls === null ? [] : [`speaks TLS on ${show(tls)} with the certificate in ${tls.certFile}`],
    ...web === null
      ? []
      : [`lets browsers in on ${show(web)} over ${web.isTls ? "https" : "http"}`],
    ...metrics === null ? [] : [`tells metrics on ${show(metrics)}`],
  ].map((line) => `  ${line},\n`).join("");
}

/** A host as it stands before a colon and a port. */
export function hostForUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function describeHistory({ db, keepMs }: Pick<Config, "db" | "keepMs">): string {
  return `history ${keepMs === null ? "for ever" : `for ${formatDuration(keepMs)}`} in ${db}`;
}

function describeStore(store: Exclude<StoreFacts, { readonly inMemory: true }>): string {
  if (!store.exists) return "makes that file, which is not there yet";
  const { accounts, bytes, messages, rooms, version } = store;
  const contents = `${count(messages, "message")}, ${count(accounts, "registered name")} and ${
    count(rooms, "room")
  }`;
  return `finds ${contents} there (${formatBytes(bytes)}, format ${version})`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return count(bytes, "byte");
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  const amount = (bytes / 1024 ** power).toFixed(1).replace(/\.0$/, "");
  return `${amount} ${["", "KiB", "MiB", "GiB"][power]}`;
}
