/**
 * What each entry of a room says, in lines that are printed once and stay:
 * `14:02 [#dev] ann: hello`.
 *
 * What stands before a text stands before each of its lines, so that none of
 * them passes for somebody else's. Nothing is wrapped, aligned or folded: that
 * is for screens that are drawn (see `entry_lines.ts`).
 * Pure. Must not know: the terminal, colours, what was printed before.
 *
 * @module
 */

import type { Entry } from "../client/entry.ts";
import { foldName, nameMatcher } from "../client/mentions.ts";
import { formatDate, formatTime } from "../times.ts";
import { nameRole, type Role, type Span, span, type StyledLine } from "./styled.ts";

/** What the text of an entry depends on. */
export interface EntryTextView {
  /** One's own name, which stands out where others say it; null while it is not known. */
  readonly ownName: string | null;
  /** Where one is: what belongs elsewhere says so. Empty for no room. */
  readonly room: string;
  /** The time that is "today", in epoch milliseconds. */
  readonly nowMs: number;
  /** Whether to say when something was said, where that does not go without saying. */
  readonly hasTime: boolean;
  /** Whether `--` and `!!` tell what nobody said; a voice that reads them aloud needs none. */
  readonly hasMarks: boolean;
}

/**
 * The lines of an entry: one at least.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ChatModel } from "../client/chat_model.ts";
 * import { entryText } from "./entry_text.ts";
 * import { textOf } from "./styled.ts";
 *
 * const model = new ChatModel();
 * model.apply({ type: "direct", id: 1, atMs: 0, nowMs: 0, from: "ann", text: "hi", hasWaited: false }, 0);
 * const view = { ownName: "kim", room: "#lobby", nowMs: 0, hasTime: false, hasMarks: true };
 * assertEquals(
 *   model.current.entries.flatMap((entry) => entryText(entry, view)).map(textOf),
 *   ["[private] ann: hi"],
 * );
 * ```
 */
export function entryText(entry: Entry, view: EntryTextView): StyledLine[] {
  const { kind, text } = entry;
  const start = [...timeOf(entry, view), ...placeOf(entry, view)];
  switch (kind === "found" ? entry.foundKind : kind) {
    case "message":
      return said(entry, [...start, nameOf(entry), plain(": ")], view);
    case "action":
      return said(entry, [...start, plain("* "), nameOf(entry), plain(" ")], view);
    case "direct": {
      const mark = entry.to === null ? "[private]" : `[private to ${entry.to}]`;
      const head = [span(mark, "direct"), plain(" "), nameOf(entry), plain(": ")];
      return said(entry, [...start, ...head], view);
    }
    case "topic":
      return happened(topicOf(entry), start, { mark: "--", role: "notice" }, view);
    case "presence":
      return happened(text, start, { mark: "--", role: "presence" }, view);
    case "error":
      return happened(text, start, { mark: "!!", role: "error" }, view);
    default:
      return happened(text, start, { mark: "--", role: "notice" }, view);
  }
}

/** What somebody said, behind their name. */
function said(entry: Entry, head: StyledLine, view: EntryTextView): StyledLine[] {
  const { text, isMention } = entry;
  const ownName = isMention && view.ownName !== null && view.ownName !== "" ? view.ownName : null;
  return text.split("\n").map((line) => [
    ...head,
    ...ownName === null ? [plain(line)] : highlight(line, ownName),
  ]);
}

function happened(
  text: string,
  start: StyledLine,
  { mark, role }: { readonly mark: string; readonly role: Role },
  view: EntryTextView,
): StyledLine[] {
  const head = view.hasMarks ? `${mark} ` : "";
  return text.split("\n").map((line) => [...start, { text: head + line, role }]);
}

function topicOf({ from, text }: Entry): string {
  return text === "" ? `${from} cleared the topic.` : `${from} set the topic: ${text}`;
}

/** A text in which a name stands out. */
function highlight(text: string, name: string): StyledLine {
  const spans: Span[] = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(new RegExp(nameMatcher(name), "giu"))) {
    spans.push(plain(text.slice(at, index)), { text: found, role: "mention" });
    at = index + found.length;
  }
  return [...spans, plain(text.slice(at))];
}

/** When it was said; of what was found, also where and by which number the server knows it. */
function timeOf(entry: Entry, { hasTime, nowMs }: EntryTextView): StyledLine {
  const { kind, atMs, room, foundId } = entry;
  if (kind === "found") {
    const clock = formatTime(atMs, atMs);
    return [span(`[${formatDate(atMs)} ${clock} ${room ?? ""} ${foundId ?? ""}] `, "time")];
  }
  // What the server answers comes right behind the question.
  const isAnswer = kind === "notice" || kind === "error" || kind === "divider";
  return hasTime && !isAnswer ? [span(`${formatTime(atMs, nowMs)} `, "time")] : [];
}

/** The room, where it is not the one that one is in. */
function placeOf({ kind, room }: Entry, view: EntryTextView): StyledLine {
  if (room === null || kind === "found" || foldName(room) === foldName(view.room)) return [];
  return [span(`[${room}] `, "time")];
}

function nameOf({ from, isOwn }: Entry): Span {
  return span(from, isOwn ? "own" : nameRole(from));
}

function plain(text: string): Span {
  return { text, role: "text" };
}
