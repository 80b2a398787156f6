/**
 * The scenario `store`: a server on a database with a million messages, asked as
 * its users ask it.
 *
 * @module
 */

import { SEARCH_WORDS_MAX } from "../../lib/limits.ts";
import { formatDate } from "../../lib/times.ts";
import { Corpus, READER, READER_PASSWORD, ROBOT, ROOMS, WRITERS } from "./corpus.ts";
import type { FillRequest, FillResult } from "./fill.ts";
import { Folder, readUsage, runScript, startParley, type Target } from "./processes.ts";
import type { Setting } from "./scenario.ts";
import type { Figure } from "./table.ts";
import { median, percentile, rest, timeStart } from "./timing.ts";
import type { Answer, Visitor } from "./visitor.ts";

/** What was promised, in milliseconds. */
const START_MS_LIMIT = 300;
const JOIN_MS_LIMIT = 20;
const SEARCH_MS_LIMIT = 50;

/** Making the database takes no longer. */
const FILL_MS = 600_000;

/** Joins of each room once the server has answered for a while, and looks far back. */
const WARM_JOINS = 10;
const LOOKS_BACK = 20;

/** Lines that a join shows to a guest, and to somebody who has not read for long; that are asked for. */
const BACKLOG_LINES = 20;
const UNREAD_LINES = 200;
const HISTORY_LINES = 50;

/** Milliseconds that each thing took, in order. */
interface Times {
  /** From the start of a process to its first pong. */
  readonly start: number[];
  /** The first join of each process. */
  readonly firstJoin: number[];
  /** Joins of a process that has shown every room before. */
  readonly join: number[];
  /** Joins that show as much as one can. */
  readonly unreadJoin: number[];
  readonly search: number[];
  /** Reading far back in a room. */
  readonly history: number[];
}

/** What was said in all. */
interface Talk {
  readonly corpus: Corpus;
  readonly messages: number;
}

/** Makes the database, and measures all of it. */
export async function store({ extent }: Setting): Promise<Figure[]> {
  const { starts, storeMessages } = extent;
  await using folder = await Folder.make();
  const path = `${folder.path}/parley.db`;
  const request: FillRequest = { path, messages: storeMessages, endMs: Date.now() - 3_600_000 };
  const argument = JSON.stringify(request);
  const line = await runScript("fill.ts", { argument, folder: folder.path, waitMs: FILL_MS });
  const filled = JSON.parse(line) as FillResult;
  const fileMib = (await Deno.stat(path)).size / 2 ** 20;
  const talk: Talk = {
    corpus: new Corpus(storeMessages, request.endMs),
    messages: storeMessages,
  };

  const times: Times = {
    start: [],
    firstJoin: [],
    join: [],
    unreadJoin: [],
    search: [],
    history: [],
  };
  const startOnIt = (): Promise<Target> => startParley({ database: path });
  while (times.start.length < starts - 1) {
    await using started = await timeStart(startOnIt);
    times.start.push(started.tookMs);
    times.firstJoin.push(await join(started.visitor, "main", BACKLOG_LINES));
  }
  await using last = await timeStart(startOnIt);
  const { target, visitor } = last;
  times.start.push(last.tookMs);
  await rest(target);
  const before = await readUsage(target.pid);
  times.firstJoin.push(await join(visitor, "main", BACKLOG_LINES));
  await joinAgain(visitor, times.join);
  await searchAll(visitor, talk, times.search);
  await lookBack(visitor, talk, times.history);
  await joinUnread(visitor, talk, times.unreadJoin);
  const after = await readUsage(target.pid);

  const scenario = `store, ${storeMessages.toLocaleString("en-US")} messages`;
  const figure = (figure: string, server: number | null, limit?: number): Figure => ({
    scenario,
    figure,
    server,
    ...(limit === undefined ? {} : { limit }),
  });
  const mib = (kib: number | undefined): number | null => kib === undefined ? null : kib / 1024;
  const worst = (values: readonly number[]): number => Math.max(...values);
  return [
    figure(`start, ms to a pong, median of ${starts}`, median(times.start), START_MS_LIMIT),
    figure("first join after it, ms, median", median(times.firstJoin), JOIN_MS_LIMIT),
    figure("first join after it, ms, worst", worst(times.firstJoin)),
    figure("later joins, ms, median", median(times.join), JOIN_MS_LIMIT),
    figure("later joins, ms, worst", worst(times.join)),
    figure(`joins with ${UNREAD_LINES} unread lines, ms, median`, median(times.unreadJoin)),
    figure(`joins with ${UNREAD_LINES} unread lines, ms, worst`, worst(times.unreadJoin)),
    figure(`search, ms, median of ${times.search.length}`, median(times.search), SEARCH_MS_LIMIT),
    figure("search, ms, p95", percentile(times.search, 0.95)),
    figure("search, ms, worst", worst(times.search)),
    figure(`${HISTORY_LINES} lines from far back, ms, median`, median(times.history)),
    figure(`${HISTORY_LINES} lines from far back, ms, worst`, worst(times.history)),
    figure("database, MiB", fileMib),
    figure("RSS MiB after the start", mib(before?.residentKib)),
    figure("RSS MiB after all that", mib(after?.residentKib)),
    figure("messages filed a second", storeMessages / filled.tookMs * 1000),
  ];
}

/** Joins a room, and checks that it shows what was said there. */
async function join(visitor: Visitor, room: string, lines: number): Promise<number> {
  const answer = await visitor.ask(`/join #${room}`);
  const isEntered = answer.lines[0]?.startsWith(`-- You are now in #${room}, `) === true;
  requireAnswer(answer, `/join #${room}`, isEntered && countPast(answer) === lines);
  return answer.tookMs;
}

/** Leaves and joins every room but the lobby, again and again; is in all of them then. */
async function joinAgain(visitor: Visitor, timesMs: number[]): Promise<void> {
  const rooms = ROOMS.slice(1).map(({ name }) => name);
  // Each once, to have been shown all of them.
  for (const room of rooms) {
    await visitor.ask(`/leave #${room}`);
    await join(visitor, room, BACKLOG_LINES);
  }
  for (let round = 0; round < WARM_JOINS; round++) {
    for (const room of rooms) {
      // Nobody is left there then, and the server keeps nothing of it at hand.
      await visitor.ask(`/leave #${room}`);
      timesMs.push(await join(visitor, room, BACKLOG_LINES));
    }
  }
}

/** Joins every room as somebody who has not read anything there. */
async function joinUnread(
  visitor: Visitor,
  { messages }: Talk,
  timesMs: number[],
): Promise<void> {
  const rooms = ROOMS.slice(1);
  for (const { name } of rooms) await visitor.ask(`/leave #${name}`);
  const login = await visitor.ask(`/login ${READER} ${READER_PASSWORD}`);
  requireAnswer(login, "/login", login.lines.some((line) => line.includes(READER)));
  for (const { name, share } of rooms) {
    // In a quick run the smallest room has no more than a guest is shown.
    const lines = share * messages > 2 * UNREAD_LINES ? UNREAD_LINES : BACKLOG_LINES;
    const answer = await visitor.ask(`/join #${name}`);
    requireAnswer(answer, `/join #${name}`, countPast(answer) >= lines);
    timesMs.push(answer.tookMs);
  }
}

async function searchAll(visitor: Visitor, talk: Talk, timesMs: number[]): Promise<void> {
  for (const words of searches(talk)) {
    const answer = await visitor.ask(`/search ${words}`);
    const isEmpty = answer.lines.join() === "-- Nothing was found.";
    const isFound = answer.lines.length > 0 && countPast(answer) === answer.lines.length;
    requireAnswer(answer, `/search ${words}`, isEmpty || isFound);
    timesMs.push(answer.tookMs);
  }
}

/** What people look for: words of every frequency, alone and with all that narrows a search down. */
function searches({ corpus, messages }: Talk): string[] {
  const word = (rank: number): string => corpus.word(rank);
  const day = (part: number): string => formatDate(corpus.timeOf(Math.floor(part * messages)));
  const start = (rank: number, length: number): string => `${word(rank).slice(0, length)}*`;
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
  return [
    // Words that are everywhere, now and then, hardly ever, and never.
    ...upTo(10).map((at) => word(at)),
    ...upTo(10).map((at) => word(100 + 90 * at)),
    ...upTo(10).map((at) => word(40_000 + 900 * at)),
    "parley",
    "/slash",
    // Several words.
    ...upTo(4).map((at) => `${word(at)} ${word(at + 5)}`),
    ...upTo(4).map((at) => `${word(at)} ${word(45_000 + at)}`),
    ...upTo(4).map((at) => `${word(3_000 + at)} ${word(7_000 + at)}`),
    upTo(SEARCH_WORDS_MAX).map((at) => word(at)).join(" "),
    // A writer.
    ...upTo(4).map((at) => `${word(at)} from:${WRITERS[at]}`),
    ...upTo(4).map((at) => `${word(200 + at)} from:${WRITERS.at(-1 - at)}`),
    // A room; what is never said there as well.
    ...ROOMS.map(({ name }) => `${word(1)} in:#${name}`),
    `${word(45_000)} in:#main`,
    `${word(0)} in:#main from:${ROBOT}`,
    `${word(0)} in:#alerts from:${WRITERS[0]}`,
    // A time.
    ...upTo(5).map((at) => `${word(at)} before:${day(0.1 + 0.2 * at)}`),
    `${word(2)} after:7d`,
    `${word(300)} after:${day(0.3)}`,
    `${word(300)} after:${day(0.3)} before:${day(0.31)}`,
    `${word(5)} before:${day(0.001)}`,
    // Beginnings of words.
    ...[1, 2, 3, 4, 5].map((length) => start(20_000, length)),
    ...[1, 2, 3].map((length) => start(30_000, length)),
    `${start(20_000, 1)} ${start(30_000, 1)}`,
    `${word(4)} ${start(9_000, 2)}`,
    // Other scripts.
    ...[1, 2, 3, 4].map((length) => corpus.chinese(0, length)),
    ...[1, 2, 4].map((length) => corpus.chinese(1_500, length)),
    `${corpus.chinese(2, 2)} ${corpus.chinese(40, 1)}`,
    ...[0, 10, 500, 20_000].map((rank) => corpus.cyrillicWord(rank)),
    `${corpus.cyrillicWord(2).slice(0, 1)}*`,
    // All of it together.
    `${start(9_000, 1)} ${word(0)} from:${WRITERS[2]} in:#main before:${day(0.5)}`,
    `${start(9_000, 2)} from:${WRITERS.at(-1)} in:#chess`,
    `${corpus.chinese(0, 2)} from:${WRITERS[0]} in:#dev after:${day(0.9)}`,
    `${word(0)} ${word(1)} from:${WRITERS.at(-1)} in:#books before:${day(0.2)}`,
  ];
}

/** Reads in every part of the past of the room with half of all messages. */
async function lookBack(
  visitor: Visitor,
  { corpus, messages }: Talk,
  timesMs: number[],
): Promise<void> {
  // The room that is read in is the one where the visitor is.
  await visitor.ask("/join #main");
  for (let at = 0; at < LOOKS_BACK; at++) {
    const number = Math.floor(messages * (0.01 + 0.9 * at / LOOKS_BACK));
    const places = [`${number}`, formatDate(corpus.timeOf(number))];
    for (const place of places) {
      const question = `/history ${HISTORY_LINES} before ${place}`;
      const answer = await visitor.ask(question);
      requireAnswer(answer, question, countPast(answer) === HISTORY_LINES);
      timesMs.push(answer.tookMs);
    }
  }
}

/** Lines of an answer that were said before. */
function countPast({ lines }: Answer): number {
  return lines.filter((line) => line.startsWith("[")).length;
}

function requireAnswer({ lines }: Answer, question: string, isRight: boolean): void {
  if (isRight) return;
  const shown = lines.join("\n").slice(0, 300);
  throw new Error(`"${question}" was answered by ${lines.length} lines: "${shown}"`);
}
