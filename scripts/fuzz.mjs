/**
 * `npm run fuzz -- --seconds 600 [--seed N]`: fuzz everything that reads bytes of strangers, for as long as it is told.
 * `npm run fuzz -- --power-cuts 100000 [--seed N]`: so many gateways that lose power, from that seed on.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled, root, script } from "./bootstrap.mjs";

await script(() => {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "60" }, seed: { type: "string" }, "power-cuts": { type: "string" } },
  });
  ensureInstalled();
  ensureBuilt();
  const cuts = values["power-cuts"];
  const how = cuts === undefined ? { FUZZ_SECONDS: values.seconds } : { POWER_CUT_SEEDS: cuts };
  const env = { ...process.env, ...how, ...(values.seed && { FUZZ_SEED: values.seed }) };
  const suite = cuts === undefined ? "test/fuzz" : "test/unit/journal/power-cut.test.ts";
  const vitest = [join(root, "node_modules", "vitest", "vitest.mjs"), "run", suite];
  return spawnSync(process.execPath, vitest, { cwd: root, stdio: "inherit", env }).status;
});
