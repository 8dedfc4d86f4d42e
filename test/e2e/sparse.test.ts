/** Sparse signing with the built gateway: a LoRa radio on one pty, a cable on another. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import type { QuarantineItem, ReadingRow } from "../../gateway/http/services.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { encodeMdpFrame } from "../../src/codec/mdp.ts";
import { verifyReceipt } from "../../src/ledger/receipt.ts";
import { testDevice } from "../support/envelopes.ts";
import { needs } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { framesIn } from "../support/serial-boards.ts";
import { SparseChain, type SparseMessage } from "../support/sparse-chain.ts";

const device = testDevice("hilltop");
const until = (check: () => Promise<void> | void): Promise<void> => vi.waitFor(check, { timeout: 30_000 });

needs("python3")("a chain by radio", () => {
  const dataDir = join(scratchDir("sparse"), "data");
  let radio: Pty;
  let cable: Pty;
  let gateway: GatewayProcess;

  const start = (): Promise<GatewayProcess> =>
    GatewayProcess.start(dataDir, { MYCOGATE_LORA_RADIOS: radio.path, MYCOGATE_SERIAL_PORTS: cable.path });
  const mycogate = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, ...gateway.env };
    return (await promisify(execFile)(process.execPath, [`${projectRoot}bin/mycogate.mjs`, ...args], { env })).stdout;
  };
  const frame = (seq: number, body: Uint8Array, flags: number): Uint8Array =>
    encodeMdpFrame({
      type: mdpTypes.TELEMETRY,
      seq,
      flags,
      src: mdpEndpoints.SIDE_B,
      dst: mdpEndpoints.GATEWAY,
      body,
    });
  const heard = (packet: Uint8Array): void => {
    const line = { lora_rx: { frame: Buffer.from(packet).toString("base64"), rssi: -97, snr: 4.5, freq: 915_000_000 } };
    radio.write(Buffer.from(`${JSON.stringify(line)}\n`));
  };
  const quarantined = async (): Promise<readonly string[]> => {
    const page = await gateway.request<{ data: QuarantineItem[] }>("GET", "/api/v1/quarantine");
    return page.data.map(({ reason }) => reason);
  };
  const temperatures = async (): Promise<readonly Partial<ReadingRow>[]> => {
    await gateway.databaseCaughtUp();
    const path = "/api/v1/readings?device=hilltop&sensor=temp&order=asc";
    return (await gateway.request<{ data: ReadingRow[] }>("GET", path)).data;
  };

  beforeAll(async () => {
    [radio, cable] = [await Pty.open(), await Pty.open()];
    gateway = await start();
  });
  afterAll(async () => {
    await gateway?.stop();
    await radio?.close();
    await cable?.close();
  });

  test("off, then allowed; unproven it is no reading, over a kill of the gateway; proven it is verified, and answered by a receipt", async () => {
    await mycogate("device", "add", "hilltop", "--key", device.publicKey.toString("hex"));
    const chain = new SparseChain(device, 4, 2);
    const at = (value: number) => ({ readings: [{ sensor: 1, vi: value, vs: 1, unit: 1, quality: 0 }] });
    heard(chain.chained(at(100)).bytes);
    await until(async () => expect(await quarantined()).toEqual(["UNSIGNED"]));

    expect(await mycogate("device", "set", "hilltop", "--sparse", "on")).toContain("may sign sparsely");
    chain.reboot();
    const messages = [201, 202, 203, 204].map((value) => chain.next(at(value)));
    const anchor = chain.next(at(205));
    // Bare, and in a frame; the third is lost.
    heard(messages[0]!.bytes);
    heard(frame(2, messages[1]!.bytes, 0));
    heard(frame(4, messages[3]!.bytes, 0));
    await until(async () => expect((await quarantined()).slice(1)).toEqual(Array(3).fill("SIGNATURE_PENDING")));
    expect(await temperatures()).toEqual([]);

    await gateway.kill();
    gateway = await start();
    expect((await gateway.stats()).chained).toEqual({ waiting: 3, released: 0 });
    heard(frame(5, anchor.bytes, 0));
    await until(async () => expect(await quarantined()).toEqual(["UNSIGNED"]));
    const rows = await temperatures();
    expect(rows.map(({ value, verification }) => `${value} ${verification}`).toSorted()).toEqual([
      "20.1 verified",
      "20.2 verified",
      "20.4 verified",
      "20.5 verified",
    ]);
    const show = JSON.parse(await mycogate("key", "show", "--json")) as { role: string; publicKey: string }[];
    const receiptKey = Buffer.from(show.find(({ role }) => role === "receipt")!.publicKey, "hex");
    // Late, and again: both behind the anchor.
    for (const [seq, message] of [
      [10, messages[2]],
      [11, messages[0]],
    ] as [number, SparseMessage][]) {
      cable.write(frame(seq, message.bytes, mdpFlags.ACK_REQUESTED));
      await until(() => expect(framesIn(cable.received).some(({ ack }) => ack === seq)).toBe(true));
    }
    const receipts = framesIn(cable.received).map(({ body }) => verifyReceipt(body, receiptKey));
    const seqs = receipts.map((receipt) => (receipt.ok ? receipt.value.seq : receipt.detail));
    expect(seqs).toEqual([4, 2]);
    expect((await temperatures()).map(({ value }) => value)).toHaveLength(5);
    const known = rows.find(({ seq }) => String(seq) === "2")!;
    expect(receipts[1]).toMatchObject({ value: { leafIndex: known.leafIndex } });
    // Not proven yet: the answer says so.
    cable.write(frame(12, chain.next(at(206)).bytes, mdpFlags.ACK_REQUESTED));
    await until(() => expect(framesIn(cable.received).at(-1)).toMatchObject({ ack: 12, flags: mdpFlags.IS_NACK }));
    const refusal = Buffer.from(framesIn(cable.received).at(-1)!.body).toString();
    expect(JSON.parse(refusal)).toEqual({ success: false, message: "SIGNATURE_PENDING" });
    await mycogate("ledger", "verify");
  }, 240_000);
});
