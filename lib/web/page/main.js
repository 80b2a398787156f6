// @ts-check
/// <reference lib="dom" />
/**
 * The page's entry: puts the connection, the model and the views together.
 *
 * What the server says goes into the model, and the views draw what has changed once a frame,
 * however much has come.
 * Must not know: the protocol's lines, how anything is drawn.
 *
 * @module
 */

import { AccountDialog } from "./account_dialog.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { openDialog, readyDialog } from "./dialogs.js";
import { byId, hueOf, initialOf, make, makeButton, setAttribute, setText } from "./dom.js";
import { HelpDialog } from "./help_dialog.js";
import { BANNER_MS, SAVE_MS, TOAST_MS } from "./limits.js";
import { LogView } from "./log_view.js";
import { Menu } from "./menu.js";
import { Menus } from "./menus.js";
import { ChatModel } from "./model.js";
import { SanctionDialog } from "./moderation.js";
import { Notifier } from "./notifier.js";
import { PeopleView } from "./people_view.js";
import { PlacesView } from "./places_view.js";
import { Requests } from "./requests.js";
import { JoinDialog, RoomDialog } from "./room_dialogs.js";
import { SearchDialog } from "./search_dialog.js";
import { Memory, TabMemory } from "./storage.js";
import { Switcher } from "./switcher.js";
import { hashOfRoom, roomOfHash } from "./words.js";

/** @import { ConnectionState } from "./connection.js" */
/** @import { Entry, Place } from "./model.js" */
/** @import { ServerEvent } from "../../protocol/json_reader.ts" */

const CONNECTING = "Connecting...";
const CHOOSE = "Choose a name, and come in.";
const NAME = "parley.name";
const THEME = "parley.theme";
const PEOPLE = "parley.people";

const memory = new Memory(() => localStorage);
const tab = new TabMemory(new Memory(() => sessionStorage));
/** Whether nobody on the way can read along: the browser trusts https and this machine itself. */
const isPrivate = globalThis.isSecureContext;

const app = byId("app", HTMLDivElement);
const gate = byId("gate", HTMLElement);
const gateText = byId("gate-text", HTMLParagraphElement);
const gateProblem = byId("gate-problem", HTMLParagraphElement);
const nameForm = byId("name-form", HTMLFormElement);
const nameInput = byId("name-input", HTMLInputElement);
const entryForm = byId("entry-form", HTMLFormElement);
const entryInput = byId("entry-input", HTMLInputElement);
const returning = byId("return", HTMLDivElement);
const banner = byId("banner", HTMLDivElement);
const toast = byId("toast", HTMLDivElement);
const sidebar = byId("sidebar", HTMLElement);
const people = byId("people", HTMLElement);
const main = byId("main", HTMLElement);
const backdrop = byId("backdrop", HTMLDivElement);
const sidebarOpen = byId("sidebar-open", HTMLButtonElement);
const peopleButton = byId("people-button", HTMLButtonElement);

const isNarrow = matchMedia("(width < 760px)");
const isMedium = matchMedia("(width < 1100px)");

const model = new ChatModel(alertUser);
const connection = new Connection({
  open: () =>
    new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`),
  onEvent: takeEvent,
  onState: showState,
  onProgress: saveSoon,
});
const requests = new Requests(connection, model, {
  onChange: drawSoon,
  onAnswer: (title, event) => {
    if (event.type === "help") help.open(event.entries);
    else if (event.type === "rooms") joining.show(event);
    else search.show(title, event);
  },
  onProblem: (text) => tell(text),
});
const menu = new Menu();
const notifier = new Notifier(memory, (tag) => {
  const place = model.places.find(({ name }) => name === tag);
  if (place !== undefined) turnTo(place);
});
const help = new HelpDialog();
const joining = new JoinDialog(requests, model, turnTo);
const roomSettings = new RoomDialog(requests);
const sanctions = new SanctionDialog(requests, (text) => tell(text));
const account = new AccountDialog(requests, model, {
  onDone: (text) => tell(text),
  onQuit: () => connection.quit(),
  isPrivate,
});
const search = new SearchDialog(requests, model, async ({ room, id }) => {
  const place = model.room(room);
  if (place === undefined) return tell(`You are not in ${room} any more.`);
  turnTo(place);
  if (!await requests.showAround(place, id)) return tell("It is not there any more.");
  log.reveal(id);
  drawSoon();
});
const switcher = new Switcher(model, {
  onTurn: turnTo,
  onPerson: (name) => turnTo(model.direct(name)),
  onJoin: (room) => joining.join(room),
  onSearch: (words) => search.open(words),
});
const placesView = new PlacesView(model, { onTurn: turnTo, onClose: closeDirect });
const menus = new Menus({
  model,
  requests,
  menu,
  account,
  roomSettings,
  sanctions,
  onTurn: turnTo,
  onClose: closeDirect,
  onWrite: write,
  onCopy: copy,
});
const peopleView = new PeopleView(model, (name, opener) => menus.openPerson(name, opener));
const log = new LogView(model, {
  onMore: (entry, opener) => menus.openEntry(entry, opener),
  onPerson: (name, opener) => menus.openPerson(name, opener),
  onAgain: (entry) => {
    model.discard(model.current, entry.key);
    composer.add(entry.text);
    drawSoon();
  },
  onJoin: (room) => joining.join(room),
}, {
  onOlder: () => requests.fetchOlder(model.current),
  onNewer: () => requests.fetchNewer(model.current),
  onPosition: drawSoon,
  onNewest: () => {
    model.leavePast(model.current);
    log.scrollToEnd();
    drawSoon();
  },
});
const composer = new Composer({
  onSend: (typed) => {
    requests.perform(typed);
    model.leavePast(model.current);
    // Who says something sees it.
    log.scrollToEnd();
    drawSoon();
  },
  sources: () => ({ commands: requests.help, names: namesToComplete(), rooms: roomsToComplete() }),
  onCommand: () => requests.learnCommands(),
  onDraft: saveSoon,
}, tab.drafts);
const settings = readyDialog("settings-dialog");

/** Whether this page has been in; before that the gate stands there. */
let isIn = false;
/** A room that the address asks for, until one is in. @type {string | null} */
let wantedRoom = roomOfHash(location.hash);
let hashOfPlace = "";
let isDrawing = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saving;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let bannerTimer;
let whyLost = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let toastTimer;

listen();
begin();

async function begin() {
  const name = memory.get(NAME);
  if (name !== null) nameInput.value = name;
  // Whoever reloads the page is asked for a name only if another tab has the session.
  nameForm.hidden = tab.hasSession;
  gateText.textContent = tab.hasSession ? CONNECTING : CHOOSE;
  if (!nameForm.hidden) nameInput.focus();
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("parley") : null;
  const session = await tab.claim({ locks: navigator.locks, channel });
  if (session !== null) {
    model.restoreDirects(tab.directs);
    return connection.start({ nick: name, session });
  }
  if (!nameForm.hidden || connection.state.kind !== "idle") return;
  endReturning();
  nameForm.hidden = false;
  gateText.textContent = CHOOSE;
  nameInput.focus();
}

/** From now on the gate is shown at once, see `theme.js`. */
function endReturning() {
  setAttribute(document.documentElement, "data-returning", null);
}

/** @param {ServerEvent} event */
function takeEvent(event) {
  if (requests.take(event)) return drawSoon();
  model.apply(event, Date.now());
  if (event.type === "welcome") welcomed();
  if (event.type === "nick") rememberName();
  if (event.type === "notice" && event.code === "login-wanted") account.open("login");
  if (event.type === "refused" && /^(?:name-|bad-name|guest-name)/.test(event.code)) {
    tell(event.text, { label: "Pick another name", act: () => account.open("nick") });
  }
  drawSoon();
}

function welcomed() {
  isIn = true;
  endReturning();
  gate.hidden = true;
  app.hidden = false;
  rememberName();
  if (wantedRoom !== null) {
    const room = wantedRoom;
    wantedRoom = null;
    joining.join(room);
  }
  composer.turnTo(model.current);
  if (!document.querySelector("dialog[open]") && !isNarrow.matches) composer.focus();
}

/** The name that was chosen is offered the next time; that of a guest is not. */
function rememberName() {
  const { ownName } = model;
  if (!/^guest-?\d+$/i.test(ownName)) memory.set(NAME, ownName);
}

/** @param {ConnectionState} state */
function showState(state) {
  gateProblem.textContent = "";
  if (state.kind === "waiting") whyLost = state.why;
  if (state.kind === "online" || !isIn) {
    clearTimeout(bannerTimer);
    bannerTimer = undefined;
    banner.replaceChildren();
  } else bannerTimer ??= setTimeout(showBanner, BANNER_MS);
  if (state.kind === "password") showGate("password", state.why, state.isWrong);
  else if (state.kind === "ended") {
    showGate("ended", state.why);
    // Whoever leaves leaves nothing behind in the browser.
    saveAll();
  } else if (!isIn) {
    gateText.textContent = CONNECTING;
    if (state.kind === "waiting") gateProblem.textContent = state.why;
  }
  drawSoon();
}

/** Says that the connection is lost: once, since a live region tells every change. */
function showBanner() {
  banner.replaceChildren(
    make("span", { text: `${whyLost} Reconnecting...` }),
    makeButton({ text: "Try now" }, () => connection.retryNow()),
  );
}

/**
 * @param {"password" | "ended"} kind
 * @param {string} why
 * @param {boolean} [isProblem]
 */
function showGate(kind, why, isProblem = false) {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  menu.close();
  endReturning();
  app.hidden = true;
  gate.hidden = false;
  isIn = false;
  clearTimeout(bannerTimer);
  bannerTimer = undefined;
  banner.replaceChildren();
  nameForm.hidden = true;
  entryForm.hidden = kind !== "password" || !isPrivate;
  returning.hidden = kind !== "ended";
  if (kind === "password" && !isPrivate) {
    gateText.textContent = "This server asks for its password, and this connection is not " +
      "private: others on the network could read it. Ask for an https address.";
  } else gateText.textContent = isProblem ? "This server asks for its password." : why;
  gateProblem.textContent = isProblem ? why : "";
  document.title = "Parley";
  if (kind === "password") entryInput.focus();
  else byId("return-button", HTMLButtonElement).focus();
}

function listen() {
  nameForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = nameInput.value.trim();
    memory.set(NAME, name === "" ? null : name);
    nameForm.hidden = true;
    connection.start({ nick: name === "" ? null : name, session: null });
  });
  entryForm.addEventListener("submit", (event) => {
    event.preventDefault();
    connection.givePassword(entryInput.value);
    entryInput.value = "";
  });
  onClick("return-button", () => {
    returning.hidden = true;
    connection.start({ nick: memory.get(NAME), session: null });
  });
  onClick("switch-button", () => switcher.open());
  onClick("join-button", () => joining.open());
  onClick("account-button", () => account.open());
  onClick("help-button", () => openHelp());
  onClick("settings-button", () => openSettings());
  onClick("search-button", () => search.open());
  const place = byId("place-button", HTMLButtonElement);
  place.addEventListener("click", () => menus.openPlace(place));
  onClick("sidebar-open", () => openSide("sidebar"));
  onClick("sidebar-close", () => closeSide());
  onClick("people-close", () => closeSide());
  onClick("people-button", () => {
    if (isMedium.matches) return openSide("people");
    const isHidden = app.classList.toggle("no-people");
    memory.set(PEOPLE, isHidden ? "hidden" : null);
    drawSides();
  });
  onClick("notify-button", async () => {
    await notifier.toggle();
    showNotifications();
  });
  byId("skip-link", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault();
    composer.focus();
  });
  backdrop.addEventListener("click", () => closeSide());
  settings.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "theme") setTheme(target.value);
  });
  app.classList.toggle("no-people", memory.get(PEOPLE) === "hidden");
  drawSides();
  isMedium.addEventListener("change", () => closeSide());
  isNarrow.addEventListener("change", () => closeSide());
  globalThis.addEventListener("hashchange", () => {
    const room = roomOfHash(location.hash);
    if (room === null) return;
    if (isIn) joining.join(room);
    else wantedRoom = room;
  });
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) saveAll();
    else connection.retryNow();
    drawSoon();
  });
  // Where a keyboard on the screen does not make the page smaller, it would hide the message box.
  globalThis.visualViewport?.addEventListener("resize", ({ target }) => {
    if (!(target instanceof VisualViewport) || target.scale !== 1) return;
    const isCovered = target.height < innerHeight - 1;
    app.style.height = isCovered ? `${target.height}px` : "";
    if (isCovered) scrollTo(0, 0);
  });
  globalThis.addEventListener("focus", drawSoon);
  globalThis.addEventListener("blur", drawSoon);
  globalThis.addEventListener("online", () => connection.retryNow());
  globalThis.addEventListener("pagehide", saveAll);
  globalThis.addEventListener("beforeunload", (event) => {
    // What waits for a connection would be lost with the page: the browser asks first.
    if (isIn && connection.state.kind !== "online" && connection.pending > 0) {
      event.preventDefault();
    }
  });
}

/**
 * @param {string} id
 * @param {() => void} act
 */
function onClick(id, act) {
  byId(id, HTMLButtonElement).addEventListener("click", act);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (!isIn || event.isComposing) return;
  const { key, ctrlKey, altKey, metaKey, shiftKey } = event;
  const isDialog = document.querySelector("dialog[open]") !== null;
  if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") {
    event.preventDefault();
    if (!isDialog) switcher.open();
    return;
  }
  if (isDialog || menu.isOpen) return;
  if (altKey !== ctrlKey && !metaKey && !shiftKey && (key === "ArrowUp" || key === "ArrowDown")) {
    event.preventDefault();
    const { places, current } = model;
    const at = places.indexOf(current) + (key === "ArrowUp" ? -1 : 1);
    const place = places.at(at % places.length);
    if (place !== undefined) turnTo(place);
    return;
  }
  if (key === "Escape") {
    if (app.classList.contains("sidebar-open") || app.classList.contains("people-open")) {
      return closeSide();
    }
    if (!composer.isOffering) composer.focus();
    return;
  }
  // Whoever begins to type means the message box.
  const { activeElement } = document;
  const isText = activeElement instanceof HTMLInputElement ||
    activeElement instanceof HTMLTextAreaElement || activeElement instanceof HTMLSelectElement;
  const isOnLog = activeElement === document.body ||
    activeElement?.closest("#log") !== null && !(activeElement instanceof HTMLButtonElement);
  if (!isText && isOnLog && key.length === 1 && key !== " " && !ctrlKey && !altKey && !metaKey) {
    composer.focus();
  }
}

/** @param {Place} place */
function turnTo(place) {
  model.turnTo(place);
  closeSide();
  drawSoon();
  if (!isNarrow.matches) composer.focus();
}

/**
 * Puts a text into the message box, for the user to go on.
 *
 * @param {string} text
 */
function write(text) {
  closeSide();
  composer.add(text);
}

/** @param {Place} place */
function closeDirect(place) {
  model.closeDirect(place);
  drawSoon();
  composer.focus();
}

/** Draws what has changed with the next frame, or soon where there are none. */
function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  // A page that is hidden has no frames, and its title is to tell what comes.
  if (document.hidden) setTimeout(draw, 250);
  else requestAnimationFrame(draw);
}

function draw() {
  isDrawing = false;
  if (!isIn) return;
  model.setReading(!document.hidden && document.hasFocus() && log.isAtEnd);
  const { current, server, ownName, isRegistered } = model;
  composer.turnTo(current);
  log.render();
  // Where another place is shown now, its end may be seen.
  model.setReading(!document.hidden && document.hasFocus() && log.isAtEnd);
  placesView.render();
  peopleView.render();
  requests.learnPeople(current);
  const title = current.name === "" ? server : current.name;
  setText(byId("place-name", HTMLHeadingElement), title);
  const topic = current.kind === "direct" ? "Private conversation" : current.topic;
  const topicLine = byId("topic", HTMLParagraphElement);
  setText(topicLine, topic);
  setAttribute(topicLine, "title", topic === "" ? null : topic);
  setText(byId("server-name", HTMLSpanElement), server);
  setText(byId("you-name", HTMLSpanElement), ownName);
  const isOnline = connection.state.kind === "online";
  const words = !isOnline ? "Not connected" : isRegistered ? "Logged in" : "Not registered";
  setText(byId("you-state", HTMLSpanElement), words);
  const avatar = byId("you-avatar", HTMLSpanElement);
  setAttribute(avatar, "class", `avatar ${hueOf(ownName)}`);
  setText(avatar, initialOf(ownName));
  notifier.mark({ place: current.name, server, unread: model.unread, mentions: model.mentions });
  showAddress(current);
}

/**
 * The address of the page is that of the room, to be copied.
 *
 * @param {Place} place
 */
function showAddress(place) {
  const hash = place.kind === "room" ? hashOfRoom(place.name) : "";
  if (hash === hashOfPlace) return;
  hashOfPlace = hash;
  history.replaceState(null, "", hash === "" ? location.pathname : hash);
}

/**
 * @param {Entry} entry
 * @param {Place} place
 */
function alertUser(entry, place) {
  const where = place.kind === "direct" ? "in private" : `in ${place.name}`;
  const title = entry.from === "" ? place.name : `${entry.from} ${where}`;
  notifier.notify({ title, body: entry.text, tag: place.name });
}

/** @returns {string[]} */
function namesToComplete() {
  const { current } = model;
  const names = new Set([...current.speakers.values()].reverse());
  if (current.kind === "direct") names.add(current.name);
  for (const { name } of current.people) names.add(name);
  for (const { name } of model.directs) names.add(name);
  return [...names].filter((name) => !model.isOwn(name));
}

/** @returns {string[]} */
function roomsToComplete() {
  return model.rooms.map(({ name }) => name);
}

async function openHelp() {
  await requests.learnCommands();
  help.open(requests.help);
}

function openSettings() {
  const theme = memory.get(THEME) ?? "auto";
  for (const input of settings.querySelectorAll("input")) input.checked = input.value === theme;
  showNotifications();
  openDialog(settings);
}

function showNotifications() {
  const { state } = notifier;
  const words = {
    on: "You are told of private messages and of your name while this page is hidden.",
    off: "Be told of private messages and of your name while this page is hidden.",
    denied: "The browser has been told not to allow them: its settings for this page change that.",
    impossible: "The browser has none for this page: they take an https address.",
  };
  setText(byId("notify-words", HTMLParagraphElement), words[state]);
  const button = byId("notify-button", HTMLButtonElement);
  button.hidden = state === "denied" || state === "impossible";
  setText(button, state === "on" ? "Turn notifications off" : "Turn notifications on");
}

/** @param {string} theme */
function setTheme(theme) {
  const isChosen = theme === "light" || theme === "dark";
  memory.set(THEME, isChosen ? theme : null);
  setAttribute(document.documentElement, "data-theme", isChosen ? theme : null);
}

/**
 * @param {string} text
 * @param {string} done
 */
async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    tell(done);
  } catch {
    // Only for https; what cannot be copied for the user can be copied by them.
    tell(text);
  }
}

/**
 * Says something in passing.
 *
 * @param {string} text
 * @param {{ label: string, act: () => void } | null} [offer]
 */
function tell(text, offer = null) {
  clearTimeout(toastTimer);
  const words = make("span", { text });
  toast.replaceChildren(words);
  if (offer !== null) {
    toast.append(makeButton({ text: offer.label }, () => {
      toast.replaceChildren();
      offer.act();
    }));
  }
  toastTimer = setTimeout(() => toast.replaceChildren(), TOAST_MS);
}

/** @param {"sidebar" | "people"} which */
function openSide(which) {
  app.classList.toggle("sidebar-open", which === "sidebar");
  app.classList.toggle("people-open", which === "people");
  drawSides();
  const side = which === "sidebar" ? sidebar : people;
  side.querySelector("button")?.focus();
}

function closeSide() {
  const wasSidebar = app.classList.contains("sidebar-open");
  const wasPeople = app.classList.contains("people-open");
  app.classList.remove("sidebar-open", "people-open");
  drawSides();
  if (wasSidebar) sidebarOpen.focus();
  if (wasPeople) peopleButton.focus();
}

/** What is beside an open drawer is out of reach. */
function drawSides() {
  const isSidebar = app.classList.contains("sidebar-open");
  const isPeople = app.classList.contains("people-open");
  backdrop.hidden = !isSidebar && !isPeople;
  main.inert = isSidebar || isPeople;
  sidebar.inert = isPeople;
  people.inert = isSidebar;
  const isPeopleShown = isMedium.matches ? isPeople : !app.classList.contains("no-people");
  setAttribute(sidebarOpen, "aria-expanded", String(isSidebar));
  setAttribute(peopleButton, "aria-expanded", String(isPeopleShown));
}

/** What a reload needs is written down from time to time. */
function saveSoon() {
  saving ??= setTimeout(save, SAVE_MS);
}

function save() {
  clearTimeout(saving);
  saving = undefined;
  tab.save(connection.session);
  tab.saveDrafts(composer.drafts);
}

/** The page may be gone after this. */
function saveAll() {
  save();
  tab.saveDirects(connection.session === null ? [] : model.keepDirects());
}
