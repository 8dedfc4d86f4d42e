/** A fungal computer interface at the gateway's message service. A pong says that what was sent before its ping has arrived. */
import { once } from "node:events";
import { WebSocket } from "ws";
import type { Outgoing } from "../models/model.ts";
import type { Books } from "../run/books.ts";
import type { Link } from "./link.ts";

export interface FciLinkOptions {
  readonly deviceId: string;
  /** `http://host:port` */
  readonly url: string;
  readonly books: Books;
  /** What the board answers to a command. */
  readonly hear: (bytes: Uint8Array) => Outgoing[];
}

const reconnectMs = 250;

export class FciLink implements Link {
  readonly #options: FciLinkOptions;
  #socket: WebSocket | undefined;
  #isCut = false;
  #isClosed = false;
  /** By the WebSocket and not known to have arrived, oldest first. */
  #waiting: Outgoing[] = [];
  readonly #publishing = new Set<Promise<void>>();
  #onPong: () => void = () => {};

  constructor(options: FciLinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { url, deviceId } = this.#options;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/api/stream/ws`);
    socket.on("error", () => {});
    const opened = await Promise.race([once(socket, "open").then(() => true), once(socket, "close").then(() => false)]);
    if (!opened) throw new Error(`${url} does not let ${deviceId} in`);
    socket.send(JSON.stringify({ action: "subscribe", channel: `device.${deviceId}.commands` }));
    socket.on("message", (data: Buffer) => {
      for (const answer of this.#options.hear(data)) this.send(answer);
    });
    socket.on("pong", () => {
      this.#options.books.delivered(this.#waiting.shift()!);
      this.#onPong();
    });
    socket.on("close", () => this.#lost(socket));
    this.#socket = socket;
  }

  send(message: Outgoing): void {
    const { books, deviceId } = this.#options;
    const socket = this.#socket;
    if (this.#isCut || !socket) {
      books.lost++;
      return;
    }
    books.sent(message, deviceId, "fci");
    if (message.channel === "publish") this.#publish(message);
    else {
      this.#waiting.push(message);
      socket.send(message.bytes, { binary: false });
      socket.ping();
    }
  }

  cut(forMs: number): void {
    this.#isCut = true;
    this.#drop();
    setTimeout(() => {
      this.#isCut = false;
      this.#openAgain();
    }, forMs);
  }

  slow(): void {}

  async drained(): Promise<void> {
    await Promise.all(this.#publishing);
    if (this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#onPong = () => {
        if (this.#waiting.length === 0) resolve();
      };
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#drop();
  }

  /** The firmware's fallback. */
  #publish(message: Outgoing): void {
    const { url, deviceId, books } = this.#options;
    const sending = fetch(`${url}/api/channels/device.${deviceId}.telemetry/publish`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: message.bytes.slice(),
    })
      .then((response) => {
        // Whatever else it answers, the gateway has taken it in and counted it.
        if (response.status !== 503) books.delivered(message);
      })
      // It is not known whether it arrived.
      .catch(() => undefined)
      .finally(() => this.#publishing.delete(sending));
    this.#publishing.add(sending);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#waiting = [];
    socket?.removeAllListeners("pong");
    socket?.terminate();
  }

  /** The gateway has closed it. */
  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#drop();
    setTimeout(() => this.#openAgain(), reconnectMs);
  }

  #openAgain(): void {
    if (this.#isClosed || this.#isCut) return;
    this.open().catch(() => setTimeout(() => this.#openAgain(), reconnectMs));
  }
}
