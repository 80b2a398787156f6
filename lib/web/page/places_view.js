// @ts-check
/// <reference lib="dom" />
/**
 * The list of rooms and private conversations, with what is unread in each.
 *
 * Must not know: the connection, what was said.
 *
 * @module
 */

import {
  byId,
  make,
  makeAvatar,
  makeButton,
  makeHidden,
  makeIcon,
  setAttribute,
  setText,
} from "./dom.js";

/** @import { ChatModel, Place } from "./model.js" */

/**
 * What its buttons do.
 *
 * @typedef {object} PlacesActions
 * @property {(place: Place) => void} onTurn Shows a place.
 * @property {(place: Place) => void} onClose Takes a private conversation off the list.
 */

/** See the module. */
export class PlacesView {
  #rooms = byId("rooms", HTMLUListElement);
  #directs = byId("directs", HTMLUListElement);
  #section = byId("directs-section", HTMLDivElement);
  #elsewhere = byId("elsewhere", HTMLSpanElement);
  #open = byId("sidebar-open", HTMLButtonElement);
  #model;
  #actions;
  /** @type {WeakMap<Place, PlaceItem>} */
  #items = new WeakMap();

  /**
   * @param {ChatModel} model
   * @param {PlacesActions} actions
   */
  constructor(model, actions) {
    this.#model = model;
    this.#actions = actions;
  }

  /**
   * Draws what has changed.
   *
   * @returns {void}
   */
  render() {
    const { rooms, directs, current } = this.#model;
    this.#list(this.#rooms, rooms);
    this.#list(this.#directs, directs);
    this.#section.hidden = directs.length === 0;
    const others = [...rooms, ...directs].filter((place) => place !== current);
    const unread = others.reduce((sum, place) => sum + place.unread, 0);
    const mentions = others.reduce((sum, place) => sum + place.mentions, 0);
    this.#elsewhere.hidden = unread === 0;
    this.#elsewhere.classList.toggle("mention", mentions > 0);
    setAttribute(this.#open, "aria-label", unread === 0 ? "Rooms" : `Rooms, ${unread} unread`);
  }

  /**
   * @param {HTMLUListElement} list
   * @param {readonly Place[]} places
   */
  #list(list, places) {
    const items = places.map((place) => {
      const item = this.#items.get(place) ?? new PlaceItem(place, this.#actions);
      this.#items.set(place, item);
      item.render(place === this.#model.current);
      return item.element;
    });
    const isSame = items.length === list.children.length &&
      items.every((item, index) => item === list.children[index]);
    if (!isSame) list.replaceChildren(...items);
  }
}

/** One line of the list. */
class PlaceItem {
  #place;
  #button;
  #label = make("span", { className: "place-label" });
  #count = make("span", { className: "count" });
  #number = make("span");
  #unit = makeHidden("");
  /** @type {HTMLButtonElement | null} */
  #close = null;
  /** @type {HTMLElement | null} */
  #avatar = null;
  #avatarName = "";

  /**
   * @param {Place} place
   * @param {PlacesActions} actions
   */
  constructor(place, actions) {
    this.#place = place;
    this.#button = makeButton({ className: "place" }, () => actions.onTurn(place), [
      this.#label,
      this.#count,
    ]);
    this.#count.append(this.#number, this.#unit);
    this.element = make("li", {}, [this.#button]);
    if (place.kind === "direct") {
      this.#close = makeButton(
        { className: "icon-button small close-place" },
        () => actions.onClose(place),
        [makeIcon("close")],
      );
      this.element.append(this.#close);
    }
  }

  /** @param {boolean} isCurrent */
  render(isCurrent) {
    const { kind, name, unread, mentions } = this.#place;
    const isDirect = kind === "direct";
    if (isDirect && name !== this.#avatarName) {
      this.#avatarName = name;
      this.#avatar?.remove();
      this.#avatar = makeAvatar(name);
      this.#button.prepend(this.#avatar);
      this.#close?.setAttribute("aria-label", `Close the conversation with ${name}`);
    }
    setText(this.#label, name);
    this.#button.classList.toggle("unread", unread > 0 && !isCurrent);
    this.#count.classList.toggle("mention", mentions > 0);
    this.#count.hidden = unread === 0;
    setText(this.#number, unread > 99 ? "99+" : String(unread));
    const named = mentions === 1 ? "1 mention" : `${mentions} mentions`;
    setText(this.#unit, mentions > 0 && !isDirect ? ` unread, ${named}` : " unread");
    setAttribute(this.#button, "aria-current", isCurrent ? "true" : null);
  }
}
