/**
 * The client for screen readers and for terminals that can nothing (`--plain`).
 *
 * Each thing that happens is one line, printed as it comes. There are no
 * colours, no prompt, and nothing that moves the cursor; a line is typed as the
 * terminal itself lets one type it. While a password is typed, and then only,
 * keys are taken one by one, so that it is not seen.
 * Must not know: the command line, the environment, signals, exit codes.
 *
 * @module
 */

import { TERMINAL_READ_BYTES } from "../limits.ts";
import { KeyDecoder } from "./keys.ts";
import { LineChat, type LineChatOptions, type LineChatOwner, type VisitEnd } from "./line_chat.ts";
import { LineEditor } from "./line_editor.ts";
import { type StyledLine, textOf } from "./styled.ts";

/** What it needs of the operating system. */
export interface PlainPort {
  /** Whether keys come as they are pressed, neither shown nor acted on, or in lines as usual. */
  setRaw(isRaw: boolean): void;
  /** Waits for input; null at its end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Ends the input, and a read that waits for it with an error. */
  closeInput(): void;
  /** Writes some of the bytes, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Options of {@linkcode PlainChat}. */
export interface PlainOptions extends LineChatOptions {
  /** Where the terminal is; by default the standard input and output. */
  readonly port?: PlainPort;
}

const SYSTEM_PORT: PlainPort = {
  setRaw: (isRaw) => Deno.stdin.setRaw(isRaw),
  read: (buffer) => Deno.stdin.read(buffer),
  closeInput: () => Deno.stdin.close(),
  write: (bytes) => Deno.stdout.write(bytes),
};

/** A command that needs a password, without it. */
const WITHOUT_PASSWORD = /^\/(login|register)\s*$/iu;
const PASSWORD_HINT = "Type the password, then Enter. It is not shown.";
const IS_RAW = true;

/** A password that is being typed. */
interface Question {
  readonly editor: LineEditor;
  readonly keys: KeyDecoder;
  /** Takes it; null where the user gives up. */
  readonly onAnswer: (password: string | null) => void;
}

/** See the module. For one {@linkcode PlainChat.run}. */
export class PlainChat {
  readonly #port: PlainPort;
  readonly #chat: LineChat;
  /** Aborted when the terminal is gone, or something goes wrong on this side. */
  readonly #broken = new AbortController();
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  /** What was typed of a line whose end has not come yet. */
  #typed = "";
  #question: Question | null = null;
  /** What is being written; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;
  #failure: { readonly error: unknown } | null = null;

  /** Nothing happens before {@linkcode PlainChat.run}. */
  constructor(options: PlainOptions) {
    this.#port = options.port ?? SYSTEM_PORT;
    const signal = AbortSignal.any([options.signal, this.#broken.signal]);
    this.#chat = new LineChat({ ...options, signal }, this.#owner());
  }

  /**
   * Chats, until the user leaves or the conversation ends.
   *
   * @throws What went wrong on this side.
   */
  async run(): Promise<VisitEnd> {
    const reading = this.#read();
    try {
      const end = await this.#chat.run();
      if (this.#failure !== null) throw this.#failure.error;
      return end;
    } finally {
      this.close();
      await reading;
      await this.#writing;
    }
  }

  /** Gives the terminal back at once. May be called at any time, and twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#answer(null);
    try {
      this.#port.closeInput();
    } catch {
      // It has ended by itself.
    }
  }

  #owner(): LineChatOwner {
    return {
      isSpoken: true,
      show: (lines): void => this.#print(lines),
      drained: (): Promise<void> => this.#writing,
      ring: (): void => this.#write("\x07"),
      askPassword: (): Promise<string | null> => {
        const answer = Promise.withResolvers<string | null>();
        this.#ask(answer.resolve);
        return answer.promise;
      },
      setTheme: null,
    };
  }

  #print(lines: readonly StyledLine[]): void {
    if (lines.length > 0) this.#write(lines.map((line) => `${textOf(line)}\n`).join(""));
  }

  #write(text: string): void {
    this.#writing = this.#writeBehind(this.#writing, this.#encoder.encode(text));
  }

  async #writeBehind(before: Promise<void>, bytes: Uint8Array): Promise<void> {
    await before;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#port.write(bytes.subarray(at));
    } catch (error) {
      // Nobody reads it any more.
      if (error instanceof Deno.errors.BrokenPipe) this.#broken.abort();
      else this.#fail(error);
    }
  }

  /** Takes what is typed until the terminal is closed or gone. Never rejects. */
  async #read(): Promise<void> {
    const buffer = new Uint8Array(TERMINAL_READ_BYTES);
    try {
      for (;;) {
        const length = await this.#port.read(buffer);
        if (length === null || this.#isClosed) break;
        this.#take(buffer.subarray(0, length));
      }
      // Ctrl-D, with something typed before it or not.
      this.#takeLines("\n");
      this.#chat.leave();
    } catch (error) {
      if (!this.#isClosed) this.#fail(error);
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#question === null) this.#takeLines(this.#decoder.decode(bytes, { stream: true }));
    else this.#takeKeys(bytes, this.#question);
  }

  #takeLines(text: string): void {
    const lines = (this.#typed + text).split("\n");
    this.#typed = lines.pop() ?? "";
    for (const line of lines) this.#enter(line);
  }

  #enter(line: string): void {
    const [, command] = WITHOUT_PASSWORD.exec(line) ?? [];
    if (command === undefined) return this.#chat.enter(line);
    this.#ask((password) => {
      if (password !== null && password !== "") this.#chat.enter(`/${command} ${password}`);
    });
  }

  /** Has a password typed, unseen. */
  #ask(onAnswer: (password: string | null) => void): void {
    this.#answer(null);
    const editor = new LineEditor({ isSecret: () => true });
    this.#question = { editor, keys: new KeyDecoder(), onAnswer };
    this.#port.setRaw(IS_RAW);
    this.#chat.note(PASSWORD_HINT);
  }

  #takeKeys(bytes: Uint8Array, { editor, keys }: Question): void {
    // A key that is not whole is none that a password is made of.
    for (const event of [...keys.decode(bytes), ...keys.flush()]) {
      if (event.type === "text" || event.type === "paste") editor.insert(event.text);
      if (event.type !== "key" || editor.press(event.key)) continue;
      if (event.key === "enter") return this.#answer(editor.text);
      if (event.key === "ctrl-c" || event.key === "ctrl-d") return this.#answer(null);
    }
  }

  /** Ends the question, if there is one. */
  #answer(password: string | null): void {
    const question = this.#question;
    if (question === null) return;
    this.#question = null;
    try {
      this.#port.setRaw(!IS_RAW);
    } catch {
      // It is gone, and needs nothing.
    }
    question.onAnswer(password);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#broken.abort();
  }
}
