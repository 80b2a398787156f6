// @ts-check
/// <reference lib="dom" />
/**
 * One entry as a row of the conversation.
 *
 * Whatever others write is put in as text; the only addresses are those of links that
 * `words.js` has found. Nothing is fetched.
 * Must not know: which rows there are, where they stand.
 *
 * @module
 */

import { hueOf, isBot, make, makeAvatar, makeButton, makeHidden, makeIcon } from "./dom.js";
import { LONG_MESSAGE_LENGTH, LONG_MESSAGE_LINES } from "./limits.js";
import { formatClock, formatMoment } from "./wording.js";
import { splitText } from "./words.js";

/** @import { Entry } from "./model.js" */

/**
 * What a row's buttons do.
 *
 * @typedef {object} EntryActions
 * @property {(entry: Entry, opener: HTMLElement) => void} onMore Opens the menu of an entry.
 * @property {(name: string, opener: HTMLElement) => void} onPerson Opens the menu of a person.
 * @property {(entry: Entry) => void} onAgain Takes a text that was not sent back to be sent again.
 * @property {(room: string) => void} onJoin Follows an invitation.
 */

/**
 * Makes the row of an entry.
 *
 * @param {Entry} entry
 * @param {{ isGrouped: boolean, mention: RegExp | null }} how Whether it stands under the same name
 *   as the row above; what finds the user's name.
 * @param {EntryActions} actions
 * @returns {HTMLElement}
 */
export function makeRow(entry, { isGrouped, mention }, actions) {
  switch (entry.kind) {
    case "message":
    case "action":
      return makeSaid(entry, { isGrouped, mention }, actions);
    case "topic":
    case "presence":
    case "deleted":
    case "divider":
      return makePlain(entry);
    case "notice":
    case "error":
      return makeNotice(entry, actions);
  }
}

/**
 * @param {Entry} entry
 * @param {{ isGrouped: boolean, mention: RegExp | null }} how
 * @param {EntryActions} actions
 */
function makeSaid(entry, { isGrouped, mention }, actions) {
  const { from, atMs, kind, delivery } = entry;
  const classes = ["row", "said", kind, delivery];
  if (!isGrouped) classes.push("first");
  if (entry.isMention && !entry.isDirect) classes.push("mention");
  const row = make("div", { className: classes.join(" "), attributes: { tabindex: "-1" } });
  if (isGrouped) row.append(makeHidden(`${from}: `), makeTime(atMs));
  else row.append(makeAvatar(from), makeHead(entry, actions));
  const text = make("div", { className: "text", attributes: { dir: "auto" } });
  if (kind === "action") text.append(make("bdi", { text: from }), " ");
  addWords(text, entry.text, entry.isOwn ? null : mention);
  row.append(text);
  if (isLong(entry.text)) addUnfold(row, text);
  if (delivery !== "sent") row.append(makeState(entry, actions));
  else row.append(makeMore(entry, actions));
  return row;
}

/**
 * @param {Entry} entry
 * @param {EntryActions} actions
 */
function makeHead({ from, atMs }, actions) {
  const author = makeButton(
    { className: `author ${hueOf(from)}`, text: from, attributes: { tabindex: "-1" } },
    () => actions.onPerson(from, author),
  );
  author.setAttribute("aria-haspopup", "menu");
  const head = make("div", { className: "row-head" }, [author]);
  if (isBot(from)) head.append(make("span", { className: "tag", text: "bot" }));
  head.append(makeTime(atMs));
  return head;
}

/** @param {number} atMs */
function makeTime(atMs) {
  const time = make("time", { className: "time", text: formatClock(atMs) });
  time.dateTime = new Date(atMs).toISOString();
  time.title = formatMoment(atMs);
  return time;
}

/**
 * @param {Entry} entry
 * @param {EntryActions} actions
 */
function makeMore(entry, actions) {
  const attributes = {
    tabindex: "-1",
    "aria-haspopup": "menu",
    "aria-label": `Actions for the message by ${entry.from}`,
  };
  const button = makeButton(
    { className: "icon-button more-button", attributes },
    () => actions.onMore(entry, button),
    [makeIcon("more")],
  );
  return button;
}

/**
 * What became of something of the user's own.
 *
 * @param {Entry} entry
 * @param {EntryActions} actions
 */
function makeState(entry, actions) {
  const state = make("div", { className: "state" });
  if (entry.delivery === "sending") state.append("Sending...");
  else {
    state.append(entry.reason);
    state.append(makeButton({ text: "Edit and try again" }, () => actions.onAgain(entry)));
  }
  return state;
}

/** @param {Entry} entry */
function makePlain({ kind, from, text, atMs }) {
  const row = make("div", { className: `row plain ${kind}`, attributes: { tabindex: "-1" } });
  const words = kind === "topic"
    ? text === "" ? `${from} cleared the topic.` : `${from} set the topic: ${text}`
    : text;
  row.append(makeTime(atMs), make("span", { className: "text", text: words }));
  return row;
}

/**
 * @param {Entry} entry
 * @param {EntryActions} actions
 */
function makeNotice({ kind, text, atMs, invitation }, actions) {
  const row = make("div", {
    className: kind === "error" ? "row notice error" : "row notice",
    attributes: { tabindex: "-1" },
  });
  const words = make("div", { className: "text" });
  addWords(words, text, null);
  const box = make("div", { className: "note-box" }, [words]);
  if (invitation !== null) {
    box.append(makeButton({ text: `Join ${invitation}` }, () => actions.onJoin(invitation)));
  }
  row.append(makeTime(atMs), box);
  return row;
}

/**
 * Puts what somebody wrote into an element: text, links, and the user's name marked.
 *
 * @param {HTMLElement} element
 * @param {string} text
 * @param {RegExp | null} mention
 * @returns {void}
 */
function addWords(element, text, mention) {
  for (const piece of splitText(text, mention)) {
    if (piece.kind === "text") element.append(piece.text);
    else if (piece.kind === "mention") element.append(make("mark", { text: piece.text }));
    else {
      const link = make("a", { text: piece.text });
      link.href = piece.href;
      link.target = "_blank";
      link.rel = "noopener noreferrer nofollow";
      element.append(link);
      if (piece.host !== "") {
        element.append(make("span", { className: "real-host", text: ` (${piece.host})` }));
      }
    }
  }
}

/** @param {string} text */
function isLong(text) {
  return text.length > LONG_MESSAGE_LENGTH || text.split("\n").length > LONG_MESSAGE_LINES;
}

/**
 * Folds a long text, with a button that unfolds it.
 *
 * @param {HTMLElement} row
 * @param {HTMLElement} text
 */
function addUnfold(row, text) {
  text.classList.add("folded");
  const button = makeButton({ className: "unfold", text: "Show all of it" }, () => {
    const isFolded = text.classList.toggle("folded");
    button.textContent = isFolded ? "Show all of it" : "Show less";
    button.setAttribute("aria-expanded", String(!isFolded));
  });
  button.setAttribute("aria-expanded", "false");
  row.append(button);
}
