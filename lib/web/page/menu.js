// @ts-check
/// <reference lib="dom" />
/**
 * The one menu of the page: about a person, a message or a room.
 *
 * Takes the focus while it is open and gives it back; arrow keys, Home and End go through it, a
 * letter finds the item that begins with it, Escape and Tab close it.
 * Must not know: what the items do.
 *
 * @module
 */

import { byId, make, makeButton } from "./dom.js";

/**
 * What a menu has: an act, or null for a line between two groups.
 *
 * @typedef {{ label: string, isDangerous?: boolean, act: () => void } | null} MenuItem
 */

/** See the module. */
export class Menu {
  #element = byId("menu", HTMLDivElement);
  /** @type {HTMLElement | null} */
  #opener = null;

  /** Listens. To be made once. */
  constructor() {
    this.#element.addEventListener("keydown", (event) => this.#onKey(event));
    document.addEventListener("pointerdown", ({ target }) => {
      if (target instanceof Node && !this.#element.contains(target)) this.close();
    });
    globalThis.addEventListener("resize", () => this.close());
  }

  /** Whether it is open. */
  get isOpen() {
    return !this.#element.hidden;
  }

  /**
   * Opens it beside an element, which gets the focus back.
   *
   * @param {HTMLElement} opener
   * @param {string} title
   * @param {readonly MenuItem[]} items
   * @returns {void}
   */
  open(opener, title, items) {
    this.close();
    this.#opener = opener;
    setExpanded(opener, "true");
    this.#element.setAttribute("aria-label", title);
    const heading = make("div", { className: "menu-title", text: title });
    heading.setAttribute("aria-hidden", "true");
    this.#element.replaceChildren(
      heading,
      ...items.map((item) => {
        if (item === null) return make("div", { attributes: { role: "separator" } });
        const className = item.isDangerous === true ? "danger" : "";
        const attributes = { role: "menuitem", tabindex: "-1" };
        return makeButton({ className, text: item.label, attributes }, () => {
          this.close();
          item.act();
        });
      }),
    );
    // In the landmark of what it is about, and never in a part that is out of reach.
    opener.closest("main, nav, aside")?.append(this.#element);
    this.#element.hidden = false;
    this.#place(opener.getBoundingClientRect());
    this.#items[0]?.focus();
  }

  /**
   * Closes it, if it is open.
   *
   * @returns {void}
   */
  close() {
    if (!this.isOpen) return;
    const hadFocus = this.#element.contains(document.activeElement);
    this.#element.hidden = true;
    this.#element.replaceChildren();
    const opener = this.#opener;
    this.#opener = null;
    if (opener === null) return;
    setExpanded(opener, "false");
    if (hadFocus) opener.focus();
  }

  /** @returns {HTMLElement[]} */
  get #items() {
    return [...this.#element.querySelectorAll("button")];
  }

  /** @param {DOMRect} rect */
  #place(rect) {
    const { offsetWidth: width, offsetHeight: height, style } = this.#element;
    const left = Math.min(rect.left, innerWidth - width - 8);
    const isBelow = rect.bottom + 4 + height <= innerHeight - 8;
    const top = isBelow ? rect.bottom + 4 : Math.max(8, rect.top - height - 4);
    style.left = `${Math.max(8, left)}px`;
    style.top = `${Math.min(top, Math.max(8, innerHeight - height - 8))}px`;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const items = this.#items;
    const at = items.findIndex((item) => item === document.activeElement);
    const go = (/** @type {HTMLElement | undefined} */ item) => {
      event.preventDefault();
      item?.focus();
    };
    switch (event.key) {
      case "ArrowDown":
        return go(items[(at + 1) % items.length]);
      case "ArrowUp":
        return go(items.at(at <= 0 ? -1 : at - 1));
      case "Home":
        return go(items[0]);
      case "End":
        return go(items.at(-1));
      case "Escape":
      case "Tab":
        event.preventDefault();
        event.stopPropagation();
        return this.close();
      default: {
        if (event.key.length !== 1 || event.key === " ") return;
        const key = event.key.toLowerCase();
        const order = [...items.slice(at + 1), ...items.slice(0, at + 1)];
        const next = order.find(({ textContent }) => textContent?.toLowerCase().startsWith(key));
        if (next !== undefined) go(next);
      }
    }
  }
}

/**
 * @param {HTMLElement} opener
 * @param {string} value
 */
function setExpanded(opener, value) {
  if (opener.hasAttribute("aria-haspopup")) opener.setAttribute("aria-expanded", value);
}
