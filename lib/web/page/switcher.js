// @ts-check
/// <reference lib="dom" />
/**
 * Going somewhere by a few letters: to a room, to a person, or to a search.
 *
 * Must not know: the connection, how the conversation is drawn.
 *
 * @module
 */

import { openDialog, readyDialog } from "./dialogs.js";
import { byId, make, setAttribute } from "./dom.js";
import { CHOICES_MAX } from "./limits.js";
import { foldName, roomNameOf } from "./words.js";

/** @import { ChatModel, Place } from "./model.js" */

/** @typedef {{ shown: string, note: string, act: () => void }} Goal */

/**
 * Where one can go.
 *
 * @typedef {object} SwitcherActions
 * @property {(place: Place) => void} onTurn
 * @property {(name: string) => void} onPerson Begins a private conversation.
 * @property {(room: string) => void} onJoin
 * @property {(words: string) => void} onSearch
 */

/** See the module. */
export class Switcher {
  #dialog = readyDialog("switch-dialog");
  #input = byId("switch-input", HTMLInputElement);
  #list = byId("switch-list", HTMLUListElement);
  #model;
  #actions;
  /** @type {Goal[]} */
  #goals = [];
  #chosen = 0;

  /**
   * @param {ChatModel} model
   * @param {SwitcherActions} actions
   */
  constructor(model, actions) {
    this.#model = model;
    this.#actions = actions;
    this.#input.addEventListener("input", () => this.#show());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", ({ target }) => {
      const item = target instanceof Element ? target.closest("li") : null;
      if (item !== null) this.#go([...this.#list.children].indexOf(item));
    });
    this.#dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go(this.#chosen);
    });
  }

  /**
   * Opens it.
   *
   * @returns {void}
   */
  open() {
    this.#input.value = "";
    openDialog(this.#dialog, this.#input);
    this.#show();
  }

  #show() {
    this.#goals = this.#find(this.#input.value.trim()).slice(0, CHOICES_MAX);
    this.#list.replaceChildren(...this.#goals.map(({ shown, note }, index) => {
      const parts = [make("bdi", { className: "shown", text: shown })];
      if (note !== "") parts.push(make("span", { className: "note", text: note }));
      return make("li", { attributes: { role: "option", id: `goal-${index}` } }, parts);
    }));
    this.#choose(0);
  }

  /**
   * @param {string} typed
   * @returns {Goal[]}
   */
  #find(typed) {
    const key = foldName(typed).replace(/^[#@]/, "");
    const fits = (/** @type {string} */ name) => foldName(name).includes(key);
    const { places, current, ownName } = this.#model;
    // Nobody goes where they are.
    const rankOf = (/** @type {Place} */ place) =>
      place === current ? -1 : place.mentions > 0 ? 2 : Number(place.unread > 0);
    /** @type {Goal[]} */
    const goals = places.filter(({ name }) => fits(name))
      .sort((a, b) => rankOf(b) - rankOf(a))
      .map((place) => ({
        shown: place.name,
        note: place === current
          ? "where you are"
          : place.unread > 0
          ? `${place.unread} unread`
          : "",
        act: () => this.#actions.onTurn(place),
      }));
    if (typed === "") return goals;
    const known = new Set(places.map(({ name }) => foldName(name)));
    if (!typed.startsWith("#")) {
      for (const { name } of current.people) {
        if (!fits(name) || foldName(name) === foldName(ownName) || known.has(foldName(name))) {
          continue;
        }
        const act = () => this.#actions.onPerson(name);
        goals.push({ shown: name, note: "write in private", act });
      }
    }
    const room = roomNameOf(typed);
    if (room !== null && !typed.startsWith("@") && !known.has(foldName(room))) {
      goals.push({ shown: room, note: "join or make it", act: () => this.#actions.onJoin(room) });
    }
    const act = () => this.#actions.onSearch(typed);
    return [...goals.slice(0, CHOICES_MAX - 1), { shown: typed, note: "search for it", act }];
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    for (const [at, item] of [...this.#list.children].entries()) {
      item.setAttribute("aria-selected", String(at === index));
      if (at === index) item.scrollIntoView({ block: "nearest" });
    }
    const active = this.#goals.length === 0 ? null : `goal-${index}`;
    setAttribute(this.#input, "aria-activedescendant", active);
  }

  /** @param {number} index */
  #go(index) {
    const goal = this.#goals[index];
    if (goal === undefined) return;
    this.#dialog.close();
    goal.act();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || this.#goals.length === 0) return;
    event.preventDefault();
    this.#choose((this.#chosen + step + this.#goals.length) % this.#goals.length);
  }
}
