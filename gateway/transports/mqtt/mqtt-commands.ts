/** Commands to devices that subscribe to `{p}/{id}/cmd`, published when they listen, and their results. */
import type { CommandAnswer } from "../../../src/commands/command.ts";
import { encodeMqttCommand, readMqttResult } from "../../../src/commands/mqtt.ts";
import { GatewayError } from "../../../src/errors.ts";
import { type CommandLink, type CommandOrder, orAborted } from "../../commands/command-link.ts";

export interface MqttCommandsOptions {
  /** A device, or who speaks for it, is connected and subscribed to its commands. */
  readonly isListening: (deviceId: string) => boolean;
  /** Somebody's session keeps its commands while the device is away. */
  readonly isKept: (deviceId: string) => boolean;
  readonly publish: (deviceId: string, body: string) => Promise<void>;
  /** A result that nobody waits for any more. */
  readonly onLate: (deviceId: string, id: string, answer: CommandAnswer) => void;
}

export class MqttCommands implements CommandLink {
  readonly name = "mqtt";
  readonly #options: MqttCommandsOptions;
  readonly #open = new Map<string, { readonly deviceId: string; readonly settle: (answer: CommandAnswer) => void }>();
  readonly #waiting = new Set<() => void>();

  constructor(options: MqttCommandsOptions) {
    this.#options = options;
  }

  reaches(deviceId: string): boolean {
    return this.#options.isListening(deviceId) || this.#options.isKept(deviceId);
  }

  lane(deviceId: string): string {
    return deviceId;
  }

  /** The device itself says what it does not know. */
  check(): void {}

  async send(order: CommandOrder): Promise<CommandAnswer> {
    const { id, deviceId, signal } = order;
    const { isListening, publish } = this.#options;
    while (!isListening(deviceId)) await orAborted(this.#change(), signal);
    if (this.#open.has(id)) throw new GatewayError("INTERNAL", `command ${id} is open already`);
    await order.leaving();
    const answered = new Promise<CommandAnswer>((resolve) => this.#open.set(id, { deviceId, settle: resolve }));
    try {
      await publish(deviceId, encodeMqttCommand(order));
      return await orAborted(answered, signal);
    } finally {
      this.#open.delete(id);
    }
  }

  /** Something was published to `{p}/{id}/cmd/result`. */
  heard(deviceId: string, payload: Uint8Array): void {
    const result = readMqttResult(payload);
    if (!result) return;
    const open = this.#open.get(result.id);
    if (open?.deviceId === deviceId) open.settle(result.answer);
    else this.#options.onLate(deviceId, result.id, result.answer);
  }

  /** Who listens may have changed. */
  changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const look of waiting) look();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }
}
