/**
 * Makes the executables: `deno task compile` for this system, `--all` for every
 * system, with a `SHA256SUMS` beside them.
 *
 * An executable may do exactly what its task may: the flags are read from
 * `serve` and `client` in `deno.json`, so there is one place that states them.
 * What `deno compile` lacks here is the base binary that a program is put
 * behind: Deno downloads it, or takes the one that `DENORT_BIN` names. Not
 * having it is told apart from a program that does not compile.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- a tool that talks to whoever runs it
import { createHash } from "node:crypto";
import manifest from "../deno.json" with { type: "json" };

/** A program, and the task that runs it from its source. */
export interface Program {
  /** What the executable is called. */
  readonly name: string;
  /** The flags of `deno run` that it is made with. */
  readonly flags: readonly string[];
  /** Its entry, from the top of the project. */
  readonly entry: string;
  /** Modules that it starts as workers, which compiling does not find by itself. */
  readonly workers: readonly string[];
}

/** What came of compiling one program for one system. */
export type Outcome =
  | { readonly type: "made"; readonly path: string }
  | { readonly type: "no-base"; readonly path: string; readonly why: string }
  | { readonly type: "failed"; readonly path: string; readonly why: string };

/** Where and for which system a program is compiled. */
export interface CompileOptions {
  /** The folder that the executable is put in. */
  readonly folder: string;
  /** Another system than this one; its name becomes part of the file's. */
  readonly target?: string;
  /** The base binary to use instead of Deno's own. */
  readonly base?: string;
}

/** What is made, each with the rights of its task. */
export const PROGRAMS: readonly Program[] = [
  {
    name: "parley-server",
    ...readTask(manifest.tasks.serve.command),
    workers: ["lib/watched_files_worker.ts"],
  },
  { name: "parley-client", ...readTask(manifest.tasks.client.command), workers: [] },
];

/** The systems that a release is made for. */
const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

const TOP = new URL("..", import.meta.url);
const DIST = "dist";
const SUMS = `${DIST}/SHA256SUMS`;

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const isAll = args[0] === "--all";
  if (args.length > (isAll ? 1 : 0)) {
    console.error("Usage: deno task compile [--all]");
    return 2;
  }
  if (isAll && Deno.env.has("DENORT_BIN")) {
    console.error("DENORT_BIN names the base binary of one system: --all needs it unset.");
    return 2;
  }
  // From here on they would be the sums of other files.
  if (isAll) await Deno.remove(new URL(SUMS, TOP)).catch(ignoreMissing);
  const paths: string[] = [];
  let isWhole = true;
  for (const target of isAll ? TARGETS : [undefined]) {
    for (const program of PROGRAMS) {
      const outcome = await compile(program, {
        folder: DIST,
        ...(target === undefined ? {} : { target }),
      });
      if (outcome.type === "made") paths.push(outcome.path);
      else isWhole = false;
      await report(outcome);
    }
  }
  if (isAll && isWhole) await writeSums(paths);
  return isWhole ? 0 : 1;
}

/**
 * Compiles one program.
 *
 * @returns Where it is, or why there is none.
 */
export async function compile(program: Program, options: CompileOptions): Promise<Outcome> {
  const { folder, target, base } = options;
  const isWindows = target?.includes("windows") ?? Deno.build.os === "windows";
  const name = target === undefined ? program.name : `${program.name}-${target}`;
  const path = `${folder}/${name}${isWindows ? ".exe" : ""}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      // Otherwise the packages that only tests use are put in as well.
      "--exclude-unused-npm",
      ...program.flags,
      ...(target === undefined ? [] : ["--target", target]),
      "--output",
      path,
      ...program.workers.flatMap((path) => ["--include", path]),
      program.entry,
    ],
    cwd: TOP,
    env: { NO_COLOR: "1", ...(base === undefined ? {} : { DENORT_BIN: base }) },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return { type: "made", path };
  const complaint = new TextDecoder().decode(stderr).trim();
  const why = whyNoBase(complaint);
  return why === null ? { type: "failed", path, why: complaint } : { type: "no-base", path, why };
}

/**
 * Why there is no base binary, from what `deno compile` printed.
 *
 * @returns One line, or `null` where it failed for another reason.
 */
export function whyNoBase(complaint: string): string | null {
  const found = /Setting up base binary\.\n\s+1: (.*)|(Could not find denort at .*)/.exec(
    complaint,
  );
  const why = found?.[1] ?? found?.[2];
  return why?.replace(/ for url \(\S*\)/, "") ?? null;
}

/**
 * Splits a task that says `deno run FLAGS ENTRY`.
 *
 * @throws If it says something else, which would be compiled wrongly.
 */
function readTask(command: string): Pick<Program, "flags" | "entry"> {
  const [deno, run, ...flags] = command.replaceAll("'", "").split(" ");
  const entry = flags.pop();
  const isRun = deno === "deno" && run === "run" && flags.every((flag) => flag.startsWith("--"));
  if (!isRun || entry === undefined || /["$&;|\\]/.test(command)) {
    throw new Error(`Cannot read the flags from the task: ${command}`);
  }
  return { flags, entry };
}

async function report(outcome: Outcome): Promise<void> {
  switch (outcome.type) {
    case "made": {
      const { size } = await Deno.stat(new URL(outcome.path, TOP));
      console.log(`${outcome.path} (${(size / 1e6).toFixed(0)} MB)`);
      return;
    }
    case "no-base":
      console.error(
        `${outcome.path}: no base binary: ${outcome.why}. Deno downloads it; for this system, ` +
          `DENORT_BIN can name a "denort" of Deno ${Deno.version.deno} instead.`,
      );
      return;
    case "failed":
      console.error(`${outcome.path}: does not compile:\n${outcome.why}`);
  }
}

/** Writes the check sums, in the format that `sha256sum --check` reads. */
async function writeSums(paths: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const path of paths) {
    const hash = createHash("sha256");
    const file = await Deno.open(new URL(path, TOP));
    for await (const chunk of file.readable) hash.update(chunk);
    lines.push(`${hash.digest("hex")}  ${path.slice(DIST.length + 1)}\n`);
  }
  await Deno.writeTextFile(new URL(SUMS, TOP), lines.join(""));
  console.log(SUMS);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
