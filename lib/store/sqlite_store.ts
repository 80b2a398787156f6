/**
 * The store on SQLite: its parts put together.
 *
 * Must not know: who uses it.
 *
 * @module
 */

import type {
  Account,
  AuditEntry,
  BackupResult,
  BotRecord,
  HistoryQuery,
  MemberRecord,
  RoomRecord,
  Sanction,
  SearchQuery,
  SeatChanges,
  SeatDirect,
  SeatRecord,
  Store,
  StoredMessage,
  WaitingMessage,
} from "../chat/store.ts";
import { StoreError } from "../errors.ts";
import { FILING_AT_ONCE_MS, STORE_BUSY_MS, STORE_BUSY_START_MS } from "../limits.ts";
import { Accounts } from "./accounts.ts";
import { copyDatabase } from "./backup.ts";
import { Bots } from "./bots.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Database } from "./database.ts";
import { type DatabaseFile, isThere, openDatabaseFile } from "./database_file.ts";
import { Expiring } from "./expiring.ts";
import { toStoreError } from "./faults.ts";
import { Filing } from "./filing.ts";
import { History } from "./history.ts";
import { Journal } from "./journal.ts";
import { Moderation } from "./moderation.ts";
import { Rooms } from "./rooms.ts";
import { migrate } from "./schema.ts";
import { Seats } from "./seats.ts";

/** Where a store is, and how it is kept. */
export interface StoreOptions {
  /** The database file, or `:memory:` for one that is gone when it is closed. */
  readonly path: string;
  /** How long messages last; null for ever. */
  readonly keepMs: number | null;
  /** Told of what fails in the background: what it was, and why. */
  readonly onFault?: (what: string, error: unknown) => void;
}

/**
 * Opens a store, and makes it where there is none.
 *
 * @throws {StoreError} If that cannot be done; then nothing was changed.
 */
export function openStore(options: StoreOptions): SqliteStore {
  const { path } = options;
  using opened = new DisposableStack();
  // A start that fails leaves nothing behind that was not there before.
  const made = path === ":memory:"
    ? []
    : [path, `${path}-backup`, `${path}-wal`, `${path}-shm`].filter((each) => !isThere(each));
  const file = path === ":memory:" ? null : opened.use(openDatabaseFile(path));
  // Only now, with the lock: before that, what is new may be another server's that also starts.
  opened.defer(() => made.forEach(removeIfThere));
  const db = opened.use(new Database(path, { timeout: STORE_BUSY_START_MS }));
  prepareDatabase(db);
  const store = new SqliteStore(db, file, options);
  // From here on the store closes them itself.
  opened.move();
  return store;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never made, or is held by whoever is the reason that this start fails.
  }
}

/** The tables first, so that their version stands in the file itself, and not in a log. */
function prepareDatabase(db: Database): void {
  db.get("PRAGMA foreign_keys = ON");
  // What was removed is gone: it is overwritten.
  db.get("PRAGMA secure_delete = ON");
  migrate(db);
  // Whether it can be written to shows now, and not when somebody speaks.
  db.run("UPDATE counter SET value = value WHERE name = 'filed'");
  db.get("PRAGMA journal_mode = WAL");
  // The log is not waited for: a computer that loses power may lose the last moments,
  // but never damages the database, and a process that is killed loses nothing.
  db.get("PRAGMA synchronous = NORMAL");
  db.get("PRAGMA wal_checkpoint(TRUNCATE)");
  db.get(`PRAGMA busy_timeout = ${STORE_BUSY_MS}`);
}

/** All that Parley keeps, in SQLite. See {@linkcode Store} for what the methods do. */
export class SqliteStore implements Store, Disposable {
  readonly #db: Database;
  readonly #file: DatabaseFile | null;
  readonly #onFault: (what: string, error: unknown) => void;
  readonly #journal: Journal;
  readonly #filing: Filing;
  readonly #history: History;
  readonly #rooms: Rooms;
  readonly #accounts: Accounts;
  readonly #moderation: Moderation;
  readonly #seats: Seats;
  readonly #bots: Bots;
  readonly #expiring: Expiring;
  readonly #checkpoints: Checkpoints;
  readonly #closing = new AbortController();
  #isCopying = false;

  /** Takes what is opened into its care. Use {@linkcode openStore}. */
  constructor(db: Database, file: DatabaseFile | null, { keepMs, onFault }: StoreOptions) {
    this.#db = db;
    this.#file = file;
    this.#onFault = onFault ?? ((): void => {});
    this.#journal = new Journal(db);
    this.#history = new History(db, this.#journal);
    this.#rooms = new Rooms(db);
    this.#accounts = new Accounts(db);
    this.#moderation = new Moderation(db);
    this.#seats = new Seats(db);
    this.#bots = new Bots(db, this.#accounts);
    this.#checkpoints = new Checkpoints(db);
    this.#filing = new Filing({
      db,
      journal: this.#journal,
      onQuiet: () => this.#checkpoints.whenQuiet(),
      onFault: (error) => this.#onFault("Filing", error),
    });
    this.#expiring = new Expiring({
      db,
      history: this.#history,
      keepMs,
      pauseFactor: () => this.#filing.pauseFactor(),
      onDone: (hasRemoved) => this.#onExpired(hasRemoved),
      onFault: (error) => this.#onFault("Expiring", error),
    });
    this.#filing.fileFor(FILING_AT_ONCE_MS);
    this.#filing.start();
    this.#expiring.startSoon();
  }

  /** Ends what goes on in the background, and closes the file. Twice is once. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new StoreError("failed", "The server is stopping."));
    this.#filing.stop();
    this.#expiring.stop();
    try {
      this.#filing.fileFor(FILING_AT_ONCE_MS);
    } catch (error) {
      // What is not filed stays in the journal.
      this.#onFault("Filing", error);
    }
    try {
      this.#db.close();
    } finally {
      this.#file?.[Symbol.dispose]();
    }
  }

  /** See {@linkcode SqliteStore.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Does several things as one. */
  transaction<Result>(act: () => Result): Result {
    const saved = this.#journal.save();
    try {
      return this.#db.transaction(act);
    } catch (error) {
      this.#journal.restore(saved);
      throw error;
    }
  }

  /** Copies everything into the file that ends in `-backup`. */
  async backup(signal: AbortSignal): Promise<BackupResult> {
    const file = this.#file;
    if (file === null) {
      throw new StoreError(
        "failed",
        "Nothing is kept in a file, so there is nothing to back up.",
      );
    }
    if (this.#isCopying) throw new StoreError("failed", "A backup is being made already.");
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    this.#checkpoints.hold();
    this.#isCopying = true;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    try {
      const bytes = await copyDatabase(file.source, file.backup, either);
      return { path: file.backupPath, bytes };
    } catch (error) {
      throw either.aborted ? either.reason : toStoreError(error);
    } finally {
      this.#isCopying = false;
      if (!this.#closing.signal.aborted) this.#checkpoints.release();
    }
  }

  /** The id of the last message ever appended. */
  get lastMessageId(): number {
    return this.#journal.lastId;
  }

  /** Appends a turn's messages, and what it brought to seats. */
  append(messages: readonly StoredMessage[], seats?: SeatChanges): void {
    // Without a transaction where nothing needs one: this is what everybody waits for.
    if (seats === undefined || (seats.refs.size === 0 && seats.directs.length === 0)) {
      this.#journal.append(messages);
    } else {
      this.transaction(() => {
        this.#journal.append(messages);
        this.#seats.change(seats);
      });
    }
    this.#filing.noteAppended();
  }

  /** The last messages of a room. */
  recent(roomId: number, limit: number): StoredMessage[] {
    return this.#history.recent(roomId, limit);
  }

  /** The first messages of a room after an id. */
  after(query: { roomId: number; afterId: number; limit: number }): StoredMessage[] {
    return this.#history.after(query);
  }

  /** How many messages of a room there are from an id on, `limit` at most. */
  countFrom(query: { roomId: number; sinceId: number; limit: number }): number {
    return this.#history.countFrom(query);
  }

  /** Files what was appended. */
  catchUp(signal: AbortSignal): Promise<void> {
    return this.#filing.catchUp(signal);
  }

  /** Messages of a room. */
  read(query: HistoryQuery): StoredMessage[] {
    return this.#history.read(query);
  }

  /** Messages with these words. */
  search(query: SearchQuery): StoredMessage[] {
    return this.#history.search(query);
  }

  /** The first message from a time on. */
  idAt(atMs: number): number {
    return this.#history.idAt(atMs);
  }

  /** One message. */
  message(id: number): StoredMessage | null {
    return this.#history.message(id);
  }

  /** Removes one message. */
  removeMessage(id: number): void {
    this.#history.forget(id);
    this.#checkpoints.clearSoon();
  }

  /** Every room. */
  rooms(): RoomRecord[] {
    const unfiled = this.#journal.countByRoom();
    return this.#rooms.all().map((room) => ({
      ...room,
      messages: room.messages + (unfiled.get(room.id) ?? 0),
    }));
  }

  /** Makes a room. */
  addRoom(room: Omit<RoomRecord, "id" | "messages">): RoomRecord {
    return this.#rooms.add(room);
  }

  /** Changes a room. */
  updateRoom(room: RoomRecord): void {
    this.#rooms.update(room);
  }

  /** Removes a room. */
  removeRoom(roomId: number): void {
    this.#rooms.remove(roomId);
    this.#expiring.startSoon();
  }

  /** What an account is in a room. */
  member(roomId: number, accountId: number): MemberRecord | null {
    return this.#rooms.member(roomId, accountId);
  }

  /** What each account is in a room. */
  members(roomId: number): Map<number, MemberRecord> {
    return this.#rooms.members(roomId);
  }

  /** Sets what an account is in a room. */
  setMember(roomId: number, accountId: number, member: MemberRecord): void {
    this.#rooms.setMember(roomId, accountId, member);
  }

  /** The names of a room's operators. */
  operatorsOf(roomId: number): string[] {
    return this.#rooms.operatorsOf(roomId);
  }

  /** Rooms that no account is an operator of. */
  countUnoperated(): number {
    return this.#rooms.countUnoperated();
  }

  /** Rooms that an account is an operator of. */
  countOperated(accountId: number): number {
    return this.#rooms.countOperated(accountId);
  }

  /** How many accounts there are. */
  countAccounts(): number {
    return this.#accounts.count();
  }

  /** The account with this key. */
  accountByKey(key: string): Account | null {
    return this.#accounts.byKey(key);
  }

  /** The oldest account with this skeleton. */
  accountByLook(skeleton: string): Account | null {
    return this.#accounts.byLook(skeleton);
  }

  /** The hash of an account's password. */
  passwordOf(accountId: number): string {
    return this.#accounts.passwordOf(accountId);
  }

  /** Registers a name. */
  addAccount(account: Omit<Account, "id"> & { readonly password: string }): Account {
    return this.#accounts.add(account);
  }

  /** Sets the hash of an account's password. */
  setPassword(accountId: number, password: string): void {
    this.#accounts.setPassword(accountId, password);
  }

  /** Sets whether an account is an operator of the server. */
  setServerOperator(accountId: number, isOperator: boolean): void {
    this.#accounts.setServerOperator(accountId, isOperator);
  }

  /** Sets when an account was last seen. */
  setSeen(accountId: number, atMs: number): void {
    this.#accounts.setSeen(accountId, atMs);
  }

  /** Removes an account. */
  removeAccount(accountId: number): void {
    this.#accounts.remove(accountId);
  }

  /** Whom an account ignores. */
  ignoredBy(accountId: number): Map<string, string> {
    return this.#accounts.ignoredBy(accountId);
  }

  /** Has an account ignore a name. */
  addIgnored(accountId: number, name: { readonly key: string; readonly name: string }): void {
    this.#accounts.addIgnored(accountId, name);
  }

  /** Has an account ignore a name no longer. */
  removeIgnored(accountId: number, key: string): void {
    this.#accounts.removeIgnored(accountId, key);
  }

  /** Leaves a message for an account. */
  addWaiting(accountId: number, message: Omit<WaitingMessage, "id">): void {
    this.#accounts.addWaiting(accountId, message);
  }

  /** How many messages wait for an account. */
  countWaiting(accountId: number): { count: number; length: number } {
    return this.#accounts.countWaiting(accountId);
  }

  /** What waits for an account. */
  waiting(accountId: number): WaitingMessage[] {
    return this.#accounts.waiting(accountId);
  }

  /** Forgets what waited for an account. */
  removeWaiting(accountId: number, upToId: number): void {
    this.#accounts.removeWaiting(accountId, upToId);
  }

  /** Bans and mutes. */
  sanctions(): Sanction[] {
    return this.#moderation.sanctions();
  }

  /** Adds a ban or mute. */
  addSanction(sanction: Omit<Sanction, "id">): Sanction {
    return this.#moderation.addSanction(sanction);
  }

  /** Removes a ban or mute. */
  removeSanction(sanctionId: number): void {
    this.#moderation.removeSanction(sanctionId);
  }

  /** Adds to the record. */
  addAudit(entry: Omit<AuditEntry, "id">): void {
    this.#moderation.addAudit(entry);
  }

  /** The end of the record. */
  audit(query: { readonly roomId: number | null; readonly limit: number }): AuditEntry[] {
    return this.#moderation.audit(query);
  }

  /** A setting of the server. */
  setting(name: string): string | null {
    return this.#moderation.setting(name);
  }

  /** Sets a setting of the server. */
  setSetting(name: string, value: string): void {
    this.#moderation.setSetting(name, value);
  }

  /** Who may come back. */
  seats(): SeatRecord[] {
    return this.#seats.all();
  }

  /** Adds a seat. */
  addSeat(seat: Omit<SeatRecord, "id">): SeatRecord {
    return this.#seats.add(seat);
  }

  /** Changes a seat. */
  updateSeat(seat: SeatRecord): void {
    this.#seats.update(seat);
  }

  /** Removes a seat, and the messages that were kept for it. */
  removeSeat(seatId: number): void {
    this.#seats.remove(seatId);
  }

  /** Private messages that were not confirmed. */
  seatDirects(seatId: number): SeatDirect[] {
    return this.#seats.directs(seatId);
  }

  /** Forgets those that were. */
  removeSeatDirects(seatId: number, upToId: number): void {
    this.#seats.removeDirects(seatId, upToId);
  }

  /** Up to which id events may have been told. */
  get reservedId(): number {
    return this.#seats.reservedId;
  }

  /** Sets up to which id events may be told. */
  reserveIds(upToId: number): void {
    this.#seats.reserveIds(upToId);
  }

  /** The bot with this key. */
  botByKey(key: string): BotRecord | null {
    return this.#bots.byKey(key);
  }

  /** The oldest bot with this skeleton. */
  botByLook(skeleton: string): BotRecord | null {
    return this.#bots.byLook(skeleton);
  }

  /** The bot whose token has this hash. */
  botByToken(tokenHash: string): BotRecord | null {
    return this.#bots.byToken(tokenHash);
  }

  /** The bots of an account. */
  botsOf(accountId: number): BotRecord[] {
    return this.#bots.of(accountId);
  }

  /** Adds a bot. */
  addBot(bot: Omit<BotRecord, "id"> & { readonly tokenHash: string }): BotRecord {
    return this.#bots.add(bot);
  }

  /** Removes a bot. */
  removeBot(botId: number): void {
    this.#bots.remove(botId);
  }

  #onExpired(hasRemoved: boolean): void {
    if (hasRemoved) this.#checkpoints.clearSoon();
    if (!this.#filing.isBusy()) this.#checkpoints.whenQuiet();
  }
}
