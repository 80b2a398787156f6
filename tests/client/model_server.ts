/**
 * A server in memory that keeps the promises of the JSON protocol, for tests that lose connections.
 *
 * Nothing moves by itself: the test says how many lines get through, each way, before the
 * connection is lost. Tokens, missed events and repeated requests are as the README has them.
 */

import type { LineLink } from "../../lib/client/server_link.ts";

/** What the server remembers of a user. */
interface ModelSession {
  /** Both are good until the first line after a welcome has come. */
  tokens: string[];
  lastRef: number;
  /** Events before this one are not theirs to be told. */
  readonly sinceId: number;
}

/** One connection. What one end sends waits until the test lets it through. */
class ModelLink implements LineLink {
  /** What the client has sent and has not arrived. */
  readonly toServer: string[] = [];
  /** What the server has sent and has not arrived. */
  readonly toClient: string[] = [];
  session: ModelSession | null = null;
  /** Whether anything came after the welcome. */
  isConfirmed = false;
  isClosed = false;
  readonly #arrived: string[][] = [];
  #wake = Promise.withResolvers<void>();

  async *batches(): AsyncGenerator<string[], void, undefined> {
    for (;;) {
      const batch = this.#arrived.shift();
      if (batch !== undefined) yield batch;
      else if (this.isClosed) return;
      else await this.#wake.promise;
    }
  }

  send(line: string): boolean {
    if (this.isClosed) return false;
    this.toServer.push(line);
    return true;
  }

  close(): void {
    this.isClosed = true;
    this.#notify();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    this.close();
  }

  /** Lets lines through to the client. */
  deliver(count: number): void {
    const batch = this.toClient.splice(0, count);
    if (batch.length === 0 || this.isClosed) return;
    this.#arrived.push(batch);
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** See the module. */
export class ModelServer {
  /** What was said, each with its id: the index and one. */
  readonly log: string[] = [];
  /** The connection that is open. */
  link: ModelLink | null = null;
  #session: ModelSession | null = null;
  #tokenCount = 0;

  /** As `ConversationOptions.connect` has it. */
  connect(): Promise<LineLink> {
    this.drop();
    this.link = new ModelLink();
    return Promise.resolve(this.link);
  }

  /** Loses the connection, with all that is on its way. */
  drop(): void {
    this.link?.close();
    this.link = null;
  }

  /** Forgets the user. */
  forget(): void {
    this.drop();
    this.#session = null;
  }

  /** Somebody else says something. */
  say(text: string): void {
    this.log.push(text);
    this.#tell(this.log.length);
  }

  /** Lets so many lines of the client through, and acts upon them. */
  take(count: number): void {
    const { link } = this;
    if (link === null) return;
    for (const line of link.toServer.splice(0, count)) {
      this.#act(link, JSON.parse(line) as Record<string, unknown>);
    }
  }

  #act(link: ModelLink, request: Record<string, unknown>): void {
    if (request["type"] === "hello") return this.#hello(link, request);
    const { session } = link;
    if (session === null) throw new Error(`Came before the welcome: ${JSON.stringify(request)}`);
    if (!link.isConfirmed) session.tokens = session.tokens.slice(-1);
    link.isConfirmed = true;
    if (request["type"] === "ping") {
      return this.#send({ type: "pong", text: request["text"], atMs: 0 });
    }
    const ref = Number(request["ref"]);
    if (ref <= session.lastRef) return this.#send({ type: "ok", ref, repeated: true });
    session.lastRef = ref;
    this.log.push(String(request["text"]));
    const id = this.log.length;
    this.#tell(id);
    this.#send({ type: "ok", ref, id, atMs: 0 });
  }

  #hello(link: ModelLink, { token, last }: Record<string, unknown>): void {
    const isKnown = typeof token === "string" && this.#session?.tokens.includes(token) === true;
    if (token !== undefined && !isKnown) {
      return this.#send({ type: "refused", code: "session-over", text: "Say hello anew." });
    }
    const session = (isKnown ? this.#session : null) ??
      { tokens: [], lastRef: 0, sinceId: this.log.length };
    const given = `token-${++this.#tokenCount}`;
    session.tokens = [...session.tokens.slice(-1), given];
    if (isKnown) session.tokens = [String(token), given];
    this.#session = session;
    link.session = session;
    this.#send({
      type: "welcome",
      version: 1,
      server: "Model",
      name: "ann",
      isRegistered: false,
      room: "#lobby",
      rooms: [],
      others: { names: [], more: 0 },
      topic: "",
      motd: [],
      id: this.log.length,
      token: given,
      graceMs: 0,
      isResumed: isKnown,
      isRestarted: false,
      isComplete: true,
      lastRef: session.lastRef,
    });
    if (!isKnown) return;
    const missed = this.log.slice(Number(last)).length;
    for (let id = this.log.length - missed + 1; id <= this.log.length; id++) this.#tell(id);
    this.#send({ type: "caught-up", missed, id: this.log.length });
  }

  #tell(id: number): void {
    if (this.link?.session !== this.#session || this.#session === null) return;
    const text = this.log[id - 1];
    this.#send({
      type: "message",
      id,
      atMs: 0,
      room: "#lobby",
      from: "ann",
      isRegistered: false,
      text,
    });
  }

  #send(event: Record<string, unknown>): void {
    this.link?.toClient.push(JSON.stringify(event));
  }
}
