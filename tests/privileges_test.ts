// What a running server may still do: nothing but talk to those who come, and keep what they
// say in the files that it has open. A process that is asked from inside tries every way out,
// while two people talk through it. What is read again later (the certificate, the
// configuration) is read by a worker that can do nothing else, and not by that process.

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:tls";
import { onUnix } from "./fixtures/machine.ts";
import { overTls, TestCertificate } from "./fixtures/certificates.ts";
import { Folder, startProcess } from "./fixtures/server_process.ts";
import { Guest, within } from "./harness.ts";

Deno.test({
  // Windows has no SIGUSR2 to ask it with.
  ...onUnix(overTls("a running server reaches no file, no host and no program")),
  fn: async () => {
    await using folder = new Folder();
    await using certificate = await TestCertificate.make();
    await using other = await TestCertificate.make();
    const path = folder.file("chat.db");
    const config = `${certificate.folder}/config.json`;
    await Deno.writeTextFile(config, '{"name": "First"}');
    const options = {
      script: "tests/fixtures/probe.ts",
      args: [
        ...["--db", path, "--config", config, "--operator", "ann", "--rate", "off"],
        ...["--tls-cert", certificate.certFile, "--tls-key", certificate.keyFile],
        ...["--tls-port", "0", "--web", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
        ...["--log-level", "info"],
      ],
    };
    {
      await using server = await startProcess(options);
      await using ann = await Guest.connect(server.port);
      ann.say("/nick ann");
      await ann.roundtrip();
      server.kill("SIGUSR2");
      const [, json = "{}"] = await server.printed(/^outcomes (.*)$/m);
      const outcomes: Record<string, string> = JSON.parse(json);
      assertEquals(Object.entries(outcomes).filter(([, outcome]) => outcome !== "NotCapable"), []);
      assertEquals(Object.keys(outcomes).length, 49);
      assertEquals(namesIn(folder), ["chat.db", "chat.db-backup", "chat.db-shm", "chat.db-wal"]);

      await using bob = await Guest.connect(server.port);
      bob.say("/nick bob");
      await bob.roundtrip();
      await ann.until(/ is now bob\.$/);
      ann.say("still here?");
      await bob.expect("ann: still here?");
      bob.say("as ever");
      await ann.expect("bob: as ever");
      // Whatever it keeps, it keeps in what is open: what is said, names, rooms, copies.
      ann.say("/register correct-horse");
      await ann.expect("-- ann is yours now. From elsewhere: /login ann PASSWORD");
      ann.say("/backup");
      assertMatch(
        await ann.line(),
        /^-- Everything is copied to .*\/chat\.db-backup \(\d+ KiB\)\.$/,
      );
      // And it does read again what it was started with, when it is asked to.
      assertEquals(await fingerprintAt(server.portOf("TLS")), certificate.fingerprint);
      await Deno.copyFile(other.certFile, certificate.certFile);
      await Deno.copyFile(other.keyFile, certificate.keyFile);
      await Deno.writeTextFile(config, '{"name": "Second", "port": 1}');
      server.kill("SIGHUP");
      await server.complained(/name First -> Second/);
      assertEquals(await fingerprintAt(server.portOf("TLS")), other.fingerprint);
      assertEquals(await fingerprintAt(server.portOf("browsers")), other.fingerprint);
      ann.say("/join #dev");
      await ann.until(/^-- The room is new/);
      ann.say("kept?");
      await ann.roundtrip();
      await ann.close();
      await bob.close();
      server.kill("SIGTERM");
      assertEquals((await server.result()).code, 0);
    }
    // With its log filed and removed: SQLite did that after the last permission was gone.
    assertEquals(namesIn(folder), ["chat.db", "chat.db-backup"]);
    await using server = await startProcess(options);
    await using ann = await Guest.connect(server.port);
    ann.say("/login ann correct-horse");
    await ann.until("-- You are logged in as ann.");
    ann.say("/history");
    assertEquals(withoutTimes(await ann.roundtrip()), ["ann: still here?", "bob: as ever"]);
    ann.say("/join #dev");
    assertEquals(withoutTimes(await ann.roundtrip()), ["-- You are now in #dev, alone so far."]);
    ann.say("/history");
    assertEquals(withoutTimes(await ann.roundtrip()), ["ann: kept?"]);
  },
});

/** The fingerprint of the certificate that a door shows. */
async function fingerprintAt(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  });
  socket.on("error", reject);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const fingerprint = await within(promise, () => `Awaited a handshake on port ${port}`);
  await closed;
  return fingerprint;
}

function namesIn(folder: Folder): string[] {
  return Object.keys(folder.contents());
}

/** Lines of history without what stands before them. */
function withoutTimes(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^\[\S+ \d+\] /, ""));
}
