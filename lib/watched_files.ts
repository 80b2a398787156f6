/**
 * Files that can be read again by a program that has given its permissions up.
 *
 * A worker is started while there are permissions still. It keeps the right to
 * read exactly these files, and has no other; the thread that deals with
 * strangers can read nothing, and can only ask for them. Links are followed
 * anew each time, wherever they lead: whoever may change them is trusted.
 * The worker takes some 6 MB, so it is for programs that have such files.
 * Must not know: what the files are for, when to read them.
 *
 * @module
 */

/** What came of reading one file: its text, or why there is none. */
export type FileOutcome = { readonly text: string } | { readonly error: string };

/** What the worker is told. Its first message is `start`. */
export type ToWorker =
  | {
    readonly type: "start";
    readonly paths: readonly string[];
    readonly watched: readonly string[];
    readonly pollMs: number;
  }
  | { readonly type: "read"; readonly id: number };

/** What the worker tells. Its first message is `loaded`. */
export type FromWorker =
  | { readonly type: "loaded" }
  | { readonly type: "changed" }
  | {
    readonly type: "contents";
    readonly id: number;
    readonly outcomes: readonly (readonly [path: string, outcome: FileOutcome])[];
  };

/** How files are watched. */
export interface WatchOptions {
  /** Those of the paths whose changes are told; none starts no timer. */
  readonly watched: readonly string[];
  /** Pause between two looks, in milliseconds; a change is told once it was quiet for so long. */
  readonly pollMs: number;
  /**
   * Called when watched files have changed, have gone or have come back, and
   * once soon after the start: they may have changed since the caller read them.
   */
  readonly onChanged: () => void;
  /** Called once if the worker dies; files cannot be read any more then. */
  readonly onFailed: (error: Error) => void;
}

/** Files that are watched until this is disposed of. */
export interface WatchedFiles extends Disposable {
  /**
   * Reads all files anew. A file that cannot be read, or has more than
   * `WATCHED_FILE_BYTES_MAX` bytes, is no reason to reject.
   *
   * @returns What came of each path, in their order.
   * @throws {Error} If the worker has died, or this was disposed of, also meanwhile.
   */
  read(): Promise<ReadonlyMap<string, FileOutcome>>;
}

/**
 * Starts watching files. They need not exist.
 *
 * To be awaited before permissions are given up, and called with the
 * permission to read the files and the program's own code.
 *
 * @param paths All files that will ever be read, as they are named later.
 * @throws {Error} If the worker cannot be started.
 */
export async function watchFiles(
  paths: readonly string[],
  options: WatchOptions,
): Promise<WatchedFiles> {
  const worker = new Worker(new URL("./watched_files_worker.ts", import.meta.url), {
    type: "module",
    name: "watched files",
    deno: {
      permissions: {
        read: [...paths],
        write: false,
        net: false,
        env: false,
        sys: false,
        run: false,
        ffi: false,
        import: false,
      },
    },
  });
  const files = new WorkerFiles(worker, options);
  await files.loaded;
  const { watched, pollMs } = options;
  files.tell({ type: "start", paths, watched, pollMs });
  return files;
}

type Contents = ReadonlyMap<string, FileOutcome>;

class WorkerFiles implements WatchedFiles {
  readonly #worker: Worker;
  readonly #options: WatchOptions;
  readonly #loaded = Promise.withResolvers<void>();
  #isLoaded = false;
  /** Who waits for contents, by the id of the request. */
  readonly #waiting = new Map<number, PromiseWithResolvers<Contents>>();
  #lastId = 0;
  /** Why nothing can be read any more. */
  #end: Error | null = null;

  constructor(worker: Worker, options: WatchOptions) {
    this.#worker = worker;
    this.#options = options;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>): void => this.#take(data);
    worker.onerror = (event): void => {
      // Or else it would end the whole program.
      event.preventDefault();
      this.#fail(new Error(`The worker that reads files has died: ${event.message}`));
    };
  }

  /** Resolves when the worker needs no more permission than its own, rejects if it never will. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  read(): Promise<Contents> {
    if (this.#end !== null) return Promise.reject(this.#end);
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<Contents>();
    this.#waiting.set(id, waiting);
    this.tell({ type: "read", id });
    return waiting.promise;
  }

  [Symbol.dispose](): void {
    this.#stop(new Error("The files are not watched any more"));
  }

  #take(message: FromWorker): void {
    if (this.#end !== null) return;
    switch (message.type) {
      case "loaded":
        this.#isLoaded = true;
        return this.#loaded.resolve();
      case "changed":
        return this.#options.onChanged();
      case "contents":
        this.#waiting.get(message.id)?.resolve(new Map(message.outcomes));
        this.#waiting.delete(message.id);
    }
  }

  #fail(error: Error): void {
    if (this.#end !== null) return;
    this.#stop(error);
    // Whoever awaits the start is told by that.
    if (this.#isLoaded) this.#options.onFailed(error);
  }

  #stop(end: Error): void {
    this.#end ??= end;
    this.#worker.terminate();
    this.#loaded.reject(end);
    for (const { reject } of this.#waiting.values()) reject(end);
    this.#waiting.clear();
  }
}
