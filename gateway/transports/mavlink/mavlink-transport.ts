/**
 * MAVLink 2 by UDP and on serial ports. The gateway listens, and sends nothing but commands. An autopilot says the same
 * things many times a second, so what is submitted, and counted as a message, is a snapshot: the newest frame of each
 * message, verbatim. What becomes of every frame is counted beside it. docs/adr/0086
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import {
  commandAckId,
  commandLongId,
  encodeMavlinkCommand,
  type MavlinkCommand,
  ourPlace,
  readCommandAck,
} from "../../../src/commands/mavlink.ts";
import { isGroundStation } from "../../../src/dialects/mavlink.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort } from "../../../src/ingest/upload.ts";
import { encodeMavlinkFrame, type MavlinkFrame, type MavlinkSigner } from "../../../src/mavlink/frame.ts";
import { type MavlinkItem, MavlinkSplitter } from "../../../src/mavlink/frame-splitter.ts";
import { layouts } from "../../../src/mavlink/messages.ts";
import { SignatureClock } from "../../../src/mavlink/signature.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import { type CommandLink, type CommandOrder, orAborted } from "../../commands/command-link.ts";
import type { DependencyState, Listener } from "../../http/services.ts";
import { type Link, type LinkCounter, Tally } from "../link.ts";
import { PortLink } from "../serial/port-link.ts";
import type { SerialLog, SerialRegistry } from "../serial/serial-registry.ts";
import type { MavlinkConfig } from "./config.ts";
import type { MavlinkSigning } from "./signing.ts";
import { Vehicle, type Way } from "./vehicle.ts";

export interface MavlinkTransportOptions {
  readonly config: MavlinkConfig;
  readonly reconnect: { readonly reconnectMinMs: number; readonly reconnectMaxMs: number };
  /** Policy takes unsigned messages by MAVLink; vehicles are then enrolled as they are met. */
  readonly trusted: boolean;
  readonly signing: MavlinkSigning;
  readonly ingest: IngestPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
}

/** Signatures count time from there, in units of 10 µs. */
const signatureEpochUs = Date.UTC(2015, 0, 1) * 1_000;
const defaultBaud = 57_600;
/** A component that was silent for so long makes room for another. */
const idleMs = 60_000;

export class MavlinkTransport implements Link, CommandLink {
  readonly name = "mavlink";
  readonly counters: readonly LinkCounter[];
  readonly #options: MavlinkTransportOptions;
  readonly #recorded: ReadonlySet<number>;
  readonly #frames = new Tally();
  readonly #vehicles = new Map<string, Vehicle>();
  readonly #clock = new SignatureClock();
  readonly #enrolling = new Set<string>();
  #links: readonly PortLink[] = [];
  #socket: Socket | undefined;
  #url = "";
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #signedAt = 0;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: MavlinkTransportOptions) {
    this.#options = options;
    const wanted = new Set<string>(options.config.record);
    this.#recorded = new Set([...layouts].filter(([, { name }]) => wanted.has(name)).map(([id]) => id));
    this.counters = [
      {
        name: "mycogate_mavlink_frames_total",
        help: "MAVLink frames by what became of them: recorded in an entry, thinned, ignored, quarantined, or why not taken.",
        label: "fate",
        read: () => this.#frames.counts,
      },
    ];
  }

  state(): DependencyState {
    if (!this.#socket && this.#links.length === 0) return { status: "off", detail: "mavlink.port is off" };
    const away = this.#links.filter(({ isOpen }) => !isOpen).map(({ error }) => error ?? "closed");
    const places = [this.#url, `${this.#links.length - away.length} of ${this.#links.length} serial ports open`];
    const detail = [...places.filter((text) => text !== ""), `${this.#vehicles.size} components`, ...away].join("; ");
    return { status: away.length === 0 ? "ok" : "degraded", detail };
  }

  async start(): Promise<readonly Listener[]> {
    const { config, reconnect, log } = this.#options;
    this.#timer = setInterval(() => this.#submitAll(), config.snapshotMs);
    this.#links = config.serial.map((text) => {
      const [, path, baud] = /^(.+?)(?:@(\d+))?$/.exec(text)!;
      const address = { path: path!, baud: Number(baud ?? defaultBaud) };
      const splitter = new MavlinkSplitter();
      const way: Way = (bytes) => link.write(bytes);
      const link: PortLink = new PortLink({
        address,
        ...reconnect,
        log,
        onOpen: async () => undefined,
        onData: (chunk) => this.#received(splitter.push(chunk), way),
        onLost: () => this.#received(splitter.end(), way),
      });
      return link;
    });
    await Promise.all(this.#links.map((link) => link.start()));
    if (typeof config.port !== "number") return [];
    return [await this.#listen(config.host, config.port)];
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#links.map((link) => link.stop()));
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(resolve));
    this.#submitAll();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  async #listen(host: string, port: number): Promise<Listener> {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    try {
      socket.bind({ address: host, port, exclusive: true });
      await once(socket, "listening");
    } catch (cause) {
      const details = { host, port };
      throw new GatewayError("LISTEN_FAILED", `MAVLink cannot listen on ${host}:${port}`, { cause, details });
    }
    socket.on("error", (error) => this.#options.log.warn({ err: error }, "MAVLink socket error"));
    socket.on("message", (datagram, { address, port }) => {
      // Frames do not go on in the next datagram.
      const splitter = new MavlinkSplitter();
      const way: Way = (bytes) => void this.#socket?.send(bytes, port, address);
      this.#received([...splitter.push(datagram), ...splitter.end()], way);
    });
    this.#socket = socket;
    const { address, port: bound } = socket.address();
    this.#url = `udp://${isIPv6(address) ? `[${address}]` : address}:${bound}`;
    return { name: "mavlink", url: this.#url };
  }

  reaches(deviceId: string): boolean {
    return this.#vehicleOf(deviceId) !== undefined;
  }

  lane(deviceId: string): string {
    return deviceId;
  }

  check(deviceId: string, instruction: Instruction): void {
    this.#command(deviceId, instruction);
  }

  /**
   * Send COMMAND_LONG and wait for the COMMAND_ACK that names the command. Signed where the system signs.
   * @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_UNKNOWN, COMMAND_TIMEOUT, REQUEST_INVALID
   */
  async send(order: CommandOrder): Promise<CommandAnswer> {
    this.#command(order.deviceId, order);
    await order.leaving();
    const { vehicle, way, system, command } = this.#command(order.deviceId, order);
    const answered = new Promise<CommandAnswer>((resolve) => {
      vehicle.onCommandAck = (payload) => {
        const answer = readCommandAck(payload, command.id);
        if (answer) resolve(answer);
      };
    });
    try {
      const frame = { seq: this.#sent++, ...ourPlace, messageId: commandLongId, payload: command.payload };
      way(encodeMavlinkFrame(frame, this.#signer(system)));
      return await orAborted(answered, order.signal);
    } finally {
      vehicle.onCommandAck = undefined;
    }
  }

  #command(
    deviceId: string,
    instruction: Instruction,
  ): {
    readonly vehicle: Vehicle;
    readonly way: Way;
    readonly system: number;
    readonly command: MavlinkCommand;
  } {
    const found = this.#vehicleOf(deviceId);
    if (!found?.vehicle.way) throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} is heard on no MAVLink`);
    const { vehicle, system, component } = found;
    const command = encodeMavlinkCommand(instruction, { system, component });
    if (!command.ok) throw new GatewayError(command.reject, command.detail);
    return { vehicle, way: found.vehicle.way, system, command: command.value };
  }

  #vehicleOf(
    deviceId: string,
  ): { readonly vehicle: Vehicle; readonly system: number; readonly component: number } | undefined {
    const own = [...this.#vehicles].filter(([key, { way }]) => way !== undefined && this.#deviceOf(key) === deviceId);
    // Where all components are one device, the autopilot is the lowest, MAV_COMP_ID_AUTOPILOT1.
    const [key, vehicle] = own.sort(([a], [b]) => Number(a.split("-")[1]) - Number(b.split("-")[1]))[0] ?? [];
    if (key === undefined || vehicle === undefined) return undefined;
    const [system, component] = key.split("-").map(Number);
    return { vehicle, system: system!, component: component! };
  }

  #signer(system: number): MavlinkSigner | undefined {
    const key = this.#options.signing.keyOf(system);
    if (!key) return undefined;
    // Forward, also where the clock was set back.
    this.#signedAt = Math.max(Math.floor((this.#options.nowUs() - signatureEpochUs) / 10), this.#signedAt + 1);
    return { key, linkId: 0, timestamp: this.#signedAt };
  }

  #received(items: readonly MavlinkItem[], way: Way): void {
    const nowMs = performance.now();
    for (const item of items) {
      if (item.kind === "broken") this.#reject(item.reason);
      else this.#frame(item.frame, way, nowMs);
    }
  }

  #frame(frame: MavlinkFrame, way: Way, nowMs: number): void {
    const key = `${frame.system}-${frame.component}`;
    const isAck = frame.messageId === commandAckId;
    if (frame.system === 0 || isGroundStation(frame) || !(isAck || this.#recorded.has(frame.messageId))) {
      this.#frames.add("ignored");
      return;
    }
    const vehicle = this.#vehicles.get(key) ?? this.#meet(key, frame, nowMs);
    if (!vehicle) {
      this.#reject("SENDER_LIMIT");
      return;
    }
    vehicle.lastMs = nowMs;
    if (!vehicle.frames.take(nowMs)) this.#reject("RATE_LIMITED");
    else if (this.#options.signing.check(frame)) this.#refuse(key, vehicle, frame, nowMs);
    else if (!this.#clock.advance(frame)) this.#reject("SIGNATURE_REPLAYED");
    else {
      vehicle.way = way;
      if (isAck) this.#acknowledged(vehicle, frame);
      else this.#hold(key, vehicle, frame);
    }
  }

  /** It is no reading; what it says of a command of ours is in the command's own entry. */
  #acknowledged(vehicle: Vehicle, { payload }: MavlinkFrame): void {
    this.#frames.add("command_ack");
    vehicle.onCommandAck?.(payload);
  }

  #hold(key: string, vehicle: Vehicle, frame: MavlinkFrame): void {
    let fate = vehicle.hold(frame);
    if (fate === "full") {
      this.#submit(key, vehicle);
      // Still full: its device is not enrolled yet.
      fate = vehicle.hold(frame);
    }
    if (fate !== "held") this.#frames.add("thinned");
  }

  /** A frame that is not signed as it should be goes to ingest by itself, which says so and keeps it aside. */
  #refuse(key: string, vehicle: Vehicle, { wire }: MavlinkFrame, nowMs: number): void {
    if (!vehicle.refused.take(nowMs)) {
      this.#reject("RATE_LIMITED");
      return;
    }
    this.#frames.add("quarantined");
    this.#upload(this.#deviceOf(key) ?? `mavlink-${key}`, key, wire);
  }

  #meet(key: string, { system, component }: MavlinkFrame, nowMs: number): Vehicle | undefined {
    const { config } = this.#options;
    const { vehicles, framesPerSecond, refusedPerSecond } = config.limits;
    const isConfigured = this.#configured(system, component) !== undefined;
    if (!isConfigured && this.#vehicles.size >= vehicles + config.vehicles.length) {
      for (const [other, { lastMs, isEmpty }] of this.#vehicles) {
        if (isEmpty && nowMs - lastMs >= idleMs) this.#vehicles.delete(other);
      }
      if (this.#vehicles.size >= vehicles + config.vehicles.length) return undefined;
    }
    const vehicle = new Vehicle(framesPerSecond, refusedPerSecond, nowMs);
    this.#vehicles.set(key, vehicle);
    return vehicle;
  }

  #submitAll(): void {
    for (const [key, vehicle] of this.#vehicles) this.#submit(key, vehicle);
  }

  #submit(key: string, vehicle: Vehicle): void {
    if (vehicle.isEmpty || this.#enrolling.has(key)) return;
    const deviceId = this.#deviceOf(key);
    if (deviceId === undefined && this.#options.trusted) {
      this.#enrol(key);
      return;
    }
    const { payload, frames } = vehicle.take();
    this.#frames.add("recorded", frames);
    // Without trust it is kept aside, under the name that it would have.
    this.#upload(deviceId ?? `mavlink-${key}`, key, payload);
  }

  #upload(deviceId: string, key: string, payload: Uint8Array): void {
    this.#inFlight++;
    this.#options.ingest.submit(
      { transport: "mavlink", format: "mavlink", payload, deviceId, source: `mavlink:${key}` },
      () => {
        this.#inFlight--;
        if (this.#inFlight === 0) this.#onIdle?.();
      },
    );
  }

  #enrol(key: string): void {
    const { registry, log } = this.#options;
    const id = `mavlink-${key}`;
    this.#enrolling.add(key);
    this.#inFlight++;
    void registry
      .enrolUnsigned({ id, port: key, role: "mycodrone", firmware: "" })
      .then(
        () => log.info({ deviceId: id }, "MAVLink vehicle enrolled"),
        (error) => log.warn({ deviceId: id, err: error }, "MAVLink vehicle could not be enrolled"),
      )
      .then(() => {
        this.#enrolling.delete(key);
        const vehicle = this.#vehicles.get(key);
        // Not enrolled: ingest says so of each snapshot.
        if (vehicle && !vehicle.isEmpty) {
          const { payload, frames } = vehicle.take();
          this.#frames.add("recorded", frames);
          this.#upload(this.#deviceOf(key) ?? id, key, payload);
        }
        this.#inFlight--;
        if (this.#inFlight === 0) this.#onIdle?.();
      });
  }

  #deviceOf(key: string): string | undefined {
    const [system, component] = key.split("-").map(Number);
    return this.#configured(system!, component!) ?? this.#options.registry.deviceForPort(key);
  }

  #configured(system: number, component: number): string | undefined {
    const ofSystem = this.#options.config.vehicles.filter((vehicle) => vehicle.system === system);
    const exact = ofSystem.find((vehicle) => vehicle.component === component);
    return (exact ?? ofSystem.find((vehicle) => vehicle.component === undefined))?.device;
  }

  #reject(reason: RejectReason): void {
    this.#frames.add(reason);
    this.#options.ingest.reject("mavlink", reason);
  }
}
