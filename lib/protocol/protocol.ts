/**
 * What every protocol is: pure functions between lines, messages and events.
 *
 * Must not know: sockets, timers, the chat.
 *
 * @module
 */

import type { ChatEvent } from "../events.ts";
import type { ClientMessage, Ref } from "../messages.ts";

/** A dialect that peers speak over a connection. */
export interface Protocol {
  /** Its name, for logs. */
  readonly name: string;

  /**
   * Reads one line.
   *
   * @param line One line without its end, valid UTF-16, at most `LINE_BYTES_MAX` bytes in UTF-8.
   * @returns The message, its texts clean. Never throws, whatever the line.
   */
  decode(line: string): ClientMessage;

  /**
   * Writes one event as whole lines, each with its end.
   *
   * @param ref Of the request that it answers, for protocols that tell it; missing for none.
   */
  encode(event: ChatEvent, ref?: Ref): Uint8Array;

  /**
   * Writes several events that happened in one room, one behind the other.
   *
   * @param isHere Whether the reader is told them in that room. Who follows it
   *   from another one has to see which it is.
   *
   * Encoding the same list again at once costs nothing and returns the same
   * bytes: that is what lets a fan-out encode once, and what lets connections
   * that owe the same bytes share them. The bytes are never changed.
   */
  encodeAll(events: readonly ChatEvent[], isHere: boolean): EncodedEvents;
}

/** Several events as bytes. */
export interface EncodedEvents {
  /** Those of all events. */
  readonly bytes: Uint8Array;
  /** For each event, where its bytes end. */
  readonly ends: readonly number[];
}
