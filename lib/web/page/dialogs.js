// @ts-check
/// <reference lib="dom" />
/**
 * What every dialog of the page does: it closes by its button, by Escape and by a click beside it,
 * and the focus returns to where it was.
 *
 * Must not know: what the dialogs are about.
 *
 * @module
 */

import { byId, setText } from "./dom.js";

/**
 * The dialog with an id, made ready. To be called once for each.
 *
 * @param {string} id
 * @returns {HTMLDialogElement}
 */
export function readyDialog(id) {
  const dialog = byId(id, HTMLDialogElement);
  for (const button of dialog.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => dialog.close());
  }
  dialog.addEventListener("pointerdown", (event) => {
    // The dialog itself is hit only beside its content.
    if (event.target !== dialog) return;
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    const { clientX: x, clientY: y } = event;
    if (x < left || x > right || y < top || y > bottom) dialog.close();
  });
  dialog.addEventListener("close", () => {
    for (const input of dialog.querySelectorAll("input")) {
      if (input.type === "password") input.value = "";
    }
  });
  return dialog;
}

/**
 * Opens a dialog, without what an earlier opening has left.
 *
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement | null} [focus] What gets the focus. @default The first thing that can.
 * @returns {void}
 */
export function openDialog(dialog, focus = null) {
  showProblem(dialog, "");
  if (!dialog.open) dialog.showModal();
  focus?.focus();
}

/**
 * Says what went wrong inside a dialog, where it is seen; empty takes it away.
 *
 * @param {HTMLDialogElement} dialog
 * @param {string} text
 * @returns {void}
 */
export function showProblem(dialog, text) {
  const problem = dialog.querySelector("[data-problem]");
  const done = dialog.querySelector("[data-done]");
  if (problem !== null) setText(problem, text);
  if (done !== null) setText(done, "");
  if (text !== "") dialog.scrollTop = 0;
}

/**
 * Says what was done inside a dialog.
 *
 * @param {HTMLDialogElement} dialog
 * @param {string} text
 * @returns {void}
 */
export function showDone(dialog, text) {
  showProblem(dialog, "");
  const done = dialog.querySelector("[data-done]");
  if (done !== null) setText(done, text);
  dialog.scrollTop = 0;
}

/**
 * What a form does when it is sent: never a navigation.
 *
 * @param {string} id Of the form.
 * @param {(event: SubmitEvent) => void} onSubmit
 * @returns {HTMLFormElement}
 */
export function onSubmitOf(id, onSubmit) {
  const form = byId(id, HTMLFormElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onSubmit(event);
  });
  return form;
}

/**
 * Asks whether something is really to be done.
 *
 * @param {{ title: string, text: string, button: string }} words
 * @returns {Promise<boolean>}
 */
export function confirmIt({ title, text, button }) {
  const dialog = byId("confirm-dialog", HTMLDialogElement);
  setText(byId("confirm-title", HTMLHeadingElement), title);
  setText(byId("confirm-text", HTMLParagraphElement), text);
  setText(byId("confirm-button", HTMLButtonElement), button);
  dialog.returnValue = "";
  const { promise, resolve } = Promise.withResolvers();
  const onClose = () => {
    const isSure = dialog.returnValue === "sure";
    resolve(isSure);
  };
  dialog.addEventListener("close", onClose, { once: true });
  openDialog(dialog);
  return promise;
}
