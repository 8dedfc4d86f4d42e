/**
 * What the commands of a checkout do first: bring the installed packages and the compiled files up to date, and say so.
 * Plain Node without packages, because it runs before there are any.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const sources = [
  "protocol",
  "src",
  "gateway",
  "simulators",
  "scripts/verify-page.mjs",
  "tsconfig.json",
  "package-lock.json",
];

/**
 * Install what package-lock.json names, unless it is there. Install scripts never run: nothing here needs one. `npm ci`
 * would refuse a lock file that was made where packages of some other platform could not be had.
 */
export function ensureInstalled() {
  requireNode();
  if (isInstalled()) return;
  say("installing packages");
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  run("npm", ["install", "--no-save", "--ignore-scripts", ...quiet], { shell: process.platform === "win32" });
}

/** Compile to dist/ when a source is newer. The new files take the place of the old ones whole, and only if all is well. */
export function ensureBuilt() {
  const stamp = join(root, "dist", ".built");
  const builtMs = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (sources.every((name) => newestMs(join(root, name)) < builtMs)) return;
  say("building");
  const startedMs = Date.now();
  const next = join(root, `.dist-${process.pid}`);
  const old = join(root, `.dist-${process.pid}-old`);
  try {
    run(process.execPath, [join("node_modules", "typescript", "bin", "tsc"), "-p", ".", "--outDir", next]);
    run(process.execPath, [join("scripts", "verify-page.mjs"), next]);
    writeFileSync(join(next, ".built"), "");
    // A source that changed while the compiler ran counts as newer.
    utimesSync(join(next, ".built"), new Date(startedMs), new Date(startedMs));
    if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), old);
    renameSync(next, join(root, "dist"));
  } catch (error) {
    // Another command has built at the same time, and its dist/ is as good.
    if (error.code !== "ENOTEMPTY" && error.code !== "ENOENT") throw error;
  } finally {
    for (const folder of [next, old]) rmSync(folder, { recursive: true, force: true });
  }
}

/** A step has failed; its message says which. */
class StepFailed extends Error {}

/** Run a script's steps; where one fails the process ends with 1 and one sentence. @param steps its result is the exit code */
export async function script(steps) {
  try {
    process.exitCode = (await steps()) ?? 0;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

export function say(text) {
  process.stderr.write(`mycogate: ${text}\n`);
}

/** To the end, its output on our stderr: stdout is for results. */
function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (status !== 0) throw new StepFailed(`${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
}

function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [major, minor] = engines.node.match(/\d+/g).map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split(".").map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  throw new StepFailed(
    `Mycogate needs Node ${major}.${minor} or newer; this is ${process.version}. See https://nodejs.org.`,
  );
}

/** npm leaves a list of what it installed; packages for other platforms are in the lock file only. */
function isInstalled() {
  const installed = packagesOf(join(root, "node_modules", ".package-lock.json"));
  const wanted = packagesOf(join(root, "package-lock.json"));
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    return installed[path] === undefined ? optional === true : installed[path].version === version;
  });
}

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}

/** Time of the last change in a folder: a file written, added or removed. */
function newestMs(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}
