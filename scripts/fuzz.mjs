/** `npm run fuzz -- --seconds 600 [--seed N]`: fuzz everything that reads bytes of strangers, for as long as it is told. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled, root, script } from "./bootstrap.mjs";

await script(() => {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } } });
  ensureInstalled();
  ensureBuilt();
  const env = { ...process.env, FUZZ_SECONDS: values.seconds, ...(values.seed && { FUZZ_SEED: values.seed }) };
  const vitest = [join(root, "node_modules", "vitest", "vitest.mjs"), "run", "test/fuzz"];
  return spawnSync(process.execPath, vitest, { cwd: root, stdio: "inherit", env }).status;
});
