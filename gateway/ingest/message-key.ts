import { decodePayload } from "../../src/dialects/index.ts";
import type { MessageKey, Upload } from "../../src/ingest/upload.ts";

/** What an acknowledgement names: the registry's device, and seq and msgId where the payload could be read. */
export function messageKeyOf({ format, payload, deviceId }: Upload): MessageKey {
  const sample = decodePayload(format, payload);
  return sample.ok
    ? { deviceId, seq: sample.value.seq, msgId: sample.value.msgId }
    : { deviceId, seq: undefined, msgId: undefined };
}
