/** `npm start [-- options]`: on a fresh clone install and build, then run the gateway. */
import { ensureBuilt, ensureInstalled, script } from "./bootstrap.mjs";

await script(async () => {
  ensureInstalled();
  ensureBuilt();
  const { cli } = await import("../dist/gateway/cli/cli.js");
  return cli(["run", ...process.argv.slice(2)]);
});
