/**
 * LoRaWAN devices behind a network server: its uplinks in, each payload as what it is, and downlinks out. How an uplink was
 * received becomes an entry of its own beside it. docs/adr/0087
 */

import { randomUUID } from "node:crypto";
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import { spokenIn } from "../../../src/commands/port-command.ts";
import { encodeLink } from "../../../src/dialects/link.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, Outcome, Upload } from "../../../src/ingest/upload.ts";
import { framePayload } from "../../../src/lora/frame-payload.ts";
import {
  type Downlink,
  type DownlinkFate,
  downlink,
  type LorawanDevice,
  readEvent,
  type Uplink,
} from "../../../src/lorawan/event.ts";
import type { SpokenDialect } from "../../../src/serial/detector.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";
import { PortSession } from "../../../src/serial/port-session.ts";
import { type CommandLink, type CommandOrder, orAborted } from "../../commands/command-link.ts";
import type { DependencyState } from "../../http/services.ts";
import { type Link, type LinkCounter, Tally } from "../link.ts";
import { PortCommands, type PortSpeech } from "../serial/port-commands.ts";
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
  readonly speaks: SpokenDialect | undefined;
}

interface Spoken {
  readonly session: PortSession;
  readonly commands: PortCommands;
}

/** Uplinks remembered that are durable, to know one that is delivered again. */
const remembered = 4_096;
const maxPlaces = 65_536;
/** Devices that were sent a command and whose uplinks are looked at for an answer. */
const maxSessions = 1_024;
const maxDownlinkBytes = 242;
/** Header, CRC, one COBS code and the delimiter; so short a frame has one code. */
const frameOverheadBytes = 16 + 2 + 1 + 1;

export class LorawanTransport implements Link, CommandLink {
  readonly name = "lorawan";
  readonly counters: readonly LinkCounter[];
  readonly #options: LorawanTransportOptions;
  readonly #events = new Tally();
  readonly #servers: readonly NetworkServer[];
  readonly #configured: ReadonlyMap<string, string>;
  readonly #places = new Map<string, Place>();
  readonly #delivered = new Set<string>();
  readonly #sessions = new Map<string, Spoken>();
  /** By the name that we gave it. */
  readonly #downlinks = new Map<string, (told: DownlinkFate) => void>();

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

  lane(deviceId: string): string {
    return deviceId;
  }

  check(deviceId: string, instruction: Instruction): void {
    const { server } = this.#placeOf(deviceId);
    if (!server.isConnected)
      throw new GatewayError("COMMAND_UNSUPPORTED", `network server ${server.name} is away: ${server.error}`);
    const request = downlinkRequest(instruction, this.#options.config.downlinkPort);
    if (request.data) return;
    const command = this.#spoken(deviceId).commands.encode(request.instruction, this.#speech(deviceId));
    if (command.form === "line") throw new GatewayError("COMMAND_UNSUPPORTED", `${deviceId} reads no lines by LoRaWAN`);
    requireSize(frameOverheadBytes + command.body.length);
  }

  /**
   * Hand a downlink to the network server, which sends it after the device's next uplink. `params.data` (base64) is sent as
   * it is, and the device's own acknowledgement is all that is known of it; a command is a frame, and answered by one.
   * @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_UNKNOWN, COMMAND_TIMEOUT, REQUEST_INVALID
   */
  async send(order: CommandOrder): Promise<CommandAnswer> {
    const { deviceId, signal } = order;
    const { port, confirmed, data, instruction } = downlinkRequest(order, this.#options.config.downlinkPort);
    const id = randomUUID();
    const fates: DownlinkFate["fate"][] = [];
    const decided = new Promise<DownlinkFate>((resolve) => {
      this.#downlinks.set(id, (told) => {
        fates.push(told.fate);
        if (told.fate !== "transmitted" || !confirmed) resolve(told);
      });
    });
    try {
      if (data) {
        await this.#hand(order, { id, port, confirmed, data });
        return answerOf(await orAborted(decided, signal));
      }
      const { commands } = this.#spoken(deviceId);
      const send = (wire: Uint8Array) => {
        requireSize(wire.length);
        return this.#hand(order, { id, port, confirmed, data: wire });
      };
      const answered = commands.send({ ...order, ...instruction }, this.#speech(deviceId), send);
      // That it is lost ends it; that the device has it does not say that it did it.
      const lost = decided.then((told) => (isLost(told) ? answerOf(told) : answered));
      return await Promise.race([answered, lost]);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "COMMAND_TIMEOUT") throw error;
      throw new GatewayError("COMMAND_TIMEOUT", `${error.message}; ${fateText(fates)}`);
    } finally {
      this.#downlinks.delete(id);
    }
  }

  async #hand(order: CommandOrder, wanted: Downlink): Promise<void> {
    await order.leaving();
    const { server, device } = this.#placeOf(order.deviceId);
    try {
      await server.publish(device.downlinkTopic, downlink(server.kind, device, wanted));
    } catch (cause) {
      throw new GatewayError("COMMAND_UNSUPPORTED", `network server ${server.name} is away`, { cause });
    }
    this.#events.add("downlink");
  }

  #placeOf(deviceId: string): Place {
    const place = this.#places.get(deviceId);
    if (!place) throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} was not heard by LoRaWAN`);
    return place;
  }

  #speech(deviceId: string): PortSpeech {
    const { speaks } = this.#placeOf(deviceId);
    return { session: this.#spoken(deviceId).session, role: this.#options.registry.roleOf(deviceId), speaks };
  }

  /** Numbers the commands of a device, and finds the answers among its uplinks. */
  #spoken(deviceId: string): Spoken {
    const known = this.#sessions.get(deviceId);
    if (known) return known;
    if (this.#sessions.size >= maxSessions) this.#sessions.delete(this.#sessions.keys().next().value!);
    const frames = { frames: portDialects.auto.frames, lines: [] };
    const spoken = { session: new PortSession("", frames), commands: new PortCommands() };
    this.#sessions.set(deviceId, spoken);
    return spoken;
  }

  #answered(deviceId: string, data: Uint8Array): void {
    const spoken = this.#sessions.get(deviceId);
    if (!spoken) return;
    const events = spoken.session.receive(data);
    // A frame may come without its delimiter, but never in two uplinks.
    if (data.at(-1) !== 0) events.push(...spoken.session.receive(Uint8Array.of(0)));
    for (const event of events) if (event.kind === "answer") spoken.commands.answer(event.answer);
  }

  async #received(server: NetworkServer, topic: string, payload: Uint8Array): Promise<void> {
    const event = readEvent(server.kind, topic, payload);
    if (!event.ok) {
      this.#events.add("unreadable");
      this.#options.ingest.reject("lorawan", event.reject);
    } else if (event.value.kind === "uplink") await this.#uplink(server, event.value);
    else if (event.value.kind === "downlink") this.#told(event.value);
    // Our own downlink comes back on The Things Stack's topics.
    else this.#events.add(isEventName(event.value.name) ? event.value.name : "other");
  }

  #told(told: DownlinkFate): void {
    this.#events.add(told.name);
    for (const id of told.ids) this.#downlinks.get(id)?.(told);
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
    this.#remember(deviceId, { server, device: uplink.device, speaks: spokenIn(format) });
    this.#answered(deviceId, uplink.data);
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

interface DownlinkRequest {
  readonly port: number;
  readonly confirmed: boolean;
  /** Sent as it is. */
  readonly data: Uint8Array | undefined;
  /** The command for the device itself, without what is for the network. */
  readonly instruction: Instruction;
}

/** @throws GatewayError REQUEST_INVALID */
function downlinkRequest({ cmd, params }: Instruction, defaultPort: number): DownlinkRequest {
  const { port = defaultPort, confirmed = true, data, ...rest } = params;
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 223)
    throw new GatewayError("REQUEST_INVALID", "port is not a LoRaWAN port, 1 to 223");
  if (typeof confirmed !== "boolean") throw new GatewayError("REQUEST_INVALID", "confirmed is not true or false");
  const request = { port: Number(port), confirmed, instruction: { cmd, params: rest } };
  if (data === undefined) return { ...request, data: undefined };
  if (typeof data !== "string" || !/^[A-Za-z0-9+/]+={0,2}$/.test(data))
    throw new GatewayError("REQUEST_INVALID", "data is not base64");
  const bytes = Buffer.from(data, "base64");
  requireSize(bytes.length);
  return { ...request, data: bytes };
}

function requireSize(bytes: number): void {
  if (bytes > maxDownlinkBytes)
    throw new GatewayError("REQUEST_INVALID", `a downlink of ${bytes} bytes; ${maxDownlinkBytes} fit`);
}

function isLost({ fate }: DownlinkFate): boolean {
  return fate === "unacknowledged" || fate === "failed";
}

/** @throws GatewayError COMMAND_TIMEOUT where the device was silent: the downlink may have reached it all the same */
function answerOf({ fate, detail }: DownlinkFate): CommandAnswer {
  if (fate === "unacknowledged")
    throw new GatewayError("COMMAND_TIMEOUT", "the device did not acknowledge the downlink");
  if (fate === "failed") return { outcome: "failed", message: detail || "the network server could not send it" };
  return {
    outcome: "delivered",
    message: fate === "acknowledged" ? "acknowledged by the device" : "handed to a gateway for transmission",
  };
}

function fateText(fates: readonly DownlinkFate["fate"][]): string {
  if (fates.includes("unacknowledged")) return "it may have come all the same";
  if (fates.includes("acknowledged")) return "the device acknowledged the downlink";
  return fates.includes("transmitted") ? "a gateway took the downlink" : "the network server has not sent it yet";
}
