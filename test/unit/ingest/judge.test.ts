import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Claim, type JudgePorts, judge, maxPayloadBytes } from "../../../src/ingest/judge.ts";
import type { Device } from "../../../src/registry/device.ts";
import { DeviceTable } from "../../../src/registry/device-table.ts";
import { blake2b256, signedEnvelope, sodiumCrypto, testDevice } from "../../support/envelopes.ts";
import { SparseChain, type SparseMessage } from "../../support/sparse-chain.ts";

const alice = testDevice("alice");
const bob = testDevice("bob");
const newKey = testDevice("alice's second key");
const nowUs = 1_760_000_000_000_000;

function enrolled(...events: Parameters<DeviceTable["apply"]>[]): JudgePorts {
  const table = new DeviceTable();
  for (const { id, publicKey } of [alice, bob]) {
    table.apply({ type: "device.enrolled", id, name: id, role: "", transport: "", publicKey }, nowUs - 10_000_000);
  }
  for (const event of events) table.apply(...event);
  return portsOf((id) => table.find(id));
}

function portsOf(findDevice: (id: string) => Device | undefined): JudgePorts {
  return {
    findDevice,
    hash: blake2b256,
    verify: (signature, message, publicKey) => sodiumCrypto(publicKey).verify(signature, message),
  };
}

const claim = (deviceId: string, more: Partial<Claim> = {}): Claim => ({
  format: "envelope",
  deviceId,
  session: "",
  trusted: false,
  ...more,
});
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe("a signed envelope", () => {
  const payload = signedEnvelope(alice);

  test("is judged with the key epoch that verifies it", () => {
    const judged = judge(payload, claim("alice"), nowUs, enrolled());
    expect(judged).toMatchObject({
      ok: true,
      value: { keyEpoch: 1, device: { id: "alice" }, repeat: { by: "message", seq: 1 } },
    });
  });

  test("of nobody we know is UNKNOWN_DEVICE", () => {
    const stranger = testDevice("stranger");
    expect(judge(signedEnvelope(stranger), claim("stranger"), nowUs, enrolled())).toMatchObject({
      reject: "UNKNOWN_DEVICE",
    });
  });

  test("on another device's topic is TOPIC_MISMATCH, however good its signature", () => {
    expect(judge(payload, claim("bob"), nowUs, enrolled())).toMatchObject({ reject: "TOPIC_MISMATCH" });
  });

  test("signed by somebody else is SIGNATURE_INVALID", () => {
    const forged = signedEnvelope({ ...bob, id: "alice" });
    expect(judge(forged, claim("alice"), nowUs, enrolled())).toMatchObject({ reject: "SIGNATURE_INVALID" });
  });

  test("of a revoked device is DEVICE_REVOKED", () => {
    const ports = enrolled([{ type: "device.revoked", id: "alice", reason: "lost" }, nowUs - 5]);
    expect(judge(payload, claim("alice"), nowUs, ports)).toMatchObject({ reject: "DEVICE_REVOKED" });
  });

  test("of an earlier key passes until the overlap of a rotation ends, and never after it", () => {
    const rotated = {
      type: "device.key_rotated",
      id: "alice",
      epoch: 2,
      publicKey: newKey.publicKey,
      previousValidUntilUs: nowUs,
    } as const;
    const ports = enrolled([rotated, nowUs - 1_000]);
    expect(judge(payload, claim("alice"), nowUs - 1, ports)).toMatchObject({ value: { keyEpoch: 1 } });
    expect(judge(payload, claim("alice"), nowUs, ports)).toMatchObject({ reject: "DEVICE_REVOKED" });
    const second = signedEnvelope({ ...newKey, id: "alice" });
    expect(judge(second, claim("alice"), nowUs, ports)).toMatchObject({ value: { keyEpoch: 2 } });
  });

  test("longer than a ledger entry is TOO_LARGE", () => {
    expect(judge(new Uint8Array(maxPayloadBytes + 1), claim("alice"), nowUs, enrolled())).toMatchObject({
      reject: "TOO_LARGE",
    });
  });
});

test("no single-bit flip of any vector envelope is accepted, and damage is never blamed on the sender's identity", () => {
  const vectors = JSON.parse(
    readFileSync(new URL("../../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
  ) as {
    deviceId: string;
    publicKey: string;
    cbor: string;
  }[];
  for (const { deviceId, publicKey, cbor } of vectors.slice(0, 6)) {
    const key = Buffer.from(publicKey, "hex");
    const device: Device = {
      id: deviceId,
      name: deviceId,
      role: "",
      transport: "",
      enrolledUs: 0,
      revokedUs: undefined,
      sparseSigning: false,
      firmware: "",
      keys: [{ epoch: 1, publicKey: key, validFromUs: 0, validUntilUs: undefined }],
    };
    const ports = portsOf((id) => (id === deviceId ? device : undefined));
    const original = Buffer.from(cbor, "hex");
    expect(judge(original, claim(deviceId), nowUs, ports).ok).toBe(true);
    const reasons = new Set<string>();
    for (let bit = 0; bit < original.length * 8; bit++) {
      const flipped = Buffer.from(original);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const judged = judge(flipped, claim(deviceId), nowUs, ports);
      reasons.add(judged.ok ? "accepted" : judged.reject);
    }
    expect([...reasons].sort()).toEqual([
      "HASH_MISMATCH",
      "NOT_DETERMINISTIC",
      "NOT_WELL_FORMED",
      "SCHEMA_INVALID",
      "SIGNATURE_INVALID",
    ]);
  }
});

describe("a chained message", () => {
  const chain = new SparseChain(alice, 2, 2);
  const [first, second, anchor] = [chain.next(), chain.next(), chain.next()];
  const allowed = (...events: Parameters<DeviceTable["apply"]>[]): JudgePorts =>
    enrolled([{ type: "device.sparse_signing_set", id: "alice", allowed: true }, nowUs - 9], ...events);
  const linkOf = ({ bytes }: SparseMessage): Uint8Array => new Uint8Array(blake2b256(bytes).subarray(0, 16));
  const chainedClaim = (more: Partial<Claim> = {}): Claim => claim("alice", { format: "envelope-chained", ...more });

  test("is UNSIGNED unless the device is allowed it, however much its transport is trusted", () => {
    const judged = judge(first.bytes, chainedClaim({ trusted: true }), nowUs, enrolled());
    expect(judged).toMatchObject({ reject: "UNSIGNED" });
    const forbidden = allowed([{ type: "device.sparse_signing_set", id: "alice", allowed: false }, nowUs - 8]);
    expect(judge(first.bytes, chainedClaim({ trusted: true }), nowUs, forbidden)).toMatchObject({ reject: "UNSIGNED" });
  });

  test("waits for a signature, and then is as good as the key that signed, with all that it leads to", () => {
    const pending = judge(second.bytes, chainedClaim({ trusted: true }), nowUs, allowed());
    expect(pending).toMatchObject({ reject: "SIGNATURE_PENDING" });
    const judged = judge(second.bytes, chainedClaim({ provenBy: 3 }), nowUs, allowed());
    expect(judged).toMatchObject({ value: { keyEpoch: 3, repeat: { by: "message", seq: 2 } } });
    expect(judged.ok && judged.value.proves).toEqual([linkOf(first)]);
  });

  test("is proven by an anchor, if the device is allowed it", () => {
    const links = [second, first].map(linkOf);
    const judged = judge(anchor.bytes, claim("alice"), nowUs, allowed());
    expect(judged).toMatchObject({ value: { keyEpoch: 1 } });
    expect(judged.ok && judged.value.proves).toEqual(links);
    expect(judge(anchor.bytes, claim("alice"), nowUs, enrolled())).toMatchObject({ value: { proves: [] } });
  });

  test("is somebody's, proof or not", () => {
    const proven = { format: "envelope-chained", provenBy: 1 } as const;
    expect(judge(first.bytes, claim("bob", proven), nowUs, allowed())).toMatchObject({ reject: "TOPIC_MISMATCH" });
    const revoked = allowed([{ type: "device.revoked", id: "alice", reason: "" }, nowUs - 5]);
    expect(judge(first.bytes, claim("alice", proven), nowUs, revoked)).toMatchObject({ reject: "DEVICE_REVOKED" });
    const nobody = portsOf(() => undefined);
    expect(judge(first.bytes, claim("alice", proven), nowUs, nobody)).toMatchObject({ reject: "UNKNOWN_DEVICE" });
  });
});

describe("an unsigned message", () => {
  const telemetry = { pack: [{ id: "t", v: 1 }], msgId: "m", seq: 4 };

  test("is UNSIGNED unless policy trusts the transport, and then attested", () => {
    const message = json(telemetry);
    expect(judge(message, claim("alice", { format: "telemetry-json" }), nowUs, enrolled())).toMatchObject({
      reject: "UNSIGNED",
    });
    expect(
      judge(message, claim("alice", { format: "telemetry-json", trusted: true }), nowUs, enrolled()),
    ).toMatchObject({
      value: { keyEpoch: 0, repeat: { by: "message", seq: 4, msgId: "m" } },
    });
  });

  test("without msgId is a repeat only of the same bytes, and without msgId, seq and time never", () => {
    const judged = (value: unknown) =>
      judge(json(value), claim("alice", { format: "telemetry-json", trusted: true }), nowUs, enrolled());
    expect(judged({ pack: [], seq: 1 })).toMatchObject({ value: { repeat: { by: "content" } } });
    expect(judged({ pack: [] })).toMatchObject({ value: { repeat: { by: "nothing" } } });
  });

  test("that names another device is TOPIC_MISMATCH", () => {
    const message = json({ hdr: { deviceId: "bob", msgId: "m" }, seq: 1, pack: [] });
    expect(judge(message, claim("alice", { format: "envelope-json", trusted: true }), nowUs, enrolled())).toMatchObject(
      { reject: "TOPIC_MISMATCH" },
    );
  });
});

test("any bytes in any format are accepted or refused with a reason", () => {
  const ports = enrolled();
  const arbFormat = fc.constantFrom("envelope", "envelope-chained", "envelope-json", "telemetry-json", "mdp-b");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), arbFormat, fc.boolean(), (payload, format, trusted) => {
      const judged = judge(payload, claim("alice", { format, trusted }), nowUs, ports);
      expect(judged.ok || judged.reject.length > 0).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test("what the gateway says of a reception needs no trust in what brought the frame, but a device", () => {
  const link = json({ leaf: 1, receptions: [{ by: "radio", rssi: -90 }] });
  const judged = judge(link, claim("alice", { format: "link" }), nowUs, enrolled());
  expect(judged).toMatchObject({ ok: true, value: { keyEpoch: 0, repeat: { by: "nothing" } } });
  expect(judge(link, claim("nobody", { format: "link" }), nowUs, enrolled())).toMatchObject({
    reject: "UNKNOWN_DEVICE",
  });
});
