/** Boards on serial ports. docs/guides/serial.md */
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, ReceiptPort } from "../../../src/ingest/upload.ts";
import type { CommandResult } from "../../../src/serial/dialect.ts";
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

export class SerialTransport {
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

  /**
   * Send one command to the board that is this device and wait for its verdict. It is sent once, since boards carry
   * out a repeated command again.
   * @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_BUSY, COMMAND_TIMEOUT, SERIAL_PORT_LOST, REQUEST_INVALID
   */
  async send(
    deviceId: string,
    { cmd, params }: { readonly cmd: string; readonly params: Readonly<Record<string, unknown>> },
    timeoutMs: number,
  ): Promise<CommandResult> {
    const port = this.#ports.find((candidate) => candidate.deviceId === deviceId);
    if (!port) throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} is on no serial port`);
    return port.send(cmd, params, timeoutMs);
  }
}
