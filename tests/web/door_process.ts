/**
 * A browser door as a process of its own, with an echo behind it: so that a test
 * can take something away from it.
 *
 * Its arguments are the files of a certificate and its key, or none for plain
 * HTTP. The port it listens on is its first line; it ends with its input, well
 * where nothing is left open.
 *
 * @module
 */

import { EchoDoor } from "./echo_door.ts";

// As every server does at its start. Deno 2.9.6 panics where it happens first without a free file.
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", () => Deno.exit());
const [certFile, keyFile] = Deno.args;
const certificate = certFile === undefined || keyFile === undefined
  ? null
  : { cert: Deno.readTextFileSync(certFile), key: Deno.readTextFileSync(keyFile) };
{
  await using door = await EchoDoor.open({ certificate });
  Deno.stdout.writeSync(new TextEncoder().encode(`${door.port}\n`));
  for await (const _ of Deno.stdin.readable);
}
Deno.exit();
