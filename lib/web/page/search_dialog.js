// @ts-check
/// <reference lib="dom" />
/**
 * Searching what was said, and going to where it was said.
 *
 * Must not know: the connection, how the conversation is drawn.
 *
 * @module
 */

import { onSubmitOf, openDialog, readyDialog } from "./dialogs.js";
import { byId, make, makeButton, setText } from "./dom.js";
import { formatClock, formatDay } from "./wording.js";

/** @import { HistoryLine } from "../../events.ts" */
/** @import { ServerEvent } from "../../protocol/json_reader.ts" */
/** @import { ChatModel } from "./model.js" */
/** @import { Requests } from "./requests.js" */

/** See the module. */
export class SearchDialog {
  #dialog = readyDialog("search-dialog");
  #title = byId("search-title", HTMLHeadingElement);
  #input = byId("search-input", HTMLInputElement);
  #here = byId("search-here", HTMLInputElement);
  #room = byId("search-room", HTMLSpanElement);
  #status = byId("search-status", HTMLParagraphElement);
  #results = byId("search-results", HTMLUListElement);
  #requests;
  #model;
  #onGo;
  #count = 0;

  /**
   * @param {Requests} requests
   * @param {ChatModel} model
   * @param {(line: HistoryLine) => void} onGo Goes to where a line was said.
   */
  constructor(requests, model, onGo) {
    this.#requests = requests;
    this.#model = model;
    this.#onGo = onGo;
    onSubmitOf("search-form", () => this.#search());
  }

  /**
   * Opens it.
   *
   * @param {string} [words] What to search for at once.
   * @returns {void}
   */
  open(words = "") {
    setText(this.#title, "Search");
    const room = this.#model.lastRoom;
    setText(this.#room, room?.name ?? "this room");
    openDialog(this.#dialog, this.#input);
    if (words !== "") {
      this.#input.value = words;
      this.#search();
    } else this.#input.select();
  }

  /**
   * Shows lines that were asked for by typing.
   *
   * @param {string} title
   * @param {ServerEvent} event
   * @returns {void}
   */
  show(title, event) {
    if (event.type !== "found" && event.type !== "history") return;
    setText(this.#title, title);
    openDialog(this.#dialog);
    // Newest first, as a search has them.
    this.#list(event.type === "found" ? event.lines : event.lines.toReversed());
  }

  async #search() {
    const words = this.#input.value.trim();
    if (words === "") return;
    setText(this.#title, "Search");
    setText(this.#status, "Searching...");
    this.#results.replaceChildren();
    const number = ++this.#count;
    const room = this.#model.lastRoom;
    const where = this.#here.checked && room !== null ? ` in:${room.name}` : "";
    const { problem, events } = await this.#requests.ask("search", words + where);
    if (number !== this.#count) return;
    if (problem !== "") return setText(this.#status, problem);
    const lines = events.flatMap((event) => event.type === "found" ? [...event.lines] : []);
    this.#list(lines);
  }

  /** @param {readonly HistoryLine[]} lines Newest first. */
  #list(lines) {
    const words = lines.length === 0
      ? "Nothing was found."
      : lines.length === 1
      ? "1 message"
      : `${lines.length} messages, the newest first`;
    setText(this.#status, words);
    this.#results.replaceChildren(...lines.map((line) => make("li", {}, [this.#result(line)])));
  }

  /** @param {HistoryLine} line */
  #result(line) {
    const { from, room, atMs, text, kind } = line;
    const when = `${formatDay(atMs, Date.now())}, ${formatClock(atMs)}`;
    return makeButton(
      { className: "result" },
      () => {
        this.#dialog.close();
        this.#onGo(line);
      },
      [
        make("span", { className: "result-head" }, [
          make("strong", { text: from }),
          make("span", { className: "quiet", text: `${room}, ${when}` }),
        ]),
        make("span", {
          className: "result-text",
          text: kind === "topic" ? `set the topic: ${text}` : text,
        }),
      ],
    );
  }
}
