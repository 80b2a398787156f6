/**
 * The operator's log: one line a record on standard error, as text or JSON.
 *
 * Everything that is ever logged stands in {@linkcode LOG_EVENTS}: each event
 * has a stable name and the same fields always, which programs may rely on. No
 * text that a user wrote is logged, no password and no token; addresses are.
 * Whatever a field holds, it stays in its place: it makes no line of its own,
 * no other field, and does nothing to the terminal that shows it.
 * Must not know: who logs.
 *
 * @module
 */

import {
  configureSync,
  getLogger,
  getTextFormatter,
  type Logger,
  type LogRecord,
} from "@logtape/logtape";

/** How log lines look. */
export const LOG_FORMATS = ["text", "json"] as const;
/** See {@linkcode LOG_FORMATS}. */
export type LogFormat = typeof LOG_FORMATS[number];

/** What is logged: this level and those after it. */
export const LOG_LEVELS = ["debug", "info", "warning", "error", "off"] as const;
/** See {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** How an event reads, and what is known of it. */
interface LogEventForm {
  /** For people: each name in braces is one of the fields. */
  readonly text: string;
  /** In the order of the JSON line. */
  readonly fields: readonly string[];
}

/**
 * Everything that is logged. What each field means stands in `deploy/README.md`; names and
 * fields stay, texts may change.
 */
export const LOG_EVENTS = {
  "accept-failed": {
    text: "Accepting failed, going on in {pauseMs} ms: {error}",
    fields: ["pauseMs", "error"],
  },
  "configuration-failed": {
    text: "The configuration stays as it was: {error}",
    fields: ["error"],
  },
  "configuration-replaced": {
    text: "The configuration was read again: {changes}",
    fields: ["changes"],
  },
  "connection-closed": {
    text: "Closed {address}: {reason}",
    fields: ["address", "via", "kind", "reason"],
  },
  "connection-refused": {
    text: "Refused {address}: {code}",
    fields: ["address", "via", "code"],
  },
  "connection-rejected": {
    text: "Rejected {address}: {reason}",
    fields: ["address", "via", "reason"],
  },
  "notify-failed": {
    text: "Could not tell the service manager that the server is ready: {error}",
    fields: ["error"],
  },
  "proxy-unknown": {
    text: "A proxy on this machine passes browsers on, but is not named by --forwarded-from: " +
      "they all count as {address}, and no limit for an address holds for them",
    fields: ["address"],
  },
  "store-failed": {
    text: "{what} failed: {error}",
    fields: ["what", "error"],
  },
  "task-failed": {
    text: "{task} failed: {error}",
    fields: ["task", "error"],
  },
  "wrong-protocol": {
    text: "Turned away {address}: it speaks {guest}, not chat",
    fields: ["address", "via", "guest"],
  },
} as const satisfies Readonly<Record<string, LogEventForm>>;

/** The name of an event. */
export type LogEvent = keyof typeof LOG_EVENTS;

/** What is to be said of an event: a text or a number for each of its fields. */
export type LogFields<Event extends LogEvent> = {
  readonly [Field in (typeof LOG_EVENTS)[Event]["fields"][number]]: string | number;
};

/** A log; without {@linkcode configureLog} it is silent. */
export class Log {
  readonly #logger: Logger = getLogger("parley");

  /** Logs what only somebody needs who looks for something. Never waits. */
  debug<Event extends LogEvent>(event: Event, fields: LogFields<Event>): void {
    this.#logger.debug(LOG_EVENTS[event].text, () => propertiesOf(event, fields));
  }

  /** Logs what is good to know. Never waits. */
  info<Event extends LogEvent>(event: Event, fields: LogFields<Event>): void {
    this.#logger.info(LOG_EVENTS[event].text, () => propertiesOf(event, fields));
  }

  /** Logs what the operator should look at. Never waits. */
  warning<Event extends LogEvent>(event: Event, fields: LogFields<Event>): void {
    this.#logger.warning(LOG_EVENTS[event].text, () => propertiesOf(event, fields));
  }

  /** Logs what failed. Never waits. */
  error<Event extends LogEvent>(event: Event, fields: LogFields<Event>): void {
    this.#logger.error(LOG_EVENTS[event].text, () => propertiesOf(event, fields));
  }
}

/** The log of the program. */
export function openLog(): Log {
  return new Log();
}

/**
 * Decides where the log goes, for the whole program. To be called by an entry.
 *
 * @param write Takes one line with its end.
 */
export function configureLog(
  write: (line: string) => void,
  options: { readonly format: LogFormat; readonly level: LogLevel },
): void {
  const format = options.format === "json" ? formatJson : formatText;
  configureSync({
    reset: true,
    sinks: { stderr: (record: LogRecord) => write(format(record)) },
    loggers: [
      {
        category: "parley",
        sinks: options.level === "off" ? [] : ["stderr"],
        lowestLevel: options.level === "off" ? null : options.level,
      },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: null },
    ],
  });
}

/** An event's name and its fields, in their order, and nothing else. */
function propertiesOf<Event extends LogEvent>(
  event: Event,
  fields: LogFields<Event>,
): Record<string, unknown> {
  const names: readonly (keyof LogFields<Event>)[] = LOG_EVENTS[event].fields;
  return { event, ...Object.fromEntries(names.map((name) => [name, fields[name]])) };
}

function formatJson({ timestamp, level, message, properties }: LogRecord): string {
  const { event, ...fields } = properties;
  const time = new Date(timestamp).toISOString();
  const line = JSON.stringify({ time, level, event, message: message.join(""), ...fields });
  // Between quotation marks, where alone such characters can stand, this is the same character.
  return line.replaceAll(UNSEEN, escapeUnits) + "\n";
}

const formatText = getTextFormatter({
  timestamp: "rfc3339",
  level: "full",
  value: (value) => `${value}`.replaceAll("\n", "\\n").replaceAll(UNSEEN, escapeUnits),
});

/** What may move a cursor, begin a line, turn text round or hide in it. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A character as JSON has it: `\u` and four digits for each of its code units. */
function escapeUnits(character: string): string {
  return character.split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
