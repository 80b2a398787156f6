// The client's connection to a server that does not read: what may wait for it
// is bounded, and what was taken arrives whole once it reads.

import { assert, assertEquals } from "@std/assert";
import { CLIENT_QUEUE_BYTES_MAX } from "../../lib/limits.ts";
import { connectToServer } from "../../lib/client/server_link.ts";

Deno.test("ServerLink.send() takes no more than may wait, and loses nothing of that", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [link, conn] = await Promise.all([
    connectToServer({ hostname: "127.0.0.1", port: listener.addr.port, isTls: false }),
    listener.accept(),
  ]);
  using _conn = conn;
  await using _link = link;

  const block = new Uint8Array(64 * 1024).fill(0x78);
  let taken = 0;
  // One turn: nothing leaves meanwhile.
  while (link.send(block)) taken += block.length;
  assert(taken <= CLIENT_QUEUE_BYTES_MAX && taken > CLIENT_QUEUE_BYTES_MAX - block.length);

  const buffer = new Uint8Array(256 * 1024);
  let arrived = 0;
  while (arrived < taken) arrived += await conn.read(buffer) ?? taken;
  assertEquals(arrived, taken);
  assert(await link.flushed());
  assert(link.send("there is room again"));
  assertEquals(await conn.read(buffer), "there is room again\n".length);
});
