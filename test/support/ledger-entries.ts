import { encodeEntry } from "../../src/ledger/entry.ts";
import { signedEnvelope, testDevice } from "./envelopes.ts";

/** The leaf of a device's message. */
export function entryOf(deviceId: string, seq = 1): Uint8Array {
  const payload = signedEnvelope(testDevice(deviceId), { seq });
  const receivedUs = 1_760_000_000_000_000 + seq;
  return encodeEntry({
    kind: "reading",
    payload,
    receivedUs,
    keyEpoch: 1,
    deviceId,
    format: "envelope",
    source: "mqtt",
    firmware: "",
  });
}
