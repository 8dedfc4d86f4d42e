import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { DataDirLock } from "../../../gateway/journal/data-dir-lock.ts";

const scratch = mkdtempSync(join(tmpdir(), "mycogate-data-dir-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("the lock of a data directory", () => {
  test("is held until it is released, also within one process", async () => {
    const dir = join(scratch, "made", "by", "the", "lock");
    const lock = await DataDirLock.acquire(dir);
    await expect(DataDirLock.acquire(dir)).rejects.toMatchObject({
      code: "DATA_DIR_LOCKED",
      message: expect.stringContaining(`process ${process.pid} on `),
    });
    await lock.release();
    await (await DataDirLock.acquire(dir)).release();
  });

  test("of a holder that has not said who it is yet is refused all the same", async () => {
    const dir = join(scratch, "nameless");
    const lock = await DataDirLock.acquire(dir);
    writeFileSync(join(dir, "lock"), "");
    await expect(DataDirLock.acquire(dir)).rejects.toThrow("in use by another process");
    await lock.release();
  });

  test("of a directory that cannot be one is refused as unusable", async () => {
    writeFileSync(join(scratch, "file"), "");
    await expect(DataDirLock.acquire(join(scratch, "file"))).rejects.toMatchObject({ code: "DATA_DIR_UNUSABLE" });
    mkdirSync(join(scratch, "odd", "lock"), { recursive: true });
    await expect(DataDirLock.acquire(join(scratch, "odd"))).rejects.toMatchObject({ code: "DATA_DIR_UNUSABLE" });
  });
});
