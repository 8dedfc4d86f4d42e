/**
 * Where the embedded PostgreSQL lives and as whom it runs. PostgreSQL refuses to run as root, so a gateway started by
 * root gives it an unprivileged user, and a folder that this user can reach even if only root may enter the checkout.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readFile, realpath, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";

interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresHome {
  /** Holds binaries, cluster, socket, password and log. */
  readonly folder: string;
  /** Whom the server runs as; undefined when that is simply the user who runs the gateway. */
  readonly account: Account | undefined;
}

export interface HomeOptions {
  readonly dataDir: string;
  /** Of the ledger that the database copies: a new ledger in the place of a removed one gets a new database. */
  readonly ledgerOrigin?: string | undefined;
  /** For a gateway run by root: the user PostgreSQL runs as. Default: `postgres` where it exists, else `nobody`. */
  readonly runAs?: string | undefined;
  /** For a gateway run by root whose data directory that user cannot reach. */
  readonly outsideDir?: string | undefined;
}

/** @throws GatewayError DATABASE_START_FAILED when no folder can be reached by a user who is not root */
export async function prepareHome({
  dataDir,
  ledgerOrigin = "",
  runAs,
  outsideDir = "/var/lib/mycogate",
}: HomeOptions): Promise<PostgresHome> {
  const inside = join(dataDir, "postgres");
  if (process.getuid?.() !== 0) {
    await mkdir(inside, { recursive: true, mode: 0o700 });
    return { folder: inside, account: undefined };
  }
  const wanted = await findAccount(runAs === undefined ? ["postgres", "nobody"] : [runAs]);
  const atInside = await openTo(inside, wanted);
  if (atInside) return { folder: inside, account: atInside };
  await rmdir(inside).catch(() => undefined); // Not empty: a cluster from before the folder was closed; it is left as it is.

  // Named after the data directory's place and its ledger: a copied data directory never shares a cluster with its original.
  const key = `${await realpath(dataDir)}
${ledgerOrigin}`;
  const name = createHash("sha256").update(key).digest("hex").slice(0, 12);
  const outside = join(outsideDir, name);
  if ((await mkdir(outsideDir, { recursive: true })) !== undefined) await chmod(outsideDir, 0o755);
  const atOutside = await openTo(outside, wanted);
  if (!atOutside) {
    throw new GatewayError("DATABASE_START_FAILED", `uid ${wanted.uid} can reach neither ${inside} nor ${outside}`);
  }
  await writeFile(join(dataDir, "postgres-location"), `${outside}\n`);
  return { folder: outside, account: atOutside };
}

/**
 * Make `folder` a home. It is root's, and the server may only pass through to what is its own in there: root follows no
 * link that the server, or another program of its user, could have planted.
 * @returns the user for the server, or undefined when that user cannot reach the folder
 */
async function openTo(folder: string, wanted: Account): Promise<Account | undefined> {
  await mkdir(folder, { mode: 0o710 }).catch(ignoreExisting);
  const { uid, gid } = await stat(folder);
  if (uid !== 0) return reaches(folder, { uid, gid }); // An ordinary user's, who started it first; it stays that way.
  const cluster = await stat(join(folder, "cluster")).catch(() => undefined);
  const account = cluster ? { uid: cluster.uid, gid: cluster.gid } : wanted;
  await chown(folder, 0, account.gid);
  await chmod(folder, 0o710);
  return reaches(folder, account);
}

/** Ask the kernel, as that user: modes, access lists and mount options all have a say. */
function reaches(folder: string, account: Account): Account | undefined {
  const probe = spawnSync("/bin/sh", ["-c", 'cd "$0"', folder], { ...account, cwd: "/", stdio: "ignore" });
  return probe.status === 0 ? account : undefined;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

async function findAccount(names: readonly string[]): Promise<Account> {
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of names) {
    const line = lines.find((fields) => fields[0] === name);
    if (line && Number(line[2]) !== 0) return { uid: Number(line[2]), gid: Number(line[3]) };
  }
  throw new GatewayError(
    "DATABASE_START_FAILED",
    `PostgreSQL may not run as root, and there is no user ${names.join(" or ")}`,
  );
}
