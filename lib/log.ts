/**
 * The operator's log: one line a record on standard error, as text or JSON.
 *
 * No text that a user wrote is ever logged. Names are, and addresses.
 * Must not know: who logs.
 *
 * @module
 */

import {
  configureSync,
  getJsonLinesFormatter,
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

/** A log; without {@linkcode configureLog} it is silent. */
export type Log = Logger;

/** The log of the program. */
export function openLog(): Log {
  return getLogger("parley");
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
  const format = options.format === "json"
    ? getJsonLinesFormatter({ categorySeparator: ".", properties: "flatten" })
    : getTextFormatter({ timestamp: "rfc3339", level: "full", value: String });
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
