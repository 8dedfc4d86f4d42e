/**
 * The device library on an emulated Cortex-M3, with real Ed25519, on a serial port of the built gateway. Gateway and board
 * are killed in turn while readings are made, sent and receipted.
 */
import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { leavesOf, receiptKeyOf, seqsOf } from "../support/device-books.ts";
import { buildImage, EmulatedBoard } from "../support/emulated-board.ts";
import { libsodiumSource } from "../support/libsodium.ts";
import { isInstalled, needs, unless } from "../support/needs.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const tools = ["arm-none-eabi-gcc", "qemu-system-arm", "apt-get"] as const;
// Without the tools there is nothing to compile it with.
const sodium = tools.every(isInstalled) ? libsodiumSource() : undefined;
const suite = sodium === undefined ? needs(...tools) : unless(typeof sodium === "string" ? sodium : undefined);

const patience = { timeout: 60_000, interval: 20 };

suite("a board on an emulated processor", () => {
  let gateway: GatewayProcess | undefined;
  let board: EmulatedBoard | undefined;

  afterEach(async () => {
    await board?.kill();
    await gateway?.stop();
  });

  test("everything it kept is in the ledger exactly once, whoever was killed meanwhile, its flash is free again, and it obeys", async () => {
    if (typeof sodium !== "object") throw new Error("unreachable");
    const dir = scratchDir("emulated-board");
    const data = join(dir, "data");
    const env = {
      MYCOGATE_SERIAL_PORTS: join(dir, "board"),
      MYCOGATE_SERIAL_RECONNECT_MIN_MS: "20",
      MYCOGATE_SERIAL_RECONNECT_MAX_MS: "50",
    };
    const restarted = async (): Promise<GatewayProcess> => (gateway = await GatewayProcess.start(data, env));
    const starting = restarted(); // Meanwhile:
    const image = buildImage(dir, sodium);
    gateway = await starting;
    const deviceId = "emulated-01";
    const seed = randomBytes(32);
    await gateway.enrol([{ id: deviceId, publicKey: publicKeyOf(seed) }]);
    board = new EmulatedBoard(image, dir, {
      deviceId,
      seed,
      receiptKey: await receiptKeyOf(gateway),
      intervalMs: 50,
    });
    const said = (what: string): number[] =>
      board!.log.filter((line) => line.startsWith(`${what} `)).map((line) => Number(line.split(" ")[1]));

    const measured = (more: number): Promise<void> => {
      const before = said("kept").length;
      return expect.poll(() => said("kept").length, patience).toBeGreaterThan(before + more);
    };
    const receipted = (more: number): Promise<void> => {
      const before = said("freed").length;
      return expect.poll(() => said("freed").length, patience).toBeGreaterThan(before + more);
    };

    await board.start();
    await receipted(10);
    const answered = (cmd: string, params: object): Promise<unknown> =>
      gateway!.request("POST", `/api/v1/devices/${deviceId}/commands`, { cmd, params, timeoutMs: 30_000 });
    expect(await answered("set_interval", { ms: 40 })).toMatchObject({ state: "succeeded", message: "done" });
    expect(await answered("set_interval", { ms: "soon" })).toMatchObject({ state: "failed", message: "bad_params" });
    expect(await answered("self_destruct", {})).toMatchObject({ state: "failed", message: "unknown_command" });
    await board.kill();
    await board.start();
    await receipted(10);
    await gateway.kill();
    gateway = undefined;
    // The board goes on measuring while nobody answers, also after its power failed once more.
    await measured(25);
    await board.kill();
    await board.start();
    await measured(15);
    // From here on it is not started again: what it sent in vain, it has to send again.
    gateway = await restarted();
    await receipted(10);
    const last = said("kept").at(-1)! + 20;
    board.measureUntil(last);
    const isDone = (): boolean => said("kept").at(-1)! >= last && / 0$/.test(board!.log.at(-1)!);
    await expect.poll(isDone, patience).toBe(true);

    const log = board.log.join("\n");
    expect(log).not.toContain("fault");
    expect(log).not.toContain("refused");
    expect(said("up")).toHaveLength(3);
    await gateway.databaseCaughtUp();
    const inLedger = await seqsOf(gateway, deviceId);
    // Each has one leaf: the database would hide a second one.
    const leaves = await leavesOf(gateway, deviceId);
    expect(leaves.filter(({ verification }) => verification !== "verified")).toEqual([]);
    expect(new Set(leaves.map(({ payload }) => payload)).size).toBe(leaves.length);
    expect(leaves).toHaveLength(inLedger.length);
    expect(new Set(inLedger).size).toBe(inLedger.length);
    // An envelope may have become whole in flash when the power went, before the board could say so.
    const whole = new Set(inLedger);
    expect(said("kept").filter((seq) => !whole.has(seq))).toEqual([]);
    expect(inLedger.length - new Set(said("kept")).size).toBeLessThanOrEqual(2);
    const { quarantined, rejected } = await gateway.stats();
    expect({ quarantined, rejected: rejected > 0 }).toEqual({ quarantined: 0, rejected: false });
  }, 240_000);
});

function publicKeyOf(seed: Uint8Array): string {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
  return Buffer.from(createPublicKey(key).export({ format: "jwk" }).x!, "base64url").toString("hex");
}
