/**
 * The errors that Parley tells apart, in four families.
 *
 * 1. Reasons: why a session ended ({@linkcode EndReason}). They travel through
 *    an `AbortSignal` or `Connection.closed`; most are no fault of anybody.
 * 2. {@linkcode CommandError}: the user asked for what we refuse. It becomes
 *    one line to that user, is never logged as a fault and closes nothing.
 * 3. {@linkcode StoreError}: the disk, or what lies on it, does not do its part.
 *    The user who asked is told, the log says more, and talking goes on.
 * 4. Anything else is a fault of ours or of the machine.
 *
 * Must not know: who throws or shows them.
 *
 * @module
 */

/** Why a session ended. The `kind` is stable: logs and goodbyes are made from it. */
export type EndKind =
  | "quit"
  | "end-of-stream"
  | "reset"
  | "idle"
  | "slow"
  | "shutdown"
  | "refused"
  | "removed"
  | "replaced"
  | "resumed"
  | "not-admitted"
  | "fault";

/** The reason that ends a session; it is what a connection's signal is aborted with. */
export class EndReason extends Error {
  /** Which end this is. */
  readonly kind: EndKind;

  /** `message` is for the log; the peer is told in the words of its protocol. */
  constructor(kind: EndKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EndReason";
    this.kind = kind;
  }

  /** The reason inside an aborted signal, or a fault that wraps whatever is there. */
  static of(reason: unknown): EndReason {
    if (reason instanceof EndReason) return reason;
    return new EndReason("fault", "Session failed", { cause: reason });
  }
}

/** The peer sent nothing for longer than the idle time-out. */
export class IdleTimeoutError extends EndReason {
  /** The time-out that passed, in milliseconds. */
  readonly timeoutMs: number;

  /** After a silence of `timeoutMs` milliseconds. */
  constructor(timeoutMs: number) {
    super("idle", `Peer sent nothing for ${timeoutMs} ms`);
    this.name = "IdleTimeoutError";
    this.timeoutMs = timeoutMs;
  }
}

/** The peer read too slowly: its send queue is full. */
export class SendQueueError extends EndReason {
  /** Over the cap of `bytesMax` bytes. */
  constructor(bytesMax: number) {
    super("slow", `Send queue exceeded ${bytesMax} bytes`);
    this.name = "SendQueueError";
  }
}

/** The server is stopping. */
export class ShutdownError extends EndReason {
  /** There is one way to stop. */
  constructor() {
    super("shutdown", "Server is shutting down");
    this.name = "ShutdownError";
  }
}

/** An operator, or the user from another connection, ended the session. */
export class RemovedError extends EndReason {
  /** `message` is shown to the user as it is, as a sentence. */
  constructor(kind: "removed" | "replaced", message: string) {
    super(kind, message);
    this.name = "RemovedError";
  }
}

/** A user's request that is refused: a stable code for programs, a sentence for people. */
export class CommandError extends Error {
  /** Stable across releases: `no-such-user`, `name-taken`, ... */
  readonly code: string;

  /** `message` is shown to the user as it is. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
    this.code = code;
  }
}

/** What is wrong with the store. The kind is stable: logs name it. */
export type StoreFault = "full" | "read-only" | "locked" | "corrupt" | "newer" | "failed";

/** The store could not do what it was asked for, and has changed nothing. */
export class StoreError extends Error {
  /** What is wrong. */
  readonly fault: StoreFault;

  /** `message` is one sentence for people, without the file's path: "The disk is full." */
  constructor(fault: StoreFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.fault = fault;
  }
}

/** A door could not be opened: its port is in use, say. The cause says why. */
export class DoorError extends Error {
  /** Where it would have been. */
  readonly at: { readonly host: string; readonly port: number };
  /** The option that says which port that is, without its dashes. */
  readonly option: string;

  /** At an address and port, which `option` names. */
  constructor(
    at: { readonly host: string; readonly port: number },
    { option, ...options }: ErrorOptions & { readonly option: string },
  ) {
    super(`Cannot listen on ${at.host}, port ${at.port}`, options);
    this.name = "DoorError";
    this.at = at;
    this.option = option;
  }
}

/** Something in the command line, the environment or the configuration file is wrong. */
export class UsageError extends Error {
  /** `message` is shown to the operator as it is: one line, without its end. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UsageError";
  }
}
