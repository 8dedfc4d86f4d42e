/** What all devices that sign have in common: MycoEnvelopes with their own key, counter and clock. wire-facts §7 */
import { sensorCode, unitCode } from "../../protocol/names.ts";
import { mdpFlags, mdpTypes, type SensorName, sensors } from "../../protocol/spec.ts";
import type { Transport } from "../../src/ingest/upload.ts";
import type { Reading } from "../../src/reading.ts";
import type { Random } from "../random.ts";
import { signedEnvelope } from "../signer.ts";
import { FrameWriter } from "./board.ts";
import { chirpstackUplink } from "./chirpstack.ts";
import type { DeviceContext, Model, Outgoing, Twist } from "./model.ts";
import { JsonObedience } from "./obedience.ts";

/** Number of `protocol/spec.ts` for what the device believes it sends over. */
const protoOf: Partial<Record<Transport, number>> = { mqtt: 2, mqtts: 2, ws: 2, lorawan: 1 };
const protoOther = 5;
const signatureBytes = 64;
/** A network server names each uplink, and the gateway knows it by that name. */
const deliveredBefore = ["rejected DELIVERED_BEFORE"] as const;

/** @param vs decimal places that the sensor is read to */
export function measured(name: SensorName, value: number, vs: number, quality = 0): Reading {
  return {
    sensor: sensorCode(name)!,
    vi: Math.round(value * 10 ** vs),
    vs,
    unit: unitCode(sensors[name].unit)!,
    quality,
  };
}

/** BSEC accuracy as quality: 0 bad, 1 and 2 warn, 3 ok. wire-facts §11 */
export function qualityOf(accuracy: number): number {
  return [2, 1, 1, 0][accuracy]!;
}

export abstract class EnvelopeModel implements Model {
  readonly enrolment: { readonly publicKey: string; readonly role: string };
  readonly context: DeviceContext;
  readonly #frames = new FrameWriter();
  readonly #obedience = new JsonObedience();
  #seq = 0;
  #uplinks = 0;
  #bootMs = 0;

  constructor(context: DeviceContext, role: string) {
    this.context = context;
    this.enrolment = { publicKey: context.keys.publicKey, role };
  }

  /** @param epochMs the device's clock */
  protected abstract readings(epochMs: number): Reading[];
  /** The device starts again. */
  protected abstract reset(epochMs: number): void;
  /** Position, where it knows one. */
  protected geo(_nowMs: number): { latE7: number; lonE7: number; accM: number } | undefined {
    return undefined;
  }

  boot(nowMs: number): Outgoing[] {
    this.#bootMs = nowMs;
    this.reset(this.context.epochMs + nowMs);
    return [];
  }

  tick(nowMs: number): Outgoing[] {
    return [this.#stored(this.#sign(nowMs, this.#nextHeader(), this.context.keys.secretKey))];
  }

  /** Commands by MQTT; over frames it is only answered itself. */
  hear(bytes: Uint8Array): Outgoing[] {
    return this.context.transport in protoOf ? this.#obedience.hear(bytes) : [];
  }

  twisted(twist: Twist, nowMs: number): Outgoing[] {
    const { secretKey, wrongSecretKey } = this.context.keys;
    const header = this.#nextHeader();
    if (twist === "wrongKey") return [this.#refused(this.#sign(nowMs, header, wrongSecretKey), "SIGNATURE_INVALID")];
    // Two different messages under one seq and msgId, both soundly signed: the first one counts.
    const first = this.#sign(nowMs, header, secretKey);
    return [this.#stored(first), this.#refused(this.#sign(nowMs + 1, header, secretKey), "REPLAY_CONFLICT")];
  }

  /** A bit of the signature, a bit of the message id, or the end cut off. */
  corrupt({ evidence }: Outgoing, random: Random): Outgoing {
    const damaged = evidence[0]!.slice();
    const bit = 1 << random.below(8);
    switch (random.below(3)) {
      case 0:
        damaged[damaged.length - 1 - random.below(signatureBytes)]! ^= bit;
        return this.#refused(damaged, "SIGNATURE_INVALID");
      case 1:
        damaged[msgIdAt(damaged) + random.below(16)]! ^= bit;
        return this.#refused(damaged, "HASH_MISMATCH");
      default:
        return this.#refused(damaged.subarray(0, 1 + random.below(damaged.length - 1)), "NOT_WELL_FORMED");
    }
  }

  #nextHeader(): { seq: number; msgId: Uint8Array } {
    return { seq: ++this.#seq, msgId: this.context.random.bytes(16) };
  }

  #sign(nowMs: number, header: { seq: number; msgId: Uint8Array }, secretKey: Buffer): Uint8Array {
    const { id, transport, epochMs } = this.context;
    const geo = this.geo(nowMs);
    return signedEnvelope(
      {
        ...header,
        deviceId: id,
        proto: protoOf[transport] ?? protoOther,
        epochMs: Math.round(epochMs + nowMs),
        monoMs: Math.round(nowMs - this.#bootMs),
        readings: this.readings(epochMs + nowMs),
        ...(geo && { geo }),
      },
      secretKey,
    );
  }

  #stored(envelope: Uint8Array): Outgoing {
    const stored = { ...this.#onWire(envelope), evidence: [envelope], signed: true };
    if (!this.#isUplink) return { ...stored, expect: ["stored"], again: ["duplicate"] };
    // How it was received is an entry beside it.
    return { ...stored, expect: ["stored", "stored"], again: deliveredBefore };
  }

  #refused(
    envelope: Uint8Array,
    reason: "SIGNATURE_INVALID" | "REPLAY_CONFLICT" | "HASH_MISMATCH" | "NOT_WELL_FORMED",
  ): Outgoing {
    const expect = [`quarantined ${reason}`] as const;
    const again = this.#isUplink ? deliveredBefore : expect;
    return { ...this.#onWire(envelope), expect, again, evidence: [], signed: true };
  }

  get #isUplink(): boolean {
    return this.context.transport === "lorawan";
  }

  /** As MQTT payload, or where there are no topics as the body of a TELEMETRY frame. */
  #onWire(envelope: Uint8Array): Pick<Outgoing, "bytes" | "channel"> {
    const { transport } = this.context;
    if (this.#isUplink) return { bytes: chirpstackUplink(this.context, this.#uplinks++, envelope) };
    return transport in protoOf
      ? { bytes: envelope, channel: "envelope" }
      : { bytes: this.#frames.wire({ type: mdpTypes.TELEMETRY, flags: mdpFlags.ACK_REQUESTED, body: envelope }) };
  }
}

/** Where the 16 bytes of the message id begin: behind the map's head, version 1, the device id and the transport. */
function msgIdAt(envelope: Uint8Array): number {
  const idHead = envelope[4]!;
  const afterId = idHead === 0x78 ? 6 + envelope[5]! : 5 + (idHead & 0x1f);
  // Key 2 and a one-byte number, key 3 and the head of a byte string of 16.
  return afterId + 2 + 2;
}
