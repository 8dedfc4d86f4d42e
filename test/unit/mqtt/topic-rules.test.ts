import { describe, expect, test } from "vitest";
import { type RuleClient, type TopicRule, TopicRules } from "../../../src/mqtt/topic-rules.ts";

const names = { prefix: "mycobrain", gatewayId: "gw" };
const device: RuleClient = { kind: "device", deviceId: "dev-1" };
const as = (kind: "relay" | "operator" | "viewer" | "anonymous"): RuleClient => ({ kind, deviceId: undefined });
const rulesOf = (...rules: TopicRule[]): TopicRules => new TopicRules(rules, names);

describe("the default rules", () => {
  const rules = rulesOf();

  test.each(["envelope", "telemetry", "heartbeat", "mdp", "status", "cmd/result", "ota/status"])(
    "a device publishes its own %s",
    (channel) => {
      expect(rules.mayPublish(device, `mycobrain/dev-1/${channel}`)).toBe(true);
      expect(rules.mayPublish(device, `mycobrain/dev-2/${channel}`)).toBe(false);
    },
  );

  test.each(["ack", "cmd", "ota/manifest", "ota/#", "status"])("a device subscribes to its own %s", (channel) => {
    expect(rules.maySubscribe(device, `mycobrain/dev-1/${channel}`)).toBe(true);
    expect(rules.maySubscribe(device, `mycobrain/dev-2/${channel}`)).toBe(false);
    expect(rules.maySubscribe(device, `mycobrain/+/${channel}`)).toBe(false);
  });

  test("a device goes only in the right direction", () => {
    expect(rules.mayPublish(device, "mycobrain/dev-1/ack")).toBe(false);
    expect(rules.mayPublish(device, "mycobrain/dev-1/cmd")).toBe(false);
    expect(rules.maySubscribe(device, "mycobrain/dev-1/envelope")).toBe(false);
    expect(rules.maySubscribe(device, "mycobrain/dev-1/#")).toBe(false);
    expect(rules.maySubscribe(device, "#")).toBe(false);
    expect(rules.maySubscribe(device, "mycogate/gw/state")).toBe(false);
  });

  test.each(["relay", "anonymous"] as const)("%s stands for any one device", (kind) => {
    expect(rules.mayPublish(as(kind), "mycobrain/dev-7/envelope")).toBe(true);
    expect(rules.mayPublish(as(kind), "mycobrain/no device/envelope")).toBe(false);
    expect(rules.mayPublish(as(kind), "mycobrain/dev-7/cmd")).toBe(false);
    expect(rules.maySubscribe(as(kind), "mycobrain/dev-7/ack")).toBe(true);
    expect(rules.maySubscribe(as(kind), "mycobrain/+/ack")).toBe(true);
    expect(rules.maySubscribe(as(kind), "mycobrain/#")).toBe(false);
    expect(rules.maySubscribe(as(kind), "#")).toBe(false);
  });

  test("anonymous clients see the gateway's own topics, of this gateway", () => {
    expect(rules.maySubscribe(as("anonymous"), "mycogate/gw/#")).toBe(true);
    expect(rules.maySubscribe(as("anonymous"), "mycogate/+/state")).toBe(false);
  });

  test("operators see everything and command, viewers only see", () => {
    for (const kind of ["operator", "viewer"] as const) {
      expect(rules.maySubscribe(as(kind), "#")).toBe(true);
      expect(rules.maySubscribe(as(kind), "$SYS/#")).toBe(true);
      expect(rules.mayPublish(as(kind), "mycobrain/dev-1/cmd")).toBe(kind === "operator");
      expect(rules.mayPublish(as(kind), "mycogate/gw/request/device/list")).toBe(kind === "operator");
      expect(rules.mayPublish(as(kind), "mycobrain/dev-1/envelope")).toBe(false);
    }
  });
});

describe("configured rules", () => {
  test("the first match decides", () => {
    const rules = rulesOf(
      { deny: "publish", topic: "a/secret" },
      { allow: "all", topic: "a/#" },
      { deny: "all", topic: "a/open" },
    );
    expect(rules.mayPublish(as("anonymous"), "a/secret")).toBe(false);
    expect(rules.maySubscribe(as("anonymous"), "a/secret")).toBe(true);
    expect(rules.mayPublish(as("anonymous"), "a/open")).toBe(true);
    expect(rules.mayPublish(as("anonymous"), "b")).toBe(false);
  });

  test("a filter wider than what is allowed is denied", () => {
    const rules = rulesOf({ allow: "subscribe", topic: "mycobrain/+/ack" });
    expect(rules.maySubscribe(as("anonymous"), "mycobrain/+/ack")).toBe(true);
    expect(rules.maySubscribe(as("anonymous"), "mycobrain/x/ack")).toBe(true);
    expect(
      ["#", "mycobrain/#", "mycobrain/+/+", "+/+/ack"].some((filter) => rules.maySubscribe(as("anonymous"), filter)),
    ).toBe(false);
  });

  test("what is denied inside a wider granted filter is withheld on delivery", () => {
    const rules = rulesOf({ deny: "subscribe", topic: "a/secret/#" }, { allow: "all", topic: "#" });
    expect(rules.maySubscribe(as("anonymous"), "a/secret/+")).toBe(false);
    expect(rules.maySubscribe(as("anonymous"), "a/#")).toBe(true);
    expect(rules.checksDelivery).toBe(true);
    expect(rules.mayReceive(as("anonymous"), "a/secret/x")).toBe(false);
    expect(rules.mayReceive(as("anonymous"), "a/x")).toBe(true);
  });

  test("an open broker takes other $ topics, but $SYS is named or closed, and never published to", () => {
    const rules = rulesOf({ allow: "all", topic: "#" });
    expect(rules.mayPublish(as("anonymous"), "$other/x")).toBe(true);
    expect(rules.maySubscribe(as("anonymous"), "$SYS/#")).toBe(false);
    expect(rulesOf({ allow: "all", topic: "$SYS/#" }).mayPublish(as("operator"), "$SYS/x")).toBe(false);
  });

  test("a rule holds for those it names", () => {
    const rules = rulesOf({ allow: "all", topic: "x/{id}/{gateway}", who: ["device"] });
    expect(rules.mayPublish(device, "x/dev-1/gw")).toBe(true);
    expect(rules.mayPublish(device, "x/dev-2/gw")).toBe(false);
    expect(rules.mayPublish(as("operator"), "x/dev-1/gw")).toBe(false);
  });

  test.each(["a#", "x/{id}y", "{id}/{id}", "a/#/b"])("the topic %j is refused", (topic) => {
    expect(() => rulesOf({ allow: "all", topic })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
