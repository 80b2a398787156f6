/**
 * Every limit and default of Parley, each with its unit and its reason.
 *
 * Names carry their unit (`_BYTES`, `_MS`) or what they count. What an operator
 * may change is a flag (see `config.ts`), and its default stands here too.
 * Must not know: anything; this file imports nothing.
 *
 * @module
 */

/** The port that `ssh-chat` made customary for chat in a terminal. */
export const PORT_DEFAULT = 2022;

/**
 * Connections that the kernel may queue before they are accepted. Beyond it a
 * connecting peer waits a second for its retry; 4,096 is what Linux allows by
 * default (`net.core.somaxconn`) and holds a burst of a fifth of a second at
 * 20,000 connects a second.
 */
export const LISTEN_BACKLOG = 4096;

/** Open connections in all, by default: at 10 KiB each, 100 MiB. */
export const CONNECTIONS_MAX_DEFAULT = 10_000;

/** Open connections from one address, by default: a classroom behind one router. */
export const CONNECTIONS_PER_ADDRESS_MAX_DEFAULT = 64;

/**
 * Bytes of one line without its end. Twice the 4 KiB at which terminals cut a
 * typed line, so that pasted text with long lines passes.
 */
export const LINE_BYTES_MAX = 8 * 1024;

/** Bytes of answers to telnet's options that one read can cause: 20 options, more than any client has. */
export const TELNET_ANSWER_BYTES_MAX = 60;

/** Bytes of a connection's first read buffer: most lines are shorter, most people quiet. */
export const READ_BYTES_MIN = 256;

/** Bytes that a busy connection's read buffer grows to: past it, reading in larger steps gains nothing. */
export const READ_BYTES_MAX = 64 * 1024;

/**
 * The read buffer grows only where what filled it was dealt with in less than
 * this. A peer who is slowed down keeps a small one: what has been read of a
 * peer who leaves is still said at its pace, and should not take hours.
 */
export const READ_GROW_MS = 100;

/**
 * Bytes that may wait for one peer, those being written included. Some ten
 * screens of text more than a peer that reads ever owes; 10,000 peers at the
 * limit hold 2.5 GiB at most, and in truth far less, since equal bytes are shared.
 */
export const SEND_QUEUE_BYTES_MAX = 256 * 1024;

/**
 * Characters said in one turn of the event loop after which who has more to say
 * waits for the next one: an eighth of a send queue in ASCII, so that many who
 * talk at once fill nobody's queue before it could be written at all.
 */
export const TURN_LENGTH_MAX = 32 * 1024;

/** Bytes beyond that for the line that tells a peer whose queue is full why it has to go. */
export const LAST_WORDS_BYTES_MAX = 1024;

/**
 * Writes that are started in one turn of the event loop. With 5,000 connections
 * it took a kilobyte off each, compared with starting all at once.
 */
export const WRITES_PER_TURN = 256;

/**
 * Pieces of a send queue before they are joined: the queue's own bookkeeping
 * stays small beside the bytes, however short the lines.
 */
export const SEND_QUEUE_PIECES_MAX = 256;

/**
 * Wait for a new peer's first bytes before it is taken for a person on `nc`,
 * who says nothing until greeted. Programs that speak first (HTTP, TLS, IRC)
 * send right behind their handshake; a person does not notice 50 ms.
 */
export const FIRST_BYTES_MS = 50;

/** Bytes that are looked at to tell who is there: an HTTP request line fits. */
export const FIRST_BYTES_MAX = 1024;

/** Idle time-out, by default: half-dead connections end within minutes. */
export const IDLE_TIMEOUT_MS_DEFAULT = 5 * 60_000;

/** The idle warning comes this long before the end, but never before half of the time-out. */
export const IDLE_WARNING_MS = 60_000;

/**
 * Idle time-outs are kept to within so many parts of themselves, but to within
 * {@linkcode IDLE_STEP_MS_MAX}: those that fall together share a timer.
 */
export const IDLE_STEPS = 100;
/** See {@linkcode IDLE_STEPS}. */
export const IDLE_STEP_MS_MAX = 1_000;

/** What a connection's short waits (first bytes, closing) are rounded up to. */
export const CONNECTION_STEP_MS = 10;

/**
 * Shared timers that are called in one turn of the event loop. A thousand guests
 * who came together are let in over some turns, and more can be accepted meanwhile.
 */
export const DUE_PER_TURN = 32;

/** A burst and the pace beyond it. */
export interface Rate {
  /** Lines at once. */
  readonly burst: number;
  /** Lines a second after that. */
  readonly perSecond: number;
}

/** Lines that a person may send at once, by default: a short paste. */
export const RATE_BURST_DEFAULT = 10;

/** Lines a second that a person may go on sending, by default: nobody types faster. */
export const RATE_PER_SECOND_DEFAULT = 4;

/**
 * A line counts as one more for each so many characters: otherwise a few who
 * send the longest lines could fill a slow reader's queue in a moment.
 */
export const RATE_LINE_LENGTH = 1_000;

/** Wait for a closing peer to take what it is still owed; then it is cut off. */
export const CLOSE_FLUSH_MS = 5_000;

/**
 * Wait for a closing peer's own end, once everything is written. Closing while
 * its bytes are unread would reset the connection and could take our last
 * words from it.
 */
export const CLOSE_LINGER_MS = 300;

/** At shutdown, sessions get this long to take their last lines. */
export const SHUTDOWN_GRACE_MS = 5_000;

/** First and longest pause after a failed accept (too many open files, say). */
export const ACCEPT_RETRY_MS_MIN = 5;
/** See {@linkcode ACCEPT_RETRY_MS_MIN}. */
export const ACCEPT_RETRY_MS_MAX = 1_000;

/** Characters of a name, as a reader counts them. */
export const NAME_LENGTH_MAX = 24;

/** Names that a welcome or a notice spells out; the rest is a number. */
export const NAMES_LISTED_MAX = 10;

/** Names that `/who` spells out. */
export const WHO_LISTED_MAX = 200;

/**
 * Users in a room up to which each join and leave is told at once. In a larger
 * one they are gathered for {@linkcode PRESENCE_MS_PER_USER} times its users,
 * so that telling them costs about one per cent of the machine, whoever comes and
 * goes: every notice is one write for every user.
 */
export const PRESENCE_AT_ONCE_USERS_MAX = 50;
/** See {@linkcode PRESENCE_AT_ONCE_USERS_MAX}: 1,000 users hear of changes twice a second. */
export const PRESENCE_MS_PER_USER = 0.5;

/** Bytes of a message of the day: a screenful. */
export const MOTD_BYTES_MAX = 4 * 1024;

/** The bundled client pings this often: well within the shortest sensible idle time-out. */
export const CLIENT_PING_MS = 20_000;

/** The bundled client gives a silent server up after this long. */
export const CLIENT_PONG_MS = 15_000;

/** The bundled client waits this long for its connection. */
export const CLIENT_CONNECT_MS = 10_000;

/** Bytes that may wait for a slow server in the bundled client: a paste of a small book. */
export const CLIENT_QUEUE_BYTES_MAX = 1024 * 1024;

/** Lines that the bundled client remembers for the arrow keys. */
export const CLIENT_HISTORY_LINES = 500;

/** Wait of the bundled client for the server's goodbye after `/quit`. */
export const CLIENT_LEAVE_MS = 1_000;

/**
 * What one line of the user's own may cost the server before it comes to a ping
 * behind it. Servers slow a long paste down (Parley by default to four lines a
 * second), and one that works through a paste is not dead.
 */
export const CLIENT_LINE_MS = 1_000;

/** Names that the bundled client remembers: more than any room where completion helps, little memory. */
export const CLIENT_NAMES_MAX = 10_000;

/** Names that completion offers at once: more would fill the screen rather than help. */
export const CLIENT_CHOICES_MAX = 60;

/**
 * Characters after which the bundled client shows a line without an end as it
 * is. Parley's own longest line, a full `/who`, has about 10,000.
 */
export const CLIENT_LINE_LENGTH_MAX = 64 * 1024;
