/**
 * The client below what the terminal showed before: what is said above, what one
 * types below (`--inline`).
 *
 * Promises that whatever ends it, the terminal is given back, and that what was
 * printed stays where it is, for the terminal's own scrollback.
 * Must not know: the command line, the environment, signals, exit codes.
 *
 * @module
 */

import type { ThemeChoice } from "../client/settings.ts";
import { ChatScreen } from "./chat_screen.ts";
import { complete } from "./completion.ts";
import { LineChat, type LineChatOptions, type LineChatOwner, type VisitEnd } from "./line_chat.ts";
import { MASK, secretStart } from "./own_line.ts";
import { type ColorDepth, paintLine } from "./paint.ts";
import { plainLine, type Role } from "./styled.ts";
import { type Theme, type ThemeName, themeOf } from "./theme.ts";

/** The room in which everybody begins. */
const LOBBY = "#lobby";

/** Options of {@linkcode InlineChat}. */
export interface InlineOptions extends LineChatOptions {
  /** Colours of the terminal. */
  readonly colorDepth: ColorDepth;
  /** The theme that goes with the terminal, for who has chosen none. */
  readonly terminalTheme: ThemeName;
  /** Whether Ctrl-Z stops the process. */
  readonly canStop: boolean;
}

/** See the module. For one {@linkcode InlineChat.run}. */
export class InlineChat {
  readonly #options: InlineOptions;
  readonly #chat: LineChat;
  /** Aborted when something goes wrong on this side. */
  readonly #broken = new AbortController();
  /** The terminal, from the start of {@linkcode InlineChat.run} on. */
  #screen: ChatScreen | null = null;
  #theme: Theme;
  #prompt = "";
  /** While the server's password is typed: takes it. */
  #onPassword: ((password: string | null) => void) | null = null;
  #failure: { readonly error: unknown } | null = null;

  /** Nothing happens before {@linkcode InlineChat.run}. */
  constructor(options: InlineOptions) {
    this.#options = options;
    this.#theme = this.#themeFor(options.settings.theme);
    const signal = AbortSignal.any([options.signal, this.#broken.signal]);
    this.#chat = new LineChat({ ...options, signal }, this.#owner());
  }

  /**
   * Takes the terminal and chats, until the user leaves or the conversation ends.
   *
   * @throws What went wrong on this side.
   */
  async run(): Promise<VisitEnd> {
    this.#screen = new ChatScreen({
      complete: (text) => complete(text, this.#chat.sources),
      onChoices: (choices) => this.#print(choices.join("  "), "notice"),
      onLine: (text) => this.#entered(text),
      secretStart,
      canStop: this.#options.canStop,
      onFailure: (error) => this.#fail(error),
      onLeave: () => this.#leave(),
    });
    try {
      const end = await this.#chat.run();
      if (this.#failure !== null) throw this.#failure.error;
      return end;
    } finally {
      this.close();
    }
  }

  /** Gives the terminal back at once. May be called at any time, and twice. */
  close(): void {
    this.#screen?.close();
  }

  #owner(): LineChatOwner {
    return {
      isSpoken: false,
      show: (lines): void => {
        const text = lines.map((line) => paintLine(line, this.#theme)).join("\n");
        if (text !== "") this.#screen?.print(text);
        this.#showPrompt();
      },
      drained: async (): Promise<void> => await this.#screen?.drained(),
      ring: (): void => this.#screen?.ring(),
      askPassword: (): Promise<string | null> => {
        const answer = Promise.withResolvers<string | null>();
        this.#onPassword = answer.resolve;
        this.#showPrompt();
        return answer.promise;
      },
      setTheme: (theme): void => {
        this.#theme = this.#themeFor(theme);
      },
    };
  }

  #themeFor(choice: ThemeChoice): Theme {
    const { terminalTheme, colorDepth } = this.#options;
    return themeOf(choice === "auto" ? terminalTheme : choice, colorDepth);
  }

  #print(text: string, role: Role): void {
    this.#screen?.print(paintLine(plainLine(text, role), this.#theme));
  }

  /** Has the prompt say who one is and, where that is not plain, in which room. */
  #showPrompt(): void {
    const isHidden = this.#onPassword !== null;
    const { ownName, room, roomCount } = this.#chat;
    const isPlain = room === "" || (room === LOBBY && roomCount === 1);
    const text = isHidden ? "password" : `${ownName ?? ""}${isPlain ? "" : ` ${room}`}`;
    const prompt = `${paintLine(plainLine(text, "prompt"), this.#theme)}> `;
    if (prompt === this.#prompt) return;
    this.#prompt = prompt;
    this.#screen?.setPrompt(prompt, { isHidden });
  }

  #entered(typed: string): void {
    const onPassword = this.#onPassword;
    if (onPassword !== null) {
      this.#onPassword = null;
      this.#print(MASK, "notice");
      this.#showPrompt();
      onPassword(typed);
      return;
    }
    this.#chat.enter(typed);
  }

  #leave(): void {
    this.#onPassword?.(null);
    this.#onPassword = null;
    this.#chat.leave();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#broken.abort();
  }
}
