/** Published vectors that lie beside the project and are not part of it; where they are absent, suites skip by name. */
import { existsSync, readFileSync } from "node:fs";

const folder = new URL("../../../shared/vectors/", import.meta.url);

export function hasSharedVectors(file: string): boolean {
  return existsSync(new URL(file, folder));
}

export function sharedVectors<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, folder), "utf8")) as T;
}

export function ownVectors<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../protocol/vectors/${file}`, import.meta.url), "utf8")) as T;
}
