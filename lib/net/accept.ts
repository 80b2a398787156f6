/**
 * The accept loop that survives: what a server iterates with `for await`.
 *
 * A listener's own iterator ends with the first error, such as too many open
 * files, and leaves the server deaf. This one waits a little and goes on.
 * Must not know: what connections are for.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { ACCEPT_RETRY_MS_MAX, ACCEPT_RETRY_MS_MIN } from "../limits.ts";

/** What accepting needs of a listener. */
export interface Acceptor<Conn> {
  /** Waits for the next connection. */
  accept(): Promise<Conn>;
}

/** How connections are accepted. */
export interface AcceptOptions {
  /** Called with every error that is survived, and with the pause that follows it. */
  readonly onError: (error: unknown, pauseMs: number) => void;
  /** Ends the iteration, a pause included. The listener is the caller's to close. */
  readonly signal: AbortSignal;
}

/**
 * The listener's connections, until `signal` is aborted.
 *
 * After an error it pauses, 5 ms at first and twice as long after each further
 * one, up to a second. Never throws.
 */
export async function* accept<Conn>(
  listener: Acceptor<Conn>,
  options: AcceptOptions,
): AsyncGenerator<Conn, void, void> {
  const { signal, onError } = options;
  let pauseMs = ACCEPT_RETRY_MS_MIN;
  while (!signal.aborted) {
    let conn: Conn;
    try {
      conn = await listener.accept();
    } catch (error) {
      // Closing the listener is how accepting is stopped.
      if (signal.aborted) return;
      onError(error, pauseMs);
      try {
        await delay(pauseMs, { signal });
      } catch {
        return; // Only the signal ends a delay.
      }
      pauseMs = Math.min(2 * pauseMs, ACCEPT_RETRY_MS_MAX);
      continue;
    }
    pauseMs = ACCEPT_RETRY_MS_MIN;
    yield conn;
  }
}
