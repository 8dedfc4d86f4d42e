/** The topics of a device: `{prefix}/{device id}/{channel}`. */
import { deviceIdPattern } from "../registry/device.ts";

export interface DeviceTopic {
  /** The level where the device id stands, valid or not. */
  readonly deviceId: string;
  /** All that follows: `envelope`, `cmd/result`, … */
  readonly channel: string;
}

/** Channels whose messages are uploads: they go through ingest and are acknowledged once durable. */
export const uploadChannels: ReadonlySet<string> = new Set(["envelope", "telemetry", "mdp"]);

/** Channels that carry events or commands; a retained one would be acted on again at every subscription. */
export const unretainedChannels: ReadonlySet<string> = new Set([
  ...uploadChannels,
  "heartbeat",
  "ack",
  "cmd",
  "cmd/result",
]);

/** @returns undefined for a topic that is not below the prefix or has no channel */
export function parseDeviceTopic(prefix: string, topic: string): DeviceTopic | undefined {
  if (!topic.startsWith(prefix) || topic.charCodeAt(prefix.length) !== 0x2f) return undefined;
  const idAt = prefix.length + 1;
  const channelAt = topic.indexOf("/", idAt) + 1;
  if (channelAt === 0) return undefined;
  return { deviceId: topic.slice(idAt, channelAt - 1), channel: topic.slice(channelAt) };
}

export function isDeviceId(text: string): boolean {
  return deviceIdPattern.test(text);
}
