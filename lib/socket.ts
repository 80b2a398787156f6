/**
 * What a connection needs of its transport: bytes in, bytes out.
 *
 * `Deno.TcpConn` has it as it is; `node_socket.ts` and `web/web_socket.ts` give
 * it to what else there is.
 * Must not know: lines, protocols, who is on the other side.
 *
 * @module
 */

/**
 * A stream of bytes in both directions.
 *
 * Where the peer is gone, or the socket was disposed of, reads and writes
 * reject with one of `Deno.errors` that say so: `ConnectionReset`,
 * `BrokenPipe`, `BadResource`.
 */
export interface Socket extends Disposable {
  /** Reads into `buffer`: how many bytes, or null at the end. One read at a time. */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes some of the bytes, and says how many: resolves once the system has taken them,
   * so that a peer that does not read is noticed. One write at a time.
   */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends our side of the stream. */
  closeWrite(): Promise<void>;
  /** Closes at once, whatever was not sent yet. May be called once; pending reads reject or end. */
  [Symbol.dispose](): void;
}
