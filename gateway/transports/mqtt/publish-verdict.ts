/** What a client's messages on one topic are to us; worked out once and remembered by its connection. */
import {
  type DeviceTopic,
  isDeviceId,
  parseDeviceTopic,
  unretainedChannels,
  uploadChannels,
} from "../../../src/mqtt/device-topics.ts";
import type { RuleClient, TopicRules } from "../../../src/mqtt/topic-rules.ts";
import { isTopicName } from "../../../src/mqtt/topics.ts";
import type { Broker, Interest } from "./broker.ts";

export interface PublishVerdict {
  /** `invalid` is no topic name at all, so the packet is a protocol error. */
  readonly decision: "allowed" | "denied" | "invalid";
  readonly topic: string;
  /** Set where the topic is one of a device's. */
  readonly device: DeviceTopic | undefined;
  readonly unretained: boolean;
  /** `{prefix}/{id}/ack`; empty where the topic takes no uploads. */
  readonly ackTopic: string;
  /** Who wants the messages and their acknowledgements, as of `interestVersion`. */
  interest: Interest;
  ackWanted: boolean;
  interestVersion: number;
}

const nobody: Interest = { live: false, kept: false };

export function publishVerdict(topic: string, client: RuleClient, rules: TopicRules, prefix: string): PublishVerdict {
  const device = parseDeviceTopic(prefix, topic);
  const isUpload = device !== undefined && uploadChannels.has(device.channel);
  // Open rules may allow any topic, but an upload needs a device to belong to.
  const allowed = rules.mayPublish(client, topic) && !(isUpload && !isDeviceId(device.deviceId));
  return {
    decision: isTopicName(topic) ? (allowed ? "allowed" : "denied") : "invalid",
    topic,
    device,
    unretained: device !== undefined && unretainedChannels.has(device.channel),
    ackTopic: isUpload ? `${prefix}/${device.deviceId}/ack` : "",
    interest: nobody,
    ackWanted: false,
    interestVersion: -1,
  };
}

/** Bring the remembered interest up to date: a comparison of numbers unless a subscription changed somewhere. */
export function refreshInterest(verdict: PublishVerdict, broker: Broker): void {
  const version = broker.interestVersion;
  if (verdict.interestVersion === version) return;
  verdict.interestVersion = version;
  verdict.interest = broker.interest(verdict.topic);
  const ack = verdict.ackTopic === "" ? nobody : broker.interest(verdict.ackTopic);
  verdict.ackWanted = ack.live || ack.kept;
}
