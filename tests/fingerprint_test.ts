// Fingerprints as people copy them, from wherever they are shown.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseFingerprint } from "../lib/fingerprint.ts";

const BYTES = fc.uint8Array({ minLength: 32, maxLength: 32 });
const HEX = BYTES.map((bytes) => bytes.toHex());

Deno.test("parseFingerprint() reads every way to write one, and writes it in one way", () => {
  const ways: readonly ((hex: string) => string)[] = [
    (hex) => hex,
    (hex) => hex.toUpperCase(),
    (hex) => hex.replaceAll(/..(?!$)/g, "$&:"),
    (hex) => ` ${hex.replaceAll(/..(?!$)/g, "$& ")}\n`,
    (hex) => `SHA256:${hex}`,
    (hex) => `sha256 Fingerprint=${hex.toUpperCase().replaceAll(/..(?!$)/g, "$&:")}`,
    (hex) => `SHA-256: ${hex}`,
  ];
  fc.assert(
    fc.property(HEX, fc.constantFrom(...ways), (hex, way) => {
      const fingerprint = parseFingerprint(way(hex)) ?? "";
      assertEquals(fingerprint.split(":").map((pair) => parseInt(pair, 16)), [
        ...Uint8Array.fromHex(hex),
      ]);
      assertEquals(fingerprint, fingerprint.toUpperCase());
      assertEquals(parseFingerprint(fingerprint), fingerprint);
    }),
  );
});

Deno.test("parseFingerprint() refuses what is no SHA-256", () => {
  const digits = "ab".repeat(32);
  const texts = ["", "ab", digits.slice(1), `${digits}ab`, `${digits.slice(1)}g`, `MD5:${digits}`];
  for (const text of [...texts, `sha1:${digits.slice(24)}`, `${digits}\u{661}`]) {
    assertEquals(parseFingerprint(text), null, text);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    const fingerprint = parseFingerprint(text);
    assert(fingerprint === null || fingerprint.length === 95);
  }));
});
