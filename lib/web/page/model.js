// @ts-check
/**
 * What the page knows of a chat: rooms and private conversations, who is there, what was said,
 * what has been read.
 *
 * A reducer: it is told each event of the server ({@linkcode ChatModel.apply}) and what the user
 * does, and holds what is shown. It has no timers and asks for nothing.
 *
 * 1. What the user says stands there at once, and becomes the server's copy of it once that has
 *    come: never twice, wherever the answer was lost.
 * 2. A private message stands in a conversation of its own, under the other's name; what else
 *    belongs to no room is shown in the current place.
 * 3. Everything is bounded, whatever a server tells.
 *
 * Must not know: the connection, the document, how entries are drawn.
 *
 * @module
 */

import {
  DIRECT_LINES_KEPT,
  DIRECTS_MAX,
  FOLDED_MAX,
  FOLDED_MS,
  LOG_ENTRIES_HELD_MAX,
  NAMES_MAX,
  SPEAKERS_MAX,
} from "./limits.js";
import { RoomLog } from "./room_log.js";
import { describeLeaving, formatNames } from "./wording.js";
import { foldName, nameMatcher } from "./words.js";

/** @import { HistoryLine, NameList } from "../../events.ts" */
/** @import { Said, ServerEvent, Welcome } from "../../protocol/json_reader.ts" */
/** @import { RequestAnswer } from "./connection.js" */
/** @import { KeptDirect } from "./storage.js" */

/**
 * Who came and went, put together.
 *
 * @typedef {object} Presence
 * @property {readonly string[]} joined
 * @property {number} joinedMore
 * @property {readonly string[]} left
 * @property {number} leftMore
 * @property {readonly string[]} passed Who came and went again.
 */

/**
 * One thing in a place: something said, who came and went, what the server answers.
 *
 * @typedef {object} Entry
 * @property {number} key Tells it from all others of the model; stays when the entry is replaced.
 * @property {"message" | "action" | "topic" | "presence" | "notice" | "error" | "divider"
 *   | "deleted"} kind
 * @property {number | null} id The server's number of it, which grows; null where it has none.
 * @property {number} atMs In epoch milliseconds.
 * @property {string} from Who said it; empty for nobody.
 * @property {string} text May have several lines.
 * @property {boolean} isOwn Whether the user said it.
 * @property {boolean} isMention Whether it names the user, or is to them alone.
 * @property {boolean} isDirect Whether it is a private message.
 * @property {"sent" | "sending" | "refused" | "unknown"} delivery What became of it.
 * @property {string} reason Why it was refused, as a sentence; empty otherwise.
 * @property {Presence | null} presence Of a `presence`, who came and went; null where somebody has
 *   another name, and otherwise.
 * @property {string | null} invitation A room that the user may come into by it.
 */

/** @typedef {{ name: string, isOperator: boolean | null }} Person */

/**
 * A room, or a private conversation.
 */
export class Place {
  /** Empty for none. */
  topic = "";
  /** How many are here that are not known by name. */
  peopleMore = 0;
  /** What others have said that has not been read. */
  unread = 0;
  /** How much of that names the user, or is to them alone. */
  mentions = 0;
  /** The first entry that was not read when it came. @type {number | null} */
  firstUnreadKey = null;
  /** Whether older lines are on their way. */
  isFetching = false;
  /** Whether who is here, and who of them is an operator, is known from a list of the server's. */
  isPeopleKnown = false;
  /** Whether rights may have changed since: whoever has got some expects to use them at once. */
  haveRightsChanged = false;
  /** What was said up to now. */
  log = new RoomLog();
  /** An older part that is looked at, with a gap behind it; null for none. @type {RoomLog | null} */
  past = null;
  /** From the folded name, the one that spoke last at the end. @type {Map<string, string>} */
  speakers = new Map();
  /** Grows with every change of who is here. */
  peopleVersion = 0;
  /** @type {Map<string, Person>} */
  #people = new Map();
  /** @type {readonly Person[] | null} */
  #sorted = null;

  /**
   * @param {"room" | "direct" | "nowhere"} kind
   * @param {string} name A room's with its `#`; of a conversation, the other's; empty for nowhere.
   */
  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
  }

  /** What is shown: the older part where one is looked at. */
  get shown() {
    return this.past ?? this.log;
  }

  /** Whether lines before those that are shown can be had. */
  get hasOlder() {
    const { isComplete, size } = this.shown;
    return this.kind === "room" && !isComplete && size < LOG_ENTRIES_HELD_MAX;
  }

  /** Who is here and known by name, the user too; operators first, then by name. */
  get people() {
    return this.#sorted ??= [...this.#people.values()].sort(byRankAndName);
  }

  /** How many are here. */
  get count() {
    return this.#people.size + this.peopleMore;
  }

  /**
   * Somebody who is here; undefined for anybody else.
   *
   * @param {string} name
   * @returns {Person | undefined}
   */
  person(name) {
    return this.#people.get(foldName(name));
  }

  /**
   * @param {string} name
   * @param {boolean | null} isOperator Null where that is not known.
   * @returns {void}
   */
  arrive(name, isOperator) {
    if (this.#people.size >= NAMES_MAX) return;
    this.#people.set(foldName(name), { name, isOperator });
    this.#changed();
  }

  /**
   * @param {string} name
   * @returns {boolean} Whether they were here.
   */
  leave(name) {
    this.#changed();
    return this.#people.delete(foldName(name));
  }

  /**
   * Somebody goes by another name; whoever was not known by name stays one of the rest.
   *
   * @param {string} from
   * @param {string} to
   * @returns {boolean}
   */
  rename(from, to) {
    const person = this.#people.get(foldName(from));
    if (person === undefined) return false;
    this.leave(from);
    // A name may have other rights.
    this.arrive(to, null);
    this.isPeopleKnown = false;
    if (this.speakers.delete(foldName(from))) this.speakers.set(foldName(to), to);
    return true;
  }

  /**
   * Everybody anew.
   *
   * @param {NameList} others
   * @param {string | null} ownName
   * @returns {void}
   */
  setPeople(others, ownName) {
    this.#people.clear();
    for (const name of others.names) this.arrive(name, null);
    if (ownName !== null) this.arrive(ownName, null);
    this.peopleMore = others.more;
    this.isPeopleKnown = false;
    this.#changed();
  }

  #changed() {
    this.peopleVersion++;
    this.#sorted = null;
  }
}

/**
 * Something of the user's own that is on its way.
 *
 * @typedef {object} Saying
 * @property {number} ref By what the answer is known.
 * @property {"message" | "action"} kind
 * @property {Place} place Where it is said.
 * @property {string} text
 */

/** See the module. */
export class ChatModel {
  /** @type {Map<string, Place>} */
  #rooms = new Map();
  /** Rooms that one was in when the last session ended: one may be back. @type {Map<string, Place>} */
  #away = new Map();
  /** By the folded name of the other. @type {Map<string, Place>} */
  #directs = new Map();
  #nowhere = new Place("nowhere", "");
  /** @type {Map<number, { place: Place, key: number }>} */
  #unanswered = new Map();
  #current = this.#nowhere;
  /** The room that was shown last, in which commands are given. @type {Place | null} */
  #lastRoom = null;
  /** @type {string | null} */
  #returnTo = null;
  /** How the user was sent out of a room, until the server says that they have left it. @type {string | null} */
  #sentOut = null;
  #ownName = "";
  /** @type {RegExp | null} */
  #mention = null;
  #isReading = true;
  #isWelcomed = false;
  #lastKey = 0;
  #onAlert;
  /** The server's name; empty until it has told it. */
  server = "";
  /** Whether the user is logged in under the name. */
  isRegistered = false;

  /**
   * @param {(entry: Entry, place: Place) => void} onAlert Takes what names the user, or is to them
   *   alone, as it comes.
   */
  constructor(onAlert) {
    this.#onAlert = onAlert;
  }

  /** The user's own name; empty until the server has told it. */
  get ownName() {
    return this.#ownName;
  }

  /** Finds the user's name in a text; null before there is one. */
  get mention() {
    return this.#mention;
  }

  /** The rooms that the user is in, in the order in which they joined. */
  get rooms() {
    return [...this.#rooms.values()];
  }

  /** Private conversations, the oldest first. */
  get directs() {
    return [...this.#directs.values()];
  }

  /** All of them, in the order in which they are listed. */
  get places() {
    return [...this.rooms, ...this.directs];
  }

  /** What is shown. */
  get current() {
    return this.#current;
  }

  /** The room that was shown last; null for none. */
  get lastRoom() {
    return this.#lastRoom;
  }

  /** What names the user and has not been read, everywhere. */
  get mentions() {
    return this.places.reduce((sum, { mentions }) => sum + mentions, 0);
  }

  /** What has not been read, everywhere. */
  get unread() {
    return this.places.reduce((sum, { unread }) => sum + unread, 0);
  }

  /**
   * A room that the user is in; undefined for any other.
   *
   * @param {string} name
   * @returns {Place | undefined}
   */
  room(name) {
    return this.#rooms.get(foldName(name));
  }

  /**
   * The conversation with somebody, which is there from now on.
   *
   * @param {string} name
   * @returns {Place}
   */
  direct(name) {
    const key = foldName(name);
    const known = this.#directs.get(key);
    if (known !== undefined) return known;
    const place = new Place("direct", name);
    this.#directs.set(key, place);
    for (const [oldest, each] of this.#directs) {
      if (this.#directs.size <= DIRECTS_MAX) break;
      if (each !== this.#current && each !== place) this.#directs.delete(oldest);
    }
    return place;
  }

  /**
   * Private conversations as a reload needs them: the server does not keep them.
   *
   * @returns {KeptDirect[]}
   */
  keepDirects() {
    return this.directs.map(({ name, unread, log }) => ({
      name,
      unread,
      lines: log.all.filter(({ kind, delivery }) => kind === "message" && delivery === "sent")
        .slice(-DIRECT_LINES_KEPT)
        .map(({ id, atMs, from, text, isOwn }) => ({ id, atMs, from, text, isOwn })),
    }));
  }

  /**
   * Brings back what {@linkcode ChatModel.keepDirects} gave. To be called before anything is
   * applied.
   *
   * @param {readonly KeptDirect[]} directs
   * @returns {void}
   */
  restoreDirects(directs) {
    for (const { name, unread, lines } of directs) {
      const place = this.direct(name);
      for (const line of lines) {
        place.log.add(
          this.#make({ kind: "message", isDirect: true, isMention: !line.isOwn, ...line }),
        );
      }
      place.unread = place.mentions = unread;
    }
  }

  /**
   * Takes a private conversation off the list.
   *
   * @param {Place} place
   * @returns {void}
   */
  closeDirect(place) {
    this.#directs.delete(foldName(place.name));
    if (place === this.#current) this.#show(this.#lastRoom ?? this.rooms[0] ?? this.#nowhere);
  }

  /**
   * Takes one event of the server.
   *
   * @param {ServerEvent} event
   * @param {number} nowMs When it came, in epoch milliseconds.
   * @returns {void}
   */
  apply(event, nowMs) {
    switch (event.type) {
      case "welcome":
        return this.#welcome(event, nowMs);
      case "message":
      case "action":
      case "topic":
        return this.#said(event, nowMs);
      case "direct": {
        const place = this.direct(event.from);
        place.name = event.from;
        return this.#hear(place, {
          kind: "message",
          id: event.id,
          atMs: event.atMs,
          from: event.from,
          text: event.text,
          isMention: true,
          isDirect: true,
        });
      }
      case "joined": {
        const room = this.room(event.room);
        if (room === undefined) return;
        for (const name of event.who.names) {
          room.arrive(name, room.person(name)?.isOperator ?? null);
        }
        room.peopleMore += event.who.more;
        room.isPeopleKnown = false;
        return this.#presence(room, event.id, nowMs, { joined: event.who, left: NOBODY });
      }
      case "left": {
        const room = this.room(event.room);
        if (room === undefined) return;
        gone(room, event.who);
        if (event.reason === "removed") {
          const text = `${formatNames(event.who)} ${describeLeaving(event.reason)}.`;
          return this.#notice(room, event.id, nowMs, text);
        }
        return this.#presence(room, event.id, nowMs, { joined: NOBODY, left: event.who });
      }
      case "sent-out": {
        const { room: name, verb, by, reason } = event;
        const room = this.room(name);
        if (room === undefined) return;
        const how = `${verb} from ${name} by ${by}${reason === "" ? "." : `: ${reason}`}`;
        if (this.isOwn(event.name)) {
          // The room goes off the list with the event that follows: that is when it is told.
          this.#sentOut = `You were ${how}`;
          return;
        }
        gone(room, { names: [event.name], more: 0 });
        return this.#notice(room, event.id, nowMs, `${event.name} was ${how}`);
      }
      case "renamed":
        return this.#renamed(event, nowMs);
      case "nick":
        for (const room of this.#rooms.values()) room.rename(this.#ownName, event.name);
        this.#setOwnName(event.name);
        // Whoever logs in or out is told so as well, and goes by another name.
        return this.#notice(this.#current, event.id, nowMs, `You are now ${event.name}.`);
      case "entered":
        return this.#entered(event, nowMs);
      case "parted":
        return this.#parted(event, nowMs);
      case "forgotten":
        return this.#forgotten(event, nowMs);
      case "announced": {
        const { id, code, text } = event;
        const place = event.room === null ? this.#current : this.room(event.room) ?? this.#current;
        if (code === "op" || code === "deop") this.#doubtRights();
        const invitation = code === "invited" ? /\/join (#\S+)$/u.exec(text)?.[1] ?? null : null;
        const entry = this.#make({ kind: "notice", id, atMs: nowMs, text, invitation });
        place.log.add(entry);
        if (invitation !== null) this.#onAlert(entry, place);
        return;
      }
      case "history":
        return this.#backlog(event);
      case "who":
        return this.#who(event);
      case "notice":
        this.#learn(event.code);
        return this.#notice(this.#current, event.id ?? null, nowMs, event.lines.join("\n"));
      case "refused":
        return this.note("error", event.text, nowMs);
      case "pong":
        return this.note("notice", `The server answers: pong ${event.text}`.trimEnd(), nowMs);
      case "slowed": {
        const text = `The server takes ${event.perSecond} requests a second: the rest follows.`;
        return this.note("notice", text, nowMs);
      }
      default:
        return;
    }
  }

  /**
   * The user says something: it stands there until the server has it.
   *
   * @param {Saying} saying
   * @param {number} nowMs
   * @returns {void}
   */
  saying({ ref, kind, place, text }, nowMs) {
    const isDirect = place.kind === "direct";
    const entry = this.#make({
      kind,
      atMs: nowMs,
      from: this.#ownName,
      text,
      isOwn: true,
      isDirect,
      delivery: "sending",
    });
    // Whoever says something looks at what is said now.
    place.past = null;
    place.log.addSending(entry);
    this.#unanswered.set(ref, { place, key: entry.key });
  }

  /**
   * What the user said was answered.
   *
   * @param {RequestAnswer} answer
   * @param {number} nowMs
   * @returns {boolean} False where this answers nothing that was said.
   */
  answered(answer, nowMs) {
    const { ref } = answer;
    if (typeof ref !== "number") return false;
    const unanswered = this.#unanswered.get(ref);
    if (unanswered === undefined) return false;
    this.#unanswered.delete(ref);
    const { place, key } = unanswered;
    const entry = place.log.takeSending(key);
    if (entry === undefined) return true;
    if (answer.type === "refused") {
      const delivery = answer.code === "unknown-fate" ? "unknown" : "refused";
      place.log.add({ ...entry, delivery, reason: answer.text });
    } else if (answer.type === "ok") {
      const { id = null, atMs = nowMs } = answer;
      // The server's copy may have come first, also where its answer was lost with a connection.
      const isHere = id !== null
        ? place.log.has(id)
        : answer.repeated === true && place.kind === "room" &&
          place.log.findLast((each) => isCopy(each, entry)) !== undefined;
      if (!isHere) place.log.add({ ...entry, id, atMs, delivery: "sent" });
    }
    return true;
  }

  /**
   * Takes something out that was not delivered.
   *
   * @param {Place} place
   * @param {number} key
   * @returns {void}
   */
  discard(place, key) {
    place.log.remove(key);
  }

  /**
   * Says something of the page's own, in the current place.
   *
   * @param {"notice" | "error"} kind
   * @param {string} text
   * @param {number} nowMs
   * @returns {void}
   */
  note(kind, text, nowMs) {
    this.#current.log.add(this.#make({ kind, atMs: nowMs, text }));
  }

  /**
   * Older lines that were asked for go before the rest, of what is shown.
   *
   * @param {Place} place
   * @param {RoomLog} log Where they were missing.
   * @param {readonly HistoryLine[]} lines Oldest first.
   * @returns {void}
   */
  addHistory(place, log, lines) {
    log.merge(lines.map((line) => this.#fromPast(line)));
    // What was looked at has grown up to what is here anyway.
    const { past } = place;
    const firstId = place.log.firstId;
    if (past !== null && log === past && firstId !== null && past.lastId >= firstId) {
      if ((past.firstId ?? Infinity) <= firstId) place.log.isComplete = past.isComplete;
      place.log.merge(past.all);
      place.past = null;
    }
  }

  /**
   * Shows an older part of a room, with nothing between it and what is said now.
   *
   * @param {Place} place
   * @param {readonly HistoryLine[]} lines Oldest first.
   * @returns {void}
   */
  showPast(place, lines) {
    place.past = new RoomLog();
    this.addHistory(place, place.past, lines);
  }

  /**
   * Shows what is said now.
   *
   * @param {Place} place
   * @returns {void}
   */
  leavePast(place) {
    if (place.past === null) return;
    place.past = null;
  }

  /**
   * Shows another place.
   *
   * @param {Place} place
   * @returns {void}
   */
  turnTo(place) {
    this.#returnTo = null;
    if (place === this.#current) return;
    this.#show(place);
  }

  /**
   * Whether the user sees what comes: the newest line is shown, in a window that has the focus.
   *
   * @param {boolean} isReading
   * @returns {void}
   */
  setReading(isReading) {
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    this.#current.log.isHeld = !isReading;
    if (isReading) this.#markRead(this.#current);
    else this.#current.firstUnreadKey = null;
  }

  /**
   * Whether this is the user's name.
   *
   * @param {string} name
   * @returns {boolean}
   */
  isOwn(name) {
    return this.#ownName !== "" && foldName(name) === foldName(this.#ownName);
  }

  /** @param {Place} place */
  #show(place) {
    this.#current.firstUnreadKey = null;
    this.#current.log.isHeld = false;
    this.#current = place;
    place.log.isHeld = !this.#isReading;
    if (place.kind === "room") this.#lastRoom = place;
    this.#markRead(place);
  }

  /**
   * @param {Welcome} event
   * @param {number} nowMs
   */
  #welcome(event, nowMs) {
    const isFirst = !this.#isWelcomed;
    this.#isWelcomed = true;
    this.server = event.server;
    this.isRegistered = event.isRegistered;
    this.#setOwnName(event.name);
    // A server that has lost its database begins to count anew.
    if (!event.isResumed) {
      for (const { log } of [...this.places, ...this.#away.values(), this.#nowhere]) {
        if (log.lastId > event.id) log.forgetIds();
      }
    }
    const before = new Map(this.#rooms);
    this.#rooms.clear();
    // The server has the one that was turned to last at the end; here they keep their order.
    const order = [...before.keys()];
    const rank = (/** @type {string} */ room) => {
      const at = order.indexOf(foldName(room));
      return at < 0 ? order.length : at;
    };
    for (const place of [...event.rooms].sort((a, b) => rank(a.room) - rank(b.room))) {
      const known = before.get(foldName(place.room));
      if (known !== undefined) this.#away.set(foldName(place.room), known);
      before.delete(foldName(place.room));
      this.#enter(place.room, place);
    }
    for (const [key, room] of before) this.#setAway(key, room);

    const isShown = this.#current.kind === "direct" || this.room(this.#current.name) !== undefined;
    if (!event.isResumed && !isShown && this.#current !== this.#nowhere) {
      this.#returnTo = foldName(this.#current.name);
    }
    if (isFirst || !isShown) {
      this.#show(this.room(event.room ?? "") ?? this.rooms[0] ?? this.#nowhere);
    }
    if (isFirst) {
      // Who reloads the page knows where they are.
      if (event.isResumed) return;
      const lines = [`Welcome to ${event.server}. You are ${event.name}.`, ...event.motd];
      this.#notice(this.#current, null, nowMs, lines.join("\n"));
    } else if (!event.isResumed) {
      for (const room of this.#rooms.values()) this.#divide(room, nowMs, this.#backAs);
    } else if (!event.isComplete) {
      const text = "Back again. Not all that was said meanwhile follows.";
      for (const room of this.#rooms.values()) this.#divide(room, nowMs, text);
    } else if (event.isRestarted) {
      this.#notice(this.#current, null, nowMs, "Back again: the server was started anew.");
    }
  }

  /** What stands where a new session begins: a room has a gap there. */
  get #backAs() {
    return `Back as ${this.#ownName}. What was said meanwhile is in the history.`;
  }

  /**
   * @param {Place} room
   * @param {number} nowMs
   * @param {string} text
   */
  #divide(room, nowMs, text) {
    room.log.add(this.#make({ kind: "divider", atMs: nowMs, text }));
  }

  /**
   * @param {string} key
   * @param {Place} room
   */
  #setAway(key, room) {
    room.unread = room.mentions = 0;
    room.firstUnreadKey = null;
    this.#away.set(key, room);
    dropFirst(this.#away, 20);
  }

  /**
   * @param {string} name
   * @param {{ readonly topic: string, readonly others: NameList }} place
   */
  #enter(name, { topic, others }) {
    const key = foldName(name);
    const room = this.#rooms.get(key) ?? this.#away.get(key) ?? new Place("room", name);
    this.#away.delete(key);
    this.#rooms.set(key, room);
    room.topic = topic;
    room.setPeople(others, this.#ownName);
    return room;
  }

  /**
   * @param {Said} event
   * @param {number} nowMs
   */
  #said({ type, id, atMs, room: name, from, text }, nowMs) {
    const key = foldName(name);
    // What was said before one left may be told after the welcome that has the room no more.
    const room = this.#rooms.get(key) ?? this.#away.get(key);
    if (room === undefined) return;
    if (type === "topic") room.topic = text;
    else remember(room.speakers, from);
    this.#hear(room, {
      kind: type,
      id,
      atMs: atMs > 0 ? atMs : nowMs,
      from,
      text,
      isOwn: this.isOwn(from),
      isMention: type !== "topic" && this.#isMention(from, text),
    });
  }

  /**
   * Adds something that can be unread.
   *
   * @param {Place} place
   * @param {NewEntry} data
   */
  #hear(place, data) {
    const entry = this.#make(data);
    const isNew = place.log.add(entry);
    if (!isNew || entry.isOwn || entry.kind === "topic") return;
    if (entry.isMention) this.#onAlert(entry, place);
    if (place === this.#current && this.#isReading && place.past === null) return;
    place.unread++;
    if (entry.isMention) place.mentions++;
    place.firstUnreadKey ??= entry.key;
  }

  /**
   * @param {Place} room
   * @param {number} id
   * @param {number} nowMs
   * @param {{ joined: NameList, left: NameList }} change
   */
  #presence(room, id, nowMs, change) {
    const last = room.log.last;
    const isFolded = last?.kind === "presence" && last.presence !== null &&
      nowMs - last.atMs < FOLDED_MS &&
      last.presence.joined.length + last.presence.left.length < FOLDED_MAX;
    const before = isFolded && last.presence !== null ? last.presence : NO_PRESENCE;
    const presence = foldPresence(before, change);
    const text = describePresence(presence);
    const entry = this.#make({ kind: "presence", id, atMs: nowMs, text, presence });
    if (!isFolded) room.log.add(entry);
    else {
      const { key, atMs } = last;
      room.log.replace((each) => each.key === key, () => ({ ...entry, key, atMs }));
    }
  }

  /**
   * @param {Extract<ServerEvent, { type: "renamed" }>} event
   * @param {number} nowMs
   */
  #renamed({ id, from, to }, nowMs) {
    const direct = this.#directs.get(foldName(from));
    if (direct !== undefined && !this.#directs.has(foldName(to))) {
      this.#directs.delete(foldName(from));
      direct.name = to;
      this.#directs.set(foldName(to), direct);
    }
    const text = `${from} is now ${to}.`;
    // What was missed is told after a welcome that has everybody under their name of now.
    const rooms = this.rooms.filter((room) => room.rename(from, to) || room.person(to));
    for (const { log } of direct === undefined ? rooms : [...rooms, direct]) {
      const presence = renamePresence(log.last?.presence ?? NO_PRESENCE, from, to);
      if (presence === null) {
        log.add(this.#make({ kind: "presence", id, atMs: nowMs, text }));
      } else {
        // Whoever has just come in and picks a name has come in under it.
        const key = log.last?.key;
        const words = describePresence(presence);
        log.replace((each) => each.key === key, (each) => ({ ...each, id, presence, text: words }));
      }
    }
  }

  /**
   * @param {Extract<ServerEvent, { type: "entered" }>} event
   * @param {number} nowMs
   */
  #entered(event, nowMs) {
    const key = foldName(event.room);
    const wasAway = this.#away.has(key);
    const room = this.#enter(event.room, event);
    if (wasAway) this.#divide(room, nowMs, this.#backAs);
    // The user has numbers for refs; where the page itself goes back, they stay where they were.
    const isAsked = typeof event.ref === "number" ||
      (event.ref === undefined && this.#returnTo === null);
    if (isAsked || key === this.#returnTo) {
      this.#returnTo = null;
      this.#show(room);
    }
    if (event.how === "made") {
      const text = event.isLasting
        ? `${event.room} is new, and yours: you are its operator.`
        : `${event.room} is new, and you are its operator until you leave. With a registered ` +
          "name it stays yours.";
      this.#notice(room, event.id, nowMs, text);
    }
  }

  /**
   * @param {Extract<ServerEvent, { type: "parted" }>} event
   * @param {number} nowMs
   */
  #parted(event, nowMs) {
    const left = this.room(event.room);
    this.#rooms.delete(foldName(event.room));
    this.#away.delete(foldName(event.room));
    if (left !== undefined && left === this.#lastRoom) this.#lastRoom = null;
    if (left === this.#current) {
      this.#show(this.room(event.to ?? "") ?? this.rooms[0] ?? this.#nowhere);
    }
    this.#lastRoom ??= this.room(event.to ?? "") ?? null;
    const text = this.#sentOut ?? `You are not in ${event.room} any more.`;
    this.#sentOut = null;
    this.#notice(this.#current, event.id, nowMs, text);
  }

  /**
   * @param {Extract<ServerEvent, { type: "forgotten" }>} event
   * @param {number} nowMs
   */
  #forgotten({ id, room: name, messageId, from, by }, nowMs) {
    const room = this.room(name);
    if (room === undefined) return;
    const text = from === by ? `${by} took this message back.` : `${by} deleted this message.`;
    for (const log of [room.log, ...room.past === null ? [] : [room.past]]) {
      const isHere = log.replace(
        (each) => each.id === messageId,
        (each) => ({ ...each, kind: "deleted", text, isMention: false }),
      );
      if (!isHere && log === room.log) {
        this.#notice(room, id, nowMs, `${by} deleted an older message by ${from}.`);
      }
    }
  }

  /** @param {Extract<ServerEvent, { type: "history" }>} event */
  #backlog({ purpose, room: name, lines, unread }) {
    const room = this.room(name);
    if (room === undefined) return;
    const page = lines.map((line) => this.#fromPast(line));
    const added = room.log.merge(page);
    for (const { from } of lines) remember(room.speakers, from);
    if (purpose !== "missed" || added === 0) return;
    const fresh = page.filter(({ isOwn, kind }) => !isOwn && kind !== "topic");
    if (room === this.#current && this.#isReading) return;
    room.unread += fresh.length + unread;
    room.mentions += fresh.filter(({ isMention }) => isMention).length;
    room.firstUnreadKey ??= fresh[0]?.key ?? null;
  }

  /** @param {Extract<ServerEvent, { type: "who" }>} event */
  #who({ room: name, users, more }) {
    const room = this.room(name);
    if (room === undefined) return;
    room.setPeople({ names: [], more }, null);
    for (const { name: each, isOperator } of users) room.arrive(each, isOperator);
    if (room.person(this.#ownName) === undefined && more > 0) {
      room.arrive(this.#ownName, null);
      room.peopleMore--;
    }
    room.isPeopleKnown = true;
  }

  /**
   * What an answer tells of the user's own name.
   *
   * @param {string} code
   */
  #learn(code) {
    const isRegistered = RIGHTS_OF_CODES.get(code);
    if (isRegistered === undefined) return;
    this.isRegistered = isRegistered;
    this.#doubtRights();
  }

  /** Rights may have come or gone: the server knows. */
  #doubtRights() {
    for (const room of this.#rooms.values()) {
      room.isPeopleKnown = false;
      room.haveRightsChanged = true;
    }
  }

  /** @param {HistoryLine} line */
  #fromPast({ kind, id, atMs, from, text }) {
    const isMention = kind !== "topic" && this.#isMention(from, text);
    return this.#make({ kind, id, atMs, from, text, isMention, isOwn: this.isOwn(from) });
  }

  /**
   * @param {Place} place
   * @param {number | null} id
   * @param {number} nowMs
   * @param {string} text
   */
  #notice(place, id, nowMs, text) {
    place.log.add(this.#make({ kind: "notice", id, atMs: nowMs, text }));
  }

  /**
   * @param {NewEntry} data
   * @returns {Entry}
   */
  #make(data) {
    return {
      id: null,
      from: "",
      isOwn: false,
      isMention: false,
      isDirect: false,
      delivery: "sent",
      reason: "",
      presence: null,
      invitation: null,
      ...data,
      key: ++this.#lastKey,
    };
  }

  /**
   * What came while nobody looked has been read now; where it begins stays marked.
   *
   * @param {Place} place
   */
  #markRead(place) {
    if (!this.#isReading) return;
    place.unread = 0;
    place.mentions = 0;
  }

  /** @param {string} name */
  #setOwnName(name) {
    this.#ownName = name;
    this.#mention = name === "" ? null : nameMatcher(name);
  }

  /**
   * @param {string} from
   * @param {string} text
   */
  #isMention(from, text) {
    return !this.isOwn(from) && (this.#mention?.test(text.normalize("NFC")) ?? false);
  }
}

/** What an entry needs at least. @typedef {Partial<Entry> & Pick<Entry, "kind" | "atMs" | "text">} NewEntry */

/**
 * Notices that tell whether the name is the user's own from now on.
 *
 * @type {ReadonlyMap<string, boolean>}
 */
const RIGHTS_OF_CODES = new Map([
  ["registered", true],
  ["logged-in", true],
  ["logged-out", false],
  ["account-deleted", false],
  ["renamed", false],
]);
/** @type {NameList} */
const NOBODY = { names: [], more: 0 };
/** @type {Presence} */
const NO_PRESENCE = { joined: [], joinedMore: 0, left: [], leftMore: 0, passed: [] };

/**
 * Who came and went, with some more of them: who did both is told once.
 *
 * @param {Presence} before
 * @param {{ joined: NameList, left: NameList }} change
 * @returns {Presence}
 */
export function foldPresence(before, { joined, left }) {
  const isIn = (/** @type {readonly string[]} */ names) => {
    const keys = new Set(names.map(foldName));
    return (/** @type {string} */ name) => keys.has(foldName(name));
  };
  const without = (
    /** @type {readonly string[]} */ names,
    /** @type {readonly string[]} */ out,
  ) => {
    const isOut = isIn(out);
    return names.filter((name) => !isOut(name));
  };
  const wasIn = isIn(before.joined);
  const wasOut = isIn(before.left);
  const passed = left.names.filter(wasIn);
  return {
    joined: [
      ...without(without(before.joined, left.names), joined.names),
      ...joined.names.filter((name) => !wasOut(name)),
    ],
    joinedMore: before.joinedMore + joined.more,
    left: [
      ...without(without(before.left, joined.names), left.names),
      ...left.names.filter((name) => !wasIn(name)),
    ],
    leftMore: before.leftMore + left.more,
    passed: [...without(without(before.passed, joined.names), passed), ...passed],
  };
}

/**
 * Who came and went, where one of those who came has another name now; null where none has.
 *
 * @param {Presence} presence
 * @param {string} from
 * @param {string} to
 * @returns {Presence | null}
 */
function renamePresence(presence, from, to) {
  const key = foldName(from);
  if (!presence.joined.some((name) => foldName(name) === key)) return null;
  const joined = presence.joined.map((name) => foldName(name) === key ? to : name);
  return { ...presence, joined };
}

/**
 * Who came and went, as a sentence.
 *
 * @param {Presence} presence
 * @returns {string}
 */
export function describePresence({ joined, joinedMore, left, leftMore, passed }) {
  const parts = [];
  if (joined.length + joinedMore > 0) {
    parts.push(`${formatNames({ names: joined, more: joinedMore })} joined.`);
  }
  if (left.length + leftMore > 0) {
    parts.push(`${formatNames({ names: left, more: leftMore })} left.`);
  }
  if (passed.length > 0) parts.push(`${formatNames({ names: passed, more: 0 })} came and went.`);
  return parts.length === 0 ? "Somebody was away for a moment." : parts.join(" ");
}

/**
 * Whoever left was either spelled out or one of the rest.
 *
 * @param {Place} room
 * @param {NameList} who
 */
function gone(room, who) {
  const unknown = who.names.filter((name) => !room.leave(name)).length;
  room.peopleMore = Math.max(0, room.peopleMore - unknown - who.more);
}

/**
 * Puts a name at the end.
 *
 * @param {Map<string, string>} names
 * @param {string} name
 */
function remember(names, name) {
  const key = foldName(name);
  names.delete(key);
  names.set(key, name);
  dropFirst(names, SPEAKERS_MAX);
}

/**
 * A server that tells ever more fills no memory.
 *
 * @param {Map<string, unknown>} map
 * @param {number} sizeMax
 */
function dropFirst(map, sizeMax) {
  if (map.size <= sizeMax) return;
  for (const first of map.keys()) {
    map.delete(first);
    break;
  }
}

/**
 * Whether an entry is what the server made of something of the user's own.
 *
 * @param {Entry} entry
 * @param {Entry} own
 */
function isCopy(entry, own) {
  return entry.isOwn && entry.id !== null && entry.kind === own.kind &&
    entry.text.trim() === own.text.trim();
}

/**
 * @param {Person} a
 * @param {Person} b
 */
function byRankAndName(a, b) {
  const rank = Number(b.isOperator === true) - Number(a.isOperator === true);
  if (rank !== 0) return rank;
  return foldName(a.name) < foldName(b.name) ? -1 : 1;
}
