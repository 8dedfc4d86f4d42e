/** The sockets of the broker: TCP, TLS and WebSocket, with the limits that hold before a byte of MQTT is read. */
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type PeerCertificate, type TLSSocket } from "node:tls";
import { createWebSocketStream, WebSocketServer } from "ws";
import { GatewayError } from "../../../src/errors.ts";
import type { Transport } from "../../../src/ingest/upload.ts";
import { allowsAnonymous, isLoopback, type ListenAddress, listenAddresses, type MqttConfig } from "./config.ts";

export interface Accepted {
  readonly stream: Duplex;
  readonly transport: Transport;
  /** Of a TLS client whose certificate was verified. */
  readonly certificate: PeerCertificate | undefined;
}

export interface ListenerOptions {
  readonly config: MqttConfig;
  readonly onAccepted: (accepted: Accepted) => void;
  /** A connection beyond a limit was closed. */
  readonly onRefused: () => void;
  /** A connection could not be accepted, for example for want of file descriptors. */
  readonly onError: (error: Error) => void;
}

export interface OpenListener {
  readonly name: string;
  readonly url: string;
}

const schemes = { tcp: "mqtt", tls: "mqtts", ws: "ws" } as const;
const subprotocols = ["mqtt", "mqttv3.1"];

export class Listeners {
  readonly #options: ListenerOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** @throws GatewayError LISTEN_FAILED, CONFIG_INVALID for a PEM file that cannot be read; then nothing stays open */
  async open(): Promise<OpenListener[]> {
    const open: OpenListener[] = [];
    try {
      for (const address of listenAddresses(this.#options.config)) open.push(await this.#listen(address));
    } catch (error) {
      await this.close();
      throw error;
    }
    return open;
  }

  /** Accept no more. */
  pause(): void {
    for (const server of this.#servers) server.close();
  }

  /** Close what is open. */
  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async #listen({ name, host, port }: ListenAddress): Promise<OpenListener> {
    const server = { tcp: () => this.#tcp(), tls: () => this.#tls(), ws: () => this.#ws() }[name]();
    // Before the server's own listener, so that a refused connection costs no handshake.
    server.prependListener("connection", (socket: Socket) => this.#admit(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => {
        reject(
          new GatewayError("LISTEN_FAILED", `MQTT cannot listen on ${host}:${port}: ${cause.message}`, {
            cause,
            details: { name, host, port },
          }),
        );
      });
      server.listen({ host, port, backlog: 1_024 }, resolve);
    });
    this.#servers.push(server);
    server.on("error", this.#options.onError);
    const { port: actual } = server.address() as { port: number };
    const shown = host.includes(":") ? `[${host}]` : host;
    return { name, url: `${schemes[name]}://${shown}:${actual}` };
  }

  #admit(socket: Socket): void {
    const { connections, connectionsPerAddress } = this.#options.config.limits;
    const address = socket.remoteAddress ?? "";
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (this.#sockets.size >= connections || ofAddress >= connectionsPerAddress) {
      this.#options.onRefused();
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#perAddress.set(address, ofAddress + 1);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      const left = this.#perAddress.get(address)! - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
  }

  #accept(stream: Duplex, transport: Transport, certificate?: PeerCertificate): void {
    if (stream.destroyed) return;
    this.#options.onAccepted({ stream, transport, certificate });
  }

  #tcp(): Server {
    return createTcpServer({ noDelay: true }, (socket) => this.#accept(socket, "mqtt"));
  }

  #tls(): Server {
    const { tls, limits } = this.#options.config;
    const [cert, key, ca] = [tls.cert, tls.key, tls.ca].map((path) => (path === undefined ? undefined : readPem(path)));
    const server = createTlsServer(
      {
        cert,
        key,
        ca,
        // Without `ca` any publicly issued certificate would name a device.
        requestCert: ca !== undefined,
        rejectUnauthorized: tls.requireClientCert,
        minVersion: "TLSv1.2",
        handshakeTimeout: limits.connectTimeoutMs,
        noDelay: true,
      },
      (socket: TLSSocket) => this.#accept(socket, "mqtts", socket.authorized ? socket.getPeerCertificate() : undefined),
    );
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #ws(): Server {
    const { limits } = this.#options.config;
    const sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      // A message may hold several packets, or part of one.
      maxPayload: Math.max(limits.packetBytes * 2, 1_048_576),
      handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
    });
    const server = createHttpServer(
      { noDelay: true, headersTimeout: limits.connectTimeoutMs },
      (_request, response) => {
        response.writeHead(426, { connection: "close", upgrade: "websocket" }).end();
      },
    );
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on("error", () => socket.destroy());
      const status = this.#refusal(request);
      if (status !== undefined) {
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        // MQTT-6.0.0-1: binary frames only.
        webSocket.on("message", (_data, isBinary) => isBinary || webSocket.close(1003));
        this.#accept(createWebSocketStream(webSocket), "ws");
      });
    });
    return server;
  }

  #refusal({ url, headers }: IncomingMessage): string | undefined {
    if (url?.split("?")[0] !== "/") return "404 Not Found";
    const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    // MQTT-6.0.0-3
    if (!subprotocols.some((name) => offered.includes(name))) return "400 Bad Request";
    return this.#isOriginAllowed(headers.origin) ? undefined : "403 Forbidden";
  }

  /**
   * A browser lets any web page open a WebSocket to this machine. While anonymous clients are let in, only pages that
   * this machine serves itself may do so; programs that are no browsers send no origin.
   */
  #isOriginAllowed(origin: string | undefined): boolean {
    const { config } = this.#options;
    if (origin === undefined || !allowsAnonymous(config) || config.ws.allowedOrigins.includes(origin)) return true;
    if (!URL.canParse(origin)) return false;
    return isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, ""));
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GatewayError("CONFIG_INVALID", `mqtt.tls: ${path} cannot be read`, { cause, details: { path } });
  }
}
