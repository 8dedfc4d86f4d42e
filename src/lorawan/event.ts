/**
 * What a LoRaWAN network server tells over MQTT, of either kind, as one shape: ChirpStack v4's events as JSON, and the messages
 * of The Things Stack v3. Total over any topic and bytes. Fields that are empty may be absent.
 */
import type { LinkObservation, Reception } from "../dialects/link.ts";
import { accept, type Result, refuse } from "../result.ts";

export type NetworkKind = "chirpstack" | "ttn";

export interface LorawanDevice {
  /** 16 lower-case hex digits. */
  readonly devEui: string;
  /** Where its downlinks are published. */
  readonly downlinkTopic: string;
}

export interface Uplink extends Omit<LinkObservation, "leaf"> {
  readonly kind: "uplink";
  readonly device: LorawanDevice;
  /** Names this uplink however often it is delivered; undefined where the server names none. */
  readonly deduplicationId: string | undefined;
  readonly devAddr: string;
  readonly counter: number;
  readonly port: number;
  readonly data: Uint8Array;
}

/** What became of a downlink that was asked for. */
export interface DownlinkFate {
  readonly kind: "downlink";
  /** As the event is called: `ack`, `down/failed`, … */
  readonly name: string;
  /** (Not) acknowledged by the device itself; taken by a gateway for transmission; or not sent at all. */
  readonly fate: "acknowledged" | "unacknowledged" | "transmitted" | "failed";
  /** All the names it is known by; ours is among them if it was ours. */
  readonly ids: readonly string[];
  /** Why it failed, in the server's words; often empty. */
  readonly detail: string;
}

export type LorawanEvent =
  | Uplink
  | DownlinkFate
  /** join, ack, txack, status, …: nothing that was measured. */
  | { readonly kind: "other"; readonly name: string; readonly device: LorawanDevice | undefined };

type JsonObject = { readonly [key: string]: unknown };

const utf8 = new TextDecoder("utf-8", { fatal: true });
const euiPattern = /^[0-9a-f]{16}$/;
/** LoRaWAN's largest payload is 242 bytes; a server may put more into JSON, but not this much. */
const maxDataText = 4_096;
const maxReceptions = 64;

export const subscriptions: Readonly<Record<NetworkKind, string>> = {
  chirpstack: "application/+/device/+/event/+",
  ttn: "v3/+/devices/+/#",
};

export function readEvent(kind: NetworkKind, topic: string, payload: Uint8Array): Result<LorawanEvent, "BODY_INVALID"> {
  let message: unknown;
  try {
    message = JSON.parse(utf8.decode(payload));
  } catch {
    return refuse("BODY_INVALID", "not JSON text in UTF-8");
  }
  if (!isObject(message)) return refuse("BODY_INVALID", "not a JSON object");
  return kind === "chirpstack" ? chirpstackEvent(topic, message) : ttnEvent(topic, message);
}

export interface Downlink {
  /** A UUID; the server's events name it. */
  readonly id: string;
  /** 1 … 223 */
  readonly port: number;
  /** The device is to acknowledge it. */
  readonly confirmed: boolean;
  readonly data: Uint8Array;
}

/** The document that asks for one downlink. */
export function downlink(
  kind: NetworkKind,
  { devEui }: LorawanDevice,
  { id, port, confirmed, data }: Downlink,
): string {
  const base64 = base64Of(data);
  return kind === "chirpstack"
    ? JSON.stringify({ id, devEui, confirmed, fPort: port, data: base64 })
    : JSON.stringify({
        downlinks: [{ f_port: port, frm_payload: base64, priority: "NORMAL", confirmed, correlation_ids: [id] }],
      });
}

/** `application/{application}/device/{devEui}/event/{event}` */
function chirpstackEvent(topic: string, message: JsonObject): Result<LorawanEvent, "BODY_INVALID"> {
  const [, application, , , , name = ""] = topic.split("/");
  const devEui = textOf(objectOf(message.deviceInfo).devEui).toLowerCase();
  const device = euiPattern.test(devEui)
    ? { devEui, downlinkTopic: `application/${application}/device/${devEui}/command/down` }
    : undefined;
  if (name === "ack" || name === "txack") {
    // A flag that is false may be absent.
    const isAcknowledged = message.acknowledged === true;
    const fate = name === "txack" ? "transmitted" : isAcknowledged ? "acknowledged" : "unacknowledged";
    return accept({ kind: "downlink", name, fate, ids: [textOf(message.queueItemId)], detail: "" });
  }
  if (name !== "up") return accept({ kind: "other", name, device });
  if (!device) return refuse("BODY_INVALID", "deviceInfo.devEui is not an EUI");
  const data = bytesOf(message.data);
  if (!data) return refuse("BODY_INVALID", "data is not base64");
  const { frequency, modulation } = objectOf(message.txInfo);
  const lora = objectOf(objectOf(modulation).lora);
  return accept({
    kind: "uplink",
    device,
    deduplicationId: textOf(message.deduplicationId) || undefined,
    devAddr: textOf(message.devAddr),
    counter: numberOf(message.fCnt) ?? 0,
    port: numberOf(message.fPort) ?? 0,
    data,
    receptions: receptionsOf(message.rxInfo, (rx) => textOf(rx.gatewayId)),
    frequencyHz: numberOf(frequency),
    spreadingFactor: numberOf(lora.spreadingFactor),
    bandwidthHz: numberOf(lora.bandwidth),
  });
}

/** `v3/{application}@{tenant}/devices/{device id}/up`, `…/join`, `…/down/ack`, … */
function ttnEvent(topic: string, message: JsonObject): Result<LorawanEvent, "BODY_INVALID"> {
  const [, application, , deviceId, ...rest] = topic.split("/");
  const name = rest.join("/");
  const ids = objectOf(message.end_device_ids);
  const devEui = textOf(ids.dev_eui).toLowerCase();
  const device = euiPattern.test(devEui)
    ? { devEui, downlinkTopic: `v3/${application}/devices/${deviceId}/down/push` }
    : undefined;
  const told = ttnFates[name];
  if (told) {
    const [member, fate] = told;
    const part = objectOf(message[member]);
    // What failed is told with its error beside it.
    const item = name === "down/failed" ? objectOf(part.downlink) : part;
    const detail = textOf(objectOf(part.error).message_format);
    return accept({ kind: "downlink", name, fate, ids: [item, message].flatMap(correlationIds), detail });
  }
  if (name !== "up") return accept({ kind: "other", name, device });
  if (!device) return refuse("BODY_INVALID", "end_device_ids.dev_eui is not an EUI");
  const up = objectOf(message.uplink_message);
  const data = bytesOf(up.frm_payload);
  if (!data) return refuse("BODY_INVALID", "uplink_message.frm_payload is not base64");
  const settings = objectOf(up.settings);
  const lora = objectOf(objectOf(settings.data_rate).lora);
  const first = Array.isArray(message.correlation_ids) ? message.correlation_ids.find(isUplinkId) : undefined;
  return accept({
    kind: "uplink",
    device,
    deduplicationId: textOf(first) || undefined,
    devAddr: textOf(ids.dev_addr),
    counter: numberOf(up.f_cnt) ?? 0,
    port: numberOf(up.f_port) ?? 0,
    data,
    receptions: receptionsOf(up.rx_metadata, (rx) => textOf(objectOf(rx.gateway_ids).gateway_id)),
    frequencyHz: numberOf(settings.frequency),
    spreadingFactor: numberOf(lora.spreading_factor),
    bandwidthHz: numberOf(lora.bandwidth),
  });
}

/** By event: the member that has the downlink, and what it says of it. */
const ttnFates: Readonly<Record<string, readonly [member: string, fate: DownlinkFate["fate"]]>> = {
  "down/ack": ["downlink_ack", "acknowledged"],
  "down/nack": ["downlink_nack", "unacknowledged"],
  "down/sent": ["downlink_sent", "transmitted"],
  "down/failed": ["downlink_failed", "failed"],
};

function correlationIds(message: JsonObject): readonly string[] {
  const ids = message.correlation_ids;
  return Array.isArray(ids) ? ids.slice(0, maxReceptions).map(textOf) : [];
}

/** Of the correlation ids, the one that the Application Server gives each uplink. */
function isUplinkId(id: unknown): boolean {
  return typeof id === "string" && id.startsWith("as:up:");
}

function receptionsOf(list: unknown, by: (rx: JsonObject) => string): Reception[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, maxReceptions).map((rx) => {
    const { rssi, snr } = objectOf(rx);
    return { by: by(objectOf(rx)), rssi: numberOf(rssi), snr: numberOf(snr) };
  });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 256) : "";
}

/** The Things Stack writes 64-bit numbers as text. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** RFC 4648 §4. A message without payload has none, which is no mistake. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (value === undefined || value === null) return new Uint8Array(0);
  if (typeof value !== "string" || value.length > maxDataText || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    return undefined;
  try {
    return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
