import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "../../../src/lora/line-splitter.ts";
import { readRadioLine, sendLine } from "../../../src/lora/radio-line.ts";

test("what is sent to a radio is what it would print as received", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 255 }), (frame) => {
      const line = sendLine(7, frame).replace("lora_tx", "lora_rx");
      const read = readRadioLine(line);
      expect(read).toMatchObject({ kind: "frame", rssi: undefined });
      expect(read.kind === "frame" && read.data).toEqual(frame);
    }),
  );
});

test("any text is a line or a reject", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ lora_rx: value })),
      ),
      (text) => {
        expect(typeof readRadioLine(text).kind).toBe("string");
      },
    ),
  );
});

test("lines survive any chunking; one that is too long is one item", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "bc", "", "x".repeat(30)), { maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      (lines, size) => {
        const stream = Buffer.from(lines.map((line) => `${line}\r\n`).join(""));
        const splitter = new LineSplitter(10);
        const items = [];
        for (let at = 0; at < stream.length; at += size) items.push(...splitter.push(stream.subarray(at, at + size)));
        const shown = items.map((item) => (item.kind === "line" ? item.text : "long"));
        expect(shown).toEqual(lines.filter((line) => line !== "").map((line) => (line.length > 10 ? "long" : line)));
      },
    ),
  );
});
