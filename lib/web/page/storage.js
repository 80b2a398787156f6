// @ts-check
/// <reference lib="dom" />
/**
 * What the browser remembers: settings and the name for every tab of the origin; the session,
 * drafts and private conversations for one tab, over reloads.
 *
 * 1. Each tab is a user of its own: a tab that was duplicated finds the session taken, and begins
 *    another ({@linkcode claimSession}).
 * 2. A browser that stores nothing (it may be told so) loses nothing else.
 *
 * Must not know: the document, the connection.
 *
 * @module
 */

import { CLAIM_MS, DIRECTS_LENGTH_KEPT } from "./limits.js";

/** @import { Session } from "./connection.js" */

/** What a claim is made by. @typedef {{ locks: LockManager | undefined, channel: BroadcastChannel | null }} Claims */

/**
 * A line of a private conversation; `id` is null where the server has given none.
 *
 * @typedef {{ id: number | null, atMs: number, from: string, text: string, isOwn: boolean }} KeptLine
 */

/** A private conversation, under the other's name. @typedef {{ name: string, unread: number, lines: readonly KeptLine[] }} KeptDirect */

const SESSION = "parley.session";
const DRAFTS = "parley.drafts";
const DIRECTS = "parley.directs";

/** Reads and writes texts, and never throws. */
export class Memory {
  #storage;

  /** @param {() => Storage} open Gives the storage; it may throw where there is none. */
  constructor(open) {
    /** @type {Storage | null} */
    this.#storage = null;
    try {
      this.#storage = open();
    } catch {
      // Told not to store anything: the page works without.
    }
  }

  /**
   * @param {string} key
   * @returns {string | null}
   */
  get(key) {
    return this.#storage?.getItem(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string | null} value Null forgets it.
   * @returns {void}
   */
  set(key, value) {
    try {
      if (value === null) this.#storage?.removeItem(key);
      else this.#storage?.setItem(key, value);
    } catch {
      // Full: what is remembered is a convenience.
    }
  }
}

/** What one tab remembers over a reload. */
export class TabMemory {
  #memory;
  #tabId;

  /** @param {Memory} memory Of the tab: a session storage. */
  constructor(memory) {
    this.#memory = memory;
    this.#tabId = "";
  }

  /** Whether there is a session that this tab may go on with. */
  get hasSession() {
    return readSession(this.#memory.get(SESSION)) !== null;
  }

  /**
   * The session that this tab goes on with; null where there is none, or another tab has it.
   *
   * @param {Claims} claims
   * @returns {Promise<Session | null>} Within `CLAIM_MS`.
   */
  async claim(claims) {
    const saved = readSession(this.#memory.get(SESSION));
    if (saved !== null && await claimSession(saved.tabId, claims)) {
      this.#tabId = saved.tabId;
      return saved.session;
    }
    this.#tabId = newTabId();
    this.#memory.set(SESSION, null);
    if (saved !== null) {
      this.#memory.set(DRAFTS, null);
      this.#memory.set(DIRECTS, null);
    }
    await claimSession(this.#tabId, claims);
    return null;
  }

  /**
   * @param {Session | null} session Null forgets it.
   * @returns {void}
   */
  save(session) {
    const value = session === null ? null : JSON.stringify({ tabId: this.#tabId, ...session });
    this.#memory.set(SESSION, value);
  }

  /** What was typed and not sent, by place. */
  get drafts() {
    /** @type {Map<string, string>} */
    const drafts = new Map();
    try {
      const value = JSON.parse(this.#memory.get(DRAFTS) ?? "{}");
      for (const [place, text] of Object.entries(value)) {
        if (typeof text === "string") drafts.set(place, text);
      }
    } catch {
      // Somebody else wrote there.
    }
    return drafts;
  }

  /**
   * @param {ReadonlyMap<string, string>} drafts
   * @returns {void}
   */
  saveDrafts(drafts) {
    const value = drafts.size === 0 ? null : JSON.stringify(Object.fromEntries(drafts));
    this.#memory.set(DRAFTS, value);
  }

  /** Private conversations. @returns {KeptDirect[]} */
  get directs() {
    try {
      const value = JSON.parse(this.#memory.get(DIRECTS) ?? "[]");
      return Array.isArray(value) ? value.filter(isKeptDirect) : [];
    } catch {
      // Somebody else wrote there.
      return [];
    }
  }

  /**
   * @param {readonly KeptDirect[]} directs The newest last; the oldest go where it is too much.
   * @returns {void}
   */
  saveDirects(directs) {
    /** @type {string[]} */
    const kept = [];
    let length = 0;
    for (const each of directs.toReversed()) {
      const text = JSON.stringify(each);
      length += text.length;
      if (length > DIRECTS_LENGTH_KEPT) break;
      kept.unshift(text);
    }
    this.#memory.set(DIRECTS, kept.length === 0 ? null : `[${kept.join(",")}]`);
  }
}

/**
 * Takes a session for as long as the page lives; false where another tab has it.
 *
 * @param {string} tabId
 * @param {Claims} claims
 * @returns {Promise<boolean>}
 */
async function claimSession(tabId, { locks, channel }) {
  if (locks !== undefined) return await claimByLock(tabId, locks) === "ours";
  // Locks are for secure contexts only, and a LAN has none.
  return channel === null || await claimByChannel(tabId, channel) === "ours";
}

/**
 * @param {string} tabId
 * @param {LockManager} locks
 * @returns {Promise<"ours" | "taken">}
 */
function claimByLock(tabId, locks) {
  const { promise, resolve } = Promise.withResolvers();
  // A page that is being reloaded may hold it for a moment still.
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), CLAIM_MS);
  locks.request(`parley-${tabId}`, { signal: giveUp.signal }, () => {
    clearTimeout(timer);
    resolve("ours");
    // Held until the page is gone.
    return new Promise(() => {});
  }).catch(() => resolve("taken"));
  return promise;
}

/**
 * @param {string} tabId
 * @param {BroadcastChannel} channel
 * @returns {Promise<"ours" | "taken">}
 */
function claimByChannel(tabId, channel) {
  const { promise, resolve } = Promise.withResolvers();
  let isOurs = false;
  const timer = setTimeout(() => {
    isOurs = true;
    resolve("ours");
  }, CLAIM_MS);
  channel.addEventListener("message", ({ data }) => {
    if (data?.tabId !== tabId) return;
    if (data.type === "claim" && isOurs) channel.postMessage({ type: "taken", tabId });
    if (data.type === "taken" && !isOurs) {
      clearTimeout(timer);
      resolve("taken");
    }
  });
  channel.postMessage({ type: "claim", tabId });
  return promise;
}

/** @param {Partial<KeptDirect> | null} value */
function isKeptDirect(value) {
  return typeof value?.name === "string" && Number.isSafeInteger(value.unread) &&
    Array.isArray(value.lines) && value.lines.every(isKeptLine);
}

/** @param {Partial<KeptLine> | null} value */
function isKeptLine(value) {
  return (value?.id === null || Number.isSafeInteger(value?.id)) &&
    Number.isSafeInteger(value?.atMs) && typeof value?.from === "string" &&
    typeof value.text === "string" && typeof value.isOwn === "boolean";
}

/** @returns {string} */
function newTabId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string | null} text
 * @returns {{ tabId: string, session: Session } | null}
 */
function readSession(text) {
  try {
    const { tabId, token, lastId, lastRef } = JSON.parse(text ?? "null") ?? {};
    const isFit = typeof tabId === "string" && typeof token === "string" &&
      Number.isSafeInteger(lastId) && Number.isSafeInteger(lastRef);
    return isFit ? { tabId, session: { token, lastId, lastRef } } : null;
  } catch {
    return null;
  }
}
