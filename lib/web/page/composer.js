// @ts-check
/// <reference lib="dom" />
/**
 * Where messages are written: grows with the text, keeps a draft for each place, completes names
 * and commands, brings back what was sent.
 *
 * Promises that nothing is sent that the server would not take for its length: that is said
 * before.
 * Must not know: the connection, what commands do.
 *
 * @module
 */

import { commonStart, offer } from "./completion.js";
import { byId, make, setAttribute, setText } from "./dom.js";
import { RECALL_MAX } from "./limits.js";
import { hasSecret, measure, readTyped } from "./typed.js";
import { foldName } from "./words.js";

/** @import { Offer, Sources } from "./completion.js" */
/** @import { Place } from "./model.js" */
/** @import { Typed } from "./typed.js" */

/**
 * What the composer needs.
 *
 * @typedef {object} ComposerActions
 * @property {(typed: Typed) => void} onSend
 * @property {() => Sources} sources What can be completed.
 * @property {() => Promise<boolean>} onCommand A command is begun: tells whether there is a list of
 *   them now that was not there before.
 * @property {() => void} onDraft A draft has changed.
 */

/** See the module. */
export class Composer {
  #form = byId("composer", HTMLFormElement);
  #box = byId("composer-box", HTMLDivElement);
  #input = byId("composer-input", HTMLTextAreaElement);
  #send = byId("send-button", HTMLButtonElement);
  #note = byId("composer-note", HTMLParagraphElement);
  #list = byId("choices", HTMLUListElement);
  #status = byId("choices-status", HTMLParagraphElement);
  #actions;
  /** What was typed and not sent, by place. @type {Map<string, string>} */
  #drafts;
  #place = "";
  /** @type {string[]} */
  #sent = [];
  /** Which of them stands there; -1 for none. */
  #recalled = -1;
  /** @type {Offer | null} */
  #offer = null;
  #chosen = -1;

  /**
   * @param {ComposerActions} actions
   * @param {Map<string, string>} drafts What an earlier page has left.
   */
  constructor(actions, drafts) {
    this.#actions = actions;
    this.#drafts = drafts;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("input", () => this.#onInput());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("blur", () => this.#close());
    // The message box keeps the focus.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", ({ target }) => {
      const item = target instanceof Element ? target.closest("li") : null;
      if (item !== null) this.#accept([...this.#list.children].indexOf(item));
    });
    this.#fit();
  }

  /** What was typed and not sent, by place. */
  get drafts() {
    return this.#drafts;
  }

  /** Whether suggestions are shown. */
  get isOffering() {
    return this.#offer !== null;
  }

  /**
   * The place that is shown.
   *
   * @param {Place} place
   * @returns {void}
   */
  turnTo(place) {
    const key = place.kind === "direct" ? `@${foldName(place.name)}` : foldName(place.name);
    const label = place.kind === "direct"
      ? `Private message to ${place.name}`
      : place.kind === "room"
      ? `Message ${place.name}`
      : "Message";
    setAttribute(this.#input, "placeholder", label);
    setAttribute(this.#input, "aria-label", label);
    if (key === this.#place) return;
    this.#place = key;
    this.#set(this.#drafts.get(key) ?? "");
  }

  /**
   * Gives it the focus.
   *
   * @returns {void}
   */
  focus() {
    this.#input.focus();
  }

  /**
   * Puts a text behind what stands there, and gives it the focus.
   *
   * @param {string} text
   * @returns {void}
   */
  add(text) {
    const { value } = this.#input;
    const gap = value === "" || /\s$/u.test(value) ? "" : " ";
    this.#set(value + gap + text);
    this.focus();
  }

  #submit() {
    const text = this.#input.value.replace(/\s+$/u, "");
    if (text.trim() === "" || measure(text).problem !== "") return;
    if (!hasSecret(text)) {
      if (this.#sent[0] !== text) this.#sent.unshift(text);
      this.#sent.length = Math.min(this.#sent.length, RECALL_MAX);
    }
    this.#set("");
    this.#actions.onSend(readTyped(text));
  }

  #onInput() {
    this.#recalled = -1;
    this.#keepDraft();
    this.#fit();
    this.#suggest("typing");
    if (this.#input.value.startsWith("/")) this.#learn();
  }

  /** Offers commands once there is a list of them. */
  async #learn() {
    const { value } = this.#input;
    const isNew = await this.#actions.onCommand();
    if (isNew && this.#input.value === value && this.#offer === null) this.#suggest("typing");
  }

  /** @param {string} text */
  #set(text) {
    this.#input.value = text;
    this.#keepDraft();
    this.#fit();
    this.#close();
  }

  #keepDraft() {
    const { value } = this.#input;
    // What has a password in it is written down nowhere.
    if (value.trim() === "" || hasSecret(value)) this.#drafts.delete(this.#place);
    else this.#drafts.set(this.#place, value);
    this.#actions.onDraft();
  }

  /** As high as the text, and what is to be said of it. */
  #fit() {
    const { style, value } = this.#input;
    // It is measured at its lowest, and the conversation beside it must not grow meanwhile: its end
    // would be somewhere else afterwards.
    this.#box.style.minHeight = `${this.#box.offsetHeight}px`;
    style.height = "auto";
    style.height = `${this.#input.scrollHeight}px`;
    this.#box.style.minHeight = "";
    const { lines, problem } = measure(value);
    const words = problem !== ""
      ? problem
      : lines > 1 && !/^\/(?!\/)/.test(value)
      ? `${lines} lines, sent as one message.`
      : value === ""
      ? ""
      : "Enter sends, Shift+Enter begins a new line.";
    setText(this.#note, words);
    this.#note.classList.toggle("bad", problem !== "");
    this.#note.classList.toggle("lines", lines > 1);
    setAttribute(this.#note, "role", problem === "" ? null : "alert");
    setAttribute(this.#input, "aria-invalid", problem === "" ? null : "true");
    this.#send.disabled = value.trim() === "" || problem !== "";
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // Somebody is choosing a character with an input method.
    if (event.isComposing) return;
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey;
    if (this.#offer !== null && this.#onKeyInList(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    switch (event.key) {
      case "Enter":
        if (event.shiftKey || event.altKey) return;
        event.preventDefault();
        return this.#submit();
      case "Tab":
        if (hasModifier || event.shiftKey) return;
        if (this.#input.value !== "" && this.#suggest("asked")) event.preventDefault();
        return;
      case "ArrowUp":
      case "ArrowDown":
        if (hasModifier || event.shiftKey) return;
        if (this.#recall(event.key === "ArrowUp" ? 1 : -1)) event.preventDefault();
        return;
      default:
        return;
    }
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} Whether it was for the list.
   */
  #onKeyInList({ key, shiftKey, ctrlKey, altKey, metaKey }) {
    if (this.#offer === null || ctrlKey || altKey || metaKey) return false;
    const { choices, start } = this.#offer;
    switch (key) {
      case "ArrowDown":
        this.#choose((this.#chosen + 1) % choices.length);
        return true;
      case "ArrowUp":
        this.#choose(this.#chosen <= 0 ? choices.length - 1 : this.#chosen - 1);
        return true;
      case "Tab":
        if (shiftKey) return false;
        this.#accept(Math.max(0, this.#chosen));
        return true;
      case "Enter": {
        const word = this.#before.slice(start);
        const [first] = choices;
        // A command that is typed in full is done, not completed.
        const isWhole = this.#chosen <= 0 && first?.text.trimEnd() === word;
        if (shiftKey || this.#chosen < 0 || isWhole) return false;
        this.#accept(this.#chosen);
        return true;
      }
      case "Escape":
        this.#close();
        return true;
      default:
        return false;
    }
  }

  /** The text up to the cursor. */
  get #before() {
    return this.#input.value.slice(0, this.#input.selectionStart);
  }

  /**
   * Shows what fits; where that is one thing and it was asked for, it is put in.
   *
   * @param {"asked" | "typing"} why
   * @returns {boolean} Whether there was anything.
   */
  #suggest(why) {
    const before = this.#before;
    const offered = offer(before, this.#actions.sources(), why);
    if (offered === null) {
      this.#close();
      return false;
    }
    this.#offer = offered;
    if (why === "asked") {
      if (offered.choices.length === 1) {
        this.#accept(0);
        return true;
      }
      const common = commonStart(offered, before.slice(offered.start));
      if (common !== null) this.#replace(offered.start, common);
    }
    this.#list.replaceChildren(...offered.choices.map(({ shown, note }, index) => {
      const parts = [make("bdi", { className: "shown", text: shown })];
      if (note !== "") parts.push(make("span", { className: "note", text: note }));
      return make(
        "li",
        { attributes: { role: "option", id: `choice-${index}`, tabindex: "-1" } },
        parts,
      );
    }));
    this.#list.hidden = false;
    setAttribute(this.#input, "aria-controls", "choices");
    const count = offered.choices.length;
    setText(this.#status, count === 1 ? "1 suggestion" : `${count} suggestions`);
    this.#choose(0);
    return true;
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    for (const [at, item] of [...this.#list.children].entries()) {
      item.setAttribute("aria-selected", String(at === index));
      if (at === index) item.scrollIntoView({ block: "nearest" });
    }
    setAttribute(this.#input, "aria-activedescendant", `choice-${index}`);
  }

  /** @param {number} index */
  #accept(index) {
    const offered = this.#offer;
    const choice = offered?.choices[index];
    if (offered === null || choice === undefined) return;
    this.#replace(offered.start, choice.text);
    this.#close();
    this.#keepDraft();
    this.#fit();
  }

  /**
   * @param {number} start
   * @param {string} text
   */
  #replace(start, text) {
    this.#input.setRangeText(text, start, this.#input.selectionStart, "end");
  }

  #close() {
    this.#offer = null;
    this.#chosen = -1;
    this.#list.hidden = true;
    this.#list.replaceChildren();
    setText(this.#status, "");
    setAttribute(this.#input, "aria-activedescendant", null);
    setAttribute(this.#input, "aria-controls", null);
  }

  /**
   * Brings back what was sent, where nothing else stands there.
   *
   * @param {1 | -1} step 1 for what was sent before.
   */
  #recall(step) {
    const isUntouched = this.#recalled >= 0 && this.#input.value === this.#sent[this.#recalled];
    if (this.#input.value !== "" && !isUntouched) return false;
    const at = this.#recalled + step;
    if (at < -1 || at >= this.#sent.length) return isUntouched;
    this.#recalled = at;
    this.#set(this.#sent[at] ?? "");
    return true;
  }
}
