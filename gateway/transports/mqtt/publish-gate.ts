/**
 * aedes' `authorizePublish`: what a PUBLISH has to pass before it is acknowledged and routed. An upload passes once it
 * is durable, so PUBACK means "on disk"; an error closes the connection without PUBACK, and the device sends again.
 *
 * aedes asks for every PUBLISH, repeated QoS 2 ones included, and for wills. Having our own `authorizePublish` replaces
 * the one that guards `$SYS`; the topic rules do that here.
 */
import { envelopeFormat, isEnvelope } from "../../../src/dialects/envelope.ts";
import type { PayloadFormat } from "../../../src/dialects/index.ts";
import type { IngestPort, Outcome, ReceiptPort, StoredOutcome, Transport } from "../../../src/ingest/upload.ts";
import { ackBody } from "../../../src/mqtt/ack.ts";
import { TopicRules } from "../../../src/mqtt/topic-rules.ts";
import { asBuffer } from "../../as-buffer.ts";
import type { InboundPublish } from "./aedes-internals.ts";
import type { Broker } from "./broker.ts";
import type { Connection, Principal } from "./connection.ts";
import type { MqttCounters } from "./counters.ts";
import { relayedFrames } from "./mdp-frames.ts";
import { type PublishVerdict, publishVerdict, refreshInterest } from "./publish-verdict.ts";
import type { SessionStore } from "./session-store.ts";

type Done = (error?: Error | null) => void;

/** Where a PUBLISH comes from. */
interface Sender {
  readonly transport: Transport;
  readonly principal: Principal | undefined;
  /** Nobody is there any more to be acknowledged. */
  readonly isClosed: boolean;
}

export interface PublishGateOptions {
  readonly rules: TopicRules;
  readonly prefix: string;
  /** `mycogate/{gateway id}/request/` */
  readonly requestPrefix: string;
  readonly ingest: IngestPort;
  readonly receipts: ReceiptPort;
  readonly store: SessionStore;
  readonly broker: () => Broker;
  readonly counters: MqttCounters;
  readonly nowMs: () => number;
  readonly onHeartbeat: (deviceId: string, heartbeat: Record<string, unknown>) => void;
  readonly onCommand: (deviceId: string, payload: Uint8Array, operator: string) => Promise<void> | undefined;
  readonly onCommandResult: (deviceId: string, payload: Uint8Array) => void;
  readonly onRequest: (name: string, payload: Uint8Array, operator: string) => void;
}

export class PublishGate {
  readonly #options: PublishGateOptions;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  #closed = false;

  constructor(options: PublishGateOptions) {
    this.#options = options;
  }

  /** Take no more PUBLISH, and wait for the outcome of those taken. Wills still pass. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  /** Resolves when no upload is without an outcome. */
  idle(): Promise<void> {
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onIdle = resolve));
  }

  authorize(connection: Connection, packet: InboundPublish, done: Done): void {
    const { client } = connection;
    if (packet === client.will) {
      this.#pass(connection, packet, done);
      return;
    }
    // Neither acknowledged nor refused: the connection is about to close, and the device sends again.
    if (this.#closed) return;
    // Received before and not yet released: it is acknowledged again, and nothing more (MQTT-4.3.3-2).
    if (packet.qos === 2 && this.#options.store.hasIncoming(client.id, packet.messageId!)) {
      done();
      return;
    }
    const ordered = packet.qos === 0 ? done : connection.order.take(done);
    if (!connection.paced(() => this.#pass(connection, packet, ordered))) this.#options.counters.throttled++;
  }

  /** A will of a client that was connected when the gateway died; it was found permitted when the client connected. */
  async orphaned(transport: Transport, packet: InboundPublish): Promise<void> {
    const verdict = publishVerdict(
      packet.topic,
      { kind: "operator", deviceId: undefined },
      everything,
      this.#options.prefix,
    );
    await new Promise<void>((resolve, reject) => {
      this.#take({ transport, principal: undefined, isClosed: true }, packet, verdict, (error) =>
        error ? reject(error) : resolve(),
      );
    });
    this.#options.broker().publish(packet);
  }

  #pass(connection: Connection, packet: InboundPublish, done: Done): void {
    const { rules, prefix } = this.#options;
    const { topic } = packet;
    const verdict = connection.verdict(topic, () => publishVerdict(topic, connection.principal!, rules, prefix));
    if (verdict.decision === "allowed") this.#take(connection, packet, verdict, done);
    else this.#refuse(connection, packet, verdict, done);
  }

  #take(sender: Sender, packet: InboundPublish, verdict: PublishVerdict, done: Done): void {
    if (verdict.unretained) packet.retain = false;
    const { device } = verdict;
    switch (device?.channel) {
      case "envelope":
        this.#upload(sender, packet, verdict, formatOf(packet.payload as Buffer), done);
        return;
      case "telemetry":
        this.#upload(sender, packet, verdict, "telemetry-json", done);
        return;
      case "mdp":
        this.#relay(sender, packet, verdict, done);
        return;
      case "heartbeat":
        this.#heartbeat(sender, packet, device.deviceId);
        break;
      case "cmd/result":
        this.#options.onCommandResult(device.deviceId, packet.payload as Buffer);
        break;
    }
    // However open the topics are: only an operator has the gateway itself do something.
    if (sender.principal?.kind === "operator" && this.#obey(packet, verdict, sender.principal.name, done)) return;
    this.#settle(sender, packet, verdict, done);
  }

  /**
   * MQTT 3.1.1 can say no to a PUBLISH only by closing the connection. At QoS 0 nobody waits for an answer, so the
   * message is dropped and counted instead.
   */
  #refuse({ transport }: Sender, packet: InboundPublish, { decision, device }: PublishVerdict, done: Done): void {
    const { counters, ingest } = this.#options;
    packet.withheld = true;
    if (decision === "invalid") {
      done(new Error("not a topic name"));
      return;
    }
    counters.publishesDenied++;
    if (device) ingest.reject(transport, "TOPIC_DENIED");
    done(packet.qos === 0 ? undefined : new Error("publish denied by the topic rules"));
  }

  #upload(sender: Sender, packet: InboundPublish, verdict: PublishVerdict, format: PayloadFormat, done: Done): void {
    const { transport } = sender;
    const { deviceId } = verdict.device!;
    const payload = packet.payload as Buffer;
    this.#submit({ transport, format, payload, deviceId, source: transport }, (error, outcome) => {
      if (error) {
        packet.withheld = true;
        done(error);
        return;
      }
      this.#acknowledge(verdict, format, outcome!);
      packet.withheld = !isAccepted(outcome!);
      this.#settle(sender, packet, verdict, done);
    });
  }

  /** Frames of a serial device, each an upload of its own; PUBACK follows the last outcome. */
  #relay(sender: Sender, packet: InboundPublish, verdict: PublishVerdict, done: Done): void {
    const { transport } = sender;
    const { ingest } = this.#options;
    const { deviceId } = verdict.device!;
    const frames = relayedFrames(packet.payload as Buffer);
    let open = frames.length;
    let failure: Error | undefined;
    packet.withheld = true;
    const settled = (): void => {
      open--;
      if (open > 0) return;
      if (failure) done(failure);
      else this.#settle(sender, packet, verdict, done);
    };
    for (const frame of frames) {
      if ("reject" in frame) {
        ingest.reject(transport, frame.reject);
        settled();
        continue;
      }
      const { format, payload } = frame;
      this.#submit({ transport, format, payload, deviceId, source: transport }, (error, outcome) => {
        failure ??= error;
        if (outcome) {
          this.#acknowledge(verdict, format, outcome);
          if (isAccepted(outcome)) packet.withheld = false;
        }
        settled();
      });
    }
  }

  #submit(upload: Parameters<IngestPort["submit"]>[0], done: Parameters<IngestPort["submit"]>[1]): void {
    this.#inFlight++;
    this.#options.ingest.submit(upload, (error, outcome) => {
      done(error, outcome);
      this.#inFlight--;
      if (this.#inFlight === 0) this.#onIdle?.();
    });
  }

  #heartbeat({ transport }: Sender, packet: InboundPublish, deviceId: string): void {
    const heartbeat = parseObject(packet.payload as Buffer);
    if (heartbeat) {
      this.#options.onHeartbeat(deviceId, heartbeat);
      return;
    }
    packet.withheld = true;
    this.#options.ingest.reject(transport, "BODY_INVALID");
  }

  /** @returns whether that was all: a command is the gateway's to send, once it is in the ledger, and PUBACK follows that */
  #obey(packet: InboundPublish, { device }: PublishVerdict, operator: string, done: Done): boolean {
    const { requestPrefix, onCommand, onRequest } = this.#options;
    const { topic } = packet;
    const payload = packet.payload as Buffer;
    if (topic.startsWith(requestPrefix)) onRequest(topic.slice(requestPrefix.length), payload, operator);
    const taken = device?.channel === "cmd" ? onCommand(device.deviceId, payload, operator) : undefined;
    if (!taken) return false;
    packet.withheld = true;
    taken.then(() => done(), done);
    return true;
  }

  /** Publish the outcome on the device's ack topic, if anybody listens there: a stored envelope gets a signed receipt. */
  #acknowledge(verdict: PublishVerdict, format: PayloadFormat, outcome: Outcome): void {
    const { broker: running, receipts, nowMs } = this.#options;
    const broker = running();
    refreshInterest(verdict, broker);
    if (!verdict.ackWanted) return;
    const payload =
      isEnvelope(format) && isAccepted(outcome)
        ? asBuffer(receipts.receiptOf(outcome))
        : ackBody(verdict.device!.deviceId, outcome, nowMs());
    broker.route({ topic: verdict.ackTopic, payload, qos: 1 });
  }

  /**
   * The message is ours; hand it on. aedes routes it after PUBACK. Where a session or the retained store keeps it, that
   * comes first: PUBACK says that we will deliver it, whatever happens to us. An upload is safe in the ledger already,
   * and its PUBACK waits for nothing else.
   */
  #settle(sender: Sender, packet: InboundPublish, verdict: PublishVerdict, done: Done): void {
    const broker = this.#options.broker();
    refreshInterest(verdict, broker);
    const { live, kept } = verdict.interest;
    if (!live && !kept && !packet.retain) packet.routed = true;
    const isStored = verdict.ackTopic === "" && (packet.retain || kept);
    // aedes routes a QoS 1 message only if its PUBACK could be written.
    if (packet.withheld || packet.routed || packet.qos !== 1 || !(isStored || sender.isClosed)) {
      done();
      return;
    }
    broker.route(packet);
    packet.routed = true;
    if (isStored) this.#options.store.written(true, (error) => done(error));
    else done();
  }
}

const everything = new TopicRules([{ allow: "all", topic: "#" }], { prefix: "", gatewayId: "" });

function isAccepted(outcome: Outcome): outcome is StoredOutcome {
  return outcome.kind === "stored" || outcome.kind === "duplicate";
}

/** CBOR maps begin 0xA0–0xBF, JSON objects with `{`. Anything else goes to the CBOR reader, which says what is wrong. */
function formatOf(payload: Uint8Array): PayloadFormat {
  return payload[0] === 0x7b ? "envelope-json" : envelopeFormat(payload);
}

function parseObject(payload: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
