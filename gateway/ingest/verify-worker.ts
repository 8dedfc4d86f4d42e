/** Worker thread: judges batches and builds their leaves. See docs/adr/0004. */
import { parentPort } from "node:worker_threads";
import sodium from "sodium-native";
import { fingerprintWords } from "../../src/ingest/dedupe-window.ts";
import { type JudgePorts, judge } from "../../src/ingest/judge.ts";
import type { Device } from "../../src/registry/device.ts";
import { asBuffer } from "../as-buffer.ts";
import type { BatchRefusal, ProvingMessage, VerifyRequest, VerifyResponse, WorkerRequest } from "./batch.ts";
import { fingerprintInto } from "./fingerprint.ts";
import { LeafWriter } from "./leaf-writer.ts";

const port = parentPort!;
const devices = new Map<string, Device>();
const digest = Buffer.alloc(32);

const ports: JudgePorts = {
  findDevice: (id) => devices.get(id),
  hash: (bytes) => {
    sodium.crypto_generichash(digest, asBuffer(bytes));
    return digest;
  },
  verify: (signature, message, publicKey) =>
    sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(publicKey)) === true,
};

port.on("message", (request: WorkerRequest) => {
  if (request.type === "devices") for (const device of request.devices) devices.set(device.id, device);
  else {
    const response = verifyBatch(request);
    port.postMessage(response, [
      response.slab,
      response.leaves,
      response.leafEnds.buffer as ArrayBuffer,
      response.leafHashes.buffer as ArrayBuffer,
      response.fingerprints.buffer as ArrayBuffer,
    ]);
  }
});

function verifyBatch({ sequence, count, slab, ends, receivedUs, contexts, leaves }: VerifyRequest): VerifyResponse {
  const out = new LeafWriter(leaves, count);
  const fingerprints = new Uint32Array(count * fingerprintWords);
  const refusals: BatchRefusal[] = [];
  const proving: ProvingMessage[] = [];
  for (let index = 0; index < count; index++) {
    const start = index === 0 ? 0 : ends[index - 1]!;
    const payload = new Uint8Array(slab, start, ends[index]! - start);
    const context = contexts[index]!;
    const judged = judge(payload, context, receivedUs[index]!, ports);
    if (judged.ok) {
      const { device, keyEpoch, repeat, proves } = judged.value;
      const { format, source } = context;
      const entry = {
        kind: "reading",
        payload,
        receivedUs: receivedUs[index]!,
        keyEpoch,
        deviceId: device.id,
        format,
        source,
      } as const;
      out.add(index, { ...entry, firmware: device.firmware });
      fingerprintInto(fingerprints, index * fingerprintWords, device.id, repeat, payload);
      // Copies: the slab that they are views into changes its owner.
      if (proves.length > 0) proving.push({ index, keyEpoch, links: proves.map((link) => link.slice()) });
    } else {
      refusals.push({ index, reason: judged.reject, detail: judged.detail });
      out.addNothing(index);
    }
  }
  return { sequence, slab, refusals, proving, fingerprints, ...out.finish() };
}
