/**
 * What the gateway itself says and answers on MQTT: its retained topics for dashboards, the operator API under
 * `mycogate/{gateway id}/request/`, and commands that operators publish for boards on serial ports.
 */
import type { Logger } from "pino";
import type { Command } from "../../src/commands/command.ts";
import { readMqttRequest } from "../../src/commands/mqtt.ts";
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
const commandExpiryMs = 60_000;
/** For its last entry in the ledger. */
const settlingMs = 5_000;

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

  /**
   * `{p}/{id}/cmd` with `{id?, cmd, params?, expires?, timeoutMs?}`, published by an operator; what comes of it goes to
   * `{p}/{id}/cmd/result`, with the same id. Resolves once the command is in the ledger, or refused.
   * @returns undefined for a device that is not ours: then the broker only passes it on
   */
  command(deviceId: string, payload: Uint8Array, operator: string): Promise<void> | undefined {
    const { services } = this.#options;
    if (!services.registry.find(deviceId)) return undefined;
    const request = readMqttRequest(payload);
    if (!request) {
      const why = 'not a JSON object with the text "cmd", or a member of another kind';
      this.#send(this.#result(deviceId, { success: false, message: why, code: "REQUEST_INVALID" }));
      return Promise.resolve();
    }
    const { id, cmd, params, expires, timeoutMs = commandTimeoutMs } = request;
    const expiresInMs = expires === undefined ? commandExpiryMs : Math.max(0, expires - Date.now());
    return services.commands
      .submit({ deviceId, id, cmd, params, by: operator, via: "mqtt", timeoutMs, expiresInMs })
      .then(
        (command) => this.#send(this.#outcome(command)),
        (error) => {
          if (!(error instanceof GatewayError)) throw error;
          const { code, message } = error;
          this.#send(this.#result(deviceId, { ...(id !== undefined && { id }), success: false, message, code }));
        },
      );
  }

  async #outcome({ id, deviceId, timeoutMs, expiresUs }: Command): Promise<void> {
    const { commands } = this.#options.services;
    const longestMs = timeoutMs + Math.max(0, expiresUs / 1_000 - Date.now()) + settlingMs;
    const { state, message, code, link } = await commands.outcome(id, longestMs);
    // A device on MQTT has said so itself, on the same topic; and what is open at the end of a run is not decided.
    if (link === "mqtt" && (state === "succeeded" || state === "failed")) return;
    if (state === "queued" || state === "sent") return;
    const success = state === "succeeded" || state === "delivered";
    await this.#result(deviceId, { id, success, message, state, ...(code !== undefined && { code }) });
  }

  async #result(deviceId: string, body: object): Promise<void> {
    await this.#mqtt?.publish(`${this.#options.prefix}/${deviceId}/cmd/result`, JSON.stringify(body), { qos: 1 });
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
