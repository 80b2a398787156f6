/**
 * Fingerprints of certificates: SHA-256 of the DER form, which people compare.
 *
 * Pure, and of no weight: whoever only reads or compares one loads nothing else.
 * Must not know: certificates, files, connections.
 *
 * @module
 */

/** Hexadecimal digits of a SHA-256. */
const DIGITS = 64;

/**
 * Reads a fingerprint as people copy it from one place or another: with colons
 * or without, in either case, `SHA256:` or OpenSSL's `sha256 Fingerprint=` before it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseFingerprint } from "./fingerprint.ts";
 *
 * const fingerprint = Array(32).fill("AB").join(":");
 * assertEquals(parseFingerprint("sha256:" + "ab".repeat(32)), fingerprint);
 * assertEquals(parseFingerprint("ab"), null);
 * ```
 *
 * @returns 32 pairs of upper-case digits with colons between them, as OpenSSL prints it; null
 *   where the text is no SHA-256.
 */
export function parseFingerprint(text: string): string | null {
  const digits = text.trim().replace(/^sha-?256(?: fingerprint)?[:=]/i, "").trim()
    .replaceAll(/[: ]/g, "");
  if (digits.length !== DIGITS || !/^[0-9a-f]+$/i.test(digits)) return null;
  return digits.toUpperCase().replaceAll(/..(?!$)/g, "$&:");
}
