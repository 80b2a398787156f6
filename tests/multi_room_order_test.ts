// Rooms that are busy in the same turns: whoever is in several of them, a program or a
// person on nc, is told everything in one order, which is that of the events' ids.

import { assert, assertEquals } from "@std/assert";
import { type Guest, startTestServer } from "./harness.ts";
import { JsonGuest } from "./json_guest.ts";

Deno.test("who is in several rooms is told what happens in them in one order", async () => {
  await using server = await startTestServer();
  await using stack = new AsyncDisposableStack();
  const rooms = ["#lobby", "#dev", "#web"];
  const bots: JsonGuest[] = [];
  const people: Guest[] = [];
  for (const name of ["bot-a", "bot-b", "bot-c", "bot-d"]) {
    const bot = stack.use(await JsonGuest.enter(server.port, name));
    for (const room of rooms.slice(1)) await bot.ask(`join ${room}`);
    bots.push(bot);
  }
  for (const name of ["ann", "ben", "cat"]) {
    const guest = stack.use(await server.join(name));
    for (const room of rooms.slice(1)) guest.say(`/join ${room}`);
    await guest.roundtrip();
    people.push(guest);
  }
  // In two of the rooms alone: their order is that of the others, with gaps.
  const partial = stack.use(await JsonGuest.enter(server.port, "partial"));
  await partial.ask("join #web");
  for (const guest of people) await guest.roundtrip();
  for (const bot of [...bots, partial]) await bot.settle();
  const before = partial.lastId;
  const count = 60;
  for (let turn = 0; turn < count; turn++) {
    for (const [at, bot] of bots.entries()) {
      bot.say(`${turn}`, rooms[(turn + at) % rooms.length] ?? "");
      if (turn % 20 === at) bot.command(turn % 40 === at ? "leave #web" : "join #web");
    }
    for (const [at, guest] of people.entries()) {
      guest.say(`/msg ${rooms[(turn * at + turn) % rooms.length]} ${turn}`);
    }
  }
  // Once all have had an answer to what they sent last, a second round has the rest.
  const lines = people.map((): string[] => []);
  for (let round = 0; round < 2; round++) {
    for (const bot of [...bots, partial]) await bot.settle();
    for (const [at, guest] of people.entries()) lines[at]?.push(...await guest.roundtrip());
  }
  for (const bot of [...bots, partial]) await bot.settle();
  // The whole of it, from what everybody together was told; JsonGuest holds each to the order of ids.
  const all = new Map<number, string>();
  for (const bot of [...bots, partial]) {
    for (const { type, id, room, from, text } of bot.told("message")) {
      if (Number(id) <= before) continue;
      const shown = `${room} ${from}: ${text}`;
      assertEquals(all.get(Number(id)) ?? shown, shown, `what ${id} is, for ${bot.name}: ${type}`);
      all.set(Number(id), shown);
    }
  }
  const order = [...all].toSorted(([one], [other]) => one - other).map(([, shown]) => shown);
  assert(order.length > count * (people.length + 2), "most of it was said");
  const heard = partial.told("message").filter(({ id }) => Number(id) > before);
  assertEquals(
    heard.map(({ room, from, text }) => `${room} ${from}: ${text}`),
    order.filter((shown) => !shown.startsWith("#dev ")),
  );
  for (const [at, each] of lines.entries()) {
    const name = ["ann", "ben", "cat"][at];
    // What is said where they are has no room before it.
    const theirs = each.filter((line) => !line.startsWith("-- ")).map((line) => {
      const [, room = "#web", rest] = /^(?:\[(#\w+)\] )?(.*)$/.exec(line) ?? [];
      return `${room} ${rest}`;
    });
    assertEquals(theirs, order.filter((shown) => !shown.includes(` ${name}: `)), `for ${name}`);
  }
});
