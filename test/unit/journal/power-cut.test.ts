import { expect, test } from "vitest";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { expectNothingLost, Workload } from "../../support/ledger-workload.ts";
import { seeded } from "../../support/seeded.ts";

const seeds = 1_000;
const longestLife = 160;

test(`${seeds} gateways that are each killed or lose power three times keep every acknowledged entry and every published checkpoint`, async () => {
  let acknowledged = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seeded(seed);
    const workload = new Workload(random);
    let files = new FaultyFiles();
    for (let life = 0; life < 3; life++) {
      files.failCall(1 + Math.floor(random() * longestLife), "end");
      await workload.run(files, 20).catch((error) => {
        if (!files.hasEnded) throw new Error(`seed ${seed}, life ${life}`, { cause: error });
      });
      files = random() < 0.3 ? files.afterKill() : files.afterPowerCut(random);
    }
    await expectNothingLost(files.afterPowerCut(random), workload).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
    acknowledged += workload.acked.size;
  }
  expect(acknowledged).toBeGreaterThan(seeds * 10);
}, 300_000);
