/**
 * The terminal itself: taken, drawn on, read from, and given back as it was.
 *
 * Promises that {@linkcode TerminalDevice.close} gives everything back, at once
 * and whatever was being done: line mode, the main screen, the cursor, line
 * wrapping; no reports of pastes and focus, no colour. It may be called from a
 * handler of a signal or of an error, and as often as one likes. A process that
 * is killed without a chance to call it leaves the terminal as it is.
 * A terminal that is slow gets fewer frames: one is being written at the most,
 * and the next is asked for when that is done.
 * Must not know: what a frame shows, what keys mean, signals.
 *
 * @module
 */

import { CLIENT_SETTLE_MS, FRAME_MS, TERMINAL_READ_BYTES } from "../limits.ts";

/** How large a terminal is; one column and one row at least. */
export interface TerminalSize {
  /** Characters in a row. */
  readonly columns: number;
  /** Rows. */
  readonly rows: number;
}

/** What a frame is made for. */
export interface FrameRequest extends TerminalSize {
  /** Whether nothing of the frame before is left on the terminal. */
  readonly isWhole: boolean;
}

/** What a device needs of the operating system. */
export interface TerminalPort {
  /**
   * How keys come: `raw`, as they are pressed, neither shown nor acted on; or in
   * lines, or whatever else it was before.
   */
  setMode(mode: "raw" | "as before"): void;
  /** Waits for input; null at its end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Ends the input, and a read that waits for it with an error. */
  closeInput(): void;
  /** Writes some of the bytes, and says how many. Waits for the terminal to take them. */
  write(bytes: Uint8Array): Promise<number>;
  /** Writes some of the bytes at once, behind those that are being written. */
  writeSync(bytes: Uint8Array): number;
  /**
   * How large the terminal is.
   *
   * @throws If there is none.
   */
  size(): TerminalSize;
}

/** How a device is made. */
export interface DeviceOptions {
  /** The bytes to write for the terminal to show what it should; empty for none. */
  readonly frame: (request: FrameRequest) => string;
  /** Where the terminal is; by default the standard input and output. */
  readonly port?: TerminalPort;
}

/** Alternate screen, no wrapping at the edge, no cursor yet; reports of focus and of pastes. */
const TAKE = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[?1004h\x1b[?2004h";
/** The reverse, and the end of a frame that was not finished. */
const GIVE_BACK = "\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?1004l\x1b[?25h\x1b[?7h\x1b[?1049l";
const BELL = "\x07";
/** What a terminal has that does not say. */
const SIZE_DEFAULT: TerminalSize = { columns: 80, rows: 24 };

const encoder = new TextEncoder();

/** The terminal that the process was started in. */
const SYSTEM_PORT: TerminalPort = {
  setMode: (mode) => Deno.stdin.setRaw(mode === "raw"),
  read: (buffer) => Deno.stdin.read(buffer),
  closeInput: () => Deno.stdin.close(),
  write: (bytes) => Deno.stdout.write(bytes),
  writeSync: (bytes) => Deno.stdout.writeSync(bytes),
  size: () => Deno.consoleSize(),
};

/** A terminal that is drawn on as a whole. */
export class TerminalDevice implements Disposable {
  readonly #frame: (request: FrameRequest) => string;
  readonly #port: TerminalPort;
  #state: "new" | "taken" | "suspended" | "closed" = "new";
  /** How often it was taken: what was begun before it was given back is not gone on with. */
  #takes = 0;
  /** Whether a frame is wanted, and whether it has to be a whole one. */
  #isDue = false;
  #isWhole = true;
  #isRinging = false;
  #isWriting = false;
  /** Never rejects. */
  #lastWrite: Promise<void> = Promise.resolve();
  #drawnAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: { readonly error: unknown } | null = null;
  /** Whether it was hung up: its window was closed, or the line to it is cut. */
  #isGone = false;

  /** Does nothing yet. */
  constructor(options: DeviceOptions) {
    this.#frame = options.frame;
    this.#port = options.port ?? SYSTEM_PORT;
  }

  /** How large the terminal is now; 80 columns and 24 rows where it does not say. */
  get size(): TerminalSize {
    try {
      const { columns, rows } = this.#port.size();
      if (columns > 0 && rows > 0) return { columns, rows };
    } catch {
      // It is gone, and its last reader with it: any size will do.
    }
    return SIZE_DEFAULT;
  }

  /**
   * Takes the terminal, and asks for a first frame. To be called once.
   *
   * @throws If it is none, or is gone; it is given back then.
   */
  open(): void {
    try {
      this.#take();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Has a frame drawn soon: at the end of this turn, or as soon as the terminal
   * has taken the last one and {@linkcode FRAME_MS} have passed. Also to be
   * called when the terminal's size has changed. While the terminal is not
   * taken, nothing happens.
   */
  refresh(): void {
    this.#isDue = true;
    this.#schedule();
  }

  /** As {@linkcode TerminalDevice.refresh}, for a frame that takes nothing for granted. */
  repaint(): void {
    this.#isWhole = true;
    this.refresh();
  }

  /** Rings the bell with the next frame, once however often it is called before. */
  ring(): void {
    this.#isRinging = true;
    this.refresh();
  }

  /**
   * What the user types, in pieces as they come, until the terminal is closed or
   * gone. For one reader.
   *
   * @throws Whatever a frame threw, and whatever went wrong with the terminal;
   *   that it was hung up is its end.
   */
  async *input(): AsyncGenerator<Uint8Array, void, undefined> {
    const buffer = new Uint8Array(TERMINAL_READ_BYTES);
    while (this.#state !== "closed" && this.#failure === null && !this.#isGone) {
      let length: number | null;
      try {
        length = await this.#port.read(buffer);
      } catch (error) {
        this.#fail(error);
        break;
      }
      if (length === null || this.#isClosed()) break;
      yield buffer.slice(0, length);
    }
    if (this.#failure !== null) throw this.#failure.error;
  }

  /**
   * Waits, but not for long, for the frame that is on its way: to be awaited before
   * {@linkcode TerminalDevice.close} where there is time for it, or else it may come out
   * behind what gives the terminal back.
   */
  async settled(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, CLIENT_SETTLE_MS);
    await Promise.race([this.#lastWrite, late.promise]);
    clearTimeout(timer);
  }

  /**
   * Gives the terminal back for a while, and has the process stopped.
   *
   * @param stop Stops the process; it returns when the process goes on, or before.
   */
  suspend(stop: () => void): void {
    if (this.#state !== "taken") return;
    this.#giveBack();
    this.#state = "suspended";
    stop();
  }

  /** Takes the terminal again, when the process goes on, and has a whole frame drawn. */
  resume(): void {
    // Whoever stopped it without asking may have used the terminal, too.
    if (this.#state !== "suspended" && this.#state !== "taken") return;
    try {
      this.#take();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Gives the terminal back for good, and ends its input. It has happened when
   * this returns; while the terminal takes nothing at all, it does not return.
   */
  close(): void {
    if (this.#state === "closed") return;
    const { isUsed, isTaken } = { isUsed: this.#takes > 0, isTaken: this.#state === "taken" };
    this.#state = "closed";
    if (isTaken) this.#giveBack();
    if (isUsed) this.#endInput();
  }

  /** See {@linkcode TerminalDevice.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Apart from the state's own type, which an `await` may have made wrong. */
  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #take(): void {
    this.#takes++;
    this.#port.setMode("raw");
    this.#state = "taken";
    this.#writeNow(TAKE);
    this.repaint();
  }

  /** Neither throws nor leaves out one step for the other: a terminal that is gone needs nothing. */
  #giveBack(): void {
    this.#takes++;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#writeNow(GIVE_BACK);
    } catch {
      // Gone, as said.
    }
    try {
      this.#port.setMode("as before");
    } catch {
      // Gone.
    }
  }

  #endInput(): void {
    try {
      this.#port.closeInput();
    } catch {
      // It has ended by itself.
    }
  }

  /** Ends the input, which then throws this, unless it says that nobody is there any more. */
  #fail(error: unknown): void {
    if (this.#isClosed() || this.#isGone) return;
    if (isHangUp(error)) this.#isGone = true;
    else this.#failure ??= { error };
    this.#endInput();
  }

  #schedule(): void {
    if (this.#state !== "taken" || !this.#isDue || this.#isWriting) return;
    if (this.#timer !== undefined || this.#failure !== null || this.#isGone) return;
    const waitMs = Math.max(0, this.#drawnAtMs + FRAME_MS - Date.now());
    // The clock may have been set back.
    this.#timer = setTimeout(() => this.#draw(), Math.min(waitMs, FRAME_MS));
  }

  #draw(): void {
    this.#timer = undefined;
    this.#isDue = false;
    let bytes: string;
    try {
      bytes = this.#frame({ ...this.size, isWhole: this.#isWhole });
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#isWhole = false;
    if (this.#isRinging) bytes += BELL;
    this.#isRinging = false;
    if (bytes === "") return;
    this.#drawnAtMs = Date.now();
    this.#isWriting = true;
    this.#lastWrite = this.#write(encoder.encode(bytes)).then(
      () => this.#written(),
      (error) => this.#fail(error),
    );
  }

  /** Writes it all, unless the terminal is given back meanwhile. */
  async #write(bytes: Uint8Array): Promise<void> {
    const takes = this.#takes;
    for (let written = 0; written < bytes.length && takes === this.#takes;) {
      written += await this.#port.write(bytes.subarray(written));
    }
  }

  #written(): void {
    this.#isWriting = false;
    this.#schedule();
  }

  #writeNow(text: string): void {
    const bytes = encoder.encode(text);
    for (let written = 0; written < bytes.length;) {
      written += this.#port.writeSync(bytes.subarray(written));
    }
  }
}

/** Whether an error tells that a terminal was hung up: it then fails instead of ending. */
function isHangUp(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EIO";
}
