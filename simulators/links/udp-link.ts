/**
 * A board that sends datagrams from a socket of its own. Nothing says that one has arrived: on loopback it has, further
 * away it may have.
 */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Transport } from "../../src/ingest/upload.ts";
import type { Outgoing } from "../models/model.ts";
import type { Books } from "../run/books.ts";
import { AckReader } from "./ack.ts";
import type { Link } from "./link.ts";

export interface UdpLinkOptions {
  readonly deviceId: string;
  readonly transport: Transport;
  /** `udp://host:port` */
  readonly url: string;
  readonly books: Books;
  readonly hear: (bytes: Uint8Array) => Outgoing[];
}

export class UdpLink implements Link {
  readonly #options: UdpLinkOptions;
  readonly #host: string;
  readonly #port: number;
  readonly #socket: Socket;
  #isCut = false;

  constructor(options: UdpLinkOptions) {
    this.#options = options;
    const { hostname, port } = new URL(options.url.replace(/^udp:/, "http:"));
    this.#host = hostname.replace(/^\[|\]$/g, "");
    this.#port = Number(port);
    this.#socket = createSocket(isIPv6(this.#host) ? "udp6" : "udp4");
    // What cannot be sent is lost, as datagrams are.
    this.#socket.on("error", () => {});
    const acks = new AckReader();
    this.#socket.on("message", (bytes) => {
      for (const leaf of acks.read(bytes)) options.books.named(leaf, options.deviceId);
      for (const answer of options.hear(bytes)) this.send(answer);
    });
  }

  open(): Promise<void> {
    return new Promise((resolve) => this.#socket.bind(0, resolve));
  }

  send(message: Outgoing): void {
    const { books, deviceId, transport } = this.#options;
    if (this.#isCut) {
      books.lost++;
      return;
    }
    books.sent(message, deviceId, transport);
    // A message of several frames may be replaced by a newer one before it counts.
    if (this.#isNear && message.frames === undefined) books.delivered(message);
    this.#socket.send(message.bytes, this.#port, this.#host);
  }

  cut(forMs: number): void {
    this.#isCut = true;
    setTimeout(() => {
      this.#isCut = false;
    }, forMs);
  }

  slow(): void {}

  async drained(): Promise<void> {}

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(resolve));
  }

  get #isNear(): boolean {
    return this.#host === "::1" || this.#host.startsWith("127.");
  }
}
