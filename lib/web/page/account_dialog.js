// @ts-check
/// <reference lib="dom" />
/**
 * The user's own name: another one, registering it, logging in, and its password.
 *
 * Promises that no password is asked for, nor sent, where others on the network could read it.
 * Must not know: the connection, what the server keeps of a name.
 *
 * @module
 */

import { confirmIt, onSubmitOf, openDialog, readyDialog, showProblem } from "./dialogs.js";
import { byId, setText } from "./dom.js";

/** @import { ChatModel } from "./model.js" */
/** @import { Requests } from "./requests.js" */

/**
 * What the dialog needs.
 *
 * @typedef {object} AccountActions
 * @property {(text: string) => void} onDone Says what was done.
 * @property {() => void} onQuit Leaves the chat.
 * @property {boolean} isPrivate Whether passwords may be sent over this connection.
 */

/** See the module. */
export class AccountDialog {
  #dialog = readyDialog("account-dialog");
  #words = byId("account-words", HTMLParagraphElement);
  #nick = byId("nick-input", HTMLInputElement);
  #loginName = byId("login-name", HTMLInputElement);
  #loginPassword = byId("login-password", HTMLInputElement);
  #registerPassword = byId("register-password", HTMLInputElement);
  #forms = ["login-form", "register-form", "password-form", "delete-form"]
    .map((id) => byId(id, HTMLFormElement));
  #ghosts = byId("ghost-button", HTMLButtonElement);
  #requests;
  #model;
  #actions;

  /**
   * @param {Requests} requests
   * @param {ChatModel} model
   * @param {AccountActions} actions
   */
  constructor(requests, model, actions) {
    this.#requests = requests;
    this.#model = model;
    this.#actions = actions;
    const oldPassword = byId("password-old", HTMLInputElement);
    const newPassword = byId("password-new", HTMLInputElement);
    const deletePassword = byId("delete-password", HTMLInputElement);
    onSubmitOf("nick-form", () => {
      this.#do("nick", this.#nick.value.trim(), "You have another name now.");
    });
    onSubmitOf("login-form", () => {
      const name = this.#loginName.value.trim();
      this.#do("login", `${name} ${this.#loginPassword.value}`, "You are logged in.");
    });
    onSubmitOf("register-form", () => {
      this.#do("register", this.#registerPassword.value, "The name is yours now.");
    });
    onSubmitOf("password-form", () => {
      const args = `password ${oldPassword.value} ${newPassword.value}`;
      this.#do("account", args, "Your password is another one now.");
    });
    onSubmitOf("delete-form", async () => {
      const args = `delete ${deletePassword.value}`;
      const isSure = await confirmIt({
        title: `Delete the name ${this.#model.ownName}?`,
        text: "Anybody may take it then.",
        button: "Delete the name",
      });
      if (isSure) this.#do("account", args, "The name is not registered any more.");
    });
    this.#ghosts.addEventListener("click", () => this.#do("ghost", "", "They are ended."));
    byId("quit-button", HTMLButtonElement).addEventListener("click", () => {
      this.#dialog.close();
      this.#actions.onQuit();
    });
  }

  /**
   * Opens it.
   *
   * @param {"nick" | "login" | null} [about] What gets the focus.
   * @returns {void}
   */
  open(about = null) {
    const { ownName, isRegistered } = this.#model;
    const { isPrivate } = this.#actions;
    setText(this.#words, `You are ${ownName}.`);
    this.#nick.value = ownName;
    this.#loginName.value = ownName;
    byId("register-username", HTMLInputElement).value = ownName;
    setText(byId("register-name", HTMLElement), ownName);
    byId("account-warning", HTMLParagraphElement).hidden = isPrivate;
    const [login, register, change, remove] = this.#forms;
    if (login !== undefined) login.hidden = !isPrivate || isRegistered;
    if (register !== undefined) register.hidden = !isPrivate || isRegistered;
    if (change !== undefined) change.hidden = !isPrivate || !isRegistered;
    if (remove !== undefined) remove.hidden = !isPrivate || !isRegistered;
    this.#ghosts.hidden = !isRegistered;
    const isForLogin = about === "login" && isPrivate && !isRegistered;
    openDialog(
      this.#dialog,
      isForLogin ? this.#loginPassword : about === null ? null : this.#nick,
    );
    if (about === "nick") this.#nick.select();
    if (isRegistered) this.#describe();
  }

  /** What the server knows of the name. */
  async #describe() {
    const { problem, events } = await this.#requests.ask("account", "");
    if (problem !== "") return;
    const lines = events.flatMap((event) => event.type === "notice" ? [...event.lines] : [])
      // How a command is typed is no help beside its form.
      .filter((line) => !line.startsWith("/"));
    setText(this.#words, lines.join(" "));
  }

  /**
   * @param {string} command
   * @param {string} args
   * @param {string} done
   */
  async #do(command, args, done) {
    showProblem(this.#dialog, "");
    const { problem } = await this.#requests.ask(command, args);
    if (problem !== "") return showProblem(this.#dialog, problem);
    this.#dialog.close();
    this.#actions.onDone(done);
  }
}
