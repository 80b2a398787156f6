/**
 * Messages of one turn, packed into one text for one row of the journal, and back.
 *
 * One row for a turn costs the chat the same for one message as for fifty. Texts
 * and names are clean: the only control character in them is a text's own "\n".
 * Must not know: SQL, when rows are written and read.
 *
 * @module
 */

import type { MessageType, StoredMessage } from "../chat/store.ts";
import { numberIn, type Row, textIn } from "./database.ts";
import { storeError } from "./faults.ts";

const FIELD_END = "\x1f";
/** Not "\n", which a text may have. */
const LINE_END = "\x1e";

/** The types of messages, by the numbers that stand for them in the database. */
const TYPES: readonly MessageType[] = ["message", "action", "topic"];

/** Messages without a gap in their ids, as a row of the journal has them. */
export interface PackedMessages {
  /** The first one's id; the others follow without a gap. */
  readonly first: number;
  /** How many. */
  readonly count: number;
  /** The first one's time. */
  readonly at: number;
  /** A line for each. */
  readonly lines: string;
}

/** The number that stands for a type. */
export function typeNumber(type: MessageType): number {
  return type === "message" ? 0 : type === "action" ? 1 : 2;
}

/** The type that a number stands for. */
export function typeOf(number: number): MessageType {
  const type = TYPES[number];
  if (type === undefined) throw storeError("corrupt");
  return type;
}

/**
 * Packs messages: a row for each run of ids without a gap, which is one for most turns.
 * A line is a message's text, behind all else that is told of it where that is not as
 * it was for the message before.
 *
 * @throws {RangeError} If their ids do not grow.
 */
export function packMessages(messages: readonly StoredMessage[]): PackedMessages[] {
  const rows: PackedMessages[] = [];
  let head: StoredMessage | null = null;
  let before: StoredMessage | null = null;
  let lines: string[] = [];
  for (const message of messages) {
    if (head !== null && before !== null && message.id !== before.id + 1) {
      if (message.id <= before.id) throw new RangeError(`Message ${message.id} is out of order`);
      rows.push(packRun(head, lines));
      head = before = null;
      lines = [];
    }
    head ??= message;
    lines.push(
      before !== null && isAlike(before, message)
        ? message.text
        : packHead(message, head.atMs) + message.text,
    );
    before = message;
  }
  if (head !== null) rows.push(packRun(head, lines));
  return rows;
}

function packRun({ id, atMs }: StoredMessage, lines: readonly string[]): PackedMessages {
  return { first: id, count: lines.length, at: atMs, lines: lines.join(LINE_END) };
}

/** Whether all but the text is the same: most of what is said in a turn is one person's. */
function isAlike(one: StoredMessage, other: StoredMessage): boolean {
  return one.from === other.from && one.roomId === other.roomId && one.type === other.type &&
    one.accountId === other.accountId && one.atMs === other.atMs;
}

function packHead({ roomId, type, accountId, atMs, from }: StoredMessage, headMs: number): string {
  const fields = [roomId, typeNumber(type), accountId ?? "", atMs - headMs, from, ""];
  return fields.join(FIELD_END);
}

/** The messages in a row of the journal. */
export function unpackMessages(row: Row): StoredMessage[] {
  const first = numberIn(row, "first");
  const at = numberIn(row, "at");
  const count = numberIn(row, "count");
  const lines = textIn(row, "lines").split(LINE_END);
  if (lines.length !== count) throw storeError("corrupt");
  let before: StoredMessage | null = null;
  return lines.map((line, index) => {
    const fields = line.split(FIELD_END);
    const id = first + index;
    if (fields.length === 1) {
      if (before === null) throw storeError("corrupt");
      return before = { ...before, id, text: line };
    }
    const [room, type, account, offset, from = "", text = ""] = fields;
    return before = {
      id,
      atMs: at + Number(offset),
      roomId: Number(room),
      type: typeOf(Number(type)),
      accountId: account === "" ? null : Number(account),
      from,
      text,
    };
  });
}
