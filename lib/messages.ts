/**
 * What users tell the server: one tagged union, the same for every protocol.
 *
 * A protocol decodes each line into one of these; texts in them are already
 * clean (see `text.ts`).
 * Must not know: protocols, sockets, what a message leads to.
 *
 * @module
 */

/** By what a program knows a request, and finds what answers it. Integers grow. */
export type Ref = number | string;

/** How a program comes in. */
export interface Hello {
  /** Of the protocol. */
  readonly version: number;
  /** The name to go by; null for whatever the server picks. */
  readonly nick: string | null;
  /** The server's password; null where none is given. */
  readonly password: string | null;
  /** What an earlier connection was given; null to begin anew. */
  readonly token: string | null;
  /** The last event that arrived over that one; 0 for none. */
  readonly lastId: number;
  /** Whether a token for a later connection is wanted. */
  readonly wantsToken: boolean;
}

/** What a user sent, as one line. */
export type ClientMessage =
  /**
   * Something to say, in a room of the user's or, without one, in the current room;
   * `text` has at least one visible character. From a program it may have several lines.
   */
  | {
    readonly type: "say";
    readonly text: string;
    readonly room?: string;
    readonly ref?: Ref;
  }
  /** A command; `name` is in lower case without its slash, `args` has no outer spaces. */
  | {
    readonly type: "command";
    readonly name: string;
    readonly args: string;
    readonly room?: string;
    readonly ref?: Ref;
  }
  /** How a program comes in. */
  | { readonly type: "hello"; readonly hello: Hello; readonly ref?: Ref }
  /** A program asks whether the server answers; all up to `lastId` has arrived, 0 for nothing. */
  | {
    readonly type: "ping";
    readonly text: string;
    readonly lastId: number;
    readonly ref?: Ref;
  }
  /** What a program sent is no request; `text` is a sentence. */
  | { readonly type: "invalid"; readonly code: string; readonly text: string; readonly ref?: Ref }
  /** A line without content, to be passed over. */
  | { readonly type: "blank" };
