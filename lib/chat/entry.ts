/**
 * The server's own password, where it has one: what everybody gives to come in.
 *
 * Must not know: connections, how passwords are hashed.
 *
 * @module
 */

import type { Accounts } from "./accounts.ts";
import type { Passwords } from "./store.ts";

/** Lets in who knows the password. */
export class Entry {
  readonly #password: string;
  readonly #passwords: Passwords;
  readonly #accounts: Accounts;
  /** Made when it is first needed: a start need not wait for it. */
  #hash: Promise<string> | null = null;

  /** For a server with this password. */
  constructor(
    password: string,
    options: { readonly passwords: Passwords; readonly accounts: Accounts },
  ) {
    this.#password = password;
    this.#passwords = options.passwords;
    this.#accounts = options.accounts;
  }

  /**
   * Resolves for who may come in.
   *
   * @throws {CommandError} If the password is wrong, or too many were, or it
   *   came over a network that others can read.
   */
  async admit(
    visitor: { readonly address: string; readonly isPrivate: boolean },
    password: string,
  ): Promise<void> {
    this.#accounts.requirePrivate(visitor);
    // Not one count for all: nobody shuts out the others by guessing.
    await this.#accounts.tryPassword(visitor, `entry ${visitor.address}`, async () => {
      this.#hash ??= this.#passwords.hash(this.#password);
      try {
        return await this.#passwords.verify(password, await this.#hash);
      } catch (error) {
        this.#hash = null;
        throw error;
      }
    });
  }
}
