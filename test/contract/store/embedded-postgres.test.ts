import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";
import { EmbeddedPostgres } from "../../../gateway/store/embedded-postgres.ts";
import type { HomeOptions } from "../../../gateway/store/postgres-home.ts";
import { scratchDir } from "../../support/scratch-dir.ts";
import { eventually, log, withClient } from "./support.ts";

const isRoot = process.getuid?.() === 0;
const rootOnly = isRoot ? describe : describe.skip;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function embedded(options: HomeOptions): EmbeddedPostgres {
  const server = new EmbeddedPostgres(options, log);
  cleanups.push(() => server.close());
  return server;
}

/** A gateway's stand-in in a process of its own, to be killed: starts the server, says so, stays until its input ends. */
const starter = `
const [, module, dataDir] = process.argv;
const { EmbeddedPostgres } = await import(module);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
await new EmbeddedPostgres({ dataDir }, quiet).open();
console.log("up");
process.stdin.on("end", () => process.exit(0)).resume();
`;

async function startElsewhere(dataDir: string, uid?: number): Promise<{ child: ChildProcess; pid: number }> {
  const module = pathToFileURL(join(projectRoot, "dist/gateway/store/embedded-postgres.js")).href;
  const child = spawn(process.execPath, ["--input-type=module", "-e", starter, module, dataDir], {
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  cleanups.push(async () => {
    child.stdin!.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the starter ended")));
  await Promise.race([once(child.stdout!, "data"), ended]);
  ended.catch(() => undefined);
  return { child, pid: serverPid(join(dataDir, "postgres")) };
}

/** Not counting a process that nobody has waited for yet. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}

function serverPid(home: string): number {
  return Number(readFileSync(join(home, "cluster/postmaster.pid"), "utf8").split("\n")[0]);
}

test("what was written is there after a stop and a start, with the same password", async () => {
  const dataDir = scratchDir("restart");
  const first = embedded({ dataDir });
  const config = await first.open();
  await withClient(config, (client) => client.query("CREATE TABLE kept AS SELECT 42 AS answer"));
  await first.close();
  const again = await embedded({ dataDir }).open();
  expect(again.password).toBe(config.password);
  const { rows } = await withClient(again, (client) => client.query("SELECT answer FROM kept"));
  expect(rows).toEqual([{ answer: 42 }]);
});

test("the server listens on a Unix socket only, asks for the password, and its files are its user's alone", async () => {
  const dataDir = scratchDir("private");
  const config = await embedded({ dataDir }).open();
  const { rows } = await withClient(config, (client) => client.query("SHOW listen_addresses"));
  expect(rows).toEqual([{ listen_addresses: "" }]);
  await expect(
    withClient({ ...config, password: "wrong" }, (client) => client.query("SELECT 1")),
  ).rejects.toMatchObject({
    code: "28P01",
  });
  const home = join(dataDir, "postgres");
  expect(statSync(home).mode & 0o777).toBe(isRoot ? 0o710 : 0o700);
  expect(statSync(join(home, "password")).mode & 0o777).toBe(0o600);
  for (const own of ["cluster", "run"]) expect(statSync(join(home, own)).mode & 0o777).toBe(0o700);
});

test("open is answered from the running server, and starts it again after it died", async () => {
  const dataDir = scratchDir("died");
  const server = embedded({ dataDir });
  await server.open();
  const pid = serverPid(join(dataDir, "postgres"));
  await server.open();
  expect(serverPid(join(dataDir, "postgres"))).toBe(pid);
  process.kill(pid, "SIGKILL");
  const answers = async (): Promise<boolean> => {
    const config = await server.open();
    return withClient(config, async (client) => (await client.query("SELECT 1")).rowCount === 1);
  };
  // Until its death is noticed, and its last backends have let go of the shared memory.
  await eventually(() => answers().catch(() => false)).toBe(true);
  expect(serverPid(join(dataDir, "postgres"))).not.toBe(pid);
});

test("a server that a killed gateway left behind is replaced, and its data is kept", async () => {
  const dataDir = scratchDir("leftover");
  const { child, pid } = await startElsewhere(dataDir);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isAlive(pid)).toBe(true);
  const config = await embedded({ dataDir }).open();
  expect(serverPid(join(dataDir, "postgres"))).not.toBe(pid);
  await withClient(config, (client) => client.query("SELECT 1"));
});

test("the server ends with a gateway that exits without stopping it", async () => {
  const { child, pid } = await startElsewhere(scratchDir("exit"));
  child.stdin!.end();
  await once(child, "exit");
  await eventually(() => isAlive(pid)).toBe(false);
});

test("a lock file that names another process does not keep it from starting, nor is that process touched", async () => {
  const dataDir = scratchDir("stale");
  const first = embedded({ dataDir });
  await first.open();
  await first.close();
  const cluster = join(dataDir, "postgres/cluster");
  // Of the server's own user: PostgreSQL itself passes over the processes of others.
  const bystander = spawn("sleep", ["600"], isRoot ? { uid: statSync(cluster).uid } : {});
  cleanups.push(async () => {
    bystander.kill();
  });
  writeFileSync(join(cluster, "postmaster.pid"), `${bystander.pid}\n${cluster}\n1\n5432\n/nowhere\n\n0 0\nready   \n`);
  await embedded({ dataDir }).open();
  expect(bystander.exitCode).toBeNull();
  expect(bystander.signalCode).toBeNull();
});

test("an initialisation that was cut off is begun anew", async () => {
  const dataDir = scratchDir("half");
  const home = join(dataDir, "postgres");
  mkdirSync(join(home, "cluster.unfinished/base"), { recursive: true });
  writeFileSync(join(home, "cluster.unfinished/PG_VERSION"), "18\n");
  const config = await embedded({ dataDir }).open();
  await withClient(config, (client) => client.query("SELECT 1"));
  expect(existsSync(join(home, "cluster.unfinished"))).toBe(false);
});

test("a cluster of another major version is refused and left alone", async () => {
  const dataDir = scratchDir("major");
  const cluster = join(dataDir, "postgres/cluster");
  mkdirSync(cluster, { recursive: true });
  writeFileSync(join(cluster, "PG_VERSION"), "9\n");
  await expect(embedded({ dataDir }).open()).rejects.toMatchObject({ code: "DATABASE_START_FAILED" });
  expect(readFileSync(join(cluster, "PG_VERSION"), "utf8")).toBe("9\n");
});

test("a data directory with a path too long for a socket gets a short one elsewhere, gone after the stop", async () => {
  const dataDir = join(scratchDir("long"), "d".repeat(120));
  mkdirSync(dataDir);
  const server = embedded({ dataDir });
  const config = await server.open();
  expect(config.host!.length).toBeLessThan(80);
  await withClient(config, (client) => client.query("SELECT 1"));
  await server.close();
  expect(existsSync(config.host!)).toBe(false);
});

test("a start that fails says what PostgreSQL said", async () => {
  const dataDir = scratchDir("broken");
  const first = embedded({ dataDir });
  await first.open();
  await first.close();
  writeFileSync(join(dataDir, "postgres/local.conf"), "shared_buffers = nonsense\n");
  await expect(embedded({ dataDir }).open()).rejects.toMatchObject({
    code: "DATABASE_START_FAILED",
    message: expect.stringContaining("local.conf"),
  });
});

rootOnly(`started by root${isRoot ? "" : " (skipped: run the tests as root to see it)"}`, () => {
  test("the server runs as an unprivileged user, inside a data directory that user can reach", async () => {
    const dataDir = scratchDir("root-inside");
    const config = await embedded({ dataDir }).open();
    expect(config.host).toBe(join(dataDir, "postgres/run"));
    expect(statSync(`/proc/${serverPid(join(dataDir, "postgres"))}`).uid).not.toBe(0);
    // Root writes only where the server's user cannot plant a link.
    for (const file of [".", "postgres.log", "postgresql.conf"])
      expect(statSync(join(dataDir, "postgres", file)).uid).toBe(0);
  });

  test("a data directory that only root may enter has its server elsewhere, and says where", async () => {
    const closed = scratchDir("root-outside");
    chmodSync(closed, 0o700);
    const dataDir = join(closed, "data");
    mkdirSync(dataDir);
    const outsideDir = join(scratchDir("var"), "mycogate");
    const server = embedded({ dataDir, outsideDir });
    const config = await server.open();
    const home = readFileSync(join(dataDir, "postgres-location"), "utf8").trim();
    expect(home.startsWith(`${outsideDir}/`)).toBe(true);
    expect(config.host).toBe(join(home, "run"));
    expect(statSync(home).mode & 0o777).toBe(0o710);
    expect(existsSync(join(dataDir, "postgres"))).toBe(false);
    await withClient(config, (client) => client.query("CREATE TABLE kept AS SELECT 1"));
    await server.close();
    const again = await embedded({ dataDir, outsideDir }).open();
    await withClient(again, (client) => client.query("SELECT * FROM kept"));
  });

  test("an ordinary user's database is started by root as that user", async () => {
    const dataDir = scratchDir("root-later");
    const { uid } = ordinaryUser();
    chownSync(dataDir, uid, uid);
    const { child } = await startElsewhere(dataDir, uid);
    child.kill("SIGKILL");
    await once(child, "exit");
    await embedded({ dataDir }).open();
    expect(statSync(`/proc/${serverPid(join(dataDir, "postgres"))}`).uid).toBe(uid);
  });

  test("an ordinary user starts it as himself", async () => {
    const dataDir = scratchDir("ordinary");
    const { uid } = ordinaryUser();
    chownSync(dataDir, uid, uid);
    const { pid } = await startElsewhere(dataDir, uid);
    expect(statSync(`/proc/${pid}`).uid).toBe(uid);
    expect(existsSync(join(dataDir, "postgres-location"))).toBe(false);
  });
});

/** `nobody` is one everywhere. */
function ordinaryUser(): { uid: number } {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("nobody:"));
  return { uid: Number(line!.split(":")[2]) };
}
