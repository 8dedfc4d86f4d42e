import { expect, test } from "vitest";
import { timestampText } from "../../../gateway/store/timestamp.ts";

test("timestamps keep their microseconds", () => {
  expect(timestampText(1_790_000_000_123_456)).toBe("2026-09-21T14:13:20.123456Z");
  expect(timestampText(0)).toBe("1970-01-01T00:00:00.000000Z");
  expect(timestampText(-1)).toBe("1969-12-31T23:59:59.999999Z");
});
