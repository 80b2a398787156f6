// @ts-check
/// <reference lib="dom" />
/**
 * What tells somebody who looks elsewhere: the page's title, its icon, and notifications.
 *
 * A notification is shown only where the user has asked for it, and only while the page is hidden.
 * Must not know: the connection, how a place is drawn.
 *
 * @module
 */

import { byId } from "./dom.js";

/** @import { Memory } from "./storage.js" */

const WANTED = "parley.notify";

/** See the module. */
export class Notifier {
  #favicon = byId("favicon", HTMLLinkElement);
  #memory;
  #onClick;
  #icon = "";

  /**
   * @param {Memory} memory Of the origin.
   * @param {(tag: string) => void} onClick Takes the `tag` of a notification that was clicked.
   */
  constructor(memory, onClick) {
    this.#memory = memory;
    this.#onClick = onClick;
  }

  /**
   * Whether notifications are shown: `impossible` where the browser has none for this page, and
   * `denied` where the user has told the browser so.
   *
   * @returns {"on" | "off" | "denied" | "impossible"}
   */
  get state() {
    if (!("Notification" in globalThis) || !globalThis.isSecureContext) return "impossible";
    if (Notification.permission === "denied") return "denied";
    const isOn = Notification.permission === "granted" && this.#memory.get(WANTED) === "yes";
    return isOn ? "on" : "off";
  }

  /**
   * Turns them on, for which the browser may ask the user, or off.
   *
   * @returns {Promise<void>}
   */
  async toggle() {
    if (this.state === "on") return this.#memory.set(WANTED, null);
    if (this.state !== "off") return;
    const permission = await Notification.requestPermission();
    this.#memory.set(WANTED, permission === "granted" ? "yes" : null);
  }

  /**
   * Tells of something that is for the user.
   *
   * @param {{ title: string, body: string, tag: string }} what `tag` is the place.
   * @returns {void}
   */
  notify({ title, body, tag }) {
    if (!document.hidden || this.state !== "on") return;
    try {
      const shown = new Notification(title, { body: body.slice(0, 200), tag, icon: "/icon.svg" });
      shown.onclick = () => {
        globalThis.focus();
        shown.close();
        this.#onClick(tag);
      };
    } catch {
      // Some phones have them for service workers only; the title and the icon tell it as well.
    }
  }

  /**
   * Shows in the title where one is, and how much is unread.
   *
   * @param {{ place: string, server: string, unread: number, mentions: number }} what
   * @returns {void}
   */
  mark({ place, server, unread, mentions }) {
    const count = mentions > 0 ? `(${mentions}) ` : unread > 0 ? "* " : "";
    const title = `${count}${place === "" ? "" : `${place} - `}${server}`;
    if (document.title !== title) document.title = title;
    const icon = mentions > 0 ? "/icon_marked.svg" : "/icon.svg";
    if (icon === this.#icon) return;
    this.#icon = icon;
    this.#favicon.href = icon;
  }
}
