/** For workers that nobody waits for: where the system has priorities for threads, they let the others go first. */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";

/** A tenth of the share of a thread that has none. */
const niceness = 10;

/** Called by the thread itself. Linux gives each thread a priority; elsewhere nothing changes. */
export function goBehindOthers(): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), niceness);
  } catch {
    // No /proc, or a system that does not allow it: then it is a thread like the others.
  }
}
