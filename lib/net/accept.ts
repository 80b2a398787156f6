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
export interface Acceptor<Conn extends Disposable> {
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
 * The listener's connections, until `signal` is aborted or the listener is closed.
 *
 * After an error it pauses, 5 ms at first and twice as long after each further
 * one, up to a second. Never throws. Nothing comes out once `signal` is
 * aborted: a connection that was just being accepted is closed.
 */
export async function* accept<Conn extends Disposable>(
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
      if (signal.aborted || error instanceof Deno.errors.BadResource) return;
      onError(error, pauseMs);
      try {
        await delay(pauseMs, { signal });
      } catch {
        return; // Only the signal ends a delay.
      }
      pauseMs = Math.min(2 * pauseMs, ACCEPT_RETRY_MS_MAX);
      continue;
    }
    if (signal.aborted) return conn[Symbol.dispose]();
    pauseMs = ACCEPT_RETRY_MS_MIN;
    yield conn;
  }
}
