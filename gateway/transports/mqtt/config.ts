/** The `mqtt` section of the configuration. */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { type Static, Type } from "typebox";
import { topicRulesSchema } from "../../../src/mqtt/topic-rules.ts";
import type { DeepReadonly } from "../../config/deep-readonly.ts";
import { optionalPort } from "../../config/optional-port.ts";

const strict = { additionalProperties: false };

function ownHost(what: string) {
  return Type.Optional(
    Type.String({ minLength: 1, description: `Address for ${what}; without it, that of mqtt.host.`, restart: true }),
  );
}

function limit(description: string, unit: string, fallback: number, minimum: number, maximum: number) {
  return Type.Integer({ description, unit, minimum, maximum, default: fallback, restart: true });
}

const pemFile = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, description: `PEM file: ${description}`, restart: true }));

const user = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128, description: "MQTT user name; for a device, its device id." }),
    role: Type.Enum(["device", "relay", "operator", "viewer"], {
      description:
        "`device` touches its own topics, `relay` those of any device, `viewer` sees everything, `operator` also commands.",
    }),
    passwordHash: Type.Optional(
      Type.String({
        pattern: "^scrypt\\$",
        description: "`scrypt$N$r$p$salt$hash`, the last two in base64.",
        secret: true,
      }),
    ),
    passwordFile: Type.Optional(
      Type.String({ minLength: 1, description: "File that holds the password and nothing else." }),
    ),
  },
  strict,
);

export const mqttConfigSchema = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      description: "Address the broker listens on.",
      default: "127.0.0.1",
      restart: true,
    }),
    port: optionalPort("MQTT over TCP", 1_883),
    tls: Type.Object(
      {
        host: ownHost("MQTT over TLS"),
        port: optionalPort("MQTT over TLS, which needs cert and key", 8_883),
        cert: pemFile("the broker's certificate chain."),
        key: pemFile("the private key of cert."),
        ca: pemFile(
          "the authorities that issue client certificates. A client certificate names its device (CN, else a DNS name).",
        ),
        requireClientCert: Type.Boolean({
          description: "Refuse TLS clients without a certificate issued by ca.",
          default: false,
          restart: true,
        }),
      },
      strict,
    ),
    ws: Type.Object(
      {
        host: ownHost("MQTT over WebSocket"),
        port: optionalPort("MQTT over WebSocket, path `/`", 9_001),
        allowedOrigins: Type.Array(Type.String({ pattern: "^https?://[^/]+$" }), {
          description:
            "Web pages of other machines that may connect while anonymous clients are allowed, as `https://host[:port]`.",
          default: [],
          restart: true,
        }),
      },
      strict,
    ),
    prefix: Type.String({
      description: "Topic prefix of all devices.",
      pattern: "^[^/+#$\\s][^+#\\s]*[^/+#\\s]$|^[^/+#$\\s]$",
      maxLength: 128,
      default: "mycobrain",
      restart: true,
    }),
    rules: topicRulesSchema,
    allowAnonymous: Type.Optional(
      Type.Boolean({
        description:
          "Whether clients may connect without credentials. Not set: only while every listener is on loopback.",
        restart: true,
      }),
    ),
    requireClientIdMatch: Type.Boolean({
      description: "A client authenticated as a device must use its device id as client identifier.",
      default: false,
      restart: true,
    }),
    users: Type.Array(user, {
      description: "Who may connect by user name and password. `admin` with the admin token is always an operator.",
      secret: true,
      default: [],
      restart: true,
    }),
    limits: Type.Object(
      {
        packetBytes: limit(
          "Longer packets close the connection before they are read.",
          "bytes",
          262_144,
          1_024,
          16_777_216,
        ),
        topicLevels: limit("Deepest topic.", "levels", 32, 3, 100),
        clientIdLength: limit("Longest client identifier.", "characters", 128, 23, 65_535),
        messagesPerSecond: limit(
          "A client that publishes faster is read no faster than this.",
          "messages/s",
          10_000,
          1,
          1_000_000,
        ),
        subscriptions: limit(
          "Subscriptions of one client; a further one is denied.",
          "subscriptions",
          1_000,
          1,
          1_000_000,
        ),
        inflight: limit("QoS 2 messages of one client between PUBLISH and PUBREL.", "messages", 1_000, 1, 65_535),
        connections: limit("Connections in all.", "connections", 16_384, 1, 1_000_000),
        connectionsPerAddress: limit("Connections from one address.", "connections", 8_192, 1, 1_000_000),
        connectTimeoutMs: limit("Time for a new connection to send CONNECT.", "ms", 10_000, 100, 300_000),
        sendBufferBytes: limit(
          "Bytes waiting for a slow subscriber; beyond them QoS 0 messages are dropped for it, and a QoS 1 or 2 message closes its connection.",
          "bytes",
          8_388_608,
          65_536,
          1_073_741_824,
        ),
        frozenTimeoutMs: limit(
          "A subscriber that takes nothing for so long is disconnected.",
          "ms",
          60_000,
          1_000,
          3_600_000,
        ),
        sessions: limit(
          "Persistent sessions kept; a further one is refused with CONNACK 3.",
          "sessions",
          10_000,
          1,
          1_000_000,
        ),
        sessionExpirySeconds: limit(
          "A persistent session is forgotten after so long without a connection.",
          "s",
          604_800,
          60,
          315_360_000,
        ),
        queuedMessages: limit(
          "Unacknowledged and waiting messages of one persistent session.",
          "messages",
          1_000,
          1,
          60_000,
        ),
        queuedBytes: limit("The same in bytes.", "bytes", 4_194_304, 1_024, 1_073_741_824),
        storedBytes: limit(
          "Bytes of all queues and retained messages together.",
          "bytes",
          33_554_432,
          65_536,
          1_073_741_824,
        ),
      },
      strict,
    ),
  },
  strict,
);

export type MqttConfig = DeepReadonly<Static<typeof mqttConfigSchema>>;
export type MqttLimits = MqttConfig["limits"];

export interface ListenAddress {
  readonly name: "tcp" | "tls" | "ws";
  readonly host: string;
  readonly port: number;
}

/** The listeners that the configuration asks for. TLS is off until it has a certificate and its key. */
export function listenAddresses({ host, port, tls, ws }: MqttConfig): ListenAddress[] {
  const all = [
    { name: "tcp", host, port },
    { name: "tls", host: tls.host ?? host, port: tls.cert && tls.key ? tls.port : "off" },
    { name: "ws", host: ws.host ?? host, port: ws.port },
  ] as const;
  return all.flatMap(({ name, host, port }) => (typeof port === "number" ? [{ name, host, port }] : []));
}

/** Clients without credentials are let in. */
export function allowsAnonymous(config: MqttConfig): boolean {
  return config.allowAnonymous ?? everyListenerIsLoopback(config);
}

/** Settings that leave a listener beyond loopback open to anyone, or to nobody. Such a gateway does not start. */
export function unprotectedListeners(config: MqttConfig): { readonly path: string; readonly message: string }[] {
  const authenticates = config.users.length > 0 || (config.tls.requireClientCert && config.tls.ca !== undefined);
  if (everyListenerIsLoopback(config) || (authenticates && config.allowAnonymous !== true)) return [];
  return listenAddresses(config)
    .filter(({ host }) => !isLoopback(host))
    .map(({ name, host }) => ({
      path: name === "tcp" ? "mqtt.host" : `mqtt.${name}.host`,
      message: `listens on ${host}, where ${authenticates ? "anonymous clients could connect" : "no client could authenticate"}`,
    }));
}

function everyListenerIsLoopback(config: MqttConfig): boolean {
  return listenAddresses(config).every(({ host }) => isLoopback(host));
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** An address of this machine alone. Names other than `localhost` may resolve to anything, so they are not. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, "ipv4");
  if (isIPv6(host)) return loopback.check(host, "ipv6");
  return host === "localhost";
}
