import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkpointSigner, checkpointVkey } from "../../../gateway/journal/checkpoint-key.ts";
import { DataDirLock } from "../../../gateway/journal/data-dir-lock.ts";
import { parseVkey } from "../../../src/ledger/note.ts";

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

describe("the signing key", () => {
  test("has a public half that names the origin", async () => {
    const keys = join(scratch, "keys");
    expect(await checkpointVkey(keys, "gw.test/ledger/1")).toBeUndefined();
    const signer = await checkpointSigner(keys, "gw.test/ledger/1");
    const vkey = parseVkey((await checkpointVkey(keys, "gw.test/ledger/1"))!);
    expect(vkey).toMatchObject({ ok: true, value: { name: "gw.test/ledger/1", keyId: signer.keyId } });
  });

  test("is refused when the file holds something else", async () => {
    const keys = join(scratch, "bad-keys");
    mkdirSync(keys);
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type: "pkcs8", format: "pem" });
    for (const content of ["", "no key", rsa]) {
      writeFileSync(join(keys, "checkpoint-ed25519.pem"), content);
      await expect(checkpointSigner(keys, "gw.test")).rejects.toMatchObject({ code: "SIGNING_KEY_INVALID" });
    }
  });
});
