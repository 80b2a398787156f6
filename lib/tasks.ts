/**
 * The owner of background promises: none floats.
 *
 * Must not know: what a task does.
 *
 * @module
 */

/** Runs tasks in the background, reports those that fail, and waits for all. */
export class Tasks {
  readonly #onError: (name: string, error: unknown) => void;
  /** One callback for each name, however many tasks have it. */
  readonly #onFailures = new Map<string, (error: unknown) => void>();
  #size = 0;
  #whenNone: PromiseWithResolvers<void> | null = null;

  /**
   * Begins with no task.
   *
   * @param onError Called with the name of a task that failed, and why.
   */
  constructor(onError: (name: string, error: unknown) => void) {
    this.#onError = onError;
  }

  /** How many are running. */
  get size(): number {
    return this.#size;
  }

  /** Takes a promise into its care. Whatever becomes of it, nothing is thrown. */
  own(name: string, task: Promise<unknown>): void {
    this.#size++;
    let onFailure = this.#onFailures.get(name);
    if (onFailure === undefined) {
      onFailure = (error): void => {
        this.#onError(name, error);
        this.#onEnd();
      };
      this.#onFailures.set(name, onFailure);
    }
    task.then(this.#onEnd, onFailure);
  }

  /** Resolves once no task is running, those included that start meanwhile. */
  settled(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    this.#whenNone ??= Promise.withResolvers();
    return this.#whenNone.promise;
  }

  readonly #onEnd = (): void => {
    this.#size--;
    if (this.#size > 0) return;
    this.#whenNone?.resolve();
    this.#whenNone = null;
  };
}
