/**
 * What bots are called: a name with a mark behind it.
 *
 * The mark has brackets, which no name of a user's can have (see `names.ts`): so
 * everybody sees from the name alone who is a bot, on `nc` and in history too, and
 * nobody can pretend to be one.
 * Must not know: which bots there are.
 *
 * @module
 */

/** What stands behind the name of each bot. */
const BOT_MARK = "[bot]";

/**
 * A name with the mark; of a key, the key of that.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { markBot } from "./bot_names.ts";
 *
 * assertEquals(markBot("ci"), "ci[bot]");
 * ```
 */
export function markBot(name: string): string {
  return `${name}${BOT_MARK}`;
}

/**
 * A name without the mark, or a key; null where it has none, and so is no bot's.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unmarkBot } from "./bot_names.ts";
 *
 * assertEquals([unmarkBot("ci[bot]"), unmarkBot("ci")], ["ci", null]);
 * ```
 */
export function unmarkBot(name: string): string | null {
  return name.endsWith(BOT_MARK) ? name.slice(0, -BOT_MARK.length) : null;
}
