// The log: that each event has one shape, which programs may rely on, and that nothing that a
// stranger can put into a field gets out of it: no second line, no other field, nothing that
// a terminal would act on.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  configureLog,
  type Log,
  LOG_EVENTS,
  LOG_LEVELS,
  type LogEvent,
  type LogFields,
  type LogFormat,
  type LogLevel,
  openLog,
} from "../lib/log.ts";

const EVENTS = Object.keys(LOG_EVENTS) as LogEvent[];

/** What programs find in each line, before the fields of its event. */
const HEAD = ["time", "level", "event", "message"];

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Texts as a stranger would choose them: those that break lines are more likely than not. */
const HOSTILE = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(
    fc.constantFrom(
      ...["\n", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{1b}[2J", "\u{9b}2J", "\u{7f}", "\0"],
      ...[
        "\u{202e}",
        "\u{200b}",
        "\u{e0001}",
        "\u{feff}",
        "\u{d800}",
        '"',
        "\\",
        "\\n",
        '","level',
      ],
      ...["{address}", "{event}", "{*}", "{{", "}", ": ", "x", "\u{1f600}"],
    ),
    { maxLength: 8 },
  ).map((parts) => parts.join("")),
);

/** What is written while `act` logs. */
function logged(
  options: { readonly format: LogFormat; readonly level: LogLevel },
  act: (log: Log) => void,
): string {
  let written = "";
  configureLog((line) => written += line, options);
  try {
    act(openLog());
  } finally {
    configureLog(() => {}, { format: "text", level: "off" });
  }
  return written;
}

/** Any event, with a value for each of its fields. */
function eventWith(
  value: fc.Arbitrary<string | number>,
): fc.Arbitrary<{ readonly event: LogEvent; readonly fields: LogFields<LogEvent> }> {
  return fc.constantFrom(...EVENTS).chain((event) =>
    fc.record(Object.fromEntries(LOG_EVENTS[event].fields.map((field) => [field, value])))
      .map((fields) => ({ event, fields: fields as LogFields<LogEvent> }))
  );
}

Deno.test("every event's text is made of its fields, and no field takes the place of another", () => {
  for (const event of EVENTS) {
    const { text, fields } = LOG_EVENTS[event];
    const named: readonly string[] = fields;
    const used = [...text.matchAll(/\{([^}]*)\}/g)].map(([, name = ""]) => name);
    assertEquals(used.filter((name) => !named.includes(name)), [], event);
    assertEquals(named.filter((name) => HEAD.includes(name)), [], event);
    assertEquals(new Set(named).size, named.length, event);
    assertMatch(event, /^[a-z]+(-[a-z]+)*$/);
  }
});

Deno.test("every event is one that the program logs", async () => {
  const top = new URL("..", import.meta.url);
  const files = [
    "main.ts",
    ...[...Deno.readDirSync(new URL("lib", top))]
      .filter(({ name }) => name.endsWith(".ts") && name !== "log.ts")
      .map(({ name }) => `lib/${name}`),
  ];
  const code = await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, top))));
  const isLogged = (event: string): boolean => code.some((text) => text.includes(`("${event}", {`));
  assertEquals(EVENTS.filter((event) => !isLogged(event)), []);
});

Deno.test("a JSON line is an object with the time, the level, the event and its fields", () => {
  const line = logged({ format: "json", level: "info" }, (log) =>
    log.info("connection-closed", {
      address: "192.0.2.7",
      via: "tls",
      kind: "slow",
      reason: "Send queue exceeded 262144 bytes",
    }));
  const { time, ...rest } = JSON.parse(line);
  assertMatch(time, TIME);
  assertEquals(rest, {
    level: "info",
    event: "connection-closed",
    message: "Closed 192.0.2.7: Send queue exceeded 262144 bytes",
    address: "192.0.2.7",
    via: "tls",
    kind: "slow",
    reason: "Send queue exceeded 262144 bytes",
  });
});

Deno.test("a text line says when, how grave and what", () => {
  const line = logged(
    { format: "text", level: "info" },
    (log) => log.warning("accept-failed", { pauseMs: 5, error: "no files left" }),
  );
  assertMatch(
    line,
    /^\S+Z \[warning\] parley: Accepting failed, going on in 5 ms: no files left\n$/,
  );
});

Deno.test("whatever the fields hold, a JSON line is one line, and gives them back as they were", () => {
  fc.assert(fc.property(eventWith(HOSTILE), ({ event, fields }) => {
    const line = logged({ format: "json", level: "debug" }, (log) => log.error(event, fields));
    assertMatch(line, /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+\n$/u);
    const { time, level, event: name, message, ...rest } = JSON.parse(line);
    assertMatch(time, TIME);
    assertEquals({ level, name }, { level: "error", name: event });
    assertEquals(rest, { ...fields });
    assertEquals(Object.keys(JSON.parse(line)), [...HEAD, ...LOG_EVENTS[event].fields]);
    assertEquals(
      message,
      LOG_EVENTS[event].text.replaceAll(
        /\{(\w+)\}/g,
        (_, field: string) => String(new Map(Object.entries(fields)).get(field)),
      ),
    );
  }));
});

Deno.test("whatever the fields hold, a text line is one line that a terminal only shows", () => {
  fc.assert(fc.property(eventWith(HOSTILE), ({ event, fields }) => {
    const line = logged({ format: "text", level: "debug" }, (log) => log.error(event, fields));
    assertMatch(line, /^\S+Z \[error\] parley: [^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*\n$/u);
  }));
});

Deno.test("what is no field of the event is not logged", () => {
  const fields = { error: "out of luck", password: "sesame", level: "fake" };
  const line = logged(
    { format: "json", level: "debug" },
    (log) => log.warning("notify-failed", fields),
  );
  assertEquals(Object.keys(JSON.parse(line)), [...HEAD, "error"]);
});

Deno.test("what is less grave than the level is not logged, and nothing where that is off", () => {
  const levels = LOG_LEVELS.filter((level) => level !== "off");
  for (const [index, least] of LOG_LEVELS.entries()) {
    const written = logged({ format: "json", level: least }, (log) => {
      for (const level of levels) log[level]("notify-failed", { error: level });
    });
    const lines = written.split("\n").slice(0, -1);
    assertEquals(lines.map((line) => JSON.parse(line).level), levels.slice(index), least);
  }
});

Deno.test("a log that nobody has configured is silent", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { openLog } from ${JSON.stringify(new URL("../lib/log.ts", import.meta.url).href)};
      openLog().error("notify-failed", { error: "nobody hears it" });
      console.log("done");`,
    ],
    cwd: new URL("..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals({ code, said: decoder.decode(stdout) }, { code: 0, said: "done\n" });
  assertEquals(decoder.decode(stderr), "");
});

Deno.test("an error's stack stays in its line", () => {
  const error = new Error("first\nsecond").stack ?? "";
  const line = logged(
    { format: "text", level: "error" },
    (log) => log.error("task-failed", { task: "Session", error }),
  );
  assertEquals(line.split("\n").length, 2);
  assertStringIncludes(line, "first\\nsecond");
});
