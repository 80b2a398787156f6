/**
 * The tables, and how a file of any earlier version gets them.
 *
 * Must not know: who reads and writes the tables.
 *
 * @module
 */

import { nameKey, nameSkeleton } from "../chat/names.ts";
import { StoreError } from "../errors.ts";
import type { Database } from "./database.ts";
import { storeError } from "./faults.ts";

/** What SQLite's header says that a file is Parley's: "Prly". */
export const APPLICATION_ID = 0x50726c79;

/**
 * The steps from one version to the next; a file's `user_version` counts those it has had.
 * A step that was ever released is never changed: another is added.
 */
export const MIGRATIONS: readonly ((db: Database) => void)[] = [
  makeTables,
  addSeats,
  addBots,
];

/** The version of files that this program makes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * Brings a database up to {@linkcode SCHEMA_VERSION}. Each step is one transaction.
 *
 * @param steps Other steps, for tests.
 * @throws {StoreError} `newer` if it is beyond that already; then it is not changed.
 */
export function migrate(
  db: Database,
  steps: readonly ((db: Database) => void)[] = MIGRATIONS,
): void {
  const version = db.number("PRAGMA user_version") ?? 0;
  if (version > steps.length) throw storeError("newer");
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    db.transaction(() => {
      step(db);
      db.script(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.script(`PRAGMA user_version = ${index + 1}`);
    });
  }
}

/** A file of another program, which must stay as it is. */
export function foreignError(): StoreError {
  return new StoreError("failed", "The file is another program's database.");
}

/** Version 1. */
function makeTables(db: Database): void {
  db.script(`
    -- The rows of a turn of the event loop, packed, until they are filed in "message".
    CREATE TABLE journal (
      first INTEGER PRIMARY KEY,  -- the first message's id
      count INTEGER NOT NULL,
      at INTEGER NOT NULL,        -- the first message's time
      lines TEXT NOT NULL
    ) STRICT;

    -- What the tables themselves do not say: the last message's id that left the journal.
    -- Not every message that leaves it is filed (its room may be gone), and ids are never
    -- given out twice, so the table of messages alone could not tell.
    CREATE TABLE counter (
      name TEXT PRIMARY KEY,
      value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('filed', 0);
    -- 1 while words of a message that somebody removed may be in the index.
    INSERT INTO counter VALUES ('unclean', 0);

    CREATE TABLE room (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      key TEXT NOT NULL UNIQUE,
      skeleton TEXT NOT NULL,
      access TEXT NOT NULL,
      password TEXT,
      topic TEXT NOT NULL,
      is_locked INTEGER NOT NULL,
      keep INTEGER,
      open_from INTEGER NOT NULL,
      messages INTEGER NOT NULL DEFAULT 0,
      made INTEGER NOT NULL
    ) STRICT;

    -- Rooms that were removed, until their messages are.
    CREATE TABLE removed_room (id INTEGER PRIMARY KEY) STRICT;

    CREATE TABLE message (
      id INTEGER PRIMARY KEY,
      room INTEGER NOT NULL,
      at INTEGER NOT NULL,
      type INTEGER NOT NULL,
      -- Kept when the account is removed: ids of accounts are never given out twice,
      -- so that it means nobody then.
      account INTEGER,
      name TEXT NOT NULL,
      text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX message_room ON message (room);

    -- The index alone, without the texts. Rows have the ids of the messages. What begins
    -- with one or two letters has lists of its own: to join those of all such words would
    -- take seconds where there are a million messages.
    CREATE VIRTUAL TABLE word USING fts5 (
      room, author, words,
      content = '', contentless_delete = 1, prefix = '1 2',
      tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co M*'"
    );

    CREATE TABLE account (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      key TEXT NOT NULL UNIQUE,
      skeleton TEXT NOT NULL,
      password TEXT NOT NULL,
      is_operator INTEGER NOT NULL,
      made INTEGER NOT NULL,
      seen INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX account_skeleton ON account (skeleton);

    CREATE TABLE member (
      room INTEGER NOT NULL REFERENCES room ON DELETE CASCADE,
      account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
      is_operator INTEGER NOT NULL,
      is_invited INTEGER NOT NULL,
      since INTEGER NOT NULL,
      read_id INTEGER NOT NULL,
      PRIMARY KEY (room, account)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX member_account ON member (account);

    CREATE TABLE ignored (
      account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
      key TEXT NOT NULL,
      name TEXT NOT NULL,
      PRIMARY KEY (account, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE waiting (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
      at INTEGER NOT NULL,
      name TEXT NOT NULL,
      text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX waiting_account ON waiting (account);

    CREATE TABLE sanction (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL,
      room INTEGER REFERENCES room ON DELETE CASCADE,
      target_type TEXT NOT NULL,
      target TEXT NOT NULL,
      shown TEXT NOT NULL,
      by TEXT NOT NULL,
      at INTEGER NOT NULL,
      until INTEGER,
      reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sanction_room ON sanction (room);

    -- Rooms come and go, and what was done in them stays: no reference.
    CREATE TABLE audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      room INTEGER,
      room_name TEXT NOT NULL,
      by TEXT NOT NULL,
      act TEXT NOT NULL,
      whom TEXT NOT NULL,
      address TEXT NOT NULL,
      until INTEGER,
      reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_room ON audit (room);
    CREATE INDEX audit_at ON audit (at);

    CREATE TABLE setting (
      name TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `);
  db.run(
    `INSERT INTO room (name, key, skeleton, access, topic, is_locked, open_from, made)
     VALUES ('#lobby', ?, ?, 'open', '', 0, 0, ?)`,
    nameKey("lobby"),
    nameSkeleton("lobby"),
    Date.now(),
  );
}

/** Version 2. */
function addSeats(db: Database): void {
  db.script(`
    -- Who may come back, and how they prove that they are the one: by hashes alone.
    CREATE TABLE seat (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      token_hash TEXT NOT NULL UNIQUE,
      previous_hash TEXT,
      last_ref INTEGER NOT NULL,
      state TEXT NOT NULL
    ) STRICT;

    -- Private messages, until whom they are for has confirmed them. Ids are those of events.
    CREATE TABLE seat_direct (
      seat INTEGER NOT NULL REFERENCES seat ON DELETE CASCADE,
      id INTEGER NOT NULL,
      at INTEGER NOT NULL,
      name TEXT NOT NULL,
      text TEXT NOT NULL,
      PRIMARY KEY (seat, id)
    ) STRICT, WITHOUT ROWID;

    -- Up to which id events may have been told: most kinds of events leave no row anywhere.
    INSERT INTO counter VALUES ('reserved', 0);

    -- Texts may have several lines from now on, and "lines" are ended by another character.
    UPDATE journal SET lines = replace(lines, char(10), char(30));
  `);
}

/** Version 3. */
function addBots(db: Database): void {
  db.script(`
    -- Programs that talk and read by a token, of which the hash alone is kept.
    CREATE TABLE bot (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
      name TEXT NOT NULL,
      key TEXT NOT NULL UNIQUE,
      skeleton TEXT NOT NULL,
      token_hash TEXT NOT NULL UNIQUE,
      made INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX bot_account ON bot (account);
    CREATE INDEX bot_skeleton ON bot (skeleton);
  `);
}
