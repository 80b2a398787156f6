// The terminal is taken and given back: first as what is asked of the system, with a system that
// the test plays, then with a real program in a real terminal, which tmux plays.

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { mock } from "node:test";
import { FRAME_MS } from "../../lib/limits.ts";
import {
  type FrameRequest,
  TerminalDevice,
  type TerminalPort,
  type TerminalSize,
} from "../../lib/terminal/terminal_device.ts";
import { commandOf } from "../fixtures/programs.ts";
import { Terminal, WHY_NO_TMUX } from "./tmux.ts";

/** A system that the test plays. */
class FakePort implements TerminalPort {
  /** All that was written and asked for, in order. */
  readonly log: string[] = [];
  isRaw = false;
  isGone = false;
  goneError = new Error("gone");
  isInputClosed = false;
  /** Bytes that one write takes; 0 for a terminal that takes none until told otherwise. */
  room = Infinity;
  nowSize: TerminalSize | null = { columns: 30, rows: 5 };
  #onWritten: (() => void)[] = [];
  #read: PromiseWithResolvers<number | null> | null = null;
  #buffer: Uint8Array = new Uint8Array();

  setMode(mode: "raw" | "as before"): void {
    if (this.isGone) throw new Error("no terminal");
    this.isRaw = mode === "raw";
    this.log.push(mode);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.isInputClosed) throw new Deno.errors.BadResource("closed");
    this.#buffer = buffer;
    this.#read = Promise.withResolvers();
    return await this.#read.promise;
  }

  /** Has a key pressed. */
  type(text: string): void {
    this.#buffer.set(new TextEncoder().encode(text));
    this.#read?.resolve(text.length);
  }

  /** The input ends, or fails. */
  endInput(error?: Error): void {
    if (error === undefined) this.#read?.resolve(null);
    else this.#read?.reject(error);
  }

  closeInput(): void {
    if (this.isInputClosed) throw new Deno.errors.BadResource("closed");
    this.isInputClosed = true;
    this.#read?.reject(new Deno.errors.Interrupted("closed"));
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.room === 0) await new Promise<void>((resolve) => this.#onWritten.push(resolve));
    return this.writeSync(bytes);
  }

  /** The terminal takes bytes again, so many at once. */
  unblock(room = Infinity): void {
    this.room = room;
    for (const each of this.#onWritten.splice(0)) each();
  }

  writeSync(bytes: Uint8Array): number {
    if (this.isGone) throw this.goneError;
    const part = bytes.subarray(0, this.room || Infinity);
    this.log.push(new TextDecoder().decode(part));
    return part.length;
  }

  size(): TerminalSize {
    if (this.nowSize === null) throw new Error("no size");
    return this.nowSize;
  }

  /** What was written since the last time. */
  takeLog(): string {
    return this.log.splice(0).join(" ");
  }

  /** Modes that are set in the terminal, from all that was ever written. */
  modesIn(written: string): string[] {
    const set = new Set<string>();
    // deno-lint-ignore no-control-regex -- the escape is what is looked for
    for (const [, mode = "", act] of written.matchAll(/\x1b\[\?(\d+)([hl])/g)) {
      if (act === "h") set.add(mode);
      else set.delete(mode);
    }
    return [...set].sort();
  }
}

/** A device on a played system, in a played time. */
interface Stage {
  readonly port: FakePort;
  readonly device: TerminalDevice;
  readonly requests: FrameRequest[];
  /** What the next frames are. */
  frame: () => string;
  /** Lets so much time pass, and what is due happen. */
  pass(ms: number): Promise<void>;
}

function testDevice(name: string, run: (stage: Stage) => Promise<void> | void): void {
  Deno.test(name, async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    const port = new FakePort();
    const requests: FrameRequest[] = [];
    const stage: Stage = {
      port,
      requests,
      frame: () => `frame ${requests.length}`,
      device: new TerminalDevice({
        port,
        frame: (request) => {
          requests.push(request);
          return stage.frame();
        },
      }),
      async pass(ms: number): Promise<void> {
        mock.timers.tick(ms);
        // What a write ends with takes some turns of promises.
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      },
    };
    try {
      await run(stage);
    } finally {
      stage.device.close();
      mock.timers.reset();
    }
  });
}

testDevice("TerminalDevice gives back all that it takes", async ({ port, device, pass }) => {
  device.open();
  const taken = port.takeLog();
  assert(taken.startsWith("raw "));
  // The cursor is hidden, and wrapping is off; the frame brings the cursor.
  assertEquals(port.modesIn(`\x1b[?25h\x1b[?7h${taken}`), ["1004", "1049", "2004"]);
  await pass(0);
  assertEquals(port.takeLog(), "frame 1");
  device.close();
  const given = port.takeLog();
  assert(given.endsWith(" as before"));
  assertEquals(port.modesIn(taken + "\x1b[?2026h" + given), ["25", "7"]);
  assert(given.includes("\x1b[0m"));
  assert(port.isInputClosed && !port.isRaw);
  device.close();
  device.refresh();
  device.resume();
  device.suspend(() => {
    throw new Error("stopped for nothing");
  });
  await pass(FRAME_MS);
  assertEquals(port.takeLog(), "");
});

testDevice("TerminalDevice asks for one frame however much has changed", async (stage) => {
  const { port, device, requests, pass } = stage;
  device.open();
  for (let count = 0; count < 10; count++) device.refresh();
  device.ring();
  device.ring();
  await pass(0);
  assertEquals(requests, [{ columns: 30, rows: 5, isWhole: true }]);
  assert(port.takeLog().endsWith("frame 1\x07"));
  device.refresh();
  await pass(FRAME_MS - 1);
  assertEquals(requests.length, 1);
  await pass(1);
  assertEquals(requests[1], { columns: 30, rows: 5, isWhole: false });
  assertEquals(port.takeLog(), "frame 2");
  device.repaint();
  port.nowSize = { columns: 99, rows: 9 };
  await pass(FRAME_MS);
  assertEquals(requests[2], { columns: 99, rows: 9, isWhole: true });
  await pass(10 * FRAME_MS);
  assertEquals(requests.length, 3);
});

testDevice(
  "TerminalDevice gives a slow terminal fewer frames, the last one included",
  async (s) => {
    const { port, device, requests, pass } = s;
    device.open();
    port.room = 0;
    await pass(0);
    for (let count = 0; count < 100; count++) {
      device.refresh();
      await pass(FRAME_MS);
    }
    assertEquals(requests.length, 1);
    port.takeLog();
    port.unblock();
    await pass(0);
    await pass(FRAME_MS);
    assertEquals(port.takeLog(), "frame 1 frame 2");
  },
);

testDevice(
  "TerminalDevice writes a frame in as many parts as the terminal takes",
  async (stage) => {
    const { port, device, pass } = stage;
    device.open();
    port.takeLog();
    port.room = 3;
    stage.frame = () => "0123456789";
    await pass(0);
    assertEquals(port.takeLog(), "012 345 678 9");
  },
);

testDevice("TerminalDevice writes nothing for an empty frame", async (stage) => {
  const { port, device, pass } = stage;
  device.open();
  port.takeLog();
  stage.frame = () => "";
  await pass(0);
  device.refresh();
  await pass(FRAME_MS);
  assertEquals(port.takeLog(), "");
});

testDevice("TerminalDevice closed in a frame writes no more of it", async (stage) => {
  const { port, device, pass } = stage;
  device.open();
  port.room = 0;
  await pass(0);
  device.close();
  port.takeLog();
  port.unblock(3);
  await pass(0);
  // The part that the terminal was taking already; none behind it.
  assertEquals(port.takeLog(), "fra");
});

testDevice("TerminalDevice gives way while the process is stopped", async (stage) => {
  const { port, device, requests, pass } = stage;
  device.open();
  await pass(0);
  port.takeLog();
  let wasRaw = true;
  device.refresh();
  device.suspend(() => wasRaw = port.isRaw);
  assert(!wasRaw);
  assertEquals(port.modesIn(port.takeLog()), ["25", "7"]);
  device.refresh();
  await pass(10 * FRAME_MS);
  assertEquals(port.takeLog(), "");
  device.resume();
  assert(port.isRaw);
  await pass(FRAME_MS);
  assert(requests.at(-1)?.isWhole);
  port.takeLog();
  // Whoever closes it while it is stopped has nothing to give back.
  device.suspend(() => {});
  port.takeLog();
  device.close();
  assertEquals(port.takeLog(), "");
  assert(port.isInputClosed);
});

testDevice("TerminalDevice reads until it is closed", async ({ port, device }) => {
  device.open();
  const input = device.input();
  const first = input.next();
  port.type("ab");
  assertEquals(await first, { done: false, value: new TextEncoder().encode("ab") });
  const second = input.next();
  device.close();
  assertEquals(await second, { done: true, value: undefined });
});

testDevice("TerminalDevice's input ends with the terminal's", async ({ port, device }) => {
  device.open();
  const next = device.input().next();
  port.endInput();
  assertEquals(await next, { done: true, value: undefined });
});

for (const what of ["frame", "write", "read"] as const) {
  testDevice(`TerminalDevice's input fails with a ${what}`, async (stage) => {
    const { port, device, pass } = stage;
    device.open();
    const reading = device.input().next().then(() => "no failure", (error) => error.message);
    if (what === "frame") {
      stage.frame = () => {
        throw new Error("failed");
      };
    }
    if (what === "write") port.isGone = true;
    if (what === "read") port.endInput(new Error("failed"));
    await pass(0);
    assertEquals(await reading, what === "write" ? "gone" : "failed");
    port.isGone = false;
    port.takeLog();
    device.close();
    assertEquals(port.modesIn(port.takeLog()), ["25", "7"]);
    assert(!port.isRaw);
  });
}

for (const what of ["write", "read"] as const) {
  testDevice(`TerminalDevice's input ends where a ${what} finds it hung up`, async (stage) => {
    const { port, device, pass } = stage;
    const hangUp = Object.assign(new Error("Input/output error"), { code: "EIO" });
    device.open();
    const next = device.input().next();
    port.goneError = hangUp;
    if (what === "write") port.isGone = true;
    else port.endInput(hangUp);
    await pass(0);
    assertEquals(await next, { done: true, value: undefined });
    device.close();
  });
}

testDevice("TerminalDevice takes no failure for one that comes of closing", async (stage) => {
  const { port, device, pass } = stage;
  device.open();
  port.room = 0;
  await pass(0);
  device.close();
  port.isGone = true;
  port.unblock();
  await pass(0);
  assertEquals(await device.input().next(), { done: true, value: undefined });
});

testDevice("TerminalDevice can be closed though its terminal is gone", ({ port, device }) => {
  device.open();
  port.isGone = true;
  device.close();
  assert(port.isInputClosed);
});

testDevice("TerminalDevice takes nothing that is no terminal", ({ port, device }) => {
  port.isGone = true;
  assertThrows(() => device.open(), Error, "no terminal");
  assertEquals(port.takeLog(), "");
});

testDevice("TerminalDevice supposes a size where the terminal has none", ({ port, device }) => {
  for (const size of [null, { columns: 0, rows: 0 }]) {
    port.nowSize = size;
    assertEquals(device.size, { columns: 80, rows: 24 });
  }
});

/** What stood on the terminal before the program came. */
const BEFORE = "here before";
/** The program, for a shell: with the rights that the client has. */
const PROGRAM = [
  Deno.execPath(),
  ...commandOf(
    "parley-client",
    fileURLToPath(new URL("../fixtures/terminal_program.ts", import.meta.url)),
  ),
].map((word) => `'${word}'`).join(" ");

/** A real terminal in which the program runs, and says how it ended. */
async function startProgram(terminal: Terminal, wrap: (command: string) => string): Promise<void> {
  await terminal.waitForEnd("restored\n$");
  await terminal.type(
    `clear; echo '${BEFORE}'; before=$(stty -g); ${wrap(PROGRAM)}; echo "code $?"; ` +
      `[ "$before" = "$(stty -g)" ] && echo as before`,
  );
  await terminal.keys("Enter");
  await terminal.waitFor("60x20 ready\n>");
}

function testProgram(
  name: string,
  run: (terminal: Terminal) => Promise<void>,
  wrap: (command: string) => string = (command) => command,
): void {
  Deno.test({
    name: WHY_NO_TMUX === null ? name : `${name} (ignored: ${WHY_NO_TMUX})`,
    ignore: WHY_NO_TMUX !== null,
    async fn(): Promise<void> {
      // The client says its version and leaves: what remains is a terminal with a shell.
      await using terminal = await Terminal.start({ args: ["--version"] });
      await startProgram(terminal, wrap);
      await run(terminal);
    },
  });
}

testProgram("a program has the screen to itself, and leaves it as it was", async (terminal) => {
  await terminal.type("hello w\u00f6rld \u4e2d");
  await terminal.waitForEnd("60x20 text\n> hello w\u00f6rld \u4e2d");
  await terminal.keys("Enter");
  await terminal.waitForEnd("60x20 enter\n>");
  const screen = await terminal.screen();
  assert(screen.startsWith("hello w\u00f6rld \u4e2d\n\n"), screen);
  await terminal.keys("C-c");
  await terminal.waitForEnd(`${BEFORE}\ncode 0\nas before\n$`);
});

testProgram("a program that ends by itself is kept by nothing", async (terminal) => {
  await terminal.type("quit");
  await terminal.keys("Enter");
  await terminal.waitForEnd(`${BEFORE}\ncode 0\nas before\n$`);
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  testProgram(`a program gives the terminal back on ${signal}`, async (terminal) => {
    await terminal.type("half");
    await terminal.waitForEnd("> half");
    Deno.kill(await terminal.clientPid(), signal);
    await terminal.waitForEnd(`${BEFORE}\ncode ${code}\nas before\n$`);
  });
}

const FAILURES: Readonly<Record<string, string>> = {
  "throw": "failed as it was told to",
  "reject": "failed unheard",
  "fail in a frame": "failed in a frame",
};
for (const [line, message] of Object.entries(FAILURES)) {
  testProgram(`a program gives the terminal back when it fails: ${line}`, async (terminal) => {
    await terminal.type(line);
    await terminal.keys("Enter");
    await terminal.waitForEnd(`${BEFORE}\n${message}\ncode 1\nas before\n$`);
  });
}

testProgram("a program makes way on Ctrl-Z, and comes back", async (terminal) => {
  await terminal.type("half");
  await terminal.waitForEnd("> half");
  await terminal.keys("C-z");
  await terminal.waitFor("code 147\nas before");
  await terminal.type("echo between; fg");
  await terminal.keys("Enter");
  await terminal.waitForEnd("60x20 ctrl-z\n> half");
  assert(!(await terminal.screen()).includes("between"));
  await terminal.type(" and whole");
  await terminal.waitForEnd("60x20 text\n> half and whole");
  await terminal.keys("C-c");
  await terminal.waitFor("between");
  await terminal.type(`[ "$before" = "$(stty -g)" ] && echo and again`);
  await terminal.keys("Enter");
  await terminal.waitForEnd("\nand again\n$");
});

testProgram("a program that was stopped from outside paints itself anew", async (terminal) => {
  const pid = await terminal.clientPid();
  await terminal.type("half");
  await terminal.waitForEnd("> half");
  Deno.kill(pid, "SIGSTOP");
  await terminal.waitFor("code 147");
  // What stopped it gave nothing back: Enter does not end a line now.
  await terminal.type("clear; fg\n");
  await terminal.waitForEnd("60x20 text\n> half");
  assert((await terminal.screen()).startsWith("\n"));
  await terminal.type(" and whole");
  await terminal.waitForEnd("60x20 text\n> half and whole");
});

testProgram("a program follows the size of the terminal", async (terminal) => {
  await terminal.type("abcdefghij".repeat(6));
  await terminal.waitForEnd(
    "60x20 text\n> abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefgh\nij",
  );
  await terminal.resize(40, 10);
  await terminal.waitForEnd(
    "40x10 text\n> abcdefghijabcdefghijabcdefghijabcdefgh\nijabcdefghijabcdefghij",
  );
  await terminal.resize(90, 30);
  await terminal.waitForEnd(`90x30 text\n> ${"abcdefghij".repeat(6)}`);
  await terminal.keys("C-c");
  await terminal.waitForEnd("code 0\nas before\n$");
});

testProgram("a program takes a paste in one piece", async (terminal) => {
  await terminal.type("\x1b[200~one\ntwo\x1b[201~");
  await terminal.waitForEnd("60x20 paste\n> one\ntwo");
});

Deno.test({
  name: "a program unsets every mode that it sets, whatever ends it",
  ignore: WHY_NO_TMUX !== null,
  async fn(t): Promise<void> {
    const folder = Deno.makeTempDirSync({ prefix: "parley-written-" });
    try {
      for (const end of ["C-c", "SIGTERM", "throw"]) {
        await t.step(end, async () => {
          const file = `${folder}/${end}`;
          await using terminal = await Terminal.start({ args: ["--version"] });
          await startProgram(terminal, (command) =>
            // tmux would keep what it does not know to itself: this has all that is written.
            `script --quiet --return --flush --command "${command}" ${file}`);
          if (end === "C-c") await terminal.keys("C-c");
          else if (end === "throw") {
            await terminal.type("throw");
            await terminal.keys("Enter");
          } else {
            const { stdout } = await new Deno.Command("pgrep", {
              args: ["--parent", `${await terminal.clientPid()}`],
            }).output();
            const shell = new TextDecoder().decode(stdout).trim();
            Deno.kill(Number(shell), "SIGTERM");
          }
          await terminal.waitForEnd("as before\n$");
          const written = await Deno.readTextFile(file);
          const modes = new FakePort().modesIn(written);
          assert(written.includes("\x1b[?2026h"));
          // The cursor and wrapping, which were set before.
          assertEquals(modes, ["25", "7"]);
          assertGreater(written.lastIndexOf("\x1b[0m"), written.lastIndexOf("\x1b[7m"));
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
