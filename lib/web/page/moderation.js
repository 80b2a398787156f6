// @ts-check
/// <reference lib="dom" />
/**
 * What operators do to somebody: sending out, banning, muting.
 *
 * Must not know: who has which rights; the server refuses, and says why.
 *
 * @module
 */

import { onSubmitOf, openDialog, readyDialog, showProblem } from "./dialogs.js";
import { byId, setText } from "./dom.js";

/** @import { Requests } from "./requests.js" */

/** @typedef {"kick" | "ban" | "mute"} Sanction */

/** @type {Readonly<Record<Sanction, string>>} */
const WORDS = { kick: "Send out", ban: "Ban", mute: "Mute" };

/** See the module. */
export class SanctionDialog {
  #dialog = readyDialog("sanction-dialog");
  #title = byId("sanction-title", HTMLHeadingElement);
  #place = byId("sanction-place", HTMLSelectElement);
  #term = byId("sanction-term", HTMLDivElement);
  #time = byId("sanction-time", HTMLSelectElement);
  #reason = byId("sanction-reason", HTMLInputElement);
  #button = byId("sanction-button", HTMLButtonElement);
  #requests;
  #onDone;
  /** @type {Sanction} */
  #sanction = "kick";
  #name = "";

  /**
   * @param {Requests} requests
   * @param {(text: string) => void} onDone Says what was done.
   */
  constructor(requests, onDone) {
    this.#requests = requests;
    this.#onDone = onDone;
    onSubmitOf("sanction-form", () => this.#impose());
  }

  /**
   * Opens it.
   *
   * @param {Sanction} sanction
   * @param {string} name Of whom it is about.
   * @returns {void}
   */
  open(sanction, name) {
    this.#sanction = sanction;
    this.#name = name;
    setText(this.#title, `${WORDS[sanction]}: ${name}`);
    setText(this.#button, WORDS[sanction]);
    this.#term.hidden = sanction === "kick";
    this.#place.value = "";
    this.#time.value = "1h";
    this.#reason.value = "";
    openDialog(this.#dialog, this.#reason);
  }

  async #impose() {
    const term = this.#sanction === "kick" || this.#time.value === ""
      ? ""
      : `for ${this.#time.value}`;
    const parts = [this.#place.value, this.#name, term, this.#reason.value.trim()];
    const args = parts.filter((part) => part !== "").join(" ");
    const { problem, events } = await this.#requests.ask(this.#sanction, args);
    if (problem !== "") return showProblem(this.#dialog, problem);
    this.#dialog.close();
    const lines = events.flatMap((event) => event.type === "notice" ? [...event.lines] : []);
    if (lines.length > 0) this.#onDone(lines.join(" "));
  }
}
