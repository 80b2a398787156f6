// Files that are read again and watched by a worker: what it tells of them, however they are
// replaced, what it survives, and, in a process that has given every permission up, that it can
// read them still, whichever links lead there, and can do nothing else.

import { assertEquals, assertRejects } from "@std/assert";
import { onUnix } from "./fixtures/machine.ts";
import { WATCHED_FILE_BYTES_MAX } from "../lib/limits.ts";
import { type FileOutcome, type WatchedFiles, watchFiles } from "../lib/watched_files.ts";
import { Folder, ServerProcess } from "./fixtures/server_process.ts";
import { within } from "./harness.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** Watches files in this process, and lets tests wait for changes. */
class Watch implements Disposable {
  readonly #files: WatchedFiles;
  readonly #news: { changes: number; onChange: () => void };
  #taken = 0;

  private constructor(files: WatchedFiles, news: { changes: number; onChange: () => void }) {
    this.#files = files;
    this.#news = news;
  }

  /** Starts, and waits until it has told that it did. */
  static async start(...paths: string[]): Promise<Watch> {
    const news = { changes: 0, onChange: (): void => {} };
    const files = await watchFiles(paths, {
      watched: paths,
      pollMs: 10,
      onChanged: () => {
        news.changes++;
        news.onChange();
      },
      onFailed: (error) => {
        throw error;
      },
    });
    const watch = new Watch(files, news);
    await watch.changed();
    return watch;
  }

  /** Waits for a change that nobody has waited for yet. */
  async changed(): Promise<void> {
    while (this.#news.changes === this.#taken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#news.onChange = resolve;
      await within(promise, () => `Awaited change ${this.#taken + 1}`);
    }
    this.#taken++;
  }

  /** Waits for changes until the files have these texts; null for one that is not there. */
  async reaches(...texts: (string | null)[]): Promise<void> {
    for (;;) {
      await this.changed();
      const outcomes = [...(await this.#files.read()).values()];
      const read = outcomes.map((outcome) => "text" in outcome ? outcome.text : null);
      if (JSON.stringify(read) === JSON.stringify(texts)) return;
    }
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}

/** Reads files once. */
async function readOnce(
  ...paths: string[]
): Promise<ReadonlyMap<string, { readonly text?: string; readonly error?: string }>> {
  using files = await watchFiles(paths, QUIET);
  return await files.read();
}

/** Nothing is watched, and nothing goes wrong. */
const QUIET = {
  watched: [],
  pollMs: 10,
  onChanged: (): never => {
    throw new Error("Nothing is watched");
  },
  onFailed: (error: Error): never => {
    throw error;
  },
};

Deno.test("files are read anew each time, as Deno.readTextFile reads them", async () => {
  await using folder = new Folder();
  const paths = ["one", "two", "three"].map((name) => folder.file(name));
  const write = async (index: number, bytes: Uint8Array): Promise<void> =>
    await Deno.writeFile(paths[index] ?? "", bytes);
  using files = await watchFiles(paths, QUIET);
  // A byte order mark, what is no UTF-8, nothing, and more than one piece of text.
  for (const bytes of [[0xef, 0xbb, 0xbf, 0x61], [0xff, 0x62], [], Array(70_000).fill(0x63)]) {
    for (const index of paths.keys()) await write(index, new Uint8Array([...bytes, 0x30 + index]));
    const expected = new Map<string, FileOutcome>();
    for (const path of paths) expected.set(path, { text: await Deno.readTextFile(path) });
    assertEquals(await files.read(), expected);
  }
});

Deno.test("what is wrong with a file is told of that file alone", async () => {
  await using folder = new Folder();
  const { path } = folder;
  await Deno.writeTextFile(folder.file("good"), "good");
  await Deno.writeTextFile(folder.file("most"), "m".repeat(WATCHED_FILE_BYTES_MAX));
  await Deno.writeTextFile(folder.file("large"), "m".repeat(WATCHED_FILE_BYTES_MAX + 1));
  const paths = ["missing", path, "large", "most", "good"].map((name) =>
    name === path ? path : folder.file(name)
  );
  const outcomes = [...(await readOnce(...paths)).values()];
  assertEquals(outcomes.map(({ text }) => text?.length), [
    undefined,
    undefined,
    undefined,
    2 ** 20,
    4,
  ]);
  assertEquals(outcomes.map(({ error }) => error?.replace(/ \(os error.*/, "")), [
    IS_WINDOWS ? "The system cannot find the file specified." : "No such file or directory",
    "it is no regular file",
    "it has more than 1048576 bytes",
    undefined,
    undefined,
  ]);
});

Deno.test(onUnix("a named pipe and a device hold nothing up"), async () => {
  await using folder = new Folder();
  const pipe = folder.file("pipe");
  assertEquals((await new Deno.Command("mkfifo", { args: [pipe] }).output()).code, 0);
  await Deno.writeTextFile(folder.file("good"), "good");
  assertEquals(
    [
      ...(await within(
        readOnce(pipe, "/dev/zero", folder.file("good")),
        () => "Awaited what is beside a named pipe",
      )).values(),
    ],
    [{ error: "it is no regular file" }, { error: "it is no regular file" }, { text: "good" }],
  );
});

/** Each way that programs replace a file: from "old" to "new". */
const WAYS: Readonly<Record<string, (folder: Folder) => Promise<void>>> = {
  "written in place": async (folder) => await Deno.writeTextFile(folder.file("file"), "new"),
  "renamed over": async (folder) => {
    await Deno.writeTextFile(folder.file("next"), "new");
    await Deno.rename(folder.file("next"), folder.file("file"));
  },
  "renamed over, with the size and the time of before": async (folder) => {
    const { mtime } = await Deno.stat(folder.file("file"));
    await Deno.writeTextFile(folder.file("next"), "new");
    await Deno.utime(folder.file("next"), mtime ?? 0, mtime ?? 0);
    await Deno.rename(folder.file("next"), folder.file("file"));
  },
  "removed and made anew": async (folder) => {
    await Deno.remove(folder.file("file"));
    await Deno.writeTextFile(folder.file("file"), "new");
  },
};

for (const [way, replace] of Object.entries(WAYS)) {
  Deno.test(`a change is told of a file that is ${way}`, async () => {
    await using folder = new Folder();
    await Deno.writeTextFile(folder.file("file"), "old");
    using watch = await Watch.start(folder.file("file"));
    await replace(folder);
    await watch.reaches("new");
  });
}

Deno.test(onUnix("a change is told of a link that leads elsewhere"), async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("old"), "old");
  await Deno.writeTextFile(folder.file("new"), "new");
  await Deno.symlink("old", folder.file("file"));
  using watch = await Watch.start(folder.file("file"));
  await relink(folder, "new", "file");
  await watch.reaches("new");
  // What the link leads to is watched, and not the link.
  await Deno.writeTextFile(folder.file("new"), "newer");
  await watch.reaches("newer");
});

Deno.test("a change is told of a file that goes, and comes", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("cert"), "cert");
  await Deno.writeTextFile(folder.file("key"), "key");
  using watch = await Watch.start(folder.file("cert"), folder.file("key"));
  await Deno.remove(folder.file("cert"));
  await watch.reaches(null, "key");
  await Deno.writeTextFile(folder.file("cert"), "cert");
  await watch.reaches("cert", "key");
});

Deno.test("who waits for contents is told when the watch ends", async () => {
  await using folder = new Folder();
  const files = await watchFiles([folder.file("file")], QUIET);
  const reading = files.read();
  files[Symbol.dispose]();
  await assertRejects(() => reading, Error, "The files are not watched any more");
  await assertRejects(() => files.read(), Error, "The files are not watched any more");
  files[Symbol.dispose]();
});

Deno.test("a worker that dies is told of once, and to all who wait for it", async () => {
  using _worker = replaceWorker(
    'postMessage({ type: "loaded" });' +
      'onmessage = ({ data }) => { if (data.id === 2) throw new Error("on purpose") };',
  );
  const failures: string[] = [];
  using files = await watchFiles([], {
    ...QUIET,
    onFailed: ({ message }) => failures.push(message),
  });
  const reason = "The worker that reads files has died: Uncaught Error: on purpose";
  const readings = [files.read(), files.read()];
  for (const reading of [...readings, files.read()]) {
    await assertRejects(() => within(reading, () => "Awaited a dead worker"), Error, reason);
  }
  await assertRejects(() => files.read(), Error, reason);
  assertEquals(failures, [reason]);
});

Deno.test("a worker that does not start is told of by the start", async () => {
  using _worker = replaceWorker('throw new Error("on purpose");');
  await assertRejects(
    () => within(watchFiles([], QUIET), () => "Awaited a dead worker"),
    Error,
    "on purpose",
  );
});

/** Has workers run this instead, until it is disposed of. */
function replaceWorker(source: string): Disposable {
  const { Worker } = globalThis;
  globalThis.Worker = class extends Worker {
    constructor(_module: string | URL, options?: WorkerOptions) {
      super(`data:application/javascript,${encodeURIComponent(source)}`, options);
    }
  };
  return { [Symbol.dispose]: () => void (globalThis.Worker = Worker) };
}

/** A process that has given every permission up, but for its worker's. */
class Watcher implements AsyncDisposable {
  readonly #process: ServerProcess;
  #readings = 0;

  private constructor(process: ServerProcess) {
    this.#process = process;
  }

  /** Starts it in a folder. */
  static async start(folder: Folder, paths: readonly string[]): Promise<Watcher> {
    const process = new ServerProcess({
      script: "tests/fixtures/watching_program.ts",
      args: [JSON.stringify({ paths, watched: paths })],
      cwd: folder.path,
    });
    const watcher = new Watcher(process);
    try {
      await watcher.#process.printed(/^ready$/m);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
    return watcher;
  }

  /** Waits until it has told so many changes. */
  async changed(count: number): Promise<void> {
    await this.#process.printed(new RegExp(`^changed ${count}$`, "m"));
  }

  /** Has it read its files. */
  async read(): Promise<Record<string, { readonly text?: string; readonly error?: string }>> {
    this.#process.kill("SIGUSR1");
    const pattern = new RegExp(`^contents ${++this.#readings} (.*)$`, "m");
    return JSON.parse((await this.#process.printed(pattern))[1] ?? "");
  }

  /** Has its worker try everything that it must not be able to do. */
  async probe(): Promise<Record<string, string>> {
    this.#process.kill("SIGUSR2");
    return JSON.parse((await this.#process.printed(/^outcomes (.*)$/m))[1] ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

Deno.test(onUnix("the worker reads its files and can do nothing else"), async () => {
  await using folder = new Folder();
  await Deno.mkdir(folder.file("archive"));
  await Deno.writeTextFile(folder.file("archive/cert1.pem"), "one");
  await Deno.symlink("archive/cert1.pem", folder.file("cert.pem"));
  for (const name of ["other.txt", "chat.db"]) await Deno.writeTextFile(folder.file(name), "");
  await using watcher = await Watcher.start(folder, ["cert.pem"]);
  const outcomes = await watcher.probe();
  assertEquals(Object.entries(outcomes).filter(([, outcome]) => outcome !== "NotCapable"), []);
  assertEquals(Object.keys(outcomes).length, 36);
  assertEquals(await watcher.read(), { "cert.pem": { text: "one" } });
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "archive",
    "cert.pem",
    "chat.db",
    "other.txt",
  ]);
});

/** How certificates are laid out: first files and links, then what replaces them. */
const LAYOUTS: readonly {
  readonly name: string;
  readonly path: string;
  make(folder: Folder): Promise<void>;
  replace(folder: Folder): Promise<void>;
}[] = [
  {
    name: "a link of certbot's to ../../archive",
    path: "live/chat.example/cert.pem",
    make: async (folder) => {
      await Deno.mkdir(folder.file("live/chat.example"), { recursive: true });
      await Deno.mkdir(folder.file("archive/chat.example"), { recursive: true });
      for (const [name, text] of [["cert1.pem", "old"], ["cert2.pem", "new"]] as const) {
        await Deno.writeTextFile(folder.file(`archive/chat.example/${name}`), text);
      }
      const link = folder.file("live/chat.example/cert.pem");
      await Deno.symlink("../../archive/chat.example/cert1.pem", link);
    },
    replace: (folder) =>
      relink(folder, "../../archive/chat.example/cert2.pem", "live/chat.example/cert.pem"),
  },
  {
    name: "a folder of Kubernetes', swapped as a whole",
    path: "tls.crt",
    make: async (folder) => {
      for (const [name, text] of [["..2026_1", "old"], ["..2026_2", "new"]] as const) {
        await Deno.mkdir(folder.file(name));
        await Deno.writeTextFile(folder.file(`${name}/tls.crt`), text);
      }
      await Deno.symlink("..2026_1", folder.file("..data"));
      await Deno.symlink("..data/tls.crt", folder.file("tls.crt"));
    },
    replace: async (folder) => {
      await relink(folder, "..2026_2", "..data");
      await Deno.remove(folder.file("..2026_1"), { recursive: true });
    },
  },
  {
    name: "a file in a folder that is a link",
    path: "current/cert.pem",
    make: async (folder) => {
      for (const [name, text] of [["first", "old"], ["second", "new"]] as const) {
        await Deno.mkdir(folder.file(name));
        await Deno.writeTextFile(folder.file(`${name}/cert.pem`), text);
      }
      await Deno.symlink("first", folder.file("current"));
    },
    replace: (folder) => relink(folder, "second", "current"),
  },
  {
    name: "a name with spaces, commas, colons and quotes",
    path: 'my certs/it\'s, "mine": *.pem',
    make: async (folder) => {
      await Deno.mkdir(folder.file("my certs"));
      await Deno.writeTextFile(folder.file('my certs/it\'s, "mine": *.pem'), "old");
    },
    replace: async (folder) => {
      await Deno.writeTextFile(folder.file("next"), "new");
      await Deno.rename(folder.file("next"), folder.file('my certs/it\'s, "mine": *.pem'));
    },
  },
  {
    name: "a file that is not there at first",
    path: "later/cert.pem",
    make: async () => {},
    replace: async (folder) => {
      await Deno.mkdir(folder.file("later"));
      await Deno.writeTextFile(folder.file("next"), "new");
      await Deno.rename(folder.file("next"), folder.file("later/cert.pem"));
    },
  },
];

for (const { name, path, make, replace } of LAYOUTS) {
  for (const isAbsolute of [false, true]) {
    const how = isAbsolute ? "its full path" : "its path from here";
    Deno.test(onUnix(`without permissions ${name} is read and watched by ${how}`), async () => {
      await using folder = new Folder();
      await make(folder);
      const asNamed = isAbsolute ? folder.file(path) : path;
      await using watcher = await Watcher.start(folder, [asNamed]);
      await watcher.changed(1);
      const before = (await watcher.read())[asNamed];
      assertEquals(before?.text, path === "later/cert.pem" ? undefined : "old", before?.error);
      await replace(folder);
      await watcher.changed(2);
      assertEquals(await watcher.read(), { [asNamed]: { text: "new" } });
    });
  }
}

/** Has a link lead elsewhere, without a moment in which there is none. */
async function relink(folder: Folder, target: string, name: string): Promise<void> {
  await Deno.symlink(target, folder.file("next-link"));
  await Deno.rename(folder.file("next-link"), folder.file(name));
}
