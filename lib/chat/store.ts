/**
 * What the chat needs of durable state: interfaces that it owns and `store/` keeps.
 *
 * Unless one returns a promise, its methods neither wait nor call back. Each is
 * atomic and durable when it returns: a process that is killed afterwards has
 * lost nothing. Each may throw a `StoreError`, and has changed nothing then.
 * Times are epoch milliseconds. Keys and skeletons are those of `names.ts`.
 * Must not know: SQL, files, who asks.
 *
 * @module
 */

/** What people write that is kept: something said, something done, a new topic. */
export type MessageType = "message" | "action" | "topic";

/** One line of a room's history. */
export interface StoredMessage {
  /** More than that of the message before it, over all rooms; never given out twice. */
  readonly id: number;
  /** Never before that of a smaller id. */
  readonly atMs: number;
  /** The room that it was said in. */
  readonly roomId: number;
  /** What kind of line it is. */
  readonly type: MessageType;
  /** Null for a guest. */
  readonly accountId: number | null;
  /** Its writer's name at the time. */
  readonly from: string;
  /** Clean (see `text.ts`): no control characters. */
  readonly text: string;
}

/** Which of a room's lines to read. */
export interface HistoryQuery {
  /** The room. */
  readonly roomId: number;
  /** Those before this id. */
  readonly beforeId: number;
  /** Those from this id on. */
  readonly sinceId: number;
  /** The newest so many of them. */
  readonly limit: number;
}

/** A room that is searched, and from which message on. */
export interface SearchedRoom {
  /** The room. */
  readonly roomId: number;
  /** Hits are from this message on. */
  readonly sinceId: number;
}

/** What to search for; every condition has to hold. */
export interface SearchQuery {
  /** Words as they were typed, one at least; one that ends in `*` stands for all that begin so. */
  readonly words: readonly string[];
  /** One at least; a hit lies in any of them. */
  readonly rooms: readonly SearchedRoom[];
  /** The key of its writer's name, or null for anybody. */
  readonly fromKey: string | null;
  /** Keys of names whose messages are no hits. */
  readonly exceptKeys: readonly string[];
  /** Hits are as old as this or younger; null for any age. */
  readonly afterMs: number | null;
  /** Hits are older than this; null for any age. */
  readonly beforeMs: number | null;
  /** The newest so many. */
  readonly limit: number;
}

/**
 * What was said. Appending is the one thing that happens in the chat's way, and
 * costs little; what is appended can be read by `recent` at once, and by the
 * other methods once {@linkcode HistoryStore.catchUp} has resolved.
 */
export interface HistoryStore {
  /** The id of the last message ever appended; 0 before the first. */
  readonly lastMessageId: number;
  /**
   * Appends what a turn brought, in one transaction.
   *
   * @param messages With ids that grow; what lies between them was given to other events.
   * @param seats What belongs to them in the same turn.
   */
  append(messages: readonly StoredMessage[], seats?: SeatChanges): void;
  /** The last `limit` messages of a room, oldest first, those just appended included. */
  recent(roomId: number, limit: number): StoredMessage[];
  /** Resolves once everything appended so far can be read; rejects with the signal's reason. */
  catchUp(signal: AbortSignal): Promise<void>;
  /**
   * The first `limit` messages of a room after an id, oldest first, those just
   * appended included.
   */
  after(query: {
    readonly roomId: number;
    readonly afterId: number;
    readonly limit: number;
  }): StoredMessage[];
  /**
   * How many messages of a room there are from this id on, those just appended
   * included: `limit` at most.
   */
  countFrom(query: {
    readonly roomId: number;
    readonly sinceId: number;
    readonly limit: number;
  }): number;
  /** Oldest first. */
  read(query: HistoryQuery): StoredMessage[];
  /** Newest first. */
  search(query: SearchQuery): StoredMessage[];
  /** The id of the first message from this time on; one more than the last where there is none. */
  idAt(atMs: number): number;
  /** One message, or null where there is none with that id. */
  message(id: number): StoredMessage | null;
  /** Removes one message for good, from what is searched as well. */
  removeMessage(id: number): void;
}

/** Who may come into a room, and whether others see that it exists. */
export type RoomAccess = "open" | "private" | "password" | "invite-only";

/** A room, as it lasts. */
export interface RoomRecord {
  /** Never given out twice. */
  readonly id: number;
  /** With its `#`. */
  readonly name: string;
  /** Of the name without its `#`. */
  readonly key: string;
  /** What the name looks like. */
  readonly skeleton: string;
  /** Who may come in. */
  readonly access: RoomAccess;
  /** A hash as `Passwords` makes it; null unless `access` is `password`. */
  readonly password: string | null;
  /** Empty for none. */
  readonly topic: string;
  /** Whether only registered names may come in and talk. */
  readonly isLocked: boolean;
  /** How long its messages last, where that is shorter than on the rest of the server. */
  readonly keepMs: number | null;
  /** The first message that somebody may read who was not a member before. */
  readonly openFromId: number;
  /** Messages that were ever said in it, those included that are gone. */
  readonly messages: number;
  /** When it was made. */
  readonly madeAtMs: number;
}

/** What an account is in a room. */
export interface MemberRecord {
  /** Whether it is an operator there. */
  readonly isOperator: boolean;
  /** Whether it may come in without being asked. */
  readonly isInvited: boolean;
  /** The first message that it may read. */
  readonly sinceId: number;
  /** The last message that it has read there, or was told elsewhere before that. */
  readonly readId: number;
}

/** Rooms, and what accounts are in them. */
export interface RoomStore {
  /** Every room, oldest first. The first one, `#lobby`, was there from the start. */
  rooms(): RoomRecord[];
  /** Makes a room. */
  addRoom(room: Omit<RoomRecord, "id" | "messages">): RoomRecord;
  /** Changes all of a room but `messages`, which follows from what is appended. */
  updateRoom(room: RoomRecord): void;
  /** Removes a room at once, and its history soon. */
  removeRoom(roomId: number): void;
  /** What an account is in a room; null where it never was there. */
  member(roomId: number, accountId: number): MemberRecord | null;
  /** What each account is in a room that ever was something there, by their ids. */
  members(roomId: number): Map<number, MemberRecord>;
  /** Sets all of that; `readId` never goes back. */
  setMember(roomId: number, accountId: number, member: MemberRecord): void;
  /** The names of a room's operators. */
  operatorsOf(roomId: number): string[];
  /** Rooms that an account is an operator of. */
  countOperated(accountId: number): number;
  /** Rooms that no account is an operator of. */
  countUnoperated(): number;
}

/** A registered name. */
export interface Account {
  /** Never given out twice. */
  readonly id: number;
  /** As its owner wrote it. */
  readonly name: string;
  /** What makes two names one. */
  readonly key: string;
  /** What the name looks like. */
  readonly skeleton: string;
  /** Whether it was made an operator of the server in the chat. */
  readonly isOperator: boolean;
  /** When it was registered. */
  readonly madeAtMs: number;
  /** When it last logged in or left. */
  readonly seenAtMs: number;
}

/** What waits for an account that is away. */
export interface WaitingMessage {
  /** Grows with time. */
  readonly id: number;
  /** When it was written. */
  readonly atMs: number;
  /** Its writer's name at the time. */
  readonly from: string;
  /** Clean. */
  readonly text: string;
}

/** Registered names, and what belongs to them. */
export interface AccountStore {
  /** How many there are. */
  countAccounts(): number;
  /** The account of a name; null where it is not registered. */
  accountByKey(key: string): Account | null;
  /** The account whose name has this skeleton; the oldest of several. */
  accountByLook(skeleton: string): Account | null;
  /** The hash of an account's password. */
  passwordOf(accountId: number): string;
  /** Registers a name whose key is free. */
  addAccount(account: Omit<Account, "id"> & { readonly password: string }): Account;
  /** Gives an account another password, as a hash. */
  setPassword(accountId: number, password: string): void;
  /** Makes an account an operator of the server, or one no more. */
  setServerOperator(accountId: number, isOperator: boolean): void;
  /** Sets when an account was last here. */
  setSeen(accountId: number, atMs: number): void;
  /** Removes it, and all that belongs to it; its messages stay, without it. */
  removeAccount(accountId: number): void;
  /** The names that an account ignores, by their keys. */
  ignoredBy(accountId: number): Map<string, string>;
  /** Has an account ignore a name; doing so again changes nothing. */
  addIgnored(accountId: number, name: { readonly key: string; readonly name: string }): void;
  /** Has an account hear a name again. */
  removeIgnored(accountId: number, key: string): void;
  /** Leaves a private message for an account that is away. */
  addWaiting(accountId: number, message: Omit<WaitingMessage, "id">): void;
  /**
   * How many messages wait for an account, and how many characters they have in all,
   * `LINE_FRAME_LENGTH` for each line included.
   */
  countWaiting(accountId: number): { readonly count: number; readonly length: number };
  /** Oldest first. */
  waiting(accountId: number): WaitingMessage[];
  /** Forgets those up to this id. */
  removeWaiting(accountId: number, upToId: number): void;
}

/** Whom a sanction is for. A network is written `192.0.2.0/24`, an address as one with all its bits. */
export interface SanctionTarget {
  /** What `value` is. */
  readonly type: "account" | "name" | "network";
  /** The key of the account's or guest's name, or the network. */
  readonly value: string;
}

/** A ban or a mute. */
export interface Sanction {
  /** Never given out twice. */
  readonly id: number;
  /** Whether it keeps from coming in, or from talking. */
  readonly kind: "ban" | "mute";
  /** Null for the whole server. */
  readonly roomId: number | null;
  /** Whom it is for. */
  readonly target: SanctionTarget;
  /** What is shown of the target to those who must not see addresses. */
  readonly shown: string;
  /** Who did it. */
  readonly by: string;
  /** Since when it holds. */
  readonly atMs: number;
  /** When it ends by itself; null for never. */
  readonly untilMs: number | null;
  /** Empty for none. */
  readonly reason: string;
}

/** Something that an operator did, or a report that somebody made. */
export interface AuditEntry {
  /** Grows with time. */
  readonly id: number;
  /** When it was done. */
  readonly atMs: number;
  /** Null for the whole server. */
  readonly roomId: number | null;
  /** The room's name at the time, or empty. */
  readonly room: string;
  /** Who did it. */
  readonly by: string;
  /** The act: `kick`, `ban`, `report`, ... */
  readonly act: string;
  /** Whom it was for, or empty; never an address. */
  readonly whom: string;
  /** The address or network that it was for, for server operators alone; or empty. */
  readonly address: string;
  /** When it ends; null for never. */
  readonly untilMs: number | null;
  /** Why, or the details. */
  readonly reason: string;
}

/** What operators decided. */
export interface ModerationStore {
  /** All that have not ended, oldest first. */
  sanctions(): Sanction[];
  /** Adds a ban or a mute. */
  addSanction(sanction: Omit<Sanction, "id">): Sanction;
  /** Removes one. */
  removeSanction(sanctionId: number): void;
  /** Writes down what was done. */
  addAudit(entry: Omit<AuditEntry, "id">): void;
  /** The last so many, oldest first: of one room, or with null of all rooms and the server. */
  audit(query: { readonly roomId: number | null; readonly limit: number }): AuditEntry[];
  /** A setting of the server, such as that it is locked; null where it was never set. */
  setting(name: string): string | null;
  /** Sets a setting of the server. */
  setSetting(name: string, value: string): void;
}

/** What is kept for a user who may come back after their connection, or the server, broke. */
export interface SeatRecord {
  /** Never given out twice. */
  readonly id: number;
  /** What its token is known by; never the token. */
  readonly tokenHash: string;
  /** The same of the token before, while the newer one may not have arrived; null for none. */
  readonly previousHash: string | null;
  /** The highest integer by which a request was known that was acted on. */
  readonly lastRef: number;
  /** Who the user is and where, as the chat writes it. */
  readonly state: string;
}

/** A private message that has not been confirmed by whom it is for. */
export interface SeatDirect {
  /** The event's. */
  readonly id: number;
  /** When it was written. */
  readonly atMs: number;
  /** Its writer's name at the time. */
  readonly from: string;
  /** Clean. */
  readonly text: string;
}

/** What a turn brought to seats. */
export interface SeatChanges {
  /** The `lastRef` of each seat whose user asked for something. */
  readonly refs: ReadonlyMap<number, number>;
  /** Private messages, by the seats of those whom they are for. */
  readonly directs: readonly { readonly seatId: number; readonly direct: SeatDirect }[];
}

/** Who may come back. */
export interface SeatStore {
  /** Every one, oldest first. */
  seats(): SeatRecord[];
  /** Adds one. */
  addSeat(seat: Omit<SeatRecord, "id">): SeatRecord;
  /**
   * Changes all of one but `lastRef`, which follows from what is appended. Does nothing
   * where it was removed.
   */
  updateSeat(seat: SeatRecord): void;
  /** Removes one, and the messages that were kept for it. */
  removeSeat(seatId: number): void;
  /** What has not been confirmed, oldest first. */
  seatDirects(seatId: number): SeatDirect[];
  /** Forgets messages up to this id. */
  removeSeatDirects(seatId: number, upToId: number): void;
  /** Up to which id events may have been told by an earlier run; 0 for none. */
  readonly reservedId: number;
  /** Sets that. */
  reserveIds(upToId: number): void;
}

/** A bot: a name under which programs of an account's owner talk and read, by a token. */
export interface BotRecord {
  /** Never given out twice. */
  readonly id: number;
  /** As its maker wrote it; others see it with its mark (see `bot_names.ts`). */
  readonly name: string;
  /** Of the name without its mark. */
  readonly key: string;
  /** Of the same. */
  readonly skeleton: string;
  /** When it was made. */
  readonly madeAtMs: number;
  /** Whose it is. */
  readonly maker: Account;
}

/** Bots, which are removed with the accounts of their makers. */
export interface BotStore {
  /** The bot of a name; null for none. */
  botByKey(key: string): BotRecord | null;
  /** The bot whose name has this skeleton; the oldest of several. */
  botByLook(skeleton: string): BotRecord | null;
  /** The bot whose token is known by this. */
  botByToken(tokenHash: string): BotRecord | null;
  /** Those of an account, oldest first. */
  botsOf(accountId: number): BotRecord[];
  /** Adds one, whose key is free and whose token no other has; the token as a hash. */
  addBot(bot: Omit<BotRecord, "id"> & { readonly tokenHash: string }): BotRecord;
  /** Removes one, and its token with it. */
  removeBot(botId: number): void;
}

/** What a backup came to. */
export interface BackupResult {
  /** The file. */
  readonly path: string;
  /** How many it holds. */
  readonly bytes: number;
}

/** All of it. */
export interface Store
  extends HistoryStore, RoomStore, AccountStore, ModerationStore, SeatStore, BotStore {
  /** Does several things as one: all of them last, or, where `act` throws, none. */
  transaction<Result>(act: () => Result): Result;
  /**
   * Copies everything into a file while the chat goes on.
   *
   * @throws {StoreError} If there is nowhere to copy to, or it fails.
   */
  backup(signal: AbortSignal): Promise<BackupResult>;
}

/** Passwords: hashing takes a tenth of a second of a processor, and happens elsewhere. */
export interface Passwords {
  /**
   * A hash with its salt and parameters, as text.
   *
   * @throws {CommandError} If too many are being hashed already.
   */
  hash(password: string): Promise<string>;
  /**
   * Whether a password is the one of the hash.
   *
   * @throws {CommandError} If too many are being hashed already.
   */
  verify(password: string, hash: string): Promise<boolean>;
}
