/**
 * A device on an MQTT connection of its own, at QoS 1. What is not acknowledged when the connection goes is sent again
 * in its order when it is back; a copy counts as delivered once its PUBACK is here.
 */
import { connectAsync, type MqttClient } from "mqtt";
import type { Transport } from "../../src/ingest/upload.ts";
import type { Outgoing } from "../models/model.ts";
import type { Books } from "../run/books.ts";
import type { Login } from "../run/offer.ts";
import { namedLeaf } from "./ack.ts";
import type { Link } from "./link.ts";

export interface MqttLinkOptions {
  readonly deviceId: string;
  readonly transport: Transport;
  /** `mqtt://`, `mqtts://` or `ws://` */
  readonly url: string;
  readonly prefix: string;
  readonly login: Login | undefined;
  readonly books: Books;
  /** What the device answers to a command. */
  readonly hear: (bytes: Uint8Array) => Outgoing[];
}

const reconnectMs = 250;

export class MqttLink implements Link {
  readonly #options: MqttLinkOptions;
  #client: MqttClient | undefined;
  /** Not acknowledged, oldest first. */
  readonly #waiting = new Set<{ readonly message: Outgoing }>();
  #onDrained: (() => void) | undefined;
  #closed = false;

  constructor(options: MqttLinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { url, deviceId, prefix, login } = this.#options;
    const client = await connectAsync(url, {
      clientId: deviceId,
      reconnectPeriod: 0,
      // The simulator meets gateways of its own making, whose certificate nobody has signed.
      rejectUnauthorized: false,
      ...login,
    });
    client.on("error", () => {});
    client.on("message", (topic, payload) => {
      if (topic.endsWith("/ack")) this.#acknowledged(payload);
      else for (const answer of this.#options.hear(payload)) this.send(answer);
    });
    client.on("close", () => this.#lost(client));
    await client.subscribeAsync([`${prefix}/${deviceId}/ack`, `${prefix}/${deviceId}/cmd`], { qos: 1 });
    this.#client = client;
    for (const item of this.#waiting) this.#publish(client, item);
  }

  send(message: Outgoing): void {
    const item = { message };
    this.#waiting.add(item);
    if (this.#client) this.#publish(this.#client, item);
  }

  cut(forMs: number): void {
    const client = this.#client;
    if (!client) return;
    this.#client = undefined;
    client.removeAllListeners("close");
    client.stream.destroy();
    client.end(true);
    this.#openAgain(forMs);
  }

  slow(forMs: number): void {
    const stream = this.#client?.stream;
    if (!stream) return;
    stream.pause();
    setTimeout(() => stream.resume(), forMs);
  }

  drained(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.endAsync();
  }

  #publish(client: MqttClient, item: { readonly message: Outgoing }): void {
    const { books, deviceId, transport, prefix } = this.#options;
    const { message } = item;
    const { channel, bytes } = message;
    books.sent(message, deviceId, transport);
    const sentMs = performance.now();
    client.publish(`${prefix}/${deviceId}/${channel}`, Buffer.from(bytes), { qos: 1 }, (error) => {
      if (error || client !== this.#client) return;
      books.delivered(message, performance.now() - sentMs);
      this.#waiting.delete(item);
      if (this.#waiting.size === 0) this.#onDrained?.();
    });
  }

  #acknowledged(payload: Buffer): void {
    const leaf = namedLeaf(payload);
    if (leaf) this.#options.books.named(leaf, this.#options.deviceId);
  }

  /** The gateway has closed it, as it does where it cannot acknowledge. */
  #lost(client: MqttClient): void {
    if (client !== this.#client || this.#closed) return;
    this.#client = undefined;
    this.#openAgain(reconnectMs);
  }

  #openAgain(afterMs: number): void {
    setTimeout(() => {
      if (!this.#closed) this.open().catch(() => this.#openAgain(reconnectMs));
    }, afterMs);
  }
}
