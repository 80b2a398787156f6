// @ts-check
/// <reference lib="dom" />
/**
 * Help: the keys, and the commands as the server has them.
 *
 * Must not know: what the commands do.
 *
 * @module
 */

import { openDialog, readyDialog } from "./dialogs.js";
import { byId, make } from "./dom.js";

/** @import { HelpEntry } from "../../events.ts" */

/** See the module. */
export class HelpDialog {
  #dialog = readyDialog("help-dialog");
  #commands = byId("help-commands", HTMLDivElement);

  /**
   * Opens it.
   *
   * @param {readonly HelpEntry[]} entries
   * @returns {void}
   */
  open(entries) {
    /** @type {Map<string, HTMLElement>} */
    const groups = new Map();
    this.#commands.replaceChildren();
    for (const { group, usage, summary } of entries) {
      let list = groups.get(group);
      if (list === undefined) {
        list = make("dl", { className: "keys" });
        groups.set(group, list);
        this.#commands.append(make("h3", { text: group }), list);
      }
      list.append(
        make("dt", { className: "usage", text: usage }),
        make("dd", { text: summary }),
      );
    }
    openDialog(this.#dialog);
  }
}
