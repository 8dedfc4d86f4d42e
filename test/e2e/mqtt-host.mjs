/** A broker in a process of its own, for tests that kill it. Prints its port once it listens; arguments: folder. */
import { pino } from "pino";
import { Create } from "typebox/value";
import { mqttConfigSchema } from "../../dist/gateway/transports/mqtt/config.js";
import { MqttTransport } from "../../dist/gateway/transports/mqtt/mqtt-transport.js";

const defaults = Create(mqttConfigSchema);
const transport = new MqttTransport({
  config: { ...defaults, port: 0, ws: { ...defaults.ws, port: "off" }, rules: [{ allow: "all", topic: "#" }] },
  gatewayId: "gw",
  adminToken: undefined,
  ingest: {
    submit: ({ deviceId }, done) =>
      setImmediate(done, undefined, {
        kind: "stored",
        leafIndex: 0,
        leafHash: new Uint8Array(32),
        message: { deviceId },
      }),
    reject: () => {},
    hasRoom: true,
    onRoom: () => {},
  },
  log: pino({ level: "warn" }, pino.destination(2)),
  persistenceDir: process.argv[2],
});
const { listeners } = await transport.start();
console.log(new URL(listeners[0].url).port);
