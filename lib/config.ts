/**
 * The server's configuration: one table of options, each a flag, an environment
 * variable and a key of the configuration file.
 *
 * Flag over environment over file over default. Whatever is wrong is one line
 * that says where, what, and what would be right.
 * Must not know: `Deno.args`, the environment, files: it is handed what it needs.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { isLoopback, parseNetwork } from "./addresses.ts";
import type { Certificate } from "./certificate.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { UsageError } from "./errors.ts";
import {
  CONNECTIONS_MAX_DEFAULT,
  CONNECTIONS_PER_ADDRESS_MAX_DEFAULT,
  IDLE_TIMEOUT_MS_DEFAULT,
  KEEP_MS_DEFAULT,
  KEEP_MS_MIN,
  MOTD_BYTES_MAX,
  PASSWORD_LENGTH_MAX,
  PASSWORD_LENGTH_MIN,
  PORT_DEFAULT,
  type Rate,
  RATE_BURST_DEFAULT,
  RATE_PER_SECOND_DEFAULT,
  RESUME_GRACE_MS_DEFAULT,
  RESUME_GRACE_MS_MAX,
  TLS_PORT_DEFAULT,
} from "./limits.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./log.ts";
import { cleanText } from "./text.ts";

/** The name of a database that is in no file: it is gone when the server stops. */
export const DB_IN_MEMORY = ":memory:";

/** Where to listen. */
export interface ListenAddress {
  /** An address, or the name of one. */
  readonly host: string;
  /** 0 has the system choose one. */
  readonly port: number;
}

/** Where TLS is spoken, and what the server proves its name with there. */
export interface TlsConfig extends ListenAddress {
  /** The file that the certificate is read from. */
  readonly certFile: string;
  /** The file that its key is read from. */
  readonly keyFile: string;
  /** What was in them. */
  readonly certificate: Certificate;
}

/** Where browsers come in. */
export interface WebConfig extends ListenAddress {
  /** Whether TLS is spoken there, with the certificate of {@linkcode TlsConfig}. */
  readonly isTls: boolean;
}

/** What a server is started with. */
export interface Config {
  /** The address to listen on for plain text. */
  readonly host: string;
  /** The port to listen on for plain text; 0 has the system choose one. */
  readonly port: number;
  /** Null for no TLS. */
  readonly tls: TlsConfig | null;
  /** Null for no door for browsers. */
  readonly web: WebConfig | null;
  /** Origins whose pages may connect, besides the server's own: `https://chat.example`. */
  readonly webOrigins: readonly string[];
  /** Where metrics and the state of health are told to whoever asks; null for nowhere. */
  readonly metrics: ListenAddress | null;
  /** Networks whose connections begin with a header of the PROXY protocol. */
  readonly proxyProtocolFrom: readonly string[];
  /** Networks of proxies that are believed whom they forward for. */
  readonly forwardedFrom: readonly string[];
  /** Quiet for this long, in milliseconds, ends a session; null never does. */
  readonly idleMs: number | null;
  /** For how long a lost connection is told to nobody, in milliseconds; 0 for not at all. */
  readonly resumeGraceMs: number;
  /** How fast one peer may send; null for as fast as it can. */
  readonly rate: Rate | null;
  /** Connections in all. */
  readonly connectionsMax: number;
  /** Connections from one address; loopback is not counted. */
  readonly perAddressMax: number;
  /** What the server calls itself. */
  readonly name: string;
  /** The message of the day, a clean line each. */
  readonly motd: readonly string[];
  /** The file of the database, or {@linkcode DB_IN_MEMORY}. */
  readonly db: string;
  /** How long history lasts, in milliseconds; null for ever. */
  readonly keepMs: number | null;
  /** The names of the server's operators, clean; whether they are names is for the chat to say. */
  readonly operators: readonly string[];
  /** What everybody must say to come in; null lets anybody in. */
  readonly password: string | null;
  /** Whether passwords are taken from other machines, over a connection that others can read. */
  readonly allowPlaintextPasswords: boolean;
  /** How log lines look. */
  readonly logFormat: LogFormat;
  /** The least that is logged. */
  readonly logLevel: LogLevel;
}

/** What the command line asks for. */
export type Request =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | { readonly type: "check"; readonly config: Config }
  | { readonly type: "backup"; readonly config: Config; readonly to: string }
  | { readonly type: "serve"; readonly config: Config };

/** Where settings come from, besides the arguments. */
export interface Surroundings {
  /** The environment; undefined for what is not set. */
  env(name: string): string | undefined;
  /** The text of a file. May throw; the message is shown. */
  readFile(path: string): string;
}

/** One option: how it is read, and how help tells of it. */
interface Option<Value> {
  /** What it takes, as help shows it; empty for a switch, which alone means `true`. */
  readonly takes: string;
  /** Whether it can be given more than once; the texts are then joined with commas. */
  readonly repeats?: true;
  /** Its default as somebody would type it; empty for none. */
  readonly fallback: string;
  readonly summary: string;
  /** Its value, or undefined where the text is none. */
  parse(text: string): Value | undefined;
  /** What would be right, for the message that says what is wrong. */
  readonly expects: string;
}

/** Where plain text is spoken unless another place is named. */
const LOOPBACK = "127.0.0.1";

/** Characters of an operator's name: more than any name has. */
const OPERATOR_LENGTH_MAX = 100;

/** What somebody may write for a switch. */
const SWITCH_VALUES: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "1"].map((text) => [text, true] as const),
  ...["false", "no", "0", ""].map((text) => [text, false] as const),
]);

const OPTIONS = {
  "host": {
    takes: "ADDRESS",
    fallback: LOOPBACK,
    summary: "address to listen on; 0.0.0.0 (or ::) lets others in",
    expects: "an address or a host name",
    parse: parseHost,
  } satisfies Option<string>,
  "port": {
    takes: "PORT",
    fallback: `${PORT_DEFAULT}`,
    summary: "port to listen on for plain text",
    expects: "a whole number from 0 to 65535",
    parse: parsePort,
  } satisfies Option<number>,
  "tls-cert": {
    takes: "FILE",
    fallback: "",
    summary: "a certificate (PEM): TLS is spoken too, and --host is for it",
    expects: "the name of a file",
    parse: (text) => text,
  } satisfies Option<string>,
  "tls-key": {
    takes: "FILE",
    fallback: "",
    summary: "its key (PEM)",
    expects: "the name of a file",
    parse: (text) => text,
  } satisfies Option<string>,
  "tls-port": {
    takes: "PORT",
    fallback: `${TLS_PORT_DEFAULT}`,
    summary: "port to listen on for TLS",
    expects: "a whole number from 0 to 65535",
    parse: parsePort,
  } satisfies Option<number>,
  "plain-host": {
    takes: "ADDRESS",
    fallback: "",
    summary: "with TLS: address to listen on for plain text (127.0.0.1)",
    expects: "an address or a host name",
    parse: (text) => text === "" ? text : parseHost(text),
  } satisfies Option<string>,
  "web": {
    takes: "HOST:PORT",
    fallback: "",
    summary: "door for browsers: over TLS, if there is a certificate",
    expects: 'an address and a port such as 0.0.0.0:8080 or http://127.0.0.1:8080, or "off"',
    parse: parseWeb,
  } satisfies Option<{ readonly scheme: string; readonly at: ListenAddress } | null>,
  "web-origin": {
    takes: "ORIGIN",
    repeats: true,
    fallback: "",
    summary: "where else the page may come from: https://chat.example",
    expects: "origins such as https://chat.example with commas between them",
    parse: parseOrigins,
  } satisfies Option<readonly string[]>,
  "metrics": {
    takes: "HOST:PORT",
    fallback: "",
    summary: "where /metrics, /healthz and /readyz are, over plain HTTP",
    expects: 'an address and a port such as 127.0.0.1:9100, or "off"',
    parse: (text) => text === "" || text === "off" ? null : parseListenAddress(text),
  } satisfies Option<ListenAddress | null>,
  "proxy-protocol-from": {
    takes: "NETWORK",
    repeats: true,
    fallback: "",
    summary: "proxies that begin with a PROXY protocol header",
    expects: "addresses or networks such as 192.0.2.7 or 10.0.0.0/8 with commas between them",
    parse: parseNetworks,
  } satisfies Option<readonly string[]>,
  "forwarded-from": {
    takes: "NETWORK",
    repeats: true,
    fallback: "",
    summary: "proxies whose X-Forwarded-For browsers come with",
    expects: "addresses or networks such as 192.0.2.7 or 10.0.0.0/8 with commas between them",
    parse: parseNetworks,
  } satisfies Option<readonly string[]>,
  "idle": {
    takes: "DURATION",
    fallback: `${IDLE_TIMEOUT_MS_DEFAULT / 60_000}m`,
    summary: "close a connection that is quiet for so long: 30s, 5m, off",
    expects: 'a duration such as 30s or 5m, or "off"',
    parse: (text) => text === "off" ? null : parseDuration(text) ?? undefined,
  } satisfies Option<number | null>,
  "resume-grace": {
    takes: "DURATION",
    fallback: `${RESUME_GRACE_MS_DEFAULT / 1_000}s`,
    summary: "how long clients may take to come back: 60s, 5m, off",
    expects: `a duration such as 60s, ${formatDuration(RESUME_GRACE_MS_MAX)} at most, or "off"`,
    parse: parseGrace,
  } satisfies Option<number>,
  "rate": {
    takes: "BURST:PER_SECOND",
    fallback: `${RATE_BURST_DEFAULT}:${RATE_PER_SECOND_DEFAULT}`,
    summary: "lines at once, then a second; the rest waits; off: no limit",
    expects: 'a burst and a pace such as 10:4, or "off"',
    parse: parseRate,
  } satisfies Option<Rate | null>,
  "max-connections": {
    takes: "COUNT",
    fallback: `${CONNECTIONS_MAX_DEFAULT}`,
    summary: "connections in all",
    expects: "a whole number from 1 to 1000000",
    parse: (text) => parseWhole(text, { min: 1, max: 1_000_000 }),
  } satisfies Option<number>,
  "max-per-address": {
    takes: "COUNT",
    fallback: `${CONNECTIONS_PER_ADDRESS_MAX_DEFAULT}`,
    summary: "connections from one address; loopback is not counted",
    expects: "a whole number from 1 to 1000000",
    parse: (text) => parseWhole(text, { min: 1, max: 1_000_000 }),
  } satisfies Option<number>,
  "name": {
    takes: "NAME",
    fallback: "Parley",
    summary: "what the server calls itself",
    expects: "1 to 60 visible characters",
    parse: (text) => {
      const name = cleanText(text).trim();
      return name.length >= 1 && name.length <= 60 ? name : undefined;
    },
  } satisfies Option<string>,
  "motd": {
    takes: "FILE",
    fallback: "",
    summary: "a text file shown to everybody who comes in",
    expects: "the name of a file",
    parse: (text) => text,
  } satisfies Option<string>,
  "db": {
    takes: "FILE",
    fallback: "parley.db",
    summary: `database to keep all in; ${DB_IN_MEMORY} keeps nothing`,
    expects: `the name of a file, or "${DB_IN_MEMORY}"`,
    parse: (text) => isFileName(text) ? text : undefined,
  } satisfies Option<string>,
  "keep": {
    takes: "DURATION",
    fallback: `${KEEP_MS_DEFAULT / 86_400_000}d`,
    summary: "how long history lasts: 12h, 30d, forever",
    expects: `a duration such as 30d, ${formatDuration(KEEP_MS_MIN)} at least, or "forever"`,
    parse: parseKeep,
  } satisfies Option<number | null>,
  "operator": {
    takes: "NAME",
    repeats: true,
    fallback: "",
    summary: "registered names of operators: with commas, or a flag for each",
    expects: `names of 1 to ${OPERATOR_LENGTH_MAX} visible characters with commas between them`,
    parse: parseNames,
  } satisfies Option<readonly string[]>,
  "password-file": {
    takes: "FILE",
    fallback: "",
    summary: "a file whose first line is a password that everybody must give",
    expects: "the name of a file",
    parse: (text) => text,
  } satisfies Option<string>,
  "allow-plaintext-passwords": {
    takes: "",
    fallback: "",
    summary: "take passwords that a network could read on their way",
    expects: "true or false",
    parse: (text) => SWITCH_VALUES.get(text),
  } satisfies Option<boolean>,
  "log": {
    takes: "FORMAT",
    fallback: "text",
    summary: `how to log: ${LOG_FORMATS.join(", ")}`,
    expects: `one of ${LOG_FORMATS.join(", ")}`,
    parse: (text) => LOG_FORMATS.find((format) => format === text),
  } satisfies Option<LogFormat>,
  "log-level": {
    takes: "LEVEL",
    fallback: "info",
    summary: `what to log: ${LOG_LEVELS.join(", ")}`,
    expects: `one of ${LOG_LEVELS.join(", ")}`,
    parse: (text) => LOG_LEVELS.find((level) => level === text),
  } satisfies Option<LogLevel>,
} as const;

type OptionName = keyof typeof OPTIONS;
type OptionValue<Name extends OptionName> = Exclude<
  ReturnType<(typeof OPTIONS)[Name]["parse"]>,
  undefined
>;

const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

/** Flags that are no settings: what to do instead of serving, and where settings are. */
const ACTIONS = ["help", "version", "check"] as const;
const CONFIG_FLAG = "config";
const BACKUP_FLAG = "backup";

/** One text that somebody gave for an option, and where. */
interface Given {
  readonly text: string;
  /** Where it was given, for messages: `--port`, `PARLEY_PORT`, `"port" in parley.json`. */
  readonly where: string;
}

/**
 * Reads the whole configuration.
 *
 * @throws {UsageError} If anything in it is wrong.
 */
export function readConfig(args: readonly string[], surroundings: Surroundings): Request {
  const flags = readFlags(args);
  if (flags.has("help")) return { type: "help" };
  if (flags.has("version")) return { type: "version" };
  const to = flags.get(BACKUP_FLAG);
  if (to !== undefined && flags.has("check")) {
    throw new UsageError(`--${BACKUP_FLAG} and --check are two things to do; give one of them`);
  }
  const file = readConfigFile(flags.get(CONFIG_FLAG), surroundings);
  const value = <Name extends OptionName>(name: Name): OptionValue<Name> => {
    const variable = variableOf(name);
    const fromFlag = flags.get(name);
    const fromEnv = readVariable(name, surroundings);
    const given: Given | undefined = fromFlag !== undefined
      ? { text: fromFlag, where: `--${name}` }
      : fromEnv !== undefined
      ? { text: fromEnv, where: variable }
      : file.get(name);
    const option = optionOf(name) as Option<OptionValue<Name>>;
    const parsed = option.parse(given?.text ?? option.fallback);
    if (parsed !== undefined) return parsed;
    throw new UsageError(
      `${given?.where ?? name} takes ${option.expects}, not ${quote(given?.text ?? "")}`,
    );
  };
  const tls = readTls({
    certFile: value("tls-cert"),
    keyFile: value("tls-key"),
    host: value("host"),
    port: value("tls-port"),
  }, surroundings);
  const config: Config = {
    host: plainHost({ host: value("host"), plainHost: value("plain-host"), tls }),
    port: value("port"),
    tls,
    web: readWeb(value("web"), tls),
    webOrigins: value("web-origin"),
    metrics: value("metrics"),
    proxyProtocolFrom: value("proxy-protocol-from"),
    forwardedFrom: value("forwarded-from"),
    idleMs: value("idle"),
    resumeGraceMs: value("resume-grace"),
    rate: value("rate"),
    connectionsMax: value("max-connections"),
    perAddressMax: value("max-per-address"),
    name: value("name"),
    motd: readMotd(value("motd"), surroundings),
    db: value("db"),
    keepMs: value("keep"),
    operators: value("operator"),
    password: readPassword(value("password-file"), surroundings),
    allowPlaintextPasswords: value("allow-plaintext-passwords"),
    logFormat: value("log"),
    logLevel: value("log-level"),
  };
  checkPlaintext(config);
  if (to !== undefined) {
    checkBackup(to, config);
    return { type: "backup", config, to };
  }
  return { type: flags.has("check") ? "check" : "serve", config };
}

/** Whether a host to listen on is this machine's own, which no other machine can reach. */
export function isLocalHost(host: string): boolean {
  return host.toLowerCase() === "localhost" || isLoopback(host);
}

/**
 * What `--help` prints.
 *
 * @param program How the server was started, for the examples.
 */
export function formatHelp(program: string): string {
  const rows = [
    ...OPTION_NAMES.map((name) => {
      const { takes, fallback, summary } = OPTIONS[name];
      return [
        `--${name} ${takes}`.trimEnd(),
        fallback === "" ? summary : `${summary} (${fallback})`,
      ];
    }),
    [`--${CONFIG_FLAG} FILE`, "a JSON file with any of these, without their dashes"],
    [`--${BACKUP_FLAG} FILE`, "copy the database, of a running server as well, and do no more"],
    ["--check", "say whether all of this is right, and do no more"],
    ["--help, --version", "show this, or which version it is"],
  ];
  const width = Math.max(...rows.map(([flag = ""]) => flag.length));
  const table = rows.map(([flag = "", text = ""]) => `  ${flag.padEnd(width)}  ${text}`);
  return `Parley, a chat server: start it, and people talk.

  ${program}                      for people on this machine
  ${program} --host 0.0.0.0       for everybody who can reach it
Then anyone joins with:  nc ADDRESS ${PORT_DEFAULT}

${table.join("\n")}

Each flag is also an environment variable: --max-connections is PARLEY_MAX_CONNECTIONS.
A flag goes before the environment, the environment before the file. Ctrl-C stops the server.
`;
}

function optionOf(name: OptionName): Option<unknown> {
  return OPTIONS[name];
}

function isSwitch(name: string): boolean {
  return OPTION_NAMES.some((option) => option === name && optionOf(option).takes === "");
}

/** The environment variable of an option. */
function variableOf(name: string): string {
  return `PARLEY_${name.replaceAll("-", "_").toUpperCase()}`;
}

/** The text of an option's variable. Empty is as good as not set: containers say it so. */
function readVariable(name: string, surroundings: Surroundings): string | undefined {
  return surroundings.env(variableOf(name)) || undefined;
}

/** The flags, as texts. Those without a value hold the empty text. */
function readFlags(args: readonly string[]): Map<string, string> {
  const withValue = [...OPTION_NAMES, CONFIG_FLAG, BACKUP_FLAG];
  const parsed = parseArgs([...args], {
    string: withValue,
    boolean: [...ACTIONS],
    collect: OPTION_NAMES.filter((name) => optionOf(name).repeats),
    alias: { help: "h" },
    unknown: (arg) => {
      const what = arg.startsWith("-")
        ? `Unknown flag ${arg.split("=")[0]}`
        : `Unexpected ${quote(arg)}`;
      throw new UsageError(`${what}; --help lists the flags`);
    },
  });
  // What stands behind a "--" is never asked about: npm wants one before flags, and this does not.
  const [behind] = parsed._;
  if (behind !== undefined) {
    throw new UsageError(`Unexpected "--" before ${quote(`${behind}`)}; flags go without it`);
  }
  const flags = new Map<string, string>();
  for (const name of withValue) {
    const texts = [parsed[name] ?? []].flat().map((value) => `${value}`);
    if (texts.length === 0) continue;
    // A flag at the end of the line, or before another flag, has no value.
    const isBare = texts.filter((text) => text === "").length >
      args.filter((arg) => arg === `--${name}=`).length;
    if (isBare && !isSwitch(name)) {
      throw new UsageError(`--${name} needs a value; --help shows which`);
    }
    flags.set(name, isBare ? "true" : texts.join());
  }
  for (const name of ACTIONS) {
    if (parsed[name]) flags.set(name, "");
  }
  return flags;
}

/** The settings of the configuration file; none where there is no file. */
function readConfigFile(
  path: string | undefined,
  surroundings: Surroundings,
): Map<OptionName, Given> {
  const settings = new Map<OptionName, Given>();
  const file = path ?? readVariable(CONFIG_FLAG, surroundings);
  if (file === undefined) return settings;
  const text = readFile(file, surroundings);
  let parsed: unknown;
  try {
    // Some editors begin a file with a byte order mark, which JSON does not know.
    parsed = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new UsageError(`${file} holds no JSON object such as {"port": ${PORT_DEFAULT}}`);
  }
  for (const [key, value] of Object.entries(parsed)) {
    const name = OPTION_NAMES.find((option) => option === key);
    if (name === undefined) throw new UsageError(`Unknown key ${quote(key)} in ${file}`);
    const text = textOf(name, value);
    if (text === undefined) {
      throw new UsageError(`${quote(key)} in ${file} takes ${OPTIONS[name].expects}`);
    }
    settings.set(name, { text, where: `${quote(key)} in ${file}` });
  }
  return settings;
}

/** A value of the configuration file as the text that a flag would have, if there is one. */
function textOf(name: OptionName, value: unknown): string | undefined {
  if (typeof value === "string" || typeof value === "number") return `${value}`;
  if (typeof value === "boolean") return isSwitch(name) ? `${value}` : undefined;
  if (!Array.isArray(value) || !optionOf(name).repeats) return undefined;
  const isList = value.every((item) =>
    typeof item === "string" && item !== "" && !item.includes(",")
  );
  return isList ? value.join() : undefined;
}

function readTls(
  { certFile, keyFile, ...at }: Omit<TlsConfig, "certificate">,
  surroundings: Surroundings,
): TlsConfig | null {
  if (certFile === "" && keyFile === "") return null;
  if (keyFile === "") throw new UsageError("--tls-cert takes its key as well: --tls-key FILE");
  if (certFile === "") {
    throw new UsageError("--tls-key takes its certificate as well: --tls-cert FILE");
  }
  const cert = readFile(certFile, surroundings);
  const key = readFile(keyFile, surroundings);
  return { ...at, certFile, keyFile, certificate: { cert, key } };
}

/** Where plain text is spoken: with TLS on this machine alone, unless that is meant. */
function plainHost(
  given: { readonly host: string; readonly plainHost: string; readonly tls: TlsConfig | null },
): string {
  const { host, plainHost, tls } = given;
  if (tls !== null) return plainHost === "" ? LOOPBACK : plainHost;
  if (plainHost === "") return host;
  throw new UsageError(
    "--plain-host is for servers with a certificate (--tls-cert); else use --host",
  );
}

function readWeb(
  web: { readonly scheme: string; readonly at: ListenAddress } | null,
  tls: TlsConfig | null,
): WebConfig | null {
  if (web === null) return null;
  if (web.scheme === "https" && tls === null) {
    throw new UsageError("--web over https takes a certificate: --tls-cert FILE --tls-key FILE");
  }
  return { ...web.at, isTls: tls !== null && web.scheme !== "http" };
}

function readMotd(path: string, surroundings: Surroundings): string[] {
  if (path === "") return [];
  const text = readFile(path, surroundings);
  if (new TextEncoder().encode(text).length > MOTD_BYTES_MAX) {
    throw new UsageError(`${path} has more than ${MOTD_BYTES_MAX} bytes, too long for a greeting`);
  }
  const greeting = text.trimEnd();
  return greeting === "" ? [] : greeting.split(/\r?\n/).map(cleanText);
}

/**
 * The first line of the password file. What is wrong with it is told without
 * showing any of it.
 */
function readPassword(path: string, surroundings: Surroundings): string | null {
  if (path === "") return null;
  const text = readFile(path, surroundings).replace(/^\ufeff/, "");
  const password = (text.split("\n")[0] ?? "").replace(/\r$/, "");
  const length = [...password].length;
  if (length < PASSWORD_LENGTH_MIN || length > PASSWORD_LENGTH_MAX) {
    throw new UsageError(
      `The first line of ${path} must be a password of ` +
        `${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters`,
    );
  }
  if (cleanText(password).trim() !== password) {
    throw new UsageError(
      `The password in ${path} has a character that cannot be seen, or a space before or after it`,
    );
  }
  return password;
}

/**
 * Keeps the password of all from being sent where anybody can read it, unless that is meant.
 *
 * @throws {UsageError} If it would be.
 */
export function checkPlaintext(config: Config): void {
  const { allowPlaintextPasswords, host, password, web, forwardedFrom } = config;
  if (password === null || allowPlaintextPasswords) return;
  // What a proxy forwards may have come to it over TLS; it says so for each request.
  const isWebPlain = web !== null && !web.isTls && forwardedFrom.length === 0;
  const exposed = [host, ...isWebPlain ? [web.host] : []].find((each) => !isLocalHost(each));
  if (exposed === undefined) return;
  throw new UsageError(
    `With --password-file on ${exposed} the password would cross the network as plain text, which ` +
      `anybody on it can read: give a certificate (--tls-cert), listen on 127.0.0.1 and let ` +
      `people in through SSH, or give --allow-plaintext-passwords`,
  );
}

function checkBackup(to: string, { db }: Config): void {
  const flag = `--${BACKUP_FLAG}`;
  if (!isFileName(to) || to === DB_IN_MEMORY) {
    throw new UsageError(`${flag} takes the name of a file, not ${quote(to)}`);
  }
  if (db === DB_IN_MEMORY) {
    throw new UsageError(`${flag} has nothing to copy: the database is ${DB_IN_MEMORY}`);
  }
  if (to === db) throw new UsageError(`${flag} takes another file than the database, ${db}`);
}

function readFile(path: string, surroundings: Surroundings): string {
  try {
    return surroundings.readFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function parsePort(text: string): number | undefined {
  return parseWhole(text, { min: 0, max: 65535 });
}

function parseHost(text: string): string | undefined {
  return /^[\w.:%-]+$/.test(text) ? text : undefined;
}

/** `HOST:PORT`; an IPv6 address stands in brackets. */
function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([\w.:%-]+)\]|([\w.%-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = parsePort(match?.[3] ?? "");
  return host === undefined || port === undefined ? undefined : { host, port };
}

function parseWeb(
  text: string,
): { readonly scheme: string; readonly at: ListenAddress } | null | undefined {
  if (text === "" || text === "off") return null;
  const [, scheme = "", rest = ""] = /^(?:(https?):\/\/)?(.*?)\/?$/.exec(text) ?? [];
  const at = parseListenAddress(rest);
  return at === undefined ? undefined : { scheme, at };
}

function parseOrigins(text: string): readonly string[] | undefined {
  const origins = splitList(text).map((item) => URL.parse(item));
  const isRight = origins.every((url) =>
    url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href
  );
  return isRight ? origins.map((url) => url?.origin ?? "") : undefined;
}

function parseNetworks(text: string): readonly string[] | undefined {
  const networks = splitList(text).map(parseNetwork);
  return networks.every((network) => network !== null) ? networks : undefined;
}

function splitList(text: string): string[] {
  return text === "" ? [] : text.split(",").map((item) => item.trim());
}

function parseWhole(text: string, range: { min: number; max: number }): number | undefined {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  return number >= range.min && number <= range.max ? number : undefined;
}

function parseKeep(text: string): number | null | undefined {
  if (text === "off" || text === "forever") return null;
  const ms = parseDuration(text);
  return ms !== null && ms >= KEEP_MS_MIN ? ms : undefined;
}

function parseNames(text: string): readonly string[] | undefined {
  if (text === "") return [];
  const names = text.split(",").map((name) => cleanText(name).trim());
  return names.every((name) => name.length >= 1 && name.length <= OPERATOR_LENGTH_MAX)
    ? names
    : undefined;
}

/** Whether a text can name a file, and be shown in a line of its own. */
function isFileName(text: string): boolean {
  return text.trim() !== "" && !/\p{Cc}/u.test(text);
}

function parseGrace(text: string): number | undefined {
  if (text === "off") return 0;
  const ms = parseDuration(text);
  return ms === null || ms > RESUME_GRACE_MS_MAX ? undefined : ms;
}

function parseRate(text: string): Rate | null | undefined {
  if (text === "off") return null;
  const match = /^(\d{1,6}):(\d{1,6}(?:\.\d{1,3})?)$/.exec(text);
  const rate = { burst: Number(match?.[1]), perSecond: Number(match?.[2]) };
  return rate.burst >= 1 && rate.perSecond > 0 ? rate : undefined;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : `${error}`).split("\n")[0] ?? "";
}
