import { fileURLToPath, pathToFileURL } from "node:url";
import { projectRoot } from "./project-root.ts";

/**
 * Address of a worker's compiled file. Node runs JavaScript only, so code that itself runs from TypeScript source
 * (the test runner does that) takes the worker from `dist/`, which the test command builds first.
 *
 * @param from `import.meta.url` of the caller
 * @param name path of the worker relative to the caller, without its extension: `./verify-worker`
 */
export function workerUrl(from: string, name: string): URL {
  if (!from.endsWith(".ts")) return new URL(`${name}.js`, from);
  const source = fileURLToPath(new URL(name, from));
  return pathToFileURL(`${source.replace(projectRoot, `${projectRoot}dist/`)}.js`);
}

/**
 * Limits for a worker whose objects live no longer than a message or a batch: by default each thread keeps up to 48 MB
 * of them before it collects any, and nothing is gained by that.
 */
export const shortLived = { maxYoungGenerationSizeMb: 8 } as const;
