/**
 * A chat whose text is printed once and stays: what the simple modes share.
 *
 * 1. Everything in every room is handed out as lines, once, in the order in
 *    which it comes; what belongs to another room says so.
 * 2. What the user says is handed out when it is said, and once more, as not
 *    sent, where it is refused.
 * 3. A lost connection is told in one line, and so is that it is back.
 *
 * Must not know: the terminal, how lines are printed, how they are typed.
 *
 * @module
 */

import { ChatModel } from "../client/chat_model.ts";
import {
  type ConnectionState,
  Conversation,
  type ConversationEnd,
  type ConversationOptions,
  type ConversationOwner,
  type RequestAnswer,
  type Session,
} from "../client/conversation.ts";
import type { Entry } from "../client/entry.ts";
import { BELL_CHOICES, type ServerSettings, THEME_CHOICES } from "../client/settings.ts";
import type { ServerEvent, Welcome } from "../protocol/json_reader.ts";
import { cleanText } from "../text.ts";
import { Bell } from "./bell.ts";
import { readChoice } from "./choice.ts";
import { CLIENT_COMMANDS, type CompletionSources, SERVER_COMMANDS } from "./completion.ts";
import { entryText } from "./entry_text.ts";
import { outgoingOf } from "./outgoing.ts";
import { maskSecrets } from "./own_line.ts";
import { fitLine, plainLine, type StyledLine, textOf } from "./styled.ts";
import { readTyped, type TypedLine } from "./typed_line.ts";

/** Options that the simple modes have in common. */
export interface LineChatOptions
  extends
    Pick<ConversationOptions, "address" | "nick" | "password" | "session" | "signal" | "connect"> {
  /** How it looks and sounds. */
  readonly settings: Pick<ServerSettings, "theme" | "bell">;
  /** Remembers a setting that the user has changed. Must not throw. */
  readonly onSettings: (changes: Partial<ServerSettings>) => void;
}

/** How it ended, and what the next visit can go on from. */
export interface VisitEnd {
  /** How the conversation ended. */
  readonly end: ConversationEnd;
  /** What a later conversation can go on from; null for nothing. */
  readonly session: Session | null;
  /** The name last gone by; null where there was none. */
  readonly nick: string | null;
}

/** Who prints what is handed out, and does what the chat cannot do by itself. */
export interface LineChatOwner {
  /** Whether it is read aloud: nothing is marked by signs, nor what the user has typed repeated. */
  readonly isSpoken: boolean;
  /** Prints lines, maybe none; where one is and under which name may have changed as well. */
  show(lines: readonly StyledLine[]): void;
  /** Waits until what was printed has been taken. */
  drained(): Promise<void>;
  /** Rings the bell. */
  ring(): void;
  /** Asks for the server's password, whose question has been shown; null where the user gives up. */
  askPassword(): Promise<string | null>;
  /** Changes how it looks; null where there are no colours. */
  readonly setTheme: ((theme: ServerSettings["theme"]) => void) | null;
}

/** What Tab offers at the start of a line. */
const COMMANDS = [...Object.keys(SERVER_COMMANDS), ...Object.keys(CLIENT_COMMANDS)]
  .toSorted().map((name) => `/${name}`);
/** Columns of what is repeated of something that was not sent. */
const QUOTE_COLUMNS = 40;

/** See the module. For one {@linkcode LineChat.run}. */
export class LineChat {
  readonly #options: LineChatOptions;
  readonly #owner: LineChatOwner;
  readonly #model = new ChatModel();
  readonly #conversation: Conversation;
  readonly #bell: Bell;
  #theme: ServerSettings["theme"];
  /** Lines that are to be shown, all at once. */
  #lines: StyledLine[] = [];
  /** The `key` of the last entry that was handed out. */
  #lastKey = 0;
  /** What each room had then: where it has the same now, nothing is new. */
  #seen = new Map<string, readonly Entry[]>();
  #isLost = false;
  /** Whether what comes was said before now. */
  #isPast = false;

  /** Nothing happens before {@linkcode LineChat.run}. */
  constructor(options: LineChatOptions, owner: LineChatOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#bell = new Bell(options.settings.bell);
    this.#theme = options.settings.theme;
    this.#conversation = new Conversation({ ...options, owner: this.#conversationOwner() });
  }

  /** The user's name; null until the server has told it. */
  get ownName(): string | null {
    return this.#model.ownName;
  }

  /** Where the user is, with its `#`; empty for no room. */
  get room(): string {
    return this.#model.current.name;
  }

  /** In how many rooms the user is. */
  get roomCount(): number {
    return this.#model.rooms.length;
  }

  /** What Tab offers: those who spoke last come first. */
  get sources(): CompletionSources {
    const { current, rooms, correspondents, ownName } = this.#model;
    const names = new Set([
      ...this.#model.speakers(current.name),
      ...correspondents,
      ...current.people.map(({ name }) => name),
    ]);
    names.delete(ownName ?? "");
    return { commands: COMMANDS, names: [...names], rooms: rooms.map(({ name }) => name) };
  }

  /**
   * Chats, until the user leaves or the conversation ends. To be called once.
   *
   * @throws What the owner threw.
   */
  async run(): Promise<VisitEnd> {
    const end = await this.#conversation.run();
    this.#flush();
    return { end, session: this.#conversation.session, nick: this.#model.ownName };
  }

  /** Takes a line that the user has typed; a blank one has a lost connection tried again. */
  enter(typed: string): void {
    const text = cleanText(typed);
    if (text.trim() === "") this.#conversation.retryNow();
    else this.#do(readTyped(text));
    this.#flush();
  }

  /** Says something of the client's own. */
  note(text: string): void {
    this.#add(() => this.#model.note("notice", text, Date.now()));
    this.#flush();
  }

  /** Leaves the chat. */
  leave(): void {
    this.#conversation.quit();
  }

  #do(typed: TypedLine): void {
    if (typed.kind === "command") {
      this.#echo(typed);
      if (this.#command(typed.name, typed.args)) return;
    }
    const { room, ownName } = this;
    const correspondent = this.#model.correspondents[0];
    const { request, saying } = outgoingOf(typed, { room, correspondent });
    // Before the welcome nobody knows where it will be said: it comes back from there.
    const isShown = saying !== null && (ownName !== null || saying.kind === "direct");
    const ref = this.#conversation.request(request, (answer) => {
      this.#add(() => {
        this.#model.apply(answer, Date.now());
        if (isShown && answer.type === "refused") this.#noteRefused(saying.text, answer);
      });
      // It may be an answer of our own, which no batch of the server's ends.
      this.#flush();
    });
    if (isShown) this.#add(() => this.#model.saying({ ref, ...saying }, Date.now()));
  }

  /** A command is shown to nobody else: it is shown as it was typed, without its passwords. */
  #echo({ name, args }: TypedLine & { kind: "command" }): void {
    if (this.#owner.isSpoken) return;
    this.#lines.push(plainLine(maskSecrets(`/${name} ${args}`.trimEnd()), "notice"));
  }

  #noteRefused(text: string, { code, text: reason }: RequestAnswer & { type: "refused" }): void {
    const [first = ""] = text.split("\n");
    const quoted = JSON.stringify(textOf(fitLine(plainLine(first), QUOTE_COLUMNS)));
    const why = code === "unknown-fate"
      ? `Perhaps ${quoted} was not sent: the connection was lost.`
      : `${quoted} was not sent: ${reason}`;
    this.#model.note("error", why, Date.now());
  }

  get #ownHelp(): string {
    const theme = this.#owner.setTheme === null ? "" : ` and /theme ${THEME_CHOICES.join("|")}`;
    return `Of this client: /bell ${BELL_CHOICES.join("|")}${theme}.`;
  }

  /** Does what the client does by itself; false where that is nothing. */
  #command(name: string, args: string): boolean {
    switch (name) {
      case "quit":
        this.leave();
        return true;
      case "bell":
        this.#chooseBell(args);
        return true;
      case "theme":
        this.#chooseTheme(args);
        return true;
      default:
        return false;
    }
  }

  #chooseBell(args: string): void {
    const { choice: current } = this.#bell;
    const { choice, text } = readChoice(args, { name: "bell", choices: BELL_CHOICES, current });
    if (choice !== null) {
      this.#bell.choice = choice;
      this.#options.onSettings({ bell: choice });
    }
    this.note(text);
  }

  #chooseTheme(args: string): void {
    const { setTheme } = this.#owner;
    if (setTheme === null) return this.note("There are no colours here.");
    const current = this.#theme;
    const { choice, text } = readChoice(args, { name: "theme", choices: THEME_CHOICES, current });
    if (choice !== null) {
      setTheme(this.#theme = choice);
      this.#options.onSettings({ theme: choice });
    }
    this.note(text);
  }

  #conversationOwner(): ConversationOwner {
    return {
      onEvent: (event): void => this.#take(event),
      onState: (state): void => this.#follow(state),
      onPasswordWanted: (sentence): Promise<string | null> => {
        this.note(sentence);
        return this.#owner.askPassword();
      },
      drained: async (): Promise<void> => {
        this.#flush();
        await this.#owner.drained();
      },
    };
  }

  #take(event: ServerEvent): void {
    const nowMs = Date.now();
    switch (event.type) {
      case "goodbye":
        // Why it ends is told by whoever is told how it ended, or as a lost connection.
        return;
      case "welcome":
        this.#welcome(event, nowMs);
        return;
      case "caught-up":
        this.#isPast = false;
        return;
      case "history": {
        const before = this.#isPast;
        this.#isPast = true;
        if (event.unread > 0) this.#add(() => this.#noteUnread(event, nowMs));
        this.#add(() => this.#model.apply(event, nowMs));
        this.#isPast = before;
        return;
      }
      default:
        this.#add(() => this.#model.apply(event, nowMs));
    }
    if (event.type === "help" && event.entries.length > 1) this.note(this.#ownHelp);
    if (this.#bell.rings(event, this.ownName, nowMs)) this.#owner.ring();
  }

  #welcome(event: Welcome, nowMs: number): void {
    this.#add(() => {
      this.#model.apply(event, nowMs);
      // Otherwise the model tells that there is a gap, or of a restart, or greets.
      const isWhole = event.isResumed && event.isComplete && !event.isRestarted;
      if (this.#isLost && isWhole) this.#model.note("notice", "Back again.", nowMs);
    });
    this.#isLost = false;
    this.#isPast = event.isResumed;
  }

  /** As on `nc`: what to type for the rest. */
  #noteUnread(event: ServerEvent & { type: "history" }, nowMs: number): void {
    const { room, lines, unread, purpose } = event;
    const before = lines[0] === undefined ? "" : ` before ${lines[0].id}`;
    const how = purpose === "missed" ? `/join ${room}, then ` : "";
    const text = `${unread} more in ${room} since you were here: ${how}/history${before}`;
    this.#model.note("notice", text, nowMs);
  }

  #follow(state: ConnectionState): void {
    if (state.kind !== "waiting" || this.#isLost) return;
    this.#isLost = true;
    this.note(`${state.why} Trying again; what you type meanwhile is sent once that works.`);
  }

  /** Changes the model, and takes what is new in it for the next {@linkcode LineChat.#flush}. */
  #add(change: () => void): void {
    change();
    const { rooms, current } = this.#model;
    const seen = new Map<string, readonly Entry[]>();
    const added: Entry[] = [];
    let lastKey = this.#lastKey;
    for (const { name, entries } of rooms.includes(current) ? rooms : [...rooms, current]) {
      seen.set(name, entries);
      if (this.#seen.get(name) === entries) continue;
      for (const entry of entries) {
        if (entry.key <= this.#lastKey) continue;
        lastKey = Math.max(lastKey, entry.key);
        if (!isRepeated(entry, entries)) added.push(entry);
      }
    }
    this.#seen = seen;
    for (const entry of uniqueOf(added)) this.#lines.push(...this.#linesOf(entry));
    this.#lastKey = lastKey;
  }

  #linesOf(entry: Entry): StyledLine[] {
    const { isSpoken } = this.#owner;
    if (isSpoken && entry.delivery === "sending") return [];
    return entryText(entry, {
      ownName: this.ownName,
      room: this.room,
      nowMs: Date.now(),
      hasTime: !isSpoken || this.#isPast,
      hasMarks: !isSpoken,
    });
  }

  #flush(): void {
    const lines = this.#lines;
    this.#lines = [];
    this.#owner.show(lines);
  }
}

/** Whether it is the server's copy of what was handed out when it was said, and has no answer yet. */
function isRepeated(entry: Entry, entries: readonly Entry[]): boolean {
  return entry.isOwn && entry.delivery === "sent" &&
    entries.some(({ kind, text, delivery }) =>
      delivery === "sending" && kind === entry.kind && text.trim() === entry.text.trim()
    );
}

/** In the order in which they came; what concerns several rooms at once is told once, of none. */
function uniqueOf(added: readonly Entry[]): readonly Entry[] {
  if (added.length < 2) return added;
  const unique = new Map<string, Entry>();
  for (const entry of added) {
    const isOfAll = entry.kind === "divider" || entry.presence?.change === "renamed";
    const key = isOfAll ? entry.text : `${entry.key}`;
    if (!unique.has(key)) unique.set(key, isOfAll ? { ...entry, room: null } : entry);
  }
  return [...unique.values()];
}
