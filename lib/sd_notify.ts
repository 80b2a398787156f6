/**
 * The one message that systemd waits for: that the server is ready; see
 * sd_notify(3).
 *
 * Sending takes the right to write at each send, and the server gives that back
 * right afterwards: so this is all that is ever sent, and the unit has
 * `Type=notify`, not `notify-reload`.
 * Must not know: the environment, where `NOTIFY_SOCKET` names the socket.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { NOTIFY_MS } from "./limits.ts";

/**
 * Tells the service manager that the server is ready. Waits until the system has
 * taken that, for `NOTIFY_MS` at the most.
 *
 * @param socketPath What `NOTIFY_SOCKET` holds: a path, or `@` and an abstract name.
 * @param status What `systemctl status` shows, one line.
 * @throws {Error} If it could not be told; the server is as ready as before.
 */
export async function notifyReady(socketPath: string, status: string): Promise<void> {
  if (!/^[/@]./.test(socketPath)) {
    throw new Error(`NOTIFY_SOCKET is no path of a socket: ${socketPath}`);
  }
  const address: Deno.UnixAddr = {
    transport: "unixpacket",
    path: socketPath.replace(/^@/, "\0"),
  };
  const message = new TextEncoder().encode(`READY=1\nSTATUS=${status.replaceAll("\n", " ")}\n`);
  // The runtime sends from a socket that has a name of its own: one that nobody else can reach.
  const folder = await Deno.makeTempDir({ prefix: "parley-notify-" });
  try {
    const socket = Deno.listenDatagram({ transport: "unixpacket", path: `${folder}/socket` });
    try {
      await deadline(socket.send(message, address), NOTIFY_MS);
    } finally {
      socket.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
