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

/** The same for TLS: the next one. */
export const TLS_PORT_DEFAULT = 2023;

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

/** Characters of a topic, a reason, or anything else that is shown in one line beside others. */
export const PHRASE_LENGTH_MAX = 300;

/** Rooms that one user can be in at once: more than anybody follows. */
export const ROOMS_PER_USER_MAX = 20;

/** Rooms that one account can be an operator of: a few people cannot take all there are. */
export const ROOMS_PER_ACCOUNT_MAX = 20;

/** Rooms in all: some kilobytes each in memory, and `/rooms` stays readable. */
export const ROOMS_MAX = 2_000;

/** Rooms in all that have no registered operator: guests alone cannot use up the rest. */
export const ROOMS_OF_GUESTS_MAX = 500;

/** Rooms that `/rooms` lists. */
export const ROOMS_LISTED_MAX = 100;

/** Invitations that a room remembers for guests: they last as long as the guest. */
export const INVITED_GUESTS_MAX = 200;

/** Lines that a join shows to who has not been in the room before. */
export const BACKLOG_LINES = 20;
/** Lines that a join shows at most, of those that a registered name has not read. */
export const BACKLOG_LINES_MAX = 200;
/**
 * Characters of them in all, {@linkcode LINE_FRAME_LENGTH} for each line included: half a send
 * queue at the most. With long lines a join shows fewer.
 */
export const BACKLOG_LENGTH_MAX = 40 * 1024;

/**
 * What a line takes beside its text when it is shown, in characters: its writer's name, its
 * time and number, the room.
 */
export const LINE_FRAME_LENGTH = 64;

/** Unread lines that are counted: more are many, and counting takes time. */
export const UNREAD_COUNTED_MAX = 10_000;
/** How long the last lines of a room that were read for one newcomer serve others, too. */
export const RECENT_MS = 1_000;

/** Pages of history that are looked through for lines of others than those whom one ignores. */
export const HISTORY_PAGES_MAX = 10;
/** Lines that one `/history` shows, by default and at most. */
export const HISTORY_LINES_DEFAULT = 20;
/** See {@linkcode HISTORY_LINES_DEFAULT}: a fifth of a send queue of lines of ordinary length. */
export const HISTORY_LINES_MAX = 500;
/**
 * Characters of one answer of `/history` or `/search`, counted likewise: 180 KiB in any script,
 * so that an answer fits a send queue.
 */
export const HISTORY_LENGTH_MAX = 48 * 1024;

/** Hits that one `/search` shows. */
export const SEARCH_HITS_MAX = 20;
/** Words of one search: each costs a walk through the index. */
export const SEARCH_WORDS_MAX = 6;
/** Of them those that end in `*`: the lists of all words that begin so are joined. */
export const SEARCH_PREFIXES_MAX = 2;
/**
 * Searches are answered one after the other, and a search is followed by a pause
 * this many times as long: however many people search, those who talk have three
 * quarters of the time.
 */
export const SEARCH_PAUSE_FACTOR = 3;

/** How long history lasts, by default: a year. */
export const KEEP_MS_DEFAULT = 365 * 86_400_000;
/** The shortest time that a room's history can be set to last. */
export const KEEP_MS_MIN = 60_000;

/** What a message that waits to be stored takes beside its text, in characters. */
export const UNSAVED_LENGTH_EACH = 128;
/**
 * Characters of messages that wait to be stored while the store cannot take
 * them (the disk is full, say). Past it the oldest are given up.
 */
export const UNSAVED_LENGTH_MAX = 4 * 1024 * 1024;
/** While it cannot, it is tried again this often. */
export const SAVE_RETRY_MS = 1_000;

/** Registered names in all: half a kilobyte of disk each. */
export const ACCOUNTS_MAX = 100_000;
/** Names that can be registered from one address in an hour: a classroom, not a robot. */
export const REGISTRATIONS_PER_HOUR = 20;

/** Characters of a password. NIST SP 800-63B asks for 8 at least, and to allow 64. */
export const PASSWORD_LENGTH_MIN = 8;
/** See {@linkcode PASSWORD_LENGTH_MIN}. */
export const PASSWORD_LENGTH_MAX = 200;

/** Passwords that are hashed at once, and that wait for it: each takes 32 MiB and 0.1 s. */
export const HASHES_AT_ONCE = 2;
/** See {@linkcode HASHES_AT_ONCE}. */
export const HASHES_WAITING_MAX = 64;

/** Who takes a registered name has this long to log in. */
export const LOGIN_GRACE_MS = 60_000;

/** Wrong passwords that cost nothing but the attempt; then each doubles the wait for the next. */
export const ATTEMPTS_FREE = 3;
/** The first such wait. */
export const ATTEMPT_WAIT_MS_MIN = 1_000;
/** The longest wait of an address. */
export const ATTEMPT_WAIT_MS_MAX_ADDRESS = 15 * 60_000;
/** The longest wait for a name: strangers who guess must not lock its owner out. */
export const ATTEMPT_WAIT_MS_MAX_NAME = 60_000;
/** Addresses and names whose wrong passwords are remembered; beyond it the oldest are forgotten. */
export const ATTEMPTS_REMEMBERED_MAX = 10_000;

/** Who has to give the server's password has this long to do so. */
export const ENTRY_MS = 60_000;

/** Private messages that wait for one account that is away. */
export const WAITING_MESSAGES_MAX = 100;
/** Characters of them in all, counted likewise: they are shown at once, and have to fit a send queue. */
export const WAITING_LENGTH_MAX = 40 * 1024;

/** Names that one user can ignore. */
export const IGNORED_MAX = 100;

/**
 * The longest time that can be set for a ban, a mute or a room's history. Much
 * longer ones end beyond the dates that there are.
 */
export const TERM_MS_MAX = 100 * 365 * 86_400_000;

/** Bans and mutes in all, and in one room. */
export const SANCTIONS_MAX = 10_000;
/** See {@linkcode SANCTIONS_MAX}. */
export const SANCTIONS_PER_ROOM_MAX = 500;

/** Lines that `/audit` and `/bans` show. */
export const AUDIT_LINES = 50;
/** How long what operators did is kept: as long as anybody may ask. */
export const AUDIT_KEEP_MS = 2 * 365 * 86_400_000;

/** Reports that one user can make in a row; one more each minute. */
export const REPORTS_BURST = 5;

/**
 * Messages that are filed (indexed for reading and searching) in one piece: one
 * or two milliseconds, which nobody notices.
 */
export const FILING_MESSAGES = 32;
/** A turn of the filing is followed by a pause this many times as long, while people talk. */
export const FILING_PAUSE_FACTOR = 50;
/**
 * Unfiled messages from which the pauses are a fifth as long, and, from four times
 * as many on, a twenty-fifth: whoever talks faster than that for long waits a
 * little, and the journal has an end.
 */
export const FILING_DEBT_MESSAGES = 500_000;
/** After so long without a message they are filed without a pause. */
export const FILING_QUIET_MS = 250;

/** How long a start and a stop may take for filing what is left. */
export const FILING_AT_ONCE_MS = 100;
/** Pieces that are filed in one go for who waits for it, such as a search. */
export const FILING_SLICES_AT_ONCE = 4;

/** Pages (4 KiB each) of SQLite's log that are worth moving into the database when nobody talks. */
export const LOG_PAGES_QUIET = 1_000;
/** Pages at which SQLite moves them by itself: 16 MiB, some tens of milliseconds of a slow disk. */
export const LOG_PAGES_MAX = 4_000;

/** Pages of the search index that are written anew at once, after a deletion: some milliseconds. */
export const INDEX_PAGES_CLEANED = 64;

/** What a password's hash costs, as scrypt's N, r and p: 32 MiB and about a tenth of a second. */
export const SCRYPT_COST = { n: 2 ** 15, r: 8, p: 1 } as const;
/** No hash is verified that needs more memory or rounds: who can write one could stop the server. */
export const SCRYPT_MEMORY_BYTES_MAX = 256 * 1024 * 1024;
/** See {@linkcode SCRYPT_MEMORY_BYTES_MAX}. */
export const SCRYPT_P_MAX = 16;

/** Expired history is removed so many messages at a time. */
export const EXPIRING_MESSAGES = 256;
/** How often expired history is looked for. */
export const EXPIRING_MS = 10 * 60_000;

/** Wait for another program that holds the database: while people talk, and at the start. */
export const STORE_BUSY_MS = 50;
/** See {@linkcode STORE_BUSY_MS}. */
export const STORE_BUSY_START_MS = 2_000;

/** Wait for another server on the same database that may be ending, and how often to look. */
export const LOCK_WAIT_MS = 500;
/** See {@linkcode LOCK_WAIT_MS}. */
export const LOCK_STEP_MS = 20;

/** Bytes of the database that a backup copies at once. */
export const BACKUP_CHUNK_BYTES = 1024 * 1024;

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

/** Names that the bundled client remembers: more than any room where completion helps, little memory. */
export const CLIENT_NAMES_MAX = 10_000;

/** Names that completion offers at once: more would fill the screen rather than help. */
export const CLIENT_CHOICES_MAX = 60;

/**
 * Characters after which the bundled client shows a line without an end as it
 * is. Parley's own longest line, a full `/who`, has about 10,000.
 */
export const CLIENT_LINE_LENGTH_MAX = 64 * 1024;

/** A lost connection is told to nobody for so long, by default: a change of networks, a lift. */
export const RESUME_GRACE_MS_DEFAULT = 60_000;

/** The longest that it can be set to: what is kept meanwhile takes room. */
export const RESUME_GRACE_MS_MAX = 60 * 60_000;

/** Users whose connection is lost that wait for one from the same address; more leave at once. */
export const PARKED_PER_ADDRESS_MAX = 64;

/** The same in all: some kilobytes each. */
export const PARKED_MAX = 10_000;

/** After a restart users may come back if the server was away for at most so long: a reboot. */
export const RESTART_MS_MAX = 10 * 60_000;

/** How often it is written down that the server runs, while somebody might come back. */
export const ALIVE_MS = 10_000;

/** Ids of events that are set aside in the store at once: a write for each thousand. */
export const EVENT_IDS_RESERVED = 1_000;

/**
 * Events that are kept for each room and each user, beside what is stored, for
 * those whose connection is lost: comings and goings of some minutes.
 */
export const KEPT_EVENTS_MAX = 500;

/** Rooms that a user was in lately and whose last messages they may have missed. */
export const PAST_STAYS_MAX = 20;

/** Answers that are remembered for a program that asks again: more than any has on the way. */
export const OUTCOMES_MAX = 50;

/** Missed events that are sent at once. */
export const MISSED_EVENTS = 200;
/** Characters of them, roughly: more is sent only when most of it has left. */
export const MISSED_LENGTH = 32 * 1024;
/** Bytes that may wait still when the next are sent. */
export const MISSED_QUEUE_BYTES = 64 * 1024;
/** How often to look whether they do. */
export const MISSED_WAIT_MS = 10;

/** Of the JSON protocol: what a hello asks for, and what its README promises. */
export const PROTOCOL_VERSION = 1;
/** Lines of one message: what people paste to each other, and no room's screen twice over. */
export const MESSAGE_LINES_MAX = 100;
/** Characters of a `ref`: a UUID fits, and every answer repeats it. */
export const REF_LENGTH_MAX = 64;

/**
 * Entries of one room that the bundled client keeps: more than anybody scrolls through,
 * some megabytes with long messages. Older ones are fetched again when they are wanted.
 */
export const MODEL_LINES_MAX = 5_000;
/** Entries above that before the oldest are given up, all at once: doing it for each would be slow. */
export const MODEL_LINES_SLACK = 500;
/** Rooms that the bundled client keeps the entries of without being in them, until it is back. */
export const MODEL_ROOMS_AWAY_MAX = 20;
/** Who spoke, and who wrote in private, that the bundled client remembers for each room. */
export const MODEL_SPEAKERS_MAX = 200;
/** Lines of history that the bundled client fetches at once: some screens, and a small answer. */
export const CLIENT_FETCH_LINES = 100;

/**
 * Characters of one line of the JSON protocol that the bundled client takes: some times what a
 * server's send queue holds. A server that sends a longer one is given up.
 */
export const CLIENT_JSON_LENGTH_MAX = 1024 * 1024;

/** The bundled client waits this long for the answer to its hello: a password's hash takes a moment. */
export const CLIENT_HELLO_MS = 10_000;

/**
 * The first pause and the longest before the bundled client connects anew. Each is twice as long
 * as the one before, less up to a half by chance: a thousand clients must not come back at once.
 */
export const CLIENT_RETRY_MS_MIN = 250;
/** See {@linkcode CLIENT_RETRY_MS_MIN}: nobody waits for long once the server is back. */
export const CLIENT_RETRY_MS_MAX = 30_000;

/**
 * Requests of the bundled client that wait for the server's answer at once. More would gain
 * nothing, since servers slow a sender down, and what is on the way when a session is lost for
 * good is of unknown fate.
 */
export const CLIENT_REQUESTS_AT_ONCE = 16;

/**
 * Wait for the rest of a key's sequence before what has come is taken for the
 * Escape key. Terminals send a sequence in one piece; 50 ms is more than a
 * network tears it apart by, and less than anybody notices.
 */
export const ESCAPE_MS = 50;
/** Bytes of a key's sequence: terminals send 20 at the most. */
export const KEY_SEQUENCE_BYTES_MAX = 64;
/** Bytes of a paste that are taken: 16 of the longest lines, more than anybody should read. */
export const PASTE_BYTES_MAX = 128 * 1024;
/** A paste that says nothing for so long, and has no end yet, ends there. */
export const PASTE_STALL_MS = 2_000;
/** Characters of a paste of one line from which it is shown before it is sent: a paragraph. */
export const PASTE_PREVIEW_LENGTH = 500;
/** What a request of the bundled client takes beside its text: a name, a room, a number. */
export const REQUEST_FRAME_BYTES = 512;
/** Steps that the bundled client's line editor can undo: 1 MiB of the longest lines. */
export const UNDO_STEPS_MAX = 100;
/** Pause between two frames on the screen: nobody sees more than some 60 a second. */
export const FRAME_MS = 16;
/** Bytes that the bundled client reads from the terminal at once. */
export const TERMINAL_READ_BYTES = 4 * 1024;

/**
 * Entries whose rows the bundled client keeps: some screens, so that scrolling and
 * redrawing wrap nothing twice, in a few megabytes.
 */
export const CLIENT_ROWS_KEPT_ENTRIES = 1_000;
/**
 * Who came and went is told in one line for so many entries at the most: what a
 * frame looks at stays small while everybody comes.
 */
export const CLIENT_FOLDED_MAX = 128;
/** Characters whose widths the bundled client remembers: more than any two people use. */
export const CLIENT_WIDTHS_KEPT = 4_096;

/** Pages of history, of up to `HISTORY_LINES_MAX` lines, that `tail` fetches of one room after a gap. */
export const CLIENT_TAIL_PAGES_MAX = 20;
/** The bundled client rings the bell no more often than this, whoever is named how often. */
export const CLIENT_BELL_MS = 1_000;
/** What comes from the server is dealt with for so long before keys have their turn. */
export const CLIENT_SLICE_MS = 8;

/**
 * Tokens of one user that are good at once because their welcomes may have been lost: as many
 * tries as a client makes before one of them succeeds, on a bad network.
 */
export const UNPROVEN_TOKENS_MAX = 4;

/**
 * The bundled client asks again who is in a room after this long at the soonest, where some came
 * or went unnamed: a thousand clients in a room must not ask at each arrival.
 */
export const CLIENT_WHO_AGAIN_MS = 10_000;

/** At its end the bundled client waits so long for a terminal that is slow, or stopped by Ctrl-S. */
export const CLIENT_SETTLE_MS = 100;

/**
 * Bounds in seconds between which the times of storing a turn's messages are counted. A quick disk
 * takes 20 to 200 microseconds; a millisecond is a slice of a turn; a hundredth of a second is a disk
 * that hesitates; `STORE_BUSY_MS` is what a lock is waited for, and from a tenth on people notice.
 */
export const APPEND_BOUNDS_SECONDS: readonly number[] = [
  0.000_05,
  0.000_1,
  0.000_2,
  0.000_5,
  0.001,
  0.005,
  0.01,
  0.05,
  0.1,
  0.5,
  1,
];
/**
 * How often the event loop is asked how late it is, while metrics are on: each stall longer than
 * this is seen, for ten wake-ups a second.
 */
export const LOOP_PROBE_MS = 100;
/**
 * Bounds in seconds between which its lateness is counted. Timers are a millisecond or two late
 * by themselves; a tenth of a second is felt, and who waits for a second thinks of leaving.
 */
export const LOOP_LAG_BOUNDS_SECONDS: readonly number[] = [
  0.002,
  0.005,
  0.01,
  0.02,
  0.05,
  0.1,
  0.2,
  0.5,
  1,
  2,
  5,
];
/** Whoever started the server is told that it is ready, or after this long not: it must serve. */
export const NOTIFY_MS = 2_000;

/**
 * How long a certificate of `make-cert` is good, in days, by default: Apple's systems take none
 * that is good for longer, even where its owner trusts it by hand.
 */
export const CERTIFICATE_DAYS_DEFAULT = 825;
/** See {@linkcode CERTIFICATE_DAYS_DEFAULT}: ten years, for who has it trusted by its fingerprint. */
export const CERTIFICATE_DAYS_MAX = 3_650;
/** A certificate is good from so long ago: the clocks of those who join may be slow. */
export const CERTIFICATE_BACKDATED_MS = 60 * 60_000;

/** Bytes of a certificate, key, configuration or greeting that are read again: far more than any has. */
export const WATCHED_FILE_BYTES_MAX = 1024 * 1024;

/**
 * How often to look whether the certificate has changed. It lasts for weeks, and a change is told
 * once it has been quiet for so long: a certificate and its key are written one after the other.
 */
export const WATCH_POLL_MS = 5_000;

/**
 * Bytes of one WebSocket message. Twice a line: one that is a little too long is refused in words,
 * and the connection lives; beyond that it is closed (1009).
 */
export const WEB_SOCKET_MESSAGE_BYTES_MAX = 2 * LINE_BYTES_MAX;
/** Fragments of one message: browsers send a message of that size in one. */
export const WEB_SOCKET_FRAGMENTS_MAX = 64;
/** Answers to pings that wait for one peer before it is cut: browsers send no pings at all. */
export const WEB_SOCKET_PONGS_MAX = 16;
/**
 * How often a browser is pinged: proxies and home routers forget connections that are silent
 * for a minute.
 */
export const WEB_SOCKET_PING_MS = 30_000;
/**
 * Pings in a row that may go unanswered before a browser counts as gone: a full send queue takes
 * a slow network half a minute, and the answer comes behind it.
 */
export const WEB_SOCKET_PINGS_UNANSWERED_MAX = 2;

/**
 * Bytes of an HTTP request's line and headers: browsers send the cookies of every other program
 * on this host along.
 */
export const HTTP_HEAD_BYTES_MAX = 16 * 1024;
/** Header lines of a request: browsers and proxies together send some 30. */
export const HTTP_HEADER_LINES_MAX = 100;
/** A request's headers have to be here after so long, from the connection's first moment on. */
export const HTTP_HEADERS_MS = 10_000;
/** Likewise the whole request: 8 KiB come in seconds on any network that is worth using. */
export const HTTP_REQUEST_MS = 10_000;
/** A TLS handshake at the browser door has to be over after so long. */
export const HTTP_HANDSHAKE_MS = 10_000;
/** How often it is looked whether those times are over. */
export const HTTP_CHECK_MS = 1_000;
/** An HTTP connection on which nothing is asked is kept so long: a page's files come in one go. */
export const HTTP_KEEP_ALIVE_MS = 5_000;
/**
 * Whoever takes nothing of an answer for so long, or for twice as long, as the runtime looks, is
 * cut. Streams are not bound to it.
 */
export const HTTP_STALL_MS = 5_000;
/**
 * HTTP connections that are open at once, visitors and streams aside. One more costs whoever has
 * the most of them their oldest: who opens thousands takes them from nobody else.
 */
export const HTTP_CONNECTIONS_MAX = 1_000;
/**
 * Requests on one connection that wait for their answers: browsers send one at a time. The runtime
 * takes as many as come, and holds all their answers for a peer that reads none.
 */
export const HTTP_REQUESTS_WAITING_MAX = 8;
/** When the door closes, requests that are being answered have so long to be done. */
export const HTTP_CLOSE_MS = 1_000;

/** Bytes of what a bot says in one request: as a line of anybody else's. */
export const BOT_TEXT_BYTES_MAX: number = LINE_BYTES_MAX;

/** Bots of one account: one for each thing that reports something, for somebody who looks after many. */
export const BOTS_PER_ACCOUNT_MAX = 10;
/**
 * How fast one bot may talk and begin to read; a text counts as a line of anybody's does. A burst
 * is what a deployment reports in one go, the pace what people can still read.
 */
export const BOT_RATE: Rate = { burst: 20, perSecond: 1 };
/** Bots whose pace is remembered; beyond it the one that was quiet for longest has its burst again. */
export const BOT_RATES_REMEMBERED_MAX = 10_000;
/** Streams of one bot at once: a program, the next one that takes over, and a look from a shell. */
export const BOT_STREAMS_MAX = 4;
/**
 * A stream on which nothing was sent for so long has a blank line: proxies cut what is silent for a
 * minute, and a reader that vanished is noticed. So often it is looked whether the bot may still read.
 */
export const BOT_STREAM_BLANK_MS = 30_000;
/** A reader that is behind, and takes nothing of what it missed for so long, is cut. */
export const BOT_STALL_MS = 30_000;
/**
 * What streams have missed is read a page at a time, and each page is followed by a pause this many
 * times as long: however many bots catch up, those who talk have three quarters of the time.
 */
export const BOT_PAGE_PAUSE_FACTOR = 3;
/** The longest wait for who sends wrong tokens: nobody guesses one, but somebody may ask for ever. */
export const BOT_ATTEMPT_WAIT_MS_MAX = 60_000;

/**
 * Wait for a new peer's whole TLS handshake, what a proxy says before it included. Three round
 * trips and a slow telephone need two seconds; who takes longer holds memory for nothing.
 */
export const TLS_HANDSHAKE_MS = 10_000;
/**
 * TLS handshakes that may be unfinished at once: some 30 KiB each. One takes milliseconds, so a
 * burst of a thousand is done in a second; where there are more, the oldest is cut off, which is
 * one that has stalled.
 */
export const TLS_HANDSHAKES_MAX = 1_024;
/** Wait for the header of a proxy that is to send one: it comes in the connection's first bytes. */
export const PROXY_HEADER_MS = 5_000;
/** Bytes of such a header: addresses take 52, and what proxies add takes some hundred. */
export const PROXY_HEADER_BYTES_MAX: number = 16 + 2_048;
