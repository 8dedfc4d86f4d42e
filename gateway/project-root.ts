import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Folder of the package, with a trailing slash: where `migrations/` and `package.json` are, from source and from `dist/` alike. */
export const projectRoot: string = (() => {
  let folder = new URL("./", import.meta.url);
  while (!existsSync(new URL("package.json", folder))) folder = new URL("../", folder);
  return fileURLToPath(folder);
})();
