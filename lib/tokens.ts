/**
 * Tokens by which a user comes back: random, and known to the server by a hash.
 *
 * A token has 256 random bits, so that a fast hash is enough to keep it from who
 * reads the database.
 * Must not know: who has which token.
 *
 * @module
 */

const TOKEN_BYTES = 32;

/** Makes tokens, and tells what they are known by. */
export class Tokens {
  #secret: string;

  /**
   * Tokens for one server.
   *
   * @param secret What they are worth nothing without: the server's password, so that
   *   another password asks everybody for it again. Empty for none.
   */
  constructor(secret: string) {
    this.#secret = secret;
  }

  /** Goes by another secret from now on: what was made under the one before is worth nothing. */
  set secret(secret: string) {
    this.#secret = secret;
  }

  /** One that nobody can guess, as text without spaces. */
  async make(): Promise<{ readonly token: string; readonly hash: string }> {
    const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
    const token = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    return { token, hash: await this.hash(token) };
  }

  /** What a token is known by: SHA-256 (FIPS 180-4) as text. Whatever the token is, there is one. */
  async hash(token: string): Promise<string> {
    const bytes = new TextEncoder().encode(`${token}\n${this.#secret}`);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return digest.toBase64({ alphabet: "base64url", omitPadding: true });
  }
}
