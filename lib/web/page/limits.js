// @ts-check
/**
 * Every limit of the page, each with its unit and its reason. Those that the server has as well
 * are held to `lib/limits.ts` by a test: a browser cannot import that file.
 *
 * Must not know: anything; this file imports nothing.
 *
 * @module
 */

/** Of the JSON protocol. */
export const PROTOCOL_VERSION = 1;
/** Bytes of one request: the server takes no longer line. */
export const REQUEST_BYTES_MAX = 8 * 1024;
/** Lines of one message. */
export const MESSAGE_LINES_MAX = 100;

/** Pause between two pings, in milliseconds: well within the shortest sensible idle time-out. */
export const PING_MS = 20_000;
/** A silent server is given up after this long, in milliseconds. */
export const PONG_MS = 15_000;
/** Wait for a connection and the answer to the hello, in milliseconds. */
export const HELLO_MS = 15_000;
/** An attempt is begun anew for an impatient user after this, in milliseconds: most need less. */
export const HANGING_MS = 2_000;
/** The first pause before a new connection, and the longest, in milliseconds. */
export const RETRY_MS_MIN = 250;
/** See {@linkcode RETRY_MS_MIN}. */
export const RETRY_MS_MAX = 30_000;
/** Requests that wait for an answer at once: more would gain nothing. */
export const REQUESTS_AT_ONCE = 16;
/** Bytes of requests that wait: a paste of a small book. */
export const OUTBOX_BYTES_MAX = 1024 * 1024;
/** A lost connection is mentioned after this long, in milliseconds: most are back before. */
export const BANNER_MS = 800;

/** Entries of one room that are kept; older ones are fetched again. */
export const LOG_ENTRIES_MAX = 5_000;
/** Entries that are kept while somebody may be reading the oldest, and that are fetched for them. */
export const LOG_ENTRIES_HELD_MAX = 20_000;
/** Entries above that before the oldest go, all at once: doing it for each would be slow. */
export const LOG_ENTRIES_SLACK = 500;
/** Lines of history that are fetched at once: some screens, and a small answer. */
export const FETCH_LINES = 50;
/** After a refusal they are asked for again after this, in milliseconds, at the soonest. */
export const FETCH_AGAIN_MS = 5_000;
/** Names of one room that are remembered. */
export const NAMES_MAX = 10_000;
/** Who spoke in a room, remembered for completion. */
export const SPEAKERS_MAX = 200;
/** Private conversations that are kept. */
export const DIRECTS_MAX = 100;
/** Lines of each of them that a reload brings back. */
export const DIRECT_LINES_KEPT = 100;
/** Characters of all of them together: a browser stores some megabytes for a tab. */
export const DIRECTS_LENGTH_KEPT = 500_000;
/** Who came and went is told in one line for so many at the most. */
export const FOLDED_MAX = 64;
/** And for so long, in milliseconds. */
export const FOLDED_MS = 10 * 60_000;
/** Rows that stand in the document at once: some screens on both sides of what is seen. */
export const ROWS_MAX = 240;
/** Of them while the newest line is seen: a burst of messages lays out no more than that. */
export const ROWS_AT_END = 120;
/** Rows that one step of scrolling adds. */
export const ROWS_STEP = 60;
/** Lines of a message from which the rest is folded away until it is asked for. */
export const LONG_MESSAGE_LINES = 24;
/** Characters of a message from which it is folded as well. */
export const LONG_MESSAGE_LENGTH = 2_000;
/** Messages of one person within this, in milliseconds, stand under one name. */
export const GROUP_MS = 5 * 60_000;
/** People listed beside a room; the rest is a number. */
export const PEOPLE_SHOWN_MAX = 200;
/** The server is asked again who is in a room after this, in milliseconds, at the soonest. */
export const WHO_AGAIN_MS = 10_000;
/** Choices that completion shows at once. */
export const CHOICES_MAX = 12;
/** Texts that the arrow keys bring back. */
export const RECALL_MAX = 100;
/** Another tab has this long, in milliseconds, to say that a session is its own. */
export const CLAIM_MS = 300;
/** What is seen is written down for a reload this often, in milliseconds. */
export const SAVE_MS = 1_000;
/** A passing note stays for this long, in milliseconds: two sentences are read in it. */
export const TOAST_MS = 7_000;
