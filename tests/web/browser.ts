/// <reference lib="dom" />
/**
 * People with a browser: Chromium on the page of a real server, with a profile of their own each.
 *
 * Whatever a page should not do fails the test that it happens in: an error, a complaint of the
 * browser's (what the content security policy has stopped is one), a request to anywhere but the
 * server. Nobody sleeps: a visitor waits until something is to be seen, and no longer than
 * {@linkcode WAIT_MS}.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { type TestServer, WAIT_MS } from "../harness.ts";

/** Where systems have it, the one that is named first wins; Debian's package is `chromium`. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"].map((name) =>
  `/usr/bin/${name}`
);

const ARGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update"],
  // An address for documentation leads to this machine, and browsers take it for another one.
  "--host-resolver-rules=MAP 192.0.2.1 127.0.0.1",
];

/** What is this machine, and no secure context without TLS: as the address of one on the network. */
export const PLAIN_HOST = "192.0.2.1";

const CHROMIUM = PROGRAMS.find((program) => {
  try {
    return new Deno.Command(program, { args: ["--version"], stdin: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
});

/** A test in a browser: where there is none, it says so on screen; in CI it fails. */
export function inBrowser(
  name: string,
  test: () => Promise<void>,
  needs: { readonly name: string; readonly ignore: boolean } = { name, ignore: false },
): Deno.TestDefinition {
  const fn = async (): Promise<void> => {
    try {
      await test();
    } catch (error) {
      throw flatten(error);
    }
  };
  if (needs.ignore || CHROMIUM !== undefined || Deno.env.get("CI") === "true") {
    return { ...needs, fn };
  }
  return { name: `${name} (ignored: this machine has no chromium)`, ignore: true, fn };
}

/** An error that tells all that went wrong: of what a disposal found, a runner shows nothing. */
function flatten(error: unknown): unknown {
  const all: unknown[] = [];
  for (let rest = error; rest !== undefined;) {
    all.unshift(rest instanceof SuppressedError ? rest.error : rest);
    rest = rest instanceof SuppressedError ? rest.suppressed : undefined;
  }
  if (all.length === 1) return error;
  return new Error(all.map((each) => each instanceof Error ? each.message : `${each}`).join("\n"), {
    cause: all[0],
  });
}

/** The settings of a server's door for browsers. */
export const WEB = { host: "127.0.0.1", port: 0, isTls: false };

/** What a visitor holds in their hands: its screen, and whether that is touched. */
export type Device = "phone" | "desktop";

/** What a visitor comes with. */
export interface VisitorOptions {
  /** @default "desktop" */
  readonly device?: Device;
  /** Complaints that belong to the test: of connections that it cuts, say. @default [] */
  readonly forgiven?: readonly RegExp[];
  /** A script that is there before those of the page. @default None. */
  readonly script?: string;
  /** Rights that the user has given to the page. @default [] */
  readonly permissions?: readonly string[];
}

/** What a browser says of a page that comes over plain HTTP from another machine. */
export const PLAIN_WARNING = /^The Cross-Origin-Opener-Policy header has been ignored/;

/** What a browser says of a WebSocket whose other end is away. */
export const LOST_CONNECTIONS = /^WebSocket connection to '.*' failed/;

const DEVICES = {
  phone: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
  desktop: { viewport: { width: 1280, height: 800 } },
} as const;

/** A browser of a test's own, and all who use it. Disposing of it closes it. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #origin: string;
  readonly #watches: Watch[] = [];

  private constructor(browser: Browser, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  /** Starts one for a server, or for whatever is at an origin. */
  static async start(server: TestServer | string): Promise<TestBrowser> {
    // Asks what WSL has in /proc unless told that this is a test, and Deno keeps that from everybody
    // who may not do all.
    Deno.env.set("__IS_WSL_TEST__", "yes");
    const { chromium } = await import("playwright-core");
    const origin = typeof server === "string" ? server : `http://127.0.0.1:${server.webPort}`;
    const browser = await chromium.launch({
      executablePath: CHROMIUM ?? PROGRAMS[0] ?? "",
      args: ARGS,
      timeout: 2 * WAIT_MS,
    });
    return new TestBrowser(browser, origin);
  }

  /** What pages did that they should not have, so far. */
  get problems(): string[] {
    return this.#watches.flatMap(({ problems }) => problems);
  }

  /** Somebody who has opened the page, with a profile of their own, and has not come in. */
  async open(options: VisitorOptions & { readonly path?: string } = {}): Promise<Visitor> {
    const { device = "desktop", script } = options;
    const context = await this.#browser.newContext({
      ...DEVICES[device],
      locale: "en-GB",
      ignoreHTTPSErrors: true,
      permissions: [...options.permissions ?? []],
    });
    context.setDefaultTimeout(WAIT_MS);
    await context.addInitScript({ content: `globalThis.readRows = ${readRows};` });
    if (script !== undefined) await context.addInitScript({ content: script });
    this.#watches.push(new Watch(context, this.#origin, options.forgiven ?? []));
    const page = await context.newPage();
    await page.goto(`${this.#origin}/${options.path ?? ""}`);
    return new Visitor(page, this.#origin);
  }

  /** Somebody who has come in under a name. */
  async enter(
    name: string,
    options: VisitorOptions & { readonly path?: string } = {},
  ): Promise<Visitor> {
    const visitor = await this.open(options);
    await visitor.enter(name);
    return visitor;
  }

  /** Closes it, whatever has happened in it. */
  async close(): Promise<void> {
    await this.#browser.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    assertEquals(this.problems, []);
  }
}

/** Somebody with the page before them. */
export class Visitor {
  readonly #origin: string;
  /** The page. */
  readonly page: Page;

  constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
  }

  /** The profile: other pages in it are other tabs. */
  get context(): BrowserContext {
    return this.page.context();
  }

  /** Another tab of the same browser, in which the page is open. */
  async openTab(): Promise<Visitor> {
    const page = await this.context.newPage();
    await page.goto(`${this.#origin}/`);
    return new Visitor(page, this.#origin);
  }

  /** Another tab, made of this one: the browser copies what the tab remembers. */
  async duplicate(): Promise<Visitor> {
    const opened = this.context.waitForEvent("page");
    await this.page.evaluate(() => {
      globalThis.open(location.href);
    });
    return new Visitor(await opened, this.#origin);
  }

  /** Comes in under a name, through the gate. */
  async enter(name: string): Promise<void> {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: "Come in" }).click();
    await this.composer.waitFor();
  }

  /** The box in which messages are written. */
  get composer(): Locator {
    return this.page.locator("#composer-input");
  }

  /** The conversation. */
  get log(): Locator {
    return this.page.getByRole("log");
  }

  /** Says something as people do: types it, and presses Enter. Lines are separated by Shift+Enter. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** Gives a command, and waits for a row of its answer. */
  async command(text: string, answer: string | RegExp): Promise<void> {
    await this.say(text);
    await this.sees(answer);
  }

  /** The rows of the conversation: `ann: hi`, and what the server says as it is. */
  async rows(): Promise<string[]> {
    return await this.page.evaluate(() => globalThis.readRows(""));
  }

  /** Those of the rows in which somebody talks. */
  async said(): Promise<string[]> {
    return await this.page.evaluate(() => globalThis.readRows(".said"));
  }

  /** Waits until there is a row that is this, or fits it. */
  async sees(row: string | RegExp): Promise<void> {
    const pattern = typeof row === "string" ? exactly(row) : row;
    await this.until(
      `the row ${pattern}`,
      ([source, flags]) => {
        const fitting = new RegExp(source, flags);
        return globalThis.readRows("").some((each) => fitting.test(each));
      },
      [pattern.source, pattern.flags] as const,
    );
  }

  /** Waits until something holds in the page. */
  async until<Argument>(
    what: string,
    holds: (argument: Argument) => boolean,
    argument: Argument,
  ): Promise<void> {
    try {
      // deno-lint-ignore no-explicit-any -- Playwright's own type of arguments is none that can be given.
      await this.page.waitForFunction(holds as any, argument, { timeout: WAIT_MS });
    } catch (cause) {
      const rows = (await this.rows()).slice(-20).join("\n");
      throw new Error(`Awaited ${what}, and there is\n${rows}`, { cause });
    }
  }

  /** Chooses from the menu of something that opens one. */
  async choose(opener: Locator, item: string): Promise<void> {
    await opener.click();
    await this.page.getByRole("menuitem", { name: item, exact: true }).click();
  }

  /** The button of somebody in the list of people. */
  person(name: string): Locator {
    return this.page.getByRole("complementary", { name: "People" })
      .getByRole("button", { name: new RegExp(`^${name}\\b`) });
  }

  /** The button of a room, or of a private conversation. */
  place(name: string): Locator {
    return this.page.getByRole("navigation", { name: "Rooms and conversations" })
      .getByRole("button", { name: new RegExp(`^${name}\\b`) });
  }

  /** A dialog that is open. */
  dialog(name: string | RegExp): Locator {
    return this.page.getByRole("dialog", { name });
  }

  /** How many pixels the page is wider than its window: it should never have to be scrolled. */
  async overflow(): Promise<number> {
    return await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const log = document.querySelector("#log");
      const inLog = log === null ? 0 : log.scrollWidth - log.clientWidth;
      return Math.max(scrollWidth - clientWidth, inLog);
    });
  }
}

/** What the pages of one profile do that they should not. */
class Watch {
  readonly #origin: string;
  readonly #forgiven: readonly RegExp[];
  readonly problems: string[] = [];

  constructor(context: BrowserContext, origin: string, forgiven: readonly RegExp[]) {
    this.#origin = origin;
    this.#forgiven = forgiven;
    context.on("weberror", (error) => this.#complain(`${error.error().stack}`));
    context.on("console", (message) => {
      const type = message.type();
      if (type === "error" || type === "warning") this.#complain(message.text());
    });
    context.on("request", (request) => this.#look(request.url()));
    context.on("page", (page) => {
      page.on("websocket", (socket) => this.#look(socket.url().replace(/^ws/, "http")));
    });
  }

  #look(url: string): void {
    if (new URL(url).origin !== this.#origin) this.#complain(`a request to ${url}`);
  }

  #complain(text: string): void {
    if (!this.#forgiven.some((pattern) => pattern.test(text))) this.problems.push(text);
  }
}

/** A text as a pattern that only it fits. */
export function exactly(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}$`);
}

declare global {
  /** Put into each page: the rows of the conversation, or those of a kind (`.said`). */
  var readRows: (kind: string) => string[];
}

/** See the declaration. Runs in the page, and so is complete in itself. */
function readRows(kind: string): string[] {
  let author = "";
  const lines: string[] = [];
  for (const row of document.querySelectorAll("#log .row")) {
    author = row.querySelector(".author")?.textContent ?? author;
    if (!row.matches(`.row${kind}`)) continue;
    const text = row.querySelector(".text")?.textContent ?? "";
    const state = row.matches(".said:not(.sent)") ? "(not sent) " : "";
    lines.push(state + (row.matches(".said.message") ? `${author}: ${text}` : text));
  }
  return lines;
}
