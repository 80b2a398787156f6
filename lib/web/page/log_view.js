// @ts-check
/// <reference lib="dom" />
/**
 * The conversation: rows of the place that is shown, as many as are needed around what is seen.
 *
 * 1. While the newest line is seen, what comes keeps it in view; while somebody reads further up,
 *    nothing moves what they read.
 * 2. At most `ROWS_MAX` rows and one step stand in the document. Scrolling to an end adds rows
 *    there and takes them away at the other; at the first one older lines are asked for.
 * 3. A row is made once for an entry, which never changes.
 *
 * Must not know: the connection, the composer.
 *
 * @module
 */

import { byId, make, setText } from "./dom.js";
import { makeRow } from "./entry_view.js";
import { GROUP_MS, ROWS_AT_END, ROWS_MAX, ROWS_STEP } from "./limits.js";
import { dayOf, formatDay } from "./wording.js";

/** @import { EntryActions } from "./entry_view.js" */
/** @import { ChatModel, Entry, Place } from "./model.js" */
/** @import { RoomLog } from "./room_log.js" */

/**
 * What the conversation needs.
 *
 * @typedef {object} LogActions
 * @property {() => void} onOlder Older lines are wanted.
 * @property {() => void} onNewer Lines behind the older part that is shown are wanted.
 * @property {() => void} onPosition Whether the newest line is seen may have changed.
 * @property {() => void} onNewest What is said now is to be shown.
 */

/** From the end within which one is there, in pixels: a line. */
const END_PX = 32;
/** From an end within which more rows are added, in pixels: some screens' scrolling ahead. */
const NEAR_PX = 900;

/** See the module. */
export class LogView {
  #log = byId("log", HTMLDivElement);
  #jump = byId("jump-button", HTMLButtonElement);
  #jumpWords = byId("jump-words", HTMLSpanElement);
  #model;
  #entryActions;
  #actions;
  /** @type {Place | null} */
  #place = null;
  /** @type {RoomLog | null} */
  #shown = null;
  /** The first entry in the document, by its key; null for the rows up to the end. @type {number | null} */
  #topKey = null;
  /** How many entries from there on. */
  #size = ROWS_AT_END;
  #isAtEnd = true;
  /** Of the window, when it was settled last; in pixels. */
  #height = 0;
  /** Rows in the document, by what they stand for. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** What each row was made of. @type {WeakMap<HTMLElement, { entry: Entry | null, how: string }>} */
  #made = new WeakMap();
  /** Where one was in each place. @type {WeakMap<Place, { topKey: number | null, scrollTop: number }>} */
  #positions = new WeakMap();
  /** @type {Entry | null} */
  #focused = null;
  /** What names the user, when the rows were made. @type {RegExp | null} */
  #mention = null;

  /**
   * @param {ChatModel} model
   * @param {EntryActions} entryActions
   * @param {LogActions} actions
   */
  constructor(model, entryActions, actions) {
    this.#model = model;
    this.#entryActions = entryActions;
    this.#actions = actions;
    this.#log.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#log.addEventListener("keydown", (event) => this.#onKey(event));
    this.#jump.addEventListener("click", () => this.#actions.onNewest());
    new ResizeObserver(() => this.#settle()).observe(this.#log);
  }

  /** Whether the newest line is seen. */
  get isAtEnd() {
    return this.#isAtEnd && (this.#place?.past ?? null) === null;
  }

  /**
   * Draws what has changed. To be called once a frame at most.
   *
   * @returns {void}
   */
  render() {
    const place = this.#model.current;
    const { shown } = place;
    const isOther = place !== this.#place || shown !== this.#shown;
    if (isOther) this.#turn(place, shown);
    if (this.#mention !== this.#model.mention) {
      this.#mention = this.#model.mention;
      this.#made = new WeakMap();
    }
    const all = shown.all;
    const { start, end } = this.#window(all);
    const anchor = this.#isAtEnd || isOther ? null : this.#anchor();
    // What is put in front or in place of another room is nothing new to be read out.
    const isQuiet = isOther || anchor !== null;
    this.#log.setAttribute("aria-busy", String(isQuiet));
    this.#reconcile(this.#wanted(all, start, end));
    if (isQuiet) setTimeout(() => this.#log.setAttribute("aria-busy", "false"), 100);
    if (anchor !== null) {
      const moved = anchor.row.offsetTop - anchor.top;
      if (moved !== 0) this.#log.scrollTop += moved;
    } else if (this.#isAtEnd) this.#toEnd();
    else if (isOther) this.#log.scrollTop = this.#positions.get(place)?.scrollTop ?? 0;
    this.#showJump();
    this.#fill();
  }

  /**
   * Goes to the newest line.
   *
   * @returns {void}
   */
  scrollToEnd() {
    this.#topKey = null;
    this.#isAtEnd = true;
    this.render();
    this.#toEnd();
    this.#actions.onPosition();
  }

  /**
   * Shows one entry in the middle, and gives it the focus.
   *
   * @param {number} id As the server numbers it.
   * @returns {void}
   */
  reveal(id) {
    const all = this.#model.current.shown.all;
    const at = all.findIndex((entry) => entry.id === id);
    const top = all[Math.max(0, at - ROWS_STEP)];
    const entry = all[at];
    if (entry === undefined || top === undefined) return;
    this.#isAtEnd = false;
    this.#place = this.#model.current;
    this.#shown = this.#place.shown;
    this.#topKey = top.key;
    this.render();
    const row = this.#rows.get(`e${entry.key}`);
    if (row === undefined) return;
    row.scrollIntoView({ block: "center" });
    row.classList.add("target");
    setTimeout(() => row.classList.remove("target"), 2_600);
    this.#focusRow(row);
    this.#onScroll();
  }

  /**
   * @param {Place} place
   * @param {RoomLog} shown
   */
  #turn(place, shown) {
    if (this.#place !== null && this.#shown === this.#place.log && !this.#isAtEnd) {
      this.#positions.set(this.#place, {
        topKey: this.#topKey,
        scrollTop: this.#log.scrollTop,
      });
    } else if (this.#place !== null) this.#positions.delete(this.#place);
    const isSamePlace = place === this.#place;
    const position = isSamePlace ? undefined : this.#positions.get(place);
    this.#place = place;
    this.#shown = shown;
    this.#topKey = position?.topKey ?? null;
    this.#isAtEnd = position === undefined;
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.#log.setAttribute(
      "aria-label",
      place.kind === "direct" ? `Private messages with ${place.name}` : `Messages in ${place.name}`,
    );
  }

  /**
   * Which entries stand in the document.
   *
   * @param {readonly Entry[]} all
   */
  #window(all) {
    if (this.#isAtEnd) {
      this.#topKey = null;
      this.#size = ROWS_AT_END;
    } else this.#size = ROWS_MAX;
    if (this.#topKey === null) {
      const start = Math.max(0, all.length - this.#size);
      // Whoever reads further up keeps their rows when more come.
      if (!this.#isAtEnd) this.#topKey = all[start]?.key ?? null;
      return { start, end: all.length };
    }
    // Where it has been given up for its age, the oldest there is comes next to it.
    const start = Math.max(0, all.findIndex(({ key }) => key === this.#topKey));
    return { start, end: Math.min(all.length, start + this.#size) };
  }

  /**
   * What is to stand in the document, from top to bottom.
   *
   * @param {readonly Entry[]} all
   * @param {number} start
   * @param {number} end
   */
  #wanted(all, start, end) {
    const place = this.#model.current;
    /** @type {{ id: string, entry: Entry | null, how: string }[]} */
    const wanted = [];
    if (start === 0) {
      const how = place.kind === "direct"
        ? "direct"
        : place.shown.isComplete
        ? place.name
        : place.kind === "room" && !place.hasOlder
        ? "far"
        : null;
      if (how !== null) wanted.push({ id: "start", entry: null, how });
    }
    if (start === 0 && place.isFetching) wanted.push({ id: "wait", entry: null, how: "wait" });
    let before = start > 0 ? all[start - 1] : undefined;
    const nowMs = Date.now();
    for (let at = start; at < end; at++) {
      const entry = all[at];
      if (entry === undefined) break;
      const day = dayOf(entry.atMs);
      const isNewDay = before === undefined || dayOf(before.atMs) !== day;
      if (isNewDay) {
        wanted.push({ id: `d${day}-${entry.key}`, entry: null, how: formatDay(entry.atMs, nowMs) });
      }
      const isNew = entry.key === place.firstUnreadKey;
      if (isNew) wanted.push({ id: "new", entry: null, how: "New messages" });
      const isGrouped = !isNewDay && !isNew && isTogether(before, entry);
      wanted.push({ id: `e${entry.key}`, entry, how: isGrouped ? "grouped" : "first" });
      before = entry;
    }
    return wanted;
  }

  /** @param {readonly { id: string, entry: Entry | null, how: string }[]} wanted */
  #reconcile(wanted) {
    const kept = new Set(wanted.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    let next = this.#log.firstElementChild;
    for (const item of wanted) {
      const old = this.#rows.get(item.id);
      const made = old === undefined ? undefined : this.#made.get(old);
      if (old !== undefined && made?.entry === item.entry && made.how === item.how) {
        if (old === next) next = next.nextElementSibling;
        else this.#log.insertBefore(old, next);
        continue;
      }
      const row = this.#make(item);
      this.#made.set(row, item);
      this.#rows.set(item.id, row);
      if (old === undefined) this.#log.insertBefore(row, next);
      else {
        const hadFocus = old.contains(document.activeElement);
        if (old === next) next = next.nextElementSibling;
        old.replaceWith(row);
        if (hadFocus) this.#focusRow(row);
      }
    }
  }

  /** @param {{ id: string, entry: Entry | null, how: string }} item */
  #make({ id, entry, how }) {
    if (entry !== null) {
      const row = makeRow(
        entry,
        { isGrouped: how === "grouped", mention: this.#mention },
        this.#entryActions,
      );
      row.addEventListener("focus", () => this.#focused = entry);
      return row;
    }
    if (id === "start") return makeStart(how);
    if (id === "wait") return make("div", { className: "row plain", text: "Fetching..." });
    return make("div", {
      className: id === "new" ? "between new" : "between",
      text: how,
    });
  }

  /** The first row that is seen, and where it stands. */
  #anchor() {
    const top = this.#log.scrollTop;
    for (const row of this.#log.children) {
      if (!(row instanceof HTMLElement) || !row.classList.contains("row")) continue;
      if (row.offsetTop + row.offsetHeight > top) return { row, top: row.offsetTop };
    }
    return null;
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const shown = this.#shown;
    if (shown === null) return;
    const fromEnd = scrollHeight - clientHeight - scrollTop;
    const all = shown.all;
    const { start, end } = this.#window(all);
    const wasAtEnd = this.#isAtEnd;
    // Nobody has scrolled where the window became another one: #settle follows.
    if (wasAtEnd && clientHeight !== this.#height) return;
    this.#isAtEnd = fromEnd <= END_PX && end === all.length && this.#place?.past === null;
    if (!this.#isAtEnd && wasAtEnd) this.#topKey = all[start]?.key ?? null;
    this.#fill();
    this.#showJump();
    if (wasAtEnd !== this.#isAtEnd) this.#actions.onPosition();
  }

  /**
   * Near an end of the rows, more of them are put there; where there are none, they are asked for.
   * Not only after scrolling: at the very top there is nothing to scroll when older ones come.
   */
  #fill() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const shown = this.#shown;
    if (shown === null) return;
    const all = shown.all;
    const { start, end } = this.#window(all);
    const fromEnd = scrollHeight - clientHeight - scrollTop;
    const isAtTop = scrollTop < NEAR_PX;
    if (isAtTop && start === 0) this.#actions.onOlder();
    else if (isAtTop && !this.#isAtEnd) this.#startFrom(start - ROWS_STEP);
    else if (fromEnd < NEAR_PX && end < all.length) this.#startFrom(end + ROWS_STEP - ROWS_MAX);
    else if (fromEnd < NEAR_PX && this.#place?.past !== null) this.#actions.onNewer();
  }

  /**
   * Has the rows begin with another entry.
   *
   * @param {number} index The last full screens are shown where there are fewer behind it.
   */
  #startFrom(index) {
    const all = this.#shown?.all ?? [];
    const start = Math.max(0, Math.min(index, all.length - ROWS_MAX));
    this.#topKey = all[start]?.key ?? null;
    this.render();
  }

  /** The window has another height: a keyboard has come up, or the message box has grown. */
  #settle() {
    this.#height = this.#log.clientHeight;
    if (this.#isAtEnd) this.#toEnd();
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #showJump() {
    const unread = this.#place?.unread ?? 0;
    this.#jump.hidden = this.isAtEnd;
    this.#jump.classList.toggle("unread", unread > 0);
    setText(
      this.#jumpWords,
      unread === 0 ? "Newest messages" : unread === 1 ? "1 new message" : `${unread} new messages`,
    );
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { target } = event;
    const row = target instanceof Element ? target.closest(".row") : null;
    switch (event.key) {
      case "ArrowUp":
      case "ArrowDown": {
        event.preventDefault();
        if (row === null) return this.#focusLast();
        const rows = [...this.#log.querySelectorAll(".row")];
        const at = rows.indexOf(row) + (event.key === "ArrowUp" ? -1 : 1);
        return this.#focusRow(rows[at]);
      }
      case "End":
        event.preventDefault();
        this.#actions.onNewest();
        return this.#focusLast();
      case "Enter":
      case "ContextMenu":
        if (target !== row || row === null || this.#focused === null) return;
        event.preventDefault();
        if (this.#focused.kind === "message" || this.#focused.kind === "action") {
          const button = row.querySelector(".more-button");
          if (button instanceof HTMLElement) this.#entryActions.onMore(this.#focused, button);
        }
        return;
      default:
        return;
    }
  }

  #focusLast() {
    this.#focusRow([...this.#log.querySelectorAll(".row")].at(-1));
  }

  /** @param {Element | undefined} row */
  #focusRow(row) {
    if (row instanceof HTMLElement) row.focus();
  }
}

/**
 * Whether an entry stands under the same name as the one before it.
 *
 * @param {Entry | undefined} before
 * @param {Entry} entry
 */
function isTogether(before, entry) {
  return before !== undefined && entry.kind === "message" && before.kind === "message" &&
    before.from === entry.from && before.isDirect === entry.isDirect &&
    entry.atMs - before.atMs < GROUP_MS;
}

/** @param {string} how `direct`, `far` for what the page does not hold, or the room's name. */
function makeStart(how) {
  const words = how === "direct"
    ? "Private messages are for the two of you. They are not kept by the server: what stands here " +
      "is gone when this page is closed."
    : how === "far"
    ? "A search finds what is older."
    : "Nothing was said before this, or it is not kept any more.";
  const title = how === "direct"
    ? "A private conversation"
    : how === "far"
    ? "This page goes no further back"
    : `The beginning of ${how}`;
  return make("div", { className: "empty" }, [
    make("strong", { text: title }),
    make("span", { text: words }),
  ]);
}
