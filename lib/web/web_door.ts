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
import type { Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions, TLSSocket } from "node:tls";
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
import { listenNode, type NodeListener } from "../net/node_listener.ts";
import { pauseBelowTls } from "../node_socket.ts";
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
  /** Told of who was not let in: a wrong origin, no HTTP. `why` is for the log. */
  readonly onRejected: (address: string, why: string) => void;
  /**
   * Told, once, of the address of a proxy on this machine that passes requests on without being
   * believed: all its visitors come from there, and no limit for an address holds for them.
   */
  readonly onUnknownProxy: (address: string) => void;
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
  readonly metrics: (() => string) | null;
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

/** Why somebody is not let in. */
interface Refusal {
  readonly status: number;
  /** For who is refused: a sentence. */
  readonly text: string;
  /** For the log. */
  readonly why: string;
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
  /** Where those come from whose handshake is not done: the runtime forgets it with the connection. */
  readonly #addresses = new WeakMap<Duplex, string>();
  #pinging: ReturnType<typeof setInterval> | undefined;
  /** Null until it listens. */
  #listener: NodeListener | null = null;
  #hasToldOfProxy = false;
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
  async listen(): Promise<void> {
    const { hostname, port } = this.#options;
    this.#listener = await listenNode(this.#server, { hostname, port, backlog: LISTEN_BACKLOG });
    this.#server.on("error", this.#options.onError);
    this.#pinging = setInterval(() => {
      for (const visitor of this.#visitors) visitor.ping();
    }, WEB_SOCKET_PING_MS);
  }

  get address(): NodeListener["address"] {
    if (this.#listener === null) throw new Error("The door is not open");
    return this.#listener.address;
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
    this.#listener?.close();
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
      if (socket.remoteAddress !== undefined) this.#addresses.set(socket, socket.remoteAddress);
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      socket.on("error", ignore);
      pauseBelowTls(socket);
    });
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
    const { bytesRead } = socket as NetSocket;
    const code = error.code ?? error.message;
    // Browsers open connections that they may need later.
    const isSilent = code === "ERR_HTTP_REQUEST_TIMEOUT" && bytesRead === 0;
    if (!isSilent) this.#options.onRejected(this.#addressOf(socket), `spoke no HTTP: ${code}`);
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

  /** Where a connection comes from, also after a handshake that failed. */
  #addressOf(socket: Duplex & { readonly _parent?: Duplex }): string {
    return this.#addresses.get(socket._parent ?? socket) ?? "unknown";
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    useAuthority(request);
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
    const refusal = this.#refuseHead(request, from);
    if (refusal !== null) {
      this.#options.onRejected(from.address, refusal.why);
      return textAnswer(refusal.status, refusal.text, { Connection: "close" });
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
    const from = identifyRequester(request, {
      isEncrypted: this.#options.certificate !== null,
      isForwarder: this.#options.isForwarder,
    });
    // Anybody can send such headers. From this machine itself, nobody does but a proxy.
    if (from.isUnknownProxy && !this.#hasToldOfProxy && this.#options.servesPage) {
      this.#hasToldOfProxy = true;
      this.#options.onUnknownProxy(from.address);
    }
    return from;
  }

  /** What is wrong with a request's head, whatever it asks for; null for nothing. */
  #refuseHead(
    request: IncomingMessage,
    { ownOrigin, isForwarded }: Requester,
  ): Refusal | null {
    if (request.rawHeaders.length > 2 * HTTP_HEADER_LINES_MAX) {
      const text = `A request has at most ${HTTP_HEADER_LINES_MAX} headers.`;
      return { status: 431, text, why: "too many headers" };
    }
    // Of two, a proxy may have looked at the other one.
    for (const name of ["host", "origin", "authorization"]) {
      if ((request.headersDistinct[name]?.length ?? 0) > 1) {
        return { status: 400, text: `The request has two headers ${name}.`, why: `two ${name}` };
      }
    }
    // A proxy may see another end of such a request than the runtime does (RFC 9112, section 6.1).
    const coding = request.headers["transfer-encoding"];
    if (coding !== undefined && (coding.toLowerCase() !== "chunked" || isOld(request))) {
      const text = "Of the transfer codings, there is chunked here, and in HTTP/1.1 alone.";
      return { status: 501, text, why: "strange transfer coding" };
    }
    const isMissing = request.headers.host === undefined;
    if (isMissing && isOld(request)) return null;
    if (ownOrigin === null) {
      return { status: 400, text: "The request names no host.", why: "no host" };
    }
    // DNS rebinding: a page of anybody's can be given a name that leads to this machine, and
    // would then be of the same origin. Where only this machine can come in, it is not
    // meant by such a name; what a trusted proxy passes on was meant for the proxy.
    if (isForwarded || !isLoopback(this.address.hostname) || isLiteralOrigin(ownOrigin)) {
      return null;
    }
    const host = hostOf(ownOrigin);
    if (this.#origins().some((origin) => hostOf(origin) === host)) return null;
    const text = `This is not ${host}. Open it as localhost, or name the origin ` +
      "when the server is started (--web-origin).";
    return { status: 421, text, why: `wrong host ${shown(host)}` };
  }

  #origins(): readonly string[] {
    return this.#options.origins();
  }

  #tellMetrics(from: Requester): Answer {
    const { metrics, servesPage } = this.#options;
    if (metrics === null || (servesPage && !from.isLocal)) return NOT_FOUND;
    return textAnswer(200, metrics().trimEnd(), {
      "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
    });
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Uint8Array): void {
    const socket = stream as NetSocket;
    request.on("error", ignore);
    useAuthority(request);
    const from = this.#identify(request);
    const refusal = this.#refuseUpgrade(request, from);
    if (refusal !== null) {
      this.#options.onRejected(from.address, refusal.why);
      return end(socket, textAnswer(refusal.status, refusal.text));
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
  #refuseUpgrade(request: IncomingMessage, from: Requester): Refusal | null {
    const [path] = splitOnce(request.url ?? "", "?");
    if (path !== WEB_SOCKET || !this.#options.servesPage) {
      return { status: 404, text: "There is no WebSocket here.", why: "wrong path" };
    }
    if (this.#closed !== null) {
      return { status: 503, text: "The server is stopping.", why: "the server is stopping" };
    }
    const refusal = this.#refuseHead(request, from);
    if (refusal !== null) return refusal;
    // To whoever reads the body as such, its frames are not those that come behind it.
    if (hasBody(request)) {
      return {
        status: 400,
        text: "A WebSocket begins without a body.",
        why: "upgrade with a body",
      };
    }
    const { origin } = request.headers;
    if (origin === undefined) {
      const text = "Browsers say from which page they come (Origin); this says nothing. " +
        "Programs speak to the chat over raw TCP.";
      return { status: 403, text, why: "no origin" };
    }
    // Any page can connect to any server, so the page is looked at, not the server (RFC 6455, 10.2).
    if (origin === from.ownOrigin || this.#origins().includes(origin)) return null;
    const text = `Pages from ${shown(origin)} may not connect: this is ${from.ownOrigin}. ` +
      "Behind a proxy, the server is started with --forwarded-from or --web-origin.";
    return { status: 403, text, why: `wrong origin ${shown(origin)}` };
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

/**
 * Takes the host from a request's target where it stands there: `GET http://chat.example/ws` is
 * what clients send to proxies, and servers have to take it too (RFC 9112, section 3.2.2).
 */
function useAuthority(request: IncomingMessage): void {
  const [, host, path] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(request.url ?? "") ?? [];
  // Without a header Host, which has to be there as well, it stays none.
  if (host === undefined || path === undefined || request.headers.host === undefined) return;
  request.headers.host = host;
  request.url = path.startsWith("/") ? path : `/${path}`;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** A file of the page, unless the browser has it already. */
function fileAnswer({ headers }: IncomingMessage, { type, zipped, ...plain }: PageFile): Answer {
  const isZipped = takesGzip(headers["accept-encoding"]);
  const { etag, body } = isZipped ? zipped : plain;
  // Asked for each time, so that everybody has the page of the server that runs.
  const kept = { "ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding" };
  const known = (headers["if-none-match"] ?? "").split(",").map((tag) =>
    tag.trim().replace(/^W\//, "")
  );
  if (known.includes(etag) || known.includes("*")) return emptyAnswer(304, kept);
  const encoding = isZipped ? { "Content-Encoding": "gzip" } : {};
  return { status: 200, headers: { "Content-Type": type, ...encoding, ...kept }, body };
}

/** Whether a browser that accepts these codings (RFC 9110, section 12.5.3) takes gzip. */
function takesGzip(accepted: string | string[] | undefined): boolean {
  return `${accepted ?? ""}`.split(",").some((item) => {
    const [coding = "", weight = ""] = item.split(";");
    return coding.trim().toLowerCase() === "gzip" && !/^\s*q\s*=\s*0(?:\.0*)?\s*$/i.test(weight);
  });
}

/** Answers over a bare connection, and closes it. */
function end(stream: Duplex, answer: Answer): void {
  stream.on("error", ignore);
  if (!stream.writable) stream.destroy();
  else stream.end(formatAnswer(answer), () => stream.destroy());
}

/** What a connection fails with that is closed anyway. */
function ignore(): void {}

function isWebSocketRequest(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket" && !isOld(request);
}

/** Whether a request is of the HTTP before 1.1, which knows no Host, no chunks and no upgrades. */
function isOld({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === "1.0";
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
