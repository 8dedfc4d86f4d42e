/** An exported log read by other people's code: golang.org/x/mod/sumdb, of which C2SP's notes and tiled logs are made. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { exportTiles } from "../../../gateway/journal/export-tiles.ts";
import { PublishedLog } from "../../../gateway/journal/published-log.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, openLedger, origin } from "../../support/ledger-workload.ts";
import { isInstalled, unless } from "../../support/needs.ts";
import { scratchDir } from "../../support/scratch-dir.ts";
import { logKeys } from "../../support/signed-log.ts";

const goPath = "/usr/share/gocode";
const hasReader = isInstalled("go") && existsSync(join(goPath, "src/golang.org/x/mod/sumdb/note"));
const how = "needs go and golang.org/x/mod: apt-get install golang-go golang-golang-x-mod-dev";

unless(hasReader ? undefined : how)("sumdb of golang.org/x/mod", () => {
  const scratch = scratchDir("other-readers");
  const reader = join(scratch, "reader");
  const dir = join(scratch, "log");
  const keys = logKeys(origin);
  const files = new FaultyFiles();

  beforeAll(() => {
    mkdirSync(scratch, { recursive: true });
    const env = { ...process.env, GO111MODULE: "off", GOPATH: goPath, GOCACHE: join(scratch, "cache") };
    execFileSync("go", ["build", "-o", reader, "main.go"], { cwd: "test/support/go-log-reader", env, stdio: "pipe" });
  }, 120_000);

  const read = () => JSON.parse(execFileSync(reader, [dir, keys.vkeys[0]!], { encoding: "utf8", stdio: "pipe" }));

  async function exportAt(size: number): Promise<void> {
    const ledger = await openLedger(files, { signers: keys.signers, segmentBytes: 100_000 });
    const entries = Array.from({ length: size - ledger.size }, (_, at) => Buffer.from(`entry ${ledger.size + at}`));
    await new Promise<void>((resolve, reject) =>
      ledger.append(entryBatch(entries, false), (error) => (error ? reject(error) : resolve())),
    );
    await ledger.close();
    const log = new PublishedLog({ dir: ledgerDir, files });
    try {
      await exportTiles(log, dir);
    } finally {
      await log.close();
    }
  }

  test.each([1, 255, 256, 257, 700])(
    "proves each of %i entries and every earlier tree, and skips the line it does not know",
    async (size) => {
      await exportAt(size);
      expect(read()).toEqual({ origin, size, verified: 1, unverified: 1 });
    },
  );

  test.each(["checkpoint", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"])(
    "refuses a log whose %s was changed",
    async (path) => {
      const name = join(dir, path);
      const sound = readFileSync(name);
      const changed = Buffer.from(sound);
      changed[10]! ^= 1;
      writeFileSync(name, changed);
      expect(read).toThrow();
      writeFileSync(name, sound);
      expect(read()).toMatchObject({ size: 700 });
    },
  );
});
