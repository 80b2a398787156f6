// @ts-check
/**
 * What the user asks of the server, and where its answers go.
 *
 * What is typed is answered in the conversation; what a dialog asks is answered there
 * ({@linkcode Requests.ask}); what the page asks by itself is learnt from and not shown.
 * Must not know: the document.
 *
 * @module
 */

import { FETCH_AGAIN_MS, FETCH_LINES, WHO_AGAIN_MS } from "./limits.js";
import { describeWho } from "./wording.js";

/** @import { HelpEntry, HistoryLine } from "../../events.ts" */
/** @import { ServerEvent } from "../../protocol/json_reader.ts" */
/** @import { Connection, RequestAnswer } from "./connection.js" */
/** @import { ChatModel, Place } from "./model.js" */
/** @import { RoomLog } from "./room_log.js" */
/** @import { Typed } from "./typed.js" */

/**
 * What came of a question: `problem` is a sentence, empty where all is well.
 *
 * @typedef {{ problem: string, code: string, events: readonly ServerEvent[] }} Outcome
 */

/**
 * What requests need of the page.
 *
 * @typedef {object} RequestsOwner
 * @property {() => void} onChange Something is to be drawn anew.
 * @property {(title: string, event: ServerEvent) => void} onAnswer Takes help, rooms, and lines of
 *   history that were asked for by typing.
 * @property {(text: string) => void} onProblem Takes what went wrong with no place of its own.
 */

/** Answers that have a place of their own beside the conversation. */
const APART = new Set(["help", "rooms", "found", "history"]);

/** See the module. */
export class Requests {
  #connection;
  #model;
  #owner;
  /** What answers a question, by its ref. @type {Map<number, ServerEvent[]>} */
  #asked = new Map();
  /** What was typed, by its ref. @type {Map<number, string>} */
  #typed = new Map();
  /** When the server was asked who is there. @type {WeakMap<Place, number>} */
  #whoAtMs = new WeakMap();
  /** When lines of history were refused last. @type {WeakMap<RoomLog, number>} */
  #refusedAtMs = new WeakMap();
  /** Until who is there may be asked again. @type {ReturnType<typeof setTimeout> | undefined} */
  #whoTimer;
  /** What is on its way. @type {Promise<Outcome> | null} */
  #helpAsked = null;
  /** Commands as the server's help has them. @type {readonly HelpEntry[]} */
  help = [];

  /**
   * @param {Connection} connection
   * @param {ChatModel} model
   * @param {RequestsOwner} owner
   */
  constructor(connection, model, owner) {
    this.#connection = connection;
    this.#model = model;
    this.#owner = owner;
  }

  /**
   * Takes what answers a question.
   *
   * @param {ServerEvent} event
   * @returns {boolean} False for what is nobody's here, and so for the model.
   */
  take(event) {
    const { ref } = event;
    if (typeof ref !== "number") return false;
    const asked = this.#asked.get(ref);
    if (asked !== undefined && (APART.has(event.type) || event.type === "notice")) {
      asked.push(event);
      return true;
    }
    const typed = this.#typed.get(ref);
    if (typed === undefined) return false;
    if (event.type === "who") {
      this.#model.apply(event, Date.now());
      this.#model.note("notice", describeWho(event), Date.now());
      return true;
    }
    const isApart = APART.has(event.type) &&
      (event.type !== "history" || event.purpose === "asked");
    if (isApart) this.#owner.onAnswer(typed, event);
    return isApart;
  }

  /**
   * Says or does what was typed in the current place.
   *
   * @param {Typed} typed
   * @returns {void}
   */
  perform(typed) {
    const place = this.#model.current;
    if (typed.kind === "to") {
      const to = typed.to ?? this.#lastCorrespondent();
      if (to !== null && to.startsWith("#")) return this.command("msg", `${to} ${typed.text}`);
      if (to === null) return this.command("reply", typed.text);
      const conversation = this.#model.direct(to);
      this.#model.turnTo(conversation);
      return this.#say(conversation, "message", typed.text);
    }
    if (typed.kind === "command") {
      if (typed.name === "quit") return this.#connection.quit();
      return this.command(typed.name, typed.args);
    }
    const kind = typed.kind === "action" ? "action" : "message";
    if (kind === "action" && place.kind === "direct") {
      return this.#say(place, "message", `* ${typed.text}`);
    }
    this.#say(place, kind, typed.text);
  }

  /**
   * Gives a command whose answer is for the conversation.
   *
   * @param {string} name Without its slash.
   * @param {string} args
   * @returns {void}
   */
  command(name, args) {
    const request = this.#commandOf(name, args, this.#model.current);
    const ref = this.#connection.request(request, (answer) => {
      this.#typed.delete(ref);
      if (answer.type === "pong") this.#model.apply(answer, Date.now());
      else if (answer.type === "refused") this.#model.note("error", answer.text, Date.now());
      this.#owner.onChange();
    });
    this.#typed.set(ref, `/${name} ${args}`.trim());
  }

  /**
   * Asks something whose answer is for whoever asks.
   *
   * @param {string} name Of the command, without its slash.
   * @param {string} args
   * @param {Place} [place] Where. @default The current one.
   * @returns {Promise<Outcome>} Once it is answered, however long that takes.
   */
  ask(name, args, place = this.#model.current) {
    const { promise, resolve } = Promise.withResolvers();
    const ref = this.#connection.request(this.#commandOf(name, args, place), (answer) => {
      const events = this.#asked.get(ref) ?? [];
      this.#asked.delete(ref);
      const isRefused = answer.type === "refused";
      resolve({
        problem: isRefused ? answer.text : "",
        code: isRefused ? answer.code : "",
        events,
      });
      this.#owner.onChange();
    });
    this.#asked.set(ref, []);
    return promise;
  }

  /**
   * Asks something, and says what went wrong where anybody sees it.
   *
   * @param {string} name
   * @param {string} args
   * @returns {Promise<Outcome>}
   */
  async askAloud(name, args) {
    const outcome = await this.ask(name, args);
    if (outcome.problem !== "") this.#owner.onProblem(outcome.problem);
    return outcome;
  }

  /**
   * Fetches what was said before the first line that is shown, unless it is on its way.
   *
   * @param {Place} place
   * @returns {Promise<void>}
   */
  async fetchOlder(place) {
    const log = place.shown;
    if (!place.hasOlder || place.isFetching) return;
    const { firstId } = log;
    await this.#fetch(place, log, firstId === null ? "" : ` before ${firstId}`);
  }

  /**
   * Fetches what was said behind an older part that is looked at.
   *
   * @param {Place} place
   * @returns {Promise<void>}
   */
  async fetchNewer(place) {
    const log = place.past;
    if (log === null || place.isFetching) return;
    await this.#fetch(place, log, ` after ${log.lastId}`);
  }

  /**
   * Shows the part of a room in which something was said.
   *
   * @param {Place} place
   * @param {number} id
   * @returns {Promise<boolean>} False where it is not there any more.
   */
  async showAround(place, id) {
    if (place.shown.has(id)) return true;
    if (place.log.has(id)) {
      this.#model.leavePast(place);
      return true;
    }
    const before = await this.ask("history", `${FETCH_LINES} before ${id + 1}`, place);
    const after = await this.ask("history", `${FETCH_LINES} after ${id}`, place);
    const lines = [...linesOf(before), ...linesOf(after)];
    if (!lines.some((line) => line.id === id)) return false;
    this.#model.showPast(place, lines);
    return true;
  }

  /**
   * Learns who is in a room, and who of them is an operator, where that is not known: at once
   * where rights have changed, and otherwise once in `WHO_AGAIN_MS`; then the owner is told of a
   * change, and is to call this again.
   *
   * @param {Place} place
   * @returns {void}
   */
  learnPeople(place) {
    const nowMs = Date.now();
    if (place.kind !== "room" || place.isPeopleKnown || this.#connection.state.kind !== "online") {
      return;
    }
    const waitMs = (this.#whoAtMs.get(place) ?? -Infinity) + WHO_AGAIN_MS - nowMs;
    if (waitMs > 0 && !place.haveRightsChanged) {
      this.#whoTimer ??= setTimeout(() => {
        this.#whoTimer = undefined;
        this.#owner.onChange();
      }, waitMs);
      return;
    }
    place.haveRightsChanged = false;
    this.#whoAtMs.set(place, nowMs);
    this.#connection.request(
      { type: "command", name: "who", args: place.name },
      () => this.#owner.onChange(),
    );
  }

  /**
   * Learns which commands there are.
   *
   * @returns {Promise<boolean>} Whether they were not known before, and are now.
   */
  async learnCommands() {
    if (this.help.length > 0) return false;
    this.#helpAsked ??= this.ask("help", "");
    const { events } = await this.#helpAsked;
    this.#helpAsked = null;
    for (const event of events) if (event.type === "help") this.help = event.entries;
    return this.help.length > 0;
  }

  /** @returns {string | null} */
  #lastCorrespondent() {
    const { current } = this.#model;
    if (current.kind === "direct") return current.name;
    return this.#model.directs.at(-1)?.name ?? null;
  }

  /**
   * @param {Place} place
   * @param {RoomLog} log
   * @param {string} where
   */
  async #fetch(place, log, where) {
    if (Date.now() - (this.#refusedAtMs.get(log) ?? -Infinity) < FETCH_AGAIN_MS) return;
    place.isFetching = true;
    const outcome = await this.ask("history", `${FETCH_LINES}${where}`, place);
    place.isFetching = false;
    const lines = linesOf(outcome);
    // There may be fewer than asked for, for their length; none at all says that there are no more.
    if (outcome.problem !== "") this.#refusedAtMs.set(log, Date.now());
    else if (lines.length > 0) this.#model.addHistory(place, log, lines);
    else if (where.startsWith(" after")) this.#model.leavePast(place);
    else log.isComplete = true;
    this.#owner.onChange();
  }

  /**
   * @param {Place} place
   * @param {"message" | "action"} kind
   * @param {string} text
   */
  #say(place, kind, text) {
    const onDone = (/** @type {RequestAnswer} */ answer) => {
      this.#model.answered(answer, Date.now());
      this.#owner.onChange();
    };
    const inRoom = place.kind === "room" ? { room: place.name } : {};
    const ref = this.#connection.request(
      place.kind === "direct"
        ? { type: "command", name: "msg", args: `${place.name} ${text}` }
        : kind === "action"
        ? { type: "command", name: "me", args: text, ...inRoom }
        : { type: "say", text, ...inRoom },
      onDone,
    );
    this.#model.saying({ ref, kind, place, text }, Date.now());
    this.#owner.onChange();
  }

  /**
   * @param {string} name
   * @param {string} args
   * @param {Place} place
   * @returns {import("./connection.js").Request}
   */
  #commandOf(name, args, place) {
    const room = place.kind === "room" ? place : this.#model.lastRoom;
    return { type: "command", name, args, ...room === null ? {} : { room: room.name } };
  }
}

/**
 * Lines of history that came as an answer, oldest first.
 *
 * @param {Outcome} outcome
 * @returns {HistoryLine[]}
 */
function linesOf({ events }) {
  return events.flatMap((event) => event.type === "history" ? [...event.lines] : []);
}
