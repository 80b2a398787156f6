/**
 * What users tell the server: one tagged union, the same for every protocol.
 *
 * A protocol decodes each line into one of these; texts in them are already
 * clean (see `text.ts`).
 * Must not know: protocols, sockets, what a message leads to.
 *
 * @module
 */

/** What a user sent, as one line. */
export type ClientMessage =
  /** Something to say in the current room; `text` has at least one visible character. */
  | { readonly type: "say"; readonly text: string }
  /** A command; `name` is in lower case without its slash, `args` has no outer spaces. */
  | { readonly type: "command"; readonly name: string; readonly args: string }
  /** A line without content, to be passed over. */
  | { readonly type: "blank" };
