/** A server that outlived its gateway (kill -9), and the lock file it left if it did not. */
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** The lines of postmaster.pid that matter here. */
export interface PostmasterLock {
  readonly pid: number;
  /** `starting`, `stopping`, `ready` or `standby`; empty in the first instants. */
  readonly status: string;
}

/** @returns undefined while there is no lock file */
export async function readPostmasterLock(cluster: string): Promise<PostmasterLock | undefined> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  return pid > 1 ? { pid, status: (lines[7] ?? "").trim() } : undefined;
}

/**
 * Stop the server that still runs on `cluster`, so that every start goes the same way, with today's binaries and settings.
 * A lock file whose process is gone is left to PostgreSQL, which also looks for orphaned backends.
 */
export async function stopLeftover(cluster: string): Promise<"none" | "stopped" | "stale"> {
  const lock = await readPostmasterLock(cluster);
  if (!lock || !isAlive(lock.pid)) return "none";
  if (!(await isServerOf(lock.pid, cluster))) {
    // The number belongs to another process by now (a container's are small); PostgreSQL would take it for a server.
    await rm(join(cluster, "postmaster.pid"), { force: true });
    return "stale";
  }
  await stopServer(lock.pid, cluster);
  return "stopped";
}

/** Fast shutdown; should the server not manage that, immediate shutdown, which costs a recovery at the next start. */
export async function stopServer(pid: number, cluster: string): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGINT", 20_000],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 5_000],
  ] as const) {
    if (!sendSignal(pid, signal)) return;
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      // The file goes last. Not the process: one that nobody waits for stays in the process table for a while.
      if (!isAlive(pid) || (await readPostmasterLock(cluster))?.pid !== pid) return;
      await sleep(10);
    }
  }
}

function isAlive(pid: number): boolean {
  return sendSignal(pid, 0);
}

function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  return (await commandLine(pid)).includes(cluster);
}

async function commandLine(pid: number): Promise<readonly string[]> {
  if (process.platform === "linux") return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  const listed = await promisify(execFile)("ps", ["-o", "args=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return listed.stdout.trim().split(/ -D | -c /);
}
