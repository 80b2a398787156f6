/**
 * Who a user is and where, as text: what the store keeps of a seat.
 *
 * Promises that whatever the text is, what is read of it is complete and of the
 * right types, or nothing.
 * Must not know: the store, what is done with it.
 *
 * @module
 */

/** One user's stay in a room. */
export interface StayState {
  /** The room. */
  readonly roomId: number;
  /** The last event before they came. */
  readonly fromId: number;
  /** The first message that they may read. */
  readonly sinceId: number;
  /** Whether they are an operator there. */
  readonly isOperator: boolean;
  /** The last message there was when they were last heard of. */
  readonly heardId: number;
}

/** One user's stay in a room that is over. */
export interface PastStayState {
  /** The room. */
  readonly roomId: number;
  /** The last event before they came. */
  readonly fromId: number;
  /** The last event before they went. */
  readonly untilId: number;
}

/** All that is kept of a user. */
export interface SeatState {
  /** As others see it. */
  readonly name: string;
  /** See `names.ts`. */
  readonly key: string;
  /** See `names.ts`. */
  readonly skeleton: string;
  /** Of a guest's name that the server gave; null for any other. */
  readonly guestNumber: number | null;
  /** Null for a guest. */
  readonly accountId: number | null;
  /** Whether the name is registered, and they had not logged in. */
  readonly isUnconfirmed: boolean;
  /** As text. */
  readonly address: string;
  /** Whether nobody on the way could read what they sent. */
  readonly isPrivate: boolean;
  /** When they came, in epoch milliseconds. */
  readonly joinedAtMs: number;
  /** What `/forget` deletes; null for nothing. */
  readonly lastMessageId: number | null;
  /** Private messages that waited were shown up to this id. */
  readonly shownWaitingId: number;
  /** Whom they do not want to hear: keys and names. */
  readonly ignored: readonly (readonly [key: string, name: string])[];
  /** Ids of the bans and mutes of names that they had before. */
  readonly followedBy: readonly number[];
  /** In the order in which they were current last: the last one is. */
  readonly rooms: readonly StayState[];
  /** Rooms of which they may have missed the last messages. */
  readonly pastStays: readonly PastStayState[];
}

/** Writes it down. */
export function writeSeatState(state: SeatState): string {
  return JSON.stringify(state);
}

/** Reads it back; null where the text is none that this program writes. */
export function readSeatState(text: string): SeatState | null {
  try {
    const state: unknown = JSON.parse(text);
    return isSeatState(state) ? state : null;
  } catch {
    return null;
  }
}

type Check = (value: unknown) => boolean;

const isNumber: Check = Number.isSafeInteger;
const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const orNull = (check: Check): Check => (value) => value === null || check(value);
const listOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);

const STAY: Readonly<Record<keyof StayState, Check>> = {
  roomId: isNumber,
  fromId: isNumber,
  sinceId: isNumber,
  isOperator: isFlag,
  heardId: isNumber,
};

const PAST_STAY: Readonly<Record<keyof PastStayState, Check>> = {
  roomId: isNumber,
  fromId: isNumber,
  untilId: isNumber,
};

const STATE: Readonly<Record<keyof SeatState, Check>> = {
  name: isText,
  key: isText,
  skeleton: isText,
  guestNumber: orNull(isNumber),
  accountId: orNull(isNumber),
  isUnconfirmed: isFlag,
  address: isText,
  isPrivate: isFlag,
  joinedAtMs: isNumber,
  lastMessageId: orNull(isNumber),
  shownWaitingId: isNumber,
  ignored: listOf((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isText)),
  followedBy: listOf(isNumber),
  rooms: listOf((stay) => hasAll(stay, STAY)),
  pastStays: listOf((stay) => hasAll(stay, PAST_STAY)),
};

function isSeatState(value: unknown): value is SeatState {
  return hasAll(value, STATE);
}

function hasAll(value: unknown, checks: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(checks).every(([key, check]) => check(Reflect.get(value, key)));
}
