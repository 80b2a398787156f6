/**
 * What whole-server tests over TLS do again and again: a server's TLS settings,
 * guests who come in over it, and what is presented to whoever comes next.
 *
 * @module
 */

import { connect } from "node:tls";
import { assertEquals } from "@std/assert";
import type { TlsConfig } from "../lib/config.ts";
import type { TestCertificate } from "./fixtures/certificates.ts";
import { Guest, within } from "./harness.ts";

/** The settings of a server that speaks TLS on a free port. */
export function tlsWith(made: TestCertificate, host = "127.0.0.1"): TlsConfig {
  const { cert, key, certFile, keyFile } = made;
  return { host, port: 0, certFile, keyFile, certificate: { cert, key } };
}

/** A guest who trusts a certificate, and has not sent anything; of another one this rejects. */
export async function connectTls(
  port: number,
  { cert }: Pick<TestCertificate, "cert">,
  hostname = "127.0.0.1",
): Promise<Guest> {
  const conn = await within(
    Deno.connectTls({ hostname, port, caCerts: [cert] }),
    () => `Awaited a connection to port ${port}`,
  );
  try {
    await within(conn.handshake(), () => `Awaited a handshake on port ${port}`);
  } catch (error) {
    conn.close();
    throw error;
  }
  // What TCP has and TLS has not, a guest has no use for.
  const guest = new Guest(Object.assign(conn, { setNoDelay: nothing, setKeepAlive: nothing }));
  guest.read();
  return guest;
}

/** A guest over TLS who has come in under a name. */
export async function joinTls(
  port: number,
  made: Pick<TestCertificate, "cert">,
  name: string,
): Promise<Guest> {
  const guest = await connectTls(port, made);
  guest.say(`/nick ${name}`);
  await guest.until(`-- You are now ${name}.`);
  return guest;
}

/** The fingerprint of the certificate that the next visitor of a port is shown. */
export async function presentedOn(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, resolve);
  socket.on("error", reject);
  await within(promise, () => `Awaited a handshake on port ${port}`);
  const { fingerprint256 } = socket.getPeerCertificate();
  const closed = Promise.withResolvers<void>();
  socket.on("close", () => closed.resolve());
  socket.destroy();
  await within(closed.promise, () => "Awaited the end of a connection");
  return fingerprint256;
}

/** Somebody who talks all the time. */
interface Talker {
  readonly guest: Guest;
  readonly name: string;
  /** All that they were shown. */
  readonly heard: string[];
  /** How many lines they have said. */
  said: number;
}

/** How many people connect at once: a handshake is dear. */
const ARRIVALS_AT_ONCE = 25;

/** A room full of people who are connected over TLS, some of whom talk all the time. */
export class Crowd implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #talkers: Talker[] = [];
  readonly #listeners: Guest[] = [];
  #isOver = false;
  #talks: Promise<unknown> = Promise.resolve();
  #onSaid: () => void = () => {};

  /** Has so many people come in. */
  static async gather(
    port: number,
    made: Pick<TestCertificate, "cert">,
    { talkers, all }: { readonly talkers: number; readonly all: number },
  ): Promise<Crowd> {
    const crowd = new Crowd();
    while (crowd.#talkers.length < talkers) {
      const name = `talker${crowd.#talkers.length}`;
      const guest = crowd.#stack.use(await joinTls(port, made, name));
      crowd.#talkers.push({ guest, name, heard: [], said: 0 });
    }
    while (crowd.#listeners.length < all - talkers) {
      const count = Math.min(ARRIVALS_AT_ONCE, all - talkers - crowd.#listeners.length);
      const arrivals = Array.from({ length: count }, () => connectTls(port, made));
      for (const guest of await Promise.all(arrivals)) {
        crowd.#listeners.push(crowd.#stack.use(guest));
      }
    }
    for (const listener of crowd.#listeners) await listener.roundtrip();
    return crowd;
  }

  /** Begins to talk: each says a numbered line, waits for its answer to a ping, and so on. */
  talk(): void {
    this.#talks = Promise.all(this.#talkers.map((talker) => this.#talk(talker)));
  }

  /** Waits until each talker has said so many more lines. */
  async talkOn(lines: number): Promise<void> {
    const goals = this.#talkers.map(({ said }) => said + lines);
    while (this.#talkers.some(({ said }, index) => said < (goals[index] ?? 0))) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onSaid = resolve;
      // Where a talker was dropped, this says so.
      await within(Promise.race([promise, this.#talks]), () => "Awaited that they talk on");
    }
  }

  /** Ends the talk, and looks whether everybody has heard all of it, once, in one order. */
  async check(): Promise<void> {
    this.#isOver = true;
    await this.#talks;
    const heard = await Promise.all(
      this.#listeners.map(async (guest) => talkOf(await guest.roundtrip())),
    );
    const [all = []] = heard;
    for (const each of heard) assertEquals(each.join("\n"), all.join("\n"));
    for (const talker of this.#talkers) {
      const { guest, name, said } = talker;
      talker.heard.push(...await guest.roundtrip());
      const [own, others] = [
        all.filter((line) => line.startsWith(`${name}: `)),
        all.filter((line) => !line.startsWith(`${name}: `)),
      ];
      assertEquals(own, Array.from({ length: said }, (_, line) => `${name}: line ${line}`));
      assertEquals(talkOf(talker.heard), others);
    }
  }

  async #talk(talker: Talker): Promise<void> {
    while (!this.#isOver) {
      talker.guest.say(`line ${talker.said}`);
      talker.heard.push(...await talker.guest.roundtrip());
      talker.said++;
      this.#onSaid();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    // Their failure, if there is one, was told already.
    await this.#talks.catch(nothing);
    await this.#stack.disposeAsync();
  }
}

/** What talkers said, of all that somebody was shown. */
function talkOf(lines: readonly string[]): string[] {
  return lines.filter((line) => /^talker\d+: /.test(line));
}

function nothing(): void {}
