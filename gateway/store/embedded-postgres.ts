/**
 * PostgreSQL as a child of the gateway: no port, no set-up, no install script. Everything it owns is in one folder
 * (postgres-home.ts); it is reached over a Unix socket in there, with a password that only this user and root can read.
 * What it stores can be copied again from the journal, so it is tuned for throughput: commits need not wait for its disk.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg, { type ClientConfig } from "pg";
import type { Logger } from "pino";
import { GatewayError } from "../../src/errors.ts";
import { BoundedLog } from "./bounded-log.ts";
import type { DatabaseSource } from "./database.ts";
import { installBinaries, type PostgresBinaries } from "./postgres-binaries.ts";
import { type HomeOptions, type PostgresHome, prepareHome } from "./postgres-home.ts";
import { readPostmasterLock, stopLeftover, stopServer } from "./postgres-leftover.ts";
import { postgresSettings } from "./postgres-settings.ts";

const user = "mycogate";
const port = 5432;
/** sun_path is 104 bytes on macOS and 108 on Linux, its final zero included. */
const maxSocketPathBytes = 103;

export interface EmbeddedPostgresOptions extends HomeOptions {
  /** Made when missing; `postgres` unless given. One cluster may hold the copies of several ledgers. */
  readonly database?: string | undefined;
}

export class EmbeddedPostgres implements DatabaseSource {
  readonly #options: EmbeddedPostgresOptions;
  readonly #log: Logger;
  #child: ChildProcess | undefined;
  #config: ClientConfig | undefined;
  #cluster = "";
  /** Made where the home's own path is too long for a socket; removed at stop. */
  #shortSocketDir: string | undefined;

  constructor(options: EmbeddedPostgresOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** Start the server unless it runs, and say how to reach it. @throws GatewayError DATABASE_START_FAILED */
  async open(): Promise<ClientConfig> {
    if (this.#config && this.#child && isRunning(this.#child)) return this.#config;
    const home = await prepareHome(this.#options);
    const binaries = await installBinaries(home.folder);
    const cluster = join(home.folder, "cluster");
    this.#cluster = cluster;
    const leftover = await stopLeftover(cluster);
    if (leftover !== "none") this.#log.warn({ leftover }, "an earlier gateway left its PostgreSQL behind");

    const password = await this.#ensureCluster(home, binaries, cluster);
    const socketDir = await this.#socketDir(home);
    const configFile = join(home.folder, "postgresql.conf");
    await writeFile(configFile, postgresSettings(socketDir, port));
    await chmod(configFile, 0o644);
    await this.#launch(home, binaries, cluster, configFile);
    const maintenance = { host: socketDir, port, user, password, database: "postgres" };
    const { database = maintenance.database } = this.#options;
    if (database !== maintenance.database) await ensureDatabase(maintenance, database);
    this.#config = { ...maintenance, database };
    return this.#config;
  }

  /** Fast shutdown; open transactions are rolled back. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child && isRunning(child)) {
      const exited = once(child, "exit");
      await Promise.all([stopServer(child.pid!, this.#cluster), exited]);
    }
    if (this.#shortSocketDir) await rm(this.#shortSocketDir, { recursive: true, force: true });
    this.#shortSocketDir = undefined;
  }

  /** @returns the password. A cluster appears under its name only when it is complete. */
  async #ensureCluster(home: PostgresHome, binaries: PostgresBinaries, cluster: string): Promise<string> {
    const passwordFile = join(home.folder, "password");
    const major = (await readFile(join(cluster, "PG_VERSION"), "utf8").catch(() => "")).trim();
    if (major === binaries.major) return (await readFile(passwordFile, "utf8")).trim();
    if (major !== "") {
      const message = `${cluster} is of PostgreSQL ${major}, this gateway brings ${binaries.major}; move it away and it is filled again from the ledger`;
      throw new GatewayError("DATABASE_START_FAILED", message);
    }
    const unfinished = `${cluster}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await this.#makeOwnFolder(home, unfinished);
    const password = randomBytes(24).toString("base64url");
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (home.account) await chown(passwordFile, home.account.uid, home.account.gid);
    const naming = [`--username=${user}`, `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
    const character = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
    await run(home, binaries.initdb, ["-D", unfinished, ...naming, ...character]);
    await rename(unfinished, cluster);
    // The first start need not wait for the disk: until this is done, a power cut costs a copy, not a reading.
    run(home, binaries.initdb, ["-D", cluster, "--sync-only"]).catch((error: unknown) =>
      this.#log.warn({ err: error }, "the new database could not be synced to disk"),
    );
    return password;
  }

  async #socketDir(home: PostgresHome): Promise<string> {
    let socketDir = join(home.folder, "run");
    if (Buffer.byteLength(join(socketDir, `.s.PGSQL.${port}`)) > maxSocketPathBytes) {
      this.#shortSocketDir ??= await mkdtemp(join(tmpdir(), "mycogate-"));
      socketDir = this.#shortSocketDir;
    }
    await this.#makeOwnFolder(home, socketDir);
    return socketDir;
  }

  /** A folder of the server's user, and nobody else's. */
  async #makeOwnFolder({ account }: PostgresHome, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (account) await chown(folder, account.uid, account.gid);
  }

  async #launch(home: PostgresHome, binaries: PostgresBinaries, cluster: string, configFile: string): Promise<void> {
    const log = new BoundedLog(join(home.folder, "postgres.log"));
    // Detached: a Ctrl-C in the terminal is for the gateway, which stops its database last.
    const child = spawn(binaries.postgres, ["-D", cluster, "-c", `config_file=${configFile}`], {
      ...processOptions(home),
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => log.write(chunk));
    // However this process ends short of a kill -9, the server ends with it.
    const interrupt = (): boolean => child.kill("SIGINT");
    process.once("exit", interrupt);
    child.once("exit", () => process.off("exit", interrupt));
    let failure: Error | undefined;
    child.once("error", (error) => {
      failure = error;
    });
    while (isRunning(child) && !failure) {
      const lock = await readPostmasterLock(cluster);
      // After a crash it stays "starting" until its own log is replayed, however long that takes.
      if (lock?.pid === child.pid && lock?.status === "ready") return;
      await sleep(5);
    }
    throw new GatewayError("DATABASE_START_FAILED", `PostgreSQL ended while starting: ${lastLine(log.tail)}`, {
      cause: failure,
    });
  }
}

/** @param name without characters that SQL would want quoted */
async function ensureDatabase(maintenance: ClientConfig, name: string): Promise<void> {
  const client = new pg.Client(maintenance);
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** The environment is cut down: PGDATA, PGHOST and the like of the user who starts the gateway are not for this server. */
function processOptions({ folder, account }: PostgresHome) {
  return { ...account, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" } };
}

async function run(home: PostgresHome, program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { ...processOptions(home), stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4096);
  });
  const [status] = (await once(child, "close")) as [number | null];
  if (status === 0) return;
  throw new GatewayError("DATABASE_START_FAILED", `${program} ended with status ${status}: ${lastLine(errors)}`);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) || "without a word";
}
