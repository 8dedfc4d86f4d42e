/**
 * LoRaWAN devices behind a network server: its uplinks in, each payload as what it is, and downlinks out. How an uplink was
 * received becomes an entry of its own beside it. docs/adr/0087
 */

import { mdpEndpoints, mdpFlags, mdpTypes } from "../../../protocol/spec.ts";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { encodeLink } from "../../../src/dialects/link.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, Outcome, Upload } from "../../../src/ingest/upload.ts";
import { framePayload } from "../../../src/lora/frame-payload.ts";
import { downlink, type LorawanDevice, readEvent, type Uplink } from "../../../src/lorawan/event.ts";
import type { CommandResult } from "../../../src/serial/dialect.ts";
import type { DependencyState } from "../../http/services.ts";
import { type Link, type LinkCounter, Tally } from "../link.ts";
import type { SerialLog, SerialRegistry } from "../serial/serial-registry.ts";
import type { LorawanConfig } from "./config.ts";
import { NetworkServer } from "./network-server.ts";

export interface LorawanTransportOptions {
  readonly config: LorawanConfig;
  readonly gatewayId: string;
  /** Policy takes unsigned messages by LoRaWAN; devices are then enrolled as they are met. */
  readonly trusted: boolean;
  readonly ingest: IngestPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
}

/** Where a device was last heard, and can be answered. */
interface Place {
  readonly server: NetworkServer;
  readonly device: LorawanDevice;
}

/** Uplinks remembered that are durable, to know one that is delivered again. */
const remembered = 4_096;
const maxPlaces = 65_536;
const maxDownlinkBytes = 242;

export class LorawanTransport implements Link {
  readonly name = "lorawan";
  readonly counters: readonly LinkCounter[];
  readonly #options: LorawanTransportOptions;
  readonly #events = new Tally();
  readonly #servers: readonly NetworkServer[];
  readonly #configured: ReadonlyMap<string, string>;
  readonly #places = new Map<string, Place>();
  readonly #delivered = new Set<string>();

  constructor(options: LorawanTransportOptions) {
    this.#options = options;
    const { config, gatewayId, log } = options;
    this.#configured = new Map(config.devices.map(({ devEui, device }) => [devEui.toLowerCase(), device]));
    this.#servers = config.servers.map((settings) => {
      const server: NetworkServer = new NetworkServer({
        ...settings,
        clientId: `mycogate-${gatewayId}-${settings.name}`,
        reconnectMs: config.reconnectMs,
        log,
        onMessage: (topic, payload) => this.#received(server, topic, payload),
      });
      return server;
    });
    this.counters = [
      {
        name: "mycogate_lorawan_events_total",
        help: "What network servers told, by event; `downlink` is what they were asked to send.",
        label: "event",
        read: () => this.#events.counts,
      },
    ];
  }

  state(): DependencyState {
    if (this.#servers.length === 0) return { status: "off", detail: "no LoRaWAN server configured" };
    const away = this.#servers.filter(({ isConnected }) => !isConnected).map(({ name, error }) => `${name}: ${error}`);
    const detail = [`${this.#servers.length - away.length} of ${this.#servers.length} connected`, ...away].join("; ");
    return { status: away.length === 0 ? "ok" : "degraded", detail };
  }

  async start(): Promise<readonly []> {
    for (const server of this.#servers) server.start();
    return [];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  /** Whether it was heard by LoRaWAN since the start. */
  reaches(deviceId: string): boolean {
    return this.#places.has(deviceId);
  }

  /**
   * Hand a downlink to the network server, which sends it after the device's next uplink and does not say what came of it.
   * `params.data` (base64) is sent as it is; without it the command is a generation-B COMMAND frame.
   * @throws GatewayError COMMAND_UNSUPPORTED, REQUEST_INVALID
   */
  async send(
    deviceId: string,
    { cmd, params }: { readonly cmd: string; readonly params: Readonly<Record<string, unknown>> },
  ): Promise<CommandResult> {
    const place = this.#places.get(deviceId);
    if (!place) throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} was not heard by LoRaWAN`);
    const { port = this.#options.config.downlinkPort, data, ...rest } = params;
    if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 223)
      throw new GatewayError("REQUEST_INVALID", "port is not a LoRaWAN port, 1 to 223");
    const bytes = typeof data === "string" ? Buffer.from(data, "base64") : commandFrame(cmd, rest);
    if (bytes.length === 0 || bytes.length > maxDownlinkBytes)
      throw new GatewayError("REQUEST_INVALID", `a downlink of ${bytes.length} bytes; 1 to ${maxDownlinkBytes} fit`);
    const { server, device } = place;
    try {
      await server.publish(device.downlinkTopic, downlink(server.kind, device, Number(port), bytes));
    } catch (cause) {
      throw new GatewayError("COMMAND_UNSUPPORTED", `network server ${server.name} is away`, { cause });
    }
    this.#events.add("downlink");
    return { success: true, message: `queued at ${server.name}` };
  }

  async #received(server: NetworkServer, topic: string, payload: Uint8Array): Promise<void> {
    const event = readEvent(server.kind, topic, payload);
    if (!event.ok) {
      this.#events.add("unreadable");
      this.#options.ingest.reject("lorawan", event.reject);
    } else if (event.value.kind === "uplink") await this.#uplink(server, event.value);
    // Our own downlink comes back on The Things Stack's topics.
    else this.#events.add(isEventName(event.value.name) ? event.value.name : "other");
  }

  async #uplink(server: NetworkServer, uplink: Uplink): Promise<void> {
    const { ingest } = this.#options;
    this.#events.add("up");
    const id = uplink.deduplicationId && `${server.name} ${uplink.deduplicationId}`;
    if (id && this.#delivered.has(id)) {
      ingest.reject("lorawan", "DELIVERED_BEFORE");
      return;
    }
    const { format, payload, signedBy } = framePayload(uplink.data);
    const { devEui } = uplink.device;
    const deviceId = signedBy ?? (await this.#deviceOf(devEui));
    const source = `lorawan:${server.name}`;
    // One session of a device never counts to a number twice, whichever server delivers it.
    const session = `${devEui}-${uplink.devAddr}-${uplink.counter}`;
    const outcome = await this.#submit({ transport: "lorawan", format, payload, deviceId, source, session });
    if (id) this.#markDelivered(id);
    if (outcome.kind !== "stored" && outcome.kind !== "duplicate") return;
    // Not before: what an unverified message says of its sender must not lead commands astray.
    this.#remember(deviceId, { server, device: uplink.device });
    const { receptions, frequencyHz, spreadingFactor, bandwidthHz } = uplink;
    const link = encodeLink({ leaf: outcome.leafIndex, receptions, frequencyHz, spreadingFactor, bandwidthHz });
    await this.#submit({ transport: "lorawan", format: "link", payload: link, deviceId, source });
  }

  /** @throws GatewayError where nothing could be committed */
  #submit(upload: Upload): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#options.ingest.submit(upload, (error, outcome) => (outcome ? resolve(outcome) : reject(error)));
    });
  }

  async #deviceOf(devEui: string): Promise<string> {
    const { registry, trusted, log } = this.#options;
    const known = this.#configured.get(devEui) ?? registry.deviceForPort(devEui);
    const id = known ?? `lorawan-${devEui}`;
    if (known === undefined && trusted && registry.isFree(id)) {
      await registry.enrolUnsigned({ id, port: devEui, role: "", firmware: "" }).then(
        () => log.info({ deviceId: id }, "LoRaWAN device enrolled"),
        // Ingest says so of its messages.
        (error) => log.warn({ deviceId: id, err: error }, "LoRaWAN device could not be enrolled"),
      );
    }
    return id;
  }

  #remember(deviceId: string, place: Place): void {
    this.#places.delete(deviceId);
    if (this.#places.size >= maxPlaces) this.#places.delete(this.#places.keys().next().value!);
    this.#places.set(deviceId, place);
  }

  #markDelivered(id: string): void {
    if (this.#delivered.size >= remembered) this.#delivered.delete(this.#delivered.keys().next().value!);
    this.#delivered.add(id);
  }
}

/** Names become label values, so only those that servers are known to use. */
const eventNames = new Set(
  "join ack txack status log location integration down/push down/replace down/queued down/sent down/ack down/nack down/failed service/data location/solved".split(
    " ",
  ),
);

function isEventName(name: string): boolean {
  return eventNames.has(name);
}

function commandFrame(cmd: string, params: Readonly<Record<string, unknown>>): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify({ cmd, params }));
  if (body.length > maxDownlinkBytes) return body;
  const { GATEWAY: src, SIDE_A: dst } = mdpEndpoints;
  return encodeMdpFrame({ type: mdpTypes.COMMAND, seq: 1, flags: mdpFlags.ACK_REQUESTED, src, dst, body });
}
