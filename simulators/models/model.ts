/**
 * What a device family is to the simulator: a model turns its place in time into messages, and knows what a correct
 * gateway makes of each. Models are pure: the same context gives the same bytes.
 */
import type { Transport } from "../../src/ingest/upload.ts";
import type { QuarantineReason, RejectReason } from "../../src/rejects.ts";
import type { DeviceKeys } from "../keys.ts";
import type { Random } from "../random.ts";

/** What becomes of one thing that the gateway counts. */
export type Expected = "stored" | "duplicate" | `quarantined ${QuarantineReason}` | `rejected ${RejectReason}`;

/** One unit of traffic. Sending the same object again is another copy of the same message. */
export interface Outgoing {
  /** MQTT payload, bytes for the cable, or datagram. */
  readonly bytes: Uint8Array;
  /** Last topic level, over MQTT; what goes by HTTP where a WebSocket is the rule. */
  readonly channel?: "envelope" | "telemetry" | "heartbeat" | "mdp" | "publish" | "cmd/result";
  /** What the gateway counts for the first copy that reaches it; nothing for what is no upload. */
  readonly expect: readonly Expected[];
  /** The same for every further copy. */
  readonly again: readonly Expected[];
  /** The payloads that are in the ledger afterwards, one for each `stored`. */
  readonly evidence: readonly Uint8Array[];
  /** Whether those are entries verified by a signature. */
  readonly signed: boolean;
  /**
   * Set where the gateway counts frames, and makes one message of those that are newest at its own pace: so many are in
   * it, and whether it becomes a message is not known.
   */
  readonly frames?: number;
  /** Sent again after so long, in real time, so often at most, until it is no longer wanted. */
  readonly retransmit?: { readonly everyMs: number; readonly times: number; readonly isWanted: () => boolean };
}

/** A message that is to be wrong on purpose. */
export type Twist = "wrongKey" | "conflict" | "brokenLine";

export interface Model {
  /** What an operator enters before the device is first heard; absent where the gateway enrols by itself. */
  readonly enrolment?: { readonly publicKey?: string; readonly role: string };
  /** What the gateway calls it, where neither its own id nor its port says so. */
  readonly gatewayId?: string;
  /** Messages of a board that starts. @param nowMs simulated time since the scenario began */
  boot(nowMs: number): Outgoing[];
  /** The messages that are due. */
  tick(nowMs: number): Outgoing[];
  /** One message with a mistake, in the place of the due ones; only asked of families that list the fault. */
  twisted?(twist: Twist, nowMs: number): Outgoing[];
  /** The same message damaged on its way. */
  corrupt?(message: Outgoing, random: Random): Outgoing;
  /** What the device answers to what the gateway sends it. */
  hear?(bytes: Uint8Array, nowMs: number): Outgoing[];
}

export interface DeviceContext {
  readonly id: string;
  /** Of the device in its group, from 0. */
  readonly index: number;
  readonly random: Random;
  readonly keys: DeviceKeys;
  /** Twelve lower-case hex digits, the same in every run. */
  readonly mac: string;
  readonly transport: Transport;
  /** What the device's clock reads when the scenario begins; real time plus its skew. */
  readonly epochMs: number;
  readonly intervalMs: number;
}

/** Faults that a family may have besides those of its link. */
export type FamilyFault = "corrupt" | Twist;

export interface Family {
  readonly summary: string;
  /** Those it speaks over, the usual one first. */
  readonly transports: readonly Transport[];
  /** Of a real device. */
  readonly intervalSeconds: number;
  readonly faults: readonly FamilyFault[];
  create(context: DeviceContext): Model;
}
