// @ts-check
/// <reference lib="dom" />
/**
 * Rooms: those that there are, joining one, and the settings of one.
 *
 * Must not know: who has which rights; the server refuses, and says why.
 *
 * @module
 */

import {
  confirmIt,
  onSubmitOf,
  openDialog,
  readyDialog,
  showDone,
  showProblem,
} from "./dialogs.js";
import { byId, make, makeButton, setText } from "./dom.js";
import { roomNameOf } from "./words.js";

/** @import { RoomListing } from "../../events.ts" */
/** @import { ServerEvent } from "../../protocol/json_reader.ts" */
/** @import { ChatModel, Place } from "./model.js" */
/** @import { Requests } from "./requests.js" */

/** Joins a room, or makes it. */
export class JoinDialog {
  #dialog = readyDialog("join-dialog");
  #name = byId("join-name", HTMLInputElement);
  #secret = byId("join-secret", HTMLDivElement);
  #password = byId("join-password", HTMLInputElement);
  #list = byId("listed-rooms", HTMLUListElement);
  #more = byId("listed-more", HTMLParagraphElement);
  #requests;
  #model;
  #onTurn;

  /**
   * @param {Requests} requests
   * @param {ChatModel} model
   * @param {(place: Place) => void} onTurn Shows a room that the user is in.
   */
  constructor(requests, model, onTurn) {
    this.#requests = requests;
    this.#model = model;
    this.#onTurn = onTurn;
    onSubmitOf("join-form", () => {
      const room = roomNameOf(this.#name.value);
      if (room === null) showProblem(this.#dialog, "A room's name is one word.");
      else this.join(room, this.#secret.hidden ? "" : this.#password.value);
    });
    this.#name.addEventListener("input", () => this.#secret.hidden = true);
  }

  /**
   * Opens it, and lists the rooms.
   *
   * @returns {Promise<void>}
   */
  async open() {
    this.#name.value = "";
    this.#secret.hidden = true;
    openDialog(this.#dialog, this.#name);
    const { events } = await this.#requests.ask("rooms", "");
    for (const event of events) this.#show(event);
  }

  /**
   * Shows the rooms that were asked for by typing.
   *
   * @param {ServerEvent} event
   * @returns {void}
   */
  show(event) {
    this.#name.value = "";
    this.#secret.hidden = true;
    openDialog(this.#dialog, this.#name);
    this.#show(event);
  }

  /**
   * Joins a room; where it takes a password, or cannot be joined, the dialog says so.
   *
   * @param {string} room With its `#`.
   * @param {string} [password]
   * @returns {Promise<void>}
   */
  async join(room, password = "") {
    if (this.#turnTo(room)) return;
    const { problem, code } = await this.#requests.ask("join", `${room} ${password}`.trim());
    if (problem === "") {
      this.#turnTo(room);
      return;
    }
    const isSecret = code === "password-wanted" || code === "wrong-password";
    const wasOpen = this.#dialog.open;
    if (!wasOpen) this.#list.replaceChildren();
    this.#name.value = room;
    this.#secret.hidden = !isSecret;
    openDialog(this.#dialog, isSecret ? this.#password : this.#name);
    // How to type it is no help where there is a field for it.
    const words = code === "password-wanted" ? `${room} takes a password.` : problem;
    showProblem(this.#dialog, words);
  }

  /**
   * @param {string} room
   * @returns {boolean} False where the user is not in it.
   */
  #turnTo(room) {
    const place = this.#model.room(room);
    if (place === undefined) return false;
    this.#dialog.close();
    this.#onTurn(place);
    return true;
  }

  /** @param {ServerEvent} event */
  #show(event) {
    if (event.type !== "rooms") return;
    this.#list.replaceChildren(
      ...event.rooms.map((listing) => make("li", {}, [this.#item(listing)])),
    );
    setText(this.#more, event.more > 0 ? `and ${event.more} more` : "");
  }

  /** @param {RoomListing} listing */
  #item({ name, people, topic, needs, isIn }) {
    const marks = [`${people} ${people === 1 ? "person" : "people"}`];
    if (needs !== null) marks.push(`by ${needs}`);
    if (isIn) marks.push("you are in");
    const parts = [
      make("strong", { text: name }),
      make("span", { className: "quiet", text: marks.join(", ") }),
    ];
    if (topic !== "") parts.push(make("span", { className: "quiet topic-words", text: topic }));
    return makeButton({ className: "listed" }, () => this.join(name), parts);
  }
}

/** What a room is like, and changing it. */
export class RoomDialog {
  #dialog = readyDialog("room-dialog");
  #title = byId("room-title", HTMLHeadingElement);
  #words = byId("room-words", HTMLDivElement);
  #topic = byId("topic-input", HTMLInputElement);
  #access = byId("access-input", HTMLSelectElement);
  #keep = byId("keep-input", HTMLSelectElement);
  #secret = byId("access-secret", HTMLDivElement);
  #password = byId("access-password", HTMLInputElement);
  #invited = byId("invite-input", HTMLInputElement);
  #requests;
  /** @type {Place | null} */
  #place = null;

  /** @param {Requests} requests */
  constructor(requests) {
    this.#requests = requests;
    const unban = byId("unban-input", HTMLInputElement);
    onSubmitOf("topic-form", () => {
      const topic = this.#topic.value.trim();
      this.#do("topic", topic === "" ? "-" : topic, "The topic is set.");
    });
    this.#access.addEventListener("change", () => {
      this.#secret.hidden = this.#access.value !== "password";
    });
    onSubmitOf("access-form", () => {
      const { value } = this.#access;
      const args = value === "password" ? `password ${this.#password.value}` : value;
      this.#do("room", args, "It is set.");
    });
    onSubmitOf("keep-form", () => this.#do("room", `keep ${this.#keep.value}`, "It is set."));
    onSubmitOf("invite-form", () => this.#do("invite", this.#invited.value.trim(), "Invited."));
    onSubmitOf("unban-form", ({ submitter }) => {
      const isMute = submitter instanceof HTMLButtonElement && submitter.value === "unmute";
      this.#do(isMute ? "unmute" : "unban", unban.value.trim(), "Taken back.");
    });
    this.#onClick("bans-button", () => this.#list("bans"));
    this.#onClick("audit-button", () => this.#list("audit"));
    this.#onClick("lock-button", () => this.#do("lock", "", "It is locked."));
    this.#onClick("unlock-button", () => this.#do("unlock", "", "It is open again."));
    this.#onClick("delete-room-button", () => this.#delete());
  }

  /**
   * Opens it.
   *
   * @param {Place} place A room.
   * @param {{ isSettable: boolean, about?: "topic" | "invite" }} how Whether there is anything to
   *   be changed for the user; what gets the focus.
   * @returns {void}
   */
  open(place, { isSettable, about }) {
    this.#place = place;
    byId("room-settings", HTMLDivElement).hidden = !isSettable;
    setText(this.#title, place.name);
    setText(this.#words, "");
    this.#topic.value = place.topic;
    // What it is now stands in the words; nothing is set that was not chosen.
    this.#access.value = this.#keep.value = "";
    this.#secret.hidden = true;
    this.#invited.value = "";
    openDialog(
      this.#dialog,
      about === "topic" ? this.#topic : about === "invite" ? this.#invited : null,
    );
    this.#tell("room");
  }

  /**
   * @param {string} id
   * @param {() => void} onClick
   */
  #onClick(id, onClick) {
    byId(id, HTMLButtonElement).addEventListener("click", onClick);
  }

  /**
   * Shows an answer in words, at the top.
   *
   * @param {string} command
   */
  async #tell(command) {
    const { problem, lines } = await this.#ask(command, "");
    if (problem !== "") return showProblem(this.#dialog, problem);
    setText(this.#words, lines.join("\n"));
    this.#dialog.scrollTop = 0;
  }

  /** @param {"bans" | "audit"} command */
  #list(command) {
    // What was done before has nothing to do with it.
    showProblem(this.#dialog, "");
    this.#tell(command);
  }

  /**
   * @param {string} command
   * @param {string} args
   * @param {string} done
   */
  async #do(command, args, done) {
    const { problem, lines } = await this.#ask(command, args);
    if (problem !== "") return showProblem(this.#dialog, problem);
    showDone(this.#dialog, lines.length === 0 ? done : lines.join(" "));
    if (command === "room" || command === "topic") this.#tell("room");
  }

  async #delete() {
    const place = this.#place;
    if (place === null) return;
    const isSure = await confirmIt({
      title: `Delete ${place.name}?`,
      text: "All that was said there is deleted with it.",
      button: "Delete the room",
    });
    if (!isSure) return;
    const { problem } = await this.#ask("room", `delete ${place.name}`);
    if (problem === "") this.#dialog.close();
    else showProblem(this.#dialog, problem);
  }

  /**
   * @param {string} command
   * @param {string} args
   */
  async #ask(command, args) {
    const place = this.#place;
    if (place === null) return { problem: "", lines: [] };
    const { problem, events } = await this.#requests.ask(command, args, place);
    const lines = events.flatMap((event) => event.type === "notice" ? [...event.lines] : []);
    return { problem, lines };
  }
}
