/**
 * Every event that there is, with anything in it that the chat could have put
 * there, for the properties of the protocols.
 *
 * @module
 */

import fc from "fast-check";
import type { ChatEvent, NameList } from "../../lib/events.ts";
import { REF_LENGTH_MAX } from "../../lib/limits.ts";
import type { Ref } from "../../lib/messages.ts";
import { cleanText } from "../../lib/text.ts";
import { hostileLine, userName } from "./hostile_texts.ts";

/** A clean text of one line. */
export const cleanLine: fc.Arbitrary<string> = hostileLine.map(cleanText);

/** A clean text of one line or several. */
export const cleanLines: fc.Arbitrary<string> = fc.oneof(
  cleanLine,
  fc.array(cleanLine, { minLength: 2, maxLength: 5 }).map((lines) => lines.join("\n")),
);

/** By what a program can know a request. */
export const anyRef: fc.Arbitrary<Ref> = fc.oneof(
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  cleanLine.map((text) => cleanText(text.slice(0, REF_LENGTH_MAX))),
);

const constant = <const Value>(value: Value): fc.Arbitrary<Value> => fc.constant(value);
const oneOf = <const Value>(...values: Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values);

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const count = fc.nat({ max: 100_000 });
const atMs = fc.integer({ min: 0, max: 8.64e15 });
const room = userName.map((name) => `#${name}`);
const code = oneOf("op", "not-on-guests", "muted");
const names: fc.Arbitrary<NameList> = fc.record({
  names: fc.array(userName, { maxLength: 4 }),
  more: count,
});
const place = fc.record({ room, topic: cleanLine, others: names });
const past = fc.record({
  id,
  atMs,
  room,
  kind: oneOf("message", "action", "topic"),
  from: userName,
  text: cleanLines,
});
const said = {
  id,
  atMs,
  room,
  roomId: count,
  accountId: fc.option(count),
  from: userName,
  text: cleanLines,
};

/** One for each type; none lacks what a program is told. */
export const EVENTS: {
  readonly [Event in ChatEvent as Event["type"]]: fc.Arbitrary<Event>;
} = {
  welcome: fc.record({
    type: constant("welcome"),
    server: cleanLine,
    name: userName,
    room: fc.option(room),
    others: names,
    motd: fc.array(cleanLine, { maxLength: 3 }),
    topic: cleanLine,
    visit: fc.record({
      isRegistered: fc.boolean(),
      rooms: fc.array(place, { maxLength: 3 }),
      id: fc.nat(),
      token: fc.option(userName),
      graceMs: count,
      isResumed: fc.boolean(),
      isRestarted: fc.boolean(),
      isComplete: fc.boolean(),
      lastRef: fc.nat(),
    }),
  }),
  entered: fc.record({
    type: constant("entered"),
    id,
    room,
    how: oneOf("joined", "made", "returned"),
    others: names,
    topic: cleanLine,
    isLasting: fc.boolean(),
  }),
  parted: fc.record({ type: constant("parted"), id, room, to: fc.option(room) }),
  joined: fc.record({ type: constant("joined"), id, room, who: names }),
  left: fc.record({
    type: constant("left"),
    id,
    room,
    who: names,
    reason: oneOf("left", "idle", "slow", "lost", "removed"),
  }),
  "sent-out": fc.record({
    type: constant("sent-out"),
    id,
    room,
    name: userName,
    verb: oneOf("removed", "banned"),
    by: userName,
    reason: cleanLine,
  }),
  renamed: fc.record({ type: constant("renamed"), id, from: userName, to: userName }),
  nick: fc.record({ type: constant("nick"), id, name: userName }),
  message: fc.record({ type: constant("message"), ...said }),
  action: fc.record({ type: constant("action"), ...said }),
  topic: fc.record({ type: constant("topic"), ...said, text: cleanLine }),
  direct: fc.record({
    type: constant("direct"),
    id,
    from: userName,
    text: cleanLines,
    atMs,
    nowMs: atMs,
    hasWaited: fc.boolean(),
  }),
  forgotten: fc.record({
    type: constant("forgotten"),
    id,
    room,
    messageId: id,
    from: userName,
    by: userName,
  }),
  announced: fc.record({
    type: constant("announced"),
    id,
    room: fc.option(room),
    code,
    text: cleanLine,
  }),
  history: fc.record({
    type: constant("history"),
    purpose: oneOf("backlog", "missed", "asked"),
    room,
    nowMs: atMs,
    lines: fc.array(past, { maxLength: 5 }),
    unread: count,
  }),
  found: fc.record({
    type: constant("found"),
    nowMs: atMs,
    lines: fc.array(past, { maxLength: 5 }),
  }),
  rooms: fc.record({
    type: constant("rooms"),
    rooms: fc.array(
      fc.record({
        name: room,
        people: count,
        topic: cleanLine,
        needs: oneOf("password", "invitation", null),
        isIn: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    more: count,
  }),
  who: fc.record({
    type: constant("who"),
    room,
    atMs,
    users: fc.array(
      fc.record({ name: userName, joinedAtMs: atMs, isOperator: fc.boolean() }),
      { maxLength: 3 },
    ),
    more: count,
  }),
  help: fc.record({
    type: constant("help"),
    entries: fc.array(fc.record({ group: cleanLine, usage: cleanLine, summary: cleanLine }), {
      maxLength: 3,
    }),
  }),
  notice: fc.record(
    { type: constant("notice"), id, code, lines: fc.array(cleanLine, { maxLength: 3 }) },
    { requiredKeys: ["type", "code", "lines"] },
  ),
  pong: fc.record({ type: constant("pong"), text: cleanLine, atMs }),
  ok: fc.record(
    { type: constant("ok"), id, atMs, repeated: fc.constant(Boolean(1)) },
    { requiredKeys: ["type"] },
  ),
  "caught-up": fc.record({ type: constant("caught-up"), missed: count, id }),
  refused: fc.record({ type: constant("refused"), code, text: cleanLine }),
  slowed: fc.record({ type: constant("slowed"), perSecond: oneOf(0.5, 4, 1_000) }),
  "idle-warning": fc.record({ type: constant("idle-warning"), remainingMs: count }),
  goodbye: fc.record({
    type: constant("goodbye"),
    reason: oneOf(
      "quit",
      "idle",
      "slow",
      "shutdown",
      "internal",
      "removed",
      "replaced",
      "not-admitted",
    ),
    sessionId: count,
    detail: cleanLine,
  }),
};

/** Any event. */
export const anyEvent: fc.Arbitrary<ChatEvent> = fc.oneof(...Object.values(EVENTS));
