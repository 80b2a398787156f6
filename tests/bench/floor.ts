/**
 * The simplest correct chat server: what the benchmark holds Parley against.
 *
 * It prefixes each line with its sender's number and writes it to everybody
 * else, one write for each message and user, in order. No names, limits,
 * time-outs or batches, and whoever does not read makes it grow without end.
 *
 * @module
 */

interface User {
  readonly id: number;
  readonly conn: Deno.TcpConn;
  /** Resolves once all that was said so far is written. Never rejects. */
  written: Promise<void>;
}

const users = new Set<User>();
const encoder = new TextEncoder();
let lastId = 0;
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 4096 });
Deno.stdout.writeSync(encoder.encode(`floor listens on 127.0.0.1:${listener.addr.port}.\n`));
for await (const conn of listener) serve(conn);

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay();
  const user: User = { id: ++lastId, conn, written: Promise.resolve() };
  users.add(user);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let rest = "";
  try {
    for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
      const lines = (rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split(
        "\n",
      );
      rest = lines.pop() ?? "";
      for (const line of lines) publish(encoder.encode(`${user.id}: ${line}\n`), user);
    }
  } catch {
    // A reset: the peer is gone, as at the end of its stream.
  }
  users.delete(user);
  conn[Symbol.dispose]();
}

function publish(bytes: Uint8Array, from: User): void {
  for (const user of users) {
    if (user !== from) user.written = user.written.then(() => writeAll(user.conn, bytes));
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  } catch {
    // The peer is gone; whoever reads from it finds out.
  }
}
