// What a running server may still do: nothing but talk to those who come. A
// process that is asked from inside tries every way out, while two people talk
// through it.

import { assertEquals } from "@std/assert";
import { startProcess } from "./fixtures/server_process.ts";
import { Guest } from "./harness.ts";

const IS_WINDOWS = Deno.build.os === "windows";

Deno.test({
  name: `a running server reaches no file, no host and no program${
    IS_WINDOWS ? " (not on Windows, which has no SIGUSR2 to ask it with)" : ""
  }`,
  ignore: IS_WINDOWS,
  fn: async () => {
    await using server = await startProcess({ script: "tests/fixtures/probe.ts" });
    await using ann = await Guest.connect(server.port);
    ann.say("/nick ann");
    await ann.roundtrip();
    server.kill("SIGUSR2");
    const [, json = "{}"] = await server.printed(/^outcomes (.*)$/m);
    const outcomes: Record<string, string> = JSON.parse(json);
    assertEquals(Object.entries(outcomes).filter(([, outcome]) => outcome !== "NotCapable"), []);
    assertEquals(Object.keys(outcomes).length, 22);

    await using bob = await Guest.connect(server.port);
    bob.say("/nick bob");
    await bob.roundtrip();
    await ann.until(/ is now bob\.$/);
    ann.say("still here?");
    await bob.expect("ann: still here?");
    bob.say("as ever");
    await ann.expect("bob: as ever");
    server.kill("SIGTERM");
    assertEquals(await server.result(), { code: 0, stderr: "" });
  },
});
