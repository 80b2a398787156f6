/**
 * A real terminal for tests: tmux runs the client, and tells what the screen shows.
 *
 * Every wait polls for a state of the screen, with a deadline that prints the screen.
 */

import { commandOf } from "../fixtures/programs.ts";
import { WAIT_MS } from "./fake_server.ts";

const ROOT = new URL("../..", import.meta.url);

/** Why there are no terminal tests here, or null. In CI they are not optional. */
export const WHY_NO_TMUX: string | null = (() => {
  if (Deno.build.os === "windows") return "there is no tmux on Windows";
  try {
    new Deno.Command("tmux", { args: ["-V"] }).outputSync();
    return null;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return Deno.env.get("CI") === "true" ? null : "tmux is not installed";
  }
})();

/** How a terminal starts. */
export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** Arguments of the client. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs this in the client's place, with the client's rights; from the top of the project. */
  readonly script?: string;
  /** Whether times at the start of a line are left out of what the screen shows. */
  readonly hidesTimes?: boolean;
}

/** A terminal of tmux in which a shell runs the client, and says how it ended. */
export class Terminal implements AsyncDisposable {
  /** Holds the socket, which tmux would leave behind. */
  readonly #folder = Deno.makeTempDirSync({ prefix: "parley-tmux-" });
  #hidesTimes = false;

  /** Opens a terminal and starts the client in it. */
  static async start(options: TerminalOptions): Promise<Terminal> {
    const { columns = 60, rows = 20, args, env = {}, script: program } = options;
    const terminal = new Terminal();
    terminal.#hidesTimes = options.hidesTimes === true;
    const client = [
      "env",
      // The tests run in a task, the client as people start it.
      "-u",
      "INIT_CWD",
      ...Object.entries({ NO_COLOR: "", ...env }).map(([name, value]) => `${name}=${value}`),
      Deno.execPath(),
      ...commandOf("parley-client", program),
      ...args,
    ].map((word) => `'${word}'`).join(" ");
    const script = `clear; before=$(stty -g); ${client}; echo "code $?"; ` +
      `[ "$before" = "$(stty -g)" ] && echo restored`;
    try {
      await terminal.#tmux(
        ["new-session", "-d", "-x", `${columns}`, "-y", `${rows}`, "-c", ROOT.pathname],
        ["-e", `RUN_CLIENT=${script}`, "sh"],
      );
      // Typed ahead: the shell reads it when it is there.
      await terminal.type(`PS1='$ '; eval "$RUN_CLIENT"`);
      await terminal.keys("Enter");
    } catch (error) {
      await terminal[Symbol.asyncDispose]();
      throw error;
    }
    return terminal;
  }

  /** Presses keys by tmux's names: `Enter`, `C-c`, `Up`. */
  async keys(...keys: string[]): Promise<void> {
    await this.#tmux(["send-keys"], keys);
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.#tmux(["send-keys", "-l", "--"], [text]);
  }

  /** Pastes text, all at once. */
  async paste(text: string): Promise<void> {
    await this.#tmux(["set-buffer", "--"], [text]);
    await this.#tmux(["paste-buffer"], []);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux(["resize-window"], ["-x", `${columns}`, "-y", `${rows}`]);
  }

  /** What the screen shows, without trailing spaces and empty lines at its end. */
  async screen(): Promise<string> {
    const screen = (await this.#tmux(["capture-pane"], ["-p"])).trimEnd();
    return this.#hidesTimes ? screen.replaceAll(/^\d\d:\d\d /gmu, "") : screen;
  }

  /** What the screen shows, with its colours. */
  async coloredScreen(): Promise<string> {
    return await this.#tmux(["capture-pane"], ["-p", "-e"]);
  }

  /** Waits until the screen ends with this text, whatever stands above. */
  async waitForEnd(text: string): Promise<void> {
    await this.#poll(`an end with ${JSON.stringify(text)}`, (screen) => screen.endsWith(text));
  }

  /** Waits until this text is somewhere on the screen. */
  async waitFor(text: string): Promise<void> {
    await this.#poll(JSON.stringify(text), (screen) => screen.includes(text));
  }

  /**
   * Has every byte that is written to the terminal from now on written to a file, too.
   *
   * @returns What has come so far.
   */
  async record(): Promise<() => Promise<Uint8Array>> {
    const path = `${this.#folder}/output`;
    await Deno.writeFile(path, new Uint8Array());
    await this.#tmux(["pipe-pane"], [`cat > '${path}'`]);
    return () => Deno.readFile(path);
  }

  /** Whether what is shown is drawn on the alternate screen. */
  async isOnAlternateScreen(): Promise<boolean> {
    return (await this.#tmux(["display-message"], ["-p", "#{alternate_on}"])).trim() === "1";
  }

  /** The process id of the client. */
  async clientPid(): Promise<number> {
    const shell = (await this.#tmux(["display-message"], ["-p", "#{pane_pid}"])).trim();
    const { stdout } = await new Deno.Command("pgrep", { args: ["-P", shell] }).output();
    return Number(new TextDecoder().decode(stdout).trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#tmux(["kill-server"], []);
    } finally {
      await Deno.remove(this.#folder, { recursive: true });
    }
  }

  async #poll(what: string, condition: (screen: string) => boolean): Promise<void> {
    const endsAtMs = Date.now() + WAIT_MS;
    let screen = await this.screen();
    while (!condition(screen)) {
      if (Date.now() > endsAtMs) throw new Error(`Awaited ${what}, but the screen is:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      screen = await this.screen();
    }
  }

  async #tmux(command: readonly string[], args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-u", "-S", `${this.#folder}/socket`, "-f", "/dev/null", ...command, ...args],
      env: { LC_ALL: "C.UTF-8" },
    }).output();
    const decoder = new TextDecoder();
    if (code !== 0) throw new Error(`tmux ${command[0]} failed: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }
}
