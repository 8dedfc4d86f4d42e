/** `npm run build`: dist/ from the sources, if any is newer. */
import { ensureBuilt, ensureInstalled, script } from "./bootstrap.mjs";

await script(() => {
  ensureInstalled();
  ensureBuilt();
});
