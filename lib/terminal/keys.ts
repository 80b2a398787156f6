/**
 * What a terminal sends, read as keys, text, pastes and changes of focus.
 *
 * Promises that it does not matter where the bytes are cut: apart from text,
 * which comes in pieces, the events are the same. Sequences that it does not
 * know are swallowed whole, and whatever comes, it holds no more than
 * {@linkcode PASTE_BYTES_MAX} and never waits for what does not come: after
 * {@linkcode KeyDecoder.flushAfterMs} its owner calls {@linkcode KeyDecoder.flush}.
 * Knows the keys of xterm and what follows it, rxvt, the Linux console, kitty's
 * protocol ("CSI u") and xterm's `modifyOtherKeys`.
 * Pure. Must not know: the terminal, timers, what a key does.
 *
 * @module
 */

import { ESCAPE_MS, KEY_SEQUENCE_BYTES_MAX, PASTE_BYTES_MAX, PASTE_STALL_MS } from "../limits.ts";

/** A key that has a name. */
export type NamedKey =
  | "enter"
  | "tab"
  | "backspace"
  | "escape"
  | "insert"
  | "delete"
  | "home"
  | "end"
  | "page-up"
  | "page-down"
  | "up"
  | "down"
  | "left"
  | "right"
  | `f${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12}`;

/**
 * A key with what is held down, always in this order: `enter`, `shift-tab`,
 * `ctrl-left`, `alt-b`, `ctrl-alt-shift-x`. Letters are small ones. Terminals
 * cannot tell some apart: `ctrl-i` comes as `tab`, `ctrl-m` as `enter`, `ctrl-h`
 * as `backspace`, and `ctrl-[` as `escape`.
 */
export type Key =
  | `${"" | "ctrl-"}${"" | "alt-"}${"" | "shift-"}${NamedKey}`
  | `${"ctrl-" | "alt-"}${string}`;

/** What the user did. */
export type InputEvent =
  /** Typed something, without control characters. Terminals send many keys of a fast typist at once. */
  | { readonly type: "text"; readonly text: string }
  /** Pressed a key that types nothing. */
  | { readonly type: "key"; readonly key: Key }
  /**
   * Pasted something, as it was: it may have control characters and any line
   * ends. `isCut` tells that its end is missing, or that it was too long.
   */
  | { readonly type: "paste"; readonly text: string; readonly isCut: boolean }
  /** Went to the terminal's window, or to another. */
  | { readonly type: "focus"; readonly hasFocus: boolean };

const BEL = 0x07;
const ESCAPE = 0x1b;
const SPACE = 0x20;
const DELETE = 0x7f;

/** What has come of a sequence. */
type State =
  /** Nothing: text comes, or a control character. */
  | "ground"
  /** An escape. */
  | "escape"
  /** Two of them. */
  | "two-escapes"
  /** `ESC [`. */
  | "csi"
  /** `ESC [ [`, with which the Linux console begins its function keys. */
  | "linux-key"
  /** `ESC O`. */
  | "ss3"
  /** The beginning of a control string, an answer to a question that nobody asked. */
  | "string"
  /** An escape in one. */
  | "string-escape"
  /** `ESC [ M`, behind which an old mouse report has three bytes. */
  | "mouse"
  /** An escape, and the first bytes of a character. */
  | "alt-character"
  /** `ESC [ 200 ~`, and what is being pasted. */
  | "paste";

/** What is held down; the bits are xterm's. */
const SHIFT = 1;
const ALT = 2;
const CTRL = 4;
/** Caps lock and num lock change nothing; any other bit is a key that is the window manager's. */
const IGNORED_LOCKS = 64 | 128;

/** By the final byte of a sequence that begins with `ESC [` or `ESC O`. */
const BY_FINAL: Readonly<Record<string, NamedKey>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
};

/** By the number of a sequence that ends in `~`. */
const BY_NUMBER: Readonly<Record<number, NamedKey>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "page-up",
  6: "page-down",
  7: "home",
  8: "end",
  11: "f1",
  12: "f2",
  13: "f3",
  14: "f4",
  15: "f5",
  17: "f6",
  18: "f7",
  19: "f8",
  20: "f9",
  21: "f10",
  23: "f11",
  24: "f12",
};

/** By the code point that "CSI u" and `modifyOtherKeys` give, with kitty's for the keypad. */
const BY_CODE: Readonly<Record<number, NamedKey>> = {
  8: "backspace",
  9: "tab",
  13: "enter",
  27: "escape",
  127: "backspace",
  57414: "enter",
  57417: "left",
  57418: "right",
  57419: "up",
  57420: "down",
  57421: "page-up",
  57422: "page-down",
  57423: "home",
  57424: "end",
  57425: "insert",
  57426: "delete",
};

/** How rxvt ends a sequence when something is held down. */
const RXVT_FINALS: Readonly<Record<string, number>> = { "$": SHIFT, "^": CTRL, "@": CTRL | SHIFT };
/** rxvt's arrows: with shift behind `ESC [`, with ctrl behind `ESC O`. */
const RXVT_ARROWS: Readonly<Record<string, NamedKey>> = {
  a: "up",
  b: "down",
  c: "right",
  d: "left",
};
/** The keypad in its application mode, behind `ESC O`. */
const KEYPAD = "jklmnopqrstuvwxyXM";
const KEYPAD_TEXT = "*+,-./0123456789=";

const LINUX_KEYS: Readonly<Record<string, NamedKey>> = {
  A: "f1",
  B: "f2",
  C: "f3",
  D: "f4",
  E: "f5",
};

const STRING_INTRODUCERS = "]P_^X";
const PASTE_END = new TextEncoder().encode("\x1b[201~");
const MOUSE_BYTES = 3;
/** Code points that kitty has for keys without a character. */
const PRIVATE_USE = { first: 57344, last: 63743 } as const;

/**
 * Decodes what one terminal sends.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { KeyDecoder } from "./keys.ts";
 *
 * const decoder = new KeyDecoder();
 * const bytes = new TextEncoder().encode("hi\x1b[1;5D\r");
 * assertEquals(decoder.decode(bytes), [
 *   { type: "text", text: "hi" },
 *   { type: "key", key: "ctrl-left" },
 *   { type: "key", key: "enter" },
 * ]);
 * assertEquals(decoder.decode(Uint8Array.of(0x1b)), []);
 * assertEquals(decoder.flush(), [{ type: "key", key: "escape" }]);
 * ```
 */
export class KeyDecoder {
  #state: State = "ground";
  /** Of the sequence being read, what stands behind its introducer. */
  #sequence = "";
  /** What was held down before the sequence: rxvt puts an escape before it for alt. */
  #modifiers = 0;
  /** Bytes that are still to come, of a mouse report or a character. */
  #left = 0;
  #character: number[] = [];
  #paste: Uint8Array = new Uint8Array();
  #pasteLength = 0;
  #isPasteCut = false;
  /** How much of {@linkcode PASTE_END} has come. */
  #pasteEnd = 0;
  #text = new TextDecoder("utf-8", { ignoreBOM: true });
  #events: InputEvent[] = [];

  /**
   * Milliseconds without a byte after which {@linkcode KeyDecoder.flush} is to
   * be called; null while nothing is incomplete.
   */
  get flushAfterMs(): number | null {
    if (this.#state === "ground" || this.#isInSequence) return null;
    return this.#state === "paste" ? PASTE_STALL_MS : ESCAPE_MS;
  }

  /** Reads more bytes, and says what they mean. */
  decode(bytes: Uint8Array): InputEvent[] {
    for (let index = 0; index < bytes.length;) {
      if (this.#state === "ground") index = this.#takeText(bytes, index);
      else if (this.#state === "paste") index = this.#takePaste(bytes, index);
      else if (this.#take(bytes[index] ?? 0)) index++;
    }
    return this.#takeEvents();
  }

  /**
   * Takes what has come for all that there is: an escape for the Escape key.
   * A sequence of which more has come than keys begin with is still waited for:
   * it was torn apart on its way, and its rest is not to be taken for text.
   */
  flush(): InputEvent[] {
    const state = this.#state;
    if (this.#isInSequence) return [];
    if (state === "paste") this.#endPaste({ isCut: true });
    this.#state = "ground";
    if (state === "escape" || state === "two-escapes") this.#key("escape", 0);
    if (state === "two-escapes") this.#key("escape", 0);
    if (state === "csi") this.#chord("[", this.#modifiers | ALT);
    if (state === "ss3") this.#chord("O", this.#modifiers | ALT);
    if (state === "string" && this.#sequence.length === 1) {
      this.#chord(this.#sequence, ALT);
    }
    return this.#takeEvents();
  }

  get #isInSequence(): boolean {
    return (this.#state === "csi" || this.#state === "ss3") && this.#sequence !== "";
  }

  #takeEvents(): InputEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Reads text up to a control character, and that; returns where it stopped. */
  #takeText(bytes: Uint8Array, start: number): number {
    let end = start;
    while (end < bytes.length && isPrintable(bytes[end] ?? 0)) end++;
    const isWhole = end < bytes.length;
    this.#type(this.#text.decode(bytes.subarray(start, end), { stream: !isWhole }));
    if (!isWhole) return end;
    const control = bytes[end] ?? 0;
    if (control === ESCAPE) this.#begin("escape");
    else this.#control(control, 0);
    return end + 1;
  }

  #begin(state: State): void {
    this.#state = state;
    this.#sequence = "";
    this.#modifiers = 0;
  }

  /** Reads a byte of a sequence; false where it ends the sequence and belongs to what follows. */
  #take(byte: number): boolean {
    const char = String.fromCharCode(byte);
    switch (this.#state) {
      case "escape":
        return this.#takeIntroducer(byte);
      case "two-escapes":
        if (char === "[" || char === "O") {
          this.#begin(char === "[" ? "csi" : "ss3");
          this.#modifiers = ALT;
          return true;
        }
        this.#key("escape", 0);
        if (byte === ESCAPE) return true;
        this.#begin("escape");
        return false;
      case "csi":
        return this.#takeCsi(byte);
      case "ss3":
        return this.#takeSs3(byte);
      case "linux-key": {
        this.#state = "ground";
        const key = LINUX_KEYS[char];
        if (key !== undefined) this.#key(key, this.#modifiers);
        return byte >= SPACE && byte < DELETE;
      }
      case "mouse":
        if (--this.#left === 0) this.#state = "ground";
        return true;
      case "alt-character":
        return this.#takeAltCharacter(byte);
      default:
        return this.#takeString(byte);
    }
  }

  #takeIntroducer(byte: number): boolean {
    const char = String.fromCharCode(byte);
    if (byte === ESCAPE) this.#begin("two-escapes");
    else if (char === "[") this.#begin("csi");
    else if (char === "O") this.#begin("ss3");
    else if (STRING_INTRODUCERS.includes(char)) {
      this.#begin("string");
      this.#sequence = char;
    } else if (byte >= 0xc2 && byte <= 0xf4) {
      this.#begin("alt-character");
      this.#left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      this.#character = [byte];
    } else {
      this.#state = "ground";
      if (isPrintable(byte)) this.#chord(char, ALT);
      else this.#control(byte, ALT);
    }
    return true;
  }

  #takeCsi(byte: number): boolean {
    const char = String.fromCharCode(byte);
    const sequence = this.#sequence;
    if (byte < SPACE || byte >= DELETE) {
      // Cut short by the next key.
      this.#state = "ground";
      return false;
    }
    if (char === "[" && sequence === "") {
      this.#state = "linux-key";
      return true;
    }
    if (char === "M" && sequence === "") {
      this.#state = "mouse";
      this.#left = MOUSE_BYTES;
      return true;
    }
    const isRxvtShift = char === "$" && /^\d+$/.test(sequence);
    if (byte < 0x40 && !isRxvtShift) {
      if (sequence.length < KEY_SEQUENCE_BYTES_MAX) this.#sequence += char;
      return true;
    }
    this.#state = "ground";
    if (sequence.length < KEY_SEQUENCE_BYTES_MAX) this.#endCsi(sequence, char);
    return true;
  }

  #endCsi(sequence: string, final: string): void {
    if (sequence === "" && (final === "I" || final === "O")) {
      this.#events.push({ type: "focus", hasFocus: final === "I" });
      return;
    }
    // Anything else than numbers is no key.
    if (!/^[\d;:]*$/.test(sequence)) return;
    const [[code = 1, shifted] = [], [held = 1, action = 1] = [], [third] = []] = sequence
      .split(";").map((part) => part.split(":").map((digits) => Number(digits || 1)));
    const modifiers = this.#modifiers | ((held - 1) & ~IGNORED_LOCKS);
    // kitty tells of keys that are let go, too.
    if (action === 3 || !isKnown(modifiers)) return;
    if (final === "u") this.#coded(code, modifiers, shifted);
    else if (final === "~" && code === 200) this.#beginPaste();
    else if (final === "~" && code === 27) this.#coded(third ?? 0, modifiers, undefined);
    else if (final === "Z") this.#key("tab", modifiers | SHIFT);
    else if (final in RXVT_ARROWS) this.#named(RXVT_ARROWS[final], modifiers | SHIFT);
    else if (final === "~") this.#named(BY_NUMBER[code], modifiers);
    else if (final in RXVT_FINALS) {
      this.#named(BY_NUMBER[code], modifiers | (RXVT_FINALS[final] ?? 0));
    } else this.#named(BY_FINAL[final], modifiers);
  }

  #takeSs3(byte: number): boolean {
    const char = String.fromCharCode(byte);
    if (byte < SPACE || byte >= DELETE) {
      this.#state = "ground";
      return false;
    }
    // Old terminals put what is held down here.
    if (/[\d;]/.test(char)) {
      if (this.#sequence.length < KEY_SEQUENCE_BYTES_MAX) this.#sequence += char;
      return true;
    }
    this.#state = "ground";
    const held = Number(/\d+$/.exec(this.#sequence)?.[0] ?? 1) - 1;
    const modifiers = this.#modifiers | held;
    if (!isKnown(modifiers)) return true;
    if (char === "M") this.#key("enter", modifiers);
    else if (char === "I") this.#key("tab", modifiers);
    else if (KEYPAD.includes(char)) this.#type(KEYPAD_TEXT[KEYPAD.indexOf(char)] ?? "");
    else if (char in RXVT_ARROWS) this.#named(RXVT_ARROWS[char], modifiers | CTRL);
    else this.#named(BY_FINAL[char], modifiers);
    return true;
  }

  #takeString(byte: number): boolean {
    if (this.#state === "string-escape") {
      this.#state = "ground";
      if (String.fromCharCode(byte) === "\\") return true;
      // No end of a string: what follows the escape is a key.
      this.#begin("escape");
      return false;
    }
    // Only whether there is anything in it matters.
    this.#sequence = this.#sequence.slice(0, 1) + ".";
    if (byte === BEL) this.#state = "ground";
    else if (byte === ESCAPE) this.#state = "string-escape";
    return true;
  }

  #takeAltCharacter(byte: number): boolean {
    if (byte < 0x80 || byte > 0xbf) {
      this.#state = "ground";
      return false;
    }
    this.#character.push(byte);
    if (--this.#left > 0) return true;
    this.#state = "ground";
    const char = new TextDecoder().decode(Uint8Array.from(this.#character));
    if (!/[\p{Cc}\ufffd]/u.test(char)) this.#chord(char, ALT);
    return true;
  }

  #beginPaste(): void {
    this.#state = "paste";
    this.#pasteLength = 0;
    this.#pasteEnd = 0;
    this.#isPasteCut = false;
  }

  /** Reads a paste up to its end; returns where it stopped. */
  #takePaste(bytes: Uint8Array, start: number): number {
    for (let index = start; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      if (byte === PASTE_END[this.#pasteEnd]) {
        this.#pasteEnd++;
        if (this.#pasteEnd < PASTE_END.length) continue;
        this.#endPaste({ isCut: false });
        return index + 1;
      }
      // What looked like the end was none. It begins with its only escape.
      for (const each of PASTE_END.subarray(0, this.#pasteEnd)) this.#keep(each);
      this.#pasteEnd = byte === ESCAPE ? 1 : 0;
      if (this.#pasteEnd === 0) this.#keep(byte);
    }
    return bytes.length;
  }

  #keep(byte: number): void {
    if (this.#pasteLength === PASTE_BYTES_MAX) {
      this.#isPasteCut = true;
      return;
    }
    if (this.#pasteLength === this.#paste.length) {
      const larger = new Uint8Array(Math.min(PASTE_BYTES_MAX, 2 * this.#paste.length + 256));
      larger.set(this.#paste);
      this.#paste = larger;
    }
    this.#paste[this.#pasteLength++] = byte;
  }

  #endPaste({ isCut }: { isCut: boolean }): void {
    const bytes = this.#paste.subarray(0, this.#pasteLength);
    this.#paste = new Uint8Array();
    this.#state = "ground";
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    this.#events.push({ type: "paste", text, isCut: isCut || this.#isPasteCut });
  }

  /** A key that is told by a code point. */
  #coded(code: number, modifiers: number, shifted: number | undefined): void {
    const key = BY_CODE[code];
    if (key !== undefined) {
      this.#key(key, modifiers);
      return;
    }
    const char = characterOf(code);
    if (char === "") return;
    if ((modifiers & (ALT | CTRL)) !== 0) this.#chord(char, modifiers);
    else if ((modifiers & SHIFT) === 0) this.#type(char);
    else this.#type(shifted === undefined ? char.toUpperCase() : characterOf(shifted));
  }

  /** A control character that was typed. */
  #control(byte: number, modifiers: number): void {
    if (byte === 0x0d) this.#key("enter", modifiers);
    else if (byte === 0x09) this.#key("tab", modifiers);
    else if (byte === 0x08 || byte === DELETE) this.#key("backspace", modifiers);
    else if (byte === 0) this.#chord(" ", modifiers | CTRL);
    else if (byte < SPACE) {
      this.#chord(String.fromCharCode(byte + 0x40).toLowerCase(), modifiers | CTRL);
    }
  }

  /** A character that is typed with alt or ctrl held down. */
  #chord(char: string, modifiers: number): void {
    const small = char.toLowerCase();
    const name = char === " " ? "space" : small;
    this.#key(name as NamedKey, small === char ? modifiers : modifiers | SHIFT);
  }

  #named(key: NamedKey | undefined, modifiers: number): void {
    if (key !== undefined) this.#key(key, modifiers);
  }

  #key(key: NamedKey, modifiers: number): void {
    const ctrl = (modifiers & CTRL) === 0 ? "" : "ctrl-";
    const alt = (modifiers & ALT) === 0 ? "" : "alt-";
    const shift = (modifiers & SHIFT) === 0 ? "" : "shift-";
    this.#events.push({ type: "key", key: `${ctrl}${alt}${shift}${key}` });
  }

  #type(typed: string): void {
    const text = typed.replaceAll(/\p{Cc}/gu, "");
    if (text === "") return;
    const last = this.#events.at(-1);
    if (last?.type === "text") {
      this.#events[this.#events.length - 1] = { type: "text", text: last.text + text };
    } else this.#events.push({ type: "text", text });
  }
}

function isPrintable(byte: number): boolean {
  return byte >= SPACE && byte !== DELETE;
}

/** Whether nothing else is held down than what keys are named after. */
function isKnown(modifiers: number): boolean {
  return modifiers >= 0 && modifiers <= (SHIFT | ALT | CTRL);
}

/** The character of a code point; empty for what is none. */
function characterOf(code: number): string {
  const isPrivate = code >= PRIVATE_USE.first && code <= PRIVATE_USE.last;
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return code < SPACE || code > 0x10ffff || isPrivate || isSurrogate
    ? ""
    : String.fromCodePoint(code);
}
