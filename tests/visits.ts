/**
 * What whole-server tests do again and again: people who come in and hear of one
 * another, names that are registered already, and a way in that is not loopback.
 *
 * @module
 */

import { nameKey, nameSkeleton } from "../lib/chat/names.ts";
import { ScryptPasswords } from "../lib/store/scrypt_passwords.ts";
import { openStore } from "../lib/store/sqlite_store.ts";
import type { Guest, TestServer } from "./harness.ts";

/** When registered names of a {@linkcode Folder} were registered: noon of a winter's day, local time. */
export const NOON = new Date(2026, 0, 2, 12).getTime();

/** The address under which other machines reach this one. In CI there has to be one. */
export const LAN = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !address.startsWith("127.")
)?.address;

/** The settings of a test that needs that address: where there is none, it says so on screen. */
export function overLan(name: string): { name: string; ignore: boolean } {
  return LAN !== undefined || Deno.env.get("CI") === "true"
    ? { name, ignore: false }
    : { name: `${name} (ignored: this machine has no address but its own)`, ignore: true };
}

/** People who are in, and have heard of one another. */
export async function gather<const Names extends readonly string[]>(
  server: TestServer,
  stack: AsyncDisposableStack,
  names: Names,
): Promise<{ [Index in keyof Names]: Guest }> {
  const guests: Guest[] = [];
  for (const name of names) guests.push(stack.use(await server.join(name)));
  for (const guest of guests) await guest.roundtrip();
  return guests as { [Index in keyof Names]: Guest };
}

/** What somebody is shown from when they type something until it is done. */
export async function ask(guest: Guest, line: string): Promise<string[]> {
  guest.say(line);
  return await guest.roundtrip();
}

/** Does things of which only the effect matters, and forgets what those involved are shown. */
export async function arrange(
  steps: readonly (readonly [guest: Guest, line: string])[],
): Promise<void> {
  for (const [guest, line] of steps) await ask(guest, line);
  for (const [guest] of steps) await guest.roundtrip();
}

/** The password that tests give a name. */
export function passwordOf(name: string): string {
  return `${name}-has-a-secret`;
}

/** A folder with a database in which some names are registered: at a price that is no price. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async with(...names: string[]): Promise<Folder> {
    const folder = new Folder(await Deno.makeTempDir({ prefix: "parley-names-" }));
    using store = openStore({ path: folder.db, keepMs: null });
    const passwords = new ScryptPasswords({ n: 2, r: 1, p: 1 });
    for (const name of names) {
      store.addAccount({
        name,
        key: nameKey(name),
        skeleton: nameSkeleton(name),
        password: await passwords.hash(passwordOf(name)),
        isOperator: false,
        madeAtMs: NOON,
        seenAtMs: NOON,
      });
    }
    return folder;
  }

  get db(): string {
    return `${this.path}/parley.db`;
  }

  /** Every byte of every file, a character each. */
  async bytes(): Promise<string> {
    let all = "";
    for await (const { name } of Deno.readDir(this.path)) {
      all += new TextDecoder("latin1").decode(await Deno.readFile(`${this.path}/${name}`));
    }
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
