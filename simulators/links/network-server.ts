/** The MQTT broker of a LoRaWAN network server on loopback, which the gateway comes to; and a device behind it. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { Aedes } from "aedes";
import type { Outgoing } from "../models/model.ts";
import type { Books } from "../run/books.ts";
import type { Link } from "./link.ts";

export class NetworkServer {
  readonly #broker: Aedes;
  readonly #server: Server;
  readonly #subscribed: Promise<unknown>;
  /** Not acknowledged by the gateway, oldest first. */
  readonly #waiting: { readonly payload: Buffer; readonly onAck: () => void; readonly onAgain: () => void }[] = [];

  private constructor(broker: Aedes) {
    this.#broker = broker;
    this.#server = createServer(broker.handle);
    this.#subscribed = once(broker, "subscribe");
    // Every device of it acknowledges what is confirmed.
    broker.on("publish", ({ topic, payload }, client) => {
      const device = client ? /^(application\/.*)\/command\/down$/.exec(topic)?.[1] : undefined;
      if (device === undefined) return;
      const { id, devEui, confirmed } = JSON.parse(payload.toString()) as Record<string, unknown>;
      const body = JSON.stringify({
        deviceInfo: { devEui },
        queueItemId: id,
        ...(confirmed === true && { acknowledged: true }),
      });
      const event = `${device}/event/${confirmed ? "ack" : "txack"}`;
      const sent = {
        cmd: "publish",
        topic: event,
        payload: Buffer.from(body),
        qos: 1,
        dup: false,
        retain: false,
      } as const;
      broker.publish(sent, () => {});
    });
    // Sent again to a gateway that is back, whether or not it had dealt with them.
    broker.on("clientReady", () => {
      for (const { onAgain } of this.#waiting) onAgain();
    });
    broker.on("ack", (packet) => {
      const payload = packet && "payload" in packet ? Buffer.from(packet.payload as Buffer) : undefined;
      const at = payload ? this.#waiting.findIndex((item) => item.payload.equals(payload)) : -1;
      if (at !== -1) this.#waiting.splice(at, 1)[0]!.onAck();
    });
  }

  /** @param port 0 for any free one */
  static async listen(port: number): Promise<NetworkServer> {
    const server = new NetworkServer(await Aedes.createBroker());
    server.#server.listen(port, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves once the gateway listens for uplinks. */
  async subscribed(): Promise<void> {
    await this.#subscribed;
  }

  /** @param onAck the gateway has dealt with it @param onAgain another copy of it goes to the gateway */
  publish(topic: string, payload: Buffer, onAck: () => void, onAgain: () => void): void {
    this.#waiting.push({ payload, onAck, onAgain });
    this.#broker.publish({ cmd: "publish", topic, payload, qos: 1, dup: false, retain: false }, () => {});
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#broker.close(() => resolve()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

export interface LorawanLinkOptions {
  readonly deviceId: string;
  readonly server: NetworkServer;
  readonly books: Books;
}

/** An acknowledgement of the gateway to the network server is all that is known; the device itself hears of none. */
export class LorawanLink implements Link {
  readonly #options: LorawanLinkOptions;
  #isCut = false;
  #underWay = 0;
  #onDrained: (() => void) | undefined;

  constructor(options: LorawanLinkOptions) {
    this.#options = options;
  }

  open(): Promise<void> {
    return this.#options.server.subscribed();
  }

  send(message: Outgoing): void {
    const { server, books, deviceId } = this.#options;
    if (this.#isCut) {
      books.lost++;
      return;
    }
    const onSent = (): void => books.sent(message, deviceId, "lorawan");
    const onAck = (): void => {
      books.delivered(message);
      this.#underWay--;
      if (this.#underWay === 0) this.#onDrained?.();
    };
    onSent();
    this.#underWay++;
    const payload = Buffer.from(message.bytes);
    const { deviceInfo } = JSON.parse(payload.toString()) as { deviceInfo: { applicationId: string; devEui: string } };
    server.publish(
      `application/${deviceInfo.applicationId}/device/${deviceInfo.devEui}/event/up`,
      payload,
      onAck,
      onSent,
    );
  }

  /** Out of reach of every radio. */
  cut(forMs: number): void {
    this.#isCut = true;
    setTimeout(() => {
      this.#isCut = false;
    }, forMs);
  }

  slow(): void {}

  drained(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  async close(): Promise<void> {}
}
