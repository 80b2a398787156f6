/**
 * What the protocols share in writing several events at once: one list of them
 * becomes one piece of bytes, once.
 *
 * Must not know: how any protocol writes an event.
 *
 * @module
 */

import type { ChatEvent } from "../events.ts";
import type { EncodedEvents } from "./protocol.ts";

const encoder = new TextEncoder();

/**
 * Encodes lists of events, and remembers the last one: a fan-out asks for the
 * same list again and again, and is given the same bytes.
 */
export class ListEncoder {
  readonly #format: (event: ChatEvent) => string;
  #events: readonly ChatEvent[] | null = null;
  #encoded: EncodedEvents = { bytes: new Uint8Array(0), ends: [] };

  /**
   * Has encoded nothing yet.
   *
   * @param format Writes one event as whole lines, each with its end.
   */
  constructor(format: (event: ChatEvent) => string) {
    this.#format = format;
  }

  /** See `Protocol.encodeAll`. */
  encode(events: readonly ChatEvent[]): EncodedEvents {
    if (events !== this.#events) {
      const texts = events.map((event) => this.#format(event));
      const bytes = encoder.encode(texts.join(""));
      this.#encoded = { bytes, ends: findEnds(texts, bytes) };
      this.#events = events;
    }
    return this.#encoded;
  }
}

/** Where each text ends, in bytes: behind as many line ends as it has. */
function findEnds(texts: readonly string[], bytes: Uint8Array): number[] {
  // Nearly always so, and half of all the work saved.
  const isAscii = bytes.length === texts.reduce((sum, text) => sum + text.length, 0);
  let end = 0;
  return texts.map((text) => {
    if (isAscii) return end += text.length;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
      end = bytes.indexOf(LINE_END, end) + 1;
    }
    return end;
  });
}

const LINE_END = 0x0a;
