/**
 * Whether a server is the one that the user means, by the certificate that it presents.
 *
 * 1. With a fingerprint the certificate must be that one, and nothing else counts.
 * 2. With authorities of the user's own, one of them must vouch for it.
 * 3. Otherwise it is trusted if a public authority vouches for it, or else on
 *    first use: it is remembered, and from then on must be the same. Where
 *    nothing can be remembered, there is no first use. A server that an
 *    authority vouched for is held to that as well.
 *
 * What has been accepted holds for all connections of one run, whatever happens
 * to what is remembered. Must not know: how a connection is made, files.
 *
 * @module
 */

/** A certificate that a server has proved to be its own. */
export interface PresentedCertificate {
  /** SHA-256, as `fingerprint.ts` writes it. */
  readonly fingerprint: string;
  /** Why no authority vouches for it: "it is self-signed"; null where one does, for this name. */
  readonly fault: string | null;
}

/** What a server is remembered by: a fingerprint, or that an authority vouches for it. */
export type Proof = string;

/** The {@linkcode Proof} of a server that an authority vouches for. */
export const BY_AUTHORITY: Proof = "authority";

/** What is remembered of one server. */
export interface ProofMemory {
  /**
   * Remembers a proof where none is remembered yet.
   *
   * @returns What is remembered now; null where nothing can be.
   */
  learn(proof: Proof): Promise<{ readonly proof: Proof; readonly isNew: boolean } | null>;
  /** Remembers a proof, whatever was remembered before; the user is told where that fails. */
  replace(proof: Proof): Promise<void>;
}

/** Options of {@linkcode Trust}. */
export interface TrustOptions {
  /** The server, as the user is told of it. */
  readonly server: string;
  /** What the user says that its fingerprint is; null for nothing. */
  readonly fingerprint: string | null;
  /** Certificates in PEM that have to vouch for it; null for the public authorities'. */
  readonly authorities: string | null;
  /** What is remembered of it; null where nothing can be. */
  readonly memory: ProofMemory | null;
}

/** The server is not the one that the user means; the message is for them, in lines. */
export class UntrustedError extends Error {
  /** Takes the lines. */
  constructor(...lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "UntrustedError";
  }
}

/** See the module. One for each server and run. */
export class Trust {
  readonly #options: TrustOptions;
  /** What was accepted in this run. */
  #accepted: Proof | null = null;

  /** Nothing is asked of the memory before {@linkcode check}. */
  constructor(options: TrustOptions) {
    this.#options = options;
  }

  /** Certificates in PEM that have to vouch for it; null for the public authorities'. */
  get authorities(): string | null {
    return this.#options.authorities;
  }

  /**
   * Judges a certificate. Before that nothing may be sent.
   *
   * @returns A sentence for the user: what was trusted on first use; null for nothing to tell.
   * @throws {UntrustedError} If it is not to be trusted.
   */
  async check(presented: PresentedCertificate): Promise<string | null> {
    const { fingerprint, authorities } = this.#options;
    if (fingerprint !== null) await this.#checkFingerprint(presented, fingerprint);
    else if (authorities !== null) this.#checkAuthorities(presented);
    else if (presented.fault === null) await this.#accept(BY_AUTHORITY);
    else return await this.#checkKnown(presented, presented.fault);
    return null;
  }

  async #checkFingerprint(presented: PresentedCertificate, wanted: string): Promise<void> {
    const { server } = this.#options;
    if (presented.fingerprint === wanted) return await this.#accept(wanted);
    throw new UntrustedError(
      `The certificate of ${server} is not the one that --fingerprint names:`,
      `  wanted:  ${wanted}`,
      `  there:   ${presented.fingerprint}`,
      "Nothing was sent. Ask the server's owner which one is theirs.",
    );
  }

  #checkAuthorities({ fault }: PresentedCertificate): void {
    if (fault === null) return;
    const { server } = this.#options;
    throw new UntrustedError(
      `What --ca names does not vouch for the certificate of ${server}: ${fault}. Nothing was sent.`,
    );
  }

  /** Of a certificate that no authority vouches for. */
  async #checkKnown({ fingerprint }: PresentedCertificate, fault: string): Promise<string | null> {
    const { server, memory } = this.#options;
    const known = this.#accepted !== null
      ? { proof: this.#accepted, isNew: false }
      : await memory?.learn(fingerprint) ?? null;
    if (known === null) {
      throw new UntrustedError(
        `No authority vouches for the certificate of ${server} (${fault}), and it cannot be remembered.`,
        "If its owner has the same fingerprint, give it:",
        `  --fingerprint ${fingerprint}`,
      );
    }
    if (known.proof !== fingerprint) throw this.#changed(known.proof, fingerprint, fault);
    this.#accepted = fingerprint;
    return known.isNew
      ? `No authority vouches for the certificate of ${server} (${fault}); its fingerprint is ` +
        `${fingerprint}. Compare it with what the server's owner has. From now on it must be the same.`
      : null;
  }

  #changed(before: Proof, now: string, fault: string): UntrustedError {
    const wasVouchedFor = before === BY_AUTHORITY;
    return new UntrustedError(
      `WARNING: ${this.#options.server} does not prove to be the server that it was before.`,
      `  before:  ${wasVouchedFor ? "an authority vouched for its certificate" : before}`,
      `  now:     ${now}`,
      ...wasVouchedFor ? [`No authority vouches for it any more: ${fault}.`] : [],
      "Somebody may be between you and the server, to read all that is said, passwords included;",
      "or its owner has changed the certificate: ask them for its fingerprint. Nothing was sent.",
      "If they have the same, accept it:",
      `  --fingerprint ${now}`,
    );
  }

  /** What the user has named, or an authority vouches for, takes the place of what was remembered. */
  async #accept(proof: Proof): Promise<void> {
    if (this.#accepted === proof) return;
    await this.#options.memory?.replace(proof);
    this.#accepted = proof;
  }
}
