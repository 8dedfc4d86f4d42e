/**
 * A small fleet for a newcomer to look at: a few signed devices that publish plausible greenhouse readings over MQTT.
 * It enrols itself through the API like any operator would, and meets the gateway only over the wire.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { connectAsync } from "mqtt";
import sodium from "sodium-native";
import { sensorCode, unitCode } from "../protocol/names.ts";
import { signedEnvelope } from "./signer.ts";

const { values } = parseArgs({
  options: {
    http: { type: "string", default: "http://127.0.0.1:8080" },
    mqtt: { type: "string", default: "mqtt://127.0.0.1:1883" },
    prefix: { type: "string", default: "mycobrain" },
    token: { type: "string", default: process.env.MYCOGATE_ADMIN_TOKEN ?? "" },
    /** Where the fleet keeps its keys and counters between runs. */
    state: { type: "string", default: "demo-fleet.json" },
    "interval-ms": { type: "string", default: "2000" },
  },
});

interface DemoDevice {
  readonly id: string;
  readonly seed: string;
  seq: number;
}

const names = ["demo-greenhouse-1", "demo-greenhouse-2", "demo-log-pile", "demo-field-edge"];
const fleet: DemoDevice[] = existsSync(values.state)
  ? JSON.parse(readFileSync(values.state, "utf8"))
  : names.map((id) => ({ id, seed: randomBytes(32).toString("hex"), seq: 0 }));

/** Hours of the day drive temperature and humidity against each other, as under glass. */
function readings(index: number, at: number) {
  const hour = (at / 3_600_000) % 24;
  const warmth = Math.sin(((hour - 9) / 24) * 2 * Math.PI);
  const noise = (spread: number): number => (Math.random() - 0.5) * spread;
  const value = (sensor: string, unit: string, number: number, vs: number) => ({
    sensor: sensorCode(sensor)!,
    vi: Math.round(number * 10 ** vs),
    vs,
    unit: unitCode(unit)!,
    quality: 0,
  });
  return [
    value("temp", "C", 21 + index + 5 * warmth + noise(0.2), 2),
    value("humidity", "%RH", 78 - 12 * warmth + noise(0.8), 1),
    value("co2", "ppm", 620 + 90 * index + noise(25), 0),
    value("pressure", "Pa", 101_325 + noise(60), 0),
    value("battery_mv", "mV", 3_900 - index * 40 + noise(6), 0),
  ];
}

async function enrol(id: string, publicKey: string): Promise<void> {
  const response = await fetch(`${values.http}/api/v1/devices`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${values.token}` },
    body: JSON.stringify({ id, publicKey, role: "standalone", transport: "mqtt", name: id.replaceAll("-", " ") }),
  });
  if (!response.ok && response.status !== 409)
    throw new Error(`enrolling ${id}: ${response.status} ${await response.text()}`);
}

async function runDevice(device: DemoDevice, index: number): Promise<void> {
  const publicKey = Buffer.alloc(32);
  const secretKey = Buffer.alloc(64);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, Buffer.from(device.seed, "hex"));
  await enrol(device.id, publicKey.toString("hex"));
  const client = await connectAsync(values.mqtt, { clientId: device.id });
  const started = performance.now();
  const send = (): void => {
    device.seq++;
    const payload = signedEnvelope(
      {
        deviceId: device.id,
        proto: 2,
        msgId: Buffer.from(randomUUID().replaceAll("-", ""), "hex"),
        epochMs: Date.now(),
        seq: device.seq,
        monoMs: Math.round(performance.now() - started),
        readings: readings(index, Date.now()),
      },
      secretKey,
    );
    client.publish(`${values.prefix}/${device.id}/envelope`, Buffer.from(payload), { qos: 1 });
    writeFileSync(values.state, JSON.stringify(fleet), { mode: 0o600 });
  };
  send();
  setInterval(send, Number(values["interval-ms"]));
}

process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(0));
await Promise.all(fleet.map(runDevice));
