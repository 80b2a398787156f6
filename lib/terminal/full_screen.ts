/**
 * The client on a whole screen: a conversation, a view of it, and the terminal.
 *
 * Promises that a key is answered within a frame, however much the server says,
 * and that the terminal is given back whatever ends it.
 * Must not know: the command line, the environment, signals, exit codes.
 *
 * @module
 */

import {
  type ConnectionState,
  Conversation,
  type ConversationEnd,
  type ConversationOptions,
  type ConversationOwner,
  type Request,
  type RequestAnswer,
  type Session,
} from "../client/conversation.ts";
import type { BellChoice, ServerSettings, ThemeChoice } from "../client/settings.ts";
import { CLIENT_SLICE_MS } from "../limits.ts";
import type { ServerEvent } from "../protocol/json_reader.ts";
import { ChatView, type ChatViewOwner } from "./chat_view.ts";
import { type InputEvent, KeyDecoder } from "./keys.ts";
import type { ColorDepth } from "./paint.ts";
import { FramePainter } from "./painter.ts";
import { type FrameRequest, TerminalDevice, type TerminalPort } from "./terminal_device.ts";
import { type Theme, type ThemeName, themeOf } from "./theme.ts";

/** Options of {@linkcode FullScreen}. */
export interface FullScreenOptions
  extends Pick<ConversationOptions, "address" | "nick" | "password" | "session" | "connect"> {
  /** How it looks and sounds. */
  readonly settings: Pick<ServerSettings, "theme" | "bell">;
  /** Remembers a setting that the user has changed. Must not throw. */
  readonly onSettings: (changes: Partial<ServerSettings>) => void;
  /** Colours of the terminal. */
  readonly colorDepth: ColorDepth;
  /** The theme that goes with the terminal, for who has chosen none. */
  readonly terminalTheme: ThemeName;
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** Stops the process, as Ctrl-Z does elsewhere; null where that is not possible. */
  readonly stopProcess: (() => void) | null;
  /** Where the terminal is; by default the standard input and output. */
  readonly port?: TerminalPort;
}

/** How it ended, and what the next visit can go on from. */
export interface FullScreenEnd {
  /** How the conversation ended. */
  readonly end: ConversationEnd;
  /** What a later conversation can go on from; null for nothing. */
  readonly session: Session | null;
  /** The name last gone by; null where there was none. */
  readonly nick: string | null;
}

/** The client on a whole screen. For one {@linkcode FullScreen.run}. */
export class FullScreen {
  readonly #options: FullScreenOptions;
  readonly #device: TerminalDevice;
  readonly #painter = new FramePainter((role) => this.#theme[role]);
  readonly #decoder = new KeyDecoder();
  readonly #conversation: Conversation;
  readonly #view: ChatView;
  /** Aborted when the terminal is gone. */
  readonly #gone = new AbortController();
  #theme: Theme;
  /** For the rest of a key's sequence. */
  #keyTimer: ReturnType<typeof setTimeout> | undefined;
  /** For what changes as time goes by. */
  #clockTimer: ReturnType<typeof setInterval> | undefined;
  /** What went wrong on this side. */
  #failure: { readonly error: unknown } | null = null;
  /** When the server's turn began; null while it is not its turn. */
  #sliceAtMs: number | null = null;

  /** Nothing happens before {@linkcode FullScreen.run}. */
  constructor(options: FullScreenOptions) {
    const { address, nick, password, session, settings, signal, connect, port } = options;
    this.#options = options;
    this.#theme = this.#themeFor(settings.theme);
    this.#device = new TerminalDevice({
      frame: (request) => this.#frame(request),
      ...port === undefined ? {} : { port },
    });
    this.#view = new ChatView(this.#viewOwner(), settings);
    this.#conversation = new Conversation({
      address,
      nick,
      password,
      session,
      owner: this.#conversationOwner(),
      signal: AbortSignal.any([signal, this.#gone.signal]),
      ...connect === undefined ? {} : { connect },
    });
  }

  /**
   * Takes the terminal and chats, until the user leaves or the conversation ends.
   *
   * @throws If the terminal cannot be taken, or fails.
   */
  async run(): Promise<FullScreenEnd> {
    this.#device.open();
    const reading = this.#read();
    try {
      const end = await this.#conversation.run();
      if (this.#failure !== null) throw this.#failure.error;
      return { end, session: this.#conversation.session, nick: this.#view.ownName };
    } finally {
      clearTimeout(this.#keyTimer);
      clearInterval(this.#clockTimer);
      await this.#device.settled();
      this.#device.close();
      await reading;
    }
  }

  /** Gives the terminal back at once; what follows is not seen any more. May be called at any time. */
  close(): void {
    this.#device.close();
  }

  /** The terminal has another size. */
  resized(): void {
    this.#device.refresh();
  }

  /** The process goes on after it was stopped. */
  resumed(): void {
    this.#device.resume();
  }

  /**
   * Takes what is typed until the terminal is closed, or gone: then the conversation
   * ends. Never rejects.
   */
  async #read(): Promise<void> {
    try {
      for await (const bytes of this.#device.input()) {
        clearTimeout(this.#keyTimer);
        this.#take(this.#decoder.decode(bytes));
        const waitMs = this.#decoder.flushAfterMs;
        if (waitMs === null) continue;
        this.#keyTimer = setTimeout(() => this.#take(this.#decoder.flush()), waitMs);
      }
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#gone.abort();
  }

  /** An error that left a timer would end the process, and the terminal would stay as it is. */
  #take(events: readonly InputEvent[]): void {
    try {
      for (const event of events) this.#view.take(event);
      if (events.length > 0) this.#device.refresh();
    } catch (error) {
      this.#failure ??= { error };
      this.#gone.abort();
    }
  }

  #frame({ columns, rows, isWhole }: FrameRequest): string {
    if (isWhole) this.#painter.forget();
    const { lines, cursor } = this.#view.screen({ columns, rows });
    return this.#painter.paint({ columns, rows, lines, cursor });
  }

  /** Lets keys and frames have their turn, where the server has had its own. */
  async #yield(): Promise<void> {
    if (this.#sliceAtMs === null) return;
    if (performance.now() - this.#sliceAtMs < CLIENT_SLICE_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#sliceAtMs = null;
  }

  #themeFor(choice: ThemeChoice): Theme {
    const { terminalTheme, colorDepth } = this.#options;
    return themeOf(choice === "auto" ? terminalTheme : choice, colorDepth);
  }

  #conversationOwner(): ConversationOwner {
    return {
      onEvent: (event: ServerEvent): void => {
        this.#sliceAtMs ??= performance.now();
        this.#view.apply(event);
        this.#device.refresh();
      },
      onState: (state: ConnectionState): void => {
        this.#view.setConnection(state);
        clearInterval(this.#clockTimer);
        if (state.kind === "waiting") {
          this.#clockTimer = setInterval(() => this.#device.refresh(), 1_000);
        }
        this.#device.refresh();
      },
      onPasswordWanted: (sentence: string): Promise<string | null> => {
        const answer = this.#view.askPassword(sentence);
        this.#device.refresh();
        return answer;
      },
      drained: () => this.#yield(),
    };
  }

  #viewOwner(): ChatViewOwner {
    const pending = (): number => this.#conversation.pending;
    return {
      request: (request: Request, onDone: (answer: RequestAnswer) => void): number =>
        this.#conversation.request(request, (answer) => {
          onDone(answer);
          this.#device.refresh();
        }),
      get pending(): number {
        return pending();
      },
      ring: () => this.#device.ring(),
      repaint: () => this.#device.repaint(),
      leave: () => this.#conversation.quit(),
      suspend: (): boolean => {
        const { stopProcess } = this.#options;
        if (stopProcess !== null) this.#device.suspend(stopProcess);
        return stopProcess !== null;
      },
      retryNow: () => this.#conversation.retryNow(),
      setTheme: (theme: ThemeChoice): void => {
        this.#theme = this.#themeFor(theme);
        this.#device.repaint();
        this.#options.onSettings({ theme });
      },
      setBell: (bell: BellChoice): void => this.#options.onSettings({ bell }),
      now: () => Date.now(),
    };
  }
}
