/**
 * Passwords as scrypt hashes, made on other threads, a few at a time.
 *
 * Must not know: whose they are, where they are kept.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Passwords } from "../chat/store.ts";
import { CommandError } from "../errors.ts";
import {
  HASHES_AT_ONCE,
  HASHES_WAITING_MAX,
  SCRYPT_COST,
  SCRYPT_MEMORY_BYTES_MAX,
  SCRYPT_P_MAX,
} from "../limits.ts";

/** What a hash costs. */
export interface ScryptCost {
  /** Rounds over the memory, a power of two: N. */
  readonly n: number;
  /** Size of a block, in units of 128 bytes: r. */
  readonly r: number;
  /** How often all of it is done: p. */
  readonly p: number;
}

const SALT_BYTES = 16;
const KEY_BYTES = 32;

const FORM = /^scrypt\$([1-9]\d{0,9})\$([1-9]\d{0,3})\$([1-9]\d{0,3})\$([\w-]{22})\$([\w-]{43})$/;

/** Hashes with scrypt, as `scrypt$N$r$p$salt$key`. */
export class ScryptPasswords implements Passwords {
  readonly #cost: ScryptCost;
  #running = 0;
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #isClosed = false;

  /** Hashes at this cost; hashes of another cost are verified at theirs. */
  constructor(cost: ScryptCost = SCRYPT_COST) {
    this.#cost = cost;
  }

  /** See {@linkcode Passwords.hash}. */
  async hash(password: string): Promise<string> {
    const salt = crypto.getRandomValues(Buffer.alloc(SALT_BYTES));
    return formatHash(this.#cost, salt, await this.#derive(password, salt, this.#cost));
  }

  /** See {@linkcode Passwords.verify}. What is no hash of ours has no password. */
  async verify(password: string, hash: string): Promise<boolean> {
    const [, n, r, p, salt, key] = FORM.exec(hash) ?? [];
    if (salt === undefined || key === undefined) return false;
    const cost = { n: Number(n), r: Number(r), p: Number(p) };
    if (!isBearable(cost)) return false;
    const derived = await this.#derive(password, Buffer.from(salt, "base64url"), cost);
    const { timingSafeEqual } = await loadCrypto();
    return timingSafeEqual(derived, Buffer.from(key, "base64url"));
  }

  /** Refuses whoever waits, and whoever would have to: a server that stops waits for none of them. */
  close(): void {
    this.#isClosed = true;
    for (const place of this.#waiting.splice(0)) place.reject(busy());
  }

  async #derive(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Uint8Array> {
    await this.#enter();
    try {
      return await deriveKey(password, salt, cost);
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < HASHES_AT_ONCE) {
      this.#running++;
      return;
    }
    if (this.#isClosed || this.#waiting.length >= HASHES_WAITING_MAX) throw busy();
    // Who leaves hands its place on: `#running` stays.
    const place = Promise.withResolvers<void>();
    this.#waiting.push(place);
    await place.promise;
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next.resolve();
  }
}

function busy(): CommandError {
  return new CommandError("busy", "Too many passwords are being checked; try again in a moment.");
}

/** Loaded when a password is first needed: it is a fifth of what a start would load. */
async function loadCrypto(): Promise<typeof import("node:crypto")> {
  return await import("node:crypto");
}

async function deriveKey(
  password: string,
  salt: Uint8Array,
  cost: ScryptCost,
): Promise<Uint8Array> {
  const { scrypt } = await loadCrypto();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const { n, r, p } = cost;
  // One character has several encodings, and keyboards differ in which they send (RFC 8265).
  scrypt(
    password.normalize("NFC"),
    salt,
    KEY_BYTES,
    { N: n, r, p, maxmem: 2 * memoryBytes(cost) },
    (error, key) => error === null ? resolve(key) : reject(error),
  );
  return await promise;
}

function memoryBytes({ n, r, p }: ScryptCost): number {
  return 128 * r * (n + p);
}

function isBearable(cost: ScryptCost): boolean {
  return Number.isInteger(Math.log2(cost.n)) && cost.n > 1 && cost.p <= SCRYPT_P_MAX &&
    memoryBytes(cost) <= SCRYPT_MEMORY_BYTES_MAX;
}

function formatHash({ n, r, p }: ScryptCost, salt: Buffer, key: Uint8Array): string {
  return ["scrypt", n, r, p, salt.toString("base64url"), Buffer.from(key).toString("base64url")]
    .join("$");
}
