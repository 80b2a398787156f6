/**
 * Reading the configuration again while the server runs: all of it, or the
 * certificate alone.
 *
 * It is taken as a whole or not at all, and every outcome is told in one line.
 * Nothing here is thrown: whatever is wrong, the server goes on as it was.
 * Must not know: signals, arguments, the environment, how a server applies it.
 *
 * @module
 */

import type { Config } from "./config.ts";
import {
  compareConfigs,
  type ConfigChanges,
  formatChanges,
  mergeConfigs,
} from "./config_changes.ts";
import type { FileOutcome, WatchedFiles } from "./watched_files.ts";

/** What reloading needs of the program. */
export interface ReloadOptions {
  /** What the server runs with. */
  readonly config: Config;
  /** Every file that the configuration was read from. */
  readonly files: Pick<WatchedFiles, "read">;
  /**
   * Reads the configuration as at the start, but for the files.
   *
   * @param readFile Gives the text of a file, or throws the reason for one line.
   * @throws If anything in it is wrong.
   */
  readonly readConfig: (readFile: (path: string) => string) => Config;
  /**
   * Has the server go by `after`, which differs from `before` in nothing that needs a restart.
   *
   * @throws If it cannot, the certificate being no good; then nothing of it may have been applied.
   */
  readonly apply: (after: Config, before: Config) => void;
  /** Told what came of reading again, as `formatChanges` has it. */
  readonly onTaken: (changes: string) => void;
  /** Told in one line why everything stays as it was. */
  readonly onRefused: (why: string) => void;
}

/** Reads again, one time after the other. */
export class Reloader {
  readonly #options: ReloadOptions;
  #config: Config;
  #last: Promise<void> = Promise.resolve();

  /** Reads nothing yet. */
  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /** What the server runs with. */
  get config(): Config {
    return this.#config;
  }

  /** Reads everything again, and says what came of it. Never rejects; resolves once it is applied. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      const { readConfig, onTaken, onRefused } = this.#options;
      try {
        const files = await this.#options.files.read();
        const changes = this.#take(readConfig((path) => {
          const outcome = outcomeOf(path, files);
          if ("text" in outcome) return outcome.text;
          throw new Error(outcome.error);
        }));
        onTaken(formatChanges(changes));
      } catch (error) {
        onRefused(firstLineOf(error));
      }
    });
  }

  /**
   * Reads the certificate and its key again, and nothing else: what is being
   * edited elsewhere waits until somebody asks for it. Says so only if they
   * changed. Never rejects; resolves once they are applied.
   */
  reloadCertificate(): Promise<void> {
    return this.#inTurn(async () => {
      const { onTaken, onRefused } = this.#options;
      const { tls } = this.#config;
      if (tls === null) return;
      try {
        const files = await this.#options.files.read();
        const textOf = (path: string): string => {
          const outcome = outcomeOf(path, files);
          if ("text" in outcome) return outcome.text;
          throw new Error(`Cannot read ${path}: ${outcome.error}`);
        };
        const certificate = { cert: textOf(tls.certFile), key: textOf(tls.keyFile) };
        const changes = this.#take({ ...this.#config, tls: { ...tls, certificate } });
        if (changes.applied.length > 0) {
          onTaken(formatChanges(changes));
        }
      } catch (error) {
        onRefused(firstLineOf(error));
      }
    });
  }

  #take(read: Config): ConfigChanges {
    const before = this.#config;
    const changes = compareConfigs(before, read);
    const after = mergeConfigs(before, read);
    if (changes.applied.length > 0) this.#options.apply(after, before);
    this.#config = after;
    return changes;
  }

  /** Tasks that come to an end by themselves and never reject, each behind the one before. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    return this.#last = this.#last.then(task);
  }
}

function outcomeOf(path: string, files: ReadonlyMap<string, FileOutcome>): FileOutcome {
  return files.get(path) ?? { error: "it was not named when the server started" };
}

function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : `${error}`).split("\n")[0] ?? "";
}
