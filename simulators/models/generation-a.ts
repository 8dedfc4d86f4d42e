/**
 * Generation A, the binary router: text telemetry that is no valid JSON, with the Base64 of its own hash for a
 * signature; every reliable frame twice back to back and then until an `ack` covers it. Every third board runs the older
 * firmware with its packed body. wire-facts §3
 */
import { createHash } from "node:crypto";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import type { MdpPacket } from "../../src/codec/mdp.ts";
import { FrameStream } from "../../src/mdp/frame-stream.ts";
import type { Random } from "../random.ts";
import { corruptFrame, FrameWriter, storedLine } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";
import { commandResult } from "./obedience.ts";

/** As Side-A retransmits to B. */
const retransmission = { everyMs: 120, times: 8 };
const legacyBytes = 188;

class GenerationA implements Model {
  readonly #context: DeviceContext;
  readonly #isLegacy: boolean;
  readonly #frames = new FrameWriter(mdpEndpoints.SIDE_A);
  /** What each analog input hangs around, in volts. */
  readonly #levels: readonly number[];
  #stream = new FrameStream();
  #bootMs = 0;
  #boots = 0;
  /** Highest `ack` seen since boot. */
  #acked = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.#isLegacy = context.index % 3 === 2;
    this.#levels = [1, 2, 3, 4].map(() => context.random.between(0.2, 3.1));
  }

  boot(nowMs: number): Outgoing[] {
    this.#bootMs = nowMs;
    this.#boots++;
    this.#acked = 0;
    this.#frames.reset();
    this.#stream = new FrameStream();
    return [storedLine(`{"side":"A","mdp":"v1","device_role":"mushroom1","status":"ready"}`)];
  }

  tick(nowMs: number): Outgoing[] {
    if (this.#isLegacy)
      return [this.#frames.stored({ type: mdpTypes.TELEMETRY, dst: mdpEndpoints.SIDE_B, body: this.#packed(nowMs) })];
    const seq = this.#frames.seq + 1;
    const message = this.#reliable(mdpTypes.TELEMETRY, this.#text(nowMs, seq));
    return [message, message];
  }

  corrupt(message: Outgoing, random: Random): Outgoing {
    return message.bytes.at(-1) === 0 ? corruptFrame(message, random) : message;
  }

  hear(bytes: Uint8Array): Outgoing[] {
    return this.#stream.push(bytes).flatMap((item) => (item.kind === "frame" ? this.#heard(item.packet) : []));
  }

  #heard({ type, ack, seq, flags, body }: MdpPacket): Outgoing[] {
    // Every frame's `ack` counts.
    this.#acked = Math.max(this.#acked, ack);
    if (type === mdpTypes.COMMAND && body.length >= 4) return [this.#reliable(mdpTypes.EVENT, commandResult(body))];
    return (flags & mdpFlags.ACK_REQUESTED) !== 0 ? [this.#frames.acknowledgement(seq)] : [];
  }

  #reliable(type: number, body: Uint8Array): Outgoing {
    const boots = this.#boots;
    const message = this.#frames.stored({ type, flags: mdpFlags.ACK_REQUESTED, dst: mdpEndpoints.SIDE_B, body });
    const { seq } = this.#frames;
    return {
      ...message,
      retransmit: { ...retransmission, isWanted: () => boots === this.#boots && this.#acked < seq },
    };
  }

  #text(nowMs: number, seq: number): Uint8Array {
    const { epochMs, random } = this.#context;
    const volts = this.#levels.map((level) => (level + random.normal(0.01)).toFixed(4));
    const pack = [
      ...volts.map((v, index) => `{"id":"ai${index + 1}","v":${v},"u":"V"}`),
      ...[1, 2, 3].map((n) => `{"id":"mos${n}","v":${n === 1 ? 1 : 0},"u":"bool"}`),
    ];
    const object =
      `{"hdr":{"deviceId":"mycobrain-side-a","device_role":"mushroom1","proto":"uart","msgId":"${String(seq).padStart(8, "0")}"},` +
      `"ts":{"utc":"${Math.floor((epochMs + nowMs) / 1000)}","mono_ms":${Math.round(nowMs - this.#bootMs)}},"seq":${seq},` +
      `"pack":[${pack.join(",")}],"meta":{"schema":"mycosoft.v1","units":"si"}}`;
    const digest = createHash("sha256").update(object).digest();
    return Buffer.from(
      `${object},"hash":"sha256:${digest.toString("hex")}","sig":"ed25519:${digest.toString("base64")}"}`,
    );
  }

  #packed(nowMs: number): Uint8Array {
    const body = Buffer.alloc(legacyBytes);
    body.writeUInt16LE(0xa15a, 0);
    body[2] = 1;
    body[3] = mdpTypes.TELEMETRY;
    body.writeUInt32LE(Math.round(nowMs - this.#bootMs), 8);
    this.#levels.forEach((level, index) => {
      const volts = Math.max(0, level + this.#context.random.normal(0.01));
      body.writeUInt16LE(Math.round((volts / 3.3) * 4095) & 0xfff, 12 + 2 * index);
      body.writeFloatLE(volts, 20 + 4 * index);
    });
    body[36] = 1;
    body.set([2, 0, 0, 0], 40);
    body.set([0x76, 0x77], 44);
    body.set([0x77, 0x76, 0, 0, 0x61, 0x61, 0, 0], 108);
    return body;
  }
}

export const generationA: Family = {
  summary: "generation A board: text telemetry with a placeholder signature, or the packed legacy body",
  transports: ["serial"],
  intervalSeconds: 1,
  faults: ["corrupt"],
  create: (context) => new GenerationA(context),
};
