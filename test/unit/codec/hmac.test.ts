import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { needsVectors } from "../../support/needs.ts";
import { sharedVectors } from "../../support/shared-vectors.ts";

const file = "wycheproof-hmac-sha256.json";
needsVectors(file)(`HMAC-SHA256 of node:crypto (${file})`, () => {
  interface Group {
    tagSize: number;
    tests: { tcId: number; comment: string; key: string; msg: string; tag: string; result: "valid" | "invalid" }[];
  }
  const groups = sharedVectors<{ testGroups: Group[] }>(file).testGroups;
  const cases = groups.flatMap(({ tagSize, tests }) => tests.map((one) => ({ ...one, tagSize })));

  test.each(cases)("$tcId $comment is $result", ({ key, msg, tag, tagSize, result }) => {
    const computed = createHmac("sha256", Buffer.from(key, "hex")).update(Buffer.from(msg, "hex")).digest();
    expect(computed.subarray(0, tagSize / 8).toString("hex") === tag).toBe(result === "valid");
  });
});
