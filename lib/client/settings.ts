/**
 * What the client remembers for each server: how it looks and sounds, the last name, the session,
 * and how the server proves that it is the same.
 *
 * One JSON file in the platform's folder for configurations, which only its
 * owner can read (0600, in a folder of 0700): a session's token is as good as a
 * password. It is written whole and then put in place, so that no reader finds
 * half of it, and under a lock, so that clients which run at the same time undo
 * nothing of each other's; what this version does not know stays in it.
 * Must not know: the environment (it is passed in), servers, the terminal.
 *
 * @module
 */

import { parseFingerprint } from "../fingerprint.ts";
import type { Session } from "./conversation.ts";
import { BY_AUTHORITY, type Proof, type ProofMemory } from "./trust.ts";

/** How the client looks: `auto` goes by the terminal. */
export type ThemeChoice = (typeof THEME_CHOICES)[number];

/** See {@linkcode ThemeChoice}. */
export const THEME_CHOICES = ["dark", "light", "auto"] as const;

/** When the terminal's bell is rung. */
export type BellChoice = (typeof BELL_CHOICES)[number];

/** See {@linkcode BellChoice}. */
export const BELL_CHOICES = ["off", "mentions", "all"] as const;

/** What is remembered for one server. */
export interface ServerSettings {
  /** See {@linkcode ThemeChoice}. @default {"auto"} */
  readonly theme: ThemeChoice;
  /** See {@linkcode BellChoice}. @default {"mentions"} */
  readonly bell: BellChoice;
  /** The name last gone by; null for none. */
  readonly nick: string | null;
  /** What the next connection can go on from; null for nothing. */
  readonly session: Session | null;
  /** What a server that speaks TLS was known by; null for nothing. */
  readonly proof: Proof | null;
}

/** For a server that nothing is remembered for. */
export const SETTINGS_DEFAULT: ServerSettings = {
  theme: "auto",
  bell: "mentions",
  nick: null,
  session: null,
  proof: null,
};

/** The part of the environment that says where configurations are kept. */
export interface SettingsEnvironment {
  /** The user's home. */
  readonly HOME?: string | undefined;
  /** Linux and its like. */
  readonly XDG_CONFIG_HOME?: string | undefined;
  /** Windows. */
  readonly APPDATA?: string | undefined;
}

/** The file's name in its folder, and that of the file that is locked while it is changed. */
const FILE = "client.json";
const LOCK = "client.lock";
const IS_EXCLUSIVE = true;

/**
 * Where this platform keeps the client's settings.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { settingsFolder } from "./settings.ts";
 *
 * assertEquals(settingsFolder("linux", { HOME: "/home/ann" }), "/home/ann/.config/parley");
 * assertEquals(settingsFolder("linux", {}), null);
 * ```
 *
 * @returns Null where the environment does not say.
 */
export function settingsFolder(
  os: typeof Deno.build.os,
  env: SettingsEnvironment,
): string | null {
  // The specification of XDG has relative paths ignored.
  const xdg = env.XDG_CONFIG_HOME?.startsWith("/") === true ? env.XDG_CONFIG_HOME : undefined;
  switch (os) {
    case "windows":
      return present(env.APPDATA, String.raw`\parley`);
    case "darwin":
      return present(env.HOME, "/Library/Application Support/parley");
    default:
      return present(xdg, "/parley") ?? present(env.HOME, "/.config/parley");
  }
}

function present(folder: string | undefined, rest: string): string | null {
  return folder === undefined || folder === "" ? null : folder + rest;
}

/** The settings of all servers. Each method reads the file anew: several clients may run. */
export class Settings {
  readonly #folder: string | null;
  readonly #warn: (line: string) => void;

  /**
   * Reads nothing yet.
   *
   * @param folder See {@linkcode settingsFolder}; null for settings that are not kept.
   * @param warn Takes one line for the user where the file cannot be read or written, which is
   *   never a reason to fail.
   */
  constructor(folder: string | null, warn: (line: string) => void) {
    this.#folder = folder;
    this.#warn = warn;
  }

  /** What is remembered for a server, by its address as `formatServerAddress` writes it. */
  async read(address: string): Promise<ServerSettings> {
    try {
      return settingsFrom((await this.#readAll())[address]);
    } catch (error) {
      this.#warn(`Settings are not read: ${describe(error)}.`);
      return SETTINGS_DEFAULT;
    }
  }

  /**
   * Takes the session out of the file, for this client alone: two that go on from the same one
   * would throw each other out. It is written back with {@linkcode update} at the end.
   */
  async takeSession(address: string): Promise<Session | null> {
    let session: Session | null = null;
    const isTaken = await this.#change((all) => {
      const { session: stored, ...rest } = objectOf(all[address]);
      session = sessionFrom(stored);
      return session === null ? null : { ...all, [address]: rest };
    });
    // One that stays in the file must not be used: another client might use it, too.
    return isTaken ? session : null;
  }

  /** Changes what is remembered for a server; what is not named stays. */
  async update(address: string, changes: Partial<ServerSettings>): Promise<void> {
    await this.#change((all) => ({
      ...all,
      [address]: { ...objectOf(all[address]), ...changes },
    }));
  }

  /** How a server proves that it is the same; null where settings are not kept. */
  proofsOf(address: string): ProofMemory | null {
    if (this.#folder === null) return null;
    return {
      learn: (proof) => this.#learnProof(address, proof),
      replace: (proof) => this.update(address, { proof }),
    };
  }

  async #learnProof(
    address: string,
    proof: Proof,
  ): Promise<{ proof: Proof; isNew: boolean } | null> {
    // What is known counts, even where nothing can be written.
    let { proof: known } = await this.read(address);
    const isKept = known === null && await this.#change((all) => {
      // Another client may have been faster.
      known = settingsFrom(all[address]).proof;
      return known === null ? { ...all, [address]: { ...objectOf(all[address]), proof } } : null;
    });
    if (known !== null) return { proof: known, isNew: false };
    return isKept ? { proof, isNew: true } : null;
  }

  /**
   * Writes what `change` makes of the file, unless that is null.
   *
   * @returns Whether it is written; the user is told where it could not be.
   */
  async #change(change: (all: SettingsFile) => SettingsFile | null): Promise<boolean> {
    const folder = this.#folder;
    if (folder === null) return false;
    try {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
      // Closing it gives the lock up.
      using lock = await Deno.open(`${folder}/${LOCK}`, {
        write: true,
        create: true,
        mode: 0o600,
      });
      await lock.lock(IS_EXCLUSIVE);
      const changed = change(await this.#readAll());
      if (changed !== null) await writeInPlace(`${folder}/${FILE}`, changed);
      return changed !== null;
    } catch (error) {
      this.#warn(`Settings are not kept: ${describe(error)}.`);
      return false;
    }
  }

  /**
   * By address. What is damaged is set aside, and it is begun anew.
   *
   * @throws {Error} If the file cannot be read: what is in it must not be overwritten.
   */
  async #readAll(): Promise<SettingsFile> {
    if (this.#folder === null) return {};
    const path = `${this.#folder}/${FILE}`;
    try {
      const value: unknown = JSON.parse(await Deno.readTextFile(path));
      if (isObject(value)) return value;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return {};
      if (!(error instanceof SyntaxError)) throw error;
    }
    const aside = `${path}.damaged`;
    try {
      await Deno.rename(path, aside);
      this.#warn(`The settings were damaged; they are in ${aside} now, and begin anew.`);
    } catch (error) {
      this.#warn(`The settings are damaged, and cannot be set aside: ${describe(error)}.`);
    }
    return {};
  }
}

/** By address, as it is in the file. */
type SettingsFile = Readonly<Record<string, unknown>>;

/** Readers find the old file or the new one, and nobody else may read either. */
async function writeInPlace(path: string, file: SettingsFile): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(temporary, `${JSON.stringify(file, undefined, 2)}\n`, {
      createNew: true,
      mode: 0o600,
    });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** What a file says of one server, as far as it can be used. */
function settingsFrom(value: unknown): ServerSettings {
  const { theme, bell, nick, session, proof } = objectOf(value);
  return {
    theme: oneOf(theme, THEME_CHOICES) ?? SETTINGS_DEFAULT.theme,
    bell: oneOf(bell, BELL_CHOICES) ?? SETTINGS_DEFAULT.bell,
    nick: typeof nick === "string" && nick !== "" ? nick : null,
    session: sessionFrom(session),
    proof: proofFrom(proof),
  };
}

function proofFrom(value: unknown): Proof | null {
  if (typeof value !== "string") return null;
  return value === BY_AUTHORITY ? value : parseFingerprint(value);
}

function sessionFrom(value: unknown): Session | null {
  const { token, lastId, lastRef } = objectOf(value);
  return typeof token === "string" && token !== "" && isCount(lastId) && isCount(lastRef)
    ? { token, lastId, lastRef }
    : null;
}

function oneOf<const Choice extends string>(
  value: unknown,
  choices: readonly Choice[],
): Choice | undefined {
  return choices.find((choice) => choice === value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function objectOf(value: unknown):
  & { readonly [name: string]: unknown }
  & Partial<
    Record<
      "theme" | "bell" | "nick" | "session" | "proof" | "token" | "lastId" | "lastRef",
      unknown
    >
  > {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\)/u, "");
}
