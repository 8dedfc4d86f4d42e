import { describe, expect, test } from "vitest";
import { type Fault, FaultyFiles } from "../../support/faulty-files.ts";
import { expectNothingLost, Workload } from "../../support/ledger-workload.ts";
import { seeded } from "../../support/seeded.ts";

/** Runs the same workload with the first call failing, then with the second, until it ends before its call comes. */
async function failEveryCall(
  fault: Fault,
  check: (files: FaultyFiles, workload: Workload, n: number) => Promise<void>,
) {
  for (let n = 1; ; n++) {
    const files = new FaultyFiles();
    files.failCall(n, fault);
    const workload = new Workload(seeded(1));
    // Opening may fail: then nothing was promised, and the next start must succeed.
    const error = await workload.run(files, 8).catch((error: Error) => error);
    if (error !== undefined && !files.hasFailed) throw error;
    await check(files, workload, n);
    if (!files.hasFailed) return expect(n).toBeGreaterThan(50);
  }
}

describe("failing the n-th call of the file port, for every n", () => {
  test("EIO: nothing acknowledged is lost, and nothing is acknowledged after a failed sync", async () => {
    await failEveryCall("EIO", async (files, workload, n) => {
      if (workload.fatal !== undefined) expect(workload.fatal.code).toBe("JOURNAL_FAILED");
      await expectNothingLost(files.afterPowerCut(seeded(n)), workload);
    });
  });

  test("EIO: what a restart still sees in the cache is on the disk before it is signed", async () => {
    await failEveryCall("EIO", async (files, workload, n) => {
      const restarted = files.afterKill();
      await expectNothingLost(restarted, workload);
      await expectNothingLost(restarted.afterPowerCut(seeded(n)), workload);
    });
  });

  test("a full disk: ingest resumes by itself, and in the end every entry is there once", async () => {
    await failEveryCall("ENOSPC", async (files, workload) => {
      const entries = await expectNothingLost(files.copy(), workload);
      if (workload.fatal === undefined) expect(entries).toEqual([...workload.acked.values()]);
    });
  });

  test("a power cut: every acknowledged entry is there, and no published checkpoint is contradicted", async () => {
    await failEveryCall("end", async (files, workload, n) => {
      await expectNothingLost(files.afterPowerCut(seeded(n)), workload);
    });
  });

  test("a kill, a restart, and then a power cut: the same", async () => {
    await failEveryCall("end", async (files, workload, n) => {
      const restarted = files.afterKill();
      await expectNothingLost(restarted, workload);
      await expectNothingLost(restarted.afterPowerCut(seeded(n)), workload);
    });
  });
});
