/**
 * The full-screen view: what the server says and what the user does, made into
 * what is on the screen and what is asked of the server.
 *
 * Knows which room is shown, where one has scrolled to, and what lies over it: a
 * list of what was found, or what was said around one line of it.
 * Pure, but for what it remembers: time comes in, and everything that is to be
 * done goes out through its owner.
 * Must not know: the terminal, the connection, colours.
 *
 * @module
 */

import { ChatModel, type RoomView } from "../client/chat_model.ts";
import type { ConnectionState, Request, RequestAnswer } from "../client/conversation.ts";
import { foldName } from "../client/mentions.ts";
import {
  BELL_CHOICES,
  type BellChoice,
  THEME_CHOICES,
  type ThemeChoice,
} from "../client/settings.ts";
import { describeSentOut } from "../client/wording.ts";
import type { HistoryLine } from "../events.ts";
import { CLIENT_WHO_AGAIN_MS } from "../limits.ts";
import type { ServerEvent } from "../protocol/json_reader.ts";
import { ArchiveView, type PageSide, type WantedPage } from "./archive_view.ts";
import { Bell } from "./bell.ts";
import { type ChoiceAnswer, readChoice } from "./choice.ts";
import { CLIENT_COMMANDS, SERVER_COMMANDS } from "./completion.ts";
import { EntryLines } from "./entry_lines.ts";
import { InputArea } from "./input_area.ts";
import type { InputEvent, Key } from "./keys.ts";
import {
  composeScreen,
  inputRowsMax,
  planScreen,
  type Screen,
  type ScreenSize,
  tooSmallScreen,
} from "./layout.ts";
import { outgoingOf } from "./outgoing.ts";
import { Scrollback } from "./scrollback.ts";
import { SearchView } from "./search_view.ts";
import { span, type StyledLine } from "./styled.ts";
import type { TitleState } from "./status_bar.ts";
import { readTyped, type TypedLine } from "./typed_line.ts";

/** Who does what the view cannot do by itself. */
export interface ChatViewOwner {
  /** Asks the server; what ends the request is handed to `onDone`, never before this returns. */
  request(request: Request, onDone: (answer: RequestAnswer) => void): number;
  /** Requests that have no answer yet. */
  readonly pending: number;
  /** Rings the bell. */
  ring(): void;
  /** Paints the screen anew. */
  repaint(): void;
  /** Leaves the chat. */
  leave(): void;
  /**
   * Stops the program until it is told to go on.
   *
   * @returns False, and nothing happens, where that is not possible.
   */
  suspend(): boolean;
  /** Connects at once, where there is a pause before the next attempt. */
  retryNow(): void;
  /** Changes how it looks, and remembers that. */
  setTheme(theme: ThemeChoice): void;
  /** Remembers when the bell is rung. */
  setBell(bell: BellChoice): void;
  /** The time now, in epoch milliseconds. */
  now(): number;
}

/** How the view begins. */
export interface ChatViewOptions {
  /** When the bell is rung. */
  readonly bell: BellChoice;
  /** How it looks. */
  readonly theme: ThemeChoice;
}

/** What lies over the room that is shown. */
type Overlay =
  | { readonly kind: "search"; readonly view: SearchView }
  /** Escape goes back to what was found. */
  | { readonly kind: "archive"; readonly view: ArchiveView; readonly from: SearchView };

const COMMANDS = Object.keys({ ...SERVER_COMMANDS, ...CLIENT_COMMANDS }).toSorted()
  .map((name) => `/${name}`);

const KEYS_HELP = [
  "Keys:",
  "  PageUp, PageDown  read back, and forth",
  "  Home, End         on an empty line: the oldest line that is here, and the end",
  "  Escape            back, in the end to where people talk",
  "  Alt-1 to Alt-9    show that room",
  "  Ctrl-N, Ctrl-P    show the next room, or the one before",
  "  Tab, Shift-Tab    complete a /command, a name or a #room; again for another choice",
  "  Alt-Enter         begin another line of the same message",
  "  Up, Down          what you typed before",
  "  Enter             on an empty line: connect at once, if there is no connection",
  "  Ctrl-L            paint the screen anew",
  "  Ctrl-C            clear the line; leave, if it is empty",
  "  Ctrl-D            leave, on an empty line",
].join("\n");
/** Keys that do here what they always do, also while a question is to be answered. */
const ANYTIME_KEYS: ReadonlySet<Key> = new Set<Key>(["page-up", "page-down", "ctrl-l", "ctrl-z"]);
const WELCOME = "Just type to talk. /help and /keys show the rest.";
const OWN_HELP = "Of this client: /bell off|mentions|all, /theme dark|light|auto, and /keys.";

/** See the module. */
export class ChatView {
  readonly #owner: ChatViewOwner;
  readonly #model = new ChatModel();
  readonly #lines = new EntryLines();
  readonly #input: InputArea;
  /** By the rooms' names. */
  readonly #scrollbacks = new Map<string, Scrollback>();
  /** What was searched for, by the refs of the requests. */
  readonly #searches = new Map<number, string>();
  /** Pages that are on their way for what lies over the room, by the refs of the requests. */
  readonly #pages = new Map<number, { readonly archive: ArchiveView; readonly side: PageSide }>();
  /** When the people of each room were last asked for in this connection, in epoch milliseconds. */
  readonly #askedWhoAtMs = new Map<string, number>();
  /** Rooms in which some came or went whose names were not told: who is there has to be asked. */
  readonly #uncertain = new Set<string>();
  /** Rooms that the server listed last, with their `#`. */
  #listed: readonly string[] = [];
  #overlay: Overlay | null = null;
  /** What was found, where Escape goes back to it from the room that is shown. */
  #foundBefore: SearchView | null = null;
  /** Why the user has to leave a room, until they have. */
  #whySentOut: string | null = null;
  #connection: ConnectionState = { kind: "connecting" };
  readonly #bell: Bell;
  #theme: ThemeChoice;
  #hasFocus = true;
  #size: ScreenSize = { columns: 80, rows: 24 };
  /** Whether the user was told, since there was a connection, that something is not sent yet. */
  #isWarned = false;
  #onPassword: ((password: string | null) => void) | null = null;

  /** Begins with nothing to show. */
  constructor(owner: ChatViewOwner, options: ChatViewOptions) {
    this.#owner = owner;
    this.#bell = new Bell(options.bell);
    this.#theme = options.theme;
    this.#input = new InputArea(() => this.#sources());
  }

  /** The user's name as the server last told it; null while it has not. */
  get ownName(): string | null {
    return this.#model.ownName;
  }

  /** Takes what the server says. */
  apply(event: ServerEvent): void {
    const ref = typeof event.ref === "number" ? event.ref : null;
    if (event.type === "found" && ref !== null && this.#searches.has(ref)) {
      const view = new SearchView(event.lines, this.#searches.get(ref) ?? "");
      this.#overlay = { kind: "search", view };
    } else if (event.type === "history" && ref !== null && this.#pages.has(ref)) {
      this.#addPage(ref, event.lines);
    } else if (ref === null || !this.#pages.has(ref)) {
      // What else answers a page that was wanted says that there is none.
      this.#hear(event);
    }
    this.#seeRoom();
  }

  /** Takes what changes the rooms. */
  #hear(event: ServerEvent): void {
    const first = this.#model.current.entries.length;
    const isNew = this.#model.ownName === null;
    if (event.type === "help" && event.entries.length > 1) this.#note(OWN_HELP);
    this.#model.apply(event, this.#owner.now());
    if (this.#bell.rings(event, this.#model.ownName, this.#owner.now())) this.#owner.ring();
    switch (event.type) {
      case "welcome":
        this.#askedWhoAtMs.clear();
        if (isNew && !event.isResumed) this.#note(WELCOME);
        return;
      case "entered":
        this.#askedWhoAtMs.delete(event.room);
        return;
      case "joined":
      case "left":
        if (event.who.more > 0 && this.#model.room(event.room) !== undefined) {
          this.#uncertain.add(event.room);
        }
        return;
      case "sent-out":
        // They hear it in the room, and then the room is gone.
        if (this.#isOwn(event.name)) this.#whySentOut = describeSentOut(event);
        return;
      case "parted":
        this.#askedWhoAtMs.delete(event.room);
        this.#uncertain.delete(event.room);
        if (this.#whySentOut !== null) this.#note(this.#whySentOut);
        this.#whySentOut = null;
        return;
      case "rooms":
        this.#listed = event.rooms.map(({ name }) => name);
        this.#showFrom(first);
        return;
      case "help":
      case "who":
      case "notice":
        if (event.ref !== undefined) this.#showFrom(first);
        return;
      default:
        return;
    }
  }

  #isOwn(name: string): boolean {
    return foldName(name) === foldName(this.#model.ownName ?? "");
  }

  /** Shows an answer that is higher than the screen from its beginning. */
  #showFrom(index: number): void {
    const { current } = this.#model;
    if (index >= current.entries.length) return;
    if (this.#overlay === null && this.#scrollback.isAtEnd) {
      this.#scrollback.showFrom(current, this.#view, index);
    }
  }

  /** Takes how the connection is doing. */
  setConnection(state: ConnectionState): void {
    this.#connection = state;
    if (state.kind === "online") this.#isWarned = false;
    this.#seeRoom();
  }

  /** Has the user asked for the server's password; null where they give up. */
  askPassword(sentence: string): Promise<string | null> {
    this.#note(sentence);
    this.#input.askPassword();
    const answer = Promise.withResolvers<string | null>();
    this.#onPassword = answer.resolve;
    return answer.promise;
  }

  /** Takes what the user did. */
  take(event: InputEvent): void {
    if (event.type === "focus") this.#hasFocus = event.hasFocus;
    else if (event.type !== "key" || !this.#press(event.key)) this.#type(event);
    this.#seeRoom();
  }

  /** What is on the screen now. */
  screen(size: ScreenSize): Screen {
    this.#size = size;
    const input = this.#input.rows(this.#prompt(), size.columns, inputRowsMax(size));
    const plan = planScreen(size, input.lines.length);
    if (plan === null) return tooSmallScreen(size);
    const room = this.#model.current;
    this.#lines.setView({ columns: plan.messages.columns, ownName: this.#model.ownName });
    const { rows, newBelow, isScrolled } = this.#messages(plan.messages);
    return composeScreen(plan, {
      title: this.#title(),
      messages: rows,
      people: room.people,
      ownName: this.#model.ownName,
      peopleMore: room.peopleMore,
      status: {
        rooms: this.#model.rooms.map(({ name, unread, mentions }) => ({
          name,
          unread,
          mentions,
          isCurrent: name === room.name,
        })),
        // A connection that waits for the password says nothing of the next one.
        connection: this.#onPassword === null ? this.#connection : null,
        nowMs: this.#owner.now(),
        newBelow,
        isScrolled,
        isFetching: room.isFetching,
        waiting: this.#owner.pending,
      },
      input,
    });
  }

  #title(): TitleState {
    const { name, topic, people, peopleMore } = this.#model.current;
    return this.#overlay?.kind === "archive"
      ? { room: this.#overlay.view.room, topic: this.#overlay.view.title, people: 0 }
      : { room: name, topic, people: people.length + peopleMore };
  }

  /** What is in the middle of the screen. */
  #messages(
    size: ScreenSize,
  ): { rows: readonly StyledLine[]; newBelow: number; isScrolled: boolean } {
    const overlay = this.#overlay;
    if (overlay?.kind === "search") {
      return { rows: overlay.view.rows(size), newBelow: 0, isScrolled: false };
    }
    if (overlay?.kind === "archive") {
      return { rows: overlay.view.frame(size).rows, newBelow: 0, isScrolled: true };
    }
    const { rows, newBelow, isAtEnd } = this.#scrollback.frame(this.#model.current, size);
    return { rows, newBelow, isScrolled: !isAtEnd };
  }

  /** The room for what is said, as of the last frame. */
  get #view(): ScreenSize {
    const { lines } = this.#input.rows(
      this.#prompt(),
      this.#size.columns,
      inputRowsMax(this.#size),
    );
    return planScreen(this.#size, lines.length)?.messages ?? this.#size;
  }

  /** Of the room that is shown. */
  get #scrollback(): Scrollback {
    const { name } = this.#model.current;
    const known = this.#scrollbacks.get(name);
    if (known !== undefined) return known;
    for (const other of this.#scrollbacks.keys()) {
      if (this.#model.room(other) === undefined) this.#scrollbacks.delete(other);
    }
    const scrollback = new Scrollback(this.#lines);
    this.#scrollbacks.set(name, scrollback);
    return scrollback;
  }

  /** What stands before what is typed. */
  #prompt(): StyledLine {
    const name = this.#model.ownName;
    return [span(name === null ? "> " : `${name}> `, "prompt")];
  }

  /** The user sees what comes only at the end of a room that nothing lies over. */
  #seeRoom(): void {
    const { name } = this.#model.current;
    this.#model.setReading(
      this.#hasFocus && this.#overlay === null && this.#scrollback.isAtEnd,
    );
    if (name !== "" && this.#connection.kind === "online") this.#askWho(name);
  }

  /** Asks quietly who is in a room, where that is not known; then the screen is filled. */
  #askWho(room: string): void {
    const lastMs = this.#askedWhoAtMs.get(room);
    const nowMs = this.#owner.now();
    // A thousand people may come one after the other.
    const isDue = lastMs === undefined ||
      (this.#uncertain.has(room) && Math.abs(nowMs - lastMs) >= CLIENT_WHO_AGAIN_MS);
    if (!isDue) return;
    this.#askedWhoAtMs.set(room, nowMs);
    this.#uncertain.delete(room);
    const request: Request = { type: "command", name: "who", args: "", room };
    const ref = this.#owner.request(request, (answer) => {
      this.apply(answer);
      // Whoever comes in has been told the last lines by now.
      if (lastMs === undefined && this.#model.current.name === room) this.#fillScreen();
    });
    this.#model.askingQuietly(ref);
  }

  /** Asks for what is older, where the end of the room does not fill the screen. */
  #fillScreen(): void {
    const { rows } = this.#scrollback.frame(this.#model.current, this.#view);
    if (rows[0]?.length === 0) this.#fetchOlder();
  }

  /** Does what a key does here; false where it is the line's. */
  #press(key: Key): boolean {
    if (this.#input.isModal && !ANYTIME_KEYS.has(key)) return false;
    if (this.#overlay?.kind === "search" && this.#pressInSearch(key, this.#overlay.view)) {
      return true;
    }
    switch (key) {
      case "page-up":
        this.#pageUp();
        return true;
      case "page-down":
        this.#pageDown();
        return true;
      case "ctrl-home":
        this.#toTop();
        return true;
      case "ctrl-end":
        this.#toEnd();
        return true;
      case "home":
      case "end":
        if (!this.#input.isEmpty) return false;
        return this.#press(`ctrl-${key}`);
      case "escape":
        return this.#goBack();
      case "ctrl-n":
        this.#turnBy(1);
        return true;
      case "ctrl-p":
        this.#turnBy(-1);
        return true;
      case "ctrl-l":
        this.#owner.repaint();
        return true;
      case "ctrl-z":
        if (!this.#owner.suspend()) this.#complain("Ctrl-Z cannot stop the client here.");
        return true;
      case "enter":
        if (this.#input.isEmpty) this.#owner.retryNow();
        return false;
      default: {
        const number = /^alt-([1-9])$/.exec(key)?.[1];
        if (number === undefined) return false;
        this.#turnTo(this.#model.rooms[Number(number) - 1]);
        return true;
      }
    }
  }

  #pressInSearch(key: Key, view: SearchView): boolean {
    const page = Math.max(1, this.#view.rows - 2);
    switch (key) {
      case "up":
        view.move(-1);
        return true;
      case "down":
        view.move(1);
        return true;
      case "page-up":
        view.move(-page);
        return true;
      case "page-down":
        view.move(page);
        return true;
      case "ctrl-home":
        view.move(-view.hits.length);
        return true;
      case "ctrl-end":
        view.move(view.hits.length);
        return true;
      case "enter":
        if (!this.#input.isEmpty) return false;
        this.#jump(view);
        return true;
      default:
        return false;
    }
  }

  /** Shows where the chosen line was said. */
  #jump(from: SearchView): void {
    const hit = from.selected;
    if (hit === undefined) return;
    const room = this.#model.room(hit.room);
    if (room !== undefined && this.#isHere(room, hit)) {
      this.#turnTo(room);
      this.#scrollback.jumpTo(room, this.#view, hit.id);
      this.#foundBefore = from;
      return;
    }
    const view = new ArchiveView(hit, { lines: this.#lines, ownName: this.#model.ownName });
    this.#overlay = { kind: "archive", view, from };
    this.#fetchPages(view);
  }

  #isHere(room: RoomView, hit: HistoryLine): boolean {
    return room.entries.some(({ id }) => id === hit.id);
  }

  #fetchPages(archive: ArchiveView): void {
    for (const { room, args, side } of archive.wanted(this.#view)) {
      const ref = this.#askFor({ room, args, side }, archive);
      this.#pages.set(ref, { archive, side });
    }
  }

  #askFor({ room, args, side }: WantedPage, archive: ArchiveView): number {
    const ref = this.#owner.request({ type: "command", name: "history", args, room }, (answer) => {
      this.#pages.delete(ref);
      archive.answered(side, answer.type === "refused" ? answer.text : null);
    });
    return ref;
  }

  #addPage(ref: number, lines: readonly HistoryLine[]): void {
    const page = this.#pages.get(ref);
    page?.archive.add(page.side, lines, this.#view);
  }

  #pageUp(): void {
    const overlay = this.#overlay;
    if (overlay?.kind === "archive") {
      overlay.view.pageUp(this.#view);
      this.#fetchPages(overlay.view);
      return;
    }
    this.#scrollback.pageUp(this.#model.current, this.#view);
    this.#fetchOlder();
  }

  #pageDown(): void {
    const overlay = this.#overlay;
    if (overlay?.kind === "archive") {
      overlay.view.pageDown(this.#view);
      this.#fetchPages(overlay.view);
      return;
    }
    this.#scrollback.pageDown(this.#model.current, this.#view);
  }

  /** To the oldest line that is here. */
  #toTop(): void {
    const overlay = this.#overlay;
    if (overlay?.kind === "archive") {
      overlay.view.top(this.#view);
      this.#fetchPages(overlay.view);
      return;
    }
    this.#scrollback.top(this.#model.current, this.#view);
    this.#fetchOlder();
  }

  /** Asks for what is older, where less than a screen of it is left. */
  #fetchOlder(): void {
    const room = this.#model.current;
    if (!this.#scrollback.frame(room, this.#view).needsOlder) return;
    const wanted = this.#model.fetchOlder(room.name);
    if (wanted === null) return;
    const ref = this.#ask({ type: "command", ...wanted });
    this.#model.fetching(ref, room.name);
  }

  #toEnd(): void {
    this.#overlay = null;
    this.#foundBefore = null;
    this.#scrollback.bottom();
  }

  /** One step back towards the end of the room; false where one is there. */
  #goBack(): boolean {
    const overlay = this.#overlay;
    const found = this.#foundBefore;
    if (overlay === null && found === null && this.#scrollback.isAtEnd) return false;
    if (found !== null) {
      this.#toEnd();
      this.#overlay = { kind: "search", view: found };
    } else if (overlay?.kind === "archive") this.#overlay = { kind: "search", view: overlay.from };
    else if (overlay?.kind === "search") this.#overlay = null;
    else this.#scrollback.bottom();
    return true;
  }

  #turnBy(step: 1 | -1): void {
    const { rooms, current } = this.#model;
    const at = rooms.findIndex(({ name }) => name === current.name);
    this.#turnTo(rooms.at((at + step) % Math.max(1, rooms.length)));
  }

  #turnTo(room: RoomView | undefined): void {
    if (room === undefined) return;
    this.#overlay = null;
    this.#foundBefore = null;
    this.#model.turnTo(room.name);
  }

  #type(event: InputEvent): void {
    const act = this.#input.take(event);
    switch (act?.type) {
      case "typed":
        this.#toEnd();
        this.#entered(readTyped(act.text));
        return;
      case "pasted":
        this.#toEnd();
        for (const text of act.messages) this.#entered({ kind: "say", text });
        return;
      case "password":
        this.#onPassword?.(act.password);
        this.#onPassword = null;
        return;
      case "leave":
        this.#leave();
        return;
      default:
        return;
    }
  }

  #entered(typed: TypedLine): void {
    if (typed.kind === "command" && this.#doHere(typed.name, typed.args)) return;
    const { current, correspondents } = this.#model;
    const [correspondent] = correspondents;
    const { request, saying } = outgoingOf(typed, { room: current.name, correspondent });
    const ref = this.#ask(request);
    if (saying !== null) this.#model.saying({ ref, ...saying }, this.#owner.now());
    if (typed.kind === "command" && typed.name === "search") this.#searches.set(ref, typed.args);
  }

  /** Does a command of the client's own; false for any other. */
  #doHere(name: string, args: string): boolean {
    switch (name) {
      case "quit":
        this.#leave();
        return true;
      case "bell":
        this.#chooseBell(args);
        return true;
      case "theme":
        this.#chooseTheme(args);
        return true;
      case "keys": {
        const first = this.#model.current.entries.length;
        this.#note(KEYS_HELP);
        this.#showFrom(first);
        return true;
      }
      default:
        return false;
    }
  }

  /** Leaves; where that would lose what was said, only when it is asked for again. */
  #leave(): void {
    const { rooms, current } = this.#model;
    const unsent = this.#connection.kind === "online"
      ? 0
      : [...new Set([...rooms, current])].flatMap(({ entries }) => entries)
        .filter(({ delivery }) => delivery === "sending").length;
    if (unsent === 0 || this.#isWarned) {
      this.#owner.leave();
      return;
    }
    this.#isWarned = true;
    const what = unsent === 1 ? ["1 message is", "it"] : [`${unsent} messages are`, "them"];
    this.#complain(`${what[0]} not sent yet: leave again to drop ${what[1]}.`);
  }

  #chooseBell(args: string): void {
    const { choice: current } = this.#bell;
    const answer = readChoice(args, { name: "bell", choices: BELL_CHOICES, current });
    if (answer.choice !== null) this.#owner.setBell(this.#bell.choice = answer.choice);
    this.#tellChoice(answer);
  }

  #chooseTheme(args: string): void {
    const current = this.#theme;
    const answer = readChoice(args, { name: "theme", choices: THEME_CHOICES, current });
    if (answer.choice !== null) this.#owner.setTheme(this.#theme = answer.choice);
    this.#tellChoice(answer);
  }

  #tellChoice({ isMistake, text }: ChoiceAnswer<string>): void {
    if (isMistake) this.#complain(text);
    else this.#note(text);
  }

  #note(text: string): void {
    this.#model.note("notice", text, this.#owner.now());
  }

  #complain(text: string): void {
    this.#model.note("error", text, this.#owner.now());
  }

  /** Asks the server; what ends the request is told as anything else that it says. */
  #ask(request: Request): number {
    const ref = this.#owner.request(request, (answer) => {
      this.apply(answer);
      this.#searches.delete(ref);
    });
    return ref;
  }

  /** What Tab offers: those who are here and spoke last come first. */
  #sources(): { commands: readonly string[]; names: readonly string[]; rooms: readonly string[] } {
    const { current, rooms, correspondents } = this.#model;
    const people = current.people.map(({ name }) => name);
    const here = new Set(people.map(foldName));
    const speakers = this.#model.speakers(current.name);
    const names = new Set([
      ...speakers.filter((name) => here.has(foldName(name))),
      ...correspondents,
      ...people,
      ...speakers,
    ]);
    names.delete(this.#model.ownName ?? "");
    const known = new Set([...rooms.map(({ name }) => name), ...this.#listed]);
    return { commands: COMMANDS, names: [...names], rooms: [...known] };
  }
}
