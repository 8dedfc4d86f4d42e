import { describe, expect, test } from "vitest";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { expectNothingLost, Workload } from "../../support/ledger-workload.ts";
import { seeded } from "../../support/seeded.ts";

const rounds = 8;

/** Port calls of the same workload when nothing fails. */
async function callsWithoutFault(): Promise<number> {
  const files = new FaultyFiles();
  await new Workload(seeded(1)).run(files, rounds);
  return files.calls;
}

describe("failing the n-th call of the file port, for every n", () => {
  test("EIO: nothing acknowledged is lost, and nothing is acknowledged after a failed sync", async () => {
    const calls = await callsWithoutFault();
    for (let n = 1; n <= calls; n++) {
      const files = new FaultyFiles();
      files.failCall(n, "EIO");
      const workload = new Workload(seeded(1));
      const opened = await workload.run(files, rounds).then(() => true, () => false);
      if (opened && workload.fatal !== undefined) expect(workload.fatal.code).toBe("JOURNAL_FAILED");
      await expectNothingLost(files.afterPowerCut(seeded(n)), workload);
    }
  });

  test("a full disk: ingest resumes by itself, and in the end every entry is there once", async () => {
    const calls = await callsWithoutFault();
    for (let n = 1; n <= calls; n++) {
      const files = new FaultyFiles();
      files.failCall(n, "ENOSPC");
      const workload = new Workload(seeded(1));
      await workload.run(files, rounds).catch(() => undefined);
      const entries = await expectNothingLost(files, workload);
      if (workload.fatal === undefined) expect(entries).toEqual([...workload.acked.values()]);
    }
  });

  test("a power cut: every acknowledged entry is there, and no published checkpoint is contradicted", async () => {
    const calls = await callsWithoutFault();
    for (let n = 1; n <= calls; n++) {
      const files = new FaultyFiles();
      files.failCall(n, "power cut");
      const workload = new Workload(seeded(1));
      await workload.run(files, rounds).catch(() => undefined);
      await expectNothingLost(files.afterPowerCut(seeded(n)), workload);
    }
  });
});
