// @ts-check
/// <reference lib="dom" />
/**
 * Who is in the room that is shown.
 *
 * Must not know: the connection, what can be done to somebody.
 *
 * @module
 */

import { byId, isBot, make, makeAvatar, makeButton, setText } from "./dom.js";
import { PEOPLE_SHOWN_MAX } from "./limits.js";

/** @import { ChatModel, Person, Place } from "./model.js" */

/** See the module. */
export class PeopleView {
  #list = byId("people-list", HTMLUListElement);
  #more = byId("people-more", HTMLParagraphElement);
  #title = byId("people-title", HTMLHeadingElement);
  #count = byId("people-count", HTMLSpanElement);
  #button = byId("people-button", HTMLButtonElement);
  #model;
  #onPerson;
  /** @type {Place | null} */
  #place = null;
  #version = -1;
  #ownName = "";

  /**
   * @param {ChatModel} model
   * @param {(name: string, opener: HTMLElement) => void} onPerson Opens the menu of a person.
   */
  constructor(model, onPerson) {
    this.#model = model;
    this.#onPerson = onPerson;
  }

  /**
   * Draws what has changed.
   *
   * @returns {void}
   */
  render() {
    const place = this.#model.current;
    const { ownName } = this.#model;
    const isSame = place === this.#place && place.peopleVersion === this.#version &&
      ownName === this.#ownName;
    if (isSame) return;
    this.#place = place;
    this.#version = place.peopleVersion;
    this.#ownName = ownName;
    /** @type {readonly Person[]} */
    const people = place.kind === "direct"
      ? [place.name, ownName].map((name) => ({ name, isOperator: null }))
      : place.people;
    const shown = people.slice(0, PEOPLE_SHOWN_MAX);
    const count = place.kind === "direct" ? 2 : place.count;
    const focused = this.#focusedName();
    this.#list.replaceChildren(...shown.map((person) => this.#item(person)));
    if (focused !== null) this.#focus(focused);
    const more = count - shown.length;
    setText(this.#more, more > 0 ? `and ${more} more` : "");
    setText(this.#title, `People (${count})`);
    setText(this.#count, String(count));
    this.#button.setAttribute("aria-label", `People, ${count} here`);
  }

  /** @param {Person} person */
  #item({ name, isOperator }) {
    const isOwn = this.#model.isOwn(name);
    /** @type {(Node | string)[]} */
    const parts = [makeAvatar(name), make("bdi", { className: "person-name", text: name })];
    if (isOperator === true) parts.push(make("span", { className: "tag", text: "operator" }));
    if (isBot(name)) parts.push(make("span", { className: "tag", text: "bot" }));
    if (isOwn) parts.push(make("span", { className: "tag", text: "you" }));
    const button = makeButton(
      { className: "person", attributes: { "aria-haspopup": "menu" } },
      () => this.#onPerson(name, button),
      parts,
    );
    return make("li", {}, [button]);
  }

  /** @returns {string | null} */
  #focusedName() {
    const { activeElement } = document;
    if (activeElement === null || !this.#list.contains(activeElement)) return null;
    return activeElement.querySelector(".person-name")?.textContent ?? null;
  }

  /** @param {string} name */
  #focus(name) {
    for (const button of this.#list.querySelectorAll("button")) {
      if (button.querySelector(".person-name")?.textContent === name) return button.focus();
    }
  }
}
