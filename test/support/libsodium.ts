/**
 * libsodium for a board without an operating system: Debian's source package, of which the few files that sign, verify and
 * hash are compiled. It is fetched once, by apt, with the source counterpart of whatever list the machine has the library
 * from, and kept outside the project between runs.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** Below src/libsodium/. */
const sources = [
  "crypto_core/ed25519/ref10/ed25519_ref10.c",
  "crypto_generichash/blake2b/ref/blake2b-compress-ref.c",
  "crypto_generichash/blake2b/ref/blake2b-ref.c",
  "crypto_generichash/blake2b/ref/generichash_blake2b.c",
  "crypto_generichash/crypto_generichash.c",
  "crypto_hash/sha256/cp/hash_sha256_cp.c",
  "crypto_hash/sha512/cp/hash_sha512_cp.c",
  "crypto_sign/crypto_sign.c",
  "crypto_sign/ed25519/ref10/keypair.c",
  "crypto_sign/ed25519/ref10/open.c",
  "crypto_sign/ed25519/ref10/sign.c",
  "crypto_sign/ed25519/sign_ed25519.c",
  "crypto_verify/sodium/verify.c",
];

export interface LibsodiumSource {
  /** Of the headers. */
  readonly include: string;
  readonly files: readonly string[];
  /** For compiling the files, and not for including the headers. */
  readonly flags: readonly string[];
}

/** @returns the source, or what is missing and how to get it */
export function libsodiumSource(): LibsodiumSource | string {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mycogate");
  const folder = join(cache, "libsodium");
  if (!existsSync(folder)) {
    const problem = fetchInto(cache, folder);
    if (problem !== undefined) return `needs the source package libsodium: ${problem}`;
  }
  const root = join(folder, "src", "libsodium");
  const include = join(root, "include");
  return {
    include,
    files: sources.map((file) => join(root, file)),
    flags: [
      "-w",
      "-DCONFIGURED=1",
      "-DDEV_MODE=0",
      "-DNDEBUG",
      `-I${include}`,
      `-I${join(include, "sodium")}`,
      `-I${join(include, "sodium", "private")}`,
    ],
  };
}

/** @returns what went wrong */
function fetchInto(cache: string, folder: string): string | undefined {
  const work = mkdtempSync(join(tmpdir(), "mycogate-libsodium-"));
  try {
    const lists = sourceLists();
    if (lists.length === 0) return "no package list names libsodium-dev; run apt-get update";
    let problem = "";
    // A mirror may lack the sources of one list and have those of another.
    for (const [at, list] of lists.entries()) {
      const own = join(work, String(at));
      for (const each of ["lists/partial", "archives/partial", "source"])
        mkdirSync(join(own, each), { recursive: true });
      writeFileSync(join(own, "sources.list"), `${list}\n`);
      const options = {
        "Dir::Etc::sourcelist": join(own, "sources.list"),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": join(own, "lists"),
        "Dir::Cache": own,
        "APT::Sandbox::User": userInfo().username,
        "Acquire::http::Timeout": "20",
      };
      const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
      problem =
        run("apt-get", [...flags, "-qq", "update"], own) ??
        run("apt-get", [...flags, "-qq", "source", "--download-only", "libsodium"], join(own, "source")) ??
        unpack(join(own, "source"), cache, folder) ??
        "";
      if (problem === "") return undefined;
    }
    return problem;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** `deb-src` lines for the lists that have the library: "libsodium-dev | 1.0.18-1 | URI SUITE/COMPONENT amd64 Packages". */
function sourceLists(): string[] {
  const { stdout = "" } = spawnSync("apt-cache", ["madison", "libsodium-dev"], { encoding: "utf8" });
  const lists = stdout.split("\n").flatMap((line) => {
    const [, uri, suite, component] = /\| (\S+) ([^/\s]+)\/(\S+) \S+ Packages/.exec(line) ?? [];
    return uri === undefined ? [] : [`deb-src ${uri} ${suite} ${component}`];
  });
  return [...new Set(lists)];
}

function unpack(from: string, cache: string, folder: string): string | undefined {
  const archive = readdirSync(from).find((name) => name.includes(".orig.tar"));
  if (archive === undefined) return "the source package holds no .orig.tar";
  const problem = run("tar", ["-xf", archive, "--strip-components=1", "--one-top-level=libsodium"], from);
  if (problem !== undefined) return problem;
  const unpacked = join(from, "libsodium");
  const header = join(unpacked, "src", "libsodium", "include", "sodium", "version.h");
  // What its configure script would fill in.
  writeFileSync(
    header,
    readFileSync(`${header}.in`, "utf8")
      .replace(/@\w*MINIMAL_DEF@/, "")
      .replace(/@VERSION@/, archive)
      .replace(/@\w+@/g, "0"),
  );
  mkdirSync(cache, { recursive: true });
  // Whole or not at all, also when two runs do this at once.
  const staged = mkdtempSync(`${folder}-`);
  cpSync(unpacked, staged, { recursive: true });
  try {
    renameSync(staged, folder);
  } catch (error) {
    rmSync(staged, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return undefined;
}

function run(program: string, args: readonly string[], cwd: string): string | undefined {
  const done = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  if (done.status === 0) return undefined;
  return `${program}: ${(done.stderr || done.error?.message || "failed").trim().split("\n").at(-1)}`;
}
