/**
 * What the gateway itself says and answers on MQTT: its retained topics for dashboards, the operator API under
 * `mycogate/{gateway id}/request/`, and commands that operators publish for boards on serial ports.
 */
import type { Logger } from "pino";
import { GatewayError } from "../../src/errors.ts";
import type { Services } from "../http/services.ts";
import type { MqttTransport } from "../transports/mqtt/mqtt-transport.ts";
import { answerRequest, deviceSummary } from "./operator-requests.ts";

export interface MqttDeskOptions {
  readonly services: Services;
  readonly ledgerOrigin: string;
  readonly prefix: string;
  readonly log: Pick<Logger, "warn">;
}

const healthIntervalMs = 10_000;
const commandTimeoutMs = 5_000;

export class MqttDesk {
  readonly #options: MqttDeskOptions;
  #mqtt: MqttTransport | undefined;
  #timer: NodeJS.Timeout | undefined;
  #health = "";
  #devices = "";

  constructor(options: MqttDeskOptions) {
    this.#options = options;
  }

  /** Publish what dashboards start from, and keep it current. */
  start(mqtt: MqttTransport): void {
    this.#mqtt = mqtt;
    const { services, ledgerOrigin } = this.#options;
    const { gatewayId, version } = services;
    this.#send(mqtt.publishRetained("info", { gatewayId, version, ledgerOrigin }));
    this.#refresh();
    this.#timer = setInterval(() => this.#refresh(), healthIntervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#mqtt = undefined;
  }

  request(name: string, payload: Uint8Array, operator: string): void {
    const { services } = this.#options;
    const answered = answerRequest(services, name, payload, operator).then(async (response) => {
      this.#refresh();
      await this.#mqtt?.publish(`mycogate/${services.gatewayId}/response/${name}`, JSON.stringify(response), {
        qos: 1,
      });
    });
    this.#send(answered);
  }

  /** `{p}/{id}/cmd` with `{id?, cmd, params?}`; the result, with the same id, goes to `{p}/{id}/cmd/result`. */
  command(deviceId: string, payload: Uint8Array): void {
    this.#send(this.#command(deviceId, payload));
  }

  async #command(deviceId: string, payload: Uint8Array): Promise<void> {
    const { services, prefix } = this.#options;
    const command = parseCommand(payload);
    let result: { success: boolean; message: string };
    try {
      if (!command) throw new GatewayError("REQUEST_INVALID", "not a JSON object with the text cmd");
      const { cmd, params } = command;
      result = await services.commands.send(deviceId, { cmd, params }, commandTimeoutMs);
    } catch (error) {
      // A device that is not on a serial port subscribes to the topic and answers for itself.
      if (error instanceof GatewayError && error.code === "COMMAND_UNSUPPORTED") return;
      result = { success: false, message: error instanceof GatewayError ? error.code : String(error) };
    }
    const body = JSON.stringify({ ...(command?.id !== undefined && { id: command.id }), ...result });
    await this.#mqtt?.publish(`${prefix}/${deviceId}/cmd/result`, body, { qos: 1 });
  }

  /** Retained topics change only when what they say does. */
  #refresh(): void {
    const mqtt = this.#mqtt;
    if (!mqtt) return;
    const { health, registry } = this.#options.services;
    const { ready, dependencies } = health.readiness();
    const states = Object.fromEntries(Object.entries(dependencies).map(([name, { status }]) => [name, status]));
    const devices = registry.list().map(deviceSummary);
    const [nextHealth, nextDevices] = [JSON.stringify({ ready, dependencies: states }), JSON.stringify(devices)];
    if (nextHealth !== this.#health) this.#send(mqtt.publishRetained("health", { ready, dependencies: states }));
    if (nextDevices !== this.#devices) this.#send(mqtt.publishRetained("devices", devices));
    this.#health = nextHealth;
    this.#devices = nextDevices;
  }

  #send(published: Promise<void>): void {
    published.catch((error) =>
      this.#options.log.warn({ err: error }, "a message of the gateway itself was not published"),
    );
  }
}

function parseCommand(payload: Uint8Array): { id: unknown; cmd: string; params: Record<string, unknown> } | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    if (typeof value !== "object" || value === null || !("cmd" in value) || typeof value.cmd !== "string")
      return undefined;
    const params = "params" in value && typeof value.params === "object" && value.params !== null ? value.params : {};
    return { id: "id" in value ? value.id : undefined, cmd: value.cmd, params: params as Record<string, unknown> };
  } catch {
    return undefined;
  }
}
