// What systemd is told: one datagram that says that the server is ready, and a clear error,
// and nothing left behind, where it cannot be told.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { onLinux, onUnix } from "./fixtures/machine.ts";
import { notifyReady } from "../lib/sd_notify.ts";
import { within } from "./harness.ts";

/** A service manager that is told something. */
class Manager implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "parley-manager-" });
  /** What `NOTIFY_SOCKET` would hold. */
  readonly socketPath: string;
  readonly #socket: Deno.DatagramConn;

  /** @param name An abstract name without its `@`; null for a path. */
  constructor(name: string | null = null) {
    this.socketPath = name === null ? `${this.#folder}/notify` : `@${name}`;
    const path = this.socketPath.replace("@", "\0");
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
  }

  /** Waits for the next datagram: its text, and the sender's own path. */
  async receive(): Promise<{ readonly text: string; readonly from: string }> {
    const [bytes, from] = await within(
      this.#socket.receive(),
      () => "Awaited a datagram for the service manager",
    );
    assert("path" in from);
    return { text: new TextDecoder().decode(bytes), from: from.path };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Tries in a process whose temporary folder is its own: how that fails, and what it leaves there. */
async function failingTo(socketPath: string): Promise<{ error: string; left: string[] }> {
  const folder = await Deno.makeTempDir({ prefix: "parley-manager-" });
  const module = new URL("../lib/sd_notify.ts", import.meta.url);
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--unstable-net",
        `import { notifyReady } from ${JSON.stringify(module.href)};
        await notifyReady(${JSON.stringify(socketPath)}, "Ready").then(
          () => console.log("told"),
          (error) => console.log(error.name + ": " + error.message),
        );`,
      ],
      cwd: new URL("..", import.meta.url),
      env: { NO_COLOR: "1", TMPDIR: folder },
    }).output();
    const decoder = new TextDecoder();
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
    return { error: (decoder.decode(stdout) || decoder.decode(stderr)).trim(), left };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(
  onUnix("the manager is told once that the server is ready, and what it does"),
  async () => {
    await using manager = new Manager();
    await notifyReady(manager.socketPath, "Listens on 127.0.0.1:2022");
    const { text, from } = await manager.receive();
    assertEquals(text, "READY=1\nSTATUS=Listens on 127.0.0.1:2022\n");
    await assertRejects(() => Deno.lstat(from), Deno.errors.NotFound);
  },
);

Deno.test(onLinux("a socket with an abstract name is reached as well"), async () => {
  await using manager = new Manager(`parley-test-${crypto.randomUUID()}`);
  await notifyReady(manager.socketPath, "Ready");
  assertEquals((await manager.receive()).text, "READY=1\nSTATUS=Ready\n");
});

Deno.test(onUnix("no status makes another assignment"), async () => {
  await using manager = new Manager();
  await notifyReady(manager.socketPath, "Ready\nMAINPID=1\n");
  assertEquals((await manager.receive()).text, "READY=1\nSTATUS=Ready MAINPID=1 \n");
});

Deno.test(onUnix("where nobody listens that is an error, and nothing is left behind"), async () => {
  const manager = new Manager();
  await manager[Symbol.asyncDispose]();
  const { error, left } = await failingTo(manager.socketPath);
  assertMatch(error, /^NotFound: /);
  assertEquals(left, []);
});

Deno.test(onUnix("what is no path of a socket is refused by name"), async () => {
  for (const path of ["", "@", "/", "vsock:2:1", "relative/socket"]) {
    const error = await assertRejects(() => notifyReady(path, "Ready"), Error);
    assertStringIncludes(error.message, "NOTIFY_SOCKET is no path of a socket");
  }
});
