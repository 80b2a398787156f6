/**
 * What is being typed: a line, the server's password, or a paste that is looked at.
 *
 * Pure. Must not know: the terminal, the connection, what a typed text means.
 *
 * @module
 */

import { type CompletionSources, TabCycle } from "./completion.ts";
import type { InputEvent, Key } from "./keys.ts";
import type { InputRows } from "./layout.ts";
import { LineEditor } from "./line_editor.ts";
import { secretStart } from "./own_line.ts";
import {
  type Paste,
  pasteActOf,
  pasteActOfText,
  previewPaste,
  readPaste,
  wantsPreview,
} from "./paste_preview.ts";
import { fitLine, plainLine, span, type StyledLine } from "./styled.ts";

/** What came of a key. */
export type InputAct =
  /** A text was typed. */
  | { readonly type: "typed"; readonly text: string }
  /** A paste is to be said, as these messages. */
  | { readonly type: "pasted"; readonly messages: readonly string[] }
  /** The password; null where the user gives up. */
  | { readonly type: "password"; readonly password: string | null }
  /** Ctrl-C or Ctrl-D where nothing is typed. */
  | { readonly type: "leave" };

/** What Tab offers is shown in one row while it lasts. */
interface Choices {
  readonly all: readonly string[];
  readonly index: number;
}

/** The area at the bottom of the screen. */
export class InputArea {
  readonly #sources: () => CompletionSources;
  readonly #line = new LineEditor({ isSecret: (text) => secretStart(text) !== null });
  readonly #tabs = new TabCycle();
  #choices: Choices | null = null;
  #paste: Paste | null = null;
  /** While the password is typed. */
  #password: LineEditor | null = null;

  /**
   * Begins empty.
   *
   * @param sources What Tab offers, asked at each Tab.
   */
  constructor(sources: () => CompletionSources) {
    this.#sources = sources;
  }

  /** Whether there is nothing in it. */
  get isEmpty(): boolean {
    return this.#editor.text === "" && this.#paste === null;
  }

  /** Whether a question is to be answered first: for the password, or about a paste. */
  get isModal(): boolean {
    return this.#password !== null || this.#paste !== null;
  }

  /** Has the password typed; what was being typed comes back after it. */
  askPassword(): void {
    this.#password = new LineEditor({ isSecret: () => true });
    this.#forgetChoices();
  }

  /**
   * Takes what the user did.
   *
   * @returns What came of it; null where it changed what is shown, or did nothing.
   */
  take(event: InputEvent): InputAct | null {
    if (event.type === "focus") return null;
    if (this.#paste !== null) return this.#takeWhilePasting(event, this.#paste);
    if (event.type === "paste") {
      this.#takePaste(event);
      return null;
    }
    if (event.type === "text") {
      this.#forgetChoices();
      this.#editor.insert(event.text);
      return null;
    }
    return this.#press(event.key);
  }

  /**
   * The rows to show, and the cursor in them.
   *
   * @param prompt What stands before what is typed.
   * @param rowsMax One at least.
   */
  rows(prompt: StyledLine, columns: number, rowsMax: number): InputRows {
    if (this.#paste !== null) {
      const lines = previewPaste(this.#paste, columns, Math.max(2, rowsMax)).slice(-rowsMax);
      return { lines, cursor: { row: lines.length - 1, column: 0 } };
    }
    const above = rowsMax > 1 ? this.#rowAbove(columns) : null;
    const look = this.#password === null
      ? { prompt, mask: secretStart(this.#line.text) }
      : { prompt: plainLine("password> ", "prompt"), mask: 0 };
    const { lines, cursor } = this.#editor.layout(
      columns,
      above === null ? rowsMax : rowsMax - 1,
      look,
    );
    if (above === null) return { lines, cursor };
    return { lines: [above, ...lines], cursor: { row: cursor.row + 1, column: cursor.column } };
  }

  get #editor(): LineEditor {
    return this.#password ?? this.#line;
  }

  #press(key: Key): InputAct | null {
    if (key === "tab" || key === "shift-tab") {
      this.#complete(key === "tab" ? 1 : -1);
      return null;
    }
    this.#forgetChoices();
    if (key === "enter") return this.#enter();
    if (key === "ctrl-c") return this.#cancel();
    if (key === "escape" && this.#password !== null) return this.#giveUp();
    const isTaken = this.#editor.press(key);
    if (isTaken || key !== "ctrl-d") return null;
    return this.#password === null ? { type: "leave" } : this.#giveUp();
  }

  #enter(): InputAct | null {
    if (this.#password !== null) {
      const password = this.#password.take();
      this.#password = null;
      return { type: "password", password };
    }
    if (this.#line.text.trim() === "") {
      this.#line.clear();
      return null;
    }
    return { type: "typed", text: this.#line.take() };
  }

  #cancel(): InputAct | null {
    if (this.#password !== null) return this.#giveUp();
    if (this.#line.text === "") return { type: "leave" };
    this.#line.clear();
    return null;
  }

  #giveUp(): InputAct {
    this.#password = null;
    return { type: "password", password: null };
  }

  #takePaste(event: InputEvent & { type: "paste" }): void {
    this.#forgetChoices();
    const paste = readPaste(event);
    if (this.#password !== null) this.#password.insert(paste.text.split("\n")[0] ?? "");
    else if (wantsPreview(paste)) this.#paste = paste;
    else this.#line.insert(paste.text);
  }

  #takeWhilePasting(event: InputEvent, paste: Paste): InputAct | null {
    const act = event.type === "key"
      ? pasteActOf(event.key)
      : event.type === "text"
      ? pasteActOfText(event.text)
      : null;
    if (act === null) return null;
    // Beside what is typed already it may be too long.
    if (act === "edit" && !this.#line.insert(paste.text)) return null;
    this.#paste = null;
    return act === "send" && paste.messages.length > 0
      ? { type: "pasted", messages: paste.messages }
      : null;
  }

  #complete(step: 1 | -1): void {
    if (this.#password !== null) return;
    const { text, cursor } = this.#line;
    const tab = this.#tabs.press(text.slice(0, cursor), step, this.#sources());
    if (tab === null) return;
    this.#line.replace(tab.start, cursor, tab.replacement);
    this.#choices = tab.choices.length > 1 ? { all: tab.choices, index: tab.index } : null;
  }

  #forgetChoices(): void {
    this.#choices = null;
  }

  /** What Tab offers, from what it has put in place on, or why something was not taken. */
  #rowAbove(columns: number): StyledLine | null {
    if (this.#editor.isFull) {
      return fitLine(plainLine("That is too long for one message.", "error"), columns);
    }
    if (this.#choices === null) return null;
    const { all, index } = this.#choices;
    const spans = all.slice(index).flatMap((choice, at) => [
      span(choice, at === 0 ? "selection" : "notice"),
      span("  ", "notice"),
    ]);
    return fitLine(spans, columns);
  }
}
