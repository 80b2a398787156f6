// What lib/README.md says about the shape, held to: who may import whom, what only the entries
// may touch, and what every file opens with.

import { assertEquals } from "@std/assert";

const TOP = new URL("..", import.meta.url);
const ENTRIES = ["main.ts", "client.ts"];
const FILES = [...ENTRIES, ...listFiles("lib")];
/** All but the declarations of other people's modules. */
const MODULES = FILES.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));

/**
 * What each place may import besides its own files: another place, or one file of it.
 * `lib/*` is the shared vocabulary: whatever lies in `lib/` itself and is not named here.
 * Nothing may import an entry, so no row does.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["lib/server.ts", "lib/*", "deno.json"],
  "client.ts": ["lib/terminal/", "lib/client/", "lib/*", "deno.json"],
  "lib/server.ts": [
    "lib/doors.ts",
    "lib/bots.ts",
    "lib/session.ts",
    "lib/web/",
    "lib/net/",
    "lib/protocol/",
    "lib/chat/",
    "lib/store/",
    "lib/*",
  ],
  "lib/session.ts": ["lib/door.ts", "lib/net/", "lib/protocol/", "lib/chat/", "lib/*"],
  "lib/doors.ts": ["lib/net/", "lib/web/", "lib/*"],
  "lib/bots.ts": ["lib/net/", "lib/protocol/", "lib/chat/", "lib/web/", "lib/*"],
  "lib/door.ts": ["lib/net/", "lib/chat/", "lib/*"],
  "lib/net/": ["lib/*"],
  "lib/protocol/": ["lib/*"],
  "lib/web/": ["lib/net/", "lib/protocol/", "lib/*"],
  "lib/chat/": ["lib/*"],
  // The interfaces that it implements are owned by chat/.
  "lib/store/": ["lib/chat/", "lib/*"],
  // The client reads what the server's encoders write: a file for each knows both sides of that.
  "lib/client/": ["lib/protocol/json_reader.ts", "lib/*"],
  "lib/terminal/": [
    "lib/client/",
    "lib/protocol/json_reader.ts",
    "lib/protocol/plain_reader.ts",
    "lib/*",
  ],
  "lib/*": [],
};

/** What makes a `Socket` of something else hands on what is written to it. */
const SOCKETS: ReadonlySet<string> = new Set([
  "lib/node_socket.ts",
  "lib/web/response_stream.ts",
]);

/** Text that code must not contain, comments aside, and where. */
const FORBIDDEN: readonly { in: (file: string) => boolean; text: RegExp; why: string }[] = [
  {
    in: (file) => !ENTRIES.includes(file),
    text: /\bDeno\.(args|env|exit\w*|addSignalListener)\b|\bprocess\.(argv|env|exit\w*|kill)\b/,
    why: "only the entries read arguments and the environment, exit, and listen for signals",
  },
  {
    in: (file) => /^lib\/(chat|protocol)\//.test(file),
    text: /\bDeno\b|\bset(Timeout|Interval|Immediate)\b|\bAbortSignal\.timeout\b/,
    why: "chat/ and protocol/ know no platform and no timers",
  },
  {
    in: (file) =>
      !/^lib\/(terminal|client)\/|^lib\/net\/send_queue\.ts$/.test(file) && !SOCKETS.has(file) &&
      isInLib(file),
    text: /\.write\(/,
    why: "only net/send_queue.ts writes to a connection of the server",
  },
  {
    in: (file) => /^lib\/(terminal|client)\//.test(file) && file !== "lib/client/server_link.ts",
    text: /conn\w*\.write\(/i,
    why: "only client/server_link.ts writes to the client's connection",
  },
  {
    in: () => true,
    text: /^export default\b|\bas default\b/,
    why: "a default export has no name to search for",
  },
];

/** One import, and the line that it stands on. */
interface Import {
  readonly from: string;
  readonly line: number;
  /** As it is written. */
  readonly specifier: string;
  /** The project's file that is meant, or `null` where it is no file of the project. */
  readonly to: string | null;
}

const IMPORTS = await readImports();

Deno.test("imports point down only", () => {
  assertEquals(
    IMPORTS.filter(({ from, to }) => to !== null && !mayImport(from, to))
      .map(({ from, line, to }) => `${from}:${line} ${placeOf(from)} must not import ${to}`),
    [],
  );
});

Deno.test("imports have no cycle, types included", () => {
  assertEquals(findCycles(), []);
});

Deno.test("chat/ and protocol/ import no timers and nothing of the platform", () => {
  assertEquals(
    IMPORTS.filter(({ from, specifier }) =>
      /^lib\/(chat|protocol)\//.test(from) && /^(node:|@std\/async\/)/.test(specifier)
    ).map(({ from, line, specifier }) => `${from}:${line} imports ${specifier}`),
    [],
  );
});

Deno.test("code contains nothing that is another file's to do", async () => {
  const found: string[] = [];
  for (const file of MODULES) {
    const rules = FORBIDDEN.filter((rule) => rule.in(file));
    for (const [index, line] of (await readCode(file)).entries()) {
      for (const { text, why } of rules) {
        if (text.test(line)) found.push(`${file}:${index + 1} ${why}: ${line.trim()}`);
      }
    }
  }
  assertEquals(found, []);
});

Deno.test("files are named after what they hold", () => {
  const isNamed = (file: string): boolean =>
    /(^|\/)[a-z][a-z0-9_]*(\.d)?\.(ts|js|json|css|html|svg|webmanifest)$|\/README\.md$/.test(
      file,
    ) &&
    !/\/(index|mod|utils?|helpers?|common|shared|misc|types)\.ts$/.test(file);
  assertEquals(FILES.filter((file) => !isNamed(file)), []);
});

Deno.test("files of lib open with what they are and what they must not know", async () => {
  const found: string[] = [];
  for (const file of MODULES.filter(isInLib)) {
    const opening = /^\/\*\*\n[\s\S]*?\*\/\n/.exec(await read(file))?.[0] ?? "";
    if (!opening.includes("\n * @module\n")) found.push(`${file}:1 has no @module comment`);
    if (!opening.includes("Must not know")) found.push(`${file}:1 lacks "Must not know"`);
  }
  assertEquals(found, []);
});

Deno.test("files are printable ASCII", async () => {
  const found: string[] = [];
  for (const file of FILES) {
    for (const [index, line] of (await read(file)).split("\n").entries()) {
      if (/[^ -~]/.test(line)) found.push(`${file}:${index + 1} ${JSON.stringify(line)}`);
    }
  }
  assertEquals(found, []);
});

/** The row of {@linkcode MAY_IMPORT} that a file belongs to. */
function placeOf(file: string): string {
  if (file in MAY_IMPORT || !isInLib(file)) return file;
  const [, folder] = /^(lib\/[^/]+\/)/.exec(file) ?? [];
  return folder ?? "lib/*";
}

function mayImport(from: string, to: string): boolean {
  const place = placeOf(from);
  if (place === placeOf(to)) return true;
  return MAY_IMPORT[place]?.some((allowed) => allowed === to || allowed === placeOf(to)) ?? false;
}

/** Every cycle that a walk comes upon, each as its files in order. */
function findCycles(): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (path.includes(file) || done.has(file)) return;
    for (const { from, to } of IMPORTS) {
      if (from === file && to !== null) walk(to, [...path, file]);
    }
    done.add(file);
  };
  for (const file of MODULES) walk(file, []);
  return cycles;
}

/**
 * What every file imports, from Deno's own reading of it.
 *
 * @throws If an import leads nowhere.
 */
async function readImports(): Promise<Import[]> {
  const all = await Deno.makeTempFile({ prefix: "parley-architecture-", suffix: ".ts" });
  try {
    const lines = MODULES.map((file) => `import ${JSON.stringify(new URL(file, TOP).href)};\n`);
    await Deno.writeTextFile(all, lines.join(""));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", "deno.json", all],
      cwd: TOP,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    const graph: ModuleGraph = JSON.parse(decoder.decode(stdout) || decoder.decode(stderr));
    return graph.modules.flatMap(importsOf);
  } finally {
    await Deno.remove(all);
  }
}

function importsOf({ specifier, error, dependencies }: ModuleInfo): Import[] {
  if (error !== undefined) throw new Error(error);
  const from = fileOf(specifier);
  if (from === null || !MODULES.includes(from)) return [];
  return (dependencies ?? []).map((dependency) => {
    const target = dependency.code ?? dependency.type;
    const line = (target?.span.start.line ?? 0) + 1;
    if (target?.specifier === undefined) {
      throw new Error(`${from}:${line} ${target?.error ?? `imports ${dependency.specifier}`}`);
    }
    return { from, line, specifier: dependency.specifier, to: fileOf(target.specifier) };
  });
}

/** What `deno info --json` prints, as far as it is used. */
interface ModuleGraph {
  readonly modules: readonly ModuleInfo[];
}

interface ModuleInfo {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: ResolvedImport;
    readonly type?: ResolvedImport;
  }[];
}

interface ResolvedImport {
  readonly specifier?: string;
  readonly error?: string;
  readonly span: { readonly start: { readonly line: number } };
}

/** A file's place below the top of the project, or `null` for anything else. */
function fileOf(specifier: string): string | null {
  return specifier.startsWith(TOP.href) ? specifier.slice(TOP.href.length) : null;
}

function isInLib(file: string): boolean {
  return file.startsWith("lib/");
}

function listFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, TOP))].flatMap(({ name, isDirectory }) =>
    isDirectory ? listFiles(`${folder}/${name}`) : [`${folder}/${name}`]
  ).sort();
}

async function read(file: string): Promise<string> {
  return await Deno.readTextFile(new URL(file, TOP));
}

/** A file's lines without the comments, which may name what the code must not touch. */
async function readCode(file: string): Promise<string[]> {
  return (await read(file))
    .replaceAll(/^ *\/\*[\s\S]*?\*\//gm, (comment) => comment.replaceAll(/[^\n]/g, ""))
    .replaceAll(/(^|\s)\/\/ .*$/gm, "$1")
    .split("\n");
}
