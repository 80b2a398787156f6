/**
 * The terminal of somebody who chats: a line being typed, and text above it.
 *
 * Promises that the typed line stays intact whatever is printed meanwhile, and
 * that after {@linkcode ChatScreen.close} the terminal is as it was before.
 * Text must be clean before it comes here; colours are welcome.
 * Must not know: the server, what lines mean.
 *
 * @module
 */

import process from "node:process";
import * as readline from "node:readline";
import { CLIENT_HISTORY_LINES } from "../limits.ts";
import type { Completion } from "./completion.ts";
import { type TextEnd, TextRuler } from "./text_ruler.ts";

/** What a screen needs from its owner. */
export interface ChatScreenOptions {
  /** What Tab offers after this text. */
  readonly complete: (text: string) => Completion;
  /** Tab found several continuations and none is certain. */
  readonly onChoices: (choices: readonly string[]) => void;
  /** Enter was pressed. The line is erased: what is to be seen of it is printed here. */
  readonly onLine: (text: string) => void;
  /**
   * Where in a line being typed begins what stays off the screen, and keeps the arrow keys from
   * bringing the line back; null for nowhere.
   */
  readonly secretStart: (text: string) => number | null;
  /** Whether Ctrl-Z stops the process. */
  readonly canStop: boolean;
  /** Something of the above threw. */
  readonly onFailure: (error: unknown) => void;
  /** The user wants to go: Ctrl-D or Ctrl-C on an empty line, or the terminal is gone. */
  readonly onLeave: () => void;
}

/** What `node:readline` has and its types do not show as writable. */
interface ReadlineState {
  getCursorPos: () => TextEnd;
  /** Where prompt and typed line end. */
  _getDisplayPos: (text: string) => TextEnd;
  /** Prompt and typed line, what was typed at its end, or its end: all that readline shows. */
  _writeToOutput: (text: string) => void;
  /** The row of the cursor below the prompt, as of the last complete drawing. */
  prevRows: number;
}

/** What is shown for each character of a secret. */
const SECRET_DOT = "*";

/** The terminal, from its construction until {@linkcode ChatScreen.close}. */
export class ChatScreen {
  readonly #options: ChatScreenOptions;
  readonly #output = process.stdout;
  readonly #readline: readline.Interface;
  readonly #ruler = new TextRuler();
  /** Whether the prompt and the typed line are on the screen. */
  #isDrawn = false;
  #isClosed = false;
  /** Whether what is typed stays off the screen. */
  #isHidden = false;
  /** Where what is shown of the typed line turns into dots; null for nowhere. */
  #maskedFrom: number | null = null;
  readonly #onKey = (): void => this.#guard(() => this.#afterKey());
  readonly #onGone = (): void => this.#leave();

  /** Takes the terminal over and shows the prompt. */
  constructor(options: ChatScreenOptions) {
    this.#options = options;
    this.#readline = readline.createInterface({
      input: process.stdin,
      output: this.#output,
      terminal: true,
      historySize: CLIENT_HISTORY_LINES,
      removeHistoryDuplicates: true,
      prompt: "> ",
      completer: (text: string): [string[], string] => this.#complete(text),
    });
    // Readline measures the whole line at every character, which takes half a minute
    // for a pasted line of 8 KiB.
    this.#state.getCursorPos = () => this.#cursor();
    this.#state._getDisplayPos = (text) => this.#measure(text);
    this.#state._writeToOutput = (text) => this.#output.write(this.#shown(text));
    this.#readline.on("history", (lines: string[]) => this.#guard(() => this.#forget(lines)));
    this.#readline.on("line", (text: string) => this.#guard(() => this.#entered(text)));
    this.#readline.on("SIGINT", () => this.#guard(() => this.#interrupted()));
    // Whoever listens keeps readline from stopping the process.
    if (!options.canStop) this.#readline.on("SIGTSTP", () => {});
    this.#readline.on("SIGCONT", () => this.#guard(() => this.#continued()));
    this.#readline.on("close", () => this.#guard(() => this.#leave()));
    process.stdin.on("keypress", this.#onKey);
    // A terminal that went away ends the visit; without a listener it would end the process.
    process.stdin.on("error", this.#onGone);
    this.#output.on("error", this.#onGone);
    this.#draw();
  }

  /**
   * Changes what stands before the typed line.
   *
   * @param options.isHidden Whether the line itself stays off the screen, as a password does.
   */
  setPrompt(prompt: string, options: { readonly isHidden: boolean }): void {
    if (this.#isClosed) return;
    this.#batch(() => {
      this.#erase();
      this.#isHidden = options.isHidden;
      this.#readline.setPrompt(prompt);
      this.#draw();
    });
  }

  /**
   * Prints lines above the line being typed, or just prints them after
   * {@linkcode ChatScreen.close}.
   *
   * @param text Without the end of its last line.
   */
  print(text: string): void {
    if (this.#isClosed) {
      this.#output.write(`${text}\n`);
      return;
    }
    this.#batch(() => {
      this.#erase();
      this.#output.write(`${text}\n`);
      this.#draw();
    });
  }

  /** Rings the bell. */
  ring(): void {
    if (!this.#isClosed) this.#output.write("\x07");
  }

  /** Waits until the terminal has taken what was printed, or is gone. */
  async drained(): Promise<void> {
    if (!this.#output.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#output.off("drain", done).off("error", done).off("close", done);
        resolve();
      };
      this.#output.on("drain", done).on("error", done).on("close", done);
    });
  }

  /** Gives the terminal back; a line that was being typed stays to be read. May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#readline.line === "") this.#erase();
    else this.#output.write(`${"\n".repeat(this.#rowsBelow())}\r\n`);
    this.#readline.close();
    process.stdin.off("keypress", this.#onKey).off("error", this.#onGone);
  }

  /** Runs an answer to an event. An error that left it would end the process, its terminal raw. */
  #guard(answer: () => void): void {
    try {
      answer();
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  #entered(text: string): void {
    if (this.#isClosed) return;
    this.#batch(() => {
      // Readline has ended the line; the cursor is below everything that was typed.
      this.#eraseFrom(this.#measure(this.#readline.getPrompt() + text, text).rows + 1);
      this.#isDrawn = false;
      this.#options.onLine(text);
      this.#draw();
    });
  }

  /** Takes a secret, which readline has just put in front, out of what can be brought back. */
  #forget(lines: string[]): void {
    const [last] = lines;
    if (last === undefined) return;
    if (this.#isHidden || this.#options.secretStart(last) !== null) lines.shift();
  }

  #interrupted(): void {
    if (this.#readline.line === "") {
      this.#leave();
      return;
    }
    this.#batch(() => {
      this.#readline.write(null, { ctrl: true, name: "e" });
      this.#readline.write(null, { ctrl: true, name: "u" });
    });
  }

  /** Back from Ctrl-Z: readline paused, and the shell wrote where the line was. */
  #continued(): void {
    this.#state.prevRows = 0;
    this.#isDrawn = false;
    this.#draw();
  }

  /** Answers readline, which inserts what is certain; the choices are for us to show. */
  #complete(text: string): [string[], string] {
    let answer: [string[], string] = [[], ""];
    // Even whether a word goes on would tell something of what is hidden.
    if (this.#isHidden) return answer;
    this.#guard(() => {
      const { word, replacement, choices } = this.#options.complete(text);
      if (replacement !== null) answer = [[replacement], word];
      else if (choices.length > 0) this.#options.onChoices(choices);
    });
    return answer;
  }

  #leave(): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onLeave();
  }

  #draw(): void {
    if (this.#isDrawn || this.#isClosed) return;
    this.#isDrawn = true;
    this.#maskedFrom = this.#options.secretStart(this.#readline.line);
    const keepCursor = true;
    this.#readline.prompt(keepCursor);
  }

  #erase(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#eraseFrom(this.#cursor().rows);
    this.#state.prevRows = 0;
  }

  /** Where the cursor is, from the start of the prompt. */
  #cursor(): TextEnd {
    return this.#end(this.#readline.line.slice(0, this.#readline.cursor));
  }

  /** Where a typed text ends, from the start of the prompt. */
  #end(text: string): TextEnd {
    return this.#measure(this.#readline.getPrompt() + text);
  }

  /** Where a prompt with what was typed ends, or with the start of it. */
  #measure(text: string, line: string = this.#readline.line): TextEnd {
    return this.#ruler.measure(this.#shown(text, line), this.#output.columns);
  }

  /**
   * What is to be seen of what readline writes, or of the start of that.
   *
   * @param line The whole line that it is about.
   */
  #shown(text: string, line: string = this.#readline.line): string {
    if (text === "\r\n") return text;
    const prompt = this.#readline.getPrompt();
    const hasPrompt = text.startsWith(prompt);
    if (this.#isHidden) return hasPrompt ? prompt : "";
    const secretStart = this.#options.secretStart(line);
    if (secretStart === null) return text;
    // What readline writes without the prompt is the end of the line.
    const typed = hasPrompt ? text.slice(prompt.length) : text;
    const at = Math.max(0, secretStart - (hasPrompt ? 0 : line.length - text.length));
    return (hasPrompt ? prompt : "") + typed.slice(0, at) +
      SECRET_DOT.repeat(Math.max(0, typed.length - at));
  }

  #eraseFrom(rowsUp: number): void {
    readline.moveCursor(this.#output, 0, -rowsUp);
    readline.cursorTo(this.#output, 0);
    readline.clearScreenDown(this.#output);
  }

  /** Rows of the typed line below the cursor. */
  #rowsBelow(): number {
    return this.#end(this.#readline.line).rows - this.#cursor().rows;
  }

  /**
   * Tells readline, after each key, where its cursor is. Before a redraw it goes
   * up by the rows of its last complete drawing, and misses the row that a wide
   * character began by not fitting at the edge.
   */
  #afterKey(): void {
    if (this.#isClosed || !this.#isDrawn) return;
    // Of what stands there already, more is secret now, or less: `/login ann` with a word behind it.
    if (this.#options.secretStart(this.#readline.line) !== this.#maskedFrom) this.#redraw();
    this.#state.prevRows = this.#cursor().rows;
  }

  /** Draws the line anew where it stands. */
  #redraw(): void {
    this.#batch(() => {
      this.#erase();
      this.#draw();
    });
  }

  get #state(): ReadlineState {
    return this.#readline as unknown as ReadlineState;
  }

  /** Sends what is written meanwhile to the terminal at once, so that nothing flickers. */
  #batch(write: () => void): void {
    this.#output.cork();
    try {
      write();
    } finally {
      this.#output.uncork();
    }
  }
}
