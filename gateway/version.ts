import { readFileSync } from "node:fs";
import { projectRoot } from "./project-root.ts";

/** The package's version, in logs, metrics, the API and `mycogate --version`. */
export const version: string = JSON.parse(readFileSync(`${projectRoot}package.json`, "utf8")).version;
