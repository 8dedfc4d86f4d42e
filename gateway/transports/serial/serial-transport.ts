/** Boards on serial ports. docs/guides/serial.md */
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, ReceiptPort } from "../../../src/ingest/upload.ts";
import type { CommandLink, CommandOrder } from "../../commands/command-link.ts";
import { BoardPort, type SerialPortStatus } from "./board-port.ts";
import { portAddress, type SerialConfig } from "./config.ts";
import type { SerialLog, SerialRegistry } from "./serial-registry.ts";

export interface SerialTransportOptions {
  readonly config: SerialConfig;
  readonly ingest: IngestPort;
  readonly receipts: ReceiptPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
}

export class SerialTransport implements CommandLink {
  readonly name = "serial";
  readonly #ports: readonly BoardPort[];

  constructor({ config, ...rest }: SerialTransportOptions) {
    this.#ports = config.ports.map(
      (text) => new BoardPort({ address: portAddress(text, config.baud), config, ...rest }),
    );
  }

  /** Resolves when every port is open or known to be away; those are opened as they appear. */
  async start(): Promise<void> {
    await Promise.all(this.#ports.map((port) => port.start()));
  }

  /** Takes no more, and resolves when what was taken is settled, acknowledged, and the ports are closed. */
  async stop(): Promise<void> {
    await Promise.all(this.#ports.map((port) => port.stop()));
  }

  ports(): readonly SerialPortStatus[] {
    return this.#ports.map((port) => port.status);
  }

  reaches(deviceId: string): boolean {
    return this.#portOf(deviceId) !== undefined;
  }

  /** Whether its port is open and it is known what is spoken there. */
  isHeard(deviceId: string): boolean {
    return this.#portOf(deviceId)?.isHeard ?? false;
  }

  /** A port's boards answer on one line. */
  lane(deviceId: string): string {
    return this.#portOf(deviceId)?.status.path ?? deviceId;
  }

  check(deviceId: string, instruction: Instruction): void {
    this.#reached(deviceId).check(deviceId, instruction);
  }

  send(order: CommandOrder): Promise<CommandAnswer> {
    return this.#reached(order.deviceId).send(order);
  }

  #portOf(deviceId: string): BoardPort | undefined {
    return this.#ports.find((port) => port.reaches(deviceId));
  }

  #reached(deviceId: string): BoardPort {
    const port = this.#portOf(deviceId);
    if (!port) throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} is on no serial port`);
    return port;
  }
}
