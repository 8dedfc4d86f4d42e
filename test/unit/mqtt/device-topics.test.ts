import { describe, expect, test } from "vitest";
import { parseDeviceTopic } from "../../../src/mqtt/device-topics.ts";

describe("device topics", () => {
  test.each([
    ["mycobrain/dev-1/envelope", { deviceId: "dev-1", channel: "envelope" }],
    ["mycobrain/dev-1/cmd/result", { deviceId: "dev-1", channel: "cmd/result" }],
    ["mycobrain//envelope", { deviceId: "", channel: "envelope" }],
    ["mycobrain/dev-1", undefined],
    ["mycobrainx/dev-1/envelope", undefined],
    ["other/dev-1/envelope", undefined],
    ["mycobrain", undefined],
  ])("%j", (topic, expected) => expect(parseDeviceTopic("mycobrain", topic)).toEqual(expected));

  test("a prefix may have several levels", () => {
    expect(parseDeviceTopic("site/a", "site/a/dev-1/mdp")).toEqual({ deviceId: "dev-1", channel: "mdp" });
  });
});
