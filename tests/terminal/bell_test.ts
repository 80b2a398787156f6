// The bell: for what it is rung, and how often.

import { assert, assertEquals } from "@std/assert";
import type { BellChoice } from "../../lib/client/settings.ts";
import { CLIENT_BELL_MS } from "../../lib/limits.ts";
import type { ServerEvent } from "../../lib/protocol/json_reader.ts";
import { Bell } from "../../lib/terminal/bell.ts";

const said = (from: string, text: string): ServerEvent => ({
  type: "message",
  id: 1,
  atMs: 0,
  room: "#lobby",
  from,
  isRegistered: false,
  text,
});
const direct: ServerEvent = {
  type: "direct",
  id: 1,
  atMs: 0,
  nowMs: 0,
  from: "ann",
  text: "psst",
  hasWaited: false,
};
const joined: ServerEvent = {
  type: "joined",
  id: 1,
  room: "#lobby",
  who: { names: ["kim"], more: 0 },
};

Deno.test("Bell.rings() goes by what the user has chosen", async (t) => {
  const cases: readonly [event: ServerEvent, choices: BellChoice[]][] = [
    [said("ann", "hello Kim."), ["mentions", "all"]],
    [said("ann", "hello kimono"), ["all"]],
    [said("KIM", "kim is me"), []],
    [direct, ["mentions", "all"]],
    [joined, []],
  ];
  for (const [event, choices] of cases) {
    await t.step(JSON.stringify(event), () => {
      const rings = (["off", "mentions", "all"] as const)
        .filter((choice) => new Bell(choice).rings(event, "kim", 0));
      assertEquals(rings, choices);
    });
  }
});

Deno.test("Bell.rings() is quiet while nobody has a name", () => {
  assert(!new Bell("all").rings(said("ann", "hi"), null, 0));
});

Deno.test("Bell.rings() pauses between two, and follows another name", () => {
  const bell = new Bell("mentions");
  assert(bell.rings(said("ann", "kim?"), "kim", 0));
  assert(!bell.rings(said("ann", "kim?"), "kim", CLIENT_BELL_MS - 1));
  assert(bell.rings(said("ann", "kim?"), "kim", CLIENT_BELL_MS));
  assert(!bell.rings(said("ann", "kim?"), "tim", 9 * CLIENT_BELL_MS));
  assert(bell.rings(said("ann", "tim?"), "tim", 9 * CLIENT_BELL_MS));
  // The clock was set back.
  assert(bell.rings(said("ann", "tim?"), "tim", 0));
});
