/**
 * The browser door: HTTP or HTTPS, with the page, the WebSocket behind it, what
 * bots ask for, and what watches the server.
 *
 * Promises that whatever is sent to it, by whomever, is answered or cut, and
 * throws nowhere that nobody catches. Paths are looked up in a table, and never
 * on a disk.
 * Must not know: sessions, the chat, what a token is good for.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions } from "node:tls";
import { deadline } from "@std/async/deadline";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { isLoopback } from "../addresses.ts";
import { type Certificate, checkCertificate } from "../certificate.ts";
import {
  CLOSE_FLUSH_MS,
  HTTP_CHECK_MS,
  HTTP_CLOSE_MS,
  HTTP_CONNECTIONS_MAX,
  HTTP_HANDSHAKE_MS,
  HTTP_HEAD_BYTES_MAX,
  HTTP_HEADER_LINES_MAX,
  HTTP_HEADERS_MS,
  HTTP_KEEP_ALIVE_MS,
  HTTP_REQUEST_MS,
  HTTP_REQUESTS_WAITING_MAX,
  HTTP_STALL_MS,
  LISTEN_BACKLOG,
  WEB_SOCKET_FRAGMENTS_MAX,
  WEB_SOCKET_MESSAGE_BYTES_MAX,
  WEB_SOCKET_PING_MS,
  WEB_SOCKET_PONGS_MAX,
} from "../limits.ts";
import type { Socket } from "../socket.ts";
import { Tasks } from "../tasks.ts";
import { answerBot } from "./bot_requests.ts";
import type { BotsHandler } from "./bots_handler.ts";
import {
  type Answer,
  emptyAnswer,
  formatAnswer,
  jsonAnswer,
  sendAnswer,
  textAnswer,
} from "./http_answer.ts";
import { HttpConnections } from "./http_connections.ts";
import type { PageFile } from "./page_files.ts";
import { identifyRequester, isLiteralOrigin, type Requester } from "./requester.ts";
import { WebSocketStream } from "./web_socket.ts";

/** Where a door opens, to whom, and who deals with those that come. */
export interface WebDoorOptions {
  /** Where to listen. */
  readonly hostname: string;
  /** The port; 0 for one that is free. */
  readonly port: number;
  /** For HTTPS; null for plain HTTP. */
  readonly certificate: Certificate | null;
  /** Origins whose pages may connect, beside the server's own: `https://chat.example`. */
  readonly origins: () => readonly string[];
  /** Whether an address is that of a proxy whose `X-Forwarded-*` headers are believed. */
  readonly isForwarder: (address: string) => boolean;
  /** What the server is called. */
  readonly name: () => string;
  /** Called with everybody who comes to talk; whoever is told of it closes the socket. */
  readonly onVisitor: (
    socket: Socket,
    from: { readonly address: string; readonly isPrivate: boolean },
  ) => void;
  /** Told of who was not let in: a wrong origin, no HTTP. */
  readonly onRejected: (address: string, why: string) => void;
  /** Told of what is wrong with the server: accepting failed, or the handler of bots did. */
  readonly onError: (error: unknown) => void;
  /** Deals with what bots ask for; null where nobody does. */
  readonly bots: BotsHandler | null;
  /** How the server is. */
  readonly health: {
    /** Whether it does what it is there for. */
    readonly isReady: () => boolean;
  };
  /** Everything that is counted, as Prometheus reads it; null where nothing is. */
  readonly metrics: (() => Promise<string>) | null;
  /**
   * Whether this is the door for browsers. Else it is the one for whoever watches the server:
   * no page, no visitors, no bots, and metrics for all who ask, not just for this machine.
   */
  readonly servesPage: boolean;
}

/** An open door. */
export interface WebDoor {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /**
   * Shows another certificate from the next handshake on. Who is connected stays.
   *
   * @throws {UsageError} If it cannot be used; then all stays as it was.
   * @throws {Error} If there was none.
   */
  replaceCertificate(certificate: Certificate): void;
  /**
   * Takes nobody in any more, and waits for what is being answered, for at most `HTTP_CLOSE_MS`.
   * Visitors and streams of bots stay: whoever was given them closes them. Calling it again
   * waits for the same end.
   */
  close(): Promise<void>;
}

/**
 * Opens a door, which listens when this resolves.
 *
 * @throws {Deno.errors.AddrInUse} If the port is in use.
 * @throws {Deno.errors.PermissionDenied} If the system does not allow the port.
 * @throws {UsageError} If the certificate cannot be used.
 */
export async function openWebDoor(options: WebDoorOptions): Promise<WebDoor> {
  const page = options.servesPage ? await loadPage() : NO_PAGE;
  const door = new HttpDoor(options, page);
  await door.listen();
  return door;
}

/** Not loaded where it is not served. */
async function loadPage(): Promise<ReadonlyMap<string, PageFile>> {
  const { readPageFiles } = await import("./page_files.ts");
  return await readPageFiles();
}

const NO_PAGE: ReadonlyMap<string, PageFile> = new Map();

/** Characters of an origin that are repeated to who sent it. */
const SHOWN_LENGTH = 100;

const ROOMS = "/rooms/";
const WEB_SOCKET = "/ws";

const NOT_FOUND = textAnswer(404, "There is nothing here.");
const NOT_A_PATH = textAnswer(400, "A request names a path, which begins with a slash.");
const NOT_UPGRADED = textAnswer(
  426,
  "This is for the page's WebSocket. Programs speak to the chat over raw TCP.",
  { Upgrade: "websocket" },
);

/** Apart, since the types of `ws` lack the last one. */
const WEB_SOCKET_OPTIONS = {
  noServer: true,
  clientTracking: false,
  handleProtocols: () => false as const,
  maxPayload: WEB_SOCKET_MESSAGE_BYTES_MAX,
  maxFragments: WEB_SOCKET_FRAGMENTS_MAX,
  closeTimeout: CLOSE_FLUSH_MS,
  // The lengths of compressed messages tell what is in them (CRIME), and every
  // connection would hold 300 KiB for it.
  perMessageDeflate: false,
  maxPendingAutoPongs: WEB_SOCKET_PONGS_MAX,
};

/** One request, and who makes it. */
interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly from: Requester;
  /** What stands behind the question mark. */
  readonly query: string;
}

/** What a path answers; null where the answer is a stream, and was begun. */
interface Route {
  readonly methods: readonly string[];
  readonly answer: (asked: Asked) => Answer | null | Promise<Answer | null>;
}

const READING = ["GET", "HEAD"];

class HttpDoor implements WebDoor {
  readonly #options: WebDoorOptions;
  readonly #server: Server | TlsServer;
  readonly #connections = new HttpConnections(HTTP_CONNECTIONS_MAX);
  readonly #tasks: Tasks;
  readonly #routes = new Map<string, Route>();
  readonly #webSockets = new WebSocketServer(WEB_SOCKET_OPTIONS);
  /** Those that are pinged. */
  readonly #visitors = new Set<WebSocketStream>();
  #pinging: ReturnType<typeof setInterval> | undefined;
  address: { readonly hostname: string; readonly port: number } = { hostname: "", port: 0 };
  #closed: Promise<void> | null = null;

  constructor(options: WebDoorOptions, page: ReadonlyMap<string, PageFile>) {
    this.#options = options;
    this.#tasks = new Tasks((_name, error) => options.onError(error));
    this.#server = this.#createServer();
    this.#webSockets.on("wsClientError", (error, socket) => {
      end(socket, textAnswer(400, `${error.message}.`));
    });
    const watch = (path: string, answer: Route["answer"]): void => {
      this.#routes.set(path, { methods: READING, answer });
    };
    watch("/healthz", () => textAnswer(200, "ok"));
    watch(
      "/readyz",
      () => options.health.isReady() ? textAnswer(200, "ready") : textAnswer(503, "not ready"),
    );
    watch("/metrics", ({ from }) => this.#tellMetrics(from));
    if (!options.servesPage) return;
    watch(WEB_SOCKET, () => NOT_UPGRADED);
    for (const [path, file] of page) watch(path, ({ request }) => fileAnswer(request, file));
  }

  /** Listens. */
  listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const server = this.#server;
    const { hostname: host, port } = this.#options;
    server.once("error", (error) => reject(toDenoError(error)));
    server.listen({ host, port, backlog: LISTEN_BACKLOG }, () => {
      server.removeAllListeners("error");
      server.on("error", this.#options.onError);
      const { address, port } = server.address() as AddressInfo;
      this.address = { hostname: address, port };
      this.#pinging = setInterval(() => {
        for (const visitor of this.#visitors) visitor.ping();
      }, WEB_SOCKET_PING_MS);
      resolve();
    });
    return promise;
  }

  replaceCertificate(certificate: Certificate): void {
    if (!("setSecureContext" in this.#server)) throw new Error("This door speaks no TLS");
    this.#server.setSecureContext(secureContextOf(certificate));
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#pinging);
    this.#server.close();
    const done = Promise.all([this.#connections.drain(), this.#tasks.settled()]);
    try {
      await deadline(done, HTTP_CLOSE_MS);
    } catch {
      // Whoever is not done by now is cut.
      this.#connections.cutAll();
    }
  }

  #createServer(): Server | TlsServer {
    const { certificate } = this.#options;
    const limits = {
      maxHeaderSize: HTTP_HEAD_BYTES_MAX,
      headersTimeout: HTTP_HEADERS_MS,
      requestTimeout: HTTP_REQUEST_MS,
      keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
      connectionsCheckingInterval: HTTP_CHECK_MS,
      // It is asked for below, where the answer has its headers.
      requireHostHeader: false,
      // Whoever offers something else (curl --http2) is answered as if they had not.
      shouldUpgradeCallback: isWebSocketRequest,
    };
    const server = certificate === null ? createServer(limits) : createTlsServer({
      ...limits,
      ...secureContextOf(certificate),
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: HTTP_HANDSHAKE_MS,
    });
    // It would leave out those beyond it, what a proxy added among them; counted below instead.
    server.maxHeadersCount = 0;
    server.timeout = HTTP_STALL_MS;
    server.on("connection", (socket: NetSocket) => {
      // Whatever becomes of it, it may fail between two of its owners.
      socket.on("error", ignore);
      this.#connections.add(socket);
    });
    server.on("secureConnection", (socket: NetSocket) => socket.on("error", ignore));
    server.on("request", (request, response) => this.#onRequest(request, response));
    server.on("checkContinue", (request, response) => this.#onRequest(request, response));
    server.on("checkExpectation", (_request, response) => {
      sendAnswer(response, textAnswer(417, "There is nothing to expect here."));
    });
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    server.on("connect", (_request, socket) => {
      end(socket, textAnswer(405, "This is no proxy.", { Allow: READING.join(", ") }));
    });
    server.on("clientError", (error, socket) => this.#onClientError(error, socket));
    return server;
  }

  /** What came is no HTTP, or too much of it, or too slow. */
  #onClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
    const { bytesRead, remoteAddress } = socket as NetSocket;
    const code = error.code ?? error.message;
    // Browsers open connections that they may need later.
    const isSilent = code === "ERR_HTTP_REQUEST_TIMEOUT" && bytesRead === 0;
    // After a handshake that failed nobody knows any more who it was.
    if (!isSilent) this.#options.onRejected(remoteAddress ?? "unknown", `spoke no HTTP: ${code}`);
    // Where something was answered before, this would be taken for a part of it; and over TLS, it
    // may be the handshake that failed.
    const isHttp = /^(HPE_|ERR_HTTP_)/.test(code);
    if (!isHttp || isSilent || this.#connections.isUsed(socket as NetSocket)) {
      socket.destroy();
      return;
    }
    if (code === "HPE_HEADER_OVERFLOW") {
      end(socket, textAnswer(431, `A request's head has at most ${HTTP_HEAD_BYTES_MAX} bytes.`));
    } else if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
      end(socket, textAnswer(408, "The request took too long."));
    } else {
      const text = `${this.#options.name()}: this port speaks HTTP, for browsers. ` +
        "People on nc and programs have another port.";
      end(socket, textAnswer(400, text));
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    request.on("error", ignore);
    response.on("error", ignore);
    response.on("close", () => this.#connections.end(socket));
    if (this.#connections.begin(socket) > HTTP_REQUESTS_WAITING_MAX) socket.destroy();
    else this.#tasks.own("Answering", this.#answerRequest(request, response));
  }

  /** Answers a request. Never rejects. */
  async #answerRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#answer(request, response);
      // A stream goes on by itself.
      if (answer === null) return;
      // Nobody waits for the rest of what was not asked for.
      if (hasBody(request) && !request.complete) response.shouldKeepAlive = false;
      sendAnswer(response, answer);
    } catch (error) {
      this.#options.onError(error);
      response.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer | null> {
    const from = this.#identify(request);
    const refusal = this.#refuseAddressing(request, from);
    if (refusal !== null) {
      this.#options.onRejected(from.address, refusal.why);
      return textAnswer(refusal.status, refusal.why, { Connection: "close" });
    }
    const [path = "", query = ""] = splitOnce(request.url ?? "", "?");
    if (!path.startsWith("/")) return NOT_A_PATH;
    const route = this.#routes.get(path) ?? this.#roomRoute(path);
    if (route === null) return NOT_FOUND;
    const method = request.method ?? "";
    if (!route.methods.includes(method)) {
      const allowed = route.methods.join(", ");
      return textAnswer(405, `This takes ${allowed}.`, { Allow: allowed });
    }
    try {
      return await route.answer({ request, response, from, query });
    } catch (error) {
      // The peer's leaving is nobody's fault, and there is nobody to be told.
      if (request.socket.destroyed) return null;
      if (response.headersSent) throw error;
      this.#options.onError(error);
      return jsonAnswer(500, { code: "internal", text: "Something is wrong with the server." });
    }
  }

  #identify(request: IncomingMessage): Requester {
    return identifyRequester(request, {
      isEncrypted: this.#options.certificate !== null,
      isForwarder: this.#options.isForwarder,
    });
  }

  /** What is wrong with how a request names this server; null for nothing. */
  #refuseAddressing(
    request: IncomingMessage,
    { ownOrigin, isForwarded }: Requester,
  ): { readonly status: number; readonly why: string } | null {
    if (request.rawHeaders.length > 2 * HTTP_HEADER_LINES_MAX) {
      return { status: 431, why: `A request has at most ${HTTP_HEADER_LINES_MAX} headers.` };
    }
    // Of two, a proxy may have looked at the other one.
    for (const name of ["host", "origin", "authorization"]) {
      if ((request.headersDistinct[name]?.length ?? 0) > 1) {
        return { status: 400, why: `The request has two headers ${name}.` };
      }
    }
    const isMissing = request.headers.host === undefined;
    if (isMissing && request.httpVersion === "1.0") return null;
    if (ownOrigin === null) return { status: 400, why: "The request names no host." };
    // DNS rebinding: a page of anybody's can be given a name that leads to this machine, and
    // would then be of the same origin. Where only this machine can come in, it is not
    // meant by such a name; what a trusted proxy passes on was meant for the proxy.
    if (isForwarded || !isLoopback(this.address.hostname) || isLiteralOrigin(ownOrigin)) {
      return null;
    }
    if (this.#origins().some((origin) => hostOf(origin) === hostOf(ownOrigin))) return null;
    const why = `This is not ${hostOf(ownOrigin)}. Open it as localhost, or name the origin ` +
      "when the server is started (--web-origin).";
    return { status: 421, why };
  }

  #origins(): readonly string[] {
    return this.#options.origins();
  }

  async #tellMetrics(from: Requester): Promise<Answer> {
    const { metrics, servesPage } = this.#options;
    if (metrics === null || (servesPage && !from.isLocal)) return NOT_FOUND;
    return textAnswer(200, (await metrics()).trimEnd(), {
      "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
    });
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Uint8Array): void {
    const socket = stream as NetSocket;
    request.on("error", ignore);
    const from = this.#identify(request);
    const refusal = this.#refuseUpgrade(request, from);
    if (refusal !== null) {
      this.#options.onRejected(from.address, refusal.why);
      return end(socket, textAnswer(refusal.status, refusal.why));
    }
    this.#webSockets.handleUpgrade(request, socket, head as Buffer, (ws) => {
      this.#connections.release(socket);
      this.#welcome(ws, from);
    });
  }

  #welcome(ws: WebSocket, { address, isPrivate }: Requester): void {
    const visitor = new WebSocketStream(ws);
    this.#visitors.add(visitor);
    ws.on("close", () => this.#visitors.delete(visitor));
    this.#options.onVisitor(visitor, { address, isPrivate });
  }

  /** Why there is no WebSocket for a request; null where there is one. */
  #refuseUpgrade(
    request: IncomingMessage,
    from: Requester,
  ): { readonly status: number; readonly why: string } | null {
    const [path] = splitOnce(request.url ?? "", "?");
    if (path !== WEB_SOCKET || !this.#options.servesPage) {
      return { status: 404, why: "There is no WebSocket here." };
    }
    if (this.#closed !== null) return { status: 503, why: "The server is stopping." };
    const refusal = this.#refuseAddressing(request, from);
    if (refusal !== null) return refusal;
    const { origin } = request.headers;
    if (origin === undefined) {
      const why = "Browsers say from which page they come (Origin); this says nothing. " +
        "Programs speak to the chat over raw TCP.";
      return { status: 403, why };
    }
    // Any page can connect to any server, so the page is looked at, not the server (RFC 6455, 10.2).
    if (origin === from.ownOrigin || this.#origins().includes(origin)) return null;
    const why = `Pages from ${shown(origin)} may not connect: this is ${from.ownOrigin}. ` +
      "Behind a proxy, the server is started with --forwarded-from or --web-origin.";
    return { status: 403, why };
  }

  /** `/rooms/NAME`; null for any other path. */
  #roomRoute(path: string): Route | null {
    const { bots } = this.#options;
    const name = path.slice(ROOMS.length);
    if (bots === null || !path.startsWith(ROOMS) || name === "" || name.includes("/")) return null;
    const release = (socket: NetSocket): void => this.#connections.release(socket);
    return {
      methods: ["GET", "POST"],
      answer: ({ request, response, from, query }) =>
        answerBot({ request, response, from, name, query }, bots, release),
    };
  }
}

/**
 * How TLS is spoken with a certificate.
 *
 * @throws {UsageError} If it cannot be used: the runtime would find out in the first handshake.
 */
function secureContextOf(certificate: Certificate): SecureContextOptions {
  checkCertificate(certificate, Date.now());
  const { cert, key } = certificate;
  return { cert, key, minVersion: "TLSv1.2" };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** A file of the page, unless the browser has it already. */
function fileAnswer({ headers }: IncomingMessage, { type, etag, body }: PageFile): Answer {
  // Asked for each time, so that everybody has the page of the server that runs.
  const validators = { "ETag": etag, "Cache-Control": "no-cache" };
  const known = (headers["if-none-match"] ?? "").split(",").map((tag) =>
    tag.trim().replace(/^W\//, "")
  );
  if (known.includes(etag) || known.includes("*")) return emptyAnswer(304, validators);
  return { status: 200, headers: { "Content-Type": type, ...validators }, body };
}

/** Answers over a bare connection, and closes it. */
function end(stream: Duplex, answer: Answer): void {
  stream.on("error", ignore);
  if (!stream.writable) stream.destroy();
  else stream.end(formatAnswer(answer), () => stream.destroy());
}

/** What a connection fails with that is closed anyway. */
function ignore(): void {}

function isWebSocketRequest({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

function splitOnce(text: string, separator: string): [head: string, tail: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function hostOf(origin: string): string {
  return URL.parse(origin)?.hostname ?? "";
}

/** Text of a stranger's for a log or an answer: bounded, and on one line. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_LENGTH));
}

/** An error of Node's listening as the runtime's own. */
function toDenoError(error: Error & { readonly code?: string }): Error {
  const options = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return new Deno.errors.AddrInUse(error.message, options);
    case "EADDRNOTAVAIL":
      return new Deno.errors.AddrNotAvailable(error.message, options);
    case "EACCES":
      return new Deno.errors.PermissionDenied(error.message, options);
    default:
      return error;
  }
}
