// @ts-check
/// <reference lib="dom" />
/**
 * What can be done with a person, a message or a place, as menus.
 *
 * Offers to operators what only they may do; the server refuses it to others, and says why.
 * Must not know: how a menu is drawn, how commands are sent.
 *
 * @module
 */

import { confirmIt } from "./dialogs.js";
import { hashOfRoom } from "./words.js";

/** @import { AccountDialog } from "./account_dialog.js" */
/** @import { Menu, MenuItem } from "./menu.js" */
/** @import { ChatModel, Entry, Place } from "./model.js" */
/** @import { SanctionDialog } from "./moderation.js" */
/** @import { Requests } from "./requests.js" */
/** @import { RoomDialog } from "./room_dialogs.js" */

/**
 * What the items lead to.
 *
 * @typedef {object} MenusOptions
 * @property {ChatModel} model
 * @property {Requests} requests
 * @property {Menu} menu
 * @property {AccountDialog} account
 * @property {RoomDialog} roomSettings
 * @property {SanctionDialog} sanctions
 * @property {(place: Place) => void} onTurn Shows a place.
 * @property {(place: Place) => void} onClose Takes a private conversation off the list.
 * @property {(text: string) => void} onWrite Puts a text into the message box, to go on from.
 * @property {(text: string, done: string) => void} onCopy Copies a text, and says that it is done.
 */

/** See the module. */
export class Menus {
  #options;

  /** @param {MenusOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Opens the menu of a person.
   *
   * @param {string} name
   * @param {HTMLElement} opener
   * @returns {void}
   */
  openPerson(name, opener) {
    this.#options.menu.open(opener, name, this.#itemsAbout(name));
  }

  /**
   * Opens the menu of something that was said.
   *
   * @param {Entry} entry
   * @param {HTMLElement} opener
   * @returns {void}
   */
  openEntry(entry, opener) {
    const { model, menu, onCopy } = this.#options;
    const { from, text, id, isOwn, isDirect } = entry;
    /** @type {MenuItem[]} */
    const items = [{ label: "Copy text", act: () => onCopy(text, "The text is copied.") }];
    if (id !== null && !isDirect && (isOwn || this.#mayModerate(model.lastRoom))) {
      items.push({ label: "Delete...", isDangerous: true, act: () => this.#forget(entry) });
    }
    if (!isOwn) items.push(null, ...this.#itemsAbout(from));
    menu.open(opener, `Message by ${from}`, items);
  }

  /**
   * Opens the menu of the place that is shown.
   *
   * @param {HTMLElement} opener
   * @returns {void}
   */
  openPlace(opener) {
    const { model, menu, requests, roomSettings, onClose, onCopy } = this.#options;
    const place = model.current;
    if (place.kind === "nowhere") return;
    if (place.kind === "direct") {
      return menu.open(opener, place.name, [
        ...this.#itemsAbout(place.name).slice(1),
        null,
        { label: "Close the conversation", act: () => onClose(place) },
      ]);
    }
    const link = location.origin + location.pathname + hashOfRoom(place.name);
    const isSettable = this.#mayModerate(place);
    const openRoom = (/** @type {"topic" | "invite" | undefined} */ about = undefined) =>
      roomSettings.open(place, about === undefined ? { isSettable } : { isSettable, about });
    menu.open(opener, place.name, [
      { label: "Copy link to the room", act: () => onCopy(link, "The link is copied.") },
      ...isSettable
        ? [
          { label: "Edit the topic...", act: () => openRoom("topic") },
          { label: "Invite somebody...", act: () => openRoom("invite") },
          { label: "Room settings...", act: () => openRoom() },
        ]
        : [{ label: "About the room...", act: () => openRoom() }],
      null,
      {
        label: "Leave the room",
        isDangerous: true,
        act: () => requests.command("leave", place.name),
      },
    ]);
  }

  /**
   * Whether the user may be an operator of a room. A list that names the first few of many people
   * may not say so; then it is anybody who has registered.
   *
   * @param {Place | null} room
   */
  #mayModerate(room) {
    const { model } = this.#options;
    return room?.person(model.ownName)?.isOperator ?? model.isRegistered;
  }

  /**
   * @param {string} name
   * @returns {MenuItem[]}
   */
  #itemsAbout(name) {
    const { model, requests, account, sanctions, onTurn, onWrite } = this.#options;
    if (model.isOwn(name)) return [{ label: "Name and account", act: () => account.open() }];
    /** @type {MenuItem[]} */
    const items = [
      { label: "Write in private", act: () => onTurn(model.direct(name)) },
      { label: "Mention", act: () => onWrite(`${name}: `) },
      { label: "Ignore", act: () => requests.command("ignore", name) },
      { label: "Hear again", act: () => requests.command("unignore", name) },
      { label: "Report...", act: () => onWrite(`/report ${name} `) },
    ];
    const room = model.lastRoom;
    if (!this.#mayModerate(room)) return items;
    return [
      ...items,
      null,
      { label: "Send out...", isDangerous: true, act: () => sanctions.open("kick", name) },
      { label: "Mute...", isDangerous: true, act: () => sanctions.open("mute", name) },
      { label: "Ban...", isDangerous: true, act: () => sanctions.open("ban", name) },
      room?.person(name)?.isOperator === true
        ? { label: "Take the operator's rights", act: () => requests.command("deop", name) }
        : { label: "Make an operator", act: () => requests.command("op", name) },
    ];
  }

  /** @param {Entry} entry */
  async #forget({ id, from, isOwn }) {
    const isSure = await confirmIt({
      title: "Delete the message?",
      text: isOwn ? "Nobody can read it any more." : `Nobody can read what ${from} wrote any more.`,
      button: "Delete",
    });
    if (isSure) await this.#options.requests.askAloud("forget", String(id));
  }
}
