/** What the broker counts besides the uploads that ingest counts. All only grow. */
export interface MqttCounters {
  /** Connections closed at once because of a limit. */
  connectionsRefused: number;
  /** CONNECTs answered with a return code other than 0. */
  connectsRefused: number;
  publishesDenied: number;
  subscriptionsDenied: number;
  /** Messages that waited for their client's message rate. */
  throttled: number;
  packetsTooLarge: number;
  /** QoS 0 messages not sent because the subscriber's buffer was full. */
  dropped: number;
  /** Subscribers disconnected because their buffer was full. */
  slowDisconnects: number;
}

export function mqttCounters(): MqttCounters {
  return {
    connectionsRefused: 0,
    connectsRefused: 0,
    publishesDenied: 0,
    subscriptionsDenied: 0,
    throttled: 0,
    packetsTooLarge: 0,
    dropped: 0,
    slowDisconnects: 0,
  };
}
