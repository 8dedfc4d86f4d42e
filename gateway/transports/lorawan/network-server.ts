/** The connection to one network server's broker: kept up, and each QoS 1 message acknowledged once it is dealt with. */
import { connect, type MqttClient } from "mqtt";
import { type NetworkKind, subscriptions } from "../../../src/lorawan/event.ts";
import type { SerialLog } from "../serial/serial-registry.ts";

export interface NetworkServerOptions {
  readonly name: string;
  readonly kind: NetworkKind;
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly clientId: string;
  readonly reconnectMs: number;
  readonly log: SerialLog;
  /** Rejects where nothing could be committed: the message is then not acknowledged, and comes again. */
  readonly onMessage: (topic: string, payload: Uint8Array) => Promise<void>;
}

export class NetworkServer {
  readonly #options: NetworkServerOptions;
  #client: MqttClient | undefined;
  #error: string | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(options: NetworkServerOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get kind(): NetworkKind {
    return this.#options.kind;
  }

  get isConnected(): boolean {
    return this.#client?.connected ?? false;
  }

  get error(): string {
    return this.#error ?? "not connected yet";
  }

  /** Does not wait for the server: one that is away is tried again. */
  start(): void {
    const { url, kind, username, password, clientId, reconnectMs, log, name, onMessage } = this.#options;
    const client = connect(url, {
      clientId,
      // The session is kept by the server while we are away, and so are the QoS 1 messages in it.
      clean: false,
      reconnectPeriod: reconnectMs,
      connectTimeout: 10_000,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    });
    this.#client = client;
    client.handleMessage = (packet, done) => {
      const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      this.#working = onMessage(packet.topic, payload).then(
        () => done(),
        // The broker sends what was not acknowledged again on the next connection, and not on this one.
        (error: Error) => void client.stream.destroy(error),
      );
    };
    client.on("connect", () => {
      this.#error = undefined;
      client.subscribe(subscriptions[kind], { qos: 1 }, (error) => {
        if (error) this.#report(error.message);
        else log.info({ server: name }, "LoRaWAN network server connected");
      });
    });
    client.on("error", (error) => this.#report(error.message || (error as NodeJS.ErrnoException).code || "refused"));
    client.on("close", () => this.#report("connection closed"));
  }

  /** @throws Error where the server is away */
  async publish(topic: string, body: string): Promise<void> {
    if (!this.isConnected) throw new Error(this.error);
    await this.#client!.publishAsync(topic, body, { qos: 1 });
  }

  async stop(): Promise<void> {
    await this.#working;
    await this.#client?.endAsync(true);
  }

  /** Once for each way of failing, not once for each attempt. */
  #report(error: string): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    const { name, log } = this.#options;
    log.warn({ server: name, error }, "LoRaWAN network server is away; trying again");
  }
}
