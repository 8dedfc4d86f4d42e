/**
 * Gateways that lose power at any call, again and again, on a disk that keeps what was synced and a random part of the
 * rest. `npm test` plays a few thousand of them, `npm run fuzz -- --power-cuts 100000` as many as one likes; a failure names
 * its seed, which `--seed` plays again as the first.
 */
import { expect, test } from "vitest";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { digestKeys, expectNothingLost, Workload } from "../../support/ledger-workload.ts";
import { seeded } from "../../support/seeded.ts";

const seeds = Number(process.env.POWER_CUT_SEEDS ?? 4_000);
const firstSeed = Number(process.env.FUZZ_SEED ?? 1);
/** In calls of the file port. */
const longestLife = 70;
/** Their waits overlap. */
const atOnce = 16;

test(
  `${seeds} gateways that are each killed or lose power three times keep every acknowledged entry and every published checkpoint`,
  async () => {
    let [acknowledged, published, cuts] = [0, 0, 0];
    for (let from = firstSeed; from < firstSeed + seeds; from += atOnce) {
      const group = Array.from({ length: Math.min(atOnce, firstSeed + seeds - from) }, (_, index) => from + index);
      for (const lived of await Promise.all(group.map(live))) {
        acknowledged += lived.workload.acked.size;
        published += lived.workload.published.length;
        cuts += lived.cuts;
      }
    }
    // Were it not so, it would have tested nothing.
    expect(acknowledged).toBeGreaterThan(seeds * 6);
    expect(published).toBeGreaterThan(seeds / 2);
    expect(cuts).toBeGreaterThan(seeds * 2);
  },
  60_000 + seeds * 60,
);

/** Three lives of a gateway, and what is left in the end. @throws Error with the seed */
async function live(seed: number): Promise<{ workload: Workload; cuts: number }> {
  const random = seeded(seed);
  const workload = new Workload(random, digestKeys);
  let files = new FaultyFiles();
  let cuts = 0;
  for (let life = 0; life < 3; life++) {
    files.failCall(1 + Math.floor(random() * longestLife), "end");
    await workload.run(files, 5).catch((error) => {
      if (!files.hasEnded) throw new Error(`seed ${seed}, life ${life}`, { cause: error });
    });
    const isKill = random() < 0.3;
    if (!isKill) cuts++;
    files = isKill ? files.afterKill() : files.afterPowerCut(random);
  }
  await expectNothingLost(files.afterPowerCut(random), workload).catch((error) => {
    throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
  });
  return { workload, cuts: cuts + 1 };
}
