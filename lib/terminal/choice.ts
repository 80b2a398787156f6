/**
 * A setting of the client's own with a few values: `/bell mentions`.
 *
 * Pure. Must not know: which settings there are, what comes of a choice.
 *
 * @module
 */

/** What a user who typed such a command is told, and what they chose. */
export interface ChoiceAnswer<Choice> {
  /** Null where nothing was chosen: they asked, or mistyped it. */
  readonly choice: Choice | null;
  /** Whether they mistyped it. */
  readonly isMistake: boolean;
  /** One sentence. */
  readonly text: string;
}

/**
 * Reads what was typed behind a setting's name.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readChoice } from "./choice.ts";
 *
 * const bell = { name: "bell", choices: ["off", "all"], current: "off" } as const;
 * assertEquals(readChoice("ALL", bell).choice, "all");
 * assertEquals(readChoice("loud", bell).text, "/bell takes off or all.");
 * ```
 *
 * @param args Without outer spaces; empty to be told how it is set.
 */
export function readChoice<Choice extends string>(
  args: string,
  setting: {
    readonly name: string;
    readonly choices: readonly Choice[];
    readonly current: Choice;
  },
): ChoiceAnswer<Choice> {
  const { name, choices, current } = setting;
  const choice = choices.find((each) => each === args.toLowerCase()) ?? null;
  if (choice !== null) {
    return { choice, isMistake: false, text: `/${name} is ${choice} from now on.` };
  }
  if (args === "") {
    const text = `/${name} is ${current}; ${choices.join(", ")} are the choices.`;
    return { choice, isMistake: false, text };
  }
  const all = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  return { choice, isMistake: true, text: `/${name} takes ${all}.` };
}
