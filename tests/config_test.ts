// What the server is started with: every option as a flag, as an environment
// variable and as a key of the configuration file, which of them wins, and the
// exact line that each mistake gets. Tables over `readConfig`, which is handed
// an environment and files that exist only here.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Config, formatHelp, isLocalHost, readConfig, type Request } from "../lib/config.ts";
import { UsageError } from "../lib/errors.ts";

type Texts = Readonly<Record<string, string>>;

function read(args: readonly string[], env: Texts = {}, files: Texts = {}): Request {
  return readConfig(args, {
    env: (name) => env[name],
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
  });
}

function config(args: readonly string[], env: Texts = {}, files: Texts = {}): Config {
  const request = read(args, env, files);
  assert(request.type === "serve", `a server is started, not ${request.type}`);
  return request.config;
}

function mistake(args: readonly string[], env: Texts = {}, files: Texts = {}): string {
  const { message } = assertThrows(() => read(args, env, files), UsageError);
  assert(!message.includes("\n"), "a mistake is one line");
  return message;
}

const DEFAULT: Config = {
  host: "127.0.0.1",
  port: 2022,
  tls: null,
  web: null,
  webOrigins: [],
  metrics: null,
  proxyProtocolFrom: [],
  forwardedFrom: [],
  idleMs: 300_000,
  resumeGraceMs: 60_000,
  rate: { burst: 10, perSecond: 4 },
  connectionsMax: 10_000,
  perAddressMax: 64,
  name: "Parley",
  motd: [],
  db: "parley.db",
  keepMs: 365 * 86_400_000,
  operators: [],
  password: null,
  allowPlaintextPasswords: false,
  logFormat: "text",
  logLevel: "info",
};

const FILES = {
  "hello.txt": "Be kind.\r\n\tNo \x1b[31mred\x1b[0m ink.\n\n",
  "password.txt": "correct horse\r\nbattery staple\r\n",
  "cert.pem": "a certificate",
  "key.pem": "its key",
};

const TLS = {
  host: "127.0.0.1",
  port: 2023,
  certFile: "cert.pem",
  keyFile: "key.pem",
  certificate: { cert: "a certificate", key: "its key" },
};
const TLS_FLAGS = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/** Each option that takes a value: its name, a text for it, and what that makes of the configuration. */
const OPTIONS: readonly (readonly [name: string, text: string, made: Partial<Config>])[] = [
  ["host", "0.0.0.0", { host: "0.0.0.0" }],
  ["host", "::1", { host: "::1" }],
  ["host", "chat.example", { host: "chat.example" }],
  ["port", "0", { port: 0 }],
  ["port", "65535", { port: 65535 }],
  ["idle", "30s", { idleMs: 30_000 }],
  ["idle", "1.5m", { idleMs: 90_000 }],
  ["idle", "off", { idleMs: null }],
  ["resume-grace", "5m", { resumeGraceMs: 300_000 }],
  ["resume-grace", "off", { resumeGraceMs: 0 }],
  ["rate", "1:0.5", { rate: { burst: 1, perSecond: 0.5 } }],
  ["rate", "off", { rate: null }],
  ["max-connections", "1", { connectionsMax: 1 }],
  ["max-connections", "1000000", { connectionsMax: 1_000_000 }],
  ["max-per-address", "7", { perAddressMax: 7 }],
  ["name", " The \x1b[1mLab\u{202e} ", { name: "The Lab" }],
  ["name", "5", { name: "5" }],
  ["motd", "hello.txt", { motd: ["Be kind.", " No red ink."] }],
  ["db", "/var/lib/parley/all of it.db", { db: "/var/lib/parley/all of it.db" }],
  ["db", ":memory:", { db: ":memory:" }],
  ["keep", "1m", { keepMs: 60_000 }],
  ["keep", "30d", { keepMs: 30 * 86_400_000 }],
  ["keep", "off", { keepMs: null }],
  ["keep", "forever", { keepMs: null }],
  ["operator", "ann", { operators: ["ann"] }],
  ["operator", " \x1b[1mAnn\u{202e}, bob,5", { operators: ["Ann", "bob", "5"] }],
  ["operator", "x".repeat(100), { operators: ["x".repeat(100)] }],
  ["password-file", "password.txt", { password: "correct horse" }],
  ["tls-port", "443", {}],
  ["web", "0.0.0.0:80", { web: { host: "0.0.0.0", port: 80, isTls: false } }],
  ["web", "http://[::1]:8080/", { web: { host: "::1", port: 8080, isTls: false } }],
  ["web", "off", { web: null }],
  ["web-origin", "https://chat.example, http://a:81/", {
    webOrigins: ["https://chat.example", "http://a:81"],
  }],
  ["metrics", "localhost:9100", { metrics: { host: "localhost", port: 9100 } }],
  ["metrics", "off", { metrics: null }],
  ["proxy-protocol-from", "192.0.2.7, 2001:DB8::1/32", {
    proxyProtocolFrom: ["192.0.2.7/32", "2001:db8::/32"],
  }],
  ["forwarded-from", "10.1.2.3/8", { forwardedFrom: ["10.0.0.0/8"] }],
  ["log", "json", { logFormat: "json" }],
  ["log-level", "debug", { logLevel: "debug" }],
  ["log-level", "off", { logLevel: "off" }],
];

const SWITCH = "allow-plaintext-passwords";
/** What may be written for a switch, and what it means. */
const SWITCH_TEXTS: readonly (readonly [text: string, isOn: boolean])[] = [
  ["1", true],
  ["true", true],
  ["yes", true],
  ["0", false],
  ["false", false],
  ["no", false],
  ["", false],
];

Deno.test("readConfig() without anything gives the defaults", () => {
  assertEquals(read([]), { type: "serve", config: DEFAULT });
  assertEquals(read(["--"]), { type: "serve", config: DEFAULT });
});

Deno.test("readConfig() reads each option as a flag, a variable and a key", () => {
  for (const [name, text, made] of OPTIONS) {
    const wanted = { ...DEFAULT, ...made };
    const variable = `PARLEY_${name.replaceAll("-", "_").toUpperCase()}`;
    assertEquals(config([`--${name}`, text], {}, FILES), wanted, `--${name} ${text}`);
    assertEquals(config([`--${name}=${text}`], {}, FILES), wanted, `--${name}=${text}`);
    assertEquals(config([], { [variable]: text }, FILES), wanted, `${variable}=${text}`);
    const file = { ...FILES, "c.json": JSON.stringify({ [name]: text }) };
    assertEquals(config(["--config", "c.json"], {}, file), wanted, `${name} in a file`);
  }
  // These mean something together; a test of their own has them.
  const together = ["tls-cert", "tls-key", "plain-host"];
  const named = new Set([...OPTIONS.map(([name]) => name), ...together, "config", "backup"]);
  const listed = [...formatHelp("serve").matchAll(/^ {2}--([a-z-]+) [A-Z]/gm)].map(([, name]) =>
    name
  );
  assertEquals(listed.filter((name) => !named.has(name ?? "")), []);
});

Deno.test("readConfig() reads a certificate, and leaves plain text on loopback then", () => {
  assertEquals(config(TLS_FLAGS, {}, FILES), { ...DEFAULT, tls: TLS });
  const open = [...TLS_FLAGS, "--host", "0.0.0.0", "--tls-port", "443"];
  const tls = { ...TLS, host: "0.0.0.0", port: 443 };
  assertEquals(config(open, {}, FILES), { ...DEFAULT, tls });
  const wanted = { ...DEFAULT, host: "192.0.2.1", tls };
  assertEquals(config([...open, "--plain-host", "192.0.2.1"], {}, FILES), wanted);
  const web = (at: string): Config["web"] => config([...TLS_FLAGS, "--web", at], {}, FILES).web;
  assertEquals(web("[::]:443"), { host: "::", port: 443, isTls: true });
  assertEquals(web("https://a:443"), { host: "a", port: 443, isTls: true });
  assertEquals(web("http://127.0.0.1:80"), { host: "127.0.0.1", port: 80, isTls: false });
  // The password is asked for where nobody else can read it.
  const password = [...open, "--password-file", "password.txt"];
  assertEquals(config(password, {}, FILES).password, "correct horse");
  assertEquals(config([...password, "--web", "[::]:443"], {}, FILES).password, "correct horse");
});

Deno.test("readConfig() says what is wrong with doors", () => {
  const cases: readonly (readonly [args: string[], message: string])[] = [
    [["--tls-cert", "cert.pem"], "--tls-cert takes its key as well: --tls-key FILE"],
    [["--tls-key", "key.pem"], "--tls-key takes its certificate as well: --tls-cert FILE"],
    [[...TLS_FLAGS, "--tls-cert", "none.pem"], "Cannot read none.pem: no such file"],
    [
      ["--plain-host", "0.0.0.0"],
      "--plain-host is for servers with a certificate (--tls-cert); else use --host",
    ],
    [
      ["--web", "https://0.0.0.0:443"],
      "--web over https takes a certificate: --tls-cert FILE --tls-key FILE",
    ],
  ];
  for (const [args, message] of cases) assertEquals(mistake(args, {}, FILES), message);
  for (const text of ["8080", ":8080", "a:b", "a:70000", "ftp://a:1", "::1:80", "http://a:1/x"]) {
    assertStringIncludes(mistake(["--web", text]), "--web takes an address and a port such as ");
  }
  for (const text of ["chat.example", "https://a/b", "https://a?x", "ws://a", "https://", "x,,"]) {
    assertStringIncludes(mistake(["--web-origin", text]), "--web-origin takes origins such as ");
  }
  for (const text of ["proxy", "10.0.0.0/33", "1.2.3.4,", "*"]) {
    for (const flag of ["--proxy-protocol-from", "--forwarded-from"]) {
      assertStringIncludes(mistake([flag, text]), `${flag} takes addresses or networks such as `);
    }
  }
});

Deno.test("readConfig() takes a flag over a variable over a file over a default", () => {
  const files = { "c.json": '{"port": 3, "idle": "3s", "name": "three", "max-connections": 3}' };
  const env = { PARLEY_CONFIG: "c.json", PARLEY_PORT: "2", PARLEY_IDLE: "2s", PARLEY_NAME: "two" };
  const { port, idleMs, name, connectionsMax, perAddressMax } = config(
    ["--port", "1", "--idle=1s"],
    env,
    files,
  );
  assertEquals([port, idleMs, name], [1, 1_000, "two"]);
  assertEquals([connectionsMax, perAddressMax], [3, 64]);
});

Deno.test("readConfig() reads a switch as a flag, a variable and a key", () => {
  const isOn = (args: readonly string[], env: Texts = {}, file = "{}"): boolean =>
    config(["--config", "c.json", ...args], env, { "c.json": file }).allowPlaintextPasswords;
  const variable = "PARLEY_ALLOW_PLAINTEXT_PASSWORDS";
  assert(isOn([`--${SWITCH}`]));
  assert(isOn([`--${SWITCH}`, "--port", "1"]));
  for (const [text, wanted] of SWITCH_TEXTS) {
    assertEquals(isOn([`--${SWITCH}=${text}`]), wanted, `--${SWITCH}=${text}`);
    assertEquals(isOn([], { [variable]: text }), wanted, `${variable}=${text}`);
    const file = JSON.stringify({ [SWITCH]: text });
    assertEquals(isOn([], {}, file), wanted, file);
  }
  for (const value of [true, false, 1, 0]) {
    assertEquals(isOn([], {}, `{"${SWITCH}": ${value}}`), Boolean(value), `${value} in a file`);
  }
  const file = `{"${SWITCH}": true}`;
  assert(!isOn([`--${SWITCH}=no`], { [variable]: "yes" }, file));
  assert(!isOn([], { [variable]: "no" }, file));
  assert(isOn([], { [variable]: "" }, file));
});

Deno.test("readConfig() takes operators from several flags, and from a list in the file", () => {
  const operators = (args: readonly string[], file = '{"operator": ["eve", " Zoe "]}') =>
    config(["--config", "c.json", ...args], {}, { "c.json": file }).operators;
  assertEquals(operators([]), ["eve", "Zoe"]);
  assertEquals(operators(["--operator", "ann", "--port=1", "--operator=bob"]), ["ann", "bob"]);
  assertEquals(operators(["--operator", "ann,bob", "--operator", "cy"]), ["ann", "bob", "cy"]);
  assertEquals(operators(["--operator="]), []);
  assertEquals(operators([], '{"operator": []}'), []);
  const env = { PARLEY_OPERATOR: "dan", PARLEY_CONFIG: "c.json" };
  assertEquals(config([], env, { "c.json": '{"operator": "eve"}' }).operators, ["dan"]);
  assertEquals(config(["--operator", "ann"], env, { "c.json": "{}" }).operators, ["ann"]);
});

Deno.test("readConfig() takes the file that the flag names over that of the variable", () => {
  const files = { "a.json": '{"port": 1}', "b.json": '{"port": 2}' };
  assertEquals(config(["--config=b.json"], { PARLEY_CONFIG: "a.json" }, files).port, 2);
});

Deno.test("readConfig() takes the last of a flag that is given twice", () => {
  assertEquals(config(["--port", "1", "--port", "2"]).port, 2);
});

Deno.test("readConfig() takes an empty variable for one that is not set", () => {
  const request = readConfig([], { env: () => "", readFile: () => "" });
  assertEquals(request, readConfig([], { env: () => undefined, readFile: () => "" }));
});

Deno.test("readConfig() says for each bad value where it is and what would be right", () => {
  const whole = "a whole number from 1 to 1000000";
  const rate = 'a burst and a pace such as 10:4, or "off"';
  const idle = 'a duration such as 30s or 5m, or "off"';
  const keep = 'a duration such as 30d, 1 minute at least, or "forever"';
  const db = 'the name of a file, or ":memory:"';
  const names = "names of 1 to 100 visible characters with commas between them";
  const cases: readonly (readonly [name: string, text: string, expects: string])[] = [
    ["host", "a=b", "an address or a host name"],
    ["port", "65536", "a whole number from 0 to 65535"],
    ["port", "-1", "a whole number from 0 to 65535"],
    ["port", "20 22", "a whole number from 0 to 65535"],
    ["port", "0x10", "a whole number from 0 to 65535"],
    ["port", "2022.0", "a whole number from 0 to 65535"],
    ["idle", "5", idle],
    ["idle", "0s", idle],
    ["idle", "-5m", idle],
    ["idle", "OFF", idle],
    ["idle", "999999999d", idle],
    ["rate", "10", rate],
    ["rate", "0:4", rate],
    ["rate", "10:0", rate],
    ["rate", "10:4:1", rate],
    ["max-connections", "0", whole],
    ["max-connections", "1000001", whole],
    ["max-per-address", "many", whole],
    ["name", "\x1b[31m", "1 to 60 visible characters"],
    ["name", "x".repeat(61), "1 to 60 visible characters"],
    ["db", " ", db],
    ["db", "a\nb", db],
    ["keep", "59s", keep],
    ["keep", "365", keep],
    ["keep", "never", keep],
    ["keep", "999999999d", keep],
    ["operator", " ", names],
    ["operator", "ann,", names],
    ["operator", "ann,,bob", names],
    ["operator", "ann,\x1b[31m", names],
    ["operator", "x".repeat(101), names],
    [SWITCH, "maybe", "true or false"],
    [SWITCH, "TRUE", "true or false"],
    [SWITCH, "2", "true or false"],
    ["log", "xml", "one of text, json"],
    ["log-level", "INFO", "one of debug, info, warning, error, off"],
  ];
  for (const [name, text, expects] of cases) {
    const rest = `takes ${expects}, not ${JSON.stringify(text)}`;
    const variable = `PARLEY_${name.replaceAll("-", "_").toUpperCase()}`;
    assertEquals(mistake([`--${name}=${text}`]), `--${name} ${rest}`);
    assertEquals(mistake([], { [variable]: text }), `${variable} ${rest}`);
    assertEquals(
      mistake(["--config", "c.json"], {}, { "c.json": JSON.stringify({ [name]: text }) }),
      `"${name}" in c.json ${rest}`,
    );
  }
  // An empty variable is not set; an empty flag or key is a mistake where nothing is no value.
  assertEquals(mistake(["--db="]), `--db takes ${db}, not ""`);
  assertEquals(mistake(["--keep="]), `--keep takes ${keep}, not ""`);
  assertEquals(mistake([`--${SWITCH}`, "maybe"]), `--${SWITCH} takes true or false, not "maybe"`);
});

Deno.test("readConfig() refuses what is no flag", () => {
  const cases: readonly (readonly [args: string[], message: string])[] = [
    [["--bogus"], "Unknown flag --bogus; --help lists the flags"],
    [["--bogus=1"], "Unknown flag --bogus; --help lists the flags"],
    [["--Port", "1"], "Unknown flag --Port; --help lists the flags"],
    [["--no-check"], "Unknown flag --no-check; --help lists the flags"],
    [[`--no-${SWITCH}`], `Unknown flag --no-${SWITCH}; --help lists the flags`],
    [["--password", "x"], "Unknown flag --password; --help lists the flags"],
    [["--port.x", "1"], "Unknown flag --port.x; --help lists the flags"],
    [["--__proto__", "1"], "Unknown flag --__proto__; --help lists the flags"],
    [["-p", "1"], "Unknown flag -p; --help lists the flags"],
    [["-"], "Unknown flag -; --help lists the flags"],
    [["2022"], 'Unexpected "2022"; --help lists the flags'],
    [["--port", "1", "2"], 'Unexpected "2"; --help lists the flags'],
    [["--", "--port", "1"], 'Unexpected "--" before "--port"; flags go without it'],
  ];
  for (const [args, message] of cases) assertEquals(mistake(args), message);
});

Deno.test("readConfig() refuses a flag without its value", () => {
  for (const [name] of [...OPTIONS, ["config"], ["backup"]]) {
    const message = `--${name} needs a value; --help shows which`;
    assertEquals(mistake([`--${name}`]), message);
    assertEquals(mistake([`--${name}`, "--check"]), message);
  }
  const message = "--operator needs a value; --help shows which";
  assertEquals(mistake(["--operator", "ann", "--operator"]), message);
  assertEquals(mistake(["--operator", "--operator=ann"]), message);
});

Deno.test("readConfig() tells what is wrong with the configuration file", () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ["{", /^c\.json is not JSON: ./],
    ["", /^c\.json is not JSON: ./],
    ["[]", /^c\.json holds no JSON object such as \{"port": 2022\}$/],
    ["null", /^c\.json holds no JSON object such as \{"port": 2022\}$/],
    ["5", /^c\.json holds no JSON object such as \{"port": 2022\}$/],
    ['{"prot": 1}', /^Unknown key "prot" in c\.json$/],
    ['{"--port": 1}', /^Unknown key "--port" in c\.json$/],
    ['{"__proto__": 1}', /^Unknown key "__proto__" in c\.json$/],
    ['{"config": "d.json"}', /^Unknown key "config" in c\.json$/],
    ['{"backup": "copy.db"}', /^Unknown key "backup" in c\.json$/],
    ['{"password": "correct horse"}', /^Unknown key "password" in c\.json$/],
    ['{"db": ["a.db"]}', /^"db" in c\.json takes the name of a file, or ":memory:"$/],
    ['{"operator": [5]}', /^"operator" in c\.json takes names of 1 to 100 visible characters/],
    ['{"operator": [""]}', /^"operator" in c\.json takes names of 1 to 100 visible characters/],
    ['{"operator": [" "]}', /^"operator" in c\.json takes names of 1 to 100 visible characters/],
    ['{"operator": ["a,b"]}', /^"operator" in c\.json takes names of 1 to 100 visible charact/],
    ['{"operator": {"0": "ann"}}', /^"operator" in c\.json takes names of 1 to 100 visible/],
    ['{"operator": true}', /^"operator" in c\.json takes names of 1 to 100 visible/],
    [`{"${SWITCH}": null}`, /^"allow-plaintext-passwords" in c\.json takes true or false$/],
    [`{"${SWITCH}": [true]}`, /^"allow-plaintext-passwords" in c\.json takes true or false$/],
    [`{"${SWITCH}": 2}`, /^"allow-plaintext-passwords" in c\.json takes true or false, not "2"$/],
    ['{"port": null}', /^"port" in c\.json takes a whole number from 0 to 65535$/],
    ['{"port": true}', /^"port" in c\.json takes a whole number from 0 to 65535$/],
    ['{"port": [1]}', /^"port" in c\.json takes a whole number from 0 to 65535$/],
    ['{"port": 1e21}', /^"port" in c\.json takes a whole number .* not "1e\+21"$/],
    ['{"port": 2022.5}', /^"port" in c\.json takes a whole number .* not "2022\.5"$/],
  ];
  for (const [text, message] of cases) {
    assert(message.test(mistake(["--config", "c.json"], {}, { "c.json": text })), text);
  }
  assertEquals(mistake(["--config", "none.json"]), "Cannot read none.json: no such file");
});

Deno.test("readConfig() reads a configuration file with a byte order mark", () => {
  assertEquals(config(["--config", "c.json"], {}, { "c.json": '\u{feff}{"port": 7}' }).port, 7);
});

Deno.test("readConfig() reads the message of the day as clean lines, and takes no long one", () => {
  const motdOf = (text: string): readonly string[] => config(["--motd", "m"], {}, { m: text }).motd;
  assertEquals(motdOf("one\n\nthree\n\n\n"), ["one", "", "three"]);
  assertEquals(motdOf("\u{feff}one\r\ntwo"), ["one", "two"]);
  assertEquals(motdOf("a\u{202e}b\x9b31mc\rd"), ["abcd"]);
  assertEquals(motdOf(""), []);
  assertEquals(motdOf("\n\n"), []);
  assertEquals(motdOf("x".repeat(4096)).length, 1);
  assertEquals(
    mistake(["--motd", "m"], {}, { m: "\u{e9}".repeat(2049) }),
    "m has more than 4096 bytes, too long for a greeting",
  );
  assertEquals(mistake(["--motd", "none"]), "Cannot read none: no such file");
});

Deno.test("readConfig() reads the password as the first line of its file", () => {
  const passwordOf = (text: string): string | null =>
    config(["--password-file", "p"], {}, { p: text }).password;
  for (const end of ["", "\n", "\r\n", "\nsecond line\n", "\r\n\r\n"]) {
    assertEquals(passwordOf(`correct  horse${end}`), "correct  horse");
  }
  assertEquals(passwordOf("\u{feff}correct horse"), "correct horse");
  assertEquals(passwordOf("\u{1f40e}".repeat(8)), "\u{1f40e}".repeat(8));
  assertEquals(passwordOf("\u{1f40e}".repeat(200)), "\u{1f40e}".repeat(200));
  // An empty text for the file is as good as none: it takes back what the environment says.
  assertEquals(
    config(["--password-file="], { PARLEY_PASSWORD_FILE: "password.txt" }, FILES).password,
    null,
  );
});

Deno.test("readConfig() tells what is wrong with a password, and does not show it", () => {
  const length = "The first line of p must be a password of 8 to 200 characters";
  const look =
    "The password in p has a character that cannot be seen, or a space before or after it";
  const cases: readonly (readonly [text: string, message: string])[] = [
    ["", length],
    ["\ncorrect horse\n", length],
    ["seven77\n", length],
    ["\u{1f40e}".repeat(7), length],
    ["x".repeat(201), length],
    [" correct horse", look],
    ["correct horse \r\n", look],
    ["correct\thorse", look],
    ["correct \x1b[31mhorse", look],
    ["correct \u{202e}horse", look],
    ["correct horse\r\r\n", look],
  ];
  for (const [text, message] of cases) {
    assertEquals(mistake(["--password-file", "p"], {}, { p: text }), message, JSON.stringify(text));
  }
  assertEquals(mistake(["--password-file", "none"]), "Cannot read none: no such file");
});

Deno.test("readConfig() lets nobody send the password over a network by accident", () => {
  const password = ["--password-file", "password.txt"];
  for (const host of ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "localhost"]) {
    assertEquals(config([...password, "--host", host], {}, FILES).password, "correct horse", host);
  }
  const hosts = ["0.0.0.0", "::", "192.0.2.1", "chat.example", "localhost.example", "127.example"];
  for (const host of hosts) {
    const message =
      `With --password-file on ${host} the password would cross the network as plain text, ` +
      "which anybody on it can read: give a certificate (--tls-cert), listen on 127.0.0.1 and " +
      "let people in through SSH, or give --allow-plaintext-passwords";
    assertEquals(mistake([...password, "--host", host], {}, FILES), message);
    assertEquals(mistake([...password, "--host", host, "--check"], {}, FILES), message);
    const env = { PARLEY_HOST: host, PARLEY_PASSWORD_FILE: "password.txt" };
    assertEquals(mistake([], env, FILES), message);
    assertEquals(config([`--${SWITCH}`], env, FILES).password, "correct horse");
    assertEquals(config(["--password-file="], env, FILES).host, host);
    const web = [...password, "--web", `${host.includes(":") ? `[${host}]` : host}:80`];
    assertEquals(mistake(web, {}, FILES), message);
    const proxied = [...web, "--forwarded-from", "10.0.0.1"];
    assertEquals(config(proxied, {}, FILES).password, "correct horse");
  }
});

Deno.test("isLocalHost() knows what no other machine can reach", () => {
  for (const host of ["127.0.0.1", "::1", "localhost", "LocalHost"]) {
    assert(isLocalHost(host), host);
  }
  for (const host of ["0.0.0.0", "::", "", "127", "local"]) assert(!isLocalHost(host), host);
});

Deno.test("readConfig() says what else is asked for: --help, --version, --check", () => {
  assertEquals(read(["--help"]), { type: "help" });
  assertEquals(read(["-h"]), { type: "help" });
  assertEquals(read(["--version"]), { type: "version" });
  assertEquals(read(["--check"]), { type: "check", config: DEFAULT });
  // Help is there whatever else is wrong with the values; a check is not.
  assertEquals(read(["--port", "x", "--help"]), { type: "help" });
  assertEquals(mistake(["--check", "--port", "x"]), mistake(["--port", "x"]));
  assertEquals(read(["--version", "--help", "--check"]), { type: "help" });
});

Deno.test("readConfig() reads --backup, with the database that is copied", () => {
  const backup = (config: Config) => ({ type: "backup", config, to: "copy.db" } as const);
  assertEquals(read(["--backup", "copy.db"]), backup(DEFAULT));
  const config = { ...DEFAULT, db: "chat.db" };
  assertEquals(read(["--backup=copy.db", "--db", "chat.db"]), backup(config));
  assertEquals(read(["--backup=copy.db"], { PARLEY_DB: "chat.db" }), backup(config));
  // Only the flag asks for one.
  assertEquals(read([], { PARLEY_BACKUP: "copy.db" }), { type: "serve", config: DEFAULT });
  assertEquals(read(["--backup", "copy.db", "--help"]), { type: "help" });
  assertEquals(read(["--backup", "copy.db", "--version"]), { type: "version" });

  const cases: readonly (readonly [args: string[], message: string])[] = [
    [
      ["--backup", "copy.db", "--check"],
      "--backup and --check are two things to do; give one of them",
    ],
    [["--backup="], '--backup takes the name of a file, not ""'],
    [["--backup", ":memory:"], '--backup takes the name of a file, not ":memory:"'],
    [["--backup", "a\nb"], '--backup takes the name of a file, not "a\\nb"'],
    [
      ["--backup", "copy.db", "--db", ":memory:"],
      "--backup has nothing to copy: the database is :memory:",
    ],
    [["--backup", "parley.db"], "--backup takes another file than the database, parley.db"],
    [["--backup", "copy.db", "--port", "x"], mistake(["--port", "x"])],
  ];
  for (const [args, message] of cases) assertEquals(mistake(args), message);
});

Deno.test("formatHelp() lists every option with its default, in lines that fit a terminal", () => {
  const help = formatHelp("deno task serve");
  for (const [name] of OPTIONS) assertStringIncludes(help, `  --${name} `);
  for (const name of [SWITCH, "config", "backup", "check", "help", "version"]) {
    assertStringIncludes(help, `--${name}`);
  }
  for (
    const fallback of [
      "127.0.0.1",
      "2022",
      "5m",
      "10:4",
      "10000",
      "64",
      "Parley",
      "info",
      "parley.db",
      "365d",
    ]
  ) {
    assertStringIncludes(help, `(${fallback})`);
  }
  for (const line of help.split("\n")) assert(line.length <= 100, `too wide: ${line}`);
});
