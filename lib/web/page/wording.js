// @ts-check
/**
 * What the server tells in fields, as sentences and times for the user.
 *
 * Pure. Must not know: the document, what is shown where.
 *
 * @module
 */

/** @import { GoodbyeReason, LeaveReason, NameList, Presence } from "../../events.ts" */

/** @type {Readonly<Record<GoodbyeReason, string>>} */
const GOODBYE_WORDS = {
  quit: "You have left.",
  idle: "The server ended the connection after a long silence.",
  slow: "The server ended the connection, since too much was waiting to be read.",
  shutdown: "The server is shutting down.",
  internal: "The server ended the connection after an internal error.",
  removed: "An operator ended the session.",
  replaced: "The session goes on in another tab or program.",
  "not-admitted": "The server asks for its password.",
};

/** @type {Readonly<Record<LeaveReason, string>>} */
const LEAVE_WORDS = {
  left: "left",
  idle: "left (idle)",
  slow: "left (read too slowly)",
  lost: "left (connection lost)",
  removed: "left (removed)",
};

/**
 * Why the server ended the connection; `detail` is its own sentence, or empty.
 *
 * @param {GoodbyeReason} reason
 * @param {string} detail
 * @returns {string}
 */
export function describeGoodbye(reason, detail) {
  return detail === "" ? GOODBYE_WORDS[reason] ?? "The connection has ended." : detail;
}

/**
 * What somebody who left did.
 *
 * @param {LeaveReason} reason
 * @returns {string}
 */
export function describeLeaving(reason) {
  return LEAVE_WORDS[reason] ?? "left";
}

/**
 * Names as a sentence lists them: `ann`, `ann and bob`, `ann, bob and 3 others`.
 *
 * @param {NameList} list
 * @returns {string}
 */
export function formatNames(list) {
  const parts = [...list.names];
  if (list.more > 0) parts.push(`${list.more} ${list.more === 1 ? "other" : "others"}`);
  const last = parts.pop() ?? "nobody";
  return parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
}

/**
 * Who is in a room, as a sentence.
 *
 * @param {{ room: string, atMs: number, users: readonly Presence[], more: number }} who
 * @returns {string}
 */
export function describeWho({ room, atMs, users, more }) {
  const names = users.map(({ name, joinedAtMs, isOperator }) => {
    const since = formatDuration(Math.max(0, atMs - joinedAtMs));
    return `${name} (${isOperator ? "operator, " : ""}${since})`;
  });
  const rest = more === 0 ? "" : ` and ${more} more`;
  return `${users.length + more} in ${room}: ${names.join(", ")}${rest}.`;
}

/**
 * A length of time: `5 minutes`.
 *
 * @param {number} ms
 * @returns {string}
 */
function formatDuration(ms) {
  /** @type {readonly (readonly [string, number])[]} */
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]];
  for (const [word, unitMs] of units) {
    if (ms === unitMs || ms >= 2 * unitMs) {
      const count = Math.round(ms / unitMs);
      return `${count} ${word}${count === 1 ? "" : "s"}`;
    }
  }
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

/**
 * The time of day, as the user's language writes it.
 *
 * @param {number} atMs In epoch milliseconds.
 * @returns {string}
 */
export function formatClock(atMs) {
  return CLOCK.format(atMs);
}

/**
 * The day and the time.
 *
 * @param {number} atMs In epoch milliseconds.
 * @returns {string}
 */
export function formatMoment(atMs) {
  return WHOLE.format(atMs);
}

/**
 * The day: `Today`, `Yesterday`, or its date.
 *
 * @param {number} atMs In epoch milliseconds.
 * @param {number} nowMs In epoch milliseconds.
 * @returns {string}
 */
export function formatDay(atMs, nowMs) {
  const day = dayOf(atMs);
  if (day === dayOf(nowMs)) return "Today";
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  if (day === dayOf(yesterday.getTime())) return "Yesterday";
  const isThisYear = new Date(atMs).getFullYear() === new Date(nowMs).getFullYear();
  return (isThisYear ? DAY : DAY_OF_YEAR).format(atMs);
}

/**
 * Tells one day from another, in the user's time zone: `2026-11-22`.
 *
 * @param {number} atMs In epoch milliseconds.
 * @returns {string}
 */
export function dayOf(atMs) {
  const date = new Date(atMs);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
