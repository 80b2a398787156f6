/**
 * The client in a pipeline: standard input to the server, its lines to standard output.
 *
 * 1. Every byte of the input arrives as it is, after `/nick` where a name is
 *    wanted; then the server is told that nothing follows.
 * 2. What the server says until it closes comes out, a clean line each.
 * 3. Whoever is slow slows the other side down; nothing piles up here.
 * 4. Once nobody reads the output any more (`| head -1`) no more input is taken,
 *    what was taken arrives, and it ends.
 *
 * Must not know: the command line, exit codes, what lines say (but for hello and goodbye).
 *
 * @module
 */

import { type PlainLine, readPlainLine } from "../protocol/plain_reader.ts";
import type { ServerLink } from "../client/server_link.ts";

/**
 * How a pipe ended: everything was sent, the connection ended before that, or
 * nobody heard it, since the server's password was not among it.
 */
export type PipeEnd = "done" | "lost" | "dismissed";

/** Where the lines go: as much of `Deno.stdout` as is needed. */
export interface PipeOutput {
  /** Writes some of the bytes and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Options of {@linkcode runPipe}. */
export interface PipeOptions {
  /** The name to ask for. */
  readonly nick: string | undefined;
  /** What to send; cancelled once it is not needed any more. */
  readonly input: ReadableStream<Uint8Array>;
  /** Where the lines go. */
  readonly output: PipeOutput;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

/**
 * Connects input and output with the server until the server closes.
 *
 * @throws If the input cannot be read, or the output cannot be written for
 * another reason than that nobody reads it.
 */
export async function runPipe(link: ServerLink, options: PipeOptions): Promise<PipeEnd> {
  const { signal, nick, input, output } = options;
  signal.throwIfAborted();
  const onAbort = (): void => link.close();
  signal.addEventListener("abort", onAbort);
  const sender = new Sender(link, input);
  try {
    if (nick !== undefined) link.send(`/nick ${nick}`);
    sender.start();
    return await showAll(link, { output, sender });
  } finally {
    signal.removeEventListener("abort", onAbort);
    link.close();
    await sender.stop();
  }
}

/** Shows what the server says until the connection ends, and judges that end. */
async function showAll(
  link: ServerLink,
  options: { output: PipeOutput; sender: Sender },
): Promise<PipeEnd> {
  const { output, sender } = options;
  const encoder = new TextEncoder();
  let last: PlainLine | null = null;
  let isAtDoor = false;
  let isIn = false;
  for await (const batch of link.batches()) {
    for (const line of batch) {
      last = readPlainLine(line);
      if (last.type === "password-wanted") isAtDoor = true;
      else if (last.type === "welcome") isIn = true;
    }
    const isRead = await writeAll(output, encoder.encode(`${batch.join("\n")}\n`));
    if (!isRead) return await finishUnread(link, sender);
  }
  sender.throwIfUnreadable();
  if (link.isBroken) return "lost";
  if (isAtDoor && !isIn) return "dismissed";
  // A server that is full, say, tells so in one line and closes.
  if (!isIn) return "lost";
  const goodbye = last?.type === "goodbye" ? last : null;
  if (goodbye !== null && goodbye.why !== null) return "lost";
  // Closing before the end of the input is in order for a server that was asked to.
  return sender.isDone || (goodbye !== null && link.isFlushed) ? "done" : "lost";
}

/**
 * Takes no more input, and sees to it that what was taken arrives: to close with
 * unread lines would reset the connection, and the server could lose it.
 */
async function finishUnread(link: ServerLink, sender: Sender): Promise<PipeEnd> {
  await sender.stop();
  await link.discard();
  return "done";
}

/** False if nobody reads the output any more. */
async function writeAll(output: PipeOutput, bytes: Uint8Array): Promise<boolean> {
  try {
    let written = 0;
    while (written < bytes.length) written += await output.write(bytes.subarray(written));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw new Error(`Cannot write standard output: ${describe(error)}`, { cause: error });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Sends an input chunk by chunk, each when the one before it has left. */
class Sender {
  readonly #link: ServerLink;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** The sending itself; it never rejects, and {@linkcode Sender.stop} awaits it. */
  #sending: Promise<void> = Promise.resolve();
  #isDone = false;
  #error: unknown = undefined;

  constructor(link: ServerLink, input: ReadableStream<Uint8Array>) {
    this.#link = link;
    this.#reader = input.getReader();
  }

  /** Whether the whole input was sent and the server told so. */
  get isDone(): boolean {
    return this.#isDone;
  }

  start(): void {
    this.#sending = this.#send();
  }

  /** Takes no more input; resolves when what was taken is sent, or cannot be. */
  async stop(): Promise<void> {
    try {
      await this.#reader.cancel();
    } catch {
      // An input that cannot be read cannot be cancelled either; that is told elsewhere.
    }
    await this.#sending;
  }

  /** @throws What reading the input threw. */
  throwIfUnreadable(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  async #send(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        this.#link.send(value);
        if (!await this.#link.flushed()) return;
      }
    } catch (error) {
      this.#error = new Error(`Cannot read standard input: ${describe(error)}`, { cause: error });
      this.#link.close();
      return;
    }
    this.#isDone = await this.#link.finish();
  }
}
