/**
 * What is asked of the server for something that the user says, and how it is
 * shown while it is on its way.
 *
 * Pure. Must not know: the terminal, the connection, the client's own commands.
 *
 * @module
 */

import type { Saying } from "../client/chat_model.ts";
import type { Request } from "../client/conversation.ts";
import type { TypedLine } from "./typed_line.ts";

/** Where the user is, and with whom. */
export interface Whereabouts {
  /** The room that is shown, with its `#`; empty for none. */
  readonly room: string;
  /** Who wrote in private last; undefined for nobody. */
  readonly correspondent: string | undefined;
}

/** A request, and what it says. */
export interface Outgoing {
  /** In the room that is shown, which the server then takes for the current one. */
  readonly request: Request;
  /** Null for what is not shown before the server tells it. */
  readonly saying: Omit<Saying, "ref"> | null;
}

/**
 * What comes of a typed text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outgoingOf } from "./outgoing.ts";
 *
 * const place = { room: "#dev", correspondent: undefined };
 * assertEquals(outgoingOf({ kind: "action", text: "waves" }, place), {
 *   request: { type: "command", name: "me", args: "waves", room: "#dev" },
 *   saying: { kind: "action", room: "#dev", text: "waves" },
 * });
 * ```
 */
export function outgoingOf(typed: TypedLine, { room, correspondent }: Whereabouts): Outgoing {
  const place = room === "" ? {} : { room };
  const shownIn = room === "" ? null : room;
  switch (typed.kind) {
    case "say": {
      const { text } = typed;
      return {
        request: { type: "say", text, ...place },
        saying: { kind: "message", room: shownIn, text },
      };
    }
    case "action": {
      const { text } = typed;
      return {
        request: { type: "command", name: "me", args: text, ...place },
        saying: { kind: "action", room: shownIn, text },
      };
    }
    case "to": {
      const { to, text } = typed;
      const whom = to ?? correspondent;
      // What is said in another room comes back from there.
      const isShown = whom !== undefined && !whom.startsWith("#");
      return {
        request: to === null
          ? { type: "command", name: "reply", args: text, ...place }
          : { type: "command", name: "msg", args: `${to} ${text}`, ...place },
        saying: isShown ? { kind: "direct", room: null, to: whom, text } : null,
      };
    }
    case "command": {
      const { name, args } = typed;
      return { request: { type: "command", name, args, ...place }, saying: null };
    }
  }
}
