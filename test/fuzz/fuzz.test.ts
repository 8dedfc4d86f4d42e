/**
 * Mutated real messages and noise against everything that reads bytes of strangers. `npm test` gives it a few seconds,
 * `npm run fuzz -- --seconds 3600` as long as one likes; a failure names the seed and the bytes.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { encodeMavlinkFrame } from "../../src/mavlink/frame.ts";
import { signedEnvelope, testDevice } from "../support/envelopes.ts";
import { fuzzTargets, receipt } from "../support/fuzz-targets.ts";
import { bytesOfShape, goldenBoards } from "../support/golden-boards.ts";
import { entryOf } from "../support/ledger-entries.ts";
import { seeded } from "../support/seeded.ts";

const secondsEach = Number(process.env.FUZZ_SECONDS ?? 5) / fuzzTargets.length;
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

const vectors = <T>(name: string): T[] =>
  JSON.parse(readFileSync(new URL(`../../protocol/vectors/${name}`, import.meta.url), "utf8"));
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** One of each thing that may arrive. */
const corpus: readonly Buffer[] = [
  ...vectors<{ cbor: string }>("envelopes.json").map(({ cbor }) => Buffer.from(cbor, "hex")),
  ...vectors<{ frame: string }>("mdp-frames.json").map(({ frame }) => Buffer.from(frame, "hex")),
  ...goldenBoards.accepted.map((shape) => bytesOfShape(shape)),
  Buffer.from(signedEnvelope(testDevice("fuzz"))),
  Buffer.from(entryOf("fuzz")),
  Buffer.from(receipt),
  text({ pack: [{ id: "t", v: 21.7, u: "C" }], msgId: "m", seq: 1, ts: { utc: "2026-05-01T12:00:00Z" } }),
  text({
    deduplicationId: "3ac7",
    deviceInfo: { devEui: "0102030405060708" },
    devAddr: "00189440",
    fCnt: 7,
    fPort: 10,
    data: "AQIDBA==",
    rxInfo: [{ gatewayId: "0016c001f153a14c", rssi: -36, snr: 10.5 }],
    txInfo: { frequency: 868_100_000, modulation: { lora: { bandwidth: 125_000, spreadingFactor: 9 } } },
  }),
  text({
    end_device_ids: { dev_eui: "0102030405060708", dev_addr: "260B4F0A" },
    correlation_ids: ["as:up:01GX"],
    uplink_message: {
      f_cnt: 7,
      f_port: 10,
      frm_payload: "AQIDBA==",
      rx_metadata: [{ gateway_ids: { gateway_id: "north" }, rssi: -80, snr: 7 }],
      settings: { frequency: "868100000", data_rate: { lora: { bandwidth: 125_000, spreading_factor: 9 } } },
    },
  }),
  text({ action: "subscribe", channel: "device.fci-1.commands" }),
  text({ channel: "device.fci-1.telemetry", message_type: "fci_telemetry", payload: { bioelectric: { rms_uv: 1.5 } } }),
  Buffer.concat([
    encodeMavlinkFrame({
      seq: 1,
      system: 1,
      component: 1,
      messageId: 0,
      payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9),
    }),
    encodeMavlinkFrame({ seq: 2, system: 1, component: 1, messageId: 33, payload: new Uint8Array(28).fill(3) }),
  ]),
  Buffer.concat(entryBatch([entryOf("fuzz", 2), entryOf("fuzz", 3)], false).bundle),
  text({
    hdr: { deviceId: "d", msgId: "m", proto: "mqtt" },
    ts: { utc: "x", ms: 5 },
    seq: 1,
    pack: [{ id: 1, vi: 5, vs: 1, v: 0.5, u: 1, q: 2 }],
  }),
];

test.each(fuzzTargets)(
  "$name",
  ({ run }) => {
    const random = seeded(seed);
    const until = performance.now() + secondsEach * 1000;
    let runs = 0;
    do {
      const bytes = mutate(random);
      try {
        run(bytes);
      } catch (cause) {
        throw new Error(`seed ${seed}, run ${runs}, bytes ${Buffer.from(bytes).toString("hex")}`, { cause });
      }
      runs++;
    } while (performance.now() < until);
    expect(runs).toBeGreaterThan(0);
  },
  secondsEach * 1000 + 60_000,
);

type Random = () => number;

function mutate(random: Random): Uint8Array {
  const pick = (below: number): number => Math.floor(random() * below);
  const any = (): Buffer => corpus[pick(corpus.length)]!;
  if (random() < 0.1) return Uint8Array.from({ length: pick(300) }, () => pick(256));
  let bytes = Buffer.from(any());
  for (let changes = 1 + pick(4); changes > 0; changes--) {
    const at = pick(bytes.length + 1);
    const kind = pick(6);
    if (kind === 0 && at < bytes.length) bytes[at]! ^= 1 << pick(8);
    else if (kind === 1 && at < bytes.length) bytes[at] = pick(256);
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else if (kind === 3)
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        Uint8Array.from({ length: 1 + pick(8) }, () => pick(256)),
        bytes.subarray(at),
      ]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(8))]);
    else {
      const other = any();
      const from = pick(other.length);
      bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + pick(64)), bytes.subarray(at)]);
    }
    bytes = Buffer.from(bytes);
  }
  return bytes;
}
