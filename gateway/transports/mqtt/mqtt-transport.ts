/**
 * The MQTT broker: aedes over TCP, TLS and WebSocket, with the gateway's identity, topic rules and limits around it.
 * This file joins the parts: connect-gate.ts lets clients in, publish-gate.ts takes what they publish, delivery-gate.ts
 * decides what they get, and broker.ts brings one to the other.
 */
import type { Client } from "aedes";
import type { Logger } from "pino";
import type { CommandAnswer } from "../../../src/commands/command.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, ReceiptPort, Transport } from "../../../src/ingest/upload.ts";
import { TopicRules } from "../../../src/mqtt/topic-rules.ts";
import { isTopicName } from "../../../src/mqtt/topics.ts";
import { type AedesClient, continueNumbering, guardParser, type InboundPublish } from "./aedes-internals.ts";
import { AedesPersistence } from "./aedes-persistence.ts";
import { Authenticator } from "./authenticator.ts";
import { Broker } from "./broker.ts";
import { type MqttConfig, unprotectedListeners } from "./config.ts";
import { ConnectGate } from "./connect-gate.ts";
import { Connection } from "./connection.ts";
import { type MqttCounters, mqttCounters } from "./counters.ts";
import { DeliveryGate } from "./delivery-gate.ts";
import { type Accepted, Listeners, type OpenListener } from "./listeners.ts";
import { MqttCommands } from "./mqtt-commands.ts";
import { Presence } from "./presence.ts";
import { PublishGate } from "./publish-gate.ts";
import { ReadAhead } from "./read-ahead.ts";
import { Router } from "./router.ts";
import { SessionStore } from "./session-store.ts";

export interface MqttTransportOptions {
  readonly config: MqttConfig;
  readonly gatewayId: string;
  /** Password of the user `admin`; undefined turns that user off. */
  readonly adminToken: string | undefined;
  readonly ingest: IngestPort;
  readonly receipts: ReceiptPort;
  readonly log: Logger;
  /** Folder for sessions, queues and retained messages; made if absent. */
  readonly persistenceDir: string;
  readonly nowMs?: () => number;
  /** The first connection of an authenticated device stands, or its last has ended. */
  readonly onPresence?: (deviceId: string, isOnline: boolean) => void;
  readonly onHeartbeat?: (deviceId: string, heartbeat: Record<string, unknown>) => void;
  /**
   * An operator published `{prefix}/{id}/cmd`. Subscribers get it too, unless it is taken: then it is acknowledged once the
   * promise resolves, and is the gateway's to send.
   */
  readonly onCommand?: (deviceId: string, payload: Uint8Array, operator: string) => Promise<void> | undefined;
  /** A device answers a command that nobody waits for. */
  readonly onLateResult?: (deviceId: string, id: string, answer: CommandAnswer) => void;
  /** An operator published `mycogate/{gateway id}/request/{name}`. */
  readonly onRequest?: (name: string, payload: Uint8Array, operator: string) => void;
  /** An operator or viewer was let in. */
  readonly onSignIn?: (name: string) => void;
  /** A user name and its password were not. */
  readonly onSignInRefused?: () => void;
}

export interface MqttStats extends MqttCounters {
  readonly connections: number;
  readonly sessions: number;
  readonly retained: number;
  /** Messages that a session's queue or the retained store had no room for. */
  readonly notStored: number;
}

const expiryIntervalMs = 60_000;
/** Packets that a client may send before its CONNACK. */
const packetsBeforeConnack = 4_096;

export class MqttTransport {
  readonly #options: MqttTransportOptions;
  readonly #counters = mqttCounters();
  readonly #connections = new WeakMap<Client, Connection>();
  readonly #router = new Router();
  readonly #store: SessionStore;
  readonly #listeners: Listeners;
  readonly #publishes: PublishGate;
  readonly #deliveries: DeliveryGate;
  readonly #connects: ConnectGate;
  readonly #presence: Presence;
  readonly #readAhead: ReadAhead;
  /** The way of commands to devices that are connected here. */
  readonly commands: MqttCommands;
  #broker: Broker | undefined;
  #expiry: NodeJS.Timeout | undefined;

  /** @throws GatewayError LISTENER_UNPROTECTED, CONFIG_INVALID */
  constructor(options: MqttTransportOptions) {
    this.#options = options;
    const { config, gatewayId, adminToken, ingest, receipts, log, persistenceDir, nowMs = Date.now } = options;
    const { onHeartbeat = ignore, onRequest = ignore, onPresence = ignore, onLateResult = ignore } = options;
    const onCommand = options.onCommand ?? (() => undefined);
    const { onSignIn = ignore, onSignInRefused = ignore } = options;
    const { prefix, limits } = config;
    const unprotected = unprotectedListeners(config);
    if (unprotected.length > 0) {
      const message = unprotected.map((problem) => `${problem.path} ${problem.message}`).join("; ");
      throw new GatewayError("LISTENER_UNPROTECTED", message, { details: { unprotected } });
    }
    const counters = this.#counters;
    const rules = new TopicRules(config.rules, { prefix, gatewayId });
    this.#presence = new Presence(onPresence);
    this.#readAhead = new ReadAhead(ingest);
    this.#store = new SessionStore({ directory: persistenceDir, limits, log, nowMs });
    const store = this.#store;
    const commandTopic = (deviceId: string): string => `${prefix}/${deviceId}/cmd`;
    this.commands = new MqttCommands({
      isListening: (deviceId) => this.#isListening(commandTopic(deviceId)),
      isKept: (deviceId) => store.keeps(commandTopic(deviceId)),
      publish: (deviceId, body) => this.publish(commandTopic(deviceId), body, { qos: 1 }),
      onLate: onLateResult,
    });
    this.#publishes = new PublishGate({
      rules,
      prefix,
      requestPrefix: `mycogate/${gatewayId}/request/`,
      ingest,
      receipts,
      store,
      broker: () => this.#running(),
      counters,
      nowMs,
      onHeartbeat,
      onCommand,
      onCommandResult: (deviceId, payload) => this.commands.heard(deviceId, payload),
      onRequest,
    });
    this.#deliveries = new DeliveryGate({ rules, limits, counters, store });
    this.#connects = new ConnectGate({
      config,
      rules,
      store,
      authenticator: new Authenticator(config, adminToken),
      holder: (clientId) => this.#holder(clientId)?.principal,
      onRefused: () => counters.connectsRefused++,
      onSignIn,
      onSignInRefused,
      log,
    });
    this.#listeners = new Listeners({
      config,
      onAccepted: (accepted) => this.#accept(accepted),
      onRefused: () => counters.connectionsRefused++,
      onError: (err) => log.error({ err }, "MQTT connection not accepted"),
    });
  }

  /** @throws GatewayError DATA_DIR_UNUSABLE, LISTEN_FAILED, CONFIG_INVALID */
  async start(): Promise<{ listeners: OpenListener[] }> {
    try {
      await this.#store.open();
    } catch (cause) {
      throw new GatewayError("DATA_DIR_UNUSABLE", `MQTT sessions cannot be kept in ${this.#options.persistenceDir}`, {
        cause,
      });
    }
    this.#broker = this.#makeBroker();
    await this.#broker.listen();
    await this.#publishOrphanedWills();
    this.#expiry = setInterval(() => this.#store.expire(), expiryIntervalMs);
    try {
      const listeners = await this.#listeners.open();
      await this.publishRetained("state", { state: "online" });
      return { listeners };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Accept no more, finish what was taken, say goodbye, close. What was not acknowledged is sent again by its sender. */
  async stop(): Promise<void> {
    const broker = this.#broker;
    if (!broker) return;
    clearInterval(this.#expiry);
    this.#listeners.pause();
    await this.#publishes.close();
    await this.publishRetained("state", { state: "offline" });
    await new Promise<void>((resolve) => broker.close(resolve));
    await this.#listeners.close();
    // The wills of those who were still connected.
    await this.#publishes.idle();
    await this.#store.close();
    this.#broker = undefined;
  }

  /** Publish as the gateway. @returns when it is routed and, if somebody keeps it, on disk. @throws RangeError for no topic name */
  async publish(
    topic: string,
    payload: Buffer | string,
    { qos = 0, retain = false }: { qos?: 0 | 1 | 2; retain?: boolean } = {},
  ): Promise<void> {
    if (!isTopicName(topic)) throw new RangeError(`${topic} is not a topic name`);
    this.#running().route({ topic, payload, qos, retain });
    if (qos === 0 && !retain) return;
    await new Promise<void>((resolve, reject) =>
      this.#store.written(true, (error) => (error ? reject(error) : resolve())),
    );
  }

  /** Publish JSON, retained, at `mycogate/{gateway id}/{name}`. */
  publishRetained(name: "state" | "info" | "health" | "devices", body: unknown): Promise<void> {
    return this.publish(`mycogate/${this.#options.gatewayId}/${name}`, JSON.stringify(body), { qos: 1, retain: true });
  }

  stats(): MqttStats {
    return {
      ...this.#counters,
      connections: this.#broker?.connectedClients ?? 0,
      sessions: this.#store.sessionCount,
      retained: this.#store.retainedCount,
      notStored: this.#store.dropped,
    };
  }

  /** Operators and viewers see commands, and carry out none. */
  #isListening(topic: string): boolean {
    return Object.values(this.#broker?.clients ?? {}).some((client) => {
      const { principal, live } = this.#of(client);
      const isDevices = principal !== undefined && principal.kind !== "operator" && principal.kind !== "viewer";
      return live && isDevices && this.#of(client).grantedQos(topic) !== undefined;
    });
  }

  #running(): Broker {
    if (!this.#broker) throw new GatewayError("SHUTTING_DOWN", "the MQTT broker is not running");
    return this.#broker;
  }

  #makeBroker(): Broker {
    const { limits } = this.#options.config;
    const persistence = new AedesPersistence(this.#store, (clientId, filter) => {
      return this.#holder(clientId)?.isGranted(filter) ?? false;
    });
    const broker = new Broker(
      {
        persistence,
        connectTimeout: limits.connectTimeoutMs,
        drainTimeout: limits.frozenTimeoutMs,
        maxInflightInbound: limits.inflight,
        maxTopicLevels: limits.topicLevels,
        queueLimit: packetsBeforeConnack,
        preConnect: (client, packet, done) => this.#connects.inspect(this.#of(client), packet, done),
        authenticate: (client, userName, password, done) =>
          this.#connects.admit(this.#of(client), userName, password, done),
        authorizePublish: (client, packet, done) => {
          // Without a client it would be a will of another broker on the same store; there is none.
          if (client) this.#publishes.authorize(this.#of(client), packet as InboundPublish, done);
          else done(new Error("a will of an unknown broker"));
        },
        authorizeSubscribe: (client, subscription, done) =>
          done(null, this.#deliveries.subscribe(this.#of(client), subscription)),
        authorizeForward: (client, packet) => this.#deliveries.forward(this.#of(client), packet),
      },
      this.#router,
      this.#store,
    );
    this.#observe(broker);
    return broker;
  }

  #observe(broker: Broker): void {
    const { log } = this.#options;
    broker.on("clientReady", (client) => {
      const connection = this.#of(client);
      connection.live = true;
      // What it subscribed to is in force once aedes has done with the packet it is at.
      setImmediate(() => this.commands.changed());
      if (client.closed || connection.cleanSession) return;
      this.#store.connected(client.id);
      broker.sendUnsent(client);
    });
    broker.on("client", (client) => {
      const { principal, client: internals } = this.#of(client);
      this.#presence.joined(principal!);
      continueNumbering(internals, this.#store.lastMessageId(client.id));
    });
    broker.on("clientDisconnect", (client) => {
      const connection = this.#of(client);
      this.#presence.left(connection.principal!);
      if (!connection.cleanSession) this.#store.disconnected(client.id);
    });
    broker.on("subscribe", () => this.commands.changed());
    broker.on("unsubscribe", (filters, client) => this.#of(client).revoke(filters));
    const debug = (client: Client, err: Error): void =>
      log.debug({ clientId: client.id, err }, "MQTT connection closed");
    broker.on("clientError", debug);
    broker.on("connectionError", debug);
    // aedes types no such event, but emits it.
    (broker as NodeJS.EventEmitter).on("error", (err: Error) => log.error({ err }, "MQTT broker failed"));
  }

  #accept({ stream, transport, certificate }: Accepted): void {
    const { limits } = this.#options.config;
    const client = this.#running().handle(stream) as AedesClient;
    const connection = new Connection(client, { transport, certificate, messagesPerSecond: limits.messagesPerSecond });
    this.#connections.set(client, connection);
    guardParser(client, {
      maxPacketBytes: limits.packetBytes,
      onPacketTooLarge: () => {
        this.#counters.packetsTooLarge++;
        this.#options.ingest.reject(transport, "PACKET_TOO_LARGE");
      },
    });
    this.#readAhead.follow(connection);
    stream.once("close", () => connection.close());
  }

  #of(client: Client): Connection {
    return this.#connections.get(client)!;
  }

  #holder(clientId: string): Connection | undefined {
    const client = this.#running().connected(clientId);
    return client && this.#connections.get(client);
  }

  async #publishOrphanedWills(): Promise<void> {
    for (const [clientId, { topic, payload, qos, retain, transport }] of this.#store.orphanedWills()) {
      const packet: InboundPublish = {
        cmd: "publish",
        topic,
        payload: Buffer.from(payload, "base64"),
        qos,
        retain,
        dup: false,
      };
      try {
        await this.#publishes.orphaned(transport as Transport, packet);
        this.#store.deleteWill(clientId);
      } catch (err) {
        this.#options.log.warn(
          { err, topic },
          "will of an earlier run not published; it is tried again at the next start",
        );
      }
    }
  }
}

function ignore(): void {}
