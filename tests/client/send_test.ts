// One message to a server that the test plays: what was said, what was refused, what nobody knows.

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { type SendEnd, sendMessage } from "../../lib/client/send.ts";
import { parseServerAddress } from "../../lib/client/server_address.ts";
import { type FakePeer, FakeServer, WAIT_MS } from "../terminal/fake_server.ts";
import { lineOf, nextRequest, welcomeLine } from "./conversations.ts";

function start(server: FakeServer, signal = new AbortController().signal): Promise<SendEnd> {
  const sending = sendMessage({
    address: parseServerAddress(server.address),
    room: "#dev",
    text: "one\ntwo",
    nick: "ci",
    password: null,
    signal,
  });
  return deadline(sending, WAIT_MS);
}

/** Plays until the message has come, and returns its ref. */
async function takeMessage(peer: FakePeer): Promise<unknown> {
  assertEquals(await nextRequest(peer), { type: "hello", version: 1, nick: "ci", resume: false });
  await peer.say(welcomeLine({ token: null }));
  const join = await nextRequest(peer);
  assertEquals([join["name"], join["args"]], ["join", "#dev"]);
  await peer.say(lineOf({ type: "ok", ref: join["ref"] }));
  const { ref, ...say } = await nextRequest(peer);
  assertEquals(say, { type: "say", text: "one\ntwo", room: "#dev" });
  return ref;
}

Deno.test("sendMessage() joins, says it, waits for the answer and leaves", async () => {
  await using server = new FakeServer();
  const end = start(server);
  const peer = await server.accept();
  const ref = await takeMessage(peer);
  await peer.say(lineOf({ type: "ok", ref, id: 1, atMs: 1 }));
  assertEquals((await nextRequest(peer))["type"], "quit");
  await peer.say(lineOf({ type: "goodbye", reason: "quit", sessionId: 1, detail: "" }));
  assertEquals(await end, { kind: "said" });
  await peer.end();
});

Deno.test("sendMessage() tells why the server refuses", async (t) => {
  await t.step("the room", async () => {
    await using server = new FakeServer();
    const end = start(server);
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(welcomeLine({ token: null }));
    const { ref } = await nextRequest(peer);
    await peer.say(lineOf({ type: "refused", ref, code: "invite-only", text: "Not for you." }));
    await nextRequest(peer);
    await peer.close();
    assertEquals(await end, { kind: "refused", code: "invite-only", why: "Not for you." });
  });
  await t.step("the message", async () => {
    await using server = new FakeServer();
    const end = start(server);
    const peer = await server.accept();
    const ref = await takeMessage(peer);
    await peer.say(lineOf({ type: "refused", ref, code: "muted", text: "You are muted." }));
    await nextRequest(peer);
    await peer.close();
    assertEquals(await end, { kind: "refused", code: "muted", why: "You are muted." });
  });
  await t.step("the user", async () => {
    await using server = new FakeServer();
    const end = start(server);
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say(lineOf({ type: "refused", code: "password-wanted", text: "Tell it." }));
    assertEquals(await end, { kind: "refused", code: "not-admitted", why: "Tell it." });
  });
});

Deno.test("sendMessage() tells a lost message from one that nobody knows of", async (t) => {
  await t.step("before it was sent", async () => {
    await using server = new FakeServer();
    const end = start(server);
    const peer = await server.accept();
    await nextRequest(peer);
    await peer.say("-- Parley is full.\n");
    await peer.close();
    assertEquals(await end, { kind: "failed", why: "Parley is full." });
  });
  await t.step("before its answer", async () => {
    await using server = new FakeServer();
    const end = start(server);
    const peer = await server.accept();
    await takeMessage(peer);
    await peer.close();
    assertEquals(await end, {
      kind: "failed",
      why:
        "The connection was lost for good before an answer came: nobody knows whether that was done.",
    });
  });
  await t.step("given up", async () => {
    await using server = new FakeServer();
    const controller = new AbortController();
    const end = start(server, controller.signal);
    const peer = await server.accept();
    await nextRequest(peer);
    controller.abort();
    assertEquals((await end).kind, "failed");
  });
});
