/** `npm run -s mycogate -- <noun> <verb>`: the command line in a checkout. */
import { ensureBuilt, ensureInstalled, script } from "./bootstrap.mjs";

await script(async () => {
  ensureInstalled();
  ensureBuilt();
  const { cli } = await import("../dist/gateway/cli/cli.js");
  return cli(process.argv.slice(2));
});
