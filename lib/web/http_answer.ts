/**
 * What the browser door answers, and the headers that every answer has.
 *
 * Must not know: what was asked, or by whom.
 *
 * @module
 */

import { type ServerResponse, STATUS_CODES } from "node:http";

/** An answer with all its body. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number;
  /** Headers of this answer, beside {@linkcode SECURITY_HEADERS} and the body's length. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; empty where there is none. */
  readonly body: Uint8Array;
}

/** What pages of ours may not do; none of it is used. */
const DENIED_FEATURES = [
  "accelerometer",
  "autoplay",
  "camera",
  "display-capture",
  "encrypted-media",
  "geolocation",
  "gyroscope",
  "magnetometer",
  "microphone",
  "midi",
  "payment",
  "publickey-credentials-get",
  "usb",
  "xr-spatial-tracking",
];

/**
 * Headers of every answer, errors included: the page runs its own scripts and
 * nothing else, is framed by nobody, and tells nobody where it was.
 *
 * No `Strict-Transport-Security`: a browser keeps it for a host, whatever the port. On a LAN,
 * with a certificate of the server's own, it would take away the one click with which people get
 * in, and all that speaks HTTP on the same host. A proxy with a real certificate can add it.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": DENIED_FEATURES.map((feature) => `${feature}=()`).join(", "),
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  // What `frame-ancestors` says, for browsers that do not know it.
  "X-Frame-Options": "DENY",
};

const NO_STORE = { "Cache-Control": "no-store" };
const NO_BODY = new Uint8Array(0);
const UTF8 = new TextEncoder();

/** A line of text. */
export function textAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", ...NO_STORE, ...headers },
    body: UTF8.encode(`${text}\n`),
  };
}

/** An object of JSON, on a line. */
export function jsonAnswer(
  status: number,
  value: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json", ...NO_STORE, ...headers },
    body: UTF8.encode(`${JSON.stringify(value)}\n`),
  };
}

/** An answer without a body. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>>): Answer {
  return { status, headers, body: NO_BODY };
}

/** Sends an answer. Does not wait; where the peer is gone, nothing happens. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    ...headers,
    // Where there is nothing by its status, there is no length either (RFC 9110, section 8.6).
    ...(status === 304 ? {} : { "Content-Length": body.length }),
  });
  response.end(body);
}

/** An answer as it stands on the wire, for a connection that is closed behind it. */
export function formatAnswer({ status, headers, body }: Answer): Uint8Array {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`];
  const all = { ...SECURITY_HEADERS, ...headers, "Content-Length": body.length };
  for (const [name, value] of Object.entries(all)) lines.push(`${name}: ${value}`);
  const head = UTF8.encode(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}
