/** One configured port and what is attached to it: bytes → session → ingest, and acknowledgements and commands back. */

import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, Outcome, ReceiptPort } from "../../../src/ingest/upload.ts";
import { answerBody } from "../../../src/mdp/answer-body.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import type { SpokenDialect } from "../../../src/serial/detector.ts";
import { type PortDialectName, portDialects } from "../../../src/serial/port-dialects.ts";
import { PortSession, type SessionEvent, type Verdict } from "../../../src/serial/port-session.ts";
import type { CommandOrder } from "../../commands/command-link.ts";
import { BoardIdentity } from "./board-identity.ts";
import type { PortAddress, SerialConfig } from "./config.ts";
import { PortCommands, type PortSpeech } from "./port-commands.ts";
import { PortLink } from "./port-link.ts";
import { portName } from "./port-name.ts";
import type { SerialLog, SerialRegistry } from "./serial-registry.ts";

export interface BoardPortOptions {
  readonly address: PortAddress;
  readonly config: SerialConfig;
  readonly ingest: IngestPort;
  readonly receipts: ReceiptPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
}

export interface SerialPortStatus {
  readonly path: string;
  readonly baud: number;
  /** Stable name of the port; the path until it was open once. */
  readonly name: string;
  readonly open: boolean;
  /** Why it is not open. */
  readonly error: string | undefined;
  /** The unsigned board on it. */
  readonly deviceId: string | undefined;
  /** What the operator says it speaks, `auto` unless told. */
  readonly configured: PortDialectName;
  /** What it speaks, undefined until a message was read since it was opened. */
  readonly dialect: SpokenDialect | undefined;
  /** As the board last said. */
  readonly firmware: string | undefined;
  /** Messages handed to ingest. */
  readonly messages: number;
  /** Of those, the ones that could not be kept: journal failed, disk full, stopping. */
  readonly unacknowledged: number;
  /** Frames that were none, and lines of text, by reason. */
  readonly rejects: Readonly<Partial<Record<RejectReason, number>>>;
}

/** Messages between receipt and outcome; the port is not read while there are more. */
const maxInFlight = 256;

export class BoardPort {
  readonly #options: BoardPortOptions;
  readonly #link: PortLink;
  readonly #commands = new PortCommands();
  readonly #rejects: Partial<Record<RejectReason, number>> = {};
  #name: string;
  #session: PortSession | undefined;
  #identity: BoardIdentity | undefined;
  #firmware: string | undefined;
  #messages = 0;
  #unacknowledged = 0;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: BoardPortOptions) {
    this.#options = options;
    const { address, config, log } = options;
    this.#name = address.path;
    this.#link = new PortLink({
      address,
      reconnectMinMs: config.reconnectMinMs,
      reconnectMaxMs: config.reconnectMaxMs,
      log,
      onOpen: () => this.#opened(),
      onData: (chunk) => this.#received(chunk),
      onLost: () => this.#lost(),
    });
  }

  /** The unsigned board on this port, also while the port is away. */
  get deviceId(): string | undefined {
    return this.#identity?.deviceId ?? this.#options.registry.deviceForPort(this.#name);
  }

  get status(): SerialPortStatus {
    const { path, baud, dialect } = this.#options.address;
    return {
      path,
      baud,
      name: this.#name,
      open: this.#link.isOpen,
      error: this.#link.error,
      deviceId: this.deviceId,
      configured: dialect,
      dialect: this.#session?.dialect,
      firmware: this.#firmware,
      messages: this.#messages,
      unacknowledged: this.#unacknowledged,
      rejects: { ...this.#rejects },
    };
  }

  /** Resolves after the first attempt to open; a port that is not there is tried again. */
  async start(): Promise<void> {
    this.#name = await portName(this.#options.address.path);
    await this.#link.start();
  }

  /** Reads no more, waits for the outcome of what was read and acknowledges it, then closes. */
  async stop(): Promise<void> {
    this.#link.pause();
    this.#identity?.decide();
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#link.stop();
  }

  /** Whether commands for a device go out here: its board is on the port, or its signed messages came by it. */
  reaches(deviceId: string): boolean {
    return this.deviceId === deviceId || this.#commands.hasHeardSigned(deviceId);
  }

  get isHeard(): boolean {
    return this.#link.isOpen && this.#speaks !== undefined;
  }

  /** @throws GatewayError SERIAL_PORT_LOST, or as PortCommands.encode */
  check(deviceId: string, instruction: Instruction): void {
    this.#commands.encode(instruction, this.#speech(deviceId));
  }

  /** @throws GatewayError SERIAL_PORT_LOST, COMMAND_TIMEOUT, or as `check` */
  send(order: CommandOrder): Promise<CommandAnswer> {
    const speech = this.#speech(order.deviceId);
    return this.#commands.send(order, speech, async (wire) => {
      await order.leaving();
      if (speech.session !== this.#session) throw this.#lostError();
      this.#link.write(wire);
    });
  }

  #speech(deviceId: string): PortSpeech {
    if (!this.#session || !this.#link.isOpen) throw this.#lostError();
    return { session: this.#session, role: this.#options.registry.roleOf(deviceId), speaks: this.#speaks };
  }

  /** Until a message was read, what the operator says. */
  get #speaks(): SpokenDialect | undefined {
    const { dialect } = this.#options.address;
    return this.#session?.dialect ?? (dialect === "auto" ? undefined : dialect);
  }

  async #opened(): Promise<void> {
    const { registry, config, log, nowUs, address } = this.#options;
    // The kernel's name of a port may lead to another adapter than before, and so to another board.
    this.#name = await portName(address.path);
    const name = Math.floor(nowUs()).toString(36);
    const session = new PortSession(name, portDialects[address.dialect], config.machineMode);
    this.#session = session;
    this.#firmware = undefined;
    this.#identity = new BoardIdentity({
      port: this.#name,
      registry,
      identifyMs: config.identifyMs,
      ask: () => this.#link.write(session.askHello()),
      log,
    });
  }

  #received(chunk: Uint8Array): void {
    const session = this.#session!;
    for (const event of session.receive(chunk)) this.#handle(session, event);
    if (this.#inFlight < maxInFlight) return;
    this.#link.pause();
    // What waits for a board to say who it is waits no longer.
    this.#identity!.decide();
  }

  #handle(session: PortSession, event: SessionEvent): void {
    switch (event.kind) {
      case "message":
        this.#submit(session, event);
        return;
      case "dialect":
        this.#options.log.info(
          { port: this.#name, dialect: event.dialect },
          "what a serial port speaks was recognised",
        );
        return;
      case "reply":
        this.#link.write(event.wire);
        return;
      case "answer":
        this.#commands.answer(event.answer);
        return;
      case "reject":
        this.#rejects[event.reason] = (this.#rejects[event.reason] ?? 0) + 1;
        this.#options.ingest.reject("serial", event.reason);
    }
  }

  #submit(session: PortSession, { message, session: run, ref }: Extract<SessionEvent, { kind: "message" }>): void {
    const { format, payload, hello } = message;
    if (hello && hello.firmware !== "") this.#firmware = hello.firmware;
    const source = `serial:${this.#name}`;
    this.#messages++;
    this.#inFlight++;
    const submit = (deviceId: string): void => {
      this.#options.ingest.submit(
        { transport: "serial", format, payload, deviceId, source, session: run },
        (error, outcome) => {
          if (error) this.#unacknowledged++;
          if (message.signedBy !== undefined && verdictOf(error, outcome) === "kept")
            this.#commands.heardSigned(deviceId);
          const { receipts } = this.#options;
          const reply = session.settled(ref, verdictOf(error, outcome), () => answerBody(format, outcome!, receipts));
          // A port that was opened again has a peer that knows nothing of this frame.
          if (reply && session === this.#session) this.#link.write(reply);
          this.#settled();
        },
      );
    };
    // A signature says who sent a message, wherever it came in; a port may relay for many devices.
    if (message.signedBy !== undefined) submit(message.signedBy);
    else this.#identity!.resolve(message, submit);
  }

  #settled(): void {
    this.#inFlight--;
    if (this.#inFlight === 0 && this.#onIdle) this.#onIdle();
    else if (this.#inFlight === maxInFlight / 2 && !this.#onIdle) this.#link.resume();
  }

  #lost(): void {
    this.#identity?.decide();
    this.#session = undefined;
    this.#commands.lost(this.#lostError());
  }

  #lostError(): GatewayError {
    return new GatewayError(
      "SERIAL_PORT_LOST",
      `serial port ${this.#name} is not open: ${this.#link.error ?? "closed"}`,
    );
  }
}

function verdictOf(error: Error | undefined, outcome: Outcome | undefined): Verdict {
  if (error || !outcome) return "failed";
  return outcome.kind === "stored" || outcome.kind === "duplicate" ? "kept" : "refused";
}
