// What deploy/ promises: the unit, the image and the proxies' examples name flags, files and ports
// that there are, and the guide's tables are those of the program.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { onUnix, withPrograms } from "./fixtures/machine.ts";
import { type Config, formatHelp, readConfig } from "../lib/config.ts";
import { Counters } from "../lib/counters.ts";
import { CONNECTIONS_MAX_DEFAULT, SHUTDOWN_GRACE_MS } from "../lib/limits.ts";
import { LOG_EVENTS } from "../lib/log.ts";
import { readMakeCertRequest } from "../lib/make_cert.ts";
import { Metrics } from "../lib/metrics.ts";
import { parseExposition } from "./fixtures/exposition.ts";
import { startProcess } from "./fixtures/server_process.ts";
import { within } from "./harness.ts";

const TOP = new URL("..", import.meta.url);

/** Files of the machine that the settings name, and what stands for them. */
const FILES: Readonly<Record<string, string>> = {
  "/etc/parley/parley.json": await read("deploy/parley.json"),
  "/etc/parley/cert.pem": "a certificate",
  "/etc/parley/key.pem": "a key",
  "parley-cert.pem": "a certificate",
  "parley-key.pem": "a key",
  "FILE": "{}",
};

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, TOP));
}

/** What the server makes of a command line, up to where it would begin to serve. */
function configOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): Config {
  const request = readConfig(args, {
    env: (name) => env[name],
    readFile: (path) => {
      const text = FILES[path];
      if (text === undefined) throw new Error(`there is no ${path}`);
      return text;
    },
  });
  assert("config" in request, "This is no server");
  return request.config;
}

/** The lines of a file with `\` at their ends joined, without comments and blank ones. */
function instructions(text: string): string[] {
  return text.replaceAll(/\\\n\s*/g, "").split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

/** Every directive of a unit, by its section and name, with its values. */
function readUnit(text: string): Map<string, string[]> {
  const directives = new Map<string, string[]>();
  let section = "";
  for (const line of instructions(text)) {
    const [, heading] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    else {
      const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
      assert(name !== "", `No directive: ${line}`);
      const key = `${section}.${name}`;
      directives.set(key, [...directives.get(key) ?? [], value]);
    }
  }
  return directives;
}

/** The rows of a table in the guide, each as its cells, by the heading of its first column. */
async function tableOf(heading: string): Promise<string[][]> {
  const lines = (await read("deploy/README.md")).split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} `));
  assert(start >= 0, `There is no table of ${heading}`);
  const rows = lines.slice(start + 2);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith("|")))
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** What stands between backquotes. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inner = ""]) => inner);
}

Deno.test("the unit starts a server that its own rights let run", async () => {
  const unit = readUnit(await read("deploy/parley.service"));
  const one = (key: string): string => {
    const values = unit.get(key) ?? [];
    assertEquals(values.length, 1, key);
    return values[0] ?? "";
  };
  const [program, ...args] = one("Service.ExecStart").split(" ");
  assertEquals(program, "/usr/local/bin/parley-server");
  const config = configOf(args);
  assertEquals({
    db: config.db,
    tls: config.tls?.certFile,
    web: config.web?.port,
    log: config.logFormat,
  }, { db: "/var/lib/parley/parley.db", tls: "/etc/parley/cert.pem", web: 443, log: "json" });
  assertEquals(one("Service.StateDirectory"), "parley");
  assertEquals(one("Service.AmbientCapabilities"), "CAP_NET_BIND_SERVICE");
  assertEquals(one("Service.Type"), "notify");
  assertEquals(one("Service.ExecReload"), "/bin/kill -HUP $MAINPID");
  assertEquals(one("Service.RestartPreventExitStatus"), "2");
  assert(parseInt(one("Service.TimeoutStopSec")) * 1_000 > SHUTDOWN_GRACE_MS);
  assert(Number(one("Service.LimitNOFILE")) > CONNECTIONS_MAX_DEFAULT);
  assert(!unit.has("Service.MemoryDenyWriteExecute"), "V8 makes code while it runs");
});

Deno.test(
  withPrograms("systemd knows every directive of the unit", "systemd-analyze"),
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "parley-unit-" });
    try {
      // That program is not installed here: this one is.
      const unit = (await read("deploy/parley.service"))
        .replace("/usr/local/bin/parley-server", Deno.execPath());
      await Deno.writeTextFile(`${folder}/parley.service`, unit);
      const { stderr } = await new Deno.Command("systemd-analyze", {
        args: ["verify", `${folder}/parley.service`],
        env: { NO_COLOR: "1", SYSTEMD_LOG_COLOR: "0" },
      }).output();
      const complaints = new TextDecoder().decode(stderr).split("\n")
        .filter((line) => line.includes("parley.service"));
      assertEquals(complaints, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test(
  onUnix("the service manager is told that the server is ready, once it listens"),
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "parley-manager-" });
    const path = `${folder}/notify`;
    const manager = Deno.listenDatagram({ transport: "unixpacket", path });
    try {
      await using server = await startProcess({ env: { NOTIFY_SOCKET: path } });
      const [bytes] = await within(manager.receive(), () => "Awaited that the server is ready");
      const [ready, status] = new TextDecoder().decode(bytes).split("\n");
      assertEquals(ready, "READY=1");
      assertMatch(status ?? "", new RegExp(`^STATUS=Parley \\S+ listens on .*:${server.port}\\b`));
    } finally {
      manager.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test(
  onUnix("a manager that cannot be told costs a line in the log, and no start"),
  async () => {
    await using server = await startProcess({ env: { NOTIFY_SOCKET: "/nowhere/notify" } });
    await server.complained(/Could not tell the service manager that the server is ready: .*\n/);
    assertEquals(server.complaints.split("\n").length, 2);
  },
);

Deno.test("the image is made of files that there are, and runs the server as nobody", async () => {
  const lines = instructions(await read("deploy/Dockerfile"));
  const all = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  const last = (name: string): string => all(name).at(-1) ?? "";
  const known = "FROM WORKDIR COPY RUN USER VOLUME ENV EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT";
  for (const line of lines) assert(known.split(" ").includes(line.split(" ")[0] ?? ""), line);

  for (const copy of all("COPY").filter((each) => !each.startsWith("--from="))) {
    const sources = copy.split(" ").slice(0, -1);
    for (const source of sources) await Deno.stat(new URL(source, TOP));
  }
  const workflow = await read(".github/workflows/ci.yml");
  const [, deno] = /deno-version: (\S+)/.exec(workflow) ?? [];
  assertEquals(all("FROM")[0], `denoland/deno:${deno} AS build`);

  const binary = JSON.parse(last("ENTRYPOINT"))[0];
  assert(all("COPY").includes(`--from=build /src/dist/parley-server ${binary}`));
  assertMatch(last("USER"), /^[1-9]\d*:[1-9]\d*$/);
  assertEquals(last("STOPSIGNAL"), "SIGTERM");

  const env = Object.fromEntries(last("ENV").split(/\s+/).map((pair) => pair.split("=")));
  const { db, metrics, port } = configOf([], env);
  assertEquals(Object.keys(env).filter((name) => !name.startsWith("PARLEY_")), []);
  assert(db.startsWith(`${last("VOLUME")}/`), "the database lies in the volume");
  assert(last("EXPOSE").split(" ").includes(`${port}`));
  const [, command = "[]"] = /CMD (\[.*\])$/.exec(last("HEALTHCHECK")) ?? [];
  assertEquals(JSON.parse(command).at(-1), `http://127.0.0.1:${metrics?.port}/healthz`);
});

Deno.test("the proxies lead to where the flags beside them have the server listen", async () => {
  for (const file of ["haproxy.cfg", "nginx.conf", "Caddyfile"]) {
    const text = await read(`deploy/${file}`);
    const flags = [...text.matchAll(/^# {3}(--.*)$/gm)].flatMap(([, line = ""]) => line.split(" "));
    const { tls, web, proxyProtocolFrom, forwardedFrom } = configOf(flags);
    const config = text.replaceAll(/^#.*$/gm, "");
    const ports = [...config.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    const doors = [tls, web].filter((door) => door !== null).map(({ port }) => port);
    assertEquals(ports.sort(), doors.sort(), file);
    assertEquals(forwardedFrom, ["127.0.0.1/32"], file);
    assertEquals(proxyProtocolFrom, tls === null ? [] : ["127.0.0.1/32"], file);
  }
});

Deno.test(onUnix("the hook hands over what certbot and lego made"), async () => {
  const folder = await Deno.makeTempDir({ prefix: "parley-hook-" });
  try {
    await Deno.writeTextFile(`${folder}/install`, '#!/bin/sh\necho "$@"\n', { mode: 0o700 });
    const run = async (env: Record<string, string>): Promise<string> => {
      const { stdout } = await new Deno.Command("sh", {
        args: ["deploy/certificate-hook.sh"],
        cwd: TOP,
        env: { ...env, PATH: `${folder}:/usr/bin:/bin` },
        clearEnv: true,
      }).output();
      return new TextDecoder().decode(stdout);
    };
    assertEquals(
      await run({ RENEWED_LINEAGE: "/live/chat" }),
      "-m 640 -g parley /live/chat/fullchain.pem /etc/parley/cert.pem\n" +
        "-m 640 -g parley /live/chat/privkey.pem /etc/parley/key.pem\n",
    );
    assertEquals(
      await run({ LEGO_CERT_PATH: "/l/c.crt", LEGO_CERT_KEY_PATH: "/l/c.key" }),
      "-m 640 -g parley /l/c.crt /etc/parley/cert.pem\n" +
        "-m 640 -g parley /l/c.key /etc/parley/key.pem\n",
    );
    assertEquals(await run({}), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the guide's commands are taken as they stand", async () => {
  const guide = await read("deploy/README.md");
  const commands = [...guide.matchAll(/(?:^|`)parley-server ([^`\n]+)/gm)].map(([, args = ""]) =>
    args.replaceAll(/\$\(.*?\)/g, "DATE").split(" ")
  );
  assert(commands.length >= 4, "the guide has commands");
  for (const args of commands) {
    if (args[0] === "make-cert") readMakeCertRequest(args.slice(1));
    else if (args[0] !== "--help") configOf(args);
  }
  const help = formatHelp("parley-server");
  const flags = quoted(guide.replaceAll(/^```[\s\S]*?^```/gm, ""))
    .flatMap((text) => /^--[a-z-]+/.exec(text) ?? []);
  assert(flags.length >= 4, "the guide names flags");
  assertEquals(flags.filter((flag) => !new RegExp(`^  ${flag}\\b`, "m").test(help)), []);
});

Deno.test("the guide names files that there are", async () => {
  const guide = await read("deploy/README.md");
  const links = [...guide.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => link);
  for (const link of links) await Deno.stat(new URL(link, new URL("deploy/", TOP)));
  assert(links.length > 0);
});

Deno.test("the guide's table of metrics is that of the program", async () => {
  using metrics = new Metrics({
    version: "1",
    counters: new Counters(),
    look: () => ({
      connections: { tcp: 0, tls: 0, web: 0 },
      connectionsMax: 1,
      users: 0,
      rooms: 0,
      sendQueueBytes: 0,
      unsavedMessages: 0,
      isReady: true,
      certificateEndsAtMs: 0,
    }),
  });
  const families = [...parseExposition(metrics.render()).values()];
  const rows = await tableOf("metric");
  assertEquals(
    rows.map(([name = "", type]) => [quoted(name)[0], type]),
    families.map(({ name, type }) => [name, type]),
  );
  const guide = await read("deploy/README.md");
  const [, rules = ""] = /```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
  const names = new Set(families.map(({ name }) => name));
  for (const [used] of rules.matchAll(/\bparley_\w+/g)) {
    assert(names.has(used.replace(/_bucket$/, "")), `There is no ${used}`);
  }
});

Deno.test("the guide's table of the log is that of the program", async () => {
  const rows = await tableOf("event");
  assertEquals(
    rows.map(([event = "", fields = ""]) => [quoted(event)[0], quoted(fields)]),
    Object.entries(LOG_EVENTS).map(([event, { fields }]) => [event, [...fields]]),
  );
  const guide = await read("deploy/README.md");
  const [, kinds = ""] = /^`kind` is one of ([^.]*)\./m.exec(guide) ?? [];
  assertEquals(quoted(kinds), Object.keys(new Counters().closed));
  const refused = (await tableOf("metric")).find(([name]) => name?.includes("_refused_"))?.[2] ??
    "";
  assertEquals(quoted(refused).slice(1), Object.keys(new Counters().refused));
});
