/**
 * LoRa gateways on serial ports. All radios hear one air: a frame that two of them hear is one message with two receptions,
 * acknowledged once, and what is sent keeps to a budget of time on air. docs/adr/0088
 */

import { setTimeout as sleep } from "node:timers/promises";
import { radioLink } from "../../../protocol/spec.ts";
import { decodeMdpFrame } from "../../../src/codec/mdp.ts";
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import { encodeInject } from "../../../src/commands/lines.ts";
import { spokenIn } from "../../../src/commands/port-command.ts";
import { isEnvelope } from "../../../src/dialects/envelope.ts";
import { encodeLink } from "../../../src/dialects/link.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, Outcome, Upload } from "../../../src/ingest/upload.ts";
import { framePayload } from "../../../src/lora/frame-payload.ts";
import type { RadioLine } from "../../../src/lora/radio-line.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import type { SpokenDialect } from "../../../src/serial/detector.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";
import { PortSession, type SessionEvent, type Verdict } from "../../../src/serial/port-session.ts";
import { type CommandLink, type CommandOrder, orAborted } from "../../commands/command-link.ts";
import type { AirtimeReport, DependencyState } from "../../http/services.ts";
import { type Link, type LinkCounter, Tally } from "../link.ts";
import { PortCommands, type PortSpeech } from "../serial/port-commands.ts";
import { portDeviceId } from "../serial/port-name.ts";
import type { SerialLog, SerialRegistry } from "../serial/serial-registry.ts";
import { Airtime } from "./airtime.ts";
import type { LoraConfig } from "./config.ts";
import { Radio } from "./radio.ts";

export interface LoraTransportOptions {
  readonly config: LoraConfig;
  readonly reconnect: { readonly reconnectMinMs: number; readonly reconnectMaxMs: number };
  /** Policy takes unsigned frames from the air; their senders are then enrolled as they are met. */
  readonly trusted: boolean;
  readonly ingest: IngestPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
}

type Frame = Extract<RadioLine, { kind: "frame" }>;

interface Place {
  readonly radio: Radio;
  readonly rssi: number;
  readonly speaks: SpokenDialect | undefined;
}

/** Header, CRC, one COBS code and the delimiter. A frame that fits a LoRa packet has one code, or two. */
const frameOverheadBytes = 16 + 2 + 1 + 1;
/** A peer sends again after 1.8 s (wire-facts §3.2); the same acknowledgement before that is for another radio's copy. */
const ackQuietMs = 1_500;
/** Bytes that a COMMAND adds to its data: header, numbers, CRC, COBS and delimiter. */
const injectedOverheadBytes = 16 + 4 + 2 + 1 + 1;

export class LoraTransport implements Link, CommandLink {
  readonly name = "lora";
  readonly counters: readonly LinkCounter[];
  readonly #options: LoraTransportOptions;
  readonly #radios: readonly Radio[];
  readonly #session: PortSession;
  readonly #airtime: Airtime;
  readonly #boards: ReadonlyMap<string, string>;
  readonly #heard = new Tally();
  readonly #sent = new Tally();
  readonly #seconds = new Tally();
  readonly #acks = new Map<string, { readonly ack: number; readonly atMs: number }>();
  /** By device: the radio that heard it best the last time. */
  readonly #places = new Map<string, Place>();
  readonly #commands = new PortCommands();
  readonly #injections = new Map<Radio, (answer: CommandAnswer) => void>();
  #inFlight = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;

  constructor(options: LoraTransportOptions) {
    this.#options = options;
    const { config, reconnect, log, nowUs } = options;
    const { spreadingFactor, bandwidthHz, codingRate, dutyCycle, deviceDutyCycle } = config;
    const modulation = { spreadingFactor, bandwidthHz, codingRate, preambleSymbols: 8 };
    this.#airtime = new Airtime({ modulation, dutyCycle, deviceDutyCycle });
    this.#boards = new Map(config.boards.map(({ endpoint, device }) => [endpoint.toLowerCase(), device]));
    const frames = { frames: portDialects.auto.frames, lines: [] };
    this.#session = new PortSession(`lora-${Math.floor(nowUs()).toString(36)}`, frames);
    this.#radios = config.radios.map(
      (port) => new Radio({ port, ...reconnect, log, onLine: (radio, line, text) => this.#line(radio, line, text) }),
    );
    const counter = (name: string, help: string, label: string, tally: Tally): LinkCounter => ({
      name: `mycogate_lora_${name}_total`,
      help,
      label,
      read: () => tally.counts,
    });
    this.counters = [
      counter(
        "lines",
        "Lines of LoRa gateways, by what they were: frame, stock, sent, or why not read.",
        "kind",
        this.#heard,
      ),
      counter("downlinks", "Frames to be sent by radio, by what became of them.", "fate", this.#sent),
      counter("airtime_seconds", "Time on air, computed from the radios' settings.", "direction", this.#seconds),
    ];
  }

  state(): DependencyState {
    if (this.#radios.length === 0) return { status: "off", detail: "no LoRa radio configured" };
    const away = this.#radios.filter(({ isOpen }) => !isOpen).map(({ name, error }) => `${name}: ${error ?? "closed"}`);
    const { usedSeconds, budgetSeconds } = this.airtime();
    const airtime = `${usedSeconds.toFixed(1)} of ${budgetSeconds.toFixed(1)} s sent in an hour`;
    const detail = [`${this.#radios.length - away.length} of ${this.#radios.length} open`, airtime, ...away].join("; ");
    return { status: away.length === 0 ? "ok" : "degraded", detail };
  }

  airtime(): AirtimeReport {
    return this.#airtime.report(performance.now());
  }

  async start(): Promise<readonly []> {
    await Promise.all(this.#radios.map((radio) => radio.start()));
    return [];
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.all(this.#radios.map((radio) => radio.stop()));
  }

  /** Whether it was heard since the start, or is a radio with the stock firmware. */
  reaches(deviceId: string): boolean {
    return this.#places.has(deviceId) || this.#stockRadio(deviceId) !== undefined;
  }

  /** There is one air: an answer of one device is told from another's by nothing but that one command is open. */
  lane(): string {
    return "air";
  }

  check(deviceId: string, instruction: Instruction): void {
    if (this.#stockRadio(deviceId)) {
      injected(instruction);
      return;
    }
    const { speech } = this.#reached(deviceId);
    const command = this.#commands.encode(instruction, speech);
    if (command.form === "line")
      throw new GatewayError("COMMAND_UNSUPPORTED", `${deviceId} takes no commands by radio`);
    const bytes = frameOverheadBytes + command.body.length;
    if (bytes > radioLink.maxPacketBytes)
      throw new GatewayError(
        "REQUEST_INVALID",
        `a frame of ${bytes} bytes; a LoRa packet has ${radioLink.maxPacketBytes}`,
      );
  }

  /**
   * Send one command to a device that was heard, once there is time on air for it, and wait for its answer. To a radio with
   * the stock firmware `inject` is a COMMAND by number, whose only answer is that it was sent.
   * @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_TIMEOUT, AIRTIME_SPENT, REQUEST_INVALID
   */
  async send(order: CommandOrder): Promise<CommandAnswer> {
    const stock = this.#stockRadio(order.deviceId);
    if (stock) return this.#inject(stock, order);
    const { radio, speech } = this.#reached(order.deviceId);
    return this.#commands.send(order, speech, async (wire) => {
      // Padding against the line-ending trap made it longer.
      if (wire.length > radioLink.maxPacketBytes)
        throw new GatewayError("REQUEST_INVALID", `a frame of ${wire.length} bytes; a LoRa packet has 255`);
      await this.#leave(order, this.#airtime.seconds(wire), () => radio.send(wire));
    });
  }

  #reached(deviceId: string): { readonly radio: Radio; readonly speech: PortSpeech } {
    const place = this.#places.get(deviceId);
    if (!place?.radio.isOpen) throw new GatewayError("COMMAND_UNSUPPORTED", `no radio reaches ${deviceId}`);
    const role = this.#options.registry.roleOf(deviceId);
    return { radio: place.radio, speech: { session: this.#session, role, speaks: place.speaks } };
  }

  async #inject(radio: Radio, order: CommandOrder): Promise<CommandAnswer> {
    const { line, dataBytes } = injected(order);
    const answered = new Promise<CommandAnswer>((resolve) => this.#injections.set(radio, resolve));
    try {
      const seconds = this.#airtime.seconds(injectedOverheadBytes + dataBytes);
      await this.#leave(order, seconds, () => radio.write(`${line}\n`));
      return await orAborted(answered, order.signal);
    } finally {
      this.#injections.delete(radio);
    }
  }

  /**
   * Send once there is time on air.
   * @throws GatewayError AIRTIME_SPENT where there is none before the command expires
   */
  async #leave(
    { deviceId, expiresMs, signal, leaving }: CommandOrder,
    seconds: number,
    send: () => void,
  ): Promise<void> {
    for (;;) {
      const waitMs = this.#airtime.waitMs(deviceId, seconds, performance.now());
      if (waitMs === 0) break;
      if (waitMs >= expiresMs - this.#options.nowUs() / 1_000) {
        this.#sent.add("refused_airtime");
        const waitSeconds = Number.isFinite(waitMs) ? Math.ceil(waitMs / 1_000) : undefined;
        const when = waitSeconds === undefined ? "in no hour" : `for ${waitSeconds} s`;
        throw new GatewayError("AIRTIME_SPENT", `${seconds.toFixed(2)} s on air are not left for ${deviceId} ${when}`, {
          details: { airtimeSeconds: seconds, waitSeconds: waitSeconds ?? null },
        });
      }
      this.#sent.add("waited");
      // Others may use it meanwhile.
      await sleep(waitMs, undefined, { ref: false, signal }).catch(() => signal.throwIfAborted());
    }
    this.#spend(deviceId, seconds);
    await leaving();
    send();
  }

  #spend(deviceId: string, seconds: number): void {
    this.#airtime.sent(deviceId, seconds, performance.now());
    this.#sent.add("sent");
    this.#seconds.add("down", seconds);
  }

  #line(radio: Radio, line: RadioLine, text: string): void {
    if (this.#stopping) return;
    this.#heard.add(line.kind === "reject" ? line.reason : line.kind);
    if (line.kind === "reject") this.#reject(line.reason);
    else if (line.kind === "frame") this.#frame(radio, line);
    else if (line.kind === "stock") this.#stock(radio, text);
    else if (line.id === undefined) {
      this.#injections.get(radio)?.(
        line.success
          ? { outcome: "delivered", message: "sent; the firmware says so whether or not the radio worked" }
          : { outcome: "failed", message: "not understood" },
      );
    } else this.#sent.add(line.success ? "on_air" : "failed");
  }

  #frame(radio: Radio, frame: Frame): void {
    const { data } = frame;
    this.#seconds.add("up", this.#airtime.seconds(data));
    const bare = decodeMdpFrame(data).ok ? undefined : framePayload(data);
    if (bare && isEnvelope(bare.format)) {
      const deviceId = bare.signedBy ?? portDeviceId("air", "lora");
      this.#submit(radio, frame, { ...bare, deviceId, session: "" }, () => undefined);
      return;
    }
    const events = this.#session.receive(data);
    // A frame may come without its delimiter, but never in two packets.
    if (data.at(-1) !== 0) events.push(...this.#session.receive(Uint8Array.of(0)));
    for (const event of events) this.#event(radio, frame, event);
  }

  #event(radio: Radio, frame: Frame, event: SessionEvent): void {
    if (event.kind === "reject") this.#reject(event.reason);
    else if (event.kind === "answer") this.#commands.answer(event.answer);
    else if (event.kind === "reply") this.#acknowledge(radio, portDeviceId("link", "lora"), event.wire);
    else if (event.kind === "message") this.#message(radio, frame, event);
  }

  #message(radio: Radio, frame: Frame, { message, session, ref }: Extract<SessionEvent, { kind: "message" }>): void {
    const { format, payload, signedBy } = message;
    const endpoint = (ref?.src ?? 0).toString(16).padStart(2, "0");
    this.#inFlight++;
    void this.#deviceOf(endpoint, signedBy).then((deviceId) => {
      this.#submit(radio, frame, { format, payload, deviceId, session }, (verdict) => {
        const ack = this.#session.settled(ref, verdict);
        if (ack) this.#acknowledge(radio, deviceId, ack);
      });
      this.#left();
    });
  }

  #submit(
    radio: Radio,
    { data, rssi, snr, frequencyHz }: Frame,
    upload: Pick<Upload, "format" | "payload" | "deviceId"> & { readonly session: string },
    settled: (verdict: Verdict) => void,
  ): void {
    const { ingest, config } = this.#options;
    const { deviceId, format, payload, session } = upload;
    const source = `lora:${radio.name}`;
    this.#inFlight++;
    ingest.submit({ transport: "lora", format, payload, deviceId, source, session }, (error, outcome) => {
      settled(verdictOf(error, outcome));
      if (outcome?.kind === "stored" || outcome?.kind === "duplicate") {
        this.#airtime.heard(deviceId, data.length, performance.now());
        const place = { radio, rssi: rssi ?? Number.NEGATIVE_INFINITY, speaks: spokenIn(format) };
        this.#remember(deviceId, place, outcome.kind);
        const receptions = [{ by: radio.name, rssi, snr }];
        const { spreadingFactor, bandwidthHz } = config;
        const link = encodeLink({ leaf: outcome.leafIndex, receptions, frequencyHz, spreadingFactor, bandwidthHz });
        this.#inFlight++;
        ingest.submit({ transport: "lora", format: "link", payload: link, deviceId, source }, () => this.#left());
      }
      this.#left();
    });
  }

  /** What a stock radio prints is kept as it is, as its own word: it says that a frame came, and not what was in it. */
  #stock(radio: Radio, text: string): void {
    this.#inFlight++;
    void this.#enrolled(portDeviceId(radio.name, "lora"), radio.name, "gateway").then((deviceId) => {
      const payload = Buffer.from(text);
      const source = `lora:${radio.name}`;
      this.#options.ingest.submit({ transport: "lora", format: "line-lora-gateway", payload, deviceId, source }, () =>
        this.#left(),
      );
    });
  }

  /** Not kept for later: what is acknowledged late is sent again before. */
  #acknowledge(radio: Radio, deviceId: string, wire: Uint8Array): void {
    const nowMs = performance.now();
    const packet = decodeMdpFrame(wire);
    const ack = packet.ok ? packet.value.ack : 0;
    const last = this.#acks.get(deviceId);
    if (last?.ack === ack && nowMs - last.atMs < ackQuietMs) {
      this.#sent.add("ack_repeated");
      return;
    }
    const seconds = this.#airtime.seconds(wire);
    if (this.#airtime.waitMs(deviceId, seconds, nowMs) > 0) {
      this.#sent.add("ack_refused_airtime");
      return;
    }
    for (const [other, { atMs }] of this.#acks) if (nowMs - atMs >= ackQuietMs) this.#acks.delete(other);
    this.#acks.set(deviceId, { ack, atMs: nowMs });
    this.#spend(deviceId, seconds);
    radio.send(wire);
  }

  async #deviceOf(endpoint: string, signedBy: string | undefined): Promise<string> {
    return signedBy ?? this.#boards.get(endpoint) ?? this.#enrolled(`lora-${endpoint}`, endpoint, "");
  }

  /** The device of a place on the air, or of a radio; enrolled by itself where policy trusts what it says. */
  async #enrolled(id: string, place: string, role: string): Promise<string> {
    const { registry, trusted, log } = this.#options;
    const known = registry.deviceForPort(place);
    if (known !== undefined) return known;
    if (trusted && registry.isFree(id)) {
      await registry.enrolUnsigned({ id, port: place, role, firmware: "" }).then(
        () => log.info({ deviceId: id }, "LoRa device enrolled"),
        // Ingest says so of its messages; or another message of it was first.
        (error) => log.warn({ deviceId: id, err: error }, "LoRa device could not be enrolled"),
      );
    }
    return id;
  }

  #stockRadio(deviceId: string): Radio | undefined {
    return this.#radios.find(
      (radio) =>
        radio.isStock &&
        radio.isOpen &&
        (this.#options.registry.deviceForPort(radio.name) ?? portDeviceId(radio.name, "lora")) === deviceId,
    );
  }

  /** Of the radios that heard one frame, the one that heard it best. */
  #remember(deviceId: string, place: Place, kind: "stored" | "duplicate"): void {
    const known = this.#places.get(deviceId);
    if (kind === "duplicate" && known && known.rssi >= place.rssi) return;
    this.#places.set(deviceId, place);
  }

  #left(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  #reject(reason: RejectReason): void {
    this.#options.ingest.reject("lora", reason);
  }
}

/** @throws GatewayError COMMAND_UNKNOWN, REQUEST_INVALID */
function injected(instruction: Instruction): { readonly line: string; readonly dataBytes: number } {
  const encoded = encodeInject(instruction);
  if (!encoded.ok) throw new GatewayError(encoded.reject, encoded.detail);
  const { data } = instruction.params;
  return { line: (encoded.value as { text: string }).text, dataBytes: Array.isArray(data) ? data.length : 0 };
}

function verdictOf(error: Error | undefined, outcome: Outcome | undefined): Verdict {
  if (error || !outcome) return "failed";
  return outcome.kind === "stored" || outcome.kind === "duplicate" ? "kept" : "refused";
}
