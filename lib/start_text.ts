/**
 * What the server prints when it starts, and what `--check` answers.
 *
 * Must not know: sockets, the environment.
 *
 * @module
 */

import type { Config } from "./config.ts";
import { formatDuration } from "./duration.ts";

/** What the start-up text is made of. */
export interface StartFacts {
  /** The program's. */
  readonly version: string;
  /** Where the server listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** This machine's addresses as others can reach it. */
  readonly lanAddresses: readonly string[];
  /** How the bundled client is started. */
  readonly client: string;
}

/** Where the server listens, how to join from this machine, and how to let others in. */
export function formatStart(facts: StartFacts): string {
  const { address: { hostname, port }, client, version } = facts;
  const isEverywhere = hostname === "0.0.0.0" || hostname === "::";
  const isLoopback = hostname.startsWith("127.") || hostname === "::1";
  const here = isEverywhere ? "127.0.0.1" : hostname;
  const there = isEverywhere ? facts.lanAddresses[0] ?? "THIS-MACHINE" : hostname;
  const isDefaultPort = port === 2022;
  const target = hostForUrl(here) + (isDefaultPort ? "" : `:${port}`);
  const others = isLoopback
    ? "stop this, start it again with --host 0.0.0.0, and read what it says here"
    : `they type: nc ${there} ${port}   (plain text: for networks that you trust)`;
  return `Parley ${version} listens on ${hostForUrl(hostname)}:${port}.
  Join from this machine:  nc ${here} ${port}   or: ${client} ${target}
  Let others in:           ${others}
  Stop:                    Ctrl-C
`;
}

/** What the server would do with this configuration. */
export function formatCheck(config: Config): string {
  const { rate, idleMs } = config;
  return `The configuration is right. With it, ${config.name}
  listens on ${hostForUrl(config.host)}:${config.port},
  takes ${config.connectionsMax} connections, ${config.perAddressMax} from one address,
  lets a peer send ${
    rate === null ? "without limit" : `${rate.burst} lines at once and ${rate.perSecond} a second`
  },
  closes ${
    idleMs === null
      ? "no quiet connection"
      : `a connection that is quiet for ${formatDuration(idleMs)}`
  },
  greets with ${config.motd.length === 0 ? "no message of the day" : "a message of the day"},
  and logs ${config.logLevel === "off" ? "nothing" : `${config.logLevel} as ${config.logFormat}`}.
`;
}

/** A host as it stands before a colon and a port. */
export function hostForUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
