/**
 * A browser door with nothing behind it but an echo: each line that a visitor
 * sends comes back as `LENGTH BEGINNING`.
 *
 * A door that is disposed of must leave nothing open, and must have found
 * nothing wrong with itself.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EndReason } from "../../lib/errors.ts";
import type { Connection } from "../../lib/net/connection.ts";
import { ConnectionShared, SocketConnection } from "../../lib/net/socket_connection.ts";
import type { Socket } from "../../lib/socket.ts";
import { openWebDoor, type WebDoor, type WebDoorOptions } from "../../lib/web/web_door.ts";
import { within } from "../harness.ts";

/** Who came, as the door tells. */
export interface From {
  readonly address: string;
  readonly isPrivate: boolean;
}

const UTF8 = new TextEncoder();

/** See the module. */
export class EchoDoor implements AsyncDisposable {
  /** Who was let in. */
  readonly visitors: From[] = [];
  /** Why others were not. */
  readonly rejected: string[] = [];
  readonly #errors: unknown[] = [];
  readonly #echoes: Promise<unknown>[] = [];
  readonly #open = new Set<SocketConnection>();
  readonly #shared = new ConnectionShared((connection) => {
    this.#open.delete(connection);
    this.#onChange();
  });
  #onChange: () => void = () => {};
  #door: WebDoor | null = null;

  /** Opens one on a free port. */
  static async open(overrides: Partial<WebDoorOptions> = {}): Promise<EchoDoor> {
    const echoDoor = new EchoDoor();
    echoDoor.#door = await openWebDoor({
      hostname: "127.0.0.1",
      port: 0,
      certificate: null,
      origins: () => [],
      isForwarder: () => false,
      name: () => "Parley",
      onVisitor: (socket, from) => echoDoor.#welcome(socket, from),
      onRejected: (_address, why) => echoDoor.rejected.push(why),
      onUnknownProxy: () => {},
      onError: (error) => echoDoor.#errors.push(error),
      bots: null,
      health: { isReady: () => true },
      metrics: null,
      servesPage: true,
      ...overrides,
    });
    return echoDoor;
  }

  /** Where it listens. */
  get port(): number {
    return this.door.address.port;
  }

  /** The door itself. */
  get door(): WebDoor {
    if (this.#door === null) throw new Error("The door is not open");
    return this.#door;
  }

  /** Visitors' connections that are open. */
  get open(): ReadonlySet<Connection> {
    return this.#open;
  }

  /** Waits until so many visitors are in. */
  async opened(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (this.#open.size === count) resolve();
    };
    this.#onChange = check;
    check();
    await within(promise, () => `Awaited ${count} visitors, and there are ${this.#open.size}`);
  }

  /** Tells all visitors something. */
  tell(text: string): void {
    const bytes = UTF8.encode(`${text}\n`);
    for (const connection of this.#open) connection.send(bytes);
  }

  #welcome(socket: Socket, from: From): void {
    this.visitors.push(from);
    const connection = new SocketConnection(socket, { ...from, via: "web" }, this.#shared);
    this.#open.add(connection);
    this.#echoes.push(echo(connection));
    this.#onChange();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.door.close(), () => "Awaited the end of the door");
    const closed = [...this.#open].map((connection) => connection.closed);
    for (const connection of this.#open) connection.abort(new EndReason("shutdown", "The end"));
    await within(Promise.all([...closed, ...this.#echoes]), () => "Awaited the end of visitors");
    assertEquals(this.#errors, [], "what the door found wrong with itself");
  }
}

/** Lives a visit. */
async function echo(connection: Connection): Promise<void> {
  for await (const line of connection.lines()) {
    const text = typeof line === "string" ? `${line.length} ${line.slice(0, 20)}` : "too long";
    connection.send(UTF8.encode(`${text}\n`));
    if (line === "bye") break;
  }
  await connection.close(new EndReason("quit", "The visitor left"));
}
