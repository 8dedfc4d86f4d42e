/** Which frames must be signed, by the configured keys. */
import type { Upload } from "../../../src/ingest/upload.ts";
import { type MavlinkFrame, readMavlinkFrame } from "../../../src/mavlink/frame.ts";
import { isSignedWith } from "../../../src/mavlink/signature.ts";
import type { QuarantineReason } from "../../../src/rejects.ts";
import { type Refusal, refuse } from "../../../src/result.ts";
import type { MavlinkConfig } from "./config.ts";

export class MavlinkSigning {
  readonly #keys: ReadonlyMap<number, Uint8Array>;

  constructor(signing: MavlinkConfig["signing"]) {
    this.#keys = new Map(signing.map(({ system, key }) => [system, Buffer.from(key, "hex")]));
  }

  /** Of a system whose frames must be signed, and ours to it. */
  keyOf(system: number): Uint8Array | undefined {
    return this.#keys.get(system);
  }

  check(frame: MavlinkFrame): Refusal<QuarantineReason> | undefined {
    const key = this.#keys.get(frame.system);
    if (!key) return undefined;
    if (!frame.signature)
      return refuse("UNSIGNED", `system ${frame.system} signs its frames, and this one is not signed`);
    if (isSignedWith(key, frame)) return undefined;
    return refuse("SIGNATURE_INVALID", `not signed with the key of system ${frame.system}`);
  }

  /** For ingest, which also asks when an operator releases a message from quarantine. */
  examine({ format, payload }: Upload): Refusal<QuarantineReason> | undefined {
    if (format !== "mavlink" || this.#keys.size === 0) return undefined;
    for (let at = 0; at < payload.length; ) {
      const frame = readMavlinkFrame(payload, at);
      // What is no frame is refused by its decoder.
      if (!frame.ok) return undefined;
      const refusal = this.check(frame.value);
      if (refusal) return refusal;
      at += frame.value.wire.length;
    }
    return undefined;
  }
}
